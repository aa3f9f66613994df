//! Each example does what it says, run as a program, from an empty directory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::{env, fs};

use heirloom::{Actor, Change, Channel, ContactKind, Found, Memory, NewContact, NewMember, Role};
use tempfile::TempDir;

/// The directory of the built examples. They are built here, with the profile and the features of this test, because
/// `cargo test --test examples` alone does not build them.
fn examples() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let here = env::current_exe().unwrap();
        let profile = here.ancestors().nth(2).unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--locked", "--examples", "--no-default-features", "--features"]);
        cargo.arg(if cfg!(feature = "bundled") { "bundled,bundle" } else { "bundle" });
        cargo.arg("--target-dir").arg(profile.parent().unwrap());
        cargo.args((profile.file_name() == Some(OsStr::new("release"))).then_some("--release"));
        assert!(cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success(), "the examples do not build");
        profile.join("examples")
    })
}

fn run(directory: &TempDir, example: &str, arguments: &[&str]) -> Output {
    let program = examples().join(format!("{example}{}", env::consts::EXE_SUFFIX));
    Command::new(program).args(arguments).current_dir(directory).output().unwrap()
}

/// What a program that ended well printed.
fn printed(directory: &TempDir, example: &str, arguments: &[&str]) -> String {
    let output = run(directory, example, arguments);
    assert!(output.status.success(), "{example} {arguments:?}: {}", said(&output.stderr));
    said(&output.stdout)
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Checks that each line of a sample in the README, counted from 1, is one that the program printed.
fn shows_what_is_printed(sample: usize, printed: &str) {
    let sample = include_str!("../README.md").split("```text\n").nth(sample).unwrap().split("```").next().unwrap();
    for line in sample.lines() {
        assert!(printed.lines().any(|printed| printed == line), "README shows “{line}”, which is not in\n{printed}");
    }
}

/// The memory that `lookup` fills, in a directory of its own.
fn filled() -> (TempDir, Memory) {
    let directory = tempfile::tempdir().unwrap();
    printed(&directory, "lookup", &["sally"]);
    let memory = Memory::options().must_exist().open(directory.path().join("corner-table.heirloom")).unwrap();
    (directory, memory)
}

#[test]
fn lookup_fills_the_memory_once_and_prints_sallys_brief() {
    let directory = tempfile::tempdir().unwrap();
    let first = run(&directory, "lookup", &["sally"]);
    assert_eq!(
        said(&first.stderr),
        "lookup: filled corner-table.heirloom with 42 contacts, 311 notes and 12 promises, 0 skipped\n"
    );
    let brief = said(&first.stdout);
    for known in [
        "Sally Whitcomb\n  Children's librarian, Belfast Town Library",
        "reaches her weekly weight goal",
        "[health]",
        "Tomas Reyes  owner since 2025-12-02, because: Bright Spoon's contract ends",
        "Jonas Weber  owner, 2025-01-01 to 2025-12-02 (has departed), began because:",
        "birthday  12 October",
    ] {
        assert!(brief.contains(known), "“{known}” is not in\n{brief}");
    }
    assert!(brief.lines().all(|line| line.chars().count() <= 80), "a line is too long in\n{brief}");
    shows_what_is_printed(1, &brief);
    let again = run(&directory, "lookup", &["sally"]);
    assert_eq!((said(&again.stdout), said(&again.stderr)), (brief, String::new()));
}

#[test]
fn lookup_finds_one_person_by_every_sort_of_address_and_name() {
    let (directory, _memory) = filled();
    for (typed, whom) in [
        ("sal", "Sally Whitcomb"),
        ("Slaly", "Sally Whitcomb"),
        ("@sallywhitcomb207", "Sally Whitcomb"),
        ("https://twitter.com/SallyWhitcomb207?s=20", "Sally Whitcomb"),
        ("SALLY@whitcomb.example", "Sally Whitcomb"),
        ("(207) 555-0101", "Sally Whitcomb"),
        ("+12075550101", "Sally Whitcomb"),
        ("zoe bjork", "Zoë Björklund"),
        ("中村", "中村 遥"),
        ("saltandspruce.me", "Ruth Kettering"),
    ] {
        let words: Vec<&str> = typed.split(' ').collect();
        let brief = printed(&directory, "lookup", &words);
        assert_eq!(brief.lines().next(), Some(whom), "{typed}");
    }
}

#[test]
fn lookup_asks_which_one_is_meant_when_several_are() {
    let (directory, _memory) = filled();
    for typed in ["pettengill", "207-555-0150"] {
        let shown = printed(&directory, "lookup", &[typed]);
        assert_eq!(shown, "Several fit; say which one:\n  Harold Pettengill\n  June Pettengill\n");
    }
}

#[test]
fn lookup_answers_a_question_with_what_is_known_and_with_the_brief_of_whom_it_is_about() {
    let (directory, _memory) = filled();
    let question = "who donated several thousand bottles of water to schools in Africa?";
    let shown = printed(&directory, "lookup", &question.split(' ').collect::<Vec<_>>());
    assert!(shown.starts_with("Ben Achterberg, 2025-01-22: Bought and «donated» «several» «thousand» «bottles»"));
    assert!(shown.contains("\nBen Achterberg\n  Owner, Achterberg Hardware & Marine"), "{shown}");
    let many = printed(&directory, "lookup", &["thanksgiving"]);
    assert!(!many.contains("Looked after by"), "no single person stands behind\n{many}");
}

#[test]
fn lookup_answers_in_json() {
    let (directory, _memory) = filled();
    let shown = printed(&directory, "lookup", &["--json", "sally"]);
    let answer: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(answer["brief"]["contact"]["name"], "Sally Whitcomb");
    assert_eq!(answer["brief"]["insights"][0]["sensitivity"], "health");
}

#[test]
fn lookup_shows_a_private_note_to_its_author_alone() {
    let (directory, _memory) = filled();
    let secret = "Drinks no alcohol, and for a serious reason.";
    assert!(!printed(&directory, "lookup", &["ben"]).contains(secret));
    assert!(!printed(&directory, "lookup", &["--as", "Mia Lindqvist", "ben"]).contains(secret));
    assert!(printed(&directory, "lookup", &["--as", "Daniel Okafor", "ben"]).contains(secret));
}

#[test]
fn lookup_ends_with_1_when_nothing_is_found_and_with_2_when_it_is_called_wrongly() {
    let (directory, _memory) = filled();
    let nothing = run(&directory, "lookup", &["xyzzy"]);
    assert_eq!((nothing.status.code(), said(&nothing.stdout).as_str()), (Some(1), ""));
    assert!(said(&nothing.stderr).contains("nothing found; try"));
    for wrong in [&[][..], &[""], &["--nope", "sally"], &["--json"], &["sally", "--as"]] {
        let output = run(&directory, "lookup", wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(said(&output.stderr).contains("usage: lookup"), "{wrong:?}");
    }
    let unknown = run(&directory, "lookup", &["--nope", "sally"]);
    assert!(said(&unknown.stderr).starts_with("lookup: there is no option --nope\n"), "{}", said(&unknown.stderr));
    let short = run(&directory, "lookup", &["--as", "mia", "sally"]);
    assert!(said(&short.stderr).contains("did you mean Mia Lindqvist?"), "{}", said(&short.stderr));
    assert!(printed(&directory, "lookup", &["--help"]).starts_with("usage: lookup"));
    let stranger = run(&directory, "lookup", &["--as", "Nobody", "sally"]);
    assert_eq!(stranger.status.code(), Some(1));
    assert!(said(&stranger.stderr).contains("no member is called Nobody"));
}

#[test]
fn all_of_the_year_arrives_with_its_organisations_and_its_owners() {
    let (_directory, memory) = filled();
    assert_eq!(memory.count_contacts().unwrap(), 42);
    for name in ["Fernald Hill Farm", "Bayside Linen Service", "The Vintner's Loft", "Captain Ames School"] {
        assert_eq!(memory.named(name).unwrap()[0].kind, ContactKind::Organisation, "{name}");
    }
    assert_eq!(memory.unowned().unwrap(), []);
    let leo = memory.named("Leo Fontaine").unwrap()[0].id;
    let owner = |day: &str| {
        let at = day.parse::<heirloom::When>().unwrap().start();
        memory.owner_at(leo, at).unwrap().map(|owner| owner.member_name)
    };
    assert_eq!(owner("2024-12-31"), None);
    assert_eq!(owner("2025-08-28").as_deref(), Some("Élise Garnier"));
    assert_eq!(owner("2025-08-29").as_deref(), Some("Daniel Okafor"));
    let cover = memory.owners(leo).unwrap().into_iter().find(|a| a.role == Role::Cover).unwrap();
    assert_eq!(cover.opened_why.as_deref(), Some("Élise at a tasting in Angers"));
    let promises = memory.due_by("2026-12-31T00:00:00Z".parse().unwrap()).unwrap();
    let promises: Vec<_> = promises.iter().map(|p| (p.contact.name.as_str(), p.owner.name.as_str())).collect();
    assert_eq!(promises, [("中村 遥", "Mia Lindqvist"), ("Ben Achterberg", "Mia Lindqvist")]);
    assert!(memory.verify().unwrap().is_sound());
}

/// The ids that `notes.csv` gives the notes which a search finds, best first; notes from cards have none.
fn found(memory: &Memory, question: &str) -> Vec<String> {
    let hits = memory.search(question).notes_only().run().unwrap();
    let ids = hits.into_iter().filter_map(|hit| match hit.found {
        Found::Note { note, .. } => memory.history(note.id).unwrap().into_iter().find_map(|entry| match entry.change {
            Some(Change::NoteAdded(added)) => added.external_id.filter(|id| id.system == "corner-table"),
            _ => None,
        }),
        _ => None,
    });
    ids.map(|id| id.id).collect()
}

#[test]
fn the_questions_of_the_year_find_the_note_that_answers_them() {
    let (_directory, memory) = filled();
    for (question, answers) in [
        ("what does Sally come in for?", &["N020", "N022"][..]),
        ("who donated several thousand bottles of water to schools in Africa?", &["N027"]),
        ("who must never get phone calls?", &["N014"]),
        ("who has a sesame allergy?", &["N056"]),
        ("which Instagram name did Ruth use before?", &["N151"]),
        ("what won Zoë back?", &["N174"]),
        ("생선국", &["N163"]),
        ("七月", &["N166"]),
    ] {
        let found = found(&memory, question);
        assert!(answers.contains(&found[0].as_str()), "{question}: {found:?}");
    }
    // “wedding” stands in more than a dozen notes; the one that says halal is among the first of them.
    let halal = found(&memory, "who is halal at the wedding?");
    assert!(halal[..3].contains(&"N132".to_owned()), "{halal:?}");
}

#[test]
fn import_reads_each_format_and_changes_nothing_the_second_time() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    file("people.csv", "Name,E-mail\nAda Byron,ada@mail.example\nMary Somerville,not an address\n");
    file("card.vcf", "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Grace Hopper\r\nEND:VCARD\r\n");
    file(
        "notes.jsonl",
        "{\"note\": {\"about\": \"Ada Byron\", \"text\": \"Likes engines.\"}}\n{\"note\": {\"about\": \"No One\", \"text\": \"?\"}}\n",
    );
    let files = ["m.heirloom", "desk", "people.csv", "card.vcf", "notes.jsonl"];
    let first = printed(&directory, "import", &files);
    assert!(first.contains("people.csv: 2 contacts added; 1 thing converted"), "{first}");
    assert!(first.contains("people.csv, record 2, line 3: kept as an address on no known channel"), "{first}");
    assert!(first.contains("card.vcf: 1 contact added"), "{first}");
    assert!(first.contains("notes.jsonl, record 2, line 2: skipped: there is no contact called “No One”"), "{first}");
    let second = printed(&directory, "import", &files);
    assert!(second.contains("people.csv: 2 contacts unchanged"), "{second}");
    assert!(second.contains("notes.jsonl: 1 note unchanged"), "{second}");
    assert_eq!(run(&directory, "import", &["m.heirloom"]).status.code(), Some(2));
    assert_eq!(run(&directory, "import", &["m.heirloom", "desk"]).status.code(), Some(2));
    let missing = run(&directory, "import", &["m.heirloom", "desk", "missing.csv"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(said(&missing.stderr).contains("missing.csv"));
}

#[test]
fn feed_hands_out_each_change_once_and_wakes_for_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let memory = Memory::open(directory.path().join("m.heirloom")).unwrap();
    let add = |name| memory.write(Actor::system("till"), |w| w.add_contact(NewContact::person(name))).unwrap();
    add("Ada");
    assert!(printed(&directory, "feed", &["m.heirloom", "cursor", "0"]).ends_with("system till added Ada\n"));
    assert_eq!(printed(&directory, "feed", &["m.heirloom", "cursor", "0"]), "");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| printed(&directory, "feed", &["m.heirloom", "cursor", "5"]));
        add("Grace");
        assert!(waiting.join().unwrap().ends_with("system till added Grace\n"));
    });
    assert_eq!(run(&directory, "feed", &["m.heirloom", "cursor", "soon"]).status.code(), Some(2));
    let nowhere = run(&directory, "feed", &["m.heirloom", "nowhere/c", "0"]);
    assert!(said(&nowhere.stderr).contains("kept in nowhere/c"), "{}", said(&nowhere.stderr));
    fs::write(directory.path().join("cursor"), "garbage").unwrap();
    let spoilt = run(&directory, "feed", &["m.heirloom", "cursor", "0"]);
    assert!(said(&spoilt.stderr).contains("“garbage” did not come from heirloom"), "{}", said(&spoilt.stderr));
    fs::write(directory.path().join("cursor"), "line of another file\n".repeat(1_000)).unwrap();
    let spoilt = run(&directory, "feed", &["m.heirloom", "cursor", "0"]);
    assert!(said(&spoilt.stderr).len() < 400, "the error repeats all of another file: {}", said(&spoilt.stderr));
}

