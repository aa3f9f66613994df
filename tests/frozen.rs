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
    Actor, Change, Channel, Direction, Fate, HandoffState, Member, Memory, NewAttachment, NewContact, NewHandle,
    NewMember, NoteKind, Result, Role, Sensitivity, Stage, Via, When,
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
    memory.write(&mia, |w| {
        let note = w.note(sally, "Would love the summer menu").save()?;
        w.follow_up(sally, "Send the summer menu").due("2025-06").from_note(note).owner(&jonas).save()?;
        let photo = w.follow_up(sally, "Print the photo of the tart").save()?;
        w.reschedule_follow_up(photo, "2025-05-02".parse::<When>()?, Some("the printer is broken"))?;
        w.hand_on_follow_up(photo, &jonas, Some("he has the photo"))?;
        w.drop_follow_up(photo, Some("the photo is lost"))?;
        w.reopen_follow_up(photo, Some("the photo was found"))?;
        w.finish_follow_up(photo, Some("it hangs in the library"))
    })?;
    leave(&memory, &mia, &jonas)?;
    erase(&memory, &mia)?;
    #[cfg(feature = "bundle")]
    travel(&memory, &mia)?;
    Ok(memory)
}

/// Places a hold and lifts it, and erases a contact, a note, a promise and who a member was.
fn erase(memory: &Memory, mia: &Member) -> Result<()> {
    let host = || Actor::system("front desk");
    let max = memory.write(host(), |w| w.add_member(NewMember::new("Max Moser").email("max@bright-spoon.example")))?;
    let (olga, note, promise) = memory.write(&max, |w| {
        let olga = w.add_contact(NewContact::person("Olga Petrova").handle(Channel::Email, "olga@petrova.example"))?;
        let theo = w.add_contact(NewContact::person("Theo Lang"))?;
        w.hold(theo, "case 12", "a claim is open")?;
        w.lift_hold(theo, "case 12", "the claim was settled")?;
        w.note_about(&[olga, theo], "Came together")?.save()?;
        w.follow_up(olga, "Send her the bill").owner(mia).save()?;
        Ok((olga, w.note(theo, "Is looking for work").save()?, w.follow_up(theo, "Ask around").owner(mia).save()?))
    })?;
    memory.write(host(), |w| w.depart(&max, None))?;
    let erased = [
        memory.erase(host(), olga, "request 4711")?,
        memory.erase_note(host(), note, "request 4712")?,
        memory.erase_follow_up(host(), promise, "request 4713")?,
        memory.erase_member(host(), &max, "request 4714")?,
    ];
    assert!(erased.iter().all(|erased| erased.remains.is_none()), "{erased:?}");
    Ok(())
}

/// Hears from another memory, whose people it lets act here; and hands a contact over to it, which it then deletes.
#[cfg(feature = "bundle")]
fn travel(memory: &Memory, mia: &Member) -> Result<()> {
    use heirloom::bundle::{Bag, Opening, SigningKey, TrustedKeys};
    use ssh_key::private::{Ed25519Keypair, KeypairData, PrivateKey};

    let key = KeypairData::Ed25519(Ed25519Keypair::from_seed(&[7; 32]));
    let key = PrivateKey::new(key, "eva@corner-table.example").unwrap();
    let trusted = TrustedKeys::parse(&key.public_key().to_openssh().unwrap())?;
    let key = SigningKey::from_openssh(key.to_openssh(ssh_key::LineEnding::LF).unwrap())?;
    let bag = |from: &Memory, contact| -> Result<Bag> {
        let mut zip = Vec::new();
        let _ = from.bundle().of([contact]).sender("Bright Spoon").receiver("Corner Table").write(&mut zip)?;
        Ok(Opening::new().open_reader("handoff.zip", std::io::Cursor::new(zip))?)
    };
    let elsewhere = Memory::options().clock(|| at(3, 12)).in_memory()?;
    let (eva, rosa) = elsewhere.write(Actor::system("setup"), |w| {
        let eva = w.add_member(NewMember::new("Eva Brandt"))?;
        let rosa = w.add_contact(NewContact::person("Rosa Lind").tag("terrace"))?;
        let lind = w.add_contact(NewContact::organisation("Lind & Sons"))?;
        w.link(rosa, "works_at", lind)?;
        w.assign(rosa, &eva, Role::Owner)?;
        Ok((eva, rosa))
    })?;
    let arrival = memory.import_bundle(&bag(&elsewhere, rosa)?).run(mia)?;
    assert!(arrival.received.is_some());
    memory.write(mia, |w| w.admit_member(&eva))?;

    let paul = memory.write(mia, |w| {
        let paul = w.add_contact(NewContact::person("Paul Sommer"))?;
        w.note(paul, "Asks for the table by the stove").save()?;
        Ok(paul)
    })?;
    let handed = bag(memory, paul)?;
    let receipt = elsewhere.import_bundle(&handed).run(&eva)?.receipt()?;
    let signature = receipt.sign(&key)?.to_string();
    let _ = memory.record_receipt(mia, &receipt.to_json(), Some(&signature), &trusted)?;
    let purge = memory.purge(&handed, "as agreed in the contract, section 7");
    let _ = purge.run(mia, &purge.preview()?)?;
    Ok(())
}

