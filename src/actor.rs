//! Who acts: the author of every entry.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Result;
use crate::id::MemberId;
use crate::member::Member;
use crate::store::{Row, RowExt};

/// Who makes a change. Every entry names one, for good.
///
/// ```
/// use heirloom::Actor;
///
/// assert_eq!(Actor::import("hubspot").to_string(), "import hubspot");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Actor {
    /// A person who acts for the organisation.
    Member(MemberId),
    /// A program of the host, by name, such as a nightly synchronisation.
    System(String),
    /// An import, by the name of its source.
    Import(String),
    /// A software agent, by name, and the member on whose behalf it acts, if any.
    Agent {
        /// The agent's name.
        name: String,
        /// The member on whose behalf it acts.
        on_behalf_of: Option<MemberId>,
    },
}

impl Actor {
    /// A program of the host.
    pub fn system(name: impl Into<String>) -> Self {
        Self::System(name.into())
    }

    /// An import from a source.
    pub fn import(source: impl Into<String>) -> Self {
        Self::Import(source.into())
    }

    /// A software agent that acts by itself.
    pub fn agent(name: impl Into<String>) -> Self {
        Self::Agent { name: name.into(), on_behalf_of: None }
    }

    /// A software agent that acts for a member.
    pub fn agent_of(name: impl Into<String>, member: impl Into<MemberId>) -> Self {
        Self::Agent { name: name.into(), on_behalf_of: Some(member.into()) }
    }

    /// The member who acts, or on whose behalf the agent acts.
    pub const fn member(&self) -> Option<MemberId> {
        match self {
            Self::Member(member) => Some(*member),
            Self::Agent { on_behalf_of, .. } => *on_behalf_of,
            Self::System(_) | Self::Import(_) => None,
        }
    }

    /// The word for the kind of actor, as the journal stores it.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Member(_) => "member",
            Self::System(_) => "system",
            Self::Import(_) => "import",
            Self::Agent { .. } => "agent",
        }
    }

    /// The name of a system, an import or an agent; empty for a member, whose name stands with the member.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Member(_) => "",
            Self::System(name) | Self::Import(name) | Self::Agent { name, .. } => name,
        }
    }

    /// The name under which a member, or an agent who acts for one, writes.
    pub(crate) fn author_name(&self, member: &str) -> String {
        match self {
            Self::Member(_) => member.to_owned(),
            actor => format!("{} for {member}", actor.name()),
        }
    }

    /// Reads an actor from three columns of a row: kind, member, name. `None` where there is none, or one of a kind that
    /// this build does not know.
    pub(crate) fn read(row: &dyn Row, first: usize) -> Result<Option<Self>> {
        let Some(kind) = row.opt_text(first)? else { return Ok(None) };
        let member = Uuid::from_slice(row.blob(first + 1)?).ok().map(MemberId);
        Ok(Self::from_parts(kind, member, row.string(first + 2)?))
    }

    /// Puts an actor together from its stored parts; `None` for a kind that this build does not know.
    pub(crate) fn from_parts(kind: &str, member: Option<MemberId>, name: String) -> Option<Self> {
        match (kind, member) {
            ("member", Some(member)) => Some(Self::Member(member)),
            ("system", None) => Some(Self::System(name)),
            ("import", None) => Some(Self::Import(name)),
            ("agent", on_behalf_of) => Some(Self::Agent { name, on_behalf_of }),
            _ => None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(member) => write!(f, "member {member}"),
            _ => write!(f, "{} {}", self.kind(), self.name()),
        }
    }
}

impl From<MemberId> for Actor {
    fn from(member: MemberId) -> Self {
        Self::Member(member)
    }
}

impl From<&Member> for Actor {
    fn from(member: &Member) -> Self {
        Self::Member(member.id)
    }
}

impl From<&Actor> for Actor {
    fn from(actor: &Actor) -> Self {
        actor.clone()
    }
}
