//! SQLite behind the seam: one writer, many readers, one file in write-ahead-log mode.
//!
//! - **Writes** begin with `BEGIN IMMEDIATE`, so that one which reads first never finds its snapshot outdated. Threads
//!   of one store queue for its one writing connection; processes wait for each other in short, jittered steps.
//! - **Reads** run beside the writer on connections of a pool, each on one snapshot. A memory in RAM and a scratch
//!   database have one connection for everything, since SQLite's shared cache locks tables instead of keeping snapshots.
//! - **The log** is written back before its file passes 16 MiB, or at once after a large transaction; what a long read
//!   held back is written back when that read ends.
//! - **The file** is touched through SQLite alone (see [`super::place`]). It is judged before the first write: through
//!   a connection that takes no lock and leaves no file beside it, because opening another program's database in the
//!   usual way may replay its log.
//! - **The state of the disk** is not trusted: every pragma that matters is read back, and before each commit the file
//!   must still be the one that was opened.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, RandomState};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::wal::CheckpointMode;
use rusqlite::{CachedStatement, Connection, DEFAULT_NAME, ErrorCode, OpenFlags, ToSql, ffi};

use super::place::{self, Identity, Stamp, Standing};
use super::{Durability, Location, Options, Row, RowExt, Sql, SqlExt, Value};
use crate::error::{Error, Result};

/// Marks a file as a memory: “HRLM” in the field `application_id` of its header.
const APPLICATION_ID: i64 = 0x4852_4C4D;
/// The script of each file version, applied one after the other; a released one is never changed.
const VERSIONS: [&str; 1] = [include_str!("schema/sqlite-1.sql")];
/// The oldest SQLite that a build without the feature `bundled` may meet.
const OLDEST_ENGINE: i32 = 3_045_000;

const OTHER_KIND: &str = "is not a memory of heirloom but some other kind of file; it was left as it was";
const OTHER_PROGRAM: &str = "is not a memory of heirloom but the database of another program; it was left as it was";

/// The log is written back at so many pages, just under [`LOG_BYTES`]: an older log file is then written over rather than
/// made longer, which a disk acknowledges faster (0.16 ms a durable write against 0.22 ms at 10,000 pages).
const LOG_PAGES: u32 = 4_000;
/// A log of so many pages is longer than [`LOG_BYTES`], and is cut when there is time.
const OVERLONG_PAGES: u32 = 4_050;
/// A log of so many pages is cut at once. Cutting it more often would make bulk writes a fifth slower.
const LARGE_PAGES: u32 = 8_000;
/// The log file keeps no more than this when it starts over, in bytes.
const LOG_BYTES: u64 = 16 << 20;
/// A page of the log with its header, in bytes.
const PAGE_BYTES: u64 = 4_096 + 24;
/// Below this much free space, in bytes, the log may take no more than a quarter of what is left.
const TIGHT_BYTES: u64 = 64 << 20;
/// How often reads look whether the file is still there, and writes whether the disk is nearly full.
const GLANCE: Duration = Duration::from_millis(100);
/// A read of this length may have held back the log of other processes.
const LONG_READ: Duration = Duration::from_millis(100);
/// How often cutting a log that a read holds back is tried.
const TRIM_EVERY: Duration = Duration::from_millis(250);
/// Statements kept prepared on each connection.
const STATEMENTS: usize = 512;
/// Page cache of the writing connection, of each reading one, and of scratch, in KiB.
const WRITER_CACHE_KIB: i64 = 32 << 10;
const READER_CACHE_KIB: i64 = 8 << 10;
const SCRATCH_CACHE_KIB: i64 = 4 << 10;
/// Pages copied between two reports of a backup.
const BACKUP_STEP: i32 = 256;
/// Findings after which a check of pages stops.
const MOST_FINDINGS: usize = 100;

/// An open memory: all access to one database.
pub(crate) struct Store {
    site: Site,
    /// The process that opened the store; SQLite's handles do not survive a fork.
    process: u32,
    /// The one connection that writes; in RAM and in scratch also the one that reads.
    writer: Slot,
    /// Connections at rest that read; unused where there is only one.
    readers: Mutex<Vec<Connection>>,
    /// The connection that watches for commits of others, once somebody waits.
    watcher: Mutex<Option<Connection>>,
    bell: Bell,
    log: Arc<Log>,
    glances: Glances,
    #[cfg(test)]
    fail_after: Mutex<Option<usize>>,
}

/// What is known of the place and the rules of a store; errors speak of it.
struct Site {
    name: PathBuf,
    options: Options,
    versions: &'static [&'static str],
    key: Key,
    kind: Kind,
}

/// How the database of a store is shared.
enum Kind {
    /// A file with its write-ahead log.
    Shared,
    /// A file in a place that takes no log beside it; read without locks, and watched for changes instead.
    Frozen(Stamp),
    /// One connection for everything.
    Single,
}

/// Which database a write goes to, whichever store it goes through.
#[derive(Clone, Debug, PartialEq)]
enum Key {
    File(Identity),
    Own(u64),
}

/// A point in the sequence of commits, as one store sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    own: u64,
    others: i64,
}

// ---------------------------------------------------------------------------------------------------------------
// Reading and writing

impl Store {
    /// Runs statements on one snapshot.
    pub(crate) fn read<T>(&self, f: impl FnOnce(&dyn Sql) -> Result<T>) -> Result<T> {
        self.lend(|connection| {
            let statements = Statements::new(connection, &self.site);
            if !connection.is_autocommit() {
                return f(&statements);
            }
            statements.control("BEGIN")?;
            let result = f(&statements);
            // The transaction has changed nothing, so either end of it is the same.
            let ended = statements.control("COMMIT");
            result.and_then(|value| ended.map(|()| value))
        })
    }

    /// Runs one statement, which is a snapshot by itself: the fast path of look-ups.
    pub(crate) fn read_one<T>(&self, f: impl FnOnce(&dyn Sql) -> Result<T>) -> Result<T> {
        self.lend(|connection| f(&Statements::new(connection, &self.site)))
    }

