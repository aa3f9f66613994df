//! [`BundleExport`]: what goes into a bundle is chosen, shown before, and written.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::scope::Scope;
use super::signature::Signer;
use super::slice::Slice;
use super::statement::{Counts, Withheld};
use super::write::withheld;
use crate::check;
use crate::error::{Error, Result};
use crate::id::{AgencyId, ContactId, MemberId};
use crate::journal::Head;
use crate::memory::Memory;
use crate::note::{NoteKind, Sensitivity};
use crate::wording::Visible;

/// A bundle that is being put together; see [`Memory::bundle`].
#[must_use = "nothing is packed before write is called"]
#[derive(Clone)]
pub struct BundleExport<'m> {
    pub(super) memory: &'m Memory,
    pub(super) scope: Scope,
    pub(super) since: Option<Head>,
    pub(super) title: Option<String>,
    pub(super) sender: Option<String>,
    pub(super) receiver: Option<String>,
    pub(super) instruction: Option<String>,
    pub(super) signer: Option<&'m dyn Signer>,
    /// What was chosen from nothing, and would be taken for a choice of everything.
    empty: Option<&'static str>,
}

impl fmt::Debug for BundleExport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BundleExport").field("scope", &self.scope).field("since", &self.since).finish_non_exhaustive()
    }
}

/// What a bundle is called unless it is said.
const TITLE: &str = "Handoff";

impl Memory {
    /// Begins a bundle: this memory, or part of one, packed to travel. It holds everything that is the organisation's
    /// unless it is narrowed; [`BundleExport::preview`] says what would go and what would be withheld, and why.
    ///
    /// - Contacts are narrowed by who looks after them or did ([`BundleExport::agency`], [`BundleExport::members`]; whoever
    ///   of them), and by naming them ([`BundleExport::of`]). Both together mean both.
    /// - Notes go when they are about contacts in scope alone, and are narrowed by period, kind and sensitivity.
    /// - What names a contact outside of the scope stays behind; where that is one change of a contact, such as a link to
    ///   another, its header goes without what it says, so that the chain of hashes is whole.
    /// - In a narrowed bundle the records that an import read, kept verbatim, stay behind: a row or a card may tell of others,
    ///   and what a note says that stays behind. Of a note that was retracted only goes that it was. Why members left is told
    ///   of those alone by whom the bundle is narrowed; why a contact changed hands goes with the contact, and the handoff that
    ///   moved it with its reason and its figures, which may say the same.
    /// - Members and agencies go whom something names that goes, under their names and with their e-mail addresses.
    /// - That somebody was erased goes in every bundle, so that it reaches whoever has them: the headers of their entries, which
    ///   say who changed what kind of thing when, and nothing of what it was.
    /// - Private notes stay behind unless [`BundleExport::with_private_of`] names their reader; sealed notes always do.
    /// - What people wrote in their own words goes as it is: nobody can tell whom a sentence is about but by reading it.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact, NewMember, Role};
    ///
    /// let memory = Memory::in_memory()?;
    /// let (agency, sally) = memory.write(Actor::system("setup"), |w| {
    ///     let agency = w.add_agency("The Agency", None, None)?;
    ///     let ana = w.add_member(NewMember::new("Ana Costa").of_agency(agency))?;
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.assign(sally, &ana, Role::Owner)?;
    ///     w.add_contact(NewContact::person("Ben Ortiz"))?; // nobody of the agency looks after him
    ///     w.note(sally, "Likes lemon tart").insight().save()?;
    ///     Ok((agency, sally))
    /// })?;
    /// let preview = memory.bundle().agency(agency).receiver("Corner Table").preview()?;
    /// println!("{preview}");
    /// assert_eq!((preview.counts.contacts, preview.counts.notes), (1, 1));
    /// assert!(preview.to_string().contains("1 contact: outside of the scope"));
    /// # let _ = sally;
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    pub const fn bundle(&self) -> BundleExport<'_> {
        BundleExport {
            memory: self,
            scope: Scope {
                agencies: Vec::new(),
                members: Vec::new(),
                contacts: None,
                contacts_behind: 0,
                from: None,
                until: None,
                kinds: Vec::new(),
                up_to: None,
                without_attachments: false,
                private_of: Vec::new(),
                private_of_behind: 0,
            },
            since: None,
            title: None,
            sender: None,
            receiver: None,
            instruction: None,
            signer: None,
            empty: None,
        }
    }
}

