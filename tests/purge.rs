//! What is deleted once it was handed over, what stays and why, and what the certificate says of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::io::Cursor;
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use heirloom::bundle::{Bag, Opening, SignatureCheck, SigningKey, TrustedKeys};
use heirloom::{
    Actor, Certificate, Channel, ContactId, Error, Ground, Member, Memory, NewAttachment, NewContact, NewMember,
    NoteId, Purge, PurgePreview, Role, StoreCovered,
};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};
use tempfile::TempDir;

const INSTRUCTION: &str = "contract of 2024, clause 10: delete after return";

fn key(seed: u8) -> (SigningKey, TrustedKeys) {
    let pair = Ed25519Keypair::from_seed(&[seed; 32]);
    let key = PrivateKey::new(KeypairData::Ed25519(pair), "eva@corner-table.example").unwrap();
    let keys = TrustedKeys::parse(&key.public_key().to_openssh().unwrap()).unwrap();
    (SigningKey::from_openssh(key.to_openssh(LineEnding::LF).unwrap()).unwrap(), keys)
}

/// The agency's memory, from which three guests go to the client's.
struct Scene {
    dir: TempDir,
    agency: Memory,
    client: Memory,
    tom: Member,
    sally: ContactId,
    ben: ContactId,
    cem: ContactId,
}

fn scene() -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let at: DateTime<Utc> = Utc.with_ymd_and_hms(2026, 3, 31, 9, 0, 0).unwrap();
    let options = Memory::options().clock(move || at).patience(Duration::from_millis(200));
    let agency = options.open(dir.path().join("agency.heirloom")).unwrap();
    let client = Memory::options().clock(move || at).in_memory().unwrap();
    let tom = agency.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Tom Okoro"))).unwrap();
    let [sally, ben, cem] = agency
        .write(&tom, |w| {
            let sally = w.add_contact(
                NewContact::person("Sally Marsh").handle(Channel::Email, "sally@mail.example").tag("weightwatcher"),
            )?;
            let ben = w.add_contact(NewContact::person("Ben Itoyama"))?;
            let cem = w.add_contact(NewContact::person("Cem Demirel"))?;
            for contact in [sally, ben, cem] {
                w.assign(contact, &tom, Role::Owner)?;
            }
            let tart = NewAttachment::new("lemontart.txt", "text/plain", "recipe of the lemontart");
            w.note(sally, "Stops by at her weekly goal").insight().attach(tart).save()?;
            w.note_about(&[sally, ben], "Donated bottles together")?.save()?;
            w.note(cem, "Prefers the terrace").save()?;
            w.follow_up(sally, "Send the summermenu").save()?;
            Ok([sally, ben, cem])
        })
        .unwrap();
    Scene { dir, agency, client, tom, sally, ben, cem }
}

impl Scene {
    fn pack(&self) -> Bag {
        self.pack_of([self.sally, self.ben, self.cem])
    }

    fn pack_of<const N: usize>(&self, contacts: [ContactId; N]) -> Bag {
        opened(|zip| drop(self.agency.bundle().of(contacts).sender("The Agency").write(zip).unwrap()))
    }

    /// The client takes the bundle in, and the agency records the receipt.
    fn hand_over(&self, bag: &Bag) {
        let (eva, keys) = key(7);
        let receipt = self.client.import_bundle(bag).run(Actor::system("office")).unwrap().receipt().unwrap();
        let signature = receipt.sign(&eva).unwrap().to_string();
        self.agency.record_receipt(&self.tom, &receipt.to_json(), Some(&signature), &keys).unwrap();
    }

    fn purge<'m>(&'m self, bag: &'m Bag) -> Purge<'m> {
        self.agency.purge(bag, INSTRUCTION)
    }

