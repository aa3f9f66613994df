//! The debrief: what to ask somebody before they leave, about whom first.

use std::collections::{HashMap, HashSet};
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::contact::{ContactSummary, read_summary};
use crate::error::{Error, Result};
use crate::follow_up::{OpenPromise, read_open_promise};
use crate::handoff::NamedParty;
use crate::id::{ContactId, NoteId};
use crate::journal::Writer;
use crate::knowledge::{self, Figures};
use crate::member::{Party, party_key};
use crate::memory::{Memory, View};
use crate::store::{RowExt, Sql, SqlExt, Value};
use crate::time;
use crate::wording::{Count, Visible, paragraph};

/// A debrief that is being put together; see [`Memory::debrief`].
#[derive(Clone, Debug)]
#[must_use = "nothing is asked before run is called"]
pub struct Debriefing<'m> {
    memory: &'m Memory,
    who: Party,
    first: usize,
}

impl Memory {
    /// Prepares the questions to ask a member, or the people of an agency, before they leave: about which contacts an
    /// answer is worth most, why, and what is not written down yet.
    ///
    /// It asks about the contacts whom they own, about those owned by others or by nobody of whom all that is known is in
    /// their words or private to them, and about those to whom they have open promises. The first are those that matter
    /// much (many conversations, complaints, praise, open promises) and of whom little is written down, by few others.
    ///
    /// An answer becomes an insight by [`Writer::answer_debrief`], and whoever gave it, its question is not asked again:
    /// it is known by an insight about the contact that begins with the question, as long as the organisation may read it
    /// and it is not retracted. A contact about whom everything was answered is not among the answer.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact, NewMember, Role, Topic};
    ///
    /// let memory = Memory::in_memory()?;
    /// let tom = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Tom Okoro")))?;
    /// let sally = memory.write(&tom, |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.assign(sally, &tom, Role::Owner)?;
    ///     w.note(sally, "Asked whether the walnut bread is back").save()?;
    ///     Ok(sally)
    /// })?;
    /// let debrief = memory.debrief(&tom).first(10).run()?;
    /// println!("{debrief}"); // Sally Marsh: spoken to once; no insight; only in the leaver's words …
    ///
    /// let never = debrief.contacts[0].questions.iter().find(|question| question.topic == Topic::Never).unwrap();
    /// let note = memory.write(&tom, |w| w.answer_debrief(never, "Serve nuts."))?;
    /// assert_eq!(memory.note(note)?.text, "What must one never do? Serve nuts.");
    /// assert_eq!(memory.debrief(&tom).run()?.contacts[0].questions.len(), 3); // that one is not asked again
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub fn debrief(&self, who: impl Into<Party>) -> Debriefing<'_> {
        Debriefing { memory: self, who: who.into(), first: 20 }
    }
}

impl Debriefing<'_> {
    /// Gives at most so many contacts; 20 unless said. How many more there are stands in [`Debrief::more`].
    pub const fn first(mut self, contacts: usize) -> Self {
        self.first = contacts;
        self
    }

    /// Prepares the questions, on one snapshot.
    ///
    /// The contacts are found and ordered by figures; texts are read about those alone that are given, and those passed
    /// over because everything about them was answered.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an unknown member or agency; [`Error::Refused`] for one that has departed.
    pub fn run(self) -> Result<Debrief> {
        self.memory.read(|view| draw(view, self.who, self.first))
    }
}

/// What to ask somebody before they leave. As text by `Display`, as JSON by [`Debrief::to_json`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Debrief {
    /// Whom.
    pub who: NamedParty,
    /// The instant at which it was prepared.
    pub at: DateTime<Utc>,
    /// About whom, those first of whom an answer is worth most; of equals those who have been known longest.
    pub contacts: Vec<DebriefItem>,
    /// How many more contacts come after these. Whether everything about them was answered already was not looked up.
    pub more: u64,
}

/// A contact to ask about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DebriefItem {
    /// The contact.
    pub contact: ContactSummary,
    /// Why an answer is worth something.
    pub reasons: Vec<Worth>,
    /// What to ask, without what was answered already; at least one question.
    pub questions: Vec<Question>,
}

