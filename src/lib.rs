//! Customer relationship memory that belongs to the organisation: what is known about people, who knows it, and who looks
//! after them, on one journal, in one file.
//!
//! heirloom is the part that a CRM integration embeds so that knowledge about people outlives the agencies, the employees
//! and the tools that gathered it. Every change keeps who made it and what stood there before; a member who leaves keeps
//! their name on what they wrote; whatever is known is found again by a plain question.
//!
//! ```
//! use heirloom::{Actor, Channel, Memory, NewContact, NewMember, Role};
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("corner-table.heirloom");
//! let memory = Memory::open(&path)?;
//! let mia = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Mia Lindqvist")))?;
//!
//! let sally = memory.write(&mia, |w| {
//!     let sally = w.add_contact(NewContact::person("Sally Whitcomb").handle(Channel::X, "@sally"))?;
//!     w.note(sally, "Stops by as a reward when she reaches her weekly weight goal").insight().save()?;
//!     w.assign(sally, &mia, Role::Owner)?;
//!     Ok(sally)
//! })?; // all or nothing, one actor, one instant
//!
//! assert_eq!(memory.by_any_handle("https://twitter.com/Sally?x")?[0].contact.id, sally);
//! let hits = memory.search("what does Sally come in for?").limit(10).run()?;
//! assert!(hits[0].snippet.text.contains("weekly weight goal"));
//! println!("{}", memory.brief(sally)?); // who she is, who looks after her, what to know
//! for entry in memory.history(sally)? {
//!     println!("{entry}"); // 2025-03-12 18:30  Mia Lindqvist added Sally Whitcomb
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to find what
//!
//! | to | go to |
//! |---|---|
//! | open, back up, verify | [`Memory`], [`OpenOptions`], [`Verification`] |
//! | write | [`Memory::write`] hands out a [`Writer`]: every change there is |
//! | add people and firms | [`NewContact`], [`NewHandle`], [`Channel`] |
//! | note what happened or is known | [`Writer::note`], [`NoteDraft`], [`NoteKind`], [`Sensitivity`] |
//! | say who looks after whom | [`Writer::assign`], [`Writer::transfer`], [`Role`], [`Terms`] |
//! | say who acts, and who left | [`Actor`], [`NewMember`], [`Party`], [`Writer::depart`] |
//! | decide who reads a private note | [`Writer::release_note`], [`Writer::seal_note`], [`Writer::open_note`] |
//! | find somebody | [`Memory::by_any_handle`], [`Memory::contacts_like`], [`Memory::by_external_id`] |
//! | ask | [`Memory::search`], [`Search`] |
//! | prepare for a conversation | [`Memory::brief`], [`Memory::timeline`], [`Memory::quiet_since`], [`Memory::book`] |
//! | promise something, and keep it | [`Writer::follow_up`], [`Memory::due_by`], [`Memory::follow_ups_of`] |
//! | know who could leave, and what would be lost | [`Memory::readiness`], [`Readiness`] |
//! | ask a leaver for what only they know | [`Memory::debrief`], [`Writer::answer_debrief`] |
//! | hand over what somebody looks after | [`Memory::handoff`], [`Plan`], [`Writer::offer`], [`Writer::complete`], [`Receipt`] |
//! | give a successor all of it to read | [`Memory::briefs`], [`Briefs`] |
//! | take a handoff back | [`Writer::undo`], [`Undone`] |
//! | erase a person, so that nothing is left | [`Memory::erasure`], [`Memory::erase`], [`Memory::erase_member`] |
//! | keep data no longer than may be, and what must be | [`Memory::retention`], [`Writer::hold`], [`Memory::holds`] |
//! | read several things that belong together | [`Memory::read`], [`View`] |
//! | go through all contacts | [`Memory::contacts`] |
//! | know who changed what | [`Memory::history`], [`Change`], [`changes`] |
//! | follow along | [`Memory::changes_after`], [`Memory::wait_for_changes`], [`Cursor`] |
//! | bring in what other systems know | [`Memory::import`], [`ImportReport`] |
//! | take it out again, as cards and tables | [`Memory::export`], [`ExportReport`] |
//! | read all that is known in a browser | [`ReaderPage`] |
//! | pack a memory, or part of one, to hand it over | [`Memory::bundle`], [`bundle::BundleExport`] |
//! | take in what somebody packed | [`bundle::Opening`], [`Memory::import_bundle`], [`bundle::Arrival`] |
//! | know what they have of it, and send what is new | [`Memory::record_receipt`], [`bundle::BundleExport::since`] |
//! | delete what was handed over, and certify it | [`Memory::purge`], [`Certificate`] |
//! | say who looks after somebody whom two memories gave an owner | [`Memory::ownership_conflicts`], [`Writer::decide_owner`] |
//! | tell a person what is held about them | [`Memory::access`], [`SubjectAccess`] |
//!
//! The [`guide`] has the long answers: [how somebody leaves](guide::leaving),
//! [how a memory travels](guide::bundle), [how a person is erased](guide::erasure), the journal and its hashes, the
//! file's promise, each format, the design as an FAQ.
//!
//! # What it is not
//!
//! - Not a CRM: it has no screens, and sends nothing.
//! - Not a server, and not a thing to put on a network drive. One machine at a time opens the file.
//! - Not access control: it keeps private notes apart by who the host says is reading. Whoever can read the file can read
//!   all of it; it is not encrypted.
//! - Not async: calls block.
//! - Not there yet: joining two contacts that turn out to be the same person.
//!
//! # Features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `bundled` | yes | compiles SQLite in; without it the system's is linked (3.45 or newer, with FTS5) |
//! | `vcard` | yes | reads vCard 2.1 to 4.0, writes vCard 4.0 |
//! | `csv` | yes | reads contacts and notes from CSV, writes tables for spreadsheets |
//! | `bundle` | yes | packs a memory into a bundle and takes one in, signed and verified; writes the reader page, for a browser |
//! | `age` | no | seals a bundle to its receiver, and opens a sealed one |
//!
//! JSON Lines are always read. It needs Rust 1.95 or newer.

