//! What must hold of entries that go from memory to memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::io::Cursor;

use super::super::replay;
use super::*;
use crate::bundle::{Bag, Opening};
use crate::{Channel, ContactId, Memory, NewContact, NewMember, Role};

/// All entries of a memory but those about the memory itself, as they travel.
pub(super) fn entries(of: &Memory) -> Vec<Record> {
    of.inner
        .store
        .read(|sql| {
            let mut records = Vec::new();
            replay::each_stamped(sql, &mut |row| {
                let why = match gone::why(sql, row.blob(column::ID)?)? {
                    // As in a bundle: what became of it here is not for others.
                    Some(Absence::Purged) => Some(Absence::Withheld),
                    why => why,
                };
                let record = Record::of_row(row, why)?;
                if !matches!(record.about(), Subject::Memory(_)) {
                    records.push(record);
                }
                Ok(())
            })?;
            Ok(records)
        })
        .unwrap()
}

fn take_in(into: &Memory, records: &[Record]) -> Result<usize> {
    into.write(Actor::system("bundle"), |w| {
        let mut fresh = 0;
        for record in records {
            let received = w.receive(&Incoming::new(record.clone())?)?;
            fresh += usize::from(!matches!(received, Received::Known(_)));
        }
        w.fold_stale()?;
        Ok(fresh)
    })
}

/// Takes records in, and says what was erased by it.
fn erased_by(into: &Memory, records: &[Record]) -> Erased {
    let taken = into.write(Actor::system("bundle"), |w| {
        for record in records {
            w.receive(&Incoming::new(record.clone())?)?;
        }
        w.fold_stale()?;
        Ok(w.erased_by_import().clone())
    });
    taken.unwrap()
}

pub(super) fn is_sound(memory: &Memory) {
    let found = memory.verify().unwrap();
    assert!(found.is_sound(), "{found}");
}

/// What a memory says of a contact, ids and stamps included, in an order of its own.
fn told(memory: &Memory, contact: ContactId) -> String {
    let memory = memory.all_seeing();
    let mut history: Vec<String> =
        memory.history(contact).unwrap().iter().map(|e| format!("{} {} {:?}", e.stamp, e.id, e.change)).collect();
    history.sort();
    format!("{:#?}\n{}\n{}", memory.contact(contact).unwrap(), memory.brief(contact).unwrap(), history.join("\n"))
}

/// A memory with a member and a contact whom they own.
pub(crate) fn memory_with(member: &str, contact: &str) -> (Memory, MemberId, ContactId) {
    let memory = Memory::in_memory().unwrap();
    let (member, contact) = memory
        .write(Actor::system("setup"), |w| {
            let member = w.add_member(NewMember::new(member))?.id;
            let contact = w.add_contact(NewContact::person(contact).handle(Channel::Email, "sally@mail.example"))?;
            w.assign(contact, member, Role::Owner)?;
            w.note(contact, "Stops by as a reward").insight().save()?;
            Ok((member, contact))
        })
        .unwrap();
    (memory, member, contact)
}

#[test]
fn what_goes_there_and_back_is_the_same_in_both() {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let client = Memory::in_memory().unwrap();
    assert_eq!(take_in(&client, &entries(&agency)).unwrap(), entries(&agency).len());
    assert_eq!(told(&client, sally), told(&agency, sally));
    assert!(client.member(ana).unwrap().outside);
    assert!(client.write(ana, |w| w.rename_contact(sally, "Sal")).is_err(), "an outside member wrote");

    // Both go on, the agency first.
    agency.write(ana, |w| w.rename_contact(sally, "Sally Marsh")).unwrap();
    let mia = client
        .write(Actor::system("setup"), |w| {
            let mia = w.add_member(NewMember::new("Mia"))?.id;
            w.rename_contact(sally, "Sally Whitcomb")?;
            w.tag(sally, "vip")?;
            w.note(sally, "Asked for a table").save()?;
            Ok(mia)
        })
        .unwrap();
    agency.write(ana, |w| w.tag(sally, "lunch")).unwrap();
    take_in(&agency, &entries(&client)).unwrap();
    take_in(&client, &entries(&agency)).unwrap();
    assert_eq!(told(&client, sally), told(&agency, sally));
    assert_eq!(agency.contact(sally).unwrap().name, "Sally Whitcomb");
    assert_eq!(take_in(&client, &entries(&agency)).unwrap(), 0, "a second time brought something");
    assert!(!client.member(mia).unwrap().outside && agency.member(mia).unwrap().outside);
    is_sound(&agency);
    is_sound(&client);
    agency.rebuild().unwrap();
    assert_eq!(told(&client, sally), told(&agency, sally));
}

#[test]
fn a_body_that_was_withheld_can_come_later() {
    let (agency, _, sally) = memory_with("Ana", "Sally");
    agency.write(Actor::system("setup"), |w| w.rename_contact(sally, "Sally Marsh")).unwrap();
    let whole = entries(&agency);
    let mut part = whole.clone();
    part.iter_mut().filter(|r| r.kind == "contact.changed").for_each(Record::withhold);
    let client = Memory::in_memory().unwrap();
    take_in(&client, &part).unwrap();
    assert_eq!(client.contact(sally).unwrap().name, "Sally");
    is_sound(&client);
    take_in(&client, &whole).unwrap();
    assert_eq!(client.contact(sally).unwrap().name, "Sally Marsh");
    is_sound(&client);
}

