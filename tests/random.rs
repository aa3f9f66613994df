//! Random sequences of calls, after which everything that must always hold still holds.
//!
//! A sequence that breaks something is made as short as it can be and printed. `HEIRLOOM_SEED` throws the same sequences
//! again; `HEIRLOOM_LONG=1` runs many more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::manual_is_multiple_of,
    reason = "tests fail by panicking, and tell what they did"
)]

mod deeds;
mod dice;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{self, Arc};

use chrono::{DateTime, Utc};
use heirloom::{
    Actor, ContactId, Durability, Entry, EntryId, Error, HandoffState, Head, Memory, NewMember, NoteId, Once,
    OpenMatter, Result, Role, Stage as HandoffStage, Visibility, Writer,
};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use self::deeds::{
    BEGIN, DEEDS, DEEDS_OF_LEAVING, Deed, Fate, HOUR, Model, Step, address, carry_out, in_words, opening, steps,
};

/// A memory whose clock the test sets.
struct Stage {
    memory: Memory,
    clock: Arc<AtomicI64>,
    _dir: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(BEGIN));
        let memory = open(&dir.path().join("random.heirloom"), &clock);
        Self { memory, clock, _dir: dir }
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.clock.load(Ordering::Relaxed)).unwrap()
    }
}

fn open(path: &std::path::Path, clock: &Arc<AtomicI64>) -> Memory {
    let clock = Arc::clone(clock);
    Memory::options()
        .durability(Durability::Normal)
        .clock(move || DateTime::from_timestamp_micros(clock.load(Ordering::Relaxed)).unwrap())
        .open(path)
        .unwrap()
}

fn feed(memory: &Memory) -> Vec<Entry> {
    memory.changes_after(memory.first_cursor()).unwrap().collect::<Result<_>>().unwrap()
}

/// Everything that can be read, as text.
fn reads(memory: &Memory, model: &Model) -> Vec<String> {
    let mut all = Vec::new();
    let seeing = memory.all_seeing();
    let mut as_others: Vec<Memory> =
        model.members.iter().take(2).map(|member| memory.seen_by(member.0).unwrap()).collect();
    as_others.extend([memory.clone(), seeing.clone()]);
    for contact in &model.contacts {
        for viewer in &as_others {
            all.push(viewer.brief(contact.id).unwrap().to_json());
            all.push(format!("{:?}", viewer.timeline(contact.id, None, usize::MAX).unwrap().notes));
        }
        all.push(format!("{:?}", memory.owners(contact.id).unwrap()));
        all.push(format!("{:?}", memory.contact_attachments(contact.id).unwrap()));
        for viewer in &as_others {
            all.push(format!("{:?}", viewer.follow_ups(contact.id).unwrap()));
        }
        all.push(format!("{:?}", seeing.history(contact.id).unwrap()));
    }
    for note in &model.notes {
        all.push(format!("{:?}", seeing.note(note.id).unwrap()));
        all.push(format!("{:?}", seeing.note_contacts(note.id).unwrap()));
        for attachment in seeing.note_attachments(note.id).unwrap() {
            all.push(format!("{attachment:?} {:?}", seeing.attachment_bytes(&attachment).unwrap()));
        }
    }
    for member in &model.members {
        all.push(format!("{:?}", memory.book(member.0).unwrap()));
    }
    all.push(format!("{:?}", memory.members().unwrap()));
    all.push(format!("{:?}", memory.agencies().unwrap()));
    all.push(format!("{:?}", memory.unowned().unwrap()));
    all.push(format!("{:?}", memory.quiet_since(DateTime::from_timestamp_micros(BEGIN).unwrap()).unwrap()));
    for which in 0..24 {
        let (channel, address) = address(which);
        all.push(format!("{:?}", memory.by_handle(channel, &address).unwrap()));
    }
    for word in ["regular", "VIP", "été"] {
        all.push(format!("{:?}", memory.tagged(word).unwrap()));
    }
    // What is found, in whatever order: how rare a word is counts a little otherwise once the index is built anew.
    for word in ["weight", "bottles", "content", "noise", "gluten free"] {
        let found = seeing.search(word).notes_only().limit(10_000).run().unwrap();
        let mut found: Vec<String> = found.iter().map(|hit| format!("{word}: {:?}", hit.found)).collect();
        found.sort();
        all.extend(found);
    }
    for handoff in memory.handoffs().unwrap() {
        all.push(format!("{handoff:?} {:?}", memory.handoff_items(handoff.id).unwrap()));
        all.push(format!("{:?}", memory.handoff_questions(handoff.id).unwrap()));
    }
    for typed in ["sal", "ito", "zoe", "李", "crux"] {
        all.push(format!("{typed}: {:?}", memory.contacts_like(typed, 10_000).unwrap()));
    }
    all.extend(feed(&seeing).iter().map(|entry| format!("{entry:?}")));
    all
}

