//! The brief: what a successor must read about one contact, on one page.

use std::cmp::Reverse;
use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::Serialize;

use crate::contact::{Contact, DoNotContact, Link, field};
use crate::error::Result;
use crate::follow_up::FollowUp;
use crate::handle::Handle;
use crate::hold::Hold;
use crate::id::ContactId;
use crate::memory::View;
use crate::note::{Note, NoteKind};
use crate::ownership::{Assignment, Role};
use crate::store::{RowExt, SqlExt, Value};
use crate::time::{self, DayOfYear};
use crate::wording::{Visible, more_below, paragraph};

pub(crate) mod book;
pub(crate) mod html;
pub(crate) mod markdown;

/// What a successor must read about one contact. As text by `Display`, as JSON by [`Brief::to_json`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Brief {
    /// Who they are, and how to reach them.
    pub contact: Contact,
    /// Who looks after them, and who will from a day to come: owners first, then backups, then those who cover.
    pub owners: Vec<Assignment>,
    /// Who did before, last first, of several at once the owner first.
    pub former_owners: Vec<Assignment>,
    /// What is known about them for good, newest first.
    pub insights: Vec<Note>,
    /// How many more insights there are than are shown.
    pub more_insights: u64,
    /// What awaits somebody.
    pub open: Vec<OpenMatter>,
    /// The latest notes, newest first, without the insights.
    pub latest: Vec<Note>,
    /// Days that return, the next to come first.
    pub days: Vec<ComingDay>,
    /// The legal holds that lie on them.
    pub holds: Vec<Hold>,
    /// The instant of the brief.
    pub at: DateTime<Utc>,
}

/// Something about a contact that awaits somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OpenMatter {
    /// A complaint after which nothing went out to the contact.
    Unanswered(Box<Note>),
    /// Something promised to the contact.
    Promised(Box<FollowUp>),
    /// Nobody owns the contact.
    NoOwner,
    /// The only owner has departed.
    OwnerDeparted(String),
    /// Several own the contact, by name, since what two memories wrote was merged; see [`View::ownership_conflicts`].
    SeveralOwners(Vec<String>),
}

impl fmt::Display for OpenMatter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanswered(note) => write!(f, "complaint without an answer: {note}"),
            Self::Promised(promise) => write!(f, "promised: {}", Visible(&promise.terms())),
            Self::NoOwner => f.write_str("nobody looks after them"),
            Self::OwnerDeparted(name) => write!(f, "{name}, their owner, has departed"),
            Self::SeveralOwners(names) => {
                write!(f, "{} each look after them; somebody must decide who does", names.join(" and "))
            }
        }
    }
}

/// A day that returns, and when next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ComingDay {
    /// What it is, such as `birthday`.
    pub label: String,
    /// The day.
    pub day: DayOfYear,
    /// When it comes next, today included.
    pub next: NaiveDate,
}

/// So many insights are shown.
const INSIGHTS: usize = 20;
/// So many of the latest notes are shown.
const LATEST: usize = 10;

impl View<'_> {
    /// Puts together what a successor must read about a contact: who they are, who looks after them and did, insights
    /// first, then what is open, the latest ten notes and the days to come.
    ///
    /// # Errors
    /// [`crate::Error::Unknown`] when there is no such contact.
    pub fn brief(&self, contact: impl Into<ContactId>) -> Result<Brief> {
        let (key, contact) = self.contact_with_key(contact.into())?;
        let at = time::from_micros(self.now_micros())?;
        let (mut owners, mut former_owners): (Vec<_>, Vec<_>) =
            self.assignments(key)?.into_iter().partition(|a| a.since > at || a.holds(at));
        // Who owns the contact is not told again as its backup or cover.
        let own: Vec<_> = owners.iter().filter(|a| a.role == Role::Owner && a.holds(at)).map(|a| a.member).collect();
        owners.retain(|a| a.role == Role::Owner || !own.contains(&a.member));
        owners.sort_by_key(|a| (a.role, a.since));
        former_owners.sort_by_key(|a| (Reverse(a.until), a.role));
        let mut insights = self.foremost(key, NoteKind::Insight, INSIGHTS + 1)?;
        let more_insights = match insights.len() > INSIGHTS {
            true => self.count_insights(key)?.saturating_sub(INSIGHTS as u64),
            false => 0,
        };
        insights.truncate(INSIGHTS);
        Ok(Brief {
            open: self.open_matters(key, &owners, at)?,
            latest: self.latest(key, LATEST)?,
            days: coming_days(&contact, at.date_naive()),
            holds: self.holds_of(key)?,
            contact,
            owners,
            former_owners,
            insights,
            more_insights,
            at,
        })
    }

    /// Reads what awaits somebody about a contact whom these look after.
    fn open_matters(&self, contact: i64, owners: &[Assignment], at: DateTime<Utc>) -> Result<Vec<OpenMatter>> {
        let complaints = self.unanswered(contact)?.into_iter().map(|note| OpenMatter::Unanswered(Box::new(note)));
        let promises =
            self.open_follow_ups(contact)?.into_iter().map(|promise| OpenMatter::Promised(Box::new(promise)));
        let rivals = self.rivals(contact)?;
        let several = (!rivals.is_empty()).then_some(OpenMatter::SeveralOwners(rivals));
        Ok(complaints.chain(promises).chain(missing_owner(owners, at)).chain(several).collect())
    }

    fn count_insights(&self, contact: i64) -> Result<u64> {
        self.sql().one(
            "SELECT count(*) FROM note_contact l JOIN note n ON n.key = l.note
             WHERE l.contact = $1 AND l.kind = 'insight' AND l.kind IN ('insight', 'complaint')
                 AND n.retracted_at IS NULL AND ($2 = 0 OR n.private_to IS NULL OR n.private_to = $2)",
            &[Value::Int(contact), Value::Int(self.viewer())],
            |row| Ok(row.int(0)?.unsigned_abs()),
        )
    }
}

