//! Follow-ups: what was promised to a contact, by whom, until when, and what became of it.
//!
//! A follow-up moves with its contact: when the contact goes to another owner, so do the open promises of the old one. It
//! keeps its due date, and who made it.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::check;
use crate::contact::ContactSummary;
use crate::error::{Error, Result};
use crate::id::{ContactId, FollowUpId, MemberId, NoteId};
use crate::journal::{Applied, Subject, Writer};
use crate::member::{Member, member_key};
use crate::memory::View;
use crate::store::{Row, RowExt, Sql, SqlExt, Value};
use crate::time::{self, Precision, When};
use crate::verify::Table;
use crate::word::words;
use crate::wording::{Quoted, Visible};

words! {
    /// What became of a promise.
    FollowUpState "state of a promise" {
        /// It awaits somebody.
        Open "open",
        /// It was kept.
        Done "done",
        /// It will not be kept.
        Dropped "dropped",
    }
}

/// A member to whom a promise is, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Keeper {
    /// The id.
    pub id: MemberId,
    /// The name, as it is today.
    pub name: String,
    /// Whether they have left.
    pub departed: bool,
}

/// A promise to a contact as it stands.
///
/// As text it is one line: to whom, what, until when, who keeps it, and who promised it or passed it on where that is
/// somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FollowUp {
    /// The id.
    pub id: FollowUpId,
    /// To whom it was made.
    pub contact: ContactSummary,
    /// What was promised.
    pub what: String,
    /// Until when: a day, a month or a year until its end.
    pub due: Option<When>,
    /// Whether it was open at the instant of reading although what it is due until was over; see
    /// [`FollowUp::is_overdue_at`].
    pub overdue: bool,
    /// The note in which it was promised, where the reader may read that.
    pub note: Option<NoteId>,
    /// Who was to keep it first, for good.
    pub first_owner: Keeper,
    /// Who is to keep it.
    pub owner: Keeper,
    /// When it was written down.
    pub added_at: DateTime<Utc>,
    /// Who wrote it down.
    pub added_by: Actor,
    /// Their name, as it is today.
    pub added_by_name: String,
    /// What became of it.
    pub state: FollowUpState,
    /// When it was done or dropped.
    pub ended_at: Option<DateTime<Utc>>,
    /// By whom it was done or dropped.
    pub ended_by: Option<Actor>,
    /// Their name, as it is today.
    pub ended_by_name: Option<String>,
    /// What came of it, or why it was dropped.
    pub ended_why: Option<String>,
}

/// An open promise to a contact, in short: as a plan moves it, and as a question of a debrief mentions it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OpenPromise {
    /// The follow-up.
    pub follow_up: FollowUpId,
    /// What was promised.
    pub what: String,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<When>,
}

impl FollowUp {
    /// Whether it awaits somebody.
    pub fn is_open(&self) -> bool {
        self.state == FollowUpState::Open
    }

    /// Whether it awaits somebody although, at an instant, what it is due until is over: a day counts until it ends.
    pub fn is_overdue_at(&self, at: DateTime<Utc>) -> bool {
        self.is_open() && self.due.is_some_and(|due| due.end() <= at)
    }

    /// Its place in a list: what ends first comes first, what is due on no day comes last.
    fn order(&self) -> (bool, Option<DateTime<Utc>>) {
        (self.due.is_none(), self.due.map(When::end))
    }

    /// The promise without the name of the contact, on one line.
    pub(crate) fn terms(&self) -> String {
        let due = self.due.map(|due| format!(", until {due}")).unwrap_or_default();
        let overdue = if self.overdue { " (overdue)" } else { "" };
        let departed = if self.owner.departed { " (has departed)" } else { "" };
        let line =
            format!("{}{due}{overdue} — {}{departed}{}{}", self.what, self.owner.name, self.past(), self.ending());
        line.replace('\n', " ")
    }

