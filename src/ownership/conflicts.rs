//! Conflicts of ownership: where two memories meet, a contact may have an owner from each.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Assignment, CANNOT_LOOK_AFTER, Role, open_within, read_assignment};
use crate::check;
use crate::contact::ContactSummary;
use crate::error::{Error, Result};
use crate::id::{ContactId, MemberId};
use crate::journal::Writer;
use crate::memory::View;
use crate::store::{RowExt, SqlExt, Value};

/// A contact whom several members own at the same time. It comes about where what two memories wrote is merged; each of the
/// claims stands until [`Writer::decide_owner`] decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OwnershipConflict {
    /// The contact.
    pub contact: ContactSummary,
    /// Who owns it, or is to: since when, and by whom that was said. The earliest claim comes first.
    pub claimants: Vec<Assignment>,
}

impl fmt::Display for OwnershipConflict {
    /// Who claims whom, since when, and what decides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let claims: Vec<String> = self
            .claimants
            .iter()
            .map(|claim| format!("{} (since {})", claim.member_name, claim.since.date_naive()))
            .collect();
        write!(f, "{} is looked after by {}; decide_owner says by whom", self.contact, claims.join(" and by "))
    }
}

/// The claims of members who own a contact while another does, as [`read_assignment`] reads them, then the contact. Not such
/// are a leaver and a successor who share it within a handoff.
macro_rules! claims {
    ($rest:literal) => {
        concat!(
            "SELECT a.id, m.id, m.name, m.departed_at IS NOT NULL, a.role, a.since, a.until, a.opened_why, a.closed_why,
                 o.kind, o.member, o.name, x.kind, x.member, x.name, c.id, c.kind, c.name
             FROM assignment a
             JOIN contact c ON c.key = a.contact
             JOIN member m ON m.key = a.member
             JOIN actor o ON o.key = a.opened_by
             LEFT JOIN actor x ON x.key = a.closed_by
             WHERE a.role = 'owner' AND (a.until IS NULL OR a.until > $1 AND a.until > a.since)
                 AND EXISTS (
                     SELECT 1 FROM assignment b
                     WHERE b.contact = a.contact AND b.role = 'owner' AND b.member <> a.member
                         AND (b.until IS NULL OR b.until > $1 AND b.until > b.since)
                         AND (a.until IS NULL OR b.since < a.until) AND (b.until IS NULL OR a.since < b.until)
                         AND NOT EXISTS (
                             SELECT 1 FROM handoff_item i JOIN handoff h ON h.key = i.handoff
                             WHERE i.contact = a.contact AND h.state = 'offered' AND h.stage = 'share'
                                 AND (i.leaver = a.member AND i.successor = b.member
                                     OR i.leaver = b.member AND i.successor = a.member)
                         )
                 ) ",
            $rest
        )
    };
}

impl View<'_> {
    /// Finds the contacts whom several members own at the same time, from the instant of the call on, by name.
    ///
    /// Within one memory that is refused, but for a leaver and a successor who share a contact for a stage of their handoff;
    /// it comes with a bundle. [`Writer::decide_owner`] decides.
    pub fn ownership_conflicts(&self) -> Result<Vec<OwnershipConflict>> {
        let mut conflicts: Vec<OwnershipConflict> = Vec::new();
        self.sql().each(
            claims!("ORDER BY c.name_key, c.key, a.since, a.key"),
            &[Value::Int(self.now_micros())],
            |row| {
                let (claim, id) = (read_assignment(row)?, ContactId(row.uuid(15)?));
                match conflicts.last_mut().filter(|conflict| conflict.contact.id == id) {
                    Some(conflict) => conflict.claimants.push(claim),
                    None => {
                        let contact = ContactSummary { id, kind: row.text(16)?.parse()?, name: row.string(17)? };
                        conflicts.push(OwnershipConflict { contact, claimants: vec![claim] });
                    }
                }
                Ok(())
            },
        )?;
        Ok(conflicts)
    }

    /// The names of the members who own a contact while another does, in order of beginning.
    pub(crate) fn rivals(&self, contact: i64) -> Result<Vec<String>> {
        let mut names = self.sql().all(
            claims!("AND a.contact = $2 ORDER BY a.since, a.key"),
            &[Value::Int(self.now_micros()), Value::Int(contact)],
            |row| row.string(2),
        )?;
        names.dedup();
        Ok(names)
    }
}

impl Writer<'_> {
    /// Decides who of several owners looks after a contact: the roles of all others as its owner end, and their open promises
    /// to the contact go to the one. See [`View::ownership_conflicts`].
    ///
    /// # Errors
    /// [`Error::Refused`] when the member is not one of several owners, or has left.
    pub fn decide_owner(&mut self, contact: ContactId, member: impl Into<MemberId>, why: Option<&str>) -> Result<()> {
        let member = self.view().member(member.into())?;
        if let Some(why) = why {
            check::text("reason", why, check::FIELD_MAX)?;
        }
        let key = self.contact_key(contact)?;
        let open = open_within(self.sql(), key, Role::Owner, (self.at_micros(), i64::MAX))?;
        let (keeps, ends): (Vec<_>, Vec<_>) = open.into_iter().partition(|open| open.member == member.id);
        if keeps.is_empty() || ends.is_empty() {
            let contact = self.view().contact_summary(contact)?;
            return Err(Error::refused(match keeps.is_empty() {
                true => {
                    format!("{} does not own {contact}; decide for one of the owners, or use transfer", member.name)
                }
                false => format!("{} alone owns {contact}; there is nothing to decide", member.name),
            }));
        }
        member.must_be_here(CANNOT_LOOK_AFTER)?;
        for open in ends {
            let cause = self.close_role(contact, &open, why)?;
            self.because_of(cause, |w| w.hand_promises(key, |holder| holder.id == open.member, &member, why))?;
        }
        Ok(())
    }
}
