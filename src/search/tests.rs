//! What the search promises, on a handful of notes.

use proptest::prelude::*;

use super::*;
use crate::memory::{ALL_SEEING, ORGANISATION};
use crate::store::{Location, Options, Store};

const DAY: i64 = 86_400_000_000;

/// Tables of notes and contacts without a journal.
struct Lite(Store);

impl Sql for Lite {
    fn execute(&self, sql: &'static str, parameters: &[Value<'_>]) -> Result<usize> {
        self.0.write(|inner| inner.execute(sql, parameters))
    }

    fn query(
        &self,
        sql: &'static str,
        parameters: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.0.read(|inner| inner.query(sql, parameters, each))
    }
}

impl Lite {
    fn new() -> Self {
        Self(Store::open(&Location::InMemory, &Options::default()).unwrap())
    }

    fn run(&self, sql: &'static str) {
        self.execute(sql, &[]).unwrap();
    }

    fn contact(&self, key: i64, name: &str) {
        self.execute(
            "INSERT INTO contact (key, id, kind, name, name_key, audience, added_at)
             VALUES ($1, randomblob(16), 'person', $2, $3, 'customer', 0)",
            &[Value::Int(key), Value::Text(name), Value::Text(&fold(name))],
        )
        .unwrap();
        contact_changed(self, key).unwrap();
    }

    fn note(&self, key: i64, contacts: &[i64], text: &str, said_by: Option<&str>, at: i64) {
        self.note_of(key, contacts, text, said_by, at, "conversation", None);
    }

    #[expect(clippy::too_many_arguments, reason = "a row in one line")]
    fn note_of(
        &self,
        key: i64,
        contacts: &[i64],
        text: &str,
        said_by: Option<&str>,
        at: i64,
        kind: &str,
        private_to: Option<i64>,
    ) {
        self.execute(
            "INSERT INTO note (key, id, kind, text, happened_at, happened_precision, recorded_at, recorded_by,
                 recorded_by_name, said_by_name, via, private_to, sensitivity)
             VALUES ($1, randomblob(16), $2, $3, $4, 3, $4, 1, 'Importer', $5, 'import', $6, 'ordinary')",
            &[
                Value::Int(key),
                Value::Text(kind),
                Value::Text(text),
                Value::Int(at),
                said_by.map_or(Value::Null, Value::Text),
                private_to.map_or(Value::Null, Value::Int),
            ],
        )
        .unwrap();
        for contact in contacts {
            self.execute(
                "INSERT INTO note_contact (contact, happened_at, note, kind, voice) VALUES ($1, $2, $3, $4, 0)",
                &[Value::Int(*contact), Value::Int(at), Value::Int(key), Value::Text(kind)],
            )
            .unwrap();
        }
    }
}

fn q(text: &str) -> Query<'_> {
    Query {
        text,
        limit: 10,
        contact: None,
        book_of: None,
        now: 0,
        from: None,
        until: None,
        kinds: &[],
        viewer: ALL_SEEING,
        notes: true,
        contacts: false,
    }
}

fn memory() -> Lite {
    let db = Lite::new();
    db.contact(1, "Sally Sørensen");
    db.contact(2, "Ben Okafor");
    db.contact(3, "田中太郎");
    db.note_of(
        10,
        &[1],
        "Stops by as a reward when she reaches her weekly weight goal",
        Some("Sally"),
        DAY,
        "insight",
        None,
    );
    db.note(11, &[2], "He bought and donated several thousand bottles to schools in Africa", None, 40 * DAY);
    db.note_of(12, &[2], "Owes me a private coffee", None, 41 * DAY, "other", Some(7));
    db.note(13, &[3], "東京都で会いました。jane@acme.com", None, 60 * DAY);
    db
}

fn found(db: &Lite, query: &Query<'_>) -> Vec<i64> {
    run(db, &Cache::default(), query).unwrap().iter().map(|hit| hit.subject.key()).collect()
}

/// Once with every note above the watermark, once with all in the index.
fn both(each: impl Fn(&Lite)) {
    let db = memory();
    each(&db);
    rebuild(&db, 13).unwrap();
    each(&db);
}

#[test]
fn a_plain_question_finds_what_is_known_whether_or_not_it_is_indexed_yet() {
    both(|db| {
        assert_eq!(found(db, &q("what does Sally come in for?"))[0], 10);
        assert_eq!(found(db, &q("Did anybody buy bottles for a school?"))[0], 11);
        assert_eq!(found(db, &q("jane@acme.com")), [13]);
        assert_eq!(found(db, &q("京都")), [13]);
        assert_eq!(found(db, &q("京")), [13]);
        assert_eq!(found(db, &q("10 February 1970"))[0], 11);
        assert_eq!(found(db, &q("zebra")), [0_i64; 0]);
    });
}

#[test]
fn a_form_that_begins_unlike_its_basic_form_is_found_by_it() {
    let db = memory();
    db.note(14, &[1], "The ferns in the window are dying", None, DAY);
    assert_eq!(found(&db, &q("die")), [14]);
}

