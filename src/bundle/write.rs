//! Writing a bundle: the journal first, then what people and other programs read, made from what the journal holds.

use std::fmt;
use std::io::{self, BufWriter, Write};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::error::BundleError;
use super::export::BundleExport;
use super::import::{ATTACHMENTS, JOURNAL, STATEMENT};
use super::limits::Limits;
use super::name;
use super::pack::{BagInfo, BagWriter, FileWriter, Packing};
use super::signature::Signer;
use super::slice::Slice;
use super::statement::{Statement, Withheld};
use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::export::{Export, ExportReport};
use crate::id::{ContactId, MemoryId};
use crate::journal::receive::Incoming;
use crate::journal::{self, Hash, Head};
use crate::memory::{Memory, ORGANISATION, View};
use crate::search::fold;
use crate::store::{Location, RowExt, SqlExt, Value};
use crate::time;
use crate::wording::{Count, Visible};

mod readme;

/// The reader page.
const PAGE: &str = "data/index.html";
/// The reader page is left out of a bundle with more notes than this: a browser would open it slowly.
pub const PAGE_NOTES_MAX: u64 = 50_000;
/// Under this the reader page is counted among what is withheld.
const PAGES: &str = "pages";
/// So many bytes are gathered before they are deflated.
const BUFFER: usize = 1 << 16;
/// The tables, each with how an export writes it and the text of what is in it.
const TABLES: [Table; 4] = [
    Table { name: "data/contacts.vcf", what: "cards for address books, with their notes (vCard 4.0)", write: cards },
    Table { name: "data/contacts.csv", what: "contacts, for spreadsheets", write: contacts },
    Table { name: "data/notes.csv", what: "notes, for spreadsheets", write: notes },
    Table { name: "data/ownership.csv", what: "who looked after whom and when, for spreadsheets", write: ownership },
];

/// A file for other programs.
struct Table {
    name: &'static str,
    what: &'static str,
    write: fn(&Export<'_>, &View<'_>, &mut dyn Write) -> Result<ExportReport>,
}

fn cards(export: &Export<'_>, view: &View<'_>, out: &mut dyn Write) -> Result<ExportReport> {
    export.write_vcards(view, out)
}

fn contacts(export: &Export<'_>, view: &View<'_>, out: &mut dyn Write) -> Result<ExportReport> {
    export.write_contacts_csv(view, out)
}

fn notes(export: &Export<'_>, view: &View<'_>, out: &mut dyn Write) -> Result<ExportReport> {
    export.write_notes_csv(view, out)
}

fn ownership(export: &Export<'_>, view: &View<'_>, out: &mut dyn Write) -> Result<ExportReport> {
    export.write_ownership_csv(view, out)
}

/// Progress is told every so many entries.
const TELL_ENTRIES: u64 = 1_000;
/// Progress is told every so many bytes of a file.
const TELL_BYTES: u64 = 1 << 20;

/// How far the packing of a bundle has come, as [`BundleExport::write_with`] tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackingProgress {
    /// The file, or the folder of files, that is being written; of a narrowed bundle also the scratch memory from which cards,
    /// tables and page are made.
    pub what: &'static str,
    /// How much of it is done: entries of the journal and of the scratch memory, attachments of their folder, and bytes of
    /// every other file.
    pub done: u64,
    /// How much there is to do, where that is known before.
    pub of: Option<u64>,
}

/// What is told how far the packing has come.
type Listener<'p> = &'p mut dyn FnMut(&PackingProgress);

/// What was packed into a bundle, as [`BundleExport::write`] tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BundleReport {
    /// What the bundle says of itself.
    pub statement: Statement,
    /// The folder that unpacking it makes.
    pub folder: String,
    /// Whether it is signed.
    pub signed: bool,
}

impl fmt::Display for BundleReport {
    /// What is in it, and what was withheld, each with its reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signed = if self.signed { "signed" } else { "not signed" };
        write!(f, "packed, {signed}: {}", self.statement.counts)?;
        match self.statement.withheld.is_empty() {
            true => f.write_str("\nwithheld: nothing"),
            false => {
                f.write_str("\nwithheld:")?;
                self.statement.withheld.iter().try_for_each(|withheld| write!(f, "\n  {withheld}"))
            }
        }
    }
}