#[test]
fn an_entry_that_was_changed_or_is_missing_or_is_forged_is_refused_and_leaves_the_memory_as_it_was() {
    let (agency, _, sally) = memory_with("Ana", "Sally");
    agency
        .write(Actor::system("setup"), |w| {
            w.rename_contact(sally, "Sally Marsh")?;
            w.rename_contact(sally, "Sally Whitcomb")
        })
        .unwrap();
    let whole = entries(&agency);
    let client = Memory::in_memory().unwrap();
    let head = client.head().unwrap();
    let refused = |records: &[Record], words: &str| {
        let error = take_in(&client, records).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert_eq!(client.head().unwrap(), head);
    };
    let first_change = whole.iter().position(|r| r.kind == "contact.changed").unwrap();

    let mut missing = whole.clone();
    missing.remove(first_change);
    refused(&missing, "an entry before it is missing");

    let mut other_body = whole.clone();
    other_body[first_change].body = Some(RawValue::from_string("{}".to_owned()).unwrap());
    refused(&other_body, "a body that is not the one that was written");

    let mut other_author = whole.clone();
    other_author[first_change].actor.name = "somebody else".to_owned();
    refused(&other_author, "it was changed");

    let mut reordered = whole.clone();
    reordered.swap(first_change, first_change + 1);
    refused(&reordered, "it was changed, or an entry before it is missing");

    let forged: Vec<Record> = whole.iter().cloned().map(|r| Record { origin: client.id().0, ..r }).collect();
    refused(&forged, "it was forged");

    let ahead = Memory::options().clock(|| chrono::Utc::now() + chrono::TimeDelta::days(3)).in_memory().unwrap();
    ahead.write(Actor::system("setup"), |w| w.add_contact(NewContact::person("Tom"))).unwrap();
    refused(&entries(&ahead), "more than a day ahead");
}

/// Everything of which a body is here, for finding words of somebody who was erased.
fn bodies(of: &Memory) -> String {
    entries(of).iter().filter_map(|record| record.body().map(str::to_owned)).collect::<Vec<_>>().join("\n")
}

/// Exchanges what two memories know, twice, so that what came back is known too.
fn exchange(one: &Memory, other: &Memory) {
    for _ in 0..2 {
        take_in(one, &entries(other)).unwrap();
        take_in(other, &entries(one)).unwrap();
    }
}

#[test]
fn an_erasure_erases_everywhere_also_what_only_the_receiver_knew_whichever_came_first() {
    for erased_first in [true, false] {
        let (agency, ana, sally) = memory_with("Ana", "Sally");
        let client = Memory::in_memory().unwrap();
        take_in(&client, &entries(&agency)).unwrap();
        let old = entries(&agency);
        let erase = || drop(agency.erase(ana, sally, "case 17").unwrap());
        if erased_first {
            erase();
        }
        let (ben, kept) = client
            .write(Actor::system("setup"), |w| {
                let ben = w.add_contact(NewContact::person("Ben"))?;
                w.rename_contact(sally, "Quibberwick")?;
                w.link(ben, "knows", sally)?;
                let shared = w.note_about(&[sally, ben], "Quibberwick met Ben")?.save()?;
                w.correct_note(shared, "Ben met Quibberwick", None)?;
                w.note(ben, "Quibberwick is quiet").said_by(sally).save()?;
                w.unlink(ben, "knows", sally)?;
                Ok((ben, w.note(ben, "Likes tea").save()?))
            })
            .unwrap();
        if !erased_first {
            erase();
        }
        exchange(&agency, &client);
        for memory in [&agency, &client] {
            assert!(matches!(memory.contact(sally), Err(Error::Erased { at: Some(_), .. })));
            assert!(
                !bodies(memory).contains("Quibberwick") && !bodies(memory).contains("sally@"),
                "{}",
                bodies(memory)
            );
            assert!(!bodies(memory).contains(&sally.to_string()), "a body names her: {}", bodies(memory));
            assert_eq!(memory.timeline(ben, None, 10).unwrap().notes.len(), 1);
            assert_eq!(memory.note(kept).unwrap().text, "Likes tea");
            is_sound(memory);
            memory.rebuild().unwrap();
            is_sound(memory);
        }
        assert_eq!(told(&agency, ben), told(&client, ben));

        // Neither an old bundle nor a second memory that never heard of it brings her back.
        assert_eq!(take_in(&client, &old).unwrap(), 0);
        let third = Memory::in_memory().unwrap();
        take_in(&third, &old).unwrap();
        assert_eq!(third.contact(sally).unwrap().name, "Sally");
        let late = third.write(Actor::system("setup"), |w| w.note(sally, "Quibberwick again").save()).unwrap();
        take_in(&client, &entries(&third)).unwrap();
        assert!(matches!(client.note(late), Err(Error::Erased { .. })));
        assert!(!bodies(&client).contains("Quibberwick"));
        is_sound(&client);
        take_in(&third, &entries(&client)).unwrap();
        assert!(matches!(third.note(late), Err(Error::Erased { .. })));
        assert_eq!(told(&third, ben), told(&client, ben));
        is_sound(&third);
    }
}

#[test]
fn one_who_was_erased_does_not_come_back_under_another_id_from_before_the_erasure() {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let (other, _, sal) = memory_with("Olaf", "Sal");
    let old = entries(&other);
    for erased_first in [true, false] {
        let client = Memory::in_memory().unwrap();
        take_in(&client, &entries(&agency)).unwrap();
        if erased_first {
            let _ = client.erase(Actor::system("setup"), sally, "case 17").unwrap();
            take_in(&client, &old).unwrap();
        } else {
            let copy = Memory::in_memory().unwrap();
            take_in(&copy, &entries(&agency)).unwrap();
            take_in(&client, &old).unwrap();
            assert_eq!(client.contact(sal).unwrap().name, "Sal");
            let _ = copy.erase(Actor::system("setup"), sally, "case 17").unwrap();
            take_in(&client, &entries(&copy)).unwrap();
        }
        assert!(matches!(client.contact(sal), Err(Error::Erased { .. })), "{erased_first}");
        assert_eq!(client.count_contacts().unwrap(), 0);
        is_sound(&client);
    }
    // One who comes back later, of their own will, is welcome.
    let _ = agency.erase(ana, sally, "case 17").unwrap();
    let (back, _, sal) = memory_with("Olga", "Sal");
    take_in(&agency, &entries(&back)).unwrap();
    assert_eq!(agency.contact(sal).unwrap().name, "Sal");
    is_sound(&agency);
}

