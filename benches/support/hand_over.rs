//! The completion of a handoff by hand in `rusqlite`: the rows that heirloom writes, the journal with its hashes included,
//! with statements held and everything that is read in one query.

use rusqlite::{Connection, Statement, params};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

type Hash = [u8; 32];

/// What an item of the handoff takes: one row of the query that reads all of them.
struct Item {
    contact: Uuid,
    contact_key: i64,
    assignment: Uuid,
    assignment_key: i64,
    since: i64,
    from: Uuid,
    from_name: String,
    to: Uuid,
    to_key: i64,
    to_name: String,
    previous: Hash,
}

/// The body of `ownership.transferred`.
#[derive(Serialize)]
struct Transferred<'a> {
    assignment: Uuid,
    from: Uuid,
    from_name: &'a str,
    to: Uuid,
    to_name: &'a str,
    at: i64,
    why: &'a str,
}

const ITEMS: &str = "
    SELECT c.id, c.key, a.id, a.key, a.since, l.id, l.name, s.id, s.key, s.name,
        (SELECT e.hash FROM entry e WHERE e.subject = c.key ORDER BY e.seq DESC LIMIT 1)
    FROM handoff_item i
    JOIN contact c ON c.key = i.contact
    JOIN member l ON l.key = i.leaver
    JOIN member s ON s.key = i.successor
    JOIN assignment a ON a.contact = i.contact AND a.role = 'owner' AND a.member = i.leaver AND a.until IS NULL
    WHERE i.handoff = ?1 AND i.state = 'accepted'
    ORDER BY i.contact";

/// The handoff that stands in the file.
struct Handoff {
    key: i64,
    id: Uuid,
    reason: String,
}

/// Completes the one handoff of a file, in one transaction; with the journal or, as the floor, without.
pub(crate) fn complete(connection: &Connection, with_journal: bool) {
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let handoff = handoff(connection);
    let items = items(connection, handoff.key);
    let mut assignments = Assignments::new(connection);
    match with_journal {
        true => journalled(connection, &handoff, &items, &mut assignments),
        false => {
            for item in &items {
                assignments.hand_over(item, None, chrono::Utc::now().timestamp_micros(), 1, &handoff.reason);
            }
        }
    }
    connection.execute_batch("COMMIT").unwrap();
}

fn journalled(connection: &Connection, handoff: &Handoff, items: &[Item], assignments: &mut Assignments<'_>) {
    let mut journal = Journal::new(connection);
    let subject = (handoff.id, handoff.key);
    let previous = journal.newest_hash(connection, handoff.key);
    let body = json!({"contacts": items.len()}).to_string();
    let (_, completed, hash) = journal.append(subject, "handoff.completed", previous, None, &body);
    let mut body = Vec::new();
    for item in items {
        body.clear();
        serde_json::to_writer(&mut body, &transferred(item, journal.at, &handoff.reason)).unwrap();
        let body = std::str::from_utf8(&body).unwrap();
        let subject = (item.contact, item.contact_key);
        let (seq, id, _) = journal.append(subject, "ownership.transferred", item.previous, Some(completed), body);
        assignments.hand_over(item, Some((seq, id)), journal.at, journal.actor, &handoff.reason);
    }
    connection
        .execute(
            "UPDATE handoff SET state = 'completed', closed_at = ?1, closed_by = ?2 WHERE key = ?3",
            params![journal.at, journal.actor, handoff.key],
        )
        .unwrap();
    let receipt = receipt(connection, &journal, handoff.key, items.len());
    journal.append(subject, "handoff.receipted", hash, None, &receipt);
    journal.save(connection);
}

fn transferred<'a>(item: &'a Item, at: i64, why: &'a str) -> Transferred<'a> {
    Transferred {
        assignment: item.assignment,
        from: item.from,
        from_name: &item.from_name,
        to: item.to,
        to_name: &item.to_name,
        at: at.max(item.since),
        why,
    }
}

