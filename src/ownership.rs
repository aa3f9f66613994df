//! Who looks after whom: owner, backup and cover, each an interval with by whom and why.
//!
//! Nothing is overwritten: a transfer closes one interval and opens another.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::check;
use crate::contact::{ContactSummary, read_summary};
use crate::error::{Error, Result};
use crate::follow_up;
use crate::id::{AssignmentId, ContactId, EntryId, MemberId};
use crate::journal::{Applied, Writer};
use crate::member::{Member, Party, member_key, party_key, party_members_here, party_name};
use crate::memory::View;
use crate::store::{Row, RowExt, Sql, SqlExt, Value};
use crate::time;
use crate::verify::Table;
use crate::wording::{Count, Quoted, Visible, and_more};

mod conflicts;

pub use self::conflicts::OwnershipConflict;

/// The role in which a member looks after a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// Looks after the contact.
    Owner,
    /// Takes over when the owner cannot.
    Backup,
    /// Stands in for a time that ends by itself.
    Cover,
    /// Reads along and follows, to take over later.
    Shadow,
}

impl Role {
    /// The word under which it is stored and serialised.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Backup => "backup",
            Self::Cover => "cover",
            Self::Shadow => "shadow",
        }
    }

    /// The role from an instant on, which may lie in the past; from the instant of the write unless said.
    #[must_use]
    pub fn starting(self, at: DateTime<Utc>) -> Terms {
        Terms::from(self).starting(at)
    }

    /// The role until an instant, at which it ends by itself.
    #[must_use]
    pub fn until(self, at: DateTime<Utc>) -> Terms {
        Terms::from(self).until(at)
    }

    /// The role, with the reason for it.
    #[must_use]
    pub fn because(self, why: impl Into<String>) -> Terms {
        Terms::from(self).because(why)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            _ if text.eq_ignore_ascii_case("owner") => Ok(Self::Owner),
            _ if text.eq_ignore_ascii_case("backup") => Ok(Self::Backup),
            _ if text.eq_ignore_ascii_case("cover") => Ok(Self::Cover),
            _ if text.eq_ignore_ascii_case("shadow") => Ok(Self::Shadow),
            _ => Err(Error::invalid("role", format!("“{text}” is not known; write owner, backup, cover or shadow"))),
        }
    }
}

/// On what terms a member looks after a contact.
///
/// ```
/// use chrono::{TimeZone, Utc};
/// use heirloom::Role;
///
/// let terms = Role::Cover.until(Utc.with_ymd_and_hms(2025, 8, 31, 0, 0, 0).unwrap()).because("Ana is on holiday");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    role: Role,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    why: Option<String>,
}

impl From<Role> for Terms {
    fn from(role: Role) -> Self {
        Self { role, since: None, until: None, why: None }
    }
}

impl Terms {
    /// From an instant on, which may lie in the past; from the instant of the write unless said.
    #[must_use]
    pub const fn starting(mut self, at: DateTime<Utc>) -> Self {
        self.since = Some(at);
        self
    }

    /// Until an instant, at which it ends by itself.
    #[must_use]
    pub const fn until(mut self, at: DateTime<Utc>) -> Self {
        self.until = Some(at);
        self
    }

    /// For this reason.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }
}

/// One interval in which a member looks after a contact: from `since` on, and before `until`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Assignment {
    /// The id.
    pub id: AssignmentId,
    /// The member.
    pub member: MemberId,
    /// The member's name.
    pub member_name: String,
    /// Whether the member has left.
    pub member_departed: bool,
    /// The role.
    pub role: Role,
    /// From when on.
    pub since: DateTime<Utc>,
    /// Until when; `None` while no end is known.
    pub until: Option<DateTime<Utc>>,
    /// Why it began.
    pub opened_why: Option<String>,
    /// Why it ended.
    pub closed_why: Option<String>,
    /// By whom it was begun.
    pub opened_by: Actor,
    /// By whom it was ended.
    pub closed_by: Option<Actor>,
}

impl Assignment {
    /// Whether the interval holds an instant.
    pub fn holds(&self, at: DateTime<Utc>) -> bool {
        self.since <= at && self.until.is_none_or(|until| at < until)
    }
}