/// What is wrong at an instant with who owns a contact, if anything.
fn missing_owner(assignments: &[Assignment], at: DateTime<Utc>) -> Option<OpenMatter> {
    let mut owners = assignments.iter().filter(|a| a.role == Role::Owner && a.holds(at)).peekable();
    match owners.peek() {
        None => Some(OpenMatter::NoOwner),
        Some(first) => {
            let name = first.member_name.clone();
            owners.all(|a| a.member_departed).then_some(OpenMatter::OwnerDeparted(name))
        }
    }
}

fn coming_days(contact: &Contact, today: NaiveDate) -> Vec<ComingDay> {
    let mut days: Vec<ComingDay> = contact
        .dates
        .iter()
        .filter_map(|(label, day)| {
            let next = next_time(*day, today)?;
            Some(ComingDay { label: label.clone(), day: *day, next })
        })
        .collect();
    days.sort_by_key(|day| day.next);
    days
}

/// When a day comes next; 29 February is kept on 1 March where there is none.
fn next_time(day: DayOfYear, today: NaiveDate) -> Option<NaiveDate> {
    let in_year = |year: i32| {
        NaiveDate::from_ymd_opt(year, day.month(), day.day()).or_else(|| NaiveDate::from_ymd_opt(year, 3, 1))
    };
    in_year(today.year()).filter(|date| *date >= today).or_else(|| in_year(today.year() + 1))
}

impl Brief {
    /// The brief as JSON, indented.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// What a section of a brief tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Reach,
    Owners,
    FormerOwners,
    Insights,
    Open,
    Latest,
    Dates,
    Links,
    Facts,
}

impl Part {
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Reach => "Reach",
            Self::Owners => "Looked after by",
            Self::FormerOwners => "Before that",
            Self::Insights => "What to know",
            Self::Open => "Open",
            Self::Latest => "Latest",
            Self::Dates => "Dates",
            Self::Links => "Linked",
            Self::Facts => "Facts",
        }
    }
}

/// A part of a brief under a title of its own. Text, Markdown and HTML all render these.
pub(crate) struct Section {
    pub(crate) part: Part,
    pub(crate) rows: Vec<Row>,
    /// How many more rows there are than are shown.
    pub(crate) more: u64,
}

/// One thing that a section tells.
pub(crate) struct Row {
    /// What it is called: a day, a channel, a name; empty where it has no name.
    pub(crate) label: String,
    /// What is said of it.
    pub(crate) text: String,
    /// What is said after the text about where it comes from, with what separates the two.
    pub(crate) aside: String,
}

impl From<(String, String)> for Row {
    fn from((label, text): (String, String)) -> Self {
        Self { label, text, aside: String::new() }
    }
}

impl Brief {
    /// What stands below the name: what they are to us, then each wish not to be contacted and each legal hold.
    pub(crate) fn subtitle(&self) -> (String, impl Iterator<Item = String>) {
        let wishes = self.contact.do_not_contact.iter().map(wish_line);
        (epithets(&self.contact), wishes.chain(self.holds.iter().map(hold_line)))
    }

