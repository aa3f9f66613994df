//! What is checked behind a deletion, so that its certificate can say so.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::certificate::{Certificate, Check, StoreCovered, figures};
use crate::actor::Actor;
use crate::change::Change;
use crate::erasure::MemoryPurged;
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::journal::seq_of;
use crate::memory::{Memory, View};
use crate::store::{RowExt, Sql, SqlExt, Value};

impl Memory {
    /// Reads the certificates of deletion, the oldest first, each as it was last certified.
    pub fn certificates(&self) -> Result<Vec<Certificate>> {
        self.read(|view| view.certificates())
    }

    /// Makes the checks behind a deletion, and writes its certificate anew with what they found: after [`Purge::run`] was
    /// interrupted, or found the file in use, or when more of the same was looked at since. Returns the certificate, which the
    /// journal keeps.
    ///
    /// It scrubs the file, counts what is left of what was deleted, and verifies the whole memory as [`Memory::verify`] does,
    /// in the same time.
    ///
    /// [`Purge::run`]: super::Purge::run
    ///
    /// # Errors
    /// [`Error::Unknown`] where there is no such certificate.
    pub fn certify(&self, actor: impl Into<Actor>, certificate: Uuid) -> Result<Certificate> {
        let scrubbed = self.scrub();
        let verified = self.verify()?;
        self.write(actor, |w| {
            let view = w.all_seeing_view();
            let (entry, mut certificate) = view
                .purges()?
                .into_iter()
                .rfind(|(_, known)| known.id == certificate)
                .ok_or_else(|| Error::unknown("certificate", certificate))?;
            let _ = entry;
            let first =
                view.purges()?.into_iter().find(|(_, known)| known.id == certificate.id).map(|(entry, _)| entry);
            let gone = first.map(|first| deleted_by(&view, first)).transpose()?.unwrap_or_default();
            certificate.checks = vec![
                nothing_is_left(w.sql(), &gone)?,
                each_is_remembered(w.sql(), &gone)?,
                Check {
                    what:
                        "the journal's hashes, every table against the journal, every attachment, and the search index"
                            .to_owned(),
                    passed: verified.is_sound(),
                    result: match verified.is_sound() {
                        true => format!("sound: {} entries", verified.entries),
                        false => format!("{} finding(s), which Memory::verify lists", verified.findings.len()),
                    },
                },
            ];
            certificate.stores.retain(|store| store.said_by != "heirloom" || !OWN.contains(&store.store.as_str()));
            certificate.stores.splice(0..0, own_stores(scrubbed.is_ok()));
            certificate.after = Some(figures(w.sql())?);
            certificate.ended = Some(w.at().max(certificate.began));
            certificate.head = Some(w.head());
            let memory = w.memory_id();
            w.append(memory, MemoryPurged { certificate: certificate.to_json() })?;
            Ok(certificate)
        })
    }
}

/// The stores that heirloom clears itself.
const OWN: [&str; 3] = ["database", "search index", "freed pages and write-ahead log"];

fn own_stores(scrubbed: bool) -> [StoreCovered; 3] {
    let [database, index, log] = OWN;
    let scrub = match scrubbed {
        true => "the file was written anew without what was deleted, and its log emptied",
        false => "not done yet: the file is in use, or there is no room beside it; certify again",
    };
    [
        StoreCovered::own(
            database,
            true,
            "bodies of entries and their salts, rows and bytes of attachments were deleted; the headers of entries stay, with \
             ids, times and authors, so that the chain of hashes can be checked",
        ),
        StoreCovered::own(index, true, "the words were taken out, and its pages written anew"),
        StoreCovered::own(log, scrubbed, scrub),
    ]
}

/// Finds no body of what was deleted.
fn nothing_is_left(sql: &dyn Sql, gone: &BTreeSet<Uuid>) -> Result<Check> {
    let mut left = 0;
    for id in gone {
        left += sql.one(
            "SELECT count(*) FROM entry e JOIN entry_body b ON b.seq = e.seq
             WHERE e.subject = $1 AND e.kind NOT IN ('contact.erased', 'note.erased', 'follow_up.erased')",
            &[Value::Int(seq_of(sql, *id)?.unwrap_or_default())],
            |row| row.int(0),
        )?;
    }
    Ok(Check {
        what: "no body of an entry about what was deleted is left".to_owned(),
        passed: left == 0,
        result: format!("{left} bodies about {} contacts, notes and promises", gone.len()),
    })
}

/// Finds that all of it is known as deleted, so that no old bundle brings it back.
fn each_is_remembered(sql: &dyn Sql, gone: &BTreeSet<Uuid>) -> Result<Check> {
    let mut known = 0;
    for id in gone {
        let stone = sql.first("SELECT 1 FROM tombstone WHERE id = $1", &[id.into()], |_| Ok(()))?;
        known += usize::from(stone.is_some());
    }
    Ok(Check {
        what: "everything that was deleted is remembered by its id, so that an old bundle does not bring it back"
            .to_owned(),
        passed: known == gone.len(),
        result: format!("{known} of {}", gone.len()),
    })
}

/// What the entries that a purge caused deleted.
fn deleted_by(view: &View<'_>, purge: EntryId) -> Result<BTreeSet<Uuid>> {
    let mut gone = BTreeSet::new();
    view.sql().each(
        "SELECT s.id, e.kind, e.version, b.body FROM entry e
         JOIN entry s ON s.seq = e.subject
         JOIN entry_body b ON b.seq = e.seq
         WHERE e.cause = $1 AND e.kind IN ('contact.erased', 'note.erased', 'follow_up.erased')",
        &[(&purge.0).into()],
        |row| {
            gone.insert(row.uuid(0)?);
            if let Change::ContactErased(erased) = Change::read(row.text(1)?, row.int(2)?, row.text(3)?)? {
                gone.extend(erased.notes.iter().map(|id| id.0));
                gone.extend(erased.follow_ups.iter().map(|id| id.0));
            }
            Ok(())
        },
    )?;
    Ok(gone)
}

impl View<'_> {
    /// Reads the certificates of deletion, the oldest first, each as it was last certified.
    pub fn certificates(&self) -> Result<Vec<Certificate>> {
        let mut certificates: Vec<Certificate> = Vec::new();
        for (_, certificate) in self.purges()? {
            match certificates.iter_mut().find(|known| known.id == certificate.id) {
                Some(known) => *known = certificate,
                None => certificates.push(certificate),
            }
        }
        Ok(certificates)
    }

    /// Every certificate as it was written, with its entry, in order.
    fn purges(&self) -> Result<Vec<(EntryId, Certificate)>> {
        self.sql().all(
            "SELECT e.id, b.body FROM entry e
             JOIN entry_body b ON b.seq = e.seq
             WHERE e.subject = (SELECT s.seq FROM entry s JOIN origin o ON o.id = s.id WHERE o.key = 1)
                 AND e.kind = 'memory.purged'
             ORDER BY e.seq",
            &[],
            |row| {
                let entry: MemoryPurged =
                    serde_json::from_str(row.text(1)?).map_err(|e| Error::fault("the entry of a certificate", e))?;
                Ok((EntryId(row.uuid(0)?), Certificate::parse(&entry.certificate)?))
            },
        )
    }
}
