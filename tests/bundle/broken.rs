//! The kit of broken bags: each with the words that it must be refused by.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use heirloom::bundle::{Bag, Opening, TrustedKeys};
use sha2::{Digest, Sha512};

use crate::craft::{Entry, Kit, hash, zip};
use crate::{both, open, refused, small};

/// Asserts that each bag is refused by its words.
fn all_refused(cases: Vec<(&str, Vec<u8>)>) {
    for (words, bytes) in cases {
        let said = refused(&bytes);
        assert!(said.starts_with("handoff.zip: "), "it names the bundle: {said}");
        assert!(said.contains(words), "expected “{words}”, was told “{said}”");
    }
}

/// A whole bag that was changed.
fn kit(change: impl Fn(&mut Kit) -> &mut Kit) -> Vec<u8> {
    let mut kit = Kit::whole();
    change(&mut kit);
    kit.zip()
}

/// A whole bag of which the entry of `data/notes.csv` was changed.
fn entry(change: impl Fn(&mut Entry)) -> Vec<u8> {
    let mut entries = Kit::whole().entries();
    let notes = entries.iter_mut().find(|entry| entry.name.ends_with(b"notes.csv")).unwrap();
    change(notes);
    zip(&entries)
}

/// A whole bag that also lists a file of this name.
fn named(name: &str) -> Vec<u8> {
    kit(|kit| kit.put(name, "x").list())
}

/// All that a bundle hands out.
fn handed_out(bag: &Bag) -> BTreeMap<String, Vec<u8>> {
    let mut out: BTreeMap<_, _> =
        bag.files().map(|file| (file.name.to_owned(), bag.read_to_vec(file.name).unwrap())).collect();
    out.insert("the tag manifest".to_owned(), bag.tag_manifest().unwrap().to_vec());
    out
}

#[test]
fn the_kit_is_sound_before_it_is_broken() {
    let bag = open(&Kit::whole().zip()).unwrap();
    assert_eq!(bag.read_to_vec("data/notes.csv").unwrap(), b"when,what\n");
    assert!(open(&entry(|_| {})).is_ok());
    assert!(open(&named("data/another.txt")).is_ok());
}

