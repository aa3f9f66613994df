//! Handles: the addresses of a contact, each with a history; looking a contact up by any of them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::channel::{Address, Channel, lookup_keys};
use crate::check;
use crate::contact::ContactSummary;
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::journal::{Applied, Writer};
use crate::memory::View;
use crate::store::{Row, RowExt, Sql, SqlExt, Value};
use crate::time;
use crate::verify::Table;

/// An address of a contact on a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Handle {
    /// The channel.
    pub channel: Channel,
    /// The address as it was written.
    pub address: String,
    /// The one form under which it is looked up; two spellings of an address have one key.
    pub key: String,
    /// The network's lasting id of the account, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_id: Option<String>,
    /// What the contact or an exporter calls it, such as "work".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Since when it has been theirs, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// Until when it was theirs; `None` while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

/// A handle to be added to a contact.
///
/// ```
/// use heirloom::{Channel, NewHandle};
///
/// let handle = NewHandle::new(Channel::X, "@sally").network_id("783214").label("private");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHandle {
    pub(crate) channel: Channel,
    pub(crate) address: String,
    pub(crate) network_id: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) since: Option<DateTime<Utc>>,
}

impl NewHandle {
    /// An address on a channel, in any spelling: `@sally` and `https://twitter.com/Sally?x` are one.
    pub fn new(channel: Channel, address: impl Into<String>) -> Self {
        Self { channel, address: address.into(), network_id: None, label: None, since: None }
    }

    /// The network's lasting id of the account. A later handle with the same id is the same account, renamed.
    #[must_use]
    pub fn network_id(mut self, id: impl Into<String>) -> Self {
        self.network_id = Some(id.into());
        self
    }

    /// What the contact calls it.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Since when it has been theirs.
    #[must_use]
    pub fn since(mut self, at: DateTime<Utc>) -> Self {
        self.since = Some(at);
        self
    }

    /// Checks and normalises the handle into the form that the journal keeps.
    pub(crate) fn checked(&self, view: &View<'_>) -> Result<HandleFact> {
        let Address { shown, key } = Address::parse(self.channel, &self.address, view.region())?;
        let text = |what, value: &Option<String>| {
            value.as_deref().map(|v| check::name(what, v).map(str::to_owned)).transpose()
        };
        Ok(HandleFact {
            channel: self.channel,
            address: shown,
            key,
            network_id: text("network id of a handle", &self.network_id)?,
            label: text("label of a handle", &self.label)?,
            since: self.since.map(time::to_micros).transpose()?,
        })
    }
}

/// A handle in the body of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HandleFact {
    /// The channel.
    pub channel: Channel,
    /// The address as it was written.
    pub address: String,
    /// The form under which it is looked up.
    pub key: String,
    /// The network's lasting id of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_id: Option<String>,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Since when, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
}

/// `handle.added`: a contact can be reached at an address (again).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HandleAdded {
    /// The handle.
    pub handle: HandleFact,
}

/// `handle.ended`: an address is theirs no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HandleEnded {
    /// The channel.
    pub channel: Channel,
    /// The address as it was written.
    pub address: String,
    /// The form under which it is looked up.
    pub key: String,
}

/// `handle.renamed`: the account is the same, its name another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HandleRenamed {
    /// The channel.
    pub channel: Channel,
    /// The old address as it was written.
    pub from: String,
    /// The form under which the old address is looked up.
    pub from_key: String,
    /// The handle from here on.
    pub to: HandleFact,
}

/// What a look-up by handle found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HandleMatch {
    /// The contact whose handle it is, or was.
    pub contact: ContactSummary,
    /// The channel on which it was found.
    pub channel: Channel,
    /// Whether it is theirs today; `false` when they have been renamed, or gave it up.
    pub current: bool,
}

/// The tables of this noun.
pub(crate) const TABLES: &[Table] = &[Table {
    name: "handle",
    clear: "DELETE FROM handle",
    scan: "SELECT * FROM handle ORDER BY contact, channel, address_key",
    of: &["contact"],
    forget: "DELETE FROM handle WHERE contact = $1",
}];

pub(crate) fn apply_added(sql: &dyn Sql, entry: &Applied<'_>, change: &HandleAdded) -> Result<()> {
    insert(sql, entry.subject, &change.handle)
}

