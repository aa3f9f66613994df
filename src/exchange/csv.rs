//! Contacts and notes from CSV (RFC 4180 and what programs make of it), in constant memory.
//!
//! What the columns hold is told from the header, the delimiter and the encoding from the first 256 KiB; all of it can
//! be said instead ([`CsvOptions`]). A row that cannot be read costs itself and no other.
//!
//! Limits: a row of up to 16 MiB. The source that is kept of a record is its row as it stands in the file (UTF-16 and
//! UTF-32 as UTF-8), without the end of the line; the header it goes with is [`CsvReader::header`].

mod column;
mod dates;
mod header;
mod own;
mod rows;
mod text;
pub(crate) mod write;

use std::collections::{BTreeMap, HashSet};
use std::io::{self, BufReader, Chain, Cursor, ErrorKind, Read};
use std::sync::Arc;

use chrono::FixedOffset;
use encoding_rs::Encoding;

pub use self::column::Column;
use self::dates::Reading;
use self::header::{Label, Layout, Part, Use};
use self::own::Own;
use self::rows::{Found, Row, Rows, Shape};
use self::text::{Charset, Text, read_head};
use super::{ContactRecord, ContactRef, HandleRecord, Item, NoteRecord, Record};
use crate::channel::Channel;
use crate::time::When;

/// How many rows at the beginning of a file may stand before its header.
const PREAMBLE: usize = 30;

/// What the rows of a CSV file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CsvRows {
    /// One contact a row.
    Contacts,
    /// One note a row.
    Notes,
}

/// How to read a CSV file. What is not said is told from the file.
///
/// ```
/// use heirloom::{Channel, Column, CsvOptions, CsvRows};
///
/// let options = CsvOptions::new()
///     .rows(CsvRows::Contacts)
///     .column("Insta", Column::Handle(Channel::Instagram))
///     .column("Internal score", Column::Ignore)
///     .day_first()
///     .code_page("windows-1250");
/// # let _ = options;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct CsvOptions {
    mapping: Vec<(ColumnName, Column)>,
    delimiter: Option<char>,
    code_page: Option<String>,
    day_first: Option<bool>,
    offset: Option<FixedOffset>,
    rows: Option<CsvRows>,
    headerless: bool,
}

/// How a caller names a column.
#[derive(Clone, Debug)]
enum ColumnName {
    /// By its header, whatever the case.
    Header(String),
    /// By its number, from 1.
    Number(usize),
}

impl CsvOptions {
    /// Options that leave everything to be told from the file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says what the columns with a header hold; upper and lower case are one. The other columns are still told from
    /// their headers. A header that the file does not have ends the reading, and the message lists those it has.
    pub fn column(mut self, header: impl Into<String>, column: Column) -> Self {
        self.mapping.push((ColumnName::Header(header.into()), column));
        self
    }

    /// Says what the column with a number holds; the first is number 1.
    pub fn column_number(mut self, number: usize, column: Column) -> Self {
        self.mapping.push((ColumnName::Number(number), column));
        self
    }

    /// Says what stands between two cells: `,` or `;` or a tab or another ASCII character.
    pub fn delimiter(mut self, delimiter: char) -> Self {
        self.delimiter = Some(delimiter);
        self
    }

    /// Says in which encoding the file is, by its label in the WHATWG Encoding Standard, such as `windows-1252` or
    /// `shift_jis`. Without it a file is UTF-8, or else windows-1252; a byte-order mark is believed before the option.
    pub fn code_page(mut self, label: impl Into<String>) -> Self {
        self.code_page = Some(label.into());
        self
    }

    /// Reads 03/04/2024 as the third of April. Without this and [`month_first`](Self::month_first), slashes and dashes
    /// are read month first and dots day first, and the report says so.
    pub fn day_first(mut self) -> Self {
        self.day_first = Some(true);
        self
    }

    /// Reads 03/04/2024 as the fourth of March.
    pub fn month_first(mut self) -> Self {
        self.day_first = Some(false);
        self
    }

    /// Says in which zone the times that name none are; without it they are UTC, and the report says so.
    pub fn utc_offset(mut self, offset: FixedOffset) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Says what the rows are.
    pub fn rows(mut self, rows: CsvRows) -> Self {
        self.rows = Some(rows);
        self
    }

    /// Says that the file has no header: its first row is data, and columns are named by number, or as `column 1`.
    pub fn without_header(mut self) -> Self {
        self.headerless = true;
        self
    }
}

/// The bytes of a file after its head was looked at.
type Input<R> = Chain<Cursor<Vec<u8>>, BufReader<Text<R>>>;

/// Reads the contacts or the notes of a CSV file, one item a row. A file of which nothing can be read, because its columns
/// are not known or the options do not fit it, gives one error of kind [`ErrorKind::InvalidData`] that says why.
pub(crate) struct CsvReader<R: Read> {
    state: State<R>,
    options: CsvOptions,
    header: Vec<u8>,
}

enum State<R> {
    Unopened(R),
    Open(Box<Open<R>>),
    Done,
}

