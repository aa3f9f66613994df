//! The reader page of a bundle: one HTML file that a browser opens from a disk, and that loads nothing.
//!
//! All that it tells stands in its HTML, and is read without its script; the script finds, filters, and shows one person at
//! a time. The page is written front to back from plain values, a person at a time, and its figures are counted from what
//! was written: they cannot tell of what was left out.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::io;

use chrono::{DateTime, Datelike, Utc};

use crate::brief::book::Entry;
use crate::brief::html::{Text, digest, urgent, write_section, write_standing};
use crate::brief::{Brief, Part, Row};
use crate::error::{Error, Result};
use crate::follow_up::FollowUp;
use crate::handoff::Receipt;
use crate::id::NoteId;
use crate::note::{Note, NoteKind};
use crate::ownership::{Assignment, Role};
use crate::time::{Precision, When};
use crate::wording::{Count, word_for};

mod figures;
mod fill;
#[cfg(test)]
mod tests;

use figures::Figures;
pub use fill::ReaderPage;

const STYLE: &str = concat!(include_str!("../brief/brief.css"), include_str!("page/page.css"));
const SCRIPT: &str = include_str!("page/page.js");
/// A text of so many bytes or more is shown in a frame that scrolls.
const LONG: usize = 4_000;
/// So many of those who press are shown at once; the others unfold.
const PRESSING_SHOWN: usize = 8;

/// What stands before the people.
pub(crate) struct Front<'a> {
    pub(crate) title: &'a str,
    /// What the page holds, as of when, from whom and for whom; a sentence each.
    pub(crate) about: &'a [String],
    /// Everybody who has a place in it, in order.
    pub(crate) people: &'a [Entry],
    /// The places of those who cannot wait, the most pressing first.
    pub(crate) pressing: &'a [usize],
    /// What was left out.
    pub(crate) withheld: &'a [Withheld],
    /// What the handoffs came to that brought it here.
    pub(crate) receipts: &'a [Receipt],
}

/// Something that the page does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Withheld {
    pub(crate) count: u64,
    /// What it is, one of it and several.
    pub(crate) what: [&'static str; 2],
    /// Why, as words for people.
    pub(crate) why: String,
}

/// What is known about one contact, without the timeline.
pub(crate) struct Person<'a> {
    pub(crate) brief: &'a Brief,
    /// Promises that were kept or dropped, the last first.
    pub(crate) past_promises: &'a [FollowUp],
    pub(crate) withheld: &'a [Withheld],
}

/// A page that is being written: [`PageWriter::begin`], then each person in order with their notes, then
/// [`PageWriter::end`].
pub(crate) struct PageWriter<'a, W> {
    out: W,
    people: &'a [Entry],
    figures: Figures,
    /// The number of each note that stands in the page.
    notes: HashMap<NoteId, usize>,
    /// How many people were begun.
    begun: usize,
    /// The year under which notes are being written.
    year: Option<i32>,
}

impl<'a, W: io::Write> PageWriter<'a, W> {
    /// Writes what stands before the people.
    pub(crate) fn begin(out: W, front: &Front<'a>) -> Result<Self> {
        let (figures, notes) = (Figures::default(), HashMap::new());
        let mut page = Self { out, people: front.people, figures, notes, begun: 0, year: None };
        page.part(|part| write_front(part, front))?;
        Ok(page)
    }

    /// Writes what is known about the contact that comes next, newest notes to follow by [`PageWriter::notes`].
    pub(crate) fn person(&mut self, person: &Person<'_>) -> Result<()> {
        self.end_person()?;
        let place = self.begun;
        let entry = self.people.get(place).ok_or_else(|| Error::fault(PLACE, "more people than were announced"))?;
        self.begun += 1;
        self.part(|part| write_person(part, place + 1, entry, person))
    }

    /// Writes further notes about the contact, newest first.
    pub(crate) fn notes(&mut self, notes: &[Note]) -> Result<()> {
        for note in notes {
            let number = self.notes.len() + 1;
            let first = *self.notes.entry(note.id).or_insert(number);
            self.figures.note(note, first == number);
            let year = note.happened_at.start().year();
            let heading = self.year.replace(year);
            self.part(|part| {
                if heading != Some(year) {
                    write_year(part, heading.is_none(), year)?;
                }
                write_note(part, note, (first, first == number))
            })?;
        }
        Ok(())
    }

