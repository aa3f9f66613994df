//! The brief and the look-up by handle, against statements held in `rusqlite` on the same file.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench ends at the first fault"
)]

mod support;

use std::hint::black_box;
use std::thread;

use heirloom::{Channel, ContactId, Durability, Memory};
use rusqlite::types::Value;
use rusqlite::{Params, Statement};

use support::corpus::{Corpus, Random, email};
use support::{Filled, line, median, percentile, seconds, short, shown, sized, time, title};

const ROUNDS: usize = 9;

fn main() {
    let corpus = Corpus::new(sized(100_000), sized(1_000_000));
    title(&format!("read: {} contacts, {} notes", corpus.contacts, corpus.notes));
    let directory = support::directory();
    let filled = support::filled(directory.path(), &corpus, Durability::Normal);
    let reads = if short() { 500 } else { 2_000 };
    briefs(&filled, reads);
    look_ups(&filled, reads * 5);
    threads(&filled, reads);
}

/// The five statements of a brief, held.
struct Bare<'c> {
    contact: Statement<'c>,
    facts: Statement<'c>,
    owners: Statement<'c>,
    insights: Statement<'c>,
    latest: Statement<'c>,
}

const NOTE: &str = "n.id, n.kind, n.text, n.happened_at, n.happened_precision, n.recorded_at, a.kind, a.member, a.name,
    n.recorded_by_name, sm.id, sc.id, n.said_by_name, n.via, n.channel, n.direction, n.permalink, n.private_to, pm.id,
    n.sensitivity, n.corrected_at, n.retracted_at
    FROM note_contact l JOIN note n ON n.key = l.note JOIN actor a ON a.key = n.recorded_by
    LEFT JOIN member sm ON sm.key = n.said_by_member LEFT JOIN contact sc ON sc.key = n.said_by_contact
    LEFT JOIN member pm ON pm.key = n.private_to";

impl<'c> Bare<'c> {
    fn new(connection: &'c rusqlite::Connection) -> Self {
        let held = |sql: &str| connection.prepare(sql).unwrap();
        Self {
            contact: held("SELECT id, kind, name, audience, added_at, spoken_at, key FROM contact WHERE id = ?1"),
            facts: held(
                "SELECT 1, field, value, NULL, NULL, NULL, NULL, NULL FROM contact_field WHERE contact = ?1
                 UNION ALL SELECT 2, tag, NULL, NULL, NULL, NULL, NULL, NULL FROM contact_tag WHERE contact = ?1
                 UNION ALL SELECT 3, label, NULL, NULL, NULL, year, month, day FROM contact_date WHERE contact = ?1
                 UNION ALL SELECT 4, channel, address, address_key, network_id, label, since, until FROM handle
                 WHERE contact = ?1
                 UNION ALL SELECT 5, l.relation, c.kind, c.name, c.id, 0, NULL, NULL FROM contact_link l
                 JOIN contact c ON c.key = l.other WHERE l.contact = ?1
                 UNION ALL SELECT 5, l.relation, c.kind, c.name, c.id, 1, NULL, NULL FROM contact_link l
                 JOIN contact c ON c.key = l.contact WHERE l.other = ?1
                 UNION ALL SELECT 6, channel, why, NULL, NULL, NULL, NULL, NULL FROM do_not_contact WHERE contact = ?1
                 UNION ALL SELECT 7, system, external_id, NULL, NULL, NULL, NULL, NULL FROM contact_external_id
                 WHERE contact = ?1",
            ),
            owners: held(
                "SELECT a.id, m.id, m.name, m.departed_at, a.role, a.since, a.until, a.opened_why, a.closed_why, o.kind,
                     o.member, o.name, x.kind, x.member, x.name
                 FROM assignment a JOIN member m ON m.key = a.member JOIN actor o ON o.key = a.opened_by
                 LEFT JOIN actor x ON x.key = a.closed_by
                 WHERE a.contact = ?1 ORDER BY a.since, a.key",
            ),
            insights: held(&format!(
                "SELECT {NOTE} WHERE l.contact = ?1 AND l.kind = 'insight' AND l.kind IN ('insight', 'complaint')
                     AND n.retracted_at IS NULL AND n.private_to IS NULL
                 ORDER BY l.happened_at DESC, l.note DESC LIMIT 20"
            )),
            latest: held(&format!(
                "SELECT {NOTE} WHERE l.contact = ?1 AND l.kind <> 'insight' AND n.retracted_at IS NULL
                     AND n.private_to IS NULL
                 ORDER BY l.happened_at DESC, l.note DESC LIMIT 10"
            )),
        }
    }

