//! The exports of contacts and notes, against a dump of the same rows written by hand: every table read by one statement
//! in the order of its keys, every row one line of plain text, without escapes, folds and formats.
//!
//! Each export runs in a process of its own, so that its peak memory is its own.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench ends at the first fault"
)]

mod support;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

use heirloom::{Durability, Memory};

use support::corpus::Corpus;
use support::peer;
use support::{line, median, peak_memory, seconds, shown, sized, speed, title};

/// What is written, as the arguments of the process name it.
const WAYS: [&str; 4] = ["dump", "vcards", "contacts_csv", "notes_csv"];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, export, way, input, output, ..] = arguments.as_slice()
        && export == "--export"
    {
        return child(way, Path::new(input), Path::new(output));
    }
    let corpus = Corpus::new(sized(100_000), sized(1_000_000));
    title(&format!("export: {} contacts and {} notes", corpus.contacts, corpus.notes));
    let directory = support::directory();
    let path = support::filled(directory.path(), &corpus, Durability::Normal).path;
    let (mut times, mut peak) = ([const { Vec::new() }; 4], 0.0_f64);
    for _ in 0..3 {
        for (at, way) in WAYS.iter().enumerate() {
            let (seconds, memory) = export(way, &path, &directory.path().join(way));
            times[at].push(seconds);
            peak = peak.max(if at == 0 { 0.0 } else { memory });
        }
    }
    let [dump, cards, contacts, notes] = times.map(|times| median(&times));
    for (what, seconds) in [("dump", dump), ("cards", cards), ("contacts", contacts), ("notes", notes)] {
        println!("  {what}: {}", shown(seconds));
    }
    speed("cards, against the dump of all rows", cards, dump, Some(0.5));
    speed("both tables, against the dump of all rows", contacts + notes, dump, Some(0.5));
    line("peak memory of an export", &format!("{peak:.0} MiB"), Some(("< 300 MB", peak < 300.0 / 1.048_576)));
}

/// Has a fresh process write the output, and returns its seconds and its peak memory in MiB.
fn export(way: &str, input: &Path, output: &Path) -> (f64, f64) {
    let _ = std::fs::remove_file(output);
    let child =
        Command::new(std::env::current_exe().unwrap()).args(["--export", way]).args([input, output]).output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let answer = String::from_utf8(child.stdout).unwrap();
    let (seconds, memory) = answer.trim().split_once(' ').unwrap();
    (seconds.parse().unwrap(), memory.parse().unwrap())
}

fn child(way: &str, input: &Path, output: &Path) {
    let file = File::create(output).unwrap();
    let seconds = match way {
        "dump" => seconds(|| dump(input, file)),
        _ => {
            let memory = Memory::options().must_exist().open(input).unwrap();
            seconds(|| {
                let export = memory.export();
                let report = match way {
                    "vcards" => export.vcards(file),
                    "contacts_csv" => export.contacts_csv(file),
                    _ => export.notes_csv(file),
                };
                assert!(report.unwrap().findings.is_empty());
            })
        }
    };
    println!("{seconds} {}", peak_memory().unwrap_or(f64::NAN));
}

/// Writes all rows of contacts and notes, a line each.
fn dump(input: &Path, output: File) {
    let connection = rusqlite::Connection::open(input).unwrap();
    let mut output = BufWriter::with_capacity(1 << 16, output);
    for statement in [
        "SELECT * FROM contact ORDER BY key",
        "SELECT * FROM contact_field ORDER BY contact, field",
        "SELECT * FROM contact_tag ORDER BY contact, tag_key",
        "SELECT * FROM handle ORDER BY contact, channel, address_key",
        "SELECT * FROM contact_external_id ORDER BY contact",
        "SELECT a.*, m.name FROM assignment a JOIN member m ON m.key = a.member ORDER BY a.contact",
        "SELECT l.contact, n.* FROM note_contact l JOIN note n ON n.key = l.note
         ORDER BY l.contact, l.happened_at, l.note",
    ] {
        peer::dump(&connection, statement, &mut output);
    }
    output.flush().unwrap();
}
