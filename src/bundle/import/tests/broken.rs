//! The kit of broken journals: each is refused by its words, and leaves the memory as it was.

use serde_json::value::RawValue;

use std::collections::HashMap;

use super::*;
use crate::journal::Header;
use crate::journal::receive::RecordedActor;

/// An agency's memory, and a client's that knows nothing of it yet.
struct Kit {
    whole: Parts,
    client: Memory,
}

impl Kit {
    fn new() -> Self {
        let (agency, ana, sally) = memory_with("Ana", "Sally");
        agency
            .write(ana, |w| {
                w.rename_contact(sally, "Sally Marsh")?;
                w.rename_contact(sally, "Sally Whitcomb")?;
                w.tag(sally, "vip")?;
                w.attach(sally, crate::NewAttachment::new("menu.txt", "text/plain", b"lemon tart".to_vec())).map(drop)
            })
            .unwrap();
        let client = Memory::in_memory().unwrap();
        client.write(office(), |w| w.add_contact(NewContact::person("Tom"))).unwrap();
        Self { whole: Parts::of(&agency), client }
    }

    /// A bundle that was changed.
    fn changed(&self, change: impl FnOnce(&mut Parts)) -> Parts {
        let mut parts = self.whole.clone();
        change(&mut parts);
        parts
    }

    /// Asserts that a bundle is refused by these words, that they say where, and that the memory is as it was.
    fn refuses(&self, words: &str, bag: &Bag) {
        let before = (self.client.head().unwrap(), dump(&self.client));
        for error in [
            self.client.import_bundle(bag).preview().expect_err(words),
            self.client.import_bundle(bag).run(office()).expect_err(words),
        ] {
            let said = error.to_string();
            assert!(said.starts_with("handoff.zip: "), "it names the bundle: {said}");
            assert!(said.contains(words), "expected “{words}”, was told “{said}”");
        }
        assert_eq!((self.client.head().unwrap(), dump(&self.client)), before, "{words}: something was kept");
    }

    fn refuses_parts(&self, words: &str, change: impl FnOnce(&mut Parts)) {
        let mut parts = self.changed(change);
        parts.recount();
        self.refuses(words, &parts.bag());
    }

    fn refuses_lines(&self, words: &str, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let mut lines: Vec<Vec<u8>> = self.whole.lines().split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        change(&mut lines);
        self.refuses(words, &self.whole.bag_of(&lines.concat(), None));
    }
}

impl Drop for Kit {
    /// After all of that the same handle takes the whole bundle in.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        is_sound(&self.client);
        assert!(self.client.import_bundle(&self.whole.bag()).run(office()).unwrap().brought_anything());
        is_sound(&self.client);
    }
}

/// Every table that follows from the journal, and the journal, as text.
fn dump(memory: &Memory) -> String {
    let mut text = String::new();
    memory
        .read(|view| {
            let scans = crate::verify::TABLES.iter().copied().flatten().map(|table| table.scan);
            let more = [
                "SELECT * FROM entry ORDER BY seq",
                "SELECT * FROM entry_body ORDER BY seq",
                "SELECT * FROM gone ORDER BY id",
                "SELECT * FROM origin ORDER BY key",
                "SELECT * FROM actor ORDER BY key",
                "SELECT sha256 FROM attachment_bytes ORDER BY sha256",
            ];
            for scan in scans.chain(more) {
                view.sql().each(scan, &[], |row| {
                    for column in 0..row.columns() {
                        text += &format!("{:?} ", row.value(column)?);
                    }
                    text.push('\n');
                    Ok(())
                })?;
            }
            Ok(())
        })
        .unwrap();
    text
}

