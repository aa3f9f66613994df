//! Subject access: everything that a memory holds about one person, as one file to read and as data, with all others masked.
//!
//! The file is written in two passes over one snapshot: the first counts and gives everybody who is masked a number, the
//! second writes, a few notes at a time. All forms of the file tell the same, since they render the same items.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::io::{self, BufWriter, Write};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::attachment::Attachment;
use crate::change::Change;
use crate::check;
use crate::contact::{Contact, DoNotContact, ExternalId, Fact};
use crate::error::{Error, Result};
use crate::follow_up::FollowUp;
use crate::handle::Handle;
use crate::id::{AgencyId, ContactId, MemberId, MemoryId, NoteId};
use crate::journal;
use crate::memory::{Memory, View};
use crate::note::{Direction, Note, Visibility};
use crate::time;
use crate::wording::{Count, word_for};

#[cfg(feature = "vcard")]
mod card;
mod json;
mod mask;
mod mentions;
mod page;
mod reads;
mod source;
mod tell;
mod told;

use self::mask::{ABOUT, LINKED, Masks, Options};
use self::reads::{Bundle, Journal};
use self::told::{Item, Part};

/// So many bytes are gathered before they are handed to the output.
const BUFFER: usize = 1 << 16;

/// Everything that a memory holds about one person, on its way into a file; see [`Memory::access`].
#[derive(Clone, Debug)]
#[must_use = "nothing is read before a form is named"]
pub struct SubjectAccess {
    memory: Memory,
    contact: ContactId,
    options: Options,
    provided_only: bool,
}

/// What a file of [`Memory::access`] holds, and what was masked or left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[must_use = "what was masked and left out stands in the report"]
pub struct AccessReport {
    /// Notes about the person, or that they said; also those that were corrected or retracted.
    pub notes: u64,
    /// Of these, notes that are private to a member, or sealed.
    pub private_notes: u64,
    /// Promises to the person, open or not.
    pub promises: u64,
    /// Intervals in which a member looks after the person, or did.
    pub assignments: u64,
    /// Links to others.
    pub links: u64,
    /// Attachments of the person and of the notes.
    pub attachments: u64,
    /// Changes to the facts about the person.
    pub changes: u64,
    /// Agencies, and members in handoffs, who received data about the person.
    pub recipients: u64,
    /// Sources of imports.
    pub sources: u64,
    /// How many other people are masked.
    pub people_masked: u64,
    /// How many members are masked.
    pub members_masked: u64,
    /// What was masked, and how often.
    pub masked: Vec<AccessFinding>,
    /// What was left out and why, and how often.
    pub left_out: Vec<AccessFinding>,
}

/// Something that was masked or left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AccessFinding {
    /// What, and why.
    pub what: String,
    /// How often.
    pub count: u64,
}

impl fmt::Display for AccessFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.count)
    }
}

impl AccessReport {
    /// What the file holds, in words.
    fn holdings(&self) -> String {
        let counts = [
            (self.notes, "note"),
            (self.promises, "promise"),
            (self.assignments, "assignment"),
            (self.links, "link"),
            (self.attachments, "attachment"),
            (self.changes, "change"),
            (self.recipients, "recipient"),
            (self.sources, "source"),
        ];
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, noun)| Count(count, noun).to_string())
            .collect();
        if counts.is_empty() { "no more than who they are".to_owned() } else { counts.join(", ") }
    }

    /// How many are masked, in words.
    fn maskings(&self) -> String {
        let people = word_for(self.people_masked, "person", "people");
        format!("{} other {people} and {}", self.people_masked, Count(self.members_masked, "member"))
    }
}

impl fmt::Display for AccessReport {
    /// What the file holds, on one line, and what was masked or left out on a line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.holdings())?;
        write!(f, "\n{} masked", self.maskings())?;
        self.masked.iter().try_for_each(|finding| write!(f, "\n  {finding}"))?;
        if !self.left_out.is_empty() {
            f.write_str("\nleft out")?;
        }
        self.left_out.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}

