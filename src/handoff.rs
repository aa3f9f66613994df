//! Handoffs: what a leaver looks after goes to named successors, in one step that loses nothing and can be undone.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::contact::{ContactSummary, read_summary};
use crate::error::{Error, Result};
use crate::id::{AgencyId, HandoffId, MemberId, NoteId, QuestionId};
use crate::journal::{Applied, Head};
use crate::member::{Party, member_key, party_key};
use crate::memory::View;
use crate::store::{Row, RowExt, Sql, SqlExt, Value};
use crate::time;
use crate::verify::Table;
use crate::word::words;

mod plan;
mod receipt;
mod shown;
mod steps;
mod undo;

pub use plan::{Gap, Plan, PlanChange, PlanItem, Planner, Unheeded};
pub use receipt::Receipt;
pub use undo::{LeftAlone, Undone};

words! {
    /// What becomes of the private notes of a leaver. It is decided by their author, or by the host.
    Fate "fate of private notes" {
        /// The successor reads them from then on, instead of their author.
        Release "release",
        /// Nobody reads them until they are opened for a stated reason.
        Seal "seal",
        /// They stay as they are, private to their author, also when the author has departed.
        Withhold "withhold",
    }
}

words! {
    /// A stage of a gradual handoff, for those who coach their successor; in order.
    Stage "stage" {
        /// The successor reads along and follows.
        Shadow "shadow",
        /// Both are owners.
        Share "share",
        /// The successor is the owner, the leaver the backup.
        Hold "hold",
    }
}

words! {
    /// Where a handoff stands.
    HandoffState "state of a handoff" {
        /// Successors are asked; nothing has changed hands, or only in stages.
        Offered "offered",
        /// It was carried out.
        Completed "completed",
        /// It was called off before it was carried out.
        Withdrawn "withdrawn",
        /// It was carried out, and taken back.
        Undone "undone",
    }
}

words! {
    /// Where one contact stands in a handoff.
    ItemState "state of a contact in a handoff" {
        /// The successor has not answered.
        Offered "offered",
        /// The successor has read the brief, and takes it.
        Accepted "accepted",
        /// The successor does not take it: it is to be offered to somebody else, or taken out.
        Declined "declined",
        /// It was taken out, and stays with the leaver.
        Kept "kept",
    }
}

/// A party of a handoff, with its name as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NamedParty {
    /// The member or the agency.
    pub party: Party,
    /// Its name.
    pub name: String,
}

/// A stage, and until when it is planned to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StagePlanned {
    /// The stage.
    pub stage: Stage,
    /// Until when, in microseconds since 1970.
    pub until: i64,
}

/// `handoff.offered`: what a leaver looks after was offered to successors. The contacts follow, an entry each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HandoffOffered {
    /// Why.
    pub reason: String,
    /// Who leaves.
    pub leavers: Vec<NamedParty>,
    /// How many contacts are offered.
    pub contacts: u64,
    /// The stages of a gradual handoff.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StagePlanned>,
}

impl HandoffOffered {
    /// A handoff whose first entry only a newer heirloom reads.
    pub(crate) fn newer() -> Self {
        let reason = "a reason that a newer heirloom knows".to_owned();
        Self { reason, leavers: Vec::new(), contacts: 0, stages: Vec::new() }
    }
}

/// `handoff.staged`: a gradual handoff came to its next stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HandoffStaged {
    /// The stage.
    pub stage: Stage,
    /// Until when it is planned to last, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// What the successors have yet to learn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub still_to_learn: Option<String>,
}

/// `handoff.completed`: a handoff was carried out. What it did follows, caused by this entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HandoffCompleted {
    /// How many contacts it holds.
    pub contacts: u64,
}

/// What one successor took over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Takeover {
    /// The successor.
    pub member: MemberId,
    /// Their name, as it was then.
    pub name: String,
    /// How many contacts.
    pub contacts: u64,
    /// Of how many other contacts, whose owner another is, only promises or private notes.
    pub besides: u64,
}

