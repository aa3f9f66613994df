//! Random small memories and random scopes: nothing of what is outside is in what goes, and all of it is accounted for.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::BTreeSet;

use super::*;
use crate::dice::{Dice, rounds};
use crate::journal::Source;
use crate::journal::receive::{Incoming, Received};
use crate::{
    Actor, AgencyId, Channel, ContactId, FollowUpId, Memory, NewAttachment, NewContact, NewHandle, NewMember, NoteId,
    NoteKind, Role, Sensitivity, Stage,
};

/// What a bundle holds.
struct Packed {
    records: Vec<Record>,
    bytes: Vec<(Hash, Vec<u8>)>,
    counts: Counts,
    withheld: Vec<Withheld>,
}

impl Packed {
    fn of(memory: &Memory, scope: &Scope, since: Option<Head>) -> Self {
        memory.all_seeing().read(|view| Self::read(view, scope, since)).unwrap()
    }

    fn read(view: &View<'_>, scope: &Scope, since: Option<Head>) -> Result<Self> {
        let slice = Slice::of(view, scope, since)?;
        let mut records = Vec::new();
        let counts = slice.each(view, &mut |record| {
            records.push(record);
            Ok(())
        })?;
        assert_eq!(counts, slice.counts());
        assert_eq!(counts.entries, records.len() as u64);
        assert_eq!(counts.without_body, records.iter().filter(|r| r.body.is_none()).count() as u64);
        let mut bytes = Vec::new();
        for (hash, size) in slice.attachments() {
            let query = "SELECT bytes FROM attachment_bytes WHERE sha256 = $1";
            let found = view.sql().one(query, &[Value::Blob(hash.as_bytes())], |row| Ok(row.blob(0)?.to_vec()))?;
            assert_eq!(found.len() as u64, *size);
            bytes.push((*hash, found));
        }
        Ok(Self { records, bytes, counts, withheld: slice.withheld().to_vec() })
    }

    /// All of it as one text.
    fn text(&self) -> String {
        let lines = self.records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n");
        let bytes = self.bytes.iter().map(|(_, bytes)| String::from_utf8(bytes.clone()).unwrap() + "\n");
        lines.chain(bytes).collect()
    }

    /// Takes it in, and says how many entries that brought, and how many of them with a body.
    fn take_in(&self, into: &Memory) -> (usize, usize) {
        into.write(Actor::system("bundle"), |w| {
            let (mut fresh, mut told) = (0, 0);
            for record in &self.records {
                if !matches!(w.receive(&Incoming::new(record.clone())?)?, Received::Known(_)) {
                    fresh += 1;
                    told += usize::from(record.body.is_some());
                }
            }
            w.fold_stale()?;
            for (hash, bytes) in &self.bytes {
                w.keep_bytes(hash, bytes)?;
                w.is_here(hash.as_bytes())?;
            }
            let missing = "SELECT sha256 FROM attachment WHERE sha256 NOT IN (SELECT sha256 FROM attachment_bytes)";
            for hash in w.sql().all(missing, &[], |row| Ok(row.blob(0)?.to_vec()))? {
                w.is_gone(&hash, Absence::Withheld, None)?;
            }
            Ok((fresh, told))
        })
        .unwrap()
    }
}

fn is_sound(memory: &Memory) {
    let found = memory.verify().unwrap();
    assert!(found.is_sound(), "{found}");
}

/// All that a memory says, in an order of its own.
fn told(memory: &Memory) -> String {
    let memory = memory.all_seeing();
    let mut contacts = memory.contacts(None, 1_000).unwrap().contacts;
    contacts.sort_by_key(|contact| contact.id);
    let mut told = String::new();
    for contact in &contacts {
        let mut history: Vec<String> = memory
            .history(contact)
            .unwrap()
            .iter()
            .map(|e| format!("{} {} {:?} {}", e.stamp, e.id, e.change, e.actor))
            .collect();
        history.sort();
        let mut notes = memory.timeline(contact, None, 1_000).unwrap().notes;
        notes.sort_by_key(|note| note.id);
        let mut owners = memory.owners(contact).unwrap();
        owners.sort_by_key(|owner| owner.id);
        let mut promises = memory.follow_ups(contact).unwrap();
        promises.sort_by_key(|promise| promise.id);
        let mut full = memory.contact(contact).unwrap();
        full.links.sort_by_key(|link| (link.other.id, link.relation.clone(), link.reversed));
        told += &format!("{full:?}\n{notes:?}\n{owners:?}\n{promises:?}\n{}\n\n", history.join("\n"));
    }
    let mut members = memory.members().unwrap();
    members.sort_by_key(|member| member.id);
    let mut handoffs = memory.handoffs().unwrap();
    handoffs.sort_by_key(|handoff| handoff.id);
    format!("{told}{members:?}\n{handoffs:?}")
}

