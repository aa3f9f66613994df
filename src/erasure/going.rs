//! What an erasure takes with it: found by one look through every body, and let go in one write.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::held::Held;
use super::{Erased, erases};
use crate::change::Change;
use crate::error::{Error, Result};
use crate::hold::Hold;
use crate::id::{ContactId, FollowUpId, MemberId, NoteId};
use crate::journal::{Absence, Writer, seq_of};
use crate::mention::each_id;
use crate::store::{RowExt, Sql, SqlExt, Value};
use crate::{contact, hold, note, search, verify};

/// What goes. Subjects stand by their keys; the contacts on account of which a note or a promise goes stand beside it.
#[derive(Debug, Default)]
pub(super) struct Going {
    pub(super) contacts: BTreeMap<i64, ContactId>,
    pub(super) notes: BTreeMap<i64, (NoteId, BTreeSet<ContactId>)>,
    pub(super) follow_ups: BTreeMap<i64, (FollowUpId, BTreeSet<ContactId>)>,
    /// Subjects of a newer heirloom that name one of the contacts.
    pub(super) others: BTreeMap<i64, BTreeSet<ContactId>>,
    /// Members, of whom who they were goes.
    members: BTreeSet<MemberId>,
    /// Single entries about others that name one of the contacts, by their numbers.
    pub(super) entries: BTreeMap<i64, (Uuid, BTreeSet<ContactId>)>,
    /// Single entries of contacts that go which name another that goes, by their numbers, each with whose it is.
    between: BTreeMap<i64, (Uuid, ContactId, BTreeSet<ContactId>)>,
}

/// What an import erases besides what is said to be erased.
#[derive(Debug, Default)]
pub(crate) struct Besides {
    /// Contacts who have the address of one who was erased.
    pub(crate) contacts: BTreeSet<ContactId>,
    /// Members who are erased and may be named in what came.
    pub(crate) members: BTreeSet<MemberId>,
}

impl Going {
    /// What goes with contacts.
    pub(super) fn with(sql: &dyn Sql, contacts: &BTreeSet<ContactId>) -> Result<Self> {
        let mut going = Self::default();
        for id in contacts {
            if let Some(key) = seq_of(sql, id.0)? {
                going.contacts.insert(key, *id);
            }
        }
        if !contacts.is_empty() {
            for seq in naming(sql, contacts)? {
                going.take(sql, seq, contacts)?;
            }
        }
        Ok(going)
    }

    /// One note.
    pub(super) fn note(key: i64, id: NoteId) -> Self {
        Self { notes: BTreeMap::from([(key, (id, BTreeSet::new()))]), ..Self::default() }
    }

    /// One promise.
    pub(super) fn follow_up(sql: &dyn Sql, id: FollowUpId) -> Result<Self> {
        let key = seq_of(sql, id.0)?.ok_or_else(|| Error::unknown("follow-up", id))?;
        Ok(Self { follow_ups: BTreeMap::from([(key, (id, BTreeSet::new()))]), ..Self::default() })
    }

    /// One member.
    pub(super) fn member(id: MemberId) -> Self {
        Self { members: BTreeSet::from([id]), ..Self::default() }
    }

    /// What is said to be erased and has bodies here, and what goes besides.
    pub(super) fn buried(sql: &dyn Sql, besides: &Besides) -> Result<Self> {
        let (mut contacts, mut others) = (besides.contacts.clone(), Vec::new());
        sql.each(
            "SELECT t.id, t.noun, e.seq FROM tombstone t JOIN entry e ON e.id = t.id
             WHERE e.kind = t.noun || '.added'
                 AND EXISTS (SELECT 1 FROM entry x WHERE x.subject = e.seq AND x.kind = t.noun || '.erased')
                 AND EXISTS (
                 SELECT 1 FROM entry x JOIN entry_body b ON b.seq = x.seq
                 WHERE x.subject = e.seq
                     AND x.kind NOT IN ('contact.erased', 'note.erased', 'follow_up.erased', 'member.erased')
             )",
            &[],
            |row| {
                match row.text(1)? {
                    "contact" => drop(contacts.insert(ContactId(row.uuid(0)?))),
                    noun => others.push((noun.to_owned(), row.uuid(0)?, row.int(2)?)),
                }
                Ok(())
            },
        )?;
        let mut going = Self { members: besides.members.clone(), ..Self::with(sql, &contacts)? };
        for (noun, id, key) in others {
            match noun.as_str() {
                "note" => drop(going.notes.entry(key).or_insert((NoteId(id), BTreeSet::new()))),
                "follow_up" => drop(going.follow_ups.entry(key).or_insert((FollowUpId(id), BTreeSet::new()))),
                _ => drop(going.members.insert(MemberId(id))),
            }
        }
        Ok(going)
    }

