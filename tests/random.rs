//! Random sequences of calls, after which everything that must always hold still holds.
//!
//! A sequence that breaks something is made as short as it can be and printed. `HEIRLOOM_SEED` throws the same sequences
//! again; `HEIRLOOM_LONG=1` runs many more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::manual_is_multiple_of,
    reason = "tests fail by panicking, and tell what they did"
)]

mod dice;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{self, Arc};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use heirloom::{
    Actor, AgencyId, AssignmentId, Channel, ContactId, DayOfYear, Direction, Durability, Entry, EntryId, Error,
    Fate as FateOfNotes, FollowUpId, HandoffId, HandoffItem, HandoffState, Head, ItemState, MemberId, Memory,
    NewAttachment, NewContact, NewHandle, NewMember, NoteId, NoteKind, Once, OpenMatter, Plan, QuestionId, Result,
    Role, Sensitivity, Stage as HandoffStage, Visibility, When, Writer,
};
use proptest::prelude::{Strategy, any, prop, prop_oneof};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use uuid::Uuid;

/// The noon of 1 June 2025, when every sequence begins.
const BEGIN: i64 = 1_748_779_200_000_000;
const HOUR: i64 = 3_600_000_000;

const NAMES: [&str; 6] = ["Sally Marsh", "Ben Ito", "Zoë Çelik", "李明", "Ana de la Cruz", "Corner Table GmbH"];
const TAGS: [&str; 4] = ["regular", "Regular", "VIP", "été"];
const FIELDS: [&str; 3] = ["company", "job_title", "allergy"];
const TEXTS: [&str; 6] = [
    "Stops by when she reaches her weekly weight goal",
    "bought several thousand bottles",
    "asked about the \"gluten free\" menu * NEAR(",
    "Très content du service",
    "週に一度来る",
    "complained about the noise",
];

/// What one call does; the numbers of a [`Call`] say with what.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Deed {
    AddContact,
    UpsertContact,
    RenameContact,
    SetAudience,
    SetField,
    SetDate,
    Wish,
    Tag,
    Untag,
    Link,
    Unlink,
    Identify,
    AttachToContact,
    AddHandle,
    RenameHandle,
    EndHandle,
    Note,
    CorrectNote,
    ReclassifyNote,
    RetractNote,
    AddAgency,
    AddMember,
    RenameMember,
    Depart,
    WelcomeBack,
    DepartAgency,
    WelcomeAgencyBack,
    ReleaseNote,
    SealNote,
    OpenNote,
    Own,
    OwnOnTerms,
    StandIn,
    Transfer,
    TransferAll,
    Unassign,
    NameCause,
    FollowUp,
    HandOn,
    Reschedule,
    Finish,
    DropFollowUp,
    Reopen,
    Plan,
    Offer,
    Accept,
    AcceptAll,
    Decline,
    OfferTo,
    Keep,
    Ask,
    Answer,
    Advance,
    Complete,
    Withdraw,
    Undo,
    HandOver,
    Nonsense,
}

const DEEDS: [Deed; 58] = [
    Deed::AddContact,
    Deed::UpsertContact,
    Deed::RenameContact,
    Deed::SetAudience,
    Deed::SetField,
    Deed::SetDate,
    Deed::Wish,
    Deed::Tag,
    Deed::Untag,
    Deed::Link,
    Deed::Unlink,
    Deed::Identify,
    Deed::AttachToContact,
    Deed::AddHandle,
    Deed::RenameHandle,
    Deed::EndHandle,
    Deed::Note,
    Deed::CorrectNote,
    Deed::ReclassifyNote,
    Deed::RetractNote,
    Deed::AddAgency,
    Deed::AddMember,
    Deed::RenameMember,
    Deed::Depart,
    Deed::WelcomeBack,
    Deed::DepartAgency,
    Deed::WelcomeAgencyBack,
    Deed::ReleaseNote,
    Deed::SealNote,
    Deed::OpenNote,
    Deed::Own,
    Deed::OwnOnTerms,
    Deed::StandIn,
    Deed::Transfer,
    Deed::TransferAll,
    Deed::Unassign,
    Deed::NameCause,
    Deed::FollowUp,
    Deed::HandOn,
    Deed::Reschedule,
    Deed::Finish,
    Deed::DropFollowUp,
    Deed::Reopen,
    Deed::Plan,
    Deed::Offer,
    Deed::Accept,
    Deed::AcceptAll,
    Deed::Decline,
    Deed::OfferTo,
    Deed::Keep,
    Deed::Ask,
    Deed::Answer,
    Deed::Advance,
    Deed::Complete,
    Deed::Withdraw,
    Deed::Undo,
    Deed::HandOver,
    Deed::Nonsense,
];

/// What leads to a handoff, or happens between its steps; what it needs most comes most often.
const DEEDS_OF_LEAVING: [Deed; 46] = [
    Deed::Own,
    Deed::HandOver,
    Deed::HandOver,
    Deed::Plan,
    Deed::Offer,
    Deed::Offer,
    Deed::AcceptAll,
    Deed::AcceptAll,
    Deed::Complete,
    Deed::Complete,
    Deed::AddContact,
    Deed::Tag,
    Deed::Note,
    Deed::RetractNote,
    Deed::AddAgency,
    Deed::AddMember,
    Deed::Depart,
    Deed::WelcomeBack,
    Deed::DepartAgency,
    Deed::WelcomeAgencyBack,
    Deed::ReleaseNote,
    Deed::OpenNote,
    Deed::Own,
    Deed::StandIn,
    Deed::Transfer,
    Deed::Unassign,
    Deed::FollowUp,
    Deed::HandOn,
    Deed::Reschedule,
    Deed::Finish,
    Deed::DropFollowUp,
    Deed::Reopen,
    Deed::Plan,
    Deed::Offer,
    Deed::Accept,
    Deed::AcceptAll,
    Deed::Decline,
    Deed::OfferTo,
    Deed::Keep,
    Deed::Ask,
    Deed::Answer,
    Deed::Advance,
    Deed::Complete,
    Deed::Withdraw,
    Deed::Undo,
    Deed::HandOver,
];

impl Deed {
    /// Whether it is one call of a handoff or about a promise, which does all or nothing.
    fn does_all_or_nothing(self) -> bool {
        let first = DEEDS_OF_LEAVING.iter().position(|deed| *deed == Deed::FollowUp).unwrap();
        DEEDS_OF_LEAVING[first..].contains(&self) && self != Deed::HandOver
    }
}

/// One call of a writer: what, and which of what stands.
#[derive(Clone, Copy)]
struct Call {
    deed: Deed,
    a: u8,
    b: u8,
    c: u8,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({}, {}, {})", self.deed, self.a, self.b, self.c)
    }
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// A call that fails is passed over, and the rest is kept.
    Kept,
    /// The first call that fails ends the write.
    Strict,
    /// After its calls the closure fails.
    Abandoned,
    /// It carries an idempotency key, one of few.
    Once(u8),
    /// The closure panics.
    Panics,
}

/// One write: who, how much later (or earlier) than the one before, what, and what becomes of it.
#[derive(Clone)]
struct Step {
    actor: u8,
    hours: i8,
    calls: Vec<Call>,
    fate: Fate,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by {} after {} h, {:?}: {:?}", self.actor, self.hours, self.fate, self.calls)
    }
}

fn steps(deeds: &'static [Deed]) -> impl Strategy<Value = Vec<Step>> {
    let call = (prop::sample::select(deeds), any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(deed, a, b, c)| Call {
        deed,
        a,
        b,
        c,
    });
    let fate = prop_oneof![
        6 => proptest::strategy::Just(Fate::Kept),
        2 => proptest::strategy::Just(Fate::Strict),
        1 => proptest::strategy::Just(Fate::Abandoned),
        1 => (0..4_u8).prop_map(Fate::Once),
        1 => proptest::strategy::Just(Fate::Panics),
    ];
    let step = (any::<u8>(), -40..80_i8, prop::collection::vec(call, 0..10), fate)
        .prop_map(|(actor, hours, calls, fate)| Step { actor, hours, calls, fate });
    prop::collection::vec(step, 1..30)
}

