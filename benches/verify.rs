//! Verification of a memory with 100,000 notes: how long it takes, and the memory that it takes beyond the open file.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench ends at the first fault"
)]

mod support;

use std::path::Path;
use std::process::Command;

use heirloom::{Durability, Memory};

use support::corpus::Corpus;
use support::{line, median, peak_memory, seconds, shown, sized, title};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, verify, path, ..] = arguments.as_slice()
        && verify == "--verify"
    {
        return child(Path::new(path));
    }
    let corpus = Corpus::new(sized(10_000), sized(100_000));
    title(&format!("verify: {} contacts, {} notes", corpus.contacts, corpus.notes));
    let directory = support::directory();
    let path = support::filled(directory.path(), &corpus, Durability::Normal).path;
    let runs: Vec<(f64, f64)> = (0..3).map(|_| verify(&path)).collect();
    let (seconds, memory): (Vec<f64>, Vec<f64>) = runs.into_iter().unzip();
    let (seconds, memory) = (median(&seconds), median(&memory));
    line("pages, chains, tables by replay, words", &shown(seconds), Some(("< 2 s", seconds < 2.0)));
    line("memory beyond that of the open file", &format!("{memory:.0} MiB"), Some(("< 32 MiB", memory < 32.0)));
}

/// Has a fresh process verify the file, and returns its seconds and the MiB that it took.
fn verify(path: &Path) -> (f64, f64) {
    let child = Command::new(std::env::current_exe().unwrap()).arg("--verify").arg(path).output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let answer = String::from_utf8(child.stdout).unwrap();
    let (seconds, memory) = answer.trim().split_once(' ').unwrap();
    (seconds.parse().unwrap(), memory.parse().unwrap())
}

fn child(path: &Path) {
    let memory = Memory::open(path).unwrap();
    assert!(memory.count_contacts().unwrap() > 0);
    let before = peak_memory().unwrap_or(f64::NAN);
    let seconds = seconds(|| {
        let found = memory.verify().unwrap();
        assert!(found.findings.is_empty(), "{found}");
    });
    println!("{seconds} {}", peak_memory().unwrap_or(f64::NAN) - before);
}
