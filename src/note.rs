//! Notes: what happened or is known about one or more contacts, with who said it and who wrote it down, for good.

use std::collections::HashSet;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::attachment::{self, Attachment, NewAttachment};
use crate::channel::Channel;
use crate::check;
use crate::contact::{self, ContactSummary, ExternalId};
use crate::erasure;
use crate::error::{Error, Result};
use crate::id::{ContactId, MemberId, NoteId};
use crate::journal::{Applied, Source, Writer};
use crate::member::{Member, member_key};
use crate::memory::{ALL_SEEING, View};
use crate::store::{Row, RowExt, Sql, SqlExt, Value};
use crate::time::{self, Precision, When};
use crate::verify::Table;
use crate::word::words;

words! {
    /// What a note is.
    NoteKind "kind of note" {
        /// An exchange with a contact.
        Conversation "conversation",
        /// Lasting knowledge, shown first.
        Insight "insight",
        /// Praise from a contact.
        Praise "praise",
        /// A complaint from a contact.
        Complaint "complaint",
        /// An idea from a contact.
        Idea "idea",
        /// Something reached: a hundredth visit, a jubilee.
        Milestone "milestone",
        /// Something sent to many.
        Broadcast "broadcast",
        /// Anything else.
        Other "other",
    }
}

impl NoteKind {
    /// Whether a reader is told of what kind such a note is; insights stand under a title of their own.
    const fn is_worth_a_mark(self) -> bool {
        !matches!(self, Self::Conversation | Self::Insight | Self::Other)
    }

    /// Whether such a note says that the contact was spoken to.
    const fn is_exchange(self) -> bool {
        matches!(self, Self::Conversation | Self::Praise | Self::Complaint | Self::Idea)
    }
}

words! {
    /// How a note came into the memory.
    Via "way" {
        /// Typed by a person.
        Hand "hand",
        /// Read from a file of another system.
        Import "import",
        /// Written by a program of the host.
        Api "api",
        /// Written by a software agent.
        Agent "agent",
    }
}

impl From<&Actor> for Via {
    fn from(actor: &Actor) -> Self {
        match actor {
            Actor::Member(_) => Self::Hand,
            Actor::System(_) => Self::Api,
            Actor::Import(_) => Self::Import,
            Actor::Agent { .. } => Self::Agent,
        }
    }
}

words! {
    /// Which way an exchange went.
    Direction "direction" {
        /// From the contact to us.
        In "in",
        /// From us to the contact.
        Out "out",
    }
}

words! {
    /// Who may read a note.
    Visibility "visibility" {
        /// Every member.
        Organisation "organisation",
        /// Its author alone, or whom it was released to; see [`Note::private_to`].
        Private "private",
        /// Nobody, until it is opened for a stated reason; see [`Writer::open_note`].
        Sealed "sealed",
    }
}

words! {
    /// How careful one must be with a note. From `Health` on these are the special categories of the GDPR, Art. 9(1),
    /// with criminal matters (Art. 10) beside them.
    Sensitivity "sensitivity" {
        /// Nothing special.
        Ordinary "ordinary",
        /// To be kept among those who need it.
        Confidential "confidential",
        /// Data concerning health.
        Health "health",
        /// Racial or ethnic origin.
        Origin "origin",
        /// Political opinions.
        Politics "politics",
        /// Religious or philosophical beliefs.
        Beliefs "beliefs",
        /// Trade-union membership.
        Union "union",
        /// Genetic data.
        Genetic "genetic",
        /// Biometric data that identify a person.
        Biometric "biometric",
        /// Sex life or sexual orientation.
        Sexuality "sexuality",
        /// Criminal convictions and offences.
        Criminal "criminal",
    }
}

/// Who said something, or held the conversation: by id where known, and by the name of that day, for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Speaker {
    /// The name, as it was when the note was written.
    pub name: String,
    /// The member, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberId>,
    /// The contact, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
}

/// Somebody who says something: a member, a contact, or just a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaidBy {
    /// A member.
    Member(MemberId),
    /// A contact.
    Contact(ContactId),
    /// Somebody of whom no more is known than a name.
    Name(String),
}

impl From<MemberId> for SaidBy {
    fn from(member: MemberId) -> Self {
        Self::Member(member)
    }
}

impl From<&Member> for SaidBy {
    fn from(member: &Member) -> Self {
        Self::Member(member.id)
    }
}

impl From<ContactId> for SaidBy {
    fn from(contact: ContactId) -> Self {
        Self::Contact(contact)
    }
}

impl From<&str> for SaidBy {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

/// A note as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Note {
    /// The id.
    pub id: NoteId,
    /// What it is.
    pub kind: NoteKind,
    /// The text.
    pub text: String,
    /// When it happened, to the precision that is known.
    pub happened_at: When,
    /// When it was written down.
    pub recorded_at: DateTime<Utc>,
    /// Who said it, or held the conversation.
    pub said_by: Option<Speaker>,
    /// Who wrote it down.
    pub recorded_by: Actor,
    /// Their name, as it was then.
    pub recorded_by_name: String,
    /// How it came in.
    pub via: Via,
    /// Over which channel it happened; `None` in person or unknown.
    pub channel: Option<Channel>,
    /// Which way it went.
    pub direction: Option<Direction>,
    /// A link to where it happened.
    pub permalink: Option<String>,
    /// Who may read it.
    pub visibility: Visibility,
    /// The member who alone may read a private note; `None` where it is not private or is sealed, or where its author is
    /// not known.
    pub private_to: Option<MemberId>,
    /// How careful one must be with it.
    pub sensitivity: Sensitivity,
    /// When its text was last corrected; the old text stands in its history.
    pub corrected_at: Option<DateTime<Utc>>,
    /// When it was retracted; a retracted note is shown by its id and in the history, nowhere else.
    pub retracted_at: Option<DateTime<Utc>>,
}

impl Note {
    /// The day, month or year on which it happened, as far as it is known; in UTC.
    pub(crate) fn day(&self) -> String {
        match self.happened_at.precision() {
            Precision::Instant => self.happened_at.start().date_naive().to_string(),
            _ => self.happened_at.to_string(),
        }
    }

    /// Who said it, over which channel, who wrote it down where that is somebody else, and in square brackets what must
    /// be known before it is passed on: ` — Sally Marsh, X [health]`.
    pub(crate) fn attribution(&self) -> String {
        let recorder = match self.via {
            Via::Import => match self.recorded_by {
                Actor::Import(_) => format!("imported from {}", self.recorded_by_name),
                _ => format!("imported by {}", self.recorded_by_name),
            },
            Via::Agent => format!("{} (agent)", self.recorded_by_name),
            Via::Hand | Via::Api => self.recorded_by_name.clone(),
        };
        let told = match (&self.said_by, self.via) {
            (None, _) => recorder,
            (Some(speaker), Via::Import) => speaker.name.clone(),
            (Some(speaker), _) if speaker.name == self.recorded_by_name => speaker.name.clone(),
            (Some(speaker), _) => format!("{}, written down by {recorder}", speaker.name),
        };
        let channel = self.channel.map(|channel| format!(", {channel}")).unwrap_or_default();
        let marks: Vec<String> = [
            self.kind.is_worth_a_mark().then(|| self.kind.to_string()),
            (self.sensitivity != Sensitivity::Ordinary).then(|| self.sensitivity.to_string()),
            (self.visibility != Visibility::Organisation).then(|| self.visibility.to_string()),
        ]
        .into_iter()
        .flatten()
        .collect();
        match marks.is_empty() {
            true => format!(" — {told}{channel}"),
            false => format!(" — {told}{channel} [{}]", marks.join(", ")),
        }
    }
}