/// A note as the model remembers it.
#[derive(Clone, Debug)]
struct NoteKept {
    id: NoteId,
    text: String,
    about: BTreeSet<ContactId>,
    author: String,
    private_to: Option<MemberId>,
    private: bool,
    sealed: bool,
    retracted: bool,
}

/// A contact as the model remembers it.
#[derive(Clone, Debug)]
struct ContactKept {
    id: ContactId,
    name: String,
    audience: String,
    fields: BTreeMap<String, String>,
    tags: BTreeSet<String>,
    dates: BTreeMap<String, DayOfYear>,
    wishes: BTreeMap<Option<Channel>, String>,
    links: BTreeSet<(String, ContactId)>,
    external_ids: BTreeSet<String>,
    handles: BTreeSet<(Channel, String)>,
}

/// A promise as the model remembers it.
#[derive(Clone, Debug)]
struct PromiseKept {
    id: FollowUpId,
    contact: ContactId,
    first_owner: MemberId,
    owner: MemberId,
    due: Option<When>,
    open: bool,
}

/// A handoff as the model remembers it, with what is to be given back when it is taken back.
#[derive(Clone, Debug)]
struct HandoffKept {
    id: HandoffId,
    /// The private notes that the leavers alone read when it was offered.
    private: Vec<(NoteId, MemberId)>,
    /// From whom each promise went, and to whom.
    promises: BTreeMap<FollowUpId, (MemberId, MemberId)>,
    /// Who read each private note before, and who does since; nobody where it was sealed.
    readers: BTreeMap<NoteId, (MemberId, Option<MemberId>)>,
}

/// What should stand in the memory, as plain lists.
#[derive(Clone, Debug, Default)]
struct Model {
    contacts: Vec<ContactKept>,
    notes: Vec<NoteKept>,
    members: Vec<(MemberId, String, bool)>,
    agencies: Vec<AgencyId>,
    /// Who departed with each agency that is away.
    away: BTreeMap<AgencyId, Vec<MemberId>>,
    assignments: Vec<AssignmentId>,
    note_ids: BTreeMap<String, NoteId>,
    promises: Vec<PromiseKept>,
    plans: Vec<Plan>,
    handoffs: Vec<HandoffKept>,
    questions: Vec<QuestionId>,
    /// To whom something was offered last.
    awaited: Option<MemberId>,
    /// The heads that receipts quote.
    receipts: Vec<Head>,
}

impl Model {
    fn contact(&self, which: u8) -> ContactId {
        match self.contacts.len() {
            0 => ContactId::from(Uuid::from_u128(u128::from(which))),
            count => self.contacts[usize::from(which) % count].id,
        }
    }

    fn kept(&mut self, id: ContactId) -> &mut ContactKept {
        self.contacts.iter_mut().find(|contact| contact.id == id).unwrap()
    }

    fn member(&self, which: u8) -> MemberId {
        self.members[usize::from(which) % self.members.len()].0
    }

    /// A member who is here and who is none of these, where there is one.
    fn another(&self, which: u8, than: &[MemberId]) -> MemberId {
        let here = self.members.iter().filter(|(id, _, departed)| !departed && !than.contains(id));
        let here: Vec<MemberId> = here.map(|member| member.0).collect();
        here.get(usize::from(which) % here.len().max(1)).copied().unwrap_or(self.member(which))
    }

    fn agency(&self, which: u8) -> AgencyId {
        match self.agencies.len() {
            0 => AgencyId::from(Uuid::from_u128(u128::from(which))),
            count => self.agencies[usize::from(which) % count],
        }
    }

    /// Says whether a member has departed, and returns whether they had.
    fn set_departed(&mut self, id: MemberId, departed: bool) -> bool {
        let member = self.members.iter_mut().find(|member| member.0 == id).unwrap();
        std::mem::replace(&mut member.2, departed)
    }

    fn note(&self, which: u8) -> NoteId {
        match self.notes.len() {
            0 => NoteId::from(Uuid::from_u128(u128::from(which))),
            count => self.notes[usize::from(which) % count].id,
        }
    }

    fn promise(&self, which: u8) -> FollowUpId {
        match self.promises.len() {
            0 => FollowUpId::from(Uuid::from_u128(u128::from(which))),
            count => self.promises[usize::from(which) % count].id,
        }
    }

    fn promised(&mut self, id: FollowUpId) -> &mut PromiseKept {
        self.promises.iter_mut().find(|promise| promise.id == id).unwrap()
    }

    /// Who would leave by the last plan.
    fn leaver(&self) -> Option<MemberId> {
        Some(self.plans.last()?.items.first()?.leaver)
    }

    /// The handoff that was offered last but so many.
    fn handoff(&self, which: u8) -> HandoffId {
        match self.handoffs.len() {
            0 => HandoffId::from(Uuid::from_u128(u128::from(which))),
            count => self.handoffs[count - 1 - usize::from(which) % count.min(4)].id,
        }
    }

    /// Hands the open promises of one member to a contact to another, and returns which.
    fn hand_promises(&mut self, contact: ContactId, from: MemberId, to: MemberId) -> Vec<FollowUpId> {
        let held = |promise: &&mut PromiseKept| promise.open && promise.contact == contact && promise.owner == from;
        let handed = self.promises.iter_mut().filter(held).filter(|_| from != to).map(|promise| {
            promise.owner = to;
            promise.id
        });
        handed.collect()
    }

    /// Lets a note have another reader, or none where it is sealed. Nobody has decided on it in a handoff since.
    fn read_by(&mut self, id: NoteId, reader: Option<MemberId>) {
        let note = self.notes.iter_mut().find(|note| note.id == id).unwrap();
        if reader.is_some() && reader != note.private_to {
            self.handoffs.iter_mut().for_each(|handoff| handoff.private.retain(|(private, _)| *private != id));
        }
        (note.private_to, note.sealed) = (reader, reader.is_none());
    }

    /// Forgets who read a note before the handoffs that took it, unless what is done about it changes nothing: what came to
    /// it since is for who reads it today alone, and no undoing gives it back.
    fn touch_unless(&mut self, id: NoteId, is_same: impl Fn(&NoteKept) -> bool) {
        if !self.notes.iter().any(|note| note.id == id && is_same(note)) {
            self.handoffs.iter_mut().for_each(|handoff| handoff.readers.retain(|note, _| *note != id));
        }
    }

    /// Lets the promises go to the successors, as a stage or the completion of a handoff does.
    fn hand_all_promises<'i>(&mut self, handoff: HandoffId, items: impl IntoIterator<Item = &'i HandoffItem>) {
        for item in items {
            for promise in self.hand_promises(item.contact.id, item.leaver, item.successor) {
                let kept = self.handoffs.iter_mut().find(|kept| kept.id == handoff).unwrap();
                let went = kept.promises.entry(promise).or_insert((item.leaver, item.successor));
                went.1 = item.successor;
            }
        }
    }

    /// Lets private notes meet their fate: those that the leaver alone read at the offer and still does. Of a note about
    /// several contacts the most careful fate counts, and it is released to the successor for the first of them; it stays
    /// with the leaver where one of them does.
    fn dispose(&mut self, handoff: HandoffId, items: &[HandoffItem]) {
        let at = self.handoffs.iter().position(|kept| kept.id == handoff).unwrap();
        for (id, leaver) in self.handoffs[at].private.clone() {
            let note = self.notes.iter().find(|note| note.id == id).unwrap();
            let of_note = items.iter().filter(|i| i.leaver == leaver && note.about.contains(&i.contact.id));
            let of_note: Vec<&HandoffItem> = of_note.collect();
            let fated = |fate| of_note.iter().any(|item| item.fate == fate);
            if note.private_to != Some(leaver) || note.retracted || of_note.is_empty() || fated(FateOfNotes::Withhold) {
                continue;
            }
            if note.about.iter().any(|contact| of_note.iter().all(|item| item.contact.id != *contact)) {
                continue;
            }
            let reader = Some(of_note[0].successor).filter(|_| !fated(FateOfNotes::Seal));
            self.handoffs[at].readers.insert(id, (leaver, reader));
            self.read_by(id, reader);
        }
    }

    /// Gives back the promises to a contact that a stage of a handoff took, to those who are here.
    fn hand_back(&mut self, handoff: HandoffId, contact: ContactId) {
        let kept = self.handoffs.iter().find(|kept| kept.id == handoff).unwrap();
        for (id, (from, to)) in &kept.promises {
            let promise = self.promises.iter_mut().find(|promise| promise.id == *id).unwrap();
            let is_here = self.members.iter().any(|(member, _, departed)| member == from && !departed);
            if promise.contact == contact && promise.open && promise.owner == *to && is_here {
                promise.owner = *from;
            }
        }
    }

    /// Gives back what a handoff took, where nothing else has become of it.
    fn take_back(&mut self, handoff: HandoffId) {
        let kept = self.handoffs.iter_mut().find(|kept| kept.id == handoff).unwrap();
        for (id, (from, to)) in std::mem::take(&mut kept.promises) {
            let promise = self.promises.iter_mut().find(|promise| promise.id == id).unwrap();
            if promise.open && promise.owner == to {
                promise.owner = from;
            }
        }
        for (id, (from, to)) in std::mem::take(&mut kept.readers) {
            if self.notes.iter().any(|note| note.id == id && !note.retracted && note.private_to == to) {
                self.read_by(id, Some(from));
            }
        }
    }

    fn actor(&self, which: u8) -> Actor {
        match which % 8 {
            0 => Actor::system("nightly"),
            1 => Actor::import("hubspot"),
            2 => Actor::agent("scribe"),
            3 => Actor::agent_of("scribe", self.member(which / 8)),
            // Who has to say something in a handoff does so more often than others.
            6 => Actor::Member(self.leaver().unwrap_or(self.member(which / 8))),
            7 => Actor::Member(self.awaited.unwrap_or(self.member(which / 8))),
            _ => Actor::Member(self.member(which / 8)),
        }
    }
}

