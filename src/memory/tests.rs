//! A write that fails at any of its statements leaves nothing, says so in words, and the handle goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use chrono::{TimeDelta, TimeZone};

use super::*;
use crate::{
    Channel, ContactId, Direction, Fate, HandoffId, HandoffState, Member, NewAttachment, NewContact, NewHandle,
    NewMember, NoteId, NoteKind, Plan, Role, Sensitivity, Stage as HandoffStage, When, relation,
};

#[test]
fn changes_of_a_newer_heirloom_are_carried() {
    use crate::change::{Change, Unknown};
    use crate::journal::Subject;
    let stage = stage();
    let newer = |kind: &str, version, body| Change::Unknown(Unknown { kind: kind.to_owned(), version, body });
    let score = serde_json::json!({ "score": 7.5, "of": ["a", null, -1], "big": u64::MAX });
    let objective = stage
        .memory
        .write(&stage.mia, |w| {
            w.append(stage.sally, newer("contact.scored", 1, score.clone()))?;
            w.append(stage.note, newer("note.corrected", 2, serde_json::json!({ "text": "?" })))?;
            let objective = w.create(newer("objective.added", 1, serde_json::json!({ "what": "call" })))?;
            w.append(Subject::Other(objective), newer("objective.done", 1, serde_json::json!({})))?;
            w.tag(stage.sally, "after")?;
            Ok(objective)
        })
        .unwrap();
    let head = stage.memory.head().unwrap();
    stage.memory.rebuild().unwrap();
    let found = stage.memory.verify_against(head).unwrap();
    assert!(found.is_sound(), "{found}");
    let feed: Vec<_> = stage.memory.changes_after(stage.memory.first_cursor()).unwrap().map(Result::unwrap).collect();
    let unknown: Vec<&str> = feed
        .iter()
        .filter(|entry| matches!(entry.change, Some(Change::Unknown(_))))
        .map(|entry| entry.kind.as_str())
        .collect();
    assert_eq!(unknown, ["contact.scored", "note.corrected", "objective.added", "objective.done"]);
    let history = stage.memory.history(Subject::Other(objective)).unwrap();
    assert_eq!(history.len(), 2);
    assert!(history[0].to_string().contains("objective.added, which a newer heirloom knows"), "{}", history[0]);
    let scored = stage.memory.history(stage.sally).unwrap();
    assert!(scored.iter().any(|entry| matches!(&entry.change, Some(Change::Unknown(u)) if u.body == score)));
    assert!(stage.memory.contact(stage.sally).unwrap().tags.contains(&"after".to_owned()));
    assert!(stage.memory.brief(stage.sally).is_ok() && stage.memory.search("after").run().is_ok());
}

#[test]
fn a_memory_in_ram_is_verified_inside_a_read() {
    let stage = stage();
    let found = stage.memory.read(|_| stage.memory.verify()).unwrap();
    assert!(found.is_sound(), "{found}");
}

/// A memory whose clock stands still, with something of every noun in it.
struct Stage {
    memory: Memory,
    mia: Member,
    tom: Member,
    sally: ContactId,
    ben: ContactId,
    note: NoteId,
}

fn stage() -> Stage {
    let at = Utc.with_ymd_and_hms(2025, 6, 1, 12, 0, 0).unwrap();
    let memory = Memory::options().clock(move || at).in_memory().unwrap();
    let (mia, tom) = memory
        .write(Actor::system("setup"), |w| {
            let agency = w.add_agency("Loud & Clear", None, None)?;
            Ok((w.add_member(NewMember::new("Mia"))?, w.add_member(NewMember::new("Tom").of_agency(agency))?))
        })
        .unwrap();
    let (sally, ben, note) = memory
        .write(&mia, |w| {
            let sally = w.add_contact(NewContact::person("Sally Marsh").handle(Channel::X, "@sally").tag("regular"))?;
            let ben = w.add_contact(NewContact::person("Ben Ito").external_id("hubspot", "7"))?;
            let note = w.note(sally, "Stops by when she reaches her weekly weight goal").insight().save()?;
            w.assign(sally, &mia, Role::Owner)?;
            w.assign(ben, &tom, Role::Backup)?;
            Ok((sally, ben, note))
        })
        .unwrap();
    Stage { memory, mia, tom, sally, ben, note }
}

