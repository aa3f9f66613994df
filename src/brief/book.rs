//! The briefs of many contacts as one document, what presses most first.
//!
//! The document is written in two passes over one snapshot: the first puts the contacts in order by facts that are cheap
//! to read and keeps a line for each, the second reads and writes one brief at a time.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fmt;
use std::io;

use chrono::{DateTime, NaiveDate, Utc};

use super::html::Html;
use super::markdown::Markdown;
use super::{Brief, ComingDay, OpenMatter, coming_days};
use crate::check;
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::knowledge;
use crate::memory::{ALL_SEEING, Memory, ORGANISATION, View};
use crate::ownership::{Assignment, Role};
use crate::search::fold;
use crate::store::{RowExt, SqlExt, Value};
use crate::time::{self, Precision, When};
use crate::wording::Count;

/// Days that return are pressing this many days ahead.
const DAYS_AHEAD: i64 = 14;
/// So many characters of a promise are shown among the reasons; all of it stands in the brief.
const PROMISE_SHOWN: usize = 100;

/// The briefs of many contacts as one document, as [`Memory::briefs`] hands them out.
///
/// It begins with the contents: each contact, and why they stand where they stand. First come complaints without an
/// answer, then promises that are overdue, the other promises by the day until which they were made, contacts whom
/// nobody looks after, birthdays and other days that come within two weeks, those who fell silent, longest silence
/// first, and last those who were never spoken to.
///
/// Whatever others wrote stands in it as text: it cannot become a heading, a link, an image or HTML.
#[derive(Clone, Debug)]
#[must_use = "nothing is read until it is written"]
pub struct Briefs {
    memory: Memory,
    contacts: Vec<ContactId>,
    title: Option<String>,
}

impl Memory {
    /// The briefs of these contacts as one document for their successor, what presses most first. A contact that is
    /// named twice is shown once.
    ///
    /// It is read by this handle: take one from [`Memory::seen_by`], so that it holds what the reader may read. All of it
    /// is read on one snapshot when it is written; one brief at a time is held.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact, NewMember, Role};
    ///
    /// let memory = Memory::in_memory()?;
    /// let eva = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Eva Stein")))?;
    /// memory.write(&eva, |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.follow_up(sally, "Send the summer menu").due("2030-05-03").save()?;
    ///     w.assign(sally, &eva, Role::Owner).map(drop)
    /// })?;
    ///
    /// let briefs = memory.seen_by(&eva)?.briefs(&memory.book(&eva)?)?;
    /// let mut file = tempfile::tempfile()?; // or std::fs::File::create("briefs.html")
    /// briefs.write_html(&mut file)?;
    /// assert!(briefs.to_markdown()?.contains("[Sally Marsh](#contact-1): promised until 3 May 2030: Send the summer menu"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unknown`] when one of them is not in this memory.
    pub fn briefs(&self, contacts: impl IntoIterator<Item = impl Into<ContactId>>) -> Result<Briefs> {
        let mut met = HashSet::new();
        let contacts: Vec<ContactId> = contacts.into_iter().map(Into::into).filter(|id| met.insert(*id)).collect();
        self.read(|view| contacts.iter().try_for_each(|id| view.contact_key(*id).map(drop)))?;
        Ok(Briefs { memory: self.clone(), contacts, title: None })
    }
}

impl Briefs {
    /// The title of the document; `Briefs for` and the name of the reader unless said.
    ///
    /// ```
    /// # let memory = heirloom::Memory::in_memory()?;
    /// # let contacts: Vec<heirloom::ContactId> = Vec::new();
    /// let briefs = memory.briefs(contacts)?.title("Handed over by The Agency on 2025-03-31");
    /// assert!(briefs.to_markdown()?.starts_with("# Handed over by The Agency on 2025-03-31\n"));
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Whose briefs these are, each once, in the order in which they were named.
    pub fn contacts(&self) -> &[ContactId] {
        &self.contacts
    }

    /// Writes the document as Markdown (CommonMark).
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty title, or one above its limit; [`Error::Io`] when `out` fails.
    pub fn write_markdown(&self, out: impl io::Write) -> Result<()> {
        self.write(&Markdown, out)
    }

    /// Writes the document as HTML: one page that loads nothing and runs nothing, for screens large and small, and for
    /// paper, where each contact has a page of their own.
    ///
    /// # Errors
    /// As [`Briefs::write_markdown`].
    pub fn write_html(&self, out: impl io::Write) -> Result<()> {
        self.write(&Html, out)
    }

    /// The document as Markdown. For very many contacts, [`Briefs::write_markdown`] holds one brief at a time.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty title, or one above its limit.
    pub fn to_markdown(&self) -> Result<String> {
        let mut text = String::new();
        self.render(&Markdown, |part| keep(&mut text, part)).map(|()| text)
    }

