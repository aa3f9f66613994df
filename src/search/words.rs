//! Words: what a text is made of for search, worked out once for every engine.
//!
//! A text is cut by the rules of Unicode (UAX #29) and folded (NFKC, lower case, accents dropped). Scripts that write
//! no spaces are cut into overlapping pairs. Addresses, numbers and compounds count whole as well as in parts.
//! English words are reduced to their stem; words of other languages stay as they are, folded.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Raised whenever the same text may give other words than before; the index is then built anew.
pub(crate) const VERSION: i64 = 1;

/// The most bytes of one word that count; longer words are the same word when they agree this far.
const LONGEST: usize = 96;
/// The most parts of which a compound is also taken whole.
const MOST_PARTS: usize = 8;
/// How many stems a thread remembers at most.
const REMEMBERED: usize = 1 << 15;
/// Joins the parts of a compound, where the text had punctuation that an engine might cut at.
const JOINT: char = '·';

/// Returns the one form under which a name or a tag is looked up: NFKC, lower case, no accents, single spaces.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for part in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        fold_onto(part, &mut folded);
    }
    // Compatibility forms such as U+00A8 fold to a space of their own.
    match folded.starts_with(' ') || folded.ends_with(' ') || folded.contains("  ") {
        true => folded.split_whitespace().collect::<Vec<_>>().join(" "),
        false => folded,
    }
}

fn fold_onto(text: &str, folded: &mut String) {
    if text.is_ascii() {
        let start = folded.len();
        folded.push_str(text);
        if let Some(added) = folded.get_mut(start..) {
            added.make_ascii_lowercase();
        }
        return;
    }
    let plain = text.nfkd().flat_map(char::to_lowercase).nfkd().filter(|&c| !is_dropped(c));
    for c in plain.nfc() {
        match spelled_out(c) {
            Some(letters) => folded.push_str(letters),
            None => folded.push(c),
        }
    }
}

/// Accents, vowel points and characters without width. Marks that make another letter (as in Japanese) are kept.
fn is_dropped(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}' | '\u{0591}'..='\u{05BD}' | '\u{05BF}' | '\u{05C1}'..='\u{05C2}'
        | '\u{05C4}'..='\u{05C5}' | '\u{064B}'..='\u{0652}' | '\u{0670}' | '\u{0640}'
        | '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}')
}

/// Letters that have no decomposition, as people without that keyboard write them.
fn spelled_out(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'ς' => "σ",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'ı' => "i",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ħ' => "h",
        'ŧ' => "t",
        '’' | '‘' | 'ʼ' => "'",
        _ => return None,
    })
}

/// Scripts that write no spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{1100}'..='\u{11FF}'
        | '\u{2E80}'..='\u{2FDF}' | '\u{3005}'..='\u{3007}' | '\u{3031}'..='\u{3035}' | '\u{3041}'..='\u{30FA}'
        | '\u{30FC}'..='\u{31FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{A960}'..='\u{A97F}'
        | '\u{AC00}'..='\u{D7FF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF66}'..='\u{FFDC}' | '\u{20000}'..='\u{3FFFF}')
}

/// Reports whether a folded word is one character of a script that writes no spaces.
pub(crate) fn is_lone_unspaced(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(is_unspaced) && letters.next().is_none()
}

/// Hands each word of a text to `each`: folded, not yet stemmed, with the bytes of the text that it stands for.
///
/// A compound is handed over after its parts, so a place in the text may come more than once.
pub(crate) fn each_word(text: &str, each: &mut dyn FnMut(&str, Range<usize>)) {
    let mut cutter = Cutter { each, buffer: String::new(), parts: Vec::new() };
    let mut start = 0;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() {
            cutter.chunk(text, start..at);
            start = at + c.len_utf8();
        }
    }
    cutter.chunk(text, start..text.len());
}

/// Cuts what stands between two spaces.
struct Cutter<'e> {
    each: &'e mut dyn FnMut(&str, Range<usize>),
    buffer: String,
    /// The parts of the chunk at hand.
    parts: Vec<Range<usize>>,
}

