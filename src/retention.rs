//! Retention: what is let go when its time is over, by rules that the host hands in.
//!
//! Rules are values, not stored: whoever embeds heirloom keeps them where its policies are kept, and journals them with every
//! erasure that they bring about.

use chrono::{DateTime, Months, Utc};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::check;
use crate::contact::ContactKind;
use crate::erasure::Erased;
use crate::error::{Error, Result};
use crate::memory::Memory;
use crate::note::{NoteKind, Sensitivity};
use crate::word::words;

mod due;
mod shown;
mod ties;

pub use self::due::{ContactDue, KeptBack, NotesDue, RetentionPreview, RuleDue};
pub(crate) use self::ties::Ties;

/// A rule of retention: what it is called, on what ground, of what, how long after which event, and what is done then.
///
/// ```
/// use heirloom::{Retention, Sensitivity, audience};
///
/// let rules = [
///     Retention::of_contacts("guests who have not come for three years", "privacy notice, section 4")
///         .audience(audience::CUSTOMER)
///         .unless_tagged("supplier")
///         .months_since_spoken(36)
///         .erase(),
///     Retention::of_notes("remarks on health", "consent form of 2025, section 2")
///         .sensitivity(Sensitivity::Health)
///         .months_since_happened(12)
///         .review(),
/// ];
/// assert_eq!(rules[0].to_string(), "guests who have not come for three years: erased 36 months after they were last spoken to (privacy notice, section 4)");
/// ```
///
/// There is no rule that makes data anonymous: a note is free text, and no program can tell that nobody can be known from
/// it any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Retention {
    /// What the rule is called.
    pub name: String,
    /// The ground that it rests on: the law, the contract, the notice that names the period.
    pub basis: String,
    /// Of what it is.
    pub of: RetainedSelection,
    /// The event from which the period runs.
    pub since: Since,
    /// How many months the period has.
    pub months: u32,
    /// What is done when it is over.
    pub action: RetentionAction,
}

/// What a rule of retention is about. All that is said must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RetainedSelection {
    /// Contacts, with their notes and promises.
    Contacts(OfContacts),
    /// Notes.
    Notes(OfNotes),
}

words! {
    /// The event from which the period of a rule runs.
    Since "event from which a period runs" {
        /// A contact was last spoken to: the newest note of kind conversation, praise, complaint or idea that was not
        /// retracted, private ones included. Where there is none, when the contact was added.
        Spoken "spoken",
        /// Anything about a contact last happened: the newest note that was not retracted, private ones included. Where there is
        /// none, when the contact was added.
        Noted "noted",
        /// A contact was added.
        Added "added",
        /// What a note tells happened; where only its day, month or year is known, the end of it.
        Happened "happened",
        /// A note was written down.
        Recorded "recorded",
    }
}

words! {
    /// What is done when the period of a rule is over.
    RetentionAction "what a rule of retention does" {
        /// It is erased.
        Erase "erase",
        /// It is listed for a person to decide.
        Review "review",
    }
}

/// The contacts of a rule: all, unless it is narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a rule says what is done: go on with the period"]
#[non_exhaustive]
pub struct OfContacts {
    #[serde(skip)]
    named: Named,
    /// People or organisations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ContactKind>,
    /// The audience that they belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// A tag that they carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// A tag that they do not carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless_tagged: Option<String>,
}

/// The notes of a rule: all, unless it is narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a rule says what is done: go on with the period"]
#[non_exhaustive]
pub struct OfNotes {
    #[serde(skip)]
    named: Named,
    /// Notes of these kinds; of all where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<NoteKind>,
    /// Notes of these sensitivities; of all where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sensitivities: Vec<Sensitivity>,
}

/// What a rule is called and rests on, until it is whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Named {
    name: String,
    basis: String,
}

/// A rule that has all but what is done when its period is over.
#[derive(Clone, Debug)]
#[must_use = "a rule says what is done: end with erase or review"]
pub struct Period {
    named: Named,
    of: RetainedSelection,
    since: Since,
    months: u32,
}

impl Retention {
    /// Begins a rule about contacts; with a contact go their notes and promises.
    pub fn of_contacts(name: impl Into<String>, basis: impl Into<String>) -> OfContacts {
        OfContacts { named: Named { name: name.into(), basis: basis.into() }, ..OfContacts::default() }
    }

