//! Looks somebody up in the memory of a restaurant: `cargo run --example lookup -- sally`.
//!
//! On first use it fills `corner-table.heirloom` in the current directory from `examples/data`.
#![allow(clippy::print_stderr, reason = "a program speaks to its user")]

mod answer;
#[path = "../shared/screen.rs"]
mod screen;
mod text;
#[path = "../shared/wrapped.rs"]
mod wrapped;
#[path = "../shared/year.rs"]
mod year;

use std::error::Error;
use std::{env, path::Path, process::ExitCode};

use chrono::Utc;
use heirloom::{Member, Memory};

const FILE: &str = "corner-table.heirloom";
const USAGE: &str = "usage: lookup [--json] [--as MEMBER] WORDS...

WORDS are a name or a part of one, an e-mail, a phone number, an account on some
network, or a question in plain words: what does Sally come in for?

  --json       answers in JSON
  --as MEMBER  reads as this member, who also sees their own private notes\n";

fn main() -> ExitCode {
    let (mut words, mut json, mut reader, mut wrong) = (Vec::new(), false, None, None);
    let mut arguments = env::args().skip(1);
    let status = loop {
        match arguments.next().as_deref() {
            Some("--help" | "-h") => break screen::print(USAGE).map(|_| 0).map_err(Into::into),
            Some("--json") => json = true,
            Some("--as") => reader = Some(arguments.next().unwrap_or_default()),
            Some(word) if word.starts_with("--") => wrong = Some(format!("there is no option {word}")),
            Some(word) => words.push(word.trim().to_owned()),
            None if wrong.is_some() || words.concat().is_empty() || reader.as_deref() == Some("") => break Ok(2),
            None => break look_up(&words.join(" "), reader.as_deref(), json),
        }
    };
    match &status {
        Ok(1) => eprintln!("lookup: nothing found; try a part of a name, an e-mail address, or other words"),
        Ok(2) => {
            wrong.iter().for_each(|wrong| eprintln!("lookup: {wrong}"));
            eprint!("{USAGE}");
        }
        Ok(_) => {}
        Err(error) => eprintln!("lookup: {error}"),
    }
    ExitCode::from(status.unwrap_or(1))
}

fn look_up(words: &str, reader: Option<&str>, json: bool) -> Result<u8, Box<dyn Error>> {
    if !Path::new(FILE).exists() {
        let (memory, filled_with) = year::year(Memory::options(), Utc::now())?;
        memory.backup(FILE)?; // the file is complete, or it is not there
        eprintln!("lookup: filled {FILE} with {filled_with}");
    }
    let mut memory = Memory::options().must_exist().region("US".parse()?).open(FILE)?;
    if let Some(name) = reader {
        let member = memory.members_called(name)?.into_iter().next();
        memory = memory.seen_by(&member.map_or_else(|| Err(no_member(&memory, name)), Ok)?)?;
    }
    let answer = answer::answer(&memory, words)?;
    screen::print(&if json { serde_json::to_string_pretty(&answer)? + "\n" } else { answer.to_string() })?;
    Ok(u8::from(answer.is_empty()))
}

/// Says that no member has a name, and whose names begin so.
fn no_member(memory: &Memory, name: &str) -> Box<dyn Error> {
    let begins = |member: &Member| member.name.to_lowercase().starts_with(&name.to_lowercase());
    let names = memory.members().unwrap_or_default().into_iter().filter(begins).map(|member| member.name);
    match names.collect::<Vec<_>>().join(" or ").as_str() {
        "" => format!("no member is called {name}").into(),
        names => format!("no member is called {name}; did you mean {names}?").into(),
    }
}
