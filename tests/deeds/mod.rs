//! What a random sequence of calls does to a memory, and a model that remembers what should stand after it.
#![allow(
    dead_code,
    unreachable_patterns,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::manual_is_multiple_of,
    reason = "tests fail by panicking; not every test uses all of it; the crate's own tests know that there are no other actors"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, NaiveDate, TimeDelta};
use heirloom::{
    Actor, AgencyId, AssignmentId, Channel, ContactId, DayOfYear, Direction, Error, Fate as FateOfNotes, FollowUpId,
    HandoffId, HandoffItem, HandoffState, Head, ItemState, MemberId, Memory, NewAttachment, NewContact, NewHandle,
    NewMember, NoteId, NoteKind, Plan, QuestionId, Result, Role, Sensitivity, Stage as HandoffStage, When, Writer,
};
use proptest::prelude::{Strategy, any, prop, prop_oneof};
use uuid::Uuid;

/// The noon of 1 June 2025, when every sequence begins.
pub(crate) const BEGIN: i64 = 1_748_779_200_000_000;
pub(crate) const HOUR: i64 = 3_600_000_000;

pub(crate) const NAMES: [&str; 6] =
    ["Sally Marsh", "Ben Ito", "Zoë Çelik", "李明", "Ana de la Cruz", "Corner Table GmbH"];
pub(crate) const TAGS: [&str; 4] = ["regular", "Regular", "VIP", "été"];
pub(crate) const FIELDS: [&str; 3] = ["company", "job_title", "allergy"];
pub(crate) const TEXTS: [&str; 6] = [
    "Stops by when she reaches her weekly weight goal",
    "bought several thousand bottles",
    "asked about the \"gluten free\" menu * NEAR(",
    "Très content du service",
    "週に一度来る",
    "complained about the noise",
];

/// What one call does; the numbers of a [`Call`] say with what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Deed {
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

pub(crate) const DEEDS: [Deed; 58] = [
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
pub(crate) const DEEDS_OF_LEAVING: [Deed; 46] = [
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
    pub(crate) fn does_all_or_nothing(self) -> bool {
        let first = DEEDS_OF_LEAVING.iter().position(|deed| *deed == Deed::FollowUp).unwrap();
        DEEDS_OF_LEAVING[first..].contains(&self) && self != Deed::HandOver
    }
}

/// One call of a writer: what, and which of what stands.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) deed: Deed,
    pub(crate) a: u8,
    pub(crate) b: u8,
    pub(crate) c: u8,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({}, {}, {})", self.deed, self.a, self.b, self.c)
    }
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
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
pub(crate) struct Step {
    pub(crate) actor: u8,
    pub(crate) hours: i8,
    pub(crate) calls: Vec<Call>,
    pub(crate) fate: Fate,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by {} after {} h, {:?}: {:?}", self.actor, self.hours, self.fate, self.calls)
    }
}

pub(crate) fn step(deeds: &'static [Deed]) -> impl Strategy<Value = Step> {
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
    (any::<u8>(), -40..80_i8, prop::collection::vec(call, 0..10), fate).prop_map(|(actor, hours, calls, fate)| Step {
        actor,
        hours,
        calls,
        fate,
    })
}

pub(crate) fn steps(deeds: &'static [Deed]) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(deeds), 1..30)
}

/// A note as the model remembers it.
#[derive(Clone, Debug)]
pub(crate) struct NoteKept {
    pub(crate) id: NoteId,
    pub(crate) text: String,
    pub(crate) about: BTreeSet<ContactId>,
    pub(crate) author: String,
    pub(crate) private_to: Option<MemberId>,
    pub(crate) private: bool,
    pub(crate) sealed: bool,
    pub(crate) retracted: bool,
}

/// A contact as the model remembers it.
#[derive(Clone, Debug)]
pub(crate) struct ContactKept {
    pub(crate) id: ContactId,
    pub(crate) name: String,
    pub(crate) audience: String,
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) dates: BTreeMap<String, DayOfYear>,
    pub(crate) wishes: BTreeMap<Option<Channel>, String>,
    pub(crate) links: BTreeSet<(String, ContactId)>,
    pub(crate) external_ids: BTreeSet<String>,
    pub(crate) handles: BTreeSet<(Channel, String)>,
}

