//! One property: its characters decoded, its grammar read.

use std::borrow::Cow;

use calcard::common::IanaString;
use calcard::vcard::{VCard, VCardEntry, VCardParameter, VCardParameterValue, VCardValue};
use encoding_rs::{Encoding, SHIFT_JIS, UTF_8, WINDOWS_1252};
use mail_parser::decoders::base64::base64_decode;

use super::prepass::{Form, Logical, Remark, find_colon, params, quote};

/// A property, its values as text.
#[derive(Debug, Default)]
pub(super) struct Property {
    /// The line of the file on which it begins.
    pub(super) line: u64,
    /// Its group ("item1"), in lower case.
    pub(super) group: Option<String>,
    /// Its name in upper case.
    pub(super) name: String,
    /// Its parameters: names in upper case, values as written. A bare `HOME` is a TYPE.
    pub(super) params: Vec<(String, String)>,
    /// Its values, split where the grammar of the property splits.
    pub(super) parts: Vec<String>,
    /// The label that a person gave it, in the form in which Android writes it.
    pub(super) own_label: Option<String>,
    /// What stands between its parts in the source.
    separator: &'static str,
    /// The bytes that it holds in base64.
    pub(super) bytes: Option<Vec<u8>>,
    /// The card that is nested in it, as text.
    pub(super) nested: Option<String>,
}

impl Property {
    /// Its whole value as one text, trimmed.
    pub(super) fn text(&self) -> String {
        match self.parts.as_slice() {
            [one] => one.trim().to_owned(),
            parts => parts.join(self.separator).trim().to_owned(),
        }
    }

    /// Its whole value as one text, with the blanks around it.
    pub(super) fn verbatim(&self) -> String {
        self.parts.join(self.separator)
    }

    /// One of its parts, trimmed; empty where there is none.
    pub(super) fn part(&self, index: usize) -> &str {
        self.parts.get(index).map_or("", |part| part.trim())
    }

    /// The value of a parameter, with the blanks around it.
    pub(super) fn param_verbatim(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a parameter that is not empty, trimmed.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(known, value)| known == name && !value.trim().is_empty())
            .map(|(_, value)| value.trim())
    }

    /// Its types in lower case.
    pub(super) fn types(&self) -> impl Iterator<Item = String> {
        self.params.iter().filter(|(name, _)| name == "TYPE").map(|(_, value)| value.trim().to_lowercase())
    }

    /// How much it is preferred: 1 before 100 before those that say nothing (RFC 6350, section 5.3).
    pub(super) fn rank(&self) -> u32 {
        match self.param("PREF").map(|rank| rank.parse().unwrap_or(1)) {
            Some(rank) => rank,
            None if self.types().any(|word| word == "pref") => 1,
            None => u32::MAX,
        }
    }

    /// Whether a word stands among its VALUE parameters, as in `VALUE=uri`.
    pub(super) fn has_value_type(&self, word: &str) -> bool {
        self.params.iter().any(|(name, value)| name == "VALUE" && value.eq_ignore_ascii_case(word))
    }
}

/// How a card is written, as far as it does not say so at each property.
#[derive(Clone, Copy)]
pub(super) struct Dialect {
    /// Which character set text is in that is not UTF-8 and says nothing.
    page: &'static Encoding,
    /// Whether the caller or the card names it.
    sure: bool,
    /// Whether the card is of version 2.1, in which a comma separates nothing.
    old: bool,
}

impl Dialect {
    /// Chooses for a card: what the caller named, else what the card's own CHARSET parameters say, else Shift_JIS where
    /// the card bears the marks of a Japanese phone, else windows-1252.
    pub(super) fn of(named: Option<&'static Encoding>, card: &[Logical]) -> Self {
        let declared = || card.iter().find_map(|logical| charset(head(&logical.bytes))).filter(|page| *page != UTF_8);
        let japanese =
            || card.iter().any(|logical| contains(head(&logical.bytes), b"X-IRMC") || is_kana(&logical.bytes));
        let marks_old = |start: &[u8]| start.eq_ignore_ascii_case(b"VERSION:2");
        let old = card.iter().any(|logical| logical.bytes.get(..9).is_some_and(marks_old));
        match named.or_else(declared) {
            Some(page) => Self { page, sure: true, old },
            None if japanese() => Self { page: SHIFT_JIS, sure: false, old },
            None => Self { page: WINDOWS_1252, sure: false, old },
        }
    }

