#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::float_cmp, reason = "tests fail by panicking")]

use chrono::TimeZone;

use super::*;
use crate::changes::OwnershipAssigned;
use crate::{Actor, Agency, ContactId, Error, Member, NewContact, NewMember, NoteKind, Writer};

/// The instant at which every look at readiness is taken here.
fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 6, 30, 12, 0, 0).unwrap()
}

/// A restaurant with two employees, and an agency of two people.
struct Restaurant {
    memory: Memory,
    mia: Member,
    tom: Member,
    jo: Member,
    ada: Member,
    agency: Agency,
}

fn restaurant() -> Restaurant {
    let memory = Memory::options().clock(now).in_memory().unwrap();
    memory
        .write(Actor::system("setup"), |w| {
            let agency = w.add_agency("Loud & Clear", None, None)?;
            Ok(Restaurant {
                mia: w.add_member(NewMember::new("Mia Okafor"))?,
                tom: w.add_member(NewMember::new("Tom Okoro"))?,
                jo: w.add_member(NewMember::new("Jo Bauer").of_agency(agency))?,
                ada: w.add_member(NewMember::new("Ada Kern").of_agency(agency))?,
                agency: w.view().agency(agency)?,
                memory: memory.clone(),
            })
        })
        .unwrap()
}

impl Restaurant {
    fn write<T>(&self, f: impl FnOnce(&mut Writer<'_>) -> Result<T>) -> T {
        self.memory.write(Actor::system("setup"), f).unwrap()
    }

    /// Adds a contact with an owner, and a fresh insight of each of these members.
    fn contact(&self, name: &str, owner: &Member, known_to: &[&Member]) -> ContactId {
        self.write(|w| {
            let contact = w.add_contact(NewContact::person(name))?;
            w.assign(contact, owner, Role::Owner)?;
            for member in known_to {
                w.note(contact, "Likes the corner table").insight().said_by(*member).save()?;
            }
            Ok(contact)
        })
    }

    fn backup(&self, contact: ContactId, member: &Member) {
        self.write(|w| w.assign(contact, member, Role::Backup).map(drop));
    }

    /// Has a contact owned by somebody else, too, as a handoff does at the stage of sharing.
    fn share(&self, contact: ContactId, member: &Member) {
        self.write(|w| {
            let (member_name, since) = (member.name.clone(), now().timestamp_micros());
            let shared =
                OwnershipAssigned { member: member.id, member_name, role: Role::Owner, since, until: None, why: None };
            w.append(contact, shared)
        });
    }

    fn promise(&self, contact: ContactId, owner: &Member) {
        self.write(|w| w.follow_up(contact, "Send the summer menu").owner(owner).save().map(drop));
    }

    fn readiness(&self) -> Readiness {
        self.memory.readiness().run().unwrap()
    }
}

fn of<'r>(parties: &'r [PartyReadiness], name: &str) -> &'r PartyReadiness {
    parties.iter().find(|party| party.who.name == name).unwrap()
}

fn risks<'r>(parties: &'r [PartyReadiness], name: &str, contact: ContactId) -> &'r [Risk] {
    let found = of(parties, name).at_risk.iter().find(|at_risk| at_risk.contact.id == contact);
    found.map_or(&[], |at_risk| &at_risk.risks)
}

#[test]
fn a_contact_with_an_insight_of_somebody_else_and_a_backup_survives() {
    let r = restaurant();
    let sally = r.contact("Sally", &r.tom, &[&r.tom, &r.mia]);
    r.backup(sally, &r.mia);
    let readiness = r.readiness();
    assert_eq!(readiness.members.len(), 1, "only Tom owns anybody");
    let tom = of(&readiness.members, "Tom Okoro");
    assert_eq!((tom.contacts, tom.surviving(), tom.share()), (1, 1, 1.0));
    assert_eq!(tom.at_risk, []);
    let shown = readiness.to_string();
    assert!(shown.contains("\nCould leave today without a loss: Tom Okoro.\n"), "{shown}");
    assert!(shown.contains("Tom Okoro: 1 of 1 contact would survive (100 %)\n"), "{shown}");
    r.promise(sally, &r.tom);
    assert!(
        r.readiness().to_string().contains("\nNobody who looks after contacts could leave"),
        "a promise is to be kept"
    );
}

