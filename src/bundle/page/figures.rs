//! The figures of the reader page, counted from the notes that stand in it, and their charts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};

use chrono::Datelike as _;

use crate::brief::book::{Entry, in_words};
use crate::brief::html::Text;
use crate::id::MemberId;
use crate::note::{Note, NoteKind};
use crate::time::{Precision, When};
use crate::wording::{Count, word_for};

/// So many contacts and members the table of who knew whom has.
const ROWS: usize = 12;
/// So many members it has besides.
const COLUMNS: usize = 6;
/// The chart of notes over time has at most so many columns.
const PERIODS: i32 = 72;
/// So high the chart of notes over time is, in pixels.
const HEIGHT: f64 = 132.0;

/// What was counted.
#[derive(Default)]
pub(super) struct Figures {
    notes: u64,
    insights: u64,
    first: Option<When>,
    last: Option<When>,
    /// How many notes there are of each month, counted from the year 0.
    months: BTreeMap<i32, u64>,
    /// Who said something, or wrote it down, in the order in which they came.
    members: Vec<Member>,
    places: HashMap<MemberId, usize>,
    /// How many notes about the contact at hand each of them can be asked about; none for those that no member wrote.
    current: Vec<(Option<usize>, u64)>,
    /// The contacts with the most notes.
    most: Vec<Known>,
    nothing_noted: u64,
    /// Told by the contact or by another system, by no member.
    no_member: u64,
    /// Told by one member, and by nobody and nothing else.
    one_voice: u64,
    /// Told by one member, and by the contact or by another system.
    one_member: u64,
    several_members: u64,
}

struct Member {
    name: String,
    /// About how many contacts they can be asked.
    contacts: u64,
    /// About how many of those nobody else can be.
    alone: u64,
    /// How many notes they can be asked about; one about two contacts counts twice.
    notes: u64,
}

/// How much each member knows of one contact.
struct Known {
    place: usize,
    notes: u64,
    voices: Vec<(usize, u64)>,
}

impl Figures {
    /// Counts a note about the contact at hand; `first` says whether it was not counted about another.
    pub(super) fn note(&mut self, note: &Note, first: bool) {
        if first {
            self.notes += 1;
            self.insights += u64::from(note.kind == NoteKind::Insight);
            self.first = self.first.into_iter().chain([note.happened_at]).min();
            self.last = self.last.max(Some(note.happened_at));
            let start = note.happened_at.start();
            *self.months.entry(start.year() * 12 + start.month0() as i32).or_default() += 1;
        }
        let voice = self.voice(note);
        match self.current.iter_mut().find(|(known, _)| *known == voice) {
            Some((_, notes)) => *notes += 1,
            None => self.current.push((voice, 1)),
        }
    }

    /// Finds the member who can be asked about a note: who said it, else who wrote it down.
    fn voice(&mut self, note: &Note) -> Option<usize> {
        let said_by = note.said_by.as_ref().and_then(|speaker| Some((speaker.member?, &speaker.name)));
        let (member, name) = said_by.or_else(|| Some((note.recorded_by.member()?, &note.recorded_by_name)))?;
        let next = self.members.len();
        let place = *self.places.entry(member).or_insert(next);
        if place == next {
            self.members.push(Member { name: name.clone(), contacts: 0, alone: 0, notes: 0 });
        }
        Some(place)
    }

    /// Ends the counting for the contact in a place.
    pub(super) fn end_person(&mut self, place: usize) {
        let voices = std::mem::take(&mut self.current);
        match voices.as_slice() {
            [] => self.nothing_noted += 1,
            [(None, _)] => self.no_member += 1,
            [(Some(_), _)] => self.one_voice += 1,
            [(first, _), (second, _)] if first.is_none() || second.is_none() => self.one_member += 1,
            _ => self.several_members += 1,
        }
        let alone = voices.len() == 1;
        let known: Vec<(usize, u64)> = voices.into_iter().filter_map(|(voice, notes)| Some((voice?, notes))).collect();
        for (voice, notes) in &known {
            if let Some(member) = self.members.get_mut(*voice) {
                member.contacts += 1;
                member.alone += u64::from(alone);
                member.notes += notes;
            }
        }
        if !known.is_empty() {
            let notes = known.iter().map(|(_, notes)| notes).sum();
            self.most.push(Known { place, notes, voices: known });
            if self.most.len() > 4 * ROWS {
                self.keep_most();
            }
        }
    }

