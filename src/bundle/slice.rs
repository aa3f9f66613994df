//! The part of a journal that goes into a bundle: the one place where anything is kept back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::value::RawValue;
use uuid::Uuid;

use super::export::PrivateNotes;
use super::scope::Scope;
use super::statement::{Counts, Withheld};
use crate::change::Change;
use crate::erasure::masked;
use crate::error::{Error, Result};
use crate::id::MemberId;
use crate::journal::cut;
use crate::journal::gone::Absence;
use crate::journal::receive::Record;
use crate::journal::replay::{self, column};
use crate::journal::{self, Hash, Head, Subject};
use crate::memory::View;
use crate::store::{RowExt, Sql, SqlExt, Value};

mod choice;
#[cfg(test)]
mod tests;

use choice::Choice;

/// Which entries of a journal go, and with their bodies or without.
///
/// A subject goes as a whole chain, or not at all. A single entry of it may go by its header alone, or with a body of which
/// a part was cut; the chain of hashes stands then as well.
pub(crate) struct Slice {
    entries: Entries,
    /// What is not in this memory either, by the id of the entry.
    gone: HashMap<Uuid, Absence>,
    /// The members whose names go masked.
    masked: BTreeSet<MemberId>,
    attachments: Vec<(Hash, u64)>,
    is_whole: bool,
    withheld: Vec<Withheld>,
}

impl Slice {
    /// Works out what goes.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a contact, a member or an agency of the scope that is not in this memory; [`Error::Refused`]
    /// for a head that this memory never had, or for private notes that the reader of the view does not read.
    pub(crate) fn of(view: &View<'_>, scope: &Scope, since: Option<Head>) -> Result<Self> {
        if let Some(since) = since {
            check_head(view.sql(), since)?;
        }
        let choice = Choice::make(view, scope, since.map_or(0, |head| head.seq))?;
        let masked = held_members(view.sql())?;
        let mut slice = Self {
            withheld: Vec::new(),
            attachments: Vec::new(),
            gone: gone(view.sql())?,
            is_whole: !scope.is_narrow() && masked.is_empty() && !holds_erased(view.sql())?,
            masked,
            entries: choice.entries,
        };
        let mut tally = slice.entries.tally();
        slice.choose_attachments(view.sql(), scope, &choice.attachments_behind, &mut tally)?;
        slice.withheld = tally
            .into_iter()
            .map(|((what, why), count)| Withheld { count, what: what.to_owned(), why: why.words().to_owned() })
            .collect();
        Ok(slice)
    }

