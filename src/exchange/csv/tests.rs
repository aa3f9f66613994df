//! The kit of files and the promises of the reader.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::*;

fn read(bytes: &[u8], options: CsvOptions) -> Vec<Item> {
    CsvReader::new(bytes, options).map(|item| item.unwrap()).collect()
}

/// Reads a text of contacts of which none may be skipped.
fn contacts(text: &str, options: CsvOptions) -> Vec<ContactRecord> {
    let contact = |item: Item| match item.result {
        Ok(Record::Contact(contact)) => contact,
        other => panic!("{other:?}"),
    };
    read(text.as_bytes(), options).into_iter().map(contact).collect()
}

/// Reads a text of notes of which none may be skipped.
fn notes(text: &str, options: CsvOptions) -> Vec<NoteRecord> {
    let note = |item: Item| match item.result {
        Ok(Record::Note(note)) => note,
        other => panic!("{other:?}"),
    };
    read(text.as_bytes(), options).into_iter().map(note).collect()
}

/// Reads a text of which nothing can be read, and gives the reason.
fn refusal(text: &str, options: CsvOptions) -> String {
    let mut items: Vec<_> = CsvReader::new(text.as_bytes(), options).collect();
    assert_eq!(items.len(), 1, "{items:?}");
    let error = items.remove(0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    error.to_string()
}

/// Shows an item as the kit's expectations are written: what is empty is left out.
fn show(item: &Item) -> Value {
    let (what, shown) = match &item.result {
        Ok(Record::Contact(contact)) => ("contact", show_contact(contact)),
        Ok(Record::Note(note)) => ("note", show_note(note)),
        Err(reason) => ("skipped", json!(reason)),
    };
    filled_members(json!({"record": item.record, "line": item.line, what: shown, "converted": item.converted}))
}

fn show_contact(contact: &ContactRecord) -> Value {
    let handle = |handle: &HandleRecord| {
        let label = handle.label.as_ref().map(|label| format!(" ({label})")).unwrap_or_default();
        format!("{}: {}{label}", handle.channel.word(), handle.address)
    };
    let organisation = contact.organisation.then_some(true);
    filled_members(json!({
        "id": contact.external_id,
        "organisation": organisation,
        "name": contact.name,
        "audience": contact.audience,
        "fields": contact.fields,
        "handles": contact.handles.iter().map(handle).collect::<Vec<_>>(),
        "tags": contact.tags,
        "dates": contact.dates.iter().map(|(label, day)| format!("{label}: {day}")).collect::<Vec<_>>(),
        "do_not_contact": contact.do_not_contact.iter().map(|(c, word)| format!("{}: {word}", c.map_or("*", Channel::word))).collect::<Vec<_>>(),
        "related": contact.related.iter().map(|(relation, name)| format!("{relation}: {name}")).collect::<Vec<_>>(),
        "notes": contact.notes.iter().map(show_note).collect::<Vec<_>>(),
        "source": String::from_utf8_lossy(&contact.source),
    }))
}

fn show_note(note: &NoteRecord) -> Value {
    let about = |about: &ContactRef| match about {
        ContactRef::ExternalId(id) => format!("id: {id}"),
        ContactRef::Handle(channel, address) => format!("{}: {address}", channel.word()),
        ContactRef::Name(name) => format!("name: {name}"),
    };
    filled_members(json!({
        "id": note.external_id,
        "about": note.about.iter().map(about).collect::<Vec<_>>(),
        "text": note.text,
        "kind": note.kind,
        "happened_at": note.happened_at.map(|when| when.to_string()),
        "said_by": note.said_by,
        "channel": note.channel.map(Channel::word),
        "direction": note.direction,
        "permalink": note.permalink,
        "visibility": note.visibility,
        "sensitivity": note.sensitivity,
        "source": String::from_utf8_lossy(&note.source),
    }))
}

fn filled_members(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    Value::Object(members.into_iter().filter(|(_, value)| !empty(value)).collect::<Map<_, _>>())
}

/// The CSV files of the kit, by name.
fn kit() -> Vec<PathBuf> {
    let kit = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kit/csv");
    let files = std::fs::read_dir(kit).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "csv")).collect();
    files.sort();
    files
}

#[test]
fn every_file_of_the_kit_is_read_exactly_as_its_expectation_says() {
    let files = kit();
    assert!(files.len() >= 31, "the kit has {} files", files.len());
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let found = match CsvReader::new(bytes.as_slice(), CsvOptions::new()).collect::<io::Result<Vec<Item>>>() {
            Ok(items) => Value::Array(items.iter().map(show).collect()),
            Err(refused) => json!({ "refused": refused.to_string() }),
        };
        let expected = std::fs::read_to_string(file.with_extension("expect.json")).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        assert_eq!(found, expected, "{}:\n{}", file.display(), serde_json::to_string_pretty(&found).unwrap());
    }
}