fn handoff(connection: &Connection) -> Handoff {
    connection
        .query_row("SELECT key, id, reason FROM handoff", [], |row| {
            Ok(Handoff { key: row.get(0)?, id: Uuid::from_bytes(row.get(1)?), reason: row.get(2)? })
        })
        .unwrap()
}

fn items(connection: &Connection, handoff: i64) -> Vec<Item> {
    let mut statement = connection.prepare(ITEMS).unwrap();
    let items = statement.query_map([handoff], |row| {
        Ok(Item {
            contact: Uuid::from_bytes(row.get(0)?),
            contact_key: row.get(1)?,
            assignment: Uuid::from_bytes(row.get(2)?),
            assignment_key: row.get(3)?,
            since: row.get(4)?,
            from: Uuid::from_bytes(row.get(5)?),
            from_name: row.get(6)?,
            to: Uuid::from_bytes(row.get(7)?),
            to_key: row.get(8)?,
            to_name: row.get(9)?,
            previous: row.get(10)?,
        })
    });
    items.unwrap().map(Result::unwrap).collect()
}

fn receipt(connection: &Connection, journal: &Journal<'_>, handoff: i64, contacts: usize) -> String {
    let mut statement = connection
        .prepare(
            "SELECT s.id, s.name, count(*) FROM handoff_item i JOIN member s ON s.key = i.successor
             WHERE i.handoff = ?1 AND i.state = 'accepted' GROUP BY s.key ORDER BY count(*) DESC, s.name",
        )
        .unwrap();
    let successors = statement.query_map([handoff], |row| {
        let member = Uuid::from_bytes(row.get(0)?);
        Ok(json!({"member": member, "name": row.get::<_, String>(1)?, "contacts": row.get::<_, i64>(2)?, "besides": 0}))
    });
    let successors: Vec<_> = successors.unwrap().map(Result::unwrap).collect();
    let head: String = journal.head.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "outcome": "completed", "head": format!("{}:{head}", journal.seq), "leavers": [], "by_name": "peer",
        "successors": successors,
        "counts": {"ownership.transferred": contacts}, "withheld": 0, "unanswered": 0, "left_alone": 0,
    })
    .to_string()
}

/// The statements that change intervals.
struct Assignments<'c> {
    close: Statement<'c>,
    open: Statement<'c>,
}

impl<'c> Assignments<'c> {
    fn new(connection: &'c Connection) -> Self {
        let held = |sql| connection.prepare(sql).unwrap();
        Self {
            close: held("UPDATE assignment SET until = ?1, closed_by = ?2, closed_why = ?3 WHERE key = ?4"),
            open: held(
                "INSERT INTO assignment (key, id, contact, member, role, since, opened_by, opened_why)
                 VALUES (?1, ?2, ?3, ?4, 'owner', ?5, ?6, ?7)",
            ),
        }
    }

    /// Closes one interval and opens another, whose key and id are those of an entry where there is one.
    fn hand_over(&mut self, item: &Item, entry: Option<(i64, Uuid)>, at: i64, actor: i64, why: &str) {
        let (key, id) = entry.map_or((None, item.assignment), |(key, id)| (Some(key), id));
        let at = at.max(item.since);
        self.close.execute(params![at, actor, why, item.assignment_key]).unwrap();
        self.open.execute(params![key, id.as_bytes(), item.contact_key, item.to_key, at, actor, why]).unwrap();
    }
}

/// The end of the journal, and the statements that lengthen it.
struct Journal<'c> {
    entry: Statement<'c>,
    body: Statement<'c>,
    origin: Uuid,
    actor: i64,
    at: i64,
    seq: i64,
    head: Hash,
    stamp: i64,
    random: Vec<u8>,
    buffer: Vec<u8>,
}

