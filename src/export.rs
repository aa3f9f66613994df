//! Exports: what a memory knows, written in formats that other programs read, with a report of what they cannot say.
//!
//! An export is one snapshot, read as the handle reads, a page at a time.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::contact::{Contact, Link};
use crate::error::{Error, Result};
use crate::exchange::Unsaid;
#[cfg(feature = "csv")]
use crate::exchange::csv::write::{AssignmentNames, ContactColumns, TableWriter};
#[cfg(feature = "vcard")]
use crate::exchange::vcard::write::CardWriter;
use crate::id::ContactId;
use crate::memory::{Memory, View};
use crate::note::Note;
use crate::ownership::Assignment;
use crate::wording::Count;

/// So many contacts, and so many notes, are read at a time.
const PAGE: i64 = 256;
/// So many bytes are gathered before they are handed to the output.
const BUFFER: usize = 1 << 16;

/// An export that is being put together; see [`Memory::export`].
#[must_use = "nothing is written before a format is named"]
#[derive(Clone, Debug)]
pub struct Export<'m> {
    memory: &'m Memory,
    contacts: Option<Vec<ContactId>>,
    #[cfg(feature = "csv")]
    byte_order_mark: bool,
}

/// What an export wrote, and what its format could not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[must_use = "what could not be written stands in the report"]
pub struct ExportReport {
    /// Contacts written.
    pub contacts: u64,
    /// Notes written; one that stands on several cards is one.
    pub notes: u64,
    /// Intervals in which somebody looks after a contact, or did, written.
    pub assignments: u64,
    /// What was changed or left out: why, and how often, by the words.
    pub findings: Vec<ExportFinding>,
}

/// Something that an export changed or left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportFinding {
    /// What, and why.
    pub what: String,
    /// How often.
    pub count: u64,
}

impl fmt::Display for ExportFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.count)
    }
}

impl fmt::Display for ExportReport {
    /// What was written, on one line, and each finding on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [(self.contacts, "contact"), (self.notes, "note"), (self.assignments, "assignment")];
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, noun)| Count(count, noun).to_string())
            .collect();
        match counts.is_empty() {
            true => f.write_str("nothing to write")?,
            false => write!(f, "{} written", counts.join(", "))?,
        }
        self.findings.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}

impl Memory {
    /// Begins an export, as this handle reads: a fresh handle exports what is the organisation's; one from
    /// [`Memory::seen_by`] also the notes that are private to that member, and one from [`Memory::all_seeing`] all of
    /// them, so an export for others is made from a fresh handle.
    ///
    /// Each call of a format is one snapshot and takes constant memory. Two exports of one state are equal byte for byte.
    ///
    /// ```
    /// # #[cfg(feature = "vcard")] {
    /// use heirloom::{Actor, Channel, Memory, NewContact};
    ///
    /// let memory = Memory::in_memory()?;
    /// memory.write(Actor::system("crm-sync"), |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh").handle(Channel::Email, "sally@mail.example"))?;
    ///     w.note(sally, "Likes lemon tart").insight().save()
    /// })?;
    /// let mut cards = Vec::new(); // a file in earnest
    /// let report = memory.export().vcards(&mut cards)?;
    /// assert_eq!(report.to_string(), "1 contact, 1 note written");
    ///
    /// let elsewhere = Memory::in_memory()?;
    /// let report = elsewhere.import("heirloom").vcards(cards.as_slice())?;
    /// assert_eq!((report.contacts_added, report.notes_added), (1, 1));
    /// # }
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub const fn export(&self) -> Export<'_> {
        Export {
            memory: self,
            contacts: None,
            #[cfg(feature = "csv")]
            byte_order_mark: true,
        }
    }
}