    /// How much goes.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts {
            attachments: self.attachments.len() as u64,
            attachment_bytes: self.attachments.iter().map(|(_, size)| size).sum(),
            ..Counts::default()
        };
        for (at, entry) in self.entries.0.iter().enumerate() {
            if self.entries.is_behind(entry) {
                continue;
            }
            counts.entries += 1;
            let is_bare = matches!(entry.fate, Fate::Bare(_));
            counts.without_body += u64::from(is_bare);
            if entry.is_first(at) && !is_bare {
                *entry.noun.count_in(&mut counts) += 1;
            }
        }
        counts
    }

    /// What is kept back.
    pub(crate) fn withheld(&self) -> &[Withheld] {
        &self.withheld
    }

    /// Whether the bundle tells the same as the organisation's view of the memory, so that cards, tables and the page can
    /// be made from the memory itself.
    pub(crate) const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The scope as the bundle may tell it: of contacts and readers who were asked for it names those who go, and counts the
    /// others, for the id of somebody who stays behind is nobody's to know.
    pub(crate) fn told(&self, sql: &dyn Sql, scope: &Scope) -> Result<Scope> {
        let (contacts, contacts_behind) = match &scope.contacts {
            Some(named) => self.who_goes(sql, named).map(|(go, behind)| (Some(go), behind))?,
            None => (None, 0),
        };
        let (private_of, private_of_behind) = self.who_goes(sql, &scope.private_of)?;
        Ok(Scope { contacts, contacts_behind, private_of, private_of_behind, ..scope.clone() })
    }

    /// Who goes of those who are named, each once, and how many others there are.
    fn who_goes<I: Copy + Into<Subject>>(&self, sql: &dyn Sql, named: &[I]) -> Result<(Vec<I>, u64)> {
        let (mut seen, mut go, mut behind) = (BTreeSet::new(), Vec::new(), 0);
        for id in named {
            let subject: Subject = (*id).into();
            if !seen.insert(subject) {
                continue;
            }
            let fate = journal::seq_of(sql, subject.uuid())?.map(|key| self.entries.fate(key));
            match fate {
                None | Some(Fate::Behind(_) | Fate::Bare(Why::Erased)) => behind += 1,
                Some(_) => go.push(*id),
            }
        }
        Ok((go, behind))
    }

    /// The attachments whose bytes go, each once, with their sizes, in the order of their hashes.
    pub(crate) fn attachments(&self) -> &[(Hash, u64)] {
        &self.attachments
    }

    /// What becomes of the private notes about those who are in scope: by their readers, sealed ones last.
    pub(crate) fn private_notes(&self, sql: &dyn Sql) -> Result<Vec<PrivateNotes>> {
        type Read = (bool, Option<(String, MemberId)>, bool);
        let mut found: BTreeMap<Read, u64> = BTreeMap::new();
        sql.each(
            "SELECT n.key, m.id, m.name FROM note n LEFT JOIN member m ON m.key = n.private_to
             WHERE n.private_to IS NOT NULL",
            &[],
            |row| {
                let fate = self.entries.fate(row.int(0)?);
                let (is_sealed, goes) = match fate {
                    Fate::Behind(Why::Sealed) => (true, false),
                    Fate::Behind(Why::Private) => (false, false),
                    Fate::Behind(_) | Fate::Bare(_) => return Ok(()),
                    Fate::Goes | Fate::Cut(_) => (false, true),
                };
                let reader = row.opt_string(2)?.zip(row.opt_uuid(1)?.map(MemberId));
                *found.entry((is_sealed, reader, goes)).or_default() += 1;
                Ok(())
            },
        )?;
        let read = |((is_sealed, reader, goes), count): (Read, u64)| {
            let (name, member) = reader.unzip();
            PrivateNotes { member, name, is_sealed, count, goes }
        };
        Ok(found.into_iter().map(read).collect())
    }

    /// Hands out every entry that goes, in the order of the stamps, and says how much that was.
    pub(crate) fn each(&self, view: &View<'_>, each: &mut dyn FnMut(Record) -> Result<()>) -> Result<Counts> {
        replay::each_stamped(view.sql(), &mut |row| {
            let entry = self.entries.at(row.int(column::SEQ)?)?;
            if self.entries.is_behind(entry) {
                return Ok(());
            }
            let mut record = Record::of_row(row, self.gone.get(&row.uuid(column::ID)?).copied())?;
            record.mask(&self.masked)?;
            match entry.fate {
                Fate::Bare(why) if record.body.is_some() => {
                    record.withhold();
                    if why == Why::Erased {
                        // A legal hold may keep here what is erased; whoever takes this in is to know it as erased.
                        record.gone = Some(Absence::Erased);
                    }
                }
                Fate::Cut(_) => record.cut()?,
                _ => {}
            }
            each(record)
        })?;
        Ok(self.counts())
    }

    /// Works out which bytes go: those of everything that goes and that tells of them.
    fn choose_attachments(
        &mut self,
        sql: &dyn Sql,
        scope: &Scope,
        behind: &[(i64, Hash)],
        tally: &mut Tally,
    ) -> Result<()> {
        let mut found: BTreeMap<Hash, (u64, Result<(), Why>)> = BTreeMap::new();
        sql.each(
            "SELECT a.sha256, a.size, a.subject, g.why FROM attachment a LEFT JOIN gone g ON g.id = a.sha256
             ORDER BY a.subject, a.position",
            &[],
            |row| {
                let (hash, subject) = (Hash::from_slice(row.blob(0)?)?, row.int(2)?);
                let goes = matches!(self.entries.at(subject)?.fate, Fate::Goes | Fate::Cut(_));
                let why = match row.opt_text(3)? {
                    _ if !goes || behind.contains(&(subject, hash)) => Err(Why::Elsewhere),
                    Some(_) => Err(Why::NotHere),
                    None if scope.without_attachments => Err(Why::Asked),
                    None => Ok(()),
                };
                let known = found.entry(hash).or_insert((row.int(1)?.unsigned_abs(), why));
                if known.1 == Err(Why::Elsewhere) {
                    known.1 = why;
                }
                Ok(())
            },
        )?;
        for (hash, (size, goes)) in found {
            match goes {
                Ok(()) => self.attachments.push((hash, size)),
                Err(why) => *tally.entry(("attachments", why)).or_default() += 1,
            }
        }
        Ok(())
    }
}

