//! Whether the index says what the tables say: every word of every note and contact, no fewer and no more.
//!
//! Both sides are summed up regardless of order, in as many sums as fit into little memory; only where two sums differ
//! are notes looked at one by one.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

use super::index::{self, NoteWords};
use super::words;
use crate::error::Result;
use crate::store::{RowExt, Sql};

/// How many sums are kept.
const BUCKETS: usize = 1 << 14;
/// The most notes or contacts that are named; of the others the number is said.
const NAMED: usize = 20;

/// Returns what is wrong with the index, in words; nothing where it is right.
///
/// What waits to be indexed is left out. [`rebuild`](super::rebuild) mends all of it.
pub(crate) fn check(sql: &dyn Sql) -> Result<Vec<String>> {
    if index::state(sql)?.version != words::VERSION {
        return Ok(vec![
            "the search index was built by other rules than this build's; it must be built anew".to_owned(),
        ]);
    }
    let mut findings = Vec::new();
    let state = index::state(sql)?;
    let notes = index::notes_between(sql, 0, state.through)?;
    if state.notes != notes {
        findings.push(format!("the search index counts {} notes where there are {notes}", state.notes));
    }
    compare(sql, &NOTES, &mut findings)?;
    compare(sql, &CONTACTS, &mut findings)?;
    compare(sql, &NAMES, &mut findings)?;
    vocabulary(sql, &mut findings)?;
    waiting(sql, &mut findings)?;
    Ok(findings)
}

/// Takes a key and a word that belongs to it.
type EachWord<'a> = dyn FnMut(i64, &str) + 'a;

/// One index and how it ought to be.
struct Side {
    noun: &'static str,
    /// The words that stand in the index, with the key that each belongs to.
    indexed: &'static str,
    what: &'static str,
    /// Hands over what ought to stand there up to an entry: the key and its words, repeated ones too.
    wanted: fn(&dyn Sql, i64, &mut EachWord<'_>) -> Result<()>,
}

const NOTES: Side = Side {
    noun: "note",
    indexed: "SELECT term, doc FROM note_index_word",
    what: "text",
    wanted: |sql, through, each| {
        let mut document = String::new();
        index::each_note(sql, 0, through, &mut |note: &NoteWords<'_>| {
            document.clear();
            note.words_onto(&mut document);
            document.split_ascii_whitespace().for_each(|word| each(note.key, word));
            Ok(())
        })
    },
};

const CONTACTS: Side = Side {
    noun: "contact",
    indexed: "SELECT term, doc FROM contact_index_word",
    what: "name, fields, tags and handles",
    wanted: |sql, through, each| {
        let mut document = String::new();
        index::each_contact_key(sql, 0, through, &mut |key| {
            document.clear();
            index::contact_words_onto(sql, key, &mut document)?;
            document.split_ascii_whitespace().for_each(|word| each(key, word));
            Ok(())
        })
    },
};

const NAMES: Side = Side {
    noun: "contact",
    indexed: "SELECT word, contact FROM name_word ORDER BY word",
    what: "name",
    wanted: |sql, through, each| {
        index::each_contact_key(sql, 0, through, &mut |key| {
            index::name_words(sql, key)?.iter().for_each(|word| each(key, word));
            Ok(())
        })
    },
};

fn compare(sql: &dyn Sql, side: &Side, findings: &mut Vec<String>) -> Result<()> {
    let through = index::state(sql)?.through;
    let waiting: HashSet<i64> = index::pending(sql, side.noun)?.into_iter().collect();
    let mut sums = vec![0_u64; BUCKETS];
    each_indexed(sql, side, &waiting, &mut |key, hash| add(&mut sums, key, hash))?;
    each_wanted(sql, side, through, &waiting, &mut |key, hash| add(&mut sums, key, hash.wrapping_neg()))?;
    if sums.iter().all(|&sum| sum == 0) {
        return Ok(());
    }
    let is_bad = |key: i64| sums.get(bucket(key)).is_some_and(|&sum| sum != 0);
    let mut keys: BTreeMap<i64, (u64, bool, bool)> = BTreeMap::new();
    each_indexed(sql, side, &waiting, &mut |key, hash| {
        if is_bad(key) {
            let entry = keys.entry(key).or_default();
            *entry = (entry.0.wrapping_add(hash), true, entry.2);
        }
    })?;
    each_wanted(sql, side, through, &waiting, &mut |key, hash| {
        if is_bad(key) {
            let entry = keys.entry(key).or_default();
            *entry = (entry.0.wrapping_sub(hash), entry.1, true);
        }
    })?;
    keys.retain(|_, (sum, _, _)| *sum != 0);
    report(side, &keys, findings);
    Ok(())
}

