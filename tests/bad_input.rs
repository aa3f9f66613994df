//! Bad input gets a clear error that says what, which and what to do; nothing is lost, and nothing is half done.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking, and tell what they did"
)]

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use heirloom::{
    Actor, AgencyId, Channel, ContactId, DayOfYear, Error, Fate, FollowUpId, HandoffId, Head, Member, MemberId, Memory,
    NewAttachment, NewContact, NewHandle, NewMember, NoteId, Plan, QuestionId, Result, Role, Stage as HandoffStage,
    When, Writer, limits,
};
use rusqlite::Connection;
use serde_json::Value as Json;
use tempfile::TempDir;
use uuid::Uuid;

/// A memory in a file, with a member who is here, one who has left, a contact of each, and a note.
struct Stage {
    dir: TempDir,
    path: PathBuf,
    memory: Memory,
    mia: Member,
    tom: Member,
    sally: ContactId,
    note: NoteId,
}

fn stage() -> Stage {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table.heirloom");
    let memory = Memory::open(&path).unwrap();
    let setup = Actor::system("setup");
    let (mia, tom) = memory
        .write(&setup, |w| {
            Ok((w.add_member(NewMember::new("Mia Okafor"))?, w.add_member(NewMember::new("Tom Stone"))?))
        })
        .unwrap();
    let (sally, note) = memory
        .write(&mia, |w| {
            let sally = w.add_contact(NewContact::person("Sally Marsh").handle(Channel::X, "@sally"))?;
            w.assign(sally, &mia, Role::Owner)?;
            w.depart(&tom, None)?;
            Ok((sally, w.note(sally, "Stops by on Fridays").save()?))
        })
        .unwrap();
    Stage { dir, path, memory, mia, tom, sally, note }
}

impl Stage {
    /// Sees a call refused: in words that name each of `words`, with nothing kept and the handle as good as before.
    fn refuses<T>(&self, call: impl FnOnce(&mut Writer<'_>) -> Result<T>, words: &[&str]) {
        let before = self.memory.head().unwrap();
        let refused = self.memory.write(&self.mia, |w| {
            w.tag(self.sally, "this goes with the rest")?;
            call(w).map(drop)
        });
        says(&refused.expect_err("it was not refused"), words);
        self.nothing_was_kept(before);
    }

    fn nothing_was_kept(&self, before: Head) {
        assert_eq!(self.memory.head().unwrap(), before, "something was kept");
        assert!(self.memory.contact(self.sally).unwrap().tags.is_empty(), "something was kept");
        self.memory.write(&self.mia, |w| w.note(self.sally, "The handle goes on").save()).unwrap();
        assert!(self.memory.verify().unwrap().is_sound());
    }
}

/// An error is a sentence with these words in it, and not an engine's.
fn says(error: &Error, words: &[&str]) {
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "“{message}” does not say “{word}”");
    }
    for code in ["SQLITE", "Sqlite", "rusqlite", "Error", "Some(", "os error", "constraint", "UNIQUE"] {
        assert!(!message.contains(code), "“{message}” shows “{code}”");
    }
}

fn nobody() -> ContactId {
    Uuid::from_u128(1).into()
}

#[test]
fn the_character_u_0000_is_refused_wherever_a_text_is_taken() {
    let s = stage();
    let (zero, said) = ("sa\0lly", &["U+0000", "byte 2", "take it out"][..]);
    let with = |what: &'static str| [&[what], said].concat();
    s.refuses(|w| w.note(s.sally, zero).save(), &with("text of the note"));
    s.refuses(|w| w.note(s.sally, "a").permalink(zero).save(), &with("permalink"));
    s.refuses(|w| w.note(s.sally, "a").said_by(zero).save(), &with("who said it"));
    s.refuses(|w| w.note(s.sally, "a").external_id("till", zero).save(), &with("external id"));
    s.refuses(|w| w.note(s.sally, "a").attach(NewAttachment::new(zero, "a/b", "")).save(), &with("attachment"));
    s.refuses(|w| w.correct_note(s.note, zero, None), &with("text of the note"));
    s.refuses(|w| w.correct_note(s.note, "b", Some(zero)), &with("reason"));
    s.refuses(|w| w.retract_note(s.note, Some(zero)), &with("reason"));
    s.refuses(|w| w.add_contact(NewContact::person(zero)), &with("name of a contact"));
    s.refuses(|w| w.add_contact(NewContact::person("a").tag(zero)), &with("tag"));
    s.refuses(|w| w.add_contact(NewContact::person("a").field(zero, "b")), &with("name of a field"));
    s.refuses(|w| w.add_contact(NewContact::person("a").field("b", zero)), &with("value of a field"));
    s.refuses(|w| w.add_contact(NewContact::person("a").audience(zero)), &with("audience"));
    s.refuses(|w| w.add_contact(NewContact::person("a").do_not_contact(None, zero)), &with("reason"));
    s.refuses(|w| w.add_contact(NewContact::person("a").external_id(zero, "1")), &with("system"));
    s.refuses(|w| w.rename_contact(s.sally, zero), &with("name of a contact"));
    s.refuses(|w| w.set_audience(s.sally, zero), &with("audience"));
    s.refuses(|w| w.set_field(s.sally, "b", Some(zero)), &with("value of a field"));
    s.refuses(|w| w.set_date(s.sally, zero, None), &with("label of a date"));
    s.refuses(|w| w.do_not_contact(s.sally, None, zero), &with("reason"));
    s.refuses(|w| w.tag(s.sally, zero), &with("tag"));
    s.refuses(|w| w.link(s.sally, zero, nobody()), &with("relation"));
    s.refuses(|w| w.identify(s.sally, "till", zero), &with("external id"));
    s.refuses(|w| w.add_handle(s.sally, NewHandle::new(Channel::X, "@a").label(zero)), &with("label of a handle"));
    s.refuses(|w| w.add_handle(s.sally, NewHandle::new(Channel::X, "@a").network_id(zero)), &with("network id"));
    s.refuses(|w| w.add_member(NewMember::new(zero)), &with("name of a member"));
    s.refuses(|w| w.add_member(NewMember::new("a").email(zero)), &with("e-mail address of a member"));
    s.refuses(|w| w.rename_member(&s.mia, zero), &with("name of a member"));
    s.refuses(|w| w.depart(&s.mia, Some(zero)), &with("reason"));
    s.refuses(|w| w.add_agency(zero, None, None), &with("name of an agency"));
    s.refuses(|w| w.assign(s.sally, &s.mia, Role::Backup.because(zero)), &with("reason"));
    s.refuses(|w| w.transfer(s.sally, &s.mia, Some(zero)), &with("reason"));
    s.refuses(|w| w.unassign(s.sally, &s.mia, Role::Owner, Some(zero)), &with("reason"));
    for channel in Channel::ALL {
        s.refuses(|w| w.add_handle(s.sally, NewHandle::new(*channel, "a@b.example/\0")), &["U+0000"]);
    }
    let head = s.memory.head().unwrap();
    says(&s.memory.write(Actor::system(zero), |_| Ok(())).unwrap_err(), &with("name of the actor"));
    says(&s.memory.write_once(&s.mia, zero, |_| Ok(())).unwrap_err(), &with("idempotency key"));
    says(&s.memory.import(zero).json_lines(io::empty()).unwrap_err(), &with("name of the system"));
    s.nothing_was_kept(head);
    assert!(s.memory.search(zero).run().is_ok(), "a question may be anything");
    assert!(s.memory.contacts_like(zero, 5).is_ok(), "what is typed may be anything");
    assert!(s.memory.tagged(zero).unwrap().is_empty() && s.memory.named(zero).unwrap().is_empty());
}