    /// The parts that have something to tell, in the order of reading.
    pub(crate) fn sections(&self) -> Vec<Section> {
        let contact = &self.contact;
        let mut sections = vec![
            section(Part::Reach, contact.handles.iter().map(handle_line)),
            section(Part::Owners, self.owners.iter().map(|a| assignment_line(a, self.at))),
            section(Part::FormerOwners, self.former_owners.iter().map(|a| assignment_line(a, self.at))),
            Section { more: self.more_insights, ..section(Part::Insights, self.insights.iter().map(note_line)) },
            section(Part::Open, self.open.iter().map(|matter| (String::new(), matter.to_string()))),
            section(Part::Latest, self.latest.iter().map(note_line)),
            section(Part::Dates, self.days.iter().map(day_line)),
            section(Part::Links, contact.links.iter().map(link_line)),
            section(Part::Facts, other_facts(contact)),
        ];
        sections.retain(|section| !section.rows.is_empty());
        sections
    }
}

fn section(part: Part, rows: impl Iterator<Item = impl Into<Row>>) -> Section {
    Section { part, rows: rows.map(Into::into).collect(), more: 0 }
}

/// The brief as plain text for a terminal, in lines of at most 80 characters where words allow. What is past in it, and
/// what must be handled with care, is said in words or in square brackets.
impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (epithets, mut wishes) = self.subtitle();
        paragraph(f, "", &self.contact.name)?;
        paragraph(f, "  ", &epithets)?;
        wishes.try_for_each(|wish| paragraph(f, "  ", &wish))?;
        self.sections().iter().try_for_each(|section| list(f, section))
    }
}

/// What they are to us, on one line: their work, their audience, their tags.
fn epithets(contact: &Contact) -> String {
    let fact = |name: &str| contact.fields.get(name).filter(|value| **value != contact.name).cloned();
    let work = match (fact(field::JOB_TITLE), fact(field::COMPANY)) {
        (Some(title), Some(company)) => Some(format!("{title}, {company}")),
        (title, company) => title.or(company),
    };
    let words = work.into_iter().chain([contact.audience.clone()]).chain(contact.tags.iter().cloned());
    words.collect::<Vec<_>>().join(" · ")
}

fn wish_line(wish: &DoNotContact) -> String {
    let channel = wish.channel.map_or_else(|| "at all".to_owned(), |channel| format!("by {channel}"));
    match wish.why.as_str() {
        "" => format!("Do not contact {channel}."),
        why => format!("Do not contact {channel}: {why}."),
    }
}

fn hold_line(hold: &Hold) -> String {
    format!("Legal hold: {}; nothing about them may be erased.", hold.terms())
}

fn handle_line(handle: &Handle) -> (String, String) {
    let label = handle.label.as_ref().map(|label| format!(" ({label})")).unwrap_or_default();
    let until = handle.until.map(|until| format!(", until {}", until.date_naive())).unwrap_or_default();
    (handle.channel.to_string(), format!("{}{label}{until}", handle.address.replace('\n', ", ")))
}

/// From when to when, whether the member has left, why it began and why it ended.
fn assignment_line(assignment: &Assignment, at: DateTime<Utc>) -> (String, String) {
    let since = assignment.since.date_naive();
    let span = match assignment.until.map(|until| until.date_naive()) {
        Some(until) if assignment.since > at => format!("{} from {since} to {until}", assignment.role),
        Some(until) => format!("{}, {since} to {until}", assignment.role),
        None if assignment.since > at => format!("{} from {since}", assignment.role),
        None => format!("{} since {since}", assignment.role),
    };
    let departed = if assignment.member_departed { " (has departed)" } else { "" };
    let past = assignment.until.is_some_and(|until| until <= at);
    let (begins, ends) = if past { ("began because", "ended because") } else { ("because", "ends because") };
    let why = |word: &str, why: &Option<String>| why.as_ref().map(|why| format!(", {word}: {why}")).unwrap_or_default();
    let why = why(begins, &assignment.opened_why) + &why(ends, &assignment.closed_why);
    (assignment.member_name.clone(), format!("{span}{departed}{why}"))
}

fn note_line(note: &Note) -> Row {
    Row { label: note.day(), text: note.text.clone(), aside: note.attribution() }
}

fn day_line(day: &ComingDay) -> (String, String) {
    // Not the day on which it comes next: one of 29 February may be kept on 1 March. 2000 has every day.
    let named = NaiveDate::from_ymd_opt(2000, day.day.month(), day.day.day()).unwrap_or(day.next);
    let born = day.day.year().map(|year| format!(" {year}")).unwrap_or_default();
    (day.label.clone(), format!("{}{born}, next on {}", named.format("%-d %B"), day.next))
}

