//! The tables that heirloom itself wrote (see [`super::write`]), read back as they were, also after a spreadsheet saved
//! them with columns left out or in another order.

use std::collections::BTreeMap;

use super::CsvRows;
use super::dates::{self, Reading};
use super::rows::Row;
use super::write::{
    ASSIGNMENT_ID, CONTACT_ID, FIELDS, More, NOTE_ID, channel_header, read_list, read_pairs, undefused,
};
use crate::channel::Channel;
use crate::exchange::{ContactRecord, ContactRef, HandleRecord, LinkRecord, NoteRecord, Record};
use crate::time::{DayOfYear, When};

/// What a column of such a table holds.
#[derive(Clone, Debug)]
enum Holds {
    Id,
    Kind,
    Name,
    Field(String),
    Audience,
    Tags,
    Addresses(Channel),
    AboutAddresses(Channel, More),
    Date(String),
    OtherDates,
    OtherFields,
    FormerAddresses,
    DoNotContact,
    Links,
    LinkNames,
    ExternalIds,
    ContactIds,
    ContactNames,
    HappenedAt,
    Text,
    SaidBy,
    SaidByContact,
    RecordedBy,
    Via,
    Channel,
    Direction,
    Permalink,
    Visibility,
    Sensitivity,
    /// Something that follows from the rest, or that an import does not decide.
    Nothing,
    /// A column that somebody added.
    Unknown,
}

/// A table that heirloom wrote.
#[derive(Clone, Debug)]
pub(super) struct Own {
    /// What its rows are.
    pub(super) rows: CsvRows,
    columns: Vec<(String, Holds)>,
    reading: Reading,
    has_owners: bool,
    told: bool,
}

impl Own {
    /// Knows a table by its header; the words say why one cannot be read.
    pub(super) fn of(headers: &[String], reading: Reading) -> Result<Option<Self>, String> {
        let has = |header: &str| headers.iter().any(|known| known.trim() == header);
        let rows = match (has(CONTACT_ID), has(NOTE_ID), has(ASSIGNMENT_ID)) {
            (_, _, true) => {
                return Err("it says who looks after whom, which is not imported: that is decided by people, with \
                            assign and transfer; import the tables of contacts and of notes"
                    .into());
            }
            (_, true, _) => CsvRows::Notes,
            (true, ..) => CsvRows::Contacts,
            _ => return Ok(None),
        };
        let columns = headers.iter().map(|header| (header.clone(), holds(rows, undefused(header).trim()))).collect();
        Ok(Some(Self { rows, columns, reading, has_owners: has("Owners"), told: false }))
    }

    /// Makes the record of a row; `said` is what should be known of it.
    pub(super) fn record(&mut self, row: &Row, said: &mut Vec<String>) -> Result<Record, String> {
        if self.has_owners && !std::mem::replace(&mut self.told, true) {
            said.push(
                "the column “Owners” says who looks after whom, which is not imported; the source keeps it".into(),
            );
        }
        match self.rows {
            CsvRows::Contacts => self.contact(row, said).map(Record::Contact),
            CsvRows::Notes => self.note(row, said).map(Record::Note),
        }
    }

