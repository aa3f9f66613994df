//! Three memories in which everything happens at once, and which tell each other of it by entries and by bundles: whole, in
//! parts, late, twice and in any order. Once each has heard everything, and no legal hold lies on anybody any more, all
//! three say the same.
//!
//! Whoever comes from elsewhere with the address of somebody who was erased goes as well, so of those who have an address
//! nobody is erased here: what a memory knew of them when it heard of it is not the same everywhere.
//!
//! A history that breaks something is made as short as it can be and printed. `HEIRLOOM_SEED` throws the same ones again;
//! `HEIRLOOM_LONG=1` throws many more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

#[path = "../../../tests/deeds/mod.rs"]
mod deeds;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::DateTime;
use proptest::prelude::{Strategy, any, prop, prop_oneof};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use self::deeds::{
    BEGIN, Call, ContactKept, DEEDS, DEEDS_OF_LEAVING, Deed, Fate, HOUR, HandoffKept, Model, NoteKept, PromiseKept,
    Step,
};
use super::tests::{entries, is_sound};
use super::*;
use crate::bundle::slice::Slice;
use crate::bundle::{Bag, BundleExport, Opening, Scope, TrustedKeys};
use crate::dice;
use crate::id::{AgencyId, ContactId, FollowUpId, HandoffId, NoteId, QuestionId};
use crate::journal::Head;
use crate::{Durability, HandoffState, Memory, NewMember, NoteKind, Sensitivity, View, Visibility};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Move {
    /// Somebody writes in one of the memories; who came from another may be admitted first.
    Write(usize, bool, Step),
    /// One memory tells another what it knows.
    Tell(usize, usize, Telling),
    /// One memory packs what it knows, to be opened later.
    Pack(usize, Telling),
    /// One memory opens what was packed earlier by any of them.
    Open(usize, u8),
    /// Somebody or something is erased in one of the memories.
    Erase(usize, u8),
    /// A legal hold is placed in one of the memories, or lifted.
    Hold(usize, u8),
    /// One memory hands some contacts over to another and deletes what it handed over.
    Purge(usize, usize, u64),
    /// Something begins, or goes on, with an entry that only a newer heirloom reads.
    Newer(usize, u8),
}

/// How much of a memory is told.
#[derive(Clone, Copy, Debug)]
enum Telling {
    /// Everything.
    Whole,
    /// Some contacts and what hangs on them, some of it by its headers alone.
    Part(u64),
    /// Some contacts, as a bundle has them: what names others is cut or withheld.
    Scoped(u64),
    /// A bundle of some scope; where the receiver sent a receipt, what is new since then in the scope of that bundle.
    Bundle(u64),
}

/// What travels.
enum Parcel {
    /// Entries, and bytes of attachments.
    Entries(Vec<Record>, BTreeMap<Vec<u8>, Vec<u8>>),
    /// A bundle.
    Bag(Box<Bag>),
}

fn moves(deeds: &'static [Deed], erasing: u32) -> impl Strategy<Value = Vec<Move>> {
    let telling = || prop_oneof![1 => proptest::strategy::Just(Telling::Whole), 2 => any::<u64>().prop_map(Telling::Part), 2 => any::<u64>().prop_map(Telling::Scoped), 3 => any::<u64>().prop_map(Telling::Bundle)];
    let one = prop_oneof![
        5 => (0..3_usize, any::<bool>(), deeds::step(deeds)).prop_map(|(at, admit, step)| Move::Write(at, admit, step)),
        3 => (0..3_usize, 1..3_usize, telling()).prop_map(|(from, on, told)| Move::Tell(from, (from + on) % 3, told)),
        1 => (0..3_usize, telling()).prop_map(|(from, told)| Move::Pack(from, told)),
        1 => (0..3_usize, any::<u8>()).prop_map(|(at, which)| Move::Open(at, which)),
        erasing => (0..3_usize, any::<u8>()).prop_map(|(at, which)| Move::Erase(at, which)),
        erasing.min(1) => (0..3_usize, any::<u8>()).prop_map(|(at, which)| Move::Hold(at, which)),
        erasing.min(1) => (0..3_usize, 1..3_usize, any::<u64>()).prop_map(|(from, on, some)| Move::Purge(from, (from + on) % 3, some)),
        1 => (0..3_usize, any::<u8>()).prop_map(|(at, which)| Move::Newer(at, which)),
    ];
    prop::collection::vec(one, 1..40)
}

