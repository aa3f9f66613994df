//! Readiness of an organisation with 100,000 contacts and 1,000,000 notes, against counting the notes of each contact.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench ends at the first fault"
)]

mod support;

use std::hint::black_box;

use heirloom::{Actor, Durability, Party, Role};
use rusqlite::Connection;

use support::corpus::Corpus;
use support::{Filled, line, median, peak_memory, seconds, shown, sized, time, title};

const ROUNDS: usize = 5;

fn main() {
    let corpus = Corpus::new(sized(100_000), sized(1_000_000));
    title(&format!("readiness: {} contacts, {} notes", corpus.contacts, corpus.notes));
    let directory = support::directory();
    let filled = support::filled(directory.path(), &corpus, Durability::Normal);
    backups(&filled);
    let connection = support::peer::connect(&filled.path, Durability::Normal);
    connection.execute_batch("PRAGMA cache_size = -8192; PRAGMA query_only = ON").unwrap();
    readiness(&filled, &connection);
    debrief(&filled, &connection);
}

/// Gives every third contact a backup; every contact has an owner already.
fn backups(filled: &Filled) {
    let members = filled.memory.members().unwrap();
    let give = |w: &mut heirloom::Writer<'_>| {
        let every_third = filled.contacts.iter().enumerate().step_by(3);
        every_third
            .map(|(at, contact)| w.assign(*contact, &members[(at + 7) % members.len()], Role::Backup))
            .try_for_each(|given| given.map(drop))
    };
    filled.memory.write(Actor::system("bench"), give).unwrap();
}

fn readiness(filled: &Filled, connection: &Connection) {
    let before = peak_memory().unwrap_or(f64::NAN);
    let look = || {
        let readiness = filled.memory.readiness().run().unwrap();
        assert_eq!(readiness.contacts, filled.contacts.len() as u64);
        assert!(!readiness.members.is_empty() && readiness.unowned.is_empty());
    };
    let taken = seconds(look);
    let memory = peak_memory().unwrap_or(f64::NAN) - before;
    let (ours, theirs) = in_turns(look, || count(connection));
    time(&format!("readiness ({}), against the count", shown(ours)), ours, theirs, Some(20.0));
    line("readiness as JSON and as text", &shown(seconds(|| print(filled))), None);
    line("the first look, and memory beyond that before it", &format!("{}, {memory:.0} MiB", shown(taken)), None);
}

fn print(filled: &Filled) {
    let readiness = filled.memory.readiness().run().unwrap();
    black_box((readiness.to_json(), readiness.to_string()));
}

fn debrief(filled: &Filled, connection: &Connection) {
    let leaver = Party::from(&filled.memory.members().unwrap()[0]);
    let ask = || assert_eq!(filled.memory.debrief(leaver).run().unwrap().contacts.len(), 20);
    let (ours, theirs) = in_turns(ask, || count(connection));
    time(&format!("debrief of one member ({}), against the count", shown(ours)), ours, theirs, None);
}

/// The middle one of some runs of each of two, which take turns.
fn in_turns(ours: impl Fn(), theirs: impl Fn()) -> (f64, f64) {
    let runs: Vec<_> = (0..ROUNDS).map(|_| (seconds(&ours), seconds(&theirs))).collect();
    let (ours, theirs): (Vec<f64>, Vec<f64>) = runs.into_iter().unzip();
    (median(&ours), median(&theirs))
}

fn count(connection: &Connection) {
    let mut statement = connection.prepare("SELECT contact, count(*) FROM note_contact GROUP BY contact").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).unwrap();
    rows.for_each(|row| assert!(black_box(row.unwrap()).1 > 0));
}
