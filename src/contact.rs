//! Contacts: the people and organisations that are known, and the facts about them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::channel::Channel;
use crate::check;
use crate::erasure;
use crate::error::{Error, Result};
use crate::handle::{self, Handle, HandleFact, NewHandle};
use crate::id::ContactId;
use crate::journal::{Applied, Hash, Source, Subject, Writer};
use crate::memory::View;
use crate::search::fold;
use crate::store::{Row, RowExt, Sql, SqlExt, Value};
use crate::time::{self, DayOfYear};
use crate::verify::Table;

/// Whether a contact is a person or an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ContactKind {
    /// A person.
    Person,
    /// An organisation.
    Organisation,
}

impl ContactKind {
    /// The word under which it is stored and serialised.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Organisation => "organisation",
        }
    }
}

impl FromStr for ContactKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            _ if text.eq_ignore_ascii_case("person") => Ok(Self::Person),
            _ if text.eq_ignore_ascii_case("organisation") => Ok(Self::Organisation),
            _ => Err(Error::invalid("kind of contact", format!("“{text}” is not known; write person or organisation"))),
        }
    }
}

/// What relation a contact has to the organisation. The usual words are `customer`, `employee`, `partner` and `press`;
/// any other word of your own will do.
pub mod audience {
    /// Somebody who buys, visits, follows.
    pub const CUSTOMER: &str = "customer";
    /// Somebody who works for the organisation.
    pub const EMPLOYEE: &str = "employee";
    /// Somebody with whom the organisation works.
    pub const PARTNER: &str = "partner";
    /// Somebody who writes or reports about it.
    pub const PRESS: &str = "press";
}

/// The names of the fields that importers and exporters know. Any other name is a custom field.
pub mod field {
    /// Given name.
    pub const GIVEN_NAME: &str = "given_name";
    /// Family name.
    pub const FAMILY_NAME: &str = "family_name";
    /// Middle names.
    pub const MIDDLE_NAME: &str = "middle_name";
    /// Prefix of the name, such as “Dr”.
    pub const NAME_PREFIX: &str = "name_prefix";
    /// Suffix of the name, such as “Jr”.
    pub const NAME_SUFFIX: &str = "name_suffix";
    /// Nickname.
    pub const NICKNAME: &str = "nickname";
    /// The company, as text; a link of relation [`super::relation::WORKS_AT`] says it better where it is a contact too.
    pub const COMPANY: &str = "company";
    /// Department.
    pub const DEPARTMENT: &str = "department";
    /// Job title.
    pub const JOB_TITLE: &str = "job_title";
    /// Preferred language, as a tag (RFC 5646).
    pub const LANGUAGE: &str = "language";
    /// Pronouns.
    pub const PRONOUNS: &str = "pronouns";
}

/// The usual relations between contacts; any other word of your own will do.
pub mod relation {
    /// A person works at an organisation.
    pub const WORKS_AT: &str = "works_at";
    /// Two know each other.
    pub const KNOWS: &str = "knows";
    /// Who sent them to us.
    pub const REFERRED_BY: &str = "referred_by";
}

/// A contact in a list: enough to show and to pick it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContactSummary {
    /// The id.
    pub id: ContactId,
    /// Person or organisation.
    pub kind: ContactKind,
    /// The name.
    pub name: String,
}

impl fmt::Display for ContactSummary {
    /// The name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

impl From<&ContactSummary> for ContactId {
    fn from(contact: &ContactSummary) -> Self {
        contact.id
    }
}

impl From<&ContactSummary> for Subject {
    fn from(contact: &ContactSummary) -> Self {
        contact.id.into()
    }
}

/// How far the contacts were read; opaque, and valid for as long as the memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactsKey(i64);

/// One page of the contacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ContactsPage {
    /// The contacts, in the order in which they were added.
    pub contacts: Vec<ContactSummary>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<ContactsKey>,
}

/// A contact with all facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Contact {
    /// The id.
    pub id: ContactId,
    /// Person or organisation.
    pub kind: ContactKind,
    /// The name.
    pub name: String,
    /// What relation they have to the organisation; see [`audience`].
    pub audience: String,
    /// When this memory came to know them.
    pub added_at: DateTime<Utc>,
    /// When they were last spoken to; see [`View::quiet_since`].
    pub spoken_at: Option<DateTime<Utc>>,
    /// Facts by name; see [`field`].
    pub fields: BTreeMap<String, String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Days that return, by label, such as `birthday`.
    pub dates: BTreeMap<String, DayOfYear>,
    /// Addresses, past and present, in the order in which they were added.
    pub handles: Vec<Handle>,
    /// Links to other contacts.
    pub links: Vec<Link>,
    /// Channels on which they do not want to be reached, with the reason.
    pub do_not_contact: Vec<DoNotContact>,
    /// What other systems call them.
    pub external_ids: Vec<ExternalId>,
}

impl From<&Contact> for ContactId {
    fn from(contact: &Contact) -> Self {
        contact.id
    }
}

impl From<&Contact> for Subject {
    fn from(contact: &Contact) -> Self {
        contact.id.into()
    }
}

/// A link from one contact to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Link {
    /// What relates them; see [`relation`].
    pub relation: String,
    /// The other contact.
    pub other: ContactSummary,
    /// Whether the link was made on the other contact: `works_at` read from the organisation's side.
    pub reversed: bool,
}

/// A wish not to be contacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DoNotContact {
    /// The channel; `None` for every channel.
    pub channel: Option<Channel>,
    /// Why, or in what words.
    pub why: String,
}

/// What another system calls a contact or a note.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExternalId {
    /// The system, such as `hubspot`.
    pub system: String,
    /// The id there.
    pub id: String,
}

impl ExternalId {
    /// An id in a system.
    pub fn new(system: impl Into<String>, id: impl Into<String>) -> Self {
        Self { system: system.into(), id: id.into() }
    }

    pub(crate) fn checked(&self) -> Result<Self> {
        Ok(Self::new(check::name("system of an external id", &self.system)?, check::name("external id", &self.id)?))
    }
}

