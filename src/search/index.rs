//! The index: which words stand in which note and contact. A projection that follows the tables at a short distance.
//!
//! What was added lately is not in the index yet: a watermark in `search_state` says how far it reaches, and what lies
//! above it is searched by reading it. So an added note costs its write nothing, and hundreds are indexed at once.

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use chrono::{Datelike, NaiveDate};

use super::words;
use crate::error::Result;
use crate::store::{Row, RowExt, Sql, SqlExt, Value};
use crate::time::{Precision, from_micros};

/// How many entries of the journal may lie above the watermark before they are indexed.
pub(crate) const BATCH: i64 = 512;
/// How many rows are held in memory at once while indexing.
const PAGE: i64 = 512;

/// How far the index reaches, and what it has seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    /// The number of the newest entry whose note or contact is in the index.
    pub(crate) through: i64,
    pub(crate) version: i64,
    pub(crate) notes: i64,
}

/// Reads how far the index reaches.
pub(crate) fn state(sql: &dyn Sql) -> Result<State> {
    let mut state = State { through: 0, version: 0, notes: 0 };
    sql.query("SELECT through, version, notes FROM search_state WHERE one = 1", &[], &mut |row| {
        state = State { through: row.int(0)?, version: row.int(1)?, notes: row.int(2)? };
        Ok(ControlFlow::Break(()))
    })?;
    Ok(state)
}

/// Indexes what waits, once enough waits; `newest` is the number of the newest entry. An index that was built by other
/// rules than this build's is built anew.
pub(crate) fn settle(sql: &dyn Sql, newest: i64) -> Result<()> {
    let state = state(sql)?;
    match (state.version == words::VERSION, newest - state.through >= BATCH) {
        (false, _) => rebuild(sql, newest),
        (true, true) => advance(sql, state, newest),
        (true, false) => Ok(()),
    }
}

fn advance(sql: &dyn Sql, state: State, newest: i64) -> Result<()> {
    while_pending(sql, "note", &mut |key| reindex_note(sql, key))?;
    while_pending(sql, "contact", &mut |key| reindex_contact(sql, key))?;
    sql.execute("DELETE FROM search_pending", &[])?;
    insert_notes(sql, state.through, newest)?;
    each_contact_key(sql, state.through, newest, &mut |key| insert_contact(sql, key))?;
    sql.execute(
        "UPDATE search_state SET through = $1, notes = $2 WHERE one = 1",
        &[Value::Int(newest), Value::Int(state.notes + notes_between(sql, state.through, newest)?)],
    )?;
    Ok(())
}

/// How many notes there are whose keys lie above `after` and up to `last`, retracted ones included.
pub(crate) fn notes_between(sql: &dyn Sql, after: i64, last: i64) -> Result<i64> {
    let mut notes = 0;
    sql.query(
        "SELECT count(*) FROM note WHERE key > $1 AND key <= $2",
        &[Value::Int(after), Value::Int(last)],
        &mut |row| {
            notes = row.int(0)?;
            Ok(ControlFlow::Break(()))
        },
    )?;
    Ok(notes)
}

/// Takes up that a note was changed, retracted or restored, or that its contacts or its author's name did.
///
/// May be called before or after the change, and more than once.
pub(crate) fn note_changed(sql: &dyn Sql, key: i64) -> Result<()> {
    changed(sql, "note", key)
}

/// Takes up that a contact's name, fields, tags or handles changed.
pub(crate) fn contact_changed(sql: &dyn Sql, key: i64) -> Result<()> {
    changed(sql, "contact", key)
}

fn changed(sql: &dyn Sql, noun: &'static str, key: i64) -> Result<()> {
    sql.execute(
        "INSERT INTO search_pending (noun, key)
        SELECT $1, $2 FROM search_state WHERE one = 1 AND through >= $2
        ON CONFLICT (noun, key) DO NOTHING",
        &[Value::Text(noun), Value::Int(key)],
    )?;
    Ok(())
}

