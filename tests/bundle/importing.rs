//! A bundle goes from memory to memory, and its receipt comes back.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use heirloom::bundle::{
    Arrival, Bag, BundleReceipt, Opening, RECEIPT_NAMESPACE, Signature, Signer, SigningKey, ToDecide, TrustedKeys,
};
use heirloom::chrono::DateTime;
use heirloom::{Actor, ContactId, Error, Member, Memory, NewContact, NewMember, Role};

use crate::craft::Kit;
use crate::signing::{PUBLIC, key, text};

fn host() -> Actor {
    Actor::system("office")
}

/// A memory in which Ana looks after Sally.
fn agency() -> (Memory, ContactId) {
    let memory = Memory::in_memory().unwrap();
    let sally = memory.write(host(), |w| {
        let ana = w.add_member(NewMember::new("Ana Costa"))?;
        let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
        w.assign(sally, &ana, Role::Owner)?;
        w.note(sally, "Likes lemon tart").insight().save()?;
        Ok(sally)
    });
    (memory, sally.unwrap())
}

fn ana(agency: &Memory) -> Member {
    agency.members_called("Ana Costa").unwrap().remove(0)
}

fn packed(memory: &Memory, signer: Option<&dyn Signer>, since: Option<heirloom::Head>) -> Bag {
    let bundle = memory.bundle().sender("The Agency").title("Corner Table");
    let bundle = signer.into_iter().fold(bundle, |bundle, signer| bundle.sign(signer));
    let bundle = since.into_iter().fold(bundle, |bundle, head| bundle.since(head));
    let mut zip = Vec::new();
    let report = bundle.write(&mut zip).unwrap();
    assert_eq!(report.signed, signer.is_some());
    Opening::new().open_reader("handoff.zip", Cursor::new(zip)).unwrap()
}

fn taken_in(memory: &Memory, bag: &Bag) -> Arrival {
    memory.import_bundle(bag).run(host()).unwrap()
}

fn refused<T>(result: Result<T, Error>, words: &str) {
    let said = result.map(|_| ()).expect_err(words).to_string();
    assert!(said.contains(words), "expected “{words}”, was told “{said}”");
}

/// A receipt with its signature, as they come back.
fn receipt(arrival: &Arrival, key: &SigningKey) -> (String, String) {
    let receipt = arrival.receipt().unwrap();
    (receipt.to_json(), receipt.sign(key).unwrap().to_string())
}

#[test]
fn a_bundle_is_taken_in_from_who_is_expected_and_from_nobody_else() {
    let (agency, sally) = agency();
    let ours = TrustedKeys::parse(PUBLIC).unwrap();
    let other = SigningKey::from_openssh(text(8)).unwrap();
    let client = Memory::in_memory().unwrap();
    let head = client.head().unwrap();
    for (bag, words) in [
        (packed(&agency, None, None), "handoff.zip: not signed; ask the sender"),
        (packed(&agency, Some(&other), None), "handoff.zip: signed by an unknown key SHA256:"),
    ] {
        refused(client.import_bundle(&bag).expect_signature(&ours).run(host()), words);
        refused(client.import_bundle(&bag).expect_signature(&ours).preview(), words);
    }
    let expired = TrustedKeys::parse(&format!("tom valid-before=\"20200101Z\" {}", blob())).unwrap();
    let bag = packed(&agency, Some(&key()), None);
    refused(client.import_bundle(&bag).expect_signature(&expired).run(host()), "but it expired on 2020-01-01");
    assert_eq!(client.head().unwrap(), head);

    // Unless one is expected, the report says whose signature it is.
    let told = client.import_bundle(&bag).preview().unwrap().to_string();
    assert!(told.contains(&format!("signed by an unknown key {}", key().fingerprint())), "{told}");
    let told = client.import_bundle(&packed(&agency, None, None)).preview().unwrap().to_string();
    assert!(told.starts_with("Corner Table of The Agency, not signed\n"), "{told}");

    let arrival = client.import_bundle(&bag).expect_signature(&ours).run(host()).unwrap();
    assert_eq!(arrival.signed_by, Some(key().fingerprint()));
    assert_eq!(arrival.receipt().unwrap().signed_by, Some(key().fingerprint()));
    assert_eq!(client.contact(sally).unwrap().name, "Sally Marsh");
    assert!(client.verify().unwrap().is_sound());
}

