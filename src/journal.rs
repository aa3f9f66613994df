//! The one write path: number, append, apply. And what follows from it: replay and verification.
//!
//! An entry has a header and a body. The body is the change as JSON text; the header holds who, when, about what, and a
//! salted digest of the body. Headers are chained by hash, so that a body can be erased and the chain still verifies:
//!
//! ```text
//! digest = SHA-256(salt ‖ body)
//! hash   = SHA-256("heirloom entry 1\n" ‖ header with digest and the hash of the entry before it on the same subject)
//! head   = SHA-256("heirloom head 1\n" ‖ head before ‖ hash)
//! ```
//!
//! The hashes of one subject from one memory form a chain of their own, so that a slice of the memory verifies alone;
//! the head commits to all entries in the order of their numbers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::actor::Actor;
use crate::change::Change;
use crate::check;
use crate::error::{Error, Result};
use crate::follow_up::FollowUpState;
use crate::id::{AgencyId, ContactId, EntryId, FollowUpId, HandoffId, IdSource, MemberId, MemoryId, NoteId};
use crate::memory::{Inner, MemoryFounded, View};
use crate::store::{RowExt, Sql, SqlExt, Store, Value, values::exactly};
use crate::{
    attachment, contact, erasure, follow_up, handle, handoff, hold, member, memory, note, ownership, search, time,
};

#[cfg(feature = "bundle")]
pub(crate) mod cut;
pub(crate) mod gone;
#[cfg(feature = "bundle")]
pub(crate) mod receive;
pub(crate) mod replay;

pub use self::gone::{Absence, MemoryReduced};

/// A SHA-256 (FIPS 180-4); written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(pub(crate) [u8; 32]);

impl Hash {
    pub(crate) const NONE: Self = Self([0; 32]);

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Result<Self> {
        exactly(bytes, 0).map(Self)
    }

    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Hash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fail = || Error::invalid("hash", format!("“{text}” is not a SHA-256; it has 64 hexadecimal digits"));
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return Err(fail());
        }
        if !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(fail());
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| fail())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| fail())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Hash {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

/// The newest entry of a memory and the hash over all entries so far: what a receipt quotes. Keep one outside of the
/// memory, and [`crate::Memory::verify_against`] will tell whether anything before it was changed.
///
/// Written as `number:hash`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Head {
    /// The number of the newest entry.
    pub seq: i64,
    /// The hash over all entries so far.
    pub hash: Hash,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for Head {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (seq, hash) =
            text.split_once(':').and_then(|(seq, hash)| Some((seq.parse().ok()?, hash.parse().ok()?))).ok_or_else(
                || Error::invalid("head", format!("“{text}” is not one; it is a number, a colon and a hash")),
            )?;
        Ok(Self { seq, hash })
    }
}

impl TryFrom<String> for Head {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Head> for String {
    fn from(head: Head) -> Self {
        head.to_string()
    }
}

/// What an import read of one record, verbatim. Bytes that are not UTF-8 travel as base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Source {
    /// The media type (RFC 6838), such as `text/vcard`.
    pub format: String,
    /// The source where it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The source in base64 (RFC 4648, section 4) where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl Source {
    pub(crate) fn new(format: &str, bytes: Vec<u8>) -> Result<Self> {
        if bytes.len() > check::SOURCE_MAX {
            let why = format!("it has {} bytes, the limit is {}", bytes.len(), check::SOURCE_MAX);
            return Err(Error::invalid("source of a record", why));
        }
        let (text, base64) = match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => (Some(text), None),
            Ok(text) => (None, Some(BASE64.encode(text))),
            Err(not_utf8) => (None, Some(BASE64.encode(not_utf8.as_bytes()))),
        };
        Ok(Self { format: format.to_owned(), text, base64 })
    }

    /// The bytes as they were read.
    pub fn bytes(&self) -> Vec<u8> {
        match (&self.text, &self.base64) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(base64)) => BASE64.decode(base64).unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }

    /// SHA-256 of the bytes as they stand in the journal, by which a repeated import knows them.
    pub(crate) fn digest(&self) -> Hash {
        Hash::of(&[self.text.as_ref().or(self.base64.as_ref()).map_or(&[][..], |text| text.as_bytes())])
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.format, self.bytes().len())
    }
}

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Subject {
    /// The memory itself.
    Memory(MemoryId),
    /// A contact, with its handles and who looks after it.
    Contact(ContactId),
    /// A member.
    Member(MemberId),
    /// An agency.
    Agency(AgencyId),
    /// A note.
    Note(NoteId),
    /// A follow-up.
    FollowUp(FollowUpId),
    /// A handoff.
    Handoff(HandoffId),
    /// Something of a newer heirloom.
    Other(Uuid),
}

