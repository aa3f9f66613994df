//! What must hold when a bundle is taken in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

mod broken;

use super::arrival::{Tally, ToDecide};
use super::*;
use crate::bundle::slice::Slice;
use crate::bundle::{BagInfo, BagWriter, Opening, Packing, Scope, Signer};
use crate::journal::receive::tests::memory_with;
use crate::{Channel, ContactId, MemberId, NewContact, NewMember, Role};

/// The parts of a bundle, to be changed before they are packed.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) statement: Statement,
    pub(super) records: Vec<Record>,
    pub(super) attachments: Vec<(Hash, Vec<u8>)>,
}

impl Parts {
    /// Everything that a bundle of the whole memory holds.
    pub(super) fn of(memory: &Memory) -> Self {
        let view = memory.all_seeing();
        let (records, withheld, counts) = view
            .read(|view| {
                let slice = Slice::of(view, &Scope::default(), None)?;
                let mut records = Vec::new();
                let counts = slice.each(view, &mut |record| {
                    records.push(record);
                    Ok(())
                })?;
                Ok((records, slice.withheld().to_vec(), counts))
            })
            .unwrap();
        let attachments: Vec<(Hash, Vec<u8>)> = view
            .read(|view| {
                view.sql().all("SELECT sha256, bytes FROM attachment_bytes ORDER BY sha256", &[], |row| {
                    Ok((Hash::from_slice(row.blob(0)?)?, row.blob(1)?.to_vec()))
                })
            })
            .unwrap();
        let mut parts = Self {
            statement: Statement {
                version: 1,
                tool: "heirloom".to_owned(),
                title: "Handoff".to_owned(),
                sender: Some("The Agency".to_owned()),
                receiver: None,
                instruction: None,
                memory: memory.id(),
                head: memory.head().unwrap(),
                as_of: chrono::Utc::now(),
                since: None,
                scope: Scope::default(),
                counts,
                withheld,
                journal: Hash::NONE,
            },
            records,
            attachments,
        };
        parts.recount();
        parts
    }

    /// Says of itself what it holds.
    pub(super) fn recount(&mut self) {
        let mut counts = Counts::default();
        for record in &self.records {
            counts.entries += 1;
            counts.without_body += u64::from(record.body().is_none());
            if record.subject == record.id && record.body().is_some() {
                count_subject(&mut counts, record.about());
            }
        }
        counts.attachments = self.attachments.len() as u64;
        counts.attachment_bytes = self.attachments.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        self.statement.counts = counts;
    }

    pub(super) fn lines(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        for record in &self.records {
            serde_json::to_writer(&mut lines, record).unwrap();
            lines.push(b'\n');
        }
        lines
    }

    /// What the bundle says of itself where these lines are its journal.
    fn statement_of(&self, lines: &[u8]) -> Vec<u8> {
        serde_json::to_vec(&Statement { journal: Hash::of(&[lines]), ..self.statement.clone() }).unwrap()
    }

    pub(super) fn bag(&self) -> Bag {
        self.bag_of(&self.lines(), None)
    }

    /// The bag with these lines in the place of the journal.
    pub(super) fn bag_of(&self, lines: &[u8], signer: Option<&dyn Signer>) -> Bag {
        pack(&self.statement_of(lines), lines, &self.attachments, signer)
    }
}

/// A file on a disk that may be taken away.
struct Disk {
    file: Cursor<Vec<u8>>,
    gone: Arc<AtomicBool>,
}

impl Read for Disk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.gone.load(Ordering::SeqCst) {
            true => Err(io::Error::other("the disk is gone")),
            false => self.file.read(buffer),
        }
    }
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

pub(super) fn pack(
    statement: &[u8],
    journal: &[u8],
    attachments: &[(Hash, Vec<u8>)],
    signer: Option<&dyn Signer>,
) -> Bag {
    let zip = zip(statement, journal, attachments, signer);
    Opening::new().open_reader("handoff.zip", Cursor::new(zip)).unwrap()
}

fn zip(statement: &[u8], journal: &[u8], attachments: &[(Hash, Vec<u8>)], signer: Option<&dyn Signer>) -> Vec<u8> {
    let mut bag = BagWriter::new(Vec::new(), "handoff").unwrap();
    bag.add(STATEMENT, statement, Packing::Stored).unwrap();
    for (sha256, bytes) in attachments {
        bag.add(&format!("{ATTACHMENTS}{sha256}"), bytes, Packing::Stored).unwrap();
    }
    bag.add(JOURNAL, journal, Packing::Stored).unwrap();
    bag.finish(&BagInfo::new("2025-03-12".parse().unwrap()), signer).unwrap()
}

