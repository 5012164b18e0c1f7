//! Slots that all runs of a repository share: at most so many agents work at once, whoever started them.
//!
//! `.consort/slots/<n>` is a file, and whoever holds its lock has the slot. A runner takes it before its brain may
//! decide that an agent begins, and hands it to the agent's supervisor, which holds it for as long as anything of the
//! agent lives: the kernel lets go of it, whatever dies and however. Runners know nothing of each other.
//!
//! They come one after the other: who finds no slot leaves `waiting-<run>`, locked, with the time since when, and
//! whoever has waited longer goes first. One that is first and lets a free slot lie for [`PATIENCE_MS`] is passed
//! over: it may be stopped.

use consort_core::time::Timestamp;
use rustix::fs::{FlockOperation, OFlags, flock};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// So often it is tried again, in milliseconds.
pub(super) const EVERY_MS: u64 = 200;
/// So long a free slot is left to others who are first, in milliseconds.
const PATIENCE_MS: u64 = 2_000;
/// Folder in `.consort`.
const DIR: &str = "slots";
const WAITING: &str = "waiting-";

/// The slots of this run.
pub(super) struct Slots {
    dir: PathBuf,
    run: String,
    most: u32,
    /// Held here: for attempts that are about to be started.
    in_hand: Vec<File>,
    waiting: Option<Waiting>,
    /// Since when a slot has been free that we left to others.
    left: Option<Timestamp>,
}

/// Our place among those who wait.
struct Waiting {
    since: Timestamp,
    path: PathBuf,
    /// Locked as long as we live.
    _file: File,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Slots {
    /// For the run in this directory, of all runs beside it.
    pub(super) fn new(run_dir: &Path, most: u32) -> Self {
        let consort = run_dir.parent().and_then(Path::parent).unwrap_or(run_dir);
        let run = run_dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self {
            dir: consort.join(DIR),
            run,
            most: most.max(1),
            in_hand: Vec::new(),
            waiting: None,
            left: None,
        }
    }

    /// Makes their folder.
    ///
    /// # Errors
    /// There is none, and cannot be one.
    pub(super) fn prepare(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)
    }

    /// Takes up to so many, if it is our turn; how many were taken.
    ///
    /// # Errors
    /// The folder cannot be used: nobody may begin then, because nobody could say how many there are.
    pub(super) fn take(&mut self, wanted: usize, now: Timestamp) -> io::Result<usize> {
        let mut free = self.free(wanted)?;
        if !free.is_empty() && self.others_are_first()? {
            let since = *self.left.get_or_insert(now);
            if now.since_ms(since) < PATIENCE_MS {
                free.clear();
            }
        } else {
            self.left = None;
        }
        let taken = free.len();
        self.in_hand.append(&mut free);
        if taken > 0 {
            self.left = None;
            self.waiting = None;
        } else if self.waiting.is_none() {
            self.waiting = Some(self.wait(now)?);
        }
        Ok(taken)
    }

    /// Up to so many that nobody has, locked.
    fn free(&self, wanted: usize) -> io::Result<Vec<File>> {
        let mut free = Vec::new();
        for number in 1..=self.most {
            if free.len() == wanted {
                break;
            }
            let file = open(&self.dir.join(number.to_string()))?;
            if locks(&file)? {
                free.push(file);
            }
        }
        Ok(free)
    }

    /// For an attempt that is being started.
    pub(super) fn hand_out(&mut self) -> Option<File> {
        self.in_hand.pop()
    }

    /// Gives back what is not used, but for so many.
    pub(super) fn keep(&mut self, used: usize) {
        self.in_hand.truncate(used);
    }

    /// How many are held here.
    pub(super) fn held(&self) -> usize {
        self.in_hand.len()
    }

    /// Nobody of this run wants one.
    pub(super) fn leave_queue(&mut self) {
        (self.waiting, self.left) = (None, None);
    }

    /// Milliseconds until it is to be tried again, while we wait.
    pub(super) fn due_in_ms(&self) -> Option<u64> {
        self.waiting.as_ref().map(|_| EVERY_MS)
    }

