//! The answer as a person reads it in a terminal.

use std::fmt;
use std::io::{self, ErrorKind, Write as _};

use crate::answer::Answer;

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.candidates.is_empty() {
            writeln!(f, "Several fit; say which one:")?;
        }
        self.candidates.iter().try_for_each(|contact| writeln!(f, "  {}", contact.name))?;
        self.hits.iter().try_for_each(|hit| writeln!(f, "{}\n", wrapped(&hit.to_string())))?;
        self.brief.iter().try_for_each(|brief| write!(f, "{brief}"))
    }
}

/// Breaks a text between words into lines of at most 80 characters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= 80 => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// Prints a text; a reader who has seen enough may close the pipe.
pub(crate) fn print(text: &str) -> Result<(), Box<dyn std::error::Error>> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
