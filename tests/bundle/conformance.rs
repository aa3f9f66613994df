//! The cases of the BagIt conformance suite of the Library of Congress, each in a ZIP.
//!
//! Every bag of the suite (BagIt 0.93 to 1.0) is built here from what it is about, under the name that it has there, and stands
//! beside what is said of it. What the suite has as valid is opened, what it has as invalid is refused, also what is so on Linux
//! or on Windows alone, and what it warns of has a remark. There is no case that a ZIP cannot hold. Three of those with a
//! warning stand there with a file fewer than they list, as not every system can lay out the other; they are refused for that,
//! and built here a second time whole.

use std::collections::BTreeSet;
use std::io::Cursor;

use heirloom::bundle::{Bag, BundleError, Opening};
use sha2::{Digest, Sha224, Sha256, Sha512};

use crate::craft::Kit;

/// A bag of the suite, and what is said of it.
struct Case {
    name: String,
    bag: Kit,
    expected: Expected,
}

/// What is said of a bag, from the first word to the last.
enum Expected {
    /// It is opened, with these remarks.
    Opened(Vec<&'static str>),
    /// It is refused.
    Refused(&'static str),
}

use Expected::{Opened, Refused};

/// The remark on a bag whose tag files are not listed by SHA-256.
const NO_SHA256: &str = "tagmanifest-sha256.txt: it is not in the bundle; nothing says then whether the manifests were changed, \
                         and a signature would cover nothing; ask for the bundle again";
/// The remark on a bag with no better hash than that.
const MD5_ALONE: &str = "the payload is listed by md5 alone, which show damage but no forgery";

/// A hash by which bags of the suite list their files.
#[derive(Clone, Copy)]
enum Sum {
    Md5,
    Sha224,
    Sha256,
    Sha512,
}

impl Sum {
    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn of(self, bytes: &[u8]) -> String {
        let hash = match self {
            Self::Md5 => md5::Md5::digest(bytes).to_vec(),
            Self::Sha224 => Sha224::digest(bytes).to_vec(),
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        };
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// How a tool lists files.
#[derive(Clone, Copy)]
struct Style {
    sums: &'static [Sum],
    /// What stands between hash and path.
    gap: &'static str,
    end: &'static str,
    encode: fn(&str) -> Vec<u8>,
}

/// The bags of 0.93 to 0.96.
const OLD: Style = Style { sums: &[Sum::Md5], gap: "  ", end: "\r\n", encode: utf8 };
/// Those that `bagit.py` made.
const PLAIN: Style = Style { end: "\n", ..OLD };
/// Those with manifests by two hashes.
const TWICE: Style = Style { sums: &[Sum::Sha256, Sum::Sha512], ..PLAIN };
/// Those by SHA-512.
const STRONG: Style = Style { sums: &[Sum::Sha512], ..PLAIN };

fn utf8(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn utf16(text: &str) -> Vec<u8> {
    "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect()
}

fn declared(version: &str, end: &str) -> String {
    format!("BagIt-Version: {version}{end}Tag-File-Character-Encoding: UTF-8{end}")
}

/// Lists the payload, with more lines in every manifest.
fn list_payload(bag: &mut Kit, style: Style, more: &str) {
    for sum in style.sums {
        let listed = listing(bag, style, *sum, |name| name.starts_with("data/"));
        bag.put(&format!("manifest-{}.txt", sum.name()), (style.encode)(&(listed + more)));
    }
}

/// Lists the files beside the payload.
fn list_tags(bag: &mut Kit, style: Style) {
    bag.0.retain(|name, _| !name.starts_with("tagmanifest-"));
    let lists = style.sums.iter().map(|sum| (sum, listing(bag, style, *sum, |name| !name.starts_with("data/"))));
    for (sum, listed) in lists.collect::<Vec<_>>() {
        bag.put(&format!("tagmanifest-{}.txt", sum.name()), (style.encode)(&listed));
    }
}

fn listing(bag: &Kit, style: Style, sum: Sum, takes: impl Fn(&str) -> bool) -> String {
    let files = bag.0.iter().filter(|(name, _)| takes(name));
    files.map(|(name, bytes)| format!("{}{}{name}{}", sum.of(bytes), style.gap, style.end)).collect()
}

/// A bag as it is before its files are listed.
fn begun(declaration: &str, files: &[(&str, &str)]) -> Kit {
    let mut bag = Kit::empty();
    bag.put("bagit.txt", declaration);
    for (name, bytes) in files {
        bag.put(name, bytes);
    }
    bag
}

/// A bag of these files, listed.
fn listed(mut bag: Kit, style: Style) -> Kit {
    list_payload(&mut bag, style, "");
    list_tags(&mut bag, style);
    bag
}

/// The payload of the bags of 0.93 to 0.96.
const TESTS: [(&str, &str); 5] = [
    ("data/test1.txt", "test1"),
    ("data/test2.txt", "test2"),
    ("data/dir1/test3.txt", "test3"),
    ("data/dir2/test4.txt", "test4"),
    ("data/dir2/dir3/test5.txt", "test5"),
];

/// What the bags of 0.93 to 0.96 say of themselves; one value goes on in a second line.
const ABOUT: &str = "Source-Organization: Spengler University\r\nExternal-Description: Uncompressed greyscale TIFF images \
                     from the\r\n         Yoshimuri papers collection.\r\nBag-Count: 1 of 15\r\n";

/// A bag of 0.93 to 0.97 with this payload.
fn old(version: &str, payload: &[(&str, &str)]) -> Kit {
    let mut bag = begun(&declared(version, "\r\n"), payload);
    bag.put(info_of(version), ABOUT);
    bag
}

/// Until 0.95 the information about a bag had another name.
fn info_of(version: &str) -> &'static str {
    if version < "0.96" { "package-info.txt" } else { "bag-info.txt" }
}

/// The payload of the bags of 0.97 that `bagit.py` made, 58 bytes in two files.
const PAYLOAD: [(&str, &str); 2] = [
    ("data/bare-filename", "a file without an extension\n"),
    ("data/text-file.txt", "a text file of thirty letters\n"),
];

/// A bag of 0.97 by `bagit.py`, not listed yet.
fn plain() -> Kit {
    plain_as(&declared("0.97", "\n"))
}

fn plain_as(declaration: &str) -> Kit {
    let mut bag = begun(declaration, &PAYLOAD);
    bag.put("bag-info.txt", "Bagging-Date: 2016-02-26\nPayload-Oxum: 58.2\n");
    bag
}

/// A bag of one file.
fn one(declaration: &str, name: &str, bytes: &str) -> Kit {
    let mut bag = begun(declaration, &[(name, bytes)]);
    bag.put("bag-info.txt", format!("Bagging-Date: 2017-01-26\nPayload-Oxum: {}.1\n", bytes.len()));
    bag
}

fn case(name: impl Into<String>, bag: Kit, expected: Expected) -> Case {
    Case { name: name.into(), bag, expected }
}

/// A bag by MD5 that is valid.
fn opened(name: impl Into<String>, bag: Kit) -> Case {
    case(name, bag, Opened(vec![NO_SHA256, MD5_ALONE]))
}

/// The bags that every version has.
fn of_every_version() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in ["0.93", "0.94", "0.95", "0.96"] {
        cases.push(opened(format!("v{version}/valid/basic-bag"), listed(old(version, &TESTS), OLD)));
        let mut twice = old(version, &TESTS);
        twice.put(info_of(version), ABOUT.to_owned() + "Source-Organization: Foo University\r\nBag-Count: 2 of 15\r\n");
        cases.push(opened(format!("v{version}/valid/duplicate-metadata-entries"), listed(twice, OLD)));
    }
    cases.push(opened("v0.97/valid/basic-bag", listed(plain(), PLAIN)));
    let mut twice = plain();
    twice.put(
        "bag-info.txt",
        "Bagging-Date: 2016-02-26\nBagging-Date: 2016-03-10\nCase-Test: 1\nCASE-TEST: 2\ncase-test: 3",
    );
    cases.push(opened("v0.97/valid/duplicate-metadata-entries", listed(twice, PLAIN)));
    let basic = begun(&declared("1.0", "\n"), &[("data/hello.txt", "hello\n")]);
    cases.push(case("v1.0/valid/basicBag", listed(basic, STRONG), Opened(vec![NO_SHA256])));
    cases
}

/// The bags that 0.96 and 0.97 have alike.
fn of_late_drafts() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in ["0.96", "0.97"] {
        let name = |of: &str| format!("v{version}/valid/{of}");
        let mut outer = old(version, &[]);
        for (inner, bytes) in listed(old(version, &TESTS), OLD).0 {
            outer.put(&format!("data/bag/{inner}"), bytes);
        }
        cases.push(opened(name("bag-in-a-bag"), listed(outer, OLD)));
        let encoded = [("data/%7Etest1.txt", "1"), ("data/%test2.txt", "2"), ("data/%7Edir2/dir3/~test5.txt", "5")];
        cases.push(opened(name("bag-with-encoded-names"), listed(old(version, &encoded), OLD)));
        let mut blanks = old(version, &TESTS);
        blanks.put("data/test file with spaces.txt", "blanks");
        cases.push(opened(name("bag-with-escapable-characters"), listed(blanks, Style { gap: " ", ..OLD })));
        let spaced = || old(version, &[("data/test 1.txt", "1"), ("data/dir1/test3.txt", "3")]);
        cases.push(opened(name("bag-with-space"), listed(spaced(), OLD)));
        cases.push(case(
            name("bag-with-leading-dot-slash-in-manifest"),
            relisted(listed(old(version, &TESTS), OLD), OLD, " data/test2.txt", " ./data/test2.txt"),
            Opened(vec![
                "“./data/test2.txt” is not how BagIt writes a path; it is read as data/test2.txt",
                NO_SHA256,
                MD5_ALONE,
            ]),
        ));
        let mut holey = listed(spaced(), OLD);
        holey.put(
            "fetch.txt",
            "http://localhost/test%201.txt - data/test 1.txt\r\nhttp://localhost/3 - data/dir1/test3.txt\r\n",
        );
        cases.push(case(
            name("holey-bag"),
            holey,
            Opened(vec![
                NO_SHA256,
                MD5_ALONE,
                "fetch.txt: a bundle is whole and has nothing to fetch",
                "fetch.txt: no manifest lists it: somebody added it after packing; do not use it, and ask for the bundle again",
            ]),
        ));
    }
    cases
}

/// A bag whose payload manifests were changed, and then listed.
fn relisted(mut bag: Kit, style: Style, from: &str, to: &str) -> Kit {
    for (_, bytes) in bag.0.iter_mut().filter(|(name, _)| name.starts_with("manifest-")) {
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains(from), "{text}");
        *bytes = text.replace(from, to).into_bytes();
    }
    list_tags(&mut bag, style);
    bag
}

/// Other valid bags of 0.97.
fn of_0_97() -> Vec<Case> {
    let declared_in = |encoding: &str| format!("BagIt-Version: 0.97\nTag-File-Character-Encoding: {encoding}\n");
    let mut wide = begun(&declared_in("UTF-16"), &PAYLOAD);
    wide.put("bag-info.txt", utf16("Bagging-Date: 2016-02-26\nPayload-Oxum: 58.2\n"));
    let mut inner = plain();
    for (name, bytes) in listed(plain(), PLAIN).0 {
        inner.put(&format!("data/{name}"), bytes);
    }
    inner
        .take("data/data/bare-filename")
        .put("data/bare-filename", "moved")
        .put("bag-info.txt", "Bagging-Date: 2016-02-26\n");
    let mut separated = one(&declared("0.97", "\n"), "data/README", "how labels are told from values\n");
    separated.put("bag-info.txt", "Test-Tag: 1\nTest-Tag:   2\nTest-Tag : 3\nTest-Tag\t: 4\nTest-Tag    :   5\n");
    let narrow = Style { sums: &[Sum::Sha224], gap: " ", ..PLAIN };
    vec![
        case(
            "v0.97/valid/ISO-8859-1-encoded-tag-files",
            listed(plain_as(&declared_in("ISO-8859-1")), PLAIN),
            Opened(vec!["bagit.txt: tag files are in windows-1252, not in UTF-8", NO_SHA256, MD5_ALONE]),
        ),
        case(
            "v0.97/valid/UTF-16-encoded-tag-files",
            listed(wide, Style { encode: utf16, ..PLAIN }),
            Opened(vec!["bagit.txt: tag files are in UTF-16LE, not in UTF-8", NO_SHA256, MD5_ALONE]),
        ),
        opened("v0.97/valid/minimal-bag", listed(inner, PLAIN)),
        case("v0.97/valid/uncommon-metadata-separators", listed(separated, narrow), Opened(vec![NO_SHA256])),
    ]
}

/// Bags that are valid and not as they should be.
fn with_warnings() -> Vec<Case> {
    let v0_97 = declared("0.97", "\n");
    let hello = || one(&v0_97, "data/hello.txt", "hello\n");
    let lists = |mut bag: Kit, style: Style, more: &str| {
        list_payload(&mut bag, style, more);
        list_tags(&mut bag, style);
        bag
    };
    let besides = |name: &str, bytes: &str| format!("{}  {name}\n", Sum::Sha512.of(bytes.as_bytes()));
    let mut empty = one(&v0_97, "data/Thumbs.db", "");
    let both = |mut bag: Kit, name: &str, bytes: &str| {
        bag.put(name, bytes).take("bag-info.txt");
        listed(bag, STRONG)
    };
    let name = |of: &str| format!("v0.97/warning/{of}");
    let mut cases = vec![
        case(
            name("duplicate-file-with-different-case"),
            lists(hello(), STRONG, &besides("data/HELLO.txt", "hello\n")),
            Refused("data/HELLO.txt: manifest-sha512.txt lists it, and it is not there; ask for the bundle again"),
        ),
        case(
            name("duplicate-file-with-different-case, whole"),
            both(hello(), "data/HELLO.txt", "hello\n"),
            Refused(
                "data/hello.txt: it differs from data/HELLO.txt by case or Unicode form alone; some systems take both for one",
            ),
        ),
        case(
            name("made-with-md5sum-tools"),
            listed(hello(), Style { gap: " *", ..PLAIN }),
            Opened(vec![
                "“*data/hello.txt” is not how BagIt writes a path; it is read as data/hello.txt",
                "“*bag-info.txt” is not how BagIt writes a path; it is read as bag-info.txt",
                "“*bagit.txt” is not how BagIt writes a path; it is read as bagit.txt",
                "“*manifest-md5.txt” is not how BagIt writes a path; it is read as manifest-md5.txt",
                NO_SHA256,
                MD5_ALONE,
            ]),
        ),
        case(
            name("relative-path"),
            relisted(listed(hello(), STRONG), STRONG, "  data", "  ./data"),
            Opened(vec!["“./data/hello.txt” is not how BagIt writes a path; it is read as data/hello.txt", NO_SHA256]),
        ),
        case(
            name("same-filename-listed-twice-with-different-normalization"),
            lists(one(&v0_97, "data/N\u{fa}\u{f1}ez", ""), STRONG, &besides("data/Nu\u{301}n\u{303}ez", "")),
            Refused(
                "data/Nu\u{301}n\u{303}ez: manifest-sha512.txt lists it, and it is not there; ask for the bundle again",
            ),
        ),
        case(
            name("same-filename-listed-twice-with-different-normalization, whole"),
            both(one(&v0_97, "data/N\u{fa}\u{f1}ez", ""), "data/Nu\u{301}n\u{303}ez", ""),
            Refused(
                "data/N\u{fa}\u{f1}ez: it differs from data/Nu\u{301}n\u{303}ez by case or Unicode form alone; some systems \
                 take both for one",
            ),
        ),
        case(
            name("same-filename-listed-twice-with-the-same-hash"),
            twice_the_same("0.97"),
            Opened(vec![
                "manifest-sha256.txt, line 2: the file is listed twice",
                "debug: no manifest lists it: somebody added it after packing; do not use it, and ask for the bundle again",
            ]),
        ),
        case(
            name("special-system-files"),
            lists(empty.clone(), STRONG, &besides("data/.DS_Store", "")),
            Refused("data/.DS_Store: manifest-sha512.txt lists it, and it is not there; ask for the bundle again"),
        ),
    ];
    empty.put("data/.DS_Store", "").put("bag-info.txt", "Payload-Oxum: 0.2\n");
    cases.push(case(
        name("special-system-files, whole"),
        listed(empty, STRONG),
        Opened(vec![
            "data/.DS_Store: a system puts such a file into a folder for itself; it hardly belongs to the bag",
            "data/Thumbs.db: a system puts such a file into a folder for itself; it hardly belongs to the bag",
            NO_SHA256,
        ]),
    ));
    cases
}

/// A bag that lists a file twice with one hash, and holds a file beside its payload that is not listed.
fn twice_the_same(version: &str) -> Kit {
    let mut bag = listed(one(&declared(version, "\n"), "data/README", "listed twice\n"), TWICE);
    let again = [&bag.0["manifest-sha256.txt"][..], &bag.0["manifest-sha256.txt"]].concat();
    bag.put("manifest-sha256.txt", again);
    list_tags(&mut bag, TWICE);
    bag.put("debug", "not listed\n").clone()
}

/// A bag that lists a file twice with different hashes.
fn twice_otherwise(declaration: &str) -> Kit {
    let mut bag = listed(one(declaration, "data/README", "listed twice\n"), TWICE);
    let listed = String::from_utf8(bag.0["manifest-sha256.txt"].clone()).unwrap();
    let other = listed.replace(&listed[..8], "deadbeef");
    bag.put("manifest-sha256.txt", listed + &other);
    list_tags(&mut bag, TWICE);
    bag
}

/// Bags that are invalid everywhere.
fn broken() -> Vec<Case> {
    let whole = || listed(plain(), PLAIN);
    let declaring = |text: &str, style| listed(plain_as(text), style);
    let mut corrupt_tags = whole();
    let hashes = String::from_utf8(corrupt_tags.0["tagmanifest-md5.txt"].clone()).unwrap();
    let hashes: String = hashes.lines().map(|line| format!("deadbeef{}\n", &line[8..])).collect();
    corrupt_tags.put("tagmanifest-md5.txt", hashes);
    let mut not_by_all = begun(&declared("1.0", "\n"), &[("data/hello.txt", "hello\n")]);
    list_payload(&mut not_by_all, STRONG, "");
    not_by_all.put("data/missingFromManifest.txt", "missing\n");
    list_tags(&mut not_by_all, STRONG);
    vec![
        case(
            "v0.97/invalid/baginfo-missing-encoding",
            declaring("BagIt-Version: 0.97\n", PLAIN),
            Refused("bagit.txt: its second line is not “Tag-File-Character-Encoding: ” and a name"),
        ),
        case(
            "v0.97/invalid/bom-in-bagit.txt",
            declaring(&("\u{feff}".to_owned() + &declared("0.97", "\n")), PLAIN),
            Refused(
                "bagit.txt: it begins with a byte order mark, which BagIt forbids; ask for the bag to be made again",
            ),
        ),
        case(
            "v0.97/invalid/corrupt-data-file",
            whole().put("data/text-file.txt", "a text file that was made longer\n").clone(),
            Refused(
                "bag-info.txt: it says that the payload is 58.2 (bytes.files), and it is 61.2; ask for the bundle again",
            ),
        ),
        case(
            "v0.97/invalid/corrupt-data-file, of the same length",
            whole().put("data/text-file.txt", "a text file of thirty LETTERS\n").clone(),
            Refused(
                "data/text-file.txt: its md5 hash is not the one in the manifest: it was changed after packing; do not use \
                 it, and ask for the bundle again",
            ),
        ),
        case(
            "v0.97/invalid/corrupt-tag-file",
            corrupt_tags,
            Refused(
                "bag-info.txt: its md5 hash is not the one in the manifest: it was changed after packing; do not use it, and \
                 ask for the bundle again",
            ),
        ),
        case(
            "v0.97/invalid/extra-file-in-bag",
            whole().put("data/bar", "bar").clone(),
            Refused(
                "data/bar: no manifest lists it: somebody added it after packing; do not use it, and ask for the bundle again",
            ),
        ),
        case(
            "v0.97/invalid/invalid-version-number",
            declaring(&declared(".97", "\n"), TWICE),
            Refused("bagit.txt: its first line is not “BagIt-Version: ”, a number, a dot and a number"),
        ),
        case(
            "v0.97/invalid/missing-baginfo",
            whole().take("bag-info.txt").clone(),
            Refused("bag-info.txt: tagmanifest-md5.txt lists it, and it is not there; ask for the bundle again"),
        ),
        case(
            "v0.97/invalid/missing-bagit.txt",
            whole().take("bagit.txt").clone(),
            Refused(
                "bagit.txt: it is not there, so this is no bag; give the folder in which bagit.txt lies, or the ZIP of that \
                 folder",
            ),
        ),
        case(
            "v0.97/invalid/same-filename-listed-twice-with-different-hashes",
            twice_otherwise(&declared("0.97", "\n")),
            Refused("manifest-sha256.txt, line 2: the file is listed twice; ask for the bag to be made again"),
        ),
        case(
            "v1.0/invalid/bagit-with-invalid-whitespace",
            declaring("BagIt-Version : 1.0\nTag-File-Character-Encoding : UTF-8\n", TWICE),
            Refused("bagit.txt: its first line is not “BagIt-Version: ”, a number, a dot and a number"),
        ),
        case(
            "v1.0/invalid/notAllManifestsListAllFiles",
            not_by_all,
            Refused(
                "data/missingFromManifest.txt: manifest-sha512.txt does not list it; somebody added it, or the bag was made \
                 wrongly; do not use it",
            ),
        ),
        case(
            "v1.0/invalid/same-filename-listed-twice-with-different-hashes",
            twice_otherwise(&declared("1.0", "\n").replace("1.0", "1.0 ")), // with the blank that it has in the suite
            Refused("bagit.txt: its first line is not “BagIt-Version: ”, a number, a dot and a number"),
        ),
        case(
            "v1.0/invalid/same-filename-listed-twice-with-different-hashes, without the blank",
            twice_otherwise(&declared("1.0", "\n")),
            Refused("manifest-sha256.txt, line 2: the file is listed twice; ask for the bag to be made again"),
        ),
        case(
            "v1.0/invalid/same-filename-listed-twice-with-the-same-hash",
            twice_the_same("1.0"),
            Refused("manifest-sha256.txt, line 2: the file is listed twice; ask for the bag to be made again"),
        ),
    ]
}

/// What is said of a path that leads out of the bag, after the path and the reason.
macro_rules! out {
    ($said:literal) => {
        concat!($said, "; nothing was taken out of the bundle, do not unpack it with other tools either")
    };
}

/// Bags that list, or would fetch, a file outside of them: by paths that lead out everywhere, on Linux, or on Windows.
fn out_of_scope() -> Vec<Case> {
    let listing = |path: &str| {
        let mut bag = plain();
        list_payload(&mut bag, PLAIN, &format!("3e6ffc4a8a1f38a7094e15d2356d7252  {path}\n"));
        list_tags(&mut bag, PLAIN);
        bag
    };
    let fetching = |path: &str| {
        let mut bag = plain();
        bag.put("fetch.txt", format!("https://en.example - {path}\n"));
        listed(bag, PLAIN)
    };
    let belongs = "~/foo: manifest-md5.txt lists it, where it does not belong; ask for the bag to be made again";
    let user = "~root/foo: manifest-md5.txt lists it, where it does not belong; ask for the bag to be made again";
    let elsewhere =
        "~/test.txt: fetch.txt says to fetch it from elsewhere, which is not done here; ask for a bag that is whole";
    let elsewhere_user =
        "~root/foo: fetch.txt says to fetch it from elsewhere, which is not done here; ask for a bag that is whole";
    let windows = "C:\\Windows\\System32\\setx.exe";
    let home = "%HomeDrive%\\Windows\\System32\\setx.exe";
    let share = "\\\\?\\UNC\\server\\Windows\\System32\\setx.exe";
    [
        (
            "v0.97/invalid/out-of-scope-file-paths-using-dot-notation",
            listing("../../../README.md"),
            out!("manifest-md5.txt, line 3: ../../../README.md is listed: its name leads up and out of the bundle"),
        ),
        (
            "v0.97/invalid/out-of-scope-file-paths-using-dot-notation-for-fetch",
            fetching("../../../README.md"),
            out!("fetch.txt, line 1: ../../../README.md is listed: its name leads up and out of the bundle"),
        ),
        (
            "v0.97/linux-only/out-of-scope-file-paths-using-absolute-path",
            listing("/tmp/foo"),
            out!("manifest-md5.txt, line 3: /tmp/foo is listed: its name is an absolute path"),
        ),
        (
            "v0.97/linux-only/out-of-scope-file-paths-using-absolute-path-for-fetch",
            fetching("/tmp/test.txt"),
            out!("fetch.txt, line 1: /tmp/test.txt is listed: its name is an absolute path"),
        ),
        ("v0.97/linux-only/out-of-scope-file-paths-using-shortcut", listing("~/foo"), belongs),
        ("v0.97/linux-only/out-of-scope-file-paths-using-shortcut-for-fetch", fetching("~/test.txt"), elsewhere),
        ("v0.97/linux-only/out-of-scope-file-paths-using-shortcut-username", listing("~root/foo"), user),
        (
            "v0.97/linux-only/out-of-scope-file-paths-using-shortcut-username-for-fetch",
            fetching("~root/foo"),
            elsewhere_user,
        ),
        (
            "v0.97/windows-only/out-of-scope-file-paths-using-absolute-path",
            listing(windows),
            out!(
                "manifest-md5.txt, line 3: C:\\Windows\\System32\\setx.exe is listed: its name has a backslash, which is a \
                 path on Windows"
            ),
        ),
        (
            "v0.97/windows-only/out-of-scope-file-paths-using-absolute-path-for-fetch",
            fetching(windows),
            out!(
                "fetch.txt, line 1: C:\\Windows\\System32\\setx.exe is listed: its name has a backslash, which is a path on \
                 Windows"
            ),
        ),
        (
            "v0.97/windows-only/out-of-scope-file-paths-using-shortcut",
            listing(home),
            out!(
                "manifest-md5.txt, line 3: %HomeDrive%\\Windows\\System32\\setx.exe is listed: its name has a backslash, \
                 which is a path on Windows"
            ),
        ),
        (
            "v0.97/windows-only/out-of-scope-file-paths-using-shortcut-for-fetch",
            fetching(home),
            out!(
                "fetch.txt, line 1: %HomeDrive%\\Windows\\System32\\setx.exe is listed: its name has a backslash, which is a \
                 path on Windows"
            ),
        ),
        (
            "v0.97/windows-only/out-of-scope-file-paths-using-unc",
            listing(share),
            out!(
                "manifest-md5.txt, line 3: \\\\?\\UNC\\server\\Windows\\System32\\setx.exe is listed: its name has a \
                 backslash, which is a path on Windows"
            ),
        ),
        (
            "v0.97/windows-only/out-of-scope-file-paths-using-unc-for-fetch",
            fetching(share),
            out!(
                "fetch.txt, line 1: \\\\?\\UNC\\server\\Windows\\System32\\setx.exe is listed: its name has a backslash, \
                 which is a path on Windows"
            ),
        ),
    ]
    .map(|(name, bag, words)| case(name, bag, Refused(words)))
    .into()
}

fn suite() -> Vec<Case> {
    [of_every_version(), of_late_drafts(), of_0_97(), with_warnings(), broken(), out_of_scope()]
        .into_iter()
        .flatten()
        .collect()
}

fn open(bag: &Kit) -> Result<Bag, BundleError> {
    Opening::new().any_bag().open_reader("suite.zip", Cursor::new(bag.zip()))
}

#[test]
fn the_cases_are_those_of_the_suite() {
    let cases = suite();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.split(", ").next().unwrap()).collect();
    let of = |folder: &str| names.iter().filter(|name| name.starts_with(folder)).count();
    assert_eq!(names.len(), 60);
    assert_eq!(
        [of("v0.93/"), of("v0.94/"), of("v0.95/"), of("v0.96/"), of("v0.97/"), of("v1.0/")],
        [2, 2, 2, 8, 41, 5]
    );
    assert_eq!([of("v0.97/valid/"), of("v0.97/invalid/"), of("v0.97/warning/")], [12, 11, 6]);
    assert_eq!([of("v0.97/linux-only/"), of("v0.97/windows-only/"), of("v1.0/invalid/")], [6, 6, 4]);
}

