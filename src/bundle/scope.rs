//! What of a memory goes into a bundle.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{AgencyId, ContactId, MemberId};
use crate::note::{NoteKind, Sensitivity};

/// What of a memory goes into a bundle: everything that is the organisation's, unless it is narrowed.
///
/// A contact is in scope when all that is said of contacts holds of it, a note when it is about such contacts alone and all
/// that is said of notes holds of it.
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
    /// Notes of what happened at this instant or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime<Utc>>,
    /// Notes of what happened before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// Notes of these kinds; of all where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<NoteKind>,
    /// Notes up to this sensitivity: ordinary, then confidential, then the special categories, which stand on one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Sensitivity>,
    /// Whether the bytes of attachments stay behind; their names and hashes go.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_attachments: bool,
}