    /// Runs statements in one transaction, kept when `f` returns well and undone otherwise, also when it panics.
    ///
    /// # Errors
    /// [`Error::NestedWrite`] inside another write to the same database on this thread, [`Error::Busy`] when other
    /// writers leave no room within the budget, and whatever `f` returns. `f` is never run twice.
    pub(crate) fn write<T>(&self, f: impl FnOnce(&dyn Sql) -> Result<T>) -> Result<T> {
        self.same_process()?;
        if self.site.options.read_only {
            return Err(Error::ReadOnly { path: self.site.name.clone() });
        }
        let _here = Writing::enter(&self.site.key)?;
        if matches!(self.site.kind, Kind::Single) && Held::find(&self.site.key).is_some() {
            return Err(Error::refused(
                "write was called inside read on a memory that is not kept in a file; end the read first",
            ));
        }
        let connection = self.take_writer()?;
        let result = catch_unwind(AssertUnwindSafe(|| self.transact(&connection, f)));
        if !connection.is_autocommit() {
            roll_back(&connection);
        }
        self.writer.put(connection);
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn transact<T>(&self, connection: &Connection, f: impl FnOnce(&dyn Sql) -> Result<T>) -> Result<T> {
        self.make_room(connection);
        let statements = Statements::new(connection, &self.site);
        let result = self.begin(&statements).and_then(|()| self.run(&statements, f)).and_then(|value| {
            statements.intact()?;
            self.site.still_there()?;
            statements.control("COMMIT").map(|()| value)
        });
        match &result {
            Ok(_) => self.after_commit(connection),
            Err(error) => {
                roll_back(connection);
                if matches!(error, Error::DiskFull { .. }) {
                    // What was logged before can be written back and its room given to the next write.
                    self.log.cut(connection);
                }
            }
        }
        result
    }

    #[cfg(not(test))]
    fn run<T>(&self, statements: &Statements<'_>, f: impl FnOnce(&dyn Sql) -> Result<T>) -> Result<T> {
        f(statements)
    }

    #[cfg(test)]
    fn run<T>(&self, statements: &Statements<'_>, f: impl FnOnce(&dyn Sql) -> Result<T>) -> Result<T> {
        match *lock(&self.fail_after) {
            Some(passing) => {
                let faulty = super::faulty::Faulty::after(passing, statements);
                f(&faulty).and_then(|value| faulty.intact().map(|()| value))
            }
            None => f(statements),
        }
    }

    /// Makes every write fail after so many statements, until it is called with nothing.
    #[cfg(test)]
    pub(crate) fn fail_after(&self, passing: Option<usize>) {
        *lock(&self.fail_after) = passing;
    }

    fn begin(&self, statements: &Statements<'_>) -> Result<()> {
        let mut patience = Patience::new(self.site.options.busy_budget);
        let begun = loop {
            match statements.control("BEGIN IMMEDIATE") {
                Err(Error::DiskFull { .. }) if self.log.cut(statements.connection) => {
                    break statements.control("BEGIN IMMEDIATE");
                }
                Err(Error::Busy { .. }) if patience.wait() => {}
                begun => break begun,
            }
        };
        begun?;
        // Another process may have brought the file to a version that this build does not know.
        let found = statements.number("PRAGMA user_version")?;
        self.site.supports(found)
    }

    /// Writes the log back before a write where the disk is nearly full: a log needs room that its pages already have.
    fn make_room(&self, connection: &Connection) {
        let logged = u64::from(self.log.pages.load(Ordering::Relaxed)) * PAGE_BYTES;
        let tight = self.log.tight.load(Ordering::Relaxed);
        if logged == 0 || !(tight || self.glances.due(&self.glances.disk)) {
            return;
        }
        let free = place::free(&self.site.name).unwrap_or(u64::MAX);
        self.log.tight.store(free < TIGHT_BYTES, Ordering::Relaxed);
        if free < TIGHT_BYTES && logged >= free / 4 {
            self.log.cut(connection);
        }
    }

    fn after_commit(&self, connection: &Connection) {
        self.bell.ring();
        if matches!(self.site.kind, Kind::Shared) {
            self.log.tend(connection);
        }
    }

    /// Writes the file anew without what was deleted, and cuts the log to nothing, waiting for others for as long as a write
    /// would. A memory that is not kept in a file has neither.
    ///
    /// `secure_delete` alone does not do: where SQLite splits a page, what moved to the other half stays behind in the gap of
    /// the first, and is not overwritten when it is deleted where it went.
    pub(crate) fn scrub(&self) -> Result<()> {
        self.same_process()?;
        if self.site.options.read_only {
            return Err(Error::ReadOnly { path: self.site.name.clone() });
        }
        if !matches!(self.site.kind, Kind::Shared) {
            return Ok(());
        }
        let _here = Writing::enter(&self.site.key)?;
        let connection = self.take_writer()?;
        let done = self.rewrite(&connection).and_then(|()| self.empty_log(&connection));
        self.writer.put(connection);
        done
    }

    fn rewrite(&self, connection: &Connection) -> Result<()> {
        let mut patience = Patience::new(self.site.options.busy_budget);
        let statements = Statements::new(connection, &self.site);
        loop {
            match statements.control("VACUUM") {
                Err(Error::Busy { .. }) if patience.wait() => {}
                done => break done,
            }
        }
    }

    fn empty_log(&self, connection: &Connection) -> Result<()> {
        let mut patience = Patience::new(self.site.options.busy_budget);
        while !self.log.cut(connection) {
            if !patience.wait() {
                return Err(self.site.busy());
            }
        }
        Ok(())
    }

    /// Hands the one connection of a single store, or one of the pool, to `f`.
    fn lend<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.same_process()?;
        match &self.site.kind {
            Kind::Single => self.lend_single(f),
            Kind::Shared => self.lend_pooled(f),
            Kind::Frozen(stamp) => {
                self.site.unchanged(stamp)?;
                let result = self.lend_pooled(f);
                self.site.unchanged(stamp)?;
                result
            }
        }
    }

