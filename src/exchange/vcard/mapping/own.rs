//! What heirloom itself wrote on a card (see [`super::super::write`]), read back as it was.

use chrono::{DateTime, NaiveDateTime, Utc};

use super::super::prepass::find_colon;
use super::super::property::Property;
use super::{Mapping, network, parse_date, parse_time};
use crate::channel::Channel;
use crate::exchange::{HandleRecord, LinkRecord, NoteRecord};

/// What is said, once a file, of owners on cards.
pub(crate) const OWNERS: &str = "says who looks after the contact, which cards do not bring in; the source keeps it";

impl Mapping<'_> {
    /// Takes a property that heirloom wrote; tells whether it was one.
    pub(super) fn own(&mut self, property: &Property) -> bool {
        let is_ours = property.name.starts_with("X-HEIRLOOM-");
        if !self.own && !is_ours {
            // Another program may have dropped the id of a note; who may read it is heeded all the same.
            let marks = ["X-HEIRLOOM-ID", "X-HEIRLOOM-VISIBILITY", "X-HEIRLOOM-SENSITIVITY"];
            let is_own = property.name == "NOTE" && marks.iter().any(|mark| property.param(mark).is_some());
            return is_own && self.own_note(property);
        }
        let text = property.verbatim();
        match property.name.as_str() {
            "UID" => self.record.external_id = Some(without_urn(&text).to_owned()),
            "FN" => self.full_name = Some(text),
            "CREATED" => {}
            "BDAY" => return self.own_date("birthday", &text),
            "ANNIVERSARY" => return self.own_date("anniversary", &text),
            "X-ABDATE" => {
                let Some(label) = self.own_label(property) else { return false };
                return self.own_date(&label, &text);
            }
            "CATEGORIES" => self.record.tags.extend(property.parts.iter().map(|tag| tag.trim().to_owned())),
            "RELATED" => return self.own_link(property, &text),
            "NOTE" => return self.own_note(property),
            "EMAIL" | "TEL" | "ADR" | "URL" | "IMPP" | "SOCIALPROFILE" | "X-HEIRLOOM-HANDLE" | "X-HEIRLOOM-FORMER" => {
                return self.own_handle(property, text);
            }
            "X-HEIRLOOM-AUDIENCE" => self.record.audience = Some(text),
            "X-HEIRLOOM-FIELD" => {
                let Some(name) = property.param("X-HEIRLOOM-NAME") else { return false };
                self.record.fields.insert(name.to_owned(), text);
            }
            "X-HEIRLOOM-DO-NOT-CONTACT" => {
                let channel = match property.param("X-HEIRLOOM-CHANNEL") {
                    Some("*") => None,
                    Some(word) => match word.parse() {
                        Ok(channel) => Some(channel),
                        Err(_) => return false,
                    },
                    None => return false,
                };
                self.record.do_not_contact.push((channel, text));
            }
            "X-HEIRLOOM-EXTERNAL-ID" => {
                let Some(system) = property.param("X-HEIRLOOM-SYSTEM") else { return false };
                self.record.external_ids.push((system.to_owned(), text));
            }
            "X-HEIRLOOM-OWNER" => self.remark(property, OWNERS),
            _ => return false,
        }
        true
    }

    /// The label of a property as it stands, whatever other programs would read in it.
    fn own_label(&self, property: &Property) -> Option<String> {
        property.group.as_ref().and_then(|group| self.own_labels.get(group)).cloned()
    }

    fn own_date(&mut self, label: &str, text: &str) -> bool {
        let day = parse_date(text, None).map(|(day, _)| day);
        self.record.dates.extend(day.map(|day| (label.to_owned(), day)));
        day.is_some()
    }

    fn own_handle(&mut self, property: &Property, text: String) -> bool {
        let told = property.param("X-HEIRLOOM-CHANNEL").map(str::parse::<Channel>);
        let channel = match (told, property.name.as_str()) {
            (Some(Ok(channel)), _) => channel,
            (Some(Err(_)), _) => return false,
            (None, "EMAIL") => Channel::Email,
            (None, "TEL") => Channel::Phone,
            (None, "ADR") => Channel::Post,
            (None, "URL") => Channel::Web,
            (None, "SOCIALPROFILE") => match property.param("SERVICE-TYPE").and_then(network) {
                Some(channel) => channel,
                None => return false,
            },
            _ => return false,
        };
        let address = match (property.param("X-HEIRLOOM-ADDRESS"), property.name.as_str()) {
            (Some(address), _) => address.to_owned(),
            (None, "ADR") => property.part(2).to_owned(),
            (None, _) => text,
        };
        let label = self.own_label(property).or_else(|| property.types().next());
        let time = |name: &str| property.param(name).and_then(timestamp);
        self.record.handles.push(HandleRecord {
            label,
            network_id: property.param("X-USERID").map(str::to_owned),
            since: time("X-HEIRLOOM-SINCE"),
            until: time("X-HEIRLOOM-UNTIL"),
            ..HandleRecord::new(channel, address)
        });
        true
    }

    fn own_link(&mut self, property: &Property, text: &str) -> bool {
        let Some(relation) = property.param("X-HEIRLOOM-RELATION") else { return false };
        self.record.links.push(LinkRecord {
            relation: relation.to_owned(),
            other: without_urn(text).to_owned(),
            name: property.param("X-HEIRLOOM-NAME").unwrap_or(text).to_owned(),
        });
        true
    }

    fn own_note(&mut self, property: &Property) -> bool {
        let param = |name: &str| property.param(name).map(str::to_owned);
        // Who wrote it down stands for who said it, where a person did.
        let by_a_person = matches!(property.param("X-HEIRLOOM-VIA"), Some("hand" | "agent"));
        let author = property.param("AUTHOR-NAME").filter(|_| by_a_person);
        self.record.notes.push(NoteRecord {
            external_id: param("X-HEIRLOOM-ID"),
            text: property.verbatim(),
            kind: param("X-HEIRLOOM-KIND"),
            happened_at: property.param("X-HEIRLOOM-HAPPENED").and_then(parse_time),
            said_by: param("X-HEIRLOOM-SAID-BY").or_else(|| author.map(str::to_owned)),
            said_by_contact: param("X-HEIRLOOM-SAID-BY-ID"),
            channel: property.param("X-HEIRLOOM-CHANNEL").and_then(|word| word.parse().ok()),
            direction: param("X-HEIRLOOM-DIRECTION"),
            permalink: property.param_verbatim("X-HEIRLOOM-PERMALINK").map(str::to_owned),
            visibility: param("X-HEIRLOOM-VISIBILITY"),
            sensitivity: param("X-HEIRLOOM-SENSITIVITY"),
            about_so_many: property.param("X-HEIRLOOM-ABOUT").and_then(|count| count.parse().ok()).unwrap_or(1),
            ..NoteRecord::default()
        });
        true
    }
}

