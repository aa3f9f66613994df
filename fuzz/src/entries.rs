//! A journal as the fuzzer writes it: entries in short, which become a sound bundle.
//!
//! The first line is what `handoff.json` says, each other line an entry. What an entry leaves out is put in so that it fits:
//! its salt, its digest, its stamp, its hash in the chain; so are the counts of the statement. What it says stays as it is.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use heirloom::Memory;
use heirloom::bundle::{BagInfo, BagWriter, Opening, Packing};
use heirloom::uuid::Uuid;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest, Sha256};

/// The noon of 1 June 2025 in microseconds, when an entry was written that does not say.
pub const BEGIN: i64 = 1_748_779_200_000_000;

/// The members of a JSON object, each as it was written.
type Members = BTreeMap<String, Box<RawValue>>;

/// What of an entry is put in where it is left out.
const PUT_IN: [&str; 6] = ["salt", "digest", "stamp", "at", "hash", "origin"];

/// Packs a journal into a bundle.
pub fn pack(text: &[u8]) -> Vec<u8> {
    let mut lines = text.split(|byte| *byte == b'\n');
    let statement = lines.next().unwrap_or_default();
    let mut sealing = Sealing::default();
    let entries: Vec<Vec<u8>> = lines.filter(|line| !line.is_empty()).map(|line| sealing.entry(line)).collect();
    let journal: Vec<u8> = entries.into_iter().flat_map(|line| [line, b"\n".to_vec()].concat()).collect();
    let statement = sealing.statement(statement, &journal);
    let mut bag = BagWriter::new(Vec::new(), "fuzz").expect("a bag is begun");
    bag.add("handoff.json", &statement, Packing::Stored).expect("a file is added");
    bag.add("data/journal.jsonl", &journal, Packing::Stored).expect("a file is added");
    let day = "2025-06-01".parse().expect("a day");
    bag.finish(&BagInfo::new(day), None).expect("the bag is finished")
}

/// What is known of a journal line by line.
#[derive(Default)]
struct Sealing {
    /// The newest hash of each subject from each memory.
    newest: HashMap<(Uuid, Uuid), [u8; 32]>,
    counts: BTreeMap<&'static str, u64>,
}

impl Sealing {
    /// Completes an entry; one that is none as JSON stays as it is.
    fn entry(&mut self, line: &[u8]) -> Vec<u8> {
        self.count("entries");
        let Ok(mut entry) = serde_json::from_slice::<Members>(line) else { return line.to_vec() };
        let stamp = BEGIN + i64::try_from(self.counts["entries"]).unwrap_or_default() * 1_000;
        let begins = entry.get("id").map(|id| id.get()) == entry.get("subject").map(|subject| subject.get());
        match (entry.contains_key("body"), begins) {
            (false, _) => self.count("without_body"),
            (true, true) => self.count(noun(&text(&entry, "kind"))),
            (true, false) => {}
        }
        if entry.contains_key("body") {
            put(&mut entry, "salt", || STANDARD.encode([0; 16]));
        }
        put(&mut entry, "stamp", || stamp);
        put(&mut entry, "at", || stamp);
        put(&mut entry, "origin", || Uuid::from_u128(u128::MAX));
        put(&mut entry, "version", || 1);
        put(&mut entry, "actor", || serde_json::json!({"kind": "system", "name": "fuzz"}));
        let digest = digest(&entry);
        put(&mut entry, "digest", || hex(&digest));
        self.chain(&mut entry, digest);
        serde_json::to_vec(&entry).expect("an object is written")
    }

    /// Puts the hash in, which goes over all else and over the hash before.
    fn chain(&mut self, entry: &mut Members, digest: [u8; 32]) {
        let [id, origin, subject] =
            ["id", "origin", "subject"].map(|name| uuid(&text(entry, name)).unwrap_or_default());
        let actor = entry.get("actor").and_then(|actor| serde_json::from_str::<Members>(actor.get()).ok());
        let actor = actor.unwrap_or_default();
        let member = uuid(&text(&actor, "member")).map_or(Vec::new(), |member| member.as_bytes().to_vec());
        let cause = uuid(&text(entry, "cause")).map_or(Vec::new(), |cause| cause.as_bytes().to_vec());
        let mut header = b"heirloom entry 1\n".to_vec();
        [id, origin, subject].iter().for_each(|id| header.extend(id.as_bytes()));
        ["version", "stamp", "at"].iter().for_each(|name| header.extend(number(entry, name).to_be_bytes()));
        let texts = [text(entry, "kind"), text(&actor, "kind"), text(&actor, "name")].map(String::into_bytes);
        let [kind, actor_kind, actor_name] = texts;
        for part in [kind, actor_kind, member, actor_name, cause] {
            header.extend((part.len() as u64).to_be_bytes());
            header.extend(part);
        }
        header.extend(digest);
        let newest = self.newest.entry((subject, origin)).or_default();
        header.extend(*newest);
        *newest = Sha256::digest(&header).into();
        let hash = hex(newest);
        put(entry, "hash", || hash);
    }