/// Why an answer about a contact is worth something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Worth {
    /// The contact was spoken to so many times.
    SpokenTo(u64),
    /// The contact complained so many times.
    Complaints(u64),
    /// The contact praised us so many times.
    Praise(u64),
    /// So many promises to the contact are open, whoever is to keep them.
    OpenPromises(u64),
    /// There is no note at all.
    NoNotes,
    /// There are notes, and all of them are private or sealed.
    PrivateOnly,
    /// There are notes, and so few of them are insights.
    FewInsights(u64),
    /// Every note that the organisation may read is in the words of who leaves.
    OneVoice,
    /// The contact is not in the book of who leaves; these own it, or nobody does.
    OwnedBy(Vec<String>),
}

/// What a question is about. The words of the question are fixed, so that an answer is known by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Topic {
    /// Why they come.
    Why,
    /// What they care about.
    Cares,
    /// What was promised to them.
    Promised,
    /// What one must never do.
    Never,
}

/// A question about a contact. A value that a host may show, keep and read back (by serde) until somebody answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Question {
    /// About whom.
    pub contact: ContactId,
    /// About what.
    pub topic: Topic,
    /// The open promises to the contact, whoever is to keep them, where the question is about promises; the first due
    /// come first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<OpenPromise>,
}

impl Topic {
    /// Every topic, in the order in which they are asked.
    pub const ALL: [Self; 4] = [Self::Why, Self::Cares, Self::Promised, Self::Never];

    /// The question, in words.
    pub const fn asks(self) -> &'static str {
        match self {
            Self::Why => "Why do they come?",
            Self::Cares => "What do they care about?",
            Self::Promised => "What was promised to them?",
            Self::Never => "What must one never do?",
        }
    }

    /// The topic whose question a text answers, if any.
    fn answered_by(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|topic| text.strip_prefix(topic.asks()).is_some_and(|answer| !answer.trim().is_empty()))
    }
}

impl Question {
    /// The question with an answer, as a text that is understood alone.
    ///
    /// [`Writer::answer_debrief`] notes it as said by who acts. Whoever notes down what somebody else answers, or what must
    /// be handled with care, notes it so, and the question counts as answered all the same:
    ///
    /// ```
    /// # use heirloom::{Actor, Memory, NewContact, NewMember, Role, Sensitivity};
    /// # let memory = Memory::in_memory()?;
    /// # let (tom, mia) = memory.write(Actor::system("docs"), |w| {
    /// #     let tom = w.add_member(NewMember::new("Tom"))?;
    /// #     let sally = w.add_contact(NewContact::person("Sally"))?;
    /// #     w.assign(sally, &tom, Role::Owner)?;
    /// #     Ok((tom, w.add_member(NewMember::new("Mia"))?))
    /// # })?;
    /// # let question = &memory.debrief(&tom).run()?.contacts[0].questions[3];
    /// memory.write(&mia, |w| {
    ///     let text = question.answered("Serve nuts.");
    ///     w.note(question.contact, text).insight().said_by(&tom).sensitivity(Sensitivity::Health).save()
    /// })?;
    /// # assert_eq!(memory.debrief(&tom).run()?.contacts[0].questions.len(), 3);
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub fn answered(&self, answer: &str) -> String {
        format!("{} {}", self.topic.asks(), answer.trim())
    }
}

impl Debrief {
    /// The debrief as JSON, indented.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl Writer<'_> {
    /// Answers a question of a debrief: the question and the answer become an insight about the contact, in the words of
    /// who acts. A question that was answered before takes another answer beside it. For an example see
    /// [`Memory::debrief`].
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty answer, or one too large for a note; [`Error::Unknown`] for an unknown contact.
    pub fn answer_debrief(&mut self, question: &Question, answer: &str) -> Result<NoteId> {
        check::text("answer", answer, check::NOTE_TEXT_MAX)?;
        self.note(question.contact, question.answered(answer)).insight().save()
    }
}