    fn lend_pooled<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let began = self.log.clock.elapsed();
        if self.glances.due_at(&self.glances.file, began) {
            self.site.still_there()?;
        }
        let resting = lock(&self.readers).pop();
        let connection = match resting {
            Some(connection) => connection,
            None => self.another_reader()?,
        };
        // A panic in `f` closes the connection, and with it ends its transaction; the pool makes another.
        let result = f(&connection);
        if !connection.is_autocommit() {
            roll_back(&connection);
        }
        self.rest(connection);
        self.after_read(began);
        result
    }

    fn lend_single<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        if Writing::is_under_way(&self.site.key) {
            return Err(Error::refused(
                "read was called inside write on a memory that is not kept in a file; read through the writer that the \
                 outer call hands you",
            ));
        }
        if let Some(held) = Held::find(&self.site.key) {
            return f(&held);
        }
        let connection = Held::enter(&self.site.key, self.take_writer()?);
        let result = catch_unwind(AssertUnwindSafe(|| f(&connection)));
        if !connection.is_autocommit() {
            roll_back(&connection);
        }
        Held::leave(&self.site.key);
        if let Some(connection) = Rc::into_inner(connection) {
            self.writer.put(connection);
        }
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn another_reader(&self) -> Result<Connection> {
        let connection = self.site.connect(Role::Reader)?;
        self.site.still_there()?;
        Ok(connection)
    }

    fn rest(&self, connection: Connection) {
        let mut readers = lock(&self.readers);
        if readers.len() < most_resting() {
            readers.push(connection);
        } else {
            drop(readers);
            drop(connection);
        }
    }

    fn after_read(&self, began: Duration) {
        if self.site.options.read_only {
            return;
        }
        let long = self.log.clock.elapsed().saturating_sub(began) >= LONG_READ;
        if long && place::length(&self.log.path) > LOG_BYTES {
            self.log.overlong.store(true, Ordering::Relaxed);
        }
        // A log that stays overlong for a better reason than this read is left alone for a while.
        if self.log.overlong.load(Ordering::Relaxed)
            && (long || self.glances.due(&self.glances.trim))
            && let Some(connection) = self.writer.try_take()
        {
            self.log.cut(&connection);
            self.writer.put(connection);
        }
    }

    fn take_writer(&self) -> Result<Connection> {
        self.writer.take(self.site.options.busy_budget).ok_or_else(|| self.site.busy())
    }

    fn same_process(&self) -> Result<()> {
        if std::process::id() == self.process {
            return Ok(());
        }
        Err(Error::Detached {
            path: self.site.name.clone(),
            why: "this handle was opened before the process was forked; open the memory again in the child".into(),
        })
    }

    /// The file, where there is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        (!matches!(self.site.kind, Kind::Single)).then_some(&self.site.name)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let readers = std::mem::take(self.readers.get_mut().unwrap_or_else(PoisonError::into_inner));
        let watcher = self.watcher.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let writer = self.writer.resting.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if std::process::id() == self.process {
            // The writer goes last: the last connection to go writes the log back and removes it.
            drop((readers, watcher));
            drop(writer);
        } else {
            // Closing in a forked child would give up the locks of the parent and truncate its log.
            std::mem::forget((readers, watcher, writer));
        }
    }
}

/// Undoes what is under way; where SQLite has done so already there is nothing left to undo.
fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
}

fn most_resting() -> usize {
    static MOST: AtomicU32 = AtomicU32::new(0);
    match MOST.load(Ordering::Relaxed) {
        0 => {
            let cores = thread::available_parallelism().map_or(4, usize::from);
            MOST.store(u32::try_from(2 * cores).unwrap_or(u32::MAX), Ordering::Relaxed);
            2 * cores
        }
        most => most as usize,
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Waiting for commits, backup, check

impl Store {
    /// Returns the point that the sequence of commits has reached, to be handed to [`Store::wait_for_commit`]. Take it
    /// before reading what is there, so that nothing committed in between is missed.
    pub(crate) fn mark(&self) -> Result<Mark> {
        self.same_process()?;
        // The bell first: a commit between the two then counts as unseen, never as seen.
        let own = self.bell.rung();
        Ok(Mark { own, others: self.others()? })
    }

    /// Waits until something was committed after `seen`, by this store, another one, or another process, and tells
    /// whether it was; false when the time ran out.
    pub(crate) fn wait_for_commit(&self, seen: Mark, timeout: Duration) -> Result<bool> {
        const SHORTEST: Duration = Duration::from_millis(2);
        const LONGEST: Duration = Duration::from_millis(50);
        let until = Instant::now().checked_add(timeout);
        let mut pause = SHORTEST;
        loop {
            if self.mark()? != seen {
                return Ok(true);
            }
            let left = until.map_or(LONGEST, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(false);
            }
            if self.glances.due(&self.glances.file) {
                self.site.still_there()?;
            }
            self.bell.wait(seen.own, pause.min(left));
            pause = (pause * 2).min(LONGEST);
        }
    }

    fn others(&self) -> Result<i64> {
        if !matches!(self.site.kind, Kind::Shared) {
            return Ok(0);
        }
        let mut watcher = lock(&self.watcher);
        let connection = match &mut *watcher {
            Some(connection) => connection,
            none => none.insert(self.another_reader()?),
        };
        Statements::new(connection, &self.site).number("PRAGMA data_version")
    }

    /// Copies the memory, as it is at one instant, into a new file while others read and write; the copy is complete or
    /// absent. `progress` hears of pages done and pages in all.
    ///
    /// # Errors
    /// [`Error::Refused`] when something stands at the target, [`Error::DiskFull`] when the copy does not fit.
    pub(crate) fn backup(&self, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
        let to = std::path::absolute(to).map_err(|error| place::io_error(to, &error))?;
        if std::fs::symlink_metadata(&to).is_ok() {
            return Err(exists(&to));
        }
        place::standing(&to)?;
        let beside = beside(&to);
        let result = self
            .lend(|connection| self.copy(connection, &beside, progress))
            .and_then(|()| place::settle(&beside, &to).map_err(|error| unsettled(&to, &error)));
        if result.is_err() {
            let _ = std::fs::remove_file(&beside);
        }
        result.map_err(|error| named_after(error, &beside, &to))
    }

    fn copy(&self, connection: &Connection, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let there = |error| self.site.explain_at(to, error);
        let mut target = Connection::open_with_flags(to, flags).map_err(there)?;
        // The file is private until it is whole, and goes to the disk in one go at the end.
        target.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").map_err(there)?;
        let statements = Statements::new(connection, &self.site);
        let begun = connection.is_autocommit();
        if begun {
            statements.control("BEGIN")?;
        }
        // A statement pins the snapshot; without one, each commit of another would start the copy over.
        statements.number("SELECT count(*) FROM sqlite_schema")?;
        let copied = self.copy_pages(connection, &mut target, progress).map_err(there);
        if begun {
            statements.control("COMMIT")?;
        }
        copied?;
        target.close().map_err(|(_, error)| there(error))
    }

    fn copy_pages(
        &self,
        from: &Connection,
        to: &mut Connection,
        progress: &mut dyn FnMut(u64, u64),
    ) -> rusqlite::Result<()> {
        let backup = Backup::new(from, to)?;
        let mut patience = Patience::new(self.site.options.busy_budget);
        loop {
            let step = backup.step(BACKUP_STEP)?;
            let pages = u64::try_from(backup.progress().pagecount).unwrap_or(0);
            let left = u64::try_from(backup.progress().remaining).unwrap_or(0);
            match step {
                StepResult::Done => {
                    progress(pages, pages);
                    return Ok(());
                }
                StepResult::More => progress(pages.saturating_sub(left), pages),
                _ if patience.wait() => {}
                _ => return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None)),
            }
        }
    }

    /// Checks every page, index and reference, and returns what is wrong with them, in words; nothing when all is well.
    pub(crate) fn check_pages(&self) -> Result<Vec<String>> {
        self.read(|sql| {
            let mut findings = Vec::new();
            sql.query("PRAGMA integrity_check(100)", &[], &mut |row| {
                findings.extend(
                    row.text(0)?.lines().filter(|line| *line != "ok").map(|line| format!("in the pages: {line}")),
                );
                Ok(ControlFlow::Continue(()))
            })?;
            sql.query("PRAGMA foreign_key_check", &[], &mut |row| {
                let (table, parent) = (row.text(0)?, row.text(2)?);
                let which = row.opt_int(1)?.map_or_else(|| "a row".into(), |id| format!("row {id}"));
                findings.push(format!("{which} of table {table} refers to a row of {parent} that is not there"));
                let enough = findings.len() >= MOST_FINDINGS;
                Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
            Ok(findings)
        })
    }
}

fn exists(path: &Path) -> Error {
    Error::refused(format!("{} exists already; a backup never overwrites, choose another name", path.display()))
}

fn unsettled(path: &Path, error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(path),
        _ => place::io_error(path, error),
    }
}

/// Returns a name beside a file that nobody else uses.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".partial-{:016x}", random()));
    name.into()
}