impl fmt::Display for Assignment {
    /// Who, in which role, since when.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.member_name, self.role)?;
        match self.until {
            Some(until) => write!(f, ", {} to {})", self.since.date_naive(), until.date_naive())?,
            None => write!(f, " since {})", self.since.date_naive())?,
        }
        if self.member_departed {
            f.write_str(", who has departed")?;
        }
        match (&self.opened_why, &self.closed_why) {
            (_, Some(why)) => write!(f, "; ended because: {why}"),
            (Some(why), None) => write!(f, "; because: {why}"),
            (None, None) => Ok(()),
        }
    }
}

/// `ownership.assigned`: a member looks after a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OwnershipAssigned {
    /// The member.
    pub member: MemberId,
    /// The member's name, as it was then.
    pub member_name: String,
    /// The role.
    pub role: Role,
    /// From when on, in microseconds since 1970.
    pub since: i64,
    /// Until when, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// `ownership.ended`: a member no longer looks after a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OwnershipEnded {
    /// The interval.
    pub assignment: AssignmentId,
    /// The member whose it was.
    pub member: MemberId,
    /// The member's name, as it was then.
    pub member_name: String,
    /// The role.
    pub role: Role,
    /// When it ends, in microseconds since 1970.
    pub at: i64,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// `ownership.transferred`: one interval closes, another opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OwnershipTransferred {
    /// The interval that closes.
    pub assignment: AssignmentId,
    /// Who was the owner.
    pub from: MemberId,
    /// Their name, as it was then.
    pub from_name: String,
    /// Who is the owner from here on.
    pub to: MemberId,
    /// Their name, as it was then.
    pub to_name: String,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The tables of this noun.
pub(crate) const TABLES: &[Table] = &[Table {
    name: "assignment",
    clear: "DELETE FROM assignment",
    scan: "SELECT * FROM assignment ORDER BY key",
    of: &["contact"],
    forget: "DELETE FROM assignment WHERE contact = $1",
}];

pub(crate) fn apply_assigned(sql: &dyn Sql, entry: &Applied<'_>, change: &OwnershipAssigned) -> Result<()> {
    let why = change.why.as_deref();
    open(sql, entry, change.member, change.role, (change.since, change.until), why)
}

pub(crate) fn apply_ended(sql: &dyn Sql, entry: &Applied<'_>, change: &OwnershipEnded) -> Result<()> {
    close(sql, entry, change.assignment, change.at, change.why.as_deref())
}

pub(crate) fn apply_transferred(sql: &dyn Sql, entry: &Applied<'_>, change: &OwnershipTransferred) -> Result<()> {
    let why = change.why.as_deref();
    close(sql, entry, change.assignment, change.at, why)?;
    open(sql, entry, change.to, Role::Owner, (change.at, None), why)
}

fn open(
    sql: &dyn Sql,
    entry: &Applied<'_>,
    member: MemberId,
    role: Role,
    (since, until): (i64, Option<i64>),
    why: Option<&str>,
) -> Result<()> {
    sql.execute(
        "INSERT INTO assignment (key, id, contact, member, role, since, until, opened_by, opened_why)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            Value::Int(entry.seq),
            (&entry.id.0).into(),
            Value::Int(entry.subject),
            Value::Int(member_key(sql, member)?),
            Value::Text(role.word()),
            Value::Int(since),
            until.into(),
            Value::Int(entry.actor),
            why.into(),
        ],
    )?;
    Ok(())
}

fn close(sql: &dyn Sql, entry: &Applied<'_>, id: AssignmentId, at: i64, why: Option<&str>) -> Result<()> {
    sql.execute(
        "UPDATE assignment SET until = $1, closed_by = $2, closed_why = $3 WHERE contact = $4 AND id = $5",
        &[Value::Int(at), Value::Int(entry.actor), why.into(), Value::Int(entry.subject), (&id.0).into()],
    )?;
    Ok(())
}

/// What a member who has left can do no more.
pub(crate) const CANNOT_LOOK_AFTER: &str = "cannot look after anybody";

/// A role that stands for a contact, or is to begin: an interval that is not over.
#[derive(Clone)]
pub(crate) struct Open {
    /// Its id.
    pub(crate) id: AssignmentId,
    /// The member.
    pub(crate) member: MemberId,
    /// Their name, as it is today.
    pub(crate) name: String,
    /// The role.
    pub(crate) role: Role,
    /// From when on, in microseconds since 1970.
    pub(crate) since: i64,
}

