//! Readiness: what would be lost if somebody left today, before anybody does.
//!
//! It is taken from figures over notes and from who looks after whom. No text of a note is read for it, and nobody's
//! private notes are told: only that there are some.

use std::borrow::{Borrow, Cow};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::contact::{ContactSummary, read_summary};
use crate::error::Result;
use crate::handoff::NamedParty;
use crate::id::{AgencyId, ContactId, MemberId};
use crate::knowledge::{self, Figures};
use crate::member::Party;
use crate::memory::{Memory, View};
use crate::ownership::Role;
use crate::store::{RowExt, Sql, SqlExt, Value};
use crate::time;
use crate::wording::{Count, Visible, first_of, paragraph};

/// A look at readiness that is being put together; see [`Memory::readiness`].
#[derive(Clone, Debug)]
#[must_use = "nothing is looked at before run is called"]
pub struct Assessment<'m> {
    memory: &'m Memory,
    stale_after_days: u32,
}

impl Memory {
    /// Looks at who could leave today, and what would be lost: for each member and each agency that looks after contacts
    /// the contacts that do not survive their leaving well, with the reasons, and for the organisation what hangs on one
    /// person, on agencies or on the departed alone.
    ///
    /// It reads all notes by their figures, on one snapshot, and no text of any. Private notes count as not known: they
    /// go with who reads them.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact, NewMember, Risk, Role};
    ///
    /// let memory = Memory::in_memory()?;
    /// let tom = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Tom Okoro")))?;
    /// memory.write(&tom, |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.assign(sally, &tom, Role::Owner)?;
    ///     w.note(sally, "Stops by when she reaches her weekly weight goal").insight().save()
    /// })?;
    /// let readiness = memory.readiness().stale_after(90).run()?;
    /// println!("{readiness}"); // Tom Okoro: 0 of 1 contact would survive (0 %) …
    ///
    /// let of_tom = &readiness.members[0];
    /// assert_eq!(of_tom.share(), 0.0);
    /// assert_eq!(of_tom.at_risk[0].risks, [Risk::OneVoice, Risk::NoBackup]); // never a figure without its reasons
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub const fn readiness(&self) -> Assessment<'_> {
        Assessment { memory: self, stale_after_days: 180 }
    }
}

impl Assessment<'_> {
    /// After how many days without a note that the organisation may read a contact counts as stale; 180 unless said.
    pub const fn stale_after(mut self, days: u32) -> Self {
        self.stale_after_days = days;
        self
    }

    /// Looks at what stands, on one snapshot.
    ///
    /// # Errors
    /// Those of the file alone; a memory without contacts has nothing at risk.
    pub fn run(self) -> Result<Readiness> {
        self.memory.read(|view| survey(view, self.stale_after_days))
    }
}

/// What would be lost if somebody left. As text by `Display`, as JSON by [`Readiness::to_json`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Readiness {
    /// The instant at which it was looked at.
    pub at: DateTime<Utc>,
    /// After how many days without a note a contact counts as stale in it.
    pub stale_after_days: u32,
    /// How many contacts the memory has.
    pub contacts: u64,
    /// Each agency that is here and whose people own contacts, as one; the worst first, then by name.
    pub agencies: Vec<PartyReadiness>,
    /// Each member who is here and owns contacts, an agency's people included; the worst first, then by name.
    pub members: Vec<PartyReadiness>,
    /// The contacts of whom all notes are in the words of one person, by name. Where that person has departed, they are
    /// among [`Readiness::departed_only`] too.
    pub one_person: Vec<OnePerson>,
    /// The contacts of whom all notes are in the words of agencies' people, by name.
    pub agencies_only: Vec<ContactSummary>,
    /// The contacts of whom all notes are in the words of members who have departed, by name.
    pub departed_only: Vec<ContactSummary>,
    /// The contacts whom nobody owns, or only somebody who has departed, by name.
    pub unowned: Vec<ContactSummary>,
}

