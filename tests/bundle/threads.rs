//! Where the system gives no thread, work goes on without; where a fault was found, it does not go on for nothing.

use std::io::Cursor;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use heirloom::bundle::Opening;
use heirloom::{Actor, Memory, NewContact};

use crate::craft::Kit;
use crate::limits::Counted;

const CHILD: &str = "HEIRLOOM_TEST_NO_THREADS";

/// Not a test of its own: what the child of the test below does.
#[test]
fn child() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    assert!(thread::Builder::new().spawn(|| ()).is_err(), "the system gives threads");
    let agency = Memory::in_memory().unwrap();
    let sally = agency.write(Actor::system("office"), |w| {
        let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
        w.note(sally, "Likes lemon tart").insight().save()?;
        Ok(sally)
    });
    let mut zip = Vec::new();
    let _ = agency.bundle().write(&mut zip).unwrap();
    let bag = crate::open(&zip).unwrap();
    let client = Memory::open(format!("{folder}/client.heirloom")).unwrap();
    let arrival = client.import_bundle(&bag).run(Actor::system("import")).unwrap();
    assert_eq!(arrival.notes.new, 1);
    let sally = sally.unwrap();
    assert_eq!(client.brief(sally).unwrap().to_string(), agency.brief(sally).unwrap().to_string());
    assert!(client.verify().unwrap().is_sound());
    let broken = crate::refused(Kit::whole().put("data/notes.csv", "other").zip().as_slice());
    assert!(broken.contains("data/notes.csv: its sha256 hash is not"), "{broken}");
}

#[cfg(target_pointer_width = "64")]
#[test]
fn bundles_are_opened_taken_in_and_verified_where_the_system_gives_no_thread() {
    let folder = tempfile::tempdir().unwrap();
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["threads::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, folder.path())
        .env("RUST_MIN_STACK", (1_u64 << 60).to_string()) // more than there are addresses: no thread begins
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
    assert!(folder.path().join("client.heirloom").exists(), "the child did nothing: {said}");
}

#[test]
fn of_many_files_that_were_changed_the_first_is_named_and_the_others_are_not_read() {
    static READ: AtomicUsize = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (files, size) = (8 * threads, 200_000);
    let mut kit = Kit::whole();
    // The largest is taken first; here that is also the first by name.
    let fill = |kit: &mut Kit, byte: u8| {
        for number in 0..files {
            kit.put(&format!("data/{number:04}"), vec![byte; size - number]);
        }
    };
    fill(&mut kit, b'x');
    kit.list();
    fill(&mut kit, b'y');
    let zip = Counted(Cursor::new(kit.zip()), &READ);
    let said = Opening::new().open_reader("handoff.zip", zip).unwrap_err().to_string();
    assert!(said.starts_with("handoff.zip: data/0000: its sha256 hash is not"), "{said}");
    let read = READ.load(Ordering::Relaxed);
    assert!(read < (threads + 2) * size, "{read} bytes were read of {files} files of {size}");
}