#[test]
fn files_that_are_not_what_the_manifests_say_are_refused() {
    let payload = "manifest-sha256.txt";
    all_refused(vec![
        ("data/notes.csv: its sha256 hash is not the one in the manifest", kit(|k| k.put("data/notes.csv", "other"))),
        ("bag-info.txt: its sha256 hash is not", kit(|k| k.put("bag-info.txt", "Bagging-Date: 2025-03-13\n"))),
        (
            "manifest-sha256.txt: its sha256 hash is not",
            kit(|k| {
                let other = format!("{}  data/notes.csv\n{}  data/journal.jsonl\n", hash(b"other"), hash(b"{}\n"));
                k.put("data/notes.csv", "other").put(payload, other)
            }),
        ),
        ("tagmanifest-sha256.txt: it is not in the bundle", kit(|k| k.take("tagmanifest-sha256.txt"))),
        ("a signature would cover nothing", kit(|k| k.take("tagmanifest-sha256.txt"))),
        ("manifest-sha256.txt: there is none", kit(|k| k.take(payload).list_tags())),
        ("data/notes.csv: manifest-sha256.txt lists it, and it is not there", kit(|k| k.take("data/notes.csv"))),
        ("bag-info.txt: tagmanifest-sha256.txt lists it, and it is not there", kit(|k| k.take("bag-info.txt"))),
        ("data/more.csv: manifest-sha256.txt does not list it", kit(|k| k.put("data/more.csv", "x"))),
        ("note.txt: no manifest lists it", kit(|k| k.put("note.txt", "x"))),
        ("tagmanifest-md5.txt, line 1: it is not a md5 hash", kit(|k| k.put("tagmanifest-md5.txt", "zz  a\n"))),
        ("manifest-crc32.txt: it lists files by “crc32”", kit(|k| k.put("manifest-crc32.txt", "x").list_tags())),
        ("bagit.txt: it is not there, so this is no bag", kit(|k| k.take("bagit.txt"))),
        (
            "READ-ME-FIRST.html: tagmanifest-sha256.txt does not list it",
            kit(|k| {
                let hash: String = Sha512::digest(b"send money").iter().map(|byte| format!("{byte:02x}")).collect();
                let added = format!("{hash}  READ-ME-FIRST.html\n");
                k.put("READ-ME-FIRST.html", "send money").put("tagmanifest-sha512.txt", added)
            }),
        ),
        (
            "line 3: the file is listed twice",
            kit(|k| {
                let twice =
                    [k.0[payload].clone(), format!("{}  data/notes.csv\n", hash(b"when,what\n")).into()].concat();
                k.put(payload, twice).list_tags()
            }),
        ),
        ("fetch.txt: a bundle is whole and has nothing to fetch", kit(|k| k.put("fetch.txt", "").list())),
        (
            "data/far.csv: fetch.txt says to fetch it from elsewhere",
            kit(|k| k.put("fetch.txt", "https://elsewhere.example/far.csv - data/far.csv\n").list()),
        ),
        (
            "is not how BagIt writes a path",
            kit(|k| {
                let starred = String::from_utf8(k.0[payload].clone()).unwrap().replace("  data", " *data");
                k.put(payload, starred).list_tags()
            }),
        ),
        ("it says that the payload is 5.1", kit(|k| k.put("bag-info.txt", "Payload-Oxum: 5.1\n").list())),
        ("it says that the payload is lots", kit(|k| k.put("bag-info.txt", "Payload-Oxum: lots\n").list())),
        ("bag-info.txt, line 1: it is neither a label", kit(|k| k.put("bag-info.txt", "no colon\n").list())),
        (
            "where it does not belong",
            kit(|k| {
                let stray = [k.0[payload].clone(), format!("{}  bagit.txt\n", hash(&k.0["bagit.txt"])).into()].concat();
                k.put(payload, stray).list_tags()
            }),
        ),
    ]);
}

#[test]
fn a_declaration_that_is_not_to_the_letter_is_refused() {
    let declared = |text: &str| kit(|k| k.put("bagit.txt", text).list());
    let utf8 = "\nTag-File-Character-Encoding: UTF-8\n";
    all_refused(vec![
        ("its first line", declared("")),
        ("its first line", declared(&format!("BagIt-Version : 1.0{utf8}"))),
        ("its first line", declared(&format!("BagIt-Version: 1.0 {utf8}"))),
        ("its first line", declared(&format!("BagIt-Version: .97{utf8}"))),
        ("the bag is of BagIt 2.0; 0.93 to 0.97 and 1.0 are read", declared(&format!("BagIt-Version: 2.0{utf8}"))),
        ("its second line", declared("BagIt-Version: 1.0\n")),
        ("more than two lines", declared(&format!("BagIt-Version: 1.0{utf8}More: x\n"))),
        ("byte order mark", declared(&format!("\u{feff}BagIt-Version: 1.0{utf8}"))),
        ("“KLINGON” is no character encoding", declared("BagIt-Version: 1.0\nTag-File-Character-Encoding: KLINGON\n")),
        ("in UTF-16LE, not in UTF-8", declared("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-16\n")),
        ("bag-info.txt: it is not UTF-8", kit(|k| k.put("bag-info.txt", b"A: \xff\n").list())),
    ]);
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    all_refused(vec![
        ("leads up and out of the bundle", named("data/../../../etc/passwd")),
        ("leads up and out of the bundle", named("../outside")),
        ("has a backslash", named("data/..\\..\\outside")),
        ("has a colon, which is a drive", named("data/C:/windows")),
        ("has an empty part", named("data//x")),
        ("is an absolute path", named("/etc/passwd")),
        ("has the part “.”", named("data/./x")),
        ("ends in a dot or a blank", named("data/x.")),
        ("ends in a dot or a blank", named("data/x /y")),
        ("is that of a device", named("data/CON")),
        ("is that of a device", named("data/nul.txt")),
        ("is that of a device", named("data/com1/x")),
        ("is that of a device", named("data/LPT¹.csv")),
        ("has control characters", named("data/a\u{1b}[2Jb")),
        ("has control characters", named("data/a\u{202e}b")),
        ("characters other than ASCII, or a %", named("data/caf\u{e9}")),
        ("characters other than ASCII, or a %", named("data/100%")),
        ("is an absolute path", zip(&[Entry::stored("/etc/passwd", b"x")])),
        ("leads up and out", zip(&[Entry::stored("../x", b"x")])),
        ("leads up and out", zip(&[Entry::stored("handoff/bagit.txt", b""), Entry::stored("handoff/../../x", b"x")])),
        ("do not lie in one top folder", zip(&[Entry::stored("a/x", b"x"), Entry::stored("b/x", b"x")])),
        ("do not lie in one top folder", zip(&[Entry::stored("bagit.txt", b"x")])),
        ("do not lie in one top folder", zip(&[])),
    ]);
}

