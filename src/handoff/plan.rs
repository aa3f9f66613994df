//! The plan of a handoff: who would take what over, and everything that somebody should decide first. It changes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Fate, NamedParty, Stage, Takeover};
use crate::check;
use crate::contact::{ContactSummary, read_summary};
use crate::error::{Error, Result};
use crate::follow_up::{OpenPromise, read_open_promise};
use crate::id::{AgencyId, ContactId, HandoffId, MemberId, MemoryId};
use crate::journal::{self, Head};
use crate::knowledge::{self, Figures};
use crate::member::{Member, Party, member_key, party_members, party_name};
use crate::memory::{Memory, View};
use crate::ownership::Role;
use crate::search::fold;
use crate::store::{RowExt, SqlExt, Value};
use crate::time;

/// A plan that is being put together; see [`Memory::handoff`].
#[derive(Clone, Debug)]
#[must_use = "nothing is planned before plan is called"]
pub struct Planner<'m> {
    memory: &'m Memory,
    wishes: Wishes,
}

/// What a plan was asked for: enough to draw it up again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Wishes {
    reason: String,
    leavers: Vec<Party>,
    contacts: Vec<ContactId>,
    left_out: Vec<ContactId>,
    rules: Vec<Rule>,
    fate: Fate,
    fates: Vec<(ContactId, Fate)>,
    stages: Vec<(Stage, DateTime<Utc>)>,
    stale_after_days: u32,
}

/// Who takes over, for which contacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rule {
    Contacts(Vec<ContactId>, MemberId),
    Tag(String, MemberId),
    Backups,
    Rest(Vec<MemberId>),
}

impl Rule {
    fn successors(&self) -> &[MemberId] {
        match self {
            Self::Contacts(_, member) | Self::Tag(_, member) => std::slice::from_ref(member),
            Self::Backups => &[],
            Self::Rest(members) => members,
        }
    }
}

impl Memory {
    /// Begins the plan of a handoff: say who leaves, to whom, and why; [`Planner::plan`] then says everything that it would
    /// come to, and changes nothing.
    ///
    /// Of private notes it tells about whom a leaver has some, and how many, so that their fate can be decided; it never
    /// tells what they say.
    ///
    /// Who takes a contact over is said by contact ([`Planner::except`]), by tag ([`Planner::tagged`]), by rule
    /// ([`Planner::to_backups`]), and for all the rest by [`Planner::to`] or [`Planner::spread`]. The more particular word
    /// counts, in this order; of two alike, the one said last.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact, NewMember, Role};
    ///
    /// let memory = Memory::in_memory()?;
    /// let (tom, eva) = memory.write(Actor::system("setup"), |w| {
    ///     let tom = w.add_member(NewMember::new("Tom Okoro"))?;
    ///     let eva = w.add_member(NewMember::new("Eva Stein"))?;
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.assign(sally, &tom, Role::Owner)?;
    ///     w.note(sally, "Stops by when she reaches her weekly weight goal").said_by(&tom).insight().save()?;
    ///     Ok((tom, eva))
    /// })?;
    /// let plan = memory.handoff().of_member(&tom).reason("moves to Lagos").to(&eva).plan()?;
    /// println!("{plan}"); // who takes over what; what is only in Tom's words, has no backup, was promised
    ///
    /// let handoff = memory.write(&eva, |w| w.offer(&plan))?;
    /// memory.write(&eva, |w| w.accept_all(handoff))?;
    /// let receipt = memory.write(&eva, |w| w.complete(handoff))?;
    /// println!("{receipt}");
    /// memory.write(&eva, |w| w.depart(&tom, Some("moved to Lagos")))?; // refused before, for he owned Sally
    /// assert_eq!(memory.book(&eva)?[0].name, "Sally Marsh");
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub const fn handoff(&self) -> Planner<'_> {
        Planner {
            memory: self,
            wishes: Wishes {
                reason: String::new(),
                leavers: Vec::new(),
                contacts: Vec::new(),
                left_out: Vec::new(),
                rules: Vec::new(),
                fate: Fate::Withhold,
                fates: Vec::new(),
                stages: Vec::new(),
                stale_after_days: 180,
            },
        }
    }

    /// Draws a plan up anew, as it was asked for, from what stands today.
    ///
    /// # Errors
    /// As [`Planner::plan`]; [`Error::Refused`] when it is a plan of another memory.
    pub fn redraw(&self, plan: &Plan) -> Result<Plan> {
        plan.must_be_of(self.id())?;
        Planner { memory: self, wishes: plan.wishes.clone() }.plan()
    }

    /// Compares a plan with today: what has changed since it was drawn up. Empty when nothing has.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is a plan of another memory.
    pub fn changes_since(&self, plan: &Plan) -> Result<Vec<PlanChange>> {
        plan.must_be_of(self.id())?;
        self.read(|view| today(view, plan).map(|(_, changes)| changes))
    }
}

