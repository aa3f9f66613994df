//! What is in a bundle of a memory, and that stock tools and other programs can read it.

use std::collections::BTreeMap;
use std::io::Cursor;

use heirloom::bundle::{Bag, BundleExport, Opening, Statement};
use heirloom::{Actor, AgencyId, Channel, ContactId, Memory, NewAttachment, NewContact, NewMember, Result, Role};

/// A memory in which an agency looks after Sally, and somebody else after Ben; each text is found by its word.
pub(crate) fn corner_table() -> (Memory, AgencyId, ContactId) {
    let memory = Memory::in_memory().unwrap();
    let write = |w: &mut heirloom::Writer<'_>| -> Result<(AgencyId, ContactId)> {
        let agency = w.add_agency("The Agency", None, None)?;
        let ana = w.add_member(NewMember::new("Ana Costa").of_agency(agency))?;
        let tom = w.add_member(NewMember::new("Tom Reyes"))?;
        let sally =
            w.add_contact(NewContact::person("=Sally <script>alert(1)</script>").handle(Channel::X, "@sally"))?;
        let ben = w.add_contact(NewContact::person("Ben Benbenben").handle(Channel::Email, "ben@bbb.example"))?;
        w.assign(sally, &ana, Role::Owner)?;
        w.assign(ben, &tom, Role::Owner)?;
        w.link(sally, "friend", ben)?;
        w.note(sally, "=HYPERLINK(\"lemon tart\") \u{202e}</script><b>").insight().save()?;
        w.note(ben, "donates bottles").insight().save()?;
        w.note(sally, "came with Benbenben").about(ben).save()?;
        let photo = NewAttachment::new("photo.png", "image/png", b"(a photo of a tart)".to_vec());
        w.note(sally, "with a photo").attach(photo).save()?;
        w.follow_up(sally, "Send the menu").owner(&ana).save()?;
        Ok((agency, sally))
    };
    let (agency, sally) = memory.write(Actor::system("setup"), write).unwrap();
    (memory, agency, sally)
}

fn opened(zip: Vec<u8>) -> Bag {
    Opening::new().open_reader("handoff.zip", Cursor::new(zip)).unwrap()
}

fn all_of(bag: &Bag) -> Vec<(String, Vec<u8>)> {
    bag.files().map(|file| (file.name.to_owned(), bag.read_to_vec(file.name).unwrap())).collect()
}

#[test]
fn a_bundle_holds_the_journal_cards_tables_a_page_and_says_what_it_is() {
    let (memory, ..) = corner_table();
    let mut zip = Vec::new();
    let report = memory.bundle().sender("The Agency").receiver("Corner Table").write(&mut zip).unwrap();
    assert_eq!((report.statement.counts.contacts, report.statement.counts.notes), (2, 4));
    let bag = opened(zip);
    for name in [
        "README.txt",
        "handoff.json",
        "data/journal.jsonl",
        "data/contacts.vcf",
        "data/contacts.csv",
        "data/notes.csv",
        "data/ownership.csv",
        "data/index.html",
    ] {
        assert!(bag.has(name), "{name} is missing");
    }
    let statement: Statement = serde_json::from_slice(&bag.read_to_vec("handoff.json").unwrap()).unwrap();
    assert_eq!(statement, report.statement);
    assert_eq!(statement.head, memory.head().unwrap());
    let text = |name: &str| String::from_utf8(bag.read_to_vec(name).unwrap()).unwrap();
    assert!(text("data/notes.csv").contains("'=HYPERLINK"), "a formula would run");
    assert!(!text("data/index.html").contains("<script>alert"), "a name became a script");
    assert!(text("README.txt").contains("To: Corner Table"));
    let photo = all_of(&bag).into_iter().find(|(name, _)| name.starts_with("data/attachments/")).unwrap().1;
    assert_eq!(photo, b"(a photo of a tart)");
}

#[test]
fn two_bundles_of_one_state_are_equal_byte_for_byte() {
    let (memory, agency, _) = corner_table();
    let whole = || {
        let mut zip = Vec::new();
        let _ = memory.bundle().write(&mut zip).unwrap();
        zip
    };
    let part = || {
        let mut zip = Vec::new();
        let _ = memory.bundle().agency(agency).write(&mut zip).unwrap();
        zip
    };
    assert_eq!(whole(), whole());
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(part(), part());
}

