//! How it is decided what goes into a bundle: each rule once, each over the whole journal.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{Entries, Entry, Fate, Noun, Why, held_members};
use crate::bundle::scope::Scope;
use crate::change::Change;
use crate::contact::contact_key;
use crate::erasure::erases;
use crate::error::{Error, Result};
use crate::id::{ContactId, MemberId};
use crate::journal::Hash;
use crate::journal::cut;
use crate::member::{Party, member_key, party_key, party_members};
use crate::memory::{ALL_SEEING, View};
use crate::mention::each_id;
use crate::note::{NoteReclassified, Sensitivity};
use crate::store::{Row, RowExt, Sql, SqlExt, Value};
use crate::time::{Precision, When};

/// What goes, while it is being decided.
pub(super) struct Choice<'c> {
    pub(super) entries: Entries,
    /// Attachments of contacts that go, but not what tells of them.
    pub(super) attachments_behind: Vec<(i64, Hash)>,
    scope: &'c Scope,
    sql: &'c dyn Sql,
    /// The number of the entry after which the bundle goes on; 0 for one that stands alone.
    since: i64,
    /// The subjects that must be known by their ids when they are met in a body: members, agencies, handoffs, and the
    /// contacts who stay behind or may have come into scope.
    known: HashMap<Uuid, i64>,
    /// The members who act, by the keys of their actors.
    actors: HashMap<i64, i64>,
    /// The members and agencies by whom the scope is narrowed.
    people: HashSet<i64>,
    /// The notes that are, or were, more sensitive than the scope allows, wherever else they belong.
    too_sensitive: HashSet<i64>,
}

/// An entry on its way to being judged.
struct Judged<'e> {
    seq: i64,
    kind: &'e str,
    version: i64,
    body: Option<&'e str>,
    actor: i64,
}

/// What the entries of one subject name, until it is known whether they go.
#[derive(Default)]
struct Named {
    subjects: Vec<i64>,
    /// Whether an entry names somebody who stays behind.
    outsider: bool,
}

/// Who reads a sealed note.
const SEALED: i64 = -3;

impl<'c> Choice<'c> {
    pub(super) fn make(view: &View<'c>, scope: &'c Scope, since: i64) -> Result<Self> {
        let mut choice = Self {
            entries: Entries(Vec::new()),
            attachments_behind: Vec::new(),
            scope,
            sql: view.sql(),
            since,
            known: HashMap::new(),
            actors: HashMap::new(),
            people: HashSet::new(),
            too_sensitive: HashSet::new(),
        };
        choice.read_entries()?;
        choice.settle_what_is_gone()?;
        choice.choose_contacts()?;
        choice.choose_notes(&private_readers(view, scope)?)?;
        choice.choose_follow_ups()?;
        choice.withhold_what_is_erased()?;
        match scope.is_narrow() {
            true => choice.judge()?,
            false => choice.leave_unchanged()?,
        }
        Ok(choice)
    }

    /// Reads of every entry what it is about, and of every subject whether it changed.
    fn read_entries(&mut self) -> Result<()> {
        let (since, names_people) = (self.since, self.scope.names_people());
        let erased = self.erased()?;
        let is_narrow = self.scope.is_narrow();
        let entries = &mut self.entries;
        self.sql.each("SELECT seq, subject, kind, version FROM entry ORDER BY seq", &[], |row| {
            let (seq, subject, kind) = (row.int(0)?, row.int(1)?, row.text(2)?);
            let noun = Noun::of(kind);
            // What names them must stay behind with them, so it is to be known of them from the beginning.
            let may_be_named = is_narrow && seq == subject && matches!(noun, Noun::Contact | Noun::Handoff);
            let fate = match noun {
                Noun::Memory => Fate::Behind(Why::Own),
                _ if may_be_named && !Change::is_known(kind, row.int(3)?) => Fate::Behind(Why::Newer),
                _ => Fate::Goes,
            };
            entries.0.push(Entry {
                subject,
                noun,
                fate,
                is_changed: false,
                may_have_entered: false,
                is_erased: false,
                erases: erases(kind),
                is_named: false,
            });
            let first = entries.at_mut(subject)?;
            match noun {
                // Who they were is masked; that it is must reach everybody who may have them.
                Noun::Member => first.is_named |= erases(kind),
                _ => first.is_erased |= erases(kind) && erased.contains(&subject),
            }
            if seq > since {
                first.is_changed = true;
                // Who was erased goes by headers in every scope: what names them need not stay behind any more.
                let may_enter = noun == Noun::Contact && erases(kind) || names_people && kind.starts_with("ownership.");
                first.may_have_entered |= since > 0 && may_enter;
            }
            Ok(())
        })
    }

