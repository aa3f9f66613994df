//! What rules of retention let go, what they leave, and what they say of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeZone, Utc};
use heirloom::{
    Actor, ContactId, Error, Memory, NewContact, NewMember, NoteKind, Retention, RetentionPreview, Sensitivity,
    audience,
};

/// A memory whose clock the test turns.
struct Clocked {
    memory: Memory,
    clock: Arc<AtomicI64>,
    desk: Actor,
}

fn day(text: &str) -> DateTime<Utc> {
    format!("{text}T12:00:00Z").parse().unwrap()
}

impl Clocked {
    fn new() -> Self {
        let start = Utc.with_ymd_and_hms(2020, 1, 1, 9, 0, 0).unwrap();
        let clock = Arc::new(AtomicI64::new(start.timestamp_micros()));
        let reading = Arc::clone(&clock);
        let now = move || DateTime::from_timestamp_micros(reading.load(Ordering::SeqCst)).unwrap();
        let memory = Memory::options().clock(now).in_memory().unwrap();
        Self { memory, clock, desk: Actor::system("front desk") }
    }

    fn on(&self, text: &str) -> &Self {
        self.clock.store(day(text).timestamp_micros(), Ordering::SeqCst);
        self
    }

    fn guest(&self, name: &str) -> ContactId {
        self.memory.write(&self.desk, |w| w.add_contact(NewContact::person(name))).unwrap()
    }

    /// Notes an exchange with a contact.
    fn spoke(&self, contact: ContactId, when: &str) {
        let when: heirloom::When = when.parse().unwrap();
        self.memory
            .write(&self.desk, |w| {
                w.note(contact, "Had the lemon tart").kind(NoteKind::Conversation).happened_at(when).save()
            })
            .unwrap();
    }

    fn preview(&self, rules: &[Retention]) -> RetentionPreview {
        self.memory.retention(rules).preview().unwrap()
    }
}

fn quiet_guests() -> Retention {
    Retention::of_contacts("guests who have not come for three years", "privacy notice, section 4")
        .audience(audience::CUSTOMER)
        .months_since_spoken(36)
        .erase()
}

fn due(preview: &RetentionPreview) -> Vec<&str> {
    preview.rules.iter().flat_map(|rule| &rule.contacts).map(|due| due.contact.name.as_str()).collect()
}

fn kept(preview: &RetentionPreview) -> Vec<(&str, &str)> {
    preview.kept.iter().map(|kept| (kept.contact.name.as_str(), kept.why.as_str())).collect()
}

#[test]
fn a_period_runs_from_when_they_were_last_spoken_to_and_from_when_they_were_added_where_never() {
    let table = Clocked::new();
    let (sally, ben) = (table.guest("Sally"), table.guest("Ben"));
    table.guest("Never Spoken To");
    table.spoke(sally, "2021-03-05");
    table.spoke(ben, "2021-03-05");
    table.spoke(ben, "2022-06-01");
    let rules = [quiet_guests()];
    assert_eq!(due(&table.on("2022-12-31").preview(&rules)), Vec::<&str>::new());
    assert_eq!(due(&table.on("2023-01-01").preview(&rules)), ["Never Spoken To"]);
    assert_eq!(due(&table.on("2024-03-05").preview(&rules)), ["Never Spoken To"], "the day itself is not over");
    assert_eq!(due(&table.on("2024-03-06").preview(&rules)), ["Never Spoken To", "Sally"]);
    assert_eq!(due(&table.on("2025-06-02").preview(&rules)), ["Ben", "Never Spoken To", "Sally"]);
}

#[test]
fn a_note_of_which_only_the_year_is_known_counts_from_the_end_of_the_year() {
    let table = Clocked::new();
    let sally = table.guest("Sally");
    table.spoke(sally, "2021-05-01");
    table.spoke(sally, "2021");
    let rules = [quiet_guests()];
    assert_eq!(due(&table.on("2024-12-31").preview(&rules)), Vec::<&str>::new());
    assert_eq!(due(&table.on("2025-01-01").preview(&rules)), ["Sally"]);
}