/// What would be lost if one member, or one agency with all of its people, left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PartyReadiness {
    /// Who.
    pub who: NamedParty,
    /// How many contacts they own.
    pub contacts: u64,
    /// Those of them that do not survive it well, those with the most risks first, then by name. All others do.
    pub at_risk: Vec<AtRisk>,
    /// To whom they have open promises, whether they own the contact or not, by name.
    pub promises: Vec<Promised>,
}

/// A contact that does not survive somebody's leaving well, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AtRisk {
    /// The contact.
    pub contact: ContactSummary,
    /// Why; at least one reason.
    pub risks: Vec<Risk>,
}

/// A contact, and how many open promises somebody has to keep to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Promised {
    /// The contact.
    pub contact: ContactSummary,
    /// How many.
    pub open: u64,
}

/// A contact who is known through one person alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OnePerson {
    /// The contact.
    pub contact: ContactSummary,
    /// Through whom.
    pub member: MemberId,
    /// Their name.
    pub member_name: String,
    /// Whether they have departed.
    pub member_departed: bool,
}

/// Why a contact does not survive somebody's leaving well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Risk {
    /// There is no note at all.
    NoNotes,
    /// There are notes, and all of them are private or sealed.
    PrivateOnly,
    /// Every note that the organisation may read is in the words of who leaves, or of the people of the agency that does.
    OneVoice,
    /// There are notes, and none of them is an insight.
    NoInsight,
    /// The newest note is old.
    Stale {
        /// How many days ago it happened.
        days: u32,
    },
    /// Nobody who is here and stays is a backup, or owns the contact too.
    NoBackup,
}

impl PartyReadiness {
    /// How many of their contacts survive their leaving well.
    pub const fn surviving(&self) -> u64 {
        self.contacts.saturating_sub(self.at_risk.len() as u64)
    }

    /// The share of their contacts that survives, from 0 to 1. It says nothing without the reasons beside it.
    pub fn share(&self) -> f64 {
        match self.contacts {
            0 => 1.0,
            contacts => self.surviving() as f64 / contacts as f64,
        }
    }

    /// How many open promises they have.
    pub fn open_promises(&self) -> u64 {
        self.promises.iter().map(|promised| promised.open).sum()
    }

    /// The contacts that carry a risk of a kind, each with what is particular to it.
    fn with(&self, is: fn(&Risk) -> bool) -> Vec<Cow<'_, str>> {
        let carry = self.at_risk.iter().filter_map(|at_risk| Some((at_risk, at_risk.risks.iter().find(|r| is(r))?)));
        carry
            .map(|(at_risk, risk)| match risk {
                Risk::Stale { days } => {
                    format!("{} for {}", at_risk.contact.name, Count(u64::from(*days), "day")).into()
                }
                _ => at_risk.contact.name.as_str().into(),
            })
            .collect()
    }

    /// Whether nothing would be lost with them.
    fn could_leave(&self) -> bool {
        self.at_risk.is_empty() && self.promises.is_empty()
    }
}

