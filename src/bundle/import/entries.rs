//! The entries of a bundle, read ahead of whoever takes them.
//!
//! Unpacking, hashing and reading the lines goes on on a thread of its own while the entries before are stored.

use std::io::{BufReader, Read};
use std::panic::resume_unwind;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use uuid::Uuid;

use super::{JOURNAL, STATEMENT, line_of, placed, refusal};
use crate::bundle::bag::{Bag, BagFile};
use crate::bundle::error::BundleError;
use crate::error::{Error, Result};
use crate::exchange::lines::{Line, read_line_within, without_end};
use crate::journal::Hash;
use crate::journal::receive::{Incoming, Record};

/// The longest line of a journal, in bytes: what the largest source that an import reads can become as JSON.
const LINE_MAX: usize = (96 << 20) + (1 << 20);
/// So many bytes of lines are handed over at once, or a single longer line.
const BATCH: usize = 256 << 10;
/// So many batches wait to be taken; one more is being filled, and one more being taken.
const WAITING: usize = 1;

/// Hands over every entry of a bundle, in the order in which they stand; its statement names their file by the hash.
pub(crate) fn each_entry(bag: &Bag, journal: Hash, each: &mut dyn FnMut(Incoming) -> Result<()>) -> Result<()> {
    if bag.sha256(JOURNAL) != Some(journal) {
        let why = format!("it is not the one that {STATEMENT} names by its SHA-256; ask for the bundle again");
        return Err(refusal(bag, Some(JOURNAL), &why));
    }
    let mut entries = Entries::of(bag)?;
    match ahead(&mut entries, each) {
        Some(taken) => taken,
        None => std::iter::from_fn(|| entries.batch()).flatten().try_for_each(|entry| each(entry?)),
    }
}

/// Hands over every entry, as they are read on a thread of its own; `None`, and none was read, where the system gives no thread.
fn ahead(entries: &mut Entries<'_>, each: &mut dyn FnMut(Incoming) -> Result<()>) -> Option<Result<()>> {
    thread::scope(|scope| {
        let (filled, batches) = sync_channel(WAITING);
        let (acknowledge, taken) = channel();
        let read = move || {
            let mut under_way = 0;
            // Nobody takes any more once something was wrong.
            while let Some(batch) = entries.batch()
                && filled.send(batch).is_ok()
            {
                under_way += 1;
                // A long entry is held once as a line, once as a record and once as a change: never two of them at a time.
                while under_way > 0 && entries.is_long() && taken.recv().is_ok() {
                    under_way -= 1;
                }
                under_way -= taken.try_iter().count();
            }
        };
        let reader = thread::Builder::new().spawn_scoped(scope, read).ok()?;
        let done = batches.into_iter().try_for_each(move |batch| {
            batch.into_iter().try_for_each(|entry| each(entry?))?;
            // Where nobody reads any more, nobody waits for it.
            let _ = acknowledge.send(());
            Ok(())
        });
        reader.join().unwrap_or_else(|panic| resume_unwind(panic));
        Some(done)
    })
}

/// The entries of a bundle, line by line.
struct Entries<'a> {
    bag: &'a Bag,
    input: BufReader<BagFile<'a>>,
    line: Vec<u8>,
    /// How many bytes the line had.
    bytes: usize,
    /// The number of the line.
    number: u64,
    /// The place of the newest entry in the order of all.
    newest: Option<(i64, Uuid)>,
}

impl<'a> Entries<'a> {
    fn of(bag: &'a Bag) -> Result<Self> {
        let input = BufReader::with_capacity(1 << 16, bag.read(JOURNAL)?);
        Ok(Self { bag, input, line: Vec::new(), bytes: 0, number: 0, newest: None })
    }

    /// Reads some entries, up to the first that is wrong; `None` at the end.
    fn batch(&mut self) -> Option<Vec<Result<Incoming>>> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while bytes < BATCH
            && batch.last().is_none_or(Result::is_ok)
            && let Some(entry) = self.read().transpose()
        {
            bytes += self.bytes;
            batch.push(entry.map_err(|error| placed(self.bag, &line_of(self.number), error)));
        }
        (!batch.is_empty()).then_some(batch)
    }

    /// Whether the last line was longer than a batch.
    const fn is_long(&self) -> bool {
        self.bytes > BATCH
    }

    /// Reads the next entry, which must come after the one before it.
    fn read(&mut self) -> Result<Option<Incoming>> {
        self.number += 1;
        if !next_line(&mut self.input, &mut self.line)? {
            return Ok(None);
        }
        self.bytes = self.line.len();
        let record = record(without_end(&self.line))?;
        if self.is_long() {
            self.line = Vec::new();
        }
        let place = Some((record.stamp, record.id));
        if place <= self.newest {
            return Err(Error::refused(format!(
                "entry {} ({}) stands out of order, which is that of the stamps; somebody changed the bundle, ask for it \
                 again",
                record.id, record.kind
            )));
        }
        self.newest = place;
        Incoming::new(record).map(Some)
    }
}

/// Reads the next line, at most [`LINE_MAX`] bytes of it; says whether there is one.
fn next_line(input: &mut BufReader<impl Read>, line: &mut Vec<u8>) -> Result<bool> {
    line.clear();
    match read_line_within(LINE_MAX, input, b'\n', line).map_err(BundleError::from)? {
        None => Ok(false),
        Some(Line::Whole) => Ok(true),
        Some(Line::TooLong) => Err(Error::refused(format!(
            "it has more than {LINE_MAX} bytes, the limit for an entry; no memory writes such a line"
        ))),
    }
}

/// Reads an entry from its line.
fn record(line: &[u8]) -> Result<Record> {
    let text = std::str::from_utf8(line).map_err(|error| {
        let at = error.valid_up_to() + 1;
        Error::refused(format!(
            "it is not UTF-8 at byte {at}; the file was damaged or changed, ask for the bundle again"
        ))
    })?;
    serde_json::from_str(text).map_err(|error| {
        let advice = match error.classify() {
            serde_json::error::Category::Data => {
                "upgrade heirloom if a newer one packed the bundle, else ask for it again"
            }
            _ => "the file was damaged or changed, ask for the bundle again",
        };
        Error::refused(format!("it is no entry as JSON ({error}); {advice}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_above_the_limit_is_refused_without_being_held() {
        let long = Read::take(std::io::repeat(b'x'), LINE_MAX as u64 + 1);
        let mut line = Vec::new();
        let error = next_line(&mut BufReader::with_capacity(1 << 20, long), &mut line).unwrap_err();
        assert!(error.to_string().contains("more than 101711872 bytes, the limit for an entry"), "{error}");
        assert!(line.is_empty());
    }
}
