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
    /// Whether they came with a bundle from another memory: what they wrote is theirs, and they cannot write here
    /// before they are admitted.
    pub outside: bool,
}

impl Member {
    /// Whether they have left.
    pub const fn has_departed(&self) -> bool {
        self.departed_at.is_some()
    }

    /// Refuses a member who has left, saying what they can do no more: `cannot take over`.
    pub(crate) fn must_be_here(&self, cannot: &str) -> Result<()> {
        match self.departed_at {
            None => Ok(()),
            Some(at) => Err(Error::refused(format!(
                "{} departed on {} and {cannot}; name a member who is here",
                self.name,
                at.date_naive()
            ))),
        }
    }

    /// Refuses a member who has left, or who came with a bundle and does not act here, saying what they cannot do.
    pub(crate) fn must_act_here(&self, cannot: &str) -> Result<()> {
        self.must_be_here(cannot)?;
        match self.outside {
            false => Ok(()),
            true => Err(Error::refused(format!(
                "{} came with a bundle from another memory and {cannot}; admit_member lets them act here, or name a member \
                 who does",
                self.name
            ))),
        }
    }

    /// Whether they are here and act here.
    pub(crate) const fn acts_here(&self) -> bool {
        !self.has_departed() && !self.outside
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
    /// When it left, and its people with it; `None` while it is here.
    pub departed_at: Option<DateTime<Utc>>,
    /// Why it left, where it was said.
    pub departed_why: Option<String>,
}

impl Agency {
    /// Whether it has left.
    pub const fn has_departed(&self) -> bool {
        self.departed_at.is_some()
    }
}

impl From<&Agency> for AgencyId {
    fn from(agency: &Agency) -> Self {
        agency.id
    }
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

impl AgencyAdded {
    /// An agency of which no more is known than that there is one.
    pub(crate) fn bare() -> Self {
        Self { name: "an agency".to_owned(), since: None, until: None }
    }
}

/// What a member is called of whom nothing else is known here: their entries came without bodies, or were erased.
pub(crate) const FORMER: &str = "a former member";

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

impl MemberAdded {
    /// A member of whom no more is known than that there is one.
    pub(crate) fn bare() -> Self {
        Self { name: FORMER.to_owned(), email: None, agency: None }
    }