/// `handoff.receipted`: what a handoff, or its undoing, came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HandoffReceipted {
    /// Whether it was completed or undone.
    pub outcome: HandoffState,
    /// The head of the journal after all that it did.
    pub head: Head,
    /// Who leaves, by their names then.
    pub leavers: Vec<NamedParty>,
    /// The name of who carried it out, as it was then.
    pub by_name: String,
    /// What each successor took over, or had taken over where it is undone.
    pub successors: Vec<Takeover>,
    /// How many entries it wrote, by the word of their kind.
    pub counts: BTreeMap<String, u64>,
    /// How many private notes of those who leave stayed private to their author, about whomever they are.
    pub withheld: u64,
    /// How many questions of successors have no answer.
    pub unanswered: u64,
    /// How much an undoing left as it was, because it had changed since.
    pub left_alone: u64,
}

/// `handoff.withdrawn`: a handoff was called off before it was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HandoffWithdrawn {
    /// Why.
    pub why: String,
}

/// `handoff.undone`: a handoff was taken back. What it did follows, caused by this entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HandoffUndone {
    /// Why.
    pub why: String,
}

/// `ownership.offered`: a contact was offered to a successor in a handoff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OwnershipOffered {
    /// The handoff.
    pub handoff: HandoffId,
    /// Who leaves.
    pub leaver: MemberId,
    /// Their name, as it was then.
    pub leaver_name: String,
    /// To whom it is offered.
    pub successor: MemberId,
    /// Their name, as it was then.
    pub successor_name: String,
    /// Whether the leaver is an owner; if not, it is about promises and private notes alone.
    pub owned: bool,
    /// What becomes of the private notes of the leaver about the contact.
    pub private_notes: Fate,
}

/// `ownership.accepted`: a successor takes a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OwnershipAccepted {
    /// The handoff.
    pub handoff: HandoffId,
    /// As of when the successor read the brief, in microseconds since 1970.
    pub brief_read_at: i64,
}

/// `ownership.declined`: a successor does not take a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OwnershipDeclined {
    /// The handoff.
    pub handoff: HandoffId,
    /// Why.
    pub why: String,
}

/// `ownership.kept`: a contact was taken out of a handoff, and stays with who has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OwnershipKept {
    /// The handoff.
    pub handoff: HandoffId,
    /// Why.
    pub why: String,
}

/// `ownership.asked`: a successor asks about a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OwnershipAsked {
    /// The handoff.
    pub handoff: HandoffId,
    /// The question.
    pub question: String,
}

/// `ownership.answered`: a question about a contact was answered by a note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OwnershipAnswered {
    /// The question.
    pub question: QuestionId,
    /// The answer.
    pub note: NoteId,
}

/// The tables of this noun.
pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "handoff",
        clear: "DELETE FROM handoff",
        scan: "SELECT * FROM handoff ORDER BY key",
        of: &["handoff"],
        forget: "DELETE FROM handoff WHERE key = $1",
    },
    Table {
        name: "handoff_leaver",
        clear: "DELETE FROM handoff_leaver",
        scan: "SELECT * FROM handoff_leaver ORDER BY handoff, party",
        of: &["handoff"],
        forget: "DELETE FROM handoff_leaver WHERE handoff = $1",
    },
    Table {
        name: "handoff_stage",
        clear: "DELETE FROM handoff_stage",
        scan: "SELECT * FROM handoff_stage ORDER BY handoff, stage",
        of: &["handoff"],
        forget: "DELETE FROM handoff_stage WHERE handoff = $1",
    },
    Table {
        name: "handoff_item",
        clear: "DELETE FROM handoff_item",
        scan: "SELECT * FROM handoff_item ORDER BY handoff, contact, leaver",
        of: &["contact"],
        forget: "DELETE FROM handoff_item WHERE contact = $1",
    },
    Table {
        name: "handoff_question",
        clear: "DELETE FROM handoff_question",
        scan: "SELECT * FROM handoff_question ORDER BY key",
        of: &["contact"],
        forget: "DELETE FROM handoff_question WHERE contact = $1",
    },
];

fn handoff_key(sql: &dyn Sql, id: HandoffId) -> Result<i64> {
    sql.first("SELECT key FROM handoff WHERE id = $1", &[(&id.0).into()], |row| row.int(0))?
        .ok_or_else(|| Error::unknown("handoff", id))
}