pub(super) fn office() -> Actor {
    Actor::system("office")
}

pub(super) fn take_in(memory: &Memory, from: &Memory) -> Arrival {
    memory.import_bundle(&Parts::of(from).bag()).run(office()).unwrap()
}

pub(super) fn is_sound(memory: &Memory) {
    let found = memory.verify().unwrap();
    assert!(found.is_sound(), "{found}");
}

#[test]
fn a_bundle_that_cannot_be_read_to_its_end_leaves_nothing() {
    let (agency, _, sally) = memory_with("Ana", "Sally");
    // Far more than is read ahead.
    let told = "She stops by as a reward. ".repeat(100);
    let tell = |w: &mut Writer<'_>| (0..3_000).try_for_each(|_| w.note(sally, told.as_str()).save().map(drop));
    agency.write(office(), tell).unwrap();
    let (parts, gone) = (Parts::of(&agency), Arc::new(AtomicBool::new(false)));
    let lines = parts.lines();
    let file = Cursor::new(zip(&parts.statement_of(&lines), &lines, &parts.attachments, None));
    let bag = Opening::new().open_reader("handoff.zip", Disk { file, gone: gone.clone() }).unwrap();
    let client = Memory::in_memory().unwrap();
    let before = client.head().unwrap();
    let taken = client.import_bundle(&bag).progress(|_| gone.store(true, Ordering::SeqCst)).run(office());
    assert!(taken.unwrap_err().to_string().contains("the disk is gone"));
    assert_eq!(client.head().unwrap(), before);
}

#[test]
fn a_bundle_brings_everything_once_and_the_preview_says_exactly_what() {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let bag = Parts::of(&agency).bag();
    let client = Memory::in_memory().unwrap();
    let head = client.head().unwrap();
    let preview = client.import_bundle(&bag).preview().unwrap();
    assert_eq!(client.head().unwrap(), head, "the preview kept something");
    let arrival = client.import_bundle(&bag).run(office()).unwrap();
    assert_eq!(
        Arrival { preview: true, received: None, by: String::new(), at: preview.at, ..arrival.clone() },
        preview
    );
    let one = Tally { new: 1, ..Tally::default() };
    assert_eq!((arrival.contacts, arrival.notes, arrival.members), (one, one, one));
    assert_eq!(arrival.outside[0].id, ana);
    assert_eq!(client.contact(sally).unwrap().name, "Sally");
    assert_eq!(arrival.received, Some(client.head().unwrap()));

    let again = client.import_bundle(&bag).run(office()).unwrap();
    assert!(!again.brought_anything(), "{again}");
    assert_eq!((again.contacts.equal, again.contacts.new), (1, 0));
    assert!(again.outside.is_empty(), "who came before was told as new: {again}");
    assert_eq!(arrival.received, Some(client.head().unwrap()), "a second time wrote something");
    is_sound(&client);
}

#[test]
fn a_memory_that_is_read_elsewhere_and_written_here_is_merged_in_any_order() {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let client = Memory::in_memory().unwrap();
    let _ = take_in(&client, &agency);
    let first = Parts::of(&agency).bag();
    client
        .write(office(), |w| {
            w.rename_contact(sally, "Sally Whitcomb")?;
            w.tag(sally, "vip")
        })
        .unwrap();
    agency.write(ana, |w| w.rename_contact(sally, "Sally Marsh")).unwrap();
    let arrival = take_in(&client, &agency);
    assert_eq!((arrival.contacts.conflicting, arrival.contacts.changed, arrival.contacts.equal), (1, 0, 0));
    assert_eq!(arrival.both_changed[0].name, "Sally Marsh");
    assert!(arrival.to_string().contains("1 changed on both sides"), "{arrival}");
    assert!(
        !client.import_bundle(&first).run(office()).unwrap().brought_anything(),
        "an older bundle brought something"
    );
    assert_eq!(client.contact(sally).unwrap().name, "Sally Marsh");
    assert_eq!(client.contact(sally).unwrap().tags, ["vip"]);
    is_sound(&client);
}

