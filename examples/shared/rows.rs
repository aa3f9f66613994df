//! The tables under `examples/data`, and what of them had begun at an instant.

use std::fs;

use chrono::{DateTime, Utc};
use heirloom::{Error, Result, When};

pub(crate) const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data");

/// The text of a table.
pub(crate) fn text(file: &str) -> Result<String> {
    let path = format!("{DATA}/{file}");
    fs::read_to_string(&path).map_err(|e| Error::Io { path: path.into(), why: e.to_string() })
}

/// The rows of a table without quoted cells, below its header.
pub(crate) fn rows(file: &str) -> Result<Vec<Vec<String>>> {
    Ok(text(file)?.lines().skip(1).map(|row| row.split(',').map(str::to_owned).collect()).collect())
}

/// The header of a table whose second cell is a date, and its rows up to an instant.
pub(crate) fn at_most(table: &str, at: DateTime<Utc>) -> String {
    let old = |row: &&str| row.split(',').nth(1).is_none_or(|date| date == "Date" || begun(date, at));
    table.lines().filter(old).map(|row| format!("{row}\n")).collect()
}

/// The first instant of a date.
pub(crate) fn begins(date: &str) -> Result<DateTime<Utc>> {
    Ok(date.parse::<When>()?.start())
}

/// Whether a date had begun at an instant; none is still to come.
pub(crate) fn begun(date: &str, at: DateTime<Utc>) -> bool {
    begins(date).is_ok_and(|begins| begins <= at)
}