/// A file of which the header was understood.
struct Open<R> {
    rows: Rows<Input<R>>,
    header: Vec<u8>,
    mapper: Mapper,
    /// What is to be said with the next record.
    remarks: Vec<String>,
    record: u64,
}

impl<R: Read> CsvReader<R> {
    /// Reads a file as the options say. Nothing is read before the first call of `next`.
    pub(crate) fn new(input: R, options: CsvOptions) -> Self {
        Self { state: State::Unopened(input), options, header: Vec::new() }
    }

    /// The header row as it stands in the file, once the first item was read; empty for a file without one.
    pub(crate) fn header(&self) -> &[u8] {
        &self.header
    }
}

impl<R: Read> Iterator for CsvReader<R> {
    type Item = io::Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut open = match std::mem::replace(&mut self.state, State::Done) {
            State::Done => return None,
            State::Open(open) => open,
            State::Unopened(input) => match Open::open(input, &self.options) {
                Err(error) => return Some(Err(error)),
                Ok(Opened::Empty) => return None,
                Ok(Opened::Refused(reason)) => return Some(Err(io::Error::new(ErrorKind::InvalidData, reason))),
                Ok(Opened::Ready(mut open)) => {
                    self.header = std::mem::take(&mut open.header);
                    open
                }
            },
        };
        let item = open.next();
        if matches!(item, Some(Ok(_))) {
            self.state = State::Open(open);
        }
        item
    }
}

/// What came of opening a file.
enum Opened<R> {
    Empty,
    /// Why nothing of it can be read.
    Refused(String),
    Ready(Box<Open<R>>),
}

impl<R: Read> Open<R> {
    /// Reads the beginning of a file up to its header.
    fn open(input: R, options: &CsvOptions) -> io::Result<Opened<R>> {
        let code_page = match code_page(options) {
            Ok(code_page) => code_page,
            Err(reason) => return Ok(Opened::Refused(reason)),
        };
        let (text, charset) = Text::open(input, code_page)?;
        let mut text = BufReader::new(text);
        let head = read_head(&mut text)?;
        if head.iter().all(u8::is_ascii_whitespace) && head.len() < text::HEAD {
            return Ok(Opened::Empty);
        }
        let (shape, header) = match Header::find(&head, &charset, options) {
            Ok(found) => found,
            Err(reason) => return Ok(Opened::Refused(reason)),
        };
        let reading = Reading { day_first: options.day_first, offset: options.offset };
        let own = match Own::of(&header.cells, reading) {
            Ok(own) => own.filter(|_| options.mapping.is_empty()),
            Err(reason) => return Ok(Opened::Refused(reason)),
        };
        let layout = match &own {
            Some(own) => Ok(Layout::empty(own.rows)),
            None => Layout::of(&header.cells, options.rows, &options.mapping),
        };
        let layout = match layout {
            Ok(layout) => layout,
            Err(reason) => return Ok(Opened::Refused(reason)),
        };
        let orders = date_orders(&head, shape, &charset, &header, &layout, reading)?;
        let mut rows = Rows::new(Cursor::new(head).chain(text), shape, charset);
        let mut remarks = Vec::new();
        for _ in 0..header.index {
            if let Some(Found::Row(row)) = rows.next()? {
                remarks.extend(row.remarks);
            }
        }
        if header.index > usize::from(!options.headerless) {
            remarks.push(format!("the header stands on line {}; what is before it was passed over", header.line));
        }
        rows.expect_width(header.cells.len());
        let mapper = Mapper { layout: Arc::new(layout), own, reading, orders, told: HashSet::new(), said: Vec::new() };
        Ok(Opened::Ready(Box::new(Self { rows, header: header.raw, mapper, remarks, record: 0 })))
    }

    fn next(&mut self) -> Option<io::Result<Item>> {
        let found = match self.rows.next() {
            Ok(found) => found?,
            Err(error) => return Some(Err(error)),
        };
        self.record += 1;
        let record = self.record;
        Some(Ok(match found {
            Found::Fault { line, reason } => Item { record, line, result: Err(reason), converted: Vec::new() },
            Found::Row(row) => {
                let (line, result) = (row.line, self.mapper.record(&row));
                let mut converted = std::mem::take(&mut self.remarks);
                converted.extend(row.remarks);
                converted.append(&mut self.mapper.said);
                Item { record, line, result, converted }
            }
        }))
    }
}

/// Finds the columns of which the beginning of the file shows, beyond doubt and without contradiction, whether the day
/// or the month stands first.
fn date_orders(
    head: &[u8],
    shape: Shape,
    charset: &Charset,
    header: &Header,
    layout: &Layout,
    reading: Reading,
) -> io::Result<BTreeMap<usize, bool>> {
    let is_date = |usage: &Use| matches!(usage, Use::Value(Column::Date(_) | Column::HappenedAt, _));
    let columns = layout.columns.iter().enumerate().filter(|(_, plan)| is_date(&plan.usage));
    let columns: Vec<usize> = columns.map(|(at, _)| at).collect();
    let mut shown: BTreeMap<usize, HashSet<bool>> = BTreeMap::new();
    if columns.is_empty() || reading.day_first.is_some() {
        return Ok(BTreeMap::new());
    }
    let mut rows = Rows::new(head, shape, charset.clone());
    rows.expect_width(header.cells.len());
    while let Some(found) = rows.next()? {
        let Found::Row(row) = found else { continue };
        for &at in &columns {
            let read = row.cells.get(at).and_then(|cell| dates::when(&clean(cell), reading));
            shown.entry(at).or_default().extend(read.and_then(|read| read.shown_day_first));
        }
    }
    let sure = shown.into_iter().filter(|(_, orders)| orders.len() == 1);
    Ok(sure.flat_map(|(at, orders)| orders.into_iter().map(move |order| (at, order))).collect())
}

