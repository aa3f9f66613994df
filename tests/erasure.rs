//! Erasure is the one thing that truly deletes: of an erased person no word remains, and everything else does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use heirloom::{
    Actor, Channel, ContactId, Error, MemberId, Memory, NewAttachment, NewContact, NewHandle, NewMember, NoteId, Once,
    Role, Sensitivity,
};

fn desk() -> Actor {
    Actor::system("front desk")
}

/// Words that stand nowhere but in what is said of Sally; each in all the forms in which a file could hold it.
const WORDS: &[&str] = &[
    "Sallymarsh",
    "Quibberwick",
    "sally@zyxmail.example",
    "zyxmail",
    "@sallyzyx",
    "Gloatfish",
    "Bramblecore",
    "Zwieback",
    "Hoopoe",
    "Quixotically",
    "Fjordhaven",
    "Ümlautine",
    "Wimplegate",
    "xylophonist",
    "kumquatting",
    "Pneumatique",
];

/// The forms of a word: as it is, folded, and as its stem may be.
fn forms(word: &str) -> BTreeSet<Vec<u8>> {
    let folded = word.to_lowercase().replace('ü', "u");
    let mut forms = BTreeSet::from([word.as_bytes().to_vec(), word.to_lowercase().into_bytes()]);
    forms.insert(folded.get(..folded.len().min(6)).unwrap_or(&folded).as_bytes().to_vec());
    forms.insert(folded.into_bytes());
    forms
}

/// How often a word stands in any file of a memory.
fn found(path: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for ending in ["", "-wal", "-shm", "-journal"] {
        let file = path.with_file_name(format!("{}{ending}", path.file_name().unwrap().to_str().unwrap()));
        let Ok(bytes) = fs::read(&file) else { continue };
        for word in words {
            for form in forms(word) {
                let count = bytes.windows(form.len()).filter(|window| *window == form).count();
                if count > 0 {
                    found.push(format!("{} {count} times in {}", String::from_utf8_lossy(&form), file.display()));
                }
            }
        }
    }
    found
}

/// A memory in which everything that can be said of Sally was said, and of Ben as well.
struct Stage {
    memory: Memory,
    mia: MemberId,
    sally: ContactId,
    ben: ContactId,
    kept: NoteId,
}

fn stage(memory: Memory) -> Stage {
    let mia = memory.write(desk(), |w| w.add_member(NewMember::new("Mia Okafor"))).unwrap().id;
    let (sally, ben, kept) = memory
        .write(mia, |w| {
            let sally = w.add_contact(
                NewContact::person("Sallymarsh Quibberwick")
                    .handle(Channel::Email, "sally@zyxmail.example")
                    .handle(Channel::X, "@sallyzyx")
                    .field("allergy", "Gloatfish")
                    .tag("Bramblecore")
                    .external_id("hubspot", "Zwieback"),
            )?;
            let ben = w.add_contact(NewContact::person("Ben Ito").handle(Channel::Email, "ben@mail.example"))?;
            w.assign(sally, mia, Role::Owner.because("Hoopoe"))?;
            w.assign(ben, mia, Role::Owner)?;
            w.link(ben, "knows", sally)?;
            w.unlink(ben, "knows", sally)?;
            w.link(ben, "married_to", sally)?;
            let first = w.note(sally, "Stops by Quixotically").insight().save()?;
            w.correct_note(first, "Stops by when in Fjordhaven", Some("misheard"))?;
            w.note_about(&[sally, ben], "Both love the Ümlautine")
                .unwrap()
                .external_id("hubspot", "Wimplegate")
                .save()?;
            w.note(ben, "A xylophonist, she says").said_by(sally).save()?;
            w.note(sally, "Private kumquatting").private().sensitivity(Sensitivity::Health).save()?;
            let kept = w.note(ben, "Donated several thousand bottles").save()?;
            w.attach(sally, NewAttachment::new("a.txt", "text/plain", "Pneumatique"))?;
            w.attach(ben, NewAttachment::new("b.txt", "text/plain", "a photo"))?;
            w.attach(sally, NewAttachment::new("b.txt", "text/plain", "a photo"))?;
            w.follow_up(sally, "Send the Hoopoe menu").from_note(first).save()?;
            w.follow_up(ben, "Send the photo").save()?;
            Ok((sally, ben, kept))
        })
        .unwrap();
    Stage { memory, mia, sally, ben, kept }
}

fn is_sound(memory: &Memory) {
    let found = memory.verify().unwrap();
    assert!(found.is_sound(), "{found}");
}