#[test]
fn who_a_member_was_is_erased_everywhere_whichever_came_first() {
    for erased_first in [true, false] {
        let (agency, ana, sally) = memory_with("Hoopoe Zwieback", "Sally");
        let client = Memory::in_memory().unwrap();
        take_in(&client, &entries(&agency)).unwrap();
        let old = entries(&agency);
        agency.write(Actor::system("setup"), |w| w.note(sally, "Told").said_by(ana).save()).unwrap();
        let erase = || {
            agency
                .write(Actor::system("setup"), |w| {
                    let mia = w.add_member(NewMember::new("Mia"))?.id;
                    w.transfer(sally, mia, None)?;
                    w.depart(ana, Some("Zwieback left"))
                })
                .unwrap();
            drop(agency.erase_member(Actor::system("setup"), ana, "case 18").unwrap());
        };
        if erased_first {
            erase();
        }
        client
            .write(Actor::system("setup"), |w| {
                let jo = w.add_member(NewMember::new("Jo"))?.id;
                w.assign(sally, jo, Role::Backup)?;
                w.note(sally, "Told here").said_by(ana).save()?;
                w.follow_up(sally, "Call").owner(jo).save()
            })
            .unwrap();
        if !erased_first {
            erase();
        }
        exchange(&agency, &client);
        take_in(&client, &old).unwrap();
        for memory in [&agency, &client] {
            assert!(!bodies(memory).contains("Zwieback"), "{}", bodies(memory));
            assert_eq!(memory.member(ana).unwrap().name, "a former member");
            let notes = memory.timeline(sally, None, 10).unwrap().notes;
            assert_eq!(
                notes.iter().filter(|note| note.said_by.as_ref().is_some_and(|s| s.name == "a former member")).count(),
                2
            );
            is_sound(memory);
            memory.rebuild().unwrap();
            is_sound(memory);
        }
        assert_eq!(told(&agency, sally), told(&client, sally));

        // A memory that knew the member and adds to it late says no name either.
        let third = Memory::in_memory().unwrap();
        take_in(&third, &old).unwrap();
        third.write(Actor::system("setup"), |w| w.note(sally, "Told late").said_by(ana).save()).unwrap();
        take_in(&client, &entries(&third)).unwrap();
        assert!(!bodies(&client).contains("Zwieback"), "{}", bodies(&client));
        is_sound(&client);
        take_in(&third, &entries(&client)).unwrap();
        assert_eq!(told(&third, sally), told(&client, sally));
        is_sound(&third);
    }
}

#[test]
fn a_legal_hold_puts_off_an_erasure_from_elsewhere_until_it_is_lifted() {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let client = Memory::in_memory().unwrap();
    take_in(&client, &entries(&agency)).unwrap();
    let ben = client
        .write(Actor::system("setup"), |w| {
            let ben = w.add_contact(NewContact::person("Ben"))?;
            w.note_about(&[sally, ben], "Met")?.save()?;
            w.hold(ben, "matter 3", "ordered")?;
            w.hold(sally, "matter 2", "ordered")?;
            Ok(ben)
        })
        .unwrap();
    let _ = agency.erase(ana, sally, "case 17").unwrap();
    let erased = erased_by(&client, &entries(&agency));
    assert_eq!((erased.contacts, erased.held_back.len()), (0, 1), "{erased:?}");
    assert_eq!(erased.to_string(), "nothing more; a legal hold keeps Sally");
    assert!(client.contact(sally).is_ok());
    is_sound(&client);
    client.write(Actor::system("court"), |w| w.lift_hold(sally, "matter 2", "settled")).unwrap();
    assert!(client.contact(sally).is_ok(), "a hold on Ben holds the note about both");
    client.write(Actor::system("court"), |w| w.lift_hold(ben, "matter 3", "settled")).unwrap();
    assert!(matches!(client.contact(sally), Err(Error::Erased { .. })));
    assert!(!bodies(&client).contains("Met") && client.contact(ben).is_ok());
    is_sound(&client);
}

#[test]
fn who_shares_a_note_with_somebody_held_stays_and_the_others_who_were_erased_elsewhere_go() {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let [cem, dora] =
        ["Cem", "Dora"].map(|name| agency.write(ana, |w| w.add_contact(NewContact::person(name))).unwrap());
    let client = Memory::in_memory().unwrap();
    take_in(&client, &entries(&agency)).unwrap();
    let ben = client
        .write(Actor::system("setup"), |w| {
            let ben = w.add_contact(NewContact::person("Ben"))?;
            w.note_about(&[sally, ben], "Broke the chair")?.save()?;
            w.note_about(&[sally, cem], "Came with the choir")?.save()?;
            w.link(sally, "cousin", dora)?;
            w.link(dora, "neighbour", sally)?;
            w.hold(ben, "matter 3", "ordered")?;
            Ok(ben)
        })
        .unwrap();
    let _ = agency.erase_all(ana, [sally, cem, dora], "case 17").unwrap();
    take_in(&client, &entries(&agency)).unwrap();
    is_sound(&client);
    client.rebuild().unwrap();
    for gone in [cem, dora] {
        assert!(matches!(client.contact(gone), Err(Error::Erased { .. })));
    }
    let kept = client.contact(sally).unwrap();
    assert_eq!(kept.links, []);
    let texts: Vec<String> = client.timeline(sally, None, 9).unwrap().notes.into_iter().map(|note| note.text).collect();
    assert_eq!(texts, ["Broke the chair", "Stops by as a reward"]);
    assert!(!bodies(&client).contains("choir") && !bodies(&client).contains("cousin"));

    client.write(Actor::system("court"), |w| w.lift_hold(ben, "matter 3", "settled")).unwrap();
    assert!(matches!(client.contact(sally), Err(Error::Erased { .. })) && client.contact(ben).is_ok());
    is_sound(&client);
}