/// A memory with its own clock, which goes a little otherwise than those of the others.
struct Site {
    memory: Memory,
    model: Model,
    /// The bundle that each of the others last sent a receipt for: its scope, and the head up to which it went.
    heard: [Option<(u64, Head)>; 3],
    _dir: tempfile::TempDir,
}

impl Site {
    fn new(clock: &Arc<AtomicI64>, ahead: i64) -> Self {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::clone(clock));
        let memory = Memory::options()
            .durability(Durability::Normal)
            .clock(move || DateTime::from_timestamp_micros(clock.load(Ordering::Relaxed) + ahead).unwrap())
            .open(dir.path().join("one.heirloom"))
            .unwrap();
        Self { memory, model: Model::default(), heard: [None; 3], _dir: dir }
    }

    /// Reads anew what there is to act on.
    fn look_again(&mut self) {
        let plans = std::mem::take(&mut self.model.plans);
        self.model = Model { plans, ..model_of(&self.memory) };
    }
}

fn ids<T>(memory: &Memory, query: &'static str, id: impl Fn(Uuid) -> T) -> Vec<T> {
    memory.inner.store.read(|sql| sql.all(query, &[], |row| row.uuid(0).map(&id))).unwrap()
}

/// What stands in a memory, as far as the next calls need it.
fn model_of(memory: &Memory) -> Model {
    let seeing = memory.all_seeing();
    let mut model = Model { is_merged: true, ..Model::default() };
    for id in ids(memory, "SELECT id FROM contact ORDER BY id", ContactId) {
        let contact = seeing.contact(id).unwrap();
        model.contacts.push(ContactKept {
            id,
            name: contact.name,
            audience: contact.audience,
            fields: contact.fields,
            tags: contact.tags.iter().map(|tag| tag.to_lowercase().replace("été", "ete")).collect(),
            dates: contact.dates,
            wishes: contact.do_not_contact.into_iter().map(|wish| (wish.channel, wish.why)).collect(),
            links: contact.links.into_iter().filter(|l| !l.reversed).map(|l| (l.relation, l.other.id)).collect(),
            external_ids: contact.external_ids.into_iter().map(|id| id.id).collect(),
            handles: BTreeSet::new(),
        });
    }
    for id in ids(memory, "SELECT id FROM note ORDER BY id", NoteId) {
        let note = seeing.note(id).unwrap();
        model.notes.push(NoteKept {
            id,
            text: note.text,
            about: seeing.note_contacts(id).unwrap().into_iter().map(|contact| contact.id).collect(),
            author: note.recorded_by_name,
            private_to: note.private_to,
            private: note.visibility != Visibility::Organisation,
            sealed: note.visibility == Visibility::Sealed,
            retracted: note.retracted_at.is_some(),
        });
    }
    for id in ids(memory, "SELECT id FROM follow_up ORDER BY id", FollowUpId) {
        let promise = seeing.follow_up(id).unwrap();
        model.promises.push(PromiseKept {
            id,
            contact: promise.contact.id,
            first_owner: promise.first_owner.id,
            owner: promise.owner.id,
            due: promise.due,
            open: promise.is_open(),
        });
    }
    for id in ids(memory, "SELECT id FROM handoff ORDER BY id", HandoffId) {
        model.handoffs.push(HandoffKept {
            id,
            private: Vec::new(),
            promises: BTreeMap::new(),
            readers: BTreeMap::new(),
        });
    }
    let offered = seeing.handoffs().unwrap().into_iter().filter(|handoff| handoff.state == HandoffState::Offered);
    let items = offered.flat_map(|handoff| seeing.handoff_items(handoff.id).unwrap());
    model.awaited = items.map(|item| item.successor).next_back();
    model.members = seeing.members().unwrap().into_iter().map(|m| (m.id, m.name, m.departed_at.is_some())).collect();
    model.agencies = ids(memory, "SELECT id FROM agency ORDER BY id", AgencyId);
    model.questions = ids(memory, "SELECT id FROM handoff_question ORDER BY id", QuestionId);
    model
}

