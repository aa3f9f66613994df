//! Entries that come from another memory: checked, kept, and folded into what stands.
//!
//! The state of a subject is its entries in the order of their stamps, whichever memory wrote them and whenever they
//! came. What is newer than everything that is known of its subject is applied straight; the rows of the other subjects
//! are put together anew at the end.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::cut;
use super::gone::{self, Absence};
use super::replay::{column, refold};
use super::{
    Applied, Hash, Header, SETTLE_EVERY, Subject, Tip, Writer, actor_key, apply, apply_bare, index, next_head,
    previous_hash, seq_of,
};
use crate::actor::Actor;
use crate::change::Change;
use crate::erasure::{self, Erased, KeptOut};
use crate::error::{Error, Result};
use crate::id::{ContactId, EntryId, MemberId};
use crate::store::{Row, RowExt, Sql, SqlExt, Value};
use crate::time;

mod place;
mod rules;

/// An entry as it travels: a line of `data/journal.jsonl`. The names and forms of its fields are frozen.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// The id.
    pub(crate) id: Uuid,
    /// The memory in which it was written.
    pub(crate) origin: Uuid,
    /// What it is about: the id of the entry that created it.
    pub(crate) subject: Uuid,
    /// The word of its kind.
    pub(crate) kind: String,
    /// The version of its body.
    pub(crate) version: i64,
    /// Its place in the order of all entries.
    pub(crate) stamp: i64,
    /// The instant of its write, in microseconds since 1970.
    pub(crate) at: i64,
    /// Who made the change.
    pub(crate) actor: RecordedActor,
    /// The entry that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<Uuid>,
    /// The salted digest of the body.
    pub(crate) digest: Hash,
    /// The hash of the header.
    pub(crate) hash: Hash,
    /// The salt of the digest, in base64; absent where the body is.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "salt")]
    pub(crate) salt: Option<[u8; 16]>,
    /// The body, byte for byte as it was hashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<Box<RawValue>>,
    /// Why the body is not the one that was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gone: Option<Absence>,
}

/// Who made a change, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordedActor {
    /// `member`, `system`, `import` or `agent`.
    pub(crate) kind: String,
    /// The member who acts, or for whom an agent does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) member: Option<Uuid>,
    /// The name of a system, an import or an agent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
}

/// Sixteen bytes as base64 (RFC 4648, section 4).
mod salt {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(salt: &Option<[u8; 16]>, to: S) -> Result<S::Ok, S::Error> {
        match salt {
            Some(salt) => to.serialize_str(&STANDARD.encode(salt)),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<[u8; 16]>, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = STANDARD.decode(&text).map_err(D::Error::custom)?;
        bytes.try_into().map(Some).map_err(|_| D::Error::custom("the salt has not 16 bytes"))
    }
}

impl Record {
    /// Reads a stored entry, by the columns of [`mod@column`].
    pub(crate) fn of_row(row: &dyn Row, why: Option<Absence>) -> Result<Self> {
        let wrong = |e: serde_json::Error| Error::fault("the body of an entry", e);
        Ok(Self {
            id: row.uuid(column::ID)?,
            origin: row.uuid(column::ORIGIN_ID)?,
            subject: row.uuid(column::SUBJECT_ID)?,
            kind: row.string(column::KIND)?,
            version: row.int(column::VERSION)?,
            stamp: row.int(column::STAMP)?,
            at: row.int(column::AT)?,
            actor: RecordedActor {
                kind: row.string(column::ACTOR_KIND)?,
                member: Uuid::from_slice(row.blob(column::ACTOR_MEMBER)?).ok(),
                name: row.string(column::ACTOR_NAME)?,
            },
            cause: row.opt_uuid(column::CAUSE)?,
            digest: Hash::from_slice(row.blob(column::DIGEST)?)?,
            hash: Hash::from_slice(row.blob(column::HASH)?)?,
            salt: row
                .opt_blob(column::SALT)?
                .map(|salt| crate::store::values::exactly(salt, column::SALT))
                .transpose()?,
            body: row.opt_string(column::BODY)?.map(RawValue::from_string).transpose().map_err(wrong)?,
            gone: why,
        })
    }

    /// Takes the body away, so that the header travels alone.
    pub(crate) fn withhold(&mut self) {
        (self.salt, self.body, self.gone) = (None, None, Some(Absence::Withheld));
    }