#[test]
fn a_text_at_its_limit_is_taken_and_one_above_it_is_refused_with_both_sizes() {
    let s = stage();
    let long = |bytes: usize| "é".repeat(bytes / 2) + if bytes % 2 == 1 { "a" } else { "" };
    let above = |max: usize| [format!("{} bytes", max + 1), format!("limit is {max}")];
    let note = above(limits::NOTE_TEXT_MAX);
    let note = ["text of the note", &note[0], &note[1]];
    s.refuses(|w| w.note(s.sally, long(limits::NOTE_TEXT_MAX + 1)).save(), &note);
    s.refuses(|w| w.correct_note(s.note, &long(limits::NOTE_TEXT_MAX + 1), None), &note);
    s.refuses(|w| w.note(s.sally, "a".repeat(100 << 20)).save(), &["text of the note", "104857600 bytes", note[2]]);
    let name = above(limits::NAME_MAX);
    s.refuses(
        |w| w.add_contact(NewContact::person(long(limits::NAME_MAX + 1))),
        &["name of a contact", &name[0], &name[1]],
    );
    s.refuses(|w| w.tag(s.sally, &long(limits::NAME_MAX + 1)), &["tag", &name[0], &name[1]]);
    let field = above(limits::FIELD_MAX);
    let value = long(limits::FIELD_MAX + 1);
    s.refuses(|w| w.set_field(s.sally, "story", Some(&value)), &["value of a field", &field[0], &field[1]]);
    let file = above(limits::ATTACHMENT_MAX);
    let large = NewAttachment::new("film.mp4", "video/mp4", vec![7; limits::ATTACHMENT_MAX + 1]);
    s.refuses(|w| w.attach(s.sally, large), &["attachment", "film.mp4", &file[0], &file[1]]);

    let text = long(limits::NOTE_TEXT_MAX);
    let (note, large) = s
        .memory
        .write(&s.mia, |w| {
            w.rename_contact(s.sally, &long(limits::NAME_MAX))?;
            w.set_field(s.sally, "story", Some(&long(limits::FIELD_MAX)))?;
            let large = w.add_contact(NewContact::person("Large").field("a", long(limits::FIELD_MAX)))?;
            w.attach(large, NewAttachment::new("film.mp4", "video/mp4", vec![7; 1 << 20]))?;
            Ok((w.note(s.sally, text.clone()).save()?, large))
        })
        .unwrap();
    assert_eq!(s.memory.note(note).unwrap().text, text);
    let attachment = s.memory.contact_attachments(large).unwrap().remove(0);
    assert_eq!(s.memory.attachment_bytes(&attachment).unwrap(), vec![7; 1 << 20]);
    assert!(s.memory.verify().unwrap().is_sound());
}

#[test]
fn a_text_that_says_nothing_is_refused() {
    let s = stage();
    for blank in ["", " ", "\n\t ", "\u{3000}"] {
        s.refuses(|w| w.note(s.sally, blank).save(), &["text of the note", "empty"]);
        s.refuses(|w| w.add_contact(NewContact::person(blank)), &["name of a contact", "empty"]);
        s.refuses(|w| w.add_member(NewMember::new(blank)), &["name of a member", "empty"]);
        s.refuses(|w| w.tag(s.sally, blank), &["tag", "empty"]);
        s.refuses(|w| w.identify(s.sally, "till", blank), &["external id", "empty"]);
        s.refuses(|w| w.attach(s.sally, NewAttachment::new("a.txt", blank, "")), &["media type", "empty"]);
    }
    says(&s.memory.write_once(&s.mia, "", |_| Ok(())).unwrap_err(), &["idempotency key", "empty"]);
    says(&s.memory.write(Actor::agent(" "), |_| Ok(())).unwrap_err(), &["name of the actor", "empty"]);
    s.refuses(|w| w.upsert_contact(NewContact::person("Ben")), &["external id", "call external_id"]);
}

/// What Mia hands to Eva, and a handoff of it that awaits Eva's answers, with a question of hers.
struct Leaving {
    eva: Member,
    ben: ContactId,
    promise: FollowUpId,
    handoff: HandoffId,
    question: QuestionId,
}