fn pick<'t>(from: &[&'t str], which: u8) -> &'t str {
    from[usize::from(which) % from.len()]
}

fn address(which: u8) -> (Channel, String) {
    let number = which / 4 % 6;
    match which % 4 {
        0 => (Channel::Email, format!("guest{number}@mail.example")),
        1 => (Channel::X, format!("@guest{number}")),
        2 => (Channel::Phone, format!("+1415555267{number}")),
        _ => (Channel::Instagram, format!("https://instagram.com/guest{number}/")),
    }
}

fn picture(which: u8) -> NewAttachment {
    NewAttachment::new(format!("{}.txt", which % 3), "text/plain", vec![which % 5; usize::from(which % 5) * 100])
}

fn new_contact(a: u8, b: u8, c: u8) -> (NewContact, ContactKept) {
    let name = pick(&NAMES, a);
    let mut new = if a % 5 == 0 { NewContact::organisation(name) } else { NewContact::person(name) };
    let mut kept = ContactKept {
        id: ContactId::from(Uuid::nil()),
        name: name.to_owned(),
        audience: "customer".to_owned(),
        fields: BTreeMap::new(),
        tags: BTreeSet::new(),
        dates: BTreeMap::new(),
        wishes: BTreeMap::new(),
        links: BTreeSet::new(),
        external_ids: BTreeSet::new(),
        handles: BTreeSet::new(),
    };
    if b % 2 == 0 {
        new = new.tag(pick(&TAGS, b / 2));
        kept.tags.insert(pick(&TAGS, b / 2).to_lowercase().replace("été", "ete"));
    }
    if b % 3 == 0 {
        new = new.field(pick(&FIELDS, b / 3), pick(&TEXTS, c));
        kept.fields.insert(pick(&FIELDS, b / 3).to_owned(), pick(&TEXTS, c).to_owned());
    }
    if c % 2 == 0 {
        let (channel, address) = address(c / 2);
        new = new.handle(channel, address.clone());
        kept.handles.insert((channel, address));
    }
    if c % 3 == 0 {
        let day = DayOfYear::new((c % 2 == 0).then_some(1985), 1 + u32::from(a % 12), 1 + u32::from(b % 28)).unwrap();
        new = new.date("birthday", day);
        kept.dates.insert("birthday".to_owned(), day);
    }
    if c % 5 == 0 {
        new = new.do_not_contact(Channel::Phone, "at work");
        kept.wishes.insert(Some(Channel::Phone), "at work".to_owned());
    }
    (new, kept)
}

