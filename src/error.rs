//! What can go wrong, in words: what, which, where, and what to do about it.

use std::path::PathBuf;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. The message is meant for the person in front of the screen: it says what happened, where, and what
/// to do; it never shows an engine's error code alone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value that cannot be accepted. Nothing was written.
    #[error("{what}: {why}")]
    Invalid {
        /// The value in question, such as “text of the note”.
        what: &'static str,
        /// Why it cannot be accepted, and what would be.
        why: String,
    },
    /// An id, or another reference, that this memory does not know.
    #[error("there is no {noun} {which} in this memory")]
    Unknown {
        /// What kind of thing was looked for.
        noun: &'static str,
        /// The id or name that was given.
        which: String,
    },
    /// A contact, a note or a promise that was erased, or purged: nothing of it is left here but that it was there.
    #[error("{noun} {which} was {}; nothing of it is left here", gone(at.as_ref()))]
    Erased {
        /// What it was.
        noun: &'static str,
        /// The id that was given.
        which: String,
        /// When it was erased; `None` where it came from elsewhere and was kept out, and where it was purged.
        at: Option<chrono::DateTime<chrono::Utc>>,
    },
    /// A rule of the organisation's memory forbids the change, as when a member who has left would own a contact.
    #[error("{0}")]
    Refused(String),
    /// `write` was called inside `write` on the same thread. Use the writer at hand instead.
    #[error("write was called inside write on the same memory; use the writer that the outer call hands you")]
    NestedWrite,
    /// Another process, or another thread of this one, kept the file locked for longer than the time that this memory waits.
    #[error(
        "{path} is being written elsewhere and did not become free within {waited_ms} ms; nothing was written, try again"
    )]
    Busy {
        /// The file.
        path: PathBuf,
        /// How long this call waited, in milliseconds.
        waited_ms: u64,
    },
    /// The memory was opened for reading only.
    #[error("{path} was opened for reading only; open it with Memory::open to write")]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file is not a memory, or not one that this build can read. It was left as it was.
    #[error("{path} {why}")]
    NotAMemory {
        /// The file.
        path: PathBuf,
        /// Why, as the rest of a sentence that begins with the path.
        why: String,
    },
    /// The file was written by a newer heirloom. It was left as it was.
    #[error(
        "{path} was written by a newer heirloom (file version {found}, this build reads up to {supported}); upgrade heirloom to open it"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of the file.
        found: i64,
        /// The newest version that this build reads.
        supported: i64,
    },
    /// The file is damaged, or was changed by something other than heirloom.
    #[error("{path} is damaged: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found, and what to do.
        why: String,
    },
    /// The disk is full. Nothing of this write was kept, everything before it was.
    #[error(
        "no space is left on the disk that holds {path}; nothing of this change was kept, all that was acknowledged before is safe"
    )]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// The operating system failed to read or write.
    #[error("{path}: {why}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The handle is no longer usable: the file was deleted or replaced, or the process was forked.
    #[error("{path}: {why}")]
    Detached {
        /// The file.
        path: PathBuf,
        /// What happened, and what to do.
        why: String,
    },
    /// A bundle that cannot be written, or that must not be trusted.
    #[cfg(feature = "bundle")]
    #[error(transparent)]
    Bundle(#[from] crate::bundle::BundleError),
    /// A fault inside heirloom or its engine that no rule above names. Please report it.
    #[error("unexpected fault in {place}: {why}; please report this with the steps that led to it")]
    Fault {
        /// Where it happened.
        place: &'static str,
        /// What was said.
        why: String,
    },
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl Error {
    pub(crate) fn invalid(what: &'static str, why: impl Into<String>) -> Self {
        Self::Invalid { what, why: why.into() }
    }

    pub(crate) fn unknown(noun: &'static str, which: impl std::fmt::Display) -> Self {
        Self::Unknown { noun, which: which.to_string() }
    }

    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }

    pub(crate) fn fault(place: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Fault { place, why: why.to_string() }
    }
}

/// How something went, with the day where it is known.
fn gone(at: Option<&chrono::DateTime<chrono::Utc>>) -> String {
    match at {
        Some(at) => format!("erased on {}", at.date_naive()),
        None => "erased, or deleted after it was handed over".to_owned(),
    }
}
