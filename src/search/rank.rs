//! Ranking: how well a note answers a question. Written once, whatever engine found the candidates.

use std::collections::HashMap;

use super::index::Day;
use super::words;

/// How soon a word that is repeated in a note counts no more (BM25's k1).
const SATURATION: f32 = 1.2;
/// How far a long note is set back (BM25's b).
const LENGTH: f32 = 0.6;
/// What a word of the question counts when it is a part of the note's date.
const DATE: f32 = 0.5;
/// What a word of the question adds when it is the speaker's name, however many notes that speaker has.
const SPEAKER: f32 = 1.5;
/// What an insight counts more than another note.
const INSIGHT: f32 = 1.05;
/// What the words of the question count for standing together within so many words of a long text.
const NEARNESS: f32 = 2.0;
const PASSAGE: u32 = 30;
/// From about how many words on a text is long.
const LONG: f32 = 150.0;
/// Up to about how many words a note borrows fully from its neighbours.
const SHORT: f32 = 100.0;
/// What a note gives to the next one when it ends with a question.
const ANSWER: f32 = 0.4;
/// How far apart notes may be to share their scores, in microseconds.
pub(crate) const ONE_DAY: i64 = 86_400_000_000;

/// The most words of a question that count; they are the first ones.
pub(crate) const MOST_TERMS: usize = 48;

/// One word of a question.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    /// As it stands in the index.
    pub(crate) stem: String,
    /// As it was typed, folded.
    pub(crate) folded: String,
    /// How much the word tells: the rarer, the more.
    pub(crate) weight: f32,
}

/// The words of a question, each once; words that say nothing only where there are no others.
pub(crate) fn terms_of(question: &str) -> Vec<Term> {
    let mut telling: Vec<Term> = Vec::new();
    let mut stop_words: Vec<Term> = Vec::new();
    words::each_word(question, &mut |word, place| {
        let is_may = word == "may" && place.start > 0 && question.get(place).is_some_and(|raw| raw == "May");
        let kept = if words::is_stop_word(word) && !is_may { &mut stop_words } else { &mut telling };
        if kept.len() < MOST_TERMS {
            words::with_stem(word, |stem| {
                if !kept.iter().any(|term| term.stem == stem) {
                    kept.push(Term { stem: stem.to_owned(), folded: word.to_owned(), weight: 1.0 });
                }
            });
        }
    });
    if telling.is_empty() { stop_words } else { telling }
}

/// The weight of a word that stands in `count` of `all` notes (BM25's inverse document frequency).
pub(crate) fn weight(count: f32, all: f32) -> f32 {
    (1.0 + (all - count + 0.5).max(0.0) / (count + 0.5)).ln()
}

/// A note on its way to being ranked.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) key: i64,
    pub(crate) happened_at: i64,
    pub(crate) is_insight: bool,
    /// How often each word of the question stands in it.
    pub(crate) counts: Vec<f32>,
    /// Which words of the question are in the speaker's name.
    pub(crate) spoken: u64,
    /// Which words of the question are in the name of a contact that it is about.
    pub(crate) about: u64,
    /// How many words its text has.
    pub(crate) length: f32,
    /// Where the question's words stand in its text, by number of the word.
    pub(crate) hits: Vec<(u32, u8)>,
    /// Whether it ends with a question, which the next note may answer.
    pub(crate) asks: bool,
}

/// What of a question stands in one note; see [`Candidate`].
pub(crate) struct Counts {
    pub(crate) counts: Vec<f32>,
    pub(crate) spoken: u64,
    pub(crate) length: f32,
    pub(crate) hits: Vec<(u32, u8)>,
}

/// Where the beginning of a word is marked: its first two bytes, which its stem shares.
fn beginning(word: &[u8]) -> (usize, u64) {
    let (first, second) = (word.first().copied().unwrap_or_default(), word.get(1).copied().unwrap_or_default());
    (usize::from(first & 63), 1 << (second & 63))
}

/// Counts the words of one question in texts, remembering which of their words matter.
pub(crate) struct Counter<'q> {
    terms: &'q [Term],
    known: HashMap<Box<str>, Option<usize>>,
    /// How words begin that can matter: a bit for the first two bytes.
    beginnings: [u64; 64],
    lone: Vec<(char, usize)>,
}

impl<'q> Counter<'q> {
    pub(crate) fn new(terms: &'q [Term]) -> Self {
        let mut beginnings = [0; 64];
        let mut mark = |word: &str| {
            let (place, bit) = beginning(word.as_bytes());
            if let Some(bits) = beginnings.get_mut(place) {
                *bits |= if word.len() == 1 { u64::MAX } else { bit };
            }
        };
        for term in terms {
            mark(&term.stem);
            words::each_irregular_form(&term.stem, &mut mark);
        }
        let lone = |(at, term): (usize, &Term)| {
            words::is_lone_unspaced(&term.stem).then(|| term.stem.chars().next().map(|c| (c, at))).flatten()
        };
        Self { terms, known: HashMap::new(), beginnings, lone: terms.iter().enumerate().filter_map(lone).collect() }
    }

