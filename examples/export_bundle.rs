//! Packs what an agency looked after, or all of a memory, into a bundle to hand over:
//! `cargo run --example export_bundle -- corner-table.heirloom --agency "Bright Spoon" --sign ~/.ssh/id_ed25519 --out handoff.zip`.
#![allow(clippy::print_stderr, reason = "a program speaks to its user")]

#[path = "shared/flags.rs"]
mod flags;
#[path = "shared/screen.rs"]
mod screen;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use flags::Flags;
use heirloom::bundle::{Signer, SigningKey};
use heirloom::{AgencyId, Memory};

const USAGE: &str = "usage: export_bundle MEMORY --out FILE.zip [--agency NAME] [--to NAME] [--sign KEY] [--preview]";

fn main() -> ExitCode {
    let takes = ["--out", "--agency", "--to", "--sign"];
    let flags = Flags::read(env::args().skip(1), &takes, &["--preview"]);
    let Some((flags, [memory])) = flags.as_ref().and_then(|flags| Some((flags, flags.named()?))) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match pack(memory, flags).and_then(|told| Ok(screen::print(told)?)) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("export_bundle: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Packs the bundle under another name first, so that the file is whole or not there.
fn pack(memory: &str, flags: &Flags) -> Result<String, Box<dyn Error>> {
    let memory = Memory::options().must_exist().open(memory)?;
    let out = Path::new(flags.value("--out").unwrap_or("handoff.zip"));
    let key = flags.value("--sign").map(fs::read).transpose()?.map(SigningKey::from_openssh).transpose()?;
    let mut bundle = memory.bundle().title(out.file_stem().unwrap_or_default().to_string_lossy());
    if let Some(name) = flags.value("--agency") {
        bundle = bundle.agency(called(&memory, name)?).sender(name);
    }
    bundle = flags.value("--to").into_iter().fold(bundle, |bundle, to| bundle.receiver(to));
    if flags.has("--preview") {
        return Ok(format!("{}\n", bundle.preview()?));
    }
    let unfinished = out.with_extension("unfinished");
    bundle = key.iter().fold(bundle, |bundle, key| bundle.sign(key as &dyn Signer));
    let report = bundle.write(fs::File::create(&unfinished)?)?;
    fs::rename(&unfinished, out)?;
    let (out, folder) = (out.display(), &report.folder);
    Ok(format!("{out} is {report}\n\nto read it: unzip {out}, then open {folder}/data/index.html\n"))
}

fn called(memory: &Memory, name: &str) -> Result<AgencyId, Box<dyn Error>> {
    let agency = memory.agencies()?.into_iter().find(|agency| agency.name == name);
    Ok(agency.ok_or_else(|| format!("there is no agency called “{name}” in this memory"))?.id)
}
