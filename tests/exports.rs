//! Exports: what is written is read back as it was, by heirloom and by others, and what cannot be written is told.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by a panic")]
#![cfg(all(feature = "vcard", feature = "csv"))]

use std::collections::BTreeMap;

use heirloom::{
    Actor, Change, Channel, ContactId, CsvOptions, ExportReport, ImportReport, Memory, NewContact, NewHandle,
    NewMember, Note, NoteKind, Role, SaidBy, Sensitivity, Via, Visibility,
};
use proptest::prelude::*;

#[path = "../examples/shared/year.rs"]
#[allow(dead_code, unreachable_pub, reason = "the examples use all of it")]
mod year;

mod dice;

/// The formats that carry contacts and notes both ways.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Cards,
    Tables,
}

const FORMATS: [Format; 2] = [Format::Cards, Format::Tables];

/// What a memory exports in a format: one file, or one of contacts and one of notes.
fn exported(memory: &Memory, format: Format) -> (Vec<Vec<u8>>, Vec<ExportReport>) {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    match format {
        Format::Cards => {
            let report = memory.export().vcards(&mut first).unwrap();
            (vec![first], vec![report])
        }
        Format::Tables => {
            let reports = vec![
                memory.export().contacts_csv(&mut first).unwrap(),
                memory.export().notes_csv(&mut second).unwrap(),
            ];
            (vec![first, second], reports)
        }
    }
}

fn import(memory: &Memory, files: &[Vec<u8>], format: Format) -> Vec<ImportReport> {
    let read = |file: &Vec<u8>| match format {
        Format::Cards => memory.import("heirloom").vcards(file.as_slice()).unwrap(),
        Format::Tables => memory.import("heirloom").csv(file.as_slice(), CsvOptions::new()).unwrap(),
    };
    files.iter().map(read).collect()
}

fn all_contacts(memory: &Memory) -> Vec<ContactId> {
    memory.contacts(None, usize::MAX - 1).unwrap().contacts.iter().map(|contact| contact.id).collect()
}

/// The id under which the memory that was exported knew a contact.
fn origin(memory: &Memory, contact: ContactId) -> String {
    let contact = memory.contact(contact).unwrap();
    let known = contact.external_ids.iter().find(|id| id.system == "heirloom");
    known.map_or_else(|| contact.id.to_string(), |id| id.id.clone())
}

/// The person who said a note, or who else stands for them after an import.
fn speaker(note: &Note) -> Option<String> {
    let author = (matches!(note.via, Via::Hand | Via::Agent)).then(|| note.recorded_by_name.clone());
    note.said_by.as_ref().map(|speaker| speaker.name.clone()).or(author)
}

/// Everything about each contact that a format carries, in words that can be compared, by the id in the memory that was
/// exported.
fn known(memory: &Memory) -> BTreeMap<String, Vec<String>> {
    let seconds = |at: Option<chrono::DateTime<chrono::Utc>>| at.map(|at| at.timestamp());
    let mut known = BTreeMap::new();
    for id in all_contacts(memory) {
        let contact = memory.contact(id).unwrap();
        let mut facts = vec![format!("{:?} {:?} {:?}", contact.kind, contact.name, contact.audience)];
        facts.extend(contact.fields.iter().map(|field| format!("{field:?}")));
        let mut tags = contact.tags.clone();
        tags.sort();
        facts.push(format!("{tags:?} {:?}", contact.dates));
        for channel in Channel::ALL {
            let mut handles: Vec<_> = contact.handles.iter().filter(|handle| handle.channel == *channel).collect();
            handles.sort_by_key(|handle| handle.until.is_some());
            for handle in handles {
                let (since, ended) = (seconds(handle.since), handle.until.is_some());
                // Of a former address an import keeps no network id: the account may have another name today.
                let network_id = handle.network_id.as_ref().filter(|_| !ended);
                let known = (&handle.key, &handle.label, network_id, since, ended);
                // A number without country code is written with it: only this memory knows its country.
                let national = *channel == Channel::Phone && !handle.address.starts_with('+');
                let address = if national { &handle.key } else { &handle.address };
                facts.push(format!("{channel} {address:?} {known:?}"));
            }
        }
        let mut links: Vec<String> = contact
            .links
            .iter()
            .map(|link| format!("{} {} {}", link.relation, origin(memory, link.other.id), link.reversed))
            .collect();
        links.sort();
        facts.extend(links);
        let mut wishes: Vec<String> = contact.do_not_contact.iter().map(|wish| format!("{wish:?}")).collect();
        wishes.sort();
        facts.extend(wishes);
        let mut ids: Vec<_> = contact.external_ids.iter().filter(|id| id.system != "heirloom").collect();
        ids.sort();
        facts.push(format!("{ids:?}"));
        let mut notes: Vec<String> =
            memory.timeline(id, None, usize::MAX - 1).unwrap().notes.iter().map(|note| shown(memory, note)).collect();
        notes.sort();
        facts.extend(notes);
        known.insert(origin(memory, id), facts);
    }
    known
}