impl Subject {
    pub(crate) const fn uuid(self) -> Uuid {
        match self {
            Self::Memory(id) => id.0,
            Self::Contact(id) => id.0,
            Self::Member(id) => id.0,
            Self::Agency(id) => id.0,
            Self::Note(id) => id.0,
            Self::FollowUp(id) => id.0,
            Self::Handoff(id) => id.0,
            Self::Other(id) => id,
        }
    }

    /// The subject that an entry of a kind is about.
    pub(crate) fn of(kind: &str, id: Uuid) -> Self {
        match kind.split_once('.').map_or(kind, |(noun, _)| noun) {
            "memory" => Self::Memory(MemoryId(id)),
            "contact" | "handle" | "ownership" => Self::Contact(ContactId(id)),
            "member" => Self::Member(MemberId(id)),
            "agency" => Self::Agency(AgencyId(id)),
            "note" => Self::Note(NoteId(id)),
            "follow_up" => Self::FollowUp(FollowUpId(id)),
            "handoff" => Self::Handoff(HandoffId(id)),
            _ => Self::Other(id),
        }
    }
}

macro_rules! subjects {
    ($($id:ident => $variant:ident),*) => {$(
        impl From<$id> for Subject {
            fn from(id: $id) -> Self {
                Self::$variant(id)
            }
        }
    )*};
}

subjects!(
    MemoryId => Memory, ContactId => Contact, MemberId => Member, AgencyId => Agency, NoteId => Note,
    FollowUpId => FollowUp, HandoffId => Handoff
);

/// The header of an entry: everything but the body. Its hashed form is fixed by [`Header::hash`].
#[derive(Debug)]
pub(crate) struct Header<'a> {
    pub(crate) id: Uuid,
    pub(crate) origin: Uuid,
    pub(crate) subject: Uuid,
    pub(crate) kind: &'a str,
    pub(crate) version: i64,
    pub(crate) stamp: i64,
    pub(crate) at: i64,
    pub(crate) actor_kind: &'a str,
    pub(crate) actor_member: &'a [u8],
    pub(crate) actor_name: &'a str,
    pub(crate) cause: Option<&'a [u8]>,
    pub(crate) digest: Hash,
    /// The hash of the entry before this one on the same subject from the same memory; zeros on the first.
    pub(crate) previous: Hash,
}

impl Header<'_> {
    /// Hashes the header: fixed parts as they are, integers as eight bytes big-endian, texts and optional ids with their
    /// length before them in the same form.
    pub(crate) fn hash(&self, buffer: &mut Vec<u8>) -> Hash {
        buffer.clear();
        buffer.extend_from_slice(b"heirloom entry 1\n");
        for id in [self.id, self.origin, self.subject] {
            buffer.extend_from_slice(id.as_bytes());
        }
        for number in [self.version, self.stamp, self.at] {
            buffer.extend_from_slice(&number.to_be_bytes());
        }
        let varying = [
            self.kind.as_bytes(),
            self.actor_kind.as_bytes(),
            self.actor_member,
            self.actor_name.as_bytes(),
            self.cause.unwrap_or_default(),
        ];
        for part in varying {
            buffer.extend_from_slice(&(part.len() as u64).to_be_bytes());
            buffer.extend_from_slice(part);
        }
        buffer.extend_from_slice(&self.digest.0);
        buffer.extend_from_slice(&self.previous.0);
        Hash::of(&[buffer])
    }
}

/// Goes from one head to the next.
pub(crate) fn next_head(head: &Hash, entry: &Hash) -> Hash {
    Hash::of(&[b"heirloom head 1\n", &head.0, &entry.0])
}

/// An entry on its way into the tables.
pub(crate) struct Applied<'a> {
    /// Its number.
    pub(crate) seq: i64,
    /// Its id.
    pub(crate) id: EntryId,
    /// The key of its subject: the number of the entry that created the subject.
    pub(crate) subject: i64,
    /// The id of its subject.
    pub(crate) about: Uuid,
    /// The instant of its write, in microseconds since 1970.
    pub(crate) at: i64,
    /// Whether it was written in this memory.
    pub(crate) own: bool,
    /// The key of its actor.
    pub(crate) actor: i64,
    /// The key of the member who acts, or for whom an agent does.
    pub(crate) member: Option<i64>,
    /// The keys of contacts seen so far.
    pub(crate) contacts: &'a ContactKeys,
}