/// Carries out one call, and tells the model when it succeeded.
fn carry_out(memory: &Memory, w: &mut Writer<'_>, m: &mut Model, Call { deed, a, b, c }: Call) -> Result<()> {
    let at = w.at();
    let later = |hours: u8| at + TimeDelta::hours(i64::from(hours));
    match deed {
        Deed::AddContact => {
            let (new, mut kept) = new_contact(a, b, c);
            kept.id = w.add_contact(new)?;
            m.contacts.push(kept);
        }
        Deed::UpsertContact => {
            let (new, mut kept) = new_contact(a, b, c);
            let id = format!("h{}", a % 4);
            kept.id = w.upsert_contact(new.external_id("hubspot", &id))?;
            kept.external_ids.insert(id);
            match m.contacts.iter_mut().find(|known| known.id == kept.id) {
                None => m.contacts.push(kept),
                Some(known) => {
                    known.name = kept.name;
                    known.fields.extend(kept.fields);
                    known.tags.extend(kept.tags);
                    known.dates.extend(kept.dates);
                    known.wishes.extend(kept.wishes);
                    known.handles.extend(kept.handles);
                }
            }
        }
        Deed::RenameContact => {
            w.rename_contact(m.contact(a), pick(&NAMES, b))?;
            m.kept(m.contact(a)).name = pick(&NAMES, b).to_owned();
        }
        Deed::SetAudience => {
            let audience = pick(&["customer", "press", "supplier"], b);
            w.set_audience(m.contact(a), audience)?;
            m.kept(m.contact(a)).audience = audience.to_owned();
        }
        Deed::SetField => {
            let (contact, name) = (m.contact(a), pick(&FIELDS, b));
            let value = (c % 4 != 0).then(|| pick(&TEXTS, c / 4));
            w.set_field(contact, name, value)?;
            match value {
                Some(value) => m.kept(contact).fields.insert(name.to_owned(), value.to_owned()),
                None => m.kept(contact).fields.remove(name),
            };
        }
        Deed::SetDate => {
            let (contact, label) = (m.contact(a), pick(&["birthday", "anniversary"], b));
            let day = match c % 3 {
                0 => None,
                1 => Some(DayOfYear::new(None, 2, 29).unwrap()),
                _ => Some(DayOfYear::new(Some(1960 + i32::from(c)), 1 + u32::from(c % 12), 28).unwrap()),
            };
            w.set_date(contact, label, day)?;
            match day {
                Some(day) => m.kept(contact).dates.insert(label.to_owned(), day),
                None => m.kept(contact).dates.remove(label),
            };
        }
        Deed::Wish => {
            let contact = m.contact(a);
            let channel = [None, Some(Channel::Email), Some(Channel::Phone)][usize::from(b) % 3];
            if c % 2 == 0 {
                w.do_not_contact(contact, channel, pick(&["", "asked us not to"], c / 2))?;
                m.kept(contact).wishes.insert(channel, pick(&["", "asked us not to"], c / 2).to_owned());
            } else {
                w.may_contact(contact, channel)?;
                m.kept(contact).wishes.remove(&channel);
            }
        }
        Deed::Tag | Deed::Untag => {
            let (contact, tag) = (m.contact(a), pick(&TAGS, b));
            let key = tag.to_lowercase().replace("été", "ete");
            if deed == Deed::Tag {
                let changed = w.tag(contact, tag)?;
                assert_eq!(changed, m.kept(contact).tags.insert(key), "tag says whether it changed anything");
            } else {
                let changed = w.untag(contact, tag)?;
                assert_eq!(changed, m.kept(contact).tags.remove(&key), "untag says whether it changed anything");
            }
        }
        Deed::Link | Deed::Unlink => {
            let (contact, other) = (m.contact(a), m.contact(b));
            let link = (pick(&["knows", "works_at"], c).to_owned(), other);
            if deed == Deed::Link {
                let changed = w.link(contact, &link.0, other)?;
                assert_eq!(changed, m.kept(contact).links.insert(link), "link says whether it changed anything");
            } else {
                let changed = w.unlink(contact, &link.0, other)?;
                assert_eq!(changed, m.kept(contact).links.remove(&link), "unlink says whether it changed anything");
            }
        }
        Deed::Identify => {
            let (contact, id) = (m.contact(a), format!("h{}", b % 4));
            w.identify(contact, "hubspot", &id)?;
            m.kept(contact).external_ids.insert(id);
        }
        Deed::AttachToContact => drop(w.attach(m.contact(a), picture(b))?),
        Deed::AddHandle => {
            let (contact, (channel, address)) = (m.contact(a), address(b));
            let mut handle = NewHandle::new(channel, address.clone());
            if c % 2 == 0 {
                handle = handle.network_id(format!("{}", c / 2 % 3));
            }
            if c % 3 == 0 {
                handle = handle.label("work").since(later(c));
            }
            w.add_handle(contact, handle)?;
            m.kept(contact).handles.insert((channel, address.clone()));
            let found = w.view().by_handle(channel, &address)?;
            assert!(found.iter().any(|hit| hit.contact.id == contact && hit.current), "found by {address} at once");
        }
        Deed::RenameHandle => {
            let (contact, (channel, from)) = (m.contact(a), address(b));
            let to = address(c / 4 * 4 + b % 4).1;
            w.rename_handle(contact, channel, &from, &to)?;
            m.kept(contact).handles.insert((channel, to.clone()));
            let found = w.view().by_handle(channel, &to)?;
            assert!(found.iter().any(|hit| hit.contact.id == contact && hit.current), "found by the name {to} at once");
        }
        Deed::EndHandle => {
            let (contact, (channel, address)) = (m.contact(a), address(b));
            w.end_handle(contact, channel, &address)?;
        }
        Deed::Note => note(w, m, a, b, c)?,
        Deed::CorrectNote => {
            let (id, text) = (m.note(a), format!("{} {}", pick(&TEXTS, b), c));
            w.correct_note(id, &text, (c % 2 == 0).then_some("misheard"))?;
            m.touch_unless(id, |note| note.text == text);
            m.notes.iter_mut().find(|note| note.id == id).unwrap().text = text;
        }
        Deed::ReclassifyNote => {
            let kind = NoteKind::ALL[usize::from(b) % NoteKind::ALL.len()];
            let sensitivity = Sensitivity::ALL[usize::from(c) % Sensitivity::ALL.len()];
            let id = m.note(a);
            let of_note = |w: &Writer<'_>| w.view().history(id).map(|entries| entries.len());
            let before = of_note(w);
            w.reclassify_note(id, (b % 3 != 0).then_some(kind), (c % 3 != 0).then_some(sensitivity))?;
            let is_same = of_note(w)? == before?;
            m.touch_unless(id, |_| is_same);
        }
        Deed::RetractNote => {
            let id = m.note(a);
            w.retract_note(id, (b % 2 == 0).then_some("was about somebody else"))?;
            m.notes.iter_mut().find(|note| note.id == id).unwrap().retracted = true;
        }
        Deed::AddAgency => m.agencies.push(w.add_agency("Loud & Clear", (a % 2 == 0).then_some(at), Some(later(b)))?),
        Deed::AddMember => {
            let name = format!("{} {}", pick(&["Mia", "Tom", "Ada"], a), b % 10);
            let mut new = NewMember::new(&name).email(format!("{}@agency.example", b));
            if let (Some(agency), true) = (m.agencies.last(), c % 2 == 0) {
                new = new.of_agency(*agency);
            }
            let member = w.add_member(new)?;
            m.members.push((member.id, name, false));
        }
        Deed::RenameMember => {
            let (id, name) = (m.member(a), format!("{} Married {}", pick(&["Mia", "Tom", "Ada"], b), c % 10));
            w.rename_member(id, &name)?;
            m.members.iter_mut().find(|member| member.0 == id).unwrap().1 = name;
        }
        Deed::Depart => {
            let id = m.member(a);
            let book = w.view().book(id)?;
            w.depart(id, (b % 2 == 0).then_some("the contract ended"))?;
            m.members.iter_mut().find(|member| member.0 == id).unwrap().2 = true;
            assert!(w.view().book(id)?.is_empty(), "who departs owns nothing");
            for contact in book {
                assert!(w.view().owner_at(contact.id, at)?.is_some(), "the only owner of {} has left", contact.name);
            }
        }
        Deed::WelcomeBack => {
            let id = m.member(a);
            w.welcome_back(id)?;
            m.members.iter_mut().find(|member| member.0 == id).unwrap().2 = false;
        }
        Deed::DepartAgency => {
            let agency = m.agency(a);
            let people: Vec<MemberId> = w.view().members_of(agency)?.iter().map(|member| member.id).collect();
            w.depart(agency, (b % 2 == 0).then_some("the contract ended"))?;
            assert!(w.view().agency(agency)?.has_departed(), "an agency that departed is away");
            let with_it = people.into_iter().filter(|id| !m.set_departed(*id, true)).collect();
            assert!(m.away.insert(agency, with_it).is_none(), "an agency departed twice");
        }
        Deed::WelcomeAgencyBack => {
            let agency = m.agency(a);
            w.welcome_back(agency)?;
            for id in m.away.remove(&agency).unwrap() {
                assert!(m.set_departed(id, false), "who is here was welcomed back");
            }
        }
        Deed::ReleaseNote | Deed::OpenNote => {
            let (id, to) = (m.note(a), m.member(b));
            let sealed = m.notes.iter().any(|note| note.id == id && note.sealed);
            match deed {
                Deed::OpenNote => w.open_note(id, to, "a question came up")?,
                _ => w.release_note(id, to, (c % 2 == 0).then_some("looks after them"))?,
            }
            assert_eq!(sealed, matches!(deed, Deed::OpenNote), "a sealed note is opened, another is released");
            m.touch_unless(id, |note| note.private_to == Some(to));
            m.read_by(id, Some(to));
        }
        Deed::SealNote => {
            let id = m.note(a);
            w.seal_note(id, (c % 2 == 0).then_some("nobody's business"))?;
            m.touch_unless(id, |note| note.sealed);
            m.read_by(id, None);
        }
        Deed::Own => {
            let (contact, member) = (m.contact(a), m.member(b));
            m.assignments.push(w.assign(contact, member, Role::Owner)?);
            assert_eq!(w.view().owner_at(contact, at)?.map(|owner| owner.member), Some(member));
        }
        Deed::OwnOnTerms => {
            let terms = match c % 4 {
                0 => Role::Owner.until(later(c)),
                1 => Role::Owner.starting(later(c)),
                2 => Role::Owner.starting(later(c)).until(later(c.saturating_add(20))),
                _ => Role::Owner.starting(at - TimeDelta::days(400)).until(at - TimeDelta::days(300)),
            };
            m.assignments.push(w.assign(m.contact(a), m.member(b), terms.because("the plan of the year"))?);
        }
        Deed::StandIn => {
            let terms = if c % 2 == 0 { Role::Cover.until(later(c)) } else { Role::Backup.because("holidays") };
            m.assignments.push(w.assign(m.contact(a), m.member(b), terms)?);
        }
        Deed::Transfer => {
            let (contact, member) = (m.contact(a), m.member(b));
            let from = w.view().owner_at(contact, at)?.map(|owner| owner.member);
            w.transfer(contact, member, (c % 2 == 0).then_some("moves to another team"))?;
            m.hand_promises(contact, from.unwrap(), member);
            assert_eq!(w.view().owner_at(contact, at)?.map(|owner| owner.member), Some(member));
        }
        Deed::TransferAll => {
            let (from, to) = (m.member(a), m.member(b));
            let book = w.view().book(from)?;
            let moved = w.transfer_all(book.iter().map(|contact| contact.id), to, Some("the handoff"))?;
            for contact in &book {
                m.hand_promises(contact.id, from, to);
            }
            if from != to {
                assert_eq!(moved, book.len() as u64, "each contact of the book changed hands");
                assert!(w.view().book(from)?.is_empty(), "a book handed over is empty");
            }
        }
        Deed::Unassign => {
            let role = [Role::Owner, Role::Backup, Role::Cover][usize::from(c) % 3];
            w.unassign(m.contact(a), m.member(b), role, (c % 2 == 0).then_some("asked for it"))?;
        }
        Deed::NameCause => {
            let last = w.last_entry();
            w.caused_by(last)?;
        }
        Deed::FollowUp | Deed::HandOn | Deed::Reschedule | Deed::Finish | Deed::DropFollowUp | Deed::Reopen => {
            promise(w, m, Call { deed, a, b, c })?
        }
        Deed::Plan => plan(memory, m, w.actor().member(), (a, b, c))?,
        Deed::Offer => offer(w, m, a).map(drop)?,
        Deed::HandOver => hand_over(memory, w, m, (a, b, c))?,
        Deed::Undo => undo(w, m, a).map(drop)?,
        Deed::Advance | Deed::Complete => {
            let stages = [HandoffStage::Shadow, HandoffStage::Share, HandoffStage::Hold];
            let stage = (deed == Deed::Advance).then_some(stages[usize::from(b) % 3]);
            go_on(w, m, m.handoff(a), stage)?;
        }
        Deed::Accept | Deed::AcceptAll | Deed::Decline | Deed::OfferTo | Deed::Keep | Deed::Ask | Deed::Answer => {
            answer(w, m, Call { deed, a, b, c })?
        }
        Deed::Withdraw => {
            w.withdraw(m.handoff(a), "they stay").map(drop)?;
            m.take_back(m.handoff(a));
        }
        Deed::Nonsense => {
            nonsense(w, m, a, b).expect_err("nonsense is refused");
        }
    }
    Ok(())
}

