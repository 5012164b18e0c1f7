//! A journal of each format that was ever written, opened for ever.
//!
//! `CONSORT_GOLDEN=write cargo test -p consort-local golden` writes that of the newest format
//! again. Only for a format that was not released yet.

use crate::support::*;
use consort_local::journal::{FORMAT, Journal, Reader};
use std::fs;
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// What the journal holds, independent of its format.
fn told(dir: &Path) -> String {
    let reader = Reader::open(dir).unwrap();
    let mut text = format!("run {}\n", reader.run().unwrap());
    for record in reader.records(0).unwrap() {
        let record = record.unwrap();
        let cause = serde_json::to_string(&record.cause).unwrap();
        let events = serde_json::to_string(&record.events).unwrap();
        text += &format!("{} {} {}\n  {cause}\n  {events}\n", record.seq, record.now.0, record.hash);
    }
    text
}

#[test]
fn golden_journals_of_every_format_open() {
    if std::env::var("CONSORT_GOLDEN").is_ok_and(|v| v == "write") {
        let dir = tempfile::tempdir().unwrap();
        journal_of(dir.path(), 6);
        fs::copy(dir.path().join("journal.db"), golden(&format!("v{FORMAT}.db"))).unwrap();
        fs::write(golden(&format!("v{FORMAT}.txt")), told(dir.path())).unwrap();
    }
    for format in 1..=FORMAT {
        let dir = tempfile::tempdir().unwrap();
        fs::copy(golden(&format!("v{format}.db")), dir.path().join("journal.db")).unwrap();
        let expected = fs::read_to_string(golden(&format!("v{format}.txt"))).unwrap();
        assert_eq!(told(dir.path()), expected, "read as it is");
        let next = expected.lines().filter(|line| !line.starts_with("  ")).count() as u64;
        let journal = Journal::open(&lock(dir.path()), |_| {}).unwrap();
        assert_eq!(journal.append(vec![record(next)]).wait().unwrap().seq, next);
        drop(journal);
        assert!(told(dir.path()).starts_with(&expected), "brought forward and gone on with");
    }
}