fn shown(memory: &Memory, note: &Note) -> String {
    let mut about: Vec<String> =
        memory.note_contacts(note.id).unwrap().iter().map(|contact| origin(memory, contact.id)).collect();
    about.sort();
    let Note { text, kind, happened_at, channel, direction, permalink, visibility, sensitivity, .. } = note;
    let said = (note.said_by.as_ref().and_then(|s| s.contact).map(|id| origin(memory, id)), speaker(note));
    format!(
        "{text:?} {kind:?} {happened_at} {said:?} {channel:?} {direction:?} {permalink:?} {visibility:?} {sensitivity:?} \
         {about:?}"
    )
}

fn example_year() -> Memory {
    year::year(Memory::options(), "2026-01-01T00:00:00Z".parse().unwrap()).unwrap().0
}

/// Fails with the first contact that is not the same, so that the message can be read.
fn assert_same(before: &Memory, after: &Memory, what: impl std::fmt::Debug) {
    let (before, after) = (known(before), known(after));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{what:?}");
    for (id, facts) in &before {
        assert_eq!(facts, &after[id], "{what:?}");
    }
}

#[test]
fn the_example_year_comes_back_from_cards_and_from_tables_and_a_second_import_changes_nothing() {
    let memory = example_year();
    for format in FORMATS {
        let (files, reports) = exported(&memory, format);
        assert_eq!(exported(&memory, format).0, files, "two exports of one state differ");
        assert_eq!(reports[0].contacts, 42);
        assert_eq!(reports.last().unwrap().notes, 305, "{reports:?}");
        let elsewhere = Memory::in_memory().unwrap();
        import(&elsewhere, &files, format);
        assert_same(&memory, &elsewhere, format);
        let head = elsewhere.head().unwrap();
        import(&elsewhere, &files, format);
        assert_eq!(elsewhere.head().unwrap(), head, "{format:?}");
    }
}

/// Pieces of texts that mean something to one format or the other, or to a lenient reader of it.
const PIECES: &[&str] = &[
    "a",
    "Sally",
    " ",
    "  ",
    "\t",
    "\n",
    ";",
    ",",
    ":",
    ": ",
    "\\",
    "\\n",
    "\\;",
    "\"",
    "'",
    "^",
    "^n",
    "^'",
    "=",
    "=0D=0A",
    "+",
    "-",
    "@",
    "|",
    "[",
    "]",
    "[\"x\"]",
    "* ",
    ":::",
    "BEGIN:VCARD",
    "END:VCARD",
    "\nEND:VCARD\n",
    "AGENT:",
    "x.AGENT: ",
    ";BASE64;",
    ";ENCODING=QUOTED-PRINTABLE",
    ";CHARSET=shift_jis",
    "NOTE;X-A=b",
    "\nNOTE;X:y",
    "é",
    "中村",
    "👩‍👩‍👧",
    "\u{301}",
    "\u{2028}",
    "\u{FEFF}",
    "_$!<Home>!$_",
    "myContacts",
    "urn:uuid:",
    "https://x.com/a,b;c",
    "1604",
    "TRUE",
    "a long text that goes on past the end of the line that it stands on and then on to the next end of a line ",
    "                                                                                                            ",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 1..8)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("a text says something", |text| !text.trim().is_empty())
}

/// A text as a name may be: nothing around it.
fn name() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.trim().to_owned())
}

fn field_name() -> impl Strategy<Value = String> {
    let ours = ["given_name", "family_name", "name_suffix", "generation", "nickname", "company", "department", "role"];
    let more = [
        "job_title",
        "language",
        "pronouns",
        "time_zone",
        "gender",
        "note",
        "Name",
        "name",
        "x-y",
        "E-mail",
        "spouse",
        "contact",
    ];
    prop_oneof![prop::sample::select([ours.as_slice(), &more].concat()).prop_map(str::to_owned), name()]
}

