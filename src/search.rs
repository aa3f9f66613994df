//! Search over notes and contacts, by plain questions.
//!
//! The engine finds candidates: all notes with the question's rare words, the newest with its common ones, those with
//! two of its words, those about the contacts that it names. Heirloom ranks them ([`rank`]): that is written once for
//! every engine.

pub(crate) mod ask;
mod check;
mod index;
mod names;
mod rank;
mod snippet;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

pub(crate) use self::check::check;
pub(crate) use self::index::{
    contact_changed, erase_contact, erase_note, note_changed, notes_between, purge, rebuild, recount_note,
    reindex_erased, settle,
};
pub(crate) use self::names::Likeness;
pub use self::snippet::Snippet;
pub(crate) use self::words::{each_word, fold, hash_of};

use self::index::{
    Day, PRIVATE_TERM, contact_term, kind_term, month_term, newest_contacts, newest_notes, oldest_notes, reader_term,
};
use self::rank::{Candidate, Counter, Counts, Term};
use crate::error::Result;
use crate::memory::{ALL_SEEING, ORGANISATION};
use crate::store::{Row, RowExt, Sql, Value};

/// Up to how many notes of one contact are all read and ranked, without the index.
const SMALL_CONTACT: usize = 160;
/// How many of the newest notes with a common word are candidates.
const WINDOW: usize = 1_000;
/// How many of the notes with one of the rarest words are candidates.
const RARE_WINDOW: usize = 3_000;
/// How many of the newest notes of a contact with its rarest word are candidates; of each further word half as many.
const CONTACT_WINDOW: usize = 200;
/// From about how many notes on a contact has very many.
const MANY: f32 = 1_000.0;
/// How many of the newest notes with a word are candidates in a contact with very many notes.
const LARGE_WINDOW: usize = 60;
/// How many entries of the lists of a word and of a contact with very many notes are walked.
const LARGE_WALK: f32 = 3_000.0;
/// In how many notes the rare words of a question stand together, within a contact with very many notes.
const RARE_TOGETHER: f32 = 2_000.0;
/// How many candidates are read and ranked, organisation-wide.
const READ_ALL: usize = 300;
/// How many candidates are read and ranked within a contact that goes through the index.
const READ_CONTACT: usize = 160;
/// … within a contact with very many notes.
const READ_LARGE: usize = 32;
/// From how many of its oldest notes it is told how frequent a word is.
const SAMPLE: usize = 128;
/// How many candidates are looked at when a filter lets few of them pass.
const LOOKED_AT: usize = 4_000;
/// How many of the best candidates share their scores with their neighbours.
const SHARING: usize = 24;
/// … within a contact that goes through the index.
const SHARING_CONTACT: usize = 8;
/// … within a contact with very many notes.
const SHARING_LARGE: usize = 3;
/// Of how many of the candidates the contacts are looked at.
const NAMED_READ: usize = 120;
/// The most contacts of one name that a question follows one by one.
const NAMESAKES: usize = 24;
/// The most months of a period that the index is asked for; longer periods are filtered after.
const MOST_MONTHS: i64 = 36;
/// The most contacts of a book that the index is asked for; larger books are filtered after.
const SMALL_BOOK: usize = 64;

/// The frequencies of how many words are remembered.
const REMEMBERED: usize = 1 << 14;
/// How many entries of the lists of two words are walked to find the notes with both.
const WALK: f32 = 20_000.0;

/// A question, and where its answer is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a> {
    pub(crate) text: &'a str,
    pub(crate) limit: usize,
    /// Within this contact.
    pub(crate) contact: Option<i64>,
    /// Within the contacts whose owner at `now` is this member.
    pub(crate) book_of: Option<i64>,
    pub(crate) now: i64,
    /// What happened at this instant or later.
    pub(crate) from: Option<i64>,
    /// What happened before this instant.
    pub(crate) until: Option<i64>,
    /// Notes of these kinds; of all kinds where it is empty.
    pub(crate) kinds: &'a [&'a str],
    /// Who reads: [`ALL_SEEING`], [`ORGANISATION`], or the key of a member.
    pub(crate) viewer: i64,
    pub(crate) notes: bool,
    pub(crate) contacts: bool,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Note(i64),
    Contact(i64),
}

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) subject: Subject,
    pub(crate) score: f64,
    pub(crate) snippet: Snippet,
}

/// What an open memory remembers between searches. Nothing in it is needed for a right answer.
#[derive(Default)]
pub(crate) struct Cache {
    vocabulary: names::Vocabulary,
    /// In about how many notes a word stands, and how far the index reached when that was seen.
    frequencies: Mutex<HashMap<String, (i64, f32)>>,
}

impl Cache {
    /// Returns what was seen of a word, unless the index has grown by a quarter since.
    fn frequency(&self, stem: &str, through: i64) -> Option<f32> {
        let known = self.frequencies.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(stem).filter(|(seen, _)| *seen <= through && through - seen <= seen / 4).map(|&(_, count)| count)
    }

    fn remember(&self, stem: &str, through: i64, count: f32) {
        let mut known = self.frequencies.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(stem.to_owned(), (through, count));
    }
}