fn blob() -> &'static str {
    PUBLIC.strip_suffix(" tom@agency.example").unwrap()
}

#[test]
fn progress_is_told_up_to_the_last_entry() {
    let (agency, _) = agency();
    agency
        .write(host(), |w| (0..2_500).try_for_each(|n| w.add_contact(NewContact::person(format!("P{n}"))).map(drop)))
        .unwrap();
    let bag = packed(&agency, None, None);
    let mut told = Vec::new();
    let client = Memory::in_memory().unwrap();
    let arrival = client.import_bundle(&bag).progress(|so_far| told.push((so_far.entries, so_far.of))).run(host());
    let all = arrival.unwrap().entries.new;
    assert_eq!(told, [(1_000, all), (2_000, all), (all, all)]);
}

#[test]
fn a_receipt_goes_back_and_the_next_bundle_goes_on_from_it() {
    let (agency, sally) = agency();
    let keys = TrustedKeys::parse(PUBLIC).unwrap();
    let client = Memory::in_memory().unwrap();
    let arrival = taken_in(&client, &packed(&agency, None, None));
    refused(
        client.import_bundle(&packed(&agency, None, None)).preview().unwrap().receipt(),
        "a preview takes nothing in, so there is no receipt",
    );
    let (json, signature) = receipt(&arrival, &key());
    assert_eq!(arrival.receipt().unwrap().to_json(), json, "one import has two receipts");

    let recorded = agency.record_receipt(host(), &json, Some(&signature), &keys).unwrap();
    assert_eq!((recorded.receiver, recorded.received), (client.id(), client.head().unwrap()));
    let head = agency.head().unwrap();
    agency.record_receipt(host(), &json, Some(&signature), &keys).unwrap();
    assert_eq!(agency.head().unwrap(), head, "a second time recorded it again");

    let [known] = &agency.receipts().unwrap()[..] else { panic!("not one receipt") };
    assert_eq!((known.signed_by.as_ref(), &known.recorded_by), (Some(&key().fingerprint()), &host()));
    assert!(known.to_string().contains("verified and taken in whole"), "{known}");

    agency.write(host(), |w| w.note(sally, "Came with her sister").save().map(drop)).unwrap();
    let next = packed(&agency, None, Some(known.head()));
    assert!(next.files().any(|file| file.name == "data/journal.jsonl"));
    let arrival = taken_in(&client, &next);
    assert_eq!((arrival.notes.new, arrival.contacts.new), (1, 0));
    assert_eq!(client.timeline(sally, None, 10).unwrap().notes.len(), 2);
    agency.record_receipt(host(), &arrival.receipt().unwrap().to_json(), None, &keys).unwrap();
    let all = agency.receipts().unwrap();
    assert_eq!((all.len(), all[0].signed_by.clone()), (2, None), "the newest is not the first");
    assert!(all[0].head().seq > all[1].head().seq);
    for memory in [&agency, &client] {
        assert!(memory.verify().unwrap().is_sound());
    }
}

#[test]
fn a_bundle_whose_signature_is_of_another_is_refused_also_where_none_is_expected() {
    let (agency, _) = agency();
    let (one, bag) = (packed(&agency, Some(&key()), None), packed(&agency, Some(&key()), agency.head().ok()));
    let mut kit = Kit(bag.files().map(|file| (file.name.to_owned(), bag.read_to_vec(file.name).unwrap())).collect());
    kit.list_tags();
    let signature = key().sign(one.tag_manifest().unwrap()).unwrap().to_string();
    let bag = crate::open(&kit.put("tagmanifest-sha256.txt.sig", signature).zip()).unwrap();
    let client = Memory::in_memory().unwrap();
    let head = client.head().unwrap();
    refused(client.import_bundle(&bag).run(host()), "ask the sender for it again");
    refused(client.import_bundle(&bag).preview(), "one of the two was changed after signing");
    assert_eq!(client.head().unwrap(), head);
}