impl Record {
    /// Puts “a former member” in the place of the names of members who are erased.
    fn mask(&mut self, members: &BTreeSet<MemberId>) -> Result<()> {
        let (Some(salt), Some(body), false) = (self.salt, self.body(), members.is_empty()) else { return Ok(()) };
        let change = Change::read(&self.kind, self.version, body)?;
        let Some(masked) = masked(change, members, self.author().as_ref()) else { return Ok(()) };
        self.body = Some(RawValue::from_string(masked.body()?).map_err(|e| Error::fault("the body of an entry", e))?);
        (self.salt, self.gone) = (Some(cut::salt(&salt)?), Some(Absence::Masked));
        Ok(())
    }

    /// Takes out of the body what must not go in any narrowed bundle.
    fn cut(&mut self) -> Result<()> {
        let (Some(salt), Some(body)) = (self.salt, self.body()) else { return Ok(()) };
        let Some(body) = cut::cut(&self.kind, body)? else { return Ok(()) };
        self.body = Some(RawValue::from_string(body).map_err(|e| Error::fault("the body of an entry", e))?);
        if self.gone.is_none() {
            (self.salt, self.gone) = (Some(cut::salt(&salt)?), Some(Absence::Cut));
        }
        Ok(())
    }
}

/// How many of what stay behind, and why.
type Tally = BTreeMap<(&'static str, Why), u64>;

/// What becomes of an entry; of the first entry of a subject also what becomes of the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It goes.
    Goes,
    /// It goes, but for a part of its body.
    Cut(Why),
    /// Its header goes alone.
    Bare(Why),
    /// It stays behind, as does everything about the subject if it is the first.
    Behind(Why),
}

/// Why something stays behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// It is the memory's own; it is neither sent nor counted.
    Own,
    Outside,
    Names,
    Period,
    Kind,
    Sensitive,
    WasSensitive,
    Reclassified,
    PromisedInSensitive,
    Private,
    Sealed,
    Retracted,
    Source,
    Advice,
    Reason,
    Addresses,
    Handoff,
    Departure,
    Newer,
    Unnamed,
    Unchanged,
    Erased,
    NotHere,
    Asked,
    Elsewhere,
}

impl Why {
    /// Why a part of the bodies of a kind is cut.
    fn of_cut(kind: &str) -> Self {
        match cut::what(kind) {
            Some("why") => Self::Reason,
            Some("still_to_learn") => Self::Advice,
            Some("addresses") => Self::Addresses,
            _ => Self::Source,
        }
    }