#[test]
fn a_private_note_is_an_exchange_too_and_a_retracted_one_is_not() {
    let table = Clocked::new();
    let (sally, ben) = (table.guest("Sally"), table.guest("Ben"));
    let mia = table.memory.write(&table.desk, |w| w.add_member(NewMember::new("Mia"))).unwrap();
    table.on("2023-05-01");
    table
        .memory
        .write(&mia, |w| {
            w.note(sally, "Her operation went well").kind(NoteKind::Conversation).private().save()?;
            let note = w.note(ben, "Came by").kind(NoteKind::Conversation).save()?;
            w.retract_note(note, Some("was somebody else"))
        })
        .unwrap();
    let preview = table.on("2024-01-01").preview(&[quiet_guests()]);
    assert_eq!(due(&preview), ["Ben"]);
}

#[test]
fn what_is_said_of_the_contacts_of_a_rule_must_hold_together() {
    let table = Clocked::new();
    table
        .memory
        .write(&table.desk, |w| {
            for (name, audience, tag) in [
                ("Guest", audience::CUSTOMER, "Lunch"),
                ("Baker", audience::CUSTOMER, "supplier"),
                ("Journalist", audience::PRESS, "lunch"),
            ] {
                let contact = w.add_contact(NewContact::person(name).audience(audience))?;
                w.tag(contact, tag)?;
            }
            w.add_contact(NewContact::organisation("Guest Ltd").audience(audience::CUSTOMER).tag("lunch")).map(drop)
        })
        .unwrap();
    table.on("2030-01-01");
    let of = || Retention::of_contacts("rule", "basis").audience(audience::CUSTOMER);
    let due_by = |rule: Retention| due(&table.preview(&[rule])).into_iter().map(ToOwned::to_owned).collect::<Vec<_>>();
    assert_eq!(due_by(of().tag("LUNCH").months_since_added(1).erase()), ["Guest", "Guest Ltd"]);
    assert_eq!(due_by(of().unless_tagged("Supplier").months_since_added(1).erase()), ["Guest", "Guest Ltd"]);
    let person = heirloom::ContactKind::Person;
    assert_eq!(due_by(of().tag("lunch").kind(person).months_since_noted(1).erase()), ["Guest"]);
}

#[test]
fn a_hold_keeps_a_contact_and_whoever_shares_a_note_with_them_and_an_open_promise_does_too() {
    let table = Clocked::new();
    let [sally, ben, cem, _, eva] = ["Sally", "Ben", "Cem", "Dora", "Eva"].map(|name| table.guest(name));
    table
        .memory
        .write(&table.desk, |w| {
            w.link(eva, "neighbour", sally)?;
            w.note_about(&[sally, ben], "Broke the chair together")?.happened_at(day("2020-02-01")).save()?;
            let mia = w.add_member(NewMember::new("Mia"))?;
            w.follow_up(cem, "Send the menu").owner(&mia).save()?;
            w.hold(sally, "matter 17", "a claim")
        })
        .unwrap();
    let preview = table.on("2024-01-01").preview(&[quiet_guests()]);
    assert_eq!(due(&preview), ["Dora"]);
    assert_eq!(
        kept(&preview),
        [
            (
                "Ben",
                "shares a note with somebody under a legal hold: matter 17, since 2020-01-01, placed by front desk"
            ),
            ("Cem", "1 promise open; keep or drop them first"),
            ("Eva", "is linked to somebody under a legal hold: matter 17, since 2020-01-01, placed by front desk"),
            ("Sally", "under a legal hold: matter 17, since 2020-01-01, placed by front desk"),
        ]
    );
}

#[test]
fn notes_that_several_contacts_share_are_told_where_one_of_these_stays() {
    let table = Clocked::new();
    let [sally, ben, cem] = ["Sally", "Ben", "Cem"].map(|name| table.guest(name));
    table
        .memory
        .write(&table.desk, |w| {
            w.note_about(&[sally, ben], "Came together")?.happened_at(day("2020-02-01")).save()?;
            w.note(cem, "Sally is fond of figs").said_by(sally).happened_at(day("2020-02-01")).save()?;
            Ok(())
        })
        .unwrap();
    table.spoke(cem, "2023-01-01");
    let preview = table.on("2024-01-01").preview(&[quiet_guests()]);
    let counts: Vec<_> =
        preview.rules[0].contacts.iter().map(|c| (c.contact.name.as_str(), c.notes, c.shared)).collect();
    assert_eq!(counts, [("Ben", 1, 0), ("Sally", 2, 1)]);
}

