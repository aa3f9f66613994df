//! Tables for spreadsheets (RFC 4180, in UTF-8), and how their cells are read back by [`super::own`].
//!
//! A cell that a spreadsheet would compute is defused: an apostrophe is put before it. So is one that begins with an
//! apostrophe which would be taken for such a mark, so that taking one away gives back what stood there.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::channel::Channel;
use crate::contact::{Contact, Link, field};
use crate::exchange::{Unsaid, address_anywhere};
use crate::handle::Handle;
use crate::id::ContactId;
use crate::note::Note;
use crate::ownership::Assignment;

/// The column that tells a table of contacts that heirloom wrote.
pub(super) const CONTACT_ID: &str = "Heirloom contact id";
/// The column that tells a table of notes that heirloom wrote.
pub(super) const NOTE_ID: &str = "Heirloom note id";
/// The column that tells a table of who looks after whom that heirloom wrote.
pub(super) const ASSIGNMENT_ID: &str = "Heirloom assignment id";
/// The fields that have a column in every table, with its header.
pub(super) const FIELDS: [(&str, &str); 11] = [
    (field::GIVEN_NAME, "Given name"),
    (field::MIDDLE_NAME, "Middle name"),
    (field::FAMILY_NAME, "Family name"),
    (field::NAME_PREFIX, "Name prefix"),
    (field::NAME_SUFFIX, "Name suffix"),
    (field::NICKNAME, "Nickname"),
    (field::COMPANY, "Company"),
    (field::DEPARTMENT, "Department"),
    (field::JOB_TITLE, "Job title"),
    (field::LANGUAGE, "Language"),
    (field::PRONOUNS, "Pronouns"),
];
/// So many custom fields have a column of their own, and so many dates: a spreadsheet has not room for any number.
const OWN_COLUMNS: usize = 200;
/// The longest text that a cell of the usual spreadsheets holds, in UTF-16 units.
const CELL_MOST: usize = 32_767;

/// Writes a table, row by row.
pub(crate) struct TableWriter<W> {
    output: W,
    row: String,
    cells: usize,
    /// What was changed or left out.
    pub(crate) unsaid: Unsaid,
}

impl<W: Write> TableWriter<W> {
    /// Writes to an output, which should be buffered. A byte-order mark tells spreadsheets that the text is UTF-8.
    pub(crate) fn new(mut output: W, byte_order_mark: bool) -> io::Result<Self> {
        if byte_order_mark {
            output.write_all("\u{FEFF}".as_bytes())?;
        }
        Ok(Self { output, row: String::new(), cells: 0, unsaid: Unsaid::default() })
    }

