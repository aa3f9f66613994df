//! Looks somebody up in the memory of a restaurant: `cargo run --example lookup -- sally`.
//!
//! On first use it fills `corner-table.heirloom` in the current directory from `examples/data`.
#![allow(clippy::print_stderr, reason = "a program speaks to its user")]

mod answer;
mod fill;
mod screen;

use std::error::Error;
use std::{env, path::Path, process::ExitCode};

use heirloom::Memory;

const FILE: &str = "corner-table.heirloom";
const USAGE: &str = "usage: lookup [--json] [--as MEMBER] WORDS...

WORDS are a name or a part of one, an e-mail, a phone number, an account on some
network, or a question in plain words: what does Sally come in for?

  --json       answers in JSON
  --as MEMBER  reads as this member, who also sees their own private notes\n";

fn main() -> ExitCode {
    let (mut words, mut json, mut reader, mut wrong) = (Vec::new(), false, None, false);
    let mut arguments = env::args().skip(1);
    let status = loop {
        match arguments.next().as_deref() {
            Some("--help" | "-h") => break screen::print(USAGE).map(|()| 0),
            Some("--json") => json = true,
            Some("--as") => reader = Some(arguments.next().unwrap_or_default()),
            Some(word) if word.starts_with("--") => wrong = true,
            Some(word) => words.push(word.trim().to_owned()),
            None if wrong || words.concat().is_empty() || reader.as_deref() == Some("") => break Ok(2),
            None => break look_up(&words.join(" "), reader.as_deref(), json),
        }
    };
    match &status {
        Ok(1) => eprintln!("lookup: nothing found; try a part of a name, an e-mail address, or other words"),
        Ok(2) => eprint!("{USAGE}"),
        Ok(_) => {}
        Err(error) => eprintln!("lookup: {error}"),
    }
    ExitCode::from(status.unwrap_or(1))
}

fn look_up(words: &str, reader: Option<&str>, json: bool) -> Result<u8, Box<dyn Error>> {
    if !Path::new(FILE).exists() {
        eprintln!("lookup: filled {FILE} with {}", fill::fill(Path::new(FILE))?);
    }
    let mut memory = Memory::options().must_exist().region("US".parse()?).open(FILE)?;
    if let Some(name) = reader {
        let members = memory.members_called(name)?;
        memory = memory.seen_by(members.first().ok_or_else(|| format!("no member is called {name}"))?)?;
    }
    let answer = answer::answer(&memory, words)?;
    screen::print(&if json { serde_json::to_string_pretty(&answer)? + "\n" } else { answer.to_string() })?;
    Ok(u8::from(answer.is_empty()))
}