/// Writes one handle; one that had ended is theirs again.
pub(crate) fn insert(sql: &dyn Sql, contact: i64, handle: &HandleFact) -> Result<()> {
    sql.execute(
        "INSERT INTO handle (contact, channel, address_key, address, network_id, label, since, position)
         VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT coalesce(max(position) + 1, 0) FROM handle WHERE contact = $1))
         ON CONFLICT (contact, channel, address_key) DO UPDATE SET
             address = excluded.address,
             network_id = coalesce(excluded.network_id, handle.network_id),
             label = coalesce(excluded.label, handle.label),
             since = coalesce(excluded.since, handle.since),
             until = NULL",
        &[
            Value::Int(contact),
            Value::Text(handle.channel.word()),
            Value::Text(&handle.key),
            Value::Text(&handle.address),
            handle.network_id.as_deref().into(),
            handle.label.as_deref().into(),
            handle.since.into(),
        ],
    )?;
    Ok(())
}

pub(crate) fn apply_ended(sql: &dyn Sql, entry: &Applied<'_>, change: &HandleEnded) -> Result<()> {
    end(sql, entry, change.channel, &change.key)
}

pub(crate) fn apply_renamed(sql: &dyn Sql, entry: &Applied<'_>, change: &HandleRenamed) -> Result<()> {
    end(sql, entry, change.channel, &change.from_key)?;
    insert(sql, entry.subject, &change.to)
}

fn end(sql: &dyn Sql, entry: &Applied<'_>, channel: Channel, key: &str) -> Result<()> {
    sql.execute(
        "UPDATE handle SET until = $1 WHERE contact = $2 AND channel = $3 AND address_key = $4 AND until IS NULL",
        &[Value::Int(entry.at), Value::Int(entry.subject), Value::Text(channel.word()), Value::Text(key)],
    )?;
    Ok(())
}

/// One handle of a contact as it stands, by its key.
struct Held {
    address: String,
    network_id: Option<String>,
    label: Option<String>,
    current: bool,
}

fn held(sql: &dyn Sql, contact: i64, channel: Channel, key: &str) -> Result<Option<Held>> {
    sql.first(
        "SELECT address, network_id, label, until IS NULL FROM handle
         WHERE contact = $1 AND channel = $2 AND address_key = $3",
        &[Value::Int(contact), Value::Text(channel.word()), Value::Text(key)],
        |row| {
            Ok(Held {
                address: row.string(0)?,
                network_id: row.opt_string(1)?,
                label: row.opt_string(2)?,
                current: row.int(3)? == 1,
            })
        },
    )
}

/// Reads a handle from the columns channel, address, key, network id, label, since, until, beginning at column 1.
pub(crate) fn read(row: &dyn Row) -> Result<Handle> {
    Ok(Handle {
        channel: row.text(1)?.parse()?,
        address: row.string(2)?,
        key: row.string(3)?,
        network_id: row.opt_string(4)?,
        label: row.opt_string(5)?,
        since: row.opt_int(6)?.map(time::from_micros).transpose()?,
        until: row.opt_int(7)?.map(time::from_micros).transpose()?,
    })
}

impl Writer<'_> {
    /// Adds a handle to a contact. One that stands already is left as it is; one whose network id the contact already
    /// has under another name is taken for what it is, a renamed account. Returns whether anything changed.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an unknown contact, [`Error::Invalid`] for an address that the channel cannot have.
    pub fn add_handle(&mut self, contact: ContactId, handle: NewHandle) -> Result<bool> {
        let key = self.contact_key(contact)?;
        let fact = handle.checked(&self.view())?;
        if let Some(held) = held(self.sql(), key, fact.channel, &fact.key)? {
            let told = |new: &Option<String>, old: &Option<String>| new.is_none() || new == old;
            if held.current && told(&fact.network_id, &held.network_id) && told(&fact.label, &held.label) {
                return Ok(false);
            }
        } else if let Some((from, from_key)) = self.former_name(key, &fact)? {
            let change = HandleRenamed { channel: fact.channel, from, from_key, to: fact };
            self.append(contact, change)?;
            return Ok(true);
        }
        self.append(contact, HandleAdded { handle: fact })?;
        Ok(true)
    }

    /// The current handle of the contact that has the same network id under another name.
    fn former_name(&self, contact: i64, fact: &HandleFact) -> Result<Option<(String, String)>> {
        let Some(network_id) = fact.network_id.as_deref() else { return Ok(None) };
        self.sql().first(
            "SELECT address, address_key FROM handle
             WHERE contact = $1 AND channel = $2 AND network_id = $3 AND until IS NULL AND address_key <> $4",
            &[Value::Int(contact), Value::Text(fact.channel.word()), Value::Text(network_id), Value::Text(&fact.key)],
            |row| Ok((row.string(0)?, row.string(1)?)),
        )
    }

    /// Renames a handle: the account is the same. The contact is still found by the old name.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the contact has no such handle, [`Error::Invalid`] for an address that the channel
    /// cannot have.
    pub fn rename_handle(&mut self, contact: ContactId, channel: Channel, from: &str, to: &str) -> Result<()> {
        let (from_key, old) = self.current_handle(contact, channel, from)?;
        let mut fact = NewHandle::new(channel, to).checked(&self.view())?;
        if fact.key == from_key && fact.address == old.address {
            return Ok(());
        }
        fact.network_id = old.network_id;
        fact.label = old.label;
        fact.since = Some(self.at_micros());
        self.append(contact, HandleRenamed { channel, from: old.address, from_key, to: fact })
    }

    /// Ends a handle: the address is theirs no more. The contact is still found by it.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the contact has no such handle.
    pub fn end_handle(&mut self, contact: ContactId, channel: Channel, address: &str) -> Result<()> {
        let (key, old) = self.current_handle(contact, channel, address)?;
        self.append(contact, HandleEnded { channel, address: old.address, key })
    }

    fn current_handle(&self, contact: ContactId, channel: Channel, address: &str) -> Result<(String, Held)> {
        let contact_key = self.contact_key(contact)?;
        let Address { key, .. } = Address::parse(channel, address, self.view().region())?;
        match held(self.sql(), contact_key, channel, &key)? {
            Some(held) if held.current => Ok((key, held)),
            _ => Err(Error::unknown("current handle", format!("“{address}” ({channel}) of that contact"))),
        }
    }
}

