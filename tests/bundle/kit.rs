//! The kit of broken bundles: what is wrong with each stands beside the whole sentence that it is refused by.
//!
//! Every bundle begins as one that a memory packed, is broken, and comes to a memory that knows nothing of it, or to one that
//! took the whole bundle in before. Opening it, a preview or the import says the sentence, and the memory is as it was. Ids,
//! which differ each time, are written ‹id›. Payloads that are code elsewhere are no fault: they are taken in as text.
//!
//! More bags that are no bundles stand in `broken.rs`, more journals in `src/bundle/import/tests/broken.rs`, what other tools may
//! pack in `conformance.rs`; `random.rs` and the targets in `fuzz` break bundles in ways that nobody thought of.

use base64::Engine as _;
use heirloom::bundle::{Bag, Signer, SigningKey, TrustedKeys};
use heirloom::{Actor, Head, Memory, NewAttachment, NewContact, NewMember};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::both;
use crate::craft::{Entry, Kit, hash, zip};
use crate::signing::{PUBLIC, key, text};

/// The line of `allowed_signers` by which the sender's key is expected.
const EXPECTED: &str = PUBLIC;
/// The file that holds the truth.
const JOURNAL: &str = "data/journal.jsonl";
/// The manifest.
const MANIFEST: &str = "manifest-sha256.txt";
/// The signature.
const SIGNATURE: &str = "tagmanifest-sha256.txt.sig";
/// What all bundles that are cut off are refused by, and others that do not end as a ZIP does.
const CUT: &str = "handoff.zip: it does not end as a ZIP does: it is cut off, something was appended to it, or it is no ZIP; fetch \
                   it again";

/// A broken bundle.
struct Broken {
    what: &'static str,
    bundle: Vec<u8>,
    /// The line of `allowed_signers` that the receiver gives, if any.
    keys: Option<String>,
    /// Who receives it.
    to: To,
    /// What is said of it, from the first word to the last.
    says: &'static str,
}

/// Who receives a bundle.
#[derive(Clone, Copy, Debug, PartialEq)]
enum To {
    /// A memory that knows nothing of it.
    Stranger,
    /// A memory that took the whole bundle in.
    Friend,
}

fn broken(what: &'static str, bundle: Vec<u8>, says: &'static str) -> Broken {
    Broken { what, bundle, keys: None, to: To::Stranger, says }
}

impl Broken {
    fn where_known(mut self) -> Self {
        self.to = To::Friend;
        self
    }

    fn expecting(mut self, keys: &str) -> Self {
        self.keys = Some(keys.to_owned());
        self
    }
}

/// An entry of a journal as it travels.
#[derive(Clone, Serialize, Deserialize)]
struct Line {
    id: Uuid,
    origin: Uuid,
    subject: Uuid,
    kind: String,
    version: i64,
    stamp: i64,
    at: i64,
    actor: Author,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Uuid>,
    digest: String,
    hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Author {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    member: Option<Uuid>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
}

/// The journal of a bundle, to be changed.
#[derive(Clone)]
struct Journal(Vec<Line>);

impl Journal {
    /// The first entry of a kind.
    fn of(&mut self, kind: &str) -> &mut Line {
        self.0.iter_mut().find(|line| line.kind == kind).unwrap()
    }

    fn at(&self, kind: &str) -> usize {
        self.0.iter().position(|line| line.kind == kind).unwrap()
    }

    /// Makes digests and hashes follow from what the entries say, as a forger would who knows the form of a journal.
    fn reseal(&mut self) -> &mut Self {
        let bytes = |hex: &str| (0..32).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect();
        let mut newest = std::collections::HashMap::new();
        for line in &mut self.0 {
            let salt = base64::engine::general_purpose::STANDARD.decode(line.salt.as_ref().unwrap()).unwrap();
            line.digest = hash(&[&salt, line.body.as_ref().unwrap().get().as_bytes()].concat());
            let mut header = b"heirloom entry 1\n".to_vec();
            for id in [line.id, line.origin, line.subject] {
                header.extend(id.as_bytes());
            }
            for number in [line.version, line.stamp, line.at] {
                header.extend(number.to_be_bytes());
            }
            let member = line.actor.member.map_or(Vec::new(), |id| id.as_bytes().to_vec());
            let cause = line.cause.map_or(Vec::new(), |id| id.as_bytes().to_vec());
            for part in [line.kind.as_bytes(), line.actor.kind.as_bytes(), &member, line.actor.name.as_bytes(), &cause]
            {
                header.extend((part.len() as u64).to_be_bytes());
                header.extend(part);
            }
            let before: &mut Vec<u8> = newest.entry((line.subject, line.origin)).or_insert_with(|| vec![0; 32]);
            header.extend::<Vec<u8>>(bytes(&line.digest));
            header.extend(&*before);
            line.hash = hash(&header);
            *before = bytes(&line.hash);
        }
        self
    }