#[test]
fn each_of_many_notes_that_are_indexed_at_once_is_found_by_its_own_word() {
    for last in [2, 512, 513, 514, 1_025, 1_026, 1_700] {
        let db = Lite::new();
        db.contact(1, "Sally Marsh");
        (2..=last).for_each(|key| db.note(key, &[1], &format!("ordered soup{key}"), None, key * DAY));
        rebuild(&db, last).unwrap();
        let found = |word: &str| newest_notes(&db, word, 0, 5_000).unwrap();
        assert_eq!(found("order").len() as i64, last - 1, "of {last}");
        for key in 2..=last {
            assert_eq!(found(&format!("soup{key}")), [key], "of {last}");
        }
    }
}

#[test]
fn as_many_answers_come_of_a_contact_with_very_many_notes_as_are_asked_for() {
    let db = Lite::new();
    db.contact(1, "Sally");
    (2..1_300).for_each(|key| db.note(key, &[1], "ordered the soup", None, key * DAY));
    rebuild(&db, 1_300).unwrap();
    for limit in [1, 10, 100, 300] {
        assert_eq!(found(&db, &Query { contact: Some(1), limit, ..q("soup") }).len(), limit);
    }
}

#[test]
fn a_private_note_is_found_by_its_reader_alone() {
    both(|db| {
        for (viewer, expected) in [(ALL_SEEING, vec![12]), (7, vec![12]), (8, vec![]), (ORGANISATION, vec![])] {
            assert_eq!(found(db, &Query { viewer, ..q("private coffee") }), expected, "viewer {viewer}");
            assert_eq!(found(db, &Query { viewer, contact: Some(2), ..q("private coffee") }), expected);
        }
    });
}

#[test]
fn filters_narrow_a_search_to_a_contact_a_book_a_period_and_kinds() {
    both(|db| {
        db.run(
            "INSERT INTO assignment (key, id, contact, member, role, since, opened_by)
             VALUES ((SELECT 20 + count(*) FROM assignment), randomblob(16), 2, 7, 'owner', 5, 1)",
        );
        let all = q("she he weekly bottles coffee goal");
        assert_eq!(found(db, &Query { contact: Some(1), ..all }), [10]);
        assert_eq!(found(db, &Query { kinds: &["insight"], ..all }), [10]);
        assert_eq!(found(db, &Query { from: Some(40 * DAY), until: Some(41 * DAY), ..all }), [11]);
        assert_eq!(found(db, &Query { until: Some(40 * DAY), ..all }), [10]);
        let mut book = found(db, &Query { book_of: Some(7), now: 6, ..all });
        book.sort_unstable();
        assert_eq!(book, [11, 12]);
        assert_eq!(found(db, &Query { book_of: Some(7), now: 4, ..all }), [0_i64; 0]);
        assert_eq!(found(db, &Query { book_of: Some(8), now: 6, ..all }), [0_i64; 0]);
    });
}

#[test]
fn a_corrected_or_retracted_note_is_found_by_its_text_as_it_stands() {
    let db = memory();
    rebuild(&db, 13).unwrap();
    db.run("UPDATE note SET text = 'gave bicycles' WHERE key = 11");
    note_changed(&db, 11).unwrap();
    db.run("UPDATE note SET retracted_at = 1 WHERE key = 10");
    note_changed(&db, 10).unwrap();
    for _ in 0..2 {
        assert_eq!(found(&db, &q("bottles")), [0_i64; 0]);
        assert_eq!(found(&db, &q("bicycle")), [11]);
        assert_eq!(found(&db, &q("weight")), [0_i64; 0]);
        assert_eq!(check(&db).unwrap(), [""; 0]);
        settle(&db, 13 + index::BATCH).unwrap();
    }
    assert_eq!(index::pending(&db, "note").unwrap(), [0_i64; 0]);
}

#[test]
fn a_snippet_marks_the_words_as_they_were_written() {
    let db = memory();
    let hits = run(&db, &Cache::default(), &q("visited schools, buying a bottle")).unwrap();
    assert_eq!(
        hits[0].snippet.to_string(),
        "He «bought» and donated several thousand «bottles» to «schools» in Africa"
    );
    db.note(14, &[1], &format!("{}the zebra crossed{}", "word ".repeat(500), " more".repeat(500)), None, DAY);
    let hits = run(&db, &Cache::default(), &q("zebras")).unwrap();
    assert!(hits[0].snippet.to_string().starts_with('…') && hits[0].snippet.to_string().ends_with('…'));
    assert!(hits[0].snippet.to_string().contains("the «zebra» crossed") && hits[0].snippet.text.len() < 300);
}

