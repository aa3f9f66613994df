//! [`Arrival`]: what the import of a bundle did, or would do.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::bundle::statement::{Statement, Withheld};
use crate::channel::Channel;
use crate::contact::ContactSummary;
use crate::erasure::Erased;
use crate::id::{FollowUpId, MemberId, MemoryId};
use crate::journal::{Hash, Head, Subject};
use crate::memory::MemoryImported;
use crate::ownership::OwnershipConflict;
use crate::wording::{Count, Quoted, Visible, word_for};

/// What the import of a bundle did, or, from a preview, would do.
///
/// [`Display`](fmt::Display) tells it to people; serialised, it tells it to a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[must_use = "what awaits a decision stands in it"]
pub struct Arrival {
    /// What the bundle is called.
    pub title: String,
    /// Who handed it over, in their own words.
    pub sender: Option<String>,
    /// On whose instruction, or by which agreement.
    pub instruction: Option<String>,
    /// Whether it was only a preview, which keeps nothing.
    pub preview: bool,
    /// The SHA-256 of the bundle's tag manifest, by which the bundle is known.
    pub bundle: Hash,
    /// The memory from which it came.
    pub from: MemoryId,
    /// The memory that took it in.
    pub into: MemoryId,
    /// The head of that memory when the bundle was packed.
    pub head: Head,
    /// The head after which the bundle goes on, where no bundle that reaches up to there was imported here: what did not change
    /// since then is not in it, and did not come.
    pub missing_base: Option<Head>,
    /// The bundle holds what stood at this instant.
    pub as_of: DateTime<Utc>,
    /// Who signed it, in words.
    pub signature: String,
    /// The fingerprint of the key that signed it, where it was an expected one.
    pub signed_by: Option<String>,
    /// Who imported it; empty in a preview.
    pub by: String,
    /// The instant of the import.
    pub at: DateTime<Utc>,
    /// The head of this memory behind it; `None` in a preview.
    pub received: Option<Head>,
    /// Entries of the journal; changed are those whose body came only this time.
    pub entries: Tally,
    /// Contacts.
    pub contacts: Tally,
    /// Notes.
    pub notes: Tally,
    /// Promises.
    pub follow_ups: Tally,
    /// Members.
    pub members: Tally,
    /// Agencies.
    pub agencies: Tally,
    /// Handoffs.
    pub handoffs: Tally,
    /// What a newer heirloom knows.
    pub others: Tally,
    /// Attachments whose bytes are in the bundle.
    pub attachments: Tally,
    /// Attachments that are named here and whose bytes are neither here nor in the bundle.
    pub attachments_missing: u64,
    /// Attachments whose bytes are in the bundle and stay out, because nothing that stands here has them: what had them was
    /// erased.
    pub attachments_kept_out: u64,
    /// New entries whose body the sender kept back.
    pub without_body: u64,
    /// New entries that stay without a body, because who or what they are about was erased here.
    pub kept_out: u64,
    /// What went here, because it was erased elsewhere.
    pub erased: Erased,
    /// What the bundle says was withheld from it.
    pub withheld: Vec<Withheld>,
    /// New entries of kinds that only a newer heirloom knows, by kind. They are carried as they came.
    pub carried: BTreeMap<String, u64>,
    /// Members who came, as outside members: they stay the authors of what they wrote, and act here once they are admitted.
    pub outside: Vec<OutsideMember>,
    /// Contacts that both memories changed apart from each other, by name. Of each fact the later change holds, the other one
    /// stands in the history.
    pub both_changed: Vec<ContactSummary>,
    /// New contacts who share an address with one who was here, and may be the same person.
    pub duplicates: Vec<PossibleDuplicate>,
    /// What the merge brought about that no rule decides.
    pub to_decide: Vec<ToDecide>,
}

/// How many of a kind came, by what was here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tally {
    /// They were not here.
    pub new: u64,
    /// They were here, and something about them came that was not.
    pub changed: u64,
    /// They were here, something about them came, and something about them is here that the bundle does not know: both sides
    /// changed them.
    pub conflicting: u64,
    /// They are here as they are in the bundle, or later.
    pub equal: u64,
}

/// A member who came with a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OutsideMember {
    /// The id, to be given to [`Writer::admit_member`](crate::Writer::admit_member) where they are to act here.
    pub id: MemberId,
    /// The name.
    pub name: String,
}