impl Readiness {
    /// The readiness as JSON, indented.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// A member, as far as readiness asks.
struct Person {
    id: MemberId,
    name: String,
    /// The key of their agency.
    agency: Option<i64>,
    departed: bool,
}

/// Somebody who is here and owns a contact, or is its backup.
struct Keeper {
    contact: i64,
    member: i64,
    owns: bool,
}

/// How many open promises a member has to keep to a contact.
struct Promises {
    contact: i64,
    owner: i64,
    open: u64,
}

/// What is known about a contact, as far as readiness asks.
#[derive(Default)]
struct Known {
    /// When the newest note happened that the organisation may read; `None` where there is none.
    latest: Option<i64>,
    has_insight: bool,
    has_private: bool,
    /// The key of the member in whose words all is.
    member: Option<i64>,
    /// The key of the agency in the words of whose people all is.
    agency: Option<i64>,
    by_agencies: bool,
    by_departed: bool,
}

impl Known {
    fn of(figures: &Figures, people: &HashMap<i64, Person>) -> Self {
        let by = |is: &dyn Fn(&Person) -> bool| figures.only_in_words_of(|voice| people.get(&voice).is_some_and(is));
        let first = figures.voices.first().and_then(|(voice, _)| Some((*voice, people.get(voice)?)));
        let agency = first.and_then(|(_, person)| person.agency);
        Self {
            latest: figures.latest,
            has_insight: figures.insights > 0,
            has_private: !figures.private.is_empty(),
            member: first.map(|(voice, _)| voice).filter(|_| figures.voices.len() == 1),
            agency: agency.filter(|agency| by(&|person| person.agency == Some(*agency))),
            by_agencies: by(&|person| person.agency.is_some()),
            by_departed: by(&|person| person.departed),
        }
    }
}

/// Takes everything up by a set of statements, whatever the number of contacts, each in the order in which the file has it.
fn survey(view: &View<'_>, stale_after_days: u32) -> Result<Readiness> {
    let mut survey = Survey::new(view, stale_after_days)?;
    view.sql().each("SELECT id, kind, name, key FROM contact ORDER BY key", &[], |row| {
        survey.take(row.int(3)?, &read_summary(row)?)
    })?;
    Ok(survey.finish())
}

/// Where contacts stand by name.
struct Names {
    by_key: HashMap<i64, usize>,
    by_id: HashMap<ContactId, usize>,
}

impl Names {
    fn read(sql: &dyn Sql) -> Result<Self> {
        let keys = sql.all("SELECT key FROM contact ORDER BY name_key, key", &[], |row| row.int(0))?;
        let by_id = HashMap::with_capacity(keys.len());
        Ok(Self { by_key: keys.into_iter().enumerate().map(|(place, key)| (key, place)).collect(), by_id })
    }

    fn meet(&mut self, key: i64, id: ContactId) {
        self.by_id.extend(self.by_key.remove(&key).map(|place| (id, place)));
    }

    fn place(&self, contact: &ContactSummary) -> Option<usize> {
        self.by_id.get(&contact.id).copied()
    }
}

/// A survey under way.
struct Survey {
    people: HashMap<i64, Person>,
    /// Who owns contacts and who is backup, in order of contacts.
    keepers: Vec<Keeper>,
    /// In order of contacts.
    promises: Vec<Promises>,
    known: HashMap<i64, Known>,
    names: Names,
    /// By the key of the member or the agency; no two subjects have the same.
    parties: BTreeMap<i64, PartyReadiness>,
    found: Readiness,
}

impl Survey {
    fn new(view: &View<'_>, stale_after_days: u32) -> Result<Self> {
        let (sql, people) = (view.sql(), people(view.sql())?);
        let mut known = HashMap::new();
        knowledge::of_all(sql, |contact, figures| {
            known.insert(contact, Known::of(figures, &people));
            Ok(())
        })?;
        Ok(Self {
            keepers: keepers(sql, view.now_micros())?,
            promises: promises(sql)?,
            known,
            names: Names::read(sql)?,
            parties: parties(sql, &people)?,
            people,
            found: Readiness {
                at: time::from_micros(view.now_micros())?,
                stale_after_days,
                contacts: 0,
                agencies: Vec::new(),
                members: Vec::new(),
                one_person: Vec::new(),
                agencies_only: Vec::new(),
                departed_only: Vec::new(),
                unowned: Vec::new(),
            },
        })
    }

    fn take(&mut self, key: i64, contact: &ContactSummary) -> Result<()> {
        self.found.contacts += 1;
        self.names.meet(key, contact.id);
        let known = self.known.remove(&key).unwrap_or_default();
        self.take_organisation(&known, contact);
        self.take_promises(key, contact);
        let keepers = of_contact(&self.keepers, key, |keeper| keeper.contact);
        let owners = keepers.iter().filter(|keeper| keeper.owns);
        let owning: BTreeSet<i64> = owners.flat_map(|owner| with_agency(&self.people, owner.member)).collect();
        if owning.is_empty() {
            self.found.unowned.push(contact.clone());
        }
        for party in owning {
            let risks = self.risks(&known, party, keepers)?;
            let Some(party) = self.parties.get_mut(&party) else { continue };
            party.contacts += 1;
            if !risks.is_empty() {
                party.at_risk.push(AtRisk { contact: contact.clone(), risks });
            }
        }
        Ok(())
    }

