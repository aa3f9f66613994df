//! Imports: records of outside files written into a memory, all or nothing, with a report that hides nothing.
//!
//! A record that cannot be read costs itself and no other. What was imported before is known again by the id that the
//! source gives, or by what it says, so a second import of a file changes nothing.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use serde::Serialize;

use crate::actor::Actor;
use crate::attachment::NewAttachment;
use crate::channel::Channel;
use crate::check;
use crate::contact::{DoNotContact, ExternalId, NewContact};
use crate::error::{Error, Result};
use crate::exchange::jsonl::JsonLinesReader;
use crate::exchange::{ContactRecord, ContactRef, HandleRecord, Item, LinkRecord, NoteRecord, Record};
use crate::handle::{HandleMatch, NewHandle};
use crate::id::{ContactId, MemberId, NoteId};
use crate::journal::{Hash, Source, Writer};
use crate::memory::Memory;
use crate::note::{NoteDraft, NoteKind, SaidBy, Sensitivity, Via, Visibility};
use crate::search::fold;
use crate::store::place::io_error;
use crate::wording::Count;

/// So many findings are kept in a report; all of them go to [`Import::each_finding`], and all are counted.
pub const FINDINGS_KEPT: usize = 10_000;

/// A longer reason is cut here, in bytes of UTF-8.
const REASON_MAX: usize = 2 * check::NAME_MAX;

/// What a caller wants to be told, as it happens.
type Listener<'l, T> = Box<dyn FnMut(&T) + 'l>;

/// Of so many names an import remembers which member they are.
const NAMES_KEPT: usize = 4_096;
/// Of so many ids of the source an import remembers which contact they are: some 16 MiB.
const CONTACTS_KEPT: usize = 1 << 17;

/// The system under which the exports of heirloom are imported: its ids are those of contacts and notes, also of this
/// memory's own.
const OWN_SYSTEM: &str = "heirloom";
/// Of what must wait for later records, such as a note for the other cards that it stands on, so many bytes are held.
const HELD_MOST: usize = 64 << 20;

/// An import that is being put together; see [`Memory::import`].
#[must_use = "nothing is read before a format is named"]
pub struct Import<'m> {
    memory: &'m Memory,
    system: String,
    actor: Option<Actor>,
    file: String,
    progress: Option<Listener<'m, Progress>>,
    each_finding: Option<Listener<'m, Finding>>,
    #[cfg(feature = "vcard")]
    card_code_page: Option<String>,
}

impl fmt::Debug for Import<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import").field("system", &self.system).field("file", &self.file).finish_non_exhaustive()
    }
}

/// How far an import has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Records read so far.
    pub records: u64,
    /// Of these, records skipped.
    pub skipped: u64,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[must_use = "what was skipped stands in the report"]
pub struct ImportReport {
    /// The name of the file.
    pub file: String,
    /// Contacts added.
    pub contacts_added: u64,
    /// Contacts that were known and changed.
    pub contacts_changed: u64,
    /// Contacts that were known and stayed as they were.
    pub contacts_unchanged: u64,
    /// Notes added.
    pub notes_added: u64,
    /// Notes that were known, and whose text was corrected.
    pub notes_changed: u64,
    /// Notes that were known and stayed as they were.
    pub notes_unchanged: u64,
    /// Records that were skipped.
    pub skipped: u64,
    /// Things that were changed or left out on the way; the source is kept.
    pub converted: u64,
    /// What was skipped and converted, and why: the first [`FINDINGS_KEPT`].
    pub findings: Vec<Finding>,
}

impl fmt::Display for ImportReport {
    /// What was done, on one line, and each finding on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = [
            (self.contacts_added, self.notes_added, "added"),
            (self.contacts_changed, self.notes_changed, "changed"),
            (self.contacts_unchanged, self.notes_unchanged, "unchanged"),
        ];
        let kept = kept.map(|(contacts, notes, what)| {
            let named = join([counted(contacts, "contact"), counted(notes, "note")], " and ")?;
            Some(format!("{named} {what}"))
        });
        let left = [
            counted(self.skipped, "record").map(|records| format!("{records} skipped")),
            counted(self.converted, "thing").map(|things| format!("{things} converted")),
        ];
        let all = join([join(kept, ", "), join(left, ", ")], "; ");
        write!(f, "{}: {}", self.file, all.as_deref().unwrap_or("nothing in it"))?;
        self.findings.iter().try_for_each(|finding| write!(f, "\n  {finding}"))?;
        match self.skipped + self.converted - self.findings.len() as u64 {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more; Import::each_finding hands out every one"),
        }
    }
}

/// Counts things in words; `None` where there are none.
fn counted(number: u64, noun: &str) -> Option<String> {
    (number > 0).then(|| Count(number, noun).to_string())
}

/// Joins the parts that are there; `None` where none is.
fn join<const N: usize>(parts: [Option<String>; N], between: &str) -> Option<String> {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(between))
}