struct Person {
    id: ContactId,
    tokens: Vec<String>,
    /// The places of the members who look after them, or did.
    keepers: BTreeSet<usize>,
    /// The place of somebody whose id stands among their first facts.
    names: Option<usize>,
    erased: bool,
}

struct Kept {
    id: NoteId,
    about: Vec<usize>,
    /// The places of those who said it, or whose ids stand in it.
    names: Vec<usize>,
    said_by: Option<usize>,
    erased: bool,
    tokens: Vec<String>,
    private_to: Option<usize>,
    sealed: bool,
    kind: NoteKind,
    sensitivities: Vec<Sensitivity>,
    at: i64,
    retracted: bool,
}

struct Promise {
    id: FollowUpId,
    to: usize,
    tokens: Vec<String>,
    note: Option<usize>,
}

/// A memory, and what was put into it, each text with a word of its own.
struct World {
    memory: Memory,
    dice: Dice,
    words: u32,
    agencies: Vec<AgencyId>,
    /// The members, with the place of their agency.
    members: Vec<(crate::MemberId, Option<usize>)>,
    people: Vec<Person>,
    notes: Vec<Kept>,
    promises: Vec<Promise>,
    /// Words that no narrowed bundle may hold.
    never: Vec<String>,
    /// Why members left: the place of the member, and the word.
    left: Vec<(usize, String)>,
}

const DAY: i64 = 86_400_000_000;

fn instant(day: i64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_micros(1_600_000_000_000_000 + day * DAY).unwrap()
}

impl World {
    fn new(dice: Dice) -> Self {
        let memory = Memory::in_memory().unwrap();
        let (agencies, members) = memory
            .write(host(), |w| {
                let agencies = vec![w.add_agency("Agency one", None, None)?, w.add_agency("Agency two", None, None)?];
                let mut members = Vec::new();
                for (name, agency) in
                    [("Ana", Some(0)), ("Ben", Some(0)), ("Cleo", Some(1)), ("Dan", None), ("Eve", None)]
                {
                    let mut new = NewMember::new(name);
                    if let Some(agency) = agency {
                        new = new.of_agency(agencies[agency]);
                    }
                    members.push((w.add_member(new)?.id, agency));
                }
                Ok((agencies, members))
            })
            .unwrap();
        Self {
            memory,
            dice,
            words: 0,
            agencies,
            members,
            people: Vec::new(),
            notes: Vec::new(),
            promises: Vec::new(),
            never: Vec::new(),
            left: Vec::new(),
        }
    }

    /// A word that stands nowhere else.
    fn word(&mut self) -> String {
        self.words += 1;
        format!("wq{:05}qw", self.words)
    }

    fn pick(&mut self, most: usize) -> usize {
        usize::try_from(self.dice.below(most as u64)).unwrap()
    }

    fn chance(&mut self, of: u64) -> bool {
        self.dice.below(of) == 0
    }

    fn actor(&mut self) -> Actor {
        let member = self.pick(self.members.len());
        let (id, _) = self.members[member];
        match self.chance(3) || self.memory.member(id).unwrap().has_departed() {
            true => host(),
            false => Actor::Member(id),
        }
    }

    fn act(&mut self) {
        if self.people.len() < 3 {
            return self.add_person();
        }
        match self.dice.below(15) {
            0 | 1 => self.add_person(),
            2 => self.link(),
            3..=5 => self.add_note(),
            6 => self.correct(),
            7 => self.reclassify(),
            8 => self.retract_or_seal(),
            9 | 10 => self.assign(),
            11 => self.promise(),
            12 => self.change(),
            13 => match self.chance(2) {
                true => self.erase(),
                false => self.rename_member(),
            },
            _ => match self.chance(3) {
                true => self.depart(),
                false => self.hand_off(),
            },
        }
    }

    fn add_person(&mut self) {
        let (name, mail, field, tag, source, bytes) =
            (self.word(), self.word(), self.word(), self.word(), self.word(), self.word());
        let mut contact = NewContact::person(&name)
            .with_handle(NewHandle::new(Channel::Email, format!("{mail}@mail.example")))
            .field("nickname", &field)
            .tag(&tag)
            .external_id("crm", &name);
        let names = (!self.people.is_empty() && self.chance(6)).then(|| self.someone());
        if let Some(named) = names {
            contact = contact.field("spouse", format!("https://crm.example/{}", self.people[named].id));
        }
        contact.source = Some(Source::new("text/csv", source.clone().into_bytes()).unwrap());
        let actor = self.actor();
        let id = self
            .memory
            .write(actor, |w| {
                let id = w.add_contact(contact)?;
                w.attach(id, NewAttachment::new(format!("{tag}.txt"), "text/plain", bytes.clone().into_bytes()))?;
                Ok(id)
            })
            .unwrap();
        self.people.push(Person {
            id,
            tokens: vec![name, mail, field, tag, bytes],
            keepers: BTreeSet::new(),
            names,
            erased: false,
        });
        self.never.push(source);
    }