/// One write with every call that the writer has.
fn every_call(Stage { mia, tom, sally, ben, note, .. }: &Stage, w: &mut Writer<'_>) -> Result<()> {
    let (sally, ben, note, soon) = (*sally, *ben, *note, w.at() + TimeDelta::days(3));
    let agency = w.add_agency("Quiet Ltd", None, Some(soon))?;
    let ada = w.add_member(NewMember::new("Ada").email("ada@quiet.example").of_agency(agency))?;
    w.rename_member(tom, "Tom Stone")?;
    w.caused_by(w.last_entry())?;
    let carl = w.add_contact(
        NewContact::organisation("Carl & Sons")
            .audience("supplier")
            .handle(Channel::Email, "office@carl.example")
            .field("company", "Carl & Sons")
            .tag("fish")
            .date("founded", "1985-04-12".parse()?)
            .do_not_contact(Channel::Phone, "bad line")
            .external_id("hubspot", "8"),
    )?;
    w.upsert_contact(NewContact::person("Benjamin Ito").tag("donor").external_id("hubspot", "7"))?;
    w.rename_contact(sally, "Sally Marsh-Ito")?;
    w.set_audience(sally, "press")?;
    w.set_field(sally, "allergy", Some("hazelnuts"))?;
    w.set_date(sally, "birthday", Some("--02-29".parse()?))?;
    w.do_not_contact(sally, None, "asked for quiet")?;
    w.may_contact(carl, Channel::Phone)?;
    w.tag(sally, "VIP")?;
    w.untag(sally, "regular")?;
    w.link(sally, relation::KNOWS, ben)?;
    w.link(ben, relation::WORKS_AT, carl)?;
    w.unlink(sally, relation::KNOWS, ben)?;
    w.identify(sally, "stripe", "cus_1")?;
    w.attach(sally, NewAttachment::new("menu.txt", "text/plain", "soup"))?;
    w.add_handle(ben, NewHandle::new(Channel::Instagram, "ben.ito").network_id("42"))?;
    w.add_handle(ben, NewHandle::new(Channel::Instagram, "ben.and.sally").network_id("42"))?;
    w.rename_handle(sally, Channel::X, "@sally", "@sally_m")?;
    w.end_handle(ben, Channel::Instagram, "ben.and.sally")?;
    let said = w
        .note_about(&[sally, ben], "Bought several thousand bottles together")?
        .kind(NoteKind::Complaint)
        .said_by(sally)
        .happened_at("2024-11")
        .channel(Channel::X)
        .direction(Direction::In)
        .permalink("https://x.com/sally/status/1")
        .private()
        .sensitivity(Sensitivity::Health)
        .external_id("hubspot", "n1")
        .attach(NewAttachment::new("bottles.txt", "text/plain", "a picture"))
        .save()?;
    w.correct_note(said, "Bought some thousand bottles together", Some("miscounted"))?;
    w.reclassify_note(said, NoteKind::Praise, Sensitivity::Ordinary)?;
    w.retract_note(note, Some("it was her sister"))?;
    let due: When = "2025-06-20".parse()?;
    let menu = w.follow_up(sally, "Send the summer menu").due(due).from_note(said).save()?;
    let photo = w.follow_up(ben, "Send him the photo of the bottles").owner(tom).save()?;
    w.reschedule_follow_up(menu, "2025-07".parse::<When>()?, Some("the menu is late"))?;
    w.hand_on_follow_up(photo, mia, Some("she has the photo"))?;
    w.drop_follow_up(photo, Some("the photo is lost"))?;
    w.reopen_follow_up(photo, Some("the photo was found"))?;
    w.finish_follow_up(photo, Some("he has hung it up"))?;
    w.transfer(sally, tom, Some("new team"))?;
    w.assign(ben, mia, Role::Owner.until(soon))?;
    w.assign(ben, &ada, Role::Owner.starting(soon))?;
    w.assign(sally, &ada, Role::Cover.until(soon).because("holidays"))?;
    w.transfer_all([sally], mia, None)?;
    w.unassign(ben, tom, Role::Backup, None)?;
    w.depart(tom, Some("the contract ended"))?;
    w.welcome_back(tom)?;
    let between = w.note(sally, "Is looking for another flat").private().save()?;
    w.release_note(between, tom, Some("knows the landlord"))?;
    let sealed = w.note(ben, "Gives more than he can afford").private().save()?;
    w.seal_note(sealed, Some("nobody's business"))?;
    w.open_note(sealed, tom, "he asked for help")?;
    w.unassign(ben, &ada, Role::Owner, None)?;
    w.depart(agency, Some("the contract ended"))?;
    w.welcome_back(agency)?;
    Ok(())
}

/// A handoff that Tom, who leaves, has offered to Mia, and the plan of another.
struct Leaving {
    offered: HandoffId,
    kept: ContactId,
    plan: Plan,
    planned: ContactId,
}

