//! The steps of a handoff: offer, answer, questions, stages, completion.

use std::borrow::Borrow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::plan::{self, Plan, PlanChange, PlanItem};
use super::receipt::Receipt;
use super::{
    Fate, HandoffCompleted, HandoffOffered, HandoffStaged, HandoffState, ItemState, OwnershipAccepted,
    OwnershipAnswered, OwnershipAsked, OwnershipDeclined, OwnershipKept, OwnershipOffered, Stage, StagePlanned,
    handoff_key,
};
use crate::actor::Actor;
use crate::check;
use crate::error::{Error, Result};
use crate::id::{ContactId, EntryId, HandoffId, MemberId, NoteId, QuestionId};
use crate::journal::Writer;
use crate::member::{Member, member_key};
use crate::note;
use crate::ownership::{CANNOT_LOOK_AFTER, Open, Role, read_open};
use crate::store::{RowExt, SqlExt, Value};
use crate::time;
use crate::wording::{Count, first_of};

/// A handoff as its steps need it.
pub(super) struct Standing {
    pub(super) id: HandoffId,
    pub(super) key: i64,
    pub(super) reason: String,
    pub(super) state: HandoffState,
    pub(super) stage: Option<Stage>,
    offered_at: i64,
    ended_at: Option<i64>,
}

impl Standing {
    /// How it is named in a message.
    pub(super) fn called(&self) -> String {
        format!("the handoff “{}” of {}", self.reason, day(self.offered_at))
    }

    /// Refuses a handoff that was completed, withdrawn or undone.
    pub(super) fn must_be_offered(self) -> Result<Self> {
        match self.state {
            HandoffState::Offered => Ok(self),
            state => Err(Error::refused(format!(
                "{} was {state} on {}; it can no longer be changed",
                self.called(),
                self.ended_on()
            ))),
        }
    }

    /// The day on which it was completed, withdrawn or undone.
    pub(super) fn ended_on(&self) -> String {
        self.ended_at.map(day).unwrap_or_default()
    }
}

pub(super) fn day(micros: i64) -> String {
    time::from_micros(micros).map(|at| at.date_naive().to_string()).unwrap_or_default()
}

/// The first few of many names, and how many more there are.
pub(super) fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    first_of(names, SHOWN)
}

/// An accepted item: what a leaver hands to a successor about a contact.
pub(super) struct Taken {
    pub(super) contact: ContactId,
    pub(super) key: i64,
    pub(super) leaver: MemberId,
    leaver_key: i64,
    successor: Rc<Member>,
    owned: bool,
    fate: Fate,
}

/// Every role that stands, by the key of the contact.
type Roles = HashMap<i64, Vec<Open>>;

/// How an owned item goes to its successor.
enum Way {
    /// The leaver is the owner, and the successor is not.
    Transfer(Open),
    /// Both are owners.
    LeaverSteps(Open),
    /// The successor is the owner already.
    Already,
}

