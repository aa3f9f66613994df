//! [`BundleImport`]: a bundle is taken in, entry by entry, all of it or nothing.
//!
//! The journal of the bundle is read once, line by line, inside one write. A preview is that same write, taken back.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use uuid::Uuid;

use super::bag::Bag;
use super::error::{BundleError, BundleFault};
use super::signature::{SignatureCheck, TrustedKeys};
use super::statement::{Counts, STATEMENT_VERSION, Statement};
use crate::actor::Actor;
use crate::change::Change;
use crate::check;
use crate::error::{Error, Result};
use crate::journal::gone::{self, Absence};
use crate::journal::receive::{Received, Record};
use crate::journal::{Hash, Head, Subject, Writer};
use crate::memory::{Memory, MemoryImported};
use crate::store::{RowExt, SqlExt, Value};

pub(super) mod arrival;
pub(crate) mod entries;
mod findings;

use self::arrival::Arrival;

/// The file of a bundle that says what it is.
pub(crate) const STATEMENT: &str = "handoff.json";
/// The file of a bundle that holds the entries, one a line.
pub(crate) const JOURNAL: &str = "data/journal.jsonl";
/// The folder of a bundle that holds the bytes of attachments, each under its SHA-256, which an ending may follow.
pub(crate) const ATTACHMENTS: &str = "data/attachments/";

/// The most bytes of the file that says what a bundle is: it is held in memory.
const STATEMENT_MAX: u64 = 32 << 20;
/// Progress is told every so many entries.
const TELL_EVERY: u64 = 1_000;

/// A bundle that is about to be taken in; see [`Memory::import_bundle`].
#[must_use = "nothing is taken in before run is called"]
pub struct BundleImport<'a> {
    memory: &'a Memory,
    bag: &'a Bag,
    expected: Option<&'a TrustedKeys>,
    /// Taken out while it is told.
    progress: Cell<Option<Listener<'a>>>,
}

/// What is told how far an import has come.
type Listener<'a> = Box<dyn FnMut(&BundleProgress) + 'a>;

/// How far the import of a bundle has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BundleProgress {
    /// Entries read so far.
    pub entries: u64,
    /// Entries in the bundle.
    pub of: u64,
}

impl fmt::Debug for BundleImport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BundleImport").field("memory", self.memory).field("bag", self.bag).finish_non_exhaustive()
    }
}

impl Memory {
    /// Begins to take in a bundle from another memory, or from this one.
    ///
    /// The bag was verified when it was opened. What it holds is merged with what is here: what both wrote stands side by
    /// side, and of two values of one fact the later holds. The same bundle a second time, or bundles in another order, or
    /// in parts, come to the same. Whoever wrote in the other memory stays the author, as an outside member.
    ///
    /// ```
    /// use heirloom::bundle::Opening;
    /// use heirloom::{Actor, Memory, NewContact};
    ///
    /// let agency = Memory::in_memory()?;
    /// let sally = agency.write(Actor::system("crm-sync"), |w| w.add_contact(NewContact::person("Sally Marsh")))?;
    /// let mut zip = Vec::new();
    /// let _report = agency.bundle().sender("The Agency").write(&mut zip)?;
    ///
    /// let ours = Memory::in_memory()?;
    /// let bag = Opening::new().open_reader("handoff.zip", std::io::Cursor::new(zip))?; // or open("handoff.zip")
    /// let import = ours.import_bundle(&bag);
    /// println!("{}", import.preview()?); // what would come; nothing is kept
    /// let arrival = import.run(Actor::system("office"))?;
    /// assert_eq!((arrival.contacts.new, arrival.signature.as_str()), (1, "not signed"));
    /// assert_eq!(ours.contact(sally)?.name, "Sally Marsh");
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// Whose signature is expected is said by [`BundleImport::expect_signature`]; what is to be decided afterwards stands in
    /// [`Arrival::to_decide`]; [`Arrival::receipt`] goes back to the sender.
    pub const fn import_bundle<'a>(&'a self, bag: &'a Bag) -> BundleImport<'a> {
        BundleImport { memory: self, bag, expected: None, progress: Cell::new(None) }
    }
}

