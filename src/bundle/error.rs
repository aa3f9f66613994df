//! What is wrong with a bundle, in words: which bundle, which file in it, what, and what to do.

use std::fmt;
use std::io;

use crate::wording::Visible;

/// The result of everything that packs or opens a bundle.
pub type Result<T, E = BundleError> = std::result::Result<T, E>;

/// What is wrong with a bundle, or why one could not be written.
///
/// The message is a sentence for people: it names the bundle and the file in it, and says what to do. Where a stream of
/// a bundle fails, its [`io::Error`] holds one of these, and [`BundleError::from`] takes it out again.
#[derive(Debug)]
pub struct BundleError(Box<Told>);

#[derive(Debug)]
struct Told {
    fault: BundleFault,
    bundle: Option<String>,
    file: Option<String>,
    why: String,
}

/// The kind of a [`BundleError`], for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BundleFault {
    /// The operating system failed to read or write.
    Io,
    /// It is no bundle, or is one of a kind that is not read.
    NotABundle,
    /// It is damaged: cut off, or its parts contradict each other.
    Damaged,
    /// It holds what a bundle must never hold, such as a path that leads out of it.
    Unsafe,
    /// It is larger than a limit allows.
    Limit,
    /// What it holds is not what its manifests say: a file is missing, unlisted or changed.
    Altered,
    /// A signature, or a key, is not what it should be.
    Signature,
    /// It is sealed, and what was given does not open it.
    Sealed,
    /// The caller gave something that cannot go into a bundle.
    Invalid,
    /// It is whole, and what it holds cannot be taken in.
    Refused,
}

impl BundleError {
    pub(crate) fn new(fault: BundleFault, why: impl Into<String>) -> Self {
        Self(Box::new(Told { fault, bundle: None, file: None, why: why.into() }))
    }

    pub(super) fn invalid(why: impl Into<String>) -> Self {
        Self::new(BundleFault::Invalid, why)
    }

    pub(super) fn damaged(why: impl Into<String>) -> Self {
        Self::new(BundleFault::Damaged, why)
    }

    pub(super) fn altered(why: impl Into<String>) -> Self {
        Self::new(BundleFault::Altered, why)
    }

    pub(super) fn signature(why: impl Into<String>) -> Self {
        Self::new(BundleFault::Signature, why)
    }

    /// Says which file of the bundle it is about, unless that is said already.
    pub(super) fn in_file(mut self, file: &str) -> Self {
        self.0.file.get_or_insert_with(|| file.to_owned());
        self
    }

    /// Says which bundle it is about, unless that is said already.
    pub(super) fn of(mut self, bundle: &str) -> Self {
        self.0.bundle.get_or_insert_with(|| bundle.to_owned());
        self
    }

    pub(super) fn why(&self) -> &str {
        &self.0.why
    }

    /// Returns what kind of fault it is.
    pub fn fault(&self) -> BundleFault {
        self.0.fault
    }

    /// Returns the file in the bundle that it is about, if it is about one.
    pub fn file(&self) -> Option<&str> {
        self.0.file.as_deref()
    }
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in [&self.0.bundle, &self.0.file].into_iter().flatten() {
            write!(f, "{}: ", Visible(place))?;
        }
        write!(f, "{}", Visible(&self.0.why))
    }
}

impl std::error::Error for BundleError {}

impl From<io::Error> for BundleError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<BundleError>() {
            Ok(ours) => ours,
            Err(error) => Self::new(BundleFault::Io, error.to_string()),
        }
    }
}

impl From<BundleError> for io::Error {
    fn from(error: BundleError) -> Self {
        io::Error::other(error)
    }
}
