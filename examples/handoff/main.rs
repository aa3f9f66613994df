//! An agency leaves, and the people who stay take over what it knows: `cargo run --example handoff`.
//!
//! It plays on the year under `examples/data`, in main memory; the books of briefs are written into the current directory.
#![allow(clippy::print_stderr, reason = "a program speaks to its user")]

mod answers;
mod before;
mod books;
mod ending;
mod office;
#[path = "../shared/screen.rs"]
mod screen;
#[path = "../shared/wrapped.rs"]
mod wrapped;
#[path = "../shared/year.rs"]
mod year;

use std::error::Error;
use std::{env, path::Path, process::ExitCode};

use office::Office;

const USAGE: &str = "usage: handoff [--undo] [DIRECTORY]

Plays the handoff of an agency's contacts, and writes the books of briefs of those
who take over into DIRECTORY, or else into the current one.

  --undo  takes the handoff back in January, and tells what was left alone\n";

fn main() -> ExitCode {
    let (options, names): (Vec<String>, Vec<String>) = env::args().skip(1).partition(|word| word.starts_with('-'));
    let undo = options.iter().any(|option| option == "--undo");
    let directory = names.first().map_or("", String::as_str);
    let done = match options.iter().find(|option| *option != "--undo").map(String::as_str) {
        Some("--help" | "-h") => screen::print(USAGE).map(|_| ()).map_err(Into::into),
        None if names.len() <= 1 => hand_over(Path::new(directory), undo),
        wrong => {
            wrong.iter().for_each(|wrong| eprintln!("handoff: there is no option {wrong}"));
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("handoff: {error}");
            ExitCode::FAILURE
        }
    }
}

fn hand_over(directory: &Path, undo: bool) -> Result<(), Box<dyn Error>> {
    let office = Office::open()?;
    office.tell("Could they simply leave?", &before::without_a_handoff(&office))?;
    office.tell("What to ask them first", &before::debrief(&office)?)?;
    let plan = before::plan(&office)?;
    office.tell("The plan", &plan)?;
    let handoff = before::offer(&office, &plan)?;
    office.tell("What each of them is to read", &books::write(&office, handoff, directory)?)?;
    answers::all(&office, handoff)?;
    ending::complete(&office, handoff)?;
    office.tell("Their books, with all that came since", &books::write(&office, handoff, directory)?)?;
    ending::depart(&office)?;
    if undo { ending::undo(&office, handoff) } else { Ok(()) }
}
