//! Any bytes as a bundle: as its ZIP, or, after `bag`, as the files of one whose ZIP and manifests fit.
//!
//! Each file then begins with a byte of zero and its name on a line.
#![no_main]

#[path = "../../tests/bundle/craft.rs"]
#[allow(dead_code, unused_macros, clippy::unwrap_used, reason = "the tests of bundles use more of it")]
mod craft;

use std::sync::LazyLock;

use craft::Kit;
use heirloom::Memory;
use heirloom::bundle::{Bag, Opening};
use heirloom_fuzz::{every_kind, memory, open, preview};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

const MANIFEST: &str = "manifest-sha256.txt";
const TAG_MANIFEST: &str = "tagmanifest-sha256.txt";
static EMPTY: LazyLock<Memory> = LazyLock::new(memory);

/// Where the fuzzer begins: a bundle as it is written, and a bag as ZIP and as files.
static SEEDS: LazyLock<[Vec<u8>; 4]> = LazyLock::new(|| {
    let mut whole = Vec::new();
    let _report = every_kind().bundle().write(&mut whole).expect("a bundle is written");
    let kit = Kit::whole();
    let mut unlisted = kit.clone();
    unlisted.take(MANIFEST).take(TAG_MANIFEST);
    [whole, kit.zip(), files(&kit), files(&unlisted)]
});

fn files(kit: &Kit) -> Vec<u8> {
    let file = |(name, bytes): (&String, &Vec<u8>)| [b"\0", name.as_bytes(), b"\n", bytes].concat();
    [b"bag".to_vec(), kit.0.iter().flat_map(file).collect()].concat()
}

/// Lists what is there in the manifests that are not.
fn bag(text: &[u8]) -> Vec<u8> {
    let mut kit = Kit([].into());
    for file in text.split(|byte| *byte == 0).skip(1) {
        let name = file.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let bytes = file.get(name.len() + 1..).unwrap_or_default();
        kit.put(&String::from_utf8_lossy(name), bytes);
    }
    match (kit.0.contains_key(MANIFEST), kit.0.contains_key(TAG_MANIFEST)) {
        (false, _) => kit.list().zip(),
        (true, false) => kit.list_tags().zip(),
        (true, true) => kit.zip(),
    }
}

/// What opened is whole: its files can be read, and have the size that was told.
fn is_whole(bag: &Bag) {
    for file in bag.files() {
        assert_eq!(bag.read_to_vec(file.name).expect("a verified file is read").len() as u64, file.size);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let zip = bytes.strip_prefix(b"bag").map_or_else(|| bytes.to_vec(), bag);
    for opening in [Opening::new(), Opening::new().any_bag()] {
        match open(&opening, &zip) {
            Ok(bag) => {
                is_whole(&bag);
                let _told = preview(&EMPTY, &bag);
            }
            Err(error) => assert!(error.to_string().len() > 20, "{error}"),
        }
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let start = &SEEDS[seed as usize % SEEDS.len()];
    let size = match data.get_mut(..start.len()) {
        Some(place) if size < 2 && start.len() <= max_size => {
            place.copy_from_slice(start);
            start.len()
        }
        _ => size,
    };
    fuzzer_mutate(data, size, max_size)
});