fn leaving(s: &Stage) -> Leaving {
    let (eva, ben, promise) = s
        .memory
        .write(&s.mia, |w| {
            let eva = w.add_member(NewMember::new("Eva Stein"))?;
            let ben = w.add_contact(NewContact::person("Ben Ito"))?;
            w.assign(ben, &s.mia, Role::Owner)?;
            w.note(ben, "Gives more than he can afford").private().save()?;
            w.note(s.sally, "Is looking for another flat").private().save()?;
            Ok((eva, ben, w.follow_up(s.sally, "Send the summer menu").due("2030-06").save()?))
        })
        .unwrap();
    let plan = s.memory.handoff().of_contacts([s.sally]).to(&eva).reason("moves to Lagos").plan().unwrap();
    let handoff = s.memory.write(&s.mia, |w| w.offer(plan)).unwrap();
    let question = s.memory.write(&eva, |w| w.ask(handoff, s.sally, "What does she drink?")).unwrap();
    Leaving { eva, ben, promise, handoff, question }
}

#[test]
fn a_text_of_a_promise_or_a_handoff_that_is_hostile_empty_or_too_long_is_refused() {
    let s = stage();
    let Leaving { eva, promise, handoff, question, .. } = leaving(&s);
    let zero = "sa\0lly".to_owned();
    let (long, longer) = ("x".repeat(limits::FIELD_MAX + 1), "x".repeat(limits::NOTE_TEXT_MAX + 1));
    let (field_said, text_said) =
        (["has 65537 bytes, the limit is 65536"], ["has 1048577 bytes, the limit is 1048576"]);
    let every = [
        (&zero, ["U+0000 at byte 2"], ["U+0000 at byte 2"]),
        (&" \n".to_owned(), ["is empty"], ["is empty"]),
        (&long, field_said, ["has 6553"]),
        (&longer, ["the limit is 65536"], text_said),
    ];
    for (text, said, said_of_answer) in every {
        let says = |what: &'static str| [&[what], &said[..]].concat();
        let plan = s.memory.handoff().of_member(&s.mia).to(&eva).reason(text).plan();
        self::says(&plan.unwrap_err(), &says("reason of a handoff"));
        s.refuses(|w| w.follow_up(s.sally, text).save(), &says("text of the promise"));
        s.refuses(|w| w.hand_on_follow_up(promise, &eva, Some(text)), &says("reason"));
        s.refuses(|w| w.reschedule_follow_up(promise, None, Some(text)), &says("reason"));
        s.refuses(|w| w.finish_follow_up(promise, Some(text)), &says("outcome"));
        s.refuses(|w| w.drop_follow_up(promise, Some(text)), &says("reason"));
        s.refuses(|w| w.reopen_follow_up(promise, Some(text)), &says("reason"));
        s.refuses(|w| w.seal_note(s.note, Some(text)), &says("reason"));
        s.refuses(|w| w.release_note(s.note, &eva, Some(text)), &says("reason"));
        s.refuses(|w| w.open_note(s.note, &eva, text), &says("reason"));
        s.refuses(|w| w.keep(handoff, s.sally, text), &says("reason"));
        s.refuses(|w| w.decline(handoff, s.sally, text), &says("reason"));
        s.refuses(|w| w.ask(handoff, s.sally, text), &says("question"));
        s.refuses(|w| w.advance(handoff, HandoffStage::Share, Some(text)), &says("what is still to learn"));
        s.refuses(|w| w.withdraw(handoff, text), &says("reason"));
        s.refuses(|w| w.undo(handoff, text), &says("reason"));
        if text.len() != long.len() {
            s.refuses(|w| w.answer(question, text), &[&["answer"], &said_of_answer[..]].concat());
        }
    }
    let most = "x".repeat(limits::FIELD_MAX);
    s.memory
        .write(&s.mia, |w| {
            w.follow_up(s.sally, &most).save()?;
            w.answer(question, &most)?;
            w.keep(handoff, s.sally, &most)?;
            w.withdraw(handoff, &most)
        })
        .unwrap();
    assert!(s.memory.verify().unwrap().is_sound());
}

#[test]
fn an_id_of_nobody_is_named_by_every_call_of_a_handoff() {
    let s = stage();
    let Leaving { handoff, question, .. } = leaving(&s);
    let unknown = HandoffId::from(Uuid::from_u128(7));
    s.refuses(|w| w.accept(unknown, s.sally), &["handoff"]);
    s.refuses(|w| w.accept_all(unknown), &["handoff"]);
    s.refuses(|w| w.decline(unknown, s.sally, "no"), &["handoff"]);
    s.refuses(|w| w.keep(unknown, s.sally, "no"), &["handoff"]);
    s.refuses(|w| w.offer_to(unknown, s.sally, &s.mia), &["handoff"]);
    s.refuses(|w| w.ask(unknown, s.sally, "why?"), &["handoff"]);
    s.refuses(|w| w.advance(unknown, HandoffStage::Hold, None), &["handoff"]);
    s.refuses(|w| w.complete(unknown), &["handoff"]);
    s.refuses(|w| w.withdraw(unknown, "no"), &["handoff"]);
    s.refuses(|w| w.undo(unknown, "no"), &["handoff"]);
    s.refuses(|w| w.keep(handoff, nobody(), "no"), &["contact"]);
    s.refuses(|w| w.offer_to(handoff, s.sally, MemberId::from(Uuid::from_u128(1))), &["member"]);
    s.refuses(|w| w.offer_to(handoff, s.sally, &s.tom), &["Tom Stone", "departed"]);
    s.refuses(|w| w.answer(QuestionId::from(Uuid::from_u128(7)), "no"), &["question"]);
    let note = s.memory.write(&s.mia, |w| w.answer(question, "Mint tea")).unwrap();
    s.refuses(|w| w.answer(question, "Coffee"), &["answered", "correct that note"]);
    assert!(s.memory.note(note).is_ok());
}

/// Offers a plan that was changed where it was saved.
fn offers_changed(s: &Stage, plan: &Plan, change: impl FnOnce(&mut Json)) -> Result<HandoffId> {
    let mut saved = serde_json::to_value(plan).unwrap();
    change(&mut saved);
    let changed: Plan = serde_json::from_value(saved).unwrap();
    assert_ne!(&changed, plan, "it was not changed");
    s.memory.write(&s.mia, |w| w.offer(changed))
}