fn leaving(Stage { memory, mia, tom, .. }: &Stage) -> Leaving {
    let (sealed, kept, planned) = memory
        .write(tom, |w| {
            let [ada, bea, cem, dan] = ["Ada", "Bea", "Cem", "Dan"].map(|n| w.add_contact(NewContact::person(n)));
            let (ada, bea, cem, dan) = (ada?, bea?, cem?, dan?);
            for contact in [ada, bea, cem, dan] {
                w.assign(contact, tom, Role::Owner)?;
                w.note(contact, "Is looking for another flat").private().save()?;
            }
            w.follow_up(ada, "Send the summer menu").due("2025-06-20").save()?;
            w.follow_up(dan, "Call back").save()?;
            Ok((bea, cem, dan))
        })
        .unwrap();
    let planner = || memory.handoff().of_member(tom).to(mia);
    let plan = planner().reason("the contract ends").leave_out([planned]).private_notes(Fate::Release);
    let until = Utc.with_ymd_and_hms(2025, 6, 8, 12, 0, 0).unwrap();
    let plan = plan.private_notes_about([sealed], Fate::Seal).stage(HandoffStage::Shadow, until).plan().unwrap();
    let offered = memory.write(tom, |w| w.offer(plan)).unwrap();
    let plan = memory.handoff().of_contacts([planned]).to(mia).reason("a second thought").plan().unwrap();
    Leaving { offered, kept, plan, planned }
}

/// One write by Mia with every call of a handoff.
fn every_call_of_a_handoff(Leaving { offered, kept, plan, planned }: &Leaving, w: &mut Writer<'_>) -> Result<()> {
    let (offered, planned, mia) = (*offered, *planned, w.actor().member().unwrap());
    let other = w.offer(plan)?;
    w.decline(other, planned, "we do not get on")?;
    w.offer_to(other, planned, mia)?;
    let question = w.ask(other, planned, "What does he drink?")?;
    w.answer(question, "Mint tea, no sugar")?;
    w.accept(other, planned)?;
    w.advance(other, HandoffStage::Share, Some("the Monday list"))?;
    w.withdraw(other, "he stays")?;
    w.keep(offered, *kept, "moves away with Tom")?;
    w.accept_all(offered)?;
    w.advance(offered, HandoffStage::Shadow, None)?;
    w.advance(offered, HandoffStage::Share, None)?;
    w.advance(offered, HandoffStage::Hold, None)?;
    let receipt = w.complete(offered)?;
    for kind in ["ownership.ended", "note.released", "note.sealed"] {
        assert!(receipt.counts.contains_key(kind), "{receipt}");
    }
    w.undo(offered, "signed for another year")?;
    Ok(())
}

/// Everything that a half-done write could show itself in.
fn reads(stage: &Stage) -> Vec<String> {
    let memory = stage.memory.all_seeing();
    let mut all = vec![memory.head().unwrap().to_string(), memory.verify().unwrap().to_string()];
    for contact in [stage.sally, stage.ben] {
        all.push(memory.brief(contact).unwrap().to_json());
        all.push(format!("{:?}", memory.owners(contact).unwrap()));
        all.push(format!("{:?}", memory.follow_ups(contact).unwrap()));
    }
    for typed in ["sally", "carl", "ben"] {
        all.push(format!("{:?}", memory.contacts_like(typed, 10).unwrap()));
    }
    let found = memory.search("thousand bottles weight goal").run().unwrap();
    all.extend(found.iter().map(|hit| format!("{:?}", hit.found)));
    all.push(format!("{:?}", memory.members().unwrap()));
    all.push(format!("{:?}", memory.agencies().unwrap()));
    for handoff in memory.handoffs().unwrap() {
        all.push(format!("{handoff:?} {:?}", memory.handoff_items(handoff.id).unwrap()));
        all.push(format!("{:?}", memory.handoff_questions(handoff.id).unwrap()));
    }
    all.extend(memory.changes_after(memory.first_cursor()).unwrap().map(|entry| format!("{:?}", entry.unwrap())));
    all
}

/// Lets a call fail at its first statement, then at its second, and so on until none is left to fail at.
fn fails_at_every_statement(stage: &Stage, at_least: usize, mut call: impl FnMut() -> Result<()>) {
    let before = reads(stage);
    for passing in 0.. {
        stage.memory.inner.store.fail_after(Some(passing));
        let done = call();
        stage.memory.inner.store.fail_after(None);
        match done {
            Ok(()) => {
                assert!(passing >= at_least, "only {passing} statements were made to fail");
                break;
            }
            Err(error) => {
                let words = error.to_string();
                assert!(words.contains("made to fail") && !words.contains("Error"), "statement {passing}: {words}");
                assert_eq!(reads(stage), before, "statement {passing} left something");
            }
        }
    }
    let found = stage.memory.verify().unwrap();
    assert!(found.is_sound(), "{found}");
}