    /// The text of the body.
    pub(crate) fn body(&self) -> Option<&str> {
        self.body.as_deref().map(RawValue::get)
    }

    /// What the entry is about.
    pub(crate) fn about(&self) -> Subject {
        Subject::of(&self.kind, self.subject)
    }

    /// What the body says, where it is there.
    fn change(&self) -> Result<Option<Change>> {
        // What a number means in a body that this build does not know is a newer heirloom's to say.
        let is_known = Change::is_known(&self.kind, self.version);
        if is_known && self.body().is_some_and(holds_no_instant) {
            return Err(self.refused(
                "holds a number that is no instant on any day that there is; it was changed, ask for the bundle again",
            ));
        }
        let read = |body| Change::read(&self.kind, self.version, body);
        self.body().map(read).transpose().map_err(|error| match error {
            Error::Fault { why, .. } => {
                self.refused(&format!("has a body that does not say what its kind says: {why}"))
            }
            error => error,
        })
    }

    /// Checks what can be told from the entry alone.
    fn check(&self) -> Result<()> {
        if [self.stamp, self.at].iter().any(|at| time::from_micros(*at).is_err()) {
            return Err(self.refused("is dated on no day that there is; it was changed, ask for the bundle again"));
        }
        if matches!(self.about(), Subject::Memory(_)) {
            return Err(self.refused("is about a memory itself, which no bundle carries; ask for the bundle again"));
        }
        match (&self.salt, self.body(), self.gone) {
            (Some(salt), Some(body), None) if Hash::of(&[salt, body.as_bytes()]) != self.digest => Err(self
                .refused("has a body that is not the one that was written; it was changed, ask for the bundle again")),
            (Some(_), Some(_), Some(Absence::Cut)) if cut::what(&self.kind).is_none() => Err(self.refused(
                "has a body of which a part was cut, and of its kind nothing ever is; it was changed, ask for the \
                     bundle again",
            )),
            (Some(_), Some(body), Some(Absence::Masked)) if !erasure::may_be_masked(&self.kind, body) => Err(self
                .refused(
                    "has a body in which a name was masked, and it names nobody who is; it was changed, ask for the \
                     bundle again",
                )),
            (Some(_), Some(_), None | Some(Absence::Cut | Absence::Masked))
            | (None, None, Some(Absence::Withheld | Absence::Erased)) => Ok(()),
            _ => Err(self.refused(
                "does not say rightly whether its body is there, and why not; it was changed, ask for the bundle again",
            )),
        }
    }

    /// Who made the change; `None` for an actor of no known kind.
    pub(crate) fn author(&self) -> Option<Actor> {
        Actor::from_record(&self.actor)
    }

    fn is_first(&self) -> bool {
        self.subject == self.id
    }

    fn refused(&self, why: &str) -> Error {
        Error::refused(format!("entry {} ({}) {why}", self.id, self.kind))
    }
}

/// An entry that comes from elsewhere, with all that can be told of it without the memory it comes to: so it can be worked
/// out on another thread than the one that writes.
#[derive(Debug)]
pub(crate) struct Incoming {
    record: Record,
    /// What its body says, where it is there.
    change: Option<Change>,
}

impl Incoming {
    /// Checks that an entry does not contradict itself.
    pub(crate) fn new(record: Record) -> Result<Self> {
        record.check()?;
        let change = record.change()?;
        change.as_ref().map_or(Ok(()), |change| record.check_body(change))?;
        Ok(Self { record, change })
    }

    pub(crate) const fn record(&self) -> &Record {
        &self.record
    }
}

/// Whether a body holds a whole number that is too large for an instant in microseconds, the largest numbers that bodies have.
fn holds_no_instant(body: &str) -> bool {
    let is_large = body.as_bytes().chunk_by(|a, b| a.is_ascii_digit() && b.is_ascii_digit()).any(|run| run.len() >= 17);
    is_large && serde_json::from_str(body).is_ok_and(|body: serde_json::Value| any_number(&body, &is_no_instant))
}

fn any_number(value: &serde_json::Value, is_so: &dyn Fn(&serde_json::Number) -> bool) -> bool {
    match value {
        serde_json::Value::Number(number) => is_so(number),
        serde_json::Value::Array(values) => values.iter().any(|value| any_number(value, is_so)),
        serde_json::Value::Object(members) => members.values().any(|value| any_number(value, is_so)),
        _ => false,
    }
}

fn is_no_instant(number: &serde_json::Number) -> bool {
    number.as_i64().is_none_or(|micros| time::from_micros(micros).is_err())
}

/// What became of an entry that came from elsewhere; one that was here, with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// It was not known.
    New,
    /// It was known, and its body came with it only this time.
    Filled(i64),
    /// It was known.
    Known(i64),
}