/// Writes a note with one of everything.
fn note(w: &mut Writer<'_>, m: &mut Model, a: u8, b: u8, c: u8) -> Result<()> {
    let mut about = vec![m.contact(a)];
    if b % 3 == 0 {
        about.push(m.contact(b));
    }
    let (text, private) = (format!("{} {c}", pick(&TEXTS, b)), c % 4 == 0);
    let author = w.actor().member();
    let author_name = match w.actor().clone() {
        Actor::Member(id) => w.view().member(id)?.name,
        Actor::Agent { name, on_behalf_of: Some(id) } => format!("{name} for {}", w.view().member(id)?.name),
        Actor::System(name) | Actor::Import(name) | Actor::Agent { name, .. } => name,
        other => panic!("{other} is an actor that this test does not know"),
    };
    let said_by = (c % 5 == 0).then(|| m.member(b));
    let mut draft = w
        .note_about(&about, &text)?
        .kind(NoteKind::ALL[usize::from(b) % NoteKind::ALL.len()])
        .sensitivity(Sensitivity::ALL[usize::from(c) % Sensitivity::ALL.len()])
        .channel((a % 2 == 0).then_some(Channel::X))
        .direction((b % 2 == 0).then_some(if c % 2 == 0 { Direction::In } else { Direction::Out }));
    if private {
        draft = draft.private();
    }
    draft = match (said_by, c % 5) {
        (Some(member), _) => draft.said_by(member),
        (None, 1) => draft.said_by(about[0]),
        (None, 2) => draft.said_by("the waiter of that night"),
        _ => draft,
    };
    if a % 3 == 0 {
        let day = NaiveDate::from_ymd_opt(2024, 1 + u32::from(c % 12), 1 + u32::from(b % 28)).unwrap();
        draft = draft.happened_at(day).permalink("https://x.com/guest/status/1");
    } else if a % 3 == 1 {
        draft = draft.happened_at(["2023", "2024-07", "2024-02-29T23:59:59.999999Z"][usize::from(b) % 3]);
    }
    if c % 7 == 0 {
        draft = draft.attach(picture(a)).attach(picture(b));
    }
    let external = (a % 5 == 0).then(|| format!("n{}", b % 4));
    if let Some(id) = &external {
        draft = draft.external_id("hubspot", id);
    }
    let id = draft.save()?;
    if let Some(external) = external {
        if let Some(known) = m.note_ids.get(&external) {
            assert_eq!(*known, id, "a note that another system has named stands once");
            return Ok(());
        }
        m.note_ids.insert(external, id);
    }
    m.notes.push(NoteKept {
        id,
        text,
        about: about.into_iter().collect(),
        author: author_name,
        private_to: author.or(said_by).filter(|_| private),
        private,
        sealed: false,
        retracted: false,
    });
    Ok(())
}

/// Makes a promise, or lets something become of one.
fn promise(w: &mut Writer<'_>, m: &mut Model, Call { deed, a, b, c }: Call) -> Result<()> {
    let why = (c % 2 == 0).then_some("for this and that");
    let due = [None, Some("2025-06"), Some("2025-06-20"), Some("2026")][usize::from(b) % 4];
    let due = due.map(|due| due.parse::<When>().unwrap());
    let id = m.promise(a);
    match deed {
        Deed::FollowUp => {
            let contact = m.contact(a);
            let mut draft = w.follow_up(contact, pick(&TEXTS, b));
            if let Some(due) = due {
                draft = draft.due(due);
            }
            if let Some(note) = m.notes.iter().find(|note| c % 3 == 0 && note.about.contains(&contact)) {
                draft = draft.from_note(note.id);
            }
            if c % 4 != 0 {
                draft = draft.owner(m.member(c / 4));
            }
            let id = draft.save()?;
            let owner = w.view().follow_up(id)?.owner.id;
            m.promises.push(PromiseKept { id, contact, first_owner: owner, owner, due, open: true });
        }
        Deed::HandOn => {
            w.hand_on_follow_up(id, m.member(b), why)?;
            m.promised(id).owner = m.member(b);
        }
        Deed::Reschedule => {
            w.reschedule_follow_up(id, due, why)?;
            m.promised(id).due = due;
        }
        Deed::Finish => {
            w.finish_follow_up(id, why)?;
            m.promised(id).open = false;
        }
        Deed::DropFollowUp => {
            w.drop_follow_up(id, why)?;
            m.promised(id).open = false;
        }
        _ => {
            w.reopen_follow_up(id, why)?;
            m.promised(id).open = true;
        }
    }
    Ok(())
}

/// Draws up a plan of what stood before the write, by some rules, and saves it for later.
fn plan(memory: &Memory, m: &mut Model, actor: Option<MemberId>, (a, b, c): (u8, u8, u8)) -> Result<()> {
    let taking = actor.filter(|_| b % 6 == 5);
    let leaver = m.another(a / 5, taking.as_slice());
    let planner = memory.handoff().reason(pick(&["the contract ends", "moves to Lagos"], a));
    let planner = match a % 5 {
        0 if !m.agencies.is_empty() => planner.of_agency(m.agency(a / 5)),
        1 => planner.of_contacts([m.contact(a / 5), m.contact(b)]),
        2 => planner.of_member(leaver).of_contacts([m.contact(c)]),
        _ => planner.of_member(leaver),
    };
    let (one, other) = (m.another(b / 6, &[leaver]), m.another(c, &[leaver]));
    let planner = match b % 6 {
        0 => planner.to(one),
        1 => planner.spread([one, other]),
        2 => planner.to_backups().to(one),
        3 => planner.tagged(pick(&TAGS, c), other).to(one),
        4 => planner.except([m.contact(c)], other).to(one),
        _ => planner.to(taking.unwrap_or(one)),
    };
    let fates = [FateOfNotes::Release, FateOfNotes::Seal, FateOfNotes::Withhold, FateOfNotes::Withhold];
    let planner = planner.private_notes(fates[usize::from(c) % 4]);
    let planner = match c / 4 % 4 {
        0 => planner.leave_out([m.contact(b)]),
        1 => planner.private_notes_about([m.contact(b)], FateOfNotes::ALL[usize::from(b) % 3]),
        2 => planner.stage(HandoffStage::Hold, DateTime::from_timestamp_micros(BEGIN).unwrap()),
        _ => planner,
    };
    let plan = planner.plan()?;
    let saved = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&saved).unwrap(), plan, "a plan that was saved is another");
    m.plans.push(plan);
    Ok(())
}