    /// The keys of what was erased by an entry that says so here; one whose body did not come along says nothing.
    fn erased(&self) -> Result<HashSet<i64>> {
        let erased = "SELECT e.seq FROM tombstone t JOIN entry e ON e.id = t.id";
        Ok(self.sql.all(erased, &[], |row| row.int(0))?.into_iter().collect())
    }

    /// Takes notice of the bodies that are not here. What is no more than a header to this memory goes on as that, as far as
    /// a scope needs not know what it was.
    fn settle_what_is_gone(&mut self) -> Result<()> {
        let is_narrow = self.scope.is_narrow();
        let entries = &mut self.entries;
        self.sql.each(
            "SELECT e.seq FROM gone g JOIN entry e ON e.id = g.id WHERE g.why IN ('withheld', 'erased', 'purged')",
            &[],
            |row| {
                entries.at_mut(row.int(0)?)?.fate = Fate::Bare(Why::NotHere);
                Ok(())
            },
        )?;
        for (_, first) in entries.subjects_mut() {
            let is_person = matches!(first.noun, Noun::Member | Noun::Agency);
            match (first.is_erased, first.fate) {
                (true, _) => first.fate = Fate::Bare(Why::Erased),
                (false, Fate::Bare(_)) if is_narrow && !is_person => first.fate = Fate::Behind(Why::NotHere),
                _ => {}
            }
            if is_narrow && first.noun == Noun::Other {
                first.fate = Fate::Behind(Why::Newer);
            }
        }
        Ok(())
    }

    /// Leaves the contacts behind who are outside of the scope.
    fn choose_contacts(&mut self) -> Result<()> {
        let inside = self.contacts_inside()?;
        let mut is_any_behind = inside.is_some();
        for (key, first) in self.entries.subjects_mut().filter(|(_, first)| first.noun == Noun::Contact) {
            if first.fate == Fate::Goes && inside.as_ref().is_some_and(|inside| !inside.contains(&key)) {
                first.fate = Fate::Behind(Why::Outside);
            }
            is_any_behind |= first.fate == Fate::Behind(Why::Newer);
        }
        if !is_any_behind {
            return Ok(());
        }
        self.know(|first| {
            first.noun == Noun::Contact && (matches!(first.fate, Fate::Behind(_)) || first.may_have_entered)
        })?;
        // Whom the very entry of a contact names cannot be cut out of it; and who stays behind for that may be named in turn.
        while self.leave_contacts_that_name_others()? {}
        Ok(())
    }

    /// The keys of the contacts in scope; `None` where all are.
    fn contacts_inside(&mut self) -> Result<Option<HashSet<i64>>> {
        // That somebody was erased goes in any case: whoever has them is to learn of it.
        let key = |id: &ContactId| match contact_key(self.sql, *id) {
            Err(Error::Erased { .. }) => None,
            key => Some(key),
        };
        let named: Option<HashSet<i64>> =
            self.scope.contacts.as_ref().map(|named| named.iter().filter_map(key).collect()).transpose()?;
        if !self.scope.names_people() {
            return Ok(named);
        }
        let mut members = HashSet::new();
        for agency in &self.scope.agencies {
            self.people.insert(party_key(self.sql, Party::Agency(*agency))?);
            for member in party_members(self.sql, Party::Agency(*agency))? {
                members.insert(member_key(self.sql, member.id)?);
            }
        }
        for member in &self.scope.members {
            members.insert(member_key(self.sql, *member)?);
        }
        let mut inside = HashSet::new();
        for member in &members {
            self.sql.each(
                "SELECT DISTINCT contact FROM assignment WHERE member = $1",
                &[Value::Int(*member)],
                |row| {
                    inside.insert(row.int(0)?);
                    Ok(())
                },
            )?;
        }
        self.people.extend(members);
        if let Some(named) = named {
            inside.retain(|contact| named.contains(contact));
        }
        Ok(Some(inside))
    }