#[test]
fn each_reason_is_told_of_the_contact_that_has_it() {
    let r = restaurant();
    let known = |name| {
        let contact = r.contact(name, &r.tom, &[]);
        r.backup(contact, &r.mia);
        contact
    };
    let [blank, private, sealed, no_insight, one_voice, stale] =
        ["Blank", "Private", "Sealed", "No Insight", "One Voice", "Stale"].map(known);
    r.memory.write(&r.tom, |w| w.note(private, "Is ill").private().save()).unwrap();
    let secret = r.memory.write(&r.mia, |w| w.note(sealed, "Is ill").private().save()).unwrap();
    r.memory.write(&r.mia, |w| w.seal_note(secret, None)).unwrap();
    r.write(|w| {
        for member in [&r.tom, &r.mia] {
            w.note(no_insight, "Came by").said_by(member).save()?;
        }
        w.note(one_voice, "Likes the corner table").insight().said_by(&r.tom).save()?;
        w.note(stale, "Liked the corner table").insight().said_by(&r.mia).happened_at("2025-12-30").save()
    });
    let alone = r.contact("Alone", &r.tom, &[&r.mia]);
    let members = r.readiness().members;
    for (contact, expected) in [
        (blank, Risk::NoNotes),
        (private, Risk::PrivateOnly),
        (sealed, Risk::PrivateOnly),
        (no_insight, Risk::NoInsight),
        (one_voice, Risk::OneVoice),
        (stale, Risk::Stale { days: 182 }),
        (alone, Risk::NoBackup),
    ] {
        assert_eq!(risks(&members, "Tom Okoro", contact), [expected]);
    }
    assert_eq!(of(&members, "Tom Okoro").contacts, 7);
}

#[test]
fn a_contact_is_stale_after_as_many_days_as_were_asked_for() {
    let r = restaurant();
    let sally = r.contact("Sally", &r.tom, &[]);
    r.backup(sally, &r.mia);
    r.write(|w| w.note(sally, "Likes the corner table").insight().happened_at("2026-06-20T12:00:00Z").save());
    let after = |days| r.memory.readiness().stale_after(days).run().unwrap();
    assert_eq!(risks(&after(10).members, "Tom Okoro", sally), []);
    assert_eq!(risks(&after(9).members, "Tom Okoro", sally), [Risk::Stale { days: 10 }]);
    assert_eq!(after(9).stale_after_days, 9);
    assert!(after(9).to_string().contains("nothing noted for long: 1 (Sally for 10 days)"), "{}", after(9));
}

#[test]
fn a_backup_of_the_same_agency_saves_a_contact_from_a_member_but_not_from_the_agency() {
    let r = restaurant();
    let sally = r.contact("Sally", &r.jo, &[&r.jo, &r.ada]);
    r.backup(sally, &r.ada);
    let readiness = r.readiness();
    assert_eq!(risks(&readiness.members, "Jo Bauer", sally), []);
    assert_eq!(risks(&readiness.agencies, "Loud & Clear", sally), [Risk::OneVoice, Risk::NoBackup]);
    assert_eq!(readiness.agencies_only.iter().map(|c| c.id).collect::<Vec<_>>(), [sally]);
    assert_eq!(readiness.one_person, []);
}

#[test]
fn a_contact_that_two_people_of_an_agency_own_is_counted_once_for_it() {
    let r = restaurant();
    let sally = r.contact("Sally", &r.jo, &[]);
    r.share(sally, &r.ada);
    let readiness = r.readiness();
    assert_eq!(of(&readiness.agencies, "Loud & Clear").contacts, 1);
    assert_eq!(risks(&readiness.members, "Jo Bauer", sally), [Risk::NoNotes], "Ada stays");
    assert_eq!(risks(&readiness.agencies, "Loud & Clear", sally), [Risk::NoNotes, Risk::NoBackup]);
}

