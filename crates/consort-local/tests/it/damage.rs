//! Journals that were changed by something else.

use crate::support::*;
use consort_local::journal::{Journal, JournalError, Reader};
use std::fs;
use std::path::Path;

/// What the writer and a reader make of the journal: its records, or an error.
fn both(dir: &Path) -> [Result<Vec<consort_local::journal::Record>, JournalError>; 2] {
    let read = read_all(dir);
    let mut folded = Vec::new();
    let opened = Journal::open(&lock(dir), |record| folded.push(record)).map(|_| folded);
    [read, opened]
}

#[test]
fn a_changed_byte_is_found_or_changes_nothing_that_is_read() {
    let whole = tempfile::tempdir().unwrap();
    journal_of(whole.path(), 12);
    let bytes = fs::read(whole.path().join("journal.db")).unwrap();
    let records = read_all(whole.path()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let mut found = 0;
    let step = bytes.len() / 500;
    // The first hundred bytes, where SQLite keeps what it knows of the file, and a sample.
    let offsets = (0..100).chain((100..bytes.len()).step_by(step.max(1)));
    for (n, offset) in offsets.enumerate() {
        let mut damaged = bytes.clone();
        damaged[offset] ^= [0xff, 0x01, 0x80, 0x20][n % 4];
        for name in ["journal.db-wal", "journal.db-shm"] {
            let _ = fs::remove_file(dir.path().join(name));
        }
        fs::write(&path, &damaged).unwrap();
        for outcome in both(dir.path()) {
            match outcome {
                Ok(read) => assert_eq!(read, records, "a change at {offset} went unnoticed"),
                Err(_) => found += 1,
            }
        }
    }
    assert!(found > 100, "only {found} found: is the sample where the data is?");
}

/// Applies SQL to a closed journal of five records and gives what reading says then.
fn after(sql: &str) -> JournalError {
    let dir = tempfile::tempdir().unwrap();
    journal_of(dir.path(), 5);
    let conn = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    conn.execute_batch(sql).unwrap();
    conn.close().unwrap();
    let [read, opened] = both(dir.path());
    let (read, opened) = (read.unwrap_err(), opened.unwrap_err());
    assert_eq!(std::mem::discriminant(&read), std::mem::discriminant(&opened), "{sql}: {read} / {opened}");
    read
}

#[test]
fn edits_by_hand_are_found_and_the_record_is_named() {
    for (sql, at, what) in [
        ("DELETE FROM records WHERE seq = 3", Some(3), "is missing"),
        ("DELETE FROM records WHERE seq = 5", Some(5), "are missing"),
        ("UPDATE records SET now = now + 1 WHERE seq = 4", Some(4), "hash"),
        ("UPDATE records SET cause = '\"tick\" ' WHERE seq = 3", Some(3), "hash"),
        ("UPDATE records SET events = 'rubbish' WHERE seq = 2", Some(2), "hash"),
        ("UPDATE records SET prev = zeroblob(32) WHERE seq = 2", Some(2), "does not follow"),
        ("UPDATE records SET hash = zeroblob(32) WHERE seq = 5", Some(5), "hash"),
        ("UPDATE records SET decision_version = -1 WHERE seq = 2", Some(2), ""),
        ("UPDATE meta SET value = 'other' WHERE name = 'run'", Some(1), "does not follow"),
        ("UPDATE head SET hash = zeroblob(32)", Some(5), "head"),
        ("UPDATE head SET seq = 9", Some(6), "are missing"),
        ("UPDATE head SET seq = -9", None, ""),
        ("DELETE FROM head", None, ""),
        ("DROP TABLE records", None, "records"),
    ] {
        match after(sql) {
            JournalError::Corrupt { seq, what: said, .. } => {
                assert_eq!(seq, at, "{sql}: {said}");
                assert!(said.contains(what), "{sql}: {said}");
            }
            other => panic!("{sql}: {other}"),
        }
    }
    let text = after("DELETE FROM records WHERE seq = 3").to_string();
    assert!(text.contains("damaged at record 3") && text.contains("consort verify"), "{text}");
}

#[test]
fn a_head_set_back_is_found() {
    let dir = tempfile::tempdir().unwrap();
    journal_of(dir.path(), 5);
    let conn = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    conn.execute_batch("UPDATE head SET seq = 3, hash = (SELECT hash FROM records WHERE seq = 3)").unwrap();
    conn.close().unwrap();
    for outcome in both(dir.path()) {
        let error = outcome.unwrap_err();
        assert!(matches!(&error, JournalError::Corrupt { seq: Some(4), .. }), "{error}");
    }
}

#[test]
fn what_is_not_a_journal_is_called_so_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let refused = |what: &str| {
        for outcome in both(dir.path()) {
            let error = outcome.unwrap_err();
            assert!(matches!(&error, JournalError::NotAJournal { .. }), "{error}");
            assert!(error.to_string().contains(what), "{error}");
        }
    };
    fs::write(&path, b"").unwrap();
    refused("too short");
    fs::write(&path, [b'x'; 5000]).unwrap();
    refused("not an SQLite file");
    assert_eq!(fs::read(&path).unwrap(), [b'x'; 5000]);
    fs::remove_file(&path).unwrap();
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    conn.close().unwrap();
    refused("another program");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused("not a plain file");
    fs::remove_dir(&path).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    refused("symbolic link");
}

#[test]
fn a_cut_file_and_a_cut_log_are_not_read_as_less() {
    let dir = tempfile::tempdir().unwrap();
    journal_of(dir.path(), 200);
    let path = dir.path().join("journal.db");
    let bytes = fs::read(&path).unwrap();
    for keep in [200, 4096, bytes.len() / 2, bytes.len() - 4096, bytes.len() - 1] {
        fs::write(&path, &bytes[..keep]).unwrap();
        for outcome in both(dir.path()) {
            let error = outcome.unwrap_err();
            assert!(
                matches!(&error, JournalError::Corrupt { .. } | JournalError::NotAJournal { .. }),
                "{keep}: {error}"
            );
        }
    }
}

#[test]
fn a_torn_log_loses_only_its_torn_end() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::create(&lock(dir.path()), &about()).unwrap();
    for n in 1..=6 {
        journal.append(vec![record(n)]).wait().unwrap();
    }
    let copy = tempfile::tempdir().unwrap();
    let log = fs::read(dir.path().join("journal.db-wal")).unwrap();
    fs::copy(dir.path().join("journal.db"), copy.path().join("journal.db")).unwrap();
    let mut lengths = Vec::new();
    for keep in (0..=log.len()).step_by(log.len() / 60).chain([log.len()]) {
        let _ = fs::remove_file(copy.path().join("journal.db-shm"));
        fs::write(copy.path().join("journal.db-wal"), &log[..keep]).unwrap();
        let records = read_all(copy.path()).unwrap();
        assert_genuine(&records);
        lengths.push(records.len());
    }
    assert!(lengths.is_sorted(), "{lengths:?}");
    assert_eq!((lengths[0], *lengths.last().unwrap()), (0, 6));
    assert!(Reader::open(copy.path()).unwrap().head().unwrap() == journal.head());
}
