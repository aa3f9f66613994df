//! Erasing by a rule or an instruction: many contacts, notes and promises at once, for one reason.

use std::collections::BTreeSet;

use super::going::Going;
use super::{Erased, FollowUpErased, NoteErased};
use crate::error::{Error, Result};
use crate::id::{ContactId, FollowUpId, NoteId};
use crate::journal::{Absence, Writer, seq_of};
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
        let (going, notes, follow_ups) = self.all_that_goes(these)?;
        self.not_held(&going)?;
        self.say_erased(&these.contacts, why, &going)?;
        for id in notes {
            self.append(id, NoteErased { why: why.to_owned() })?;
        }
        for id in follow_ups {
            self.append(id, FollowUpErased { why: why.to_owned() })?;
        }
        self.let_go(&going, Absence::Erased)
    }
}

impl Writer<'_> {
    /// Deletes all of it here and here alone: no entry says that it was erased, so who received it keeps it, and may send it
    /// back. The entry of the purge says it for all.
    #[cfg(feature = "bundle")]
    pub(crate) fn purge_many(&mut self, these: &ToErase, why: &str) -> Result<Erased> {
        self.may_erase(why)?;
        let (going, ..) = self.all_that_goes(these)?;
        self.not_held(&going)?;
        self.let_go(&going, Absence::Purged)
    }

    /// All that goes, with the notes and the promises among it that do not go with a contact.
    fn all_that_goes(&self, these: &ToErase) -> Result<(Going, Vec<NoteId>, Vec<FollowUpId>)> {
        let mut going = Going::with(self.sql(), &these.contacts)?;
        let (mut notes, mut follow_ups) = (Vec::new(), Vec::new());
        for id in &these.notes {
            let key = seq_of(self.sql(), id.0)?.ok_or_else(|| Error::unknown("note", id))?;
            going.notes.entry(key).or_insert_with(|| {
                notes.push(*id);
                (*id, BTreeSet::new())
            });
        }
        for id in &these.follow_ups {
            let key = seq_of(self.sql(), id.0)?.ok_or_else(|| Error::unknown("promise", id))?;
            going.follow_ups.entry(key).or_insert_with(|| {
                follow_ups.push(*id);
                (*id, BTreeSet::new())
            });
        }
        Ok((going, notes, follow_ups))
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
        self.members_held_back.extend(other.members_held_back);
        self.remains = self.remains.take().or(other.remains);
    }
}