#[test]
fn a_promise_that_was_erased_elsewhere_stays_while_who_it_was_made_to_is_held() {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let promise = agency.write(ana, |w| w.follow_up(sally, "Send the menu").save()).unwrap();
    let client = Memory::in_memory().unwrap();
    take_in(&client, &entries(&agency)).unwrap();
    client.write(Actor::system("court"), |w| w.hold(sally, "matter 3", "ordered")).unwrap();
    let _ = agency.erase_follow_up(ana, promise, "case 17").unwrap();
    take_in(&client, &entries(&agency)).unwrap();
    assert_eq!(client.follow_ups(sally).unwrap().len(), 1);
    is_sound(&client);
    client.write(Actor::system("court"), |w| w.lift_hold(sally, "matter 3", "settled")).unwrap();
    assert!(client.follow_ups(sally).unwrap().is_empty() && !bodies(&client).contains("menu"));
    is_sound(&client);
}

#[test]
fn who_wrote_of_somebody_held_and_was_erased_elsewhere_is_known_here_until_the_hold_is_lifted_and_to_nobody_else() {
    let (agency, ana, sally) = memory_with("Anastazja", "Sally");
    agency.write(ana, |w| w.note(sally, "Likes the quiet table").save()).unwrap();
    let client = Memory::in_memory().unwrap();
    take_in(&client, &entries(&agency)).unwrap();
    client.write(Actor::system("court"), |w| w.hold(sally, "matter 3", "ordered")).unwrap();
    let setup = Actor::system("setup");
    agency.write(&setup, |w| w.unassign(sally, ana, Role::Owner, None).and_then(|_| w.depart(ana, None))).unwrap();
    let _ = agency.erase_member(Actor::system("setup"), ana, "case 18").unwrap();
    let erased = erased_by(&client, &entries(&agency));
    assert_eq!(erased.to_string(), "nothing more; a legal hold keeps Anastazja");
    assert_eq!(client.timeline(sally, None, 9).unwrap().notes[0].recorded_by_name, "Anastazja");
    is_sound(&client);

    // What goes on from here does not name her.
    let bag = packed(&client, &[]);
    for file in bag.files() {
        let text = String::from_utf8_lossy(&bag.read_to_vec(file.name).unwrap()).into_owned();
        assert!(!text.contains("Anastazja"), "{}: {text}", file.name);
    }
    let third = Memory::in_memory().unwrap();
    let _ = third.import_bundle(&bag).run(Actor::system("bundle")).unwrap();
    assert_eq!(third.timeline(sally, None, 9).unwrap().notes[0].recorded_by_name, "a former member");
    is_sound(&third);

    client.write(Actor::system("court"), |w| w.lift_hold(sally, "matter 3", "settled")).unwrap();
    assert_eq!(client.timeline(sally, None, 9).unwrap().notes[0].recorded_by_name, "a former member");
    assert!(!bodies(&client).contains("Anastazja"));
    is_sound(&client);
}

/// Packs a memory, or the part of it about contacts.
fn packed(memory: &Memory, contacts: &[ContactId]) -> Bag {
    let (mut zip, bundle) = (Vec::new(), memory.bundle());
    let bundle = if contacts.is_empty() { bundle } else { bundle.of(contacts.iter().copied()) };
    let _ = bundle.write(&mut zip).unwrap();
    Opening::new().open_reader("x.zip", Cursor::new(zip)).unwrap()
}

/// All orders of some things.
fn orders<T: Clone>(things: &[T]) -> Vec<Vec<T>> {
    let Some((first, rest)) = things.split_first() else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for order in orders(rest) {
        for at in 0..=order.len() {
            let mut order = order.clone();
            order.insert(at, first.clone());
            all.push(order);
        }
    }
    all
}

#[test]
fn a_body_that_comes_whole_cut_masked_and_both_is_the_same_in_the_end_whatever_came_first() {
    let agency = Memory::in_memory().unwrap();
    let setup = Actor::system("setup");
    let ana = agency.write(&setup, |w| Ok(w.add_member(NewMember::new("Anastazja"))?.id)).unwrap();
    let lines = [
        r#"{"contact": {"id": "1", "name": "Sally"}}"#,
        r#"{"note": {"id": "n", "about": {"id": "1"}, "text": "Likes the quiet table"}}"#,
    ]
    .join("\n");
    let report = agency.import("crm").by(ana).json_lines(lines.as_bytes()).unwrap();
    assert_eq!(report.notes_added, 1, "{report}");
    let sally = agency.by_external_id("crm", "1").unwrap().unwrap().id;
    let (whole, cut) = (packed(&agency, &[]), packed(&agency, &[sally]));
    agency.write(&setup, |w| w.depart(ana, None)).unwrap();
    let _ = agency.erase_member(&setup, ana, "case 18").unwrap();
    let (masked, both) = (packed(&agency, &[]), packed(&agency, &[sally]));

    for (bags, is_whole) in [
        (vec![&whole, &cut, &masked, &both], true),
        (vec![&cut, &masked], true),
        (vec![&whole, &both], true),
        (vec![&cut, &both], false),
    ] {
        let mut ends = Vec::new();
        for order in orders(&bags) {
            let client = Memory::in_memory().unwrap();
            for bag in order {
                let _ = client.import_bundle(bag).run(&setup).unwrap();
                is_sound(&client);
            }
            let note = entries(&client).into_iter().find(|record| record.kind == "note.added").unwrap();
            let fresh = take_in(&client, &entries(&agency)).unwrap();
            assert_eq!(fresh, if is_whole { 0 } else { 2 }, "the contact and the note");
            let body: serde_json::Value = serde_json::from_str(note.body().unwrap()).unwrap();
            ends.push((body, note.gone));
        }
        assert_eq!(ends[0].0.get("source").is_some(), is_whole, "{ends:?}");
        assert_eq!(ends[0].0["recorded_by"], "a former member");
        assert!(ends.iter().all(|end| *end == ends[0]), "{ends:#?}");
    }
}