/// Finds the encoding of the options.
fn code_page(options: &CsvOptions) -> Result<Option<&'static Encoding>, String> {
    let Some(label) = &options.code_page else { return Ok(None) };
    let known = |encoding: &&'static Encoding| *encoding != encoding_rs::REPLACEMENT;
    match Encoding::for_label(label.trim().as_bytes()).filter(known) {
        Some(encoding) => Ok(Some(encoding)),
        None => {
            Err(format!("the code page “{label}” is not known; write one such as utf-8, windows-1252 or shift_jis"))
        }
    }
}

/// The header of a file, found among its first rows.
struct Header {
    /// How many rows are to be read up to it, itself included.
    index: usize,
    line: u64,
    raw: Vec<u8>,
    cells: Vec<String>,
}

impl Header {
    /// Finds the header and the delimiter together: the row in which most cells are known.
    fn find(head: &[u8], charset: &Charset, options: &CsvOptions) -> Result<(Shape, Self), String> {
        let end = if !head.contains(&b'\n') && head.contains(&b'\r') { b'\r' } else { b'\n' };
        let mut best: Option<(usize, Shape, Self)> = None;
        let mut first: Option<(Shape, Self)> = None;
        for delimiter in delimiters(head, options)? {
            let shape = Shape { delimiter, end };
            for header in Self::candidates(head, shape, charset) {
                let score = score(&header.cells, options);
                if score > best.as_ref().map_or(0, |(best, ..)| *best) {
                    best = Some((score, shape, header));
                } else if first
                    .as_ref()
                    .is_none_or(|(_, first)| first.cells.len() < header.cells.len() && header.index == 1)
                {
                    first = Some((shape, header));
                }
            }
        }
        if options.headerless {
            let row = best.map(|(_, shape, header)| (shape, header)).into_iter().chain(first);
            let (shape, row) = row.min_by_key(|(_, row)| row.line).ok_or("no row in it can be read")?;
            let cells = (1..=row.cells.len()).map(|number| format!("column {number}")).collect();
            return Ok((shape, Self { index: 0, line: row.line, raw: Vec::new(), cells }));
        }
        match (best, first) {
            (Some((score, shape, header)), _) if score > 1 || header.index == 1 => Ok((shape, header)),
            (_, Some((shape, header))) if !options.mapping.is_empty() => Ok((shape, header)),
            (best, first) => Err(unrecognised(best.map(|(_, _, header)| header).or(first.map(|(_, header)| header)))),
        }
    }

    /// The first rows of the file, each of which could be the header.
    fn candidates(head: &[u8], shape: Shape, charset: &Charset) -> Vec<Self> {
        let mut rows = Rows::new(head, shape, charset.clone());
        let mut found = Vec::new();
        for index in 1..=PREAMBLE {
            match rows.next() {
                Ok(Some(Found::Row(Row { line, raw, cells, .. }))) => found.push(Self { index, line, raw, cells }),
                Ok(Some(Found::Fault { .. })) => {}
                Ok(None) | Err(_) => break,
            }
        }
        found
    }
}

/// The delimiters that are tried: the one that the options or a line `sep=;` name, else the four that occur.
fn delimiters(head: &[u8], options: &CsvOptions) -> Result<Vec<u8>, String> {
    if let Some(delimiter) = options.delimiter {
        return match u8::try_from(delimiter) {
            Ok(byte) if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n' | 0) => Ok(vec![byte]),
            _ => Err(format!(
                "“{}” cannot be a delimiter; take an ASCII character such as , or ;",
                delimiter.escape_default()
            )),
        };
    }
    Ok(match head {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', named @ (b',' | b';' | b'\t' | b'|'), b'\r' | b'\n', ..] => {
            vec![*named]
        }
        _ => {
            let occurring: Vec<u8> = b",;\t|".iter().copied().filter(|byte| head.contains(byte)).collect();
            if occurring.is_empty() { vec![b','] } else { occurring }
        }
    })
}

/// Counts the cells of a row that are known headers, or named by the options.
fn score(cells: &[String], options: &CsvOptions) -> usize {
    let named = |cell: &str| {
        options.mapping.iter().any(|(name, _)| matches!(name, ColumnName::Header(name) if header::same(cell, name)))
    };
    cells.iter().filter(|cell| header::is_known(cell) || named(cell)).count()
}