#[test]
fn two_owners_after_a_merge_are_listed_and_one_call_decides() {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let client = Memory::in_memory().unwrap();
    let _ = take_in(&client, &agency);
    let (mia, leo) = client
        .write(office(), |w| Ok((w.add_member(NewMember::new("Mia"))?.id, w.add_member(NewMember::new("Leo"))?.id)))
        .unwrap();
    client.write(office(), |w| w.transfer(sally, mia, Some("ours now"))).unwrap();
    let ben = agency
        .write(ana, |w| {
            let ben = w.add_member(NewMember::new("Ben"))?.id;
            w.transfer(sally, ben, Some("Ana is away"))?;
            w.follow_up(sally, "Send the menu").owner(ben).save()?;
            Ok(ben)
        })
        .unwrap();
    let arrival = take_in(&client, &agency);
    let [ToDecide::Owners(conflict)] = arrival.to_decide.as_slice() else { panic!("{arrival}") };
    let claimants: Vec<_> = conflict.claimants.iter().map(|claim| claim.member).collect();
    assert_eq!(claimants, [mia, ben]);
    assert_eq!(client.ownership_conflicts().unwrap(), std::slice::from_ref(conflict));
    assert!(arrival.to_string().contains("Sally is looked after by Mia (since"), "{arrival}");
    let brief = client.brief(sally).unwrap().to_string();
    assert!(brief.contains("Mia and Ben each look after them; somebody must decide who does"), "{brief}");
    assert!(take_in(&client, &agency).to_decide.is_empty(), "what stood before was told as new");

    // Nobody takes it for one owner in the meantime.
    let refused = |error: Error, words: &str| assert!(error.to_string().contains(words), "{error}");
    refused(client.write(office(), |w| w.transfer(sally, leo, None)).unwrap_err(), "decide by decide_owner who does");
    refused(client.write(office(), |w| w.assign(sally, leo, Role::Owner)).unwrap_err(), "looked after by Mia already");
    refused(client.write(office(), |w| w.decide_owner(sally, leo, None)).unwrap_err(), "Leo does not own Sally");

    client.write(office(), |w| w.decide_owner(sally, mia, Some("she sees her every week"))).unwrap();
    assert!(client.ownership_conflicts().unwrap().is_empty());
    let standing: Vec<_> = client.brief(sally).unwrap().owners.iter().map(|owner| owner.member).collect();
    assert_eq!(standing, [mia]);
    assert_eq!(client.follow_ups_of(mia).unwrap().len(), 1, "the promise of who steps back was left behind");
    refused(client.write(office(), |w| w.decide_owner(sally, mia, None)).unwrap_err(), "there is nothing to decide");

    // The decision travels back, and both agree.
    assert!(take_in(&agency, &client).to_decide.is_empty());
    assert!(agency.ownership_conflicts().unwrap().is_empty());
    assert_eq!(agency.owner_at(sally, chrono::Utc::now()).unwrap().unwrap().member, mia);
    is_sound(&client);
    is_sound(&agency);
}

#[test]
fn with_two_owners_a_role_can_be_ended_and_one_of_them_can_depart() {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let client = Memory::in_memory().unwrap();
    let _ = take_in(&client, &agency);
    let mia = client.write(office(), |w| Ok(w.add_member(NewMember::new("Mia"))?.id)).unwrap();
    client.write(office(), |w| w.transfer(sally, mia, None)).unwrap();
    let ben = agency
        .write(ana, |w| {
            let ben = w.add_member(NewMember::new("Ben"))?.id;
            w.transfer(sally, ben, None)?;
            Ok(ben)
        })
        .unwrap();
    let _ = take_in(&client, &agency);
    let copy = Memory::in_memory().unwrap();
    let _ = take_in(&copy, &client);
    copy.write(office(), |w| w.unassign(sally, mia, Role::Owner, None)).unwrap();
    assert!(copy.ownership_conflicts().unwrap().is_empty());
    assert_eq!(copy.owner_at(sally, chrono::Utc::now()).unwrap().unwrap().member, ben);

    let plan = client.handoff().of_member(mia).reason("leaves").to(ben).plan();
    let error = plan.unwrap_err().to_string();
    assert!(error.contains("Ben came with a bundle from another memory and cannot take over; admit_member"), "{error}");
    client.write(office(), |w| w.admit_member(ben)).unwrap();
    hands_over_her_claim_alone(&client, mia, sally);
    client.write(office(), |w| w.depart(mia, None)).unwrap();
    assert!(client.ownership_conflicts().unwrap().is_empty());
    assert_eq!(client.owner_at(sally, chrono::Utc::now()).unwrap().unwrap().member, ben);
    is_sound(&client);
}