impl Memory {
    /// Begins the answer to a person who asks what is held about them (GDPR, Art. 15): facts with their history, all
    /// notes, also those that were corrected, retracted, private and sealed, promises, who looked after them, who received
    /// their data, and what imports read; see [`crate::guide::access`].
    ///
    /// All others are masked, by a number that is theirs within the file: `[person 2]`, `[member 1]`. What a mask cannot
    /// find, such as a nickname in a note, is handed in with [`SubjectAccess::also_mask`].
    ///
    /// It is read by this handle, and a whole answer needs one from [`Memory::all_seeing`]: from a fresh handle it holds
    /// what the organisation may read, and says how much it left out. Each form is one snapshot; few notes are held at a
    /// time.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact, NewMember};
    ///
    /// let memory = Memory::in_memory()?;
    /// let mia = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Mia Okafor")))?;
    /// let sally = memory.write(&mia, |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     let ben = w.add_contact(NewContact::person("Ben Stein"))?;
    ///     w.note(sally, "Came with Ben Stein, whom Mia calls Benny").about(ben).save()?;
    ///     w.note(sally, "Is looking for another flat").private().save()?;
    ///     Ok(sally)
    /// })?;
    ///
    /// let access = memory.all_seeing().access(sally).also_mask(["Benny"]);
    /// println!("{}", access.report()?); // read first what would be masked
    /// let mut data = Vec::new(); // a file in earnest
    /// let report = access.json(&mut data)?;
    /// let _report = access.html(&mut tempfile::tempfile()?)?; // the same, to be read and printed
    ///
    /// assert_eq!((report.notes, report.people_masked, report.members_masked), (2, 1, 1));
    /// let data = String::from_utf8(data)?;
    /// assert!(data.contains("Came with [person 1], whom [member 1] calls [masked]"));
    /// assert!(data.contains("Is looking for another flat"));
    /// assert!(!data.contains("Stein") && !data.contains("Mia"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn access(&self, contact: impl Into<ContactId>) -> SubjectAccess {
        SubjectAccess {
            memory: self.clone(),
            contact: contact.into(),
            options: Options::default(),
            provided_only: false,
        }
    }
}

impl SubjectAccess {
    /// Names members, rather than mask them: who acts for the organisation is not a recipient whom a person has a right to
    /// know, but may be told where they agree. What stands for nobody else changes.
    pub const fn naming_members(mut self) -> Self {
        self.options.naming_members = true;
        self
    }

    /// Masks organisations as well. They are named unless said, since where somebody works is told about them, and no
    /// person is protected by it; a firm that bears its owner's name may be another matter.
    pub const fn masking_organisations(mut self) -> Self {
        self.options.masking_organisations = true;
        self
    }

    /// Masks further words or phrases wherever they stand in a text, whatever their case: nicknames, and names of people
    /// who are no contacts.
    pub fn also_mask(mut self, words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.options.also.extend(words.into_iter().map(Into::into));
        self
    }