/// Something that an import skipped or converted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The name of the file.
    pub file: String,
    /// The number of the record in it, from 1: the card, the row, the line.
    pub record: u64,
    /// The line on which the record begins, from 1.
    pub line: u64,
    /// Whether the record was skipped as a whole.
    pub skipped: bool,
    /// What and why, in at most some 2 KiB.
    pub reason: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.skipped { "skipped: " } else { "" };
        write!(f, "{}, record {}, line {}: {what}{}", self.file, self.record, self.line, self.reason)
    }
}

impl Memory {
    /// Begins an import from a system, such as `hubspot` or `iphone`: the name under which its ids are remembered.
    ///
    /// ```
    /// # let memory = heirloom::Memory::in_memory()?;
    /// let cards = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Sally Marsh\r\nEMAIL:sally@mail.example\r\nEND:VCARD\r\n";
    /// # #[cfg(feature = "vcard")] {
    /// let report = memory.import("iphone").named("cards.vcf").vcards(cards.as_bytes())?;
    /// assert_eq!(report.contacts_added, 1);
    /// # }
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub fn import(&self, system: impl Into<String>) -> Import<'_> {
        Import {
            memory: self,
            system: system.into(),
            actor: None,
            file: "input".to_owned(),
            progress: None,
            each_finding: None,
            #[cfg(feature = "vcard")]
            card_code_page: None,
        }
    }
}

impl<'m> Import<'m> {
    /// Who imports; [`Actor::Import`] of the system's name unless said.
    pub fn by(mut self, actor: impl Into<Actor>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// The name of the file in the report.
    pub fn named(mut self, file: impl Into<String>) -> Self {
        self.file = file.into();
        self
    }

    /// Tells how far it has come, every thousand records and at the end.
    pub fn progress(mut self, progress: impl FnMut(&Progress) + 'm) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Hands out each finding as it is made, also those that the report no longer lists.
    pub fn each_finding(mut self, each: impl FnMut(&Finding) + 'm) -> Self {
        self.each_finding = Some(Box::new(each));
        self
    }

    /// The code page of cards that are not UTF-8 and do not say what they are, by its label in the WHATWG Encoding
    /// Standard; `windows-1252` unless said.
    #[cfg(feature = "vcard")]
    pub fn code_page(mut self, label: impl Into<String>) -> Self {
        self.card_code_page = Some(label.into());
        self
    }

    /// Reads a file by its ending: `.vcf` as vCards, `.csv` as CSV, `.jsonl` or `.ndjson` as JSON Lines.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Invalid`] for another ending; nothing is kept then.
    pub fn file(mut self, path: impl AsRef<Path>) -> Result<ImportReport> {
        let path = path.as_ref();
        self.file = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
        let input = BufReader::with_capacity(1 << 16, File::open(path).map_err(|e| io_error(path, &e))?);
        match ending.as_str() {
            #[cfg(feature = "vcard")]
            "vcf" | "vcard" => self.vcards(input),
            #[cfg(feature = "csv")]
            "csv" | "tsv" => self.csv(input, crate::CsvOptions::new()),
            "jsonl" | "ndjson" => self.json_lines(input),
            _ => Err(Error::invalid(
                "file to import",
                format!(
                    "{} ends in none of .vcf, .csv, .tsv, .jsonl, .ndjson; call the reader of its format",
                    path.display()
                ),
            )),
        }
    }

    /// Reads vCards 2.1 (the vCard consortium's), 3.0 (RFC 2426) and 4.0 (RFC 6350), as exporters really write them.
    ///
    /// # Errors
    /// [`Error::Io`] when the input fails, and what [`Memory::write`] returns; nothing is kept then.
    #[cfg(feature = "vcard")]
    pub fn vcards(self, input: impl Read) -> Result<ImportReport> {
        use crate::exchange::vcard::{VCardOptions, VCardReader};
        let code_page = match &self.card_code_page {
            Some(label) => Some(encoding_rs::Encoding::for_label(label.as_bytes()).ok_or_else(|| {
                Error::invalid("code page", format!("“{label}” is not known; write a label such as windows-1251"))
            })?),
            None => None,
        };
        self.run("text/vcard", VCardReader::new(input, VCardOptions { code_page }))
    }

    /// Reads contacts or notes from CSV.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it cannot be told what the columns hold, [`Error::Io`] when the input fails, and what [`Memory::write`] returns; nothing is kept then.
    #[cfg(feature = "csv")]
    pub fn csv(self, input: impl Read, options: crate::CsvOptions) -> Result<ImportReport> {
        let mut reader = crate::exchange::csv::CsvReader::new(input, options);
        self.run("text/csv", std::iter::from_fn(move || Some(with_header(reader.next()?, reader.header()))))
    }

    /// Reads JSON Lines: `{"contact": {…}}` or `{"note": {…}}` a line; see [`crate::guide::json_lines`].
    ///
    /// # Errors
    /// [`Error::Io`] when the input fails, and what [`Memory::write`] returns; nothing is kept then.
    pub fn json_lines(self, input: impl Read) -> Result<ImportReport> {
        self.run("application/jsonl", JsonLinesReader::new(input))
    }

    fn run(mut self, format: &'static str, items: impl Iterator<Item = io::Result<Item>>) -> Result<ImportReport> {
        let system = check::name("name of the system", &self.system)?.to_owned();
        let actor = self.actor.take().unwrap_or_else(|| Actor::import(system.clone()));
        let memory = self.memory;
        memory.write(actor, |w| {
            let mut desk = Desk {
                w,
                system,
                format,
                members: HashMap::new(),
                contacts: HashMap::new(),
                later: Later::default(),
                report: ImportReport { file: self.file.clone(), ..ImportReport::default() },
                record: 0,
                line: 0,
                each_finding: self.each_finding.take(),
            };
            let mut progress = Progress::default();
            for item in items {
                let item = item.map_err(|e| unreadable(&self.file, &e))?;
                desk.take(item)?;
                progress = Progress { records: progress.records + 1, skipped: desk.report.skipped };
                if let Some(tell) = self.progress.as_mut().filter(|_| progress.records % 1_000 == 0) {
                    tell(&progress);
                }
            }
            desk.settle()?;
            if let Some(tell) = &mut self.progress {
                tell(&progress);
            }
            Ok(desk.report)
        })
    }
}

/// Says why no further record can be had.
fn unreadable(file: &str, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData => Error::invalid("import", format!("{file} cannot be read: {error}")),
        _ => Error::Io { path: file.into(), why: error.to_string() },
    }
}

/// Puts the header row before the source of a record, so that the source can be read by itself.
#[cfg(feature = "csv")]
fn with_header(mut item: io::Result<Item>, header: &[u8]) -> io::Result<Item> {
    if let Ok(Item { result: Ok(record), .. }) = &mut item {
        let source = match record {
            Record::Contact(contact) => &mut contact.source,
            Record::Note(note) => &mut note.source,
        };
        if !header.is_empty() {
            *source = [header, b"\n", source].concat();
        }
    }
    item
}

/// Where records are taken in, one at a time.
struct Desk<'i, 'w, 'm> {
    w: &'w mut Writer<'m>,
    system: String,
    format: &'static str,
    /// Which member each name met so far is, if any.
    members: HashMap<String, Option<MemberId>>,
    /// Which contact each id of the source met so far is.
    contacts: HashMap<String, ContactId>,
    later: Later,
    report: ImportReport,
    record: u64,
    line: u64,
    each_finding: Option<Listener<'i, Finding>>,
}