    /// Writes what stands after the people, and hands back what was written to.
    pub(crate) fn end(mut self) -> Result<W> {
        self.end_person()?;
        if self.begun != self.people.len() {
            return Err(Error::fault(PLACE, "fewer people than were announced"));
        }
        let (figures, people) = (std::mem::take(&mut self.figures), self.people);
        self.part(|part| {
            figures.write(part, people)?;
            part.write_str("</main>\n</body>\n</html>\n")
        })?;
        self.out.flush().map_err(|e| not_written(&e))?;
        Ok(self.out)
    }

    fn end_person(&mut self) -> Result<()> {
        let Some(place) = self.begun.checked_sub(1) else { return Ok(()) };
        self.figures.end_person(place);
        let (noted, people) = (self.year.take().is_some(), self.people);
        self.part(|part| {
            part.write_str(if noted { "</ol>\n" } else { "<p class=\"more\">Nothing is noted.</p>\n" })?;
            part.write_str("</section>\n")?;
            write_neighbours(part, people, place)?;
            part.write_str("</article>\n")
        })
    }

    fn part(&mut self, write: impl FnOnce(&mut String) -> fmt::Result) -> Result<()> {
        let mut part = String::new();
        write(&mut part).map_err(|e| Error::fault(PLACE, e))?;
        self.out.write_all(part.as_bytes()).map_err(|e| not_written(&e))
    }
}

const PLACE: &str = "the reader page";

fn not_written(error: &io::Error) -> Error {
    Error::Io { path: PLACE.into(), why: format!("it could not be written: {error}") }
}

fn write_front(out: &mut String, front: &Front<'_>) -> fmt::Result {
    write_head(out, front.title)?;
    write!(
        out,
        "<body>\n<p class=\"skip\"><a href=\"#main\">Skip to the people</a></p>\n<header id=\"top\">\n\
         <h1 dir=\"auto\">{}</h1>\n",
        Text(front.title)
    )?;
    front.about.iter().try_for_each(|text| writeln!(out, "<p dir=\"auto\">{}</p>", Text(text)))?;
    out.write_str(
        "<p class=\"ways\"><a href=\"#figures\">The figures</a> <button type=\"button\" class=\"script\" \
         data-print=\"all\">Print all of it</button></p>\n</header>\n",
    )?;
    write_people(out, front.people)?;
    out.write_str("<main id=\"main\" tabindex=\"-1\">\n")?;
    write_overview(out, front)
}

/// Writes the head. The browser is told to take this one style and this one script and nothing else, whatever a text of
/// others may say, and to make no markup of text.
fn write_head(out: &mut String, title: &str) -> fmt::Result {
    let (script, style, title) = (digest(SCRIPT), digest(STYLE), Text(title));
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src '{script}'; \
         style-src '{style}'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <meta name=\"format-detection\" content=\"telephone=no\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n<script>{SCRIPT}</script>\n</head>\n"
    )
}

/// Writes the list of everybody, with the tools that search and filter it.
fn write_people(out: &mut String, people: &[Entry]) -> fmt::Result {
    let owners = choices(people, |entry| &entry.owners);
    let tags = choices(people, |entry| &entry.tags);
    out.write_str(
        "<nav id=\"people\" aria-labelledby=\"people-title\">\n<h2 id=\"people-title\">People</h2>\n\
         <p class=\"home script\"><a href=\"#top\">Overview</a></p>\n<div class=\"tools script\" role=\"search\">\n\
         <label for=\"words\">Search people and notes</label>\n\
         <input id=\"words\" type=\"search\" autocomplete=\"off\" autocapitalize=\"none\" spellcheck=\"false\" \
         enterkeyhint=\"search\" aria-keyshortcuts=\"/\" placeholder=\"A name, a word  ( / )\">\n\
         <div class=\"filters\">\n",
    )?;
    write_choice(out, ("owner", "Looked after by", "Everybody"), &owners, people.iter().any(|e| e.owners.is_empty()))?;
    write_choice(out, ("tag", "Tag", "Every tag"), &tags, false)?;
    out.write_str(
        "</div>\n<p id=\"status\" role=\"status\"></p>\n<ol id=\"found\" hidden></ol>\n\
         <p class=\"further\" hidden><button type=\"button\">Show more</button></p>\n</div>\n<ol id=\"list\">\n",
    )?;
    for (place, entry) in (1..).zip(people) {
        write!(out, "<li")?;
        write_numbers(out, "owners", &owners, &entry.owners)?;
        write_numbers(out, "tags", &tags, &entry.tags)?;
        let by = match entry.owners.as_slice() {
            [] => "no owner".to_owned(),
            owners => owners.join(", "),
        };
        writeln!(
            out,
            "><a href=\"#p{place}\" dir=\"auto\">{}</a> <span class=\"by{}\" dir=\"auto\">{}</span></li>",
            Text(&entry.name),
            urgent(entry),
            Text(&by)
        )?;
    }
    out.write_str("</ol>\n</nav>\n")
}

