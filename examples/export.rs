//! Writes what a memory knows into files that other programs read, and tells what they cannot say:
//! `cargo run --example export -- my.heirloom exported`, with names behind it for some contacts alone.
#![allow(clippy::print_stderr, reason = "a program speaks to its user")]

#[path = "shared/screen.rs"]
mod screen;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use heirloom::{ContactId, Error, Export, ExportReport, Memory, Result};

/// What is written.
const FILES: [&str; 4] = ["contacts.vcf", "contacts.csv", "notes.csv", "ownership.csv"];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [memory, folder, names @ ..] = arguments.as_slice() else {
        eprintln!("usage: export MEMORY FOLDER [NAME...]   (contacts.vcf and three tables; all contacts unless named)");
        return ExitCode::from(2);
    };
    match export(memory, Path::new(folder), names).map(screen::print) {
        Ok(Ok(_)) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("export: the files are written, but the report cannot be printed: {error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("export: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the four files, as everybody in the organisation may read, and returns what is in them.
fn export(memory: &str, folder: &Path, names: &[String]) -> Result<String> {
    let memory = Memory::options().must_exist().open(memory)?;
    let named: Vec<Vec<ContactId>> = names.iter().map(|name| called(&memory, name)).collect::<Result<_>>()?;
    let export = if names.is_empty() { memory.export() } else { memory.export().of(named.concat()) };
    fs::create_dir_all(folder).map_err(|error| Error::Io { path: folder.into(), why: error.to_string() })?;
    // All four or none: files of two exports side by side would be taken for one.
    if let Some(path) = FILES.iter().map(|name| folder.join(name)).find(|path| path.exists()) {
        return Err(Error::Io { path, why: "it is there already; name another folder, or remove it".into() });
    }
    let write = |name: &str, format: fn(&Export<'_>, fs::File) -> Result<ExportReport>| {
        let path: PathBuf = folder.join(name);
        let file = fs::File::create_new(&path).map_err(|error| Error::Io { path, why: error.to_string() })?;
        format(&export, file).map(|report| format!("{name}: {report}\n"))
    };
    let [cards, contacts, notes, ownership] = FILES;
    Ok([
        write(cards, |export, file| export.vcards(file))?,
        write(contacts, |export, file| export.contacts_csv(file))?,
        write(notes, |export, file| export.notes_csv(file))?,
        write(ownership, |export, file| export.ownership_csv(file))?,
    ]
    .concat())
}

/// The contacts of a name; an error where there is none.
fn called(memory: &Memory, name: &str) -> Result<Vec<ContactId>> {
    match memory.named(name)? {
        none if none.is_empty() => Err(Error::Unknown { noun: "contact called", which: name.to_owned() }),
        found => Ok(found.iter().map(ContactId::from).collect()),
    }
}