/// Reads a role that stands from the id of its interval, the id and the name of the member, the role and its beginning, in
/// columns that follow each other.
pub(crate) fn read_open(row: &dyn Row, first: usize) -> Result<Open> {
    Ok(Open {
        id: AssignmentId(row.uuid(first)?),
        member: MemberId(row.uuid(first + 1)?),
        name: row.string(first + 2)?,
        role: row.text(first + 3)?.parse()?,
        since: row.int(first + 4)?,
    })
}

fn open_at(sql: &dyn Sql, contact: i64, role: Role, at: i64) -> Result<Vec<Open>> {
    open_within(sql, contact, role, (at, at))
}

/// The intervals in one role that hold an instant of a span, both ends of it included.
fn open_within(sql: &dyn Sql, contact: i64, role: Role, (first, last): (i64, i64)) -> Result<Vec<Open>> {
    sql.all(
        "SELECT a.id, m.id, m.name, a.role, a.since FROM assignment a
         JOIN member m ON m.key = a.member
         WHERE a.contact = $1 AND a.role = $2 AND a.since <= $3
             AND (a.until IS NULL OR a.until > $4 AND a.until > a.since)
         ORDER BY a.since, a.key",
        &[Value::Int(contact), Value::Text(role.word()), Value::Int(last), Value::Int(first)],
        |row| read_open(row, 0),
    )
}

fn will_be_looked_after(contact: &str, open: &Open) -> Result<String> {
    let from = time::from_micros(open.since)?.date_naive();
    Ok(format!("{contact} will be looked after by {} from {from} on; end that first with unassign", open.name))
}