/// Everything that is said of some of the people, each with its number, in order.
fn choices<'a>(people: &'a [Entry], of: impl Fn(&'a Entry) -> &'a [String]) -> Vec<&'a str> {
    let mut all: Vec<&str> = people.iter().flat_map(of).map(String::as_str).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Writes a filter, where there is something to choose.
fn write_choice(
    out: &mut String,
    (id, label, all): (&str, &str, &str),
    choices: &[&str],
    or_nobody: bool,
) -> fmt::Result {
    if choices.len() + usize::from(or_nobody) < 2 {
        return Ok(());
    }
    writeln!(out, "<label>{label} <select id=\"{id}\"><option value=\"\">{all}</option>")?;
    if or_nobody {
        out.write_str("<option value=\"none\">Nobody</option>\n")?;
    }
    (0..).zip(choices).try_for_each(|(number, choice): (usize, _)| {
        writeln!(out, "<option value=\"{number}\">{}</option>", Text(choice))
    })?;
    out.write_str("</select></label>\n")
}

/// Writes the numbers of what is said of one contact, for the filter.
fn write_numbers(out: &mut String, name: &str, choices: &[&str], said: &[String]) -> fmt::Result {
    let numbers: Vec<String> =
        said.iter().filter_map(|said| choices.binary_search(&said.as_str()).ok()).map(|at| at.to_string()).collect();
    if numbers.is_empty() { Ok(()) } else { write!(out, " data-{name}=\"{}\"", numbers.join(" ")) }
}

fn write_overview(out: &mut String, front: &Front<'_>) -> fmt::Result {
    out.write_str("<div id=\"overview\">\n")?;
    write_pressing(out, front)?;
    out.write_str("<section id=\"withheld\" aria-labelledby=\"withheld-title\">\n<h2 id=\"withheld-title\">What was withheld</h2>\n")?;
    write_withheld(out, front.withheld)?;
    out.write_str("</section>\n")?;
    front.receipts.iter().try_for_each(|receipt| write_receipt(out, receipt))?;
    out.write_str("</div>\n")
}

fn write_pressing(out: &mut String, front: &Front<'_>) -> fmt::Result {
    let pressing: Vec<(usize, &Entry)> =
        front.pressing.iter().filter_map(|place| Some((place + 1, front.people.get(*place)?))).collect();
    if pressing.is_empty() {
        return Ok(());
    }
    out.write_str("<section id=\"pressing\" aria-labelledby=\"pressing-title\">\n<h2 id=\"pressing-title\">What cannot wait</h2>\n")?;
    let (shown, folded) = pressing.split_at(pressing.len().min(PRESSING_SHOWN));
    write_reasons(out, shown)?;
    if !folded.is_empty() {
        writeln!(out, "<details><summary>{} more</summary>", folded.len())?;
        write_reasons(out, folded)?;
        out.write_str("</details>\n")?;
    }
    out.write_str("</section>\n")
}

fn write_reasons(out: &mut String, pressing: &[(usize, &Entry)]) -> fmt::Result {
    out.write_str("<ul class=\"reasons\">\n")?;
    for (place, entry) in pressing {
        let (name, why) = (Text(&entry.name), Text(&entry.why));
        writeln!(out, "<li><a href=\"#p{place}\" dir=\"auto\">{name}</a> <span dir=\"auto\">{why}</span></li>")?;
    }
    out.write_str("</ul>\n")
}

fn write_withheld(out: &mut String, withheld: &[Withheld]) -> fmt::Result {
    let mut told = withheld.iter().filter(|withheld| withheld.count > 0).peekable();
    if told.peek().is_none() {
        return out.write_str("<p>Nothing that belongs to these people was left out.</p>\n");
    }
    out.write_str("<ul>\n")?;
    told.try_for_each(|Withheld { count, what: [one, several], why }| {
        let what = word_for(*count, one, several);
        writeln!(out, "<li><b>{count} {what}</b> <span class=\"reason\">{}</span></li>", Text(why))
    })?;
    out.write_str("</ul>\n")
}