/// Returns the best answers to a question, best first; equals with the later one first.
///
/// Any text is a question. One without any word has no answers.
pub(crate) fn run(sql: &dyn Sql, cache: &Cache, query: &Query<'_>) -> Result<Vec<Hit>> {
    let terms = rank::terms_of(query.text);
    if terms.is_empty() || query.limit == 0 {
        return Ok(Vec::new());
    }
    let mut search = Search::new(sql, cache, query, terms)?;
    let mut hits = Vec::new();
    if query.notes {
        search.notes(&mut hits)?;
    }
    if query.contacts && query.kinds.is_empty() && query.from.is_none() && query.until.is_none() {
        search.contacts(&mut hits)?;
    }
    hits.sort_by(|(a, a_at), (b, b_at)| {
        b.score.total_cmp(&a.score).then(b_at.cmp(a_at)).then(b.subject.key().cmp(&a.subject.key()))
    });
    hits.truncate(query.limit);
    search.with_snippets(hits.into_iter().map(|(hit, _)| hit).collect())
}

/// Returns the contacts whose names begin so, in any order of their words, misspellings after the exact ones.
pub(crate) fn names_like(sql: &dyn Sql, cache: &Cache, typed: &str, limit: usize) -> Result<Vec<(i64, Likeness)>> {
    names::names_like(sql, &cache.vocabulary, typed, limit)
}

impl Subject {
    const fn key(self) -> i64 {
        match self {
            Self::Note(key) | Self::Contact(key) => key,
        }
    }
}

/// One search under way.
struct Search<'a> {
    sql: &'a dyn Sql,
    cache: &'a Cache,
    query: &'a Query<'a>,
    terms: Vec<Term>,
    state: index::State,
    /// What every expression is narrowed by, such as ` AND "§c12"`.
    scope: String,
    /// The contacts that the question names, with the words that name them.
    names: HashMap<i64, u64>,
    /// What was seen of the notes that the index does not know as they stand.
    fresh: Seen,
}

impl<'a> Search<'a> {
    fn new(sql: &'a dyn Sql, cache: &'a Cache, query: &'a Query<'a>, terms: Vec<Term>) -> Result<Self> {
        let state = index::state(sql)?;
        let mut search = Self {
            sql,
            cache,
            query,
            terms,
            state,
            scope: String::new(),
            names: HashMap::new(),
            fresh: Seen::default(),
        };
        search.scope = search.scope_expression()?;
        Ok(search)
    }

    fn scope_expression(&self) -> Result<String> {
        let mut scope = String::new();
        let mut narrow = |any: Vec<String>| {
            let any: Vec<String> = any.into_iter().map(|term| quoted(&term)).collect();
            scope.push_str(&format!(" AND ({})", any.join(" OR ")));
        };
        if let Some(contact) = self.query.contact {
            narrow(vec![contact_term(contact)]);
        }
        if let Some(book) = self.small_book()? {
            narrow(book.into_iter().map(contact_term).collect());
        }
        if !self.query.kinds.is_empty() {
            narrow(self.query.kinds.iter().map(|kind| kind_term(kind)).collect());
        }
        if let Some(months) = self.months() {
            narrow(months.map(month_term).collect());
        }
        // What the reader may not read takes no place from what they may.
        let private = quoted(PRIVATE_TERM);
        match self.query.viewer {
            ALL_SEEING => {}
            ORGANISATION => scope.push_str(&format!(" NOT {private}")),
            member => scope.push_str(&format!(" NOT ({private} NOT {})", quoted(&reader_term(member)))),
        }
        Ok(scope)
    }

    fn months(&self) -> Option<std::ops::RangeInclusive<i64>> {
        let first = Day::new(self.query.from?, 4).month_number();
        let last = Day::new(self.query.until.unwrap_or(self.query.now.max(self.query.from?)), 4).month_number();
        (self.query.until.is_some() && last >= first && last - first < MOST_MONTHS).then_some(first..=last)
    }

