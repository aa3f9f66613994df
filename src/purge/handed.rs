//! What bundles handed over, sorted into what can be deleted and what stays.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Ground, PurgeKept, PurgePreview, Returned, Terms};
use crate::bundle::Bag;
use crate::bundle::import::entries::each_entry;
use crate::bundle::import::{attachment_files, statement};
use crate::contact::{ContactSummary, read_summary};
use crate::erasure::{ToErase, linked_to_held};
use crate::error::{Error, Result};
use crate::id::{ContactId, FollowUpId, MemoryId, NoteId};
use crate::journal::receive::Record;
use crate::journal::{Hash, Subject, gone};
use crate::memory::View;
use crate::note;
use crate::retention::Ties;
use crate::store::{RowExt, Sql, SqlExt, Value};

/// Why that stays which was withheld from the bundle.
pub(super) const WITHHELD: &str = "withheld from the bundle, at least in part, so not handed over";

/// Why something stays, in the order in which the reasons count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    /// A legal hold.
    Held,
    /// A stated ground, by its place.
    Ground(usize),
    /// It is newer than the bundle, or something about it is.
    Newer,
    /// It was not in the bundle, or not all of it.
    Withheld,
}

/// What bundles hold of the subjects of a memory.
#[derive(Default)]
pub(super) struct Handed {
    /// The head of the newest bundle that each subject was in, by key.
    subjects: HashMap<i64, i64>,
    /// The entries whose whole bodies were in a bundle, by number.
    bodies: HashSet<i64>,
    /// The attachments whose bytes were in a bundle.
    attachments: HashSet<Hash>,
    /// The newest of the heads.
    head: i64,
}

impl Handed {
    /// Reads bundles of this memory.
    pub(super) fn read(view: &View<'_>, memory: MemoryId, bags: &[&Bag]) -> Result<Self> {
        let mut handed = Self::default();
        for bag in bags {
            handed.bag(view.sql(), memory, bag)?;
        }
        Ok(handed)
    }

    fn bag(&mut self, sql: &dyn Sql, memory: MemoryId, bag: &Bag) -> Result<()> {
        let statement = statement(bag)?;
        let head = statement.head.seq;
        each_entry(bag, statement.journal, &mut |entry| {
            let record = entry.record();
            let (seq, subject) = own(sql, bag, record)?;
            if matches!(record.about(), Subject::Contact(_) | Subject::Note(_) | Subject::FollowUp(_)) {
                let newest = self.subjects.entry(subject).or_default();
                *newest = head.max(*newest);
                if holds_all(sql, record)? {
                    self.bodies.insert(seq);
                }
            }
            Ok(())
        })?;
        if statement.memory != memory {
            return Err(Error::refused(format!(
                "the bundle {} is of memory {}, and this is memory {memory}; what it handed over is deleted there",
                bag.name(),
                statement.memory
            )));
        }
        self.attachments.extend(attachment_files(bag)?.into_keys());
        self.head = self.head.max(head);
        Ok(())
    }

    /// What of a subject was not handed over, by key; `None` where all of it was.
    fn missing(&self, sql: &dyn Sql, subject: i64) -> Result<Option<Why>> {
        let query = "SELECT max(seq) FROM entry WHERE subject = $1";
        let newest = sql.one(query, &[Value::Int(subject)], |row| Ok(row.opt_int(0)?.unwrap_or(i64::MAX)))?;
        Ok(match self.subjects.get(&subject) {
            Some(head) if newest > *head => Some(Why::Newer),
            Some(_) if self.has_all(sql, subject)? => None,
            None if subject > self.head => Some(Why::Newer),
            Some(_) | None => Some(Why::Withheld),
        })
    }

    /// Whether every body and every attachment of a subject that is here was in a bundle.
    fn has_all(&self, sql: &dyn Sql, subject: i64) -> Result<bool> {
        let mut has_all = true;
        sql.each(
            "SELECT b.seq FROM entry e JOIN entry_body b ON b.seq = e.seq WHERE e.subject = $1",
            &[Value::Int(subject)],
            |row| {
                has_all &= self.bodies.contains(&row.int(0)?);
                Ok(())
            },
        )?;
        sql.each(
            "SELECT a.sha256 FROM attachment a JOIN attachment_bytes b ON b.sha256 = a.sha256 WHERE a.subject = $1",
            &[Value::Int(subject)],
            |row| {
                has_all &= self.attachments.contains(&Hash::from_slice(row.blob(0)?)?);
                Ok(())
            },
        )?;
        Ok(has_all)
    }