impl Planner<'_> {
    /// Hands over the book of a member, and their promises. Repeated calls add up.
    pub fn of_member(mut self, member: impl Into<MemberId>) -> Self {
        self.wishes.leavers.push(Party::Member(member.into()));
        self
    }

    /// Hands over the books of all people of an agency, and their promises. Repeated calls add up.
    pub fn of_agency(mut self, agency: impl Into<AgencyId>) -> Self {
        self.wishes.leavers.push(Party::Agency(agency.into()));
        self
    }

    /// Hands over these contacts, each from who owns it. Repeated calls add up.
    pub fn of_contacts(mut self, contacts: impl IntoIterator<Item = impl Into<ContactId>>) -> Self {
        self.wishes.contacts.extend(contacts.into_iter().map(Into::into));
        self
    }

    /// Leaves contacts out: they stay with who owns them.
    pub fn leave_out(mut self, contacts: impl IntoIterator<Item = impl Into<ContactId>>) -> Self {
        self.wishes.left_out.extend(contacts.into_iter().map(Into::into));
        self
    }

    /// Says why; every transfer of the handoff carries the reason.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.wishes.reason = reason.into();
        self
    }

    /// Names who takes over what no other word gives to somebody.
    pub fn to(self, successor: impl Into<MemberId>) -> Self {
        self.rule(Rule::Rest(vec![successor.into()]))
    }

    /// Spreads evenly over a team what no other word gives to somebody: each takes as many contacts as the others, give or
    /// take one.
    pub fn spread(self, team: impl IntoIterator<Item = impl Into<MemberId>>) -> Self {
        self.rule(Rule::Rest(team.into_iter().map(Into::into).collect()))
    }

    /// Has the backup of a contact take it over, where it has one who is here and stays.
    pub fn to_backups(self) -> Self {
        self.rule(Rule::Backups)
    }

    /// Names who takes over the contacts that carry a tag.
    pub fn tagged(self, tag: impl Into<String>, successor: impl Into<MemberId>) -> Self {
        self.rule(Rule::Tag(tag.into(), successor.into()))
    }

    /// Names who takes over these contacts, whatever else is said.
    pub fn except(
        self,
        contacts: impl IntoIterator<Item = impl Into<ContactId>>,
        successor: impl Into<MemberId>,
    ) -> Self {
        self.rule(Rule::Contacts(contacts.into_iter().map(Into::into).collect(), successor.into()))
    }

    fn rule(mut self, rule: Rule) -> Self {
        self.wishes.rules.push(rule);
        self
    }

    /// Says what becomes of the leavers' private notes; [`Fate::Withhold`] unless said.
    ///
    /// A note about several contacts meets the most careful of their fates, and is withheld where one of them stays with the
    /// leaver.
    pub const fn private_notes(mut self, fate: Fate) -> Self {
        self.wishes.fate = fate;
        self
    }

    /// Says what becomes of the leavers' private notes about these contacts. The last word about a contact counts.
    pub fn private_notes_about(mut self, contacts: impl IntoIterator<Item = impl Into<ContactId>>, fate: Fate) -> Self {
        self.wishes.fates.extend(contacts.into_iter().map(|contact| (contact.into(), fate)));
        self
    }

    /// Plans a stage of a gradual handoff until an instant; see [`Writer::advance`](crate::Writer::advance). Stages follow
    /// each other: shadow, share, hold.
    pub fn stage(mut self, stage: Stage, until: DateTime<Utc>) -> Self {
        self.wishes.stages.push((stage, until));
        self
    }

    /// After how many days without a note a contact counts as gone quiet; 180 unless said.
    pub const fn stale_after(mut self, days: u32) -> Self {
        self.wishes.stale_after_days = days;
        self
    }

    /// Draws the plan up from what stands, on one snapshot.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a missing reason, for nobody who leaves, for stages out of order; [`Error::Refused`] for a
    /// successor who has departed or who leaves, and for a contact of [`Planner::of_contacts`] whom nobody owns;
    /// [`Error::Unknown`] for an unknown contact, member or agency.
    pub fn plan(self) -> Result<Plan> {
        let (memory, wishes) = (self.memory.id(), self.wishes);
        self.memory.read(|view| {
            wishes.check(view)?;
            draw(view, memory, wishes)
        })
    }
}

impl Wishes {
    fn check(&self, view: &View<'_>) -> Result<()> {
        check::text("reason of a handoff", &self.reason, check::FIELD_MAX)?;
        if self.leavers.is_empty() && self.contacts.is_empty() {
            let why = "nobody leaves; say whose contacts are handed over, with of_member, of_agency or of_contacts";
            return Err(Error::invalid("handoff", why));
        }
        if !self.stages.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1) {
            let why =
                "they are shadow, share and hold, each once and in this order, none ending before the one before it";
            return Err(Error::invalid("stages of a handoff", why));
        }
        let mut leaving = HashSet::new();
        for party in &self.leavers {
            leaving.extend(party_members(view.sql(), *party)?.into_iter().map(|member| member.id));
        }
        self.rules.iter().flat_map(Rule::successors).try_for_each(|id| {
            let member = view.member(*id)?;
            if leaving.contains(id) {
                return Err(Error::refused(format!(
                    "{} is among those who leave and cannot take over; name somebody who stays",
                    member.name
                )));
            }
            member.must_act_here("cannot take over")
        })
    }
}

