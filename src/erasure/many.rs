//! Erasing by a rule or an instruction: many contacts, notes and promises at once, for one reason.

use std::collections::BTreeSet;

use super::going::Going;
use super::{Erased, FollowUpErased, NoteErased};
use crate::error::{Error, Result};
use crate::id::{ContactId, FollowUpId, NoteId};
use crate::journal::{Writer, seq_of};
use crate::memory::Memory;

/// What is to be erased together.
#[derive(Debug, Default)]
pub(crate) struct ToErase {
    /// Contacts; what goes with them need not be named.
    pub(crate) contacts: BTreeSet<ContactId>,
    /// Notes, private ones included.
    pub(crate) notes: BTreeSet<NoteId>,
    /// Promises.
    pub(crate) follow_ups: BTreeSet<FollowUpId>,
}

impl ToErase {
    pub(crate) fn is_empty(&self) -> bool {
        self.contacts.is_empty() && self.notes.is_empty() && self.follow_ups.is_empty()
    }
}

impl Writer<'_> {
    /// Erases all of it at the cost of one look through the journal. The reason was written without any of them in mind, so
    /// it may happen to have a word in it that is also a name.
    pub(crate) fn erase_many(&mut self, these: &ToErase, why: &str) -> Result<Erased> {
        self.may_erase(why)?;
        let mut going = Going::with(self.sql(), &these.contacts)?;
        let (mut notes, mut follow_ups) = (Vec::new(), Vec::new());
        for id in &these.notes {
            let key = seq_of(self.sql(), id.0)?.ok_or_else(|| Error::unknown("note", id))?;
            if !going.notes.contains_key(&key) {
                going.notes.insert(key, (*id, BTreeSet::new()));
                notes.push(*id);
            }
        }
        for id in &these.follow_ups {
            let key = seq_of(self.sql(), id.0)?.ok_or_else(|| Error::unknown("promise", id))?;
            if !going.follow_ups.contains_key(&key) {
                going.follow_ups.insert(key, (*id, BTreeSet::new()));
                follow_ups.push(*id);
            }
        }
        self.not_held(&going)?;
        for id in &these.contacts {
            let change = self.contact_erased(*id, why, &going)?;
            self.append(*id, change)?;
        }
        for id in notes {
            self.append(id, NoteErased { why: why.to_owned() })?;
        }
        for id in follow_ups {
            self.append(id, FollowUpErased { why: why.to_owned() })?;
        }
        self.let_go(&going)
    }
}

impl Memory {
    /// Scrubs the file after an erasure, and says of it what could not be scrubbed.
    pub(crate) fn erased(&self, erased: Erased) -> Erased {
        self.scrubbed(erased)
    }
}

impl std::ops::AddAssign for Erased {
    fn add_assign(&mut self, other: Self) {
        self.contacts += other.contacts;
        self.notes += other.notes;
        self.follow_ups += other.follow_ups;
        self.attachments += other.attachments;
        self.members += other.members;
        self.bodies += other.bodies;
        self.masked += other.masked;
        self.held_back.extend(other.held_back);
        self.remains = self.remains.take().or(other.remains);
    }
}