/// The deeds of the random tests call heirloom by its name, within the crate as outside of it.
#[cfg(all(test, feature = "bundle"))]
extern crate self as heirloom;

mod access;
mod actor;
mod attachment;
mod brief;
#[cfg(feature = "bundle")]
pub mod bundle;
mod change;
mod channel;
mod check;
mod contact;
mod debrief;
#[cfg(test)]
#[path = "../tests/dice/mod.rs"]
mod dice;
mod erasure;
mod error;
mod exchange;
#[cfg(any(feature = "vcard", feature = "csv"))]
mod export;
mod feed;
mod follow_up;
pub mod guide;
mod handle;
mod handoff;
mod history;
mod hold;
mod id;
mod import;
mod journal;
mod knowledge;
mod member;
mod memory;
mod mention;
mod note;
mod ownership;
#[cfg(feature = "bundle")]
mod purge;
mod readiness;
mod reads;
mod retention;
mod search;
mod store;
mod time;
mod verify;
mod word;
mod wording;

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
    pub use crate::erasure::{ContactErased, FollowUpErased, MemberErased, MemoryPurged, NoteErased};
    pub use crate::follow_up::{
        FollowUpAdded, FollowUpDone, FollowUpDropped, FollowUpHanded, FollowUpReopened, FollowUpRescheduled,
    };
    pub use crate::handle::{HandleAdded, HandleEnded, HandleFact, HandleRenamed};
    pub use crate::handoff::{
        HandoffCompleted, HandoffOffered, HandoffReceipted, HandoffStaged, HandoffUndone, HandoffWithdrawn,
        OwnershipAccepted, OwnershipAnswered, OwnershipAsked, OwnershipDeclined, OwnershipKept, OwnershipOffered,
        StagePlanned,
    };
    pub use crate::hold::{ContactHeld, ContactUnheld};
    pub use crate::journal::MemoryReduced;
    pub use crate::member::{
        AgencyAdded, AgencyDeparted, AgencyReturned, MemberAdded, MemberAdmitted, MemberDeparted, MemberRenamed,
        MemberReturned,
    };
    pub use crate::memory::{MemoryFounded, MemoryImported, MemoryReceipted, MemoryRequested};
    pub use crate::note::{NoteAdded, NoteCorrected, NoteReclassified, NoteReleased, NoteRetracted, NoteSealed};
    pub use crate::ownership::{OwnershipAssigned, OwnershipEnded, OwnershipTransferred};
}