/// Makes the digests and the chain of hashes follow from what the records say.
pub(super) fn reseal(records: &mut [Record]) {
    let mut newest: HashMap<(Uuid, Uuid), Hash> = HashMap::new();
    for record in records {
        if let (Some(salt), Some(body)) = (&record.salt, record.body()) {
            record.digest = Hash::of(&[salt, body.as_bytes()]);
        }
        let chain = newest.entry((record.subject, record.origin)).or_insert(Hash::NONE);
        let member = record.actor.member;
        let header = Header {
            id: record.id,
            origin: record.origin,
            subject: record.subject,
            kind: &record.kind,
            version: record.version,
            stamp: record.stamp,
            at: record.at,
            actor_kind: &record.actor.kind,
            actor_member: member.as_ref().map_or(&[][..], |member| member.as_bytes()),
            actor_name: &record.actor.name,
            cause: record.cause.as_ref().map(|cause| &cause.as_bytes()[..]),
            digest: record.digest,
            previous: *chain,
        };
        record.hash = header.hash(&mut Vec::new());
        *chain = record.hash;
    }
}

fn of_kind<'p>(parts: &'p mut Parts, kind: &str) -> &'p mut Record {
    parts.records.iter_mut().find(|record| record.kind == kind).unwrap()
}

fn at_kind(parts: &Parts, kind: &str) -> usize {
    parts.records.iter().position(|record| record.kind == kind).unwrap()
}

fn says(record: &mut Record, from: &str, to: &str) {
    let body = record.body().unwrap();
    assert!(body.contains(from), "{body}");
    record.body = Some(RawValue::from_string(body.replace(from, to)).unwrap());
}

#[test]
fn a_journal_with_a_gap_is_refused() {
    let kit = Kit::new();
    let at = at_kind(&kit.whole, "contact.changed");
    let next = kit.whole.records[at + 1].id;
    kit.refuses_parts(
        &format!("data/journal.jsonl, line {}: entry {next} (contact.changed) does not", at + 1),
        |parts| {
            parts.records.remove(at);
        },
    );
    kit.refuses_parts("an entry before it is missing", |parts| drop(parts.records.remove(at)));
    kit.refuses_parts("was made by a member who is neither here nor before it", |parts| {
        parts.records.retain(|record| record.kind != "member.added" && record.kind != "ownership.assigned");
        reseal(&mut parts.records);
    });
    kit.refuses_parts("about something whose first entry is neither here nor before it", |parts| {
        parts.records.retain(|record| record.kind != "contact.added");
    });
    kit.refuses_parts("cannot be applied: there is no contact", |parts| {
        parts.records.retain(|record| !matches!(record.about(), Subject::Contact(_)));
    });
    kit.refuses_parts("cannot be applied: there is no member", |parts| {
        parts.records.retain(|record| record.kind != "member.added" && record.actor.member.is_none());
        reseal(&mut parts.records);
    });
}

#[test]
fn a_journal_out_of_order_is_refused() {
    let kit = Kit::new();
    kit.refuses_parts("data/journal.jsonl, line 2: ", |parts| parts.records.swap(0, 1));
    kit.refuses_parts("stands out of order, which is that of the stamps", |parts| parts.records.swap(0, 1));
    kit.refuses_parts("stands out of order", |parts| {
        let last = parts.records.last().unwrap().clone();
        parts.records.push(last);
    });
    // Of what was written at one instant, the ids say what stands first.
    let at = at_kind(&kit.whole, "contact.changed");
    let at_once = |parts: &mut Parts| {
        parts.records[at + 1].stamp = parts.records[at].stamp;
        assert!(parts.records[at].id < parts.records[at + 1].id);
    };
    kit.refuses_parts("stands out of order", |parts| {
        at_once(parts);
        parts.records.swap(at, at + 1);
        reseal(&mut parts.records);
    });
    let parts = kit.changed(|parts| {
        at_once(parts);
        reseal(&mut parts.records);
    });
    assert!(kit.client.import_bundle(&parts.bag()).preview().unwrap().brought_anything());
}