/// A contact to be added.
///
/// ```
/// use heirloom::{Channel, NewContact};
///
/// let sally = NewContact::person("Sally Marsh").handle(Channel::X, "@sally").tag("regular");
/// ```
#[derive(Clone, Debug)]
pub struct NewContact {
    kind: ContactKind,
    name: String,
    audience: Option<String>,
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) tags: Vec<String>,
    pub(crate) dates: BTreeMap<String, DayOfYear>,
    pub(crate) handles: Vec<NewHandle>,
    pub(crate) do_not_contact: Vec<DoNotContact>,
    pub(crate) external_id: Option<ExternalId>,
    pub(crate) source: Option<Source>,
}

impl NewContact {
    fn new(kind: ContactKind, name: String) -> Self {
        Self {
            kind,
            name,
            audience: None,
            fields: BTreeMap::new(),
            tags: Vec::new(),
            dates: BTreeMap::new(),
            handles: Vec::new(),
            do_not_contact: Vec::new(),
            external_id: None,
            source: None,
        }
    }

    /// A person.
    pub fn person(name: impl Into<String>) -> Self {
        Self::new(ContactKind::Person, name.into())
    }

    /// An organisation.
    pub fn organisation(name: impl Into<String>) -> Self {
        Self::new(ContactKind::Organisation, name.into())
    }

    /// What relation they have to the organisation; `customer` unless said. See [`audience`].
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// An address in any spelling.
    #[must_use]
    pub fn handle(self, channel: Channel, address: impl Into<String>) -> Self {
        self.with_handle(NewHandle::new(channel, address))
    }

    /// An address with what else is known of it.
    #[must_use]
    pub fn with_handle(mut self, handle: NewHandle) -> Self {
        self.handles.push(handle);
        self
    }

    /// A fact by name; see [`field`] for the usual names.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    /// A tag.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// A day that returns, such as `birthday`.
    #[must_use]
    pub fn date(mut self, label: impl Into<String>, day: DayOfYear) -> Self {
        self.dates.insert(label.into(), day);
        self
    }

    /// A wish not to be contacted on a channel, or on any.
    #[must_use]
    pub fn do_not_contact(mut self, channel: impl Into<Option<Channel>>, why: impl Into<String>) -> Self {
        self.do_not_contact.push(DoNotContact { channel: channel.into(), why: why.into() });
        self
    }

    /// What another system calls them.
    #[must_use]
    pub fn external_id(mut self, system: impl Into<String>, id: impl Into<String>) -> Self {
        self.external_id = Some(ExternalId::new(system, id));
        self
    }

    /// Checks everything, and gives the form that the journal keeps.
    fn checked(mut self, view: &View<'_>) -> Result<ContactAdded> {
        let source = self.source.take();
        Ok(ContactAdded { source, ..self.facts(view)? })
    }

    /// Checks everything, and gives the form that the journal keeps, but for the source.
    fn facts(&self, view: &View<'_>) -> Result<ContactAdded> {
        let mut added = ContactAdded {
            kind: self.kind,
            name: check::name("name of a contact", &self.name)?.to_owned(),
            audience: match &self.audience {
                Some(audience) => check::name("audience of a contact", audience)?.to_owned(),
                None => audience::CUSTOMER.to_owned(),
            },
            fields: BTreeMap::new(),
            tags: Vec::new(),
            dates: BTreeMap::new(),
            handles: Vec::new(),
            do_not_contact: BTreeMap::new(),
            external_id: self.external_id.as_ref().map(ExternalId::checked).transpose()?,
            source: None,
        };
        for (name, value) in &self.fields {
            check::text("value of a field", value, check::FIELD_MAX)?;
            added.fields.insert(check::name("name of a field", name)?.to_owned(), value.clone());
        }
        for tag in &self.tags {
            let tag = check::name("tag", tag)?;
            if !added.tags.iter().any(|known| fold(known) == fold(tag)) {
                added.tags.push(tag.to_owned());
            }
        }
        for (label, day) in &self.dates {
            added.dates.insert(check::name("label of a date", label)?.to_owned(), *day);
        }
        for handle in &self.handles {
            let fact = handle.checked(view)?;
            if !added.handles.iter().any(|h| (h.channel, &h.key) == (fact.channel, &fact.key)) {
                added.handles.push(fact);
            }
        }
        for wish in &self.do_not_contact {
            check::optional("reason", &wish.why, check::FIELD_MAX)?;
            added.do_not_contact.insert(channel_word(wish.channel).to_owned(), wish.why.clone());
        }
        Ok(added)
    }
}

/// The word under which a wish not to be contacted is stored: the channel's, or `*` for every channel.
fn channel_word(channel: Option<Channel>) -> &'static str {
    channel.map_or("*", Channel::word)
}

fn channel_of(word: &str) -> Result<Option<Channel>> {
    match word {
        "*" => Ok(None),
        word => word.parse().map(Some),
    }
}

/// `contact.added`: somebody is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContactAdded {
    /// Person or organisation.
    pub kind: ContactKind,
    /// The name.
    pub name: String,
    /// What relation they have to the organisation.
    pub audience: String,
    /// Facts by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Days that return.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dates: BTreeMap<String, DayOfYear>,
    /// Addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handles: Vec<HandleFact>,
    /// Wishes not to be contacted: the channel's word, or `*` for every channel, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub do_not_contact: BTreeMap<String, String>,
    /// What another system calls them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
    /// What an import read, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// What a contact is called whose first entry only a newer heirloom reads.
pub(crate) const NEWER: &str = "a contact whom a newer heirloom knows";

impl ContactAdded {
    /// A contact of whom no more is known than that there is one.
    pub(crate) fn newer() -> Self {
        Self {
            kind: ContactKind::Person,
            name: NEWER.to_owned(),
            audience: audience::CUSTOMER.to_owned(),
            fields: BTreeMap::new(),
            tags: Vec::new(),
            dates: BTreeMap::new(),
            handles: Vec::new(),
            do_not_contact: BTreeMap::new(),
            external_id: None,
            source: None,
        }
    }
}

