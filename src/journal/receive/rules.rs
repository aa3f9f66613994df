//! What every body that a memory writes keeps to, asked of those that come from elsewhere.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::Record;
use crate::change::Change;
use crate::check;
use crate::contact::Fact;
use crate::error::{Error, Result};

impl Record {
    /// Refuses a body that no memory writes: texts that say nothing, or too much, or hold U+0000; a note about nobody.
    pub(super) fn check_body(&self, change: &Change) -> Result<()> {
        let texts = self.body().map_or(Ok(()), check_texts);
        texts.and_then(|()| check_change(change)).map_err(|error| match error {
            Error::Invalid { what, why } => self.refused(&format!(
                "has a body that no memory writes ({what}: {why}); it was forged or damaged, ask for the bundle again"
            )),
            error => error,
        })
    }
}

/// Checks every text of a body but the source, which is what an import read.
fn check_texts(body: &str) -> Result<()> {
    if body.len() <= check::NOTE_TEXT_MAX && !body.contains("\\u0000") {
        return Ok(());
    }
    let wrong = |e| Error::fault("the body of an entry", e);
    let members: BTreeMap<&str, &RawValue> = serde_json::from_str(body).map_err(wrong)?;
    for (_, member) in members.iter().filter(|(name, _)| **name != "source") {
        each_text(&serde_json::from_str(member.get()).map_err(wrong)?, &mut |text| {
            check::optional("a text", text, check::NOTE_TEXT_MAX)
        })?;
    }
    Ok(())
}

fn each_text(value: &Value, see: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    match value {
        Value::String(text) => see(text),
        Value::Array(values) => values.iter().try_for_each(|value| each_text(value, see)),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            see(name)?;
            each_text(value, see)
        }),
        _ => Ok(()),
    }
}

/// Checks what must say something, and whom a note is about.
fn check_change(change: &Change) -> Result<()> {
    match change {
        Change::ContactAdded(c) => {
            check::name("name of a contact", &c.name)?;
            c.tags.iter().try_for_each(|tag| check::name("tag", tag).map(drop))
        }
        Change::ContactChanged(c) if c.fact == Fact::Name => {
            check::name("name of a contact", c.to.as_deref().unwrap_or_default()).map(drop)
        }
        Change::ContactTagged(c) => check::name("tag", &c.tag).map(drop),
        Change::ContactLinked(c) => check::name("relation", &c.relation).map(drop),
        Change::ContactHeld(c) => check::name("matter of a legal hold", &c.matter).map(drop),
        Change::MemberAdded(c) => check::name("name of a member", &c.name).map(drop),
        Change::MemberRenamed(c) => check::name("name of a member", &c.to).map(drop),
        Change::AgencyAdded(c) => check::name("name of an agency", &c.name).map(drop),
        Change::FollowUpAdded(c) => check::text("text of the promise", &c.what, check::FIELD_MAX),
        Change::NoteAdded(c) => {
            check::text("text of the note", &c.text, check::NOTE_TEXT_MAX)?;
            let mut about = c.about.clone();
            about.sort_unstable();
            about.dedup();
            match (about.len(), c.about.len()) {
                (0, _) => Err(Error::invalid("note", "it is about nobody")),
                (once, all) if once < all => Err(Error::invalid("note", "it is about somebody twice")),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}
