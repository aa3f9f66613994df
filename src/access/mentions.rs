//! Mentions: notes about others that name the person. They are others' data first, so that somebody must look at each.

use super::mask::Runs;
use crate::contact::Contact;
use crate::error::Result;
use crate::id::NoteId;
use crate::memory::View;
use crate::search;
use crate::store::{RowExt, SqlExt, Value};

/// Finds the notes that this view may read, are not among `known`, which is in order, and name somebody by a whole name of
/// two words or more, or by an address.
pub(super) fn of(view: &View<'_>, person: &Contact, names: &[String], known: &[i64]) -> Result<Vec<NoteId>> {
    let addresses = person.handles.iter().map(|handle| &handle.address);
    let names: Vec<&String> = names.iter().chain(addresses).filter(|name| is_telling(name)).collect();
    let mut runs = Runs::default();
    let mut found = Vec::new();
    for name in &names {
        runs.put_own(name);
        found.extend(search::notes_with_words(view.sql(), name)?);
    }
    found.sort_unstable();
    found.dedup();
    found.retain(|key| known.binary_search(key).is_err());
    let mut mentions = Vec::new();
    for key in found {
        mentions.extend(view.readable_text(key)?.filter(|(_, text)| runs.is_in(text)).map(|(id, _)| id));
    }
    Ok(mentions)
}

/// Whether a name says by itself who is meant: a given name alone does not.
fn is_telling(name: &str) -> bool {
    super::mask::count_words(name) > 1 || name.bytes().any(|b| b.is_ascii_digit())
}

impl View<'_> {
    /// The id and the text of a note that this view may read.
    fn readable_text(&self, key: i64) -> Result<Option<(NoteId, String)>> {
        self.sql().first(
            "SELECT id, text FROM note WHERE key = $1 AND ($2 = 0 OR private_to IS NULL OR private_to = $2)",
            &[Value::Int(key), Value::Int(self.viewer())],
            |row| Ok((NoteId(row.uuid(0)?), row.string(1)?)),
        )
    }
}