/// Carries out a step; what a rule refuses is passed over, and anything else that goes wrong is a fault.
fn write(site: &mut Site, admit: bool, step: &Step) {
    site.look_again();
    if site.model.members.is_empty() {
        return;
    }
    let actor = site.model.actor(step.actor);
    if let (true, Some(member)) = (admit, actor.member()) {
        let _ = site.memory.write(Actor::system("admission"), |w| w.admit_member(member)).map_err(deeds::in_words);
    }
    let (memory, model) = (&site.memory, &mut site.model);
    let _ = memory
        .write(&actor, |w| {
            for call in &step.calls {
                match deeds::carry_out(memory, w, model, *call).map_err(deeds::in_words) {
                    Err(error) if step.fate == Fate::Strict => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        })
        .map_err(deeds::in_words);
}

/// Erases a note, a promise, who a member was, or a contact who never had an address.
fn erase(site: &mut Site, which: u8) {
    site.look_again();
    let (memory, model, host) = (site.memory.all_seeing(), &site.model, Actor::system("erasure"));
    let erased = match which % 4 {
        0 => memory.erase_note(host, model.note(which / 4), "4711"),
        1 => memory.erase_follow_up(host, model.promise(which / 4), "4711"),
        2 => match model.members.iter().filter(|member| member.2).nth(usize::from(which / 4) % 4) {
            Some((member, ..)) => memory.erase_member(host, *member, "4711"),
            None => return,
        },
        _ => {
            let contact = model.contact(which / 4);
            match memory.contact(contact).is_ok_and(|contact| contact.handles.is_empty()) {
                true => memory.erase(host, contact, "4711"),
                false => return,
            }
        }
    };
    let _ = erased.map_err(deeds::in_words);
    is_sound(&memory);
}

/// Places a legal hold for the matter of this memory on somebody, or lifts all that lie on one who is held.
fn hold(site: &mut Site, at: usize, which: u8) {
    site.look_again();
    let (memory, contact) = (&site.memory, site.model.contact(which / 2));
    let held = memory.write(Actor::system("counsel"), |w| match which % 2 {
        0 => w.hold(contact, &format!("matter {at}"), "ordered").map(drop),
        _ => w.view().holds_on(contact)?.iter().try_for_each(|hold| w.lift_hold(contact, &hold.matter, "settled")),
    });
    let _ = held.map_err(deeds::in_words);
    is_sound(memory);
}

/// Hands contacts over with a bundle, and deletes what went with it once the receipt is there.
fn purge(from: &Memory, to: &Memory, choice: u64) {
    let host = Actor::system("office");
    let Some(bag) = bundle(from, choice, None) else { return };
    let arrival = to.import_bundle(&bag).run(&host).unwrap();
    is_sound(to);
    let receipt = arrival.receipt().unwrap().to_json();
    from.record_receipt(&host, &receipt, None, &TrustedKeys::default()).unwrap();
    let purge = from.purge(&bag, "contract, clause 10").unsigned_receipt_is_enough();
    let purge = if choice.is_multiple_of(8) { purge.with_what_was_withheld() } else { purge };
    let purged = purge.preview().and_then(|preview| purge.run(&host, &preview));
    let _ = purged.map_err(deeds::in_words);
    is_sound(from);
}

/// Packs a bundle of a scope that follows from a choice, twice, which comes to the same bytes; `None` where the scope is refused.
fn bundle(from: &Memory, choice: u64, since: Option<Head>) -> Option<Bag> {
    let mut contacts = ids(from, "SELECT id FROM contact ORDER BY id", ContactId);
    contacts.retain(|contact| throw(choice, contact.0, 2).is_multiple_of(2));
    let members: Vec<MemberId> = from.members().unwrap().into_iter().map(|member| member.id).collect();
    let packed = || {
        let bundle = from.bundle();
        let bundle = match choice % 7 {
            0 => bundle.of(contacts.iter().copied()),
            1 => bundle.of(contacts.iter().copied()).without_attachments(),
            2 => bundle.members(members.iter().copied().filter(|member| throw(choice, member.0, 3).is_multiple_of(2))),
            3 => bundle.between(None, DateTime::from_timestamp_micros(BEGIN + 40 * HOUR)),
            4 => bundle.kinds([NoteKind::Conversation, NoteKind::Insight]),
            5 => bundle.up_to(Sensitivity::Ordinary),
            _ => bundle,
        };
        let (bundle, mut zip) = (since.into_iter().fold(bundle, BundleExport::since), Vec::new());
        bundle.write(&mut zip).map(|_| zip)
    };
    let zip = packed().map_err(deeds::in_words).ok()?;
    assert!(zip == packed().unwrap(), "two bundles of one state differ");
    Some(Opening::new().open_reader("x.zip", Cursor::new(zip)).unwrap())
}

/// Tells another memory; one that sent a receipt before hears what is new since.
fn tell(sites: &mut [Site; 3], from: usize, to: usize, telling: Telling) {
    let Telling::Bundle(choice) = telling else {
        open(&sites[to].memory, &pack(&sites[from].memory, telling));
        return;
    };
    let (choice, since) = match sites[from].heard[to] {
        Some((choice, head)) => (choice, Some(head)),
        None => (choice, None),
    };
    let Some(bag) = bundle(&sites[from].memory, choice, since) else { return };
    let arrival = match sites[to].memory.import_bundle(&bag).run(Actor::system("office")) {
        Ok(arrival) => arrival,
        // Who deleted what they had received cannot go on from it.
        Err(error) if since.is_some() && error.to_string().contains("deleted after it was handed over") => {
            is_sound(&sites[to].memory);
            sites[from].heard[to] = None;
            return tell(sites, from, to, telling);
        }
        Err(error) => panic!("{error}"),
    };
    is_sound(&sites[to].memory);
    let receipt = arrival.receipt().unwrap();
    let office = Actor::system("office");
    sites[from].memory.record_receipt(office, &receipt.to_json(), None, &TrustedKeys::default()).unwrap();
    sites[from].heard[to] = Some((choice, receipt.head));
}

/// Writes what only a newer heirloom reads: what others may name from here on, or about a contact.
fn write_newer(site: &mut Site, which: u8) {
    const BEGIN: [&str; 6] =
        ["contact.added", "contact.sketched", "contact.added", "note.added", "follow_up.added", "handoff.offered"];
    site.look_again();
    let newer = |kind: &str| crate::Unknown {
        kind: kind.to_owned(),
        version: 2,
        body: serde_json::json!({ "told": [1e30, "by a newer heirloom"] }),
    };
    let contact = site.model.contact(which / 8);
    site.memory
        .write(Actor::system("newer"), |w| match BEGIN.get(usize::from(which % 8)) {
            Some(kind) => w.create(Change::Unknown(newer(kind))).map(drop),
            None if w.view().contact(contact).is_ok() => w.append(contact, Change::Unknown(newer("contact.tagged"))),
            None => Ok(()),
        })
        .unwrap();
}

/// Numbers that follow from a choice and an id, the same each time.
fn throw(choice: u64, id: Uuid, salt: u64) -> u64 {
    let hash = Hash::of(&[&choice.to_be_bytes(), &salt.to_be_bytes(), id.as_bytes()]);
    u64::from_be_bytes(hash.0[..8].try_into().unwrap())
}

fn pack(from: &Memory, telling: Telling) -> Parcel {
    let mut records = entries(from);
    let mut bytes = BTreeMap::new();
    from.inner
        .store
        .read(|sql| {
            sql.each("SELECT sha256, bytes FROM attachment_bytes", &[], |row| {
                bytes.insert(row.blob(0)?.to_vec(), row.blob(1)?.to_vec());
                Ok(())
            })
        })
        .unwrap();
    match telling {
        Telling::Whole => {}
        Telling::Part(choice) => {
            narrow(&mut records, choice);
            bytes.retain(|_, _| !choice.is_multiple_of(4));
        }
        Telling::Scoped(choice) => records = scoped(from, choice),
        Telling::Bundle(choice) => {
            if let Some(bag) = bundle(from, choice, None) {
                return Parcel::Bag(Box::new(bag));
            }
        }
    }
    Parcel::Entries(records, bytes)
}

/// What a bundle about some contacts holds.
fn scoped(from: &Memory, choice: u64) -> Vec<Record> {
    let mut contacts = ids(from, "SELECT id FROM contact ORDER BY id", ContactId);
    contacts.retain(|contact| throw(choice, contact.0, 2).is_multiple_of(2));
    let scope = Scope { contacts: Some(contacts), ..Scope::default() };
    let mut records = Vec::new();
    let slice = |view: &View<'_>| {
        Slice::of(view, &scope, None)?.each(view, &mut |record| {
            records.push(record.clone());
            Ok(())
        })
    };
    from.read(slice).unwrap();
    records
}

/// Leaves some contacts and what is about them alone; the bodies of entries that name others, or handoffs that stay, are
/// withheld, and of some that name nobody.
fn narrow(records: &mut Vec<Record>, choice: u64) {
    let with_handoffs = choice & 16 == 0;
    let goes = |contact: Uuid| !throw(choice, contact, 0).is_multiple_of(3);
    let mut behind = BTreeSet::new();
    for record in records.iter().filter(|record| record.is_first()) {
        let stays = match record.about() {
            Subject::Contact(id) => !goes(id.0),
            Subject::Handoff(_) => !with_handoffs,
            Subject::Note(_) | Subject::FollowUp(_) => named(record).into_iter().any(|contact| !goes(contact)),
            _ => false,
        };
        if stays {
            behind.insert(record.subject);
        }
    }
    records.retain(|record| !behind.contains(&record.subject));
    for record in records {
        let first_may = matches!(record.kind.as_str(), "member.added" | "note.added" | "follow_up.added");
        let names_others =
            record.kind.starts_with("contact.") && named(record).into_iter().any(|contact| !goes(contact));
        let names_handoff =
            record.kind.starts_with("ownership.") && field(record, "handoff").is_some() && !with_handoffs;
        let by_chance = throw(choice, record.id, 1).is_multiple_of(8) && (!record.is_first() || first_may);
        if names_others || names_handoff || by_chance {
            record.withhold();
        }
    }
}

fn field(record: &Record, name: &str) -> Option<serde_json::Value> {
    let body: serde_json::Value = serde_json::from_str(record.body()?).unwrap();
    body.get(name).cloned()
}

/// The contacts that the body of an entry names.
fn named(record: &Record) -> Vec<Uuid> {
    let mut named = vec![field(record, "contact"), field(record, "other")];
    named.push(field(record, "said_by").and_then(|said_by| said_by.get("contact").cloned()));
    if let Some(serde_json::Value::Array(about)) = field(record, "about") {
        named.extend(about.into_iter().map(Some));
    }
    named.into_iter().flatten().map(|id| id.as_str().unwrap().parse().unwrap()).collect()
}

/// Takes in what came, and says how much of it was not known. What stands afterwards follows from the journal.
fn open(at: &Memory, parcel: &Parcel) -> usize {
    let fresh = match parcel {
        Parcel::Bag(bag) => {
            let arrival = at.import_bundle(bag).run(Actor::system("office")).unwrap();
            (arrival.entries.new + arrival.entries.changed) as usize
        }
        Parcel::Entries(records, bytes) => at
            .write(Actor::system("bundle"), |w| {
                let mut fresh = 0;
                for record in records {
                    let received = w.receive(&Incoming::new(record.clone())?)?;
                    fresh += usize::from(!matches!(received, Received::Known(_)));
                }
                w.fold_stale()?;
                take_bytes(w, bytes)?;
                Ok(fresh)
            })
            .unwrap(),
    };
    is_sound(at);
    fresh
}

fn take_bytes(w: &mut Writer<'_>, bytes: &BTreeMap<Vec<u8>, Vec<u8>>) -> Result<()> {
    let missing = w.sql().all(
        "SELECT DISTINCT sha256 FROM attachment WHERE sha256 NOT IN (SELECT sha256 FROM attachment_bytes)",
        &[],
        |row| Ok(row.blob(0)?.to_vec()),
    )?;
    for id in missing {
        match bytes.get(&id) {
            Some(bytes) => {
                w.keep_bytes(&Hash::from_slice(&id)?, bytes)?;
                w.is_here(&id)?;
            }
            None if gone::why(w.sql(), &id)?.is_none() => w.is_gone(&id, Absence::Withheld, None)?,
            None => {}
        }
    }
    Ok(())
}

/// Everything that stands in the tables, with ids in the place of keys. Whether a member came from elsewhere is left out.
fn dump(memory: &Memory) -> Vec<String> {
    let names = Names::of(memory);
    let mut lines = Vec::new();
    for table in crate::verify::TABLES.iter().copied().flatten().filter(|table| table.name != "request") {
        let columns: Vec<String> = memory
            .inner
            .store
            .read(|sql| {
                sql.all("SELECT name FROM pragma_table_info($1)", &[Value::Text(table.name)], |row| row.string(0))
            })
            .unwrap();
        memory
            .inner
            .store
            .read(|sql| {
                sql.each(table.scan, &[], |row| {
                    let told = columns.iter().enumerate().filter(|(_, column)| *column != "outside");
                    let told =
                        told.map(|(at, column)| format!("{column}={}", names.told(column, row.value(at).unwrap())));
                    lines.push(format!("{}: {}", table.name, told.collect::<Vec<_>>().join(" ")));
                    Ok(())
                })
            })
            .unwrap();
    }
    let mut journal: Vec<String> =
        entries(memory).into_iter().map(|record| format!("entry: {}", told(record))).collect();
    lines.append(&mut journal);
    lines.sort();
    lines
}

/// An entry as far as all memories that heard everything agree: each masks a name with a salt of its own, and knows itself
/// why it does not have a body.
fn told(mut record: Record) -> String {
    if matches!(record.gone, Some(Absence::Cut | Absence::Masked)) {
        let body: serde_json::Value = serde_json::from_str(record.body().unwrap()).unwrap();
        (record.salt, record.body) = (None, Some(serde_json::value::to_raw_value(&body).unwrap()));
    }
    if matches!(record.gone, Some(Absence::Erased | Absence::Purged)) {
        record.gone = Some(Absence::Withheld);
    }
    format!("{record:?}")
}

/// What a user reads of everything, by ids. What stands at one instant is read in the order of arrival, and sorted here.
fn reads(memory: &Memory) -> Vec<String> {
    let seeing = memory.all_seeing();
    let mut all = Vec::new();
    for id in ids(memory, "SELECT id FROM contact ORDER BY id", ContactId) {
        all.push(format!("{:?}", seeing.contact(id).unwrap()));
        all.push(format!("{:?}", seeing.contact_attachments(id).unwrap()));
        all.extend(seeing.owners(id).unwrap().iter().map(|role| format!("{id}: {role:?}")));
        all.extend(seeing.follow_ups(id).unwrap().iter().map(|promise| format!("{promise:?}")));
        all.push(history(&seeing, id));
        assert!(seeing.brief(id).is_ok(), "a brief that cannot be read");
    }
    for id in ids(memory, "SELECT id FROM note ORDER BY id", NoteId) {
        all.push(format!("{:?} {:?}", seeing.note(id).unwrap(), seeing.note_attachments(id).unwrap()));
        all.push(history(&seeing, id));
    }
    for handoff in seeing.handoffs().unwrap() {
        all.push(format!("{handoff:?}"));
        all.extend(seeing.handoff_items(handoff.id).unwrap().iter().map(|item| format!("{}: {item:?}", handoff.id)));
        all.extend(seeing.handoff_questions(handoff.id).unwrap().iter().map(|question| format!("{question:?}")));
        all.push(history(&seeing, handoff.id));
        let _ = seeing.receipt(handoff.id).map_err(deeds::in_words);
    }
    for agency in seeing.agencies().unwrap() {
        all.push(format!("{agency:?}"));
    }
    all.sort();
    all
}

/// The history of a subject in its order, without the numbers of the entries.
fn history(memory: &Memory, subject: impl Into<Subject>) -> String {
    let entries = memory.history(subject).unwrap();
    entries.iter().map(|e| format!("{} {} {} {:?} {:?}\n", e.stamp, e.id, e.at, e.actor, e.change)).collect()
}

/// What the keys of a memory mean.
struct Names {
    entries: BTreeMap<i64, Uuid>,
    actors: BTreeMap<i64, String>,
}

impl Names {
    fn of(memory: &Memory) -> Self {
        memory
            .inner
            .store
            .read(|sql| {
                let entries = sql.all("SELECT seq, id FROM entry", &[], |row| Ok((row.int(0)?, row.uuid(1)?)))?;
                let actors = sql.all("SELECT key, kind, member, name FROM actor", &[], |row| {
                    Ok((row.int(0)?, format!("{} {:?} {}", row.text(1)?, row.blob(2)?, row.text(3)?)))
                })?;
                Ok(Self { entries: entries.into_iter().collect(), actors: actors.into_iter().collect() })
            })
            .unwrap()
    }

    fn told(&self, column: &str, value: Value<'_>) -> String {
        match (column, value) {
            (column, Value::Int(key)) if column.ends_with("_by") => self.actors[&key].clone(),
            (
                "key" | "contact" | "other" | "note" | "member" | "agency" | "subject" | "handoff" | "party" | "leaver"
                | "successor" | "first_owner" | "owner" | "said_by_member" | "said_by_contact",
                Value::Int(key),
            ) => self.entries[&key].to_string(),
            ("voice" | "private_to", Value::Int(key)) if key > 0 => self.entries[&key].to_string(),
            (_, value) => format!("{value:?}"),
        }
    }
}

fn assert_same(one: &[String], other: &[String], which: &str) {
    let (one_has, other_has): (BTreeSet<_>, BTreeSet<_>) = (one.iter().collect(), other.iter().collect());
    let only: Vec<_> = one_has.difference(&other_has).take(4).collect();
    let lacks: Vec<_> = other_has.difference(&one_has).take(4).collect();
    assert!(only.is_empty() && lacks.is_empty(), "{which}: one has {only:#?}\nthe other has {lacks:#?}");
    assert_eq!(one.len(), other.len(), "{which}");
}

fn check_history(moves: &[Move]) {
    let clock = Arc::new(AtomicI64::new(BEGIN));
    let mut sites = [0, 5 * HOUR, -7 * HOUR].map(|ahead| Site::new(&clock, ahead));
    for (site, name) in sites.iter().zip(["Mia Okafor", "Tom Okoro", "Ada Stone"]) {
        site.memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new(name))).unwrap();
    }
    let mut packed = Vec::new();
    for one in moves {
        match one {
            Move::Write(at, admit, step) => {
                clock.fetch_add(i64::from(step.hours).abs() * HOUR / 4, Ordering::Relaxed);
                write(&mut sites[*at], *admit, step);
            }
            Move::Tell(from, to, telling) => tell(&mut sites, *from, *to, *telling),
            Move::Hold(at, which) => hold(&mut sites[*at], *at, *which),
            Move::Purge(from, to, choice) => purge(&sites[*from].memory, &sites[*to].memory, *choice),
            Move::Pack(from, telling) => packed.push(pack(&sites[*from].memory, *telling)),
            Move::Erase(at, which) => erase(&mut sites[*at], *which),
            Move::Newer(at, which) => write_newer(&mut sites[*at], *which),
            Move::Open(at, which) => {
                if let Some(parcel) = packed.get(usize::from(*which) % packed.len().max(1)) {
                    open(&sites[*at].memory, parcel);
                    assert_eq!(open(&sites[*at].memory, parcel), 0, "a second time brought something");
                }
            }
        }
    }
    exchange_until_all_is_known(&sites);
    for Site { memory, .. } in &sites {
        for hold in memory.holds().unwrap() {
            let lift = |w: &mut Writer<'_>| w.lift_hold(hold.contact.id, &hold.matter, "settled");
            memory.write(Actor::system("counsel"), lift).map_err(deeds::in_words).unwrap_or_default();
        }
    }
    exchange_until_all_is_known(&sites);
    let all = dump(&sites[0].memory);
    for site in &sites[1..] {
        assert_same(&all, &dump(&site.memory), "two memories that know the same");
        assert_same(&reads(&sites[0].memory), &reads(&site.memory), "two memories that know the same");
    }
    let fresh = Site::new(&clock, 0);
    open(&fresh.memory, &pack(&sites[1].memory, Telling::Whole));
    assert_same(&all, &dump(&fresh.memory), "a memory that was told all at once");
    sites[2].memory.rebuild().unwrap();
    assert_same(&all, &dump(&sites[2].memory), "a memory that was put together anew");
}

