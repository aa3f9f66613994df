//! What a legal hold keeps, who is told of it, and how it travels.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use chrono::{DateTime, TimeZone, Utc};
use heirloom::{Actor, ContactId, Error, Member, Memory, NewContact, NewMember};

fn table() -> (Memory, Member, ContactId, ContactId) {
    let at: DateTime<Utc> = Utc.with_ymd_and_hms(2026, 11, 3, 9, 0, 0).unwrap();
    let memory = Memory::options().clock(move || at).in_memory().unwrap();
    let mia = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Mia Okafor"))).unwrap();
    let (sally, ben) = memory
        .write(&mia, |w| {
            Ok((w.add_contact(NewContact::person("Sally Marsh"))?, w.add_contact(NewContact::person("Ben Ito"))?))
        })
        .unwrap();
    (memory, mia, sally, ben)
}

fn refused<T: std::fmt::Debug>(done: heirloom::Result<T>) -> String {
    match done {
        Err(Error::Refused(why)) => why,
        other => panic!("it was not refused: {other:?}"),
    }
}

#[test]
fn a_hold_says_on_whom_for_what_since_when_and_by_whom() {
    let (memory, mia, sally, ben) = table();
    let desk = Actor::agent_of("clerk", &mia);
    memory.write(&mia, |w| w.hold(sally, " matter 2026-17 ", "a claim is announced")).unwrap();
    memory.write(&desk, |w| w.hold(ben, "matter 2026-18", "a witness")).unwrap();
    let told: Vec<String> = memory.holds().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "Ben Ito: matter 2026-18, since 2026-11-03, placed by clerk for Mia Okafor (a witness)",
            "Sally Marsh: matter 2026-17, since 2026-11-03, placed by Mia Okafor (a claim is announced)",
        ]
    );
    let brief = memory.brief(sally).unwrap().to_string();
    assert!(brief.contains("Legal hold: matter 2026-17, since 2026-11-03, placed by Mia Okafor; nothing\n"), "{brief}");
    assert!(!memory.brief(ben).unwrap().to_string().contains("2026-17"));
    let history: Vec<String> = memory.history(sally).unwrap().iter().map(ToString::to_string).collect();
    assert!(
        history
            .last()
            .unwrap()
            .ends_with("Mia Okafor placed a legal hold on Sally Marsh for matter 2026-17 (a claim is announced)")
    );
}

#[test]
fn each_matter_holds_until_it_is_lifted_itself() {
    let (memory, mia, sally, _) = table();
    memory
        .write(&mia, |w| {
            assert!(w.hold(sally, "matter 1", "claim")?);
            assert!(w.hold(sally, "matter 2", "audit")?);
            assert!(!w.hold(sally, "matter 1", "claim, again")?, "a matter holds a contact once");
            w.lift_hold(sally, "matter 1", "settled")
        })
        .unwrap();
    let left: Vec<String> = memory.holds_on(sally).unwrap().into_iter().map(|hold| hold.matter).collect();
    assert_eq!(left, ["matter 2"]);
    let why = refused(memory.write(&mia, |w| w.lift_hold(sally, "matter 1", "settled")));
    assert_eq!(
        why,
        "no legal hold for matter 1 lies on Sally Marsh; these do: matter 2, since 2026-11-03, placed by Mia Okafor"
    );
}

#[test]
fn many_are_held_and_freed_in_one_call() {
    let (memory, mia, sally, ben) = table();
    memory.write(&mia, |w| w.hold(ben, "matter 3", "first")).unwrap();
    let held = memory.write(&mia, |w| w.hold_all([sally, ben], "matter 3", "the whole evening")).unwrap();
    assert_eq!((held, memory.holds().unwrap().len()), (1, 2));
    assert_eq!(memory.write(&mia, |w| w.lift_matter("matter 3", "closed")).unwrap(), 2);
    assert_eq!(memory.holds().unwrap(), []);
    let why = refused(memory.write(&mia, |w| w.lift_matter("matter 3", "closed")));
    assert_eq!(why, "no legal hold serves matter 3; Memory::holds lists what there is");
}

