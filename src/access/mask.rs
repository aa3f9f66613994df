//! Masks: other people and members, taken out of what is told about one person.
//!
//! Names are found in a text by the words that search cuts it into, so that case, accents, punctuation and the order of
//! first and last name make no difference; addresses are found as a look-up finds them, in whatever spelling.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use uuid::Uuid;

use crate::actor::Actor;
use crate::channel::Channel;
use crate::contact::{Contact, ContactKind, ContactSummary};
use crate::error::{Error, Result};
use crate::id::{ContactId, MemberId};
use crate::memory::View;
use crate::note::Speaker;
use crate::search::{each_word, fold, hash_of};
use crate::store::{RowExt, SqlExt};

/// What was masked, as the report counts it.
pub(super) const NAMES: &str = "names of other people in texts";
const ADDRESSES: &str = "addresses and ids of other people in texts";
const MEMBERS_IN_TEXTS: &str = "names of members in texts";
const ASKED: &str = "words that were to be masked, in texts";
pub(super) const ABOUT: &str = "other people whom notes are about";
const SPEAKERS: &str = "other people who said what a note tells";
pub(super) const LINKED: &str = "other people in links";
const MEMBERS: &str = "members who wrote, decided, promised or looked after them";

/// What stands for somebody of whom no more is known than that it is another.
const SOMEBODY: &str = "[another person]";

/// Forms of address and suffixes, which are no part of a name by themselves.
const TITLES: [&str; 14] =
    ["dr", "mr", "mrs", "ms", "miss", "mx", "prof", "sir", "dame", "frau", "herr", "mme", "jr", "sr"];
/// The most words of a name that count.
const LONGEST: usize = 63;
/// A handle or an id of fewer characters says nothing by itself.
const TELLING: usize = 4;
/// The most parts of a telephone number that stand apart.
const NUMBER_PARTS: usize = 8;
/// By so many of its last digits a telephone number is told from what is none that is known, before it is looked up.
const TAIL: usize = 6;
/// Numbers that agree in so many of their last digits are one number, whether or not the country is written.
const NUMBER: usize = 8;

/// Whom a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Whom {
    /// The person whom all of it is about: never masked.
    Own,
    /// Another contact.
    Contact(ContactId),
    /// Somebody of whom no more is known than a name, by its place among those names.
    Named(usize),
    /// A member.
    Member(MemberId),
    /// One of several people who share the word.
    Somebody,
    /// A word that the caller wants masked.
    Asked,
}

/// In which spelling a name is taken for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    /// In any.
    Any,
    /// With a capital letter, where the text has capital letters: a word that may also be none's name.
    AsName,
}

/// How the caller wants it.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) naming_members: bool,
    pub(super) masking_organisations: bool,
    pub(super) also: Vec<String>,
}

/// Whom the person is connected with: they are found in texts by parts of their names as well.
#[derive(Debug, Default)]
pub(super) struct Related {
    pub(super) contacts: HashSet<ContactId>,
    pub(super) members: HashSet<MemberId>,
    /// Who said something, where no more is known than a name.
    pub(super) names: HashSet<String>,
}

/// Former names, as the journal has them.
#[derive(Debug, Default)]
pub(super) struct FormerNames {
    pub(super) contacts: Vec<(ContactId, String)>,
    pub(super) members: Vec<(MemberId, String)>,
}

/// Takes others out of what is told about one person; each keeps one number within a file.
pub(super) struct Masks<'v> {
    view: &'v View<'v>,
    options: Options,
    own: ContactId,
    /// The names of the person, folded.
    own_names: HashSet<String>,
    runs: Runs,
    /// Names without a word, such as one of pictures, as they stand.
    literals: Vec<(String, Whom)>,
    /// The ends of all numbers that are addresses.
    tails: HashSet<u32>,
    /// Whose number has these last digits.
    numbers: HashMap<u32, Whom>,
    names: Vec<String>,
    people: HashMap<Whom, usize>,
    members: Vec<MemberId>,
    pub(super) counts: BTreeMap<&'static str, u64>,
}

/// A part of a text that means somebody.
struct Span {
    place: Range<usize>,
    whom: Whom,
    what: &'static str,
}