#[test]
fn somebody_who_owns_the_contact_too_and_stays_counts_as_a_backup_and_cover_does_not() {
    let r = restaurant();
    let (sally, ben) = (r.contact("Sally", &r.jo, &[&r.mia]), r.contact("Ben", &r.jo, &[&r.mia]));
    r.share(sally, &r.tom);
    r.write(|w| w.assign(ben, &r.tom, Role::Cover.until(now() + TimeDelta::days(7))));
    let readiness = r.readiness();
    assert_eq!(risks(&readiness.agencies, "Loud & Clear", sally), []);
    assert_eq!(risks(&readiness.agencies, "Loud & Clear", ben), [Risk::NoBackup]);
}

#[test]
fn who_was_or_will_be_a_backup_is_none_today() {
    let r = restaurant();
    let sally = r.contact("Sally", &r.tom, &[&r.mia]);
    r.write(|w| {
        let (begin, end) = (now() - TimeDelta::days(9), now() - TimeDelta::days(1));
        w.assign(sally, &r.mia, Role::Backup.starting(begin).until(end))?;
        w.assign(sally, &r.jo, Role::Backup.starting(now() + TimeDelta::days(1)))
    });
    assert_eq!(risks(&r.readiness().members, "Tom Okoro", sally), [Risk::NoBackup]);
}

#[test]
fn who_departed_is_no_backup_no_owner_and_no_party_but_their_words_stay() {
    let r = restaurant();
    let sally = r.contact("Sally", &r.tom, &[&r.jo]);
    r.backup(sally, &r.jo);
    r.contact("Ben", &r.mia, &[&r.jo, &r.tom]);
    r.write(|w| w.depart(&r.agency, None));
    let readiness = r.readiness();
    assert_eq!(readiness.agencies, []);
    assert_eq!(risks(&readiness.members, "Tom Okoro", sally), [Risk::NoBackup]);
    assert_eq!(readiness.departed_only.iter().map(|c| c.id).collect::<Vec<_>>(), [sally]);
    let one = &readiness.one_person[0];
    assert_eq!((one.contact.id, one.member, one.member_departed), (sally, r.jo.id, true));
    let shown = readiness.to_string();
    assert!(shown.contains("    Jo Bauer (has departed): 1 (Sally)\n"), "{shown}");
}

#[test]
fn a_role_that_somebody_who_departed_still_has_by_the_meeting_of_two_memories_counts_for_nothing() {
    let r = restaurant();
    let (sally, ben) = (r.write(|w| w.add_contact(NewContact::person("Sally"))), r.contact("Ben", &r.tom, &[&r.mia]));
    r.write(|w| w.depart(&r.jo, None));
    r.share(sally, &r.jo);
    r.share(ben, &r.jo);
    let readiness = r.readiness();
    assert_eq!(readiness.unowned.iter().map(|c| c.id).collect::<Vec<_>>(), [sally]);
    assert_eq!(risks(&readiness.members, "Tom Okoro", ben), [Risk::NoBackup]);
    assert_eq!(readiness.agencies, [], "nobody of the agency who is here owns a contact");
}

#[test]
fn a_contact_without_an_owner_is_named() {
    let r = restaurant();
    let add = |name| r.write(|w| w.add_contact(NewContact::person(name)));
    let (zoe, eva) = (add("zoe"), add("Éva"));
    r.contact("Ben", &r.tom, &[]);
    let readiness = r.readiness();
    assert_eq!(readiness.unowned, r.memory.unowned().unwrap());
    assert_eq!(readiness.unowned.iter().map(|c| c.id).collect::<Vec<_>>(), [eva, zoe]);
    assert_eq!(readiness.contacts, 3);
}

#[test]
fn words_of_an_import_are_nobodys_and_stay_when_somebody_leaves() {
    let r = restaurant();
    let sally = r.contact("Sally", &r.tom, &[&r.tom]);
    r.backup(sally, &r.mia);
    assert_eq!(risks(&r.readiness().members, "Tom Okoro", sally), [Risk::OneVoice]);
    r.memory.write(Actor::import("till"), |w| w.note(sally, "Paid by card").save()).unwrap();
    let readiness = r.readiness();
    assert_eq!(risks(&readiness.members, "Tom Okoro", sally), []);
    assert_eq!(readiness.one_person, []);
}

