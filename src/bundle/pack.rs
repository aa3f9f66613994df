//! Writing a bag: files one after the other, hashed as they go, in a ZIP with one top folder.

use std::collections::BTreeMap;
use std::io::{self, Write};

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::error::{BundleError, BundleFault, Result};
use super::limits::Limits;
use super::manifest::{Part, hex};
use super::name::{self, Collisions};
use super::signature::{SIGNATURE_FILE, Signer, TAG_MANIFEST};
use super::zip::ZipWriter;

/// The payload manifest that is written.
const MANIFEST: &str = "manifest-sha256.txt";
/// What `bagit.txt` says (RFC 8493, 2.1.1).
const DECLARATION: &[u8] = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";

/// Writes a bundle: a BagIt 1.0 bag (RFC 8493) in a ZIP, through any [`Write`].
///
/// Files are added one after the other, and may be larger than memory; what is kept of each is its name and its hash.
/// The same files in the same order give the same bytes: no clock, no random number and no permission goes in.
/// Files below `data/` are the payload, all others are tag files beside it. Names are ASCII without `%`.
///
/// ```
/// use std::io::Write;
///
/// use heirloom::bundle::{BagInfo, BagWriter, Opening, Packing};
///
/// let mut bag = BagWriter::new(Vec::new(), "handoff")?;
/// bag.add("data/photo.jpg", b"(a photo)", Packing::Stored)?;
/// let mut journal = bag.file("data/journal.jsonl")?; // for what does not fit into memory
/// writeln!(journal, "{{}}")?;
/// journal.finish()?;
/// let day = "2025-03-12".parse()?;
/// let zip = bag.finish(&BagInfo::new(day).field("Source-Organization", "The Agency"), None)?;
///
/// let bag = Opening::new().open_reader("handoff.zip", std::io::Cursor::new(zip))?;
/// assert_eq!(bag.read_to_vec("data/journal.jsonl")?, b"{}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a bag is no bag before finish"]
pub struct BagWriter<W> {
    zip: ZipWriter<W>,
    top: String,
    limits: Limits,
    collisions: Collisions,
    hashes: BTreeMap<String, [u8; 32]>,
    total: u64,
    payload: (u64, u64),
    unfinished: Option<String>,
}

/// How the bytes of a file go into the ZIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Deflated if that makes them fewer: text.
    Deflated,
    /// As they are: what is packed already, such as most attachments.
    Stored,
}

/// What `bag-info.txt` says about the bag.
///
/// Its date is the caller's, as no clock is read; the size and number of the payload are put in when the bag is finished.
#[derive(Clone, Debug)]
pub struct BagInfo {
    date: NaiveDate,
    fields: Vec<(String, String)>,
}

impl BagInfo {
    /// Information about a bag that is made on this day.
    pub fn new(date: NaiveDate) -> Self {
        Self { date, fields: Vec::new() }
    }

    /// Adds a field, such as `Source-Organization` (RFC 8493, 2.2.2, has the usual labels). One label may stand there
    /// several times.
    pub fn field(mut self, label: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((label.into(), value.into()));
        self
    }

    /// Returns the text of `bag-info.txt` for a payload of so many bytes and files.
    fn text(&self, (bytes, files): (u64, u64)) -> Result<String> {
        let mut text = String::new();
        for (label, value) in &self.fields {
            check_field(label, value)?;
            text += &format!("{label}: {}\n", value.trim());
        }
        text += &format!("Bagging-Date: {}\nPayload-Oxum: {bytes}.{files}\n", self.date.format("%Y-%m-%d"));
        Ok(text)
    }
}

