//! History in words: an entry as a sentence that says who changed what, from what, when.

use std::fmt;

use crate::actor::Actor;
use crate::change::Change;
use crate::contact::Fact;
use crate::feed::Entry;
use crate::journal::{Absence, Subject};
use crate::note::{NoteAdded, Sensitivity, Visibility};
use crate::time::{self, Precision, When};
use crate::wording::{Count, Quoted, Visible};

impl fmt::Display for Entry {
    /// The entry as one line for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Visible(&Line(self).to_string()))
    }
}

/// The line of an entry, with the words of others as they came.
struct Line<'a>(&'a Entry);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = self.0;
        write!(f, "{}  {} ", entry.at.format("%Y-%m-%d %H:%M"), Who(entry))?;
        let whom = entry.subject_name.as_deref().unwrap_or(match entry.subject {
            Subject::Note(_) | Subject::Contact(_) | Subject::FollowUp(_) => "somebody",
            _ => "it",
        });
        match &entry.change {
            Some(change) => sentence(f, change, whom, entry),
            None => f.write_str(unreadable(&entry.kind)),
        }?;
        match (&entry.change, entry.absent) {
            (None, Some(Absence::Withheld)) => f.write_str(" (withheld by who sent it)"),
            (None, Some(Absence::Purged)) => f.write_str(" (handed over, and deleted here after that)"),
            (None, Some(_)) => f.write_str(" (erased)"),
            _ => Ok(()),
        }
    }
}

/// The name of a member; of any other actor its sort as well, so that a program is not taken for a person.
struct Who<'a>(&'a Entry);

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.actor {
            Actor::Member(_) => f.write_str(&self.0.actor_name),
            _ => write!(f, "{} {}", self.0.actor.kind(), self.0.actor_name),
        }
    }
}

/// What can be said of a change that the viewer may not read, or that was erased.
fn unreadable(kind: &str) -> &'static str {
    match kind {
        "note.added" => "noted something that is not readable here",
        "note.corrected" => "corrected a note that is not readable here",
        "note.reclassified" => "reclassified a note that is not readable here",
        "note.retracted" => "retracted a note that is not readable here",
        "note.released" => "released a note that is not readable here",
        "note.sealed" => "sealed a note that is not readable here",
        _ => "changed something that is not readable here",
    }
}

/// A note: whom it is about, its text, when it happened and who said it where the entry itself does not tell, and in
/// square brackets what must be known before it is passed on.
fn noted(f: &mut fmt::Formatter<'_>, note: &NoteAdded, whom: &str, entry: &Entry) -> fmt::Result {
    write!(f, "noted about {whom}: {}", Quoted(&note.text))?;
    let day = match note.happened_at.precision() {
        Precision::Instant => note.happened_at.start().date_naive().to_string(),
        _ => note.happened_at.to_string(),
    };
    if day != entry.at.date_naive().to_string() {
        write!(f, ", of {day}")?;
    }
    if let Some(speaker) = note.said_by.as_ref().filter(|speaker| speaker.name != entry.actor_name) {
        write!(f, ", said by {}", speaker.name)?;
    }
    let sensitivity = (note.sensitivity != Sensitivity::Ordinary).then(|| note.sensitivity.to_string());
    let private = (note.visibility != Visibility::Organisation).then(|| note.visibility.to_string());
    let marks: Vec<String> = sensitivity.into_iter().chain(private).collect();
    if marks.is_empty() { Ok(()) } else { write!(f, " [{}]", marks.join(", ")) }
}

/// “ (reason)”, where there is one.
struct Because<'a>(Option<&'a String>);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |why| write!(f, " ({why})"))
    }
}

