//! Tells who changed what about somebody, from what, when: `cargo run --example history -- my.heirloom Sally`.
#![allow(clippy::print_stderr, reason = "a program speaks to its user")]

#[path = "shared/screen.rs"]
mod screen;

use std::{env, error::Error, process::ExitCode};

use heirloom::Memory;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [memory, name] = arguments.as_slice() else {
        eprintln!("usage: history MEMORY NAME");
        return ExitCode::from(2);
    };
    match history(memory, name) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("history: nobody here has a name like {name}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("history: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the entries about the best match, those of their notes and promises among them, in the order of writing.
fn history(memory: &str, name: &str) -> Result<bool, Box<dyn Error>> {
    let memory = Memory::options().must_exist().open(memory)?;
    let Some(contact) = memory.contacts_like(name, 1)?.pop() else { return Ok(false) };
    let mut entries = memory.history(contact.id)?;
    let mut page = memory.timeline(contact.id, None, 100)?;
    loop {
        for note in &page.notes {
            entries.extend(memory.history(note.id)?);
        }
        let Some(next) = page.next else { break };
        page = memory.timeline(contact.id, Some(next), 100)?;
    }
    for promise in memory.follow_ups(contact.id)? {
        entries.extend(memory.history(promise.id)?);
    }
    entries.sort_by_key(|entry| entry.seq);
    for entry in entries {
        if !screen::print(format_args!("{entry}\n"))? {
            break;
        }
    }
    Ok(true)
}