    fn small_book(&self) -> Result<Option<Vec<i64>>> {
        let Some(member) = self.query.book_of else { return Ok(None) };
        let mut book = Vec::new();
        self.sql.query(
            "SELECT DISTINCT contact FROM assignment
            WHERE member = $1 AND role = 'owner' AND since <= $2 AND (until IS NULL OR until > $2)
            LIMIT $3",
            &[Value::Int(member), Value::Int(self.query.now), Value::Int(SMALL_BOOK as i64 + 1)],
            &mut |row| {
                book.push(row.int(0)?);
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok((!book.is_empty() && book.len() <= SMALL_BOOK).then_some(book))
    }

    fn notes(&mut self, hits: &mut Vec<(Hit, i64)>) -> Result<()> {
        let mut pool = Pool::default();
        let edges = match self.small_contact()? {
            Some(order) => self.read_all(&order, &mut pool)?,
            None => self.read_candidates(&mut pool)?,
        };
        let own: Vec<f32> = pool.candidates.iter().map(|note| rank::score(note, &self.terms, pool.average)).collect();
        let scores = shared_scores(&pool, &own, &edges);
        for ((candidate, score), own) in pool.candidates.iter().zip(scores).zip(own) {
            // What its neighbours give may lift an answer, but does not make one of a note that holds nothing itself.
            if own > 0.0 {
                let hit =
                    Hit { subject: Subject::Note(candidate.key), score: f64::from(score), snippet: Snippet::default() };
                hits.push((hit, candidate.happened_at));
            }
        }
        Ok(())
    }

    /// The notes of the contact in order of time, when they are few.
    fn small_contact(&self) -> Result<Option<Vec<i64>>> {
        let Some(contact) = self.query.contact else { return Ok(None) };
        let mut order = Vec::new();
        self.sql.query(
            "SELECT note FROM note_contact WHERE contact = $1 ORDER BY happened_at, note LIMIT $2",
            &[Value::Int(contact), Value::Int(SMALL_CONTACT as i64 + 1)],
            &mut |row| {
                order.push(row.int(0)?);
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok((order.len() <= SMALL_CONTACT).then_some(order))
    }

    fn read_all(&mut self, order: &[i64], pool: &mut Pool) -> Result<Vec<Edge>> {
        let terms = self.terms.clone();
        let mut counter = Counter::new(&terms);
        for &key in order {
            self.read(key, &mut counter, pool)?;
        }
        let seen = Seen::of(&pool.candidates, terms.len());
        for (term, &count) in self.terms.iter_mut().zip(&seen.counts) {
            term.weight = rank::weight(count, seen.notes);
        }
        pool.average = seen.average();
        let mut edges = Vec::new();
        for (at, &key) in order.iter().enumerate() {
            for distance in 1..=2_usize {
                if let Some(&next) = order.get(at + distance) {
                    edges.push(Edge { from: key, to: next, distance, is_later: true });
                    edges.push(Edge { from: next, to: key, distance, is_later: false });
                }
            }
        }
        Ok(edges)
    }

    fn read_candidates(&mut self, pool: &mut Pool) -> Result<Vec<Edge>> {
        let terms = self.terms.clone();
        let mut counter = Counter::new(&terms);
        let fresh = self.fresh()?;
        for &key in &fresh {
            if self.is_within(key)? {
                self.read(key, &mut counter, pool)?;
            }
        }
        self.fresh = Seen::of(&pool.candidates, terms.len());
        let ranked = self.candidates(&fresh)?;
        let (read, sharing) = match self.query.contact {
            Some(_) if self.contact_frequency()? < MANY => (READ_CONTACT, SHARING_CONTACT),
            Some(_) => (READ_LARGE, SHARING_LARGE),
            None => (READ_ALL, SHARING),
        };
        // Whoever asks for many answers waits for them to be read.
        let read = read.max(self.query.limit.saturating_mul(2));
        let fresh_read = pool.candidates.len();
        let most = fresh_read.saturating_add(read);
        for key in ranked.into_iter().take(read.max(LOOKED_AT)) {
            if pool.candidates.len() >= most {
                break;
            }
            if self.query.book_of.is_none() || self.is_within(key)? {
                self.read(key, &mut counter, pool)?;
            }
        }
        pool.average = Seen::of(&pool.candidates, 0).average();
        self.name_contacts(fresh_read, pool)?;
        self.neighbours(sharing, &mut counter, pool)
    }

    /// The keys of candidates by descending weight of the words that the index says they hold, without those of which
    /// the index does not know how they stand.
    fn candidates(&mut self, fresh: &[i64]) -> Result<Vec<i64>> {
        let mut masks = Masks::new();
        match self.query.contact {
            Some(_) => self.within_contact(&mut masks)?,
            None => self.everywhere(&mut masks)?,
        }
        fresh.iter().for_each(|key| {
            masks.remove(key);
        });
        let value = |mask: u64| weight_of(&self.terms, mask);
        let mut ranked: Vec<(f32, i64)> = masks.into_iter().map(|(key, mask)| (value(mask), key)).collect();
        ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        Ok(ranked.into_iter().map(|(_, key)| key).collect())
    }

    /// Candidates of a contact with many notes: those with its rarest words, and the newest.
    fn within_contact(&mut self, masks: &mut Masks) -> Result<()> {
        let mut counts = Vec::with_capacity(self.terms.len());
        for at in 0..self.terms.len() {
            counts.push((self.frequency(at)?, at));
        }
        let mut present = self.weigh(counts, self.state.notes as f32);
        present.retain(|(count, _)| *count > 0.0);
        let notes = self.contact_frequency()?;
        if notes >= MANY {
            return self.within_large_contact(&present, notes, masks);
        }
        for (nth, &(_, at)) in present.iter().take(4).enumerate() {
            self.add(&[at], 0, CONTACT_WINDOW >> nth, masks)?;
        }
        if let [(_, one), (_, other), ..] = present.as_slice() {
            self.add(&[*one, *other], 0, CONTACT_WINDOW / 4, masks)?;
        }
        Ok(())
    }

    /// Candidates of a contact with very many notes: all with the rare words, in one walk over the contact's list, and
    /// the newest with the less rare ones, as far back as a short walk leads.
    fn within_large_contact(&self, present: &[(f32, usize)], notes: f32, masks: &mut Masks) -> Result<()> {
        let window = LARGE_WINDOW.max(self.query.limit);
        let mut together = 0.0;
        let is_rare = |(count, _): &&(f32, usize)| {
            together += count;
            together <= RARE_TOGETHER
        };
        let rare: Vec<usize> = present.iter().take_while(is_rare).map(|&(_, at)| at).collect();
        if let Some(rarest) = rare.first() {
            let any: Vec<String> = rare.iter().filter_map(|&at| self.terms.get(at)).map(expression_of).collect();
            let expression = format!("({}){}", any.join(" OR "), self.scope);
            for key in newest_notes(self.sql, &expression, 0, window)? {
                *masks.entry(key).or_default() |= 1 << rarest;
            }
        }
        // Of notes with a rare word it shows when they are read which others they have.
        if let (true, [(less, one), (more, other), ..]) = (rare.is_empty(), present) {
            self.add(&[*one, *other], self.above(less + more + notes, LARGE_WALK), window / 2, masks)?;
        }
        for (nth, &(count, at)) in present.iter().skip(rare.len()).take(if rare.is_empty() { 2 } else { 1 }).enumerate()
        {
            self.add(&[at], self.above(count + notes, LARGE_WALK / (nth + 1) as f32), window >> nth, masks)?;
        }
        // Where the newest part has nothing that may be read, the whole is walked rather than a word lost.
        for &(_, at) in present {
            if masks.is_empty() {
                self.add(&[at], 0, window, masks)?;
            }
        }
        Ok(())
    }

    /// In about how many notes of the memory a word stands.
    fn frequency(&self, at: usize) -> Result<f32> {
        self.terms.get(at).map_or(Ok(0.0), |term| self.frequency_of(&term.stem, &expression_of(term), SAMPLE))
    }

    /// About how many notes the contact has.
    fn contact_frequency(&self) -> Result<f32> {
        let term = contact_term(self.query.contact.unwrap_or_default());
        self.frequency_of(&term, &quoted(&term), WINDOW)
    }

    fn frequency_of(&self, stem: &str, expression: &str, sample: usize) -> Result<f32> {
        if let Some(known) = self.cache.frequency(stem, self.state.through) {
            return Ok(known);
        }
        let keys = oldest_notes(self.sql, expression, sample)?;
        let count = self.estimate(&keys, sample, self.state.notes as f32);
        self.cache.remember(stem, self.state.through, count);
        Ok(count)
    }

    fn everywhere(&mut self, masks: &mut Masks) -> Result<()> {
        let all = self.notes_in_scope()?;
        let window = (8 * WINDOW / self.terms.len().max(1)).clamp(WINDOW / 5, WINDOW);
        let mut counts = Vec::with_capacity(self.terms.len());
        for at in 0..self.terms.len() {
            let keys = self.add(&[at], 0, window, masks)?;
            counts.push((self.estimate(&keys, window, all), at));
        }
        let counts = self.weigh(counts, all);
        self.deeper(&counts, masks)?;
        self.pairs(&counts, masks)?;
        self.named(&counts, masks)
    }

    /// Gives each word its weight, and returns the words from the rarest on.
    fn weigh(&mut self, mut counts: Vec<(f32, usize)>, all: f32) -> Vec<(f32, usize)> {
        for &(count, at) in &counts {
            if let Some(term) = self.terms.get_mut(at) {
                let fresh = self.fresh.counts.get(at).copied().unwrap_or(0.0);
                term.weight = rank::weight(count + fresh, all + self.fresh.notes);
            }
        }
        counts.sort_by(|(a, x), (b, y)| a.total_cmp(b).then(x.cmp(y)));
        counts
    }

    /// Adds the newest notes with all of these words.
    fn add(&self, terms: &[usize], above: i64, limit: usize, masks: &mut Masks) -> Result<Vec<i64>> {
        let keys = newest_notes(self.sql, &self.expression(terms), above, limit)?;
        let mask = terms.iter().fold(0, |mask, at| mask | 1 << at);
        keys.iter().for_each(|&key| *masks.entry(key).or_default() |= mask);
        Ok(keys)
    }

    /// About how many notes are searched.
    fn notes_in_scope(&self) -> Result<f32> {
        let indexed = self.state.notes as f32;
        match self.scope.strip_prefix(" AND ") {
            None => Ok(indexed.max(1.0)),
            Some(scope) => {
                let keys = newest_notes(self.sql, scope, 0, WINDOW)?;
                Ok(self.estimate(&keys, WINDOW, indexed).max(1.0))
            }
        }
    }

    /// How many notes match, told from how densely the newest, or the oldest, of them lie.
    fn estimate(&self, some: &[i64], window: usize, all: f32) -> f32 {
        let (Some(&first), Some(&last)) = (some.first(), some.last()) else { return 0.0 };
        if some.len() < window {
            return some.len() as f32;
        }
        // Keys number all entries from 1 to `through`.
        let span = first.abs_diff(last).max(1) as f32;
        (some.len() as f32 * (self.state.through as f32 / span).max(1.0)).min(all.max(some.len() as f32))
    }

    fn expression(&self, terms: &[usize]) -> String {
        let words: Vec<String> = terms.iter().filter_map(|&at| self.terms.get(at)).map(expression_of).collect();
        format!("{}{}", words.join(" AND "), self.scope)
    }

    /// More of the notes with the rarest words, where their newest are not all.
    fn deeper(&self, counts: &[(f32, usize)], masks: &mut Masks) -> Result<()> {
        let deep = |(count, _): &&(f32, usize)| (WINDOW as f32..20_000.0).contains(count);
        for &(_, at) in counts.iter().take(2).filter(deep) {
            self.add(&[at], 0, RARE_WINDOW, masks)?;
        }
        Ok(())
    }

    /// Notes with two or more of the rarest words of the question, where one word alone has more than were fetched.
    fn pairs(&self, counts: &[(f32, usize)], masks: &mut Masks) -> Result<()> {
        let rarest: Vec<(f32, usize)> = counts.iter().filter(|(count, _)| *count > 0.0).take(4).copied().collect();
        for (nth, &(count, one)) in rarest.iter().enumerate().filter(|(_, (count, _))| *count >= WINDOW as f32) {
            for &(more, other) in rarest.iter().skip(nth + 1) {
                self.add(&[one, other], self.above(count + more, WALK), 200, masks)?;
            }
        }
        if let [(_, one), (_, two), (count, three), ..] = rarest.as_slice() {
            self.add(&[*one, *two, *three], self.above(count * 2.0, WALK), 200, masks)?;
        }
        Ok(())
    }

    /// The key above which only so many of the entries of some lists lie.
    fn above(&self, entries: f32, walked: f32) -> i64 {
        let share = walked / entries.max(1.0);
        match share < 1.0 {
            true => self.state.through - (self.state.through as f32 * share) as i64,
            false => 0,
        }
    }

    /// Notes about the contacts that the question names.
    fn named(&mut self, counts: &[(f32, usize)], masks: &mut Masks) -> Result<()> {
        let question: Vec<&str> = self.terms.iter().map(|term| term.folded.as_str()).collect();
        let named = names::named(self.sql, &question, NAMESAKES)?;
        let most = named.values().map(Vec::len).max().unwrap_or(0);
        let mask_of = |words: &Vec<usize>| words.iter().fold(0_u64, |mask, at| mask | 1 << at);
        let mut best: Vec<(i64, u64)> =
            named.iter().filter(|(_, words)| words.len() == most).map(|(&key, words)| (key, mask_of(words))).collect();
        best.sort_unstable();
        best.truncate(NAMESAKES);
        self.names = best.iter().copied().collect();
        if best.is_empty() {
            return Ok(());
        }
        let each = (600 / best.len()).max(20);
        let mut many = Vec::new();
        for &(contact, mask) in &best {
            let term = quoted(&contact_term(contact));
            let keys = newest_notes(self.sql, &format!("{term}{}", self.scope), 0, each)?;
            if keys.len() == each {
                many.push((term, mask));
            }
            keys.into_iter().for_each(|key| *masks.entry(key).or_default() |= mask);
        }
        self.named_with_words(&many, counts, masks)
    }

    /// Of named contacts with many notes, those notes that have one of the question's rarest words.
    fn named_with_words(&self, many: &[(String, u64)], counts: &[(f32, usize)], masks: &mut Masks) -> Result<()> {
        for (term, mask) in many.iter().take(6) {
            let others = counts.iter().filter(|&&(count, at)| count > 0.0 && mask >> at & 1 == 0);
            for &(_, at) in others.take(3) {
                let Some(word) = self.terms.get(at) else { continue };
                let expression = format!("{term} AND {}{}", expression_of(word), self.scope);
                for key in newest_notes(self.sql, &expression, 0, 100)? {
                    *masks.entry(key).or_default() |= mask | 1 << at;
                }
            }
        }
        Ok(())
    }

    /// The notes that are not in the index, or not as they stand.
    fn fresh(&self) -> Result<Vec<i64>> {
        let mut keys = index::pending(self.sql, "note")?;
        let mut push = |row: &dyn Row| {
            keys.push(row.int(0)?);
            Ok(ControlFlow::Continue(()))
        };
        let through = Value::Int(self.state.through);
        match self.query.contact {
            None => self.sql.query("SELECT key FROM note WHERE key > $1", &[through], &mut push)?,
            Some(contact) => self.sql.query(
                // The plus keeps the engine from walking all notes of the contact: those above the watermark are few.
                "SELECT note FROM note_contact WHERE note > $1 AND +contact = $2",
                &[through, Value::Int(contact)],
                &mut push,
            )?,
        }
        Ok(keys)
    }

    /// Reports whether a note lies within the contact or the book that is searched.
    fn is_within(&self, note: i64) -> Result<bool> {
        let mut is_within = true;
        if let Some(contact) = self.query.contact {
            is_within = false;
            self.sql.query(
                "SELECT 1 FROM note_contact WHERE note = $1 AND contact = $2 LIMIT 1",
                &[Value::Int(note), Value::Int(contact)],
                &mut |_| {
                    is_within = true;
                    Ok(ControlFlow::Break(()))
                },
            )?;
        }
        if let (true, Some(member)) = (is_within, self.query.book_of) {
            is_within = false;
            self.sql.query(
                "SELECT 1 FROM note_contact JOIN assignment ON assignment.contact = note_contact.contact
                WHERE note_contact.note = $1 AND assignment.member = $2 AND assignment.role = 'owner'
                    AND assignment.since <= $3 AND (assignment.until IS NULL OR assignment.until > $3)
                LIMIT 1",
                &[Value::Int(note), Value::Int(member), Value::Int(self.query.now)],
                &mut |_| {
                    is_within = true;
                    Ok(ControlFlow::Break(()))
                },
            )?;
        }
        Ok(is_within)
    }

    /// Reads a note into the pool, unless it may not be read or a filter keeps it out.
    fn read(&self, key: i64, counter: &mut Counter<'_>, pool: &mut Pool) -> Result<()> {
        if pool.places.contains_key(&key) || !pool.seen.insert(key) {
            return Ok(());
        }
        self.sql.query(
            "SELECT text, coalesce(said_by_name, recorded_by_name), kind, happened_at, happened_precision FROM note
            WHERE key = $1 AND retracted_at IS NULL AND ($2 = 0 OR private_to IS NULL OR private_to = $2)",
            &[Value::Int(key), Value::Int(self.query.viewer)],
            &mut |row| {
                let (kind, happened_at) = (row.text(2)?, row.int(3)?);
                let is_kind = self.query.kinds.is_empty() || self.query.kinds.contains(&kind);
                let is_then = self.query.from.is_none_or(|from| from <= happened_at)
                    && self.query.until.is_none_or(|until| happened_at < until);
                if is_kind && is_then {
                    let day = Day::new(happened_at, row.int(4)?);
                    let asks = row.text(0)?.trim_end().ends_with('?');
                    let speaker = row.opt_text(1)?.unwrap_or_default();
                    let Counts { counts, spoken, length, hits } = counter.count(row.text(0)?, speaker, day);
                    let is_insight = kind == "insight";
                    pool.push(Candidate { key, happened_at, is_insight, counts, spoken, about: 0, length, asks, hits });
                }
                Ok(ControlFlow::Break(()))
            },
        )
    }

    /// Sees which candidates are about a contact whose name is in the question: that alone makes a note an answer, also
    /// one that has no other word of it.
    ///
    /// The first `fresh` candidates are all looked at, of the others those that a name could lift highest.
    fn name_contacts(&self, fresh: usize, pool: &mut Pool) -> Result<()> {
        if self.query.contact.is_some() {
            return Ok(());
        }
        let naming = self.naming()?;
        if naming == 0 {
            return Ok(());
        }
        let mut masks: HashMap<i64, u64> = self.names.clone();
        for at in pool.promising(&self.terms, naming, fresh, NAMED_READ) {
            let Some(candidate) = pool.candidates.get_mut(at) else { continue };
            for contact in self.contacts_of(candidate.key)? {
                let mask = match masks.get(&contact) {
                    Some(&mask) => mask,
                    None => self.name_mask(contact)?,
                };
                masks.insert(contact, mask);
                candidate.about |= mask;
            }
        }
        Ok(())
    }

    fn contacts_of(&self, note: i64) -> Result<Vec<i64>> {
        let mut contacts = Vec::new();
        self.sql.query("SELECT contact FROM note_contact WHERE note = $1", &[Value::Int(note)], &mut |row| {
            contacts.push(row.int(0)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(contacts)
    }

    /// Which words of the question stand in the name of any contact.
    fn naming(&self) -> Result<u64> {
        let mut naming = 0;
        for (at, term) in self.terms.iter().enumerate() {
            self.sql.query(
                "SELECT 1 FROM name_word WHERE word = $1 LIMIT 1",
                &[Value::Text(&term.folded)],
                &mut |_| {
                    naming |= 1 << at;
                    Ok(ControlFlow::Break(()))
                },
            )?;
        }
        for contact in self.fresh_contact_keys()? {
            naming |= self.name_mask(contact)?;
        }
        Ok(naming)
    }

    fn name_mask(&self, contact: i64) -> Result<u64> {
        let mut mask = 0;
        self.sql.query("SELECT name FROM contact WHERE key = $1", &[Value::Int(contact)], &mut |row| {
            words::each_word(row.text(0)?, &mut |word, _| {
                if let Some(at) = self.terms.iter().position(|term| term.folded == word) {
                    mask |= 1 << at;
                }
            });
            Ok(ControlFlow::Break(()))
        })?;
        Ok(mask)
    }

    /// Reads the notes before and after the best candidates, of the same contacts.
    fn neighbours(&self, sharing: usize, counter: &mut Counter<'_>, pool: &mut Pool) -> Result<Vec<Edge>> {
        let mut edges = Vec::new();
        for at in pool.best(&self.terms, sharing) {
            let Some((key, happened_at)) = pool.candidates.get(at).map(|note| (note.key, note.happened_at)) else {
                continue;
            };
            let contacts = match self.query.contact {
                Some(contact) => vec![contact],
                None => self.first_contacts(key)?,
            };
            for contact in contacts {
                for is_later in [false, true] {
                    for (nth, other) in self.next_notes(contact, happened_at, key, is_later)?.into_iter().enumerate() {
                        self.read(other, counter, pool)?;
                        if pool.places.contains_key(&other) {
                            edges.push(Edge { from: key, to: other, distance: nth + 1, is_later });
                            edges.push(Edge { from: other, to: key, distance: nth + 1, is_later: !is_later });
                        }
                    }
                }
            }
        }
        Ok(edges)
    }

    fn first_contacts(&self, note: i64) -> Result<Vec<i64>> {
        let mut contacts = Vec::new();
        self.sql.query(
            "SELECT contact FROM note_contact WHERE note = $1 ORDER BY contact LIMIT 2",
            &[Value::Int(note)],
            &mut |row| {
                contacts.push(row.int(0)?);
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok(contacts)
    }

    /// The two notes of the contact before or after one, as far as they are near enough to share scores.
    fn next_notes(&self, contact: i64, happened_at: i64, note: i64, is_later: bool) -> Result<Vec<i64>> {
        let query = match is_later {
            true => {
                "SELECT note FROM note_contact
                WHERE contact = $1 AND (happened_at, note) > ($2, $3) AND happened_at <= $2 + $4
                ORDER BY happened_at, note LIMIT 2"
            }
            false => {
                "SELECT note FROM note_contact
                WHERE contact = $1 AND (happened_at, note) < ($2, $3) AND happened_at >= $2 - $4
                ORDER BY happened_at DESC, note DESC LIMIT 2"
            }
        };
        let mut keys = Vec::new();
        let place = [Value::Int(contact), Value::Int(happened_at), Value::Int(note), Value::Int(rank::ONE_DAY)];
        self.sql.query(query, &place, &mut |row| {
            keys.push(row.int(0)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(keys)
    }

    fn contacts(&self, hits: &mut Vec<(Hit, i64)>) -> Result<()> {
        let mut masks: HashMap<i64, u64> = HashMap::new();
        match self.query.contact {
            Some(contact) => self.read_contacts(vec![contact], &mut masks)?,
            None => {
                for (at, term) in self.terms.iter().enumerate() {
                    for key in newest_contacts(self.sql, &expression_of(term), WINDOW)? {
                        *masks.entry(key).or_default() |= 1 << at;
                    }
                }
                self.read_contacts(self.fresh_contact_keys()?, &mut masks)?;
            }
        }
        let all: f32 = self.terms.iter().map(|term| term.weight).sum();
        for (key, mask) in masks {
            let matched: f32 =
                self.terms.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, term)| term.weight).sum();
            // A contact answers a question when it holds most of it; that it is only named in it is for the notes.
            if matched * 2.0 > all && self.is_contact_within(key)? {
                let score = f64::from(matched * (1.0 + matched / all.max(0.001)));
                hits.push((Hit { subject: Subject::Contact(key), score, snippet: Snippet::default() }, i64::MAX));
            }
        }
        Ok(())
    }

    /// The contacts that are not in the index, or not as they stand.
    fn fresh_contact_keys(&self) -> Result<Vec<i64>> {
        let mut keys = index::pending(self.sql, "contact")?;
        self.sql.query("SELECT key FROM contact WHERE key > $1", &[Value::Int(self.state.through)], &mut |row| {
            keys.push(row.int(0)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(keys)
    }

    /// Sees which of the question's words stand in these contacts.
    fn read_contacts(&self, keys: Vec<i64>, masks: &mut HashMap<i64, u64>) -> Result<()> {
        let mut counter = Counter::new(&self.terms);
        for key in keys {
            let mut mask = 0_u64;
            index::each_contact_text(self.sql, key, &mut |part| {
                words::each_word(part, &mut |word, _| mask |= counter.term(word).map_or(0, |at| 1 << at));
            })?;
            masks.insert(key, mask);
        }
        Ok(())
    }

    fn is_contact_within(&self, contact: i64) -> Result<bool> {
        if self.query.contact.is_some_and(|only| only != contact) {
            return Ok(false);
        }
        let Some(member) = self.query.book_of else { return Ok(true) };
        let mut is_within = false;
        self.sql.query(
            "SELECT 1 FROM assignment
            WHERE contact = $1 AND member = $2 AND role = 'owner' AND since <= $3 AND (until IS NULL OR until > $3)",
            &[Value::Int(contact), Value::Int(member), Value::Int(self.query.now)],
            &mut |_| {
                is_within = true;
                Ok(ControlFlow::Break(()))
            },
        )?;
        Ok(is_within)
    }

    fn with_snippets(&self, mut hits: Vec<Hit>) -> Result<Vec<Hit>> {
        let mut counter = Counter::new(&self.terms);
        for hit in &mut hits {
            let mut shown = String::new();
            match hit.subject {
                Subject::Note(key) => {
                    self.sql.query("SELECT text FROM note WHERE key = $1", &[Value::Int(key)], &mut |row| {
                        row.text(0)?.clone_into(&mut shown);
                        Ok(ControlFlow::Break(()))
                    })?;
                }
                Subject::Contact(key) => index::each_contact_text(self.sql, key, &mut |part| {
                    shown.push_str(if shown.is_empty() { "" } else { " · " });
                    shown.push_str(part);
                })?,
            }
            hit.snippet = snippet::snippet(&shown, &self.terms, &mut counter);
        }
        Ok(hits)
    }
}

/// What was counted in notes that were read.
#[derive(Default)]
struct Seen {
    notes: f32,
    words: f32,
    /// In how many of them each word of the question stands.
    counts: Vec<f32>,
}

impl Seen {
    fn of(notes: &[Candidate], terms: usize) -> Self {
        let has = |at: usize, note: &&Candidate| {
            note.counts.get(at).is_some_and(|&count| count > 0.0) || note.spoken >> at & 1 == 1
        };
        Self {
            notes: notes.len() as f32,
            words: notes.iter().map(|note| note.length).sum(),
            counts: (0..terms).map(|at| notes.iter().filter(|note| has(at, note)).count() as f32).collect(),
        }
    }

    /// How many words a note has on average.
    fn average(&self) -> f32 {
        self.words / self.notes.max(1.0)
    }
}

/// The words of the question that a note is known to hold, a bit each, by key.
type Masks = HashMap<i64, u64>;

fn weight_of(terms: &[Term], mask: u64) -> f32 {
    terms.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1).map(|(_, term)| term.weight).sum()
}

/// The notes that were read, each once.
#[derive(Default)]
struct Pool {
    candidates: Vec<Candidate>,
    places: HashMap<i64, usize>,
    /// Also those that were kept out.
    seen: HashSet<i64>,
    /// How many words a note has on average.
    average: f32,
}

impl Pool {
    fn push(&mut self, candidate: Candidate) {
        self.places.insert(candidate.key, self.candidates.len());
        self.candidates.push(candidate);
    }

    /// The places of the first candidates, and of so many others that would be best if these words named their contact.
    fn promising(&self, terms: &[Term], naming: u64, first: usize, most: usize) -> Vec<usize> {
        let others = self.ordered(first, most, |note| rank::score_about(note, naming, terms, self.average));
        (0..first.min(self.candidates.len())).chain(others).collect()
    }

    /// The places of the best candidates by their own scores, best first.
    fn best(&self, terms: &[Term], most: usize) -> Vec<usize> {
        self.ordered(0, most, |note| rank::score(note, terms, self.average))
    }

    /// The places of the candidates with the highest scores from a place on, highest first.
    fn ordered(&self, from: usize, most: usize, score: impl Fn(&Candidate) -> f32) -> Vec<usize> {
        let mut places: Vec<(f32, usize)> = self
            .candidates
            .iter()
            .enumerate()
            .skip(from)
            .map(|(at, note)| (score(note), at))
            .filter(|(score, _)| *score > 0.0)
            .collect();
        places.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        places.truncate(most);
        places.into_iter().map(|(_, at)| at).collect()
    }
}

/// One note standing next to another in the time of a contact.
struct Edge {
    from: i64,
    to: i64,
    distance: usize,
    /// Whether `to` came after `from`.
    is_later: bool,
}

/// The score of each note of the pool, with a share of its neighbours' scores.
fn shared_scores(pool: &Pool, own: &[f32], edges: &[Edge]) -> Vec<f32> {
    let mut total = own.to_vec();
    let mut done: HashSet<(i64, i64)> = HashSet::new();
    for edge in edges.iter().filter(|edge| done.insert((edge.from, edge.to))) {
        let (Some(&from), Some(&to)) = (pool.places.get(&edge.from), pool.places.get(&edge.to)) else { continue };
        let (Some(giver), Some(taker)) = (pool.candidates.get(from), pool.candidates.get(to)) else { continue };
        if let (Some(total), Some(own)) = (total.get_mut(to), own.get(from)) {
            *total += rank::share(giver, taker, edge.distance, edge.is_later) * own;
        }
    }
    total
}

fn quoted(word: &str) -> String {
    format!("\"{word}\"")
}

/// Finds the keys of the notes that have every word of a text, in whatever order, and of those that the index does not know
/// as they stand; in order, whoever may read them. Of notes that were retracted it knows nothing.
pub(crate) fn notes_with_words(sql: &dyn Sql, text: &str) -> Result<Vec<i64>> {
    let mut terms: Vec<String> = Vec::new();
    words::each_word(text, &mut |word, _| {
        words::with_stem(word, |stem| terms.push(expression_of_stem(stem)));
    });
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = newest_notes(sql, &terms.join(" AND "), 0, i64::MAX as usize)?;
    found.extend(index::pending(sql, "note")?);
    let through = Value::Int(index::state(sql)?.through);
    sql.query("SELECT key FROM note WHERE key > $1 ORDER BY key", &[through], &mut |row| {
        found.push(row.int(0)?);
        Ok(ControlFlow::Continue(()))
    })?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The expression that finds a word; one character of a script without spaces begins the pairs that hold it.
fn expression_of(term: &Term) -> String {
    expression_of_stem(&term.stem)
}

fn expression_of_stem(stem: &str) -> String {
    match words::is_lone_unspaced(stem) {
        true => format!("{} *", quoted(stem)),
        false => quoted(stem),
    }
}
