//! The answer as a person reads it in a terminal.

use std::fmt;

use crate::answer::{Answer, Candidate};
use crate::wrapped::wrapped;

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.candidates.is_empty() {
            writeln!(f, "Several fit; say which one:")?;
        }
        self.candidates.iter().try_for_each(|candidate| writeln!(f, "  {candidate}"))?;
        self.hits.iter().try_for_each(|hit| writeln!(f, "{}\n", wrapped(&hit.to_string())))?;
        self.brief.iter().try_for_each(|brief| write!(f, "{brief}"))
    }
}

/// The name, and what tells them apart from others of that name.
impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.contact.name)?;
        self.told_apart_by.iter().try_for_each(|mark| write!(f, " ({mark})"))
    }
}