    /// Begins a rule about notes alone.
    pub fn of_notes(name: impl Into<String>, basis: impl Into<String>) -> OfNotes {
        OfNotes { named: Named { name: name.into(), basis: basis.into() }, ..OfNotes::default() }
    }

    fn check(&self) -> Result<()> {
        check::name("name of a rule of retention", &self.name)?;
        check::name("basis of a rule of retention", &self.basis)?;
        let fits = match self.of {
            RetainedSelection::Contacts(_) => matches!(self.since, Since::Spoken | Since::Noted | Since::Added),
            RetainedSelection::Notes(_) => matches!(self.since, Since::Happened | Since::Recorded),
        };
        match (self.months, fits) {
            (0, _) => Err(self.invalid("its period has no month; write at least 1")),
            (_, false) => {
                Err(self.invalid(&format!("its period runs from “{}”, which is not of what it is about", self.since)))
            }
            _ => Ok(()),
        }
    }

    fn invalid(&self, why: &str) -> Error {
        Error::invalid("rule of retention", format!("“{}”: {why}", self.name))
    }

    /// The instant before which the event must lie for the period to be over.
    fn over_before(&self, at: DateTime<Utc>) -> Result<DateTime<Utc>> {
        at.checked_sub_months(Months::new(self.months))
            .ok_or_else(|| self.invalid(&format!("a period of {} months began before all calendars", self.months)))
    }

    /// What the journal says of an erasure that the rule brought about.
    fn why(&self) -> String {
        format!("retention: {self}")
    }
}

impl OfContacts {
    /// Only people, or only organisations.
    pub const fn kind(mut self, kind: ContactKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Only those of this audience, such as [`crate::audience::CUSTOMER`].
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Only those who carry this tag, whatever its case and marks.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// Only those who do not carry this tag, whatever its case and marks.
    pub fn unless_tagged(mut self, tag: impl Into<String>) -> Self {
        self.unless_tagged = Some(tag.into());
        self
    }

    /// So many months after they were last spoken to; see [`Since::Spoken`].
    pub fn months_since_spoken(self, months: u32) -> Period {
        self.period(Since::Spoken, months)
    }

    /// So many months after anything about them last happened; see [`Since::Noted`].
    pub fn months_since_noted(self, months: u32) -> Period {
        self.period(Since::Noted, months)
    }

    /// So many months after they were added.
    pub fn months_since_added(self, months: u32) -> Period {
        self.period(Since::Added, months)
    }

    fn period(mut self, since: Since, months: u32) -> Period {
        let named = std::mem::take(&mut self.named);
        Period { named, of: RetainedSelection::Contacts(self), since, months }
    }
}

impl OfNotes {
    /// Notes of this kind; called again, of that kind too.
    pub fn kind(mut self, kind: NoteKind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// Notes of this sensitivity; called again, of that one too.
    pub fn sensitivity(mut self, sensitivity: Sensitivity) -> Self {
        self.sensitivities.push(sensitivity);
        self
    }

    /// So many months after what they tell happened; see [`Since::Happened`].
    pub fn months_since_happened(self, months: u32) -> Period {
        self.period(Since::Happened, months)
    }

    /// So many months after they were written down.
    pub fn months_since_recorded(self, months: u32) -> Period {
        self.period(Since::Recorded, months)
    }

    fn period(mut self, since: Since, months: u32) -> Period {
        let named = std::mem::take(&mut self.named);
        Period { named, of: RetainedSelection::Notes(self), since, months }
    }
}

impl Period {
    /// Erases what the rule is about.
    pub fn erase(self) -> Retention {
        self.then(RetentionAction::Erase)
    }

    /// Lists what the rule is about, for a person to decide.
    pub fn review(self) -> Retention {
        self.then(RetentionAction::Review)
    }

