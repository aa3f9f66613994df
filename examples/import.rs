//! Reads any file of contacts or notes into a memory, and tells what became of each record:
//! `cargo run --example import -- my.heirloom hubspot contacts.csv`.
#![allow(clippy::print_stderr, reason = "a program speaks to its user")]

#[path = "shared/screen.rs"]
mod screen;

use std::process::ExitCode;
use std::{env, path::Path};

use heirloom::{ImportReport, Memory, Result};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [memory, system, first, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: import MEMORY SYSTEM FILE...   (vCard, CSV or JSON Lines, by the file's ending)");
        return ExitCode::from(2);
    };
    for file in [first].into_iter().chain(rest) {
        let report = match import(memory, system, Path::new(file)) {
            Ok(report) => report,
            Err(error) => {
                eprintln!("import: {error}; nothing of this file was kept");
                return ExitCode::FAILURE;
            }
        };
        // A reader who has seen enough keeps no further file from coming in.
        if let Err(error) = screen::print(format_args!("{report}\n")) {
            eprintln!("import: {file} was imported, but its report cannot be printed: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Imports one file, all or nothing. A second import of the same file changes nothing.
fn import(memory: &str, system: &str, file: &Path) -> Result<ImportReport> {
    let memory = Memory::open(memory)?;
    memory.import(system).progress(|so_far| eprintln!("{} records", so_far.records)).file(file)
}