/// Compares two answers to [`reads`], and shows only what differs.
fn assert_same(before: &[String], after: &[String], when: &str) {
    for (before, after) in before.iter().zip(after) {
        assert_eq!(before, after, "a read differs {when}");
    }
    assert_eq!(before.len(), after.len(), "a read has more or fewer answers {when}");
}

/// Runs one write and tells the model what was kept.
fn write(stage: &Stage, model: &mut Model, step: &Step) {
    let before = stage.memory.head().unwrap();
    let untouched = (step.fate == Fate::Abandoned || step.fate == Fate::Panics).then(|| reads(&stage.memory, model));
    let mut next = model.clone();
    let actor = model.actor(step.actor);
    let calls = |w: &mut Writer<'_>, next: &mut Model| {
        for call in &step.calls {
            let last: Option<EntryId> = w.last_entry();
            let done = carry_out(&stage.memory, w, next, *call);
            if done.is_err() && call.deed.does_all_or_nothing() {
                assert_eq!(w.last_entry(), last, "{call:?} was refused and is half done");
            }
            match done {
                Err(error) if step.fate == Fate::Strict => return Err(in_words(error)),
                Err(error) => drop(in_words(error)),
                Ok(()) => {}
            }
        }
        match step.fate {
            Fate::Abandoned => Err(Error::Refused("the caller thought better of it".to_owned())),
            Fate::Panics => panic!("the caller's closure panics, as it is meant to"),
            _ => Ok(()),
        }
    };
    let kept = match step.fate {
        Fate::Once(key) => {
            let key = format!("request {key}");
            match stage.memory.write_once(&actor, &key, |w| calls(w, &mut next)).map_err(in_words) {
                Ok(Once::Done(())) => {
                    let head = stage.memory.head().unwrap();
                    let again = stage.memory.write_once(&actor, &key, |_| -> Result<()> { panic!("it ran twice") });
                    // Whoever departed by this very write can ask no more.
                    if let Ok(again) = again {
                        assert!(
                            matches!(again, Once::Before(entries) if entries.len() as i64 == head.seq - before.seq - 1)
                        );
                    }
                    assert_eq!(stage.memory.head().unwrap(), head, "a repeated call writes nothing");
                    true
                }
                Ok(Once::Before(_)) | Err(_) => false,
            }
        }
        Fate::Panics => {
            let call = || stage.memory.write(&actor, |w| calls(w, &mut next)).map_err(in_words);
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
            false
        }
        _ => stage.memory.write(&actor, |w| calls(w, &mut next)).map_err(in_words).is_ok(),
    };
    if kept {
        *model = next;
        return;
    }
    assert_eq!(stage.memory.head().unwrap(), before, "a write that failed left something");
    if let Some(untouched) = untouched {
        assert_same(&untouched, &reads(&stage.memory, model), "after a write that failed");
    }
}

