//! What a program prints. A reader who has seen enough may close the pipe; that is no error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

/// Prints a text, and says whether somebody still reads.
pub(crate) fn print(text: impl Display) -> io::Result<bool> {
    let mut screen = io::stdout().lock();
    match write!(screen, "{text}").and_then(|()| screen.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        done => done.map(|()| true),
    }
}
