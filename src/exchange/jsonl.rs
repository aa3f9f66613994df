//! JSON Lines: one contact or one note a line, made to be written by hand and by a script. The format is set down in
//! [`crate::guide::json_lines`].

use std::io::{self, BufReader, Read};

use serde_json::{Map, Value};

use super::lines::{Line, read_line, without_end};
use super::{ContactRecord, ContactRef, HandleRecord, Item, NoteRecord, Record};
use crate::channel::Channel;
use crate::time::{DayOfYear, When};

/// The members of a contact that are fields of ours.
const FIELDS: [&str; 9] = [
    "given_name",
    "middle_name",
    "family_name",
    "name_prefix",
    "name_suffix",
    "nickname",
    "company",
    "department",
    "job_title",
];

/// Reads a file of JSON Lines, one item a line.
pub(crate) struct JsonLinesReader<R: Read> {
    input: BufReader<R>,
    line: u64,
    record: u64,
    ended: bool,
}

impl<R: Read> JsonLinesReader<R> {
    /// Reads an input. Nothing is read before the first call of `next`.
    pub(crate) fn new(input: R) -> Self {
        Self { input: BufReader::new(input), line: 0, record: 0, ended: false }
    }

    /// Reads the next line that is not blank.
    fn next_line(&mut self) -> io::Result<Option<Result<Vec<u8>, String>>> {
        loop {
            let mut bytes = Vec::new();
            let Some(read) = read_line(&mut self.input, b'\n', &mut bytes)? else { return Ok(None) };
            self.line += 1;
            if read == Line::TooLong {
                return Ok(Some(Err("the line is longer than 16 MiB".into())));
            }
            let line = match self.line {
                1 => bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes),
                _ => &bytes,
            };
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(Ok(without_end(line).to_vec())));
            }
        }
    }
}

impl<R: Read> Iterator for JsonLinesReader<R> {
    type Item = io::Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let line = match self.next_line() {
            Ok(Some(line)) => line,
            Ok(None) => {
                self.ended = true;
                return None;
            }
            Err(error) => {
                self.ended = true;
                return Some(Err(error));
            }
        };
        self.record += 1;
        let mut converted = Vec::new();
        let result = line.and_then(|source| record(source, &mut converted));
        Some(Ok(Item { record: self.record, line: self.line, result, converted }))
    }
}

/// Reads one line.
fn record(source: Vec<u8>, converted: &mut Vec<String>) -> Result<Record, String> {
    let text = std::str::from_utf8(&source).map_err(|error| match source.starts_with(&[0xFF, 0xFE]) {
        true => "the file is UTF-16; JSON Lines are UTF-8".to_owned(),
        false => format!("byte {} of the line is not UTF-8", error.valid_up_to() + 1),
    })?;
    let mut members = Members::of(serde_json::from_str(text).map_err(|error| not_json(&error))?, "the line")?;
    let (contact, note) = (members.take("contact"), members.take("note"));
    for name in members.0.keys() {
        converted.push(format!("“{name}” beside the record is not known; it is kept in the source only"));
    }
    match (contact, note) {
        (Some(contact), None) => {
            let contact = self::contact(Members::of(contact, "contact")?, converted)?;
            Ok(Record::Contact(ContactRecord { source, ..contact }))
        }
        (None, Some(note)) => {
            let note = self::note(Members::of(note, "note")?, converted)?;
            match note.about.is_empty() {
                true => Err("the note has no “about”: it must say whom it is about".into()),
                false => Ok(Record::Note(NoteRecord { source, ..note })),
            }
        }
        (Some(_), Some(_)) => Err("the line has both “contact” and “note”; write each on a line of its own".into()),
        (None, None) => {
            Err("the line has neither “contact” nor “note”; write {\"contact\": {…}} or {\"note\": {…}}".into())
        }
    }
}

/// Says where a line stops being JSON. A line of a file is line 1 to the parser, which would only confuse.
fn not_json(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    format!("the line is not JSON: at column {} {}", error.column(), in_plain_words(words))
}