    /// Takes notice of the ids of some subjects, so that they are known where a body names them.
    fn know(&mut self, which: impl Fn(&Entry) -> bool) -> Result<()> {
        let (entries, known) = (&self.entries, &mut self.known);
        self.sql.each("SELECT seq, id FROM entry WHERE subject = seq ORDER BY seq", &[], |row| {
            let seq = row.int(0)?;
            if which(entries.at(seq)?) {
                known.insert(row.uuid(1)?, seq);
            }
            Ok(())
        })
    }

    /// Leaves contacts behind whose first entry names one who stays behind, and takes notice of those who may have come into
    /// scope with whom they name. Says whether there were any, of either.
    fn leave_contacts_that_name_others(&mut self) -> Result<bool> {
        let (mut found, mut entered) = (Vec::new(), Vec::new());
        self.sql.each(
            "SELECT e.seq, e.id, b.body FROM entry e JOIN entry_body b ON b.seq = e.seq WHERE e.kind = 'contact.added'",
            &[],
            |row| {
                let seq = row.int(0)?;
                if matches!(self.entries.fate(seq), Fate::Behind(_)) {
                    return Ok(());
                }
                let body = cut::cut("contact.added", row.text(2)?)?;
                let mut named = Named::default();
                let body = body.as_ref().map_or_else(|| row.text(2), |body| Ok(body))?;
                self.look_for_names("contact.added", body, &mut named);
                match named.outsider {
                    true => found.push((row.uuid(1)?, seq)),
                    // They stayed behind for whom they name, who may be in scope by now.
                    false if self.has_entered(&named) => entered.push((row.uuid(1)?, seq)),
                    false => {}
                }
                Ok(())
            },
        )?;
        let mut is_any = !found.is_empty();
        for (id, seq) in entered {
            is_any |= !std::mem::replace(&mut self.entries.at_mut(seq)?.may_have_entered, true);
            self.known.insert(id, seq);
        }
        for (id, seq) in &found {
            self.entries.at_mut(*seq)?.fate = Fate::Behind(Why::Names);
            self.known.insert(*id, *seq);
        }
        Ok(is_any)
    }

    /// Leaves the notes behind that are outside of the scope, or not everybody's to read.
    fn choose_notes(&mut self, readers: &HashSet<i64>) -> Result<()> {
        self.leave_notes_about_others()?;
        let past = self.past_sensitivities()?;
        let (scope, is_narrow) = (self.scope, self.scope.is_narrow());
        let (entries, too_sensitive) = (&mut self.entries, &mut self.too_sensitive);
        self.sql.each(
            "SELECT key, happened_at, happened_precision, kind, sensitivity, private_to, retracted_at FROM note",
            &[],
            |row| {
                let key = row.int(0)?;
                let past = past.get(&key).copied().unwrap_or_default();
                let is_allowed = scope.holds_sensitivity(row.text(4)?.parse()?);
                if !is_allowed || matches!(past, Past::TooSensitive | Past::Allowed) {
                    too_sensitive.insert(key);
                }
                let first = entries.at_mut(key)?;
                if first.fate != Fate::Goes {
                    return Ok(());
                }
                let when = When::stored(row.int(1)?, Precision::from_code(row.int(2)?)?);
                first.fate = match row.opt_int(5)? {
                    Some(SEALED) => Fate::Behind(Why::Sealed),
                    Some(reader) if !readers.contains(&reader) => Fate::Behind(Why::Private),
                    _ if !scope.holds_time(when) => Fate::Behind(Why::Period),
                    _ if !scope.holds_kind(row.text(3)?.parse()?) => Fate::Behind(Why::Kind),
                    _ => match (is_allowed, past) {
                        (false, Past::Allowed) => Fate::Bare(Why::Reclassified),
                        (false, _) => Fate::Behind(Why::Sensitive),
                        (true, Past::TooSensitive | Past::Allowed) => Fate::Behind(Why::WasSensitive),
                        (true, _) if is_narrow && row.opt_int(6)?.is_some() => Fate::Bare(Why::Retracted),
                        (true, _) => Fate::Goes,
                    },
                };
                Ok(())
            },
        )
    }