    /// Writes what is held back by the output.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    fn cell(&mut self, text: &str) {
        if text.len() > CELL_MOST && text.encode_utf16().count() > CELL_MOST {
            self.unsaid
                .add("cells longer than the 32,767 characters that a spreadsheet shows; the file has all of them");
        }
        if self.cells > 0 {
            self.row.push(',');
        }
        self.cells += 1;
        let mark = if needs_defusing(text) { "'" } else { "" };
        if text.contains([',', '"', '\r', '\n', ';', '\t']) || text.trim() != text {
            self.row.push('"');
            self.row.push_str(mark);
            for (at, part) in text.split('"').enumerate() {
                if at > 0 {
                    self.row.push_str("\"\"");
                }
                self.row.push_str(part);
            }
            self.row.push('"');
        } else {
            self.row.push_str(mark);
            self.row.push_str(text);
        }
    }

    fn optional(&mut self, text: Option<&str>) {
        self.cell(text.unwrap_or_default());
    }

    fn instant(&mut self, at: Option<DateTime<Utc>>) {
        self.cell(&at.map(instant).unwrap_or_default());
    }

    fn end(&mut self) -> io::Result<()> {
        self.row.push_str("\r\n");
        self.output.write_all(self.row.as_bytes())?;
        self.row.clear();
        self.cells = 0;
        Ok(())
    }

    fn header(&mut self, headers: impl IntoIterator<Item = impl AsRef<str>>) -> io::Result<()> {
        headers.into_iter().for_each(|header| self.cell(header.as_ref()));
        self.end()
    }

    /// Writes the header of a table of contacts.
    pub(crate) fn contacts_header(&mut self, columns: &ContactColumns) -> io::Result<()> {
        let before = [CONTACT_ID, "Kind", "Name"].into_iter().chain(FIELDS.map(|(_, header)| header));
        let before = before.chain(["Audience", "Tags"]).map(str::to_owned);
        let addresses = columns.channels.iter().flat_map(|(channel, more)| {
            let name = channel_header(*channel);
            let more = more.iter().map(|more| format!("{} {}", channel_header(*channel), more.header()));
            std::iter::once(name).chain(more.collect::<Vec<_>>())
        });
        let dates = columns.dates.iter().map(|label| format!("date:{label}"));
        let fields = columns.fields.iter().map(|name| format!("field:{name}"));
        let after = [
            "Other dates",
            "Other fields",
            "Former addresses",
            "Do not contact",
            "Links",
            "Linked to",
            "External ids",
            "Owners",
            "Added at",
            "Last spoken to at",
        ];
        self.header(before.chain(addresses).chain(dates).chain(fields).chain(after.map(str::to_owned)))
    }

    /// Writes a contact; `links` are those that are written, `owners` the names of who owns them today.
    pub(crate) fn contact(
        &mut self,
        contact: &Contact,
        columns: &ContactColumns,
        links: &[&Link],
        owners: &[&str],
    ) -> io::Result<()> {
        self.cell(&contact.id.to_string());
        self.cell(contact.kind.word());
        self.cell(&contact.name);
        for (name, _) in FIELDS {
            self.optional(contact.fields.get(name).map(String::as_str));
        }
        self.cell(&contact.audience);
        self.cell(&list(&contact.tags.iter().map(String::as_str).collect::<Vec<_>>()));
        for (channel, more) in &columns.channels {
            self.addresses(contact, *channel, more);
        }
        for label in &columns.dates {
            self.cell(&contact.dates.get(label).map(ToString::to_string).unwrap_or_default());
        }
        for name in &columns.fields {
            self.optional(contact.fields.get(name).map(String::as_str));
        }
        let days = contact.dates.iter().filter(|(label, _)| !columns.dates.contains(*label));
        let days: Vec<_> = days.map(|(label, day)| (label.as_str(), day.to_string())).collect();
        self.cell(&pairs(days.iter().map(|(label, day)| (*label, day.as_str()))));
        let has_column = |name: &String| columns.fields.contains(name) || FIELDS.iter().any(|(known, _)| known == name);
        let fields = contact.fields.iter().filter(|(name, _)| !has_column(name));
        self.cell(&pairs(fields.map(|(name, value)| (name.as_str(), value.as_str()))));
        self.former(contact);
        self.cell(&pairs(
            contact.do_not_contact.iter().map(|wish| (wish.channel.map_or("*", Channel::word), wish.why.as_str())),
        ));
        let ids: Vec<_> = links.iter().map(|link| (link.relation.as_str(), link.other.id.to_string())).collect();
        self.cell(&pairs(ids.iter().map(|(relation, id)| (*relation, id.as_str()))));
        self.cell(&pairs(links.iter().map(|link| (link.relation.as_str(), link.other.name.as_str()))));
        self.cell(&pairs(contact.external_ids.iter().map(|id| (id.system.as_str(), id.id.as_str()))));
        self.cell(&list(owners));
        self.instant(Some(contact.added_at));
        self.instant(contact.spoken_at);
        self.end()
    }

    /// Writes the addresses on a channel in one cell, and in others, in the same order, what else is known of them.
    fn addresses(&mut self, contact: &Contact, channel: Channel, more: &BTreeSet<More>) {
        let held: Vec<&Handle> = current(contact, channel).collect();
        let unsaid = &mut self.unsaid;
        let addresses: Vec<&str> = held.iter().map(|handle| address_anywhere(handle, unsaid)).collect();
        self.cell(&list(&addresses));
        for more in more {
            let values: Vec<String> = held.iter().map(|handle| more.of(handle)).collect();
            match values.iter().all(String::is_empty) {
                true => self.cell(""),
                false => self.cell(&list(&values.iter().map(String::as_str).collect::<Vec<_>>())),
            }
        }
    }

    fn former(&mut self, contact: &Contact) {
        let former = contact.handles.iter().filter(|handle| handle.until.is_some());
        let unsaid = &mut self.unsaid;
        let rows: Vec<[String; 6]> = former
            .map(|handle| {
                [
                    handle.channel.word().to_owned(),
                    address_anywhere(handle, unsaid).to_owned(),
                    handle.until.map(instant).unwrap_or_default(),
                    More::Since.of(handle),
                    More::Labels.of(handle),
                    More::Ids.of(handle),
                ]
            })
            .collect();
        match rows.is_empty() {
            true => self.cell(""),
            false => self.cell(&json(&rows)),
        }
    }

    /// Writes the header of a table of notes.
    pub(crate) fn notes_header(&mut self) -> io::Result<()> {
        self.header([
            NOTE_ID,
            "Contact ids",
            "Contacts",
            "Kind",
            "Happened at",
            "Text",
            "Said by",
            "Said by contact id",
            "Recorded by",
            "Recorded at",
            "Via",
            "Channel",
            "Direction",
            "Permalink",
            "Visibility",
            "Sensitivity",
            "Corrected at",
        ])
    }

    /// Writes a note about contacts; who said it is left out where they are not to be named.
    pub(crate) fn note(&mut self, note: &Note, about: &[(ContactId, String)], names_speaker: bool) -> io::Result<()> {
        let ids: Vec<String> = about.iter().map(|(id, _)| id.to_string()).collect();
        let names: Vec<&str> = about.iter().map(|(_, name)| name.as_str()).collect();
        let speaker = note.said_by.as_ref().filter(|_| names_speaker);
        self.cell(&note.id.to_string());
        self.cell(&list(&ids.iter().map(String::as_str).collect::<Vec<_>>()));
        self.cell(&list(&names));
        self.cell(note.kind.word());
        self.cell(&note.happened_at.to_string());
        self.cell(&note.text);
        self.optional(speaker.map(|speaker| speaker.name.as_str()));
        self.optional(speaker.and_then(|s| s.contact).map(|id| id.to_string()).as_deref());
        self.cell(&note.recorded_by_name);
        self.instant(Some(note.recorded_at));
        self.cell(note.via.word());
        self.optional(note.channel.map(Channel::word));
        self.optional(note.direction.map(crate::note::Direction::word));
        self.optional(note.permalink.as_deref());
        self.cell(note.visibility.word());
        self.cell(note.sensitivity.word());
        self.instant(note.corrected_at);
        self.end()
    }

    /// Writes the header of a table of who looks after whom.
    pub(crate) fn ownership_header(&mut self) -> io::Result<()> {
        self.header([
            ASSIGNMENT_ID,
            "Contact id",
            "Contact",
            "Member id",
            "Member",
            "Agency",
            "Member has departed",
            "Role",
            "Since",
            "Until",
            "Why",
            "Begun by",
            "Why ended",
            "Ended by",
        ])
    }

    /// Writes one interval in which a member looks after a contact, with the names that it refers to.
    pub(crate) fn assignment(&mut self, assignment: &Assignment, names: &AssignmentNames<'_>) -> io::Result<()> {
        self.cell(&assignment.id.to_string());
        self.cell(&names.contact_id.to_string());
        self.cell(names.contact);
        self.cell(&assignment.member.to_string());
        self.cell(&assignment.member_name);
        self.optional(names.agency);
        self.cell(if assignment.member_departed { "yes" } else { "no" });
        self.cell(assignment.role.word());
        self.instant(Some(assignment.since));
        self.instant(assignment.until);
        self.optional(assignment.opened_why.as_deref());
        self.cell(&names.opened_by);
        self.optional(assignment.closed_why.as_deref());
        self.optional(names.closed_by.as_deref());
        self.end()
    }
}

