//! Which notes concern more than one contact.

use crate::error::Result;
use crate::store::{RowExt, Sql, SqlExt};

/// The notes that concern more than one contact, by key: about several, or about one in the words of another.
pub(crate) struct Ties {
    /// Each note with each of its contacts, in order.
    by_note: Vec<(i64, i64)>,
    /// Each contact with each of those notes, in order.
    by_contact: Vec<(i64, i64)>,
    /// Each contact with each note that is in their words and not about them, in order.
    said: Vec<(i64, i64)>,
}

impl Ties {
    pub(crate) fn read(sql: &dyn Sql) -> Result<Self> {
        let mut by_note = sql.all(
            "SELECT note, contact FROM note_contact
             WHERE note IN (SELECT note FROM note_contact GROUP BY note HAVING count(*) > 1)",
            &[],
            |row| Ok((row.int(0)?, row.int(1)?)),
        )?;
        let mut said = Vec::new();
        sql.each(
            "SELECT n.said_by_contact, n.key, l.contact FROM note n JOIN note_contact l ON l.note = n.key
             WHERE n.said_by_contact IS NOT NULL AND NOT EXISTS (
                 SELECT 1 FROM note_contact o WHERE o.note = n.key AND o.contact = n.said_by_contact
             )",
            &[],
            |row| {
                let (speaker, note) = (row.int(0)?, row.int(1)?);
                said.push((speaker, note));
                by_note.extend([(note, speaker), (note, row.int(2)?)]);
                Ok(())
            },
        )?;
        let mut by_contact: Vec<_> = by_note.iter().map(|(note, contact)| (*contact, *note)).collect();
        for pairs in [&mut by_note, &mut by_contact, &mut said] {
            pairs.sort_unstable();
            pairs.dedup();
        }
        Ok(Self { by_note, by_contact, said })
    }

    /// The notes that concern a contact and another.
    pub(crate) fn notes_of(&self, contact: i64) -> impl Iterator<Item = i64> {
        seconds(&self.by_contact, contact)
    }

    /// The contacts whom such a note concerns; none for any other note.
    pub(crate) fn contacts_of(&self, note: i64) -> impl Iterator<Item = i64> {
        seconds(&self.by_note, note)
    }

    /// The notes that are in the words of a contact and not about them.
    pub(crate) fn said_of_others(&self, contact: i64) -> impl Iterator<Item = i64> {
        seconds(&self.said, contact)
    }
}

/// What stands beside a number in pairs that are in order.
fn seconds(pairs: &[(i64, i64)], first: i64) -> impl Iterator<Item = i64> {
    let begin = pairs.partition_point(|pair| pair.0 < first);
    pairs.get(begin..).unwrap_or_default().iter().take_while(move |pair| pair.0 == first).map(|pair| pair.1)
}