    /// Leaves the notes behind that are also about somebody who stays behind. With whoever may have come into scope go all
    /// notes about them.
    fn leave_notes_about_others(&mut self) -> Result<()> {
        let goes = |first: &Entry| matches!(first.fate, Fate::Goes | Fate::Cut(_)) && !first.may_have_entered;
        if self.entries.subjects().all(|(_, first)| first.noun != Noun::Contact || goes(first)) {
            return Ok(());
        }
        let entries = &mut self.entries;
        self.sql.each("SELECT note, contact FROM note_contact", &[], |row| {
            let contact = *entries.at(row.int(1)?)?;
            let note = entries.at_mut(row.int(0)?)?;
            note.is_erased |= contact.is_erased;
            note.is_changed |= contact.may_have_entered;
            if matches!(contact.fate, Fate::Behind(_)) && !note.is_erased {
                note.fate = Fate::Behind(Why::Outside);
            }
            Ok(())
        })
    }

    /// What notes that were classed anew had been before.
    fn past_sensitivities(&self) -> Result<HashMap<i64, Past>> {
        let mut past: HashMap<i64, Past> = HashMap::new();
        if self.scope.up_to.is_none() {
            return Ok(past);
        }
        self.sql.each(
            "SELECT e.subject, e.seq, e.version, b.body FROM entry e LEFT JOIN entry_body b ON b.seq = e.seq
             WHERE e.kind = 'note.reclassified' ORDER BY e.seq",
            &[],
            |row| {
                let version = row.int(2)?;
                let change =
                    row.opt_text(3)?.map(|body| Change::read("note.reclassified", version, body)).transpose()?;
                let before = match change {
                    Some(Change::NoteReclassified(NoteReclassified { from_sensitivity, to_sensitivity, .. })) => {
                        Some((from_sensitivity, to_sensitivity))
                    }
                    _ => None,
                };
                let note = past.entry(row.int(0)?).or_default();
                *note = note.then(before, self.scope, row.int(1)? > self.since && self.since > 0);
                Ok(())
            },
        )?;
        Ok(past)
    }

    /// Leaves the promises behind that are to somebody who stays behind, or were made in a note that is too sensitive.
    fn choose_follow_ups(&mut self) -> Result<()> {
        let (entries, too_sensitive) = (&mut self.entries, &self.too_sensitive);
        self.sql.each(
            "SELECT f.key, f.contact, n.seq FROM follow_up f LEFT JOIN entry n ON n.id = f.note",
            &[],
            |row| {
                let contact = *entries.at(row.int(1)?)?;
                let note = row.opt_int(2)?;
                let is_changed = note.is_some_and(|note| entries.at(note).is_ok_and(|note| note.is_changed));
                let is_sensitive = note.is_some_and(|note| too_sensitive.contains(&note));
                let first = entries.at_mut(row.int(0)?)?;
                first.is_erased |= contact.is_erased;
                // It may have stayed behind for the note, of which something else holds by now.
                first.is_changed |= is_changed;
                if first.fate != Fate::Goes {
                    return Ok(());
                }
                first.fate = match (contact.fate, is_sensitive) {
                    (Fate::Behind(_), _) => Fate::Behind(Why::Outside),
                    (_, true) => Fate::Behind(Why::PromisedInSensitive),
                    (_, false) => Fate::Goes,
                };
                Ok(())
            },
        )
    }