    /// Sorts out what goes and what stays.
    pub(super) fn sort_out(self, view: &View<'_>, terms: &Terms, returned: Vec<Returned>) -> Result<PurgePreview> {
        let mut desk = Desk::new(view, &self, terms)?;
        let mut subjects: Vec<i64> = self.subjects.keys().copied().collect();
        subjects.sort_unstable();
        let kinds = |noun: &str| -> Result<Vec<(i64, uuid::Uuid)>> { standing(view.sql(), noun, &subjects) };
        for (key, id) in kinds("note")? {
            desk.note(key, NoteId(id))?;
        }
        for (key, id) in kinds("follow_up")? {
            desk.follow_up(key, FollowUpId(id))?;
        }
        for (key, id) in kinds("contact")? {
            desk.contact(key, ContactId(id))?;
        }
        desk.preview(view, returned)
    }
}

/// Whether an entry of a bundle holds all of the body that stands here: the one that was written, or the very same part.
fn holds_all(sql: &dyn Sql, record: &Record) -> Result<bool> {
    let (Some(salt), Some(body)) = (&record.salt, record.body()) else { return Ok(false) };
    let here = match record.gone {
        None => Some(record.digest),
        Some(_) => gone::masked_by(sql, record.id.as_bytes())?,
    };
    Ok(here == Some(Hash::of(&[salt, body.as_bytes()])))
}

/// The number of an entry of a bundle, and the key of its subject: it must stand here as it was packed.
fn own(sql: &dyn Sql, bag: &Bag, record: &Record) -> Result<(i64, i64)> {
    let known = sql.first("SELECT seq, subject, hash FROM entry WHERE id = $1", &[(&record.id).into()], |row| {
        Ok((row.int(0)?, row.int(1)?, Hash::from_slice(row.blob(2)?)?))
    })?;
    match known {
        Some((seq, subject, hash)) if hash == record.hash => Ok((seq, subject)),
        _ => Err(Error::refused(format!(
            "entry {} ({}) of the bundle {} does not stand in this memory; the bundle is of another one, or was changed",
            record.id,
            record.kind,
            bag.name()
        ))),
    }
}

/// The subjects of a noun, with key and id, that have rows and are among these.
fn standing(sql: &dyn Sql, noun: &str, among: &[i64]) -> Result<Vec<(i64, uuid::Uuid)>> {
    let mut found = Vec::new();
    let mut each = |query: &'static str| {
        sql.each(query, &[], |row| {
            let key = row.int(0)?;
            if among.binary_search(&key).is_ok() {
                found.push((key, row.uuid(1)?));
            }
            Ok(())
        })
    };
    match noun {
        "note" => each("SELECT key, id FROM note ORDER BY key")?,
        "follow_up" => each("SELECT key, id FROM follow_up ORDER BY key")?,
        _ => each("SELECT key, id FROM contact ORDER BY key")?,
    }
    Ok(found)
}

/// How much of a contact stays for a reason.
#[derive(Default)]
struct Stays {
    contact: bool,
    notes: u64,
    follow_ups: u64,
}

/// The sorting under way.
struct Desk<'s> {
    sql: &'s dyn Sql,
    handed: &'s Handed,
    terms: &'s Terms,
    held: BTreeMap<i64, String>,
    /// Those who are linked to one of these, by key.
    linked: BTreeMap<i64, i64>,
    grounds: HashMap<i64, usize>,
    ties: Ties,
    /// The notes and promises that go, by key.
    going: HashSet<i64>,
    /// Notes and promises that go with a contact and were not handed over.
    unhanded: (BTreeSet<i64>, BTreeSet<i64>),
    /// How many others go of which only a part was handed over.
    partly: u64,
    to_erase: ToErase,
    stays: BTreeMap<(i64, Why), Stays>,
}

