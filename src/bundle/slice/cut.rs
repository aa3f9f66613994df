//! What is cut out of bodies in a narrowed bundle, where the rest must go: another body stands in place of the original.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::journal::Hash;
use crate::store::values::exactly;

/// The members of a body that stay behind.
///
/// One entry has one cut, whatever the scope, so that two bundles never bring two different cuts of it.
fn cuts(kind: &str) -> &'static [&'static str] {
    match kind {
        // A row or a card, word for word, which may tell of others, and of what a note told that stays behind.
        "contact.added" | "contact.identified" | "note.added" => &["source"],
        // The reason may say what the note said.
        "note.retracted" => &["why"],
        // It is about all contacts of the handoff.
        "handoff.staged" => &["still_to_learn"],
        // The hashes of addresses, by which an address can be told if it is guessed.
        "contact.erased" => &["addresses"],
        _ => &[],
    }
}

/// Cuts a body; `None` where there is nothing to cut.
pub(super) fn cut(kind: &str, body: &str) -> Result<Option<String>> {
    let cuts = cuts(kind);
    if !cuts.iter().any(|name| body.contains(name)) {
        return Ok(None);
    }
    let wrong = |e: serde_json::Error| Error::fault("the body of an entry", format!("{kind}: {e}"));
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(body).map_err(wrong)?;
    let before = members.len();
    members.retain(|name, _| !cuts.contains(&name.as_str()));
    match members.len() < before {
        true => serde_json::to_string(&members).map(Some).map_err(wrong),
        false => Ok(None),
    }
}

/// The salt of a cut body: another than that of the original, from which it cannot be told, so that nobody can try out what
/// was cut.
pub(super) fn salt(original: &[u8; 16]) -> Result<[u8; 16]> {
    let hash = Hash::of(&[b"heirloom cut 1\n", original]);
    exactly(hash.as_bytes().get(..16).unwrap_or_default(), 0)
}