/// Says that no header was found.
fn unrecognised(row: Option<Header>) -> String {
    match row {
        None => "no row in it can be read".into(),
        Some(row) => format!(
            "no header is recognised in its first rows; line {} reads {}; say in the options what the columns hold, \
             or that there is no header",
            row.line,
            header::list(row.cells.get(..row.cells.len().min(40)).unwrap_or_default())
        ),
    }
}

/// Makes records out of rows.
struct Mapper {
    layout: Arc<Layout>,
    /// How the table is read where heirloom wrote it.
    own: Option<Own>,
    reading: Reading,
    /// The columns whose dates showed whether the day stands first.
    orders: BTreeMap<usize, bool>,
    /// What was said of which column, so that it is said once.
    told: HashSet<(usize, Told)>,
    /// What is to be said with the record at hand.
    said: Vec<String>,
}

/// What is said of a column once.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Told {
    Unknown,
    Guessed(bool),
    DateConflict,
    Zone,
    SystemGroup,
}

/// A cell that is not empty.
struct Cell<'a> {
    /// The number of its column, from 0.
    at: usize,
    /// The header of its column.
    name: &'a str,
    /// Its text, cleaned.
    text: String,
}

impl Mapper {
    /// Makes the record of a row.
    fn record(&mut self, row: &Row) -> Result<Record, String> {
        if let Some(own) = &mut self.own {
            return own.record(row, &mut self.said);
        }
        let layout = Arc::clone(&self.layout);
        match layout.rows {
            CsvRows::Contacts => self.contact(&layout, row).map(Record::Contact),
            CsvRows::Notes => self.note(&layout, row).map(Record::Note),
        }
    }

    /// Says something of a column, unless it was said before.
    fn once(&mut self, at: usize, what: Told, words: impl FnOnce() -> String) {
        if self.told.insert((at, what)) {
            self.said.push(words());
        }
    }

    fn contact(&mut self, layout: &Layout, row: &Row) -> Result<ContactRecord, String> {
        let mut draft = Draft { places: vec![BTreeMap::new(); layout.places.len()], ..Draft::default() };
        for (at, usage, cell) in filled(layout, row) {
            match usage {
                Use::LabelOf => {}
                Use::Address(group, part) => {
                    if let Some(parts) = draft.places.get_mut(*group) {
                        parts.entry(*part).or_insert(cell.text);
                    }
                }
                Use::Unknown => {
                    self.once(at, Told::Unknown, || {
                        format!("the column “{}” is not one that is known; it was kept as a custom field", cell.name)
                    });
                    draft.field(cell.name, cell.text);
                }
                Use::Value(column, label) => {
                    let label = label_text(label, row);
                    self.contact_value(&mut draft, column, label, cell);
                }
            }
        }
        draft.add_addresses(&layout.places, row);
        let mut contact = draft.contact;
        contact.name = match full_name(&contact) {
            Some(name) => name,
            None => self.substitute_name(&mut contact)?,
        };
        contact.handles.sort_by_key(|handle| !draft.preferred.contains(&(handle.channel, handle.address.clone())));
        contact.source.clone_from(&row.raw);
        Ok(contact)
    }

    /// Puts a cell where its column says.
    fn contact_value(&mut self, draft: &mut Draft, column: &Column, label: Option<String>, cell: Cell<'_>) {
        match column {
            Column::Id | Column::ContactId => match &draft.contact.external_id {
                None => draft.contact.external_id = Some(cell.text),
                Some(_) => draft.field(cell.name, cell.text),
            },
            Column::Name if draft.contact.name.is_empty() => draft.contact.name = one_line(&cell.text),
            Column::Audience if draft.contact.audience.is_none() => draft.contact.audience = Some(cell.text),
            Column::GivenName
            | Column::MiddleName
            | Column::FamilyName
            | Column::NamePrefix
            | Column::NameSuffix
            | Column::Nickname
            | Column::Company
            | Column::Department
            | Column::JobTitle => {
                draft.own_field(column, cell);
            }
            Column::Email => draft.handles(Channel::Email, label, &split(&cell.text, &[';', ',', '\n'])),
            Column::Phone => draft.handles(Channel::Phone, label, &split(&cell.text, &[';', '\n'])),
            Column::Handle(Channel::Post) => draft.handles(Channel::Post, label, &split(&cell.text, &[])),
            Column::Handle(channel) => draft.handles(*channel, label, &split(&cell.text, &['\n'])),
            Column::Tag => self.tags(draft, &cell),
            Column::Note => draft.contact.notes.push(NoteRecord { text: cell.text, ..NoteRecord::default() }),
            Column::Date(name) => self.date(draft, name, label, cell),
            Column::DoNotContact(channel) => self.do_not_contact(draft, *channel, cell),
            Column::Related(relation) => {
                let relation =
                    [relation.as_str(), label.as_deref().unwrap_or("")].into_iter().find(|text| !text.is_empty());
                let relation = relation.unwrap_or("related").to_lowercase();
                for name in split(&cell.text, &[';']) {
                    draft.contact.related.push((relation.clone(), name.text));
                }
            }
            Column::Field(name) => {
                let name = [name.as_str(), label.as_deref().unwrap_or("")].into_iter().find(|text| !text.is_empty());
                draft.field(name.unwrap_or(cell.name), cell.text);
            }
            Column::Ignore => {}
            _ => {
                self.once(cell.at, Told::Unknown, || {
                    format!(
                        "the column “{}” says nothing of a contact that is ours; it was kept as a custom field",
                        cell.name
                    )
                });
                draft.field(cell.name, cell.text);
            }
        }
    }