fn link_line(link: &Link) -> (String, String) {
    let relation = link.relation.replace('_', " ");
    match link.reversed {
        false => (relation, link.other.name.clone()),
        true => (String::new(), format!("{} {relation} them", link.other.name)),
    }
}

/// The facts that neither the name nor the line below it tells.
fn other_facts(contact: &Contact) -> impl Iterator<Item = (String, String)> {
    const TOLD: [&str; 7] = [
        field::GIVEN_NAME,
        field::MIDDLE_NAME,
        field::FAMILY_NAME,
        field::NAME_PREFIX,
        field::NAME_SUFFIX,
        field::COMPANY,
        field::JOB_TITLE,
    ];
    let others = contact.fields.iter().filter(|(name, _)| !TOLD.contains(&name.as_str()));
    others.map(|(name, value)| (name.replace('_', " "), value.clone()))
}

/// Writes a section: what each row is called in a column of its own, what it says beside it.
fn list(f: &mut fmt::Formatter<'_>, section: &Section) -> fmt::Result {
    const WIDEST: usize = 20;
    writeln!(f, "\n{}", section.part.title())?;
    let widths = section.rows.iter().map(|row| row.label.chars().count()).filter(|width| *width <= WIDEST);
    let width = widths.max().unwrap_or(0);
    for Row { label, text, aside } in &section.rows {
        match label.as_str() {
            "" => paragraph(f, "  ", &format!("{text}{aside}"))?,
            label => paragraph(f, &format!("  {label:width$}  "), &format!("{text}{aside}"))?,
        }
    }
    more_below(f, section.more)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

    use super::*;
    use crate::{Actor, Memory, NewContact, NewMember, Terms};

    #[test]
    fn a_birthday_on_29_february_is_called_by_its_name_in_years_without_one() {
        let day: DayOfYear = "1980-02-29".parse().unwrap();
        let next = |today: &str| next_time(day, today.parse().unwrap()).unwrap();
        let shown = |today| day_line(&ComingDay { label: "birthday".to_owned(), day, next: next(today) }).1;
        assert_eq!(shown("2026-11-22"), "29 February 1980, next on 2027-03-01");
        assert_eq!(shown("2027-11-22"), "29 February 1980, next on 2028-02-29");
    }

    #[test]
    fn a_brief_shows_who_will_cover_and_names_the_owner_first() {
        let memory = Memory::in_memory().unwrap();
        let ana = memory
            .write(Actor::system("till"), |w| {
                let ana = w.add_contact(NewContact::person("Ana"))?;
                let [mia, jonas, leo] = ["Mia", "Jonas", "Leo"].map(|name| w.add_member(NewMember::new(name)));
                let (since, until) = (Utc::now() + chrono::TimeDelta::days(2), Utc::now() + chrono::TimeDelta::days(9));
                w.assign(ana, &leo?, Terms::from(Role::Cover).starting(since).until(until).because("Mia is away"))?;
                w.assign(ana, &jonas?, Role::Backup)?;
                w.assign(ana, &mia?, Role::Owner)?;
                Ok(ana)
            })
            .unwrap();
        let brief = memory.brief(ana).unwrap();
        let names: Vec<&str> = brief.owners.iter().map(|a| a.member_name.as_str()).collect();
        assert_eq!(names, ["Mia", "Jonas", "Leo"]);
        let leo = brief.owners.last().unwrap();
        let days = format!("from {} to {}", leo.since.date_naive(), leo.until.unwrap().date_naive());
        assert_eq!(assignment_line(leo, brief.at).1, format!("cover {days}, because: Mia is away"));
        assert!(brief.open.is_empty(), "{:?}", brief.open);
    }

    #[test]
    fn somebody_who_will_own_a_contact_does_not_own_it_yet() {
        let memory = Memory::in_memory().unwrap();
        let ana = memory
            .write(Actor::system("till"), |w| {
                let ana = w.add_contact(NewContact::person("Ana"))?;
                let mia = w.add_member(NewMember::new("Mia"))?;
                w.assign(ana, &mia, Terms::from(Role::Owner).starting(Utc::now() + chrono::TimeDelta::days(2)))?;
                Ok(ana)
            })
            .unwrap();
        assert_eq!(memory.brief(ana).unwrap().open, [OpenMatter::NoOwner]);
    }
}