/// A contact who came, and one who was here, who share an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PossibleDuplicate {
    /// Who came.
    pub new: ContactSummary,
    /// Who was here.
    pub known: ContactSummary,
    /// On which channel.
    pub channel: Channel,
    /// The address, as the one who came has it.
    pub address: String,
}

/// Something that a merge brought about and that people decide. Nothing was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToDecide {
    /// Several members own a contact; [`Writer::decide_owner`](crate::Writer::decide_owner) says who does.
    Owners(OwnershipConflict),
    /// A member who has left owns a contact; [`Writer::transfer`](crate::Writer::transfer) hands it on.
    DepartedOwner {
        /// The contact.
        contact: ContactSummary,
        /// The name of the member.
        member: String,
    },
    /// A member who has left is to keep a promise;
    /// [`Writer::hand_on_follow_up`](crate::Writer::hand_on_follow_up) hands it on.
    DepartedKeeper {
        /// The contact.
        contact: ContactSummary,
        /// The promise.
        promise: FollowUpId,
        /// What was promised.
        what: String,
        /// The name of the member.
        member: String,
    },
    /// The note that answered a question of a handoff is erased; the question stands without its answer.
    ErasedAnswer {
        /// The contact.
        contact: ContactSummary,
        /// What was asked.
        question: String,
    },
}

impl Arrival {
    pub(super) fn new(
        statement: &Statement,
        into: MemoryId,
        bundle: Hash,
        at: DateTime<Utc>,
        (signature, signed_by): (String, Option<String>),
    ) -> Self {
        Self {
            title: statement.title.clone(),
            sender: statement.sender.clone(),
            instruction: statement.instruction.clone(),
            preview: false,
            bundle,
            from: statement.memory,
            into,
            head: statement.head,
            missing_base: None,
            as_of: statement.as_of,
            signature,
            signed_by,
            by: String::new(),
            at,
            received: None,
            entries: Tally::default(),
            contacts: Tally::default(),
            notes: Tally::default(),
            follow_ups: Tally::default(),
            members: Tally::default(),
            agencies: Tally::default(),
            handoffs: Tally::default(),
            others: Tally::default(),
            attachments: Tally::default(),
            attachments_missing: 0,
            attachments_kept_out: 0,
            without_body: 0,
            kept_out: 0,
            erased: Erased::default(),
            withheld: statement.withheld.clone(),
            carried: BTreeMap::new(),
            outside: Vec::new(),
            both_changed: Vec::new(),
            duplicates: Vec::new(),
            to_decide: Vec::new(),
        }
    }

    /// The tally of a kind of subject.
    pub(super) const fn tally(&mut self, of: Subject) -> &mut Tally {
        match of {
            Subject::Contact(_) => &mut self.contacts,
            Subject::Note(_) => &mut self.notes,
            Subject::FollowUp(_) => &mut self.follow_ups,
            Subject::Member(_) => &mut self.members,
            Subject::Agency(_) => &mut self.agencies,
            Subject::Handoff(_) => &mut self.handoffs,
            Subject::Memory(_) | Subject::Other(_) => &mut self.others,
        }
    }

    /// Whether the bundle brought anything that was not here.
    pub const fn brought_anything(&self) -> bool {
        self.entries.new > 0 || self.entries.changed > 0 || self.attachments.new > 0
    }

    /// The entry that records the import.
    pub(super) fn imported(&self) -> MemoryImported {
        MemoryImported {
            bundle: self.bundle,
            from: self.from,
            head: self.head,
            signed_by: self.signed_by.clone(),
            entries: self.entries.new + self.entries.changed,
        }
    }
}