/// Says whether a note stands, and counts it as one or one fewer where that changed.
pub(crate) fn recount_note(sql: &dyn Sql, key: i64, stood: bool) -> Result<bool> {
    let stands = notes_between(sql, key - 1, key)? == 1;
    if stands != stood {
        sql.execute(
            "UPDATE search_state SET notes = notes + $1 WHERE one = 1 AND through >= $2",
            &[Value::Int(if stands { 1 } else { -1 }), Value::Int(key)],
        )?;
    }
    Ok(stands)
}

/// Takes a note out of the index after its row was taken away. What the index remembers of it goes with [`purge`].
pub(crate) fn erase_note(sql: &dyn Sql, key: i64) -> Result<()> {
    sql.execute("DELETE FROM search_pending WHERE noun = 'note' AND key = $1", &[Value::Int(key)])?;
    sql.execute("DELETE FROM note_index WHERE rowid = $1", &[Value::Int(key)])?;
    recount_note(sql, key, true).map(drop)
}

/// Puts a note into the index anew, of which a word was erased: it must not wait for its turn.
pub(crate) fn reindex_erased(sql: &dyn Sql, key: i64) -> Result<()> {
    match state(sql)?.through >= key {
        true => reindex_note(sql, key),
        false => Ok(()),
    }
}

/// Takes a contact out of the index after its row was taken away. What the index remembers of it goes with [`purge`].
pub(crate) fn erase_contact(sql: &dyn Sql, key: i64) -> Result<()> {
    sql.execute("DELETE FROM search_pending WHERE noun = 'contact' AND key = $1", &[Value::Int(key)])?;
    delete_contact(sql, key)
}

/// Writes the index anew without the words of what was taken out of it: it keeps them, marked as deleted, until
/// its parts are merged.
pub(crate) fn purge(sql: &dyn Sql) -> Result<()> {
    sql.execute("INSERT INTO note_index (note_index) VALUES ('optimize')", &[])?;
    sql.execute("INSERT INTO contact_index (contact_index) VALUES ('optimize')", &[])?;
    Ok(())
}

/// Builds the index anew, up to the entry numbered `newest`.
pub(crate) fn rebuild(sql: &dyn Sql, newest: i64) -> Result<()> {
    sql.execute("INSERT INTO note_index (note_index) VALUES ('delete-all')", &[])?;
    sql.execute("INSERT INTO contact_index (contact_index) VALUES ('delete-all')", &[])?;
    sql.execute("DELETE FROM name_word", &[])?;
    sql.execute("DELETE FROM name_vocabulary", &[])?;
    sql.execute("DELETE FROM search_pending", &[])?;
    sql.execute(
        "UPDATE search_state SET through = 0, version = $1, notes = 0 WHERE one = 1",
        &[Value::Int(words::VERSION)],
    )?;
    advance(sql, state(sql)?, newest)
}

