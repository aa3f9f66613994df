//! Names: contacts found by the beginning of any word of their name, with misspelling tolerated.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::{PoisonError, RwLock};

use super::{index, words};
use crate::error::Result;
use crate::store::{RowExt, Sql, Value};

/// The most words of a question that are looked for in names.
const MOST_WORDS: usize = 8;
/// The most misspellings of one word that are followed.
const MOST_SPELLINGS: usize = 32;
/// The most letters of a word whose misspelling is looked for.
const LONGEST: usize = 32;

/// How a name answers to what was typed; the least is best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Likeness {
    /// The whole name was typed.
    Whole,
    /// Each word typed is a word of the name.
    Words,
    /// Each word typed begins a word of the name.
    Prefix,
    /// A word typed is a misspelled word of the name, or the beginning of one.
    Misspelled,
}

/// Returns the contacts whose names are like what was typed, best first; equals in order of the word, then of age.
pub(crate) fn names_like(
    sql: &dyn Sql,
    vocabulary: &Vocabulary,
    typed: &str,
    limit: usize,
) -> Result<Vec<(i64, Likeness)>> {
    let wanted = wanted_words(typed);
    if wanted.is_empty() || limit == 0 {
        return Ok(Vec::new());
    }
    let mut found = Found::new(sql, limit)?;
    whole_names(sql, typed, &mut found)?;
    recent_names(sql, typed, &wanted, &mut found)?;
    if !found.is_full(Likeness::Words) {
        driven(sql, &wanted, &mut found, Likeness::Words)?;
    }
    if !found.is_full(Likeness::Prefix) {
        driven(sql, &wanted, &mut found, Likeness::Prefix)?;
    }
    if !found.is_full(Likeness::Misspelled) {
        misspelled(sql, vocabulary, &wanted, &mut found)?;
    }
    Ok(found.best())
}

/// The words typed, folded; of scripts without spaces the overlapping pairs.
fn wanted_words(typed: &str) -> Vec<String> {
    let mut wanted = index::words_of_name(typed);
    // A compound stands behind its parts; a name is looked for by the parts.
    let parts: HashSet<String> = wanted.iter().filter(|word| !word.contains('·')).cloned().collect();
    if !parts.is_empty() {
        wanted.retain(|word| parts.contains(word));
    }
    wanted.truncate(MOST_WORDS);
    wanted
}

/// What was found so far, each contact once.
struct Found {
    limit: usize,
    seen: HashSet<i64>,
    /// Contacts whose rows in the index are out of date.
    stale: HashSet<i64>,
    hits: Vec<(Likeness, i64)>,
}

impl Found {
    fn new(sql: &dyn Sql, limit: usize) -> Result<Self> {
        let stale = index::pending(sql, "contact")?.into_iter().collect();
        Ok(Self { limit, seen: HashSet::new(), stale, hits: Vec::new() })
    }

    fn add(&mut self, contact: i64, likeness: Likeness) {
        if self.seen.insert(contact) {
            self.hits.push((likeness, contact));
        }
    }

    fn add_indexed(&mut self, contact: i64, likeness: Likeness) {
        if !self.stale.contains(&contact) {
            self.add(contact, likeness);
        }
    }

    /// Reports whether nothing as good as this could still find a place.
    fn is_full(&self, likeness: Likeness) -> bool {
        self.hits.iter().filter(|(found, _)| *found <= likeness).count() >= self.limit
    }

    fn best(mut self) -> Vec<(i64, Likeness)> {
        self.hits.sort_by_key(|&(likeness, _)| likeness);
        self.hits.truncate(self.limit);
        self.hits.into_iter().map(|(likeness, contact)| (contact, likeness)).collect()
    }
}

fn whole_names(sql: &dyn Sql, typed: &str, found: &mut Found) -> Result<()> {
    let folded = words::fold(typed);
    sql.query(
        "SELECT key FROM contact WHERE name_key = $1 ORDER BY key LIMIT $2",
        &[Value::Text(&folded), Value::Int(found.limit as i64)],
        &mut |row| {
            found.add(row.int(0)?, Likeness::Whole);
            Ok(ControlFlow::Continue(()))
        },
    )
}

