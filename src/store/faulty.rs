//! A store that fails at statement *n*, to show that nothing is left half done.

use std::cell::Cell;
use std::ops::ControlFlow;

use super::{Row, Sql, Value};
use crate::error::{Error, Result};

/// Statements that run until a given one, which fails without running, as do all that follow.
pub(crate) struct Faulty<'a> {
    inner: &'a dyn Sql,
    left: Cell<usize>,
}

impl<'a> Faulty<'a> {
    /// Lets so many statements pass.
    pub(crate) fn after(passing: usize, inner: &'a dyn Sql) -> Self {
        Self { inner, left: Cell::new(passing) }
    }

    fn pass(&self) -> Result<()> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| Error::fault("a test", "made to fail"))?;
        self.left.set(left);
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
