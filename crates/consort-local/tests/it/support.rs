//! Records to append, and this test binary as another process.

use consort_core::ids::{AttemptId, RunId};
use consort_core::run::{Command as RunCommand, Event, EventKind, Input, Report, StartRun};
use consort_core::run::{ProcessIdentity, RoundKind};
use consort_core::time::Timestamp;
use consort_local::journal::{Journal, NewJournal, NewRecord, Reader, Record};
use consort_local::lock::RunLock;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

pub(crate) const T0: Timestamp = Timestamp(1_795_417_588_000);

pub(crate) fn about() -> NewJournal {
    NewJournal { run: RunId::from("flow"), created: T0, version: "0.1.0".into() }
}

/// Record `n` of a made-up run: different for every n, and reads back as it was.
pub(crate) fn record(n: u64) -> NewRecord {
    let now = T0.plus_ms(n * 250);
    let event = |kind| Event { at: now, kind };
    let attempt: AttemptId = format!("task-{n}/1.1.{n}/create").parse().unwrap();
    let process = ProcessIdentity { pid: 100, start_ticks: n, boot_id: "boot \"é\"".into() };
    match n {
        1 => {
            let start = StartRun {
                run: RunId::from("flow"),
                plan: consort_worker::store::Store::hash_of(b"plan"),
                base: None,
                nonce: "0123456789abcdef0123456789abcdef".into(),
                approve_all: false,
                absent: Vec::new(),
                unseen: Vec::new(),
                from: None,
                source: None,
            };
            let command = RunCommand::Start(Box::new(start.clone()));
            let cause = Input::Command { by: "ada".into(), via: "terminal".into(), command };
            NewRecord::new(now, cause, vec![event(EventKind::RunStarted { by: "ada".into(), start })])
        }
        _ if n.is_multiple_of(3) => NewRecord::new(now, Input::Tick, vec![]),
        _ => {
            let events = vec![
                event(EventKind::AttemptStarted { attempt: attempt.clone(), process: process.clone() }),
                event(EventKind::RoundStarted {
                    task: attempt.task.clone(),
                    iteration: 1,
                    kind: RoundKind::Creation,
                }),
            ];
            NewRecord::new(now, Input::Reported(Report::AttemptStarted { attempt, process }), events)
        }
    }
}

pub(crate) fn lock(dir: &Path) -> RunLock {
    RunLock::try_acquire(dir, "test").unwrap()
}

/// A closed journal with the records 1 to `count`.
pub(crate) fn journal_of(dir: &Path, count: u64) {
    let journal = Journal::create(&lock(dir), &about()).unwrap();
    journal.append((1..=count).map(record).collect()).wait().unwrap();
}

pub(crate) fn read_all(dir: &Path) -> Result<Vec<Record>, consort_local::journal::JournalError> {
    Reader::open(dir)?.records(0)?.collect()
}

/// Are these the records 1, 2, 3 … of [`record`]?
pub(crate) fn assert_genuine(records: &[Record]) {
    for (n, found) in (1..).zip(records) {
        let wanted = record(n);
        assert_eq!(found.seq, n);
        assert_eq!((found.now, &found.cause, &found.events), (wanted.now, &wanted.cause, &wanted.events));
    }
}

const ROLE: &str = "CONSORT_TEST_ROLE";
const DIR: &str = "CONSORT_TEST_DIR";

/// What this process is to do, if it is a child of a test: a role and a directory.
pub(crate) fn role(name: &str) -> Option<std::path::PathBuf> {
    (std::env::var(ROLE).ok()? == name).then(|| std::env::var_os(DIR).unwrap().into())
}

/// This test binary, as a command that plays only the test `test` in a role of the same name.
pub(crate) fn as_child(test: &str, dir: &Path) -> Command {
    as_child_of(Command::new(std::env::current_exe().unwrap()), test, dir)
}

/// The same behind another program, such as `sh -c '… exec "$@"' sh`.
pub(crate) fn wrapped(program: &[&str], test: &str, dir: &Path) -> Command {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg(std::env::current_exe().unwrap());
    as_child_of(command, test, dir)
}

/// The same by this command, which starts a copy of this binary.
pub(crate) fn as_child_of(mut command: Command, test: &str, dir: &Path) -> Command {
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ROLE, test)
        .env(DIR, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    command
}

/// A child that is killed and waited for at the end of a test, however it ends.
pub(crate) struct Running {
    child: Child,
    pub(crate) lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The rest of the next line that begins with `word`; `None` at the end of the output.
    pub(crate) fn next(&mut self, word: &str) -> Option<String> {
        // libtest writes `test name ... ` before the first line of a test.
        self.lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once(&format!("{word} ")).map(|(_, rest)| rest.to_owned()))
    }

    /// kill -9, and everything that it still had said.
    pub(crate) fn kill(&mut self, word: &str) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::iter::from_fn(|| self.next(word)).collect()
    }

    pub(crate) fn wait(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
