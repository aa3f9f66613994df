//! Leaving: plan, offer, answer, stages, completion, undo. The names tell which failure of real systems each guards against.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use heirloom::{
    Actor, ContactId, Error, Fate, Gap, HandoffId, HandoffState, ItemState, LeftAlone, Member, Memory, NewContact,
    NewMember, NoteId, NoteKind, Plan, PlanChange, Role, Stage,
};

/// The Agency (Tom and Ana) looks after five guests; Eva and Jonas of the restaurant are to take over.
struct Scene {
    memory: Memory,
    agency: heirloom::AgencyId,
    tom: Member,
    eva: Member,
    jonas: Member,
    sally: ContactId,
    ben: ContactId,
    carla: ContactId,
    dan: ContactId,
    /// Owned by Eva.
    fay: ContactId,
    clock: Arc<AtomicI64>,
}

fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2025, 3, 10, 9, 0, 0).unwrap()
}

fn scene() -> Scene {
    let clock = Arc::new(AtomicI64::new(0));
    let hours = Arc::clone(&clock);
    let memory =
        Memory::options().clock(move || start() + TimeDelta::hours(hours.load(Ordering::Relaxed))).in_memory().unwrap();
    let (agency, [tom, ana, eva, jonas]) = memory
        .write(Actor::system("setup"), |w| {
            let agency = w.add_agency("The Agency", None, None)?;
            let [tom, ana] = ["Tom Okoro", "Ana Silva"].map(|name| NewMember::new(name).of_agency(agency));
            let [eva, jonas] = ["Eva Stein", "Jonas Weber"].map(NewMember::new);
            Ok((agency, [w.add_member(tom)?, w.add_member(ana)?, w.add_member(eva)?, w.add_member(jonas)?]))
        })
        .unwrap();
    let [sally, ben, carla, dan, fay] = memory
        .write(&tom, |w| {
            let [sally, ben, carla, dan, fay] = ["Sally Marsh", "Ben Ito", "Carla Diaz", "Dan Wu", "Fay Reed"]
                .map(|name| w.add_contact(NewContact::person(name)));
            let contacts = [sally?, ben?, carla?, dan?, fay?];
            let [sally, ben, carla, dan, fay] = contacts;
            w.note(sally, "Stops by as a reward when she reaches her weekly weight goal").insight().save()?;
            w.note(ben, "Bought bottles for schools in Africa").save()?;
            w.note(dan, "Asked for a quiet table").said_by(&eva).save()?;
            w.assign(sally, &tom, Role::Owner)?;
            w.assign(ben, &tom, Role::Owner)?;
            w.assign(carla, &ana, Role::Owner)?;
            w.assign(dan, &ana, Role::Owner)?;
            w.assign(dan, &jonas, Role::Backup)?;
            w.assign(fay, &eva, Role::Owner)?;
            Ok(contacts)
        })
        .unwrap();
    Scene { memory, agency, tom, eva, jonas, sally, ben, carla, dan, fay, clock }
}

impl Scene {
    fn later(&self, hours: i64) {
        self.clock.fetch_add(hours, Ordering::Relaxed);
    }

    fn plan(&self) -> Plan {
        self.memory.handoff().of_agency(self.agency).reason("contract ends 31 March").to(&self.eva).plan().unwrap()
    }

    fn offer(&self, plan: &Plan) -> HandoffId {
        self.memory.write(&self.eva, |w| w.offer(plan)).unwrap()
    }

    fn completed(&self) -> HandoffId {
        let handoff = self.offer(&self.plan());
        self.memory.write(&self.eva, |w| w.accept_all(handoff)).unwrap();
        self.memory.write(&self.eva, |w| w.complete(handoff)).unwrap();
        handoff
    }

    /// Hands the book of Tom to Eva, who has accepted all of it.
    fn accepted(&self) -> HandoffId {
        let plan = self.memory.handoff().of_member(&self.tom).reason("moves to Lagos").to(&self.eva).plan().unwrap();
        let handoff = self.offer(&plan);
        self.memory.write(&self.eva, |w| w.accept_all(handoff)).unwrap();
        handoff
    }

    /// Hands the book of one to another, whose private notes meet a fate.
    fn hand_on(&self, from: &Member, to: &Member, fate: Fate) -> HandoffId {
        let plan = self.memory.handoff().of_member(from).reason("moves to Lagos").to(to).private_notes(fate).plan();
        let handoff = self.memory.write(from, |w| w.offer(&plan?)).unwrap();
        self.memory.write(to, |w| w.accept_all(handoff)).unwrap();
        self.memory.write(to, |w| w.complete(handoff)).unwrap();
        handoff
    }

    /// A private note of Tom about Sally, and the handoff by which Tom left it.
    fn private_note_handed_on(&self, fate: Fate) -> (NoteId, HandoffId) {
        let note = self.memory.write(&self.tom, |w| w.note(self.sally, "Owes me a favour").private().save()).unwrap();
        (note, self.hand_on(&self.tom, &self.eva, fate))
    }

    /// As [`Scene::accepted`], brought to a stage an hour ago.
    fn staged(&self, stage: Stage) -> HandoffId {
        let handoff = self.accepted();
        self.memory.write(&self.tom, |w| w.advance(handoff, stage, None)).unwrap();
        self.later(1);
        handoff
    }

    /// Who looks after a contact today, in which role and until when.
    fn roles(&self, contact: ContactId) -> Vec<String> {
        let until = |until: Option<DateTime<Utc>>| until.map(|at| format!(" until {}", at.date_naive()));
        let owners = self.memory.brief(contact).unwrap().owners.into_iter();
        owners.map(|a| format!("{} {}{}", a.member_name, a.role, until(a.until).unwrap_or_default())).collect()
    }

    fn owners(&self, contact: ContactId) -> Vec<String> {
        let at = start() + TimeDelta::hours(self.clock.load(Ordering::Relaxed));
        let owners = self.memory.owners(contact).unwrap();
        owners.into_iter().filter(|a| a.role == Role::Owner && a.holds(at)).map(|a| a.member_name).collect()
    }

    fn refused<T>(
        &self,
        actor: impl Into<Actor>,
        f: impl FnOnce(&mut heirloom::Writer<'_>) -> heirloom::Result<T>,
    ) -> String {
        let head = self.memory.head().unwrap();
        let Err(error) = self.memory.write(actor, f) else { panic!("it was done") };
        assert_eq!(self.memory.head().unwrap(), head, "nothing is half-done");
        assert!(matches!(error, Error::Refused(_) | Error::Invalid { .. }), "{error:?}");
        error.to_string()
    }

    fn is_sound(&self) {
        let found = self.memory.verify().unwrap();
        assert!(found.is_sound(), "{found}");
    }
}

fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "“{word}” is not in: {text}");
    }
}

