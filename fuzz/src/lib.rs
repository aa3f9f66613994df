//! What the fuzz targets have in common: memories to import into, and what must hold of every import.
//!
//! ```sh
//! cd fuzz && mkdir -p corpus/card
//! cargo run --release --bin card -- corpus/card ../tests/kit/cards   # until it is stopped, or finds a fault
//! cargo run --release --bin card -- crash-…                          # that fault again
//! ```

pub mod entries;

use std::io::Cursor;

use heirloom::bundle::{Arrival, Bag, BundleError, Opening};
use heirloom::chrono::DateTime;
use heirloom::{Actor, Error, ImportReport, Memory, Result};

/// An empty memory whose clock stands still, so that an input does the same each time.
pub fn memory() -> Memory {
    let now = DateTime::from_timestamp_micros(entries::BEGIN + 86_400_000_000).expect("a day in 2025");
    Memory::options().clock(move || now).in_memory().expect("a memory is opened")
}

/// The memory whose file lies with the tests: there is an entry of every kind in it.
pub fn every_kind() -> Memory {
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/0.1.0.heirloom");
    let copy = std::env::temp_dir().join(format!("heirloom-fuzz-{}.heirloom", std::process::id()));
    std::fs::copy(kept, &copy).expect("the fixture is copied");
    let memory = Memory::open(&copy).expect("the fixture is opened");
    for part in ["", "-wal", "-shm"] {
        let _gone = std::fs::remove_file(format!("{}{part}", copy.display()));
    }
    memory
}

/// Opens bytes as a bundle.
pub fn open(opening: &Opening, zip: &[u8]) -> Result<Bag, BundleError> {
    opening.open_reader("fuzz.zip", Cursor::new(zip.to_vec()))
}

/// What is refused is refused for what it is: in words, and not as a fault of heirloom or of the file.
pub fn is_refusal(error: &Error) {
    let is_fault = matches!(error, Error::Fault { .. } | Error::Damaged { .. } | Error::Detached { .. });
    assert!(!is_fault && error.to_string().len() > 20, "{error}");
}

/// Whatever was taken in, the memory is what its journal says.
pub fn is_sound(memory: &Memory) {
    let verified = memory.verify().expect("a memory is verified");
    assert!(verified.is_sound(), "{verified}");
}

/// Says what a bundle would bring; the memory stays as it was, and an error is one in words.
pub fn preview(memory: &Memory, bag: &Bag) -> Result<Arrival> {
    let before = memory.head().expect("a head");
    let previewed = memory.import_bundle(bag).preview();
    assert_eq!(memory.head().expect("a head"), before, "a preview changed the memory");
    previewed.inspect(|arrival| assert!(!arrival.to_string().is_empty())).inspect_err(is_refusal)
}

/// Takes a bundle in, which a preview did not refuse; a second time it brings nothing.
pub fn take_in(memory: &Memory, bag: &Bag) {
    for is_second in [false, true] {
        let before = memory.head().expect("a head");
        let arrival = memory.import_bundle(bag).run(Actor::system("fuzz"));
        let arrival = arrival.expect("what can be previewed can be taken in");
        assert!(!is_second || memory.head().expect("a head") == before, "it came twice: {arrival}");
    }
    is_sound(memory);
}

/// Imports a file of another system into an empty memory, and what came of it once more.
pub fn import(read: impl Fn(&Memory) -> Result<ImportReport>) {
    let memory = memory();
    let before = memory.head().expect("a head");
    match read(&memory) {
        Err(error) => {
            is_refusal(&error);
            assert_eq!(memory.head().expect("a head"), before, "an error left something behind");
        }
        Ok(report) => {
            assert!(!report.to_string().is_empty());
            if memory.head().expect("a head") != before {
                again(&memory, &report, read);
            }
        }
    }
}

/// A second import of a file adds nothing, and changes nothing unless the file contradicts itself.
fn again(memory: &Memory, first: &ImportReport, read: impl Fn(&Memory) -> Result<ImportReport>) {
    let before = memory.head().expect("a head");
    let report = read(memory).expect("what was read can be read again");
    assert_eq!((report.contacts_added, report.notes_added), (0, 0), "a second import added something: {report}");
    if (first.contacts_changed, first.notes_changed) == (0, 0) {
        assert_eq!(memory.head().expect("a head"), before, "a second import changed something: {report}");
    }
    is_sound(memory);
    let mut cards = Vec::new();
    let exported = memory.export().vcards(&mut cards).expect("what was imported can be exported");
    assert!(!exported.to_string().is_empty());
}
