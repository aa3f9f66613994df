//! Attachments: bytes by their SHA-256, with a name and a media type, on a note or a contact.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::check;
use crate::error::{Error, Result};
use crate::id::{ContactId, NoteId};
use crate::journal::{Applied, Hash, Writer};
use crate::memory::View;
use crate::store::{RowExt, Sql, SqlExt, Value, values::exactly};
use crate::verify::Table;

/// Bytes that belong to a note or a contact. The bytes themselves are read with [`View::attachment_bytes`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Attachment {
    /// SHA-256 of the bytes; in JSON 64 lower-case hexadecimal digits.
    pub sha256: Hash,
    /// A file name.
    pub name: String,
    /// A media type (RFC 6838), such as `image/jpeg`.
    pub media_type: String,
    /// The number of bytes.
    pub size: u64,
}

/// An attachment to be added: a name, a media type and the bytes, at most [`crate::limits::ATTACHMENT_MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAttachment {
    name: String,
    media_type: String,
    bytes: Vec<u8>,
}

impl NewAttachment {
    /// An attachment of these bytes.
    pub fn new(name: impl Into<String>, media_type: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), media_type: media_type.into(), bytes: bytes.into() }
    }

    /// Checks it, and gives what stands in the journal for it beside the bytes.
    pub(crate) fn checked(self) -> Result<(Attachment, Vec<u8>)> {
        let size = self.bytes.len();
        if size > check::ATTACHMENT_MAX {
            let why = format!("“{}” has {size} bytes, the limit is {}", self.name, check::ATTACHMENT_MAX);
            return Err(Error::invalid("attachment", why));
        }
        let attachment = Attachment {
            sha256: Hash(Sha256::digest(&self.bytes).into()),
            name: check::name("name of an attachment", &self.name)?.to_owned(),
            media_type: check::name("media type of an attachment", &self.media_type)?.to_owned(),
            size: size as u64,
        };
        Ok((attachment, self.bytes))
    }
}

/// `contact.attached`: bytes now belong to a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContactAttached {
    /// What they are.
    pub attachment: Attachment,
}

/// The tables of this noun.
pub(crate) const TABLES: &[Table] = &[Table {
    name: "attachment",
    clear: "DELETE FROM attachment",
    scan: "SELECT * FROM attachment ORDER BY subject, position",
    of: &["contact", "note"],
    forget: "DELETE FROM attachment WHERE subject = $1",
}];

pub(crate) fn apply_attached(sql: &dyn Sql, entry: &Applied<'_>, change: &ContactAttached) -> Result<()> {
    insert(sql, entry.subject, &change.attachment)
}

/// Writes one attachment of a note or a contact, behind those that it has.
pub(crate) fn insert(sql: &dyn Sql, subject: i64, attachment: &Attachment) -> Result<()> {
    sql.execute(
        "INSERT INTO attachment (subject, sha256, name, media_type, size, position)
         VALUES ($1, $2, $3, $4, $5, (SELECT coalesce(max(position) + 1, 0) FROM attachment WHERE subject = $1))",
        &[
            Value::Int(subject),
            Value::Blob(attachment.sha256.as_bytes()),
            Value::Text(&attachment.name),
            Value::Text(&attachment.media_type),
            Value::Int(i64::try_from(attachment.size).unwrap_or(i64::MAX)),
        ],
    )?;
    Ok(())
}

impl Writer<'_> {
    /// Attaches bytes to a contact. What is attached already is left as it is. Returns whether anything changed.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an unknown contact, [`Error::Invalid`] above the limit on sizes.
    pub fn attach(&mut self, contact: ContactId, attachment: NewAttachment) -> Result<bool> {
        let key = self.contact_key(contact)?;
        let (attachment, bytes) = attachment.checked()?;
        if self.view().attachments_of(key)?.contains(&attachment) {
            return Ok(false);
        }
        self.keep_bytes(&attachment.sha256, &bytes)?;
        self.append(contact, ContactAttached { attachment })?;
        Ok(true)
    }
}

impl View<'_> {
    /// Counts the attachments of the contacts between two keys.
    #[cfg(any(feature = "vcard", feature = "csv"))]
    pub(crate) fn count_attachments_of_contacts(&self, first: i64, last: i64) -> Result<u64> {
        self.sql().one(
            "SELECT count(*) FROM attachment a JOIN contact c ON c.key = a.subject WHERE a.subject BETWEEN $1 AND $2",
            &[Value::Int(first), Value::Int(last)],
            |row| Ok(row.int(0)?.unsigned_abs()),
        )
    }

    /// Counts the attachments of the notes between two keys that this view may read and that were not retracted.
    #[cfg(any(feature = "vcard", feature = "csv"))]
    pub(crate) fn count_attachments_of_notes(&self, (first, last): (i64, i64)) -> Result<u64> {
        self.sql().one(
            "SELECT count(*) FROM attachment a JOIN note n ON n.key = a.subject
             WHERE a.subject BETWEEN $1 AND $2 AND n.retracted_at IS NULL
                 AND ($3 = 0 OR n.private_to IS NULL OR n.private_to = $3)",
            &[Value::Int(first), Value::Int(last), Value::Int(self.viewer())],
            |row| Ok(row.int(0)?.unsigned_abs()),
        )
    }

    pub(crate) fn attachments_of(&self, subject: i64) -> Result<Vec<Attachment>> {
        self.sql().all(
            "SELECT sha256, name, media_type, size FROM attachment WHERE subject = $1 ORDER BY position",
            &[Value::Int(subject)],
            |row| {
                Ok(Attachment {
                    sha256: Hash(exactly(row.blob(0)?, 0)?),
                    name: row.string(1)?,
                    media_type: row.string(2)?,
                    size: u64::try_from(row.int(3)?).unwrap_or(0),
                })
            },
        )
    }

    /// Lists the attachments of a contact, in the order in which they were attached; their bytes are read with
    /// [`View::attachment_bytes`].
    pub fn contact_attachments(&self, contact: impl Into<ContactId>) -> Result<Vec<Attachment>> {
        self.attachments_of(self.contact_key(contact.into())?)
    }

    /// Lists the attachments of a note that this view may read.
    pub fn note_attachments(&self, note: NoteId) -> Result<Vec<Attachment>> {
        self.attachments_of(self.readable_note_key(note)?)
    }

    /// Reads the bytes of an attachment, and checks them against their SHA-256.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there are no such bytes, or only on notes that this view may not read; [`Error::Fault`] when
    /// they were changed outside heirloom.
    pub fn attachment_bytes(&self, attachment: &Attachment) -> Result<Vec<u8>> {
        let bytes = self
            .sql()
            .first(
                "SELECT bytes FROM attachment_bytes
                 WHERE sha256 = $1 AND EXISTS (
                     SELECT 1 FROM attachment a LEFT JOIN note n ON n.key = a.subject
                     WHERE a.sha256 = $1 AND ($2 = 0 OR n.private_to IS NULL OR n.private_to = $2)
                 )",
                &[Value::Blob(attachment.sha256.as_bytes()), Value::Int(self.viewer())],
                |row| Ok(row.blob(0)?.to_vec()),
            )?
            .ok_or_else(|| Error::unknown("attachment", &attachment.name))?;
        match Hash(Sha256::digest(&bytes).into()) == attachment.sha256 {
            true => Ok(bytes),
            false => Err(Error::fault(
                "attachment",
                format!("the bytes of “{}” were changed outside heirloom", attachment.name),
            )),
        }
    }
}
