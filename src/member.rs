//! Members: the people who act for the organisation, and the agencies that some of them come from.
//!
//! A member who leaves is *departed*, never deleted: their name stays on what they wrote.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::error::{Error, Result};
use crate::id::{AgencyId, MemberId};
use crate::journal::{Applied, Subject, Writer};
use crate::memory::View;
use crate::search::fold;
use crate::store::{Row, RowExt, Sql, SqlExt, Value};
use crate::time;
use crate::verify::Table;

/// A person who acts for the organisation: an employee, or an agency's person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Member {
    /// The id.
    pub id: MemberId,
    /// The name.
    pub name: String,
    /// The e-mail address, where it is known.
    pub email: Option<String>,
    /// The agency they come from; `None` for an employee.
    pub agency: Option<AgencyId>,
    /// Since when this memory knows them.
    pub joined_at: DateTime<Utc>,
    /// When they left; `None` while they are here.
    pub departed_at: Option<DateTime<Utc>>,
    /// Why they left, where it was said.
    pub departed_why: Option<String>,
}

impl Member {
    /// Whether they have left.
    pub const fn has_departed(&self) -> bool {
        self.departed_at.is_some()
    }
}

impl From<&Member> for MemberId {
    fn from(member: &Member) -> Self {
        member.id
    }
}

impl From<&Member> for Subject {
    fn from(member: &Member) -> Self {
        member.id.into()
    }
}

/// An outside firm whose people act for the organisation between two dates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Agency {
    /// The id.
    pub id: AgencyId,
    /// The name.
    pub name: String,
    /// Since when its people act for the organisation, where it is known.
    pub since: Option<DateTime<Utc>>,
    /// Until when, where it is known.
    pub until: Option<DateTime<Utc>>,
}

/// A member to be added.
///
/// ```
/// use heirloom::NewMember;
///
/// let mia = NewMember::new("Mia Okafor").email("mia@cornertable.example");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMember {
    name: String,
    email: Option<String>,
    agency: Option<AgencyId>,
}

impl NewMember {
    /// A member with this name; an employee unless an agency is named.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), email: None, agency: None }
    }

    /// Their e-mail address.
    #[must_use]
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// The agency they come from.
    #[must_use]
    pub const fn of_agency(mut self, agency: AgencyId) -> Self {
        self.agency = Some(agency);
        self
    }
}

/// `agency.added`: an agency begins to act for the organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AgencyAdded {
    /// The name.
    pub name: String,
    /// Since when, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// Until when, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// `member.added`: somebody begins to act for the organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemberAdded {
    /// The name.
    pub name: String,
    /// The e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The agency they come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agency: Option<AgencyId>,
}

/// `member.renamed`: the same person, another name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemberRenamed {
    /// The old name.
    pub from: String,
    /// The name from here on.
    pub to: String,
}

/// `member.departed`: somebody has left. Their name stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemberDeparted {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// `member.returned`: somebody who had left is back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemberReturned {}

/// The tables of this noun.
pub(crate) const TABLES: &[Table] = &[
    Table { name: "agency", clear: "DELETE FROM agency", scan: "SELECT * FROM agency ORDER BY key" },
    Table { name: "member", clear: "DELETE FROM member", scan: "SELECT * FROM member ORDER BY key" },
];

pub(crate) fn apply_agency_added(sql: &dyn Sql, entry: &Applied<'_>, change: &AgencyAdded) -> Result<()> {
    sql.execute(
        "INSERT INTO agency (key, id, name, name_key, since, until) VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            Value::Int(entry.subject),
            (&entry.id.0).into(),
            Value::Text(&change.name),
            Value::Text(&fold(&change.name)),
            change.since.into(),
            change.until.into(),
        ],
    )?;
    Ok(())
}

pub(crate) fn apply_added(sql: &dyn Sql, entry: &Applied<'_>, change: &MemberAdded) -> Result<()> {
    let agency = change.agency.map(|id| agency_key(sql, id)).transpose()?;
    sql.execute(
        "INSERT INTO member (key, id, name, name_key, email, email_key, agency, joined_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            Value::Int(entry.subject),
            (&entry.id.0).into(),
            Value::Text(&change.name),
            Value::Text(&fold(&change.name)),
            change.email.as_deref().into(),
            change.email.as_deref().map(fold).as_deref().into(),
            agency.into(),
            Value::Int(entry.at),
        ],
    )?;
    Ok(())
}