impl<'v> Masks<'v> {
    /// Learns who is not to be told. `own_names` are the names that the person had and has.
    pub(super) fn new(
        view: &'v View<'v>,
        options: Options,
        person: &Contact,
        own_names: &[String],
        related: &Related,
        former: &FormerNames,
    ) -> Result<Self> {
        let mut masks = Self {
            view,
            own: person.id,
            own_names: own_names.iter().map(|name| fold(name)).collect(),
            runs: Runs::default(),
            literals: Vec::new(),
            tails: HashSet::new(),
            numbers: HashMap::new(),
            names: Vec::new(),
            people: HashMap::new(),
            members: Vec::new(),
            counts: BTreeMap::new(),
            options,
        };
        for word in masks.options.also.clone() {
            masks.runs.put(&hashes(&word), Whom::Asked, Spelling::Any);
        }
        masks.learn_own(person, own_names);
        masks.learn_related(related, former)?;
        masks.learn_members(related, former)?;
        masks.learn_all(former)?;
        Ok(masks)
    }

    fn learn_own(&mut self, person: &Contact, names: &[String]) {
        for name in names.iter().chain(name_parts(person)) {
            self.runs.put_name(name, Whom::Own, Spelling::Any);
            hashes(name).iter().for_each(|word| self.runs.put(&[*word], Whom::Own, Spelling::Any));
        }
        for handle in &person.handles {
            for text in [&handle.address, &handle.key].into_iter().chain(&handle.network_id) {
                self.runs.put(&hashes(text), Whom::Own, Spelling::Any);
            }
        }
        for id in &person.external_ids {
            self.runs.put(&hashes(&id.id), Whom::Own, Spelling::Any);
        }
    }

    fn learn_related(&mut self, related: &Related, former: &FormerNames) -> Result<()> {
        let mut contacts: Vec<ContactId> = related.contacts.iter().copied().collect();
        contacts.sort_unstable();
        for id in contacts {
            let contact = match self.view.contact(id) {
                Ok(contact) if self.is_masked(contact.kind) => contact,
                Ok(_) | Err(Error::Unknown { .. } | Error::Erased { .. }) => continue,
                Err(error) => return Err(error),
            };
            let whom = Whom::Contact(id);
            let was = former.contacts.iter().filter(|(of, _)| *of == id).map(|(_, name)| name);
            for name in [&contact.name].into_iter().chain(was).chain(name_parts(&contact)) {
                self.learn_name(name, whom);
            }
            let ids = contact.external_ids.iter().map(|known| &known.id);
            let handles = contact.handles.iter().flat_map(|h| [&h.address, &h.key].into_iter().chain(&h.network_id));
            for text in ids.chain(handles).filter(|text| text.chars().count() >= TELLING) {
                self.runs.put_shared(&hashes(text), whom, Spelling::Any);
            }
        }
        let mut names: Vec<&String> = related.names.iter().collect();
        names.sort_unstable();
        for name in names {
            if let whom @ Whom::Named(_) = self.whom_named(name)? {
                self.learn_name(name, whom);
            }
        }
        Ok(())
    }

    fn learn_members(&mut self, related: &Related, former: &FormerNames) -> Result<()> {
        if self.options.naming_members {
            return Ok(());
        }
        for member in self.view.members()? {
            let whom = Whom::Member(member.id);
            let was = former.members.iter().filter(|(of, _)| *of == member.id).map(|(_, name)| name);
            for name in [&member.name].into_iter().chain(was) {
                match related.members.contains(&member.id) {
                    true => self.learn_name(name, whom),
                    false => self.runs.put_name(name, whom, Spelling::of_whole(name)),
                }
            }
            if let Some(email) = &member.email {
                self.runs.put(&hashes(email), whom, Spelling::Any);
            }
        }
        Ok(())
    }

