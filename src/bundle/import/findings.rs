//! What an import finds when all entries are in: what both sides changed, who came twice, what is to be decided.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Intake;
use super::arrival::{OutsideMember, PossibleDuplicate, ToDecide};
use crate::contact::{ContactSummary, read_summary};
use crate::error::Result;
use crate::id::{ContactId, FollowUpId, MemberId};
use crate::journal::Subject;
use crate::store::{RowExt, SqlExt, Value};

/// What tells one thing that awaits a decision from another.
type Key = (u8, Uuid);

impl Intake<'_, '_, '_> {
    /// What awaited a decision before the first entry was taken in.
    pub(super) fn standing(&self) -> Result<BTreeSet<Key>> {
        Ok(self.undecided()?.into_iter().map(|(key, _)| key).collect())
    }

    /// Completes the report.
    pub(super) fn tell(&mut self, standing: &BTreeSet<Key>) -> Result<()> {
        self.tell_changed()?;
        self.arrival.kept_out = self.kept_out()?;
        self.arrival.outside = self.outside()?;
        self.arrival.duplicates = self.duplicates()?;
        self.arrival.to_decide =
            self.undecided()?.into_iter().filter(|(key, _)| !standing.contains(key)).map(|(_, it)| it).collect();
        Ok(())
    }

    /// Tells of what was here already whether it changed, and whether it was changed here too.
    fn tell_changed(&mut self) -> Result<()> {
        let mut changed = self.w.sql().all(
            "SELECT DISTINCT s.id, s.kind, s.seq FROM entry e JOIN entry s ON s.seq = e.subject
             WHERE e.seq > $1 AND e.subject <= $1",
            &[Value::Int(self.before)],
            |row| Ok((row.uuid(0)?, row.string(1)?, row.int(2)?)),
        )?;
        let told = changed.iter().map(|(id, ..)| *id).collect();
        for filled in self.filled.difference(&told) {
            changed.extend(self.was_here(*filled)?);
        }
        for (id, kind, key) in changed {
            let both = self.is_known_better(key)?;
            let subject = Subject::of(&kind, id);
            let tally = self.arrival.tally(subject);
            tally.equal = tally.equal.saturating_sub(1);
            match both {
                true => tally.conflicting += 1,
                false => tally.changed += 1,
            }
            if let (true, Subject::Contact(_)) = (both, subject) {
                // One who was erased is not there to be named.
                self.arrival.both_changed.extend(self.contact(key)?);
            }
        }
        self.arrival.both_changed.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        Ok(())
    }

    fn contact(&self, key: i64) -> Result<Option<ContactSummary>> {
        self.w.sql().first("SELECT id, kind, name FROM contact WHERE key = $1", &[Value::Int(key)], read_summary)
    }

    /// A subject with its kind and key, if it was here before.
    fn was_here(&self, id: Uuid) -> Result<Option<(Uuid, String, i64)>> {
        self.w.sql().first(
            "SELECT kind, seq FROM entry WHERE id = $1 AND seq <= $2",
            &[(&id).into(), Value::Int(self.before)],
            |row| Ok((id, row.string(0)?, row.int(1)?)),
        )
    }

    /// Whether something about a subject was here that is not in the bundle.
    fn is_known_better(&self, key: i64) -> Result<bool> {
        let here = self.w.sql().all(
            "SELECT seq FROM entry WHERE subject = $1 AND seq <= $2",
            &[Value::Int(key), Value::Int(self.before)],
            |row| row.int(0),
        )?;
        Ok(here.iter().any(|seq| !usize::try_from(*seq).is_ok_and(|seq| self.known.get(seq) == Some(&true))))
    }

    /// How many new entries are kept out, because what they are about was erased here.
    fn kept_out(&self) -> Result<u64> {
        let erased = self.w.sql().one(
            "SELECT count(*) FROM entry e JOIN gone g ON g.id = e.id WHERE e.seq > $1 AND g.why = 'erased'",
            &[Value::Int(self.before)],
            |row| row.int(0),
        )?;
        Ok(erased.unsigned_abs().saturating_sub(self.came_erased))
    }

    fn outside(&self) -> Result<Vec<OutsideMember>> {
        self.w.sql().all(
            "SELECT id, name FROM member WHERE key > $1 AND outside = 1 ORDER BY name_key, key",
            &[Value::Int(self.before)],
            |row| Ok(OutsideMember { id: MemberId(row.uuid(0)?), name: row.string(1)? }),
        )
    }

    fn duplicates(&self) -> Result<Vec<PossibleDuplicate>> {
        self.w.sql().all(
            "SELECT c.id, c.kind, c.name, k.id, k.kind, k.name, h.channel, h.address FROM handle h
             JOIN handle o ON o.address_key = h.address_key AND o.channel = h.channel
             JOIN contact c ON c.key = h.contact
             JOIN contact k ON k.key = o.contact
             WHERE h.contact > $1 AND o.contact <= $1
             ORDER BY c.name_key, c.key, k.key, h.position",
            &[Value::Int(self.before)],
            |row| {
                let known =
                    ContactSummary { id: ContactId(row.uuid(3)?), kind: row.text(4)?.parse()?, name: row.string(5)? };
                let (channel, address) = (row.text(6)?.parse()?, row.string(7)?);
                Ok(PossibleDuplicate { new: read_summary(row)?, known, channel, address })
            },
        )
    }

    /// Everything that awaits a decision, whenever it came about.
    fn undecided(&self) -> Result<Vec<(Key, ToDecide)>> {
        let view = self.w.all_seeing_view();
        let owners = view.ownership_conflicts()?.into_iter();
        let mut all: Vec<(Key, ToDecide)> =
            owners.map(|conflict| ((0, conflict.contact.id.0), ToDecide::Owners(conflict))).collect();
        all.extend(self.departed_owners()?);
        all.extend(self.departed_keepers()?);
        all.extend(self.erased_answers()?);
        Ok(all)
    }

    fn departed_owners(&self) -> Result<Vec<(Key, ToDecide)>> {
        self.w.sql().all(
            "SELECT c.id, c.kind, c.name, a.id, m.name FROM assignment a
             JOIN member m ON m.key = a.member
             JOIN contact c ON c.key = a.contact
             WHERE a.role = 'owner' AND m.departed_at IS NOT NULL
                 AND (a.until IS NULL OR a.until > $1 AND a.until > a.since)
             ORDER BY c.name_key, c.key, a.key",
            &[Value::Int(self.w.at_micros())],
            |row| {
                let (contact, member) = (read_summary(row)?, row.string(4)?);
                Ok(((1, row.uuid(3)?), ToDecide::DepartedOwner { contact, member }))
            },
        )
    }

    fn departed_keepers(&self) -> Result<Vec<(Key, ToDecide)>> {
        self.w.sql().all(
            "SELECT c.id, c.kind, c.name, f.id, f.what, m.name FROM follow_up f
             JOIN member m ON m.key = f.owner
             JOIN contact c ON c.key = f.contact
             WHERE f.state = 'open' AND m.departed_at IS NOT NULL
             ORDER BY c.name_key, c.key, f.key",
            &[],
            |row| {
                let promise = row.uuid(3)?;
                let (contact, what, member) = (read_summary(row)?, row.string(4)?, row.string(5)?);
                let promised = ToDecide::DepartedKeeper { contact, promise: FollowUpId(promise), what, member };
                Ok(((2, promise), promised))
            },
        )
    }

    fn erased_answers(&self) -> Result<Vec<(Key, ToDecide)>> {
        self.w.sql().all(
            "SELECT c.id, c.kind, c.name, q.id, q.question FROM handoff_question q
             JOIN contact c ON c.key = q.contact
             JOIN tombstone t ON t.id = q.answer
             ORDER BY c.name_key, c.key, q.key",
            &[],
            |row| {
                let (contact, question) = (read_summary(row)?, row.string(4)?);
                Ok(((3, row.uuid(3)?), ToDecide::ErasedAnswer { contact, question }))
            },
        )
    }
}