/// The kinds of the entries that begin something.
const BEGINNINGS: [&str; 6] =
    ["agency.added", "member.added", "contact.added", "note.added", "follow_up.added", "handoff.offered"];

/// An entry that is dated so many microseconds ahead of the clock here is refused: a day.
const AHEAD_MAX: i64 = 86_400_000_000;

impl Writer<'_> {
    /// Takes in an entry from another memory. Entries come in the order of their stamps; after the last comes
    /// [`Writer::fold_stale`].
    pub(crate) fn receive(&mut self, incoming: &Incoming) -> Result<Received> {
        let Incoming { record: entry, change } = incoming;
        if [entry.stamp, entry.at].iter().any(|at| *at > self.at_micros.saturating_add(AHEAD_MAX)) {
            return Err(entry.refused("is dated more than a day ahead; set the clock of whichever is wrong"));
        }
        if let Some((seq, hash)) = known(self.sql, entry.id)? {
            return match hash == entry.hash {
                true => self.fill(seq, entry, change.as_ref()),
                false => Err(entry.refused(
                    "is here already with another content; one of the two was changed, and verify says whether it is the \
                     one here",
                )),
            };
        }
        if entry.origin == self.memory_id().0 {
            return Err(entry.refused(
                "is said to be written in this memory, which does not know it: it was forged, or this memory was put back \
                 to an older copy",
            ));
        }
        self.keep_entry(entry, change.as_ref())?;
        Ok(Received::New)
    }

    /// Adds the body to an entry that came without, or with less of it.
    fn fill(&mut self, seq: i64, entry: &Record, change: Option<&Change>) -> Result<Received> {
        let id = entry.id.as_bytes();
        // What was purged here may come back in part, because who received it has no more: its own memory too takes it on the
        // word of who sends it.
        let says_more = match (entry.gone, gone::why(self.sql, id)?) {
            (None, Some(Absence::Withheld | Absence::Cut | Absence::Purged)) => true,
            (Some(Absence::Cut | Absence::Masked), Some(Absence::Withheld | Absence::Purged)) => true,
            (None, Some(Absence::Masked)) | (Some(Absence::Masked), Some(Absence::Cut | Absence::Masked)) => {
                self.completes(seq, entry)?
            }
            (Some(Absence::Erased), Some(Absence::Withheld | Absence::Purged)) => {
                self.is_gone(id, Absence::Erased, None)?;
                false
            }
            _ => false,
        };
        if !says_more {
            return Ok(Received::Known(seq));
        }
        self.check_erasure(entry, change)?;
        self.check_place(entry, change)?;
        if !self.keep_body(seq, entry)? {
            return Ok(Received::Known(seq));
        }
        if entry.gone.is_none() {
            self.is_here(id)?;
        }
        let subject = seq_of(self.sql, entry.subject)?.ok_or_else(|| Error::unknown("subject", entry.subject))?;
        self.stale.insert(subject);
        self.has_filled = true;
        Ok(Received::Filled(seq))
    }

    /// Whether the body of an entry has what was cut out of the one that is here. A name that is masked in it, or is not masked
    /// yet, does not matter: the erasure of the member comes along.
    fn completes(&self, seq: i64, entry: &Record) -> Result<bool> {
        let Some(body) = entry.body() else { return Ok(false) };
        let here = "SELECT body FROM entry_body WHERE seq = $1";
        let is_whole = self.sql.first(here, &[Value::Int(seq)], |row| cut::is_whole(&entry.kind, row.text(0)?))?;
        Ok(is_whole == Some(false) && cut::is_whole(&entry.kind, body)?)
    }

    /// Refuses an erasure of a contact that would take what is not about them along.
    fn check_erasure(&self, entry: &Record, change: Option<&Change>) -> Result<()> {
        let Some(Change::ContactErased(erased)) = change else { return Ok(()) };
        match erasure::stranger(self.sql, ContactId(entry.subject), erased)? {
            None => Ok(()),
            Some(id) => {
                Err(entry.refused(&format!("says that {id} was erased with the contact, and that is not about them")))
            }
        }
    }

    /// Numbers, checks, stores and applies an entry that is not known.
    fn keep_entry(&mut self, entry: &Record, change: Option<&Change>) -> Result<()> {
        self.check_erasure(entry, change)?;
        let seq = self.tip.seq + 1;
        let origin = self.seen.origin(self.sql, entry.origin)?;
        let subject = self.subject_of(entry)?.unwrap_or(seq);
        self.check_chain(entry, subject, origin, seq)?;
        self.check_place(entry, change)?;
        let (actor, member) = self.seen.actor(self.sql, entry)?;
        self.sql.execute(
            "INSERT INTO entry (seq, id, origin, subject, kind, version, stamp, at, actor, cause, digest, hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            &[
                Value::Int(seq),
                (&entry.id).into(),
                Value::Int(origin),
                Value::Int(subject),
                Value::Text(&entry.kind),
                Value::Int(entry.version),
                Value::Int(entry.stamp),
                Value::Int(entry.at),
                Value::Int(actor),
                entry.cause.as_ref().map(|cause| &cause.as_bytes()[..]).into(),
                Value::Blob(&entry.digest.0),
                Value::Blob(&entry.hash.0),
            ],
        )?;
        let has_body = self.keep_body(seq, entry)?;
        self.tip = Tip { seq, head: next_head(&self.tip.head, &entry.hash), stamp: self.tip.stamp.max(entry.stamp) };
        self.last_id = Some(EntryId(entry.id));
        let is_newest = entry.is_first() || self.seen.is_newest(self.sql, subject, entry)?;
        // What names a subject that came back with its body can be applied once that stands again.
        if !is_newest || self.has_filled || self.stale.contains(&subject) {
            self.stale.insert(subject);
            return Ok(());
        }
        let applied = Applied {
            seq,
            id: EntryId(entry.id),
            subject,
            about: entry.subject,
            at: entry.at,
            own: false,
            actor,
            member,
            contacts: &self.contacts,
        };
        match change.filter(|_| has_body) {
            Some(change) => {
                apply(self.sql, &applied, change).map_err(|error| unmet(entry, error))?;
                index(self.sql, subject, change)?;
            }
            None => apply_bare(self.sql, &applied, &entry.kind).map_err(|error| unmet(entry, error))?,
        }
        self.unsettled += 1;
        match self.unsettled == SETTLE_EVERY {
            true => self.settle(),
            false => Ok(()),
        }
    }

    /// The key of what an entry goes on about; `None` where it begins it. Refuses one that begins or goes on with what its kind
    /// is not about.
    fn subject_of(&self, entry: &Record) -> Result<Option<i64>> {
        let begins = BEGINNINGS.contains(&entry.kind.as_str());
        if entry.is_first() {
            let known = Change::is_known(&entry.kind, entry.version);
            return match known && !begins {
                true => Err(entry.refused(
                    "stands where something begins, and nothing begins with that; it was changed, ask for the bundle again",
                )),
                false => Ok(None),
            };
        }
        let first = self.sql.first(
            "SELECT seq, kind FROM entry WHERE id = $1 AND subject = seq",
            &[(&entry.subject).into()],
            |row| Ok((row.int(0)?, row.string(1)?)),
        )?;
        let Some((key, kind)) = first else {
            return Err(entry.refused(
                "is about something whose first entry is neither here nor before it in the bundle; ask for a bundle \
                     that holds it",
            ));
        };
        let fits = entry.about() == Subject::of(&kind, entry.subject);
        match fits && !begins {
            true => Ok(Some(key)),
            false => Err(entry
                .refused(&format!("cannot be about what began with {kind}; it was changed, ask for the bundle again"))),
        }
    }

    /// Recomputes the hash of a header from what stands before it about the same subject.
    fn check_chain(&mut self, entry: &Record, subject: i64, origin: i64, seq: i64) -> Result<()> {
        let previous = match entry.is_first() {
            true => Hash::NONE,
            false => previous_hash(self.sql, subject, origin, seq)?,
        };
        let header = Header {
            id: entry.id,
            origin: entry.origin,
            subject: entry.subject,
            kind: &entry.kind,
            version: entry.version,
            stamp: entry.stamp,
            at: entry.at,
            actor_kind: &entry.actor.kind,
            actor_member: entry.actor.member.as_ref().map_or(&[][..], |member| member.as_bytes()),
            actor_name: &entry.actor.name,
            cause: entry.cause.as_ref().map(|cause| &cause.as_bytes()[..]),
            digest: entry.digest,
            previous,
        };
        match header.hash(&mut self.buffer) == entry.hash {
            true => Ok(()),
            false => Err(entry.refused(
                "does not follow what is known about its subject: it was changed, or an entry before it is missing; ask for the \
                 bundle again",
            )),
        }
    }

    /// Keeps the body of an entry, or takes notice of why there is none. Says whether there is one.
    fn keep_body(&mut self, seq: i64, entry: &Record) -> Result<bool> {
        let id = entry.id.as_bytes();
        if self.is_kept_out(entry)? {
            self.erase_body(seq, id, Absence::Erased)?;
            return Ok(false);
        }
        let (Some(salt), Some(body)) = (&entry.salt, entry.body()) else {
            self.is_gone(id, entry.gone.unwrap_or(Absence::Withheld), None)?;
            return Ok(false);
        };
        if let Some(why) = entry.gone {
            self.is_gone(id, why, Some(&Hash::of(&[salt, body.as_bytes()])))?;
        }
        self.sql.execute(
            "INSERT INTO entry_body (seq, salt, body) VALUES ($1, $2, $3)
             ON CONFLICT (seq) DO UPDATE SET salt = excluded.salt, body = excluded.body",
            &[Value::Int(seq), Value::Blob(salt), Value::Text(body)],
        )?;
        Ok(true)
    }

    /// Whether the body of an entry stays out, because who or what it is about was erased.
    fn is_kept_out(&mut self, entry: &Record) -> Result<bool> {
        let here = self.memory_id();
        let mut kept_out = match self.kept_out.take() {
            Some(kept_out) => kept_out,
            None => KeptOut::read(self.sql)?,
        };
        let is_out = kept_out.keeps_out(entry, here)?;
        if is_out || entry.gone == Some(Absence::Erased) || erasure::erases(&entry.kind) {
            kept_out.hear(entry)?;
        }
        // Who was erased elsewhere and stayed for the sake of a hold goes with it, wherever it was lifted.
        kept_out.has_heard |= entry.kind == "contact.unheld";
        self.kept_out = Some(kept_out);
        Ok(is_out)
    }

    /// Puts the rows of subjects together anew of which something came that is older than what stood, and erases here what
    /// was erased elsewhere: in this order, because an entry that erases may itself be older than what stood.
    pub(crate) fn fold_stale(&mut self) -> Result<()> {
        let stale = std::mem::take(&mut self.stale);
        refold(self.sql, &stale).map_err(|error| match error {
            error @ (Error::Unknown { .. } | Error::Erased { .. } | Error::Invalid { .. }) => Error::refused(format!(
                "what came cannot be put together with what is here: {error}; ask for a bundle that holds it"
            )),
            Error::Fault { why, .. } => Error::refused(format!("what it holds contradicts what is known: {why}")),
            error => error,
        })?;
        let kept_out = self.kept_out.take().unwrap_or_default();
        if kept_out.has_heard {
            let besides = kept_out.besides(self.sql)?;
            self.erased_by_import = self.carry_out_erasures(&besides)?;
        }
        Ok(())
    }

    /// What was erased here because it was erased elsewhere.
    pub(crate) const fn erased_by_import(&self) -> &Erased {
        &self.erased_by_import
    }
}