    /// Holds only what the person provided (GDPR, Art. 20): their name, fields, addresses, days and wishes, and the notes of
    /// what they said. Left out is what the organisation made of it: tags, links, who looked after them, promises, history.
    ///
    /// A note is taken as said by them where its speaker is this contact or bears their name, and where it came in from them
    /// alone with nobody else named as its speaker.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact};
    ///
    /// let memory = Memory::in_memory()?;
    /// let sally = memory.write(Actor::system("till"), |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh").tag("hard to please"))?;
    ///     w.note(sally, "The tart was lovely").said_by(sally).save()?;
    ///     w.note(sally, "Sends every second dish back").insight().save()?;
    ///     Ok(sally)
    /// })?;
    /// let mut data = Vec::new();
    /// let report = memory.all_seeing().access(sally).provided_only().json(&mut data)?;
    /// assert_eq!(report.notes, 1);
    /// assert!(!String::from_utf8(data)?.contains("hard to please"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn provided_only(mut self) -> Self {
        self.provided_only = true;
        self
    }

    /// Reads what the file would hold, and what would be masked and left out, and writes nothing.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a contact that is not in this memory, [`Error::Erased`] for one that was erased; [`Error::Invalid`] for a word to be masked that has no
    /// letter or digit.
    pub fn report(&self) -> Result<AccessReport> {
        self.memory.read(|view| Walk::of(view, self)?.count().map(|(report, _)| report))
    }

    /// Writes the file as HTML: one page that loads nothing and runs nothing, for screens large and small, and for paper.
    ///
    /// # Errors
    /// As [`SubjectAccess::report`]; [`Error::Io`] when `out` fails, which holds a part of the file then.
    pub fn html(&self, out: impl Write) -> Result<AccessReport> {
        self.render(&mut page::html(BufWriter::with_capacity(BUFFER, out)))
    }

    /// Writes the file as Markdown (CommonMark).
    ///
    /// # Errors
    /// As [`SubjectAccess::html`].
    pub fn markdown(&self, out: impl Write) -> Result<AccessReport> {
        self.render(&mut page::markdown(BufWriter::with_capacity(BUFFER, out)))
    }

    /// Writes the data as JSON, of the shape that [`crate::guide::access`] states.
    ///
    /// # Errors
    /// As [`SubjectAccess::html`].
    pub fn json(&self, out: impl Write) -> Result<AccessReport> {
        self.render(&mut json::Json::new(BufWriter::with_capacity(BUFFER, out)))
    }

    /// Writes what the person provided as a vCard 4.0, for their own address book, whatever else was asked for; see
    /// [`SubjectAccess::provided_only`].
    ///
    /// # Errors
    /// As [`SubjectAccess::html`].
    #[cfg(feature = "vcard")]
    pub fn vcard(&self, out: impl Write) -> Result<AccessReport> {
        let access = self.clone().provided_only();
        let mut card = card::Card::new(BufWriter::with_capacity(BUFFER, out));
        let mut report = access.render(&mut card)?;
        report.left_out.extend(card.unsaid());
        Ok(report)
    }

    /// Hands out the attachments that the file lists, each with its bytes, one at a time; one that stands
    /// in several places is handed out once, one whose bytes are not here is not, which the report counts. Nothing is masked in them, and their names are as they are: look at each before
    /// it is given away.
    ///
    /// ```
    /// # use heirloom::{Actor, Memory, NewAttachment, NewContact};
    /// # let memory = Memory::in_memory()?;
    /// # let sally = memory.write(Actor::system("till"), |w| {
    /// #     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    /// #     w.attach(sally, NewAttachment::new("sally.txt", "text/plain", "hello"))?;
    /// #     Ok(sally)
    /// # })?;
    /// let folder = tempfile::tempdir()?;
    /// memory.all_seeing().access(sally).each_attachment(|attachment, bytes| {
    ///     // By its hash: a name from elsewhere is no name for a file here.
    ///     let path = folder.path().join(attachment.sha256.to_string());
    ///     std::fs::write(&path, bytes).map_err(|e| heirloom::Error::Io { path, why: e.to_string() })
    /// })?;
    /// # assert_eq!(std::fs::read_dir(folder.path())?.count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`SubjectAccess::report`], and what the closure returns.
    pub fn each_attachment(&self, mut each: impl FnMut(&Attachment, Vec<u8>) -> Result<()>) -> Result<()> {
        self.memory.read(|view| {
            let mut walk = Walk::of(view, self)?;
            let mut known = HashSet::new();
            for subject in std::iter::once(walk.key).chain(std::mem::take(&mut walk.notes)) {
                let left_out = self.provided_only && subject != walk.key && !walk.provides(subject)?;
                for attachment in view.attachments_of(subject)? {
                    let is_next = known.insert((attachment.sha256, attachment.name.clone()));
                    if is_next && !left_out && view.has_bytes(&attachment)? {
                        each(&attachment, view.attachment_bytes(&attachment)?)?;
                    }
                }
            }
            Ok(())
        })
    }

    /// Finds the notes about others that name the person, which are not in the file: they are first of all the data of those
    /// others. The report counts them; read each, and add by hand what is owed to the person.
    ///
    /// They are found by each whole name that the person had or has, of two words or more, and by their addresses as they are
    /// kept, in what stands today. An address in another spelling is not found, and promises to others and facts of others are
    /// counted in the report alone: [`Memory::mentions`] finds any text in all of it.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact};
    ///
    /// let memory = Memory::in_memory()?;
    /// let sally = memory.write(Actor::system("till"), |w| {
    ///     let ben = w.add_contact(NewContact::person("Ben Stein"))?;
    ///     w.note(ben, "Was brought along by Sally Marsh").save()?;
    ///     w.add_contact(NewContact::person("Sally Marsh"))
    /// })?;
    /// let mentions = memory.all_seeing().access(sally).mentions()?;
    /// assert_eq!(memory.all_seeing().note(mentions[0])?.text, "Was brought along by Sally Marsh");
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`SubjectAccess::report`].
    pub fn mentions(&self) -> Result<Vec<NoteId>> {
        self.memory.read(|view| Walk::of(view, self)?.mentions())
    }

    fn render(&self, form: &mut dyn Form) -> Result<AccessReport> {
        self.memory.read(|view| {
            let mut walk = Walk::of(view, self)?;
            let (report, person) = walk.count()?;
            let cover = walk.cover(&report, &person)?;
            form.begin(&cover).map_err(|e| not_written(&e))?;
            walk.run(form)?;
            form.end().map_err(|e| not_written(&e))?;
            Ok(report)
        })
    }
}