    fn text(&self) -> Vec<u8> {
        self.0.iter().flat_map(|line| serde_json::to_vec(line).unwrap().into_iter().chain(*b"\n")).collect()
    }
}

impl Line {
    fn says(&mut self, from: &str, to: &str) {
        let body = self.body.as_ref().unwrap().get();
        assert!(body.contains(from), "{body}");
        self.body = Some(RawValue::from_string(body.replace(from, to)).unwrap());
    }
}

/// Who packs, what was packed, and who receives.
struct Stage {
    agency: Memory,
    /// The head before the last note.
    before: Head,
    signed: Vec<u8>,
    /// The files of the same bundle without its signature.
    files: Kit,
    journal: Journal,
    stranger: Memory,
    friend: Memory,
    _folder: tempfile::TempDir,
}

fn host() -> Actor {
    Actor::system("office")
}

fn packed(memory: &Memory, signer: Option<&dyn Signer>, since: Option<Head>) -> Vec<u8> {
    let bundle = memory.bundle().sender("The Agency").title("handoff");
    let bundle = signer.into_iter().fold(bundle, |bundle, signer| bundle.sign(signer));
    let bundle = since.into_iter().fold(bundle, |bundle, head| bundle.since(head));
    let mut zip = Vec::new();
    let _report = bundle.write(&mut zip).unwrap();
    zip
}

/// A memory in which Ana looks after a contact, and its head before the last note.
fn agency(contact: &str) -> (Memory, Head) {
    let memory = Memory::in_memory().unwrap();
    let (ana, sally) = memory
        .write(host(), |w| {
            let ana = w.add_member(NewMember::new("Ana Costa"))?;
            w.add_member(NewMember::new("Leo Okafor"))?;
            Ok((ana, w.add_contact(NewContact::person(contact))?))
        })
        .unwrap();
    let changed = memory.write(&ana, |w| {
        w.rename_contact(sally, "Sally Whitcomb")?;
        w.rename_contact(sally, "Sally Okoro")?;
        w.tag(sally, "vip")?;
        w.attach(sally, NewAttachment::new("menu.txt", "text/plain", b"lemon tart".to_vec())).map(drop)
    });
    changed.unwrap();
    let head = memory.head().unwrap();
    memory.write(&ana, |w| w.note(sally, "Likes lemon tart").insight().save().map(drop)).unwrap();
    (memory, head)
}

impl Stage {
    fn new() -> Self {
        let (agency, before) = agency("Sally Marsh");
        let signed = packed(&agency, Some(&key()), None);
        let bag = crate::open(&signed).unwrap();
        let mut files = Kit::empty();
        for file in bag.files() {
            files.put(file.name, bag.read_to_vec(file.name).unwrap());
        }
        let lines = String::from_utf8(files.0[JOURNAL].clone()).unwrap();
        let journal = Journal(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect());
        files.put("bag-info.txt", "Bagging-Date: 2025-03-12\n").list();
        let folder = tempfile::tempdir().unwrap();
        let client = |name: &str| {
            let memory = Memory::open(folder.path().join(name)).unwrap();
            memory.write(host(), |w| w.add_contact(NewContact::person("Tom Ito")).map(drop)).unwrap();
            memory
        };
        let (stranger, friend) = (client("stranger.heirloom"), client("friend.heirloom"));
        let _arrival = friend.import_bundle(&bag).run(host()).unwrap();
        Self { agency, before, signed, files, journal, stranger, friend, _folder: folder }
    }

    /// The bundle with other files, of which the manifests are as they were.
    fn files(&self, change: impl FnOnce(&mut Kit) -> &mut Kit) -> Vec<u8> {
        change(&mut self.files.clone()).zip()
    }

    /// The bundle with other files, all of which are listed.
    fn listed(&self, change: impl FnOnce(&mut Kit) -> &mut Kit) -> Vec<u8> {
        self.files(|files| change(files).list())
    }

    /// The bundle with another journal, which its statement and its manifests name: as somebody packs it who wants it believed.
    fn journal(&self, change: impl FnOnce(&mut Journal)) -> Vec<u8> {
        let mut journal = self.journal.clone();
        change(&mut journal);
        self.lines(journal.text())
    }

    fn lines(&self, journal: Vec<u8>) -> Vec<u8> {
        self.listed(|files| {
            let mut statement: serde_json::Value = serde_json::from_slice(&files.0["handoff.json"]).unwrap();
            statement["journal"] = hash(&journal).into();
            files.put("handoff.json", serde_json::to_vec(&statement).unwrap()).put(JOURNAL, journal)
        })
    }

    /// The bundle with another line in its journal.
    fn line(&self, number: usize, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let text = self.journal.text();
        let mut lines: Vec<Vec<u8>> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        change(&mut lines[number - 1]);
        self.lines(lines.concat())
    }

    /// The bundle with another ZIP entry beside its own.
    fn entry(&self, entry: Entry) -> Vec<u8> {
        zip(&self.files.entries().into_iter().chain([entry]).collect::<Vec<_>>())
    }

    fn memory(&self, to: To) -> &Memory {
        match to {
            To::Stranger => &self.stranger,
            To::Friend => &self.friend,
        }
    }

    /// Asserts that a bundle is refused by its sentence, and that neither memory is another afterwards.
    fn refuses(&self, broken: &Broken) {
        let Broken { what, bundle, keys, to, says } = broken;
        let memory = self.memory(*to);
        let before = state(memory);
        match crate::open(bundle) {
            Err(error) => assert_eq!(without_ids(&error.to_string()), *says, "{what}"),
            Ok(bag) => {
                let keys = keys.as_ref().map(|keys| TrustedKeys::parse(keys).unwrap());
                let import = || match &keys {
                    Some(keys) => memory.import_bundle(&bag).expect_signature(keys),
                    None => memory.import_bundle(&bag),
                };
                let preview = import().preview().map(|arrival| panic!("{what}: it was taken in: {arrival}"));
                assert_eq!(without_ids(&preview.unwrap_err().to_string()), *says, "{what}, the preview");
                let run = import().run(host()).map(|arrival| panic!("{what}: it was taken in: {arrival}"));
                assert_eq!(without_ids(&run.unwrap_err().to_string()), *says, "{what}, the import");
            }
        }
        assert!(state(memory) == before, "{what}: the memory is another");
    }

