//! What real systems lose when somebody leaves, and heirloom does not: each test is named for what it guards against.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, TimeZone, Utc};
use heirloom::{
    Actor, AgencyId, Change, ContactId, Entry, EntryId, Error, Fate, FollowUp, FollowUpId, HandoffId, Member, Memory,
    NewAttachment, NewContact, NewMember, NoteId, Planner, Role, Subject, Visibility,
};
use tempfile::TempDir;

/// The Agency (Tom and Ana) looks after three guests, with notes, promises and secrets; Eva and Jonas of the restaurant
/// are to take over.
struct Scene {
    dir: TempDir,
    memory: Memory,
    agency: AgencyId,
    tom: Member,
    ana: Member,
    eva: Member,
    jonas: Member,
    sally: ContactId,
    ben: ContactId,
    carla: ContactId,
    secret: NoteId,
}

fn open(path: &Path) -> Memory {
    let at: DateTime<Utc> = Utc.with_ymd_and_hms(2025, 3, 10, 9, 0, 0).unwrap();
    Memory::options().clock(move || at).open(path).unwrap()
}

fn scene() -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let memory = open(&dir.path().join("table.heirloom"));
    let (agency, [tom, ana, eva, jonas]) = memory
        .write(Actor::system("setup"), |w| {
            let agency = w.add_agency("The Agency", None, None)?;
            let [tom, ana] = ["Tom Okoro", "Ana Silva"].map(|name| NewMember::new(name).of_agency(agency));
            let [eva, jonas] = ["Eva Stein", "Jonas Weber"].map(NewMember::new);
            Ok((agency, [w.add_member(tom)?, w.add_member(ana)?, w.add_member(eva)?, w.add_member(jonas)?]))
        })
        .unwrap();
    let (sally, ben, secret) = memory
        .write(&tom, |w| {
            let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
            let ben = w.add_contact(NewContact::person("Ben Ito"))?;
            w.assign(sally, &tom, Role::Owner)?;
            w.assign(ben, &tom, Role::Owner)?;
            let reward = w.note(sally, "Stops by as a reward when she reaches her weekly weight goal").insight();
            let reward = reward.said_by(sally).attach(NewAttachment::new("tart.txt", "text/plain", "a tart")).save()?;
            w.note_about(&[sally, ben], "Bought bottles for schools in Africa together")?.said_by(&ana).save()?;
            w.follow_up(sally, "Send the summer menu").due("2025-04").from_note(reward).save()?;
            w.follow_up(sally, "Keep her the quiet table").due("2025-03-14").owner(&eva).save()?;
            w.follow_up(ben, "Call back").save()?;
            Ok((sally, ben, w.note(sally, "Her operation is on Monday").private().save()?))
        })
        .unwrap();
    let carla = memory
        .write(&ana, |w| {
            let carla = w.add_contact(NewContact::person("Carla Diaz"))?;
            w.assign(carla, &ana, Role::Owner)?;
            w.note(carla, "Comes with her sister").save()?;
            w.follow_up(carla, "Find out about the nuts").due("2025-05-02T10:00:00Z").save()?;
            w.follow_up(sally, "Print the photo").due("2026").save()?;
            Ok(carla)
        })
        .unwrap();
    Scene { dir, memory, agency, tom, ana, eva, jonas, sally, ben, carla, secret }
}

impl Scene {
    fn planner(&self) -> Planner<'_> {
        self.memory.handoff().of_agency(self.agency).to(&self.eva).reason("the contract ends")
    }

    fn complete(&self, handoff: HandoffId) {
        self.memory
            .write(&self.eva, |w| {
                w.accept_all(handoff)?;
                w.complete(handoff)
            })
            .unwrap();
    }

    /// Lets Eva take everything over, and the agency depart.
    fn agency_leaves(&self) -> HandoffId {
        let plan = self.planner().plan().unwrap();
        let handoff = self.memory.write(&self.eva, |w| w.offer(&plan)).unwrap();
        self.complete(handoff);
        self.memory.write(&self.eva, |w| w.depart(self.agency, Some("the contract ended"))).unwrap();
        handoff
    }

    fn contacts(&self) -> [ContactId; 3] {
        [self.sally, self.ben, self.carla]
    }

    fn promises(&self) -> BTreeMap<FollowUpId, FollowUp> {
        let promises = self.contacts().into_iter().flat_map(|contact| self.memory.follow_ups(contact).unwrap());
        promises.map(|promise| (promise.id, promise)).collect()
    }

    fn feed(&self) -> Vec<Entry> {
        feed(&self.memory)
    }

    fn reads(&self, member: &Member, note: NoteId) -> bool {
        self.memory.seen_by(member).unwrap().note(note).is_ok()
    }
}

