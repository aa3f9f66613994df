//! Verification: the chain recomputed from the bodies, and every table compared with a replay of the journal.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::thread;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::journal::gone::{self, Absence, MemoryReduced};
use crate::journal::replay::{self, column};
use crate::journal::{self, ContactKeys, Hash, Head, Header};
use crate::memory::{Inner, Memory};
use crate::store::{Location, Options, Row, RowExt, Sql, SqlExt, Store, Value};
use crate::{attachment, contact, erasure, follow_up, handle, handoff, hold, member, memory, note, ownership, search};

/// A table that follows from the journal: its name, how to empty it, how to read it whole in a fixed order.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) clear: &'static str,
    pub(crate) scan: &'static str,
    /// The nouns whose entries write rows of their subject here.
    pub(crate) of: &'static [&'static str],
    /// How to take away what stands here of one subject, by its key.
    pub(crate) forget: &'static str,
}

/// The tables of every noun.
pub(crate) const TABLES: &[&[Table]] = &[
    memory::TABLES,
    member::TABLES,
    contact::TABLES,
    handle::TABLES,
    note::TABLES,
    attachment::TABLES,
    ownership::TABLES,
    follow_up::TABLES,
    handoff::TABLES,
    erasure::TABLES,
    hold::TABLES,
];

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[must_use]
pub struct Verification {
    /// How many entries the journal has.
    pub entries: u64,
    /// The head, recomputed. Compare it with one that was noted outside of the memory.
    pub head: Head,
    /// What is wrong, a sentence each; empty when nothing is.
    pub findings: Vec<String>,
}

impl Verification {
    /// Whether nothing is wrong.
    pub const fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_sound() {
            true => write!(f, "sound: {} entries, head {}", self.entries, self.head),
            false => {
                write!(f, "{} finding(s) in {} entries:", self.findings.len(), self.entries)?;
                self.findings.iter().try_for_each(|finding| write!(f, "\n- {finding}"))
            }
        }
    }
}

/// So many findings are listed; of a wrecked file nobody reads more.
const MOST_FINDINGS: usize = 100;

impl Memory {
    /// Recomputes everything that can be recomputed: on one snapshot the hash chains from the bodies, every table by a
    /// replay of the journal into a scratch file, and attachments by their SHA-256; on a second snapshot beside it pages,
    /// and the search index from the notes.
    ///
    /// Somebody who can write the file can also write a new chain that is whole in itself: note a [`Head`] outside of
    /// the memory, and use [`Memory::verify_against`].
    ///
    /// # Errors
    /// [`Error::Damaged`] and [`Error::Io`] when the file cannot be read to its end.
    pub fn verify(&self) -> Result<Verification> {
        verify(&self.inner, None)
    }

    /// Verifies as [`Memory::verify`] does, and also that the journal still begins as it did when this head was noted.
    pub fn verify_against(&self, noted: Head) -> Result<Verification> {
        verify(&self.inner, Some(noted))
    }

    /// Puts every table and the search index together anew from the journal, as a repair after [`Memory::verify`] found
    /// that something else had changed them. The journal itself is not touched.
    pub fn rebuild(&self) -> Result<()> {
        journal::rebuild(&self.inner, |sql| {
            for table in TABLES.iter().copied().flatten() {
                sql.execute(table.clear, &[])?;
            }
            replay(sql, sql)?;
            search::rebuild(sql, journal::head(sql)?.seq)
        })
    }
}

fn verify(inner: &Inner, noted: Option<Head>) -> Result<Verification> {
    let mut chain = Chain::new(noted);
    let pages_and_index = || {
        let mut findings = inner.store.check_pages()?;
        findings.append(&mut inner.store.read(search::check)?);
        Ok(findings)
    };
    let mut journal = || inner.store.read(|sql| check_journal(sql, &mut chain));
    // A memory that is not kept in a file has one connection, which this thread may hold already.
    let (journal, index) = if inner.store.file().is_none() {
        (journal(), pages_and_index())
    } else {
        thread::scope(|threads| {
            let beside = thread::Builder::new().spawn_scoped(threads, pages_and_index);
            let journal = journal();
            let panicked = |_| Error::fault("verification", "the check of the search index ended without a result");
            let index = match beside {
                Ok(beside) => beside.join().map_err(panicked).flatten(),
                Err(_) => pages_and_index(), // one after the other, where the system gives no thread
            };
            (journal, index)
        })
    };
    let mut findings = [journal?, index?].concat();
    if findings.len() > MOST_FINDINGS {
        let more = findings.len() - MOST_FINDINGS;
        findings.truncate(MOST_FINDINGS);
        findings.push(format!("and {more} more"));
    }
    let head = Head { seq: chain.seq, hash: chain.head };
    Ok(Verification { entries: chain.seq.unsigned_abs(), head, findings })
}

