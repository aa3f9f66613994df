//! Deflate (RFC 1951) as a stream that no reader takes for a bomb, however much it repeats itself.

use std::io::{self, Write};
use std::mem;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::super::limits::Limits;

/// The level of deflate; part of what makes two exports equal.
pub(super) const LEVEL: u32 = 6;
/// Bytes are taken in stretches of what one stored block holds (RFC 1951, 3.2.4), so that what is written does not depend on
/// the pieces in which they came.
const STRETCH: usize = u16::MAX as usize;

/// A file that is deflated as it comes. Where it gets too small for what a reader takes, a stretch of it is stored: that is
/// one of the kinds of blocks of deflate, and makes room for many times as much that is packed.
pub(super) struct Deflater {
    encoder: DeflateEncoder<Vec<u8>>,
    limits: Limits,
    /// What is no whole stretch yet.
    waiting: Vec<u8>,
    /// The bytes of all stretches before.
    size: u64,
    /// The bytes that were written.
    packed: u64,
}

impl Deflater {
    /// Begins a file that readers with these limits are to take.
    pub(super) fn new(limits: &Limits) -> Self {
        Self { encoder: encoder(), limits: limits.clone(), waiting: Vec::with_capacity(STRETCH), size: 0, packed: 0 }
    }

    /// Takes more of the file and writes what is ready.
    pub(super) fn write(&mut self, mut bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = bytes.len().min(STRETCH - self.waiting.len());
            let (taken, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.waiting.extend_from_slice(taken);
            bytes = rest;
            if self.waiting.len() == STRETCH {
                self.stretch(out)?;
            }
        }
        Ok(())
    }

    /// Ends the file and returns how many bytes were written of it.
    pub(super) fn finish(mut self, out: &mut impl Write) -> io::Result<u64> {
        self.stretch(out)?;
        let rest = self.encoder.finish()?;
        out.write_all(&rest)?;
        Ok(self.packed + rest.len() as u64)
    }

    /// Writes what is waiting: packed if the file may get smaller by it, stored otherwise.
    fn stretch(&mut self, out: &mut impl Write) -> io::Result<()> {
        let mut stretch = mem::take(&mut self.waiting);
        self.size += stretch.len() as u64;
        match self.may_shrink(out)? {
            true => self.encoder.write_all(&stretch)?,
            false => self.store(&stretch, out)?,
        }
        self.pass_on(out)?;
        stretch.clear();
        self.waiting = stretch;
        Ok(())
    }

    /// Whether the file stays within the ratio even if nothing at all is written of the next stretch.
    fn may_shrink(&mut self, out: &mut impl Write) -> io::Result<bool> {
        if self.limits.stays_no_bomb(self.size, self.packed) {
            return Ok(true);
        }
        // What the encoder holds back counts, too. Only half of the ratio is good enough then, so that it is not asked for at
        // each stretch.
        self.encoder.flush()?;
        self.pass_on(out)?;
        let half = Limits { ratio: self.limits.ratio / 2, ..self.limits.clone() };
        Ok(half.stays_no_bomb(self.size, self.packed))
    }

    /// Writes a stored block, after all that the encoder held back.
    fn store(&mut self, stretch: &[u8], out: &mut impl Write) -> io::Result<()> {
        // An encoder refers to bytes by how far back they stand, so the one before cannot go on behind bytes that it never saw.
        self.encoder = encoder();
        let length = u16::try_from(stretch.len()).map_err(io::Error::other)?;
        let header = [&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes()].concat();
        out.write_all(&header)?;
        out.write_all(stretch)?;
        self.packed += (header.len() + stretch.len()) as u64;
        Ok(())
    }

    /// Writes what the encoder has ready.
    fn pass_on(&mut self, out: &mut impl Write) -> io::Result<()> {
        let ready = self.encoder.get_mut();
        self.packed += ready.len() as u64;
        out.write_all(ready)?;
        ready.clear();
        Ok(())
    }
}

fn encoder() -> DeflateEncoder<Vec<u8>> {
    DeflateEncoder::new(Vec::new(), Compression::new(LEVEL))
}