/// What waits for contacts that come later in the file.
#[derive(Default)]
struct Later {
    links: Vec<(ContactId, LinkRecord)>,
    /// Notes that stand on several cards, by their ids, with the contacts met so far.
    notes: BTreeMap<String, (Vec<ContactId>, NoteRecord)>,
    bytes: usize,
}

/// Tells what is wrong with a record from what is wrong with the memory: the first costs the record, the second all.
fn of_record<T>(result: Result<T>) -> Result<Result<T, String>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error @ (Error::Invalid { .. } | Error::Unknown { .. } | Error::Erased { .. } | Error::Refused(_))) => {
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

impl Desk<'_, '_, '_> {
    fn take(&mut self, item: Item) -> Result<()> {
        (self.record, self.line) = (item.record, item.line);
        for what in item.converted {
            self.find(false, what);
        }
        let done = match item.result {
            Ok(Record::Contact(contact)) => self.contact(contact)?,
            Ok(Record::Note(note)) => self.note(note)?,
            Err(reason) => Err(reason),
        };
        if let Err(reason) = done {
            self.find(true, reason);
        }
        Ok(())
    }

    fn find(&mut self, skipped: bool, mut reason: String) {
        // A reason may quote the record, and thousands of them are kept.
        if reason.len() > REASON_MAX {
            let mut end = REASON_MAX;
            while !reason.is_char_boundary(end) {
                end -= 1;
            }
            reason = format!("{}…", reason.get(..end).unwrap_or_default());
        }
        let finding = Finding { file: self.report.file.clone(), record: self.record, line: self.line, skipped, reason };
        match skipped {
            true => self.report.skipped += 1,
            false => self.report.converted += 1,
        }
        if let Some(each) = &mut self.each_finding {
            each(&finding);
        }
        if self.report.findings.len() < FINDINGS_KEPT {
            self.report.findings.push(finding);
        }
    }

    fn contact(&mut self, mut record: ContactRecord) -> Result<Result<(), String>> {
        let source = match of_record(Source::new(self.format, std::mem::take(&mut record.source)))? {
            Ok(source) => source,
            Err(reason) => return Ok(Err(reason)),
        };
        let handles = self.sound_handles(&record);
        let id = record.external_id.take().unwrap_or_else(|| made_up_id(&record, &handles, &source));
        let id = match of_record(ExternalId::new(&self.system, id).checked())? {
            Ok(id) => id,
            Err(reason) => return Ok(Err(reason)),
        };
        let known = match self.w.view().last_said(&id.system, &id.id)? {
            Some(known) => Some(known),
            None => self.known_otherwise(&id, &record.external_ids)?.map(|contact| (contact, None)),
        };
        if let Some((contact, said)) = &known
            && (*said == Some(source.digest()) || self.said_before(*contact, &source)?)
        {
            return self.unchanged(*contact, record.notes).map(Ok);
        }
        let former: Vec<_> = record.handles.iter().filter(|handle| handle.until.is_some()).cloned().collect();
        let (others, links) = (std::mem::take(&mut record.external_ids), std::mem::take(&mut record.links));
        let (new, card_notes, pictures) = self.new_contact(record, handles, &id, source);
        let done = match &known {
            Some((contact, _)) => self.w.bring_up_to_date(*contact, new).map(|()| *contact),
            None => self.w.add_unknown_contact(new),
        };
        let contact = match of_record(done)? {
            Ok(contact) => contact,
            Err(reason) => return Ok(Err(reason)),
        };
        remember(&mut self.contacts, CONTACTS_KEPT, &id.id, contact);
        match known.is_some() {
            true => self.report.contacts_changed += 1,
            false => self.report.contacts_added += 1,
        }
        self.former_handles(contact, former)?;
        self.identify(contact, others)?;
        self.hold_links(contact, links)?;
        for picture in pictures {
            let name = picture.name.clone();
            let new = NewAttachment::new(picture.name, picture.media_type, picture.bytes);
            if let Err(reason) = of_record(self.w.attach(contact, new))? {
                self.find(false, format!("{name} was left out: {reason}"));
            }
        }
        for (at, mut note) in card_notes.into_iter().enumerate() {
            // What stands on a card describes the contact; it does not say that they were spoken to.
            note.kind.get_or_insert_with(|| NoteKind::Insight.word().to_owned());
            let made_up = || within_name(format!("{}#{}", id.id, note_digest(&note)));
            let id = note.external_id.clone().unwrap_or_else(made_up);
            let done = match note.about_so_many > 1 || !self.knows_speaker(&note)? {
                true => self.hold_note(contact, note, id)?,
                false => self.keep_note(&[contact], note, id)?,
            };
            if let Err(reason) = done {
                self.find(false, format!("note {} was left out: {reason}", at + 1));
            }
        }
        Ok(Ok(()))
    }

    /// Counts a contact of whom the source says what it said before. What it says in private is not in the source that is
    /// kept, so those notes are looked at all the same.
    fn unchanged(&mut self, contact: ContactId, notes: Vec<NoteRecord>) -> Result<()> {
        self.report.contacts_unchanged += 1;
        for note in notes {
            match note.external_id.clone().filter(|_| note.visibility.is_some()) {
                Some(id) => {
                    if let Err(reason) = self.keep_note(&[contact], note, id)? {
                        self.find(false, format!("a private note was left out: {reason}"));
                    }
                }
                None => self.report.notes_unchanged += 1,
            }
        }
        Ok(())
    }

    /// The contact to whom the source gives an id that is not known of them: one of this memory's own, of which the
    /// source is an export, or one whom a further system calls what it is said to call them.
    fn known_otherwise(&self, id: &ExternalId, others: &[(String, String)]) -> Result<Option<ContactId>> {
        let ids = others.iter().map(|(system, id)| (system.as_str(), id.as_str()));
        for (system, id) in std::iter::once((id.system.as_str(), id.id.as_str())).chain(ids) {
            let contact = match self.own(system, id)? {
                Some(contact) => Some(contact),
                None => self.w.view().by_external_id(system, id)?.map(|contact| contact.id),
            };
            if contact.is_some() {
                return Ok(contact);
            }
        }
        Ok(None)
    }

    /// The contact of this memory whose own id it is.
    fn own(&self, system: &str, id: &str) -> Result<Option<ContactId>> {
        match id.parse::<ContactId>() {
            Ok(id) if system == OWN_SYSTEM => {
                Ok(of_record(self.w.view().contact_summary(id))?.ok().map(|contact| contact.id))
            }
            _ => Ok(None),
        }
    }

    /// Notes what further systems call a contact.
    fn identify(&mut self, contact: ContactId, ids: Vec<(String, String)>) -> Result<()> {
        for (system, id) in ids {
            if self.own(&system, &id)?.is_none()
                && let Err(reason) = of_record(self.w.identify(contact, &system, &id))?
            {
                self.find(false, format!("an id in another system was left out: {reason}"));
            }
        }
        Ok(())
    }

    /// Adds the addresses that were a contact's and are no more, where nothing is known of them here.
    fn former_handles(&mut self, contact: ContactId, handles: Vec<HandleRecord>) -> Result<()> {
        for handle in handles {
            let (channel, new) = (handle.channel, new_handle(&handle));
            let key = match of_record(new.checked(&self.w.view()))? {
                Ok(fact) => fact.key,
                Err(reason) => {
                    self.find(false, format!("{channel} was left out: {reason}"));
                    continue;
                }
            };
            let known = self.w.view().contact(contact)?;
            if !known.handles.iter().any(|held| held.channel == channel && held.key == key) {
                // Without its network id, or it would be taken for the account that the contact has today.
                self.w.add_handle(contact, NewHandle { network_id: None, ..new })?;
                self.w.end_handle(contact, channel, &handle.address)?;
                self.find(
                    false,
                    format!(
                        "the {channel} address “{}” is theirs no more; here it ends with this import",
                        handle.address
                    ),
                );
            }
        }
        Ok(())
    }

    /// Keeps links until the contacts to whom they lead are known.
    fn hold_links(&mut self, contact: ContactId, links: Vec<LinkRecord>) -> Result<()> {
        for link in links {
            self.later.bytes += 128 + link.relation.len() + link.other.len() + link.name.len();
            self.later.links.push((contact, link));
        }
        self.make_room()
    }

    /// Whether nothing is to come that would say who said a note.
    fn knows_speaker(&mut self, note: &NoteRecord) -> Result<bool> {
        match &note.said_by_contact {
            Some(id) => Ok(self.contact_with(id)?.is_some()),
            None => Ok(true),
        }
    }

    /// Keeps a note until all the cards on which it stands were met, and the one of who said it.
    fn hold_note(&mut self, contact: ContactId, note: NoteRecord, id: String) -> Result<Result<(), String>> {
        let so_many = note.about_so_many;
        if let Some((met, _)) = self.later.notes.get_mut(&id) {
            met.push(contact);
            self.later.bytes += size_of::<ContactId>();
        } else {
            self.later.bytes += 512 + note.text.len();
            self.later.notes.insert(id.clone(), (vec![contact], note));
        }
        let is_met = self.later.notes.get(&id).is_some_and(|(met, _)| met.len() >= so_many);
        let speaker = self.later.notes.get(&id).and_then(|(_, note)| note.said_by_contact.clone());
        let is_told = speaker.map_or(Ok(true), |id| self.contact_with(&id).map(|contact| contact.is_some()))?;
        if is_met
            && is_told
            && let Some((met, note)) = self.later.notes.remove(&id)
        {
            self.later.bytes = self.later.bytes.saturating_sub(512 + note.text.len() + size_of_val(met.as_slice()));
            return self.keep_note(&met, note, id);
        }
        self.make_room().map(Ok)
    }

    /// Sees to it that what waits does not grow without bound.
    fn make_room(&mut self) -> Result<()> {
        match self.later.bytes > HELD_MOST {
            true => self.settle(),
            false => Ok(()),
        }
    }

    /// Keeps what waits, as far as it can be kept with the contacts that are known.
    fn settle(&mut self) -> Result<()> {
        let Later { links, notes, .. } = std::mem::take(&mut self.later);
        for (contact, link) in links {
            let LinkRecord { relation, other, name } = link;
            let done = match self.contact_with(&other)? {
                Some(other) => of_record(self.w.link(contact, &relation, other))?.map(drop),
                None => Err("that contact is not known; import the contacts together".to_owned()),
            };
            if let Err(reason) = done {
                let whose = self.w.view().contact_summary(contact)?.name;
                self.find(false, format!("the link of {whose} to {name} ({relation}) was left out: {reason}"));
            }
        }
        for (id, (met, note)) in notes {
            let missing = note.about_so_many.saturating_sub(met.len());
            match self.keep_note(&met, note, id)? {
                Ok(()) if missing == 0 => {}
                Ok(()) => self.find(
                    false,
                    format!("a note is also about {missing} whose cards were not met; it hangs on the others"),
                ),
                Err(reason) => self.find(false, format!("a note on several cards was left out: {reason}")),
            }
        }
        Ok(())
    }

    /// The handles of a record. One that its channel cannot have is kept under another channel, and reported.
    fn sound_handles(&mut self, record: &ContactRecord) -> Vec<NewHandle> {
        let mut sound = Vec::new();
        for handle in record.handles.iter().filter(|handle| handle.until.is_none()) {
            let mut new = new_handle(handle);
            let Err(error) = new.checked(&self.w.view()) else {
                sound.push(new);
                continue;
            };
            new.channel = Channel::Other;
            match new.checked(&self.w.view()) {
                Ok(_) => {
                    self.find(false, format!("kept as an address on no known channel: {error}"));
                    sound.push(new);
                }
                Err(_) => self.find(false, format!("{} was left out: {error}", handle.channel)),
            }
        }
        sound
    }

    /// Whether a contact was once told of in exactly these words, also when other words came later.
    fn said_before(&self, contact: ContactId, source: &Source) -> Result<bool> {
        use crate::change::Change;
        Ok(self.w.view().history(contact)?.iter().any(|entry| match &entry.change {
            Some(Change::ContactAdded(c)) => c.source.as_ref() == Some(source),
            Some(Change::ContactIdentified(c)) => c.source.as_ref() == Some(source),
            _ => false,
        }))
    }

    fn new_contact(
        &mut self,
        record: ContactRecord,
        handles: Vec<NewHandle>,
        id: &ExternalId,
        source: Source,
    ) -> (NewContact, Vec<NoteRecord>, Vec<crate::exchange::AttachmentRecord>) {
        let mut new = match record.organisation {
            true => NewContact::organisation(record.name),
            false => NewContact::person(record.name),
        };
        if let Some(audience) = record.audience {
            new = new.audience(audience);
        }
        new.handles = handles;
        new.tags = record.tags;
        new.dates = record.dates.into_iter().collect();
        new.fields = record.fields;
        for (relation, name) in record.related {
            let names = new.fields.entry(relation).or_default();
            match names.is_empty() {
                true => *names = name,
                false => *names = format!("{names}\n{name}"),
            }
        }
        new.do_not_contact =
            record.do_not_contact.into_iter().map(|(channel, why)| DoNotContact { channel, why }).collect();
        new.source = Some(source);
        let new = new.external_id(&id.system, &id.id);
        (new, record.notes, record.attachments)
    }

    fn note(&mut self, record: NoteRecord) -> Result<Result<(), String>> {
        let about = match self.resolve(&record.about)? {
            Ok(about) => about,
            Err(reason) => return Ok(Err(reason)),
        };
        if record.happened_at.is_none() {
            self.find(false, "it does not say when it happened; the time of the import stands for it".to_owned());
        }
        let id = record.external_id.clone().unwrap_or_else(|| note_digest(&record).to_string());
        self.keep_note(&about, record, id)
    }

    /// Finds the contacts whom a note names.
    fn resolve(&mut self, refs: &[ContactRef]) -> Result<Result<Vec<ContactId>, String>> {
        let mut found: Vec<ContactId> = Vec::new();
        let (mut unknown, mut unclear) = (Vec::new(), Vec::new());
        for reference in refs {
            let (shown, candidates) = self.candidates(reference)?;
            match candidates.as_slice() {
                [] => unknown.push(shown),
                [one] if found.contains(one) => {}
                [one] => found.push(*one),
                _ => unclear.push((shown, candidates)),
            }
        }
        unclear.retain(|(_, candidates)| !candidates.iter().any(|candidate| found.contains(candidate)));
        if found.is_empty() {
            return Ok(Err(match (unclear.first(), unknown.first()) {
                (Some((shown, several)), _) => {
                    format!("{shown} fits {} contacts; name the contact by an id or an e-mail address", several.len())
                }
                (None, Some(shown)) => format!("there is no contact {shown}; import the contacts first"),
                (None, None) => "the note is about no one".to_owned(),
            }));
        }
        for shown in unknown.into_iter().chain(unclear.into_iter().map(|(shown, _)| shown)) {
            self.find(
                false,
                format!("{shown} is not one contact of this memory; the note hangs on the others it names"),
            );
        }
        Ok(Ok(found))
    }

    fn candidates(&mut self, reference: &ContactRef) -> Result<(String, Vec<ContactId>)> {
        Ok(match reference {
            ContactRef::ExternalId(id) => {
                let found = self.contact_with(id)?;
                (format!("with the id “{id}” in {}", self.system), found.into_iter().collect())
            }
            ContactRef::Handle(channel, address) => {
                let found = of_record(self.w.view().by_handle(*channel, address))?.unwrap_or_default();
                (format!("with the {channel} address “{address}”"), holders(&found))
            }
            ContactRef::Name(name) if name.contains('@') => {
                let mut ids: Vec<ContactId> = self.w.view().named(name)?.iter().map(ContactId::from).collect();
                if ids.is_empty() {
                    // Tables made by hand name people by an address where they name them by name elsewhere.
                    ids = holders(&of_record(self.w.view().by_any_handle(name))?.unwrap_or_default());
                }
                (format!("with the name or address “{name}”"), ids)
            }
            ContactRef::Name(name) => {
                (format!("called “{name}”"), self.w.view().named(name)?.into_iter().map(|contact| contact.id).collect())
            }
        })
    }

    fn keep_note(&mut self, about: &[ContactId], mut record: NoteRecord, id: String) -> Result<Result<(), String>> {
        let ExternalId { system, id } = match of_record(ExternalId::new(&self.system, id).checked())? {
            Ok(id) => id,
            Err(reason) => return Ok(Err(reason)),
        };
        let known = match self.w.all_seeing_view().note_by_external_id(&system, &id)? {
            None if system == OWN_SYSTEM => self.own_note(&id)?,
            known => known,
        };
        if let Some(note) = known {
            return self.known_note(note, &record);
        }
        let source = match std::mem::take(&mut record.source) {
            none if none.is_empty() => Ok(None),
            source => of_record(Source::new(self.format, source))?.map(Some),
        };
        let (source, classes) = match (source, Classes::of(&record)) {
            (Ok(source), Ok(classes)) => (source, classes),
            (Err(reason), _) | (_, Err(reason)) => return Ok(Err(reason)),
        };
        let speaker = record.said_by_contact.as_deref().map(|id| self.contact_with(id)).transpose()?.flatten();
        let said_by = match (speaker, &record.said_by) {
            (Some(contact), _) => Some(SaidBy::Contact(contact)),
            (None, Some(name)) => Some(self.speaker(name, about)?),
            (None, None) => None,
        };
        let draft = match of_record(self.w.note_about(about, record.text).map(|draft| {
            let draft =
                classes.onto(draft).via(Via::Import).external_id(system, id).source(source).channel(record.channel);
            let draft = record.happened_at.into_iter().fold(draft, NoteDraft::happened_at);
            let draft = said_by.into_iter().fold(draft, NoteDraft::said_by);
            record.permalink.into_iter().fold(draft, NoteDraft::permalink)
        }))? {
            Ok(draft) => draft,
            Err(reason) => return Ok(Err(reason)),
        };
        let saved = of_record(draft.save_unknown())?;
        if saved.is_ok() {
            self.report.notes_added += 1;
        }
        Ok(saved.map(drop))
    }

    /// The note of this memory whose own id it is.
    fn own_note(&self, id: &str) -> Result<Option<NoteId>> {
        match id.parse::<NoteId>() {
            Ok(id) => Ok(of_record(self.w.all_seeing_view().note(id))?.ok().map(|note| note.id)),
            Err(_) => Ok(None),
        }
    }

    /// A note that stands already: brought up to date where the source says what the note never was. What it once was,
    /// and is no more, was changed by somebody here, and stays so.
    fn known_note(&mut self, note: NoteId, record: &NoteRecord) -> Result<Result<(), String>> {
        use crate::change::Change;
        let now = self.w.all_seeing_view().note(note)?;
        let given = match Classes::of(record) {
            Ok(classes) => (
                record.kind.as_ref().map_or(now.kind, |_| classes.kind),
                record.sensitivity.as_ref().map_or(now.sensitivity, |_| classes.sensitivity),
            ),
            Err(reason) => return Ok(Err(reason)),
        };
        let stands = (now.kind, now.sensitivity);
        let (mut had_text, mut had_classes, mut other_time) = (now.retracted_at.is_some(), stands == given, false);
        for entry in self.w.all_seeing_view().history(note)? {
            match entry.change {
                Some(Change::NoteAdded(c)) => {
                    had_text |= c.text == record.text;
                    had_classes |= (c.kind, c.sensitivity) == given;
                    other_time = record.happened_at.is_some_and(|when| when != c.happened_at);
                }
                Some(Change::NoteCorrected(c)) => had_text |= c.to == record.text,
                Some(Change::NoteReclassified(c)) => had_classes |= (c.to_kind, c.to_sensitivity) == given,
                _ => {}
            }
        }
        if other_time {
            self.find(false, "it is known with another time; the note keeps the one that it has".to_owned());
        }
        if had_text && (had_classes || now.retracted_at.is_some()) {
            self.report.notes_unchanged += 1;
            return Ok(Ok(()));
        }
        let why = format!("the source in {} changed", self.system);
        let updated = of_record(self.w.update_imported(
            note,
            (!had_text).then_some(record.text.as_str()),
            (!had_classes).then_some(given),
            &why,
        ))?;
        if updated.is_ok() {
            self.report.notes_changed += 1;
        }
        Ok(updated)
    }

    /// Who said it: a member or one of the contacts by that name, or just the name.
    fn speaker(&mut self, name: &str, about: &[ContactId]) -> Result<SaidBy> {
        if let Some(member) = self.member_called(name)? {
            return Ok(SaidBy::Member(member));
        }
        let view = self.w.view();
        for contact in about {
            if fold(&view.contact_summary(*contact)?.name) == fold(name) {
                return Ok(SaidBy::Contact(*contact));
            }
        }
        if let [contact] = view.named(name)?.as_slice() {
            return Ok(SaidBy::Contact(contact.id));
        }
        Ok(SaidBy::Name(cut_to_name(name)))
    }

    /// The one member by that name or address, if there is one. An import adds no members, so each is looked up once.
    fn member_called(&mut self, name: &str) -> Result<Option<MemberId>> {
        if let Some(member) = self.members.get(name) {
            return Ok(*member);
        }
        let member = match self.w.view().members_called(name)?.as_slice() {
            [member] => Some(member.id),
            _ => None,
        };
        remember(&mut self.members, NAMES_KEPT, name, member);
        Ok(member)
    }

    /// The contact to whom the source gives an id. Once a contact has it, an import leaves it there.
    fn contact_with(&mut self, id: &str) -> Result<Option<ContactId>> {
        if let Some(contact) = self.contacts.get(id) {
            return Ok(Some(*contact));
        }
        let contact = match self.w.view().by_external_id(&self.system, id)? {
            Some(contact) => Some(contact.id),
            None => self.own(&self.system, id)?,
        };
        if let Some(contact) = contact {
            remember(&mut self.contacts, CONTACTS_KEPT, id, contact);
        }
        Ok(contact)
    }
}

