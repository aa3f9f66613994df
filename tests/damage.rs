//! Damage is never silent, and nothing can be changed from outside without showing.
//!
//! `HEIRLOOM_LONG=1` damages hundreds of files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking, and tell what they did"
)]

mod dice;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use chrono::{TimeDelta, TimeZone, Utc};
use heirloom::{
    Actor, Channel, ContactId, Error, Head, Member, Memory, NewAttachment, NewContact, NewHandle, NewMember, NoteKind,
    OpenOptions, Result, Role, Sensitivity, Stage, Verification, relation,
};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use tempfile::TempDir;

/// A closed file with rows in every table, and what it says when nothing is wrong with it.
struct Original {
    dir: TempDir,
    bytes: Vec<u8>,
    head: Head,
    contacts: Vec<ContactId>,
    reads: Vec<String>,
}

/// Options with a clock that stands still, so that what is read today is read tomorrow.
fn options() -> OpenOptions {
    Memory::options().clock(|| Utc.with_ymd_and_hms(2025, 6, 1, 12, 0, 0).unwrap())
}

impl Original {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("original.heirloom");
        let memory = options().open(&path).unwrap();
        let mut contacts = fill(&memory).unwrap();
        erase_and_hold(&memory, &mut contacts).unwrap();
        #[cfg(feature = "bundle")]
        contacts.extend(hear_of_another(&memory));
        let verified = memory.verify().unwrap();
        assert!(verified.is_sound(), "{verified}");
        let (head, reads) = (memory.head().unwrap(), reads(&memory, &contacts).unwrap());
        drop(memory);
        assert!(!dir.path().join("original.heirloom-wal").exists(), "a closed memory is one file");
        let bytes = fs::read(&path).unwrap();
        Self { dir, bytes, head, contacts, reads }
    }

    /// A fresh copy of the file.
    fn copy(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        self.put(&path, &self.bytes);
        path
    }

    fn put(&self, path: &Path, bytes: &[u8]) {
        for suffix in ["-wal", "-shm", "-journal"] {
            let _ = fs::remove_file(format!("{}{suffix}", path.display()));
        }
        fs::write(path, bytes).unwrap();
    }

    /// Opens a changed file and verifies it against the head that was noted; an error must be in words.
    fn judge(&self, path: &Path) -> Judgement {
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let memory = options().open(path)?;
            let reads = reads(&memory, &self.contacts);
            let verified = memory.verify_against(self.head);
            Ok((reads, verified))
        }));
        match judged {
            Err(_) => Judgement::Panicked,
            Ok(Err(error)) => Judgement::told(error),
            Ok(Ok((_, Err(error)))) => Judgement::told(error),
            Ok(Ok((_, Ok(verified)))) if !verified.is_sound() => Judgement::Found(verified),
            Ok(Ok((Err(error), Ok(_)))) => Judgement::told(error),
            Ok(Ok((Ok(reads), Ok(_)))) if reads == self.reads => Judgement::Harmless,
            Ok(Ok((Ok(reads), Ok(_)))) => {
                let different = reads.iter().zip(&self.reads).find(|(read, right)| read != right);
                Judgement::Silent(format!("{different:?}"))
            }
        }
    }
}

/// What came of a change to a file.
enum Judgement {
    /// An error in words, at opening, reading or verifying.
    Told,
    /// A finding of the verification.
    Found(Verification),
    /// Every read is right.
    Harmless,
    /// A read was wrong and nothing said so.
    Silent(String),
    Panicked,
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told => f.write_str("told by an error"),
            Self::Found(verified) => write!(f, "found: {verified}"),
            Self::Harmless => f.write_str("not noticed, though every read is right"),
            Self::Silent(read) => write!(f, "read wrong in silence: {read}"),
            Self::Panicked => f.write_str("a panic"),
        }
    }
}

impl Judgement {
    fn told(error: heirloom::Error) -> Self {
        let words = error.to_string();
        assert!(words.contains(' ') && !words.contains("SqliteFailure") && !words.contains("Error {"), "{words}");
        Self::Told
    }

    const fn is_noticed(&self) -> bool {
        matches!(self, Self::Told | Self::Found(_))
    }
}