/// Everybody who leaves, and what they have.
struct Leaver {
    /// The keys of the member, or of the people of the agency.
    people: HashSet<i64>,
    /// The contacts whom they own.
    book: HashSet<i64>,
    /// How many open promises there are to a contact, and whether one of them is theirs.
    promises: HashMap<i64, (u64, bool)>,
}

/// What makes an answer about a contact worth something.
#[derive(Default)]
struct Candidate {
    contact: i64,
    owned: bool,
    notes: u64,
    insights: u64,
    exchanges: u64,
    complaints: u64,
    praise: u64,
    promises: u64,
    /// How many others have told something.
    others: usize,
    private: bool,
}

impl Candidate {
    fn of(contact: i64, figures: &Figures, leaver: &Leaver) -> Self {
        Self {
            contact,
            owned: leaver.book.contains(&contact),
            notes: figures.notes,
            insights: figures.insights,
            exchanges: figures.exchanges,
            complaints: figures.complaints,
            praise: figures.praise,
            promises: leaver.promises.get(&contact).map_or(0, |(open, _)| *open),
            others: figures.voices.iter().filter(|(voice, _)| !leaver.people.contains(voice)).count(),
            private: !figures.private.is_empty(),
        }
    }

    /// How much an answer is worth: how much the contact matters, times how little is written down and by how few others.
    /// The first of everything says more than the tenth, so numbers weigh by their magnitude.
    fn worth(&self) -> u64 {
        let magnitude = |number: u64| u64::from(u64::BITS - number.leading_zeros());
        let matters = 1
            + magnitude(self.exchanges)
            + 2 * magnitude(self.complaints)
            + magnitude(self.praise)
            + 3 * magnitude(self.promises);
        let unwritten = 4_u64.saturating_sub(magnitude(self.insights));
        let unheard = 3_u64.saturating_sub(self.others as u64);
        matters * (1 + unwritten + unheard)
    }

    fn reasons(&self, owners: impl FnOnce() -> Result<Vec<String>>) -> Result<Vec<Worth>> {
        let counted = [
            (self.exchanges, Worth::SpokenTo as fn(u64) -> Worth),
            (self.complaints, Worth::Complaints),
            (self.praise, Worth::Praise),
            (self.promises, Worth::OpenPromises),
        ];
        let mut reasons: Vec<_> =
            counted.into_iter().filter(|(count, _)| *count > 0).map(|(count, worth)| worth(count)).collect();
        match (self.notes, self.private) {
            (0, true) => reasons.push(Worth::PrivateOnly),
            (0, false) => reasons.push(Worth::NoNotes),
            _ if self.insights <= 2 => reasons.push(Worth::FewInsights(self.insights)),
            _ => {}
        }
        if self.notes > 0 && self.others == 0 {
            reasons.push(Worth::OneVoice);
        }
        if !self.owned {
            reasons.push(Worth::OwnedBy(owners()?));
        }
        Ok(reasons)
    }
}

fn draw(view: &View<'_>, who: Party, first: usize) -> Result<Debrief> {
    let who = NamedParty { party: who, name: name_of_who_is_here(view, who)? };
    let leaver = Leaver::read(view, party_key(view.sql(), who.party)?)?;
    let mut candidates = candidates(view.sql(), &leaver)?.into_iter();
    let mut contacts = Vec::new();
    while contacts.len() < first {
        let Some(candidate) = candidates.next() else { break };
        let questions = questions(view, candidate.contact)?;
        if questions.is_empty() {
            continue;
        }
        let contact = summary(view.sql(), candidate.contact)?;
        let reasons = candidate.reasons(|| owners(view, candidate.contact))?;
        contacts.push(DebriefItem { contact, reasons, questions });
    }
    Ok(Debrief { who, at: time::from_micros(view.now_micros())?, contacts, more: candidates.len() as u64 })
}