/// Recomputes the chain, and compares every table with what the journal makes of an empty file.
fn check_journal(sql: &dyn Sql, chain: &mut Chain) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let scratch = Store::open(&Location::Scratch, &Options::default())?;
    journal::write_scratch(&scratch, |copy| {
        match check_chain(sql, copy, chain) {
            Ok(()) => {}
            Err(error @ (Error::Io { .. } | Error::Damaged { .. } | Error::DiskFull { .. })) => return Err(error),
            Err(error) => chain.findings.push(format!("the journal cannot be replayed: {error}")),
        }
        chain.finish(sql)?;
        findings.append(&mut chain.findings);
        compare_schemas(sql, copy, &mut findings)?;
        for table in TABLES.iter().copied().flatten() {
            compare(sql, copy, table, &mut findings)?;
        }
        Ok(())
    })?;
    check_attachments(sql, &mut findings)?;
    Ok(findings)
}

/// Applies every entry, in the order of the stamps.
fn replay(from: &dyn Sql, to: &dyn Sql) -> Result<()> {
    let contacts = ContactKeys::default();
    replay::each_stamped(from, &mut |row| replay::fold(row, to, &contacts))
}

/// Recomputes the chain and applies every entry: in one go where they arrived in order.
fn check_chain(sql: &dyn Sql, copy: &dyn Sql, chain: &mut Chain) -> Result<()> {
    if !replay::arrived_in_order(sql)? {
        replay::each_arrived(sql, &mut |row| chain.take(sql, row))?;
        return replay(sql, copy);
    }
    let contacts = ContactKeys::default();
    replay::each_arrived(sql, &mut |row| {
        chain.take(sql, row)?;
        replay::fold(row, copy, &contacts)
    })
}

/// The chain as it is recomputed, entry by entry.
struct Chain {
    seq: i64,
    head: Hash,
    stamp: i64,
    noted: Option<Head>,
    /// What the journal last said of what is gone.
    reduced: Option<String>,
    buffer: Vec<u8>,
    findings: Vec<String>,
}

/// The kind of the entries that say what is gone.
const REDUCED: &str = "memory.reduced";

impl Chain {
    const fn new(noted: Option<Head>) -> Self {
        Self {
            seq: 0,
            head: Hash::NONE,
            stamp: i64::MIN,
            noted,
            reduced: None,
            buffer: Vec::new(),
            findings: Vec::new(),
        }
    }

    fn find(&mut self, seq: i64, what: &str) {
        if self.findings.len() <= MOST_FINDINGS {
            self.findings.push(format!("entry {seq}: {what}"));
        }
    }

    /// Takes the row of the next entry; the columns are those of [`replay::column`].
    fn take(&mut self, sql: &dyn Sql, row: &dyn Row) -> Result<()> {
        let (seq, stored) = (row.int(column::SEQ)?, Hash::from_slice(row.blob(column::HASH)?)?);
        if seq != self.seq + 1 {
            self.find(seq, &format!("the entries {} to {} are missing", self.seq + 1, seq - 1));
        }
        let digest = Hash::from_slice(row.blob(column::DIGEST)?)?;
        self.check_body(sql, row, digest)?;
        let parts = [column::ORIGIN_ID, column::SUBJECT_ID, column::ACTOR_KIND];
        let has_parts =
            parts.iter().try_fold(true, |all, part| Ok::<_, Error>(all && row.value(*part)? != Value::Null))?;
        if !has_parts {
            self.find(seq, "its origin, its subject or its actor is missing");
        } else if self.hash(sql, row, digest)? != stored {
            self.find(seq, "its header was changed");
        }
        let stamp = row.int(column::STAMP)?;
        if row.int(column::ORIGIN)? == replay::OWN && stamp <= self.stamp {
            self.find(seq, "its stamp runs backwards");
        }
        self.stamp = self.stamp.max(stamp);
        self.seq = seq;
        self.head = journal::next_head(&self.head, &stored);
        if self.noted.is_some_and(|noted| noted.seq == seq && noted.hash != self.head) {
            self.find(seq, "the journal up to here is not the one whose head was noted");
        }
        Ok(())
    }

