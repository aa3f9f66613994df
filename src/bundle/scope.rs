//! What of a memory goes into a bundle.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{AgencyId, ContactId, MemberId};
use crate::note::{NoteKind, Sensitivity};
use crate::time::When;

/// What of a memory goes into a bundle: everything that is the organisation's, unless it is narrowed.
///
/// A contact is in scope when all that is said of contacts holds of it: some of the people who are named (members, and
/// people of agencies) look after it or did, and it is one of the contacts that are named. A note is in scope when it is
/// about such contacts alone and all that is said of notes holds of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Scope {
    /// The contacts whom people of these agencies look after, or looked after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agencies: Vec<AgencyId>,
    /// The contacts whom these members look after, or looked after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MemberId>,
    /// These contacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contacts: Option<Vec<ContactId>>,
    /// In `handoff.json`, where [`Scope::contacts`] names only those who go: how many more were asked for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub contacts_behind: u64,
    /// Notes of what happened at this instant or later; the whole of the day, month or year where no more is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime<Utc>>,
    /// Notes of what happened before this instant; the whole of the day, month or year where no more is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// Notes of these kinds; of all where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<NoteKind>,
    /// Notes up to this sensitivity: ordinary, then confidential, then the special category that is named, and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Sensitivity>,
    /// Whether the bytes of attachments stay behind; their names and hashes go.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_attachments: bool,
    /// The members whose private notes go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub private_of: Vec<MemberId>,
    /// In `handoff.json`, where [`Scope::private_of`] names only those who go: how many more were asked for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub private_of_behind: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Scope {
    /// Whether people are named, by whom the contacts are found.
    pub(crate) const fn names_people(&self) -> bool {
        !self.agencies.is_empty() || !self.members.is_empty()
    }

    /// Whether the bundle holds less than everything that is the organisation's; attachments aside.
    pub(crate) const fn is_narrow(&self) -> bool {
        self.names_people()
            || self.contacts.is_some()
            || self.from.is_some()
            || self.until.is_some()
            || !self.kinds.is_empty()
            || self.up_to.is_some()
    }

    /// Whether something that happened then lies in the period, with all of the time that may be meant.
    pub(crate) fn holds_time(&self, when: When) -> bool {
        self.from.is_none_or(|from| from <= when.start()) && self.until.is_none_or(|until| when.end() <= until)
    }

    /// Whether notes of a kind go.
    pub(crate) fn holds_kind(&self, kind: NoteKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// Whether notes of a sensitivity go.
    pub(crate) fn holds_sensitivity(&self, sensitivity: Sensitivity) -> bool {
        match (self.up_to, sensitivity) {
            (None, _) | (Some(_), Sensitivity::Ordinary) => true,
            (Some(most), Sensitivity::Confidential) => most != Sensitivity::Ordinary,
            (Some(most), special) => most == special,
        }
    }
}