    /// Takes an entry whose body has the id of one of the contacts, where it does not only happen to stand there.
    fn take(&mut self, sql: &dyn Sql, seq: i64, contacts: &BTreeSet<ContactId>) -> Result<()> {
        let (id, subject, kind, change) = sql.one(
            "SELECT e.id, e.subject, e.kind, e.version, b.body FROM entry e JOIN entry_body b ON b.seq = e.seq
             WHERE e.seq = $1",
            &[Value::Int(seq)],
            |row| {
                let kind = row.string(2)?;
                let change = Change::read(&kind, row.int(3)?, row.text(4)?)?;
                Ok((row.uuid(0)?, row.int(1)?, kind, change))
            },
        )?;
        let named: BTreeSet<ContactId> = named_in(&change)?.intersection(contacts).copied().collect();
        if named.is_empty() || erases(&kind) {
            return Ok(());
        }
        if let Some(contact) = self.contacts.get(&subject) {
            self.between.insert(seq, (id, *contact, named));
            return Ok(());
        }
        match (&change, seq == subject) {
            (Change::NoteAdded(_), _) => drop(self.notes.insert(seq, (NoteId(id), named))),
            (Change::FollowUpAdded(_), _) => drop(self.follow_ups.insert(seq, (FollowUpId(id), named))),
            (_, true) => drop(self.others.insert(seq, named)),
            (_, false) => drop(self.entries.insert(seq, (id, named))),
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.is_of_members() && self.members.is_empty()
    }

    /// Whether it is of members alone.
    pub(super) fn is_of_members(&self) -> bool {
        self.contacts.is_empty() && self.notes.is_empty() && self.follow_ups.is_empty()
    }

    /// The notes and the promises that go on account of each contact.
    pub(super) fn on_account(&self) -> BTreeMap<ContactId, (Vec<NoteId>, Vec<FollowUpId>)> {
        let mut all: BTreeMap<ContactId, (Vec<NoteId>, Vec<FollowUpId>)> = BTreeMap::new();
        for (id, named) in self.notes.values() {
            named.iter().for_each(|contact| all.entry(*contact).or_default().0.push(*id));
        }
        for (id, named) in self.follow_ups.values() {
            named.iter().for_each(|contact| all.entry(*contact).or_default().1.push(*id));
        }
        all
    }

    /// A hold on any contact of whom something goes.
    pub(super) fn held(&self, sql: &dyn Sql) -> Result<Option<Hold>> {
        let held = Held::read(sql)?;
        if held.contacts.is_empty() {
            return Ok(None);
        }
        let mut touched = BTreeSet::new();
        for key in self.contacts.keys() {
            touched.extend(held.of_contact(*key));
        }
        for key in self.notes.keys() {
            touched.extend(held.of_note(sql, *key)?);
        }
        for key in self.follow_ups.keys() {
            touched.extend(held.of_promise(sql, *key)?);
        }
        for key in self.others.keys() {
            touched.extend(held.of_other(sql, *key)?);
        }
        touched.extend(held.of_members(sql, &self.members)?.into_values());
        let Some(contact) = touched.first() else { return Ok(None) };
        hold::oldest_on(sql, *contact)
    }

    /// What can go while holds lie on some, and who cannot.
    pub(super) fn without_held(mut self, sql: &dyn Sql) -> Result<(Self, Stay)> {
        let held = Held::read(sql)?;
        if held.contacts.is_empty() {
            return Ok((self, Stay::default()));
        }
        let contacts = self.contacts.iter().filter(|(key, _)| held.of_contact(**key).is_some());
        let mut stay: BTreeSet<ContactId> = contacts.map(|(_, id)| *id).collect();
        let mut kept = BTreeSet::new();
        for (key, (_, named)) in &self.notes {
            if !held.of_note(sql, *key)?.is_empty() {
                stay.extend(named);
                kept.insert(*key);
            }
        }
        for (key, (_, named)) in &self.follow_ups {
            if held.of_promise(sql, *key)?.is_some() {
                stay.extend(named);
                kept.insert(*key);
            }
        }
        for (key, named) in &self.others {
            if held.of_other(sql, *key)?.is_some() {
                stay.extend(named);
                kept.insert(*key);
            }
        }
        let members = held.of_members(sql, &self.members)?.into_keys().collect();
        // What is no more of those who stay than of one who goes, goes.
        let goes = |named: &BTreeSet<ContactId>| named.is_empty() || !named.is_subset(&stay);
        self.contacts.retain(|_, id| !stay.contains(id));
        self.notes.retain(|key, (_, named)| !kept.contains(key) && goes(named));
        self.follow_ups.retain(|key, (_, named)| !kept.contains(key) && goes(named));
        self.others.retain(|key, named| !kept.contains(key) && goes(named));
        self.entries.retain(|_, (_, named)| goes(named));
        self.members.retain(|member| !BTreeSet::contains(&members, member));
        for (seq, (id, contact, named)) in std::mem::take(&mut self.between) {
            if stay.contains(&contact) && goes(&named) {
                self.entries.insert(seq, (id, named));
            }
        }
        Ok((self, Stay { contacts: stay, members }))
    }
}

/// Who was erased elsewhere and stays for as long as a legal hold lies on them, or on somebody with whom they share something.
#[derive(Debug, Default)]
pub(super) struct Stay {
    pub(super) contacts: BTreeSet<ContactId>,
    /// Members who wrote of somebody held, or are named in what is theirs.
    pub(super) members: BTreeSet<MemberId>,
}

/// The numbers of the entries in whose bodies the id of one of the contacts stands.
fn naming(sql: &dyn Sql, contacts: &BTreeSet<ContactId>) -> Result<Vec<i64>> {
    let mut naming = Vec::new();
    sql.each("SELECT seq, body FROM entry_body ORDER BY seq", &[], |row| {
        let mut names = false;
        each_id(row.text(1)?, &mut |id| names |= contacts.contains(&ContactId(id)));
        if names {
            naming.push(row.int(0)?);
        }
        Ok(())
    })?;
    Ok(naming)
}

/// The contacts that a change names beside its subject. Of a change that only a newer heirloom knows it is every id in it.
pub(super) fn named_in(change: &Change) -> Result<BTreeSet<ContactId>> {
    Ok(match change {
        Change::NoteAdded(note) => {
            let speaker = note.said_by.as_ref().and_then(|speaker| speaker.contact);
            note.about.iter().copied().chain(speaker).collect()
        }
        Change::FollowUpAdded(follow_up) => BTreeSet::from([follow_up.contact]),
        Change::ContactLinked(link) => BTreeSet::from([link.other]),
        Change::ContactUnlinked(link) => BTreeSet::from([link.other]),
        Change::Unknown(_) => {
            let mut named = BTreeSet::new();
            each_id(&change.body()?, &mut |id| {
                named.insert(ContactId(id));
            });
            named
        }
        _ => BTreeSet::new(),
    })
}

impl Writer<'_> {
    /// Deletes what goes: bodies, rows, words, bytes. Why the bodies are absent is kept in mind.
    pub(super) fn let_go(&mut self, going: &Going, why: Absence) -> Result<Erased> {
        let (sql, mut erased) = (self.sql(), Erased::default());
        let mut shared = BTreeSet::new();
        for key in going.notes.keys() {
            shared.extend(note::contacts_of(sql, *key)?);
            self.let_note_go(*key, why, &mut erased)?;
        }
        for key in going.follow_ups.keys() {
            self.let_subject_go(*key, "follow_up", why, &mut erased)?;
        }
        for (key, id) in &going.contacts {
            contact::unlink_from_others(sql, *key)?;
            self.let_subject_go(*key, "contact", why, &mut erased)?;
            search::erase_contact(sql, *key)?;
            self.contact_is_erased(*id);
        }
        for key in going.others.keys() {
            self.let_subject_go(*key, "", why, &mut erased)?;
        }
        for (seq, (id, _)) in &going.entries {
            erased.take(*seq, self.erase_body(*seq, id.as_bytes(), why)?);
        }
        for contact in shared {
            note::retell_contact(sql, contact)?;
        }
        if !going.members.is_empty() {
            self.mask_members(&going.members, &mut erased)?;
        }
        search::purge(sql)?;
        self.mask_keys(&std::mem::take(&mut erased.numbers))?;
        erased.contacts = going.contacts.len() as u64;
        erased.notes = going.notes.len() as u64;
        erased.follow_ups = going.follow_ups.len() as u64;
        Ok(erased)
    }

