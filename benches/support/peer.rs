//! The peer: the tables of a memory by hand in `rusqlite`, with statements held and the pragmas that heirloom sets.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::Path;

use chrono::DateTime;
use heirloom::Durability;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Statement, params};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::corpus::Corpus;

/// What a peer keeps of a note beside its tables.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// The tables alone.
    Tables,
    /// A row of a journal, too, and one of a full-text index.
    JournalAndWords,
}

const TABLES: &str = "
    CREATE TABLE contact (
        key INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, name TEXT NOT NULL, name_key TEXT NOT NULL,
        audience TEXT NOT NULL, added_at INTEGER NOT NULL, spoken_at INTEGER
    ) STRICT;
    CREATE INDEX contact_by_name ON contact (name_key);
    CREATE INDEX contact_by_spoken ON contact (spoken_at);
    CREATE TABLE contact_field (
        contact INTEGER NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (contact, field)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE contact_tag (
        contact INTEGER NOT NULL, tag_key TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (contact, tag_key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX contact_by_tag ON contact_tag (tag_key, contact);
    CREATE TABLE contact_external_id (
        system TEXT NOT NULL, external_id TEXT NOT NULL, contact INTEGER NOT NULL,
        PRIMARY KEY (system, external_id, contact)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX contact_external_id_by_contact ON contact_external_id (contact);
    CREATE TABLE handle (
        contact INTEGER NOT NULL, channel TEXT NOT NULL, address_key TEXT NOT NULL, address TEXT NOT NULL,
        network_id TEXT, label TEXT, position INTEGER NOT NULL, since INTEGER, until INTEGER,
        PRIMARY KEY (contact, channel, address_key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX handle_by_address ON handle (address_key, channel, contact, until);
    CREATE TABLE note (
        key INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, text TEXT NOT NULL,
        happened_at INTEGER NOT NULL, happened_precision INTEGER NOT NULL, recorded_at INTEGER NOT NULL,
        recorded_by INTEGER NOT NULL, recorded_by_name TEXT NOT NULL, said_by_name TEXT, via TEXT NOT NULL, channel TEXT,
        direction TEXT, permalink TEXT, private_to INTEGER, sensitivity TEXT NOT NULL, corrected_at INTEGER,
        retracted_at INTEGER
    ) STRICT;
    CREATE TABLE note_contact (
        contact INTEGER NOT NULL, happened_at INTEGER NOT NULL, note INTEGER NOT NULL, kind TEXT NOT NULL,
        voice INTEGER NOT NULL, private_to INTEGER, retracted_at INTEGER,
        PRIMARY KEY (contact, happened_at, note)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX note_contact_by_note ON note_contact (note, contact);
    CREATE INDEX note_contact_foremost ON note_contact (contact, kind, happened_at, note)
        WHERE kind IN ('insight', 'complaint');
    CREATE INDEX note_contact_private ON note_contact (private_to, contact) WHERE private_to IS NOT NULL;
    CREATE TABLE note_external_id (
        system TEXT NOT NULL, external_id TEXT NOT NULL, note INTEGER NOT NULL,
        PRIMARY KEY (system, external_id, note)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE assignment (
        contact INTEGER NOT NULL, member BLOB NOT NULL, role TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER,
        PRIMARY KEY (contact, member, role, since)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX assignment_by_member ON assignment (member, contact);
    CREATE TABLE journal (
        seq INTEGER PRIMARY KEY, subject BLOB NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL, actor INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX journal_by_subject ON journal (subject, seq);
    CREATE VIRTUAL TABLE note_words USING fts5 (
        text, content='', contentless_delete=1, detail=none, tokenize='porter unicode61'
    );
    CREATE VIRTUAL TABLE contact_words USING fts5 (
        text, content='', contentless_delete=1, detail=none, tokenize='porter unicode61'
    );";

/// Opens a database with the pragmas of a memory.
pub(crate) fn connect(path: &Path, durability: Durability) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.set_prepared_statement_cache_capacity(64);
    let synchronous = if durability == Durability::Full { "FULL" } else { "NORMAL" };
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 10000;
             PRAGMA journal_size_limit = 16777216; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;
             PRAGMA cell_size_check = ON; PRAGMA secure_delete = ON; PRAGMA cache_size = -32768; PRAGMA mmap_size = 0;"
        ))
        .unwrap();
    connection
}

/// Makes the tables.
pub(crate) fn found(connection: &Connection) {
    connection.execute_batch(TABLES).unwrap();
}

/// Writes the rows of a query, a line each.
pub(crate) fn dump(connection: &Connection, query: &str, output: &mut impl Write) {
    let mut statement = connection.prepare(query).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        for column in 0..columns {
            match row.get_ref(column).unwrap() {
                ValueRef::Text(text) => output.write_all(text).unwrap(),
                ValueRef::Blob(bytes) => bytes.iter().for_each(|byte| write!(output, "{byte:02x}").unwrap()),
                ValueRef::Integer(number) => write!(output, "{number}").unwrap(),
                _ => {}
            }
            output.write_all(b"\t").unwrap();
        }
        writeln!(output).unwrap();
    }
}

/// A note to be written.
pub(crate) struct Note<'a> {
    pub(crate) id: Uuid,
    pub(crate) contact: i64,
    pub(crate) text: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) happened_at: i64,
    pub(crate) said_by: Option<&'a str>,
    /// The member who can be asked about it, 0 where there is none.
    pub(crate) voice: i64,
    pub(crate) channel: Option<&'a str>,
    pub(crate) direction: Option<&'a str>,
    pub(crate) external_id: Option<&'a str>,
}

/// Statements, held.
pub(crate) struct Writer<'c> {
    keeps: Keeps,
    begin: Statement<'c>,
    commit: Statement<'c>,
    contact_key: Statement<'c>,
    contact: Statement<'c>,
    field: Statement<'c>,
    tag: Statement<'c>,
    handle: Statement<'c>,
    contact_id: Statement<'c>,
    contact_words: Statement<'c>,
    note: Statement<'c>,
    note_contact: Statement<'c>,
    spoken: Statement<'c>,
    note_id: Statement<'c>,
    assignment: Statement<'c>,
    journal: Statement<'c>,
    note_words: Statement<'c>,
    connection: &'c Connection,
}

impl<'c> Writer<'c> {
    pub(crate) fn new(connection: &'c Connection, keeps: Keeps) -> Self {
        let held = |sql| connection.prepare(sql).unwrap();
        Self {
            keeps,
            begin: held("BEGIN IMMEDIATE"),
            commit: held("COMMIT"),
            contact_key: held("SELECT key FROM contact WHERE id = ?1"),
            contact: held(
                "INSERT INTO contact (id, kind, name, name_key, audience, added_at)
                 VALUES (?1, 'person', ?2, ?3, 'customer', ?4)",
            ),
            field: held("INSERT INTO contact_field (contact, field, value) VALUES (?1, ?2, ?3)"),
            tag: held("INSERT INTO contact_tag (contact, tag_key, tag) VALUES (?1, ?2, ?3)"),
            handle: held(
                "INSERT INTO handle (contact, channel, address_key, address, position) VALUES (?1, ?2, ?3, ?4, ?5)",
            ),
            contact_id: held("INSERT INTO contact_external_id (system, external_id, contact) VALUES (?1, ?2, ?3)"),
            contact_words: held("INSERT INTO contact_words (rowid, text) VALUES (?1, ?2)"),
            note: held(
                "INSERT INTO note (id, kind, text, happened_at, happened_precision, recorded_at, recorded_by,
                     recorded_by_name, said_by_name, via, channel, direction, sensitivity)
                 VALUES (?1, ?2, ?3, ?4, 0, ?5, 1, 'Mia Okafor', ?6, 'hand', ?7, ?8, 'ordinary')",
            ),
            note_contact: held(
                "INSERT INTO note_contact (contact, happened_at, note, kind, voice) VALUES (?1, ?2, ?3, ?4, ?5)",
            ),
            spoken: held("UPDATE contact SET spoken_at = ?1 WHERE key = ?2 AND (spoken_at IS NULL OR spoken_at < ?1)"),
            note_id: held("INSERT INTO note_external_id (system, external_id, note) VALUES (?1, ?2, ?3)"),
            assignment: held("INSERT INTO assignment (contact, member, role, since) VALUES (?1, ?2, ?3, ?4)"),
            journal: held("INSERT INTO journal (subject, kind, at, actor, body) VALUES (?1, ?2, ?3, 1, ?4)"),
            note_words: held("INSERT INTO note_words (rowid, text) VALUES (?1, ?2)"),
            connection,
        }
    }

    /// Writes one note in a transaction of its own.
    pub(crate) fn one_note(&mut self, contact: &[u8; 16], text: &str) {
        self.begin.raw_execute().unwrap();
        let contact = self.contact_key.query_row([contact], |row| row.get(0)).unwrap();
        let now = chrono::Utc::now().timestamp_micros();
        let note = Note {
            id: Uuid::now_v7(),
            contact,
            text,
            kind: "conversation",
            happened_at: now,
            said_by: None,
            voice: 1,
            channel: None,
            direction: None,
            external_id: None,
        };
        let body = match self.keeps {
            Keeps::Tables => None,
            Keeps::JournalAndWords => Some(body(&note)),
        };
        self.keep_note(&note, now, body.as_deref());
        self.commit.raw_execute().unwrap();
    }

    fn keep_note(&mut self, note: &Note<'_>, now: i64, body: Option<&str>) {
        self.note
            .execute(params![
                note.id.as_bytes(),
                note.kind,
                note.text,
                note.happened_at,
                now,
                note.said_by,
                note.channel,
                note.direction
            ])
            .unwrap();
        let key = self.connection.last_insert_rowid();
        self.note_contact.execute(params![note.contact, note.happened_at, key, note.kind, note.voice]).unwrap();
        if note.kind != "insight" {
            self.spoken.execute(params![note.happened_at, note.contact]).unwrap();
        }
        if let Some(id) = note.external_id {
            self.note_id.execute(params!["corpus", id, key]).unwrap();
        }
        if let Some(body) = body {
            self.journal.execute(params![note.id.as_bytes(), "note.added", now, body]).unwrap();
            self.note_words.execute(params![key, note.text]).unwrap();
        }
    }

    fn keep_contact(&mut self, id: Uuid, contact: &ContactLine<'_>, now: i64, body: Option<&str>) -> i64 {
        self.contact.execute(params![id.as_bytes(), contact.name, contact.name.to_lowercase(), now]).unwrap();
        let key = self.connection.last_insert_rowid();
        self.field.execute(params![key, "company", contact.company]).unwrap();
        for tag in &contact.tags {
            self.tag.execute(params![key, tag.to_lowercase(), tag]).unwrap();
        }
        self.handle.execute(params![key, "email", contact.email.to_lowercase(), contact.email, 0]).unwrap();
        let x = contact.x.trim_start_matches('@').to_lowercase();
        self.handle.execute(params![key, "x", x, contact.x, 1]).unwrap();
        self.contact_id.execute(params!["corpus", contact.id, key]).unwrap();
        if let Some(body) = body {
            self.journal.execute(params![id.as_bytes(), "contact.added", now, body]).unwrap();
            let words = [contact.name, contact.company, contact.email, contact.x].join(" ");
            self.contact_words.execute(params![key, words]).unwrap();
        }
        key
    }

    /// Loads JSON Lines in one transaction; the journal keeps each line as it was read.
    pub(crate) fn load(&mut self, input: impl BufRead) {
        let mut keys: HashMap<String, i64> = HashMap::new();
        let members: HashMap<String, i64> = Corpus::new(0, 0).members.into_iter().zip(1..).collect();
        let now = chrono::Utc::now().timestamp_micros();
        self.begin.raw_execute().unwrap();
        for line in input.lines() {
            let line = line.unwrap();
            let body = (self.keeps == Keeps::JournalAndWords).then_some(line.as_str());
            match serde_json::from_str(&line).unwrap() {
                Line::Contact(contact) => {
                    let key = self.keep_contact(Uuid::now_v7(), &contact, now, body);
                    keys.insert(contact.id.to_owned(), key);
                }
                Line::Note(note) => {
                    let note = Note {
                        id: Uuid::now_v7(),
                        contact: keys[note.about.id],
                        text: note.text,
                        kind: note.kind,
                        happened_at: DateTime::parse_from_rfc3339(note.happened_at).unwrap().timestamp_micros(),
                        said_by: Some(note.said_by),
                        voice: members.get(note.said_by).copied().unwrap_or(0),
                        channel: Some(note.channel),
                        direction: Some(note.direction),
                        external_id: Some(note.id),
                    };
                    self.keep_note(&note, now, body);
                }
            }
        }
        self.commit.raw_execute().unwrap();
    }

    /// Loads the journal of a bundle in one transaction, and believes all of it; a journal keeps each body as it was read.
    pub(crate) fn load_journal(&mut self, input: impl BufRead) {
        let mut keys: HashMap<Uuid, i64> = HashMap::new();
        let mut members: HashMap<Uuid, i64> = HashMap::new();
        self.begin.raw_execute().unwrap();
        for line in input.lines() {
            let line = line.unwrap();
            let entry: Entry<'_> = serde_json::from_str(&line).unwrap();
            let body = entry.body.get();
            let kept = (self.keeps == Keeps::JournalAndWords).then_some(body);
            match entry.kind {
                "member.added" => drop(members.insert(entry.id, members.len() as i64 + 1)),
                "contact.added" => {
                    let added: ContactBody<'_> = serde_json::from_str(body).unwrap();
                    keys.insert(entry.id, self.keep_contact(entry.id, &added.line(), entry.at, kept));
                }
                "note.added" => {
                    let note: NoteBody<'_> = serde_json::from_str(body).unwrap();
                    let note = Note {
                        id: entry.id,
                        contact: keys[&note.about[0]],
                        text: &note.text,
                        kind: note.kind,
                        happened_at: DateTime::parse_from_rfc3339(note.happened_at).unwrap().timestamp_micros(),
                        said_by: Some(&note.said_by.name),
                        voice: note.said_by.member.and_then(|member| members.get(&member).copied()).unwrap_or(0),
                        channel: Some(note.channel),
                        direction: Some(note.direction),
                        external_id: Some(note.external_id.id),
                    };
                    self.keep_note(&note, entry.at, kept);
                }
                "ownership.assigned" => {
                    let assigned: AssignedBody<'_> = serde_json::from_str(body).unwrap();
                    let row = params![keys[&entry.subject], assigned.member.as_bytes(), assigned.role, assigned.since];
                    self.assignment.execute(row).unwrap();
                    if let Some(body) = kept {
                        self.journal.execute(params![entry.subject.as_bytes(), entry.kind, entry.at, body]).unwrap();
                    }
                }
                other => unreachable!("the corpus has no entry {other}"),
            }
        }
        self.commit.raw_execute().unwrap();
    }
}

/// A line of the journal of a bundle.
#[derive(Deserialize)]
struct Entry<'a> {
    id: Uuid,
    subject: Uuid,
    kind: &'a str,
    at: i64,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Deserialize)]