#[test]
fn a_hold_needs_a_matter_and_a_reason_and_so_does_lifting() {
    let (memory, mia, sally, _) = table();
    for (matter, why, told) in [
        ("  ", "claim", "matter of a legal hold"),
        ("matter 1", " ", "reason of a legal hold"),
        ("matter\u{0}1", "claim", "U+0000"),
    ] {
        for lift in [false, true] {
            let done = memory.write(&mia, |w| match lift {
                true => w.lift_hold(sally, matter, why),
                false => w.hold(sally, matter, why).map(drop),
            });
            let error = done.unwrap_err();
            assert!(matches!(error, Error::Invalid { .. }) && error.to_string().contains(told), "{error}");
        }
    }
}

#[test]
fn holds_follow_from_the_journal() {
    let (memory, mia, sally, ben) = table();
    memory.write(&mia, |w| w.hold_all([sally, ben], "matter 1", "claim")).unwrap();
    memory.write(&mia, |w| w.lift_hold(ben, "matter 1", "settled")).unwrap();
    let before = memory.holds().unwrap();
    assert!(memory.verify().unwrap().is_sound());
    memory.rebuild().unwrap();
    assert_eq!(memory.holds().unwrap(), before);
}

#[test]
fn what_is_held_is_not_erased_and_the_refusal_says_for_what_since_when_and_by_whom() {
    let (memory, mia, sally, ben) = table();
    let note = memory
        .write(&mia, |w| {
            w.hold(sally, "matter 2026-17", "a claim is announced")?;
            w.follow_up(sally, "Send the menu").save()?;
            w.note_about(&[sally, ben], "Broke the chair together")?.save()
        })
        .unwrap();
    let promise = memory.follow_ups(sally).unwrap()[0].id;
    for done in [
        memory.erase(&mia, sally, "case 18"),
        memory.erase(&mia, ben, "case 18"),
        memory.erase_note(&mia, note, "case 18"),
        memory.erase_follow_up(&mia, promise, "case 18"),
    ] {
        assert_eq!(
            refused(done),
            "Sally Marsh is under a legal hold for matter 2026-17 since 2026-11-03, placed by Mia Okafor; nothing of it can \
             be erased before the hold is lifted"
        );
    }
    memory.write(&mia, |w| w.lift_hold(sally, "matter 2026-17", "settled")).unwrap();
    assert_eq!(memory.erase(&mia, sally, "case 18").unwrap().notes, 1);
}

#[test]
fn what_somebody_held_said_of_others_is_held_with_them() {
    let (memory, mia, sally, ben) = table();
    let note = memory
        .write(&mia, |w| {
            w.hold(sally, "matter 2026-17", "a claim is announced")?;
            w.note(ben, "He leant on the chair before it broke").said_by(sally).save()
        })
        .unwrap();
    assert!(memory.erasure(ben).unwrap().to_string().contains("Sally Marsh is under a legal hold for matter 2026-17"));
    for done in [memory.erase(&mia, ben, "case 18"), memory.erase_note(&mia, note, "case 18")] {
        let why = refused(done);
        assert!(why.starts_with("Sally Marsh is under a legal hold for matter 2026-17"), "{why}");
    }
    memory.write(&mia, |w| w.lift_hold(sally, "matter 2026-17", "settled")).unwrap();
    assert_eq!(memory.erase(&mia, ben, "case 18").unwrap().notes, 1);
}

