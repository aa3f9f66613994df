//! Writing a ZIP through any [`Write`], in the order of adding, the same bytes for the same files.

use std::io::{self, Write};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::super::limits::Limits;
use super::deflate::{Deflater, LEVEL};
use super::{
    CENTRAL, DEFLATED, DESCRIPTOR, END, END_LEN, END64, END64_LEN, FLAG_DESCRIPTOR, IN_ZIP64, LOCAL, LOCATOR64, STORED,
};

/// 1980-01-01, the first day that ZIP knows; a real time would make two exports of one state differ.
const DAY: u16 = 0x0021;
/// A regular file that its owner writes and everybody reads, as Unix says it.
const MODE: u32 = 0o100_644;
/// Unix, by which readers know that the mode is to be read as above.
const MADE_BY_UNIX: u16 = 3 << 8;
/// The version of ZIP that a reader needs: 2.0 for deflate, 4.5 for ZIP64.
const PLAIN: u16 = 20;
const ZIP64: u16 = 45;

/// What the central directory says about one file.
pub(in crate::bundle) struct Record {
    name: String,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    at: u64,
}

/// A ZIP that is being written.
pub(in crate::bundle) struct ZipWriter<W> {
    out: W,
    at: u64,
    records: Vec<Record>,
    open: Option<Open>,
}

/// The file that is being written.
struct Open {
    record: Record,
    crc: Crc,
    data: Deflater,
}

impl<W: Write> ZipWriter<W> {
    /// Begins a ZIP whose first byte stands at `at` of what is written.
    pub(in crate::bundle) fn new(out: W, at: u64) -> Self {
        Self { out, at, records: Vec::new(), open: None }
    }

    /// Adds a file whose bytes are at hand; deflated if `deflate` asks for it, it gets smaller by it, and no receiver
    /// with these limits would take it for a bomb.
    pub(in crate::bundle) fn add(
        &mut self,
        name: &str,
        bytes: &[u8],
        deflate: bool,
        limits: &Limits,
    ) -> io::Result<()> {
        let packed = if deflate { deflated(bytes)? } else { None };
        let packed = packed.filter(|packed| !limits.is_bomb(bytes.len() as u64, packed.len() as u64));
        let method = if packed.is_some() { DEFLATED } else { STORED };
        let data = packed.as_deref().unwrap_or(bytes);
        let mut crc = Crc::new();
        crc.update(bytes);
        let record = Record {
            name: name.to_owned(),
            flags: 0,
            method,
            crc: crc.sum(),
            packed: data.len() as u64,
            size: bytes.len() as u64,
            at: self.at,
        };
        self.put(&record.local())?;
        self.put(data)?;
        self.records.push(record);
        Ok(())
    }

    /// Begins a file that is deflated as it comes, so that no receiver with these limits takes it for a bomb.
    pub(in crate::bundle) fn begin(&mut self, name: &str, limits: &Limits) -> io::Result<()> {
        let name = name.to_owned();
        let record = Record { name, flags: FLAG_DESCRIPTOR, method: DEFLATED, crc: 0, packed: 0, size: 0, at: self.at };
        self.put(&record.local())?;
        self.open = Some(Open { record, crc: Crc::new(), data: Deflater::new(limits) });
        Ok(())
    }

    /// Writes on at the file that was begun.
    pub(in crate::bundle) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Err(io::Error::other("no file was begun")) };
        open.crc.update(bytes);
        open.record.size += bytes.len() as u64;
        open.data.write(bytes, &mut self.out)
    }

    /// Ends the file that was begun.
    pub(in crate::bundle) fn end(&mut self) -> io::Result<()> {
        let Some(Open { mut record, crc, data }) = self.open.take() else { return Ok(()) };
        record.crc = crc.sum();
        record.packed = data.finish(&mut self.out)?;
        self.at += record.packed;
        self.put(&record.descriptor())?;
        self.records.push(record);
        Ok(())
    }

    /// Returns what was added, and where the central directory begins.
    pub(in crate::bundle) fn into_parts(self) -> (W, u64, Vec<Record>) {
        (self.out, self.at, self.records)
    }

    /// Writes the central directory.
    pub(in crate::bundle) fn finish(self) -> io::Result<W> {
        let (mut out, at, records) = self.into_parts();
        write_directory(&mut out, at, &[], 0, &records)?;
        Ok(out)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

/// Deflates bytes at hand; nothing if they do not get smaller by it.
fn deflated(bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(LEVEL));
    encoder.write_all(bytes)?;
    Ok(Some(encoder.finish()?).filter(|packed| packed.len() < bytes.len()))
}