    /// The document as HTML. For very many contacts, [`Briefs::write_html`] holds one brief at a time.
    ///
    /// # Errors
    /// As [`Briefs::to_markdown`].
    pub fn to_html(&self) -> Result<String> {
        let mut text = String::new();
        self.render(&Html, |part| keep(&mut text, part)).map(|()| text)
    }

    fn write(&self, form: &impl Form, mut out: impl io::Write) -> Result<()> {
        self.render(form, |part| out.write_all(part.as_bytes()).map_err(|e| not_written(&e)))?;
        out.flush().map_err(|e| not_written(&e))
    }

    /// Hands over the document, part by part.
    fn render(&self, form: &impl Form, mut out: impl FnMut(&str) -> Result<()>) -> Result<()> {
        self.title.iter().try_for_each(|title| check::text("title of the briefs", title, check::NAME_MAX))?;
        self.memory.read(|view| {
            let cover = view.cover(&self.contacts, self.title.as_deref())?;
            out(&text(|part| form.cover(part, &cover))?)?;
            for (place, entry) in cover.entries.iter().enumerate() {
                let brief = view.brief(entry.id)?;
                out(&text(|part| form.brief(part, place + 1, entry, &brief))?)?;
            }
            out(&text(|part| form.end(part))?)
        })
    }
}

fn keep(text: &mut String, part: &str) -> Result<()> {
    text.push_str(part);
    Ok(())
}

fn text(write: impl FnOnce(&mut String) -> fmt::Result) -> Result<String> {
    let mut text = String::new();
    write(&mut text).map_err(|e| Error::fault("the briefs", e)).map(|()| text)
}

pub(crate) fn not_written(error: &io::Error) -> Error {
    Error::Io { path: "the briefs".into(), why: format!("they could not be written: {error}") }
}

/// A form in which the document is written.
pub(super) trait Form {
    /// Writes what stands before the briefs.
    fn cover(&self, out: &mut String, cover: &Cover) -> fmt::Result;
    /// Writes the brief that comes in this place, counted from 1.
    fn brief(&self, out: &mut String, place: usize, entry: &Entry, brief: &Brief) -> fmt::Result;
    /// Writes what stands after them.
    fn end(&self, out: &mut String) -> fmt::Result;
}

/// What stands before the briefs.
pub(super) struct Cover {
    pub(super) title: String,
    /// As of when, and as whom it was read.
    pub(super) about: [String; 2],
    /// How many contacts there are, and how many of them stand where they stand for which reason.
    pub(super) counts: String,
    pub(super) entries: Vec<Entry>,
}

/// A line of the contents.
#[cfg_attr(not(feature = "bundle"), expect(dead_code, reason = "the reader page sorts and filters by them"))]
pub(crate) struct Entry {
    pub(crate) id: ContactId,
    pub(crate) name: String,
    /// What they are sorted by where they stand by name.
    pub(crate) name_key: String,
    /// Who owns them at the instant of reading.
    pub(crate) owners: Vec<String>,
    pub(crate) tags: Vec<String>,
    /// Why they stand where they stand.
    pub(crate) why: String,
    /// Whether somebody waits, or has waited too long.
    pub(crate) urgent: bool,
}

