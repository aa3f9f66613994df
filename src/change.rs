//! The vocabulary of changes. Its serialised form is frozen: the word of a kind, the version of its body, and the names
//! in the body never change their meaning; what is new gets a new word, or a new version beside the old.

use serde_json::Value as Json;

use crate::attachment::ContactAttached;
use crate::contact::{
    ContactAdded, ContactChanged, ContactIdentified, ContactLinked, ContactTagged, ContactUnlinked, ContactUntagged,
};
use crate::erasure::{ContactErased, FollowUpErased, MemberErased, MemoryPurged, NoteErased};
use crate::error::{Error, Result};
use crate::follow_up::{
    FollowUpAdded, FollowUpDone, FollowUpDropped, FollowUpHanded, FollowUpReopened, FollowUpRescheduled,
};
use crate::handle::{HandleAdded, HandleEnded, HandleRenamed};
use crate::handoff::{
    HandoffCompleted, HandoffOffered, HandoffReceipted, HandoffStaged, HandoffUndone, HandoffWithdrawn,
    OwnershipAccepted, OwnershipAnswered, OwnershipAsked, OwnershipDeclined, OwnershipKept, OwnershipOffered,
};
use crate::hold::{ContactHeld, ContactUnheld};
use crate::journal::MemoryReduced;
use crate::member::{
    AgencyAdded, AgencyDeparted, AgencyReturned, MemberAdded, MemberAdmitted, MemberDeparted, MemberRenamed,
    MemberReturned,
};
use crate::memory::{MemoryFounded, MemoryImported, MemoryReceipted, MemoryRequested};
use crate::note::{NoteAdded, NoteCorrected, NoteReclassified, NoteReleased, NoteRetracted, NoteSealed};
use crate::ownership::{OwnershipAssigned, OwnershipEnded, OwnershipTransferred};