impl fmt::Display for Note {
    /// The note on one line: when, what, by whom.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}{}", self.day(), self.text.replace('\n', " "), self.attribution())
    }
}

/// `note.added`: something happened, or is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NoteAdded {
    /// What it is.
    pub kind: NoteKind,
    /// The text.
    pub text: String,
    /// Whom it is about; at least one.
    pub about: Vec<ContactId>,
    /// When it happened.
    pub happened_at: When,
    /// Who said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_by: Option<Speaker>,
    /// The name of who wrote it down.
    pub recorded_by: String,
    /// How it came in.
    pub via: Via,
    /// Over which channel it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// Which way it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// A link to where it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permalink: Option<String>,
    /// Who may read it.
    #[serde(default = "organisation", skip_serializing_if = "is_organisation")]
    pub visibility: Visibility,
    /// The member who alone may read a private note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_to: Option<MemberId>,
    /// How careful one must be with it.
    #[serde(default = "ordinary", skip_serializing_if = "is_ordinary")]
    pub sensitivity: Sensitivity,
    /// What another system calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
    /// What hangs on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// What an import read, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

const fn organisation() -> Visibility {
    Visibility::Organisation
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_organisation(visibility: &Visibility) -> bool {
    *visibility == Visibility::Organisation
}

const fn ordinary() -> Sensitivity {
    Sensitivity::Ordinary
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_ordinary(sensitivity: &Sensitivity) -> bool {
    *sensitivity == Sensitivity::Ordinary
}

/// `note.corrected`: the text is another; the old one stands beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NoteCorrected {
    /// The text until then.
    pub from: String,
    /// The text from here on.
    pub to: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// `note.reclassified`: a note is of another kind or sensitivity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NoteReclassified {
    /// The kind until then.
    pub from_kind: NoteKind,
    /// The kind from here on.
    pub to_kind: NoteKind,
    /// The sensitivity until then.
    pub from_sensitivity: Sensitivity,
    /// The sensitivity from here on.
    pub to_sensitivity: Sensitivity,
}

/// `note.retracted`: a note no longer holds. It stays in the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NoteRetracted {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// `note.released`: a private or sealed note is readable by another member from here on, instead of who read it before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NoteReleased {
    /// Who alone read it; none where it was sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<MemberId>,
    /// Their name, as it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_name: Option<String>,
    /// Who alone reads it from here on.
    pub to: MemberId,
    /// Their name, as it was then.
    pub to_name: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// `note.sealed`: a private note is readable by nobody, until it is opened for a stated reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NoteSealed {
    /// Who alone read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<MemberId>,
    /// Their name, as it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_name: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The reader of a sealed note: nobody.
pub(crate) const SEALED: i64 = -3;

/// The tables of this noun.
pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "note",
        clear: "DELETE FROM note",
        scan: "SELECT * FROM note ORDER BY key",
        of: &["note"],
        forget: "DELETE FROM note WHERE key = $1",
    },
    Table {
        name: "note_contact",
        clear: "DELETE FROM note_contact",
        scan: "SELECT * FROM note_contact ORDER BY contact, happened_at, note",
        of: &["note"],
        forget: "DELETE FROM note_contact WHERE note = $1",
    },
    Table {
        name: "note_external_id",
        clear: "DELETE FROM note_external_id",
        scan: "SELECT * FROM note_external_id ORDER BY system, external_id, note",
        of: &[],
        forget: "",
    },
];

pub(crate) fn apply_added(sql: &dyn Sql, entry: &Applied<'_>, change: &NoteAdded) -> Result<()> {
    let key = entry.subject;
    let private_to = match (change.visibility, change.private_to) {
        (Visibility::Organisation, _) => None,
        (Visibility::Private, Some(member)) => Some(member_key(sql, member)?),
        (Visibility::Private, None) => Some(-1),
        (Visibility::Sealed, _) => Some(SEALED),
    };
    let said_by = change.said_by.as_ref();
    let said_by_member = said_by.and_then(|s| s.member).map(|id| member_key(sql, id)).transpose()?;
    sql.execute(
        "INSERT INTO note (
             key, id, kind, text, happened_at, happened_precision, recorded_at, recorded_by, recorded_by_name,
             said_by_member, said_by_contact, said_by_name, via, channel, direction, permalink, private_to, sensitivity
         ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        &[
            Value::Int(key),
            (&entry.id.0).into(),
            Value::Text(change.kind.word()),
            Value::Text(&change.text),
            Value::Int(change.happened_at.micros()),
            Value::Int(change.happened_at.precision().code()),
            Value::Int(entry.at),
            Value::Int(entry.actor),
            Value::Text(&change.recorded_by),
            said_by_member.into(),
            said_by.and_then(|s| s.contact).map(|id| entry.contact_key(sql, id)).transpose()?.into(),
            said_by.map(|s| s.name.as_str()).into(),
            Value::Text(change.via.word()),
            change.channel.map(Channel::word).into(),
            change.direction.map(Direction::word).into(),
            change.permalink.as_deref().into(),
            private_to.into(),
            Value::Text(change.sensitivity.word()),
        ],
    )?;
    let voice = said_by_member.or(entry.member).unwrap_or(0);
    for about in &change.about {
        let contact = entry.contact_key(sql, *about)?;
        sql.execute(
            "INSERT INTO note_contact (contact, happened_at, note, kind, voice, private_to)
             VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                Value::Int(contact),
                Value::Int(change.happened_at.micros()),
                Value::Int(key),
                Value::Text(change.kind.word()),
                Value::Int(voice),
                private_to.into(),
            ],
        )?;
        if change.kind.is_exchange() && private_to.is_none() {
            contact::spoken(sql, contact, change.happened_at.micros())?;
        }
    }
    for attachment in &change.attachments {
        attachment::insert(sql, key, attachment)?;
    }
    match &change.external_id {
        Some(id) => identify(sql, key, id, change.source.as_ref()),
        None => Ok(()),
    }
}

fn identify(sql: &dyn Sql, note: i64, id: &ExternalId, source: Option<&Source>) -> Result<()> {
    let digest = source.map(Source::digest);
    sql.execute(
        "INSERT INTO note_external_id (system, external_id, note, digest) VALUES ($1, $2, $3, $4)
         ON CONFLICT (system, external_id, note) DO UPDATE SET digest = excluded.digest",
        &[
            Value::Text(&id.system),
            Value::Text(&id.id),
            Value::Int(note),
            digest.as_ref().map(|d| &d.as_bytes()[..]).into(),
        ],
    )?;
    Ok(())
}