#[test]
fn a_plan_that_was_changed_where_it_was_saved_is_not_offered() {
    let s = stage();
    let Leaving { eva, ben, handoff, .. } = leaving(&s);
    let other = stage();
    let planner = || s.memory.handoff().of_member(&s.mia).to(&eva).reason("moves to Lagos");
    let blocked = planner().plan().unwrap();
    s.memory.write(&s.mia, |w| w.withdraw(handoff, "anew")).unwrap();
    let plan = planner().plan().unwrap();
    let id = |id: Uuid| Json::String(id.to_string());
    let (mia, tom, far) = (id(s.mia.id.uuid()), id(s.tom.id.uuid()), id(other.sally.uuid()));
    let item = |plan: &mut Json, name: &str| {
        let items = plan["items"].as_array().unwrap();
        items.iter().position(|item| item["contact"]["name"] == name).unwrap()
    };
    type Changes<'c> = Vec<(&'static [&'static str], Box<dyn FnOnce(&mut Json) + 'c>)>;
    let changes: Changes<'_> = vec![
        (&["drawn up for the memory", "draw one up here"], Box::new(|p| p["memory"] = id(Uuid::from_u128(9)))),
        (
            &["out of date", "Ben Ito would go to Eva Stein"],
            Box::new(|p| {
                let at = item(p, "Ben Ito");
                p["items"][at]["successor"] = id(Uuid::from_u128(9));
            }),
        ),
        (&["no member", "00000009"], Box::new(|p| p["successors"][0]["member"] = id(Uuid::from_u128(9)))),
        (&["no member", "00000009"], Box::new(|p| p["wishes"]["rules"][0]["rest"][0] = id(Uuid::from_u128(9)))),
        (&["Tom Stone"], Box::new(|p| p["wishes"]["rules"][0]["rest"][0] = tom.clone())),
        (
            &["out of date", "Ben Ito would go to nobody"],
            Box::new(|p| p["wishes"]["rules"][0]["rest"][0] = mia.clone()),
        ),
        (
            &["no contact"],
            Box::new(|p| {
                let at = item(p, "Ben Ito");
                p["items"][at]["contact"]["id"] = far.clone();
            }),
        ),
        (
            &["out of date", "Ben Ito came to Mia Okafor"],
            Box::new(|p| {
                let at = item(p, "Ben Ito");
                drop(p["items"].as_array_mut().unwrap().remove(at));
            }),
        ),
        (
            &["out of date", "Ben Ito"],
            Box::new(|p| {
                let at = item(p, "Ben Ito");
                let again = p["items"][at].clone();
                p["items"].as_array_mut().unwrap().push(again);
            }),
        ),
        (
            &["out of date", "Ben Ito"],
            Box::new(|p| {
                let at = item(p, "Ben Ito");
                p["items"][at]["leaver"] = id(eva.id.uuid());
            }),
        ),
        (
            &["out of date", "Ben Ito"],
            Box::new(|p| {
                let at = item(p, "Ben Ito");
                p["items"][at]["owned"] = Json::Bool(false);
            }),
        ),
        (
            &["shown otherwise", "what becomes of Ben Ito"],
            Box::new(|p| {
                let at = item(p, "Ben Ito");
                p["items"][at]["fate"] = "release".into();
            }),
        ),
        (&["shown otherwise", "what becomes of Ben Ito"], Box::new(|p| p["wishes"]["fate"] = "release".into())),
        (
            &["shown otherwise", "what becomes of Ben Ito"],
            Box::new(|p| {
                let fates = serde_json::json!([[ben, "seal"]]);
                p["wishes"]["fates"] = fates;
            }),
        ),
        (
            &["shown otherwise", "what becomes of Ben Ito"],
            Box::new(|p| {
                let at = item(p, "Ben Ito");
                p["items"][at]["successor_name"] = "The chief".into();
            }),
        ),
        (
            &["shown otherwise", "what becomes of Ben Ito"],
            Box::new(|p| {
                let at = item(p, "Ben Ito");
                p["items"][at]["contact"]["name"] = "Sally Marsh".into();
            }),
        ),
        (&["shown otherwise", "the reason"], Box::new(|p| p["wishes"]["reason"] = "was dismissed".into())),
        (&["shown otherwise", "the reason"], Box::new(|p| p["reason"] = "was dismissed".into())),
        (
            &["reason of a handoff", "empty"],
            Box::new(|p| (p["reason"], p["wishes"]["reason"]) = ("".into(), "".into())),
        ),
        (&["shown otherwise", "who leaves"], Box::new(|p| p["leavers"][0]["name"] = "The chief".into())),
        (
            &["shown otherwise", "the stages"],
            Box::new(|p| {
                p["wishes"]["stages"] = serde_json::json!([["hold", "2030-01-01T00:00:00Z"]]);
            }),
        ),
        (
            &["out of date"],
            Box::new(|p| {
                p["wishes"]["leavers"] = serde_json::json!([]);
                p["wishes"]["contacts"] = serde_json::json!([ben]);
            }),
        ),
        (&["out of date"], Box::new(|p| p["wishes"]["left_out"] = serde_json::json!([ben]))),
    ];
    for (words, change) in changes {
        let head = s.memory.head().unwrap();
        says(&offers_changed(&s, &plan, change).expect_err(words[0]), words);
        assert_eq!(s.memory.head().unwrap(), head);
    }
    assert!(s.memory.handoffs().unwrap().len() == 1);
    assert!(!blocked.is_ready() && plan.is_ready());
    // A gap that stands in the way is looked for anew; so what a plan says of it does not matter.
    let all = s.memory.write(&s.mia, |w| w.offer(&plan)).unwrap();
    let hidden =
        |p: &mut Json| p["items"].as_array_mut().unwrap().iter_mut().for_each(|i| i["gaps"] = Json::Array(vec![]));
    let plan = planner().plan().unwrap();
    says(&offers_changed(&s, &plan, hidden).unwrap_err(), &["in the handoff “moves to Lagos”"]);
    let items = s.memory.handoff_items(all).unwrap();
    assert!(items.iter().all(|item| (item.successor, item.fate) == (eva.id, Fate::Withhold)), "{items:?}");
}