/// A promise as the model remembers it.
#[derive(Clone, Debug)]
pub(crate) struct PromiseKept {
    pub(crate) id: FollowUpId,
    pub(crate) contact: ContactId,
    pub(crate) first_owner: MemberId,
    pub(crate) owner: MemberId,
    pub(crate) due: Option<When>,
    pub(crate) open: bool,
}

/// A handoff as the model remembers it, with what is to be given back when it is taken back.
#[derive(Clone, Debug)]
pub(crate) struct HandoffKept {
    pub(crate) id: HandoffId,
    /// The private notes that the leavers alone read when it was offered.
    pub(crate) private: Vec<(NoteId, MemberId)>,
    /// From whom each promise went, and to whom.
    pub(crate) promises: BTreeMap<FollowUpId, (MemberId, MemberId)>,
    /// Who read each private note before, and who does since; nobody where it was sealed.
    pub(crate) readers: BTreeMap<NoteId, (MemberId, Option<MemberId>)>,
}

/// What should stand in the memory, as plain lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) contacts: Vec<ContactKept>,
    pub(crate) notes: Vec<NoteKept>,
    pub(crate) members: Vec<(MemberId, String, bool)>,
    pub(crate) agencies: Vec<AgencyId>,
    /// Who departed with each agency that is away.
    pub(crate) away: BTreeMap<AgencyId, Vec<MemberId>>,
    pub(crate) assignments: Vec<AssignmentId>,
    pub(crate) note_ids: BTreeMap<String, NoteId>,
    pub(crate) promises: Vec<PromiseKept>,
    pub(crate) plans: Vec<Plan>,
    pub(crate) handoffs: Vec<HandoffKept>,
    pub(crate) questions: Vec<QuestionId>,
    /// To whom something was offered last.
    pub(crate) awaited: Option<MemberId>,
    /// The heads that receipts quote.
    pub(crate) receipts: Vec<Head>,
    /// Whether entries came from other memories, where something else was done at the same time.
    pub(crate) is_merged: bool,
}

impl Model {
    pub(crate) fn contact(&self, which: u8) -> ContactId {
        match self.contacts.len() {
            0 => ContactId::from(Uuid::from_u128(u128::from(which))),
            count => self.contacts[usize::from(which) % count].id,
        }
    }

    pub(crate) fn kept(&mut self, id: ContactId) -> &mut ContactKept {
        self.contacts.iter_mut().find(|contact| contact.id == id).unwrap()
    }

    pub(crate) fn member(&self, which: u8) -> MemberId {
        self.members[usize::from(which) % self.members.len()].0
    }

    /// A member who is here and who is none of these, where there is one.
    pub(crate) fn another(&self, which: u8, than: &[MemberId]) -> MemberId {
        let here = self.members.iter().filter(|(id, _, departed)| !departed && !than.contains(id));
        let here: Vec<MemberId> = here.map(|member| member.0).collect();
        here.get(usize::from(which) % here.len().max(1)).copied().unwrap_or(self.member(which))
    }

    pub(crate) fn agency(&self, which: u8) -> AgencyId {
        match self.agencies.len() {
            0 => AgencyId::from(Uuid::from_u128(u128::from(which))),
            count => self.agencies[usize::from(which) % count],
        }
    }

    /// Says whether a member has departed, and returns whether they had.
    pub(crate) fn set_departed(&mut self, id: MemberId, departed: bool) -> bool {
        let member = self.members.iter_mut().find(|member| member.0 == id).unwrap();
        std::mem::replace(&mut member.2, departed)
    }

    pub(crate) fn note(&self, which: u8) -> NoteId {
        match self.notes.len() {
            0 => NoteId::from(Uuid::from_u128(u128::from(which))),
            count => self.notes[usize::from(which) % count].id,
        }
    }

    pub(crate) fn promise(&self, which: u8) -> FollowUpId {
        match self.promises.len() {
            0 => FollowUpId::from(Uuid::from_u128(u128::from(which))),
            count => self.promises[usize::from(which) % count].id,
        }
    }

