//! The feed: cursors, and the cause of an entry.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::time::Duration;

use heirloom::{Actor, Cursor, Error, Memory, NewContact};

#[test]
fn a_cursor_that_the_feed_refuses_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let memory = Memory::open(dir.path().join("m.heirloom")).unwrap();
    memory.backup(dir.path().join("older.heirloom")).unwrap();
    memory.write(Actor::system("test"), |w| w.add_contact(NewContact::person("Sally"))).unwrap();
    let older = Memory::open(dir.path().join("older.heirloom")).unwrap();
    let refused = |cursor: Cursor| match older.wait_for_changes(cursor, Duration::from_mins(1)) {
        Err(Error::Invalid { what: "cursor", why }) => why,
        other => panic!("{other:?}"),
    };
    assert!(refused(memory.last_cursor().unwrap()).contains("older backup"));
    assert!(refused(Memory::in_memory().unwrap().first_cursor()).contains("it belongs to memory"));
}

#[test]
fn a_cause_that_is_refused_is_named_by_no_entry() {
    let (memory, other) = (Memory::in_memory().unwrap(), Memory::in_memory().unwrap());
    let strange = other.changes_after(other.first_cursor()).unwrap().next().unwrap().unwrap().id;
    let sally = memory
        .write(Actor::system("test"), |w| {
            assert!(matches!(w.caused_by(strange), Err(Error::Unknown { .. })));
            w.add_contact(NewContact::person("Sally"))
        })
        .unwrap();
    assert_eq!(memory.history(sally).unwrap()[0].cause, None);
}

#[test]
fn a_line_of_the_history_does_not_steer_the_terminal() {
    let memory = Memory::in_memory().unwrap();
    let sally = memory.write(Actor::system("test"), |w| w.add_contact(NewContact::person("Sally \u{1b}[2J"))).unwrap();
    let line = memory.history(sally).unwrap()[0].to_string();
    assert!(line.ends_with("added Sally <U+001B>[2J"), "{line:?}");
}
