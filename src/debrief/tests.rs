#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use super::*;
use crate::{Actor, Agency, AgencyId, Member, MemberId, NewContact, NewMember, NoteKind, Role};

/// An agency of two people, and an employee.
struct Firm {
    memory: Memory,
    agency: Agency,
    jo: Member,
    ada: Member,
    mia: Member,
}

fn firm() -> Firm {
    let memory = Memory::in_memory().unwrap();
    memory
        .write(Actor::system("setup"), |w| {
            let agency = w.add_agency("Loud & Clear", None, None)?;
            Ok(Firm {
                jo: w.add_member(NewMember::new("Jo Bauer").of_agency(agency))?,
                ada: w.add_member(NewMember::new("Ada Kern").of_agency(agency))?,
                mia: w.add_member(NewMember::new("Mia Okafor"))?,
                agency: w.view().agency(agency)?,
                memory: memory.clone(),
            })
        })
        .unwrap()
}

impl Firm {
    fn write<T>(&self, f: impl FnOnce(&mut Writer<'_>) -> Result<T>) -> T {
        self.memory.write(Actor::system("setup"), f).unwrap()
    }

    fn contact(&self, name: &str, owner: Option<&Member>) -> ContactId {
        self.write(|w| {
            let contact = w.add_contact(NewContact::person(name))?;
            owner.map_or(Ok(()), |owner| w.assign(contact, owner, Role::Owner).map(drop))?;
            Ok(contact)
        })
    }

    fn notes(&self, contact: ContactId, count: usize, kind: NoteKind, said_by: &Member) {
        self.write(|w| {
            (0..count).try_for_each(|_| w.note(contact, "Came by").kind(kind).said_by(said_by).save().map(drop))
        });
    }

    fn promise(&self, contact: ContactId, owner: &Member, what: &str, due: Option<&str>) {
        self.write(|w| {
            let draft = w.follow_up(contact, what).owner(owner);
            due.into_iter().fold(draft, |draft, due| draft.due(due)).save().map(drop)
        });
    }

    fn debrief(&self, who: impl Into<Party>) -> Debrief {
        self.memory.debrief(who).run().unwrap()
    }
}

fn names(debrief: &Debrief) -> Vec<&str> {
    debrief.contacts.iter().map(|item| item.contact.name.as_str()).collect()
}

fn topics(item: &DebriefItem) -> Vec<Topic> {
    item.questions.iter().map(|question| question.topic).collect()
}

#[test]
fn who_matters_much_and_is_little_written_down_comes_first() {
    let firm = firm();
    let [known, quiet, often, cross] =
        ["Known", "Quiet", "Often", "Cross"].map(|name| firm.contact(name, Some(&firm.jo)));
    for contact in [known, often, cross] {
        firm.notes(contact, 12, NoteKind::Conversation, &firm.jo);
    }
    firm.notes(known, 8, NoteKind::Insight, &firm.mia);
    firm.notes(cross, 2, NoteKind::Complaint, &firm.jo);
    firm.notes(quiet, 1, NoteKind::Conversation, &firm.jo);
    firm.promise(often, &firm.jo, "Send the summer menu", None);
    let debrief = firm.debrief(&firm.jo);
    assert_eq!(names(&debrief), ["Cross", "Often", "Quiet", "Known"]);
    assert_eq!(
        debrief.contacts[0].reasons,
        [Worth::SpokenTo(14), Worth::Complaints(2), Worth::FewInsights(0), Worth::OneVoice]
    );
    assert_eq!(debrief.contacts[3].reasons, [Worth::SpokenTo(12)]);
}

#[test]
fn a_contact_without_any_note_is_asked_about() {
    let firm = firm();
    let blank = firm.contact("Blank", Some(&firm.jo));
    let secret = firm.contact("Secret", Some(&firm.jo));
    firm.memory.write(&firm.jo, |w| w.note(secret, "Is ill").private().save()).unwrap();
    let debrief = firm.debrief(&firm.jo);
    let reasons = |contact| &debrief.contacts.iter().find(|item| item.contact.id == contact).unwrap().reasons;
    assert_eq!(reasons(blank), &[Worth::NoNotes]);
    assert_eq!(reasons(secret), &[Worth::PrivateOnly]);
}

#[test]
fn a_contact_of_others_is_asked_about_when_the_leaver_alone_knows_it_or_promised_something() {
    let firm = firm();
    let [alone, private, promised, others, nobodys] = [
        ("Alone", Some(&firm.mia)),
        ("Private", Some(&firm.mia)),
        ("Promised", Some(&firm.mia)),
        ("Others", Some(&firm.mia)),
        ("Nobody's", None),
    ]
    .map(|(name, owner)| firm.contact(name, owner));
    for contact in [alone, others, nobodys] {
        firm.notes(contact, 1, NoteKind::Conversation, &firm.jo);
    }
    firm.notes(others, 1, NoteKind::Conversation, &firm.mia);
    firm.memory.write(&firm.jo, |w| w.note(private, "Is ill").private().save()).unwrap();
    firm.promise(promised, &firm.jo, "Send the summer menu", None);
    let debrief = firm.debrief(&firm.jo);
    let mut asked = names(&debrief);
    asked.sort_unstable();
    assert_eq!(asked, ["Alone", "Nobody's", "Private", "Promised"]);
    let owned_by = |contact| debrief.contacts.iter().find(|i| i.contact.id == contact).unwrap().reasons.last().cloned();
    assert_eq!(owned_by(alone), Some(Worth::OwnedBy(vec!["Mia Okafor".to_owned()])));
    assert_eq!(owned_by(nobodys), Some(Worth::OwnedBy(Vec::new())));
    assert_eq!(names(&firm.debrief(&firm.mia)).len(), 4, "Mia's own book");
}

#[test]
fn an_agency_is_asked_as_one() {
    let firm = firm();
    let (sally, ben) = (firm.contact("Sally", Some(&firm.jo)), firm.contact("Ben", Some(&firm.ada)));
    for said_by in [&firm.jo, &firm.ada] {
        firm.notes(sally, 1, NoteKind::Conversation, said_by);
    }
    firm.promise(ben, &firm.ada, "Send the summer menu", None);
    assert_eq!(names(&firm.debrief(&firm.jo)), ["Sally"]);
    assert!(!firm.debrief(&firm.jo).contacts[0].reasons.contains(&Worth::OneVoice), "Ada told something, too");
    let debrief = firm.debrief(&firm.agency);
    assert_eq!((debrief.who.name.as_str(), names(&debrief).len()), ("Loud & Clear", 2));
    assert!(debrief.contacts.iter().find(|i| i.contact.id == sally).unwrap().reasons.contains(&Worth::OneVoice));
}

#[test]
fn an_answer_is_an_insight_that_is_understood_alone_and_its_question_is_not_asked_again() {
    let firm = firm();
    let sally = firm.contact("Sally", Some(&firm.jo));
    let asked = firm.debrief(&firm.jo);
    assert_eq!(topics(&asked.contacts[0]), Topic::ALL);
    let never = &asked.contacts[0].questions[3];
    // Ada answers, not Jo; that is an answer as well.
    let note = firm.memory.write(&firm.ada, |w| w.answer_debrief(never, "  Serve nuts. ")).unwrap();
    let note = firm.memory.note(note).unwrap();
    assert_eq!((note.text.as_str(), note.kind), ("What must one never do? Serve nuts.", NoteKind::Insight));
    assert_eq!(note.recorded_by_name, "Ada Kern");
    assert_eq!(firm.memory.timeline(sally, None, 9).unwrap().notes.len(), 1);
    assert_eq!(topics(&firm.debrief(&firm.jo).contacts[0]), [Topic::Why, Topic::Cares, Topic::Promised]);
    // Corrected, it still answers; retracted, it does not.
    firm.write(|w| w.correct_note(note.id, "What must one never do? Serve peanuts.", None));
    assert_eq!(firm.debrief(&firm.jo).contacts[0].questions.len(), 3);
    firm.write(|w| w.retract_note(note.id, None));
    assert_eq!(firm.debrief(&firm.jo).contacts[0].questions.len(), 4);
}

#[test]
fn a_question_repeated_without_an_answer_or_in_private_or_about_somebody_else_is_asked_again() {
    let firm = firm();
    let (sally, ben) = (firm.contact("Sally", Some(&firm.jo)), firm.contact("Ben", None));
    firm.memory
        .write(&firm.mia, |w| {
            w.note(sally, "Why do they come?").insight().save()?;
            w.note(sally, "Why do they come? For the tart.").insight().private().save()?;
            w.note(sally, "Why do they come? For the tart.").save()?;
            w.note(ben, "Why do they come? For the tart.").insight().save()
        })
        .unwrap();
    assert_eq!(topics(&firm.debrief(&firm.jo).contacts[0]), Topic::ALL);
}

#[test]
fn a_contact_about_whom_everything_was_answered_makes_room_for_the_next() {
    let firm = firm();
    firm.contact("Sally", Some(&firm.jo));
    firm.contact("Ben", Some(&firm.jo));
    let first = firm.memory.debrief(&firm.jo).first(1).run().unwrap();
    assert_eq!((names(&first), first.more), (vec!["Sally"], 1));
    firm.memory
        .write(&firm.jo, |w| {
            first.contacts[0].questions.iter().try_for_each(|question| w.answer_debrief(question, "Nothing.").map(drop))
        })
        .unwrap();
    assert_eq!(names(&firm.memory.debrief(&firm.jo).first(1).run().unwrap()), ["Ben"]);
    assert_eq!(names(&firm.debrief(&firm.jo)), ["Ben"]);
}

#[test]
fn the_question_about_promises_mentions_the_open_ones_and_is_answered_without_them() {
    let firm = firm();
    let sally = firm.contact("Sally", Some(&firm.jo));
    firm.promise(sally, &firm.jo, "Call about\u{7} the wedding", None);
    firm.promise(sally, &firm.mia, "Send the summer menu", Some("2025-06-01"));
    let debrief = firm.debrief(&firm.jo);
    assert!(debrief.contacts[0].reasons.contains(&Worth::OpenPromises(2)));
    let question = &debrief.contacts[0].questions[2];
    assert_eq!(
        question.to_string(),
        "What was promised to them? Known so far: Send the summer menu, due 2025-06-01; Call about<U+0007> the wedding"
    );
    let kept: Question = serde_json::from_str(&serde_json::to_string(question).unwrap()).unwrap();
    assert_eq!(&kept, question, "a host may keep it until it is answered");
    let note = firm.memory.write(&firm.jo, |w| w.answer_debrief(&kept, "A table by the window.")).unwrap();
    assert_eq!(firm.memory.note(note).unwrap().text, "What was promised to them? A table by the window.");
}

#[test]
fn a_debrief_reads_well_and_says_how_many_more_there_are() {
    let firm = firm();
    for name in ["Sally Marsh", "Ben Kern", "Cem Arat"] {
        let contact = firm.contact(name, Some(&firm.jo));
        firm.notes(contact, 1, NoteKind::Praise, &firm.jo);
    }
    let debrief = firm.memory.debrief(&firm.jo).first(1).run().unwrap();
    let expected = format!(
        "What to ask Jo Bauer before they leave, {}\n\nSally Marsh (spoken to once; praised us once; no insight; only in the \
         leaver's\nwords)\n  - Why do they come?\n  - What do they care about?\n  - What was promised to them?\n  - What must one \
         never do?\n\nand 2 more contacts\n",
        debrief.at.date_naive()
    );
    assert_eq!(debrief.to_string(), expected);
    let json: serde_json::Value = serde_json::from_str(&debrief.to_json()).unwrap();
    assert_eq!(json["contacts"][0]["reasons"][0]["spoken_to"], 1);
    assert_eq!(json["contacts"][0]["questions"][3]["topic"], "never");
}

#[test]
fn nobody_unknown_is_asked() {
    let firm = firm();
    let stranger = firm.agency.id.uuid();
    let error = firm.memory.debrief(MemberId::from(stranger)).run().unwrap_err().to_string();
    assert_eq!(error, format!("there is no member {stranger} in this memory"));
    let stranger = firm.jo.id.uuid();
    let error = firm.memory.debrief(AgencyId::from(stranger)).run().unwrap_err().to_string();
    assert_eq!(error, format!("there is no agency {stranger} in this memory"));
}

#[test]
fn nobody_who_has_left_is_asked() {
    let firm = firm();
    firm.write(|w| w.depart(&firm.agency, None));
    for (who, name) in [(Party::from(&firm.jo), "Jo Bauer"), (Party::from(&firm.agency), "Loud & Clear")] {
        let error = firm.memory.debrief(who).run().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name} departed on ")), "{error}");
        assert!(error.ends_with("can no longer be asked; a debrief is for somebody who is here"), "{error}");
    }
}