impl<'a> BundleImport<'a> {
    /// Refuses the bundle unless it is signed by one of these keys, which is trusted for that today. Without it, the report
    /// says by which key it is signed, if it is.
    pub const fn expect_signature(mut self, keys: &'a TrustedKeys) -> Self {
        self.expected = Some(keys);
        self
    }

    /// Tells how far it has come, every thousand entries and at the end.
    pub fn progress(mut self, progress: impl FnMut(&BundleProgress) + 'a) -> Self {
        self.progress = Cell::new(Some(Box::new(progress)));
        self
    }

    /// Says what [`run`](Self::run) would do: it is the same run, taken back at its end.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn preview(&self) -> Result<Arrival> {
        let (mut told, mut progress) = (None, self.progress.take());
        let taken_back = self.memory.write(Actor::system("preview"), |w| -> Result<()> {
            told = Some(Intake::new(self, w)?.run(&mut progress)?);
            Err(Error::refused("a preview keeps nothing"))
        });
        self.progress.set(progress);
        match (told, taken_back) {
            (Some(arrival), _) => Ok(Arrival { preview: true, ..arrival }),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Err(Error::fault("a preview", "it told nothing")),
        }
    }

    /// Takes the bundle in: all of it in one write, or nothing.
    ///
    /// Others read what stood before until it is done, and those who write wait.
    ///
    /// # Errors
    /// [`Error::Bundle`] when the signature is not the expected one, and for whatever in the bundle cannot be taken in: it
    /// names the file, the line, what is wrong and what to do. And what [`Memory::write`] returns.
    pub fn run(self, actor: impl Into<Actor>) -> Result<Arrival> {
        let (memory, mut progress) = (self.memory, self.progress.take());
        let arrival = memory.write(actor, |w| {
            let arrival = Intake::new(&self, w)?.run(&mut progress)?;
            w.say_what_is_gone()?;
            if arrival.brought_anything() || came_first(w, &arrival)? {
                let id = w.memory_id();
                w.append(id, arrival.imported())?;
            }
            Ok(Arrival { received: Some(w.head()), by: w.actor_name().to_owned(), ..arrival })
        })?;
        match arrival.erased.is_any() {
            true => Ok(Arrival { erased: memory.scrubbed(arrival.erased), ..arrival }),
            false => Ok(arrival),
        }
    }
}

/// An import in progress.
struct Intake<'a, 'w, 'm> {
    w: &'w mut Writer<'m>,
    bag: &'a Bag,
    statement: Statement,
    arrival: Arrival,
    /// The number of the newest entry before.
    before: i64,
    /// What is in the bundle, counted.
    counts: Counts,
    /// Whether an entry that was here is in the bundle, by its number.
    known: Vec<bool>,
    /// The subjects of which a body came that had been withheld.
    filled: BTreeSet<Uuid>,
    /// How many new entries came that somebody else had erased.
    came_erased: u64,
}

impl<'a, 'w, 'm> Intake<'a, 'w, 'm> {
    /// Checks what can be checked before the first entry is read.
    fn new(import: &BundleImport<'a>, w: &'w mut Writer<'m>) -> Result<Self> {
        let bag = import.bag;
        let statement = statement(bag)?;
        let nobody = TrustedKeys::default();
        let check = bag.signature(import.expected.unwrap_or(&nobody), w.at());
        let signed_by = match &check {
            SignatureCheck::Trusted { fingerprint, .. } => Some(fingerprint.clone()),
            _ => None,
        };
        let signature = check.to_string();
        if import.expected.is_some() {
            check.require().map_err(|error| error.of(bag.name()))?;
        }
        if matches!(bag.signature(&nobody, w.at()), SignatureCheck::Broken { .. }) {
            return Err(refusal(bag, None, &format!("{signature}; ask the sender for it again")));
        }
        let tag_manifest = bag.tag_manifest().ok_or_else(|| refusal(bag, None, "it has no tag manifest"))?;
        let bundle = Hash::of(&[tag_manifest]);
        let (before, into) = (w.head().seq, w.memory_id());
        let mut arrival = Arrival::new(&statement, into, bundle, w.at(), (signature, signed_by));
        arrival.missing_base = missing_base(w, &statement, bundle)?;
        let known = vec![false; usize::try_from(before).unwrap_or_default() + 1];
        Ok(Self {
            w,
            bag,
            statement,
            arrival,
            before,
            counts: Counts::default(),
            known,
            filled: BTreeSet::new(),
            came_erased: 0,
        })
    }