fn not_written(error: &io::Error) -> Error {
    Error::Io { path: "the file of a subject access".into(), why: format!("it could not be written: {error}") }
}

/// What stands before the items.
struct Cover<'c> {
    title: String,
    /// As of when, as whom it was read, and how masks are to be understood.
    about: Vec<String>,
    at: DateTime<Utc>,
    report: &'c AccessReport,
    person: &'c told::Person,
    /// What each masked member is to the organisation.
    members: Vec<(String, String)>,
    provided_only: bool,
}

/// A form in which the file is written.
trait Form {
    /// Writes what stands before the items.
    fn begin(&mut self, cover: &Cover<'_>) -> io::Result<()>;
    /// Begins a part.
    fn part(&mut self, part: Part) -> io::Result<()>;
    /// Writes an item of the part at hand.
    fn item(&mut self, item: &Item) -> io::Result<()>;
    /// Writes what stands after all, and what is held back.
    fn end(&mut self) -> io::Result<()>;
}

/// Writes nothing: the first pass counts.
struct Nowhere;

impl Form for Nowhere {
    fn begin(&mut self, _: &Cover<'_>) -> io::Result<()> {
        Ok(())
    }

    fn part(&mut self, _: Part) -> io::Result<()> {
        Ok(())
    }

    fn item(&mut self, _: &Item) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One person, on one snapshot.
struct Walk<'v> {
    view: &'v View<'v>,
    memory: MemoryId,
    provided_only: bool,
    key: i64,
    contact: Contact,
    masks: Masks<'v>,
    /// The keys of their notes, oldest first.
    notes: Vec<i64>,
    /// The numbers of the entries about them, oldest first: their own, and links that were made to them.
    entries: Vec<i64>,
    related_members: Vec<MemberId>,
    /// The bundles of which it is known that another memory took them in.
    bundles: Vec<Bundle>,
    /// The names that the person had and has.
    own_names: Vec<String>,
    /// How many sources are in a code page in which others could not be found.
    unreadable_sources: u64,
    /// How many attachments have no bytes here.
    without_bytes: u64,
    report: AccessReport,
}

impl<'v> Walk<'v> {
    fn of(view: &'v View<'v>, ask: &SubjectAccess) -> Result<Self> {
        ask.options.also.iter().try_for_each(|word| must_be_findable(word))?;
        let (key, contact) = view.contact_with_key(ask.contact)?;
        let Journal { former, links, mut bundles } = view.read_journal(contact.id)?;
        // A bundle that was packed before the person was known here does not hold them.
        bundles.retain(|bundle| bundle.head >= key);
        let mut own_names = vec![contact.name.clone()];
        own_names.extend(former.contacts.iter().filter(|(id, _)| *id == contact.id).map(|(_, name)| name.clone()));
        let notes = view.note_keys_of_person(key)?;
        let mut related = view.related_to(key, &notes)?;
        related.contacts.extend(links.iter().map(|link| link.other));
        related.contacts.extend(links.iter().map(|link| link.from));
        related.contacts.remove(&contact.id);
        let mut entries = view.numbers_of(key)?;
        entries.extend(links.iter().filter(|link| link.other == contact.id).map(|link| (link.stamp, link.seq)));
        entries.sort_unstable();
        let mut related_members: Vec<MemberId> = related.members.iter().copied().collect();
        related_members.sort_unstable();
        let masks = Masks::new(view, ask.options.clone(), &contact, &own_names, &related, &former)?;
        Ok(Self {
            view,
            memory: ask.memory.id(),
            bundles,
            provided_only: ask.provided_only,
            key,
            contact,
            masks,
            notes,
            entries: entries.into_iter().map(|(_, seq)| seq).collect(),
            related_members,
            own_names,
            unreadable_sources: 0,
            without_bytes: 0,
            report: AccessReport::default(),
        })
    }