    /// Who promised it, and who passed it on, where that is another than who keeps it.
    fn past(&self) -> String {
        let mut past = String::new();
        if self.first_owner.id != self.owner.id {
            past = format!(", promised by {}", self.first_owner.name);
        }
        if self.added_by.member().is_some_and(|member| member != self.owner.id && member != self.first_owner.id) {
            past = format!("{past}, passed on by {}", self.added_by_name);
        }
        past
    }

    /// In square brackets what became of it, when, by whom where that is not who was to keep it, and why.
    fn ending(&self) -> String {
        let Some(at) = self.ended_at else { return String::new() };
        let by = match (&self.ended_by, &self.ended_by_name) {
            (Some(Actor::Member(member)), _) if *member == self.owner.id => String::new(),
            (_, Some(name)) => format!(" by {name}"),
            (_, None) => String::new(),
        };
        let why = self.ended_why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!(" [{} on {}{by}{why}]", self.state, at.date_naive())
    }
}

impl fmt::Display for FollowUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Visible(&format!("{}: {}", self.contact.name.replace('\n', " "), self.terms())))
    }
}

impl From<&FollowUp> for FollowUpId {
    fn from(follow_up: &FollowUp) -> Self {
        follow_up.id
    }
}

impl From<&FollowUp> for Subject {
    fn from(follow_up: &FollowUp) -> Self {
        follow_up.id.into()
    }
}

/// `follow_up.added`: something was promised to a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FollowUpAdded {
    /// To whom.
    pub contact: ContactId,
    /// What was promised.
    pub what: String,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<When>,
    /// Who is to keep it.
    pub owner: MemberId,
    /// Their name, as it was then.
    pub owner_name: String,
    /// The note in which it was promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<NoteId>,
}

/// `follow_up.handed`: a promise is another member's to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FollowUpHanded {
    /// What was promised.
    pub what: String,
    /// Who was to keep it.
    pub from: MemberId,
    /// Their name, as it was then.
    pub from_name: String,
    /// Who is to keep it from here on.
    pub to: MemberId,
    /// Their name, as it was then.
    pub to_name: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// `follow_up.rescheduled`: a promise is due on another day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FollowUpRescheduled {
    /// What was promised.
    pub what: String,
    /// Until when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<When>,
    /// Until when it is from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<When>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// `follow_up.done`: a promise was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FollowUpDone {
    /// What was promised.
    pub what: String,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

/// `follow_up.dropped`: a promise will not be kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FollowUpDropped {
    /// What was promised.
    pub what: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// `follow_up.reopened`: a promise that was done or dropped is open again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FollowUpReopened {
    /// What was promised.
    pub what: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The tables of this noun.
pub(crate) const TABLES: &[Table] = &[Table {
    name: "follow_up",
    clear: "DELETE FROM follow_up",
    scan: "SELECT * FROM follow_up ORDER BY key",
    of: &["follow_up"],
    forget: "DELETE FROM follow_up WHERE key = $1",
}];

pub(crate) fn apply_added(sql: &dyn Sql, entry: &Applied<'_>, change: &FollowUpAdded) -> Result<()> {
    let owner = member_key(sql, change.owner)?;
    sql.execute(
        "INSERT INTO follow_up (key, id, contact, what, due, due_precision, note, first_owner, owner, added_at,
             added_by, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'open')",
        &[
            Value::Int(entry.subject),
            (&entry.id.0).into(),
            Value::Int(entry.contact_key(sql, change.contact)?),
            Value::Text(&change.what),
            change.due.map(When::micros).into(),
            change.due.map(|due| due.precision().code()).into(),
            change.note.as_ref().map(|note| note.0.as_bytes().as_slice()).into(),
            Value::Int(owner),
            Value::Int(owner),
            Value::Int(entry.at),
            Value::Int(entry.actor),
        ],
    )?;
    Ok(())
}

