//! Who a member was is erased: their name goes from every body, what they wrote stays.
//!
//! A body that names them is replaced by one that says “a former member” instead. Its digest stands in the table `gone`, since
//! the header keeps that of the body that was written.

use std::collections::BTreeSet;

use super::Erased;
use crate::actor::Actor;
use crate::change::Change;
use crate::error::{Error, Result};
use crate::handoff::NamedParty;
use crate::id::MemberId;
use crate::journal::{Absence, Writer, replay, seq_of};
use crate::member::{FORMER, Party};
use crate::mention::each_id;
use crate::store::{RowExt, Sql, SqlExt, Value};
use crate::{note, search};

/// Puts “a former member” in the place of the names of members, and says whether there were any.
pub(super) fn mask(change: &mut Change, members: &BTreeSet<MemberId>, author: Option<&Actor>) -> bool {
    let mut mask = Mask { members, found: false };
    match change {
        Change::NoteAdded(note) => {
            mask.author(&mut note.recorded_by, author);
            if let Some(speaker) = &mut note.said_by {
                mask.optional(speaker.member, Some(&mut speaker.name));
            }
        }
        Change::NoteReleased(c) => {
            mask.optional(c.from, c.from_name.as_mut());
            mask.name(c.to, &mut c.to_name);
        }
        Change::NoteSealed(c) => mask.optional(c.from, c.from_name.as_mut()),
        Change::OwnershipAssigned(c) => mask.name(c.member, &mut c.member_name),
        Change::OwnershipEnded(c) => mask.name(c.member, &mut c.member_name),
        Change::OwnershipTransferred(c) => {
            mask.name(c.from, &mut c.from_name);
            mask.name(c.to, &mut c.to_name);
        }
        Change::OwnershipOffered(c) => {
            mask.name(c.leaver, &mut c.leaver_name);
            mask.name(c.successor, &mut c.successor_name);
        }
        Change::FollowUpAdded(c) => mask.name(c.owner, &mut c.owner_name),
        Change::FollowUpHanded(c) => {
            mask.name(c.from, &mut c.from_name);
            mask.name(c.to, &mut c.to_name);
        }
        Change::HandoffOffered(c) => mask.parties(&mut c.leavers),
        Change::HandoffReceipted(c) => {
            mask.parties(&mut c.leavers);
            mask.author(&mut c.by_name, author);
            c.successors.iter_mut().for_each(|successor| mask.name(successor.member, &mut successor.name));
        }
        _ => {}
    }
    mask.found
}

/// A change with “a former member” in the place of the names of members; `None` where none stands in it.
pub(crate) fn masked(mut change: Change, members: &BTreeSet<MemberId>, author: Option<&Actor>) -> Option<Change> {
    let before = change.clone();
    (mask(&mut change, members, author) && change != before).then_some(change)
}

/// Whether a body of an entry of a kind can be one that was masked: those of the kinds that [`mask`] knows, with its words.
#[cfg(feature = "bundle")]
pub(crate) fn may_be_masked(kind: &str, body: &str) -> bool {
    let names_members = matches!(
        kind,
        "note.added"
            | "note.released"
            | "note.sealed"
            | "ownership.assigned"
            | "ownership.ended"
            | "ownership.transferred"
            | "ownership.offered"
            | "follow_up.added"
            | "follow_up.handed"
            | "handoff.offered"
            | "handoff.receipted"
    );
    names_members && body.contains(FORMER)
}

/// The members whose names are masked, and whether one was met.
struct Mask<'a> {
    members: &'a BTreeSet<MemberId>,
    found: bool,
}

impl Mask<'_> {
    fn name(&mut self, member: MemberId, name: &mut String) {
        if self.members.contains(&member) {
            FORMER.clone_into(name);
            self.found = true;
        }
    }

    fn optional(&mut self, member: Option<MemberId>, name: Option<&mut String>) {
        if let (Some(member), Some(name)) = (member, name) {
            self.name(member, name);
        }
    }

    fn parties(&mut self, parties: &mut [NamedParty]) {
        for NamedParty { party, name } in parties {
            if let Party::Member(member) = party {
                self.name(*member, name);
            }
        }
    }

    /// The name under which the actor of the entry wrote.
    fn author(&mut self, name: &mut String, author: Option<&Actor>) {
        if let Some(author) = author
            && author.member().is_some_and(|member| self.members.contains(&member))
        {
            *name = author.author_name(FORMER);
            self.found = true;
        }
    }
}

