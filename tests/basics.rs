//! What the front page says, step by step.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use heirloom::{Actor, Channel, ContactId, Error, Memory, NewContact, NewMember, Role};

#[test]
fn a_brief_does_not_steer_the_terminal() {
    let memory = Memory::in_memory().unwrap();
    let brief = memory
        .write(Actor::system("test"), |w| {
            let sally =
                w.add_contact(NewContact::person("Sally\u{1B}[31m\nOwner: Eve").field("a\u{7}", "b\u{202E}c"))?;
            w.note(sally, "Likes tea.\u{1B}[2J\u{9B}2J").insight().save()?;
            Ok(w.view().brief(sally)?.to_string())
        })
        .unwrap();
    assert!(brief.starts_with("Sally<U+001B>[31m Owner: Eve\n"), "{brief}");
    assert!(brief.contains("Likes tea.<U+001B>[2J<U+009B>2J") && brief.contains("b<U+202E>c"), "{brief}");
    assert!(!brief.chars().any(|c| c.is_control() && c != '\n'), "{brief:?}");
}

#[test]
fn a_note_about_very_many_contacts_is_looked_through_once() {
    let memory = Memory::in_memory().unwrap();
    memory
        .write(Actor::system("test"), |w| {
            let sally = w.add_contact(NewContact::person("Sally"))?;
            let note = w.note_about(&[sally, sally], "The newsletter of May")?.about(sally).save()?;
            assert_eq!(w.view().note_contacts(note)?.len(), 1);
            // Each looked for among all before it, these would be some 40,000 million comparisons.
            let strangers: Vec<ContactId> =
                (0..300_000).map(|n| format!("00000000-0000-7000-8000-{n:012x}").parse().unwrap()).collect();
            let refused = w.note_about(&strangers, "The newsletter of June")?.save();
            assert!(matches!(refused, Err(Error::Unknown { .. })), "{refused:?}");
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_is_written_is_found_attributed_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let memory = Memory::open(dir.path().join("m.heirloom")).unwrap();
    let me = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Mia Okafor"))).unwrap();
    let sally = memory
        .write(&me, |w| {
            let sally = w.add_contact(NewContact::person("Sally Marsh").handle(Channel::X, "@sally").tag("Regular"))?;
            w.note(sally, "Stops by as a reward when she reaches her weekly weight goal").insight().save()?;
            w.assign(sally, &me, Role::Owner)?;
            Ok(sally)
        })
        .unwrap();
    let brief = memory.brief(sally).unwrap();
    assert_eq!(brief.owners[0].member_name, "Mia Okafor");
    assert_eq!(brief.insights[0].recorded_by_name, "Mia Okafor");
    assert_eq!(memory.by_handle(Channel::X, "https://twitter.com/Sally?x").unwrap()[0].contact.id, sally);
    let hits = memory.search("what does Sally come in for?").limit(10).run().unwrap();
    assert_eq!(hits.len(), 1, "{hits:?}");
    assert_eq!(memory.changes_after(memory.first_cursor()).unwrap().count(), 5);
    assert!(memory.verify().unwrap().is_sound());
}

#[test]
fn a_renamed_handle_is_still_found_by_its_old_name() {
    let memory = Memory::in_memory().unwrap();
    let me = Actor::system("test");
    let sally = memory.write(&me, |w| w.add_contact(NewContact::person("Sally").handle(Channel::X, "@sally"))).unwrap();
    memory.write(&me, |w| w.rename_handle(sally, Channel::X, "@sally", "@sally_m")).unwrap();
    let found = |name| memory.by_handle(Channel::X, name).unwrap().into_iter().map(|m| (m.contact.id, m.current));
    assert!(found("@sally").eq([(sally, false)]));
    assert!(found("@Sally_M").eq([(sally, true)]));
    let history = memory.history(sally).unwrap();
    assert!(history[1].to_string().ends_with("test changed X from @sally to @sally_m"), "{}", history[1]);
}

#[test]
fn tables_that_something_else_changed_are_put_together_anew() {
    let memory = Memory::in_memory().unwrap();
    let sally = memory.write(Actor::system("test"), |w| w.add_contact(NewContact::person("Sally"))).unwrap();
    memory.rebuild().unwrap();
    assert!(memory.verify().unwrap().is_sound());
    assert_eq!(memory.contact(sally).unwrap().name, "Sally");
}

#[test]
fn a_note_of_another_kind_is_found_as_that_kind_also_once_it_is_indexed() {
    use heirloom::NoteKind;
    let memory = Memory::in_memory().unwrap();
    let me = Actor::system("test");
    let note = memory
        .write(&me, |w| {
            let sally = w.add_contact(NewContact::person("Sally"))?;
            let note = w.note(sally, "Prefers the window").save()?;
            for nth in 0..600 {
                w.note(sally, format!("Visit {nth}")).save()?;
            }
            Ok(note)
        })
        .unwrap();
    memory.write(&me, |w| w.reclassify_note(note, NoteKind::Insight, None)).unwrap();
    assert_eq!(memory.search("window").kind(NoteKind::Insight).run().unwrap().len(), 1);
    assert_eq!(memory.search("window").kind(NoteKind::Conversation).run().unwrap().len(), 0);
    memory
        .write(&me, |w| {
            (0..600).try_for_each(|nth| w.add_member(heirloom::NewMember::new(format!("M{nth}"))).map(drop))
        })
        .unwrap();
    assert_eq!(memory.search("window").kind(NoteKind::Insight).run().unwrap().len(), 1);
    assert!(memory.verify().unwrap().is_sound());
}
