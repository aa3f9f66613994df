//! Promises to contacts: no promise is without somebody to keep it, and none loses its date or who made it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use heirloom::chrono::{DateTime, Utc};
use heirloom::{
    Actor, Change, ContactId, Error, FollowUp, FollowUpId, FollowUpState, Member, MemberId, Memory, NewContact,
    NewMember, NoteId, NoteKind, OpenMatter, Result, Role, When, Writer,
};

/// A memory on 1 June 2025 at noon, in which Mia owns Sally, Tom owns Ben, and Ada is the chief.
struct Stage {
    memory: Memory,
    clock: Arc<AtomicI64>,
    mia: Member,
    tom: Member,
    ada: Member,
    sally: ContactId,
    ben: ContactId,
}

fn stage() -> Stage {
    let clock = Arc::new(AtomicI64::new(micros("2025-06-01T12:00:00Z")));
    let at = Arc::clone(&clock);
    let memory = Memory::options()
        .clock(move || DateTime::from_timestamp_micros(at.load(Ordering::Relaxed)).unwrap())
        .in_memory()
        .unwrap();
    let [mia, tom, ada] = ["Mia Okafor", "Tom Okoro", "Ada Stone"]
        .map(|name| memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new(name))).unwrap());
    let (sally, ben) = memory
        .write(Actor::system("setup"), |w| {
            let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
            let ben = w.add_contact(NewContact::person("Ben Ito"))?;
            w.assign(sally, &mia, Role::Owner)?;
            w.assign(ben, &tom, Role::Owner)?;
            Ok((sally, ben))
        })
        .unwrap();
    Stage { memory, clock, mia, tom, ada, sally, ben }
}

fn micros(instant: &str) -> i64 {
    instant.parse::<DateTime<Utc>>().unwrap().timestamp_micros()
}

fn when(text: &str) -> When {
    text.parse().unwrap()
}

impl Stage {
    fn it_is(&self, instant: &str) {
        self.clock.store(micros(instant), Ordering::Relaxed);
    }

    /// Lets a member promise something to a contact.
    fn promise(&self, member: &Member, contact: ContactId, what: &str, due: Option<&str>) -> FollowUpId {
        self.as_member(member, |w| {
            let draft = w.follow_up(contact, what);
            match due {
                Some(due) => draft.due(due).save(),
                None => draft.save(),
            }
        })
    }