    fn run(&self, purge: &Purge<'_>) -> Certificate {
        purge.run(&self.tom, &purge.preview().unwrap()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let page = self.agency.contacts(None, 100).unwrap();
        page.contacts.iter().map(ToString::to_string).collect()
    }
}

fn refused<T: std::fmt::Debug>(done: heirloom::Result<T>) -> String {
    match done {
        Err(Error::Refused(why)) => why,
        other => panic!("it was not refused: {other:?}"),
    }
}

fn going(preview: &PurgePreview) -> Vec<&str> {
    preview.contacts.iter().map(|contact| contact.name.as_str()).collect()
}

fn kept(preview: &PurgePreview) -> Vec<(&str, bool, u64, u64, &str)> {
    let line = |kept: &'_ heirloom::PurgeKept| (kept.contact_stays, kept.notes, kept.follow_ups);
    let lines = preview.kept.iter().map(|kept| {
        let (contact, notes, follow_ups) = line(kept);
        (kept.contact.name.as_str(), contact, notes, follow_ups, kept.why.as_str())
    });
    lines.collect()
}

const NEWER: &str = "changed since the bundle was packed, so not handed over: an increment comes first";
const WITHHELD: &str = "withheld from the bundle, at least in part, so not handed over";

#[test]
fn what_was_handed_over_is_deleted_to_the_last_word_and_the_receiver_keeps_it() {
    let scene = scene();
    let bag = scene.pack();
    scene.hand_over(&bag);
    let before = scene.agency.head().unwrap();
    let certificate = scene.run(&scene.purge(&bag).approved_by("Ana Costa"));
    assert_eq!(scene.names(), Vec::<String>::new());
    assert_eq!(certificate.deleted.contacts, 3);
    assert_eq!((certificate.deleted.notes, certificate.deleted.follow_ups, certificate.deleted.withheld), (3, 1, 0));
    let after = certificate.after.unwrap();
    assert_eq!((after.contacts, after.notes, after.follow_ups, after.attachments), (0, 0, 0, 0));
    assert_eq!(certificate.before.contacts, 3);
    assert!(certificate.checks.iter().all(|check| check.passed), "{certificate}");
    assert!(scene.agency.verify_against(before).unwrap().is_sound());
    assert_eq!(scene.client.count_contacts().unwrap(), 3);
    assert_eq!(scene.client.follow_ups(scene.sally).unwrap().len(), 1);

    let words = [
        "Sally",
        "Marsh",
        "sally@mail",
        "weightwatcher",
        "Itoyama",
        "Demirel",
        "lemontart",
        "weekly goal",
        "bottles",
        "terrace",
        "summermenu",
    ];
    let (json, text) = (certificate.to_json(), certificate.to_string());
    drop(scene.agency);
    for file in std::fs::read_dir(scene.dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for word in words {
            let [bytes, folded] = [bytes.clone(), bytes.to_ascii_lowercase()];
            assert!(!find(&bytes, word.as_bytes()) && !find(&folded, word.to_lowercase().as_bytes()), "{word} is left");
        }
    }
    for word in words {
        assert!(!json.contains(word) && !text.contains(word), "the certificate says {word}");
    }
    for id in [scene.sally, scene.ben, scene.cem] {
        assert!(!json.contains(&id.to_string()), "the certificate has the id of a contact");
    }
}

/// A text with every break of a line as a space.
fn on_one_line(text: impl ToString) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn find(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

#[test]
fn nothing_is_deleted_before_the_receipt_is_recorded_and_signed() {
    let scene = scene();
    let bag = scene.pack();
    let why = refused(scene.purge(&bag).preview());
    assert!(why.starts_with("no receipt of the bundle handoff.zip is recorded"), "{why}");
    let receipt = scene.client.import_bundle(&bag).run(Actor::system("office")).unwrap().receipt().unwrap();
    scene.agency.record_receipt(&scene.tom, &receipt.to_json(), None, &TrustedKeys::default()).unwrap();
    let why = refused(scene.purge(&bag).preview());
    assert!(why.starts_with("nobody signed the receipt of the bundle handoff.zip"), "{why}");
    assert_eq!(scene.run(&scene.purge(&bag).unsigned_receipt_is_enough()).returned[0].signed_by, None);
}

#[test]
fn what_changed_since_stays_until_an_increment_is_handed_over() {
    let scene = scene();
    let first = scene.pack();
    let head = scene.agency.head().unwrap();
    scene.hand_over(&first);
    scene
        .agency
        .write(&scene.tom, |w| {
            w.tag(scene.ben, "vip")?;
            w.note(scene.cem, "Came with his sister").save()
        })
        .unwrap();
    let preview = scene.purge(&first).preview().unwrap();
    assert_eq!(going(&preview), ["Sally Marsh"]);
    assert_eq!(kept(&preview), [("Ben Itoyama", true, 0, 0, NEWER), ("Cem Demirel", true, 0, 0, NEWER)]);
    let certificate = scene.run(&scene.purge(&first));
    assert_eq!((certificate.deleted.contacts, certificate.deleted.notes), (1, 3));
    assert_eq!(scene.names(), ["Ben Itoyama", "Cem Demirel"]);
    assert!(certificate.accounts_for([scene.sally, scene.ben, scene.cem]));

    let mut zip = Vec::new();
    let _ = scene.agency.bundle().of([scene.ben, scene.cem]).since(head).write(&mut zip).unwrap();
    let second = Opening::new().open_reader("increment.zip", Cursor::new(zip)).unwrap();
    scene.hand_over(&second);
    let certificate = scene.run(&scene.purge(&first).and(&second));
    assert_eq!((certificate.deleted.contacts, certificate.returned.len()), (2, 2));
    assert_eq!(scene.names(), Vec::<String>::new());
    let client = &scene.client;
    assert_eq!((client.count_contacts().unwrap(), client.timeline(scene.sally, None, 10).unwrap().notes.len()), (3, 2));
    assert_eq!(client.contact(scene.ben).unwrap().tags, ["vip"]);
    assert_eq!(scene.agency.certificates().unwrap().len(), 2);
}

#[test]
fn what_is_held_or_kept_on_a_ground_stays_with_all_that_is_shared_with_it() {
    let scene = scene();
    scene.agency.write(&scene.tom, |w| w.hold(scene.ben, "matter 2026-17", "a claim about Ben Itoyama")).unwrap();
    let bag = scene.pack();
    scene.hand_over(&bag);
    let ground = Ground::new("tax law, ten years").owned_by("Finance").reviewed_on("2036-01-01".parse().unwrap());
    let purge = scene.purge(&bag).keeping([scene.cem], ground);
    let preview = purge.preview().unwrap();
    assert_eq!(going(&preview), Vec::<&str>::new());
    let held = "under a legal hold: matter 2026-17, since 2026-03-31, placed by Tom Okoro";
    assert_eq!(
        kept(&preview),
        [
            ("Ben Itoyama", true, 0, 0, held),
            ("Cem Demirel", true, 1, 0, "tax law, ten years"),
            ("Sally Marsh", true, 1, 0, "shares a note with somebody under a legal hold"),
        ]
    );
    assert_eq!((preview.notes, preview.follow_ups), (1, 1));
    let certificate = purge.run(&scene.tom, &preview).unwrap();
    let text = on_one_line(&certificate);
    assert!(text.contains("2 contacts, 1 note, 0 promises: legal hold"), "{text}");
    assert!(
        text.contains(
            "1 contact, 1 note, 0 promises: tax law, ten years, owned by Finance, to be reviewed on 2036-01-01"
        ),
        "{text}"
    );
    assert!(!text.contains("2026-17") && !text.contains("Itoyama"), "a matter may have a name in it: {text}");
    assert_eq!(scene.names().len(), 3);
    assert!(scene.agency.verify().unwrap().is_sound());
}

#[test]
fn who_is_linked_to_somebody_held_stays() {
    let scene = scene();
    scene
        .agency
        .write(&scene.tom, |w| {
            w.link(scene.cem, "neighbour", scene.ben)?;
            w.hold(scene.ben, "matter 2026-17", "a claim")
        })
        .unwrap();
    let bag = scene.pack();
    scene.hand_over(&bag);
    let preview = scene.purge(&bag).preview().unwrap();
    assert_eq!(kept(&preview)[1], ("Cem Demirel", true, 0, 0, "is linked to somebody under a legal hold"));
    let certificate = scene.run(&scene.purge(&bag));
    assert_eq!((certificate.deleted.contacts, certificate.deleted.notes), (0, 2));
    assert_eq!(scene.agency.contact(scene.cem).unwrap().links.len(), 1);
}

#[test]
fn what_was_withheld_stays_and_keeps_its_contact_unless_that_is_asked_for() {
    let scene = scene();
    let secret: NoteId =
        scene.agency.write(&scene.tom, |w| w.note(scene.cem, "His operation").private().save()).unwrap();
    let outside = scene.agency.write(&scene.tom, |w| {
        let dora = w.add_contact(NewContact::person("Dora Outside"))?;
        w.note_about(&[scene.ben, dora], "Sang together")?.save()?;
        Ok(dora)
    });
    let bag = scene.pack();
    scene.hand_over(&bag);
    let preview = scene.purge(&bag).preview().unwrap();
    assert_eq!(going(&preview), ["Sally Marsh"]);
    assert_eq!(kept(&preview), [("Ben Itoyama", true, 0, 0, WITHHELD), ("Cem Demirel", true, 0, 0, WITHHELD)]);

    assert!(preview.to_string().contains("What was withheld goes too by with_what_was_withheld"), "{preview}");

    let purge = scene.purge(&bag).with_what_was_withheld();
    let preview = purge.preview().unwrap();
    assert_eq!((going(&preview).len(), preview.notes, preview.withheld), (3, 5, 2));
    assert!(!preview.to_string().contains("goes too"), "{preview}");
    assert!(
        preview.to_string().contains("2 of these had been withheld, whole or in part: nobody will have that"),
        "{preview}"
    );
    let certificate = purge.run(&scene.tom, &preview).unwrap();
    assert_eq!((certificate.deleted.withheld, certificate.after.unwrap().notes), (2, 0));
    assert!(scene.agency.all_seeing().note(secret).is_err());
    assert_eq!(scene.agency.contact(outside.unwrap()).unwrap().name, "Dora Outside");
}

#[test]
fn a_contact_whom_nobody_handed_over_stays() {
    let scene = scene();
    let bag = scene.pack_of([scene.cem]);
    scene.hand_over(&bag);
    let certificate = scene.run(&scene.purge(&bag));
    assert_eq!(scene.names(), ["Sally Marsh", "Ben Itoyama"]);
    assert!(certificate.accounts_for([scene.cem]));
    assert!(!certificate.accounts_for([scene.cem, scene.ben]) && !certificate.accounts_for([scene.ben]));
}

#[test]
fn nothing_is_deleted_when_something_else_would_go_than_the_preview_shows() {
    let scene = scene();
    let bag = scene.pack();
    scene.hand_over(&bag);
    let purge = scene.purge(&bag);
    let preview = purge.preview().unwrap();
    scene.agency.write(&scene.tom, |w| w.hold(scene.cem, "matter 1", "a claim")).unwrap();
    let why = refused(purge.run(&scene.tom, &preview));
    assert!(why.contains("the memory changed since the preview"), "{why}");
    assert_eq!((scene.names().len(), scene.agency.certificates().unwrap().len()), (3, 0));
}

#[test]
fn a_bundle_of_another_memory_and_words_with_a_name_in_them_are_refused() {
    let scene = scene();
    let bag = scene.pack();
    scene.hand_over(&bag);
    let why = refused(scene.client.purge(&bag, INSTRUCTION).preview());
    assert!(why.contains("no receipt"), "{why}");
    for purge in [
        scene.agency.purge(&bag, "sally marsh asked for it"),
        scene.agency.purge(&bag, "as Sally@mail.example asked"),
        scene.purge(&bag).elsewhere(StoreCovered::new("the letters of Ben  ItoyamA", "shredded")),
    ] {
        let error = purge.preview().unwrap_err().to_string();
        assert!(error.contains("they have the name or an address of somebody who is deleted"), "{error}");
    }
    assert!(scene.agency.purge(&bag, "as Sally Marshall of the client asked").preview().is_ok(), "she is another");
    for purge in [scene.agency.purge(&bag, " "), scene.purge(&bag).keeping([scene.cem], "")] {
        assert!(matches!(purge.preview().unwrap_err(), Error::Invalid { .. }));
    }
    let agent = scene.purge(&bag);
    let why = refused(agent.run(Actor::agent("tidy"), &agent.preview().unwrap()));
    assert!(why.contains("an agent or an import cannot"), "{why}");
}

#[test]
fn a_certificate_is_complete_when_everything_is_deleted_everywhere_and_checked() {
    let scene = scene();
    let bag = scene.pack();
    scene.hand_over(&bag);
    let backups =
        StoreCovered::new("backups", "nightly snapshots are overwritten").gone_by("2026-05-01".parse().unwrap());
    let certificate = scene.run(
        &scene
            .purge(&bag)
            .elsewhere(backups)
            .elsewhere(StoreCovered::new("exports and bundles", "handoff.zip was deleted"))
            .elsewhere(StoreCovered::new("sub-processors", "there are none")),
    );
    assert!(certificate.is_complete(), "{certificate}");
    let text = on_one_line(&certificate);
    assert!(
        text.contains("backups: deleted, gone by 2026-05-01: nightly snapshots are overwritten (said by operator)"),
        "{text}"
    );
    assert!(!text.contains("NOT"), "{text}");
    assert_eq!(scene.agency.certificates().unwrap(), std::slice::from_ref(&certificate));
    assert_eq!(Certificate::parse(&certificate.to_json()).unwrap(), certificate);
}

#[test]
fn a_certificate_says_what_nobody_said_and_what_could_not_be_done_yet() {
    let scene = scene();
    let bag = scene.pack();
    scene.hand_over(&bag);
    let certificate = scene.run(&scene.purge(&bag));
    assert!(!certificate.is_complete());
    let text = on_one_line(&certificate);
    for line in [
        "NOT COMPLETE: see the stores and the checks",
        "backups: NOT COVERED: heirloom does not see it, and nothing was said of it",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn the_signature_of_a_certificate_covers_it_and_no_other_purpose() {
    let scene = scene();
    let bag = scene.pack();
    scene.hand_over(&bag);
    let certificate = scene.run(&scene.purge(&bag));
    let (tom, keys) = key(9);
    let (json, signature) = (certificate.to_json(), certificate.sign(&tom).unwrap().to_string());
    let said = |json: &str| Certificate::signature(json, &signature, &keys, Utc::now());
    assert!(matches!(said(&json), SignatureCheck::Trusted { .. }), "{}", said(&json));
    assert!(matches!(said(&json.replace("\"contacts\": 3", "\"contacts\": 4")), SignatureCheck::Broken { .. }));
    assert!(certificate.sign(&tom).unwrap().to_string() == signature);
}

#[test]
fn who_received_what_was_purged_can_send_it_back() {
    let scene = scene();
    let bag = scene.pack();
    scene.hand_over(&bag);
    let told = |memory: &Memory| {
        [scene.sally, scene.ben, scene.cem].map(|id| memory.brief(id).unwrap().to_string() + &history(memory, id))
    };
    let before = told(&scene.agency);
    scene.run(&scene.purge(&bag));
    let entry = history(&scene.agency, scene.sally);
    assert!(entry.contains("(handed over, and deleted here after that)"), "{entry}");
    assert!(matches!(scene.agency.contact(scene.sally), Err(Error::Erased { .. })));

    let send_back = || {
        let back = opened(|zip| drop(scene.client.bundle().write(zip).unwrap()));
        let _ = scene.agency.import_bundle(&back).run(&scene.tom).unwrap();
        assert!(scene.agency.verify().unwrap().is_sound());
    };
    send_back();
    assert_eq!(told(&scene.agency), before);
    assert!(!scene.agency.search("lemon tart terrace").run().unwrap().is_empty());

    // Also with what was added to it there.
    scene.run(&scene.purge(&bag));
    scene.client.write(Actor::system("desk"), |w| w.note(scene.sally, "Asked for the terrace").save()).unwrap();
    send_back();
    assert!(scene.agency.brief(scene.sally).unwrap().to_string().contains("Asked for the terrace"));
}

#[test]
fn what_was_purged_comes_back_also_with_a_bundle_that_has_only_a_part_of_it() {
    let scene = scene();
    let line = r#"{"contact": {"id": "1", "name": "Ruth Imported"}}"#;
    let _ = scene.agency.import("crm").by(&scene.tom).json_lines(line.as_bytes()).unwrap();
    let ruth = scene.agency.by_external_id("crm", "1").unwrap().unwrap().id;
    scene
        .agency
        .write(&scene.tom, |w| {
            w.assign(ruth, &scene.tom, Role::Owner)?;
            w.follow_up(ruth, "Send the menu").save()
        })
        .unwrap();
    let bag = scene.pack_of([ruth]); // the line that was read stays behind
    scene.hand_over(&bag);
    let back = opened(|zip| drop(scene.client.bundle().write(zip).unwrap()));
    for bag_of_ruth in [&back, &bag] {
        scene.run(&scene.purge(&bag).with_what_was_withheld());
        assert!(scene.agency.contact(ruth).is_err());
        let _ = scene.agency.import_bundle(bag_of_ruth).run(&scene.tom).unwrap();
        let brief = scene.agency.brief(ruth).unwrap().to_string();
        assert!(brief.contains("Ruth Imported") && brief.contains("Send the menu"), "{brief}");
        assert!(scene.agency.verify().unwrap().is_sound());
    }
}

fn history(memory: &Memory, contact: ContactId) -> String {
    memory.history(contact).unwrap().iter().map(|entry| format!("{entry}\n")).collect()
}

#[test]
fn what_was_purged_is_found_neither_in_tables_nor_after_they_are_put_together_anew() {
    let scene = scene();
    let bag = scene.pack_of([scene.sally, scene.ben]);
    scene.hand_over(&bag);
    scene.run(&scene.purge(&bag));
    scene.agency.rebuild().unwrap();
    assert_eq!(scene.names(), ["Cem Demirel"]);
    assert!(scene.agency.search("weekly goal bottles").run().unwrap().is_empty());
    assert!(scene.agency.verify().unwrap().is_sound());
    let mut zip = Vec::new();
    let _ = scene.agency.bundle().write(&mut zip).unwrap();
    let bundle = Opening::new().open_reader("later.zip", Cursor::new(zip)).unwrap();
    let fresh = Memory::in_memory().unwrap();
    let _ = fresh.import_bundle(&bundle).run(Actor::system("office")).unwrap();
    assert_eq!(fresh.count_contacts().unwrap(), 1);
    let _ = scene.client.import_bundle(&bundle).run(Actor::system("office")).unwrap();
    assert_eq!(scene.client.count_contacts().unwrap(), 3, "the receiver lost what it was given");
}

#[test]
fn what_could_not_be_scrubbed_while_somebody_read_is_certified_later() {
    let scene = scene();
    let bag = scene.pack();
    scene.hand_over(&bag);
    let purge = scene.purge(&bag);
    let preview = purge.preview().unwrap();
    let reader = Memory::open(scene.agency.path().unwrap()).unwrap();
    let certificate = reader
        .read(|view| {
            view.count_contacts()?;
            Ok(purge.run(&scene.tom, &preview).unwrap())
        })
        .unwrap();
    let scrubbed = |certificate: &Certificate| {
        let log = certificate.stores.iter().find(|store| store.store == "freed pages and write-ahead log").unwrap();
        log.covered
    };
    assert!(!scrubbed(&certificate) && !certificate.is_complete(), "{certificate}");
    assert_eq!(certificate.after.unwrap().contacts, 0, "it is deleted all the same");
    scene.agency.write(&scene.tom, |w| w.add_contact(NewContact::person("Ada Quill"))).unwrap();
    let later = scene.agency.certify(&scene.tom, certificate.id).unwrap();
    assert!(scrubbed(&later), "{later}");
    assert_eq!((later.id, later.deleted.clone()), (certificate.id, certificate.deleted));
    assert_eq!(later.after, certificate.after, "what was added since is counted as left behind the deletion");
    assert_eq!(scene.agency.certificates().unwrap(), [later]);
    let unknown = scene.agency.certify(&scene.tom, heirloom::uuid::Uuid::nil()).unwrap_err();
    assert_eq!(unknown.to_string(), "there is no certificate 00000000-0000-0000-0000-000000000000 in this memory");
}

#[test]
fn what_was_handed_over_in_part_is_not_handed_over() {
    let scene = scene();
    let line = r#"{"contact": {"id": "1", "name": "Ruth Imported"}}"#;
    let report = scene.agency.import("crm").by(&scene.tom).json_lines(line.as_bytes()).unwrap();
    assert_eq!(report.contacts_added, 1, "{report}");
    let ruth = scene.agency.by_external_id("crm", "1").unwrap().unwrap().id;
    let bag = scene.pack_of([scene.cem, ruth]); // the line that was read stays behind
    scene.hand_over(&bag);
    let preview = scene.purge(&bag).preview().unwrap();
    assert_eq!(going(&preview), ["Cem Demirel"]);
    assert_eq!(kept(&preview), [("Ruth Imported", true, 0, 0, WITHHELD)]);
    let preview = scene.purge(&bag).with_what_was_withheld().preview().unwrap();
    assert_eq!((going(&preview).len(), preview.withheld), (2, 1));
}

#[test]
fn attachments_that_no_bundle_carried_stay_with_what_they_are_attached_to() {
    let scene = scene();
    let all = [scene.sally, scene.ben, scene.cem];
    let bag = opened(|zip| drop(scene.agency.bundle().of(all).without_attachments().write(zip).unwrap()));
    scene.hand_over(&bag);
    let preview = scene.purge(&bag).preview().unwrap();
    assert_eq!(going(&preview), ["Ben Itoyama", "Cem Demirel"]);
    assert_eq!(kept(&preview), [("Sally Marsh", true, 1, 0, WITHHELD)]);
    scene.run(&scene.purge(&bag));
    let notes = scene.agency.timeline(scene.sally, None, 9).unwrap().notes;
    let mut tarts = notes.iter().flat_map(|note| scene.agency.note_attachments(note.id).unwrap());
    let tart = tarts.next().unwrap();
    assert_eq!(scene.agency.attachment_bytes(&tart).unwrap(), b"recipe of the lemontart");

    // The bundle that has them hands them over.
    let whole = scene.pack();
    scene.hand_over(&whole);
    let certificate = scene.run(&scene.purge(&bag).and(&whole));
    assert_eq!((certificate.deleted.withheld, certificate.after.unwrap().attachments), (0, 0));
}

#[test]
fn what_stays_is_what_was_not_handed_over_and_not_as_much_of_it() {
    let scene = scene();
    scene
        .agency
        .write(&scene.tom, |w| {
            w.link(scene.sally, "sister", scene.ben)?;
            w.link(scene.sally, "neighbour", scene.cem)
        })
        .unwrap();
    let bag = scene.pack_of([scene.sally, scene.ben]); // whose neighbour she is stays behind
    scene.hand_over(&bag);
    let _ = scene.agency.erase(&scene.tom, scene.ben, "case 7").unwrap(); // whose sister she is goes
    assert_eq!(kept(&scene.purge(&bag).preview().unwrap()), [("Sally Marsh", true, 0, 0, WITHHELD)]);
}

#[test]
fn what_came_in_part_is_handed_over_by_a_bundle_with_that_part() {
    let scene = scene();
    let line = r#"{"contact": {"id": "1", "name": "Ruth Imported"}}"#;
    let _ = scene.agency.import("crm").by(&scene.tom).json_lines(line.as_bytes()).unwrap();
    let ruth = scene.agency.by_external_id("crm", "1").unwrap().unwrap().id;
    scene.hand_over(&scene.pack_of([scene.cem, ruth])); // the line that was read stays behind
    let third = Memory::in_memory().unwrap();
    let bag = hand_on(&scene.client, &third);
    let desk = Actor::system("desk");
    let purge = scene.client.purge(&bag, INSTRUCTION);
    let preview = purge.preview().unwrap();
    assert_eq!((going(&preview), kept(&preview)), (vec!["Cem Demirel", "Ruth Imported"], vec![]));
    let certificate = purge.run(&desk, &preview).unwrap();
    assert_eq!(certificate.deleted.withheld, 0);
}

#[test]
fn what_never_came_here_can_still_come_after_a_purge() {
    let scene = scene();
    scene.agency.write(&scene.tom, |w| w.link(scene.sally, "neighbour", scene.cem)).unwrap();
    scene.hand_over(&scene.pack_of([scene.sally, scene.ben])); // whose neighbour she is stays behind
    let bag = hand_on(&scene.client, &Memory::in_memory().unwrap());
    let purge = scene.client.purge(&bag, INSTRUCTION);
    let certificate = purge.run(Actor::system("desk"), &purge.preview().unwrap()).unwrap();
    assert_eq!(certificate.after.unwrap().contacts, 0);

    let whole = opened(|zip| drop(scene.agency.bundle().write(zip).unwrap()));
    let _ = scene.client.import_bundle(&whole).run(Actor::system("office")).unwrap();
    let links = scene.client.contact(scene.sally).unwrap().links;
    assert_eq!(links.iter().map(|link| link.relation.as_str()).collect::<Vec<_>>(), ["neighbour"]);
    assert!(scene.client.verify().unwrap().is_sound());
}

/// Packs a bundle and opens it.
fn opened(pack: impl FnOnce(&mut Vec<u8>)) -> Bag {
    let mut zip = Vec::new();
    pack(&mut zip);
    Opening::new().open_reader("handoff.zip", Cursor::new(zip)).unwrap()
}

/// Hands all of one memory on to another, which sends a signed receipt.
fn hand_on(from: &Memory, to: &Memory) -> Bag {
    let bag = opened(|zip| drop(from.bundle().write(zip).unwrap()));
    let (eva, keys) = key(9);
    let receipt = to.import_bundle(&bag).run(Actor::system("office")).unwrap().receipt().unwrap();
    let signature = receipt.sign(&eva).unwrap().to_string();
    from.record_receipt(Actor::system("desk"), &receipt.to_json(), Some(&signature), &keys).unwrap();
    bag
}