impl<'s> Desk<'s> {
    fn new(view: &View<'s>, handed: &'s Handed, terms: &'s Terms) -> Result<Self> {
        let mut held = BTreeMap::new();
        for hold in view.holds()? {
            held.entry(view.contact_key(hold.contact.id)?).or_insert_with(|| hold.terms());
        }
        let mut grounds = HashMap::new();
        for (place, (_, contacts)) in terms.keeping.iter().enumerate() {
            for contact in contacts {
                grounds.entry(view.contact_key(*contact)?).or_insert(place);
            }
        }
        Ok(Self {
            sql: view.sql(),
            handed,
            terms,
            held,
            linked: linked_to_held(view.sql())?,
            grounds,
            ties: Ties::read(view.sql())?,
            going: HashSet::new(),
            unhanded: (BTreeSet::new(), BTreeSet::new()),
            partly: 0,
            to_erase: ToErase::default(),
            stays: BTreeMap::new(),
        })
    }

    /// Why nothing of a contact may go, if so.
    fn kept(&self, contact: i64) -> Option<Why> {
        match self.held.contains_key(&contact) {
            true => Some(Why::Held),
            false => self.grounds.get(&contact).copied().map(Why::Ground),
        }
    }

    /// What of a subject was not handed over and stays for it.
    fn missing(&self, subject: i64) -> Result<Option<Why>> {
        let missing = self.handed.missing(self.sql, subject)?;
        Ok(missing.filter(|why| *why != Why::Withheld || !self.terms.withheld_too))
    }

    /// Takes notice that a subject of a bundle goes.
    fn goes(&mut self, key: i64) -> Result<()> {
        self.going.insert(key);
        self.partly += u64::from(self.handed.missing(self.sql, key)?.is_some());
        Ok(())
    }

    fn stays(&mut self, contact: i64, why: Why) -> &mut Stays {
        self.stays.entry((contact, why)).or_default()
    }

    fn note(&mut self, key: i64, id: NoteId) -> Result<()> {
        let about = note::contacts_of(self.sql, key)?;
        let kept =
            about.iter().copied().chain(self.ties.contacts_of(key)).filter_map(|contact| self.kept(contact)).min();
        match kept.map_or_else(|| self.missing(key), |why| Ok(Some(why)))? {
            Some(why) => self.stays(about.first().copied().unwrap_or_default(), why).notes += 1,
            None => {
                self.goes(key)?;
                self.to_erase.notes.insert(id);
            }
        }
        Ok(())
    }

    fn follow_up(&mut self, key: i64, id: FollowUpId) -> Result<()> {
        let contact =
            self.sql.one("SELECT contact FROM follow_up WHERE key = $1", &[Value::Int(key)], |row| row.int(0))?;
        match self.kept(contact).map_or_else(|| self.missing(key), |why| Ok(Some(why)))? {
            Some(why) => self.stays(contact, why).follow_ups += 1,
            None => {
                self.goes(key)?;
                self.to_erase.follow_ups.insert(id);
            }
        }
        Ok(())
    }

    /// A contact goes when all that goes with it may go.
    fn contact(&mut self, key: i64, id: ContactId) -> Result<()> {
        let linked = self.linked.contains_key(&key).then_some(Why::Held);
        let mut why = self.kept(key).or(linked).map_or_else(|| self.missing(key), |why| Ok(Some(why)))?;
        let (notes, follow_ups) = (self.notes_of(key)?, self.follow_ups_of(key)?);
        for note in &notes {
            why = first(why, self.bars(*note, true)?);
        }
        for follow_up in &follow_ups {
            why = first(why, self.bars(*follow_up, false)?);
        }
        match why {
            Some(why) => self.stays(key, why).contact = true,
            None => {
                self.goes(key)?;
                self.to_erase.contacts.insert(id);
                let unhanded = |key: &&i64| !self.going.contains(key);
                self.unhanded.0.extend(notes.iter().filter(unhanded));
                self.unhanded.1.extend(follow_ups.iter().filter(unhanded));
            }
        }
        Ok(())
    }

    /// Why a note or a promise of a contact does not let the contact go.
    fn bars(&self, key: i64, note: bool) -> Result<Option<Why>> {
        if self.going.contains(&key) {
            return Ok(None);
        }
        let tied = note.then(|| self.ties.contacts_of(key).filter_map(|contact| self.kept(contact)).min()).flatten();
        tied.map_or_else(|| self.missing(key), |why| Ok(Some(why)))
    }

