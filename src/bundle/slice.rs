//! The part of a journal that goes into a bundle: the one place where anything is kept back.

use std::collections::BTreeSet;

use super::scope::Scope;
use super::statement::{Counts, Withheld};
use crate::error::Result;
use crate::journal::gone;
use crate::journal::receive::Record;
use crate::journal::replay::{self, column};
use crate::journal::{Head, Subject};
use crate::memory::View;
use crate::store::{RowExt, SqlExt};

/// Which entries of a journal go, and with their bodies or without.
pub(crate) struct Slice {
    /// The keys of the subjects that stay behind.
    behind: BTreeSet<i64>,
    withheld: Vec<Withheld>,
}

impl Slice {
    /// Works out what goes.
    pub(crate) fn of(view: &View<'_>, _scope: &Scope, _since: Option<Head>) -> Result<Self> {
        let private =
            view.sql().all("SELECT key FROM note WHERE private_to IS NOT NULL ORDER BY key", &[], |row| row.int(0))?;
        let withheld =
            Withheld { count: private.len() as u64, what: "notes".to_owned(), why: "private to somebody".to_owned() };
        Ok(Self { behind: private.into_iter().collect(), withheld: vec![withheld] })
    }

    /// How much goes.
    pub(crate) fn counts(&self) -> Counts {
        Counts::default()
    }

    /// What is kept back.
    pub(crate) fn withheld(&self) -> &[Withheld] {
        &self.withheld
    }

    /// Whether the bundle tells the same as the organisation's view of the memory, so that cards, tables and the page can
    /// be made from the memory itself.
    pub(crate) const fn is_whole(&self) -> bool {
        true
    }

    /// Hands out every entry that goes, in the order of the stamps, and says how much that was.
    pub(crate) fn each(&self, view: &View<'_>, each: &mut dyn FnMut(&Record) -> Result<()>) -> Result<Counts> {
        let mut counts = Counts::default();
        replay::each_stamped(view.sql(), &mut |row| {
            if self.behind.contains(&row.int(column::SUBJECT)?) {
                return Ok(());
            }
            let record = Record::of_row(row, gone::why(view.sql(), row.blob(column::ID)?)?)?;
            match record.about() {
                Subject::Memory(_) => return Ok(()),
                subject if subject.uuid() == record.id => count(&mut counts, subject),
                _ => {}
            }
            counts.entries += 1;
            counts.without_body += u64::from(record.body().is_none());
            each(&record)
        })?;
        Ok(counts)
    }
}

fn count(counts: &mut Counts, subject: Subject) {
    match subject {
        Subject::Contact(_) => counts.contacts += 1,
        Subject::Note(_) => counts.notes += 1,
        Subject::FollowUp(_) => counts.follow_ups += 1,
        Subject::Member(_) => counts.members += 1,
        _ => {}
    }
}
