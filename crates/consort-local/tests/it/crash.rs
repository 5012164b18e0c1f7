//! kill -9 of the process that writes, again and again.

use crate::support::*;
use consort_core::run::{Command as RunCommand, Input};
use consort_local::inbox::{Inbox, Journalled, PostId};
use consort_local::journal::{Journal, NewRecord, Reader};
use consort_local::lock::{self, RunLock};
use consort_worker::drill;
use std::io::Write as _;

/// As a child: goes on with the journal in its directory and says what was acknowledged.
#[test]
fn append_for_ever() {
    let Some(dir) = role("crash::append_for_ever") else { return };
    let lock = lock(&dir);
    let journal = if dir.join("journal.db").exists() {
        Journal::open(&lock, |_| {}).unwrap()
    } else {
        Journal::create(&lock, &about()).unwrap()
    };
    let mut out = std::io::stdout();
    loop {
        let next = journal.head().seq + 1;
        let waiting: Vec<_> = (next..next + 7).map(|n| journal.append(vec![record(n)])).collect();
        for append in waiting {
            let head = append.wait().unwrap();
            writeln!(out, "ack {} {}", head.seq, head.hash).unwrap();
            out.flush().unwrap();
        }
    }
}

#[test]
fn every_acknowledged_record_survives_twenty_kills() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..20u32 {
        let mut writer = Running::start(as_child("crash::append_for_ever", dir.path()));
        let mut said = Vec::new();
        // A different moment each time, by count and not by clock: the child is ahead of us.
        for _ in 0..=(round * 7 % 50) {
            said.push(writer.next("ack").expect("the writer writes"));
        }
        said.extend(writer.kill("ack"));
        // The last line may be cut by the kill.
        let said: Vec<(u64, String)> = said
            .iter()
            .filter_map(|line| line.split_once(' '))
            .filter(|(_, hash)| hash.len() == 64)
            .map(|(seq, hash)| (seq.parse().unwrap(), hash.to_owned()))
            .collect();
        let records = read_all(dir.path()).unwrap();
        assert_genuine(&records);
        for (seq, hash) in &said {
            let record = &records[usize::try_from(*seq).unwrap() - 1];
            assert_eq!(record.hash.to_string(), *hash, "acknowledged record {seq} of round {round}");
        }
        let last = said.last().unwrap().0;
        assert!(last > acknowledged, "each round went on where the last one ended");
        acknowledged = last;
    }
    let mut folded = 0;
    let journal = Journal::open(&lock(dir.path()), |record| folded = record.seq).unwrap();
    assert!(folded >= acknowledged);
    assert_eq!(journal.append(vec![record(folded + 1)]).wait().unwrap().seq, folded + 1);
}

#[test]
fn another_process_reads_while_one_writes() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Running::start(as_child("crash::append_for_ever", dir.path()));
    writer.next("ack").unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let mut seen = Vec::new();
    let mut looks = 0;
    while seen.len() < 300 {
        // Acknowledged first, so a reader must see it.
        let line = writer.next("ack").unwrap();
        let acknowledged: u64 = line.split_once(' ').unwrap().0.parse().unwrap();
        seen.extend(reader.records(seen.len() as u64).unwrap().map(Result::unwrap));
        assert!(seen.len() as u64 >= acknowledged);
        looks += 1;
    }
    assert_genuine(&seen);
    assert!(looks > 3, "{looks} looks");
    assert!(reader.head().unwrap().seq >= seen.len() as u64);
}

/// As a child: a small runner. Posts two commands in its first life, journals what waits in the
/// inbox and is not journalled yet, deletes it, and says so.
#[test]
fn run_once() {
    let Some(dir) = role("crash::run_once") else { return };
    let inbox = Inbox::of(&dir);
    let lock = lock(&dir);
    let mut known = Journalled::default();
    let journal = if dir.join("journal.db").exists() {
        Journal::open(&lock, |record| known.observe(&record.cause)).unwrap()
    } else {
        Journal::create(&lock, &about()).unwrap()
    };
    let store = consort_worker::store::Store::new(dir.join("store"));
    for (n, command) in [(0, RunCommand::Pause), (1, RunCommand::Unpause)] {
        if !dir.join(format!("posted-{n}")).exists() {
            store.put(format!("note {n}").as_bytes()).unwrap();
            inbox.post("ada", "test", T0.plus_ms(n), &command).unwrap();
            // A person who saw no answer gives the command again: that is a new command.
            std::fs::write(dir.join(format!("posted-{n}")), "").unwrap();
        }
    }
    for posted in inbox.take().unwrap().posted {
        if !known.contains(&posted.id) {
            journal.append(vec![NewRecord::new(posted.at, posted.input(), vec![])]).wait().unwrap();
        }
        inbox.done(&posted.id).unwrap();
    }
    println!("run done");
}

