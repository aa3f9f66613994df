//! The restaurant in December 2025: its memory, its people, and a calendar that is turned by hand.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::{error::Error, io};

use chrono::{DateTime, Utc};
use heirloom::{AgencyId, ContactId, Member, Memory, Result};

use crate::{screen, year};

/// Who plays a part.
pub(crate) struct Office {
    pub(crate) memory: Memory,
    /// Bright Spoon, whose contract ends: Noor, Jonas and Priya.
    pub(crate) agency: AgencyId,
    /// The owner and chef.
    pub(crate) mia: Member,
    pub(crate) daniel: Member,
    pub(crate) tomas: Member,
    pub(crate) noor: Member,
    today: Arc<AtomicI64>,
}

impl Office {
    /// Opens the restaurant on the morning of 1 December 2025, a month before the agency leaves.
    pub(crate) fn open() -> Result<Self, Box<dyn Error>> {
        let morning: DateTime<Utc> = "2025-12-01T14:00:00Z".parse()?;
        let today = Arc::new(AtomicI64::new(morning.timestamp()));
        let hand = Arc::clone(&today);
        let clock = move || DateTime::from_timestamp(hand.load(Ordering::Relaxed), 0).unwrap_or(morning);
        let (memory, _) = year::year(Memory::options().clock(clock), morning)?;
        let member = |name: &str| Ok::<Member, heirloom::Error>(memory.members_called(name)?.swap_remove(0));
        let (mia, daniel, tomas) = (member("Mia Lindqvist")?, member("Daniel Okafor")?, member("Tomas Reyes")?);
        let (noor, agency) = (member("Noor Haddad")?, memory.agencies()?[0].id);
        Ok(Self { mia, daniel, tomas, noor, memory, agency, today })
    }

    /// Turns the calendar to another day.
    pub(crate) fn turn_to(&self, instant: &str) -> Result<DateTime<Utc>, chrono::ParseError> {
        let instant: DateTime<Utc> = instant.parse()?;
        self.today.store(instant.timestamp(), Ordering::Relaxed);
        Ok(instant)
    }

    /// Whose name is so.
    pub(crate) fn contact(&self, name: &str) -> Result<ContactId> {
        Ok(self.memory.named(name)?[0].id)
    }

    /// Prints something under a title with the day.
    pub(crate) fn tell(&self, title: &str, what: &impl Display) -> io::Result<()> {
        let today = DateTime::from_timestamp(self.today.load(Ordering::Relaxed), 0).unwrap_or_default();
        let title = format!("{}: {title}", today.format("%-d %B %Y"));
        let line = "─".repeat(title.chars().count());
        screen::print(format_args!("{title}\n{line}\n{}\n\n", what.to_string().trim_end())).map(|_| ())
    }
}