/// Contacts that are not in the index yet, or not as they stand: they are few, and are read.
fn recent_names(sql: &dyn Sql, typed: &str, wanted: &[String], found: &mut Found) -> Result<()> {
    let folded = words::fold(typed);
    let mut judge = |key: i64, name: &str| {
        let likeness = match words::fold(name) == folded {
            true => Some(Likeness::Whole),
            false => likeness(wanted, &indexed_words(name)),
        };
        if let Some(likeness) = likeness {
            found.add(key, likeness);
        }
    };
    let through = index::state(sql)?.through;
    sql.query("SELECT key, name FROM contact WHERE key > $1 ORDER BY key", &[Value::Int(through)], &mut |row| {
        judge(row.int(0)?, row.text(1)?);
        Ok(ControlFlow::Continue(()))
    })?;
    sql.query(
        "SELECT contact.key, contact.name
        FROM search_pending JOIN contact ON contact.key = search_pending.key
        WHERE search_pending.noun = $1
        ORDER BY contact.key",
        &[Value::Text("contact")],
        &mut |row| {
            judge(row.int(0)?, row.text(1)?);
            Ok(ControlFlow::Continue(()))
        },
    )
}

/// The words under which a name is indexed: also each character of scripts without spaces.
pub(crate) fn indexed_words(name: &str) -> Vec<String> {
    let mut names = index::words_of_name(name);
    for letter in words::fold(name).chars() {
        let alone = letter.to_string();
        if words::is_lone_unspaced(&alone) && !names.contains(&alone) {
            names.push(alone);
        }
    }
    names
}

fn likeness(wanted: &[String], names: &[String]) -> Option<Likeness> {
    wanted
        .iter()
        .map(|word| names.iter().filter_map(|name| likeness_of_word(word, name)).min())
        .try_fold(Likeness::Words, |worst, best| best.map(|best| worst.max(best)))
}

fn likeness_of_word(wanted: &str, name: &str) -> Option<Likeness> {
    if wanted == name {
        Some(Likeness::Words)
    } else if name.starts_with(wanted) {
        Some(Likeness::Prefix)
    } else {
        let letters: Vec<char> = wanted.chars().collect();
        let errors = tolerated(&letters)?;
        let name: Vec<char> = name.chars().collect();
        is_misspelling(&letters, &name, errors).then_some(Likeness::Misspelled)
    }
}

/// How many wrong letters a word may have: 1 from four letters, 2 from eight; words with digits none.
fn tolerated(letters: &[char]) -> Option<usize> {
    if letters.len() > LONGEST || letters.iter().any(char::is_ascii_digit) {
        return None;
    }
    match letters.len() {
        0..4 => None,
        4..8 => Some(1),
        _ => Some(2),
    }
}

/// Reports whether `typed` is `name`, or its beginning, with at most so many letters wrong, missing, too many or swapped.
fn is_misspelling(typed: &[char], name: &[char], errors: usize) -> bool {
    if typed.len() > name.len() + errors {
        return false;
    }
    let name = name.get(..name.len().min(typed.len() + errors)).unwrap_or(name);
    // Row by row of the table of optimal string alignment; the last row holds the distance to each beginning of the name.
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=name.len()).collect();
    let mut row = above.clone();
    for (i, &letter) in typed.iter().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        row.clear();
        row.push(left);
        for (j, &other) in name.iter().enumerate() {
            let up = above.get(j + 1).copied().unwrap_or(usize::MAX - 1);
            let mut cost = (diagonal + usize::from(letter != other)).min(left + 1).min(up + 1);
            let is_swap = i > 0 && j > 0 && typed.get(i - 1) == Some(&other) && name.get(j - 1) == Some(&letter);
            if let Some(&swapped) = j.checked_sub(1).filter(|_| is_swap).and_then(|j| before.get(j)) {
                cost = cost.min(swapped + 1);
            }
            row.push(cost);
            left = cost;
            diagonal = up;
        }
        if row.iter().all(|&cost| cost > errors) {
            return false;
        }
        std::mem::swap(&mut before, &mut above);
        std::mem::swap(&mut above, &mut row);
    }
    // The whole word, or a beginning as long as what was typed: a shorter one would call “anna” a misspelled “anders”.
    let whole = above.last().is_some_and(|&cost| cost <= errors);
    whole || (typed.len() > 4 && above.get(typed.len()).is_some_and(|&cost| cost <= errors))
}