impl Writer<'_> {
    pub(super) fn standing(&self, id: HandoffId) -> Result<Standing> {
        let found = self.sql().first(
            "SELECT key, reason, state, stage, offered_at, coalesce(undone_at, closed_at) FROM handoff WHERE key = $1",
            &[Value::Int(handoff_key(self.sql(), id)?)],
            |row| {
                Ok(Standing {
                    id,
                    key: row.int(0)?,
                    reason: row.string(1)?,
                    state: row.text(2)?.parse()?,
                    stage: row.opt_text(3)?.map(str::parse).transpose()?,
                    offered_at: row.int(4)?,
                    ended_at: row.opt_int(5)?,
                })
            },
        )?;
        found.ok_or_else(|| Error::unknown("handoff", id))
    }

    /// Offers what a plan says to its successors. Nothing changes hands: each successor accepts or declines first.
    ///
    /// What becomes of private notes other than that they stay private is decided by their author or by the host: a plan that
    /// releases or seals some is offered by one of these ([`Actor::System`] for the host).
    ///
    /// # Errors
    /// [`Error::Refused`] for a plan of another memory, for one with contacts that nobody would take over or that stand in
    /// another handoff, for one that is out of date, saying what has changed since, and for one that disposes of private
    /// notes of others.
    pub fn offer(&mut self, plan: impl Borrow<Plan>) -> Result<HandoffId> {
        let plan = plan.borrow();
        plan.must_be_of(self.memory_id())?;
        // What is offered is the plan as it is drawn up today: equal to the one at hand, and from no other hand.
        let plan = &self.drawn_today(plan)?;
        self.must_dispose_of_own_notes(plan)?;
        let stages = plan
            .stages
            .iter()
            .map(|(stage, until)| Ok(StagePlanned { stage: *stage, until: time::to_micros(*until)? }));
        let contacts = plan.items.iter().map(|item| item.contact.id).collect::<BTreeSet<_>>().len() as u64;
        let offered = HandoffOffered {
            reason: plan.reason.clone(),
            leavers: plan.leavers.clone(),
            contacts,
            stages: stages.collect::<Result<_>>()?,
        };
        let handoff = HandoffId(self.create(offered)?);
        for item in &plan.items {
            let successor = item.successor.ok_or_else(|| Error::fault("a plan", "it is ready without a successor"))?;
            self.offer_item(handoff, item.contact.id, (item.leaver, successor), item.owned, item.fate)?;
        }
        Ok(handoff)
    }

    /// Offers what a leaver has of a contact to a successor, and returns the entry.
    fn offer_item(
        &mut self,
        handoff: HandoffId,
        contact: ContactId,
        (leaver, successor): (MemberId, MemberId),
        owned: bool,
        private_notes: Fate,
    ) -> Result<EntryId> {
        let (leaver_name, successor_name) = (self.member_name(leaver)?, self.member_name(successor)?);
        let offered =
            OwnershipOffered { handoff, leaver, leaver_name, successor, successor_name, owned, private_notes };
        self.append_id(contact, offered)
    }

    /// Draws a plan up anew; refuses when it has changed, or cannot be offered.
    fn drawn_today(&self, plan: &Plan) -> Result<Plan> {
        let (today, changes) = plan::today(&self.view(), plan)?;
        let changes: Vec<String> = changes.iter().filter(|c| c.outdates()).map(PlanChange::to_string).collect();
        if !changes.is_empty() {
            return Err(Error::refused(format!(
                "the plan of {} is out of date: {}; draw it up anew with redraw",
                plan.at.date_naive(),
                some(&changes)
            )));
        }
        plan.must_make_sense(&self.view())?;
        if today.items.is_empty() {
            return Err(Error::refused(
                "the plan hands over nothing: those who leave own no contact and promised nothing",
            ));
        }
        let blocked: Vec<String> = today.undecided().map(PlanItem::to_string).collect();
        match blocked.is_empty() {
            true => Ok(today),
            false => Err(Error::refused(format!(
                "{} of {} contacts cannot be offered yet: {}; say who takes them over, or leave them out",
                blocked.len(),
                today.items.len(),
                some(&blocked)
            ))),
        }
    }

    fn must_dispose_of_own_notes(&mut self, plan: &Plan) -> Result<()> {
        let mut disposed = plan.items.iter().filter(|item| item.fate != Fate::Withhold && item.private_notes > 0);
        disposed.try_for_each(|item| self.must_decide_for(item.leaver, item.fate))
    }

    /// Refuses when who acts may not say what becomes of a leaver's private notes.
    fn must_decide_for(&mut self, leaver: MemberId, fate: Fate) -> Result<()> {
        match self.actor() {
            Actor::System(_) => Ok(()),
            Actor::Member(member) if *member == leaver => Ok(()),
            _ => {
                let name = self.member_name(leaver)?;
                Err(Error::refused(format!(
                    "this would {fate} private notes of {name}; that is for {name} to decide, or for the host: let one of them offer it"
                )))
            }
        }
    }

    /// Offers a contact of a handoff to somebody else, as after it was declined. What the stages of the handoff did about
    /// it is taken back.
    ///
    /// # Errors
    /// [`Error::Refused`] when the handoff is not open, when it does not have the contact or another open one does, when the
    /// member has departed or is among those who leave, and when private notes would be released to the member by neither
    /// their author nor the host.
    pub fn offer_to(&mut self, handoff: HandoffId, contact: ContactId, successor: impl Into<MemberId>) -> Result<()> {
        let standing = self.standing(handoff)?.must_be_offered()?;
        let successor = self.view().member(successor.into())?;
        successor.must_act_here(CANNOT_LOOK_AFTER)?;
        self.must_be_in_no_other(&standing, contact)?;
        let items = self.items_of(&standing, contact)?;
        if items.iter().any(|item| item.leaver == successor.id) || self.leaves(&standing, successor.id)? {
            return Err(Error::refused(format!("{} is who leaves; offer to somebody else", successor.name)));
        }
        for item in &items {
            if item.fate == Fate::Release && self.has_private_notes(contact, item.leaver)? {
                self.must_decide_for(item.leaver, item.fate)?;
            }
        }
        let why = format!("offered to {}", successor.name);
        self.leave_stages(&standing, contact, &why, |w| {
            let mut offered = Err(Error::fault("a handoff", "nothing of it was offered"));
            for item in items {
                let who = (item.leaver, successor.id);
                offered = Ok(w.offer_item(handoff, contact, who, item.owned, item.fate)?);
            }
            offered
        })
    }

    /// Whether a member is one of those who leave, or comes from an agency that does.
    fn leaves(&self, standing: &Standing, member: MemberId) -> Result<bool> {
        let found = self.sql().first(
            "SELECT 1 FROM handoff_leaver l JOIN member m ON m.key = l.party OR m.agency = l.party
             WHERE l.handoff = $1 AND m.id = $2",
            &[Value::Int(standing.key), (&member.0).into()],
            |row| row.int(0),
        )?;
        Ok(found.is_some())
    }

    fn has_private_notes(&self, contact: ContactId, member: MemberId) -> Result<bool> {
        let (contact, member) = (self.contact_key(contact)?, member_key(self.sql(), member)?);
        Ok(!note::private_notes_of(self.sql(), contact, member, self.head().seq)?.is_empty())
    }

    fn must_be_in_no_other(&self, standing: &Standing, contact: ContactId) -> Result<()> {
        let other = self.sql().first(
            "SELECT h.reason, h.offered_at, c.name FROM handoff_item i
             JOIN handoff h ON h.key = i.handoff
             JOIN contact c ON c.key = i.contact
             WHERE i.contact = $1 AND i.handoff <> $2 AND i.state <> 'kept' AND h.state = 'offered'",
            &[Value::Int(self.contact_key(contact)?), Value::Int(standing.key)],
            |row| Ok(format!("{} is in the handoff “{}” of {}", row.text(2)?, row.text(0)?, day(row.int(1)?))),
        )?;
        other.map_or(Ok(()), |why| Err(Error::refused(format!("{why}; take the contact out of that one first"))))
    }

    /// Takes a contact out of a handoff: it stays with who leaves, with their promises. What the stages of the handoff did
    /// about it is taken back, but for what would go to somebody who has departed since.
    ///
    /// # Errors
    /// [`Error::Refused`] when the handoff is not open or does not have the contact; [`Error::Invalid`] for an empty reason.
    pub fn keep(&mut self, handoff: HandoffId, contact: ContactId, why: &str) -> Result<()> {
        check::text("reason", why, check::FIELD_MAX)?;
        let standing = self.standing(handoff)?.must_be_offered()?;
        self.items_of(&standing, contact)?;
        let kept = OwnershipKept { handoff, why: why.to_owned() };
        self.leave_stages(&standing, contact, why, |w| w.append_id(contact, kept))
    }

    /// Takes a contact over, as the member to whom it is offered, who has read its brief.
    ///
    /// # Errors
    /// [`Error::Refused`] when the handoff is not open, or when the contact is offered to somebody else, was accepted already
    /// or was taken out.
    pub fn accept(&mut self, handoff: HandoffId, contact: ContactId) -> Result<()> {
        self.answered(handoff, contact)?;
        let brief_read_at = self.at_micros();
        self.append(contact, OwnershipAccepted { handoff, brief_read_at })
    }

    /// Takes over everything that is offered to the member who acts, and returns how many contacts these are.
    ///
    /// # Errors
    /// [`Error::Refused`] when the handoff is not open, or when nothing in it awaits the member's answer.
    pub fn accept_all(&mut self, handoff: HandoffId) -> Result<u64> {
        let standing = self.standing(handoff)?.must_be_offered()?;
        let successor = self.acting_successor()?;
        let offered = self.sql().all(
            "SELECT DISTINCT c.id, c.key FROM handoff_item i
             JOIN contact c ON c.key = i.contact
             JOIN member s ON s.key = i.successor
             WHERE i.handoff = $1 AND i.state = 'offered' AND s.id = $2
             ORDER BY c.key",
            &[Value::Int(standing.key), (&successor.0).into()],
            |row| {
                let contact = ContactId(row.uuid(0)?);
                self.contact_has_key(contact, row.int(1)?);
                Ok(contact)
            },
        )?;
        if offered.is_empty() {
            let name = self.member_name(successor)?;
            return Err(Error::refused(format!("nothing in {} awaits the answer of {name}", standing.called())));
        }
        let brief_read_at = self.at_micros();
        offered.iter().try_for_each(|contact| self.append(*contact, OwnershipAccepted { handoff, brief_read_at }))?;
        Ok(offered.len() as u64)
    }

    /// Does not take a contact over; it goes back to the plan, to be offered to somebody else ([`Writer::offer_to`]) or taken
    /// out ([`Writer::keep`]).
    ///
    /// # Errors
    /// As [`Writer::accept`]; [`Error::Invalid`] for an empty reason.
    pub fn decline(&mut self, handoff: HandoffId, contact: ContactId, why: &str) -> Result<()> {
        check::text("reason", why, check::FIELD_MAX)?;
        self.answered(handoff, contact)?;
        self.append(contact, OwnershipDeclined { handoff, why: why.to_owned() })
    }

    /// Checks that who acts may answer for a contact, and has not done so.
    fn answered(&self, handoff: HandoffId, contact: ContactId) -> Result<()> {
        let standing = self.standing(handoff)?.must_be_offered()?;
        let successor = self.acting_successor()?;
        let name = |id| self.view().member(id).map(|member| member.name);
        let contact_name = || self.view().contact_summary(contact).map(|contact| contact.name);
        for item in self.items_of(&standing, contact)? {
            if item.successor != successor {
                let (to, by) = (name(item.successor)?, name(successor)?);
                return Err(Error::refused(format!("{} is offered to {to}, not to {by}", contact_name()?)));
            }
            if item.state != ItemState::Offered {
                let (contact, on) = (contact_name()?, day(item.state_at));
                return Err(Error::refused(format!("{contact} was {} on {on} already", item.state)));
            }
        }
        Ok(())
    }

    fn acting_successor(&self) -> Result<MemberId> {
        match self.actor() {
            Actor::Member(member) => Ok(*member),
            _ => Err(Error::refused("a handoff is answered by the successor in person; write as that member")),
        }
    }

    /// Asks about a contact that is offered to the member who acts. Whoever knows answers with [`Writer::answer`].
    ///
    /// # Errors
    /// [`Error::Refused`] when the handoff is not open or the contact is not offered to the member; [`Error::Invalid`] for an
    /// empty question.
    pub fn ask(&mut self, handoff: HandoffId, contact: ContactId, question: &str) -> Result<QuestionId> {
        check::text("question", question, check::FIELD_MAX)?;
        let standing = self.standing(handoff)?.must_be_offered()?;
        let successor = self.acting_successor()?;
        if self.items_of(&standing, contact)?.iter().all(|item| item.successor != successor) {
            let (contact, name) = (self.view().contact_summary(contact)?.name, self.member_name(successor)?);
            return Err(Error::refused(format!("{contact} is not offered to {name}; the successor asks")));
        }
        let asked = OwnershipAsked { handoff, question: question.trim().to_owned() };
        self.append_id(contact, asked).map(|id| QuestionId(id.0))
    }

    /// Answers a question about a contact with an insight, which carries the question and the answer, and returns it.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an unknown question; [`Error::Refused`] for one that was answered already; [`Error::Invalid`]
    /// for an empty answer.
    pub fn answer(&mut self, question: QuestionId, answer: &str) -> Result<NoteId> {
        check::text("answer", answer, check::NOTE_TEXT_MAX)?;
        let asked = self.sql().first(
            "SELECT c.id, q.question, q.answered_at FROM handoff_question q JOIN contact c ON c.key = q.contact
             WHERE q.id = $1",
            &[(&question.0).into()],
            |row| Ok((ContactId(row.uuid(0)?), row.string(1)?, row.opt_int(2)?)),
        )?;
        let (contact, text, answered_at) = asked.ok_or_else(|| Error::unknown("question", question))?;
        if let Some(at) = answered_at {
            return Err(Error::refused(format!("“{text}” was answered on {}; correct that note instead", day(at))));
        }
        let note = self.note(contact, format!("{} {}", text.trim_end(), answer.trim())).insight().save()?;
        self.append(contact, OwnershipAnswered { question, note })?;
        Ok(note)
    }

    /// Brings a gradual handoff to a stage, for all contacts in it, and says what the successors have yet to learn.
    ///
    /// In [`Stage::Shadow`] the successor reads along and follows; in [`Stage::Share`] both are owners; in [`Stage::Hold`] the
    /// successor is the owner and the leaver the backup. [`Writer::complete`] is the last step. Stages may be left out, and
    /// none comes twice.
    ///
    /// # Errors
    /// [`Error::Refused`] when the handoff is not open, when it is past this stage, or while contacts are undecided.
    pub fn advance(&mut self, handoff: HandoffId, stage: Stage, still_to_learn: Option<&str>) -> Result<()> {
        if let Some(text) = still_to_learn {
            check::text("what is still to learn", text, check::FIELD_MAX)?;
        }
        let standing = self.standing(handoff)?.must_be_offered()?;
        if let Some(reached) = standing.stage.filter(|reached| *reached >= stage) {
            return Err(Error::refused(format!("{} is in its stage {reached} already", standing.called())));
        }
        let (taken, mut held) = self.decided(&standing)?;
        let ways = self.ways(&standing, &taken, &held)?;
        let until = self.sql().first(
            "SELECT until FROM handoff_stage WHERE handoff = $1 AND stage = $2",
            &[Value::Int(standing.key), Value::Text(stage.word())],
            |row| row.int(0),
        )?;
        let staged = HandoffStaged { stage, until, still_to_learn: still_to_learn.map(str::to_owned) };
        let cause = self.append_id(handoff, staged)?;
        self.because_of(cause, |w| {
            for (item, way) in taken.iter().zip(ways) {
                let Some(way) = way else { continue };
                let others = held.entry(item.key).or_default();
                w.bring_to(stage, &standing, item, way, others)?;
            }
            Ok(())
        })
    }

    fn bring_to(
        &mut self,
        stage: Stage,
        standing: &Standing,
        item: &Taken,
        way: Way,
        held: &mut Vec<Open>,
    ) -> Result<()> {
        let why = Some(standing.reason.as_str());
        if stage > Stage::Shadow {
            self.end_role(item, item.successor.id, Role::Shadow, held, why)?;
        }
        match (stage, way) {
            (Stage::Shadow, Way::Transfer(_)) => self.take_role(item, item.successor.id, Role::Shadow, held, why),
            (Stage::Share, Way::Transfer(_)) => self.take_role(item, item.successor.id, Role::Owner, held, why),
            (Stage::Shadow | Stage::Share, _) => Ok(()),
            (Stage::Hold, way) => {
                self.go(item, way, why)?;
                self.take_role(item, item.leaver, Role::Backup, held, why)
            }
        }
    }

    /// Carries a handoff out, whole: the contacts change hands with the promises, by the entries that single transfers write, and
    /// private notes meet their fate. All that it does names it as the cause.
    ///
    /// # Errors
    /// [`Error::Refused`], naming them, while contacts are undecided, when a successor has departed since, or when a contact is
    /// no longer looked after by who leaves.
    pub fn complete(&mut self, handoff: HandoffId) -> Result<Receipt> {
        let standing = self.standing(handoff)?.must_be_offered()?;
        let (taken, mut held) = self.decided(&standing)?;
        let ways = self.ways(&standing, &taken, &held)?;
        let contacts = taken.iter().map(|item| item.key).collect::<BTreeSet<_>>().len() as u64;
        let completed = self.append_id(handoff, HandoffCompleted { contacts })?;
        let after = self.head().seq;
        self.because_of(completed, |w| {
            for (item, way) in taken.iter().zip(ways) {
                let others = held.entry(item.key).or_default();
                w.take_over(&standing, item, way, others)?;
            }
            Ok(())
        })?;
        let withheld = self.withheld(&standing)?;
        self.receipt(&standing, HandoffState::Completed, after, (withheld, 0))
    }

    fn take_over(&mut self, standing: &Standing, item: &Taken, way: Option<Way>, held: &mut Vec<Open>) -> Result<()> {
        let why = Some(standing.reason.as_str());
        if standing.stage == Some(Stage::Shadow) {
            self.end_role(item, item.successor.id, Role::Shadow, held, why)?;
        }
        match way {
            Some(way) => self.go(item, way, why)?,
            None => self.go(item, Way::Already, why)?,
        }
        if standing.stage == Some(Stage::Hold) && item.owned {
            self.end_role(item, item.leaver, Role::Backup, held, why)?;
        }
        self.dispose_of_private_notes(standing, item)
    }

    fn dispose_of_private_notes(&mut self, standing: &Standing, item: &Taken) -> Result<()> {
        if item.fate == Fate::Withhold {
            return Ok(());
        }
        // Those that were written, or came to the leaver, after the offer are not what was decided on.
        for note in note::private_notes_of(self.sql(), item.key, item.leaver_key, standing.key)? {
            match self.fate_of(standing, item, note)? {
                Fate::Release => self.release_note_as_decided(note, &item.successor, Some(&standing.reason))?,
                Fate::Seal => self.seal_note_as_decided(note, Some(&standing.reason))?,
                Fate::Withhold => {}
            }
        }
        Ok(())
    }

    /// What becomes of a private note of a leaver: where it is about several contacts, the most careful of their fates. It
    /// stays with the leaver where one of them does.
    fn fate_of(&self, standing: &Standing, item: &Taken, note: NoteId) -> Result<Fate> {
        let fates = self.sql().all(
            "SELECT i.fate FROM entry e
             JOIN note_contact l ON l.note = e.seq
             LEFT JOIN handoff_item i
                 ON i.contact = l.contact AND i.handoff = $1 AND i.leaver = $2 AND i.state = 'accepted'
             WHERE e.id = $3",
            &[Value::Int(standing.key), Value::Int(item.leaver_key), (&note.0).into()],
            |row| row.opt_text(0)?.map_or(Ok(Fate::Withhold), str::parse),
        )?;
        Ok(fates.into_iter().max().unwrap_or(item.fate))
    }

    /// How many notes those who leave alone read, about whomever these are.
    fn withheld(&self, standing: &Standing) -> Result<u64> {
        self.sql().one(
            "SELECT count(DISTINCT note) FROM note_contact
             WHERE retracted_at IS NULL AND private_to IN (
                 SELECT m.key FROM handoff_leaver l JOIN member m ON m.key = l.party OR m.agency = l.party
                 WHERE l.handoff = $1
                 UNION SELECT leaver FROM handoff_item WHERE handoff = $1
             )",
            &[Value::Int(standing.key)],
            |row| Ok(row.int(0)?.unsigned_abs()),
        )
    }

    /// Lets an owned item go to its successor.
    fn go(&mut self, item: &Taken, way: Way, why: Option<&str>) -> Result<()> {
        match way {
            Way::Already => self.hand_follow_ups(item.key, item.leaver_key, &item.successor, why),
            Way::Transfer(open) => self.hand_over(item.contact, item.key, &open, &item.successor, why).map(drop),
            Way::LeaverSteps(open) => {
                let cause = self.close_role(item.contact, &open, why)?;
                self.because_of(cause, |w| w.hand_follow_ups(item.key, item.leaver_key, &item.successor, why))
            }
        }
    }

    fn take_role(
        &mut self,
        item: &Taken,
        member: MemberId,
        role: Role,
        held: &[Open],
        why: Option<&str>,
    ) -> Result<()> {
        match held.iter().any(|open| open.role == role && open.member == member) {
            true => Ok(()),
            false => self.open_role(item.contact, member, role, None, why).map(drop),
        }
    }

    /// Ends a role where it is held, and forgets it: another item of the same contact finds it no more.
    fn end_role(
        &mut self,
        item: &Taken,
        member: MemberId,
        role: Role,
        held: &mut Vec<Open>,
        why: Option<&str>,
    ) -> Result<()> {
        match held.iter().position(|open| open.role == role && open.member == member) {
            Some(at) => self.close_role(item.contact, &held.remove(at), why).map(drop),
            None => Ok(()),
        }
    }

    /// The accepted items and all roles that stand for their contacts; refuses while something is undecided.
    fn decided(&self, standing: &Standing) -> Result<(Vec<Taken>, Roles)> {
        self.must_be_decided(standing)?;
        let mut successors = HashMap::new();
        let mut successor = |id: MemberId| -> Result<Rc<Member>> {
            Ok(match successors.entry(id) {
                Entry::Occupied(known) => Rc::clone(known.get()),
                Entry::Vacant(unknown) => Rc::clone(unknown.insert(Rc::new(self.view().member(id)?))),
            })
        };
        let taken = self.sql().all(
            "SELECT c.id, c.key, l.id, l.key, s.id, i.owned, i.fate FROM handoff_item i
             JOIN contact c ON c.key = i.contact
             JOIN member l ON l.key = i.leaver
             JOIN member s ON s.key = i.successor
             WHERE i.handoff = $1 AND i.state = 'accepted'
             ORDER BY i.contact, i.leaver",
            &[Value::Int(standing.key)],
            |row| {
                let (contact, key) = (ContactId(row.uuid(0)?), row.int(1)?);
                self.contact_has_key(contact, key);
                Ok(Taken {
                    contact,
                    key,
                    leaver: MemberId(row.uuid(2)?),
                    leaver_key: row.int(3)?,
                    successor: successor(MemberId(row.uuid(4)?))?,
                    owned: row.int(5)? == 1,
                    fate: row.text(6)?.parse()?,
                })
            },
        )?;
        match taken.is_empty() {
            true => Err(Error::refused(format!("nothing in {} was accepted; withdraw it instead", standing.called()))),
            false => Ok((taken, self.held_in(standing)?)),
        }
    }

    fn must_be_decided(&self, standing: &Standing) -> Result<()> {
        let undecided = self.sql().all(
            "SELECT c.name, i.state, s.name FROM handoff_item i
             JOIN contact c ON c.key = i.contact
             JOIN member s ON s.key = i.successor
             WHERE i.handoff = $1 AND i.state IN ('offered', 'declined')
             ORDER BY c.name_key, c.key",
            &[Value::Int(standing.key)],
            |row| {
                let (contact, successor) = (row.string(0)?, row.text(2)?);
                Ok(match row.text(1)?.parse()? {
                    ItemState::Declined => format!("{contact} (declined by {successor})"),
                    _ => format!("{contact} (awaits {successor})"),
                })
            },
        )?;
        if !undecided.is_empty() {
            return Err(Error::refused(format!(
                "{} is undecided for {}: {}; let them be accepted, offer them to somebody else, or take them out",
                standing.called(),
                Count(undecided.len() as u64, "contact"),
                some(&undecided)
            )));
        }
        let departed = self.sql().all(
            "SELECT DISTINCT s.name FROM handoff_item i JOIN member s ON s.key = i.successor
             WHERE i.handoff = $1 AND i.state = 'accepted' AND s.departed_at IS NOT NULL
             ORDER BY s.name",
            &[Value::Int(standing.key)],
            |row| row.string(0),
        )?;
        match departed.is_empty() {
            true => Ok(()),
            false => Err(Error::refused(format!(
                "{} departed since they accepted; offer their contacts to somebody who is here",
                some(&departed)
            ))),
        }
    }

    /// Every role that stands, or is to come, for the contacts of a handoff.
    fn held_in(&self, standing: &Standing) -> Result<Roles> {
        let mut held = Roles::new();
        self.sql().each(
            "SELECT a.contact, a.id, m.id, m.name, a.role, a.since FROM assignment a
             JOIN member m ON m.key = a.member
             WHERE a.contact IN (SELECT contact FROM handoff_item WHERE handoff = $1 AND state = 'accepted')
                 AND (a.until IS NULL OR a.until > $2 AND a.until > a.since)
             ORDER BY a.contact, a.since, a.key",
            &[Value::Int(standing.key), Value::Int(self.at_micros())],
            |row| {
                held.entry(row.int(0)?).or_default().push(read_open(row, 1)?);
                Ok(())
            },
        )?;
        Ok(held)
    }

    /// How each item goes to its successor, in their order; `None` for those that are about promises and private notes alone.
    /// Refuses, naming them, when some no longer stand as they were offered.
    fn ways(&self, standing: &Standing, taken: &[Taken], held: &Roles) -> Result<Vec<Option<Way>>> {
        let (mut ways, mut changed) = (Vec::with_capacity(taken.len()), Vec::new());
        let mut given = None;
        for item in taken {
            let owners = held.get(&item.key).map(Vec::as_slice).unwrap_or_default();
            match item.owned.then(|| self.way(standing, item, owners)).transpose() {
                Ok(Some(Way::Transfer(open))) => {
                    // Of two who own it and leave, the first hands it over and the second steps down.
                    let to = Some((item.key, item.successor.id));
                    let again = std::mem::replace(&mut given, to) == to;
                    ways.push(Some(if again { Way::LeaverSteps(open) } else { Way::Transfer(open) }));
                }
                Ok(way) => ways.push(way),
                Err(why) => changed.push(format!("{} {why}", self.view().contact_summary(item.contact)?.name)),
            }
        }
        match changed.is_empty() {
            true => Ok(ways),
            false => Err(Error::refused(format!(
                "{} no longer stands as it was offered: {}; take these out with keep, or put that right first",
                standing.called(),
                some(&changed)
            ))),
        }
    }

    fn way(&self, standing: &Standing, item: &Taken, held: &[Open]) -> Result<Way, String> {
        let mut owners = held.iter().filter(|open| open.role == Role::Owner);
        let at = self.at_micros();
        if let Some(later) = owners.clone().find(|open| open.since > at) {
            return Err(format!("will be looked after by {} from {} on", later.name, day(later.since)));
        }
        let of_leaver = owners.clone().find(|open| open.member == item.leaver);
        let of_successor = owners.clone().find(|open| open.member == item.successor.id);
        match (of_leaver, of_successor) {
            (Some(open), None) => Ok(Way::Transfer(open.clone())),
            (Some(open), Some(_)) => Ok(Way::LeaverSteps(open.clone())),
            // Handed over already, or shared, and the leaver has let go since, as by departing.
            (None, Some(_)) if standing.stage >= Some(Stage::Share) => Ok(Way::Already),
            (None, _) => Err(match owners.next() {
                Some(open) => format!("is looked after by {}", open.name),
                None => "is looked after by nobody".to_owned(),
            }),
        }
    }
}