/// Speaks of the file that was asked for rather than of the one made beside it.
fn named_after(error: Error, beside: &Path, target: &Path) -> Error {
    match error {
        Error::DiskFull { path } if path == beside => Error::DiskFull { path: target.into() },
        Error::Io { path, why } if path == beside => Error::Io { path: target.into(), why },
        other => other,
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Opening

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Writer,
    Reader,
}

impl Store {
    /// Opens a memory, makes one where that is asked for, and brings an older one up to this build's version.
    ///
    /// Any number of processes may do so at once. A file that is no memory, or a newer one, is refused and left as it was.
    pub(crate) fn open(location: &Location, options: &Options) -> Result<Self> {
        Self::open_as(location, options, &VERSIONS)
    }

    fn open_as(location: &Location, options: &Options, versions: &'static [&'static str]) -> Result<Self> {
        recent_engine()?;
        match location {
            Location::InMemory => Self::open_single(":memory:", "a memory in RAM", options, versions),
            Location::Scratch => Self::open_single("", "a temporary database", options, versions),
            Location::File(path) => {
                // Absolute, so that a change of the working directory moves nothing and no name is taken for a URI.
                let path = std::path::absolute(path).map_err(|error| place::io_error(path, &error))?;
                let mut patience = Patience::new(options.busy_budget);
                loop {
                    match Self::open_file(&path, options, versions) {
                        Err(Error::Busy { .. }) if patience.wait() => {}
                        opened => return opened,
                    }
                }
            }
        }
    }

    fn open_single(file: &str, name: &str, options: &Options, versions: &'static [&'static str]) -> Result<Self> {
        let mut site = Site::new(name.into(), options, versions);
        site.kind = Kind::Single;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags).map_err(|error| site.explain(error))?;
        let log = Arc::new(Log::new(PathBuf::new()));
        let connection = site.configure(connection, Role::Writer)?;
        site.upgrade(&connection)?;
        Ok(Self::assemble(site, Some(connection), log))
    }

    fn open_file(path: &Path, options: &Options, versions: &'static [&'static str]) -> Result<Self> {
        let standing = place::standing(path)?;
        let mut site = Site::new(path.into(), options, versions);
        site.may_open(standing)?;
        if standing == Standing::Filled {
            site.judge_untouched()?;
        }
        let log = Arc::new(Log::new(place::companion(path, "-wal")));
        if options.read_only {
            site.kind = site.reading_kind()?;
            let reader = site.connect(Role::Reader)?;
            site.settle_on(path)?;
            site.readable(&reader)?;
            let store = Self::assemble(site, None, log);
            store.rest(reader);
            return Ok(store);
        }
        let writer = site.open_writer(standing, &log)?;
        site.settle_on(path)?;
        Ok(Self::assemble(site, Some(writer), log))
    }

    fn assemble(site: Site, writer: Option<Connection>, log: Arc<Log>) -> Self {
        Self {
            site,
            process: std::process::id(),
            writer: Slot { resting: Mutex::new(writer), freed: Condvar::new() },
            readers: Mutex::default(),
            watcher: Mutex::default(),
            bell: Bell::default(),
            glances: Glances { clock: log.clock, ..Glances::default() },
            log,
            #[cfg(test)]
            fail_after: Mutex::new(None),
        }
    }
}

/// Refuses an SQLite that lacks what the statements of this crate use.
fn recent_engine() -> Result<()> {
    if rusqlite::version_number() >= OLDEST_ENGINE {
        return Ok(());
    }
    Err(Error::refused(format!(
        "this build of heirloom uses the system's SQLite, which is version {} and too old; it needs 3.45 or newer, or build \
         with the feature “bundled”",
        rusqlite::version()
    )))
}

