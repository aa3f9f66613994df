//! Questions of all kinds, very common words included, over all notes and within one contact.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench ends at the first fault"
)]

mod support;

use std::hint::black_box;

use heirloom::{ContactId, Durability, Memory};

use support::corpus::{Corpus, MUCH_NOTED, questions};
use support::{line, percentile, seconds, shown, sized, title};

const QUESTIONS: usize = 204;
const ROUNDS: usize = 3;

fn main() {
    let corpus = Corpus::new(sized(100_000), sized(1_000_000));
    title(&format!("search: {QUESTIONS} questions over {} notes of {} contacts", corpus.notes, corpus.contacts));
    let directory = support::directory();
    let filled = support::filled(directory.path(), &corpus, Durability::Normal);
    let questions = questions(corpus.contacts, QUESTIONS);
    let (much, few) = filled.contacts.split_at(MUCH_NOTED);
    measure("over everything", &questions, 0.030, |question, _| ask(&filled.memory, question, None));
    let notes = corpus.notes / 20 / MUCH_NOTED;
    measure(&format!("within a contact with {notes} notes"), &questions, 0.002, |question, at| {
        ask(&filled.memory, question, Some(much[at % much.len()]))
    });
    measure("within a contact with few notes", &questions, 0.002, |question, at| {
        ask(&filled.memory, question, Some(few[at * 37 % few.len()]))
    });
}

fn ask(memory: &Memory, question: &str, within: Option<ContactId>) -> usize {
    let search = memory.search(question).limit(10);
    let search = within.into_iter().fold(search, heirloom::Search::within);
    search.run().unwrap().len()
}

/// Asks every question some times and prints what the slow ones take; the first time of a question counts as any other.
fn measure(what: &str, questions: &[String], bar: f64, ask: impl Fn(&str, usize) -> usize) {
    let mut times = Vec::new();
    let mut slowest = (0.0, "");
    for round in 0..ROUNDS {
        for (at, question) in questions.iter().enumerate() {
            let time = seconds(|| _ = black_box(ask(question, at + round)));
            times.push(time);
            if time > slowest.0 {
                slowest = (time, question);
            }
        }
    }
    let (half, most) = (percentile(&times, 0.5), percentile(&times, 0.99));
    let figure = format!("p50 {}, p99 {}", shown(half), shown(most));
    line(what, &figure, Some((&format!("p99 ≤ {}", shown(bar)), most <= bar)));
    println!("    slowest: {}, {:.60}", shown(slowest.0), slowest.1);
}