/// A fact of a contact that has one value at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fact {
    /// The name.
    Name,
    /// What relation they have to the organisation.
    Audience,
    /// A field by name.
    Field(String),
    /// A day that returns, by label.
    Date(String),
    /// A wish not to be contacted: the channel's word, or `*` for every channel.
    DoNotContact(String),
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("name"),
            Self::Audience => f.write_str("audience"),
            Self::Field(name) => f.write_str(&name.replace('_', " ")),
            Self::Date(label) => f.write_str(label),
            Self::DoNotContact(channel) if channel == "*" => f.write_str("wish not to be contacted"),
            Self::DoNotContact(channel) => write!(f, "wish not to be contacted by {channel}"),
        }
    }
}

/// `contact.changed`: a fact has another value; the old one stands beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContactChanged {
    /// Which fact.
    pub fact: Fact,
    /// The value until then; `None` where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The value from here on; `None` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// `contact.tagged`: a tag was put on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContactTagged {
    /// The tag.
    pub tag: String,
}

/// `contact.untagged`: a tag was taken off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContactUntagged {
    /// The tag.
    pub tag: String,
}

/// `contact.linked`: a link to another contact was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContactLinked {
    /// What relates them.
    pub relation: String,
    /// The other contact.
    pub other: ContactId,
    /// The other's name, as it was then.
    pub other_name: String,
}

/// `contact.unlinked`: a link to another contact was taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContactUnlinked {
    /// What related them.
    pub relation: String,
    /// The other contact.
    pub other: ContactId,
    /// The other's name, as it was then.
    pub other_name: String,
}

/// `contact.identified`: another system calls the contact so, and said this of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContactIdentified {
    /// The system and the id there.
    pub external_id: ExternalId,
    /// What an import read, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// The tables of this noun.
pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "contact",
        clear: "DELETE FROM contact",
        scan: "SELECT * FROM contact ORDER BY key",
        of: &["contact"],
        forget: "DELETE FROM contact WHERE key = $1",
    },
    Table {
        name: "contact_field",
        clear: "DELETE FROM contact_field",
        scan: "SELECT * FROM contact_field ORDER BY contact, field",
        of: &["contact"],
        forget: "DELETE FROM contact_field WHERE contact = $1",
    },
    Table {
        name: "contact_tag",
        clear: "DELETE FROM contact_tag",
        scan: "SELECT * FROM contact_tag ORDER BY contact, tag_key",
        of: &["contact"],
        forget: "DELETE FROM contact_tag WHERE contact = $1",
    },
    Table {
        name: "contact_date",
        clear: "DELETE FROM contact_date",
        scan: "SELECT * FROM contact_date ORDER BY contact, label",
        of: &["contact"],
        forget: "DELETE FROM contact_date WHERE contact = $1",
    },
    Table {
        name: "contact_link",
        clear: "DELETE FROM contact_link",
        scan: "SELECT * FROM contact_link ORDER BY contact, relation, other",
        of: &["contact"],
        forget: "DELETE FROM contact_link WHERE contact = $1",
    },
    Table {
        name: "do_not_contact",
        clear: "DELETE FROM do_not_contact",
        scan: "SELECT * FROM do_not_contact ORDER BY contact, channel",
        of: &["contact"],
        forget: "DELETE FROM do_not_contact WHERE contact = $1",
    },
    Table {
        name: "contact_external_id",
        clear: "DELETE FROM contact_external_id",
        scan: "SELECT * FROM contact_external_id ORDER BY system, external_id, contact",
        of: &["contact"],
        forget: "DELETE FROM contact_external_id WHERE contact = $1",
    },
];

pub(crate) fn apply_added(sql: &dyn Sql, entry: &Applied<'_>, change: &ContactAdded) -> Result<()> {
    let key = entry.subject;
    sql.execute(
        "INSERT INTO contact (key, id, kind, name, name_key, audience, added_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            Value::Int(key),
            (&entry.id.0).into(),
            Value::Text(change.kind.word()),
            Value::Text(&change.name),
            Value::Text(&fold(&change.name)),
            Value::Text(&change.audience),
            Value::Int(entry.at),
        ],
    )?;
    for (name, value) in &change.fields {
        set_field(sql, key, name, Some(value))?;
    }
    for tag in &change.tags {
        tag_on(sql, key, tag)?;
    }
    for (label, day) in &change.dates {
        set_date(sql, key, label, Some(*day))?;
    }
    for handle in &change.handles {
        handle::insert(sql, key, handle)?;
    }
    for (channel, why) in &change.do_not_contact {
        set_do_not_contact(sql, key, channel, Some(why))?;
    }
    if let Some(external_id) = &change.external_id {
        identify(sql, key, external_id, change.source.as_ref())?;
    }
    Ok(())
}

pub(crate) fn apply_changed(sql: &dyn Sql, entry: &Applied<'_>, change: &ContactChanged) -> Result<()> {
    let (key, to) = (entry.subject, change.to.as_deref());
    match &change.fact {
        Fact::Name => {
            let name = to.unwrap_or_default();
            sql.execute(
                "UPDATE contact SET name = $1, name_key = $2 WHERE key = $3",
                &[Value::Text(name), Value::Text(&fold(name)), Value::Int(key)],
            )?;
        }
        Fact::Audience => {
            sql.execute(
                "UPDATE contact SET audience = $1 WHERE key = $2",
                &[Value::Text(to.unwrap_or_default()), Value::Int(key)],
            )?;
        }
        Fact::Field(name) => set_field(sql, key, name, to)?,
        Fact::Date(label) => set_date(sql, key, label, to.map(str::parse).transpose()?)?,
        Fact::DoNotContact(channel) => set_do_not_contact(sql, key, channel, to)?,
    }
    Ok(())
}

pub(crate) fn apply_tagged(sql: &dyn Sql, entry: &Applied<'_>, change: &ContactTagged) -> Result<()> {
    tag_on(sql, entry.subject, &change.tag)
}

pub(crate) fn apply_untagged(sql: &dyn Sql, entry: &Applied<'_>, change: &ContactUntagged) -> Result<()> {
    sql.execute(
        "DELETE FROM contact_tag WHERE contact = $1 AND tag_key = $2",
        &[Value::Int(entry.subject), Value::Text(&fold(&change.tag))],
    )?;
    Ok(())
}