#[test]
fn a_retracted_note_is_not_known() {
    let r = restaurant();
    let sally = r.contact("Sally", &r.tom, &[]);
    r.backup(sally, &r.mia);
    r.write(|w| {
        let note = w.note(sally, "Likes the corner table").insight().said_by(&r.mia).save()?;
        w.retract_note(note, None)
    });
    assert_eq!(risks(&r.readiness().members, "Tom Okoro", sally), [Risk::NoNotes]);
}

#[test]
fn open_promises_are_counted_for_the_member_and_for_the_agency_also_of_contacts_that_others_own() {
    let r = restaurant();
    let (sally, ben) = (r.contact("Sally", &r.jo, &[]), r.contact("Ben", &r.ada, &[]));
    for (contact, owner) in [(sally, &r.jo), (sally, &r.jo), (ben, &r.jo), (sally, &r.ada)] {
        r.promise(contact, owner);
    }
    let readiness = r.readiness();
    let jo = of(&readiness.members, "Jo Bauer");
    let promised: Vec<_> = jo.promises.iter().map(|promised| (promised.contact.name.as_str(), promised.open)).collect();
    assert_eq!((promised, jo.open_promises()), (vec![("Ben", 1), ("Sally", 2)], 3));
    let agency = of(&readiness.agencies, "Loud & Clear");
    assert_eq!((agency.promises.len(), agency.open_promises()), (2, 4));
    assert!(readiness.to_string().contains("4 open promises to 2 contacts (Ben, Sally)"), "{readiness}");
}

#[test]
fn the_worst_come_first_and_then_by_name() {
    let r = restaurant();
    for (name, owner) in [("Zoe", &r.tom), ("Ana", &r.tom), ("Ben", &r.mia), ("Cem", &r.jo), ("Dan", &r.jo)] {
        let contact = r.contact(name, owner, &[&r.mia, &r.tom]);
        if name != "Zoe" && name != "Cem" {
            r.backup(contact, &r.ada);
        }
    }
    let eve = r.contact("Eve", &r.tom, &[]);
    let readiness = r.readiness();
    let members: Vec<_> = readiness.members.iter().map(|party| party.who.name.as_str()).collect();
    assert_eq!(members, ["Tom Okoro", "Jo Bauer", "Mia Okafor"], "a third, a half, all survive");
    let tom = of(&readiness.members, "Tom Okoro");
    assert_eq!(tom.at_risk[0].contact.id, eve, "two reasons come before one");
    assert_eq!(tom.at_risk[1].contact.name, "Zoe");
}

