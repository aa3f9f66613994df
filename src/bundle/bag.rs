//! Opening a bag: everything is verified before anything is handed out.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use chrono::{DateTime, Utc};
use sha2::digest::DynDigest;

use super::error::{BundleError, BundleFault, Result};
use super::folder::Folder;
use super::limits::Limits;
use super::manifest::{self, Algorithm, Declaration, Listed, Part, Remarks};
use super::name::{self, Collisions};
use super::signature::{SIGNATURE_FILE, SIGNATURE_MAX, Signature, SignatureCheck, TAG_MANIFEST, TrustedKeys};
use super::zip::{Zip, ZipWriter, write_directory};
use crate::journal::Hash;

/// How a bag is opened: within which limits, and by which rules.
///
/// Unless told otherwise it takes bundles as heirloom writes them, which is stricter than BagIt: there is a payload
/// manifest and a tag manifest by SHA-256, every file is listed but the tag manifests and their signature, nothing is left
/// to be fetched, and names are ASCII without `%`.
///
/// ```no_run
/// use heirloom::bundle::Opening;
///
/// let bag = Opening::new().open("handoff.zip")?;
/// for file in bag.files() {
///     println!("{:>12}  {}", file.size, file.name);
/// }
/// # Ok::<(), heirloom::bundle::BundleError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Opening {
    limits: Limits,
    any_bag: bool,
}

impl Opening {
    /// Opens bundles within the usual limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Takes any valid bag of BagIt 0.93 to 1.0, by whatever tool: other hashes, names and encodings, unlisted tag files.
    ///
    /// Whatever could do harm is refused as before; that goes for two names that some system takes for one, by case or Unicode
    /// form, too, although BagIt only warns of them. What should be better than it is stands in [`Bag::remarks`].
    pub fn any_bag(mut self) -> Self {
        self.any_bag = true;
        self
    }

    /// Opens a bag in a ZIP or in a folder, and verifies all of it.
    ///
    /// # Errors
    /// Where the bag is not whole, not what its manifests say, or not safe to take in. Nothing was handed out.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Bag> {
        let path = path.as_ref();
        let name = path.display().to_string();
        self.container(path).and_then(|container| Bag::verify(name.clone(), container, self)).map_err(|e| e.of(&name))
    }

    /// Opens a bag in a ZIP that is read from elsewhere, and verifies all of it. The name stands in messages.
    pub fn open_reader(&self, name: &str, zip: impl Read + Seek + Send + 'static) -> Result<Bag> {
        let zip = Zip::open(Box::new(zip), &self.limits).and_then(|zip| ZipBag::new(zip, &self.limits));
        zip.and_then(|zip| Bag::verify(name.to_owned(), Container::Zip(zip), self)).map_err(|error| error.of(name))
    }

    fn container(&self, path: &Path) -> Result<Container> {
        if fs::metadata(path)?.is_dir() {
            return Folder::open(path, &self.limits).map(Container::Folder);
        }
        let zip = Zip::open(Box::new(File::open(path)?), &self.limits)?;
        ZipBag::new(zip, &self.limits).map(Container::Zip)
    }
}

/// Where the files of a bag lie.
enum Container {
    Zip(ZipBag),
    Folder(Folder),
}

/// A ZIP with one top folder.
struct ZipBag {
    zip: Zip,
    top: String,
}

impl ZipBag {
    fn new(zip: Zip, limits: &Limits) -> Result<Self> {
        let tops: BTreeSet<&str> = zip.entries().iter().filter_map(|entry| entry.name.split('/').next()).collect();
        let loose = zip.entries().iter().any(|entry| !entry.name.contains('/'));
        let named = tops.first().filter(|top| !top.is_empty());
        let (1, false, Some(top)) = (tops.len(), loose, named) else {
            // Of a name that leads elsewhere that is the more important thing to say.
            for entry in zip.entries() {
                name::check(entry.name.trim_end_matches('/'), limits)?;
            }
            let why = "its files do not lie in one top folder, as those of a bag in a ZIP do (RFC 8493, 4)";
            return Err(BundleError::new(BundleFault::NotABundle, why));
        };
        name::check(top, limits)?;
        let top = (*top).to_owned();
        Ok(Self { zip, top })
    }