#[test]
fn no_file_of_a_narrowed_bundle_tells_of_who_is_outside() {
    let (memory, agency, _) = corner_table();
    let mut zip = Vec::new();
    let report = memory.bundle().agency(agency).write(&mut zip).unwrap();
    assert_eq!((report.statement.counts.contacts, report.statement.counts.notes), (1, 2), "{report}");
    assert!(report.statement.withheld.iter().any(|withheld| withheld.what == "contacts" && withheld.count == 1));
    for (name, bytes) in all_of(&opened(zip)) {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        for outside in ["benbenben", "bbb.example", "donates"] {
            assert!(!text.contains(outside), "{name} tells {outside}");
        }
    }
}

#[test]
fn private_notes_that_go_are_told_of_beside_the_files_that_do_not_show_them() {
    let (memory, _, sally) = corner_table();
    let tom = memory.members().unwrap().into_iter().find(|member| member.name == "Tom Reyes").unwrap().id;
    memory.write(tom, |w| w.note(sally, "Spoke of a divorce").private().save()).unwrap();
    let seeing = memory.all_seeing();
    for bundle in [seeing.bundle().with_private_of(tom), seeing.bundle().of([sally]).with_private_of(tom)] {
        let mut zip = Vec::new();
        let _ = bundle.write(&mut zip).unwrap();
        let files: BTreeMap<String, Vec<u8>> = all_of(&opened(zip)).into_iter().collect();
        let text = |name: &str| String::from_utf8_lossy(&files[name]).into_owned();
        assert!(text("data/journal.jsonl").contains("divorce") && !text("data/index.html").contains("divorce"));
        let readme = text("README.txt");
        assert!(
            readme.contains("in none of these, but in the journal, for whoever opens it: 1 private note\n"),
            "{readme}"
        );
        assert!(text("data/index.html").contains("<b>1 private note</b> <span class=\"reason\">not on this page"));
    }
    let mut zip = Vec::new();
    let _ = memory.bundle().write(&mut zip).unwrap();
    let files: BTreeMap<String, Vec<u8>> = all_of(&opened(zip)).into_iter().collect();
    assert!(!String::from_utf8_lossy(&files["README.txt"]).contains("in none of these"), "none goes");
}

#[test]
fn who_was_asked_for_and_stays_behind_is_counted_and_not_named_by_an_id() {
    let (memory, agency, sally) = corner_table();
    let ben = memory.named("Ben Benbenben").unwrap()[0].id;
    let tom = memory.members().unwrap().into_iter().find(|member| member.name == "Tom Reyes").unwrap().id;
    let packed = |bundle: BundleExport<'_>| {
        let mut zip = Vec::new();
        (bundle.write(&mut zip).unwrap().statement.scope, all_of(&opened(zip)))
    };
    let seeing = memory.all_seeing();
    let (scope, files) = packed(seeing.bundle().agency(agency).of([sally, ben, ben]).with_private_of(tom));
    assert_eq!((scope.contacts, scope.contacts_behind), (Some(vec![sally]), 1));
    assert_eq!((scope.private_of, scope.private_of_behind), (vec![], 1));
    for (name, bytes) in &files {
        let text = String::from_utf8_lossy(bytes);
        for id in [ben.to_string(), tom.to_string()] {
            assert!(!text.contains(&id), "{name} names who stays behind: {text}");
        }
    }

    // What goes on from a head names whoever the cards and the page show, changed or not.
    let since = memory.head().unwrap();
    let (scope, _) = packed(seeing.bundle().of([sally, ben]).with_private_of(tom).since(since));
    assert_eq!((scope.contacts, scope.contacts_behind), (Some(vec![sally, ben]), 0));
    assert_eq!((scope.private_of, scope.private_of_behind), (vec![tom], 0));
}

