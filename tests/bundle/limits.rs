//! Each limit is kept, and stated with what was found.

use std::io::{Cursor, Read, Seek, SeekFrom};

use heirloom::bundle::{BundleFault, Limits, Opening};

use crate::craft::{Entry, Kit, zip};

/// What is said of a bag with a payload of these files, within limits.
fn said(set: impl Fn(&mut Limits), kit: &Kit) -> String {
    let mut limits = Limits::default();
    set(&mut limits);
    let error = Opening::new().limits(limits).open_reader("handoff.zip", Cursor::new(kit.zip())).unwrap_err();
    assert_eq!(error.fault(), BundleFault::Limit, "{error}");
    error.to_string()
}

#[test]
fn each_limit_is_stated_with_what_was_found() {
    let mut kit = Kit::whole();
    kit.put("data/a/b/c/d", vec![b'x'; 5_000]).put("data/e", vec![b'y'; 5_000]).list();
    let has = |words: &str, said: String| assert!(said.contains(words), "expected “{words}”, was told “{said}”");
    has("data/a/b/c/d: it has 5000 bytes unpacked, the limit for one file is 4999", said(|l| l.file = 4_999, &kit));
    has("the limit is 9000", said(|l| l.total = 9_000, &kit));
    has("it has 8 files and folders, the limit is 7", said(|l| l.files = 7, &kit));
    has("data/a/b/c/d: its name has 5 parts, the limit is 4", said(|l| l.depth = 4, &kit));
    has("data/journal.jsonl: its name has 18 bytes, the limit is 17", said(|l| l.name = 17, &kit));
    has("manifest-sha256.txt: it has 318 bytes, the limit for such a file is 200", said(|l| l.tag_file = 200, &kit));
    kit.put("manifest-sha512.txt", "x".repeat(300))
        .put("manifest-md5.txt", "")
        .put("bag-info.txt", format!("A: {}\n", "b".repeat(300)));
    has("such files have 676 bytes, the limit for all of them is twice 318", said(|l| l.tag_file = 318, &kit));
}

#[test]
fn a_folder_has_the_same_limits() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "12345").unwrap();
    std::fs::write(folder.path().join("b"), "12345").unwrap();
    let said = |set: fn(&mut Limits)| {
        let mut limits = Limits::default();
        set(&mut limits);
        Opening::new().limits(limits).open(folder.path()).unwrap_err().to_string()
    };
    assert!(said(|l| l.file = 4).contains("it has 5 bytes, the limit for one file is 4"));
    assert!(said(|l| l.total = 9).contains("the bundle has 10 bytes, the limit is 9"));
    assert!(said(|l| l.files = 1).contains("more than 1 files and folders"));
}

/// A source that counts what is read of it.
pub(crate) struct Counted<'a>(pub(crate) Cursor<Vec<u8>>, pub(crate) &'a std::sync::atomic::AtomicUsize);

impl Read for Counted<'static> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.fetch_add(read, std::sync::atomic::Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for Counted<'static> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn ten_gigabytes_of_zeros_are_refused_by_the_headers_alone() {
    static READ: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    // 4 GiB less one is the most that a header says without ZIP64; three of them are more than ten gigabytes.
    let mut entries = Kit::whole().entries();
    for name in ["handoff/data/a", "handoff/data/b", "handoff/data/c"] {
        let mut zeros = Entry::deflated(name, &vec![0; 4 << 20]);
        crate::both!(zeros, size, local_size, u32::MAX - 1);
        entries.push(zeros);
    }
    let bomb = zip(&entries);
    let error = Opening::new().open_reader("handoff.zip", Counted(Cursor::new(bomb), &READ)).unwrap_err();
    assert_eq!(error.fault(), BundleFault::Limit);
    assert!(
        error.to_string().contains("unpack to 4294967294, more than 200 times as many, which is the limit"),
        "{error}"
    );
    assert!(READ.load(std::sync::atomic::Ordering::Relaxed) < 10_000, "the data was not looked at");
}

#[test]
fn a_bomb_that_hides_its_size_gives_no_more_than_it_claims() {
    let mut entries = Kit::whole().entries();
    let mut zeros = Entry::deflated("handoff/data/a", &vec![0; 64 << 20]);
    crate::both!(zeros, size, local_size, 1_000);
    entries.push(zeros);
    let mut kit = Kit::whole();
    kit.put("data/a", vec![0; 1_000]).list();
    let manifests = entries.iter_mut().filter(|entry| entry.name.windows(9).any(|part| part == b"manifest-"));
    for entry in manifests {
        let name = String::from_utf8(entry.name.clone()).unwrap();
        *entry = Entry::stored(&name, &kit.0[name.strip_prefix("handoff/").unwrap()]);
    }
    let said = crate::refused(&zip(&entries));
    assert!(said.contains("data/a: it unpacks to more bytes than its header says"), "{said}");
}

#[test]
fn a_directory_that_claims_more_records_than_it_can_hold_is_refused_before_it_is_read() {
    let mut bytes = Kit::whole().zip();
    let end = bytes.len() - 22;
    bytes[end + 8..end + 12].copy_from_slice(&[0xfe, 0xff, 0xfe, 0xff]);
    assert!(crate::refused(&bytes).contains("its directory is not where its end says"));
}

#[test]
fn names_that_are_too_long_are_refused_before_they_are_held() {
    static READ: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let mut entries = Kit::whole().entries();
    for number in 0..100 {
        entries.push(Entry::stored(&format!("handoff/data/{number:03}{}", "x".repeat(60_000)), b""));
    }
    let zip = Counted(Cursor::new(zip(&entries)), &READ);
    let error = Opening::new().any_bag().open_reader("handoff.zip", zip).unwrap_err();
    assert_eq!(error.fault(), BundleFault::Limit);
    assert_eq!(
        error.to_string(),
        "handoff.zip: record 7: its name has 60016 bytes; the limit is 512 for the top folder and 512 for a path in it"
    );
    let read = READ.load(std::sync::atomic::Ordering::Relaxed);
    assert!(read < 20_000, "{read} bytes were read of more than twelve million");
}

#[test]
fn a_name_may_be_as_long_as_the_limit_says_below_a_top_folder_that_is_as_long() {
    let mut limits = Limits::default();
    limits.name = 32;
    let mut kit = Kit::whole();
    kit.put(&format!("data/{}", "x".repeat(27)), "x").list();
    let mut folder = Entry::stored(&format!("data/{}/", "y".repeat(27)), b"");
    folder.mode = 0o040_755;
    let mut entries: Vec<Entry> = kit.entries().into_iter().chain([folder]).collect();
    for entry in &mut entries {
        let below = String::from_utf8(entry.name.clone()).unwrap();
        let name = format!("{}/{}", "t".repeat(32), below.strip_prefix("handoff/").unwrap_or(&below)).into_bytes();
        crate::both!(entry, name, local_name, name.clone());
    }
    let bag = Opening::new().limits(limits).open_reader("handoff.zip", Cursor::new(zip(&entries)));
    assert_eq!(bag.unwrap().files().count(), 6);
}