fn check_field(label: &str, value: &str) -> Result<()> {
    let wrong = |why: String| Err(BundleError::invalid(why).in_file("bag-info.txt"));
    let plain = |c: char| c.is_ascii_graphic() && c != ':';
    if label.is_empty() || !label.chars().all(plain) {
        return wrong(format!("“{label}” cannot be a label; use ASCII letters and hyphens, without blanks and colons"));
    }
    if label.eq_ignore_ascii_case("Bagging-Date") || label.eq_ignore_ascii_case("Payload-Oxum") {
        return wrong(format!("{label} is put in by the writer; leave it out"));
    }
    match value.chars().any(char::is_control) {
        true => wrong(format!("the value of {label} has a line end or another control character; take it out")),
        false => Ok(()),
    }
}

impl<W: Write> BagWriter<W> {
    /// Begins a bag whose files lie in this top folder of the ZIP. The folder is what unpacking gives, so it is best
    /// named as the file is.
    pub fn new(out: W, top: &str) -> Result<Self> {
        let limits = Limits::default();
        name::check_own(top, &limits)?;
        if top.contains('/') {
            return Err(BundleError::invalid("the top folder is one folder; take out the slash").in_file(top));
        }
        let mut bag = Self {
            zip: ZipWriter::new(out, 0),
            top: top.to_owned(),
            limits,
            collisions: Collisions::default(),
            hashes: BTreeMap::new(),
            total: 0,
            payload: (0, 0),
            unfinished: None,
        };
        bag.put("bagit.txt", DECLARATION, Packing::Stored)?;
        Ok(bag)
    }

    /// Sets other limits than those by which bundles are opened unless the receiver sets others too. A bag that grows
    /// over them is an error here, rather than there.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Adds a file whose bytes are at hand.
    ///
    /// # Errors
    /// Where the name is not safe on every system, or is that of a file that the writer makes, or of another one but
    /// for case; where a limit is passed; where the writer below fails.
    pub fn add(&mut self, name: &str, bytes: &[u8], packing: Packing) -> Result<()> {
        self.ready()?;
        check_free(name)?;
        self.put(name, bytes, packing)
    }