    /// Decodes text: valid UTF-8 as it is, else in the declared character set, else in this one.
    fn decode(self, bytes: &[u8], declared: Option<&'static Encoding>, line: u64, remarks: &mut Vec<Remark>) -> String {
        let escapes = declared.is_some_and(|page| !page.is_ascii_compatible() || bytes.contains(&0x1B));
        if !escapes && let Ok(text) = str::from_utf8(bytes) {
            return text.to_owned();
        }
        let page = declared.filter(|page| *page != UTF_8).unwrap_or(self.page);
        let (text, broken) = page.decode_without_bom_handling(bytes);
        let guessed = declared != Some(page) && !self.sure;
        match (broken, guessed, declared) {
            (true, ..) => {
                remarks.push((line, format!("some characters cannot be read as {}; replaced by �", page.name())))
            }
            (_, _, Some(said)) if said != page => {
                remarks.push((line, format!("the text is not {}, as it says; read as {}", said.name(), page.name())));
            }
            (_, true, _) => remarks.push((line, format!("the text is not UTF-8; read as {}", page.name()))),
            _ => {}
        }
        text.into_owned()
    }
}

/// Tells whether bytes that are no UTF-8 read as Shift_JIS and hold two kana, which other code pages hardly produce.
fn is_kana(bytes: &[u8]) -> bool {
    if bytes.is_ascii() || str::from_utf8(bytes).is_ok() {
        return false;
    }
    let (text, broken) = SHIFT_JIS.decode_without_bom_handling(bytes);
    !broken && text.chars().filter(|c| matches!(c, '\u{3041}'..='\u{30FC}')).count() >= 2
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// The part of a property before its value.
fn head(bytes: &[u8]) -> &[u8] {
    find_colon(bytes).and_then(|colon| bytes.get(..colon)).unwrap_or_default()
}

/// Returns the character set that the head of a property declares, if it is known.
fn charset(head: &[u8]) -> Option<&'static Encoding> {
    let param = params(head).find(|param| param.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"CHARSET=")))?;
    let label: Vec<u8> = param.get(8..)?.iter().copied().filter(|byte| *byte != b'"').collect();
    Encoding::for_label(&label)
}

/// Reads a property; a value that cannot be read is kept as text, and a remark says so.
pub(super) fn read(logical: Logical, dialect: Dialect, remarks: &mut Vec<Remark>) -> Option<Property> {
    let Logical { number, bytes, form, nested, .. } = logical;
    let colon = find_colon(&bytes)?;
    let (raw_head, raw_value) = (bytes.get(..colon)?, bytes.get(colon + 1..)?);
    let declared = charset(raw_head);
    if declared.is_none() && contains(raw_head, b"CHARSET=") && str::from_utf8(raw_value).is_err() {
        remarks.push((number, "the text names a character set that is not known".into()));
    }
    let (head, own_label) = plain_head(&dialect.decode(raw_head, declared, number, remarks));
    let decode = |bytes: &[u8], remarks: &mut Vec<Remark>| dialect.decode(bytes, declared, number, remarks);
    let name = head.split(';').next().unwrap_or_default().rsplit('.').next().unwrap_or_default().trim().to_uppercase();
    let text = match form {
        Some(Form::Base64) => String::new(),
        Some(Form::QuotedPrintable) => plain_from_quoted(&name, raw_value, number, remarks, decode),
        _ => escape_stray_backslashes(&decode(raw_value, remarks)).into_owned(),
    };
    let mut property = parse_with_blanks(&head, &text, dialect.old)?;
    property.line = number;
    property.own_label = own_label;
    property.nested = (!nested.is_empty())
        .then(|| nested.iter().map(|line| decode(&line.text, remarks)).collect::<Vec<_>>().join("\n"));
    if form == Some(Form::Base64) {
        read_base64(&mut property, raw_value, remarks, decode);
    }
    strip_nul(&mut property, remarks);
    Some(property)
}

fn strip_nul(property: &mut Property, remarks: &mut Vec<Remark>) {
    let mut found = false;
    let texts = property.params.iter_mut().map(|(_, value)| value);
    for text in texts.chain(&mut property.parts).chain(&mut property.nested) {
        if text.contains('\0') {
            found = true;
            text.retain(|c| c != '\0');
        }
    }
    if found {
        remarks.push((property.line, format!("{} holds U+0000; taken out", property.name)));
    }
}