#[test]
fn history_tells_who_changed_what_from_what() {
    let directory = tempfile::tempdir().unwrap();
    let memory = Memory::open(directory.path().join("m.heirloom")).unwrap();
    memory
        .write(Actor::system("till"), |w| {
            let tom = w.add_member(NewMember::new("Tom Okoro"))?;
            let ada = w.add_contact(NewContact::person("Ada Byron").handle(Channel::Phone, "+44 1632 960123"))?;
            let note = w.note(ada, "Takes tea.").save()?;
            w.rename_handle(ada, Channel::Phone, "+44 1632 960123", "+44 1632 960999")?;
            w.follow_up(ada, "Send her the programme").due("2030-06-01").owner(&tom).save()?;
            w.correct_note(note, "Takes coffee.", Some("misheard"))
        })
        .unwrap();
    let told = printed(&directory, "history", &["m.heirloom", "ada"]);
    assert!(told.contains("till changed phone of Ada Byron from +44 1632 960123 to +44 1632 960999\n"), "{told}");
    assert!(
        told.contains("till corrected the note about Ada Byron from “Takes tea.” to “Takes coffee.” (misheard)\n"),
        "{told}"
    );
    assert!(told.contains("promised Ada Byron: “Send her the programme” until 2030-06-01"), "{told}");
    let place = |part| told.find(part).unwrap();
    assert!(place("noted about") < place("changed phone") && place("changed phone") < place("corrected"), "{told}");
    assert_eq!(run(&directory, "history", &["m.heirloom", "xyzzy"]).status.code(), Some(1));
    assert_eq!(run(&directory, "history", &["none.heirloom", "ada"]).status.code(), Some(1));
    assert!(!directory.path().join("none.heirloom").exists());
    assert_eq!(run(&directory, "history", &[]).status.code(), Some(2));
}