/// A plan: what a handoff would come to, as of an instant. A value, to be shown, saved (by serde), compared with today
/// ([`Memory::changes_since`]) and offered ([`Writer::offer`](crate::Writer::offer)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// The memory that it is a plan of.
    pub memory: MemoryId,
    /// When it was drawn up.
    pub at: DateTime<Utc>,
    /// The head of the journal then.
    pub head: Head,
    /// Why.
    pub reason: String,
    /// Who leaves: those who were named, or else the owners of the contacts that were.
    pub leavers: Vec<NamedParty>,
    /// Who would take over how many contacts.
    pub successors: Vec<Takeover>,
    /// The stages of a gradual handoff, each with the end that is planned.
    pub stages: Vec<(Stage, DateTime<Utc>)>,
    /// What would be handed over, by leaver and name of contact.
    pub items: Vec<PlanItem>,
    /// How many private notes the leavers have about contacts that are not handed over; they stay as they are.
    pub private_notes_elsewhere: u64,
    /// Words of the plan that fit nothing that is handed over, such as a tag that no contact of the leavers carries.
    pub unheeded: Vec<Unheeded>,
    wishes: Wishes,
}

/// A word of a plan that fits nothing that is handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unheeded {
    /// No contact that is handed over carries this tag.
    Tag(String),
    /// The leavers have nothing of this contact.
    Contact(ContactSummary),
}

/// What one leaver would hand to one successor about one contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlanItem {
    /// The contact.
    pub contact: ContactSummary,
    /// Who leaves.
    pub leaver: MemberId,
    /// Their name.
    pub leaver_name: String,
    /// Whether they own the contact; if not, it is about promises and private notes alone.
    pub owned: bool,
    /// Who would take over; `None` where no word gives the contact to anybody.
    pub successor: Option<MemberId>,
    /// Their name.
    pub successor_name: Option<String>,
    /// How many notes the organisation has about the contact.
    pub notes: u64,
    /// How many of them are insights.
    pub insights: u64,
    /// When the newest of them happened.
    pub latest: Option<DateTime<Utc>>,
    /// The open promises of the leaver to the contact. They would move, and keep their dates.
    pub promises: Vec<OpenPromise>,
    /// How many private notes the leaver has about the contact; one about several contacts counts with each.
    pub private_notes: u64,
    /// What would become of these.
    pub fate: Fate,
    /// What somebody should decide, or look at.
    pub gaps: Vec<Gap>,
}

/// What somebody should decide, or look at, before a contact is handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Gap {
    /// Nobody would take over. It stands in the way of an offer.
    NoSuccessor,
    /// Who would take over is who has the contact. It stands in the way of an offer; leave the contact out.
    TheirsAlready,
    /// Another handoff that is not completed has the contact. It stands in the way of an offer.
    InAnotherHandoff {
        /// The other handoff.
        handoff: HandoffId,
        /// Its reason.
        reason: String,
        /// When it was offered.
        offered_at: DateTime<Utc>,
    },
    /// Somebody is to own the contact from a later day on. It stands in the way of an offer.
    OwnedLater {
        /// Who.
        member_name: String,
        /// From when on.
        since: DateTime<Utc>,
    },
    /// There is no note at all.
    NoNotes,
    /// All that there is, is private.
    PrivateOnly,
    /// Every note is in the words of those who leave.
    OneVoice,
    /// Nothing was noted since.
    Quiet {
        /// When the newest note happened.
        since: DateTime<Utc>,
    },
    /// Nobody who stays would be a backup beside the successor.
    NoBackup,
    /// Somebody stands in, until a day.
    CoverEnds {
        /// Who.
        member_name: String,
        /// Until when.
        until: DateTime<Utc>,
    },
}

impl Gap {
    /// Whether it stands in the way of an offer.
    pub const fn blocks(&self) -> bool {
        matches!(
            self,
            Self::NoSuccessor | Self::TheirsAlready | Self::InAnotherHandoff { .. } | Self::OwnedLater { .. }
        )
    }
}

impl Plan {
    /// The items with something that stands in the way of an offer.
    pub fn undecided(&self) -> impl Iterator<Item = &PlanItem> {
        self.items.iter().filter(|item| item.gaps.iter().any(Gap::blocks))
    }

    /// The contacts that it is about, once each, as for [`Memory::briefs`].
    pub fn contacts(&self) -> impl Iterator<Item = ContactId> {
        let mut seen = HashSet::new();
        self.items.iter().map(|item| item.contact.id).filter(move |contact| seen.insert(*contact))
    }

    /// Whether it can be offered as it is.
    pub fn is_ready(&self) -> bool {
        !self.items.is_empty() && self.undecided().next().is_none()
    }

    /// Refuses what cannot be wished for, as a plan that was saved may hold it.
    pub(super) fn must_make_sense(&self, view: &View<'_>) -> Result<()> {
        self.wishes.check(view)
    }