/// Says of an entry that it cannot be applied, and why.
fn unmet(entry: &Record, error: Error) -> Error {
    match error {
        error @ (Error::Unknown { .. } | Error::Erased { .. }) => {
            entry.refused(&format!("cannot be applied: {error}; ask for a bundle that holds it"))
        }
        Error::Invalid { what, why } => entry.refused(&format!("cannot be applied: {what}: {why}")),
        Error::Fault { why, .. } => entry.refused(&format!("contradicts what is known: {why}")),
        error => error,
    }
}

/// What entries from elsewhere name again and again.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The keys of memories.
    origins: HashMap<Uuid, i64>,
    /// The keys of actors, and of the members who act.
    actors: HashMap<RecordedActor, (i64, Option<i64>)>,
    /// The newest entry about a subject, where more than one came.
    newest: HashMap<i64, (i64, Uuid)>,
    /// The stamp of the newest entry that had begun something before the first came.
    newest_beginning: Option<i64>,
}

impl Seen {
    /// So many of each are held at a time.
    const MOST: usize = 1 << 16;

    fn make_room<K, V>(seen: &mut HashMap<K, V>) {
        if seen.len() >= Self::MOST {
            seen.clear();
        }
    }

    fn origin(&mut self, sql: &dyn Sql, id: Uuid) -> Result<i64> {
        if let Some(key) = self.origins.get(&id) {
            return Ok(*key);
        }
        let key = origin_key(sql, id)?;
        Self::make_room(&mut self.origins);
        self.origins.insert(id, key);
        Ok(key)
    }

