//! `handoff.json`: what a bundle says of itself.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::page;
use super::scope::Scope;
use crate::id::MemoryId;
use crate::journal::{Hash, Head};
use crate::wording::Visible;

/// The newest form of a statement that this build reads and writes.
pub(super) const STATEMENT_VERSION: u32 = 1;

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
    /// What of the memory was packed; of whom it was narrowed to, the ids of those who go.
    pub scope: Scope,
    /// What is in it.
    pub counts: Counts,
    /// What was withheld.
    pub withheld: Vec<Withheld>,
    /// The SHA-256 of `data/journal.jsonl`.
    pub journal: Hash,
}

/// How much a bundle holds. What goes by its headers alone counts as withheld.
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
    /// Agencies.
    pub agencies: u64,
    /// Handoffs.
    pub handoffs: u64,
    /// Subjects of a newer heirloom.
    pub others: u64,
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
    /// What: `contacts`, `notes`, `follow_ups`, `members`, `agencies`, `handoffs`, `others` of a newer heirloom, `entries` (of
    /// what goes, without what they say), `attachments`, `pages` (the reader page).
    pub what: String,
    /// Why, as words for people.
    pub why: String,
}

/// The words for one and for several of what a bundle counts.
const NOUNS: [(&str, &str, &str); 10] = [
    ("contacts", "contact", "contacts"),
    ("notes", "note", "notes"),
    ("follow_ups", "promise", "promises"),
    ("members", "member", "members"),
    ("agencies", "agency", "agencies"),
    ("handoffs", "handoff", "handoffs"),
    ("others", "subject of a newer heirloom", "subjects of a newer heirloom"),
    ("entries", "entry of the journal", "entries of the journal"),
    ("attachments", "attachment", "attachments"),
    ("pages", "reader page", "reader pages"),
];

/// So many of something, in words.
fn counted(count: u64, what: &str) -> String {
    let noun = NOUNS.iter().find(|(noun, ..)| *noun == what);
    match (count, noun) {
        (1, Some((_, one, _))) => format!("1 {one}"),
        (_, Some((.., several))) => format!("{count} {several}"),
        (_, None) => format!("{count} {what}"),
    }
}

impl fmt::Display for Withheld {
    /// How many of what, and why, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Visible(&counted(self.count, &self.what)), Visible(&self.why))
    }
}

impl fmt::Display for Counts {
    /// Everything of which there is any, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.contacts, "contacts"),
            (self.notes, "notes"),
            (self.follow_ups, "follow_ups"),
            (self.members, "members"),
            (self.agencies, "agencies"),
            (self.handoffs, "handoffs"),
            (self.others, "others"),
            (self.attachments, "attachments"),
            (self.entries, "entries"),
        ];
        let words: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| counted(*count, what)).collect();
        match words.is_empty() {
            true => f.write_str("nothing"),
            false => f.write_str(&words.join(", ")),
        }
    }
}

impl From<&Withheld> for page::Withheld {
    fn from(withheld: &Withheld) -> Self {
        let noun = NOUNS.iter().find(|(noun, ..)| *noun == withheld.what);
        let what = noun.map_or(["thing", "things"], |(_, one, several)| [one, several]);
        Self { count: withheld.count, what, why: withheld.why.clone() }
    }
}