    /// A member whose first entry only a newer heirloom reads.
    pub(crate) fn newer() -> Self {
        Self { name: "a member whom a newer heirloom knows".to_owned(), email: None, agency: None }
    }
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

/// `member.admitted`: a member who came with a bundle acts here too from here on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemberAdmitted {}

/// `agency.departed`: an agency has left; its people depart because of this entry. Their names stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AgencyDeparted {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// `agency.returned`: an agency that had left is back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AgencyReturned {}

/// Who leaves, or comes back, as one: a member, or an agency with all of its people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Party {
    /// A member.
    Member(MemberId),
    /// An agency, and all of its people.
    Agency(AgencyId),
}

impl From<MemberId> for Party {
    fn from(member: MemberId) -> Self {
        Self::Member(member)
    }
}

impl From<&Member> for Party {
    fn from(member: &Member) -> Self {
        Self::Member(member.id)
    }
}

impl From<AgencyId> for Party {
    fn from(agency: AgencyId) -> Self {
        Self::Agency(agency)
    }
}

impl From<&Agency> for Party {
    fn from(agency: &Agency) -> Self {
        Self::Agency(agency.id)
    }
}

/// The tables of this noun.
pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "agency",
        clear: "DELETE FROM agency",
        scan: "SELECT * FROM agency ORDER BY key",
        of: &["agency"],
        forget: "DELETE FROM agency WHERE key = $1",
    },
    Table {
        name: "member",
        clear: "DELETE FROM member",
        scan: "SELECT * FROM member ORDER BY key",
        of: &["member"],
        forget: "DELETE FROM member WHERE key = $1",
    },
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
        "INSERT INTO member (key, id, name, name_key, email, email_key, agency, joined_at, outside)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            Value::Int(entry.subject),
            (&entry.id.0).into(),
            Value::Text(&change.name),
            Value::Text(&fold(&change.name)),
            change.email.as_deref().into(),
            change.email.as_deref().map(fold).as_deref().into(),
            agency.into(),
            Value::Int(entry.at),
            Value::Int(i64::from(!entry.own)),
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

pub(crate) fn apply_admitted(sql: &dyn Sql, entry: &Applied<'_>) -> Result<()> {
    // That another memory lets them act there says nothing of here.
    if entry.own {
        sql.execute("UPDATE member SET outside = 0 WHERE key = $1", &[Value::Int(entry.subject)])?;
    }
    Ok(())
}

pub(crate) fn apply_agency_departed(sql: &dyn Sql, entry: &Applied<'_>, change: &AgencyDeparted) -> Result<()> {
    sql.execute(
        "UPDATE agency SET departed_at = $1, departed_why = $2 WHERE key = $3",
        &[Value::Int(entry.at), change.why.as_deref().into(), Value::Int(entry.subject)],
    )?;
    Ok(())
}

pub(crate) fn apply_agency_returned(sql: &dyn Sql, entry: &Applied<'_>) -> Result<()> {
    sql.execute(
        "UPDATE agency SET departed_at = NULL, departed_why = NULL WHERE key = $1",
        &[Value::Int(entry.subject)],
    )?;
    Ok(())
}

/// The columns of a member, in the order in which [`read_member`] reads them, for `member m`.
macro_rules! member_query {
    ($rest:literal) => {
        concat!(
            "SELECT m.id, m.name, m.email, a.id, m.joined_at, m.departed_at, m.departed_why, m.outside
             FROM member m LEFT JOIN agency a ON a.key = m.agency ",
            $rest
        )
    };
}

/// The columns of an agency, in the order in which [`read_agency`] reads them.
macro_rules! agency_query {
    ($rest:literal) => {
        concat!("SELECT id, name, since, until, departed_at, departed_why FROM agency ", $rest)
    };
}

pub(crate) fn party_key(sql: &dyn Sql, party: Party) -> Result<i64> {
    match party {
        Party::Member(id) => member_key(sql, id),
        Party::Agency(id) => agency_key(sql, id),
    }
}

pub(crate) fn member_key(sql: &dyn Sql, id: MemberId) -> Result<i64> {
    sql.first("SELECT key FROM member WHERE id = $1", &[(&id.0).into()], |row| row.int(0))?
        .ok_or_else(|| Error::unknown("member", id))
}

/// The name of a party, as it is today.
pub(crate) fn party_name(sql: &dyn Sql, party: Party) -> Result<String> {
    match party {
        Party::Member(id) => read_by_id(sql, id).map(|member| member.name),
        Party::Agency(id) => read_agency_by_id(sql, id).map(|agency| agency.name),
    }
}

/// The people of a party, departed or not: the member, or all of the agency in order of joining.
pub(crate) fn party_members(sql: &dyn Sql, party: Party) -> Result<Vec<Member>> {
    match party {
        Party::Member(id) => read_by_id(sql, id).map(|member| vec![member]),
        Party::Agency(id) => sql.all(
            member_query!("WHERE m.agency = $1 ORDER BY m.key"),
            &[Value::Int(agency_key(sql, id)?)],
            read_member,
        ),
    }
}

/// The people of a party who are here.
pub(crate) fn party_members_here(sql: &dyn Sql, party: Party) -> Result<Vec<Member>> {
    let mut members = party_members(sql, party)?;
    members.retain(|member| !member.has_departed());
    Ok(members)
}

/// The members who departed because an agency did, when it last did, in order of joining.
fn departed_with(sql: &dyn Sql, agency: AgencyId) -> Result<Vec<MemberId>> {
    sql.all(
        "SELECT m.id FROM member m
         WHERE m.agency = $1 AND m.departed_at IS NOT NULL
             AND (SELECT e.cause FROM entry e WHERE e.subject = m.key AND e.kind = 'member.departed'
                  ORDER BY e.stamp DESC, e.id DESC LIMIT 1)
               = (SELECT e.id FROM entry e WHERE e.subject = $1 AND e.kind = 'agency.departed'
                  ORDER BY e.stamp DESC, e.id DESC LIMIT 1)
         ORDER BY m.key",
        &[Value::Int(agency_key(sql, agency)?)],
        |row| row.uuid(0).map(MemberId),
    )
}

fn read_by_id(sql: &dyn Sql, id: MemberId) -> Result<Member> {
    sql.first(member_query!("WHERE m.id = $1"), &[(&id.0).into()], read_member)?
        .ok_or_else(|| Error::unknown("member", id))
}

fn read_agency_by_id(sql: &dyn Sql, id: AgencyId) -> Result<Agency> {
    sql.first(agency_query!("WHERE id = $1"), &[(&id.0).into()], read_agency)?
        .ok_or_else(|| Error::unknown("agency", id))
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
        outside: row.int(7)? == 1,
    })
}

