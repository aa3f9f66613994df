//! Reading a ZIP in which every byte has one meaning, and refusing all others in words.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::{Mutex, MutexGuard, PoisonError};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::super::error::{BundleError, BundleFault, Result};
use super::super::limits::Limits;
use super::{
    CENTRAL, CENTRAL_LEN, DEFLATED, DESCRIPTOR, END, END_LEN, END64, END64_LEN, EXTRA_OTHER_NAME, EXTRA_ZIP64,
    FLAG_DESCRIPTOR, FLAG_UTF8, IN_ZIP64, LOCAL, LOCAL_LEN, LOCATOR64, LOCATOR64_LEN, STORED,
};

/// The flags that change nothing about what is read: how hard it was deflated, and the two that are understood.
const FLAGS_READ: u16 = 0b110 | FLAG_DESCRIPTOR | FLAG_UTF8;
/// The largest central record: three lengths of 16 bits each beside the fixed part.
const CENTRAL_MAX: u64 = CENTRAL_LEN as u64 + 3 * 65_535;

/// Where the bytes of a ZIP come from.
pub(in crate::bundle) trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

/// A ZIP whose structure was checked. The bytes of its files were not.
pub(in crate::bundle) struct Zip {
    source: Mutex<Placed>,
    directory: Directory,
    entries: Vec<Entry>,
}

/// One file or folder of a ZIP.
#[derive(Clone, Debug)]
pub(in crate::bundle) struct Entry {
    pub(in crate::bundle) name: String,
    pub(in crate::bundle) size: u64,
    pub(in crate::bundle) folder: bool,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    header: u64,
    data: u64,
}

/// A source, and where it stands.
struct Placed {
    source: Box<dyn Source>,
    at: u64,
}

/// Where the central directory stands.
#[derive(Clone, Copy)]
struct Directory {
    at: u64,
    length: u64,
    count: u64,
}