/// Says for people what the parser says for programmers, as the rest of a sentence that names the place.
fn in_plain_words(words: &str) -> String {
    let plain = match words {
        "EOF while parsing a list" => "it ends within a list",
        "EOF while parsing an object" => "it ends within an object",
        "EOF while parsing a string" => "it ends within a text",
        "EOF while parsing a value" => "it ends where a value should stand",
        "expected value" | "expected ident" => {
            "a value should stand: a text in double quotes, a number, true, false, null, a list or an object"
        }
        "expected `:`" => "a colon should stand",
        "expected `,` or `]`" => "a comma or a ] should stand",
        "expected `,` or `}`" => "a comma or a } should stand",
        "key must be a string" => "a name in double quotes should stand",
        "trailing characters" => "something follows the end of the record; write each on a line of its own",
        "trailing comma" => "a comma stands with nothing behind it",
        "invalid escape" => "a backslash stands where it means nothing; write a backslash as \\\\",
        "recursion limit exceeded" => "lists and objects are nested too deep",
        _ if words.starts_with("control character") => {
            "a control character stands in a text; write a tab as \\t and the end of a line as \\n"
        }
        _ => return format!("the parser says “{words}”"),
    };
    plain.to_owned()
}

/// The members of an object that were not read yet.
struct Members(Map<String, Value>);

impl Members {
    fn of(value: Value, what: &str) -> Result<Self, String> {
        match value {
            Value::Object(members) => Ok(Self(members)),
            other => Err(format!("{what} must be an object, {{…}}, and is {}", shape(&other))),
        }
    }

    /// Takes a member out, unless it is null.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// Takes a text out; an empty one counts as none.
    fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        self.take(name).map_or(Ok(None), |value| text(name, value))
    }

    /// Takes a text or a list of them out.
    fn texts(&mut self, name: &str) -> Result<Vec<String>, String> {
        self.list(name).into_iter().filter_map(|value| text(name, value).transpose()).collect()
    }

    /// Takes a value or a list of them out.
    fn list(&mut self, name: &str) -> Vec<Value> {
        match self.take(name) {
            None => Vec::new(),
            Some(Value::Array(values)) => values,
            Some(value) => vec![value],
        }
    }

    /// Takes an object out; none counts as empty.
    fn object(&mut self, name: &str) -> Result<Map<String, Value>, String> {
        self.take(name).map_or(Ok(Map::new()), |value| Self::of(value, &format!("“{name}”")).map(|members| members.0))
    }
}

/// Says what a value is.
fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Reads a text, trimmed; an empty one is none.
fn text(name: &str, value: Value) -> Result<Option<String>, String> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text,
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        other => return Err(format!("“{name}” must be a text and is {}", shape(&other))),
    };
    if text.contains('\0') {
        return Err(format!("“{name}” holds the character NUL (U+0000), which no text may"));
    }
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// Reads a contact.
fn contact(mut members: Members, converted: &mut Vec<String>) -> Result<ContactRecord, String> {
    let mut contact = ContactRecord {
        external_id: members.text("id")?,
        name: members.text("name")?.unwrap_or_default(),
        audience: members.text("audience")?,
        ..ContactRecord::default()
    };
    contact.organisation = match members.take("organisation") {
        None => false,
        Some(Value::Bool(organisation)) => organisation,
        Some(other) => return Err(format!("“organisation” must be true or false and is {}", shape(&other))),
    };
    for name in FIELDS {
        if let Some(value) = members.text(name)? {
            contact.fields.insert(name.to_owned(), value);
        }
    }
    handles(&mut members, &mut contact)?;
    for tag in members.texts("tags")? {
        if !contact.tags.contains(&tag) {
            contact.tags.push(tag);
        }
    }
    dates(&mut members, &mut contact)?;
    do_not_contact(&mut members, &mut contact)?;
    for (relation, names) in members.object("related")? {
        let names = Members(Map::from_iter([(relation.clone(), names)])).texts(&relation)?;
        contact.related.extend(names.into_iter().map(|name| (relation.clone(), name)));
    }
    for value in members.list("notes") {
        contact.notes.extend(note_of_contact(value, converted)?);
    }
    custom_fields(members, &mut contact, converted)?;
    name_it(&mut contact, converted)?;
    Ok(contact)
}