pub(crate) fn apply_offered(sql: &dyn Sql, entry: &Applied<'_>, change: &HandoffOffered) -> Result<()> {
    sql.execute(
        "INSERT INTO handoff (key, id, reason, state, offered_at, offered_by) VALUES ($1, $2, $3, 'offered', $4, $5)",
        &[
            Value::Int(entry.subject),
            (&entry.id.0).into(),
            Value::Text(&change.reason),
            Value::Int(entry.at),
            Value::Int(entry.actor),
        ],
    )?;
    for leaver in &change.leavers {
        sql.execute(
            "INSERT INTO handoff_leaver (handoff, party) VALUES ($1, $2)",
            &[Value::Int(entry.subject), Value::Int(party_key(sql, leaver.party)?)],
        )?;
    }
    for planned in &change.stages {
        sql.execute(
            "INSERT INTO handoff_stage (handoff, stage, until) VALUES ($1, $2, $3)",
            &[Value::Int(entry.subject), Value::Text(planned.stage.word()), Value::Int(planned.until)],
        )?;
    }
    Ok(())
}

/// An item that is offered anew, to another successor or with another fate, takes the place of the old offer.
pub(crate) fn apply_offered_contact(sql: &dyn Sql, entry: &Applied<'_>, change: &OwnershipOffered) -> Result<()> {
    sql.execute(
        "INSERT INTO handoff_item (handoff, contact, leaver, successor, owned, fate, state, state_at)
         VALUES ($1, $2, $3, $4, $5, $6, 'offered', $7)
         ON CONFLICT (handoff, contact, leaver) DO UPDATE SET successor = excluded.successor, owned = excluded.owned,
             fate = excluded.fate, state = excluded.state, state_at = excluded.state_at, why = NULL",
        &[
            Value::Int(handoff_key(sql, change.handoff)?),
            Value::Int(entry.subject),
            Value::Int(member_key(sql, change.leaver)?),
            Value::Int(member_key(sql, change.successor)?),
            Value::Int(i64::from(change.owned)),
            Value::Text(change.private_notes.word()),
            Value::Int(entry.at),
        ],
    )?;
    Ok(())
}

pub(crate) fn apply_accepted(sql: &dyn Sql, entry: &Applied<'_>, change: &OwnershipAccepted) -> Result<()> {
    item_is(sql, entry, change.handoff, "accepted", None)
}

pub(crate) fn apply_declined(sql: &dyn Sql, entry: &Applied<'_>, change: &OwnershipDeclined) -> Result<()> {
    item_is(sql, entry, change.handoff, "declined", Some(&change.why))
}

pub(crate) fn apply_kept(sql: &dyn Sql, entry: &Applied<'_>, change: &OwnershipKept) -> Result<()> {
    item_is(sql, entry, change.handoff, "kept", Some(&change.why))
}

fn item_is(sql: &dyn Sql, entry: &Applied<'_>, handoff: HandoffId, state: &str, why: Option<&str>) -> Result<()> {
    sql.execute(
        "UPDATE handoff_item SET state = $1, state_at = $2, why = $3 WHERE handoff = $4 AND contact = $5",
        &[
            Value::Text(state),
            Value::Int(entry.at),
            why.into(),
            Value::Int(handoff_key(sql, handoff)?),
            Value::Int(entry.subject),
        ],
    )?;
    Ok(())
}

pub(crate) fn apply_asked(sql: &dyn Sql, entry: &Applied<'_>, change: &OwnershipAsked) -> Result<()> {
    sql.execute(
        "INSERT INTO handoff_question (key, id, handoff, contact, question, asked_by, asked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            Value::Int(entry.seq),
            (&entry.id.0).into(),
            Value::Int(handoff_key(sql, change.handoff)?),
            Value::Int(entry.subject),
            Value::Text(&change.question),
            Value::Int(entry.actor),
            Value::Int(entry.at),
        ],
    )?;
    Ok(())
}

pub(crate) fn apply_answered(sql: &dyn Sql, entry: &Applied<'_>, change: &OwnershipAnswered) -> Result<()> {
    sql.execute(
        "UPDATE handoff_question SET answer = $1, answered_at = $2 WHERE id = $3 AND contact = $4",
        &[(&change.note.0).into(), Value::Int(entry.at), (&change.question.0).into(), Value::Int(entry.subject)],
    )?;
    Ok(())
}

