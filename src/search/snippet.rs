//! Snippets: why a hit matched, as a piece of its text with the matching words marked.

use std::fmt;
use std::ops::Range;

use super::rank::{Counter, Term};
use super::words;

/// About how many bytes of a text a snippet shows.
const LENGTH: usize = 220;

/// A piece of a text with the places that matched.
///
/// Shown with each match between « and »:
/// `…Stops by as a «reward» when she reaches her weekly «weight» goal`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Snippet {
    /// The piece of the text, with `…` where it was cut.
    pub text: String,
    /// The matching words, as ranges of bytes of `text`, in order and apart from each other.
    pub marks: Vec<Range<usize>>,
}

impl fmt::Display for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut at = 0;
        for mark in &self.marks {
            let (Some(before), Some(word)) = (self.text.get(at..mark.start), self.text.get(mark.clone())) else {
                break;
            };
            write!(f, "{before}«{word}»")?;
            at = mark.end;
        }
        f.write_str(self.text.get(at..).unwrap_or_default())
    }
}

/// Cuts the piece of a text that answers a question best.
pub(crate) fn snippet(text: &str, terms: &[Term], counter: &mut Counter<'_>) -> Snippet {
    let matches = matches(text, counter);
    let window = best_window(text, terms, &matches);
    let mut snippet = Snippet::default();
    if window.start > 0 {
        snippet.text.push('…');
    }
    let shift = snippet.text.len();
    snippet.text.push_str(text.get(window.clone()).unwrap_or_default());
    for (place, _) in matches.iter().filter(|(place, _)| place.start >= window.start && place.end <= window.end) {
        let place = place.start - window.start + shift..place.end - window.start + shift;
        match snippet.marks.last_mut().filter(|last| last.end >= place.start) {
            Some(last) => last.end = last.end.max(place.end),
            None => snippet.marks.push(place),
        }
    }
    if window.end < text.len() {
        snippet.text.push('…');
    }
    snippet
}

fn matches(text: &str, counter: &mut Counter<'_>) -> Vec<(Range<usize>, usize)> {
    let mut matches = Vec::new();
    words::each_word(text, &mut |word, place| {
        if let Some(term) = counter.term(word) {
            matches.push((place, term));
        }
    });
    matches.sort_by_key(|(place, _): &(Range<usize>, usize)| (place.start, place.end));
    matches
}

/// The stretch of text with the most telling words, each counted once, cut between words.
fn best_window(text: &str, terms: &[Term], matches: &[(Range<usize>, usize)]) -> Range<usize> {
    if text.len() <= LENGTH {
        return 0..text.len();
    }
    let mut best = (0.0_f32, 0, 0);
    let mut end = 0;
    for (from, (place, _)) in matches.iter().enumerate() {
        while matches.get(end).is_some_and(|(other, _)| other.end <= place.start + LENGTH) {
            end += 1;
        }
        let within = matches.get(from..end).unwrap_or_default();
        let value = value_of(within, terms);
        if value > best.0 {
            best = (value, place.start, within.iter().map(|(place, _)| place.end).max().unwrap_or(place.end));
        }
    }
    let (_, first, last) = best;
    let margin = LENGTH.saturating_sub(last - first) / 2;
    let start = cut_before(text, first.saturating_sub(margin));
    let end = cut_after(text, (start + LENGTH).max(last));
    start..end
}

fn value_of(matches: &[(Range<usize>, usize)], terms: &[Term]) -> f32 {
    let mut seen = 0_u64;
    let mut value = 0.0;
    for &(_, term) in matches {
        value += if seen & (1 << term) == 0 { terms.get(term).map_or(0.0, |term| term.weight) } else { 0.01 };
        seen |= 1 << term;
    }
    value
}

/// The beginning of a word at or before a place, or at least of a character, not far away.
fn cut_before(text: &str, at: usize) -> usize {
    let at = (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let before = text.get(..at).unwrap_or_default();
    match before.char_indices().rev().take(32).find(|(_, c)| c.is_whitespace()) {
        Some((space, c)) => space + c.len_utf8(),
        None if before.chars().count() <= 32 => 0,
        None => at,
    }
}

/// The end of a word at or after a place, or at least of a character, not far away.
fn cut_after(text: &str, at: usize) -> usize {
    let at = (at..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    let after = text.get(at..).unwrap_or_default();
    match after.char_indices().take(32).find(|(_, c)| c.is_whitespace()) {
        Some((space, _)) => at + space,
        None if after.chars().count() <= 32 => text.len(),
        None => at,
    }
}