#[test]
fn names_that_some_system_takes_for_one_are_refused() {
    let pair = |one: &str, other: &str| kit(|k| k.put(one, "x").put(other, "x").list());
    let any =
        |zip: Vec<u8>| Opening::new().any_bag().open_reader("handoff.zip", Cursor::new(zip)).unwrap_err().to_string();
    let case = pair("data/readme", "data/README");
    assert!(refused(&case).contains("data/readme: it differs from data/README by case or Unicode form alone"));
    let folder = pair("data/x", "data/x/y");
    assert!(refused(&folder).contains("data/x/y: it lies in data/x, which is a file"), "{}", refused(&folder));
    for (one, other) in [("data/\u{e9}", "data/e\u{301}"), ("data/\u{fb01}", "data/fi"), ("data/\u{df}", "data/SS")] {
        assert!(any(pair(one, other)).contains("by case or Unicode form alone"), "{one} and {other}");
    }
    let mut twice = Kit::whole().entries();
    twice.push(Entry::stored("handoff/data/notes.csv", b"other"));
    assert!(refused(&zip(&twice)).contains("data/notes.csv: it is in the bundle twice"));
}

#[test]
fn a_zip_whose_headers_deceive_is_refused() {
    let disagree = "what stands before it and what the directory says of it disagree";
    all_refused(vec![
        (disagree, entry(|e| e.local_name = b"handoff/data/other.csv".to_vec())),
        (disagree, entry(|e| e.local_method = 8)),
        (disagree, entry(|e| e.local_flags = 1 << 11)),
        (disagree, entry(|e| e.local_crc ^= 1)),
        (disagree, entry(|e| e.local_size += 1)),
        (disagree, entry(|e| e.packed -= 1)),
        ("it is encrypted by ZIP", entry(|e| both!(e, flags, local_flags, 1))),
        ("it is encrypted by ZIP", entry(|e| both!(e, method, local_method, 99))),
        ("has flags that no bundle has", entry(|e| both!(e, flags, local_flags, 1 << 5))),
        ("it is packed by method 12", entry(|e| both!(e, method, local_method, 12))),
        ("it is a symbolic link", entry(|e| e.mode = 0o120_777)),
        ("it is a device", entry(|e| e.mode = 0o060_644)),
        ("a folder by its mode", entry(|e| e.mode = 0o040_755)),
        ("in another part of a ZIP", entry(|e| e.disk = 1)),
        ("it has a second name", entry(|e| e.extra = [&[0x75, 0x70, 5, 0][..], b"other"].concat())),
        ("its extra fields are cut off", entry(|e| e.extra = vec![1, 0, 200, 0])),
        ("have a gap between them", entry(|e| e.gap = b"hidden".to_vec())),
        ("overlap", entry(|e| e.at = Some(0))),
        ("a name is not UTF-8", entry(|e| both!(e, name, local_name, b"handoff/\xff".to_vec()))),
        ("neither ASCII nor marked as UTF-8", entry(|e| both!(e, name, local_name, "handoff/é".as_bytes().to_vec()))),
        ("its checksum is not the one in its header", entry(|e| both!(e, crc, local_crc, 7))),
        ("cannot be unpacked", entry(|e| both!(e, method, local_method, 8))),
        ("is named as a folder but holds bytes", entry(|e| both!(e, name, local_name, b"handoff/data/x/".to_vec()))),
        ("unpacks to more bytes", deflated(|e| both!(e, size, local_size, e.size - 1))),
        ("unpacks to fewer bytes", deflated(|e| both!(e, size, local_size, e.size + 1))),
        ("what stands after it", deflated(|e| both!(e, flags, local_flags, 8))),
        ("does not end as a ZIP does", [Kit::whole().zip(), b"more".to_vec()].concat()),
        ("does not end as a ZIP does", b"GIF89a, which is no ZIP at all".to_vec()),
        ("does not end as a ZIP does", Vec::new()),
        ("it is sealed (age); open it with the receiver's key", b"age-encryption.org/v1\n-> X25519 abc".to_vec()),
        ("does not end as a ZIP does", {
            let mut comment_to_come = Kit::whole().zip();
            *comment_to_come.last_mut().unwrap() = 1;
            comment_to_come
        }),
        ("its directory is not where its end says", [b"MZ before".to_vec(), Kit::whole().zip()].concat()),
    ]);
}