    fn run(mut self, progress: &mut Option<Listener<'_>>) -> Result<Arrival> {
        let standing = self.standing()?;
        self.entries(progress)?;
        self.w.fold_stale().map_err(|error| self.wrong(None, error))?;
        self.arrival.erased = self.w.erased_by_import().clone();
        self.attachments()?;
        self.compare_counts()?;
        self.tell(&standing)?;
        Ok(self.arrival)
    }

    /// Takes in every entry.
    fn entries(&mut self, progress: &mut Option<Listener<'_>>) -> Result<()> {
        let (of, mut number) = (self.statement.counts.entries, 0);
        entries::each_entry(self.bag, self.statement.journal, &mut |entry| {
            number += 1;
            let received = self.w.receive(&entry).map_err(|error| self.wrong(Some(number), error))?;
            self.count(entry.record(), received);
            if let Some(tell) = progress.as_mut().filter(|_| number % TELL_EVERY == 0) {
                tell(&BundleProgress { entries: number, of });
            }
            Ok(())
        })?;
        if let Some(tell) = progress {
            tell(&BundleProgress { entries: number, of });
        }
        Ok(())
    }

    fn count(&mut self, record: &Record, received: Received) {
        self.counts.entries += 1;
        self.counts.without_body += u64::from(record.body().is_none());
        let is_first = record.subject == record.id;
        let is_new = received == Received::New;
        if is_first {
            if record.body().is_some() {
                count_subject(&mut self.counts, record.about());
            }
            let tally = self.arrival.tally(record.about());
            tally.new += u64::from(is_new);
            tally.equal += u64::from(!is_new);
        }
        match received {
            Received::New => self.arrival.entries.new += 1,
            Received::Filled(seq) => {
                self.arrival.entries.changed += 1;
                self.filled.insert(record.subject);
                self.is_known(seq);
            }
            Received::Known(seq) => {
                self.arrival.entries.equal += 1;
                self.is_known(seq);
            }
        }
        if is_new && !Change::is_known(&record.kind, record.version) {
            *self.arrival.carried.entry(record.kind.clone()).or_default() += 1;
        }
        if is_new && record.gone == Some(Absence::Erased) {
            self.came_erased += 1;
        }
        self.arrival.without_body += u64::from(is_new && record.gone == Some(Absence::Withheld));
    }

    /// Takes notice that an entry that was here is in the bundle.
    fn is_known(&mut self, seq: i64) {
        if let Some(known) = usize::try_from(seq).ok().and_then(|seq| self.known.get_mut(seq)) {
            *known = true;
        }
    }

    /// Compares what came with what the bundle says of itself.
    fn compare_counts(&mut self) -> Result<()> {
        let (said, found) = (&self.statement.counts, &self.counts);
        let compared = [
            (said.entries, found.entries, "entries"),
            (said.without_body, found.without_body, "entries without a body"),
            (said.contacts, found.contacts, "contacts"),
            (said.notes, found.notes, "notes"),
            (said.follow_ups, found.follow_ups, "promises"),
            (said.members, found.members, "members"),
            (said.agencies, found.agencies, "agencies"),
            (said.handoffs, found.handoffs, "handoffs"),
            (said.others, found.others, "subjects of a newer heirloom"),
            (said.attachments, found.attachments, "attachments"),
            (said.attachment_bytes, found.attachment_bytes, "bytes of attachments"),
        ];
        match compared.iter().find(|(said, found, _)| said != found) {
            None => Ok(()),
            Some((said, found, what)) => {
                let why =
                    format!("it says that there are {said} {what}, and there are {found}; ask for the bundle again");
                Err(refusal(self.bag, Some(STATEMENT), &why))
            }
        }
    }