impl Site {
    fn new(name: PathBuf, options: &Options, versions: &'static [&'static str]) -> Self {
        Self { name, options: options.clone(), versions, key: Key::Own(random()), kind: Kind::Shared }
    }

    fn newest(&self) -> i64 {
        i64::try_from(self.versions.len()).unwrap_or(i64::MAX)
    }

    fn may_open(&self, standing: Standing) -> Result<()> {
        if !self.options.allow_network_file_system {
            place::refuse_network(&self.name)?;
        }
        let making = self.options.create && !self.options.read_only;
        match standing {
            Standing::Absent if !making => {
                Err(Error::Io { path: self.name.clone(), why: "there is no such file; check the name".into() })
            }
            Standing::Empty if !making => self.no_memory("is empty; a memory has content from its first moment on"),
            Standing::Filled => place::refusal(&self.name, !self.options.read_only).map_or(Ok(()), Err),
            Standing::Absent | Standing::Empty => Ok(()),
        }
    }

    fn no_memory<T>(&self, why: &str) -> Result<T> {
        Err(Error::NotAMemory { path: self.name.clone(), why: why.into() })
    }

    fn supports(&self, version: i64) -> Result<()> {
        let supported = self.newest();
        if version <= supported {
            return Ok(());
        }
        Err(Error::Newer { path: self.name.clone(), found: version, supported })
    }

    /// Looks at the header of the file without taking a lock, reading a log or leaving a file beside it.
    ///
    /// The header may lag behind the log, so this decides only what cannot change: whose file it is. The mark was set
    /// before the file first had a log. A version in it can be older than the true one, never newer.
    fn judge_untouched(&self) -> Result<()> {
        const SMALLEST_DATABASE: u64 = 512;
        if place::length(&self.name) < SMALLEST_DATABASE {
            return self.no_memory(OTHER_KIND);
        }
        let before = place::stamp(&self.name);
        match self.look(!before.logged()) {
            // A writer came meanwhile, and what was seen of the file was half of its work.
            Err(Error::Damaged { .. }) if before != place::stamp(&self.name) => self.look(false),
            judged => judged,
        }
    }

    /// Reads the header; `quiet` says that nobody is writing, so that its length of the file must be the true one.
    fn look(&self, quiet: bool) -> Result<()> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let look = || -> rusqlite::Result<(i64, i64, u64)> {
            let connection = Connection::open_with_flags(immutable_uri(&self.name), flags)?;
            // This has SQLite overlook a length that differs, as it does while a log is being written back.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, !quiet)?;
            let mark = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
            let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            Ok((mark, version, page.unsigned_abs()))
        };
        match look() {
            // SQLite would read what is missing of the last page as zeros.
            Ok((APPLICATION_ID, _, page)) if quiet && !place::length(&self.name).is_multiple_of(page) => {
                Err(self.damaged("its end is missing"))
            }
            Ok((APPLICATION_ID, version, _)) => self.supports(version),
            Ok(_) => self.no_memory(OTHER_PROGRAM),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => self.no_memory(OTHER_KIND),
            Err(error) => Err(self.explain(error)),
        }
    }

    /// Chooses how a file is read that is not to be written.
    ///
    /// SQLite keeps a log and an index of it beside the file even for readers. Where the folder takes no files there can
    /// be no locks either; the file is then read as it stands, and each read makes sure that nobody wrote meanwhile.
    fn reading_kind(&self) -> Result<Kind> {
        let stamp = place::stamp(&self.name);
        if place::takes_files(&self.name) || place::companion(&self.name, "-shm").exists() {
            return Ok(Kind::Shared);
        }
        if !stamp.logged() {
            return Ok(Kind::Frozen(stamp));
        }
        Err(Error::Io {
            path: self.name.clone(),
            why: "there are changes in the log beside it that cannot be read where no file can be written; copy the file \
                  together with those beside it (-wal, -journal) into a folder of yours and open it there"
                .into(),
        })
    }

    fn unchanged(&self, stamp: &Stamp) -> Result<()> {
        if place::stamp(&self.name) == *stamp {
            return Ok(());
        }
        Err(self.detached("the file was written while it was open for reading; open it again"))
    }

    fn detached(&self, why: &str) -> Error {
        Error::Detached { path: self.name.clone(), why: why.into() }
    }

    /// Remembers which file was opened.
    fn settle_on(&mut self, path: &Path) -> Result<()> {
        self.key = Key::File(place::identity(path).map_err(|error| place::io_error(path, &error))?);
        Ok(())
    }

    /// Makes sure that the file at the path is the one that was opened.
    fn still_there(&self) -> Result<()> {
        let Key::File(opened) = &self.key else { return Ok(()) };
        match place::identity(&self.name) {
            Ok(found) if found == *opened => Ok(()),
            Ok(_) => Err(self.detached("another file has taken its place since it was opened; open it again")),
            Err(_) => {
                Err(self.detached("the file was deleted or moved since it was opened; put it back and open it again"))
            }
        }
    }

    fn connect(&self, role: Role) -> Result<Connection> {
        let access = match role {
            Role::Reader if self.options.read_only => OpenFlags::SQLITE_OPEN_READ_ONLY,
            _ => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = match self.kind {
            Kind::Frozen(_) => {
                Connection::open_with_flags(immutable_uri(&self.name), flags | OpenFlags::SQLITE_OPEN_URI)
            }
            _ => Connection::open_with_flags(&self.name, flags),
        };
        self.configure(opened.map_err(|error| self.explain(error))?, role)
    }

    fn open_writer(&self, standing: Standing, log: &Arc<Log>) -> Result<Connection> {
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        flags.set(OpenFlags::SQLITE_OPEN_CREATE, standing != Standing::Filled);
        let connection = Connection::open_with_flags(&self.name, flags).map_err(|error| self.explain(error))?;
        let failed = |error| self.explain(error);
        // Until the file is known to be ours, a log that stands beside it is not written back on leaving.
        let logged = place::length(&log.path) > 0;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, logged).map_err(failed)?;
        let mut connection = self.configure(connection, Role::Writer)?;
        self.upgrade(&connection)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(failed)?;
        self.keep_log(&connection)?;
        log.attach(&mut connection).map_err(failed)?;
        Ok(connection)
    }

    /// Sets the rules of a connection, and reads each back, since a build of SQLite may ignore any of them.
    fn configure(&self, mut connection: Connection, role: Role) -> Result<Connection> {
        let failed = |error| self.explain(error);
        let budget = self.options.busy_budget;
        connection.busy_handler(Some(busy_handler(budget))).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        for (switch, wanted) in [
            // A statement prepared once stays so, whatever is bound to it; statistics would have it prepared again.
            (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
            (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
            (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        ] {
            if connection.set_db_config(switch, wanted).map_err(failed)? != wanted {
                return Err(Error::fault("storage", "SQLite ignores one of its switches"));
            }
        }
        for (pragma, wanted) in self.rules(role) {
            connection.execute_batch(&format!("PRAGMA {pragma} = {wanted}")).map_err(failed)?;
            let found: i64 = connection.pragma_query_value(None, pragma, |row| row.get(0)).map_err(failed)?;
            if found != wanted {
                return Err(Error::fault("storage", format!("SQLite keeps {pragma} at {found} instead of {wanted}")));
            }
        }
        Ok(connection)
    }

    fn rules(&self, role: Role) -> Vec<(&'static str, i64)> {
        let full = self.options.durability == Durability::Full;
        let mut rules = vec![
            ("foreign_keys", 1),
            ("trusted_schema", 0),
            ("cell_size_check", 1),
            // A damaged file that is mapped kills the process instead of giving an error.
            ("mmap_size", 0),
            // Scratch is short of memory rather than of time; a memory in RAM is its own cache.
            (
                "cache_size",
                -match (role, &self.kind) {
                    (Role::Writer, Kind::Shared | Kind::Frozen(_)) => WRITER_CACHE_KIB,
                    (Role::Writer, Kind::Single) => SCRATCH_CACHE_KIB,
                    (Role::Reader, _) => READER_CACHE_KIB,
                },
            ),
        ];
        match (role, &self.kind) {
            (Role::Reader, _) => rules.push(("query_only", 1)),
            (Role::Writer, Kind::Single) => rules.push(("synchronous", 0)),
            (Role::Writer, _) => rules.extend([
                ("synchronous", if full { 2 } else { 1 }),
                // On Apple systems only this reaches the disk itself; elsewhere it changes nothing.
                ("fullfsync", i64::from(full)),
                ("checkpoint_fullfsync", i64::from(full)),
                ("journal_size_limit", LOG_BYTES as i64),
                ("secure_delete", 1),
            ]),
        }
        if matches!(self.kind, Kind::Single) {
            // No file to map, and no such setting.
            rules.retain(|(pragma, _)| *pragma != "mmap_size");
        }
        rules
    }

    /// Brings the tables to this build's version, one version a transaction; whoever comes second finds it done.
    fn upgrade(&self, connection: &Connection) -> Result<()> {
        let statements = Statements::new(connection, self);
        while self.version(&statements)? < self.newest() {
            statements.control("BEGIN IMMEDIATE")?;
            let result = self.upgrade_once(&statements).and_then(|()| statements.control("COMMIT"));
            if result.is_err() {
                roll_back(connection);
            }
            result?;
        }
        Ok(())
    }

    fn upgrade_once(&self, statements: &Statements<'_>) -> Result<()> {
        let found = self.version(statements)?;
        let Some(script) = usize::try_from(found).ok().and_then(|found| self.versions.get(found)) else {
            return Ok(());
        };
        let failed = |error| self.explain(error);
        statements.connection.execute_batch(script).map_err(failed)?;
        let header = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}", found + 1);
        statements.connection.execute_batch(&header).map_err(failed)?;
        match (statements as &dyn Sql).first("PRAGMA foreign_key_check", &[], |row| Ok(row.text(0)?.to_owned()))? {
            None => Ok(()),
            Some(table) => Err(self.damaged(&format!("rows of table {table} refer to others that are not there"))),
        }
    }

    /// Returns the version of the file, 0 before its first table.
    fn version(&self, statements: &Statements<'_>) -> Result<i64> {
        if !statements.connection.is_autocommit() {
            return self.version_in(statements);
        }
        // In one snapshot: another process may be making the very file.
        statements.control("BEGIN")?;
        let found = self.version_in(statements);
        statements.control("COMMIT")?;
        found
    }

    fn version_in(&self, statements: &Statements<'_>) -> Result<i64> {
        let mark = statements.number("PRAGMA application_id")?;
        let version = statements.number("PRAGMA user_version")?;
        if mark == APPLICATION_ID && version > 0 {
            return self.supports(version).map(|()| version);
        }
        // The mark comes in one transaction with the first tables: what has neither was never finished, and holds nothing.
        match mark == 0 && version == 0 && statements.number("SELECT count(*) FROM sqlite_schema")? == 0 {
            true => Ok(0),
            false => self.no_memory(OTHER_PROGRAM),
        }
    }

    /// Makes sure that a memory which is only read needs no upgrade.
    fn readable(&self, connection: &Connection) -> Result<()> {
        let found = self.version(&Statements::new(connection, self))?;
        if found == self.newest() {
            return Ok(());
        }
        self.no_memory(&format!(
            "was written by an older heirloom (file version {found}); open it once for writing, which brings it to version {}",
            self.newest()
        ))
    }

    /// Switches to a write-ahead log. SQLite does not wait for others in this one statement; opening is tried again then.
    fn keep_log(&self, connection: &Connection) -> Result<()> {
        let mode =
            |sql| connection.query_row(sql, [], |row| row.get::<_, String>(0)).map_err(|error| self.explain(error));
        if mode("PRAGMA journal_mode")? == "wal" || mode("PRAGMA journal_mode = WAL")? == "wal" {
            return Ok(());
        }
        let why = "the place it lies in cannot keep a write-ahead log; keep it on a local disk".into();
        Err(Error::Io { path: self.name.clone(), why })
    }
}

/// Names a file so that SQLite reads it without locks and without a log.
fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    let bytes = path.as_os_str().as_encoded_bytes();
    if cfg!(windows) {
        uri.push_str("///");
    }
    for &byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(byte)),
            b'\\' if cfg!(windows) => uri.push('/'),
            b':' if cfg!(windows) => uri.push(':'),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