    /// After all of that both memories are sound, and the whole bundle is taken in.
    fn goes_on(&self) {
        let keys = TrustedKeys::parse(EXPECTED).unwrap();
        for (to, is_new) in [(To::Stranger, true), (To::Friend, false)] {
            let memory = self.memory(to);
            assert!(memory.verify().unwrap().is_sound(), "{to:?}: {}", memory.verify().unwrap());
            let arrival = memory.import_bundle(&crate::open(&self.signed).unwrap()).expect_signature(&keys).run(host());
            assert_eq!(arrival.unwrap().brought_anything(), is_new);
            assert!(memory.verify().unwrap().is_sound());
        }
    }
}

/// All that a memory holds, as the hash of a bundle of it, and its head.
fn state(memory: &Memory) -> (Head, Vec<u8>) {
    (memory.head().unwrap(), Sha256::digest(packed(memory, None, None)).to_vec())
}

/// A sentence in which each id is written ‹id›.
fn without_ids(said: &str) -> String {
    let is_id = |at: usize| said.get(at..at + 36).is_some_and(|part| Uuid::try_parse(part).is_ok());
    match (0..said.len()).find(|at| is_id(*at)) {
        Some(at) => format!("{}‹id›{}", &said[..at], without_ids(&said[at + 36..])),
        None => said.to_owned(),
    }
}

/// Changes a file, and what the manifest says of it.
fn rewritten(files: &mut Kit) -> &mut Kit {
    let listed = String::from_utf8(files.0[MANIFEST].clone()).unwrap();
    let (before, after) = (hash(&files.0["data/notes.csv"]), hash(b"nothing was said\n"));
    files.put("data/notes.csv", "nothing was said\n").put(MANIFEST, listed.replace(&before, &after))
}

/// What is not what the manifests say, or is not said by them.
fn manifests(stage: &Stage) -> Vec<Broken> {
    vec![
        broken(
            "a file was changed",
            stage.files(|files| files.put("data/notes.csv", "nothing was said\n")),
            "handoff.zip: data/notes.csv: its sha256 hash is not the one in the manifest: it was changed after \
             packing; do not use it, and ask for the bundle again",
        ),
        broken(
            "the manifest was rewritten",
            stage.files(rewritten),
            "handoff.zip: manifest-sha256.txt: its sha256 hash is not the one in the manifest: it was changed \
             after packing; do not use it, and ask for the bundle again",
        ),
        broken(
            "the manifest and the tag manifest were rewritten, and the signature was kept",
            stage.files(|files| {
                let signature = key().sign(&files.0["tagmanifest-sha256.txt"]).unwrap().to_string();
                rewritten(files).list_tags().put(SIGNATURE, signature)
            }),
            "handoff.zip: the signature is broken: the signature does not fit tagmanifest-sha256.txt: one of the \
             two was changed after signing; do not trust it; ask the sender for it again",
        ),
        broken(
            "all manifests were rewritten and the signature was taken off, and one is expected",
            stage.listed(rewritten),
            "handoff.zip: not signed; ask the sender to sign it",
        )
        .expecting(EXPECTED),
        broken(
            "the tag manifest was deleted",
            stage.files(|files| files.take("tagmanifest-sha256.txt")),
            "handoff.zip: tagmanifest-sha256.txt: it is not in the bundle; nothing says then whether the \
             manifests were changed, and a signature would cover nothing; ask for the bundle again",
        ),
        broken(
            "the manifest was deleted",
            stage.files(|files| files.take(MANIFEST).list_tags()),
            "handoff.zip: manifest-sha256.txt: there is none, so nothing says what the bundle holds; ask for it \
             again",
        ),
        broken(
            "a file was deleted",
            stage.files(|files| files.take("data/notes.csv")),
            "handoff.zip: data/notes.csv: manifest-sha256.txt lists it, and it is not there; ask for the bundle \
             again",
        ),
        broken(
            "an unlisted file",
            stage.files(|files| files.put("data/more.csv", "more")),
            "handoff.zip: data/more.csv: manifest-sha256.txt does not list it; somebody added it, or the bag was \
             made wrongly; do not use it",
        ),
        broken(
            "an unlisted file beside the payload",
            stage.files(|files| files.put("more.txt", "more")),
            "handoff.zip: more.txt: no manifest lists it: somebody added it after packing; do not use it, and ask \
             for the bundle again",
        ),
        broken(
            "an unlisted attachment",
            stage.files(|files| files.put(&format!("data/attachments/{}", hash(b"more")), "more")),
            "handoff.zip: data/attachments/187897ce0afcf20b50ba2b37dca84a951b7046f29ed5ab94f010619f69d6e189: \
             manifest-sha256.txt does not list it; somebody added it, or the bag was made wrongly; do not use it",
        ),
        broken(
            "another statement",
            stage.listed(|files| files.put("handoff.json", "{}")),
            "handoff.zip: handoff.json: it cannot be read (missing field `version` at line 1 column 2); ask for \
             the bundle again",
        ),
        broken(
            "another journal than the statement names",
            stage.listed(|files| files.put(JOURNAL, "")),
            "handoff.zip: data/journal.jsonl: it is not the one that handoff.json names by its SHA-256; ask for \
             the bundle again",
        ),
        broken(
            "an attachment that is not what its name says",
            stage.listed(|files| {
                let name = files.0.keys().find(|name| name.starts_with("data/attachments/")).unwrap().clone();
                files.put(&name, "lemon cake")
            }),
            "handoff.zip: data/attachments/4e0d210a4cfaf7d785e1c383e666f8424e598518ca6090d42aed3425190c4747: its \
             bytes are not those that its name says; somebody changed it, ask for the bundle again",
        ),
    ]
}

/// Who signed it.
fn signatures(stage: &Stage) -> Vec<Broken> {
    let other = SigningKey::from_openssh(text(8)).unwrap();
    let of_another =
        key().sign(crate::open(&packed(&stage.friend, None, None)).unwrap().tag_manifest().unwrap()).unwrap();
    let expired = EXPECTED.replacen("ssh-ed25519", "tom@agency.example valid-before=\"20200101Z\" ssh-ed25519", 1);
    vec![
        broken("no signature", packed(&stage.agency, None, None), "handoff.zip: not signed; ask the sender to sign it")
            .expecting(EXPECTED),
        broken(
            "the wrong key",
            packed(&stage.agency, Some(&other), None),
            "handoff.zip: signed by an unknown key SHA256:RFGPmv0HqTEFgFwzM49kDpWeoM4LSFeh+oNnj0R89WQ; ask the \
             sender for the key that they sign with, by another way than the bundle came",
        )
        .expecting(EXPECTED),
        broken(
            "an expired key",
            stage.signed.clone(),
            "handoff.zip: signed by the key SHA256:z/fSv0Z0RZS+Lccbc6ZoOWwt/fbj1VFJGSBKQbo4icE of \
             tom@agency.example, but it expired on 2020-01-01 00:00:00 UTC; ask the sender for the key that they \
             sign with, by another way than the bundle came",
        )
        .expecting(&expired),
        broken(
            "the signature of another bundle",
            stage.files(|files| files.put(SIGNATURE, of_another.to_string())),
            "handoff.zip: the signature is broken: the signature does not fit tagmanifest-sha256.txt: one of the \
             two was changed after signing; do not trust it; ask the sender for it again",
        ),
        broken(
            "a signature that is none",
            stage.files(|files| files.put(SIGNATURE, "trust me")),
            "handoff.zip: the signature is broken: this is not a signature by an ssh-ed25519 or sk-ssh-ed25519 \
             key as `ssh-keygen -Y sign` writes it; if it is by a key of another type, check it with `ssh-keygen \
             -Y verify`, else ask for it to be signed again; ask the sender for it again",
        ),
    ]
}

/// Increments, gaps, order.
fn journals(stage: &Stage) -> Vec<Broken> {
    let (elsewhere, before) = agency("Sam Ito");
    vec![
        broken(
            "an increment of a memory of which nothing came",
            packed(&stage.agency, None, Some(stage.before)),
            "handoff.zip: data/journal.jsonl, line 3: entry ‹id› (note.added) cannot be applied: there is no \
             contact ‹id› in this memory; ask for a bundle that holds it. The bundle goes on after entry 8 of \
             memory ‹id›, and the bundle that reaches up to there was not imported here; import that first",
        ),
        broken(
            "an increment of another memory",
            packed(&elsewhere, None, Some(before)),
            "handoff.zip: data/journal.jsonl, line 3: entry ‹id› (note.added) cannot be applied: there is no \
             contact ‹id› in this memory; ask for a bundle that holds it. The bundle goes on after entry 8 of \
             memory ‹id›, and the bundle that reaches up to there was not imported here; import that first",
        )
        .where_known(),
        broken(
            "a gap in what is said of one contact",
            stage.journal(|journal| {
                let at = journal.at("contact.changed");
                journal.0.remove(at);
            }),
            "handoff.zip: data/journal.jsonl, line 4: entry ‹id› (contact.changed) does not follow what is known \
             about its subject: it was changed, or an entry before it is missing; ask for the bundle again",
        ),
        broken(
            "a gap where a contact begins",
            stage.journal(|journal| journal.0.retain(|line| line.kind != "contact.added")),
            "handoff.zip: data/journal.jsonl, line 3: entry ‹id› (contact.changed) is about something whose first \
             entry is neither here nor before it in the bundle; ask for a bundle that holds it",
        ),
        broken(
            "a gap where a member begins",
            stage.journal(|journal| journal.0.retain(|line| line.kind != "member.added")),
            "handoff.zip: data/journal.jsonl, line 2: entry ‹id› (contact.changed) was made by a member who is \
             neither here nor before it in the bundle; ask for a bundle that holds them",
        ),
        broken(
            "a gap at the end",
            stage.journal(|journal| journal.0.truncate(7)),
            "handoff.zip: handoff.json: it says that there are 8 entries, and there are 7; ask for the bundle \
             again",
        ),
        broken(
            "a reordered journal",
            stage.journal(|journal| journal.0.swap(0, 1)),
            "handoff.zip: data/journal.jsonl, line 2: entry ‹id› (member.added) stands out of order, which is \
             that of the stamps; somebody changed the bundle, ask for it again",
        ),
        broken(
            "a reordered journal of which stamps and hashes were made anew",
            stage.journal(|journal| {
                let at = journal.at("contact.tagged");
                let (one, other) = (journal.0[at - 1].stamp, journal.0[at].stamp);
                journal.0.swap(at - 1, at);
                (journal.0[at - 1].stamp, journal.0[at].stamp) = (one, other);
                journal.reseal();
            }),
            "handoff.zip: data/journal.jsonl, line 5: entry ‹id› (contact.tagged) is here already with another \
             content; one of the two was changed, and verify says whether it is the one here",
        )
        .where_known(),
        broken(
            "an entry twice",
            stage.journal(|journal| {
                let last = journal.0.last().unwrap().clone();
                journal.0.push(last);
            }),
            "handoff.zip: data/journal.jsonl, line 9: entry ‹id› (note.added) stands out of order, which is that \
             of the stamps; somebody changed the bundle, ask for it again",
        ),
    ]
}

/// Entries that say what nobody wrote.
fn forgeries(stage: &Stage) -> Vec<Broken> {
    let leo = stage.journal.0.iter().filter(|line| line.kind == "member.added").nth(1).unwrap().id;
    let days = |days: i64| days * 86_400_000_000;
    vec![
        broken(
            "another body",
            stage.journal(|journal| journal.of("note.added").says("lemon tart", "cheese")),
            "handoff.zip: data/journal.jsonl, line 8: entry ‹id› (note.added) has a body that is not the one that \
             was written; it was changed, ask for the bundle again",
        ),
        broken(
            "another author",
            stage.journal(|journal| journal.of("note.added").actor.member = Some(leo)),
            "handoff.zip: data/journal.jsonl, line 8: entry ‹id› (note.added) does not follow what is known about \
             its subject: it was changed, or an entry before it is missing; ask for the bundle again",
        ),
        broken(
            "another author, and hashes made anew, where the true one is known",
            stage.journal(|journal| {
                journal.of("note.added").actor.member = Some(leo);
                journal.reseal();
            }),
            "handoff.zip: data/journal.jsonl, line 8: entry ‹id› (note.added) is here already with another \
             content; one of the two was changed, and verify says whether it is the one here",
        )
        .where_known(),
        broken(
            "an author who is nowhere",
            stage.journal(|journal| {
                journal.of("note.added").actor.member = Some(Uuid::from_u128(4711));
                journal.reseal();
            }),
            "handoff.zip: data/journal.jsonl, line 8: entry ‹id› (note.added) was made by a member who is neither \
             here nor before it in the bundle; ask for a bundle that holds them",
        ),
        broken(
            "an author of no known kind",
            stage.journal(|journal| {
                journal.of("note.added").actor =
                    Author { kind: "spirit".to_owned(), member: None, name: "Banquo".to_owned() };
                journal.reseal();
            }),
            "handoff.zip: data/journal.jsonl, line 8: entry ‹id› (note.added) was made by an actor of no known \
             kind; a newer heirloom may know it",
        ),
        broken(
            "entries said to be written by the memory that receives them",
            stage.journal(|journal| {
                let own = stage.stranger.id().to_string().parse().unwrap();
                journal.0.iter_mut().for_each(|line| line.origin = own);
                journal.reseal();
            }),
            "handoff.zip: data/journal.jsonl, line 1: entry ‹id› (member.added) is said to be written in this \
             memory, which does not know it: it was forged, or this memory was put back to an older copy",
        ),
        broken(
            "a stamp two days ahead",
            stage.journal(|journal| {
                journal.0.last_mut().unwrap().stamp += days(2);
                journal.reseal();
            }),
            "handoff.zip: data/journal.jsonl, line 8: entry ‹id› (note.added) is dated more than a day ahead; set \
             the clock of whichever is wrong",
        ),
        broken(
            "an instant two days ahead",
            stage.journal(|journal| {
                journal.of("note.added").at += days(2);
                journal.reseal();
            }),
            "handoff.zip: data/journal.jsonl, line 8: entry ‹id› (note.added) is dated more than a day ahead; set \
             the clock of whichever is wrong",
        ),
        broken(
            "a stamp on no day that there is",
            stage.journal(|journal| {
                journal.0.last_mut().unwrap().stamp = i64::MAX;
                journal.reseal();
            }),
            "handoff.zip: data/journal.jsonl, line 8: entry ‹id› (note.added) is dated on no day that there is; \
             it was changed, ask for the bundle again",
        ),
        broken(
            "a known id with another body, and hashes made anew",
            stage.journal(|journal| {
                journal.of("note.added").says("lemon tart", "cheese");
                journal.reseal();
            }),
            "handoff.zip: data/journal.jsonl, line 8: entry ‹id› (note.added) is here already with another \
             content; one of the two was changed, and verify says whether it is the one here",
        )
        .where_known(),
        broken(
            "a known id with another body",
            stage.journal(|journal| journal.of("note.added").says("lemon tart", "cheese")),
            "handoff.zip: data/journal.jsonl, line 8: entry ‹id› (note.added) has a body that is not the one that \
             was written; it was changed, ask for the bundle again",
        )
        .where_known(),
        broken(
            "one id twice with different bodies",
            stage.journal(|journal| {
                let mut other = journal.of("note.added").clone();
                other.says("lemon tart", "cheese");
                journal.0.push(other);
                journal.reseal();
            }),
            "handoff.zip: data/journal.jsonl, line 9: entry ‹id› (note.added) stands out of order, which is that \
             of the stamps; somebody changed the bundle, ask for it again",
        ),
        broken(
            "one id twice with different bodies and stamps",
            stage.journal(|journal| {
                let mut other = journal.of("note.added").clone();
                other.says("lemon tart", "cheese");
                other.stamp += 1;
                journal.0.push(other);
                journal.reseal();
            }),
            "handoff.zip: data/journal.jsonl, line 9: entry ‹id› (note.added) is here already with another \
             content; one of the two was changed, and verify says whether it is the one here",
        ),
    ]
}

/// Bytes that are no text.
fn encodings(stage: &Stage) -> Vec<Broken> {
    let mut named = Entry::stored("handoff/data/x", b"x");
    both!(named, name, local_name, b"handoff/data/\xff".to_vec());
    vec![
        broken(
            "a journal that is not UTF-8",
            stage.line(2, |line| line[7] = 0xff),
            "handoff.zip: data/journal.jsonl, line 2: it is not UTF-8 at byte 8; the file was damaged or changed, \
             ask for the bundle again",
        ),
        broken(
            "a line that is no JSON",
            stage.line(2, |line| *line = b"what?\n".to_vec()),
            "handoff.zip: data/journal.jsonl, line 2: it is no entry as JSON (expected value at line 1 column 1); \
             the file was damaged or changed, ask for the bundle again",
        ),
        broken(
            "a line with more than an entry has",
            stage.line(1, |line| line.splice(0..1, *b"{\"mood\":1,").for_each(drop)),
            "handoff.zip: data/journal.jsonl, line 1: it is no entry as JSON (unknown field `mood`, expected one \
             of `id`, `origin`, `subject`, `kind`, `version`, `stamp`, `at`, `actor`, `cause`, `digest`, `hash`, \
             `salt`, `body`, `gone` at line 1 column 7); upgrade heirloom if a newer one packed the bundle, else \
             ask for it again",
        ),
        broken(
            "a statement that is not UTF-8",
            stage.listed(|files| files.put("handoff.json", b"{\"\xff\":1}")),
            "handoff.zip: handoff.json: it cannot be read (invalid unicode code point at line 1 column 3); ask \
             for the bundle again",
        ),
        broken(
            "a manifest that is not UTF-8",
            stage.files(|files| files.put(MANIFEST, b"\xff").list_tags()),
            "handoff.zip: manifest-sha256.txt: it is not UTF-8, which bagit.txt says that it is; ask for the \
             bundle again",
        ),
        broken(
            "information that is not UTF-8",
            stage.listed(|files| files.put("bag-info.txt", b"A: \xff\n")),
            "handoff.zip: bag-info.txt: it is not UTF-8, which bagit.txt says that it is; ask for the bundle again",
        ),
        broken(
            "a name that is not UTF-8",
            stage.entry(named),
            "handoff.zip: record 14: a name is not UTF-8; ask for it to be packed again",
        ),
    ]
}

/// More than anybody could unpack.
fn bombs(stage: &Stage) -> Vec<Broken> {
    // 4 GiB less two are the most that a header says without ZIP64; three of them are more than ten gigabytes.
    let mut entries = stage.files.entries();
    for name in ["handoff/data/a", "handoff/data/b", "handoff/data/c"] {
        let mut zeros = Entry::deflated(name, &vec![0; 4 << 20]);
        both!(zeros, size, local_size, u32::MAX - 1);
        entries.push(zeros);
    }
    let mut hidden = Entry::deflated("handoff/data/notes.csv", &vec![0; 64 << 20]);
    both!(hidden, size, local_size, 1_000);
    let hidden: Vec<Entry> = stage
        .files
        .entries()
        .into_iter()
        .map(|entry| if entry.name == hidden.name { hidden.clone() } else { entry })
        .collect();
    vec![
        broken(
            "10 GB of zeros",
            zip(&entries),
            "handoff.zip: handoff/data/a: 4080 bytes unpack to 4294967294, more than 200 times as many, which is \
             the limit",
        ),
        broken(
            "zeros that are said to be few",
            zip(&hidden),
            "handoff.zip: data/notes.csv: it unpacks to more bytes than its header says; it is damaged or was \
             made to deceive, ask for it again",
        ),
    ]
}

/// Names that lead elsewhere.
fn paths(stage: &Stage) -> Vec<Broken> {
    let named = |name: &str| stage.listed(|files| files.put(name, "x"));
    let mut link = Entry::stored("handoff/data/link", b"/etc/passwd");
    link.mode = 0o120_777;
    let absolute = Entry::stored("/etc/passwd", b"x");
    vec![
        broken(
            "a path up and out",
            named("data/../../../etc/passwd"),
            "handoff.zip: data/../../../etc/passwd: its name leads up and out of the bundle; nothing was taken \
             out of the bundle, do not unpack it with other tools either",
        ),
        broken(
            "a path up and out of the ZIP",
            stage.entry(Entry::stored("handoff/../../x", b"x")),
            "handoff.zip: ../../x: its name leads up and out of the bundle; nothing was taken out of the bundle, \
             do not unpack it with other tools either",
        ),
        broken(
            "an attachment that leads up and out",
            named("data/attachments/../../../x"),
            "handoff.zip: data/attachments/../../../x: its name leads up and out of the bundle; nothing was taken \
             out of the bundle, do not unpack it with other tools either",
        ),
        broken(
            "an absolute path",
            named("/etc/passwd"),
            "handoff.zip: /etc/passwd: its name is an absolute path; nothing was taken out of the bundle, do not \
             unpack it with other tools either",
        ),
        broken(
            "an absolute path in the ZIP",
            stage.entry(absolute),
            "handoff.zip: /etc/passwd: its name is an absolute path; nothing was taken out of the bundle, do not \
             unpack it with other tools either",
        ),
        broken(
            "a path of Windows",
            named("data/..\\..\\outside"),
            "handoff.zip: data/..\\..\\outside: its name has a backslash, which is a path on Windows; nothing was \
             taken out of the bundle, do not unpack it with other tools either",
        ),
        broken(
            "a drive of Windows",
            named("data/C:/windows"),
            "handoff.zip: data/C:/windows: its name has a colon, which is a drive or a stream on Windows; nothing \
             was taken out of the bundle, do not unpack it with other tools either",
        ),
        broken(
            "a device of Windows",
            named("data/nul.txt"),
            "handoff.zip: data/nul.txt: its name is that of a device on Windows; nothing was taken out of the \
             bundle, do not unpack it with other tools either",
        ),
        broken(
            "a link",
            stage.entry(link),
            "handoff.zip: handoff/data/link: it is a symbolic link; a bundle holds files only",
        ),
        broken(
            "a manifest that lists a path up and out",
            stage.files(|files| {
                let listed = String::from_utf8(files.0[MANIFEST].clone()).unwrap();
                files.put(MANIFEST, format!("{listed}{}  ../../x\n", hash(b"x"))).list_tags()
            }),
            "handoff.zip: manifest-sha256.txt, line 8: ../../x is listed: its name leads up and out of the \
             bundle; nothing was taken out of the bundle, do not unpack it with other tools either",
        ),
        broken(
            "a file to be fetched up and out",
            stage.listed(|files| files.put("fetch.txt", "https://elsewhere.example/x - data/../../x\n")),
            "handoff.zip: fetch.txt, line 1: data/../../x is listed: its name leads up and out of the bundle; \
             nothing was taken out of the bundle, do not unpack it with other tools either",
        ),
        broken(
            "two names that differ by case",
            named("data/NOTES.csv"),
            "handoff.zip: data/notes.csv: it differs from data/NOTES.csv by case or Unicode form alone; some \
             systems take both for one",
        ),
        broken(
            "an attachment that does not lie under its SHA-256",
            named("data/attachments/menu.txt"),
            "handoff.zip: data/attachments/menu.txt: an attachment lies under its SHA-256; ask for the bundle \
             again",
        ),
    ]
}

/// Where the ZIP says what of one file.
struct Places {
    local: usize,
    data: usize,
    after: usize,
    central: usize,
}

impl Places {
    fn of(zip: &[u8], name: &str) -> Self {
        let number = |at: usize, length: usize| {
            (0..length).fold(0, |sum, byte| sum + (usize::from(zip[at + byte]) << (8 * byte)))
        };
        let mut central = number(zip.len() - 6, 4);
        while zip[central + 46..][..number(central + 28, 2)] != *name.as_bytes() {
            central += 46 + number(central + 28, 2) + number(central + 30, 2) + number(central + 32, 2);
        }
        let local = number(central + 42, 4);
        let data = local + 30 + number(local + 26, 2) + number(local + 28, 2);
        Self { local, data, after: data + number(central + 20, 4), central }
    }
}

/// What is said of a bundle of which one byte was flipped.
enum Flipped {
    /// It is refused by one of these sentences: which, depends on ids that differ each time.
    Refused(&'static [&'static str]),
    /// The byte says nothing that counts: the bundle is the same.
    Same,
}