/// Offers one of the plans that were drawn up last, stale or not.
fn offer(w: &mut Writer<'_>, m: &mut Model, a: u8) -> Result<HandoffId> {
    let last = m.plans.iter().rev().nth(usize::from(a % 3)).or(m.plans.last());
    let Some(plan) = last.cloned() else { return Err(Error::Refused("there is no plan".to_owned())) };
    let id = w.offer(&plan)?;
    let items = w.view().handoff_items(id)?;
    assert_eq!(items.len(), plan.items.len(), "what is offered is what the plan says");
    for item in &items {
        let planned = plan.items.iter().find(|p| (p.contact.id, p.leaver) == (item.contact.id, item.leaver)).unwrap();
        assert_eq!((planned.successor, planned.fate), (Some(item.successor), item.fate), "an item of the plan");
    }
    let private = m.notes.iter().filter_map(|note| Some((note.id, note.private_to?)));
    let private = private.filter(|(_, reader)| items.iter().any(|item| item.leaver == *reader)).collect();
    m.awaited = items.last().map(|item| item.successor);
    m.handoffs.push(HandoffKept { id, private, promises: BTreeMap::new(), readers: BTreeMap::new() });
    Ok(id)
}

/// What a successor, or who leaves, says about a contact of a handoff.
fn answer(w: &mut Writer<'_>, m: &mut Model, Call { deed, a, b, c }: Call) -> Result<()> {
    let handoff = m.handoff(a);
    let items = w.view().handoff_items(handoff)?;
    let contact = items[usize::from(b) % items.len()].contact.id;
    match deed {
        Deed::Accept => w.accept(handoff, contact),
        Deed::AcceptAll => w.accept_all(handoff).map(drop),
        Deed::Decline => w.decline(handoff, contact, "we do not get on"),
        Deed::OfferTo => {
            w.offer_to(handoff, contact, m.member(c))?;
            m.awaited = Some(m.member(c));
            m.hand_back(handoff, contact);
            Ok(())
        }
        Deed::Keep => {
            w.keep(handoff, contact, "stays")?;
            m.hand_back(handoff, contact);
            Ok(())
        }
        Deed::Ask => w.ask(handoff, contact, pick(&TEXTS, c)).map(|question| m.questions.push(question)),
        _ => {
            let Some(question) = m.questions.get(usize::from(c) % m.questions.len().max(1)) else { return Ok(()) };
            let note = w.answer(*question, pick(&TEXTS, b))?;
            let note = w.view().note(note)?;
            let about = w.view().note_contacts(note.id)?.into_iter().map(|contact| contact.id).collect();
            let (text, author) = (note.text, note.recorded_by_name);
            let (id, private_to) = (note.id, None);
            let (private, sealed, retracted) = (false, false, false);
            m.notes.push(NoteKept { id, text, about, author, private_to, private, sealed, retracted });
            Ok(())
        }
    }
}

/// Brings a handoff to a stage, or to its end.
fn go_on(w: &mut Writer<'_>, m: &mut Model, handoff: HandoffId, stage: Option<HandoffStage>) -> Result<()> {
    let mut items = w.view().handoff_items(handoff)?;
    items.retain(|item| item.state == ItemState::Accepted);
    items.sort_by_key(|item| m.contacts.iter().position(|contact| contact.id == item.contact.id));
    match stage {
        Some(stage) => {
            w.advance(handoff, stage, Some("the Monday list"))?;
            let owned = items.iter().filter(|item| item.owned && stage == HandoffStage::Hold);
            m.hand_all_promises(handoff, owned);
        }
        None => {
            let receipt = w.complete(handoff)?;
            assert_eq!(w.view().receipt(handoff)?, receipt, "a receipt that is read again is another");
            m.hand_all_promises(handoff, &items);
            m.dispose(handoff, &items);
            m.receipts.push(receipt.head);
        }
    }
    Ok(())
}

fn undo(w: &mut Writer<'_>, m: &mut Model, a: u8) -> Result<()> {
    let undone = w.undo(m.handoff(a), "signed for another year")?;
    assert_eq!(undone.receipt.left_alone, undone.left_alone.len() as u64);
    m.take_back(m.handoff(a));
    m.receipts.push(undone.receipt.head);
    Ok(())
}

/// Who looks after whom, and who keeps which promise.
fn custody(w: &Writer<'_>, m: &Model) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for contact in &m.contacts {
        let roles = w.view().owners(contact.id)?.into_iter();
        let roles = roles.filter(|role| role.until.is_none_or(|until| until > w.at()));
        let mut roles: Vec<_> = roles.map(|role| format!("{} {} {}", contact.name, role.role, role.member)).collect();
        roles.sort();
        all.extend(roles);
    }
    for promise in &m.promises {
        let read = w.view().follow_up(promise.id)?;
        all.push(format!("{}: {} {}", read.what, read.state, read.owner.id));
    }
    Ok(all)
}

/// Hands over to the member who acts, by all steps in one write, and takes it back again, or not.
fn hand_over(memory: &Memory, w: &mut Writer<'_>, m: &mut Model, (a, b, c): (u8, u8, u8)) -> Result<()> {
    plan(memory, m, w.actor().member(), (a, 5, c))?;
    let handoff = offer(w, m, 0)?;
    w.accept_all(handoff)?;
    let before = custody(w, m)?;
    for (bit, stage) in [HandoffStage::Shadow, HandoffStage::Share, HandoffStage::Hold].into_iter().enumerate() {
        if b >> bit & 1 == 1 {
            go_on(w, m, handoff, Some(stage))?;
        }
    }
    if b & 8 == 0 {
        go_on(w, m, handoff, None)?;
    }
    if b & 16 == 0 {
        return Ok(());
    }
    let readers: Vec<_> = m.handoffs.last().unwrap().private.clone();
    match w.view().handoff_by_id(handoff)?.state {
        HandoffState::Completed => undo(w, m, 0)?,
        _ => {
            w.withdraw(handoff, "they stay").map(drop)?;
            m.take_back(handoff);
        }
    }
    assert_eq!(before, custody(w, m)?, "what was taken back at once is not as it was");
    for (id, reader) in readers {
        let note = m.notes.iter().find(|note| note.id == id).unwrap();
        assert!(note.retracted || note.private_to == Some(reader), "a note has another reader");
    }
    Ok(())
}

/// Calls that must fail, some of them late, when a part of their work is done.
fn nonsense(w: &mut Writer<'_>, m: &Model, a: u8, b: u8) -> Result<()> {
    let contact = m.contact(a);
    match b % 9 {
        0 => w.link(contact, "knows", contact).map(drop),
        1 => w.set_field(contact, "company", Some("a\0b")),
        2 => w.note(contact, "   ").save().map(drop),
        3 => w.note_about(&[], "about no one").map(drop),
        4 => w.note(ContactId::from(Uuid::nil()), "about somebody unknown").attach(picture(a)).save().map(drop),
        5 => w.note(contact, "with bytes").attach(picture(a)).happened_at("2024-02-30").save().map(drop),
        6 => w.note(contact, "with bytes").attach(picture(a)).attach(NewAttachment::new("", "", "x")).save().map(drop),
        7 => w.assign(contact, m.member(a), Role::Cover).map(drop),
        _ => w.transfer(contact, MemberId::from(Uuid::nil()), None),
    }
}

/// A memory whose clock the test sets.
struct Stage {
    memory: Memory,
    clock: Arc<AtomicI64>,
    _dir: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(BEGIN));
        let memory = open(&dir.path().join("random.heirloom"), &clock);
        Self { memory, clock, _dir: dir }
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.clock.load(Ordering::Relaxed)).unwrap()
    }
}

fn open(path: &std::path::Path, clock: &Arc<AtomicI64>) -> Memory {
    let clock = Arc::clone(clock);
    Memory::options()
        .durability(Durability::Normal)
        .clock(move || DateTime::from_timestamp_micros(clock.load(Ordering::Relaxed)).unwrap())
        .open(path)
        .unwrap()
}

fn feed(memory: &Memory) -> Vec<Entry> {
    memory.changes_after(memory.first_cursor()).unwrap().collect::<Result<_>>().unwrap()
}