/// Puts rows into every table, words into the search index, and some that wait to go there.
fn fill(memory: &Memory) -> Result<Vec<ContactId>> {
    let (mia, tom) = memory.write(Actor::system("setup"), |w| {
        let now = w.at();
        let agency = w.add_agency("Loud & Clear", Some(now - TimeDelta::days(700)), Some(now))?;
        let tom = w.add_member(NewMember::new("Tom").email("tom@loud.example").of_agency(agency))?;
        Ok((w.add_member(NewMember::new("Mia"))?, tom))
    })?;
    let contacts = memory.write(&mia, |w| {
        (0..30)
            .map(|n| {
                let contact = w.add_contact(
                    NewContact::person(format!("Guest Number{n}"))
                        .with_handle(
                            NewHandle::new(Channel::X, format!("@guest{n}")).network_id(format!("{n}")).label("x"),
                        )
                        .external_id("till", format!("{n}"))
                        .field("company", format!("Company {n}"))
                        .date("birthday", "1985-04-12".parse()?)
                        .do_not_contact(Channel::Phone, "at work")
                        .tag("regular"),
                )?;
                w.assign(contact, &tom, Role::Owner.because("the plan"))?;
                Ok(contact)
            })
            .collect::<Result<Vec<_>>>()
    })?;
    memory.write(&tom, |w| {
        for (n, contact) in contacts.iter().cycle().take(520).enumerate() {
            let draft = w.note(*contact, format!("Visit {n} for soup{} and bread", n % 40));
            let kind = NoteKind::ALL[n % NoteKind::ALL.len()];
            draft.kind(kind).happened_at("2024-05-06").external_id("till", format!("{n}")).save()?;
        }
        Ok(())
    })?;
    let _ = memory.write_once(&mia, "handed over", |w| {
        w.transfer(contacts[0], &mia, Some("new team"))?;
        w.link(contacts[0], relation::KNOWS, contacts[1])?;
        w.attach(contacts[0], NewAttachment::new("menu.txt", "text/plain", "soup, bread"))?;
        w.rename_handle(contacts[2], Channel::X, "@guest2", "@guest_two")?;
        w.rename_contact(contacts[3], "Guest Renamed")?;
        w.caused_by(w.last_entry())?;
        let note = w
            .note_about(&contacts[..2], "Came together, and spoke of fish")?
            .said_by(contacts[1])
            .channel(Channel::X)
            .permalink("https://x.com/guest1/status/1")
            .sensitivity(Sensitivity::Health)
            .private()
            .attach(NewAttachment::new("fish.txt", "text/plain", "a fish"))
            .save()?;
        w.correct_note(note, "Came together, and spoke of two fish", Some("miscounted"))?;
        w.unassign(contacts[4], &tom, Role::Owner, Some("moved away"))?;
        let gone = w.note(contacts[5], "a mistake").direction(heirloom::Direction::In).save()?;
        w.retract_note(gone, None)
    })?;
    promise_and_hand_over(memory, &tom, &mia, &contacts)?;
    let left = memory.write(&mia, |w| {
        let left = w.add_member(NewMember::new("Ada"))?;
        w.depart(&left, Some("moved"))?;
        let earlier = memory_note(w, contacts[6])?;
        w.correct_note(earlier, "Visit 6 was for cake", None)?;
        Ok(left)
    })?;
    assert!(memory.member(left.id)?.has_departed());
    Ok(contacts)
}

/// Puts rows into the tables of promises and handoffs.
fn promise_and_hand_over(memory: &Memory, tom: &Member, mia: &Member, contacts: &[ContactId]) -> Result<()> {
    memory.write(tom, |w| {
        let note = memory_note(w, contacts[10])?;
        w.follow_up(contacts[10], "Send the menu").due("2025-07").from_note(note).save()?;
        let done = w.follow_up(contacts[11], "Call back").save()?;
        w.finish_follow_up(done, Some("she laughed"))
    })?;
    let taken = &contacts[10..14];
    let plan =
        memory.handoff().of_contacts(taken).reason("new team").to(mia).stage(Stage::Shadow, Utc::now()).plan()?;
    let handoff = memory.write(mia, |w| w.offer(&plan))?;
    memory.write(mia, |w| {
        let question = w.ask(handoff, taken[0], "What does she drink?")?;
        w.answer(question, "Mint tea")?;
        w.accept_all(handoff)?;
        w.keep(handoff, taken[1], "stays with Tom")?;
        w.advance(handoff, Stage::Shadow, Some("the Monday list"))?;
        w.complete(handoff)?;
        w.undo(handoff, "not yet").map(drop)
    })
}

