//! Tells who could leave today, what would be lost, and what to ask them first: `cargo run --example readiness`.
//!
//! It looks at the memory in the file that is named, or else at a restaurant's year from `examples/data`, on the last day of it.
#![allow(clippy::print_stderr, reason = "a program speaks to its user")]

#[path = "lookup/fill.rs"]
mod fill;
#[path = "shared/screen.rs"]
mod screen;

use std::{env, error::Error, process::ExitCode};

use heirloom::{Memory, When};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [] => tell_of_a_year(),
        [memory] => Memory::options().must_exist().open(memory).map_err(Into::into).and_then(|memory| tell(&memory)),
        _ => {
            eprintln!("usage: readiness [MEMORY]");
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

/// Tells of the example year, filled into a file that is gone afterwards, as of its last day.
fn tell_of_a_year() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("corner-table.heirloom");
    fill::fill(&path)?;
    let last_day = "2025-12-31".parse::<When>()?.start();
    tell(&Memory::options().clock(move || last_day).open(path)?)
}

/// Prints the readiness, then the first questions to whoever would leave the largest gap.
fn tell(memory: &Memory) -> Result<(), Box<dyn Error>> {
    let readiness = memory.readiness().run()?;
    let worst = readiness.members.iter().max_by_key(|party| party.at_risk.len());
    let debrief = worst.map(|worst| memory.debrief(worst.who.party).first(3).run()).transpose()?;
    if screen::print(&readiness)? {
        debrief.map_or(Ok(true), |debrief| screen::print(format_args!("\n{debrief}")))?;
    }
    Ok(())
}