    /// The cells that are not empty, without the marks that defused them.
    fn cells<'a>(&'a self, row: &'a Row) -> impl Iterator<Item = (&'a str, &'a Holds, String)> {
        let cells = self.columns.iter().zip(&row.cells).filter(|(_, cell)| !cell.trim().is_empty());
        cells.map(|((header, holds), cell)| (header.as_str(), holds, undefused(cell).into_owned()))
    }

    fn contact(&self, row: &Row, said: &mut Vec<String>) -> Result<ContactRecord, String> {
        let mut contact = ContactRecord { source: row.raw.clone(), ..ContactRecord::default() };
        let (mut addresses, mut more) = (BTreeMap::new(), BTreeMap::new());
        let (mut links, mut names) = (Vec::new(), Vec::new());
        for (header, holds, text) in self.cells(row) {
            match holds {
                Holds::Id => contact.external_id = Some(text.trim().to_owned()),
                Holds::Kind => contact.organisation = text.trim() == "organisation",
                Holds::Name => contact.name = text,
                Holds::Field(name) => drop(contact.fields.insert(name.clone(), text)),
                Holds::Audience => contact.audience = Some(text),
                Holds::Tags => contact.tags = read_list(&text).into_iter().filter(|tag| !tag.is_empty()).collect(),
                Holds::Addresses(channel) => drop(addresses.insert(*channel, read_list(&text))),
                Holds::AboutAddresses(channel, what) => drop(more.insert((*channel, *what), read_list(&text))),
                Holds::Date(label) => self.date(&mut contact, header, label, &text, said),
                Holds::OtherDates => {
                    for (label, day) in read_pairs(&text) {
                        self.date(&mut contact, header, &label, &day, said);
                    }
                }
                Holds::OtherFields => {
                    contact.fields.extend(read_pairs(&text).into_iter().filter(|(_, v)| !v.is_empty()))
                }
                Holds::FormerAddresses => match former(&text) {
                    Some(former) => contact.handles.extend(former),
                    None => said.push(left_out(header, &text)),
                },
                Holds::DoNotContact => do_not_contact(&mut contact, header, &text, said),
                Holds::Links => links = read_pairs(&text),
                Holds::LinkNames => names = read_pairs(&text),
                Holds::ExternalIds => contact.external_ids = read_pairs(&text),
                Holds::Unknown => drop(contact.fields.insert(header.to_owned(), text)),
                _ => {}
            }
        }
        let former = std::mem::take(&mut contact.handles);
        contact.handles = current(&addresses, &more);
        contact.handles.extend(former);
        contact.links = links
            .into_iter()
            .enumerate()
            .map(|(at, (relation, other))| LinkRecord {
                relation,
                name: names.get(at).map_or_else(|| other.clone(), |(_, name)| name.clone()),
                other,
            })
            .collect();
        match contact.name.trim().is_empty() {
            true => Err("it has no name".into()),
            false => Ok(contact),
        }
    }

    fn date(&self, contact: &mut ContactRecord, header: &str, label: &str, text: &str, said: &mut Vec<String>) {
        let exact = text.trim().parse::<DayOfYear>().ok();
        match exact.or_else(|| dates::day_of_year(text.trim(), self.reading).map(|read| read.value)) {
            Some(day) => contact.dates.push((label.to_owned(), day)),
            None => said.push(left_out(header, text)),
        }
    }

    fn note(&self, row: &Row, said: &mut Vec<String>) -> Result<NoteRecord, String> {
        let mut note = NoteRecord { source: row.raw.clone(), ..NoteRecord::default() };
        let (mut ids, mut names, mut author, mut via) = (Vec::new(), Vec::new(), None, String::new());
        for (header, holds, text) in self.cells(row) {
            match holds {
                Holds::Id => note.external_id = Some(text.trim().to_owned()),
                Holds::ContactIds => ids = read_list(&text),
                Holds::ContactNames => names = read_list(&text),
                Holds::Kind => note.kind = Some(text.trim().to_owned()),
                Holds::HappenedAt => {
                    note.happened_at = self.when(&text);
                    if note.happened_at.is_none() {
                        said.push(left_out(header, &text));
                    }
                }
                Holds::Text => note.text = text,
                Holds::SaidBy => note.said_by = Some(text),
                Holds::SaidByContact => note.said_by_contact = Some(text.trim().to_owned()),
                Holds::RecordedBy => author = Some(text),
                Holds::Via => via = text,
                Holds::Channel => match text.trim().parse() {
                    Ok(channel) => note.channel = Some(channel),
                    Err(_) => said.push(left_out(header, &text)),
                },
                Holds::Direction => note.direction = Some(text.trim().to_owned()),
                Holds::Permalink => note.permalink = Some(text),
                Holds::Visibility => note.visibility = Some(text.trim().to_owned()),
                Holds::Sensitivity => note.sensitivity = Some(text.trim().to_owned()),
                Holds::Unknown => said.push(left_out(header, &text)),
                _ => {}
            }
        }
        // Who wrote it down stands for who said it, where a person did.
        note.said_by = note.said_by.or(author.filter(|_| matches!(via.trim(), "hand" | "agent")));
        note.about = match ids.is_empty() {
            false => ids.into_iter().map(ContactRef::ExternalId).collect(),
            true => names.into_iter().map(ContactRef::Name).collect(),
        };
        match (note.text.trim().is_empty(), note.about.is_empty()) {
            (true, _) => Err("the note has no text".into()),
            (_, true) => Err("the note names no contact: the cells that could are empty".into()),
            _ => Ok(note),
        }
    }

    fn when(&self, text: &str) -> Option<When> {
        let text = text.trim();
        text.parse().ok().or_else(|| dates::when(text, self.reading).map(|read| read.value))
    }
}

/// Says of a cell that it is not read.
fn left_out(header: &str, text: &str) -> String {
    let shown: String = text.chars().take(60).collect();
    format!("“{shown}” in “{header}” cannot be read; it is kept in the source only")
}