impl Placed {
    /// Reads some bytes from `at` on.
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at != at {
            self.at = u64::MAX; // known again once the source says so
            self.at = self.source.seek(SeekFrom::Start(at))?;
        }
        let read = self.source.read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }

    fn exactly(&mut self, at: u64, buffer: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read_at(at + filled as u64, rest) {
                Ok(0) => return Err(cut_off()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn fixed<const N: usize>(&mut self, at: u64) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.exactly(at, &mut bytes)?;
        Ok(bytes)
    }
}

fn cut_off() -> BundleError {
    BundleError::damaged("it is cut off; fetch it again")
}

fn contradicts(what: &str) -> BundleError {
    BundleError::damaged(format!("{what}; it is damaged or was made to deceive, ask for it again"))
}

fn unsafe_zip(what: impl Into<String>) -> BundleError {
    BundleError::new(BundleFault::Unsafe, what)
}

impl Zip {
    /// Reads the headers of a ZIP and checks all of them; reads no file.
    pub(in crate::bundle) fn open(source: Box<dyn Source>, limits: &Limits) -> Result<Self> {
        let mut source = Placed { source, at: u64::MAX };
        let length = source.source.seek(SeekFrom::End(0))?;
        let directory = Directory::find(&mut source, length)?;
        if directory.count > limits.files as u64 {
            let why = format!("it has {} files and folders, the limit is {}", directory.count, limits.files);
            return Err(BundleError::new(BundleFault::Limit, why));
        }
        let mut entries = directory.read(&mut source, limits)?;
        entries.sort_by_key(|entry| entry.header);
        let mut at = 0;
        for entry in &mut entries {
            at = entry.check(&mut source, at, directory.at).map_err(|error| error.in_file(&entry.name))?;
        }
        if at != directory.at {
            return Err(contradicts("it holds bytes between its last file and its directory that belong to nothing"));
        }
        Ok(Self { source: Mutex::new(source), directory, entries })
    }

    /// Returns the files and folders in the order in which they stand.
    pub(in crate::bundle) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Reads the bytes of a file; the end of the stream is an error if they are not what the headers say.
    pub(in crate::bundle) fn open_entry(&self, entry: &Entry) -> EntryReader<'_> {
        let span = BufReader::with_capacity(64 << 10, Span { zip: self, at: entry.data, left: entry.packed });
        let data = match entry.method {
            DEFLATED => Data::Deflated(Box::new(DeflateDecoder::new(span))),
            _ => Data::Stored(span),
        };
        EntryReader {
            data,
            crc: Crc::new(),
            read: 0,
            ended: false,
            size: entry.size,
            sum: entry.crc,
            packed: entry.packed,
        }
    }

    /// Copies everything before the central directory, and returns its place, records and number.
    pub(in crate::bundle) fn copy_files(&self, out: &mut impl io::Write) -> Result<(u64, Vec<u8>, u64)> {
        let Directory { at, length, count } = self.directory;
        io::copy(&mut Span { zip: self, at: 0, left: at }, out)?;
        let mut records = Vec::new();
        Span { zip: self, at, left: length }.read_to_end(&mut records)?;
        Ok((at, records, count))
    }

    fn source(&self) -> MutexGuard<'_, Placed> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says why what begins so is no ZIP.
fn no_zip(beginning: &[u8]) -> BundleError {
    let why = match beginning.starts_with(b"age-encryption.org/") || beginning.starts_with(b"-----BEGIN AGE") {
        true => {
            "it is sealed (age); open it with the receiver's key: age -d -i key.txt -o handoff.zip handoff.zip.age, or \
             heirloom's Unsealer"
        }
        false => {
            "it does not end as a ZIP does: it is cut off, something was appended to it, or it is no ZIP; fetch it again"
        }
    };
    BundleError::new(BundleFault::NotABundle, why)
}

impl Directory {
    /// Finds the central directory from the end of the file, which must be the end of the ZIP.
    fn find(source: &mut Placed, length: u64) -> Result<Self> {
        let Some(end_at) = length.checked_sub(END_LEN) else { return Err(no_zip(&[])) };
        let bytes = source.fixed::<{ END_LEN as usize }>(end_at)?;
        let mut end = Fields(&bytes);
        if end.u32() != END {
            return Err(no_zip(&source.fixed::<{ END_LEN as usize }>(0)?));
        }
        let (disk, start, here, count) = (end.u16(), end.u16(), end.u16(), end.u16());
        let (size, at, comment) = (end.u32(), end.u32(), end.u16());
        if comment != 0 {
            return Err(no_zip(&[]));
        }
        if disk != 0 || start != 0 || here != count {
            return Err(BundleError::new(BundleFault::NotABundle, "it is a part of a ZIP of several parts; join them"));
        }
        let large = count == u16::MAX || size == IN_ZIP64 || at == IN_ZIP64;
        let (found, end_at) = match large {
            true => Self::find_large(source, end_at)?,
            false => (Self { at: at.into(), length: size.into(), count: count.into() }, end_at),
        };
        match found.at.checked_add(found.length) {
            Some(ends) if ends == end_at && found.fits() => Ok(found),
            _ => Err(contradicts("its directory is not where its end says")),
        }
    }

    /// Finds it through the ZIP64 end, and returns where that begins.
    fn find_large(source: &mut Placed, end_at: u64) -> Result<(Self, u64)> {
        let wrong = || contradicts("its ZIP64 end is not where its end says");
        let locator_at = end_at.checked_sub(LOCATOR64_LEN).ok_or_else(wrong)?;
        let bytes = source.fixed::<{ LOCATOR64_LEN as usize }>(locator_at)?;
        let mut locator = Fields(&bytes);
        let (signature, disk, at, disks) = (locator.u32(), locator.u32(), locator.u64(), locator.u32());
        let follows = at.checked_add(END64_LEN) == Some(locator_at);
        if signature != LOCATOR64 || disk != 0 || disks > 1 || !follows {
            return Err(wrong());
        }
        let bytes = source.fixed::<{ END64_LEN as usize }>(at)?;
        let mut end = Fields(&bytes);
        let (signature, rest, _made, _needs) = (end.u32(), end.u64(), end.u16(), end.u16());
        let (disk, start, here, count) = (end.u32(), end.u32(), end.u64(), end.u64());
        let found = Self { count, length: end.u64(), at: end.u64() };
        match signature == END64 && rest == END64_LEN - 12 && disk == 0 && start == 0 && here == count {
            true => Ok((found, at)),
            false => Err(wrong()),
        }
    }

    /// Whether the number of records can be true of a directory of this length.
    fn fits(&self) -> bool {
        let least = self.count.saturating_mul(CENTRAL_LEN as u64);
        (least..=self.count.saturating_mul(CENTRAL_MAX)).contains(&self.length)
    }

    fn read(&self, source: &mut Placed, limits: &Limits) -> Result<Vec<Entry>> {
        let mut records = BufReader::new(Bounded { source, at: self.at, left: self.length });
        let mut entries = Vec::new();
        let mut total = 0_u64;
        for number in 1..=self.count {
            let entry =
                Entry::read(&mut records, limits).map_err(|error| error.in_file(&format!("record {number}")))?;
            entry.within(limits, &mut total).map_err(|error| error.in_file(&entry.name))?;
            entries.push(entry);
        }
        match records.fill_buf_is_empty()? {
            true => Ok(entries),
            false => Err(contradicts("its directory holds bytes that belong to nothing")),
        }
    }
}

/// Whether a reader is at its end.
trait AtEnd {
    fn fill_buf_is_empty(&mut self) -> io::Result<bool>;
}

impl<R: io::BufRead> AtEnd for R {
    fn fill_buf_is_empty(&mut self) -> io::Result<bool> {
        Ok(self.fill_buf()?.is_empty())
    }
}

/// A part of a source that is not shared yet.
struct Bounded<'a> {
    source: &'a mut Placed,
    at: u64,
    left: u64,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read_at(self.at, capped(buffer, self.left))?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// A part of the ZIP, read through its lock so that several files can be read at once.
struct Span<'a> {
    zip: &'a Zip,
    at: u64,
    left: u64,
}