impl Applied<'_> {
    pub(crate) fn contact_key(&self, sql: &dyn Sql, id: ContactId) -> Result<i64> {
        self.contacts.key(sql, id)
    }
}

/// The keys of contacts that a long write meets again and again.
#[derive(Debug, Default)]
pub(crate) struct ContactKeys(RefCell<HashMap<ContactId, i64>>);

impl ContactKeys {
    /// So many keys are held at a time: some 8 MiB.
    const MOST: usize = 1 << 17;

    fn key(&self, sql: &dyn Sql, id: ContactId) -> Result<i64> {
        if let Some(key) = self.0.borrow().get(&id) {
            return Ok(*key);
        }
        let key = contact::contact_key(sql, id)?;
        self.put(id, key);
        Ok(key)
    }

    /// Forgets a contact that is erased.
    pub(crate) fn forget(&self, id: ContactId) {
        self.0.borrow_mut().remove(&id);
    }

    fn put(&self, id: ContactId, key: i64) {
        let mut keys = self.0.borrow_mut();
        if keys.len() >= Self::MOST {
            keys.clear();
        }
        keys.insert(id, key);
    }
}

/// Hands a change to its noun. The one place where the journal knows the nouns.
pub(crate) fn apply(sql: &dyn Sql, entry: &Applied<'_>, change: &Change) -> Result<()> {
    match change {
        Change::MemoryFounded(_)
        | Change::MemoryImported(_)
        | Change::MemoryReceipted(_)
        | Change::MemoryReduced(_)
        | Change::MemoryPurged(_) => Ok(()),
        Change::Unknown(change) => apply_unknown(sql, entry, &change.kind),
        Change::MemoryRequested(change) => memory::apply_requested(sql, entry, change),
        Change::AgencyAdded(change) => member::apply_agency_added(sql, entry, change),
        Change::MemberAdded(change) => member::apply_added(sql, entry, change),
        Change::MemberRenamed(change) => member::apply_renamed(sql, entry, change),
        Change::MemberDeparted(change) => member::apply_departed(sql, entry, change),
        Change::MemberReturned(_) => member::apply_returned(sql, entry),
        Change::MemberAdmitted(_) => member::apply_admitted(sql, entry),
        Change::AgencyDeparted(change) => member::apply_agency_departed(sql, entry, change),
        Change::AgencyReturned(_) => member::apply_agency_returned(sql, entry),
        Change::ContactAdded(change) => contact::apply_added(sql, entry, change),
        Change::ContactChanged(change) => contact::apply_changed(sql, entry, change),
        Change::ContactTagged(change) => contact::apply_tagged(sql, entry, change),
        Change::ContactUntagged(change) => contact::apply_untagged(sql, entry, change),
        Change::ContactLinked(change) => contact::apply_linked(sql, entry, change),
        Change::ContactUnlinked(change) => contact::apply_unlinked(sql, entry, change),
        Change::ContactIdentified(change) => contact::apply_identified(sql, entry, change),
        Change::ContactAttached(change) => attachment::apply_attached(sql, entry, change),
        Change::ContactErased(change) => erasure::apply_contact_erased(sql, entry, change),
        Change::NoteErased(_) => erasure::apply_erased(sql, entry, "note"),
        Change::FollowUpErased(_) => erasure::apply_erased(sql, entry, "follow_up"),
        Change::MemberErased(_) => erasure::apply_erased(sql, entry, "member"),
        Change::ContactHeld(change) => hold::apply_held(sql, entry, change),
        Change::ContactUnheld(change) => hold::apply_unheld(sql, entry, change),
        Change::HandleAdded(change) => handle::apply_added(sql, entry, change),
        Change::HandleEnded(change) => handle::apply_ended(sql, entry, change),
        Change::HandleRenamed(change) => handle::apply_renamed(sql, entry, change),
        Change::NoteAdded(change) => note::apply_added(sql, entry, change),
        Change::NoteCorrected(change) => note::apply_corrected(sql, entry, change),
        Change::NoteReclassified(change) => note::apply_reclassified(sql, entry, change),
        Change::NoteRetracted(_) => note::apply_retracted(sql, entry),
        Change::NoteReleased(change) => note::apply_released(sql, entry, change),
        Change::NoteSealed(_) => note::apply_sealed(sql, entry),
        Change::OwnershipAssigned(change) => ownership::apply_assigned(sql, entry, change),
        Change::OwnershipEnded(change) => ownership::apply_ended(sql, entry, change),
        Change::OwnershipTransferred(change) => ownership::apply_transferred(sql, entry, change),
        Change::OwnershipOffered(change) => handoff::apply_offered_contact(sql, entry, change),
        Change::OwnershipAccepted(change) => handoff::apply_accepted(sql, entry, change),
        Change::OwnershipDeclined(change) => handoff::apply_declined(sql, entry, change),
        Change::OwnershipKept(change) => handoff::apply_kept(sql, entry, change),
        Change::OwnershipAsked(change) => handoff::apply_asked(sql, entry, change),
        Change::OwnershipAnswered(change) => handoff::apply_answered(sql, entry, change),
        Change::FollowUpAdded(change) => follow_up::apply_added(sql, entry, change),
        Change::FollowUpHanded(change) => follow_up::apply_handed(sql, entry, change),
        Change::FollowUpRescheduled(change) => follow_up::apply_rescheduled(sql, entry, change),
        Change::FollowUpDone(change) => {
            follow_up::apply_ended(sql, entry, FollowUpState::Done, change.outcome.as_deref())
        }
        Change::FollowUpDropped(change) => {
            follow_up::apply_ended(sql, entry, FollowUpState::Dropped, change.why.as_deref())
        }
        Change::FollowUpReopened(_) => follow_up::apply_reopened(sql, entry),
        Change::HandoffOffered(change) => handoff::apply_offered(sql, entry, change),
        Change::HandoffStaged(change) => handoff::apply_staged(sql, entry, change),
        Change::HandoffCompleted(_) => handoff::apply_completed(sql, entry),
        Change::HandoffReceipted(_) => Ok(()),
        Change::HandoffWithdrawn(change) => handoff::apply_withdrawn(sql, entry, change),
        Change::HandoffUndone(change) => handoff::apply_undone(sql, entry, change),
    }
}