#[test]
fn an_entry_that_is_forged_or_changed_is_refused() {
    let kit = Kit::new();
    let own = kit.client.id().0;
    kit.refuses_parts("is said to be written in this memory, which does not know it: it was forged", |parts| {
        parts.records.iter_mut().for_each(|record| record.origin = own);
        reseal(&mut parts.records);
    });
    kit.refuses_parts("is dated more than a day ahead", |parts| {
        parts.records.iter_mut().for_each(|record| record.stamp += 3 * 86_400_000_000);
        reseal(&mut parts.records);
    });
    kit.refuses_parts("is dated more than a day ahead", |parts| {
        of_kind(parts, "contact.tagged").at += 3 * 86_400_000_000;
        reseal(&mut parts.records);
    });
    kit.refuses_parts("has a body that is not the one that was written", |parts| {
        says(of_kind(parts, "contact.changed"), "Marsh", "Mallory");
    });
    kit.refuses_parts("does not follow what is known about its subject: it was changed", |parts| {
        of_kind(parts, "contact.tagged").at += 1;
    });
    kit.refuses_parts("was made by an actor of no known kind", |parts| {
        of_kind(parts, "contact.added").actor =
            RecordedActor { kind: "spirit".to_owned(), member: None, name: "Banquo".to_owned() };
        reseal(&mut parts.records);
    });
}

#[test]
fn an_id_that_is_known_with_another_content_is_refused() {
    let kit = Kit::new();
    let _ = kit.client.import_bundle(&kit.whole.bag()).run(office()).unwrap();
    kit.refuses_parts("is here already with another content", |parts| {
        says(of_kind(parts, "contact.changed"), "Marsh", "Mallory");
        reseal(&mut parts.records);
    });
    std::mem::forget(kit); // which holds the whole bundle already
}

#[test]
fn lines_that_are_no_entries_are_refused() {
    let kit = Kit::new();
    kit.refuses_lines("line 3: it is not UTF-8 at byte 8; the file was damaged", |lines| lines[2][7] = 0xFF);
    kit.refuses_lines("line 2: it is no entry as JSON (expected", |lines| lines[1] = b"what?\n".to_vec());
    kit.refuses_lines("line 2: it is no entry as JSON (EOF", |lines| lines[1] = b"\n".to_vec());
    kit.refuses_lines("line 1: it is no entry as JSON (unknown field `mood`", |lines| {
        lines[0].splice(0..1, *b"{\"mood\":1,");
    });
    kit.refuses_lines("upgrade heirloom if a newer one packed the bundle", |lines| {
        lines[0].splice(0..1, *b"{\"mood\":1,");
    });
    kit.refuses_lines("it is no entry as JSON", |lines| lines[0].splice(0..1, *b"{\"salt\":\"AAAA\",").for_each(drop));
}

#[test]
fn entries_that_no_memory_would_write_are_refused() {
    let kit = Kit::new();
    kit.refuses_parts("is about a memory itself, which no bundle carries", |parts| {
        let record = of_kind(parts, "contact.tagged");
        (record.kind, record.subject) = ("memory.founded".to_owned(), record.id);
    });
    let client = kit.client.id().0;
    kit.refuses_parts("cannot be about what began with memory.founded", |parts| {
        let at = at_kind(parts, "contact.tagged");
        parts.records.truncate(at + 1);
        let record = parts.records.last_mut().unwrap();
        (record.kind, record.subject) = ("thing.added".to_owned(), client);
    });
    kit.refuses_parts("cannot be about what began with contact.added", |parts| {
        of_kind(parts, "contact.tagged").kind = "note.retracted".to_owned();
        reseal(&mut parts.records);
    });
    kit.refuses_parts("cannot be about what began with contact.added", |parts| {
        let body = of_kind(parts, "contact.added").body.clone();
        let record = of_kind(parts, "contact.tagged");
        (record.kind, record.body) = ("contact.added".to_owned(), body);
        reseal(&mut parts.records);
    });
    kit.refuses_parts("stands where something begins, and nothing begins with that", |parts| {
        let record = of_kind(parts, "contact.tagged");
        record.subject = record.id;
        reseal(&mut parts.records);
    });
    kit.refuses_parts(
        "has a body that does not say what its kind says: contact.tagged: missing field `tag`",
        |parts| {
            says(of_kind(parts, "contact.tagged"), "\"tag\"", "\"tango\"");
            reseal(&mut parts.records);
        },
    );
}