pub(crate) fn apply_handed(sql: &dyn Sql, entry: &Applied<'_>, change: &FollowUpHanded) -> Result<()> {
    sql.execute(
        "UPDATE follow_up SET owner = $1 WHERE key = $2",
        &[Value::Int(member_key(sql, change.to)?), Value::Int(entry.subject)],
    )?;
    Ok(())
}

pub(crate) fn apply_rescheduled(sql: &dyn Sql, entry: &Applied<'_>, change: &FollowUpRescheduled) -> Result<()> {
    sql.execute(
        "UPDATE follow_up SET due = $1, due_precision = $2 WHERE key = $3",
        &[
            change.to.map(When::micros).into(),
            change.to.map(|due| due.precision().code()).into(),
            Value::Int(entry.subject),
        ],
    )?;
    Ok(())
}

pub(crate) fn apply_ended(sql: &dyn Sql, entry: &Applied<'_>, state: FollowUpState, why: Option<&str>) -> Result<()> {
    sql.execute(
        "UPDATE follow_up SET state = $1, ended_at = $2, ended_by = $3, ended_why = $4 WHERE key = $5",
        &[
            Value::Text(state.word()),
            Value::Int(entry.at),
            Value::Int(entry.actor),
            why.into(),
            Value::Int(entry.subject),
        ],
    )?;
    Ok(())
}

pub(crate) fn apply_reopened(sql: &dyn Sql, entry: &Applied<'_>) -> Result<()> {
    sql.execute(
        "UPDATE follow_up SET state = 'open', ended_at = NULL, ended_by = NULL, ended_why = NULL WHERE key = $1",
        &[Value::Int(entry.subject)],
    )?;
    Ok(())
}

/// Who holds an open promise.
pub(crate) struct Holder {
    /// The key of the member.
    key: i64,
    /// The member.
    pub(crate) id: MemberId,
    /// Their name, as it is today.
    name: String,
}

/// A promise that is being written down. Nothing is kept before [`FollowUpDraft::save`].
#[must_use = "a promise is kept in mind when save is called on it"]
#[derive(Debug)]
pub struct FollowUpDraft<'w, 'm> {
    writer: &'w mut Writer<'m>,
    contact: ContactId,
    what: String,
    due: Option<Result<When>>,
    note: Option<NoteId>,
    owner: Option<MemberId>,
}

impl FollowUpDraft<'_, '_> {
    /// Says until when: an instant, a day, `"2025-06"`; a day, a month or a year until its end.
    pub fn due<T>(mut self, due: T) -> Self
    where
        T: TryInto<When>,
        T::Error: Into<Error>,
    {
        self.due = Some(due.try_into().map_err(Into::into));
        self
    }

    /// Names the note in which it was promised, which is about the same contact.
    pub const fn from_note(mut self, note: NoteId) -> Self {
        self.note = Some(note);
        self
    }

    /// Says who is to keep it; the member who acts unless said.
    pub fn owner(mut self, member: impl Into<MemberId>) -> Self {
        self.owner = Some(member.into());
        self
    }

    /// Keeps the promise in mind and returns its id.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty text, a due date outside the years 1 to 9999, a note that is retracted or about
    /// others, and where no member acts and none was named; [`Error::Unknown`] for an unknown contact or member, and for
    /// a note that does not exist or that the actor may not read; [`Error::Refused`] when the owner has departed.
    pub fn save(self) -> Result<FollowUpId> {
        check::text("text of the promise", &self.what, check::FIELD_MAX)?;
        self.writer.contact_key(self.contact)?;
        let due = self.due.transpose()?;
        if let Some(note) = self.note {
            self.writer.note_of_promise(note, self.contact)?;
        }
        let owner = self.writer.keeper(self.owner)?;
        let (contact, what, note) = (self.contact, self.what, self.note);
        let added = FollowUpAdded { contact, what, due, owner: owner.id, owner_name: owner.name, note };
        self.writer.create(added).map(FollowUpId)
    }
}