/// In a copy, a handoff of one of two owners goes through, and leaves the claim of the other as it is.
fn hands_over_her_claim_alone(client: &Memory, mia: MemberId, sally: ContactId) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("copy.heirloom");
    client.backup(&path).unwrap();
    let copy = Memory::open(path).unwrap();
    let leo = copy.write(office(), |w| Ok(w.add_member(NewMember::new("Leo"))?.id)).unwrap();
    let plan = copy.handoff().of_member(mia).reason("leaves").to(leo).plan().unwrap();
    let handoff = copy.write(office(), |w| w.offer(&plan)).unwrap();
    copy.write(leo, |w| w.accept(handoff, sally)).unwrap();
    copy.write(office(), |w| w.complete(handoff)).unwrap();
    let [conflict] = &copy.ownership_conflicts().unwrap()[..] else { panic!("the other claim is gone") };
    let claimants: Vec<_> = conflict.claimants.iter().map(|claim| claim.member_name.as_str()).collect();
    assert_eq!(claimants, ["Ben", "Leo"]);
    is_sound(&copy);
}

/// Hands a contact over to Ben, and lets who looked after them leave.
fn leave_to_ben(memory: &Memory, leaver: MemberId, contact: ContactId) {
    let left = memory.write(office(), |w| {
        let ben = w.add_member(NewMember::new("Ben"))?;
        w.transfer(contact, &ben, None)?;
        w.depart(leaver, None)
    });
    left.unwrap();
}

#[test]
fn who_left_there_and_owns_here_awaits_a_decision() {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let client = Memory::in_memory().unwrap();
    let _ = take_in(&client, &agency);
    let tom = client
        .write(office(), |w| {
            let tom = w.add_contact(NewContact::person("Tom"))?;
            w.append(
                tom,
                crate::ownership::OwnershipAssigned {
                    member: ana,
                    member_name: "Ana".to_owned(),
                    role: Role::Owner,
                    since: w.at_micros(),
                    until: None,
                    why: None,
                },
            )?;
            Ok(tom)
        })
        .unwrap();
    leave_to_ben(&agency, ana, sally);
    let arrival = take_in(&client, &agency);
    let [ToDecide::DepartedOwner { contact, member }] = arrival.to_decide.as_slice() else { panic!("{arrival}") };
    assert_eq!((contact.id, member.as_str()), (tom, "Ana"));
    assert!(arrival.to_string().contains("Tom is looked after by Ana, who has left; transfer hands them on"));
}

#[test]
fn a_contact_who_shares_an_address_is_named_as_a_possible_duplicate() {
    let (agency, _, sally) = memory_with("Ana", "Sally");
    let (client, _, known) = memory_with("Mia", "S. Whitcomb");
    // A name on one network is not the same name on another.
    agency.write(office(), |w| w.add_handle(sally, crate::NewHandle::new(Channel::X, "@sal")).map(drop)).unwrap();
    let sal = NewContact::person("Sal").handle(Channel::Instagram, "@sal");
    client.write(office(), |w| w.add_contact(sal)).unwrap();
    let arrival = take_in(&client, &agency);
    let [twice] = arrival.duplicates.as_slice() else { panic!("{arrival}") };
    assert_eq!((twice.new.id, twice.known.id, twice.address.as_str()), (sally, known, "sally@mail.example"));
    let told = "Sally, who came, and S. Whitcomb, who was here: e-mail sally@mail.example";
    assert!(arrival.to_string().contains(told), "{arrival}");
    assert_eq!(client.by_handle(Channel::Email, "sally@mail.example").unwrap().len(), 2);
}

