//! Packs what an agency looked after, or all of a memory, into a bundle to hand over; without a memory, the year of a restaurant:
//! `cargo run --example export_bundle -- corner-table.heirloom --agency "Bright Spoon" --sign ~/.ssh/id_ed25519 --out handoff.zip`.
#![allow(clippy::print_stderr, reason = "a program speaks to its user")]

#[path = "shared/flags.rs"]
mod flags;
#[path = "shared/screen.rs"]
mod screen;
#[path = "shared/year.rs"]
mod year;

use std::{env, error::Error, fs, io::ErrorKind, path::Path, process::ExitCode};

use flags::Flags;
use heirloom::bundle::{BundleExport, Signer, SigningKey};
use heirloom::{AgencyId, Memory};

fn main() -> ExitCode {
    let flags = Flags::read(env::args().skip(1), &["--out", "--agency", "--to", "--sign"], &["--preview"]);
    let Some(flags) = flags.filter(|flags| flags.named::<0>().is_some() || flags.named::<1>().is_some()) else {
        eprintln!(
            "usage: export_bundle [MEMORY] [--agency NAME] [--to NAME] [--sign KEY] [--out FILE.zip] [--preview]"
        );
        return ExitCode::from(2);
    };
    match pack(&flags).and_then(|told| Ok(screen::print(told)?)) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("export_bundle: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Packs the bundle under another name first, so that the file is whole or not there.
fn pack(flags: &Flags) -> Result<String, Box<dyn Error>> {
    let (memory, agency) = match flags.named() {
        Some([memory]) => (Memory::options().must_exist().open(memory)?, None),
        None => (year::year(Memory::options(), "2025-12-31T12:00:00Z".parse()?)?.0, Some("Bright Spoon")),
    };
    let out = Path::new(flags.value("--out").unwrap_or("handoff.zip"));
    let key = flags.file("--sign")?.map(SigningKey::from_openssh).transpose()?;
    let mut bundle = memory.bundle().title(title(out));
    if let Some(name) = flags.value("--agency").or(agency) {
        bundle = called(&memory, name)?.into_iter().fold(bundle, BundleExport::agency).sender(name);
    }
    bundle = flags.value("--to").into_iter().fold(bundle, |bundle, to| bundle.receiver(to));
    if flags.has("--preview") {
        return Ok(format!("{}\n", bundle.preview()?));
    }
    if !out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) {
        // Unpacking makes a folder of the same name without the ending.
        return Err(format!("{}: it must end in .zip, such as handoff.zip", out.display()).into());
    }
    if out.exists() {
        // What was handed over is needed again, to purge.
        return Err(format!("{} is there already; name another file with --out, or remove it", out.display()).into());
    }
    let unfinished = out.with_extension("unfinished");
    bundle = key.iter().fold(bundle, |bundle, key| bundle.sign(key as &dyn Signer));
    let file = fs::File::create_new(&unfinished).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => format!(
            "{} is there already, where the bundle is packed before it is whole; remove it if no other run is packing, or \
             name another file with --out",
            unfinished.display()
        ),
        _ => format!("{}: {error}", out.display()),
    })?;
    let packed: Result<_, Box<dyn Error>> = bundle.write(file).map_err(Into::into).and_then(|report| {
        fs::rename(&unfinished, out).map_err(|error| format!("{}: {error}", out.display()))?;
        Ok(report)
    });
    let report = packed.inspect_err(|_| drop(fs::remove_file(&unfinished)))?;
    let (out, typed, folder) = (out.display(), typed(&out.to_string_lossy()), &report.folder);
    let next = format!(
        "unzip {typed}\n  bagit.py --validate {folder}\n  cargo run --example import_bundle -- ours.heirloom {typed} --preview"
    );
    Ok(format!(
        "{out} is {report}\n\nwhat to do next:\n  {next}\nand open {folder}/data/index.html in a browser; how to check who \
         packed it stands in {folder}/README.txt\n"
    ))
}

/// The name of a file as a shell takes it for one word.
fn typed(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "._-/+,:@%".contains(c);
    let name = if name.starts_with('-') { format!("./{name}") } else { name.to_owned() };
    if name.chars().all(is_plain) { name } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

/// The title of a bundle: the name of its file, which begins with a capital letter on a page.
fn title(out: &Path) -> String {
    let stem = out.file_stem().unwrap_or_default().to_string_lossy();
    let mut letters = stem.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// The agencies of a name: a memory that took in the bundle of another may have one from each.
fn called(memory: &Memory, name: &str) -> Result<Vec<AgencyId>, Box<dyn Error>> {
    let agencies = memory.agencies()?;
    let found: Vec<AgencyId> = agencies.iter().filter(|agency| agency.name == name).map(|agency| agency.id).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names: Vec<String> = agencies.iter().map(|agency| format!("“{}”", agency.name)).collect();
    let but = if names.is_empty() { "nor any other".to_owned() } else { format!("but {}", names.join(", ")) };
    Err(format!("there is no agency called “{name}” in this memory, {but}").into())
}
