//! Lists who was not spoken to for so many days, under who looks after them: `cargo run --example quiet -- my.heirloom 90`.
#![allow(clippy::print_stderr, reason = "a program speaks to its user")]

#[path = "shared/screen.rs"]
mod screen;

use std::{collections::BTreeMap, env, error::Error, process::ExitCode};

use chrono::{DateTime, TimeDelta, Utc};
use heirloom::{Memory, Role};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let now = Utc::now();
    let days = arguments.get(1).and_then(|days| days.parse().ok()).and_then(TimeDelta::try_days);
    let since = days.and_then(|days| now.checked_sub_signed(days));
    let (Some(memory), Some(since), 2) = (arguments.first(), since, arguments.len()) else {
        eprintln!("usage: quiet MEMORY DAYS");
        return ExitCode::from(2);
    };
    match quiet(memory, since, now) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quiet: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the list. All of it is read on one snapshot: who was quiet, and who looked after them at that moment.
fn quiet(memory: &str, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Box<dyn Error>> {
    let memory = Memory::options().must_exist().open(memory)?;
    let lists = memory.read(|view| {
        let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (contact, spoken_at) in view.quiet_since(since)? {
            let mut owners = view.owners(contact.id)?.into_iter();
            let owner = owners.rfind(|a| a.role == Role::Owner && a.holds(now) && !a.member_departed);
            let owner = owner.map_or_else(|| "Nobody".to_owned(), |a| a.member_name);
            let last = spoken_at.map_or_else(|| "never".to_owned(), |at| at.date_naive().to_string());
            lists.entry(owner).or_default().push(format!("{last:10}  {}", contact.name));
        }
        Ok(lists)
    })?;
    for (owner, contacts) in lists {
        if !screen::print(format_args!("{owner} ({})\n  {}\n", contacts.len(), contacts.join("\n  ")))? {
            break;
        }
    }
    Ok(())
}