/// Contacts with the word typed first that is rarest, judged by their other words.
fn driven(sql: &dyn Sql, wanted: &[String], found: &mut Found, upto: Likeness) -> Result<()> {
    let mut order: Vec<(usize, &String)> = Vec::with_capacity(wanted.len());
    for word in wanted {
        order.push((frequency(sql, word, upto)?, word));
    }
    order.sort();
    let Some(&(_, first)) = order.first() else { return Ok(()) };
    let second = order.get(1).map_or(first, |&(_, word)| word);
    let room = found.limit + found.seen.len() + found.stale.len();
    let mut keys = Vec::new();
    sql.query(
        "SELECT contact FROM name_word AS one
        WHERE word >= $1 AND word < $2 AND EXISTS (
            SELECT 1 FROM name_word AS other
            WHERE other.contact = one.contact AND other.word >= $3 AND other.word < $4)
        ORDER BY word, contact
        LIMIT $5",
        &[
            Value::Text(first),
            Value::Text(&end_of(first, upto)),
            Value::Text(second),
            Value::Text(&end_of(second, upto)),
            Value::Int(if wanted.len() > 2 { 4_096 } else { room as i64 }),
        ],
        &mut |row| {
            keys.push(row.int(0)?);
            Ok(ControlFlow::Continue(()))
        },
    )?;
    judge_indexed(sql, wanted, &keys, found, upto)
}

/// The least text that is greater than the word, or than every word that begins with it.
fn end_of(word: &str, upto: Likeness) -> String {
    match upto {
        Likeness::Prefix | Likeness::Misspelled => format!("{word}\u{10FFFF}"),
        Likeness::Whole | Likeness::Words => format!("{word}\u{1}"),
    }
}

fn frequency(sql: &dyn Sql, word: &str, upto: Likeness) -> Result<usize> {
    let mut count = 0;
    sql.query(
        "SELECT count(*) FROM (SELECT 1 FROM name_word WHERE word >= $1 AND word < $2 LIMIT 4096)",
        &[Value::Text(word), Value::Text(&end_of(word, upto))],
        &mut |row| {
            count = row.int(0)?;
            Ok(ControlFlow::Break(()))
        },
    )?;
    Ok(usize::try_from(count).unwrap_or(0))
}

fn judge_indexed(sql: &dyn Sql, wanted: &[String], keys: &[i64], found: &mut Found, upto: Likeness) -> Result<()> {
    for &key in keys {
        if found.seen.contains(&key) || found.is_full(Likeness::Words) {
            continue;
        }
        if let Some(likeness) = likeness(wanted, &words_of_contact(sql, key)?).filter(|likeness| *likeness <= upto) {
            found.add_indexed(key, likeness);
        }
    }
    Ok(())
}

