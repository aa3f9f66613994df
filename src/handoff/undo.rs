//! Taking a handoff back: what it opened is closed, what it closed is given back, and what happened since stays.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::receipt::Receipt;
use super::steps::{Standing, day, some};
use super::{HandoffState, HandoffUndone, HandoffWithdrawn};
use crate::change::Change;
use crate::check;
use crate::contact::{ContactSummary, read_summary};
use crate::error::{Error, Result};
use crate::follow_up::{FollowUp, FollowUpHanded};
use crate::id::{AssignmentId, ContactId, EntryId, FollowUpId, HandoffId, MemberId, NoteId};
use crate::journal::Writer;
use crate::note::{NoteReleased, NoteSealed};
use crate::ownership::{Open, Role, read_open};
use crate::store::{RowExt, SqlExt, Value};

/// What an undoing came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Undone {
    /// The receipt.
    pub receipt: Receipt,
    /// What had changed, or come, since the handoff, and was left as it is.
    pub left_alone: Vec<LeftAlone>,
}

/// Something that an undoing left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeftAlone {
    /// A contact has gone on to somebody else, or was let go.
    MovedOn {
        /// The contact.
        contact: ContactSummary,
        /// Who owns it today.
        owners: Vec<String>,
    },
    /// A promise was kept or dropped, or is another's to keep.
    Promise(Box<FollowUp>),
    /// A private note was corrected, released, opened or retracted since.
    PrivateNote {
        /// The note.
        note: NoteId,
    },
    /// Notes were written since. They stay.
    Notes {
        /// About whom.
        contact: ContactSummary,
        /// How many.
        notes: u64,
    },
    /// Promises were made since. They stay with who made them.
    Promises {
        /// To whom.
        contact: ContactSummary,
        /// How many.
        promises: u64,
    },
}

/// What a handoff did, as it is to be taken back.
#[derive(Default)]
struct Deeds {
    contacts: BTreeMap<ContactId, Intervals>,
    promises: BTreeMap<FollowUpId, Passage>,
    /// Who read each private note before, and the entry by which another does since.
    notes: BTreeMap<NoteId, Custody>,
}

/// Who read a private note before a handoff, nobody where it was sealed, and the newest entry of the handoff about it.
struct Custody {
    from: Option<MemberId>,
    entry: EntryId,
}

/// From whom a promise to a contact first went, and to whom last.
struct Passage {
    contact: ContactId,
    from: MemberId,
    to: MemberId,
}

/// The intervals of one contact that a handoff opened and closed.
#[derive(Default)]
struct Intervals {
    opened: Vec<(AssignmentId, MemberId, Role)>,
    closed: Vec<(AssignmentId, MemberId, Role)>,
}

impl Intervals {
    fn opened(&self, id: AssignmentId) -> bool {
        self.opened.iter().any(|(opened, ..)| *opened == id)
    }

    /// What it closed that it had not opened itself, once where it did so at a stage and again at the end.
    fn to_give_back(&self) -> Vec<(AssignmentId, MemberId, Role)> {
        let mut back: Vec<(AssignmentId, MemberId, Role)> = Vec::new();
        for closed in self.closed.iter().filter(|(id, ..)| !self.opened(*id)) {
            if back.iter().all(|(_, member, role)| (member, role) != (&closed.1, &closed.2)) {
                back.push(*closed);
            }
        }
        back
    }
}

/// A role that is to be given back, until when it was to last.
struct Back {
    member: MemberId,
    role: Role,
    until: Option<i64>,
}

impl Deeds {
    /// Leaves out what was done about some contacts.
    fn without(mut self, contacts: &HashSet<ContactId>) -> Self {
        self.contacts.retain(|contact, _| !contacts.contains(contact));
        self.promises.retain(|_, passage| !contacts.contains(&passage.contact));
        self
    }

    /// Takes one deed: its entry, what that is about, and to whom where that is a promise.
    fn take(&mut self, entry: Uuid, subject: Uuid, promised_to: Option<Uuid>, change: Change) {
        let of_contact = |deeds: &mut Self, deed: &mut dyn FnMut(&mut Intervals)| {
            deed(deeds.contacts.entry(ContactId(subject)).or_default());
        };
        let opened = AssignmentId(entry);
        match change {
            Change::OwnershipTransferred(c) => of_contact(self, &mut |intervals| {
                intervals.closed.push((c.assignment, c.from, Role::Owner));
                intervals.opened.push((opened, c.to, Role::Owner));
            }),
            Change::OwnershipAssigned(c) => of_contact(self, &mut |i| i.opened.push((opened, c.member, c.role))),
            Change::OwnershipEnded(c) => of_contact(self, &mut |i| i.closed.push((c.assignment, c.member, c.role))),
            Change::FollowUpHanded(c) => {
                let contact = ContactId(promised_to.unwrap_or_default());
                let known = self.promises.entry(FollowUpId(subject)).and_modify(|passage| passage.to = c.to);
                known.or_insert(Passage { contact, from: c.from, to: c.to });
            }
            Change::NoteReleased(NoteReleased { from, .. }) | Change::NoteSealed(NoteSealed { from, .. }) => {
                let entry = EntryId(entry);
                let known = self.notes.entry(NoteId(subject)).and_modify(|custody| custody.entry = entry);
                known.or_insert(Custody { from, entry });
            }
            _ => {}
        }
    }

