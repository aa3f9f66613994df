//! A purge and its certificate in words.

use std::fmt;

use super::certificate::{Certificate, Figures, Ground, StoreCovered};
use super::handed::WITHHELD;
use super::{PurgeKept, PurgePreview};
use crate::wording::{Count, Visible, more_below, paragraph, word_for};

/// So many of each list are shown.
const SHOWN: usize = 20;

impl fmt::Display for PurgePreview {
    /// The preview as plain text for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (contacts, notes) = (Count(self.contacts.len() as u64, "contact"), Count(self.notes, "note"));
        writeln!(f, "Would be deleted: {contacts}, {notes}, {}", Count(self.follow_ups, "promise"))?;
        if self.withheld > 0 {
            writeln!(f, "  {} of these had been withheld, whole or in part: nobody will have that", self.withheld)?;
        }
        for contact in self.contacts.iter().take(SHOWN) {
            paragraph(f, "  ", &contact.name)?;
        }
        more_below(f, self.contacts.len().saturating_sub(SHOWN) as u64)?;
        if !self.kept.is_empty() {
            writeln!(f, "Would stay")?;
        }
        for kept in self.kept.iter().take(SHOWN) {
            paragraph(f, "  ", &kept.told())?;
        }
        more_below(f, self.kept.len().saturating_sub(SHOWN) as u64)?;
        match self.kept.iter().any(|kept| kept.ground.words == WITHHELD) {
            true => writeln!(f, "What was withheld goes too by with_what_was_withheld; nobody will have it then"),
            false => Ok(()),
        }
    }
}

impl PurgeKept {
    fn told(&self) -> String {
        let counts = [Count(self.notes, "note"), Count(self.follow_ups, "promise")];
        let counts: Vec<String> = counts.iter().filter(|count| count.0 > 0).map(ToString::to_string).collect();
        let name = &self.contact.name;
        let what = match (self.contact_stays, counts.is_empty()) {
            (true, true) => name.clone(),
            (true, false) => format!("{name}, {}", counts.join(", ")),
            (false, _) => format!("{} about {name}", counts.join(", ")),
        };
        format!("{what}: {}", self.why)
    }
}

impl fmt::Display for Certificate {
    /// The certificate as plain text for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Certificate of deletion {}", self.id)?;
        if self.ended.is_none() {
            writeln!(f, "NOT CHECKED YET")?;
        } else if !self.is_complete() {
            writeln!(f, "NOT COMPLETE: see the stores and the checks")?;
        }
        writeln!(f)?;
        let at = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M:%S UTC").to_string();
        let ended = self.ended.map_or_else(|| "not yet".to_owned(), at);
        for (what, value) in [
            ("Memory", self.memory.to_string()),
            ("Instruction", self.instruction.clone()),
            ("Operator", self.operator.clone()),
            ("Approved by", self.approver.clone().unwrap_or_else(|| "nobody named".to_owned())),
            ("Began", at(self.began)),
            ("Ended", ended),
            ("Program", self.tool.clone()),
        ] {
            writeln!(f, "  {what:<12} {}", Visible(&value))?;
        }
        self.returns(f)?;
        self.figures(f)?;
        self.lists(f)
    }
}

impl Certificate {
    fn returns(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nReturned before")?;
        for returned in &self.returned {
            let signed =
                returned.signed_by.as_ref().map_or_else(|| "not signed".to_owned(), |by| format!("signed by {by}"));
            let day = returned.received.format("%Y-%m-%d %H:%M UTC");
            writeln!(f, "  bundle {}", returned.bundle)?;
            let (receiver, receipt) = (returned.receiver, returned.receipt);
            let told = format!("taken in by memory {receiver} on {day}; receipt {receipt}, {signed}");
            paragraph(f, "    ", &told)?;
        }
        Ok(())
    }

    fn figures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deleted = &self.deleted;
        let (contacts, notes) = (Count(deleted.contacts, "contact"), Count(deleted.notes, "note"));
        writeln!(f, "\nDeleted\n  {contacts}, {notes}, {}", Count(deleted.follow_ups, "promise"))?;
        if deleted.withheld > 0 {
            writeln!(f, "  {} of these had not been handed over, or not whole", deleted.withheld)?;
        }
        writeln!(f, "  before: {}", Held(&self.before))?;
        match &self.after {
            Some(after) => writeln!(f, "  after:  {}", Held(after)),
            None => Ok(()),
        }
    }

    fn lists(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nStores")?;
        for StoreCovered { store, covered, method, said_by, gone_by } in &self.stores {
            let covered = if *covered { "deleted" } else { "NOT COVERED" };
            let by = gone_by.map(|day| format!(", gone by {day}")).unwrap_or_default();
            paragraph(f, "  ", &format!("{store}: {covered}{by}: {method} (said by {said_by})"))?;
        }
        writeln!(f, "\nKept")?;
        for kept in &self.kept {
            let counts = [(kept.contacts, "contact"), (kept.notes, "note"), (kept.follow_ups, "promise")];
            let counts = counts.map(|(number, noun)| Count(number, noun).to_string()).join(", ");
            paragraph(f, "  ", &format!("{counts}: {}", On(&kept.ground)))?;
        }
        if self.kept.is_empty() {
            writeln!(f, "  nothing")?;
        }
        writeln!(f, "\nChecked")?;
        for check in &self.checks {
            let passed = if check.passed { "as it should be" } else { "NOT AS IT SHOULD BE" };
            paragraph(f, "  ", &format!("{}: {passed} ({})", check.what, check.result))?;
        }
        match &self.head {
            Some(head) => writeln!(f, "\nHead of the journal\n  {head}"),
            None => writeln!(f, "  nothing yet"),
        }
    }
}

/// How much a memory holds, on one line.
struct Held<'a>(&'a Figures);

impl fmt::Display for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { contacts, notes, follow_ups, attachments, entries, bodies } = self.0;
        let counts = [(contacts, "contact"), (notes, "note"), (follow_ups, "promise"), (attachments, "attachment")];
        counts.iter().try_for_each(|(count, noun)| write!(f, "{}, ", Count(**count, noun)))?;
        write!(f, "{entries} {}, {bodies} with bodies", word_for(*entries, "entry", "entries"))
    }
}

/// A ground with who answers for it.
struct On<'a>(&'a Ground);

impl fmt::Display for On<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.words)?;
        self.0.owner.iter().try_for_each(|owner| write!(f, ", owned by {owner}"))?;
        self.0.review.iter().try_for_each(|day| write!(f, ", to be reviewed on {day}"))
    }
}