fn report(side: &Side, keys: &BTreeMap<i64, (u64, bool, bool)>, findings: &mut Vec<String>) {
    let (noun, what) = (side.noun, side.what);
    for (key, &(_, is_indexed, is_wanted)) in keys.iter().take(NAMED) {
        findings.push(match (is_indexed, is_wanted) {
            (false, _) => format!("the search index misses the {what} of the {noun} of entry {key}"),
            (true, false) => format!("the search index holds words for entry {key}, where there is no such {noun}"),
            (true, true) => format!("the search index holds other words for the {noun} of entry {key} than its {what}"),
        });
    }
    if keys.len() > NAMED {
        findings.push(format!("… and the same for {} more", keys.len() - NAMED));
    }
}

fn each_indexed(sql: &dyn Sql, side: &Side, waiting: &HashSet<i64>, each: &mut dyn FnMut(i64, u64)) -> Result<()> {
    let mut word = String::new();
    let mut hash = 0;
    sql.query(side.indexed, &[], &mut |row| {
        let term = row.text(0)?;
        if term != word {
            term.clone_into(&mut word);
            hash = words::hash_of(term);
        }
        let key = row.int(1)?;
        if waiting.is_empty() || !waiting.contains(&key) {
            each(key, mix(hash, key));
        }
        Ok(ControlFlow::Continue(()))
    })
}

fn each_wanted(
    sql: &dyn Sql,
    side: &Side,
    through: i64,
    waiting: &HashSet<i64>,
    each: &mut dyn FnMut(i64, u64),
) -> Result<()> {
    let mut hashes: Vec<u64> = Vec::new();
    let mut current = 0;
    let mut finish = |key: i64, hashes: &mut Vec<u64>| {
        hashes.sort_unstable();
        hashes.dedup();
        let is_waiting = waiting.contains(&key);
        hashes.drain(..).filter(|_| !is_waiting).for_each(|hash| each(key, mix(hash, key)));
    };
    (side.wanted)(sql, through, &mut |key, word| {
        if key != current {
            finish(current, &mut hashes);
            current = key;
        }
        hashes.push(words::hash_of(word));
    })?;
    finish(current, &mut hashes);
    Ok(())
}

fn vocabulary(sql: &dyn Sql, findings: &mut Vec<String>) -> Result<()> {
    let missing = count(
        sql,
        "SELECT count(DISTINCT word) FROM name_word
        WHERE NOT EXISTS (SELECT 1 FROM name_vocabulary WHERE name_vocabulary.word = name_word.word)",
    )?;
    if missing > 0 {
        findings.push(format!("{missing} words of names are missing where misspelled names are looked up"));
    }
    let stray = count(
        sql,
        "SELECT count(*) FROM name_vocabulary
        WHERE NOT EXISTS (SELECT 1 FROM name_word WHERE name_word.word = name_vocabulary.word)",
    )?;
    if stray > 0 {
        findings.push(format!("{stray} words that are in no name stand where misspelled names are looked up"));
    }
    Ok(())
}

/// Looks for what waits to be indexed and is neither a note nor a contact.
fn waiting(sql: &dyn Sql, findings: &mut Vec<String>) -> Result<()> {
    let strange = count(
        sql,
        "SELECT count(*) FROM search_pending p
        WHERE NOT EXISTS (SELECT 1 FROM note n WHERE p.noun = 'note' AND n.key = p.key)
            AND NOT EXISTS (SELECT 1 FROM contact c WHERE p.noun = 'contact' AND c.key = p.key)",
    )?;
    if strange > 0 {
        findings.push(format!("{strange} rows that are no note and no contact wait for the search index"));
    }
    Ok(())
}

fn count(sql: &dyn Sql, query: &'static str) -> Result<i64> {
    let mut counted = 0;
    sql.query(query, &[], &mut |row| {
        counted = row.int(0)?;
        Ok(ControlFlow::Break(()))
    })?;
    Ok(counted)
}

fn bucket(key: i64) -> usize {
    (key.unsigned_abs() % BUCKETS as u64) as usize
}

fn add(sums: &mut [u64], key: i64, amount: u64) {
    if let Some(sum) = sums.get_mut(bucket(key)) {
        *sum = sum.wrapping_add(amount);
    }
}

/// Ties a word to its note (the finisher of SplitMix64).
fn mix(hash: u64, key: i64) -> u64 {
    let mut mixed = hash.wrapping_add(key.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
