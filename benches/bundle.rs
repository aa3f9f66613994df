//! Packing a whole memory into a bundle and taking it in elsewhere, against the bare floor of both, written by hand.
//!
//! The floor of packing reads the same rows by plain statements: the journal a line an entry, every contact and note once
//! more for the cards and once more for the tables; hashes and deflates them as a bundle does, and formats nothing. The
//! floor of taking in reads the same bundle: it inflates and hashes each of its files, parses the journal, and loads what it
//! says into tables by statements held, in one transaction, all on one thread. It checks nothing, and believes the journal
//! without its chains. Once it fills the bare tables with their indexes (contacts, handles, tags, fields, notes, who looks
//! after whom): that is the bare floor, for which the bar is. It cannot search, and could not pack the bundle again. Once it
//! fills a journal and a full-text index as well, which a memory does, too.
//!
//! Each runs in a process of its own, so that its peak memory is its own.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench ends at the first fault"
)]

mod support;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use heirloom::bundle::Opening;
use heirloom::{Actor, Durability, Memory};
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use support::corpus::Corpus;
use support::peer::{self, Keeps};
use support::{line, median, peak_memory, seconds, shown, sized, speed, title};

/// The level at which a bundle is deflated.
const LEVEL: u32 = 6;
/// What is measured, as the arguments of the process name it.
const WAYS: [&str; 5] = ["pack", "pack-floor", "take-in", "take-in-bare", "take-in-full"];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, run, way, directory, ..] = arguments.as_slice()
        && run == "--run"
    {
        return child(way, Path::new(directory));
    }
    let corpus = corpus();
    title(&format!("bundle: {} contacts and {} notes", corpus.contacts, corpus.notes));
    let directory = support::directory();
    let filled = support::filled(directory.path(), &corpus, Durability::Normal);
    std::fs::rename(filled.path, directory.path().join("filled")).unwrap();
    let (mut times, mut peak) = ([const { Vec::new() }; WAYS.len()], [0.0_f64; WAYS.len()]);
    for _ in 0..3 {
        for (at, way) in WAYS.iter().enumerate() {
            let (seconds, memory) = run(way, directory.path());
            times[at].push(seconds);
            peak[at] = peak[at].max(memory);
        }
    }
    let [pack, pack_floor, take_in, bare, full] = times.map(|times| median(&times));
    println!("  packing: {}, taking in: {}", shown(pack), shown(take_in));
    speed("packing, against the bare floor", pack, pack_floor, Some(0.5));
    speed("taking in, against the bare floor", take_in, bare, Some(0.5));
    speed("taking in, against the floor with journal and full text", take_in, full, None);
    for (what, peak) in [("packing", peak[0]), ("taking in", peak[2])] {
        let bar = ("< 300 MB", peak < 300.0 / 1.048_576);
        line(&format!("peak memory of {what}"), &format!("{peak:.0} MiB"), Some(bar));
    }
}

fn corpus() -> Corpus {
    Corpus::new(sized(100_000), sized(1_000_000))
}

/// Has a fresh process do it, and returns its seconds and its peak memory in MiB.
fn run(way: &str, directory: &Path) -> (f64, f64) {
    for name in ["taken-in", "taken-in-wal", "taken-in-shm"] {
        let _ = std::fs::remove_file(directory.join(name));
    }
    let child = Command::new(std::env::current_exe().unwrap()).args(["--run", way]).arg(directory).output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let answer = String::from_utf8(child.stdout).unwrap();
    let (seconds, memory) = answer.trim().split_once(' ').unwrap();
    (seconds.parse().unwrap(), memory.parse().unwrap())
}