    fn below_top<'a>(&self, name: &'a str) -> &'a str {
        name.get(self.top.len() + 1..).unwrap_or_default()
    }
}

impl Container {
    /// Returns each file with its number and size; folders with no size.
    fn list(&self) -> Vec<(usize, &str, Option<u64>)> {
        match self {
            Self::Folder(folder) => {
                let files = folder.files().iter().enumerate();
                files.map(|(at, (path, size))| (at, path.as_str(), Some(*size))).collect()
            }
            Self::Zip(bag) => {
                let entries = bag.zip.entries().iter().enumerate();
                let below = entries.map(|(at, entry)| (at, bag.below_top(&entry.name), entry));
                let named = below.filter(|(_, name, entry)| !(entry.folder && name.is_empty()));
                named.map(|(at, name, entry)| (at, name, (!entry.folder).then_some(entry.size))).collect()
            }
        }
    }

    fn read(&self, at: usize) -> Result<Box<dyn Read + Send + '_>> {
        let gone = || BundleError::damaged("it is not there any more");
        match self {
            Self::Folder(folder) => Ok(Box::new(folder.open_file(folder.files().get(at).ok_or_else(gone)?)?)),
            Self::Zip(bag) => Ok(Box::new(bag.zip.open_entry(bag.zip.entries().get(at).ok_or_else(gone)?))),
        }
    }
}

/// A bag that was verified: each of its files is what the manifests say.
///
/// Files are read as streams, several at once if need be, and checked again as they are read: a stream ends in an error
/// if the file was changed since.
///
/// ```no_run
/// use heirloom::bundle::{Opening, TrustedKeys};
///
/// let bag = Opening::new().open("handoff.zip")?;
/// let keys = TrustedKeys::parse(&std::fs::read_to_string("allowed_signers")?)?;
/// println!("{}", bag.signature(&keys, chrono::Utc::now())); // signed by tom@agency.example with the expected key SHA256:…
/// let journal = std::io::BufReader::new(bag.read("data/journal.jsonl")?);
/// # let _ = journal;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Bag {
    name: String,
    container: Container,
    verified: Verified,
}

/// What is known of a bag that was verified.
struct Verified {
    /// Every file that a manifest lists, by path.
    files: BTreeMap<String, Known>,
    /// The fields of `bag-info.txt`.
    info: Vec<(String, String)>,
    /// The version of BagIt.
    version: (u32, u32),
    /// The bytes of `tagmanifest-sha256.txt`.
    tag_manifest: Option<Vec<u8>>,
    /// The text of its signature.
    signature: Option<String>,
    /// What is valid and should be better.
    remarks: Vec<String>,
}

/// A file of a bag, and the strongest hash that a manifest lists it by.
struct Known {
    at: usize,
    size: u64,
    algorithm: Algorithm,
    hash: Vec<u8>,
}

/// A file of a bag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileInBag<'a> {
    /// The path in the bag, such as `data/journal.jsonl`.
    pub name: &'a str,
    /// The number of bytes.
    pub size: u64,
}

impl fmt::Debug for Bag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bag")
            .field("name", &self.name)
            .field("files", &self.verified.files.len())
            .finish_non_exhaustive()
    }
}

impl Bag {
    fn verify(name: String, container: Container, opening: &Opening) -> Result<Self> {
        let verified = Verifier::new(&container, opening)?.run()?;
        Ok(Self { name, container, verified })
    }

    /// Returns the name under which it was opened, which stands in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the SHA-256 of a file, where a manifest lists it by that.
    pub(super) fn sha256(&self, name: &str) -> Option<Hash> {
        let known = self.verified.files.get(name).filter(|known| known.algorithm == Algorithm::Sha256)?;
        Hash::from_slice(&known.hash).ok()
    }