impl Export<'_> {
    /// Exports some contacts alone. Links to others are left out and counted, and so is who said something where that is
    /// another contact; a note about several stands with those that are exported.
    pub fn of<C: Into<ContactId>>(mut self, contacts: impl IntoIterator<Item = C>) -> Self {
        self.contacts = Some(contacts.into_iter().map(Into::into).collect());
        self
    }

    /// Leaves out the byte-order mark at the beginning of a table. With it spreadsheets read the table as the UTF-8 that it
    /// is; some programs take it for a part of the first header.
    #[cfg(feature = "csv")]
    pub const fn without_byte_order_mark(mut self) -> Self {
        self.byte_order_mark = false;
        self
    }

    /// Writes a card for each contact: vCard 4.0 (RFC 6350, RFC 9554), with its notes and who looks after it; see
    /// [`crate::guide::vcard`].
    ///
    /// # Errors
    /// [`Error::Io`] when the output fails, which holds a part of the export then; [`Error::Unknown`] for a contact that is
    /// not in this memory.
    #[cfg(feature = "vcard")]
    pub fn vcards(&self, output: impl Write) -> Result<ExportReport> {
        self.memory.read(|view| self.write_vcards(view, output))
    }

    /// Writes what [`Export::vcards`] does, of what a view shows.
    #[cfg(feature = "vcard")]
    pub(crate) fn write_vcards(&self, view: &View<'_>, output: impl Write) -> Result<ExportReport> {
        let scope = Scope::of(view, self.contacts.as_deref())?;
        let shared = scope.shared_notes(view)?;
        let writer = CardWriter::new(BufWriter::with_capacity(BUFFER, output));
        let mut cards = Cards { writer, scope: &scope, shared, report: ExportReport::default(), is_card_open: false };
        scope.each_page(view, |range| cards.page(view, range))?;
        let Cards { mut writer, shared, report, .. } = cards;
        writer.finish().map_err(output_failed)?;
        writer.unsaid.add_many(ALSO_ABOUT_OTHERS, shared.others);
        scope.left_with_contacts(view, &mut writer.unsaid)?;
        scope.left_with_notes(view, &mut writer.unsaid)?;
        Ok(report.with(writer.unsaid))
    }

    /// Writes a table of the contacts, a row each; see [`crate::guide::csv`].
    ///
    /// # Errors
    /// As [`Export::vcards`].
    #[cfg(feature = "csv")]
    pub fn contacts_csv(&self, output: impl Write) -> Result<ExportReport> {
        self.memory.read(|view| self.write_contacts_csv(view, output))
    }

    /// Writes what [`Export::contacts_csv`] does, of what a view shows.
    #[cfg(feature = "csv")]
    pub(crate) fn write_contacts_csv(&self, view: &View<'_>, output: impl Write) -> Result<ExportReport> {
        let scope = Scope::of(view, self.contacts.as_deref())?;
        let mut columns = ContactColumns::default();
        scope.each_page(view, |range| {
            view.contacts_between(range)?.iter().for_each(|(_, contact)| columns.meet(contact));
            Ok(())
        })?;
        let mut table = self.table(output)?;
        let mut report = ExportReport::default();
        table.contacts_header(&columns).map_err(output_failed)?;
        let now = crate::time::from_micros(view.now_micros())?;
        scope.each_page(view, |range| {
            let page = Page::read(view, range)?;
            for (key, contact) in &page.contacts {
                let owners = page.assignments.get(key).map(Vec::as_slice).unwrap_or_default();
                let owns = |owner: &&Assignment| owner.role == crate::ownership::Role::Owner && owner.holds(now);
                let owners: Vec<&str> = owners.iter().filter(owns).map(|owner| owner.member_name.as_str()).collect();
                let links = scope.links(contact, &mut table.unsaid);
                table.contact(contact, &columns, &links, &owners).map_err(output_failed)?;
                report.contacts += 1;
            }
            Ok(())
        })?;
        table.finish().map_err(output_failed)?;
        scope.left_with_contacts(view, &mut table.unsaid)?;
        Ok(report.with(table.unsaid))
    }

    /// Writes a table of the notes, a row each; see [`crate::guide::csv`].
    ///
    /// # Errors
    /// As [`Export::vcards`].
    #[cfg(feature = "csv")]
    pub fn notes_csv(&self, output: impl Write) -> Result<ExportReport> {
        self.memory.read(|view| self.write_notes_csv(view, output))
    }

    /// Writes what [`Export::notes_csv`] does, of what a view shows.
    #[cfg(feature = "csv")]
    pub(crate) fn write_notes_csv(&self, view: &View<'_>, output: impl Write) -> Result<ExportReport> {
        let scope = Scope::of(view, self.contacts.as_deref())?;
        let mut table = self.table(output)?;
        let mut report = ExportReport::default();
        table.notes_header().map_err(output_failed)?;
        scope.each_page_of_notes(view, |range| {
            let mut about: BTreeMap<i64, Vec<(ContactId, String)>> = BTreeMap::new();
            let mut others = 0_u64;
            view.each_contact_of_notes(range, |note, key, contact| {
                let named = about.entry(note).or_default();
                match scope.holds(key) {
                    true => named.push((contact.id, contact.name)),
                    false => others += 1,
                }
                Ok(())
            })?;
            table.unsaid.add_many(ABOUT_OTHERS, others);
            view.each_note_between(range, |key, note| {
                if note.retracted_at.is_some() {
                    table.unsaid.add(RETRACTED);
                    return Ok(());
                }
                let named = scope.names_speaker(&note, true, &mut table.unsaid);
                let about = about.get(&key).map(Vec::as_slice).unwrap_or_default();
                report.notes += 1;
                table.note(&note, about, named).map_err(output_failed)
            })
        })?;
        table.finish().map_err(output_failed)?;
        scope.left_with_notes(view, &mut table.unsaid)?;
        Ok(report.with(table.unsaid))
    }

    /// Writes a table of who looks after whom and who did, a row for each interval; see [`crate::guide::csv`].
    ///
    /// # Errors
    /// As [`Export::vcards`].
    #[cfg(feature = "csv")]
    pub fn ownership_csv(&self, output: impl Write) -> Result<ExportReport> {
        self.memory.read(|view| self.write_ownership_csv(view, output))
    }

    /// Writes what [`Export::ownership_csv`] does, of what a view shows.
    #[cfg(feature = "csv")]
    pub(crate) fn write_ownership_csv(&self, view: &View<'_>, output: impl Write) -> Result<ExportReport> {
        let scope = Scope::of(view, self.contacts.as_deref())?;
        let names = Names::read(view)?;
        let mut table = self.table(output)?;
        let mut report = ExportReport::default();
        table.ownership_header().map_err(output_failed)?;
        scope.each_page(view, |range| {
            let page = Page::read(view, range)?;
            for (key, contact) in &page.contacts {
                for assignment in page.assignments.get(key).into_iter().flatten() {
                    table.assignment(assignment, &names.of(contact, assignment)).map_err(output_failed)?;
                    report.assignments += 1;
                }
            }
            Ok(())
        })?;
        table.finish().map_err(output_failed)?;
        Ok(report.with(table.unsaid))
    }

    #[cfg(feature = "csv")]
    fn table<W: Write>(&self, output: W) -> Result<TableWriter<BufWriter<W>>> {
        let output = BufWriter::with_capacity(BUFFER, output);
        TableWriter::new(output, self.byte_order_mark).map_err(output_failed)
    }
}