    fn give_nothing_to(&mut self, member: MemberId) {
        self.contacts.values_mut().for_each(|intervals| intervals.closed.retain(|(_, of, _)| *of != member));
        self.promises.retain(|_, passage| passage.from != member);
    }

    /// Everybody who is given something back.
    fn receivers(&self) -> BTreeSet<MemberId> {
        let roles = self.contacts.values().flat_map(Intervals::to_give_back).map(|(_, member, _)| member);
        let notes = self.notes.values().filter_map(|custody| custody.from);
        roles.chain(self.promises.values().map(|passage| passage.from)).chain(notes).collect()
    }
}

/// The deeds that some entries, and all that followed from them, come to, as [`Writer::read_deeds`] reads them.
macro_rules! deed_query {
    ($first:literal) => {
        concat!(
            "WITH RECURSIVE deed (seq, id) AS (
                 ",
            $first,
            "
                 UNION
                 SELECT e.seq, e.id FROM deed d JOIN entry e ON e.cause = d.id
             )
             SELECT e.id, s.id, c.id, e.kind, e.version, b.body FROM entry e
             JOIN entry s ON s.seq = e.subject
             JOIN entry_body b ON b.seq = e.seq
             LEFT JOIN follow_up f ON f.key = e.subject
             LEFT JOIN contact c ON c.key = f.contact
             WHERE e.seq IN (SELECT seq FROM deed)
             ORDER BY e.seq"
        )
    };
}