/// Instants and days are of these types; here so that a host takes the same version as heirloom.
pub use chrono;
/// What an id is made of; here so that a host takes the same version as heirloom.
pub use uuid;

pub use crate::access::{AccessFinding, AccessReport, SubjectAccess};
pub use crate::actor::Actor;
pub use crate::attachment::{Attachment, NewAttachment};
pub use crate::brief::book::Briefs;
pub use crate::brief::{Brief, ComingDay, OpenMatter};
#[cfg(feature = "bundle")]
pub use crate::bundle::page::ReaderPage;
pub use crate::change::{Change, Unknown};
pub use crate::channel::{Channel, Region};
pub use crate::contact::{
    Contact, ContactKind, ContactSummary, ContactsKey, ContactsPage, DoNotContact, ExternalId, Fact, Link, NewContact,
    audience, field, relation,
};
pub use crate::debrief::{Debrief, DebriefItem, Debriefing, Question, Topic, Worth};
pub use crate::erasure::{Erased, ErasurePreview, Shared};
pub use crate::error::{Error, Result};
#[cfg(feature = "csv")]
pub use crate::exchange::csv::{Column, CsvOptions, CsvRows};
#[cfg(any(feature = "vcard", feature = "csv"))]
pub use crate::export::{Export, ExportFinding, ExportReport};
pub use crate::feed::{Changes, Cursor, Entry};
pub use crate::follow_up::{FollowUp, FollowUpDraft, FollowUpState, Keeper, OpenPromise};
pub use crate::handle::{Handle, HandleMatch, NewHandle};
pub use crate::handoff::{
    Fate, Gap, Handoff, HandoffItem, HandoffQuestion, HandoffState, ItemState, LeftAlone, NamedParty, Plan, PlanChange,
    PlanItem, Planner, Receipt, Stage, Takeover, Undone, Unheeded,
};
pub use crate::hold::Hold;
pub use crate::id::{
    AgencyId, AssignmentId, ContactId, EntryId, FollowUpId, HandoffId, MemberId, MemoryId, NoteId, QuestionId,
};
pub use crate::import::{Finding, Import, ImportReport, Progress};
pub use crate::journal::{Absence, Hash, Head, Source, Subject, Writer};
pub use crate::member::{Agency, Member, NewMember, Party};
pub use crate::memory::{Memory, Once, OpenOptions, View};
pub use crate::note::{
    Direction, Note, NoteDraft, NoteKind, SaidBy, Sensitivity, Speaker, TimelineKey, TimelinePage, Via, Visibility,
};
pub use crate::ownership::{Assignment, OwnershipConflict, Role, Terms};
#[cfg(feature = "bundle")]
pub use crate::purge::{
    Certificate, Check, Deleted, Figures, Ground, KeptOn, Purge, PurgeKept, PurgePreview, Returned, StoreCovered,
};
pub use crate::readiness::{Assessment, AtRisk, OnePerson, PartyReadiness, Promised, Readiness, Risk};
pub use crate::retention::{
    ContactDue, KeptBack, NotesDue, OfContacts, OfNotes, Period, RetainedSelection, Retaining, Retention,
    RetentionAction, RetentionPreview, RetentionReport, RuleDone, RuleDue, Since,
};
pub use crate::search::Snippet;
pub use crate::search::ask::{Found, Hit, Search};
pub use crate::store::Durability;
pub use crate::time::{DayOfYear, Precision, When};
pub use crate::verify::Verification;

/// The code in the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
