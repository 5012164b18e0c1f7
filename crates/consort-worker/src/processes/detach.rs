//! A runner as a process of its own.
//!
//! ```text
//!   starter                          runner (the same program)
//!   holds the run's lock
//!   start ──── standard input ─────▶ the lock: one open file, held by both
//!         ──── standard error ─────▶ the log in the run's directory
//!         ◀─── standard output ───── one line, once its first record is on disk
//!   ends, and with it its hold
//! ```
//!
//! `flock` belongs to the open file and not to a process: from the starter's hold to the runner's there is no
//! moment in which somebody else could take the run, and when both die the kernel lets it go. Three
//! streams are all that is handed over, so nothing depends on numbers of other descriptors.

use super::spawn;
use crate::{drill, os};
use rustix::fs::OFlags;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What a runner that goes on by itself says, in a run's directory.
pub const RUNNER_LOG: &str = "runner.log";

/// The line of a runner that drives, before its process id.
const DRIVES: &str = "drives ";
/// So much of what it said last is told, in bytes.
const SAID_MAX: u64 = 2_000;

/// Why a runner does not go on by itself.
#[derive(Debug, thiserror::Error)]
pub enum DetachError {
    /// It could not be started.
    #[error("no runner of its own could be started: {0}")]
    Start(io::Error),
    /// It ended before its first record.
    #[error("the runner ended before it had begun{}", said(.0))]
    Ended(String),
}

fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(", saying: {text}") }
}

/// A log that grows, for this user only. Never through a link.
///
/// # Errors
/// The run's directory cannot be written.
pub fn open_log(run_dir: &Path) -> io::Result<File> {
    let no_follow = OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600).custom_flags(no_follow);
    options.open(run_dir.join(RUNNER_LOG))
}

/// Starts `argv` as a runner that outlives us and the terminal, hands it the lock, and waits until it drives: its
/// process id.
///
/// # Errors
/// See [`DetachError`]. Then nobody but us holds the lock.
pub fn detach(argv: &[OsString], run_dir: &Path, lock: File) -> Result<u32, DetachError> {
    let mut log = open_log(run_dir).map_err(DetachError::Start)?;
    let before = log.seek(SeekFrom::End(0)).map_err(DetachError::Start)?;
    let streams = log.try_clone().map_err(DetachError::Start)?;
    let mut runner = spawn::runner(argv, lock, streams).map_err(DetachError::Start)?;
    drill::site("detach.spawn.after");
    let line = runner.stdout.take().map(spawn::first_line).unwrap_or_default();
    // One that drives is not waited for: we end before it does.
    if let Some(pid) = line.strip_prefix(DRIVES).and_then(|pid| pid.parse().ok()) {
        return Ok(pid);
    }
    // It says why on its way out.
    let _ = runner.wait();
    let mut text = Vec::new();
    let end = log.seek(SeekFrom::End(0)).unwrap_or(before);
    let from = before.max(end.saturating_sub(SAID_MAX));
    let _ = log.seek(SeekFrom::Start(from)).and_then(|_| log.take(SAID_MAX).read_to_end(&mut text));
    Err(DetachError::Ended(String::from_utf8_lossy(&text).trim().to_owned()))
}

/// What a runner was handed.
#[derive(Debug)]
pub struct Handed {
    /// The run's lock, which it holds from its first instant on.
    pub lock: File,
    /// To whoever started it.
    pub starter: Starter,
}

/// Whoever started a runner, waiting for it to drive. Dead or impatient, nobody misses the line.
#[derive(Debug)]
pub struct Starter(File);

impl Starter {
    /// The first record is on disk.
    pub fn told(mut self) {
        let _ = self.0.write_all(format!("{DRIVES}{}\n", std::process::id()).as_bytes());
    }
}

/// The first thing that such a runner does: it leaves the terminal's session, takes what it was handed, and from
/// then on reads nothing and speaks into its log.
///
/// # Errors
/// The system refuses something basic.
pub fn handed_over() -> io::Result<Handed> {
    // EPERM: it leads a session or a group already, because somebody started it by hand.
    if let Err(error) = rustix::process::setsid()
        && error != rustix::io::Errno::PERM
    {
        return Err(error.into());
    }
    os::inherit_nothing();
    let lock = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let starter = Starter(File::from(io::stdout().as_fd().try_clone_to_owned()?));
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    drill::site("detach.handed.after");
    Ok(Handed { lock, starter })
}

/// Leaves a terminal that is gone, or a pipe whose reader went with it: what is said from now on is in the log. Streams
/// that go into a file go on there.
///
/// # Errors
/// The log cannot be opened.
pub fn leave_terminal(run_dir: &Path) -> io::Result<()> {
    let log = open_log(run_dir)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    if !is_kept(io::stdout()) {
        rustix::stdio::dup2_stdout(&log)?;
    }
    if !is_kept(io::stderr()) {
        rustix::stdio::dup2_stderr(&log)?;
    }
    Ok(())
}

/// A file, or nowhere.
fn is_kept(stream: impl AsFd) -> bool {
    let Ok(stat) = rustix::fs::fstat(stream) else { return false };
    let nowhere = rustix::fs::stat("/dev/null").is_ok_and(|null| null.st_rdev == stat.st_rdev);
    match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
        rustix::fs::FileType::RegularFile => true,
        rustix::fs::FileType::CharacterDevice => nowhere,
        _ => false,
    }
}
