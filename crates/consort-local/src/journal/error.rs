//! What can be wrong with a journal, and what to do about it.

use crate::places::run_name;
use std::path::{Path, PathBuf};

/// Says what, where, why and what to do next. Cloned to everyone who waits for an append.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// There is no journal.
    #[error("there is no journal at {path}. `consort list` shows the runs of this repository")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is one already.
    #[error("run {} has a journal already: {path}. Go on with `consort resume {}`", run_of(.path), run_of(.path))]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// The file is something else.
    #[error(
        "{path} is not a journal of consort: {what}. It was not changed; move it away or restore a backup"
    )]
    NotAJournal {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
    /// Written by a newer version.
    #[error(
        "{path} has format {found} and this consort knows formats up to {known}. It was not changed: use \
         the consort that wrote it, or a newer one"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that this build reads and writes.
        known: u32,
    },
    /// What is stored is not what was written.
    #[error(
        "the journal {path} is damaged{}: {what}. Nothing was changed. Copy the whole directory before you do \
         anything else, then restore it from a backup or start again from a checkpoint (`consort verify {}` \
         says what is still whole)", at(.seq), run_of(.path)
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The first record that is wrong, if that is known.
        seq: Option<u64>,
        /// What is wrong with it.
        what: String,
    },
    /// No space left.
    #[error(
        "the disk is full: {doing} {path} ({why}). All that was acknowledged is safe and nothing acts on the \
         rest. Free some space, then `consort resume {}`", run_of(.path)
    )]
    DiskFull {
        /// Such as `cannot append record 7 to`.
        doing: String,
        /// The file.
        path: PathBuf,
        /// In SQLite's words.
        why: String,
    },
    /// The file or its directory cannot be written.
    #[error(
        "no right to write: {doing} {path} ({why}). Give yourself the right to write that directory, then \
         `consort resume {}`", run_of(.path)
    )]
    ReadOnly {
        /// Such as `cannot open`.
        doing: String,
        /// The file.
        path: PathBuf,
        /// In SQLite's words.
        why: String,
    },
    /// The file at this place is no longer the one that was opened.
    #[error(
        "the journal {path} or its lock was moved, deleted or replaced while it was in use; this runner \
         stops. Put the directory back as it was, then `consort resume {}`", run_of(.path)
    )]
    Moved {
        /// Where it was.
        path: PathBuf,
    },
    /// A file system that cannot keep a journal safe.
    #[error(
        "{path} lies on {filesystem}, where locks and shared memory are not reliable; a journal there could be lost. \
         Use a directory on a local disk"
    )]
    Filesystem {
        /// Where.
        path: PathBuf,
        /// Such as `NFS`.
        filesystem: &'static str,
    },
    /// Defect of the caller: texts and long lists go to the content store.
    #[error(
        "this is a defect of consort, please report it: {what} of {bytes} bytes is too large for a journal (at most {max})"
    )]
    TooLarge {
        /// What kind of thing.
        what: String,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        max: usize,
    },
    /// The library is older than the code allows: a defect of the build.
    #[error(
        "this build of consort has SQLite {found}, which can lose committed data; it needs {needed} or newer"
    )]
    OldSqlite {
        /// Its version.
        found: String,
        /// The oldest one that will do.
        needed: &'static str,
    },
    /// Anything else that the file system or SQLite says.
    #[error("{doing} {path}: {why}. All that was acknowledged is safe. Mend the cause, then `consort resume {}`", run_of(.path))]
    Io {
        /// Such as `cannot open`.
        doing: String,
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The journal was closed before the append.
    #[error("the journal {path} is closed: its writer has ended")]
    Closed {
        /// The file.
        path: PathBuf,
    },
}

impl JournalError {
    pub(super) fn corrupt(path: &Path, seq: Option<u64>, what: impl Into<String>) -> Self {
        JournalError::Corrupt { path: path.to_path_buf(), seq, what: what.into() }
    }

    /// Sorts what SQLite says into what a person can do about it.
    pub(super) fn sqlite(path: &Path, doing: impl Into<String>, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        use rusqlite::ffi;
        let (path, doing, why) = (path.to_path_buf(), doing.into(), error.to_string());
        let Some(failure) = error.sqlite_error() else {
            // Our statements are fixed, so a row of the wrong shape is a wrong file.
            return Self::corrupt(&path, None, format!("{doing}: {why}"));
        };
        match (failure.code, failure.extended_code) {
            (Code::DiskFull, _) => JournalError::DiskFull { doing, path, why },
            (Code::ReadOnly | Code::PermissionDenied, _) => JournalError::ReadOnly { doing, path, why },
            // A read past the end of the file is a cut file.
            (Code::DatabaseCorrupt, _) | (_, ffi::SQLITE_IOERR_SHORT_READ) => Self::corrupt(&path, None, why),
            (Code::NotADatabase, _) => JournalError::NotAJournal { path, what: why },
            // For fixed SQL a plain "SQL logic error" means that the schema is not ours.
            (Code::Unknown, ffi::SQLITE_ERROR) => Self::corrupt(&path, None, why),
            (Code::TypeMismatch | Code::ConstraintViolation, _) => Self::corrupt(&path, None, why),
            _ => JournalError::Io { doing, path, why },
        }
    }

    pub(super) fn io(path: &Path, doing: impl Into<String>, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        let (path, doing, why) = (path.to_path_buf(), doing.into(), error.to_string());
        match error.kind() {
            Kind::NotFound => JournalError::Missing { path },
            Kind::StorageFull | Kind::QuotaExceeded => JournalError::DiskFull { doing, path, why },
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => JournalError::ReadOnly { doing, path, why },
            _ => JournalError::Io { doing, path, why },
        }
    }
}

fn run_of(path: &Path) -> String {
    path.parent().map(run_name).unwrap_or_default()
}

fn at(seq: &Option<u64>) -> String {
    seq.map(|seq| format!(" at record {seq}")).unwrap_or_default()
}