    /// Keeps the bytes of attachments that entries name and that are not here, and takes notice of what is missing.
    fn attachments(&mut self) -> Result<()> {
        let files = attachment_files(self.bag)?;
        self.counts.attachments = files.len() as u64;
        self.counts.attachment_bytes = files.values().map(|(_, size)| size).sum();
        let wanted = self.w.sql().all(
            "SELECT DISTINCT sha256 FROM attachment WHERE sha256 NOT IN (SELECT sha256 FROM attachment_bytes)
             ORDER BY sha256",
            &[],
            |row| Hash::from_slice(row.blob(0)?),
        )?;
        for sha256 in wanted {
            let why = gone::why(self.w.sql(), sha256.as_bytes())?;
            match files.get(&sha256) {
                Some((name, size)) => {
                    self.keep_attachment(&sha256, name, *size)?;
                    self.arrival.attachments.new += 1;
                    if why.is_some() {
                        self.w.is_here(sha256.as_bytes())?;
                    }
                }
                None if why.is_none() => {
                    self.w.is_gone(sha256.as_bytes(), Absence::Withheld, None)?;
                    self.arrival.attachments_missing += 1;
                }
                None => self.arrival.attachments_missing += 1,
            }
        }
        let mut here = 0;
        for sha256 in files.keys() {
            here += u64::from(self.has_bytes(sha256)?);
        }
        self.arrival.attachments.equal = here - self.arrival.attachments.new;
        self.arrival.attachments_kept_out = files.len() as u64 - here;
        Ok(())
    }

    fn has_bytes(&self, sha256: &Hash) -> Result<bool> {
        let bytes = "SELECT 1 FROM attachment_bytes WHERE sha256 = $1";
        Ok(self.w.sql().first(bytes, &[Value::Blob(sha256.as_bytes())], |_| Ok(()))?.is_some())
    }

    fn keep_attachment(&mut self, sha256: &Hash, name: &str, size: u64) -> Result<()> {
        if size > check::ATTACHMENT_MAX as u64 {
            let why = format!("it has {size} bytes, the limit for an attachment is {}", check::ATTACHMENT_MAX);
            return Err(refusal(self.bag, Some(name), &why));
        }
        let bytes = self.bag.read_to_vec(name)?;
        if Hash::of(&[&bytes]) != *sha256 {
            let why = "its bytes are not those that its name says; somebody changed it, ask for the bundle again";
            return Err(refusal(self.bag, Some(name), why));
        }
        self.w.keep_bytes(sha256, &bytes)
    }

    /// Says of an error where in the bundle it arose, and what to import first where that may be missing.
    fn wrong(&self, line: Option<u64>, error: Error) -> Error {
        let error = match (&error, self.base_is_missing()) {
            (Error::Refused(_) | Error::Invalid { .. } | Error::Unknown { .. } | Error::Erased { .. }, Some(base)) => {
                Error::refused(format!("{error}. {base}"))
            }
            _ => error,
        };
        match line {
            Some(line) => self.at_line(line, error),
            None => placed(self.bag, JOURNAL, error),
        }
    }

    fn at_line(&self, line: u64, error: Error) -> Error {
        placed(self.bag, &line_of(line), error)
    }

    /// What to import first, where the bundle continues one that did not come here.
    fn base_is_missing(&self) -> Option<String> {
        let since = self.arrival.missing_base?;
        Some(format!(
            "The bundle goes on after entry {} of memory {}, and the bundle that reaches up to there was not imported here; \
             import that first",
            since.seq, self.statement.memory
        ))
    }
}

/// The attachments in a bundle by their SHA-256, each with the name of its file and its size.
pub(crate) fn attachment_files(bag: &Bag) -> Result<BTreeMap<Hash, (String, u64)>> {
    let mut files = BTreeMap::new();
    for file in bag.files() {
        let Some(name) = file.name.strip_prefix(ATTACHMENTS) else { continue };
        let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
        let sha256: Hash = stem.parse().map_err(|_| {
            refusal(bag, Some(file.name), "an attachment lies under its SHA-256; ask for the bundle again")
        })?;
        files.insert(sha256, (file.name.to_owned(), file.size));
    }
    Ok(files)
}