#[test]
fn who_is_linked_to_somebody_held_and_who_wrote_of_them_is_not_erased_either() {
    let (memory, mia, sally, ben) = table();
    let cem = memory
        .write(&mia, |w| {
            let cem = w.add_contact(NewContact::person("Cem Demirel"))?;
            w.link(sally, "sister", ben)?;
            w.unlink(sally, "sister", ben)?;
            w.link(cem, "neighbour", sally)?;
            w.hold(sally, "matter 2026-17", "a claim is announced")?;
            w.depart(&mia, None)?;
            Ok(cem)
        })
        .unwrap();
    let desk = Actor::system("desk");
    for linked in [ben, cem] {
        let why = refused(memory.erase(&desk, linked, "case 18"));
        assert!(why.starts_with("Sally Marsh is under a legal hold for matter 2026-17"), "{why}");
    }
    assert_eq!(
        refused(memory.erase_member(&desk, &mia, "case 19")),
        "Sally Marsh is under a legal hold for matter 2026-17 since 2026-11-03, placed by Mia Okafor; nothing of it can be \
         erased before the hold is lifted, nor who wrote of them"
    );
    memory.write(&desk, |w| w.lift_hold(sally, "matter 2026-17", "settled")).unwrap();
    assert_eq!(memory.erase_all(&desk, [ben, cem], "case 18").unwrap().contacts, 2);
    assert_eq!(memory.erase_member(&desk, &mia, "case 19").unwrap().members, 1);
    assert!(memory.verify().unwrap().is_sound());
}

#[cfg(feature = "bundle")]
mod travelling {
    use std::io::Cursor;

    use heirloom::bundle::Opening;

    use super::*;

    /// Takes all of one memory into another.
    fn tell(from: &Memory, to: &Memory) {
        let mut zip = Vec::new();
        let _ = from.bundle().write(&mut zip).unwrap();
        let bag = Opening::new().open_reader("bundle.zip", Cursor::new(zip)).unwrap();
        let _ = to.import_bundle(&bag).run(Actor::system("office")).unwrap();
    }

    fn client() -> (Memory, Member) {
        let at: DateTime<Utc> = Utc.with_ymd_and_hms(2026, 11, 3, 12, 0, 0).unwrap();
        let client = Memory::options().clock(move || at).in_memory().unwrap();
        let eva = client.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Eva Stein"))).unwrap();
        (client, eva)
    }

    fn matters(memory: &Memory) -> Vec<(String, String)> {
        memory.holds().unwrap().into_iter().map(|hold| (hold.matter, hold.by_name)).collect()
    }

    #[test]
    fn a_hold_travels_and_holds_where_it_arrives() {
        let (agency, mia, sally, _) = table();
        agency.write(&mia, |w| w.hold(sally, "matter 1", "claim")).unwrap();
        let (client, eva) = client();
        tell(&agency, &client);
        assert_eq!(matters(&client), [("matter 1".to_owned(), "Mia Okafor".to_owned())]);
        let why = refused(client.erase(&eva, sally, "case 18"));
        assert!(why.contains("for matter 1 since 2026-11-03, placed by Mia Okafor"), "{why}");

        client.write(&eva, |w| w.lift_hold(sally, "matter 1", "settled")).unwrap();
        tell(&client, &agency);
        assert_eq!(matters(&agency), []);
        assert!(agency.verify().unwrap().is_sound() && client.verify().unwrap().is_sound());
    }

    #[test]
    fn who_lifts_a_hold_does_not_lift_one_for_the_same_matter_that_they_did_not_know_of() {
        let (agency, mia, sally, _) = table();
        let (client, eva) = client();
        tell(&agency, &client);
        agency.write(&mia, |w| w.hold(sally, "matter 1", "claim")).unwrap();
        client.write(&eva, |w| w.hold(sally, "matter 1", "claim, heard of here too")).unwrap();
        agency.write(&mia, |w| w.lift_hold(sally, "matter 1", "settled, for us")).unwrap();
        tell(&client, &agency);
        tell(&agency, &client);
        for memory in [&agency, &client] {
            assert_eq!(matters(memory), [("matter 1".to_owned(), "Eva Stein".to_owned())]);
            assert!(memory.verify().unwrap().is_sound());
        }
        assert_eq!(agency.write(&mia, |w| w.lift_matter("matter 1", "settled")).unwrap(), 1);
        tell(&agency, &client);
        assert_eq!(matters(&client), []);
    }
}