#[test]
fn a_date_out_of_range_or_that_does_not_exist_is_refused_with_what_would_be_taken() {
    let s = stage();
    let far = DateTime::<Utc>::MAX_UTC;
    s.refuses(|w| w.note(s.sally, "a").happened_at(far).save(), &["time", "1 to 9999"]);
    s.refuses(|w| w.note(s.sally, "a").happened_at(DateTime::<Utc>::MIN_UTC).save(), &["time", "1 to 9999"]);
    s.refuses(|w| w.note(s.sally, "a").happened_at(NaiveDate::MAX).save(), &["time", "1 to 9999"]);
    for text in ["2024-02-30", "2024-13", "12.3.2024", "yesterday", "", "2024-03-12T25:00:00Z", "0000", "+999999-01-01"]
    {
        let quoted = format!("“{text}”");
        s.refuses(|w| w.note(s.sally, "a").happened_at(text).save(), &["time", &quoted, "write 2024, 2024-03"]);
    }
    says(&When::month(2024, 0).unwrap_err(), &["time", "no month 0", "2024"]);
    says(&When::year(10_000).unwrap_err(), &["time", "1 to 9999"]);
    says(&DayOfYear::new(Some(2023), 2, 29).unwrap_err(), &["date", "no day 29 in month 2 of 2023"]);
    says(&"31.12.1999".parse::<DayOfYear>().unwrap_err(), &["date", "31.12.1999", "write 1985-04-12"]);
    s.refuses(|w| w.assign(s.sally, &s.mia, Role::Backup.starting(far)), &["time", "1 to 9999"]);
    s.refuses(|w| w.add_agency("Loud", Some(far), None), &["time", "1 to 9999"]);
    s.refuses(|w| w.add_handle(s.sally, NewHandle::new(Channel::X, "@b").since(far)), &["time", "1 to 9999"]);
    s.refuses(
        |w| {
            let now = w.at();
            w.assign(s.sally, &s.mia, Role::Cover.until(now - TimeDelta::days(1)))
        },
        &["assignment", "ends before it begins"],
    );
    s.refuses(|w| w.assign(s.sally, &s.mia, Role::Cover), &["cover", "no end", "Role::Cover.until"]);
    s.refuses(
        |w| {
            let now = w.at();
            w.add_agency("Loud", Some(now), Some(now - TimeDelta::days(1)))
        },
        &["agency", "ends before it begins"],
    );
    let mad = Memory::options().clock(|| DateTime::<Utc>::MAX_UTC).in_memory();
    says(&mad.unwrap_err(), &["time", "1 to 9999"]);
}

#[test]
fn an_id_that_is_unknown_is_named_in_the_error_and_nothing_hangs_in_the_air() {
    let s = stage();
    let (id, contact) = (Uuid::from_u128(1).to_string(), nobody());
    let (member, note) = (MemberId::from(Uuid::from_u128(1)), NoteId::from(Uuid::from_u128(1)));
    let unknown = |noun: &'static str| ["there is no", noun, "in this memory"];
    let named = [&unknown("contact")[..], &[id.as_str()]].concat();
    s.refuses(|w| w.note(contact, "a").save(), &named);
    s.refuses(|w| w.note(s.sally, "a").about(contact).save(), &named);
    s.refuses(|w| w.note(s.sally, "a").said_by(contact).save(), &named);
    s.refuses(|w| w.rename_contact(contact, "a"), &named);
    s.refuses(|w| w.set_audience(contact, "press"), &named);
    s.refuses(|w| w.set_field(contact, "a", None), &named);
    s.refuses(|w| w.set_date(contact, "a", None), &named);
    s.refuses(|w| w.may_contact(contact, None), &named);
    s.refuses(|w| w.tag(contact, "a"), &named);
    s.refuses(|w| w.untag(contact, "a"), &named);
    s.refuses(|w| w.link(s.sally, "knows", contact), &named);
    s.refuses(|w| w.unlink(contact, "knows", s.sally), &named);
    s.refuses(|w| w.identify(contact, "till", "1"), &named);
    s.refuses(|w| w.attach(contact, NewAttachment::new("a.txt", "text/plain", "a")), &named);
    s.refuses(|w| w.add_handle(contact, NewHandle::new(Channel::X, "@a")), &named);
    s.refuses(|w| w.rename_handle(contact, Channel::X, "@a", "@b"), &named);
    s.refuses(|w| w.end_handle(contact, Channel::X, "@a"), &named);
    s.refuses(|w| w.assign(contact, &s.mia, Role::Owner), &named);
    s.refuses(|w| w.transfer(contact, &s.mia, None), &named);
    s.refuses(|w| w.unassign(contact, &s.mia, Role::Owner, None), &named);
    s.refuses(|w| w.end_handle(s.sally, Channel::X, "@somebody"), &["handle", "@somebody"]);
    s.refuses(|w| w.unassign(s.sally, &s.mia, Role::Backup, None), &["Mia", "is not backup of Sally"]);
    s.refuses(|w| w.assign(s.sally, member, Role::Owner), &unknown("member"));
    s.refuses(|w| w.note(s.sally, "a").said_by(member).save(), &unknown("member"));
    s.refuses(|w| w.rename_member(member, "a"), &unknown("member"));
    s.refuses(|w| w.depart(member, None), &unknown("member"));
    s.refuses(|w| w.correct_note(note, "a", None), &unknown("note"));
    s.refuses(|w| w.retract_note(note, None), &unknown("note"));
    let agency = AgencyId::from(Uuid::from_u128(1));
    s.refuses(|w| w.add_member(NewMember::new("Ada").of_agency(agency)), &unknown("agency"));
    says(&s.memory.write(member, |_| Ok(())).unwrap_err(), &unknown("member"));
    says(&s.memory.brief(contact).unwrap_err(), &named);
    says(&s.memory.timeline(contact, None, 5).unwrap_err(), &named);
    says(&s.memory.owners(contact).unwrap_err(), &named);
    says(&s.memory.history(contact).unwrap_err(), &[&id]);
    says(&s.memory.book(member).unwrap_err(), &unknown("member"));
    says(&s.memory.seen_by(member).unwrap_err(), &unknown("member"));
    says(&"sally".parse::<ContactId>().unwrap_err(), &["id of a contact", "“sally”", "UUID"]);
    let foreign = Memory::in_memory().unwrap().first_cursor();
    says(&s.memory.changes_after(foreign).unwrap_err(), &["cursor", "belongs to memory"]);
    says(&"7".parse::<heirloom::Cursor>().unwrap_err(), &["cursor", "“7”", "Changes::cursor"]);
}