impl<'m> Writer<'m> {
    /// Begins to write down a promise to a contact; call [`FollowUpDraft::save`] to keep it. Every member may read what
    /// was promised, also where the note that it came from is private.
    ///
    /// It is for the member who acts to keep, or for whom [`FollowUpDraft::owner`] names: a complaint that reaches the
    /// chief and is for another team to answer keeps both names.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact, NewMember, NoteKind};
    ///
    /// let memory = Memory::in_memory()?;
    /// let (chief, tom) = memory.write(Actor::system("setup"), |w| {
    ///     Ok((w.add_member(NewMember::new("Ada Stone"))?, w.add_member(NewMember::new("Tom Okoro"))?))
    /// })?;
    /// let promise = memory.write(&chief, |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     let complaint = w.note(sally, "Waited an hour for the soup").kind(NoteKind::Complaint).save()?;
    ///     w.follow_up(sally, "Tell her what went wrong").due("2030-06-01").from_note(complaint).owner(&tom).save()
    /// })?;
    /// assert_eq!(
    ///     memory.follow_up(promise)?.to_string(),
    ///     "Sally Marsh: Tell her what went wrong, until 2030-06-01 — Tom Okoro, passed on by Ada Stone",
    /// );
    /// memory.write(&tom, |w| w.finish_follow_up(promise, Some("she comes again on Friday")))?;
    /// assert!(memory.follow_ups_of(&tom)?.is_empty());
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub fn follow_up<'w>(&'w mut self, contact: ContactId, what: impl Into<String>) -> FollowUpDraft<'w, 'm> {
        FollowUpDraft { writer: self, contact, what: what.into(), due: None, note: None, owner: None }
    }

    /// Hands an open promise to another member to keep. Its due date stays, and so does the name of who made it. Nothing
    /// happens when the member has it already.
    ///
    /// ```
    /// # use heirloom::{Actor, Memory, NewContact, NewMember};
    /// # let memory = Memory::in_memory()?;
    /// # let (mia, tom) = memory.write(Actor::system("setup"), |w| {
    /// #     Ok((w.add_member(NewMember::new("Mia Okafor"))?, w.add_member(NewMember::new("Tom Okoro"))?))
    /// # })?;
    /// let promise = memory.write(&mia, |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.follow_up(sally, "Send the summer menu").due("2030-06").save()
    /// })?;
    /// memory.write(&mia, |w| w.hand_on_follow_up(promise, &tom, Some("he knows the kitchen")))?;
    /// assert_eq!(
    ///     memory.follow_ups_of(&tom)?[0].to_string(),
    ///     "Sally Marsh: Send the summer menu, until 2030-06 — Tom Okoro, promised by Mia Okafor",
    /// );
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`] when the member has departed, or when the promise was done or dropped; [`Error::Unknown`] for
    /// an unknown promise or member.
    pub fn hand_on_follow_up(
        &mut self,
        id: impl Into<FollowUpId>,
        to: impl Into<MemberId>,
        why: Option<&str>,
    ) -> Result<()> {
        checked("reason", why)?;
        let open = self.open_follow_up(id.into())?;
        let to = self.keeper(Some(to.into()))?;
        match open.owner.id == to.id {
            true => Ok(()),
            false => {
                let (what, from, from_name) = (open.what, open.owner.id, open.owner.name);
                let (to, to_name, why) = (to.id, to.name, why.map(str::to_owned));
                self.append(open.id, FollowUpHanded { what, from, from_name, to, to_name, why })
            }
        }
    }

    /// Hands the open promises of one member to a contact, each given by its key, to another member.
    pub(crate) fn hand_follow_ups(&mut self, contact: i64, from: i64, to: &Member, why: Option<&str>) -> Result<()> {
        self.hand_promises(contact, |holder| holder.key == from, to, why)
    }

    /// Hands those open promises to a contact, given by its key, to a member whose holders are so.
    pub(crate) fn hand_promises(
        &mut self,
        contact: i64,
        is_so: impl Fn(&Holder) -> bool,
        to: &Member,
        why: Option<&str>,
    ) -> Result<()> {
        // By the contact and not by the holder, who may have as many promises as there are contacts to hand over.
        let open = self.sql().all(
            "SELECT u.id, u.what, m.key, m.id, m.name FROM follow_up u
             JOIN member m ON m.key = u.owner
             WHERE u.contact = $1 AND u.state = 'open'
             ORDER BY u.key",
            &[Value::Int(contact)],
            |row| {
                let holder = Holder { key: row.int(2)?, id: MemberId(row.uuid(3)?), name: row.string(4)? };
                Ok((FollowUpId(row.uuid(0)?), row.string(1)?, holder))
            },
        )?;
        open.into_iter().filter(|(.., holder)| is_so(holder)).try_for_each(|(id, what, holder)| {
            let (to, to_name, why) = (to.id, to.name.clone(), why.map(str::to_owned));
            self.append(id, FollowUpHanded { what, from: holder.id, from_name: holder.name, to, to_name, why })
        })
    }

    /// Moves the day until which an open promise is to be kept; `None` for no day. Nothing happens when it is that day
    /// already.
    ///
    /// ```
    /// # use heirloom::{Actor, Memory, NewContact, NewMember};
    /// use heirloom::When;
    /// # let memory = Memory::in_memory()?;
    /// # let mia = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Mia Okafor")))?;
    /// # let promise = memory.write(&mia, |w| {
    /// #     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    /// #     w.follow_up(sally, "Send the summer menu").due("2030-06").save()
    /// # })?;
    ///
    /// let july: When = "2030-07".parse()?;
    /// memory.write(&mia, |w| w.reschedule_follow_up(promise, july, Some("the printer is late")))?;
    /// assert_eq!(memory.follow_up(promise)?.due, Some(july));
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`] when the promise was done or dropped; [`Error::Unknown`] for an unknown promise.
    pub fn reschedule_follow_up(
        &mut self,
        id: impl Into<FollowUpId>,
        due: impl Into<Option<When>>,
        why: Option<&str>,
    ) -> Result<()> {
        checked("reason", why)?;
        let (open, to) = (self.open_follow_up(id.into())?, due.into());
        let why = why.map(str::to_owned);
        match open.due == to {
            true => Ok(()),
            false => self.append(open.id, FollowUpRescheduled { what: open.what, from: open.due, to, why }),
        }
    }

    /// Says that an open promise was kept, and what came of it.
    ///
    /// # Errors
    /// [`Error::Refused`] when it was done or dropped already; [`Error::Unknown`] for an unknown promise.
    pub fn finish_follow_up(&mut self, id: impl Into<FollowUpId>, outcome: Option<&str>) -> Result<()> {
        checked("outcome", outcome)?;
        let open = self.open_follow_up(id.into())?;
        self.append(open.id, FollowUpDone { what: open.what, outcome: outcome.map(str::to_owned) })
    }

    /// Says that an open promise will not be kept.
    ///
    /// # Errors
    /// [`Error::Refused`] when it was done or dropped already; [`Error::Unknown`] for an unknown promise.
    pub fn drop_follow_up(&mut self, id: impl Into<FollowUpId>, why: Option<&str>) -> Result<()> {
        checked("reason", why)?;
        let open = self.open_follow_up(id.into())?;
        self.append(open.id, FollowUpDropped { what: open.what, why: why.map(str::to_owned) })
    }

    /// Opens a promise again that was done or dropped; it is for the same member to keep, until the same day.
    ///
    /// ```
    /// # use heirloom::{Actor, Memory, NewContact, NewMember};
    /// # let memory = Memory::in_memory()?;
    /// # let mia = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Mia Okafor")))?;
    /// # let promise = memory.write(&mia, |w| {
    /// #     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    /// #     w.follow_up(sally, "Send the summer menu").due("2030-06").save()
    /// # })?;
    /// memory.write(&mia, |w| w.drop_follow_up(promise, Some("there will be none")))?;
    /// memory.write(&mia, |w| w.reopen_follow_up(promise, Some("the chef wrote one after all")))?;
    /// assert!(memory.follow_up(promise)?.is_open());
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`] when it is open, or when the member who was to keep it has departed; [`Error::Unknown`] for an
    /// unknown promise.
    pub fn reopen_follow_up(&mut self, id: impl Into<FollowUpId>, why: Option<&str>) -> Result<()> {
        checked("reason", why)?;
        let ended = self.view().follow_up(id)?;
        if ended.is_open() {
            return Err(Error::refused(format!("the promise {} is open already", named(&ended))));
        }
        if ended.owner.departed {
            return Err(Error::refused(format!(
                "the promise {} was for {} to keep, who has departed; write it down anew with follow_up, for a member who \
                 is here",
                named(&ended),
                ended.owner.name
            )));
        }
        self.append(ended.id, FollowUpReopened { what: ended.what, why: why.map(str::to_owned) })
    }

    /// A promise that awaits somebody.
    fn open_follow_up(&self, id: FollowUpId) -> Result<FollowUp> {
        let found = self.view().follow_up(id)?;
        match found.ended_at {
            None => Ok(found),
            Some(at) => Err(Error::refused(format!(
                "the promise {} was {} on {}{}; open it again first, with reopen_follow_up",
                named(&found),
                found.state,
                at.date_naive(),
                found.ended_by_name.as_ref().map(|name| format!(" by {name}")).unwrap_or_default(),
            ))),
        }
    }

    /// The member who is to keep a promise: who was named, or else who acts.
    fn keeper(&self, named: Option<MemberId>) -> Result<Member> {
        let Some(id) = named.or(self.actor().member()) else {
            let why = "no member acts here, so say with owner who is to keep it";
            return Err(Error::invalid("owner of the promise", why));
        };
        let member = self.view().member(id)?;
        member.must_act_here("can keep no promise")?;
        Ok(member)
    }

    /// Takes a note for that in which something was promised to a contact.
    fn note_of_promise(&self, id: NoteId, contact: ContactId) -> Result<()> {
        const WHAT: &str = "note of the promise";
        let note = self.view().note(id)?;
        if let Some(at) = note.retracted_at {
            return Err(Error::invalid(WHAT, format!("it was retracted on {}", at.date_naive())));
        }
        let about = self.view().note_contacts(id)?;
        if about.iter().any(|other| other.id == contact) {
            return Ok(());
        }
        let promised = self.view().contact_summary(contact)?.name;
        let others: Vec<&str> = about.iter().map(|other| other.name.as_str()).collect();
        Err(Error::invalid(WHAT, format!("it is about {} and not about {promised}", others.join(" and "))))
    }
}

/// Takes a reason or an outcome, where there is one.
fn checked(what: &'static str, words: Option<&str>) -> Result<()> {
    words.map_or(Ok(()), |words| check::text(what, words, check::FIELD_MAX))
}

/// What was promised to whom, as an error names it.
fn named(promise: &FollowUp) -> String {
    format!("{} to {}", Quoted(&promise.what), promise.contact.name)
}

/// The rows of promises as [`read_follow_up`] reads them, for the viewer `$1`.
macro_rules! follow_up_query {
    ($rest:literal) => {
        concat!(
            "SELECT u.id, c.id, c.kind, c.name, u.what, u.due, u.due_precision, n.id,
                 f.id, f.name, f.departed_at IS NOT NULL, o.id, o.name, o.departed_at IS NOT NULL,
                 u.added_at, a.kind, a.member, a.name, am.name, u.state,
                 u.ended_at, x.kind, x.member, x.name, xm.name, u.ended_why
             FROM follow_up u
             JOIN contact c ON c.key = u.contact
             JOIN member f ON f.key = u.first_owner
             JOIN member o ON o.key = u.owner
             JOIN actor a ON a.key = u.added_by
             LEFT JOIN member am ON am.id = a.member
             LEFT JOIN actor x ON x.key = u.ended_by
             LEFT JOIN member xm ON xm.id = x.member
             LEFT JOIN entry p ON p.id = u.note
             LEFT JOIN note n ON n.key = p.seq AND ($1 = 0 OR n.private_to IS NULL OR n.private_to = $1)
             ",
            $rest
        )
    };
}

/// Reads a promise; the instant of reading tells whether it is overdue.
fn read_follow_up(row: &dyn Row, at: DateTime<Utc>) -> Result<FollowUp> {
    let (added_by, added_by_name) =
        read_actor(row, 15)?.ok_or_else(|| Error::fault("a stored promise", "its actor is of no known kind"))?;
    let (ended_by, ended_by_name) = read_actor(row, 21)?.unzip();
    let mut read = FollowUp {
        id: FollowUpId(row.uuid(0)?),
        contact: ContactSummary { id: ContactId(row.uuid(1)?), kind: row.text(2)?.parse()?, name: row.string(3)? },
        what: row.string(4)?,
        due: read_due(row, 5)?,
        overdue: false,
        note: row.opt_uuid(7)?.map(NoteId),
        first_owner: read_keeper(row, 8)?,
        owner: read_keeper(row, 11)?,
        added_at: time::from_micros(row.int(14)?)?,
        added_by,
        added_by_name,
        state: row.text(19)?.parse()?,
        ended_at: row.opt_int(20)?.map(time::from_micros).transpose()?,
        ended_by,
        ended_by_name,
        ended_why: row.opt_string(25)?,
    };
    read.overdue = read.is_overdue_at(at);
    Ok(read)
}

/// Reads an open promise from its id, its text and its due date, in columns that follow each other.
pub(crate) fn read_open_promise(row: &dyn Row, first: usize) -> Result<OpenPromise> {
    let follow_up = FollowUpId(row.uuid(first)?);
    Ok(OpenPromise { follow_up, what: row.string(first + 1)?, due: read_due(row, first + 2)? })
}

/// Reads until when a promise is due, from its beginning and its precision; `None` where it is due on no day.
fn read_due(row: &dyn Row, first: usize) -> Result<Option<When>> {
    let Some((start, precision)) = row.opt_int(first)?.zip(row.opt_int(first + 1)?) else { return Ok(None) };
    Ok(Some(When::stored(start, Precision::from_code(precision)?)))
}

fn read_keeper(row: &dyn Row, first: usize) -> Result<Keeper> {
    Ok(Keeper { id: MemberId(row.uuid(first)?), name: row.string(first + 1)?, departed: row.int(first + 2)? == 1 })
}

/// Reads an actor and the name under which it writes today.
fn read_actor(row: &dyn Row, first: usize) -> Result<Option<(Actor, String)>> {
    let Some(actor) = Actor::read(row, first)? else { return Ok(None) };
    let name = match row.opt_text(first + 3)? {
        Some(member) => actor.author_name(member),
        None => actor.name().to_owned(),
    };
    Ok(Some((actor, name)))
}

impl View<'_> {
    /// Counts the promises to the contacts between two keys, open or not.
    #[cfg(any(feature = "vcard", feature = "csv"))]
    pub(crate) fn count_follow_ups_of_contacts(&self, first: i64, last: i64) -> Result<u64> {
        self.sql().one(
            "SELECT count(*) FROM follow_up WHERE contact BETWEEN $1 AND $2",
            &[Value::Int(first), Value::Int(last)],
            |row| Ok(row.int(0)?.unsigned_abs()),
        )
    }

    /// Reads a promise, open or not.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such promise.
    pub fn follow_up(&self, id: impl Into<FollowUpId>) -> Result<FollowUp> {
        let (id, at) = (id.into(), time::from_micros(self.now_micros())?);
        self.sql()
            .first(
                follow_up_query!("WHERE u.key = (SELECT seq FROM entry WHERE id = $2)"),
                &[Value::Int(self.viewer()), (&id.0).into()],
                |row| read_follow_up(row, at),
            )?
            .ok_or_else(|| crate::erasure::missing(self.sql(), "follow-up", id.0))
    }

    /// Reads all promises to a contact: the open ones first, what is due first before all; then what was done or dropped,
    /// the last first.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such contact.
    pub fn follow_ups(&self, contact: impl Into<ContactId>) -> Result<Vec<FollowUp>> {
        let (key, at) = (self.contact_key(contact.into())?, time::from_micros(self.now_micros())?);
        let mut all = self.sql().all(
            follow_up_query!("WHERE u.contact = $2 ORDER BY u.ended_at DESC, u.due, u.key"),
            &[Value::Int(self.viewer()), Value::Int(key)],
            |row| read_follow_up(row, at),
        )?;
        all.sort_by_key(|promise| (!promise.is_open(), promise.is_open().then(|| promise.order())));
        Ok(all)
    }

    /// Reads the open promises to a contact, by its key: what is due first comes first.
    pub(crate) fn open_follow_ups(&self, contact: i64) -> Result<Vec<FollowUp>> {
        let at = time::from_micros(self.now_micros())?;
        self.sql()
            .all(
                follow_up_query!("WHERE u.contact = $2 AND u.state = 'open' ORDER BY u.due, u.key"),
                &[Value::Int(self.viewer()), Value::Int(contact)],
                |row| read_follow_up(row, at),
            )
            .map(by_due)
    }

    /// Reads the open promises that a member is to keep: what is due first comes first, what is due on no day last.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such member.
    pub fn follow_ups_of(&self, member: impl Into<MemberId>) -> Result<Vec<FollowUp>> {
        let (key, at) = (member_key(self.sql(), member.into())?, time::from_micros(self.now_micros())?);
        self.sql()
            .all(
                follow_up_query!("WHERE u.owner = $2 AND u.state = 'open' ORDER BY u.due, u.key"),
                &[Value::Int(self.viewer()), Value::Int(key)],
                |row| read_follow_up(row, at),
            )
            .map(by_due)
    }

    /// Reads the open promises of everybody whose time has come by an instant: what is overdue, and what is due on the
    /// day, in the month or in the year of that instant. What is due first comes first; what is due on no day is not
    /// among them.
    ///
    /// ```
    /// use heirloom::chrono::{TimeDelta, Utc};
    /// use heirloom::{Actor, Memory, NewContact, NewMember};
    ///
    /// let memory = Memory::in_memory()?;
    /// let mia = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Mia Okafor")))?;
    /// let today = Utc::now().date_naive();
    /// memory.write(&mia, |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.follow_up(sally, "Ask how the party was").due(today + TimeDelta::days(9)).save()?;
    ///     w.follow_up(sally, "Send the summer menu").due(today).save()?;
    ///     w.follow_up(sally, "Call back").due(today - TimeDelta::days(2)).save()
    /// })?;
    /// for promise in memory.due_by(Utc::now() + TimeDelta::days(1))? {
    ///     println!("{promise}"); // to call back, which is overdue, and to send the menu
    /// }
    /// # assert_eq!(memory.due_by(Utc::now() + TimeDelta::days(1))?.len(), 2);
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub fn due_by(&self, instant: DateTime<Utc>) -> Result<Vec<FollowUp>> {
        let at = time::from_micros(self.now_micros())?;
        self.sql()
            .all(
                follow_up_query!("WHERE u.state = 'open' AND u.due <= $2 ORDER BY u.due, u.key"),
                &[Value::Int(self.viewer()), Value::Int(instant.timestamp_micros())],
                |row| read_follow_up(row, at),
            )
            .map(by_due)
    }
}

/// Puts promises in the order in which their time ends; those of the same end stay in the order in which they were read.
pub(crate) fn by_due(mut promises: Vec<FollowUp>) -> Vec<FollowUp> {
    promises.sort_by_key(FollowUp::order);
    promises
}