/// Hands an entry whose body is not here to its noun, where the header alone says something: that there is a member, and
/// that they left or came back.
pub(crate) fn apply_bare(sql: &dyn Sql, entry: &Applied<'_>, kind: &str) -> Result<()> {
    match kind {
        "agency.added" => member::apply_agency_added(sql, entry, &member::AgencyAdded::bare()),
        "member.added" => member::apply_added(sql, entry, &member::MemberAdded::bare()),
        "member.departed" => member::apply_departed(sql, entry, &member::MemberDeparted { why: None }),
        "member.returned" => member::apply_returned(sql, entry),
        "member.admitted" => member::apply_admitted(sql, entry),
        "agency.departed" => member::apply_agency_departed(sql, entry, &member::AgencyDeparted { why: None }),
        "agency.returned" => member::apply_agency_returned(sql, entry),
        _ => Ok(()),
    }
}

/// Hands an entry that only a newer heirloom reads to its noun, where the header alone says something: also that there is a
/// contact or a handoff, which others name. Their rows hold no more than that until a heirloom that reads the entry puts them
/// together anew.
fn apply_unknown(sql: &dyn Sql, entry: &Applied<'_>, kind: &str) -> Result<()> {
    match Subject::of(kind, entry.about) {
        _ if entry.id.0 != entry.about => apply_bare(sql, entry, kind),
        Subject::Contact(_) => contact::apply_added(sql, entry, &contact::ContactAdded::newer()),
        Subject::Member(_) => member::apply_added(sql, entry, &member::MemberAdded::newer()),
        Subject::Agency(_) => member::apply_agency_added(sql, entry, &member::AgencyAdded::bare()),
        Subject::Handoff(_) => handoff::apply_offered(sql, entry, &handoff::HandoffOffered::newer()),
        _ => Ok(()),
    }
}

/// Keeps the search index in step. Added contacts and notes are found by their numbers and indexed some hundreds at a
/// time.
fn index(sql: &dyn Sql, subject: i64, change: &Change) -> Result<()> {
    match change {
        Change::ContactChanged(_)
        | Change::ContactTagged(_)
        | Change::ContactUntagged(_)
        | Change::HandleAdded(_)
        | Change::HandleEnded(_)
        | Change::HandleRenamed(_) => search::contact_changed(sql, subject),
        Change::NoteCorrected(_)
        | Change::NoteReclassified(_)
        | Change::NoteRetracted(_)
        | Change::NoteReleased(_)
        | Change::NoteSealed(_) => search::note_changed(sql, subject),
        _ => Ok(()),
    }
}

/// After so many entries a long write brings the search index up to them.
const SETTLE_EVERY: u32 = 4_096;

/// The newest entry as it stands in the file.
#[derive(Clone, Copy)]
struct Tip {
    seq: i64,
    head: Hash,
    stamp: i64,
}