#[test]
fn a_note_whose_text_came_later_is_counted_in_the_search_index() {
    let (agency, _, sally) = memory_with("Ana", "Sally");
    agency
        .write(Actor::system("setup"), |w| {
            (0..600).try_for_each(|n| w.note(sally, format!("Number {n}")).save().map(drop))
        })
        .unwrap();
    let whole = entries(&agency);
    let mut part = whole.clone();
    part.iter_mut().filter(|r| r.kind == "note.added").take(3).for_each(Record::withhold);
    let client = Memory::in_memory().unwrap();
    take_in(&client, &part).unwrap();
    is_sound(&client);
    take_in(&client, &whole).unwrap();
    is_sound(&client);
    assert_eq!(client.search("reward").run().unwrap().len(), 1);
}

/// Two memories that know the same, in each of which an own member acts.
fn two_that_know_the_same() -> (Memory, crate::MemberId, Memory, crate::MemberId, ContactId) {
    let (one, ana, sally) = memory_with("Ana", "Sally");
    let other = Memory::in_memory().unwrap();
    let mia = other.write(Actor::system("setup"), |w| Ok(w.add_member(NewMember::new("Mia"))?.id)).unwrap();
    exchange(&one, &other);
    (one, ana, other, mia, sally)
}

#[test]
fn a_contact_who_got_two_owners_at_once_is_told_of_and_put_right_in_either_memory() {
    let (one, ana, other, mia, sally) = two_that_know_the_same();
    let leo = one.write(ana, |w| Ok(w.add_member(NewMember::new("Leo"))?.id)).unwrap();
    one.write(ana, |w| w.transfer(sally, leo, None)).unwrap();
    other.write(mia, |w| w.transfer(sally, mia, None)).unwrap();
    exchange(&one, &other);
    assert_eq!(told(&one, sally), told(&other, sally));
    let open = |memory: &Memory| memory.owners(sally).unwrap().iter().filter(|owner| owner.until.is_none()).count();
    assert_eq!((open(&one), open(&other)), (2, 2));
    for (memory, actor) in [(&one, ana), (&other, mia)] {
        let refused = memory.write(actor, |w| w.transfer(sally, actor, None)).unwrap_err().to_string();
        assert!(refused.contains("Leo") && refused.contains("Mia") && refused.contains("end all but one"), "{refused}");
    }
    other.write(mia, |w| w.unassign(sally, leo, Role::Owner, Some("Mia has her"))).unwrap();
    exchange(&one, &other);
    assert_eq!((open(&one), open(&other)), (1, 1));
    one.write(ana, |w| w.transfer(sally, ana, None)).unwrap();
    exchange(&one, &other);
    assert_eq!(told(&one, sally), told(&other, sally));
}

#[test]
fn one_who_was_given_contacts_while_they_left_elsewhere_is_told_of_and_hands_them_over() {
    let (one, ana, other, mia, sally) = two_that_know_the_same();
    let ben = other
        .write(mia, |w| {
            let ben = w.add_contact(NewContact::person("Ben"))?;
            w.admit_member(ana)?;
            w.assign(ben, ana, Role::Owner)?;
            w.follow_up(ben, "Send the menu").owner(ana).save()?;
            Ok(ben)
        })
        .unwrap();
    one.write(Actor::system("setup"), |w| {
        let leo = w.add_member(NewMember::new("Leo"))?.id;
        w.transfer(sally, leo, None)?;
        w.depart(ana, None)
    })
    .unwrap();
    exchange(&one, &other);
    for memory in [&one, &other] {
        let brief = memory.brief(ben).unwrap();
        assert!(brief.open.iter().any(|open| matches!(open, crate::OpenMatter::OwnerDeparted(_))), "{brief}");
        assert!(memory.follow_ups(ben).unwrap()[0].owner.departed);
    }
    other.write(mia, |w| w.transfer(ben, mia, None)).unwrap();
    exchange(&one, &other);
    assert_eq!(one.follow_ups(ben).unwrap()[0].owner.id, mia);
    assert_eq!(told(&one, ben), told(&other, ben));
}

#[test]
fn two_contacts_with_one_id_of_another_system_and_two_names_of_one_account_stand_side_by_side() {
    let (one, ana, other, mia, sally) = two_that_know_the_same();
    let account = |name: &str| crate::NewHandle::new(Channel::X, name).network_id("77");
    let known = |name: &str| NewContact::person(name).external_id("hubspot", "42");
    one.write(ana, |w| {
        w.add_handle(sally, account("@sally"))?;
        w.upsert_contact(known("Ben Ito"))
    })
    .unwrap();
    other
        .write(mia, |w| {
            w.add_handle(sally, account("@sally_m"))?;
            w.upsert_contact(known("Benjamin Ito"))
        })
        .unwrap();
    exchange(&one, &other);
    for (memory, actor) in [(&one, ana), (&other, mia)] {
        assert_eq!(memory.by_network_id(Channel::X, "77").unwrap().len(), 2);
        let before = memory.count_contacts().unwrap();
        let _ = memory.write(actor, |w| w.upsert_contact(known("Ben")).map(drop)).map_err(in_words);
        let line = br#"{"contact": {"name": "Ben", "id": "42"}}"#;
        let _ = memory.import("hubspot").json_lines(&line[..]).map(drop).map_err(in_words);
        assert_eq!(memory.count_contacts().unwrap(), before, "a third was made");
        assert_eq!(memory.by_external_id("hubspot", "42").unwrap(), one.by_external_id("hubspot", "42").unwrap());
        memory.write(actor, |w| w.add_handle(sally, account("@sally_marsh"))).unwrap();
        is_sound(memory);
    }
    exchange(&one, &other);
    assert_eq!(told(&one, sally), told(&other, sally));
}

/// Lets only those errors through that a caller can do something about.
fn in_words(error: Error) -> Error {
    let words = matches!(error, Error::Invalid { .. } | Error::Unknown { .. } | Error::Refused(_));
    assert!(words, "{error}");
    error
}