    fn brief(&mut self, contact: &[u8; 16]) {
        let key: i64 = self
            .contact
            .query_row([contact], |row| {
                (0..6).for_each(|column| drop(black_box(row.get::<_, Value>(column))));
                row.get(6)
            })
            .unwrap();
        for statement in [&mut self.facts, &mut self.owners, &mut self.insights, &mut self.latest] {
            take_rows(statement, [key]);
        }
    }
}

/// Takes every column of every row, texts as texts of one's own.
fn take_rows(statement: &mut Statement<'_>, parameters: impl Params) {
    let columns = statement.column_count();
    let mut rows = statement.query(parameters).unwrap();
    while let Some(row) = rows.next().unwrap() {
        (0..columns).for_each(|column| drop(black_box(row.get::<_, Value>(column))));
    }
}

fn connect(filled: &Filled) -> rusqlite::Connection {
    let connection = support::peer::connect(&filled.path, Durability::Normal);
    connection.execute_batch("PRAGMA cache_size = -8192; PRAGMA query_only = ON").unwrap();
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).unwrap();
    connection
}

fn picks(filled: &Filled, seed: u64, count: usize) -> Vec<usize> {
    let mut random = Random::new(seed);
    (0..count).map(|_| random.below(filled.contacts.len())).collect()
}

fn briefs(filled: &Filled, reads: usize) {
    let connection = connect(filled);
    let mut bare = Bare::new(&connection);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for at in picks(filled, round as u64, reads) {
            let contact = filled.contacts[at];
            let id = *contact.uuid().as_bytes();
            // Who comes second finds the pages in the cache of the system; they take turns.
            let mut heirloom = || ours.push(seconds(|| drop(black_box(filled.memory.brief(contact).unwrap()))));
            let mut peer = || theirs.push(seconds(|| bare.brief(&id)));
            if round % 2 == 0 {
                heirloom();
                peer();
            } else {
                peer();
                heirloom();
            }
        }
    }
    for (what, share, bar) in [("brief, p50", 0.5, Some(1.25)), ("brief, p99", 0.99, None)] {
        let (heirloom, peer) = (percentile(&ours, share), percentile(&theirs, share));
        time(&format!("{what} ({}), against five statements", shown(heirloom)), heirloom, peer, bar);
    }
}

fn look_ups(filled: &Filled, reads: usize) {
    let connection = connect(filled);
    let mut statement = connection
        .prepare(
            "SELECT c.id, c.kind, c.name, h.channel, h.until FROM handle h JOIN contact c ON c.key = h.contact
             WHERE h.address_key = ?1 AND h.channel = ?2 ORDER BY h.until IS NOT NULL, h.contact",
        )
        .unwrap();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let addresses: Vec<String> =
            picks(filled, 100 + round as u64, reads).into_iter().map(|at| email(at).to_lowercase()).collect();
        let heirloom = || {
            for address in &addresses {
                assert_eq!(black_box(filled.memory.by_handle(Channel::Email, address).unwrap()).len(), 1);
            }
        };
        let peer = |statement: &mut Statement<'_>| {
            addresses.iter().for_each(|address| take_rows(statement, [address.as_str(), "email"]));
        };
        ours.push(seconds(heirloom));
        theirs.push(seconds(|| peer(&mut statement)));
    }
    let (ours, theirs) = (median(&ours), median(&theirs));
    let each = shown(ours / reads as f64);
    time(&format!("look-up by handle ({each}), against the held statement"), ours, theirs, Some(1.5));
}

fn threads(filled: &Filled, reads: usize) {
    const THREADS: usize = 4;
    let briefs = |memory: &Memory, contacts: &[ContactId]| {
        contacts.iter().for_each(|contact| drop(black_box(memory.brief(*contact).unwrap())));
    };
    let (mut one, mut four, mut machine) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let contacts: Vec<ContactId> =
            picks(filled, 200 + round as u64, reads * THREADS).into_iter().map(|at| filled.contacts[at]).collect();
        one.push(seconds(|| briefs(&filled.memory, &contacts)));
        four.push(seconds(|| {
            thread::scope(|scope| {
                contacts.chunks(reads).for_each(|part| drop(scope.spawn(move || briefs(&filled.memory, part))));
            });
        }));
        machine.push(
            THREADS as f64 * seconds(arithmetic)
                / seconds(|| {
                    thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(arithmetic))));
                }),
        );
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let gain = median(&one) / median(&four);
    line(
        &format!("briefs on four threads, of {cores} cores, against one"),
        &format!("{gain:.2} times as many"),
        Some(("≥ 2", gain >= 2.0)),
    );
    line("arithmetic on four threads, as the machine is", &format!("{:.2} times as much", median(&machine)), None);
}

/// Work that needs nothing but a core: what the machine has left for four threads shows how far to trust the line above.
fn arithmetic() {
    let mut random = Random::new(1);
    black_box((0..20_000_000).fold(0_u64, |sum, _| sum ^ random.number()));
}