/// The name of a party; refuses one that has left, who can no longer be asked.
fn name_of_who_is_here(view: &View<'_>, who: Party) -> Result<String> {
    let (name, departed_at) = match who {
        Party::Member(id) => view.member(id).map(|member| (member.name, member.departed_at))?,
        Party::Agency(id) => view.agency(id).map(|agency| (agency.name, agency.departed_at))?,
    };
    match departed_at {
        None => Ok(name),
        Some(at) => Err(Error::refused(format!(
            "{name} departed on {} and can no longer be asked; a debrief is for somebody who is here",
            at.date_naive()
        ))),
    }
}

impl Leaver {
    /// Reads who leaves: a member, or the people of an agency; no two subjects have the same key.
    fn read(view: &View<'_>, party: i64) -> Result<Self> {
        let sql = view.sql();
        let mut leaver = Self { people: HashSet::new(), book: HashSet::new(), promises: HashMap::new() };
        sql.each("SELECT key FROM member WHERE key = $1 OR agency = $1", &[Value::Int(party)], |row| {
            leaver.people.insert(row.int(0)?);
            Ok(())
        })?;
        sql.each(
            "SELECT a.contact FROM member m JOIN assignment a ON a.member = m.key
             WHERE (m.key = $1 OR m.agency = $1) AND m.departed_at IS NULL
                 AND a.role = 'owner' AND a.since <= $2 AND (a.until IS NULL OR a.until > $2)",
            &[Value::Int(party), Value::Int(view.now_micros())],
            |row| {
                leaver.book.insert(row.int(0)?);
                Ok(())
            },
        )?;
        sql.each(
            "SELECT contact, owner, count(*) FROM follow_up WHERE state = 'open' GROUP BY contact, owner",
            &[],
            |row| {
                let (open, theirs) = leaver.promises.entry(row.int(0)?).or_default();
                (*open, *theirs) =
                    (*open + row.int(2)?.unsigned_abs(), *theirs || leaver.people.contains(&row.int(1)?));
                Ok(())
            },
        )?;
        Ok(leaver)
    }

    /// Whether all that is known of a contact is in their words, or else private to them.
    fn alone_know(&self, figures: &Figures) -> bool {
        let theirs = |member: i64| self.people.contains(&member);
        figures.only_in_words_of(theirs) || figures.notes == 0 && figures.private_to(theirs) > 0
    }

    /// Whether they have a promise to keep to a contact.
    fn promised(&self, contact: i64) -> bool {
        self.promises.get(&contact).is_some_and(|(_, theirs)| *theirs)
    }
}

/// The contacts to ask about, those first of whom an answer is worth most.
fn candidates(sql: &dyn Sql, leaver: &Leaver) -> Result<Vec<Candidate>> {
    let mut without_notes = leaver.book.clone();
    without_notes.extend(leaver.promises.keys().filter(|contact| leaver.promised(**contact)));
    let mut found = Vec::new();
    knowledge::of_all(sql, |contact, figures| {
        if without_notes.remove(&contact) || leaver.alone_know(figures) {
            found.push(Candidate::of(contact, figures, leaver));
        }
        Ok(())
    })?;
    let nothing = Figures::default();
    found.extend(without_notes.into_iter().map(|contact| Candidate::of(contact, &nothing, leaver)));
    found.sort_by(|a, b| b.worth().cmp(&a.worth()).then_with(|| a.contact.cmp(&b.contact)));
    Ok(found)
}

fn summary(sql: &dyn Sql, contact: i64) -> Result<ContactSummary> {
    sql.one("SELECT id, kind, name FROM contact WHERE key = $1", &[Value::Int(contact)], read_summary)
}

fn owners(view: &View<'_>, contact: i64) -> Result<Vec<String>> {
    view.sql().all(
        "SELECT m.name FROM assignment a JOIN member m ON m.key = a.member
         WHERE a.contact = $1 AND a.role = 'owner' AND a.since <= $2 AND (a.until IS NULL OR a.until > $2)
             AND m.departed_at IS NULL
         ORDER BY a.since, a.key",
        &[Value::Int(contact), Value::Int(view.now_micros())],
        |row| row.string(0),
    )
}

