//! What a user of the store would lose if it broke.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::process::{Child, Command};
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;

use tempfile::{TempDir, tempdir};

use super::*;

const FIRST: [&str; 1] = ["CREATE TABLE item (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL CONSTRAINT name_once UNIQUE,
    body BLOB,
    parent INTEGER REFERENCES item (id)
) STRICT;"];
const SECOND: [&str; 2] = [FIRST[0], "ALTER TABLE item ADD COLUMN note TEXT; UPDATE item SET note = 'upgraded';"];
const BROKEN: [&str; 2] = [FIRST[0], "ALTER TABLE item ADD COLUMN note TEXT; UPDATE nothing SET note = 'upgraded';"];

const INSERT: &str = "INSERT INTO item (name, body) VALUES ($1, $2)";

fn place() -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("memory ä%20?#.heirloom");
    (folder, path)
}

fn open_with(path: &Path, options: Options) -> Result<Store> {
    Store::open_as(&Location::File(path.into()), &options, &FIRST)
}

fn open(path: &Path) -> Store {
    open_with(path, Options::default()).unwrap()
}

fn quick() -> Options {
    Options { durability: Durability::Normal, busy_budget: Duration::from_millis(300), ..Options::default() }
}

fn reading() -> Options {
    Options { read_only: true, ..Options::default() }
}

fn add(store: &Store, name: &str) -> Result<()> {
    add_bytes(store, name, 10)
}

fn add_bytes(store: &Store, name: &str, bytes: usize) -> Result<()> {
    store.write(|sql| sql.execute(INSERT, &[Value::Text(name), Value::Blob(&vec![7; bytes])]).map(|_| ()))
}

fn count_in(sql: &dyn Sql) -> Result<i64> {
    Ok(sql.first("SELECT count(*) FROM item", &[], |row| row.int(0))?.unwrap())
}

fn count(store: &Store) -> i64 {
    store.read(count_in).unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Opens what is there for writing and for reading, and shows that both leave it and its folder as they were.
fn is_refused(path: &Path) -> String {
    let before = fs::read(path).ok();
    let beside = files(path.parent().unwrap());
    let mut said = String::new();
    for options in [Options::default(), reading()] {
        said = open_with(path, options).map(|_| ()).unwrap_err().to_string();
        assert_eq!(fs::read(path).ok(), before, "{said}");
        assert_eq!(files(path.parent().unwrap()), beside, "{said}");
    }
    said
}

#[test]
fn what_was_written_is_there_after_opening_again() {
    let (folder, path) = place();
    let store = open(&path);
    add(&store, "Sally").unwrap();
    drop(store);
    assert_eq!(files(folder.path()).len(), 1, "nothing stays beside a closed memory");
    let store = open(&path);
    let name = store.read_one(|sql| sql.first("SELECT name FROM item", &[], |row| Ok(row.text(0)?.to_owned())));
    assert_eq!(name.unwrap().as_deref(), Some("Sally"));
}

#[test]
fn a_file_that_is_no_memory_is_refused_by_name_and_left_byte_identical() {
    let (_folder, path) = place();
    for (content, why) in [
        (&b"\xFF\xD8\xFF\xE0\0\x10JFIF and so on, as pictures have it"[..], "some other kind of file"),
        (b"BEGIN:VCARD\nFN:Sally\nEND:VCARD\n", "some other kind of file"),
        (b"x", "some other kind of file"),
        (&[0; 8192], "some other kind of file"),
    ] {
        fs::write(&path, content).unwrap();
        let said = is_refused(&path);
        assert!(said.contains(why) && said.contains("memory ä%20?#.heirloom"), "{said}");
    }
}

#[test]
fn a_directory_a_pipe_and_a_missing_file_are_refused_in_words() {
    let folder = tempdir().unwrap();
    let inside = folder.path().join("inside");
    fs::create_dir(&inside).unwrap();
    assert!(is_refused(&inside).contains("is a directory"));
    if cfg!(unix)
        && Command::new("mkfifo").arg(folder.path().join("pipe")).status().is_ok_and(|status| status.success())
    {
        let said = open_with(&folder.path().join("pipe"), Options::default()).map(|_| ()).unwrap_err().to_string();
        assert!(said.contains("a pipe"), "{said}");
    }
    let absent = folder.path().join("absent");
    for options in [reading(), Options { create: false, ..Options::default() }] {
        let said = open_with(&absent, options).map(|_| ()).unwrap_err().to_string();
        assert!(said.contains("there is no such file"), "{said}");
    }
    assert!(!absent.exists());
    let said = open_with(&absent.join("deeper"), Options::default()).map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("folder that it would lie in"), "{said}");
}