#[test]
fn of_an_erased_contact_no_word_remains_in_any_file_and_of_others_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.heirloom");
    let Stage { memory, mia, sally, ben, kept } = stage(Memory::open(&path).unwrap());
    let head = memory.head().unwrap();
    assert!(!found(&path, WORDS).is_empty());
    let before = memory.history(kept).unwrap().len();

    let preview = memory.erasure(sally).unwrap();
    assert_eq!((preview.notes, preview.follow_ups, preview.handles, preview.attachments), (4, 1, 2, 2), "{preview}");
    assert_eq!(preview.shared.len(), 2, "{preview}");
    assert_eq!(preview.linked.len(), 1, "{preview}");
    let erased = memory.erase(mia, sally, "case 17").unwrap();
    assert_eq!((erased.contacts, erased.notes, erased.follow_ups, erased.attachments), (1, 4, 1, 1), "{erased:?}");
    assert_eq!(erased.remains, None);

    assert_eq!(found(&path, WORDS), Vec::<String>::new());
    let verified = memory.verify_against(head).unwrap();
    assert!(verified.is_sound(), "{verified}");
    memory.rebuild().unwrap();
    is_sound(&memory);
    assert_eq!(memory.history(kept).unwrap().len(), before);
    assert_eq!(memory.contact(ben).unwrap().links, []);
    assert_eq!(memory.all_seeing().timeline(ben, None, 10).unwrap().notes.len(), 1);
    assert_eq!(memory.follow_ups(ben).unwrap().len(), 1);
    let photo = &memory.contact_attachments(ben).unwrap()[0];
    assert_eq!(memory.attachment_bytes(photo).unwrap(), b"a photo");
    assert_eq!(memory.book(mia).unwrap().len(), 1);

    let gone = memory.contact(sally).unwrap_err();
    assert!(matches!(gone, Error::Erased { .. }) && gone.to_string().contains(" was erased on 20"), "{gone}");
    let again = memory.write(mia, |w| w.note(sally, "Once more").save()).unwrap_err();
    assert!(matches!(again, Error::Erased { .. }), "{again}");
    let history = memory.history(sally).unwrap();
    assert!(history.iter().filter(|entry| entry.change.is_some()).count() == 1, "{history:#?}");
    assert!(history.last().unwrap().to_string().ends_with("erased somebody (case 17)"), "{}", history.last().unwrap());
    assert_eq!(memory.changes_after(memory.first_cursor()).unwrap().filter(|e| e.is_err()).count(), 0);

    drop(memory);
    assert_eq!(found(&path, WORDS), Vec::<String>::new());
    is_sound(&Memory::open(&path).unwrap());
}

#[test]
fn a_call_that_is_repeated_is_still_known_after_its_key_was_erased() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.heirloom");
    let memory = Memory::open(&path).unwrap();
    let call =
        |key: &str, name: &str| memory.write_once(desk(), key, |w| w.add_contact(NewContact::person(name))).unwrap();
    let Once::Done(sally) = call("form of sally@zyxmail.example", "Sallymarsh") else { panic!() };
    let Once::Done(_) = call("form of ben", "Ben") else { panic!() };
    let _ = memory.erase(desk(), sally, "case 17").unwrap();
    assert_eq!(found(&path, &["zyxmail", "Sallymarsh"]), Vec::<String>::new());
    assert!(!found(&path, &["form of ben"]).is_empty());
    let Once::Before(entries) = call("form of sally@zyxmail.example", "Sallymarsh") else { panic!("she is back") };
    assert_eq!((entries.len(), &entries[0].change), (1, &None));
    assert!(matches!(call("form of ben", "Ben"), Once::Before(_)));
    is_sound(&memory);
    memory.rebuild().unwrap();
    assert!(matches!(call("form of sally@zyxmail.example", "Sallymarsh"), Once::Before(_)));
}