    fn actor(&mut self, sql: &dyn Sql, entry: &Record) -> Result<(i64, Option<i64>)> {
        if let Some(keys) = self.actors.get(&entry.actor) {
            return Ok(*keys);
        }
        let Some(actor) = Actor::from_record(&entry.actor) else {
            return Err(entry.refused("was made by an actor of no known kind; a newer heirloom may know it"));
        };
        let keys = (actor_key(sql, &actor)?, entry.actor.member.map(|id| member_key(sql, entry, id)).transpose()?);
        Self::make_room(&mut self.actors);
        self.actors.insert(entry.actor.clone(), keys);
        Ok(keys)
    }

    /// The stamp of the newest entry that had begun something, but for the memory itself, before the first came. Those that
    /// came since are older than those that are still to come.
    fn newest_beginning(&mut self, sql: &dyn Sql) -> Result<i64> {
        if let Some(stamp) = self.newest_beginning {
            return Ok(stamp);
        }
        let query = "SELECT max(stamp) FROM entry WHERE subject = seq AND seq > 1";
        let stamp = sql.one(query, &[], |row| row.opt_int(0))?.unwrap_or(i64::MIN);
        self.newest_beginning = Some(stamp);
        Ok(stamp)
    }

    /// Whether an entry that was just stored is the newest about its subject.
    fn is_newest(&mut self, sql: &dyn Sql, subject: i64, entry: &Record) -> Result<bool> {
        let newest = match self.newest.get(&subject) {
            Some(newest) => (entry.stamp, entry.id).max(*newest),
            None => sql.one(
                "SELECT stamp, id FROM entry WHERE subject = $1 ORDER BY stamp DESC, id DESC LIMIT 1",
                &[Value::Int(subject)],
                |row| Ok((row.int(0)?, row.uuid(1)?)),
            )?,
        };
        Self::make_room(&mut self.newest);
        self.newest.insert(subject, newest);
        Ok(newest.1 == entry.id)
    }