/// Lets the people of an agency hand over what they look after, and leave.
fn leave(memory: &Memory, mia: &Member, jonas: &Member) -> Result<()> {
    let (agency, tom) = memory.write(Actor::system("setup"), |w| {
        let agency = w.add_agency("The Agency", None, None)?;
        Ok((agency, w.add_member(NewMember::new("Tom Okoro").of_agency(agency))?))
    })?;
    let (dan, kate) = memory.write(&tom, |w| {
        let dan = w.add_contact(NewContact::person("Dan Wu"))?;
        let kate = w.add_contact(NewContact::person("Kate Moss"))?;
        w.assign(dan, &tom, Role::Owner)?;
        w.assign(kate, &tom, Role::Owner)?;
        w.follow_up(dan, "Keep him the quiet table").due("2025-04-01").save()?;
        w.note(dan, "Wants to be alone since the divorce").private().save()?;
        let known = w.note(dan, "His son works in the kitchen next door").private().save()?;
        w.release_note(known, jonas, Some("knows the son"))?;
        Ok((dan, kate))
    })?;
    let plan = memory.handoff().of_agency(agency).reason("the contract ends").to(jonas).private_notes(Fate::Seal);
    let plan = plan.stage(Stage::Shadow, at(3, 20)).plan()?;
    let handoff = memory.write(&tom, |w| w.offer(&plan))?;
    memory.write(jonas, |w| w.decline(handoff, dan, "I am never here at noon"))?;
    let question = memory.write(mia, |w| {
        w.offer_to(handoff, dan, mia)?;
        w.keep(handoff, kate, "moves away with Tom")?;
        w.ask(handoff, dan, "What does he drink?")
    })?;
    memory.write(&tom, |w| w.answer(question, "Mint tea, no sugar"))?;
    memory.write(mia, |w| {
        w.accept(handoff, dan)?;
        w.advance(handoff, Stage::Shadow, Some("the Monday list"))?;
        w.complete(handoff)
    })?;
    memory.write(mia, |w| w.undo(handoff, "signed for another year").map(drop))?;
    let plan = memory.handoff().of_contacts([kate]).reason("a second thought").to(jonas).plan()?;
    memory.write(&tom, |w| {
        let handoff = w.offer(&plan)?;
        w.withdraw(handoff, "she stays with Tom")
    })?;
    let plan = memory.handoff().of_agency(agency).reason("the contract ended").to(mia).plan()?;
    memory.write(mia, |w| {
        let handoff = w.offer(&plan)?;
        w.accept_all(handoff)?;
        w.complete(handoff)?;
        w.depart(agency, Some("the contract ended"))?;
        w.welcome_back(agency)
    })
}