impl Read for Span<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.zip.source().read_at(self.at, capped(buffer, self.left))?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// The beginning of a buffer, no longer than what is left.
fn capped(buffer: &mut [u8], left: u64) -> &mut [u8] {
    let length = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
    buffer.get_mut(..length).unwrap_or_default()
}

/// What an entry's extra fields may say instead of its own.
struct Extra<'a> {
    zip64: Option<Fields<'a>>,
}

impl Entry {
    /// Reads a record of the central directory.
    fn read(records: &mut impl Read, limits: &Limits) -> Result<Self> {
        let mut bytes = [0; CENTRAL_LEN];
        fill(records, &mut bytes)?;
        let mut fields = Fields(&bytes);
        let signature = fields.u32();
        let (made_by, _needs, flags, method) = (fields.u16(), fields.u16(), fields.u16(), fields.u16());
        let (_time, crc) = (fields.u32(), fields.u32());
        let (packed, size) = (fields.u32(), fields.u32());
        let (name_len, extra_len, comment_len) = (fields.u16(), fields.u16(), fields.u16());
        let (disk, _text, mode, header) = (fields.u16(), fields.u16(), fields.u32(), fields.u32());
        if signature != CENTRAL {
            return Err(contradicts("its directory does not hold what its end says"));
        }
        check_name_len(name_len.into(), limits.name)?;
        let name = taken(records, name_len)?;
        let extra = taken(records, extra_len)?;
        taken(records, comment_len)?;
        let name = text(name, flags)?;
        let named = |error: BundleError| error.in_file(&name);
        let mut zip64 = Extra::read(&extra).map_err(named)?.zip64;
        let mut wide = |small: u32| match (small, &mut zip64) {
            (IN_ZIP64, Some(fields)) if fields.0.len() >= 8 => fields.u64(),
            _ => small.into(),
        };
        let (size, packed, header) = (wide(size), wide(packed), wide(header));
        let folder = name.ends_with('/');
        let entry = Self { name, size, folder, flags, method, crc, packed, header, data: 0 };
        entry.readable(disk, made_by, mode).map_err(|error| error.in_file(&entry.name))?;
        Ok(entry)
    }

    /// Refuses what is not read: encryption, other methods, links, devices.
    fn readable(&self, disk: u16, made_by: u16, mode: u32) -> Result<()> {
        if disk != 0 {
            return Err(unsafe_zip("it is in another part of a ZIP of several parts; join them"));
        }
        if self.flags & 1 != 0 || self.flags & (1 << 6) != 0 || self.method == 99 {
            return Err(unsafe_zip("it is encrypted by ZIP; ask for a bundle that is sealed with age, or not at all"));
        }
        if self.flags & !FLAGS_READ != 0 {
            return Err(unsafe_zip("its header has flags that no bundle has; ask for it to be packed again"));
        }
        if ![STORED, DEFLATED].contains(&self.method) {
            let why = format!("it is packed by method {}; only stored (0) and deflated (8) are read", self.method);
            return Err(unsafe_zip(why));
        }
        if self.folder && (self.size != 0 || self.packed > 2) {
            return Err(unsafe_zip("it is named as a folder but holds bytes"));
        }
        match made_by >> 8 {
            3 | 19 => kind_fits(mode >> 16, self.folder),
            _ => Ok(()),
        }
    }