impl Cutter<'_> {
    fn chunk(&mut self, text: &str, place: Range<usize>) {
        let chunk = text.get(place.clone()).unwrap_or_default();
        if chunk.is_empty() {
            return;
        }
        self.parts.clear();
        if chunk.is_ascii() {
            self.ascii(text, place);
        } else {
            self.unicode(text, place);
        }
        self.compound(text);
    }

    /// Cuts plain English quickly: at everything but letters, digits and the apostrophe between letters.
    fn ascii(&mut self, text: &str, place: Range<usize>) {
        let bytes = text.as_bytes();
        let byte = |at: usize| bytes.get(at).copied().unwrap_or(b' ');
        let mut at = place.start;
        while at < place.end {
            let start = at;
            while at < place.end && (byte(at).is_ascii_alphanumeric() || is_inner_apostrophe(&byte, at, &place)) {
                at += 1;
            }
            match at == start {
                true => at += 1,
                false => self.word(text, start..at),
            }
        }
    }

    /// Cuts any script.
    fn unicode(&mut self, text: &str, place: Range<usize>) {
        let chunk = text.get(place.clone()).unwrap_or_default();
        let mut start = 0;
        while let Some(rest) = chunk.get(start..).filter(|rest| !rest.is_empty()) {
            let unspaced = rest.starts_with(is_unspaced);
            let length = rest.find(|c| is_unspaced(c) != unspaced).unwrap_or(rest.len());
            let base = place.start + start;
            match unspaced {
                true => self.pairs(text, base..base + length),
                false => self.spaced(text, base..base + length),
            }
            start += length;
        }
    }

    fn spaced(&mut self, text: &str, place: Range<usize>) {
        for (at, word) in text.get(place.clone()).unwrap_or_default().unicode_word_indices() {
            let start = place.start + at;
            // UAX #29 keeps “3.5”, “acme.com” and “snake_case” together; here their parts are words too.
            let mut from = 0;
            for (cut, c) in word.char_indices().filter(|(_, c)| c.is_ascii_punctuation() && *c != '\'') {
                self.word(text, start + from..start + cut);
                from = cut + c.len_utf8();
            }
            self.word(text, start + from..start + word.len());
        }
    }

    /// Overlapping pairs of characters; a character on its own stays one.
    fn pairs(&mut self, text: &str, place: Range<usize>) {
        let run = text.get(place.clone()).unwrap_or_default();
        let mut previous: Option<(usize, bool)> = None;
        for (at, c) in run.char_indices() {
            let end = at + c.len_utf8();
            if let Some((before, _)) = previous {
                self.hand(text, place.start + before..place.start + end);
            }
            previous = Some((at, previous.is_some()));
        }
        if let Some((at, false)) = previous {
            self.hand(text, place.start + at..place.end);
        }
    }

    /// One word, without the English genitive.
    fn word(&mut self, text: &str, place: Range<usize>) {
        if place.is_empty() {
            return;
        }
        self.parts.push(place.clone());
        self.hand(text, place);
    }

    fn hand(&mut self, text: &str, place: Range<usize>) {
        self.buffer.clear();
        fold_onto(text.get(place.clone()).unwrap_or_default(), &mut self.buffer);
        if self.buffer.ends_with("'s") {
            self.buffer.truncate(self.buffer.len() - 2);
        }
        if !self.buffer.bytes().all(|b| b.is_ascii_alphanumeric()) {
            self.buffer.retain(|c| c != '\'' && !c.is_whitespace());
            make_safe(&mut self.buffer);
        }
        cut_ordinal(&mut self.buffer);
        self.give(place);
    }

    /// A chunk of several parts, also as a whole: an address, a number with a point, a word with a hyphen.
    fn compound(&mut self, text: &str) {
        let (Some(first), Some(last)) = (self.parts.first(), self.parts.last()) else { return };
        if self.parts.len() < 2 || self.parts.len() > MOST_PARTS {
            return;
        }
        let place = first.start..last.end;
        let whole = text.get(place.clone()).unwrap_or_default();
        if whole.len() > LONGEST || whole.contains(is_unspaced) {
            return;
        }
        if let Some(month) = month_of_iso_date(whole) {
            self.buffer.clear();
            self.buffer.push_str(month);
            self.give(place.clone());
        }
        self.buffer.clear();
        fold_onto(whole, &mut self.buffer);
        let loose = |c: char| matches!(c, '-' | '‐' | '‑' | ',' | '\'') || c.is_whitespace();
        self.buffer.retain(|c| !loose(c));
        make_safe(&mut self.buffer);
        self.give(place);
    }

    fn give(&mut self, place: Range<usize>) {
        if self.buffer.len() > LONGEST {
            let end = (0..=LONGEST).rev().find(|&end| self.buffer.is_char_boundary(end)).unwrap_or(0);
            self.buffer.truncate(end);
        }
        // Numbers are equal whatever zeros stand before them, as in dates.
        let plain = match self.buffer.len() == 2 && self.buffer.starts_with('0') {
            true => self.buffer.get(1..).unwrap_or_default(),
            false => self.buffer.as_str(),
        };
        if !plain.is_empty() {
            (self.each)(plain, place);
        }
    }
}

