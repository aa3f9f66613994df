//! Writing: the same bytes for the same files, and no bag that its receiver would refuse.

use std::io::{Cursor, Write};

use heirloom::bundle::{BagInfo, BagWriter, Limits, Opening, Packing};

use crate::{info, open, small};

#[test]
fn the_same_files_give_the_same_bytes_however_they_came() {
    assert_eq!(small(None), small(None));
    let streamed = |pieces: usize| {
        let mut bag = BagWriter::new(Vec::new(), "handoff").unwrap();
        let text = "a line of a journal\n".repeat(10_000);
        let mut file = bag.file("data/journal.jsonl").unwrap();
        for piece in text.as_bytes().chunks(pieces) {
            file.write_all(piece).unwrap();
            file.flush().unwrap();
        }
        assert_eq!(file.finish().unwrap(), 200_000);
        bag.finish(&info(), None).unwrap()
    };
    assert_eq!(streamed(1_000), streamed(200_000));
}

#[test]
fn what_was_written_comes_out_and_says_what_it_is() {
    let bag = open(&small(None)).unwrap();
    assert_eq!(bag.info("Source-Organization"), Some("The Agency"));
    assert_eq!(bag.info("Bagging-Date"), Some("2025-03-12"));
    assert_eq!(bag.info("payload-oxum"), Some("810.2"));
    assert_eq!(bag.bagit_version(), (1, 0));
    assert!(bag.remarks().is_empty());
    let names: Vec<_> = bag.files().map(|file| file.name).collect();
    let expected =
        ["README.txt", "bag-info.txt", "bagit.txt", "data/journal.jsonl", "data/notes.csv", "manifest-sha256.txt"];
    assert_eq!(names, expected);
    assert_eq!(bag.read_to_vec("README.txt").unwrap(), b"Open data/index.html");
    assert_eq!(
        bag.read("data/nothing").map(|_| ()).unwrap_err().to_string(),
        "handoff.zip: data/nothing: the bundle has no such file"
    );
}

#[test]
fn files_of_a_bundle_are_read_side_by_side() {
    use std::io::{BufRead, BufReader};
    let bag = open(&small(None)).unwrap();
    let journal = BufReader::with_capacity(7, bag.read("data/journal.jsonl").unwrap()).lines();
    let notes = BufReader::with_capacity(5, bag.read("data/notes.csv").unwrap()).lines();
    let mut both = journal.zip(notes);
    let (first, second) = both.next().unwrap();
    assert_eq!((first.unwrap().as_str(), second.unwrap().as_str()), ("{\"line\":0}", "when,what"));
    assert_eq!(both.count(), 19);
}

#[test]
fn names_that_a_receiver_would_refuse_are_refused_at_once() {
    let mut bag = BagWriter::new(Vec::new(), "handoff").unwrap();
    let mut said = |name: &str| bag.add(name, b"x", Packing::Stored).unwrap_err().to_string();
    for (name, words) in [
        ("data/../x", "leads up and out"),
        ("/data/x", "is an absolute path"),
        ("data/caf\u{e9}.txt", "characters other than ASCII"),
        ("data/100%.txt", "or a %"),
        ("data/aux.txt", "that of a device"),
        ("bagit.txt", "the writer of a bag makes this file"),
        ("Manifest-SHA256.txt", "the writer of a bag makes this file"),
        ("tagmanifest-crc32.txt", "the writer of a bag makes this file"),
        ("tagmanifest-sha256.txt.sig", "the writer of a bag makes this file"),
        ("", "is empty"),
    ] {
        assert!(said(name).contains(words), "{name}: {}", said(name));
    }
    bag.add("data/x", b"x", Packing::Stored).unwrap();
    let mut said = |name: &str| bag.add(name, b"x", Packing::Stored).unwrap_err().to_string();
    assert!(said("data/X").contains("by case or Unicode form alone"));
    assert!(said("data/x").contains("it is in the bundle twice"));
    assert!(said("data/x/y").contains("it lies in data/x, which is a file"));
    for top in ["a/b", "..", "caf\u{e9}", ""] {
        assert!(BagWriter::new(Vec::new(), top).is_err(), "{top}");
    }
}

#[test]
fn a_file_that_was_not_finished_is_not_passed_over() {
    let mut bag = BagWriter::new(Vec::new(), "handoff").unwrap();
    drop(bag.file("data/journal.jsonl").unwrap());
    let said = bag.add("data/x", b"x", Packing::Stored).unwrap_err().to_string();
    assert!(said.starts_with("data/journal.jsonl: it was begun and not finished"), "{said}");
    assert!(bag.finish(&info(), None).is_err());
}

#[test]
fn information_that_would_forge_another_field_is_refused() {
    let said = |label: &str, value: &str| {
        let info = BagInfo::new("2025-03-12".parse().unwrap()).field(label, value);
        BagWriter::new(Vec::new(), "handoff").unwrap().finish(&info, None).unwrap_err().to_string()
    };
    assert!(said("Contact-Name", "Tom\nBagging-Date: 1999-01-01").contains("the value of Contact-Name has a line end"));
    assert!(said("Contact Name", "Tom").contains("cannot be a label"));
    assert!(said("payload-oxum", "1.1").contains("is put in by the writer"));
}