/// The names to which an assignment refers.
pub(crate) struct AssignmentNames<'a> {
    /// The id of the contact.
    pub(crate) contact_id: ContactId,
    /// The name of the contact.
    pub(crate) contact: &'a str,
    /// The name of the member's agency.
    pub(crate) agency: Option<&'a str>,
    /// Who began it.
    pub(crate) opened_by: String,
    /// Who ended it.
    pub(crate) closed_by: Option<String>,
}

/// Which columns a table of contacts has beside those that all have.
#[derive(Debug, Default)]
pub(crate) struct ContactColumns {
    fields: BTreeSet<String>,
    dates: BTreeSet<String>,
    channels: std::collections::BTreeMap<Channel, BTreeSet<More>>,
}

impl ContactColumns {
    /// Makes room for what a contact has. The columns of custom fields and of dates are those that are met first.
    pub(crate) fn meet(&mut self, contact: &Contact) {
        for name in contact.fields.keys().filter(|name| !FIELDS.iter().any(|(known, _)| known == name)) {
            if self.fields.len() < OWN_COLUMNS && !self.fields.contains(name) {
                self.fields.insert(name.clone());
            }
        }
        for label in contact.dates.keys() {
            if self.dates.len() < OWN_COLUMNS && !self.dates.contains(label) {
                self.dates.insert(label.clone());
            }
        }
        for handle in contact.handles.iter().filter(|handle| handle.until.is_none()) {
            let more = self.channels.entry(handle.channel).or_default();
            more.extend([More::Labels, More::Ids, More::Since].into_iter().filter(|more| !more.of(handle).is_empty()));
        }
    }
}