#[test]
fn a_handoff_that_was_completed_here_and_withdrawn_there_is_what_was_done_last_and_its_question_has_the_last_answer() {
    let (one, ana, other, mia, sally) = two_that_know_the_same();
    let leo = one.write(ana, |w| Ok(w.add_member(NewMember::new("Leo"))?.id)).unwrap();
    let plan = one.handoff().of_member(ana).to(leo).reason("moves to Lagos").plan().unwrap();
    let (handoff, question) = one
        .write(ana, |w| w.offer(&plan))
        .and_then(|handoff| Ok((handoff, one.write(leo, |w| w.ask(handoff, sally, "What does she drink?"))?)))
        .unwrap();
    exchange(&one, &other);
    one.write(ana, |w| w.answer(question, "Mint tea")).unwrap();
    other.write(mia, |w| w.answer(question, "Water")).unwrap();
    one.write(leo, |w| {
        w.accept_all(handoff)?;
        w.complete(handoff)
    })
    .unwrap();
    other.write(mia, |w| w.withdraw(handoff, "she stays").map(drop)).unwrap();
    exchange(&one, &other);
    let state = |memory: &Memory| {
        let handoff = memory.handoff_by_id(handoff).unwrap();
        format!("{handoff:?} {:?} {:?}", memory.handoff_questions(handoff.id), memory.handoff_items(handoff.id))
    };
    assert_eq!(state(&one), state(&other));
    assert_eq!(one.handoff_by_id(handoff).unwrap().state, crate::HandoffState::Withdrawn);
    let answer = one.handoff_questions(handoff).unwrap().remove(0).answer.unwrap();
    assert!(one.note(answer).unwrap().text.contains("Water"));
    for (memory, actor) in [(&one, leo), (&other, mia)] {
        let calls = [
            memory.write(actor, |w| w.undo(handoff, "no").map(drop)),
            memory.write(actor, |w| w.complete(handoff).map(drop)),
            memory.write(actor, |w| w.accept_all(handoff).map(drop)),
            memory.write(actor, |w| w.answer(question, "Wine").map(drop)),
            memory.receipt(handoff).map(drop),
        ];
        for call in calls {
            let _ = call.map_err(in_words);
        }
        is_sound(memory);
    }
}

/// An entry about a contact by the memory that wrote the last one about it, rightly chained, as a hostile sender can make it.
fn chained(after: &[Record], kind: &str, contact: ContactId, body: &str) -> Record {
    let last = after.iter().rfind(|record| record.subject == contact.uuid()).unwrap();
    let (id, salt) = (Uuid::now_v7(), [7; 16]);
    let mut record = Record {
        id,
        kind: kind.to_owned(),
        version: 1,
        stamp: last.stamp + 1,
        cause: None,
        digest: Hash::of(&[&salt, body.as_bytes()]),
        salt: Some(salt),
        body: Some(RawValue::from_string(body.to_owned()).unwrap()),
        gone: None,
        ..last.clone()
    };
    let header = Header {
        id,
        origin: record.origin,
        subject: record.subject,
        kind: &record.kind,
        version: 1,
        stamp: record.stamp,
        at: record.at,
        actor_kind: &record.actor.kind,
        actor_member: record.actor.member.as_ref().map_or(&[][..], |member| member.as_bytes()),
        actor_name: &record.actor.name,
        cause: None,
        digest: record.digest,
        previous: last.hash,
    };
    record.hash = header.hash(&mut Vec::new());
    record
}

#[test]
fn an_erasure_that_lists_what_is_not_about_the_contact_is_refused() {
    let (agency, _, sally) = memory_with("Ana", "Sally");
    let (client, _, ben) = memory_with("Mia", "Ben");
    let strange = [client.id().uuid(), ben.uuid()];
    let notes = client.timeline(ben, None, 9).unwrap().notes.into_iter().map(|note| note.id.uuid());
    for id in strange.into_iter().chain(notes) {
        let mut records = entries(&agency);
        let key = "0".repeat(64);
        let body = format!("{{\"why\":\"asked\",\"hash_key\":\"{key}\",\"notes\":[\"{id}\"]}}");
        records.push(chained(&records, "contact.erased", sally, &body));
        let (head, error) = (client.head().unwrap(), take_in(&client, &records).unwrap_err().to_string());
        assert!(error.contains("that is not about them"), "{error}");
        assert_eq!(client.head().unwrap(), head);
        if id == client.id().uuid() {
            continue;
        }
        // Nor does the list come after its header.
        let copy = Memory::in_memory().unwrap();
        take_in(&copy, &entries(&client)).unwrap();
        let mut bare = records.clone();
        bare.last_mut().unwrap().withhold();
        take_in(&copy, &bare).unwrap();
        let error = take_in(&copy, &records).unwrap_err().to_string();
        assert!(error.contains("that is not about them"), "{error}");
    }
    assert!(client.contact(ben).is_ok());
}

#[test]
fn an_instant_on_no_day_there_is_and_a_cut_where_nothing_is_ever_cut_are_refused() {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let client = Memory::in_memory().unwrap();
    let body =
        |since: i64| format!("{{\"member\":\"{ana}\",\"member_name\":\"Ana\",\"role\":\"backup\",\"since\":{since}}}");
    let with = |record: Record| [entries(&agency), vec![record]].concat();
    let far = chained(&entries(&agency), "ownership.assigned", sally, &body(i64::MAX));
    let error = take_in(&client, &with(far)).unwrap_err().to_string();
    assert!(error.contains("no instant"), "{error}");
    for date in [|record: &mut Record| record.stamp = i64::MIN, |record: &mut Record| record.at = i64::MIN] {
        let mut never = chained(&entries(&agency), "ownership.assigned", sally, &body(1_700_000_000_000_000));
        date(&mut never);
        let error = take_in(&client, &with(never)).unwrap_err().to_string();
        assert!(error.contains("is dated on no day that there is"), "{error}");
    }

    let mut cut = chained(&entries(&agency), "ownership.assigned", sally, &body(1_700_000_000_000_000));
    cut.gone = Some(Absence::Cut);
    let error = take_in(&client, &with(cut)).unwrap_err().to_string();
    assert!(error.contains("nothing ever is"), "{error}");
}