/// Reads the addresses of a contact, those of `handles` first.
fn handles(members: &mut Members, contact: &mut ContactRecord) -> Result<(), String> {
    let mut add = |handle: HandleRecord| {
        let known = |other: &HandleRecord| other.channel == handle.channel && other.address == handle.address;
        if !contact.handles.iter().any(known) {
            contact.handles.push(handle);
        }
    };
    for value in members.list("handles") {
        let mut handle = Members::of(value, "each of “handles”")?;
        let channel = channel(&handle.text("channel")?.ok_or("a handle has no “channel”")?)?;
        let address = handle.text("address")?.ok_or("a handle has no “address”")?;
        add(HandleRecord {
            label: handle.text("label")?,
            network_id: handle.text("network_id")?,
            ..HandleRecord::new(channel, address)
        });
        if let Some(name) = handle.0.keys().next() {
            return Err(format!("“{name}” is not known of a handle; it has channel, address, label and network_id"));
        }
    }
    for &channel in Channel::ALL {
        for address in members.texts(channel.word())? {
            add(HandleRecord::new(channel, address));
        }
    }
    Ok(())
}

/// Reads a channel's word.
fn channel(word: &str) -> Result<Channel, String> {
    word.parse().map_err(|error: crate::error::Error| error.to_string())
}

/// Reads the days that return.
fn dates(members: &mut Members, contact: &mut ContactRecord) -> Result<(), String> {
    for (label, value) in members.object("dates")? {
        if let Some(day) = text(&label, value)? {
            let day = day.parse::<DayOfYear>().map_err(|error| format!("“{label}”: {error}"))?;
            contact.dates.push((label, day));
        }
    }
    Ok(())
}

/// Reads the channels on which a contact does not want to be reached.
fn do_not_contact(members: &mut Members, contact: &mut ContactRecord) -> Result<(), String> {
    let values = match members.take("do_not_contact") {
        Some(Value::Object(values)) => values.into_iter().collect(),
        Some(value) => {
            let words = Members(Map::from_iter([("do_not_contact".to_owned(), value)])).texts("do_not_contact")?;
            words.into_iter().map(|word| (word, Value::String("do_not_contact".into()))).collect()
        }
        None => Vec::new(),
    };
    for (word, value) in values {
        let channel = channel(&word)?;
        match value {
            Value::Bool(false) | Value::Null => {}
            Value::Bool(true) => contact.do_not_contact.push((Some(channel), "do_not_contact".into())),
            value => contact.do_not_contact.extend(text(&word, value)?.map(|source| (Some(channel), source))),
        }
    }
    Ok(())
}

/// Reads a note that stands within a contact.
fn note_of_contact(value: Value, converted: &mut Vec<String>) -> Result<Option<NoteRecord>, String> {
    match value {
        Value::Object(members) => {
            let note = note(Members(members), converted)?;
            if !note.about.is_empty() {
                return Err("a note within a contact is about that contact; leave “about” out".into());
            }
            // The source of a contact is kept whole, and every member may read it.
            if note.visibility.as_deref() == Some("private") {
                return Err("a private note must stand on a line of its own, apart from what all may read".into());
            }
            Ok(Some(note))
        }
        value => Ok(text("notes", value)?.map(|text| NoteRecord { text, ..NoteRecord::default() })),
    }
}

/// Keeps the members of `fields`, and those that are not known, as custom fields.
fn custom_fields(mut members: Members, contact: &mut ContactRecord, converted: &mut Vec<String>) -> Result<(), String> {
    for (name, value) in members.object("fields")? {
        keep(contact, name, value)?;
    }
    for (name, value) in members.0 {
        if !value.is_null() {
            converted.push(format!("“{name}” is not known of a contact; it was kept as a custom field"));
            keep(contact, name, value)?;
        }
    }
    Ok(())
}

