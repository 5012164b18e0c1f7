//! What git is to us: the version, its names of objects, its failures.

use std::io;
use std::path::PathBuf;

/// The oldest git that has all we need: `--attr-source` came with it.
pub const NEEDED: (u32, u32) = (2, 41);

/// SHA-1 or SHA-256 names of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectFormat {
    /// 40 hex digits.
    Sha1,
    /// 64 hex digits.
    Sha256,
}

impl ObjectFormat {
    /// Git's word for it.
    pub fn word(self) -> &'static str {
        match self {
            ObjectFormat::Sha1 => "sha1",
            ObjectFormat::Sha256 => "sha256",
        }
    }

    /// Length of a name in hex digits.
    pub fn digits(self) -> usize {
        match self {
            ObjectFormat::Sha1 => 40,
            ObjectFormat::Sha256 => 64,
        }
    }

    /// The name that stands for no object.
    pub(super) fn zero(self) -> String {
        "0".repeat(self.digits())
    }

    /// Git knows the empty tree without storing it.
    pub(super) fn empty_tree(self) -> &'static str {
        match self {
            ObjectFormat::Sha1 => "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
            ObjectFormat::Sha256 => "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
        }
    }
}

/// What can go wrong with git itself.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is none in PATH.
    #[error("git was not found in PATH ({searched}). Install git {}.{} or newer", NEEDED.0, NEEDED.1)]
    Missing {
        /// The PATH that was searched.
        searched: String,
    },
    /// Those in PATH are too old.
    #[error(
        "{program} is git {version}, which is too old: {}.{} or newer is needed, and there is no other in \
         PATH. Upgrade it, or put a newer one in PATH", NEEDED.0, NEEDED.1
    )]
    TooOld {
        /// The first one found.
        program: PathBuf,
        /// What it says it is.
        version: String,
    },
    /// It could not be started, or talking to it failed.
    #[error("cannot run {program} {what}: {source}")]
    NotRun {
        /// Which git.
        program: PathBuf,
        /// Which command.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// It took too long and was ended.
    #[error("git {what} did not end within {seconds} s and was stopped")]
    TimedOut {
        /// Which command.
        what: String,
        /// How long it had.
        seconds: u64,
    },
    /// It printed more than we are ready to read.
    #[error("git {what} printed more than {bytes} bytes")]
    TooMuch {
        /// Which command.
        what: String,
        /// The cap.
        bytes: usize,
    },
    /// Somebody else holds a lock. It is never removed: its owner may live.
    #[error(
        "git {what} waits for {lock}, which is {age_s} s old. Another git process holds it, or one died and \
         left it behind. If none is running in this repository, remove the file and try again"
    )]
    Locked {
        /// Which command.
        what: String,
        /// The lock file.
        lock: PathBuf,
        /// Its age in seconds.
        age_s: u64,
    },
    /// It said no.
    #[error("git {what} failed ({code}): {stderr}")]
    Failed {
        /// Which command.
        what: String,
        /// Exit code or signal.
        code: String,
        /// What it said, at most 16 KiB.
        stderr: String,
    },
}