pub(crate) fn apply_staged(sql: &dyn Sql, entry: &Applied<'_>, change: &HandoffStaged) -> Result<()> {
    sql.execute(
        "UPDATE handoff SET stage = $1, stage_since = $2, stage_until = $3, still_to_learn = $4 WHERE key = $5",
        &[
            Value::Text(change.stage.word()),
            Value::Int(entry.at),
            change.until.into(),
            change.still_to_learn.as_deref().into(),
            Value::Int(entry.subject),
        ],
    )?;
    Ok(())
}

pub(crate) fn apply_completed(sql: &dyn Sql, entry: &Applied<'_>) -> Result<()> {
    close(sql, entry, "completed", None)
}

pub(crate) fn apply_withdrawn(sql: &dyn Sql, entry: &Applied<'_>, change: &HandoffWithdrawn) -> Result<()> {
    close(sql, entry, "withdrawn", Some(&change.why))
}

fn close(sql: &dyn Sql, entry: &Applied<'_>, state: &str, why: Option<&str>) -> Result<()> {
    sql.execute(
        "UPDATE handoff SET state = $1, closed_at = $2, closed_by = $3, closed_why = $4 WHERE key = $5",
        &[Value::Text(state), Value::Int(entry.at), Value::Int(entry.actor), why.into(), Value::Int(entry.subject)],
    )?;
    Ok(())
}

pub(crate) fn apply_undone(sql: &dyn Sql, entry: &Applied<'_>, change: &HandoffUndone) -> Result<()> {
    sql.execute(
        "UPDATE handoff SET state = 'undone', undone_at = $1, undone_by = $2, undone_why = $3 WHERE key = $4",
        &[Value::Int(entry.at), Value::Int(entry.actor), Value::Text(&change.why), Value::Int(entry.subject)],
    )?;
    Ok(())
}

/// A handoff as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Handoff {
    /// The id.
    pub id: HandoffId,
    /// Why.
    pub reason: String,
    /// Who leaves.
    pub leavers: Vec<NamedParty>,
    /// Where it stands.
    pub state: HandoffState,
    /// When it was offered.
    pub offered_at: DateTime<Utc>,
    /// By whom.
    pub offered_by: Actor,
    /// The stages that were planned, each with its end.
    pub stages: Vec<(Stage, DateTime<Utc>)>,
    /// The stage that it has come to; `None` before the first.
    pub stage: Option<Stage>,
    /// Since when it is in this stage.
    pub stage_since: Option<DateTime<Utc>>,
    /// Until when this stage is planned to last.
    pub stage_until: Option<DateTime<Utc>>,
    /// What the successors have yet to learn, as the last stage had it. Their questions stand apart; see
    /// [`View::handoff_questions`].
    pub still_to_learn: Option<String>,
    /// When it was completed or withdrawn.
    pub closed_at: Option<DateTime<Utc>>,
    /// By whom it was completed or withdrawn.
    pub closed_by: Option<Actor>,
    /// Why it was withdrawn.
    pub closed_why: Option<String>,
    /// When it was undone.
    pub undone_at: Option<DateTime<Utc>>,
    /// By whom it was undone.
    pub undone_by: Option<Actor>,
    /// Why it was undone.
    pub undone_why: Option<String>,
    /// How many contacts are offered and await an answer.
    pub offered: u64,
    /// How many were accepted.
    pub accepted: u64,
    /// How many were declined.
    pub declined: u64,
    /// How many were taken out.
    pub kept: u64,
}

/// One contact in a handoff: what a leaver hands to a successor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HandoffItem {
    /// The handoff.
    pub handoff: HandoffId,
    /// The contact.
    pub contact: ContactSummary,
    /// Who leaves.
    pub leaver: MemberId,
    /// Their name.
    pub leaver_name: String,
    /// To whom it is offered.
    pub successor: MemberId,
    /// Their name.
    pub successor_name: String,
    /// Whether the leaver was an owner; if not, it is about promises and private notes alone.
    pub owned: bool,
    /// What becomes of the leaver's private notes about the contact.
    pub fate: Fate,
    /// Where it stands.
    pub state: ItemState,
    /// Since when.
    pub state_at: DateTime<Utc>,
    /// Why it was declined or taken out.
    pub why: Option<String>,
}

