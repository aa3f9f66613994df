//! Plain values in and out: conversions that every statement of the crate uses.

use std::ops::ControlFlow;

use uuid::Uuid;

use super::{Row, Sql, Value};
use crate::error::{Error, Result};

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Int)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(value: Option<&'a str>) -> Self {
        value.map_or(Self::Null, Self::Text)
    }
}

impl<'a> From<Option<&'a [u8]>> for Value<'a> {
    fn from(value: Option<&'a [u8]>) -> Self {
        value.map_or(Self::Null, Self::Blob)
    }
}

impl<'a> From<&'a Uuid> for Value<'a> {
    fn from(value: &'a Uuid) -> Self {
        Self::Blob(value.as_bytes())
    }
}

/// Reading the columns of a row as what they are.
pub(crate) trait RowExt: Row {
    /// An integer.
    fn int(&self, column: usize) -> Result<i64> {
        match self.value(column)? {
            Value::Int(value) => Ok(value),
            other => Err(wrong(column, "an integer", other)),
        }
    }

    /// An integer or nothing.
    fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Int(value) => Ok(Some(value)),
            other => Err(wrong(column, "an integer", other)),
        }
    }

    /// A text.
    fn text(&self, column: usize) -> Result<&str> {
        match self.value(column)? {
            Value::Text(value) => Ok(value),
            other => Err(wrong(column, "text", other)),
        }
    }

    /// A text or nothing.
    fn opt_text(&self, column: usize) -> Result<Option<&str>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Text(value) => Ok(Some(value)),
            other => Err(wrong(column, "text", other)),
        }
    }

    /// A text, owned.
    fn string(&self, column: usize) -> Result<String> {
        self.text(column).map(str::to_owned)
    }

    /// A text or nothing, owned.
    fn opt_string(&self, column: usize) -> Result<Option<String>> {
        Ok(self.opt_text(column)?.map(str::to_owned))
    }

    /// Bytes.
    fn blob(&self, column: usize) -> Result<&[u8]> {
        match self.value(column)? {
            Value::Blob(value) => Ok(value),
            other => Err(wrong(column, "bytes", other)),
        }
    }

    /// Bytes or nothing.
    fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Blob(value) => Ok(Some(value)),
            other => Err(wrong(column, "bytes", other)),
        }
    }

    /// The sixteen bytes of an id.
    fn uuid(&self, column: usize) -> Result<Uuid> {
        exactly(self.blob(column)?, column).map(Uuid::from_bytes)
    }

    /// The sixteen bytes of an id, or nothing.
    fn opt_uuid(&self, column: usize) -> Result<Option<Uuid>> {
        self.opt_blob(column)?.map(|bytes| exactly(bytes, column).map(Uuid::from_bytes)).transpose()
    }
}

impl<R: Row + ?Sized> RowExt for R {}

/// Takes bytes of a known length.
pub(crate) fn exactly<const N: usize>(bytes: &[u8], column: usize) -> Result<[u8; N]> {
    bytes
        .try_into()
        .map_err(|_| Error::fault("a stored row", format!("column {column} has {} bytes instead of {N}", bytes.len())))
}

fn wrong(column: usize, expected: &str, found: Value<'_>) -> Error {
    let found = match found {
        Value::Null => "nothing",
        Value::Int(_) => "an integer",
        Value::Text(_) => "text",
        Value::Blob(_) => "bytes",
    };
    Error::fault("a stored row", format!("column {column} holds {found} instead of {expected}"))
}

/// The usual ways to read an answer.
pub(crate) trait SqlExt: Sql {
    /// The first row, or nothing.
    fn first<T>(
        &self,
        sql: &'static str,
        parameters: &[Value<'_>],
        read: impl FnOnce(&dyn Row) -> Result<T>,
    ) -> Result<Option<T>> {
        let (mut read, mut found) = (Some(read), None);
        self.query(sql, parameters, &mut |row| {
            if let Some(read) = read.take() {
                found = Some(read(row)?);
            }
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// The one row of a statement that always has one, such as a count.
    fn one<T>(
        &self,
        sql: &'static str,
        parameters: &[Value<'_>],
        read: impl FnOnce(&dyn Row) -> Result<T>,
    ) -> Result<T> {
        self.first(sql, parameters, read)?.ok_or_else(|| Error::fault("a statement", "it gave no row"))
    }

    /// Every row.
    fn all<T>(
        &self,
        sql: &'static str,
        parameters: &[Value<'_>],
        mut read: impl FnMut(&dyn Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        self.each(sql, parameters, |row| {
            rows.push(read(row)?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Every row, one at a time.
    fn each(
        &self,
        sql: &'static str,
        parameters: &[Value<'_>],
        mut read: impl FnMut(&dyn Row) -> Result<()>,
    ) -> Result<()> {
        self.query(sql, parameters, &mut |row| read(row).map(|()| ControlFlow::Continue(())))
    }
}

impl<S: Sql + ?Sized> SqlExt for S {}