impl<'m> BundleExport<'m> {
    /// Signs the bundle as it is written: with a [`SigningKey`](super::SigningKey), or with whatever asks a key that stays
    /// elsewhere. A bundle can also be signed afterwards; see the [module](super).
    pub const fn sign(mut self, signer: &'m dyn Signer) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Packs the bundle. Two bundles of one state of the memory are equal byte for byte, but for the signature where the key
    /// signs differently each time.
    ///
    /// All of it is one snapshot, whatever is written meanwhile. Cards, tables and the reader page are made from what the
    /// journal in the bundle holds, so they say no more than it does. Of a bundle that goes on from another the journal holds
    /// what is new; cards, tables and page show everything that is in scope.
    ///
    /// ```
    /// use heirloom::bundle::Opening;
    /// use heirloom::{Actor, Memory, NewContact};
    ///
    /// let memory = Memory::in_memory()?;
    /// memory.write(Actor::system("crm-sync"), |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.note(sally, "Likes lemon tart").insight().save()
    /// })?;
    /// let mut zip = Vec::new(); // or std::fs::File::create("handoff.zip")
    /// let report = memory.bundle().sender("The Agency").receiver("Corner Table").write(&mut zip)?;
    /// println!("{report}");
    ///
    /// let bag = Opening::new().open_reader("handoff.zip", std::io::Cursor::new(zip))?;
    /// let page = String::from_utf8(bag.read_to_vec("data/index.html")?)?;
    /// assert!(page.contains("Likes lemon tart"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`BundleExport::preview`]; [`Error::Bundle`] when a file grows over a limit of a bundle, or when the output or the
    /// signer fails. What was written by then is no bundle.
    pub fn write(&self, out: impl Write) -> Result<BundleReport> {
        self.write_with(out, |_| {})
    }

    /// Packs the bundle as [`BundleExport::write`] does, and tells what is being written and how far that has come.
    ///
    /// # Errors
    /// As [`BundleExport::write`].
    pub fn write_with(&self, out: impl Write, mut tell: impl FnMut(&PackingProgress)) -> Result<BundleReport> {
        let title = self.checked()?;
        let folder = folder_name(title);
        let memory = self.memory.id();
        self.memory.read(|view| {
            let bag = BagWriter::new(out, &folder)?;
            Packer { export: self, view, bag, memory, title, tell: &mut tell }.pack(folder)
        })
    }
}

/// A bundle on its way.
struct Packer<'p, W: Write> {
    export: &'p BundleExport<'p>,
    view: &'p View<'p>,
    bag: BagWriter<W>,
    memory: MemoryId,
    title: &'p str,
    tell: Listener<'p>,
}

