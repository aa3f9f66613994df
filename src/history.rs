//! History in words: an entry as a sentence that says who changed what, from what, when.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::change::Change;
use crate::contact::Fact;
use crate::feed::Entry;
use crate::time;

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {} ", self.at.format("%Y-%m-%d %H:%M"), self.actor_name)?;
        let whom = self.subject_name.as_deref().unwrap_or("it");
        match &self.change {
            Some(change) => sentence(f, change, whom, self.at),
            None => write!(f, "wrote {} (not readable here)", self.kind),
        }
    }
}

/// A value in quotation marks, cut to one line.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 120;
        let line = self.0.replace('\n', " ");
        match line.char_indices().nth(MOST) {
            Some((end, _)) => write!(f, "“{}…”", line.get(..end).unwrap_or_default()),
            None => write!(f, "“{line}”"),
        }
    }
}

/// “ (reason)”, where there is one.
struct Because<'a>(Option<&'a String>);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |why| write!(f, " ({why})"))
    }
}

fn sentence(f: &mut fmt::Formatter<'_>, change: &Change, whom: &str, at: DateTime<Utc>) -> fmt::Result {
    match change {
        Change::MemoryFounded(_) => f.write_str("began the memory"),
        Change::MemoryRequested(c) => write!(f, "carried out the call {}", Quoted(&c.key)),
        Change::AgencyAdded(c) => write!(f, "added the agency {}", c.name),
        Change::MemberAdded(c) => write!(f, "added the member {}", c.name),
        Change::MemberRenamed(c) => write!(f, "renamed {} to {}", c.from, c.to),
        Change::MemberDeparted(c) => write!(f, "marked {whom} as departed{}", Because(c.why.as_ref())),
        Change::MemberReturned(_) => write!(f, "marked {whom} as returned"),
        Change::ContactAdded(c) => write!(f, "added {}", c.name),
        Change::ContactChanged(c) => changed(f, &c.fact, c.from.as_deref(), c.to.as_deref(), whom),
        Change::ContactTagged(c) => write!(f, "tagged {whom} as {}", c.tag),
        Change::ContactUntagged(c) => write!(f, "took the tag {} off {whom}", c.tag),
        Change::ContactLinked(c) => write!(f, "linked {whom} to {} ({})", c.other_name, c.relation.replace('_', " ")),
        Change::ContactUnlinked(c) => {
            write!(f, "took away the link of {whom} to {} ({})", c.other_name, c.relation.replace('_', " "))
        }
        Change::ContactIdentified(c) => {
            write!(f, "noted the id {} in {}", Quoted(&c.external_id.id), c.external_id.system)
        }
        Change::ContactAttached(c) => write!(f, "attached {} to {whom}", c.attachment.name),
        Change::HandleAdded(c) => write!(f, "added {} {}", c.handle.channel, c.handle.address),
        Change::HandleEnded(c) => write!(f, "ended {} {}", c.channel, c.address),
        Change::HandleRenamed(c) => write!(f, "changed {} from {} to {}", c.channel, c.from, c.to.address),
        Change::NoteAdded(c) => write!(f, "noted {}", Quoted(&c.text)),
        Change::NoteCorrected(c) => {
            write!(f, "corrected {} to {}{}", Quoted(&c.from), Quoted(&c.to), Because(c.why.as_ref()))
        }
        Change::NoteReclassified(c) => write!(
            f,
            "reclassified a note from {}, {} to {}, {}",
            c.from_kind, c.from_sensitivity, c.to_kind, c.to_sensitivity
        ),
        Change::NoteRetracted(c) => write!(f, "retracted a note{}", Because(c.why.as_ref())),
        Change::OwnershipAssigned(c) => {
            write!(f, "made {} {} of {whom}", c.member_name, c.role)?;
            let day = |micros| time::from_micros(micros).ok().map(|at| at.date_naive());
            if let Some(since) = day(c.since).filter(|since| *since != at.date_naive()) {
                write!(f, " from {since}")?;
            }
            if let Some(until) = c.until.and_then(day) {
                write!(f, " until {until}")?;
            }
            write!(f, "{}", Because(c.why.as_ref()))
        }
        Change::OwnershipEnded(c) => {
            write!(f, "ended the role of {} as {} of {whom}{}", c.member_name, c.role, Because(c.why.as_ref()))
        }
        Change::OwnershipTransferred(c) => {
            write!(f, "handed {whom} from {} to {}{}", c.from_name, c.to_name, Because(c.why.as_ref()))
        }
        Change::Unknown(c) => write!(f, "made a change of kind {}, which a newer heirloom knows", c.kind),
    }
}

fn changed(f: &mut fmt::Formatter<'_>, fact: &Fact, from: Option<&str>, to: Option<&str>, whom: &str) -> fmt::Result {
    match (from, to) {
        (Some(from), Some(to)) => write!(f, "changed {fact} of {whom} from {} to {}", Quoted(from), Quoted(to)),
        (None, Some(to)) => write!(f, "set {fact} of {whom} to {}", Quoted(to)),
        (Some(from), None) => write!(f, "removed {fact} of {whom}, which was {}", Quoted(from)),
        (None, None) => write!(f, "left {fact} of {whom} as it was"),
    }
}