#[test]
fn an_empty_file_becomes_a_memory_only_where_that_is_asked_for() {
    let (_folder, path) = place();
    fs::write(&path, b"").unwrap();
    for options in [reading(), Options { create: false, ..Options::default() }] {
        let said = open_with(&path, options).map(|_| ()).unwrap_err().to_string();
        assert!(said.contains("is empty"), "{said}");
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    }
    add(&open(&path), "Sally").unwrap();
    assert_eq!(count(&open(&path)), 1);
}

#[test]
fn the_database_of_another_program_is_refused_with_its_log_untouched() {
    let (folder, path) = place();
    for setup in ["", "PRAGMA journal_mode = WAL;", "PRAGMA user_version = 1;", "PRAGMA application_id = 7;"] {
        let _ = fs::remove_file(&path);
        let other = Connection::open(&path).unwrap();
        other.execute_batch(&format!("{setup} CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")).unwrap();
        drop(other);
        assert!(is_refused(&path).contains("another program"), "{setup}");
    }
    // Killed with an unwritten log beside it: the log must not be replayed into the file.
    let (killed, log) = (folder.path().join("killed.db"), folder.path().join("killed.db-wal"));
    let other = Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE more (x)").unwrap();
    fs::copy(&path, &killed).unwrap();
    fs::copy(place::companion(&path, "-wal"), &log).unwrap();
    let before = fs::read(&log).unwrap();
    assert!(is_refused(&killed).contains("another program"));
    assert_eq!(fs::read(&log).unwrap(), before);
}

#[test]
fn a_newer_file_is_refused_and_left_byte_identical() {
    let (folder, path) = place();
    drop(Store::open_as(&Location::File(path.clone()), &Options::default(), &SECOND).unwrap());
    assert!(is_refused(&path).contains("was written by a newer heirloom (file version 2, this build reads up to 1)"));
    // The same while the newer version stands in the log alone.
    let copy = folder.path().join("copy.heirloom");
    fs::remove_file(&path).unwrap();
    drop(open(&path));
    let newer = Store::open_as(&Location::File(path.clone()), &Options::default(), &SECOND).unwrap();
    fs::copy(&path, &copy).unwrap();
    fs::copy(place::companion(&path, "-wal"), place::companion(&copy, "-wal")).unwrap();
    let before = (fs::read(&copy).unwrap(), fs::read(place::companion(&copy, "-wal")).unwrap());
    assert!(matches!(open_with(&copy, Options::default()), Err(Error::Newer { found: 2, supported: 1, .. })));
    assert_eq!(before, (fs::read(&copy).unwrap(), fs::read(place::companion(&copy, "-wal")).unwrap()));
    drop(newer);
}

#[test]
fn a_file_cut_short_is_an_error_and_left_byte_identical() {
    let (_folder, path) = place();
    let store = open(&path);
    for i in 0..200 {
        add_bytes(&store, &i.to_string(), 500).unwrap();
    }
    drop(store);
    let whole = fs::read(&path).unwrap();
    for kept in [10, 99, 512, 4096, 8192, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        fs::write(&path, &whole[..kept]).unwrap();
        let said = is_refused(&path);
        assert!(said.contains("is damaged") || said.contains("is not a memory"), "{kept}: {said}");
    }
}