/// A question that a successor asks about a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HandoffQuestion {
    /// The id.
    pub id: QuestionId,
    /// About whom.
    pub contact: ContactSummary,
    /// The question.
    pub question: String,
    /// Who asks.
    pub asked_by: Actor,
    /// When.
    pub asked_at: DateTime<Utc>,
    /// The note that answers it.
    pub answer: Option<NoteId>,
    /// When it was answered.
    pub answered_at: Option<DateTime<Utc>>,
}

/// The columns of an item, in the order in which [`read_item`] reads them.
macro_rules! item_query {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.kind, c.name, h.id, l.id, l.name, s.id, s.name, i.owned, i.fate, i.state, i.state_at, i.why
             FROM handoff_item i
             JOIN handoff h ON h.key = i.handoff
             JOIN contact c ON c.key = i.contact
             JOIN member l ON l.key = i.leaver
             JOIN member s ON s.key = i.successor
             ",
            $rest
        )
    };
}

fn read_item(row: &dyn Row) -> Result<HandoffItem> {
    Ok(HandoffItem {
        contact: read_summary(row)?,
        handoff: HandoffId(row.uuid(3)?),
        leaver: MemberId(row.uuid(4)?),
        leaver_name: row.string(5)?,
        successor: MemberId(row.uuid(6)?),
        successor_name: row.string(7)?,
        owned: row.int(8)? == 1,
        fate: row.text(9)?.parse()?,
        state: row.text(10)?.parse()?,
        state_at: time::from_micros(row.int(11)?)?,
        why: row.opt_string(12)?,
    })
}

fn read_actor(row: &dyn Row, kind: usize) -> Result<Actor> {
    Actor::read(row, kind)?.ok_or_else(|| Error::fault("a stored handoff", "its actor is of no known kind"))
}

/// The columns of a handoff, in the order in which [`read_handoff`] reads them.
macro_rules! handoff_query {
    ($rest:literal) => {
        concat!(
            "SELECT h.id, h.reason, h.state, h.offered_at, a.kind, a.member, a.name, h.stage, h.stage_since, h.stage_until,
                 h.still_to_learn, h.closed_at, h.closed_why, h.undone_at, h.undone_why, h.key, c.kind, c.member, c.name,
                 u.kind, u.member, u.name
             FROM handoff h
             JOIN actor a ON a.key = h.offered_by
             LEFT JOIN actor c ON c.key = h.closed_by
             LEFT JOIN actor u ON u.key = h.undone_by
             ",
            $rest
        )
    };
}

/// A handoff but for its leavers, stages and counts, and its key.
fn read_handoff(row: &dyn Row) -> Result<(Handoff, i64)> {
    let instant = |column: usize| row.opt_int(column)?.map(time::from_micros).transpose();
    let actor = |kind: usize| row.opt_text(kind)?.map(|_| read_actor(row, kind)).transpose();
    let handoff = Handoff {
        id: HandoffId(row.uuid(0)?),
        reason: row.string(1)?,
        leavers: Vec::new(),
        state: row.text(2)?.parse()?,
        offered_at: time::from_micros(row.int(3)?)?,
        offered_by: read_actor(row, 4)?,
        stages: Vec::new(),
        stage: row.opt_text(7)?.map(str::parse).transpose()?,
        stage_since: instant(8)?,
        stage_until: instant(9)?,
        still_to_learn: row.opt_string(10)?,
        closed_at: instant(11)?,
        closed_by: actor(16)?,
        closed_why: row.opt_string(12)?,
        undone_at: instant(13)?,
        undone_by: actor(19)?,
        undone_why: row.opt_string(14)?,
        offered: 0,
        accepted: 0,
        declined: 0,
        kept: 0,
    };
    Ok((handoff, row.int(15)?))
}