    fn link(&mut self) {
        let (a, b) = (self.someone(), self.someone());
        let (one, other) = (self.people[a].id, self.people[b].id);
        if a != b {
            self.memory.write(host(), |w| w.link(one, "knows", other)).unwrap();
            if self.chance(4) {
                self.memory.write(host(), |w| w.unlink(one, "knows", other)).unwrap();
            }
        }
    }

    fn add_note(&mut self) {
        let (text, day) = (self.word(), self.dice.below(100).cast_signed());
        let mut about = vec![self.someone()];
        if self.chance(3) {
            about.push(self.someone());
            about.dedup();
        }
        let said_by = self.chance(5).then(|| self.someone());
        let named = self.chance(8).then(|| self.someone());
        let link = named.map(|place| self.people[place].id.uuid().simple().to_string()).unwrap_or_default();
        let kind = [NoteKind::Insight, NoteKind::Conversation, NoteKind::Complaint][self.pick(3)];
        let sensitivity = self.sensitivity();
        let author = self.pick(self.members.len());
        let private = self.chance(5) && !self.memory.member(self.members[author].0).unwrap().has_departed();
        let actor = if private { Actor::Member(self.members[author].0) } else { self.actor() };
        let ids: Vec<ContactId> = about.iter().map(|place| self.people[*place].id).collect();
        let speaker = said_by.map(|place| self.people[place].id);
        let id = self
            .memory
            .write(actor, |w| {
                let mut draft = w
                    .note_about(&ids, format!("{text} {link}"))?
                    .kind(kind)
                    .sensitivity(sensitivity)
                    .happened_at(instant(day));
                if private {
                    draft = draft.private();
                }
                if let Some(speaker) = speaker {
                    draft = draft.said_by(speaker);
                }
                draft.save()
            })
            .unwrap();
        self.notes.push(Kept {
            id,
            about,
            names: said_by.into_iter().chain(named).collect(),
            said_by,
            erased: false,
            tokens: vec![text],
            private_to: private.then_some(author),
            sealed: false,
            kind,
            sensitivities: vec![sensitivity],
            at: day,
            retracted: false,
        });
    }

    fn sensitivity(&mut self) -> Sensitivity {
        [
            Sensitivity::Ordinary,
            Sensitivity::Ordinary,
            Sensitivity::Confidential,
            Sensitivity::Health,
            Sensitivity::Beliefs,
        ][self.pick(5)]
    }

    /// A note that stands, and who may write about it.
    fn standing(&mut self) -> Option<(usize, Actor)> {
        let standing: Vec<usize> = self
            .notes
            .iter()
            .enumerate()
            .filter(|(_, n)| !n.retracted && !n.sealed && !n.erased)
            .map(|(at, _)| at)
            .collect();
        if standing.is_empty() {
            return None;
        }
        let place = standing[self.pick(standing.len())];
        let actor = match self.notes[place].private_to {
            None => host(),
            Some(author) => {
                let id = self.members[author].0;
                (!self.memory.member(id).unwrap().has_departed()).then_some(Actor::Member(id))?
            }
        };
        Some((place, actor))
    }

    fn correct(&mut self) {
        let Some((place, actor)) = self.standing() else { return };
        let (text, named) = (self.word(), self.chance(3).then(|| self.someone()));
        let link = named.map(|place| self.people[place].id.to_string()).unwrap_or_default();
        let id = self.notes[place].id;
        self.memory.write(actor, |w| w.correct_note(id, &format!("{text} {link}"), None)).unwrap();
        self.notes[place].tokens.push(text);
        self.notes[place].names.extend(named);
    }

    fn reclassify(&mut self) {
        let Some((place, actor)) = self.standing() else { return };
        let (sensitivity, id) = (self.sensitivity(), self.notes[place].id);
        self.memory.write(actor, |w| w.reclassify_note(id, None, sensitivity)).unwrap();
        self.notes[place].sensitivities.push(sensitivity);
    }

    fn retract_or_seal(&mut self) {
        let Some((place, actor)) = self.standing() else { return };
        let (id, why) = (self.notes[place].id, self.word());
        match self.notes[place].private_to.is_some() && self.chance(2) {
            true => {
                self.memory.write(actor, |w| w.seal_note(id, None)).unwrap();
                self.notes[place].sealed = true;
            }
            false => {
                self.memory.write(actor, |w| w.retract_note(id, Some(&why))).unwrap();
                self.notes[place].retracted = true;
                self.never.push(why);
            }
        }
    }

