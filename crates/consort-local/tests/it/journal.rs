//! What a journal promises while all goes well.

use crate::support::*;
use consort_core::run::{Event, EventKind, Input};
use consort_local::journal::{FORMAT, Journal, JournalError, NewRecord, Reader};
use std::fs;

#[test]
fn what_is_appended_is_read_back_and_folded_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::create(&lock(dir.path()), &about()).unwrap();
    assert_eq!(journal.head().seq, 0);
    let head = journal.append(vec![record(1), record(2)]).wait().unwrap();
    assert_eq!(head.seq, 2);
    assert_eq!(journal.append(vec![]).wait().unwrap(), head, "nothing to write is no error");
    let head = journal.append(vec![record(3)]).wait().unwrap();
    assert_eq!(journal.head(), head);
    journal.close();

    let mut folded = Vec::new();
    let journal = Journal::open(&lock(dir.path()), |record| folded.push(record)).unwrap();
    assert_genuine(&folded);
    assert_eq!((folded.len(), folded[2].hash), (3, head.hash));
    assert_eq!((folded[1].prev, folded[2].prev), (folded[0].hash, folded[1].hash));
    assert_eq!(journal.append(vec![record(4)]).wait().unwrap().seq, 4);
    assert_eq!(journal.commits(), 1);

    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.run().unwrap().as_str(), "flow");
    assert_eq!(reader.head().unwrap(), journal.head());
    let rest: Vec<u64> = reader.records(2).unwrap().map(|r| r.unwrap().seq).collect();
    assert_eq!(rest, [3, 4]);
    assert_eq!(reader.records(4).unwrap().count() + reader.records(99).unwrap().count(), 0);
}

#[test]
fn what_waits_together_is_flushed_together() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::create(&lock(dir.path()), &about()).unwrap();
    let waiting: Vec<_> = (1..=600).map(|n| journal.append(vec![record(n)])).collect();
    let seqs: Vec<u64> = waiting.into_iter().map(|w| w.wait().unwrap().seq).collect();
    assert_eq!(seqs, (1..=600).collect::<Vec<_>>());
    assert!(journal.commits() < 300, "{} commits for 600 appends", journal.commits());
    let all = read_all(dir.path()).unwrap();
    assert_eq!(all.len(), 600, "more than a page");
    assert_genuine(&all);
}

#[tokio::test]
async fn an_append_can_be_awaited_or_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::create(&lock(dir.path()), &about()).unwrap();
    drop(journal.append(vec![record(1)]));
    assert_eq!(journal.append(vec![record(2)]).await.unwrap().seq, 2);
}

#[test]
fn too_large_an_event_is_refused_and_nothing_is_written_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::create(&lock(dir.path()), &about()).unwrap();
    let with_text = |bytes: usize| {
        let kind = EventKind::RunnerOpened { runner: "x".repeat(bytes) };
        NewRecord::new(T0, Input::Tick, vec![Event { at: T0, kind }])
    };
    journal.append(vec![with_text(4_000)]).wait().unwrap();
    let error = journal.append(vec![record(2), with_text(4_096)]).wait().unwrap_err();
    assert!(matches!(error, JournalError::TooLarge { .. }), "{error}");
    assert!(error.to_string().contains("runner_opened"), "{error}");
    assert_eq!(journal.append(vec![record(2)]).wait().unwrap_err(), error, "the first error stays");
    assert_eq!(journal.head().seq, 1);
    assert_eq!(read_all(dir.path()).unwrap().len(), 1);
    let huge = NewRecord::new(T0, Input::Closing { why: "x".repeat(1 << 20) }, vec![]);
    drop(journal);
    let journal = Journal::open(&lock(dir.path()), |_| {}).unwrap();
    assert!(matches!(journal.append(vec![huge]).wait(), Err(JournalError::TooLarge { .. })));
}

#[test]
fn a_journal_is_made_once_and_only_where_none_is() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Journal::open(&lock(dir.path()), |_| {}), Err(JournalError::Missing { .. })));
    assert!(matches!(Reader::open(dir.path()), Err(JournalError::Missing { .. })));
    fs::write(dir.path().join("journal.db.new"), b"left by a crash").unwrap();
    fs::write(dir.path().join("journal.db.new-wal"), b"left by a crash").unwrap();
    journal_of(dir.path(), 1);
    let mut files: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["journal.db", "lock"]);
    let error = Journal::create(&lock(dir.path()), &about()).unwrap_err();
    assert!(matches!(error, JournalError::Exists { .. }), "{error}");
    fs::rename(dir.path().join("journal.db"), dir.path().join("aside")).unwrap();
    fs::write(dir.path().join("journal.db-wal"), b"of the other").unwrap();
    assert!(matches!(Journal::create(&lock(dir.path()), &about()), Err(JournalError::NotAJournal { .. })));
}

#[test]
fn a_journal_that_loses_its_name_stops_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::create(&lock(dir.path()), &about()).unwrap();
    journal.append(vec![record(1)]).wait().unwrap();
    fs::rename(dir.path().join("journal.db"), dir.path().join("aside.db")).unwrap();
    let error = journal.append(vec![record(2)]).wait().unwrap_err();
    assert!(matches!(error, JournalError::Moved { .. }), "{error}");
    fs::rename(dir.path().join("aside.db"), dir.path().join("journal.db")).unwrap();
    assert_eq!(journal.append(vec![record(2)]).wait().unwrap_err(), error, "no second chance");
    drop(journal);
    assert_eq!(read_all(dir.path()).unwrap().len(), 1);
}

#[test]
fn the_writer_keeps_the_lock_until_it_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let held = lock(dir.path());
    let journal = Journal::create(&held, &about()).unwrap();
    drop(held);
    assert!(consort_local::lock::RunLock::try_acquire(dir.path(), "second").is_err());
    journal.close();
    lock(dir.path());
}

#[test]
fn a_newer_format_is_refused_without_changing_a_byte() {
    let dir = tempfile::tempdir().unwrap();
    journal_of(dir.path(), 3);
    let path = dir.path().join("journal.db");
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", FORMAT + 1).unwrap();
    conn.close().unwrap();
    assert_refused_unchanged(dir.path());

    // The same while the number is only in the log, as after a crash of the newer one.
    let dir = tempfile::tempdir().unwrap();
    journal_of(dir.path(), 3);
    let path = dir.path().join("journal.db");
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", FORMAT + 1).unwrap();
    let copy = tempfile::tempdir().unwrap();
    for name in ["journal.db", "journal.db-wal"] {
        fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    assert_refused_unchanged(copy.path());
}

fn assert_refused_unchanged(dir: &std::path::Path) {
    let bytes = |name| fs::read(dir.join(name)).unwrap_or_default();
    let before = (bytes("journal.db"), bytes("journal.db-wal"));
    let newer =
        |error: &JournalError| matches!(error, JournalError::Newer { found, .. } if *found == FORMAT + 1);
    let error = Journal::open(&lock(dir), |_| {}).unwrap_err();
    assert!(newer(&error), "{error}");
    assert!(error.to_string().contains("It was not changed"), "{error}");
    assert!(newer(&Reader::open(dir).unwrap_err()));
    assert_eq!((bytes("journal.db"), bytes("journal.db-wal")), before);
}
