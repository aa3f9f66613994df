//! [`Memory`]: open, read, write. Locks and connections live behind it; users hold `&self`.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::actor::Actor;
use crate::change::Change;
use crate::channel::Region;
use crate::check;
use crate::erasure;
use crate::error::{Error, Result};
use crate::feed::Entry;
use crate::id::{IdSource, MemberId, MemoryId};
use crate::journal::{self, Applied, Hash, Head, Writer};
use crate::member::member_key;
use crate::search;
use crate::store::{self, Durability, Location, RowExt, Sql, SqlExt, Store, Value};
use crate::time;
use crate::verify::Table;

/// The viewer who reads everything.
pub(crate) const ALL_SEEING: i64 = 0;
/// The viewer who reads what is the organisation's. Any other number is the key of a member.
pub(crate) const ORGANISATION: i64 = -2;

/// Everything that one organisation knows: one file, opened.
///
/// A `Memory` is a handle: cheap to clone, and shared by as many threads as there are. Reads run beside each other and
/// beside the writer, each on one snapshot. It reads as somebody: a fresh handle sees what is the organisation's, one
/// from [`Memory::seen_by`] also what is private to that member, one from [`Memory::all_seeing`] everything.
///
/// ```
/// use heirloom::{Actor, Channel, Memory, NewContact, NewMember, Role};
///
/// let memory = Memory::in_memory()?;
/// let me = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Mia Okafor")))?;
/// let sally = memory.write(&me, |w| {
///     let sally = w.add_contact(NewContact::person("Sally Marsh").handle(Channel::X, "@sally"))?;
///     w.note(sally, "Stops by as a reward when she reaches her weekly weight goal").insight().save()?;
///     w.assign(sally, &me, Role::Owner)?;
///     Ok(sally)
/// })?;
/// assert_eq!(memory.by_handle(Channel::X, "https://twitter.com/Sally?x")?[0].contact.id, sally);
/// println!("{}", memory.brief(sally)?);
/// # Ok::<(), heirloom::Error>(())
/// ```
#[derive(Clone)]
pub struct Memory {
    pub(crate) inner: Arc<Inner>,
    viewer: i64,
}

/// What all handles of one open memory share.
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) search: search::Cache,
    id: Option<MemoryId>,
    ids: Mutex<IdSource>,
    region: Option<Region>,
    clock: Clock,
}

type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

impl Inner {
    /// Reads the clock of this memory.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    pub(crate) fn ids(&self) -> MutexGuard<'_, IdSource> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) const fn region(&self) -> Option<Region> {
        self.region
    }

    /// The id of the memory; `founding` while it is being founded.
    pub(crate) fn id_or(&self, founding: Uuid) -> Uuid {
        self.id.map_or(founding, |id| id.0)
    }
}

/// How to open a memory. [`Memory::open`] is short for the defaults.
///
/// ```no_run
/// use heirloom::{Durability, Memory};
///
/// let memory = Memory::options().durability(Durability::Normal).open("corner-table.heirloom")?;
/// # Ok::<(), heirloom::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct OpenOptions {
    store: store::Options,
    region: Option<Region>,
    clock: Clock,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { store: store::Options::default(), region: None, clock: Arc::new(time::now) }
    }
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenOptions").field("store", &self.store).field("region", &self.region).finish_non_exhaustive()
    }
}