    /// Returns every file that a manifest lists, by path.
    pub fn files(&self) -> impl Iterator<Item = FileInBag<'_>> {
        self.verified.files.iter().map(|(name, known)| FileInBag { name, size: known.size })
    }

    /// Returns whether a manifest lists this file.
    pub fn has(&self, name: &str) -> bool {
        self.verified.files.contains_key(name)
    }

    /// Reads a file as a stream, which ends in an error if it is not what was verified.
    pub fn read(&self, name: &str) -> Result<BagFile<'_>> {
        let known = self.verified.files.get(name).ok_or_else(|| {
            BundleError::new(BundleFault::Invalid, "the bundle has no such file").in_file(name).of(&self.name)
        })?;
        let data = self.container.read(known.at).map_err(|error| error.in_file(name).of(&self.name))?;
        Ok(BagFile { bag: self, name: name.to_owned(), known, data, hasher: Some(known.algorithm.hasher()) })
    }

    /// Reads a whole file into memory: one that is known to be small, by [`files`](Self::files).
    pub fn read_to_vec(&self, name: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read(name)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Returns the first value of a field of `bag-info.txt`, whatever the case of its label.
    pub fn info(&self, label: &str) -> Option<&str> {
        let mut fields = self.verified.info.iter();
        fields.find(|(found, _)| found.eq_ignore_ascii_case(label)).map(|(_, value)| value.as_str())
    }

    /// Returns the version of BagIt, such as (1, 0).
    pub fn bagit_version(&self) -> (u32, u32) {
        self.verified.version
    }

    /// Returns the bytes that a signature covers: `tagmanifest-sha256.txt`. Only another tool's bag can be without.
    pub fn tag_manifest(&self) -> Option<&[u8]> {
        self.verified.tag_manifest.as_deref()
    }

    /// Says by whom the bag is signed, if by anybody, judging the keys as of an instant.
    ///
    /// A bag that is opened proves that it is whole, not where it comes from; this does.
    pub fn signature(&self, keys: &TrustedKeys, at: DateTime<Utc>) -> SignatureCheck {
        SignatureCheck::of(self.verified.signature.as_deref(), self.tag_manifest(), keys, at)
    }

    /// Returns what is valid and should be better: only for a bag opened with [`Opening::any_bag`].
    pub fn remarks(&self) -> &[String] {
        &self.verified.remarks
    }

    /// Writes the same bag with a signature that was made outside, by `ssh-keygen -Y sign`, an agent or a security key.
    ///
    /// The bytes are those that would have been written had it been signed at once.
    ///
    /// # Errors
    /// Where the signature does not cover this bag; where the bag is signed already, or lies in a folder: there the
    /// signature is a file to be put beside the tag manifest.
    pub fn write_signed<W: Write>(&self, signature: &Signature, out: W) -> Result<W> {
        self.signed(signature, out).map_err(|error| error.of(&self.name))
    }

    fn signed<W: Write>(&self, signature: &Signature, mut out: W) -> Result<W> {
        let Container::Zip(bag) = &self.container else {
            let why = format!("it is a folder; put the signature into it as {SIGNATURE_FILE}");
            return Err(BundleError::invalid(why));
        };
        if self.verified.signature.is_some() {
            return Err(BundleError::invalid("it is signed already; sign the bundle as it was before"));
        }
        let tag_manifest = self.tag_manifest().ok_or_else(|| tagless(TAG_MANIFEST))?;
        signature.covers(tag_manifest)?;
        let (at, records, count) = bag.zip.copy_files(&mut out)?;
        let mut writer = ZipWriter::new(out, at);
        let text = signature.to_string();
        writer.add(&format!("{}/{SIGNATURE_FILE}", bag.top), text.as_bytes(), false, &Limits::default())?;
        let (mut out, at, added) = writer.into_parts();
        write_directory(&mut out, at, &records, count, &added)?;
        Ok(out)
    }
}

fn tagless(name: &str) -> BundleError {
    let why = "it is not in the bundle; nothing says then whether the manifests were changed, and a signature would cover \
               nothing; ask for the bundle again";
    BundleError::altered(why).in_file(name)
}

/// A file of a verified bag, as a stream. Its end is an error if it is not what was verified.
pub struct BagFile<'a> {
    bag: &'a Bag,
    name: String,
    known: &'a Known,
    data: Box<dyn Read + Send + 'a>,
    hasher: Option<Box<dyn DynDigest + Send>>,
}