#[test]
fn each_import_has_a_receipt_of_its_own() {
    let (agency, _) = agency();
    let now = Arc::new(AtomicI64::new(4_000_000_000));
    let clock = now.clone();
    let clock = move || DateTime::from_timestamp(clock.load(Ordering::SeqCst), 0).unwrap();
    let ours = || Memory::options().clock(clock.clone()).in_memory().unwrap();
    let (one, other) = (ours(), ours());
    let bag = packed(&agency, None, None);
    let record = |arrival: &Arrival| {
        let json = arrival.receipt().unwrap().to_json();
        // As large as a receipt may be.
        let json = format!("{json}{}", " ".repeat(65_536 - json.len()));
        agency.record_receipt(host(), &json, None, &TrustedKeys::default()).unwrap();
        agency.receipts().unwrap().len()
    };
    assert_eq!(record(&taken_in(&one, &bag)), 1);
    assert_eq!(record(&taken_in(&other, &bag)), 2, "two who took it in at one instant have one receipt");
    now.fetch_add(1, Ordering::SeqCst);
    assert_eq!(record(&taken_in(&one, &bag)), 3, "who took it in twice has one receipt");
}

#[test]
fn a_receipt_that_is_not_ours_or_not_what_was_signed_is_refused() {
    let (agency, _) = agency();
    let keys = TrustedKeys::parse(PUBLIC).unwrap();
    let client = Memory::in_memory().unwrap();
    let arrival = taken_in(&client, &packed(&agency, None, None));
    let (json, signature) = receipt(&arrival, &key());
    let head = agency.head().unwrap();
    let record = |json: &str, signature: Option<&str>| agency.record_receipt(host(), json, signature, &keys);

    refused(client.record_receipt(host(), &json, None, &keys), "the receipt is for a bundle of memory");
    let never = json.replace(&arrival.head.hash.to_string(), &"0".repeat(64));
    refused(record(&never, None), "this memory never had the head");
    let ahead = json.replace(&format!("\"head\": \"{}:", arrival.head.seq), "\"head\": \"4711:");
    refused(record(&ahead, None), "this memory never had the head 4711:");
    refused(record(&json.replace("office", "nobody"), Some(&signature)), "the signature does not fit receipt.json");
    let (_, by_other) = receipt(&arrival, &SigningKey::from_openssh(text(8)).unwrap());
    refused(record(&json, Some(&by_other)), "receipt.json: signed by an unknown key SHA256:");
    refused(record(&json, Some("what?")), "this is not a signature");
    let for_bundles = key().sign(json.as_bytes()).unwrap().to_string();
    refused(
        record(&json, Some(&for_bundles)),
        "the signature was made for “heirloom-handoff@v1”, not for heirloom-receipt@v1",
    );
    refused(record("{}", None), "receipt: it cannot be read");
    refused(record(&json.replace("\"version\": 1", "\"version\": 9"), None), "it is written in the form 9");
    refused(record(&format!("{json}{}", " ".repeat(70_000)), None), "the limit is 65536");
    assert_eq!(agency.head().unwrap(), head);
    assert!(agency.receipts().unwrap().is_empty());
}

#[test]
fn a_signer_that_signs_bundles_alone_says_so_of_a_receipt() {
    struct OnlyBundles;
    impl Signer for OnlyBundles {
        fn sign(&self, tag_manifest: &[u8]) -> heirloom::bundle::Result<Signature> {
            key().sign(tag_manifest)
        }
    }
    let (agency, _) = agency();
    let client = Memory::in_memory().unwrap();
    let receipt: BundleReceipt = taken_in(&client, &packed(&agency, Some(&OnlyBundles), None)).receipt().unwrap();
    let words = format!("signs for heirloom-handoff@v1 alone, not for {RECEIPT_NAMESPACE}");
    refused(receipt.sign(&OnlyBundles), &words);
}

