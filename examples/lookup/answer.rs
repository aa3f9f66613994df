//! From what somebody typed to an answer: one person's brief, several people to choose from, or what stands in notes.

use std::collections::HashSet;

use heirloom::{Brief, ContactId, ContactSummary, Found, Hit, Memory, Result};

/// The answer; what it does not have is empty.
#[derive(Default, serde::Serialize)]
pub(crate) struct Answer {
    /// Several people whom it may mean.
    pub(crate) candidates: Vec<Candidate>,
    /// What stands in the notes, best first.
    pub(crate) hits: Vec<Hit>,
    /// What must be known of the one whom it is about.
    pub(crate) brief: Option<Brief>,
}

/// One of several who may be meant.
#[derive(serde::Serialize)]
pub(crate) struct Candidate {
    #[serde(flatten)]
    pub(crate) contact: ContactSummary,
    /// Their company and an address, where another candidate has the same name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) told_apart_by: Option<String>,
}

/// Takes what was typed for an address, or else for a name, or else for a question.
pub(crate) fn answer(memory: &Memory, words: &str) -> Result<Answer> {
    let mut people: Vec<_> = memory.by_any_handle(words)?.into_iter().map(|found| found.contact).collect();
    people.dedup();
    if people.is_empty() {
        people = memory.contacts_like(words, 10)?;
    }
    if let [_, _, ..] = people[..] {
        return Ok(Answer { candidates: told_apart(memory, people)?, ..Answer::default() });
    }
    let hits = if people.is_empty() { search(memory, words)? } else { Vec::new() };
    let whom = people.first().map(|contact| contact.id).or_else(|| clearly_about(&hits, words));
    Ok(Answer { brief: whom.map(|contact| memory.brief(contact)).transpose()?, hits, ..Answer::default() })
}

/// Puts beside each of several of one name what tells them apart.
fn told_apart(memory: &Memory, people: Vec<ContactSummary>) -> Result<Vec<Candidate>> {
    let namesakes = |one: &ContactSummary| people.iter().filter(|other| other.name == one.name).count();
    let mark = |one: &ContactSummary| -> Result<Option<String>> {
        let contact = memory.contact(one.id)?;
        let address = contact.handles.first().map(|handle| &handle.address);
        let marks: Vec<&str> = contact.fields.get("company").into_iter().chain(address).map(String::as_str).collect();
        Ok((!marks.is_empty()).then(|| marks.join(", ")))
    };
    let told = |one: &ContactSummary| {
        let told_apart_by = if namesakes(one) > 1 { mark(one)? } else { None };
        Ok(Candidate { contact: one.clone(), told_apart_by })
    };
    people.iter().map(told).collect()
}

/// Searches the notes, and where none has any of the words, what is known of contacts beside their names.
fn search(memory: &Memory, words: &str) -> Result<Vec<Hit>> {
    let notes = memory.search(words).notes_only().limit(5).run()?;
    if notes.is_empty() { memory.search(words).contacts_only().limit(5).run() } else { Ok(notes) }
}

/// The one contact whom the best hit is about, when the best hit that is about others too is far behind, and when more
/// than one word of the question led to it or the question names them: one word alone may stand there by chance.
fn clearly_about(hits: &[Hit], words: &str) -> Option<ContactId> {
    let about = |hit: &Hit| match &hit.found {
        Found::Note { about, .. } => about.iter().map(|contact| contact.id).collect(),
        Found::Contact(contact) => vec![contact.id],
        _ => Vec::new(),
    };
    let best = hits.first()?;
    let [contact] = about(best)[..] else { return None };
    let others = hits.iter().find(|hit| about(hit) != [contact]);
    let marked = best.snippet.marks.iter().filter_map(|mark| best.snippet.text.get(mark.clone()));
    let matched: HashSet<String> = marked.map(str::to_lowercase).collect();
    if matched.len() < 2 && !names(best, words) {
        return None;
    }
    others.is_none_or(|hit| hit.score < 0.7 * best.score).then_some(contact)
}

/// Whether a question has a word of the name of whom a hit is about.
fn names(hit: &Hit, words: &str) -> bool {
    let split = |text: &str| -> HashSet<String> {
        text.to_lowercase()
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(Into::into)
            .collect()
    };
    let name = match &hit.found {
        Found::Note { about, .. } => about.first().map(|contact| contact.name.as_str()),
        Found::Contact(contact) => Some(contact.name.as_str()),
        _ => None,
    };
    name.is_some_and(|name| !split(name).is_disjoint(&split(words)))
}

impl Answer {
    pub(crate) fn is_empty(&self) -> bool {
        self.candidates.is_empty() && self.hits.is_empty() && self.brief.is_none()
    }
}