impl Writer<'_> {
    /// Lets a member look after a contact: `Role::Owner`, or with terms. Cover says until when, and ends by itself:
    ///
    /// ```
    /// use heirloom::chrono::{TimeDelta, Utc};
    /// use heirloom::{Actor, Memory, NewContact, NewMember, Role};
    ///
    /// let memory = Memory::in_memory()?;
    /// let (back, setup) = (Utc::now() + TimeDelta::days(14), Actor::system("setup"));
    /// let sally = memory.write(setup, |w| {
    ///     let ana = w.add_member(NewMember::new("Ana Müller"))?;
    ///     let eva = w.add_member(NewMember::new("Eva Stein"))?;
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.assign(sally, &ana, Role::Owner)?;
    ///     w.assign(sally, &eva, Role::Cover.until(back).because("Ana is on holiday"))?;
    ///     Ok(sally)
    /// })?;
    /// assert_eq!(memory.brief(sally)?.owners.len(), 2); // Ana, and Eva until she is back
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`] when the member has departed, or when the contact has another owner (transfer it instead) or is to
    /// have one in that time;
    /// [`Error::Invalid`] for an interval that ends before it begins, or for cover without an end.
    pub fn assign(
        &mut self,
        contact: ContactId,
        member: impl Into<MemberId>,
        terms: impl Into<Terms>,
    ) -> Result<AssignmentId> {
        let (member, terms) = (self.view().member(member.into())?, terms.into());
        let key = self.contact_key(contact)?;
        let change = self.checked(&member, &terms)?;
        let now = self.at_micros();
        if change.until.is_none_or(|until| until > now) {
            member.must_act_here(CANNOT_LOOK_AFTER)?;
        }
        // What was recorded of the past may overlap; what is to come may not.
        let span = (change.since.max(now), change.until.map_or(i64::MAX, |until| until - 1));
        for open in open_within(self.sql(), key, terms.role, span)? {
            let holds = open.since <= span.0;
            if holds && open.member == member.id && terms.since.is_none() && terms.until.is_none() {
                return Ok(open.id);
            }
            if terms.role == Role::Owner && span.0 <= span.1 {
                let contact = self.view().contact_summary(contact)?.name;
                return Err(Error::refused(match holds {
                    true => format!(
                        "{contact} is looked after by {} already; use transfer to hand them to {}",
                        open.name, member.name
                    ),
                    false => will_be_looked_after(&contact, &open)?,
                }));
            }
        }
        self.append_id(contact, change).map(|id| AssignmentId(id.0))
    }

    fn checked(&self, member: &Member, terms: &Terms) -> Result<OwnershipAssigned> {
        let since = terms.since.unwrap_or(self.at());
        if let Some(why) = &terms.why {
            check::text("reason", why, check::FIELD_MAX)?;
        }
        match terms.until {
            None if terms.role == Role::Cover => {
                return Err(Error::invalid("cover", "it has no end; say until when, as in Role::Cover.until(date)"));
            }
            Some(until) if until <= since => {
                return Err(Error::invalid("assignment", "it ends before it begins"));
            }
            _ => {}
        }
        Ok(OwnershipAssigned {
            member: member.id,
            member_name: member.name.clone(),
            role: terms.role,
            since: time::to_micros(since)?,
            until: terms.until.map(time::to_micros).transpose()?,
            why: terms.why.clone(),
        })
    }

    /// Hands a contact from its owner to another member: one interval closes, another opens. The open promises of the old
    /// owner to that contact go with it, each by an entry that names the transfer as its cause; they keep their due dates
    /// and who made them, and what others promised stays theirs. Nothing happens when the member owns the contact already.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact, NewMember, Role};
    ///
    /// let memory = Memory::in_memory()?;
    /// let (tom, eva) = memory.write(Actor::system("setup"), |w| {
    ///     Ok((w.add_member(NewMember::new("Tom Okoro"))?, w.add_member(NewMember::new("Eva Stein"))?))
    /// })?;
    /// let sally = memory.write(&tom, |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.assign(sally, &tom, Role::Owner)?;
    ///     w.follow_up(sally, "Send the summer menu").due("2030-06-01").save()?;
    ///     Ok(sally)
    /// })?;
    /// memory.write(&tom, |w| w.transfer(sally, &eva, Some("new team")))?;
    /// assert_eq!(
    ///     memory.follow_ups_of(&eva)?[0].to_string(),
    ///     "Sally Marsh: Send the summer menu, until 2030-06-01 — Eva Stein, promised by Tom Okoro",
    /// );
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`] when the member has departed, when nobody owns the contact (assign it instead), or when
    /// several do or somebody else is to own it later (end what should end first).
    pub fn transfer(&mut self, contact: ContactId, to: impl Into<MemberId>, why: Option<&str>) -> Result<()> {
        let to = self.view().member(to.into())?;
        self.transfer_to(contact, &to, why).map(drop)
    }

    /// Hands many contacts to another member, each through the same entry as [`Writer::transfer`]. Returns how many
    /// changed hands. Hand it the [`View::book`] of a member who leaves; see [`Writer::depart`].
    ///
    /// # Errors
    /// As [`Writer::transfer`], for the first contact that cannot be handed over.
    pub fn transfer_all(
        &mut self,
        contacts: impl IntoIterator<Item = impl Into<ContactId>>,
        to: impl Into<MemberId>,
        why: Option<&str>,
    ) -> Result<u64> {
        let (to, mut handed) = (self.view().member(to.into())?, 0);
        for contact in contacts {
            handed += u64::from(self.transfer_to(contact.into(), &to, why)?);
        }
        Ok(handed)
    }

    /// Says whether the contact changed hands; it does not where the member owns it already.
    fn transfer_to(&mut self, contact: ContactId, to: &Member, why: Option<&str>) -> Result<bool> {
        to.must_act_here(CANNOT_LOOK_AFTER)?;
        if let Some(why) = why {
            check::text("reason", why, check::FIELD_MAX)?;
        }
        let key = self.contact_key(contact)?;
        let at = self.at_micros();
        let name = |w: &Self| w.view().contact_summary(contact).map(|c| c.name);
        match open_at(self.sql(), key, Role::Owner, at)?.as_slice() {
            [] => Err(Error::refused(match self.next_owner(key)? {
                Some(next) => will_be_looked_after(&name(self)?, &next)?,
                None => format!("nobody looks after {}; use assign", name(self)?),
            })),
            [open] if open.member == to.id => Ok(false),
            [_] if let Some(next) = self.next_owner(key)? => {
                Err(Error::refused(will_be_looked_after(&name(self)?, &next)?))
            }
            [open] => self.hand_over(contact, key, open, to, why).map(|_| true),
            several => Err(Error::refused(format!(
                "{} is looked after by {}; decide by decide_owner who does, or end all but one of these with unassign, first",
                name(self)?,
                several.iter().map(|open| open.name.as_str()).collect::<Vec<_>>().join(" and ")
            ))),
        }
    }

    /// Hands a contact, given with its key, from the owner of an open interval to another member, and the open promises of
    /// that owner with it. Returns the entry of the transfer. That the member is here and may own it is for the caller to
    /// check.
    pub(crate) fn hand_over(
        &mut self,
        contact: ContactId,
        key: i64,
        open: &Open,
        to: &Member,
        why: Option<&str>,
    ) -> Result<EntryId> {
        let cause = self.transfer_role(contact, open, to.id, why)?;
        self.because_of(cause, |w| w.hand_promises(key, |holder| holder.id == open.member, to, why))?;
        Ok(cause)
    }

    /// Closes the interval of an owner and opens one of another at the instant of the write, or when the one that closes
    /// was to begin; promises stay where they are. Returns the entry.
    pub(crate) fn transfer_role(
        &mut self,
        contact: ContactId,
        open: &Open,
        to: MemberId,
        why: Option<&str>,
    ) -> Result<EntryId> {
        let transferred = OwnershipTransferred {
            assignment: open.id,
            from: open.member,
            from_name: open.name.clone(),
            to,
            to_name: self.member_name(to)?,
            at: self.at_micros().max(open.since),
            why: why.map(str::to_owned),
        };
        self.append_id(contact, transferred)
    }

    /// Gives a member a role for a contact from the instant of the write on, and returns the entry. That the member is here
    /// and may have it is for the caller to check.
    pub(crate) fn open_role(
        &mut self,
        contact: ContactId,
        member: MemberId,
        role: Role,
        until: Option<i64>,
        why: Option<&str>,
    ) -> Result<EntryId> {
        let (member_name, since) = (self.member_name(member)?, self.at_micros());
        let why = why.map(str::to_owned);
        self.append_id(contact, OwnershipAssigned { member, member_name, role, since, until, why })
    }

    /// Ends a role at the instant of the write, or when it was to begin where that is later, and returns the entry.
    pub(crate) fn close_role(&mut self, contact: ContactId, open: &Open, why: Option<&str>) -> Result<EntryId> {
        let ended = OwnershipEnded {
            assignment: open.id,
            member: open.member,
            member_name: open.name.clone(),
            role: open.role,
            at: self.at_micros().max(open.since),
            why: why.map(str::to_owned),
        };
        self.append_id(contact, ended)
    }

    /// The first who is to own a contact after the instant of the write.
    fn next_owner(&self, contact: i64) -> Result<Option<Open>> {
        let at = self.at_micros();
        let open = open_within(self.sql(), contact, Role::Owner, (at, i64::MAX))?;
        Ok(open.into_iter().find(|open| open.since > at))
    }

    /// Ends the role of a member for a contact at the instant of the write, or before it begins where it was to begin
    /// later.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an unknown contact or member; [`Error::Refused`] when the member does not have that role and
    /// is not to have it.
    pub fn unassign(
        &mut self,
        contact: ContactId,
        member: impl Into<MemberId>,
        role: Role,
        why: Option<&str>,
    ) -> Result<()> {
        let member = member.into();
        if let Some(why) = why {
            check::text("reason", why, check::FIELD_MAX)?;
        }
        let key = self.contact_key(contact)?;
        let open = open_within(self.sql(), key, role, (self.at_micros(), i64::MAX))?;
        let Some(open) = open.iter().find(|open| open.member == member) else {
            let (member, contact) = (self.view().member(member)?, self.view().contact_summary(contact)?);
            return Err(Error::refused(format!("{} is not {role} of {contact}", member.name)));
        };
        self.close_role(contact, open, why).map(drop)
    }

    /// Ends every role that a member still has, because of an entry.
    pub(crate) fn end_roles_of(&mut self, member: MemberId, cause: EntryId) -> Result<()> {
        let open = self.sql().all(
            "SELECT c.id, a.id, m.id, m.name, a.role, a.since FROM assignment a
             JOIN contact c ON c.key = a.contact
             JOIN member m ON m.key = a.member
             WHERE a.member = $1 AND (a.until IS NULL OR a.until > $2 AND a.until > a.since)
             ORDER BY a.key",
            &[Value::Int(member_key(self.sql(), member)?), Value::Int(self.at_micros())],
            |row| Ok((ContactId(row.uuid(0)?), read_open(row, 1)?)),
        )?;
        self.because_of(cause, |w| {
            open.iter().try_for_each(|(contact, open)| w.close_role(*contact, open, Some("departed")).map(drop))
        })
    }

    /// Refuses, naming what is missing, while without these people a contact had no owner who is here, or a promise nobody
    /// to keep it.
    pub(crate) fn nothing_left_behind(&self, party: Party) -> Result<()> {
        let name = party_name(self.sql(), party)?;
        let (are, have, who) = match party {
            Party::Member(_) => ("is the only owner", "has", name),
            Party::Agency(_) => ("are the only owners", "have", format!("the people of {name}")),
        };
        let contacts = self.contacts_left_by(party)?.told("contact").map(|told| format!("{are} of {told}"));
        let promises = self.promises_left_by(party)?.told("open promise").map(|told| format!("{have} {told}"));
        let missing: Vec<String> = contacts.into_iter().chain(promises).collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(Error::refused(format!(
                "{who} {}; hand them over first, one by one with transfer and hand_on_follow_up, or all with Memory::handoff",
                missing.join("; and ")
            ))),
        }
    }

    /// The contacts that without these people would have no owner who is here, by name.
    fn contacts_left_by(&self, party: Party) -> Result<Left> {
        // The key of who leaves, and 0, which is nobody's, for what does not.
        let (member, agency) = match party {
            Party::Member(_) => (party_key(self.sql(), party)?, 0),
            Party::Agency(_) => (0, party_key(self.sql(), party)?),
        };
        let mut left = Left::default();
        self.sql().each(
            "SELECT c.name FROM contact c
             WHERE c.key IN (
                     SELECT a.contact FROM assignment a
                     WHERE a.member IN (
                             SELECT m.key FROM member m
                             WHERE (m.key = $1 OR m.agency = $2) AND m.departed_at IS NULL
                         )
                         AND a.role = 'owner'
                         AND (a.until IS NULL OR a.until > $3 AND a.until > a.since)
                 )
                 AND NOT EXISTS (
                     SELECT 1 FROM assignment b JOIN member o ON o.key = b.member
                     WHERE b.contact = c.key AND b.role = 'owner' AND b.since <= $3 AND b.until IS NULL
                         AND o.departed_at IS NULL AND o.key <> $1 AND coalesce(o.agency, -1) <> $2
                 )
             ORDER BY c.name_key, c.key",
            &[Value::Int(member), Value::Int(agency), Value::Int(self.at_micros())],
            |row| left.take(|| row.string(0)),
        )?;
        Ok(left)
    }

    /// The open promises that nobody who is here would keep, what is due first before others.
    fn promises_left_by(&self, party: Party) -> Result<Left> {
        let mut promises = Vec::new();
        for member in party_members_here(self.sql(), party)? {
            promises.extend(self.view().follow_ups_of(member.id)?);
        }
        let mut left = Left::default();
        for promise in follow_up::by_due(promises) {
            left.take(|| {
                let due = promise.due.map(|due| format!(" (until {due})")).unwrap_or_default();
                Ok(format!("{} to {}{due}", Quoted(&promise.what), promise.contact.name))
            })?;
        }
        Ok(left)
    }
}