impl BagFile<'_> {
    /// Returns the number of bytes of the whole file.
    pub fn size(&self) -> u64 {
        self.known.size
    }

    fn placed(&self, error: impl Into<BundleError>) -> io::Error {
        error.into().in_file(&self.name).of(&self.bag.name).into()
    }
}

impl Read for BagFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.data.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            other => other.map_err(|error| self.placed(error))?,
        };
        if let Some(hasher) = &mut self.hasher {
            hasher.update(buffer.get(..read).unwrap_or_default());
        }
        if read == 0 && !buffer.is_empty() {
            let hash = self.hasher.take().map(|hasher| hasher.finalize());
            if hash.is_some_and(|hash| *hash != *self.known.hash) {
                let why = "it was changed since the bundle was verified; discard what was read, and open it again";
                return Err(self.placed(BundleError::altered(why)));
            }
        }
        Ok(read)
    }
}

/// A bag that is being verified.
struct Verifier<'a> {
    container: &'a Container,
    limits: &'a Limits,
    remarks: Remarks,
    files: BTreeMap<&'a str, (usize, u64)>,
    /// The files that say what is in the bag, as they were read once: those bytes are hashed, too.
    held: BTreeMap<&'a str, Vec<u8>>,
}

/// The hashes by which a file is listed.
type Hashes = BTreeMap<String, Vec<(Algorithm, Vec<u8>)>>;
/// The listed files, each with its number, its size and its hashes.
type ListedFiles = BTreeMap<String, (usize, u64, Vec<(Algorithm, Vec<u8>)>)>;

impl<'a> Verifier<'a> {
    /// Takes the names of all files, if they are safe.
    fn new(container: &'a Container, opening: &'a Opening) -> Result<Self> {
        let limits = &opening.limits;
        let strict = !opening.any_bag;
        let mut files = BTreeMap::new();
        let mut collisions = Collisions::default();
        let mut made = Vec::new();
        for (at, name, size) in container.list() {
            let bare = if size.is_none() { name.strip_suffix('/').unwrap_or(name) } else { name };
            match strict {
                true => name::check_own(bare, limits)?,
                false => name::check(bare, limits)?,
            }
            if let Some(size) = size {
                collisions.add(name)?;
                files.insert(name, (at, size));
                // Said of bags of others alone: who writes a bundle may name a file so.
                made.extend(name::of_a_system(name).filter(|_| !strict).map(|remark| remark.to_string()));
            }
        }
        collisions.files_are_no_folders()?;
        let remarks = Remarks { strict, made };
        Ok(Self { container, limits, remarks, files, held: BTreeMap::new() })
    }

    fn run(mut self) -> Result<Verified> {
        let declared = self.declaration()?;
        let info = match self.hold("bag-info.txt")? {
            true => manifest::info(&self.text(&declared, "bag-info.txt")?)?,
            false => Vec::new(),
        };
        let mut hashes = Hashes::new();
        self.manifests(&declared, &mut hashes)?;
        self.nothing_to_fetch(&declared)?;
        self.all_listed(&hashes)?;
        let signature = self.signature()?;
        self.oxum(&info)?;
        let files = self.hash_all(hashes)?;
        let tag_manifest = self.held.remove(TAG_MANIFEST);
        Ok(Verified { files, info, version: declared.version, tag_manifest, signature, remarks: self.remarks.made })
    }

    fn declaration(&mut self) -> Result<Declaration> {
        if !self.hold("bagit.txt")? {
            let why = "it is not there, so this is no bag; give the folder in which bagit.txt lies, or the ZIP of that folder";
            return Err(BundleError::new(BundleFault::NotABundle, why).in_file("bagit.txt"));
        }
        let declared = Declaration::read(self.held.get("bagit.txt").map(Vec::as_slice).unwrap_or_default())?;
        if declared.encoding != encoding_rs::UTF_8 {
            let why = format!("tag files are in {}, not in UTF-8", declared.encoding.name());
            self.remarks.make(BundleError::new(BundleFault::NotABundle, why).in_file("bagit.txt"))?;
        }
        Ok(declared)
    }