/// A bag of one file that came in pieces of so many bytes.
fn streamed(bytes: &[u8], piece: usize, limits: &Limits) -> Vec<u8> {
    let mut bag = BagWriter::new(Vec::new(), "handoff").unwrap().limits(limits.clone());
    let mut file = bag.file("data/journal.jsonl").unwrap();
    bytes.chunks(piece).for_each(|piece| file.write_all(piece).unwrap());
    assert_eq!(file.finish().unwrap(), bytes.len() as u64);
    bag.finish(&info(), None).unwrap()
}

#[test]
fn what_packs_like_a_bomb_is_written_so_that_it_can_be_opened() {
    let zeros = vec![0; 15 << 20];
    let mut bag = BagWriter::new(Vec::new(), "handoff").unwrap();
    bag.add("data/zeros", &zeros, Packing::Deflated).unwrap();
    let zip = bag.finish(&info(), None).unwrap();
    assert_eq!(open(&zip).unwrap().read_to_vec("data/zeros").unwrap(), zeros);

    let usual = Limits::default();
    let zip = streamed(&zeros, 1 << 20, &usual);
    assert!(zip.len() < zeros.len() / 90, "most of it is packed: {} bytes", zip.len());
    assert_eq!(open(&zip).unwrap().read_to_vec("data/journal.jsonl").unwrap(), zeros);
    assert!(streamed(&zeros, 4_711, &usual) == zip, "the bytes are not those of the pieces of another size");
}

#[test]
fn a_streamed_file_keeps_any_ratio_whatever_its_length_and_wherever_it_repeats() {
    let mut seed = 0x9e37_79b9_u32;
    let mut noise = |length: usize| -> Vec<u8> {
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            seed as u8
        };
        (0..length).map(|_| next()).collect()
    };
    let (mib, stretch) = (1 << 20, 64 << 10);
    let long = [noise(300_000), vec![b'a'; 2 * mib], noise(10_000), b"ab".repeat(mib), noise(10)].concat();
    for length in [0, 1, stretch, mib - 1, mib, mib + 1, mib + stretch + 1, long.len()] {
        for ratio in [0, 2, 200, 1_000] {
            let mut limits = Limits::default();
            limits.ratio = ratio;
            for bytes in [&vec![0; length], &long[..length]] {
                let zip = Cursor::new(streamed(bytes, mib, &limits));
                let bag = Opening::new().limits(limits.clone()).open_reader("handoff.zip", zip);
                let read = bag
                    .unwrap_or_else(|e| panic!("{length} bytes at {ratio} to 1: {e}"))
                    .read_to_vec("data/journal.jsonl");
                assert!(read.unwrap() == *bytes, "{length} bytes at {ratio} to 1 came out as others");
            }
        }
    }
}

#[test]
fn a_bag_that_grows_over_a_limit_is_refused_where_it_is_written() {
    let mut limits = Limits::default();
    limits.file = 10;
    let mut bag = BagWriter::new(Vec::new(), "handoff").unwrap().limits(limits.clone());
    let said = bag.add("data/x", &[0; 11], Packing::Stored).unwrap_err().to_string();
    assert_eq!(said, "data/x: it grows over 10 bytes, the limit for one file");
    let mut file = bag.file("data/y").unwrap();
    file.write_all(&[0; 10]).unwrap();
    assert!(file.write_all(&[0]).unwrap_err().to_string().contains("data/y: it grows over 10 bytes"));
    limits.files = 1;
    let mut bag = BagWriter::new(Vec::new(), "handoff").unwrap().limits(limits);
    assert!(bag.add("data/x", b"", Packing::Stored).unwrap_err().to_string().contains("has 1 files already"));
}

#[test]
fn a_bag_of_more_files_than_a_plain_zip_counts_is_whole() {
    let mut bag = BagWriter::new(Vec::new(), "handoff").unwrap();
    for number in 0..66_000 {
        bag.add(&format!("data/{number}"), b"", Packing::Stored).unwrap();
    }
    let zip = bag.finish(&info(), None).unwrap();
    let bag = Opening::new().open_reader("handoff.zip", Cursor::new(zip)).unwrap();
    assert_eq!(bag.files().count(), 66_003);
    let signature = heirloom::bundle::Signer::sign(&crate::signing::key(), bag.tag_manifest().unwrap()).unwrap();
    let signed = bag.write_signed(&signature, Vec::new()).unwrap();
    assert_eq!(open(&signed).unwrap().files().count(), 66_003);
}

#[test]
fn a_disk_that_fails_while_a_bag_is_written_is_an_error_at_every_byte() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            match bytes.len().min(self.0) {
                0 if !bytes.is_empty() => Err(std::io::Error::other("no space is left")),
                taken => {
                    self.0 -= taken;
                    Ok(taken)
                }
            }
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let write = |room: usize| -> heirloom::bundle::Result<()> {
        let mut bag = BagWriter::new(Full(room), "handoff")?;
        bag.add("data/notes.csv", &b"when,what\n".repeat(20), Packing::Deflated)?;
        let mut file = bag.file("data/journal.jsonl")?;
        file.write_all(b"{}\n")?;
        file.finish()?;
        bag.finish(&info(), Some(&crate::signing::key())).map(|_| ())
    };
    let needed = (0..10_000).find(|room| write(*room).is_ok()).unwrap();
    for room in 0..needed {
        assert_eq!(write(room).unwrap_err().to_string(), "no space is left", "room for {room} bytes");
    }
}
