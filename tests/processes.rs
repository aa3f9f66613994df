//! Any number of processes may write at once, and open an absent file at once; the feed misses and repeats nothing.
//!
//! `HEIRLOOM_LONG=1` lets each write a thousand times.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking, and tell what they did"
)]

mod dice;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use heirloom::{Actor, Change, Cursor, Entry, Memory, NewContact};

const FILE: &str = "HEIRLOOM_TEST_FILE";
const NAME: &str = "HEIRLOOM_TEST_NAME";
const PROCESSES: usize = 8;

fn writes() -> usize {
    dice::rounds(100, 1_000) as usize
}

/// Not a test of its own: what the children of the test below do.
#[test]
fn child() {
    let Ok(path) = std::env::var(FILE) else { return };
    let name = std::env::var(NAME).unwrap();
    let memory = Memory::open(path).unwrap_or_else(|error| panic!("{name} opens: {error}"));
    let known =
        |n: usize| NewContact::person(format!("Guest of {name}")).external_id(name.clone(), format!("{}", n / 10));
    for number in 0..writes() {
        memory
            .write(Actor::system(name.clone()), |w| {
                let guest = w.upsert_contact(known(number))?;
                w.note(guest, format!("{name} {number}")).save()
            })
            .unwrap_or_else(|error| panic!("{name}, write {number}: {error}"));
    }
}

fn spawn(path: &Path, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(FILE, path)
        .env(NAME, name)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Reads on from a cursor to the end of the feed, as an integration does: the cursor is kept as text.
fn read_on(memory: &Memory, cursor: &mut String, entries: &mut Vec<Entry>) {
    let from: Cursor = cursor.parse().unwrap();
    let mut changes = memory.changes_after(from).unwrap();
    for entry in &mut changes {
        entries.push(entry.unwrap());
    }
    *cursor = changes.cursor().to_string();
}

#[test]
fn eight_processes_write_at_once_without_an_error_and_the_feed_misses_and_repeats_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shared.heirloom");
    let names: Vec<String> = (0..PROCESSES).map(|number| format!("till {number}")).collect();
    let mut children: Vec<Child> = names.iter().map(|name| spawn(&path, name)).collect();

    let memory = Memory::open(&path).unwrap();
    let (mut cursor, mut entries) = (memory.first_cursor().to_string(), Vec::new());
    let mut readings = 0;
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        let _ = memory.wait_for_changes(cursor.parse().unwrap(), Duration::from_millis(200)).unwrap();
        read_on(&memory, &mut cursor, &mut entries);
        readings += 1;
    }
    read_on(&memory, &mut cursor, &mut entries);
    for (child, name) in children.iter_mut().zip(&names) {
        assert!(child.wait().unwrap().success(), "{name} met an error");
    }

    assert!(readings > 1, "the reader did not read beside the writers");
    let numbers: Vec<i64> = entries.iter().map(|entry| entry.seq).collect();
    let head = memory.head().unwrap();
    assert_eq!(numbers, (1..=head.seq).collect::<Vec<_>>(), "the feed misses or repeats an entry");
    assert!(entries.is_sorted_by(|a, b| a.stamp < b.stamp), "stamps rise across processes");
    let mut notes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in &entries {
        if let Some(Change::NoteAdded(note)) = &entry.change {
            notes.entry(entry.actor_name.clone()).or_default().push(note.text.clone());
        }
    }
    let expected = |name: &String| (name.clone(), (0..writes()).map(|number| format!("{name} {number}")).collect());
    assert_eq!(notes, names.iter().map(expected).collect(), "a note is missing, twice there, or out of order");
    assert_eq!(memory.count_contacts().unwrap(), (PROCESSES * writes().div_ceil(10)) as u64);
    let found = memory.verify_against(head).unwrap();
    assert!(found.is_sound(), "{found}");
}