#[test]
fn a_note_about_no_one_and_a_contact_linked_to_itself_are_refused() {
    let s = stage();
    s.refuses(|w| w.note_about(&[], "a").map(drop), &["note", "about no one", "name at least one contact"]);
    s.refuses(|w| w.link(s.sally, "knows", s.sally), &["link", "itself", "knows"]);
}

#[test]
fn an_id_of_another_system_belongs_to_one_contact() {
    let s = stage();
    s.memory.write(&s.mia, |w| w.add_contact(NewContact::person("Ben Ito").external_id("till", "7"))).unwrap();
    s.refuses(|w| w.identify(s.sally, "till", "7"), &["Ben Ito", "“7”", "till", "one contact"]);
    let again = NewContact::person("Ben Again").external_id("till", "7");
    s.refuses(|w| w.add_contact(again), &["Ben Ito", "“7”", "till", "use upsert_contact"]);
}

#[test]
fn who_has_left_neither_owns_nor_writes_and_nobody_leaves_a_contact_behind() {
    let s = stage();
    let left = ["Tom Stone", "departed on"];
    for role in [Role::Owner, Role::Backup] {
        s.refuses(|w| w.assign(s.sally, &s.tom, role), &[left[0], left[1], "name a member who is here"]);
    }
    s.refuses(|w| w.transfer(s.sally, &s.tom, None), &[left[0], left[1], "name a member who is here"]);
    s.refuses(|w| w.transfer_all([s.sally], &s.tom, None), &[left[0], left[1], "name a member who is here"]);
    s.refuses(|w| w.depart(&s.tom, None), &["Tom Stone", "already"]);
    s.refuses(|w| w.welcome_back(&s.mia), &["Mia Okafor", "has not departed"]);
    s.refuses(|w| w.depart(&s.mia, None), &["Mia Okafor", "only owner", "1 contact", "Sally Marsh", "transfer"]);
    let head = s.memory.head().unwrap();
    for actor in [Actor::from(&s.tom), Actor::agent_of("scribe", &s.tom)] {
        let refused = s.memory.write(actor, |w| w.note(s.sally, "from outside").save());
        says(&refused.unwrap_err(), &[left[0], left[1], "can no longer write"]);
    }
    s.nothing_was_kept(head);
    let other = s.memory.write(&s.mia, |w| w.add_member(NewMember::new("Ada"))).unwrap();
    s.refuses(|w| w.assign(s.sally, &other, Role::Owner), &["Sally Marsh", "Mia Okafor already", "use transfer"]);
    let ben = s.memory.write(&s.mia, |w| w.add_contact(NewContact::person("Ben"))).unwrap();
    s.refuses(|w| w.transfer(ben, &other, None), &["nobody looks after Ben", "use assign"]);
}

#[test]
fn an_owner_who_is_to_come_is_not_overlooked_and_can_be_taken_back() {
    let s = stage();
    let soon = Utc::now() + TimeDelta::days(10);
    let (ben, ada) = s
        .memory
        .write(&s.mia, |w| {
            let (ben, ada) = (w.add_contact(NewContact::person("Ben"))?, w.add_member(NewMember::new("Ada"))?);
            w.assign(ben, &s.mia, Role::Owner.until(soon))?;
            w.assign(ben, &ada, Role::Owner.starting(soon))?;
            Ok((ben, ada))
        })
        .unwrap();
    let day = soon.date_naive().to_string();
    let said = ["Ben will be looked after by Ada", &day, "unassign"];
    s.refuses(|w| w.transfer(ben, &ada, None), &said);
    s.refuses(|w| w.unassign(ben, &s.mia, Role::Owner, None).and_then(|()| w.assign(ben, &s.mia, Role::Owner)), &said);
    s.memory
        .write(&s.mia, |w| w.unassign(ben, &ada, Role::Owner, None).and_then(|()| w.transfer(ben, &ada, None)))
        .unwrap();
    let owners = s.memory.owners(ben).unwrap();
    let from_then_on = owners.iter().filter(|owner| owner.holds(soon + TimeDelta::days(1))).count();
    assert_eq!(from_then_on, 1, "{owners:?}");
}

#[test]
fn write_inside_write_is_an_error_through_any_handle_and_the_outer_write_goes_on() {
    let s = stage();
    let (clone, other) = (s.memory.clone(), Memory::open(&s.path).unwrap());
    let note = s
        .memory
        .write(&s.mia, |w| {
            for handle in [&s.memory, &clone, &other, &s.memory.all_seeing()] {
                let inner = handle.write(&s.mia, |w| w.note(s.sally, "from inside").save());
                assert!(matches!(inner, Err(Error::NestedWrite)));
                says(&inner.unwrap_err(), &["write was called inside write", "use the writer"]);
                assert!(matches!(handle.write_once(&s.mia, "k", |_| Ok(())), Err(Error::NestedWrite)));
                assert!(matches!(handle.rebuild(), Err(Error::NestedWrite)));
                assert!(matches!(handle.import("till").json_lines(io::empty()), Err(Error::NestedWrite)));
            }
            w.note(s.sally, "from outside").save()
        })
        .unwrap();
    assert_eq!(other.note(note).unwrap().text, "from outside");
    other.write(&s.mia, |w| w.note(s.sally, "after it").save()).unwrap();
    assert_eq!(s.memory.timeline(s.sally, None, 100).unwrap().notes.len(), 3);
}

#[test]
fn another_writer_who_does_not_finish_is_named_with_the_time_that_was_waited() {
    let s = stage();
    let hasty = Memory::options().patience(Duration::from_millis(50)).open(&s.path).unwrap();
    s.memory
        .write(&s.mia, |w| {
            std::thread::scope(|scope| {
                let late = scope.spawn(|| hasty.write(&s.mia, |w| w.note(s.sally, "late").save()).unwrap_err());
                let error = late.join().unwrap();
                assert!(matches!(error, Error::Busy { .. }), "{error}");
                says(&error, &["table.heirloom", "is being written elsewhere", " ms", "try again"]);
            });
            w.note(s.sally, "in time").save()
        })
        .unwrap();
    hasty.write(&s.mia, |w| w.note(s.sally, "at last").save()).unwrap();
}