#[test]
fn quiet_lists_who_was_not_spoken_to_under_who_looks_after_them() {
    let (directory, memory) = filled();
    // The newest conversations of the year are from December 2025, whatever day it is today.
    let all = printed(&directory, "quiet", &["corner-table.heirloom", "0"]);
    assert!(all.contains("\nTomas Reyes ("), "{all}");
    assert!(all.contains("  2025-12-19  Sally Whitcomb\n"), "{all}");
    assert!(!all.contains("Jonas Weber ("), "somebody who has left still looks after people in\n{all}");
    let sally = memory.named("Sally Whitcomb").unwrap()[0].id;
    memory.write(Actor::system("till"), |w| w.note(sally, "Came by.").save()).unwrap();
    assert!(!printed(&directory, "quiet", &["corner-table.heirloom", "1"]).contains("Sally Whitcomb"));
    assert_eq!(run(&directory, "quiet", &["corner-table.heirloom", "many"]).status.code(), Some(2));
    assert_eq!(run(&directory, "quiet", &["corner-table.heirloom", "99999999999"]).status.code(), Some(2));
}

#[test]
fn readiness_tells_what_would_be_lost_with_whom_and_what_to_ask_first() {
    let directory = tempfile::tempdir().unwrap();
    let told = printed(&directory, "readiness", &[]);
    for part in [
        "Readiness on 2025-12-01, of 42 contacts\nNobody who looks after contacts could leave today without a loss.\n",
        "  Bright Spoon: 1 of 7 contacts would survive (14 %)\n    no insight: 3 (Chloé Marchand, Colleen Tierney, Hugh",
        "    8 open promises to 8 contacts (",
        "    only in the leaver's words: 1 (Nadia Petrova)\n",
        "What to ask Bright Spoon before they leave",
        "Colleen Tierney (spoken to 6 times; praised us 2 times; 1 open promise; no\ninsight)\n  - Why do they come?\n",
        "\nand 5 more contacts\n",
    ] {
        assert!(told.contains(part), "“{part}” is not in\n{told}");
    }
    assert!(told.lines().all(|line| line.chars().count() <= 80), "a line is too long in\n{told}");
    shows_what_is_printed(2, &told);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0, "the example year leaves no file behind");
    let memory = Memory::open(directory.path().join("m.heirloom")).unwrap();
    memory.write(Actor::system("till"), |w| w.add_contact(NewContact::person("Ada"))).unwrap();
    let told = printed(&directory, "readiness", &["m.heirloom"]);
    assert!(told.contains("of 1 contact\n") && told.contains("without an owner who is here: 1 (Ada)\n"), "{told}");
    assert_eq!(run(&directory, "readiness", &["none.heirloom"]).status.code(), Some(1));
    assert!(!directory.path().join("none.heirloom").exists());
    assert_eq!(run(&directory, "readiness", &["m.heirloom", "180"]).status.code(), Some(2));
}