/// One row of a handoff about a contact.
struct Item {
    leaver: MemberId,
    successor: MemberId,
    owned: bool,
    fate: Fate,
    state: ItemState,
    state_at: i64,
}

impl Writer<'_> {
    /// What a handoff has about a contact; refuses when that is nothing.
    fn items_of(&self, standing: &Standing, contact: ContactId) -> Result<Vec<Item>> {
        let items = self.sql().all(
            "SELECT l.id, s.id, i.owned, i.fate, i.state, i.state_at FROM handoff_item i
             JOIN member l ON l.key = i.leaver
             JOIN member s ON s.key = i.successor
             WHERE i.handoff = $1 AND i.contact = $2
             ORDER BY i.leaver",
            &[Value::Int(standing.key), Value::Int(self.contact_key(contact)?)],
            |row| {
                Ok(Item {
                    leaver: MemberId(row.uuid(0)?),
                    successor: MemberId(row.uuid(1)?),
                    owned: row.int(2)? == 1,
                    fate: row.text(3)?.parse()?,
                    state: row.text(4)?.parse()?,
                    state_at: row.int(5)?,
                })
            },
        )?;
        match items.is_empty() {
            true => Err(Error::refused(format!(
                "{} is not in {}",
                self.view().contact_summary(contact)?.name,
                standing.called()
            ))),
            false => Ok(items),
        }
    }
}
