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
    let (runs, mut found) = (runs(person, names), Vec::new());
    for name in telling(person, names) {
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

/// Counts the promises to others, and the facts of others, that name somebody so.
pub(super) fn elsewhere(view: &View<'_>, key: i64, person: &Contact, names: &[String]) -> Result<[u64; 2]> {
    let runs = runs(person, names);
    let count = |query: &'static str| -> Result<u64> {
        let mut count = 0;
        view.sql().each(query, &[Value::Int(key)], |row| {
            count += u64::from(runs.is_in(row.text(0)?));
            Ok(())
        })?;
        Ok(count)
    };
    Ok([
        count("SELECT what FROM follow_up WHERE contact <> $1")?,
        count("SELECT value FROM contact_field WHERE contact <> $1")?,
    ])
}

/// The names and addresses by which somebody is found.
fn telling<'a>(person: &'a Contact, names: &'a [String]) -> impl Iterator<Item = &'a String> {
    let addresses = person.handles.iter().map(|handle| &handle.address);
    names.iter().chain(addresses).filter(|name| is_telling(name))
}

fn runs(person: &Contact, names: &[String]) -> Runs {
    let mut runs = Runs::default();
    telling(person, names).for_each(|name| runs.put_own(name));
    runs
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
