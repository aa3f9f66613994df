//! Changes in words: what somebody did, from what to what and why, with others masked.

use super::mask::LINKED;
use super::{Walk, source, told};
use crate::change::Change;
use crate::contact::{Fact, field};
use crate::error::{Error, Result};
use crate::feed::Entry;
use crate::id::ContactId;
use crate::journal::{Source, Subject};
use crate::time::{self, When};

/// A value of a change.
enum Word {
    /// One that the person has or had as their own, such as a name or an address: it is told as it is.
    Own(String),
    /// A text, in which others are masked.
    Text(String),
}

/// What a change says, before the texts in it are masked. It goes on from the name of who made it.
#[derive(Default)]
struct Words {
    what: String,
    from: Option<Word>,
    to: Option<Word>,
    why: Option<String>,
    source: Option<Source>,
}

impl Words {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    fn from(mut self, text: impl Into<Option<String>>) -> Self {
        self.from = text.into().map(Word::Text);
        self
    }

    fn to(mut self, text: impl Into<Option<String>>) -> Self {
        self.to = text.into().map(Word::Text);
        self
    }

    fn own(mut self, from: impl Into<Option<String>>, to: impl Into<Option<String>>) -> Self {
        (self.from, self.to) = (from.into().map(Word::Own), to.into().map(Word::Own));
        self
    }

    fn why(mut self, why: impl Into<Option<String>>) -> Self {
        self.why = why.into();
        self
    }

    fn source(mut self, source: Option<Source>) -> Self {
        self.source = source;
        self
    }
}

impl Walk<'_> {
    /// Tells an entry. Those in `about` are found in its texts by a part of their name in any spelling.
    pub(super) fn told(&mut self, entry: Entry, about: &[ContactId]) -> Result<told::Change> {
        let by = self.masks.actor(&entry.actor)?;
        let memory = self.elsewhere(entry.origin);
        let words = match entry.change {
            None => Words::new("changed something of which the words are not here"),
            Some(change) => self.words(change, entry.subject)?,
        };
        Ok(told::Change {
            at: entry.at,
            by,
            memory,
            what: words.what,
            from: self.word(words.from, about)?,
            to: self.word(words.to, about)?,
            why: words.why.map(|why| self.masks.text(&why, about)).transpose()?,
            source: self.source(words.source.as_ref())?,
        })
    }

    fn word(&mut self, word: Option<Word>, about: &[ContactId]) -> Result<Option<String>> {
        match word {
            None => Ok(None),
            Some(Word::Own(word)) => Ok(Some(word)),
            Some(Word::Text(text)) => self.masks.text(&text, about).map(Some),
        }
    }

    fn words(&mut self, change: Change, subject: Subject) -> Result<Words> {
        let kind = change.kind().0;
        match kind.split_once('.').map_or(kind, |(noun, _)| noun) {
            "contact" => self.of_contact(change, subject),
            "handle" => self.of_handle(change),
            "note" => self.of_note(change),
            "ownership" => self.of_ownership(change),
            "follow_up" => self.of_promise(change),
            _ => self.of_any(&change),
        }
    }

    fn of_contact(&mut self, change: Change, subject: Subject) -> Result<Words> {
        Ok(match change {
            Change::ContactAdded(c) => Words::new("wrote them down").source(c.source),
            Change::ContactChanged(c) => {
                let fact = self.masks.text(&c.fact.to_string(), &[])?;
                let words = Words::new(format!("{} {fact}", verb(c.from.as_ref(), c.to.as_ref())));
                if is_own(&c.fact) { words.own(c.from, c.to) } else { words.from(c.from).to(c.to) }
            }
            Change::ContactTagged(c) => Words::new("put on a tag").to(c.tag),
            Change::ContactUntagged(c) => Words::new("took off a tag").from(c.tag),
            Change::ContactLinked(c) => {
                Words::new(format!("made a link, {}", self.link(subject, c.other, &c.relation)?))
            }
            Change::ContactUnlinked(c) => {
                Words::new(format!("took away a link, {}", self.link(subject, c.other, &c.relation)?))
            }
            Change::ContactIdentified(c) => {
                let system = self.masks.text(&c.external_id.system, &[])?;
                Words::new(format!("noted what {system} calls them")).to(c.external_id.id).source(c.source)
            }
            Change::ContactHeld(c) => Words::new("placed a legal hold").to(c.matter).why(c.why),
            Change::ContactUnheld(c) => Words::new("lifted a legal hold").from(c.matter).why(c.why),
            Change::ContactAttached(c) => Words::new("attached a file").to(c.attachment.name),
            other => self.of_any(&other)?,
        })
    }

    fn of_handle(&mut self, change: Change) -> Result<Words> {
        Ok(match change {
            Change::HandleAdded(c) => Words::new(format!("added {}", c.handle.channel)).own(None, c.handle.address),
            Change::HandleEnded(c) => Words::new(format!("ended {}", c.channel)).own(c.address, None),
            Change::HandleRenamed(c) => Words::new(format!("changed {}", c.channel)).own(c.from, c.to.address),
            other => self.of_any(&other)?,
        })
    }

    fn of_note(&mut self, change: Change) -> Result<Words> {
        Ok(match change {
            Change::NoteCorrected(c) => Words::new("corrected the text").from(c.from).to(c.to).why(c.why),
            Change::NoteReclassified(c) => Words::new("reclassified it").own(
                format!("{}, {}", c.from_kind, c.from_sensitivity),
                format!("{}, {}", c.to_kind, c.to_sensitivity),
            ),
            Change::NoteRetracted(c) => Words::new("retracted it").why(c.why),
            Change::NoteReleased(c) => Words::new(format!("let {} alone read it", self.masks.member(c.to)?)).why(c.why),
            Change::NoteSealed(c) => Words::new("sealed it").why(c.why),
            other => self.of_any(&other)?,
        })
    }

    fn of_ownership(&mut self, change: Change) -> Result<Words> {
        Ok(match change {
            Change::OwnershipAssigned(c) => {
                let day = |micros| time::from_micros(micros).map(|at| at.date_naive());
                let (member, since) = (self.masks.member(c.member)?, day(c.since)?);
                let until = c.until.map(day).transpose()?.map(|until| format!(" until {until}")).unwrap_or_default();
                Words::new(format!("made {member} their {} from {since}{until}", c.role)).why(c.why)
            }
            Change::OwnershipEnded(c) => {
                let member = self.masks.member(c.member)?;
                Words::new(format!("ended the role of {member} as their {}", c.role)).why(c.why)
            }
            Change::OwnershipTransferred(c) => {
                let (from, to) = (self.masks.member(c.from)?, self.masks.member(c.to)?);
                Words::new(format!("handed them from {from} to {to}")).why(c.why)
            }
            Change::OwnershipOffered(c) => {
                let (from, to) = (self.masks.member(c.leaver)?, self.masks.member(c.successor)?);
                Words::new(format!("offered what {from} does for them to {to}, in a handoff"))
            }
            Change::OwnershipAccepted(_) => Words::new("accepted them, in a handoff"),
            Change::OwnershipDeclined(c) => Words::new("declined them, in a handoff").why(c.why),
            Change::OwnershipKept(c) => Words::new("took them out of a handoff").why(c.why),
            Change::OwnershipAsked(c) => Words::new("asked about them, in a handoff").why(c.question),
            Change::OwnershipAnswered(_) => Words::new("answered a question about them by a note"),
            other => self.of_any(&other)?,
        })
    }

    fn of_promise(&mut self, change: Change) -> Result<Words> {
        let day = |due: Option<When>| due.map_or_else(|| "no day".to_owned(), |due| due.to_string());
        Ok(match change {
            Change::FollowUpHanded(c) => {
                let (from, to) = (self.masks.member(c.from)?, self.masks.member(c.to)?);
                Words::new(format!("handed it from {from} to {to}")).why(c.why)
            }
            Change::FollowUpRescheduled(c) => {
                Words::new("moved the day until which it is due").own(day(c.from), day(c.to)).why(c.why)
            }
            Change::FollowUpDone(c) => Words::new("kept it").why(c.outcome),
            Change::FollowUpDropped(c) => Words::new("dropped it").why(c.why),
            Change::FollowUpReopened(c) => Words::new("opened it again").why(c.why),
            other => self.of_any(&other)?,
        })
    }

    /// A change of a kind that has no words here, such as one of a newer heirloom, is told by all that it holds.
    fn of_any(&mut self, change: &Change) -> Result<Words> {
        let body = serde_json::from_str(&change.body()?).map_err(|e| Error::fault("the body of an entry", e))?;
        let body = source::masked(body, &mut self.masks)?.to_string();
        let kind = self.masks.text(change.kind().0, &[])?;
        Ok(Words::new(format!("made a change of kind {kind}")).own(None, body))
    }

    /// A link, whichever of the two it was made on.
    fn link(&mut self, subject: Subject, other: ContactId, relation: &str) -> Result<String> {
        let relation = self.masks.text(&relation.replace('_', " "), &[])?;
        let (other, side) = match subject {
            Subject::Contact(id) if id != self.contact.id => (id, "from the other side"),
            _ => (other, "to"),
        };
        Ok(format!("{relation} {side} {}", self.masks.contact_by_id(other, LINKED)?))
    }
}