/// Erases a contact, a note and the bytes that hang on them, and places a hold.
fn erase_and_hold(memory: &Memory, contacts: &mut Vec<ContactId>) -> Result<()> {
    let erased = contacts.pop().unwrap();
    let note = memory.write(Actor::system("host"), |w| {
        w.hold(contacts[7], "case 12", "a claim is open")?;
        w.attach(erased, NewAttachment::new("card.txt", "text/plain", "a card"))?;
        w.note(contacts[8], "to be forgotten").save()
    })?;
    assert_eq!(memory.erase(Actor::system("host"), erased, "request 4711")?.contacts, 1);
    assert_eq!(memory.erase_note(Actor::system("host"), note, "request 4712")?.notes, 1);
    Ok(())
}

/// Hears from another memory of one of its contacts, without the link to another and the bytes that hang on it; and hears
/// again, when what comes is older than what was written here.
#[cfg(feature = "bundle")]
fn hear_of_another(memory: &Memory) -> Vec<ContactId> {
    use heirloom::bundle::{BundleExport, Opening};

    let elsewhere = options().in_memory().unwrap();
    let sally = elsewhere
        .write(Actor::system("setup"), |w| {
            let ana = w.add_member(NewMember::new("Ana").email("ana@agency.example"))?;
            let sally = w.add_contact(NewContact::person("Sally Marsh").handle(Channel::X, "@sally"))?;
            let ben = w.add_contact(NewContact::person("Ben Ito"))?;
            w.link(sally, relation::KNOWS, ben)?;
            w.assign(sally, &ana, Role::Owner)?;
            w.attach(sally, NewAttachment::new("seat.txt", "text/plain", "by the window"))?;
            w.note(sally, "Asked for a table").said_by(&ana).save()?;
            w.follow_up(sally, "Keep the table").owner(&ana).save()?;
            Ok(sally)
        })
        .unwrap();
    let hear = |bundle: BundleExport<'_>| {
        let mut bytes = Vec::new();
        bundle.receiver("us").write(&mut bytes).unwrap();
        let bag = Opening::new().open_reader("bundle.zip", std::io::Cursor::new(bytes)).unwrap();
        assert!(memory.import_bundle(&bag).run(Actor::system("office")).unwrap().received.is_some());
    };
    hear(elsewhere.bundle().of([sally]).without_attachments());
    memory.write(Actor::system("host"), |w| w.rename_contact(sally, "Sally Whitcomb")).unwrap();
    elsewhere.write(Actor::system("host"), |w| w.tag(sally, "window")).unwrap();
    hear(elsewhere.bundle().of([sally]).without_attachments());
    vec![sally]
}

/// A note of a contact that stands in the search index already.
fn memory_note(w: &heirloom::Writer<'_>, contact: ContactId) -> Result<heirloom::NoteId> {
    Ok(w.view().timeline(contact, None, 100)?.notes.last().unwrap().id)
}

/// What a user would see.
fn reads(memory: &Memory, contacts: &[ContactId]) -> Result<Vec<String>> {
    let seeing = memory.all_seeing();
    let mut all = vec![memory.head()?.to_string(), format!("{:?}", memory.members()?)];
    for handoff in memory.handoffs()? {
        all.push(format!("{handoff:?} {:?}", memory.receipt(handoff.id)?));
        all.push(format!("{:?} {:?}", memory.handoff_items(handoff.id)?, memory.handoff_questions(handoff.id)?));
    }
    for contact in contacts {
        all.push(format!("{:?}", seeing.follow_ups(*contact)?));
        all.push(seeing.brief(*contact)?.to_json());
        all.push(format!("{:?}", seeing.timeline(*contact, None, usize::MAX)?.notes));
        for attachment in seeing.contact_attachments(*contact)? {
            all.push(match seeing.attachment_bytes(&attachment) {
                Err(Error::Unknown { .. }) => format!("{} is not here", attachment.name),
                bytes => format!("{:?}", bytes?),
            });
        }
    }
    all.push(format!("{:?}", memory.holds()?));
    for n in 0..contacts.len() {
        all.push(format!("{:?}", memory.by_handle(Channel::X, &format!("@guest{n}"))?));
        all.push(format!("{:?}", memory.by_external_id("till", &n.to_string())?));
    }
    for question in ["soup7", "two fish", "cake", "renamed"] {
        all.push(format!("{:?}", seeing.search(question).limit(1_000).run()?));
    }
    all.push(format!("{:?}", memory.contacts_like("renmed", 10)?));
    for entry in seeing.changes_after(seeing.first_cursor())? {
        all.push(format!("{:?}", entry?));
    }
    Ok(all)
}

