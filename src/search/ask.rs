//! Asking: the search as users call it.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Query, Snippet, Subject, names_like, run};
use crate::contact::{ContactSummary, read_summary};
use crate::error::Result;
use crate::id::{ContactId, MemberId};
use crate::member::member_key;
use crate::memory::{Memory, View};
use crate::note::{Note, NoteKind};
use crate::store::{SqlExt, Value};
use crate::time;
use crate::wording::and_more;

/// A search that is being put together; see [`Memory::search`].
#[derive(Clone, Debug)]
#[must_use = "nothing is looked for before run is called"]
pub struct Search<'m> {
    memory: &'m Memory,
    text: String,
    limit: usize,
    contact: Option<ContactId>,
    book_of: Option<MemberId>,
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    kinds: Vec<NoteKind>,
    notes: bool,
    contacts: bool,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Hit {
    /// The note or the contact.
    pub found: Found,
    /// How well it answers; comparable within one search only.
    pub score: f64,
    /// Why it was found: a piece of its text, with the words that matched marked.
    pub snippet: Snippet,
}

/// A note or a contact.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "a search gives few of them, nearly all of them notes")]
pub enum Found {
    /// A note, and whom it is about.
    Note {
        /// The note.
        note: Note,
        /// Whom it is about.
        about: Vec<ContactSummary>,
    },
    /// A contact.
    Contact(ContactSummary),
}

impl fmt::Display for Hit {
    /// The hit on one line: whom it is about, when, and the snippet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snippet = self.snippet.to_string().replace('\n', " ");
        match &self.found {
            Found::Note { note, about } => {
                const SHOWN: usize = 3;
                let names: Vec<&str> = about.iter().take(SHOWN).map(|contact| contact.name.as_str()).collect();
                write!(f, "{}, {}: {snippet}", and_more(&names, about.len()), note.day())
            }
            Found::Contact(contact) => write!(f, "{}: {snippet}", contact.name),
        }
    }
}

impl Memory {
    /// Searches notes and contacts by a question in plain words, or by whatever a person types: any text will do.
    ///
    /// Notes with any of the question's words are found, best first: rare words count more than common ones, and a
    /// person whom the question names lifts their notes. Private notes are found by a handle of their author alone.
    ///
    /// So that an answer takes milliseconds in a memory of a million notes, not every note with a very common word is
    /// ranked: of a word in some thousands of notes the newest thousand are looked at, in a contact with thousands of
    /// notes fewer, and beyond the first 48 words of a question none. A note with a rare word is found however old it is.
    ///
    /// ```
    /// # use heirloom::{Actor, Memory, NewContact};
    /// # let memory = Memory::in_memory()?;
    /// # memory.write(Actor::system("docs"), |w| {
    /// #     let sally = w.add_contact(NewContact::person("Sally"))?;
    /// #     w.note(sally, "Comes in for a treat when she reaches her weight goal").save()
    /// # })?;
    /// for hit in memory.search("what does Sally come in for?").limit(10).run()? {
    ///     println!("{hit}");
    /// }
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub fn search(&self, question: impl Into<String>) -> Search<'_> {
        Search {
            memory: self,
            text: question.into(),
            limit: 20,
            contact: None,
            book_of: None,
            from: None,
            until: None,
            kinds: Vec::new(),
            notes: true,
            contacts: true,
        }
    }

    /// Finds contacts by what somebody types of a name: the beginnings of its words in any order, with a slip or two.
    /// Exact names come first, then beginnings, then misspellings.
    ///
    /// ```
    /// # use heirloom::{Actor, Memory, NewContact};
    /// # let memory = Memory::in_memory()?;
    /// # memory.write(Actor::system("docs"), |w| w.add_contact(NewContact::person("Sally Marsh")))?;
    /// assert_eq!(memory.contacts_like("mar sal", 10)?[0].name, "Sally Marsh");
    /// assert_eq!(memory.contacts_like("Slaly", 10)?[0].name, "Sally Marsh");
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub fn contacts_like(&self, typed: &str, limit: usize) -> Result<Vec<ContactSummary>> {
        self.read(|view| {
            let found = names_like(view.sql(), &self.inner.search, typed, limit)?;
            found.into_iter().map(|(key, _)| view.summary_by_key(key)).collect()
        })
    }
}

impl Search<'_> {
    /// Gives at most so many hits; 20 unless said.
    pub const fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Looks only at what is about a contact.
    pub const fn within(mut self, contact: ContactId) -> Self {
        self.contact = Some(contact);
        self
    }

    /// Looks only at the contacts whom a member owns at the instant of the search.
    pub fn in_book_of(mut self, member: impl Into<MemberId>) -> Self {
        self.book_of = Some(member.into());
        self
    }

    /// Looks only at what happened at this instant or later.
    pub const fn since(mut self, from: DateTime<Utc>) -> Self {
        self.from = Some(from);
        self
    }

    /// Looks only at what happened before this instant.
    pub const fn before(mut self, until: DateTime<Utc>) -> Self {
        self.until = Some(until);
        self
    }

    /// Looks only at notes of a kind; call it again for further kinds.
    pub fn kind(mut self, kind: NoteKind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// Looks at notes alone.
    pub const fn notes_only(mut self) -> Self {
        self.contacts = false;
        self
    }

    /// Looks at contacts alone.
    pub const fn contacts_only(mut self) -> Self {
        self.notes = false;
        self
    }

    /// Carries the search out, on one snapshot; best hits first.
    ///
    /// # Errors
    /// [`crate::Error::Unknown`] for an unknown contact or member.
    pub fn run(self) -> Result<Vec<Hit>> {
        self.memory.read(|view| {
            let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.word()).collect();
            let query = Query {
                text: &self.text,
                limit: self.limit,
                contact: self.contact.map(|id| view.contact_key(id)).transpose()?,
                book_of: self.book_of.map(|id| member_key(view.sql(), id)).transpose()?,
                now: view.now_micros(),
                from: self.from.map(time::to_micros).transpose()?,
                until: self.until.map(time::to_micros).transpose()?,
                kinds: &kinds,
                viewer: view.viewer(),
                notes: self.notes,
                contacts: self.contacts,
            };
            run(view.sql(), &self.memory.inner.search, &query)?
                .into_iter()
                .map(|hit| Ok(Hit { found: view.found(hit.subject)?, score: hit.score, snippet: hit.snippet }))
                .collect()
        })
    }
}

impl View<'_> {
    fn found(&self, subject: Subject) -> Result<Found> {
        Ok(match subject {
            Subject::Note(key) => Found::Note { note: self.note_by_key(key)?, about: self.note_contacts_by_key(key)? },
            Subject::Contact(key) => Found::Contact(self.summary_by_key(key)?),
        })
    }

    fn summary_by_key(&self, key: i64) -> Result<ContactSummary> {
        self.sql().one("SELECT id, kind, name FROM contact WHERE key = $1", &[Value::Int(key)], read_summary)
    }
}