    /// Goes through everything once, which numbers all who are masked.
    fn count(&mut self) -> Result<(AccessReport, told::Person)> {
        let person = self.person()?;
        self.run(&mut Nowhere)?;
        let mut report = std::mem::take(&mut self.report);
        report.people_masked = self.masks.count_people();
        report.members_masked = self.masks.members().len() as u64;
        report.masked = findings(std::mem::take(&mut self.masks.counts));
        for (what, count) in self.view.unreadable_notes(self.key)? {
            report.left_out.push(AccessFinding { what: what.to_owned(), count });
        }
        let (mentions, [promises, facts]) = match self.provided_only {
            true => (0, [0, 0]),
            false => (
                self.mentions()?.len() as u64,
                mentions::elsewhere(self.view, self.key, &self.contact, &self.own_names)?,
            ),
        };
        for (count, what) in [
            (mentions, "notes about others that name the person, which are not in this file"),
            (promises, "promises to others that name the person, which are not in this file"),
            (facts, "facts of others that name the person, which are not in this file"),
            (self.unreadable_sources, "sources of imports in a code page in which others could not be found"),
            (self.without_bytes, "bytes of attachments, which were erased, or never came with a bundle"),
        ] {
            report.left_out.extend((count > 0).then(|| AccessFinding { what: what.to_owned(), count }));
        }
        Ok((report, person))
    }

    /// The notes about others that name the person.
    fn mentions(&self) -> Result<Vec<NoteId>> {
        let mut known = self.notes.clone();
        known.sort_unstable();
        mentions::of(self.view, &self.contact, &self.own_names, &known)
    }

    fn cover<'c>(&self, report: &'c AccessReport, person: &'c told::Person) -> Result<Cover<'c>> {
        let at = time::from_micros(self.view.now_micros())?;
        let title = match self.provided_only {
            true => format!("What {} provided", self.contact.name),
            false => format!("What is held about {}", self.contact.name),
        };
        let mut members = Vec::new();
        for (place, id) in (1..).zip(self.masks.members()) {
            let role = match self.view.member(*id)?.agency {
                Some(agency) => format!("of {}", self.view.agency(agency)?.name),
                None => "employee".to_owned(),
            };
            members.push((format!("[member {place}]"), role));
        }
        let about = vec![
            format!("As of {} UTC.", at.format("%-d %B %Y, %H:%M")),
            "Other people are masked, each by one number within this file.".to_owned(),
        ];
        Ok(Cover { title, about, at, report, person, members, provided_only: self.provided_only })
    }

    fn run(&mut self, form: &mut dyn Form) -> Result<()> {
        for part in Part::ALL {
            if self.provided_only && part != Part::Notes {
                continue;
            }
            form.part(part).map_err(|e| not_written(&e))?;
            let mut each = |item: Item| form.item(&item).map_err(|e| not_written(&e));
            match part {
                Part::LookedAfterBy => self.assignments(&mut each)?,
                Part::Promises => self.promises(&mut each)?,
                Part::ReceivedBy => self.recipients(&mut each)?,
                Part::Notes => self.all_notes(&mut each)?,
                Part::Changes => self.changes(&mut each)?,
            }
        }
        Ok(())
    }