    pub(crate) fn promised(&mut self, id: FollowUpId) -> &mut PromiseKept {
        self.promises.iter_mut().find(|promise| promise.id == id).unwrap()
    }

    /// Who would leave by the last plan.
    pub(crate) fn leaver(&self) -> Option<MemberId> {
        Some(self.plans.last()?.items.first()?.leaver)
    }

    /// The handoff that was offered last but so many.
    pub(crate) fn handoff(&self, which: u8) -> HandoffId {
        match self.handoffs.len() {
            0 => HandoffId::from(Uuid::from_u128(u128::from(which))),
            count => self.handoffs[count - 1 - usize::from(which) % count.min(4)].id,
        }
    }

    /// Hands the open promises of one member to a contact to another, and returns which.
    pub(crate) fn hand_promises(&mut self, contact: ContactId, from: MemberId, to: MemberId) -> Vec<FollowUpId> {
        let held = |promise: &&mut PromiseKept| promise.open && promise.contact == contact && promise.owner == from;
        let handed = self.promises.iter_mut().filter(held).filter(|_| from != to).map(|promise| {
            promise.owner = to;
            promise.id
        });
        handed.collect()
    }

    /// Lets a note have another reader, or none where it is sealed. Nobody has decided on it in a handoff since.
    pub(crate) fn read_by(&mut self, id: NoteId, reader: Option<MemberId>) {
        let note = self.notes.iter_mut().find(|note| note.id == id).unwrap();
        if reader.is_some() && reader != note.private_to {
            self.handoffs.iter_mut().for_each(|handoff| handoff.private.retain(|(private, _)| *private != id));
        }
        (note.private_to, note.sealed) = (reader, reader.is_none());
    }

    /// Forgets who read a note before the handoffs that took it, unless what is done about it changes nothing: what came to
    /// it since is for who reads it today alone, and no undoing gives it back.
    pub(crate) fn touch_unless(&mut self, id: NoteId, is_same: impl Fn(&NoteKept) -> bool) {
        if !self.notes.iter().any(|note| note.id == id && is_same(note)) {
            self.handoffs.iter_mut().for_each(|handoff| handoff.readers.retain(|note, _| *note != id));
        }
    }