/// The keys that changed below the watermark and wait to be indexed again.
pub(crate) fn pending(sql: &dyn Sql, noun: &'static str) -> Result<Vec<i64>> {
    let mut keys = Vec::new();
    sql.query("SELECT key FROM search_pending WHERE noun = $1 ORDER BY key", &[Value::Text(noun)], &mut |row| {
        keys.push(row.int(0)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(keys)
}

fn while_pending(sql: &dyn Sql, noun: &'static str, each: &mut dyn FnMut(i64) -> Result<()>) -> Result<()> {
    pending(sql, noun)?.into_iter().try_for_each(each)
}

fn reindex_note(sql: &dyn Sql, key: i64) -> Result<()> {
    sql.execute("DELETE FROM note_index WHERE rowid = $1", &[Value::Int(key)])?;
    insert_notes(sql, key - 1, key)
}

fn reindex_contact(sql: &dyn Sql, key: i64) -> Result<()> {
    delete_contact(sql, key)?;
    each_contact_key(sql, key - 1, key, &mut |key| insert_contact(sql, key))
}

/// The words of notes as the index takes them, each with the key of its note.
type Documents = Vec<(i64, String)>;

/// Puts the searchable notes whose keys lie above `after` and up to `last` into the index.
///
/// Where they are more than a page, the words of one are worked out on a thread of their own while those of the page before
/// it go in.
fn insert_notes(sql: &dyn Sql, after: i64, last: i64) -> Result<()> {
    let Some(first) = Page::read(sql, after, last)? else { return Ok(()) };
    let Some(second) = Page::read(sql, first.end, last)? else { return insert_documents(sql, &first.documents()) };
    thread::scope(|scope| {
        let (pages, unread) = sync_channel::<Page>(1);
        let (written, documents) = sync_channel(1);
        // Nobody takes any more once something was wrong.
        let work = move || drop(unread.into_iter().try_for_each(|page| written.send(page.documents())));
        let Ok(writer) = thread::Builder::new().spawn_scoped(scope, work) else {
            return insert_in_turn(sql, after, last);
        };
        let inserted = insert_pages(sql, [first, second], last, pages, &documents);
        drop(documents);
        writer.join().unwrap_or_else(|panic| resume_unwind(panic));
        inserted
    })
}

/// Hands over page after page to who works out the words, and puts them into the index.
fn insert_pages(
    sql: &dyn Sql,
    [first, second]: [Page; 2],
    last: i64,
    pages: SyncSender<Page>,
    documents: &Receiver<Documents>,
) -> Result<()> {
    let mut next = Some(second);
    // Whoever does not take a page panicked, and that is told at the end.
    let _ = pages.send(first);
    while let Some(page) = next {
        let end = page.end;
        let _ = pages.send(page);
        documents.recv().map_or(Ok(()), |ready| insert_documents(sql, &ready))?;
        next = Page::read(sql, end, last)?;
    }
    drop(pages);
    documents.iter().try_for_each(|ready| insert_documents(sql, &ready))
}

/// Does the same as [`insert_notes`], a page at a time.
fn insert_in_turn(sql: &dyn Sql, after: i64, last: i64) -> Result<()> {
    let mut after = after;
    while let Some(page) = Page::read(sql, after, last)? {
        insert_documents(sql, &page.documents())?;
        after = page.end;
    }
    Ok(())
}

fn insert_documents(sql: &dyn Sql, documents: &[(i64, String)]) -> Result<()> {
    documents.iter().try_for_each(|(key, document)| {
        let row = [Value::Int(*key), Value::Text(document)];
        sql.execute("INSERT INTO note_index (rowid, words) VALUES ($1, $2)", &row).map(drop)
    })
}

fn delete_contact(sql: &dyn Sql, key: i64) -> Result<()> {
    sql.execute("DELETE FROM contact_index WHERE rowid = $1", &[Value::Int(key)])?;
    let mut names: Vec<String> = Vec::new();
    sql.query("SELECT word FROM name_word WHERE contact = $1", &[Value::Int(key)], &mut |row| {
        names.push(row.text(0)?.to_owned());
        Ok(ControlFlow::Continue(()))
    })?;
    sql.execute("DELETE FROM name_word WHERE contact = $1", &[Value::Int(key)])?;
    for name in names {
        sql.execute(
            "DELETE FROM name_vocabulary
            WHERE word = $1 AND NOT EXISTS (SELECT 1 FROM name_word WHERE name_word.word = $1)",
            &[Value::Text(&name)],
        )?;
    }
    Ok(())
}

fn insert_contact(sql: &dyn Sql, key: i64) -> Result<()> {
    let mut document = String::new();
    contact_words_onto(sql, key, &mut document)?;
    sql.execute(
        "INSERT INTO contact_index (rowid, words) VALUES ($1, $2)",
        &[Value::Int(key), Value::Text(&document)],
    )?;
    for name in name_words(sql, key)? {
        sql.execute(
            "INSERT INTO name_word (word, contact) VALUES ($1, $2) ON CONFLICT (word, contact) DO NOTHING",
            &[Value::Text(&name), Value::Int(key)],
        )?;
        sql.execute(
            "INSERT INTO name_vocabulary (word) VALUES ($1) ON CONFLICT (word) DO NOTHING",
            &[Value::Text(&name)],
        )?;
    }
    Ok(())
}

/// A note as search sees it.
pub(crate) struct NoteWords<'a> {
    pub(crate) key: i64,
    pub(crate) text: &'a str,
    pub(crate) speaker: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) day: Day,
    pub(crate) contacts: &'a [i64],
    /// The member who alone may read it, where it is private.
    pub(crate) private_to: Option<i64>,
}

impl NoteWords<'_> {
    /// Writes the note's words, each before a space.
    pub(crate) fn words_onto(&self, document: &mut String) {
        words::each_word(self.text, &mut |word, _| {
            push_stem(word, document);
        });
        words::each_word(self.speaker, &mut |word, _| push_stem(word, document));
        self.day.each_word(&mut |word| push_stem(word, document));
        push(&kind_term(self.kind), document);
        push(&month_term(self.day.month_number()), document);
        for &contact in self.contacts {
            push(&contact_term(contact), document);
        }
        if let Some(member) = self.private_to {
            push(PRIVATE_TERM, document);
            if member > 0 {
                push(&reader_term(member), document);
            }
        }
    }
}

