//! What the rules of retention are about at an instant.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{OfContacts, OfNotes, RetainedSelection, Retention, RetentionAction, Since, Ties};
use crate::contact::{ContactSummary, read_summary};
use crate::erasure::{ToErase, linked_to_held};
use crate::error::{Error, Result};
use crate::id::{MemoryId, NoteId};
use crate::journal::Hash;
use crate::memory::View;
use crate::note;
use crate::search::fold;
use crate::store::{RowExt, Sql, SqlExt, Value};
use crate::time::{self, Precision, When};
use crate::wording::Count;

/// What rules of retention would touch. As text by `Display`, as JSON by [`RetentionPreview::to_json`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RetentionPreview {
    /// The memory that was looked at.
    pub memory: MemoryId,
    /// The instant at which the periods were measured.
    pub at: DateTime<Utc>,
    /// The rules in the order in which they were given, each with what it would touch.
    pub rules: Vec<RuleDue>,
    /// What stays although its time is over, and why.
    pub kept: Vec<KeptBack>,
    /// A SHA-256 over the rules and all that they would touch.
    pub digest: Hash,
}

/// What one rule would touch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RuleDue {
    /// The rule.
    pub rule: Retention,
    /// The contacts, by name.
    pub contacts: Vec<ContactDue>,
    /// The notes, by the name of the first contact that each is about.
    pub notes: Vec<NotesDue>,
    /// How much the rule is about that a rule before it takes already.
    pub taken: u64,
}

/// A contact whose time is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContactDue {
    /// The contact.
    pub contact: ContactSummary,
    /// The event from which the period ran.
    pub since: DateTime<Utc>,
    /// How many notes go with them.
    pub notes: u64,
    /// How many of these notes are also about others who stay: they go for all.
    pub shared: u64,
}

/// The notes about a contact whose time is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NotesDue {
    /// The contact; of a note about several, the first that was added.
    pub contact: ContactSummary,
    /// The notes, the oldest first.
    pub notes: Vec<NoteId>,
    /// How many of them are also about others.
    pub shared: u64,
}

/// What stays although its time is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeptBack {
    /// The name of the rule.
    pub rule: String,
    /// The contact; of notes, whom they are about.
    pub contact: ContactSummary,
    /// How many notes stay; 0 where the contact does.
    pub notes: u64,
    /// Why, as words for people.
    pub why: String,
}

impl RuleDue {
    pub(super) fn to_erase(&self) -> ToErase {
        ToErase {
            contacts: self.contacts.iter().map(|due| due.contact.id).collect(),
            notes: self.notes.iter().flat_map(|due| &due.notes).copied().collect(),
            ..ToErase::default()
        }
    }

    /// The ids of all that it would touch.
    fn ids(&self) -> impl Iterator<Item = Uuid> {
        let contacts = self.contacts.iter().map(|due| due.contact.id.0);
        contacts.chain(self.notes.iter().flat_map(|due| &due.notes).map(|note| note.0))
    }
}

impl RetentionPreview {
    /// Whether what it shows, and what it was made from, is what is due today.
    pub(super) fn shows_the_same_as(&self, today: &Self) -> Result<bool> {
        Ok(self.digest == today.digest && digest(self.memory, &self.rules)? == today.digest)
    }

    /// Says why what is due today is not what the preview shows.
    pub(super) fn differs_from(&self, today: &Self) -> String {
        if self.memory != today.memory {
            return format!("the preview is of memory {}, and this is memory {}", self.memory, today.memory);
        }
        let rules = |preview: &Self| preview.rules.iter().map(|due| due.rule.clone()).collect::<Vec<_>>();
        if rules(self) != rules(today) {
            return "the preview is of other rules; look at what these would touch first".to_owned();
        }
        let ids = |preview: &Self| preview.rules.iter().flat_map(RuleDue::ids).collect::<BTreeSet<_>>();
        let (then, now) = (ids(self), ids(today));
        let (more, fewer) = (now.difference(&then).count(), then.difference(&now).count());
        format!(
            "the memory changed since the preview: {more} would go that it does not show, and {fewer} that it shows would \
             stay; nothing was erased, look at a new preview first"
        )
    }
}

/// Works out what is due at the instant of the view.
pub(super) fn preview(view: &View<'_>, memory: MemoryId, rules: &[Retention]) -> Result<RetentionPreview> {
    at(view, memory, rules, time::from_micros(view.now_micros())?)
}