fn write_receipt(out: &mut String, receipt: &Receipt) -> fmt::Result {
    let id = receipt.handoff;
    let day = receipt.at.format("%-d %B %Y");
    writeln!(
        out,
        "<section class=\"handoff\" aria-labelledby=\"h-{id}\">\n<h2 id=\"h-{id}\">The handoff of <time datetime=\"{}\">{day}</time></h2>\n\
         <p dir=\"auto\">{}</p>",
        receipt.at.date_naive(),
        Text(&receipt.reason)
    )?;
    let most = receipt.successors.iter().map(|taken| taken.contacts).max().unwrap_or(0);
    out.write_str("<dl class=\"bars\">\n")?;
    for taken in &receipt.successors {
        write!(out, "<div><dt dir=\"auto\">{}</dt><dd>", Text(&taken.name))?;
        figures::write_bar(out, &[(taken.contacts, "full")], most)?;
        writeln!(out, "<span>{}</span></dd></div>", Count(taken.contacts, "contact"))?;
    }
    writeln!(
        out,
        "</dl>\n<details><summary>The receipt</summary>\n<pre>{}</pre></details>\n</section>",
        Text(&receipt.to_string())
    )
}

fn write_person(out: &mut String, place: usize, entry: &Entry, person: &Person<'_>) -> fmt::Result {
    write!(
        out,
        "<article id=\"p{place}\" aria-labelledby=\"t{place}\">\n<p class=\"ways\"><a class=\"script\" \
         href=\"#people\">All people</a> <button type=\"button\" class=\"script\" data-print=\"one\">Print this \
         person</button></p>\n<div class=\"brief\">\n<h2 id=\"t{place}\" tabindex=\"-1\" dir=\"auto\">{}</h2>\n",
        Text(&entry.name)
    )?;
    write_standing(out, entry, person.brief)?;
    let sections = person.brief.sections();
    for section in &sections {
        match section.part {
            // Everything that is noted follows, the latest first.
            Part::Latest | Part::FormerOwners => {}
            Part::Owners => write_owners(out, person.brief)?,
            _ => write_section(out, section)?,
        }
    }
    if !sections.iter().any(|section| section.part == Part::Owners) {
        write_owners(out, person.brief)?;
    }
    write_past_promises(out, person.past_promises)?;
    if person.withheld.iter().any(|withheld| withheld.count > 0) {
        out.write_str("<section class=\"withheld\">\n<h3>Withheld</h3>\n")?;
        write_withheld(out, person.withheld)?;
        out.write_str("</section>\n")?;
    }
    out.write_str("</div>\n<section class=\"timeline\">\n<h3>Timeline</h3>\n")
}

fn write_past_promises(out: &mut String, promises: &[FollowUp]) -> fmt::Result {
    if promises.is_empty() {
        return Ok(());
    }
    out.write_str("<section class=\"promises\">\n<h3>Promises kept or dropped</h3>\n<ul>\n")?;
    promises.iter().try_for_each(|promise| writeln!(out, "<li dir=\"auto\">{}</li>", Text(&promise.terms())))?;
    out.write_str("</ul>\n</section>\n")
}

/// Writes who looked after a contact: a lane for each, over the same years.
fn write_owners(out: &mut String, brief: &Brief) -> fmt::Result {
    let held = brief.owners.iter().chain(&brief.former_owners);
    let Some(span) = Span::of(held.clone(), brief.at) else { return Ok(()) };
    let rows = brief.sections().into_iter().filter(|section| matches!(section.part, Part::Owners | Part::FormerOwners));
    out.write_str("<section class=\"owners\">\n<h3>Looked after by</h3>\n<dl class=\"lanes\">\n")?;
    for (Row { label, text, .. }, assignment) in rows.flat_map(|section| section.rows).zip(held) {
        write!(out, "<div><dt dir=\"auto\">{}</dt><dd>", Text(&label))?;
        span.write_lane(out, assignment)?;
        writeln!(out, "<span dir=\"auto\">{}</span></dd></div>", Text(&text))?;
    }
    let day = |micros| DateTime::from_timestamp_micros(micros).unwrap_or_default().format("%-d %b %Y");
    let (from, to) = (day(span.from), day(span.to));
    writeln!(out, "</dl>\n<p class=\"axis\" aria-hidden=\"true\"><span>{from}</span><span>{to}</span></p>\n</section>")
}

/// The time that a chart of owners covers, in microseconds since 1970.
struct Span {
    from: i64,
    to: i64,
}