// ---------------------------------------------------------------------------------------------------------------
// Statements

/// Statements on one connection.
struct Statements<'a> {
    connection: &'a Connection,
    site: &'a Site,
    /// Whether one has failed, and the transaction with it.
    failed: Cell<bool>,
}

impl<'a> Statements<'a> {
    const fn new(connection: &'a Connection, site: &'a Site) -> Self {
        Self { connection, site, failed: Cell::new(false) }
    }

    /// Runs a statement without parameters or rows, such as `COMMIT`.
    fn control(&self, sql: &str) -> Result<()> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.raw_execute())
            .map(|_| ())
            .map_err(|error| self.site.explain(error))
    }

    /// Returns the number that a statement without parameters answers.
    fn number(&self, sql: &str) -> Result<i64> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(|error| self.site.explain(error))
    }

    /// Refuses to commit after a failure that was passed over: what followed it may rest on what is missing.
    fn intact(&self) -> Result<()> {
        if self.failed.get() || self.connection.is_autocommit() {
            return Err(Error::fault(
                "storage",
                "a statement failed and the failure was passed over; nothing was written",
            ));
        }
        Ok(())
    }

    fn prepare(&self, sql: &'static str, parameters: &[Value<'_>]) -> Result<CachedStatement<'a>> {
        let mut statement = self.connection.prepare_cached(sql).map_err(|error| self.fail(sql, error))?;
        if statement.parameter_count() != parameters.len() {
            return Err(self.fault(sql, "the number of parameters differs"));
        }
        for (index, value) in parameters.iter().enumerate() {
            if cfg!(debug_assertions) && statement.parameter_name(index + 1) != Some(format!("${}", index + 1).as_str())
            {
                return Err(self.fault(sql, "its parameters do not first appear as $1, $2, … in this order"));
            }
            statement.raw_bind_parameter(index + 1, Bound(*value)).map_err(|error| self.fail(sql, error))?;
        }
        Ok(statement)
    }

    #[cold]
    fn fail(&self, sql: &str, error: rusqlite::Error) -> Error {
        self.failed.set(true);
        match self.site.explain(error) {
            Error::Fault { place, why } => self
                .number("PRAGMA user_version")
                .and_then(|version| self.site.supports(version))
                .err()
                .unwrap_or_else(|| Error::fault(place, format!("{why}, in {sql}"))),
            error => error,
        }
    }

    #[cold]
    fn fault(&self, sql: &str, why: &str) -> Error {
        self.failed.set(true);
        Error::fault("storage", format!("{why}, in {sql}"))
    }
}

