//! What is checked behind a deletion, so that its certificate can say so.

use uuid::Uuid;

use super::certificate::{Certificate, Check, StoreCovered, figures};
use crate::actor::Actor;
use crate::erasure::MemoryPurged;
use crate::error::{Error, Result};
use crate::memory::{Memory, View};
use crate::store::{RowExt, Sql, SqlExt};
use crate::verify::Verification;

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
    pub fn certify(&self, actor: impl Into<Actor>, id: Uuid) -> Result<Certificate> {
        let scrubbed = self.scrub();
        let verified = self.verify()?;
        self.write(actor, |w| {
            let known = w.all_seeing_view().certificates()?.into_iter().find(|known| known.id == id);
            let mut certificate = known.ok_or_else(|| Error::unknown("certificate", id))?;
            certificate.checks = vec![nothing_is_left(w.sql())?, everything_agrees(&verified)];
            certificate.stores.retain(|store| store.said_by != "heirloom" || !OWN.contains(&store.store.as_str()));
            certificate.stores.splice(0..0, own_stores(scrubbed.is_ok()));
            if certificate.after.is_none() {
                certificate.after = Some(figures(w.sql())?);
            }
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

/// Finds no body of what was purged.
fn nothing_is_left(sql: &dyn Sql) -> Result<Check> {
    let (purged, left) = sql.one(
        "SELECT count(*), count(b.seq) FROM gone g
         JOIN entry e ON e.id = g.id
         LEFT JOIN entry_body b ON b.seq = e.seq
         WHERE g.why = 'purged'",
        &[],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    Ok(Check {
        what: "no body of an entry that this memory ever purged is left".to_owned(),
        passed: left == 0,
        result: format!("{left} of {purged}"),
    })
}

fn everything_agrees(verified: &Verification) -> Check {
    let what = "the hashes of the journal, every table against the journal, every attachment, and the search index";
    let result = match verified.is_sound() {
        true => format!("sound: {} entries", verified.entries),
        false => format!("{} finding(s), which Memory::verify lists", verified.findings.len()),
    };
    Check { what: what.to_owned(), passed: verified.is_sound(), result }
}

impl View<'_> {
    /// Reads the certificates of deletion, the oldest first, each as it was last certified.
    pub fn certificates(&self) -> Result<Vec<Certificate>> {
        let mut certificates: Vec<Certificate> = Vec::new();
        for certificate in self.purges()? {
            match certificates.iter_mut().find(|known| known.id == certificate.id) {
                Some(known) => *known = certificate,
                None => certificates.push(certificate),
            }
        }
        Ok(certificates)
    }

    /// Every certificate as it was written, in order.
    fn purges(&self) -> Result<Vec<Certificate>> {
        self.sql().all(
            "SELECT b.body FROM entry e
             JOIN entry_body b ON b.seq = e.seq
             WHERE e.subject = (SELECT s.seq FROM entry s JOIN origin o ON o.id = s.id WHERE o.key = 1)
                 AND e.kind = 'memory.purged'
             ORDER BY e.seq",
            &[],
            |row| {
                let entry: MemoryPurged =
                    serde_json::from_str(row.text(0)?).map_err(|e| Error::fault("the entry of a certificate", e))?;
                Certificate::parse(&entry.certificate)
            },
        )
    }
}