/// What would be left behind: how many, and the first of them in words.
#[derive(Default)]
struct Left {
    count: usize,
    first: Vec<String>,
}

impl Left {
    /// So many are named; of the others it is said how many they are.
    const NAMED: usize = 5;

    fn take(&mut self, words: impl FnOnce() -> Result<String>) -> Result<()> {
        self.count += 1;
        if self.first.len() < Self::NAMED {
            self.first.push(Visible(&words()?).to_string());
        }
        Ok(())
    }

    /// `2 contacts: Ben Ito, Sally Marsh`; `None` where nothing would be left.
    fn told(&self, noun: &str) -> Option<String> {
        let told = || format!("{}: {}", Count(self.count as u64, noun), and_more(&self.first, self.count));
        (self.count > 0).then(told)
    }
}

fn read_assignment(row: &dyn Row) -> Result<Assignment> {
    Ok(Assignment {
        id: AssignmentId(row.uuid(0)?),
        member: MemberId(row.uuid(1)?),
        member_name: row.string(2)?,
        member_departed: row.int(3)? == 1,
        role: row.text(4)?.parse()?,
        since: time::from_micros(row.int(5)?)?,
        until: row.opt_int(6)?.map(time::from_micros).transpose()?,
        opened_why: row.opt_string(7)?,
        closed_why: row.opt_string(8)?,
        opened_by: Actor::read(row, 9)?
            .ok_or_else(|| Error::fault("a stored assignment", "its actor is of no known kind"))?,
        closed_by: Actor::read(row, 12)?,
    })
}