use Flipped::{Refused, Same};

/// What is said of a file of which the local header was flipped.
const BEFORE: &[&str] =
    &["handoff.zip: handoff/data/journal.jsonl: what stands before it and what the directory says of it disagree; \
     it is damaged or was made to deceive, ask for it again"];
/// What is said of a file of which what follows it was flipped, or what the directory says of that.
const AFTER: &[&str] =
    &["handoff.zip: handoff/data/journal.jsonl: what stands after it and what the directory says of it disagree; it \
     is damaged or was made to deceive, ask for it again"];
/// What is said of a file of which the packed bytes were flipped.
const UNPACKED: &[&str] = &[
    "handoff.zip: data/journal.jsonl: what it is packed into cannot be unpacked; it is damaged or was made to \
     deceive, ask for it again",
    "handoff.zip: data/journal.jsonl: it unpacks to more bytes than its header says; it is damaged or was made to \
     deceive, ask for it again",
    "handoff.zip: data/journal.jsonl: it unpacks to fewer bytes than its header says; it is damaged or was made \
     to deceive, ask for it again",
    "handoff.zip: data/journal.jsonl: its checksum is not the one in its header; it is damaged or was made to \
     deceive, ask for it again",
];
/// What is said of an end that speaks of several parts.
const PARTS: &[&str] = &["handoff.zip: it is a part of a ZIP of several parts; join them"];