    fn assign(&mut self) {
        let (person, member) = (self.someone(), self.pick(self.members.len()));
        let (contact, id) = (self.people[person].id, self.members[member].0);
        let done = self.memory.write(host(), |w| match w.view().owner_at(contact, w.at())? {
            None => w.assign(contact, id, Role::Owner).map(drop),
            Some(_) => w.transfer(contact, id, Some("by turns")),
        });
        if done.is_ok() {
            self.people[person].keepers.insert(member);
        }
    }

    fn promise(&mut self) {
        let (what, to) = (self.word(), self.someone());
        let about: Vec<usize> = self
            .notes
            .iter()
            .enumerate()
            .filter(|(_, n)| n.about.contains(&to) && !n.erased)
            .map(|(at, _)| at)
            .collect();
        let note = match about.is_empty() {
            true => None,
            false => Some(about[self.pick(about.len())]).filter(|at| self.notes[*at].private_to.is_none()),
        };
        let (contact, member) = (self.people[to].id, self.members[3].0);
        let said = note.map(|at| self.notes[at].id);
        let id = self.memory.write(host(), |w| {
            let mut draft = w.follow_up(contact, &what).owner(member);
            if let Some(note) = said {
                draft = draft.from_note(note);
            }
            let id = draft.save()?;
            w.finish_follow_up(id, None)?;
            Ok(id)
        });
        if let Ok(id) = id {
            self.promises.push(Promise { id, to, tokens: vec![what], note });
        }
    }

    fn change(&mut self) {
        let (name, person) = (self.word(), self.someone());
        let id = self.people[person].id;
        self.memory.write(host(), |w| w.rename_contact(id, &name)).unwrap();
        self.people[person].tokens.push(name);
        if self.chance(3) {
            let other = self.someone();
            let link = format!("see {}", self.people[other].id);
            self.memory.write(host(), |w| w.set_field(id, "see", Some(&link))).unwrap();
        }
    }

    fn erase(&mut self) {
        let person = self.someone();
        let standing = self.people.iter().filter(|person| !person.erased).count();
        if standing < 4 || self.chance(2) {
            return;
        }
        drop(self.memory.erase(host(), self.people[person].id, "case 17").unwrap());
        self.people[person].erased = true;
        for note in &mut self.notes {
            note.erased |= note.about.contains(&person) || note.said_by == Some(person);
        }
    }

    fn rename_member(&mut self) {
        let (member, name) = (self.pick(self.members.len()), self.word());
        let id = self.members[member].0;
        if self.chance(3) && self.memory.erase_member(host(), id, "case 18").is_ok() {
            return;
        }
        self.memory.write(host(), |w| w.rename_member(id, &name)).unwrap();
    }

    /// The place of a person who was not erased.
    fn someone(&mut self) -> usize {
        loop {
            let person = self.pick(self.people.len());
            if !self.people[person].erased {
                return person;
            }
        }
    }

    fn depart(&mut self) {
        let (member, why) = (self.pick(3), self.word());
        let id = self.members[member].0;
        let done = match self.memory.member(id).unwrap().has_departed() {
            true => self.memory.write(host(), |w| w.welcome_back(id)),
            false => self.memory.write(host(), |w| w.depart(id, Some(&why))),
        };
        if done.is_ok() {
            self.left.push((member, why));
        }
    }

    fn hand_off(&mut self) {
        let leaver = self.pick(3);
        let (leaver, successor) = (self.members[leaver].0, self.members[3].0);
        let (advice, question) = (self.word(), self.word());
        let plan = self.memory.handoff().of_member(leaver).to(successor).reason("The contract ends").plan().unwrap();
        let asked = plan.contacts().next();
        let Ok(handoff) = self.memory.write(host(), |w| w.offer(&plan)) else { return };
        self.memory
            .write(successor, |w| {
                if let Some(contact) = asked {
                    w.ask(handoff, contact, &question)?;
                }
                w.accept_all(handoff)
            })
            .unwrap();
        self.memory.write(host(), |w| w.advance(handoff, Stage::Shadow, Some(&advice))).unwrap();
        self.never.push(advice);
        for contact in plan.contacts() {
            let person = self.people.iter_mut().find(|person| person.id == contact).unwrap();
            if Some(contact) == asked {
                person.tokens.push(question.clone());
            }
        }
        // Until it is completed or called off, its contacts are in no other.
        match self.chance(2) {
            true => drop(self.memory.write(host(), |w| w.withdraw(handoff, "not so fast")).unwrap()),
            false => {
                self.memory.write(host(), |w| w.complete(handoff)).unwrap();
            }
        }
        self.see_keepers();
    }