    /// What a plan shows otherwise than the same wishes give today, beside figures: somebody was renamed, or it was changed
    /// where it was saved.
    fn shown_otherwise(&self, today: &Self) -> Vec<String> {
        let key = |item: &PlanItem| (item.contact.id, item.leaver);
        let shown: HashMap<_, _> = self.items.iter().map(|item| (key(item), item)).collect();
        let is_shown = |item: &PlanItem| {
            shown.get(&key(item)).is_some_and(|shown| {
                let names = (&shown.contact, &shown.leaver_name, &shown.successor_name);
                names == (&item.contact, &item.leaver_name, &item.successor_name) && shown.fate == item.fate
            })
        };
        let whole = [
            (self.reason == today.reason, "the reason"),
            (self.leavers == today.leavers, "who leaves"),
            (self.successors == today.successors, "who takes over how much"),
            (self.stages == today.stages, "the stages"),
        ];
        let whole = whole.into_iter().filter(|(same, _)| !same).map(|(_, what)| what.to_owned());
        let items = today.items.iter().filter(|item| !is_shown(item));
        whole.chain(items.map(|item| format!("what becomes of {}", item.contact.name))).collect()
    }

    pub(super) fn must_be_of(&self, memory: MemoryId) -> Result<()> {
        match self.memory == memory {
            true => Ok(()),
            false => Err(Error::refused(format!(
                "this plan was drawn up for the memory {}, and this is the memory {memory}; draw one up here",
                self.memory
            ))),
        }
    }
}

/// What has changed since a plan was drawn up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PlanChange {
    /// A contact, or promises to it, came to a leaver since.
    Added {
        /// The contact.
        contact: ContactSummary,
        /// Who has it.
        leaver_name: String,
    },
    /// A leaver no longer has anything of a contact to hand over.
    Gone {
        /// The contact.
        contact: ContactSummary,
        /// Who had it.
        leaver_name: String,
        /// Who owns it today.
        owners: Vec<String>,
    },
    /// A successor has departed.
    SuccessorDeparted {
        /// Who.
        member_name: String,
    },
    /// The same words give a contact to somebody else today.
    Successor {
        /// The contact.
        contact: ContactSummary,
        /// Who was to take over.
        from: Option<String>,
        /// Who would today.
        to: Option<String>,
    },
    /// Something stands in the way that did not.
    Blocked {
        /// The contact.
        contact: ContactSummary,
        /// What.
        gap: Gap,
    },
    /// There are more or fewer open promises; they are as they are on the day of the completion.
    Promises {
        /// The contact.
        contact: ContactSummary,
        /// How many there were.
        from: u64,
        /// How many there are.
        to: u64,
    },
    /// There are more or fewer notes.
    Notes {
        /// The contact.
        contact: ContactSummary,
        /// How many there were.
        from: u64,
        /// How many there are.
        to: u64,
    },
    /// The plan shows something otherwise than it would be carried out, since somebody was renamed, or because it was changed
    /// where it was saved.
    Shown {
        /// What.
        what: String,
    },
    /// The leaver has more or fewer private notes.
    PrivateNotes {
        /// The contact.
        contact: ContactSummary,
        /// What is to become of them.
        fate: Fate,
        /// How many there were.
        from: u64,
        /// How many there are.
        to: u64,
    },
}

impl PlanChange {
    /// Whether the plan can no longer be offered as it is. Notes and promises that came or went do not matter so much,
    /// but for private notes of which somebody decided what becomes of them.
    pub const fn outdates(&self) -> bool {
        match self {
            Self::Promises { .. } | Self::Notes { .. } => false,
            Self::PrivateNotes { fate, .. } => !matches!(fate, Fate::Withhold),
            _ => true,
        }
    }
}

/// Draws a plan up from what stands, and compares the two.
pub(super) fn today(view: &View<'_>, plan: &Plan) -> Result<(Plan, Vec<PlanChange>)> {
    let mut changes = Vec::new();
    for id in plan.successors.iter().map(|share| share.member) {
        let member = view.member(id)?;
        if member.has_departed() {
            changes.push(PlanChange::SuccessorDeparted { member_name: member.name });
        }
    }
    let today = draw(view, plan.memory, plan.wishes.clone())?;
    let key = |item: &PlanItem| (item.contact.id, item.leaver);
    let mut known: HashMap<_, _> = today.items.iter().map(|item| (key(item), item)).collect();
    for old in &plan.items {
        match known.remove(&key(old)) {
            Some(item) if item.owned && !old.owned => {
                changes
                    .push(PlanChange::Added { contact: item.contact.clone(), leaver_name: item.leaver_name.clone() });
            }
            Some(item) if item.owned == old.owned => compare(old, item, &mut changes),
            _ => changes.push(PlanChange::Gone {
                owners: owners_by_name(view, old.contact.id)?,
                contact: old.contact.clone(),
                leaver_name: old.leaver_name.clone(),
            }),
        }
    }
    changes.extend(
        today
            .items
            .iter()
            .filter(|item| known.contains_key(&key(item)))
            .map(|item| PlanChange::Added { contact: item.contact.clone(), leaver_name: item.leaver_name.clone() }),
    );
    if !changes.iter().any(PlanChange::outdates) {
        changes.extend(plan.shown_otherwise(&today).into_iter().map(|what| PlanChange::Shown { what }));
    }
    Ok((today, changes))
}

fn owners_by_name(view: &View<'_>, contact: ContactId) -> Result<Vec<String>> {
    let at = time::from_micros(view.now_micros())?;
    let owners = view.owners(contact)?.into_iter().filter(|a| a.role == Role::Owner && a.holds(at));
    Ok(owners.map(|owner| owner.member_name).collect())
}