/// An entry of a memory that nobody knows, rightly chained as its first about a subject, as a hostile sender can make it.
fn forged(kind: &str, subject: Option<Uuid>, stamp: i64, body: &str) -> Record {
    let (id, origin, salt) = (Uuid::now_v7(), Uuid::now_v7(), [7; 16]);
    let digest = Hash::of(&[&salt, body.as_bytes()]);
    let subject = subject.unwrap_or(id);
    let header = Header {
        id,
        origin,
        subject,
        kind,
        version: 1,
        stamp,
        at: stamp,
        actor_kind: "system",
        actor_member: &[],
        actor_name: "elsewhere",
        cause: None,
        digest,
        previous: Hash::NONE,
    };
    Record {
        id,
        origin,
        subject,
        kind: kind.to_owned(),
        version: 1,
        stamp,
        at: stamp,
        actor: RecordedActor { kind: "system".to_owned(), member: None, name: "elsewhere".to_owned() },
        cause: None,
        digest,
        hash: header.hash(&mut Vec::new()),
        salt: Some(salt),
        body: Some(RawValue::from_string(body.to_owned()).unwrap()),
        gone: None,
    }
}

#[test]
fn an_entry_that_is_dated_before_what_it_names_is_refused_and_the_memory_can_be_verified_after_that() {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let known = entries(&agency);
    let client = Memory::in_memory().unwrap();
    take_in(&client, &known).unwrap();
    let early = 1_000_000;
    let note = known.iter().find(|record| record.kind == "note.added").unwrap().body().unwrap();
    let assigned = known.iter().find(|record| record.kind == "ownership.assigned").unwrap().body().unwrap();
    let promise = format!("{{\"contact\":\"{sally}\",\"what\":\"Call\",\"owner\":\"{ana}\",\"owner_name\":\"Ana\"}}");
    let early_ones = [
        forged("note.added", None, early, note),
        forged("ownership.assigned", Some(sally.uuid()), early, assigned),
        forged("contact.tagged", Some(sally.uuid()), early, "{\"tag\":\"vip\"}"),
        forged("follow_up.added", None, early, &promise),
    ];
    for record in early_ones {
        let (head, kind) = (client.head().unwrap(), record.kind.clone());
        let error = take_in(&client, std::slice::from_ref(&record)).unwrap_err().to_string();
        assert!(error.contains("began, which it is about or names; it was forged"), "{kind}: {error}");
        assert_eq!(client.head().unwrap(), head);

        // Nor does its body come after its header.
        if record.subject == record.id {
            let copy = Memory::in_memory().unwrap();
            take_in(&copy, &known).unwrap();
            let mut bare = record.clone();
            bare.withhold();
            take_in(&copy, &[bare]).unwrap();
            let error = take_in(&copy, &[record]).unwrap_err().to_string();
            assert!(error.contains("began, which it is about or names; it was forged"), "{kind}: {error}");
            is_sound(&copy);
        }
    }
    client.rebuild().unwrap();
    is_sound(&client);
}

#[test]
fn who_was_erased_elsewhere_and_held_here_goes_when_the_hold_is_lifted_elsewhere() {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let client = Memory::in_memory().unwrap();
    take_in(&client, &entries(&agency)).unwrap();
    client.write(Actor::system("counsel"), |w| w.hold(sally, "matter 1", "ordered")).unwrap();
    let counsel = Memory::in_memory().unwrap();
    take_in(&counsel, &entries(&client)).unwrap();
    let _ = agency.erase(ana, sally, "case 17").unwrap();
    take_in(&client, &entries(&agency)).unwrap();
    assert_eq!(client.contact(sally).unwrap().name, "Sally");
    counsel.write(Actor::system("counsel"), |w| w.lift_hold(sally, "matter 1", "settled")).unwrap();
    take_in(&client, &entries(&counsel)).unwrap();
    assert!(client.holds().unwrap().is_empty());
    assert!(matches!(client.contact(sally), Err(Error::Erased { .. })), "nothing holds her, and she is still here");
    assert!(!bodies(&client).contains("sally@"), "{}", bodies(&client));
    is_sound(&client);
}

#[test]
fn of_several_who_are_erased_together_an_address_that_they_share_is_known_again() {
    let memory = Memory::in_memory().unwrap();
    let named = |name: &str| NewContact::person(name).handle(Channel::Email, "sally@mail.example");
    let twice = memory
        .write(Actor::system("setup"), |w| Ok([w.add_contact(named("Sally"))?, w.add_contact(named("S. Marsh"))?]))
        .unwrap();
    let (other, _, sal) = memory_with("Olaf", "Sal");
    let _ = memory.erase_all(Actor::system("setup"), twice, "case 17").unwrap();
    take_in(&memory, &entries(&other)).unwrap();
    assert!(matches!(memory.contact(sal), Err(Error::Erased { .. })), "she came back");
    is_sound(&memory);
}

#[test]
fn a_mask_where_no_name_is_ever_masked_is_refused() {
    let (agency, ..) = memory_with("Ana", "Sally");
    for (kind, from, to) in [("contact.added", "Sally", "a former member"), ("ownership.assigned", "Ana", "Eve")] {
        let mut records = entries(&agency);
        let record = records.iter_mut().find(|record| record.kind == kind).unwrap();
        record.body = Some(RawValue::from_string(record.body().unwrap().replace(from, to)).unwrap());
        record.gone = Some(Absence::Masked);
        let client = Memory::in_memory().unwrap();
        let error = take_in(&client, &records).unwrap_err().to_string();
        assert!(error.contains("it names nobody who is"), "{error}");
    }
}