#[test]
fn rules_about_notes_go_by_kind_sensitivity_and_time_and_leave_what_goes_with_its_contact() {
    let table = Clocked::new();
    let [sally, ben] = ["Sally", "Ben"].map(|name| table.guest(name));
    table
        .memory
        .write(&table.desk, |w| {
            for contact in [sally, ben] {
                w.note(contact, "Weight goal")
                    .sensitivity(Sensitivity::Health)
                    .happened_at(day("2020-02-01"))
                    .save()?;
                w.note(contact, "Likes tart").happened_at(day("2020-02-01")).save()?;
            }
            w.note(ben, "Runs again").sensitivity(Sensitivity::Health).happened_at(day("2023-11-01")).save().map(drop)
        })
        .unwrap();
    table.spoke(ben, "2023-11-01");
    let health = |months| {
        Retention::of_notes("remarks on health", "consent, section 2")
            .sensitivity(Sensitivity::Health)
            .months_since_happened(months)
            .erase()
    };
    let preview = table.on("2024-01-01").preview(&[health(12), quiet_guests()]);
    let notes: Vec<_> = preview.rules[0].notes.iter().map(|due| (due.contact.name.as_str(), due.notes.len())).collect();
    assert_eq!((notes, preview.rules[0].taken), (vec![("Ben", 1)], 1), "Sally's note goes with Sally");
    assert_eq!(due(&preview), ["Sally"]);
}

#[test]
fn a_rule_about_notes_leaves_what_somebody_held_is_in_or_said_and_says_so() {
    let table = Clocked::new();
    let [sally, ben, cem] = ["Sally", "Ben", "Cem"].map(|name| table.guest(name));
    let old = day("2020-02-01");
    table
        .memory
        .write(&table.desk, |w| {
            w.note(sally, "Broke the chair").happened_at(old).save()?;
            w.note_about(&[ben, sally], "Came together")?.happened_at(old).save()?;
            w.note(cem, "He leant on the chair").said_by(sally).happened_at(old).save()?;
            w.note(cem, "Likes tart").happened_at(old).save()?;
            w.hold(sally, "matter 17", "a claim")
        })
        .unwrap();
    table.on("2024-01-01");
    let all = |name: &str| Retention::of_notes(name, "consent").months_since_happened(12);
    let rules = [all("all").erase()];
    let retention = table.memory.retention(&rules);
    let preview = retention.preview().unwrap();
    let counts: Vec<_> = preview.kept.iter().map(|kept| (kept.contact.name.as_str(), kept.notes)).collect();
    assert_eq!(counts, [("Sally", 2), ("Cem", 1)], "{preview}");
    assert_eq!(kept(&preview)[0].1, "under a legal hold: matter 17, since 2020-01-01, placed by front desk");
    let report = retention.run(&table.desk, &preview).unwrap();
    assert_eq!((report.erased.notes, report.kept), (1, 2));
    let review = table.preview(&[all("all").review()]);
    assert_eq!((review.notes(), review.rules[0].notes.len(), review.kept.len()), (0, 2, 0), "a person may look at it");
}

#[test]
fn what_a_contact_said_of_others_goes_with_them_and_by_no_second_rule() {
    let (table, sally, ben) = sally_is_due();
    let note = table
        .memory
        .write(&table.desk, |w| w.note(ben, "Fond of figs").said_by(sally).happened_at(day("2020-02-01")).save())
        .unwrap();
    let rules =
        [quiet_guests(), Retention::of_notes("old notes", "consent").months_since_happened(36).erase(), quiet_guests()];
    let retention = table.memory.retention(&rules);
    let preview = retention.preview().unwrap();
    let taken: Vec<_> = preview.rules.iter().map(|due| (due.contacts.len(), due.notes.len(), due.taken)).collect();
    assert_eq!(taken, [(1, 0, 0), (0, 0, 2), (0, 0, 1)], "{preview}");
    let report = retention.run(&table.desk, &preview).unwrap();
    assert_eq!((report.erased.contacts, report.erased.notes), (1, 2));
    let erased = table.memory.history(note).unwrap().iter().filter(|entry| entry.change.is_some()).count();
    assert_eq!(erased, 0, "the entry of its contact says that it was erased");
    assert!(table.memory.verify().unwrap().is_sound());
}

