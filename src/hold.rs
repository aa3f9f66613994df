//! Legal holds: what is held is neither erased nor purged nor let go by a rule of retention, until the hold is lifted.
//!
//! A hold is an entry of its contact, so it travels with the contact in every bundle. Each is known by the entry that
//! placed it, and is lifted by name: where two memories placed a hold for one matter without knowing of each other, lifting
//! one leaves the other.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::check;
use crate::contact::{ContactSummary, read_summary};
use crate::erasure::Besides;
use crate::error::{Error, Result};
use crate::id::{ContactId, EntryId};
use crate::journal::{Applied, Writer};
use crate::memory::View;
use crate::store::{Row, RowExt, Sql, SqlExt, Value};
use crate::time;
use crate::verify::Table;
use crate::wording::Visible;

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
    /// The entries that placed what is lifted: those for the matter that were known when it was.
    pub holds: Vec<EntryId>,
}

/// A legal hold that lies on a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hold {
    /// The entry that placed it.
    pub id: EntryId,
    /// The contact.
    pub contact: ContactSummary,
    /// The matter that it serves, such as a case number.
    pub matter: String,
    /// Why it was placed.
    pub why: String,
    /// When it was placed.
    pub since: DateTime<Utc>,
    /// Who placed it.
    pub by: Actor,
    /// Their name.
    pub by_name: String,
}

impl Hold {
    /// `matter 2026-17, since 2026-11-03, placed by Mia Okafor`.
    pub(crate) fn terms(&self) -> String {
        format!("{}, since {}, placed by {}", self.matter, self.since.date_naive(), self.by_name)
    }
}

impl fmt::Display for Hold {
    /// The hold as one line for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Visible(&format!("{}: {} ({})", self.contact.name, self.terms(), self.why)))
    }
}

/// The tables of this noun.
pub(crate) const TABLES: &[Table] = &[Table {
    name: "hold",
    clear: "DELETE FROM hold",
    scan: "SELECT * FROM hold ORDER BY contact, id",
    of: &["contact"],
    forget: "DELETE FROM hold WHERE contact = $1",
}];

pub(crate) fn apply_held(sql: &dyn Sql, entry: &Applied<'_>, change: &ContactHeld) -> Result<()> {
    sql.execute(
        "INSERT INTO hold (contact, id, matter, why, placed_at, placed_by) VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            Value::Int(entry.subject),
            (&entry.id.0).into(),
            Value::Text(&change.matter),
            Value::Text(&change.why),
            Value::Int(entry.at),
            Value::Int(entry.actor),
        ],
    )?;
    Ok(())
}

pub(crate) fn apply_unheld(sql: &dyn Sql, entry: &Applied<'_>, change: &ContactUnheld) -> Result<()> {
    for hold in &change.holds {
        sql.execute("DELETE FROM hold WHERE contact = $1 AND id = $2", &[Value::Int(entry.subject), (&hold.0).into()])?;
    }
    Ok(())
}