fn exchange_until_all_is_known(sites: &[Site; 3]) {
    for round in 0.. {
        let mut fresh = 0;
        for (from, to) in [(0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)] {
            fresh += open(&sites[to].memory, &pack(&sites[from].memory, Telling::Whole));
        }
        if fresh == 0 {
            return;
        }
        assert!(round < 5, "there is always something new");
    }
}

/// Contacts with notes, promises and a handoff that was offered, in the first memory, of which the others are told.
fn opening() -> Vec<Move> {
    let handed =
        [(Deed::Link, 0, 1, 0), (Deed::Identify, 1, 1, 0), (Deed::Identify, 2, 1, 0), (Deed::AddHandle, 1, 1, 0)];
    let handed = handed.into_iter().chain([(Deed::Plan, 3, 0, 0)]);
    let step = |calls: Vec<Call>| Step { actor: 0, hours: 1, calls, fate: Fate::Kept };
    let calls = handed.map(|(deed, a, b, c)| Call { deed, a, b, c }).collect();
    let offer = Call { deed: Deed::Offer, a: 0, b: 0, c: 0 };
    let steps = deeds::opening().into_iter().chain([step(calls), step(vec![offer])]);
    let mut moves: Vec<Move> = steps.map(|step| Move::Write(0, false, step)).collect();
    moves.extend([Move::Tell(0, 1, Telling::Whole), Move::Tell(1, 2, Telling::Whole)]);
    moves
}