const RETRACTED: &str = "notes that were retracted, left out";
#[cfg(feature = "csv")]
const ABOUT_OTHERS: &str = "other contacts whom the notes are about and who are not exported, left out";
const LINKED_TO_OTHERS: &str = "links to contacts who are not exported, left out";
const SAID_BY_OTHERS: &str = "names of contacts who said something and are not exported, left out";
#[cfg(feature = "vcard")]
const ALSO_ABOUT_OTHERS: &str = "notes that are also about contacts who are not exported";
const ATTACHMENTS: &str = "attachments, which this format does not carry";
const PROMISES: &str = "promises, which this format does not carry";

fn output_failed(error: io::Error) -> Error {
    Error::Io { path: "output of the export".into(), why: error.to_string() }
}

impl ExportReport {
    fn with(mut self, unsaid: Unsaid) -> Self {
        self.findings =
            unsaid.0.into_iter().map(|(what, count)| ExportFinding { what: what.to_owned(), count }).collect();
        self
    }
}

/// Which contacts are exported: their keys, in order, with their ids beside; all without.
struct Scope {
    keys: Option<Vec<i64>>,
    ids: HashSet<ContactId>,
}

impl Scope {
    fn of(view: &View<'_>, contacts: Option<&[ContactId]>) -> Result<Self> {
        let Some(contacts) = contacts else { return Ok(Self { keys: None, ids: HashSet::new() }) };
        let mut keys = contacts.iter().map(|id| view.contact_key(*id)).collect::<Result<Vec<_>>>()?;
        keys.sort_unstable();
        keys.dedup();
        Ok(Self { keys: Some(keys), ids: contacts.iter().copied().collect() })
    }

    #[cfg(feature = "csv")]
    fn holds(&self, key: i64) -> bool {
        self.keys.as_ref().is_none_or(|keys| keys.binary_search(&key).is_ok())
    }

    fn has(&self, contact: ContactId) -> bool {
        self.keys.is_none() || self.ids.contains(&contact)
    }