    /// Learns the whole names of all contacts; they take some tens of bytes each.
    fn learn_all(&mut self, former: &FormerNames) -> Result<()> {
        let mut learn = |id, name: &str| {
            if count_words(name) == 0 && id != self.own {
                self.literals.push((name.to_owned(), Whom::Contact(id)));
            }
            if !is_scanty(name) {
                self.runs.put_name(name, Whom::Contact(id), Spelling::of_whole(name));
            }
        };
        let (mut organisations, organisations_too) = (HashSet::new(), self.options.masking_organisations);
        self.view.sql().each("SELECT id, kind, name FROM contact ORDER BY key", &[], |row| {
            let id = ContactId(row.uuid(0)?);
            match organisations_too || row.text(1)? == ContactKind::Person.word() {
                true => learn(id, row.text(2)?),
                false => drop(organisations.insert(id)),
            }
            Ok(())
        })?;
        let others = former.contacts.iter().filter(|(id, _)| !organisations.contains(id));
        others.for_each(|(id, name)| learn(*id, name));
        self.view.sql().each(
            "SELECT h.address_key, h.channel, c.id FROM handle h JOIN contact c ON c.key = h.contact
             ORDER BY h.contact, h.channel, h.address_key",
            &[],
            |row| {
                let (key, id) = (row.text(0)?, ContactId(row.uuid(2)?));
                self.tails.extend(tail(key, TAIL));
                if organisations.contains(&id) {
                    return Ok(());
                }
                if row.text(1)? == Channel::Post.word() {
                    self.runs.put(&hashes(key), Whom::Contact(id), Spelling::Any);
                }
                if key.bytes().all(|b| b.is_ascii_digit() || b == b'+')
                    && let Some(number) = tail(key, NUMBER)
                {
                    let whom = if id == self.own { Whom::Own } else { Whom::Contact(id) };
                    let known = self.numbers.entry(number).or_insert(whom);
                    *known = if whom == Whom::Own { whom } else { *known };
                }
                Ok(())
            },
        )
    }

    /// Learns a name as a whole and by its words.
    fn learn_name(&mut self, name: &str, whom: Whom) {
        let words = words_of(name);
        let whole: Vec<u64> = words.iter().map(|word| word.hash).collect();
        if whole.is_empty() {
            self.literals.push((name.to_owned(), whom));
        }
        if whole.len() > 1 {
            self.runs.put_shared_name(name, whom);
        }
        let alone = whole.len() == 1;
        for word in words.iter().filter(|word| alone || word.is_name) {
            self.runs.put_shared(&[word.hash], whom, Spelling::AsName);
        }
    }

    fn is_masked(&self, kind: ContactKind) -> bool {
        self.options.masking_organisations || kind == ContactKind::Person
    }

    /// Whom a name means of which no more is known.
    fn whom_named(&mut self, name: &str) -> Result<Whom> {
        let folded = fold(name);
        if self.own_names.contains(&folded) {
            return Ok(Whom::Own);
        }
        if let [other] = self.view.named(name)?.as_slice() {
            return Ok(Whom::Contact(other.id));
        }
        if let [member] = self.view.members_called(name)?.as_slice() {
            return Ok(Whom::Member(member.id));
        }
        let known = self.names.iter().position(|known| *known == folded);
        Ok(Whom::Named(known.unwrap_or_else(|| {
            self.names.push(folded);
            self.names.len() - 1
        })))
    }