fn compare(old: &PlanItem, item: &PlanItem, changes: &mut Vec<PlanChange>) {
    let contact = || item.contact.clone();
    if old.successor != item.successor {
        let (from, to) = (old.successor_name.clone(), item.successor_name.clone());
        changes.push(PlanChange::Successor { contact: contact(), from, to });
    }
    let blocking = item.gaps.iter().filter(|gap| gap.blocks() && !old.gaps.contains(gap));
    changes.extend(blocking.map(|gap| PlanChange::Blocked { contact: contact(), gap: gap.clone() }));
    let promises = |item: &PlanItem| item.promises.len() as u64;
    if promises(old) != promises(item) {
        changes.push(PlanChange::Promises { contact: contact(), from: promises(old), to: promises(item) });
    }
    if old.notes != item.notes {
        changes.push(PlanChange::Notes { contact: contact(), from: old.notes, to: item.notes });
    }
    if old.private_notes != item.private_notes {
        let (from, to, fate) = (old.private_notes, item.private_notes, item.fate);
        changes.push(PlanChange::PrivateNotes { contact: contact(), fate, from, to });
    }
}

/// A member who leaves, or whose contacts were selected.
struct Leaver {
    key: i64,
    member: Member,
    /// The contacts that are handed over; all where there is no selection.
    only: Option<BTreeSet<i64>>,
}

impl Leaver {
    fn hands_over(&self, contact: i64) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&contact))
    }
}

/// Somebody who looks after a contact, or will.
struct Keeper {
    role: Role,
    member: i64,
    since: i64,
    until: Option<i64>,
}

/// What a plan is drawn from, beside the leaver at hand.
struct Desk<'v> {
    view: &'v View<'v>,
    at: i64,
    people: HashMap<i64, Member>,
    leaving: HashSet<i64>,
    left_out: HashSet<i64>,
    fates: HashMap<i64, Fate>,
    /// The contacts of which those who leave have something.
    seen: HashSet<i64>,
    other_handoffs: HashMap<i64, Gap>,
    rules: Rules,
    wishes: Wishes,
}

fn draw(view: &View<'_>, memory: MemoryId, wishes: Wishes) -> Result<Plan> {
    let sql = view.sql();
    let leavers = leavers(view, &wishes)?;
    let mut desk = Desk::new(view, wishes, &leavers)?;
    let (mut items, mut private_notes_elsewhere) = (Vec::new(), 0);
    let mut merely_promised = Vec::new();
    // Books before promises: who takes a contact over takes over what others of those who leave have promised to it.
    for (at, leaver) in leavers.iter().enumerate() {
        let (owned, others) = desk.holdings_of(leaver)?.into_iter().partition(|(_, held)| held.owned);
        private_notes_elsewhere += desk.items(at, leaver, owned, &mut items)?;
        merely_promised.push(others);
    }
    for ((at, leaver), others) in leavers.iter().enumerate().zip(merely_promised) {
        private_notes_elsewhere += desk.items(at, leaver, others, &mut items)?;
    }
    items.sort_by(|(a, x), (b, y)| (a, &x.contact.name, x.contact.id).cmp(&(b, &y.contact.name, y.contact.id)));
    let items: Vec<PlanItem> = items.into_iter().map(|(_, item)| item).collect();
    let unheeded = desk.unheeded()?;
    let wishes = desk.wishes;
    let parties = match wishes.leavers.as_slice() {
        [] => leavers.iter().map(|leaver| Party::Member(leaver.member.id)).collect(),
        named => named.to_vec(),
    };
    let named = parties.into_iter().map(|party| Ok(NamedParty { party, name: party_name(sql, party)? }));
    Ok(Plan {
        memory,
        at: time::from_micros(view.now_micros())?,
        head: journal::head(sql)?,
        reason: wishes.reason.clone(),
        leavers: named.collect::<Result<_>>()?,
        successors: shares(&items),
        stages: wishes.stages.clone(),
        items,
        private_notes_elsewhere,
        unheeded,
        wishes,
    })
}

/// How many contacts each successor would take over, most first.
fn shares(items: &[PlanItem]) -> Vec<Takeover> {
    let mut by_member: BTreeMap<MemberId, (&str, BTreeMap<ContactId, bool>)> = BTreeMap::new();
    for item in items {
        if let (Some(member), Some(name)) = (item.successor, &item.successor_name) {
            let (_, contacts) = by_member.entry(member).or_insert((name, BTreeMap::new()));
            *contacts.entry(item.contact.id).or_default() |= item.owned;
        }
    }
    let count = |contacts: &BTreeMap<ContactId, bool>, owned| contacts.values().filter(|o| **o == owned).count() as u64;
    let mut shares: Vec<Takeover> = by_member
        .into_iter()
        .map(|(member, (name, contacts))| {
            let (besides, contacts) = (count(&contacts, false), count(&contacts, true));
            Takeover { member, name: name.to_owned(), contacts, besides }
        })
        .collect();
    shares.sort_by(|a, b| (b.contacts, b.besides, &a.name).cmp(&(a.contacts, a.besides, &b.name)));
    shares
}

