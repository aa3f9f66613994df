//! The place on disk: what stands at a path, whether it is still the same, and whether locks hold there.
//!
//! Nothing in here opens a file. On Unix, closing any descriptor of a file gives up all locks that the process holds on
//! it (POSIX, `fcntl`), so a look at the memory past the engine would let other processes write over it.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, Result};

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing.
    Absent,
    /// A file without a byte.
    Empty,
    /// A file with content.
    Filled,
}

/// Which file it is, whatever it is called.
#[cfg(unix)]
pub(crate) type Identity = (u64, u64);
/// Which file it is: its full path, since an open file can be neither deleted nor replaced here.
#[cfg(not(unix))]
pub(crate) type Identity = PathBuf;

/// Returns what stands at a path, and refuses what can be no memory.
pub(crate) fn standing(path: &Path) -> Result<Standing> {
    let not = |why: &str| Err(Error::NotAMemory { path: path.into(), why: why.into() });
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => not("is a directory; a memory is one file"),
        Ok(found) if !found.is_file() => not("is a device, a pipe or a socket; a memory is a regular file"),
        Ok(found) if found.len() == 0 => Ok(Standing::Empty),
        Ok(_) => Ok(Standing::Filled),
        Err(error) if error.kind() == ErrorKind::NotFound => parent_exists(path).map(|()| Standing::Absent),
        Err(error) => Err(io_error(path, &error)),
    }
}

fn parent_exists(path: &Path) -> Result<()> {
    match path.parent().map(fs::metadata) {
        Some(Ok(found)) if found.is_dir() => Ok(()),
        _ => Err(Error::Io {
            path: path.into(),
            why: "the folder that it would lie in does not exist; make it first".into(),
        }),
    }
}

/// Says in words what the operating system refused.
pub(crate) fn io_error(path: &Path, error: &io::Error) -> Error {
    let why = match error.kind() {
        ErrorKind::PermissionDenied => "the system does not permit it; check who owns the file and its folder".into(),
        ErrorKind::NotFound => "there is no such file".into(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => return Error::DiskFull { path: path.into() },
        ErrorKind::ReadOnlyFilesystem => "it lies on a disk that can only be read".into(),
        _ => format!("the system refused: {error}"),
    };
    Error::Io { path: path.into(), why }
}

/// Returns which file stands at a path.
#[cfg(unix)]
pub(crate) fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

/// Returns which file stands at a path.
#[cfg(not(unix))]
pub(crate) fn identity(path: &Path) -> io::Result<Identity> {
    fs::canonicalize(path)
}

/// Returns the path of a file that the engine keeps beside a memory: `-wal`, `-shm` or `-journal`.
pub(crate) fn companion(path: &Path, suffix: &str) -> PathBuf {
    // The engine follows a link before it names these files.
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.into());
    let mut name = OsString::from(real);
    name.push(suffix);
    name.into()
}

/// Returns the length of a file in bytes, 0 where there is none.
pub(crate) fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

/// What changes with a file that somebody writes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stamp {
    identity: Option<Identity>,
    length: u64,
    modified: Option<SystemTime>,
    logged: bool,
}

/// Returns what would show that a memory was written meanwhile.
pub(crate) fn stamp(path: &Path) -> Stamp {
    let found = fs::metadata(path).ok();
    Stamp {
        identity: identity(path).ok(),
        length: found.as_ref().map_or(0, Metadata::len),
        modified: found.and_then(|found| found.modified().ok()),
        logged: ["-wal", "-shm", "-journal"].iter().any(|suffix| companion(path, suffix).exists()),
    }
}

impl Stamp {
    /// Tells whether a writer was there, or ended before it had tidied up.
    pub(crate) const fn logged(&self) -> bool {
        self.logged
    }
}

/// Tells whether files can be made in the folder of a file.
pub(crate) fn takes_files(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use rustix::fs::{Access, access};
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.into());
        real.parent().is_some_and(|folder| access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok())
    }
    #[cfg(not(unix))]
    {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.into());
        real.parent().is_some_and(|folder| fs::metadata(folder).is_ok_and(|found| !found.permissions().readonly()))
    }
}