    fn tags(&mut self, draft: &mut Draft, cell: &Cell<'_>) {
        let commas = self.layout.columns.get(cell.at).is_some_and(|plan| plan.comma_parts_tags);
        for tag in split_tags(&cell.text, commas) {
            if tag == "myContacts" {
                self.once(cell.at, Told::SystemGroup, || {
                    "the group “myContacts”, which Google puts every contact in, was left out".into()
                });
            } else if !draft.contact.tags.contains(&tag) {
                draft.contact.tags.push(tag);
            }
        }
    }

    fn date(&mut self, draft: &mut Draft, name: &str, label: Option<String>, cell: Cell<'_>) {
        if dates::is_none(&cell.text) {
            return;
        }
        let Some(read) = dates::day_of_year(&cell.text, self.reading_of(cell.at)) else {
            self.said.push(format!("“{}” in “{}” is not a date; it was kept as a custom field", cell.text, cell.name));
            return draft.field(cell.name, cell.text);
        };
        self.tell_date_order(&cell, read.guessed_day_first, read.shown_day_first);
        let label = label.map(|label| label.to_lowercase());
        let name = if name.is_empty() { label.unwrap_or_else(|| "date".into()) } else { name.to_owned() };
        draft.contact.dates.push((name, read.value));
    }

    /// How the dates of a column are read: as the options say, else as the beginning of the file shows.
    fn reading_of(&self, at: usize) -> Reading {
        Reading { day_first: self.reading.day_first.or(self.orders.get(&at).copied()), ..self.reading }
    }

    /// Says how the dates of a column are read where it was guessed, and where one of them speaks against it.
    fn tell_date_order(&mut self, cell: &Cell<'_>, guessed: Option<bool>, shown: Option<bool>) {
        let order = |day_first| if day_first { "day first" } else { "month first" };
        let Cell { at, name, text } = cell;
        if let Some(day_first) = guessed {
            self.once(*at, Told::Guessed(day_first), || {
                let order = order(day_first);
                format!("dates such as “{text}” in “{name}” were read {order}; say day_first or month_first to be sure")
            });
        }
        if let Some(day_first) = shown.filter(|day_first| self.assumed(*at) == Some(!day_first)) {
            self.once(*at, Told::DateConflict, || {
                let (this, others) = (order(day_first), order(!day_first));
                format!("“{text}” in “{name}” can only be {this}, but other dates of the column are read {others}")
            });
        }
    }

    /// Which order the dates of a column are taken to have, where one was told, shown or guessed.
    fn assumed(&self, at: usize) -> Option<bool> {
        let guessed = [true, false].into_iter().find(|order| self.told.contains(&(at, Told::Guessed(*order))));
        self.reading_of(at).day_first.or(guessed)
    }

    fn do_not_contact(&mut self, draft: &mut Draft, channel: Channel, cell: Cell<'_>) {
        match cell.text.to_lowercase().as_str() {
            "true" | "1" | "yes" | "y" | "x" | "ja" | "oui" | "si" | "sí" | "wahr" | "vrai" | "verdadero" | "on" => {
                draft.contact.do_not_contact.push((Some(channel), cell.name.to_owned()));
            }
            "false" | "0" | "no" | "n" | "nein" | "non" | "falsch" | "faux" | "falso" | "off" => {}
            _ => {
                self.said.push(format!(
                    "“{}” in “{}” is neither yes nor no; it was kept as a custom field",
                    cell.text, cell.name
                ));
                draft.field(cell.name, cell.text);
            }
        }
    }

    /// Finds what to show in place of a name, and says so.
    fn substitute_name(&mut self, contact: &mut ContactRecord) -> Result<String, String> {
        let field = |name: Column| contact.fields.get(&name.to_string()).cloned();
        let handle = |test: fn(&HandleRecord) -> bool| {
            contact.handles.iter().find(|handle| test(handle)).map(|handle| handle.address.replace('\n', ", "))
        };
        let (what, name) = None
            .or_else(|| field(Column::Company).map(|name| ("company", name)))
            .or_else(|| field(Column::Nickname).map(|name| ("nickname", name)))
            .or_else(|| handle(|handle| handle.channel == Channel::Email).map(|name| ("e-mail address", name)))
            .or_else(|| handle(|handle| handle.channel != Channel::Post).map(|name| ("address", name)))
            .ok_or("it has no name, no company, no e-mail address and no other handle")?;
        let of_a_person = [Column::JobTitle, Column::Department, Column::Nickname].map(|column| column.to_string());
        contact.organisation = what == "company" && !of_a_person.iter().any(|name| contact.fields.contains_key(name));
        self.said.push(match contact.organisation {
            true => format!("it names a company and no person; “{name}” was taken as an organisation"),
            false => format!("it has no name; its {what} “{name}” was taken"),
        });
        Ok(name)
    }

