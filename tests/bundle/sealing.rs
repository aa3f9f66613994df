//! Sealing: what the stock tool opens and seals, and what is refused before it costs anything.

#[cfg(heirloom_stock)]
use std::fs;
use std::io::{Cursor, Read, Write};

use heirloom::bundle::{BundleFault, Opening, Sealer, Unsealer};

use crate::small;
#[cfg(heirloom_stock)]
use crate::stock::ran;

const PUBLIC: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
const PRIVATE: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";

fn sealed(sealer: &Sealer, bytes: &[u8]) -> Vec<u8> {
    let mut out = sealer.seal(Vec::new()).unwrap();
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn unsealed(unsealer: &Unsealer, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut stream =
        unsealer.unseal("handoff.zip.age", Cursor::new(bytes.to_vec())).map_err(|error| error.to_string())?;
    stream.read_to_end(&mut out).map_err(|error| error.to_string())?;
    Ok(out)
}

fn refused(unsealer: &Unsealer, bytes: &[u8]) -> String {
    unsealed(unsealer, bytes).expect_err("it was opened")
}

fn key() -> Unsealer {
    Unsealer::keys(&format!("# made by age-keygen\n{PRIVATE}\n")).unwrap()
}

/// A sealer whose passphrase costs little, and the opener for it.
fn quick(passphrase: &str) -> Sealer {
    Sealer::with_passphrase(passphrase).unwrap().work_factor(4).unwrap()
}

#[test]
fn a_sealed_bundle_is_opened_without_unpacking_it_first() {
    let bundle = small(None);
    let sealed = sealed(&Sealer::to_keys([PUBLIC]).unwrap(), &bundle);
    assert!(!sealed.windows(9).any(|bytes| bytes == b"bagit.txt"), "names of files show through the seal");
    let stream = key().unseal("handoff.zip.age", Cursor::new(sealed)).unwrap();
    let bag = Opening::new().open_reader("handoff.zip.age", stream).unwrap();
    assert_eq!(bag.read_to_vec("README.txt").unwrap(), b"Open data/index.html");
}

#[cfg(heirloom_stock)]
#[test]
fn the_stock_tool_opens_what_is_sealed_here_and_the_other_way_round() {
    let folder = tempfile::tempdir().unwrap();
    ran(folder.path(), None, "age-keygen", &["-o", "key.txt"]);
    let public = ran(folder.path(), None, "age-keygen", &["-y", "key.txt"]);
    let bundle: Vec<u8> = small(None).repeat(200); // more than one piece of 64 KiB
    fs::write(folder.path().join("ours.age"), sealed(&Sealer::to_keys([PUBLIC, &public]).unwrap(), &bundle)).unwrap();
    ran(folder.path(), None, "age", &["-d", "-i", "key.txt", "-o", "ours.zip", "ours.age"]);
    assert_eq!(fs::read(folder.path().join("ours.zip")).unwrap(), bundle);
    ran(folder.path(), None, "age", &["-r", PUBLIC, "-r", public.trim(), "-o", "theirs.age", "ours.zip"]);
    let theirs = fs::read(folder.path().join("theirs.age")).unwrap();
    assert_eq!(unsealed(&key(), &theirs).unwrap(), bundle);
    let made = Unsealer::keys(&fs::read_to_string(folder.path().join("key.txt")).unwrap()).unwrap();
    assert_eq!(unsealed(&made, &theirs).unwrap(), bundle);
    ran(folder.path(), None, "age", &["-a", "-r", PUBLIC, "-o", "text.age", "ours.zip"]);
    assert!(refused(&key(), &fs::read(folder.path().join("text.age")).unwrap()).contains("without --armor"));
}

#[test]
fn a_passphrase_opens_what_it_sealed_and_nothing_else() {
    let file = sealed(&quick("between us"), b"a bundle");
    assert_eq!(unsealed(&Unsealer::passphrase("between us").unwrap(), &file).unwrap(), b"a bundle");
    let wrong = refused(&Unsealer::passphrase("guessed").unwrap(), &file);
    assert_eq!(wrong, "handoff.zip.age: the passphrase does not open it; check it, and where it came from");
    assert!(refused(&key(), &file).contains("it is sealed with a passphrase, not to a key"));
    let to_key = sealed(&Sealer::to_keys([PUBLIC]).unwrap(), b"a bundle");
    assert!(refused(&Unsealer::passphrase("between us").unwrap(), &to_key).contains("it is sealed to a key"));
}

#[test]
fn the_work_that_a_passphrase_may_ask_for_is_bounded() {
    let file = sealed(&quick("between us"), b"a bundle");
    let careful = Unsealer::passphrase("between us").unwrap().max_work_factor(3).unwrap();
    assert!(
        refused(&careful, &file).contains("asks for work of 2^4, the limit is 2^3"),
        "{}",
        refused(&careful, &file)
    );
    let text = String::from_utf8_lossy(&file).into_owned();
    let at = text.find(" 4\n").unwrap();
    let costly = [&file[..at], b" 63\n", &file[at + 3..]].concat();
    let usual = Unsealer::passphrase("between us").unwrap();
    assert!(
        refused(&usual, &costly).contains("asks for work of 2^63, the limit is 2^18"),
        "{}",
        refused(&usual, &costly)
    );
    for factor in [0, 23, 64, 255] {
        assert!(Unsealer::passphrase("x").unwrap().max_work_factor(factor).is_err());
        assert!(Sealer::with_passphrase("x").unwrap().work_factor(factor).is_err());
    }
}

#[test]
fn another_key_is_told_apart_from_damage() {
    let other = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    let file = sealed(&Sealer::to_keys([other]).unwrap(), b"a bundle");
    assert!(refused(&key(), &file).contains("none of the keys opens it; it was sealed to another key"));
}

#[test]
fn every_cut_and_every_flip_of_a_sealed_file_is_an_error() {
    let file = sealed(&Sealer::to_keys([PUBLIC]).unwrap(), b"a bundle");
    for cut in 0..file.len() {
        assert!(refused(&key(), &file[..cut]).starts_with("handoff.zip.age: "), "cut at {cut}");
    }
    for place in 0..file.len() {
        let mut flipped = file.clone();
        flipped[place] ^= 1;
        let said = refused(&key(), &flipped);
        assert!(said.starts_with("handoff.zip.age: ") && said.len() > 30, "flipped at {place}: {said}");
    }
}

#[test]
fn a_header_that_would_cost_minutes_is_refused_before_it_is_read() {
    let begin = "age-encryption.org/v1\n";
    let stanza = "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\nEmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U\n";
    let said = |header: String| refused(&key(), header.as_bytes());
    assert!(said(format!("{begin}{}--- x\n", stanza.repeat(21))).contains("sealed to more than 20 keys"));
    let long = format!("{begin}-> X25519 {}\n", "A".repeat(1 << 20));
    assert!(said(long).contains("its header is longer than 16384 bytes"));
    assert!(said(format!("{begin}{stanza}")).contains("it is cut off"));
    assert!(said("PK\u{3}\u{4}".to_owned()).contains("it is not sealed with age"));
    assert!(said(String::new()).contains("it is not sealed with age"));
}

#[test]
fn keys_and_passphrases_that_cannot_be_used_are_refused_in_words() {
    let to = |key: &str| Sealer::to_keys([key]).unwrap_err();
    assert_eq!(to(PRIVATE).fault(), BundleFault::Sealed);
    assert!(to("age1nonsense").to_string().contains("is not a public key of age"));
    assert!(Sealer::to_keys(Vec::<String>::new()).unwrap_err().to_string().contains("no key to seal to"));
    assert!(Sealer::to_keys(vec![PUBLIC; 21]).unwrap_err().to_string().contains("21 keys to seal to, the limit is 20"));
    let keys = |text: &str| Unsealer::keys(text).unwrap_err().to_string();
    assert!(keys("# only this\n").contains("there is no key"));
    assert!(keys(&format!("{PRIVATE}\n{PUBLIC}")).starts_with("keys, line 2: it is not a private key"));
    assert!(Sealer::with_passphrase("").is_err() && Unsealer::passphrase("").is_err());
    assert!(!format!("{:?}", key()).contains("SECRET"));
}