/// Kind, version and body of each entry as they stand in a file, read without heirloom. Each id is written as the number
/// of its first appearance; in the place of a hash stands that there is one, for it differs with the ids, unless it is that of
/// bytes.
fn entries(path: &Path) -> Vec<String> {
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut query = file
        .prepare("SELECT e.kind, e.version, b.body FROM entry e JOIN entry_body b ON b.seq = e.seq ORDER BY e.seq")
        .unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let mut ids = HashMap::new();
    rows.map(|row| {
        let (kind, version, body): (String, i64, String) = row.unwrap();
        // A receipt and a certificate stand in their entries as the texts that they are.
        let opaque =
            [r#""receipt":""#, r#""certificate":""#].iter().find_map(|name| body.split_once(name).zip(Some(name)));
        let body = match opaque {
            Some(((before, _), name)) => format!("{before}{name}text\"}}"),
            None => body,
        };
        format!("{kind} {version} {}", without_ids(&body, &mut ids))
    })
    .collect()
}

fn without_ids(body: &str, ids: &mut HashMap<String, usize>) -> String {
    let (mut text, mut rest) = (String::new(), body);
    while let Some(next) = rest.chars().next() {
        let is_hash = |part: &&str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_id = |part: &&str| part.contains('-') && uuid::Uuid::try_parse(part).is_ok();
        let is_of_bytes = text.ends_with(r#""sha256":""#);
        let length = if rest.get(..64).filter(is_hash).is_some() && !is_of_bytes {
            text.push_str("hash");
            64
        } else if let Some(id) = rest.get(..36).filter(is_id) {
            let next = ids.len() + 1;
            text.push_str(&format!("id {}", ids.entry(id.to_owned()).or_insert(next)));
            36
        } else {
            text.push(next);
            next.len_utf8()
        };
        rest = &rest[length..];
    }
    text
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
    let verified = memory.verify().unwrap();
    assert!(verified.is_sound(), "{verified}");
    if let Some(fixture) = env::var_os("HEIRLOOM_WRITE_FIXTURE").map(PathBuf::from) {
        let _ = fs::remove_file(&fixture);
        memory.backup(&fixture).unwrap();
        fs::write(fixture.with_extension("entries.txt"), entries(&path).join("\n") + "\n").unwrap();
    }
    for (written, frozen) in entries(&path).iter().zip(FROZEN.lines()) {
        assert_eq!(written, frozen);
    }
    // What came in bundles stands last.
    let (written, frozen) = (entries(&path).len(), FROZEN.lines().count());
    assert!(if cfg!(feature = "bundle") { written == frozen } else { written < frozen }, "{written} of {frozen}");
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
        assert!(!matches!(entry.change, Some(Change::Unknown(_))), "{entry}");
        assert!(entry.change.is_some() || entry.absent.is_some(), "{entry}");
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
        "promised: Send the summer menu, until 2025-06 — Jonas Weber, passed on by Mia Lindqvist",
    ] {
        assert!(brief.contains(known), "{known} is not in\n{brief}");
    }
    let hits = seen.search("why does Sally come by?").within(sally.contact.id).notes_only().run().unwrap();
    assert!(hits[0].snippet.text.contains("weekly weight goal"), "{hits:?}");
    memory.write(&jonas, |w| w.note(sally.contact.id, "Still here").save()).unwrap();
    assert!(memory.verify_against(verified.head).unwrap().is_sound());
    what_was_left_is_read(&memory);
}

/// Reads what [`leave`] wrote: promises, handoffs with their receipts, the fates of private notes, and the history.
fn what_was_left_is_read(memory: &Memory) {
    let dan = memory.named("Dan Wu").unwrap().remove(0);
    let promise = memory.follow_ups(&dan).unwrap().remove(0);
    let mia = "Mia Lindqvist, promised by Tom Okoro";
    assert_eq!(promise.to_string(), format!("Dan Wu: Keep him the quiet table, until 2025-04-01 (overdue) — {mia}"));
    assert!(memory.brief(&dan).unwrap().to_string().contains("What does he drink? Mint tea, no sugar"));
    let handoffs = memory.handoffs().unwrap();
    let states: Vec<_> = handoffs.iter().map(|handoff| handoff.state).collect();
    assert_eq!(states, [HandoffState::Undone, HandoffState::Withdrawn, HandoffState::Completed]);
    for (handoff, known) in [
        (&handoffs[0], ["Reason  the contract ends", "Undone  signed for another year", "It had gone to"]),
        (&handoffs[2], ["Reason  the contract ended", "2  contacts changed hands", "1  promise moved"]),
    ] {
        let receipt = memory.receipt(handoff.id).unwrap();
        let told = receipt.to_string();
        for known in known {
            assert!(told.contains(known), "{known} is not in\n{told}");
        }
        assert!(memory.verify_against(receipt.head).unwrap().is_sound());
    }
    let question = memory.handoff_questions(handoffs[0].id).unwrap().remove(0);
    assert_eq!(memory.note(question.answer.unwrap()).unwrap().text, "What does he drink? Mint tea, no sugar");
    let secrets = |memory: &Memory| memory.search("divorce kitchen").within(dan.id).notes_only().run().unwrap().len();
    let people = ["tom okoro", "jonas weber"].map(|name| memory.members_called(name).unwrap().remove(0));
    assert_eq!(people.map(|member| secrets(&memory.seen_by(&member).unwrap())), [1, 1]);
    let feed = memory.all_seeing().changes_after(memory.first_cursor()).unwrap();
    let told: Vec<String> = feed.map(|entry| entry.unwrap().to_string()).collect();
    for known in [
        "offered 2 contacts of The Agency (the contract ends)",
        "brought the handoff “the contract ends” to its stage shadow",
        "completed the handoff “the contract ends”",
        "undid the handoff “the contract ends” (signed for another year)",
        "withdrew the handoff “a second thought” (she stays with Tom)",
        "offered Dan Wu of Tom Okoro to Jonas",
        "declined Dan Wu (I am never here at noon)",
        "asked about Dan Wu: “What does he drink?”",
        "answered a question about Dan Wu",
        "read the brief of Dan Wu and accepted",
        "handed Dan Wu from Tom Okoro to Mia Lindqvist (the contract ends)",
        "promised Dan Wu: “Keep him the quiet table” until 2025-04-01",
        "handed the promise “Keep him the quiet table” to Dan Wu from Tom Okoro to Mia Lindqvist",
        "released the private note about Dan Wu to Jonas Weber (knows the son)",
        "sealed the private note about Dan Wu (the contract ends)",
        "marked the agency The Agency as departed (the contract ended)",
        "marked the agency The Agency as returned",
        "placed a legal hold on Theo Lang for case 12 (a claim is open)",
        "lifted the legal hold on Theo Lang for case 12 (the claim was settled)",
        "(request 4711)",
        "(request 4712)",
        "(request 4713)",
        "(request 4714)",
        "admitted Eva Brandt, who came from another memory",
    ] {
        assert!(told.iter().any(|line| line.contains(known)), "{known} is not in\n{}", told.join("\n"));
    }
}
