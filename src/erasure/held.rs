//! What a legal hold keeps an erasure from.

use std::collections::{BTreeMap, BTreeSet};

use super::going::named_in;
use super::masked::traces;
use crate::change::Change;
use crate::error::Result;
use crate::id::MemberId;
use crate::journal::seq_of;
use crate::mention::each_id;
use crate::note;
use crate::store::{RowExt, Sql, SqlExt, Value};

/// What legal holds cover.
pub(super) struct Held {
    /// The contacts on whom one lies, by key.
    pub(super) contacts: BTreeSet<i64>,
    /// Those who are linked to one of them, by key, each with that one.
    linked: BTreeMap<i64, i64>,
}

impl Held {
    pub(super) fn read(sql: &dyn Sql) -> Result<Self> {
        let contacts = sql.all("SELECT DISTINCT contact FROM hold", &[], |row| row.int(0))?;
        Ok(Self { contacts: contacts.into_iter().collect(), linked: linked_to_held(sql)? })
    }

    pub(super) fn of_contact(&self, key: i64) -> Option<i64> {
        self.contacts.get(&key).or_else(|| self.linked.get(&key)).copied()
    }

    /// Those whom a note is about, or who said it, and who are held.
    pub(super) fn of_note(&self, sql: &dyn Sql, note: i64) -> Result<Vec<i64>> {
        Ok(note::concerned(sql, note)?.into_iter().filter(|contact| self.contacts.contains(contact)).collect())
    }

    /// The one to whom something was promised, where they are held.
    pub(super) fn of_promise(&self, sql: &dyn Sql, follow_up: i64) -> Result<Option<i64>> {
        let query = "SELECT contact FROM follow_up WHERE key = $1";
        let contact = sql.first(query, &[Value::Int(follow_up)], |row| row.int(0))?;
        Ok(contact.filter(|contact| self.contacts.contains(contact)))
    }

    /// One of those whom a subject of a newer heirloom names, where they are held.
    pub(super) fn of_other(&self, sql: &dyn Sql, other: i64) -> Result<Option<i64>> {
        let mut named = BTreeSet::new();
        let query = "SELECT b.body FROM entry e JOIN entry_body b ON b.seq = e.seq WHERE e.subject = $1";
        sql.each(query, &[Value::Int(other)], |row| {
            each_id(row.text(0)?, &mut |id| {
                named.insert(id);
            });
            Ok(())
        })?;
        for id in named {
            if let Some(contact) = seq_of(sql, id)?.filter(|key| self.contacts.contains(key)) {
                return Ok(Some(contact));
            }
        }
        Ok(None)
    }

    /// The members who wrote anything of somebody held, or are named in it, each with such a one.
    pub(super) fn of_members(&self, sql: &dyn Sql, members: &BTreeSet<MemberId>) -> Result<BTreeMap<MemberId, i64>> {
        let mut found = BTreeMap::new();
        if self.contacts.is_empty() || members.is_empty() {
            return Ok(found);
        }
        let subjects = self.subjects(sql)?;
        for (member, seq) in traces(sql, members)? {
            let subject = sql.one("SELECT subject FROM entry WHERE seq = $1", &[Value::Int(seq)], |row| row.int(0))?;
            if let Some(contact) = subjects.get(&subject) {
                found.entry(member).or_insert(*contact);
            }
        }
        Ok(found)
    }

    /// The subjects that are held, by key, each with the contact on whom the hold lies.
    fn subjects(&self, sql: &dyn Sql) -> Result<BTreeMap<i64, i64>> {
        let mut subjects = BTreeMap::new();
        sql.each(
            "SELECT contact, contact FROM hold
             UNION SELECT l.note, l.contact FROM note_contact l JOIN hold h ON h.contact = l.contact
             UNION SELECT n.key, n.said_by_contact FROM note n JOIN hold h ON h.contact = n.said_by_contact
             UNION SELECT f.key, f.contact FROM follow_up f JOIN hold h ON h.contact = f.contact",
            &[],
            |row| {
                subjects.insert(row.int(0)?, row.int(1)?);
                Ok(())
            },
        )?;
        Ok(subjects)
    }
}

/// Those who are linked to somebody under a legal hold, or once were by an entry of the held: their keys, each with that of
/// the held.
pub(crate) fn linked_to_held(sql: &dyn Sql) -> Result<BTreeMap<i64, i64>> {
    let mut linked = BTreeMap::new();
    sql.each("SELECT l.contact, l.other FROM contact_link l JOIN hold h ON h.contact = l.other", &[], |row| {
        linked.insert(row.int(0)?, row.int(1)?);
        Ok(())
    })?;
    sql.each(
        "SELECT e.subject, e.kind, e.version, b.body FROM entry e JOIN entry_body b ON b.seq = e.seq
         WHERE e.subject IN (SELECT contact FROM hold)",
        &[],
        |row| {
            for other in named_in(&Change::read(row.text(1)?, row.int(2)?, row.text(3)?)?)? {
                if let Some(key) = seq_of(sql, other.0)? {
                    linked.insert(key, row.int(0)?);
                }
            }
            Ok(())
        },
    )?;
    Ok(linked)
}