    /// Reads a tag file into memory, if it is there.
    fn hold(&mut self, name: &str) -> Result<bool> {
        let Some((&name, &(at, size))) = self.files.get_key_value(name) else { return Ok(false) };
        let placed = |error: BundleError| error.in_file(name);
        if size > self.limits.tag_file {
            let why = format!("it has {size} bytes, the limit for such a file is {}", self.limits.tag_file);
            return Err(placed(BundleError::new(BundleFault::Limit, why)));
        }
        let (together, most) =
            (size + self.held.values().map(|bytes| bytes.len() as u64).sum::<u64>(), self.limits.tag_file);
        if together > most.saturating_mul(2) {
            let why = format!("with it such files have {together} bytes, the limit for all of them is twice {most}");
            return Err(placed(BundleError::new(BundleFault::Limit, why)));
        }
        let mut bytes = Vec::new();
        let read = self.container.read(at).map_err(placed)?.read_to_end(&mut bytes);
        read.map_err(|error| placed(error.into()))?;
        self.held.insert(name, bytes);
        Ok(true)
    }

    fn text(&self, declared: &Declaration, name: &str) -> Result<String> {
        declared.text(name, self.held.get(name).map(Vec::as_slice).unwrap_or_default())
    }

    /// Reads all manifests. Every file that one of them lists must be there.
    fn manifests(&mut self, declared: &Declaration, hashes: &mut Hashes) -> Result<()> {
        let mut found = Vec::new();
        for name in self.files.keys() {
            found.push((*name, Part::of(name)?));
        }
        let mut payload = Vec::new();
        let mut signed = BTreeSet::new();
        let mut by = (BTreeSet::new(), BTreeSet::new());
        for (name, part) in found {
            let (algorithm, of_payload) = match part {
                Part::Manifest(algorithm) => (algorithm, true),
                Part::TagManifest(algorithm) => (algorithm, false),
                _ => continue,
            };
            self.hold(name)?;
            let text = self.text(declared, name)?;
            let listed = manifest::manifest(declared, (name, &text), algorithm, self.limits, &mut self.remarks)?;
            self.all_there(name, &listed, of_payload)?;
            let algorithms = if of_payload { &mut by.0 } else { &mut by.1 };
            algorithms.insert(algorithm);
            if of_payload {
                payload.push((name, listed.keys().cloned().collect::<BTreeSet<_>>()));
            }
            if name == TAG_MANIFEST {
                signed.extend(listed.keys().cloned());
            }
            for (path, hash) in listed {
                hashes.entry(path).or_default().push((algorithm, hash));
            }
        }
        self.manifests_suffice(&by.0, &by.1)?;
        self.signed_lists_all(&signed, hashes)?;
        if declared.is_final() {
            self.each_lists_all(&payload)?;
        }
        Ok(())
    }

    /// Checks that a manifest lists files of its own kind, and that they are there.
    fn all_there(&self, manifest: &str, listed: &Listed, of_payload: bool) -> Result<()> {
        for path in listed.keys() {
            let part = Part::of(path)?;
            let fits =
                if of_payload { part == Part::Payload } else { !matches!(part, Part::Payload | Part::TagManifest(_)) };
            if !fits {
                let why = format!("{manifest} lists it, where it does not belong; ask for the bag to be made again");
                return Err(BundleError::altered(why).in_file(path));
            }
            if !self.files.contains_key(path.as_str()) {
                let why = format!("{manifest} lists it, and it is not there; ask for the bundle again");
                return Err(BundleError::altered(why).in_file(path));
            }
        }
        Ok(())
    }

    /// Checks that there are manifests, and such as prove something.
    fn manifests_suffice(&mut self, payload: &BTreeSet<Algorithm>, tags: &BTreeSet<Algorithm>) -> Result<()> {
        if payload.is_empty() {
            let why = "there is none, so nothing says what the bundle holds; ask for it again";
            return Err(BundleError::altered(why).in_file("manifest-sha256.txt"));
        }
        if self.remarks.strict && !payload.contains(&Algorithm::Sha256) {
            let why = "there is none; a bundle lists its files by SHA-256, other bags are opened with any_bag";
            return Err(BundleError::altered(why).in_file("manifest-sha256.txt"));
        }
        if !tags.contains(&Algorithm::Sha256) {
            self.remarks.make(tagless(TAG_MANIFEST))?;
        }
        if !payload.iter().any(|algorithm| algorithm.proves()) {
            let names = payload.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(" and ");
            let why = format!("the payload is listed by {names} alone, which show damage but no forgery");
            self.remarks.make(BundleError::altered(why))?;
        }
        Ok(())
    }

