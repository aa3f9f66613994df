//! Ranking: how well a note answers a question. Written once, whatever engine found the candidates.

use std::collections::HashMap;

use super::index::Day;
use super::words;

/// How soon a word that is repeated in a note counts no more (BM25's k1).
const SATURATION: f32 = 1.2;
/// How far a long note is set back (BM25's b).
const LENGTH: f32 = 0.6;
/// What a word of the question counts when it is the speaker's name, a part of the date or the name of the contact.
const SPEAKER: f32 = 1.0;
const DATE: f32 = 0.5;

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

/// Counts the words of one question in texts, remembering which of their words matter.
pub(crate) struct Counter<'q> {
    terms: &'q [Term],
    known: HashMap<Box<str>, Option<usize>>,
    /// First bytes of words that can matter.
    first: [bool; 256],
    lone: Vec<(char, usize)>,
}

impl<'q> Counter<'q> {
    pub(crate) fn new(terms: &'q [Term]) -> Self {
        let mut first = [false; 256];
        let mut mark = |word: &str| {
            if let Some(place) = word.bytes().next().and_then(|byte| first.get_mut(usize::from(byte))) {
                *place = true;
            }
        };
        for term in terms {
            mark(&term.stem);
            words::each_irregular_form(&term.stem, &mut mark);
        }
        let lone = |(at, term): (usize, &Term)| {
            words::is_lone_unspaced(&term.stem).then(|| term.stem.chars().next().map(|c| (c, at))).flatten()
        };
        Self { terms, known: HashMap::new(), first, lone: terms.iter().enumerate().filter_map(lone).collect() }
    }

    /// The position of the question's word that a folded word is a form of.
    pub(crate) fn term(&mut self, word: &str) -> Option<usize> {
        let byte = word.bytes().next().unwrap_or_default();
        if !self.first.get(usize::from(byte)).copied().unwrap_or(false) {
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
    pub(crate) fn count(&mut self, text: &str, speaker: &str, day: Day) -> (Vec<f32>, u64, f32, Vec<(u32, u8)>) {
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
        (counts, spoken, length, hits)
    }
}

/// The score of one note by itself.
pub(crate) fn score(candidate: &Candidate, terms: &[Term], average: f32) -> f32 {
    let k =
        tune("k1", SATURATION) * (1.0 - tune("b", LENGTH) + tune("b", LENGTH) * candidate.length / average.max(1.0));
    let mut score = 0.0;
    let mut matched = 0.0;
    let mut all = 0.0;
    for (at, (term, &count)) in terms.iter().zip(&candidate.counts).enumerate() {
        let mut count = count;
        if candidate.spoken & (1 << at) != 0 {
            count += tune("spk", SPEAKER);
        }
        if candidate.about & (1 << at) != 0 {
            count += tune("abt", 1.0);
        }
        all += term.weight;
        if count > 0.0 {
            matched += term.weight;
            score += term.weight * count * (tune("k1", SATURATION) + 1.0) / (count + k);
        }
        if candidate.spoken & (1 << at) != 0 {
            score += tune("spkb", 1.5);
        }
    }
    score += tune("prox", 2.0) * candidate.length / (candidate.length + 150.0) * nearness(&candidate.hits, terms);
    score *= 1.0 + tune("cov", 1.0) * matched / f32::max(all, 0.001);
    if candidate.is_insight { score * tune("ins", 1.05) } else { score }
}

/// For trying values out.
pub(crate) fn tune(name: &'static str, default: f32) -> f32 {
    use std::cell::RefCell;
    thread_local! { static T: RefCell<HashMap<&'static str, f32>> = RefCell::new(HashMap::new()); }
    T.with_borrow_mut(|t| {
        *t.entry(name)
            .or_insert_with(|| std::env::var(format!("T_{name}")).ok().and_then(|v| v.parse().ok()).unwrap_or(default))
    })
}

/// The most that the question's words weigh together in one passage of the note.
fn nearness(hits: &[(u32, u8)], terms: &[Term]) -> f32 {
    let passage = tune("pass", 30.0) as u32;
    let mut counts = [0_u16; 64];
    let mut value = 0.0_f32;
    let mut best = 0.0_f32;
    let mut first = 0;
    let weight = |at: u8| terms.get(usize::from(at)).map_or(0.0, |term| term.weight);
    for &(position, at) in hits {
        let c = &mut counts[usize::from(at) & 63];
        *c += 1;
        if *c == 1 {
            value += weight(at);
        }
        while let Some(&(old, left)) = hits.get(first).filter(|(old, _)| old + passage < position) {
            let _ = old;
            let c = &mut counts[usize::from(left) & 63];
            *c -= 1;
            if *c == 0 {
                value -= weight(left);
            }
            first += 1;
        }
        best = best.max(value);
    }
    best
}
