//! Who looked after whom, and what was promised to whom, up to an instant.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use heirloom::{ContactId, Member, Result, Role, Terms, When, Writer};

use super::rows::{begins, begun, rows};

/// Says who looked after whom, from when, and until when where that had come.
pub(crate) fn look_after(w: &mut Writer<'_>, members: &HashMap<String, Member>, at: DateTime<Utc>) -> Result<()> {
    for row in rows("ownership.csv")?.iter().filter(|row| begun(&row[3], at)) {
        let terms = Terms::from(row[2].parse::<Role>()?).starting(begins(&row[3])?);
        let terms = if begun(&row[4], at) { terms.until(begins(&row[4])?) } else { terms };
        let terms = if row[5].is_empty() { terms } else { terms.because(&row[5]) };
        let contact = named(w, &row[0])?;
        w.assign(contact, &members[&row[1]], terms)?;
    }
    Ok(())
}

/// Writes down what was promised, hands on and finishes what was by then, and says how many promises there are.
pub(crate) fn promise(w: &mut Writer<'_>, members: &HashMap<String, Member>, at: DateTime<Utc>) -> Result<usize> {
    let rows: Vec<_> = rows("follow_ups.csv")?.into_iter().filter(|row| begun(&row[4], at)).collect();
    for row in &rows {
        let contact = named(w, &row[0])?;
        let promise = w.follow_up(contact, &row[2]).owner(&members[&row[1]]);
        let promise = if row[3].is_empty() { promise } else { promise.due(row[3].parse::<When>()?) };
        let promise = promise.save()?;
        if begun(&row[6], at) {
            w.hand_on_follow_up(promise, &members[&row[5]], None)?;
        }
        if begun(&row[7], at) {
            w.finish_follow_up(promise, Some(row[8].as_str()).filter(|outcome| !outcome.is_empty()))?;
        }
    }
    Ok(rows.len())
}

fn named(w: &Writer<'_>, name: &str) -> Result<ContactId> {
    Ok(w.view().named(name)?[0].id)
}