    fn as_member<T>(&self, member: &Member, f: impl FnOnce(&mut Writer<'_>) -> Result<T>) -> T {
        self.memory.write(member, f).unwrap()
    }

    /// What is said to a member whose call is refused, which leaves nothing.
    fn refused<T>(&self, member: &Member, f: impl FnOnce(&mut Writer<'_>) -> Result<T>) -> String {
        self.told(self.memory.write(member, f))
    }

    fn told<T>(&self, done: Result<T>) -> String {
        let words = done.err().expect("the call was carried out").to_string();
        assert!(self.memory.verify().unwrap().is_sound(), "{words}");
        words
    }

    fn is_sound(&self) {
        let found = self.memory.verify().unwrap();
        assert!(found.is_sound(), "{found}");
        let before = self.memory.follow_ups(self.sally).unwrap();
        self.memory.rebuild().unwrap();
        assert_eq!(self.memory.follow_ups(self.sally).unwrap(), before);
    }
}

fn whats(promises: &[FollowUp]) -> Vec<&str> {
    promises.iter().map(|promise| promise.what.as_str()).collect()
}

#[test]
fn a_due_list_begins_with_what_ends_first_and_ends_with_what_is_due_on_no_day() {
    let stage = stage();
    for (what, due) in [
        ("some day", None),
        ("this year", Some("2025")),
        ("in June", Some("2025-06")),
        ("on the 30th at noon", Some("2025-06-30T12:00:00Z")),
        ("on the 30th", Some("2025-06-30")),
        ("on the 3rd", Some("2025-06-03")),
        ("in May", Some("2025-05")),
        ("next year", Some("2026")),
    ] {
        stage.promise(&stage.mia, stage.sally, what, due);
    }
    let tom = stage.promise(&stage.tom, stage.sally, "Tom’s", Some("2025-06-02"));
    let in_order = [
        "in May",
        "on the 3rd",
        "on the 30th at noon",
        "in June", // promised before the next, and over at the same instant
        "on the 30th",
        "this year",
        "next year",
        "some day",
    ];
    assert_eq!(whats(&stage.memory.follow_ups_of(&stage.mia).unwrap()), in_order);

    let by = |instant: &str| stage.memory.due_by(instant.parse().unwrap()).unwrap();
    let by_the_third = by("2025-06-03T08:00:00Z");
    assert_eq!(whats(&by_the_third), ["in May", "Tom’s", "on the 3rd", "in June", "this year"]);
    assert_eq!(by("2025-06-30T11:59:59Z").iter().filter(|due| due.what.ends_with("at noon")).count(), 0);
    assert_eq!(by("2026-01-01T00:00:00Z").len(), 8, "all but what is due on no day");
    stage.as_member(&stage.tom, |w| w.finish_follow_up(tom, None));
    assert_eq!(whats(&by("2025-06-03T08:00:00Z")), ["in May", "on the 3rd", "in June", "this year"]);
}

#[test]
fn the_promises_of_a_contact_are_listed_open_ones_first_then_what_ended_last() {
    let stage = stage();
    let ids = ["first", "second", "third", "fourth"].map(|what| {
        let due = (what == "fourth").then_some("2025-07-01");
        stage.promise(&stage.mia, stage.sally, what, due)
    });
    stage.it_is("2025-06-02T12:00:00Z");
    stage.as_member(&stage.mia, |w| w.finish_follow_up(ids[0], None));
    stage.it_is("2025-06-03T12:00:00Z");
    stage.as_member(&stage.mia, |w| w.drop_follow_up(ids[1], None));
    let all = stage.memory.follow_ups(stage.sally).unwrap();
    assert_eq!(whats(&all), ["fourth", "third", "second", "first"]);
    assert_eq!(all[2].state, FollowUpState::Dropped);
    assert!(stage.memory.follow_ups(stage.ben).unwrap().is_empty());
}

#[test]
fn a_promise_is_overdue_when_its_day_month_or_year_is_over_and_not_before() {
    let stage = stage();
    for (due, last, first) in [
        ("2025-06-03", "2025-06-03T23:59:59.999999Z", "2025-06-04T00:00:00Z"),
        ("2025-06", "2025-06-30T23:59:59.999999Z", "2025-07-01T00:00:00Z"),
        ("2024-02", "2024-02-29T23:59:59.999999Z", "2024-03-01T00:00:00Z"),
        ("2025", "2025-12-31T23:59:59.999999Z", "2026-01-01T00:00:00Z"),
        ("2025-06-03T18:30:00Z", "2025-06-03T18:30:00Z", "2025-06-03T18:30:00.000001Z"),
        ("9999-12-31", "9999-12-31T23:59:59.999999Z", "+10000-01-01T00:00:00Z"),
    ] {
        let promise = stage.promise(&stage.mia, stage.sally, due, Some(due));
        let read = stage.memory.follow_up(promise).unwrap();
        let at = |instant: &str| instant.parse::<DateTime<Utc>>().unwrap();
        assert!(!read.is_overdue_at(at(last)), "{due} at {last}");
        assert!(read.is_overdue_at(at(first)), "{due} at {first}");
    }
    let undated = stage.promise(&stage.mia, stage.sally, "some day", None);
    stage.it_is("9999-12-31T00:00:00Z");
    let undated = stage.memory.follow_up(undated).unwrap();
    assert!(!undated.overdue && undated.is_open());
}

#[test]
fn what_is_overdue_is_said_and_what_was_kept_is_no_longer_overdue() {
    let stage = stage();
    let promise = stage.promise(&stage.mia, stage.sally, "Send the summer menu", Some("2025-06-03"));
    stage.it_is("2025-06-03T23:00:00Z");
    let told = || stage.memory.follow_up(promise).unwrap().to_string();
    assert_eq!(told(), "Sally Marsh: Send the summer menu, until 2025-06-03 — Mia Okafor");
    stage.it_is("2025-06-04T00:00:00Z");
    assert_eq!(told(), "Sally Marsh: Send the summer menu, until 2025-06-03 (overdue) — Mia Okafor");
    stage.as_member(&stage.tom, |w| w.finish_follow_up(promise, Some("she wants the fish")));
    assert_eq!(
        told(),
        "Sally Marsh: Send the summer menu, until 2025-06-03 — Mia Okafor [done on 2025-06-04 by Tom Okoro: she wants \
         the fish]"
    );
    assert!(!stage.memory.follow_up(promise).unwrap().overdue);
}

#[test]
fn open_promises_move_with_the_contact_and_keep_their_date_and_who_made_them() {
    let stage = stage();
    let menu = stage.promise(&stage.mia, stage.sally, "Send the summer menu", Some("2025-06"));
    let kept = stage.promise(&stage.mia, stage.sally, "Call back", None);
    stage.as_member(&stage.mia, |w| w.finish_follow_up(kept, None));
    let elsewhere = stage.promise(&stage.mia, stage.ben, "Ask after the bottles", None);
    let before = stage.memory.follow_up(menu).unwrap();
    stage.it_is("2025-06-20T12:00:00Z");
    let handed =
        stage.as_member(&stage.ada, |w| w.transfer_all([stage.sally, stage.sally], &stage.tom, Some("new team")));
    assert_eq!(handed, 1, "one contact changed hands, however many promises went with it");

    let after = stage.memory.follow_up(menu).unwrap();
    assert_eq!((after.owner.id, &after.first_owner), (stage.tom.id, &before.first_owner));
    assert_eq!((after.due, after.added_at, &after.added_by), (before.due, before.added_at, &before.added_by));
    assert_eq!(after.state, FollowUpState::Open);
    assert_eq!(stage.memory.follow_up(kept).unwrap().owner.id, stage.mia.id, "what was kept stays as it was");
    assert_eq!(stage.memory.follow_up(elsewhere).unwrap().owner.id, stage.mia.id, "it is to another contact");
    assert_eq!(
        after.to_string(),
        "Sally Marsh: Send the summer menu, until 2025-06 — Tom Okoro, promised by Mia Okafor"
    );
    let transfer = stage.memory.history(stage.sally).unwrap().pop().unwrap();
    assert!(matches!(transfer.change, Some(Change::OwnershipTransferred(_))), "{transfer}");
    let moved = stage.memory.history(menu).unwrap().pop().unwrap();
    assert_eq!(moved.cause, Some(transfer.id), "the transfer is named as the cause");
    let next = stage.as_member(&stage.ada, |w| {
        w.tag(stage.ben, "vip")?;
        Ok(w.last_entry().unwrap())
    });
    assert_eq!(stage.memory.entry(next).unwrap().cause, None);
    stage.is_sound();
}

#[test]
fn what_another_member_promised_stays_theirs_when_the_contact_goes_to_somebody_else() {
    let stage = stage();
    let promise = stage.promise(&stage.ada, stage.sally, "Invite her to the jubilee", Some("2025-09-01"));
    stage.as_member(&stage.mia, |w| w.transfer(stage.sally, &stage.tom, None));
    assert_eq!(stage.memory.follow_up(promise).unwrap().owner.id, stage.ada.id);
    assert_eq!(stage.memory.history(promise).unwrap().len(), 1);
}

#[test]
fn a_transfer_takes_along_what_its_own_write_promised() {
    let stage = stage();
    let promise = stage.as_member(&stage.mia, |w| {
        let promise = w.follow_up(stage.sally, "Send the menu").save()?;
        w.transfer(stage.sally, &stage.tom, None)?;
        Ok(promise)
    });
    assert_eq!(stage.memory.follow_up(promise).unwrap().owner.id, stage.tom.id);
}

#[test]
fn a_complaint_that_is_passed_to_another_keeps_the_names_of_both() {
    let stage = stage();
    let promise = stage.as_member(&stage.ada, |w| {
        let complaint = w.note(stage.sally, "Waited an hour for the soup").kind(NoteKind::Complaint).save()?;
        w.follow_up(stage.sally, "Tell her what went wrong").from_note(complaint).owner(&stage.tom).save()
    });
    let told = || stage.memory.follow_up(promise).unwrap().to_string();
    assert_eq!(told(), "Sally Marsh: Tell her what went wrong — Tom Okoro, passed on by Ada Stone");
    stage.as_member(&stage.tom, |w| w.hand_on_follow_up(promise, &stage.mia, Some("she was on duty")));
    assert_eq!(
        told(),
        "Sally Marsh: Tell her what went wrong — Mia Okafor, promised by Tom Okoro, passed on by Ada Stone"
    );
    stage.as_member(&stage.mia, |w| w.hand_on_follow_up(promise, &stage.ada, None));
    assert_eq!(told(), "Sally Marsh: Tell her what went wrong — Ada Stone, promised by Tom Okoro");
}

#[test]
fn a_promise_of_an_agent_is_that_of_the_member_for_whom_it_acts() {
    let stage = stage();
    let promise = stage
        .memory
        .write(Actor::agent_of("scribe", &stage.mia), |w| w.follow_up(stage.sally, "Send the menu").save())
        .unwrap();
    let read = stage.memory.follow_up(promise).unwrap();
    assert_eq!((read.owner.id, read.added_by_name.as_str()), (stage.mia.id, "scribe for Mia Okafor"));
    assert_eq!(read.to_string(), "Sally Marsh: Send the menu — Mia Okafor");
}

#[test]
fn a_program_that_promises_says_who_keeps_it() {
    let stage = stage();
    let promise = |owner: Option<&Member>| {
        stage.memory.write(Actor::import("hubspot"), |w| {
            let draft = w.follow_up(stage.sally, "Send the menu");
            match owner {
                Some(owner) => draft.owner(owner).save(),
                None => draft.save(),
            }
        })
    };
    let words = stage.told(promise(None));
    assert_eq!(words, "owner of the promise: no member acts here, so say with owner who is to keep it");
    let read = stage.memory.follow_up(promise(Some(&stage.tom)).unwrap()).unwrap();
    assert_eq!(read.to_string(), "Sally Marsh: Send the menu — Tom Okoro", "no person passed it on");
}

#[test]
fn a_promise_without_words_to_nobody_or_on_no_day_is_refused_and_leaves_nothing() {
    let stage = stage();
    let head = stage.memory.head().unwrap();
    let (mia, sally) = (&stage.mia, stage.sally);
    let long = "a".repeat(heirloom::limits::FIELD_MAX + 1);
    for (text, words) in [
        (" \n", "text of the promise: it is empty"),
        ("a\0b", "text of the promise: it has the character U+0000 at byte 1; take it out"),
        (&long, "text of the promise: it has 65537 bytes, the limit is 65536"),
    ] {
        assert_eq!(stage.refused(mia, |w| w.follow_up(sally, text).save()), words);
    }
    assert_eq!(
        stage.refused(mia, |w| w.follow_up(sally, "x").due("2025-02-30").save()),
        "time: “2025-02-30” is not one; write 2024, 2024-03, 2024-03-12 or 2024-03-12T18:30:00Z"
    );
    // Ids of this memory, but of something else.
    let (as_contact, as_member) = (ContactId::from(mia.id.uuid()), MemberId::from(sally.uuid()));
    let as_promise = FollowUpId::from(sally.uuid());
    let said = |done: Result<()>| match done {
        Err(Error::Unknown { noun, .. }) => noun,
        other => panic!("{other:?}"),
    };
    let write = |f: &dyn Fn(&mut Writer<'_>) -> Result<()>| said(stage.memory.write(mia, |w| f(w)));
    assert_eq!(write(&|w| w.follow_up(as_contact, "x").save().map(drop)), "contact");
    assert_eq!(write(&|w| w.follow_up(sally, "x").owner(as_member).save().map(drop)), "member");
    assert_eq!(write(&|w| w.follow_up(sally, "x").from_note(NoteId::from(sally.uuid())).save().map(drop)), "note");
    assert_eq!(write(&|w| w.hand_on_follow_up(as_promise, mia, None)), "follow-up");
    assert_eq!(write(&|w| w.reschedule_follow_up(as_promise, None, None)), "follow-up");
    assert_eq!(write(&|w| w.finish_follow_up(as_promise, None)), "follow-up");
    assert_eq!(write(&|w| w.drop_follow_up(as_promise, None)), "follow-up");
    assert_eq!(write(&|w| w.reopen_follow_up(as_promise, None)), "follow-up");
    assert_eq!(said(stage.memory.follow_up(as_promise).map(drop)), "follow-up");
    assert_eq!(said(stage.memory.follow_ups(as_contact).map(drop)), "contact");
    assert_eq!(said(stage.memory.follow_ups_of(as_member).map(drop)), "member");
    assert_eq!(stage.memory.head().unwrap(), head);
}

#[test]
fn nobody_who_has_departed_is_given_a_promise_to_keep() {
    let stage = stage();
    let open = stage.promise(&stage.mia, stage.sally, "Send the menu", None);
    let done = stage.promise(&stage.tom, stage.sally, "Call back", None);
    stage.as_member(&stage.tom, |w| {
        w.finish_follow_up(done, None)?;
        w.transfer(stage.ben, &stage.mia, None)
    });
    stage.as_member(&stage.ada, |w| w.depart(&stage.tom, None));
    let gone = "Tom Okoro departed on 2025-06-01 and can keep no promise; name a member who is here";
    assert_eq!(stage.refused(&stage.ada, |w| w.follow_up(stage.sally, "x").owner(&stage.tom).save()), gone);
    assert_eq!(stage.refused(&stage.ada, |w| w.hand_on_follow_up(open, &stage.tom, None)), gone);
    assert_eq!(
        stage.refused(&stage.ada, |w| w.reopen_follow_up(done, None)),
        "the promise “Call back” to Sally Marsh was for Tom Okoro to keep, who has departed; write it down anew with \
         follow_up, for a member who is here"
    );
    let read = stage.memory.follow_up(done).unwrap();
    assert!(read.owner.departed && read.first_owner.departed);
    assert_eq!(read.to_string(), "Sally Marsh: Call back — Tom Okoro (has departed) [done on 2025-06-01]");
}

#[test]
fn what_has_ended_is_not_ended_moved_or_handed_on_again_and_what_is_open_is_not_reopened() {
    let stage = stage();
    let promise = stage.promise(&stage.mia, stage.sally, "Send the menu", Some("2025-06-03"));
    let (mia, due) = (&stage.mia, when("2025-06-03"));
    assert_eq!(
        stage.refused(mia, |w| w.reopen_follow_up(promise, None)),
        "the promise “Send the menu” to Sally Marsh is open already"
    );
    for state in ["done", "dropped"] {
        stage.as_member(mia, |w| match state {
            "done" => w.finish_follow_up(promise, Some("so it is")),
            _ => w.drop_follow_up(promise, Some("so it is")),
        });
        let words = format!(
            "the promise “Send the menu” to Sally Marsh was {state} on 2025-06-01 by Mia Okafor; open it again first, \
             with reopen_follow_up"
        );
        assert_eq!(stage.refused(mia, |w| w.finish_follow_up(promise, None)), words);
        assert_eq!(stage.refused(mia, |w| w.drop_follow_up(promise, None)), words);
        assert_eq!(stage.refused(mia, |w| w.reschedule_follow_up(promise, due, None)), words);
        assert_eq!(stage.refused(mia, |w| w.hand_on_follow_up(promise, &stage.tom, None)), words);
        stage.as_member(mia, |w| w.reopen_follow_up(promise, Some("it is not")));
        let open = stage.memory.follow_up(promise).unwrap();
        assert!(open.is_open() && open.ended_at.is_none() && open.ended_by.is_none() && open.ended_why.is_none());
        assert_eq!((open.due, open.owner.id), (Some(due), mia.id));
    }
    assert_eq!(stage.memory.follow_ups_of(mia).unwrap().len(), 1);
    stage.is_sound();
}

#[test]
fn a_reason_or_an_outcome_that_is_given_says_something() {
    let stage = stage();
    let promise = stage.promise(&stage.mia, stage.sally, "Send the menu", None);
    let mia = &stage.mia;
    let reason = "reason: it is empty";
    assert_eq!(stage.refused(mia, |w| w.hand_on_follow_up(promise, &stage.tom, Some(""))), reason);
    assert_eq!(stage.refused(mia, |w| w.reschedule_follow_up(promise, when("2026"), Some(" "))), reason);
    assert_eq!(stage.refused(mia, |w| w.drop_follow_up(promise, Some(""))), reason);
    assert_eq!(stage.refused(mia, |w| w.reopen_follow_up(promise, Some(""))), reason);
    assert_eq!(stage.refused(mia, |w| w.finish_follow_up(promise, Some("\t"))), "outcome: it is empty");
}

#[test]
fn handing_a_promise_to_who_has_it_or_moving_it_to_its_own_day_writes_nothing() {
    let stage = stage();
    let promise = stage.promise(&stage.mia, stage.sally, "Send the menu", Some("2025-06-03"));
    let head = stage.memory.head().unwrap();
    stage.as_member(&stage.tom, |w| {
        w.hand_on_follow_up(promise, &stage.mia, Some("hers"))?;
        w.reschedule_follow_up(promise, when("2025-06-03"), None)
    });
    assert_eq!(stage.memory.head().unwrap(), head);
    // The same first instant, another day's length.
    stage.it_is("2025-07-01T00:00:00Z");
    let june = stage.promise(&stage.mia, stage.sally, "Write", Some("2025-07-01"));
    stage.as_member(&stage.mia, |w| w.reschedule_follow_up(june, when("2025-07"), None));
    assert_eq!(stage.memory.follow_up(june).unwrap().due, Some(when("2025-07")));
    stage.as_member(&stage.mia, |w| w.reschedule_follow_up(june, None, None));
    assert_eq!(stage.memory.follow_up(june).unwrap().due, None);
}

#[test]
fn the_note_of_a_promise_is_about_that_contact_and_readable_to_who_promises() {
    let stage = stage();
    let (about_ben, both, private, retracted) = stage.as_member(&stage.mia, |w| {
        let ben = w.note(stage.ben, "Asked for the photo").save()?;
        let both = w.note_about(&[stage.ben, stage.sally], "Asked for a table together")?.save()?;
        let private = w.note(stage.sally, "Is unwell").private().save()?;
        let retracted = w.note(stage.sally, "Asked for the menu").save()?;
        w.retract_note(retracted, None)?;
        Ok((ben, both, private, retracted))
    });
    let from = |note: NoteId| move |w: &mut Writer<'_>| w.follow_up(stage.sally, "Do it").from_note(note).save();
    assert_eq!(
        stage.refused(&stage.mia, from(about_ben)),
        "note of the promise: it is about Ben Ito and not about Sally Marsh"
    );
    assert_eq!(stage.refused(&stage.mia, from(retracted)), "note of the promise: it was retracted on 2025-06-01");
    let words = stage.refused(&stage.tom, from(private));
    assert_eq!(words, format!("there is no note {private} in this memory"));
    for note in [both, private] {
        let promise = stage.as_member(&stage.mia, from(note));
        assert_eq!(stage.memory.seen_by(&stage.mia).unwrap().follow_up(promise).unwrap().note, Some(note));
    }
}

#[test]
fn that_a_promise_came_from_a_private_note_is_told_to_its_reader_alone() {
    let stage = stage();
    let promise = stage.as_member(&stage.mia, |w| {
        let note = w.note(stage.sally, "Is unwell").private().save()?;
        w.follow_up(stage.sally, "Send flowers").from_note(note).owner(&stage.tom).save()
    });
    let note_as = |memory: &Memory| {
        let of_contact = memory.follow_ups(stage.sally).unwrap().remove(0).note;
        let of_member = memory.follow_ups_of(&stage.tom).unwrap().remove(0).note;
        let one = memory.follow_up(promise).unwrap().note;
        let added = memory.history(promise).unwrap().remove(0);
        let Some(Change::FollowUpAdded(told)) = added.change else { panic!("a promise is told") };
        assert_eq!((of_contact, of_member, told.note), (one, one, one));
        one.is_some()
    };
    assert!(note_as(&stage.memory.seen_by(&stage.mia).unwrap()));
    assert!(note_as(&stage.memory.all_seeing()));
    assert!(!note_as(&stage.memory.seen_by(&stage.tom).unwrap()));
    assert!(!note_as(&stage.memory));
    stage.is_sound();
}

#[test]
fn a_brief_lists_what_is_promised_overdue_first_in_words_and_as_json() {
    let stage = stage();
    let later = stage.promise(&stage.mia, stage.sally, "Send the\nsummer menu", Some("2025-08-01"));
    let sooner = stage.promise(&stage.ada, stage.sally, "Call back", Some("2025-06-02"));
    let kept = stage.promise(&stage.mia, stage.sally, "Reserve a table", None);
    stage.as_member(&stage.mia, |w| {
        w.finish_follow_up(kept, None)?;
        w.transfer(stage.sally, &stage.tom, None)
    });
    stage.it_is("2025-06-10T12:00:00Z");
    let brief = stage.memory.brief(stage.sally).unwrap();
    let promised = brief.open.iter().filter_map(|matter| match matter {
        OpenMatter::Promised(promise) => Some(promise.id),
        _ => None,
    });
    assert_eq!(promised.collect::<Vec<_>>(), [sooner, later]);
    let text = brief.to_string();
    let open = text.split_once("\nOpen\n").unwrap().1;
    let lines: Vec<&str> = open.lines().take(3).collect();
    assert_eq!(
        lines,
        [
            "  promised: Call back, until 2025-06-02 (overdue) — Ada Stone",
            "  promised: Send the summer menu, until 2025-08-01 — Tom Okoro, promised by Mia",
            "  Okafor",
        ],
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(&brief.to_json()).unwrap();
    let first = &json["open"][0]["promised"];
    assert_eq!((first["what"].as_str(), first["overdue"].as_bool()), (Some("Call back"), Some(true)), "{json:#}");
    assert_eq!(first["due"], "2025-06-02");
}

#[test]
fn a_promise_shows_a_terminal_no_codes_of_others() {
    let stage = stage();
    let promise = stage.promise(&stage.mia, stage.sally, "Send\n\u{1b}[2Jthe \u{202e}menu", None);
    let line = stage.memory.follow_up(promise).unwrap().to_string();
    assert_eq!(line, "Sally Marsh: Send <U+001B>[2Jthe <U+202E>menu — Mia Okafor");
    let told = stage.memory.history(promise).unwrap()[0].to_string();
    assert!(!told.contains(['\u{1b}', '\n', '\u{202e}']), "{told}");
}

#[test]
fn the_history_of_a_promise_says_at_each_step_what_was_promised_to_whom() {
    let stage = stage();
    let promise = stage.promise(&stage.mia, stage.sally, "Send the menu", Some("2025-06"));
    let passed =
        stage.as_member(&stage.ada, |w| w.follow_up(stage.sally, "Answer the complaint").owner(&stage.tom).save());
    stage.as_member(&stage.mia, |w| {
        w.reschedule_follow_up(promise, when("2025-07-01"), Some("the printer is late"))?;
        w.hand_on_follow_up(promise, &stage.tom, Some("he knows the kitchen"))
    });
    stage.as_member(&stage.tom, |w| {
        w.drop_follow_up(promise, Some("she moved away"))?;
        w.reopen_follow_up(promise, None)?;
        w.reschedule_follow_up(promise, None, None)?;
        w.finish_follow_up(promise, Some("she wants the fish"))
    });
    let told = |id: FollowUpId| -> Vec<String> {
        let entries = stage.memory.history(id).unwrap();
        entries.iter().map(|entry| entry.to_string().split_off("2025-06-01 12:00  ".len())).collect()
    };
    assert_eq!(
        told(promise),
        [
            "Mia Okafor promised Sally Marsh: “Send the menu” until 2025-06",
            "Mia Okafor moved the promise “Send the menu” to Sally Marsh from 2025-06 to 2025-07-01 (the printer is late)",
            "Mia Okafor handed the promise “Send the menu” to Sally Marsh from Mia Okafor to Tom Okoro (he knows the \
             kitchen)",
            "Tom Okoro dropped the promise “Send the menu” to Sally Marsh (she moved away)",
            "Tom Okoro opened the promise “Send the menu” to Sally Marsh again",
            "Tom Okoro moved the promise “Send the menu” to Sally Marsh from 2025-07-01 to no day",
            "Tom Okoro kept the promise “Send the menu” to Sally Marsh (she wants the fish)",
        ]
    );
    assert_eq!(told(passed), ["Ada Stone promised Sally Marsh: “Answer the complaint”, to be kept by Tom Okoro"]);
    stage.is_sound();
}

#[test]
fn promises_in_every_state_are_what_the_journal_makes_of_them() {
    let stage = stage();
    stage.as_member(&stage.mia, |w| {
        let note = w.note(stage.sally, "Asked for the menu").save()?;
        let moved = w.follow_up(stage.sally, "Send the menu").due("2025-06").from_note(note).save()?;
        let done = w.follow_up(stage.sally, "Call back").owner(&stage.tom).save()?;
        let dropped = w.follow_up(stage.sally, "Reserve the terrace").due("2025-07-01").save()?;
        let reopened = w.follow_up(stage.sally, "Ask the chef").save()?;
        w.reschedule_follow_up(moved, when("2025-07"), None)?;
        w.finish_follow_up(done, Some("she was glad"))?;
        w.drop_follow_up(dropped, Some("it rains"))?;
        w.finish_follow_up(reopened, None)?;
        w.reopen_follow_up(reopened, None)?;
        w.hand_on_follow_up(reopened, &stage.ada, None)?;
        w.transfer(stage.sally, &stage.tom, None)
    });
    assert_eq!(stage.memory.follow_ups(stage.sally).unwrap().len(), 4);
    stage.is_sound();
}

#[test]
fn a_promise_reads_names_as_they_are_today_and_survives_as_json() {
    let stage = stage();
    let promise = stage.promise(&stage.mia, stage.sally, "Send the menu", Some("2025-06-03"));
    stage.as_member(&stage.mia, |w| {
        w.hand_on_follow_up(promise, &stage.tom, None)?;
        w.rename_member(&stage.mia, "Mia Stein")?;
        w.rename_contact(stage.sally, "Sally Ito")
    });
    let read = stage.memory.follow_up(promise).unwrap();
    assert_eq!(read.to_string(), "Sally Ito: Send the menu, until 2025-06-03 — Tom Okoro, promised by Mia Stein");
    let back: FollowUp = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
    assert_eq!(back, read);
}
