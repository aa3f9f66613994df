//! What the front page says, step by step.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use heirloom::{
    Actor, Channel, ContactId, ContactKind, Error, Memory, NewContact, NewMember, NoteKind, Role, Sensitivity,
};

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
    assert!(
        history[1].to_string().ends_with("system test changed X of Sally from @sally to @sally_m"),
        "{}",
        history[1]
    );
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

#[test]
fn a_contact_that_comes_in_while_all_are_paged_through_stands_at_the_end() {
    let memory = Memory::in_memory().unwrap();
    let add = |name: &str| memory.write(Actor::system("sync"), |w| w.add_contact(NewContact::person(name))).unwrap();
    assert_eq!(memory.contacts(None, 2).unwrap().contacts, []);
    for name in ["Zoe", "Ben", "Mia", "Ada"] {
        add(name);
    }
    let first = memory.contacts(None, 2).unwrap();
    add("Abe");
    let second = memory.contacts(first.next, 2).unwrap();
    let third = memory.contacts(second.next, 2).unwrap();
    let names: Vec<String> =
        [first, second, third.clone()].iter().flat_map(|page| &page.contacts).map(ToString::to_string).collect();
    assert_eq!(names, ["Zoe", "Ben", "Mia", "Ada", "Abe"]);
    assert_eq!(third.next, None);
    assert_eq!(memory.contacts(None, 5).unwrap().next, None);
    assert!(memory.contacts(None, 0).unwrap_err().to_string().contains("at least one"));
}

#[test]
fn what_was_read_is_handed_to_the_next_read() {
    let memory = Memory::in_memory().unwrap();
    let tom = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Tom"))).unwrap();
    memory
        .write(&tom, |w| {
            let sally = w.add_contact(NewContact::person("Sally"))?;
            w.assign(sally, &tom, Role::Owner)
        })
        .unwrap();
    let book = memory.book(&tom).unwrap();
    assert_eq!(memory.member(&tom).unwrap(), tom);
    assert_eq!(memory.contact(&book[0]).unwrap().name, "Sally");
    assert_eq!(memory.owners(&book[0]).unwrap().len(), 1);
    assert_eq!(memory.history(&book[0]).unwrap().len(), 2);
    assert_eq!(memory.history(&tom).unwrap().len(), 1);
}

#[test]
fn the_words_of_the_model_are_read_in_any_case() {
    assert_eq!("Health".parse::<Sensitivity>().unwrap(), Sensitivity::Health);
    assert_eq!("INSIGHT".parse::<NoteKind>().unwrap(), NoteKind::Insight);
    assert_eq!("Owner".parse::<Role>().unwrap(), Role::Owner);
    assert_eq!("Organisation".parse::<ContactKind>().unwrap(), ContactKind::Organisation);
    let wrong = "healthy".parse::<Sensitivity>().unwrap_err().to_string();
    assert!(wrong.contains("“healthy” is not known; write one of ordinary, confidential, health"), "{wrong}");
}