impl Sql for Statements<'_> {
    fn execute(&self, sql: &'static str, parameters: &[Value<'_>]) -> Result<usize> {
        let mut statement = self.prepare(sql, parameters)?;
        statement.raw_execute().map_err(|error| self.fail(sql, error))
    }

    fn query(
        &self,
        sql: &'static str,
        parameters: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let mut statement = self.prepare(sql, parameters)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.fail(sql, error))? {
            if each(&Columns { row, site: self.site })?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// The columns of one row.
struct Columns<'a, 'b> {
    row: &'a rusqlite::Row<'b>,
    site: &'a Site,
}

impl Row for Columns<'_, '_> {
    fn value(&self, column: usize) -> Result<Value<'_>> {
        match self.row.get_ref(column).map_err(|error| self.site.explain(error))? {
            ValueRef::Null => Ok(Value::Null),
            ValueRef::Integer(value) => Ok(Value::Int(value)),
            ValueRef::Blob(value) => Ok(Value::Blob(value)),
            ValueRef::Text(value) => match std::str::from_utf8(value) {
                Ok(value) => Ok(Value::Text(value)),
                Err(_) => Err(self.site.damaged("it holds text that is not UTF-8")),
            },
            ValueRef::Real(_) => Err(self.site.damaged("it holds a fraction where none is ever written")),
        }
    }

    fn columns(&self) -> usize {
        self.row.as_ref().column_count()
    }
}

/// A value as SQLite takes it, borrowed.
struct Bound<'a>(Value<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Int(value) => ValueRef::Integer(value),
            Value::Text(value) => ValueRef::Text(value.as_bytes()),
            Value::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

// ---------------------------------------------------------------------------------------------------------------
// The log

/// The write-ahead log as this store tends it.
struct Log {
    path: PathBuf,
    clock: Clock,
    /// Its length in pages after the last commit of this store.
    pages: AtomicU32,
    /// The length at which it is written back next.
    due: AtomicU32,
    /// Whether a read held it back, so that it is longer than it should be.
    overlong: AtomicBool,
    /// Whether the disk had little room left when it was last looked at.
    tight: AtomicBool,
}

impl Log {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            clock: Clock(Instant::now()),
            pages: AtomicU32::new(0),
            due: AtomicU32::new(LOG_PAGES),
            overlong: AtomicBool::new(false),
            tight: AtomicBool::new(true),
        }
    }

    /// Learns the length of the log at each commit. This takes the place of SQLite's own automatic checkpoint.
    fn attach(self: &Arc<Self>, connection: &mut Connection) -> rusqlite::Result<()> {
        let log = Arc::clone(self);
        connection.wal_hook(Some(move |_: &mut Wal, pages| {
            log.pages.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))
    }

    /// Writes the log back after a commit, where it is due. A failure is none of the commit: it is tried again later,
    /// and the log stays valid until then.
    fn tend(&self, connection: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.due.load(Ordering::Relaxed) {
            return;
        }
        if pages >= LARGE_PAGES {
            self.cut(connection);
        } else {
            let done = connection.wal_checkpoint_v2(DEFAULT_NAME, CheckpointMode::PASSIVE);
            self.settle(pages, matches!(done, Ok((length, written)) if length == written));
        }
    }

    /// Writes the log back and cuts the file to nothing, unless others are using it at this moment; tells whether it did.
    fn cut(&self, connection: &Connection) -> bool {
        let pages = self.pages.load(Ordering::Relaxed);
        let done = impatiently(|| connection.wal_checkpoint_v2(DEFAULT_NAME, CheckpointMode::TRUNCATE)).is_ok();
        let left = if done { 0 } else { pages };
        self.pages.store(left, Ordering::Relaxed);
        self.settle(left, done);
        done
    }

    fn settle(&self, pages: u32, done: bool) {
        // Each try sorts the whole log; behind a long read, trying at each commit would cost more than the commits.
        let due = if done { LOG_PAGES } else { pages.saturating_add(LOG_PAGES / 4) };
        self.due.store(due.max(LOG_PAGES), Ordering::Relaxed);
        self.overlong.store(pages >= OVERLONG_PAGES, Ordering::Relaxed);
    }
}

/// Time since a store was opened.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Default for Clock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock {
    fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// When the things that are looked at only now and then were last looked at, in microseconds of the clock.
#[derive(Default)]
struct Glances {
    clock: Clock,
    file: AtomicU64,
    disk: AtomicU64,
    trim: AtomicU64,
}

impl Glances {
    fn due(&self, last: &AtomicU64) -> bool {
        self.due_at(last, self.clock.elapsed())
    }

    fn due_at(&self, last: &AtomicU64, at: Duration) -> bool {
        let every = if std::ptr::eq(last, &self.trim) { TRIM_EVERY } else { GLANCE };
        let at = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        let due =
            at >= last.load(Ordering::Relaxed).saturating_add(u64::try_from(every.as_micros()).unwrap_or(u64::MAX));
        if due {
            last.store(at, Ordering::Relaxed);
        }
        due
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Waiting and locking

thread_local! {
    /// Whether this thread gives way to other connections at once.
    static IMPATIENT: Cell<bool> = const { Cell::new(false) };
    /// The databases that this thread is writing to.
    static WRITING: RefCell<Vec<Key>> = const { RefCell::new(Vec::new()) };
    /// The single connections that this thread is reading from.
    static HELD: RefCell<Vec<(Key, Rc<Connection>)>> = const { RefCell::new(Vec::new()) };
}

fn impatiently<T>(f: impl FnOnce() -> T) -> T {
    IMPATIENT.set(true);
    let result = f();
    IMPATIENT.set(false);
    result
}

/// Waits in short steps of random length, so that no two writers keep meeting, until a budget is spent.
struct Patience {
    budget: Duration,
    since: Instant,
    tries: u32,
    random: u64,
}

impl Patience {
    fn new(budget: Duration) -> Self {
        Self { budget, since: Instant::now(), tries: 0, random: random() | 1 }
    }

    fn again(&mut self) {
        self.since = Instant::now();
        self.tries = 0;
    }

    /// Waits one step, or tells that the budget is spent.
    fn wait(&mut self) -> bool {
        let left = self.budget.saturating_sub(self.since.elapsed());
        if left.is_zero() {
            return false;
        }
        // Marsaglia's xorshift, good enough to keep processes apart.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        // The longer one has waited, the more often it asks: steps that grow let newcomers overtake, and made the slowest
        // of 8,000 writes by eight processes take over a second instead of a tenth.
        let longest = 1_600_u64 >> (self.tries / 8).min(3);
        let step = Duration::from_micros(longest / 4 + self.random % longest);
        self.tries = self.tries.saturating_add(1);
        thread::sleep(step.min(left));
        true
    }
}

fn busy_handler(budget: Duration) -> impl FnMut(i32) -> bool + Send + 'static {
    let mut patience = Patience::new(budget);
    move |tries| {
        if IMPATIENT.get() {
            return false;
        }
        if tries == 0 {
            patience.again();
        }
        patience.wait()
    }
}

/// Returns a number that differs between threads and processes.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while one of these is held, and each holds a plain value that is whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection that one thread has at a time.
struct Slot {
    resting: Mutex<Option<Connection>>,
    freed: Condvar,
}

impl Slot {
    fn take(&self, budget: Duration) -> Option<Connection> {
        let resting = lock(&self.resting);
        let waited = self.freed.wait_timeout_while(resting, budget, |resting| resting.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.take()
    }

    fn try_take(&self) -> Option<Connection> {
        lock(&self.resting).take()
    }

    fn put(&self, connection: Connection) {
        *lock(&self.resting) = Some(connection);
        self.freed.notify_one();
    }
}

/// Rings at each commit of a store.
#[derive(Default)]
struct Bell {
    rung: Mutex<u64>,
    heard: Condvar,
}

impl Bell {
    fn ring(&self) {
        *lock(&self.rung) += 1;
        self.heard.notify_all();
    }