impl Writer<'_> {
    /// Takes a completed handoff back: closes what it opened, gives back what it closed, and hands back the promises and
    /// private notes that went along. What has changed since is left as it is, and listed; so is what came since.
    ///
    /// # Errors
    /// [`Error::Refused`] when the handoff is not completed, was undone already, when a later handoff has some of the
    /// contacts (undo that first), or when somebody who would be given something back has departed (welcome them back
    /// first); [`Error::Invalid`] for an empty reason.
    pub fn undo(&mut self, handoff: HandoffId, why: &str) -> Result<Undone> {
        check::text("reason", why, check::FIELD_MAX)?;
        let standing = self.standing(handoff)?;
        match standing.state {
            HandoffState::Completed => {}
            HandoffState::Offered => {
                let why = format!("{} is not completed; use withdraw to call it off", standing.called());
                return Err(Error::refused(why));
            }
            state => {
                let why = format!("{} was {state} on {} already", standing.called(), standing.ended_on());
                return Err(Error::refused(why));
            }
        }
        self.must_be_the_latest(&standing)?;
        let deeds = self.deeds(&standing)?;
        self.must_all_be_here(&deeds)?;
        let undone = self.append_id(handoff, HandoffUndone { why: why.to_owned() })?;
        let after = self.head().seq;
        let mut left_alone = self.because_of(undone, |w| w.take_back(deeds, why))?;
        left_alone.append(&mut self.came_since(&standing)?);
        let receipt = self.receipt(&standing, HandoffState::Undone, after, (0, left_alone.len() as u64))?;
        Ok(Undone { receipt, left_alone })
    }

    /// Calls a handoff off before it is carried out. What its stages opened is closed, and what they closed is given back;
    /// what has changed since is left as it is, and returned.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not open, or when somebody who would be given something back has departed;
    /// [`Error::Invalid`] for an empty reason.
    pub fn withdraw(&mut self, handoff: HandoffId, why: &str) -> Result<Vec<LeftAlone>> {
        check::text("reason", why, check::FIELD_MAX)?;
        let standing = self.standing(handoff)?.must_be_offered()?;
        let deeds = self.deeds(&standing)?;
        self.must_all_be_here(&deeds)?;
        let withdrawn = self.append_id(handoff, HandoffWithdrawn { why: why.to_owned() })?;
        self.because_of(withdrawn, |w| w.take_back(deeds, why))
    }

    fn must_be_the_latest(&self, standing: &Standing) -> Result<()> {
        let later = self.sql().all(
            "SELECT h.reason, h.offered_at, count(DISTINCT j.contact), min(c.name) FROM handoff_item i
             JOIN handoff_item j ON j.contact = i.contact AND j.handoff > i.handoff
             JOIN handoff h ON h.key = j.handoff
             JOIN contact c ON c.key = j.contact
             WHERE i.handoff = $1 AND i.state = 'accepted' AND j.state <> 'kept' AND h.state IN ('offered', 'completed')
             GROUP BY h.key, h.reason, h.offered_at
             ORDER BY h.key DESC",
            &[Value::Int(standing.key)],
            |row| {
                let (reason, offered) = (row.string(0)?, day(row.int(1)?));
                Ok(format!("“{reason}” of {offered} has {} of them, such as {}", row.int(2)?, row.text(3)?))
            },
        )?;
        match later.is_empty() {
            true => Ok(()),
            false => Err(Error::refused(format!(
                "a later handoff took contacts of {}: {}; undo or withdraw that one first",
                standing.called(),
                some(&later)
            ))),
        }
    }

    fn must_all_be_here(&self, deeds: &Deeds) -> Result<()> {
        let mut departed = Vec::new();
        for member in deeds.receivers() {
            let member = self.view().member(member)?;
            if member.has_departed() {
                departed.push(member.name);
            }
        }
        match departed.is_empty() {
            true => Ok(()),
            false => Err(Error::refused(format!(
                "{} would be given back what they handed over, and departed; use welcome_back first",
                some(&departed)
            ))),
        }
    }

    /// What the stages and the completion of a handoff did and is not taken back yet.
    fn deeds(&self, standing: &Standing) -> Result<Deeds> {
        let handoff = [Value::Int(standing.key)];
        let kept = self.sql().all(
            "SELECT DISTINCT c.id FROM handoff_item i JOIN contact c ON c.key = i.contact
             WHERE i.handoff = $1 AND i.state = 'kept'",
            &handoff,
            |row| row.uuid(0).map(ContactId),
        )?;
        let kept: HashSet<ContactId> = kept.into_iter().collect();
        let deeds = self.read_deeds(
            deed_query!(
                "SELECT e.seq, e.id FROM entry h JOIN entry e ON e.cause = h.id
                 WHERE h.subject = $1 AND h.kind IN ('handoff.staged', 'handoff.completed')"
            ),
            &handoff,
        )?;
        Ok(deeds.without(&kept))
    }

    /// What the stages of a handoff did about one contact and is not taken back yet. It reads what was written about that
    /// contact and the promises to it, and no more: a handoff of many contacts may lose each of them one by one.
    fn deeds_about(&self, standing: &Standing, contact: ContactId) -> Result<Deeds> {
        let of_contact = [Value::Int(self.contact_key(contact)?), Value::Int(standing.key)];
        let kept = self.sql().first(
            "SELECT 1 FROM handoff_item WHERE contact = $1 AND handoff = $2 AND state = 'kept'",
            &of_contact,
            |row| row.int(0),
        )?;
        if kept.is_some() {
            return Ok(Deeds::default());
        }
        // The cross join keeps SQLite from beginning with all that the stages did.
        self.read_deeds(
            deed_query!(
                "SELECT e.seq, e.id FROM entry e CROSS JOIN entry h
                 WHERE e.subject IN (
                         SELECT key FROM contact WHERE key = $1
                         UNION ALL SELECT key FROM follow_up WHERE contact = $1
                     )
                     AND h.id = e.cause AND h.subject = $2 AND h.kind = 'handoff.staged'"
            ),
            &of_contact,
        )
    }

    /// Takes back what the stages of a handoff did about a contact, because of an entry that the closure writes. Whoever has
    /// departed since is given nothing back.
    pub(super) fn leave_stages(
        &mut self,
        standing: &Standing,
        contact: ContactId,
        why: &str,
        write: impl FnOnce(&mut Self) -> Result<EntryId>,
    ) -> Result<()> {
        let mut deeds = match standing.stage {
            Some(_) => self.deeds_about(standing, contact)?,
            None => Deeds::default(),
        };
        for member in deeds.receivers() {
            if self.view().member(member)?.has_departed() {
                deeds.give_nothing_to(member);
            }
        }
        let cause = write(self)?;
        self.because_of(cause, |w| w.take_back(deeds, why).map(drop))
    }

    /// Reads what a handoff did, by a statement of [`deed_query`], in the order in which it was done.
    fn read_deeds(&self, sql: &'static str, about: &[Value<'_>]) -> Result<Deeds> {
        let mut deeds = Deeds::default();
        self.sql().each(sql, about, |row| {
            let change = Change::read(row.text(3)?, row.int(4)?, row.text(5)?)?;
            deeds.take(row.uuid(0)?, row.uuid(1)?, row.opt_uuid(2)?, change);
            Ok(())
        })?;
        Ok(deeds)
    }

    fn take_back(&mut self, deeds: Deeds, why: &str) -> Result<Vec<LeftAlone>> {
        let mut left = Vec::new();
        for (contact, intervals) in &deeds.contacts {
            self.take_back_roles(*contact, intervals, why, &mut left)?;
        }
        for (promise, passage) in deeds.promises {
            self.take_back_promise(promise, &passage, why, &mut left)?;
        }
        for (note, custody) in deeds.notes {
            self.take_back_note(note, &custody, why, &mut left)?;
        }
        Ok(left)
    }

    fn take_back_roles(
        &mut self,
        contact: ContactId,
        intervals: &Intervals,
        why: &str,
        left: &mut Vec<LeftAlone>,
    ) -> Result<()> {
        let owns = |role: Role| role == Role::Owner;
        let (mut open, mut others) = (Vec::new(), Vec::new());
        for role in self.roles_of(contact)? {
            let ours = intervals.opened(role.id) || self.came_back(&role, intervals)?;
            if ours { open.push(role) } else { others.push(role) }
        }
        let mut back = self.to_give_back(intervals)?;
        back.retain(|back| !others.iter().any(|other| (other.member, other.role) == (back.member, back.role)));
        let (returns, opened) = (back.iter().any(|b| owns(b.role)), open.iter().any(|o| owns(o.role)));
        let moved_on = returns && !opened && intervals.opened.iter().any(|(.., role)| owns(*role));
        // Nobody is left without an owner, as they would be where the one before has let them go since.
        let stays = opened && !returns && !others.iter().any(|other| owns(other.role));
        if moved_on || stays {
            let owners = others.iter().chain(&open).filter(|role| owns(role.role)).map(|role| role.name.clone());
            left.push(LeftAlone::MovedOn { contact: self.view().contact_summary(contact)?, owners: owners.collect() });
            open.retain(|role| !owns(role.role));
            back.retain(|_| !moved_on);
        }
        self.exchange_roles(contact, open, back, why)
    }

    /// Whether a role is one that a handoff opened, a later handoff closed, and the undoing of that one gave back.
    fn came_back(&self, role: &Open, intervals: &Intervals) -> Result<bool> {
        if !intervals.opened.iter().any(|(_, member, opened)| (member, opened) == (&role.member, &role.role)) {
            return Ok(false);
        }
        let undone = self.sql().first(
            "SELECT 1 FROM entry e JOIN entry c ON c.id = e.cause WHERE e.id = $1 AND c.kind = 'handoff.undone'",
            &[(&role.id.0).into()],
            |row| row.int(0),
        )?;
        Ok(undone.is_some())
    }

    /// The roles of a contact that are to be given back, without those whose time is over.
    fn to_give_back(&self, intervals: &Intervals) -> Result<Vec<Back>> {
        let mut back: Vec<Back> = Vec::new();
        for (assignment, member, role) in intervals.to_give_back() {
            let until = self.was_to_last_until(assignment)?;
            let is_over = until.is_some_and(|until| until <= self.at_micros());
            if !is_over {
                back.push(Back { member, role, until });
            }
        }
        Ok(back)
    }

    /// Until when an interval was to last when it was opened.
    fn was_to_last_until(&self, assignment: AssignmentId) -> Result<Option<i64>> {
        let opened = self.sql().first(
            "SELECT e.kind, e.version, b.body FROM entry e JOIN entry_body b ON b.seq = e.seq WHERE e.id = $1",
            &[(&assignment.0).into()],
            |row| Change::read(row.text(0)?, row.int(1)?, row.text(2)?),
        )?;
        Ok(match opened {
            Some(Change::OwnershipAssigned(assigned)) => assigned.until,
            _ => None,
        })
    }

    /// Closes roles and gives others back. One owner who is followed by another is a transfer, unless the other is to own
    /// the contact for a time.
    fn exchange_roles(
        &mut self,
        contact: ContactId,
        mut open: Vec<Open>,
        mut back: Vec<Back>,
        why: &str,
    ) -> Result<()> {
        let from = open.iter().position(|role| role.role == Role::Owner);
        let to = back.iter().rposition(|role| role.role == Role::Owner && role.until.is_none());
        if let (Some(from), Some(to)) = (from, to) {
            self.transfer_role(contact, &open.remove(from), back.remove(to).member, Some(why))?;
        }
        for role in open {
            self.close_role(contact, &role, Some(why))?;
        }
        for Back { member, role, until } in back {
            self.open_role(contact, member, role, until, Some(why))?;
        }
        Ok(())
    }

    /// Every role that stands for a contact, with its beginning.
    fn roles_of(&self, contact: ContactId) -> Result<Vec<Open>> {
        self.sql().all(
            "SELECT a.id, m.id, m.name, a.role, a.since FROM assignment a JOIN member m ON m.key = a.member
             WHERE a.contact = $1 AND (a.until IS NULL OR a.until > $2 AND a.until > a.since)
             ORDER BY a.since, a.key",
            &[Value::Int(self.contact_key(contact)?), Value::Int(self.at_micros())],
            |row| read_open(row, 0),
        )
    }

    fn take_back_promise(
        &mut self,
        promise: FollowUpId,
        passage: &Passage,
        why: &str,
        left: &mut Vec<LeftAlone>,
    ) -> Result<()> {
        let (from, to) = (passage.from, passage.to);
        let found = self.view().follow_up(promise)?;
        if !found.is_open() || found.owner.id != to {
            left.push(LeftAlone::Promise(Box::new(found)));
            return Ok(());
        }
        let handed = FollowUpHanded {
            what: found.what,
            from: to,
            from_name: self.member_name(to)?,
            to: from,
            to_name: self.member_name(from)?,
            why: Some(why.to_owned()),
        };
        self.append(promise, handed)
    }

    /// Gives a private note back to who read it before, unless anything was done about it since: what was added to it then is
    /// not for them to read.
    fn take_back_note(&mut self, id: NoteId, custody: &Custody, why: &str, left: &mut Vec<LeftAlone>) -> Result<()> {
        match custody.from {
            Some(author) if self.is_as_left_by(custody.entry)? => {
                let author = self.view().member(author)?;
                self.release_note_as_decided(id, &author, Some(why))
            }
            _ => {
                left.push(LeftAlone::PrivateNote { note: id });
                Ok(())
            }
        }
    }

    /// Whether a note stands as an entry left it: nothing was written about it since, but by handoffs that took it further
    /// and were undone.
    fn is_as_left_by(&self, entry: EntryId) -> Result<bool> {
        let causes = self.sql().all(
            "SELECT coalesce(h.kind, '') FROM entry own
             JOIN entry e ON e.subject = own.subject AND e.seq > own.seq
             LEFT JOIN entry h ON h.id = e.cause
             WHERE own.id = $1
             ORDER BY e.seq",
            &[(&entry.0).into()],
            |row| row.string(0),
        )?;
        Ok(causes.chunks(2).all(|pair| pair == ["handoff.completed", "handoff.undone"]))
    }

    /// What was written about the contacts of a handoff since its first stage, or else since it was completed.
    fn came_since(&self, standing: &Standing) -> Result<Vec<LeftAlone>> {
        let begun = self.sql().one(
            "SELECT min(seq) FROM entry WHERE subject = $1 AND kind IN ('handoff.staged', 'handoff.completed')",
            &[Value::Int(standing.key)],
            |row| row.int(0),
        )?;
        let since = [Value::Int(standing.key), Value::Int(begun)];
        let mut came = self.sql().all(
            "SELECT c.id, c.kind, c.name, count(*)
             FROM (SELECT DISTINCT contact FROM handoff_item WHERE handoff = $1 AND state = 'accepted') i
             JOIN note_contact l ON l.contact = i.contact AND l.note > $2
             JOIN contact c ON c.key = i.contact
             WHERE l.private_to IS NULL AND l.retracted_at IS NULL
             GROUP BY c.key, c.id, c.kind, c.name
             ORDER BY c.key",
            &since,
            |row| Ok(LeftAlone::Notes { contact: read_summary(row)?, notes: row.int(3)?.unsigned_abs() }),
        )?;
        came.append(&mut self.sql().all(
            "SELECT c.id, c.kind, c.name, count(*)
             FROM (SELECT DISTINCT contact FROM handoff_item WHERE handoff = $1 AND state = 'accepted') i
             JOIN follow_up f ON f.contact = i.contact AND f.key > $2
             JOIN contact c ON c.key = i.contact
             WHERE f.state = 'open'
             GROUP BY c.key, c.id, c.kind, c.name
             ORDER BY c.key",
            &since,
            |row| Ok(LeftAlone::Promises { contact: read_summary(row)?, promises: row.int(3)?.unsigned_abs() }),
        )?);
        Ok(came)
    }
}