    /// Reads who looks after whom, or did.
    fn see_keepers(&mut self) {
        for person in self.people.iter_mut().filter(|person| !person.erased) {
            for owner in self.memory.owners(person.id).unwrap() {
                person.keepers.extend(self.members.iter().position(|(id, _)| *id == owner.member));
            }
        }
    }

    fn scope(&mut self) -> Scope {
        let mut scope = Scope::default();
        if self.chance(3) {
            let agency = self.pick(2);
            scope.agencies.push(self.agencies[agency]);
        }
        if self.chance(3) {
            let member = self.pick(5);
            scope.members.push(self.members[member].0);
        }
        if self.chance(3) {
            let people: Vec<ContactId> = self.people.iter().map(|person| person.id).collect();
            scope.contacts = Some(people.into_iter().filter(|_| !self.chance(2)).collect());
        }
        if self.chance(4) {
            (scope.from, scope.until) = (Some(instant(20)), Some(instant(80)));
        }
        if self.chance(4) {
            scope.kinds = vec![NoteKind::Insight, NoteKind::Complaint];
        }
        if self.chance(3) {
            scope.up_to = Some([Sensitivity::Ordinary, Sensitivity::Confidential, Sensitivity::Health][self.pick(3)]);
        }
        if self.chance(4) {
            let member = self.pick(5);
            scope.private_of.push(self.members[member].0);
        }
        scope
    }

    fn is_inside(&self, scope: &Scope, person: usize) -> bool {
        let person = &self.people[person];
        if person.erased {
            return true; // Whoever has them is to learn of it.
        }
        let kept = !scope.names_people() || person.keepers.iter().any(|keeper| self.is_chosen(scope, *keeper));
        kept && scope.contacts.as_ref().is_none_or(|named| named.contains(&person.id))
            && person.names.is_none_or(|named| self.is_inside(scope, named))
    }

    /// Whether a member is one of those by whom the scope is narrowed.
    fn is_chosen(&self, scope: &Scope, member: usize) -> bool {
        let (id, agency) = self.members[member];
        scope.members.contains(&id) || agency.is_some_and(|agency| scope.agencies.contains(&self.agencies[agency]))
    }

    /// Whether the words of a note go.
    fn tells(&self, scope: &Scope, note: &Kept) -> bool {
        let allowed = |s: &Sensitivity| match scope.up_to {
            None => true,
            Some(most) => {
                *s == Sensitivity::Ordinary
                    || *s == most
                    || (*s == Sensitivity::Confidential && most != Sensitivity::Ordinary)
            }
        };
        note.about.iter().chain(&note.names).all(|person| self.is_inside(scope, *person))
            && !note.sealed
            && !note.erased
            && note.private_to.is_none_or(|member| scope.private_of.contains(&self.members[member].0))
            && scope.from.is_none_or(|from| from <= instant(note.at))
            && scope.until.is_none_or(|until| instant(note.at) < until)
            && (scope.kinds.is_empty() || scope.kinds.contains(&note.kind))
            && note.sensitivities.iter().all(allowed)
            && !(note.retracted && scope.is_narrow())
    }

    /// Whether a promise goes.
    fn promises(&self, scope: &Scope, promise: &Promise) -> bool {
        let allowed = |s: &Sensitivity| scope.up_to.is_none() || scope.holds_sensitivity(*s);
        let note_allowed = promise.note.is_none_or(|note| {
            let note = &self.notes[note];
            // Of what an erased note was, nothing is left to judge by.
            note.erased || note.sensitivities.iter().all(allowed)
        });
        self.is_inside(scope, promise.to) && !self.people[promise.to].erased && note_allowed
    }

    /// Looks for every word: what is outside must not be in what goes, and what is inside must, unless it went before.
    fn check(&self, scope: &Scope, lines: &str, since: Option<Head>) {
        let has = |word: &str| lines.contains(word);
        let agrees = |there: bool, inside: bool| there == inside || inside && since.is_some();
        for (place, person) in self.people.iter().enumerate() {
            let inside = self.is_inside(scope, place);
            assert!(
                agrees(has(&person.id.to_string()), inside),
                "{scope:?}: {} {:?}\n{lines}",
                person.id,
                person.tokens
            );
            assert!(inside || !has(&person.id.uuid().simple().to_string()), "{scope:?}: {}\n{lines}", person.id);
            for word in &person.tokens {
                let inside = inside && !person.erased;
                assert!(agrees(has(word), inside), "{scope:?}: {word}\n{lines}");
            }
        }
        for note in &self.notes {
            for word in &note.tokens {
                assert!(agrees(has(word), self.tells(scope, note)), "{scope:?}: {word} of {}\n{lines}", note.id);
            }
        }
        for promise in &self.promises {
            for word in &promise.tokens {
                assert!(
                    agrees(has(word), self.promises(scope, promise)),
                    "{scope:?}: {word} of {}\n{lines}",
                    promise.id
                );
            }
        }
        if scope.is_narrow() {
            for word in &self.never {
                assert!(!has(word), "{scope:?}: {word}\n{lines}");
            }
            for (member, word) in &self.left {
                assert!(self.is_chosen(scope, *member) || !has(word), "{scope:?}: {word}\n{lines}");
            }
        }
    }