fn read_base64(
    property: &mut Property,
    value: &[u8],
    remarks: &mut Vec<Remark>,
    decode: impl Fn(&[u8], &mut Vec<Remark>) -> String,
) {
    let value = value.trim_ascii();
    match base64_decode(value) {
        Some(bytes) if !bytes.is_empty() => property.bytes = Some(bytes),
        None if !value.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"data:"))
            && !value.starts_with(b"http") =>
        {
            remarks.push((property.line, format!("{} is not valid base64; kept as text", property.name)));
            property.parts = vec![decode(value, remarks)];
        }
        _ => property.parts = vec![decode(value, remarks)],
    }
}

/// Returns the head of a property without its encoding, which has been undone, with the types unquoted, and the label
/// that Android writes as `X-CUSTOM(CHARSET=UTF-8,ENCODING=QUOTED-PRINTABLE,=41)`.
fn plain_head(head: &str) -> (String, Option<String>) {
    let mut plain = String::new();
    let mut label = None;
    for (index, segment) in segments(head).into_iter().enumerate() {
        let segment = segment.trim();
        let upper = segment.to_ascii_uppercase();
        if index == 0 {
            plain.push_str(segment);
            // The kind of value is read by the mapping, from the text.
            plain.push_str(";VALUE=TEXT");
        } else if let Some(custom) = upper.strip_prefix("X-CUSTOM(").or_else(|| upper.strip_prefix("TYPE=X-CUSTOM(")) {
            let start = segment.len() - custom.len();
            label = segment.get(start..).and_then(|text| android_label(text.trim_end_matches(')')));
        } else if upper.starts_with("TYPE=") {
            plain.push(';');
            plain.push_str(&segment.replace('"', ""));
        } else if !(upper.starts_with("ENCODING=")
            || upper.starts_with("CHARSET=")
            || matches!(upper.as_str(), "QUOTED-PRINTABLE" | "BASE64" | "8BIT" | "7BIT" | "B64"))
        {
            plain.push(';');
            match has_plain_backslashes(&upper) {
                true => plain.push_str(&segment.replace('\\', "\\\\")),
                false => plain.push_str(segment),
            }
        }
    }
    (plain, label)
}

/// Whether a backslash in a parameter stands for itself, as RFC 6350 has it. In LABEL and others many programs escape with it
/// as in a value, and so the grammar reads it.
fn has_plain_backslashes(param: &str) -> bool {
    ["X-HEIRLOOM-", "AUTHOR-NAME=", "X-USERID="].into_iter().any(|name| param.starts_with(name))
}

fn android_label(text: &str) -> Option<String> {
    let encoded = text.rsplit(',').next()?;
    let (bytes, _) = quoted_printable(encoded.as_bytes());
    String::from_utf8(bytes).ok().filter(|label| !label.trim().is_empty())
}

/// Splits at the semicolons outside quotation marks.
fn segments(head: &str) -> Vec<&str> {
    let closed = head.bytes().filter(|byte| *byte == b'"').count() % 2 == 0;
    let mut quoted = false;
    head.split(|c| {
        quoted ^= c == '"' && closed;
        c == ';' && !quoted
    })
    .collect()
}

/// Doubles the backslashes that begin no escape, so that the grammar gives them back.
fn escape_stray_backslashes(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        escaped.push(c);
        if c != '\\' {
            continue;
        }
        match chars.peek() {
            Some(next) if matches!(next, '\\' | ';' | ',' | ':' | '"' | 'n' | 'N') => {
                escaped.push(*next);
                chars.next();
            }
            _ => escaped.push('\\'),
        }
    }
    Cow::Owned(escaped)
}