/// Returns why the system would not let the file be opened, where it would not.
pub(crate) fn refusal(path: &Path, write: bool) -> Option<Error> {
    #[cfg(unix)]
    {
        use rustix::fs::{Access, access};
        let wanted = if write { Access::READ_OK | Access::WRITE_OK } else { Access::READ_OK };
        access(path, wanted).err().map(|error| io_error(path, &error.into()))
    }
    #[cfg(not(unix))]
    {
        let readonly = fs::metadata(path).is_ok_and(|found| found.permissions().readonly());
        (write && readonly).then(|| io_error(path, &ErrorKind::PermissionDenied.into()))
    }
}

/// Returns how many bytes are free for the user on the disk of a path, where the system says so.
pub(crate) fn free(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let found = rustix::fs::statvfs(path).or_else(|_| rustix::fs::statvfs(path.parent().unwrap_or(path))).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Refuses a file system on which locks may not hold between machines.
pub(crate) fn refuse_network(path: &Path) -> Result<()> {
    match network(path) {
        None => Ok(()),
        Some(kind) => Err(Error::Refused(format!(
            "{} lies on {kind}, where locks may not hold, so that two writers could destroy it; keep it on a local disk, \
             or open it with leave for network file systems when only one machine ever uses it",
            path.display()
        ))),
    }
}

/// Names the network file system that a path lies on. The numbers are those of `statfs(2)` and `linux/magic.h`.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn network(path: &Path) -> Option<&'static str> {
    let found = rustix::fs::statfs(path).or_else(|_| rustix::fs::statfs(path.parent().unwrap_or(path))).ok()?;
    named(found.f_type as u64 & 0xFFFF_FFFF)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const fn named(magic: u64) -> Option<&'static str> {
    match magic {
        0x6969 => Some("a network file system (NFS)"),
        0x517B | 0xFE53_4D42 | 0xFF53_4D42 => Some("a network file system (SMB)"),
        0x5346_414F | 0x6B41_4653 => Some("a network file system (AFS)"),
        0x7375_7245 => Some("a network file system (Coda)"),
        0x564C => Some("a network file system (NCP)"),
        0x0102_1997 => Some("a shared folder of another machine (9P)"),
        0x00C3_6400 => Some("a network file system (Ceph)"),
        0x4750_4653 => Some("a network file system (GPFS)"),
        0x0BD0_0BD0 => Some("a network file system (Lustre)"),
        0x0161_1970 | 0x0116_1970 => Some("a network file system (GFS2)"),
        0x7461_636F => Some("a network file system (OCFS2)"),
        0x6573_5546 => Some("a file system of a program (FUSE), such as sshfs"),
        _ => None,
    }
}

/// Names the network file system that a path lies on, by the flag `MNT_LOCAL` of `statfs(2)`.
#[cfg(target_vendor = "apple")]
fn network(path: &Path) -> Option<&'static str> {
    const MNT_LOCAL: u32 = 0x1000;
    let found = rustix::fs::statfs(path).or_else(|_| rustix::fs::statfs(path.parent().unwrap_or(path))).ok()?;
    (found.f_flags & MNT_LOCAL == 0).then_some("a network file system")
}

/// Names the network file system that a path lies on: one that begins with a server's name.
#[cfg(windows)]
fn network(path: &Path) -> Option<&'static str> {
    use std::path::{Component, Prefix};
    let real = fs::canonicalize(path).or_else(|_| fs::canonicalize(path.parent().unwrap_or(path))).ok()?;
    match real.components().next()? {
        Component::Prefix(prefix) => {
            matches!(prefix.kind(), Prefix::UNC(..) | Prefix::VerbatimUNC(..)).then_some("a network share")
        }
        _ => None,
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows)))]
const fn network(_path: &Path) -> Option<&'static str> {
    None
}

/// Puts a finished file in its place under its name, and never over another one.
pub(crate) fn settle(made: &Path, target: &Path) -> io::Result<()> {
    fs::File::open(made)?.sync_all()?;
    match fs::hard_link(made, target) {
        Ok(()) => fs::remove_file(made)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
        // Some file systems know no links; there the last look and the renaming are two steps.
        Err(_) if target.exists() => return Err(ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(made, target)?,
    }
    sync_folder(target)
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