#[test]
fn what_is_packed_and_taken_in_elsewhere_says_the_same_there() {
    let (memory, _, sally) = corner_table();
    let mut zip = Vec::new();
    let _ = memory.bundle().write(&mut zip).unwrap();
    let client = Memory::in_memory().unwrap();
    let bag = opened(zip);
    let _arrival = client.import_bundle(&bag).run(Actor::system("import")).unwrap();
    assert_eq!(client.contact(sally).unwrap(), memory.contact(sally).unwrap());
    assert_eq!(client.brief(sally).unwrap().to_string(), memory.brief(sally).unwrap().to_string());
    assert!(client.verify().unwrap().is_sound());

    let tables = |memory: &Memory| {
        let mut zip = Vec::new();
        let _ = memory.bundle().write(&mut zip).unwrap();
        let files = all_of(&opened(zip)).into_iter();
        files.filter(|(name, _)| name.starts_with("data/") && name != "data/index.html").collect::<Vec<_>>()
    };
    assert_eq!(tables(&client), tables(&memory), "a bundle of the copy is another");
}

#[test]
fn cards_and_tables_are_the_same_whichever_way_they_are_made() {
    let (memory, ..) = corner_table();
    let everybody: Vec<ContactId> =
        memory.contacts(None, 100).unwrap().contacts.iter().map(|contact| contact.id).collect();
    let files = |bundle: BundleExport<'_>| {
        let mut zip = Vec::new();
        let _ = bundle.write(&mut zip).unwrap();
        let bag = opened(zip);
        ["data/contacts.vcf", "data/contacts.csv", "data/notes.csv", "data/ownership.csv"]
            .map(|name| (name, String::from_utf8(bag.read_to_vec(name).unwrap()).unwrap()))
    };
    assert_eq!(files(memory.bundle()), files(memory.bundle().of(everybody)));
}

#[test]
fn packing_tells_what_it_writes_and_how_far_that_has_come() {
    let (memory, agency, _) = corner_table();
    let told = |bundle: BundleExport<'_>| {
        let mut told = Vec::new();
        let report = bundle.write_with(std::io::sink(), |progress| told.push(*progress)).unwrap();
        assert_eq!((told[0].what, told[0].done), ("data/journal.jsonl", report.statement.counts.entries));
        assert!(told.iter().all(|progress| progress.of == Some(progress.done)), "all of it is small: {told:?}");
        told.into_iter().map(|progress| progress.what).collect::<Vec<_>>()
    };
    let files =
        ["contacts.vcf", "contacts.csv", "notes.csv", "ownership.csv", "index.html"].map(|n| format!("data/{n}"));
    let mut expected = vec!["data/journal.jsonl", "data/attachments/"];
    expected.extend(files.iter().map(String::as_str));
    assert_eq!(told(memory.bundle()), expected);
    expected.insert(2, "a scratch memory");
    assert_eq!(told(memory.bundle().agency(agency)), expected);
}

#[test]
fn the_folder_of_a_bundle_has_the_title_in_letters_that_every_system_takes() {
    let memory = Memory::in_memory().unwrap();
    for (title, folder) in [
        ("Handoff of May", "handoff-of-may"),
        ("Übergabe März, Straße 7", "ubergabe-marz-strasse-7"),
        ("中村", "handoff"),
        ("../..", "handoff"),
        ("Con", "handoff-con"),
        ("LPT1", "handoff-lpt1"),
    ] {
        let mut zip = Vec::new();
        let report = memory.bundle().title(title).write(&mut zip).unwrap();
        assert_eq!(report.folder, folder, "{title}");
        assert!(opened(zip).has("handoff.json"), "{title}");
    }
}

#[test]
fn a_memory_that_repeats_itself_is_packed_whole_and_taken_in_again() {
    let memory = Memory::in_memory().unwrap();
    let sally = memory.write(Actor::system("setup"), |w| {
        let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
        for word in ["ha", "--", "so\n"] {
            w.note(sally, word.repeat(300_000)).insight().save()?;
        }
        Ok(sally)
    });
    let packed = || {
        let mut zip = Vec::new();
        let _ = memory.bundle().write(&mut zip).unwrap();
        zip
    };
    let zip = packed();
    assert!(zip.len() < 1 << 20, "most of it is packed: {} bytes", zip.len());
    assert!(zip == packed(), "two bundles of one state differ");
    let client = Memory::in_memory().unwrap();
    let _ = client.import_bundle(&opened(zip)).run(Actor::system("import")).unwrap();
    let sally = sally.unwrap();
    assert_eq!(client.brief(sally).unwrap().to_string(), memory.brief(sally).unwrap().to_string());
    assert_eq!(client.timeline(sally, None, 10).unwrap(), memory.timeline(sally, None, 10).unwrap());
    assert!(client.verify().unwrap().is_sound());
}
