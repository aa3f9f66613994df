//! The data as JSON, each item of a part on a line of its own.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;

use super::told::{Item, Part, exact};
use super::{Cover, Form};

/// The shape of the data; raised when it changes.
const FORMAT: &str = "heirloom subject access 1";

/// Writes the data.
pub(super) struct Json<W> {
    out: W,
    /// Whether a part was begun, and whether it has an item.
    part: Option<bool>,
}

impl<W: Write> Json<W> {
    pub(super) const fn new(out: W) -> Self {
        Self { out, part: None }
    }

    fn member(&mut self, name: &str, value: &impl Serialize) -> io::Result<()> {
        write!(self.out, ",\n\"{name}\":")?;
        serde_json::to_writer(&mut self.out, value).map_err(io::Error::from)
    }

    fn end_part(&mut self) -> io::Result<()> {
        match self.part.take() {
            Some(_) => self.out.write_all(b"]"),
            None => Ok(()),
        }
    }
}

impl<W: Write> Form for Json<W> {
    fn begin(&mut self, cover: &Cover<'_>) -> io::Result<()> {
        write!(self.out, "{{\"format\":\"{FORMAT}\"")?;
        self.member("as_of", &exact(cover.at))?;
        self.member("provided_only", &cover.provided_only)?;
        self.member("report", cover.report)?;
        let members: Vec<_> = cover.members.iter().map(|(mask, role)| json!({"mask": mask, "role": role})).collect();
        self.member("members", &members)?;
        self.member("person", cover.person)
    }

    fn part(&mut self, part: Part) -> io::Result<()> {
        self.end_part()?;
        self.part = Some(false);
        write!(self.out, ",\n\"{}\":[", part.word())
    }

    fn item(&mut self, item: &Item) -> io::Result<()> {
        let begun = self.part.replace(true) == Some(true);
        self.out.write_all(if begun { b",\n" } else { b"\n" })?;
        serde_json::to_writer(&mut self.out, item).map_err(io::Error::from)
    }

    fn end(&mut self) -> io::Result<()> {
        self.end_part()?;
        self.out.write_all(b"}\n")?;
        self.out.flush()
    }
}