    /// Reports whether a name is one that the person had or has.
    pub(super) fn is_own_name(&self, name: &str) -> bool {
        self.own_names.contains(&fold(name))
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// How many other people have a number.
    pub(super) fn count_people(&self) -> u64 {
        self.people.len() as u64
    }

    /// The members who have a number, in its order.
    pub(super) fn members(&self) -> &[MemberId] {
        &self.members
    }

    /// What stands for somebody; `None` for who is not masked.
    fn mask(&mut self, whom: Whom) -> Option<String> {
        match whom {
            Whom::Own => None,
            Whom::Somebody => Some(SOMEBODY.to_owned()),
            Whom::Asked => Some("[masked]".to_owned()),
            Whom::Member(id) => Some(self.member_mask(id)),
            Whom::Contact(_) | Whom::Named(_) => {
                let next = self.people.len() + 1;
                Some(format!("[person {}]", self.people.entry(whom).or_insert(next)))
            }
        }
    }

    fn member_mask(&mut self, id: MemberId) -> String {
        let known = self.members.iter().position(|known| *known == id).unwrap_or_else(|| {
            self.members.push(id);
            self.members.len() - 1
        });
        format!("[member {}]", known + 1)
    }

    /// Another contact, as `what` counts it; the person by their name.
    pub(super) fn contact(&mut self, contact: &ContactSummary, what: &'static str) -> String {
        if contact.id == self.own || !self.is_masked(contact.kind) {
            return contact.name.clone();
        }
        self.count(what);
        self.mask(Whom::Contact(contact.id)).unwrap_or_default()
    }

    /// Another contact by its id; who is no more in this memory has no number.
    pub(super) fn contact_by_id(&mut self, id: ContactId, what: &'static str) -> Result<String> {
        match self.view.contact_summary(id) {
            Ok(contact) => Ok(self.contact(&contact, what)),
            Err(Error::Unknown { .. } | Error::Erased { .. }) => Ok(SOMEBODY.to_owned()),
            Err(error) => Err(error),
        }
    }

    /// A member.
    pub(super) fn member(&mut self, id: MemberId) -> Result<String> {
        match self.options.naming_members {
            true => self.view.member(id).map(|member| member.name),
            false => {
                self.count(MEMBERS);
                Ok(self.member_mask(id))
            }
        }
    }

    /// Who acted: a member, or a program by its name.
    pub(super) fn actor(&mut self, actor: &Actor) -> Result<String> {
        Ok(match (actor, actor.member()) {
            (Actor::Member(id), _) => self.member(*id)?,
            (_, None) => format!("{} {}", actor.kind(), self.text(actor.name(), &[])?),
            (_, Some(id)) => {
                let name = self.text(actor.name(), &[])?;
                format!("{} {name} for {}", actor.kind(), self.member(id)?)
            }
        })
    }

    /// Who said something.
    pub(super) fn speaker(&mut self, speaker: &Speaker) -> Result<String> {
        if let Some(id) = speaker.contact {
            return match id == self.own {
                true => Ok(speaker.name.clone()),
                false => self.contact_by_id(id, SPEAKERS),
            };
        }
        match (speaker.member, self.whom_named(&speaker.name)?) {
            (Some(id), _) | (None, Whom::Member(id)) => self.member(id),
            (None, Whom::Contact(id)) => self.contact_by_id(id, SPEAKERS),
            (None, whom) => {
                self.count_unless_own(whom, SPEAKERS);
                Ok(self.mask(whom).unwrap_or_else(|| speaker.name.clone()))
            }
        }
    }

    fn count_unless_own(&mut self, whom: Whom, what: &'static str) {
        if whom != Whom::Own {
            self.count(what);
        }
    }

    /// A text of others, with a mask for everybody in it who is known and is not the person. Those in `about` are found by
    /// a part of their name in any spelling.
    pub(super) fn text(&mut self, text: &str, about: &[ContactId]) -> Result<String> {
        let mut told = String::with_capacity(text.len());
        let mut end = 0;
        for Span { place, whom, what } in self.spans(text, about)? {
            let Some(mask) = self.mask(whom) else { continue };
            self.count(what);
            told.push_str(text.get(end..place.start).unwrap_or_default());
            told.push_str(&mask);
            end = place.end;
        }
        told.push_str(text.get(end..).unwrap_or_default());
        Ok(told)
    }

    /// A text that may not be there.
    pub(super) fn opt(&mut self, text: Option<&String>) -> Result<Option<String>> {
        text.map(|text| self.text(text, &[])).transpose()
    }

    /// Whom a text names, in order, none over another: ids and addresses first, which are surest.
    fn spans(&self, text: &str, about: &[ContactId]) -> Result<Vec<Span>> {
        let mut taken: BTreeMap<usize, Span> = BTreeMap::new();
        let mut take = |span: Span| {
            let before = taken.range(..span.place.end).next_back();
            if before.is_none_or(|(_, before)| before.place.end <= span.place.start) {
                taken.insert(span.place.start, span);
            }
        };
        self.ids(text)?.into_iter().for_each(&mut take);
        self.addresses(text)?.into_iter().for_each(&mut take);
        self.runs.find(text, about).into_iter().for_each(&mut take);
        for (name, whom) in &self.literals {
            let places = text.match_indices(name.as_str());
            places.for_each(|(at, _)| take(Span { place: at..at + name.len(), whom: *whom, what: NAMES }));
        }
        Ok(taken.into_values().collect())
    }

    /// The ids of this memory that a text quotes, as a link to a screen of the host may.
    fn ids(&self, text: &str) -> Result<Vec<Span>> {
        let mut spans = Vec::new();
        for (place, id) in ids_in(text) {
            if let Some(whom) = self.whom_with(id)? {
                spans.push(Span { place, whom, what: ADDRESSES });
            }
        }
        Ok(spans)
    }

    fn whom_with(&self, id: Uuid) -> Result<Option<Whom>> {
        if id == self.own.uuid() {
            return Ok(Some(Whom::Own));
        }
        let known = |sql: &'static str| self.view.sql().first(sql, &[(&id).into()], |_| Ok(()));
        if known("SELECT 1 FROM contact WHERE id = $1")?.is_some() {
            return Ok(Some(Whom::Contact(ContactId(id))));
        }
        let member = known("SELECT 1 FROM member WHERE id = $1")?;
        Ok(member.filter(|()| !self.options.naming_members).map(|()| Whom::Member(MemberId(id))))
    }

    /// The addresses in a text that this memory knows.
    fn addresses(&self, text: &str) -> Result<Vec<Span>> {
        let part = |place: &Range<usize>| text.get(place.clone()).unwrap_or_default();
        let numbers: Vec<Range<usize>> = numbers_in(text)
            .into_iter()
            .filter(|place| tail(part(place), TAIL).is_some_and(|tail| self.tails.contains(&tail)))
            .collect();
        let mut found = Vec::new();
        for place in addresses_in(text).into_iter().chain(numbers.iter().cloned()) {
            found.extend(self.whose(part(&place))?.map(|whom| (place, whom)));
        }
        found.sort_by_key(|(place, _)| Reverse(place.len()));
        // What agrees in its last digits alone may have other numbers before it, so that the shortest is meant.
        let mut alike: Vec<(Range<usize>, Whom)> = Vec::new();
        for place in numbers {
            let whom = tail(part(&place), NUMBER).and_then(|number| self.numbers.get(&number));
            alike.extend(whom.map(|whom| (place, *whom)));
        }
        alike.sort_by_key(|(place, _)| place.len());
        found.extend(alike);
        Ok(found.into_iter().map(|(place, whom)| Span { place, whom, what: ADDRESSES }).collect())
    }

    /// Whose address something is, in whatever spelling; the person's where others share it.
    fn whose(&self, address: &str) -> Result<Option<Whom>> {
        let found = self.view.by_any_handle(address)?;
        if found.iter().any(|hit| hit.contact.id == self.own) {
            return Ok(Some(Whom::Own));
        }
        let other = found.iter().find(|hit| self.is_masked(hit.contact.kind));
        Ok(other.map(|hit| Whom::Contact(hit.contact.id)))
    }
}

/// Whether a name is too short to be told from any word, unless its bearer is connected with the person.
fn is_scanty(name: &str) -> bool {
    const SHORTEST: usize = 3;
    let name = name.trim();
    name.is_ascii() && name.len() < SHORTEST
}

/// The parts of a name that stand as facts.
fn name_parts(contact: &Contact) -> impl Iterator<Item = &String> {
    use crate::contact::field::{FAMILY_NAME, GIVEN_NAME, MIDDLE_NAME, NICKNAME};
    [GIVEN_NAME, MIDDLE_NAME, FAMILY_NAME, NICKNAME].into_iter().filter_map(|part| contact.fields.get(part))
}

/// A word of a text, or of a name.
struct Word {
    hash: u64,
    place: Range<usize>,
    /// Whether it means somebody by itself, as a word of a name.
    is_name: bool,
}

/// The words of a text in order; a compound is there by its parts alone.
fn words_of(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let capitals = text.chars().any(char::is_uppercase);
    each_word(text, &mut |word, place| {
        if words.last().is_some_and(|last| place.start < last.place.start) {
            return;
        }
        let written = text.get(place.clone()).unwrap_or_default();
        let is_small = capitals && written.starts_with(char::is_lowercase);
        let is_letter = word.is_ascii() && word.len() < 2;
        let is_name = !is_small && !is_letter && !TITLES.contains(&word);
        words.push(Word { hash: hash_of(word), place, is_name });
    });
    words
}

/// How many words a text has by which it is found.
pub(super) fn count_words(text: &str) -> usize {
    words_of(text).len()
}

fn hashes(text: &str) -> Vec<u64> {
    words_of(text).into_iter().map(|word| word.hash).collect()
}

impl Spelling {
    /// How the whole name of somebody is taken who has no connection with the person: a single word may be a word like
    /// any other.
    fn of_whole(name: &str) -> Self {
        if name.split_whitespace().nth(1).is_some() { Self::Any } else { Self::AsName }
    }
}

/// Names by the hashes of their words.
#[derive(Default)]
pub(super) struct Runs {
    /// How many words the names have that begin with a word: a bit for each number.
    lengths: HashMap<u64, u64>,
    whole: HashMap<u64, (Whom, Spelling)>,
}

impl Runs {
    /// Learns a name or an address of the person.
    pub(super) fn put_own(&mut self, name: &str) {
        self.put_name(name, Whom::Own, Spelling::Any);
    }