fn handle() -> impl Strategy<Value = (Channel, String)> {
    let known = [
        (Channel::Email, "\"Sally\" <Sally@Mail.example>"),
        (Channel::Email, "a;b@mail.example"),
        (Channel::Phone, "+44 20 7946 0958"),
        (Channel::Phone, "+1 201 555 0123 ext. 5"),
        (Channel::Phone, "5550123"),
        (Channel::Web, "https://corner.example/a,b;c?x=1"),
        (Channel::Web, "https://x.com/sally"),
        (Channel::Web, "corner.example"),
        (Channel::Post, "1 High Street; Flat 2,\nLondon"),
        (Channel::X, "@Sally"),
        (Channel::X, "https://twitter.com/Sally2?x"),
        (Channel::Mastodon, "@sally@m.example"),
        (Channel::Instagram, "sally.w"),
        (Channel::LinkedIn, "linkedin.com/company/acme"),
        (Channel::YouTube, "youtube.com/c/sally"),
        (Channel::WhatsApp, "+442079460958"),
        (Channel::Telegram, "t.me/+AbCdE"),
        (Channel::Bluesky, "did:plc:ewvi7nxzyoun6zhxrhs64oiz"),
        (Channel::Other, "skype:sally"),
        (Channel::Other, "room 4, ask for Sally"),
        (Channel::Other, "facebook:sally"),
    ];
    prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(|(channel, address)| (channel, address.to_owned())),
        (prop::sample::select(vec![Channel::Post, Channel::Other]), name()),
    ]
}

type Labelled = ((Channel, String), Option<String>, bool, bool);

fn handles() -> impl Strategy<Value = Vec<Labelled>> {
    let label = prop_oneof![
        prop::sample::select(vec!["work", "home", "cell", "fax", "instagram", "Work"]).prop_map(str::to_owned),
        name()
    ];
    prop::collection::vec((handle(), prop::option::of(label), any::<bool>(), prop::bool::weighted(0.2)), 0..5)
}

#[derive(Clone, Debug)]
struct Person {
    name: String,
    organisation: bool,
    audience: Option<String>,
    fields: Vec<(String, String)>,
    tags: Vec<String>,
    dates: Vec<(String, (bool, u32))>,
    handles: Vec<Labelled>,
    wishes: Vec<(Option<Channel>, String)>,
    id: Option<String>,
    links: Vec<(String, usize)>,
}

fn person() -> impl Strategy<Value = Person> {
    let label = prop_oneof![prop::sample::select(vec!["birthday", "anniversary"]).prop_map(str::to_owned), name()];
    let channel = prop::option::of(prop::sample::select(Channel::ALL));
    (
        (name(), any::<bool>(), prop::option::of(name())),
        prop::collection::vec((field_name(), text()), 0..4),
        prop::collection::vec(name(), 0..3),
        prop::collection::vec((label, (any::<bool>(), 1_u32..29)), 0..3),
        handles(),
        prop::collection::vec((channel, prop_oneof![Just(String::new()), text()]), 0..2),
        prop::option::of(name()),
        prop::collection::vec((name(), 0_usize..4), 0..3),
    )
        .prop_map(|((name, organisation, audience), fields, tags, dates, handles, wishes, id, links)| Person {
            name,
            organisation,
            audience,
            fields,
            tags,
            dates,
            handles,
            wishes,
            id,
            links,
        })
}

#[derive(Clone, Debug)]
struct Said {
    text: String,
    about: Vec<usize>,
    kind: usize,
    sensitivity: usize,
    happened: usize,
    by: Option<Result<usize, String>>,
    channel: Option<Channel>,
    link: Option<String>,
    by_hand: bool,
}

fn said() -> impl Strategy<Value = Said> {
    let by = prop_oneof![(0_usize..4).prop_map(Ok), name().prop_map(|name| Err(format!("Dr. {name}")))];
    (
        (text(), prop::collection::vec(0_usize..4, 1..4), 0_usize..8, 0_usize..11, 0_usize..5),
        prop::option::of(by),
        prop::option::of(prop::sample::select(Channel::ALL)),
        prop::option::of(text()),
        any::<bool>(),
    )
        .prop_map(|((text, about, kind, sensitivity, happened), by, channel, link, by_hand)| Said {
            text,
            about,
            kind,
            sensitivity,
            happened,
            by,
            channel,
            link,
            by_hand,
        })
}

