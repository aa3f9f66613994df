//! The place of an entry in the order of all: after everything that it names.

use uuid::Uuid;

use super::Record;
use crate::change::Change;
use crate::error::Result;
use crate::journal::Writer;
use crate::member::Party;
use crate::store::{RowExt, Sql, SqlExt};

impl Writer<'_> {
    /// Refuses an entry that is dated before something that it names began: in the order of the stamps, in which the tables are
    /// put together anew, it would name nothing.
    pub(super) fn check_place(&mut self, entry: &Record, change: Option<&Change>) -> Result<()> {
        if entry.stamp > self.seen.newest_beginning(self.sql)? {
            return Ok(());
        }
        let besides = (!entry.is_first()).then_some(entry.subject).into_iter().chain(entry.actor.member);
        for id in change.map(named).unwrap_or_default().into_iter().chain(besides) {
            if began(self.sql, id)?.is_some_and(|stamp| (stamp, id) > (entry.stamp, entry.id)) {
                return Err(entry.refused(&format!(
                    "is dated before {id} began, which it is about or names; it was forged, ask the sender how it came about"
                )));
            }
        }
        Ok(())
    }
}

/// The stamp of the entry that began something, where it is here.
fn began(sql: &dyn Sql, id: Uuid) -> Result<Option<i64>> {
    sql.first("SELECT stamp FROM entry WHERE id = $1 AND subject = seq AND seq > 1", &[(&id).into()], |row| row.int(0))
}

/// What a change names that must stand before it can be applied.
fn named(change: &Change) -> Vec<Uuid> {
    let party = |party: &Party| match party {
        Party::Member(id) => id.0,
        Party::Agency(id) => id.0,
    };
    match change {
        Change::NoteAdded(c) => {
            let speaker = c.said_by.as_ref();
            let contacts = c.about.iter().copied().chain(speaker.and_then(|by| by.contact)).map(|id| id.0);
            contacts.chain(c.private_to.into_iter().chain(speaker.and_then(|by| by.member)).map(|id| id.0)).collect()
        }
        Change::NoteReleased(c) => vec![c.to.0],
        Change::ContactLinked(c) => vec![c.other.0],
        Change::ContactUnlinked(c) => vec![c.other.0],
        Change::MemberAdded(c) => c.agency.iter().map(|id| id.0).collect(),
        Change::OwnershipAssigned(c) => vec![c.member.0],
        Change::OwnershipTransferred(c) => vec![c.from.0, c.to.0],
        Change::FollowUpAdded(c) => vec![c.contact.0, c.owner.0],
        Change::FollowUpHanded(c) => vec![c.from.0, c.to.0],
        Change::HandoffOffered(c) => c.leavers.iter().map(|leaver| party(&leaver.party)).collect(),
        Change::OwnershipOffered(c) => vec![c.handoff.0, c.leaver.0, c.successor.0],
        Change::OwnershipAccepted(c) => vec![c.handoff.0],
        Change::OwnershipDeclined(c) => vec![c.handoff.0],
        Change::OwnershipKept(c) => vec![c.handoff.0],
        Change::OwnershipAsked(c) => vec![c.handoff.0],
        _ => Vec::new(),
    }
}
