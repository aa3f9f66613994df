//! The reads of [`Memory`]: each is the one of [`View`] with the same name, on a snapshot of its own.

use chrono::{DateTime, Utc};

use crate::attachment::Attachment;
use crate::brief::Brief;
use crate::channel::Channel;
use crate::contact::{Contact, ContactSummary, ContactsKey, ContactsPage};
use crate::error::Result;
use crate::feed::Entry;
use crate::follow_up::FollowUp;
use crate::handle::HandleMatch;
use crate::handoff::{Handoff, HandoffItem, HandoffQuestion, Receipt};
use crate::hold::Hold;
use crate::id::{AgencyId, ContactId, EntryId, FollowUpId, HandoffId, MemberId, NoteId};
use crate::journal::Subject;
use crate::member::{Agency, Member};
use crate::memory::{Memory, View};
use crate::note::{Note, TimelineKey, TimelinePage};
use crate::ownership::{Assignment, OwnershipConflict};

macro_rules! reads {
    ($($how:ident $name:ident($($argument:ident: $type:ty),*) -> $answer:ty, $first_line:literal;)*) => {
        impl Memory {
            $(
                #[doc = $first_line]
                #[doc = concat!(" See [`View::", stringify!($name), "`].")]
                pub fn $name(&self, $($argument: $type),*) -> Result<$answer> {
                    self.$how(|view: &View<'_>| view.$name($($argument),*))
                }
            )*
        }
    };
}

reads! {
    read brief(contact: impl Into<ContactId>) -> Brief, "Puts together what a successor must read about a contact.";
    read contact(id: impl Into<ContactId>) -> Contact, "Reads a contact with all facts.";
    read_one contact_summary(id: impl Into<ContactId>) -> ContactSummary, "Reads the name and kind of a contact.";
    read_one by_handle(channel: Channel, address: &str) -> Vec<HandleMatch>,
        "Finds the contacts that have, or had, an address on a channel.";
    read by_any_handle(text: &str) -> Vec<HandleMatch>,
        "Finds the contacts that have, or had, an address on any channel.";
    read_one by_network_id(channel: Channel, network_id: &str) -> Vec<HandleMatch>,
        "Finds the contacts that have, or had, the account with this lasting id.";
    read_one by_external_id(system: &str, id: &str) -> Option<ContactSummary>,
        "Finds the contact that another system calls so.";
    read_one named(name: &str) -> Vec<ContactSummary>, "Finds the contacts that have exactly this name.";
    read_one tagged(tag: &str) -> Vec<ContactSummary>, "Finds the contacts that carry a tag.";
    read_one quiet_since(since: DateTime<Utc>) -> Vec<(ContactSummary, Option<DateTime<Utc>>)>,
        "Finds the contacts who have not been spoken to since an instant.";
    read_one contacts(after: Option<ContactsKey>, limit: usize) -> ContactsPage,
        "Reads all contacts in the order in which they were added, a page at a time.";
    read_one count_contacts() -> u64, "Counts the contacts.";
    read_one note(id: NoteId) -> Note, "Reads a note.";
    read note_contacts(id: NoteId) -> Vec<ContactSummary>, "Reads whom a note is about.";
    read_one note_by_external_id(system: &str, id: &str) -> Option<NoteId>,
        "Finds the note that another system calls so.";
    read timeline(contact: impl Into<ContactId>, after: Option<TimelineKey>, limit: usize) -> TimelinePage,
        "Reads the notes about a contact, newest first, a page at a time.";
    read contact_attachments(contact: impl Into<ContactId>) -> Vec<Attachment>, "Lists the attachments of a contact.";
    read note_attachments(note: NoteId) -> Vec<Attachment>, "Lists the attachments of a note.";
    read_one attachment_bytes(attachment: &Attachment) -> Vec<u8>, "Reads the bytes of an attachment.";
    read owners(contact: impl Into<ContactId>) -> Vec<Assignment>, "Reads everybody who looks after a contact, or did.";
    read owner_at(contact: impl Into<ContactId>, at: DateTime<Utc>) -> Option<Assignment>,
        "Reads who owned a contact at an instant.";
    read ownership_conflicts() -> Vec<OwnershipConflict>, "Finds the contacts whom several members own at the same time.";
    read book(member: impl Into<MemberId>) -> Vec<ContactSummary>, "Reads the book of a member.";
    read_one follow_up(id: impl Into<FollowUpId>) -> FollowUp, "Reads a promise, open or not.";
    read follow_ups(contact: impl Into<ContactId>) -> Vec<FollowUp>, "Reads all promises to a contact.";
    read follow_ups_of(member: impl Into<MemberId>) -> Vec<FollowUp>,
        "Reads the open promises that a member is to keep.";
    read_one due_by(instant: DateTime<Utc>) -> Vec<FollowUp>,
        "Reads the open promises of everybody whose time has come by an instant.";
    read_one unowned() -> Vec<ContactSummary>, "Finds the contacts whom nobody owns.";
    read_one member(id: impl Into<MemberId>) -> Member, "Reads a member, departed or not.";
    read_one members() -> Vec<Member>, "Reads every member, departed or not.";
    read_one members_called(name_or_email: &str) -> Vec<Member>, "Finds the members who have this name or address.";
    read members_of(agency: impl Into<AgencyId>) -> Vec<Member>, "Reads the people of an agency, departed or not.";
    read_one agency(id: impl Into<AgencyId>) -> Agency, "Reads an agency.";
    read_one agencies() -> Vec<Agency>, "Reads every agency.";
    read handoff_by_id(id: HandoffId) -> Handoff, "Reads a handoff.";
    read handoffs() -> Vec<Handoff>, "Reads every handoff.";
    read handoff_items(id: HandoffId) -> Vec<HandoffItem>, "Reads the contacts of a handoff.";
    read handoff_questions(id: HandoffId) -> Vec<HandoffQuestion>, "Reads the questions of a handoff.";
    read offered_to(member: impl Into<MemberId>) -> Vec<HandoffItem>, "Reads what awaits the answer of a member.";
    read receipt(handoff: HandoffId) -> Receipt, "Reads the receipt of a handoff.";
    read_one holds() -> Vec<Hold>, "Reads every legal hold.";
    read holds_on(contact: impl Into<ContactId>) -> Vec<Hold>, "Reads the legal holds that lie on a contact.";
    read_one history(subject: impl Into<Subject>) -> Vec<Entry>, "Reads everything that ever happened to a subject.";
    read_one entry(id: EntryId) -> Entry, "Reads one entry.";
}