/// Keeps a custom field; lists and objects as JSON.
fn keep(contact: &mut ContactRecord, name: String, value: Value) -> Result<(), String> {
    let value = match value {
        Value::Array(_) | Value::Object(_) => Some(value.to_string()),
        value => text(&name, value)?,
    };
    let name = name.trim();
    if name.is_empty() || name.contains('\0') {
        return Err("a custom field must have a name, and one without the character NUL (U+0000)".into());
    }
    if let Some(value) = value {
        if contact.fields.contains_key(name) {
            return Err(format!("the field “{name}” is there twice"));
        }
        contact.fields.insert(name.to_owned(), value);
    }
    Ok(())
}

/// Makes sure that the contact has a name, and says which was taken.
fn name_it(contact: &mut ContactRecord, converted: &mut Vec<String>) -> Result<(), String> {
    if !contact.name.is_empty() {
        return Ok(());
    }
    let field = |name: &str| contact.fields.get(name).cloned();
    let parts: Vec<_> = ["given_name", "middle_name", "family_name"].into_iter().filter_map(field).collect();
    if !parts.is_empty() {
        contact.name = parts.join(" ");
        return Ok(());
    }
    let company = field("company").map(|name| ("company", name));
    let handle = contact.handles.first().map(|handle| ("address", handle.address.clone()));
    let (what, name) = company
        .or_else(|| field("nickname").map(|name| ("nickname", name)))
        .or(handle)
        .ok_or("the contact has no name, no company and no address")?;
    converted.push(format!("it has no name; its {what} “{name}” was taken"));
    contact.name = name;
    Ok(())
}

/// Reads a note.
fn note(mut members: Members, converted: &mut Vec<String>) -> Result<NoteRecord, String> {
    let note = NoteRecord {
        external_id: members.text("id")?,
        about: about(&mut members)?,
        text: members.text("text")?.ok_or("the note has no “text”")?,
        kind: members.text("kind")?,
        happened_at: members.text("happened_at")?.map(|text| when(&text)).transpose()?,
        said_by: members.text("said_by")?,
        channel: members.text("channel")?.map(|word| channel(&word)).transpose()?,
        direction: members.text("direction")?,
        permalink: members.text("permalink")?,
        visibility: members.text("visibility")?,
        sensitivity: members.text("sensitivity")?,
        ..NoteRecord::default()
    };
    one_of(
        "kind",
        &note.kind,
        &["conversation", "insight", "praise", "complaint", "idea", "milestone", "broadcast", "other"],
    )?;
    one_of("direction", &note.direction, &["in", "out"])?;
    one_of("visibility", &note.visibility, &["organisation", "private"])?;
    for (name, value) in members.0 {
        if !value.is_null() {
            converted.push(format!("“{name}” is not known of a note; it is kept in the source only"));
        }
    }
    Ok(note)
}

/// Reads a time.
fn when(text: &str) -> Result<When, String> {
    text.parse().map_err(|error| format!("“happened_at”: {error}"))
}

/// Checks that a word is one that is known.
fn one_of(name: &str, value: &Option<String>, words: &[&str]) -> Result<(), String> {
    match value {
        Some(value) if !words.contains(&value.as_str()) => {
            Err(format!("“{name}” is “{value}” and must be one of {}", words.join(", ")))
        }
        _ => Ok(()),
    }
}