    /// Refuses what is too large by its own account; that the account is true is checked while it is read.
    fn within(&self, limits: &Limits, total: &mut u64) -> Result<()> {
        let over = |why: String| Err(BundleError::new(BundleFault::Limit, why));
        if self.size > limits.file {
            return over(format!("it has {} bytes unpacked, the limit for one file is {}", self.size, limits.file));
        }
        if limits.is_bomb(self.size, self.packed) {
            let (size, packed, ratio) = (self.size, self.packed, limits.ratio);
            return over(format!(
                "{packed} bytes unpack to {size}, more than {ratio} times as many, which is the limit"
            ));
        }
        *total = total.saturating_add(self.size);
        if *total > limits.total {
            return over(format!("with it the bundle has {total} bytes unpacked, the limit is {}", limits.total));
        }
        Ok(())
    }

    /// Compares the local header, which must stand at `at`, and returns where the next one begins.
    fn check(&mut self, source: &mut Placed, at: u64, directory: u64) -> Result<u64> {
        if self.header != at {
            let what = if self.header < at { "overlap" } else { "have a gap between them" };
            return Err(contradicts(&format!("it and the file before it {what}")));
        }
        let disagree = || contradicts("what stands before it and what the directory says of it disagree");
        let bytes = source.fixed::<{ LOCAL_LEN as usize }>(at)?;
        let mut local = Fields(&bytes);
        let (signature, _needs, flags, method, _time) =
            (local.u32(), local.u16(), local.u16(), local.u16(), local.u32());
        let (crc, packed, size) = (local.u32(), local.u32(), local.u32());
        let (name_len, extra_len) = (local.u16(), local.u16());
        if signature != LOCAL || flags != self.flags || method != self.method {
            return Err(disagree());
        }
        let mut rest = vec![0; usize::from(name_len) + usize::from(extra_len)];
        source.exactly(at + LOCAL_LEN, &mut rest)?;
        let (name, extra) = rest.split_at_checked(name_len.into()).unwrap_or_default();
        if name != self.name.as_bytes() {
            return Err(disagree());
        }
        self.compare(crc, packed, size, Extra::read(extra)?).ok_or_else(disagree)?;
        self.data = at + LOCAL_LEN + rest.len() as u64;
        let ends = self.data.checked_add(self.packed).filter(|ends| *ends <= directory).ok_or_else(disagree)?;
        match flags & FLAG_DESCRIPTOR != 0 {
            true => self.descriptor(source, ends, directory),
            false => Ok(ends),
        }
    }

    /// Compares sizes and checksum; a streamed file may leave out any of them before its data.
    fn compare(&self, crc: u32, packed: u32, size: u32, extra: Extra<'_>) -> Option<()> {
        let mut zip64 = extra.zip64;
        let mut wide = |small: u32| match (small, &mut zip64) {
            (IN_ZIP64, Some(fields)) if fields.0.len() >= 8 => fields.u64(),
            _ => small.into(),
        };
        let (size, packed) = (wide(size), wide(packed));
        let pairs = [(u64::from(crc), u64::from(self.crc)), (packed, self.packed), (size, self.size)];
        let streamed = self.flags & FLAG_DESCRIPTOR != 0;
        pairs.iter().all(|(local, central)| local == central || streamed && *local == 0).then_some(())
    }

    /// Compares the descriptor after the data: with or without signature, with sizes of 32 or 64 bits (4.3.9).
    fn descriptor(&self, source: &mut Placed, at: u64, directory: u64) -> Result<u64> {
        let room = (directory - at).min(24) as usize;
        let mut bytes = [0; 24];
        let found = bytes.get_mut(..room).unwrap_or_default();
        source.exactly(at, found)?;
        let signed: [&[u8]; 2] = [&DESCRIPTOR.to_le_bytes(), &[]];
        for signature in signed {
            for wide in [false, true] {
                let expected = self.described(signature, wide);
                if expected.as_deref().is_some_and(|expected| found.starts_with(expected)) {
                    return Ok(at + expected.map_or(0, |expected| expected.len() as u64));
                }
            }
        }
        Err(contradicts("what stands after it and what the directory says of it disagree"))
    }

    fn described(&self, signature: &[u8], wide: bool) -> Option<Vec<u8>> {
        let crc = self.crc.to_le_bytes();
        let sizes = match wide {
            true => [self.packed.to_le_bytes(), self.size.to_le_bytes()].concat(),
            false => {
                let (packed, size) = (u32::try_from(self.packed).ok()?, u32::try_from(self.size).ok()?);
                [packed.to_le_bytes(), size.to_le_bytes()].concat()
            }
        };
        Some([signature, &crc, &sizes].concat())
    }
}