impl Span {
    fn of<'a>(held: impl Iterator<Item = &'a Assignment> + Clone, at: DateTime<Utc>) -> Option<Self> {
        let from = held.clone().map(|assignment| assignment.since).min()?;
        let ends = held.flat_map(|assignment| [Some(assignment.since), assignment.until]).flatten();
        let to = ends.chain([at]).max()?;
        Some(Self { from: from.timestamp_micros(), to: to.timestamp_micros() })
    }

    /// Where an instant lies, in hundredths of the span.
    fn share(&self, at: DateTime<Utc>) -> f64 {
        let whole = (self.to - self.from).max(1) as f64;
        (at.timestamp_micros() - self.from) as f64 / whole * 100.0
    }

    fn write_lane(&self, out: &mut String, assignment: &Assignment) -> fmt::Result {
        let from = self.share(assignment.since);
        let to = assignment.until.map_or(100.0, |until| self.share(until));
        let role = match assignment.role {
            Role::Owner => "owner",
            Role::Backup => "backup",
            Role::Cover => "cover",
            Role::Shadow => "shadow",
        };
        // Short intervals stay visible.
        let (from, width) = (from.min(99.0), (to - from).max(1.0));
        write!(
            out,
            "<svg class=\"lane\" width=\"100%\" height=\"10\" aria-hidden=\"true\"><rect class=\"track\" width=\"100%\" \
             height=\"10\" rx=\"2\"/><rect class=\"{role}\" x=\"{from:.2}%\" width=\"{width:.2}%\" height=\"10\" rx=\"2\"/></svg>"
        )
    }
}

fn write_year(out: &mut String, first: bool, year: i32) -> fmt::Result {
    let end = if first { "" } else { "</ol>\n" };
    writeln!(out, "{end}<h4>{year}</h4>\n<ol>")
}

/// Writes a note under its number; `first` says whether it stands in the page for the first time.
fn write_note(out: &mut String, note: &Note, (number, first): (usize, bool)) -> fmt::Result {
    let insight = if note.kind == NoteKind::Insight { " insight" } else { "" };
    match first {
        true => write!(out, "<li class=\"note{insight}\" id=\"n{number}\">")?,
        false => write!(out, "<li class=\"note{insight}\" data-as=\"{number}\">")?,
    }
    let long = if note.text.len() >= LONG { " long\" tabindex=\"0" } else { "" };
    write!(
        out,
        "<time datetime=\"{}\">{}</time><div><p class=\"said{long}\" dir=\"auto\" lang=\"\">{}</p><p class=\"aside\" dir=\"auto\">",
        note.happened_at,
        day_in_year(note.happened_at),
        Text(note.text.trim())
    )?;
    if note.kind == NoteKind::Insight {
        out.write_str("<b>Insight</b> ")?;
    }
    write!(out, "{}", Text(note.attribution().trim_start_matches(" — ")))?;
    if let Some(corrected_at) = note.corrected_at {
        let day = corrected_at.date_naive();
        write!(out, ", corrected on <time datetime=\"{day}\">{}</time>", corrected_at.format("%-d %B %Y"))?;
    }
    if let Some(link) = &note.permalink {
        write_link(out, link)?;
    }
    out.write_str("</p></div></li>\n")
}

/// A day as it stands under its year, as far as it is known.
fn day_in_year(when: When) -> String {
    match when.precision() {
        Precision::Year => "in the year".to_owned(),
        Precision::Month => when.start().format("%B").to_string(),
        Precision::Day | Precision::Instant => when.start().format("%-d %B").to_string(),
    }
}

/// Writes where a note was found; what is not an address of the web is no link.
fn write_link(out: &mut String, link: &str) -> fmt::Result {
    let lower = link.get(..8).map(str::to_ascii_lowercase).unwrap_or_default();
    match lower.starts_with("https://") || lower.starts_with("http://") {
        true => write!(
            out,
            " <a href=\"{}\" rel=\"noreferrer noopener\" target=\"_blank\">Where it was said</a>",
            Text(link)
        ),
        false => write!(out, " <span>{}</span>", Text(link)),
    }
}

fn write_neighbours(out: &mut String, people: &[Entry], place: usize) -> fmt::Result {
    let neighbour = |place: Option<usize>| place.and_then(|place| Some((place, people.get(place)?)));
    out.write_str("<p class=\"back\">")?;
    if let Some((before, entry)) = neighbour(place.checked_sub(1)) {
        write!(out, "<a href=\"#p{}\" dir=\"auto\" rel=\"prev\">{}</a> ", before + 1, Text(&entry.name))?;
    }
    if let Some((after, entry)) = neighbour(place.checked_add(1)) {
        write!(out, "<a href=\"#p{}\" dir=\"auto\" rel=\"next\">{}</a>", after + 1, Text(&entry.name))?;
    }
    out.write_str("</p>\n")
}
