//! Who may not read a private note learns nothing of it but what the header of its entry says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use heirloom::{Actor, Direction, Member, Memory, NewContact, NewMember, NoteKind, OpenMatter};

fn member(memory: &Memory, name: &str) -> Member {
    memory.write(Actor::system("test"), |w| w.add_member(NewMember::new(name))).unwrap()
}

#[test]
fn a_private_conversation_does_not_show_in_when_somebody_was_spoken_to() {
    let memory = Memory::in_memory().unwrap();
    let ana = member(&memory, "Ana");
    let sally = memory
        .write(&ana, |w| {
            let sally = w.add_contact(NewContact::person("Sally"))?;
            let note = w.note(sally, "Between us.").private().save()?;
            w.reclassify_note(note, NoteKind::Praise, None)?;
            Ok(sally)
        })
        .unwrap();
    assert_eq!(memory.contact(sally).unwrap().spoken_at, None);
    assert_eq!(memory.quiet_since("2020-01-01T00:00:00Z".parse().unwrap()).unwrap().len(), 1);
    assert!(memory.verify().unwrap().is_sound());
}

#[test]
fn what_another_system_calls_a_private_note_finds_it_for_its_reader_alone() {
    let memory = Memory::in_memory().unwrap();
    let (ana, ben) = (member(&memory, "Ana"), member(&memory, "Ben"));
    let note = memory
        .write(&ana, |w| {
            let sally = w.add_contact(NewContact::person("Sally"))?;
            w.note(sally, "Between us.").private().external_id("crm", "7").save()
        })
        .unwrap();
    let found = |memory: &Memory| memory.note_by_external_id("crm", "7").unwrap();
    assert_eq!(found(&memory), None);
    assert_eq!(found(&memory.seen_by(&ben).unwrap()), None);
    assert_eq!(found(&memory.seen_by(&ana).unwrap()), Some(note));
    // The id stays one note's, whoever writes.
    let again = |w: &mut heirloom::Writer<'_>| {
        let sally = w.view().named("Sally")?.remove(0).id;
        w.note(sally, "Something else.").external_id("crm", "7").save()
    };
    assert_eq!(memory.write(&ben, again).unwrap(), note);
}

#[test]
fn a_private_answer_answers_a_complaint_for_its_reader_alone() {
    let memory = Memory::in_memory().unwrap();
    let (ana, ben) = (member(&memory, "Ana"), member(&memory, "Ben"));
    let sally = memory
        .write(&ana, |w| {
            let sally = w.add_contact(NewContact::person("Sally"))?;
            w.note(sally, "Too loud.").kind(NoteKind::Complaint).save()?;
            w.note(sally, "Wrote to her, between us.").private().direction(Direction::Out).save()?;
            Ok(sally)
        })
        .unwrap();
    let unanswered = |memory: Memory| {
        memory.brief(sally).unwrap().open.iter().filter(|open| matches!(open, OpenMatter::Unanswered(_))).count()
    };
    assert_eq!(unanswered(memory.seen_by(&ana).unwrap()), 0);
    assert_eq!(unanswered(memory.seen_by(&ben).unwrap()), 1);
    assert_eq!(unanswered(memory.clone()), 1);
}
