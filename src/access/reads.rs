//! What is read of one person beside the facts: all that the tables and the journal connect with them.

use chrono::{DateTime, Utc};

use super::mask::{FormerNames, Related};
use crate::attachment::Attachment;
use crate::change::Change;
use crate::contact::{ContactLinked, ContactSummary, ContactUnlinked, read_summary};
use crate::error::Result;
use crate::id::{ContactId, MemberId, MemoryId};
use crate::memory::View;
use crate::note::SEALED;
use crate::store::{RowExt, SqlExt, Value};
use crate::time;

/// A note about more people than this tells how many they are, not a mask for each.
const NAMED_MOST: usize = 32;

/// What the journal alone knows.
#[derive(Default)]
pub(super) struct Journal {
    pub(super) former: FormerNames,
    pub(super) links: Vec<LinkEntry>,
    pub(super) bundles: Vec<Bundle>,
}

/// A bundle of this memory that another one took in.
pub(super) struct Bundle {
    pub(super) receiver: MemoryId,
    /// The number of the newest entry when it was packed.
    pub(super) head: i64,
    /// When the receipt was recorded.
    pub(super) at: DateTime<Utc>,
}

/// A link that was made or taken away, by an entry.
pub(super) struct LinkEntry {
    pub(super) stamp: i64,
    pub(super) seq: i64,
    pub(super) from: ContactId,
    pub(super) other: ContactId,
}

/// What a successor was offered of a person in a handoff.
pub(super) struct Offer {
    pub(super) leaver: MemberId,
    pub(super) successor: MemberId,
    pub(super) state: String,
    pub(super) at: DateTime<Utc>,
    pub(super) reason: String,
}