    /// Checks that each payload manifest lists the whole payload (RFC 8493, 3).
    fn each_lists_all(&self, manifests: &[(&str, BTreeSet<String>)]) -> Result<()> {
        let payload = self.files.keys().filter(|name| name.starts_with("data/"));
        for name in payload {
            if let Some((manifest, _)) = manifests.iter().find(|(_, listed)| !listed.contains(*name)) {
                let why = format!(
                    "{manifest} does not list it; somebody added it, or the bag was made wrongly; do not use it"
                );
                return Err(BundleError::altered(why).in_file(name));
            }
        }
        Ok(())
    }

    /// Checks that the manifest which a signature covers lists each tag file that any manifest lists: what another lists alone
    /// could be added after signing.
    fn signed_lists_all(&self, signed: &BTreeSet<String>, hashes: &Hashes) -> Result<()> {
        for name in hashes.keys().filter(|name| !signed.contains(*name)) {
            if Part::of(name)? != Part::Payload && self.remarks.strict {
                let why = format!("{TAG_MANIFEST} does not list it; somebody added it after packing; do not use it");
                return Err(BundleError::altered(why).in_file(name));
            }
        }
        Ok(())
    }

    fn nothing_to_fetch(&mut self, declared: &Declaration) -> Result<()> {
        if !self.hold("fetch.txt")? {
            return Ok(());
        }
        for path in manifest::fetched(declared, &self.text(declared, "fetch.txt")?, self.limits)? {
            if Part::of(&path)? != Part::Payload || !self.files.contains_key(path.as_str()) {
                let why =
                    "fetch.txt says to fetch it from elsewhere, which is not done here; ask for a bag that is whole";
                return Err(BundleError::altered(why).in_file(&path));
            }
        }
        self.remarks.make(BundleError::altered("a bundle is whole and has nothing to fetch").in_file("fetch.txt"))
    }

    /// Looks for files that no manifest lists.
    fn all_listed(&mut self, hashes: &Hashes) -> Result<()> {
        let unlisted: Vec<&str> = self.files.keys().copied().filter(|name| !hashes.contains_key(*name)).collect();
        for name in unlisted {
            let why =
                "no manifest lists it: somebody added it after packing; do not use it, and ask for the bundle again";
            let finding = BundleError::altered(why).in_file(name);
            match Part::of(name)? {
                Part::Payload => return Err(finding),
                Part::TagManifest(_) => {}
                _ if name == SIGNATURE_FILE => {}
                _ => self.remarks.make(finding)?,
            }
        }
        Ok(())
    }