impl Writer<'_> {
    /// Erases who members were: the bodies of their own entries go, in those of others their names are masked.
    pub(super) fn mask_members(&mut self, members: &BTreeSet<MemberId>, erased: &mut Erased) -> Result<()> {
        for seq in naming(self.sql(), members)? {
            self.mask_body(seq, members, erased)?;
        }
        let mut subjects = BTreeSet::new();
        for member in members {
            let key = seq_of(self.sql(), member.0)?.ok_or_else(|| Error::unknown("member", member))?;
            if self.erase_bodies(key, Absence::Erased, erased)? {
                subjects.insert(key);
                erased.members += 1;
            }
        }
        replay::refold(self.sql(), &subjects)
    }

    fn mask_body(&mut self, seq: i64, members: &BTreeSet<MemberId>, erased: &mut Erased) -> Result<()> {
        let sql = self.sql();
        let (id, author, change) = sql.one(
            "SELECT e.id, e.kind, e.version, b.body, a.kind, a.member, a.name FROM entry e
             JOIN entry_body b ON b.seq = e.seq
             JOIN actor a ON a.key = e.actor
             WHERE e.seq = $1",
            &[Value::Int(seq)],
            |row| {
                let change = Change::read(row.text(1)?, row.int(2)?, row.text(3)?)?;
                Ok((row.uuid(0)?, Actor::read(row, 4)?, change))
            },
        )?;
        let Some(change) = masked(change, members, author.as_ref()) else { return Ok(()) };
        self.mask_entry(seq, id.as_bytes(), &change.body()?)?;
        erased.masked += 1;
        match &change {
            Change::NoteAdded(added) => {
                let speaker = added.said_by.as_ref().map(|speaker| speaker.name.as_str());
                note::is_told_by(sql, seq, &added.recorded_by, speaker)?;
                search::reindex_erased(sql, seq)
            }
            _ => Ok(()),
        }
    }
}

/// The numbers of the entries in whose bodies a member is named, by id or as the author.
fn naming(sql: &dyn Sql, members: &BTreeSet<MemberId>) -> Result<BTreeSet<i64>> {
    let mut naming = BTreeSet::new();
    each_named(sql, members, &mut |_, seq| {
        naming.insert(seq);
    })?;
    for member in members {
        sql.each(
            "SELECT e.seq FROM entry e
             JOIN entry_body b ON b.seq = e.seq
             JOIN actor a ON a.key = e.actor
             WHERE a.member = $1 AND e.kind IN ('note.added', 'handoff.receipted')",
            &[(&member.0).into()],
            |row| {
                naming.insert(row.int(0)?);
                Ok(())
            },
        )?;
    }
    Ok(naming)
}

/// Each member with the numbers of the entries that they made, or in whose bodies their id stands.
pub(super) fn traces(sql: &dyn Sql, members: &BTreeSet<MemberId>) -> Result<Vec<(MemberId, i64)>> {
    let mut traces = Vec::new();
    each_named(sql, members, &mut |member, seq| traces.push((member, seq)))?;
    for member in members {
        let made = "SELECT e.seq FROM entry e JOIN actor a ON a.key = e.actor WHERE a.member = $1";
        sql.each(made, &[(&member.0).into()], |row| {
            traces.push((*member, row.int(0)?));
            Ok(())
        })?;
    }
    Ok(traces)
}

/// Goes through every body for the ids of members.
fn each_named(sql: &dyn Sql, members: &BTreeSet<MemberId>, each: &mut dyn FnMut(MemberId, i64)) -> Result<()> {
    sql.each("SELECT seq, body FROM entry_body ORDER BY seq", &[], |row| {
        let seq = row.int(0)?;
        each_id(row.text(1)?, &mut |id| {
            if members.contains(&MemberId(id)) {
                each(MemberId(id), seq);
            }
        });
        Ok(())
    })
}