fn read_agency(row: &dyn Row) -> Result<Agency> {
    Ok(Agency {
        id: AgencyId(row.uuid(0)?),
        name: row.string(1)?,
        since: row.opt_int(2)?.map(time::from_micros).transpose()?,
        until: row.opt_int(3)?.map(time::from_micros).transpose()?,
        departed_at: row.opt_int(4)?.map(time::from_micros).transpose()?,
        departed_why: row.opt_string(5)?,
    })
}

impl Writer<'_> {
    /// Lets a member who came with a bundle from another memory act here too.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an unknown member, [`Error::Refused`] for one who acts here already.
    pub fn admit_member(&mut self, member: impl Into<MemberId>) -> Result<()> {
        let member = self.view().member(member.into())?;
        match member.outside {
            true => self.append(member.id, MemberAdmitted {}),
            false => Err(Error::refused(format!("{} acts here already", member.name))),
        }
    }

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
    /// [`Error::Unknown`] for an unknown agency, [`Error::Refused`] for one that has departed, [`Error::Invalid`] for an
    /// empty name.
    pub fn add_member(&mut self, member: NewMember) -> Result<Member> {
        let name = check::name("name of a member", &member.name)?.to_owned();
        let email = match &member.email {
            Some(email) => Some(check::name("e-mail address of a member", email)?.to_owned()),
            None => None,
        };
        if let Some(agency) = member.agency {
            let agency = self.view().agency(agency)?;
            if let Some(at) = agency.departed_at {
                let (agency, at) = (agency.name, at.date_naive());
                let why = format!("{agency} departed on {at} and takes on nobody; welcome the agency back first");
                return Err(Error::refused(why));
            }
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

    /// Marks a member as departed, or an agency with all of its people. Their names stay on all that they wrote; the roles
    /// that they still have, such as backup, end with it, each by an entry that names the departure as its cause.
    ///
    /// Hand over their book in the same write, so that no contact is without an owner in between; or plan it, and let the
    /// successors accept it, by [`Memory::handoff`](crate::Memory::handoff):
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
    /// An agency departs as one: whoever of its people is here departs because of the agency's own entry. A contact whose
    /// owners all come from that agency would be left behind, however many they are:
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact, NewMember, Role};
    ///
    /// let memory = Memory::in_memory()?;
    /// let (loud, tom, mia) = memory.write(Actor::system("setup"), |w| {
    ///     let loud = w.add_agency("Loud & Clear", None, None)?;
    ///     let tom = w.add_member(NewMember::new("Tom Okoro").of_agency(loud))?;
    ///     let mia = w.add_member(NewMember::new("Mia Okafor"))?;
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.assign(sally, &tom, Role::Owner)?;
    ///     Ok((loud, tom, mia))
    /// })?;
    /// let refused = memory.write(&mia, |w| w.depart(loud, None)).unwrap_err();
    /// assert!(refused.to_string().contains("the only owners of 1 contact: Sally Marsh"));
    ///
    /// memory.write(&mia, |w| {
    ///     let book = w.view().book(&tom)?;
    ///     w.transfer_all(&book, &mia, Some("the contract ends"))?;
    ///     w.depart(loud, Some("the contract ended"))
    /// })?;
    /// assert!(memory.agency(loud)?.has_departed() && memory.member(&tom)?.has_departed());
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// Departing decides nothing about private notes: they stay private to who has left, and no colleague and no successor
    /// reads them. Whoever leaves, or the host for them, releases a note to a successor by [`Writer::release_note`] or seals
    /// it by [`Writer::seal_note`]; the host reads them all by [`Memory::all_seeing`](crate::Memory::all_seeing).
    ///
    /// # Errors
    /// [`Error::Refused`], naming what is missing, while a contact would be left without an owner who is here, or a promise
    /// without somebody to keep it; [`Error::Invalid`] when they have departed already.
    pub fn depart(&mut self, party: impl Into<Party>, why: Option<&str>) -> Result<()> {
        if let Some(why) = why {
            check::text("reason", why, check::FIELD_MAX)?;
        }
        match party.into() {
            Party::Member(id) => self.depart_member(id, why),
            Party::Agency(id) => self.depart_agency(id, why),
        }
    }

    fn depart_member(&mut self, id: MemberId, why: Option<&str>) -> Result<()> {
        let member = self.view().member(id)?;
        if let Some(at) = member.departed_at {
            return Err(Error::invalid("member", format!("{} departed on {} already", member.name, at.date_naive())));
        }
        self.nothing_left_behind(id.into())?;
        self.mark_departed(&member, why)
    }

    fn depart_agency(&mut self, id: AgencyId, why: Option<&str>) -> Result<()> {
        let agency = self.view().agency(id)?;
        if let Some(at) = agency.departed_at {
            return Err(Error::invalid("agency", format!("{} departed on {} already", agency.name, at.date_naive())));
        }
        self.nothing_left_behind(id.into())?;
        let here = party_members_here(self.sql(), id.into())?;
        let departed = self.append_id(id, AgencyDeparted { why: why.map(str::to_owned) })?;
        self.because_of(departed, |w| here.iter().try_for_each(|member| w.mark_departed(member, why)))
    }

    fn mark_departed(&mut self, member: &Member, why: Option<&str>) -> Result<()> {
        let departed = self.append_id(member.id, MemberDeparted { why: why.map(str::to_owned) })?;
        self.end_roles_of(member.id, departed)
    }

    /// Takes back that a member departed, or an agency: with the agency return those of its people who departed with it,
    /// and none of those who had left before.
    ///
    /// Roles that ended with the departure do not come back, nor do contacts that went to others: whoever returns is
    /// assigned anew.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewMember};
    ///
    /// let memory = Memory::in_memory()?;
    /// let host = Actor::system("setup");
    /// let (loud, tom, jo) = memory.write(host.clone(), |w| {
    ///     let loud = w.add_agency("Loud & Clear", None, None)?;
    ///     let tom = w.add_member(NewMember::new("Tom Okoro").of_agency(loud))?;
    ///     let jo = w.add_member(NewMember::new("Jo Bauer").of_agency(loud))?;
    ///     w.depart(&jo, Some("went to a competitor"))?;
    ///     w.depart(loud, Some("the contract ended"))?;
    ///     Ok((loud, tom, jo))
    /// })?;
    /// memory.write(host, |w| w.welcome_back(loud))?; // signed for another year
    /// assert!(!memory.member(&tom)?.has_departed());
    /// assert!(memory.member(&jo)?.has_departed()); // had left before the agency did
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] when they are here; [`Error::Refused`] for a member whose agency is not.
    pub fn welcome_back(&mut self, party: impl Into<Party>) -> Result<()> {
        match party.into() {
            Party::Member(id) => self.welcome_member_back(id),
            Party::Agency(id) => self.welcome_agency_back(id),
        }
    }

    fn welcome_member_back(&mut self, id: MemberId) -> Result<()> {
        let member = self.view().member(id)?;
        if !member.has_departed() {
            return Err(Error::invalid("member", format!("{} has not departed", member.name)));
        }
        if let Some(agency) = member.agency {
            let agency = self.view().agency(agency)?;
            if let Some(at) = agency.departed_at {
                return Err(Error::refused(format!(
                    "{} is one of the people of {}, which departed on {}; welcome the agency back first",
                    member.name,
                    agency.name,
                    at.date_naive()
                )));
            }
        }
        self.append(id, MemberReturned {})
    }

    fn welcome_agency_back(&mut self, id: AgencyId) -> Result<()> {
        let agency = self.view().agency(id)?;
        if !agency.has_departed() {
            return Err(Error::invalid("agency", format!("{} has not departed", agency.name)));
        }
        let with_it = departed_with(self.sql(), id)?;
        let returned = self.append_id(id, AgencyReturned {})?;
        self.because_of(returned, |w| with_it.into_iter().try_for_each(|member| w.append(member, MemberReturned {})))
    }
}