impl Writer<'_> {
    /// Places a legal hold on a contact: from here on nothing of them is erased, purged, or let go by a rule of retention, and
    /// each refusal names the matter. It covers their notes, those they share with others included, their promises, their
    /// attachments, to whom they are linked, and who looked after them or wrote of them. Anybody may place one. Returns whether it did; it does not where a hold for the matter lies on the
    /// contact already.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact};
    ///
    /// let memory = Memory::in_memory()?;
    /// let counsel = Actor::system("legal desk");
    /// let sally = memory.write(&counsel, |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.hold(sally, "matter 2026-17", "a claim about the broken chair is announced")?;
    ///     Ok(sally)
    /// })?;
    /// assert_eq!(memory.holds_on(sally)?[0].matter, "matter 2026-17");
    ///
    /// memory.write(&counsel, |w| w.lift_hold(sally, "matter 2026-17", "settled"))?;
    /// assert!(memory.holds()?.is_empty());
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unknown`] for an unknown contact; [`Error::Invalid`] for an empty matter or reason.
    pub fn hold(&mut self, contact: impl Into<ContactId>, matter: &str, why: &str) -> Result<bool> {
        self.hold_all([contact.into()], matter, why).map(|held| held == 1)
    }

    /// Places a legal hold for one matter on many contacts, as [`Writer::hold`] does on one, and returns on how many it was
    /// not yet.
    pub fn hold_all(
        &mut self,
        contacts: impl IntoIterator<Item = impl Into<ContactId>>,
        matter: &str,
        why: &str,
    ) -> Result<u64> {
        let matter = matter_and_reason(matter, why)?;
        let mut held = 0;
        for contact in contacts {
            let contact = contact.into();
            if holds_for(self.sql(), self.contact_key(contact)?, matter)?.is_empty() {
                self.append(contact, ContactHeld { matter: matter.to_owned(), why: why.to_owned() })?;
                held += 1;
            }
        }
        Ok(held)
    }

    /// Lifts the legal hold for a matter from a contact. Other matters go on holding them. One who was erased in another memory
    /// meanwhile is erased with the last hold; call [`Memory::scrub`](crate::Memory::scrub) after the write then.
    ///
    /// # Errors
    /// [`Error::Refused`] where no hold for the matter lies on the contact, naming those that do; [`Error::Unknown`] for an
    /// unknown contact; [`Error::Invalid`] for an empty matter or reason.
    pub fn lift_hold(&mut self, contact: impl Into<ContactId>, matter: &str, why: &str) -> Result<()> {
        let (contact, matter) = (contact.into(), matter_and_reason(matter, why)?);
        let key = self.contact_key(contact)?;
        match self.lift(contact, key, matter, why)? {
            true => self.erase_what_was_held(),
            false => {
                let held = self.view().holds_of(key)?.into_iter().map(|hold| hold.terms()).collect::<Vec<_>>();
                let name = self.view().contact_summary(contact)?.name;
                let others = match held.is_empty() {
                    true => "no legal hold lies on them".to_owned(),
                    false => format!("these do: {}", held.join("; ")),
                };
                Err(Error::refused(format!("no legal hold for {matter} lies on {name}; {others}")))
            }
        }
    }

    /// Lifts the legal holds for a matter from all contacts, and returns from how many.
    ///
    /// # Errors
    /// [`Error::Refused`] where no hold serves the matter; [`Error::Invalid`] for an empty matter or reason.
    pub fn lift_matter(&mut self, matter: &str, why: &str) -> Result<u64> {
        let matter = matter_and_reason(matter, why)?;
        let contacts = self.sql().all(
            "SELECT DISTINCT c.key, c.id FROM hold h JOIN contact c ON c.key = h.contact WHERE h.matter = $1 ORDER BY c.key",
            &[Value::Text(matter)],
            |row| Ok((row.int(0)?, ContactId(row.uuid(1)?))),
        )?;
        if contacts.is_empty() {
            return Err(Error::refused(format!("no legal hold serves {matter}; Memory::holds lists what there is")));
        }
        let mut lifted = 0;
        for (key, contact) in contacts {
            lifted += u64::from(self.lift(contact, key, matter, why)?);
        }
        self.erase_what_was_held()?;
        Ok(lifted)
    }

    /// Says whether there was something to lift.
    fn lift(&mut self, contact: ContactId, key: i64, matter: &str, why: &str) -> Result<bool> {
        let holds = holds_for(self.sql(), key, matter)?;
        if holds.is_empty() {
            return Ok(false);
        }
        self.append(contact, ContactUnheld { matter: matter.to_owned(), why: why.to_owned(), holds })?;
        Ok(true)
    }

    /// Erases those who were erased elsewhere while a hold that is lifted lay on them.
    fn erase_what_was_held(&mut self) -> Result<()> {
        self.carry_out_erasures(&Besides::default()).map(drop)
    }
}

/// The query of a hold; [`read_hold`] reads its columns.
macro_rules! select_hold {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.kind, c.name, h.id, h.matter, h.why, h.placed_at, m.name, a.kind, a.member, a.name FROM hold h
             JOIN contact c ON c.key = h.contact
             JOIN actor a ON a.key = h.placed_by
             LEFT JOIN member m ON m.id = a.member ",
            $rest
        )
    };
}

/// The matter without white space around it, where both it and the reason say something.
fn matter_and_reason<'a>(matter: &'a str, why: &str) -> Result<&'a str> {
    check::text("reason of a legal hold", why, check::FIELD_MAX)?;
    check::name("matter of a legal hold", matter)
}

/// The oldest of the legal holds that lie on a contact.
pub(crate) fn oldest_on(sql: &dyn Sql, contact: i64) -> Result<Option<Hold>> {
    sql.first(
        select_hold!("WHERE h.contact = $1 ORDER BY h.placed_at, h.id LIMIT 1"),
        &[Value::Int(contact)],
        read_hold,
    )
}

/// The entries that placed what holds a contact for a matter.
fn holds_for(sql: &dyn Sql, contact: i64, matter: &str) -> Result<Vec<EntryId>> {
    sql.all(
        "SELECT id FROM hold WHERE contact = $1 AND matter = $2 ORDER BY id",
        &[Value::Int(contact), Value::Text(matter)],
        |row| row.uuid(0).map(EntryId),
    )
}

fn read_hold(row: &dyn Row) -> Result<Hold> {
    let by = Actor::read(row, 8)?.ok_or_else(|| Error::fault("a legal hold", "its actor is of no known kind"))?;
    Ok(Hold {
        contact: read_summary(row)?,
        id: EntryId(row.uuid(3)?),
        matter: row.string(4)?,
        why: row.string(5)?,
        since: time::from_micros(row.int(6)?)?,
        by_name: match row.opt_text(7)? {
            Some(member) => by.author_name(member),
            None => by.name().to_owned(),
        },
        by,
    })
}

impl View<'_> {
    /// Reads every legal hold, by the name of the contact, then by when it was placed.
    pub fn holds(&self) -> Result<Vec<Hold>> {
        self.sql().all(select_hold!("ORDER BY c.name_key, c.key, h.placed_at, h.id"), &[], read_hold)
    }

    /// Reads the legal holds that lie on a contact, the oldest first.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such contact.
    pub fn holds_on(&self, contact: impl Into<ContactId>) -> Result<Vec<Hold>> {
        self.holds_of(self.contact_key(contact.into())?)
    }

    pub(crate) fn holds_of(&self, contact: i64) -> Result<Vec<Hold>> {
        self.sql().all(
            select_hold!("WHERE h.contact = $1 ORDER BY h.placed_at, h.id"),
            &[Value::Int(contact)],
            read_hold,
        )
    }
}