    /// The reason as words for people.
    const fn words(self) -> &'static str {
        match self {
            Self::Own => "the memory's own",
            Self::Outside => "outside of the scope",
            Self::Names => "naming somebody who is outside of the scope",
            Self::Period => "outside of the period",
            Self::Kind => "of another kind",
            Self::Sensitive => "more sensitive than the scope allows",
            Self::WasSensitive => "more sensitive than the scope allows, before it was classed anew",
            Self::Reclassified => "more sensitive than the scope allows since it was classed anew; that it was goes",
            Self::PromisedInSensitive => "promised in a note that is more sensitive than the scope allows",
            Self::Private => "private to a member",
            Self::Sealed => "sealed",
            Self::Retracted => "retracted; that it was goes, its text does not",
            Self::Source => "going without the copy of the record from which they were imported",
            Self::Advice => "going without what there was to learn about all contacts of a handoff",
            Self::Reason => "going without the reason why a note was retracted",
            Self::Addresses => "going without the hashes of the addresses that were erased",
            Self::Handoff => "about all contacts of a handoff",
            Self::Departure => "why somebody left",
            Self::Newer => "written by a newer heirloom, which this one cannot judge",
            Self::Unnamed => "not named by anything that goes",
            Self::Unchanged => "unchanged since the bundle before",
            Self::Erased => "erased; that it was goes",
            Self::NotHere => "not here either: erased, or kept back by who sent it",
            Self::Asked => "left out, as asked",
            Self::Elsewhere => "of what stays behind",
        }
    }
}

/// What a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Noun {
    Memory,
    Contact,
    Note,
    FollowUp,
    Member,
    Agency,
    Handoff,
    Other,
}

impl Noun {
    /// What an entry of a kind is about.
    fn of(kind: &str) -> Self {
        match Subject::of(kind, Uuid::nil()) {
            Subject::Memory(_) => Self::Memory,
            Subject::Contact(_) => Self::Contact,
            Subject::Note(_) => Self::Note,
            Subject::FollowUp(_) => Self::FollowUp,
            Subject::Member(_) => Self::Member,
            Subject::Agency(_) => Self::Agency,
            Subject::Handoff(_) => Self::Handoff,
            Subject::Other(_) => Self::Other,
        }
    }

    /// The word under which it is counted.
    const fn word(self) -> &'static str {
        match self {
            Self::Memory => "memories",
            Self::Contact => "contacts",
            Self::Note => "notes",
            Self::FollowUp => "follow_ups",
            Self::Member => "members",
            Self::Agency => "agencies",
            Self::Handoff => "handoffs",
            Self::Other => "others",
        }
    }

    const fn count_in(self, counts: &mut Counts) -> &mut u64 {
        match self {
            Self::Contact => &mut counts.contacts,
            Self::Note => &mut counts.notes,
            Self::FollowUp => &mut counts.follow_ups,
            Self::Member => &mut counts.members,
            Self::Agency => &mut counts.agencies,
            Self::Handoff => &mut counts.handoffs,
            Self::Memory | Self::Other => &mut counts.others,
        }
    }
}

/// What is known of an entry while it is decided what goes: few bytes, for there are as many as the journal has entries.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The number of the first entry of its subject.
    subject: i64,
    noun: Noun,
    fate: Fate,
    /// Of a first entry: whether anything about the subject is newer than the head after which the bundle goes on, or goes
    /// anew since somebody came into scope.
    is_changed: bool,
    /// Of the first entry of a contact: whether it may have come into scope since that head.
    may_have_entered: bool,
    /// Of a first entry: whether the contact, the note or the promise is erased, or names who is.
    is_erased: bool,
    /// Whether it says that something is erased.
    erases: bool,
    /// Of a first entry: whether something that goes names the subject.
    is_named: bool,
}

impl Entry {
    /// Whether it is the first about its subject, if it stands at this place.
    fn is_first(&self, at: usize) -> bool {
        usize::try_from(self.subject) == Ok(at + 1)
    }
}

/// All entries, in the order of their numbers, which have no gap.
struct Entries(Vec<Entry>);

impl Entries {
    fn at(&self, seq: i64) -> Result<&Entry> {
        place(seq).and_then(|at| self.0.get(at)).ok_or_else(|| missing(seq))
    }

    fn at_mut(&mut self, seq: i64) -> Result<&mut Entry> {
        place(seq).and_then(|at| self.0.get_mut(at)).ok_or_else(|| missing(seq))
    }

    /// The fate of a subject.
    fn fate(&self, subject: i64) -> Fate {
        self.at(subject).map_or(Fate::Behind(Why::NotHere), |first| first.fate)
    }

    fn is_behind(&self, entry: &Entry) -> bool {
        matches!(entry.fate, Fate::Behind(_)) || matches!(self.fate(entry.subject), Fate::Behind(_))
    }