    fn keep_most(&mut self) {
        self.most.sort_by_key(|known| (Reverse(known.notes), known.place));
        self.most.truncate(ROWS);
    }

    /// Writes the figures of a page with these people.
    pub(super) fn write(mut self, out: &mut String, people: &[Entry]) -> fmt::Result {
        self.keep_most();
        out.write_str(
            "<section id=\"figures\" aria-labelledby=\"figures-title\">\n<h2 id=\"figures-title\">The figures</h2>\n",
        )?;
        self.write_totals(out, people.len() as u64)?;
        if self.notes > 0 {
            self.write_months(out)?;
            self.write_voices(out, people.len() as u64)?;
            self.write_members(out)?;
            self.write_known(out, people)?;
        }
        out.write_str("</section>\n")
    }

    fn write_totals(&self, out: &mut String, people: u64) -> fmt::Result {
        let members = self.members.len() as u64;
        let totals = [
            (people, word_for(people, "contact", "contacts")),
            (self.notes, word_for(self.notes, "note", "notes")),
            (self.insights, word_for(self.insights, "lasting insight", "lasting insights")),
            (members, word_for(members, "member who knew them", "members who knew them")),
        ];
        out.write_str("<ul class=\"totals\">\n")?;
        totals
            .iter()
            .try_for_each(|(count, what)| writeln!(out, "<li><b>{}</b> <span>{what}</span></li>", Grouped(*count)))?;
        out.write_str("</ul>\n")
    }