/// Undoes quoted-printable, and writes the text as the grammar has it: what was encoded is text, what was not is grammar.
fn plain_from_quoted(
    name: &str,
    value: &[u8],
    line: u64,
    remarks: &mut Vec<Remark>,
    decode: impl Fn(&[u8], &mut Vec<Remark>) -> String,
) -> String {
    let structured = matches!(name, "N" | "ADR" | "ORG" | "GENDER");
    let list = matches!(name, "CATEGORIES" | "NICKNAME");
    let mut damaged = false;
    let mut plain = String::new();
    for (index, piece) in split_unescaped(value, if list { b',' } else { b';' }).into_iter().enumerate() {
        let (bytes, whole) = quoted_printable(&escapes_to_quoted(piece));
        damaged |= !whole;
        let text = decode(without_torn_end(&bytes), remarks);
        damaged |= without_torn_end(&bytes).len() < bytes.len();
        if index > 0 {
            plain.push(if list { ',' } else { ';' });
        }
        // A value whose every semicolon is encoded encodes its separators with the rest.
        let separators = structured && !value.contains(&b';');
        for c in text.replace("\r\n", "\n").chars() {
            match c {
                '\n' | '\r' => plain.push_str("\\n"),
                ';' if separators => plain.push(';'),
                ';' | ',' | '\\' => plain.extend(['\\', c]),
                c => plain.push(c),
            }
        }
    }
    if damaged {
        remarks.push((line, format!("the quoted-printable text of {name} is damaged; what can be read of it is kept")));
    }
    plain
}

fn split_unescaped(value: &[u8], separator: u8) -> Vec<&[u8]> {
    let mut escaped = false;
    value
        .split(|byte| {
            let splits = *byte == separator && !escaped;
            escaped = *byte == b'\\' && !escaped;
            splits
        })
        .collect()
}

/// Writes backslash escapes as quoted-printable.
fn escapes_to_quoted(piece: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(piece.len());
    let mut bytes = piece.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek()) {
            (b'\\', Some(b';' | b',' | b':' | b'\\')) => {
                quoted.extend(bytes.next().map(|b| format!("={b:02X}")).into_iter().flat_map(String::into_bytes))
            }
            (b'\\', Some(b'n' | b'N')) => {
                bytes.next();
                quoted.extend_from_slice(b"=0A");
            }
            _ => quoted.push(byte),
        }
    }
    quoted
}

/// Undoes quoted-printable (RFC 2045, section 6.7), and tells whether it was whole. What is no escape stays text.
fn quoted_printable(encoded: &[u8]) -> (Vec<u8>, bool) {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut whole = true;
    let mut rest = encoded;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        let digit = |at: usize| tail.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'=', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = tail.get(2..).unwrap_or_default();
            }
            (b'=', Some(_), None) if tail.len() == 1 => {
                whole = false;
                rest = &[];
            }
            (b'=', ..) if tail.is_empty() => {}
            (b'=', ..) => {
                whole = false;
                bytes.push(b'=');
            }
            _ => bytes.push(*byte),
        }
    }
    (bytes, whole)
}

/// Cuts a UTF-8 character off that a truncated text ends within.
fn without_torn_end(bytes: &[u8]) -> &[u8] {
    match str::from_utf8(bytes) {
        // Two lone bytes say nothing: a short Latin text can end in what looks like the start of a character.
        Err(error)
            if error.error_len().is_none() && !bytes.get(..error.valid_up_to()).unwrap_or_default().is_ascii() =>
        {
            bytes.get(..error.valid_up_to()).unwrap_or_default()
        }
        _ => bytes,
    }
}

/// Reads one property, and keeps the blanks that the grammar takes off: around its value, and behind another blank.
fn parse_with_blanks(head: &str, text: &str, old: bool) -> Option<Property> {
    let body = text.trim_matches([' ', '\t']);
    if !(body.len() < text.len() || body.contains("  ") || body.contains("\t\t")) {
        return parse(head, text, old);
    }
    let mut stand_ins = ('\u{F0000}'..='\u{FFFFD}').filter(|c| !body.contains(*c));
    let (space, tab) = (stand_ins.next()?, stand_ins.next()?);
    let mut before = None;
    let kept: String = body
        .chars()
        .map(|c| match (before.replace(c), c) {
            (Some(' '), ' ') => space,
            (Some('\t'), '\t') => tab,
            _ => c,
        })
        .collect();
    let mut property = parse(head, &kept, old)?;
    for part in &mut property.parts {
        *part = part.replace(space, " ").replace(tab, "\t");
    }
    let (before, after) = text.split_once(body).filter(|_| !body.is_empty()).unwrap_or((text, ""));
    match property.parts.as_mut_slice() {
        [] => property.parts.push(text.to_owned()),
        [first, ..] => first.insert_str(0, before),
    }
    property.parts.last_mut()?.push_str(after);
    Some(property)
}