    /// Compares the body of an entry with its digest, or with why there is none.
    fn check_body(&mut self, sql: &dyn Sql, row: &dyn Row, digest: Hash) -> Result<()> {
        let seq = row.int(column::SEQ)?;
        let (salt, body) = (row.opt_blob(column::SALT)?, row.opt_text(column::BODY)?);
        if row.text(column::KIND)? == REDUCED {
            self.reduced = body.map(str::to_owned);
        }
        match salt.zip(body).map(|(salt, body)| Hash::of(&[salt, body.as_bytes()])) {
            Some(found) if found == digest => {}
            Some(found) if gone::masked_by(sql, row.blob(column::ID)?)? == Some(found) => {}
            Some(_) => self.find(seq, "its body was changed"),
            None => match gone::why(sql, row.blob(column::ID)?)? {
                Some(Absence::Withheld | Absence::Erased | Absence::Purged) => {}
                Some(Absence::Cut | Absence::Masked) | None => self.find(seq, "its body is missing"),
            },
        }
        Ok(())
    }

    fn hash(&mut self, sql: &dyn Sql, row: &dyn Row, digest: Hash) -> Result<Hash> {
        let (seq, subject) = (row.int(column::SEQ)?, row.int(column::SUBJECT)?);
        let header = Header {
            id: row.uuid(column::ID)?,
            origin: row.uuid(column::ORIGIN_ID)?,
            subject: row.uuid(column::SUBJECT_ID)?,
            kind: row.text(column::KIND)?,
            version: row.int(column::VERSION)?,
            stamp: row.int(column::STAMP)?,
            at: row.int(column::AT)?,
            actor_kind: row.text(column::ACTOR_KIND)?,
            actor_member: row.blob(column::ACTOR_MEMBER)?,
            actor_name: row.text(column::ACTOR_NAME)?,
            cause: row.opt_blob(column::CAUSE)?,
            digest,
            previous: match subject == seq {
                true => Hash::NONE,
                false => journal::previous_hash(sql, subject, row.int(column::ORIGIN)?, seq)?,
            },
        };
        Ok(header.hash(&mut self.buffer))
    }

    /// Compares what is gone with what the journal last said of it.
    fn check_gone(&mut self, sql: &dyn Sql) -> Result<()> {
        let stands = gone::state(sql)?;
        let said = self.reduced.take().and_then(|body| serde_json::from_str::<MemoryReduced>(&body).ok());
        let is_said = match said {
            Some(said) => said == stands,
            None => stands.bodies == 0 && stands.bytes == 0,
        };
        if !is_said {
            self.findings.push("what is erased or withheld is not what the journal says of it".to_owned());
        }
        Ok(())
    }

    /// Compares what was recomputed with what stands beside the entries.
    fn finish(&mut self, sql: &dyn Sql) -> Result<()> {
        self.check_gone(sql)?;
        let stored = sql.first("SELECT seq, hash, stamp FROM journal_head", &[], |row| {
            Ok((row.int(0)?, Hash::from_slice(row.blob(1)?)?, row.int(2)?))
        })?;
        if stored != Some((self.seq, self.head, self.stamp)) {
            self.findings.push("the head of the journal is not that of its entries".to_owned());
        }
        if self.noted.is_some_and(|noted| noted.seq > self.seq) {
            self.findings.push("the journal ends before the entry whose head was noted".to_owned());
        }
        let strays = [
            ("SELECT count(*) FROM entry_body WHERE seq NOT IN (SELECT seq FROM entry)", "bodies without an entry"),
            ("SELECT count(*) FROM actor WHERE key NOT IN (SELECT actor FROM entry)", "actors who never acted"),
            ("SELECT count(*) FROM origin WHERE key NOT IN (SELECT origin FROM entry)", "memories without an entry"),
        ];
        for (query, what) in strays {
            let count = sql.one(query, &[], |row| row.int(0))?;
            if count > 0 {
                self.findings.push(format!("the journal holds {count} {what}"));
            }
        }
        Ok(())
    }
}

