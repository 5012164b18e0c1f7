//! One runner per run: `.consort/runs/<run>/lock`.
//!
//! The lock is `flock` on an open file, so the kernel drops it when its holder dies, however
//! that happens. The file stays: what it says about the last holder means something only while
//! the lock is held. It is never deleted, else two processes could each lock a file of that name.

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::places::run_name;
use consort_core::time::Timestamp;

/// Name of the lock in a run's directory.
pub const LOCK_FILE: &str = "lock";

/// A lock that is free but looked at by [`holder`] seems taken for some microseconds.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// Who holds a run, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Holder {
    /// Process id; 0 if the file does not say.
    pub pid: u32,
    /// User name, or `uid 1000`.
    pub user: String,
    /// Name of the machine.
    pub host: String,
    /// When it took the lock.
    pub since: Timestamp,
    /// What it does, such as `run` or `resume`.
    pub purpose: String,
}

impl Holder {
    fn this_process(purpose: &str) -> Self {
        let user = std::env::var("USER").ok().filter(|name| !name.is_empty());
        Self {
            pid: std::process::id(),
            user: user.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw())),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            since: Timestamp(jiff::Timestamp::now().as_millisecond()),
            purpose: purpose.to_owned(),
        }
    }

    fn unnamed() -> Self {
        let unknown = || "unknown".to_owned();
        Self { pid: 0, user: unknown(), host: unknown(), since: Timestamp(0), purpose: unknown() }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.pid == 0 {
            return f.write_str("a process that has not said who it is");
        }
        let Holder { pid, user, host, since, purpose } = self;
        write!(f, "pid {pid} ({purpose}) of {user} on {host} since {since}")
    }
}

/// Why a run's lock was not given.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process lives and holds it.
    #[error(
        "run {run} is held by {holder}. Follow it with `consort attach {run}`, give it commands as usual, \
         or wait until it ends"
    )]
    Held {
        /// Which run.
        run: String,
        /// By whom.
        holder: Box<Holder>,
    },
    /// The lock cannot be used at all.
    #[error("cannot lock {path}: {source}{}", next_for(.source))]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn next_for(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => ". The run's directory is gone; `consort list` shows the runs",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ". A runner must be able to write there; reading with `consort status` still works"
        }
        io::ErrorKind::StorageFull => ". The disk is full: free some space and try again",
        _ => "",
    }
}

/// The right to append to a run's journal. Ends when the last clone is dropped or the process
/// dies; programs that this process starts do not inherit it.
#[derive(Clone, Debug)]
pub struct RunLock {
    dir: PathBuf,
    file: Arc<File>,
}

impl RunLock {
    /// Takes the lock of the run in this directory, or says who has it. Waits at most a
    /// twentieth of a second, for those who only look. `purpose` is a word for people.
    pub fn try_acquire(dir: &Path, purpose: &str) -> Result<Self, LockError> {
        let path = dir.join(LOCK_FILE);
        let io = |source| LockError::Io { path: path.clone(), source };
        for _ in 0..TRIES {
            let file = open(&path, true).map_err(io)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    std::thread::sleep(BETWEEN_TRIES);
                    continue;
                }
                Err(e) => return Err(io(e.into())),
            }
            let lock = Self { dir: dir.to_path_buf(), file: Arc::new(file) };
            if !lock.is_in_place() {
                continue; // someone replaced the file between our opening and locking it
            }
            write_holder(&lock.file, &Holder::this_process(purpose)).map_err(io)?;
            return Ok(lock);
        }
        let holder =
            Box::new(open(&path, false).map_or_else(|_| Holder::unnamed(), |file| read_holder(&file)));
        Err(LockError::Held { run: run_name(dir), holder })
    }

    /// For a process that is to hold it with us and, when we end, without us: it gets this as one of its streams.
    ///
    /// # Errors
    /// The system has no room for another open file.
    pub fn shared(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Takes over what another process handed us. It says from now on who we are.
    ///
    /// # Errors
    /// It is not the lock of the run in this directory, or somebody else holds it.
    pub fn handed_over(dir: &Path, file: File, purpose: &str) -> Result<Self, LockError> {
        let path = dir.join(LOCK_FILE);
        let io = |source| LockError::Io { path: path.clone(), source };
        let lock = Self { dir: dir.to_path_buf(), file: Arc::new(file) };
        if !lock.is_in_place() {
            return Err(io(io::Error::other("what was handed over is not the lock of this run")));
        }
        // One open file is held once: of our starter's hold this takes nothing away.
        match flock(&*lock.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let holder = Box::new(read_holder(&lock.file));
                return Err(LockError::Held { run: run_name(dir), holder });
            }
            Err(e) => return Err(io(e.into())),
        }
        write_holder(&lock.file, &Holder::this_process(purpose)).map_err(io)?;
        Ok(lock)
    }

    /// The run's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// False when the lock file was deleted, moved or replaced: then another process may hold
    /// a lock of the same name, and this one must stop.
    pub fn is_in_place(&self) -> bool {
        let Ok(ours) = self.file.metadata() else { return false };
        std::fs::symlink_metadata(self.dir.join(LOCK_FILE))
            .is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino()))
    }
}

