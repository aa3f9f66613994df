//! A bag that lies unpacked in a folder.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::{BundleError, BundleFault, Result};
use super::limits::Limits;
use super::name;

/// The files below a folder, none of which is a link.
pub(super) struct Folder {
    root: PathBuf,
    files: Vec<(String, u64)>,
}

impl Folder {
    /// Walks a folder; follows no link, and refuses what is neither a file nor a folder.
    pub(super) fn open(root: &Path, limits: &Limits) -> Result<Self> {
        let mut folder = Self { root: root.to_owned(), files: Vec::new() };
        let mut waiting = vec![String::new()];
        let (mut count, mut total) = (0_usize, 0_u64);
        while let Some(below) = waiting.pop() {
            for found in fs::read_dir(folder.root.join(&below)).map_err(|error| failed(error, &below))? {
                let found = found.map_err(|error| failed(error, &below))?;
                let path = joined(&below, &found.file_name())?;
                name::check(&path, limits)?;
                count += 1;
                if count > limits.files {
                    let why = format!("it has more than {} files and folders, which is the limit", limits.files);
                    return Err(BundleError::new(BundleFault::Limit, why));
                }
                let about = found.metadata().map_err(|error| failed(error, &path))?;
                match (about.is_dir(), about.is_file()) {
                    (true, _) => waiting.push(path),
                    (_, true) => {
                        within(&path, about.len(), limits, &mut total)?;
                        folder.files.push((path, about.len()));
                    }
                    _ => {
                        let why = "it is a symbolic link or another special file; a bundle holds files only";
                        return Err(BundleError::new(BundleFault::Unsafe, why).in_file(&path));
                    }
                }
            }
        }
        folder.files.sort();
        Ok(folder)
    }

    /// Returns the files with their sizes, by path.
    pub(super) fn files(&self) -> &[(String, u64)] {
        &self.files
    }

    /// Opens a file. What comes out is no more than it was when the folder was walked.
    pub(super) fn open_file(&self, (path, size): &(String, u64)) -> Result<impl Read + use<>> {
        let file = File::open(self.root.join(path)).map_err(|error| failed(error, path))?;
        Ok(Unchanged { file, left: *size })
    }
}

fn within(path: &str, size: u64, limits: &Limits, total: &mut u64) -> Result<()> {
    let over = |why: String| Err(BundleError::new(BundleFault::Limit, why).in_file(path));
    if size > limits.file {
        return over(format!("it has {size} bytes, the limit for one file is {}", limits.file));
    }
    *total = total.saturating_add(size);
    match *total > limits.total {
        true => over(format!("with it the bundle has {total} bytes, the limit is {}", limits.total)),
        false => Ok(()),
    }
}

fn joined(below: &str, name: &std::ffi::OsStr) -> Result<String> {
    let name = name.to_str().ok_or_else(|| {
        let why = "a name in it is not UTF-8; ask for the bag to be made again";
        BundleError::new(BundleFault::Unsafe, why).in_file(&format!("{below}/"))
    })?;
    Ok(if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") })
}

fn failed(error: io::Error, path: &str) -> BundleError {
    BundleError::from(error).in_file(if path.is_empty() { "the folder itself" } else { path })
}

/// A file that must not have grown or shrunk since it was found.
struct Unchanged {
    file: File,
    left: u64,
}

impl Read for Unchanged {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        let changed = || BundleError::damaged("its size changed while it was read; open the bundle again");
        self.left = self.left.checked_sub(read as u64).ok_or_else(changed)?;
        match read == 0 && !buffer.is_empty() && self.left > 0 {
            true => Err(changed().into()),
            false => Ok(read),
        }
    }
}