#[test]
fn an_empty_answer_and_an_unknown_contact_are_refused() {
    let firm = firm();
    firm.contact("Sally", Some(&firm.jo));
    let mut question = firm.debrief(&firm.jo).contacts[0].questions[0].clone();
    let answer = |question: &Question, answer: &str| {
        firm.memory.write(&firm.jo, |w| w.answer_debrief(question, answer)).unwrap_err().to_string()
    };
    assert_eq!(answer(&question, " \n"), "answer: it is empty");
    assert!(answer(&question, &"a".repeat(check::NOTE_TEXT_MAX)).contains("text of the note: it has"));
    question.contact = ContactId::from(firm.jo.id.uuid());
    assert!(answer(&question, "For the tart.").starts_with("there is no contact "));
}

#[test]
fn whom_to_ask_about_is_found_without_reading_a_text() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.heirloom");
    let memory = Memory::open(&path).unwrap();
    let tom = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Tom Okoro"))).unwrap();
    memory
        .write(&tom, |w| {
            let sally = w.add_contact(NewContact::person("Sally"))?;
            w.assign(sally, &tom, Role::Owner)?;
            w.note(sally, "Likes the corner table").insight().save()
        })
        .unwrap();
    assert_eq!(names(&memory.debrief(&tom).run().unwrap()), ["Sally"]);
    let engine = rusqlite::Connection::open(&path).unwrap();
    engine.execute_batch("PRAGMA foreign_keys = OFF; DROP TABLE note; DROP TABLE entry_body").unwrap();
    assert_eq!(memory.debrief(&tom).first(0).run().unwrap().more, 1);
    assert!(memory.debrief(&tom).first(1).run().is_err(), "what was answered stands in texts");
}