#[test]
fn many_notes_long_texts_and_older_versions_leave_nothing_in_freed_pages() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.heirloom");
    let memory = Memory::open(&path).unwrap();
    let long = "Quixotically she told of Fjordhaven and the Wimplegate. ".repeat(2_000);
    let (sally, ben) = memory
        .write(desk(), |w| {
            let sally = w.add_contact(NewContact::person("Sallymarsh Quibberwick"))?;
            let ben = w.add_contact(NewContact::person("Ben Ito"))?;
            Ok((sally, ben))
        })
        .unwrap();
    for batch in 0..10 {
        memory
            .write(desk(), |w| {
                for n in 0..500 {
                    let note = w.note(sally, format!("Gloatfish {n} of {batch}, Bramblecore")).save()?;
                    w.note(ben, format!("Ordinary matter {n} of {batch}")).save()?;
                    if n % 50 == 0 {
                        w.correct_note(note, &long, None)?;
                        w.correct_note(note, "A kumquatting Hoopoe", None)?;
                    }
                    if n % 70 == 1 {
                        w.retract_note(note, None)?;
                    }
                }
                w.add_handle(sally, NewHandle::new(Channel::Email, format!("sally{batch}@zyxmail.example")))?;
                w.set_field(sally, "allergy", Some(&format!("Zwieback {batch}")))?;
                w.rename_contact(sally, &format!("Sallymarsh {batch} Quibberwick"))
            })
            .unwrap();
    }
    let _ = memory.erase(desk(), sally, "case 17").unwrap();
    assert_eq!(found(&path, WORDS), Vec::<String>::new());
    is_sound(&memory);
    assert_eq!(memory.search("ordinary").limit(20).run().unwrap().len(), 20);
    assert_eq!(memory.contact_summary(ben).unwrap().name, "Ben Ito");
}

#[test]
fn of_an_erased_member_the_name_goes_everywhere_and_what_they_wrote_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.heirloom");
    let memory = Memory::open(&path).unwrap();
    let words = ["Wimplegate", "Hoopoe", "Zwieback", "zyxmail"];
    let (tom, mia) = memory
        .write(desk(), |w| {
            let tom = w.add_member(NewMember::new("Hoopoe Zwieback").email("tom@zyxmail.example"))?;
            w.rename_member(&tom, "Hoopoe Wimplegate")?;
            Ok((tom.id, w.add_member(NewMember::new("Mia Okafor"))?.id))
        })
        .unwrap();
    let (sally, note) = memory
        .write(tom, |w| {
            let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
            w.assign(sally, tom, Role::Owner)?;
            let note = w.note(sally, "Likes tea").save()?;
            let private = w.note(sally, "Is looking for a flat").private().save()?;
            w.release_note(private, mia, None)?;
            w.follow_up(sally, "Send the menu").save()?;
            Ok((sally, note))
        })
        .unwrap();
    memory.write(Actor::agent_of("scribe", tom), |w| w.note(sally, "By the agent").save()).unwrap();
    let told = memory.write(mia, |w| w.note(sally, "Told by him").said_by(tom).save()).unwrap();
    let plan = memory.handoff().of_member(tom).reason("leaves").to(mia).plan().unwrap();
    let handoff = memory.write(mia, |w| w.offer(&plan)).unwrap();
    memory.write(mia, |w| w.accept_all(handoff).and_then(|_| w.complete(handoff))).unwrap();
    let refused = memory.erase_member(desk(), tom, "case 18").unwrap_err();
    assert!(refused.to_string().contains("is still here"), "{refused}");
    memory.write(desk(), |w| w.depart(tom, Some("moved to the Hoopoe office"))).unwrap();
    let head = memory.head().unwrap();

    let refused = memory.erase_member(desk(), tom, "as hoopoe  wimplegate asked").unwrap_err();
    assert!(matches!(refused, Error::Invalid { .. }), "{refused}");
    let erased = memory.erase_member(desk(), tom, "case 18").unwrap();
    assert!(erased.members == 1 && erased.masked >= 8 && erased.remains.is_none(), "{erased:?}");
    assert_eq!(found(&path, &words), Vec::<String>::new());
    assert!(memory.mentions("Wimplegate").unwrap().is_empty());
    let verified = memory.verify_against(head).unwrap();
    assert!(verified.is_sound(), "{verified}");
    let note = memory.note(note).unwrap();
    assert_eq!((note.text.as_str(), note.recorded_by_name.as_str()), ("Likes tea", "a former member"));
    assert_eq!(memory.note(told).unwrap().said_by.unwrap().name, "a former member");
    let brief = memory.brief(sally).unwrap().to_string();
    assert!(brief.contains("By the agent — scribe for a former member"), "{brief}");
    assert_eq!(memory.member(tom).unwrap().name, "a former member");
    assert!(memory.member(tom).unwrap().has_departed());
    assert_eq!(memory.search("former").run().unwrap().len(), 3);
    assert_eq!(memory.receipt(handoff).unwrap().leavers[0].name, "a former member");
    memory.rebuild().unwrap();
    is_sound(&memory);
    assert_eq!(found(&path, &words), Vec::<String>::new());
}