fn push(word: &str, document: &mut String) {
    document.push_str(word);
    document.push(' ');
}

fn push_stem(word: &str, document: &mut String) {
    words::with_stem(word, |stem| push(stem, document));
}

/// The word under which a note's contact stands in the index. No text has a word that begins so.
pub(crate) fn contact_term(contact: i64) -> String {
    format!("§c{contact}")
}

/// The word under which every private note stands in the index.
pub(crate) const PRIVATE_TERM: &str = "§p";

/// The word under which the private notes of a member stand in the index.
pub(crate) fn reader_term(member: i64) -> String {
    format!("§r{member}")
}

/// The word under which a note's kind stands in the index.
pub(crate) fn kind_term(kind: &str) -> String {
    format!("§k{kind}")
}

/// The word under which the month of a note stands in the index; months count from the year 0.
pub(crate) fn month_term(month: i64) -> String {
    format!("§m{month}")
}

/// The day of a note, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Day {
    date: NaiveDate,
    precision: Precision,
}

impl Day {
    /// The day of an instant in microseconds; an instant that no calendar has counts as 1970.
    pub(crate) fn new(micros: i64, precision: i64) -> Self {
        let date = from_micros(micros).map(|at| at.date_naive()).unwrap_or_default();
        Self { date, precision: Precision::from_code(precision).unwrap_or(Precision::Instant) }
    }

    /// The month, counted from January of the year 0.
    pub(crate) fn month_number(self) -> i64 {
        i64::from(self.date.year()) * 12 + i64::from(self.date.month0())
    }

    /// Hands over the date as folded words: the year, and the month, the day and the weekday where they are known.
    pub(crate) fn each_word(self, each: &mut dyn FnMut(&str)) {
        each(&self.date.year().to_string());
        if self.precision == Precision::Year {
            return;
        }
        if let Some(month) = words::MONTHS.get(self.date.month0() as usize) {
            each(month);
        }
        if self.precision == Precision::Month {
            return;
        }
        each(&self.date.day().to_string());
        if let Some(weekday) = words::WEEKDAYS.get(self.date.weekday().num_days_from_monday() as usize) {
            each(weekday);
        }
    }
}

/// A note as it was read, before its words are taken.
struct Held {
    key: i64,
    text: String,
    speaker: String,
    kind: String,
    day: Day,
    private_to: Option<i64>,
}

impl Held {
    fn words<'a>(&'a self, contacts: &'a [i64]) -> NoteWords<'a> {
        NoteWords {
            key: self.key,
            text: &self.text,
            speaker: &self.speaker,
            kind: &self.kind,
            day: self.day,
            contacts,
            private_to: self.private_to,
        }
    }
}