/// What else is known of the addresses on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum More {
    /// What they are called.
    Labels,
    /// The network's lasting ids.
    Ids,
    /// Since when they are theirs.
    Since,
}

impl More {
    /// What follows the channel in the header.
    pub(super) const fn header(self) -> &'static str {
        match self {
            Self::Labels => "labels",
            Self::Ids => "ids",
            Self::Since => "since",
        }
    }

    fn of(self, handle: &Handle) -> String {
        match self {
            Self::Labels => handle.label.clone().unwrap_or_default(),
            Self::Ids => handle.network_id.clone().unwrap_or_default(),
            Self::Since => handle.since.map(instant).unwrap_or_default(),
        }
    }
}

fn current(contact: &Contact, channel: Channel) -> impl Iterator<Item = &Handle> {
    contact.handles.iter().filter(move |handle| handle.until.is_none() && handle.channel == channel)
}

/// The header of the addresses on a channel.
pub(super) fn channel_header(channel: Channel) -> String {
    let mut name = channel.name().chars();
    name.next().into_iter().flat_map(char::to_uppercase).chain(name).collect()
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Several texts in one cell: joined by `; `, or as a list of JSON where one of them would not come back so.
fn list(texts: &[&str]) -> String {
    let simple = |text: &&str| !text.contains(';') && text.trim() == *text;
    match texts {
        [] => String::new(),
        [one] if simple(one) && !one.is_empty() && !one.starts_with('[') => (*one).to_owned(),
        [first, _, ..] if texts.iter().all(simple) && !first.starts_with('[') => texts.join("; "),
        _ => json(texts),
    }
}

/// Several pairs in one cell: `phone: asked us not to; email: too many`, or as JSON where that would not come back so.
fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let pairs: Vec<(&str, &str)> = pairs.collect();
    let simple = |(key, value): &(&str, &str)| {
        !key.contains([':', ';']) && !key.starts_with('[') && !value.contains(';') && value.trim() == *value
    };
    match pairs.iter().all(simple) {
        true => pairs.iter().map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join("; "),
        false => json(&pairs),
    }
}

fn json(value: &(impl serde::Serialize + ?Sized)) -> String {
    // Texts and lists of them have no form that JSON could refuse.
    serde_json::to_string(value).unwrap_or_default()
}

/// Takes apart what [`list`] put together.
pub(super) fn read_list(cell: &str) -> Vec<String> {
    if cell.trim().is_empty() {
        return Vec::new();
    }
    let json = cell.starts_with('[').then(|| serde_json::from_str(cell).ok()).flatten();
    json.unwrap_or_else(|| cell.split(';').map(|text| text.trim().to_owned()).collect())
}

/// Takes apart what [`pairs`] put together; what is no pair has an empty key.
pub(super) fn read_pairs(cell: &str) -> Vec<(String, String)> {
    let json = cell.starts_with('[').then(|| serde_json::from_str(cell).ok()).flatten();
    json.unwrap_or_else(|| {
        let parts = read_list(cell).into_iter();
        parts
            .map(|part| match part.split_once(':') {
                Some((key, value)) => (key.trim().to_owned(), value.trim().to_owned()),
                None => (String::new(), part),
            })
            .collect()
    })
}

/// Whether a spreadsheet may compute a text, blanks and marks before it aside. Some take the wide forms of the signs too.
fn needs_defusing(text: &str) -> bool {
    let bare = text.trim_start_matches(|c: char| c == '\'' || c.is_whitespace());
    text.trim_start_matches('\'').starts_with(['\t', '\r', '\n'])
        || bare.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

/// Takes the mark off that defused a cell.
pub(super) fn undefused(cell: &str) -> Cow<'_, str> {
    match cell.strip_prefix('\'').filter(|rest| needs_defusing(rest)) {
        Some(rest) => Cow::Borrowed(rest),
        None => Cow::Borrowed(cell),
    }
}