/// What was not answered yet about a contact.
fn questions(view: &View<'_>, contact: i64) -> Result<Vec<Question>> {
    let (sql, answered) = (view.sql(), answered(view.sql(), contact)?);
    let open = Topic::ALL.into_iter().filter(|topic| !answered.contains(topic));
    let id = summary(sql, contact)?.id;
    open.map(|topic| {
        let known = if topic == Topic::Promised { open_promises(sql, contact)? } else { Vec::new() };
        Ok(Question { contact: id, topic, known })
    })
    .collect()
}

/// The topics of which an insight about a contact begins with the question. No more of a text is taken than tells it.
fn answered(sql: &dyn Sql, contact: i64) -> Result<HashSet<Topic>> {
    let mut answered = HashSet::new();
    sql.each(
        "SELECT substr(n.text, 1, 64) FROM note_contact l JOIN note n ON n.key = l.note
         WHERE l.contact = $1 AND l.kind = 'insight' AND l.kind IN ('insight', 'complaint')
             AND l.retracted_at IS NULL AND l.private_to IS NULL",
        &[Value::Int(contact)],
        |row| {
            answered.extend(Topic::answered_by(row.text(0)?));
            Ok(())
        },
    )?;
    Ok(answered)
}

fn open_promises(sql: &dyn Sql, contact: i64) -> Result<Vec<OpenPromise>> {
    sql.all(
        "SELECT id, what, due, due_precision FROM follow_up
         WHERE contact = $1 AND state = 'open'
         ORDER BY due IS NULL, due, key",
        &[Value::Int(contact)],
        |row| read_open_promise(row, 0),
    )
}

/// A number of times in words.
struct Times(u64);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("once"),
            times => write!(f, "{times} times"),
        }
    }
}

impl fmt::Display for Worth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SpokenTo(times) => write!(f, "spoken to {}", Times(*times)),
            Self::Complaints(times) => write!(f, "complained {}", Times(*times)),
            Self::Praise(times) => write!(f, "praised us {}", Times(*times)),
            Self::OpenPromises(open) => write!(f, "{}", Count(*open, "open promise")),
            Self::NoNotes => f.write_str("no note at all"),
            Self::PrivateOnly => f.write_str("private notes alone"),
            Self::FewInsights(0) => f.write_str("no insight"),
            Self::FewInsights(insights) => write!(f, "only {}", Count(*insights, "insight")),
            Self::OneVoice => f.write_str("only in the leaver's words"),
            Self::OwnedBy(owners) if owners.is_empty() => f.write_str("nobody looks after them"),
            Self::OwnedBy(owners) => {
                write!(f, "looked after by {}", Visible(&owners.join(" and ")))
            }
        }
    }
}

impl fmt::Display for Question {
    /// The question; where it is about promises, with those that are known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.topic.asks())?;
        self.known.iter().enumerate().try_for_each(|(at, promise)| {
            let before = if at == 0 { " Known so far: " } else { "; " };
            write!(f, "{before}{}", Visible(&promise.what))?;
            promise.due.map_or(Ok(()), |due| write!(f, ", due {due}"))
        })
    }
}

impl fmt::Display for Debrief {
    /// The debrief for a terminal: each contact with the reasons, and what to ask below.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        paragraph(f, "", &format!("What to ask {} before they leave, {}", self.who.name, self.at.date_naive()))?;
        if self.contacts.is_empty() && self.more == 0 {
            return writeln!(f, "\nNothing is left to ask.");
        }
        for item in &self.contacts {
            writeln!(f)?;
            write!(f, "{item}")?;
        }
        match self.more {
            0 => Ok(()),
            more => writeln!(f, "\nand {}", Count(more, "more contact")),
        }
    }
}

impl fmt::Display for DebriefItem {
    /// The contact with the reasons on the first line, then the questions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons: Vec<String> = self.reasons.iter().map(Worth::to_string).collect();
        match reasons.is_empty() {
            true => paragraph(f, "", &self.contact.name)?,
            false => paragraph(f, "", &format!("{} ({})", self.contact.name, reasons.join("; ")))?,
        }
        self.questions.iter().try_for_each(|question| paragraph(f, "  - ", &question.to_string()))
    }
}

#[cfg(test)]
mod tests;