    fn notes_of(&self, contact: i64) -> Result<Vec<i64>> {
        let mut notes =
            self.sql
                .all("SELECT note FROM note_contact WHERE contact = $1", &[Value::Int(contact)], |row| row.int(0))?;
        notes.extend(self.ties.said_of_others(contact));
        Ok(notes)
    }

    fn follow_ups_of(&self, contact: i64) -> Result<Vec<i64>> {
        self.sql.all("SELECT key FROM follow_up WHERE contact = $1", &[Value::Int(contact)], |row| row.int(0))
    }

    fn preview(self, view: &View<'_>, returned: Vec<Returned>) -> Result<PurgePreview> {
        let mut contacts = Vec::with_capacity(self.to_erase.contacts.len());
        for id in &self.to_erase.contacts {
            contacts.push(view.contact_summary(*id)?);
        }
        contacts.sort_by_cached_key(|contact| (crate::search::fold(&contact.name), contact.id));
        let mut kept = Vec::with_capacity(self.stays.len());
        for ((contact, why), stays) in &self.stays {
            kept.push(PurgeKept {
                contact: summary(self.sql, *contact)?,
                contact_stays: stays.contact,
                notes: stays.notes,
                follow_ups: stays.follow_ups,
                why: self.words(*contact, *why),
                ground: self.ground(*why),
            });
        }
        kept.sort_by_cached_key(|kept| (crate::search::fold(&kept.contact.name), kept.contact.id));
        let unhanded = (self.unhanded.0.len() as u64, self.unhanded.1.len() as u64);
        Ok(PurgePreview {
            digest: self.digest(&returned),
            returned,
            contacts,
            notes: self.to_erase.notes.len() as u64 + unhanded.0,
            follow_ups: self.to_erase.follow_ups.len() as u64 + unhanded.1,
            withheld: unhanded.0 + unhanded.1 + self.partly,
            kept,
            to_erase: self.to_erase,
        })
    }

    /// A hash over all that goes.
    fn digest(&self, returned: &[Returned]) -> Hash {
        let mut parts: Vec<Vec<u8>> = vec![b"heirloom purge 1\n".to_vec()];
        parts.extend(returned.iter().map(|returned| returned.bundle.as_bytes().to_vec()));
        parts.extend(self.to_erase.contacts.iter().map(|id| id.0.as_bytes().to_vec()));
        parts.extend(self.to_erase.notes.iter().map(|id| id.0.as_bytes().to_vec()));
        parts.extend(self.to_erase.follow_ups.iter().map(|id| id.0.as_bytes().to_vec()));
        parts.extend([&self.unhanded.0, &self.unhanded.1].into_iter().flatten().map(|key| key.to_be_bytes().to_vec()));
        Hash::of(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// Why something of a contact stays, for the operator.
    fn words(&self, contact: i64, why: Why) -> String {
        match why {
            Why::Held => match self.held.get(&contact) {
                Some(hold) => format!("under a legal hold: {hold}"),
                None if self.linked.contains_key(&contact) => "is linked to somebody under a legal hold".to_owned(),
                None => "shares a note with somebody under a legal hold".to_owned(),
            },
            Why::Ground(_) if !self.grounds.contains_key(&contact) => {
                format!("shares a note with somebody who is kept: {}", self.ground(why).words)
            }
            why => self.ground(why).words,
        }
    }

    /// The ground as the certificate states it.
    fn ground(&self, why: Why) -> Ground {
        match why {
            Why::Held => Ground::new("legal hold"),
            Why::Ground(place) => self.terms.keeping.get(place).map(|(ground, _)| ground.clone()).unwrap_or_default(),
            Why::Newer => {
                Ground::new("changed since the bundle was packed, so not handed over: an increment comes first")
            }
            Why::Withheld => Ground::new(WITHHELD),
        }
    }
}

fn first(a: Option<Why>, b: Option<Why>) -> Option<Why> {
    [a, b].into_iter().flatten().min()
}

fn summary(sql: &dyn Sql, contact: i64) -> Result<ContactSummary> {
    sql.one("SELECT id, kind, name FROM contact WHERE key = $1", &[Value::Int(contact)], read_summary)
}