    fn let_note_go(&mut self, key: i64, why: Absence, erased: &mut Erased) -> Result<()> {
        let sql = self.sql();
        let stands = sql.first("SELECT 1 FROM note WHERE key = $1", &[Value::Int(key)], |_| Ok(()))?;
        let added = sql.first(
            "SELECT e.kind, e.version, b.body FROM entry e JOIN entry_body b ON b.seq = e.seq WHERE e.seq = $1",
            &[Value::Int(key)],
            |row| Change::read(row.text(0)?, row.int(1)?, row.text(2)?),
        )?;
        if let Some(Change::NoteAdded(added)) = &added
            && let Some(id) = &added.external_id
        {
            note::unidentify(sql, key, id)?;
        }
        self.let_subject_go(key, "note", why, erased)?;
        match stands {
            Some(()) => search::erase_note(sql, key),
            None => Ok(()),
        }
    }

    /// Deletes the bodies of a subject, but for those that say that it is erased. Says whether there were any.
    pub(super) fn erase_bodies(&mut self, key: i64, why: Absence, erased: &mut Erased) -> Result<bool> {
        let before = erased.bodies;
        let entries = self.sql().all(
            "SELECT seq, id, kind FROM entry WHERE subject = $1 ORDER BY seq",
            &[Value::Int(key)],
            |row| Ok((row.int(0)?, row.uuid(1)?, row.string(2)?)),
        )?;
        for (seq, id, _) in entries.iter().filter(|(_, _, kind)| !erases(kind)) {
            erased.take(*seq, self.erase_body(*seq, id.as_bytes(), why)?);
        }
        Ok(erased.bodies > before)
    }

    /// Deletes the bodies and rows of a subject, and the bytes that nobody else names.
    fn let_subject_go(&mut self, key: i64, noun: &str, why: Absence, erased: &mut Erased) -> Result<()> {
        let sql = self.sql();
        self.erase_bodies(key, why, erased)?;
        let attached =
            sql.all("SELECT DISTINCT sha256 FROM attachment WHERE subject = $1", &[Value::Int(key)], |row| {
                Ok(row.blob(0)?.to_vec())
            })?;
        for table in verify::TABLES.iter().copied().flatten().filter(|table| table.of.contains(&noun)) {
            sql.execute(table.forget, &[Value::Int(key)])?;
        }
        for sha256 in attached {
            let named = "SELECT 1 FROM attachment WHERE sha256 = $1 LIMIT 1";
            if sql.first(named, &[Value::Blob(&sha256)], |_| Ok(()))?.is_none() {
                self.erase_bytes(&sha256)?;
                erased.attachments += 1;
            }
        }
        Ok(())
    }
}
