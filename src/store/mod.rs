//! The seam to storage: SQL text and plain values in, rows out, inside one transaction.
//!
//! Nouns see [`Sql`] and nothing below it. Parameters are `$1..$n`, first appearing in ascending order. What the engine
//! promises and how it keeps it stands in [`sqlite`].

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::Result;

#[cfg(test)]
pub(crate) mod faulty;
pub(crate) mod place;
mod sqlite;
pub(crate) mod values;

pub(crate) use self::sqlite::Store;
pub(crate) use self::values::{RowExt, SqlExt};

/// Where a memory is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// In one file, shared by any number of threads and processes.
    File(PathBuf),
    /// In the memory of this process, gone when the store is dropped.
    InMemory,
    /// In a private temporary file that grows as it must and is gone when the store is dropped: room to recompute in.
    Scratch,
}

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Everything, a power cut included: each write waits until the disk has it.
    #[default]
    Full,
    /// The end of the process at any instant, but not a power cut or a crash of the operating system.
    ///
    /// Writes do not wait for the disk, and are many times faster for it. After a power cut the memory opens and is
    /// whole, but the writes of the last moments, acknowledged as they were, may be missing: always the newest ones,
    /// never one from the middle. Take it for imports that can be run again.
    Normal,
}

/// How a memory is opened.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What an acknowledged write survives.
    pub(crate) durability: Durability,
    /// Whether every write is refused.
    pub(crate) read_only: bool,
    /// Whether an absent or empty file becomes a memory.
    pub(crate) create: bool,
    /// How long one call waits for other writers.
    pub(crate) busy_budget: Duration,
    /// Whether a file is opened even where the file system may not keep locks between machines.
    pub(crate) allow_network_file_system: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::Full,
            read_only: false,
            create: true,
            busy_budget: Duration::from_secs(10),
            allow_network_file_system: false,
        }
    }
}

/// A plain value on its way into a statement, or out of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// No value.
    Null,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

/// One row of an answer; columns are counted from 0.
pub(crate) trait Row {
    /// Returns the value of a column; it borrows from the row.
    fn value(&self, column: usize) -> Result<Value<'_>>;

    /// Returns how many columns the row has.
    fn columns(&self) -> usize;
}

/// Statements inside one transaction.
///
/// A statement that failed ends the transaction, as it does in PostgreSQL: there is no going on after it.
pub(crate) trait Sql {
    /// Runs a statement that changes rows and returns how many it changed.
    fn execute(&self, sql: &'static str, parameters: &[Value<'_>]) -> Result<usize>;

    /// Runs a query and hands each row to `each` until it breaks.
    fn query(
        &self,
        sql: &'static str,
        parameters: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Result<ControlFlow<()>>,
    ) -> Result<()>;
}
