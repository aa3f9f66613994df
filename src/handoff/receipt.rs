//! The receipt of a handoff, or of its undoing: what it came to, and the head of the journal to hold against it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::steps::Standing;
use super::{HandoffReceipted, HandoffState, NamedParty, Takeover, leavers_of};
use crate::actor::Actor;
use crate::change::Change;
use crate::error::{Error, Result};
use crate::feed::Entry;
use crate::id::{HandoffId, MemberId, MemoryId};
use crate::journal::{Head, Writer};
use crate::memory::View;
use crate::store::{RowExt, SqlExt, Value};

/// What a handoff, or its undoing, came to. It stands in the journal, can be read again ([`View::receipt`]), printed and
/// serialised; keep one outside of the memory, and [`Memory::verify_against`](crate::Memory::verify_against) its head
/// tells whether anything before it was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Receipt {
    /// The handoff.
    pub handoff: HandoffId,
    /// The memory.
    pub memory: MemoryId,
    /// Whether it was completed or undone.
    pub outcome: HandoffState,
    /// The reason of the handoff.
    pub reason: String,
    /// Why it was undone.
    pub undone_why: Option<String>,
    /// Who leaves.
    pub leavers: Vec<NamedParty>,
    /// Who took over how many contacts, or had where it is undone.
    pub successors: Vec<Takeover>,
    /// How many entries it wrote, by the word of their kind.
    pub counts: BTreeMap<String, u64>,
    /// How many private notes of those who leave stayed private to their author, about whomever they are.
    pub withheld: u64,
    /// How many questions of successors had no answer.
    pub unanswered: u64,
    /// How much an undoing left as it was, because it had changed since.
    pub left_alone: u64,
    /// Who carried it out.
    pub by: Actor,
    /// Their name.
    pub by_name: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The newest entry after all of it, and the hash over all entries.
    pub head: Head,
}

impl Writer<'_> {
    /// Writes the receipt of what stands behind an entry, and returns it.
    pub(super) fn receipt(
        &mut self,
        standing: &Standing,
        outcome: HandoffState,
        after: i64,
        (withheld, left_alone): (u64, u64),
    ) -> Result<Receipt> {
        let counts = self.sql().all(
            "SELECT kind, count(*) FROM entry WHERE seq > $1 GROUP BY kind ORDER BY kind",
            &[Value::Int(after)],
            |row| Ok((row.string(0)?, row.int(1)?.unsigned_abs())),
        )?;
        let successors = self.sql().all(
            "SELECT s.id, s.name, sum(i.owned), sum(1 - i.owned)
             FROM (
                 SELECT contact, successor, max(owned) AS owned FROM handoff_item
                 WHERE handoff = $1 AND state = 'accepted'
                 GROUP BY contact, successor
             ) i
             JOIN member s ON s.key = i.successor
             GROUP BY s.key, s.id, s.name
             ORDER BY sum(i.owned) DESC, sum(1 - i.owned) DESC, s.name, s.key",
            &[Value::Int(standing.key)],
            |row| {
                let (member, name) = (MemberId(row.uuid(0)?), row.string(1)?);
                let (contacts, besides) = (row.int(2)?.unsigned_abs(), row.int(3)?.unsigned_abs());
                Ok(Takeover { member, name, contacts, besides })
            },
        )?;
        let unanswered = self.sql().one(
            "SELECT count(*) FROM handoff_question WHERE handoff = $1 AND answered_at IS NULL",
            &[Value::Int(standing.key)],
            |row| Ok(row.int(0)?.unsigned_abs()),
        )?;
        let counts = counts.into_iter().collect();
        let body = HandoffReceipted {
            outcome,
            head: self.head(),
            leavers: leavers_of(self.sql(), standing.key)?,
            by_name: self.actor_name().to_owned(),
            successors,
            counts,
            withheld,
            unanswered,
            left_alone,
        };
        let entry = self.append_id(standing.id, body)?;
        let entry = self.view().entry(entry)?;
        self.view().receipt_of(standing.id, entry)
    }
}

impl View<'_> {
    /// Reads the receipt of a handoff: the one of its undoing, where it was undone.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such handoff; [`Error::Refused`] when it is not completed.
    pub fn receipt(&self, handoff: HandoffId) -> Result<Receipt> {
        let receipted = |entry: &Entry| matches!(entry.change, Some(Change::HandoffReceipted(_)));
        match self.history(handoff)?.into_iter().rfind(receipted) {
            Some(entry) => self.receipt_of(handoff, entry),
            None => {
                let found = self.handoff_by_id(handoff)?;
                let (reason, state) = (&found.reason, found.state);
                Err(Error::refused(format!(
                    "the handoff “{reason}” is {state}; there is a receipt once it is completed"
                )))
            }
        }
    }

    fn receipt_of(&self, handoff: HandoffId, entry: Entry) -> Result<Receipt> {
        let Some(Change::HandoffReceipted(body)) = entry.change else {
            return Err(Error::fault("the receipt of a handoff", "its entry has no body"));
        };
        let found = self.handoff_by_id(handoff)?;
        Ok(Receipt {
            handoff,
            memory: entry.origin,
            outcome: body.outcome,
            reason: found.reason,
            undone_why: found.undone_why.filter(|_| body.outcome == HandoffState::Undone),
            leavers: body.leavers,
            successors: body.successors,
            counts: body.counts,
            withheld: body.withheld,
            unanswered: body.unanswered,
            left_alone: body.left_alone,
            by: entry.actor,
            by_name: body.by_name,
            at: entry.at,
            head: body.head,
        })
    }
}
