//! The import of contacts and notes as JSON Lines, against a bulk load of the same file written by hand.
//!
//! Each load runs in a process of its own, so that its peak memory is its own.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench ends at the first fault"
)]

mod support;

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::Path;
use std::process::Command;

use heirloom::{Actor, Durability, Memory, NewMember};

use support::corpus::Corpus;
use support::peer::{self, Keeps};
use support::{line, median, peak_memory, seconds, shown, sized, speed, title};

/// Who loads, as the arguments of the process name them.
const LOADERS: [&str; 3] = ["heirloom", "peer", "bare"];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, load, loader, input, output, ..] = arguments.as_slice()
        && load == "--load"
    {
        return child(loader, Path::new(input), Path::new(output));
    }
    let corpus = corpus();
    title(&format!("bulk: import of {} contacts and {} notes as JSON Lines", corpus.contacts, corpus.notes));
    let directory = support::directory();
    let input = directory.path().join("corpus.jsonl");
    io::copy(&mut corpus.reader(), &mut BufWriter::new(File::create(&input).unwrap())).unwrap();
    let (mut times, mut peak) = ([const { Vec::new() }; 3], 0.0_f64);
    for _ in 0..3 {
        for (at, loader) in LOADERS.iter().enumerate() {
            let (seconds, memory) = load(loader, &input, &directory.path().join(loader));
            times[at].push(seconds);
            peak = peak.max(if at == 0 { memory } else { 0.0 });
        }
    }
    let [heirloom, full, bare] = times.map(|times| median(&times));
    println!("  heirloom: {}, {:.0} records/s", shown(heirloom), (corpus.contacts + corpus.notes) as f64 / heirloom);
    speed("against the peer with journal and full-text index", heirloom, full, Some(0.5));
    speed("against the bare peer", heirloom, bare, None);
    line("peak memory of the import", &format!("{peak:.0} MiB"), Some(("< 300 MB", peak < 300.0 / 1.048_576)));
}

fn corpus() -> Corpus {
    Corpus::new(sized(100_000), sized(1_000_000))
}

/// Has a fresh process load the input, and returns its seconds and its peak memory in MiB.
fn load(loader: &str, input: &Path, output: &Path) -> (f64, f64) {
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", output.display()));
    }
    let child =
        Command::new(std::env::current_exe().unwrap()).args(["--load", loader]).args([input, output]).output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let answer = String::from_utf8(child.stdout).unwrap();
    let (seconds, memory) = answer.trim().split_once(' ').unwrap();
    (seconds.parse().unwrap(), memory.parse().unwrap())
}

fn child(loader: &str, input: &Path, output: &Path) {
    let input = || File::open(input).unwrap();
    let seconds = match loader {
        "heirloom" => {
            let memory = Memory::open(output).unwrap();
            let members = corpus().members;
            memory
                .write(Actor::system("bench"), |w| {
                    members.iter().try_for_each(|name| w.add_member(NewMember::new(name)).map(drop))
                })
                .unwrap();
            seconds(|| {
                let report = memory.import("corpus").json_lines(input()).unwrap();
                assert_eq!(report.skipped, 0, "{report}");
            })
        }
        _ => {
            let keeps = if loader == "bare" { Keeps::Tables } else { Keeps::JournalAndWords };
            let connection = peer::connect(output, Durability::Full);
            peer::found(&connection);
            seconds(|| peer::Writer::new(&connection, keeps).load(BufReader::with_capacity(1 << 16, input())))
        }
    };
    println!("{seconds} {}", peak_memory().unwrap_or(f64::NAN));
}