#[test]
fn an_agency_leaves_and_two_employees_take_over() {
    let s = scene();
    let vip = [s.sally];
    let plan =
        s.memory.handoff().of_agency(s.agency).reason("contract ends").to(&s.eva).except(vip, &s.jonas).plan().unwrap();
    assert_eq!(plan.items.len(), 4);
    assert!(plan.is_ready(), "{plan}");
    let handoff = s.memory.write(&s.eva, |w| w.offer(&plan)).unwrap();
    assert_eq!(s.memory.offered_to(&s.jonas).unwrap().len(), 1);
    assert_eq!(s.memory.write(&s.eva, |w| w.accept_all(handoff)).unwrap(), 3);
    says(&s.refused(&s.eva, |w| w.complete(handoff)), &["undecided for 1 contact", "Sally Marsh (awaits Jonas Weber)"]);
    s.memory.write(&s.jonas, |w| w.accept(handoff, s.sally)).unwrap();
    let receipt = s.memory.write(&s.eva, |w| w.complete(handoff)).unwrap();
    assert_eq!(receipt.counts["ownership.transferred"], 4);
    assert_eq!(receipt.successors.iter().map(|share| share.contacts).sum::<u64>(), 4);
    assert!(s.memory.verify_against(receipt.head).unwrap().is_sound());
    assert_eq!(s.memory.receipt(handoff).unwrap(), receipt);
    assert_eq!(s.owners(s.sally), ["Jonas Weber"]);
    assert_eq!(s.owners(s.ben), ["Eva Stein"]);
    s.memory.write(&s.eva, |w| w.depart(s.agency, Some("contract ended"))).unwrap();
    assert!(s.memory.member(&s.tom).unwrap().has_departed());
    let note = &s.memory.timeline(s.sally, None, 10).unwrap().notes[0];
    assert_eq!(note.recorded_by_name, "Tom Okoro", "the author is readable afterwards");
    s.is_sound();
}

#[test]
fn a_plan_changes_nothing_and_says_everything() {
    let s = scene();
    let head = s.memory.head().unwrap();
    s.memory.write(&s.tom, |w| w.note(s.sally, "Told me of her operation").private().save()).unwrap();
    s.later(24 * 400);
    let plan = s.memory.handoff().of_agency(s.agency).reason("the end").to_backups().plan().unwrap();
    assert_eq!(s.memory.head().unwrap().seq, head.seq + 1);
    let gaps = |contact| &plan.items.iter().find(|item| item.contact.id == contact).unwrap().gaps;
    assert!(gaps(s.carla).contains(&Gap::NoNotes) && gaps(s.carla).contains(&Gap::NoSuccessor));
    assert!(gaps(s.sally).contains(&Gap::OneVoice) && gaps(s.sally).contains(&Gap::NoBackup));
    assert!(gaps(s.dan).contains(&Gap::Quiet { since: start() }) && !gaps(s.dan).contains(&Gap::OneVoice));
    let dan = plan.items.iter().find(|item| item.contact.id == s.dan).unwrap();
    assert_eq!(dan.successor_name.as_deref(), Some("Jonas Weber"), "the backup takes over");
    let shown = plan.to_string();
    says(&shown, &["nobody would take over: 3", "no note at all: 1 (Carla Diaz)", "1 withheld", "the end"]);
    assert!(!shown.contains("operation"));
    let error = s.refused(&s.eva, |w| w.offer(&plan));
    says(
        &error,
        &["3 of 4 contacts", "Ben Ito (nobody would take over)", "say who takes them over, or leave them out"],
    );
}

#[test]
fn a_team_takes_over_evenly_and_a_tag_goes_to_one() {
    let s = scene();
    s.memory.write(&s.tom, |w| w.tag(s.ben, "Donor")).unwrap();
    let plan = s
        .memory
        .handoff()
        .of_agency(s.agency)
        .reason("r")
        .spread([&s.eva, &s.jonas])
        .tagged("donor", &s.jonas)
        .plan()
        .unwrap();
    let shares: Vec<u64> = plan.successors.iter().map(|share| share.contacts).collect();
    assert_eq!(shares, [2, 2]);
    let ben = plan.items.iter().find(|item| item.contact.id == s.ben).unwrap();
    assert_eq!(ben.successor, Some(s.jonas.id));
}

#[test]
fn a_saved_plan_is_compared_with_today_and_an_outdated_one_is_not_offered() {
    let s = scene();
    let saved = serde_json::to_string(&s.plan()).unwrap();
    let plan: Plan = serde_json::from_str(&saved).unwrap();
    assert_eq!(plan, s.plan());
    assert_eq!(s.memory.changes_since(&plan).unwrap(), []);
    s.memory
        .write(&s.tom, |w| {
            w.transfer(s.ben, &s.jonas, None)?;
            let gus = w.add_contact(NewContact::person("Gus"))?;
            w.assign(gus, &s.tom, Role::Owner)?;
            w.note(s.sally, "Prefers the window").save()
        })
        .unwrap();
    let changes = s.memory.changes_since(&plan).unwrap();
    assert_eq!(changes.len(), 3, "{changes:?}");
    assert!(changes.iter().any(|c| matches!(c, PlanChange::Notes { from: 1, to: 2, .. })));
    let error = s.refused(&s.eva, |w| w.offer(&plan));
    says(&error, &["out of date", "Ben Ito is looked after by Jonas Weber", "Gus came to Tom Okoro", "redraw"]);
    assert!(!error.contains("notes"), "{error}");
    let fresh = s.memory.redraw(&plan).unwrap();
    s.memory.write(&s.eva, |w| w.offer(fresh)).unwrap();
}

#[test]
fn a_successor_who_departed_outdates_the_plan() {
    let s = scene();
    let plan = s.memory.handoff().of_agency(s.agency).reason("r").to(&s.jonas).plan().unwrap();
    s.memory.write(&s.eva, |w| w.depart(&s.jonas, None)).unwrap();
    says(&s.refused(&s.eva, |w| w.offer(&plan)), &["Jonas Weber has departed"]);
    let error = s.memory.redraw(&plan).unwrap_err().to_string();
    says(&error, &["Jonas Weber departed on 2025-03-10", "name a member who is here"]);
}