impl Tip {
    fn read(sql: &dyn Sql) -> Result<Option<Self>> {
        sql.first("SELECT seq, hash, stamp FROM journal_head WHERE one = 1", &[], |row| {
            Ok(Self { seq: row.int(0)?, head: Hash::from_slice(row.blob(1)?)?, stamp: row.int(2)? })
        })
    }

    fn save(self, sql: &dyn Sql) -> Result<()> {
        sql.execute(
            "INSERT INTO journal_head (one, seq, hash, stamp) VALUES (1, $1, $2, $3)
             ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, stamp = excluded.stamp",
            &[Value::Int(self.seq), Value::Blob(&self.head.0), Value::Int(self.stamp)],
        )?;
        Ok(())
    }
}

/// Reads the head of a memory.
pub(crate) fn head(sql: &dyn Sql) -> Result<Head> {
    tip(sql).map(|tip| Head { seq: tip.seq, hash: tip.head })
}

/// The instant by which a memory stands as it does: that of its newest entry.
#[cfg(feature = "bundle")]
pub(crate) fn as_of(sql: &dyn Sql) -> Result<DateTime<Utc>> {
    time::from_micros(tip(sql)?.stamp)
}

fn tip(sql: &dyn Sql) -> Result<Tip> {
    Tip::read(sql)?.ok_or_else(|| Error::fault("the journal", "it has no head"))
}

/// Recomputes the hash over the entries up to a number; `None` where there are not so many.
#[cfg(feature = "bundle")]
pub(crate) fn head_at(sql: &dyn Sql, seq: i64) -> Result<Option<Hash>> {
    let (mut at, mut head) = (0, Hash::NONE);
    sql.each("SELECT seq, hash FROM entry WHERE seq <= $1 ORDER BY seq", &[Value::Int(seq)], |row| {
        at = row.int(0)?;
        head = next_head(&head, &Hash::from_slice(row.blob(1)?)?);
        Ok(())
    })?;
    Ok((at > 0 && at == seq).then_some(head))
}

/// Reads the id of a memory, or founds it where the file is new.
pub(crate) fn found(inner: &Inner) -> Result<MemoryId> {
    let known = |sql: &dyn Sql| sql.first("SELECT id FROM origin WHERE key = 1", &[], |row| row.uuid(0).map(MemoryId));
    if let Some(id) = inner.store.read_one(known)? {
        return Ok(id);
    }
    inner.store.write(|sql| match known(sql)? {
        Some(id) => Ok(id),
        None => {
            let mut ids = inner.ids();
            let at = inner.now();
            let id = ids.id(time::to_micros(at)?)?;
            sql.execute("INSERT INTO origin (key, id) VALUES (1, $1)", &[(&id).into()])?;
            let mut writer = Writer::begin(inner, sql, &mut ids, Actor::system("heirloom"), at)?;
            writer.append_entry(Some(id), None, MemoryFounded {}.into())?;
            writer.finish()?;
            Ok(MemoryId(id))
        }
    })
}

/// Carries out a write: all or nothing, one actor, one instant.
pub(crate) fn write<T>(inner: &Inner, actor: Actor, f: impl FnOnce(&mut Writer<'_>) -> Result<T>) -> Result<T> {
    inner.store.write(|sql| {
        let mut ids = inner.ids();
        let mut writer = Writer::begin(inner, sql, &mut ids, actor, inner.now())?;
        let done = f(&mut writer)?;
        writer.finish()?;
        Ok(done)
    })
}

/// Puts the tables together anew, in one write that appends nothing.
pub(crate) fn rebuild(inner: &Inner, f: impl FnOnce(&dyn Sql) -> Result<()>) -> Result<()> {
    inner.store.write(f)
}

/// Fills a scratch store, which nobody else sees.
pub(crate) fn write_scratch<T>(scratch: &Store, f: impl FnOnce(&dyn Sql) -> Result<T>) -> Result<T> {
    scratch.write(f)
}

/// A write in progress: everything done through it is kept together, or not at all.
pub struct Writer<'m> {
    inner: &'m Inner,
    sql: &'m dyn Sql,
    ids: &'m mut IdSource,
    actor: Actor,
    /// The key of the actor, who is remembered with the first entry: one who wrote nothing leaves nothing.
    actor_key: Option<i64>,
    actor_name: String,
    /// As whom this write reads: the key of the member who acts, or the organisation.
    viewer: i64,
    at: DateTime<Utc>,
    at_micros: i64,
    cause: Option<EntryId>,
    tip: Tip,
    first: i64,
    last_id: Option<EntryId>,
    contacts: ContactKeys,
    members: HashMap<MemberId, String>,
    buffer: Vec<u8>,
    /// Whether something went out of the memory, or came without what belongs to it.
    reduced: bool,
    /// The keys of subjects whose rows must be put together anew, because what came is older than what stands.
    #[cfg(feature = "bundle")]
    stale: std::collections::BTreeSet<i64>,
    /// What entries from elsewhere name again and again.
    #[cfg(feature = "bundle")]
    seen: receive::Seen,
    /// Who and what was erased, while entries come from elsewhere.
    #[cfg(feature = "bundle")]
    kept_out: Option<erasure::KeptOut>,
    /// What was erased here because it was erased elsewhere.
    #[cfg(feature = "bundle")]
    erased_by_import: erasure::Erased,
    /// Whether the body of an entry that stood without came.
    #[cfg(feature = "bundle")]
    has_filled: bool,
    /// How many entries stand before the index of words is brought up to them within a long write.
    unsettled: u32,
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("actor", &self.actor).field("at", &self.at).finish_non_exhaustive()
    }
}