/// A whole bag of which the entry of `data/notes.csv` is deflated and then changed.
fn deflated(change: impl Fn(&mut Entry)) -> Vec<u8> {
    entry(|entry| {
        *entry = Entry::deflated("handoff/data/notes.csv", b"when,what\n");
        change(entry);
    })
}

#[test]
fn entries_that_share_their_bytes_are_refused() {
    // The bomb of overlapping files: many records of the directory over one piece of data.
    let mut entries = Kit::whole().entries();
    let bomb = Entry::deflated("handoff/data/a", &vec![0; 1 << 20]);
    entries.push(bomb.clone());
    let at = entries[..entries.len() - 1].iter().map(|e| 30 + e.name.len() + e.data.len()).sum::<usize>() as u32;
    entries.push(Entry { name: b"handoff/data/b".to_vec(), at: Some(at), ..bomb });
    assert!(refused(&zip(&entries)).contains("overlap"));
}

#[test]
fn a_bundle_that_is_cut_off_is_refused_wherever_it_was_cut() {
    let whole = small(None);
    for hundredth in 0..100 {
        let cut = &whole[..whole.len() * hundredth / 100];
        assert!(refused(cut).contains("it does not end as a ZIP does: it is cut off"), "at {hundredth} hundredths");
    }
    for cut in whole.len().saturating_sub(200)..whole.len() {
        refused(&whole[..cut]);
    }
}

#[test]
fn a_flipped_byte_is_refused_or_changes_nothing_that_is_handed_out() {
    let whole = small(Some(&crate::signing::key()));
    let keys = TrustedKeys::parse(crate::signing::PUBLIC).unwrap();
    let at = "2025-03-12T12:00:00Z".parse().unwrap();
    let before = open(&whole).unwrap();
    let (expected, signed) = (handed_out(&before), before.signature(&keys, at));
    let mut harmless = 0;
    for place in 0..whole.len() {
        for flip in [1, 0x80, 0xff] {
            let mut flipped = whole.clone();
            flipped[place] ^= flip;
            let Ok(bag) = open(&flipped) else { continue };
            harmless += 1;
            assert_eq!(handed_out(&bag), expected, "byte {place} flipped by {flip}");
            let after = bag.signature(&keys, at);
            assert!(after == signed || after.clone().require().is_err(), "byte {place} flipped by {flip}: {after}");
        }
    }
    assert!(harmless < whole.len(), "{harmless} of {} flips went by", 3 * whole.len());
}