impl BundleExport<'_> {
    /// Takes the contacts whom people of an agency look after, in whichever role, or looked after at any time. Call it again
    /// for further agencies; contacts of any of them go.
    pub fn agency(mut self, agency: impl Into<AgencyId>) -> Self {
        self.scope.agencies.push(agency.into());
        self
    }

    /// Takes the contacts whom these members look after, in whichever role, or looked after at any time; beside those of
    /// agencies that are named.
    pub fn members<M: Into<MemberId>>(mut self, members: impl IntoIterator<Item = M>) -> Self {
        let before = self.scope.members.len();
        self.scope.members.extend(members.into_iter().map(Into::into));
        self.must_have_grown(before, self.scope.members.len(), "members");
        self
    }

    /// Takes these contacts alone; of them only those whom the people look after who are named, where some are.
    pub fn of<C: Into<ContactId>>(mut self, contacts: impl IntoIterator<Item = C>) -> Self {
        let named = self.scope.contacts.get_or_insert_default();
        let before = named.len();
        named.extend(contacts.into_iter().map(Into::into));
        let after = named.len();
        self.must_have_grown(before, after, "contacts");
        self
    }

    /// Takes notes of what happened at the first instant or later, and before the second; `None` leaves that side open. Of
    /// what is known to the day, the month or the year, all of that time must lie between.
    pub fn between(mut self, from: impl Into<Option<DateTime<Utc>>>, until: impl Into<Option<DateTime<Utc>>>) -> Self {
        (self.scope.from, self.scope.until) = (from.into(), until.into());
        self
    }

    /// Takes notes of these kinds alone, as they are classed today.
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = NoteKind>) -> Self {
        let before = self.scope.kinds.len();
        self.scope.kinds.extend(kinds);
        self.must_have_grown(before, self.scope.kinds.len(), "kinds of notes");
        self
    }

    /// Takes notes up to this sensitivity: ordinary ones, then confidential ones, then those of the special category that is
    /// named, and of no other. A note that ever was more sensitive stays behind, whatever it is today: its history tells what
    /// it said. So do promises that were made in such a note.
    pub const fn up_to(mut self, sensitivity: Sensitivity) -> Self {
        self.scope.up_to = Some(sensitivity);
        self
    }

    /// Leaves the bytes of attachments behind; their names and hashes go.
    pub const fn without_attachments(mut self) -> Self {
        self.scope.without_attachments = true;
        self
    }

    /// Takes the private notes of a member along, where they are in scope. They stay private to that member in the memory
    /// that takes the bundle in, but whoever opens the file can read them. The bundle must be begun on a handle that reads
    /// them: [`Memory::seen_by`] of that member, or [`Memory::all_seeing`].
    ///
    /// Without it every private note stays behind and is counted. Sealed notes always stay behind: a file cannot keep a seal.
    pub fn with_private_of(mut self, member: impl Into<MemberId>) -> Self {
        self.scope.private_of.push(member.into());
        self
    }

    /// Takes what is new since a receiver took in an earlier bundle of the same scope: the head that stands in its receipt.
    ///
    /// A contact, a note or a promise goes as a whole when anything about it is newer, and with a contact who came into scope
    /// all that is known of them. The receiver must have the earlier bundle.
    pub const fn since(mut self, head: Head) -> Self {
        self.since = Some(head);
        self
    }

    /// Gives the bundle a title; “Handoff” unless said.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Says who hands it over.
    pub fn sender(mut self, sender: impl Into<String>) -> Self {
        self.sender = Some(sender.into());
        self
    }

    /// Says who it is for.
    pub fn receiver(mut self, receiver: impl Into<String>) -> Self {
        self.receiver = Some(receiver.into());
        self
    }

    /// Says on whose instruction, or by which agreement, it is handed over.
    pub fn instruction(mut self, instruction: impl Into<String>) -> Self {
        self.instruction = Some(instruction.into());
        self
    }

    /// Says what would go and what would be withheld, and why. Nothing is written, here or elsewhere.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a contact, a member or an agency that is not in this memory; [`Error::Refused`] for a head that
    /// this memory never had, or for private notes that the handle does not read; [`Error::Invalid`] for a choice of nothing,
    /// such as no members, for a period that ends before it begins, or for an empty title.
    pub fn preview(&self) -> Result<BundlePreview> {
        let title = self.checked()?.to_owned();
        self.memory.read(|view| {
            let slice = Slice::of(view, &self.scope, self.since)?;
            let all = self.all_of_scope(view)?;
            Ok(BundlePreview {
                title,
                scope: self.scope.clone(),
                since: self.since,
                counts: slice.counts(),
                withheld: withheld(&slice, all.as_ref().unwrap_or(&slice)),
                private_notes: slice.private_notes(view.sql())?,
            })
        })
    }

    /// Checks what can be told without reading the memory, and gives the title.
    pub(super) fn checked(&self) -> Result<&str> {
        let of = "scope of the bundle";
        if let Some(what) = self.empty {
            return Err(Error::invalid(
                of,
                format!("it was to be narrowed to some {what}, and none is named; leave it out to take all"),
            ));
        }
        if let (Some(from), Some(until)) = (self.scope.from, self.scope.until)
            && until <= from
        {
            return Err(Error::invalid(of, format!("it ends {until}, which is not after it begins {from}")));
        }
        let said = [
            ("sender of the bundle", &self.sender),
            ("receiver of the bundle", &self.receiver),
            ("instruction of the bundle", &self.instruction),
        ];
        for (what, text) in said {
            if let Some(text) = text {
                check::text(what, text, check::FIELD_MAX)?;
            }
        }
        check::name("title of the bundle", self.title.as_deref().unwrap_or(TITLE))
    }

    fn must_have_grown(&mut self, before: usize, after: usize, what: &'static str) {
        if after == before {
            self.empty = Some(what);
        }
    }
}