impl<'m> Writer<'m> {
    fn begin(
        inner: &'m Inner,
        sql: &'m dyn Sql,
        ids: &'m mut IdSource,
        actor: Actor,
        at: DateTime<Utc>,
    ) -> Result<Self> {
        if actor.member().is_none() {
            check::name("name of the actor", actor.name())?;
        }
        let tip = Tip::read(sql)?.unwrap_or(Tip { seq: 0, head: Hash::NONE, stamp: i64::MIN });
        let viewer = match actor.member() {
            Some(member) => member::member_key(sql, member)?,
            None => memory::ORGANISATION,
        };
        let mut writer = Self {
            inner,
            sql,
            ids,
            actor_name: String::new(),
            actor_key: None,
            viewer,
            actor,
            at,
            at_micros: time::to_micros(at)?,
            cause: None,
            tip,
            first: tip.seq + 1,
            last_id: None,
            contacts: ContactKeys::default(),
            members: HashMap::new(),
            buffer: Vec::new(),
            reduced: false,
            #[cfg(feature = "bundle")]
            stale: std::collections::BTreeSet::new(),
            #[cfg(feature = "bundle")]
            seen: receive::Seen::default(),
            #[cfg(feature = "bundle")]
            kept_out: None,
            #[cfg(feature = "bundle")]
            erased_by_import: erasure::Erased::default(),
            #[cfg(feature = "bundle")]
            has_filled: false,
            unsettled: 0,
        };
        writer.actor_name = writer.name_of_actor()?;
        Ok(writer)
    }

    /// The name of who acts; refuses a member who has left.
    fn name_of_actor(&self) -> Result<String> {
        let Some(member) = self.actor.member() else { return Ok(self.actor.name().to_owned()) };
        let member = self.view().member(member)?;
        if member.outside {
            return Err(Error::refused(format!(
                "{} came with a bundle from another memory and cannot write here; admit_member lets them",
                member.name
            )));
        }
        match member.departed_at {
            Some(at) => Err(Error::refused(format!(
                "{} departed on {} and can no longer write; somebody who is here must do it",
                member.name,
                at.date_naive()
            ))),
            None => Ok(self.actor.author_name(&member.name)),
        }
    }

    fn finish(mut self) -> Result<()> {
        self.say_what_is_gone()?;
        if self.tip.seq >= self.first {
            self.settle()?;
            self.tip.save(self.sql)?;
        }
        Ok(())
    }

    /// Says in the journal what is gone, where that changed.
    pub(crate) fn say_what_is_gone(&mut self) -> Result<()> {
        match std::mem::take(&mut self.reduced) {
            true => self.append(self.memory_id(), gone::state(self.sql)?),
            false => Ok(()),
        }
    }

    fn settle(&mut self) -> Result<()> {
        self.unsettled = 0;
        search::settle(self.sql, self.tip.seq)
    }

    /// Who acts.
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The instant of the write; every entry in it has the same.
    pub const fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// The newest entry of this write, to be named as the cause of what follows from it.
    pub const fn last_entry(&self) -> Option<EntryId> {
        self.last_id
    }

    /// Names the entry that causes all further changes of this write; `None` for none.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such entry.
    pub fn caused_by(&mut self, cause: impl Into<Option<EntryId>>) -> Result<()> {
        let cause = cause.into();
        if let Some(id) = cause {
            seq_of(self.sql, id.0)?.ok_or_else(|| Error::unknown("entry", id))?;
        }
        self.cause = cause;
        Ok(())
    }

    /// Does something whose entries all name one cause.
    pub(crate) fn because_of<T>(&mut self, cause: EntryId, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let before = self.cause.replace(cause);
        let done = f(self);
        self.cause = before;
        done
    }

