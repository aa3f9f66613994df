//! What is known about contacts, in figures: how many notes, how old, in whose words. No text is read for them.

use crate::error::Result;
use crate::store::{Row, RowExt, Sql, SqlExt, Value};

/// What is known about one contact, counted over the notes that were not retracted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Notes that the organisation may read.
    pub(crate) notes: u64,
    /// Those of them that are lasting knowledge.
    pub(crate) insights: u64,
    /// Those of them in which the contact was spoken to.
    pub(crate) exchanges: u64,
    /// Those of the exchanges that are complaints.
    pub(crate) complaints: u64,
    /// Those of the exchanges that are praise.
    pub(crate) praise: u64,
    /// When the newest of them happened, in microseconds since 1970.
    pub(crate) latest: Option<i64>,
    /// How many of them each member can be asked about, by the key of the member; 0 for those that no member wrote.
    pub(crate) voices: Vec<(i64, u64)>,
    /// How many notes besides are private, by the key of the member who reads them; below 0 where nobody does.
    pub(crate) private: Vec<(i64, u64)>,
}

impl Figures {
    /// Whether there are notes, and all of them are in the words of these members.
    pub(crate) fn only_in_words_of(&self, mut members: impl FnMut(i64) -> bool) -> bool {
        !self.voices.is_empty() && self.voices.iter().all(|(voice, _)| members(*voice))
    }

    /// How many private notes these members read.
    pub(crate) fn private_to(&self, mut members: impl FnMut(i64) -> bool) -> u64 {
        self.private.iter().filter(|(reader, _)| members(*reader)).map(|(_, notes)| notes).sum()
    }

    fn clear(&mut self) {
        let (mut voices, mut private) = (std::mem::take(&mut self.voices), std::mem::take(&mut self.private));
        voices.clear();
        private.clear();
        *self = Self { voices, private, ..Self::default() };
    }

    /// Counts one note; the columns of the row are those of `figures_query`.
    fn take(&mut self, row: &dyn Row) -> Result<()> {
        if let Some(reader) = row.opt_int(4)? {
            count(&mut self.private, reader);
            return Ok(());
        }
        self.notes += 1;
        match row.text(2)? {
            "insight" => self.insights += 1,
            "conversation" | "idea" => self.exchanges += 1,
            "complaint" => (self.exchanges, self.complaints) = (self.exchanges + 1, self.complaints + 1),
            "praise" => (self.exchanges, self.praise) = (self.exchanges + 1, self.praise + 1),
            _ => {}
        }
        self.latest = self.latest.max(Some(row.int(1)?));
        count(&mut self.voices, row.int(3)?);
        Ok(())
    }
}

fn count(figures: &mut Vec<(i64, u64)>, key: i64) {
    match figures.iter_mut().find(|(known, _)| *known == key) {
        Some((_, notes)) => *notes += 1,
        None => figures.push((key, 1)),
    }
}

/// The columns that figures are taken from, all of `note_contact l`.
macro_rules! figures_query {
    ($rest:literal) => {
        concat!("SELECT l.contact, l.happened_at, l.kind, l.voice, l.private_to ", $rest)
    };
}

/// Hands over the figures of each contact that has notes, in order of their keys.
pub(crate) fn of_all(sql: &dyn Sql, each: impl FnMut(i64, &Figures) -> Result<()>) -> Result<()> {
    gather(
        sql,
        figures_query!("FROM note_contact l WHERE l.retracted_at IS NULL ORDER BY l.contact, l.happened_at, l.note"),
        &[],
        each,
    )
}

/// Hands over the figures of each contact with notes in the book of a member at an instant, in order of their keys.
pub(crate) fn of_book(
    sql: &dyn Sql,
    member: i64,
    at: i64,
    each: impl FnMut(i64, &Figures) -> Result<()>,
) -> Result<()> {
    gather(
        sql,
        figures_query!(
            "FROM note_contact l
             WHERE l.contact IN (
                 SELECT contact FROM assignment
                 WHERE member = $1 AND role = 'owner' AND since <= $2 AND (until IS NULL OR until > $2)
             ) AND l.retracted_at IS NULL
             ORDER BY l.contact, l.happened_at, l.note"
        ),
        &[Value::Int(member), Value::Int(at)],
        each,
    )
}

/// Takes the figures of one contact.
pub(crate) fn of_contact(sql: &dyn Sql, contact: i64) -> Result<Figures> {
    let mut found = Figures::default();
    gather(
        sql,
        figures_query!("FROM note_contact l WHERE l.contact = $1 AND l.retracted_at IS NULL ORDER BY l.happened_at"),
        &[Value::Int(contact)],
        |_, figures| {
            found = figures.clone();
            Ok(())
        },
    )?;
    Ok(found)
}