#[test]
fn a_legal_hold_refuses_erasure_also_of_notes_shared_with_who_is_held() {
    let Stage { memory, sally, ben, .. } = stage(Memory::in_memory().unwrap());
    let shared = memory.erasure(sally).unwrap().shared[0].note;
    for held in [sally, ben] {
        memory.write(desk(), |w| w.hold(held, "matter 2026-17", "ordered by court").map(drop)).unwrap();
        assert!(memory.erasure(sally).unwrap().to_string().contains("under a legal hold for matter 2026-17"));
        for refused in [memory.erase(desk(), sally, "case 17"), memory.erase_note(desk(), shared, "case 17")] {
            let words = refused.unwrap_err().to_string();
            assert!(words.contains("is under a legal hold for matter 2026-17 since 20"), "{words}");
        }
        memory.write(desk(), |w| w.lift_hold(held, "matter 2026-17", "settled")).unwrap();
    }
    assert_eq!(memory.erase(desk(), sally, "case 17").unwrap().notes, 4);
    is_sound(&memory);
}

#[test]
fn what_cannot_be_erased_is_refused_in_words_and_nothing_is_done() {
    let Stage { memory, mia, sally, ben, kept } = stage(Memory::in_memory().unwrap());
    let head = memory.head().unwrap();
    let refused = |done: heirloom::Result<heirloom::Erased>, words: &str| {
        let error = done.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert_eq!(memory.head().unwrap(), head);
    };
    refused(memory.erase(desk(), sally, " "), "reason: it is empty");
    refused(memory.erase(desk(), sally, "SALLYMARSH quibberwick asked"), "the name or an address of who is erased");
    refused(memory.erase(desk(), sally, "mail of Sally@zyxmail.example"), "the name or an address of who is erased");
    refused(memory.erase_note(desk(), kept, "ben ito asked"), "the name or an address of who is erased");
    refused(memory.erase(Actor::agent_of("scribe", mia), sally, "case 17"), "an agent or an import cannot");
    refused(memory.erase(Actor::import("hubspot"), sally, "case 17"), "an agent or an import cannot");
    refused(memory.erase(desk(), ContactId::from(heirloom::uuid::Uuid::nil()), "case 17"), "there is no contact");
    refused(memory.erase_all(desk(), [sally, ContactId::from(ben.uuid()), sally], "ben ito"), "the name or an address");
    let _ = memory.erase(desk(), sally, "case 17").unwrap();
    let again = memory.erase(desk(), sally, "case 17").unwrap_err();
    assert!(matches!(again, Error::Erased { noun: "contact", .. }), "{again}");
}

#[test]
fn while_somebody_reads_the_log_keeps_what_it_has_and_the_erasure_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.heirloom");
    let busy = std::time::Duration::from_millis(200);
    let Stage { memory, sally, .. } = stage(Memory::options().patience(busy).open(&path).unwrap());
    let reader = Memory::open(&path).unwrap();
    let erased = reader
        .read(|view| {
            assert!(view.contact(sally).is_ok());
            let erased = memory.erase(desk(), sally, "case 17")?;
            assert!(view.contact(sally).is_ok(), "a snapshot changed");
            Ok(erased)
        })
        .unwrap();
    assert!(erased.remains.as_ref().is_some_and(|why| why.contains("did not become free")), "{erased:?}");
    assert!(erased.to_string().contains("call scrub later"), "{erased}");
    memory.scrub().unwrap();
    assert_eq!(found(&path, WORDS), Vec::<String>::new());
    is_sound(&memory);
}

#[test]
fn a_note_and_a_promise_are_erased_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.heirloom");
    let Stage { memory, mia, sally, ben, .. } = stage(Memory::open(&path).unwrap());
    let shared = memory.erasure(sally).unwrap().shared[0].note;
    let erased = memory.erase_note(mia, shared, "told in confidence").unwrap();
    assert_eq!((erased.notes, erased.contacts), (1, 0));
    assert_eq!(found(&path, &["Ümlautine", "Wimplegate"]), Vec::<String>::new());
    let gone = memory.note(shared).unwrap_err();
    assert!(gone.to_string().contains("was erased on 20"), "{gone}");
    assert_eq!(memory.timeline(ben, None, 10).unwrap().notes.len(), 2);
    let promise = memory.follow_ups(sally).unwrap()[0].id;
    assert_eq!(memory.erase_follow_up(mia, promise, "not ours").unwrap().follow_ups, 1);
    assert!(matches!(memory.follow_up(promise), Err(Error::Erased { .. })));
    assert!(memory.follow_ups(sally).unwrap().is_empty());
    is_sound(&memory);
    memory.rebuild().unwrap();
    is_sound(&memory);
    // A private note of another can be erased by who reads it, and by nobody else.
    let jo = memory.write(desk(), |w| w.add_member(NewMember::new("Jo"))).unwrap();
    let private = memory.write(mia, |w| w.note(ben, "Is unwell").private().save()).unwrap();
    assert!(matches!(memory.erase_note(&jo, private, "not mine"), Err(Error::Unknown { .. })));
    let _ = memory.erase_note(mia, private, "mine").unwrap();
}

