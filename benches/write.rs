//! One note per transaction, against tables written by hand.
//!
//! heirloom and its peers take turns within one run, so a machine that is busy slows all of them.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench ends at the first fault"
)]

mod support;

use heirloom::{Actor, Durability, Member, Memory, NewMember};
use rusqlite::Connection;

use support::corpus::{Corpus, Random, text};
use support::peer::{self, Keeps};
use support::{median, seconds, short, shown, sized, speed, title};

/// Notes of a round: a multiple of the batch in which heirloom indexes words, so that each round pays for its own.
const ROUND: usize = 1_024;

fn main() {
    title("write: one note per transaction");
    for durability in [Durability::Full, Durability::Normal] {
        run(durability);
    }
}

fn run(durability: Durability) {
    let directory = support::directory();
    let corpus = Corpus::new(sized(10_000), sized(50_000));
    let filled = support::filled(directory.path(), &corpus, durability);
    let me = filled.memory.write(Actor::system("bench"), |w| w.add_member(NewMember::new("Mia Okafor"))).unwrap();
    let peer = |name: &str, keeps| {
        let connection = peer::connect(&directory.path().join(name), durability);
        peer::fill(&connection, &corpus, keeps);
        connection
    };
    let (full, bare) = (peer("full.db", Keeps::JournalAndWords), peer("bare.db", Keeps::Tables));
    let (ids_full, ids_bare) = (ids(&full), ids(&bare));
    let (mut full, mut bare) =
        (peer::Writer::new(&full, Keeps::JournalAndWords), peer::Writer::new(&bare, Keeps::Tables));

    let (rounds, mut times) = (if short() { 3 } else { 9 }, [const { Vec::new() }; 3]);
    for round in 0..rounds {
        let picks = picks(round, corpus.contacts);
        times[0].push(seconds(|| {
            picks.iter().for_each(|(at, text)| keep(&filled.memory, &me, filled.contacts[*at], text))
        }));
        times[1].push(seconds(|| picks.iter().for_each(|(at, text)| full.one_note(&ids_full[*at], text))));
        times[2].push(seconds(|| picks.iter().for_each(|(at, text)| bare.one_note(&ids_bare[*at], text))));
    }
    let [heirloom, full, bare] = times.map(|times| median(&times));
    let name = if durability == Durability::Full { "synchronous=FULL" } else { "synchronous=NORMAL" };
    println!("  {name}: a note in {}", shown(heirloom / ROUND as f64));
    speed("against the peer with a journal row and a full-text row", heirloom, full, Some(0.85));
    speed("against the bare peer", heirloom, bare, None);
}

fn keep(memory: &Memory, me: &Member, contact: heirloom::ContactId, text: &str) {
    memory.write(me, |w| w.note(contact, text).save()).unwrap();
}

/// The contacts and texts of a round, made before the clock starts.
fn picks(round: u64, contacts: usize) -> Vec<(usize, String)> {
    let mut random = Random::new(1_000 + round);
    (0..ROUND).map(|_| (random.below(contacts), text(&mut random))).collect()
}

fn ids(connection: &Connection) -> Vec<[u8; 16]> {
    let mut statement = connection.prepare("SELECT id FROM contact ORDER BY key").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}