/// Takes away what another system calls a note that is erased.
pub(crate) fn unidentify(sql: &dyn Sql, note: i64, id: &ExternalId) -> Result<()> {
    sql.execute(
        "DELETE FROM note_external_id WHERE system = $1 AND external_id = $2 AND note = $3",
        &[Value::Text(&id.system), Value::Text(&id.id), Value::Int(note)],
    )?;
    Ok(())
}

/// Puts other names of who wrote a note down and who said it in the place of those that are erased.
pub(crate) fn is_told_by(sql: &dyn Sql, note: i64, recorded_by: &str, said_by: Option<&str>) -> Result<()> {
    sql.execute(
        "UPDATE note SET recorded_by_name = $1, said_by_name = $2 WHERE key = $3",
        &[Value::Text(recorded_by), said_by.into(), Value::Int(note)],
    )?;
    Ok(())
}

pub(crate) fn apply_corrected(sql: &dyn Sql, entry: &Applied<'_>, change: &NoteCorrected) -> Result<()> {
    sql.execute(
        "UPDATE note SET text = $1, corrected_at = $2 WHERE key = $3",
        &[Value::Text(&change.to), Value::Int(entry.at), Value::Int(entry.subject)],
    )?;
    Ok(())
}

pub(crate) fn apply_reclassified(sql: &dyn Sql, entry: &Applied<'_>, change: &NoteReclassified) -> Result<()> {
    sql.execute(
        "UPDATE note SET kind = $1, sensitivity = $2 WHERE key = $3",
        &[Value::Text(change.to_kind.word()), Value::Text(change.to_sensitivity.word()), Value::Int(entry.subject)],
    )?;
    sql.execute(
        "UPDATE note_contact SET kind = $1 WHERE note = $2",
        &[Value::Text(change.to_kind.word()), Value::Int(entry.subject)],
    )?;
    retell(sql, entry.subject)
}

pub(crate) fn apply_retracted(sql: &dyn Sql, entry: &Applied<'_>) -> Result<()> {
    sql.execute(
        "UPDATE note SET retracted_at = $1 WHERE key = $2",
        &[Value::Int(entry.at), Value::Int(entry.subject)],
    )?;
    sql.execute(
        "UPDATE note_contact SET retracted_at = $1 WHERE note = $2",
        &[Value::Int(entry.at), Value::Int(entry.subject)],
    )?;
    retell(sql, entry.subject)
}

pub(crate) fn apply_released(sql: &dyn Sql, entry: &Applied<'_>, change: &NoteReleased) -> Result<()> {
    make_private_to(sql, entry, member_key(sql, change.to)?)
}

pub(crate) fn apply_sealed(sql: &dyn Sql, entry: &Applied<'_>) -> Result<()> {
    make_private_to(sql, entry, SEALED)
}

fn make_private_to(sql: &dyn Sql, entry: &Applied<'_>, reader: i64) -> Result<()> {
    sql.execute("UPDATE note SET private_to = $1 WHERE key = $2", &[Value::Int(reader), Value::Int(entry.subject)])?;
    sql.execute(
        "UPDATE note_contact SET private_to = $1 WHERE note = $2",
        &[Value::Int(reader), Value::Int(entry.subject)],
    )?;
    Ok(())
}

/// Finds out anew when the contacts of a note were last spoken to.
fn retell(sql: &dyn Sql, note: i64) -> Result<()> {
    contacts_of(sql, note)?.into_iter().try_for_each(|contact| retell_contact(sql, contact))
}

/// The keys of the contacts that a note is about.
pub(crate) fn contacts_of(sql: &dyn Sql, note: i64) -> Result<Vec<i64>> {
    sql.all("SELECT contact FROM note_contact WHERE note = $1 ORDER BY contact", &[Value::Int(note)], |row| row.int(0))
}

/// The contacts whom a note concerns: those it is about, and who said it.
pub(crate) fn concerned(sql: &dyn Sql, note: i64) -> Result<Vec<i64>> {
    sql.all(
        "SELECT contact FROM note_contact WHERE note = $1
         UNION
         SELECT said_by_contact FROM note WHERE key = $1 AND said_by_contact IS NOT NULL
         ORDER BY 1",
        &[Value::Int(note)],
        |row| row.int(0),
    )
}

/// Puts together anew when a contact was last spoken to.
pub(crate) fn retell_contact(sql: &dyn Sql, contact: i64) -> Result<()> {
    let at = sql.first(
        "SELECT l.happened_at FROM note_contact l
         JOIN note n ON n.key = l.note
         WHERE l.contact = $1 AND n.retracted_at IS NULL AND n.private_to IS NULL
             AND l.kind IN ('conversation', 'praise', 'complaint', 'idea')
         ORDER BY l.happened_at DESC LIMIT 1",
        &[Value::Int(contact)],
        |row| row.int(0),
    )?;
    contact::respoken(sql, contact, at)
}

/// A note that is being written. Nothing is kept before [`NoteDraft::save`].
#[must_use = "a note is kept when save is called on it"]
#[derive(Debug)]
pub struct NoteDraft<'w, 'm> {
    writer: &'w mut Writer<'m>,
    text: String,
    about: Vec<ContactId>,
    kind: NoteKind,
    happened_at: Option<Result<When>>,
    said_by: Option<SaidBy>,
    via: Option<Via>,
    channel: Option<Channel>,
    direction: Option<Direction>,
    permalink: Option<String>,
    visibility: Visibility,
    sensitivity: Sensitivity,
    external_id: Option<ExternalId>,
    attachments: Vec<NewAttachment>,
    source: Option<Source>,
}

impl<'w, 'm> NoteDraft<'w, 'm> {
    /// Says what the note is; a conversation unless said.
    pub fn kind(mut self, kind: NoteKind) -> Self {
        self.kind = kind;
        self
    }

    /// Says that the note is lasting knowledge.
    pub fn insight(self) -> Self {
        self.kind(NoteKind::Insight)
    }

    /// Adds another contact whom the note is about.
    pub fn about(mut self, contact: ContactId) -> Self {
        self.about.push(contact);
        self
    }

    /// Says when it happened: an instant, a day, `"2024-03"`. The instant of the write unless said.
    pub fn happened_at<T>(mut self, when: T) -> Self
    where
        T: TryInto<When>,
        T::Error: Into<Error>,
    {
        self.happened_at = Some(when.try_into().map_err(Into::into));
        self
    }

    /// Says who said it, or held the conversation: a member, a contact, or a name.
    pub fn said_by(mut self, speaker: impl Into<SaidBy>) -> Self {
        self.said_by = Some(speaker.into());
        self
    }

    /// Says how it came in; what the kind of actor suggests unless said.
    pub const fn via(mut self, via: Via) -> Self {
        self.via = Some(via);
        self
    }

    /// Says over which channel it happened.
    pub fn channel(mut self, channel: impl Into<Option<Channel>>) -> Self {
        self.channel = channel.into();
        self
    }

    /// Says which way it went.
    pub fn direction(mut self, direction: impl Into<Option<Direction>>) -> Self {
        self.direction = direction.into();
        self
    }

    /// Gives a link to where it happened.
    pub fn permalink(mut self, link: impl Into<String>) -> Self {
        self.permalink = Some(link.into());
        self
    }