pub(crate) fn apply_linked(sql: &dyn Sql, entry: &Applied<'_>, change: &ContactLinked) -> Result<()> {
    sql.execute(
        "INSERT INTO contact_link (contact, relation, other) VALUES ($1, $2, $3)
         ON CONFLICT (contact, relation, other) DO NOTHING",
        &[Value::Int(entry.subject), Value::Text(&change.relation), Value::Int(contact_key(sql, change.other)?)],
    )?;
    Ok(())
}

pub(crate) fn apply_unlinked(sql: &dyn Sql, entry: &Applied<'_>, change: &ContactUnlinked) -> Result<()> {
    sql.execute(
        "DELETE FROM contact_link WHERE contact = $1 AND relation = $2 AND other = $3",
        &[Value::Int(entry.subject), Value::Text(&change.relation), Value::Int(contact_key(sql, change.other)?)],
    )?;
    Ok(())
}

pub(crate) fn apply_identified(sql: &dyn Sql, entry: &Applied<'_>, change: &ContactIdentified) -> Result<()> {
    identify(sql, entry.subject, &change.external_id, change.source.as_ref())
}

/// Remembers when a contact was last spoken to, as a note tells it.
pub(crate) fn spoken(sql: &dyn Sql, contact: i64, at: i64) -> Result<()> {
    sql.execute(
        "UPDATE contact SET spoken_at = $1 WHERE key = $2 AND (spoken_at IS NULL OR spoken_at < $1)",
        &[Value::Int(at), Value::Int(contact)],
    )?;
    Ok(())
}

/// Puts together anew when a contact was last spoken to, after a note was corrected or retracted.
pub(crate) fn respoken(sql: &dyn Sql, contact: i64, at: Option<i64>) -> Result<()> {
    sql.execute("UPDATE contact SET spoken_at = $1 WHERE key = $2", &[at.into(), Value::Int(contact)])?;
    Ok(())
}

/// Takes away the links of others to a contact who is erased.
pub(crate) fn unlink_from_others(sql: &dyn Sql, contact: i64) -> Result<()> {
    sql.execute("DELETE FROM contact_link WHERE other = $1", &[Value::Int(contact)])?;
    Ok(())
}

fn set_field(sql: &dyn Sql, contact: i64, name: &str, value: Option<&str>) -> Result<()> {
    match value {
        Some(value) => sql.execute(
            "INSERT INTO contact_field (contact, field, value) VALUES ($1, $2, $3)
             ON CONFLICT (contact, field) DO UPDATE SET value = excluded.value",
            &[Value::Int(contact), Value::Text(name), Value::Text(value)],
        )?,
        None => sql.execute(
            "DELETE FROM contact_field WHERE contact = $1 AND field = $2",
            &[Value::Int(contact), Value::Text(name)],
        )?,
    };
    Ok(())
}

fn tag_on(sql: &dyn Sql, contact: i64, tag: &str) -> Result<()> {
    sql.execute(
        "INSERT INTO contact_tag (contact, tag_key, tag) VALUES ($1, $2, $3)
         ON CONFLICT (contact, tag_key) DO UPDATE SET tag = excluded.tag",
        &[Value::Int(contact), Value::Text(&fold(tag)), Value::Text(tag)],
    )?;
    Ok(())
}

fn set_date(sql: &dyn Sql, contact: i64, label: &str, day: Option<DayOfYear>) -> Result<()> {
    match day {
        Some(day) => sql.execute(
            "INSERT INTO contact_date (contact, label, month, day, year) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (contact, label) DO UPDATE SET
                 month = excluded.month, day = excluded.day, year = excluded.year",
            &[
                Value::Int(contact),
                Value::Text(label),
                Value::Int(day.month().into()),
                Value::Int(day.day().into()),
                day.year().map(i64::from).into(),
            ],
        )?,
        None => sql.execute(
            "DELETE FROM contact_date WHERE contact = $1 AND label = $2",
            &[Value::Int(contact), Value::Text(label)],
        )?,
    };
    Ok(())
}

fn set_do_not_contact(sql: &dyn Sql, contact: i64, channel: &str, why: Option<&str>) -> Result<()> {
    match why {
        Some(why) => sql.execute(
            "INSERT INTO do_not_contact (contact, channel, why) VALUES ($1, $2, $3)
             ON CONFLICT (contact, channel) DO UPDATE SET why = excluded.why",
            &[Value::Int(contact), Value::Text(channel), Value::Text(why)],
        )?,
        None => sql.execute(
            "DELETE FROM do_not_contact WHERE contact = $1 AND channel = $2",
            &[Value::Int(contact), Value::Text(channel)],
        )?,
    };
    Ok(())
}

fn identify(sql: &dyn Sql, contact: i64, id: &ExternalId, source: Option<&Source>) -> Result<()> {
    let digest = source.map(Source::digest);
    sql.execute(
        "INSERT INTO contact_external_id (system, external_id, contact, digest) VALUES ($1, $2, $3, $4)
         ON CONFLICT (system, external_id, contact) DO UPDATE SET
             digest = coalesce(excluded.digest, contact_external_id.digest)",
        &[
            Value::Text(&id.system),
            Value::Text(&id.id),
            Value::Int(contact),
            digest.as_ref().map(|d| &d.as_bytes()[..]).into(),
        ],
    )?;
    Ok(())
}

pub(crate) fn contact_key(sql: &dyn Sql, id: ContactId) -> Result<i64> {
    sql.first("SELECT key FROM contact WHERE id = $1", &[(&id.0).into()], |row| row.int(0))?
        .ok_or_else(|| erasure::missing(sql, "contact", id.0))
}

pub(crate) fn read_summary(row: &dyn Row) -> Result<ContactSummary> {
    Ok(ContactSummary { id: ContactId(row.uuid(0)?), kind: row.text(1)?.parse()?, name: row.string(2)? })
}