/// Reads whom a note is about.
fn about(members: &mut Members) -> Result<Vec<ContactRef>, String> {
    let mut refs = Vec::new();
    for value in members.list("about") {
        match value {
            Value::Object(named) => {
                let mut named = Members(named);
                refs.extend(named.texts("id")?.into_iter().map(ContactRef::ExternalId));
                for &channel in Channel::ALL {
                    let addresses = named.texts(channel.word())?;
                    refs.extend(addresses.into_iter().map(|address| ContactRef::Handle(channel, address)));
                }
                refs.extend(named.texts("name")?.into_iter().map(ContactRef::Name));
                if let Some(name) = named.0.keys().next() {
                    return Err(format!("“{name}” does not name a contact; write id, name, or the word of a channel"));
                }
            }
            value => refs.extend(text("about", value)?.map(ContactRef::Name)),
        }
    }
    Ok(refs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<Item> {
        JsonLinesReader::new(text).map(|item| item.unwrap()).collect()
    }

    fn only(text: &str) -> Item {
        let mut items = read(text.as_bytes());
        assert_eq!(items.len(), 1, "{items:?}");
        items.remove(0)
    }

    fn contact(text: &str) -> (ContactRecord, Vec<String>) {
        let item = only(text);
        match item.result {
            Ok(Record::Contact(contact)) => (contact, item.converted),
            other => panic!("{other:?}"),
        }
    }

    fn note(text: &str) -> (NoteRecord, Vec<String>) {
        let item = only(text);
        match item.result {
            Ok(Record::Note(note)) => (note, item.converted),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_lines_of_the_documentation_are_read_as_it_says() {
        let (sally, converted) = contact(r#"{"contact": {"name": "Sally"}}"#);
        assert_eq!((sally.name.as_str(), converted.len()), ("Sally", 0));
        let (ben, converted) = contact(
            r#"{"contact": {"id": 42, "name": "Ben Okoro", "email": "ben@example.com", "x": ["@ben", "@ben_travels"], "tags": ["donor"], "dates": {"birthday": "1985-04-12"}, "favourite dish": "jollof"}}"#,
        );
        assert_eq!(ben.external_id.as_deref(), Some("42"));
        let handles: Vec<_> = ben.handles.iter().map(|handle| (handle.channel, handle.address.as_str())).collect();
        assert_eq!(handles, [(Channel::Email, "ben@example.com"), (Channel::X, "@ben"), (Channel::X, "@ben_travels")]);
        assert_eq!(ben.dates, [("birthday".to_owned(), "1985-04-12".parse().unwrap())]);
        assert_eq!(ben.fields["favourite dish"], "jollof");
        assert_eq!(converted, ["“favourite dish” is not known of a contact; it was kept as a custom field"]);
        let (note, converted) = note(
            r#"{"note": {"about": [{"id": "42"}, {"x": "@sally"}, "Sally"], "text": "Met.", "happened_at": "2024-07-06"}}"#,
        );
        assert_eq!(
            note.about,
            [
                ContactRef::ExternalId("42".into()),
                ContactRef::Handle(Channel::X, "@sally".into()),
                ContactRef::Name("Sally".into())
            ]
        );
        assert_eq!(note.happened_at.unwrap().to_string(), "2024-07-06");
        assert_eq!(converted, [""; 0]);
    }

    #[test]
    fn every_member_of_a_contact_arrives() {
        let (contact, converted) = contact(
            r#"{"contact": {"given_name": "Sally", "family_name": "Ng", "organisation": false, "audience": "customer", "company": "Ng & Co", "handles": [{"channel": "x", "address": "@sally", "label": "work", "network_id": "99"}], "x": "@sally", "tags": "vip", "do_not_contact": {"phone": "DoNotCall", "email": false}, "related": {"child": ["Ada", "Ben"]}, "notes": ["Likes tea.", {"text": "Won.", "kind": "milestone"}], "fields": {"size": 7, "dishes": ["a", "b"]}, "email": null, "nickname": " "}}"#,
        );
        assert_eq!(contact.name, "Sally Ng");
        assert_eq!(contact.handles.len(), 1);
        assert_eq!(contact.handles[0].network_id.as_deref(), Some("99"));
        assert_eq!(contact.do_not_contact, [(Some(Channel::Phone), "DoNotCall".to_owned())]);
        assert_eq!(contact.related.len(), 2);
        assert_eq!(contact.notes.len(), 2);
        assert_eq!(contact.notes[1].kind.as_deref(), Some("milestone"));
        assert_eq!(contact.fields["size"], "7");
        assert_eq!(contact.fields["dishes"], r#"["a","b"]"#);
        assert!(!contact.fields.contains_key("nickname"));
        assert_eq!(converted, [""; 0]);
    }

    #[test]
    fn a_line_that_cannot_be_read_says_why_and_the_next_is_read() {
        let mut input = b"\xEF\xBB\xBF{\"contact\": {\"name\": \"A\"}}\r\n\n{broken\n".to_vec();
        input.extend_from_slice(b"{\"contact\": {\"name\": \"\xFF\"}}\n");
        input.extend(vec![b'x'; super::super::lines::LIMIT + 1]);
        input.extend_from_slice(b"\n{\"contact\": {\"name\": \"B\"}}");
        let found: Vec<_> =
            read(&input).into_iter().map(|item| (item.record, item.line, item.result.map(|_| ()))).collect();
        assert_eq!(
            found,
            [
                (1, 1, Ok(())),
                (2, 3, Err("the line is not JSON: at column 2 a name in double quotes should stand".into())),
                (3, 4, Err("byte 23 of the line is not UTF-8".into())),
                (4, 5, Err("the line is longer than 16 MiB".into())),
                (5, 6, Ok(())),
            ]
        );
    }

    #[test]
    fn what_keeps_a_line_from_being_json_is_said_for_people() {
        for (line, reason) in [
            (r#"{"contact": {"name": "a"}"#, "at column 25 it ends within an object"),
            (r#"{"contact": {"name": "a"#, "it ends within a text"),
            (r#"{"contact": ["a""#, "it ends within a list"),
            (r#"{"contact":"#, "it ends where a value should stand"),
            ("name,email", "a value should stand"),
            (r#"{"contact" 7}"#, "a colon should stand"),
            (r#"{"contact": ["a" "b"]}"#, "a comma or a ] should stand"),
            (r#"{"contact": {"name": "a" "b"}}"#, "a comma or a } should stand"),
            (r#"{"contact": {}} {"note": {}}"#, "write each on a line of its own"),
            (r#"{"contact": {"name": "a",}}"#, "a comma stands with nothing behind it"),
            (r#"{"contact": {"name": "\w"}}"#, r"write a backslash as \\"),
            ("{\"contact\": {\"name\": \"a\tb\"}}", r"write a tab as \t"),
            (r#"{"contact": 01}"#, "the parser says “invalid number”"),
        ] {
            let said = read(line.as_bytes()).remove(0).result.unwrap_err();
            assert!(said.starts_with("the line is not JSON: ") && said.contains(reason), "{line}: {said}");
        }
        let said = read("[".repeat(1_000).as_bytes()).remove(0).result.unwrap_err();
        assert!(said.contains("nested too deep"), "{said}");
    }

    #[test]
    fn what_is_wrong_with_a_record_is_said_in_its_own_words() {
        for (line, reason) in [
            ("7", "must be an object"),
            ("{}", "neither “contact” nor “note”"),
            (r#"{"contact": {}}"#, "no name, no company and no address"),
            (r#"{"contact": {"name": ["a"]}}"#, "“name” must be a text and is a list"),
            (r#"{"contact": {"name": "a\u0000"}}"#, "NUL"),
            (r#"{"contact": {"name": "a", "notes": {"text": "b", "visibility": "private"}}}"#, "line of its own"),
            (r#"{"contact": {"name": "a", "dates": {"birthday": "soon"}}}"#, "“birthday”"),
            (r#"{"contact": {"name": "a", "fields": {"company": "b"}, "company": "c"}}"#, "there twice"),
            (r#"{"contact": {"name": "a"}, "note": {"text": "b"}}"#, "a line of its own"),
            (r#"{"note": {"text": "b"}}"#, "about"),
            (r#"{"note": {"about": "a"}}"#, "no “text”"),
            (r#"{"note": {"about": "a", "text": "b", "kind": "chat"}}"#, "must be one of conversation"),
            (r#"{"note": {"about": "a", "text": "b", "channel": "icq"}}"#, "“icq” is not known"),
            (r#"{"note": {"about": {"icq": "1"}, "text": "b"}}"#, "does not name a contact"),
        ] {
            match only(line).result {
                Err(said) => assert!(said.contains(reason), "{line}: {said}"),
                Ok(record) => panic!("{line}: {record:?}"),
            }
        }
    }

    #[test]
    fn what_is_not_known_of_a_note_is_reported_and_the_source_is_kept() {
        let line = r#"{"note": {"about": "a", "text": "b", "mood": "good"}, "v": 1}"#;
        let (note, converted) = note(line);
        assert_eq!(note.source, line.as_bytes());
        assert_eq!(converted.len(), 2);
    }
}