    /// Makes it readable by its author alone: the member who writes it, or else the member who said it. It stays so when
    /// that member departs, until it is released to a successor or sealed; see [`Writer::release_note`]. The host reads it
    /// by [`Memory::all_seeing`](crate::Memory::all_seeing).
    pub const fn private(mut self) -> Self {
        self.visibility = Visibility::Private;
        self
    }

    /// Says how careful one must be with it.
    pub const fn sensitivity(mut self, sensitivity: Sensitivity) -> Self {
        self.sensitivity = sensitivity;
        self
    }

    /// Says what another system calls it. A note with this id that stands already is left as it is.
    pub fn external_id(mut self, system: impl Into<String>, id: impl Into<String>) -> Self {
        self.external_id = Some(ExternalId::new(system, id));
        self
    }

    /// Hangs bytes on it.
    pub fn attach(mut self, attachment: NewAttachment) -> Self {
        self.attachments.push(attachment);
        self
    }

    pub(crate) fn source(mut self, source: Option<Source>) -> Self {
        self.source = source;
        self
    }

    /// Keeps the note and returns its id.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty text or one above [`crate::limits::NOTE_TEXT_MAX`], for U+0000, for a time
    /// outside the years 1 to 9999; [`Error::Unknown`] for an unknown contact or member.
    pub fn save(self) -> Result<NoteId> {
        check::text("text of the note", &self.text, check::NOTE_TEXT_MAX)?;
        if let Some(id) = self.external_id.as_ref().map(ExternalId::checked).transpose()?
            && let Some(note) = self.writer.all_seeing_view().note_by_external_id(&id.system, &id.id)?
        {
            return Ok(note);
        }
        self.save_unknown()
    }

    /// Keeps the note, of whose external id the caller knows that no note has it.
    pub(crate) fn save_unknown(mut self) -> Result<NoteId> {
        check::text("text of the note", &self.text, check::NOTE_TEXT_MAX)?;
        let mut named = HashSet::with_capacity(self.about.len());
        self.about.retain(|contact| named.insert(*contact));
        let external_id = self.external_id.as_ref().map(ExternalId::checked).transpose()?;
        for contact in &self.about {
            self.writer.contact_key(*contact)?;
        }
        if let Some(link) = &self.permalink {
            check::text("permalink of the note", link, check::FIELD_MAX)?;
        }
        let said_by = match self.said_by {
            Some(speaker) => Some(self.writer.speaker(speaker)?),
            None => None,
        };
        let attached = self.attachments.into_iter().map(NewAttachment::checked).collect::<Result<Vec<_>>>()?;
        let author = self.writer.actor().member().or(said_by.as_ref().and_then(|s| s.member));
        let added = NoteAdded {
            kind: self.kind,
            text: self.text,
            about: self.about,
            happened_at: match self.happened_at {
                Some(when) => when?,
                None => When::instant(self.writer.at())?,
            },
            said_by,
            recorded_by: self.writer.actor_name().to_owned(),
            via: self.via.unwrap_or_else(|| self.writer.actor().into()),
            channel: self.channel,
            direction: self.direction,
            permalink: self.permalink,
            visibility: self.visibility,
            private_to: author.filter(|_| self.visibility == Visibility::Private),
            sensitivity: self.sensitivity,
            external_id,
            attachments: attached.iter().map(|(attachment, _)| attachment.clone()).collect(),
            source: self.source,
        };
        // Last of all, so that a note which is refused leaves no bytes behind.
        for (attachment, bytes) in &attached {
            self.writer.keep_bytes(&attachment.sha256, bytes)?;
        }
        self.writer.create(added).map(NoteId)
    }
}