impl Writer<'_> {
    /// Adds a contact.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty name, an address that its channel cannot have, a text above its limit or with
    /// U+0000; [`Error::Refused`] when another contact has the external id already.
    pub fn add_contact(&mut self, contact: NewContact) -> Result<ContactId> {
        if let Some(id) = contact.external_id.as_ref().map(ExternalId::checked).transpose()?
            && let Some(holder) = self.view().by_external_id(&id.system, &id.id)?
        {
            return Err(Error::refused(format!(
                "{} has the id “{}” in {} already; use upsert_contact to change them",
                holder.name, id.id, id.system
            )));
        }
        self.add_unknown_contact(contact)
    }

    /// Adds a contact of whose external id the caller knows that nobody has it.
    pub(crate) fn add_unknown_contact(&mut self, contact: NewContact) -> Result<ContactId> {
        let added = contact.checked(&self.view())?;
        self.create(added).map(ContactId)
    }

    /// Adds a contact under another system's id, or brings the one that has it already up to date: values that differ
    /// are changed, what is missing is added, nothing is taken away. A repeated call changes nothing.
    ///
    /// # Errors
    /// As [`Writer::add_contact`]; [`Error::Invalid`] when the contact has no external id.
    pub fn upsert_contact(&mut self, contact: NewContact) -> Result<ContactId> {
        let Some(id) = contact.external_id.as_ref().map(ExternalId::checked).transpose()? else {
            return Err(Error::invalid("contact", "it has no external id; call external_id on it first"));
        };
        match self.view().by_external_id(&id.system, &id.id)? {
            Some(holder) => self.bring_up_to_date(holder.id, contact).map(|()| holder.id),
            None => self.add_unknown_contact(contact),
        }
    }

    /// Brings a contact up to date as [`Writer::upsert_contact`] does, and notes the external id as theirs.
    pub(crate) fn bring_up_to_date(&mut self, id: ContactId, contact: NewContact) -> Result<()> {
        // Before the first change, so that a contact which is refused stays as it was, also where the caller goes on.
        contact.facts(&self.view())?;
        self.rename_contact(id, &contact.name)?;
        if let Some(audience) = &contact.audience {
            self.set_audience(id, audience)?;
        }
        for (name, value) in &contact.fields {
            self.set_field(id, name, Some(value))?;
        }
        for tag in &contact.tags {
            self.tag(id, tag)?;
        }
        for (label, day) in &contact.dates {
            self.set_date(id, label, Some(*day))?;
        }
        for handle in contact.handles {
            self.add_handle(id, handle)?;
        }
        for wish in &contact.do_not_contact {
            self.do_not_contact(id, wish.channel, &wish.why)?;
        }
        match (contact.external_id, contact.source) {
            (Some(external_id), source @ Some(_)) => self.append(id, ContactIdentified { external_id, source }),
            _ => Ok(()),
        }
    }

    /// Gives a contact another name.
    pub fn rename_contact(&mut self, contact: ContactId, name: &str) -> Result<()> {
        let to = check::name("name of a contact", name)?.to_owned();
        let from = self.view().contact_summary(contact)?.name;
        self.change(contact, Fact::Name, Some(from), Some(to))
    }

    /// Says what relation a contact has to the organisation; see [`audience`].
    pub fn set_audience(&mut self, contact: ContactId, audience: &str) -> Result<()> {
        let to = check::name("audience of a contact", audience)?.to_owned();
        let key = self.contact_key(contact)?;
        let from =
            self.sql().first("SELECT audience FROM contact WHERE key = $1", &[Value::Int(key)], |r| r.string(0))?;
        self.change(contact, Fact::Audience, from, Some(to))
    }

    /// Sets a field of a contact, or clears it; see [`field`] for the usual names.
    pub fn set_field(&mut self, contact: ContactId, name: &str, value: Option<&str>) -> Result<()> {
        let name = check::name("name of a field", name)?;
        if let Some(value) = value {
            check::text("value of a field", value, check::FIELD_MAX)?;
        }
        let key = self.contact_key(contact)?;
        let from = self.sql().first(
            "SELECT value FROM contact_field WHERE contact = $1 AND field = $2",
            &[Value::Int(key), Value::Text(name)],
            |row| row.string(0),
        )?;
        self.change(contact, Fact::Field(name.to_owned()), from, value.map(str::to_owned))
    }

    /// Sets a day that returns, such as `birthday`, or clears it.
    ///
    /// ```
    /// # use heirloom::{Actor, Memory, NewContact};
    /// # let memory = Memory::in_memory()?;
    /// memory.write(Actor::system("crm-sync"), |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.set_date(sally, "birthday", Some("1985-04-12".parse()?))?;
    ///     w.set_date(sally, "anniversary", Some("--06-30".parse()?))?; // the year is not known
    ///     w.set_date(sally, "anniversary", None)
    /// })?;
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub fn set_date(&mut self, contact: ContactId, label: &str, day: Option<DayOfYear>) -> Result<()> {
        let label = check::name("label of a date", label)?;
        let key = self.contact_key(contact)?;
        let from = self.sql().first(
            "SELECT year, month, day FROM contact_date WHERE contact = $1 AND label = $2",
            &[Value::Int(key), Value::Text(label)],
            |row| read_day(row, 0),
        )?;
        let text = |day: DayOfYear| day.to_string();
        self.change(contact, Fact::Date(label.to_owned()), from.map(text), day.map(text))
    }

    /// Notes the wish of a contact not to be contacted on a channel, or on any (`None`), with their words or the reason.
    pub fn do_not_contact(&mut self, contact: ContactId, channel: impl Into<Option<Channel>>, why: &str) -> Result<()> {
        check::optional("reason", why, check::FIELD_MAX)?;
        self.wish(contact, channel.into(), Some(why))
    }

    /// Takes back the wish of a contact not to be contacted on a channel, or on any (`None`).
    pub fn may_contact(&mut self, contact: ContactId, channel: impl Into<Option<Channel>>) -> Result<()> {
        self.wish(contact, channel.into(), None)
    }

    fn wish(&mut self, contact: ContactId, channel: Option<Channel>, why: Option<&str>) -> Result<()> {
        let key = self.contact_key(contact)?;
        let word = channel_word(channel);
        let from = self.sql().first(
            "SELECT why FROM do_not_contact WHERE contact = $1 AND channel = $2",
            &[Value::Int(key), Value::Text(word)],
            |row| row.string(0),
        )?;
        self.change(contact, Fact::DoNotContact(word.to_owned()), from, why.map(str::to_owned))
    }

    fn change(&mut self, contact: ContactId, fact: Fact, from: Option<String>, to: Option<String>) -> Result<()> {
        match from == to {
            true => Ok(()),
            false => self.append(contact, ContactChanged { fact, from, to }),
        }
    }

    /// Puts a tag on a contact. Returns whether anything changed; tags that differ in case or marks are one.
    pub fn tag(&mut self, contact: ContactId, tag: &str) -> Result<bool> {
        let tag = check::name("tag", tag)?.to_owned();
        if self.has_tag(contact, &tag)? {
            return Ok(false);
        }
        self.append(contact, ContactTagged { tag })?;
        Ok(true)
    }

    /// Takes a tag off a contact. Returns whether anything changed.
    pub fn untag(&mut self, contact: ContactId, tag: &str) -> Result<bool> {
        let tag = check::name("tag", tag)?.to_owned();
        if !self.has_tag(contact, &tag)? {
            return Ok(false);
        }
        self.append(contact, ContactUntagged { tag })?;
        Ok(true)
    }

    fn has_tag(&self, contact: ContactId, tag: &str) -> Result<bool> {
        let key = self.contact_key(contact)?;
        let found = self.sql().first(
            "SELECT 1 FROM contact_tag WHERE contact = $1 AND tag_key = $2",
            &[Value::Int(key), Value::Text(&fold(tag))],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Links a contact to another; see [`relation`] for the usual words. Returns whether anything changed.
    ///
    /// # Errors
    /// [`Error::Invalid`] when both are the same contact.
    pub fn link(&mut self, contact: ContactId, relation: &str, other: ContactId) -> Result<bool> {
        let relation = check::name("relation", relation)?.to_owned();
        if contact == other {
            return Err(Error::invalid("link", format!("a contact cannot be linked to itself ({relation})")));
        }
        if self.is_linked(contact, &relation, other)? {
            return Ok(false);
        }
        let other_name = self.view().contact_summary(other)?.name;
        self.append(contact, ContactLinked { relation, other, other_name })?;
        Ok(true)
    }

    /// Takes a link to another contact away. Returns whether anything changed.
    pub fn unlink(&mut self, contact: ContactId, relation: &str, other: ContactId) -> Result<bool> {
        let relation = check::name("relation", relation)?.to_owned();
        if !self.is_linked(contact, &relation, other)? {
            return Ok(false);
        }
        let other_name = self.view().contact_summary(other)?.name;
        self.append(contact, ContactUnlinked { relation, other, other_name })?;
        Ok(true)
    }

    fn is_linked(&self, contact: ContactId, relation: &str, other: ContactId) -> Result<bool> {
        let (from, to) = (self.contact_key(contact)?, self.contact_key(other)?);
        let found = self.sql().first(
            "SELECT 1 FROM contact_link WHERE contact = $1 AND relation = $2 AND other = $3",
            &[Value::Int(from), Value::Text(relation), Value::Int(to)],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Notes what another system calls a contact. Returns whether anything changed.
    ///
    /// # Errors
    /// [`Error::Refused`] when another contact has that id.
    pub fn identify(&mut self, contact: ContactId, system: &str, id: &str) -> Result<bool> {
        let external_id = ExternalId::new(system, id).checked()?;
        self.contact_key(contact)?;
        match self.view().by_external_id(&external_id.system, &external_id.id)? {
            Some(holder) if holder.id == contact => Ok(false),
            Some(holder) => Err(Error::refused(format!(
                "{} has the id “{}” in {} already; an id belongs to one contact",
                holder.name, external_id.id, external_id.system
            ))),
            None => {
                self.append(contact, ContactIdentified { external_id, source: None })?;
                Ok(true)
            }
        }
    }
}

/// Reads year, month and day from three columns.
fn read_day(row: &dyn Row, column: usize) -> Result<DayOfYear> {
    let small = |value: i64| u32::try_from(value).map_err(|_| Error::fault("a stored date", value));
    let year = row.opt_int(column)?;
    DayOfYear::new(
        year.map(|year| i32::try_from(year).map_err(|_| Error::fault("a stored date", year))).transpose()?,
        small(row.int(column + 1)?)?,
        small(row.int(column + 2)?)?,
    )
}

/// Reads a contact of which the facts are still to come, after its key.
fn read_without_facts(row: &dyn Row) -> Result<(i64, Contact)> {
    let contact = Contact {
        id: ContactId(row.uuid(1)?),
        kind: row.text(2)?.parse()?,
        name: row.string(3)?,
        audience: row.string(4)?,
        added_at: time::from_micros(row.int(5)?)?,
        spoken_at: row.opt_int(6)?.map(time::from_micros).transpose()?,
        fields: BTreeMap::new(),
        tags: Vec::new(),
        dates: BTreeMap::new(),
        handles: Vec::new(),
        links: Vec::new(),
        do_not_contact: Vec::new(),
        external_ids: Vec::new(),
    };
    Ok((row.int(0)?, contact))
}

/// Takes one of the facts that hang on a contact; handles come with their positions.
fn take_fact(row: &dyn Row, contact: &mut Contact, handles: &mut Vec<(i64, Handle)>) -> Result<()> {
    match row.int(0)? {
        1 => drop(contact.fields.insert(row.string(1)?, row.string(2)?)),
        2 => contact.tags.push(row.string(1)?),
        3 => drop(contact.dates.insert(row.string(1)?, read_day(row, 6)?)),
        4 => handles.push((row.int(8)?, handle::read(row)?)),
        5 => contact.links.push(read_link(row)?),
        6 => contact.do_not_contact.push(DoNotContact { channel: channel_of(row.text(1)?)?, why: row.string(2)? }),
        _ => contact.external_ids.push(ExternalId { system: row.string(1)?, id: row.string(2)? }),
    }
    Ok(())
}

/// Puts the facts of a contact in an order that does not hang on how they were found.
#[cfg(any(feature = "vcard", feature = "csv"))]
fn in_order(mut contact: Contact, mut handles: Vec<(i64, Handle)>) -> Contact {
    handles.sort_by_key(|(position, _)| *position);
    contact.handles = handles.into_iter().map(|(_, handle)| handle).collect();
    contact.tags.sort();
    contact.links.sort_by(|a, b| (&a.relation, a.other.id, a.reversed).cmp(&(&b.relation, b.other.id, b.reversed)));
    contact.do_not_contact.sort_by_key(|wish| wish.channel);
    contact.external_ids.sort();
    contact
}

fn read_link(row: &dyn Row) -> Result<Link> {
    Ok(Link {
        relation: row.string(1)?,
        other: ContactSummary { id: ContactId(row.uuid(5)?), kind: row.text(2)?.parse()?, name: row.string(3)? },
        reversed: row.int(6)? == 1,
    })
}

impl View<'_> {
    pub(crate) fn contact_key(&self, id: ContactId) -> Result<i64> {
        contact_key(self.sql(), id)
    }

    /// Reads the name and kind of a contact.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such contact.
    pub fn contact_summary(&self, id: impl Into<ContactId>) -> Result<ContactSummary> {
        let id = id.into();
        self.sql()
            .first("SELECT id, kind, name FROM contact WHERE id = $1", &[(&id.0).into()], read_summary)?
            .ok_or_else(|| erasure::missing(self.sql(), "contact", id.0))
    }

    /// Reads a contact with all facts.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such contact.
    pub fn contact(&self, id: impl Into<ContactId>) -> Result<Contact> {
        self.contact_with_key(id.into()).map(|(_, contact)| contact)
    }

    pub(crate) fn contact_with_key(&self, id: ContactId) -> Result<(i64, Contact)> {
        let (key, mut contact) = self
            .sql()
            .first(
                "SELECT key, id, kind, name, audience, added_at, spoken_at FROM contact WHERE id = $1",
                &[(&id.0).into()],
                read_without_facts,
            )?
            .ok_or_else(|| erasure::missing(self.sql(), "contact", id.0))?;
        self.read_facts(key, &mut contact)?;
        Ok((key, contact))
    }

    /// Reads everything that hangs on a contact, in one statement.
    fn read_facts(&self, key: i64, contact: &mut Contact) -> Result<()> {
        let mut handles = Vec::new();
        self.sql().each(
            "SELECT 1, field, value, NULL, NULL, NULL, NULL, NULL, NULL FROM contact_field WHERE contact = $1
             UNION ALL
             SELECT 2, tag, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM contact_tag WHERE contact = $1
             UNION ALL
             SELECT 3, label, NULL, NULL, NULL, NULL, year, month, day FROM contact_date WHERE contact = $1
             UNION ALL
             SELECT 4, channel, address, address_key, network_id, label, since, until, position FROM handle
             WHERE contact = $1
             UNION ALL
             SELECT 5, l.relation, c.kind, c.name, NULL, c.id, 0, NULL, NULL FROM contact_link l
             JOIN contact c ON c.key = l.other
             WHERE l.contact = $1
             UNION ALL
             SELECT 5, l.relation, c.kind, c.name, NULL, c.id, 1, NULL, NULL FROM contact_link l
             JOIN contact c ON c.key = l.contact
             WHERE l.other = $1
             UNION ALL
             SELECT 6, channel, why, NULL, NULL, NULL, NULL, NULL, NULL FROM do_not_contact WHERE contact = $1
             UNION ALL
             SELECT 7, system, external_id, NULL, NULL, NULL, NULL, NULL, NULL FROM contact_external_id
             WHERE contact = $1",
            &[Value::Int(key)],
            |row| take_fact(row, contact, &mut handles),
        )?;
        handles.sort_by_key(|(position, _)| *position);
        contact.handles = handles.into_iter().map(|(_, handle)| handle).collect();
        Ok(())
    }

    /// The first and the last key of the next contacts after a key, at most so many; `None` where there is none.
    #[cfg(any(feature = "vcard", feature = "csv"))]
    pub(crate) fn contact_keys_after(&self, after: i64, most: i64) -> Result<Option<(i64, i64)>> {
        let range = self.sql().one(
            "SELECT min(key), max(key) FROM (SELECT key FROM contact WHERE key > $1 ORDER BY key LIMIT $2) AS page",
            &[Value::Int(after), Value::Int(most)],
            |row| Ok((row.opt_int(0)?, row.opt_int(1)?)),
        )?;
        Ok(range.0.zip(range.1))
    }

    /// Reads the contacts between two keys with all facts, in the order in which they were added.
    #[cfg(any(feature = "vcard", feature = "csv"))]
    pub(crate) fn contacts_between(&self, (first, last): (i64, i64)) -> Result<Vec<(i64, Contact)>> {
        let range = [Value::Int(first), Value::Int(last)];
        let contacts = self.sql().all(
            "SELECT key, id, kind, name, audience, added_at, spoken_at FROM contact
             WHERE key BETWEEN $1 AND $2
             ORDER BY key",
            &range,
            read_without_facts,
        )?;
        let mut found: BTreeMap<i64, (Contact, Vec<(i64, Handle)>)> =
            contacts.into_iter().map(|(key, contact)| (key, (contact, Vec::new()))).collect();
        self.sql().each(
            "SELECT 1, field, value, NULL, NULL, NULL, NULL, NULL, NULL, contact FROM contact_field
             WHERE contact BETWEEN $1 AND $2
             UNION ALL
             SELECT 2, tag, NULL, NULL, NULL, NULL, NULL, NULL, NULL, contact FROM contact_tag
             WHERE contact BETWEEN $1 AND $2
             UNION ALL
             SELECT 3, label, NULL, NULL, NULL, NULL, year, month, day, contact FROM contact_date
             WHERE contact BETWEEN $1 AND $2
             UNION ALL
             SELECT 4, channel, address, address_key, network_id, label, since, until, position, contact FROM handle
             WHERE contact BETWEEN $1 AND $2
             UNION ALL
             SELECT 5, l.relation, c.kind, c.name, NULL, c.id, 0, NULL, NULL, l.contact FROM contact_link l
             JOIN contact c ON c.key = l.other
             WHERE l.contact BETWEEN $1 AND $2
             UNION ALL
             SELECT 5, l.relation, c.kind, c.name, NULL, c.id, 1, NULL, NULL, l.other FROM contact_link l
             JOIN contact c ON c.key = l.contact
             WHERE l.other BETWEEN $1 AND $2
             UNION ALL
             SELECT 6, channel, why, NULL, NULL, NULL, NULL, NULL, NULL, contact FROM do_not_contact
             WHERE contact BETWEEN $1 AND $2
             UNION ALL
             SELECT 7, system, external_id, NULL, NULL, NULL, NULL, NULL, NULL, contact FROM contact_external_id
             WHERE contact BETWEEN $1 AND $2",
            &range,
            |row| match found.get_mut(&row.int(9)?) {
                Some((contact, handles)) => take_fact(row, contact, handles),
                None => Ok(()),
            },
        )?;
        Ok(found.into_iter().map(|(key, (contact, handles))| (key, in_order(contact, handles))).collect())
    }

    /// Finds the contact that another system calls so: the one added first, where two memories that were brought together
    /// have one each.
    pub fn by_external_id(&self, system: &str, id: &str) -> Result<Option<ContactSummary>> {
        self.sql().first(
            "SELECT c.id, c.kind, c.name FROM contact_external_id x
             JOIN contact c ON c.key = x.contact
             WHERE x.system = $1 AND x.external_id = $2
             ORDER BY c.id LIMIT 1",
            &[Value::Text(system), Value::Text(id)],
            read_summary,
        )
    }

    /// Finds what another system calls so, with the digest of what it last said.
    pub(crate) fn last_said(&self, system: &str, id: &str) -> Result<Option<(ContactId, Option<Hash>)>> {
        self.sql().first(
            "SELECT c.id, x.digest FROM contact_external_id x
             JOIN contact c ON c.key = x.contact
             WHERE x.system = $1 AND x.external_id = $2
             ORDER BY c.id LIMIT 1",
            &[Value::Text(system), Value::Text(id)],
            |row| Ok((ContactId(row.uuid(0)?), row.opt_blob(1)?.map(Hash::from_slice).transpose()?)),
        )
    }

    /// Finds the contacts that have exactly this name, whatever its case and marks.
    pub fn named(&self, name: &str) -> Result<Vec<ContactSummary>> {
        self.sql().all(
            "SELECT id, kind, name FROM contact WHERE name_key = $1 ORDER BY key",
            &[Value::Text(&fold(name))],
            read_summary,
        )
    }

    /// Finds the contacts that carry a tag, whatever its case and marks, in the order in which they were added.
    pub fn tagged(&self, tag: &str) -> Result<Vec<ContactSummary>> {
        self.sql().all(
            "SELECT c.id, c.kind, c.name FROM contact_tag t
             JOIN contact c ON c.key = t.contact
             WHERE t.tag_key = $1
             ORDER BY c.key",
            &[Value::Text(&fold(tag))],
            read_summary,
        )
    }

    /// Finds the contacts who have not been spoken to since an instant, longest silence first; those never spoken to
    /// come before all. Spoken to means a note of kind conversation, praise, complaint or idea that is not private: of a
    /// private one nobody else learns, not even that it was.
    pub fn quiet_since(&self, since: DateTime<Utc>) -> Result<Vec<(ContactSummary, Option<DateTime<Utc>>)>> {
        self.sql().all(
            "SELECT id, kind, name, spoken_at FROM contact
             WHERE spoken_at IS NULL OR spoken_at < $1
             ORDER BY spoken_at IS NOT NULL, spoken_at, key",
            &[Value::Int(time::to_micros(since)?)],
            |row| Ok((read_summary(row)?, row.opt_int(3)?.map(time::from_micros).transpose()?)),
        )
    }

    /// Reads all contacts in the order in which they were added, a page at a time: hand the `next` of a page to the next
    /// call.
    ///
    /// The page is found by its place, not by counting: a contact that comes in meanwhile stands at the end.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact};
    ///
    /// let memory = Memory::in_memory()?;
    /// memory.write(Actor::system("crm-sync"), |w| {
    ///     ["Sally Marsh", "Tom Okoro", "Eva Stein"]
    ///         .into_iter()
    ///         .try_for_each(|name| w.add_contact(NewContact::person(name)).map(drop))
    /// })?;
    ///
    /// let (mut names, mut after) = (Vec::new(), None);
    /// loop {
    ///     let page = memory.contacts(after, 2)?; // some hundreds in earnest
    ///     names.extend(page.contacts.iter().map(ToString::to_string));
    ///     after = page.next;
    ///     if after.is_none() {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(names, ["Sally Marsh", "Tom Okoro", "Eva Stein"]);
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit of 0.
    pub fn contacts(&self, after: Option<ContactsKey>, limit: usize) -> Result<ContactsPage> {
        if limit == 0 {
            return Err(Error::invalid("limit of a page", "it is 0; a page has at least one contact"));
        }
        let ContactsKey(last) = after.unwrap_or(ContactsKey(i64::MIN));
        let mut contacts = self.sql().all(
            "SELECT id, kind, name, key FROM contact WHERE key > $1 ORDER BY key LIMIT $2",
            &[Value::Int(last), Value::Int(i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX))],
            |row| Ok((row.int(3)?, read_summary(row)?)),
        )?;
        let more = contacts.len() > limit;
        contacts.truncate(limit);
        let next = contacts.last().filter(|_| more).map(|(key, _)| ContactsKey(*key));
        Ok(ContactsPage { contacts: contacts.into_iter().map(|(_, contact)| contact).collect(), next })
    }

    /// Counts the contacts.
    pub fn count_contacts(&self) -> Result<u64> {
        self.sql().one("SELECT count(*) FROM contact", &[], |row| Ok(row.int(0)?.unsigned_abs()))
    }
}