#[test]
fn what_is_declined_goes_back_to_be_decided() {
    let s = scene();
    let handoff = s.offer(&s.plan());
    s.memory.write(&s.eva, |w| w.decline(handoff, s.sally, "we do not get on")).unwrap();
    s.memory.write(&s.eva, |w| w.accept_all(handoff)).unwrap();
    says(&s.refused(&s.eva, |w| w.complete(handoff)), &["Sally Marsh (declined by Eva Stein)"]);
    says(&s.refused(&s.jonas, |w| w.accept(handoff, s.sally)), &["offered to Eva Stein, not to Jonas Weber"]);
    says(&s.refused(&s.eva, |w| w.offer_to(handoff, s.sally, &s.tom)), &["Tom Okoro is who leaves"]);
    s.memory.write(&s.eva, |w| w.offer_to(handoff, s.sally, &s.jonas)).unwrap();
    s.memory.write(&s.jonas, |w| w.accept(handoff, s.sally)).unwrap();
    says(&s.refused(&s.jonas, |w| w.accept(handoff, s.sally)), &["Sally Marsh was accepted on 2025-03-10 already"]);
    s.memory.write(&s.eva, |w| w.keep(handoff, s.ben, "Tom stays her contact")).unwrap();
    let receipt = s.memory.write(&s.eva, |w| w.complete(handoff)).unwrap();
    assert_eq!(receipt.counts["ownership.transferred"], 3);
    assert_eq!(s.owners(s.ben), ["Tom Okoro"]);
    let items = s.memory.handoff_items(handoff).unwrap();
    let ben = items.iter().find(|item| item.contact.id == s.ben).unwrap();
    assert_eq!((ben.state, ben.why.as_deref()), (ItemState::Kept, Some("Tom stays her contact")));
    s.is_sound();
}

#[test]
fn a_question_is_answered_by_an_insight() {
    let s = scene();
    let handoff = s.offer(&s.plan());
    let question = s.memory.write(&s.eva, |w| w.ask(handoff, s.sally, "What does she drink?")).unwrap();
    says(&s.refused(&s.jonas, |w| w.ask(handoff, s.sally, "And eat?")), &["Sally Marsh is not offered to Jonas Weber"]);
    let note = s.memory.write(&s.tom, |w| w.answer(question, "Mint tea, no sugar")).unwrap();
    let note = s.memory.note(note).unwrap();
    assert_eq!((note.kind, note.text.as_str()), (NoteKind::Insight, "What does she drink? Mint tea, no sugar"));
    assert_eq!(note.recorded_by_name, "Tom Okoro");
    says(&s.refused(&s.tom, |w| w.answer(question, "Coffee")), &["was answered on 2025-03-10"]);
    assert_eq!(s.memory.handoff_questions(handoff).unwrap()[0].answer, Some(note.id));
}

#[test]
fn a_gradual_handoff_goes_by_shadow_share_and_hold() {
    let s = scene();
    let day = |days| start() + TimeDelta::days(days);
    let plan = s
        .memory
        .handoff()
        .of_agency(s.agency)
        .reason("coached until they can do it themselves")
        .to(&s.eva)
        .stage(Stage::Shadow, day(7))
        .stage(Stage::Share, day(14))
        .stage(Stage::Hold, day(21))
        .plan()
        .unwrap();
    let handoff = s.offer(&plan);
    says(&s.refused(&s.tom, |w| w.advance(handoff, Stage::Shadow, None)), &["undecided for 4 contacts"]);
    s.memory.write(&s.eva, |w| w.accept_all(handoff)).unwrap();
    let roles = |contact| {
        let owners = s.memory.brief(contact).unwrap().owners;
        owners.into_iter().map(|a| format!("{} {}", a.member_name, a.role)).collect::<Vec<_>>()
    };
    s.memory.write(&s.tom, |w| w.advance(handoff, Stage::Shadow, Some("the Monday list"))).unwrap();
    assert_eq!(roles(s.sally), ["Tom Okoro owner", "Eva Stein shadow"]);
    let stands = s.memory.handoff_by_id(handoff).unwrap();
    assert_eq!((stands.stage, stands.stage_until), (Some(Stage::Shadow), Some(day(7))));
    says(&stands.to_string(), &["stage: shadow since 2025-03-10, until 2025-03-17", "still to learn: the Monday list"]);
    s.later(24 * 7);
    s.memory.write(&s.tom, |w| w.advance(handoff, Stage::Share, None)).unwrap();
    assert_eq!(roles(s.sally), ["Tom Okoro owner", "Eva Stein owner"]);
    says(&s.refused(&s.tom, |w| w.advance(handoff, Stage::Shadow, None)), &["in its stage share already"]);
    s.later(24 * 7);
    s.memory.write(&s.tom, |w| w.advance(handoff, Stage::Hold, None)).unwrap();
    assert_eq!(roles(s.sally), ["Eva Stein owner", "Tom Okoro backup"]);
    s.later(24 * 7);
    s.memory.write(&s.eva, |w| w.complete(handoff)).unwrap();
    assert_eq!(roles(s.sally), ["Eva Stein owner"]);
    s.memory.write(&s.eva, |w| w.undo(handoff, "signed for another year")).unwrap();
    assert_eq!(roles(s.sally), ["Tom Okoro owner"]);
    assert_eq!(roles(s.dan), ["Ana Silva owner", "Jonas Weber backup"]);
    s.is_sound();
}

#[test]
fn a_gradual_handoff_that_is_withdrawn_leaves_the_roles_as_they_were() {
    let s = scene();
    let handoff = s.offer(&s.plan());
    s.memory.write(&s.eva, |w| w.accept_all(handoff)).unwrap();
    s.memory.write(&s.tom, |w| w.advance(handoff, Stage::Hold, None)).unwrap();
    assert_eq!(s.owners(s.sally), ["Eva Stein"]);
    s.memory.write(&s.tom, |w| w.withdraw(handoff, "she is ill")).unwrap();
    assert_eq!(s.owners(s.sally), ["Tom Okoro"]);
    assert_eq!(s.memory.brief(s.sally).unwrap().owners.len(), 1);
    assert_eq!(s.memory.handoff_by_id(handoff).unwrap().state, HandoffState::Withdrawn);
    s.is_sound();
}

#[test]
fn an_undone_handoff_gives_back_what_it_took_and_leaves_alone_what_came_since() {
    let s = scene();
    let handoff = s.completed();
    s.later(48);
    s.memory
        .write(&s.eva, |w| {
            w.transfer(s.carla, &s.jonas, Some("her sister"))?;
            w.note(s.sally, "Now comes on Fridays").save()
        })
        .unwrap();
    let undone = s.memory.write(&s.eva, |w| w.undo(handoff, "signed for another year")).unwrap();
    assert_eq!(s.owners(s.sally), ["Tom Okoro"]);
    assert_eq!(s.owners(s.dan), ["Ana Silva"]);
    assert_eq!(s.owners(s.carla), ["Jonas Weber"]);
    assert_eq!(s.memory.timeline(s.sally, None, 10).unwrap().notes.len(), 2);
    let moved =
        undone.left_alone.iter().any(|l| matches!(l, LeftAlone::MovedOn { owners, .. } if owners == &["Jonas Weber"]));
    assert!(moved && undone.left_alone.len() == 2, "{undone}");
    says(&undone.to_string(), &["Carla Diaz went on to Jonas Weber", "notes that came since: 1 (Sally Marsh 1)"]);
    assert_eq!(undone.receipt.outcome, HandoffState::Undone);
    says(&s.refused(&s.eva, |w| w.undo(handoff, "again")), &["was undone on 2025-03-12 already"]);
    s.is_sound();
}