#[test]
fn members_who_came_are_authors_and_are_named_for_nothing_here_before_they_are_admitted() {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let client = Memory::in_memory().unwrap();
    let _ = take_in(&client, &agency);
    let (mia, tom) = client
        .write(office(), |w| {
            let mia = w.add_member(NewMember::new("Mia"))?.id;
            let tom = w.add_contact(NewContact::person("Tom"))?;
            w.assign(tom, mia, Role::Owner)?;
            Ok((mia, tom))
        })
        .unwrap();
    assert!(client.member(ana).unwrap().outside);
    let words = "Ana came with a bundle from another memory and cannot look after anybody; admit_member";
    let error = client.write(office(), |w| w.transfer(tom, ana, None)).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
    let error = client.write(office(), |w| w.assign(tom, ana, Role::Backup)).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
    let promise = client.write(mia, |w| w.follow_up(tom, "Call").owner(ana).save().map(drop));
    assert!(promise.unwrap_err().to_string().contains("can keep no promise"));
    client.write(office(), |w| w.transfer(sally, mia, None)).unwrap();

    // That they act elsewhere too says nothing of here.
    let third = Memory::in_memory().unwrap();
    let _ = take_in(&third, &client);
    third.write(office(), |w| w.admit_member(ana)).unwrap();
    let _ = take_in(&client, &third);
    assert!(client.member(ana).unwrap().outside, "another memory let them act here");
    client.write(office(), |w| w.admit_member(ana)).unwrap();
    client.write(ana, |w| w.tag(sally, "vip")).unwrap();
    is_sound(&client);
}

#[test]
fn attachments_come_along_and_those_that_do_not_can_come_later() {
    let (agency, _, sally) = memory_with("Ana", "Sally");
    let menu = crate::NewAttachment::new("menu.txt", "text/plain", b"lemon tart".to_vec());
    agency.write(office(), |w| w.attach(sally, menu).map(drop)).unwrap();
    let whole = Parts::of(&agency);
    let mut without = whole.clone();
    without.attachments.clear();
    without.recount();
    let client = Memory::in_memory().unwrap();
    let arrival = client.import_bundle(&without.bag()).run(office()).unwrap();
    assert_eq!((arrival.attachments.new, arrival.attachments_missing), (0, 1));
    assert!(arrival.to_string().contains("Of 1 attachment the bytes are not here."), "{arrival}");
    is_sound(&client);
    let again = client.import_bundle(&without.bag()).run(office()).unwrap();
    assert_eq!(again.attachments_missing, 1, "what is still missing was told once only");
    let on = client.bundle().preview().unwrap();
    assert_eq!(on.counts.attachments, 0, "{on}");
    assert!(on.to_string().contains("1 attachment: not here either"), "{on}");
    let arrival = client.import_bundle(&whole.bag()).run(office()).unwrap();
    assert_eq!((arrival.attachments, arrival.attachments_missing), (Tally { new: 1, ..Tally::default() }, 0));
    assert!(arrival.brought_anything(), "{arrival}");
    let attached = client.contact_attachments(sally).unwrap();
    assert_eq!(client.attachment_bytes(&attached[0]).unwrap(), b"lemon tart");
    let again = client.import_bundle(&whole.bag()).run(office()).unwrap();
    assert_eq!(again.attachments, Tally { equal: 1, ..Tally::default() });
    is_sound(&client);
}

#[test]
fn an_attachment_of_who_was_erased_here_stays_out_and_is_not_told_as_here() {
    let (agency, _, sally) = memory_with("Ana", "Sally");
    let ben = agency
        .write(office(), |w| {
            let ben = w.add_contact(NewContact::person("Ben"))?;
            w.attach(sally, crate::NewAttachment::new("menu.txt", "text/plain", b"lemon tart".to_vec()))?;
            w.attach(ben, crate::NewAttachment::new("lease.txt", "text/plain", b"for five years".to_vec()))?;
            Ok(ben)
        })
        .unwrap();
    let client = Memory::in_memory().unwrap();
    let _ = take_in(&client, &agency);
    let _ = client.erase(office(), ben, "asked for it").unwrap();
    for again in [take_in(&client, &agency), client.import_bundle(&Parts::of(&agency).bag()).preview().unwrap()] {
        assert_eq!(again.attachments, Tally { equal: 1, ..Tally::default() }, "{again}");
        assert_eq!((again.attachments_kept_out, again.attachments_missing), (1, 0));
        let told = "Of 1 attachment the bytes stayed out: nothing that stands here has it.";
        assert!(again.to_string().contains(told), "{again}");
    }
    is_sound(&client);
}

