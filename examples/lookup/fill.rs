//! A year at the Corner Table, read from `examples/data` into one new file.

use std::{collections::HashMap, fs, path::Path};

use heirloom::{Actor, Error, Member, Memory, NewMember, Result, Role, Terms, When, Writer};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data");

/// Fills a memory in main memory, then writes it to the file at once: the file is complete, or it is not there.
pub(crate) fn fill(path: &Path) -> Result<String> {
    let memory = Memory::options().region("US".parse()?).in_memory()?;
    let members = memory.write(Actor::system("lookup"), add_members)?;
    let (mut contacts, mut skipped) = (0, 0);
    for exporter in ["android", "google", "iphone", "nextcloud", "outlook"] {
        let report = memory.import(exporter).file(format!("{DATA}/contacts-{exporter}.vcf"))?;
        (contacts, skipped) = (contacts + report.contacts_added, skipped + report.skipped);
    }
    let report = memory.import("corner-table").file(format!("{DATA}/notes.csv"))?;
    memory.write(Actor::system("lookup"), |w| look_after(w, &members))?;
    memory.backup(path)?;
    Ok(format!("{contacts} contacts and {} notes, {} skipped", report.notes_added, skipped + report.skipped))
}

/// Adds the people who work for the restaurant, and the agency that some of them come from.
fn add_members(w: &mut Writer<'_>) -> Result<HashMap<String, Member>> {
    let (since, until) = ("2024-01-08".parse::<When>()?.start(), "2025-12-31".parse::<When>()?.start());
    let agency = w.add_agency("Bright Spoon", Some(since), Some(until))?;
    let mut members = HashMap::new();
    for row in rows("members.csv")? {
        let member = NewMember::new(&row[0]).email(&row[1]);
        let member = if row[3].is_empty() { member } else { member.of_agency(agency) };
        members.insert(row[0].clone(), w.add_member(member)?);
    }
    Ok(members)
}

/// Says who looked after whom, from when and until when; then those leave who are no longer there.
fn look_after(w: &mut Writer<'_>, members: &HashMap<String, Member>) -> Result<()> {
    for row in rows("ownership.csv")? {
        let terms = Terms::from(row[2].parse::<Role>()?).starting(row[3].parse::<When>()?.start());
        let terms = if row[4].is_empty() { terms } else { terms.until(row[4].parse::<When>()?.start()) };
        let terms = if row[5].is_empty() { terms } else { terms.because(&row[5]) };
        let contact = w.view().named(&row[0])?[0].id;
        w.assign(contact, &members[&row[1]], terms)?;
    }
    for row in rows("members.csv")?.iter().filter(|row| !row[5].is_empty()) {
        w.depart(&members[&row[0]], Some(&format!("last day {}", row[5])))?;
    }
    Ok(())
}

/// The rows of a file without quoted cells, below its header.
fn rows(file: &str) -> Result<Vec<Vec<String>>> {
    let path = format!("{DATA}/{file}");
    let text = fs::read_to_string(&path).map_err(|e| Error::Io { path: path.into(), why: e.to_string() })?;
    Ok(text.lines().skip(1).map(|row| row.split(',').map(str::to_owned).collect()).collect())
}