#[test]
fn a_handoff_is_not_undone_after_a_later_one_took_the_same_contacts() {
    let s = scene();
    let first = s.completed();
    let plan = s.memory.handoff().of_member(&s.eva).reason("Eva moves on").to(&s.jonas).plan().unwrap();
    let second = s.offer(&plan);
    let error = s.refused(&s.eva, |w| w.undo(first, "no"));
    says(&error, &["a later handoff", "“Eva moves on” of 2025-03-10 has 4 of them", "undo or withdraw that one first"]);
    s.memory.write(&s.eva, |w| w.withdraw(second, "she stays")).unwrap();
    s.memory.write(&s.eva, |w| w.undo(first, "yes")).unwrap();
}

#[test]
fn a_handoff_of_somebody_who_departed_is_undone_once_they_are_back() {
    let s = scene();
    let handoff = s.completed();
    s.memory.write(&s.eva, |w| w.depart(s.agency, None)).unwrap();
    says(&s.refused(&s.eva, |w| w.undo(handoff, "signed again")), &["Tom Okoro", "departed", "welcome_back"]);
    s.memory
        .write(&s.eva, |w| {
            w.welcome_back(s.agency)?;
            w.undo(handoff, "signed again")
        })
        .unwrap();
    assert_eq!(s.owners(s.sally), ["Tom Okoro"]);
}

#[test]
fn two_handoffs_over_the_same_contact_are_refused_and_the_first_is_named() {
    let s = scene();
    let (one, two) = (s.plan(), s.memory.handoff().of_contacts([s.sally]).reason("other").to(&s.jonas).plan().unwrap());
    s.offer(&one);
    let error = s.refused(&s.jonas, |w| w.offer(&two));
    says(&error, &["Sally Marsh", "in the handoff “contract ends 31 March” of 2025-03-10"]);
}

#[test]
fn bad_successors_and_plans_are_refused_in_words() {
    let s = scene();
    let planner = || s.memory.handoff().of_agency(s.agency).reason("r");
    let error = |p: heirloom::Planner<'_>| p.plan().unwrap_err().to_string();
    says(&error(planner().to(&s.tom)), &["Tom Okoro is among those who leave"]);
    says(&error(s.memory.handoff().of_member(&s.tom).reason("r").to(&s.tom)), &["Tom Okoro is among those who leave"]);
    says(&error(s.memory.handoff().reason("r").to(&s.eva)), &["nobody leaves"]);
    says(&error(s.memory.handoff().of_agency(s.agency).to(&s.eva)), &["reason of a handoff", "empty"]);
    says(
        &error(planner().to(&s.eva).stage(Stage::Hold, start()).stage(Stage::Share, start())),
        &["stages of a handoff"],
    );
    let nobody = planner().plan().unwrap();
    says(&s.refused(&s.eva, |w| w.offer(&nobody)), &["4 of 4 contacts", "nobody would take over"]);
    let fay = s.memory.handoff().of_contacts([s.fay, s.ben]).reason("r").to(&s.eva).plan().unwrap();
    says(&s.refused(&s.eva, |w| w.offer(&fay)), &["1 of 2 contacts", "Fay Reed (it would go to who has it already)"]);
    let other = scene();
    says(&s.refused(&s.eva, |w| w.offer(other.plan())), &["drawn up for the memory", "draw one up here"]);
    let empty = s.memory.handoff().of_member(&s.jonas).reason("r").to(&s.eva).plan().unwrap();
    says(&s.refused(&s.eva, |w| w.offer(&empty)), &["hands over nothing"]);
    s.memory.write(&s.eva, |w| w.depart(&s.jonas, None)).unwrap();
    says(&error(planner().to(&s.jonas)), &["Jonas Weber departed on 2025-03-10 and cannot take over"]);
}

#[test]
fn a_handoff_that_is_over_takes_no_more_answers() {
    let s = scene();
    let handoff = s.completed();
    for error in [
        s.refused(&s.eva, |w| w.accept(handoff, s.sally)),
        s.refused(&s.eva, |w| w.accept_all(handoff)),
        s.refused(&s.eva, |w| w.complete(handoff)),
        s.refused(&s.eva, |w| w.withdraw(handoff, "no")),
    ] {
        says(&error, &["“contract ends 31 March” of 2025-03-10 was completed on 2025-03-10"]);
    }
    let plan = s.memory.handoff().of_member(&s.eva).reason("r").to(&s.jonas).plan().unwrap();
    let open = s.offer(&plan);
    says(&s.refused(Actor::system("crm"), |w| w.accept(open, s.fay)), &["by the successor in person"]);
}

#[test]
fn a_contact_that_went_elsewhere_meanwhile_is_named_and_nothing_is_half_done() {
    let s = scene();
    let handoff = s.offer(&s.plan());
    s.memory.write(&s.eva, |w| w.accept_all(handoff)).unwrap();
    s.memory.write(&s.tom, |w| w.transfer(s.ben, &s.jonas, None)).unwrap();
    let error = s.refused(&s.eva, |w| w.complete(handoff));
    says(&error, &["no longer stands as it was offered", "Ben Ito is looked after by Jonas Weber", "keep"]);
    s.memory.write(&s.eva, |w| w.keep(handoff, s.ben, "went to Jonas")).unwrap();
    s.memory.write(&s.eva, |w| w.complete(handoff)).unwrap();
}

#[test]
fn private_notes_are_released_by_their_author_or_the_host_alone() {
    let s = scene();
    let plan =
        s.memory.handoff().of_member(&s.eva).reason("r").to(&s.jonas).private_notes(Fate::Release).plan().unwrap();
    s.memory.write(&s.eva, |w| w.note(s.fay, "A secret of Eva’s").private().save()).unwrap();
    says(&s.refused(&s.eva, |w| w.offer(&plan)), &["out of date", "private notes about Fay Reed: 1 instead of 0"]);
    let plan = s.memory.redraw(&plan).unwrap();
    let error = s.refused(&s.jonas, |w| w.offer(&plan));
    says(&error, &["release private notes of Eva Stein", "for Eva Stein to decide, or for the host"]);
    let handoff = s.memory.write(&s.eva, |w| w.offer(&plan)).unwrap();
    says(&s.refused(&s.jonas, |w| w.offer_to(handoff, s.fay, &s.jonas)), &["release private notes of Eva Stein"]);
}