/// Writes the central directory, which begins at `at` with records that stand already and goes on with these.
pub(in crate::bundle) fn write_directory(
    out: &mut impl Write,
    at: u64,
    before: &[u8],
    count: u64,
    records: &[Record],
) -> io::Result<()> {
    let mut length = before.len() as u64;
    out.write_all(before)?;
    for record in records {
        let central = record.central();
        length += central.len() as u64;
        out.write_all(&central)?;
    }
    out.write_all(&end(at, length, count + records.len() as u64))?;
    out.flush()
}

/// The end of a central directory of this place, length and number of records.
fn end(at: u64, length: u64, count: u64) -> Vec<u8> {
    let mut end = Bytes::default();
    if at >= u64::from(IN_ZIP64) || length >= u64::from(IN_ZIP64) || count >= u64::from(u16::MAX) {
        end.u32(END64).u64(END64_LEN - 12).u16(MADE_BY_UNIX | ZIP64).u16(ZIP64).u32(0).u32(0);
        end.u64(count).u64(count).u64(length).u64(at);
        end.u32(LOCATOR64).u32(0).u64(at + length).u32(1);
    }
    let count = u16::try_from(count).unwrap_or(u16::MAX);
    end.u32(END).u16(0).u16(0).u16(count).u16(count).u32(capped(length)).u32(capped(at)).u16(0);
    debug_assert!(end.0.len() as u64 >= END_LEN);
    end.0
}

/// A number for a field of 32 bits; all ones if it stands in the ZIP64 fields instead.
fn capped(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(IN_ZIP64)
}

impl Record {
    fn needs(&self) -> u16 {
        let large = [self.size, self.packed, self.at].iter().any(|number| *number >= u64::from(IN_ZIP64));
        if large { ZIP64 } else { PLAIN }
    }

    /// The local header. That of a streamed file leaves out what is not known yet.
    fn local(&self) -> Vec<u8> {
        let mut header = Bytes::default();
        header.u32(LOCAL).u16(PLAIN).u16(self.flags).u16(self.method).u16(0).u16(DAY);
        header.u32(self.crc).u32(capped(self.packed)).u32(capped(self.size)).u16(self.name.len() as u16).u16(0);
        header.0.extend_from_slice(self.name.as_bytes());
        header.0
    }

    /// What follows the data of a streamed file; sizes of 64 bits where one of them needs it.
    fn descriptor(&self) -> Vec<u8> {
        let mut descriptor = Bytes::default();
        descriptor.u32(DESCRIPTOR).u32(self.crc);
        match (u32::try_from(self.packed), u32::try_from(self.size)) {
            (Ok(packed), Ok(size)) => descriptor.u32(packed).u32(size),
            _ => descriptor.u64(self.packed).u64(self.size),
        };
        descriptor.0
    }

    fn central(&self) -> Vec<u8> {
        let extra = self.extra();
        let needs = self.needs();
        let mut record = Bytes::default();
        record.u32(CENTRAL).u16(MADE_BY_UNIX | needs).u16(needs).u16(self.flags).u16(self.method).u16(0).u16(DAY);
        record.u32(self.crc).u32(capped(self.packed)).u32(capped(self.size));
        record.u16(self.name.len() as u16).u16(extra.len() as u16).u16(0).u16(0).u16(0);
        record.u32(MODE << 16).u32(capped(self.at));
        record.0.extend_from_slice(self.name.as_bytes());
        record.0.extend_from_slice(&extra);
        record.0
    }

    /// The ZIP64 extra field: those numbers that do not fit their own fields, in the order of the format.
    fn extra(&self) -> Vec<u8> {
        let large: Vec<u64> =
            [self.size, self.packed, self.at].into_iter().filter(|number| *number >= u64::from(IN_ZIP64)).collect();
        let mut extra = Bytes::default();
        if !large.is_empty() {
            extra.u16(super::EXTRA_ZIP64).u16(8 * large.len() as u16);
            large.into_iter().for_each(|number| {
                extra.u64(number);
            });
        }
        extra.0
    }
}

/// Bytes of a header, little-endian throughout.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn u16(&mut self, number: u16) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn u32(&mut self, number: u32) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn u64(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }
}