/// Everything that can be read, as text.
fn reads(memory: &Memory, model: &Model) -> Vec<String> {
    let mut all = Vec::new();
    let seeing = memory.all_seeing();
    let mut as_others: Vec<Memory> =
        model.members.iter().take(2).map(|member| memory.seen_by(member.0).unwrap()).collect();
    as_others.extend([memory.clone(), seeing.clone()]);
    for contact in &model.contacts {
        for viewer in &as_others {
            all.push(viewer.brief(contact.id).unwrap().to_json());
            all.push(format!("{:?}", viewer.timeline(contact.id, None, usize::MAX).unwrap().notes));
        }
        all.push(format!("{:?}", memory.owners(contact.id).unwrap()));
        all.push(format!("{:?}", memory.contact_attachments(contact.id).unwrap()));
        for viewer in &as_others {
            all.push(format!("{:?}", viewer.follow_ups(contact.id).unwrap()));
        }
        all.push(format!("{:?}", seeing.history(contact.id).unwrap()));
    }
    for note in &model.notes {
        all.push(format!("{:?}", seeing.note(note.id).unwrap()));
        all.push(format!("{:?}", seeing.note_contacts(note.id).unwrap()));
        for attachment in seeing.note_attachments(note.id).unwrap() {
            all.push(format!("{attachment:?} {:?}", seeing.attachment_bytes(&attachment).unwrap()));
        }
    }
    for member in &model.members {
        all.push(format!("{:?}", memory.book(member.0).unwrap()));
    }
    all.push(format!("{:?}", memory.members().unwrap()));
    all.push(format!("{:?}", memory.agencies().unwrap()));
    all.push(format!("{:?}", memory.unowned().unwrap()));
    all.push(format!("{:?}", memory.quiet_since(DateTime::from_timestamp_micros(BEGIN).unwrap()).unwrap()));
    for which in 0..24 {
        let (channel, address) = address(which);
        all.push(format!("{:?}", memory.by_handle(channel, &address).unwrap()));
    }
    for word in ["regular", "VIP", "été"] {
        all.push(format!("{:?}", memory.tagged(word).unwrap()));
    }
    // What is found, in whatever order: how rare a word is counts a little otherwise once the index is built anew.
    for word in ["weight", "bottles", "content", "noise", "gluten free"] {
        let found = seeing.search(word).notes_only().limit(10_000).run().unwrap();
        let mut found: Vec<String> = found.iter().map(|hit| format!("{word}: {:?}", hit.found)).collect();
        found.sort();
        all.extend(found);
    }
    for handoff in memory.handoffs().unwrap() {
        all.push(format!("{handoff:?} {:?}", memory.handoff_items(handoff.id).unwrap()));
        all.push(format!("{:?}", memory.handoff_questions(handoff.id).unwrap()));
    }
    for typed in ["sal", "ito", "zoe", "李", "crux"] {
        all.push(format!("{typed}: {:?}", memory.contacts_like(typed, 10_000).unwrap()));
    }
    all.extend(feed(&seeing).iter().map(|entry| format!("{entry:?}")));
    all
}

/// Compares two answers to [`reads`], and shows only what differs.
fn assert_same(before: &[String], after: &[String], when: &str) {
    for (before, after) in before.iter().zip(after) {
        assert_eq!(before, after, "a read differs {when}");
    }
    assert_eq!(before.len(), after.len(), "a read has more or fewer answers {when}");
}

/// Runs one write and tells the model what was kept.
fn write(stage: &Stage, model: &mut Model, step: &Step) {
    let before = stage.memory.head().unwrap();
    let untouched = (step.fate == Fate::Abandoned || step.fate == Fate::Panics).then(|| reads(&stage.memory, model));
    let mut next = model.clone();
    let actor = model.actor(step.actor);
    let calls = |w: &mut Writer<'_>, next: &mut Model| {
        for call in &step.calls {
            let last: Option<EntryId> = w.last_entry();
            let done = carry_out(&stage.memory, w, next, *call);
            if done.is_err() && call.deed.does_all_or_nothing() {
                assert_eq!(w.last_entry(), last, "{call:?} was refused and is half done");
            }
            match done {
                Err(error) if step.fate == Fate::Strict => return Err(in_words(error)),
                Err(error) => drop(in_words(error)),
                Ok(()) => {}
            }
        }
        match step.fate {
            Fate::Abandoned => Err(Error::Refused("the caller thought better of it".to_owned())),
            Fate::Panics => panic!("the caller's closure panics, as it is meant to"),
            _ => Ok(()),
        }
    };
    let kept = match step.fate {
        Fate::Once(key) => {
            let key = format!("request {key}");
            match stage.memory.write_once(&actor, &key, |w| calls(w, &mut next)).map_err(in_words) {
                Ok(Once::Done(())) => {
                    let head = stage.memory.head().unwrap();
                    let again = stage.memory.write_once(&actor, &key, |_| -> Result<()> { panic!("it ran twice") });
                    // Whoever departed by this very write can ask no more.
                    if let Ok(again) = again {
                        assert!(
                            matches!(again, Once::Before(entries) if entries.len() as i64 == head.seq - before.seq - 1)
                        );
                    }
                    assert_eq!(stage.memory.head().unwrap(), head, "a repeated call writes nothing");
                    true
                }
                Ok(Once::Before(_)) | Err(_) => false,
            }
        }
        Fate::Panics => {
            let call = || stage.memory.write(&actor, |w| calls(w, &mut next)).map_err(in_words);
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
            false
        }
        _ => stage.memory.write(&actor, |w| calls(w, &mut next)).map_err(in_words).is_ok(),
    };
    if kept {
        *model = next;
        return;
    }
    assert_eq!(stage.memory.head().unwrap(), before, "a write that failed left something");
    if let Some(untouched) = untouched {
        assert_same(&untouched, &reads(&stage.memory, model), "after a write that failed");
    }
}

/// Lets only those errors through that a caller's own mistake can cause.
fn in_words(error: Error) -> Error {
    assert!(
        matches!(error, Error::Invalid { .. } | Error::Unknown { .. } | Error::Refused(_)),
        "not the caller's mistake: {error}"
    );
    error
}

fn check_against_model(stage: &Stage, model: &Model) {
    let seeing = stage.memory.all_seeing();
    for kept in &model.contacts {
        let contact = seeing.contact(kept.id).unwrap();
        assert_eq!((&contact.name, &contact.audience), (&kept.name, &kept.audience));
        assert_eq!((&contact.fields, &contact.dates), (&kept.fields, &kept.dates));
        let tags: BTreeSet<String> = contact.tags.iter().map(|tag| tag.to_lowercase().replace("été", "ete")).collect();
        assert_eq!(tags, kept.tags);
        let wishes: BTreeMap<_, _> = contact.do_not_contact.into_iter().map(|wish| (wish.channel, wish.why)).collect();
        assert_eq!(wishes, kept.wishes);
        let links: BTreeSet<_> =
            contact.links.into_iter().filter(|l| !l.reversed).map(|l| (l.relation, l.other.id)).collect();
        assert_eq!(links, kept.links);
        let ids: BTreeSet<String> = contact.external_ids.into_iter().map(|id| id.id).collect();
        assert_eq!(ids, kept.external_ids);
        for (channel, address) in &kept.handles {
            let found = seeing.by_handle(*channel, address).unwrap();
            assert!(found.iter().any(|hit| hit.contact.id == kept.id), "no longer found by {address}");
        }
        let timeline = seeing.timeline(kept.id, None, usize::MAX).unwrap().notes;
        let standing: BTreeSet<NoteId> = timeline.iter().map(|note| note.id).collect();
        let expected: BTreeSet<NoteId> =
            model.notes.iter().filter(|n| !n.retracted && n.about.contains(&kept.id)).map(|n| n.id).collect();
        assert_eq!((standing.len(), &standing), (timeline.len(), &expected), "a note is gone, or twice there");
        assert_eq!(in_pages(&seeing, kept.id), timeline, "a timeline in pages differs from the whole");
    }
    for note in &model.notes {
        let stands = seeing.note(note.id).unwrap();
        assert_eq!((&stands.text, &stands.recorded_by_name), (&note.text, &note.author), "a text or an author is lost");
        assert_eq!(stands.retracted_at.is_some(), note.retracted);
        let visibility = match (note.private, note.sealed) {
            (_, true) => Visibility::Sealed,
            (true, false) => Visibility::Private,
            (false, false) => Visibility::Organisation,
        };
        assert_eq!((stands.visibility, stands.private_to), (visibility, note.private_to));
        assert_eq!(stage.memory.note(note.id).is_err(), note.private, "who may read a private note");
        for member in &model.members {
            let may = !note.private || note.private_to == Some(member.0);
            assert_eq!(
                stage.memory.seen_by(member.0).unwrap().note(note.id).is_ok(),
                may,
                "who may read a private note"
            );
        }
    }
    let members: Vec<_> =
        stage.memory.members().unwrap().into_iter().map(|m| (m.id, m.name, m.departed_at.is_some())).collect();
    assert_eq!(members, model.members);
}