/// Sums up rows that come contact by contact.
fn gather(
    sql: &dyn Sql,
    query: &'static str,
    parameters: &[Value<'_>],
    mut each: impl FnMut(i64, &Figures) -> Result<()>,
) -> Result<()> {
    let (mut figures, mut current) = (Figures::default(), None);
    sql.each(query, parameters, |row| {
        let contact = row.int(0)?;
        if current != Some(contact) {
            if let Some(done) = current.replace(contact) {
                each(done, &figures)?;
            }
            figures.clear();
        }
        figures.take(row)
    })?;
    current.map_or(Ok(()), |done| each(done, &figures))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::contact::contact_key;
    use crate::member::member_key;
    use crate::{Actor, ContactId, Memory, NewContact, NewMember, NoteKind, Role, SaidBy, Visibility};

    /// A note at random, and what became of it.
    #[derive(Clone, Debug)]
    struct Thrown {
        about: Vec<usize>,
        kind: NoteKind,
        /// Who writes: a member, or an import.
        by: Option<usize>,
        said_by: Option<usize>,
        day: u32,
        fate: Fate,
    }

    #[derive(Clone, Copy, Debug)]
    enum Fate {
        Stands,
        Private,
        Sealed,
        Released,
        Retracted,
        Reclassified,
    }

    const KINDS: [NoteKind; 8] = [
        NoteKind::Conversation,
        NoteKind::Insight,
        NoteKind::Praise,
        NoteKind::Complaint,
        NoteKind::Idea,
        NoteKind::Milestone,
        NoteKind::Broadcast,
        NoteKind::Other,
    ];

    fn thrown() -> impl Strategy<Value = Thrown> {
        let fate = prop_oneof![
            3 => Just(Fate::Stands),
            1 => Just(Fate::Private),
            1 => Just(Fate::Sealed),
            1 => Just(Fate::Released),
            1 => Just(Fate::Retracted),
            1 => Just(Fate::Reclassified),
        ];
        let people = || proptest::option::of(0..3_usize);
        let about = proptest::collection::vec(0..4_usize, 1..3);
        (about, 0..KINDS.len(), people(), people(), 1..28_u32, fate).prop_map(
            |(about, kind, by, said_by, day, fate)| Thrown { about, kind: KINDS[kind], by, said_by, day, fate },
        )
    }

    /// Three members and four contacts; the first member owns the first two.
    fn cast() -> (Memory, Vec<crate::Member>, Vec<ContactId>) {
        let memory = Memory::in_memory().unwrap();
        let (members, contacts) = memory
            .write(Actor::system("setup"), |w| {
                let members: Vec<_> =
                    (0..3).map(|at| w.add_member(NewMember::new(format!("M{at}")))).collect::<Result<_>>()?;
                let contacts: Vec<_> =
                    (0..4).map(|at| w.add_contact(NewContact::person(format!("C{at}")))).collect::<Result<_>>()?;
                contacts
                    .iter()
                    .take(2)
                    .try_for_each(|contact| w.assign(*contact, &members[0], Role::Owner).map(drop))?;
                Ok((members, contacts))
            })
            .unwrap();
        (memory, members, contacts)
    }

    fn throw(memory: &Memory, members: &[crate::Member], contacts: &[ContactId], note: &Thrown) {
        let actor = note.by.map_or_else(|| Actor::import("till"), |at| Actor::from(&members[at]));
        let about: Vec<_> = note.about.iter().map(|at| contacts[*at]).collect();
        let private = matches!(note.fate, Fate::Private | Fate::Sealed | Fate::Released);
        let id = memory
            .write(actor, |w| {
                let draft = w.note_about(&about, "Came by")?.kind(note.kind);
                let draft = draft.happened_at(format!("2025-03-{:02}", note.day).as_str());
                let draft = if let Some(at) = note.said_by { draft.said_by(&members[at]) } else { draft };
                if private { draft.private().save() } else { draft.save() }
            })
            .unwrap();
        memory
            .write(Actor::system("host"), |w| match note.fate {
                Fate::Stands | Fate::Private => Ok(()),
                Fate::Sealed => w.seal_note(id, None),
                Fate::Released => w.release_note(id, &members[2], None),
                Fate::Retracted => w.retract_note(id, None),
                Fate::Reclassified => w.reclassify_note(id, NoteKind::Insight, None),
            })
            .unwrap();
    }

    /// Counts as slowly as can be, from the notes as everybody reads them.
    fn slowly(memory: &Memory, members: &[crate::Member], contact: ContactId) -> Figures {
        let key = |id| memory.inner.store.read(|sql| member_key(sql, id)).unwrap();
        let mut figures = Figures::default();
        for note in memory.all_seeing().timeline(contact, None, 100).unwrap().notes.into_iter().rev() {
            if note.visibility != Visibility::Organisation {
                let reader = members.iter().find(|member| memory.seen_by(*member).unwrap().note(note.id).is_ok());
                let nobody = if note.visibility == Visibility::Sealed { -3 } else { -1 };
                count(&mut figures.private, reader.map_or(nobody, |member| key(member.id)));
                continue;
            }
            let exchange =
                [NoteKind::Conversation, NoteKind::Praise, NoteKind::Complaint, NoteKind::Idea].contains(&note.kind);
            figures.notes += 1;
            figures.insights += u64::from(note.kind == NoteKind::Insight);
            figures.exchanges += u64::from(exchange);
            figures.complaints += u64::from(note.kind == NoteKind::Complaint);
            figures.praise += u64::from(note.kind == NoteKind::Praise);
            figures.latest = figures.latest.max(Some(note.happened_at.micros()));
            let said_by = note.said_by.and_then(|speaker| speaker.member);
            count(&mut figures.voices, said_by.or(note.recorded_by.member()).map_or(0, key));
        }
        sorted(figures)
    }

    fn sorted(mut figures: Figures) -> Figures {
        figures.voices.sort_unstable();
        figures.private.sort_unstable();
        figures
    }

    /// The figures of all that is asked for, by the key of the contact.
    fn gathered(
        memory: &Memory,
        of: impl Fn(&dyn Sql, &mut dyn FnMut(i64, &Figures) -> Result<()>) -> Result<()>,
    ) -> Vec<(i64, Figures)> {
        let mut found = Vec::new();
        memory
            .inner
            .store
            .read(|sql| {
                of(sql, &mut |contact, figures| {
                    found.push((contact, sorted(figures.clone())));
                    Ok(())
                })
            })
            .unwrap();
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn figures_are_what_a_slow_count_over_the_notes_comes_to(notes in proptest::collection::vec(thrown(), 0..24)) {
            let (memory, members, contacts) = cast();
            notes.iter().for_each(|note| throw(&memory, &members, &contacts, note));
            let read = |id| memory.inner.store.read(|sql| contact_key(sql, id)).unwrap();
            let all: BTreeMap<i64, Figures> =
                contacts.iter().map(|contact| (read(*contact), slowly(&memory, &members, *contact))).collect();
            for (contact, expected) in &all {
                let found = memory.inner.store.read(|sql| of_contact(sql, *contact)).unwrap();
                prop_assert_eq!(&sorted(found), expected);
            }
            let noted = |(_, figures): &(i64, Figures)| figures != &Figures::default();
            let expected: Vec<_> = all.into_iter().filter(noted).collect();
            prop_assert_eq!(&gathered(&memory, |sql, each| of_all(sql, each)), &expected);
            let owner = memory.inner.store.read(|sql| member_key(sql, members[0].id)).unwrap();
            let book: Vec<_> = expected.into_iter().filter(|(contact, _)| contacts[..2].iter().any(|c| read(*c) == *contact)).collect();
            prop_assert_eq!(gathered(&memory, |sql, each| of_book(sql, owner, i64::MAX, each)), book);
        }
    }

    #[test]
    fn retracted_notes_do_not_count_private_ones_stand_apart_and_imports_are_no_members_words() {
        let (memory, members, contacts) = cast();
        let key = |at: usize| memory.inner.store.read(|sql| member_key(sql, members[at].id)).unwrap();
        memory
            .write(&members[0], |w| {
                let retracted = w.note(contacts[0], "Came by").save()?;
                w.retract_note(retracted, None)?;
                w.note(contacts[0], "Is ill").private().save()?;
                w.note(contacts[0], "Complained").kind(NoteKind::Complaint).said_by(SaidBy::Contact(contacts[0])).save()
            })
            .unwrap();
        memory.write(Actor::import("till"), |w| w.note(contacts[0], "Paid").kind(NoteKind::Other).save()).unwrap();
        let contact = memory.inner.store.read(|sql| contact_key(sql, contacts[0])).unwrap();
        let figures = sorted(memory.inner.store.read(|sql| of_contact(sql, contact)).unwrap());
        assert_eq!((figures.notes, figures.exchanges, figures.complaints), (2, 1, 1));
        assert_eq!(figures.voices, [(0, 1), (key(0), 1)], "what she said was written down by a member");
        assert_eq!(figures.private, [(key(0), 1)]);
        assert_eq!((figures.private_to(|member| member == key(0)), figures.private_to(|_| false)), (1, 0));
        assert!(!figures.only_in_words_of(|member| member == key(0)));
        assert!(figures.only_in_words_of(|_| true) && !Figures::default().only_in_words_of(|_| true));
    }

    #[test]
    fn what_fails_while_figures_are_handed_over_ends_the_reading() {
        let (memory, _, contacts) = cast();
        memory
            .write(Actor::system("till"), |w| contacts.iter().try_for_each(|c| w.note(*c, "Came by").save().map(drop)))
            .unwrap();
        let mut handed = 0;
        let failed = memory.inner.store.read(|sql| {
            of_all(sql, |_, _| {
                handed += 1;
                Err(crate::Error::refused("enough"))
            })
        });
        assert_eq!((failed.unwrap_err().to_string().as_str(), handed), ("enough", 1));
    }
}
