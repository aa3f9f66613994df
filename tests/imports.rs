//! Imports: what a second one does, and what becomes of a record that cannot be taken.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use heirloom::{Actor, Channel, Member, Memory, NewContact, NewHandle, NewMember, Note, NoteKind, Sensitivity, Via};

fn member(memory: &Memory, name: &str) -> Member {
    memory.write(Actor::system("test"), |w| w.add_member(NewMember::new(name))).unwrap()
}

/// Imports lines of JSON, and returns how many contacts changed, notes were added, notes changed, records were skipped.
fn lines(memory: &Memory, text: &str) -> (u64, u64, u64, u64) {
    let report = memory.import("crm").json_lines(text.as_bytes()).unwrap();
    (report.contacts_changed, report.notes_added, report.notes_changed, report.skipped)
}

/// The only note about the contact of a name, as its author sees it.
fn only_note(memory: &Memory, name: &str) -> Note {
    let memory = memory.all_seeing();
    let contact = memory.named(name).unwrap().remove(0);
    let mut notes = memory.timeline(contact.id, None, 10).unwrap().notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    notes.remove(0)
}

#[test]
fn a_contact_whose_record_is_skipped_stays_as_it_was() {
    let memory = Memory::in_memory().unwrap();
    lines(&memory, r#"{"contact": {"id": "1", "name": "Sally"}}"#);
    let head = memory.head().unwrap();
    let long = "x".repeat(heirloom::limits::FIELD_MAX + 1);
    let record = format!(r#"{{"contact": {{"id": "1", "name": "Sally Marsh", "shoes": "{long}"}}}}"#);
    assert_eq!(lines(&memory, &record), (0, 0, 0, 1));
    assert_eq!(memory.head().unwrap(), head);
}

#[test]
fn a_note_that_a_member_imports_was_not_written_by_hand() {
    let memory = Memory::in_memory().unwrap();
    let ana = member(&memory, "Ana");
    let text = "{\"contact\": {\"name\": \"Sally\"}}\n{\"note\": {\"about\": \"Sally\", \"text\": \"Came by.\"}}";
    let report = memory.import("crm").by(&ana).json_lines(text.as_bytes()).unwrap();
    assert_eq!((report.notes_added, report.skipped), (1, 0));
    let note = only_note(&memory, "Sally");
    assert_eq!((note.via, &note.recorded_by), (Via::Import, &Actor::from(&ana)));
    assert!(note.to_string().ends_with("Came by. — imported by Ana"), "{note}");
}

#[test]
fn a_private_note_is_corrected_by_its_source() {
    let memory = Memory::in_memory().unwrap();
    let ana = member(&memory, "Ana");
    lines(&memory, r#"{"contact": {"name": "Sally"}}"#);
    let note = r#"{"note": {"id": "n", "about": "Sally", "text": "Tea.", "visibility": "private", "said_by": "Ana"}}"#;
    assert_eq!(lines(&memory, note), (0, 1, 0, 0));
    assert_eq!(lines(&memory, &note.replace("Tea", "Coffee")), (0, 0, 1, 0));
    let note = only_note(&memory, "Sally");
    assert_eq!((note.text.as_str(), note.private_to), ("Coffee.", Some(ana.id)));
}

#[test]
fn a_second_import_adds_no_note_when_an_address_went_to_somebody_else() {
    let memory = Memory::in_memory().unwrap();
    let ana = member(&memory, "Ana");
    let sally = memory.write(&ana, |w| w.add_contact(NewContact::person("Sally").handle(Channel::X, "@s"))).unwrap();
    let note = r#"{"note": {"about": {"x": "@s"}, "text": "Came by.", "happened_at": "2024-07-06", "kind": "idea"}}"#;
    assert_eq!(lines(&memory, note), (0, 1, 0, 0));
    memory
        .write(&ana, |w| {
            w.end_handle(sally, Channel::X, "@s")?;
            let ben = w.add_contact(NewContact::person("Ben"))?;
            w.add_handle(ben, NewHandle::new(Channel::X, "@s"))
        })
        .unwrap();
    assert_eq!(lines(&memory, note), (0, 0, 0, 0));
    assert_eq!(only_note(&memory, "Sally").kind, NoteKind::Idea);
}

#[test]
fn what_a_record_quotes_at_length_is_cut_in_the_report() {
    let memory = Memory::in_memory().unwrap();
    let note = format!(r#"{{"note": {{"about": "{}", "text": "Came by."}}}}"#, "é".repeat(1 << 20));
    let report = memory.import("crm").json_lines(note.as_bytes()).unwrap();
    assert_eq!((report.skipped, report.findings.len()), (1, 1));
    assert!(report.findings[0].reason.starts_with("there is no contact called “éé"));
    assert!(report.findings[0].reason.len() <= 2_051);
}

#[test]
fn a_note_within_a_contact_of_the_longest_id_is_kept() {
    let memory = Memory::in_memory().unwrap();
    let id = "i".repeat(heirloom::limits::NAME_MAX);
    let contact = format!(r#"{{"contact": {{"id": "{id}", "name": "Sally", "notes": ["Likes tea."]}}}}"#);
    assert_eq!(lines(&memory, &contact), (0, 1, 0, 0));
    assert_eq!(lines(&memory, &contact), (0, 0, 0, 0));
    assert_eq!(only_note(&memory, "Sally").text, "Likes tea.");
}

#[test]
fn a_note_that_the_source_calls_sensitive_later_becomes_so_and_what_somebody_changed_here_stays() {
    let memory = Memory::in_memory().unwrap();
    memory
        .write(Actor::system("test"), |w| w.add_contact(NewContact::person("Sally").external_id("crm", "1")))
        .unwrap();
    let told = |sensitivity: &str| {
        let line = format!(
            r#"{{"note": {{"id": "n", "about": {{"id": "1"}}, "text": "Has a goal", "happened_at": "2025-03-12"{sensitivity}}}}}"#
        );
        memory.import("crm").json_lines(line.as_bytes()).unwrap()
    };
    assert_eq!(told("").notes_added, 1);
    assert_eq!(told(r#", "sensitivity": "health""#).notes_changed, 1);
    let note = memory.note_by_external_id("crm", "n").unwrap().unwrap();
    assert_eq!(memory.note(note).unwrap().sensitivity, Sensitivity::Health);
    assert_eq!(told("").notes_unchanged, 1, "a source that says nothing takes nothing back");
    memory.write(Actor::system("test"), |w| w.reclassify_note(note, None, Sensitivity::Confidential)).unwrap();
    assert_eq!(told(r#", "sensitivity": "health""#).notes_unchanged, 1);
    assert_eq!(memory.note(note).unwrap().sensitivity, Sensitivity::Confidential);
}

#[test]
fn the_bytes_on_a_private_note_are_read_by_its_reader_alone() {
    use heirloom::NewAttachment;
    let memory = Memory::in_memory().unwrap();
    let mia = memory.write(Actor::system("test"), |w| w.add_member(NewMember::new("Mia"))).unwrap();
    let note = memory
        .write(&mia, |w| {
            let sally = w.add_contact(NewContact::person("Sally"))?;
            let scan = NewAttachment::new("scan.png", "image/png", b"secret".to_vec());
            w.note(sally, "Private").private().attach(scan).save()
        })
        .unwrap();
    let hers = memory.seen_by(&mia).unwrap();
    let attachment = hers.note_attachments(note).unwrap().remove(0);
    assert_eq!(hers.attachment_bytes(&attachment).unwrap(), b"secret");
    assert!(memory.attachment_bytes(&attachment).unwrap_err().to_string().contains("no attachment scan.png"));
}

#[test]
fn a_report_says_what_was_done_and_leaves_out_what_was_not() {
    let memory = Memory::in_memory().unwrap();
    let report = |text: &str| memory.import("crm").named("crm.jsonl").json_lines(text.as_bytes()).unwrap().to_string();
    let sally = r#"{"contact": {"id": "1", "name": "Sally", "notes": ["Likes tea."]}}"#;
    assert_eq!(report(""), "crm.jsonl: nothing in it");
    assert_eq!(report(sally), "crm.jsonl: 1 contact and 1 note added");
    let again = format!("{sally}\n{{\"contact\": {{\"name\": \"Tom\"}}, \"mood\": 1}}\n{{\"contact\": 7}}");
    let (first_line, findings) = report(&again).split_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!(
        first_line,
        "crm.jsonl: 1 contact added, 1 contact and 1 note unchanged; 1 record skipped, 1 thing converted"
    );
    assert_eq!(findings.lines().count(), 2, "{findings}");
}

#[test]
fn a_file_that_is_not_there_is_named_in_words() {
    let memory = Memory::in_memory().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let said = memory.import("crm").file(folder.path().join("cards.jsonl")).unwrap_err().to_string();
    assert!(said.ends_with("cards.jsonl: there is no such file"), "{said}");
}

#[cfg(feature = "csv")]
#[test]
fn a_table_of_which_no_column_is_known_is_an_error_that_says_so_and_an_empty_one_is_not() {
    use heirloom::CsvOptions;
    let memory = Memory::in_memory().unwrap();
    let import = |text: &str| memory.import("crm").named("guests.csv").csv(text.as_bytes(), CsvOptions::new());
    let refused = import("foo,bar\n1,2\n").unwrap_err();
    assert!(matches!(refused, heirloom::Error::Invalid { .. }), "{refused:?}");
    let said = refused.to_string();
    assert!(said.starts_with("import: guests.csv cannot be read: no header is recognised"), "{said}");
    assert_eq!(import("").unwrap().to_string(), "guests.csv: nothing in it");
}

#[cfg(feature = "csv")]
#[test]
fn a_note_in_a_table_finds_its_contact_by_an_address_in_the_column_of_names() {
    use heirloom::CsvOptions;
    let memory = Memory::in_memory().unwrap();
    memory
        .write(Actor::system("test"), |w| {
            w.add_contact(NewContact::person("Sally").handle(Channel::Email, "sally@mail.example"))
        })
        .unwrap();
    let text = "Contact,Date,Note\nSally@mail.example,2024-03-12,Came by.\nnobody@mail.example,2024-03-12,Left.\n";
    let report = memory.import("desk").csv(text.as_bytes(), CsvOptions::new()).unwrap();
    assert_eq!((report.notes_added, report.skipped), (1, 1), "{report}");
    assert!(report.to_string().contains("no contact with the name or address “nobody@mail.example”"), "{report}");
    assert_eq!(only_note(&memory, "Sally").text, "Came by.");
}