    /// How many subjects there are, but for the memory.
    fn subjects(&self) -> u64 {
        let all = "SELECT count(*) FROM entry WHERE subject = seq AND kind <> 'memory.founded'";
        self.memory.read(|view| view.sql().one(all, &[], |row| row.int(0))).unwrap().unsigned_abs()
    }
}

impl Scope {
    /// The scope without what a memory does not know, and with something beside, so that it is narrow as before.
    fn known_to(&self, memory: &Memory) -> Self {
        let mut scope = self.clone();
        scope.agencies.retain(|id| memory.agency(*id).is_ok());
        scope.members.retain(|id| memory.member(*id).is_ok());
        scope.private_of.retain(|id| memory.member(*id).is_ok());
        let all = || memory.contacts(None, 1_000).unwrap().contacts.iter().map(|contact| contact.id).collect();
        match &mut scope.contacts {
            Some(contacts) => contacts.retain(|id| memory.contact(*id).is_ok()),
            None if self.is_narrow() => scope.contacts = Some(all()),
            None => {}
        }
        scope
    }
}

fn host() -> Actor {
    Actor::system("test")
}

fn world(dice: Dice, most: u64) -> World {
    let mut world = World::new(dice);
    for _ in 0..10 + world.dice.below(most) {
        world.act();
    }
    world.see_keepers();
    world
}

#[test]
fn nothing_of_what_is_outside_of_a_scope_goes_and_everything_is_counted() {
    let mut seeds = Dice::thrown();
    for _ in 0..rounds(20, 200) {
        let mut world = world(Dice::from_seed(seeds.next()), 60);
        for _ in 0..4 {
            let scope = world.scope();
            let packed = Packed::of(&world.memory, &scope, None);
            world.check(&scope, &packed.text(), None);
            let Packed { counts, withheld, .. } = &packed;
            let go = counts.contacts
                + counts.notes
                + counts.follow_ups
                + counts.members
                + counts.agencies
                + counts.handoffs
                + counts.others;
            let of_entries = ["entries", "attachments"];
            let stay: u64 = withheld.iter().filter(|w| !of_entries.contains(&w.what.as_str())).map(|w| w.count).sum();
            assert_eq!(go + stay, world.subjects(), "{scope:?}: {counts}; {withheld:?}");

            let client = Memory::in_memory().unwrap();
            assert_eq!(packed.take_in(&client).0, packed.records.len());
            is_sound(&client);
            assert_eq!(client.count_contacts().unwrap(), counts.contacts);
            assert_eq!(packed.take_in(&client).0, 0, "a second time brought something");

            // What came goes on from there as it came.
            let members = client.members().unwrap().iter().map(|member| member.id).collect();
            let on = Packed::of(&client, &Scope { private_of: members, ..Scope::default() }, None);
            let third = Memory::in_memory().unwrap();
            on.take_in(&third);
            is_sound(&third);
            assert_eq!(told(&third), told(&client), "{scope:?}");
            let again = Packed::of(&client, &scope.known_to(&client), None);
            world.check(&scope, &again.text(), Some(world.memory.head().unwrap()));
        }
    }
}

#[test]
fn slices_of_different_scopes_end_the_same_in_whichever_order_they_come() {
    let mut seeds = Dice::thrown();
    for _ in 0..rounds(20, 150) {
        let mut world = world(Dice::from_seed(seeds.next()), 50);
        let mut slices: Vec<Packed> = (0..3)
            .map(|_| {
                let scope = world.scope();
                Packed::of(&world.memory, &scope, None)
            })
            .collect();
        let (one, other) = (Memory::in_memory().unwrap(), Memory::in_memory().unwrap());
        for slice in &slices {
            slice.take_in(&one);
        }
        slices.reverse();
        for slice in &slices {
            slice.take_in(&other);
        }
        is_sound(&one);
        is_sound(&other);
        assert_eq!(told(&one), told(&other));

        // And with everything on top, all that was withheld is there.
        let whole = Scope { private_of: world.members.iter().map(|(id, _)| *id).collect(), ..Scope::default() };
        let whole = Packed::of(&world.memory, &whole, None);
        let plain = Memory::in_memory().unwrap();
        whole.take_in(&plain);
        whole.take_in(&one);
        is_sound(&one);
        assert_eq!(told(&one), told(&plain));
    }
}