pub(crate) fn apply_renamed(sql: &dyn Sql, entry: &Applied<'_>, change: &MemberRenamed) -> Result<()> {
    sql.execute(
        "UPDATE member SET name = $1, name_key = $2 WHERE key = $3",
        &[Value::Text(&change.to), Value::Text(&fold(&change.to)), Value::Int(entry.subject)],
    )?;
    Ok(())
}

pub(crate) fn apply_departed(sql: &dyn Sql, entry: &Applied<'_>, change: &MemberDeparted) -> Result<()> {
    sql.execute(
        "UPDATE member SET departed_at = $1, departed_why = $2 WHERE key = $3",
        &[Value::Int(entry.at), change.why.as_deref().into(), Value::Int(entry.subject)],
    )?;
    Ok(())
}

pub(crate) fn apply_returned(sql: &dyn Sql, entry: &Applied<'_>) -> Result<()> {
    sql.execute(
        "UPDATE member SET departed_at = NULL, departed_why = NULL WHERE key = $1",
        &[Value::Int(entry.subject)],
    )?;
    Ok(())
}

pub(crate) fn member_key(sql: &dyn Sql, id: MemberId) -> Result<i64> {
    sql.first("SELECT key FROM member WHERE id = $1", &[(&id.0).into()], |row| row.int(0))?
        .ok_or_else(|| Error::unknown("member", id))
}

fn agency_key(sql: &dyn Sql, id: AgencyId) -> Result<i64> {
    sql.first("SELECT key FROM agency WHERE id = $1", &[(&id.0).into()], |row| row.int(0))?
        .ok_or_else(|| Error::unknown("agency", id))
}

fn read_member(row: &dyn Row) -> Result<Member> {
    Ok(Member {
        id: MemberId(row.uuid(0)?),
        name: row.string(1)?,
        email: row.opt_string(2)?,
        agency: row.opt_uuid(3)?.map(AgencyId),
        joined_at: time::from_micros(row.int(4)?)?,
        departed_at: row.opt_int(5)?.map(time::from_micros).transpose()?,
        departed_why: row.opt_string(6)?,
    })
}

fn read_agency(row: &dyn Row) -> Result<Agency> {
    Ok(Agency {
        id: AgencyId(row.uuid(0)?),
        name: row.string(1)?,
        since: row.opt_int(2)?.map(time::from_micros).transpose()?,
        until: row.opt_int(3)?.map(time::from_micros).transpose()?,
    })
}