#[test]
fn an_upgrade_keeps_what_is_there_and_a_failing_one_changes_nothing() {
    let (_folder, path) = place();
    add(&open(&path), "Sally").unwrap();
    let before = fs::read(&path).unwrap();
    assert!(Store::open_as(&Location::File(path.clone()), &Options::default(), &BROKEN).is_err());
    assert_eq!(fs::read(&path).unwrap(), before);
    let said = Store::open_as(&Location::File(path.clone()), &reading(), &SECOND).map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("was written by an older heirloom (file version 1)"), "{said}");
    let store = Store::open_as(&Location::File(path.clone()), &Options::default(), &SECOND).unwrap();
    let notes = store.read(|sql| sql.all("SELECT note FROM item", &[], |row| Ok(row.text(0)?.to_owned()))).unwrap();
    assert_eq!(notes, ["upgraded"]);
}

#[test]
fn a_handle_that_is_older_than_the_file_has_become_writes_nothing() {
    let (_folder, path) = place();
    let old = open(&path);
    let new = Store::open_as(&Location::File(path), &Options::default(), &SECOND).unwrap();
    assert!(matches!(add(&old, "Sally"), Err(Error::Newer { found: 2, .. })));
    add(&new, "Ben").unwrap();
    assert_eq!(count(&new), 1);
}

#[test]
fn eight_threads_write_and_others_read_without_an_error() {
    let (_folder, path) = place();
    let store = open_with(&path, Options { durability: Durability::Normal, ..Options::default() }).unwrap();
    let left = AtomicUsize::new(8);
    thread::scope(|scope| {
        for writer in 0..8 {
            let (store, left) = (&store, &left);
            scope.spawn(move || {
                for i in 0..500 {
                    add(store, &format!("{writer} {i}")).unwrap();
                }
                left.fetch_sub(1, Ordering::Relaxed);
            });
        }
        for _ in 0..3 {
            scope.spawn(|| {
                while left.load(Ordering::Relaxed) > 0 {
                    let both = store.read(|sql| Ok((count_in(sql)?, count_in(sql)?))).unwrap();
                    assert_eq!(both.0, both.1, "a read sees one snapshot");
                }
            });
        }
    });
    assert_eq!(count(&store), 4_000);
}

const CHILD: &str = "HEIRLOOM_TEST_CHILD";

