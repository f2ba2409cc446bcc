//! Stores that are absent, foreign, newer, damaged, read-only or full.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use clew_store::{locate, Error, FinishedRun, Store, DATABASE_NAME, SCHEMA_VERSION};
use common::{new_run, record, Directory};
use rusqlite::Connection;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

#[test]
fn the_store_is_found_upward() {
    let directory = Directory::new();
    let deep = directory.0.join("a/b");
    std::fs::create_dir_all(&deep).unwrap();
    let at = |named: Option<&str>| locate(named, &deep, None).unwrap();
    let nowhere = at(None);
    assert!(nowhere.exists == nowhere.path.exists());
    directory.store();
    assert_eq!((at(None).path, at(None).exists), (directory.root(), true));
    assert_eq!(at(Some("x")).path, deep.join("x"));
    assert!(matches!(at(Some("x")).existing(&deep), Err(Error::CannotOpen { .. })));
    assert!(matches!(locate(Some("s3://bucket"), &deep, None), Err(Error::UnsupportedUrl { .. })));
    std::os::unix::fs::chown(directory.root(), Some(65534), None).ok();
    if std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0) {
        let found = locate(None, &deep, Some(1000)).unwrap();
        assert!(!found.exists);
        let refused = found.existing(&deep);
        assert!(matches!(refused, Err(Error::NotFound { skipped: Some(_), .. })), "{refused:?}");
        assert!(locate(None, &deep, Some(65534)).unwrap().exists);
    }
}

#[test]
fn what_is_not_a_store_is_not_opened() {
    let directory = Directory::new();
    let file = directory.0.join("file");
    std::fs::write(&file, "x").unwrap();
    let is_refused = |path: &Path| matches!(Store::open(path), Err(Error::CannotOpen { .. }));
    assert!(is_refused(&directory.0.join("absent")));
    assert!(is_refused(&file));
    assert!(is_refused(&directory.0));
    assert!(matches!(Store::create(&file), Err(Error::CannotOpen { .. })));
    assert!(matches!(Store::create(&file.join("below")), Err(Error::CannotOpen { .. })));
    let foreign = directory.0.join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    Connection::open(foreign.join(DATABASE_NAME)).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(Store::create(&foreign), Err(Error::Foreign { .. })));
}

#[test]
fn a_newer_store_is_left_alone() {
    let directory = Directory::new();
    record(&directory.store(), "1");
    let store = directory.store();
    let database = directory.root().join(DATABASE_NAME);
    Connection::open(&database).unwrap().pragma_update(None, "user_version", SCHEMA_VERSION + 5).unwrap();
    let before = std::fs::read(&database).unwrap();
    let newer = |answer| matches!(answer, Err(Error::Newer { found, .. }) if found == SCHEMA_VERSION + 5);
    assert!(newer(Store::open(&directory.root()).map(|_| ())));
    assert!(newer(Store::create(&directory.root()).map(|_| ())));
    assert!(newer(store.begin_run(&new_run("a.py")).map(|_| ())));
    assert_eq!(std::fs::read(&database).unwrap(), before);
}

#[test]
fn a_store_of_the_first_version_is_migrated() {
    let directory = Directory::new();
    std::fs::create_dir(directory.root()).unwrap();
    let connection = Connection::open(directory.root().join(DATABASE_NAME)).unwrap();
    connection.execute_batch(include_str!("../src/schema/0001_runs.sql")).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE migrations (version INTEGER PRIMARY KEY, applied TEXT NOT NULL, clew TEXT NOT NULL) STRICT;
             INSERT INTO migrations VALUES (1, '2026-01-01T00:00:00Z', '0.0.1');
             INSERT INTO runs VALUES ('20260101-000000-abcdef', 'a.py', '[]', '/', 'python', '3.11.7', '0.0.1', '{}',
                'statement', '2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z', 0, 'finished', NULL, NULL, 0, 1, 'h', 'p');
             PRAGMA application_id = 0x434C4557; PRAGMA user_version = 1;",
        )
        .unwrap();
    drop(connection);
    let store = Store::open(&directory.root()).unwrap();
    assert_eq!(store.run("2026").unwrap().script, "a.py");
    assert!(store.artifacts(true).unwrap().is_empty());
    let versions = store.sql("SELECT version FROM migrations ORDER BY version", || false).unwrap();
    assert_eq!(versions.rows.len(), SCHEMA_VERSION as usize);
}

#[test]
fn damage_is_reported() {
    for damage in [&b"this is not a database, and long enough to be looked at"[..], &[0xAA; 8192]] {
        let directory = Directory::new();
        record(&directory.store(), "1");
        let store = directory.store();
        // Reading merges the log, from which SQLite would heal the database.
        store.runs(None).unwrap();
        std::fs::write(directory.root().join(DATABASE_NAME), damage).unwrap();
        assert!(matches!(Store::open(&directory.root()), Err(Error::Corrupt { .. })));
        assert!(matches!(store.runs(None), Err(Error::Corrupt { .. })));
        let error = Store::create(&directory.root()).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }));
        assert!(error.hint().unwrap().contains("move it away"));
    }
}

/// Pages in the middle are overwritten, the header stays.
#[test]
fn damage_in_the_middle_is_reported_and_no_row_invented() {
    let directory = Directory::new();
    let store = directory.store();
    for n in 0..200 {
        record(&store, &n.to_string());
    }
    store.runs(None).unwrap();
    let database = directory.root().join(DATABASE_NAME);
    let mut bytes = std::fs::read(&database).unwrap();
    let end = bytes.len();
    bytes[8192..end].fill(0x5A);
    std::fs::write(&database, bytes).unwrap();
    assert!(matches!(store.runs(None), Err(Error::Corrupt { .. })));
    assert!(matches!(store.begin_run(&new_run("a.py")), Err(Error::Corrupt { .. })));
}