    fn note(&mut self, layout: &Layout, row: &Row) -> Result<NoteRecord, String> {
        let mut draft = NoteDraft::default();
        for (at, usage, cell) in filled(layout, row) {
            match usage {
                Use::Value(Column::Ignore, _) | Use::LabelOf => {}
                Use::Value(column, _) => self.note_value(&mut draft, column, cell),
                Use::Unknown | Use::Address(..) => self.left_to_source(at, &cell),
            }
        }
        draft.finish(row)
    }

    fn left_to_source(&mut self, at: usize, cell: &Cell<'_>) {
        self.once(at, Told::Unknown, || {
            format!("the column “{}” has no place in a note; it is kept in the source of each record only", cell.name)
        });
    }

    /// Puts a cell of a note where its column says.
    fn note_value(&mut self, draft: &mut NoteDraft, column: &Column, cell: Cell<'_>) {
        let note = &mut draft.note;
        match column {
            Column::Id if note.external_id.is_none() => note.external_id = Some(cell.text),
            Column::ContactId => draft.ids.extend(texts(split(&cell.text, &[';', ',']))),
            Column::Name => draft.names.extend(texts(split(&cell.text, &[';']))),
            Column::GivenName => draft.given = Some(cell.text),
            Column::MiddleName => draft.middle = Some(cell.text),
            Column::FamilyName => draft.family = Some(cell.text),
            Column::Email => draft.addresses(Channel::Email, &split(&cell.text, &[';', ',', '\n'])),
            Column::Phone => draft.addresses(Channel::Phone, &split(&cell.text, &[';', '\n'])),
            Column::Handle(channel) => draft.addresses(*channel, &split(&cell.text, &['\n'])),
            Column::Note => draft.texts.push(cell.text),
            Column::Title => draft.titles.push(cell.text),
            Column::HappenedAt if note.happened_at.is_none() => note.happened_at = self.when(&cell),
            Column::SaidBy if note.said_by.is_none() => note.said_by = Some(one_line(&cell.text)),
            Column::Permalink if note.permalink.is_none() => note.permalink = Some(cell.text),
            Column::Kind => self.kind(note, &cell),
            Column::Via => match channel_named(&cell.text) {
                Some(channel) => note.channel = Some(channel),
                None => self.not_ours(&cell, "a channel"),
            },
            Column::Direction => match cell.text.to_lowercase().as_str() {
                "in" | "incoming" | "inbound" | "received" => note.direction = Some("in".into()),
                "out" | "outgoing" | "outbound" | "sent" => note.direction = Some("out".into()),
                _ => self.not_ours(&cell, "a direction (in, out)"),
            },
            Column::Visibility => match cell.text.to_lowercase().as_str() {
                word @ ("organisation" | "private") => note.visibility = Some(word.into()),
                "organization" => note.visibility = Some("organisation".into()),
                _ => {
                    note.visibility = Some("private".into());
                    self.said.push(format!(
                        "“{}” in “{}” is not a visibility (organisation, private); to be safe the note was made private",
                        cell.text, cell.name
                    ));
                }
            },
            Column::Sensitivity => note.sensitivity = Some(cell.text.to_lowercase()),
            _ => self.left_to_source(cell.at, &cell),
        }
    }

    fn not_ours(&mut self, cell: &Cell<'_>, what: &str) {
        self.said.push(format!("“{}” in “{}” is not {what}; it is kept in the source only", cell.text, cell.name));
    }

    fn when(&mut self, cell: &Cell<'_>) -> Option<When> {
        if dates::is_none(&cell.text) {
            return None;
        }
        let Some(read) = dates::when(&cell.text, self.reading_of(cell.at)) else {
            self.not_ours(cell, "a date");
            return None;
        };
        self.tell_date_order(cell, read.guessed_day_first, read.shown_day_first);
        if read.guessed_zone {
            self.once(cell.at, Told::Zone, || {
                format!(
                    "times such as “{}” in “{}” name no zone; the whole column was read as UTC",
                    cell.text, cell.name
                )
            });
        }
        Some(read.value)
    }

    /// Reads the kind of a note, and the channel that the kinds of CRM programs imply.
    fn kind(&mut self, note: &mut NoteRecord, cell: &Cell<'_>) {
        let word = cell.text.to_lowercase();
        let (kind, channel) = match word.as_str() {
            "conversation" | "insight" | "praise" | "complaint" | "idea" | "milestone" | "broadcast" | "other" => {
                (Some(word.as_str()), None)
            }
            "note" | "task" => (None, None),
            "email" | "e-mail" => (Some("conversation"), Some(Channel::Email)),
            "call" | "phone call" | "sms" | "anruf" => (Some("conversation"), Some(Channel::Phone)),
            "whatsapp" => (Some("conversation"), Some(Channel::WhatsApp)),
            "meeting" | "event" | "visit" | "termin" | "besprechung" => (Some("conversation"), None),
            _ => return self.not_ours(cell, "a kind of note"),
        };
        if let Some(kind) = kind {
            note.kind = Some(kind.to_owned());
        }
        note.channel = note.channel.or(channel);
    }
}

