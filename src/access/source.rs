//! Sources of imports as a text in which names can be found: decoded, and with folded lines put together.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::mask::Masks;
use super::told;
use crate::error::Result;
use crate::journal::Source;

/// Tells a source with others masked; `None` where others could not be found in it. What it holds in an encoding of its own
/// is decoded for that.
pub(super) fn told(source: &Source, masks: &mut Masks<'_>) -> Result<Option<told::Source>> {
    let Some(text) = decoded(&source.bytes()) else { return Ok(None) };
    let text = match source.format.as_str() {
        "application/jsonl" => json(&text, masks)?,
        "text/vcard" => masks.text(&card(&text), &[])?,
        _ => masks.text(&text, &[])?,
    };
    Ok(Some(told::Source { format: masks.text(&source.format, &[])?, text }))
}

/// Reads bytes as the text that they are most likely: UTF-8, UTF-16 by its mark, or else Windows-1252; `None` where they are
/// of another code page.
fn decoded(bytes: &[u8]) -> Option<String> {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let (units, _) = bytes.as_chunks::<2>();
        String::from_utf16_lossy(&units.iter().skip(1).map(|pair| unit(*pair)).collect::<Vec<_>>())
    };
    match (std::str::from_utf8(bytes), bytes) {
        (Ok(text), _) => Some(text.trim_start_matches('\u{FEFF}').to_owned()),
        (Err(_), [0xFF, 0xFE, ..]) => Some(wide(u16::from_le_bytes)),
        (Err(_), [0xFE, 0xFF, ..]) => Some(wide(u16::from_be_bytes)),
        (Err(_), _) => bytes.iter().map(|byte| windows_1252(*byte)).collect(),
    }
}

/// The character of a byte in Windows-1252, but for those that texts in it hardly have and texts in East Asian code pages
/// have everywhere.
fn windows_1252(byte: u8) -> Option<char> {
    match byte {
        0x80 => Some('€'),
        0x85 => Some('…'),
        0x8A => Some('Š'),
        0x8C => Some('Œ'),
        0x8E => Some('Ž'),
        0x91 => Some('‘'),
        0x92 => Some('’'),
        0x93 => Some('“'),
        0x94 => Some('”'),
        0x95 => Some('•'),
        0x96 => Some('–'),
        0x97 => Some('—'),
        0x99 => Some('™'),
        0x9A => Some('š'),
        0x9C => Some('œ'),
        0x9E => Some('ž'),
        0x9F => Some('Ÿ'),
        0x81..=0x9D => None,
        _ => Some(char::from(byte)),
    }
}

/// Masks each text of a line of JSON, where escapes would hide it.
fn json(text: &str, masks: &mut Masks<'_>) -> Result<String> {
    match serde_json::from_str::<Json>(text) {
        Ok(value) => masked(value, masks).map(|value| value.to_string()),
        Err(_) => masks.text(text, &[]),
    }
}

/// Masks every text in a value, the names of members too.
pub(super) fn masked(value: Json, masks: &mut Masks<'_>) -> Result<Json> {
    Ok(match value {
        Json::String(text) => Json::String(masks.text(&text, &[])?),
        Json::Number(number) => {
            let text = number.to_string();
            let told = masks.text(&text, &[])?;
            if told == text { Json::Number(number) } else { Json::String(told) }
        }
        Json::Array(values) => {
            Json::Array(values.into_iter().map(|value| masked(value, masks)).collect::<Result<_>>()?)
        }
        Json::Object(members) => {
            let members = members.into_iter().map(|(name, value)| Ok((masks.text(&name, &[])?, masked(value, masks)?)));
            Json::Object(members.collect::<Result<_>>()?)
        }
        other => other,
    })
}

/// Puts the folded lines of a card together (RFC 6350, section 3.2), decodes quoted-printable (RFC 2045, section 6.7), and
/// leaves out pictures and the like, which stand among the attachments.
fn card(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => last.push_str(line.get(1..).unwrap_or_default()),
            Some(last) if last.ends_with('=') && is_quoted(last) => {
                last.pop();
                last.push_str(line);
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines.iter().map(|line| property(line)).collect::<Vec<_>>().join("\n")
}

/// Whether a line says of itself that it is quoted-printable.
fn is_quoted(line: &str) -> bool {
    let head = line.split(':').next().unwrap_or_default();
    head.to_ascii_uppercase().contains("QUOTED-PRINTABLE")
}

fn property(line: &str) -> String {
    let Some((head, value)) = line.split_once(':') else { return line.to_owned() };
    let upper = head.to_ascii_uppercase();
    if is_quoted(line) {
        let value = unquoted(value);
        return match decoded(&value) {
            Some(text) => format!("{head}:{text}"),
            None => format!("{head}:[{} bytes in another code page]", value.len()),
        };
    }
    let encoded = ["ENCODING=B", ";BASE64", "=BASE64"].iter().any(|word| upper.contains(word));
    match encoded || (value.starts_with("data:") && value.contains(";base64,")) {
        true => format!("{head}:[{} bytes in base64]", size(value)),
        false => line.to_owned(),
    }
}

/// How many bytes a value in base64 holds.
fn size(value: &str) -> usize {
    let coded = value.rsplit(',').next().unwrap_or_default();
    let coded: String = coded.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(&coded).map_or(coded.len() / 4 * 3, |bytes| bytes.len())
}

fn unquoted(value: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, after @ ..] = rest {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let coded = match (first, after) {
            (b'=', [high, low, ..]) => digit(*high).zip(digit(*low)),
            _ => None,
        };
        bytes.push(coded.map_or(*first, |(high, low)| high << 4 | low));
        rest = if coded.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_told_with_its_lines_put_together_and_decoded() {
        let text = "BEGIN:VCARD\r\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Ren=C3=A9e =\r\nM=C3=BCller\r\n\
                    RELATED:Ben Ok\r\n oro\r\nPHOTO;ENCODING=b:aGFsbG8=\r\nPHOTO:data:image/png;base64,aGFs\r\n bG8=\r\nEND:VCARD\r\n";
        assert_eq!(
            card(text),
            "BEGIN:VCARD\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Renée Müller\nRELATED:Ben Okoro\n\
             PHOTO;ENCODING=b:[5 bytes in base64]\nPHOTO:[5 bytes in base64]\nEND:VCARD"
        );
    }

    #[test]
    fn bytes_are_read_as_the_text_that_they_are() {
        let decoded = |bytes: &[u8]| decoded(bytes);
        assert_eq!(decoded("Müller".as_bytes()).as_deref(), Some("Müller"));
        assert_eq!(decoded(b"M\xFCller \x93Bo\x94").as_deref(), Some("Müller “Bo”"));
        assert_eq!(decoded(b"\xFF\xFEB\0\xFC\0").as_deref(), Some("Bü"));
        assert_eq!(decoded(b"\xFE\xFF\0B\0\xFC").as_deref(), Some("Bü"));
        assert_eq!(decoded(b"\x8E\x52\x93\x63\x91\xBE\x98\x59"), None); // 山田太郎 in Shift JIS
    }
}