/// Compares one table with its replayed copy, row by row.
fn compare(sql: &dyn Sql, copy: &dyn Sql, table: &Table, findings: &mut Vec<String>) -> Result<()> {
    let keys = RandomState::new();
    let mut expected = Vec::new();
    copy.each(table.scan, &[], |row| {
        expected.push(digest(&keys, row)?);
        Ok(())
    })?;
    let (mut at, mut different) = (0, 0_u64);
    sql.each(table.scan, &[], |row| {
        different += u64::from(expected.get(at) != Some(&digest(&keys, row)?));
        at += 1;
        Ok(())
    })?;
    if at != expected.len() {
        let (has, should) = (at, expected.len());
        findings
            .push(format!("table {} has {has} rows, the journal makes {should}; rebuild() puts it right", table.name));
    } else if different > 0 {
        findings.push(format!(
            "table {} differs from the journal in {different} rows; rebuild() puts it right",
            table.name
        ));
    }
    Ok(())
}

/// A keyed hash of a row, whatever its columns.
fn digest(keys: &RandomState, row: &dyn Row) -> Result<u64> {
    let mut hasher = keys.build_hasher();
    for column in 0..row.columns() {
        match row.value(column)? {
            Value::Null => hasher.write_u8(0),
            Value::Int(value) => {
                hasher.write_u8(1);
                hasher.write_i64(value);
            }
            Value::Text(value) => {
                hasher.write_u8(2);
                hasher.write_usize(value.len());
                hasher.write(value.as_bytes());
            }
            Value::Blob(value) => {
                hasher.write_u8(3);
                hasher.write_usize(value.len());
                hasher.write(value);
            }
        }
    }
    Ok(hasher.finish())
}

/// Compares the schema with that of a fresh memory.
fn compare_schemas(sql: &dyn Sql, copy: &dyn Sql, findings: &mut Vec<String>) -> Result<()> {
    let schema = |sql: &dyn Sql| {
        sql.all(
            "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_master WHERE name NOT IN ('sqlite_stat1', 'sqlite_stat4')
             ORDER BY type, name",
            &[],
            |row| Ok((row.string(0)?, row.string(1)?)),
        )
    };
    let (found, expected) = (schema(sql)?, schema(copy)?);
    let strange = found.iter().filter(|item| !expected.contains(item)).map(|(name, _)| (name, "is not heirloom's"));
    let missing = expected.iter().filter(|item| !found.contains(item)).map(|(name, _)| (name, "is missing or changed"));
    findings.extend(missing.chain(strange).map(|(name, what)| format!("{name} {what}")));
    Ok(())
}

/// Compares the bytes of attachments with their SHA-256, and with what refers to them.
fn check_attachments(sql: &dyn Sql, findings: &mut Vec<String>) -> Result<()> {
    sql.each("SELECT sha256, bytes FROM attachment_bytes ORDER BY sha256", &[], |row| {
        if Hash::of(&[row.blob(1)?]) != Hash::from_slice(row.blob(0)?)? {
            findings.push(format!("the bytes of attachment {} were changed", Hash::from_slice(row.blob(0)?)?));
        }
        Ok(())
    })?;
    let missing = sql.one(
        "SELECT count(*) FROM attachment
         WHERE sha256 NOT IN (SELECT sha256 FROM attachment_bytes) AND sha256 NOT IN (SELECT id FROM gone)",
        &[],
        |row| row.int(0),
    )?;
    let stray = sql.one(
        "SELECT count(*) FROM attachment_bytes WHERE sha256 NOT IN (SELECT sha256 FROM attachment)",
        &[],
        |row| row.int(0),
    )?;
    if missing > 0 {
        findings.push(format!("the bytes of {missing} attachment(s) are missing"));
    }
    if stray > 0 {
        findings.push(format!("the bytes of {stray} attachment(s) belong to nothing"));
    }
    Ok(())
}
