//! Opening anything at all: it ends, in a bag or in words, and a bag holds what its manifests say.
//!
//! Inputs are random, mutated, and spliced from sound bags; the targets in `fuzz` go on from there, by what an input reaches.

use std::io::Cursor;

use heirloom::bundle::{Bag, Opening};
use proptest::prelude::*;

use crate::craft::{Entry, Kit, hash, zip};
use crate::small;

/// Opens bytes by both rules. What opens must be what its manifest says.
fn opens_or_says_why(bytes: &[u8]) {
    for opening in [Opening::new(), Opening::new().any_bag()] {
        match opening.open_reader("x.zip", Cursor::new(bytes.to_vec())) {
            Ok(bag) => is_what_it_says(&bag),
            Err(error) => assert!(error.to_string().len() > 20, "{error}"),
        }
    }
}

fn is_what_it_says(bag: &Bag) {
    let manifest = String::from_utf8(bag.read_to_vec("manifest-sha256.txt").unwrap()).unwrap();
    for file in bag.files().filter(|file| file.name.starts_with("data/")) {
        let bytes = bag.read_to_vec(file.name).unwrap();
        assert_eq!(bytes.len() as u64, file.size);
        assert!(manifest.contains(&hash(&bytes)), "{}", file.name);
    }
}

/// Changes to bytes: a place in thousandths of the length, and what happens there.
#[derive(Clone, Debug)]
enum Change {
    Set(u16, u8),
    Cut(u16, u16),
    Repeat(u16, u16),
    Number(u16, u32),
}

fn change() -> impl Strategy<Value = Change> {
    let numbers = prop_oneof![Just(0), Just(1), Just(0xffff), Just(0x7fff_ffff), Just(u32::MAX), any::<u32>()];
    prop_oneof![
        (0..10_000_u16, any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (0..10_000_u16, 1..200_u16).prop_map(|(at, length)| Change::Cut(at, length)),
        (0..10_000_u16, 1..200_u16).prop_map(|(at, length)| Change::Repeat(at, length)),
        (0..10_000_u16, numbers).prop_map(|(at, number)| Change::Number(at, number)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let at = |place: u16| bytes.len() * usize::from(place) / 10_000;
    let span = |place: u16, length: u16| at(place)..(at(place) + usize::from(length)).min(bytes.len());
    match *change {
        _ if bytes.is_empty() => {}
        Change::Set(place, byte) => {
            let at = at(place);
            bytes[at] = byte;
        }
        Change::Cut(place, length) => drop(bytes.drain(span(place, length))),
        Change::Repeat(place, length) => {
            let span = span(place, length);
            let copy = bytes[span.clone()].to_vec();
            bytes.splice(span.start..span.start, copy);
        }
        Change::Number(place, number) => {
            let span = span(place, 4);
            let length = span.len();
            bytes[span].copy_from_slice(&number.to_le_bytes()[..length]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("HEIRLOOM_LONG").is_some() { 200_000 } else { 2_000 }))]

    #[test]
    fn a_mutated_bundle_opens_to_the_truth_or_is_refused(changes in prop::collection::vec(change(), 1..6)) {
        let mut bytes = small(None);
        changes.iter().for_each(|change| apply(&mut bytes, change));
        opens_or_says_why(&bytes);
    }

    #[test]
    fn any_bytes_end_in_words(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        opens_or_says_why(&bytes);
    }

    #[test]
    fn any_tag_files_end_in_words(
        name in prop_oneof![
            Just("bagit.txt"), Just("bag-info.txt"), Just("manifest-sha256.txt"), Just("manifest-md5.txt"),
            Just("tagmanifest-sha256.txt"), Just("fetch.txt"), Just("tagmanifest-sha256.txt.sig"),
        ],
        text in "[ -~\t\r\n]{0,120}|[a-f0-9]{64} [ *.]{0,2}[ -~]{0,30}(\r|\n|\r\n)?|.{0,60}",
        relist in any::<bool>(),
    ) {
        let mut kit = Kit::whole();
        kit.put(name, &text);
        if relist && !name.starts_with("tagmanifest") {
            kit.list_tags();
        }
        for opening in [Opening::new(), Opening::new().any_bag()] {
            if let Err(error) = opening.open_reader("x.zip", Cursor::new(kit.zip())) {
                prop_assert!(error.to_string().len() > 20, "{error}");
            }
        }
    }

    #[test]
    fn any_name_is_refused_or_stays_inside(name in "[a-zA-Z.~/ :\\\\\u{e9}\u{202e}%-]{1,30}") {
        let entries: Vec<Entry> = Kit::whole().entries().into_iter().chain([Entry::stored(&format!("handoff/{name}"), b"")]).collect();
        let bag = Opening::new().any_bag().open_reader("x.zip", Cursor::new(zip(&entries)));
        for file in bag.iter().flat_map(Bag::files) {
            prop_assert!(!file.name.split('/').any(|part| part.is_empty() || part == ".."), "{}", file.name);
            prop_assert!(!file.name.contains(['\\', ':']), "{}", file.name);
        }
    }
}
