//! What a person provided, as a card for their own address book.

use std::io::{self, Write};

use super::told::{self, Item, Part, Person};
use super::{AccessFinding, Cover, Form};
use crate::actor::Actor;
use crate::contact::{Contact, ContactKind, audience};
use crate::exchange::vcard::write::CardWriter;
use crate::note::{Note, Visibility};

/// Writes one card.
pub(super) struct Card<W> {
    writer: CardWriter<W>,
    /// The name under which the notes stand: the person said them.
    name: String,
}

impl<W: Write> Card<W> {
    pub(super) fn new(out: W) -> Self {
        Self { writer: CardWriter::new(out), name: String::new() }
    }

    /// What a card could not say.
    pub(super) fn unsaid(self) -> impl Iterator<Item = AccessFinding> {
        self.writer.unsaid.0.into_iter().map(|(what, count)| AccessFinding { what: what.to_owned(), count })
    }
}

impl<W: Write> Form for Card<W> {
    fn begin(&mut self, cover: &Cover<'_>) -> io::Result<()> {
        self.name.clone_from(&cover.person.name);
        self.writer.unsaid.add_many("attachments, which a card does not carry", cover.report.attachments);
        self.writer.begin(&contact(cover.person), &[], &[])
    }

    fn part(&mut self, _: Part) -> io::Result<()> {
        Ok(())
    }

    fn item(&mut self, item: &Item) -> io::Result<()> {
        let Item::Note(note) = item else { return Ok(()) };
        if note.retracted_at.is_some() {
            self.writer.unsaid.add("notes that were retracted, which a card would tell as if they held");
            return Ok(());
        }
        let note = standing(note, &self.name);
        self.writer.note(&note, 1, true)
    }

    fn end(&mut self) -> io::Result<()> {
        self.writer.end_card()?;
        self.writer.finish()
    }
}

/// The person as a contact that has nothing but what they provided.
fn contact(person: &Person) -> Contact {
    Contact {
        id: person.id,
        kind: if person.kind == ContactKind::Person.word() { ContactKind::Person } else { ContactKind::Organisation },
        name: person.name.clone(),
        audience: audience::CUSTOMER.to_owned(),
        added_at: person.known_since,
        spoken_at: None,
        fields: person.fields.clone(),
        tags: Vec::new(),
        dates: person.dates.iter().filter_map(|(label, day)| Some((label.clone(), day.parse().ok()?))).collect(),
        handles: person.handles.clone(),
        links: Vec::new(),
        do_not_contact: person.do_not_contact.clone(),
        external_ids: Vec::new(),
    }
}

/// A note as its speaker wrote it.
fn standing(note: &told::Note, name: &str) -> Note {
    Note {
        id: note.id,
        kind: note.kind,
        text: note.text.clone(),
        happened_at: note.happened_at,
        recorded_at: note.recorded_at,
        said_by: None,
        recorded_by: Actor::system(name),
        recorded_by_name: name.to_owned(),
        via: note.via,
        channel: note.channel,
        direction: note.direction,
        permalink: note.permalink.clone(),
        visibility: Visibility::Organisation,
        private_to: None,
        sensitivity: note.sensitivity,
        corrected_at: note.corrected_at,
        retracted_at: None,
    }
}