#[test]
fn a_write_with_every_call_that_fails_at_any_statement_leaves_nothing() {
    let stage = stage();
    fails_at_every_statement(&stage, 250, || stage.memory.write(&stage.mia, |w| every_call(&stage, w)));
    assert_eq!(stage.memory.contact(stage.sally).unwrap().name, "Sally Marsh-Ito");
}

#[test]
fn a_write_with_every_call_of_a_handoff_that_fails_at_any_statement_leaves_nothing() {
    let stage = stage();
    let leaving = leaving(&stage);
    fails_at_every_statement(&stage, 250, || stage.memory.write(&stage.mia, |w| every_call_of_a_handoff(&leaving, w)));
    assert_eq!(stage.memory.receipt(leaving.offered).unwrap().outcome, HandoffState::Undone);
}

#[test]
fn a_write_whose_closure_passes_over_the_failure_leaves_nothing_either() {
    let stage = stage();
    fails_at_every_statement(&stage, 250, || {
        stage.memory.write(&stage.mia, |w| {
            let _ = every_call(&stage, w);
            Ok(())
        })
    });
}

#[test]
fn a_call_with_a_key_that_fails_at_any_statement_can_be_repeated_with_it() {
    let stage = stage();
    let text = "Comes on Fridays";
    fails_at_every_statement(&stage, 15, || {
        let done = stage.memory.write_once(&stage.mia, "key 1", |w| w.note(stage.sally, text).save())?;
        assert!(matches!(done, Once::Done(_)), "a call that failed counts as carried out");
        Ok(())
    });
    let again = stage.memory.write_once(&stage.mia, "key 1", |w| w.note(stage.sally, text).save()).unwrap();
    assert!(matches!(again, Once::Before(_)));
}

#[test]
fn an_import_that_fails_at_any_statement_leaves_nothing() {
    let stage = stage();
    let lines = concat!(
        r#"{"contact": {"name": "Dora", "id": "d1", "email": "dora@mail.example"}}"#,
        "\n",
        r#"{"note": {"text": "Asked for the soup", "about": {"id": "d1"}, "id": "n1"}}"#,
        "\n",
    );
    fails_at_every_statement(&stage, 15, || {
        let report = stage.memory.import("other").json_lines(lines.as_bytes())?;
        assert_eq!((report.contacts_added, report.notes_added), (1, 1), "{report}");
        Ok(())
    });
}

/// A bundle of another memory, as it was received before and as it is today: something in it is older than what was written
/// here meanwhile, and something was erased.
#[cfg(feature = "bundle")]
fn heard_before_and_today(stage: &Stage) -> crate::bundle::Bag {
    let at = Utc.with_ymd_and_hms(2025, 6, 1, 12, 0, 0).unwrap();
    let elsewhere = Memory::options().clock(move || at).in_memory().unwrap();
    let bundle = || {
        let mut zip = Vec::new();
        let _ = elsewhere.bundle().receiver("us").write(&mut zip).unwrap();
        crate::bundle::Opening::new().open_reader("handoff.zip", std::io::Cursor::new(zip)).unwrap()
    };
    let (dora, emil, note) = elsewhere
        .write(Actor::system("setup"), |w| {
            let zoe = w.add_member(NewMember::new("Zoe"))?;
            let dora = w.add_contact(NewContact::person("Dora").handle(Channel::X, "@dora"))?;
            let emil = w.add_contact(NewContact::person("Emil"))?;
            w.assign(dora, &zoe, Role::Owner)?;
            w.follow_up(dora, "Send the winter menu").owner(&zoe).save()?;
            Ok((dora, emil, w.note_about(&[dora, emil], "Asked for the soup")?.save()?))
        })
        .unwrap();
    let arrival = stage.memory.import_bundle(&bundle()).run(Actor::system("office")).unwrap();
    assert!(arrival.received.is_some());
    stage
        .memory
        .write(&stage.mia, |w| {
            w.rename_contact(dora, "Dora Lund")?;
            w.correct_note(note, "Asked for the bread", None)
        })
        .unwrap();
    elsewhere
        .write(Actor::system("setup"), |w| {
            w.tag(dora, "soup")?;
            w.attach(dora, NewAttachment::new("seat.txt", "text/plain", "by the window"))?;
            w.reclassify_note(note, NoteKind::Praise, Sensitivity::Ordinary)
        })
        .unwrap();
    let _ = elsewhere.erase(Actor::system("setup"), emil, "4711").unwrap();
    bundle()
}

