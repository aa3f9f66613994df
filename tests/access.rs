//! Subject access: everything of the person is told, and nobody else.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by a panic")]

use heirloom::{
    AccessReport, Actor, Channel, ContactId, Direction, Error, MemberId, Memory, NewAttachment, NewContact, NewHandle,
    NewMember, NoteId, NoteKind, Role, Sensitivity, SubjectAccess,
};
use proptest::prelude::*;
use serde_json::Value as Json;

/// How a file is written in one form.
type Write = fn(&SubjectAccess, &mut Vec<u8>) -> heirloom::Result<AccessReport>;

/// The forms of the file.
const FORMS: [Write; 3] =
    [|access, out| access.html(out), |access, out| access.markdown(out), |access, out| access.json(out)];

fn written(access: &SubjectAccess) -> Vec<(String, AccessReport)> {
    FORMS
        .iter()
        .map(|form| {
            let mut out = Vec::new();
            let report = form(access, &mut out).unwrap();
            (String::from_utf8(out).unwrap(), report)
        })
        .collect()
}

fn data(access: &SubjectAccess) -> Json {
    let mut out = Vec::new();
    let _ = access.json(&mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

/// What a reader sees of a file: its text, without what HTML and Markdown put before characters.
fn seen(file: &str) -> String {
    ["&lt;", "&gt;", "&quot;", "&#39;", "&amp;"]
        .iter()
        .zip(["<", ">", "\"", "'", "&"])
        .fold(file.replace('\\', ""), |text, (escaped, plain)| text.replace(escaped, plain))
}

/// The people of the tests.
struct Office {
    memory: Memory,
    sally: ContactId,
    ben: ContactId,
    mia: MemberId,
    tom: MemberId,
}

/// Sally, about whom everything is known that a memory can know, and others who stand beside her in all of it.
fn office() -> Office {
    let memory = Memory::options().region("GB".parse().unwrap()).in_memory().unwrap();
    let (mia, tom, eva) = memory
        .write(Actor::system("setup"), |w| {
            let agency = w.add_agency("Loud & Clear", None, None)?;
            let mia = w.add_member(NewMember::new("Mia Lindqvist").email("mia@office.example"))?;
            let tom = w.add_member(NewMember::new("Tomasz Zielinski").of_agency(agency))?;
            Ok((mia.id, tom.id, w.add_member(NewMember::new("Eva Haverkamp"))?.id))
        })
        .unwrap();
    let line = concat!(
        r#"{"contact": {"id": "hub-4711", "name": "Sally Whitcomb", "handles": [{"channel": "email", "#,
        r#""address": "sally@mail.example"}], "fields": {"assistant": "Ben Achterberg"}}}"#,
        "\n",
        r#"{"contact": {"id": "hub-4712", "name": "Ben Achterberg"}}"#,
        "\n",
        r#"{"note": {"id": "note-9", "about": [{"id": "hub-4711"}, {"id": "hub-4712"}], "#,
        r#""text": "Both came, B\u0065n Achterberg last", "said_by": "Ulrike Overbeck"}}"#,
    );
    let report = memory.import("hubspot").json_lines(line.as_bytes()).unwrap();
    assert_eq!((report.contacts_added, report.notes_added), (2, 1), "{report}");
    let by_id = |id| memory.by_external_id("hubspot", id).unwrap().unwrap().id;
    let (sally, ben) = (by_id("hub-4711"), by_id("hub-4712"));
    memory
        .write(mia, |w| {
            w.rename_contact(ben, "Benedikt Achterberg")?;
            w.add_handle(ben, NewHandle::new(Channel::X, "@benachter").network_id("99887766"))?;
            w.add_handle(ben, NewHandle::new(Channel::Email, "ben@achterberg.example"))?;
            w.add_handle(ben, NewHandle::new(Channel::Phone, "+44 1632 960777"))?;
            w.link(ben, "spouse", sally)?;
            w.unlink(ben, "spouse", sally)?;
            w.link(sally, "knows", ben)?;
            let cafe = w.add_contact(NewContact::organisation("Lemon & Thyme Ltd"))?;
            w.link(sally, "works_at", cafe)?;
            w.add_contact(NewContact::person("Zara Quist"))?;
            w.rename_contact(sally, "Sally Marsh")?;
            w.add_handle(sally, NewHandle::new(Channel::X, "@sally_w").network_id("5550001").label("private"))?;
            w.rename_handle(sally, Channel::X, "@sally_w", "@sally_m")?;
            w.set_field(sally, "company", Some("Lemon & Thyme Ltd"))?;
            w.set_field(sally, "company", Some("Salt"))?;
            w.tag(sally, "regular")?;
            w.tag(sally, "late payer")?;
            w.untag(sally, "late payer")?;
            w.set_date(sally, "birthday", Some("1980-02-29".parse()?))?;
            w.do_not_contact(sally, Channel::Phone, "sleeps in the morning")?;
            w.attach(sally, NewAttachment::new("contract.txt", "text/plain", "the contract of Sally"))?;
            w.assign(sally, mia, Role::Owner.because("Ben Achterberg asked for it"))?;
            w.follow_up(sally, "Send her the menu, and a copy to Ben").due("2030-06-01").save().map(drop)
        })
        .unwrap();
    memory
        .write(tom, |w| {
            let note = w
                .note(
                    sally,
                    "Benedikt (ben@achterberg.example, tel. 01632 960777, @benachter) paid; Mia knows. ben was glad.",
                )
                .about(ben)
                .said_by(ben)
                .attach(NewAttachment::new("Ben Achterberg.jpg", "image/jpeg", "a picture"))
                .save()?;
            let link = format!("see https://crm.example/contacts/{ben}?owner={mia}");
            w.correct_note(note, &format!("Achterberg, Benedikt paid; {link}"), Some("Zara Quist says so"))?;
            let wrong = w.note(sally, "Is allergic to cats").sensitivity(Sensitivity::Health).save()?;
            w.retract_note(wrong, Some("it was Zara Quist's dog"))?;
            w.note(sally, "The tart was lovely")
                .kind(NoteKind::Praise)
                .said_by(sally)
                .direction(Direction::In)
                .save()?;
            w.note(ben, "He sings well").said_by(sally).save()?;
            w.note(sally, "Is looking for another flat").private().save()?;
            let sealed = w.note(sally, "Spoke of a divorce").private().save()?;
            w.seal_note(sealed, Some("Eva Haverkamp insists")).map(drop)
        })
        .unwrap();
    let plan = memory.handoff().of_member(mia).reason("Mia Lindqvist moves").to(eva).plan().unwrap();
    memory.write(mia, |w| w.offer(plan).map(drop)).unwrap();
    Office { memory, sally, ben, mia, tom }
}

/// What stands in the journal and the tables of the others, and must not be told.
fn of_others(office: &Office) -> Vec<String> {
    let mut others: Vec<String> = [
        "Achterberg",
        "Benedikt",
        "benachter",
        "99887766",
        "960777",
        "hub-4712",
        "Zara",
        "Quist",
        "Ulrike",
        "Overbeck",
    ]
    .map(str::to_owned)
    .to_vec();
    others.extend(["Lindqvist", "Mia", "mia@", "Tomasz", "Zielinski", "Eva", "Haverkamp"].map(str::to_owned));
    others.extend([office.ben.to_string(), office.mia.to_string(), office.tom.to_string()]);
    others
}

#[test]
fn nothing_of_others_is_told_in_any_form() {
    let office = office();
    for (file, report) in written(&office.memory.all_seeing().access(office.sally)) {
        for other in of_others(&office) {
            let folded = file.to_lowercase();
            let at = folded.find(&other.to_lowercase());
            let around = at.map(|at| file.get(at.saturating_sub(80)..at + 60).unwrap_or_default().to_owned());
            assert_eq!(around, None, "“{other}” is told:\n{report}");
        }
        assert!(!file.contains(" ben ") && !file.contains("Ben "), "a part of a name is told");
    }
}

#[test]
fn everything_of_the_person_is_told_in_every_form() {
    let office = office();
    for (file, _) in written(&office.memory.all_seeing().access(office.sally)) {
        let file = seen(&file);
        for theirs in [
            "Sally Marsh",
            "Sally Whitcomb",
            "sally@mail.example",
            "@sally_m",
            "@sally_w",
            "5550001",
            "private",
            "hub-4711",
            "Lemon & Thyme Ltd",
            "Salt",
            "regular",
            "late payer",
            "1980-02-29",
            "sleeps in the morning",
            "contract.txt",
            "works",
            "knows",
            "spouse",
            "Send her the menu, and a copy to [person",
            "2030-06-01",
            "Is allergic to cats",
            "retracted",
            "health",
            "The tart was lovely",
            "He sings well",
            "Is looking for another flat",
            "Spoke of a divorce",
            "] insists",
            "] asked for it",
            "'s dog",
            "sealed",
            "Loud & Clear",
            "paid; see https://crm.example",
            "import hubspot",
            "[member 1]",
            "note-9",
            "handoff",
            "Both came, [person",
            "application/jsonl",
        ] {
            let is_data = file.starts_with('{');
            assert!(file.contains(theirs) || (!is_data && theirs.contains('/')), "“{theirs}” is not told in\n{file}");
        }
    }
}

#[test]
fn each_of_the_others_has_one_number_in_every_form() {
    let office = office();
    let files = written(&office.memory.all_seeing().access(office.sally));
    let reports: Vec<&AccessReport> = files.iter().map(|(_, report)| report).collect();
    assert!(reports.iter().all(|report| *report == reports[0]), "{reports:#?}");
    assert_eq!(*reports[0], office.memory.all_seeing().access(office.sally).report().unwrap());
    assert_eq!((reports[0].people_masked, reports[0].members_masked), (3, 3), "{}", reports[0]);
    let data = data(&office.memory.all_seeing().access(office.sally));
    let links = data["person"]["links"].as_array().unwrap();
    let ben = links.iter().find(|link| link["relation"] == "knows").unwrap()["other"].as_str().unwrap();
    let shared = data["notes"].as_array().unwrap().iter().find(|note| note["corrected_at"].is_string()).unwrap();
    assert_eq!((shared["said_by"].as_str(), shared["also_about"][0].as_str()), (Some(ben), Some(ben)));
    assert!(shared["text"].as_str().unwrap().starts_with(&format!("{ben} paid; ")), "{shared}");
    let earlier = shared["changes"][0]["from"].as_str().unwrap();
    assert_eq!(earlier, format!("{ben} ({ben}, tel. {ben}, {ben}) paid; [member 1] knows. {ben} was glad."));
}

#[test]
fn members_are_named_where_that_is_asked_for() {
    let office = office();
    let access = office.memory.all_seeing().access(office.sally).naming_members();
    let data = data(&access);
    assert_eq!(data["looked_after_by"][0]["member"], "Mia Lindqvist");
    assert_eq!(data["members"].as_array().unwrap().len(), 0);
    assert_eq!(access.report().unwrap().members_masked, 0);
}

#[test]
fn a_masked_member_is_told_by_what_they_are() {
    let office = office();
    let data = data(&office.memory.all_seeing().access(office.sally));
    let roles: Vec<&str> = data["members"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["employee", "employee", "of Loud & Clear"]);
    let agency = &data["received_by"][0];
    assert_eq!((&agency["kind"], &agency["recipient"]), (&"agency".into(), &"Loud & Clear".into()));
}

#[test]
fn organisations_are_masked_where_that_is_asked_for() {
    let office = office();
    for (file, _) in written(&office.memory.all_seeing().access(office.sally).masking_organisations()) {
        assert!(!seen(&file).contains("Lemon & Thyme"), "{file}");
    }
}

#[test]
fn further_words_are_masked_in_any_case_and_as_phrases() {
    let office = office();
    office.memory.write(office.mia, |w| w.note(office.sally, "the Baker's boy, benny, was BENNY").save()).unwrap();
    let access = office.memory.all_seeing().access(office.sally).also_mask(["Benny", "baker's boy"]);
    let data = data(&access);
    let note = data["notes"].as_array().unwrap().iter().find(|note| note["text"].as_str().unwrap().starts_with("the"));
    assert_eq!(note.unwrap()["text"], "the [masked], [masked], was [masked]");
    let report = access.report().unwrap();
    assert!(
        report.masked.iter().any(|f| f.what == "words that were to be masked, in texts" && f.count == 3),
        "{report}"
    );
    let why = office.memory.access(office.sally).also_mask(["…"]).report().unwrap_err().to_string();
    assert_eq!(why, "word to be masked: “…” has no letter or digit");
}

#[test]
fn what_they_said_of_others_in_private_is_counted_with_what_was_left_out() {
    let office = office();
    let said = |w: &mut heirloom::Writer<'_>| w.note(office.ben, "Has debts").said_by(office.sally).private().save();
    office.memory.write(office.tom, said).unwrap();
    let left = office.memory.access(office.sally).report().unwrap().left_out;
    let private = left.iter().find(|found| found.what.starts_with("private")).unwrap();
    assert_eq!(private.count, 2, "one about her, and one that she said");
}

#[test]
fn a_handle_that_may_not_read_all_tells_how_much_it_left_out() {
    let office = office();
    let all = office.memory.all_seeing().access(office.sally).report().unwrap();
    assert_eq!((all.notes, all.private_notes), (7, 2), "{all}");
    assert!(all.left_out.is_empty(), "{all}");
    for (file, report) in written(&office.memory.access(office.sally)) {
        assert_eq!((report.notes, report.private_notes), (5, 0));
        assert!(!file.contains("flat") && !file.contains("divorce"));
        let left: Vec<(bool, u64)> = report.left_out.iter().map(|f| (f.what.starts_with("private"), f.count)).collect();
        assert_eq!(left, [(true, 1), (false, 1)], "{report}");
        assert!(seen(&file).contains("sealed notes, which were not to be read for this file"));
    }
    let toms = office.memory.seen_by(office.tom).unwrap().access(office.sally).report().unwrap();
    assert_eq!((toms.notes, toms.private_notes, toms.left_out.len()), (6, 1, 1), "{toms}");
}

#[test]
fn what_they_provided_is_told_without_what_was_made_of_it() {
    let office = office();
    let access = office.memory.all_seeing().access(office.sally).provided_only();
    let data = data(&access);
    let notes: Vec<&str> = data["notes"].as_array().unwrap().iter().map(|n| n["text"].as_str().unwrap()).collect();
    assert_eq!(notes, ["The tart was lovely", "He sings well"]);
    assert!(
        data["person"]["handles"].as_array().unwrap().len() == 3 && data["person"]["dates"]["birthday"].is_string()
    );
    for (file, report) in written(&access) {
        for made in ["regular", "late payer", "hub-4711", "Send her the menu", "member 1", "allergic", "Lemon"] {
            assert!(!file.contains(made), "“{made}” is told in\n{file}");
        }
        assert!(report.left_out.iter().any(|finding| finding.count == 5), "{report}");
    }
}

#[cfg(feature = "vcard")]
#[test]
fn others_are_found_in_cards_that_hide_them_and_cards_that_cannot_be_read_are_counted() {
    let memory = Memory::in_memory().unwrap();
    memory.write(Actor::system("till"), |w| w.add_contact(NewContact::person("Béla Stein"))).unwrap();
    let cards = "BEGIN:VCARD\r\nVERSION:2.1\r\nFN:Sally Marsh\r\nUID:s-1\r\n\
                 X-FRIEND;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:B=C3=A9la=\r\n=20Stein\r\nEND:VCARD\r\n\
                 BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Sally Marsh\r\nUID:s-2\r\nRELATED:Béla St\r\n ein\r\n\
                 PHOTO;ENCODING=b;TYPE=PNG:aGFsbG8=\r\nEND:VCARD\r\n";
    let report = memory.import("phone").vcards(cards.as_bytes()).unwrap();
    assert_eq!(report.contacts_added, 2, "{report}");
    let japanese = b"BEGIN:VCARD\r\nVERSION:2.1\r\nFN;CHARSET=SHIFT_JIS:\x8E\x52\x93\x63\x91\xBE\x98\x59\r\nUID:s-3\r\nEND:VCARD\r\n";
    assert_eq!(memory.import("phone").vcards(&japanese[..]).unwrap().contacts_added, 1);
    let of = |id| memory.all_seeing().access(memory.by_external_id("phone", id).unwrap().unwrap().id);
    for id in ["s-1", "s-2"] {
        let source = data(&of(id))["changes"][0]["source"]["text"].as_str().unwrap().to_owned();
        assert!(source.contains(":[person 1]") && !source.contains("aGFsbG8"), "{source}");
        assert!(source.contains("FN:Sally Marsh") && !source.contains("Stein") && !source.contains("=C3"), "{source}");
    }
    let report = of("s-3").report().unwrap();
    let told = "sources of imports in a code page in which others could not be found";
    assert_eq!((report.sources, &*report.left_out[0].what, report.left_out[0].count), (0, told, 1), "{report}");
    assert_eq!(data(&of("s-3"))["person"]["name"], "山田太郎");
}

#[cfg(feature = "vcard")]
#[test]
fn what_they_provided_is_a_card_that_an_address_book_reads() {
    let office = office();
    let mut card = Vec::new();
    let report = office.memory.all_seeing().access(office.sally).vcard(&mut card).unwrap();
    assert_eq!(report.notes, 2);
    let elsewhere = Memory::in_memory().unwrap();
    let imported = elsewhere.import("heirloom").vcards(card.as_slice()).unwrap();
    assert_eq!((imported.contacts_added, imported.notes_added, imported.skipped), (1, 2, 0), "{imported}");
    let sally = elsewhere.named("Sally Marsh").unwrap()[0].id;
    assert_eq!(elsewhere.contact(sally).unwrap().handles.len(), 3);
    let card = String::from_utf8(card).unwrap();
    for other in of_others(&office).iter().map(String::as_str).chain(["regular", "late payer", "allergic", "hub-4711"])
    {
        assert!(!card.to_lowercase().contains(&other.to_lowercase()), "“{other}” is told in\n{card}");
    }
}

#[test]
fn attachments_are_handed_out_with_their_bytes() {
    let office = office();
    let mut found = Vec::new();
    let access = office.memory.all_seeing().access(office.sally);
    access
        .each_attachment(|file, bytes| {
            found.push((file.name.clone(), String::from_utf8(bytes).unwrap()));
            Ok(())
        })
        .unwrap();
    let expected = [("contract.txt", "the contract of Sally"), ("Ben Achterberg.jpg", "a picture")];
    assert_eq!(found, expected.map(|(name, bytes)| (name.to_owned(), bytes.to_owned())));
    assert_eq!(access.report().unwrap().attachments, 2);
    let stopped = access.each_attachment(|_, _| Err(Error::Refused("enough".to_owned())));
    assert_eq!(stopped.unwrap_err().to_string(), "enough");
}

#[test]
fn who_stands_in_an_id_elsewhere_or_a_media_type_is_masked_as_in_any_text() {
    let (memory, sally) = noted("Came by");
    memory
        .write(Actor::system("till"), |w| {
            w.identify(sally, "list of Zara Quist", "ben@achterberg.example#7")?;
            w.note(sally, "Wrote").external_id("mail of Benedikt", "<7.zara@quist.example>").save()?;
            w.attach(sally, NewAttachment::new("a.txt", "text/plain; by=Benedikt Achterberg", "a"))
        })
        .unwrap();
    for (file, _) in written(&memory.all_seeing().access(sally)) {
        let told = seen(&file);
        for other in ["Achterberg", "achterberg", "Benedikt", "Zara", "Quist", "quist"] {
            assert!(!told.contains(other), "{other} is told: {told}");
        }
        assert!(told.contains("crm-9020") && told.contains("text/plain"), "what is the person's own is masked: {told}");
    }
    let person = &data(&memory.all_seeing().access(sally))["person"];
    assert_eq!(person["external_ids"][1]["system"], "list of [person 2]", "{person}");
}

#[test]
fn texts_of_others_cannot_become_markup() {
    let memory = Memory::in_memory().unwrap();
    let hostile = "</dd><script>alert(1)</script><img src=x onerror=alert(2)>\n# Heading\n[a](javascript:b) \u{202E}x";
    let sally = memory
        .write(Actor::system("till"), |w| {
            let sally = w.add_contact(NewContact::person("<b>Sally</b>").field("<i>f</i>", hostile).tag("<u>t</u>"))?;
            w.note(sally, hostile).said_by("<s>Jo</s>").permalink("javascript:alert(3)").save()?;
            w.do_not_contact(sally, None, hostile)?;
            Ok(sally)
        })
        .unwrap();
    let [(html, _), (markdown, _), (json, _)]: [(String, AccessReport); 3] =
        written(&memory.access(sally)).try_into().unwrap();
    let body = html.split("</style>").nth(1).unwrap();
    for tag in ["<script", "<img", "<b>Sally", "<i>", "<u>", "<s>", "\u{202E}", "href=\"javascript"] {
        assert!(!body.contains(tag), "{tag} in\n{body}");
    }
    let events: Vec<_> = pulldown_cmark::Parser::new(&markdown).collect();
    use pulldown_cmark::{Event, Tag};
    for event in &events {
        let harmful =
            matches!(event, Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::Link { .. } | Tag::Image { .. }));
        assert!(!harmful, "{event:?} in\n{markdown}");
    }
    let headings = events.iter().filter(|event| matches!(event, Event::Start(Tag::Heading { .. }))).count();
    assert_eq!(headings, 1 + markdown.lines().filter(|line| line.starts_with("## ")).count(), "{markdown}");
    assert_eq!(serde_json::from_str::<Json>(&json).unwrap()["notes"][0]["text"], hostile);
}

#[test]
fn somebody_of_whom_only_a_name_is_known_is_told_as_such() {
    let memory = Memory::in_memory().unwrap();
    let sally = memory.write(Actor::system("till"), |w| w.add_contact(NewContact::person("Sally"))).unwrap();
    for (file, report) in written(&memory.access(sally)) {
        assert!(file.contains("Sally"));
        assert_eq!((report.notes, report.changes, report.people_masked), (0, 1, 0), "{report}");
    }
    let data = data(&memory.access(sally));
    assert_eq!(
        (data["format"].as_str(), data["notes"].as_array().unwrap().len()),
        (Some("heirloom subject access 1"), 0)
    );
}

#[test]
fn an_unknown_contact_is_an_error_in_words_and_nothing_is_written() {
    let (here, elsewhere) = (Memory::in_memory().unwrap(), Memory::in_memory().unwrap());
    let stranger = elsewhere.write(Actor::system("till"), |w| w.add_contact(NewContact::person("Ana"))).unwrap();
    for form in FORMS {
        let mut out = Vec::new();
        let error = form(&here.access(stranger), &mut out).unwrap_err();
        assert_eq!(error.to_string(), format!("there is no contact {stranger} in this memory"));
        assert!(out.is_empty());
    }
}

/// Ben is connected with Sally, Zara is not; how texts may name them and her.
const OF_BEN: [&str; 9] = [
    "Benedikt",
    "ACHTERBERG's",
    "Achterberg, Benedikt",
    "benedikt achterberg",
    "#BenediktAchterberg",
    "@benachter",
    "ben@achterberg.example",
    "crm-9021",
    "Bénédikt",
];
const OF_ZARA: [&str; 12] = [
    "Zara Quist",
    "ZARA QUIST’s",
    "quist; zara",
    "Zára-Quíst",
    "zaraquist",
    "@zaraq",
    "zara@quist.example",
    "https://twitter.com/zaraq",
    "+44 1632 960123",
    "(01632) 960-123",
    "https://x.com/zaraq/status/17",
    "5 elm row, Bath",
];
const OF_SALLY: [&str; 8] = [
    "Sally Marsh",
    "Marsh",
    "Sally's",
    "@sally_m",
    "sally@mail.example",
    "+44 1632 960001",
    "01632 960001",
    "crm-9020",
];
const BETWEEN: [&str; 12] = [" ", ", ", "\n", "; ", " – ", ": ", " / ", " <b> ", "… ", " 2024 ", " met ", ". "];

/// Sally, about whom a text is noted, with Ben beside her in a link.
fn noted(text: &str) -> (Memory, ContactId) {
    let memory = Memory::options().region("GB".parse().unwrap()).in_memory().unwrap();
    let sally = memory
        .write(Actor::system("till"), |w| {
            let add = |name, handle: &str, email, id| {
                let person = NewContact::person(name).handle(Channel::X, handle).handle(Channel::Email, email);
                person.external_id("crm", id)
            };
            let sally = w.add_contact(add("Sally Marsh", "@sally_m", "sally@mail.example", "crm-9020"))?;
            let ben = w.add_contact(add("Benedikt Achterberg", "@benachter", "ben@achterberg.example", "crm-9021"))?;
            let zara = w.add_contact(add("Zara Quist", "@zaraq", "zara@quist.example", "crm-9022"))?;
            w.add_handle(sally, NewHandle::new(Channel::Phone, "01632 960001"))?;
            w.add_handle(zara, NewHandle::new(Channel::Phone, "+44 1632 960123"))?;
            w.add_handle(zara, NewHandle::new(Channel::Post, "5 Elm Row\nBath"))?;
            w.link(sally, "knows", ben)?;
            w.note(sally, text).save()?;
            Ok(sally)
        })
        .unwrap();
    (memory, sally)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_stands_between_names_others_are_masked_and_the_person_is_not(
        parts in prop::collection::vec((0..3_usize, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..12)
    ) {
        let of: [&[&str]; 3] = [&OF_BEN, &OF_ZARA, &OF_SALLY];
        let parts: Vec<(usize, &str, &str)> =
            parts.iter().map(|(whose, part, between)| (*whose, *part.get(of[*whose]), *between.get(&BETWEEN))).collect();
        let text: String = parts.iter().flat_map(|(_, part, between)| [*part, *between]).chain(["Done"]).collect();
        let (memory, sally) = noted(&text);
        let data = data(&memory.access(sally));
        let told = data["notes"][0]["text"].as_str().unwrap();
        let folded = told.to_lowercase();
        for other in ["achter", "benedikt", "bénédikt", "crm-9021", "quist", "quíst", "zaraq", "960123", "960-123", "elm row"] {
            prop_assert!(!folded.contains(other), "“{}” of {:?} is told in {:?}", other, text, told);
        }
        for (_, own, _) in parts.iter().filter(|(whose, ..)| *whose == 2) {
            prop_assert!(told.contains(own), "“{}” of {:?} is not told in {:?}", own, text, told);
        }
    }
}

/// An output that takes so many bytes, and counts how many it is given at once at most.
struct Narrow {
    left: usize,
    most: usize,
}

impl std::io::Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.most = self.most.max(bytes.len());
        match self.left.checked_sub(bytes.len()) {
            Some(left) => {
                self.left = left;
                Ok(bytes.len())
            }
            None => Err(std::io::Error::other("the stick is full")),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_output_that_fails_is_an_error_in_words() {
    let office = office();
    let why = office.memory.access(office.sally).html(Narrow { left: 100, most: 0 }).unwrap_err().to_string();
    assert_eq!(why, "the file of a subject access: it could not be written: the stick is full");
}

#[test]
fn ten_thousand_notes_are_told_a_few_at_a_time() {
    let memory = Memory::in_memory().unwrap();
    let sally = memory
        .write(Actor::system("till"), |w| {
            let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
            let ben = w.add_contact(NewContact::person("Ben Stein"))?;
            for at in 0..10_000 {
                let note = w.note(sally, format!("Visit {at}: with Ben Stein, who asked for the bill"));
                if at % 10 == 0 {
                    note.about(ben).save()?
                } else {
                    note.save()?
                };
            }
            Ok(sally)
        })
        .unwrap();
    let mut out = Narrow { left: usize::MAX, most: 0 };
    let report = memory.access(sally).json(&mut out).unwrap();
    assert_eq!((report.notes, report.people_masked), (10_000, 1), "{report}");
    assert!(out.most < 1 << 20, "{} bytes were held", out.most);
}

#[test]
fn a_note_to_everybody_tells_how_many_they_were() {
    let memory = Memory::in_memory().unwrap();
    let sally = memory
        .write(Actor::system("till"), |w| {
            let all = (0..100).map(|at| w.add_contact(NewContact::person(format!("Guest{at} Vane{at}"))));
            let all = all.collect::<heirloom::Result<Vec<_>>>()?;
            let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
            all.iter().fold(w.note(sally, "The summer menu; Guest7 Vane7 drew it"), |note, c| note.about(*c)).save()?;
            Ok(sally)
        })
        .unwrap();
    let data = data(&memory.access(sally));
    assert_eq!(data["notes"][0]["also_about"], serde_json::json!(["100 more people"]));
    assert_eq!(data["notes"][0]["text"], "The summer menu; [person 1] drew it");
}

#[test]
fn fields_whose_names_become_one_mask_are_all_told() {
    let memory = Memory::in_memory().unwrap();
    let sally = memory
        .write(Actor::system("till"), |w| {
            let sally = NewContact::person("Sally Marsh");
            let sally = w.add_contact(sally.field("benny", "1").field("Bennie", "2").field("Benno", "3"))?;
            w.add_contact(NewContact::person("X"))?;
            w.note(sally, "Wrote on X").save()?;
            Ok(sally)
        })
        .unwrap();
    let data = data(&memory.access(sally).also_mask(["benny", "bennie", "benno"]));
    let fields = data["person"]["fields"].as_object().unwrap();
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["[masked]", "[masked] (2)", "[masked] (3)"]);
    assert_eq!(data["notes"][0]["text"], "Wrote on X");
}

#[test]
fn namesakes_are_masked_without_a_guess_and_own_names_stay() {
    let memory = Memory::in_memory().unwrap();
    let (sally, text) = memory
        .write(Actor::system("till"), |w| {
            let sally = w.add_contact(NewContact::person("Sally Green"))?;
            let tom = w.add_contact(NewContact::person("Tom Green"))?;
            let other = w.add_contact(NewContact::person("Tom Brown"))?;
            w.link(sally, "spouse", tom)?;
            w.link(sally, "knows", other)?;
            let text =
                "Tom came; Tom Green's tea was brown, Brown left, TOM paid. Sally Green had green tea. Mrs Green too.";
            w.note(sally, text).save().map(|id: NoteId| (sally, id))
        })
        .unwrap();
    let data = data(&memory.access(sally));
    let links = data["person"]["links"].as_array().unwrap();
    let of = |relation| links.iter().find(|l| l["relation"] == relation).unwrap()["other"].as_str().unwrap();
    let (tom, brown) = (of("spouse"), of("knows"));
    assert_eq!(data["notes"][0]["id"], text.to_string());
    assert_eq!(
        data["notes"][0]["text"],
        format!(
            "[another person] came; {tom}'s tea was brown, {brown} left, [another person] paid. Sally Green had green tea. Mrs Green too."
        )
    );
}

#[test]
fn notes_about_others_that_name_the_person_are_counted_and_listed() {
    let memory = Memory::in_memory().unwrap();
    let mia = memory.write(Actor::system("till"), |w| w.add_member(NewMember::new("Mia"))).unwrap();
    let (sally, named) = memory
        .write(&mia, |w| {
            let sally = w.add_contact(NewContact::person("Sally Marsh").handle(Channel::X, "@sal_marsh"))?;
            let ben = w.add_contact(NewContact::person("Ben Stein"))?;
            w.rename_contact(sally, "Sally Whitcomb")?;
            w.note(sally, "Sally Marsh came herself").save()?;
            w.note(ben, "Sally, not she of the marsh").save()?;
            let named = [
                w.note(ben, "Came with Marsh, Sally").save()?,
                w.note(ben, "Wrote to @sal_marsh").save()?,
                w.note(ben, "Dislikes sally whitcomb's dog").private().save()?,
            ];
            Ok((sally, named))
        })
        .unwrap();
    assert_eq!(memory.all_seeing().access(sally).mentions().unwrap(), named);
    assert_eq!(memory.access(sally).mentions().unwrap(), named[..2]);
    for _ in 0..3 {
        // Also once the index has them.
        memory.write(&mia, |w| (0..2_000).try_for_each(|at| w.tag(sally, &format!("t{at}")).map(drop))).unwrap();
        memory.write(&mia, |w| (0..2_000).try_for_each(|at| w.untag(sally, &format!("t{at}")).map(drop))).unwrap();
    }
    assert_eq!(memory.all_seeing().access(sally).mentions().unwrap(), named);
    for (file, report) in written(&memory.all_seeing().access(sally)) {
        assert!(!file.contains("dog"), "{file}");
        assert_eq!((report.left_out.len(), report.left_out[0].count), (1, 3), "{report}");
    }
}

#[test]
fn somebody_who_was_erased_hinders_nothing_and_a_hold_is_told() {
    let office = office();
    let memory = &office.memory;
    memory.write(office.mia, |w| w.hold(office.sally, "case 4711", "Zara Quist sues")).unwrap();
    memory.write(office.mia, |w| w.lift_hold(office.sally, "case 4711", "settled")).unwrap();
    let _ = memory.erase(Actor::system("till"), office.ben, "he asked for it").unwrap();
    for (file, report) in written(&memory.all_seeing().access(office.sally)) {
        assert!(!file.contains(&office.ben.to_string()), "{report}");
        let file = seen(&file);
        assert!(
            file.contains("placed a legal hold") && file.contains("case 4711") && file.contains("] sues"),
            "{file}"
        );
    }
    let _ = memory.erase(Actor::system("till"), office.sally, "she asked for it").unwrap();
    let error = memory.all_seeing().access(office.sally).report().unwrap_err();
    assert!(matches!(error, Error::Erased { .. }), "{error}");
}

#[cfg(feature = "bundle")]
#[test]
fn what_came_with_a_bundle_is_told_with_its_memory_and_who_took_one_in_is_a_recipient() {
    use heirloom::bundle::{Opening, TrustedKeys};
    let office = office();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.zip");
    let _ = office.memory.bundle().receiver("Elsewhere").write(std::fs::File::create(&path).unwrap()).unwrap();
    let elsewhere = Memory::in_memory().unwrap();
    let bag = Opening::new().open(&path).unwrap();
    let arrival = elsewhere.import_bundle(&bag).run(Actor::system("desk")).unwrap();
    let receipt = arrival.receipt().unwrap().to_json();
    let keys = TrustedKeys::parse("").unwrap();
    office.memory.record_receipt(Actor::system("desk"), &receipt, None, &keys).unwrap();

    let here = data(&office.memory.all_seeing().access(office.sally));
    let bundle = here["received_by"].as_array().unwrap().iter().find(|r| r["kind"] == "bundle").unwrap();
    assert_eq!(bundle["recipient"], format!("memory {}", elsewhere.id()));
    assert!(here["changes"][0].get("memory").is_none());
    let there = data(&elsewhere.all_seeing().access(office.sally));
    assert_eq!(there["changes"][0]["memory"], office.memory.id().to_string());
    assert_eq!(there["notes"][0]["memory"], office.memory.id().to_string());
    for (file, report) in written(&elsewhere.all_seeing().access(office.sally)) {
        for other in of_others(&office) {
            assert!(!file.to_lowercase().contains(&other.to_lowercase()), "“{other}” is told:\n{report}");
        }
    }
}

#[test]
fn a_private_note_that_is_handed_on_tells_no_member() {
    let office = office();
    let memory = &office.memory;
    let note = memory.write(office.tom, |w| w.note(office.sally, "Owes rent").private().save()).unwrap();
    memory.write(office.tom, |w| w.release_note(note, office.mia, Some("Mia looks after her"))).unwrap();
    let data = data(&memory.all_seeing().access(office.sally));
    let told = data["notes"].as_array().unwrap().iter().find(|n| n["text"] == "Owes rent").unwrap();
    assert!(told["changes"][0]["what"].as_str().unwrap().starts_with("let [member "), "{told}");
    assert!(told["changes"][0]["why"].as_str().unwrap().ends_with("] looks after her"), "{told}");
}

#[test]
fn promises_to_others_and_facts_of_others_that_name_the_person_are_counted_as_left_out() {
    let memory = Memory::in_memory().unwrap();
    let mia = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Mia Okafor"))).unwrap();
    let sally = memory
        .write(&mia, |w| {
            let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
            let ben = w.add_contact(NewContact::person("Ben Stein"))?;
            w.follow_up(ben, "Tell Sally Marsh why she got no table").save()?;
            w.follow_up(sally, "Give Sally Marsh a table").save()?;
            w.set_field(ben, "spouse", Some("Sally Marsh"))?;
            w.set_field(sally, "spouse", Some("Sally Marsh and Ben Stein"))?;
            Ok(sally)
        })
        .unwrap();
    let report = memory.all_seeing().access(sally).report().unwrap();
    let told: Vec<(&str, u64)> = report.left_out.iter().map(|left| (left.what.as_str(), left.count)).collect();
    assert_eq!(
        told,
        [
            ("promises to others that name the person, which are not in this file", 1),
            ("facts of others that name the person, which are not in this file", 1),
        ]
    );
}