impl View<'_> {
    /// The stamps and the numbers of the entries about a subject, oldest first.
    pub(super) fn numbers_of(&self, subject: i64) -> Result<Vec<(i64, i64)>> {
        self.sql().all(
            "SELECT stamp, seq FROM entry WHERE subject = $1 ORDER BY stamp, seq",
            &[Value::Int(subject)],
            |row| Ok((row.int(0)?, row.int(1)?)),
        )
    }

    /// Reads what the journal alone knows: the names that contacts and members had before, the links that somebody has, had
    /// or was given, and which bundles were taken in elsewhere. It reads the headers of all entries.
    pub(super) fn read_journal(&self, person: ContactId) -> Result<Journal> {
        let mut journal = Journal::default();
        let id = person.to_string();
        self.sql().each(
            "SELECT s.id, e.kind, e.version, b.body, e.stamp, e.seq, e.at FROM entry e
             JOIN entry s ON s.seq = e.subject
             JOIN entry_body b ON b.seq = e.seq
             WHERE e.kind IN ('contact.changed', 'contact.linked', 'contact.unlinked', 'member.renamed',
                 'memory.receipted')
             ORDER BY e.seq",
            &[],
            |row| {
                let (subject, kind, body) = (row.uuid(0)?, row.text(1)?, row.text(3)?);
                let is_link = kind.ends_with("linked");
                let of_person = subject == person.uuid();
                if (is_link && !of_person && !body.contains(&id)) || (kind == "contact.changed" && !renames(body)) {
                    return Ok(());
                }
                match Change::read(kind, row.int(2)?, body)? {
                    Change::ContactChanged(c) => {
                        journal.former.contacts.extend(c.from.map(|name| (ContactId(subject), name)))
                    }
                    Change::MemberRenamed(c) => journal.former.members.push((MemberId(subject), c.from)),
                    Change::ContactLinked(ContactLinked { other, .. })
                    | Change::ContactUnlinked(ContactUnlinked { other, .. }) => {
                        let (stamp, seq) = (row.int(4)?, row.int(5)?);
                        journal.links.push(LinkEntry { stamp, seq, from: ContactId(subject), other });
                    }
                    Change::MemoryReceipted(c) => {
                        let at = time::from_micros(row.int(6)?)?;
                        journal.bundles.push(Bundle { receiver: c.by, head: c.head.seq, at });
                    }
                    _ => {}
                }
                Ok(())
            },
        )?;
        Ok(journal)
    }

    /// The keys of the notes about a person, and of those that they said, which this view may read, oldest first.
    pub(super) fn note_keys_of_person(&self, person: i64) -> Result<Vec<i64>> {
        let mut notes = self.sql().all(
            "SELECT happened_at, note FROM note_contact
             WHERE contact = $1 AND ($2 = 0 OR private_to IS NULL OR private_to = $2)",
            &[Value::Int(person), Value::Int(self.viewer())],
            |row| Ok((row.int(0)?, row.int(1)?)),
        )?;
        notes.extend(self.sql().all(
            "SELECT happened_at, key FROM note
             WHERE said_by_contact = $1 AND ($2 = 0 OR private_to IS NULL OR private_to = $2)",
            &[Value::Int(person), Value::Int(self.viewer())],
            |row| Ok((row.int(0)?, row.int(1)?)),
        )?);
        notes.sort_unstable();
        notes.dedup();
        Ok(notes.into_iter().map(|(_, key)| key).collect())
    }

    /// Counts the notes about a person, and those that they said, that this view may not read, by why.
    pub(super) fn unreadable_notes(&self, person: i64) -> Result<Vec<(&'static str, u64)>> {
        self.sql().all(
            "WITH theirs AS (
                 SELECT note FROM note_contact WHERE contact = $1
                 UNION SELECT key FROM note WHERE said_by_contact = $1
             )
             SELECT n.private_to = $2, count(*) FROM theirs t JOIN note n ON n.key = t.note
             WHERE n.private_to IS NOT NULL AND n.private_to <> $3 AND $3 <> 0
             GROUP BY n.private_to = $2 ORDER BY n.private_to = $2",
            &[Value::Int(person), Value::Int(SEALED), Value::Int(self.viewer())],
            |row| {
                let what = match row.int(0)? {
                    0 => "private notes, which were not to be read for this file",
                    _ => "sealed notes, which were not to be read for this file",
                };
                Ok((what, row.int(1)?.unsigned_abs()))
            },
        )
    }

    /// Whom a note is about beside a person: up to [`NAMED_MOST`] of them, and how many more there are.
    pub(super) fn others_of_note(&self, note: i64, person: i64) -> Result<(Vec<ContactSummary>, u64)> {
        let mut others = self.sql().all(
            "SELECT c.id, c.kind, c.name FROM note_contact l JOIN contact c ON c.key = l.contact
             WHERE l.note = $1 AND l.contact <> $2 ORDER BY l.contact LIMIT $3",
            &[Value::Int(note), Value::Int(person), Value::Int(NAMED_MOST as i64 + 1)],
            read_summary,
        )?;
        if others.len() <= NAMED_MOST {
            return Ok((others, 0));
        }
        others.clear();
        let count = self.sql().one(
            "SELECT count(*) FROM note_contact WHERE note = $1 AND contact <> $2",
            &[Value::Int(note), Value::Int(person)],
            |row| Ok(row.int(0)?.unsigned_abs()),
        )?;
        Ok((others, count))
    }

    /// Whether the bytes of an attachment are here.
    pub(super) fn has_bytes(&self, attachment: &Attachment) -> Result<bool> {
        let found = self.sql().first(
            "SELECT 1 FROM attachment_bytes WHERE sha256 = $1",
            &[Value::Blob(attachment.sha256.as_bytes())],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    pub(super) fn is_note_about(&self, note: i64, person: i64) -> Result<bool> {
        let found = self.sql().first(
            "SELECT 1 FROM note_contact WHERE note = $1 AND contact = $2",
            &[Value::Int(note), Value::Int(person)],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Whom a person is connected with: in links, in notes that are not about very many, as who said something, and the
    /// members who had to do with them.
    pub(super) fn related_to(&self, person: i64, notes: &[i64]) -> Result<Related> {
        let mut related = Related::default();
        self.sql().each(
            "SELECT c.id FROM contact_link l JOIN contact c ON c.key = l.other WHERE l.contact = $1
             UNION
             SELECT c.id FROM contact_link l JOIN contact c ON c.key = l.contact WHERE l.other = $1",
            &[Value::Int(person)],
            |row| {
                related.contacts.insert(ContactId(row.uuid(0)?));
                Ok(())
            },
        )?;
        for note in notes {
            let (others, _) = self.others_of_note(*note, person)?;
            related.contacts.extend(others.into_iter().map(|other| other.id));
            self.take_voices(*note, &mut related)?;
        }
        self.sql().each(
            "SELECT a.member FROM entry e JOIN actor a ON a.key = e.actor WHERE e.subject = $1
             UNION
             SELECT a.member FROM follow_up u JOIN entry e ON e.subject = u.key JOIN actor a ON a.key = e.actor
             WHERE u.contact = $1
             UNION
             SELECT m.id FROM assignment s JOIN member m ON m.key = s.member WHERE s.contact = $1
             UNION
             SELECT m.id FROM follow_up u JOIN member m ON m.key IN (u.owner, u.first_owner) WHERE u.contact = $1
             UNION
             SELECT m.id FROM handoff_item i JOIN member m ON m.key IN (i.leaver, i.successor) WHERE i.contact = $1",
            &[Value::Int(person)],
            |row| take_member(row.blob(0)?, &mut related),
        )?;
        Ok(related)
    }

    /// Takes who said a note, and the members who had to do with it.
    fn take_voices(&self, note: i64, related: &mut Related) -> Result<()> {
        self.sql().each(
            "SELECT a.member FROM entry e JOIN actor a ON a.key = e.actor WHERE e.subject = $1
             UNION
             SELECT m.id FROM note n JOIN member m ON m.key IN (n.said_by_member, n.private_to) WHERE n.key = $1",
            &[Value::Int(note)],
            |row| take_member(row.blob(0)?, related),
        )?;
        self.sql().each(
            "SELECT n.said_by_name, c.id FROM note n LEFT JOIN contact c ON c.key = n.said_by_contact
             WHERE n.key = $1 AND n.said_by_name IS NOT NULL AND n.said_by_member IS NULL",
            &[Value::Int(note)],
            |row| {
                match row.opt_uuid(1)? {
                    Some(id) => drop(related.contacts.insert(ContactId(id))),
                    None => drop(related.names.insert(row.string(0)?)),
                }
                Ok(())
            },
        )
    }

    /// What successors were offered of a person, in order of the handoffs.
    pub(super) fn offers_of(&self, person: i64) -> Result<Vec<Offer>> {
        self.sql().all(
            "SELECT l.id, s.id, i.state, i.state_at, h.reason FROM handoff_item i
             JOIN handoff h ON h.key = i.handoff
             JOIN member l ON l.key = i.leaver
             JOIN member s ON s.key = i.successor
             WHERE i.contact = $1
             ORDER BY i.handoff, i.leaver",
            &[Value::Int(person)],
            |row| {
                Ok(Offer {
                    leaver: MemberId(row.uuid(0)?),
                    successor: MemberId(row.uuid(1)?),
                    state: row.string(2)?,
                    at: time::from_micros(row.int(3)?)?,
                    reason: row.string(4)?,
                })
            },
        )
    }
}

/// Whether the body of a change to a fact changes the name.
fn renames(body: &str) -> bool {
    body.contains("\"fact\":\"name\"")
}

/// Takes the id of a member, which is empty where none acts.
fn take_member(id: &[u8], related: &mut Related) -> Result<()> {
    if let Ok(id) = uuid::Uuid::from_slice(id) {
        related.members.insert(MemberId(id));
    }
    Ok(())
}
