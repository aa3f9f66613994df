//! Legal holds: what is held is neither erased nor thrown away by a rule, until the hold is lifted.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::journal::Applied;
use crate::store::{Sql, Value};
use crate::verify::Table;

/// `contact.held`: a legal hold lies on a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContactHeld {
    /// The matter that it serves, such as a case number.
    pub matter: String,
    /// Why.
    pub why: String,
}

/// `contact.unheld`: a legal hold is lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContactUnheld {
    /// The matter that it served.
    pub matter: String,
    /// Why it ends.
    pub why: String,
}

/// The tables of this noun.
pub(crate) const TABLES: &[Table] = &[Table {
    name: "hold",
    clear: "DELETE FROM hold",
    scan: "SELECT * FROM hold ORDER BY contact, matter",
    of: &["contact"],
    forget: "DELETE FROM hold WHERE contact = $1",
}];

pub(crate) fn apply_held(sql: &dyn Sql, entry: &Applied<'_>, change: &ContactHeld) -> Result<()> {
    sql.execute(
        "INSERT INTO hold (contact, matter, why, placed_at, placed_by) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (contact, matter) DO UPDATE SET why = excluded.why",
        &[
            Value::Int(entry.subject),
            Value::Text(&change.matter),
            Value::Text(&change.why),
            Value::Int(entry.at),
            Value::Int(entry.actor),
        ],
    )?;
    Ok(())
}

pub(crate) fn apply_unheld(sql: &dyn Sql, entry: &Applied<'_>, change: &ContactUnheld) -> Result<()> {
    sql.execute(
        "DELETE FROM hold WHERE contact = $1 AND matter = $2",
        &[Value::Int(entry.subject), Value::Text(&change.matter)],
    )?;
    Ok(())
}