#[test]
fn what_is_not_there_must_be_said_rightly() {
    let kit = Kit::new();
    let words = "does not say rightly whether its body is there, and why not";
    kit.refuses_parts(words, |parts| of_kind(parts, "contact.tagged").gone = Some(Absence::Withheld));
    kit.refuses_parts(words, |parts| of_kind(parts, "contact.tagged").body = None);
    kit.refuses_parts(words, |parts| of_kind(parts, "contact.tagged").salt = None);
    kit.refuses_parts(words, |parts| {
        let record = of_kind(parts, "contact.tagged");
        record.withhold();
        record.gone = Some(Absence::Masked);
    });
    kit.refuses_parts(words, |parts| {
        let record = of_kind(parts, "contact.tagged");
        record.withhold();
        record.gone = None;
    });
}

#[test]
fn a_bundle_that_is_not_what_it_says_of_itself_is_refused() {
    let kit = Kit::new();
    let statement = |change: &dyn Fn(&mut Statement)| kit.changed(|parts| change(&mut parts.statement)).bag();
    type Count = fn(&mut Counts) -> &mut u64;
    let counts: [(&str, Count); 11] = [
        ("entries", |counts| &mut counts.entries),
        ("entries without a body", |counts| &mut counts.without_body),
        ("contacts", |counts| &mut counts.contacts),
        ("notes", |counts| &mut counts.notes),
        ("promises", |counts| &mut counts.follow_ups),
        ("members", |counts| &mut counts.members),
        ("agencies", |counts| &mut counts.agencies),
        ("handoffs", |counts| &mut counts.handoffs),
        ("subjects of a newer heirloom", |counts| &mut counts.others),
        ("attachments", |counts| &mut counts.attachments),
        ("bytes of attachments", |counts| &mut counts.attachment_bytes),
    ];
    for (what, count) in counts {
        let found = *count(&mut kit.whole.statement.counts.clone());
        kit.refuses(
            &format!("handoff.json: it says that there are 4711 {what}, and there are {found}; ask for"),
            &statement(&|s| *count(&mut s.counts) = 4711),
        );
    }
    kit.refuses(
        "it is written in the form 2, and this heirloom reads up to 1; upgrade",
        &statement(&|s| s.version = 2),
    );
    let packed = |statement: &[u8]| pack(statement, &kit.whole.lines(), &kit.whole.attachments, None);
    kit.refuses("handoff.json: it cannot be read", &packed(b"{}"));
    kit.refuses("handoff.json: it cannot be read", &packed(b"\xFF"));
    let other = serde_json::to_vec(&kit.whole.statement).unwrap();
    kit.refuses("data/journal.jsonl: it is not the one that handoff.json names by its SHA-256", &packed(&other));
    let mut bag = BagWriter::new(Vec::new(), "handoff").unwrap();
    bag.add("data/notes.txt", b"a bag", Packing::Stored).unwrap();
    let bag = bag.finish(&BagInfo::new("2025-03-12".parse().unwrap()), None).unwrap();
    let bag = Opening::new().open_reader("handoff.zip", Cursor::new(bag)).unwrap();
    kit.refuses("handoff.json: it is not there, so this is a bag, and not a bundle of a memory", &bag);
}

