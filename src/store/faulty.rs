//! A store that fails at statement *n*, to show that nothing is left half done.

use std::cell::Cell;
use std::ops::ControlFlow;

use super::{Row, Sql, Value};
use crate::error::{Error, Result};

/// Statements that run until a given one, which fails without running, as do all that follow.
pub(crate) struct Faulty<'a> {
    inner: &'a dyn Sql,
    left: Cell<usize>,
    failed: Cell<bool>,
}

fn made_to_fail() -> Error {
    Error::fault("a test", "made to fail")
}

impl<'a> Faulty<'a> {
    /// Lets so many statements pass.
    pub(crate) fn after(passing: usize, inner: &'a dyn Sql) -> Self {
        Self { inner, left: Cell::new(passing), failed: Cell::new(false) }
    }

    /// Fails where a statement has failed, also when the failure was passed over: it ended the transaction.
    pub(crate) fn intact(&self) -> Result<()> {
        match self.failed.get() {
            true => Err(made_to_fail()),
            false => Ok(()),
        }
    }

    fn pass(&self) -> Result<()> {
        let left = self.left.get().checked_sub(1);
        self.failed.set(left.is_none());
        self.left.set(left.ok_or_else(made_to_fail)?);
        Ok(())
    }
}

impl Sql for Faulty<'_> {
    fn execute(&self, sql: &'static str, parameters: &[Value<'_>]) -> Result<usize> {
        self.pass()?;
        self.inner.execute(sql, parameters)
    }

    fn query(
        &self,
        sql: &'static str,
        parameters: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.pass()?;
        self.inner.query(sql, parameters, each)
    }
}
