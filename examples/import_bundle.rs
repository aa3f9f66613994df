//! Takes a bundle into a memory, or says what that would do; without a file, what an agency hands over of a restaurant's year:
//! `cargo run --example import_bundle -- ours.heirloom handoff.zip --keys allowed_signers --preview`.
#![allow(clippy::print_stderr, reason = "a program speaks to its user")]

#[path = "shared/flags.rs"]
mod flags;
#[path = "shared/screen.rs"]
mod screen;
#[path = "shared/year.rs"]
mod year;

use std::{
    env,
    error::Error,
    fs,
    io::{Cursor, Write as _},
    path::Path,
    process::ExitCode,
};

use flags::Flags;
use heirloom::bundle::{Bag, Opening, TrustedKeys};
use heirloom::{Actor, Memory};

fn main() -> ExitCode {
    let flags = Flags::read(env::args().skip(1), &["--keys", "--receipt"], &["--preview"]);
    let Some(flags) = flags.filter(|flags| flags.named::<0>().is_some() || flags.named::<2>().is_some()) else {
        eprintln!("usage: import_bundle [MEMORY FILE.zip] [--keys FILE] [--receipt FILE.json] [--preview]");
        return ExitCode::from(2);
    };
    match take_in(&flags).and_then(|told| Ok(screen::print(told)?)) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("import_bundle: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Takes the bundle in, and writes the receipt that goes back where one is asked for.
fn take_in(flags: &Flags) -> Result<String, Box<dyn Error>> {
    let keys = flags.file("--keys")?.map(|keys| TrustedKeys::parse(&String::from_utf8_lossy(&keys))).transpose()?;
    let receipt = flags.value("--receipt").filter(|_| !flags.has("--preview"));
    if let Some(file) = receipt.filter(|file| Path::new(file).exists()) {
        // It may be the bundle or the memory, if arguments were mixed up.
        return Err(format!("{file} is there already; name another file with --receipt, or remove it").into());
    }
    let (memory, bag) = match flags.named() {
        // Opened first, so that a wrong name of the bundle leaves no empty memory behind; a preview does neither.
        Some([memory, file]) => {
            match (Opening::new().open(file)?, flags.has("--preview") && !Path::new(memory).exists()) {
                (bag, true) => (Memory::in_memory()?, bag),
                (bag, false) => (Memory::open(memory)?, bag),
            }
        }
        None => (Memory::in_memory()?, of_the_year()?),
    };
    let import = keys.iter().fold(memory.import_bundle(&bag), |import, keys| import.expect_signature(keys));
    if flags.has("--preview") {
        return Ok(import.preview()?.to_string());
    }
    let arrival = import.run(Actor::system("import_bundle"))?;
    if let Some(file) = receipt {
        let failed =
            |error| format!("the bundle is taken in, but {file} cannot be written ({error}); run it again for that");
        let mut written = fs::File::create_new(file).map_err(failed)?;
        written.write_all(arrival.receipt()?.to_json().as_bytes()).map_err(failed)?;
    }
    Ok(arrival.to_string())
}

fn of_the_year() -> Result<Bag, Box<dyn Error>> {
    let (agency, _) = year::year(Memory::options(), "2025-12-31T12:00:00Z".parse()?)?;
    let mut zip = Vec::new();
    let bundle = agency.bundle().agency(agency.agencies()?[0].id).sender("Bright Spoon").receiver("Corner Table");
    let _told = bundle.write(&mut zip)?;
    Ok(Opening::new().open_reader("handoff.zip", Cursor::new(zip))?)
}