impl View<'_> {
    /// Reads a handoff.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such handoff.
    pub fn handoff_by_id(&self, id: HandoffId) -> Result<Handoff> {
        let (mut handoff, key) = self
            .sql()
            .first(handoff_query!("WHERE h.key = $1"), &[Value::Int(handoff_key(self.sql(), id)?)], read_handoff)?
            .ok_or_else(|| Error::unknown("handoff", id))?;
        self.fill(&mut handoff, key)?;
        Ok(handoff)
    }

    /// Reads every handoff, in order of their offers.
    pub fn handoffs(&self) -> Result<Vec<Handoff>> {
        let found = self.sql().all(handoff_query!("ORDER BY h.key"), &[], read_handoff)?;
        found
            .into_iter()
            .map(|(mut handoff, key)| {
                self.fill(&mut handoff, key)?;
                Ok(handoff)
            })
            .collect()
    }

    fn fill(&self, handoff: &mut Handoff, key: i64) -> Result<()> {
        handoff.leavers = leavers_of(self.sql(), key)?;
        handoff.stages = self.sql().all(
            "SELECT stage, until FROM handoff_stage WHERE handoff = $1 ORDER BY until, stage DESC",
            &[Value::Int(key)],
            |row| Ok((row.text(0)?.parse()?, time::from_micros(row.int(1)?)?)),
        )?;
        handoff.stages.sort_unstable();
        self.sql().each(
            "SELECT state, count(DISTINCT contact) FROM handoff_item WHERE handoff = $1 GROUP BY state",
            &[Value::Int(key)],
            |row| {
                let count = row.int(1)?.unsigned_abs();
                match row.text(0)?.parse()? {
                    ItemState::Offered => handoff.offered = count,
                    ItemState::Accepted => handoff.accepted = count,
                    ItemState::Declined => handoff.declined = count,
                    ItemState::Kept => handoff.kept = count,
                }
                Ok(())
            },
        )
    }

    /// Reads the contacts of a handoff, by name.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such handoff.
    pub fn handoff_items(&self, id: HandoffId) -> Result<Vec<HandoffItem>> {
        self.sql().all(
            item_query!("WHERE i.handoff = $1 ORDER BY c.name_key, c.key, i.leaver"),
            &[Value::Int(handoff_key(self.sql(), id)?)],
            read_item,
        )
    }

    /// Reads what awaits the answer of a member, whichever handoff it stands in, by name of contact.
    pub fn offered_to(&self, member: impl Into<MemberId>) -> Result<Vec<HandoffItem>> {
        self.sql().all(
            item_query!(
                "WHERE h.state = 'offered' AND i.state = 'offered' AND i.successor = $1
                 ORDER BY c.name_key, c.key, i.handoff, i.leaver"
            ),
            &[Value::Int(member_key(self.sql(), member.into())?)],
            read_item,
        )
    }

    /// Reads the questions that successors asked in a handoff, in the order of asking.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such handoff.
    pub fn handoff_questions(&self, id: HandoffId) -> Result<Vec<HandoffQuestion>> {
        self.sql().all(
            "SELECT c.id, c.kind, c.name, q.id, q.question, a.kind, a.member, a.name, q.asked_at, q.answer, q.answered_at
             FROM handoff_question q
             JOIN contact c ON c.key = q.contact
             JOIN actor a ON a.key = q.asked_by
             WHERE q.handoff = $1
             ORDER BY q.key",
            &[Value::Int(handoff_key(self.sql(), id)?)],
            |row| {
                Ok(HandoffQuestion {
                    contact: read_summary(row)?,
                    id: QuestionId(row.uuid(3)?),
                    question: row.string(4)?,
                    asked_by: read_actor(row, 5)?,
                    asked_at: time::from_micros(row.int(8)?)?,
                    answer: row.opt_uuid(9)?.map(NoteId),
                    answered_at: row.opt_int(10)?.map(time::from_micros).transpose()?,
                })
            },
        )
    }
}

/// Who leaves in a handoff, by the names of today.
fn leavers_of(sql: &dyn Sql, handoff: i64) -> Result<Vec<NamedParty>> {
    sql.all(
        "SELECT m.id, m.name, g.id, g.name FROM handoff_leaver l
         LEFT JOIN member m ON m.key = l.party
         LEFT JOIN agency g ON g.key = l.party
         WHERE l.handoff = $1
         ORDER BY l.party",
        &[Value::Int(handoff)],
        |row| match row.opt_uuid(0)? {
            Some(member) => Ok(NamedParty { party: Party::Member(MemberId(member)), name: row.string(1)? }),
            None => Ok(NamedParty { party: Party::Agency(AgencyId(row.uuid(2)?)), name: row.string(3)? }),
        },
    )
}