/// Reads one property with the vCard grammar.
fn parse(head: &str, text: &str, old: bool) -> Option<Property> {
    let card = VCard::parse(format!("BEGIN:VCARD\r\nVERSION:4.0\r\n{head}:{text}\r\nEND:VCARD\r\n")).ok()?;
    let entry = card.entries.into_iter().nth(1)?;
    let name = entry.name.as_str().trim().to_uppercase();
    let separator = match name.as_str() {
        "CATEGORIES" | "NICKNAME" => ",",
        _ => ";",
    };
    let VCardEntry { group, params, values, .. } = entry;
    Some(Property {
        group: group.map(|group| group.trim().to_lowercase()).filter(|group| !group.is_empty()),
        params: parameters(params),
        parts: values.into_iter().enumerate().map(|(index, value)| value_text(value, &name, index, old)).collect(),
        name,
        separator,
        ..Property::default()
    })
}

/// Returns the parameters without the mark that [`plain_head`] put in.
fn parameters(params: Vec<VCardParameter>) -> Vec<(String, String)> {
    let mut params: Vec<_> = params.into_iter().filter_map(param).collect();
    if let Some(mark) = params.iter().position(|(name, value)| name == "VALUE" && value == "TEXT") {
        params.remove(mark);
    }
    params
}

fn param(param: VCardParameter) -> Option<(String, String)> {
    let VCardParameter { name, value } = param;
    let bare = value == VCardParameterValue::Null;
    let value = match value {
        VCardParameterValue::Text(text) => text,
        VCardParameterValue::Integer(number) => number.to_string(),
        VCardParameterValue::Timestamp(seconds) => chrono::DateTime::from_timestamp(seconds, 0)?.to_rfc3339(),
        VCardParameterValue::Bool(flag) => flag.to_string(),
        VCardParameterValue::ValueType(word) => word.as_str().to_owned(),
        VCardParameterValue::Type(word) => word.as_str().to_owned(),
        VCardParameterValue::Calscale(scale) => scale.as_str().to_owned(),
        VCardParameterValue::Level(level) => level.as_str().to_owned(),
        VCardParameterValue::Phonetic(system) => system.as_str().to_owned(),
        VCardParameterValue::Jscomps(_) => return None,
        VCardParameterValue::Null => String::new(),
    };
    let name = name.as_str().trim().to_owned();
    match (bare, name.to_uppercase()) {
        (true, upper) if upper == "PREF" => Some((upper, "1".into())),
        (true, _) => Some(("TYPE".into(), name)),
        (false, upper) => Some((upper, uncaret(&value))),
    }
}

/// Undoes the escapes of parameter values (RFC 6868, section 3).
fn uncaret(value: &str) -> String {
    if !value.contains('^') {
        return value.to_owned();
    }
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        let escaped = match (c, chars.peek()) {
            ('^', Some('n')) => Some('\n'),
            ('^', Some('^')) => Some('^'),
            ('^', Some('\'')) => Some('"'),
            _ => None,
        };
        plain.push(escaped.unwrap_or(c));
        if escaped.is_some() {
            chars.next();
        }
    }
    plain
}

/// Returns a value as text. Of several given names in one part of a name, blanks stand between; of titles, commas.
fn value_text(value: VCardValue, name: &str, index: usize, old: bool) -> String {
    match value {
        VCardValue::Text(text) => text,
        VCardValue::Component(parts) => {
            // A blank after the comma shows that the comma is text which the exporter did not escape.
            let unescaped = old || name != "N" || parts.iter().skip(1).any(|part| part.starts_with(' '));
            parts.join(match index {
                _ if unescaped => ",",
                0..3 => " ",
                _ => ", ",
            })
        }
        VCardValue::Integer(number) => number.to_string(),
        VCardValue::Float(number) => number.to_string(),
        VCardValue::Boolean(flag) => flag.to_string(),
        VCardValue::PartialDateTime(at) => at.to_rfc3339().unwrap_or_default(),
        VCardValue::Binary(data) => String::from_utf8_lossy(&data.data).into_owned(),
        VCardValue::Sex(sex) => sex.as_str().to_owned(),
        VCardValue::GramGender(gender) => gender.as_str().to_owned(),
        VCardValue::Kind(kind) => kind.as_str().to_owned(),
    }
}

/// Returns the beginning of a property for a message.
pub(super) fn shown(logical: &Logical) -> String {
    quote(&logical.bytes)
}