    fn person(&mut self) -> Result<told::Person> {
        let contact = self.contact.clone();
        let mut person = told::Person {
            id: contact.id,
            kind: contact.kind.word(),
            audience: None,
            known_since: contact.added_at,
            last_spoken_to: None,
            handles: Vec::new(),
            fields: BTreeMap::new(),
            tags: Vec::new(),
            dates: BTreeMap::new(),
            do_not_contact: Vec::new(),
            links: Vec::new(),
            external_ids: Vec::new(),
            attachments: self.attachments(self.key)?,
            name: contact.name.clone(),
        };
        for handle in &contact.handles {
            let label = self.masks.opt(handle.label.as_ref())?;
            person.handles.push(Handle { label, ..handle.clone() });
        }
        for (name, value) in &contact.fields {
            let own = tell::is_own(&Fact::Field(name.clone()));
            let value = if own { value.clone() } else { self.masks.text(value, &[])? };
            put(&mut person.fields, self.masks.text(name, &[])?, value);
        }
        for (label, day) in &contact.dates {
            put(&mut person.dates, self.masks.text(label, &[])?, day.to_string());
        }
        for wish in &contact.do_not_contact {
            let why = self.masks.text(&wish.why, &[])?;
            person.do_not_contact.push(DoNotContact { channel: wish.channel, why });
        }
        if !self.provided_only {
            self.judgements(contact, &mut person)?;
        }
        Ok(person)
    }

    /// Adds what the organisation made of the person.
    fn judgements(&mut self, contact: Contact, person: &mut told::Person) -> Result<()> {
        person.audience = Some(self.masks.text(&contact.audience, &[])?);
        person.last_spoken_to = contact.spoken_at;
        for id in &contact.external_ids {
            person.external_ids.push(self.external_id(id)?);
        }
        for tag in &contact.tags {
            person.tags.push(self.masks.text(tag, &[])?);
        }
        for link in &contact.links {
            let relation = self.masks.text(&link.relation, &[])?;
            let other = self.masks.contact(&link.other, LINKED);
            person.links.push(told::Link { relation, other, reversed: link.reversed });
        }
        self.report.links = person.links.len() as u64;
        Ok(())
    }

    /// What another system calls something; ids are often made of addresses and names.
    fn external_id(&mut self, id: &ExternalId) -> Result<ExternalId> {
        Ok(ExternalId { system: self.masks.text(&id.system, &[])?, id: self.masks.text(&id.id, &[])? })
    }

    fn attachments(&mut self, subject: i64) -> Result<Vec<Attachment>> {
        let mut told = Vec::new();
        for attachment in self.view.attachments_of(subject)? {
            let name = self.masks.text(&attachment.name, &[])?;
            let media_type = self.masks.text(&attachment.media_type, &[])?;
            self.without_bytes += u64::from(!self.view.has_bytes(&attachment)?);
            told.push(Attachment { name, media_type, ..attachment });
        }
        self.report.attachments += told.len() as u64;
        Ok(told)
    }

    fn assignments(&mut self, each: &mut dyn FnMut(Item) -> Result<()>) -> Result<()> {
        for assignment in self.view.assignments(self.key)? {
            self.report.assignments += 1;
            let closed_by = assignment.closed_by.as_ref().map(|actor| self.masks.actor(actor)).transpose()?;
            each(Item::Assignment(told::Assignment {
                member: self.masks.member(assignment.member)?,
                role: assignment.role,
                since: assignment.since,
                until: assignment.until,
                opened_by: self.masks.actor(&assignment.opened_by)?,
                opened_why: self.masks.opt(assignment.opened_why.as_ref())?,
                closed_by,
                closed_why: self.masks.opt(assignment.closed_why.as_ref())?,
            }))?;
        }
        Ok(())
    }

    fn promises(&mut self, each: &mut dyn FnMut(Item) -> Result<()>) -> Result<()> {
        for promise in self.view.follow_ups(self.contact.id)? {
            self.report.promises += 1;
            let promise = self.promise(&promise)?;
            each(Item::Promise(promise))?;
        }
        Ok(())
    }