/// A handle as a record tells it. A label or an id above the limit is cut; the whole stands in the source.
fn new_handle(handle: &HandleRecord) -> NewHandle {
    let mut new = NewHandle::new(handle.channel, &handle.address);
    new.label = handle.label.as_deref().map(cut_to_name);
    new.network_id = handle.network_id.as_deref().map(cut_to_name);
    new.since = handle.since;
    new
}

/// The contacts who have an address; where nobody has it any more, those who had it.
fn holders(found: &[HandleMatch]) -> Vec<ContactId> {
    let current = found.iter().any(|m| m.current);
    let mut ids = Vec::new();
    for holder in found.iter().filter(|m| m.current == current) {
        if !ids.contains(&holder.contact.id) {
            ids.push(holder.contact.id);
        }
    }
    ids
}

/// Remembers an answer; where that would be too many, all others are forgotten.
fn remember<T>(answers: &mut HashMap<String, T>, most: usize, question: &str, answer: T) {
    if answers.len() >= most {
        answers.clear();
    }
    answers.insert(question.to_owned(), answer);
}

/// What a record says of a note in words, read.
struct Classes {
    kind: NoteKind,
    visibility: Visibility,
    sensitivity: Sensitivity,
    direction: Option<crate::note::Direction>,
}

impl Classes {
    fn of(record: &NoteRecord) -> Result<Self, String> {
        fn read<T: std::str::FromStr<Err = Error>>(word: Option<&String>) -> Result<Option<T>, String> {
            word.map(|word| word.parse().map_err(|e: Error| e.to_string())).transpose()
        }
        Ok(Self {
            kind: read(record.kind.as_ref())?.unwrap_or(NoteKind::Conversation),
            visibility: read(record.visibility.as_ref())?.unwrap_or(Visibility::Organisation),
            sensitivity: read(record.sensitivity.as_ref())?.unwrap_or(Sensitivity::Ordinary),
            direction: read(record.direction.as_ref())?,
        })
    }