#[test]
fn a_flipped_bit_a_zeroed_page_and_a_cut_tail_are_told_or_found_and_never_read_wrong() {
    let mut dice = dice::Dice::thrown();
    let original = Original::new();
    let (path, length) = (original.dir.path().join("damaged.heirloom"), original.bytes.len());
    let (mut noticed, mut harmless) = (0, 0);
    for number in 0..dice::rounds(45, 300) {
        let mut bytes = original.bytes.clone();
        let place = dice.below(length as u64) as usize;
        let what = match number % 3 {
            0 => {
                bytes[place] ^= 1 << dice.below(8);
                "a bit flipped in byte"
            }
            1 => {
                let page = place / 4096 * 4096;
                bytes[page..(page + 4096).min(length)].fill(0);
                "the page zeroed of byte"
            }
            _ => {
                bytes.truncate(place);
                "cut at byte"
            }
        };
        original.put(&path, &bytes);
        match original.judge(&path) {
            Judgement::Harmless => harmless += 1,
            judged => {
                assert!(judged.is_noticed(), "{what} {place} of {length}: {judged}");
                noticed += 1;
            }
        }
    }
    println!("{noticed} noticed, {harmless} in places that nothing reads");
    assert!(noticed > harmless, "most damage is to something that is read");
}

/// A connection to a memory that keeps no rule.
fn outside(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON").unwrap();
    connection
}

/// The tables with their columns, those of the engine itself left out.
fn tables(connection: &Connection) -> Vec<(String, Vec<String>)> {
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'
                 AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut statement = connection.prepare(names).unwrap();
    let names: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(rusqlite::Result::unwrap).collect();
    let columns = |name: &str| {
        let mut statement = connection.prepare(&format!("PRAGMA table_info({name})")).unwrap();
        statement.query_map([], |row| row.get(1)).unwrap().map(rusqlite::Result::unwrap).collect()
    };
    names.into_iter().map(|name| (name.clone(), columns(&name))).collect()
}

/// One row at a random place; empty where the table has none. A name that waits to be worked out anew is passed over:
/// nothing reads the words of the old one.
fn some_row(connection: &Connection, table: &str, columns: &[String], dice: &mut dice::Dice) -> Vec<Value> {
    let from = match table {
        "name_word" => "name_word WHERE contact NOT IN (SELECT key FROM search_pending WHERE noun = 'contact')",
        table => table,
    };
    let count: u32 = connection.query_row(&format!("SELECT count(*) FROM {from}"), [], |row| row.get(0)).unwrap();
    let query = format!("SELECT {} FROM {from} LIMIT 1 OFFSET {}", columns.join(", "), dice.below(count.into()));
    let row = connection.query_row(&query, [], |row| (0..columns.len()).map(|column| row.get(column)).collect());
    row.unwrap_or_default()
}

/// Other values that a column might hold, the likeliest first.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Integer(number) => vec![Value::Integer(number + 1_000_003)],
        Value::Text(text) => vec![Value::Text(format!("{text}x"))],
        Value::Blob(bytes) if !bytes.is_empty() => {
            let mut bytes = bytes.clone();
            let last = bytes.len() - 1;
            bytes[last] ^= 0x40;
            vec![Value::Blob(bytes)]
        }
        _ => vec![Value::Integer(1), Value::Text("x".to_owned()), Value::Blob(vec![7; 16])],
    }
}

/// Whether a change may stay without a finding, as long as every read is right: what the engine keeps for itself beside
/// the words of its index, and the numbers of words that are only looked up.
fn may_be_harmless(table: &str, column: Option<&str>) -> bool {
    let of_the_engine = ["note_index_", "contact_index_"].iter().any(|index| table.starts_with(index));
    of_the_engine || (table, column) == ("name_vocabulary", Some("key"))
}

fn row_is(columns: &[String]) -> String {
    let same: Vec<String> = columns.iter().enumerate().map(|(n, column)| format!("{column} IS ?{}", n + 1)).collect();
    same.join(" AND ")
}