    /// Begins a file that is written bit by bit, and deflated. It must be finished before the next one.
    ///
    /// A file that repeats itself is deflated no further than [`Limits::ratio`], so that it can be opened again.
    pub fn file(&mut self, name: &str) -> Result<FileWriter<'_, W>> {
        self.ready()?;
        check_free(name)?;
        self.enter(name)?;
        self.unfinished = Some(name.to_owned());
        self.zip.begin(&format!("{}/{name}", self.top), &self.limits)?;
        Ok(FileWriter { bag: self, name: name.to_owned(), hash: Sha256::new(), size: 0 })
    }

    /// Ends the bag with its manifests, signed if there is a signer, and gives back what it was written to.
    ///
    /// The signature goes over the tag manifest, which holds the hashes of the manifests, which hold those of all other
    /// files. It is written as `tagmanifest-sha256.txt.sig`, where `ssh-keygen -Y verify` takes it.
    pub fn finish(mut self, info: &BagInfo, signer: Option<&dyn Signer>) -> Result<W> {
        self.ready()?;
        self.collisions.files_are_no_folders()?;
        self.put("bag-info.txt", info.text(self.payload)?.as_bytes(), Packing::Deflated)?;
        let manifest = self.manifest(|part| part == Part::Payload)?;
        self.put(MANIFEST, manifest.as_bytes(), Packing::Deflated)?;
        let manifest = self.manifest(|part| part != Part::Payload)?;
        let signature = signer.map(|signer| signer.sign(manifest.as_bytes())).transpose()?;
        self.put(TAG_MANIFEST, manifest.as_bytes(), Packing::Deflated)?;
        if let Some(signature) = signature {
            signature.covers(manifest.as_bytes())?;
            self.put(SIGNATURE_FILE, signature.to_string().as_bytes(), Packing::Stored)?;
        }
        Ok(self.zip.finish()?)
    }

    /// Returns the lines of a manifest of those files.
    fn manifest(&self, takes: impl Fn(Part) -> bool) -> Result<String> {
        let mut text = String::new();
        for (name, hash) in &self.hashes {
            if takes(Part::of(name)?) {
                text += &format!("{}  {name}\n", hex(hash));
            }
        }
        match text.len() as u64 > self.limits.tag_file {
            true => {
                let why = format!("the manifest has {} bytes, the limit is {}", text.len(), self.limits.tag_file);
                Err(BundleError::new(BundleFault::Limit, why))
            }
            false => Ok(text),
        }
    }

    fn put(&mut self, name: &str, bytes: &[u8], packing: Packing) -> Result<()> {
        self.enter(name)?;
        self.grow(name, 0, bytes.len() as u64)?;
        self.unfinished = Some(name.to_owned());
        self.zip.add(&format!("{}/{name}", self.top), bytes, packing == Packing::Deflated, &self.limits)?;
        self.count(name, Sha256::digest(bytes).into(), bytes.len() as u64);
        Ok(())
    }

    /// Takes a name that is safe and free.
    fn enter(&mut self, name: &str) -> Result<()> {
        name::check_own(name, &self.limits)?;
        if self.hashes.len() >= self.limits.files {
            let why = format!("the bag has {} files already, which is the limit", self.limits.files);
            return Err(BundleError::new(BundleFault::Limit, why).in_file(name));
        }
        self.collisions.files_are_no_folders_of(name)?;
        self.collisions.add(name)
    }

    /// Takes more bytes of a file that has so many already.
    fn grow(&mut self, name: &str, size: u64, more: u64) -> Result<()> {
        self.total = self.total.saturating_add(more);
        let (file, total) = (self.limits.file, self.limits.total);
        let over = |why: String| Err(BundleError::new(BundleFault::Limit, why).in_file(name));
        if size.saturating_add(more) > file {
            return over(format!("it grows over {file} bytes, the limit for one file"));
        }
        if self.total > total {
            return over(format!("with it the bag grows over {total} bytes, the limit"));
        }
        Ok(())
    }

    fn count(&mut self, name: &str, hash: [u8; 32], size: u64) {
        self.unfinished = None;
        if name.starts_with("data/") {
            self.payload.0 += size;
            self.payload.1 += 1;
        }
        self.hashes.insert(name.to_owned(), hash);
    }

    /// Refuses to go on after a file that was begun and not finished, or that failed.
    fn ready(&self) -> Result<()> {
        match &self.unfinished {
            None => Ok(()),
            Some(name) => {
                let why = "it was begun and not finished; nothing more can be written to this bag, begin it again";
                Err(BundleError::invalid(why).in_file(name))
            }
        }
    }
}

/// Refuses the names of the files that the writer makes.
fn check_free(name: &str) -> Result<()> {
    let own = ["bagit.txt", "bag-info.txt", "fetch.txt", SIGNATURE_FILE];
    let taken = own.contains(&name.to_ascii_lowercase().as_str())
        || !matches!(Part::of(&name.to_ascii_lowercase()), Ok(Part::Payload | Part::Tag));
    match taken {
        true => Err(BundleError::invalid("the writer of a bag makes this file, or BagIt keeps its name; take another")
            .in_file(name)),
        false => Ok(()),
    }
}

/// One file of a bag, as it is written. Dropped without [`finish`](Self::finish), it leaves a bag that cannot be finished.
#[must_use = "a file is not in the bag before finish"]
pub struct FileWriter<'a, W> {
    bag: &'a mut BagWriter<W>,
    name: String,
    hash: Sha256,
    size: u64,
}

impl<W: Write> FileWriter<'_, W> {
    /// Ends the file and returns its size in bytes.
    pub fn finish(self) -> Result<u64> {
        self.bag.zip.end()?;
        self.bag.count(&self.name, self.hash.finalize().into(), self.size);
        Ok(self.size)
    }
}

impl<W: Write> Write for FileWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bag.grow(&self.name, self.size, bytes.len() as u64)?;
        self.bag.zip.write(bytes)?;
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // a flush of deflate would change the bytes by how they came
    }
}