    fn rung(&self) -> u64 {
        *lock(&self.rung)
    }

    fn wait(&self, seen: u64, timeout: Duration) {
        drop(self.heard.wait_timeout_while(lock(&self.rung), timeout, |rung| *rung == seen));
    }
}

/// A write that is under way on this thread.
struct Writing;

impl Writing {
    fn enter(key: &Key) -> Result<Self> {
        if Self::is_under_way(key) {
            return Err(Error::NestedWrite);
        }
        WRITING.with_borrow_mut(|writing| writing.push(key.clone()));
        Ok(Self)
    }

    fn is_under_way(key: &Key) -> bool {
        WRITING.with_borrow(|writing| writing.contains(key))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        WRITING.with_borrow_mut(Vec::pop);
    }
}

/// The single connections in use on this thread.
struct Held;

impl Held {
    fn find(key: &Key) -> Option<Rc<Connection>> {
        HELD.with_borrow(|held| held.iter().find(|(of, _)| of == key).map(|(_, connection)| Rc::clone(connection)))
    }

    fn enter(key: &Key, connection: Connection) -> Rc<Connection> {
        let connection = Rc::new(connection);
        HELD.with_borrow_mut(|held| held.push((key.clone(), Rc::clone(&connection))));
        connection
    }

    fn leave(key: &Key) {
        HELD.with_borrow_mut(|held| held.retain(|(of, _)| of != key));
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Errors in words

impl Site {
    fn busy(&self) -> Error {
        let waited_ms = u64::try_from(self.options.busy_budget.as_millis()).unwrap_or(u64::MAX);
        Error::Busy { path: self.name.clone(), waited_ms }
    }

    fn damaged(&self, why: &str) -> Error {
        let why = format!("{why}; keep a copy of it, and go back to the latest backup");
        Error::Damaged { path: self.name.clone(), why }
    }

    #[cold]
    fn explain(&self, error: rusqlite::Error) -> Error {
        self.explain_at(&self.name, error)
    }

    #[cold]
    fn explain_at(&self, path: &Path, error: rusqlite::Error) -> Error {
        let io = |why: &str| Error::Io { path: path.into(), why: why.into() };
        let (failure, said) = match error {
            rusqlite::Error::SqliteFailure(failure, said) => (failure, said),
            rusqlite::Error::SqlInputError { error, msg, .. } => (error, Some(msg)),
            other => return Error::fault("storage", other),
        };
        match failure.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => self.busy(),
            ErrorCode::DiskFull => Error::DiskFull { path: path.into() },
            ErrorCode::ReadOnly if failure.extended_code == ffi::SQLITE_READONLY_DBMOVED => {
                self.detached("the file was deleted or moved since it was opened; put it back and open it again")
            }
            ErrorCode::ReadOnly if self.options.read_only => Error::ReadOnly { path: path.into() },
            ErrorCode::ReadOnly => io("it, or the folder it lies in, cannot be written; check who owns them, or open it for reading only"),
            ErrorCode::DatabaseCorrupt => self.damaged("its pages do not fit together"),
            ErrorCode::NotADatabase => self.damaged("its beginning was overwritten"),
            ErrorCode::SystemIoFailure => self.explain_io(path, failure.extended_code),
            ErrorCode::CannotOpen => place::refusal(path, !self.options.read_only).unwrap_or_else(|| {
                io("it, or the files beside it (-wal, -shm), cannot be opened; check that the folder is there and can be written")
            }),
            ErrorCode::PermissionDenied => io("the system does not permit it; check who owns the file and its folder"),
            ErrorCode::OutOfMemory => io("there is not enough memory for this"),
            ErrorCode::TooBig => Error::invalid("value", "it is larger than the storage takes, which is 1 GB"),
            _ => Error::fault("storage", said.unwrap_or_else(|| failure.to_string())),
        }
    }

    /// Tells a full disk from a failing one: not every file system says so in the call that fails.
    fn explain_io(&self, path: &Path, code: i32) -> Error {
        const NOTHING_LEFT: u64 = 256 << 10;
        let (doing, writing) = match code {
            ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ => ("reading from", false),
            ffi::SQLITE_IOERR_WRITE => ("writing to", true),
            ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC => ("flushing", true),
            ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_SHMMAP | ffi::SQLITE_IOERR_SHMOPEN => {
                ("writing the index of the log to", true)
            }
            ffi::SQLITE_IOERR_TRUNCATE => ("shortening a file on", true),
            ffi::SQLITE_IOERR_NOMEM => {
                return Error::Io { path: path.into(), why: "there is not enough memory for this".into() };
            }
            _ => ("using", true),
        };
        if writing && place::free(path).is_some_and(|free| free < NOTHING_LEFT) {
            return Error::DiskFull { path: path.into() };
        }
        let why = format!(
            "the system failed at {doing} the disk (engine code {code}); nothing of this change was kept, check the disk and \
             its quota and try again"
        );
        Error::Io { path: path.into(), why }
    }
}

#[cfg(test)]
mod tests;