#[test]
fn a_body_that_breaks_the_rules_of_its_noun_is_refused() {
    let (agency, _, sally) = memory_with("Ana", "Sally");
    let known = entries(&agency);
    let stamp = known.last().unwrap().stamp + 5;
    let body = |kind: &str| known.iter().find(|r| r.kind == kind).unwrap().body().unwrap().to_owned();
    let (contact, note) = (body("contact.added"), body("note.added"));
    let about = format!("\"{sally}\"");
    let cases = [
        ("an empty name", None, "contact.added", contact.replace("Sally", "")),
        ("U+0000 in a name", None, "contact.added", contact.replace("Sally", "a\\u0000b")),
        ("a name of 5 MB", None, "contact.added", contact.replace("Sally", &"x".repeat(5_000_000))),
        ("a note about nobody", None, "note.added", note.replace(&about, "")),
        ("a text of 10 MB", None, "note.added", note.replace("Stops by as a reward", &"x ".repeat(5_000_000))),
        ("U+0000 in a text", None, "note.added", note.replace("Stops by as a reward", "a\\u0000b")),
        ("an empty tag", Some(sally.uuid()), "contact.tagged", r#"{"tag":""}"#.to_owned()),
        ("a hold without matter", Some(sally.uuid()), "contact.held", r#"{"matter":"","why":""}"#.to_owned()),
        ("a note about one twice", None, "note.added", note.replace(&about, &format!("{about},{about}"))),
    ];
    let mut wrong = Vec::new();
    for (what, subject, kind, body) in cases {
        let client = Memory::in_memory().unwrap();
        take_in(&client, &known).unwrap();
        match take_in(&client, &[forged(kind, subject, stamp, &body)]) {
            Ok(_) => wrong.push(format!("{what}: accepted")),
            Err(error) if error.to_string().contains("has a body that no memory writes") => {}
            Err(error) => wrong.push(format!("{what}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_erasure_that_lists_what_is_not_about_the_contact_keeps_nothing_out_that_comes_later() {
    let (agency, _, sally) = memory_with("Ana", "Sally");
    let (other, _, ben) = memory_with("Olaf", "Ben");
    let note = agency.timeline(sally, None, 9).unwrap().notes[0].id;
    for id in [note.uuid(), sally.uuid()] {
        let client = Memory::in_memory().unwrap();
        let mut records = entries(&other);
        let body = format!("{{\"why\":\"asked\",\"hash_key\":\"{}\",\"notes\":[\"{id}\"]}}", "0".repeat(64));
        records.push(chained(&records, "contact.erased", ben, &body));
        let first = take_in(&client, &records);
        let then = take_in(&client, &entries(&agency));
        assert!(first.is_err() || then.is_err() || client.note(note).is_ok(), "{id}: accepted, and her note is lost");
    }
}

#[test]
fn one_who_was_erased_does_not_come_back_where_the_address_was_added_later() {
    for erased_first in [true, false] {
        let (agency, _, sally) = memory_with("Ana", "Sally");
        let other = Memory::in_memory().unwrap();
        let desk = Actor::system("desk");
        let sal = other
            .write(desk.clone(), |w| {
                let sal = w.add_contact(NewContact::person("Sal"))?;
                w.add_handle(sal, crate::NewHandle::new(Channel::Email, "sally@mail.example"))?;
                Ok(sal)
            })
            .unwrap();
        let old = entries(&other);
        let client = Memory::in_memory().unwrap();
        take_in(&client, &entries(&agency)).unwrap();
        if erased_first {
            let _ = client.erase(desk, sally, "case 17").unwrap();
            take_in(&client, &old).unwrap();
        } else {
            let copy = Memory::in_memory().unwrap();
            take_in(&copy, &entries(&agency)).unwrap();
            take_in(&client, &old).unwrap();
            let _ = copy.erase(desk, sally, "case 17").unwrap();
            take_in(&client, &entries(&copy)).unwrap();
        }
        assert!(client.contact(sal).is_err(), "{erased_first}: she is back");
        assert!(client.by_handle(Channel::Email, "sally@mail.example").unwrap().is_empty());
    }
}

#[test]
fn what_a_newer_heirloom_says_of_somebody_held_stays_when_another_is_erased() {
    let memory = Memory::in_memory().unwrap();
    let (sally, ben, thing) = memory
        .write(Actor::system("setup"), |w| {
            let (sally, ben) = (w.add_contact(NewContact::person("Sally"))?, w.add_contact(NewContact::person("Ben"))?);
            w.hold(ben, "matter 1", "ordered")?;
            let body = format!("{{\"between\":[\"{sally}\",\"{ben}\"],\"terms\":\"what is held\"}}");
            let unknown = crate::Unknown {
                kind: "contract.added".to_owned(),
                version: 1,
                body: serde_json::from_str(&body).unwrap(),
            };
            Ok((sally, ben, w.create(Change::Unknown(unknown))?))
        })
        .unwrap();
    let erased = memory.erase(Actor::system("setup"), sally, "case 17");
    let stays = bodies(&memory).contains("what is held");
    assert!(erased.is_err() || stays, "{thing}: what names {ben}, who is held, is gone");
}

#[test]
fn a_bundle_with_ever_more_keys_of_hashes_is_refused_before_each_address_is_hashed_by_all() {
    let (agency, ..) = memory_with("Ana", "Sally");
    let contact = entries(&agency).iter().find(|r| r.kind == "contact.added").unwrap().body().unwrap().to_owned();
    let erasures = |count: i64| {
        let mut records = Vec::new();
        for at in 0..count {
            let gone = forged("contact.added", None, 1_000_000 + at, &contact);
            let body = format!("{{\"why\":\"x\",\"hash_key\":\"{at:064x}\",\"addresses\":[\"{at:064x}\"]}}");
            records.push(forged("contact.erased", Some(gone.id), 2_000_000_000 + at, &body));
            records.push(gone);
        }
        records.sort_by_key(|record| record.stamp);
        records
    };
    let client = Memory::in_memory().unwrap();
    take_in(&client, &erasures(100)).unwrap();
    let error = take_in(&Memory::in_memory().unwrap(), &erasures(101)).unwrap_err().to_string();
    assert!(error.contains("those of at most 100 memories"), "{error}");
}