struct ContactBody<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    handles: Vec<HandleBody<'a>>,
    #[serde(borrow)]
    tags: Vec<&'a str>,
    #[serde(borrow)]
    fields: HashMap<&'a str, Cow<'a, str>>,
    #[serde(borrow)]
    external_id: About<'a>,
}

#[derive(Deserialize)]
struct HandleBody<'a> {
    channel: &'a str,
    address: &'a str,
}

impl ContactBody<'_> {
    fn line(&self) -> ContactLine<'_> {
        let address = |channel| self.handles.iter().find(|handle| handle.channel == channel).unwrap().address;
        ContactLine {
            id: self.external_id.id,
            name: &self.name,
            email: address("email"),
            x: address("x"),
            tags: self.tags.clone(),
            company: &self.fields["company"],
        }
    }
}

#[derive(Deserialize)]
struct NoteBody<'a> {
    about: Vec<Uuid>,
    #[serde(borrow)]
    text: Cow<'a, str>,
    kind: &'a str,
    happened_at: &'a str,
    #[serde(borrow)]
    said_by: SpeakerBody<'a>,
    channel: &'a str,
    direction: &'a str,
    #[serde(borrow)]
    external_id: About<'a>,
}

#[derive(Deserialize)]
struct SpeakerBody<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    member: Option<Uuid>,
}

