//! Bundles: what is written is what stock tools read, and what is broken is refused in words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod broken;
mod conformance;
mod craft;
mod files;
mod importing;
mod kit;
mod limits;
mod random;
mod scope;
#[cfg(feature = "age")]
mod sealing;
mod signing;
#[cfg(heirloom_stock)]
mod stock;
mod threads;
mod writing;

use std::io::Cursor;

use heirloom::bundle::{Bag, BagInfo, BagWriter, BundleError, Opening, Packing, Signer};

/// Opens bytes as a bundle.
fn open(zip: &[u8]) -> Result<Bag, BundleError> {
    Opening::new().open_reader("handoff.zip", Cursor::new(zip.to_vec()))
}

/// What is said of bytes that are no bundle.
fn refused(zip: &[u8]) -> String {
    open(zip).map(|_| ()).expect_err("it was opened").to_string()
}

/// A small bundle: two files of payload, one beside it.
fn small(signer: Option<&dyn Signer>) -> Vec<u8> {
    let mut bag = BagWriter::new(Vec::new(), "handoff").unwrap();
    bag.add("README.txt", b"Open data/index.html", Packing::Stored).unwrap();
    bag.add("data/notes.csv", "when,what\n2025-03-12,came by\n".repeat(20).as_bytes(), Packing::Deflated).unwrap();
    let mut journal = bag.file("data/journal.jsonl").unwrap();
    for line in 0..20 {
        std::io::Write::write_all(&mut journal, format!("{{\"line\":{line}}}\n").as_bytes()).unwrap();
    }
    journal.finish().unwrap();
    bag.finish(&info(), signer).unwrap()
}

fn info() -> BagInfo {
    BagInfo::new("2025-03-12".parse().unwrap()).field("Source-Organization", "The Agency")
}
