//! The kit of odd and broken cards in `tests/kit/cards`, each with what it must read as beside it, and the promises
//! that no single card shows.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::*;
use crate::exchange::ContactRecord;

fn kit() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kit/cards");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "vcf"));
    files.sort();
    files
}

fn read(bytes: &[u8]) -> Vec<Item> {
    VCardReader::new(bytes, VCardOptions::default()).collect::<io::Result<_>>().unwrap()
}

/// An item as the expectations of the kit write it: what is empty is left out.
fn shown(item: &Item) -> Value {
    let mut shown = Map::new();
    shown.insert("line".into(), item.line.into());
    match &item.result {
        Ok(Record::Contact(contact)) => show_contact(contact, &mut shown),
        Ok(Record::Note(_)) => panic!("a card is no note"),
        Err(why) => _ = shown.insert("skipped".into(), why.as_str().into()),
    }
    if !item.converted.is_empty() {
        shown.insert("converted".into(), json!(item.converted));
    }
    shown.into()
}

fn show_contact(contact: &ContactRecord, shown: &mut Map<String, Value>) {
    let handles = contact.handles.iter().map(|handle| {
        let mut words = vec![handle.channel.word(), &handle.address];
        words.extend(handle.label.as_deref());
        words.extend(handle.network_id.as_deref());
        json!(words)
    });
    let notes = contact.notes.iter().map(|note| {
        let time = note.happened_at.map(|time| time.to_string());
        json!([note.text, note.said_by, time])
    });
    let files = contact.attachments.iter().map(|file| json!([file.name, file.media_type, file.bytes.len()]));
    let lists = [
        ("handles", handles.collect()),
        ("tags", contact.tags.iter().map(|tag| json!(tag)).collect()),
        ("dates", contact.dates.iter().map(|(label, day)| json!([label, day])).collect()),
        ("related", contact.related.iter().map(|pair| json!(pair)).collect()),
        ("notes", notes.collect()),
        ("attachments", files.collect::<Vec<_>>()),
    ];
    shown.insert("name".into(), contact.name.as_str().into());
    shown.extend(contact.external_id.as_deref().map(|id| ("external_id".into(), id.into())));
    shown.extend(contact.organisation.then(|| ("organisation".into(), true.into())));
    shown.insert("fields".into(), json!(contact.fields));
    shown.extend(lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| (name.into(), list.into())));
}

#[test]
fn every_card_of_the_kit_reads_as_the_expectation_beside_it_says() {
    let mut wrong = Vec::new();
    for file in kit() {
        let found: Vec<Value> = read(&fs::read(&file).unwrap()).iter().map(shown).collect();
        let expected = fs::read_to_string(file.with_extension("expect.json")).unwrap();
        let expected: Vec<Value> = serde_json::from_str(&expected).unwrap();
        if found != expected {
            wrong.push(format!("{} reads as\n{}", file.display(), serde_json::to_string_pretty(&found).unwrap()));
        }
    }
    assert!(kit().len() > 30, "the kit lies in tests/kit/cards");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_source_of_a_card_is_its_bytes_verbatim() {
    for name in ["outlook-2.1-code-page", "utf-16-little-endian", "nested-agent", "line-ends-cr"] {
        let file = kit().into_iter().find(|path| path.file_stem().is_some_and(|stem| stem == name)).unwrap();
        let bytes = fs::read(file).unwrap();
        let sources = read(&bytes).into_iter().filter_map(|item| match item.result {
            Ok(Record::Contact(contact)) => Some(contact.source),
            _ => None,
        });
        let mark = if name.starts_with("utf-16") { 2 } else { 0 };
        assert_eq!(sources.collect::<Vec<_>>().concat(), bytes[mark..], "{name}");
    }
}

#[test]
fn a_code_page_that_the_caller_names_is_used_where_a_card_says_nothing() {
    let options = VCardOptions { code_page: Some(encoding_rs::WINDOWS_1253) };
    let card = b"BEGIN:VCARD\r\nVERSION:2.1\r\nFN:\xCD\xDF\xEA\xEF\xF2\r\nEND:VCARD\r\n";
    let item = VCardReader::new(&card[..], options).next().unwrap().unwrap();
    let Ok(Record::Contact(contact)) = item.result else { panic!("the card was skipped") };
    assert_eq!(contact.name, "Νίκος");
    assert_eq!(item.converted, [] as [&str; 0], "what the caller says is no guess");
}

/// Gives some bytes, then others a number of times, then others, in pieces of odd sizes.
struct Stream {
    parts: Vec<(Vec<u8>, usize)>,
    part: usize,
    at: usize,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.parts.get(self.part).is_some_and(|(_, times)| *times == 0) {
            self.part += 1;
        }
        let Some((bytes, times)) = self.parts.get_mut(self.part) else { return Ok(0) };
        let count = (bytes.len() - self.at).min(buffer.len()).min(7_919);
        buffer[..count].copy_from_slice(&bytes[self.at..self.at + count]);
        self.at += count;
        if self.at == bytes.len() {
            self.at = 0;
            *times -= 1;
        }
        Ok(count)
    }
}