impl<'c> Journal<'c> {
    fn new(connection: &'c Connection) -> Self {
        let held = |sql| connection.prepare(sql).unwrap();
        let one = |sql| connection.query_row(sql, [], |row| row.get(0)).unwrap();
        let (seq, head, stamp) = connection
            .query_row("SELECT seq, hash, stamp FROM journal_head", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .unwrap();
        Self {
            entry: held(
                "INSERT INTO entry (seq, id, origin, subject, kind, version, stamp, at, actor, cause, digest, hash)
                 VALUES (?1, ?2, 1, ?3, ?4, 1, ?5, ?6, ?7, ?8, ?9, ?10)",
            ),
            body: held("INSERT INTO entry_body (seq, salt, body) VALUES (?1, ?2, ?3)"),
            origin: Uuid::from_bytes(
                connection.query_row("SELECT id FROM origin WHERE key = 1", [], |row| row.get(0)).unwrap(),
            ),
            actor: one("SELECT key FROM actor WHERE kind = 'system' AND name = 'bench'"),
            at: chrono::Utc::now().timestamp_micros(),
            seq,
            head,
            stamp,
            random: Vec::new(),
            buffer: Vec::new(),
        }
    }

    fn newest_hash(&self, connection: &Connection, subject: i64) -> Hash {
        let newest = "SELECT hash FROM entry WHERE subject = ?1 ORDER BY seq DESC LIMIT 1";
        connection.query_row(newest, [subject], |row| row.get(0)).unwrap()
    }

    /// Draws random bytes, some hundred draws at a time.
    fn random<const N: usize>(&mut self) -> [u8; N] {
        if self.random.len() < N {
            self.random.resize(4_096, 0);
            getrandom::fill(&mut self.random).unwrap();
        }
        std::array::from_fn(|_| self.random.pop().unwrap())
    }

    /// The next id, above all before it.
    fn id(&mut self) -> Uuid {
        let mut random: [u8; 10] = self.random();
        let count = self.seq.unsigned_abs();
        [random[0], random[1]] = [(count >> 8) as u8 & 0x0f, count as u8];
        Builder::from_unix_timestamp_millis((self.at / 1_000).unsigned_abs() + (count >> 12), &random).into_uuid()
    }

    /// Writes an entry, and returns its number, its id and its hash.
    fn append(
        &mut self,
        (subject, key): (Uuid, i64),
        kind: &str,
        previous: Hash,
        cause: Option<Uuid>,
        body: &str,
    ) -> (i64, Uuid, Hash) {
        self.seq += 1;
        self.stamp = self.at.max(self.stamp + 1);
        let (id, salt) = (self.id(), self.random::<16>());
        let digest: Hash = Sha256::new().chain_update(salt).chain_update(body).finalize().into();
        let cause = cause.as_ref().map(Uuid::as_bytes);
        let hash = self.hash([id, self.origin, subject], kind, cause, digest, previous);
        self.entry
            .execute(params![self.seq, id.as_bytes(), key, kind, self.stamp, self.at, self.actor, cause, digest, hash])
            .unwrap();
        self.body.execute(params![self.seq, salt, body]).unwrap();
        let next = Sha256::new().chain_update(b"heirloom head 1\n").chain_update(self.head).chain_update(hash);
        self.head = next.finalize().into();
        (self.seq, id, hash)
    }

    fn hash(&mut self, ids: [Uuid; 3], kind: &str, cause: Option<&[u8; 16]>, digest: Hash, previous: Hash) -> Hash {
        self.buffer.clear();
        self.buffer.extend_from_slice(b"heirloom entry 1\n");
        ids.iter().for_each(|id| self.buffer.extend_from_slice(id.as_bytes()));
        for number in [1, self.stamp, self.at] {
            self.buffer.extend_from_slice(&number.to_be_bytes());
        }
        let cause = cause.map_or(&[][..], |cause| &cause[..]);
        for part in [kind.as_bytes(), b"system", b"", b"bench", cause] {
            self.buffer.extend_from_slice(&(part.len() as u64).to_be_bytes());
            self.buffer.extend_from_slice(part);
        }
        self.buffer.extend_from_slice(&digest);
        self.buffer.extend_from_slice(&previous);
        Sha256::digest(&self.buffer).into()
    }

    fn save(&self, connection: &Connection) {
        let head = "UPDATE journal_head SET seq = ?1, hash = ?2, stamp = ?3";
        connection.execute(head, params![self.seq, self.head, self.stamp]).unwrap();
    }
}