/// A generator of numbers that are the same in every run (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit.max(1)
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        const BITS: [&[u8]; 14] = [
            b"\"",
            b",",
            b"\n",
            b"\r",
            b";",
            b"\t",
            b"\0",
            b"\xFF",
            b"\"\"",
            b"\xC3",
            b":::",
            b"\xFF\xFE",
            b"9999",
            b"'",
        ];
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len() + 1);
            match self.below(4) {
                0 => drop(bytes.splice(at..at, BITS[self.below(BITS.len())].iter().copied())),
                1 => drop(bytes.drain(at..(at + self.below(9)).min(bytes.len()))),
                2 => bytes.truncate(at),
                _ => {
                    let value = self.below(256) as u8;
                    bytes.get_mut(at).into_iter().for_each(|byte| *byte = value);
                }
            }
        }
    }
}

#[test]
fn no_damage_to_a_file_makes_the_reader_panic_or_run_on_and_every_item_says_where_it_stands() {
    let files: Vec<_> = kit().iter().map(|file| std::fs::read(file).unwrap()).collect();
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    for _ in 0..20_000 {
        let mut bytes = files[chance.below(files.len())].clone();
        chance.mutate(&mut bytes);
        let mut last = (0, 0);
        let breaks = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64;
        for item in CsvReader::new(bytes.as_slice(), CsvOptions::new()) {
            let item = match item {
                Ok(item) => item,
                Err(refused) => {
                    assert_eq!((refused.kind(), last), (ErrorKind::InvalidData, (0, 0)), "{refused}");
                    continue;
                }
            };
            assert!((item.record, item.line) > last && item.line >= 1 && item.line <= breaks + 1, "{item:?}");
            if let Ok(Record::Contact(contact)) = &item.result {
                assert!(!contact.name.is_empty() && !contact.source.is_empty(), "{contact:?}");
            }
            last = (item.record, item.line);
        }
    }
}

#[test]
fn an_explicit_mapping_holds_whatever_the_header_and_its_case() {
    let options = || {
        CsvOptions::new()
            .rows(CsvRows::Contacts)
            .column("WHO", Column::Name)
            .column("insta", Column::Handle(Channel::Instagram))
            .column_number(3, Column::Ignore)
            .column("Dish", Column::Field("favourite dish".into()))
    };
    let read = contacts("who;Insta;secret;dish\nSally;@sally;x;jollof\n", options());
    assert_eq!(read[0].name, "Sally");
    assert_eq!(read[0].handles[0].channel, Channel::Instagram);
    assert_eq!(read[0].fields, BTreeMap::from([("favourite dish".to_owned(), "jollof".to_owned())]));
}

#[test]
fn a_mapping_of_a_column_that_the_file_does_not_have_lists_those_it_has() {
    let reason = refusal("name,email\nA,a@b.c\n", CsvOptions::new().column("mail", Column::Email));
    assert!(reason.contains("there is no column “mail”; the 2 columns of the file are “name”, “email”"), "{reason}");
    for number in [0, 3] {
        let reason = refusal("name,email\nA,a@b.c\n", CsvOptions::new().column_number(number, Column::Email));
        assert!(reason.contains(&format!("with the number {number}")), "{reason}");
    }
}

#[test]
fn a_file_without_a_header_is_read_by_number() {
    let options = CsvOptions::new()
        .without_header()
        .rows(CsvRows::Notes)
        .column_number(1, Column::Name)
        .column_number(2, Column::Note);
    let read = notes("Sally|Likes tea\nBen|Wants a plaque\n", options);
    assert_eq!(read.len(), 2);
    assert_eq!(
        (read[0].about.as_slice(), read[0].text.as_str()),
        (&[ContactRef::Name("Sally".into())][..], "Likes tea")
    );
}

#[test]
fn options_that_cannot_hold_are_refused_in_words() {
    for delimiter in ['"', '\n', '·'] {
        assert!(refusal("a,b\n", CsvOptions::new().delimiter(delimiter)).contains("cannot be a delimiter"));
    }
    assert!(refusal("a,b\n", CsvOptions::new().code_page("klingon")).contains("“klingon” is not known"));
}

#[test]
fn the_code_page_of_the_options_decodes_every_row() {
    let bytes = b"name,email\n\xD0\xEE\xEC\xE0\xED,r@example.com\n";
    let items = read(bytes, CsvOptions::new().code_page("windows-1251"));
    assert_eq!(show(&items[0])["contact"]["name"], "Роман");
    assert!(items[0].converted.is_empty());
    let (text, _, _) = encoding_rs::SHIFT_JIS.encode("name|email\nソ表|s@example.com\n");
    let items = read(&text, CsvOptions::new().code_page("shift_jis"));
    assert_eq!(show(&items[0])["contact"]["name"], "ソ表");
}