#[test]
fn each_bag_of_the_suite_is_opened_or_refused_as_it_is_there() {
    for Case { name, bag, expected } in suite() {
        let category = name.split('/').nth(1).unwrap();
        match (expected, open(&bag)) {
            (Opened(remarks), Ok(found)) => {
                assert!(matches!(category, "valid" | "warning"), "{name} was opened");
                assert_eq!(found.remarks(), remarks, "{name}");
                assert_eq!(format!("v{}", version(&found)), name.split('/').next().unwrap(), "{name}");
                for (path, bytes) in bag.0.iter().filter(|(path, _)| path.starts_with("data/")) {
                    assert_eq!(found.read_to_vec(path).unwrap(), *bytes, "{name}: {path}");
                }
            }
            (Refused(words), Err(error)) => {
                assert!(category != "valid", "{name} was refused");
                assert_eq!(error.to_string(), format!("suite.zip: {words}"), "{name}");
            }
            (Opened(_), Err(error)) => panic!("{name}: {error}"),
            (Refused(words), Ok(_)) => panic!("{name} was opened, expected “{words}”"),
        }
    }
}

fn version(bag: &Bag) -> String {
    let (major, minor) = bag.bagit_version();
    format!("{major}.{minor}")
}

#[test]
fn what_bags_of_the_suite_say_of_themselves_is_read() {
    let info = |name: &str, label: &str| {
        let case = suite().into_iter().find(|case| case.name == name).unwrap();
        open(&case.bag).unwrap().info(label).map(str::to_owned)
    };
    let of_many_lines = info("v0.96/valid/basic-bag", "external-description");
    assert_eq!(of_many_lines.unwrap(), "Uncompressed greyscale TIFF images from the Yoshimuri papers collection.");
    assert_eq!(info("v0.97/valid/duplicate-metadata-entries", "Case-Test").unwrap(), "1");
    assert_eq!(info("v0.97/valid/uncommon-metadata-separators", "Test-Tag").unwrap(), "1");
    assert_eq!(info("v0.97/valid/UTF-16-encoded-tag-files", "Bagging-Date").unwrap(), "2016-02-26");
}
