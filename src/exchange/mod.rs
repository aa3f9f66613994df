//! Outside formats, read into records of our words, and written from what a memory holds. No database in here: a reader
//! takes bytes and gives [`Item`]s, which [`crate::import`] keeps; a writer takes what [`crate::export`] read, and gives bytes.

#[cfg(feature = "csv")]
pub(crate) mod csv;
pub(crate) mod jsonl;
pub(crate) mod lines;
#[cfg(feature = "vcard")]
pub(crate) mod vcard;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::channel::Channel;
use crate::time::{DayOfYear, When};

/// What a reader found at one place of its input.
#[derive(Debug)]
pub(crate) struct Item {
    /// The number of the record in its file, from 1: the card, the row, the line.
    pub(crate) record: u64,
    /// The line on which the record begins, from 1.
    pub(crate) line: u64,
    /// The record, or why it could not be read, in words that follow "skipped: ".
    pub(crate) result: Result<Record, String>,
    /// What was changed or left out on the way from the outside form to ours, one sentence each, without loss of the
    /// source, which is kept verbatim.
    pub(crate) converted: Vec<String>,
}

/// One record of an outside file.
#[derive(Debug)]
pub(crate) enum Record {
    /// A contact, with the notes that its card carries.
    Contact(ContactRecord),
    /// A note about contacts that the record names.
    Note(NoteRecord),
}

/// A contact, as an outside file tells it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ContactRecord {
    /// The id that the source gives it (vCard UID, a Record ID column, …), trimmed; never empty.
    pub(crate) external_id: Option<String>,
    /// Whether it is an organisation rather than a person.
    pub(crate) organisation: bool,
    /// The name to show. Never empty: where a card has none, the reader takes the organisation, a nickname, the
    /// e-mail, … and says so in `converted`; where it has nothing at all, the record is skipped.
    pub(crate) name: String,
    /// What relation the contact has to us ("customer", "employee", "partner", "press"), where the source says so.
    pub(crate) audience: Option<String>,
    /// Further facts by name; see [`crate::contact::field`] for the names that are ours ("given_name", "company", …).
    /// Everything else is a custom field under the source's own name. Values are never empty.
    pub(crate) fields: BTreeMap<String, String>,
    /// Addresses, in the order of the source, preferred one first.
    pub(crate) handles: Vec<HandleRecord>,
    /// Tags, without repetition.
    pub(crate) tags: Vec<String>,
    /// Days that return: "birthday", "anniversary", or the source's own label.
    pub(crate) dates: Vec<(String, DayOfYear)>,
    /// Channels on which the contact does not want to be reached (`None` for every channel), each with the source's word
    /// for it.
    pub(crate) do_not_contact: Vec<(Option<Channel>, String)>,
    /// What further systems call the contact: the system and the id there.
    pub(crate) external_ids: Vec<(String, String)>,
    /// Links to contacts of the same source.
    pub(crate) links: Vec<LinkRecord>,
    /// Related people by name: relation ("spouse", "assistant", "works_at", "referred_by", …) and name.
    pub(crate) related: Vec<(String, String)>,
    /// Notes on the card.
    pub(crate) notes: Vec<NoteRecord>,
    /// Pictures, sounds and keys on the card.
    pub(crate) attachments: Vec<AttachmentRecord>,
    /// The source of this record, verbatim.
    pub(crate) source: Vec<u8>,
}

/// An address of a contact, as written in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HandleRecord {
    /// The channel.
    pub(crate) channel: Channel,
    /// The address, trimmed, not yet normalised; never empty.
    pub(crate) address: String,
    /// What the source calls it: "work", "home", "cell", or the person's own label.
    pub(crate) label: Option<String>,
    /// The network's own lasting id of the account, where the source gives it.
    pub(crate) network_id: Option<String>,
    /// Since when it has been theirs, where the source says so.
    pub(crate) since: Option<DateTime<Utc>>,
    /// Until when it was theirs; `None` while it is.
    pub(crate) until: Option<DateTime<Utc>>,
}