fn check_against_model(stage: &Stage, model: &Model) {
    let seeing = stage.memory.all_seeing();
    for kept in &model.contacts {
        let contact = seeing.contact(kept.id).unwrap();
        assert_eq!((&contact.name, &contact.audience), (&kept.name, &kept.audience));
        assert_eq!((&contact.fields, &contact.dates), (&kept.fields, &kept.dates));
        let tags: BTreeSet<String> = contact.tags.iter().map(|tag| tag.to_lowercase().replace("été", "ete")).collect();
        assert_eq!(tags, kept.tags);
        let wishes: BTreeMap<_, _> = contact.do_not_contact.into_iter().map(|wish| (wish.channel, wish.why)).collect();
        assert_eq!(wishes, kept.wishes);
        let links: BTreeSet<_> =
            contact.links.into_iter().filter(|l| !l.reversed).map(|l| (l.relation, l.other.id)).collect();
        assert_eq!(links, kept.links);
        let ids: BTreeSet<String> = contact.external_ids.into_iter().map(|id| id.id).collect();
        assert_eq!(ids, kept.external_ids);
        for (channel, address) in &kept.handles {
            let found = seeing.by_handle(*channel, address).unwrap();
            assert!(found.iter().any(|hit| hit.contact.id == kept.id), "no longer found by {address}");
        }
        let timeline = seeing.timeline(kept.id, None, usize::MAX).unwrap().notes;
        let standing: BTreeSet<NoteId> = timeline.iter().map(|note| note.id).collect();
        let expected: BTreeSet<NoteId> =
            model.notes.iter().filter(|n| !n.retracted && n.about.contains(&kept.id)).map(|n| n.id).collect();
        assert_eq!((standing.len(), &standing), (timeline.len(), &expected), "a note is gone, or twice there");
        assert_eq!(in_pages(&seeing, kept.id), timeline, "a timeline in pages differs from the whole");
    }
    for note in &model.notes {
        let stands = seeing.note(note.id).unwrap();
        assert_eq!((&stands.text, &stands.recorded_by_name), (&note.text, &note.author), "a text or an author is lost");
        assert_eq!(stands.retracted_at.is_some(), note.retracted);
        let visibility = match (note.private, note.sealed) {
            (_, true) => Visibility::Sealed,
            (true, false) => Visibility::Private,
            (false, false) => Visibility::Organisation,
        };
        assert_eq!((stands.visibility, stands.private_to), (visibility, note.private_to));
        assert_eq!(stage.memory.note(note.id).is_err(), note.private, "who may read a private note");
        for member in &model.members {
            let may = !note.private || note.private_to == Some(member.0);
            assert_eq!(
                stage.memory.seen_by(member.0).unwrap().note(note.id).is_ok(),
                may,
                "who may read a private note"
            );
        }
    }
    let members: Vec<_> =
        stage.memory.members().unwrap().into_iter().map(|m| (m.id, m.name, m.departed_at.is_some())).collect();
    assert_eq!(members, model.members);
}

/// No note is gone, no author is lost, no promise is moved or without somebody who is here to keep it.
fn check_nothing_lost(stage: &Stage, model: &Model) {
    let seeing = stage.memory.all_seeing();
    for note in &model.notes {
        assert_eq!(seeing.note(note.id).unwrap().recorded_by_name, note.author, "an author is lost");
    }
    for promise in &model.promises {
        let stands = seeing.follow_up(promise.id).unwrap();
        assert_eq!((stands.due, stands.first_owner.id), (promise.due, promise.first_owner), "a date or a name moved");
        assert_eq!((stands.is_open(), stands.owner.id), (promise.open, promise.owner), "{stands}");
        assert!(!(stands.is_open() && stands.owner.departed), "nobody who is here keeps it: {stands}");
    }
}

fn in_pages(memory: &Memory, contact: ContactId) -> Vec<heirloom::Note> {
    let (mut notes, mut after) = (Vec::new(), None);
    loop {
        let page = memory.timeline(contact, after, 2).unwrap();
        notes.extend(page.notes);
        match page.next {
            Some(next) => after = Some(next),
            None => return notes,
        }
    }
}

/// Nobody who has left owns a contact, and no contact has two owners from today on, but while a handoff lets them share.
fn check_ownership(stage: &Stage, model: &Model) {
    let now = stage.now();
    let handoffs = stage.memory.handoffs().unwrap().into_iter();
    let sharing = handoffs.filter(|h| h.state == HandoffState::Offered && h.stage == Some(HandoffStage::Share));
    let shared: HashSet<ContactId> =
        sharing.flat_map(|h| stage.memory.handoff_items(h.id).unwrap()).map(|item| item.contact.id).collect();
    for (id, name, departed) in &model.members {
        if *departed {
            assert!(stage.memory.book(*id).unwrap().is_empty(), "{name} has left and owns somebody");
        }
    }
    for contact in &model.contacts {
        let brief = stage.memory.brief(contact.id).unwrap();
        assert!(!brief.open.iter().any(|open| matches!(open, OpenMatter::OwnerDeparted(_))), "only owner has left");
        let owners: Vec<_> =
            stage.memory.owners(contact.id).unwrap().into_iter().filter(|a| a.role == Role::Owner).collect();
        for owner in &owners {
            let begin = owner.since.max(now);
            let others: Vec<_> = owners.iter().filter(|other| other.holds(begin)).collect();
            let shared = shared.contains(&contact.id);
            assert!(shared || !owner.holds(begin) || others.len() == 1, "two owners from {begin} on: {others:?}");
            assert!(
                !(owner.member_departed && owner.holds(begin)),
                "{} has left and will own again",
                owner.member_name
            );
        }
    }
}