impl<'m> Writer<'m> {
    /// Begins a note about a contact; call [`NoteDraft::save`] to keep it.
    pub fn note<'w>(&'w mut self, about: ContactId, text: impl Into<String>) -> NoteDraft<'w, 'm> {
        NoteDraft {
            writer: self,
            text: text.into(),
            about: vec![about],
            kind: NoteKind::Conversation,
            happened_at: None,
            said_by: None,
            via: None,
            channel: None,
            direction: None,
            permalink: None,
            visibility: Visibility::Organisation,
            sensitivity: Sensitivity::Ordinary,
            external_id: None,
            attachments: Vec::new(),
            source: None,
        }
    }

    /// Begins a note about several contacts.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is not one.
    pub fn note_about<'w>(&'w mut self, about: &[ContactId], text: impl Into<String>) -> Result<NoteDraft<'w, 'm>> {
        let Some((first, others)) = about.split_first() else {
            return Err(Error::invalid("note", "it is about no one; name at least one contact"));
        };
        Ok(others.iter().fold(self.note(*first, text), |draft, contact| draft.about(*contact)))
    }

    /// Replaces the text of a note. The old text stays in its history; search finds the new one.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact};
    ///
    /// let memory = Memory::in_memory()?;
    /// let desk = Actor::system("front desk");
    /// let note = memory.write(desk.clone(), |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.note(sally, "Allergic to nuts").save()
    /// })?;
    /// memory.write(desk, |w| w.correct_note(note, "Allergic to peanuts", Some("she said so herself")))?;
    /// assert_eq!(memory.note(note)?.text, "Allergic to peanuts");
    /// for entry in memory.history(note)? {
    ///     println!("{entry}"); // that it was added, and what was corrected by whom and why
    /// }
    /// # assert_eq!(memory.history(note)?.len(), 2);
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unknown`] for a note that does not exist or that the actor may not read; [`Error::Invalid`] for a
    /// retracted note.
    pub fn correct_note(&mut self, note: NoteId, text: &str, why: Option<&str>) -> Result<()> {
        check::text("text of the note", text, check::NOTE_TEXT_MAX)?;
        check::optional("reason", why.unwrap_or_default(), check::FIELD_MAX)?;
        let old = self.standing_note(note)?;
        self.correct(old, text, why)
    }

    /// Brings a note up to date as the source from which it was imported has it, whoever may read it here.
    pub(crate) fn update_imported(
        &mut self,
        note: NoteId,
        text: Option<&str>,
        classes: Option<(NoteKind, Sensitivity)>,
        why: &str,
    ) -> Result<()> {
        check::optional("text of the note", text.unwrap_or_default(), check::NOTE_TEXT_MAX)?;
        let old = self.all_seeing_view().note(note)?;
        if let Some((kind, sensitivity)) = classes {
            self.reclassify(&old, kind, sensitivity)?;
        }
        match text {
            Some(text) => self.correct(old, text, Some(why)),
            None => Ok(()),
        }
    }

    fn correct(&mut self, old: Note, text: &str, why: Option<&str>) -> Result<()> {
        match old.text == text {
            true => Ok(()),
            false => {
                let (from, to, why) = (old.text, text.to_owned(), why.map(str::to_owned));
                self.append(old.id, NoteCorrected { from, to, why })
            }
        }
    }

    /// Gives a note another kind or sensitivity.
    pub fn reclassify_note(
        &mut self,
        note: NoteId,
        kind: impl Into<Option<NoteKind>>,
        sensitivity: impl Into<Option<Sensitivity>>,
    ) -> Result<()> {
        let old = self.standing_note(note)?;
        self.reclassify(&old, kind.into().unwrap_or(old.kind), sensitivity.into().unwrap_or(old.sensitivity))
    }

    fn reclassify(&mut self, old: &Note, to_kind: NoteKind, to_sensitivity: Sensitivity) -> Result<()> {
        let (from_kind, from_sensitivity) = (old.kind, old.sensitivity);
        match (from_kind, from_sensitivity) == (to_kind, to_sensitivity) {
            true => Ok(()),
            false => self.append(old.id, NoteReclassified { from_kind, to_kind, from_sensitivity, to_sensitivity }),
        }
    }

    /// Retracts a note: it no longer holds, and is found no more. It stays in the history.
    pub fn retract_note(&mut self, note: NoteId, why: Option<&str>) -> Result<()> {
        check::optional("reason", why.unwrap_or_default(), check::FIELD_MAX)?;
        self.standing_note(note)?;
        self.append(note, NoteRetracted { why: why.map(str::to_owned) })
    }

    /// Releases a private note to another member, who alone reads it from then on. Its author stands on it as before.
    ///
    /// This is for the member who alone reads it, in person, or for the host: an agent or an import cannot decide it. What a
    /// leaver knows in private goes to a successor by this, or is sealed by [`Writer::seal_note`], or stays with the leaver.
    /// Nothing happens when the member reads it already.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact, NewMember};
    ///
    /// let memory = Memory::in_memory()?;
    /// let (tom, eva) = memory.write(Actor::system("setup"), |w| {
    ///     Ok((w.add_member(NewMember::new("Tom Okoro"))?, w.add_member(NewMember::new("Eva Stein"))?))
    /// })?;
    /// let note = memory.write(&tom, |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.note(sally, "Is looking for another flat").private().save()
    /// })?;
    /// assert!(memory.seen_by(&eva)?.note(note).is_err());
    ///
    /// memory.write(&tom, |w| w.release_note(note, &eva, Some("she looks after Sally from here on")))?;
    /// assert_eq!(memory.seen_by(&eva)?.note(note)?.recorded_by_name, "Tom Okoro");
    /// assert!(memory.seen_by(&tom)?.note(note).is_err());
    /// assert!(memory.note(note).is_err()); // it is private as before
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unknown`] for a note that does not exist or that the actor may not read; [`Error::Refused`] for an agent, an
    /// import, a sealed note (see [`Writer::open_note`]), or when the other member has departed; [`Error::Invalid`] for a
    /// note that is not private, or that was retracted.
    pub fn release_note(&mut self, note: NoteId, to: impl Into<MemberId>, why: Option<&str>) -> Result<()> {
        let custody = self.custody_to_decide(note, why)?;
        if custody.is_sealed() {
            return Err(Error::refused("the note is sealed; open it with open_note, which demands a reason"));
        }
        let to = self.reader_to_be(to.into())?;
        self.release(note, custody, &to, why)
    }

    /// Seals a private note: nobody reads it, its author included, until it is opened by [`Writer::open_note`]. Only the
    /// host still does, by [`Memory::all_seeing`](crate::Memory::all_seeing).
    ///
    /// This is for the member who alone reads it, in person, or for the host. Nothing happens when it is sealed already.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact, NewMember, Visibility};
    ///
    /// let memory = Memory::in_memory()?;
    /// let tom = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Tom Okoro")))?;
    /// let note = memory.write(&tom, |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     let note = w.note(sally, "Is looking for another flat").private().save()?;
    ///     w.seal_note(note, Some("Tom leaves"))?;
    ///     Ok(note)
    /// })?;
    /// assert!(memory.seen_by(&tom)?.note(note).is_err());
    /// assert_eq!(memory.all_seeing().note(note)?.visibility, Visibility::Sealed);
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unknown`] for a note that does not exist or that the actor may not read; [`Error::Refused`] for an agent or an
    /// import; [`Error::Invalid`] for a note that is not private, or that was retracted.
    pub fn seal_note(&mut self, note: NoteId, why: Option<&str>) -> Result<()> {
        let custody = self.custody_to_decide(note, why)?;
        self.seal(note, custody, why)
    }

    /// Opens a sealed note to a member, who alone reads it from then on, for a reason that stays in its history.
    ///
    /// It takes two: the host or any member opens it, and to somebody else. Nobody opens a sealed note to themselves.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact, NewMember};
    ///
    /// let memory = Memory::in_memory()?;
    /// let (tom, eva, mia) = memory.write(Actor::system("setup"), |w| {
    ///     let mut add = |name| w.add_member(NewMember::new(name));
    ///     Ok((add("Tom Okoro")?, add("Eva Stein")?, add("Mia Okafor")?))
    /// })?;
    /// let note = memory.write(&tom, |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     let note = w.note(sally, "Is looking for another flat").private().save()?;
    ///     w.seal_note(note, Some("Tom leaves"))?;
    ///     w.depart(&tom, None)?;
    ///     Ok(note)
    /// })?;
    /// let why = "Sally asks what Tom promised her";
    /// assert!(memory.write(&eva, |w| w.open_note(note, &eva, why)).is_err());
    /// memory.write(&mia, |w| w.open_note(note, &eva, why))?;
    /// assert_eq!(memory.seen_by(&eva)?.note(note)?.text, "Is looking for another flat");
    /// # assert!(memory.seen_by(&mia)?.note(note).is_err());
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unknown`] for a note that does not exist, or that is not sealed and that the actor may not read;
    /// [`Error::Refused`] for an agent or an import, when the actor is who would read it, or when that member has departed;
    /// [`Error::Invalid`] for an empty reason, or for a note that is not sealed, or that was retracted.
    pub fn open_note(&mut self, note: NoteId, to: impl Into<MemberId>, why: &str) -> Result<()> {
        check::text("reason", why, check::FIELD_MAX)?;
        let viewer = self.viewer_who_decides()?;
        let custody = Custody::of(self.sql(), note)?;
        if !custody.is_sealed() && !custody.is_read_by(viewer) {
            return Err(Error::unknown("note", note));
        }
        if !custody.is_sealed() {
            return Err(Error::invalid("note", "it is not sealed; release_note hands on a private note"));
        }
        must_stand(custody.retracted_at)?;
        let to = self.reader_to_be(to.into())?;
        if self.actor().member() == Some(to.id) {
            let name = to.name;
            return Err(Error::refused(format!(
                "nobody opens a sealed note to themselves; somebody else must open it to {name}"
            )));
        }
        self.release(note, custody, &to, Some(why))
    }

    /// Releases a note as [`Writer::release_note`] does, whoever acts and whether it is private or sealed: it was decided
    /// elsewhere, such as in a handoff or by its undoing.
    pub(crate) fn release_note_as_decided(&mut self, note: NoteId, to: &Member, why: Option<&str>) -> Result<()> {
        let custody = Custody::of(self.sql(), note)?;
        self.release(note, custody, to, why)
    }

    /// Seals a note as [`Writer::seal_note`] does, whoever acts: it was decided elsewhere.
    pub(crate) fn seal_note_as_decided(&mut self, note: NoteId, why: Option<&str>) -> Result<()> {
        let custody = Custody::of(self.sql(), note)?;
        self.seal(note, custody, why)
    }

    fn release(&mut self, note: NoteId, custody: Custody, to: &Member, why: Option<&str>) -> Result<()> {
        let (_, from, from_name) = custody.private()?;
        match from == Some(to.id) {
            true => Ok(()),
            false => {
                let (to, to_name, why) = (to.id, to.name.clone(), why.map(str::to_owned));
                self.append(note, NoteReleased { from, from_name, to, to_name, why })
            }
        }
    }

    fn seal(&mut self, note: NoteId, custody: Custody, why: Option<&str>) -> Result<()> {
        match custody.private()? {
            (SEALED, ..) => Ok(()),
            (_, from, from_name) => self.append(note, NoteSealed { from, from_name, why: why.map(str::to_owned) }),
        }
    }

    /// Who reads a note, where the actor may decide who does from here on.
    fn custody_to_decide(&self, note: NoteId, why: Option<&str>) -> Result<Custody> {
        if let Some(why) = why {
            check::text("reason", why, check::FIELD_MAX)?;
        }
        let viewer = self.viewer_who_decides()?;
        let custody = Custody::of(self.sql(), note)?;
        if !custody.is_read_by(viewer) {
            return Err(Error::unknown("note", note));
        }
        must_stand(custody.retracted_at)?;
        Ok(custody)
    }

    /// As whom the actor decides on who reads a note: a member on what they read, the host on everything.
    fn viewer_who_decides(&self) -> Result<i64> {
        match self.actor() {
            Actor::Member(_) => Ok(self.view().viewer()),
            Actor::System(_) => Ok(ALL_SEEING),
            Actor::Import(_) | Actor::Agent { .. } => Err(Error::refused(
                "who may read a private note is decided by its author in person, or by the host; an agent or an import \
                 cannot decide it",
            )),
        }
    }

    /// A member who is here, and is to read a note.
    fn reader_to_be(&self, id: MemberId) -> Result<Member> {
        let member = self.view().member(id)?;
        member.must_act_here("cannot be given a note to read")?;
        Ok(member)
    }

    /// A note that the actor may read and that was not retracted.
    fn standing_note(&self, id: NoteId) -> Result<Note> {
        let note = self.view().note(id)?;
        must_stand(note.retracted_at)?;
        Ok(note)
    }

    /// Finds the name of who speaks, as it is today.
    fn speaker(&mut self, said_by: SaidBy) -> Result<Speaker> {
        Ok(match said_by {
            SaidBy::Member(id) => Speaker { name: self.member_name(id)?, member: Some(id), contact: None },
            SaidBy::Contact(id) => {
                Speaker { name: self.view().contact_summary(id)?.name, member: None, contact: Some(id) }
            }
            SaidBy::Name(name) => {
                Speaker { name: check::name("name of who said it", &name)?.to_owned(), member: None, contact: None }
            }
        })
    }
}