#[test]
fn a_promise_whose_keeper_left_elsewhere_awaits_a_decision_until_it_is_handed_on() {
    let (agency, sally) = agency();
    let ana = ana(&agency);
    let client = Memory::in_memory().unwrap();
    let _ = taken_in(&client, &packed(&agency, None, None));
    let (mia, tom, menu) = client
        .write(host(), |w| {
            let mia = w.add_member(NewMember::new("Mia Okafor"))?;
            w.admit_member(&ana)?;
            let tom = w.add_contact(NewContact::person("Tom Okoro"))?;
            let called = w.follow_up(tom, "Call back").owner(&ana).save()?;
            w.finish_follow_up(called, None)?;
            w.follow_up(tom, "Keep the table").owner(&mia).save()?;
            w.assign(tom, &ana, Role::Backup)?;
            Ok((mia, tom, w.follow_up(tom, "Send the menu").owner(&ana).save()?))
        })
        .unwrap();
    agency
        .write(host(), |w| {
            let ben = w.add_member(NewMember::new("Ben Ito"))?;
            w.transfer(sally, &ben, None)?;
            w.depart(&ana, None)
        })
        .unwrap();

    let left = packed(&agency, None, None);
    let arrival = taken_in(&client, &left);
    let [ToDecide::DepartedKeeper { contact, promise, what, member }] = &arrival.to_decide[..] else {
        panic!("{arrival}")
    };
    assert_eq!((contact.id, *promise), (tom, menu));
    assert_eq!((what.as_str(), member.as_str()), ("Send the menu", "Ana Costa"));
    let told = "Ana Costa, who has left, promised Tom Okoro “Send the menu”; hand_on_follow_up hands it on";
    assert!(arrival.to_string().contains(told), "{arrival}");
    assert_eq!(arrival.receipt().unwrap().to_decide, 1);
    let again = taken_in(&client, &left);
    assert!(again.to_decide.is_empty(), "what stood before was told again");
    assert_eq!(again.receipt().unwrap().result, "verified; all of it was here already");

    client.write(host(), |w| w.hand_on_follow_up(menu, &mia, None)).unwrap();
    let fresh = Memory::in_memory().unwrap();
    assert!(taken_in(&fresh, &packed(&client, None, None)).to_decide.is_empty(), "it was handed on");
}

#[test]
fn a_question_whose_answer_was_erased_elsewhere_is_to_be_asked_again() {
    let (agency, sally) = agency();
    let ana = ana(&agency);
    let leo = agency.write(host(), |w| w.add_member(NewMember::new("Leo Okafor"))).unwrap();
    let plan = agency.handoff().of_member(&ana).to(&leo).reason("moves to Lagos").plan().unwrap();
    let handoff = agency.write(host(), |w| w.offer(&plan)).unwrap();
    let mut answers = Vec::new();
    for (question, answer) in [("What does she drink?", "Mint tea"), ("Where does she sit?", "By the window")] {
        let asked = agency.write(&leo, |w| w.ask(handoff, sally, question)).unwrap();
        answers.push(agency.write(&ana, |w| w.answer(asked, answer)).unwrap());
    }
    let client = Memory::in_memory().unwrap();
    assert!(taken_in(&client, &packed(&agency, None, None)).to_decide.is_empty());

    assert_eq!(agency.erase_note(host(), answers[0], "case 17").unwrap().notes, 1);
    let erased = packed(&agency, None, None);
    let arrival = taken_in(&client, &erased);
    let [ToDecide::ErasedAnswer { contact, question }] = &arrival.to_decide[..] else { panic!("{arrival}") };
    assert_eq!((contact.id, question.as_str()), (sally, "What does she drink?"));
    let told = "the answer about Sally Marsh to “What does she drink?” is erased; ask again";
    assert!(arrival.to_string().contains(told), "{arrival}");
    assert!(taken_in(&client, &erased).to_decide.is_empty(), "what stood before was told again");
}

#[test]
fn a_receipt_that_came_unsigned_or_was_made_up_does_not_keep_out_the_signed_one() {
    let (agency, _) = agency();
    let keys = TrustedKeys::parse(PUBLIC).unwrap();
    let client = Memory::in_memory().unwrap();
    let (json, signature) = receipt(&taken_in(&client, &packed(&agency, None, None)), &key());
    let made_up = json.replace("\"by\": \"", "\"by\": \"Mallory ");
    assert_ne!(made_up, json);
    for first in [&json, &made_up] {
        agency.record_receipt(host(), first, None, &keys).unwrap();
    }
    for signature in [Some(signature.as_str()), Some(&signature), None] {
        agency.record_receipt(host(), &json, signature, &keys).unwrap();
    }
    let signed: Vec<bool> = agency.receipts().unwrap().iter().map(|receipt| receipt.signed_by.is_some()).collect();
    assert_eq!(signed, [true, false, false], "the newest first");
}