    fn then(self, action: RetentionAction) -> Retention {
        let Named { name, basis } = self.named;
        Retention { name, basis, of: self.of, since: self.since, months: self.months, action }
    }
}

/// Rules of retention over a memory; see [`Memory::retention`].
#[derive(Clone, Debug)]
#[must_use = "nothing is looked at before preview is called"]
pub struct Retaining<'m> {
    memory: &'m Memory,
    rules: Vec<Retention>,
}

impl Memory {
    /// Looks at what rules of retention would let go: first what they would touch, then, once somebody has seen that, to do
    /// it.
    ///
    /// A contact or a note under a legal hold stays, and so does a contact to whom a promise is open, or who shares a note with
    /// somebody held; all of them are listed with the reason. What several rules are about goes by the first that erases it.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact, Retention};
    /// # let clock = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(1_577_836_800));
    /// # let reading = clock.clone();
    /// # let now = move || {
    /// #     heirloom::chrono::DateTime::from_timestamp(reading.load(std::sync::atomic::Ordering::SeqCst), 0).unwrap()
    /// # };
    /// # let years_pass = || clock.fetch_add(4 * 31_557_600, std::sync::atomic::Ordering::SeqCst);
    /// # let memory = Memory::options().clock(now).in_memory()?;
    ///
    /// let desk = Actor::system("front desk");
    /// let sally = memory.write(&desk, |w| w.add_contact(NewContact::person("Sally Marsh")))?;
    /// years_pass();
    ///
    /// let rules = [Retention::of_contacts("guests who have not come for three years", "privacy notice, section 4")
    ///     .months_since_spoken(36)
    ///     .erase()];
    /// let retention = memory.retention(&rules);
    /// let preview = retention.preview()?;
    /// println!("{preview}"); // … Sally Marsh, since 2020-01-01, with 0 notes
    /// assert_eq!(preview.rules[0].contacts[0].contact.id, sally);
    ///
    /// let report = retention.run(&desk, &preview)?;
    /// assert_eq!(report.erased.contacts, 1);
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub fn retention<'r>(&self, rules: impl IntoIterator<Item = &'r Retention>) -> Retaining<'_> {
        Retaining { memory: self, rules: rules.into_iter().cloned().collect() }
    }
}

impl Retaining<'_> {
    /// Works out on one snapshot what the rules would touch, and changes nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a rule without a name, a basis or a period.
    pub fn preview(&self) -> Result<RetentionPreview> {
        self.rules.iter().try_for_each(Retention::check)?;
        self.memory.all_seeing().read(|view| due::preview(view, self.memory.id(), &self.rules))
    }

    /// Erases what a preview showed, all in one write, and scrubs the file. Each erasure names the rule and its basis as the
    /// reason. What is to be reviewed is left alone.
    ///
    /// # Errors
    /// [`Error::Refused`] where the rules would now touch anything else than the preview shows, or a member or a program is to
    /// decide and an agent or an import acts; [`Error::Invalid`] as [`Retaining::preview`]. Nothing was erased then.
    pub fn run(&self, actor: impl Into<Actor>, preview: &RetentionPreview) -> Result<RetentionReport> {
        self.rules.iter().try_for_each(Retention::check)?;
        let (rules, erased) = self.memory.write(actor, |w| {
            let today = due::at(&w.all_seeing_view(), self.memory.id(), &self.rules, preview.at)?;
            if !preview.shows_the_same_as(&today)? {
                return Err(Error::refused(preview.differs_from(&today)));
            }
            let mut erased = Erased::default();
            for due in today.erasing() {
                let these = due.to_erase();
                if !these.is_empty() {
                    erased += w.erase_many(&these, &due.rule.why())?;
                }
            }
            Ok((today.rules.iter().map(RuleDone::of).collect(), erased))
        })?;
        let erased = if erased.bodies > 0 { self.memory.erased(erased) } else { erased };
        Ok(RetentionReport { at: preview.at, rules, kept: preview.kept.len() as u64, erased })
    }
}

/// What rules of retention came to. As text by `Display`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RetentionReport {
    /// The instant at which the periods were measured.
    pub at: DateTime<Utc>,
    /// What each rule came to, in the order in which they were given.
    pub rules: Vec<RuleDone>,
    /// How many contacts, or notes of a contact, stay although their time is over.
    pub kept: u64,
    /// What was erased in all.
    pub erased: Erased,
}

/// What one rule of retention came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RuleDone {
    /// The rule.
    pub rule: Retention,
    /// How many contacts it erased, or leaves to a person to review.
    pub contacts: u64,
    /// How many notes, those of the contacts not counted.
    pub notes: u64,
}

impl RuleDone {
    fn of(due: &RuleDue) -> Self {
        let notes = due.notes.iter().map(|notes| notes.notes.len() as u64).sum();
        Self { rule: due.rule.clone(), contacts: due.contacts.len() as u64, notes }
    }
}