#[test]
fn any_column_of_any_table_changed_from_outside_shows() {
    let mut dice = dice::Dice::thrown();
    let original = Original::new();
    let (mut changed, mut unnoticed) = (0, Vec::new());
    for (table, columns) in tables(&outside(&original.copy("tables.heirloom"))) {
        for column in &columns {
            let path = original.copy("changed.heirloom");
            let connection = outside(&path);
            let row = some_row(&connection, &table, &columns, &mut dice);
            assert!(!row.is_empty(), "the test puts no row into {table}");
            let value = &row[columns.iter().position(|name| name == column).unwrap()];
            let update = format!("UPDATE {table} SET {column} = ?{} WHERE {}", columns.len() + 1, row_is(&columns));
            let done = others(value).into_iter().any(|other| {
                let parameters = row.iter().cloned().chain([other]);
                matches!(connection.execute(&update, params_from_iter(parameters)), Ok(1))
            });
            assert!(done, "{table}.{column} takes no other value than {value:?}");
            drop(connection);
            changed += 1;
            let judged = original.judge(&path);
            let fine = may_be_harmless(&table, Some(column)) && matches!(judged, Judgement::Harmless);
            if !fine && !judged.is_noticed() {
                unnoticed.push(format!("{table}.{column} of {row:?}: {judged}"));
            }
        }
    }
    assert!(changed > 120, "only {changed} columns were changed");
    assert!(unnoticed.is_empty(), "{} of {changed} changes went unnoticed:\n{}", unnoticed.len(), unnoticed.join("\n"));
}

#[test]
fn a_row_deleted_or_added_from_outside_shows() {
    let mut dice = dice::Dice::thrown();
    let original = Original::new();
    let mut unnoticed = Vec::new();
    for (table, columns) in tables(&outside(&original.copy("tables.heirloom"))) {
        let path = original.copy("changed.heirloom");
        let connection = outside(&path);
        let row = some_row(&connection, &table, &columns, &mut dice);
        let delete = format!("DELETE FROM {table} WHERE {}", row_is(&columns));
        assert_eq!(connection.execute(&delete, params_from_iter(&row)).unwrap(), 1, "{table}");
        drop(connection);
        let judged = original.judge(&path);
        let fine = may_be_harmless(&table, None) && matches!(judged, Judgement::Harmless);
        if !fine && !judged.is_noticed() {
            unnoticed.push(format!("deleted from {table}, {row:?}: {judged}"));
        }

        let path = original.copy("changed.heirloom");
        let connection = outside(&path);
        let places: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
        let insert = format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), places.join(", "));
        let another = row.iter().map(|value| match value {
            Value::Blob(bytes) if bytes.is_empty() => value.clone(),
            Value::Null => Value::Null,
            value => others(value).swap_remove(0),
        });
        assert_eq!(connection.execute(&insert, params_from_iter(another)).unwrap(), 1, "{table}");
        drop(connection);
        let judged = original.judge(&path);
        let fine = may_be_harmless(&table, None) && matches!(judged, Judgement::Harmless);
        if !fine && !judged.is_noticed() {
            unnoticed.push(format!("added to {table} beside {row:?}: {judged}"));
        }
    }
    assert!(unnoticed.is_empty(), "{} changes went unnoticed:\n{}", unnoticed.len(), unnoticed.join("\n"));
}

#[test]
fn a_note_or_a_contact_taken_out_of_the_search_index_or_put_into_it_shows() {
    let original = Original::new();
    let meddling = [
        "DELETE FROM note_index WHERE rowid = (SELECT min(key) FROM note)",
        "DELETE FROM contact_index WHERE rowid = (SELECT min(key) FROM contact)",
        "INSERT INTO note_index (rowid, words) VALUES (900000, 'soup')",
        "INSERT INTO contact_index (rowid, words) VALUES (900000, 'soup')",
        "UPDATE note_index SET words = 'soup' WHERE rowid = (SELECT min(key) FROM note)",
        "INSERT INTO note_index (note_index) VALUES ('delete-all')",
        "DELETE FROM name_word WHERE contact = (SELECT min(key) FROM contact)",
        "DELETE FROM name_vocabulary",
        "DELETE FROM search_pending",
    ];
    for meddling in meddling {
        let path = original.copy("changed.heirloom");
        let connection = outside(&path);
        connection.execute_batch(meddling).unwrap();
        assert!(connection.total_changes() > 0, "{meddling} changed nothing");
        drop(connection);
        let judged = original.judge(&path);
        assert!(matches!(judged, Judgement::Found(_)), "{meddling}: {judged}");
        let memory = options().open(&path).unwrap();
        memory.rebuild().unwrap();
        let found = memory.verify_against(original.head).unwrap();
        assert!(found.is_sound(), "rebuild did not repair what was done by {meddling}: {found}");
    }
}
