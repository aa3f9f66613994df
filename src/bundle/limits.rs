//! What a bundle may weigh before it is refused.

/// The limits on a bundle that is opened. Each error of a limit states the limit and what was found.
///
/// ```
/// use heirloom::bundle::{Limits, Opening};
///
/// let mut limits = Limits::default();
/// limits.total = 100 << 20; // no more than 100 MiB on this small machine
/// let opening = Opening::new().limits(limits);
/// # let _ = opening;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of all files together, unpacked: 64 GiB unless set.
    pub total: u64,
    /// Bytes of one file, unpacked: 32 GiB unless set.
    pub file: u64,
    /// How many times larger a file of more than 1 MiB may be than what it is packed into: 200 unless set.
    pub ratio: u64,
    /// Number of files and folders: 200,000 unless set.
    pub files: usize,
    /// Parts of a path: 16 unless set.
    pub depth: usize,
    /// Bytes of a path in the bag, and of the name of its top folder: 512 unless set.
    pub name: usize,
    /// Bytes of one of the files that say what is in the bag, which are held in memory: 32 MiB unless set. All of them
    /// together may have twice as many.
    pub tag_file: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { total: 64 << 30, file: 32 << 30, ratio: 200, files: 200_000, depth: 16, name: 512, tag_file: 32 << 20 }
    }
}

/// Files smaller than this are not judged by how well they pack: a page of blanks is no bomb.
const RATIO_FROM: u64 = 1 << 20;

impl Limits {
    /// Whether a file unpacks to more than it may for what it is packed into.
    pub(super) fn is_bomb(&self, size: u64, packed: u64) -> bool {
        size > RATIO_FROM && size / self.ratio.max(1) > packed
    }
    /// Whether a file of which so much is packed can still end as no bomb, if from here on it is packed into as much as it has.
    pub(super) fn stays_no_bomb(&self, size: u64, packed: u64) -> bool {
        size.max(RATIO_FROM) / self.ratio.max(1) <= packed + RATIO_FROM.saturating_sub(size)
    }
}