    fn wait(&self, now: Timestamp) -> io::Result<Waiting> {
        let path = self.dir.join(format!("{WAITING}{}", self.run));
        let file = open(&path)?;
        // Of this run there is one runner: the lock is a sign of life for others.
        let _ = locks(&file)?;
        file.set_len(0)?;
        file.write_all_at(now.0.to_string().as_bytes(), 0)?;
        Ok(Waiting { since: now, path, _file: file })
    }

    /// Somebody who lives has waited longer.
    fn others_are_first(&self) -> io::Result<bool> {
        let own = format!("{WAITING}{}", self.run);
        let mine = self.waiting.as_ref().map(|w| (w.since.0, own.clone()));
        for entry in std::fs::read_dir(&self.dir)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with(WAITING) || name == own {
                continue;
            }
            let Ok(mut file) = File::open(entry.path()) else { continue };
            if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
                // Left behind by a runner that died.
                continue;
            }
            let mut text = String::new();
            let _ = file.read_to_string(&mut text);
            // One that is just writing its time has only come now.
            let Ok(since) = text.trim().parse::<i64>() else { continue };
            if mine.as_ref().is_none_or(|mine| (since, &name) < (mine.0, &mine.1)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(path)
}

fn locks(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(root: &Path, name: &str, most: u32) -> Slots {
        let dir = root.join("runs").join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let slots = Slots::new(&dir, most);
        slots.prepare().unwrap();
        slots
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp(1_795_417_588_000 + ms)
    }

    #[test]
    fn there_are_never_more_than_the_most_and_a_slot_is_free_when_its_last_holder_is_gone() {
        let root = tempfile::tempdir().unwrap();
        let (mut a, mut b) = (run(root.path(), "a", 2), run(root.path(), "b", 2));
        assert_eq!(a.take(5, at(0)).unwrap(), 2);
        assert_eq!(b.take(1, at(0)).unwrap(), 0);
        let handed = a.hand_out().unwrap();
        let second = handed.try_clone().unwrap();
        drop(handed);
        assert_eq!(b.take(1, at(1)).unwrap(), 0, "a supervisor has it now");
        drop(second);
        assert_eq!(b.take(1, at(2)).unwrap(), 1);
        a.keep(0);
        assert_eq!((a.held(), b.take(5, at(3)).unwrap()), (0, 1));
    }

    #[test]
    fn who_waited_longer_goes_first_unless_it_never_comes() {
        let root = tempfile::tempdir().unwrap();
        let (mut a, mut b, mut c) =
            (run(root.path(), "a", 1), run(root.path(), "b", 1), run(root.path(), "c", 1));
        assert_eq!(a.take(1, at(0)).unwrap(), 1);
        assert_eq!(b.take(1, at(10)).unwrap(), 0);
        assert_eq!(c.take(1, at(20)).unwrap(), 0);
        a.keep(0);
        assert_eq!(a.take(1, at(30)).unwrap(), 0, "others wait, and it had one");
        assert_eq!(c.take(1, at(40)).unwrap(), 0, "b has waited longer");
        assert_eq!(b.take(1, at(50)).unwrap(), 1);
        b.keep(0);
        b.leave_queue();
        assert_eq!(a.take(1, at(60)).unwrap(), 0, "c has waited longer");
        assert_eq!(a.take(1, at(60 + 2_000)).unwrap(), 1, "and does not come");
        a.keep(0);
        drop(c);
        assert_eq!(b.take(1, at(5_000)).unwrap(), 1, "nobody waits any more");
    }

    #[test]
    fn a_place_in_the_queue_dies_with_its_runner() {
        let root = tempfile::tempdir().unwrap();
        let mut a = run(root.path(), "a", 1);
        std::fs::write(root.path().join(DIR).join("waiting-dead"), "1").unwrap();
        assert_eq!(a.take(1, at(0)).unwrap(), 1);
    }
}
