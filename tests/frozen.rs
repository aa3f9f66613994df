//! What 0.1.0 wrote stays readable: the bodies of its entries, letter by letter, and a file of it.
//!
//! A change here that is not an addition breaks every memory that was ever written. A release adds a fixture of its own
//! beside the old ones: `HEIRLOOM_WRITE_FIXTURE=tests/fixtures/0.2.0.heirloom cargo test --test frozen`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::{env, fs};

use chrono::{DateTime, TimeZone, Utc};
use heirloom::{
    Actor, Change, Channel, Direction, Memory, NewAttachment, NewContact, NewHandle, NewMember, NoteKind, Result, Role,
    Sensitivity, Via,
};
use rusqlite::{Connection, OpenFlags};

fn at(month: u32, day: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2025, month, day, 18, 30, 0).unwrap()
}

/// Writes a memory with entries of each kind. Nothing in it but ids and salts differs from run to run.
fn write_one_of_each(path: &Path) -> Result<Memory> {
    let memory = Memory::options().clock(|| at(3, 12)).region("US".parse()?).open(path)?;
    let (mia, jonas) = memory.write(Actor::system("setup"), |w| {
        let agency = w.add_agency("Bright Spoon", Some(at(1, 1)), Some(at(12, 31)))?;
        let mia = w.add_member(NewMember::new("Mia Lindqvist").email("mia@cornertable.example"))?;
        let jonas = w.add_member(NewMember::new("Jonas").of_agency(agency))?;
        w.rename_member(&jonas, "Jonas Weber")?;
        Ok((mia, jonas))
    })?;
    let sally = memory.write(&jonas, |w| {
        let sally = w.add_contact(
            NewContact::person("Sally Whitcomb")
                .with_handle(NewHandle::new(Channel::X, "@sally").network_id("783214").label("private").since(at(1, 2)))
                .handle(Channel::Email, "sally@whitcomb.example")
                .audience("customer")
                .field("job_title", "Librarian")
                .tag("regular")
                .date("birthday", "1985-10-12".parse()?)
                .do_not_contact(Channel::Phone, "asked us not to")
                .external_id("hubspot", "42"),
        )?;
        let library = w.add_contact(NewContact::organisation("Belfast Town Library"))?;
        w.link(sally, "works_at", library)?;
        w.link(sally, "knows", library)?;
        w.unlink(sally, "knows", library)?;
        w.rename_contact(sally, "Sally Marsh")?;
        w.set_audience(sally, "press")?;
        w.set_field(sally, "favourite dish", Some("lemon tart"))?;
        w.set_field(sally, "job_title", None)?;
        w.set_date(sally, "name day", Some("--05-03".parse()?))?;
        w.do_not_contact(sally, None, "on holiday")?;
        w.may_contact(sally, Channel::Phone)?;
        w.tag(sally, "Tart")?;
        w.untag(sally, "regular")?;
        w.identify(sally, "mailchimp", "c-7")?;
        w.attach(sally, NewAttachment::new("sally.txt", "text/plain", "a picture in words"))?;
        w.add_handle(sally, NewHandle::new(Channel::Phone, "(207) 555-0101"))?;
        w.rename_handle(sally, Channel::X, "@sally", "@sally_m")?;
        w.end_handle(sally, Channel::Email, "sally@whitcomb.example")?;
        Ok(sally)
    })?;
    memory.write(Actor::agent_of("scribe", &jonas), |w| {
        let full = w
            .note(sally, "Stops by when she reaches her weekly weight goal")
            .insight()
            .happened_at("2025-03")
            .said_by(sally)
            .via(Via::Hand)
            .channel(Channel::X)
            .direction(Direction::In)
            .permalink("https://x.com/sally/status/1")
            .private()
            .sensitivity(Sensitivity::Health)
            .external_id("x", "1")
            .attach(NewAttachment::new("tart.txt", "text/plain", "a tart"))
            .save()?;
        w.caused_by(w.last_entry())?;
        w.correct_note(full, "Stops by as a reward when she reaches her weekly weight goal", Some("misheard"))?;
        w.reclassify_note(full, NoteKind::Milestone, Sensitivity::Confidential)?;
        let short = w.note(sally, "Asked for a table").said_by("her sister").save()?;
        w.retract_note(short, Some("it was somebody else"))
    })?;
    memory.write(&mia, |w| {
        w.assign(sally, &jonas, Role::Owner.starting(at(1, 5)))?;
        w.assign(sally, &mia, Role::Cover.until(at(4, 1)).because("Jonas is away"))?;
        w.unassign(sally, &mia, Role::Cover, Some("back early"))?;
        w.transfer(sally, &mia, Some("the contract ends"))?;
        w.depart(&jonas, Some("the contract ends"))?;
        w.welcome_back(&jonas)
    })?;
    let line = br#"{"contact": {"id": "7", "name": "Ben", "notes": {"id": "n1", "text": "Likes pie"}}}"#;
    assert_eq!(memory.import("crm").json_lines(&line[..])?.contacts_added, 1);
    let _ = memory.write_once(Actor::system("sync"), "run 1", |w| w.tag(sally, "synced"))?;
    Ok(memory)
}