impl View<'_> {
    /// Finds the contacts that have, or had, an address on a channel; those who have it today come first. One statement.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address that the channel cannot have.
    pub fn by_handle(&self, channel: Channel, address: &str) -> Result<Vec<HandleMatch>> {
        let Address { key, .. } = Address::parse(channel, address, self.region())?;
        self.by_key(Some(channel), &key)
    }

    /// Finds the contacts that have, or had, an address on any channel: `@sally`, `sally@mail.example`,
    /// `+44 1632 960123`, `https://twitter.com/Sally`.
    pub fn by_any_handle(&self, text: &str) -> Result<Vec<HandleMatch>> {
        let mut found: Vec<HandleMatch> = Vec::new();
        for (channel, key) in lookup_keys(text, self.region()) {
            for hit in self.by_key(channel, &key)? {
                if !found.iter().any(|f| f.contact.id == hit.contact.id && f.channel == hit.channel) {
                    found.push(hit);
                }
            }
        }
        found.sort_by_key(|hit| !hit.current);
        Ok(found)
    }

    /// Finds the contacts that have, or had, the account with this lasting id on a network.
    pub fn by_network_id(&self, channel: Channel, network_id: &str) -> Result<Vec<HandleMatch>> {
        self.sql().all(
            "SELECT c.id, c.kind, c.name, h.channel, h.until FROM handle h
             JOIN contact c ON c.key = h.contact
             WHERE h.network_id = $1 AND h.channel = $2
             ORDER BY h.until IS NOT NULL, h.contact",
            &[Value::Text(network_id), Value::Text(channel.word())],
            |row| self.handle_match(row),
        )
    }

    fn by_key(&self, channel: Option<Channel>, key: &str) -> Result<Vec<HandleMatch>> {
        match channel {
            Some(channel) => self.sql().all(
                "SELECT c.id, c.kind, c.name, h.channel, h.until FROM handle h
                 JOIN contact c ON c.key = h.contact
                 WHERE h.address_key = $1 AND h.channel = $2
                 ORDER BY h.until IS NOT NULL, h.contact",
                &[Value::Text(key), Value::Text(channel.word())],
                |row| self.handle_match(row),
            ),
            None => self.sql().all(
                "SELECT c.id, c.kind, c.name, h.channel, h.until FROM handle h
                 JOIN contact c ON c.key = h.contact
                 WHERE h.address_key = $1
                 ORDER BY h.until IS NOT NULL, h.contact",
                &[Value::Text(key)],
                |row| self.handle_match(row),
            ),
        }
    }

    fn handle_match(&self, row: &dyn Row) -> Result<HandleMatch> {
        Ok(HandleMatch {
            contact: ContactSummary { id: ContactId(row.uuid(0)?), kind: row.text(1)?.parse()?, name: row.string(2)? },
            channel: row.text(3)?.parse()?,
            current: row.opt_int(4)?.is_none_or(|until| until > self.now_micros()),
        })
    }
}