/// Refuses a note that was retracted.
fn must_stand(retracted_at: Option<DateTime<Utc>>) -> Result<()> {
    match retracted_at {
        None => Ok(()),
        Some(at) => Err(Error::invalid("note", format!("it was retracted on {}", at.date_naive()))),
    }
}

/// Who may read a note, as a decision on it needs it; its text is not read for that.
struct Custody {
    /// The key of the member who alone reads it, below 0 where nobody does; `None` where all do.
    reader: Option<i64>,
    /// That member, and their name as it is today.
    member: Option<(MemberId, String)>,
    retracted_at: Option<DateTime<Utc>>,
}

impl Custody {
    fn of(sql: &dyn Sql, note: NoteId) -> Result<Self> {
        sql.first(
            "SELECT n.private_to, m.id, m.name, n.retracted_at FROM entry e
             JOIN note n ON n.key = e.seq
             LEFT JOIN member m ON m.key = n.private_to
             WHERE e.id = $1",
            &[(&note.0).into()],
            |row| {
                Ok(Self {
                    reader: row.opt_int(0)?,
                    member: row.opt_uuid(1)?.map(MemberId).zip(row.opt_string(2)?),
                    retracted_at: row.opt_int(3)?.map(time::from_micros).transpose()?,
                })
            },
        )?
        .ok_or_else(|| erasure::missing(sql, "note", note.0))
    }

    fn is_sealed(&self) -> bool {
        self.reader == Some(SEALED)
    }

    fn is_read_by(&self, viewer: i64) -> bool {
        viewer == ALL_SEEING || self.reader.is_none_or(|reader| reader == viewer)
    }

    /// The key, the id and the name of who alone reads it; refuses a note that all read.
    fn private(self) -> Result<(i64, Option<MemberId>, Option<String>)> {
        let why = "it is not private: everybody in the organisation reads it";
        let reader = self.reader.ok_or_else(|| Error::invalid("note", why))?;
        let (member, name) = self.member.unzip();
        Ok((reader, member, name))
    }
}

/// Finds the private notes about a contact that a member alone read when an entry was written, given by its number, and
/// does today, without those that were retracted, in order of writing.
pub(crate) fn private_notes_of(sql: &dyn Sql, contact: i64, member: i64, through: i64) -> Result<Vec<NoteId>> {
    sql.all(
        "SELECT n.id FROM note_contact l JOIN note n ON n.key = l.note
         WHERE l.contact = $1 AND l.private_to = $2 AND l.retracted_at IS NULL AND l.note <= $3
             AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.subject = l.note AND e.kind = 'note.released' AND e.seq > $3)
         ORDER BY l.note",
        &[Value::Int(contact), Value::Int(member), Value::Int(through)],
        |row| row.uuid(0).map(NoteId),
    )
}

/// How far a timeline was read; opaque, and valid for as long as the memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineKey(i64, i64);

/// One page of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TimelinePage {
    /// The notes, newest first.
    pub notes: Vec<Note>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<TimelineKey>,
}

/// The columns of a note, in the order in which [`read_note`] reads them, for `note n`.
macro_rules! note_columns {
    () => {
        "n.id, n.kind, n.text, n.happened_at, n.happened_precision, n.recorded_at, a.kind, a.member, a.name,
         n.recorded_by_name, sm.id, sc.id, n.said_by_name, n.via, n.channel, n.direction, n.permalink, n.private_to,
         pm.id, n.sensitivity, n.corrected_at, n.retracted_at, n.key
         "
    };
}

/// The tables beside `note n` from which those columns come.
macro_rules! note_joins {
    () => {
        " JOIN actor a ON a.key = n.recorded_by
         LEFT JOIN member sm ON sm.key = n.said_by_member
         LEFT JOIN contact sc ON sc.key = n.said_by_contact
         LEFT JOIN member pm ON pm.key = n.private_to
         "
    };
}