fn sentence(f: &mut fmt::Formatter<'_>, change: &Change, whom: &str, entry: &Entry) -> fmt::Result {
    match change {
        Change::MemoryFounded(_) => f.write_str("began the memory"),
        Change::MemoryRequested(c) => write!(f, "carried out the call {}", Quoted(&c.key)),
        Change::MemoryImported(c) => write!(f, "took in a bundle of {} entries from the memory {}", c.entries, c.from),
        Change::MemoryReceipted(c) => write!(f, "recorded that the memory {} took in the bundle {}", c.by, c.bundle),
        Change::MemoryReduced(c) => {
            write!(f, "noted that {} bodies and {} attachments are not here", c.bodies, c.bytes)
        }
        Change::MemoryPurged(_) => f.write_str("deleted what had been handed over, and certified it"),
        Change::AgencyAdded(c) => write!(f, "added the agency {}", c.name),
        Change::MemberAdded(c) => write!(f, "added the member {}", c.name),
        Change::MemberRenamed(c) => write!(f, "renamed {} to {}", c.from, c.to),
        Change::MemberDeparted(c) => write!(f, "marked {whom} as departed{}", Because(c.why.as_ref())),
        Change::MemberReturned(_) => write!(f, "marked {whom} as returned"),
        Change::MemberAdmitted(_) => write!(f, "admitted {whom}, who came from another memory"),
        Change::MemberErased(c) => write!(f, "erased who {whom} was ({})", c.why),
        Change::ContactErased(c) => write!(f, "erased {whom} ({})", c.why),
        Change::ContactHeld(c) => write!(f, "placed a legal hold on {whom} for {} ({})", c.matter, c.why),
        Change::ContactUnheld(c) => write!(f, "lifted the legal hold on {whom} for {} ({})", c.matter, c.why),
        Change::NoteErased(c) => write!(f, "erased the note about {whom} ({})", c.why),
        Change::FollowUpErased(c) => write!(f, "erased a promise to {whom} ({})", c.why),
        Change::ContactAdded(c) => write!(f, "added {}", c.name),
        Change::ContactChanged(c) => changed(f, &c.fact, c.from.as_deref(), c.to.as_deref(), whom),
        Change::ContactTagged(c) => write!(f, "tagged {whom} as {}", c.tag),
        Change::ContactUntagged(c) => write!(f, "took the tag {} off {whom}", c.tag),
        Change::ContactLinked(c) => write!(f, "linked {whom} to {} ({})", c.other_name, c.relation.replace('_', " ")),
        Change::ContactUnlinked(c) => {
            write!(f, "took away the link of {whom} to {} ({})", c.other_name, c.relation.replace('_', " "))
        }
        Change::ContactIdentified(c) => {
            write!(f, "noted the id {} of {whom} in {}", Quoted(&c.external_id.id), c.external_id.system)
        }
        Change::ContactAttached(c) => write!(f, "attached {} to {whom}", c.attachment.name),
        Change::HandleAdded(c) => write!(f, "added {} {} to {whom}", c.handle.channel, c.handle.address),
        Change::HandleEnded(c) => write!(f, "ended {} {} of {whom}", c.channel, c.address),
        Change::HandleRenamed(c) => write!(f, "changed {} of {whom} from {} to {}", c.channel, c.from, c.to.address),
        Change::NoteAdded(c) => noted(f, c, whom, entry),
        Change::NoteCorrected(c) => {
            write!(
                f,
                "corrected the note about {whom} from {} to {}{}",
                Quoted(&c.from),
                Quoted(&c.to),
                Because(c.why.as_ref())
            )
        }
        Change::NoteReclassified(c) => write!(
            f,
            "reclassified the note about {whom} from {}, {} to {}, {}",
            c.from_kind, c.from_sensitivity, c.to_kind, c.to_sensitivity
        ),
        Change::NoteRetracted(c) => {
            write!(f, "retracted the note about {whom}")?;
            if let Some(text) = &entry.note_text {
                write!(f, ": {}", Quoted(text))?;
            }
            write!(f, "{}", Because(c.why.as_ref()))
        }
        Change::OwnershipAssigned(c) => {
            write!(f, "made {} {} of {whom}", c.member_name, c.role)?;
            let day = |micros| time::from_micros(micros).ok().map(|at| at.date_naive());
            if let Some(since) = day(c.since).filter(|since| *since != entry.at.date_naive()) {
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
        Change::AgencyDeparted(c) => write!(f, "marked the agency {whom} as departed{}", Because(c.why.as_ref())),
        Change::AgencyReturned(_) => write!(f, "marked the agency {whom} as returned"),
        Change::NoteReleased(c) => {
            write!(f, "released the private note about {whom} to {}{}", c.to_name, Because(c.why.as_ref()))
        }
        Change::NoteSealed(c) => write!(f, "sealed the private note about {whom}{}", Because(c.why.as_ref())),
        Change::OwnershipOffered(c) => {
            write!(f, "offered {whom} of {} to {}", c.leaver_name, c.successor_name)
        }
        Change::OwnershipAccepted(_) => write!(f, "read the brief of {whom} and accepted"),
        Change::OwnershipDeclined(c) => write!(f, "declined {whom} ({})", c.why),
        Change::OwnershipKept(c) => write!(f, "took {whom} out of the handoff ({})", c.why),
        Change::OwnershipAsked(c) => write!(f, "asked about {whom}: {}", Quoted(&c.question)),
        Change::OwnershipAnswered(_) => write!(f, "answered a question about {whom}"),
        Change::FollowUpAdded(c) => {
            write!(f, "promised {whom}: {}", Quoted(&c.what))?;
            if let Some(due) = c.due {
                write!(f, " until {due}")?;
            }
            match c.owner_name == entry.actor_name {
                true => Ok(()),
                false => write!(f, ", to be kept by {}", c.owner_name),
            }
        }
        Change::FollowUpHanded(c) => {
            let (what, why) = (Quoted(&c.what), Because(c.why.as_ref()));
            write!(f, "handed the promise {what} to {whom} from {} to {}{why}", c.from_name, c.to_name)
        }
        Change::FollowUpRescheduled(c) => {
            let day = |due: Option<When>| due.map_or_else(|| "no day".to_owned(), |due| due.to_string());
            let (what, why) = (Quoted(&c.what), Because(c.why.as_ref()));
            write!(f, "moved the promise {what} to {whom} from {} to {}{why}", day(c.from), day(c.to))
        }
        Change::FollowUpDone(c) => {
            write!(f, "kept the promise {} to {whom}{}", Quoted(&c.what), Because(c.outcome.as_ref()))
        }
        Change::FollowUpDropped(c) => {
            write!(f, "dropped the promise {} to {whom}{}", Quoted(&c.what), Because(c.why.as_ref()))
        }
        Change::FollowUpReopened(c) => {
            write!(f, "opened the promise {} to {whom} again{}", Quoted(&c.what), Because(c.why.as_ref()))
        }
        Change::HandoffOffered(c) => {
            let leavers: Vec<&str> = c.leavers.iter().map(|leaver| leaver.name.as_str()).collect();
            write!(f, "offered {} of {} ({})", Count(c.contacts, "contact"), leavers.join(" and "), c.reason)
        }
        Change::HandoffStaged(c) => write!(f, "brought the handoff “{whom}” to its stage {}", c.stage),
        Change::HandoffCompleted(_) => write!(f, "completed the handoff “{whom}”"),
        Change::HandoffReceipted(c) => {
            write!(f, "wrote the receipt of the handoff “{whom}”: {}, head {}", c.outcome, c.head)
        }
        Change::HandoffWithdrawn(c) => write!(f, "withdrew the handoff “{whom}” ({})", c.why),
        Change::HandoffUndone(c) => write!(f, "undid the handoff “{whom}” ({})", c.why),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

    use crate::{Actor, Channel, Memory, NewContact, NewHandle, NewMember, Sensitivity, When};

    /// What is told of each entry, without its instant.
    fn told(memory: &Memory) -> Vec<String> {
        let entries = memory.changes_after(memory.first_cursor()).unwrap();
        entries.map(|entry| entry.unwrap().to_string().split_off("2026-11-22 19:20  ".len())).collect()
    }

    #[test]
    fn each_sentence_says_about_whom_it_is_and_what_sort_of_actor_wrote_it() {
        let memory = Memory::in_memory().unwrap();
        let mia = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Mia"))).unwrap();
        let ana = memory
            .write(Actor::import("hubspot"), |w| {
                let ana = w.add_contact(NewContact::person("Ana Müller"))?;
                w.add_handle(ana, NewHandle::new(Channel::Phone, "+49 30 901820"))?;
                Ok(ana)
            })
            .unwrap();
        memory
            .write(Actor::agent_of("scribe", &mia), |w| {
                let ben = w.add_contact(NewContact::person("Ben"))?;
                let day: When = "2024-03-05".parse()?;
                let note = w
                    .note(ana, "Eats no nuts.")
                    .about(ben)
                    .happened_at(day)
                    .said_by("Jo")
                    .sensitivity(Sensitivity::Health)
                    .save()?;
                w.retract_note(note, Some("was somebody else"))
            })
            .unwrap();
        let told = told(&memory);
        for sentence in [
            "system setup added the member Mia",
            "import hubspot added phone +49 30 901820 to Ana Müller",
            "agent scribe for Mia noted about Ana Müller and 1 more: “Eats no nuts.”, of 2024-03-05, said by Jo [health]",
            "agent scribe for Mia retracted the note about Ana Müller and 1 more: “Eats no nuts.” (was somebody else)",
        ] {
            assert!(told.iter().any(|line| line == sentence), "“{sentence}” is not in {told:#?}");
        }
    }

    #[test]
    fn of_a_private_note_others_are_told_neither_the_text_nor_whom_it_is_about() {
        let memory = Memory::in_memory().unwrap();
        let add = |name| memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new(name))).unwrap();
        let (mia, leo) = (add("Mia"), add("Leo"));
        let ana = memory.write(&mia, |w| w.add_contact(NewContact::person("Ana"))).unwrap();
        memory
            .write(&mia, |w| {
                let note = w.note(ana, "Is unwell.").private().save()?;
                w.retract_note(note, None)
            })
            .unwrap();
        let seen = told(&memory.seen_by(&mia).unwrap());
        assert!(
            seen.ends_with(&[
                "Mia noted about Ana: “Is unwell.” [private]".to_owned(),
                "Mia retracted the note about Ana: “Is unwell.”".to_owned(),
            ]),
            "{seen:#?}"
        );
        let seen = told(&memory.seen_by(&leo).unwrap());
        assert!(
            seen.ends_with(&[
                "Mia noted something that is not readable here".to_owned(),
                "Mia retracted a note that is not readable here".to_owned(),
            ]),
            "{seen:#?}"
        );
    }
}