impl<W: Write> Packer<'_, W> {
    fn pack(mut self, folder: String) -> Result<BundleReport> {
        let export = self.export;
        let slice = Slice::of(self.view, &export.scope, export.since)?;
        let all = export.all_of_scope(self.view)?;
        let shown = all.as_ref().unwrap_or(&slice);
        let (head, as_of) = (journal::head(self.view.sql())?, journal::as_of(self.view.sql())?);
        let (journal, counts) = self.journal(&slice)?;
        self.attachments(&slice)?;
        let statement = Statement {
            version: 1,
            tool: concat!("heirloom ", env!("CARGO_PKG_VERSION")).to_owned(),
            title: self.title.to_owned(),
            sender: export.sender.clone(),
            receiver: export.receiver.clone(),
            instruction: export.instruction.clone(),
            memory: self.memory,
            head,
            as_of,
            since: export.since,
            scope: shown.told(self.view.sql(), &export.scope)?,
            counts,
            withheld: withheld(&slice, shown),
            journal,
        };
        let reports = self.readable(shown, &statement)?;
        self.bag.add(STATEMENT, &to_json(&statement)?, Packing::Deflated)?;
        let signed = export.signer.is_some();
        let readme = readme::text(&statement, &folder, signed, &reports);
        self.bag.add("README.txt", readme.as_bytes(), Packing::Deflated)?;
        self.bag.finish(&info(&statement), export.signer)?;
        Ok(BundleReport { statement, folder, signed })
    }

    /// Writes the journal, and returns its hash and how much is in it.
    fn journal(&mut self, slice: &Slice) -> Result<(Hash, super::Counts)> {
        let mut file = BufWriter::with_capacity(BUFFER, Hashing { file: self.bag.file(JOURNAL)?, hash: Sha256::new() });
        let mut entries = Steps::new(JOURNAL, slice.counts().entries, self.tell);
        let counts = slice.each(self.view, &mut |record| {
            serde_json::to_writer(&mut file, &record).map_err(|e| failed(e.into()))?;
            file.write_all(b"\n").map_err(failed)?;
            entries.step();
            Ok(())
        })?;
        let hashing = file.into_inner().map_err(|e| failed(e.into_error()))?;
        hashing.file.finish()?;
        Ok((Hash(hashing.hash.finalize().into()), counts))
    }

    fn attachments(&mut self, slice: &Slice) -> Result<()> {
        let of = Some(slice.attachments().len() as u64);
        for (done, (hash, _)) in (1..).zip(slice.attachments()) {
            let bag = &mut self.bag;
            let found = self.view.sql().first(
                "SELECT bytes FROM attachment_bytes WHERE sha256 = $1",
                &[Value::Blob(hash.as_bytes())],
                |row| Ok(bag.add(&format!("{ATTACHMENTS}{hash}"), row.blob(0)?, Packing::Stored)?),
            )?;
            found.ok_or_else(|| Error::fault("an attachment", format!("the bytes of {hash} are missing")))?;
            (self.tell)(&PackingProgress { what: ATTACHMENTS, done, of });
        }
        Ok(())
    }

    /// Writes what people and other programs read: from this memory where the bundle holds all that the organisation sees of
    /// it, and else from a memory that has only what goes.
    fn readable(&mut self, slice: &Slice, statement: &Statement) -> Result<Vec<String>> {
        let (view, at) = (self.view, time::to_micros(statement.as_of)?);
        let private = slice.private_notes(view.sql())?.iter().filter(|notes| notes.goes).map(|notes| notes.count).sum();
        if slice.is_whole() {
            let view = View::new(view.sql(), ORGANISATION, at, view.region());
            return self.files(&view, statement, private);
        }
        let scratch = Memory::options().open_at(&Location::Scratch)?;
        let mut entries = Steps::new("a scratch memory", slice.counts().entries, self.tell);
        scratch.write(Actor::system("heirloom"), |w| {
            slice.each(view, &mut |record| {
                entries.step();
                w.receive(&Incoming::new(record)?).map(drop)
            })?;
            w.fold_stale()
        })?;
        scratch.read(|scratch| {
            let view = View::new(scratch.sql(), ORGANISATION, at, view.region());
            self.files(&view, statement, private)
        })
    }

    /// Writes the cards, the tables and the reader page, and says of each what is in it and what it could not say; so many
    /// private notes go that are in none of them.
    fn files(&mut self, view: &View<'_>, statement: &Statement, private: u64) -> Result<Vec<String>> {
        let export = self.export.memory.export();
        let mut reports = Vec::new();
        for table in &TABLES {
            let mut file = Told::new(self.bag.file(table.name)?, table.name, self.tell);
            let report = (table.write)(&export, view, &mut file)?;
            file.finish()?;
            reports.push(format!("{}  {}: {report}", table.name, table.what));
        }
        if !has_no_page(&statement.withheld) {
            self.page(view, statement, private)?;
            reports.push(format!("{PAGE}  everything to read, in a browser"));
        }
        if private > 0 {
            let notes = Count(private, "private note");
            reports.push(format!("  in none of these, but in the journal, for whoever opens it: {notes}"));
        }
        Ok(reports)
    }

    /// Writes the reader page.
    fn page(&mut self, view: &View<'_>, statement: &Statement, private: u64) -> Result<()> {
        let people: Vec<ContactId> = view.everybody()?;
        let file = Told::new(self.bag.file(PAGE)?, PAGE, self.tell);
        let mut file = BufWriter::with_capacity(BUFFER, file);
        view.write_bundle_page(&mut file, statement, &people, private)?;
        file.into_inner().map_err(|e| failed(e.into_error()))?.finish()
    }
}

