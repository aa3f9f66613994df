//! What must hold when a bundle is taken in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::io::Cursor;

mod broken;

use super::*;
use crate::bundle::slice::Slice;
use crate::bundle::{BagInfo, BagWriter, Opening, Packing, Scope, Signer};
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
                    records.push(record.clone());
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

    pub(super) fn bag(&self) -> Bag {
        self.bag_of(&self.lines(), None)
    }

    /// The bag with these lines in the place of the journal.
    pub(super) fn bag_of(&self, lines: &[u8], signer: Option<&dyn Signer>) -> Bag {
        let statement = Statement { journal: Hash::of(&[lines]), ..self.statement.clone() };
        pack(&serde_json::to_vec(&statement).unwrap(), lines, &self.attachments, signer)
    }
}

pub(super) fn pack(
    statement: &[u8],
    journal: &[u8],
    attachments: &[(Hash, Vec<u8>)],
    signer: Option<&dyn Signer>,
) -> Bag {
    let mut bag = BagWriter::new(Vec::new(), "handoff").unwrap();
    bag.add(STATEMENT, statement, Packing::Stored).unwrap();
    for (sha256, bytes) in attachments {
        bag.add(&format!("{ATTACHMENTS}{sha256}"), bytes, Packing::Stored).unwrap();
    }
    bag.add(JOURNAL, journal, Packing::Stored).unwrap();
    let zip = bag.finish(&BagInfo::new("2025-03-12".parse().unwrap()), signer).unwrap();
    Opening::new().open_reader("handoff.zip", Cursor::new(zip)).unwrap()
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

/// A memory with a member and a contact whom they own.
pub(super) fn memory_with(member: &str, contact: &str) -> (Memory, MemberId, ContactId) {
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
    assert_eq!((arrival.contacts.new, arrival.notes.new, arrival.members.new), (1, 1, 1));
    assert_eq!(arrival.outside[0].id, ana);
    assert_eq!(client.contact(sally).unwrap().name, "Sally");
    assert_eq!(arrival.received, Some(client.head().unwrap()));

    let again = client.import_bundle(&bag).run(office()).unwrap();
    assert!(!again.brought_anything(), "{again}");
    assert_eq!((again.contacts.equal, again.contacts.new), (1, 0));
    assert_eq!(arrival.received, Some(client.head().unwrap()), "a second time wrote something");
    is_sound(&client);
}