fn read_note(row: &dyn Row) -> Result<Note> {
    let recorded_by =
        Actor::read(row, 6)?.ok_or_else(|| Error::fault("a stored note", "its actor is of no known kind"))?;
    let (said_by_member, said_by_contact) = (row.opt_uuid(10)?.map(MemberId), row.opt_uuid(11)?.map(ContactId));
    Ok(Note {
        id: NoteId(row.uuid(0)?),
        kind: row.text(1)?.parse()?,
        text: row.string(2)?,
        happened_at: When::stored(row.int(3)?, Precision::from_code(row.int(4)?)?),
        recorded_at: time::from_micros(row.int(5)?)?,
        said_by: row.opt_string(12)?.map(|name| Speaker { name, member: said_by_member, contact: said_by_contact }),
        recorded_by,
        recorded_by_name: row.string(9)?,
        via: row.text(13)?.parse()?,
        channel: row.opt_text(14)?.map(str::parse).transpose()?,
        direction: row.opt_text(15)?.map(str::parse).transpose()?,
        permalink: row.opt_string(16)?,
        visibility: match row.opt_int(17)? {
            Some(SEALED) => Visibility::Sealed,
            Some(_) => Visibility::Private,
            None => Visibility::Organisation,
        },
        private_to: row.opt_uuid(18)?.map(MemberId),
        sensitivity: row.text(19)?.parse()?,
        corrected_at: row.opt_int(20)?.map(time::from_micros).transpose()?,
        retracted_at: row.opt_int(21)?.map(time::from_micros).transpose()?,
    })
}