    fn signature(&mut self) -> Result<Option<String>> {
        if self.files.get(SIGNATURE_FILE).is_some_and(|(_, size)| *size > SIGNATURE_MAX as u64) {
            let why = format!("it has more than {SIGNATURE_MAX} bytes, the limit for a signature");
            return Err(BundleError::new(BundleFault::Limit, why).in_file(SIGNATURE_FILE));
        }
        self.hold(SIGNATURE_FILE)?;
        Ok(self.held.get(SIGNATURE_FILE).map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    }

    /// Compares size and number of the payload with what `bag-info.txt` says, if it does.
    fn oxum(&self, info: &[(String, String)]) -> Result<()> {
        let payload = || self.files.iter().filter(|(name, _)| name.starts_with("data/"));
        let found = (payload().map(|(_, (_, size))| size).sum::<u64>(), payload().count() as u64);
        for (_, said) in info.iter().filter(|(label, _)| label.eq_ignore_ascii_case("Payload-Oxum")) {
            let numbers =
                said.split_once('.').and_then(|(bytes, files)| Some((bytes.parse().ok()?, files.parse().ok()?)));
            if numbers != Some(found) {
                let (bytes, files) = found;
                let why = format!(
                    "it says that the payload is {said} (bytes.files), and it is {bytes}.{files}; ask for the bundle again"
                );
                return Err(BundleError::altered(why).in_file("bag-info.txt"));
            }
        }
        Ok(())
    }

    /// Reads every listed file once and compares its hashes.
    fn hash_all(&self, hashes: Hashes) -> Result<BTreeMap<String, Known>> {
        let files: ListedFiles = hashes
            .into_iter()
            .filter_map(|(name, hashes)| self.files.get(name.as_str()).map(|&(at, size)| (name, (at, size, hashes))))
            .collect();
        self.compare_all(&files)?;
        let known = files.into_iter().filter_map(|(name, (at, size, mut hashes))| {
            hashes.sort();
            hashes.pop().map(|(algorithm, hash)| (name, Known { at, size, algorithm, hash }))
        });
        Ok(known.collect())
    }

    /// Compares several files at a time, the largest first. Of several that are wrong it names the first; once one is wrong,
    /// files after it are not read.
    fn compare_all(&self, files: &ListedFiles) -> Result<()> {
        let mut order: Vec<_> = files.iter().collect();
        order.sort_by_key(|(_, (_, size, _))| Reverse(*size));
        let threads = thread::available_parallelism().map_or(1, usize::from).min(order.len());
        let queue = Mutex::new(order.into_iter());
        let wrong = FirstFault::default();
        let compare_some = || {
            let mut buffer = vec![0; 64 << 10];
            let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).find(|(name, _)| wrong.is_after(name));
            while let Some((name, (at, _, hashes))) = next() {
                let compared = match self.held.get(name.as_str()) {
                    Some(bytes) => compare(bytes.as_slice(), hashes, &mut buffer),
                    None => self.container.read(*at).and_then(|data| compare(data, hashes, &mut buffer)),
                };
                compared.unwrap_or_else(|error| wrong.add(name, error));
            }
        };
        thread::scope(|scope| {
            // As many as the system gives; this one is enough.
            let other = |_| thread::Builder::new().spawn_scoped(scope, compare_some).ok();
            let others: Vec<_> = (1..threads).map_while(other).collect();
            compare_some();
            others.into_iter().for_each(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        });
        wrong.into_result()
    }
}

/// Of the faults found so far, that of the file whose name comes first.
#[derive(Default)]
struct FirstFault<'a>(Mutex<Option<(&'a str, BundleError)>>);

impl<'a> FirstFault<'a> {
    /// Whether a fault of the file of this name would come before it.
    fn is_after(&self, name: &str) -> bool {
        is_after(&self.found(), name)
    }

    fn add(&self, name: &'a str, error: BundleError) {
        let mut found = self.found();
        if is_after(&found, name) {
            *found = Some((name, error));
        }
    }

    fn found(&self) -> MutexGuard<'_, Option<(&'a str, BundleError)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn into_result(self) -> Result<()> {
        let found = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.map_or(Ok(()), |(name, error)| Err(error.in_file(name)))
    }
}

fn is_after(found: &Option<(&str, BundleError)>, name: &str) -> bool {
    found.as_ref().is_none_or(|(first, _)| name < *first)
}

/// Reads a file to its end and compares it with each of its hashes.
fn compare(mut data: impl Read, hashes: &[(Algorithm, Vec<u8>)], buffer: &mut [u8]) -> Result<()> {
    let mut hashers: Vec<_> = hashes.iter().map(|(algorithm, _)| algorithm.hasher()).collect();
    loop {
        let read = match data.read(buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        hashers.iter_mut().for_each(|hasher| hasher.update(bytes));
    }
    for (hasher, (algorithm, hash)) in hashers.into_iter().zip(hashes) {
        if *hasher.finalize() != **hash {
            let why = format!(
                "its {} hash is not the one in the manifest: it was changed after packing; do not use it, and ask for \
                 the bundle again",
                algorithm.name()
            );
            return Err(BundleError::altered(why));
        }
    }
    Ok(())
}