fn is_inner_apostrophe(byte: &impl Fn(usize) -> u8, at: usize, place: &Range<usize>) -> bool {
    byte(at) == b'\''
        && at > place.start
        && at + 1 < place.end
        && byte(at - 1).is_ascii_alphabetic()
        && byte(at + 1).is_ascii_alphabetic()
}

/// Replaces what an engine's own tokenizer would cut at: it keeps ASCII letters and digits, and all above ASCII.
fn make_safe(word: &mut String) {
    if word.bytes().any(|b| b.is_ascii() && !b.is_ascii_alphanumeric()) {
        *word = word.chars().map(|c| if c.is_ascii() && !c.is_ascii_alphanumeric() { JOINT } else { c }).collect();
    }
}

/// Reads “12th” as “12”.
fn cut_ordinal(word: &mut String) {
    let digits = word.len().saturating_sub(2);
    let is_ordinal = word.starts_with(|c: char| c.is_ascii_digit())
        && (1..=4).contains(&digits)
        && ["st", "nd", "rd", "th"].iter().any(|ending| word.ends_with(ending))
        && word.bytes().take(digits).all(|b| b.is_ascii_digit());
    if is_ordinal {
        word.truncate(digits);
    }
}

fn month_of_iso_date(text: &str) -> Option<&'static str> {
    let mut parts = text.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let is_date = year.len() == 4 && month.len() == 2 && day.get(..2)?.bytes().all(|b| b.is_ascii_digit());
    match is_date && year.bytes().all(|b| b.is_ascii_digit()) {
        true => MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?).copied(),
        false => None,
    }
}

/// The months, as folded words.
pub(crate) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The days of the week from Monday on, as folded words.
pub(crate) const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

thread_local! {
    static STEMS: RefCell<Stems> = RefCell::new(Stems { stemmer: Stemmer::create(Algorithm::English), known: Vec::new() });
}

struct Stems {
    stemmer: Stemmer,
    /// Words and their stems, each at the place that its letters give it; of two at one place the latter stays.
    known: Vec<(Box<str>, Box<str>)>,
}

/// Hands the stem of a folded word to `with`: of an English word its stem, of any other the word itself.
pub(crate) fn with_stem<T>(word: &str, with: impl FnOnce(&str) -> T) -> T {
    if word.len() < 3 || word.len() > 32 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return with(word);
    }
    STEMS.with_borrow_mut(|stems| {
        if stems.known.is_empty() {
            stems.known.resize_with(REMEMBERED, Default::default);
        }
        let place = hash_of(word) as usize % REMEMBERED;
        if let Some((_, stem)) = stems.known.get(place).filter(|(known, _)| **known == *word) {
            return with(stem);
        }
        let stem = stem_of(&stems.stemmer, word);
        let answer = with(&stem);
        if let Some(known) = stems.known.get_mut(place) {
            *known = (word.into(), stem.into());
        }
        answer
    })
}

/// FNV-1a with its upper half folded in: quick, and the same on every machine.
pub(crate) fn hash_of(word: &str) -> u64 {
    let hash = word
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash ^ hash >> 32
}

fn stem_of<'w>(stemmer: &Stemmer, word: &'w str) -> Cow<'w, str> {
    match irregular(word) {
        Some(lemma) => Cow::Owned(stemmer.stem(lemma).into_owned()),
        None => stemmer.stem(word),
    }
}