fn spawn(task: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["store::sqlite::tests::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, task)
        .env("HEIRLOOM_TEST_PATH", path)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

/// The other side of the tests with several processes; by itself it does nothing.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let path = PathBuf::from(std::env::var_os("HEIRLOOM_TEST_PATH").unwrap());
    match task.split_once(' ').unwrap() {
        ("write", writes) => {
            let store = open(&path);
            for i in 0..writes.parse().unwrap() {
                let began = Instant::now();
                add(&store, &format!("{} {i}", std::process::id())).unwrap();
                assert!(began.elapsed() < Duration::from_secs(4), "a write took {:?}", began.elapsed());
            }
        }
        ("open", rounds) => {
            for round in 0..rounds.parse().unwrap() {
                drop(open(&path.join(format!("{round}"))));
            }
        }
        ("read", _) => {
            let store = open_with(&path, reading()).unwrap();
            assert_eq!(count(&store), 1);
            assert!(matches!(add(&store, "Ben"), Err(Error::ReadOnly { .. })));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn eight_processes_make_one_memory_and_write_it_without_an_error() {
    let (_folder, path) = place();
    let children: Vec<_> = (0..8).map(|_| spawn("write 300", &path)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let store = open(&path);
    assert_eq!(count(&store), 2_400);
    assert_eq!(store.check_pages().unwrap(), Vec::<String>::new());
}

#[test]
fn eight_processes_open_absent_files_at_once_without_an_error() {
    let folder = tempdir().unwrap();
    let children: Vec<_> = (0..8).map(|_| spawn("open 40", folder.path())).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn an_opening_process_killed_at_any_instant_leaves_a_file_that_opens() {
    let (_folder, path) = place();
    for round in 0..40 {
        let mut child = spawn("write 100000", &path);
        thread::sleep(Duration::from_millis(2 + round / 2));
        child.kill().unwrap();
        child.wait().unwrap();
        drop(open(&path));
        if round % 4 == 0 {
            fs::remove_file(&path).unwrap();
        }
    }
}

#[test]
fn write_inside_write_is_an_error_through_any_handle_on_the_file() {
    let (_folder, path) = place();
    let (store, other) = (open(&path), open(&path));
    let link = path.with_extension("link");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&path, &link).unwrap();
    #[cfg(not(unix))]
    fs::hard_link(&path, &link).unwrap();
    let linked = open(&link);
    for inner in [&store, &other, &linked] {
        let result = store.write(|_| {
            assert!(matches!(add(inner, "Ben"), Err(Error::NestedWrite)));
            Ok(())
        });
        result.unwrap();
    }
    add(&other, "Sally").unwrap();
    assert_eq!(count(&store), 1);
}

#[test]
fn a_read_inside_write_sees_what_was_committed_last() {
    let (_folder, path) = place();
    let store = open(&path);
    add(&store, "Sally").unwrap();
    let seen = store.write(|sql| {
        sql.execute(INSERT, &[Value::Text("Ben"), Value::Null])?;
        Ok((count(&store), count_in(sql)?))
    });
    assert_eq!(seen.unwrap(), (1, 2));
    let nested = store.read(|sql| {
        count_in(sql)?;
        add(&store, "Carl")?;
        Ok((count_in(sql)?, count(&store)))
    });
    assert_eq!(nested.unwrap(), (2, 3));
}

#[test]
fn a_memory_in_ram_answers_every_nesting_rather_than_waiting_for_itself() {
    for location in [Location::InMemory, Location::Scratch] {
        let store = Store::open_as(&location, &quick(), &FIRST).unwrap();
        add(&store, "Sally").unwrap();
        assert_eq!(store.read(|_| Ok(count(&store))).unwrap(), 1);
        assert!(store.write(|_| store.read(count_in)).unwrap_err().to_string().contains("read through the writer"));
        assert!(store.read(|_| add(&store, "Ben")).unwrap_err().to_string().contains("write was called inside read"));
        assert!(matches!(store.write(|_| add(&store, "Ben")), Err(Error::NestedWrite)));
        thread::scope(|scope| {
            for writer in 0..4 {
                let store = &store;
                scope.spawn(move || (0..100).for_each(|i| add(store, &format!("{writer} {i}")).unwrap()));
            }
        });
        assert_eq!(count(&store), 401);
        let other = Store::open_as(&location, &quick(), &FIRST).unwrap();
        assert_eq!(count(&other), 0, "each is its own");
    }
}

#[test]
fn a_scratch_database_holds_more_than_its_cache() {
    let store = Store::open_as(&Location::Scratch, &quick(), &FIRST).unwrap();
    let result = store.write(|sql| {
        for i in 0..64 {
            sql.execute(INSERT, &[Value::Text(&i.to_string()), Value::Blob(&vec![1; 1 << 20])])?;
        }
        Ok(())
    });
    result.unwrap();
    assert_eq!(count(&store), 64);
}

#[test]
fn a_forked_child_gets_an_error_and_harms_nothing_by_leaving() {
    let (folder, path) = place();
    let mut store = open(&path);
    add(&store, "Sally").unwrap();
    let before = files(folder.path());
    store.process ^= 1;
    for error in [store.read(count_in).unwrap_err(), add(&store, "Ben").unwrap_err(), store.mark().unwrap_err()] {
        assert!(matches!(&error, Error::Detached { why, .. } if why.contains("forked")), "{error}");
    }
    drop(store);
    assert_eq!(files(folder.path()), before, "the log of the parent is still there");
    assert_eq!(count(&open(&path)), 1);
}

#[cfg(unix)]
#[test]
fn a_file_deleted_or_replaced_under_the_handle_takes_no_write() {
    let (_folder, path) = place();
    let store = open(&path);
    add(&store, "Sally").unwrap();
    let away = path.with_extension("away");
    fs::rename(&path, &away).unwrap();
    for _ in 0..100 {
        let error = add(&store, "Ben").unwrap_err();
        assert!(matches!(&error, Error::Detached { why, .. } if why.contains("deleted or moved")), "{error}");
    }
    fs::copy(&away, &path).unwrap();
    for _ in 0..100 {
        let error = add(&store, "Ben").unwrap_err();
        assert!(matches!(&error, Error::Detached { why, .. } if why.contains("another file")), "{error}");
    }
    thread::sleep(GLANCE);
    assert!(matches!(store.read(count_in), Err(Error::Detached { .. })), "reads notice it too");
    fs::rename(&away, &path).unwrap();
    add(&store, "Ben").unwrap();
    assert_eq!(count(&store), 2);
}

#[test]
fn a_write_that_fails_at_any_statement_leaves_nothing() {
    let (_folder, path) = place();
    let store = open(&path);
    let three = |store: &Store| {
        store.write(|sql| {
            for name in ["Sally", "Ben", "Carl"] {
                sql.execute(INSERT, &[Value::Text(name), Value::Null])?;
            }
            Ok(())
        })
    };
    for passing in 0..3 {
        store.fail_after(Some(passing));
        assert!(three(&store).unwrap_err().to_string().contains("made to fail"));
        assert_eq!(count(&store), 0);
    }
    store.fail_after(None);
    three(&store).unwrap();
    assert_eq!(count(&store), 3);
}

#[test]
fn a_failure_that_was_passed_over_is_not_committed() {
    let (_folder, path) = place();
    let store = open(&path);
    add(&store, "Sally").unwrap();
    let result = store.write(|sql| {
        sql.execute(INSERT, &[Value::Text("Ben"), Value::Null])?;
        assert!(sql.execute(INSERT, &[Value::Text("Sally"), Value::Null]).is_err());
        Ok(())
    });
    assert!(matches!(result, Err(Error::Fault { .. })));
    assert_eq!(count(&store), 1);
}

#[test]
fn a_panic_inside_write_or_read_undoes_it_and_the_store_goes_on() {
    let (_folder, path) = place();
    for store in [open(&path), Store::open_as(&Location::InMemory, &quick(), &FIRST).unwrap()] {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            store.write(|sql| -> Result<()> {
                sql.execute(INSERT, &[Value::Text("Ben"), Value::Null])?;
                panic!("as a host's closure may")
            })
        }));
        assert!(panicked.is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| store.read(|_| -> Result<()> { panic!("again") }))).is_err());
        assert_eq!(count(&store), 0);
        add(&store, "Sally").unwrap();
        assert_eq!(count(&store), 1);
    }
}

