//! What is kept out of an import, because who or what it is about was erased.

use std::collections::{BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::going::{Besides, named_in};
use super::masked::mask;
use super::{address_hash, erases};
use crate::change::Change;
use crate::error::Result;
use crate::id::{ContactId, MemberId, MemoryId};
use crate::journal::Hash;
use crate::journal::receive::Record;
use crate::store::{RowExt, Sql, SqlExt};

/// Who and what was erased here, as an import needs it at each of its entries.
#[derive(Debug, Default)]
pub(crate) struct KeptOut {
    /// The ids of what was erased.
    subjects: HashSet<Uuid>,
    /// The hashed addresses of those who were erased, by the key of the hash, with the instant of the erasure.
    addresses: HashMap<Hash, HashMap<Hash, i64>>,
    /// The members of whom who they were is erased.
    members: BTreeSet<MemberId>,
    /// Whether something came that erases, or that names a member who is erased.
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
            "SELECT t.id FROM tombstone t WHERE t.noun <> 'member'
                 AND NOT EXISTS (SELECT 1 FROM contact c WHERE c.id = t.id)
                 AND NOT EXISTS (SELECT 1 FROM note n WHERE n.id = t.id)
                 AND NOT EXISTS (SELECT 1 FROM follow_up f WHERE f.id = t.id)",
        )?;
        take(
            "SELECT g.id FROM gone g JOIN entry e ON e.id = g.id
             WHERE g.why = 'erased' AND e.seq = e.subject AND e.kind <> 'member.added'",
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
            self.subjects.extend(erased.notes.iter().map(|id| id.0));
            self.subjects.extend(erased.follow_ups.iter().map(|id| id.0));
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
        if self.subjects.contains(&entry.subject) {
            return Ok(true);
        }
        let Some(body) = entry.body() else { return Ok(false) };
        let mut change = Change::read(&entry.kind, entry.version, body)?;
        if named_in(&change)?.iter().any(|contact| self.subjects.contains(&contact.0)) {
            return Ok(true);
        }
        if entry.origin != here.0 && self.has_address(&change, entry.at) {
            return Ok(true);
        }
        if !self.members.is_empty() {
            let is_own = self.members.contains(&MemberId(entry.subject));
            self.has_heard |= is_own || mask(&mut change, &self.members, entry.author().as_ref());
        }
        Ok(false)
    }

    /// Whether a contact that is added has the address of one who was erased later.
    fn has_address(&self, change: &Change, at: i64) -> bool {
        let Change::ContactAdded(added) = change else { return false };
        added.handles.iter().any(|handle| {
            self.addresses.iter().any(|(key, hashes)| {
                let hash = address_hash(key, added.kind.word(), handle.channel.word(), &handle.key);
                hashes.get(&hash).is_some_and(|erased| at < *erased)
            })
        })
    }

    /// What goes besides: the contacts from elsewhere who stand here and have the address of one who was erased later, and who
    /// the erased members were.
    pub(crate) fn besides(self, sql: &dyn Sql) -> Result<Besides> {
        let mut contacts = BTreeSet::new();
        if !self.addresses.is_empty() {
            sql.each(
                "SELECT e.id, e.at, e.kind, e.version, b.body FROM entry e JOIN entry_body b ON b.seq = e.seq
                 WHERE e.kind = 'contact.added' AND e.origin <> 1",
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