/// Whether a fact is a part of the person's own name, which is theirs whatever others are called.
pub(super) fn is_own(fact: &Fact) -> bool {
    match fact {
        Fact::Name => true,
        Fact::Field(name) => {
            [field::GIVEN_NAME, field::MIDDLE_NAME, field::FAMILY_NAME, field::NICKNAME].contains(&name.as_str())
        }
        _ => false,
    }
}

/// What was done to a fact, by the values that it had before and has after.
const fn verb(from: Option<&String>, to: Option<&String>) -> &'static str {
    match (from, to) {
        (None, Some(_)) => "set",
        (Some(_), None) => "removed",
        _ => "changed",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use crate::{Actor, Change, Memory, NewContact, Unknown};

    #[test]
    fn a_kind_of_a_newer_heirloom_is_told_through_the_masks() {
        let memory = Memory::in_memory().unwrap();
        let sally = memory
            .write(Actor::system("till"), |w| {
                w.add_contact(NewContact::person("Benedikt Achterberg"))?;
                let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
                let kind = "contact.given_to_Benedikt_Achterberg".to_owned();
                w.append(sally, Change::Unknown(Unknown { kind, version: 1, body: serde_json::json!({}) }))?;
                Ok(sally)
            })
            .unwrap();
        let mut told = Vec::new();
        let _ = memory.all_seeing().access(sally).json(&mut told).unwrap();
        let told = String::from_utf8(told).unwrap();
        assert!(told.contains("made a change of kind contact.given_to_[person 1]"), "{told}");
        assert!(!told.contains("Achterberg"), "{told}");
    }
}