impl Tally {
    /// `3 new, 1 changed, 1 changed on both sides, 12 as they were`; `None` where there are none.
    fn told(&self) -> Option<String> {
        let parts = [
            (self.new, "new"),
            (self.changed, "changed"),
            (self.conflicting, "changed on both sides"),
            (self.equal, word_for(self.equal, "as it was", "as they were")),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

fn entries(number: u64) -> String {
    format!("{number} new {}", word_for(number, "entry", "entries"))
}

/// So many of a list are shown; the fields of the report hold all of them.
const SHOWN: usize = 10;

impl fmt::Display for Arrival {
    /// Where it comes from and who signed it, what came, and what awaits somebody, each on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading(f)?;
        let tallies = [
            ("contacts", &self.contacts),
            ("notes", &self.notes),
            ("promises", &self.follow_ups),
            ("members", &self.members),
            ("agencies", &self.agencies),
            ("handoffs", &self.handoffs),
            ("of a newer heirloom", &self.others),
            ("attachments", &self.attachments),
            ("entries", &self.entries),
        ];
        for (what, tally) in tallies {
            if let Some(told) = tally.told() {
                writeln!(f, "  {what:<13} {told}")?;
            }
        }
        self.left_out(f)?;
        list(f, "Withheld by the sender", &self.withheld)?;
        list(f, "People who came along; they stay the authors, admit_member lets them act here", &self.outside)?;
        list(f, "Changed on both sides; the later change holds, the other stands in the history", &self.both_changed)?;
        list(f, "Perhaps the same person twice", &self.duplicates)?;
        list(f, "For you to decide", &self.to_decide)
    }
}

impl Arrival {
    fn heading(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match (self.preview, self.brought_anything()) {
            (true, true) => "would bring",
            (true, false) => "would bring nothing that is not here",
            (false, true) => "brought",
            (false, false) => "brought nothing that was not here",
        };
        write!(f, "{}", Visible(&self.title))?;
        if let Some(sender) = &self.sender {
            write!(f, " of {}", Visible(sender))?;
        }
        writeln!(f, ", {}", Visible(&self.signature))?;
        if let Some(instruction) = &self.instruction {
            writeln!(f, "Instruction: {}", Visible(instruction))?;
        }
        writeln!(f, "It holds what stood on {}, and {verb}:", self.as_of.format("%Y-%m-%d %H:%M"))
    }

    /// What is not in it, or is not taken up, each on a line.
    fn left_out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(base) = self.missing_base {
            writeln!(
                f,
                "It goes on after entry {} of memory {}, and no bundle that reaches up to there was imported here. What it holds \
                 stands by itself; what did not change since then is not in it. Ask the sender for the bundle before it, or \
                 for one that stands alone.",
                base.seq, self.from
            )?;
        }
        if self.without_body > 0 {
            writeln!(f, "Of {} the sender kept back what was written.", entries(self.without_body))?;
        }
        if self.kept_out > 0 {
            writeln!(f, "{} about what was erased here stayed out.", entries(self.kept_out))?;
        }
        if self.attachments_kept_out > 0 {
            let (count, has) = (self.attachments_kept_out, word_for(self.attachments_kept_out, "it", "them"));
            writeln!(f, "Of {} the bytes stayed out: nothing that stands here has {has}.", Count(count, "attachment"))?;
        }
        let is_held_back = !self.erased.held_back.is_empty() || !self.erased.members_held_back.is_empty();
        if self.erased.is_any() || is_held_back {
            writeln!(f, "Erased elsewhere: {}", self.erased)?;
        }
        if self.attachments_missing > 0 {
            writeln!(f, "Of {} the bytes are not here.", Count(self.attachments_missing, "attachment"))?;
        }
        for (kind, count) in &self.carried {
            writeln!(f, "Carried for a newer heirloom: {count} × {}", Visible(kind))?;
        }
        Ok(())
    }
}

/// Writes a list under a title, the first of it line by line, and how many more there are.
fn list(f: &mut fmt::Formatter<'_>, title: &str, items: &[impl fmt::Display]) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(f, "{title}:")?;
    for item in items.iter().take(SHOWN) {
        writeln!(f, "  {}", Visible(&item.to_string()))?;
    }
    crate::wording::more_below(f, items.len().saturating_sub(SHOWN) as u64)
}

impl fmt::Display for OutsideMember {
    /// The name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Display for PossibleDuplicate {
    /// Who came, who was here, and what they share.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, who came, and {}, who was here: {} {}", self.new, self.known, self.channel, self.address)
    }
}

impl fmt::Display for ToDecide {
    /// What stands, and what decides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owners(conflict) => write!(f, "{conflict}"),
            Self::DepartedOwner { contact, member } => {
                write!(f, "{contact} is looked after by {member}, who has left; transfer hands them on")
            }
            Self::DepartedKeeper { contact, what, member, .. } => {
                let what = Quoted(what);
                write!(f, "{member}, who has left, promised {contact} {what}; hand_on_follow_up hands it on")
            }
            Self::ErasedAnswer { contact, question } => {
                write!(f, "the answer about {contact} to {} is erased; ask again", Quoted(question))
            }
        }
    }
}