    /// Writes how many notes there are of each month; of longer periods where there are too many months.
    fn write_months(&self, out: &mut String) -> fmt::Result {
        let (Some(first), Some(last)) = (self.months.keys().next(), self.months.keys().next_back()) else {
            return Ok(());
        };
        let (length, called) = period(*first, *last);
        let mut periods: BTreeMap<i32, u64> = (first / length..=last / length).map(|period| (period, 0)).collect();
        for (month, notes) in &self.months {
            *periods.entry(month / length).or_default() += notes;
        }
        let said = match (self.first, self.last) {
            (Some(first), Some(last)) => format!("from {} to {}", day(first), day(last)),
            _ => String::new(),
        };
        writeln!(
            out,
            "<figure class=\"when\">\n<figcaption><h3>When</h3><p>Notes of each {called}, {said}.</p></figcaption>"
        )?;
        write_columns(out, &periods, length)?;
        write!(out, "<details><summary>As a table</summary>\n<table><thead><tr><th scope=\"col\">")?;
        writeln!(out, "From</th><th scope=\"col\">Notes</th></tr></thead><tbody>")?;
        for (period, notes) in periods.iter().filter(|(_, notes)| **notes > 0) {
            writeln!(out, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", month(period * length), Grouped(*notes))?;
        }
        out.write_str("</tbody></table></details>\n</figure>\n")
    }

    /// Writes of how many contacts one member alone can tell.
    fn write_voices(&self, out: &mut String, people: u64) -> fmt::Result {
        let sorts = [
            (self.one_voice, "alone", "in one voice only"),
            (self.one_member, "some", "by one member, and by others who are no members"),
            (self.several_members, "full", "by several members"),
            (self.no_member, "others", "only by others who are no members"),
            (self.nothing_noted, "none", "nothing noted"),
        ];
        out.write_str("<figure class=\"voices\">\n<figcaption><h3>One voice only</h3>")?;
        writeln!(
            out,
            "<p>What is known of {} of {} stands in the words of one member, and nowhere else.</p></figcaption>",
            Grouped(self.one_voice),
            Count(people, "contact")
        )?;
        write_bar(out, &sorts.map(|(count, class, _)| (count, class)), people)?;
        out.write_str("<ul class=\"key\">\n")?;
        sorts.iter().filter(|(count, ..)| *count > 0).try_for_each(|(count, class, what)| {
            writeln!(
                out,
                "<li><svg width=\"12\" height=\"12\" aria-hidden=\"true\"><rect class=\"{class}\" width=\"12\" \
                 height=\"12\" rx=\"2\"/></svg> <b>{}</b> {what}</li>",
                Grouped(*count)
            )
        })?;
        out.write_str("</ul>\n</figure>\n")
    }

    /// Writes how many contacts each member can be asked about, and of how many of them alone.
    fn write_members(&self, out: &mut String) -> fmt::Result {
        if self.members.is_empty() {
            return Ok(());
        }
        let mut members: Vec<&Member> = self.members.iter().collect();
        members.sort_by(|a, b| {
            (Reverse(a.contacts), Reverse(a.notes), &a.name).cmp(&(Reverse(b.contacts), Reverse(b.notes), &b.name))
        });
        let most = members.first().map_or(0, |member| member.contacts);
        out.write_str(
            "<figure class=\"knew\">\n<figcaption><h3>Who knew whom</h3><p>How many contacts each can be asked about; \
             darker, those of whom nobody else tells.</p></figcaption>\n<dl class=\"bars\">\n",
        )?;
        for member in members {
            write!(out, "<div><dt dir=\"auto\">{}</dt><dd>", Text(&member.name))?;
            write_bar(out, &[(member.alone, "alone"), (member.contacts - member.alone, "full")], most)?;
            writeln!(
                out,
                "<span>{}, {} alone, {}</span></dd></div>",
                Count(member.contacts, "contact"),
                Grouped(member.alone),
                Count(member.notes, "note")
            )?;
        }
        out.write_str("</dl>\n</figure>\n")
    }

    /// Writes how much each member knows of the contacts with the most notes.
    fn write_known(&self, out: &mut String, people: &[Entry]) -> fmt::Result {
        let mut members: Vec<(usize, &Member)> = self.members.iter().enumerate().collect();
        members.sort_by(|(_, a), (_, b)| (Reverse(a.notes), &a.name).cmp(&(Reverse(b.notes), &b.name)));
        members.truncate(COLUMNS);
        let most = self.most.iter().flat_map(|known| &known.voices).map(|(_, notes)| *notes).max().unwrap_or(1);
        if members.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "<figure class=\"matrix\">\n<figcaption><h3>Who knew them best</h3><p>Notes of {}, about {}.</p></figcaption>\n\
             <div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Who knew them best\">\n<table><thead><tr><td></td>",
            most_of(members.len(), self.members.len(), "member"),
            most_of(self.most.len(), people.len(), "contact")
        )?;
        members
            .iter()
            .try_for_each(|(_, member)| writeln!(out, "<th scope=\"col\" dir=\"auto\">{}</th>", Text(&member.name)))?;
        out.write_str("</tr></thead><tbody>\n")?;
        for (known, entry) in self.most.iter().filter_map(|known| Some((known, people.get(known.place)?))) {
            let name = Text(&entry.name);
            write!(out, "<tr><th scope=\"row\"><a href=\"#p{}\" dir=\"auto\">{name}</a></th>", known.place + 1)?;
            for (at, _) in &members {
                let notes = known.voices.iter().find(|(voice, _)| voice == at).map_or(0, |(_, notes)| *notes);
                write_dot(out, notes, most)?;
            }
            out.write_str("</tr>\n")?;
        }
        out.write_str("</tbody></table></div>\n</figure>\n")
    }
}

/// How many of all are shown.
fn most_of(shown: usize, all: usize, noun: &str) -> String {
    let count = Count(all as u64, noun);
    match shown < all {
        true => format!("the {shown} of {count} with the most"),
        false => count.to_string(),
    }
}