#[test]
fn a_rule_without_a_name_a_basis_or_a_period_is_refused() {
    let table = Clocked::new();
    let rule = |name: &str, basis: &str, months| Retention::of_notes(name, basis).months_since_recorded(months).erase();
    let mut of_others = quiet_guests();
    of_others.since = heirloom::Since::Recorded;
    for (rule, told) in [
        (rule(" ", "basis", 1), "name of a rule of retention: it is empty"),
        (rule("rule", "", 1), "basis of a rule of retention: it is empty"),
        (rule("rule", "basis", 0), "rule of retention: “rule”: its period has no month; write at least 1"),
        (rule("rule", "basis", u32::MAX), "began before all calendars"),
        (of_others, "its period runs from “recorded”, which is not of what it is about"),
    ] {
        let error = table.memory.retention(&[rule]).preview().unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }) && error.to_string().contains(told), "{error}");
    }
}

/// Sally is due, and Ben is not.
fn sally_is_due() -> (Clocked, ContactId, ContactId) {
    let table = Clocked::new();
    let [sally, ben] = ["Sally", "Ben"].map(|name| table.guest(name));
    table.spoke(sally, "2020-02-01");
    table.spoke(ben, "2023-06-01");
    table.on("2024-01-01");
    (table, sally, ben)
}

fn refused<T: std::fmt::Debug>(done: heirloom::Result<T>) -> String {
    match done {
        Err(Error::Refused(why)) => why,
        other => panic!("it was not refused: {other:?}"),
    }
}

#[test]
fn what_the_preview_shows_is_erased_for_the_rule_and_its_basis() {
    let (table, sally, ben) = sally_is_due();
    let rules = [quiet_guests()];
    let retention = table.memory.retention(&rules);
    let report = retention.run(&table.desk, &retention.preview().unwrap()).unwrap();
    assert_eq!((report.erased.contacts, report.erased.notes, report.rules[0].contacts), (1, 1, 1));
    assert!(matches!(table.memory.contact(sally), Err(Error::Erased { .. })));
    assert_eq!(table.memory.timeline(ben, None, 10).unwrap().notes.len(), 1);
    let why = "guests who have not come for three years: erased 36 months after they were last spoken to \
               (privacy notice, section 4)";
    let history: Vec<String> = table.memory.history(sally).unwrap().iter().map(ToString::to_string).collect();
    assert!(history.last().unwrap().contains(&format!("retention: {why}")), "{history:?}");
    assert!(table.memory.verify().unwrap().is_sound());
    assert_eq!(retention.preview().unwrap().contacts(), 0);
}

#[test]
fn nothing_is_erased_when_the_memory_changed_in_a_way_that_matters_since_the_preview() {
    let (table, sally, ben) = sally_is_due();
    let rules = [quiet_guests()];
    let retention = table.memory.retention(&rules);
    let preview = retention.preview().unwrap();
    table.memory.write(&table.desk, |w| w.rename_contact(ben, "Benjamin")).unwrap();
    table.memory.write(&table.desk, |w| w.hold(sally, "matter 17", "a claim")).unwrap();
    let why = refused(retention.run(&table.desk, &preview));
    assert_eq!(
        why,
        "the memory changed since the preview: 0 would go that it does not show, and 1 that it shows would stay; nothing was \
         erased, look at a new preview first"
    );
    table.memory.write(&table.desk, |w| w.lift_hold(sally, "matter 17", "settled")).unwrap();
    table.memory.write(&table.desk, |w| w.note(sally, "Had the figs").happened_at(day("2020-03-01")).save()).unwrap();
    refused(retention.run(&table.desk, &preview));
    assert_eq!(table.memory.count_contacts().unwrap(), 2);
    let preview = retention.preview().unwrap();
    table.on("2025-01-01");
    table.memory.write(&table.desk, |w| w.rename_contact(sally, "Sally Marsh")).unwrap();
    assert_eq!(
        retention.run(&table.desk, &preview).unwrap().erased.contacts,
        1,
        "neither a name nor the clock matters"
    );
}