impl OpenOptions {
    /// What an acknowledged write survives; [`Durability::Full`] unless said.
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.store.durability = durability;
        self
    }

    /// Opens for reading only; the file is neither made nor changed.
    pub const fn read_only(mut self) -> Self {
        self.store.read_only = true;
        self
    }

    /// Fails when there is no such file, rather than begin a new memory.
    pub const fn must_exist(mut self) -> Self {
        self.store.create = false;
        self
    }

    /// How long a call waits for another process to finish its write; 10 seconds unless said.
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.store.busy_budget = patience;
        self
    }

    /// Takes a file on a network file system, whose locks may not hold: two machines that write at once can destroy it.
    pub const fn allow_network_file_system(mut self) -> Self {
        self.store.allow_network_file_system = true;
        self
    }

    /// The country whose rules read telephone numbers that are written without `+`, by its ISO 3166 code. It bears on
    /// telephone numbers alone: no language, no dates.
    ///
    /// ```
    /// use heirloom::{Actor, Channel, Memory, NewContact};
    ///
    /// let memory = Memory::options().region("US".parse()?).in_memory()?;
    /// let sally = NewContact::person("Sally Marsh").handle(Channel::Phone, "(212) 555-0123");
    /// let sally = memory.write(Actor::system("crm-sync"), |w| w.add_contact(sally))?;
    /// assert_eq!(memory.by_handle(Channel::Phone, "+1 212 555 0123")?[0].contact.id, sally);
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub const fn region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }

    /// Another clock than the system's, for tests and for replaying the past.
    pub fn clock(mut self, clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Opens the memory in a file, or begins one there.
    ///
    /// # Errors
    /// [`Error::NotAMemory`] and [`Error::Newer`] for a file that this build cannot read, which is left as it was;
    /// [`Error::Invalid`] for an empty path; [`Error::Io`], [`Error::Busy`] and [`Error::Damaged`] as their words say.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Memory> {
        self.open_at(&Location::File(file_name_given(path.as_ref())?.to_path_buf()))
    }

    /// Opens a memory that lives as long as its handles.
    ///
    /// # Errors
    /// [`Error::Fault`] when the engine cannot be started.
    pub fn in_memory(self) -> Result<Memory> {
        self.open_at(&Location::InMemory)
    }

    pub(crate) fn open_at(self, location: &Location) -> Result<Memory> {
        let mut inner = Inner {
            store: Store::open(location, &self.store)?,
            search: search::Cache::default(),
            id: None,
            ids: Mutex::new(IdSource::new()),
            region: self.region,
            clock: self.clock,
        };
        inner.id = Some(journal::found(&inner)?);
        Ok(Memory { inner: Arc::new(inner), viewer: ORGANISATION })
    }
}

/// Refuses an empty path, which the system would take for the folder at hand.
fn file_name_given(path: &Path) -> Result<&Path> {
    match path.as_os_str().is_empty() {
        true => Err(Error::invalid("path of a memory", "no file name was given")),
        false => Ok(path),
    }
}

/// What a call with an idempotency key came to.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Once<T> {
    /// It was carried out.
    Done(T),
    /// A call with this key had been carried out before; nothing was done. These are the entries that it wrote.
    Before(Vec<Entry>),
}