fn remembered(people: &[Person], notes: &[Said]) -> Memory {
    let memory = Memory::in_memory().unwrap();
    let mia = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Mia, \"the\" chef; ^n"))).unwrap();
    let people: Vec<(ContactId, &Person)> = people.iter().map(|person| (remember(&memory, person), person)).collect();
    for (contact, person) in &people {
        for (relation, other) in &person.links {
            let other = people[other % people.len()].0;
            let _ = memory.write(&mia, |w| w.link(*contact, relation, other));
        }
    }
    for note in notes {
        let about: Vec<ContactId> = note.about.iter().map(|at| people[at % people.len()].0).collect();
        let happened = ["2024", "2024-03", "2024-03-12", "2024-03-12T18:30:00Z", "0987-03-12T18:30:00.123456Z"];
        let actor = if note.by_hand { Actor::from(&mia) } else { Actor::system("till") };
        memory
            .write(actor, |w| {
                let draft = w.note_about(&about, &note.text)?.kind(NoteKind::ALL[note.kind]);
                let draft = draft.sensitivity(Sensitivity::ALL[note.sensitivity]).channel(note.channel);
                let draft = draft.happened_at(happened[note.happened]);
                let draft = match &note.by {
                    None => draft,
                    Some(Ok(at)) => draft.said_by(people[at % people.len()].0),
                    Some(Err(name)) => draft.said_by(SaidBy::Name(name.clone())),
                };
                let draft = note.link.iter().fold(draft, |draft, link| draft.permalink(link));
                draft.save()
            })
            .unwrap();
    }
    memory
}

fn remember(memory: &Memory, person: &Person) -> ContactId {
    let mut new =
        if person.organisation { NewContact::organisation(&person.name) } else { NewContact::person(&person.name) };
    new = person.audience.iter().fold(new, |new, audience| new.audience(audience));
    new = person.fields.iter().fold(new, |new, (name, value)| new.field(name, value));
    new = person.tags.iter().fold(new, |new, tag| new.tag(tag));
    for (label, (has_year, day)) in &person.dates {
        let day = heirloom::DayOfYear::new(has_year.then_some(1604), 2, *day).unwrap();
        new = new.date(label, day);
    }
    for wish in &person.wishes {
        new = new.do_not_contact(wish.0, &wish.1);
    }
    let contact = memory.write(Actor::system("crm"), |w| w.add_contact(new)).unwrap();
    if let Some(id) = &person.id {
        let _ = memory.write(Actor::system("crm"), |w| w.identify(contact, "crm: 1; a^n", id));
    }
    for ((channel, address), label, has_id, ended) in &person.handles {
        let handle = NewHandle::new(*channel, address).since("2020-02-03T04:05:06Z".parse().unwrap());
        let handle = label.iter().fold(handle, |handle, label| handle.label(label));
        let handle = if *has_id { handle.network_id(format!("{address}; ^")) } else { handle };
        // One that stands already, or that no channel takes, is as good as none.
        let _ = memory.write(Actor::system("crm"), |w| {
            w.add_handle(contact, handle)?;
            if *ended { w.end_handle(contact, *channel, address) } else { Ok(()) }
        });
    }
    contact
}

proptest! {
    #![proptest_config(ProptestConfig { cases: dice::rounds(48, 1_500) as u32, failure_persistence: None, max_shrink_iters: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_known_comes_back_and_a_second_import_changes_nothing(
        people in prop::collection::vec(person(), 1..4),
        notes in prop::collection::vec(said(), 0..5),
    ) {
        let memory = remembered(&people, &notes);
        for format in FORMATS {
            let (files, reports) = exported(&memory, format);
            let elsewhere = Memory::in_memory().unwrap();
            let imported = import(&elsewhere, &files, format);
            prop_assert!(imported.iter().all(|report| report.skipped == 0), "{:?}", imported);
            let (before, after) = (known(&memory), known(&elsewhere));
            let shown = String::from_utf8_lossy(&files[0]).into_owned();
            for (id, facts) in &before {
                prop_assert_eq!(facts, &after[id], "{:?} {:?} {}", format, reports, shown);
            }
            let head = elsewhere.head().unwrap();
            import(&elsewhere, &files, format);
            prop_assert_eq!(elsewhere.head().unwrap(), head, "{:?}", format);
        }
    }
}

/// Reads the properties of cards as the standard has it, and nothing more lenient: unfolded lines, by name.
fn lines_of(cards: &[u8]) -> Vec<String> {
    let text = String::from_utf8(cards.to_vec()).unwrap();
    for line in text.split("\r\n") {
        assert!(line.len() <= 75, "{} octets: {line}", line.len());
        assert!(!line.contains(['\r', '\n']), "a bare line end in {line:?}");
    }
    assert!(text.ends_with("END:VCARD\r\n"));
    text.replace("\r\n ", "").split_terminator("\r\n").map(str::to_owned).collect()
}

/// A memory with one contact and one note.
fn one(new: NewContact, text: &str) -> Memory {
    let memory = Memory::in_memory().unwrap();
    memory
        .write(Actor::system("test"), |w| {
            let contact = w.add_contact(new)?;
            w.note(contact, text).save()
        })
        .unwrap();
    memory
}