#[test]
fn a_writer_that_stays_gives_the_others_a_clear_error_in_time() {
    let (_folder, path) = place();
    let (store, other) = (open_with(&path, quick()).unwrap(), open_with(&path, quick()).unwrap());
    store
        .write(|_| {
            for second in [&store, &other] {
                let began = Instant::now();
                let error = thread::scope(|scope| scope.spawn(|| add(second, "Ben").unwrap_err()).join().unwrap());
                assert!(matches!(error, Error::Busy { waited_ms: 300, .. }), "{error}");
                assert!((280..2_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_full_database_is_a_clear_error_and_the_handle_works_once_there_is_room() {
    let (_folder, path) = place();
    let store = open_with(&path, quick()).unwrap();
    let limit = |pages: i64| {
        let connection = store.take_writer().unwrap();
        connection.execute_batch(&format!("PRAGMA max_page_count = {pages}")).unwrap();
        store.writer.put(connection);
    };
    limit(20);
    let mut kept = 0;
    let error = loop {
        match add_bytes(&store, &kept.to_string(), 5_000) {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    assert_eq!(count(&store), kept);
    limit(1_000_000);
    add_bytes(&store, "more", 5_000).unwrap();
    assert_eq!(count(&store), kept + 1);
    assert!(store.check_pages().unwrap().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn reading_without_locks_notices_a_writer() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = place();
    add(&open(&path), "Sally").unwrap();
    let mut site = Site::new(path.clone(), &reading(), &FIRST);
    site.kind = Kind::Frozen(place::stamp(&path));
    let reader = site.connect(Role::Reader).unwrap();
    site.settle_on(&path).unwrap();
    let store = Store::assemble(site, None, Arc::new(Log::new(place::companion(&path, "-wal"))));
    store.rest(reader);
    assert_eq!(count(&store), 1);
    assert_eq!(files(folder.path()).len(), 1, "it leaves nothing beside the file");
    let other = open(&path);
    assert!(matches!(store.read(count_in), Err(Error::Detached { .. })), "while it is open for writing");
    add(&other, "Ben").unwrap();
    drop(other);
    assert!(matches!(store.read(count_in), Err(Error::Detached { .. })), "and once it was written");
    // A reader who owns neither the file nor its folder.
    let closed = fs::Permissions::from_mode(0o555);
    fs::set_permissions(folder.path(), closed).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    assert!(open_with(&path, reading()).is_ok());
}

#[test]
fn reading_only_leaves_the_file_byte_identical_and_sees_others_write() {
    let (_folder, path) = place();
    add(&open(&path), "Sally").unwrap();
    let before = fs::read(&path).unwrap();
    let store = open_with(&path, reading()).unwrap();
    assert_eq!(count(&store), 1);
    assert!(matches!(add(&store, "Ben"), Err(Error::ReadOnly { .. })));
    assert!(store.read(|sql| sql.execute(INSERT, &[Value::Text("Ben"), Value::Null])).is_err());
    assert_eq!(fs::read(&path).unwrap(), before);
    let mark = store.mark().unwrap();
    add(&open(&path), "Ben").unwrap();
    assert!(store.wait_for_commit(mark, Duration::from_secs(5)).unwrap());
    assert_eq!(count(&store), 2);
}

#[test]
fn the_log_is_short_again_after_a_large_write_and_after_a_long_read() {
    let (_folder, path) = place();
    let store = open_with(&path, quick()).unwrap();
    let log = place::companion(&path, "-wal");
    add_bytes(&store, "large", 40 << 20).unwrap();
    assert!(place::length(&log) < LOG_BYTES, "{}", place::length(&log));
    let (begun, done) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            let read = store.read(|sql| {
                let before = count_in(sql)?;
                begun.wait();
                done.wait();
                assert_eq!(count_in(sql)?, before);
                Ok(())
            });
            read.unwrap();
        });
        begun.wait();
        for i in 0..40 {
            add_bytes(&store, &i.to_string(), 1 << 20).unwrap();
        }
        assert!(place::length(&log) > LOG_BYTES, "the read holds it back");
        done.wait();
    });
    assert!(place::length(&log) < LOG_BYTES, "{}", place::length(&log));
    assert_eq!(count(&store), 41);
}

#[test]
fn the_log_is_short_again_after_the_long_read_of_another_handle() {
    let (_folder, path) = place();
    let (store, other) = (open_with(&path, quick()).unwrap(), open_with(&path, quick()).unwrap());
    let log = place::companion(&path, "-wal");
    let read = other.read(|sql| {
        count_in(sql)?;
        for i in 0..40 {
            add_bytes(&store, &i.to_string(), 1 << 20)?;
        }
        thread::sleep(LONG_READ);
        Ok(place::length(&log))
    });
    assert!(read.unwrap() > LOG_BYTES);
    assert!(place::length(&log) < LOG_BYTES, "{}", place::length(&log));
}

#[test]
fn a_backup_taken_while_others_write_is_one_whole_instant() {
    let (folder, path) = place();
    let store = open_with(&path, quick()).unwrap();
    for i in 0..200 {
        add_bytes(&store, &format!("before {i}"), 20_000).unwrap();
    }
    let target = folder.path().join("copy.heirloom");
    let mut heard = Vec::new();
    store
        .backup(&target, &mut |done, all| {
            add(&store, &format!("during {done}")).unwrap();
            heard.push((done, all));
        })
        .unwrap();
    let &(done, all) = heard.last().unwrap();
    assert!(heard.len() > 1 && done == all && heard.is_sorted(), "{heard:?}");
    let copy = open(&target);
    assert_eq!(count(&copy), 200, "of the instant at which it began");
    assert!(copy.check_pages().unwrap().is_empty());
    let error = store.backup(&target, &mut |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert!(!files(folder.path()).iter().any(|name| name.contains("partial")));
    let ram = Store::open_as(&Location::InMemory, &quick(), &FIRST).unwrap();
    add(&ram, "Sally").unwrap();
    ram.backup(&folder.path().join("ram.heirloom"), &mut |_, _| {}).unwrap();
    assert_eq!(count(&open(&folder.path().join("ram.heirloom"))), 1);
}

#[test]
fn waiting_ends_at_a_commit_of_this_handle_of_another_and_never_misses_one() {
    let (_folder, path) = place();
    let (store, other) = (open(&path), open(&path));
    for writer in [&store, &other] {
        let mark = store.mark().unwrap();
        assert!(!store.wait_for_commit(mark, Duration::from_millis(30)).unwrap());
        add(writer, &format!("{writer:p}")).unwrap();
        assert!(store.wait_for_commit(mark, Duration::ZERO).unwrap(), "committed before the wait began");
        let mark = store.mark().unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| store.wait_for_commit(mark, Duration::from_secs(20)).unwrap());
            thread::sleep(Duration::from_millis(20));
            add(writer, &format!("again {writer:p}")).unwrap();
            assert!(waiting.join().unwrap());
        });
    }
    let ram = Store::open_as(&Location::InMemory, &quick(), &FIRST).unwrap();
    let mark = ram.mark().unwrap();
    add(&ram, "Sally").unwrap();
    assert!(ram.wait_for_commit(mark, Duration::ZERO).unwrap());
}

#[test]
fn damage_and_broken_references_are_told_in_words() {
    let (_folder, path) = place();
    let store = open(&path);
    for i in 0..100 {
        add_bytes(&store, &format!("name {i}"), 300).unwrap();
    }
    drop(store);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA foreign_keys = OFF; UPDATE item SET parent = 999 WHERE id = 7").unwrap();
    drop(other);
    assert_eq!(open(&path).check_pages().unwrap(), ["row 7 of table item refers to a row of item that is not there"]);
    let mut bytes = fs::read(&path).unwrap();
    let page = 4_096 * 4;
    bytes[page..page + 200].fill(0xAA);
    fs::write(&path, bytes).unwrap();
    match open(&path).check_pages() {
        Ok(findings) => assert!(findings.iter().any(|finding| finding.starts_with("in the pages: "))),
        Err(error) => assert!(matches!(error, Error::Damaged { .. }), "{error}"),
    }
}

#[test]
fn a_statement_whose_parameters_are_out_of_order_is_caught() {
    let store = Store::open_as(&Location::InMemory, &quick(), &FIRST).unwrap();
    let swapped = "SELECT $2 + $1";
    assert!(store.read_one(|sql| sql.first(swapped, &[Value::Int(1), Value::Int(2)], |row| row.int(0))).is_err());
    assert!(store.write(|sql| sql.execute(INSERT, &[Value::Text("x")])).is_err());
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn a_local_disk_is_no_network_file_system() {
    let (_folder, path) = place();
    place::refuse_network(&path).unwrap();
    place::refuse_network(Path::new("/proc/self")).unwrap();
}

// What needs a file system of its own, and so root: `.ci/run` asks for it by `--cfg heirloom_mounts`.
#[cfg(heirloom_mounts)]
mod mounted {
    use super::*;

    /// A file system of so many bytes, for as long as it is held.
    struct Mounted(TempDir);

    impl Mounted {
        fn new(options: &str) -> Self {
            let folder = tempdir().unwrap();
            let mount = ["-t", "tmpfs", "-o", options, "tmpfs"];
            let status = Command::new("mount").args(mount).arg(folder.path()).status().unwrap();
            assert!(status.success(), "mounting a file system needs root");
            Self(folder)
        }

        fn remount(&self, options: &str) {
            let options = format!("remount,{options}");
            assert!(Command::new("mount").args(["-o", &options]).arg(self.0.path()).status().unwrap().success());
        }
    }

    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
        }
    }

    #[test]
    fn a_full_disk_is_a_clear_error_and_the_handle_works_once_there_is_room() {
        let disk = Mounted::new("size=2m");
        let path = disk.0.path().join("memory.heirloom");
        let store = open_with(&path, quick()).unwrap();
        let mut kept = 0;
        let mut refused = 0;
        while refused < 20 {
            match add_bytes(&store, &format!("{kept} {refused}"), 20_000) {
                Ok(()) => kept += 1,
                Err(Error::DiskFull { .. }) => refused += 1,
                Err(other) => panic!("{other}"),
            }
            assert_eq!(count(&store), kept);
        }
        disk.remount("size=8m");
        for i in 0..50 {
            add_bytes(&store, &format!("more {i}"), 20_000).unwrap();
        }
        assert_eq!(count(&store), kept + 50);
        assert!(store.check_pages().unwrap().is_empty());
    }

    #[test]
    fn a_log_that_fills_the_disk_gives_its_room_to_the_next_write() {
        const REWRITE: &str = "UPDATE item SET body = $1";
        let disk = Mounted::new("size=2m");
        let store = open_with(&disk.0.path().join("memory.heirloom"), quick()).unwrap();
        add(&store, "Sally").unwrap();
        let rewrite = |byte: u8| store.write(|sql| sql.execute(REWRITE, &[Value::Blob(&vec![byte; 20_000])]));
        for round in 0..500_u32 {
            assert_eq!(rewrite(round as u8).unwrap(), 1, "what is there takes little room, only its log grows");
        }
        // A disk that was wide a moment ago, so that nobody looked.
        store.log.tight.store(false, Ordering::Relaxed);
        store.glances.disk.store(u64::MAX / 2, Ordering::Relaxed);
        let error = (0..500_u32).find_map(|round| rewrite(round as u8).err()).unwrap();
        assert!(matches!(error, Error::DiskFull { .. }), "{error}");
        rewrite(1).unwrap();
    }

    #[test]
    fn a_memory_on_a_disk_that_is_read_only_can_be_read() {
        let disk = Mounted::new("size=8m");
        let path = disk.0.path().join("memory.heirloom");
        add(&open(&path), "Sally").unwrap();
        disk.remount("ro");
        assert_eq!(count(&open_with(&path, reading()).unwrap()), 1);
        let said = open_with(&path, Options::default()).map(|_| ()).unwrap_err().to_string();
        assert!(said.contains("can only be read"), "{said}");
    }

    #[test]
    fn a_log_that_cannot_be_read_where_it_lies_is_an_error_rather_than_left_out() {
        let disk = Mounted::new("size=8m");
        let (_folder, path) = place();
        let store = open(&path);
        add(&store, "Sally").unwrap();
        let copy = disk.0.path().join("memory.heirloom");
        fs::copy(&path, &copy).unwrap();
        fs::copy(place::companion(&path, "-wal"), place::companion(&copy, "-wal")).unwrap();
        disk.remount("ro");
        let said = open_with(&copy, reading()).map(|_| ()).unwrap_err().to_string();
        assert!(said.contains("in the log beside it"), "{said}");
    }

    #[test]
    fn a_backup_that_does_not_fit_leaves_nothing() {
        let disk = Mounted::new("size=1m");
        let (_folder, path) = place();
        let store = open(&path);
        add_bytes(&store, "large", 3 << 20).unwrap();
        let target = disk.0.path().join("copy.heirloom");
        let error = store.backup(&target, &mut |_, _| {}).unwrap_err();
        assert!(matches!(&error, Error::DiskFull { path } if *path == target), "{error}");
        assert!(files(disk.0.path()).is_empty());
        assert_eq!(count(&store), 1);
    }
}