/// The cells of a row that are not empty, with what is done with them, in the order in which they are asked.
fn filled<'a>(layout: &'a Layout, row: &'a Row) -> impl Iterator<Item = (usize, &'a Use, Cell<'a>)> {
    layout.order.iter().filter_map(move |&at| {
        let (plan, text) = (layout.columns.get(at)?, clean(row.cells.get(at)?));
        let cell = Cell { at, name: plan.name.as_str(), text };
        (!cell.text.is_empty()).then_some((at, &plan.usage, cell))
    })
}

/// A contact in the making.
#[derive(Default)]
struct Draft {
    contact: ContactRecord,
    places: Vec<BTreeMap<Part, String>>,
    preferred: HashSet<(Channel, String)>,
}

impl Draft {
    /// Puts a custom field; a second value under one name is put on a line of its own.
    fn field(&mut self, name: &str, value: String) {
        let field = self.contact.fields.entry(name.to_owned()).or_default();
        if field.is_empty() {
            *field = value;
        } else if field.lines().all(|line| line != value) {
            field.push('\n');
            field.push_str(&value);
        }
    }

    /// Puts a field that is ours; of several columns for it the first counts and the others are custom fields.
    fn own_field(&mut self, column: &Column, cell: Cell<'_>) {
        let text = one_line(&cell.text);
        match self.contact.fields.get(&column.to_string()) {
            None => self.field(&column.to_string(), text),
            Some(known) if *known == text => {}
            Some(_) => self.field(cell.name, text),
        }
    }

    fn handles(&mut self, channel: Channel, label: Option<String>, values: &[Value]) {
        let label = label.map(|label| Value::of(&label));
        for value in values {
            let channel = if channel == Channel::Web { network_of(&value.text) } else { channel };
            if self.contact.handles.iter().any(|known| known.channel == channel && known.address == value.text) {
                continue;
            }
            if value.preferred || label.as_ref().is_some_and(|label| label.preferred) {
                self.preferred.insert((channel, value.text.clone()));
            }
            let label = label.as_ref().map(|label| usual_label(&label.text)).filter(|label| !label.is_empty());
            self.contact.handles.push(HandleRecord { label, ..HandleRecord::new(channel, &value.text) });
        }
    }

    /// Puts the parts of each address together.
    fn add_addresses(&mut self, places: &[Label], row: &Row) {
        for (parts, label) in std::mem::take(&mut self.places).into_iter().zip(places) {
            let address = match parts.get(&Part::Formatted) {
                Some(whole) => whole.clone(),
                None => join(parts.values().map(String::as_str), "\n"),
            };
            if !address.is_empty() {
                self.handles(Channel::Post, label_text(label, row), &split(&address, &[]));
            }
        }
    }
}

/// A note in the making.
#[derive(Default)]
struct NoteDraft {
    note: NoteRecord,
    ids: Vec<String>,
    handles: Vec<(Channel, String)>,
    names: Vec<String>,
    given: Option<String>,
    middle: Option<String>,
    family: Option<String>,
    titles: Vec<String>,
    texts: Vec<String>,
}

impl NoteDraft {
    fn addresses(&mut self, channel: Channel, values: &[Value]) {
        let channel = |text: &str| if channel == Channel::Web { network_of(text) } else { channel };
        self.handles.extend(values.iter().map(|value| (channel(&value.text), value.text.clone())));
    }

    fn finish(mut self, row: &Row) -> Result<NoteRecord, String> {
        let mut text = self.texts;
        self.titles.retain(|title| !text.iter().any(|text| text.starts_with(title.as_str())));
        text.splice(0..0, self.titles);
        self.note.text = text.join("\n\n");
        if self.note.text.is_empty() {
            return Err("the note has no text".into());
        }
        let parts = [&self.given, &self.middle, &self.family].into_iter().flatten().map(String::as_str);
        self.names.extend(Some(join(parts, " ")).filter(|name| !name.is_empty()));
        let ids = self.ids.into_iter().map(ContactRef::ExternalId);
        let handles = self.handles.into_iter().map(|(channel, address)| ContactRef::Handle(channel, address));
        self.note.about = ids.chain(handles).chain(self.names.into_iter().map(ContactRef::Name)).collect();
        if self.note.about.is_empty() {
            return Err("the note names no contact: the cells that could are empty".into());
        }
        self.note.source.clone_from(&row.raw);
        Ok(self.note)
    }
}

/// Cleans a cell: blanks around it, CR LF, the guards that programs put before what a spreadsheet would compute.
fn clean(cell: &str) -> String {
    let blank = |c: char| c.is_whitespace() || matches!(c, '\u{200D}' | '\u{FEFF}' | '\u{200B}');
    let text = cell.trim_matches(blank);
    let text = match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@']) => rest,
        _ => text,
    };
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Makes one line of several.
fn one_line(text: &str) -> String {
    join(text.lines(), " ")
}