    /// Reports whether any of these names is in a text.
    pub(super) fn is_in(&self, text: &str) -> bool {
        !self.find(text, &[]).is_empty()
    }

    /// Learns a run of words, unless it means somebody already.
    fn put(&mut self, words: &[u64], whom: Whom, spelling: Spelling) {
        let words = words.get(..LONGEST).unwrap_or(words);
        let Some(first) = words.first() else { return };
        *self.lengths.entry(*first).or_default() |= 1 << words.len();
        self.whole.entry(run(words)).or_insert((whom, spelling));
    }

    /// Learns a name in both orders, and in one word.
    fn put_name(&mut self, name: &str, whom: Whom, spelling: Spelling) {
        let words = hashes(name);
        self.put(&words, whom, spelling);
        self.put(&turned(&words), whom, spelling);
        if let Some(word) = joined(name) {
            self.put(&[word], whom, Spelling::Any);
        }
    }

    /// Learns a run of words of somebody who is connected with the person; of two who share it, none is meant for sure.
    fn put_shared(&mut self, words: &[u64], whom: Whom, spelling: Spelling) {
        self.put(words, whom, spelling);
        let words = words.get(..LONGEST).unwrap_or(words);
        if let Some((known, _)) = self.whole.get_mut(&run(words))
            && *known != whom
            && !matches!(known, Whom::Own | Whom::Asked)
        {
            *known = Whom::Somebody;
        }
    }