#[test]
fn what_was_kept_back_is_counted_and_the_history_says_why_it_is_not_there() {
    let (agency, _, sally) = memory_with("Ana", "Sally");
    agency.write(office(), |w| w.rename_contact(sally, "Sally Marsh")).unwrap();
    let mut part = Parts::of(&agency);
    part.records.iter_mut().filter(|record| record.kind == "contact.changed").for_each(Record::withhold);
    part.recount();
    let client = Memory::in_memory().unwrap();
    let arrival = client.import_bundle(&part.bag()).run(office()).unwrap();
    assert_eq!(arrival.without_body, 1);
    assert!(arrival.to_string().contains("Of 1 new entry the sender kept back what was written."), "{arrival}");
    let history = client.history(sally).unwrap();
    let kept_back = history.iter().find(|entry| entry.kind == "contact.changed").unwrap();
    assert_eq!((kept_back.change.clone(), kept_back.absent), (None, Some(Absence::Withheld)));
    assert!(kept_back.to_string().ends_with("changed something that is not readable here (withheld by who sent it)"));
    let again = client.import_bundle(&part.bag()).run(office()).unwrap();
    assert_eq!(again.without_body, 0, "what was here without a body was told as new");
    let arrival = take_in(&client, &agency);
    assert_eq!((arrival.entries.new, arrival.entries.changed), (0, 1));
    assert_eq!((arrival.contacts.changed, arrival.contacts.equal), (1, 0));
    assert!(arrival.brought_anything(), "{arrival}");
    assert_eq!(client.write(office(), |w| imports(w)).unwrap().last().unwrap().entries, 1);
    assert_eq!(client.contact(sally).unwrap().name, "Sally Marsh");
    is_sound(&client);
}

#[test]
fn names_that_are_code_elsewhere_arrive_as_text() {
    let agency = Memory::in_memory().unwrap();
    let names =
        ["<script>alert(1)</script>", "=HYPERLINK(\"http://evil.example\")", "'; DROP TABLE entry; --", "a\u{202E}b"];
    agency
        .write(office(), |w| names.iter().try_for_each(|name| w.add_contact(NewContact::person(*name)).map(drop)))
        .unwrap();
    let client = Memory::in_memory().unwrap();
    let _ = take_in(&client, &agency);
    for name in names {
        assert_eq!(client.named(name).unwrap().len(), 1, "{name}");
    }
    // In the report they steer no terminal.
    let (other, _, _) = memory_with("Ana", "\u{1B}[2JSally\nFor you to decide: nothing");
    let (known, _, _) = memory_with("Mia", "Sally");
    let told = take_in(&known, &other).to_string();
    assert!(told.contains("<U+001B>[2JSally<U+000A>For you"), "{told}");
}

#[test]
fn what_a_newer_heirloom_wrote_is_carried_and_counted() {
    let (agency, _, _) = memory_with("Ana", "Sally");
    agency
        .write(office(), |w| {
            let unknown = |body: &str| crate::Unknown {
                kind: "allergy.added".to_owned(),
                version: 1,
                body: serde_json::from_str(body).unwrap(),
            };
            w.create(crate::Change::Unknown(unknown("{\"nuts\":true}"))).map(drop)
        })
        .unwrap();
    let client = Memory::in_memory().unwrap();
    let arrival = take_in(&client, &agency);
    assert_eq!(arrival.carried.get("allergy.added"), Some(&1));
    assert!(arrival.to_string().contains("Carried for a newer heirloom: 1 × allergy.added"), "{arrival}");
    let again = take_in(&client, &agency);
    assert!(!again.brought_anything() && again.carried.is_empty(), "{again}");
    let third = Memory::in_memory().unwrap();
    assert_eq!(take_in(&third, &client).carried.get("allergy.added"), Some(&1));
    is_sound(&third);
}