/// A cell of the table of who knew whom: a disc whose area is the number of notes, and the number.
fn write_dot(out: &mut String, notes: u64, most: u64) -> fmt::Result {
    if notes == 0 {
        return out.write_str("<td><span class=\"zero\">·</span></td>");
    }
    let radius = (notes as f64 / most.max(1) as f64).sqrt() * 13.0;
    write!(
        out,
        "<td><svg width=\"28\" height=\"28\" aria-hidden=\"true\"><circle class=\"full\" cx=\"14\" cy=\"14\" \
         r=\"{:.1}\"/></svg> {}</td>",
        radius.max(1.5),
        Grouped(notes)
    )
}

/// Writes a bar of parts that follow each other, as wide as their share of `most`.
pub(super) fn write_bar(out: &mut String, parts: &[(u64, &str)], most: u64) -> fmt::Result {
    out.write_str("<svg class=\"bar\" width=\"100%\" height=\"14\" aria-hidden=\"true\">")?;
    let mut from = 0;
    for (count, class) in parts.iter().filter(|(count, _)| *count > 0) {
        let share = |count: u64| count as f64 / most.max(1) as f64 * 100.0;
        let (x, width) = (share(from), share(*count));
        write!(out, "<rect class=\"{class}\" x=\"{x:.2}%\" width=\"{width:.2}%\" height=\"14\"/>")?;
        from += count;
    }
    out.write_str("</svg>")
}

/// How many months a column of the chart covers, and what such a period is called.
fn period(first: i32, last: i32) -> (i32, String) {
    let lengths = [(1, "month"), (3, "quarter"), (12, "year"), (120, "decade")];
    let fits = |length: i32| last / length - first / length < PERIODS;
    match lengths.iter().find(|(length, _)| fits(*length)) {
        Some((length, called)) => (*length, (*called).to_owned()),
        None => (1_200, "century".to_owned()),
    }
}

fn write_columns(out: &mut String, periods: &BTreeMap<i32, u64>, length: i32) -> fmt::Result {
    let most = periods.values().copied().max().unwrap_or(1).max(1);
    let width = 100.0 / periods.len().max(1) as f64;
    write!(
        out,
        "<svg class=\"columns\" width=\"100%\" height=\"{}\" role=\"img\" aria-label=\"The most in one: {}\">\
         <text x=\"0\" y=\"11\">{}</text><line x1=\"0\" x2=\"100%\" y1=\"{}\" y2=\"{}\"/>",
        HEIGHT + 38.0,
        Grouped(most),
        Grouped(most),
        HEIGHT + 16.5,
        HEIGHT + 16.5
    )?;
    let labelled = (periods.len() / 8).max(1);
    let (mut year, mut since) = (None, labelled);
    for (at, (period, notes)) in periods.iter().enumerate() {
        let x = width * at as f64;
        let height = *notes as f64 / most as f64 * HEIGHT;
        if *notes > 0 {
            write!(
                out,
                "<rect class=\"full\" x=\"{:.2}%\" y=\"{:.1}\" width=\"{:.2}%\" height=\"{height:.1}\"><title>{}: {}</title></rect>",
                x + width * 0.1,
                HEIGHT + 16.0 - height,
                width * 0.8,
                month(period * length),
                Count(*notes, "note")
            )?;
        }
        let this = period * length / 12;
        since += 1;
        if year.replace(this) != Some(this) && since > labelled {
            write!(out, "<text x=\"{x:.2}%\" y=\"{}\">{this}</text>", HEIGHT + 34.0)?;
            since = 0;
        }
    }
    out.write_str("</svg>\n")
}

/// The month of a number of months since the year 0.
fn month(months: i32) -> String {
    let month = When::month(months / 12, (months % 12 + 1).unsigned_abs());
    month.map(in_words).unwrap_or_default()
}

fn day(when: When) -> String {
    let date = match when.precision() {
        Precision::Instant => when.start().date_naive().to_string(),
        _ => when.to_string(),
    };
    format!("<time datetime=\"{date}\">{}</time>", in_words(when))
}

/// A number with a comma between its thousands.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        digits.char_indices().try_for_each(|(at, digit)| {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)
        })
    }
}
