//! Tells who could leave today, what would be lost, and what to ask them first: `cargo run --example readiness`.
//!
//! It looks at the memory in the file that is named, or else at a restaurant's year from `examples/data`, as it stood on
//! 1 December 2025, a month before its agency leaves.
#![allow(clippy::print_stderr, reason = "a program speaks to its user")]

#[path = "shared/screen.rs"]
mod screen;
#[path = "shared/year.rs"]
mod year;

use std::{env, error::Error, process::ExitCode};

use chrono::{DateTime, Utc};
use heirloom::Memory;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [] => tell_of_the_year(),
        [memory] if !memory.starts_with('-') => tell_of(memory),
        _ => {
            eprintln!("usage: readiness [MEMORY]   (without a file: of the year at a restaurant)");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("readiness: {error}");
            ExitCode::FAILURE
        }
    }
}

fn tell_of_the_year() -> Result<(), Box<dyn Error>> {
    let morning: DateTime<Utc> = "2025-12-01T14:00:00Z".parse()?;
    let (memory, _) = year::year(Memory::options().clock(move || morning), morning)?;
    tell(&memory)
}

fn tell_of(memory: &str) -> Result<(), Box<dyn Error>> {
    tell(&Memory::options().must_exist().open(memory)?)
}

/// Prints the readiness, then what to ask first the agency, or else the member, with whom most would be lost.
fn tell(memory: &Memory) -> Result<(), Box<dyn Error>> {
    let readiness = memory.readiness().run()?;
    let first = readiness.agencies.first().or_else(|| readiness.members.first());
    let debrief = first.map(|first| memory.debrief(first.who.party).first(3).run()).transpose()?;
    if screen::print(&readiness)? {
        debrief.map_or(Ok(true), |debrief| screen::print(format_args!("\n{debrief}")))?;
    }
    Ok(())
}