#[test]
fn what_is_new_since_a_bundle_brings_the_receiver_all_that_a_bundle_of_today_would() {
    let mut seeds = Dice::thrown();
    for _ in 0..rounds(20, 200) {
        let mut world = world(Dice::from_seed(seeds.next()), 40);
        let scope = world.scope();
        let (client, mut since) = (Memory::in_memory().unwrap(), None);
        for _ in 0..3 {
            let packed = Packed::of(&world.memory, &scope, since);
            world.check(&scope, &packed.text(), since);
            packed.take_in(&client);
            is_sound(&client);
            let today = Packed::of(&world.memory, &scope, None);
            // What was private and is erased by now may come as headers; nothing more is told.
            assert_eq!(today.take_in(&client).1, 0, "{scope:?}: a bundle of today tells more than those before");
            assert!(packed.records.len() <= today.records.len());
            let told = told(&client);
            let erased = world.people.iter().filter(|person| person.erased).flat_map(|person| &person.tokens);
            erased.for_each(|word| assert!(!told.contains(word), "{scope:?}: {word} was erased\n{told}"));
            since = Some(world.memory.head().unwrap());
            for _ in 0..world.dice.below(8) {
                world.act();
            }
            world.see_keepers();
        }
    }
}

#[test]
fn a_head_that_this_memory_never_had_is_refused_in_words() {
    let mut world = world(Dice::from_seed(1), 5);
    let mut other = World::new(Dice::from_seed(2));
    let before = world.memory.head().unwrap();
    world.act();
    other.add_person();
    other.add_person();
    let refused = |head: Head, words: &str| {
        let error = world.memory.bundle().since(head).preview().unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(&head.to_string()), "{error}");
    };
    refused(other.memory.head().unwrap(), "has another");
    refused(Head { seq: 1_000_000, ..before }, "this memory has the entries 1 to");
    refused(Head { seq: 0, ..before }, "this memory has the entries 1 to");
    refused(Head { seq: before.seq - 1, ..before }, "has another");
    world.memory.bundle().since(before).preview().unwrap();
    let now = world.memory.bundle().since(world.memory.head().unwrap()).preview().unwrap();
    assert_eq!((now.counts.contacts, now.counts.notes), (0, 0));
}

#[test]
fn what_a_newer_heirloom_wrote_goes_whole_but_not_out_of_a_scope_that_cannot_judge_it() {
    let mut world = World::new(Dice::from_seed(3));
    world.add_person();
    let (sally, word) = (world.people[0].id, world.word());
    let newer = |kind: &str| {
        let body = serde_json::json!({ "told": word });
        crate::Change::Unknown(crate::Unknown { kind: kind.to_owned(), version: 7, body })
    };
    world
        .memory
        .write(host(), |w| {
            w.append(sally, newer("contact.changed"))?;
            w.create(newer("voucher.added"))
        })
        .unwrap();
    let whole = Packed::of(&world.memory, &Scope::default(), None);
    assert_eq!((whole.text().matches(&word).count(), whole.counts.others), (2, 1));
    let part = Packed::of(&world.memory, &Scope { contacts: Some(vec![sally]), ..Scope::default() }, None);
    assert_eq!((part.text().matches(&word).count(), part.counts.others), (0, 0));
    let newer = |what: &str| part.withheld.iter().any(|w| w.what == what && w.why.contains("newer") && w.count == 1);
    assert!(newer("entries") && newer("others"), "{:?}", part.withheld);
    let client = Memory::in_memory().unwrap();
    part.take_in(&client);
    is_sound(&client);
    whole.take_in(&client);
    is_sound(&client);
}

#[test]
fn an_imported_record_is_cut_out_of_a_narrowed_bundle_and_cannot_be_tried_out_by_its_digest() {
    let mut world = World::new(Dice::from_seed(4));
    world.add_person();
    let id = world.people[0].id;
    let whole = Packed::of(&world.memory, &Scope::default(), None);
    let part = Packed::of(&world.memory, &Scope { contacts: Some(vec![id]), ..Scope::default() }, None);
    let added = |packed: &Packed| packed.records.iter().find(|r| r.kind == "contact.added").unwrap().clone();
    let (whole_added, cut) = (added(&whole), added(&part));
    assert_eq!((cut.gone, cut.digest, cut.hash), (Some(Absence::Cut), whole_added.digest, whole_added.hash));
    assert!(!cut.body().unwrap().contains("source") && cut.salt != whole_added.salt);

    let client = Memory::in_memory().unwrap();
    part.take_in(&client);
    let told = |memory: &Memory| format!("{:?}", memory.history(id).unwrap().first().map(|entry| entry.change.clone()));
    assert!(!told(&client).contains("text/csv"), "{}", told(&client));
    whole.take_in(&client);
    assert!(told(&client).contains("text/csv"), "{}", told(&client));
    part.take_in(&client);
    assert!(told(&client).contains("text/csv"), "{}", told(&client));
    is_sound(&client);
}

