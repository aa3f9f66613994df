//! An acknowledged write survives the process being killed at any instant.
//!
//! A child process writes and tells what was acknowledged; it is killed at a random instant; then everything it was told
//! is there, nothing else is, and no write is there in part. `HEIRLOOM_LONG=1` kills hundreds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking, and tell what they did"
)]

mod dice;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use heirloom::{Actor, Change, Memory, NewContact, Result, changes::NoteAdded};

const FILE: &str = "HEIRLOOM_TEST_FILE";
const TASK: &str = "HEIRLOOM_TEST_TASK";
const ROUND: &str = "HEIRLOOM_TEST_ROUND";

/// What a child does until it is killed, and of how many notes each of its writes consists.
#[derive(Clone, Copy, Debug)]
enum Task {
    /// Three notes about one contact in each write.
    Notes,
    /// So many notes in each write that it brings the search index up to date.
    Settle,
    /// An import in each write.
    Import,
    /// Three notes in each write, and the tables put together anew after every other.
    Rebuild,
}

const TASKS: [Task; 4] = [Task::Notes, Task::Settle, Task::Import, Task::Rebuild];

impl Task {
    const fn notes(self) -> usize {
        match self {
            Self::Notes | Self::Rebuild => 3,
            Self::Settle => 300,
            Self::Import => 60,
        }
    }

    /// Carries out write number `number` of a round.
    fn write(self, memory: &Memory, round: &str, number: usize) -> Result<()> {
        let texts = (1..=self.notes()).map(|part| text(round, number, part));
        match self {
            Self::Import => {
                let mut lines = String::from("{\"contact\": {\"id\": \"guest\", \"name\": \"Sally\"}}\n");
                for text in texts {
                    writeln!(lines, "{{\"note\": {{\"about\": {{\"id\": \"guest\"}}, \"text\": \"{text}\"}}}}")
                        .unwrap();
                }
                let report = memory.import("till").json_lines(lines.as_bytes())?;
                assert_eq!(report.notes_added, self.notes() as u64, "{report}");
                Ok(())
            }
            _ => memory.write(Actor::system("till"), |w| {
                let sally = w.upsert_contact(NewContact::person("Sally").external_id("till", "guest"))?;
                texts.into_iter().try_for_each(|text| w.note(sally, text).save().map(drop))
            }),
        }
    }
}

fn text(round: &str, number: usize, part: usize) -> String {
    format!("round {round} write {number} part {part}")
}

/// Not a test of its own: what the children of the test below do.
#[test]
fn child() {
    let Ok(path) = std::env::var(FILE) else { return };
    let round = std::env::var(ROUND).unwrap();
    let task = TASKS[std::env::var(TASK).unwrap().parse::<usize>().unwrap()];
    let memory = Memory::open(path).unwrap();
    for number in 0.. {
        task.write(&memory, &round, number).unwrap();
        tell(&format!("acknowledged {number}"));
        if matches!(task, Task::Rebuild) && number % 2 == 1 {
            memory.rebuild().unwrap();
        }
    }
}

/// Tells the parent something, at once.
fn tell(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{what}").unwrap();
    out.flush().unwrap();
}

struct Writer {
    child: Child,
    out: BufReader<ChildStdout>,
    acknowledged: Vec<usize>,
}

impl Writer {
    fn start(path: &Path, task: usize, round: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture"])
            .env(FILE, path)
            .env(TASK, task.to_string())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out, acknowledged: Vec::new() }
    }

    /// Reads one line; tells whether it was a whole one.
    fn listen(&mut self) -> bool {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        if let Some(number) = line.strip_prefix("acknowledged ").and_then(|rest| rest.strip_suffix('\n')) {
            self.acknowledged.push(number.parse().unwrap());
        }
        line.ends_with('\n')
    }

    /// Kills the child (SIGKILL) and returns how many writes were acknowledged to it.
    fn kill(mut self) -> usize {
        assert_eq!(self.child.try_wait().unwrap(), None, "the child ended by itself");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        while self.listen() {}
        assert!(self.acknowledged.iter().copied().eq(0..self.acknowledged.len()), "{:?}", self.acknowledged);
        self.acknowledged.len()
    }
}

/// The parts of each write of a round that the feed holds.
fn found(memory: &Memory) -> BTreeMap<(u64, usize), Vec<usize>> {
    let mut writes: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for entry in memory.changes_after(memory.first_cursor()).unwrap() {
        if let Some(Change::NoteAdded(NoteAdded { text, .. })) = entry.unwrap().change {
            let numbers: Vec<u64> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
            let [round, write, part] = numbers[..] else { panic!("a note that nobody wrote: {text}") };
            writes.entry((round, write as usize)).or_default().push(part as usize);
        }
    }
    writes
}

#[test]
fn a_process_killed_at_any_instant_loses_nothing_invents_nothing_and_tears_nothing() {
    let mut dice = dice::Dice::thrown();
    let dir = tempfile::tempdir().unwrap();
    let (mut path, mut told) = (PathBuf::new(), BTreeMap::new());
    let (mut acknowledged, mut in_doubt) = (0, 0);
    for round in 0..dice::rounds(18, 400) {
        if round % 6 == 0 {
            path = dir.path().join(format!("{round}.heirloom"));
            told.clear();
        }
        let task = dice.below(TASKS.len() as u64) as usize;
        let mut writer = Writer::start(&path, task, round);
        // One of three is killed while it starts, makes the file or opens it; the others while they write.
        let wait = match round % 3 {
            0 => dice.below(60_000),
            _ => {
                while writer.acknowledged.is_empty() && writer.listen() {}
                dice.below(120_000)
            }
        };
        std::thread::sleep(Duration::from_micros(wait));
        told.insert(round, (writer.kill(), TASKS[task]));

        let memory = Memory::open(&path).unwrap_or_else(|error| panic!("round {round}: {error}"));
        let mut found = found(&memory);
        for (round, (count, task)) in &mut told {
            for number in 0..*count {
                let parts = found.remove(&(*round, number));
                let whole: Vec<usize> = (1..=task.notes()).collect();
                assert_eq!(parts, Some(whole), "round {round}, write {number} of {task:?} was acknowledged");
                acknowledged += 1;
            }
            // The write that was under way may have been kept, but then whole, and it stays kept.
            if let Some(parts) = found.remove(&(*round, *count)) {
                assert_eq!(
                    parts.len(),
                    task.notes(),
                    "round {round}: the write under way in {task:?} is there in part"
                );
                *count += 1;
                in_doubt += 1;
            }
        }
        assert!(found.is_empty(), "nobody wrote these: {found:?}");
        let verified = memory.verify().unwrap();
        assert!(verified.is_sound(), "round {round}: {verified}");
        if let Some(sally) = memory.by_external_id("till", "guest").unwrap() {
            let notes = memory.timeline(sally.id, None, usize::MAX).unwrap().notes.len();
            let expected: usize = told.values().map(|(count, task)| count * task.notes()).sum();
            assert_eq!(notes, expected, "round {round}: the timeline holds what the feed holds");
        }
    }
    println!("{acknowledged} acknowledged writes were looked for, {in_doubt} were kept without being acknowledged");
    assert!(acknowledged > 0, "no child came to write");
}