    /// Withholds what is erased and is still here for as long as a legal hold lies on it, and what names whom it is about.
    fn withhold_what_is_erased(&mut self) -> Result<()> {
        let mut held = HashSet::new();
        self.sql.each("SELECT c.id FROM contact c JOIN tombstone t ON t.id = c.id", &[], |row| {
            held.insert(row.uuid(0)?);
            Ok(())
        })?;
        for member in held_members(self.sql)? {
            let key = member_key(self.sql, member)?;
            for entry in self.entries.0.iter_mut().filter(|entry| entry.subject == key && !entry.erases) {
                entry.fate = Fate::Bare(Why::Erased);
            }
        }
        let entries = &mut self.entries;
        if !held.is_empty() {
            self.sql.each("SELECT seq, body FROM entry_body ORDER BY seq", &[], |row| {
                let mut names_erased = false;
                each_id(row.text(1)?, &mut |id| names_erased |= held.contains(&id));
                let entry = entries.at_mut(row.int(0)?)?;
                if names_erased && entry.fate == Fate::Goes && !entry.erases {
                    entry.fate = Fate::Bare(Why::Erased);
                    entry.is_erased = true;
                }
                Ok(())
            })?;
        }
        let goes = |first: &Entry| first.is_erased && !matches!(first.fate, Fate::Behind(_));
        let erased: HashSet<i64> =
            self.entries.subjects().filter(|(_, first)| goes(first)).map(|(key, _)| key).collect();
        for entry in self.entries.0.iter_mut().filter(|entry| !entry.erases && erased.contains(&entry.subject)) {
            entry.fate = Fate::Bare(Why::Erased);
        }
        Ok(())
    }

    /// Leaves behind what has not changed, in a bundle that goes on from another. Members, agencies and handoffs always go,
    /// for they are few, and what goes names them.
    fn leave_unchanged(&mut self) -> Result<()> {
        for (_, first) in self.entries.subjects_mut() {
            let always = matches!(first.noun, Noun::Member | Noun::Agency | Noun::Handoff);
            if self.since > 0 && !always && !first.is_changed && !matches!(first.fate, Fate::Behind(_)) {
                first.fate = Fate::Behind(Why::Unchanged);
            }
        }
        Ok(())
    }

    /// Judges what a narrowed bundle takes along entry by entry, by whom it names.
    fn judge(&mut self) -> Result<()> {
        self.know(|first| matches!(first.noun, Noun::Member | Noun::Agency | Noun::Handoff))?;
        self.read_actors()?;
        self.leave_handoffs_that_name_others()?;
        self.judge_contacts_and_notes()?;
        self.judge_who_is_named()
    }

    fn read_actors(&mut self) -> Result<()> {
        let actors = &mut self.actors;
        self.sql.each("SELECT a.key, e.seq FROM actor a JOIN entry e ON e.id = a.member", &[], |row| {
            actors.insert(row.int(0)?, row.int(1)?);
            Ok(())
        })
    }

    /// Leaves handoffs behind whose offer names somebody who stays behind; a contact then goes without its part in it.
    fn leave_handoffs_that_name_others(&mut self) -> Result<()> {
        let mut found = Vec::new();
        self.sql.each(
            "SELECT e.seq, b.body FROM entry e JOIN entry_body b ON b.seq = e.seq WHERE e.kind = 'handoff.offered'",
            &[],
            |row| {
                let mut named = Named::default();
                self.look_for_names("handoff.offered", row.text(1)?, &mut named);
                if named.outsider {
                    found.push(row.int(0)?);
                }
                Ok(())
            },
        )?;
        found.into_iter().try_for_each(|seq| {
            self.entries.at_mut(seq)?.fate = Fate::Behind(Why::Names);
            Ok(())
        })
    }

    /// Judges the entries of contacts, notes and promises, a subject at a time.
    fn judge_contacts_and_notes(&mut self) -> Result<()> {
        let (mut subject, mut named) = (0, Named::default());
        self.sql.each(
            "SELECT e.seq, e.kind, e.version, b.body, e.actor, e.subject FROM entry e
             LEFT JOIN entry_body b ON b.seq = e.seq
             ORDER BY e.subject, e.seq",
            &[],
            |row| {
                let of = row.int(5)?;
                if of != subject {
                    self.settle(subject, std::mem::take(&mut named))?;
                    subject = of;
                }
                let first = self.entries.at(of)?;
                let is_content = matches!(first.noun, Noun::Contact | Noun::Note | Noun::FollowUp);
                match is_content && !matches!(first.fate, Fate::Behind(_)) {
                    true => self.judge_entry(&Judged::read(row)?, of, &mut named),
                    false => Ok(()),
                }
            },
        )?;
        self.settle(subject, named)
    }