fn feed(memory: &Memory) -> Vec<Entry> {
    let memory = memory.all_seeing();
    memory.changes_after(memory.first_cursor()).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_sole_manager_who_leaves_is_refused_with_what_would_be_left() {
    let s = scene();
    for (party, left) in
        [(s.tom.id.into(), "Ben Ito, Sally Marsh"), (s.agency.into(), "Ben Ito, Carla Diaz, Sally Marsh")]
    {
        let party: heirloom::Party = party;
        let before = s.memory.head().unwrap();
        let refused = s.memory.write(&s.eva, |w| w.depart(party, None)).unwrap_err();
        assert!(matches!(refused, Error::Refused(_)), "{refused}");
        let words = refused.to_string();
        assert!(words.contains(left) && words.contains("“Send the summer menu” to Sally Marsh"), "{words}");
        assert_eq!(s.memory.head().unwrap(), before);
    }
    s.agency_leaves();
    for contact in s.contacts() {
        assert_eq!(s.memory.brief(contact).unwrap().owners[0].member, s.eva.id);
    }
    assert!(s.memory.unowned().unwrap().is_empty());
}

#[test]
fn an_author_is_readable_after_they_left() {
    let s = scene();
    s.agency_leaves();
    let seen = s.memory.seen_by(&s.eva).unwrap();
    let notes = seen.timeline(s.sally, None, 10).unwrap().notes;
    assert_eq!(notes.len(), 2);
    for note in notes {
        assert_eq!((note.recorded_by, note.recorded_by_name.as_str()), (Actor::from(&s.tom), "Tom Okoro"));
        let said_by = note.said_by.unwrap();
        assert!(said_by.contact == Some(s.sally) || said_by.member == Some(s.ana.id), "{said_by:?}");
        assert!(["Sally Marsh", "Ana Silva"].contains(&said_by.name.as_str()));
    }
    for (member, name) in [(&s.tom, "Tom Okoro"), (&s.ana, "Ana Silva")] {
        let read = s.memory.member(member).unwrap();
        assert!(read.has_departed() && read.name == name);
        assert!(s.feed().iter().any(|entry| entry.kind == "note.added" && entry.actor == Actor::from(member)));
    }
    let first: Vec<String> = s.promises().into_values().map(|promise| promise.first_owner.name).collect();
    assert_eq!(first.iter().filter(|name| *name == "Tom Okoro").count(), 2);
    assert_eq!(first.iter().filter(|name| *name == "Ana Silva").count(), 2);
}

#[test]
fn no_activity_disappears_with_who_leaves() {
    let s = scene();
    let seeing = s.memory.all_seeing();
    let activity = || {
        let notes = s.contacts().map(|contact| seeing.timeline(contact, None, 100).unwrap().notes);
        let attached: Vec<_> = notes.iter().flatten().map(|note| seeing.note_attachments(note.id).unwrap()).collect();
        let told: Vec<String> = s.promises().into_values().map(|promise| promise.what).collect();
        (notes, attached, told)
    };
    let (before, entries) = (activity(), s.feed());
    let handoff = s.agency_leaves();
    assert_eq!(activity(), before);
    assert!(s.promises().values().all(FollowUp::is_open), "what was planned is done or dropped");
    assert_eq!(s.feed()[..entries.len()], entries, "an entry is gone, or another");
    s.memory
        .write(&s.eva, |w| {
            w.welcome_back(s.agency)?;
            w.undo(handoff, "signed for another year")
        })
        .unwrap();
    assert_eq!(activity(), before);
}

/// What changed about whom, by whom and when, with the kind of what caused it where that is not the handoff.
type DeedTold = (Subject, Change, Actor, DateTime<Utc>, Option<String>);

/// All that was done after an entry, by subject, but what leads to a handoff.
fn deeds(memory: &Memory, after: i64) -> Vec<DeedTold> {
    let entries = feed(memory);
    let kinds: BTreeMap<EntryId, String> = entries.iter().map(|entry| (entry.id, entry.kind.clone())).collect();
    let deeds = entries.into_iter().filter(|entry| entry.seq > after);
    let deeds = deeds.filter(|e| !e.kind.starts_with("handoff.") && !e.kind.starts_with("ownership.offered"));
    let deeds = deeds.filter(|e| e.kind != "ownership.accepted");
    let caused = |entry: &Entry| entry.cause.map(|cause| kinds[&cause].clone()).filter(|c| c != "handoff.completed");
    let mut told: Vec<DeedTold> =
        deeds.map(|e| (e.subject, e.change.clone().unwrap(), e.actor.clone(), e.at, caused(&e))).collect();
    told.sort_by_key(|deed| deed.0);
    told
}

#[test]
fn bulk_and_single_transfers_write_equal_entries() {
    let s = scene();
    let path = s.dir.path().join("single.heirloom");
    s.memory.backup(&path).unwrap();
    let (single, before) = (open(&path), s.memory.head().unwrap().seq);
    let plan = s.planner().plan().unwrap();
    let handoff = s.memory.write(&s.eva, |w| w.offer(&plan)).unwrap();
    s.complete(handoff);
    for contact in s.contacts() {
        single.write(&s.eva, |w| w.transfer(contact, &s.eva, Some("the contract ends"))).unwrap();
    }
    // What Ana promised to a contact of another is hers alone to hand on, or the handoff's.
    let photo = single.follow_ups_of(&s.ana).unwrap().remove(0);
    single.write(&s.eva, |w| w.hand_on_follow_up(&photo, &s.eva, Some("the contract ends"))).unwrap();
    let (bulk, single) = (deeds(&s.memory, before), deeds(&single, before));
    assert_eq!(bulk.len(), 3 + 4, "three contacts and four promises: {bulk:?}");
    assert_eq!(bulk, single);
}

#[test]
fn a_successor_reads_all_that_is_not_private() {
    let s = scene();
    let organisation: Vec<_> =
        s.contacts().into_iter().flat_map(|contact| s.memory.timeline(contact, None, 100).unwrap().notes).collect();
    s.agency_leaves();
    let seen = s.memory.seen_by(&s.eva).unwrap();
    let read: Vec<_> =
        s.contacts().into_iter().flat_map(|contact| seen.timeline(contact, None, 100).unwrap().notes).collect();
    assert_eq!((read.len(), &read), (4, &organisation));
    for (typed, text) in [("weight goal", "reward"), ("bottles africa", "schools"), ("sister", "Comes with")] {
        let found = seen.search(typed).notes_only().run().unwrap();
        assert!(found[0].snippet.text.contains(text), "{found:?}");
    }
    let tart = read.iter().flat_map(|note| seen.note_attachments(note.id).unwrap()).next().unwrap();
    assert_eq!(seen.attachment_bytes(&tart).unwrap(), b"a tart");
    let brief = seen.brief(s.sally).unwrap().to_string();
    for known in ["weekly weight goal", "Send the summer menu", "Print the photo", "bottles for schools"] {
        assert!(brief.contains(known), "{known} is not in\n{brief}");
    }
}

#[test]
fn custody_does_not_widen_reading() {
    let s = scene();
    s.agency_leaves();
    let all = [&s.tom, &s.ana, &s.eva, &s.jonas];
    assert_eq!(all.map(|member| s.reads(member, s.secret)), [true, false, false, false]);
    assert!(s.memory.seen_by(&s.eva).unwrap().search("operation").run().unwrap().is_empty());
    assert!(!s.memory.brief(s.sally).unwrap().to_string().contains("operation"));
    let receipt = s.memory.receipt(s.memory.handoffs().unwrap()[0].id).unwrap();
    assert_eq!(receipt.withheld, 1, "the note that stays private is told of: {receipt}");
}

#[test]
fn a_note_that_came_to_the_leaver_after_the_offer_is_not_handed_on() {
    let s = scene();
    let of_jonas = s.memory.write(&s.jonas, |w| w.note(s.sally, "Owes me a favour").private().save()).unwrap();
    let plan = s.planner().private_notes(Fate::Release).plan().unwrap();
    // The host may decide for those who leave, and nobody has decided for Jonas.
    let handoff = s.memory.write(Actor::system("crm"), |w| w.offer(&plan)).unwrap();
    s.memory.write(&s.jonas, |w| w.release_note(of_jonas, &s.tom, Some("for your last week"))).unwrap();
    s.complete(handoff);
    assert!(s.reads(&s.eva, s.secret) && !s.reads(&s.tom, s.secret), "what was decided on is released");
    assert!(s.reads(&s.tom, of_jonas) && !s.reads(&s.eva, of_jonas), "what nobody decided on is handed on");
    assert_eq!(s.memory.receipt(handoff).unwrap().withheld, 1);
}

#[test]
fn of_a_private_note_about_several_contacts_the_most_careful_fate_counts() {
    let s = scene();
    let [both, three] = [vec![s.sally, s.ben], vec![s.ben, s.carla]].map(|about| {
        s.memory.write(&s.ana, |w| w.note_about(&about, "They are no longer a couple")?.private().save()).unwrap()
    });
    let promised = |contact| s.memory.write(&s.ana, |w| w.follow_up(contact, "Be discreet").save()).unwrap();
    for contact in [s.sally, s.ben] {
        promised(contact);
    }
    let planner = s.memory.handoff().of_member(&s.ana).to(&s.eva).reason("r").private_notes(Fate::Release);
    let plan = planner.private_notes_about([s.ben], Fate::Seal).private_notes_about([s.carla], Fate::Withhold);
    let plan = plan.except(s.contacts(), &s.eva).plan().unwrap();
    let handoff = s.memory.write(&s.ana, |w| w.offer(&plan)).unwrap();
    s.complete(handoff);
    let seeing = s.memory.all_seeing();
    assert_eq!(seeing.note(both).unwrap().visibility, Visibility::Sealed, "to be released and to be sealed");
    assert_eq!(seeing.note(three).unwrap().private_to, Some(s.ana.id), "to be sealed and to be withheld");
    let receipt = s.memory.receipt(handoff).unwrap();
    assert_eq!((receipt.counts["note.sealed"], receipt.withheld), (1, 1), "{receipt}");
    assert!(!receipt.counts.contains_key("note.released"), "{receipt}");
}

#[test]
fn due_dates_and_who_promised_do_not_move() {
    let s = scene();
    let terms = || -> Vec<_> {
        let promises = s.promises().into_values();
        promises.map(|promise| (promise.id, promise.due, promise.first_owner.id, promise.added_at)).collect()
    };
    let before = terms();
    assert_eq!(before.len(), 5);
    s.memory.write(&s.tom, |w| w.transfer(s.ben, &s.jonas, Some("first of all"))).unwrap();
    assert_eq!(terms(), before, "a transfer moved a date");
    let handoff = s.agency_leaves();
    assert_eq!(terms(), before, "a handoff moved a date");
    let held: Vec<String> = s.promises().into_values().map(|promise| promise.owner.name).collect();
    assert!(held.iter().all(|name| name == "Eva Stein" || name == "Jonas Weber"), "{held:?}");
    s.memory
        .write(&s.eva, |w| {
            w.welcome_back(s.agency)?;
            w.undo(handoff, "signed for another year")
        })
        .unwrap();
    assert_eq!(terms(), before, "an undoing moved a date");
}

#[test]
fn what_the_system_changes_by_itself_names_its_cause() {
    let s = scene();
    s.memory.write(&s.tom, |w| w.assign(s.carla, &s.tom, Role::Backup)).unwrap();
    let before = s.memory.head().unwrap().seq;
    let plan = s.planner().private_notes(Fate::Release).plan().unwrap();
    let handoff = s.memory.write(Actor::system("crm"), |w| w.offer(&plan)).unwrap();
    s.complete(handoff);
    s.memory
        .write(&s.eva, |w| {
            w.depart(s.agency, None)?;
            w.welcome_back(s.agency)?;
            w.undo(handoff, "signed for another year")
        })
        .unwrap();
    let feed = s.feed();
    let kind_of = |id: EntryId| feed.iter().find(|entry| entry.id == id).unwrap().kind.as_str();
    let mut told: BTreeMap<(&str, Option<&str>), usize> = BTreeMap::new();
    for entry in feed.iter().filter(|entry| entry.seq > before) {
        *told.entry((entry.kind.as_str(), entry.cause.map(kind_of))).or_default() += 1;
    }
    let expected = [
        (("agency.departed", None), 1),
        (("agency.returned", None), 1),
        (("follow_up.handed", Some("handoff.completed")), 1),
        (("follow_up.handed", Some("handoff.undone")), 4),
        (("follow_up.handed", Some("ownership.transferred")), 3),
        (("handoff.completed", None), 1),
        (("handoff.offered", None), 1),
        (("handoff.receipted", None), 2),
        (("handoff.undone", None), 1),
        (("member.departed", Some("agency.departed")), 2),
        (("member.returned", Some("agency.returned")), 2),
        (("note.released", Some("handoff.completed")), 1),
        (("note.released", Some("handoff.undone")), 1),
        (("ownership.accepted", None), 3),
        (("ownership.ended", Some("member.departed")), 1),
        (("ownership.offered", None), 4),
        (("ownership.transferred", Some("handoff.completed")), 3),
        (("ownership.transferred", Some("handoff.undone")), 3),
    ];
    assert_eq!(told, BTreeMap::from(expected));
}