/// A byte of each class, in what the writer of bundles writes.
fn flips(zip: &[u8]) -> Vec<(&'static str, usize, Flipped)> {
    let Places { local, data, after, central } = Places::of(zip, "handoff/data/journal.jsonl");
    let stored = Places::of(zip, "handoff/bagit.txt").data;
    let end = zip.len() - 22;
    vec![
        ("the signature of a local header", local, Refused(BEFORE)),
        ("its version", local + 4, Same),
        ("its flags", local + 6, Refused(BEFORE)),
        ("its method", local + 8, Refused(BEFORE)),
        ("its time", local + 10, Same),
        ("its checksum", local + 14, Refused(BEFORE)),
        ("its packed size", local + 18, Refused(BEFORE)),
        ("its size", local + 22, Refused(BEFORE)),
        ("the length of its name", local + 26, Refused(BEFORE)),
        (
            "the length of its extra fields",
            local + 28,
            Refused(&[
                "handoff.zip: handoff/data/journal.jsonl: its extra fields are cut off; it is damaged or was made \
                 to deceive, ask for it again",
            ]),
        ),
        ("its name", local + 30, Refused(BEFORE)),
        (
            "stored data",
            stored,
            Refused(&[
                "handoff.zip: bagit.txt: its checksum is not the one in its header; it is damaged or was made to \
                 deceive, ask for it again",
            ]),
        ),
        ("the first of deflated data", data, Refused(UNPACKED)),
        ("the midst of deflated data", (data + after) / 2, Refused(UNPACKED)),
        ("the last of deflated data", after - 1, Refused(UNPACKED)),
        ("the signature of what follows the data", after, Refused(AFTER)),
        ("the checksum there", after + 4, Refused(AFTER)),
        ("the packed size there", after + 8, Refused(AFTER)),
        ("the size there", after + 12, Refused(AFTER)),
        (
            "the signature of a record of the directory",
            central,
            Refused(&[
                "handoff.zip: record 2: its directory does not hold what its end says; it is damaged or was made \
                 to deceive, ask for it again",
            ]),
        ),
        ("its version", central + 4, Same),
        ("its system", central + 5, Same),
        ("the version that it needs", central + 6, Same),
        (
            "its flags",
            central + 8,
            Refused(&[
                "handoff.zip: handoff/data/journal.jsonl: it is encrypted by ZIP; ask for a bundle that is sealed \
                 with age, or not at all",
            ]),
        ),
        (
            "its method",
            central + 10,
            Refused(&["handoff.zip: handoff/data/journal.jsonl: it is packed by method 247; only stored (0) and \
                 deflated (8) are read"]),
        ),
        ("its time", central + 12, Same),
        ("its checksum", central + 16, Refused(AFTER)),
        ("its packed size", central + 20, Refused(AFTER)),
        ("its size", central + 24, Refused(AFTER)),
        (
            "the length of its name",
            central + 28,
            Refused(&["handoff.zip: record 2: a name is not UTF-8; ask for it to be packed again"]),
        ),
        (
            "the length of its extra fields",
            central + 30,
            Refused(&[
                "handoff.zip: handoff/data/journal.jsonl: its extra fields are cut off; it is damaged or was made \
                 to deceive, ask for it again",
            ]),
        ),
        (
            "the length of its comment",
            central + 32,
            Refused(&[
                "handoff.zip: record 3: its directory does not hold what its end says; it is damaged or was made \
                 to deceive, ask for it again",
            ]),
        ),
        (
            "its disk",
            central + 34,
            Refused(&[
                "handoff.zip: handoff/data/journal.jsonl: it is in another part of a ZIP of several parts; join \
                 them",
            ]),
        ),
        ("whether it is text", central + 36, Same),
        ("what DOS knows of it", central + 38, Same),
        ("who may read it", central + 40, Same),
        (
            "what kind of file it is",
            central + 41,
            Refused(&[
                "handoff.zip: handoff/data/journal.jsonl: it is a device or another special file; a bundle holds \
                 files only",
            ]),
        ),
        (
            "where it stands",
            central + 42,
            Refused(&[
                "handoff.zip: handoff/data/journal.jsonl: it and the file before it have a gap between them; it \
                 is damaged or was made to deceive, ask for it again",
            ]),
        ),
        (
            "its name",
            central + 46,
            Refused(&["handoff.zip: record 2: a name is not UTF-8; ask for it to be packed again"]),
        ),
        ("the signature of the end", end, Refused(&[CUT])),
        ("its disk", end + 4, Refused(PARTS)),
        ("the disk of the directory", end + 6, Refused(PARTS)),
        ("the number of records there", end + 8, Refused(PARTS)),
        ("the number of records", end + 10, Refused(PARTS)),
        (
            "the length of the directory",
            end + 12,
            Refused(&[
                "handoff.zip: its directory is not where its end says; it is damaged or was made to deceive, ask \
                 for it again",
            ]),
        ),
        (
            "where the directory stands",
            end + 16,
            Refused(&[
                "handoff.zip: its directory is not where its end says; it is damaged or was made to deceive, ask \
                 for it again",
            ]),
        ),
        ("the length of the comment", end + 20, Refused(&[CUT])),
    ]
}