    /// Decides on a subject all of whose entries were judged.
    fn settle(&mut self, subject: i64, named: Named) -> Result<()> {
        let Ok(first) = self.entries.at(subject).copied() else { return Ok(()) };
        if !matches!(first.noun, Noun::Contact | Noun::Note | Noun::FollowUp) || matches!(first.fate, Fate::Behind(_)) {
            return Ok(());
        }
        let is_changed = first.is_changed || self.has_entered(&named);
        let fate = match first.fate {
            // What it says of a note is that it was corrected; without the correction the old text would stand as the note.
            _ if named.outsider && first.noun == Noun::Note => Fate::Behind(Why::Names),
            Fate::Bare(why @ (Why::Names | Why::Newer)) => Fate::Behind(why),
            _ if self.since > 0 && !is_changed => Fate::Behind(Why::Unchanged),
            fate => fate,
        };
        self.entries.at_mut(subject)?.fate = fate;
        match fate {
            // Whoever has the bundle before knows those whom it names, and is to learn what became of them.
            Fate::Behind(why) if why != Why::Unchanged => Ok(()),
            _ => named.subjects.into_iter().try_for_each(|named| {
                self.entries.at_mut(named)?.is_named = true;
                Ok(())
            }),
        }
    }

    /// Decides on one entry, and takes notice of whom it names.
    fn judge_entry(&mut self, entry: &Judged<'_>, subject: i64, named: &mut Named) -> Result<()> {
        named.subjects.extend(self.actors.get(&entry.actor));
        let first = *self.entries.at(subject)?;
        let before = self.entries.at(entry.seq)?.fate;
        let fate = match (entry.body, first.fate) {
            (None, _) => before,
            _ if before == Fate::Bare(Why::Erased) => before,
            (_, Fate::Bare(why)) if matches!(entry.kind, "note.added" | "note.corrected") => Fate::Bare(why),
            _ if !Change::is_known(entry.kind, entry.version) => Fate::Bare(Why::Newer),
            (Some(body), _) => self.judge_body(entry, subject, body, named)?,
        };
        // That a subject is erased or retracted stands with its first entry, whatever becomes of this one.
        if entry.seq != subject || !matches!(first.fate, Fate::Bare(_)) {
            self.entries.at_mut(entry.seq)?.fate = fate;
        }
        Ok(())
    }

    /// Decides on one entry by what it says.
    fn judge_body(&mut self, entry: &Judged<'_>, subject: i64, body: &str, named: &mut Named) -> Result<Fate> {
        match entry.kind {
            "member.departed" | "agency.departed" if !self.people.contains(&subject) && body != "{}" => {
                return Ok(Fate::Bare(Why::Departure));
            }
            "handoff.receipted" => return Ok(Fate::Bare(Why::Handoff)),
            _ => {}
        }
        let cut = cut::cut(entry.kind, body)?;
        let mut found = Named::default();
        self.look_for_names(entry.kind, cut.as_deref().unwrap_or(body), &mut found);
        if found.outsider {
            named.outsider = true;
            if let Ok(Change::ContactAttached(change)) = Change::read(entry.kind, entry.version, body) {
                self.attachments_behind.push((subject, change.attachment.sha256));
            }
            return Ok(Fate::Bare(Why::Names));
        }
        named.subjects.append(&mut found.subjects);
        Ok(cut.map_or(Fate::Goes, |_| Fate::Cut(Why::of_cut(entry.kind))))
    }

    /// Finds whom a body names.
    fn look_for_names(&self, kind: &str, body: &str, named: &mut Named) {
        each_id(body, &mut |id| {
            let Some(subject) = self.known.get(&id) else { return };
            named.subjects.push(*subject);
            let stays = matches!(self.entries.fate(*subject), Fate::Behind(_));
            named.outsider |= match self.entries.at(*subject).map(|first| first.noun) {
                Ok(Noun::Contact) => stays,
                // It could not be applied where the handoff is not known; elsewhere it is no more than an id.
                Ok(Noun::Handoff) => stays && kind.starts_with("ownership."),
                _ => false,
            };
        });
    }