impl View<'_> {
    /// Reads everybody who looks after a contact, or did, in order of beginning: owners, backups and cover.
    pub fn owners(&self, contact: impl Into<ContactId>) -> Result<Vec<Assignment>> {
        self.assignments(self.contact_key(contact.into())?)
    }

    pub(crate) fn assignments(&self, contact: i64) -> Result<Vec<Assignment>> {
        self.sql().all(
            "SELECT a.id, m.id, m.name, m.departed_at IS NOT NULL, a.role, a.since, a.until, a.opened_why, a.closed_why,
                 o.kind, o.member, o.name, x.kind, x.member, x.name
             FROM assignment a
             JOIN member m ON m.key = a.member
             JOIN actor o ON o.key = a.opened_by
             LEFT JOIN actor x ON x.key = a.closed_by
             WHERE a.contact = $1
             ORDER BY a.since, a.key",
            &[Value::Int(contact)],
            read_assignment,
        )
    }

    /// Reads everybody who looks after the contacts between two keys, or did, by contact and in order of beginning; each with
    /// the key of the contact.
    #[cfg(any(feature = "vcard", feature = "csv"))]
    pub(crate) fn each_assignment_between(
        &self,
        (first, last): (i64, i64),
        mut each: impl FnMut(i64, Assignment) -> Result<()>,
    ) -> Result<()> {
        self.sql().each(
            "SELECT a.id, m.id, m.name, m.departed_at IS NOT NULL, a.role, a.since, a.until, a.opened_why, a.closed_why,
                 o.kind, o.member, o.name, x.kind, x.member, x.name, a.contact
             FROM assignment a
             JOIN member m ON m.key = a.member
             JOIN actor o ON o.key = a.opened_by
             LEFT JOIN actor x ON x.key = a.closed_by
             WHERE a.contact BETWEEN $1 AND $2
             ORDER BY a.contact, a.since, a.key",
            &[Value::Int(first), Value::Int(last)],
            |row| each(row.int(15)?, read_assignment(row)?),
        )
    }

    /// Reads who owned a contact at an instant; `None` when nobody did. Of several, the first to become owner.
    pub fn owner_at(&self, contact: impl Into<ContactId>, at: DateTime<Utc>) -> Result<Option<Assignment>> {
        Ok(self.owners(contact)?.into_iter().find(|a| a.role == Role::Owner && a.holds(at)))
    }

    /// Reads the book of a member: the contacts whom they own at the instant of the call, by name.
    pub fn book(&self, member: impl Into<MemberId>) -> Result<Vec<ContactSummary>> {
        self.sql().all(
            "SELECT c.id, c.kind, c.name FROM assignment a
             JOIN contact c ON c.key = a.contact
             WHERE a.member = $1 AND a.role = 'owner' AND a.since <= $2 AND (a.until IS NULL OR a.until > $2)
             ORDER BY c.name_key, c.key",
            &[Value::Int(member_key(self.sql(), member.into())?), Value::Int(self.now_micros())],
            read_summary,
        )
    }

    /// Finds the contacts whom nobody owns at the instant of the call, or only somebody who has departed, by name.
    pub fn unowned(&self) -> Result<Vec<ContactSummary>> {
        self.sql().all(
            "SELECT c.id, c.kind, c.name FROM contact c
             WHERE NOT EXISTS (
                 SELECT 1 FROM assignment a JOIN member m ON m.key = a.member
                 WHERE a.contact = c.key AND a.role = 'owner' AND a.since <= $1
                     AND (a.until IS NULL OR a.until > $1) AND m.departed_at IS NULL
             )
             ORDER BY c.name_key, c.key",
            &[Value::Int(self.now_micros())],
            read_summary,
        )
    }
}