    fn take_organisation(&mut self, known: &Known, contact: &ContactSummary) {
        if let Some(person) = known.member.and_then(|member| self.people.get(&member)) {
            self.found.one_person.push(OnePerson {
                contact: contact.clone(),
                member: person.id,
                member_name: person.name.clone(),
                member_departed: person.departed,
            });
        }
        if known.by_agencies {
            self.found.agencies_only.push(contact.clone());
        }
        if known.by_departed {
            self.found.departed_only.push(contact.clone());
        }
    }

    fn take_promises(&mut self, key: i64, contact: &ContactSummary) {
        for promises in of_contact(&self.promises, key, |promises| promises.contact) {
            for party in with_agency(&self.people, promises.owner) {
                let Some(party) = self.parties.get_mut(&party) else { continue };
                match party.promises.last_mut().filter(|promised| promised.contact.id == contact.id) {
                    Some(promised) => promised.open += promises.open,
                    None => party.promises.push(Promised { contact: contact.clone(), open: promises.open }),
                }
            }
        }
    }

    /// Why a contact would not survive the leaving of a party well.
    fn risks(&self, known: &Known, party: i64, keepers: &[Keeper]) -> Result<Vec<Risk>> {
        let mut risks = Vec::new();
        match known.latest {
            None => risks.push(if known.has_private { Risk::PrivateOnly } else { Risk::NoNotes }),
            Some(latest) => {
                if known.member == Some(party) || known.agency == Some(party) {
                    risks.push(Risk::OneVoice);
                }
                if !known.has_insight {
                    risks.push(Risk::NoInsight);
                }
                risks.extend(self.stale(time::from_micros(latest)?));
            }
        }
        if keepers.iter().all(|keeper| with_agency(&self.people, keeper.member).any(|of| of == party)) {
            risks.push(Risk::NoBackup);
        }
        Ok(risks)
    }

    fn stale(&self, latest: DateTime<Utc>) -> Option<Risk> {
        let since = self.found.at - latest;
        let stale = since > TimeDelta::days(i64::from(self.found.stale_after_days));
        stale.then(|| Risk::Stale { days: u32::try_from(since.num_days()).unwrap_or(u32::MAX) })
    }