    /// The numbers of the first entries of all subjects.
    fn subjects(&self) -> impl Iterator<Item = (i64, &Entry)> {
        self.0.iter().enumerate().filter(|(at, entry)| entry.is_first(*at)).map(|(_, entry)| (entry.subject, entry))
    }

    fn subjects_mut(&mut self) -> impl Iterator<Item = (i64, &mut Entry)> {
        self.0.iter_mut().enumerate().filter(|(at, entry)| entry.is_first(*at)).map(|(_, entry)| (entry.subject, entry))
    }

    /// Counts what stays behind: every subject, and of the subjects that go every entry.
    fn tally(&self) -> Tally {
        let mut tally = Tally::new();
        for (at, entry) in self.0.iter().enumerate() {
            let what = match (entry.is_first(at), self.fate(entry.subject)) {
                (true, _) => entry.noun.word(),
                (false, Fate::Goes | Fate::Cut(_)) => "entries",
                (false, Fate::Bare(_) | Fate::Behind(_)) => continue,
            };
            match entry.fate {
                Fate::Goes | Fate::Behind(Why::Own) => {}
                Fate::Cut(why) => *tally.entry(("entries", why)).or_default() += 1,
                Fate::Bare(why) | Fate::Behind(why) => *tally.entry((what, why)).or_default() += 1,
            }
        }
        tally
    }
}

fn place(seq: i64) -> Option<usize> {
    usize::try_from(seq).ok()?.checked_sub(1)
}

fn missing(seq: i64) -> Error {
    Error::fault("the journal", format!("entry {seq} is missing; verify() tells what else is"))
}

/// Whether somebody stands in the tables who was erased elsewhere and is held here.
fn holds_erased(sql: &dyn Sql) -> Result<bool> {
    let held = "SELECT c.key FROM contact c JOIN tombstone t ON t.id = c.id LIMIT 1";
    Ok(sql.first(held, &[], |row| row.int(0))?.is_some())
}

/// The members who are erased, and of whom who they were is still here for as long as a legal hold lies on somebody.
fn held_members(sql: &dyn Sql) -> Result<BTreeSet<MemberId>> {
    let held = "SELECT t.id FROM tombstone t JOIN entry e ON e.id = t.id JOIN entry_body b ON b.seq = e.seq
                WHERE t.noun = 'member'";
    Ok(sql.all(held, &[], |row| row.uuid(0).map(MemberId))?.into_iter().collect())
}

/// What is not in this memory either, by the id of the entry.
fn gone(sql: &dyn Sql) -> Result<HashMap<Uuid, Absence>> {
    let mut gone = HashMap::new();
    sql.each("SELECT id, why FROM gone WHERE length(id) = 16", &[], |row| {
        let why = match row.text(1)?.parse()? {
            // What became of it here is not for others; that it does not come is.
            Absence::Purged => Absence::Withheld,
            why => why,
        };
        gone.insert(row.uuid(0)?, why);
        Ok(())
    })?;
    Ok(gone)
}

/// Refuses a head that this memory never had.
fn check_head(sql: &dyn Sql, since: Head) -> Result<()> {
    let stands = journal::head(sql)?;
    let refused = |why: &str| {
        Err(Error::refused(format!(
            "nothing can go on from the head {since}: {why}. It is of another memory, or this one was put back to an older copy; \
             give the head that stands in the receiver's receipt, or pack a bundle that stands alone"
        )))
    };
    if since == stands {
        return Ok(());
    }
    if since.seq < 1 || since.seq > stands.seq {
        return refused(&format!("this memory has the entries 1 to {}", stands.seq));
    }
    let mut head = Hash::NONE;
    sql.each("SELECT hash FROM entry WHERE seq <= $1 ORDER BY seq", &[Value::Int(since.seq)], |row| {
        head = journal::next_head(&head, &Hash::from_slice(row.blob(0)?)?);
        Ok(())
    })?;
    match head == since.hash {
        true => Ok(()),
        false => refused(&format!("up to its entry {} this memory has another", since.seq)),
    }
}