#[derive(Deserialize)]
struct AssignedBody<'a> {
    member: Uuid,
    role: &'a str,
    since: i64,
}

fn body(note: &Note<'_>) -> String {
    serde_json::json!({
        "kind": note.kind, "text": note.text, "about": [note.contact], "happened_at": note.happened_at,
        "recorded_by": "Mia Okafor", "via": "hand",
    })
    .to_string()
}

/// Fills a peer with a corpus.
pub(crate) fn fill(connection: &Connection, corpus: &Corpus, keeps: Keeps) {
    found(connection);
    Writer::new(connection, keeps).load(std::io::BufReader::new(corpus.reader()));
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line<'a> {
    #[serde(borrow)]
    Contact(ContactLine<'a>),
    #[serde(borrow)]
    Note(NoteLine<'a>),
}

#[derive(Deserialize)]
struct ContactLine<'a> {
    id: &'a str,
    name: &'a str,
    email: &'a str,
    x: &'a str,
    #[serde(borrow)]
    tags: Vec<&'a str>,
    company: &'a str,
}

#[derive(Deserialize)]
struct NoteLine<'a> {
    #[serde(borrow)]
    about: About<'a>,
    id: &'a str,
    text: &'a str,
    kind: &'a str,
    happened_at: &'a str,
    said_by: &'a str,
    channel: &'a str,
    direction: &'a str,
}

#[derive(Deserialize)]
struct About<'a> {
    id: &'a str,
}