    fn promise(&mut self, promise: &FollowUp) -> Result<told::Promise> {
        let key = journal::seq_of(self.view.sql(), promise.id.uuid())?;
        let key = key.ok_or_else(|| Error::unknown("follow-up", promise.id))?;
        let mut changes = Vec::new();
        for (_, seq) in self.view.numbers_of(key)?.into_iter().skip(1) {
            changes.extend(self.change(seq, &[])?);
        }
        let ended_by = promise.ended_by.as_ref().map(|actor| self.masks.actor(actor)).transpose()?;
        Ok(told::Promise {
            id: promise.id,
            what: self.masks.text(&promise.what, &[])?,
            due: promise.due,
            state: promise.state,
            promised_by: self.masks.member(promise.first_owner.id)?,
            kept_by: self.masks.member(promise.owner.id)?,
            added_at: promise.added_at,
            added_by: self.masks.actor(&promise.added_by)?,
            ended_at: promise.ended_at,
            ended_by,
            ended_why: self.masks.opt(promise.ended_why.as_ref())?,
            note: promise.note,
            changes,
        })
    }

    /// The agencies whose people had to do with the person, and the members to whom the person was handed over,
    /// and the memories that took in a bundle.
    fn recipients(&mut self, each: &mut dyn FnMut(Item) -> Result<()>) -> Result<()> {
        let mut agencies: Vec<AgencyId> = Vec::new();
        for member in &self.related_members {
            agencies.extend(self.view.member(*member)?.agency.filter(|agency| !agencies.contains(agency)));
        }
        for id in agencies {
            self.report.recipients += 1;
            let agency = self.view.agency(id)?;
            each(Item::Recipient(told::Recipient {
                kind: "agency",
                recipient: agency.name,
                from: None,
                since: agency.since,
                until: agency.departed_at.or(agency.until),
                state: None,
                why: None,
            }))?;
        }
        for offer in self.view.offers_of(self.key)? {
            self.report.recipients += 1;
            each(Item::Recipient(told::Recipient {
                kind: "handoff",
                recipient: self.masks.member(offer.successor)?,
                from: Some(self.masks.member(offer.leaver)?),
                since: Some(offer.at),
                until: None,
                state: Some(offer.state),
                why: Some(self.masks.text(&offer.reason, &[])?),
            }))?;
        }
        for bundle in &self.bundles {
            self.report.recipients += 1;
            each(Item::Recipient(told::Recipient {
                kind: "bundle",
                recipient: format!("memory {}", bundle.receiver),
                from: None,
                since: Some(bundle.at),
                until: None,
                state: None,
                why: Some("it took in a bundle of this memory, which may hold the person".to_owned()),
            }))?;
        }
        Ok(())
    }

    fn all_notes(&mut self, each: &mut dyn FnMut(Item) -> Result<()>) -> Result<()> {
        let mut left_out = 0;
        for key in self.notes.clone() {
            if self.provided_only && !self.provides(key)? {
                left_out += 1;
                continue;
            }
            let note = self.note(key)?;
            self.report.notes += 1;
            self.report.private_notes += u64::from(note.visibility != Visibility::Organisation);
            each(Item::Note(Box::new(note)))?;
        }
        if left_out > 0 {
            let what = "notes that the person did not say, as far as this memory knows".to_owned();
            self.report.left_out.push(AccessFinding { what, count: left_out });
        }
        Ok(())
    }

    /// Whether a note tells what the person said, or sent in.
    fn provides(&self, key: i64) -> Result<bool> {
        let note = self.view.note_by_key(key)?;
        Ok(match &note.said_by {
            Some(speaker) if speaker.contact.is_some() => speaker.contact == Some(self.contact.id),
            Some(speaker) => speaker.member.is_none() && self.masks.is_own_name(&speaker.name),
            None => {
                let (others, more) = self.view.others_of_note(key, self.key)?;
                note.direction == Some(Direction::In) && others.is_empty() && more == 0
            }
        })
    }

    fn note(&mut self, key: i64) -> Result<told::Note> {
        let note = self.view.note_by_key(key)?;
        let (others, more) = self.view.others_of_note(key, self.key)?;
        let mut about: Vec<ContactId> = others.iter().map(|other| other.id).collect();
        about.extend(note.said_by.as_ref().and_then(|speaker| speaker.contact).filter(|id| *id != self.contact.id));
        let mut also_about: Vec<String> = others.iter().map(|other| self.masks.contact(other, ABOUT)).collect();
        also_about.extend((more > 0).then(|| format!("{more} more people")));
        let mut told = self.standing_note(note, &about)?;
        told.also_about = also_about;
        told.about_them = self.view.is_note_about(key, self.key)?;
        told.attachments = self.attachments(key)?;
        for (_, seq) in self.view.numbers_of(key)? {
            self.note_entry(seq, &about, &mut told)?;
        }
        Ok(told)
    }