/// Kind, version and body of each entry as they stand in a file, read without heirloom. Each id is written as the number
/// of its first appearance.
fn entries(path: &Path) -> Vec<String> {
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut query = file
        .prepare("SELECT e.kind, e.version, b.body FROM entry e JOIN entry_body b ON b.seq = e.seq ORDER BY e.seq")
        .unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let mut ids = HashMap::new();
    rows.map(|row| {
        let (kind, version, body): (String, i64, String) = row.unwrap();
        format!("{kind} {version} {}", without_ids(&body, &mut ids))
    })
    .collect()
}

fn without_ids(body: &str, ids: &mut HashMap<String, usize>) -> String {
    let parts = body.split('"').map(|part| match uuid::Uuid::try_parse(part) {
        Ok(_) if part.len() == 36 => {
            let next = ids.len() + 1;
            format!("id {}", ids.entry(part.to_owned()).or_insert(next))
        }
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("\"")
}

/// The entries of [`write_one_of_each`] as 0.1.0 wrote them, a line each.
const FROZEN: &str = include_str!("fixtures/0.1.0.entries.txt");

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/0.1.0.heirloom")
}

#[test]
fn the_bodies_of_entries_are_written_as_in_the_first_release() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.heirloom");
    let memory = write_one_of_each(&path).unwrap();
    assert!(memory.verify().unwrap().is_sound());
    if let Some(fixture) = env::var_os("HEIRLOOM_WRITE_FIXTURE").map(PathBuf::from) {
        let _ = fs::remove_file(&fixture);
        memory.backup(&fixture).unwrap();
        fs::write(fixture.with_extension("entries.txt"), entries(&path).join("\n") + "\n").unwrap();
    }
    for (written, frozen) in entries(&path).iter().zip(FROZEN.lines()) {
        assert_eq!(written, frozen);
    }
    assert_eq!(entries(&path).len(), FROZEN.lines().count());
}

#[test]
fn every_kind_of_entry_is_frozen() {
    let frozen: BTreeSet<&str> = FROZEN.lines().filter_map(|line| line.split(' ').next()).collect();
    let sources = include_str!("../src/change.rs");
    let known: BTreeSet<&str> = sources
        .lines()
        .filter_map(|line| line.strip_suffix(';')?.rsplit_once("\" ")?.0.split_once(" \""))
        .map(|(_, word)| word)
        .collect();
    assert!(known.len() > 20, "{known:?}");
    assert_eq!(frozen, known);
}

#[test]
fn a_file_of_the_first_release_is_opened_verified_read_and_searched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("0.1.0.heirloom");
    fs::copy(fixture(), &path).unwrap();
    assert_eq!(entries(&path).join("\n") + "\n", FROZEN);
    let memory = Memory::options().must_exist().clock(|| at(6, 1)).open(&path).unwrap();
    let verified = memory.verify().unwrap();
    assert!(verified.is_sound(), "{verified}");
    for entry in memory.all_seeing().changes_after(memory.first_cursor()).unwrap() {
        let entry = entry.unwrap();
        assert!(!matches!(entry.change, None | Some(Change::Unknown(_))), "{entry}");
    }
    let sally = memory.by_handle(Channel::X, "https://x.com/sally").unwrap().remove(0);
    assert!(!sally.current, "she has been renamed since");
    let jonas = memory.members_called("jonas weber").unwrap().remove(0);
    let seen = memory.seen_by(&jonas).unwrap();
    let brief = seen.brief(sally.contact.id).unwrap().to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    for known in [
        "Sally Marsh",
        "@sally_m",
        "Mia Lindqvist owner since 2025-03-12, because: the contract ends",
        "Stops by as a reward when she reaches her weekly weight goal — Sally Marsh",
        "[milestone, confidential, private]",
        "favourite dish lemon tart",
        "works at Belfast Town Library",
    ] {
        assert!(brief.contains(known), "{known} is not in\n{brief}");
    }
    let hits = seen.search("why does Sally come by?").within(sally.contact.id).notes_only().run().unwrap();
    assert!(hits[0].snippet.text.contains("weekly weight goal"), "{hits:?}");
    memory.write(&jonas, |w| w.note(sally.contact.id, "Still here").save()).unwrap();
    assert!(memory.verify_against(verified.head).unwrap().is_sound());
}