/// An agency's bundle in which a newer heirloom wrote how Sally, Ana and a handoff began, and one of two notes.
fn of_a_newer_heirloom() -> (Parts, ContactId, ContactId) {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let ben = agency
        .write(ana, |w| {
            let ben = w.add_contact(NewContact::person("Ben"))?;
            w.link(ben, "knows", sally)?;
            w.tag(sally, "vip")?;
            w.note(ben, "Came with Sally").about(sally).said_by(sally).private().save()?;
            w.note(sally, "Asked for the menu").save()?;
            w.follow_up(sally, "Send the menu").save()?;
            let mia = w.add_member(NewMember::new("Mia"))?.id;
            w.transfer(sally, mia, None)?;
            Ok(ben)
        })
        .unwrap();
    let mia = agency.members().unwrap().into_iter().find(|member| member.name == "Mia").unwrap().id;
    let plan = agency.handoff().of_member(mia).reason("leaves").to(ana).plan().unwrap();
    let handoff = agency.write(office(), |w| w.offer(&plan)).unwrap();
    agency.write(ana, |w| w.accept(handoff, sally)).unwrap();
    agency.write(office(), |w| w.complete(handoff)).unwrap();
    let mut parts = Parts::of(&agency.all_seeing());
    let mut is_newer = |kind: &str, says: &str| {
        let of = |record: &&mut Record| record.kind == kind && record.body().is_some_and(|body| body.contains(says));
        let record = parts.records.iter_mut().find(of).unwrap();
        record.version = 2;
        let body = format!("{{ \"told\" : [\"{says}\", 99999999999999999999] }}");
        record.body = Some(serde_json::value::RawValue::from_string(body).unwrap());
    };
    is_newer("contact.added", "Sally");
    is_newer("member.added", "Ana");
    is_newer("note.added", "Asked for the menu");
    is_newer("handoff.offered", "leaves");
    broken::reseal(&mut parts.records);
    (parts, sally, ben)
}

#[test]
fn what_names_what_a_newer_heirloom_began_is_taken_in_and_handed_on_byte_for_byte() {
    let (parts, sally, ben) = of_a_newer_heirloom();
    let client = Memory::in_memory().unwrap();
    let arrival = client.import_bundle(&parts.bag()).run(office()).unwrap();
    for kind in ["contact.added", "member.added", "note.added", "handoff.offered"] {
        assert_eq!(arrival.carried.get(kind), Some(&1), "{arrival}");
    }
    is_sound(&client);
    client.rebuild().unwrap();
    is_sound(&client);
    assert_eq!(client.contact(sally).unwrap().name, crate::contact::NEWER);
    assert_eq!(client.contact(sally).unwrap().tags, ["vip"]);
    assert_eq!(client.contact(ben).unwrap().links[0].other.id, sally);
    assert_eq!(client.brief(sally).unwrap().owners.len(), 1);
    assert!(client.history(sally).unwrap().iter().any(|entry| matches!(entry.change, Some(crate::Change::Unknown(_)))));
    assert_eq!(client.handoffs().unwrap().len(), 1);

    // It goes on as it came, and what was written here about it goes along.
    client.write(office(), |w| w.note(sally, "Came by").save()).unwrap();
    let on = Parts::of(&client);
    for came in &parts.records {
        let goes = on.records.iter().find(|record| record.id == came.id).unwrap();
        assert_eq!(serde_json::to_string(goes).unwrap(), serde_json::to_string(came).unwrap());
    }
    let third = Memory::in_memory().unwrap();
    let _ = third.import_bundle(&on.bag()).run(office()).unwrap();
    is_sound(&third);
    let mut zip = Vec::new();
    let _report = client.bundle().write(&mut zip).unwrap();
    let bag = Opening::new().open_reader("on.zip", Cursor::new(zip)).unwrap();
    assert_eq!(Memory::in_memory().unwrap().import_bundle(&bag).run(office()).unwrap().contacts.new, 2);
}

#[test]
fn what_a_newer_heirloom_noted_is_read_by_who_reads_all_because_it_may_be_private() {
    let (parts, ..) = of_a_newer_heirloom();
    let client = Memory::in_memory().unwrap();
    let _ = client.import_bundle(&parts.bag()).run(office()).unwrap();
    let note = parts.records.iter().find(|record| record.kind == "note.added" && record.version == 2).unwrap().id;
    let read = |memory: &Memory| memory.entry(crate::EntryId(note)).unwrap().change;
    assert_eq!(read(&client), None);
    assert!(matches!(read(&client.all_seeing()), Some(crate::Change::Unknown(_))));
}

