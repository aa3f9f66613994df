//! Lists who was not spoken to for so many days, under who looks after them: `cargo run --example quiet -- my.heirloom 90`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks to its user")]

use std::{collections::BTreeMap, env, process::ExitCode};

use chrono::{TimeDelta, Utc};
use heirloom::{Memory, Result, Role};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let days = arguments.get(1).and_then(|days| days.parse().ok()).and_then(TimeDelta::try_days);
    let (Some(memory), Some(days), 2) = (arguments.first(), days, arguments.len()) else {
        eprintln!("usage: quiet MEMORY DAYS");
        return ExitCode::from(2);
    };
    match quiet(memory, days) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quiet: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the list. All of it is read on one snapshot: who was quiet, and who looked after them at that moment.
fn quiet(memory: &str, days: TimeDelta) -> Result<()> {
    let memory = Memory::options().must_exist().open(memory)?;
    let now = Utc::now();
    let lists = memory.read(|view| {
        let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (contact, spoken_at) in view.quiet_since(now - days)? {
            let mut owners = view.owners(contact.id)?.into_iter();
            let owner = owners.rfind(|a| a.role == Role::Owner && a.holds(now) && !a.member_departed);
            let owner = owner.map_or_else(|| "Nobody".to_owned(), |a| a.member_name);
            let last = spoken_at.map_or_else(|| "never".to_owned(), |at| at.date_naive().to_string());
            lists.entry(owner).or_default().push(format!("{last:10}  {}", contact.name));
        }
        Ok(lists)
    })?;
    for (owner, contacts) in lists {
        println!("{owner} ({})\n  {}", contacts.len(), contacts.join("\n  "));
    }
    Ok(())
}