#[test]
fn each_broken_bundle_is_refused_by_its_sentence_and_leaves_the_memory_as_it_was() {
    let stage = Stage::new();
    let kit = [manifests, signatures, journals, forgeries, encodings, bombs, paths];
    for broken in kit.iter().flat_map(|of| of(&stage)) {
        stage.refuses(&broken);
    }
    stage.goes_on();
}

#[test]
fn a_bundle_cut_off_at_each_hundredth_is_refused_and_leaves_the_memory_as_it_was() {
    let stage = Stage::new();
    let before = (state(&stage.stranger), state(&stage.friend));
    for hundredth in 0..100 {
        let cut = &stage.signed[..stage.signed.len() * hundredth / 100];
        assert_eq!(crate::refused(cut), CUT, "at {hundredth} hundredths");
    }
    assert!((state(&stage.stranger), state(&stage.friend)) == before, "a memory is another");
    stage.goes_on();
}

#[test]
fn a_flipped_byte_of_each_class_is_refused_by_its_sentence_or_says_nothing() {
    let stage = Stage::new();
    let memory = &stage.stranger;
    let preview = |bag: &Bag| memory.import_bundle(bag).preview().map(|arrival| arrival.to_string());
    let whole = preview(&crate::open(&stage.signed).unwrap()).unwrap();
    let before = state(memory);
    for (what, at, expected) in flips(&stage.signed) {
        let mut flipped = stage.signed.clone();
        flipped[at] ^= 0xff;
        let said = match crate::open(&flipped) {
            Ok(bag) => preview(&bag).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match (said, expected) {
            (Ok(told), Same) => assert_eq!(told, whole, "byte {at}, {what}"),
            (Err(said), Refused(sentences)) => assert!(sentences.contains(&said.as_str()), "byte {at}, {what}: {said}"),
            (Ok(_), Refused(_)) => panic!("byte {at}, {what}: it was opened"),
            (Err(said), Same) => panic!("byte {at}, {what}: {said}"),
        }
        assert!(state(memory) == before, "byte {at}, {what}: the memory is another");
    }
    stage.goes_on();
}

/// Texts that are code to a browser, a spreadsheet, an address book or a terminal.
const PAYLOADS: [&str; 9] = [
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    "\" onmouseover=\"alert(4)",
    "=HYPERLINK(\"http://evil.example\",\"prices\")",
    "+1+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "x\nEND:VCARD\nBEGIN:VCARD\nVERSION:4.0\nFN:Mallory",
    "\u{1b}[2J\u{202e}drow",
];

#[test]
fn html_and_csv_payloads_arrive_as_text_and_leave_as_text() {
    let sender = Memory::in_memory().unwrap();
    let sally = sender.write(host(), |w| {
        let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
        PAYLOADS.iter().try_for_each(|text| w.note(sally, *text).insight().save().map(drop))?;
        Ok(sally)
    });
    let client = Memory::in_memory().unwrap();
    let _arrival = client.import_bundle(&crate::open(&packed(&sender, None, None)).unwrap()).run(host()).unwrap();
    let timeline = client.timeline(sally.unwrap(), None, 100).unwrap();
    let mut arrived: Vec<&str> = timeline.notes.iter().map(|note| note.text.as_str()).collect();
    arrived.reverse();
    assert_eq!(arrived, PAYLOADS);

    let bag = crate::open(&packed(&client, None, None)).unwrap();
    let file = |name: &str| String::from_utf8(bag.read_to_vec(name).unwrap()).unwrap();
    let (page, notes, cards) = (file("data/index.html"), file("data/notes.csv"), file("data/contacts.vcf"));
    for text in PAYLOADS {
        if text.contains(['<', '"']) {
            assert!(!page.contains(text), "the page runs {text}");
        }
        if text.starts_with(['=', '+', '@']) {
            let cell = text.replace('"', "\"\"");
            assert!(notes.contains(&format!("'{cell}")), "the table does not defuse {text}");
            assert!(
                !notes.contains(&format!(",{cell}")) && !notes.contains(&format!(",\"{cell}")),
                "the table runs {text}"
            );
        }
    }
    assert_eq!(cards.lines().filter(|line| *line == "BEGIN:VCARD").count(), 1, "a note became a card");
    assert!(
        !page.contains('\u{202e}') || page.contains("<bdi") || page.contains("dir=\"auto\""),
        "a note turns the page round"
    );
}