fn cards(memory: &Memory) -> Vec<u8> {
    let mut cards = Vec::new();
    let _ = memory.export().vcards(&mut cards).unwrap();
    cards
}

fn table(write: impl FnOnce(&mut Vec<u8>) -> heirloom::Result<ExportReport>) -> String {
    let mut bytes = Vec::new();
    let _ = write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_hostile_text_begins_no_property_and_ends_no_card() {
    for hostile in [
        "x\r\nEND:VCARD\r\nBEGIN:VCARD\r\nFN:Eve",
        "x\nTEL:+1 900 555 0123",
        "x\u{b}TEL:1\u{c}TEL:2\u{85}TEL:3\u{2028}TEL:4",
        "\";TEL=1:x\"\nTEL:1",
        "a,b;c\\,d\\;e\\\\n",
    ] {
        let new = NewContact::person(hostile.replace(['\n', '\r'], " ")).field(hostile.trim(), hostile).tag(hostile);
        let new = new.with_handle(NewHandle::new(Channel::Email, "s@mail.example").label(hostile));
        let lines = lines_of(&cards(&one(new, hostile)));
        let names: Vec<&str> = lines.iter().map(|line| line.split([':', ';']).next().unwrap()).collect();
        let expected = [
            "BEGIN",
            "VERSION",
            "PRODID",
            "UID",
            "KIND",
            "FN",
            "X-HEIRLOOM-FIELD",
            "CREATED",
            "CATEGORIES",
            "item1.EMAIL",
            "item1.X-ABLabel",
            "X-HEIRLOOM-AUDIENCE",
            "NOTE",
            "END",
        ];
        assert_eq!(names, expected, "{hostile:?}");
    }
}

#[test]
fn a_fold_never_parts_a_character_nor_leaves_a_line_that_looks_like_the_frame_of_a_card() {
    for text in
        ["👩‍👩‍👧中é".repeat(60), "END:VCARD ".repeat(30), "x.agent: ".repeat(40), format!("a{}END:VCARD", " ".repeat(300))]
    {
        for shift in 0..80 {
            let text = format!("{}{text}", "x".repeat(shift));
            let written = cards(&one(NewContact::person("Sally"), text.trim()));
            lines_of(&written);
            let elsewhere = Memory::in_memory().unwrap();
            let report = elsewhere.import("heirloom").vcards(written.as_slice()).unwrap();
            assert_eq!((report.contacts_added, report.notes_added, report.converted), (1, 1, 0), "{report}");
            let sally = elsewhere.named("Sally").unwrap().remove(0);
            assert_eq!(elsewhere.timeline(sally.id, None, 2).unwrap().notes[0].text, text.trim());
        }
    }
}

#[test]
fn what_vcard_cannot_say_is_replaced_and_counted() {
    let memory = one(NewContact::person("Sally"), "one\r\ntwo\u{7}");
    let mut written = Vec::new();
    let report = memory.export().vcards(&mut written).unwrap();
    assert_eq!(
        report.to_string(),
        "1 contact, 1 note written\n  texts whose control characters became �: 1\n  texts whose line ends CR LF or CR became LF: 1"
    );
    assert!(lines_of(&written).iter().any(|line| line.ends_with(":one\\ntwo�")));
}

#[test]
fn a_stranger_finds_the_standard_properties_where_the_standard_has_them() {
    let new = NewContact::person("Dr. Sally Marsh")
        .field("given_name", "Sally")
        .field("family_name", "Marsh")
        .field("company", "Acme, Ltd")
        .field("department", "Books")
        .field("job_title", "Reader")
        .date("birthday", "--10-12".parse().unwrap())
        .tag("a,b")
        .tag("regular")
        .with_handle(NewHandle::new(Channel::Email, "Sally@Mail.example").label("work"))
        .with_handle(NewHandle::new(Channel::Phone, "+44 20 7946 0958").label("cell"))
        .handle(Channel::Instagram, "@sally")
        .handle(Channel::Web, "https://corner.example/a,b;c");
    let lines = lines_of(&cards(&one(new, "Likes tea; black, no sugar")));
    for line in [
        "N:Marsh;Sally;;;",
        "ORG:Acme\\, Ltd;Books",
        "TITLE:Reader",
        "BDAY:--1012",
        "CATEGORIES:a\\,b,regular",
        "EMAIL;X-HEIRLOOM-ADDRESS=\"Sally@Mail.example\";TYPE=work:sally@mail.example",
        "TEL;TYPE=cell:+44 20 7946 0958",
        "SOCIALPROFILE;SERVICE-TYPE=Instagram;X-HEIRLOOM-ADDRESS=\"@sally\":https://www.instagram.com/sally",
        "URL:https://corner.example/a,b;c",
    ] {
        assert!(lines.iter().any(|known| known == line), "no line {line} in {lines:#?}");
    }
    let note = lines.iter().find(|line| line.starts_with("NOTE;")).unwrap();
    assert!(
        note.starts_with("NOTE;AUTHOR-NAME=test;CREATED=2") && note.ends_with(":Likes tea\\; black\\, no sugar"),
        "{note}"
    );
}

#[test]
fn no_cell_is_computed_by_a_spreadsheet_and_each_comes_back_as_it_was() {
    for text in [
        "=1+1", "+44 1", "-1", "@sum", "\t=1", "\r=1", "'=1", "''=1", "' =1", " =1", "＝1", "'plain", "a\r\nb",
        "é\"\"\"",
    ] {
        let memory =
            one(NewContact::person("Sally").field("=f", text).handle(Channel::Phone, "+44 20 7946 0958"), text);
        let (contacts, notes) =
            (table(|out| memory.export().contacts_csv(out)), table(|out| memory.export().notes_csv(out)));
        for table in [&contacts, &notes] {
            assert!(table.starts_with('\u{FEFF}'));
            let (rows, _) = rows(table);
            for cell in rows.iter().flatten() {
                let bare = cell.trim_start();
                assert!(!bare.starts_with(['=', '+', '-', '@', '＝']) && !cell.starts_with(['\t', '\r']), "{cell:?}");
            }
        }
        let elsewhere = Memory::in_memory().unwrap();
        import(&elsewhere, &[contacts.into_bytes(), notes.into_bytes()], Format::Tables);
        assert_same(&memory, &elsewhere, text);
    }
}

/// The rows of a table below its header, as `csv-core` parts them, and the header.
fn rows(table: &str) -> (Vec<Vec<String>>, Vec<String>) {
    let mut reader = csv_core::Reader::new();
    let (mut rows, mut input) = (Vec::new(), table.trim_start_matches('\u{FEFF}').as_bytes());
    loop {
        let (mut output, mut ends) = (vec![0; table.len() + 1], vec![0; 1_000]);
        let (result, read, _, cells) = reader.read_record(input, &mut output, &mut ends);
        input = &input[read..];
        match result {
            csv_core::ReadRecordResult::Record => {}
            csv_core::ReadRecordResult::End => break,
            csv_core::ReadRecordResult::InputEmpty if cells == 0 => continue,
            csv_core::ReadRecordResult::InputEmpty => {}
            other => panic!("{other:?}"),
        }
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let cell = |(start, end): (usize, &usize)| String::from_utf8(output[start..*end].to_vec()).unwrap();
        rows.push(starts.zip(&ends[..cells]).map(cell).collect::<Vec<_>>());
    }
    let header = rows.remove(0);
    assert!(rows.iter().all(|row| row.len() == header.len()), "{rows:?}");
    (rows, header)
}

#[test]
fn another_reader_of_tables_finds_the_same_cells() {
    let memory = example_year();
    let (rows, header) = rows(&table(|out| memory.export().notes_csv(out)));
    assert_eq!(rows.len(), 305);
    let at = |name: &str| header.iter().position(|known| known == name).unwrap();
    let goal = rows.iter().find(|row| row[at("Text")].contains("weekly weight goal")).unwrap();
    assert_eq!((goal[at("Contacts")].as_str(), goal[at("Sensitivity")].as_str()), ("Sally Whitcomb", "health"));
}

#[test]
fn another_reader_of_cards_finds_the_same_contacts_and_notes() {
    use calcard::vcard::{VCard, VCardProperty};
    let memory = example_year();
    let text = String::from_utf8(cards(&memory)).unwrap();
    let mut found = BTreeMap::new();
    for card in text.split_inclusive("END:VCARD\r\n") {
        let card = VCard::parse(card).unwrap();
        let text = |property: &VCardProperty| {
            let of = card.entries.iter().filter(|entry| entry.name == *property);
            of.filter_map(|entry| entry.values.first()?.as_text().map(str::to_owned)).collect::<Vec<_>>()
        };
        found.insert(text(&VCardProperty::Fn).remove(0), text(&VCardProperty::Note));
    }
    let summaries = memory.contacts(None, 1_000).unwrap().contacts;
    assert_eq!(found.len(), summaries.len());
    for contact in summaries {
        let notes = memory.timeline(contact.id, None, 1_000).unwrap().notes;
        let mut expected: Vec<String> = notes.into_iter().map(|note| note.text).collect();
        let mut found = found.remove(&contact.name).unwrap();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{contact}");
    }
}

#[test]
fn a_private_note_is_exported_for_its_reader_alone_and_stands_in_no_source_that_others_read() {
    let memory = Memory::in_memory().unwrap();
    let mia = memory.write(Actor::system("test"), |w| w.add_member(NewMember::new("Mia"))).unwrap();
    memory
        .write(&mia, |w| {
            let sally = w.add_contact(NewContact::person("Sally"))?;
            w.note(sally, "Likes tea").save()?;
            w.note(sally, "Looks for another flat, and this is a secret that is long enough to be folded")
                .private()
                .save()
        })
        .unwrap();
    for format in FORMATS {
        let (files, _) = exported(&memory, format);
        assert!(files.iter().all(|file| !String::from_utf8_lossy(file).contains("Looks for")), "{format:?}");
        let (files, reports) = exported(&memory.seen_by(&mia).unwrap(), format);
        assert_eq!(reports.last().unwrap().notes, 2);

        let elsewhere = Memory::in_memory().unwrap();
        let mia = elsewhere.write(Actor::system("test"), |w| w.add_member(NewMember::new("Mia"))).unwrap();
        import(&elsewhere, &files, format);
        let sally = elsewhere.named("Sally").unwrap().remove(0);
        assert_eq!(elsewhere.timeline(sally.id, None, 9).unwrap().notes.len(), 1);
        let hers = elsewhere.seen_by(&mia).unwrap().timeline(sally.id, None, 9).unwrap().notes;
        assert!(hers.iter().any(|note| note.visibility == Visibility::Private && note.text.starts_with("Looks for")));
        let Some(Change::ContactAdded(added)) = &elsewhere.history(sally.id).unwrap()[0].change else { panic!() };
        let source = String::from_utf8(added.source.as_ref().unwrap().bytes()).unwrap().replace("\r\n ", "");
        assert!(source.contains("Sally") && !source.contains("another flat"), "{source}");
        let head = elsewhere.head().unwrap();
        import(&elsewhere, &files, format);
        assert_eq!(elsewhere.head().unwrap(), head, "{format:?}");
    }
}

#[test]
fn an_export_of_some_contacts_names_no_other() {
    let memory = Memory::in_memory().unwrap();
    let [sally, tom, _eva] = memory
        .write(Actor::system("test"), |w| {
            let sally = w.add_contact(NewContact::person("Sally"))?;
            let tom = w.add_contact(NewContact::person("Tom"))?;
            let eva = w.add_contact(NewContact::person("Evangeline"))?;
            w.link(sally, "knows", tom)?;
            w.link(sally, "knows", eva)?;
            w.link(eva, "referred_by", tom)?;
            w.note_about(&[sally, eva], "Sang")?.save()?;
            w.note(sally, "Is ill").said_by(eva).save()?;
            w.note(eva, "Dances").save()?;
            Ok([sally, tom, eva])
        })
        .unwrap();
    let export = memory.export().of([sally, tom]);
    let mut cards = Vec::new();
    let report = export.vcards(&mut cards).unwrap();
    assert_eq!((report.contacts, report.notes), (2, 2));
    assert_eq!(
        report.to_string(),
        "2 contacts, 2 notes written\n  \
         links to contacts who are not exported, left out: 2\n  \
         names of contacts who said something and are not exported, left out: 1\n  \
         notes that are also about contacts who are not exported: 1"
    );
    let tables = [
        String::from_utf8(cards).unwrap(),
        table(|out| export.contacts_csv(out)),
        table(|out| export.notes_csv(out)),
        table(|out| export.ownership_csv(out)),
    ];
    for table in &tables {
        assert!(!table.contains("Evangeline") && !table.contains("Dances"), "{table}");
    }
    assert!(tables[0].contains("Sang") && tables[2].contains("Sang"));
}

#[test]
fn what_was_exported_and_edited_is_brought_back_into_the_same_memory() {
    let memory = example_year();
    let before = (memory.count_contacts().unwrap(), known(&memory));
    for format in FORMATS {
        let (files, _) = exported(&memory, format);
        import(&memory, &files, format);
        assert_eq!((memory.count_contacts().unwrap(), known(&memory)), before, "{format:?}");
    }
    let edited = table(|out| memory.export().contacts_csv(out)).replace("Belfast Town Library", "Camden Library");
    let reports = import(&memory, &[edited.into_bytes()], Format::Tables);
    assert_eq!(reports[0].contacts_added, 0);
    let sally = memory.named("Sally Whitcomb").unwrap().remove(0);
    assert_eq!(memory.contact(sally.id).unwrap().fields["company"], "Camden Library");
}

#[test]
fn who_looks_after_whom_stands_in_a_table_of_its_own_that_is_not_mistaken_for_contacts() {
    let memory = example_year();
    let table = table(|out| memory.export().without_byte_order_mark().ownership_csv(out));
    let (rows, header) = rows(&table);
    assert_eq!((rows.len(), table.starts_with("Heirloom assignment id,")), (66, true));
    let at = |name: &str| header.iter().position(|known| known == name).unwrap();
    let jonas =
        rows.iter().find(|row| row[at("Contact")] == "Sally Whitcomb" && row[at("Member")] == "Jonas Weber").unwrap();
    let told =
        [at("Agency"), at("Role"), at("Until"), at("Member has departed"), at("Begun by")].map(|at| jonas[at].as_str());
    assert_eq!(told, ["Bright Spoon", "owner", "2025-12-02T00:00:00Z", "yes", "lookup"]);
    let refused = memory.import("heirloom").csv(table.as_bytes(), CsvOptions::new()).unwrap_err().to_string();
    assert!(refused.contains("it says who looks after whom, which is not imported"), "{refused}");
    let owners = lines_of(&cards(&memory)).into_iter().filter(|line| line.starts_with("X-HEIRLOOM-OWNER"));
    assert_eq!(owners.count(), 66);
}

#[test]
fn a_note_on_several_cards_of_which_one_is_missing_hangs_on_the_others() {
    let memory = Memory::in_memory().unwrap();
    memory
        .write(Actor::system("test"), |w| {
            let sally = w.add_contact(NewContact::person("Sally"))?;
            let tom = w.add_contact(NewContact::person("Tom"))?;
            w.link(sally, "knows", tom)?;
            w.note_about(&[sally, tom], "Sang")?.save()
        })
        .unwrap();
    let cards = cards(&memory);
    let first = cards.windows(11).position(|end| end == b"END:VCARD\r\n").unwrap() + 11;
    let elsewhere = Memory::in_memory().unwrap();
    let report = elsewhere.import("heirloom").vcards(&cards[..first]).unwrap();
    assert_eq!((report.contacts_added, report.notes_added, report.converted), (1, 1, 2), "{report}");
    let words = report.to_string();
    assert!(words.contains("the link of Sally to Tom (knows) was left out"), "{words}");
    assert!(words.contains("a note is also about 1 whose cards were not met; it hangs on the others"), "{words}");
}

#[test]
fn an_output_that_fails_is_an_error_in_words() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("no space is left"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let memory = one(NewContact::person("Sally"), "Likes tea");
    let refused = memory.export().vcards(Full).unwrap_err().to_string();
    assert_eq!(refused, "output of the export: no space is left");
    let unknown = memory.export().of([ContactId::from(heirloom::uuid::Uuid::nil())]).vcards(Vec::new()).unwrap_err();
    assert!(unknown.to_string().contains("there is no contact"), "{unknown}");
}

#[test]
fn what_a_format_does_not_carry_is_counted() {
    let memory = one(NewContact::person("Sally"), "Likes tea");
    let sally = memory.named("Sally").unwrap().remove(0);
    memory
        .write(Actor::system("test"), |w| {
            let mia = w.add_member(NewMember::new("Mia"))?;
            w.assign(sally.id, &mia, Role::Owner)?;
            w.follow_up(sally.id, "Send the menu").owner(&mia).save()?;
            let wrong = w.note(sally.id, "Wrong").save()?;
            w.retract_note(wrong, None)?;
            w.attach(sally.id, heirloom::NewAttachment::new("a.png", "image/png", b"x".to_vec()))?;
            let scan = heirloom::NewAttachment::new("b.png", "image/png", b"y".to_vec());
            w.note(sally.id, "Wrote a letter").attach(scan).save()
        })
        .unwrap();
    let report = memory.export().vcards(Vec::new()).unwrap();
    assert_eq!(
        report.to_string(),
        "1 contact, 2 notes, 1 assignment written\n  attachments, which this format does not carry: 2\n  \
         notes that were retracted, left out: 1\n  promises, which this format does not carry: 1"
    );
}

#[test]
fn a_note_on_a_card_that_says_it_is_private_is_never_everybodys() {
    let memory = Memory::in_memory().unwrap();
    let card =
        "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Vera Card\r\nNOTE;X-HEIRLOOM-VISIBILITY=private:Is ill\r\nEND:VCARD\r\n";
    let _ = memory.import("book").vcards(card.as_bytes()).unwrap();
    let vera = memory.named("Vera Card").unwrap().remove(0);
    assert_eq!(memory.timeline(vera.id, None, 9).unwrap().notes.len(), 0, "everybody reads it");
}
