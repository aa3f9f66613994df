//! Handoffs: the plan for a book of 10,000 contacts with 200,000 notes, against counting these notes; the completion for
//! 100,000 contacts, against the same rows written by hand in one transaction.
//!
//! Each completion runs in a process of its own, on a copy of one file, so that its peak memory is its own.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench ends at the first fault"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use heirloom::{Actor, Durability, Member, Memory, NewMember, Plan, Role, Writer};
use rusqlite::{Connection, params};

use support::corpus::Corpus;
use support::{Filled, hand_over, line, median, peak_memory, peer, seconds, shown, sized, speed, time, title};

const ROUNDS: usize = 3;

/// Who completes, as the arguments of the process name them; the last takes back what the first did.
const DOERS: [&str; 4] = ["heirloom", "peer", "floor", "undo"];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, end, doer, path, ..] = arguments.as_slice()
        && end == "--end"
    {
        return child(doer, Path::new(path));
    }
    plan();
    completion();
}

/// Half of the contacts are in the book.
fn plan() {
    let corpus = Corpus::new(sized(20_000), sized(400_000));
    title(&format!("handoff: plan for one of several books, {} contacts and {} notes", corpus.contacts, corpus.notes));
    let directory = support::directory();
    let filled = support::filled(directory.path(), &corpus, Durability::Normal);
    let (leaver, successor) = book(&filled);
    let connection = peer::connect(&filled.path, Durability::Normal);
    connection.execute_batch("PRAGMA cache_size = -8192; PRAGMA query_only = ON").unwrap();
    let draw = || drawn(&filled.memory, &leaver, &successor);
    let (plan, mut times, mut notes) = (draw(), [const { Vec::new() }; 3], 0);
    for _ in 0..5 {
        times[0].push(seconds(|| assert_eq!(draw().items.len(), plan.items.len())));
        times[1].push(seconds(|| notes = count(&connection, &leaver)));
        times[2].push(seconds(|| assert!(filled.memory.changes_since(&plan).unwrap().is_empty())));
    }
    assert_eq!(plan.items.iter().map(|item| item.notes).sum::<u64>(), notes);
    let [ours, theirs, compared] = times.map(|times| median(&times));
    let book = format!("{} contacts, {notes} notes", plan.items.len());
    time(&format!("plan for {book} ({})", shown(ours)), ours, theirs, Some(20.0));
    line("what has changed since", &shown(compared), None);
    line("plan as text", &shown(seconds(|| assert!(!plan.to_string().is_empty()))), None);
}

fn drawn(memory: &Memory, leaver: &Member, successor: &Member) -> Plan {
    memory.handoff().of_member(leaver).to(successor).reason("moves to Lagos").plan().unwrap()
}

/// Makes a book of every second contact: a third of them with a backup, a tenth with a promise.
fn book(filled: &Filled) -> (Member, Member) {
    let members = filled.memory.members().unwrap();
    let [leaver, successor] = people(&filled.memory, ["Tom Okoro", "Eva Stein"]);
    let fill = |w: &mut Writer<'_>| {
        for (at, contact) in filled.contacts.iter().step_by(2).enumerate() {
            w.transfer(*contact, &leaver, Some("new region"))?;
            if at % 3 == 0 {
                w.assign(*contact, &members[at % members.len()], Role::Backup)?;
            }
            if at % 10 == 0 {
                w.follow_up(*contact, "Send the summer menu").due("2030-06").owner(&leaver).save()?;
            }
        }
        Ok(())
    };
    filled.memory.write(Actor::system("bench"), fill).unwrap();
    (leaver, successor)
}

fn people<const N: usize>(memory: &Memory, names: [&str; N]) -> [Member; N] {
    memory.write(Actor::system("bench"), |w| Ok(names.map(|name| w.add_member(NewMember::new(name)).unwrap()))).unwrap()
}

fn count(connection: &Connection, leaver: &Member) -> u64 {
    let query = "
        SELECT count(*) FROM assignment a
        JOIN note_contact l ON l.contact = a.contact
        WHERE a.member = (SELECT key FROM member WHERE id = ?1) AND a.role = 'owner'
            AND a.since <= ?2 AND (a.until IS NULL OR a.until > ?2)";
    let now = chrono::Utc::now().timestamp_micros();
    connection
        .query_row(query, params![leaver.id.uuid().as_bytes(), now], |row| row.get::<_, i64>(0))
        .unwrap()
        .unsigned_abs()
}