/// The imports that this memory recorded, oldest first.
fn imports(w: &Writer<'_>) -> Result<Vec<MemoryImported>> {
    let bodies = w.sql().all(
        "SELECT b.body FROM entry e JOIN entry_body b ON b.seq = e.seq
         WHERE e.subject = (SELECT seq FROM entry WHERE id = $1) AND e.kind = 'memory.imported' ORDER BY e.seq",
        &[(&w.memory_id().0).into()],
        |row| row.string(0),
    )?;
    bodies.iter().map(|body| serde_json::from_str(body).map_err(|e| Error::fault("a recorded import", e))).collect()
}

/// The head after which a bundle goes on, where no other bundle that reaches up to there was imported here.
fn missing_base(w: &Writer<'_>, statement: &Statement, bundle: Hash) -> Result<Option<Head>> {
    let Some(since) = statement.since else { return Ok(None) };
    let is_here = match statement.memory == w.memory_id() {
        true => since.seq <= w.head().seq,
        false => imports(w)?
            .iter()
            .any(|import| import.from == statement.memory && import.head.seq >= since.seq && import.bundle != bundle),
    };
    Ok((!is_here).then_some(since))
}

/// Whether a bundle came from elsewhere that never did: the next one may go on from there, also where this one brought nothing.
fn came_first(w: &Writer<'_>, arrival: &Arrival) -> Result<bool> {
    Ok(arrival.from != arrival.into && !imports(w)?.iter().any(|import| import.bundle == arrival.bundle))
}

/// Reads what a bundle says of itself.
pub(crate) fn statement(bag: &Bag) -> Result<Statement> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    for file in [STATEMENT, JOURNAL] {
        if !bag.has(file) {
            let why = "it is not there, so this is a bag, and not a bundle of a memory";
            return Err(BundleError::new(BundleFault::NotABundle, why).in_file(file).of(bag.name()).into());
        }
    }
    let size = bag.files().find(|file| file.name == STATEMENT).map_or(0, |file| file.size);
    if size > STATEMENT_MAX {
        let why = format!("it has {size} bytes, the limit for it is {STATEMENT_MAX}; ask for the bundle again");
        return Err(BundleError::new(BundleFault::Limit, why).in_file(STATEMENT).of(bag.name()).into());
    }
    let bytes = bag.read_to_vec(STATEMENT)?;
    let wrong = |e: serde_json::Error| {
        refusal(bag, Some(STATEMENT), &format!("it cannot be read ({e}); ask for the bundle again"))
    };
    let Versioned { version } = serde_json::from_slice(&bytes).map_err(wrong)?;
    if version > STATEMENT_VERSION {
        let why = format!(
            "it is written in the form {version}, and this heirloom reads up to {STATEMENT_VERSION}; upgrade heirloom to \
             import the bundle"
        );
        return Err(refusal(bag, Some(STATEMENT), &why));
    }
    serde_json::from_slice(&bytes).map_err(wrong)
}

fn count_subject(counts: &mut Counts, subject: Subject) {
    *match subject {
        Subject::Contact(_) => &mut counts.contacts,
        Subject::Note(_) => &mut counts.notes,
        Subject::FollowUp(_) => &mut counts.follow_ups,
        Subject::Member(_) => &mut counts.members,
        Subject::Agency(_) => &mut counts.agencies,
        Subject::Handoff(_) => &mut counts.handoffs,
        Subject::Memory(_) | Subject::Other(_) => &mut counts.others,
    } += 1;
}

fn line_of(number: u64) -> String {
    format!("{JOURNAL}, line {number}")
}

/// Says where in a bundle something is that is refused; other errors speak for themselves.
fn placed(bag: &Bag, place: &str, error: Error) -> Error {
    match error {
        Error::Refused(_) | Error::Invalid { .. } | Error::Unknown { .. } | Error::Erased { .. } => {
            refusal(bag, Some(place), &error.to_string())
        }
        error => error,
    }
}

fn refusal(bag: &Bag, file: Option<&str>, why: &str) -> Error {
    let error = BundleError::new(BundleFault::Refused, why);
    match file {
        Some(file) => error.in_file(file).of(bag.name()).into(),
        None => error.of(bag.name()).into(),
    }
}

#[cfg(test)]
mod tests;