impl View<'_> {
    fn cover(&self, contacts: &[ContactId], title: Option<&str>) -> Result<Cover> {
        let at = time::from_micros(self.now_micros())?;
        let places = self.places(contacts, at)?;
        let reader = self.reader_name()?;
        Ok(Cover {
            title: match (title, &reader) {
                (Some(title), _) => title.to_owned(),
                (None, Some(name)) => format!("Briefs for {name}"),
                (None, None) => "Briefs".to_owned(),
            },
            about: [format!("As of {} UTC.", at.format("%-d %B %Y, %H:%M")), self.seen_how(reader)],
            counts: counts(&places),
            entries: places.into_iter().map(|place| place.entry(at.date_naive())).collect(),
        })
    }

    /// The line of each contact, what presses most first.
    #[cfg(feature = "bundle")]
    pub(crate) fn contents(&self, contacts: &[ContactId]) -> Result<Vec<Entry>> {
        let at = time::from_micros(self.now_micros())?;
        Ok(self.places(contacts, at)?.into_iter().map(|place| place.entry(at.date_naive())).collect())
    }

    fn places(&self, contacts: &[ContactId], at: DateTime<Utc>) -> Result<Vec<Place>> {
        let mut places = contacts.iter().map(|id| self.place(*id, at)).collect::<Result<Vec<_>>>()?;
        places.sort_by(|a, b| a.order().cmp(&b.order()));
        Ok(places)
    }

    /// The name of the member who reads, where it is one.
    pub(crate) fn reader_name(&self) -> Result<Option<String>> {
        self.sql().first("SELECT name FROM member WHERE key = $1", &[Value::Int(self.viewer())], |row| row.string(0))
    }

    pub(crate) fn seen_how(&self, reader: Option<String>) -> String {
        match (self.viewer(), reader) {
            (ALL_SEEING, _) => {
                "Holds everything, private notes of every member included: not for showing to anybody.".to_owned()
            }
            (ORGANISATION, _) | (_, None) => "Holds what is the organisation's, no private notes.".to_owned(),
            (_, Some(name)) => format!("For the eyes of {name}: private notes that {name} may read are in it."),
        }
    }

    /// Finds why a contact stands where they stand.
    fn place(&self, id: ContactId, at: DateTime<Utc>) -> Result<Place> {
        let (key, contact) = self.contact_with_key(id)?;
        let assignments = self.assignments(key)?;
        let open = self.open_matters(key, &assignments, at)?;
        let days = coming_days(&contact, at.date_naive());
        let mut reasons: Vec<Reason> = complaints(&open).into_iter().collect();
        reasons.extend(promises(&open));
        reasons.extend(open.iter().filter_map(Reason::of_owner));
        reasons.extend(days.iter().filter_map(|day| Reason::of_day(day, at.date_naive())));
        reasons.push(match contact.spoken_at {
            Some(spoken_at) => Reason::Quiet {
                months: Reverse((at - spoken_at).num_days() / 30),
                exchanges: Reverse(knowledge::of_contact(self.sql(), key)?.exchanges),
                since: spoken_at,
            },
            None => Reason::NeverSpokenTo,
        });
        let owns = |assignment: &Assignment| assignment.role == Role::Owner && assignment.holds(at);
        let owners = assignments.into_iter().filter(owns).map(|assignment| assignment.member_name).collect();
        Ok(Place { id, name_key: fold(&contact.name), name: contact.name, owners, tags: contact.tags, reasons })
    }
}

/// Where a contact stands in the document.
struct Place {
    id: ContactId,
    name: String,
    name_key: String,
    owners: Vec<String>,
    tags: Vec<String>,
    /// The most pressing first; the last says for how long they have been silent.
    reasons: Vec<Reason>,
}

impl Place {
    fn order(&self) -> impl Ord + '_ {
        (&self.reasons, &self.name_key, self.id)
    }

    fn entry(self, today: NaiveDate) -> Entry {
        // The silence is told where nothing else is.
        let told = self.reasons.len().saturating_sub(1).max(1);
        let why: Vec<String> = self.reasons.iter().take(told).map(|reason| reason.in_words(today)).collect();
        Entry {
            id: self.id,
            name: self.name,
            name_key: self.name_key,
            owners: self.owners,
            tags: self.tags,
            why: why.join("; "),
            urgent: self.reasons.first().is_some_and(|reason| *reason < Reason::LEAST_URGENT),
        }
    }
}

/// Why a contact stands where they stand. What is less comes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// Complaints wait for an answer, the first of them since then.
    Unanswered { first: When, complaints: usize },
    /// Promises are overdue.
    Overdue(Promises),
    /// Promises are to be kept.
    Promised(Promises),
    /// Nobody owns them, or only somebody who has departed.
    NoOwner(Option<String>),
    /// A day comes soon.
    Coming { next: NaiveDate, label: String },
    /// They were not spoken to for so many months of 30 days.
    Quiet { months: Reverse<i64>, exchanges: Reverse<u64>, since: DateTime<Utc> },
    /// They were never spoken to.
    NeverSpokenTo,
}

/// One promise or several, by the one that is due first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Promises {
    /// Whether it is due on no day; such a promise comes last.
    undated: bool,
    end: Option<DateTime<Utc>>,
    until: String,
    what: String,
    /// How many more there are.
    more: usize,
}

/// The complaints among open matters.
fn complaints(open: &[OpenMatter]) -> Option<Reason> {
    let complaint = |matter: &OpenMatter| match matter {
        OpenMatter::Unanswered(note) => Some(note.happened_at),
        _ => None,
    };
    let first = open.iter().filter_map(complaint).min()?;
    Some(Reason::Unanswered { first, complaints: open.iter().filter_map(complaint).count() })
}