    fn onto<'w, 'm>(self, draft: NoteDraft<'w, 'm>) -> NoteDraft<'w, 'm> {
        let draft = draft.kind(self.kind).sensitivity(self.sensitivity).direction(self.direction);
        match self.visibility {
            // To seal is a decision of people; what a source holds back is kept back by being private.
            Visibility::Private | Visibility::Sealed => draft.private(),
            Visibility::Organisation => draft,
        }
    }
}

/// An id for a contact to which the source gives none: the name and the first address, or else what the source says.
fn made_up_id(record: &ContactRecord, handles: &[NewHandle], source: &Source) -> String {
    let id = match handles.first() {
        Some(handle) => format!("{} | {}: {}", fold(&record.name), handle.channel.word(), fold(&handle.address)),
        None => source.digest().to_string(),
    };
    within_name(id)
}

/// An id that was made up, or its hash where it is longer than an id may be.
fn within_name(id: String) -> String {
    match id.len() > check::NAME_MAX {
        true => Hash::of(&[id.as_bytes()]).to_string(),
        false => id,
    }
}

/// What tells a note without an id from others: whom it names, when it happened, who said it, what it says. The words in
/// which it names them are the same in a second import, also when an address went to somebody else meanwhile.
fn note_digest(record: &NoteRecord) -> Hash {
    let mut parts: Vec<&[u8]> = Vec::new();
    for reference in &record.about {
        let (how, whom) = match reference {
            ContactRef::ExternalId(id) => ("id", id),
            ContactRef::Handle(channel, address) => (channel.word(), address),
            ContactRef::Name(name) => ("name", name),
        };
        parts.extend([how.as_bytes(), b"\0", whom.as_bytes(), b"\0"]);
    }
    let when = record.happened_at.map(|when| when.to_string()).unwrap_or_default();
    parts.extend([
        when.as_bytes(),
        b"\0",
        record.said_by.as_deref().unwrap_or_default().as_bytes(),
        b"\0",
        record.text.as_bytes(),
    ]);
    Hash::of(&parts)
}

/// A label or a name cut to the limit; the whole stands in the source.
fn cut_to_name(text: &str) -> String {
    let mut end = text.len().min(check::NAME_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}