#[test]
fn private_notes_meet_the_fate_that_their_author_chose() {
    let s = scene();
    let secret = |contact, text: &str| s.memory.write(&s.tom, |w| w.note(contact, text).private().save()).unwrap();
    let (released, sealed) = (secret(s.sally, "Owes me a favour"), secret(s.ben, "Is divorcing"));
    let plan = s.memory.handoff().of_member(&s.tom).reason("r").to(&s.eva);
    let plan = plan.private_notes(Fate::Release).private_notes_about([s.ben], Fate::Seal).plan().unwrap();
    says(&plan.to_string(), &["1 released to the successor", "1 sealed until a stated reason opens them"]);
    let handoff = s.memory.write(&s.tom, |w| w.offer(&plan)).unwrap();
    let late = secret(s.sally, "Written after the offer");
    s.memory.write(&s.eva, |w| w.accept_all(handoff)).unwrap();
    let receipt = s.memory.write(&s.eva, |w| w.complete(handoff)).unwrap();
    assert_eq!((receipt.counts["note.released"], receipt.counts["note.sealed"], receipt.withheld), (1, 1, 1));
    let (eva, tom) = (s.memory.seen_by(&s.eva).unwrap(), s.memory.seen_by(&s.tom).unwrap());
    assert!(eva.note(released).is_ok() && tom.note(released).is_err());
    assert!(eva.note(sealed).is_err() && tom.note(sealed).is_err());
    assert!(eva.note(late).is_err() && tom.note(late).is_ok());
    s.memory.write(&s.eva, |w| w.undo(handoff, "stays")).unwrap();
    assert!(eva.note(released).is_err() && tom.note(released).is_ok() && tom.note(sealed).is_ok());
    s.is_sound();
}

