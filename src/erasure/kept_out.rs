//! What is kept out of an import, because who or what it is about was erased.

use std::collections::{BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::going::{Besides, named_in};
use super::masked::mask;
use super::{address_hash, erases};
use crate::change::Change;
use crate::contact::ContactKind;
use crate::error::{Error, Result};
use crate::handle::HandleFact;
use crate::id::{ContactId, MemberId, MemoryId};
use crate::journal::Hash;
use crate::journal::receive::Record;
use crate::store::{RowExt, Sql, SqlExt};

/// So many keys of hashes that are not known here a bundle brings at most. A memory has one, and each costs a hash for every
/// address that comes.
const NEW_KEYS_MAX: usize = 100;

/// Who and what was erased here, as an import needs it at each of its entries.
#[derive(Debug, Default)]
pub(crate) struct KeptOut {
    /// The ids of what was erased.
    subjects: HashSet<Uuid>,
    /// The ids of what an erasure of a contact lists and that never came: not before it does is it known whether it is about
    /// them.
    listed: HashSet<Uuid>,
    /// The hashed addresses of those who were erased, by the key of the hash, with the instant of the erasure.
    addresses: HashMap<Hash, HashMap<Hash, i64>>,
    /// The members of whom who they were is erased.
    members: BTreeSet<MemberId>,
    /// How many keys of hashes came that were not known here.
    new_keys: usize,
    /// Whether something came that erases, or that names a member who is erased, or has the address of one who was.
    pub(crate) has_heard: bool,
}

impl KeptOut {
    /// Reads it from the tables.
    pub(crate) fn read(sql: &dyn Sql) -> Result<Self> {
        let mut out = Self::default();
        let mut take = |query: &'static str| {
            sql.each(query, &[], |row| {
                out.subjects.insert(row.uuid(0)?);
                Ok(())
            })
        };
        // What stands although it was erased elsewhere is held, and so is what comes about it.
        take(
            "SELECT t.id FROM tombstone t JOIN entry e ON e.id = t.id WHERE t.noun <> 'member'
                 AND NOT EXISTS (SELECT 1 FROM contact c WHERE c.id = t.id)
                 AND NOT EXISTS (SELECT 1 FROM note n WHERE n.id = t.id)
                 AND NOT EXISTS (SELECT 1 FROM follow_up f WHERE f.id = t.id)",
        )?;
        take(
            "SELECT g.id FROM gone g JOIN entry e ON e.id = g.id
             WHERE g.why = 'erased' AND e.seq = e.subject AND e.kind <> 'member.added'",
        )?;
        sql.each(
            "SELECT t.id FROM tombstone t WHERE t.noun IN ('note', 'follow_up')
                 AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.id = t.id)",
            &[],
            |row| {
                out.listed.insert(row.uuid(0)?);
                Ok(())
            },
        )?;
        sql.each("SELECT id FROM tombstone WHERE noun = 'member'", &[], |row| {
            out.members.insert(MemberId(row.uuid(0)?));
            Ok(())
        })?;
        sql.each("SELECT hash_key, hash, at FROM tombstone_address", &[], |row| {
            let (key, hash) = (Hash::from_slice(row.blob(0)?)?, Hash::from_slice(row.blob(1)?)?);
            out.add_address(key, hash, row.int(2)?);
            Ok(())
        })?;
        Ok(out)
    }

    fn add_address(&mut self, key: Hash, hash: Hash, at: i64) {
        let known = self.addresses.entry(key).or_default().entry(hash).or_insert(at);
        *known = at.max(*known);
    }

    /// Takes notice of an entry that came without its body because that was erased, or that erases.
    pub(crate) fn hear(&mut self, entry: &Record) -> Result<()> {
        if entry.id == entry.subject && entry.kind != "member.added" {
            self.subjects.insert(entry.id);
        }
        if erases(&entry.kind) {
            self.has_heard = true;
            match entry.kind.as_str() {
                "member.erased" => drop(self.members.insert(MemberId(entry.subject))),
                _ => drop(self.subjects.insert(entry.subject)),
            }
        }
        let Some(body) = entry.body().filter(|_| entry.kind == "contact.erased") else { return Ok(()) };
        if let Change::ContactErased(erased) = Change::read(&entry.kind, entry.version, body)? {
            self.listed.extend(erased.notes.iter().map(|id| id.0));
            self.listed.extend(erased.follow_ups.iter().map(|id| id.0));
            if !erased.addresses.is_empty() && !self.addresses.contains_key(&erased.hash_key) {
                self.new_keys += 1;
            }
            if self.new_keys > NEW_KEYS_MAX {
                return Err(Error::refused(format!(
                    "entry {} ({}) hashes addresses by one more key that is not known here; a memory has one, and a bundle \
                     brings those of at most {NEW_KEYS_MAX} memories",
                    entry.id, entry.kind
                )));
            }
            for hash in erased.addresses {
                self.add_address(erased.hash_key, hash, entry.at);
            }
        }
        Ok(())
    }

    /// Whether the body of an entry is kept out. One that names a member who is erased is taken in, and masked at the end.
    pub(crate) fn keeps_out(&mut self, entry: &Record, here: MemoryId) -> Result<bool> {
        let is_nobody = self.subjects.is_empty() && self.addresses.is_empty() && self.members.is_empty();
        if is_nobody || erases(&entry.kind) {
            return Ok(false);
        }
        let is_first = entry.id == entry.subject;
        if self.subjects.contains(&entry.subject) || !is_first && self.listed.contains(&entry.subject) {
            return Ok(true);
        }
        let Some(body) = entry.body() else { return Ok(false) };
        let mut change = Change::read(&entry.kind, entry.version, body)?;
        if named_in(&change)?.iter().any(|contact| self.subjects.contains(&contact.0)) {
            return Ok(true);
        }
        self.listed.remove(&entry.subject);
        if entry.origin != here.0 && self.has_address(&change, entry.at) {
            // Of a contact who stands here already it is known at the end whether they go.
            self.has_heard = true;
            return Ok(is_first);
        }
        if !self.members.is_empty() {
            let is_own = self.members.contains(&MemberId(entry.subject));
            self.has_heard |= is_own || mask(&mut change, &self.members, entry.author().as_ref());
        }
        Ok(false)
    }

    /// Whether an address that a contact is given is that of one who was erased later.
    fn has_address(&self, change: &Change, at: i64) -> bool {
        let both = [ContactKind::Person, ContactKind::Organisation];
        let (kinds, handles) = match change {
            Change::ContactAdded(added) => (std::slice::from_ref(&added.kind), added.handles.as_slice()),
            Change::HandleAdded(added) => (&both[..], std::slice::from_ref(&added.handle)),
            Change::HandleRenamed(renamed) => (&both[..], std::slice::from_ref(&renamed.to)),
            _ => return false,
        };
        let is_erased = |kind: &ContactKind, handle: &HandleFact| {
            self.addresses.iter().any(|(key, hashes)| {
                let hash = address_hash(key, kind.word(), handle.channel.word(), &handle.key);
                hashes.get(&hash).is_some_and(|erased| at < *erased)
            })
        };
        handles.iter().any(|handle| kinds.iter().any(|kind| is_erased(kind, handle)))
    }

    /// What goes besides: the contacts from elsewhere who stand here and were given the address of one who was erased later,
    /// and who the erased members were.
    pub(crate) fn besides(self, sql: &dyn Sql) -> Result<Besides> {
        let mut contacts = BTreeSet::new();
        if !self.addresses.is_empty() {
            sql.each(
                "SELECT s.id, e.at, e.kind, e.version, b.body FROM entry e
                 JOIN entry_body b ON b.seq = e.seq
                 JOIN entry s ON s.seq = e.subject
                 WHERE e.kind IN ('contact.added', 'handle.added', 'handle.renamed') AND e.origin <> 1 AND s.origin <> 1",
                &[],
                |row| {
                    let change = Change::read(row.text(2)?, row.int(3)?, row.text(4)?)?;
                    if self.has_address(&change, row.int(1)?) {
                        contacts.insert(ContactId(row.uuid(0)?));
                    }
                    Ok(())
                },
            )?;
        }
        Ok(Besides { contacts, members: self.members })
    }
}