#[test]
fn export_writes_cards_and_tables_once_and_tells_what_is_in_them() {
    let (directory, _memory) = filled();
    let said_of = printed(&directory, "export", &["corner-table.heirloom", "exported"]);
    for line in [
        "contacts.vcf: 42 contacts, 305 notes, 66 assignments written",
        "contacts.csv: 42 contacts written",
        "notes.csv: 305 notes written",
        "ownership.csv: 66 assignments written",
    ] {
        assert!(said_of.lines().any(|known| known == line), "no line “{line}” in\n{said_of}");
    }
    let cards = fs::read_to_string(directory.path().join("exported/contacts.vcf")).unwrap();
    assert_eq!(cards.matches("BEGIN:VCARD\r\n").count(), 42);
    let again = run(&directory, "export", &["corner-table.heirloom", "exported"]);
    assert_eq!(again.status.code(), Some(1), "a file that is there is not written over");
    fs::create_dir(directory.path().join("half")).unwrap();
    fs::write(directory.path().join("half/ownership.csv"), "of last year").unwrap();
    let half = run(&directory, "export", &["corner-table.heirloom", "half"]);
    let why = "ownership.csv: it is there already; name another folder, or remove it\n";
    assert!(said(&half.stderr).ends_with(why), "{}", said(&half.stderr));
    assert_eq!(fs::read_dir(directory.path().join("half")).unwrap().count(), 1, "a part of the files was written");

    let report = printed(&directory, "import", &["elsewhere.heirloom", "heirloom", "exported/contacts.vcf"]);
    assert!(report.starts_with("contacts.vcf: 42 contacts and 305 notes added"), "{report}");
    let one = printed(&directory, "export", &["corner-table.heirloom", "sally", "Sally Whitcomb"]);
    assert!(one.contains("contacts.csv: 1 contact written"), "{one}");
    let nobody = run(&directory, "export", &["corner-table.heirloom", "nobody", "Nobody"]);
    assert_eq!(said(&nobody.stderr), "export: there is no contact called Nobody in this memory\n");
    assert_eq!(run(&directory, "export", &["corner-table.heirloom"]).status.code(), Some(2));
}

