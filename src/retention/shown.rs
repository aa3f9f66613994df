//! Rules of retention, and what they touch, in words.

use std::fmt;

use super::due::{ContactDue, NotesDue, RetentionPreview, RuleDue};
use super::{Retention, RetentionAction, RetentionReport, RuleDone, Since};
use crate::wording::{Count, Visible, more_below, paragraph, word_for};

/// So many of each list are shown.
const SHOWN: usize = 20;

impl Since {
    /// The event, as what comes after “months after”.
    const fn event(self) -> &'static str {
        match self {
            Self::Spoken => "they were last spoken to",
            Self::Noted => "anything about them last happened",
            Self::Added => "they were added",
            Self::Happened => "what they tell happened",
            Self::Recorded => "they were written down",
        }
    }
}

impl fmt::Display for Retention {
    /// The rule as one line for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = match self.action {
            RetentionAction::Erase => "erased",
            RetentionAction::Review => "reviewed",
        };
        let (months, event) = (Count(u64::from(self.months), "month"), self.since.event());
        write!(f, "{}: {done} {months} after {event} ({})", Visible(&self.name), Visible(&self.basis))
    }
}

impl RetentionPreview {
    /// How many contacts would be erased.
    pub fn contacts(&self) -> u64 {
        self.erasing().map(|due| due.contacts.len() as u64).sum()
    }

    /// How many notes would be erased, those of the contacts not counted.
    pub fn notes(&self) -> u64 {
        self.erasing().flat_map(|due| &due.notes).map(|notes| notes.notes.len() as u64).sum()
    }

    pub(super) fn erasing(&self) -> impl Iterator<Item = &RuleDue> {
        self.rules.iter().filter(|due| due.rule.action == RetentionAction::Erase)
    }

    /// The preview as JSON, indented.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl fmt::Display for RetentionPreview {
    /// The preview as plain text for a terminal: each rule with whom it touches, and what stays, with the reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Retention as of {}", self.at.format("%Y-%m-%d %H:%M UTC"))?;
        for due in &self.rules {
            writeln!(f, "\n{}", due.rule)?;
            rule(f, due)?;
        }
        if !self.kept.is_empty() {
            writeln!(f, "\nKept although the time is over")?;
        }
        for kept in self.kept.iter().take(SHOWN) {
            let what = match kept.notes {
                0 => kept.contact.name.clone(),
                notes => format!("{} about {}", Count(notes, "note"), kept.contact.name),
            };
            paragraph(f, "  ", &format!("{what}: {}", kept.why))?;
        }
        more_below(f, self.kept.len().saturating_sub(SHOWN) as u64)
    }
}

impl fmt::Display for RetentionReport {
    /// What each rule came to, a line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for RuleDone { rule, contacts, notes } in &self.rules {
            writeln!(f, "{rule}: {} and {}", Count(*contacts, "contact"), Count(*notes, "note"))?;
        }
        match self.kept {
            0 => Ok(()),
            kept => writeln!(f, "kept although the time is over: {kept}"),
        }
    }
}

fn rule(f: &mut fmt::Formatter<'_>, due: &RuleDue) -> fmt::Result {
    if due.contacts.is_empty() && due.notes.is_empty() {
        writeln!(f, "  nothing")?;
    }
    for ContactDue { contact, since, notes, shared } in due.contacts.iter().take(SHOWN) {
        let notes = Count(*notes, "note");
        let day = since.date_naive();
        paragraph(f, "  ", &format!("{}, since {day}, with {notes}{}", contact.name, Shared(*shared)))?;
    }
    more_below(f, due.contacts.len().saturating_sub(SHOWN) as u64)?;
    for NotesDue { contact, notes, shared } in due.notes.iter().take(SHOWN) {
        let notes = Count(notes.len() as u64, "note");
        paragraph(f, "  ", &format!("{notes} about {}{}", contact.name, Shared(*shared)))?;
    }
    more_below(f, due.notes.len().saturating_sub(SHOWN) as u64)?;
    match due.taken {
        0 => Ok(()),
        taken => writeln!(f, "  {taken} more {} taken by another rule", word_for(taken, "is", "are")),
    }
}

/// How many notes go for others too, where any do.
struct Shared(u64);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            shared => write!(f, ", {shared} of them also about others who stay"),
        }
    }
}
