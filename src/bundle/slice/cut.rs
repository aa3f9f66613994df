//! What is cut out of bodies in a narrowed bundle, where the rest must go: another body stands in place of the original.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::Why;
use crate::error::{Error, Result};
use crate::journal::Hash;
use crate::store::values::exactly;

/// The member of a body that stays behind, and why.
///
/// One entry has one cut, whatever the scope, so that two bundles never bring two different cuts of it.
fn what(kind: &str) -> Option<(&'static str, Why)> {
    match kind {
        // A row or a card, which may tell of others, and what a note told that stays behind.
        "contact.added" | "contact.identified" | "note.added" => Some(("source", Why::Source)),
        // It may say what the note said.
        "note.retracted" => Some(("why", Why::Reason)),
        // It is about all contacts of the handoff.
        "handoff.staged" => Some(("still_to_learn", Why::Advice)),
        // An address can be told from its hash, if it is guessed.
        "contact.erased" => Some(("addresses", Why::Addresses)),
        _ => None,
    }
}

/// Cuts a body, and says why; `None` where there is nothing to cut.
pub(super) fn cut(kind: &str, body: &str) -> Result<Option<(String, Why)>> {
    let Some((name, why)) = what(kind).filter(|(name, _)| body.contains(name)) else { return Ok(None) };
    let wrong = |e: serde_json::Error| Error::fault("the body of an entry", format!("{kind}: {e}"));
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(body).map_err(wrong)?;
    match members.remove(name) {
        Some(_) => Ok(Some((serde_json::to_string(&members).map_err(wrong)?, why))),
        None => Ok(None),
    }
}

/// The salt of a cut body: another than that of the original, from which it cannot be told, so that nobody can try out what
/// was cut.
pub(super) fn salt(original: &[u8; 16]) -> Result<[u8; 16]> {
    let hash = Hash::of(&[b"heirloom cut 1\n", original]);
    exactly(hash.as_bytes().get(..16).unwrap_or_default(), 0)
}