    fn finish(mut self) -> Readiness {
        let (names, found) = (&self.names, &mut self.found);
        found.one_person.sort_by_cached_key(|one| names.place(&one.contact));
        for list in [&mut found.agencies_only, &mut found.departed_only, &mut found.unowned] {
            list.sort_by_cached_key(|contact| names.place(contact));
        }
        let mut parties: Vec<_> = self.parties.into_values().filter(|party| party.contacts > 0).collect();
        for party in &mut parties {
            party.at_risk.sort_by_cached_key(|at| (Reverse(at.risks.len()), names.place(&at.contact)));
            party.promises.sort_by_cached_key(|promised| names.place(&promised.contact));
        }
        parties.sort_by(|a, b| {
            let shares = (a.surviving() * b.contacts).cmp(&(b.surviving() * a.contacts));
            shares.then_with(|| (&a.who.name, a.who.party).cmp(&(&b.who.name, b.who.party)))
        });
        (self.found.agencies, self.found.members) =
            parties.into_iter().partition(|party| matches!(party.who.party, Party::Agency(_)));
        self.found
    }
}

/// The rows of one contact among rows that stand in order of contacts.
fn of_contact<T>(rows: &[T], contact: i64, key: impl Fn(&T) -> i64) -> &[T] {
    let from = rows.partition_point(|row| key(row) < contact);
    let rest = rows.get(from..).unwrap_or_default();
    rest.get(..rest.partition_point(|row| key(row) == contact)).unwrap_or_default()
}

/// The keys of the parties that a member belongs to: the member, and the agency they come from.
fn with_agency(people: &HashMap<i64, Person>, member: i64) -> impl Iterator<Item = i64> {
    let agency = people.get(&member).and_then(|person| person.agency);
    [Some(member), agency].into_iter().flatten()
}

fn people(sql: &dyn Sql) -> Result<HashMap<i64, Person>> {
    let mut people = HashMap::new();
    sql.each("SELECT key, id, name, agency, departed_at FROM member", &[], |row| {
        let person = Person {
            id: MemberId(row.uuid(1)?),
            name: row.string(2)?,
            agency: row.opt_int(3)?,
            departed: row.opt_int(4)?.is_some(),
        };
        people.insert(row.int(0)?, person);
        Ok(())
    })?;
    Ok(people)
}

/// Everybody who is here and could leave, with nothing counted yet.
fn parties(sql: &dyn Sql, people: &HashMap<i64, Person>) -> Result<BTreeMap<i64, PartyReadiness>> {
    let unread = |party, name| PartyReadiness {
        who: NamedParty { party, name },
        contacts: 0,
        at_risk: Vec::new(),
        promises: Vec::new(),
    };
    let here = people.iter().filter(|(_, person)| !person.departed);
    let mut parties: BTreeMap<_, _> =
        here.map(|(key, person)| (*key, unread(Party::Member(person.id), person.name.clone()))).collect();
    sql.each("SELECT key, id, name FROM agency WHERE departed_at IS NULL", &[], |row| {
        parties.insert(row.int(0)?, unread(Party::Agency(AgencyId(row.uuid(1)?)), row.string(2)?));
        Ok(())
    })?;
    Ok(parties)
}

fn keepers(sql: &dyn Sql, at: i64) -> Result<Vec<Keeper>> {
    sql.all(
        "SELECT a.contact, a.member, a.role FROM assignment a JOIN member m ON m.key = a.member
         WHERE a.role IN ('owner', 'backup') AND a.since <= $1 AND (a.until IS NULL OR a.until > $1)
             AND m.departed_at IS NULL
         ORDER BY a.contact, a.key",
        &[Value::Int(at)],
        |row| Ok(Keeper { contact: row.int(0)?, member: row.int(1)?, owns: row.text(2)? == Role::Owner.word() }),
    )
}

fn promises(sql: &dyn Sql) -> Result<Vec<Promises>> {
    sql.all(
        "SELECT contact, owner, count(*) FROM follow_up
         WHERE state = 'open'
         GROUP BY contact, owner
         ORDER BY contact, owner",
        &[],
        |row| Ok(Promises { contact: row.int(0)?, owner: row.int(1)?, open: row.int(2)?.unsigned_abs() }),
    )
}

/// The words for all contacts that carry a sort of risk, and whether a risk is of that sort.
type Sort = (&'static str, fn(&Risk) -> bool);

/// The sorts of risks, in the order in which they are told.
const TOLD: [Sort; 6] = [
    ("no note at all", |risk| matches!(risk, Risk::NoNotes)),
    ("private notes alone", |risk| matches!(risk, Risk::PrivateOnly)),
    ("only in the leaver's words", |risk| matches!(risk, Risk::OneVoice)),
    ("no insight", |risk| matches!(risk, Risk::NoInsight)),
    ("nothing noted for long", |risk| matches!(risk, Risk::Stale { .. })),
    ("no backup who stays", |risk| matches!(risk, Risk::NoBackup)),
];

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Stale { days } = self {
            return write!(f, "nothing noted for {}", Count(u64::from(*days), "day"));
        }
        TOLD.iter().find(|(_, is)| is(self)).map_or(Ok(()), |(words, _)| f.write_str(words))
    }
}

impl fmt::Display for AtRisk {
    /// The contact and the reasons, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let risks: Vec<String> = self.risks.iter().map(Risk::to_string).collect();
        write!(f, "{}: {}", Visible(&self.contact.name), risks.join("; "))
    }
}

fn names(contacts: &[ContactSummary]) -> Vec<&str> {
    contacts.iter().map(|contact| contact.name.as_str()).collect()
}

