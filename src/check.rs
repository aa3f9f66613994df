//! What every text must pass at the door, and the limits on sizes.

use crate::error::{Error, Result};

/// The largest text of a note: 1 MiB of UTF-8.
pub const NOTE_TEXT_MAX: usize = 1 << 20;
/// The largest name of a contact, a member, a tag, a label and the like: 1,024 bytes of UTF-8.
pub const NAME_MAX: usize = 1_024;
/// The largest value of a custom field, and the largest reason: 64 KiB of UTF-8.
pub const FIELD_MAX: usize = 64 << 10;
/// The largest attachment: 64 MiB.
pub const ATTACHMENT_MAX: usize = 64 << 20;
/// The largest source of an imported record, kept verbatim: 64 MiB.
pub const SOURCE_MAX: usize = 64 << 20;

/// Takes a text that must say something: not blank, not larger than `max` bytes, without U+0000.
pub(crate) fn text(what: &'static str, text: &str, max: usize) -> Result<()> {
    match text.trim().is_empty() {
        true => Err(Error::invalid(what, "it is empty")),
        false => optional(what, text, max),
    }
}

/// Takes a text that may be empty.
pub(crate) fn optional(what: &'static str, text: &str, max: usize) -> Result<()> {
    if text.len() > max {
        return Err(Error::invalid(what, format!("it has {} bytes, the limit is {max}", text.len())));
    }
    match text.find('\0') {
        Some(at) => Err(Error::invalid(what, format!("it has the character U+0000 at byte {at}; take it out"))),
        None => Ok(()),
    }
}

/// Takes a name and gives it back without white space around it.
pub(crate) fn name<'a>(what: &'static str, name: &'a str) -> Result<&'a str> {
    text(what, name, NAME_MAX)?;
    Ok(name.trim())
}
