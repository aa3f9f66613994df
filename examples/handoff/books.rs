//! The books of briefs: all that a successor must read, as one document.

use std::collections::BTreeMap;
use std::error::Error;
use std::{fs, path::Path};

use heirloom::{HandoffId, MemberId};

use crate::office::Office;

/// Writes for each successor the briefs of their contacts in the handoff, most pressing first, and names the files.
pub(crate) fn write(office: &Office, handoff: HandoffId, directory: &Path) -> Result<String, Box<dyn Error>> {
    let mut books: BTreeMap<(String, MemberId), Vec<_>> = BTreeMap::new();
    for item in office.memory.handoff_items(handoff)? {
        books.entry((item.successor_name, item.successor)).or_default().push(item.contact.id);
    }
    fs::create_dir_all(directory).map_err(|error| format!("{} cannot be made: {error}", directory.display()))?;
    let mut files = String::new();
    for ((name, member), contacts) in books {
        let briefs = office.memory.seen_by(member)?.briefs(contacts)?; // read as they may read
        let file = directory.join(format!("briefs-{}", name.to_lowercase().replace(' ', "-")));
        for (ending, text) in [("html", briefs.to_html()?), ("md", briefs.to_markdown()?)] {
            let file = file.with_extension(ending);
            fs::write(&file, text).map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
            files += &format!("{}\n", file.display());
        }
    }
    Ok(files)
}