/// Entries that are told of as they are done: every thousand, and the last.
struct Steps<'t> {
    progress: PackingProgress,
    tell: Listener<'t>,
}

impl<'t> Steps<'t> {
    fn new(what: &'static str, of: u64, tell: Listener<'t>) -> Self {
        Self { progress: PackingProgress { what, done: 0, of: Some(of) }, tell }
    }

    fn step(&mut self) {
        self.progress.done += 1;
        if self.progress.done.is_multiple_of(TELL_ENTRIES) || Some(self.progress.done) == self.progress.of {
            (self.tell)(&self.progress);
        }
    }
}

/// A file that is told of as it is written: every so many bytes, and when it is whole.
struct Told<'a, 't, W> {
    file: FileWriter<'a, W>,
    progress: PackingProgress,
    told: u64,
    tell: Listener<'t>,
}

impl<'a, 't, W: Write> Told<'a, 't, W> {
    fn new(file: FileWriter<'a, W>, what: &'static str, tell: Listener<'t>) -> Self {
        Self { file, progress: PackingProgress { what, done: 0, of: None }, told: 0, tell }
    }

    fn finish(self) -> Result<()> {
        self.file.finish()?;
        (self.tell)(&PackingProgress { of: Some(self.progress.done), ..self.progress });
        Ok(())
    }
}

impl<W: Write> Write for Told<'_, '_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.progress.done += written as u64;
        if self.progress.done - self.told >= TELL_BYTES {
            self.told = self.progress.done;
            (self.tell)(&self.progress);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl BundleExport<'_> {
    /// Everything that is in scope, where the bundle holds only what is new of it: cards, tables and page show all.
    pub(super) fn all_of_scope(&self, view: &View<'_>) -> Result<Option<Slice>> {
        self.since.map(|_| Slice::of(view, &self.scope, None)).transpose()
    }
}

/// What is withheld by a slice, and the reader page where there are too many notes to be shown.
pub(super) fn withheld(slice: &Slice, shown: &Slice) -> Vec<Withheld> {
    let (mut withheld, notes) = (slice.withheld().to_vec(), shown.counts().notes);
    if notes > PAGE_NOTES_MAX {
        let why = format!("left out: there are {notes} notes, and a browser opens {PAGE_NOTES_MAX} well");
        withheld.push(Withheld { count: 1, what: PAGES.to_owned(), why });
    }
    withheld
}

/// Whether the reader page is among what is withheld.
fn has_no_page(withheld: &[Withheld]) -> bool {
    withheld.iter().any(|withheld| withheld.what == PAGES)
}

/// A file that is hashed on its way.
struct Hashing<'a, W> {
    file: FileWriter<'a, W>,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn failed(error: io::Error) -> Error {
    BundleError::from(error).into()
}

fn to_json(statement: &Statement) -> Result<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(statement).map_err(|e| Error::fault("the statement of a bundle", e))?;
    json.push(b'\n');
    Ok(json)
}

fn info(statement: &Statement) -> BagInfo {
    let info = BagInfo::new(statement.as_of.date_naive())
        .field("Bag-Software-Agent", &statement.tool)
        .field("Internal-Sender-Identifier", statement.memory.to_string())
        .field("External-Description", plain(&statement.title));
    match &statement.sender {
        Some(sender) => info.field("Source-Organization", plain(sender)),
        None => info,
    }
}

/// A text on one line.
fn plain(text: &str) -> String {
    Visible(text).to_string().split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The folder that unpacking makes: the title in small ASCII letters without marks, digits and hyphens.
fn folder_name(title: &str) -> String {
    let folded = fold(title);
    let letters = folded.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let name: String = letters.take(60).collect();
    let name: Vec<&str> = name.split('-').filter(|part| !part.is_empty()).collect();
    let name = name.join("-");
    match name.is_empty() {
        true => "handoff".to_owned(),
        // A device on Windows, such as “aux”.
        false if name::check(&name, &Limits::default()).is_err() => format!("handoff-{name}"),
        false => name,
    }
}

impl Head {
    /// The head as a person reads it.
    fn told(self) -> String {
        format!("entry {} with the hash {}", self.seq, self.hash)
    }
}