#[test]
fn what_is_erased_and_held_here_goes_in_no_bundle() {
    let mut world = World::new(Dice::from_seed(5));
    (0..3).for_each(|_| world.add_person());
    let (sally, ben) = (world.people[0].id, world.people[1].id);
    let (text, shared, promise) = (world.word(), world.word(), world.word());
    world
        .memory
        .write(host(), |w| {
            w.link(ben, "knows", sally)?;
            w.note(sally, &text).save()?;
            let note = w.note_about(&[sally, ben], &shared)?.save()?;
            w.correct_note(note, &format!("{shared} again"), None)?;
            w.follow_up(sally, &promise).owner(world.members[0].0).save()
        })
        .unwrap();
    let client = Memory::in_memory().unwrap();
    Packed::of(&world.memory, &Scope::default(), None).take_in(&client);
    client.write(host(), |w| w.hold(sally, "case 4", "a claim")).unwrap();
    drop(world.memory.erase(host(), sally, "case 17").unwrap());
    Packed::of(&world.memory, &Scope::default(), None).take_in(&client);
    assert!(client.contact(sally).is_ok(), "the hold did not hold");

    let scopes = [Scope::default(), Scope { up_to: Some(Sensitivity::Health), ..Scope::default() }];
    for scope in scopes {
        let on = Packed::of(&client, &scope, None);
        assert!(on.records.iter().all(|record| record.body.is_some() || record.gone == Some(Absence::Erased)));
        let goes = on.text();
        for word in world.people[0].tokens.iter().chain([&text, &shared, &promise]) {
            assert!(!goes.contains(word), "{scope:?}: {word}\n{goes}");
        }
        let mut zip = Vec::new();
        client.bundle().write(&mut zip).unwrap();
        let bag = crate::bundle::Opening::new().open_reader("on.zip", std::io::Cursor::new(zip)).unwrap();
        for file in bag.files() {
            let said = String::from_utf8_lossy(&bag.read_to_vec(file.name).unwrap()).into_owned();
            for word in world.people[0].tokens.iter().chain([&text, &shared, &promise]) {
                assert!(!said.contains(word), "{} tells {word}", file.name);
            }
        }
        let third = Memory::in_memory().unwrap();
        on.take_in(&third);
        is_sound(&third);
        assert!(matches!(third.contact(sally), Err(Error::Erased { .. })), "{:?}", third.contact(sally));
        assert_eq!(third.contact(ben).unwrap().name, client.contact(ben).unwrap().name);
    }
}

#[test]
fn the_bytes_of_an_attachment_that_names_somebody_outside_stay_behind() {
    let mut world = World::new(Dice::from_seed(6));
    (0..2).for_each(|_| world.add_person());
    let (sally, ben, bytes) = (world.people[0].id, world.people[1].id, world.word());
    let attachment = NewAttachment::new(format!("with {ben}.txt"), "text/plain", bytes.clone().into_bytes());
    world.memory.write(host(), |w| w.attach(sally, attachment)).unwrap();
    let part = Packed::of(&world.memory, &Scope { contacts: Some(vec![sally]), ..Scope::default() }, None);
    assert!(!part.text().contains(&bytes) && !part.text().contains(&ben.to_string()));
    assert_eq!(part.counts.attachments, 1);
    let both = Packed::of(&world.memory, &Scope { contacts: Some(vec![sally, ben]), ..Scope::default() }, None);
    assert!(both.text().contains(&bytes));
}

#[test]
fn bytes_that_somebody_outside_has_too_go_with_whoever_is_in_scope() {
    let mut world = World::new(Dice::from_seed(8));
    (0..2).for_each(|_| world.add_person());
    let (sally, ben, bytes) = (world.people[0].id, world.people[1].id, world.word());
    let menu = || NewAttachment::new("menu.txt", "text/plain", bytes.clone().into_bytes());
    world
        .memory
        .write(host(), |w| {
            w.attach(sally, menu())?;
            w.attach(ben, menu())
        })
        .unwrap();
    for id in [sally, ben] {
        let part = Packed::of(&world.memory, &Scope { contacts: Some(vec![id]), ..Scope::default() }, None);
        assert_eq!((part.text().matches(&bytes).count(), part.counts.attachments), (1, 2));
    }
}