#[test]
fn every_figure_shown_has_names_behind_it_and_says_how_many_more_there_are() {
    let r = restaurant();
    for at in 0..7 {
        r.contact(&format!("Guest Number {at}"), &r.tom, &[&r.tom]);
    }
    let readiness = r.readiness();
    let shown = readiness.to_string();
    let one_line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let names = (0..5).map(|at| format!("Guest Number {at}")).collect::<Vec<_>>().join(", ");
    assert!(one_line.contains("Tom Okoro: 0 of 7 contacts would survive (0 %)"), "{shown}");
    assert!(one_line.contains(&format!("only in the leaver's words: 7 ({names} and 2 more)")), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    assert_eq!(readiness.members[0].at_risk.len(), 7, "the lists themselves are whole");
    let json: serde_json::Value = serde_json::from_str(&readiness.to_json()).unwrap();
    assert_eq!(json["members"][0]["at_risk"][6]["risks"][0], "one_voice");
    assert_eq!(json["members"][0]["who"]["name"], "Tom Okoro");
}

#[test]
fn a_name_that_would_turn_the_line_is_shown_by_its_code() {
    let r = restaurant();
    let sally = r.contact("Sally\u{202E}", &r.tom, &[]);
    r.promise(sally, &r.tom);
    let readiness = r.readiness();
    assert!(readiness.to_string().contains("(Sally<U+202E>)"), "{readiness}");
    assert_eq!(readiness.members[0].at_risk[0].to_string(), "Sally<U+202E>: no note at all; no backup who stays");
    assert_eq!(readiness.members[0].promises[0].to_string(), "Sally<U+202E>: 1 open promise");
}

#[test]
fn a_share_is_never_rounded_up_to_all() {
    let r = restaurant();
    for at in 0..200 {
        let contact = r.contact(&format!("Guest {at}"), &r.tom, &[&r.mia]);
        if at > 0 {
            r.backup(contact, &r.mia);
        }
    }
    let shown = r.readiness().to_string();
    assert!(shown.contains("Tom Okoro: 199 of 200 contacts would survive (99 %)"), "{shown}");
}

#[test]
fn an_empty_memory_has_nothing_at_risk() {
    let readiness = Memory::in_memory().unwrap().readiness().run().unwrap();
    assert_eq!((readiness.contacts, readiness.members.len(), readiness.agencies.len()), (0, 0, 0));
    assert!(readiness.to_string().ends_with("few people\n  nothing\n"), "{readiness}");
}

#[test]
fn a_private_note_tells_nothing_but_that_it_is_there_whoever_looks() {
    let r = restaurant();
    let sally = r.contact("Sally", &r.tom, &[]);
    r.memory.write(&r.tom, |w| w.note(sally, "Is ill").kind(NoteKind::Insight).private().save()).unwrap();
    let seen_by_tom = r.memory.seen_by(&r.tom).unwrap().readiness().run().unwrap();
    assert_eq!(seen_by_tom, r.readiness());
    assert_eq!(r.memory.all_seeing().readiness().run().unwrap(), r.readiness());
    assert_eq!(risks(&seen_by_tom.members, "Tom Okoro", sally), [Risk::PrivateOnly, Risk::NoBackup]);
}

/// The tables in which texts of notes stand.
const TEXTS: [&str; 2] = ["note", "entry_body"];

#[test]
fn readiness_reads_no_text_of_a_note() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.heirloom");
    let memory = Memory::open(&path).unwrap();
    let tom = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Tom Okoro"))).unwrap();
    let (sally, note) = memory
        .write(&tom, |w| {
            let sally = w.add_contact(NewContact::person("Sally"))?;
            w.assign(sally, &tom, Role::Owner)?;
            Ok((sally, w.note(sally, "Likes the corner table").save()?))
        })
        .unwrap();
    let before = memory.readiness().run().unwrap();
    // A table that is gone can be read by no statement, whatever the plan.
    let engine = rusqlite::Connection::open(&path).unwrap();
    for table in TEXTS {
        engine.execute_batch(&format!("PRAGMA foreign_keys = OFF; DROP TABLE {table}")).unwrap();
    }
    assert!(matches!(memory.note(note), Err(Error::Damaged { .. } | Error::Fault { .. })));
    let after = memory.readiness().run().unwrap();
    assert_eq!(Readiness { at: before.at, ..after.clone() }, before);
    assert_eq!(risks(&after.members, "Tom Okoro", sally), [Risk::OneVoice, Risk::NoInsight, Risk::NoBackup]);
}

/// Statements that are counted.
struct Counted<'a>(&'a dyn Sql, std::cell::Cell<usize>);

impl Sql for Counted<'_> {
    fn execute(&self, sql: &'static str, parameters: &[Value<'_>]) -> Result<usize> {
        self.0.execute(sql, parameters)
    }

    fn query(
        &self,
        sql: &'static str,
        parameters: &[Value<'_>],
        each: &mut dyn FnMut(&dyn crate::store::Row) -> Result<std::ops::ControlFlow<()>>,
    ) -> Result<()> {
        self.1.set(self.1.get() + 1);
        self.0.query(sql, parameters, each)
    }
}

#[test]
fn readiness_takes_as_many_statements_for_many_contacts_as_for_one() {
    let r = restaurant();
    let statements = || {
        r.memory.inner.store.read(|sql| {
            let counted = Counted(sql, std::cell::Cell::new(0));
            survey(&View::new(&counted, crate::memory::ORGANISATION, now().timestamp_micros(), None), 180)?;
            Ok(counted.1.get())
        })
    };
    r.contact("Sally", &r.tom, &[&r.tom]);
    let for_one = statements().unwrap();
    for at in 0..20 {
        let contact = r.contact(&format!("Guest {at}"), &r.jo, &[&r.ada, &r.mia]);
        r.promise(contact, &r.jo);
    }
    assert_eq!(statements().unwrap(), for_one);
}
