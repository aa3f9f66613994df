//! From what somebody typed to an answer: one person's brief, several people to choose from, or what stands in notes.

use heirloom::{Brief, ContactId, ContactSummary, Found, Hit, Memory, Result};

/// The answer; what it does not have is empty.
#[derive(Default, serde::Serialize)]
pub(crate) struct Answer {
    /// Several people whom it may mean.
    pub(crate) candidates: Vec<ContactSummary>,
    /// What stands in the notes, best first.
    pub(crate) hits: Vec<Hit>,
    /// What must be known of the one whom it is about.
    pub(crate) brief: Option<Brief>,
}

/// Takes what was typed for an address, or else for a name, or else for a question.
pub(crate) fn answer(memory: &Memory, words: &str) -> Result<Answer> {
    let mut people: Vec<_> = memory.by_any_handle(words)?.into_iter().map(|found| found.contact).collect();
    people.dedup();
    if people.is_empty() {
        people = memory.contacts_like(words, 10)?;
    }
    if let [_, _, ..] = people[..] {
        return Ok(Answer { candidates: people, ..Answer::default() });
    }
    let hits = if people.is_empty() { search(memory, words)? } else { Vec::new() };
    let whom = people.first().map(|contact| contact.id).or_else(|| clearly_about(&hits));
    Ok(Answer { brief: whom.map(|contact| memory.brief(contact)).transpose()?, hits, ..Answer::default() })
}

/// Searches the notes, and where none has any of the words, what is known of contacts beside their names.
fn search(memory: &Memory, words: &str) -> Result<Vec<Hit>> {
    let notes = memory.search(words).notes_only().limit(5).run()?;
    if notes.is_empty() { memory.search(words).contacts_only().limit(5).run() } else { Ok(notes) }
}

/// The one contact whom the best hit is about, when the best hit that is about others too is far behind.
fn clearly_about(hits: &[Hit]) -> Option<ContactId> {
    let about = |hit: &Hit| match &hit.found {
        Found::Note { about, .. } => about.iter().map(|contact| contact.id).collect(),
        Found::Contact(contact) => vec![contact.id],
        _ => Vec::new(),
    };
    let best = hits.first()?;
    let [contact] = about(best)[..] else { return None };
    let others = hits.iter().find(|hit| about(hit) != [contact]);
    others.is_none_or(|hit| hit.score < 0.7 * best.score).then_some(contact)
}

impl Answer {
    pub(crate) fn is_empty(&self) -> bool {
        self.candidates.is_empty() && self.hits.is_empty() && self.brief.is_none()
    }
}