#[test]
fn utf_16_and_utf_32_are_read_with_their_marks_and_utf_16_without_one() {
    let text = "name,email\nJörg 😀,j@example.de\n";
    let utf16 = |to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<_>>();
    let utf32 = |to: fn(u32) -> [u8; 4]| text.chars().flat_map(|c| to(c.into())).collect::<Vec<_>>();
    for bytes in [
        [b"\xFF\xFE".to_vec(), utf16(u16::to_le_bytes)].concat(),
        [b"\xFE\xFF".to_vec(), utf16(u16::to_be_bytes)].concat(),
        [b"\xFF\xFE\0\0".to_vec(), utf32(u32::to_le_bytes)].concat(),
        [b"\0\0\xFE\xFF".to_vec(), utf32(u32::to_be_bytes)].concat(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
    ] {
        let items = read(&bytes, CsvOptions::new());
        assert_eq!(show(&items[0])["contact"]["name"], "Jörg 😀", "{:?}", &bytes[..4]);
    }
}

#[test]
fn the_order_of_day_and_month_is_told_by_the_option_else_by_the_column_else_by_the_punctuation() {
    let text = "contact,date,note\nA,03/04/2024,x\nA,13/04/2024,y\n";
    let first = |text: &str, options| notes(text, options)[0].happened_at.unwrap().to_string();
    assert_eq!(first(text, CsvOptions::new()), "2024-04-03");
    assert_eq!(first(text, CsvOptions::new().month_first()), "2024-03-04");
    assert_eq!(first("contact,date,note\nA,03/04/2024,x\n", CsvOptions::new()), "2024-03-04");
    assert_eq!(first("contact,date,note\nA,03/04/2024,x\n", CsvOptions::new().day_first()), "2024-04-03");
}

#[test]
fn a_date_that_speaks_against_the_order_of_its_column_is_reported() {
    let text = "contact,date,note\nA,03/04/2024,x\nA,13/04/2024,y\nA,04/14/2024,z\n";
    let said: Vec<_> = read(text.as_bytes(), CsvOptions::new()).into_iter().map(|item| item.converted).collect();
    assert!(said[0][0].contains("were read month first"), "{said:?}");
    assert!(said[1][0].contains("can only be day first"), "{said:?}");
    assert!(said[2].is_empty(), "{said:?}");
}

#[test]
fn an_offset_of_the_options_places_times_that_name_none() {
    let options = CsvOptions::new().utc_offset(FixedOffset::east_opt(3600).unwrap());
    let items = read(b"contact,date,note\nA,2024-03-12 09:14,x\n", options);
    assert_eq!(show(&items[0])["note"]["happened_at"], "2024-03-12T08:14:00Z");
    assert!(items[0].converted.is_empty());
}

#[test]
fn a_row_over_the_limit_costs_itself_only() {
    let long = "x".repeat(crate::exchange::lines::LIMIT);
    let torn = format!("\"{}", format!("{}\n", "x".repeat(1 << 20)).repeat(17));
    for (row, reason) in [(long, "longer than 16 MiB"), (torn, "not closed within 16 MiB")] {
        let text = format!("name,email\n{row},a@example.com\nB,b@example.com\n");
        let mut items = CsvReader::new(text.as_bytes(), CsvOptions::new()).map(|item| item.unwrap());
        let first = items.next().unwrap();
        assert!(first.result.as_ref().unwrap_err().contains(reason), "{:?}", first.result);
        let last = items.last().unwrap();
        assert_eq!(show(&last)["contact"]["name"], "B");
    }
}

#[test]
fn a_failure_to_read_is_handed_on_and_ends_the_reading() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk went away"))
        }
    }
    let mut reader = CsvReader::new(b"name,email\nA,a@example.com\n".chain(Failing), CsvOptions::new());
    assert!(reader.next().unwrap().is_err());
    assert!(reader.next().is_none());
}

#[test]
fn the_header_is_at_hand_for_whoever_reads_a_source_again() {
    let mut reader = CsvReader::new(&b"Notes:\n\nname,note,date\r\nA,x,2024\r\n"[..], CsvOptions::new());
    reader.next().unwrap().unwrap().result.unwrap();
    assert!(reader.next().is_none());
    assert_eq!(reader.header(), b"name,note,date");
}

#[test]
fn the_source_of_a_row_is_its_bytes_as_they_stand_in_the_file() {
    let text = "name,email,notes\n\" Sally\",s@example.com,\"two\r\nlines\"\r\n";
    assert_eq!(contacts(text, CsvOptions::new())[0].source, b"\" Sally\",s@example.com,\"two\r\nlines\"");
}