/// The promises among open matters: those that are overdue, and those that are not.
fn promises(open: &[OpenMatter]) -> impl Iterator<Item = Reason> {
    let gather = |overdue: bool| {
        let promises = open.iter().filter_map(move |matter| match matter {
            OpenMatter::Promised(promise) if promise.overdue == overdue => Some(promise),
            _ => None,
        });
        let more = promises.clone().count().saturating_sub(1);
        let first = promises.min_by_key(|promise| (promise.due.is_none(), promise.due.map(When::end)))?;
        let until = first.due.map(in_words).unwrap_or_default();
        let (undated, end) = (first.due.is_none(), first.due.map(When::end));
        Some(Promises { undated, end, until, what: shortened(&first.what), more })
    };
    gather(true).map(Reason::Overdue).into_iter().chain(gather(false).map(Reason::Promised))
}

impl Reason {
    /// What comes before this cannot wait.
    const LEAST_URGENT: Self =
        Self::Promised(Promises { undated: false, end: None, until: String::new(), what: String::new(), more: 0 });

    fn of_owner(matter: &OpenMatter) -> Option<Self> {
        match matter {
            OpenMatter::NoOwner => Some(Self::NoOwner(None)),
            OpenMatter::OwnerDeparted(name) => Some(Self::NoOwner(Some(name.clone()))),
            _ => None,
        }
    }

    fn of_day(day: &ComingDay, today: NaiveDate) -> Option<Self> {
        let soon = (day.next - today).num_days() <= DAYS_AHEAD;
        soon.then(|| Self::Coming { next: day.next, label: day.label.clone() })
    }

    fn in_words(&self, today: NaiveDate) -> String {
        match self {
            Self::Unanswered { first, complaints: 1 } => {
                format!("complaint without an answer, of {}", in_words(*first))
            }
            Self::Unanswered { first, complaints } => {
                format!("{complaints} complaints without an answer, the first of {}", in_words(*first))
            }
            Self::Overdue(promises) => promises.in_words(", overdue"),
            Self::Promised(promises) => promises.in_words(""),
            Self::NoOwner(None) => OpenMatter::NoOwner.to_string(),
            Self::NoOwner(Some(name)) => OpenMatter::OwnerDeparted(name.clone()).to_string(),
            Self::Coming { next, label } if *next == today => format!("{label} today"),
            Self::Coming { next, label } => format!("{label} on {}", next.format("%-d %B")),
            Self::Quiet { exchanges, since, .. } => {
                let since = since.format("%-d %B %Y");
                format!("last spoken to on {since}, {}", Count(exchanges.0, "exchange"))
            }
            Self::NeverSpokenTo => "never spoken to".to_owned(),
        }
    }

    /// What contacts with such a reason are called where they are counted.
    const fn called(&self) -> &'static str {
        match self {
            Self::Unanswered { .. } => "with a complaint without an answer",
            Self::Overdue(_) => "with an overdue promise",
            Self::Promised(_) => "with a promise to keep",
            Self::NoOwner(_) => "without an owner",
            Self::Coming { .. } => "with a day to remember within two weeks",
            Self::Quiet { .. } | Self::NeverSpokenTo => "with nothing that presses",
        }
    }
}

impl Promises {
    fn in_words(&self, overdue: &str) -> String {
        let until = if self.undated { String::new() } else { format!(" until {}", self.until) };
        let more = match self.more {
            0 => String::new(),
            more => format!(" (and {})", Count(more as u64, "more promise")),
        };
        format!("promised{until}{overdue}: {}{more}", self.what)
    }
}

/// Says how many contacts there are, and how many for each reason that puts them where they stand.
fn counts(places: &[Place]) -> String {
    let mut counts: Vec<(&str, u64)> = Vec::new();
    // In order of pressing, so that equal reasons follow each other.
    for called in places.iter().filter_map(|place| place.reasons.first()).map(Reason::called) {
        match counts.last_mut() {
            Some((last, count)) if *last == called => *count += 1,
            _ => counts.push((called, 1)),
        }
    }
    let contacts = Count(places.len() as u64, "contact");
    let counts: Vec<String> = counts.iter().map(|(called, count)| format!("{count} {called}")).collect();
    match counts.is_empty() {
        true => format!("{contacts}."),
        false => format!("{contacts}: {}.", counts.join(", ")),
    }
}

/// A time as it is said, as far as it is known: `3 May 2025`, `May 2025`, `2025`.
pub(crate) fn in_words(when: When) -> String {
    let form = match when.precision() {
        Precision::Year => "%Y",
        Precision::Month => "%B %Y",
        Precision::Day | Precision::Instant => "%-d %B %Y",
    };
    when.start().format(form).to_string()
}

/// A text on one line, cut where it is long.
fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(PROMISE_SHOWN).and_then(|(at, _)| line.get(..at)) {
        Some(start) => format!("{}…", start.trim_end()),
        None => line,
    }
}