    /// Reads what stands, this write's own changes included, as the member who acts sees it; a system or an import sees
    /// what the organisation sees.
    pub fn view(&self) -> View<'_> {
        View::new(self.sql, self.viewer, self.at_micros, self.inner.region())
    }

    /// Reads everything that stands, for rules that hold whoever looks.
    pub(crate) fn all_seeing_view(&self) -> View<'_> {
        View::new(self.sql, memory::ALL_SEEING, self.at_micros, self.inner.region())
    }

    pub(crate) const fn sql(&self) -> &'m dyn Sql {
        self.sql
    }

    pub(crate) const fn at_micros(&self) -> i64 {
        self.at_micros
    }

    /// Random bytes.
    #[cfg(feature = "bundle")]
    pub(crate) fn random<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.ids.bytes()
    }

    pub(crate) fn actor_name(&self) -> &str {
        &self.actor_name
    }

    /// The memory that is written.
    pub(crate) fn memory_id(&self) -> MemoryId {
        MemoryId(self.inner.id_or(Uuid::nil()))
    }

    /// The newest entry, those of this write included, and the hash over all entries.
    pub(crate) const fn head(&self) -> Head {
        Head { seq: self.tip.seq, hash: self.tip.head }
    }

    /// How many entries this write has appended.
    pub(crate) const fn appended(&self) -> u64 {
        (self.tip.seq + 1 - self.first).unsigned_abs()
    }

    pub(crate) fn contact_key(&self, id: ContactId) -> Result<i64> {
        self.contacts.key(self.sql, id)
    }

    /// Takes notice of the key of a contact, so that it need not be looked up.
    pub(crate) fn contact_has_key(&self, id: ContactId, key: i64) {
        self.contacts.put(id, key);
    }

    /// Takes notice that a contact is erased.
    pub(crate) fn contact_is_erased(&self, id: ContactId) {
        self.contacts.forget(id);
    }

    /// The name of a member, as it is today.
    pub(crate) fn member_name(&mut self, id: MemberId) -> Result<String> {
        if let Some(name) = self.members.get(&id) {
            return Ok(name.clone());
        }
        let name = self.view().member(id)?.name;
        self.members.insert(id, name.clone());
        Ok(name)
    }

    /// Takes notice of the name that a member has from here on.
    pub(crate) fn member_is_called(&mut self, id: MemberId, name: &str) {
        self.members.insert(id, name.to_owned());
        if self.actor.member() == Some(id) {
            self.actor_name = self.actor.author_name(name);
        }
    }

    /// Appends the entry that creates a subject, and returns the id of both.
    pub(crate) fn create(&mut self, change: impl Into<Change>) -> Result<Uuid> {
        let change = change.into();
        let is_contact = matches!(change, Change::ContactAdded(_));
        let id = self.append_entry(None, None, change)?.0;
        if is_contact {
            self.contacts.put(ContactId(id), self.tip.seq);
        }
        Ok(id)
    }

    /// Appends an entry about a subject that stands.
    pub(crate) fn append(&mut self, subject: impl Into<Subject>, change: impl Into<Change>) -> Result<()> {
        self.append_id(subject, change).map(drop)
    }

    /// Appends an entry about a subject that stands, and returns its id.
    pub(crate) fn append_id(&mut self, subject: impl Into<Subject>, change: impl Into<Change>) -> Result<EntryId> {
        let subject = subject.into();
        let key = match subject {
            Subject::Contact(id) => self.contact_key(id)?,
            other => seq_of(self.sql, other.uuid())?.ok_or_else(|| Error::unknown("subject", other.uuid()))?,
        };
        self.append_entry(None, Some((subject.uuid(), key)), change.into())
    }

    /// Numbers, hashes, stores and applies one entry. Without a subject it creates one, of which it is the first.
    fn append_entry(&mut self, id: Option<Uuid>, subject: Option<(Uuid, i64)>, change: Change) -> Result<EntryId> {
        let seq = self.tip.seq + 1;
        let stamp = self.at_micros.max(self.tip.stamp.saturating_add(1));
        let id = match id {
            Some(id) => id,
            None => self.ids.id(stamp)?,
        };
        let previous = match subject {
            Some((_, key)) => previous_hash(self.sql, key, 1, seq)?,
            None => Hash::NONE,
        };
        let (subject_id, key) = subject.unwrap_or((id, seq));
        let (kind, version) = change.kind();
        let (body, salt) = (change.body()?, self.ids.bytes::<16>()?);
        let digest = Hash::of(&[&salt, body.as_bytes()]);
        let (member, actor_key) = (self.actor.member(), self.actor_key()?);
        let header = Header {
            id,
            origin: self.inner.id_or(id),
            subject: subject_id,
            kind,
            version,
            stamp,
            at: self.at_micros,
            actor_kind: self.actor.kind(),
            actor_member: member.as_ref().map_or(&[][..], |member| member.0.as_bytes()),
            actor_name: self.actor.name(),
            cause: self.cause.as_ref().map(|cause| &cause.0.as_bytes()[..]),
            digest,
            previous,
        };
        let hash = header.hash(&mut self.buffer);
        self.sql.execute(
            "INSERT INTO entry (seq, id, origin, subject, kind, version, stamp, at, actor, cause, digest, hash)
             VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            &[
                Value::Int(seq),
                (&id).into(),
                Value::Int(key),
                Value::Text(kind),
                Value::Int(version),
                Value::Int(stamp),
                Value::Int(self.at_micros),
                Value::Int(actor_key),
                header.cause.into(),
                Value::Blob(&digest.0),
                Value::Blob(&hash.0),
            ],
        )?;
        self.sql.execute(
            "INSERT INTO entry_body (seq, salt, body) VALUES ($1, $2, $3)",
            &[Value::Int(seq), Value::Blob(&salt), Value::Text(&body)],
        )?;
        self.tip = Tip { seq, head: next_head(&self.tip.head, &hash), stamp };
        #[cfg(feature = "bundle")]
        self.seen.is_written(key);
        let applied = Applied {
            seq,
            id: EntryId(id),
            subject: key,
            about: subject_id,
            at: self.at_micros,
            own: true,
            actor: actor_key,
            member: (self.viewer > 0).then_some(self.viewer),
            contacts: &self.contacts,
        };
        apply(self.sql, &applied, &change)?;
        index(self.sql, key, &change)?;
        self.last_id = Some(EntryId(id));
        self.unsettled += 1;
        if self.unsettled == SETTLE_EVERY {
            self.settle()?;
        }
        Ok(EntryId(id))
    }

    fn actor_key(&mut self) -> Result<i64> {
        if let Some(key) = self.actor_key {
            return Ok(key);
        }
        let key = actor_key(self.sql, &self.actor)?;
        self.actor_key = Some(key);
        Ok(key)
    }

    /// Keeps the bytes of an attachment, once.
    pub(crate) fn keep_bytes(&mut self, sha256: &Hash, bytes: &[u8]) -> Result<()> {
        if gone::why(self.sql, sha256.as_bytes())?.is_some() {
            self.is_here(sha256.as_bytes())?;
        }
        self.sql.execute(
            "INSERT INTO attachment_bytes (sha256, bytes) VALUES ($1, $2) ON CONFLICT (sha256) DO NOTHING",
            &[Value::Blob(&sha256.0), Value::Blob(bytes)],
        )?;
        Ok(())
    }
}

