//! `handoff.json`: what a bundle says of itself.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::scope::Scope;
use crate::id::MemoryId;
use crate::journal::{Hash, Head};

/// What a bundle says of itself, in `handoff.json`. The names and forms of its fields are frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Statement {
    /// The version of the form: 1.
    pub version: u32,
    /// The program that packed it, with its version.
    pub tool: String,
    /// What the bundle is called.
    pub title: String,
    /// Who hands it over, in their own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Who it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiver: Option<String>,
    /// On whose instruction, or by which agreement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    /// The memory that was packed.
    pub memory: MemoryId,
    /// Its head at that time.
    pub head: Head,
    /// The instant of its newest entry: the bundle holds what stood then.
    pub as_of: DateTime<Utc>,
    /// The head after which this bundle goes on; `None` for one that stands alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Head>,
    /// What of the memory was packed.
    pub scope: Scope,
    /// What is in it.
    pub counts: Counts,
    /// What was withheld.
    pub withheld: Vec<Withheld>,
    /// The SHA-256 of `data/journal.jsonl`.
    pub journal: Hash,
}

/// How much a bundle holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// Entries of the journal.
    pub entries: u64,
    /// Entries whose header goes alone.
    pub without_body: u64,
    /// Contacts.
    pub contacts: u64,
    /// Notes.
    pub notes: u64,
    /// Promises.
    pub follow_ups: u64,
    /// Members.
    pub members: u64,
    /// Attachments whose bytes are in it.
    pub attachments: u64,
    /// The bytes of these attachments.
    pub attachment_bytes: u64,
}

/// Something that a bundle does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Withheld {
    /// How many.
    pub count: u64,
    /// What: `contacts`, `notes`, `follow_ups`, `entries`, `attachments`.
    pub what: String,
    /// Why, as words for people.
    pub why: String,
}