/// Hands over the searchable notes whose keys lie above `after` and up to `last`, in order of their keys.
pub(crate) fn each_note(
    sql: &dyn Sql,
    after: i64,
    last: i64,
    each: &mut dyn FnMut(&NoteWords<'_>) -> Result<()>,
) -> Result<()> {
    let mut after = after;
    while let Some(page) = Page::read(sql, after, last)? {
        page.each(each)?;
        after = page.end;
    }
    Ok(())
}

/// Some notes as they were read, with the pairs of a note and a contact in order.
struct Page {
    notes: Vec<Held>,
    contacts: Vec<(i64, i64)>,
    /// The key of the last note.
    end: i64,
}

impl Page {
    /// Reads the first notes above `after` and up to `last`; `None` where there are none.
    fn read(sql: &dyn Sql, after: i64, last: i64) -> Result<Option<Self>> {
        let notes = page_of_notes(sql, after, last)?;
        let (Some(first), Some(end)) = (notes.first(), notes.last()) else { return Ok(None) };
        let (contacts, end) = (contacts_of_notes(sql, first.key, end.key)?, end.key);
        Ok(Some(Self { notes, contacts, end }))
    }

    fn each(&self, each: &mut dyn FnMut(&NoteWords<'_>) -> Result<()>) -> Result<()> {
        let mut rest = self.contacts.as_slice();
        self.notes.iter().try_for_each(|held| each(&held.words(&take_contacts(&mut rest, held.key))))
    }

    /// Works out the words of each note.
    fn documents(&self) -> Documents {
        let mut rest = self.contacts.as_slice();
        let document = |held: &Held| {
            let mut document = String::new();
            held.words(&take_contacts(&mut rest, held.key)).words_onto(&mut document);
            (held.key, document)
        };
        self.notes.iter().map(document).collect()
    }
}

fn page_of_notes(sql: &dyn Sql, after: i64, last: i64) -> Result<Vec<Held>> {
    let mut page = Vec::new();
    let mut bytes = 0;
    sql.query(
        "SELECT key, text, coalesce(said_by_name, recorded_by_name), kind, happened_at, happened_precision, private_to
        FROM note
        WHERE key > $1 AND key <= $2 AND retracted_at IS NULL
        ORDER BY key
        LIMIT $3",
        &[Value::Int(after), Value::Int(last), Value::Int(PAGE)],
        &mut |row| {
            let held = held_note(row)?;
            bytes += held.text.len();
            page.push(held);
            Ok(if bytes > 1 << 22 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        },
    )?;
    Ok(page)
}

fn held_note(row: &dyn Row) -> Result<Held> {
    Ok(Held {
        key: row.int(0)?,
        text: row.text(1)?.to_owned(),
        speaker: row.opt_text(2)?.unwrap_or_default().to_owned(),
        kind: row.text(3)?.to_owned(),
        day: Day::new(row.int(4)?, row.int(5)?),
        private_to: row.opt_int(6)?,
    })
}

fn contacts_of_notes(sql: &dyn Sql, first: i64, last: i64) -> Result<Vec<(i64, i64)>> {
    let mut pairs = Vec::new();
    sql.query(
        "SELECT note, contact FROM note_contact WHERE note >= $1 AND note <= $2 ORDER BY note, contact",
        &[Value::Int(first), Value::Int(last)],
        &mut |row| {
            pairs.push((row.int(0)?, row.int(1)?));
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(pairs)
}

fn take_contacts(rest: &mut &[(i64, i64)], note: i64) -> Vec<i64> {
    let mut contacts = Vec::new();
    while let Some((&(of, contact), tail)) = rest.split_first() {
        if of > note {
            break;
        }
        if of == note {
            contacts.push(contact);
        }
        *rest = tail;
    }
    contacts
}

pub(crate) fn each_contact_key(
    sql: &dyn Sql,
    after: i64,
    last: i64,
    each: &mut dyn FnMut(i64) -> Result<()>,
) -> Result<()> {
    let mut after = after;
    loop {
        let mut page = Vec::new();
        sql.query(
            "SELECT key FROM contact WHERE key > $1 AND key <= $2 ORDER BY key LIMIT $3",
            &[Value::Int(after), Value::Int(last), Value::Int(PAGE)],
            &mut |row| {
                page.push(row.int(0)?);
                Ok(ControlFlow::Continue(()))
            },
        )?;
        let Some(&end) = page.last() else { return Ok(()) };
        page.into_iter().try_for_each(&mut *each)?;
        after = end;
    }
}

/// Hands over each text of a contact that is searched: name, fields, tags, handles.
pub(crate) fn each_contact_text(sql: &dyn Sql, contact: i64, each: &mut dyn FnMut(&str)) -> Result<()> {
    sql.query(
        "SELECT 1, '', '', name FROM contact WHERE key = $1
        UNION ALL SELECT 2, field, '', value FROM contact_field WHERE contact = $1
        UNION ALL SELECT 3, tag_key, '', tag FROM contact_tag WHERE contact = $1
        UNION ALL SELECT 4, channel, address_key, address FROM handle WHERE contact = $1
        UNION ALL SELECT 5, channel, address_key, address_key FROM handle WHERE contact = $1 AND address_key <> address
        ORDER BY 1, 2, 3",
        &[Value::Int(contact)],
        &mut |row| {
            each(row.text(3)?);
            Ok(ControlFlow::Continue(()))
        },
    )
}

pub(crate) fn contact_words_onto(sql: &dyn Sql, contact: i64, document: &mut String) -> Result<()> {
    each_contact_text(sql, contact, &mut |part| {
        words::each_word(part, &mut |word, _| push_stem(word, document));
    })
}

/// The words of a contact's name, folded, each once.
pub(crate) fn name_words(sql: &dyn Sql, contact: i64) -> Result<Vec<String>> {
    let mut names = Vec::new();
    sql.query("SELECT name FROM contact WHERE key = $1", &[Value::Int(contact)], &mut |row| {
        names = super::names::indexed_words(row.text(0)?);
        Ok(ControlFlow::Break(()))
    })?;
    Ok(names)
}

/// The words of a name, folded, each once, in order.
pub(crate) fn words_of_name(name: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    words::each_word(name, &mut |word, _| {
        if !names.iter().any(|known| known == word) {
            names.push(word.to_owned());
        }
    });
    names
}

/// The keys of the newest notes that match, newest first; `expression` is made by this module's callers from words
/// that hold nothing but letters and digits.
pub(crate) fn newest_notes(sql: &dyn Sql, expression: &str, above: i64, limit: usize) -> Result<Vec<i64>> {
    sql.all(
        "SELECT rowid FROM note_index WHERE note_index MATCH $1 AND rowid > $2 ORDER BY rowid DESC LIMIT $3",
        &[Value::Text(expression), Value::Int(above), Value::Int(limit as i64)],
        |row| row.int(0),
    )
}

/// The keys of some notes that match, the oldest, in order: found at less cost than the newest.
pub(crate) fn oldest_notes(sql: &dyn Sql, expression: &str, limit: usize) -> Result<Vec<i64>> {
    sql.all(
        "SELECT rowid FROM note_index WHERE note_index MATCH $1 ORDER BY rowid LIMIT $2",
        &[Value::Text(expression), Value::Int(limit as i64)],
        |row| row.int(0),
    )
}

/// The keys of the newest contacts that match, newest first.
pub(crate) fn newest_contacts(sql: &dyn Sql, expression: &str, limit: usize) -> Result<Vec<i64>> {
    sql.all(
        "SELECT rowid FROM contact_index WHERE contact_index MATCH $1 ORDER BY rowid DESC LIMIT $2",
        &[Value::Text(expression), Value::Int(limit as i64)],
        |row| row.int(0),
    )
}