/// No note is gone, no author is lost, no promise is moved or without somebody who is here to keep it.
fn check_nothing_lost(stage: &Stage, model: &Model) {
    let seeing = stage.memory.all_seeing();
    for note in &model.notes {
        assert_eq!(seeing.note(note.id).unwrap().recorded_by_name, note.author, "an author is lost");
    }
    for promise in &model.promises {
        let stands = seeing.follow_up(promise.id).unwrap();
        assert_eq!((stands.due, stands.first_owner.id), (promise.due, promise.first_owner), "a date or a name moved");
        assert_eq!((stands.is_open(), stands.owner.id), (promise.open, promise.owner), "{stands}");
        assert!(!(stands.is_open() && stands.owner.departed), "nobody who is here keeps it: {stands}");
    }
}

fn in_pages(memory: &Memory, contact: ContactId) -> Vec<heirloom::Note> {
    let (mut notes, mut after) = (Vec::new(), None);
    loop {
        let page = memory.timeline(contact, after, 2).unwrap();
        notes.extend(page.notes);
        match page.next {
            Some(next) => after = Some(next),
            None => return notes,
        }
    }
}

/// Nobody who has left owns a contact, and no contact has two owners from today on, but while a handoff lets them share.
fn check_ownership(stage: &Stage, model: &Model) {
    let now = stage.now();
    let handoffs = stage.memory.handoffs().unwrap().into_iter();
    let sharing = handoffs.filter(|h| h.state == HandoffState::Offered && h.stage == Some(HandoffStage::Share));
    let shared: HashSet<ContactId> =
        sharing.flat_map(|h| stage.memory.handoff_items(h.id).unwrap()).map(|item| item.contact.id).collect();
    for (id, name, departed) in &model.members {
        if *departed {
            assert!(stage.memory.book(*id).unwrap().is_empty(), "{name} has left and owns somebody");
        }
    }
    for contact in &model.contacts {
        let brief = stage.memory.brief(contact.id).unwrap();
        assert!(!brief.open.iter().any(|open| matches!(open, OpenMatter::OwnerDeparted(_))), "only owner has left");
        let owners: Vec<_> =
            stage.memory.owners(contact.id).unwrap().into_iter().filter(|a| a.role == Role::Owner).collect();
        for owner in &owners {
            let begin = owner.since.max(now);
            let others: Vec<_> = owners.iter().filter(|other| other.holds(begin)).collect();
            let shared = shared.contains(&contact.id);
            assert!(shared || !owner.holds(begin) || others.len() == 1, "two owners from {begin} on: {others:?}");
            assert!(
                !(owner.member_departed && owner.holds(begin)),
                "{} has left and will own again",
                owner.member_name
            );
        }
    }
}

fn check_feed<'h>(stage: &Stage, heads: impl IntoIterator<Item = &'h Head>) {
    let entries = feed(&stage.memory);
    let numbers: Vec<i64> = entries.iter().map(|entry| entry.seq).collect();
    let head = stage.memory.head().unwrap();
    assert_eq!(numbers, (1..=head.seq).collect::<Vec<_>>(), "the feed leaves out or repeats an entry");
    assert!(entries.is_sorted_by(|a, b| a.stamp < b.stamp), "stamps rise");
    assert_eq!(entries.iter().map(|entry| entry.id).collect::<HashSet<_>>().len(), entries.len(), "ids are unique");
    for noted in heads {
        let found = stage.memory.verify_against(*noted).unwrap();
        assert!(found.is_sound(), "against the head {noted}: {found}");
    }
}

/// Contacts, of whom most are owned, with notes and promises, so that there is something to hand over.
fn opening() -> Vec<Step> {
    let people = [(Deed::AddAgency, 1, 1, 1), (Deed::AddMember, 1, 4, 0), (Deed::AddMember, 2, 5, 0)];
    let contacts = (0..6).map(|n| (Deed::AddContact, n + 6, n, n + 1));
    let owned = (0..5).map(|n| (Deed::Own, n, n, 0));
    let notes = (0..6).map(|n| (Deed::Note, n, 2 + n, 4 * n));
    let promises = (0..6).map(|n| (Deed::FollowUp, n, n, 4 * n + 3));
    let calls = people.into_iter().chain(contacts).chain(owned);
    let calls = calls.map(|(deed, a, b, c)| Call { deed, a, b, c }).collect();
    let mut opening = vec![Step { actor: 0, hours: 1, calls, fate: Fate::Kept }];
    for member in 0..5 {
        let calls = notes.clone().chain(promises.clone()).skip(usize::from(member)).step_by(5);
        let calls = calls.map(|(deed, a, b, c)| Call { deed, a, b, c }).collect();
        opening.push(Step { actor: 4 + 8 * member, hours: 1, calls, fate: Fate::Kept });
    }
    opening
}

fn check_sequence(steps: &[Step], backwards: bool) {
    let stage = Stage::new();
    let mut model = Model::default();
    for name in ["Mia Okafor", "Tom Okoro", "Ada Stone"] {
        let member = stage.memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new(name))).unwrap();
        model.members.push((member.id, member.name, false));
    }
    let mut heads = Vec::new();
    for step in steps {
        let hours = if backwards { i64::from(step.hours) } else { i64::from(step.hours).abs() };
        stage.clock.fetch_add(hours * HOUR, Ordering::Relaxed);
        write(&stage, &mut model, step);
        check_nothing_lost(&stage, &model);
        if !backwards {
            check_ownership(&stage, &model);
        }
        heads.push(stage.memory.head().unwrap());
    }
    check_against_model(&stage, &model);
    check_feed(&stage, heads.iter().step_by(5).chain(&model.receipts));
    let found = stage.memory.verify().unwrap();
    assert!(found.is_sound(), "{found}");
    let before = reads(&stage.memory, &model);
    stage.memory.rebuild().unwrap();
    assert_same(&before, &reads(&stage.memory, &model), "after the tables were put together anew");
    let found = stage.memory.verify().unwrap();
    assert!(found.is_sound(), "after the tables were put together anew: {found}");
    let Stage { memory, clock, _dir } = stage;
    let path = memory.path().unwrap();
    drop(memory);
    let again = open(&path, &clock);
    assert_same(&before, &reads(&again, &model), "after closing and opening");
}

thread_local! {
    /// Whether a sequence is being tried, whose panics are told once it is as short as it can be.
    static UNDER_TRIAL: Cell<bool> = const { Cell::new(false) };
}

fn check_many(cases: u64, backwards: bool, deeds: &'static [Deed], opening: fn() -> Vec<Step>) {
    static QUIET: sync::Once = sync::Once::new();
    QUIET.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !UNDER_TRIAL.get() {
                loud(panic)
            }
        }));
    });
    let mut dice = dice::Dice::thrown();
    let mut seed = [0; 32];
    seed.chunks_mut(8).for_each(|part| part.copy_from_slice(&dice.next().to_be_bytes()));
    let config =
        Config { cases: cases as u32, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let checked = runner.run(&steps(deeds), |steps: Vec<Step>| {
        UNDER_TRIAL.set(true);
        let tried = std::panic::catch_unwind(|| check_sequence(&[opening(), steps].concat(), backwards));
        UNDER_TRIAL.set(false);
        tried.map_err(|panic| {
            let words = panic.downcast_ref::<String>().cloned();
            TestCaseError::fail(words.or(panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default())
        })
    });
    if let Err(failure) = checked {
        panic!("{failure}");
    }
}

#[test]
fn whatever_is_called_the_tables_follow_from_the_journal_and_nobody_who_left_owns_anybody() {
    check_many(dice::rounds(60, 1_500), false, &DEEDS, Vec::new);
}

#[test]
fn whatever_is_called_while_people_leave_nothing_is_lost_and_nobody_reads_more_than_they_were_given() {
    check_many(dice::rounds(60, 2_000), false, &DEEDS_OF_LEAVING, opening);
}

#[test]
fn whatever_is_called_while_the_clock_runs_backwards_the_stamps_rise_and_the_tables_follow_from_the_journal() {
    check_many(dice::rounds(40, 1_000), true, &DEEDS, Vec::new);
}