/// Works out what is due at an instant.
pub(super) fn at(
    view: &View<'_>,
    memory: MemoryId,
    rules: &[Retention],
    at: DateTime<Utc>,
) -> Result<RetentionPreview> {
    let mut search = Search::new(view, at)?;
    // Erasing goes before reviewing, so that nobody is asked about what goes anyway; contacts go before notes, which go
    // with them.
    let mut order: Vec<usize> = (0..rules.len()).collect();
    order.sort_by_key(|place| {
        rules.get(*place).map(|rule| (rule.action, matches!(rule.of, RetainedSelection::Notes(_))))
    });
    let mut found: BTreeMap<usize, RuleDue> = BTreeMap::new();
    for place in order {
        let Some(rule) = rules.get(place) else { continue };
        found.insert(place, search.rule(rule)?);
    }
    let rules: Vec<RuleDue> = found.into_values().collect();
    let digest = digest(memory, &rules)?;
    Ok(RetentionPreview { memory, at, rules, kept: search.kept, digest })
}

/// A hash over what would be touched: whoever was renamed since is touched all the same.
fn digest(memory: MemoryId, rules: &[RuleDue]) -> Result<Hash> {
    let mut hasher = Sha256::new();
    hasher.update(b"heirloom retention 1\n");
    hasher.update(memory.0.as_bytes());
    for due in rules {
        let rule = serde_json::to_string(&due.rule).map_err(|e| Error::fault("a rule of retention", e))?;
        hasher.update((rule.len() as u64).to_be_bytes());
        hasher.update(rule);
        hasher.update((due.contacts.len() as u64).to_be_bytes());
        for contact in &due.contacts {
            hasher.update(contact.contact.id.0.as_bytes());
            hasher.update(contact.notes.to_be_bytes());
            hasher.update(contact.shared.to_be_bytes());
        }
        hasher.update((due.notes.len() as u64).to_be_bytes());
        for notes in &due.notes {
            hasher.update((notes.notes.len() as u64).to_be_bytes());
            notes.notes.iter().for_each(|note| hasher.update(note.0.as_bytes()));
            hasher.update(notes.shared.to_be_bytes());
        }
    }
    Ok(Hash(hasher.finalize().into()))
}

/// A search under way.
struct Search<'s> {
    sql: &'s dyn Sql,
    at: DateTime<Utc>,
    /// The contacts under a legal hold, by key, each with the words for it.
    held: BTreeMap<i64, String>,
    /// Those who are linked to one of these, by key, each with that one.
    linked: BTreeMap<i64, i64>,
    ties: Ties,
    /// The contacts, by key, that a rule erases.
    going: BTreeSet<i64>,
    /// The contacts and notes, by key, that a rule takes.
    taken: BTreeSet<i64>,
    kept: Vec<KeptBack>,
}

/// A contact whose time is over, before it is known whether it can go.
struct Candidate {
    key: i64,
    contact: ContactSummary,
    since: DateTime<Utc>,
}

impl<'s> Search<'s> {
    fn new(view: &View<'s>, at: DateTime<Utc>) -> Result<Self> {
        let mut held = BTreeMap::new();
        for hold in view.holds()? {
            held.entry(view.contact_key(hold.contact.id)?).or_insert_with(|| hold.terms());
        }
        let (sql, ties) = (view.sql(), Ties::read(view.sql())?);
        let linked = linked_to_held(sql)?;
        Ok(Self { sql, at, held, linked, ties, going: BTreeSet::new(), taken: BTreeSet::new(), kept: Vec::new() })
    }

    fn rule(&mut self, rule: &Retention) -> Result<RuleDue> {
        let mut due = RuleDue { rule: rule.clone(), contacts: Vec::new(), notes: Vec::new(), taken: 0 };
        let over_before = rule.over_before(self.at)?;
        match &rule.of {
            RetainedSelection::Contacts(of) => self.contacts(rule, of, over_before, &mut due)?,
            RetainedSelection::Notes(of) => self.notes(rule, of, over_before, &mut due)?,
        }
        Ok(due)
    }

    fn contacts(
        &mut self,
        rule: &Retention,
        of: &OfContacts,
        over_before: DateTime<Utc>,
        due: &mut RuleDue,
    ) -> Result<()> {
        let mut candidates = self.candidates(rule, of, over_before)?;
        let before = candidates.len();
        candidates.retain(|candidate| !self.taken.contains(&candidate.key));
        due.taken = (before - candidates.len()) as u64;
        if rule.action == RetentionAction::Erase {
            candidates = self.without_obstacles(rule, candidates)?;
            self.going.extend(candidates.iter().map(|candidate| candidate.key));
        }
        self.taken.extend(candidates.iter().map(|candidate| candidate.key));
        for Candidate { key, contact, since } in candidates {
            let notes = self.count_notes(key)?;
            let stays = |other: &i64| *other != key && !self.going.contains(other);
            let shared = self.ties.notes_of(key).filter(|note| self.ties.contacts_of(*note).any(|o| stays(&o))).count();
            due.contacts.push(ContactDue { contact, since, notes, shared: shared as u64 });
        }
        Ok(())
    }

