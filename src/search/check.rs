//! Whether the index says what the tables say.

use crate::error::Result;
use crate::store::Sql;

/// x
pub(crate) fn check(_sql: &dyn Sql) -> Result<Vec<String>> {
    Ok(Vec::new())
}