/// Joins the parts that are not empty.
fn join<'a>(parts: impl Iterator<Item = &'a str>, between: &str) -> String {
    parts.map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(between)
}

/// One of the values of a cell.
struct Value {
    text: String,
    /// Whether it bears the `* ` with which Google marks the default.
    preferred: bool,
}

impl Value {
    fn of(text: &str) -> Self {
        let text = text.trim();
        match text.strip_prefix("* ") {
            Some(rest) => Self { text: clean(rest), preferred: true },
            None => Self { text: clean(text), preferred: false },
        }
    }
}

/// Takes a cell of several values apart: at ` ::: ` (Google), as a list of JSON (EspoCRM), or at one of the characters.
fn split(text: &str, at: &[char]) -> Vec<Value> {
    let parts: Vec<Value> = if text.contains(":::") {
        text.split(":::").map(Value::of).collect()
    } else if let Some(list) = json_list(text) {
        list.iter().map(|text| Value::of(text)).collect()
    } else {
        text.split(|c| at.contains(&c)).map(Value::of).collect()
    };
    parts.into_iter().filter(|value| !value.text.is_empty()).collect()
}

/// Drops the marks of values.
fn texts(values: Vec<Value>) -> Vec<String> {
    values.into_iter().map(|value| value.text).collect()
}

/// Reads `["a","b"]`.
fn json_list(text: &str) -> Option<Vec<String>> {
    text.starts_with('[').then(|| serde_json::from_str(text).ok()).flatten()
}

/// Takes tags apart: at ` ::: `, as a list of JSON, as Mailchimp's `"VIP","Blog"`, at `;`, or at `,`.
fn split_tags(text: &str, commas: bool) -> Vec<String> {
    let quoted = text.starts_with('"').then(|| json_list(&format!("[{text}]"))).flatten();
    match quoted {
        Some(list) => list.into_iter().map(|tag| clean(&tag)).filter(|tag| !tag.is_empty()).collect(),
        None if text.contains(';') => texts(split(text, &[';'])),
        None if commas => texts(split(text, &[',', '\n'])),
        None => texts(split(text, &[])),
    }
}

/// Finds the label of a value.
fn label_text(label: &Label, row: &Row) -> Option<String> {
    match label {
        Label::None => None,
        Label::Fixed(text) => Some(text.clone()),
        Label::In(at) => row.cells.get(*at).map(|cell| cell.trim().to_owned()).filter(|text| !text.is_empty()),
    }
}

/// Writes the usual labels as we do, and leaves people's own as they are.
fn usual_label(label: &str) -> String {
    match label.to_lowercase().as_str() {
        "mobile" | "cell" => "cell".into(),
        "business" => "work".into(),
        word @ ("work" | "home" | "other" | "fax" | "main" | "pager") => word.into(),
        _ => label.to_owned(),
    }
}

/// The name of a person: in full, or of its parts.
fn full_name(contact: &ContactRecord) -> Option<String> {
    if !contact.name.is_empty() {
        return Some(contact.name.clone());
    }
    let parts = [Column::GivenName, Column::MiddleName, Column::FamilyName].map(|column| column.to_string());
    let parts = parts.iter().filter_map(|name| contact.fields.get(name)).map(String::as_str);
    Some(join(parts, " ")).filter(|name| !name.is_empty())
}

/// Finds a channel by its word or its name.
fn channel_named(text: &str) -> Option<Channel> {
    let text = text.trim().to_lowercase();
    match text.as_str() {
        "twitter" => Some(Channel::X),
        "call" | "telephone" | "sms" => Some(Channel::Phone),
        "mail" => Some(Channel::Email),
        _ => Channel::ALL.iter().copied().find(|c| c.word() == text || c.name().to_lowercase() == text),
    }
}

/// Finds the network of a page on the web, where it is one whose accounts are handles.
fn network_of(url: &str) -> Channel {
    const HOSTS: [(&str, Channel); 13] = [
        ("linkedin.com", Channel::LinkedIn),
        ("x.com", Channel::X),
        ("twitter.com", Channel::X),
        ("facebook.com", Channel::Facebook),
        ("instagram.com", Channel::Instagram),
        ("threads.net", Channel::Threads),
        ("threads.com", Channel::Threads),
        ("bsky.app", Channel::Bluesky),
        ("tiktok.com", Channel::TikTok),
        ("youtube.com", Channel::YouTube),
        ("pinterest.com", Channel::Pinterest),
        ("reddit.com", Channel::Reddit),
        ("t.me", Channel::Telegram),
    ];
    let lower = url.to_lowercase();
    let bare = lower.split_once("://").map_or(lower.as_str(), |(_, rest)| rest);
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let is_of = |known: &str| host == known || host.strip_suffix(known).is_some_and(|sub| sub.ends_with('.'));
    match HOSTS.iter().find(|(known, _)| is_of(known)) {
        Some((_, channel)) if !path.is_empty() => *channel,
        _ => Channel::Web,
    }
}

#[cfg(test)]
mod tests;