fn leavers(view: &View<'_>, wishes: &Wishes) -> Result<Vec<Leaver>> {
    let sql = view.sql();
    let mut leavers: Vec<Leaver> = Vec::new();
    for party in &wishes.leavers {
        for member in party_members(sql, *party)? {
            let key = member_key(sql, member.id)?;
            if leavers.iter().all(|known| known.key != key) {
                leavers.push(Leaver { key, member, only: None });
            }
        }
    }
    for id in &wishes.contacts {
        let contact = view.contact_key(*id)?;
        let owners = owners_of(view, contact)?;
        if owners.is_empty() {
            let name = view.contact_summary(*id)?.name;
            return Err(Error::refused(format!("nobody looks after {name}, so nobody can hand them over; use assign")));
        }
        for (key, owner) in owners {
            match leavers.iter_mut().find(|known| known.key == key) {
                Some(Leaver { only: Some(only), .. }) => drop(only.insert(contact)),
                Some(_) => {}
                None => {
                    leavers.push(Leaver { key, member: view.member(owner)?, only: Some(BTreeSet::from([contact])) })
                }
            }
        }
    }
    Ok(leavers)
}

/// Who owns a contact at the instant of the plan.
fn owners_of(view: &View<'_>, contact: i64) -> Result<Vec<(i64, MemberId)>> {
    view.sql().all(
        "SELECT m.key, m.id FROM assignment a JOIN member m ON m.key = a.member
         WHERE a.contact = $1 AND a.role = 'owner' AND a.since <= $2 AND (a.until IS NULL OR a.until > $2)
         ORDER BY a.since, a.key",
        &[Value::Int(contact), Value::Int(view.now_micros())],
        |row| Ok((row.int(0)?, MemberId(row.uuid(1)?))),
    )
}

/// What a leaver has about one contact.
#[derive(Default)]
struct Holdings {
    contact: Option<ContactSummary>,
    owned: bool,
    figures: Figures,
    keepers: Vec<Keeper>,
    promises: Vec<OpenPromise>,
    private_notes: u64,
}

impl<'v> Desk<'v> {
    fn new(view: &'v View<'v>, wishes: Wishes, leavers: &[Leaver]) -> Result<Self> {
        let keys = |contacts: &[ContactId]| contacts.iter().map(|id| view.contact_key(*id)).collect::<Result<_>>();
        let fates = wishes.fates.iter().map(|(id, fate)| Ok((view.contact_key(*id)?, *fate))).collect::<Result<_>>()?;
        let mut people = HashMap::new();
        for member in view.members()? {
            people.insert(member_key(view.sql(), member.id)?, member);
        }
        // Those whose contacts were merely selected stay.
        let leaving = leavers.iter().filter(|leaver| leaver.only.is_none()).map(|leaver| leaver.key).collect();
        Ok(Self {
            view,
            at: view.now_micros(),
            people,
            leaving,
            left_out: keys(&wishes.left_out)?,
            fates,
            seen: HashSet::new(),
            other_handoffs: other_handoffs(view)?,
            rules: Rules::read(view, &wishes.rules)?,
            wishes,
        })
    }

    /// Adds what a leaver, the one at a place in the list, would hand over of what they hold; returns how many private
    /// notes they have about contacts that are not handed over.
    fn items(
        &mut self,
        at: usize,
        leaver: &Leaver,
        holdings: BTreeMap<i64, Holdings>,
        items: &mut Vec<(usize, PlanItem)>,
    ) -> Result<u64> {
        let mut elsewhere = 0;
        for (contact, mut held) in holdings {
            self.seen.insert(contact);
            let fate = self.fates.get(&contact).copied().unwrap_or(self.wishes.fate);
            let has_something = held.owned || !held.promises.is_empty() || fate != Fate::Withhold;
            if self.left_out.contains(&contact) || !has_something {
                elsewhere += held.private_notes;
                continue;
            }
            let summary = match held.contact.take() {
                Some(contact) => contact,
                None => self.contact_by_key(contact)?,
            };
            items.push((at, self.item(leaver, contact, summary, held, fate)?));
        }
        Ok(elsewhere)
    }

    /// The words of the plan that fit nothing.
    fn unheeded(&self) -> Result<Vec<Unheeded>> {
        let tags = self.rules.tags.iter().filter(|(_, contacts)| contacts.is_disjoint(&self.seen));
        let mut unheeded: Vec<Unheeded> = tags.map(|(tag, _)| Unheeded::Tag(tag.clone())).collect();
        let named = self.rules.named.keys().chain(&self.left_out).chain(self.fates.keys());
        let unknown: BTreeSet<i64> = named.filter(|contact| !self.seen.contains(contact)).copied().collect();
        for contact in unknown {
            unheeded.push(Unheeded::Contact(self.contact_by_key(contact)?));
        }
        Ok(unheeded)
    }

    fn contact_by_key(&self, key: i64) -> Result<ContactSummary> {
        self.view.sql().one("SELECT id, kind, name FROM contact WHERE key = $1", &[Value::Int(key)], read_summary)
    }