/// English words that no ending leads back to their basic form, in order of the alphabet. All others begin with the
/// same two letters as their stem, or with the same letter where the stem is but one.
#[rustfmt::skip]
const IRREGULAR: &[(&str, &str)] = &[
    ("ate", "eat"), ("became", "become"), ("began", "begin"), ("begun", "begin"), ("bitten", "bite"),
    ("blew", "blow"), ("blown", "blow"), ("bought", "buy"), ("broke", "break"), ("broken", "break"),
    ("brought", "bring"), ("built", "build"), ("came", "come"), ("caught", "catch"), ("children", "child"),
    ("chose", "choose"), ("chosen", "choose"), ("dealt", "deal"), ("drank", "drink"), ("drawn", "draw"),
    ("drew", "draw"), ("driven", "drive"), ("drove", "drive"), ("drunk", "drink"), ("dying", "die"), ("eaten", "eat"),
    ("fallen", "fall"), ("fed", "feed"), ("feet", "foot"), ("fell", "fall"), ("felt", "feel"), ("flew", "fly"),
    ("flown", "fly"), ("forgave", "forgive"), ("forgiven", "forgive"), ("forgot", "forget"), ("forgotten", "forget"),
    ("fought", "fight"), ("froze", "freeze"), ("frozen", "freeze"), ("gave", "give"), ("given", "give"),
    ("gone", "go"), ("got", "get"), ("gotten", "get"), ("grew", "grow"), ("grown", "grow"), ("heard", "hear"),
    ("held", "hold"), ("hid", "hide"), ("hidden", "hide"), ("kept", "keep"), ("knew", "know"), ("known", "know"),
    ("led", "lead"), ("lent", "lend"), ("lives", "life"), ("lost", "lose"), ("lying", "lie"), ("made", "make"), ("meant", "mean"),
    ("men", "man"), ("met", "meet"), ("mice", "mouse"), ("paid", "pay"), ("ran", "run"), ("ridden", "ride"),
    ("risen", "rise"), ("rode", "ride"), ("rose", "rise"), ("said", "say"), ("sang", "sing"), ("sat", "sit"),
    ("seen", "see"), ("sent", "send"), ("shaken", "shake"), ("shook", "shake"), ("shown", "show"), ("slept", "sleep"),
    ("sold", "sell"), ("sought", "seek"), ("spent", "spend"), ("spoke", "speak"), ("spoken", "speak"),
    ("stole", "steal"), ("stolen", "steal"), ("stood", "stand"), ("struck", "strike"), ("sung", "sing"),
    ("swam", "swim"), ("swum", "swim"), ("taken", "take"), ("taught", "teach"), ("teeth", "tooth"),
    ("thought", "think"), ("threw", "throw"), ("thrown", "throw"), ("told", "tell"), ("took", "take"), ("tying", "tie"),
    ("understood", "understand"), ("went", "go"), ("wives", "wife"), ("woke", "wake"), ("woken", "wake"),
    ("women", "woman"), ("won", "win"), ("wore", "wear"), ("worn", "wear"), ("written", "write"), ("wrote", "write"),
];

/// The basic form of an English word that no ending gives away.
fn irregular(word: &str) -> Option<&'static str> {
    let at = IRREGULAR.binary_search_by_key(&word, |&(form, _)| form).ok()?;
    IRREGULAR.get(at).map(|&(_, lemma)| lemma)
}

/// Hands over the irregular forms of the word with this stem.
pub(crate) fn each_irregular_form(stem: &str, each: &mut dyn FnMut(&str)) {
    for (form, lemma) in IRREGULAR {
        if with_stem(lemma, |known| known == stem) {
            each(form);
        }
    }
}

