//! Identifiers: a UUIDv7 each, one type per noun, so that one is never taken for another.
//!
//! A subject (a contact, a note, a member, …) is named by the journal entry that created it: the id of a contact is
//! the id of its `contact.added` entry. One place, [`IdSource`], makes ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, Result};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $noun:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// Sixteen bytes, a UUIDv7; written as the usual 36 characters.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub(crate) Uuid);

        impl $name {
            /// Returns the id as a plain UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<&Self> for $name {
            fn from(id: &Self) -> Self {
                *id
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} {}", $noun, self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                match Uuid::try_parse(text) {
                    Ok(id) => Ok(Self(id)),
                    Err(_) => Err(Error::invalid(
                        concat!("id of a ", $noun),
                        format!("“{text}” is not a UUID; an id has 32 hexadecimal digits, such as 01890a5d-ac96-774b-bcce-b302099a8057"),
                    )),
                }
            }
        }
    )*};
}

ids! {
    /// The id of a memory: where an entry was first written.
    MemoryId "memory";
    /// The id of an entry of the journal.
    EntryId "entry";
    /// The id of a contact.
    ContactId "contact";
    /// The id of a member.
    MemberId "member";
    /// The id of an agency.
    AgencyId "agency";
    /// The id of a note.
    NoteId "note";
    /// The id of a follow-up: a promise to a contact.
    FollowUpId "follow-up";
    /// The id of a handoff.
    HandoffId "handoff";
    /// The id of a question that a successor asks about a contact.
    QuestionId "question";
    /// The id of an assignment: one interval in which a member looks after a contact in one role.
    AssignmentId "assignment";
}

/// Where ids and salts get their randomness: the operating system's, fetched some hundred draws at a time.
pub(crate) struct IdSource {
    pool: [u8; 4096],
    used: usize,
    /// The last id's time and counter, so that ids made here never run backwards.
    last: (u64, u16),
}

impl IdSource {
    pub(crate) const fn new() -> Self {
        Self { pool: [0; 4096], used: 4096, last: (0, 0) }
    }

    /// Draws random bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        if self.used + N > self.pool.len() {
            getrandom::fill(&mut self.pool).map_err(|e| Error::fault("random numbers of the system", e))?;
            self.used = 0;
        }
        let mut drawn = [0; N];
        if let Some(fresh) = self.pool.get_mut(self.used..self.used + N) {
            drawn.copy_from_slice(fresh);
            fresh.fill(0);
        }
        self.used += N;
        Ok(drawn)
    }

    /// Makes a UUIDv7 (RFC 9562, section 5.7) for an instant in microseconds since 1970: 48 bits of milliseconds, a
    /// 12-bit counter within the millisecond, 62 random bits.
    pub(crate) fn id(&mut self, micros: i64) -> Result<Uuid> {
        let millis = u64::try_from(micros / 1_000).unwrap_or(0);
        self.last = match self.last {
            (last, count) if millis > last || count == 0xfff => (millis.max(last + u64::from(millis <= last)), 0),
            (last, count) => (last, count + 1),
        };
        let (millis, count) = self.last;
        let random: [u8; 8] = self.bytes()?;
        let high = (u128::from(millis & 0xffff_ffff_ffff) << 80) | (0x7 << 76) | (u128::from(count) << 64);
        let low = (0b10 << 62) | (u128::from(u64::from_be_bytes(random)) & ((1 << 62) - 1));
        Ok(Uuid::from_u128(high | low))
    }
}
