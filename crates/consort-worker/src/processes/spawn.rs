//! The one place of this crate's processes where programs are started.
#![allow(clippy::disallowed_types, reason = "the door for `process::Command`; git has its own")]

use super::claim::identity_text;
use super::files;
use super::spec::ProcessSpec;
use crate::os;
use consort_core::run::ProcessIdentity;
use rustix::process::{Pid, Signal};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Environment variable that every agent carries: who watches over it, as pid, start ticks and
/// boot id. By it the processes of a supervisor that was killed are found.
pub const MARKER: &str = "CONSORT_SUPERVISOR";

/// `NAME=value` of the marker for what `supervisor` starts.
pub(super) fn marker_entry(supervisor: &ProcessIdentity) -> String {
    format!("{MARKER}={}", identity_text(supervisor))
}

/// An agent that runs. It is a child of this process and has not been waited for.
pub(super) struct Agent {
    pub(super) pid: Pid,
    pub(super) identity: ProcessIdentity,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// Starts what the specification says, in a process group of its own. The error is a sentence.
pub(super) fn agent(spec: &ProcessSpec, supervisor: &ProcessIdentity) -> Result<Agent, String> {
    let program = find_program(spec)?;
    let stdin = match &spec.stdin {
        None => Stdio::null(),
        Some(path) => Stdio::from(
            File::open(path)
                .map_err(|e| format!("standard input `{}` cannot be read: {e}", path.display()))?,
        ),
    };
    os::inherit_nothing();
    let mut command = Command::new(&program);
    command
        .arg0(&spec.argv[0])
        .args(&spec.argv[1..])
        .current_dir(&spec.cwd)
        .env_clear()
        .envs(&spec.env)
        .env(MARKER, identity_text(supervisor))
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = start(&mut command).map_err(|error| why_not_started(&program, &error))?;
    let pid = Pid::from_child(&child);
    let parts = (child.stdout.take(), child.stderr.take(), os::child_identity(pid));
    let (Some(stdout), Some(stderr), Some(identity)) = parts else {
        signal_group(pid, Signal::KILL);
        let _ = child.wait();
        return Err("the system gave no pipes, or does not show processes: run `consort doctor`".into());
    };
    Ok(Agent { pid, identity, stdout: stdout.into(), stderr: stderr.into() })
}

/// A program that was written a moment ago may still be open for writing in a process that was
/// forked meanwhile and has not become another one yet.
fn start(command: &mut Command) -> io::Result<Child> {
    for _ in 0..20 {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(Duration::from_millis(10));
            }
            done => return done,
        }
    }
    command.spawn()
}

/// An absolute path, so that the search is ours to explain, and starting costs no full fork.
fn find_program(spec: &ProcessSpec) -> Result<PathBuf, String> {
    let Some(name) = spec.argv.first().filter(|name| !name.is_empty()) else {
        return Err("the command is empty: it needs at least a program".into());
    };
    match std::fs::metadata(&spec.cwd) {
        // It would be taken from where the supervisor is, which is nowhere in particular.
        _ if spec.cwd.is_relative() => {
            return Err(format!("the working directory `{}` is not absolute", spec.cwd.display()));
        }
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(format!("the working directory `{}` is not a directory", spec.cwd.display())),
        Err(error) => {
            return Err(format!("the working directory `{}` cannot be used: {error}", spec.cwd.display()));
        }
    }
    if name.contains('/') {
        return Ok(spec.cwd.join(name));
    }
    let path = spec.env.get("PATH").map(String::as_str).unwrap_or_default();
    let candidates = path.split(':').filter(|dir| !dir.is_empty()).map(|dir| spec.cwd.join(dir).join(name));
    let (mut found, mut refused) = (None, None);
    for candidate in candidates {
        match std::fs::metadata(&candidate) {
            Ok(metadata) if metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 => {
                found = Some(candidate);
                break;
            }
            Ok(metadata) if metadata.is_file() => refused = Some(candidate),
            _ => {}
        }
    }
    match (found, refused) {
        (Some(program), _) => Ok(program),
        (None, Some(file)) => Err(format!("`{}` is not executable: chmod +x it", file.display())),
        (None, None) => Err(format!(
            "`{name}` is not in PATH ({})",
            if path.is_empty() { "which is empty" } else { path }
        )),
    }
}

fn why_not_started(program: &Path, error: &io::Error) -> String {
    let program = program.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("`{program}` cannot be started: it, or the interpreter in its first line, does not exist")
        }
        io::ErrorKind::PermissionDenied => format!(
            "`{program}` cannot be started: it is not executable, or a directory on the way is closed ({error})"
        ),
        io::ErrorKind::ArgumentListTooLong => format!(
            "`{program}` cannot be started: its arguments and environment are too long; give them in a file or on standard input"
        ),
        io::ErrorKind::InvalidInput => {
            format!("`{program}` cannot be started: an argument or a variable has a NUL byte in it ({error})")
        }
        _ => format!("`{program}` cannot be started: {error}"),
    }
}

/// Supervisors that this process started. They are waited for when they have ended, by the way,
/// so that a long run does not collect zombies.
static SUPERVISORS: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// Starts a supervisor, detached from our directory, streams and group. What it says on its
/// standard output is for us; it puts itself into a session of its own. Its standard input is never read: it holds
/// the slot open, and with it the slot's lock, and what it starts gets another one.
pub(super) fn supervisor(argv: &[OsString], dir: &Path, slot: Option<File>) -> io::Result<ChildStdout> {
    let (program, rest) = argv
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program to supervise with"))?;
    os::inherit_nothing();
    let mut child = Command::new(program)
        .args(rest)
        .arg(dir)
        .current_dir("/")
        .stdin(slot.map_or_else(Stdio::null, Stdio::from))
        .stdout(Stdio::piped())
        .stderr(files::create_private(&dir.join("supervisor.log"))?)
        .spawn()?;
    let stdout = child.stdout.take();
    SUPERVISORS.lock().unwrap_or_else(PoisonError::into_inner).push(child);
    stdout.ok_or_else(|| io::Error::other("the system gave no pipe"))
}

/// Starts a runner of its own: its standard input is the run's lock, its standard error the log. What it says on its
/// standard output is for us. It stays where it was started, for paths that were given from there.
pub(super) fn runner(argv: &[OsString], lock: File, log: File) -> io::Result<Child> {
    let (program, rest) = argv
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program to run with"))?;
    os::inherit_nothing();
    Command::new(program).args(rest).stdin(lock).stdout(Stdio::piped()).stderr(log).spawn()
}

/// Waits for those of our supervisors that have ended.
pub(super) fn reap_supervisors() {
    let mut children = SUPERVISORS.lock().unwrap_or_else(PoisonError::into_inner);
    children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}

/// The first line of what a supervisor says; empty if it ended without a word.
pub(super) fn first_line(from: impl Read) -> String {
    let mut line = Vec::new();
    // What was read before an error is the answer all the same.
    let _ = BufReader::new(from.take(4096)).read_until(b'\n', &mut line);
    String::from_utf8_lossy(&line).trim_end().to_owned()
}

/// Sends a signal to the group of an agent that has not been waited for: its number is its own.
pub(super) fn signal_group(leader: Pid, signal: Signal) {
    // ESRCH is the only error that matters here, and it is no error: nobody is left.
    let _ = rustix::process::kill_process_group(leader, signal);
}
