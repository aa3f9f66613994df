//! The change feed: every entry in order, from a cursor that lasts, with a wait for what comes next.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::actor::Actor;
use crate::change::Change;
use crate::error::{Error, Result};
use crate::follow_up::FollowUpAdded;
use crate::id::{EntryId, MemoryId};
use crate::journal::{Absence, Subject};
use crate::memory::{Memory, View};
use crate::store::{Row, RowExt, SqlExt, Value};
use crate::time;
use crate::wording::Quoted;

/// One change, as the journal keeps it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// The id, the same in every memory that the entry reaches.
    pub id: EntryId,
    /// The number in this memory, from 1, without gaps.
    pub seq: i64,
    /// The memory in which it was written.
    pub origin: MemoryId,
    /// What it is about.
    pub subject: Subject,
    /// The word of its kind, such as `note.added`.
    pub kind: String,
    /// Its place in the order of all entries of all memories: microseconds since 1970 by a hybrid logical clock, which
    /// never runs backwards.
    pub stamp: i64,
    /// The instant of its write.
    pub at: DateTime<Utc>,
    /// Who made the change.
    pub actor: Actor,
    /// Their name as it is today.
    pub actor_name: String,
    /// The entry that caused it, if another did.
    pub cause: Option<EntryId>,
    /// What changed; `None` when the viewer may not read it, or when it is not here, and then [`Entry::absent`] says why.
    pub change: Option<Change>,
    /// Why what changed is not here, or not as it was written; `None` where it is. A change that is here all the same has had
    /// names of others taken out ([`Absence::Masked`]).
    pub absent: Option<Absence>,
    /// What the subject is called today, where the viewer may know; of a note, whom it is about.
    pub subject_name: Option<String>,
    /// The text of the note as it is today, where the entry retracts one and the viewer may read it.
    pub(crate) note_text: Option<String>,
}

/// A place in the feed, just behind an entry. Opaque; it lasts as long as the memory does, and may be stored as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    memory: MemoryId,
    seq: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "h1-{}-{}", self.memory.0.simple(), self.seq)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.strip_prefix("h1-")
            .and_then(|rest| rest.split_once('-'))
            .and_then(|(memory, seq)| Some((Uuid::try_parse(memory).ok()?, seq.parse().ok()?)))
            .filter(|(_, seq)| *seq >= 0)
            .map(|(memory, seq)| Self { memory: MemoryId(memory), seq })
            .ok_or_else(|| {
                Error::invalid(
                    "cursor",
                    format!("{} did not come from heirloom; hand back what Changes::cursor gave", Quoted(text)),
                )
            })
    }
}

