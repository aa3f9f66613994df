//! What an erasure would take with it, for whoever decides it.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::going::Going;
use super::summaries;
use crate::contact::ContactSummary;
use crate::error::Result;
use crate::id::{ContactId, NoteId};
use crate::journal::Subject;
use crate::memory::View;
use crate::note;
use crate::search::fold;
use crate::store::{RowExt, Sql, SqlExt, Value};
use crate::wording::{Count, Visible};

/// What an erasure of a contact would take with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[must_use]
pub struct ErasurePreview {
    /// The contact.
    pub contact: ContactSummary,
    /// How many notes: about them, or said by them, private ones of all members included.
    pub notes: u64,
    /// Those of the notes that are about others too. They go for all: what is to be kept of the others is to be written down
    /// first, as a note of its own.
    pub shared: Vec<Shared>,
    /// How many promises, kept ones included.
    pub follow_ups: u64,
    /// How many handles, past ones included.
    pub handles: u64,
    /// How many attachments, on the contact and on the notes.
    pub attachments: u64,
    /// The contacts who are, or once were, linked to them: the links go.
    pub linked: Vec<ContactSummary>,
    /// Other contacts who have, or had, the same address: the same person twice, perhaps, or a colleague. They stay.
    pub same_address: Vec<ContactSummary>,
    /// The legal hold that forbids it: on whom, and for what matter.
    pub held: Option<(String, String)>,
}

/// A note that is about others too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Shared {
    /// The note.
    pub note: NoteId,
    /// The others.
    pub with: Vec<ContactSummary>,
    /// Whether the viewer may read it.
    pub readable: bool,
}

pub(super) fn of(view: &View<'_>, contact: ContactId) -> Result<ErasurePreview> {
    let sql = view.sql();
    let summary = view.contact_summary(contact)?;
    let key = view.contact_key(contact)?;
    let going = Going::with(sql, &BTreeSet::from([contact]))?;
    let mut shared = Vec::new();
    let mut attachments = view.attachments_of(key)?.len();
    for (note, (id, _)) in &going.notes {
        attachments += view.attachments_of(*note)?.len();
        let others = note::contacts_of(sql, *note)?.into_iter().filter(|other| *other != key);
        let with = summaries(view, others)?;
        if !with.is_empty() {
            shared.push(Shared { note: *id, with, readable: view.readable_note_key(*id).is_ok() });
        }
    }
    let count = "SELECT count(*) FROM handle WHERE contact = $1";
    Ok(ErasurePreview {
        contact: summary,
        notes: going.notes.len() as u64,
        shared,
        follow_ups: going.follow_ups.len() as u64,
        handles: sql.one(count, &[Value::Int(key)], |row| row.int(0))?.unsigned_abs(),
        attachments: attachments as u64,
        linked: linked(view, &going)?,
        same_address: same_address(view, key)?,
        held: going.held(sql)?.map(|hold| (hold.contact.name, hold.matter)),
    })
}

/// The contacts about whom the single entries are that go.
fn linked(view: &View<'_>, going: &Going) -> Result<Vec<ContactSummary>> {
    let mut keys = BTreeSet::new();
    for seq in going.entries.keys() {
        keys.insert(view.sql().one("SELECT subject FROM entry WHERE seq = $1", &[Value::Int(*seq)], |r| r.int(0))?);
    }
    summaries(view, keys)
}

fn same_address(view: &View<'_>, contact: i64) -> Result<Vec<ContactSummary>> {
    let keys = view.sql().all(
        "SELECT DISTINCT o.contact FROM handle h
         JOIN handle o ON o.address_key = h.address_key AND o.channel = h.channel AND o.contact <> h.contact
         WHERE h.contact = $1 ORDER BY o.contact",
        &[Value::Int(contact)],
        |row| row.int(0),
    )?;
    summaries(view, keys)
}

/// The subjects in the bodies of whose entries a text stands.
pub(super) fn mentions(sql: &dyn Sql, text: &str) -> Result<Vec<Subject>> {
    // As it stands in JSON, without the quotation marks around it.
    let json = serde_json::Value::from(fold(text)).to_string();
    let needle = json.trim_matches('"');
    let (mut keys, mut lower) = (Vec::new(), String::new());
    sql.each("SELECT seq, body FROM entry_body ORDER BY seq", &[], |row| {
        let body = row.text(1)?;
        lower.clear();
        lower.push_str(body);
        lower.make_ascii_lowercase();
        if lower.contains(needle) || (!body.is_ascii() && fold(body).contains(needle)) {
            keys.push(row.int(0)?);
        }
        Ok(())
    })?;
    let (mut subjects, mut seen) = (Vec::new(), BTreeSet::new());
    for seq in keys {
        let query = "SELECT e.kind, s.id FROM entry e JOIN entry s ON s.seq = e.subject WHERE e.seq = $1";
        let subject = sql.one(query, &[Value::Int(seq)], |row| Ok(Subject::of(row.text(0)?, row.uuid(1)?)))?;
        if seen.insert(subject) {
            subjects.push(subject);
        }
    }
    Ok(subjects)
}

impl fmt::Display for ErasurePreview {
    /// What would go, in words: what goes with it, each on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} would be erased, with {}, {}, {} and {}.",
            Visible(&self.contact.name),
            Count(self.notes, "note"),
            Count(self.follow_ups, "promise"),
            Count(self.handles, "handle"),
            Count(self.attachments, "attachment")
        )?;
        self.besides().iter().try_for_each(|line| write!(f, "\n- {}", Visible(line)))
    }
}

impl ErasurePreview {
    /// What somebody should know besides, a line each.
    fn besides(&self) -> Vec<String> {
        let names = |contacts: &[ContactSummary]| {
            contacts.iter().map(|contact| contact.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let also = |shared: &Shared| {
            format!("the note {} is also about {}, and goes for all", shared.note, names(&shared.with))
        };
        let mut lines: Vec<String> = self.shared.iter().map(also).collect();
        if !self.linked.is_empty() {
            lines.push(format!("links to them go, which are or were of {}", names(&self.linked)));
        }
        if !self.same_address.is_empty() {
            lines.push(format!("not erased, though with an address of theirs too: {}", names(&self.same_address)));
        }
        if let Some((name, matter)) = &self.held {
            lines.push(format!("{name} is under a legal hold for {matter}: nothing can be erased before it is lifted"));
        }
        lines
    }
}