impl Memory {
    /// Opens the memory in a file, or begins one there.
    ///
    /// # Errors
    /// As [`OpenOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::options().open(path)
    }

    /// Opens a memory that lives as long as its handles, for tests and trials.
    ///
    /// # Errors
    /// As [`OpenOptions::in_memory`].
    pub fn in_memory() -> Result<Self> {
        Self::options().in_memory()
    }

    /// How to open a memory, step by step.
    pub fn options() -> OpenOptions {
        OpenOptions::default()
    }

    /// The id of the memory.
    pub fn id(&self) -> MemoryId {
        MemoryId(self.inner.id_or(Uuid::nil()))
    }

    /// A handle that also reads what is private to a member.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an unknown member.
    pub fn seen_by(&self, member: impl Into<MemberId>) -> Result<Self> {
        let member = member.into();
        let viewer = self.inner.store.read_one(|sql| member_key(sql, member))?;
        Ok(Self { inner: Arc::clone(&self.inner), viewer })
    }

    /// A handle that reads everything, private notes of every member included. For the host's own needs, such as a
    /// backup of the organisation; not for showing to anybody.
    #[must_use]
    pub fn all_seeing(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), viewer: ALL_SEEING }
    }

    /// Writes: all or nothing, one actor, one instant. What the closure returns is returned once all of it is kept.
    ///
    /// When the closure fails, nothing of what it did is kept. Others who read meanwhile see the state before, then the
    /// state after; others who write wait.
    ///
    /// # Errors
    /// What the closure returns; [`Error::NestedWrite`] when called inside itself; [`Error::Busy`] when another process
    /// does not finish its write in time; [`Error::ReadOnly`], [`Error::DiskFull`] and [`Error::Io`] as their words say.
    pub fn write<T>(&self, actor: impl Into<Actor>, f: impl FnOnce(&mut Writer<'_>) -> Result<T>) -> Result<T> {
        journal::write(&self.inner, actor.into(), f)
    }

    /// Writes once for a key: a repeated call with the same key, also after a crash, does nothing, whoever the actor is.
    ///
    /// A key is the memory's, whichever handle or process uses it, and lasts for ever: the journal keeps it. Take one that
    /// names the request, such as the id of the message that asked for it. A call that fails keeps nothing and does not use
    /// its key up.
    ///
    /// ```
    /// use heirloom::{Actor, Error, Memory, NewContact, Once};
    ///
    /// let memory = Memory::in_memory()?;
    /// let add = |name: &str| {
    ///     memory.write_once(Actor::system("web-form"), "form 4711", |w| w.add_contact(NewContact::person(name)))
    /// };
    /// assert!(matches!(add(""), Err(Error::Invalid { .. }))); // the key is still free
    /// let Once::Done(sally) = add("Sally Marsh")? else { unreachable!() };
    /// let Once::Before(entries) = add("Sally Marsh")? else { unreachable!() };
    /// assert_eq!(entries[0].subject, sally.into()); // what the first call wrote
    /// assert_eq!(memory.count_contacts()?, 1);
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Memory::write`]; [`Error::Invalid`] for an empty key.
    pub fn write_once<T>(
        &self,
        actor: impl Into<Actor>,
        key: &str,
        f: impl FnOnce(&mut Writer<'_>) -> Result<T>,
    ) -> Result<Once<T>> {
        check::text("idempotency key", key, check::NAME_MAX)?;
        self.write(actor, |w| {
            if let Some((first, last)) = request(w.sql(), key)? {
                return w.view().entries(first, last).map(Once::Before);
            }
            let done = f(w)?;
            let entries = w.appended();
            w.append(self.id(), MemoryRequested { key: key.to_owned(), entries })?;
            Ok(Once::Done(done))
        })
    }

    /// Reads several things on one snapshot: whatever is written meanwhile, they belong together.
    ///
    /// ```
    /// # let memory = heirloom::Memory::in_memory()?;
    /// let (contacts, members) = memory.read(|view| Ok((view.count_contacts()?, view.members()?)))?;
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub fn read<T>(&self, f: impl FnOnce(&View<'_>) -> Result<T>) -> Result<T> {
        self.inner.store.read(|sql| f(&self.view(sql)))
    }

    /// Reads by one statement, which is a snapshot by itself.
    pub(crate) fn read_one<T>(&self, f: impl FnOnce(&View<'_>) -> Result<T>) -> Result<T> {
        self.inner.store.read_one(|sql| f(&self.view(sql)))
    }

    fn view<'v>(&self, sql: &'v dyn Sql) -> View<'v> {
        let now = self.inner.now().timestamp_micros();
        View::new(sql, self.viewer, now, self.inner.region)
    }

    /// The newest entry and the hash over all entries: note it outside of the memory, and [`Memory::verify_against`]
    /// will tell later whether anything before it was changed.
    pub fn head(&self) -> Result<Head> {
        self.inner.store.read_one(journal::head)
    }

    /// Copies the memory as it stands into a new file, while others read and write.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::Io`] when the file exists or cannot be written; it is complete or not there.
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<()> {
        self.backup_with(to, |_, _| {})
    }

    /// Copies the memory as [`Memory::backup`] does, and tells how many pages of how many are done.
    pub fn backup_with(&self, to: impl AsRef<Path>, mut progress: impl FnMut(u64, u64)) -> Result<()> {
        self.inner.store.backup(file_name_given(to.as_ref())?, &mut progress)
    }

    /// The file; `None` for a memory that lives in memory.
    pub fn path(&self) -> Option<PathBuf> {
        self.inner.store.file().map(Path::to_path_buf)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("id", &self.id()).field("path", &self.path()).finish_non_exhaustive()
    }
}

/// What stands at one instant, as somebody sees it. [`Memory`] has the same reads, each on a snapshot of its own;
/// [`Memory::read`] gives a view for several, [`Writer::view`] one that sees the write's own changes.
pub struct View<'a> {
    sql: &'a dyn Sql,
    viewer: i64,
    now: i64,
    region: Option<Region>,
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("viewer", &self.viewer).field("now", &self.now).finish_non_exhaustive()
    }
}

impl<'a> View<'a> {
    pub(crate) const fn new(sql: &'a dyn Sql, viewer: i64, now: i64, region: Option<Region>) -> Self {
        Self { sql, viewer, now, region }
    }