impl View<'_> {
    /// Reads a note that this view may read, retracted or not.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such note, when it is private to somebody else, or when it is sealed.
    pub fn note(&self, id: NoteId) -> Result<Note> {
        self.sql()
            .first(
                concat!(
                    "SELECT ",
                    note_columns!(),
                    "FROM entry e JOIN note n ON n.key = e.seq",
                    note_joins!(),
                    "WHERE e.id = $1 AND ($2 = 0 OR n.private_to IS NULL OR n.private_to = $2)",
                ),
                &[(&id.0).into(), Value::Int(self.viewer())],
                read_note,
            )?
            .ok_or_else(|| erasure::missing(self.sql(), "note", id.0))
    }

    pub(crate) fn note_by_key(&self, key: i64) -> Result<Note> {
        self.sql()
            .first(
                concat!("SELECT ", note_columns!(), "FROM note n", note_joins!(), "WHERE n.key = $1"),
                &[Value::Int(key)],
                read_note,
            )?
            .ok_or_else(|| Error::unknown("note", key))
    }

    pub(crate) fn readable_note_key(&self, id: NoteId) -> Result<i64> {
        self.sql()
            .first(
                "SELECT n.key FROM entry e JOIN note n ON n.key = e.seq
                 WHERE e.id = $1 AND ($2 = 0 OR n.private_to IS NULL OR n.private_to = $2)",
                &[(&id.0).into(), Value::Int(self.viewer())],
                |row| row.int(0),
            )?
            .ok_or_else(|| erasure::missing(self.sql(), "note", id.0))
    }

    /// Reads whom a note is about.
    pub fn note_contacts(&self, id: NoteId) -> Result<Vec<ContactSummary>> {
        let key = self.readable_note_key(id)?;
        self.note_contacts_by_key(key)
    }

    pub(crate) fn note_contacts_by_key(&self, key: i64) -> Result<Vec<ContactSummary>> {
        self.sql().all(
            "SELECT c.id, c.kind, c.name FROM note_contact l
             JOIN contact c ON c.key = l.contact
             WHERE l.note = $1
             ORDER BY c.key",
            &[Value::Int(key)],
            contact::read_summary,
        )
    }

    /// Reads the notes about the contacts between two keys that this view may read, by contact and then oldest first, also
    /// those that were retracted; each with the key of the contact and its own.
    #[cfg(feature = "vcard")]
    pub(crate) fn each_note_about(
        &self,
        (first, last): (i64, i64),
        mut each: impl FnMut(i64, i64, Note) -> Result<()>,
    ) -> Result<()> {
        self.sql().each(
            concat!(
                "SELECT ",
                note_columns!(),
                ", l.contact FROM note_contact l JOIN note n ON n.key = l.note",
                note_joins!(),
                "WHERE l.contact BETWEEN $1 AND $2 AND ($3 = 0 OR n.private_to IS NULL OR n.private_to = $3)
                 ORDER BY l.contact, l.happened_at, l.note",
            ),
            &[Value::Int(first), Value::Int(last), Value::Int(self.viewer())],
            |row| each(row.int(23)?, row.int(22)?, read_note(row)?),
        )
    }

    /// The first and the last key of the next notes after a key, at most so many; `None` where there is none.
    #[cfg(any(feature = "vcard", feature = "csv"))]
    pub(crate) fn note_keys_after(&self, after: i64, most: i64) -> Result<Option<(i64, i64)>> {
        let range = self.sql().one(
            "SELECT min(key), max(key) FROM (SELECT key FROM note WHERE key > $1 ORDER BY key LIMIT $2) AS page",
            &[Value::Int(after), Value::Int(most)],
            |row| Ok((row.opt_int(0)?, row.opt_int(1)?)),
        )?;
        Ok(range.0.zip(range.1))
    }

    /// Reads the notes between two keys that this view may read, in order of writing, also those that were retracted; each
    /// with its key.
    #[cfg(feature = "csv")]
    pub(crate) fn each_note_between(
        &self,
        (first, last): (i64, i64),
        mut each: impl FnMut(i64, Note) -> Result<()>,
    ) -> Result<()> {
        self.sql().each(
            concat!(
                "SELECT ",
                note_columns!(),
                "FROM note n",
                note_joins!(),
                "WHERE n.key BETWEEN $1 AND $2 AND ($3 = 0 OR n.private_to IS NULL OR n.private_to = $3)
                 ORDER BY n.key",
            ),
            &[Value::Int(first), Value::Int(last), Value::Int(self.viewer())],
            |row| each(row.int(22)?, read_note(row)?),
        )
    }

    /// Reads whom the notes between two keys that this view may read are about: the key of the note, and the contact with
    /// its key.
    #[cfg(feature = "csv")]
    pub(crate) fn each_contact_of_notes(
        &self,
        (first, last): (i64, i64),
        mut each: impl FnMut(i64, i64, ContactSummary) -> Result<()>,
    ) -> Result<()> {
        self.sql().each(
            "SELECT c.id, c.kind, c.name, l.note, c.key FROM note_contact l
             JOIN contact c ON c.key = l.contact
             WHERE l.note BETWEEN $1 AND $2 AND ($3 = 0 OR l.private_to IS NULL OR l.private_to = $3)
             ORDER BY l.note, l.contact",
            &[Value::Int(first), Value::Int(last), Value::Int(self.viewer())],
            |row| each(row.int(3)?, row.int(4)?, contact::read_summary(row)?),
        )
    }

    /// Reads which notes are about more than one contact, in order of their keys, and about how many.
    #[cfg(feature = "vcard")]
    pub(crate) fn shared_notes(&self) -> Result<Vec<(i64, u32)>> {
        self.sql().all(
            "SELECT note, count(*) FROM note_contact GROUP BY note HAVING count(*) > 1 ORDER BY note",
            &[],
            |row| Ok((row.int(0)?, u32::try_from(row.int(1)?).unwrap_or(u32::MAX))),
        )
    }

    /// Reads the keys of the notes about a contact that this view may read, also of those that were retracted.
    #[cfg(any(feature = "vcard", feature = "csv"))]
    pub(crate) fn note_keys_about(&self, contact: i64) -> Result<Vec<i64>> {
        self.sql().all(
            "SELECT note FROM note_contact
             WHERE contact = $1 AND ($2 = 0 OR private_to IS NULL OR private_to = $2)
             ORDER BY note",
            &[Value::Int(contact), Value::Int(self.viewer())],
            |row| row.int(0),
        )
    }

    /// Counts whom a note is about, up to a number.
    #[cfg(feature = "vcard")]
    pub(crate) fn count_contacts_of_note(&self, note: i64, most: u32) -> Result<u32> {
        self.sql().one(
            "SELECT count(*) FROM (SELECT 1 FROM note_contact WHERE note = $1 LIMIT $2) AS page",
            &[Value::Int(note), Value::Int(most.into())],
            |row| Ok(u32::try_from(row.int(0)?).unwrap_or(u32::MAX)),
        )
    }

    /// Finds the note that another system calls so, where this view may read it.
    pub fn note_by_external_id(&self, system: &str, id: &str) -> Result<Option<NoteId>> {
        self.sql().first(
            "SELECT n.id FROM note_external_id x JOIN note n ON n.key = x.note
             WHERE x.system = $1 AND x.external_id = $2 AND ($3 = 0 OR n.private_to IS NULL OR n.private_to = $3)
             ORDER BY n.id LIMIT 1",
            &[Value::Text(system), Value::Text(id), Value::Int(self.viewer())],
            |row| row.uuid(0).map(NoteId),
        )
    }

    /// Reads the notes about a contact, newest first, a page at a time: hand the `next` of a page to the next call.
    ///
    /// The page is found by its place, not by counting: a note that comes in meanwhile moves nothing.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an unknown contact, [`Error::Invalid`] for a limit of 0.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact};
    ///
    /// let memory = Memory::in_memory()?;
    /// let sally = memory.write(Actor::system("crm-sync"), |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     for (day, text) in [("2024-03-01", "Asked for a table"), ("2024-03-02", "Came"), ("2024-03-03", "Wrote thanks")] {
    ///         w.note(sally, text).happened_at(day).save()?;
    ///     }
    ///     Ok(sally)
    /// })?;
    ///
    /// let newest = memory.timeline(sally, None, 2)?;
    /// assert_eq!(newest.notes[0].text, "Wrote thanks");
    /// let rest = memory.timeline(sally, newest.next, 2)?;
    /// assert_eq!(rest.notes[0].text, "Asked for a table");
    /// assert!(rest.next.is_none());
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub fn timeline(
        &self,
        contact: impl Into<ContactId>,
        after: Option<TimelineKey>,
        limit: usize,
    ) -> Result<TimelinePage> {
        let key = self.contact_key(contact.into())?;
        if limit == 0 {
            return Err(Error::invalid("limit of a page", "it is 0; a page has at least one note"));
        }
        let TimelineKey(happened_at, note) = after.unwrap_or(TimelineKey(i64::MAX, i64::MAX));
        let mut next = None;
        let mut notes = self.sql().all(
            concat!(
                "SELECT ",
                note_columns!(),
                "FROM note_contact l JOIN note n ON n.key = l.note",
                note_joins!(),
                "WHERE l.contact = $1 AND (l.happened_at, l.note) < ($2, $3)
                     AND n.retracted_at IS NULL AND ($4 = 0 OR n.private_to IS NULL OR n.private_to = $4)
                 ORDER BY l.happened_at DESC, l.note DESC LIMIT $5",
            ),
            &[
                Value::Int(key),
                Value::Int(happened_at),
                Value::Int(note),
                Value::Int(self.viewer()),
                Value::Int(i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX)),
            ],
            |row| Ok((row.int(22)?, read_note(row)?)),
        )?;
        if notes.len() > limit {
            notes.truncate(limit);
            next = notes.last().map(|(key, note)| TimelineKey(note.happened_at.micros(), *key));
        }
        Ok(TimelinePage { notes: notes.into_iter().map(|(_, note)| note).collect(), next })
    }

    /// Finds the private notes about a contact that the reader may not read: the key of each, and whether it is sealed.
    #[cfg(feature = "bundle")]
    pub(crate) fn withheld_notes(&self, contact: i64) -> Result<Vec<(i64, bool)>> {
        self.sql().all(
            "SELECT l.note, l.private_to FROM note_contact l
             WHERE l.contact = $1 AND l.private_to IS NOT NULL AND l.private_to <> $2 AND $2 <> 0
                 AND l.retracted_at IS NULL
             ORDER BY l.note",
            &[Value::Int(contact), Value::Int(self.viewer())],
            |row| Ok((row.int(0)?, row.int(1)? == SEALED)),
        )
    }

    /// Reads the notes that a brief shows before all others, of one kind, newest first.
    pub(crate) fn foremost(&self, contact: i64, kind: NoteKind, most: usize) -> Result<Vec<Note>> {
        self.sql().all(
            concat!(
                "SELECT ",
                note_columns!(),
                "FROM note_contact l JOIN note n ON n.key = l.note",
                note_joins!(),
                "WHERE l.contact = $1 AND l.kind = $2 AND l.kind IN ('insight', 'complaint')
                     AND n.retracted_at IS NULL AND ($3 = 0 OR n.private_to IS NULL OR n.private_to = $3)
                 ORDER BY l.happened_at DESC, l.note DESC LIMIT $4",
            ),
            &[Value::Int(contact), Value::Text(kind.word()), Value::Int(self.viewer()), Value::Int(most as i64)],
            read_note,
        )
    }

    /// Reads the complaints of a contact after which no note went out to them, newest first.
    pub(crate) fn unanswered(&self, contact: i64) -> Result<Vec<Note>> {
        self.sql().all(
            concat!(
                "SELECT ",
                note_columns!(),
                "FROM note_contact l JOIN note n ON n.key = l.note",
                note_joins!(),
                "WHERE l.contact = $1 AND l.kind = 'complaint' AND l.kind IN ('insight', 'complaint')
                     AND n.retracted_at IS NULL AND ($2 = 0 OR n.private_to IS NULL OR n.private_to = $2)
                     AND NOT EXISTS (
                         SELECT 1 FROM note_contact al JOIN note an ON an.key = al.note
                         WHERE al.contact = $1 AND al.happened_at >= l.happened_at AND al.note <> l.note
                             AND an.direction = 'out' AND an.retracted_at IS NULL
                             AND ($2 = 0 OR an.private_to IS NULL OR an.private_to = $2)
                     )
                 ORDER BY l.happened_at DESC, l.note DESC",
            ),
            &[Value::Int(contact), Value::Int(self.viewer())],
            read_note,
        )
    }

    /// Reads the latest notes about a contact that are no insights, newest first.
    pub(crate) fn latest(&self, contact: i64, most: usize) -> Result<Vec<Note>> {
        self.sql().all(
            concat!(
                "SELECT ",
                note_columns!(),
                "FROM note_contact l JOIN note n ON n.key = l.note",
                note_joins!(),
                "WHERE l.contact = $1 AND l.kind <> 'insight'
                     AND n.retracted_at IS NULL AND ($2 = 0 OR n.private_to IS NULL OR n.private_to = $2)
                 ORDER BY l.happened_at DESC, l.note DESC LIMIT $3",
            ),
            &[Value::Int(contact), Value::Int(self.viewer()), Value::Int(most as i64)],
            read_note,
        )
    }
}