/// Writes what is said of some contacts, and the names of the first of them; nothing where there are none.
fn named<S: Borrow<str>>(f: &mut fmt::Formatter<'_>, indent: &str, what: &str, names: &[S]) -> fmt::Result {
    const SHOWN: usize = 5;
    if names.is_empty() {
        return Ok(());
    }
    paragraph(f, indent, &format!("{what} ({})", first_of(names, SHOWN)))
}

/// Writes what is said of some contacts, how many they are, and the names of the first of them.
fn counted<S: Borrow<str>>(f: &mut fmt::Formatter<'_>, indent: &str, what: &str, names: &[S]) -> fmt::Result {
    named(f, indent, &format!("{what}: {}", names.len()), names)
}

impl fmt::Display for PartyReadiness {
    /// The share with its reasons: how many contacts each of them concerns, and the first of these by name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (surviving, of) = (self.surviving(), Count(self.contacts, "contact"));
        let percent = (surviving * 100).checked_div(self.contacts).unwrap_or(100);
        paragraph(f, "  ", &format!("{}: {surviving} of {of} would survive ({percent} %)", self.who.name))?;
        for (words, is) in TOLD {
            counted(f, "    ", words, &self.with(is))?;
        }
        let names: Vec<&str> = self.promises.iter().map(|promised| promised.contact.name.as_str()).collect();
        let (open, to) = (Count(self.open_promises(), "open promise"), Count(names.len() as u64, "contact"));
        named(f, "    ", &format!("{open} to {to}"), &names)
    }
}

impl fmt::Display for Promised {
    /// The contact and the number, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Visible(&self.contact.name), Count(self.open, "open promise"))
    }
}

impl fmt::Display for Readiness {
    /// The readiness for a terminal: who could leave, then what would be lost with each agency and each member, then what
    /// hangs on few people. Of each list the first few names are shown, and how many more there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Readiness on {}, of {}", self.at.date_naive(), Count(self.contacts, "contact"))?;
        let could = self.agencies.iter().chain(&self.members).filter(|party| party.could_leave());
        let could: Vec<&str> = could.map(|party| party.who.name.as_str()).collect();
        match could.is_empty() {
            true => writeln!(f, "Nobody who looks after contacts could leave today without a loss.")?,
            false => paragraph(f, "", &format!("Could leave today without a loss: {}.", could.join(", ")))?,
        }
        for (title, parties) in [("If an agency left", &self.agencies), ("If a member left", &self.members)] {
            if !parties.is_empty() {
                writeln!(f, "\n{title}")?;
                parties.iter().try_for_each(|party| write!(f, "{party}"))?;
            }
        }
        self.write_organisation(f)
    }
}

impl Readiness {
    fn write_organisation(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nWhat hangs on few people")?;
        let lists = [
            ("known through agencies' people alone", names(&self.agencies_only)),
            ("known through the departed alone", names(&self.departed_only)),
            ("without an owner who is here", names(&self.unowned)),
        ];
        if self.one_person.is_empty() && lists.iter().all(|(_, names)| names.is_empty()) {
            return writeln!(f, "  nothing");
        }
        self.write_one_person(f)?;
        for (what, names) in lists {
            counted(f, "  ", what, &names)?;
        }
        Ok(())
    }

    /// Writes who is the only one to know how many, those with the most first.
    fn write_one_person(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut people: BTreeMap<MemberId, (&OnePerson, Vec<&str>)> = BTreeMap::new();
        for one in &self.one_person {
            people.entry(one.member).or_insert_with(|| (one, Vec::new())).1.push(&one.contact.name);
        }
        let mut people: Vec<_> = people.into_values().collect();
        people.sort_by(|(a, of_a), (b, of_b)| {
            of_b.len().cmp(&of_a.len()).then_with(|| (&a.member_name, a.member).cmp(&(&b.member_name, b.member)))
        });
        if !people.is_empty() {
            writeln!(f, "  known through one person alone: {}", self.one_person.len())?;
        }
        people.into_iter().try_for_each(|(one, contacts)| {
            let departed = if one.member_departed { " (has departed)" } else { "" };
            counted(f, "    ", &format!("{}{departed}", one.member_name), &contacts)
        })
    }
}

#[cfg(test)]
mod tests;