    pub(crate) const fn sql(&self) -> &'a dyn Sql {
        self.sql
    }

    /// Who reads: [`ALL_SEEING`], [`ORGANISATION`], or the key of a member.
    pub(crate) const fn viewer(&self) -> i64 {
        self.viewer
    }

    pub(crate) const fn now_micros(&self) -> i64 {
        self.now
    }

    pub(crate) const fn region(&self) -> Option<Region> {
        self.region
    }
}

/// `memory.founded`: the memory began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemoryFounded {}

/// `memory.requested`: a call with an idempotency key was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemoryRequested {
    /// The key.
    pub key: String,
    /// How many entries the call wrote; they stand just before this one.
    pub entries: u64,
}

/// `memory.imported`: a bundle from another memory was taken in; its entries stand before this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemoryImported {
    /// The SHA-256 of the bundle's tag manifest, by which the bundle is known.
    pub bundle: Hash,
    /// The memory from which it came.
    pub from: MemoryId,
    /// The head of that memory when it was packed.
    pub head: Head,
    /// The fingerprint of the key that signed it; `None` where nobody did, or by a key that nobody here expects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// How many of its entries were taken in.
    pub entries: u64,
}

/// `memory.receipted`: another memory took in a bundle of this one, and said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemoryReceipted {
    /// The SHA-256 of the bundle's tag manifest.
    pub bundle: Hash,
    /// The memory that took it in.
    pub by: MemoryId,
    /// The head of this memory when the bundle was packed.
    pub head: Head,
    /// The fingerprint of the key that signed the receipt; `None` where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// The receipt, word for word.
    pub receipt: String,
}

/// The tables of this noun.
pub(crate) const TABLES: &[Table] = &[Table {
    name: "request",
    clear: "DELETE FROM request",
    scan: "SELECT * FROM request ORDER BY key",
    of: &[],
    forget: "",
}];

/// The span of the entries that a call with a key wrote, also where the key is masked.
fn request(sql: &dyn Sql, key: &str) -> Result<Option<(i64, i64)>> {
    let of = |key: &str| {
        let query = "SELECT first, last FROM request WHERE key = $1";
        sql.first(query, &[Value::Text(key)], |row| Ok((row.int(0)?, row.int(1)?)))
    };
    match of(key)? {
        Some(span) => Ok(Some(span)),
        None => of(&masked_key(sql, key)?),
    }
}

/// What stands in the place of a key that is erased, so that the call is still known when it is repeated.
fn masked_key(sql: &dyn Sql, key: &str) -> Result<String> {
    Ok(format!("erased {}", Hash::of(&[b"heirloom key 1\n", &erasure::hash_key(sql)?.0, key.as_bytes()])))
}

impl Writer<'_> {
    /// Masks the idempotency keys of the calls that wrote any of these entries: such a key is a text of the host, and may hold
    /// the address of who is erased.
    pub(crate) fn mask_keys(&mut self, entries: &BTreeSet<i64>) -> Result<()> {
        let mut calls = Vec::new();
        self.sql().each("SELECT key, first, last FROM request", &[], |row| {
            if entries.range(row.int(1)?..=row.int(2)?).next().is_some() {
                calls.push((row.string(0)?, row.int(1)?, row.int(2)?));
            }
            Ok(())
        })?;
        for (key, first, last) in calls.into_iter().filter(|(key, ..)| !key.starts_with("erased ")) {
            let masked = masked_key(self.sql(), &key)?;
            self.sql()
                .execute("UPDATE request SET key = $1 WHERE key = $2", &[Value::Text(&masked), Value::Text(&key)])?;
            let id =
                self.sql().one("SELECT id FROM entry WHERE seq = $1", &[Value::Int(last + 1)], |row| row.uuid(0))?;
            let requested = MemoryRequested { key: masked, entries: (last + 1 - first).unsigned_abs() };
            self.mask_entry(last + 1, id.as_bytes(), &Change::from(requested).body()?)?;
        }
        Ok(())
    }
}

pub(crate) fn apply_requested(sql: &dyn Sql, entry: &Applied<'_>, change: &MemoryRequested) -> Result<()> {
    let entries = i64::try_from(change.entries).map_err(|e| Error::fault("an idempotency key", e))?;
    sql.execute(
        "INSERT INTO request (key, first, last) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING",
        &[Value::Text(&change.key), Value::Int(entry.seq - entries), Value::Int(entry.seq - 1)],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests;