impl TryFrom<String> for Cursor {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

/// The columns of an entry, in the order in which [`read_entry`] reads them.
///
/// A note that began with what only a newer heirloom reads has no row, and may be private: who reads all reads it.
macro_rules! entry_query {
    ($rest:literal) => {
        concat!(
            "SELECT e.id, e.seq, o.id, s.id, e.kind, e.version, e.stamp, e.at, a.kind, a.member, a.name, m.name, e.cause,
                 CASE WHEN $1 = 0 OR n.private_to = $1 OR n.private_to IS NULL
                         AND (n.key IS NOT NULL OR substr(e.kind, 1, 5) <> 'note.' OR e.kind = 'note.erased')
                     THEN b.body END,
                 coalesce(c.name, sm.name, g.name,
                     CASE WHEN n.private_to IS NULL OR $1 = 0 OR n.private_to = $1 THEN
                         (SELECT k.name FROM note_contact l JOIN contact k ON k.key = l.contact
                          WHERE l.note = n.key ORDER BY l.contact LIMIT 1) END,
                     (SELECT k.name FROM follow_up u JOIN contact k ON k.key = u.contact WHERE u.key = e.subject),
                     (SELECT h.reason FROM handoff h WHERE h.key = e.subject)),
                 CASE WHEN n.key IS NOT NULL THEN
                     (SELECT count(*) FROM note_contact l WHERE l.note = n.key) ELSE 0 END,
                 CASE WHEN e.kind = 'note.retracted' AND (n.private_to IS NULL OR $1 = 0 OR n.private_to = $1)
                     THEN n.text END,
                 CASE WHEN e.kind = 'follow_up.added' AND $1 <> 0 THEN
                     (SELECT count(*) FROM follow_up u
                      JOIN entry p ON p.id = u.note
                      JOIN note q ON q.key = p.seq
                      WHERE u.key = e.subject AND q.private_to <> $1) ELSE 0 END,
                 r.why
             FROM entry e
             JOIN origin o ON o.key = e.origin
             JOIN entry s ON s.seq = e.subject
             JOIN actor a ON a.key = e.actor
             LEFT JOIN entry_body b ON b.seq = e.seq
             LEFT JOIN member m ON m.id = a.member
             LEFT JOIN note n ON n.key = e.subject
             LEFT JOIN contact c ON c.key = e.subject
             LEFT JOIN member sm ON sm.key = e.subject
             LEFT JOIN agency g ON g.key = e.subject
             LEFT JOIN gone r ON r.id = e.id
             ",
            $rest
        )
    };
}

fn read_entry(row: &dyn Row) -> Result<Entry> {
    let actor = Actor::read(row, 8)?.ok_or_else(|| Error::fault("an entry", "its actor is of no known kind"))?;
    let kind = row.string(4)?;
    let version = row.int(5)?;
    Ok(Entry {
        id: EntryId(row.uuid(0)?),
        seq: row.int(1)?,
        origin: MemoryId(row.uuid(2)?),
        subject: Subject::of(&kind, row.uuid(3)?),
        stamp: row.int(6)?,
        at: time::from_micros(row.int(7)?)?,
        actor_name: match row.opt_text(11)? {
            Some(member) => actor.author_name(member),
            None => actor.name().to_owned(),
        },
        actor,
        cause: row.opt_uuid(12)?.map(EntryId),
        change: match row.opt_text(13)?.map(|body| Change::read(&kind, version, body)).transpose()? {
            // About whom a private note is, is not told by the promise that came from it.
            Some(Change::FollowUpAdded(added)) if row.int(17)? > 0 => {
                Some(Change::FollowUpAdded(FollowUpAdded { note: None, ..added }))
            }
            change => change,
        },
        subject_name: match (row.opt_string(14)?, row.int(15)?) {
            (Some(name), 2..) => Some(format!("{name} and {} more", row.int(15)? - 1)),
            (name, _) => name,
        },
        note_text: row.opt_string(16)?,
        absent: row.opt_text(18)?.map(str::parse).transpose()?,
        kind,
    })
}

impl View<'_> {
    /// Reads the entries of a span of numbers.
    pub(crate) fn entries(&self, first: i64, last: i64) -> Result<Vec<Entry>> {
        self.sql().all(
            entry_query!("WHERE e.seq >= $2 AND e.seq <= $3 ORDER BY e.seq"),
            &[Value::Int(self.viewer()), Value::Int(first), Value::Int(last)],
            read_entry,
        )
    }

    /// Reads everything that ever happened to a subject, oldest first: who changed this number, from what, when. For a
    /// contact that is its facts, its handles and who looks after it; notes and promises have a history of
    /// their own.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such subject.
    pub fn history(&self, subject: impl Into<Subject>) -> Result<Vec<Entry>> {
        let subject = subject.into();
        let entries = self.sql().all(
            entry_query!("WHERE e.subject = (SELECT seq FROM entry WHERE id = $2) ORDER BY e.stamp, e.id"),
            &[Value::Int(self.viewer()), (&subject.uuid()).into()],
            read_entry,
        )?;
        match entries.is_empty() {
            true => Err(Error::unknown("subject", subject.uuid())),
            false => Ok(entries),
        }
    }