    /// Learns a name of two words or more in both orders, and in one word, as [`Runs::put_shared`] does.
    fn put_shared_name(&mut self, name: &str, whom: Whom) {
        let words = hashes(name);
        self.put_shared(&words, whom, Spelling::Any);
        self.put_shared(&turned(&words), whom, Spelling::Any);
        if let Some(word) = joined(name) {
            self.put_shared(&[word], whom, Spelling::Any);
        }
    }

    /// Finds names in a text, the longest that begin at each word.
    fn find(&self, text: &str, about: &[ContactId]) -> Vec<Span> {
        let words = words_of(text);
        let capitals = text.chars().any(char::is_uppercase);
        let (mut spans, mut at, mut before): (Vec<Span>, usize, Option<Whom>) = (Vec::new(), 0, None);
        while at < words.len() {
            let found = self.at(text, &words, at, capitals, |whom| match whom {
                // A further word of a name that just stood there is one as well.
                whom if before == Some(whom) => true,
                Whom::Contact(id) => about.contains(&id),
                Whom::Somebody => !about.is_empty(),
                _ => false,
            });
            let length = found.as_ref().map_or(1, |(length, _)| *length);
            before = found.as_ref().map(|(_, span)| span.whom);
            spans.extend(found.map(|(_, span)| span));
            at += length;
        }
        spans
    }