fn holds(rows: CsvRows, header: &str) -> Holds {
    match rows {
        CsvRows::Contacts => of_contact(header),
        CsvRows::Notes => of_note(header),
    }
}

fn of_contact(header: &str) -> Holds {
    let field = FIELDS.iter().find(|(_, known)| *known == header).map(|(name, _)| (*name).to_owned());
    let field = field.or_else(|| header.strip_prefix("field:").map(str::to_owned));
    if let Some(name) = field {
        return Holds::Field(name);
    }
    if let Some(label) = header.strip_prefix("date:") {
        return Holds::Date(label.to_owned());
    }
    match header {
        CONTACT_ID => Holds::Id,
        "Kind" => Holds::Kind,
        "Name" => Holds::Name,
        "Audience" => Holds::Audience,
        "Tags" => Holds::Tags,
        "Other dates" => Holds::OtherDates,
        "Other fields" => Holds::OtherFields,
        "Former addresses" => Holds::FormerAddresses,
        "Do not contact" => Holds::DoNotContact,
        "Links" => Holds::Links,
        "Linked to" => Holds::LinkNames,
        "External ids" => Holds::ExternalIds,
        "Owners" | "Added at" | "Last spoken to at" => Holds::Nothing,
        _ => of_channel(header).unwrap_or(Holds::Unknown),
    }
}

fn of_channel(header: &str) -> Option<Holds> {
    Channel::ALL.iter().find_map(|channel| match header.strip_prefix(&channel_header(*channel))? {
        "" => Some(Holds::Addresses(*channel)),
        rest => {
            let what = rest.strip_prefix(' ')?;
            let more = [More::Labels, More::Ids, More::Since].into_iter().find(|more| more.header() == what)?;
            Some(Holds::AboutAddresses(*channel, more))
        }
    })
}

fn of_note(header: &str) -> Holds {
    match header {
        NOTE_ID => Holds::Id,
        "Contact ids" => Holds::ContactIds,
        "Contacts" => Holds::ContactNames,
        "Kind" => Holds::Kind,
        "Happened at" => Holds::HappenedAt,
        "Text" => Holds::Text,
        "Said by" => Holds::SaidBy,
        "Said by contact id" => Holds::SaidByContact,
        "Recorded by" => Holds::RecordedBy,
        "Via" => Holds::Via,
        "Channel" => Holds::Channel,
        "Direction" => Holds::Direction,
        "Permalink" => Holds::Permalink,
        "Visibility" => Holds::Visibility,
        "Sensitivity" => Holds::Sensitivity,
        "Recorded at" | "Corrected at" => Holds::Nothing,
        _ => Holds::Unknown,
    }
}

/// The addresses that are a contact's today, with what the cells beside them say.
fn current(
    addresses: &BTreeMap<Channel, Vec<String>>,
    more: &BTreeMap<(Channel, More), Vec<String>>,
) -> Vec<HandleRecord> {
    let mut handles = Vec::new();
    for (channel, addresses) in addresses {
        for (at, address) in addresses.iter().enumerate().filter(|(_, address)| !address.is_empty()) {
            let text =
                |what| more.get(&(*channel, what)).and_then(|texts| texts.get(at)).filter(|text| !text.is_empty());
            handles.push(HandleRecord {
                label: text(More::Labels).cloned(),
                network_id: text(More::Ids).cloned(),
                since: text(More::Since).and_then(|at| at.parse().ok()),
                ..HandleRecord::new(*channel, address)
            });
        }
    }
    handles
}

/// The addresses that are a contact's no more.
fn former(cell: &str) -> Option<Vec<HandleRecord>> {
    let rows: Vec<[String; 6]> = serde_json::from_str(cell).ok()?;
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    rows.into_iter()
        .map(|[channel, address, until, since, label, network_id]| {
            Some(HandleRecord {
                until: Some(until.parse().ok()?),
                since: since.parse().ok(),
                label: some(label),
                network_id: some(network_id),
                ..HandleRecord::new(channel.parse().ok()?, address)
            })
        })
        .collect()
}

fn do_not_contact(contact: &mut ContactRecord, header: &str, text: &str, said: &mut Vec<String>) {
    for (word, why) in read_pairs(text) {
        let (word, why) = if word.is_empty() { (why, String::new()) } else { (word, why) };
        match (word.as_str(), word.parse()) {
            ("*", _) => contact.do_not_contact.push((None, why)),
            (_, Ok(channel)) => contact.do_not_contact.push((Some(channel), why)),
            (_, Err(_)) => said.push(left_out(header, &word)),
        }
    }
}