    /// Everything that a leaver has, by contact: a set of statements, whatever the size of the book.
    fn holdings_of(&self, leaver: &Leaver) -> Result<BTreeMap<i64, Holdings>> {
        let (sql, book) = (self.view.sql(), [Value::Int(leaver.key), Value::Int(self.at)]);
        let mut holdings: BTreeMap<i64, Holdings> = BTreeMap::new();
        sql.each(
            "SELECT c.id, c.kind, c.name, c.key FROM assignment a JOIN contact c ON c.key = a.contact
             WHERE a.member = $1 AND a.role = 'owner' AND a.since <= $2 AND (a.until IS NULL OR a.until > $2)",
            &book,
            |row| {
                let held = holdings.entry(row.int(3)?).or_default();
                (held.contact, held.owned) = (Some(read_summary(row)?), true);
                Ok(())
            },
        )?;
        knowledge::of_book(sql, leaver.key, self.at, |contact, figures| {
            if let Some(held) = holdings.get_mut(&contact) {
                held.figures = figures.clone();
            }
            Ok(())
        })?;
        sql.each(
            "SELECT b.contact, b.role, b.member, b.since, b.until
             FROM assignment b
             WHERE b.contact IN (
                 SELECT contact FROM assignment
                 WHERE member = $1 AND role = 'owner' AND since <= $2 AND (until IS NULL OR until > $2)
             ) AND (b.until IS NULL OR b.until > $2 AND b.until > b.since)
             ORDER BY b.contact, b.since, b.key",
            &book,
            |row| {
                let (role, since) = (row.text(1)?.parse()?, row.int(3)?);
                let keeper = Keeper { role, member: row.int(2)?, since, until: row.opt_int(4)? };
                holdings.entry(row.int(0)?).or_default().keepers.push(keeper);
                Ok(())
            },
        )?;
        sql.each(
            "SELECT contact, id, what, due, due_precision FROM follow_up
             WHERE owner = $1 AND state = 'open'
             ORDER BY due IS NULL, due, key",
            &[Value::Int(leaver.key)],
            |row| {
                holdings.entry(row.int(0)?).or_default().promises.push(read_open_promise(row, 1)?);
                Ok(())
            },
        )?;
        sql.each(
            "SELECT contact, count(*) FROM note_contact
             WHERE private_to = $1 AND retracted_at IS NULL
             GROUP BY contact",
            &[Value::Int(leaver.key)],
            |row| {
                holdings.entry(row.int(0)?).or_default().private_notes = row.int(1)?.unsigned_abs();
                Ok(())
            },
        )?;
        holdings.retain(|contact, _| leaver.hands_over(*contact));
        Ok(holdings)
    }

    fn item(
        &mut self,
        leaver: &Leaver,
        key: i64,
        contact: ContactSummary,
        held: Holdings,
        fate: Fate,
    ) -> Result<PlanItem> {
        let successor = self.successor(leaver, key, &held)?;
        let gaps = self.gaps(leaver, key, &held, successor)?;
        let successor = successor.and_then(|key| self.people.get(&key));
        Ok(PlanItem {
            contact,
            leaver: leaver.member.id,
            leaver_name: leaver.member.name.clone(),
            owned: held.owned,
            successor: successor.map(|member| member.id),
            successor_name: successor.map(|member| member.name.clone()),
            notes: held.figures.notes,
            insights: held.figures.insights,
            latest: held.figures.latest.map(time::from_micros).transpose()?,
            promises: held.promises,
            private_notes: held.private_notes,
            fate,
            gaps,
        })
    }

    /// Who takes a contact over. What a leaver merely promised goes to who owns the contact and stays.
    fn successor(&mut self, leaver: &Leaver, contact: i64, held: &Holdings) -> Result<Option<i64>> {
        let known = self.rules.named.get(&contact).or_else(|| self.rules.given.get(&contact));
        if let Some(known) = known {
            return Ok(Some(*known).filter(|known| *known != leaver.key));
        }
        if !held.owned
            && let Some((owner, _)) = owners_of(self.view, contact)?.iter().find(|(key, _)| self.stays(*key))
        {
            return Ok(Some(*owner));
        }
        let tagged = self.rules.tagged.get(&contact).copied().filter(|member| *member != leaver.key);
        let backup = held.keepers.iter().find(|k| self.rules.backups && self.is_backup(k, leaver)).map(|k| k.member);
        let chosen = tagged.or(backup).or_else(|| self.rules.next(leaver.key));
        if let Some(chosen) = chosen {
            self.rules.given.insert(contact, chosen);
        }
        Ok(chosen)
    }

    /// Whether somebody acts here, and is not among those who leave.
    fn stays(&self, member: i64) -> bool {
        !self.leaving.contains(&member) && self.people.get(&member).is_some_and(Member::acts_here)
    }

    fn is_backup(&self, keeper: &Keeper, leaver: &Leaver) -> bool {
        let holds = keeper.since <= self.at;
        keeper.role == Role::Backup && holds && keeper.member != leaver.key && self.stays(keeper.member)
    }

    fn name(&self, member: i64) -> String {
        self.people.get(&member).map(|member| member.name.clone()).unwrap_or_default()
    }