/// An id without the scheme under which a card gives it (RFC 9562, section 4).
fn without_urn(uid: &str) -> &str {
    uid.strip_prefix("urn:uuid:").unwrap_or(uid)
}

/// Reads a timestamp (RFC 6350, section 4.3.5).
fn timestamp(text: &str) -> Option<DateTime<Utc>> {
    NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok().map(|at| at.and_utc())
}

/// The source of a card without the notes that not everybody may read: everybody reads the source of a contact. Nothing is
/// left of one in which they cannot be told apart.
pub(in super::super) fn without_private_notes(source: &[u8]) -> Vec<u8> {
    const MARK: &[u8] = b"X-HEIRLOOM-VISIBILITY";
    let contains = |text: &[u8]| text.windows(MARK.len()).any(|window| window.eq_ignore_ascii_case(MARK));
    let mut kept = Vec::with_capacity(source.len());
    let mut property: Vec<&[u8]> = Vec::new();
    let mut flush = |property: &mut Vec<&[u8]>| {
        let mut whole = Vec::new();
        for line in property.iter() {
            let line = line.strip_prefix(b" ").or(line.strip_prefix(b"\t")).unwrap_or(line);
            whole.extend_from_slice(line.strip_suffix(b"\n").map_or(line, |l| l.strip_suffix(b"\r").unwrap_or(l)));
        }
        let head = find_colon(&whole).and_then(|colon| whole.get(..colon)).unwrap_or_default();
        if !contains(head) {
            kept.extend(property.iter().flat_map(|line| line.iter().copied()));
        }
        property.clear();
    };
    for line in source.split_inclusive(|byte| *byte == b'\n') {
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            flush(&mut property);
        }
        property.push(line);
    }
    flush(&mut property);
    // UTF-16, or lines that end in CR alone, as another program may have written the card again.
    let is_opaque = source.contains(&0) || !source.contains(&b'\n');
    if is_opaque { Vec::new() } else { kept }
}