/// Refuses a name that is too long to be held. Its top folder and the path in that are held to the limit once they are told apart.
fn check_name_len(length: usize, limit: usize) -> Result<()> {
    // The top folder, a slash, the path in it, and the slash of a folder.
    match length > limit.saturating_mul(2).saturating_add(2) {
        true => {
            let why = format!(
                "its name has {length} bytes; the limit is {limit} for the top folder and {limit} for a path in it"
            );
            Err(BundleError::new(BundleFault::Limit, why))
        }
        false => Ok(()),
    }
}

/// Checks what a Unix mode says that an entry is.
fn kind_fits(mode: u32, folder: bool) -> Result<()> {
    match (mode & 0o170_000, folder) {
        (0, _) | (0o100_000, false) | (0o040_000, true) => Ok(()),
        (0o120_000, _) => Err(unsafe_zip("it is a symbolic link; a bundle holds files only")),
        (0o040_000, false) | (0o100_000, true) => {
            Err(unsafe_zip("it is a folder by its mode or its name, but not by both"))
        }
        _ => Err(unsafe_zip("it is a device or another special file; a bundle holds files only")),
    }
}

impl<'a> Extra<'a> {
    fn read(mut bytes: &'a [u8]) -> Result<Self> {
        let mut zip64 = None;
        // Up to three bytes of padding are common; they cannot hold a field.
        while bytes.len() >= 4 {
            let mut head = Fields(bytes);
            let (id, length) = (head.u16(), usize::from(head.u16()));
            let (field, rest) =
                head.0.split_at_checked(length).ok_or_else(|| contradicts("its extra fields are cut off"))?;
            match id {
                EXTRA_ZIP64 if zip64.is_some() => return Err(contradicts("it gives its sizes twice")),
                EXTRA_ZIP64 => zip64 = Some(Fields(field)),
                EXTRA_OTHER_NAME => {
                    return Err(unsafe_zip("it has a second name, which some tools would take instead"));
                }
                _ => {}
            }
            bytes = rest;
        }
        Ok(Self { zip64 })
    }
}

/// Reads the fields of a header one after the other, little-endian; past its end they are 0.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.0.split_first_chunk::<N>().map_or(([0; N], &[][..]), |(head, rest)| (*head, rest));
        self.0 = rest;
        head
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}

fn fill(from: &mut impl Read, buffer: &mut [u8]) -> Result<()> {
    from.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => contradicts("its directory is cut off"),
        _ => error.into(),
    })
}

fn taken(from: &mut impl Read, length: u16) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length.into()];
    fill(from, &mut bytes)?;
    Ok(bytes)
}

/// A name as all tools read it: ASCII, or marked as UTF-8.
fn text(name: Vec<u8>, flags: u16) -> Result<String> {
    let known = name.is_ascii() || flags & FLAG_UTF8 != 0;
    match String::from_utf8(name) {
        Ok(name) if known => Ok(name),
        Ok(name) => {
            Err(unsafe_zip("its name is neither ASCII nor marked as UTF-8; tools read it in different ways")
                .in_file(&name))
        }
        Err(_) => Err(unsafe_zip("a name is not UTF-8; ask for it to be packed again")),
    }
}

/// The bytes of one file. What comes out is no more than the headers say, and the end is an error unless it is as much,
/// and as the checksum says.
pub(in crate::bundle) struct EntryReader<'a> {
    data: Data<'a>,
    crc: Crc,
    read: u64,
    ended: bool,
    size: u64,
    sum: u32,
    packed: u64,
}

enum Data<'a> {
    Stored(BufReader<Span<'a>>),
    Deflated(Box<DeflateDecoder<BufReader<Span<'a>>>>),
}

impl Read for EntryReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        let read = match &mut self.data {
            Data::Stored(data) => data.read(buffer)?,
            Data::Deflated(data) => data.read(buffer).map_err(broken)?,
        };
        self.read += read as u64;
        if self.read > self.size {
            return Err(contradicts("it unpacks to more bytes than its header says").into());
        }
        self.crc.update(buffer.get(..read).unwrap_or_default());
        if read == 0 {
            self.at_end()?;
        }
        Ok(read)
    }
}

/// Tells a stream that is no deflate from a source that fails.
fn broken(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            contradicts("what it is packed into cannot be unpacked").into()
        }
        _ => error,
    }
}

impl EntryReader<'_> {
    fn at_end(&mut self) -> Result<()> {
        self.ended = true;
        let taken = match &self.data {
            Data::Stored(_) => self.read,
            Data::Deflated(data) => data.total_in(),
        };
        if self.read != self.size || taken != self.packed {
            return Err(contradicts("it unpacks to fewer bytes than its header says"));
        }
        match self.crc.sum() == self.sum {
            true => Ok(()),
            false => Err(contradicts("its checksum is not the one in its header")),
        }
    }
}