fn child(way: &str, directory: &Path) {
    let (filled, bundle, taken_in) =
        (directory.join("filled"), directory.join("bundle.zip"), directory.join("taken-in"));
    let took = match way {
        "pack" => {
            let memory = Memory::options().must_exist().open(filled).unwrap();
            seconds(|| drop(memory.bundle().write(File::create(bundle).unwrap()).unwrap()))
        }
        "pack-floor" => seconds(|| pack_floor(&filled, File::create(directory.join("floor")).unwrap())),
        "take-in" => {
            let memory = Memory::open(taken_in).unwrap();
            seconds(|| {
                let bag = Opening::new().open(&bundle).unwrap();
                let arrival = memory.import_bundle(&bag).run(Actor::system("bench")).unwrap();
                drop(arrival);
            })
        }
        _ => {
            let keeps = if way == "take-in-bare" { Keeps::Tables } else { Keeps::JournalAndWords };
            let connection = peer::connect(&taken_in, Durability::Full);
            peer::found(&connection);
            let mut writer = peer::Writer::new(&connection, keeps);
            seconds(|| {
                each_file(&bundle, &mut |name, inflated| {
                    let mut hashed = Hashed { inner: inflated, hasher: Sha256::new() };
                    match name.ends_with("journal.jsonl") {
                        true => writer.load_journal(BufReader::with_capacity(1 << 16, hashed)),
                        false => drop(io::copy(&mut hashed, &mut io::sink()).unwrap()),
                    }
                });
            })
        }
    };
    println!("{took} {}", peak_memory().unwrap_or(f64::NAN));
}

/// Inflates the files of a bundle, of which none needs ZIP64.
fn each_file(bundle: &Path, each: &mut dyn FnMut(&str, &mut dyn Read)) {
    let mut file = File::open(bundle).unwrap();
    let mut end = [0; 22];
    file.seek(SeekFrom::End(-22)).unwrap();
    file.read_exact(&mut end).unwrap();
    let mut directory = vec![0; number(&end[12..16])];
    file.seek(SeekFrom::Start(number(&end[16..20]) as u64)).unwrap();
    file.read_exact(&mut directory).unwrap();
    let mut rest = directory.as_slice();
    while !rest.is_empty() {
        let name = number(&rest[28..30]);
        let (method, packed, at) = (rest[10], number(&rest[20..24]), number(&rest[42..46]) as u64);
        let mut local = [0; 30];
        file.seek(SeekFrom::Start(at)).unwrap();
        file.read_exact(&mut local).unwrap();
        file.seek_relative((number(&local[26..28]) + number(&local[28..30])) as i64).unwrap();
        let mut stored = BufReader::with_capacity(1 << 16, &file).take(packed as u64);
        let path = std::str::from_utf8(&rest[46..46 + name]).unwrap();
        match method {
            8 => each(path, &mut DeflateDecoder::new(stored)),
            _ => each(path, &mut stored),
        }
        rest = &rest[46 + name + number(&rest[30..32]) + number(&rest[32..34])..];
    }
}

/// Reads a number whose lowest byte is first.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Bytes that are hashed on their way.
struct Hashed<T> {
    inner: T,
    hasher: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.hasher.update(buffer);
        self.inner.write_all(buffer)?;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes what a bundle holds, without any form.
fn pack_floor(input: &Path, output: File) {
    let connection = Connection::open(input).unwrap();
    let deflated = DeflateEncoder::new(output, Compression::new(LEVEL));
    let mut output = BufWriter::with_capacity(1 << 16, Hashed { inner: deflated, hasher: Sha256::new() });
    let notes =
        "SELECT n.* FROM note_contact l JOIN note n ON n.key = l.note ORDER BY l.contact, l.happened_at, l.note";
    let contacts = "SELECT c.*, h.address FROM contact c LEFT JOIN handle h ON h.contact = c.key ORDER BY c.key";
    let assignments = "SELECT a.*, m.name FROM assignment a JOIN member m ON m.key = a.member ORDER BY a.contact";
    let journal = "SELECT e.*, b.salt, b.body FROM entry e JOIN entry_body b ON b.seq = e.seq ORDER BY e.seq";
    for statement in [journal, contacts, notes, assignments, contacts, notes, assignments] {
        peer::dump(&connection, statement, &mut output);
    }
    output.flush().unwrap();
}