#[test]
fn a_file_that_changes_after_it_was_verified_ends_in_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("handoff.zip");
    let mut entries = Kit::whole().entries();
    std::fs::write(&path, zip(&entries)).unwrap();
    let bag = Opening::new().open(&path).unwrap();
    let notes = entries.iter_mut().find(|entry| entry.name.ends_with(b"notes.csv")).unwrap();
    notes.data = b"whem,what\n".to_vec();
    std::fs::write(&path, zip(&entries)).unwrap();
    let said = bag.read("data/notes.csv").unwrap().read_to_end(&mut Vec::new()).unwrap_err().to_string();
    assert!(said.contains("data/notes.csv: its checksum is not the one in its header"), "{said}");
}

#[test]
fn a_folder_is_verified_as_a_zip_is() {
    let folder = tempfile::tempdir().unwrap();
    let lay_out = |kit: &Kit| {
        for (name, bytes) in &kit.0 {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    };
    lay_out(&Kit::whole());
    let bag = Opening::new().open(folder.path()).unwrap();
    assert_eq!(bag.read_to_vec("data/notes.csv").unwrap(), b"when,what\n");
    std::fs::write(folder.path().join("data/notes.csv"), "when,what\nmore").unwrap();
    let said = bag.read_to_vec("data/notes.csv").unwrap_err().to_string();
    assert!(said.contains("its size changed while it was read"), "{said}");
    std::fs::write(folder.path().join("data/notes.csv"), "whem,what\n").unwrap();
    let said = bag.read_to_vec("data/notes.csv").unwrap_err().to_string();
    assert!(said.contains("it was changed since the bundle was verified"), "{said}");
    let said = Opening::new().open(folder.path()).unwrap_err().to_string();
    assert!(said.contains("data/notes.csv: its sha256 hash is not"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_link_in_a_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("bagit.txt")).unwrap();
    let said = Opening::new().open(folder.path()).unwrap_err().to_string();
    assert!(said.contains("bagit.txt: it is a symbolic link"), "{said}");
}

#[test]
fn texts_of_others_do_not_steer_the_terminal_of_who_reads_the_error() {
    let said = refused(&named("data/a\u{1b}[2Jb"));
    assert!(said.contains("data/a<U+001B>[2Jb"), "{said}");
}

#[test]
fn other_tools_bags_are_taken_when_asked_for_and_their_faults_told() {
    let any = |zip: Vec<u8>| Opening::new().any_bag().open_reader("handoff.zip", Cursor::new(zip));
    let old = kit(|k| {
        let utf16: Vec<u8> = "A: b\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        k.0.retain(|name, _| !name.contains("manifest"));
        k.put("bagit.txt", "BagIt-Version: 0.97\r\nTag-File-Character-Encoding: UTF-16\r\n").put("bag-info.txt", utf16);
        let hello = "5d41402abc4b2a76b9719d911017c592 *data/caf\u{e9} 100%25\n";
        k.0.retain(|name, _| !name.starts_with("data/"));
        k.put("data/caf\u{e9} 100%25", "hello");
        k.put("manifest-md5.txt", hello.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
    });
    let bag = any(old).unwrap();
    assert_eq!(bag.bagit_version(), (0, 97));
    assert_eq!(bag.info("a"), Some("b"));
    assert_eq!(bag.read_to_vec("data/caf\u{e9} 100%25").unwrap(), b"hello");
    for words in ["UTF-16LE", "tagmanifest-sha256.txt: it is not in the bundle", "md5 alone", "not how BagIt writes"] {
        assert!(bag.remarks().iter().any(|remark| remark.contains(words)), "{words}: {:?}", bag.remarks());
    }
    let new = kit(|k| {
        k.put("data/100%", "x").list();
        let escaped = String::from_utf8(k.0["manifest-sha256.txt"].clone()).unwrap().replace("100%", "100%25");
        k.put("manifest-sha256.txt", escaped).list_tags()
    });
    assert!(any(new).unwrap().has("data/100%"));
}
