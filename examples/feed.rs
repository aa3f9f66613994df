//! Follows the changes of a memory from where the last run ended, and waits for more:
//! `cargo run --example feed -- my.heirloom feed.cursor 60`.
#![allow(clippy::print_stderr, reason = "a program speaks to its user")]

#[path = "shared/screen.rs"]
mod screen;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs, io};

use heirloom::{Cursor, Memory};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let patience = arguments.get(2).and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let ([memory, cursor, _], Some(patience)) = (arguments.as_slice(), patience) else {
        eprintln!("usage: feed MEMORY CURSOR_FILE SECONDS   (ends when so long nothing comes)");
        return ExitCode::from(2);
    };
    match follow(memory, cursor, patience) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("feed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Hands each entry on, then keeps the cursor: after a crash, or when the reader went away, an entry may come twice, and
/// none is left out.
fn follow(memory: &str, cursor_file: &str, patience: Duration) -> Result<(), Box<dyn Error>> {
    let memory = Memory::options().must_exist().open(memory)?;
    let mut cursor = match fs::read_to_string(cursor_file) {
        Ok(text) => text.trim().parse::<Cursor>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => memory.first_cursor(),
        Err(error) => return Err(format!("{cursor_file}: {error}").into()),
    };
    loop {
        let mut changes = memory.changes_after(cursor)?;
        for entry in &mut changes {
            if !screen::print(format_args!("{}\n", entry?))? {
                return Ok(());
            }
        }
        cursor = changes.cursor();
        let half_written = format!("{cursor_file}.new");
        let kept = fs::write(&half_written, cursor.to_string()).and_then(|()| fs::rename(&half_written, cursor_file));
        kept.map_err(|error| format!("the cursor cannot be kept in {cursor_file}: {error}"))?;
        if !memory.wait_for_changes(cursor, patience)? {
            return Ok(());
        }
    }
}