/// Sees a path refused at opening, in each way to open, with the file left byte-identical and nothing beside it.
fn refused_and_left(path: &Path, words: &[&str]) {
    let before = fs::read(path).ok();
    let ways = [
        Memory::options(),
        Memory::options().read_only(),
        Memory::options().must_exist(),
        Memory::options().allow_network_file_system(),
    ];
    for options in ways {
        says(&options.open(path).expect_err("it was not refused"), words);
        assert_eq!(fs::read(path).ok(), before, "it was changed");
        let beside: Vec<_> =
            fs::read_dir(path.parent().unwrap()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(beside.len(), 1, "something was left beside it: {beside:?}");
    }
}

fn alone(name: &str, bytes: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    (dir, path)
}

#[test]
fn a_file_that_is_no_memory_is_refused_by_name_and_left_byte_identical() {
    let foreign = |script: &str| {
        let (dir, path) = alone("theirs.db", "");
        Connection::open(&path).unwrap().execute_batch(script).unwrap();
        (dir, path)
    };
    let words = ["is not a memory of heirloom", "left as it was"];
    let mut jpeg = b"\xFF\xD8\xFF\xE0\x00\x10JFIF\0".to_vec();
    jpeg.resize(20_000, 0x5A);
    for (name, bytes) in [
        ("photo.jpg", jpeg),
        ("people.vcf", b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Sally\r\nEND:VCARD\r\n".to_vec()),
        ("one.byte", b"S".to_vec()),
        ("zeros", vec![0; 8192]),
        ("almost", b"SQLite format 3\0".to_vec()),
    ] {
        let (_dir, path) = alone(name, bytes);
        refused_and_left(&path, &[name, "left as it was"]);
    }
    let (_dir, path) = foreign("CREATE TABLE contact (id); INSERT INTO contact VALUES (1)");
    refused_and_left(&path, &["theirs.db", words[0], "another program", words[1]]);
    let (_dir, path) = foreign("PRAGMA application_id = 1196444487; CREATE TABLE tiles (id)");
    refused_and_left(&path, &["theirs.db", words[0], "another program", words[1]]);

    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    refused_and_left(&folder, &["folder", "is a directory", "a memory is one file"]);
    let nowhere = dir.path().join("no/such/folder/a.heirloom");
    says(&Memory::open(&nowhere).unwrap_err(), &["a.heirloom", "does not exist", "make it first"]);
    let absent = dir.path().join("absent.heirloom");
    for options in [Memory::options().must_exist(), Memory::options().read_only()] {
        says(&options.open(&absent).unwrap_err(), &["absent.heirloom"]);
        assert!(!absent.exists(), "it was made");
    }
}

#[test]
fn a_newer_file_is_refused_with_both_versions_and_left_byte_identical() {
    let s = stage();
    let (_dir, path) = alone("newer.heirloom", "");
    fs::remove_file(&path).unwrap();
    s.memory.backup(&path).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).unwrap();
    connection.execute_batch("PRAGMA user_version = 4").unwrap();
    drop(connection);
    refused_and_left(
        &path,
        &["newer.heirloom", "a newer heirloom", "file version 4", "reads up to 1", "upgrade heirloom"],
    );
}

#[test]
fn a_truncated_file_is_an_error_in_words_and_left_byte_identical() {
    let Stage { dir, path, memory, .. } = stage();
    drop(memory);
    let whole = fs::read(&path).unwrap();
    drop(dir);
    for part in [1, 3, 5, 7] {
        let (_dir, path) = alone("cut.heirloom", &whole[..whole.len() * part / 8]);
        refused_and_left(&path, &["cut.heirloom"]);
    }
    let (_dir, path) = alone("cut.heirloom", &whole[..whole.len() - 1]);
    refused_and_left(&path, &["cut.heirloom"]);
}

#[test]
fn a_memory_opened_for_reading_only_reads_and_says_how_to_write() {
    let Stage { dir: _dir, path, memory, mia, sally, .. } = stage();
    drop(memory);
    let before = fs::read(&path).unwrap();
    let memory = Memory::options().read_only().open(&path).unwrap();
    assert_eq!(memory.brief(sally).unwrap().contact.name, "Sally Marsh");
    assert!(memory.verify().unwrap().is_sound());
    let mut calls = 0;
    let mut refused = |result: Result<()>| {
        says(&result.unwrap_err(), &["table.heirloom", "reading only", "open it with Memory::open to write"]);
        calls += 1;
    };
    refused(memory.write(&mia, |w| w.note(sally, "a").save().map(drop)));
    refused(memory.write_once(&mia, "k", |_| Ok(())).map(drop));
    refused(memory.import("till").json_lines(io::empty()).map(drop));
    refused(memory.rebuild());
    assert_eq!(calls, 4);
    drop(memory);
    assert_eq!(fs::read(&path).unwrap(), before, "reading changed the file");
}

#[test]
fn an_input_that_breaks_off_keeps_nothing_of_its_import_and_says_where_it_broke() {
    struct Broken<'b>(&'b [u8]);
    impl Read for Broken<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("the stick was pulled out")),
                read => Ok(read),
            }
        }
    }
    let s = stage();
    let head = s.memory.head().unwrap();
    let lines = "{\"contact\": {\"name\": \"Ben\"}}\n".repeat(2_000);
    let error = s.memory.import("till").named("guests.jsonl").json_lines(Broken(lines.as_bytes())).unwrap_err();
    says(&error, &["guests.jsonl", "the stick was pulled out"]);
    s.nothing_was_kept(head);
    let error = s.memory.import("till").file(s.dir.path().join("absent.jsonl")).unwrap_err();
    assert!(error.to_string().contains("absent.jsonl"), "{error}");
    let odd = s.dir.path().join("guests.docx");
    fs::write(&odd, "x").unwrap();
    says(&s.memory.import("till").file(&odd).unwrap_err(), &["guests.docx", ".vcf", ".csv", ".jsonl"]);
}