#[test]
fn a_crash_at_any_site_loses_no_command_and_journals_none_twice() {
    let sites = drill::SITES
        .iter()
        .filter(|s| ["store.", "journal.", "inbox."].iter().any(|prefix| s.starts_with(prefix)));
    let mut crashes = 0;
    for site in sites {
        for nth in 1..=2 {
            let dir = tempfile::tempdir().unwrap();
            let mut command = as_child("crash::run_once", dir.path());
            command.env(drill::CRASH_AT, format!("{site}:{nth}"));
            let mut first = Running::start(command);
            let died = first.next("run").is_none();
            assert_eq!(first.wait(), !died);
            assert!(died || (site.starts_with("journal.create") && nth == 2), "{site}:{nth} is not reached");
            crashes += u32::from(died);
            let mut second = Running::start(as_child("crash::run_once", dir.path()));
            assert_eq!(second.next("run").as_deref(), Some("done"), "{site}:{nth}");

            let records = read_all(dir.path()).unwrap();
            let ids: Vec<_> = records.iter().map(|r| PostId::of_input(&r.cause).unwrap()).collect();
            let distinct: std::collections::HashSet<_> = ids.iter().collect();
            assert_eq!(distinct.len(), ids.len(), "{site}:{nth}: journalled twice");
            let commands: Vec<_> = records
                .iter()
                .map(|r| match &r.cause {
                    Input::Command { command, .. } => command.clone(),
                    other => panic!("{other:?}"),
                })
                .collect();
            for given in [RunCommand::Pause, RunCommand::Unpause] {
                assert!(commands.contains(&given), "{site}:{nth}: {given:?} is lost");
            }
            assert!(commands.len() <= 3, "{site}:{nth}: {commands:?}");
            assert_eq!(Inbox::of(dir.path()).take().unwrap().posted, []);
        }
    }
    assert!(crashes >= 18, "{crashes} crashes");
}

/// As a child: takes the lock and keeps it.
#[test]
fn hold_for_ever() {
    let Some(dir) = role("crash::hold_for_ever") else { return };
    let outcome = RunLock::try_acquire(&dir, "hold");
    match &outcome {
        Ok(_) => println!("got it"),
        Err(error) => println!("got refused: {error}"),
    }
    std::io::stdout().flush().unwrap();
    while outcome.is_ok() {
        std::thread::park();
    }
}

#[test]
fn a_crash_leaves_no_lock_behind() {
    let dir = tempfile::tempdir().unwrap();
    let child = || Running::start(as_child("crash::hold_for_ever", dir.path()));
    let mut first = child();
    assert_eq!(first.next("got").unwrap(), "it");
    let holder = lock::holder(dir.path()).unwrap().expect("held");
    assert_eq!(holder.purpose, "hold");
    let refusal = child().next("got").unwrap();
    assert!(refusal.contains(&format!("held by pid {} (hold)", holder.pid)), "{refusal}");
    first.kill("got");
    assert_eq!(lock::holder(dir.path()).unwrap(), None, "the file still names the dead one");
    assert_eq!(child().next("got").unwrap(), "it");
}

#[test]
fn programs_that_the_holder_starts_do_not_inherit_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let held = lock(dir.path());
    let mut sleeper = Running::start({
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "echo at work; exec sleep 600"]).stdout(std::process::Stdio::piped());
        command
    });
    assert_eq!(sleeper.next("at").unwrap(), "work");
    drop(held);
    assert!(RunLock::try_acquire(dir.path(), "next").is_ok());
}