/// Who holds the lock of the run in this directory: a living process, or `None`.
pub fn holder(dir: &Path) -> io::Result<Option<Holder>> {
    let file = match open(&dir.join(LOCK_FILE), false) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(None),
        Err(Errno::WOULDBLOCK) => Ok(Some(read_holder(&file))),
        Err(e) => Err(e.into()),
    }
}

/// Opened files are close-on-exec with `std`; a link in the lock's place is refused.
fn open(path: &Path, write: bool) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().read(true).write(write).create(write).truncate(false).custom_flags(flags).open(path)
}

fn write_holder(file: &File, holder: &Holder) -> io::Result<()> {
    let mut text = serde_json::to_vec(holder)?;
    text.push(b'\n');
    file.set_len(0)?;
    file.write_all_at(&text, 0)
}

/// Reads through a holder that is just writing its name.
fn read_holder(file: &File) -> Holder {
    for _ in 0..TRIES {
        let mut text = String::new();
        let whole = file.try_clone().and_then(|file| {
            io::Seek::seek(&mut &file, io::SeekFrom::Start(0))?;
            file.take(4096).read_to_string(&mut text)
        });
        if whole.is_ok()
            && let Ok(holder) = serde_json::from_str(&text)
        {
            return holder;
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    Holder::unnamed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_second_one_is_told_who_has_it_and_gets_it_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(holder(dir.path()).unwrap(), None);
        let lock = RunLock::try_acquire(dir.path(), "run").unwrap();
        let error = RunLock::try_acquire(dir.path(), "resume").unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("held by pid {} (run) of ", std::process::id())), "{text}");
        let seen = holder(dir.path()).unwrap().expect("held");
        assert_eq!((seen.pid, &*seen.purpose), (std::process::id(), "run"));
        let clone = lock.clone();
        drop(lock);
        assert!(RunLock::try_acquire(dir.path(), "resume").is_err(), "a clone still holds it");
        drop(clone);
        assert_eq!(holder(dir.path()).unwrap(), None);
        assert_eq!(RunLock::try_acquire(dir.path(), "resume").unwrap().dir(), dir.path());
    }

    #[test]
    fn what_is_handed_over_is_held_without_a_gap_and_nothing_else_is_taken_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let lock = RunLock::try_acquire(dir.path(), "run").unwrap();
        let other = open(&dir.path().join(LOCK_FILE), true).unwrap();
        let refused = RunLock::handed_over(dir.path(), other, "detached").unwrap_err();
        assert!(matches!(refused, LockError::Held { .. }), "opened, not handed over: {refused}");
        let elsewhere = tempfile::tempfile().unwrap();
        assert!(matches!(RunLock::handed_over(dir.path(), elsewhere, "detached"), Err(LockError::Io { .. })));
        let shared = lock.shared().unwrap();
        let runner = RunLock::handed_over(dir.path(), shared, "detached").unwrap();
        drop(lock);
        assert_eq!(holder(dir.path()).unwrap().expect("held").purpose, "detached");
        drop(runner);
        assert_eq!(holder(dir.path()).unwrap(), None);
    }

    #[test]
    fn of_many_at_once_exactly_one_wins() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..20 {
            let barrier = std::sync::Barrier::new(4);
            let won: Vec<_> = std::thread::scope(|scope| {
                let tries: Vec<_> = (0..4)
                    .map(|_| {
                        scope.spawn(|| {
                            barrier.wait();
                            RunLock::try_acquire(dir.path(), "race")
                        })
                    })
                    .collect();
                tries.into_iter().map(|t| t.join().unwrap()).collect()
            });
            assert_eq!(won.iter().filter(|w| w.is_ok()).count(), 1);
        }
    }

    #[test]
    fn looking_never_takes_it_from_anyone() {
        let dir = tempfile::tempdir().unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let _ = holder(dir.path());
                }
            });
            let taken = (0..100).all(|_| RunLock::try_acquire(dir.path(), "run").is_ok());
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(taken);
        });
    }

    #[test]
    fn a_replaced_lock_file_is_noticed_and_a_link_refused() {
        let dir = tempfile::tempdir().unwrap();
        let lock = RunLock::try_acquire(dir.path(), "run").unwrap();
        assert!(lock.is_in_place());
        let path = dir.path().join(LOCK_FILE);
        fs::remove_file(&path).unwrap();
        assert!(!lock.is_in_place());
        std::os::unix::fs::symlink("/tmp/elsewhere", &path).unwrap();
        assert!(matches!(RunLock::try_acquire(dir.path(), "run"), Err(LockError::Io { .. })));
    }

    #[test]
    fn a_holder_that_cannot_be_read_still_holds() {
        let dir = tempfile::tempdir().unwrap();
        let _lock = RunLock::try_acquire(dir.path(), "run").unwrap();
        fs::write(dir.path().join(LOCK_FILE), b"{\"pid\":").unwrap();
        assert_eq!(holder(dir.path()).unwrap(), Some(Holder::unnamed()));
        let error = RunLock::try_acquire(dir.path(), "run").unwrap_err();
        assert!(error.to_string().contains("has not said who"), "{error}");
        let gone = RunLock::try_acquire(&dir.path().join("gone"), "run").unwrap_err();
        assert!(gone.to_string().contains("consort list"), "{gone}");
    }
}
