//! What the benches share: inputs, the peer written by hand, and lines that say a ratio and its bar.
#![allow(dead_code, reason = "each bench uses its part")]

pub(crate) mod corpus;
pub(crate) mod hand_over;
pub(crate) mod peer;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use heirloom::{Actor, ContactId, Durability, Memory, NewMember, Role};

use corpus::Corpus;

/// Whether `HEIRLOOM_BENCH=short` asks for a run at a fiftieth of the size.
pub(crate) fn short() -> bool {
    std::env::var("HEIRLOOM_BENCH").is_ok_and(|length| length == "short")
}

/// A size, or a fiftieth of it in a short run.
pub(crate) fn sized(full: usize) -> usize {
    if short() { full / 50 } else { full }
}

/// Prints the title of a bench with its size.
pub(crate) fn title(what: &str) {
    println!("\n{what}{}", if short() { " (short run: sizes and ratios are not those of the README)" } else { "" });
}

/// Prints one line: what was measured, the figure, and a bar with whether it was met.
pub(crate) fn line(what: &str, figure: &str, bar: Option<(&str, bool)>) {
    let bar = match bar {
        Some((bar, true)) => format!("bar {bar}: met"),
        Some((bar, false)) => format!("bar {bar}: missed"),
        None => String::new(),
    };
    println!("{}", format!("  {what:<58} {figure:<26} {bar}").trim_end());
}

/// Prints how many times as fast as the peer heirloom is, which should be at least `bar`.
pub(crate) fn speed(what: &str, heirloom: f64, peer: f64, bar: Option<f64>) {
    let ratio = peer / heirloom;
    line(
        what,
        &format!("{ratio:.2} of its speed"),
        bar.map(|bar| (format!("≥ {bar}"), ratio >= bar)).as_ref().map(as_bar),
    );
}

/// Prints how many times the peer's time heirloom takes, which should be at most `bar`.
pub(crate) fn time(what: &str, heirloom: f64, peer: f64, bar: Option<f64>) {
    let ratio = heirloom / peer;
    line(
        what,
        &format!("{ratio:.2} times its time"),
        bar.map(|bar| (format!("≤ {bar}"), ratio <= bar)).as_ref().map(as_bar),
    );
}

fn as_bar((bar, met): &(String, bool)) -> (&str, bool) {
    (bar, *met)
}

/// The middle one of some figures.
pub(crate) fn median(figures: &[f64]) -> f64 {
    percentile(figures, 0.5)
}

/// The figure below which such a share of all lies.
pub(crate) fn percentile(figures: &[f64], share: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (share * (sorted.len() - 1) as f64).round() as usize;
    sorted[at]
}

/// Measures how long something takes, in seconds.
pub(crate) fn seconds(f: impl FnOnce()) -> f64 {
    let began = Instant::now();
    f();
    began.elapsed().as_secs_f64()
}

/// Writes a duration in the unit that reads best.
pub(crate) fn shown(seconds: f64) -> String {
    match Duration::from_secs_f64(seconds) {
        long if long.as_secs() > 0 => format!("{seconds:.1} s"),
        middle if middle.as_millis() > 0 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{:.1} µs", seconds * 1e6),
    }
}

/// The peak memory of this process so far, in MiB, as the kernel counts it (`VmHWM`); nothing where it does not tell.
pub(crate) fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok().map(|kib| kib / 1024.0)
}

/// A directory for the files of a bench, beside the build rather than in `/tmp`, which may live in RAM.
pub(crate) fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A memory filled with a corpus: the file, and the ids of the contacts in their order.
pub(crate) struct Filled {
    pub(crate) memory: Memory,
    pub(crate) path: PathBuf,
    pub(crate) contacts: Vec<ContactId>,
}

/// Fills a memory with a corpus, and gives every contact an owner.
pub(crate) fn filled(directory: &Path, corpus: &Corpus, durability: Durability) -> Filled {
    let path = directory.join(format!("filled-{durability:?}.heirloom"));
    let memory = Memory::options().durability(durability).open(&path).unwrap();
    let members = memory
        .write(Actor::system("bench"), |w| {
            corpus.members.iter().map(|name| w.add_member(NewMember::new(name))).collect()
        })
        .unwrap();
    let members: Vec<_> = members;
    let report = memory.import("corpus").json_lines(corpus.reader()).unwrap();
    assert_eq!((report.contacts_added, report.notes_added), (corpus.contacts as u64, corpus.notes as u64), "{report}");
    let contacts = memory
        .write(Actor::system("bench"), |w| {
            (0..corpus.contacts)
                .map(|at| {
                    let contact = w.view().by_external_id("corpus", &corpus::contact_id(at))?.unwrap().id;
                    w.assign(contact, &members[at % members.len()], Role::Owner)?;
                    Ok(contact)
                })
                .collect()
        })
        .unwrap();
    Filled { memory, path, contacts }
}