macro_rules! changes {
    ($($(#[$doc:meta])* $name:ident $word:literal $version:literal;)*) => {
        /// What an entry of the journal changed: one variant for each kind.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Change {
            $($(#[$doc])* $name($name),)*
            /// A kind, or a version of its body, from a newer heirloom: carried as it came, never dropped.
            Unknown(Unknown),
        }

        impl Change {
            /// The word of the kind and the version of the body, as the journal stores them.
            pub fn kind(&self) -> (&str, i64) {
                match self {
                    $(Self::$name(_) => ($word, $version),)*
                    Self::Unknown(unknown) => (&unknown.kind, unknown.version),
                }
            }

            /// The body as JSON text.
            pub(crate) fn body(&self) -> Result<String> {
                let body = match self {
                    $(Self::$name(body) => serde_json::to_string(body),)*
                    Self::Unknown(unknown) => serde_json::to_string(&unknown.body),
                };
                body.map_err(|e| Error::fault("the body of an entry", e))
            }

            /// Whether this build knows a kind and version, and so can apply it.
            #[cfg(feature = "bundle")]
            pub(crate) fn is_known(kind: &str, version: i64) -> bool {
                matches!((kind, version), $(($word, $version))|*)
            }

            /// Reads a body of a kind and version.
            pub(crate) fn read(kind: &str, version: i64, body: &str) -> Result<Self> {
                let wrong = |e: serde_json::Error| Error::fault("the body of an entry", format!("{kind}: {e}"));
                match (kind, version) {
                    $(($word, $version) => serde_json::from_str(body).map(Self::$name).map_err(wrong),)*
                    _ => {
                        let body = serde_json::from_str(body).map_err(wrong)?;
                        Ok(Self::Unknown(Unknown { kind: kind.to_owned(), version, body }))
                    }
                }
            }
        }

        $(impl From<$name> for Change {
            fn from(body: $name) -> Self {
                Self::$name(body)
            }
        })*
    };
}

/// A change that this build does not know.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Unknown {
    /// The word of its kind.
    pub kind: String,
    /// The version of its body.
    pub version: i64,
    /// Its body.
    pub body: Json,
}

changes! {
    /// The memory began.
    MemoryFounded "memory.founded" 1;
    /// A call with an idempotency key was carried out.
    MemoryRequested "memory.requested" 1;
    /// A bundle from another memory was taken in.
    MemoryImported "memory.imported" 1;
    /// Another memory took in a bundle of this one, and said so.
    MemoryReceipted "memory.receipted" 1;
    /// Some bodies of entries, or bytes of attachments, are not here: withheld by who sent them, or erased.
    MemoryReduced "memory.reduced" 1;
    /// What had been handed over was deleted here.
    MemoryPurged "memory.purged" 1;
    /// An agency begins to act for the organisation.
    AgencyAdded "agency.added" 1;
    /// An agency has left, and its people with it.
    AgencyDeparted "agency.departed" 1;
    /// An agency is back.
    AgencyReturned "agency.returned" 1;
    /// Somebody begins to act for the organisation.
    MemberAdded "member.added" 1;
    /// A member has another name.
    MemberRenamed "member.renamed" 1;
    /// A member has left.
    MemberDeparted "member.departed" 1;
    /// A member is back.
    MemberReturned "member.returned" 1;
    /// A member of another memory acts here too.
    MemberAdmitted "member.admitted" 1;
    /// Who a member was is erased; what they wrote stays.
    MemberErased "member.erased" 1;
    /// Somebody is known.
    ContactAdded "contact.added" 1;
    /// A fact of a contact has another value.
    ContactChanged "contact.changed" 1;
    /// A tag was put on a contact.
    ContactTagged "contact.tagged" 1;
    /// A tag was taken off a contact.
    ContactUntagged "contact.untagged" 1;
    /// A contact was linked to another.
    ContactLinked "contact.linked" 1;
    /// A link between contacts was taken away.
    ContactUnlinked "contact.unlinked" 1;
    /// Another system calls a contact so.
    ContactIdentified "contact.identified" 1;
    /// Bytes belong to a contact.
    ContactAttached "contact.attached" 1;
    /// Everything about a contact is erased.
    ContactErased "contact.erased" 1;
    /// A legal hold lies on a contact.
    ContactHeld "contact.held" 1;
    /// A legal hold is lifted.
    ContactUnheld "contact.unheld" 1;
    /// A contact can be reached at an address.
    HandleAdded "handle.added" 1;
    /// An address is theirs no more.
    HandleEnded "handle.ended" 1;
    /// An account has another name.
    HandleRenamed "handle.renamed" 1;
    /// Something happened, or is known.
    NoteAdded "note.added" 1;
    /// The text of a note is another.
    NoteCorrected "note.corrected" 1;
    /// A note is of another kind or sensitivity.
    NoteReclassified "note.reclassified" 1;
    /// A note no longer holds.
    NoteRetracted "note.retracted" 1;
    /// A private or sealed note is readable by another member from here on.
    NoteReleased "note.released" 1;
    /// A private note is readable by nobody, until it is opened for a stated reason.
    NoteSealed "note.sealed" 1;
    /// A note is erased.
    NoteErased "note.erased" 1;
    /// A member looks after a contact.
    OwnershipAssigned "ownership.assigned" 1;
    /// A member no longer looks after a contact.
    OwnershipEnded "ownership.ended" 1;
    /// A contact went from one owner to another.
    OwnershipTransferred "ownership.transferred" 1;
    /// A contact was offered to a successor in a handoff.
    OwnershipOffered "ownership.offered" 1;
    /// A successor takes a contact.
    OwnershipAccepted "ownership.accepted" 1;
    /// A successor does not take a contact.
    OwnershipDeclined "ownership.declined" 1;
    /// A contact was taken out of a handoff, and stays with who has it.
    OwnershipKept "ownership.kept" 1;
    /// A successor asks about a contact.
    OwnershipAsked "ownership.asked" 1;
    /// A question about a contact was answered by a note.
    OwnershipAnswered "ownership.answered" 1;
    /// Something was promised to a contact.
    FollowUpAdded "follow_up.added" 1;
    /// A promise is another member's to keep.
    FollowUpHanded "follow_up.handed" 1;
    /// A promise is due on another day.
    FollowUpRescheduled "follow_up.rescheduled" 1;
    /// A promise was kept.
    FollowUpDone "follow_up.done" 1;
    /// A promise will not be kept.
    FollowUpDropped "follow_up.dropped" 1;
    /// A promise that was done or dropped is open again.
    FollowUpReopened "follow_up.reopened" 1;
    /// A promise is erased.
    FollowUpErased "follow_up.erased" 1;
    /// What a leaver looks after was offered to successors.
    HandoffOffered "handoff.offered" 1;
    /// A gradual handoff came to its next stage.
    HandoffStaged "handoff.staged" 1;
    /// A handoff was carried out.
    HandoffCompleted "handoff.completed" 1;
    /// What a handoff, or its undoing, came to.
    HandoffReceipted "handoff.receipted" 1;
    /// A handoff was called off before it was carried out.
    HandoffWithdrawn "handoff.withdrawn" 1;
    /// A handoff was taken back.
    HandoffUndone "handoff.undone" 1;
}