fn completion() {
    let corpus = Corpus::new(sized(100_000), sized(100_000));
    title(&format!("handoff: completion for {} contacts of {} members", corpus.contacts, corpus.members.len()));
    let directory = support::directory();
    let accepted = accepted(directory.path(), &corpus);
    let (mut times, mut peaks) = ([const { Vec::new() }; 4], [0.0_f64; 4]);
    for _ in 0..ROUNDS {
        for (at, doer) in DOERS.iter().enumerate() {
            let (seconds, memory) = end(doer, &accepted, directory.path());
            times[at].push(seconds);
            peaks[at] = peaks[at].max(memory);
        }
    }
    verify(&directory.path().join("peer"));
    let [ours, peer, floor, undo] = times.map(|times| median(&times));
    let each = |seconds: f64| shown(seconds / corpus.contacts as f64);
    println!("  complete: {}, {} a contact; the peer {}", shown(ours), each(ours), each(peer));
    speed("against the peer, which writes the same rows", ours, peer, Some(0.5));
    speed("against the peer without a journal", ours, floor, None);
    line("undo", &format!("{}, {} a contact", shown(undo), each(undo)), None);
    line("peak memory of complete and of undo", &format!("{:.0} MiB, {:.0} MiB", peaks[0], peaks[3]), None);
}

/// Makes a memory in which everything was offered to four successors and accepted, and returns its file.
fn accepted(directory: &Path, corpus: &Corpus) -> PathBuf {
    let Filled { memory, path, .. } = support::filled(directory, corpus, Durability::Full);
    let leavers = memory.members().unwrap();
    let successors = people(&memory, ["Eva Stein", "Ana Müller", "Ben Achebe", "Noor Haddad"]);
    let planner = leavers.iter().fold(memory.handoff(), |planner, leaver| planner.of_member(leaver));
    let plan = planner.spread(&successors).reason("the contract ends").plan().unwrap();
    assert_eq!(plan.items.len(), corpus.contacts);
    let mut handoff = None;
    let offer = seconds(|| handoff = Some(memory.write(Actor::system("bench"), |w| w.offer(&plan)).unwrap()));
    let accept = seconds(|| {
        for successor in &successors {
            memory.write(successor, |w| w.accept_all(handoff.unwrap())).unwrap();
        }
    });
    let each = |seconds: f64| format!("{}, {} a contact", shown(seconds), shown(seconds / corpus.contacts as f64));
    line("offer", &each(offer), None);
    line("accept_all of four successors", &each(accept), None);
    drop(memory);
    let connection = Connection::open(&path).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    path
}

/// Has a fresh process complete a copy of the file, or undo what was completed; returns its seconds and its peak memory in
/// MiB.
fn end(doer: &str, accepted: &Path, directory: &Path) -> (f64, f64) {
    let file = directory.join(if doer == "undo" { "heirloom" } else { doer });
    if doer != "undo" {
        ["-wal", "-shm"].iter().for_each(|ending| drop(fs::remove_file(format!("{}{ending}", file.display()))));
        fs::copy(accepted, &file).unwrap();
    }
    let child = Command::new(std::env::current_exe().unwrap()).args(["--end", doer]).arg(&file).output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let answer = String::from_utf8(child.stdout).unwrap();
    let (seconds, memory) = answer.trim().split_once(' ').unwrap();
    (seconds.parse().unwrap(), memory.parse().unwrap())
}

fn child(doer: &str, path: &Path) {
    let seconds = match doer {
        "peer" | "floor" => {
            let connection = peer::connect(path, Durability::Full);
            seconds(|| hand_over::complete(&connection, doer == "peer"))
        }
        _ => {
            let memory = Memory::open(path).unwrap();
            let handoff = memory.handoffs().unwrap()[0].id;
            let carry_out = |w: &mut Writer<'_>| match doer {
                "undo" => w.undo(handoff, "signed for another year").map(|undone| undone.receipt),
                _ => w.complete(handoff),
            };
            seconds(|| drop(memory.write(Actor::system("bench"), carry_out).unwrap()))
        }
    };
    println!("{seconds} {}", peak_memory().unwrap_or(f64::NAN));
}

/// What the peer wrote is a memory: heirloom finds each row as it would have written it.
fn verify(path: &Path) {
    let found = Memory::open(path).unwrap().verify().unwrap();
    assert!(found.findings.is_empty(), "{found}");
}