#[test]
fn a_plan_a_handoff_and_a_receipt_read_well_and_fit_a_terminal() {
    let s = scene();
    let long = "Find out whether the room upstairs is free for the forty guests of her brother’s wedding in May";
    s.memory
        .write(&s.tom, |w| {
            w.note(s.sally, "Owes me a favour").private().save()?;
            w.follow_up(s.sally, long).due("2025-03-01").save()?;
            w.follow_up(s.ben, "Call him").save()
        })
        .unwrap();
    let plan =
        s.memory.handoff().of_member(&s.tom).of_member(&s.jonas).reason("the contract ends").to(&s.eva).plan().unwrap();
    let shown = plan.to_string();
    says(
        &shown,
        &["Plan of 2025-03-10: Tom Okoro and Jonas Weber leave (the contract ends)\n", "brother’s wedding in"],
    );
    says(&shown, &["  2025-03-01  Sally Marsh: Find out", "(overdue) — Tom Okoro", "  no date     Ben Ito:"]);
    let handoff = s.offer(&plan);
    s.memory.write(&s.eva, |w| w.accept_all(handoff)).unwrap();
    let receipt = s.memory.write(&s.eva, |w| w.complete(handoff)).unwrap().to_string();
    says(&receipt, &["2  contacts changed hands\n", "2  promises moved, with their dates\n"]);
    says(&receipt, &["\nLeft as it is\n", "1  private note of those who leave, private to its author\n"]);
    s.later(24);
    let undone = s.memory.write(&s.eva, |w| w.undo(handoff, "signed again")).unwrap().to_string();
    let stands = s.memory.handoff_by_id(handoff).unwrap().to_string();
    let first = "Tom Okoro and Jonas Weber leave (the contract ends): offered on 2025-03-10,\n\
                 completed on 2025-03-10, undone on 2025-03-11 (signed again)\n";
    assert!(stands.starts_with(first), "{stands}");
    let wide = |line: &&str| line.chars().count() > 80 && !line.starts_with("  Head ");
    let lines: Vec<&str> = [&shown, &receipt, &undone, &stands].into_iter().flat_map(|text| text.lines()).collect();
    assert_eq!(lines.into_iter().filter(wide).collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn what_is_offered_to_somebody_who_leaves_too_is_refused_whole() {
    let s = scene();
    let ana = s.memory.members_called("Ana Silva").unwrap().remove(0);
    s.memory.write(&ana, |w| w.follow_up(s.sally, "Print the photo").save()).unwrap();
    let handoff = s.offer(&s.plan());
    s.memory.write(&s.eva, |w| w.decline(handoff, s.sally, "no time")).unwrap();
    for leaver in [&s.tom, &ana] {
        let before = s.memory.history(s.sally).unwrap().len();
        let error = s.memory.write(&s.eva, |w| Ok(w.offer_to(handoff, s.sally, leaver).unwrap_err())).unwrap();
        says(&error.to_string(), &["is who leaves"]);
        assert_eq!(s.memory.history(s.sally).unwrap().len(), before, "a part of the contact was offered");
    }
}

#[test]
fn who_was_given_a_contact_back_between_a_stage_and_the_end_owns_it_once_after_the_undoing() {
    let s = scene();
    let handoff = s.offer(&s.plan());
    s.memory.write(&s.eva, |w| w.accept_all(handoff)).unwrap();
    s.memory.write(&s.tom, |w| w.advance(handoff, Stage::Hold, None)).unwrap();
    s.memory.write(&s.eva, |w| w.transfer(s.sally, &s.tom, Some("too early"))).unwrap();
    s.memory
        .write(&s.eva, |w| {
            w.complete(handoff)?;
            w.undo(handoff, "signed for another year")
        })
        .unwrap();
    assert_eq!(s.owners(s.sally), ["Tom Okoro"]);
    s.is_sound();
}

#[test]
fn a_contact_that_leaves_a_gradual_handoff_half_way_is_as_it_was() {
    let roles = |s: &Scene, contact| {
        let owners = s.memory.brief(contact).unwrap().owners;
        owners.into_iter().map(|a| format!("{} {}", a.member_name, a.role)).collect::<Vec<_>>()
    };
    for stage in [Stage::Shadow, Stage::Share, Stage::Hold] {
        let s = scene();
        let promise = s.memory.write(&s.tom, |w| w.follow_up(s.sally, "A slice of tart").save()).unwrap();
        let handoff = s.offer(&s.plan());
        s.memory.write(&s.eva, |w| w.accept_all(handoff)).unwrap();
        s.memory.write(&s.tom, |w| w.advance(handoff, stage, None)).unwrap();
        s.memory.write(&s.tom, |w| w.keep(handoff, s.sally, "she asked for Tom")).unwrap();
        assert_eq!(roles(&s, s.sally), ["Tom Okoro owner"], "{stage}");
        assert_eq!(s.memory.follow_up(promise).unwrap().owner.name, "Tom Okoro");
        s.memory.write(&s.tom, |w| w.offer_to(handoff, s.ben, &s.jonas)).unwrap();
        assert_eq!(roles(&s, s.ben), ["Tom Okoro owner"], "{stage}");
        s.memory.write(&s.jonas, |w| w.accept(handoff, s.ben)).unwrap();
        s.memory.write(&s.eva, |w| w.complete(handoff)).unwrap();
        assert_eq!(roles(&s, s.sally), ["Tom Okoro owner"], "{stage}");
        assert_eq!(roles(&s, s.ben), ["Jonas Weber owner"], "{stage}");
        s.memory.write(&s.eva, |w| w.undo(handoff, "signed again")).unwrap();
        assert_eq!(roles(&s, s.sally), ["Tom Okoro owner"], "{stage}");
        assert_eq!(roles(&s, s.ben), ["Tom Okoro owner"], "{stage}");
        assert_eq!(roles(&s, s.carla), ["Ana Silva owner"], "{stage}");
        s.is_sound();
    }
}

#[test]
fn who_was_owner_until_a_day_is_given_back_until_that_day() {
    let s = scene();
    let (gus, until) =
        (s.memory.write(&s.tom, |w| w.add_contact(NewContact::person("Gus"))).unwrap(), start() + TimeDelta::days(90));
    s.memory.write(&s.tom, |w| w.assign(gus, &s.tom, Role::Owner.until(until))).unwrap();
    let handoff = s.completed();
    s.memory.write(&s.eva, |w| w.undo(handoff, "signed again")).unwrap();
    let owner = s.memory.owner_at(gus, start()).unwrap().unwrap();
    assert_eq!((owner.member_name.as_str(), owner.until), ("Tom Okoro", Some(until)));
    s.is_sound();
}

#[test]
fn who_shares_a_contact_owns_it_alone_once_the_leaver_has_departed() {
    for ending in ["complete", "withdraw"] {
        let s = scene();
        let handoff = s.staged(Stage::Share);
        s.memory.write(&s.eva, |w| w.depart(&s.tom, None)).unwrap();
        s.memory
            .write(&s.eva, |w| match ending {
                "complete" => w.complete(handoff).map(drop),
                _ => w.withdraw(handoff, "he left early").map(drop),
            })
            .unwrap();
        assert_eq!(s.roles(s.sally), ["Eva Stein owner"], "after {ending}");
        s.is_sound();
    }
}

#[test]
fn a_contact_that_is_offered_to_another_during_a_stage_does_not_stay_with_the_first() {
    for stage in [Stage::Shadow, Stage::Share, Stage::Hold] {
        let s = scene();
        let promise = s.memory.write(&s.tom, |w| w.follow_up(s.sally, "Call her").save()).unwrap();
        let handoff = s.staged(stage);
        s.memory.write(&s.tom, |w| w.offer_to(handoff, s.sally, &s.jonas)).unwrap();
        assert_eq!(s.roles(s.sally), ["Tom Okoro owner"], "at {stage}");
        s.memory.write(&s.jonas, |w| w.accept(handoff, s.sally)).unwrap();
        s.memory.write(&s.jonas, |w| w.complete(handoff)).unwrap();
        assert_eq!(
            (s.roles(s.sally), s.roles(s.ben)),
            (vec!["Jonas Weber owner".into()], vec!["Eva Stein owner".into()])
        );
        assert_eq!(s.memory.follow_up(promise).unwrap().owner.id, s.jonas.id);
        s.memory.write(&s.jonas, |w| w.undo(handoff, "he stays")).unwrap();
        assert_eq!(
            (s.roles(s.sally), s.roles(s.ben)),
            (vec!["Tom Okoro owner".into()], vec!["Tom Okoro owner".into()])
        );
        assert_eq!(s.memory.follow_up(promise).unwrap().owner.id, s.tom.id);
        s.is_sound();
    }
}

#[test]
fn a_contact_that_is_taken_out_during_a_stage_is_the_leavers_again() {
    for stage in [Stage::Shadow, Stage::Share, Stage::Hold] {
        let s = scene();
        let promise = s.memory.write(&s.tom, |w| w.follow_up(s.sally, "Call her").save()).unwrap();
        let handoff = s.staged(stage);
        s.memory.write(&s.tom, |w| w.keep(handoff, s.sally, "she asked for him")).unwrap();
        assert_eq!(s.roles(s.sally), ["Tom Okoro owner"], "at {stage}");
        assert_eq!(s.memory.follow_up(promise).unwrap().owner.id, s.tom.id);
        s.memory.write(&s.eva, |w| w.complete(handoff)).unwrap();
        let undone = s.memory.write(&s.eva, |w| w.undo(handoff, "he stays")).unwrap();
        assert!(undone.left_alone.is_empty(), "{undone}");
        assert_eq!(
            (s.roles(s.sally), s.roles(s.ben)),
            (vec!["Tom Okoro owner".into()], vec!["Tom Okoro owner".into()])
        );
        s.is_sound();
    }
}

#[test]
fn a_withdrawn_handoff_closes_what_its_stages_opened_also_where_the_contact_moved_on() {
    let s = scene();
    let handoff = s.staged(Stage::Hold);
    s.memory.write(&s.eva, |w| w.transfer(s.sally, &s.jonas, None)).unwrap();
    s.memory.write(&s.eva, |w| w.withdraw(handoff, "he stays")).unwrap();
    assert_eq!(s.roles(s.sally), ["Jonas Weber owner"]);
}

#[test]
fn nothing_is_offered_to_a_colleague_who_leaves_as_well() {
    let s = scene();
    let handoff = s.offer(&s.plan());
    let ana = s.memory.members_called("Ana Silva").unwrap().remove(0);
    says(&s.refused(&s.eva, |w| w.offer_to(handoff, s.sally, &ana)), &["Ana Silva is who leaves"]);
}

#[test]
fn a_role_that_was_to_last_until_a_day_is_given_back_until_that_day() {
    let (s, until) = (scene(), start() + TimeDelta::days(30));
    let gil = s
        .memory
        .write(&s.tom, |w| {
            let gil = w.add_contact(NewContact::person("Gil Amaro"))?;
            w.assign(gil, &s.tom, Role::Owner.until(until))?;
            w.assign(gil, &s.eva, Role::Shadow.until(until))?;
            Ok(gil)
        })
        .unwrap();
    let before = s.roles(gil);
    let handoff = s.staged(Stage::Share);
    s.memory.write(&s.eva, |w| w.complete(handoff)).unwrap();
    s.memory.write(&s.eva, |w| w.undo(handoff, "he stays")).unwrap();
    assert_eq!(s.roles(gil), before);
}

#[test]
fn a_role_ends_once_where_two_who_leave_have_something_of_the_contact() {
    let s = scene();
    let ana = s.memory.members_called("Ana Silva").unwrap().remove(0);
    s.memory.write(&ana, |w| w.follow_up(s.sally, "Call her").save()).unwrap();
    let handoff = s.offer(&s.plan());
    s.memory.write(&s.eva, |w| w.accept_all(handoff)).unwrap();
    s.memory.write(&s.tom, |w| w.advance(handoff, Stage::Shadow, None)).unwrap();
    s.later(1);
    s.memory.write(&s.eva, |w| w.complete(handoff)).unwrap();
    let ended = s.memory.history(s.sally).unwrap().into_iter().filter(|entry| entry.kind == "ownership.ended");
    assert_eq!(ended.count(), 1);
}

#[test]
fn a_plan_of_another_memory_is_not_drawn_up_anew() {
    let (here, there) = (scene(), scene());
    let error = there.memory.redraw(&here.plan()).unwrap_err();
    says(&error.to_string(), &["was drawn up for the memory", "draw one up here"]);
}

#[test]
fn a_private_note_is_not_released_while_somebody_it_is_about_stays_with_its_author() {
    let stay = |s: &Scene, kept: bool| {
        let text = "Sally and Ben are separating";
        let note = s.memory.write(&s.tom, |w| w.note(s.sally, text).about(s.ben).private().save()).unwrap();
        let plan = s.memory.handoff().of_member(&s.tom).reason("r").to(&s.eva).private_notes(Fate::Release);
        let plan = if kept { plan } else { plan.leave_out([s.ben]) };
        let plan = plan.plan().unwrap();
        let handoff = s.memory.write(&s.tom, |w| w.offer(&plan)).unwrap();
        s.memory.write(&s.eva, |w| w.accept_all(handoff)).unwrap();
        if kept {
            s.memory.write(&s.tom, |w| w.keep(handoff, s.ben, "stays")).unwrap();
        }
        let receipt = s.memory.write(&s.eva, |w| w.complete(handoff)).unwrap();
        assert_eq!(receipt.withheld, 1);
        note
    };
    for kept in [true, false] {
        let s = scene();
        let note = stay(&s, kept);
        assert!(s.memory.seen_by(&s.eva).unwrap().note(note).is_err());
        assert!(s.memory.seen_by(&s.tom).unwrap().note(note).is_ok());
    }
}

#[test]
fn a_contact_that_went_elsewhere_after_the_leaver_departed_is_taken_out_and_the_rest_completed() {
    let s = scene();
    let handoff = s.staged(Stage::Hold);
    s.memory
        .write(&s.eva, |w| {
            w.depart(&s.tom, None)?;
            w.transfer(s.sally, &s.jonas, Some("her sister"))
        })
        .unwrap();
    says(&s.refused(&s.eva, |w| w.complete(handoff)), &["Sally Marsh is looked after by Jonas Weber", "with keep"]);
    s.memory.write(&s.eva, |w| w.keep(handoff, s.sally, "is Jonas’s")).unwrap();
    s.memory.write(&s.eva, |w| w.complete(handoff)).unwrap();
    assert_eq!((s.owners(s.sally), s.owners(s.ben)), (vec!["Jonas Weber".into()], vec!["Eva Stein".into()]));
    s.is_sound();
}

#[test]
fn a_team_in_which_somebody_is_named_twice_takes_over_evenly() {
    let s = scene();
    let team = [&s.eva, &s.eva, &s.eva, &s.jonas];
    let plan = s.memory.handoff().of_agency(s.agency).reason("contract ends").spread(team).plan().unwrap();
    assert_eq!(plan.successors.iter().map(|share| share.contacts).collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn words_that_fit_nothing_are_said() {
    let s = scene();
    let planner = s.memory.handoff().of_member(&s.tom).reason("r").to(&s.eva).tagged("vipp", &s.jonas);
    let plan = planner.except([s.fay], &s.jonas).leave_out([s.ben]).plan().unwrap();
    says(&plan.to_string(), &["Said of what is not handed over", "the tag “vipp”", "Fay Reed"]);
    assert_eq!(plan.unheeded.len(), 2, "{:?}", plan.unheeded);
}

#[test]
fn somebody_who_was_renamed_outdates_the_plan() {
    let s = scene();
    let plan = s.plan();
    s.memory.write(&s.eva, |w| w.rename_member(&s.eva, "Eva Stone")).unwrap();
    let changes = s.memory.changes_since(&plan).unwrap();
    assert!(!changes.is_empty() && changes.iter().all(|c| matches!(c, PlanChange::Shown { .. })), "{changes:?}");
    says(&s.refused(&s.eva, |w| w.offer(&plan)), &["out of date", "shown otherwise"]);
    let plan = s.memory.redraw(&plan).unwrap();
    s.memory.write(&s.eva, |w| w.offer(&plan)).unwrap();
}

#[test]
fn what_a_successor_added_to_a_released_note_is_not_given_back_with_it() {
    let s = scene();
    let (note, handoff) = s.private_note_handed_on(Fate::Release);
    s.memory
        .write(&s.eva, |w| w.correct_note(note, "Owes him a favour; do not tell him that she told me", None))
        .unwrap();
    let undone = s.memory.write(&s.jonas, |w| w.undo(handoff, "stays")).unwrap();
    assert_eq!(undone.left_alone, [LeftAlone::PrivateNote { note }]);
    assert!(s.memory.seen_by(&s.tom).unwrap().note(note).is_err());
}

#[test]
fn what_was_added_to_a_sealed_note_that_was_opened_and_sealed_again_is_not_given_back_with_it() {
    let s = scene();
    let (note, handoff) = s.private_note_handed_on(Fate::Seal);
    s.memory.write(Actor::system("host"), |w| w.open_note(note, &s.jonas, "a complaint")).unwrap();
    s.memory
        .write(&s.jonas, |w| {
            w.correct_note(note, "Says that Tom cheats", None)?;
            w.seal_note(note, None)
        })
        .unwrap();
    let undone = s.memory.write(&s.eva, |w| w.undo(handoff, "stays")).unwrap();
    assert_eq!(undone.left_alone, [LeftAlone::PrivateNote { note }]);
    assert!(s.memory.seen_by(&s.tom).unwrap().note(note).is_err());
    says(&undone.to_string(), &["the private note", "since"]);
}

#[test]
fn a_private_note_goes_back_the_way_it_came_through_two_handoffs_unless_somebody_added_to_it_between() {
    for added in [false, true] {
        let s = scene();
        let (note, first) = s.private_note_handed_on(Fate::Release);
        if added {
            s.memory.write(&s.eva, |w| w.correct_note(note, "Do not tell Tom", None)).unwrap();
        }
        let second = s.hand_on(&s.eva, &s.jonas, Fate::Release);
        let reads = |member: &Member| s.memory.seen_by(member).unwrap().note(note).is_ok();
        assert!(reads(&s.jonas));
        s.memory.write(&s.eva, |w| w.undo(second, "stays")).unwrap();
        assert!(reads(&s.eva) && !reads(&s.jonas));
        let undone = s.memory.write(&s.eva, |w| w.undo(first, "stays")).unwrap();
        assert_eq!((reads(&s.tom), reads(&s.eva)), (!added, added));
        assert_eq!(undone.left_alone.contains(&LeftAlone::PrivateNote { note }), added, "{undone}");
        s.is_sound();
    }
}

#[test]
fn a_receipt_keeps_the_names_of_its_day() {
    let s = scene();
    let handoff = s.accepted();
    let receipt = s.memory.write(&s.eva, |w| w.complete(handoff)).unwrap();
    s.memory
        .write(&s.eva, |w| {
            w.rename_member(&s.eva, "Eva Stone")?;
            w.rename_member(&s.tom, "Thomas Okoro")
        })
        .unwrap();
    assert_eq!(s.memory.receipt(handoff).unwrap(), receipt);
}

#[test]
fn a_promise_that_a_stage_moved_alone_comes_back_with_its_contact() {
    let s = scene();
    let promised = |contact| s.memory.write(&s.tom, |w| w.follow_up(contact, "Call").save()).unwrap();
    let [of_sally, of_ben] = [s.sally, s.ben].map(promised);
    let handoff = s.staged(Stage::Share);
    // Who has let go between the stages has no contact left to transfer, and promises to keep.
    s.memory.write(&s.tom, |w| w.unassign(s.sally, &s.tom, Role::Owner, None)).unwrap();
    s.memory.write(&s.tom, |w| w.advance(handoff, Stage::Hold, None)).unwrap();
    let keeper = |promise| s.memory.follow_up(promise).unwrap().owner.id;
    assert_eq!((keeper(of_sally), keeper(of_ben)), (s.eva.id, s.eva.id));
    s.memory.write(&s.tom, |w| w.keep(handoff, s.sally, "she asked for him")).unwrap();
    assert_eq!((keeper(of_sally), keeper(of_ben)), (s.tom.id, s.eva.id));
    s.memory.write(&s.eva, |w| w.offer_to(handoff, s.sally, &s.eva)).unwrap();
    assert_eq!((keeper(of_sally), keeper(of_ben)), (s.tom.id, s.eva.id), "it is taken back once");
    s.is_sound();
}

#[test]
fn a_receipt_counts_all_private_notes_that_stay_with_those_who_leave() {
    let s = scene();
    let luis = NewMember::new("Luis Prado").of_agency(s.agency);
    let luis = s.memory.write(Actor::system("setup"), |w| w.add_member(luis)).unwrap();
    let secret = |member: &Member, about: &[ContactId]| {
        s.memory.write(member, |w| w.note_about(about, "A secret")?.private().save()).unwrap();
    };
    secret(&s.tom, &[s.sally, s.ben]);
    // About a contact that is not handed over, by a colleague who has nothing to hand over.
    secret(&luis, &[s.fay]);
    secret(&s.eva, &[s.fay]);
    let handoff = s.completed();
    let receipt = s.memory.receipt(handoff).unwrap();
    assert_eq!(receipt.withheld, 2, "{receipt}");
    says(&receipt.to_string(), &["2  private notes of those who leave, private to their authors"]);
}

#[test]
fn a_handoff_says_who_completed_it_and_who_undid_it() {
    let s = scene();
    let offered = s.accepted();
    let stands = |handoff| {
        let found = s.memory.handoff_by_id(handoff).unwrap();
        (found.closed_by, found.undone_by)
    };
    assert_eq!(stands(offered), (None, None));
    s.memory.write(&s.jonas, |w| w.withdraw(offered, "he stays")).unwrap();
    assert_eq!(stands(offered), (Some(Actor::from(&s.jonas)), None));
    let handoff = s.completed();
    s.memory.write(Actor::system("crm"), |w| w.undo(handoff, "signed again")).unwrap();
    assert_eq!(stands(handoff), (Some(Actor::from(&s.eva)), Some(Actor::system("crm"))));
    let all = s.memory.handoffs().unwrap();
    assert_eq!(all.iter().map(|h| h.closed_by.is_some()).collect::<Vec<_>>(), [true, true]);
}

#[test]
fn parts_of_a_handoff_are_shown_on_one_line() {
    let s = scene();
    s.memory.write(&s.tom, |w| w.follow_up(s.fay, "Call her").save()).unwrap();
    let plan = s.memory.handoff().of_agency(s.agency).reason("r").to(&s.jonas).plan().unwrap();
    assert_eq!(plan.leavers[0].to_string(), "The Agency");
    let shares: Vec<String> = plan.successors.iter().map(ToString::to_string).collect();
    assert_eq!(shares, ["Jonas Weber: 4 contacts", "Eva Stein: what was promised to 1 contact"]);
    let handoff = s.offer(&plan);
    let question = s.memory.write(&s.jonas, |w| w.ask(handoff, s.ben, "Which\nschools?")).unwrap();
    let asked = || s.memory.handoff_questions(handoff).unwrap()[0].to_string();
    assert!(asked().starts_with("Ben Ito: Which") && asked().ends_with("schools? (not answered)"), "{}", asked());
    assert!(!asked().contains('\n'));
    s.memory.write(&s.tom, |w| w.answer(question, "Three in Lagos")).unwrap();
    assert!(asked().ends_with("(answered on 2025-03-10)"), "{}", asked());
}

#[test]
fn an_undoing_tells_of_notes_that_were_written_since_the_first_stage() {
    let s = scene();
    let handoff = s.staged(Stage::Share);
    s.memory
        .write(&s.eva, |w| {
            w.note(s.sally, "Asked for the corner table").save()?;
            w.complete(handoff)
        })
        .unwrap();
    let undone = s.memory.write(&s.eva, |w| w.undo(handoff, "he stays")).unwrap();
    assert!(matches!(undone.left_alone.as_slice(), [LeftAlone::Notes { notes: 1, .. }]), "{undone}");
    let (kept, json) = (undone.clone(), serde_json::to_string(&undone).unwrap());
    assert_eq!(serde_json::from_str::<heirloom::Undone>(&json).unwrap(), kept);
}

#[test]
fn a_withdrawal_tells_what_it_left_alone() {
    let s = scene();
    let handoff = s.staged(Stage::Hold);
    s.memory.write(&s.eva, |w| w.transfer(s.sally, &s.jonas, None)).unwrap();
    let left = s.memory.write(&s.eva, |w| w.withdraw(handoff, "he stays")).unwrap();
    assert_eq!(left.iter().map(LeftAlone::to_string).collect::<Vec<_>>(), ["Sally Marsh went on to Jonas Weber"]);
}

#[test]
fn two_handoffs_over_the_same_contacts_are_undone_one_after_the_other() {
    let s = scene();
    let first = s.completed();
    let plan = s.memory.handoff().of_member(&s.eva).reason("Eva moves on").to(&s.jonas).plan().unwrap();
    let second = s.offer(&plan);
    s.memory.write(&s.jonas, |w| w.accept_all(second)).unwrap();
    s.memory.write(&s.jonas, |w| w.complete(second)).unwrap();
    s.memory.write(&s.eva, |w| w.undo(second, "she stays")).unwrap();
    assert_eq!(s.owners(s.sally), ["Eva Stein"]);
    let undone = s.memory.write(&s.eva, |w| w.undo(first, "signed again")).unwrap();
    assert_eq!((s.owners(s.sally), s.owners(s.carla)), (vec!["Tom Okoro".to_owned()], vec!["Ana Silva".to_owned()]));
    assert_eq!(undone.left_alone, []);
    s.is_sound();
}
