//! Tells who changed what about somebody, from what, when: `cargo run --example history -- my.heirloom Sally`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks to its user")]

use std::{env, process::ExitCode};

use heirloom::{Memory, Result};

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

/// Prints the entries about the best match: facts, handles and owners first, then each note with its corrections.
fn history(memory: &str, name: &str) -> Result<bool> {
    let memory = Memory::options().must_exist().open(memory)?;
    let Some(contact) = memory.contacts_like(name, 1)?.pop() else { return Ok(false) };
    for entry in memory.history(contact.id)? {
        println!("{entry}");
    }
    let mut page = memory.timeline(contact.id, None, 100)?;
    loop {
        for note in &page.notes {
            for entry in memory.history(note.id)? {
                println!("{entry}");
            }
        }
        let Some(next) = page.next else { return Ok(true) };
        page = memory.timeline(contact.id, Some(next), 100)?;
    }
}
