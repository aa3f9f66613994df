//! What is not here: bodies of entries and bytes of attachments that were erased, or that never came.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Hash, Writer};
use crate::error::Result;
use crate::store::{RowExt, Sql, SqlExt, Value};
use crate::word::words;

/// `memory.reduced`: some bodies of entries, or bytes of attachments, are not here. Written whenever that changes, so that
/// what was rightly left out can be told from what somebody took away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemoryReduced {
    /// How many entries have no body here, or another than was written.
    pub bodies: u64,
    /// How many attachments have no bytes here.
    pub bytes: u64,
    /// A SHA-256 over all of them: each with its id, why, and the digest of the body in its place.
    pub hash: Hash,
}

words! {
    /// Why the body of an entry is not the one that was written.
    Absence "reason for what is gone" {
        /// Who sent it kept it back.
        Withheld "withheld",
        /// Who sent it kept a part of it back; another body stands in its place.
        Cut "cut",
        /// It was erased.
        Erased "erased",
        /// A name in it was erased; another body stands in its place.
        Masked "masked",
        /// It was handed over, and deleted here after that; who received it may send it back.
        Purged "purged",
    }
}

/// What is gone as the table has it.
pub(crate) fn state(sql: &dyn Sql) -> Result<MemoryReduced> {
    let (mut bodies, mut bytes, mut hasher) = (0, 0, Sha256::new());
    sql.each("SELECT id, why, digest FROM gone ORDER BY id", &[], |row| {
        let (id, why, digest) = (row.blob(0)?, row.text(1)?, row.opt_blob(2)?.unwrap_or_default());
        match id.len() {
            16 => bodies += 1,
            _ => bytes += 1,
        }
        for part in [id, why.as_bytes(), digest] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Ok(())
    })?;
    Ok(MemoryReduced { bodies, bytes, hash: Hash(hasher.finalize().into()) })
}

/// Why the body of an entry, or the bytes of an attachment, are not here; `None` where they should be.
pub(crate) fn why(sql: &dyn Sql, id: &[u8]) -> Result<Option<Absence>> {
    sql.first("SELECT why FROM gone WHERE id = $1", &[Value::Blob(id)], |row| row.text(0)?.parse())
}

/// The digest of the body that stands in the place of one that was cut or masked.
pub(crate) fn masked_by(sql: &dyn Sql, id: &[u8]) -> Result<Option<Hash>> {
    let digest = sql.first("SELECT digest FROM gone WHERE id = $1", &[Value::Blob(id)], |row| {
        row.opt_blob(0)?.map(Hash::from_slice).transpose()
    })?;
    Ok(digest.flatten())
}

impl Writer<'_> {
    /// Takes notice that the body of an entry (by its id), or the bytes of an attachment (by their SHA-256), are not here.
    pub(crate) fn is_gone(&mut self, id: &[u8], why: Absence, masked: Option<&Hash>) -> Result<()> {
        self.reduced = true;
        self.sql.execute(
            "INSERT INTO gone (id, why, digest) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET why = excluded.why, digest = excluded.digest",
            &[Value::Blob(id), Value::Text(why.word()), masked.map(|digest| &digest.0[..]).into()],
        )?;
        Ok(())
    }

    /// Deletes the body of an entry and its salt: of the digest in its header nobody learns anything without. Says whether
    /// there was one.
    ///
    /// What is erased never comes back, whether its body was here or not. A purge is of what is here alone.
    pub(crate) fn erase_body(&mut self, seq: i64, id: &[u8], why: Absence) -> Result<bool> {
        let was_here = self.sql.execute("DELETE FROM entry_body WHERE seq = $1", &[Value::Int(seq)])? > 0;
        if was_here || why == Absence::Erased {
            self.is_gone(id, why, None)?;
        }
        Ok(was_here)
    }

    /// Puts a body in the place of another in which something is erased, with a salt of its own.
    pub(crate) fn mask_entry(&mut self, seq: i64, id: &[u8], body: &str) -> Result<()> {
        let salt = self.ids.bytes::<16>()?;
        self.sql.execute(
            "UPDATE entry_body SET salt = $1, body = $2 WHERE seq = $3",
            &[Value::Blob(&salt), Value::Text(body), Value::Int(seq)],
        )?;
        self.is_gone(id, Absence::Masked, Some(&Hash::of(&[&salt, body.as_bytes()])))
    }

    /// Deletes the bytes of an attachment, for good.
    pub(crate) fn erase_bytes(&mut self, sha256: &[u8]) -> Result<()> {
        self.sql.execute("DELETE FROM attachment_bytes WHERE sha256 = $1", &[Value::Blob(sha256)])?;
        self.is_here(sha256)
    }

    /// Takes notice that what was gone is here.
    pub(crate) fn is_here(&mut self, id: &[u8]) -> Result<()> {
        self.reduced = true;
        self.sql.execute("DELETE FROM gone WHERE id = $1", &[Value::Blob(id)])?;
        Ok(())
    }
}
