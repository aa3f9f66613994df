//! Contacts and notes made up from a fixed seed: a vocabulary of which few words are very common and most are rare, a
//! few contacts with very many notes.

use std::io::{self, Read};

use serde_json::json;

/// Numbers that look random and are the same in every run (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.number() % limit as u64) as usize
    }

    /// A rank below the limit, of which the low ones come far more often, as words of a language do (Zipf).
    fn rank(&mut self, limit: usize) -> usize {
        let share = (self.number() >> 11) as f64 / (1_u64 << 53) as f64;
        ((limit as f64).powf(share) as usize - 1).min(limit - 1)
    }
}

const COMMON: [&str; 48] = [
    "the",
    "to",
    "and",
    "a",
    "of",
    "she",
    "he",
    "in",
    "that",
    "for",
    "is",
    "was",
    "with",
    "her",
    "it",
    "on",
    "they",
    "asked",
    "about",
    "we",
    "his",
    "at",
    "table",
    "said",
    "from",
    "will",
    "not",
    "be",
    "this",
    "visit",
    "called",
    "wants",
    "next",
    "week",
    "birthday",
    "order",
    "dinner",
    "family",
    "liked",
    "menu",
    "wine",
    "thanked",
    "complained",
    "delivery",
    "invoice",
    "event",
    "friends",
    "garden",
];
const FIRST_NAMES: [&str; 40] = [
    "Sally", "Ben", "Mia", "Omar", "Lena", "Tove", "Ada", "Ivan", "Nora", "Paul", "Rosa", "Jonas", "Elif", "Marta",
    "Hugo", "Aisha", "Felix", "Greta", "Kofi", "Lucia", "Noah", "Priya", "Quentin", "Ruth", "Stefan", "Tara", "Ugo",
    "Vera", "Wanda", "Xenia", "Yusuf", "Zoe", "Anton", "Berta", "Carlos", "Dana", "Emil", "Fatima", "Goran", "Hanna",
];
const SYLLABLES: [&str; 32] = [
    "ba", "ko", "ri", "te", "lu", "sa", "mo", "ne", "vi", "do", "pa", "ge", "hi", "ju", "ra", "fo", "ze", "mi", "cu",
    "ta", "be", "lo", "ni", "su", "wa", "de", "ka", "po", "fe", "gi", "ro", "ma",
];
const WORDS: usize = 40_000;
/// Of twenty notes one is about one of so many contacts, who so have very many.
pub(crate) const MUCH_NOTED: usize = 5;

/// How many contacts and notes there are, and the names of the members.
pub(crate) struct Corpus {
    pub(crate) contacts: usize,
    pub(crate) notes: usize,
    pub(crate) members: Vec<String>,
}

impl Corpus {
    pub(crate) fn new(contacts: usize, notes: usize) -> Self {
        let members = (0..20).map(|at| format!("{} {}", FIRST_NAMES[at * 2 % 40], capital(&word(200 + at)))).collect();
        Self { contacts, notes, members }
    }

    /// The corpus as JSON Lines, contacts first.
    pub(crate) fn reader(&self) -> Lines<'_> {
        Lines { corpus: self, next: 0, random: Random::new(42), line: Vec::new(), read: 0 }
    }

    fn note(&self, at: usize, random: &mut Random) -> String {
        let contact = match at % 20 {
            0 => at / 20 % MUCH_NOTED,
            _ => random.below(self.contacts),
        };
        let kind = match random.below(100) {
            0..5 => "insight",
            5..7 => "complaint",
            7..12 => "praise",
            _ => "conversation",
        };
        let speaker = match random.below(3) {
            0 => contact_name(contact),
            _ => self.members[random.below(self.members.len())].clone(),
        };
        let direction = if random.below(3) == 0 { "out" } else { "in" };
        let second = 1_577_880_000 + at as i64 * 157_000_000 / self.notes as i64;
        let happened_at = chrono::DateTime::from_timestamp(second, 0).unwrap().format("%Y-%m-%dT%H:%M:%SZ").to_string();
        json!({"note": {
            "about": {"id": contact_id(contact)}, "id": format!("n{at}"), "text": text(random), "kind": kind,
            "happened_at": happened_at, "said_by": speaker, "channel": "email", "direction": direction,
        }})
        .to_string()
    }
}