    /// Takes notice that something about a subject was written here.
    pub(super) fn is_written(&mut self, subject: i64) {
        self.newest.remove(&subject);
    }
}

/// The key of the member who made an entry.
fn member_key(sql: &dyn Sql, entry: &Record, id: Uuid) -> Result<i64> {
    let found = sql.first("SELECT seq, kind FROM entry WHERE id = $1 AND subject = seq", &[(&id).into()], |row| {
        Ok((row.int(0)?, Subject::of(row.text(1)?, id)))
    })?;
    match found {
        Some((key, Subject::Member(_))) => Ok(key),
        _ => Err(entry.refused(
            "was made by a member who is neither here nor before it in the bundle; ask for a bundle that holds them",
        )),
    }
}

fn known(sql: &dyn Sql, id: Uuid) -> Result<Option<(i64, Hash)>> {
    sql.first("SELECT seq, hash FROM entry WHERE id = $1", &[(&id).into()], |row| {
        Ok((row.int(0)?, Hash::from_slice(row.blob(1)?)?))
    })
}

/// The key of a memory, which is remembered on first sight.
fn origin_key(sql: &dyn Sql, id: Uuid) -> Result<i64> {
    let key = || sql.first("SELECT key FROM origin WHERE id = $1", &[(&id).into()], |row| row.int(0));
    if let Some(key) = key()? {
        return Ok(key);
    }
    sql.execute("INSERT INTO origin (id, key) VALUES ($1, (SELECT max(key) + 1 FROM origin))", &[(&id).into()])?;
    key()?.ok_or_else(|| Error::fault("a memory that entries come from", "it was not kept"))
}

impl Actor {
    fn from_record(actor: &RecordedActor) -> Option<Self> {
        Self::from_parts(&actor.kind, actor.member.map(MemberId), actor.name.clone())
    }
}

#[cfg(test)]
mod random;
#[cfg(test)]
pub(crate) mod tests;