/// What would go into a bundle, and what would not: to be looked at before it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BundlePreview {
    /// What the bundle is called.
    pub title: String,
    /// What of the memory was chosen.
    pub scope: Scope,
    /// The head after which it goes on; `None` for one that stands alone.
    pub since: Option<Head>,
    /// What would go.
    pub counts: Counts,
    /// What would stay behind, and why.
    pub withheld: Vec<Withheld>,
    /// What would become of the private notes that are in scope but for being private.
    pub private_notes: Vec<PrivateNotes>,
}

/// What would become of the private notes of one member, or of those that are sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PrivateNotes {
    /// The member who alone reads them; `None` where they are sealed, or nobody is known who does.
    pub member: Option<MemberId>,
    /// The name of that member.
    pub name: Option<String>,
    /// Whether they are sealed.
    pub is_sealed: bool,
    /// How many.
    pub count: u64,
    /// Whether they would go, and be read by whoever opens the bundle.
    pub goes: bool,
}

impl fmt::Display for PrivateNotes {
    /// How many of whom, and what becomes of them, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let notes = if self.count == 1 { "private note" } else { "private notes" };
        match &self.name {
            _ if self.is_sealed => write!(f, "{} sealed {notes}", self.count)?,
            Some(name) => write!(f, "{} {notes} of {}", self.count, Visible(name))?,
            None => write!(f, "{} {notes} of nobody who is known", self.count)?,
        }
        f.write_str(match self.goes {
            true => ": would go, and be read by whoever opens the bundle",
            false => ": would stay behind",
        })
    }
}

impl fmt::Display for BundlePreview {
    /// What would go, on a line each, and what would not, each with its reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.since {
            None => writeln!(f, "{}", Visible(&self.title))?,
            Some(head) => writeln!(f, "{}, what is new since entry {}", Visible(&self.title), head.seq)?,
        }
        write!(f, "would go: {}", self.counts)?;
        match self.withheld.is_empty() {
            true => f.write_str("\nwould stay behind: nothing"),
            false => {
                f.write_str("\nwould stay behind:")?;
                self.withheld.iter().try_for_each(|withheld| write!(f, "\n  {withheld}"))
            }
        }?;
        self.private_notes.iter().try_for_each(|notes| write!(f, "\n{notes}"))
    }
}