#[test]
#[cfg(feature = "bundle")]
fn a_bundle_that_fails_at_any_statement_leaves_nothing() {
    let stage = stage();
    let bag = heard_before_and_today(&stage);
    fails_at_every_statement(&stage, 150, || {
        let arrival = stage.memory.import_bundle(&bag).run(Actor::system("office"))?;
        assert!(arrival.received.is_some());
        Ok(())
    });
    let dora = stage.memory.named("Dora Lund").unwrap().remove(0);
    assert_eq!(stage.memory.contact(dora.id).unwrap().tags, ["soup"]);
    assert!(stage.memory.named("Emil").unwrap().is_empty());
}

#[test]
fn an_index_that_cannot_be_brought_up_to_date_keeps_nothing_of_the_write_that_did_it() {
    let stage = stage();
    let fill =
        |w: &mut Writer<'_>| (0..480).try_for_each(|n| w.note(stage.ben, format!("bottle {n}")).save().map(drop));
    stage.memory.write(&stage.mia, fill).unwrap();
    let through = |sql: &dyn Sql| sql.one("SELECT through FROM search_state", &[], |row| row.int(0));
    let head = stage.memory.head().unwrap();
    let settled_before = stage.memory.inner.store.read(through).unwrap();
    let mut failed = 0;
    for passing in 0.. {
        stage.memory.inner.store.fail_after(Some(passing));
        let done = stage
            .memory
            .write(&stage.mia, |w| (0..40).try_for_each(|n| w.note(stage.sally, format!("late {n}")).save().map(drop)));
        stage.memory.inner.store.fail_after(None);
        match done {
            Ok(()) => break,
            Err(error) => assert!(error.to_string().contains("made to fail"), "{error}"),
        }
        failed += 1;
        assert_eq!(stage.memory.head().unwrap(), head);
        assert_eq!(stage.memory.inner.store.read(through).unwrap(), settled_before);
    }
    assert!(failed > 500, "only {failed} statements were made to fail");
    assert!(stage.memory.inner.store.read(through).unwrap() > settled_before, "the write did not settle the index");
    let found = stage.memory.search("late").within(stage.sally).limit(1_000).notes_only().run().unwrap();
    assert_eq!(found.iter().filter(|hit| hit.snippet.text.contains("late")).count(), 40);
    let found = stage.memory.verify().unwrap();
    assert!(found.is_sound(), "{found}");
}

#[test]
fn a_rebuild_that_fails_at_any_statement_changes_nothing() {
    let stage = stage();
    fails_at_every_statement(&stage, 30, || stage.memory.rebuild());
}

#[test]
fn a_founding_that_fails_at_any_statement_can_be_tried_again() {
    let options = Memory::options();
    let inner = Inner {
        store: Store::open(&Location::InMemory, &options.store).unwrap(),
        search: search::Cache::default(),
        id: None,
        ids: Mutex::new(IdSource::new()),
        region: None,
        clock: options.clock,
    };
    let mut failed = 0;
    let id = loop {
        inner.store.fail_after(Some(failed));
        match journal::found(&inner) {
            Ok(id) => break id,
            Err(error) => assert!(error.to_string().contains("made to fail"), "{error}"),
        }
        failed += 1;
    };
    inner.store.fail_after(None);
    assert!(failed >= 6, "only {failed} statements were made to fail");
    assert_eq!(journal::found(&inner).unwrap(), id, "it was founded once");
    let memory = Memory { inner: Arc::new(Inner { id: Some(id), ..inner }), viewer: ORGANISATION };
    assert!(memory.verify().unwrap().is_sound());
    assert_eq!(memory.head().unwrap().seq, 1);
}

#[test]
fn an_erasure_that_fails_at_any_statement_leaves_nothing_undone() {
    let stage = stage();
    stage.memory.write(&stage.mia, |w| every_call(&stage, w)).unwrap();
    fails_at_every_statement(&stage, 100, || stage.memory.erase(&stage.mia, stage.sally, "case 17").map(drop));
    assert!(matches!(stage.memory.contact(stage.sally), Err(Error::Erased { .. })));
    stage.memory.rebuild().unwrap();
    let found = stage.memory.verify().unwrap();
    assert!(found.is_sound(), "{found}");
}