fn stream(parts: &[(&str, usize)]) -> Stream {
    let parts = parts.iter().map(|(text, times)| (text.as_bytes().to_vec(), *times)).collect();
    Stream { parts, part: 0, at: 0 }
}

#[test]
fn fifty_megabytes_of_cards_are_read_holding_one_card_at_a_time() {
    let filler = format!(" {}\r\n", "filler ".repeat(1_000));
    let card = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:One of many\r\nNOTE:{filler}{filler}END:VCARD\r\n");
    let count = 50_000_000 / card.len();
    let mut reader = VCardReader::new(stream(&[(&card, count)]), VCardOptions::default());
    let mut read = 0;
    while let Some(item) = reader.next() {
        read += usize::from(item.unwrap().result.is_ok());
        assert!(reader.cards.held() < 300_000, "{} bytes are held after card {read}", reader.cards.held());
    }
    assert_eq!(read, count);
}

#[test]
fn a_card_over_the_limit_is_skipped_and_the_next_one_is_read() {
    let filler = format!(" {}\r\n", "A".repeat(10_000));
    let small = "BEGIN:VCARD\r\nFN:Small\r\nEND:VCARD\r\n";
    let large = "BEGIN:VCARD\r\nFN:Large\r\nNOTE:";
    let unending = "A".repeat(10_000);
    let input =
        stream(&[(large, 1), (&filler, 7_000), ("END:VCARD\r\n", 1), (small, 1), (large, 1), (&unending, 7_000)]);
    let items: Vec<_> = VCardReader::new(input, VCardOptions::default()).collect::<io::Result<_>>().unwrap();
    let [first, second, third] = items.as_slice() else { panic!("{} items", items.len()) };
    assert!(first.result.as_ref().is_err_and(|why| why.contains("larger than 64 MiB")));
    assert!(second.result.is_ok());
    assert_eq!(second.line, 7_004);
    assert!(third.result.as_ref().is_err_and(|why| why.contains("larger than 64 MiB")));
}

#[test]
fn an_input_that_fails_gives_its_error_once_and_the_cards_before_it() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the cable was pulled"))
        }
    }
    let cards = "BEGIN:VCARD\nFN:Kept\nEND:VCARD\nBEGIN:VCARD\nFN:Lost";
    let mut reader = VCardReader::new(cards.as_bytes().chain(Failing), VCardOptions::default());
    assert!(reader.next().unwrap().unwrap().result.is_ok());
    assert!(reader.next().unwrap().is_err());
    assert!(reader.next().is_none());
}

/// Marsaglia's generator; the same numbers in every run.
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Xorshift) {
    const TOKENS: [&[u8]; 16] = [
        b"BEGIN:VCARD\n",
        b"END:VCARD\n",
        b"AGENT:\n",
        b"=",
        b";",
        b":",
        b"\\",
        b"\n ",
        b"\r",
        b"\"",
        b"\0",
        b"\xFF",
        b"=\n",
        b";ENCODING=BASE64:",
        b";ENCODING=QUOTED-PRINTABLE:",
        b"\xEF\xBB\xBF",
    ];
    let at = random.below(bytes.len() + 1);
    let end = (at + random.below(40)).min(bytes.len());
    match random.below(5) {
        0 => _ = bytes.drain(at..end),
        1 => _ = bytes.splice(at..at, TOKENS[random.below(TOKENS.len())].iter().copied()),
        2 => bytes[at..end].iter_mut().for_each(|byte| *byte = random.below(256) as u8),
        3 => bytes.truncate(at),
        _ => {
            let from = random.below(other.len() + 1);
            let to = (from + random.below(200)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
    }
}

#[test]
fn no_mutation_of_the_kit_panics_or_hangs_or_loses_its_line() {
    let kit: Vec<Vec<u8>> = kit().iter().map(|file| fs::read(file).unwrap()).collect();
    let mut random = Xorshift(0x9E37_79B9_7F4A_7C15);
    for _ in 0..20_000 {
        let mut bytes = kit[random.below(kit.len())].clone();
        let other = &kit[random.below(kit.len())];
        for _ in 0..=random.below(6) {
            mutate(&mut bytes, other, &mut random);
        }
        let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64 + 1;
        let items = read(&bytes);
        assert!(items.len() as u64 <= lines, "more items than lines");
        for item in items {
            assert!((1..=lines).contains(&item.line), "line {} of {lines}", item.line);
            if let Ok(Record::Contact(contact)) = item.result {
                assert!(!contact.name.trim().is_empty() && !contact.source.is_empty());
                assert!(contact.fields.values().all(|value| !value.is_empty() && !value.contains('\0')));
                assert!(contact.handles.iter().all(|handle| !handle.address.trim().is_empty()));
            }
        }
    }
}