#[test]
fn attachments_that_are_not_what_their_names_say_are_refused() {
    let kit = Kit::new();
    kit.refuses_parts("its bytes are not those that its name says", |parts| {
        parts.attachments[0].1 = b"lemon cake".to_vec();
    });
    let bag = |name: &str| {
        let mut bag = BagWriter::new(Vec::new(), "handoff").unwrap();
        let statement = Statement { journal: Hash::of(&[&kit.whole.lines()]), ..kit.whole.statement.clone() };
        bag.add(STATEMENT, &serde_json::to_vec(&statement).unwrap(), Packing::Stored).unwrap();
        bag.add(name, b"lemon tart", Packing::Stored).unwrap();
        bag.add(JOURNAL, &kit.whole.lines(), Packing::Stored).unwrap();
        let zip = bag.finish(&BagInfo::new("2025-03-12".parse().unwrap()), None).unwrap();
        Opening::new().open_reader("handoff.zip", Cursor::new(zip)).unwrap()
    };
    kit.refuses("data/attachments/menu.txt: an attachment lies under its SHA-256", &bag("data/attachments/menu.txt"));
}

#[test]
fn a_bundle_that_goes_on_from_one_that_never_came_says_which_to_import_first() {
    let kit = Kit::new();
    let since = crate::Head { seq: 4, hash: Hash::NONE };
    let memory = kit.whole.statement.memory;
    kit.refuses_parts(&format!("goes on after entry 4 of memory {memory}"), |parts| {
        parts.statement.since = Some(since);
        parts.records.retain(|record| record.kind != "member.added");
    });
    // Of a line that is none, it is not said that something is missing.
    let mut parts = kit.whole.clone();
    parts.statement.since = Some(since);
    let error = kit.client.import_bundle(&parts.bag_of(b"what?\n", None)).preview().unwrap_err().to_string();
    assert!(!error.contains("import that first"), "{error}");
}

#[test]
fn a_bundle_that_goes_on_from_one_that_never_came_and_stands_alone_says_so() {
    let kit = Kit::new();
    let since = crate::Head { seq: 4, hash: Hash::NONE };
    let mut parts = kit.whole.clone();
    parts.statement.since = Some(since);
    let (bag, memory) = (parts.bag(), parts.statement.memory);
    let client = Memory::in_memory().unwrap();
    let words =
        format!("It goes on after entry 4 of memory {memory}, and no bundle that reaches up to there was imported");
    let says = |arrival: &Arrival| {
        assert_eq!(arrival.missing_base, Some(since));
        assert!(arrival.to_string().contains(&words), "{arrival}");
    };
    let preview = client.import_bundle(&bag).preview().unwrap();
    assert!(preview.brought_anything());
    says(&preview);
    says(&client.import_bundle(&bag).run(office()).unwrap());
    // That it came itself does not mean that the one before it did.
    says(&client.import_bundle(&bag).run(office()).unwrap());
    let says_not =
        |arrival: &Arrival| assert!(arrival.missing_base.is_none() && !arrival.to_string().contains("goes on"));
    says_not(&client.import_bundle(&kit.whole.bag()).run(office()).unwrap());
    says_not(&client.import_bundle(&bag).run(office()).unwrap());
}

#[test]
fn a_bundle_that_brought_nothing_is_one_from_which_the_next_goes_on() {
    let (agency, _, sally) = memory_with("Ana", "Sally");
    let client = Memory::in_memory().unwrap();
    let _ = take_in(&client, &agency);
    let own = agency.id();
    // What the memory says of itself is not sent.
    agency.write(office(), |w| w.append(own, crate::journal::gone::state(w.sql())?)).unwrap();
    let empty = Parts::of(&agency);
    assert!(!client.import_bundle(&empty.bag()).run(office()).unwrap().brought_anything());
    let before = client.head().unwrap();
    let _ = client.import_bundle(&empty.bag()).run(office()).unwrap();
    assert_eq!(client.head().unwrap(), before, "a second time wrote something");
    agency.write(office(), |w| w.rename_contact(sally, "Sally Marsh")).unwrap();
    let mut next = Parts::of(&agency);
    next.statement.since = Some(empty.statement.head);
    let arrival = client.import_bundle(&next.bag()).run(office()).unwrap();
    assert_eq!((arrival.missing_base, arrival.contacts.changed), (None, 1), "{arrival}");
    is_sound(&client);
}