    /// Hands out the ranges of keys in which the contacts lie.
    fn each_page(&self, view: &View<'_>, mut each: impl FnMut((i64, i64)) -> Result<()>) -> Result<()> {
        if let Some(keys) = &self.keys {
            return keys.iter().try_for_each(|key| each((*key, *key)));
        }
        let mut after = i64::MIN;
        while let Some(range) = view.contact_keys_after(after, PAGE)? {
            each(range)?;
            after = range.1;
        }
        Ok(())
    }

    /// Hands out the ranges of keys in which the notes lie.
    fn each_page_of_notes(&self, view: &View<'_>, mut each: impl FnMut((i64, i64)) -> Result<()>) -> Result<()> {
        if let Some(keys) = &self.keys {
            let mut notes = Vec::new();
            for key in keys {
                notes.extend(view.note_keys_about(*key)?);
            }
            notes.sort_unstable();
            notes.dedup();
            return notes.into_iter().try_for_each(|note| each((note, note)));
        }
        let mut after = i64::MIN;
        while let Some(range) = view.note_keys_after(after, PAGE)? {
            each(range)?;
            after = range.1;
        }
        Ok(())
    }

    /// The links that a contact has itself and that lead to a contact of the export.
    fn links<'c>(&self, contact: &'c Contact, unsaid: &mut Unsaid) -> Vec<&'c Link> {
        let (inside, outside): (Vec<&Link>, Vec<&Link>) =
            contact.links.iter().partition(|link| self.has(link.other.id));
        unsaid.add_many(LINKED_TO_OTHERS, outside.len() as u64);
        inside.into_iter().filter(|link| !link.reversed).collect()
    }

    /// Whether it may be said who said a note: not where that is a contact who is not exported.
    fn names_speaker(&self, note: &Note, first: bool, unsaid: &mut Unsaid) -> bool {
        let other = note.said_by.as_ref().and_then(|speaker| speaker.contact).is_some_and(|id| !self.has(id));
        if other && first {
            unsaid.add(SAID_BY_OTHERS);
        }
        !other
    }

    /// Which notes of the export are about several of its contacts.
    #[cfg(feature = "vcard")]
    fn shared_notes(&self, view: &View<'_>) -> Result<Shared> {
        let Some(keys) = &self.keys else {
            let notes = view.shared_notes()?;
            return Ok(Shared {
                notes: notes.into_iter().map(|(note, about)| (note, about, false)).collect(),
                others: 0,
            });
        };
        let mut counts: BTreeMap<i64, u32> = BTreeMap::new();
        for key in keys {
            for note in view.note_keys_about(*key)? {
                *counts.entry(note).or_default() += 1;
            }
        }
        let mut others = 0;
        for (note, about) in &counts {
            others += u64::from(view.count_contacts_of_note(*note, about + 1)? > *about);
        }
        counts.retain(|_, about| *about > 1);
        Ok(Shared { notes: counts.into_iter().map(|(note, about)| (note, about, false)).collect(), others })
    }

    /// Counts what hangs on the contacts and is left out.
    fn left_with_contacts(&self, view: &View<'_>, unsaid: &mut Unsaid) -> Result<()> {
        let count = |(first, last): (i64, i64), unsaid: &mut Unsaid| {
            unsaid.add_many(ATTACHMENTS, view.count_attachments_of_contacts(first, last)?);
            unsaid.add_many(PROMISES, view.count_follow_ups_of_contacts(first, last)?);
            Ok(())
        };
        match &self.keys {
            None => count((i64::MIN, i64::MAX), unsaid),
            Some(keys) => keys.iter().try_for_each(|key| count((*key, *key), unsaid)),
        }
    }

    /// Counts what hangs on the notes and is left out.
    fn left_with_notes(&self, view: &View<'_>, unsaid: &mut Unsaid) -> Result<()> {
        self.each_page_of_notes(view, |range| {
            unsaid.add_many(ATTACHMENTS, view.count_attachments_of_notes(range)?);
            Ok(())
        })
    }
}

/// The notes that are about several contacts of the export: how many, and whether it was met. In order of their keys.
#[cfg(feature = "vcard")]
struct Shared {
    notes: Vec<(i64, u32, bool)>,
    /// How many notes are also about contacts that are not exported.
    others: u64,
}

#[cfg(feature = "vcard")]
impl Shared {
    /// About how many contacts a note is, and whether it is met for the first time.
    fn meet(&mut self, note: i64) -> (u32, bool) {
        let found = self.notes.binary_search_by_key(&note, |(note, ..)| *note).ok();
        match found.and_then(|at| self.notes.get_mut(at)) {
            Some((_, about, met)) => (*about, !std::mem::replace(met, true)),
            None => (1, true),
        }
    }
}