#[test]
fn a_reader_who_closes_the_pipe_ends_no_program_with_a_panic() {
    let (directory, _memory) = filled();
    for (example, arguments) in [
        ("feed", &["corner-table.heirloom", "cursor", "0"][..]),
        ("history", &["corner-table.heirloom", "sally"]),
        ("quiet", &["corner-table.heirloom", "0"]),
        ("readiness", &["corner-table.heirloom"]),
        ("lookup", &["sally"]),
        ("readiness", &[]),
        ("handoff", &["--undo", "books"]),
    ] {
        let program = examples().join(format!("{example}{}", env::consts::EXE_SUFFIX));
        let mut command = Command::new(program);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command.args(arguments).current_dir(&directory).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), said(&output.stderr)), (Some(0), String::new()), "{example}");
    }
    assert!(!directory.path().join("cursor").exists(), "the cursor stands behind entries that nobody read");
}

/// What stands under a title of what `handoff` printed.
fn under<'a>(printed: &'a str, title: &str) -> &'a str {
    let (_, section) =
        printed.split_once(&format!(": {title}\n")).unwrap_or_else(|| panic!("no {title} in\n{printed}"));
    let next = section.match_indices("\n──").nth(1).map_or(section.len(), |(at, _)| at);
    &section[..next]
}