    /// A note as it stands, without what its entries alone tell.
    fn standing_note(&mut self, note: Note, about: &[ContactId]) -> Result<told::Note> {
        let recorded_by = if self.provided_only { None } else { Some(self.masks.actor(&note.recorded_by)?) };
        let private_to = note.private_to.filter(|_| !self.provided_only);
        Ok(told::Note {
            id: note.id,
            kind: note.kind,
            text: self.masks.text(&note.text, about)?,
            happened_at: note.happened_at,
            recorded_at: note.recorded_at,
            said_by: note.said_by.as_ref().map(|speaker| self.masks.speaker(speaker)).transpose()?,
            recorded_by,
            via: note.via,
            channel: note.channel,
            direction: note.direction,
            permalink: self.masks.opt(note.permalink.as_ref())?,
            visibility: note.visibility,
            memory: None,
            private_to: private_to.map(|member| self.masks.member(member)).transpose()?,
            sensitivity: note.sensitivity,
            also_about: Vec::new(),
            about_them: true,
            corrected_at: note.corrected_at,
            retracted_at: note.retracted_at,
            attachments: Vec::new(),
            external_id: None,
            source: None,
            changes: Vec::new(),
        })
    }

    /// Adds what an entry tells of a note.
    fn note_entry(&mut self, seq: i64, about: &[ContactId], told: &mut told::Note) -> Result<()> {
        if self.provided_only {
            return Ok(());
        }
        let Some(entry) = self.view.entries(seq, seq)?.pop() else { return Ok(()) };
        let memory = self.elsewhere(entry.origin);
        match entry.change {
            Some(Change::NoteAdded(added)) => {
                told.external_id = added.external_id.map(|id| self.external_id(&id)).transpose()?;
                told.source = self.source(added.source.as_ref())?;
                told.memory = memory;
            }
            _ => told.changes.push(self.told(entry, about)?),
        }
        Ok(())
    }

    fn changes(&mut self, each: &mut dyn FnMut(Item) -> Result<()>) -> Result<()> {
        for seq in self.entries.clone() {
            if let Some(change) = self.change(seq, &[])? {
                self.report.changes += 1;
                each(Item::Change(change))?;
            }
        }
        Ok(())
    }

    fn change(&mut self, seq: i64, about: &[ContactId]) -> Result<Option<told::Change>> {
        self.view.entries(seq, seq)?.pop().map(|entry| self.told(entry, about)).transpose()
    }

    /// The memory in which something was written, where it is another one.
    fn elsewhere(&self, origin: MemoryId) -> Option<MemoryId> {
        Some(origin).filter(|origin| *origin != self.memory)
    }

    fn source(&mut self, source: Option<&journal::Source>) -> Result<Option<told::Source>> {
        let Some(source) = source else { return Ok(None) };
        let told = source::told(source, &mut self.masks)?;
        *(if told.is_some() { &mut self.report.sources } else { &mut self.unreadable_sources }) += 1;
        Ok(told)
    }
}

/// Puts a value under a name, or under the name with a number where two names have become the same mask.
fn put(values: &mut BTreeMap<String, String>, name: String, value: String) {
    let free = (2..).map(|number| format!("{name} ({number})")).find(|name| !values.contains_key(name));
    let name = if values.contains_key(&name) { free.unwrap_or(name) } else { name };
    values.insert(name, value);
}

fn findings(counts: BTreeMap<&'static str, u64>) -> Vec<AccessFinding> {
    counts.into_iter().map(|(what, count)| AccessFinding { what: what.to_owned(), count }).collect()
}

/// Refuses a word that would mask nothing.
fn must_be_findable(word: &str) -> Result<()> {
    check::text("word to be masked", word, check::NAME_MAX)?;
    match mask::count_words(word) {
        1.. => Ok(()),
        0 => Err(Error::invalid("word to be masked", format!("“{word}” has no letter or digit"))),
    }
}
