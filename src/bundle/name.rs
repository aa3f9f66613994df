//! Names of files in a bundle: which are safe on every system, and which are the same to some system.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

use super::error::{BundleError, BundleFault, Result};
use super::limits::Limits;
use crate::wording::steers;

/// Names that Windows gives to devices, whatever stands after their first dot.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Names of files that systems put into folders for themselves, in lower case.
const OF_SYSTEMS: [&str; 3] = [".ds_store", "thumbs.db", "desktop.ini"];

/// Takes the path of a file inside a bag if it leads nowhere else on any system.
pub(super) fn check(name: &str, limits: &Limits) -> Result<()> {
    within(name, limits)?;
    match fault(name) {
        Some(why) => Err(BundleError::new(
            BundleFault::Unsafe,
            format!("its name {why}; nothing was taken out of the bundle, do not unpack it with other tools either"),
        )
        .in_file(name)),
        None => Ok(()),
    }
}

/// Takes the path if it is one that heirloom writes: ASCII without `%`, safe on every system.
pub(super) fn check_own(name: &str, limits: &Limits) -> Result<()> {
    check(name, limits)?;
    match plain(name) {
        true => Ok(()),
        false => {
            let why = "its name has characters other than ASCII, or a %; tools read such names in different ways";
            Err(BundleError::new(BundleFault::Unsafe, why).in_file(name))
        }
    }
}

/// Whether every tool that reads bags reads this name in the same way.
pub(super) fn plain(name: &str) -> bool {
    name.is_ascii() && !name.contains('%')
}

/// Says of a file that a system put it there for itself, if it is such a one by its name.
pub(super) fn of_a_system(name: &str) -> Option<BundleError> {
    let last = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    OF_SYSTEMS.contains(&last.as_str()).then(|| {
        let why = "a system puts such a file into a folder for itself; it hardly belongs to the bag";
        BundleError::altered(why).in_file(name)
    })
}

fn within(name: &str, limits: &Limits) -> Result<()> {
    let depth = name.split('/').count();
    let over = |what: String| Err(BundleError::new(BundleFault::Limit, what).in_file(&shortened(name)));
    if name.len() > limits.name {
        return over(format!("its name has {} bytes, the limit is {}", name.len(), limits.name));
    }
    if depth > limits.depth {
        return over(format!("its name has {depth} parts, the limit is {}", limits.depth));
    }
    Ok(())
}

/// The beginning of a name that is too long to be shown.
fn shortened(name: &str) -> String {
    match name.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", name.get(..at).unwrap_or_default()),
        None => name.to_owned(),
    }
}

/// Says what makes a name unsafe, as the rest of a sentence that begins with the name.
fn fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("is empty");
    }
    if name.starts_with('/') {
        return Some("is an absolute path");
    }
    if name.contains('\\') {
        return Some("has a backslash, which is a path on Windows");
    }
    if name.contains(':') {
        return Some("has a colon, which is a drive or a stream on Windows");
    }
    if name.chars().any(steers) {
        return Some("has control characters");
    }
    name.split('/').find_map(fault_of_part)
}

fn fault_of_part(part: &str) -> Option<&'static str> {
    match part {
        "" => Some("has an empty part"),
        ".." => Some("leads up and out of the bundle"),
        "." => Some("has the part “.”"),
        _ if part.ends_with(['.', ' ']) => Some("has a part that ends in a dot or a blank, which Windows drops"),
        _ if is_device(part) => Some("is that of a device on Windows"),
        _ => None,
    }
}

fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end_matches(' ').to_ascii_lowercase();
    let mut numbered = stem.chars();
    let last = numbered.next_back();
    let port = matches!(numbered.as_str(), "com" | "lpt") && last.is_some_and(|c| "0123456789¹²³".contains(c));
    port || DEVICES.contains(&stem.as_str())
}

/// What a name is to a file system that cares neither for case nor for Unicode form.
fn folded(name: &str) -> String {
    name.chars().nfkc().default_case_fold().nfkc().collect()
}

/// Finds names that some system takes for the same file, or for a file and a folder at once.
#[derive(Default)]
pub(super) struct Collisions(HashMap<String, String>);

impl Collisions {
    /// Adds a name; the error names the other one that it collides with.
    pub(super) fn add(&mut self, name: &str) -> Result<()> {
        match self.0.entry(folded(name)) {
            Entry::Vacant(free) => {
                free.insert(name.to_owned());
                Ok(())
            }
            Entry::Occupied(taken) if taken.get() == name => {
                Err(BundleError::new(BundleFault::Unsafe, "it is in the bundle twice").in_file(name))
            }
            Entry::Occupied(taken) => {
                let before = taken.get();
                let why =
                    format!("it differs from {before} by case or Unicode form alone; some systems take both for one");
                Err(BundleError::new(BundleFault::Unsafe, why).in_file(name))
            }
        }
    }

    /// Refuses a name that lies in a file that was added before.
    pub(super) fn files_are_no_folders_of(&self, name: &str) -> Result<()> {
        let key = folded(name);
        self.folder_of(&key).map_or(Ok(()), |folder| Err(lies_in(name, folder)))
    }

    fn folder_of(&self, key: &str) -> Option<&str> {
        key.match_indices('/').find_map(|(at, _)| self.0.get(key.get(..at)?)).map(String::as_str)
    }

    /// Looks for a file that is also the folder of another.
    pub(super) fn files_are_no_folders(&self) -> Result<()> {
        let found = self.0.iter().find_map(|(key, name)| Some((name, self.folder_of(key)?)));
        found.map_or(Ok(()), |(name, folder)| Err(lies_in(name, folder)))
    }
}

fn lies_in(name: &str, folder: &str) -> BundleError {
    BundleError::new(BundleFault::Unsafe, format!("it lies in {folder}, which is a file")).in_file(name)
}