fn words_of_contact(sql: &dyn Sql, contact: i64) -> Result<Vec<String>> {
    let mut names = Vec::new();
    sql.query("SELECT word FROM name_word WHERE contact = $1", &[Value::Int(contact)], &mut |row| {
        names.push(row.text(0)?.to_owned());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(names)
}

fn misspelled(sql: &dyn Sql, vocabulary: &Vocabulary, wanted: &[String], found: &mut Found) -> Result<()> {
    vocabulary.refresh(sql)?;
    // Drive from the word with the fewest contacts, spelled as typed or otherwise.
    let mut best: Option<(usize, Vec<i64>)> = None;
    for word in wanted {
        let mut spellings = vocabulary.spellings(word);
        if frequency(sql, word, Likeness::Prefix)? > 0 {
            spellings.insert(0, word.clone());
        }
        let keys = contacts_with_any(sql, &spellings)?;
        if best.as_ref().is_none_or(|(fewest, _)| keys.len() < *fewest) {
            best = Some((keys.len(), keys));
        }
    }
    let keys = best.map(|(_, keys)| keys).unwrap_or_default();
    judge_indexed(sql, wanted, &keys, found, Likeness::Misspelled)
}

fn contacts_with_any(sql: &dyn Sql, spellings: &[String]) -> Result<Vec<i64>> {
    let mut keys = Vec::new();
    for word in spellings {
        sql.query(
            "SELECT contact FROM name_word WHERE word >= $1 AND word < $2 ORDER BY word, contact LIMIT 1024",
            &[Value::Text(word), Value::Text(&end_of(word, Likeness::Prefix))],
            &mut |row| {
                keys.push(row.int(0)?);
                Ok(ControlFlow::Continue(()))
            },
        )?;
        if keys.len() > 4_096 {
            break;
        }
    }
    let mut seen = HashSet::new();
    keys.retain(|&key| seen.insert(key));
    Ok(keys)
}

/// The contacts that a question names, each with the words of the question that are in its name (by position).
pub(crate) fn named(sql: &dyn Sql, question: &[&str], most: usize) -> Result<HashMap<i64, Vec<usize>>> {
    let mut named: HashMap<i64, Vec<usize>> = HashMap::new();
    for (position, word) in question.iter().enumerate() {
        let keys = contacts_named(sql, word, most + 1)?;
        if keys.len() <= most {
            keys.into_iter().for_each(|key| named.entry(key).or_default().push(position));
            continue;
        }
        // Shared by very many: together with another word of the question it may still be somebody.
        for (second, other) in question.iter().enumerate().filter(|(second, _)| *second != position) {
            let both = contacts_named_both(sql, word, other, most + 1)?;
            for key in both.into_iter().take(most) {
                let words = named.entry(key).or_default();
                for at in [position, second] {
                    if !words.contains(&at) {
                        words.push(at);
                    }
                }
            }
        }
    }
    Ok(named)
}

fn contacts_named(sql: &dyn Sql, word: &str, limit: usize) -> Result<Vec<i64>> {
    let mut keys = Vec::new();
    sql.query(
        "SELECT contact FROM name_word WHERE word = $1 ORDER BY contact LIMIT $2",
        &[Value::Text(word), Value::Int(limit as i64)],
        &mut |row| {
            keys.push(row.int(0)?);
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(keys)
}

fn contacts_named_both(sql: &dyn Sql, word: &str, other: &str, limit: usize) -> Result<Vec<i64>> {
    let mut keys = Vec::new();
    sql.query(
        "SELECT one.contact FROM name_word AS one
        JOIN name_word AS two ON two.contact = one.contact
        WHERE one.word = $1 AND two.word = $2
        ORDER BY one.contact
        LIMIT $3",
        &[Value::Text(word), Value::Text(other), Value::Int(limit as i64)],
        &mut |row| {
            keys.push(row.int(0)?);
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(keys)
}

/// Every word of every name, kept in memory for misspellings; a word that no name has any more does no harm.
#[derive(Default)]
pub(crate) struct Vocabulary {
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    newest: i64,
    newest_word: String,
    letters: String,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    start: u32,
    bytes: u16,
    letters: u16,
    /// One bit for each letter that is in the word, modulo 32.
    mask: u32,
}

impl Vocabulary {
    /// Reads the words that were added since the last time.
    fn refresh(&self, sql: &dyn Sql) -> Result<()> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut same = known.newest == 0;
        sql.query("SELECT word FROM name_vocabulary WHERE key = $1", &[Value::Int(known.newest)], &mut |row| {
            same = row.text(0)? == known.newest_word;
            Ok(ControlFlow::Break(()))
        })?;
        // Another word under that number: the words were numbered anew.
        if !same {
            *known = Known::default();
        }
        let newest = known.newest;
        sql.query(
            "SELECT key, word FROM name_vocabulary WHERE key > $1 ORDER BY key",
            &[Value::Int(newest)],
            &mut |row| {
                known.push(row.int(0)?, row.text(1)?);
                Ok(ControlFlow::Continue(()))
            },
        )
    }

    /// The words of names of which `typed` is a misspelling, or a misspelled beginning.
    fn spellings(&self, typed: &str) -> Vec<String> {
        let letters: Vec<char> = typed.chars().collect();
        let Some(errors) = tolerated(&letters) else { return Vec::new() };
        let mask = mask_of(typed);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<(usize, String)> = Vec::new();
        let mut name: Vec<char> = Vec::new();
        for entry in &known.entries {
            let missing = (mask & !entry.mask).count_ones() as usize;
            if missing > errors || usize::from(entry.letters) + errors < letters.len() {
                continue;
            }
            let Some(word) = known.letters.get(entry.start as usize..entry.start as usize + usize::from(entry.bytes))
            else {
                continue;
            };
            name.clear();
            name.extend(word.chars());
            if is_misspelling(&letters, &name, errors) {
                found.push((name.len().abs_diff(letters.len()), word.to_owned()));
            }
        }
        found.sort();
        found.truncate(MOST_SPELLINGS);
        found.into_iter().map(|(_, word)| word).collect()
    }
}

impl Known {
    fn push(&mut self, key: i64, word: &str) {
        let (Ok(start), Ok(bytes)) = (u32::try_from(self.letters.len()), u16::try_from(word.len())) else { return };
        let letters = u16::try_from(word.chars().count()).unwrap_or(u16::MAX);
        self.letters.push_str(word);
        self.entries.push(Entry { start, bytes, letters, mask: mask_of(word) });
        self.newest = key;
        self.newest_word.clear();
        self.newest_word.push_str(word);
    }
}

fn mask_of(word: &str) -> u32 {
    word.chars().fold(0, |mask, letter| mask | 1 << (u32::from(letter) & 31))
}