    /// Completes what the bundle says of itself.
    fn statement(&self, line: &[u8], journal: &[u8]) -> Vec<u8> {
        let Ok(mut statement) = serde_json::from_slice::<Members>(line) else { return line.to_vec() };
        let nouns = ["contacts", "notes", "follow_ups", "members", "agencies", "handoffs", "others"];
        let rest = ["entries", "without_body", "attachments", "attachment_bytes"];
        let count = |name: &'static str| (name, self.counts.get(name).copied().unwrap_or_default());
        let counts: BTreeMap<&str, u64> = nouns.into_iter().chain(rest).map(count).collect();
        put(&mut statement, "counts", || counts);
        put(&mut statement, "journal", || hex(&Sha256::digest(journal).into()));
        serde_json::to_vec(&statement).expect("an object is written")
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
}

/// Under which number of the statement a subject is counted.
fn noun(kind: &str) -> &'static str {
    match kind.split('.').next().unwrap_or_default() {
        "contact" | "handle" | "ownership" => "contacts",
        "note" => "notes",
        "follow_up" => "follow_ups",
        "member" => "members",
        "agency" => "agencies",
        "handoff" => "handoffs",
        _ => "others",
    }
}

/// The digest that an entry says, or else that of its salt and body.
fn digest(entry: &Members) -> [u8; 32] {
    let said = text(entry, "digest");
    if said.len() == 64 && said.is_ascii() {
        return std::array::from_fn(|at| u8::from_str_radix(&said[2 * at..2 * at + 2], 16).unwrap_or_default());
    }
    let Some(body) = entry.get("body") else { return [0; 32] };
    let salt = STANDARD.decode(text(entry, "salt")).unwrap_or_default();
    Sha256::digest([&salt, body.get().as_bytes()].concat()).into()
}

/// Puts a member in that is left out.
fn put<T: Serialize>(members: &mut Members, name: &str, value: impl FnOnce() -> T) {
    let value = || to_raw_value(&value()).expect("a value is written");
    members.entry(name.to_owned()).or_insert_with(value);
}

/// The journal of a memory in short, with ids that are the same each time.
pub fn shorten(memory: &Memory) -> Vec<u8> {
    let mut zip = Vec::new();
    let _report = memory.bundle().sender("The Agency").write(&mut zip).expect("a bundle is written");
    let bag = crate::open(&Opening::new(), &zip).expect("a bundle is opened");
    let read = |name| bag.read_to_vec(name).expect("a file is read");
    let statement: Value = serde_json::from_slice(&read("handoff.json")).expect("an object");
    let mut lines = vec![without(statement.to_string().as_bytes(), &["counts", "journal"])];
    lines.extend(
        read("data/journal.jsonl").split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| without(l, &PUT_IN)),
    );
    number_ids(&lines.join("\n")).into_bytes()
}

/// Changes a journal as bytes cannot be changed by chance: leaves entries out, lets one come again, puts one id for another.
pub fn mutate(text: &[u8], seed: u32) -> Vec<u8> {
    let mut dice = u64::from(seed);
    let mut below = |number: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) as usize % number.max(1)
    };
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    match below(3) {
        0 => {
            let from = below(lines.len());
            lines.drain(from..(from + 1 + below(8)).min(lines.len()));
        }
        1 => {
            let (from, to) = (below(lines.len()), below(lines.len()));
            lines.insert(to, lines[from]);
        }
        _ => {
            let ids: Vec<usize> =
                text.windows(38).enumerate().filter(|(_, part)| is_id(part)).map(|(at, _)| at).collect();
            let mut text = text.to_vec();
            if let (Some(from), Some(to)) = (ids.get(below(ids.len())), ids.get(below(ids.len()))) {
                text.copy_within(*from..from + 38, *to);
            }
            return text;
        }
    }
    lines.join(&b'\n')
}

/// The journal without the entry that an error names by its line; `None` where it names none.
pub fn without_refused(text: &[u8], error: &str) -> Option<Vec<u8>> {
    let number = error.split("data/journal.jsonl, line ").nth(1)?.split(':').next()?.parse::<usize>().ok()?;
    let (statement, entries) = text.split_at(text.iter().position(|byte| *byte == b'\n')?);
    let mut lines: Vec<&[u8]> = entries.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    (1..=lines.len()).contains(&number).then(|| lines.remove(number - 1))?;
    lines.insert(0, statement);
    Some(lines.join(&b'\n'))
}

/// Whether this is an id between quotes.
fn is_id(part: &[u8]) -> bool {
    part.starts_with(b"\"") && part.ends_with(b"\"") && Uuid::try_parse_ascii(&part[1..part.len() - 1]).is_ok()
}

/// An object without some of its members.
fn without(object: &[u8], names: &[&str]) -> String {
    let mut members: Members = serde_json::from_slice(object).expect("an object");
    members.retain(|name, _| !names.contains(&name.as_str()));
    serde_json::to_string(&members).expect("an object is written")
}

/// Numbers the ids of a text as they come.
fn number_ids(text: &str) -> String {
    let (mut out, mut rest, mut known) = (String::new(), text, HashMap::new());
    while let Some(next) = rest.chars().next() {
        let id = rest.get(..36).filter(|id| uuid(id).is_some());
        if let Some(id) = id {
            let number = known.len() as u128 + 1;
            let number = *known.entry(id).or_insert(number);
            out += &Uuid::from_u128(7 << 76 | 2 << 62 | number).to_string();
        } else {
            out.push(next);
        }
        rest = &rest[id.map_or(next.len_utf8(), str::len)..];
    }
    out
}

fn uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok()
}

fn text(members: &Members, name: &str) -> String {
    members.get(name).and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
}

fn number(members: &Members, name: &str) -> i64 {
    members.get(name).and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
}

fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
