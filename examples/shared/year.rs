//! A year at the Corner Table, read from `examples/data` into a memory: as it stood at an instant of it, or after it.

mod book;
mod rows;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use heirloom::{Actor, CsvOptions, ImportReport, Member, Memory, NewMember, OpenOptions, Result, Writer};

use rows::{DATA, at_most, begins, rows};

/// Fills a memory in main memory with what was known at an instant, and says how much that is.
pub(crate) fn year(options: OpenOptions, at: DateTime<Utc>) -> Result<(Memory, String)> {
    let memory = options.region("US".parse()?).in_memory()?;
    let members = memory.write(setup(), add_members)?;
    let (mut contacts, mut noted, mut skipped) = (0, 0, 0);
    for exporter in ["android", "google", "iphone", "nextcloud", "outlook"] {
        let report = memory.import(exporter).file(format!("{DATA}/contacts-{exporter}.vcf"))?;
        contacts += report.contacts_added;
        (noted, skipped) = (noted + report.notes_added, skipped + report.skipped);
    }
    let report = notes(&memory, at)?;
    let (notes, skipped) = (noted + report.notes_added, skipped + report.skipped);
    let promises = memory.write(setup(), |w| {
        book::look_after(w, &members, at)?;
        let promises = book::promise(w, &members, at)?;
        depart(w, &members, at)?;
        Ok(promises)
    })?;
    Ok((memory, format!("{contacts} contacts, {notes} notes and {promises} promises, {skipped} skipped")))
}

/// Reads what was noted up to an instant. What was read before stays as it is.
pub(crate) fn notes(memory: &Memory, at: DateTime<Utc>) -> Result<ImportReport> {
    let text = at_most(&rows::text("notes.csv")?, at);
    memory.import("corner-table").named("notes.csv").csv(text.as_bytes(), CsvOptions::new())
}

fn setup() -> Actor {
    Actor::system("lookup")
}

/// Adds the people who work for the restaurant, and the agency that some of them come from.
fn add_members(w: &mut Writer<'_>) -> Result<HashMap<String, Member>> {
    let agency = w.add_agency("Bright Spoon", Some(begins("2024-01-08")?), Some(begins("2025-12-31")?))?;
    let mut members = HashMap::new();
    for row in rows("members.csv")? {
        let member = NewMember::new(&row[0]).email(&row[1]);
        let member = if row[3].is_empty() { member } else { member.of_agency(agency) };
        members.insert(row[0].clone(), w.add_member(member)?);
    }
    Ok(members)
}

/// Lets those leave whose last day was before an instant.
fn depart(w: &mut Writer<'_>, members: &HashMap<String, Member>, at: DateTime<Utc>) -> Result<()> {
    for row in rows("members.csv")?.iter().filter(|row| rows::begun(&row[5], at)) {
        w.depart(&members[&row[0]], Some(&format!("last day {}", row[5])))?;
    }
    Ok(())
}