    /// The candidates who can go; of the others it is kept in mind why not.
    fn without_obstacles(&mut self, rule: &Retention, candidates: Vec<Candidate>) -> Result<Vec<Candidate>> {
        let mut free = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            match self.obstacle(candidate.key)? {
                Some(why) => {
                    let (rule, contact) = (rule.name.clone(), candidate.contact);
                    self.kept.push(KeptBack { rule, contact, notes: 0, why });
                }
                None => free.push(candidate),
            }
        }
        Ok(free)
    }

    /// The contacts that a rule is about and whose time is over, by name.
    fn candidates(&self, rule: &Retention, of: &OfContacts, over_before: DateTime<Utc>) -> Result<Vec<Candidate>> {
        let tag = of.tag.as_deref().map(fold);
        let unless = of.unless_tagged.as_deref().map(fold);
        let mut found = Vec::new();
        self.sql.each(
            "SELECT id, kind, name, key, audience, added_at FROM contact ORDER BY name_key, key",
            &[],
            |row| {
                let (contact, key) = (read_summary(row)?, row.int(3)?);
                let is_of = of.kind.is_none_or(|kind| kind == contact.kind)
                    && of.audience.as_deref().is_none_or(|audience| row.text(4).is_ok_and(|own| own == audience));
                if !is_of
                    || !self.carries(key, tag.as_deref(), true)?
                    || !self.carries(key, unless.as_deref(), false)?
                {
                    return Ok(());
                }
                let since = self.last_event(rule.since, key, time::from_micros(row.int(5)?)?, over_before)?;
                found.extend(since.map(|since| Candidate { key, contact, since }));
                Ok(())
            },
        )?;
        Ok(found)
    }

    /// Whether a contact carries a tag, or does not, as it should; any does where no tag is named.
    fn carries(&self, contact: i64, tag: Option<&str>, should: bool) -> Result<bool> {
        let Some(tag) = tag else { return Ok(true) };
        let found = self.sql.first(
            "SELECT 1 FROM contact_tag WHERE contact = $1 AND tag_key = $2",
            &[Value::Int(contact), Value::Text(tag)],
            |_| Ok(()),
        )?;
        Ok(found.is_some() == should)
    }

    /// The event from which the period of a contact runs, where it lies before an instant.
    fn last_event(
        &self,
        since: Since,
        contact: i64,
        added: DateTime<Utc>,
        before: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>> {
        let last = match since {
            Since::Spoken => self.last_noted(contact, true)?,
            Since::Noted => self.last_noted(contact, false)?,
            Since::Added | Since::Happened | Since::Recorded => None,
        };
        Ok(Some(last.unwrap_or(added)).filter(|last| *last <= before))
    }

    /// The end of the newest note about a contact, or of the newest exchange with them.
    fn last_noted(&self, contact: i64, exchange: bool) -> Result<Option<DateTime<Utc>>> {
        /// A note of which only the year is known ends less than so long after it begins.
        const LONGEST: TimeDelta = TimeDelta::days(367);
        let mut last: Option<DateTime<Utc>> = None;
        self.sql.query(
            "SELECT l.happened_at, n.happened_precision FROM note_contact l JOIN note n ON n.key = l.note
             WHERE l.contact = $1 AND l.retracted_at IS NULL
                 AND ($2 = 0 OR l.kind IN ('conversation', 'praise', 'complaint', 'idea'))
             ORDER BY l.happened_at DESC",
            &[Value::Int(contact), Value::Int(i64::from(exchange))],
            &mut |row| {
                let when = When::stored(row.int(0)?, Precision::from_code(row.int(1)?)?);
                if last.is_some_and(|last| when.start() + LONGEST < last) {
                    return Ok(ControlFlow::Break(()));
                }
                last = last.max(Some(last_instant(when)));
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok(last)
    }

    /// Why a contact cannot go, if it cannot.
    fn obstacle(&self, contact: i64) -> Result<Option<String>> {
        if let Some(hold) = self.held.get(&contact) {
            return Ok(Some(format!("under a legal hold: {hold}")));
        }
        let open = self.sql.one(
            "SELECT count(*) FROM follow_up WHERE contact = $1 AND state = 'open'",
            &[Value::Int(contact)],
            |row| row.int(0),
        )?;
        if open > 0 {
            return Ok(Some(format!("{} open; keep or drop them first", Count(open.unsigned_abs(), "promise"))));
        }
        let tied = self.ties.notes_of(contact).flat_map(|note| self.ties.contacts_of(note));
        let shares = tied.filter_map(|other| self.held.get(&other)).next().map(|hold| ("shares a note with", hold));
        let linked =
            self.linked.get(&contact).and_then(|other| self.held.get(other)).map(|hold| ("is linked to", hold));
        Ok(shares.or(linked).map(|(is, hold)| format!("{is} somebody under a legal hold: {hold}")))
    }

    fn count_notes(&self, contact: i64) -> Result<u64> {
        let about =
            self.sql.one("SELECT count(*) FROM note_contact WHERE contact = $1", &[Value::Int(contact)], |row| {
                Ok(row.int(0)?.unsigned_abs())
            })?;
        Ok(about + self.ties.said_of_others(contact).count() as u64)
    }

    fn notes(&mut self, rule: &Retention, of: &OfNotes, over_before: DateTime<Utc>, due: &mut RuleDue) -> Result<()> {
        let mut found: BTreeMap<i64, (Vec<NoteId>, u64)> = BTreeMap::new();
        let mut kept: BTreeMap<i64, (u64, String)> = BTreeMap::new();
        for (key, id) in self.notes_over(rule.since, of, over_before)? {
            let contacts = note::contacts_of(self.sql, key)?;
            let Some(first) = contacts.first().copied() else { continue };
            let concerned: BTreeSet<i64> = contacts.iter().copied().chain(self.ties.contacts_of(key)).collect();
            let hold = concerned.iter().find_map(|contact| self.held.get(contact));
            if self.taken.contains(&key) || !concerned.is_disjoint(&self.going) {
                due.taken += 1;
            } else if let Some(hold) = hold.filter(|_| rule.action == RetentionAction::Erase) {
                kept.entry(first).or_insert_with(|| (0, format!("under a legal hold: {hold}"))).0 += 1;
            } else {
                self.taken.insert(key);
                let (notes, shared) = found.entry(first).or_default();
                notes.push(id);
                *shared += u64::from(contacts.len() > 1);
            }
        }
        for (contact, (notes, shared)) in found {
            due.notes.push(NotesDue { contact: summary(self.sql, contact)?, notes, shared });
        }
        due.notes.sort_by_cached_key(|notes| (fold(&notes.contact.name), notes.contact.id));
        for (contact, (notes, why)) in kept {
            self.kept.push(KeptBack { rule: rule.name.clone(), contact: summary(self.sql, contact)?, notes, why });
        }
        Ok(())
    }

    /// The notes that a rule is about and whose time is over, with their keys, in the order in which they were written.
    fn notes_over(&self, since: Since, of: &OfNotes, over_before: DateTime<Utc>) -> Result<Vec<(i64, NoteId)>> {
        let over_before = time::to_micros(over_before)?;
        let mut over = Vec::new();
        self.sql.each(
            "SELECT key, id, kind, sensitivity, happened_at, happened_precision, recorded_at FROM note
             WHERE recorded_at <= $1 OR happened_at <= $1
             ORDER BY key",
            &[Value::Int(over_before)],
            |row| {
                let is_of = (of.kinds.is_empty() || of.kinds.contains(&row.text(2)?.parse()?))
                    && (of.sensitivities.is_empty() || of.sensitivities.contains(&row.text(3)?.parse()?));
                let event = match since {
                    Since::Recorded => row.int(6)?,
                    _ => last_instant(When::stored(row.int(4)?, Precision::from_code(row.int(5)?)?)).timestamp_micros(),
                };
                if is_of && event <= over_before {
                    over.push((row.int(0)?, NoteId(row.uuid(1)?)));
                }
                Ok(())
            },
        )?;
        Ok(over)
    }
}

/// The last instant of the time that is meant: nothing goes before its time because only its year is known.
fn last_instant(when: When) -> DateTime<Utc> {
    when.end() - TimeDelta::microseconds(1)
}

fn summary(sql: &dyn Sql, contact: i64) -> Result<ContactSummary> {
    sql.one("SELECT id, kind, name FROM contact WHERE key = $1", &[Value::Int(contact)], read_summary)
}
