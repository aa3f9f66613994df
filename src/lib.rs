//! Customer relationship memory that belongs to the organisation.

mod actor;
mod attachment;
mod brief;
mod change;
mod channel;
mod check;
mod contact;
mod error;
mod exchange;
mod feed;
mod handle;
mod history;
mod id;
mod import;
mod journal;
mod member;
mod memory;
mod note;
mod ownership;
mod reads;
mod search;
mod store;
mod time;
mod verify;

/// The limits on sizes, in bytes of UTF-8 or of content.
pub mod limits {
    pub use crate::check::{ATTACHMENT_MAX, FIELD_MAX, NAME_MAX, NOTE_TEXT_MAX, SOURCE_MAX};
    pub use crate::import::FINDINGS_KEPT;
}

/// The bodies of entries, one type for each kind of change.
pub mod changes {
    pub use crate::attachment::ContactAttached;
    pub use crate::contact::{
        ContactAdded, ContactChanged, ContactIdentified, ContactLinked, ContactTagged, ContactUnlinked, ContactUntagged,
    };
    pub use crate::handle::{HandleAdded, HandleEnded, HandleFact, HandleRenamed};
    pub use crate::member::{AgencyAdded, MemberAdded, MemberDeparted, MemberRenamed, MemberReturned};
    pub use crate::memory::{MemoryFounded, MemoryRequested};
    pub use crate::note::{NoteAdded, NoteCorrected, NoteReclassified, NoteRetracted};
    pub use crate::ownership::{OwnershipAssigned, OwnershipEnded, OwnershipTransferred};
}

pub use crate::actor::Actor;
pub use crate::attachment::{Attachment, NewAttachment};
pub use crate::brief::{Brief, ComingDay, OpenMatter};
pub use crate::change::{Change, Unknown};
pub use crate::channel::{Channel, Region};
pub use crate::contact::{
    Contact, ContactKind, ContactSummary, DoNotContact, ExternalId, Fact, Link, NewContact, audience, field, relation,
};
pub use crate::error::{Error, Result};
#[cfg(feature = "csv")]
pub use crate::exchange::csv::{Column, CsvOptions, CsvRows};
pub use crate::feed::{Changes, Cursor, Entry};
pub use crate::handle::{Handle, HandleMatch, NewHandle};
pub use crate::id::{AgencyId, AssignmentId, ContactId, EntryId, MemberId, MemoryId, NoteId};
pub use crate::import::{Finding, Import, ImportReport, Progress};
pub use crate::journal::{Hash, Head, Source, Subject, Writer};
pub use crate::member::{Agency, Member, NewMember};
pub use crate::memory::{Memory, Once, OpenOptions, View};
pub use crate::note::{
    Direction, Note, NoteDraft, NoteKind, SaidBy, Sensitivity, Speaker, TimelineKey, TimelinePage, Via, Visibility,
};
pub use crate::ownership::{Assignment, Role, Terms};
pub use crate::search::Snippet;
pub use crate::search::ask::{Found, Hit, Search};
pub use crate::store::Durability;
pub use crate::time::{DayOfYear, Precision, When};
pub use crate::verify::Verification;