    /// The position of the question's word that a folded word is a form of.
    pub(crate) fn term(&mut self, word: &str) -> Option<usize> {
        let (place, bit) = beginning(word.as_bytes());
        if self.beginnings.get(place).is_none_or(|bits| bits & bit == 0) {
            return None;
        }
        if let Some(&known) = self.known.get(word) {
            return known;
        }
        let terms = self.terms;
        let exact = words::with_stem(word, |stem| terms.iter().position(|term| term.stem == stem));
        let lone = || self.lone.iter().find(|(c, _)| word.starts_with(*c)).map(|&(_, at)| at);
        let found = exact.or_else(lone);
        self.known.insert(word.into(), found);
        found
    }

    /// Counts the question's words in a note.
    pub(crate) fn count(&mut self, text: &str, speaker: &str, day: Day) -> Counts {
        let mut counts = vec![0.0_f32; self.terms.len()];
        let mut length = 0.0_f32;
        let mut hits = Vec::new();
        words::each_word(text, &mut |word, _| {
            length += 1.0;
            if let Some(at) = self.term(word) {
                hits.push((length as u32, at as u8));
                if let Some(count) = counts.get_mut(at) {
                    *count += 1.0;
                }
            }
        });
        let mut spoken = 0;
        words::each_word(speaker, &mut |word, _| {
            if let Some(at) = self.term(word) {
                spoken |= 1 << at;
            }
        });
        day.each_word(&mut |word| {
            if let Some(count) = self.term(word).and_then(|at| counts.get_mut(at)) {
                *count += DATE;
            }
        });
        Counts { counts, spoken, length, hits }
    }
}

/// The score of one note by itself.
///
/// BM25 over the words of the question, of which any may be missing; more when the speaker is one of them, when they
/// stand close together in a long text, and when most of them are there.
pub(crate) fn score(candidate: &Candidate, terms: &[Term], average: f32) -> f32 {
    score_about(candidate, candidate.about, terms, average)
}

/// The score of a note if these words of the question were in the name of a contact that it is about.
pub(crate) fn score_about(candidate: &Candidate, about: u64, terms: &[Term], average: f32) -> f32 {
    let k = SATURATION * (1.0 - LENGTH + LENGTH * candidate.length / average.max(1.0));
    let (mut score, mut matched, mut all) = (0.0, 0.0, 0.0);
    for (at, (term, &count)) in terms.iter().zip(&candidate.counts).enumerate() {
        let is_spoken = candidate.spoken >> at & 1 == 1;
        let count = count + f32::from(u8::from(is_spoken)) + f32::from(u8::from(about >> at & 1 == 1));
        all += term.weight;
        if count > 0.0 {
            matched += term.weight;
            score += term.weight * count * (SATURATION + 1.0) / (count + k);
        }
        if is_spoken {
            score += SPEAKER;
        }
    }
    score += NEARNESS * candidate.length / (candidate.length + LONG) * nearness(&candidate.hits, terms);
    score *= 1.0 + matched / f32::max(all, f32::MIN_POSITIVE);
    if candidate.is_insight { score * INSIGHT } else { score }
}

/// The share of its score that a note gives to another of the same contact that was `distance` notes away.
///
/// Notes of one day are one conversation: an answer seldom repeats the words of its question.
pub(crate) fn share(giver: &Candidate, taker: &Candidate, distance: usize, is_later: bool) -> f32 {
    if giver.happened_at.abs_diff(taker.happened_at) > ONE_DAY.unsigned_abs() {
        return 0.0;
    }
    let answer = if giver.asks && is_later && distance == 1 { ANSWER } else { 0.0 };
    let near = match (distance, is_later) {
        (1, true) => 0.25,
        (1, false) => 0.2,
        (_, true) => 0.15,
        (_, false) => 0.1,
    };
    answer + near * SHORT / (SHORT + taker.length)
}

/// The most that the question's words weigh together in one passage of a text.
fn nearness(hits: &[(u32, u8)], terms: &[Term]) -> f32 {
    let mut counts = [0_u32; 64];
    let (mut value, mut best) = (0.0_f32, 0.0_f32);
    let mut leaving = hits.iter().peekable();
    let weight = |at: u8| terms.get(usize::from(at)).map_or(0.0, |term| term.weight);
    for &(position, at) in hits {
        if let Some(count) = counts.get_mut(usize::from(at)) {
            value += if *count == 0 { weight(at) } else { 0.0 };
            *count += 1;
        }
        while let Some(&(_, gone)) = leaving.next_if(|(old, _)| old + PASSAGE < position) {
            if let Some(count) = counts.get_mut(usize::from(gone)) {
                *count -= 1;
                value -= if *count == 0 { weight(gone) } else { 0.0 };
            }
        }
        best = best.max(value);
    }
    best
}