/// Whatever the damage, there is an answer or an error.
#[test]
fn random_damage_never_panics() {
    let directory = Directory::new();
    let store = directory.store();
    for n in 0..30 {
        record(&store, &n.to_string());
    }
    store.runs(None).unwrap();
    let database = directory.root().join(DATABASE_NAME);
    let whole = std::fs::read(&database).unwrap();
    let mut noise = 12345_u32;
    let mut next = |below: usize| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 8) as usize % below
    };
    let mut n_errors = 0;
    for round in 0..120 {
        let mut bytes = whole.clone();
        for _ in 0..=next(4) {
            let at = if round % 2 == 0 { next(bytes.len()) } else { next(200) };
            bytes[at] = next(256) as u8;
        }
        if round % 10 == 0 {
            bytes.truncate(next(whole.len()));
        }
        std::fs::write(&database, bytes).unwrap();
        let opened = Store::open(&directory.root());
        let Ok(store) = opened else {
            n_errors += 1;
            continue;
        };
        let _ = store.runs(None).map(|runs| runs.into_iter().map(|r| store.run_sources(&r.id)).collect::<Vec<_>>());
        let _ = store.run("latest");
        let _ = store.sql("SELECT * FROM runs, run_sources, artifacts", || false);
        let _ = store.begin_run(&new_run("a.py")).map(|id| store.finish_run(&id, &FinishedRun::default()));
        let _ = store.tables();
    }
    assert!(n_errors > 0);
}

/// User 0 may write anywhere, so another user tries.
#[test]
fn a_read_only_store_is_read() {
    let directory = Directory::new();
    record(&directory.store(), "1");
    let Some(status) = as_nobody("read_only_child", &directory) else { return };
    assert!(status);
}

#[test]
#[ignore = "run as another user by a_read_only_store_is_read"]
fn read_only_child() {
    let root = std::env::var_os("STORE_UNDER_TEST").unwrap();
    let store = Store::open(Path::new(&root)).unwrap();
    assert!(!store.is_writable());
    let run = store.run("latest").unwrap();
    assert_eq!(store.object(&run.trace.unwrap()).unwrap(), b"trace 1");
    assert_eq!(store.sql("SELECT count(*) FROM runs", || false).unwrap().rows.len(), 1);
    assert!(matches!(store.begin_run(&new_run("a.py")), Err(Error::ReadOnly { .. })));
    assert!(matches!(store.put_object(b"x"), Err(Error::ReadOnly { .. })));
    assert!(matches!(store.gc(&clew_store::Criteria::default()), Err(Error::ReadOnly { .. })));
    let beside = Path::new(&root).with_file_name("another");
    assert!(matches!(Store::create(&beside), Err(Error::ReadOnly { .. })));
}

/// Runs a child as user 65534 on a copy of the store that it can reach; `None` when this user may not do so.
fn as_nobody(test: &str, directory: &Directory) -> Option<bool> {
    let place = std::env::temp_dir().join(format!("clew-read-only-{}", std::process::id()));
    let program = place.join("tests");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    Command::new("cp").arg("-r").arg(directory.root()).arg(&place).status().unwrap();
    let mut command = Command::new(&program);
    command.args(["--exact", test, "--ignored"]).env("STORE_UNDER_TEST", place.join(".clew")).uid(65534).gid(65534);
    let status = command.status().ok().map(|s| s.success());
    std::fs::remove_dir_all(&place).unwrap();
    status
}

/// A file system of one megabyte, where this user may mount one.
#[test]
fn a_full_disk_is_reported_and_loses_nothing() {
    let directory = Directory::new();
    let mount = directory.0.join("small");
    std::fs::create_dir(&mount).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&mount).output();
    if !mounted.is_ok_and(|o| o.status.success()) {
        return;
    }
    let store = Store::create(&mount.join(".clew")).unwrap();
    let id = record(&store, "1");
    let open = store.begin_run(&new_run("b.py")).unwrap();
    let noise: Vec<u8> = (0..4_000_000_u32).map(|n| blake3::hash(&n.to_le_bytes()).as_bytes()[0]).collect();
    let put = store.put_object(&noise);
    let fill = std::fs::write(mount.join("fill"), vec![1; 2 << 20]);
    let end = FinishedRun { note: Some("x".repeat(100_000)), ..FinishedRun::default() };
    let finished = store.finish_run(&open, &end);
    let run = store.run(&id);
    std::fs::remove_file(mount.join("fill")).unwrap();
    let later = store.finish_run(&open, &FinishedRun::default());
    let after = store.runs(None);
    Command::new("umount").arg(&mount).status().unwrap();
    assert!(matches!(put, Err(Error::DiskFull { .. })), "{put:?}");
    assert!(fill.is_err());
    assert!(matches!(finished, Err(Error::DiskFull { .. })), "{finished:?}");
    assert_eq!(run.unwrap().id, id);
    later.unwrap();
    assert_eq!(after.unwrap().len(), 2);
}

#[test]
fn a_full_disk_when_the_store_is_made() {
    let directory = Directory::new();
    let mount = directory.0.join("tiny");
    std::fs::create_dir(&mount).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8k", "tmpfs"]).arg(&mount).output();
    if !mounted.is_ok_and(|o| o.status.success()) {
        return;
    }
    let made = Store::create(&mount.join(".clew"));
    Command::new("umount").arg(&mount).status().unwrap();
    assert!(matches!(made, Err(Error::DiskFull { .. })), "{made:?}");
}