#[test]
fn bytes_that_are_not_utf_8_and_u_0000_cost_an_import_no_other_record() {
    let s = stage();
    let mut lines = b"{\"contact\": {\"name\": \"Ben\"}}\n{\"contact\": {\"name\": \"B\xFFn\"}}\n".to_vec();
    lines
        .extend_from_slice(b"{\"note\": {\"about\": \"Ben\", \"text\": \"a\\u0000b\"}}\nnonsense\n{\"contact\": {}}\n");
    lines.extend_from_slice(b"{\"note\": {\"about\": \"Nobody Known\", \"text\": \"lost?\"}}\n");
    lines.extend_from_slice(b"{\"note\": {\"about\": \"Ben\", \"text\": \"a\", \"happened_at\": \"2024-02-30\"}}\n");
    lines.extend_from_slice(b"{\"contact\": {\"name\": \"Dora\"}}\n");
    let report = s.memory.import("till").named("guests.jsonl").json_lines(&lines[..]).unwrap();
    assert!(s.memory.named("Ben").unwrap().len() == 1 && s.memory.named("Dora").unwrap().len() == 1, "{report}");
    for line in [4, 5, 6] {
        let told = report.findings.iter().any(|finding| finding.line == line && finding.skipped);
        assert!(told, "line {line} was skipped in silence: {report}");
    }
    for line in [2, 3, 7] {
        assert!(report.findings.iter().any(|finding| finding.line == line), "line {line} in silence: {report}");
    }
    assert!(s.memory.verify().unwrap().is_sound());
    let before = s.memory.head().unwrap();
    let again = s.memory.import("till").named("guests.jsonl").json_lines(&lines[..]).unwrap();
    assert_eq!(s.memory.head().unwrap(), before, "a second import changes nothing: {again}");
}

/// A disk that takes no more: on every Unix a limit on the size of a file, as a quota sets it; on Linux also a disk of
/// 4 MiB, where the system lets a user mount one in a namespace.
#[cfg(unix)]
mod full_disk {
    use std::process::Command;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::*;

    const PLACE: &str = "HEIRLOOM_TEST_FULL_DISK";

    fn let_files_grow_to(bytes: Option<u64>) {
        let maximum = getrlimit(Resource::Fsize).maximum;
        setrlimit(Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum }).unwrap();
    }

    /// Not a test of its own: fills the place that it is given.
    #[test]
    fn child() {
        let Ok(place) = std::env::var(PLACE) else { return };
        let place = Path::new(&place);
        let (path, ballast) = (place.join("small.heirloom"), place.join("ballast"));
        let memory = Memory::open(&path).unwrap();
        let mia = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Mia"))).unwrap();
        let sally = memory.write(&mia, |w| w.add_contact(NewContact::person("Sally"))).unwrap();
        let is_disk = ballast.exists();
        if !is_disk {
            let_files_grow_to(Some(2 << 20));
        }
        let is_told = |error: &Error| match is_disk {
            true => assert!(matches!(error, Error::DiskFull { .. }), "{error}"),
            false => assert!(matches!(error, Error::DiskFull { .. } | Error::Io { .. }), "{error}"),
        };

        let text = "bottle ".repeat(10_000);
        let mut kept = 0;
        let (error, head) = loop {
            let head = memory.head().unwrap();
            match memory.write(&mia, |w| w.note(sally, format!("{kept} {text}")).save()) {
                Ok(_) => kept += 1,
                Err(error) => break (error, head),
            }
        };
        is_told(&error);
        says(&error, &["small.heirloom"]);
        assert_eq!(memory.head().unwrap(), head, "something of the write was kept");
        let lines = format!("{{\"note\": {{\"about\": \"Sally\", \"text\": \"{text}\"}}}}\n").repeat(60);
        is_told(&memory.import("till").json_lines(lines.as_bytes()).unwrap_err());
        assert_eq!(memory.head().unwrap(), head, "something of the import was kept");
        assert_eq!(memory.timeline(sally, None, 10_000).unwrap().notes.len(), kept, "a note is gone");
        if is_disk {
            is_told(&memory.backup(place.join("copy.heirloom")).unwrap_err());
            assert!(!place.join("copy.heirloom").exists(), "a backup was left in part");
            fs::remove_file(&ballast).unwrap();
        } else {
            let_files_grow_to(None);
        }
        memory.write(&mia, |w| w.note(sally, text).save()).unwrap();
        assert!(memory.verify_against(head).unwrap().is_sound());
        println!("{kept} notes fitted");
    }

    /// Runs the child in a place of its own, by a shell script that ends with the words behind it.
    fn run(program: &str, before: &[&str], script: &str) {
        let dir = tempfile::tempdir().unwrap();
        let ended = Command::new(program)
            .args(before)
            .args(["-euc", script, "sh"])
            .arg(std::env::current_exe().unwrap())
            .args(["full_disk::child", "--exact", "--nocapture"])
            .env(PLACE, dir.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && said.contains("notes fitted"), "{said}");
    }

    #[test]
    fn a_file_that_may_not_grow_is_a_clear_error_and_the_same_handle_works_once_it_may() {
        // The signal that goes with the limit would end the process.
        run("sh", &[], "trap '' XFSZ; exec \"$@\"");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_a_clear_error_and_the_same_handle_works_once_there_is_room() {
        let own = ["--user", "--map-root-user", "--mount"];
        if !Command::new("unshare").args(own).arg("true").status().is_ok_and(|status| status.success()) {
            // Where no user may mount anything, the limit above stands for the disk.
            return a_file_that_may_not_grow_is_a_clear_error_and_the_same_handle_works_once_it_may();
        }
        let disk = format!("mount -t tmpfs -o size=4m tmpfs \"${PLACE}\"");
        let script = format!("{disk}; head -c 1000000 /dev/zero > \"${PLACE}/ballast\"; exec \"$@\"");
        run("unshare", &[&own[..], &["sh"]].concat(), &script);
    }
}

#[test]
fn an_empty_path_is_refused_in_words() {
    let memory = Memory::in_memory().unwrap();
    for refused in [Memory::open("").map(drop), memory.backup("")] {
        let said = refused.unwrap_err().to_string();
        assert!(said.contains("no file name was given"), "{said}");
    }
}