impl Writer<'_> {
    /// Adds an agency, with the dates between which its people act for the organisation, where they are known.
    pub fn add_agency(
        &mut self,
        name: &str,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Result<AgencyId> {
        let name = check::name("name of an agency", name)?.to_owned();
        let (since, until) = (since.map(time::to_micros).transpose()?, until.map(time::to_micros).transpose()?);
        if since.zip(until).is_some_and(|(since, until)| until < since) {
            return Err(Error::invalid("dates of an agency", "it ends before it begins"));
        }
        Ok(AgencyId(self.create(AgencyAdded { name, since, until })?))
    }

    /// Adds a member and returns them, ready to be used as an actor.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an unknown agency, [`Error::Invalid`] for an empty name.
    pub fn add_member(&mut self, member: NewMember) -> Result<Member> {
        let name = check::name("name of a member", &member.name)?.to_owned();
        let email = match &member.email {
            Some(email) => Some(check::name("e-mail address of a member", email)?.to_owned()),
            None => None,
        };
        if let Some(agency) = member.agency {
            agency_key(self.sql(), agency)?;
        }
        let id = MemberId(self.create(MemberAdded { name, email, agency: member.agency })?);
        self.view().member(id)
    }

    /// Gives a member another name. What they wrote keeps the name that they had.
    pub fn rename_member(&mut self, member: impl Into<MemberId>, name: &str) -> Result<()> {
        let member = self.view().member(member.into())?;
        let to = check::name("name of a member", name)?.to_owned();
        match member.name == to {
            true => Ok(()),
            false => {
                self.member_is_called(member.id, &to);
                self.append(member.id, MemberRenamed { from: member.name, to })
            }
        }
    }

    /// Marks a member as departed. Their name stays on all that they wrote; the roles that they still have, such as
    /// backup, end with it, each by an entry that names the departure as its cause.
    ///
    /// Hand over their book in the same write, so that no contact is without an owner in between:
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact, NewMember, Role};
    ///
    /// let memory = Memory::in_memory()?;
    /// let setup = Actor::system("setup");
    /// let (tom, eva) = memory.write(setup, |w| {
    ///     let tom = w.add_member(NewMember::new("Tom Okoro"))?;
    ///     let eva = w.add_member(NewMember::new("Eva Stein"))?;
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.assign(sally, &tom, Role::Owner)?;
    ///     Ok((tom, eva))
    /// })?;
    /// assert!(memory.write(&eva, |w| w.depart(&tom, None)).is_err()); // he owns Sally
    ///
    /// memory.write(&eva, |w| {
    ///     let book = w.view().book(&tom)?;
    ///     w.transfer_all(&book, &eva, Some("Tom leaves"))?;
    ///     w.depart(&tom, Some("moved to Lagos"))
    /// })?;
    /// assert_eq!(memory.book(&eva)?[0].name, "Sally Marsh");
    /// assert!(memory.member(&tom)?.has_departed());
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// Their private notes stay as they are, private to them: no colleague and no successor reads them. The host does, by
    /// [`Memory::all_seeing`](crate::Memory::all_seeing), and decides what of them is written down anew for all.
    ///
    /// # Errors
    /// [`Error::Refused`], naming what is missing, while a contact would be left without an owner;
    /// [`Error::Invalid`] when they have departed already.
    pub fn depart(&mut self, member: impl Into<MemberId>, why: Option<&str>) -> Result<()> {
        let member = self.view().member(member.into())?;
        if let Some(at) = member.departed_at {
            return Err(Error::invalid("member", format!("{} departed on {} already", member.name, at.date_naive())));
        }
        if let Some(why) = why {
            check::text("reason", why, check::FIELD_MAX)?;
        }
        self.nothing_left_behind(&member)?;
        let departed = self.append_id(member.id, MemberDeparted { why: why.map(str::to_owned) })?;
        self.end_roles_of(&member, departed)
    }

    /// Takes back that a member departed.
    ///
    /// # Errors
    /// [`Error::Invalid`] when they are here.
    pub fn welcome_back(&mut self, member: impl Into<MemberId>) -> Result<()> {
        let member = self.view().member(member.into())?;
        match member.has_departed() {
            true => self.append(member.id, MemberReturned {}),
            false => Err(Error::invalid("member", format!("{} has not departed", member.name))),
        }
    }
}

impl View<'_> {
    /// Reads a member, departed or not.
    pub fn member(&self, id: impl Into<MemberId>) -> Result<Member> {
        let id = id.into();
        self.sql()
            .first(
                "SELECT m.id, m.name, m.email, a.id, m.joined_at, m.departed_at, m.departed_why
                 FROM member m LEFT JOIN agency a ON a.key = m.agency
                 WHERE m.id = $1",
                &[(&id.0).into()],
                read_member,
            )?
            .ok_or_else(|| Error::unknown("member", id))
    }

    /// Reads every member, departed or not, in order of joining.
    pub fn members(&self) -> Result<Vec<Member>> {
        self.sql().all(
            "SELECT m.id, m.name, m.email, a.id, m.joined_at, m.departed_at, m.departed_why
             FROM member m LEFT JOIN agency a ON a.key = m.agency
             ORDER BY m.key",
            &[],
            read_member,
        )
    }

    /// Finds the members who have this name or e-mail address, whatever the case; those who are here come first.
    pub fn members_called(&self, name_or_email: &str) -> Result<Vec<Member>> {
        self.sql().all(
            "SELECT m.id, m.name, m.email, a.id, m.joined_at, m.departed_at, m.departed_why
             FROM member m LEFT JOIN agency a ON a.key = m.agency
             WHERE m.name_key = $1 OR m.email_key = $1
             ORDER BY m.departed_at IS NOT NULL, m.key",
            &[Value::Text(&fold(name_or_email))],
            read_member,
        )
    }

    /// Reads an agency.
    pub fn agency(&self, id: AgencyId) -> Result<Agency> {
        self.sql()
            .first("SELECT id, name, since, until FROM agency WHERE id = $1", &[(&id.0).into()], read_agency)?
            .ok_or_else(|| Error::unknown("agency", id))
    }

    /// Reads every agency, in order of arrival.
    pub fn agencies(&self) -> Result<Vec<Agency>> {
        self.sql().all("SELECT id, name, since, until FROM agency ORDER BY key", &[], read_agency)
    }
}
