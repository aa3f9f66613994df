//! Who may not read a private note learns nothing of it but what the header of its entry says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use heirloom::{Actor, Member, Memory, NewContact, NewMember, NoteKind};

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