    /// Finds the longest name that begins at a word. Who `is_meant` is found in any spelling.
    fn at(
        &self,
        text: &str,
        words: &[Word],
        at: usize,
        capitals: bool,
        is_meant: impl Fn(Whom) -> bool,
    ) -> Option<(usize, Span)> {
        let lengths = *self.lengths.get(&words.get(at)?.hash)?;
        (1..=LONGEST).rev().filter(|length| lengths & 1 << length != 0).find_map(|length| {
            let found = words.get(at..at + length)?;
            let hashes: Vec<u64> = found.iter().map(|word| word.hash).collect();
            let (whom, spelling) = *self.whole.get(&run(&hashes))?;
            let place = found.first()?.place.start..without_genitive(text, found.last()?.place.clone());
            let small = capitals && text.get(place.clone())?.starts_with(char::is_lowercase);
            let what = match whom {
                Whom::Member(_) => MEMBERS_IN_TEXTS,
                Whom::Asked => ASKED,
                _ => NAMES,
            };
            (!small || spelling == Spelling::Any || is_meant(whom)).then_some((length, Span { place, whom, what }))
        })
    }
}

/// The hash of a run of words.
fn run(words: &[u64]) -> u64 {
    words.iter().fold(words.len() as u64, |hash, word| (hash.rotate_left(23) ^ word).wrapping_mul(0x0100_0000_01b3))
}

/// The hash of a name of several words written as one, as in `#BenStein`.
fn joined(name: &str) -> Option<u64> {
    const SHORTEST: usize = 6;
    let (mut whole, mut start, mut count) = (String::new(), 0, 0);
    each_word(name, &mut |word, place| {
        // A compound comes after its parts, and pairs of letters lie over each other.
        if place.start >= start {
            whole.push_str(word);
            (start, count) = (place.end, count + 1);
        }
    });
    (count > 1 && whole.len() >= SHORTEST).then(|| hash_of(&whole))
}

/// A name with its last word first.
fn turned(words: &[u64]) -> Vec<u64> {
    match words.split_last() {
        Some((last, others)) => std::iter::once(last).chain(others).copied().collect(),
        None => Vec::new(),
    }
}

/// Where a word ends, without the English genitive.
fn without_genitive(text: &str, place: Range<usize>) -> usize {
    let word = text.get(place.clone()).unwrap_or_default();
    let genitive = ["'s", "’s", "'S", "’S"].into_iter().find(|genitive| word.ends_with(genitive));
    place.end - genitive.map_or(0, str::len)
}

/// The ids in a text, with hyphens or without, also where digits stand around them. All of ours are UUIDv7, which tells them
/// from most other rows of digits.
fn ids_in(text: &str) -> Vec<(Range<usize>, Uuid)> {
    const WITHOUT_HYPHENS: usize = 32;
    let of_id = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    let (mut found, mut start) = (Vec::new(), 0);
    for run in text.as_bytes().split(|byte| !of_id(*byte)) {
        for length in [WITHOUT_HYPHENS, WITHOUT_HYPHENS + 4] {
            for (at, digits) in run.windows(length).enumerate() {
                let (version, variant) = if length == WITHOUT_HYPHENS { (12, 16) } else { (14, 19) };
                let is_ours = digits.get(version) == Some(&b'7')
                    && digits.get(variant).is_some_and(|digit| b"89abAB".contains(digit));
                if is_ours && let Ok(id) = Uuid::try_parse_ascii(digits) {
                    found.push((start + at..start + at + length, id));
                }
            }
        }
        start += run.len() + 1;
    }
    found
}

/// The parts of a text that may be an address: what stands around an at sign, and links.
fn addresses_in(text: &str) -> Vec<Range<usize>> {
    let mut found = links_in(text);
    for (at, _) in text.match_indices('@') {
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
        let mut start = before.trim_end_matches(|c: char| c.is_alphanumeric() || "._+-%".contains(c)).len();
        if before.get(..start).is_some_and(|before| before.ends_with('@')) {
            start -= 1;
        }
        let rest = after.trim_start_matches(|c: char| c.is_alphanumeric() || "._-".contains(c));
        let whole = text.get(start..text.len() - rest.len()).unwrap_or_default();
        let ended = whole.trim_end_matches(['.', '-', '_']);
        if !whole.contains(char::is_alphanumeric) {
            continue;
        }
        found.push(start..start + whole.len());
        if ended.len() < whole.len() {
            found.push(start..start + ended.len());
        }
    }
    found
}

/// The parts of a text that may be a link.
fn links_in(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if c.is_whitespace() || "<>()[]{}\"“”„,;|".contains(c) {
            found.extend(link_in(text, start..at));
            start = at + c.len_utf8();
        }
    }
    found
}

fn link_in(text: &str, place: Range<usize>) -> Option<Range<usize>> {
    let part = text.get(place.clone())?;
    let part = part.trim_end_matches(['.', ',', '!', '?', ':', '\'', '’', '*', '_', '…']);
    let end = place.start + part.len();
    // What stands before it, as in `URL:https://…`.
    let link = match part.split_once("://") {
        Some((before, _)) => part.get(before.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |at| at + 1)..)?,
        None => part.rsplit_once([':', '=']).map_or(part, |(_, after)| after),
    };
    (link.contains("://") || (link.contains('.') && link.contains('/'))).then_some(end - link.len()..end)
}

/// The parts of a text that may be a telephone number.
fn numbers_in(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut parts, mut start) = (Vec::new(), Vec::new(), None);
    for (at, c) in text.char_indices().chain([(text.len(), '\0')]) {
        let is_part = c.is_ascii_digit() || "+()-.‐‑–".contains(c);
        if !is_part || c == '+' {
            parts.extend(start.take().and_then(|start| part_of_number(text, start..at)));
        }
        if is_part {
            start.get_or_insert(at);
        }
        // A plus sign begins another number; a slash stands in one, or between two.
        if c == '+' || !(is_part || c.is_whitespace() || c == '/') {
            gather(text, &mut parts, &mut found);
        }
    }
    found
}