/// Words of a question that say nothing about what is looked for. They are left out of questions, never of the index.
#[rustfmt::skip]
pub(crate) fn is_stop_word(word: &str) -> bool {
    matches!(word,
        "a" | "about" | "after" | "all" | "also" | "am" | "an" | "and" | "any" | "are" | "arent" | "as" | "at"
        | "be" | "been" | "before" | "being" | "but" | "by" | "can" | "cant" | "could" | "couldnt" | "did" | "didnt"
        | "do" | "does" | "doesnt" | "doing" | "done" | "dont" | "during" | "each" | "ever" | "for" | "from" | "had"
        | "hadnt" | "has" | "hasnt" | "have" | "havent" | "having" | "he" | "hed" | "her" | "here" | "hers" | "him"
        | "his" | "how" | "i" | "if" | "im" | "in" | "into" | "is" | "isnt" | "it" | "its" | "itself"
        | "ive" | "just" | "let" | "may" | "me" | "might" | "mine" | "must" | "my" | "myself" | "no" | "nor" | "not"
        | "of" | "on" | "or" | "our" | "ours" | "out" | "over" | "own" | "please" | "shall" | "she" | "should"
        | "so" | "some" | "such" | "than" | "that" | "thats" | "the" | "their" | "theirs" | "them" | "then" | "there"
        | "theres" | "these" | "they" | "this" | "those" | "through" | "to" | "too" | "under" | "until" | "up" | "us"
        | "very" | "was" | "wasnt" | "we" | "were" | "werent" | "what" | "whats" | "when" | "where" | "wheres" | "which"
        | "while" | "who" | "whom" | "whos" | "whose" | "why" | "will" | "with" | "wont" | "would" | "wouldnt" | "you"
        | "youd" | "your" | "youre" | "yours")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        each_word(text, &mut |word, _| words.push(with_stem(word, str::to_owned)));
        words
    }

    #[test]
    fn a_name_is_looked_up_however_it_is_accented_and_spaced() {
        assert_eq!(fold("  Zoë\u{a0} Ångström "), "zoe angstrom");
        assert_eq!(fold("Straße"), fold("STRASSE"));
        assert_eq!(fold("ＡＢＣ"), "abc");
        assert_eq!(fold("Σίσυφος"), fold("ΣΊΣΥΦΟΣ"));
        assert_eq!(fold("がっこう"), "がっこう");
        assert_eq!(fold("Łukasz Sørensen"), "lukasz sorensen");
        assert_eq!(fold("Еремеев Й"), fold("еремеев й"));
    }

    #[test]
    fn an_address_is_found_whole_and_by_its_parts() {
        assert_eq!(words("(jane@acme.com)"), ["jane", "acm", "com", "jane·acme·com"]);
        assert_eq!(words("3.5 1,000"), ["3", "5", "3·5", "1", "000", "1000"]);
        assert_eq!(words("2024-03-12"), ["2024", "3", "12", "march", "20240312"]);
        assert_eq!(words("e-mail"), ["e", "mail", "email"]);
    }

    #[test]
    fn english_forms_of_a_word_are_one_word() {
        assert_eq!(words("visits visiting Sally's bought 12th"), ["visit", "visit", "salli", "buy", "12"]);
        assert_eq!(words("Sally’s donʼt"), ["salli", "dont"]);
    }

    #[test]
    fn scripts_without_spaces_are_cut_into_pairs() {
        assert_eq!(words("東京都"), ["東京", "京都"]);
        assert_eq!(words("日 x猫y"), ["日", "x", "猫", "y"]);
    }

    proptest! {
        #[test]
        fn every_word_is_safe_for_an_engine_and_stands_on_whole_characters(text in any::<String>()) {
            each_word(&text, &mut |word, place| {
                assert!(text.get(place).is_some_and(|place| !place.is_empty()));
                assert!(!word.is_empty() && word.len() <= LONGEST);
                assert!(word.chars().all(|c| !c.is_ascii() || c.is_ascii_lowercase() || c.is_ascii_digit()), "{word:?}");
                assert!(!word.contains(char::is_whitespace), "{word:?}");
            });
        }

        #[test]
        fn a_regular_word_begins_like_its_stem(word in "[a-z]{1,3}(i|y|e|s)?[a-z]{0,6}(ing|ed|es|ies|ying|ly|s)?") {
            let stem = with_stem(&word, str::to_owned);
            let shared = stem.len().min(2);
            prop_assert!(irregular(&word).is_some() || stem.get(..shared) == word.get(..shared), "{word} {stem}");
        }

        #[test]
        fn folding_twice_is_folding_once(text in any::<String>()) {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
