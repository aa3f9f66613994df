//! Replay: the tables follow from the entries, in the order of their stamps.

use std::collections::BTreeSet;

use super::{Applied, ContactKeys, apply, apply_bare};
use crate::change::Change;
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::store::{Row, RowExt, Sql, SqlExt, Value};
use crate::{note, search, verify};

/// The query of a stored entry with everything that its hash covers; [`mod@column`] says which column is which.
macro_rules! stored_entry {
    ($rest:literal) => {
        concat!(
            "SELECT e.seq, e.id, e.subject, e.at, e.actor, e.kind, e.version, b.body, b.salt, e.digest, e.hash, e.stamp,
                 o.id, s.id, a.kind, a.member, a.name, e.cause, e.origin, am.seq
             FROM entry e
             LEFT JOIN entry_body b ON b.seq = e.seq
             LEFT JOIN origin o ON o.key = e.origin
             LEFT JOIN entry s ON s.seq = e.subject
             LEFT JOIN actor a ON a.key = e.actor
             LEFT JOIN entry am ON am.id = a.member ",
            $rest
        )
    };
}

/// The columns of [`stored_entry`].
pub(crate) mod column {
    pub(crate) const SEQ: usize = 0;
    pub(crate) const ID: usize = 1;
    pub(crate) const SUBJECT: usize = 2;
    pub(crate) const AT: usize = 3;
    pub(crate) const ACTOR: usize = 4;
    pub(crate) const KIND: usize = 5;
    pub(crate) const VERSION: usize = 6;
    pub(crate) const BODY: usize = 7;
    pub(crate) const SALT: usize = 8;
    pub(crate) const DIGEST: usize = 9;
    pub(crate) const HASH: usize = 10;
    pub(crate) const STAMP: usize = 11;
    pub(crate) const ORIGIN_ID: usize = 12;
    pub(crate) const SUBJECT_ID: usize = 13;
    pub(crate) const ACTOR_KIND: usize = 14;
    pub(crate) const ACTOR_MEMBER: usize = 15;
    pub(crate) const ACTOR_NAME: usize = 16;
    pub(crate) const CAUSE: usize = 17;
    pub(crate) const ORIGIN: usize = 18;
    pub(crate) const MEMBER: usize = 19;
}

/// The key of this memory among the origins.
pub(crate) const OWN: i64 = 1;

/// Reads every entry in the order of arrival.
pub(crate) fn each_arrived(sql: &dyn Sql, see: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<()> {
    sql.each(stored_entry!("ORDER BY e.seq"), &[], see)
}

/// Reads every entry in the order of the stamps.
pub(crate) fn each_stamped(sql: &dyn Sql, see: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<()> {
    match arrived_in_order(sql)? {
        true => each_arrived(sql, see),
        false => sql.each(stored_entry!("ORDER BY e.stamp, e.id"), &[], see),
    }
}

/// Whether the order of arrival is that of the stamps, as it is where nothing came from elsewhere.
pub(crate) fn arrived_in_order(sql: &dyn Sql) -> Result<bool> {
    Ok(sql.first("SELECT key FROM origin WHERE key <> 1 LIMIT 1", &[], |row| row.int(0))?.is_none())
}

/// Reads one entry by its number.
pub(crate) fn one(sql: &dyn Sql, seq: i64, see: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<()> {
    sql.each(stored_entry!("WHERE e.seq = $1"), &[Value::Int(seq)], see)
}

/// Applies a stored entry.
pub(crate) fn fold(row: &dyn Row, to: &dyn Sql, contacts: &ContactKeys) -> Result<()> {
    let entry = Applied {
        seq: row.int(column::SEQ)?,
        id: EntryId(row.uuid(column::ID)?),
        subject: row.int(column::SUBJECT)?,
        about: row.opt_uuid(column::SUBJECT_ID)?.unwrap_or_default(),
        at: row.int(column::AT)?,
        own: row.int(column::ORIGIN)? == OWN,
        actor: row.int(column::ACTOR)?,
        member: row.opt_int(column::MEMBER)?,
        contacts,
    };
    let kind = row.text(column::KIND)?;
    match row.opt_text(column::BODY)? {
        Some(body) => apply(to, &entry, &Change::read(kind, row.int(column::VERSION)?, body)?),
        None => apply_bare(to, &entry, kind),
    }
}

/// Takes away the rows of subjects, and applies their entries in the order of the stamps.
pub(crate) fn refold(sql: &dyn Sql, subjects: &BTreeSet<i64>) -> Result<()> {
    let mut entries = Vec::new();
    let mut spoken = BTreeSet::new();
    let mut stood = Vec::new();
    for subject in subjects {
        let kind = sql.one("SELECT kind FROM entry WHERE seq = $1", &[Value::Int(*subject)], |row| row.string(0))?;
        let noun = kind.split_once('.').map_or(kind.as_str(), |(noun, _)| noun);
        match noun {
            "note" => {
                spoken.extend(note::contacts_of(sql, *subject)?);
                stood.push((*subject, search::notes_between(sql, subject - 1, *subject)? == 1));
            }
            "contact" => spoken.extend([*subject]),
            _ => {}
        }
        for table in verify::TABLES.iter().copied().flatten().filter(|table| table.of.contains(&noun)) {
            sql.execute(table.forget, &[Value::Int(*subject)])?;
        }
        sql.each("SELECT stamp, id, seq FROM entry WHERE subject = $1", &[Value::Int(*subject)], |row| {
            entries.push((row.int(0)?, row.uuid(1)?, row.int(2)?));
            Ok(())
        })?;
        match noun {
            "note" => search::note_changed(sql, *subject)?,
            "contact" => search::contact_changed(sql, *subject)?,
            _ => {}
        }
    }
    entries.sort_unstable();
    let contacts = ContactKeys::default();
    for (_, id, seq) in &entries {
        let folded = one(sql, *seq, &mut |row| fold(row, sql, &contacts));
        folded.map_err(|error| match error {
            Error::Fault { place, why } => Error::fault(place, format!("entry {id}: {why}")),
            error @ (Error::Unknown { .. } | Error::Invalid { .. }) => {
                Error::refused(format!("entry {id} cannot be applied: {error}"))
            }
            error => error,
        })?;
    }
    for (note, stood) in stood {
        spoken.extend(note::contacts_of(sql, note)?);
        search::recount_note(sql, note, stood)?;
    }
    spoken.into_iter().try_for_each(|contact| note::retell_contact(sql, contact))
}