/// A part of a number without what may stand around it.
fn part_of_number(text: &str, place: Range<usize>) -> Option<Range<usize>> {
    let part = text.get(place.clone())?;
    let begun = part.trim_start_matches(['.', '-', ')', '–']);
    let ended = begun.trim_end_matches(['.', '-', '(', '–']);
    let start = place.end - begun.len();
    ended.contains(|c: char| c.is_ascii_digit()).then_some(start..start + ended.len())
}

/// Takes the numbers that consecutive parts may make.
fn gather(text: &str, parts: &mut Vec<Range<usize>>, found: &mut Vec<Range<usize>>) {
    for length in 1..=parts.len().min(NUMBER_PARTS) {
        for some in parts.windows(length) {
            let (Some(first), Some(last)) = (some.first(), some.last()) else { continue };
            let place = first.start..last.end;
            let digits = text.get(place.clone()).unwrap_or_default().bytes().filter(u8::is_ascii_digit).count();
            if (TAIL..=17).contains(&digits) {
                found.push(place);
            }
        }
    }
    parts.clear();
}

/// The last so many digits of what may be a telephone number, where it has as many.
fn tail(text: &str, length: usize) -> Option<u32> {
    let digits = text.bytes().rev().filter(u8::is_ascii_digit).take(length);
    let (tail, count) =
        digits.fold((0_u32, 0), |(tail, count), digit| (tail.wrapping_mul(10) + u32::from(digit - b'0'), count + 1));
    (count == length).then_some(tail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    fn parts(text: &str, places: Vec<Range<usize>>) -> Vec<&str> {
        places.into_iter().map(|place| text.get(place).unwrap()).collect()
    }

    #[test]
    fn addresses_are_found_without_what_stands_around_them() {
        let found = |text: &'static str| parts(text, addresses_in(text));
        assert_eq!(found("Ask <ben@mail.example>, or @ben."), ["ben@mail.example", "@ben.", "@ben"]);
        assert_eq!(found("@ben: see @zoë's/@ada"), ["@ben", "@zoë", "@ada"]);
        assert_eq!(found("@ben@social.example!"), ["@ben", "@ben@social.example"]);
        assert_eq!(found("EMAIL;TYPE=work:ben@mail.example"), ["ben@mail.example"]);
        assert_eq!(found("see (https://x.com/ben)!"), ["https://x.com/ben"]);
        assert_eq!(found("URL:https://x.com/ben\nx.com/ben"), ["https://x.com/ben", "x.com/ben"]);
        assert!(found("No. At 5 p.m. she came, and/or left.").is_empty());
    }

    #[test]
    fn telephone_numbers_are_found_in_parts_and_beside_other_numbers() {
        let found = |text: &'static str| parts(text, numbers_in(text));
        assert!(found("Call +44 1632 960123.").contains(&"+44 1632 960123"));
        assert!(found("since 2024 01632 960123 works").contains(&"01632 960123"));
        assert!(found("TEL;TYPE=cell:+441632960123").contains(&"+441632960123"));
        assert!(found("(01632) 960-123, or later").contains(&"(01632) 960-123"));
        assert!(found("+441632960123/+441632960124").contains(&"+441632960124"));
        assert!(found("<b>030/90 18‑20</b>").contains(&"030/90 18‑20"));
        assert!(found("at 5 on 3 May").is_empty());
    }

    #[test]
    fn ids_are_found_however_they_are_written() {
        let id = Uuid::try_parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        let forms = [id.to_string(), id.to_string().to_uppercase(), id.simple().to_string(), format!("a{id}{id}-1")];
        for form in forms {
            let text = format!("see https://crm.example/c/{form}/edit");
            assert!(ids_in(&text).iter().any(|(_, found)| *found == id), "{text}");
        }
        assert!(ids_in("01890a5d-ac96-474b-bcce-b302099a8057 and 1234").is_empty());
    }

    #[test]
    fn a_name_is_one_run_of_words_in_either_order() {
        let mut runs = Runs::default();
        let ben = Whom::Contact(ContactId(Uuid::from_u128(1)));
        runs.put_name("Ben van Okoro", ben, Spelling::Any);
        let masked = |text: &'static str| parts(text, runs.find(text, &[]).into_iter().map(|s| s.place).collect());
        assert_eq!(masked("ben VAN okoro's dog"), ["ben VAN okoro"]);
        assert_eq!(masked("N:Okoro;Ben;van"), ["Okoro;Ben;van"]);
        assert_eq!(masked("thanks to #benvanokoro!"), ["benvanokoro"]);
        assert!(masked("Ben Okoro").is_empty());
    }
}