#[test]
fn handoff_hands_over_all_that_an_agency_knows_and_writes_the_books_of_briefs() {
    let directory = tempfile::tempdir().unwrap();
    let told = printed(&directory, "handoff", &[]);
    let says = |title: &str, words: &[&str]| {
        let section = under(&told, title);
        words.iter().for_each(|word| assert!(section.contains(word), "“{word}” is not under {title}:\n{section}"));
    };
    says("Could they simply leave?", &["No: the people of Bright Spoon are the only owners of 7 contacts"]);
    says("What to ask them first", &["Colleen Tierney", "What must one never do?"]);
    says(
        "The plan",
        &[
            "Daniel Okafor  3 contacts, and what was promised to 1 more",
            "no backup: 7",
            "(overdue)",
            "(8)",
            "1 released",
            "1 sealed",
            "1 withheld",
        ],
    );
    says(
        "So far",
        &[
            "Chloé Marchand: Jonas Weber → Tomas Reyes, declined (I am not on TikTok)",
            "Sally Whitcomb: Jonas Weber → Tomas Reyes, accepted",
        ],
    );
    says("A question, answered for all who come after", &["she wants to cook them first", "Noor Haddad"]);
    says(
        "The receipt",
        &[
            "7  contacts changed hands",
            "8  promises moved, with their dates",
            "Daniel Okafor  4 contacts, and what was promised to 1 more",
        ],
    );
    says("The journal, held against it", &["sound: "]);
    says("Bright Spoon leaves", &["marked the agency Bright Spoon as departed (the contract ended)"]);
    says(
        "What Tomas knows when Sally comes in",
        &["reaches her weekly weight goal", "March is the hard month", "Jonas Weber"],
    );
    assert!(!told.contains("Taken back"), "{told}");
    shows_what_is_printed(3, &told);
    assert!(told.lines().all(|line| line.chars().count() <= 96), "a line is too long in\n{told}");

    let book = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    let (daniel, tomas) = (book("briefs-daniel-okafor.md"), book("briefs-tomas-reyes.md"));
    assert!(daniel.contains("overdue: Tell him what listeners wrote to us about the onions"), "{daniel}");
    assert!(daniel.contains("## Chloé Marchand") && !tomas.contains("Chloé Marchand"), "{tomas}");
    assert!(daniel.contains("What must one never do? Call her on a Wednesday before noon"), "{daniel}");
    assert!(tomas.contains("March is the hard month"), "the note that was released is not in\n{tomas}");
    for (secret, whose) in [("Salt and Spruce, and she may", "sealed"), ("she regrets the price", "withheld")] {
        for file in ["briefs-daniel-okafor.html", "briefs-mia-lindqvist.html", "briefs-tomas-reyes.html"] {
            assert!(!book(file).contains(secret), "{file} has a note that was {whose}");
        }
    }
}