/// What the corpus calls a contact.
pub(crate) fn contact_id(at: usize) -> String {
    format!("c{at}")
}

/// The e-mail address of a contact.
pub(crate) fn email(at: usize) -> String {
    format!("{}.{at}@mail.example", FIRST_NAMES[at % 40])
}

/// The name of a contact; few have the same.
pub(crate) fn contact_name(at: usize) -> String {
    format!("{} {}", FIRST_NAMES[at % 40], capital(&word(300 + at / 40)))
}

/// Some thirty words, about 200 bytes.
pub(crate) fn text(random: &mut Random) -> String {
    let mut text = capital(&word(random.rank(WORDS)));
    for _ in 0..22 + random.below(22) {
        text.push(' ');
        text.push_str(&word(random.rank(WORDS)));
    }
    text.push('.');
    text
}

/// The word of a rank; the first ones are English.
pub(crate) fn word(rank: usize) -> String {
    if let Some(common) = COMMON.get(rank) {
        return (*common).to_owned();
    }
    let mut rest = rank;
    let mut word = SYLLABLES[rank * 7 % 32].to_owned();
    while rest > 0 {
        word.push_str(SYLLABLES[rest % 32]);
        rest /= 32;
    }
    word
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

/// The corpus as a stream of JSON Lines.
pub(crate) struct Lines<'c> {
    corpus: &'c Corpus,
    next: usize,
    random: Random,
    line: Vec<u8>,
    read: usize,
}

impl Lines<'_> {
    fn advance(&mut self) -> bool {
        let (at, contacts) = (self.next, self.corpus.contacts);
        let line = match at.checked_sub(contacts) {
            None => json!({"contact": {
                "id": contact_id(at), "name": contact_name(at), "email": email(at),
                "x": format!("@guest_{at}"), "tags": ["regular"], "company": capital(&word(500 + at % 3_000)),
            }})
            .to_string(),
            Some(note) if note < self.corpus.notes => self.corpus.note(note, &mut self.random),
            Some(_) => return false,
        };
        self.next += 1;
        self.read = 0;
        self.line.clear();
        self.line.extend_from_slice(line.as_bytes());
        self.line.push(b'\n');
        true
    }
}

impl Read for Lines<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.read == self.line.len() && !self.advance() {
            return Ok(0);
        }
        let taken = into.len().min(self.line.len() - self.read);
        into[..taken].copy_from_slice(&self.line[self.read..self.read + taken]);
        self.read += taken;
        Ok(taken)
    }
}

/// Questions of all kinds: rare words, common ones, whole sentences, names, dates, and what is not a word at all.
pub(crate) fn questions(contacts: usize, count: usize) -> Vec<String> {
    let mut random = Random::new(7);
    (0..count)
        .map(|at| {
            let name = contact_name(random.below(contacts));
            let (common, middle, rare) =
                (word(random.below(12)), word(60 + random.below(400)), word(5_000 + random.below(30_000)));
            match at % 12 {
                0 => rare,
                1 => middle,
                2 => common,
                3 => format!("what does {name} come in for?"),
                4 => format!("who {} about the {middle} {} in the garden?", word(17), word(random.below(48))),
                5 => format!("{common} {} {}", word(random.below(12)), word(random.below(12))),
                6 => format!("When did {name} talk to us about {middle} and {rare}"),
                7 => format!("{rare} {middle} {common}"),
                8 => name,
                9 => format!("what was the {middle} in March 2022?"),
                10 => text(&mut random),
                _ => format!("{}? \"{middle}\" NEAR* what's up {rare}@{middle}.example", word(random.below(48))),
            }
        })
        .collect()
}