    /// Whether somebody is named who may have come into scope.
    fn has_entered(&self, named: &Named) -> bool {
        named.subjects.iter().any(|subject| self.entries.at(*subject).is_ok_and(|first| first.may_have_entered))
    }

    /// Takes the members, agencies and handoffs along that something names which goes, and those whom they name in turn.
    fn judge_who_is_named(&mut self) -> Result<()> {
        for person in &self.people {
            self.entries.at_mut(*person)?.is_named = true;
        }
        let is_of_them = |first: &Entry| matches!(first.noun, Noun::Member | Noun::Agency | Noun::Handoff);
        let named = |(key, first): (i64, &Entry)| (first.is_named && is_of_them(first)).then_some(key);
        let mut waiting: Vec<i64> = self.entries.subjects().filter_map(named).collect();
        while let Some(subject) = waiting.pop() {
            if matches!(self.entries.fate(subject), Fate::Behind(_)) {
                continue;
            }
            for named in self.judge_subject(subject)?.subjects {
                let first = self.entries.at_mut(named)?;
                if is_of_them(first) && !std::mem::replace(&mut first.is_named, true) {
                    waiting.push(named);
                }
            }
        }
        for (_, first) in self.entries.subjects_mut() {
            if is_of_them(first) && !first.is_named && !matches!(first.fate, Fate::Behind(_)) {
                first.fate = Fate::Behind(Why::Unnamed);
            }
        }
        Ok(())
    }

    /// Judges the entries of one subject.
    fn judge_subject(&mut self, subject: i64) -> Result<Named> {
        let mut named = Named::default();
        self.sql.each(
            "SELECT e.seq, e.kind, e.version, b.body, e.actor FROM entry e LEFT JOIN entry_body b ON b.seq = e.seq
             WHERE e.subject = $1 ORDER BY e.seq",
            &[Value::Int(subject)],
            |row| self.judge_entry(&Judged::read(row)?, subject, &mut named),
        )?;
        Ok(named)
    }
}

impl<'e> Judged<'e> {
    fn read(row: &'e dyn Row) -> Result<Self> {
        Ok(Self {
            seq: row.int(0)?,
            kind: row.text(1)?,
            version: row.int(2)?,
            body: row.opt_text(3)?,
            actor: row.int(4)?,
        })
    }
}

/// What is known of how sensitive a note was before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Past {
    /// It was never classed anew.
    #[default]
    Same,
    /// It was never more sensitive than the scope allows, until the head after which the bundle goes on: an earlier bundle
    /// may have taken it along.
    Allowed,
    /// It was more sensitive than the scope allows.
    TooSensitive,
}

impl Past {
    /// Goes on by one change, from one sensitivity to another; `None` where that is not known.
    fn then(self, change: Option<(Sensitivity, Sensitivity)>, scope: &Scope, is_since: bool) -> Self {
        let Some((from, to)) = change else { return Self::TooSensitive };
        match (self, scope.holds_sensitivity(from), scope.holds_sensitivity(to)) {
            (Self::TooSensitive, ..) => Self::TooSensitive,
            (Self::Allowed, ..) => Self::Allowed,
            (Self::Same, false, _) => Self::TooSensitive,
            (Self::Same, true, false) if is_since => Self::Allowed,
            (Self::Same, true, false) => Self::TooSensitive,
            (Self::Same, true, true) => Self::Same,
        }
    }
}

/// The members whose private notes go; refuses those whom the reader of the view does not read for.
fn private_readers(view: &View<'_>, scope: &Scope) -> Result<HashSet<i64>> {
    let key = |id: &MemberId| {
        let key = member_key(view.sql(), *id)?;
        match view.viewer() == ALL_SEEING || view.viewer() == key {
            true => Ok(key),
            false => Err(Error::refused(format!(
                "the private notes of {} are not this handle's to give away; begin the bundle on the one from seen_by, or \
                 from all_seeing",
                view.member(*id)?.name
            ))),
        }
    };
    scope.private_of.iter().map(key).collect()
}