    /// Reads one entry.
    pub fn entry(&self, id: EntryId) -> Result<Entry> {
        self.sql()
            .first(entry_query!("WHERE e.id = $2"), &[Value::Int(self.viewer()), (&id.0).into()], read_entry)?
            .ok_or_else(|| Error::unknown("entry", id))
    }
}

/// The entries behind a cursor, in order, read some hundreds at a time. It ends at the newest entry; [`Changes::cursor`]
/// then says where to go on.
///
/// Entries are numbered under the write lock, so nothing comes in before what was read.
#[derive(Debug)]
pub struct Changes {
    memory: Memory,
    cursor: Cursor,
    page: VecDeque<Entry>,
    failed: bool,
}

impl Changes {
    /// So many entries are read at a time.
    const PAGE: i64 = 512;

    /// The place just behind the entry that was given last.
    pub const fn cursor(&self) -> Cursor {
        self.cursor
    }

    fn refill(&mut self) -> Result<()> {
        let (first, last) = (self.cursor.seq + 1, self.cursor.seq + Self::PAGE);
        self.page = self.memory.read(|view| view.entries(first, last))?.into();
        Ok(())
    }
}

impl Iterator for Changes {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        if self.page.is_empty()
            && let Err(error) = self.refill()
        {
            self.failed = true;
            return Some(Err(error));
        }
        let entry = self.page.pop_front()?;
        self.cursor.seq = entry.seq;
        Some(Ok(entry))
    }
}

impl Memory {
    /// The place before the first entry.
    pub fn first_cursor(&self) -> Cursor {
        Cursor { memory: self.id(), seq: 0 }
    }

    /// The place behind the newest entry.
    pub fn last_cursor(&self) -> Result<Cursor> {
        Ok(Cursor { memory: self.id(), seq: self.head()?.seq })
    }

    /// The entries behind a cursor, oldest first.
    ///
    /// ```
    /// # let memory = heirloom::Memory::in_memory()?;
    /// let mut changes = memory.changes_after(memory.first_cursor())?;
    /// for entry in &mut changes {
    ///     println!("{}", entry?);
    /// }
    /// let go_on_from = changes.cursor().to_string();
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor of another memory, and for one that lies behind the newest entry, as after the
    /// memory was restored from an older backup.
    pub fn changes_after(&self, cursor: Cursor) -> Result<Changes> {
        self.newest_behind(cursor)?;
        Ok(Changes { memory: self.clone(), cursor, page: VecDeque::new(), failed: false })
    }

    /// The number of the newest entry; refuses a cursor that is not of this memory as it stands.
    fn newest_behind(&self, cursor: Cursor) -> Result<i64> {
        if cursor.memory != self.id() {
            return Err(Error::invalid(
                "cursor",
                format!("it belongs to memory {}, this is {}", cursor.memory, self.id()),
            ));
        }
        let newest = self.head()?.seq;
        if cursor.seq > newest {
            return Err(Error::invalid(
                "cursor",
                format!(
                    "it stands behind entry {}, but the newest is {newest}; was the memory restored from an older backup? \
                     Then read it anew from first_cursor",
                    cursor.seq
                ),
            ));
        }
        Ok(newest)
    }

    /// Waits until there is an entry behind a cursor, whoever writes it, in this process or another, and says whether
    /// there is one; `false` when the time ran out.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor that [`Memory::changes_after`] refuses.
    pub fn wait_for_changes(&self, cursor: Cursor, timeout: Duration) -> Result<bool> {
        let until = Instant::now().checked_add(timeout);
        loop {
            let seen = self.inner.store.mark()?;
            if self.newest_behind(cursor)? > cursor.seq {
                return Ok(true);
            }
            let left = until.map_or(timeout, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() || !self.inner.store.wait_for_commit(seen, left)? {
                return Ok(false);
            }
        }
    }
}
