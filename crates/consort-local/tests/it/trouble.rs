//! Full disks and directories that cannot be written.

use crate::support::*;
use consort_local::journal::{Journal, JournalError, Reader};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// As a child: appends until it cannot, then tells.
#[test]
fn append_until_it_fails() {
    let Some(dir) = role("trouble::append_until_it_fails") else { return };
    let journal = Journal::create(&lock(&dir), &about()).unwrap();
    let error = loop {
        let next = journal.head().seq + 1;
        match journal.append(vec![record(next)]).wait() {
            Ok(head) => println!("ack {}", head.seq),
            Err(error) => break error,
        }
    };
    println!("failed {error}");
    // Space may be there again: it must not matter.
    let _ = fs::remove_file(dir.join("ballast"));
    let again = journal.append(vec![record(1)]).wait().unwrap_err();
    println!("again {}", again == error);
    drop(journal);
    let records = read_all(&dir).unwrap();
    assert_genuine(&records);
    println!("kept {}", records.len());
}

/// Lets the child run into its limit; gives what it said of the error.
fn until_it_fails(command: Command) -> String {
    let mut child = Running::start(command);
    let mut acknowledged = 0;
    let error = loop {
        let line = child.lines.next().expect("it ends with an error").unwrap();
        if let Some((_, seq)) = line.split_once("ack ") {
            acknowledged = seq.parse().unwrap();
        } else if let Some((_, error)) = line.split_once("failed ") {
            break error.to_owned();
        }
    };
    assert_eq!(child.next("again").unwrap(), "true", "the first error stays");
    let kept: u64 = child.next("kept").unwrap().parse().unwrap();
    assert!(acknowledged > 5 && kept >= acknowledged, "{kept} kept, {acknowledged} acknowledged");
    assert!(child.wait());
    error
}

#[test]
fn a_full_disk_stops_the_journal_and_loses_nothing_acknowledged() {
    let possible = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs none /mnt"])
        .output()
        .is_ok_and(|out| out.status.success());
    if !possible {
        eprintln!("skipped: a_full_disk_stops_the_journal: no private mounts here (unshare)");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=400k none \"$CONSORT_TEST_DIR\" && \
         head -c 100000 /dev/zero > \"$CONSORT_TEST_DIR/ballast\" && exec \"$@\"";
    let program = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"];
    let error = until_it_fails(wrapped(&program, "trouble::append_until_it_fails", dir.path()));
    assert!(error.starts_with("the disk is full: cannot append record "), "{error}");
    assert!(error.contains("consort resume"), "{error}");
}

#[test]
fn a_limit_on_file_size_stops_the_journal_and_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    // Ignored signals stay ignored: the write fails instead of ending the process.
    let script = "trap '' XFSZ; ulimit -f 300; exec \"$@\"";
    let program = ["sh", "-c", script, "sh"];
    let error = until_it_fails(wrapped(&program, "trouble::append_until_it_fails", dir.path()));
    assert!(error.starts_with("cannot append record "), "{error}");
}

/// As a child without the right to write: what do the commands of a runner say?
#[test]
fn try_to_write() {
    let Some(dir) = role("trouble::try_to_write") else { return };
    let lock = consort_local::lock::RunLock::try_acquire(&dir, "run").map(|_| ());
    println!("lock {}", lock.map_err(|e| e.to_string()).unwrap_err());
    println!("read {}", Reader::open(&dir).unwrap().records(0).unwrap().map(Result::unwrap).count());
    let places = consort_local::places::Places::of(&dir).unwrap();
    println!("begin {}", places.begin_run(&"flow".into(), "run").map_err(|e| e.to_string()).unwrap_err());
}

#[test]
fn without_the_right_to_write_reading_still_works_and_writing_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    journal_of(dir.path(), 4);
    fs::set_permissions(dir.path().join("lock"), fs::Permissions::from_mode(0o444)).unwrap();
    // Where the tests were built, somebody without rights may not even look.
    let program = dir.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let mut command = as_child_of(Command::new(program), "trouble::try_to_write", dir.path());
    if rustix::process::getuid().is_root() {
        command.uid(65_534).gid(65_534); // root may write everywhere
    }
    let mut child = Running::start(command);
    let lock = child.next("lock").unwrap();
    assert!(lock.contains("Permission denied") && lock.contains("reading with `consort status`"), "{lock}");
    assert_eq!(child.next("read").unwrap(), "4");
    let begin = child.next("begin").unwrap();
    assert!(begin.starts_with("cannot create ") && begin.contains("the right to write there"), "{begin}");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(child.wait());
}

#[test]
fn a_log_that_cannot_be_made_is_an_error_of_the_first_append_or_earlier() {
    let dir = tempfile::tempdir().unwrap();
    journal_of(dir.path(), 1);
    fs::create_dir(dir.path().join("journal.db-wal")).unwrap();
    let outcome =
        Journal::open(&lock(dir.path()), |_| {}).and_then(|journal| journal.append(vec![record(2)]).wait());
    let error = outcome.unwrap_err();
    assert!(matches!(error, JournalError::Io { .. }), "{error:?}");
}