/// The cards as they are written.
#[cfg(feature = "vcard")]
struct Cards<'s, W> {
    writer: CardWriter<W>,
    scope: &'s Scope,
    shared: Shared,
    report: ExportReport,
    /// Whether a card was begun that has not ended.
    is_card_open: bool,
}

#[cfg(feature = "vcard")]
impl<W: Write> Cards<'_, W> {
    /// Writes the cards of some contacts, each with its notes.
    fn page(&mut self, view: &View<'_>, range: (i64, i64)) -> Result<()> {
        let mut page = Page::read(view, range)?;
        view.each_note_about(range, |contact, key, note| {
            self.turn_to(&mut page, contact)?;
            self.note(key, &note)
        })?;
        self.turn_to(&mut page, i64::MAX)?;
        self.end_card()
    }

    /// Begins the card of the contact with a key, and writes those before it.
    fn turn_to(&mut self, page: &mut Page, until: i64) -> Result<()> {
        while let Some((key, contact)) = page.contacts.pop_front_if(|(key, _)| *key <= until) {
            self.end_card()?;
            let links = self.scope.links(&contact, &mut self.writer.unsaid);
            let owners = page.assignments.remove(&key).unwrap_or_default();
            self.writer.begin(&contact, &links, &owners).map_err(output_failed)?;
            self.is_card_open = true;
            self.report.contacts += 1;
            self.report.assignments += owners.len() as u64;
        }
        Ok(())
    }

    fn end_card(&mut self) -> Result<()> {
        match std::mem::take(&mut self.is_card_open) {
            true => self.writer.end_card().map_err(output_failed),
            false => Ok(()),
        }
    }

    fn note(&mut self, key: i64, note: &Note) -> Result<()> {
        let (about, first) = self.shared.meet(key);
        if note.retracted_at.is_some() {
            self.writer.unsaid.add_many(RETRACTED, first.into());
            return Ok(());
        }
        self.report.notes += u64::from(first);
        let named = self.scope.names_speaker(note, first, &mut self.writer.unsaid);
        self.writer.note(note, about, named).map_err(output_failed)
    }
}

/// Some contacts, in order, with who looks after them, by their keys.
struct Page {
    contacts: VecDeque<(i64, Contact)>,
    assignments: BTreeMap<i64, Vec<Assignment>>,
}

impl Page {
    fn read(view: &View<'_>, range: (i64, i64)) -> Result<Self> {
        let mut contacts = VecDeque::from(view.contacts_between(range)?);
        for (_, contact) in &mut contacts {
            // What this memory calls the contact itself is the id that is written anyway.
            let own = contact.id.to_string();
            contact.external_ids.retain(|known| known.system != "heirloom" || known.id != own);
        }
        let mut assignments: BTreeMap<i64, Vec<Assignment>> = BTreeMap::new();
        view.each_assignment_between(range, |contact, assignment| {
            assignments.entry(contact).or_default().push(assignment);
            Ok(())
        })?;
        Ok(Self { contacts, assignments })
    }
}

/// The names of members and of their agencies.
#[cfg(feature = "csv")]
struct Names {
    members: BTreeMap<crate::id::MemberId, (String, Option<String>)>,
}

#[cfg(feature = "csv")]
impl Names {
    fn read(view: &View<'_>) -> Result<Self> {
        let agencies: BTreeMap<_, _> = view.agencies()?.into_iter().map(|agency| (agency.id, agency.name)).collect();
        let members = view.members()?.into_iter().map(|member| {
            let agency = member.agency.and_then(|id| agencies.get(&id).cloned());
            (member.id, (member.name, agency))
        });
        Ok(Self { members: members.collect() })
    }

    fn of<'n>(&'n self, contact: &'n Contact, assignment: &Assignment) -> AssignmentNames<'n> {
        AssignmentNames {
            contact_id: contact.id,
            contact: &contact.name,
            agency: self.members.get(&assignment.member).and_then(|(_, agency)| agency.as_deref()),
            opened_by: self.actor(&assignment.opened_by),
            closed_by: assignment.closed_by.as_ref().map(|actor| self.actor(actor)),
        }
    }

    /// The name under which somebody acts.
    fn actor(&self, actor: &crate::actor::Actor) -> String {
        match actor.member().and_then(|id| self.members.get(&id)) {
            Some((name, _)) => actor.author_name(name),
            None => actor.name().to_owned(),
        }
    }
}