#[test]
fn a_handoff_is_undone_around_who_was_erased_since() {
    let Stage { memory, mia, sally, ben, .. } = stage(Memory::in_memory().unwrap());
    let jo = memory.write(desk(), |w| w.add_member(NewMember::new("Jo"))).unwrap().id;
    let plan = memory.handoff().of_member(mia).reason("leaves").to(jo).plan().unwrap();
    let handoff = memory.write(jo, |w| w.offer(&plan)).unwrap();
    memory.write(jo, |w| w.ask(handoff, sally, "What does she drink?").map(drop)).unwrap();
    memory.write(jo, |w| w.accept_all(handoff).and_then(|_| w.complete(handoff))).unwrap();
    let _ = memory.erase(jo, sally, "case 17").unwrap();
    assert_eq!(memory.handoff_items(handoff).unwrap().len(), 1);
    assert!(memory.handoff_questions(handoff).unwrap().is_empty());
    assert!(memory.receipt(handoff).is_ok());
    memory.write(jo, |w| w.undo(handoff, "she stays").map(drop)).unwrap();
    assert_eq!(memory.owners(ben).unwrap().last().unwrap().member, mia);
    is_sound(&memory);
}

#[test]
fn an_address_that_another_has_too_is_no_mark_of_who_was_erased() {
    let memory = Memory::in_memory().unwrap();
    let add = |name: &str| {
        let contact = NewContact::person(name).handle(Channel::Phone, "+44 1632 960123");
        memory.write(desk(), |w| w.add_contact(contact.handle(Channel::Email, format!("{name}@mail.example")))).unwrap()
    };
    let (sally, ben) = (add("sally"), add("ben"));
    let preview = memory.erasure(sally).unwrap();
    assert_eq!(preview.same_address.iter().map(|contact| contact.id).collect::<Vec<_>>(), [ben]);
    let told = preview.to_string();
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].ends_with(" 0 notes, 0 promises, 2 handles and 0 attachments."), "{told}");
    assert_eq!(lines[1..], ["- not erased, though with an address of theirs too: ben"]);
    let _ = memory.erase(desk(), sally, "case 17").unwrap();
    let last = memory.history(sally).unwrap().pop().unwrap();
    let Some(heirloom::Change::ContactErased(erased)) = last.change else { panic!("{last}") };
    assert_eq!(erased.addresses.len(), 1, "the telephone at home is theirs both");
    assert_eq!(memory.contact(ben).unwrap().handles.len(), 2);
}

#[test]
fn what_mentions_somebody_in_a_text_is_found_and_left() {
    let Stage { memory, sally, ben, .. } = stage(Memory::in_memory().unwrap());
    let note =
        memory.write(desk(), |w| w.note(ben, "Says SALLYMARSH  Quibberwick, “his ÜMLAUT”, is away").save()).unwrap();
    let _ = memory.erase(desk(), sally, "case 17").unwrap();
    for text in ["sallymarsh", "Quibberwick", "umlaut"] {
        assert_eq!(memory.mentions(text).unwrap(), [note.into()], "{text}");
    }
    assert!(memory.mentions("Fjordhaven").unwrap().is_empty());
    assert!(memory.mentions(" ").is_err());
    let _ = memory.erase_note(desk(), note, "case 17").unwrap();
    assert!(memory.mentions("sallymarsh").unwrap().is_empty());
    is_sound(&memory);
}

#[test]
fn a_reason_may_hold_the_letters_of_a_name_but_not_the_name() {
    let memory = Memory::in_memory().unwrap();
    let al = memory.write(desk(), |w| w.add_contact(NewContact::person("Al"))).unwrap();
    for why in ["Al asked for it", "asked (AL)", "for al"] {
        assert!(matches!(memory.erase(desk(), al, why), Err(Error::Invalid { .. })), "“{why}” names the contact");
    }
    assert!(memory.erase(desk(), al, "the legal term is over").is_ok(), "a part of a longer word names nobody");
}