/// The number of an entry.
pub(crate) fn seq_of(sql: &dyn Sql, id: Uuid) -> Result<Option<i64>> {
    sql.first("SELECT seq FROM entry WHERE id = $1", &[(&id).into()], |row| row.int(0))
}

/// The hash of the newest entry of an origin about a subject before a number; zeros where there is none.
pub(crate) fn previous_hash(sql: &dyn Sql, subject: i64, origin: i64, before: i64) -> Result<Hash> {
    let hash = sql.first(
        "SELECT hash FROM entry WHERE subject = $1 AND origin = $2 AND seq < $3 ORDER BY seq DESC LIMIT 1",
        &[Value::Int(subject), Value::Int(origin), Value::Int(before)],
        |row| Hash::from_slice(row.blob(0)?),
    )?;
    Ok(hash.unwrap_or(Hash::NONE))
}

/// The key of an actor, who is remembered on first sight.
fn actor_key(sql: &dyn Sql, actor: &Actor) -> Result<i64> {
    let member = actor.member();
    let member = member.as_ref().map_or(&[][..], |member| &member.0.as_bytes()[..]);
    let parts = [Value::Text(actor.kind()), Value::Blob(member), Value::Text(actor.name())];
    let known = "SELECT key FROM actor WHERE kind = $1 AND member = $2 AND name = $3";
    if let Some(key) = sql.first(known, &parts, |row| row.int(0))? {
        return Ok(key);
    }
    sql.execute(
        "INSERT INTO actor (kind, member, name, key) VALUES ($1, $2, $3, (SELECT coalesce(max(key), 0) + 1 FROM actor))",
        &parts,
    )?;
    sql.one(known, &parts, |row| row.int(0))
}
