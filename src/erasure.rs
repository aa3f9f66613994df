//! Erasure: the one thing that truly deletes. Bodies of entries go, headers stay, and the chain still verifies.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::id::{EntryId, FollowUpId, NoteId};
#[cfg(feature = "bundle")]
use crate::journal::receive::Record;
use crate::journal::{Applied, Hash};
use crate::store::Sql;
#[cfg(feature = "bundle")]
use crate::store::{RowExt, SqlExt};
use crate::verify::Table;

/// `contact.erased`: everything about a contact is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContactErased {
    /// Why, without anything personal.
    pub why: String,
    /// The key under which the addresses are hashed.
    pub hash_key: Hash,
    /// The addresses, each as a hash under that key.
    pub addresses: Vec<Hash>,
    /// The notes that were erased with the contact.
    pub notes: Vec<NoteId>,
    /// The promises that were erased with the contact.
    pub follow_ups: Vec<FollowUpId>,
    /// Entries about others that named the contact.
    pub entries: Vec<EntryId>,
}

/// `note.erased`: a note is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NoteErased {
    /// Why, without anything personal.
    pub why: String,
}

/// `follow_up.erased`: a promise is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FollowUpErased {
    /// Why, without anything personal.
    pub why: String,
}

/// `member.erased`: who a member was is erased; what they wrote stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemberErased {
    /// Why, without anything personal.
    pub why: String,
}

/// `memory.purged`: what had been handed over was deleted here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemoryPurged {
    /// The certificate of deletion, word for word; it holds nothing personal.
    pub certificate: String,
}

/// The tables of this noun.
pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "tombstone",
        clear: "DELETE FROM tombstone",
        scan: "SELECT * FROM tombstone ORDER BY id",
        of: &[],
        forget: "",
    },
    Table {
        name: "tombstone_address",
        clear: "DELETE FROM tombstone_address",
        scan: "SELECT * FROM tombstone_address ORDER BY hash_key, hash, id",
        of: &[],
        forget: "",
    },
];

pub(crate) fn apply_contact_erased(sql: &dyn Sql, entry: &Applied<'_>, change: &ContactErased) -> Result<()> {
    let _ = (sql, entry, change);
    Ok(())
}

/// Whether the body of an entry from elsewhere is kept out, because who or what it is about was erased here.
#[cfg(feature = "bundle")]
pub(crate) fn keeps_out(sql: &dyn Sql, entry: &Record) -> Result<bool> {
    let id = entry.subject;
    Ok(sql.first("SELECT at FROM tombstone WHERE id = $1", &[(&id).into()], |row| row.int(0))?.is_some())
}