impl HandleRecord {
    /// An address on a channel, of which no more is said.
    pub(crate) fn new(channel: Channel, address: impl Into<String>) -> Self {
        Self { channel, address: address.into(), label: None, network_id: None, since: None, until: None }
    }
}

/// A link to another contact of the same source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkRecord {
    /// What relates them.
    pub(crate) relation: String,
    /// The source's id of the other.
    pub(crate) other: String,
    /// The other's name, for messages.
    pub(crate) name: String,
}

/// Bytes on a card or beside a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttachmentRecord {
    /// A file name, made up from the property ("photo.jpg") where the source has none.
    pub(crate) name: String,
    /// The media type, such as `image/jpeg`; `application/octet-stream` where it cannot be told.
    pub(crate) media_type: String,
    /// The bytes, decoded.
    pub(crate) bytes: Vec<u8>,
}

/// A note, as an outside file tells it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct NoteRecord {
    /// The id that the source gives it.
    pub(crate) external_id: Option<String>,
    /// Whom it is about, each in one or more ways; empty on a note that a contact record carries.
    pub(crate) about: Vec<ContactRef>,
    /// The text; never empty.
    pub(crate) text: String,
    /// "conversation", "insight", "praise", "complaint", "idea", "milestone", "broadcast" or "other", where the source
    /// says so.
    pub(crate) kind: Option<String>,
    /// When it happened, to the precision that the source gives.
    pub(crate) happened_at: Option<When>,
    /// Who said it or held the conversation: a name or an e-mail.
    pub(crate) said_by: Option<String>,
    /// The source's id of who said it, where that is a contact.
    pub(crate) said_by_contact: Option<String>,
    /// How many contacts of the source the note is about, where it stands on the card of each.
    pub(crate) about_so_many: usize,
    /// Over which channel it happened.
    pub(crate) channel: Option<Channel>,
    /// Whether it came from the contact ("in") or went to them ("out").
    pub(crate) direction: Option<String>,
    /// A link to where it happened.
    pub(crate) permalink: Option<String>,
    /// "organisation" or "private", where the source says so.
    pub(crate) visibility: Option<String>,
    /// "ordinary", "confidential", "health", …, where the source says so.
    pub(crate) sensitivity: Option<String>,
    /// The source of this record, verbatim; empty on a note that a contact record carries.
    pub(crate) source: Vec<u8>,
}

/// One way in which a record names a contact, from the surest to the least sure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ContactRef {
    /// The source's own id of the contact.
    ExternalId(String),
    /// An address.
    Handle(Channel, String),
    /// A name.
    Name(String),
}

/// What could not be written as it is, or was left out: why, and how often.
#[cfg(any(feature = "vcard", feature = "csv"))]
#[derive(Debug, Default)]
pub(crate) struct Unsaid(pub(crate) BTreeMap<&'static str, u64>);

#[cfg(any(feature = "vcard", feature = "csv"))]
impl Unsaid {
    /// Counts one more.
    pub(crate) fn add(&mut self, what: &'static str) {
        self.add_many(what, 1);
    }

    /// Counts some more.
    pub(crate) fn add_many(&mut self, what: &'static str, count: u64) {
        if count > 0 {
            *self.0.entry(what).or_default() += count;
        }
    }
}

/// An address as somebody wrote it, unless it is read so only in the country of this memory; then its key.
#[cfg(any(feature = "vcard", feature = "csv"))]
pub(crate) fn address_anywhere<'h>(handle: &'h crate::handle::Handle, unsaid: &mut Unsaid) -> &'h str {
    let is_number = matches!(handle.channel, Channel::Phone | Channel::WhatsApp | Channel::Telegram);
    if !is_number || handle.address == handle.key {
        return &handle.address;
    }
    match crate::channel::Address::parse(handle.channel, &handle.address, None) {
        Ok(address) if address.key == handle.key => &handle.address,
        _ => {
            unsaid.add("telephone numbers written in their international form, not as they were typed");
            &handle.key
        }
    }
}