#[test]
fn a_preview_is_carried_out_by_its_own_rules_in_its_own_memory_alone() {
    let (table, ..) = sally_is_due();
    let rules = [quiet_guests()];
    let preview = table.preview(&rules);
    let longer = [Retention::of_contacts("longer", "basis").months_since_spoken(40).erase()];
    let why = refused(table.memory.retention(&longer).run(&table.desk, &preview));
    assert_eq!(why, "the preview is of other rules; look at what these would touch first");
    let other = Memory::in_memory().unwrap();
    let why = refused(other.retention(&rules).run(&table.desk, &preview));
    assert!(why.contains("and this is memory"), "{why}");
    let mut tampered = preview.clone();
    tampered.rules[0].contacts.clear();
    let report = table.memory.retention(&rules).run(&table.desk, &tampered);
    assert!(report.is_err(), "{report:?}");
    assert_eq!(table.memory.count_contacts().unwrap(), 2);
}

#[test]
fn a_rule_is_carried_out_by_a_member_or_the_host_and_not_by_an_agent() {
    let (table, ..) = sally_is_due();
    let rules = [quiet_guests()];
    let retention = table.memory.retention(&rules);
    let why = refused(retention.run(Actor::agent("tidy"), &retention.preview().unwrap()));
    assert!(why.contains("an agent or an import cannot"), "{why}");
}

#[test]
fn a_rule_may_have_a_word_in_it_that_is_somebodys_name() {
    let table = Clocked::new();
    let april = table.guest("Notice");
    table.on("2024-01-01");
    let rules = [quiet_guests()];
    let retention = table.memory.retention(&rules);
    assert_eq!(retention.run(&table.desk, &retention.preview().unwrap()).unwrap().erased.contacts, 1);
    assert!(table.memory.contact(april).is_err());
}

#[test]
fn rules_erase_notes_of_others_too_and_leave_what_is_to_be_reviewed() {
    let (table, sally, ben) = sally_is_due();
    let mia = table.memory.write(&table.desk, |w| w.add_member(NewMember::new("Mia"))).unwrap();
    let secret =
        table.memory.write(&mia, |w| w.note(ben, "Unwell").sensitivity(Sensitivity::Health).private().save()).unwrap();
    table.on("2030-01-01");
    let notes = |name: &str| Retention::of_notes(name, "consent, section 2");
    let rules = [
        notes("all").months_since_recorded(1).review(),
        notes("remarks on health").sensitivity(Sensitivity::Health).months_since_recorded(12).erase(),
    ];
    let retention = table.memory.retention(&rules);
    let preview = retention.preview().unwrap();
    assert_eq!((preview.contacts(), preview.notes()), (0, 1));
    assert!(!preview.to_json().contains("Unwell"));
    let report = retention.run(&table.desk, &preview).unwrap();
    assert_eq!((report.rules[0].notes, report.rules[0].contacts, report.erased.notes), (2, 0, 1));
    assert!(matches!(table.memory.all_seeing().note(secret), Err(Error::Erased { .. })));
    assert_eq!(table.memory.timeline(sally, None, 10).unwrap().notes.len(), 1);
    assert!(table.memory.verify().unwrap().is_sound());
    assert_eq!(
        report.to_string(),
        "all: reviewed 1 month after they were written down (consent, section 2): 0 contacts and 2 notes\n\
         remarks on health: erased 12 months after they were written down (consent, section 2): 0 contacts and 1 note\n"
    );
}

#[test]
fn the_preview_tells_the_operator_whom_it_touches_and_why_some_stay() {
    let (table, sally, ben) = sally_is_due();
    table
        .memory
        .write(&table.desk, |w| w.note_about(&[sally, ben], "Came together")?.happened_at(day("2020-01-05")).save())
        .unwrap();
    let held = table.guest("Held Guest");
    table.on("2030-01-01");
    table.memory.write(&table.desk, |w| w.hold(held, "matter 17", "a claim")).unwrap();
    table.spoke(ben, "2029-12-01");
    let told = table.preview(&[quiet_guests()]).to_string();
    assert_eq!(
        told,
        "Retention as of 2030-01-01 12:00 UTC\n\n\
         guests who have not come for three years: erased 36 months after they were last spoken to (privacy notice, section 4)\n  \
         Sally, since 2020-02-01, with 2 notes, 1 of them also about others who stay\n\n\
         Kept although the time is over\n  \
         Held Guest: under a legal hold: matter 17, since 2030-01-01, placed by front\n  desk\n"
    );
}
