//! What is cut out of bodies in a narrowed bundle, where the rest must go: another body stands in place of the original.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::Hash;
use crate::error::{Error, Result};
use crate::store::values::exactly;

/// The member of the bodies of a kind that stays behind in every narrowed bundle.
///
/// One entry has one cut, whatever the scope, so that two bundles never bring two different cuts of it.
pub(crate) fn what(kind: &str) -> Option<&'static str> {
    match kind {
        // A row or a card, which may tell of others, and what a note told that stays behind.
        "contact.added" | "contact.identified" | "note.added" => Some("source"),
        // It may say what the note said.
        "note.retracted" => Some("why"),
        // It is about all contacts of the handoff.
        "handoff.staged" => Some("still_to_learn"),
        // An address can be told from its hash, if it is guessed.
        "contact.erased" => Some("addresses"),
        _ => None,
    }
}

/// Cuts a body; `None` where there is nothing to cut.
pub(crate) fn cut(kind: &str, body: &str) -> Result<Option<String>> {
    let Some(name) = what(kind).filter(|name| body.contains(name)) else { return Ok(None) };
    let wrong = |e: serde_json::Error| Error::fault("the body of an entry", format!("{kind}: {e}"));
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(body).map_err(wrong)?;
    match members.remove(name) {
        Some(_) => Ok(Some(serde_json::to_string(&members).map_err(wrong)?)),
        None => Ok(None),
    }
}

/// Whether a body has what a cut takes away.
pub(super) fn is_whole(kind: &str, body: &str) -> Result<bool> {
    cut(kind, body).map(|cut| cut.is_some())
}

/// The salt of a body that stands in the place of another: one from which that of the original cannot be told, so that nobody
/// can try out what was in it.
pub(crate) fn salt(original: &[u8; 16]) -> Result<[u8; 16]> {
    let hash = Hash::of(&[b"heirloom cut 1\n", original]);
    exactly(hash.as_bytes().get(..16).unwrap_or_default(), 0)
}
