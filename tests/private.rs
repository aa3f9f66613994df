//! Who may not read a private note learns nothing of it but what the header of its entry says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use heirloom::{
    Actor, Change, ContactId, Direction, Error, Member, Memory, NewAttachment, NewContact, NewMember, NoteId, NoteKind,
    OpenMatter, Role, Visibility, Writer,
};

fn host() -> Actor {
    Actor::system("test")
}

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

/// A call that decides who reads a note.
type Decision = fn(&mut Writer<'_>, NoteId, &Member) -> heirloom::Result<()>;

/// Two members, and what Ana wrote about Sally for herself, with something hung on it.
struct Secret {
    memory: Memory,
    ana: Member,
    ben: Member,
    sally: ContactId,
    note: NoteId,
}

const WORDS: &str = "Is looking for another flat near the harbour.";

fn secret() -> Secret {
    let memory = Memory::in_memory().unwrap();
    let (ana, ben) = (member(&memory, "Ana"), member(&memory, "Ben"));
    let (sally, note) = memory
        .write(&ana, |w| {
            let sally = w.add_contact(NewContact::person("Sally"))?;
            w.assign(sally, &ana, Role::Owner)?;
            let note = w
                .note(sally, WORDS)
                .insight()
                .private()
                .external_id("crm", "7")
                .attach(NewAttachment::new("plan.txt", "text/plain", "two rooms"))
                .save()?;
            Ok((sally, note))
        })
        .unwrap();
    // The index of words holds the note as it was written before anything happens to it.
    memory.rebuild().unwrap();
    Secret { memory, ana, ben, sally, note }
}

impl Secret {
    /// Whether a handle comes by the note, which every way to it must agree on.
    fn is_read_by(&self, memory: &Memory) -> bool {
        let attachment = &self.memory.all_seeing().note_attachments(self.note).unwrap()[0];
        let ways = [
            ("note", memory.note(self.note).is_ok()),
            ("note_contacts", memory.note_contacts(self.note).is_ok()),
            ("attachments", memory.note_attachments(self.note).is_ok()),
            ("attachment_bytes", memory.attachment_bytes(attachment).is_ok()),
            ("external id", memory.note_by_external_id("crm", "7").unwrap().is_some()),
            ("timeline", memory.timeline(self.sally, None, 10).unwrap().notes.iter().any(|n| n.id == self.note)),
            ("brief", memory.brief(self.sally).unwrap().to_json().contains("harbour")),
            ("search", !memory.search("flat harbour").notes_only().run().unwrap().is_empty()),
            ("search of a contact", !memory.search("flat").within(self.sally).notes_only().run().unwrap().is_empty()),
            ("history", memory.history(self.note).unwrap().iter().any(|entry| entry.to_string().contains("harbour"))),
            (
                "feed",
                memory
                    .changes_after(memory.first_cursor())
                    .unwrap()
                    .any(|e| e.unwrap().to_string().contains("harbour")),
            ),
        ];
        let reads = ways[0].1;
        for (way, found) in ways {
            assert_eq!(found, reads, "by {way}");
        }
        reads
    }

    /// Who comes by the note: Ana, Ben, the organisation, the host.
    fn readers(&self) -> [bool; 4] {
        let seen_by = |member: &Member| self.is_read_by(&self.memory.seen_by(member).unwrap());
        [
            seen_by(&self.ana),
            seen_by(&self.ben),
            self.is_read_by(&self.memory),
            self.is_read_by(&self.memory.all_seeing()),
        ]
    }

    fn refusal(&self, actor: impl Into<Actor>, f: impl FnOnce(&mut Writer<'_>) -> heirloom::Result<()>) -> Error {
        let before = self.memory.head().unwrap();
        let error = self.memory.write(actor, f).unwrap_err();
        assert_eq!(self.memory.head().unwrap(), before, "something was kept");
        error
    }

    fn newest(&self) -> heirloom::Entry {
        self.memory.all_seeing().history(self.note).unwrap().pop().unwrap()
    }

    fn is_sound(&self) {
        let before = self.readers();
        let note = self.memory.all_seeing().note(self.note).unwrap();
        let found = self.memory.verify().unwrap();
        assert!(found.is_sound(), "{found}");
        self.memory.rebuild().unwrap();
        assert_eq!(self.readers(), before);
        assert_eq!(self.memory.all_seeing().note(self.note).unwrap(), note);
    }
}

#[test]
fn custody_of_a_contact_does_not_widen_reading() {
    let s = secret();
    assert_eq!(s.readers(), [true, false, false, true]);
    s.memory
        .write(&s.ana, |w| {
            w.transfer(s.sally, &s.ben, None)?;
            w.depart(&s.ana, None)
        })
        .unwrap();
    assert_eq!(s.readers(), [true, false, false, true]);
    s.is_sound();
}

#[test]
fn a_released_note_is_found_by_the_successor_and_no_longer_by_its_author() {
    let s = secret();
    s.memory.write(&s.ana, |w| w.release_note(s.note, &s.ben, Some("looks after her"))).unwrap();
    assert_eq!(s.readers(), [false, true, false, true]);
    let note = s.memory.seen_by(&s.ben).unwrap().note(s.note).unwrap();
    assert_eq!((note.visibility, note.private_to), (Visibility::Private, Some(s.ben.id)));
    assert_eq!((note.recorded_by, note.recorded_by_name.as_str()), (Actor::from(&s.ana), "Ana"));
    let told = s.newest().to_string();
    assert!(told.ends_with("Ana released the private note about Sally to Ben (looks after her)"), "{told}");
    let Some(Change::NoteReleased(released)) = s.newest().change else { panic!() };
    assert_eq!((released.from, released.from_name.as_deref()), (Some(s.ana.id), Some("Ana")));
    // It is Ben's to hand on, and to whom he hands it, he need not do so twice.
    assert!(matches!(s.refusal(&s.ana, |w| w.release_note(s.note, &s.ana, None)), Error::Unknown { .. }));
    s.memory.write(&s.ben, |w| w.release_note(s.note, &s.ana, None)).unwrap();
    assert_eq!(s.readers(), [true, false, false, true]);
    let before = s.memory.head().unwrap();
    s.memory.write(&s.ana, |w| w.release_note(s.note, &s.ana, None)).unwrap();
    assert_eq!(s.memory.head().unwrap(), before);
    s.is_sound();
}

#[test]
fn a_sealed_note_is_found_by_nobody_until_it_is_opened() {
    let s = secret();
    s.memory.write(&s.ana, |w| w.seal_note(s.note, Some("leaves"))).unwrap();
    assert_eq!(s.readers(), [false, false, false, true]);
    let note = s.memory.all_seeing().note(s.note).unwrap();
    assert_eq!((note.visibility, note.private_to), (Visibility::Sealed, None));
    assert!(note.to_string().ends_with("— Ana [sealed]"), "{note}");
    assert!(s.memory.all_seeing().brief(s.sally).unwrap().to_string().contains("[sealed]"));
    s.is_sound();
    let before = s.memory.head().unwrap();
    s.memory.write(host(), |w| w.seal_note(s.note, None)).unwrap();
    assert_eq!(s.memory.head().unwrap(), before, "it was sealed already");
    s.memory.write(host(), |w| w.open_note(s.note, &s.ben, "she asks for the plan")).unwrap();
    assert_eq!(s.readers(), [false, true, false, true]);
    let Some(Change::NoteReleased(released)) = s.newest().change else { panic!() };
    assert_eq!((released.from, released.why.as_deref()), (None, Some("she asks for the plan")));
    s.is_sound();
}

#[test]
fn it_takes_two_and_a_reason_to_open_a_sealed_note() {
    let s = secret();
    s.memory.write(&s.ana, |w| w.seal_note(s.note, None)).unwrap();
    for (actor, to) in [(&s.ben, &s.ben), (&s.ana, &s.ana)] {
        let refused = s.refusal(actor, |w| w.open_note(s.note, to, "I want to know")).to_string();
        assert!(refused.starts_with("nobody opens a sealed note to themselves; somebody else"), "{refused}");
    }
    let refused = s.refusal(&s.ana, |w| w.open_note(s.note, &s.ben, " ")).to_string();
    assert_eq!(refused, "reason: it is empty");
    let refused = s.refusal(host(), |w| w.release_note(s.note, &s.ben, None)).to_string();
    assert_eq!(refused, "the note is sealed; open it with open_note, which demands a reason");
    s.memory.write(&s.ana, |w| w.open_note(s.note, &s.ben, "she asks for the plan")).unwrap();
    assert_eq!(s.readers(), [false, true, false, true]);
    let refused = s.refusal(host(), |w| w.open_note(s.note, &s.ana, "again")).to_string();
    assert_eq!(refused, "note: it is not sealed; release_note hands on a private note");
    assert!(matches!(s.refusal(&s.ana, |w| w.open_note(s.note, &s.ben, "again")), Error::Unknown { .. }));
}

#[test]
fn nobody_but_the_reader_in_person_and_the_host_decides_who_reads_a_private_note() {
    let s = secret();
    for actor in [Actor::agent_of("scribe", &s.ana), Actor::agent("scribe"), Actor::import("crm")] {
        let calls: [Decision; 3] = [
            |w, note, to| w.release_note(note, to, None),
            |w, note, _| w.seal_note(note, None),
            |w, note, to| w.open_note(note, to, "wants to"),
        ];
        for call in calls {
            let refused = s.refusal(actor.clone(), |w| call(w, s.note, &s.ben)).to_string();
            assert!(refused.contains("by its author in person, or by the host; an agent or an import"), "{refused}");
        }
    }
    // To anybody else it is not there.
    assert!(matches!(s.refusal(&s.ben, |w| w.release_note(s.note, &s.ben, None)), Error::Unknown { .. }));
    assert!(matches!(s.refusal(&s.ben, |w| w.seal_note(s.note, None)), Error::Unknown { .. }));
    assert!(matches!(s.refusal(&s.ben, |w| w.open_note(s.note, &s.ana, "why not")), Error::Unknown { .. }));
    assert_eq!(s.readers(), [true, false, false, true]);
    s.memory.write(host(), |w| w.release_note(s.note, &s.ben, None)).unwrap();
    assert_eq!(s.readers(), [false, true, false, true]);
}

#[test]
fn a_note_goes_to_nobody_who_has_left_and_only_where_it_is_private_and_stands() {
    let s = secret();
    let open = s.memory.write(&s.ana, |w| w.note(s.sally, "Came by.").save()).unwrap();
    let not_private = "note: it is not private: everybody in the organisation reads it";
    assert_eq!(s.refusal(host(), |w| w.release_note(open, &s.ben, None)).to_string(), not_private);
    assert_eq!(s.refusal(host(), |w| w.seal_note(open, None)).to_string(), not_private);
    s.memory.write(host(), |w| w.depart(&s.ben, None)).unwrap();
    let refused = s.refusal(&s.ana, |w| w.release_note(s.note, &s.ben, None)).to_string();
    assert!(refused.starts_with("Ben departed on ") && refused.ends_with("name a member who is here"), "{refused}");
    s.memory.write(host(), |w| w.seal_note(s.note, None)).unwrap();
    let refused = s.refusal(host(), |w| w.open_note(s.note, &s.ben, "why")).to_string();
    assert!(refused.starts_with("Ben departed on "), "{refused}");

    let s = secret();
    s.memory.write(&s.ana, |w| w.retract_note(s.note, None)).unwrap();
    let refused = s.refusal(&s.ana, |w| w.release_note(s.note, &s.ben, None)).to_string();
    assert!(refused.starts_with("note: it was retracted on "), "{refused}");
    let refused = s.refusal(&s.ana, |w| w.seal_note(s.note, None)).to_string();
    assert!(refused.starts_with("note: it was retracted on "), "{refused}");
}

#[test]
fn what_is_released_or_sealed_in_the_write_that_writes_it_is_found_as_it_stands_then() {
    let s = secret();
    s.memory
        .write(&s.ana, |w| {
            let released = w.note(s.sally, "Dreams of a lighthouse.").private().save()?;
            w.release_note(released, &s.ben, None)?;
            let sealed = w.note(s.sally, "Dreams of a windmill.").private().save()?;
            w.seal_note(sealed, None)
        })
        .unwrap();
    let found = |memory: Memory, word| !memory.search(word).notes_only().run().unwrap().is_empty();
    let seen_by = |member: &Member| s.memory.seen_by(member).unwrap();
    assert!(found(seen_by(&s.ben), "lighthouse") && !found(seen_by(&s.ana), "lighthouse"));
    assert!(!found(seen_by(&s.ben), "windmill") && !found(seen_by(&s.ana), "windmill"));
    assert!(found(s.memory.all_seeing(), "windmill"));
    s.is_sound();
}

#[test]
fn neither_release_nor_seal_shows_in_when_somebody_was_spoken_to() {
    let s = secret();
    s.memory
        .write(&s.ana, |w| {
            let released = w.note(s.sally, "Between us.").private().save()?;
            w.release_note(released, &s.ben, None)?;
            let sealed = w.note(s.sally, "Between us.").private().save()?;
            w.seal_note(sealed, None)
        })
        .unwrap();
    assert_eq!(s.memory.contact(s.sally).unwrap().spoken_at, None);
    s.is_sound();
}