#[test]
fn a_name_is_found_by_any_beginning_and_in_spite_of_misspelling() {
    both(|db| {
        let cache = Cache::default();
        let like = |typed: &str| -> Vec<(i64, Likeness)> { names_like(db, &cache, typed, 5).unwrap() };
        assert_eq!(like("sally sorensen"), [(1, Likeness::Whole)]);
        assert_eq!(like("Sally"), [(1, Likeness::Words)]);
        assert_eq!(like("sor sal"), [(1, Likeness::Prefix)]);
        for typed in ["Saly", "Aslly", "Zally", "Sorenzen", "Soresnen", "Sollie Sorensen"] {
            assert_eq!(
                like(typed).first().map(|hit| hit.0),
                if typed == "Sollie Sorensen" { None } else { Some(1) },
                "{typed}"
            );
        }
        assert_eq!(like("太郎").first().map(|hit| hit.0), Some(3));
        assert_eq!(like("郎").first().map(|hit| hit.0), Some(3));
        assert_eq!(like("ben sally"), []);
        assert_eq!(like(""), []);
    });
}

#[test]
fn a_contact_that_is_renamed_is_found_by_its_new_name_alone() {
    let db = memory();
    let cache = Cache::default();
    rebuild(&db, 13).unwrap();
    assert_eq!(names_like(&db, &cache, "okaffor", 5).unwrap(), [(2, Likeness::Misspelled)]);
    db.run("UPDATE contact SET name = 'Ben Adeyemi', name_key = 'ben adeyemi' WHERE key = 2");
    contact_changed(&db, 2).unwrap();
    for _ in 0..2 {
        assert_eq!(names_like(&db, &cache, "okafor", 5).unwrap(), []);
        assert_eq!(names_like(&db, &cache, "adeyem", 5).unwrap(), [(2, Likeness::Prefix)]);
        assert_eq!(names_like(&db, &cache, "adeyemmi", 5).unwrap(), [(2, Likeness::Misspelled)]);
        settle(&db, 13 + index::BATCH).unwrap();
    }
}

#[test]
fn the_check_names_what_is_missing_what_is_too_many_and_what_is_wrong() {
    let db = memory();
    rebuild(&db, 13).unwrap();
    assert_eq!(check(&db).unwrap(), [""; 0]);
    for (damage, finding) in [
        ("DELETE FROM note_index WHERE rowid = 11", "misses the text of the note of entry 11"),
        ("INSERT INTO note_index (rowid, words) VALUES (99, 'x')", "words for entry 99, where there is no such note"),
        ("UPDATE note SET text = 'other' WHERE key = 13", "other words for the note of entry 13"),
        (
            "DELETE FROM contact_index WHERE rowid = 2",
            "misses the name, fields, tags and handles of the contact of entry 2",
        ),
        ("DELETE FROM name_word WHERE word = 'ben'", "other words for the contact of entry 2 than its name"),
        ("DELETE FROM name_vocabulary WHERE word = 'sally'", "1 words of names are missing"),
        ("UPDATE search_state SET version = 0", "built by other rules"),
    ] {
        db.run(damage);
        assert!(check(&db).unwrap().iter().any(|line| line.contains(finding)), "{finding}: {:?}", check(&db).unwrap());
        rebuild(&db, 13).unwrap();
        assert_eq!(check(&db).unwrap(), [""; 0], "after {damage}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_question(text in prop_oneof![any::<String>(), "[\"*^:(){}+\\-' a-zA-Z0-9NEAROT@.]{0,60}"]) {
        thread_local! { static DB: Lite = { let db = memory(); rebuild(&db, 12).unwrap(); db } }
        DB.with(|db| {
            let query = Query { contacts: true, ..q(&text) };
            run(db, &Cache::default(), &query).unwrap();
            run(db, &Cache::default(), &Query { contact: Some(2), ..query }).unwrap();
            names_like(db, &Cache::default(), &text, 5).unwrap();
        });
    }

    #[test]
    fn each_word_of_a_note_finds_it(text in "\\PC{1,60}") {
        let db = Lite::new();
        db.contact(1, "A");
        db.note(2, &[1], &text, None, 0);
        rebuild(&db, 2).unwrap();
        assert_eq!(check(&db).unwrap(), [""; 0]);
        let mut words = Vec::new();
        words::each_word(&text, &mut |_, place| words.push(place));
        for place in words {
            let question = &text[place];
            // A few marks belong to a word only next to what stood before it.
            let mut is_word = false;
            words::each_word(question, &mut |word, _| is_word |= word == words::fold(question));
            if is_word {
                assert_eq!(found(&db, &q(question)), [2], "{question:?} in {text:?}");
            }
        }
    }
}

#[test]
fn private_notes_of_others_take_no_place_from_what_one_may_read() {
    let db = Lite::new();
    db.contact(1, "Sally");
    db.note(2, &[1], "Asked about the terrace", None, 0);
    for key in 3..3_003 {
        db.note_of(key, &[1], "The terrace again", None, key, "other", Some(7));
    }
    rebuild(&db, 3_003).unwrap();
    for contact in [None, Some(1)] {
        let query = Query { viewer: ORGANISATION, contact, ..q("terrace") };
        assert_eq!(found(&db, &query), [2], "{contact:?}");
        assert_eq!(found(&db, &Query { viewer: 8, ..query }), [2]);
        assert_eq!(found(&db, &Query { viewer: 7, ..query }).len(), 10);
    }
}