fn check_many(cases: u64, deeds: &'static [Deed], erasing: u32) {
    let mut dice = dice::Dice::thrown();
    let mut seed = [0; 32];
    seed.chunks_mut(8).for_each(|part| part.copy_from_slice(&dice.next().to_be_bytes()));
    let config =
        Config { cases: cases as u32, failure_persistence: None, max_shrink_iters: 1_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let checked = runner.run(&moves(deeds, erasing), |moves: Vec<Move>| {
        let tried = std::panic::catch_unwind(|| check_history(&[opening(), moves].concat()));
        tried.map_err(|panic| {
            let words = panic.downcast_ref::<String>().cloned();
            TestCaseError::fail(words.or(panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default())
        })
    });
    if let Err(failure) = checked {
        panic!("{failure}");
    }
}

#[test]
fn whatever_three_memories_tell_each_other_in_whatever_order_in_the_end_all_say_the_same() {
    check_many(dice::rounds(10, 300), &DEEDS, 0);
}

#[test]
fn whatever_three_memories_tell_each_other_while_people_leave_in_the_end_all_say_the_same() {
    check_many(dice::rounds(10, 300), &DEEDS_OF_LEAVING, 0);
}

#[test]
fn whatever_three_memories_tell_each_other_while_some_of_it_is_erased_held_and_purged_in_the_end_all_say_the_same() {
    check_many(dice::rounds(10, 150), &DEEDS_OF_LEAVING, 2);
}