#[test]
fn handoff_is_taken_back_but_for_what_came_since() {
    let directory = tempfile::tempdir().unwrap();
    let told = printed(&directory, "handoff", &["--undo", "books/of/briefs"]);
    let (_, undone) = told.split_once("5 January 2026: Taken back\n").unwrap();
    for word in [
        "Undone  signed for another year",
        "6  contacts changed hands",
        "2  private notes given back to their authors",
        "Hugh Pomeroy went on to Mia Lindqvist",
        "the promise to Sally Whitcomb: Let her be the first to taste the new decaf",
        "notes that came since: 16",
    ] {
        assert!(undone.contains(word), "“{word}” is not in\n{undone}");
    }
    assert!(directory.path().join("books/of/briefs/briefs-mia-lindqvist.html").exists());
    assert!(printed(&directory, "handoff", &["--help"]).starts_with("usage: handoff"));
    assert_eq!(run(&directory, "handoff", &["--redo"]).status.code(), Some(2));
    assert_eq!(run(&directory, "handoff", &["one", "two"]).status.code(), Some(2));
    fs::write(directory.path().join("file"), "").unwrap();
    let nowhere = run(&directory, "handoff", &["file"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(said(&nowhere.stderr).starts_with("handoff: file"), "{}", said(&nowhere.stderr));
}

#[test]
fn lookup_tells_namesakes_apart_and_takes_no_single_word_for_an_answer() {
    let (directory, memory) = filled();
    memory
        .write(Actor::system("till"), |w| {
            w.add_contact(NewContact::person("Ana Müller").handle(Channel::Email, "ana@one.example"))?;
            w.add_contact(NewContact::person("Ana Müller").handle(Channel::Email, "ana@two.example"))?;
            let ben = w.view().named("Ben Achterberg")?[0].id;
            w.note(ben, "Collects zithers.").save()
        })
        .unwrap();
    let shown = printed(&directory, "lookup", &["Ana", "Müller"]);
    assert!(shown.contains("Ana Müller (ana@one.example)\n") && shown.contains("(ana@two.example)"), "{shown}");
    let shown = printed(&directory, "lookup", &["zithers"]);
    assert!(shown.contains("«zithers»") && !shown.contains("Looked after by"), "{shown}");
}

#[test]
fn import_bundle_says_what_would_come_then_takes_it_in_and_writes_the_receipt() {
    let (directory, memory) = filled();
    let zip = fs::File::create(directory.path().join("handoff.zip")).unwrap();
    let _report = memory.bundle().sender("Bright Spoon").write(zip).unwrap();
    let preview = printed(&directory, "import_bundle", &["ours.heirloom", "handoff.zip", "--preview"]);
    assert!(preview.starts_with("Handoff of Bright Spoon, not signed\n"), "{preview}");
    assert!(preview.contains("would bring:"), "{preview}");
    let wrong = run(&directory, "import_bundle", &["ours.heirloom", "gone.zip"]);
    assert!(said(&wrong.stderr).contains("gone.zip: "), "{}", said(&wrong.stderr));
    assert!(!directory.path().join("ours.heirloom").exists(), "neither a preview nor a wrong name makes a memory");
    let ours = Memory::open(directory.path().join("ours.heirloom")).unwrap();
    assert_eq!(ours.count_contacts().unwrap(), 0, "the preview kept something");

    let told = printed(&directory, "import_bundle", &["ours.heirloom", "handoff.zip", "--receipt", "receipt.json"]);
    assert!(told.contains("and brought:"), "{told}");
    assert_eq!(ours.count_contacts().unwrap(), memory.count_contacts().unwrap());
    let receipt = fs::read_to_string(directory.path().join("receipt.json")).unwrap();
    let keys = heirloom::bundle::TrustedKeys::default();
    memory.record_receipt(Actor::system("office"), &receipt, None, &keys).unwrap();
    assert_eq!(memory.receipts().unwrap().len(), 1);

    let again = printed(&directory, "import_bundle", &["ours.heirloom", "handoff.zip"]);
    assert!(again.contains("brought nothing that was not here"), "{again}");
    assert!(printed(&directory, "import_bundle", &["--preview"]).contains("contacts      9 new"));

    fs::write(directory.path().join("keys"), "").unwrap();
    let output = run(&directory, "import_bundle", &["ours.heirloom", "handoff.zip", "--keys", "keys"]);
    assert!(said(&output.stderr).contains("handoff.zip: not signed; ask the sender"), "{}", said(&output.stderr));
    let output = run(&directory, "import_bundle", &["ours.heirloom", "handoff.zip", "--keys", "no-keys"]);
    assert!(said(&output.stderr).starts_with("import_bundle: no-keys: "), "{}", said(&output.stderr));
    assert_eq!(run(&directory, "import_bundle", &["ours.heirloom"]).status.code(), Some(2));
}

#[test]
fn import_bundle_writes_its_receipt_over_no_file_that_is_there() {
    let (directory, memory) = filled();
    let zip = fs::File::create(directory.path().join("handoff.zip")).unwrap();
    let _report = memory.bundle().write(zip).unwrap();
    printed(&directory, "import_bundle", &["ours.heirloom", "handoff.zip"]);
    for there in ["ours.heirloom", "handoff.zip"] {
        let before = fs::read(directory.path().join(there)).unwrap();
        let output = run(&directory, "import_bundle", &["ours.heirloom", "handoff.zip", "--receipt", there]);
        let why = format!("import_bundle: {there} is there already; name another file with --receipt");
        assert!(said(&output.stderr).starts_with(&why), "{}", said(&output.stderr));
        assert!(fs::read(directory.path().join(there)).unwrap() == before, "the receipt took the place of {there}");
    }
    let output = run(&directory, "import_bundle", &["new.heirloom", "handoff.zip", "--receipt", "new.heirloom"]);
    assert!(said(&output.stderr).contains("new.heirloom cannot be written"), "{}", said(&output.stderr));
    let new = Memory::options().must_exist().open(directory.path().join("new.heirloom")).unwrap();
    assert_eq!(new.count_contacts().unwrap(), 42);
}

#[test]
fn export_bundle_writes_over_no_file_and_prints_lines_that_work_as_they_stand() {
    let (directory, _memory) = filled();
    fs::write(directory.path().join("ours.unfinished"), "precious").unwrap();
    let output = run(&directory, "export_bundle", &["corner-table.heirloom", "--out", "ours.zip"]);
    assert!(
        said(&output.stderr).starts_with("export_bundle: ours.unfinished is there already"),
        "{}",
        said(&output.stderr)
    );
    assert_eq!(fs::read(directory.path().join("ours.unfinished")).unwrap(), b"precious");

    let output = run(&directory, "export_bundle", &["corner-table.heirloom", "--out", "handoff"]);
    assert!(said(&output.stderr).contains("handoff: it must end in .zip"), "{}", said(&output.stderr));

    let told = printed(&directory, "export_bundle", &["corner-table.heirloom", "--out", "it's ours.zip"]);
    assert!(
        told.contains(r"  unzip 'it'\''s ours.zip'") && told.contains(r"ours.heirloom 'it'\''s ours.zip' --preview"),
        "{told}"
    );
    let told = printed(&directory, "export_bundle", &["corner-table.heirloom", "--out", "-x.zip"]);
    assert!(told.contains("  unzip ./-x.zip\n"), "{told}");
}

#[test]
fn export_bundle_takes_every_agency_of_the_name() {
    let (directory, memory) = filled();
    let other = memory
        .write(Actor::system("setup"), |w| {
            let other = w.add_agency("Bright Spoon", None, None)?;
            let ana = w.add_member(NewMember::new("Ana Costa").of_agency(other))?;
            let ada = w.add_contact(NewContact::person("Ada Quill"))?;
            w.assign(ada, &ana, Role::Owner)?;
            Ok(other)
        })
        .unwrap();
    let arguments = ["corner-table.heirloom", "--agency", "Bright Spoon", "--out", "ours.zip"];
    let told = printed(&directory, "export_bundle", &arguments);
    assert!(told.contains("10 contacts") && told.contains("2 agencies"), "{other} stays behind\n{told}");
}

#[test]
fn export_bundle_packs_what_an_agency_looked_after_and_leaves_no_half_of_a_file() {
    let (directory, memory) = filled();
    let preview = printed(&directory, "export_bundle", &["corner-table.heirloom", "--preview"]);
    assert!(preview.contains("42 contacts"), "{preview}");
    assert!(!directory.path().join("handoff.zip").exists(), "a preview writes nothing");

    let arguments = ["corner-table.heirloom", "--agency", "Bright Spoon", "--to", "Corner Table", "--out", "ours.zip"];
    let told = printed(&directory, "export_bundle", &arguments);
    assert!(told.starts_with("ours.zip is packed, not signed: ") && told.contains("outside of the scope"), "{told}");
    let bag = heirloom::bundle::Opening::new().open(directory.path().join("ours.zip")).unwrap();
    let arrival = Memory::in_memory().unwrap().import_bundle(&bag).preview().unwrap();
    assert_eq!(arrival.title, "Ours");
    assert!(arrival.to_string().contains("9 new") && memory.count_contacts().unwrap() == 42, "{arrival}");

    let told = printed(&directory, "export_bundle", &[]);
    assert!(told.contains("unzip handoff.zip\n"), "the lines to type next are missing\n{told}");
    assert_eq!(fs::read(directory.path().join("handoff.zip")).unwrap().get(..2), Some(&b"PK"[..]));

    for wrong in [&["--nope"][..], &["a", "b"], &["corner-table.heirloom", "--out"]] {
        let output = run(&directory, "export_bundle", wrong);
        assert!(
            output.status.code() == Some(2) && said(&output.stderr).starts_with("usage: export_bundle"),
            "{wrong:?}"
        );
    }
    for (wrong, why) in [
        (&["gone.heirloom"][..], "gone.heirloom"),
        (&["--agency", "Nobody"], "no agency called “Nobody” in this memory, but “Bright Spoon”"),
        (&["--sign", "corner-table.heirloom"], "key"),
        (&["--sign", "no-key"], "export_bundle: no-key: "),
        (&["--out", "ours.zip"], "ours.zip is there already; name another file with --out"),
        (&["--out", "not/"], "export_bundle: not/: "),
        (&["--out", "gone/not.zip"], "export_bundle: gone/not.zip: "),
    ] {
        let output = run(&directory, "export_bundle", &[&["--out", "not.zip"], wrong].concat());
        assert_eq!(output.status.code(), Some(1), "{wrong:?}");
        assert!(said(&output.stderr).contains(why), "{}", said(&output.stderr));
    }
    let left = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = left.filter(|name| name.starts_with("not") || name.ends_with("unfinished")).collect();
    assert!(left.is_empty(), "{left:?}");
}