#[test]
fn no_narrowed_bundle_holds_what_a_newer_heirloom_began_nor_what_names_it() {
    let (parts, sally, ben) = of_a_newer_heirloom();
    let client = Memory::in_memory().unwrap();
    let _ = client.import_bundle(&parts.bag()).run(office()).unwrap();
    for bundle in [client.bundle().up_to(crate::Sensitivity::Health), client.bundle().of([sally, ben])] {
        let mut zip = Vec::new();
        let report = bundle.write(&mut zip).unwrap();
        let newer = report.statement.withheld.iter().find(|it| it.what == "contacts").unwrap();
        assert!(newer.count == 1 && newer.why.contains("newer heirloom"), "{report}");
        let bag = Opening::new().open_reader("on.zip", Cursor::new(zip)).unwrap();
        let third = Memory::in_memory().unwrap();
        assert_eq!(third.import_bundle(&bag).run(office()).unwrap().contacts.new, 1);
        assert!(third.contact(sally).is_err() && third.contact(ben).unwrap().links.is_empty());
        is_sound(&third);
    }
}

#[test]
fn whom_a_newer_heirloom_began_can_be_erased_here_and_elsewhere() {
    let (parts, sally, _) = of_a_newer_heirloom();
    let client = Memory::in_memory().unwrap();
    let _ = client.import_bundle(&parts.bag()).run(office()).unwrap();
    let third = Memory::in_memory().unwrap();
    let _ = third.import_bundle(&Parts::of(&client).bag()).run(office()).unwrap();
    assert_eq!(client.erase(office(), sally, "asked for it").unwrap().remains, None);
    let arrival = take_in(&third, &client);
    assert_eq!((arrival.erased.contacts, arrival.erased.remains.as_deref()), (1, None), "{arrival}");
    for memory in [&client, &third] {
        is_sound(memory);
        assert!(!dump_of(memory).contains("Sally"), "{}", dump_of(memory));
    }
}

/// The bodies of all entries.
fn dump_of(memory: &Memory) -> String {
    let bodies = "SELECT body FROM entry_body ORDER BY seq";
    memory.read(|view| view.sql().all(bodies, &[], |row| row.string(0))).unwrap().concat()
}

#[test]
fn who_was_erased_here_stays_out_and_the_report_says_so() {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let client = Memory::in_memory().unwrap();
    let _ = take_in(&client, &agency);
    client.write(office(), |w| w.note(sally, "Came by").save()).unwrap();
    assert_eq!(client.erase(office(), sally, "asked for it").unwrap().remains, None);
    agency.write(ana, |w| w.rename_contact(sally, "Sally Marsh")).unwrap();
    let arrival = take_in(&client, &agency);
    assert_eq!(arrival.kept_out, 1, "{arrival}");
    assert!(arrival.to_string().contains("1 new entry about what was erased here stayed out"), "{arrival}");
    assert!(client.contact(sally).is_err());
    is_sound(&client);
    // And there it is erased, too, once the erasure comes.
    let arrival = take_in(&agency, &client);
    assert_eq!((arrival.erased.contacts, arrival.erased.remains.as_deref()), (1, None));
    assert!(arrival.to_string().contains("Erased elsewhere: "), "{arrival}");
    assert_eq!(arrival.kept_out, 0, "what came without a body was not kept out here: {arrival}");
    is_sound(&agency);
}

#[test]
fn a_statement_above_the_limit_is_refused_before_it_is_read() {
    let (agency, ..) = memory_with("Ana", "Sally");
    let parts = Parts::of(&agency);
    let lines = parts.lines();
    let mut statement = parts.statement_of(&lines);
    statement.resize(statement.len() + (32 << 20), b' ');
    let bag = pack(&statement, &lines, &[], None);
    let error = Memory::in_memory().unwrap().import_bundle(&bag).preview().unwrap_err().to_string();
    assert!(error.contains("handoff.json: it has 3355"), "{error}");
    assert!(error.contains("the limit for it is 33554432"), "{error}");
}

#[test]
fn a_member_who_was_erased_elsewhere_and_whom_a_hold_keeps_is_named_in_the_report() {
    let (agency, ana, sally) = memory_with("Ana", "Sally");
    let client = Memory::in_memory().unwrap();
    let _ = take_in(&client, &agency);
    client.write(office(), |w| w.hold(sally, "matter 1", "ordered").map(drop)).unwrap();
    leave_to_ben(&agency, ana, sally);
    let _ = agency.erase_member(office(), ana, "case 18").unwrap();
    let told = take_in(&client, &agency).to_string();
    assert!(told.contains("Erased elsewhere: nothing more; a legal hold keeps Ana"), "{told}");
}