fn check_feed<'h>(stage: &Stage, heads: impl IntoIterator<Item = &'h Head>) {
    let entries = feed(&stage.memory);
    let numbers: Vec<i64> = entries.iter().map(|entry| entry.seq).collect();
    let head = stage.memory.head().unwrap();
    assert_eq!(numbers, (1..=head.seq).collect::<Vec<_>>(), "the feed leaves out or repeats an entry");
    assert!(entries.is_sorted_by(|a, b| a.stamp < b.stamp), "stamps rise");
    assert_eq!(entries.iter().map(|entry| entry.id).collect::<HashSet<_>>().len(), entries.len(), "ids are unique");
    for noted in heads {
        let found = stage.memory.verify_against(*noted).unwrap();
        assert!(found.is_sound(), "against the head {noted}: {found}");
    }
}

fn check_sequence(steps: &[Step], backwards: bool) {
    let stage = Stage::new();
    let mut model = Model::default();
    for name in ["Mia Okafor", "Tom Okoro", "Ada Stone"] {
        let member = stage.memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new(name))).unwrap();
        model.members.push((member.id, member.name, false));
    }
    let mut heads = Vec::new();
    for step in steps {
        let hours = if backwards { i64::from(step.hours) } else { i64::from(step.hours).abs() };
        stage.clock.fetch_add(hours * HOUR, Ordering::Relaxed);
        write(&stage, &mut model, step);
        check_nothing_lost(&stage, &model);
        if !backwards {
            check_ownership(&stage, &model);
        }
        heads.push(stage.memory.head().unwrap());
    }
    check_against_model(&stage, &model);
    check_feed(&stage, heads.iter().step_by(5).chain(&model.receipts));
    let found = stage.memory.verify().unwrap();
    assert!(found.is_sound(), "{found}");
    let before = reads(&stage.memory, &model);
    stage.memory.rebuild().unwrap();
    assert_same(&before, &reads(&stage.memory, &model), "after the tables were put together anew");
    let found = stage.memory.verify().unwrap();
    assert!(found.is_sound(), "after the tables were put together anew: {found}");
    let Stage { memory, clock, _dir } = stage;
    let path = memory.path().unwrap();
    drop(memory);
    let again = open(&path, &clock);
    assert_same(&before, &reads(&again, &model), "after closing and opening");
}

thread_local! {
    /// Whether a sequence is being tried, whose panics are told once it is as short as it can be.
    static UNDER_TRIAL: Cell<bool> = const { Cell::new(false) };
}

fn check_many(cases: u64, backwards: bool, deeds: &'static [Deed], opening: fn() -> Vec<Step>) {
    static QUIET: sync::Once = sync::Once::new();
    QUIET.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !UNDER_TRIAL.get() {
                loud(panic)
            }
        }));
    });
    let mut dice = dice::Dice::thrown();
    let mut seed = [0; 32];
    seed.chunks_mut(8).for_each(|part| part.copy_from_slice(&dice.next().to_be_bytes()));
    let config =
        Config { cases: cases as u32, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let checked = runner.run(&steps(deeds), |steps: Vec<Step>| {
        UNDER_TRIAL.set(true);
        let tried = std::panic::catch_unwind(|| check_sequence(&[opening(), steps].concat(), backwards));
        UNDER_TRIAL.set(false);
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
fn whatever_is_called_the_tables_follow_from_the_journal_and_nobody_who_left_owns_anybody() {
    check_many(dice::rounds(60, 1_500), false, &DEEDS, Vec::new);
}

#[test]
fn whatever_is_called_while_people_leave_nothing_is_lost_and_nobody_reads_more_than_they_were_given() {
    check_many(dice::rounds(60, 2_000), false, &DEEDS_OF_LEAVING, opening);
}

#[test]
fn whatever_is_called_while_the_clock_runs_backwards_the_stamps_rise_and_the_tables_follow_from_the_journal() {
    check_many(dice::rounds(40, 1_000), true, &DEEDS, Vec::new);
}