    fn gaps(&self, leaver: &Leaver, contact: i64, held: &Holdings, successor: Option<i64>) -> Result<Vec<Gap>> {
        let mut gaps = Vec::new();
        if successor.is_none() {
            gaps.push(if self.rules.name(contact, leaver.key) { Gap::TheirsAlready } else { Gap::NoSuccessor });
        }
        gaps.extend(self.other_handoffs.get(&contact).cloned());
        if !held.owned {
            return Ok(gaps);
        }
        for keeper in held.keepers.iter().filter(|k| k.role == Role::Owner && k.since > self.at) {
            gaps.push(Gap::OwnedLater {
                member_name: self.name(keeper.member),
                since: time::from_micros(keeper.since)?,
            });
        }
        self.gaps_of_knowledge(leaver, held, &mut gaps)?;
        let spare = |k: &&Keeper| {
            let second = matches!(k.role, Role::Backup | Role::Owner) && k.member != leaver.key && k.since <= self.at;
            second && Some(k.member) != successor && self.stays(k.member)
        };
        if held.keepers.iter().find(spare).is_none() {
            gaps.push(Gap::NoBackup);
        }
        for keeper in held.keepers.iter().filter(|k| k.role == Role::Cover && k.since <= self.at) {
            if let Some(until) = keeper.until {
                gaps.push(Gap::CoverEnds { member_name: self.name(keeper.member), until: time::from_micros(until)? });
            }
        }
        Ok(gaps)
    }

    fn gaps_of_knowledge(&self, leaver: &Leaver, held: &Holdings, gaps: &mut Vec<Gap>) -> Result<()> {
        let Some(latest) = held.figures.latest else {
            gaps.push(if held.private_notes == 0 { Gap::NoNotes } else { Gap::PrivateOnly });
            return Ok(());
        };
        if held.figures.only_in_words_of(|member| member == leaver.key || self.leaving.contains(&member)) {
            gaps.push(Gap::OneVoice);
        }
        let since = time::from_micros(latest)?;
        if time::from_micros(self.at)? - since > TimeDelta::days(i64::from(self.wishes.stale_after_days)) {
            gaps.push(Gap::Quiet { since });
        }
        Ok(())
    }
}

/// The contacts that stand in a handoff which is not completed.
fn other_handoffs(view: &View<'_>) -> Result<HashMap<i64, Gap>> {
    let mut found = HashMap::new();
    view.sql().each(
        "SELECT i.contact, h.id, h.reason, h.offered_at FROM handoff h JOIN handoff_item i ON i.handoff = h.key
         WHERE h.state = 'offered' AND i.state <> 'kept'",
        &[],
        |row| {
            let (handoff, reason) = (HandoffId(row.uuid(1)?), row.string(2)?);
            let gap = Gap::InAnotherHandoff { handoff, reason, offered_at: time::from_micros(row.int(3)?)? };
            found.insert(row.int(0)?, gap);
            Ok(())
        },
    )?;
    Ok(found)
}

/// The rules for who takes over, with ids and tags looked up; members and contacts by their keys.
#[derive(Default)]
struct Rules {
    /// Who takes over a contact, by word about that contact.
    named: HashMap<i64, i64>,
    /// Who does by its tag.
    tagged: HashMap<i64, i64>,
    /// Each tag that was named, and the contacts that carry it.
    tags: Vec<(String, HashSet<i64>)>,
    /// To whom a contact was given already, in this plan.
    given: HashMap<i64, i64>,
    backups: bool,
    rest: Vec<i64>,
    turn: usize,
}

impl Rules {
    fn read(view: &View<'_>, rules: &[Rule]) -> Result<Self> {
        let (sql, mut read) = (view.sql(), Self::default());
        for rule in rules {
            match rule {
                Rule::Backups => read.backups = true,
                Rule::Rest(team) => {
                    let mut met = HashSet::new();
                    let once = team.iter().filter(|member| met.insert(**member));
                    read.rest = once.map(|member| member_key(sql, *member)).collect::<Result<_>>()?;
                }
                Rule::Contacts(contacts, successor) => {
                    let successor = member_key(sql, *successor)?;
                    for contact in contacts {
                        read.named.insert(view.contact_key(*contact)?, successor);
                    }
                }
                Rule::Tag(tag, successor) => {
                    let successor = member_key(sql, *successor)?;
                    let carrying = "SELECT contact FROM contact_tag WHERE tag_key = $1";
                    let carrying = sql.all(carrying, &[Value::Text(&fold(tag))], |row| row.int(0))?;
                    read.tagged.extend(carrying.iter().map(|contact| (*contact, successor)));
                    read.tags.push((tag.clone(), carrying.into_iter().collect()));
                }
            }
        }
        Ok(read)
    }

    /// Whether the words give a contact to this member.
    fn name(&self, contact: i64, member: i64) -> bool {
        self.named.get(&contact).or_else(|| self.tagged.get(&contact)) == Some(&member) || self.rest.contains(&member)
    }

    /// Whose turn it is among the rest.
    fn next(&mut self, leaver: i64) -> Option<i64> {
        let candidates = self.rest.len();
        let found = (0..candidates).map(|ahead| self.turn + ahead).find_map(|turn| {
            let member = *self.rest.get(turn % candidates)?;
            (member != leaver).then_some((turn, member))
        });
        let (turn, member) = found?;
        self.turn = turn + 1;
        Some(member)
    }
}