impl View<'_> {
    /// Reads a member, departed or not.
    pub fn member(&self, id: impl Into<MemberId>) -> Result<Member> {
        read_by_id(self.sql(), id.into())
    }

    /// Reads every member, departed or not, in order of joining.
    pub fn members(&self) -> Result<Vec<Member>> {
        self.sql().all(member_query!("ORDER BY m.key"), &[], read_member)
    }

    /// Reads the people of an agency, departed or not, in order of joining.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewMember};
    ///
    /// let memory = Memory::in_memory()?;
    /// let loud = memory.write(Actor::system("setup"), |w| {
    ///     let loud = w.add_agency("Loud & Clear", None, None)?;
    ///     w.add_member(NewMember::new("Tom Okoro").of_agency(loud))?;
    ///     w.add_member(NewMember::new("Mia Okafor"))?; // an employee
    ///     Ok(loud)
    /// })?;
    /// assert_eq!(memory.members_of(loud)?[0].name, "Tom Okoro");
    /// # assert_eq!(memory.members_of(loud)?.len(), 1);
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub fn members_of(&self, agency: impl Into<AgencyId>) -> Result<Vec<Member>> {
        party_members(self.sql(), Party::Agency(agency.into()))
    }

    /// Finds the members who have this name or e-mail address, whatever the case; those who are here come first.
    pub fn members_called(&self, name_or_email: &str) -> Result<Vec<Member>> {
        self.sql().all(
            member_query!("WHERE m.name_key = $1 OR m.email_key = $1 ORDER BY m.departed_at IS NOT NULL, m.key"),
            &[Value::Text(&fold(name_or_email))],
            read_member,
        )
    }

    /// Reads an agency, departed or not.
    pub fn agency(&self, id: impl Into<AgencyId>) -> Result<Agency> {
        read_agency_by_id(self.sql(), id.into())
    }

    /// Reads every agency, departed or not, in order of arrival.
    pub fn agencies(&self) -> Result<Vec<Agency>> {
        self.sql().all(agency_query!("ORDER BY key"), &[], read_agency)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

    use super::*;
    use crate::{Actor, ContactId, Entry, FollowUpId, Memory, NewContact, Role};

    /// Two people of an agency and two employees.
    struct Stage {
        memory: Memory,
        loud: AgencyId,
        tom: Member,
        jo: Member,
        mia: Member,
        eva: Member,
    }

    fn stage() -> Stage {
        let memory = Memory::in_memory().unwrap();
        let (loud, tom, jo, mia, eva) = memory
            .write(host(), |w| {
                let loud = w.add_agency("Loud & Clear", None, None)?;
                let tom = w.add_member(NewMember::new("Tom").of_agency(loud))?;
                let jo = w.add_member(NewMember::new("Jo").of_agency(loud))?;
                Ok((loud, tom, jo, w.add_member(NewMember::new("Mia"))?, w.add_member(NewMember::new("Eva"))?))
            })
            .unwrap();
        Stage { memory, loud, tom, jo, mia, eva }
    }

    fn host() -> Actor {
        Actor::system("setup")
    }

    impl Stage {
        fn owned_by(&self, owners: &[&Member], name: &str) -> ContactId {
            self.memory
                .write(host(), |w| {
                    let contact = w.add_contact(NewContact::person(name))?;
                    // A second owner comes about where two memories meet; a call refuses one.
                    for owner in owners {
                        let (member, member_name, since) = (owner.id, owner.name.clone(), w.at_micros());
                        let (role, until, why) = (Role::Owner, None, None);
                        let assigned =
                            crate::ownership::OwnershipAssigned { member, member_name, role, since, until, why };
                        w.append(contact, assigned)?;
                    }
                    Ok(contact)
                })
                .unwrap()
        }

        fn promise(&self, owner: &Member, contact: ContactId, what: &str, due: Option<&str>) -> FollowUpId {
            self.memory
                .write(host(), |w| {
                    let draft = w.follow_up(contact, what).owner(owner);
                    due.into_iter().fold(draft, |draft, due| draft.due(due)).save()
                })
                .unwrap()
        }

        fn refusal(&self, f: impl FnOnce(&mut Writer<'_>) -> Result<()>) -> String {
            let before = self.memory.head().unwrap();
            let error = self.memory.write(host(), f).unwrap_err();
            assert_eq!(self.memory.head().unwrap(), before, "something was kept");
            error.to_string()
        }

        fn feed_after(&self, seq: i64) -> Vec<Entry> {
            self.memory.read(|view| view.entries(seq + 1, i64::MAX)).unwrap()
        }

        fn is_sound(&self) {
            let members = || (self.memory.members().unwrap(), self.memory.agencies().unwrap());
            let before = members();
            let found = self.memory.verify().unwrap();
            assert!(found.is_sound(), "{found}");
            self.memory.rebuild().unwrap();
            assert_eq!(members(), before);
        }
    }

    #[test]
    fn a_sole_manager_who_leaves_is_refused_with_what_would_be_left_by_name() {
        let s = stage();
        for name in ["Gus", "Fay", "Eli", "Dot", "Cat", "Bob", "Amy"] {
            s.owned_by(&[&s.mia], name);
        }
        let amy = s.memory.named("Amy").unwrap()[0].id;
        s.promise(&s.mia, amy, "call\nher back", None);
        s.promise(&s.mia, amy, "send the menu", Some("2025-06-01"));
        let done = s.promise(&s.mia, amy, "say thanks", Some("2025-05-01"));
        s.memory.write(&s.mia, |w| w.finish_follow_up(done, None)).unwrap();
        assert_eq!(
            s.refusal(|w| w.depart(&s.mia, None)),
            "Mia is the only owner of 7 contacts: Amy, Bob, Cat, Dot, Eli and 2 more; and has 2 open promises: \
             “send the menu” to Amy (until 2025-06-01), “call her back” to Amy; hand them over first, one by one with \
             transfer and hand_on_follow_up, or all with Memory::handoff"
        );
        s.memory
            .write(host(), |w| {
                let book = w.view().book(&s.mia)?;
                w.transfer_all(&book, &s.eva, None)?;
                w.depart(&s.mia, None)
            })
            .unwrap();
        assert_eq!((s.memory.book(&s.eva).unwrap().len(), s.memory.follow_ups_of(&s.eva).unwrap().len()), (7, 2));
        s.is_sound();
    }

    #[test]
    fn a_promise_alone_keeps_its_owner_from_leaving_also_where_somebody_else_owns_the_contact() {
        let s = stage();
        let amy = s.owned_by(&[&s.eva], "Amy");
        s.promise(&s.tom, amy, "send the menu", None);
        let refused = s.refusal(|w| w.depart(&s.tom, None));
        assert!(refused.starts_with("Tom has 1 open promise: “send the menu” to Amy; hand them over"), "{refused}");
        let refused = s.refusal(|w| w.depart(s.loud, None));
        assert!(refused.starts_with("the people of Loud & Clear have 1 open promise: “send"), "{refused}");
    }

    #[test]
    fn co_owners_of_one_agency_do_not_save_a_contact_when_the_agency_leaves() {
        let s = stage();
        s.owned_by(&[&s.tom, &s.jo], "Amy");
        s.owned_by(&[&s.tom, &s.mia], "Bob");
        let refused = s.refusal(|w| w.depart(s.loud, None));
        assert!(
            refused.starts_with("the people of Loud & Clear are the only owners of 1 contact: Amy; hand"),
            "{refused}"
        );
        // Of the two, either may go alone, and then the other may not.
        s.memory.write(host(), |w| w.depart(&s.tom, None)).unwrap();
        let refused = s.refusal(|w| w.depart(&s.jo, None));
        assert!(refused.starts_with("Jo is the only owner of 1 contact: Amy; hand"), "{refused}");
        let refused = s.refusal(|w| w.depart(&s.mia, None));
        assert!(refused.starts_with("Mia is the only owner of 1 contact: Bob; hand"), "{refused}");
        s.is_sound();
    }

    #[test]
    fn an_agency_departs_as_one_and_each_change_that_follows_names_its_cause() {
        let s = stage();
        let amy = s.owned_by(&[&s.tom, &s.mia], "Amy");
        s.memory.write(host(), |w| w.assign(amy, &s.jo, Role::Backup).map(drop)).unwrap();
        let before = s.memory.head().unwrap().seq;
        s.memory.write(host(), |w| w.depart(s.loud, Some("the contract ended"))).unwrap();
        let entries = s.feed_after(before);
        let kinds: Vec<&str> = entries.iter().map(|entry| entry.kind.as_str()).collect();
        assert_eq!(
            kinds,
            ["agency.departed", "member.departed", "ownership.ended", "member.departed", "ownership.ended"]
        );
        let causes: Vec<_> = entries.iter().map(|entry| entry.cause).collect();
        let [agency, tom, _, jo, _] = entries.as_slice() else { panic!("{kinds:?}") };
        assert_eq!(causes, [None, Some(agency.id), Some(tom.id), Some(agency.id), Some(jo.id)]);
        let agency = s.memory.agency(s.loud).unwrap();
        assert!(agency.has_departed());
        assert_eq!(agency.departed_why.as_deref(), Some("the contract ended"));
        for member in s.memory.members_of(&agency).unwrap() {
            assert!(member.departed_at == agency.departed_at && member.departed_why == agency.departed_why);
        }
        assert!(!s.memory.member(&s.mia).unwrap().has_departed());
        s.is_sound();
    }

    #[test]
    fn an_agency_returns_with_those_who_departed_with_it_and_no_others() {
        let s = stage();
        s.memory
            .write(host(), |w| {
                w.depart(s.loud, None)?;
                w.welcome_back(s.loud)?;
                // Jo departed with the agency once, and by herself the last time.
                w.depart(&s.jo, None)?;
                w.depart(s.loud, None)
            })
            .unwrap();
        let before = s.memory.head().unwrap().seq;
        s.memory.write(host(), |w| w.welcome_back(s.loud)).unwrap();
        let entries = s.feed_after(before);
        let told: Vec<_> = entries.iter().map(|entry| (entry.subject, entry.kind.as_str(), entry.cause)).collect();
        assert_eq!(
            told,
            [(s.loud.into(), "agency.returned", None), (s.tom.id.into(), "member.returned", Some(entries[0].id)),]
        );
        assert!(!s.memory.agency(s.loud).unwrap().has_departed());
        assert!(s.memory.member(&s.jo).unwrap().has_departed());
        s.memory.write(host(), |w| w.welcome_back(&s.jo)).unwrap();
        assert!(!s.memory.member(&s.jo).unwrap().has_departed());
        s.is_sound();
    }

    #[test]
    fn a_departed_agency_takes_on_nobody_and_its_people_do_not_return_without_it() {
        let s = stage();
        s.memory.write(host(), |w| w.depart(s.loud, None)).unwrap();
        let day = s.memory.agency(s.loud).unwrap().departed_at.unwrap().date_naive();
        assert_eq!(s.refusal(|w| w.depart(s.loud, None)), format!("agency: Loud & Clear departed on {day} already"));
        assert_eq!(
            s.refusal(|w| w.add_member(NewMember::new("Ada").of_agency(s.loud)).map(drop)),
            format!("Loud & Clear departed on {day} and takes on nobody; welcome the agency back first")
        );
        assert_eq!(
            s.refusal(|w| w.welcome_back(&s.tom)),
            format!("Tom is one of the people of Loud & Clear, which departed on {day}; welcome the agency back first")
        );
        s.memory.write(host(), |w| w.welcome_back(s.loud)).unwrap();
        assert_eq!(s.refusal(|w| w.welcome_back(s.loud)), "agency: Loud & Clear has not departed");
    }

    #[test]
    fn who_departed_is_readable_as_the_author_of_what_they_wrote() {
        let s = stage();
        let amy = s.owned_by(&[&s.mia], "Amy");
        let note = s.memory.write(&s.tom, |w| w.note(amy, "Loves the terrace").insight().save()).unwrap();
        s.memory.write(host(), |w| w.depart(s.loud, None)).unwrap();
        let note = s.memory.note(note).unwrap();
        assert_eq!((note.recorded_by, note.recorded_by_name.as_str()), (Actor::from(&s.tom), "Tom"));
        assert!(s.memory.brief(amy).unwrap().to_string().contains("Tom"));
        assert!(s.memory.seen_by(&s.tom).is_ok());
    }
}