    /// Lets the promises go to the successors, as a stage or the completion of a handoff does.
    pub(crate) fn hand_all_promises<'i>(
        &mut self,
        handoff: HandoffId,
        items: impl IntoIterator<Item = &'i HandoffItem>,
    ) {
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
    pub(crate) fn dispose(&mut self, handoff: HandoffId, items: &[HandoffItem]) {
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
    pub(crate) fn hand_back(&mut self, handoff: HandoffId, contact: ContactId) {
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
    pub(crate) fn take_back(&mut self, handoff: HandoffId) {
        let kept = self.handoffs.iter_mut().find(|kept| kept.id == handoff).unwrap();
        for (id, (from, to)) in std::mem::take(&mut kept.promises) {
            // Nobody gets a promise back who has left meanwhile.
            let is_here = self.members.iter().any(|(member, _, departed)| *member == from && !departed);
            let promise = self.promises.iter_mut().find(|promise| promise.id == id).unwrap();
            if promise.open && promise.owner == to && is_here {
                promise.owner = from;
            }
        }
        for (id, (from, to)) in std::mem::take(&mut kept.readers) {
            if self.notes.iter().any(|note| note.id == id && !note.retracted && note.private_to == to) {
                self.read_by(id, Some(from));
            }
        }
    }

    pub(crate) fn actor(&self, which: u8) -> Actor {
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

pub(crate) fn pick<'t>(from: &[&'t str], which: u8) -> &'t str {
    from[usize::from(which) % from.len()]
}

pub(crate) fn address(which: u8) -> (Channel, String) {
    let number = which / 4 % 6;
    match which % 4 {
        0 => (Channel::Email, format!("guest{number}@mail.example")),
        1 => (Channel::X, format!("@guest{number}")),
        2 => (Channel::Phone, format!("+1415555267{number}")),
        _ => (Channel::Instagram, format!("https://instagram.com/guest{number}/")),
    }
}

pub(crate) fn picture(which: u8) -> NewAttachment {
    NewAttachment::new(format!("{}.txt", which % 3), "text/plain", vec![which % 5; usize::from(which % 5) * 100])
}

pub(crate) fn new_contact(a: u8, b: u8, c: u8) -> (NewContact, ContactKept) {
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
pub(crate) fn carry_out(
    memory: &Memory,
    w: &mut Writer<'_>,
    m: &mut Model,
    Call { deed, a, b, c }: Call,
) -> Result<()> {
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
            assert!(m.away.insert(agency, with_it).is_none() || m.is_merged, "an agency departed twice");
        }
        Deed::WelcomeAgencyBack => {
            let agency = m.agency(a);
            w.welcome_back(agency)?;
            let back = m.away.remove(&agency);
            assert!(back.is_some() || m.is_merged, "an agency that was here is back");
            for id in back.unwrap_or_default() {
                assert!(m.set_departed(id, false) || m.is_merged, "who is here was welcomed back");
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
            let owner = w.view().owner_at(contact, at)?.map(|owner| owner.member);
            assert!(owner == Some(member) || m.is_merged, "who was assigned is not the owner");
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
pub(crate) fn note(w: &mut Writer<'_>, m: &mut Model, a: u8, b: u8, c: u8) -> Result<()> {
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
pub(crate) fn promise(w: &mut Writer<'_>, m: &mut Model, Call { deed, a, b, c }: Call) -> Result<()> {
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
pub(crate) fn plan(memory: &Memory, m: &mut Model, actor: Option<MemberId>, (a, b, c): (u8, u8, u8)) -> Result<()> {
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
pub(crate) fn offer(w: &mut Writer<'_>, m: &mut Model, a: u8) -> Result<HandoffId> {
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
pub(crate) fn answer(w: &mut Writer<'_>, m: &mut Model, Call { deed, a, b, c }: Call) -> Result<()> {
    let handoff = m.handoff(a);
    let items = w.view().handoff_items(handoff)?;
    // A handoff that came from elsewhere may have come without its contacts.
    let Some(item) = items.get(usize::from(b) % items.len().max(1)) else {
        return Err(Error::Refused("no contact is handed over".to_owned()));
    };
    let contact = item.contact.id;
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
pub(crate) fn go_on(w: &mut Writer<'_>, m: &mut Model, handoff: HandoffId, stage: Option<HandoffStage>) -> Result<()> {
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

pub(crate) fn undo(w: &mut Writer<'_>, m: &mut Model, a: u8) -> Result<()> {
    let undone = w.undo(m.handoff(a), "signed for another year")?;
    assert_eq!(undone.receipt.left_alone, undone.left_alone.len() as u64);
    m.take_back(m.handoff(a));
    m.receipts.push(undone.receipt.head);
    Ok(())
}

/// Who looks after whom, and who keeps which promise.
pub(crate) fn custody(w: &Writer<'_>, m: &Model) -> Result<Vec<String>> {
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
pub(crate) fn hand_over(memory: &Memory, w: &mut Writer<'_>, m: &mut Model, (a, b, c): (u8, u8, u8)) -> Result<()> {
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
    if m.is_merged {
        return Ok(());
    }
    assert_eq!(before, custody(w, m)?, "what was taken back at once is not as it was");
    for (id, reader) in readers {
        let note = m.notes.iter().find(|note| note.id == id).unwrap();
        assert!(note.retracted || note.private_to == Some(reader), "a note has another reader");
    }
    Ok(())
}

/// Calls that must fail, some of them late, when a part of their work is done.
pub(crate) fn nonsense(w: &mut Writer<'_>, m: &Model, a: u8, b: u8) -> Result<()> {
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

/// Lets only those errors through that a caller's own mistake can cause.
pub(crate) fn in_words(error: Error) -> Error {
    assert!(
        matches!(error, Error::Invalid { .. } | Error::Unknown { .. } | Error::Erased { .. } | Error::Refused(_)),
        "not the caller's mistake: {error}"
    );
    error
}

/// Contacts, of whom most are owned, with notes and promises, so that there is something to hand over.
pub(crate) fn opening() -> Vec<Step> {
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
