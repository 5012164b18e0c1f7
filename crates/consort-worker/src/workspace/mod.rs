//! Where creators work and how their work comes together: git, or plain directories.
//!
//! ```text
//! prepare   the base (merge of tips) and a workspace at it     Ensure::Workspace
//! capture   what the creator made, as a commit on the base     Ensure::Candidate
//! commit_task, barrier, checkpoint, release                    the Ensure of that name
//! export, read, diff                                           for reviewers, read-only
//! ```
//!
//! Every function blocks and may be called again at will: a call that died on any line is
//! finished by the next. Git objects are reproducible and flushed before a ref names them; refs
//! move by compare-and-swap; directories appear by one rename. Nothing here touches the
//! person's checkout, index or branches but [`integrate`].

mod capture;
mod checkout;
mod create;
mod engine;
mod export;
mod files;
mod git;
mod git_capture;
mod git_plane;
mod git_words;
mod integrate;
mod manifest;
mod merge;
mod names;
mod network;
mod pipes;
mod plain;
mod quarantine;
mod release;
mod repo;
mod rewind;
mod tree;

pub use create::create_repository;
pub use files::{FILE_BYTES_MAX, FILES_BYTES_MAX};
pub use git::Git;
pub use git_plane::GitPlane;
pub use git_words::{GitError, NEEDED as GIT_NEEDED, ObjectFormat};
pub use integrate::{DryRun, IntegrateError, Integrated, integrate, integrate_dry_run};
pub use manifest::stored_by;
pub use names::checkpoint_number;
pub use network::{Remote, RemoteError, Update};
pub use plain::{PlainPlane, accepted_leaf, read as read_plain};
pub use quarantine::Quarantine;
pub use repo::{CommitInfo, Repo, RepoError};
pub use rewind::Rewind;

use crate::dirs::RunDirs;
use crate::store::StoreError;
use consort_core::ids::{BarrierId, CheckpointId, Revision, RunId, TaskId};
use consort_core::plan::Task;
use consort_core::run::{Artifact, Candidate, Tip};
use consort_core::time::Timestamp;
use std::io;
use std::path::{Path, PathBuf};

/// Names of strays and of conflicting paths that are kept.
const NAMES_MAX: usize = 20;
/// Artifacts that a candidate names.
const ARTIFACTS_MAX: usize = 40;

/// Why a data plane did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum PlaneError {
    /// Two pieces of accepted work do not merge. Waits for a person.
    #[error("the work of `{}` and `{}` does not merge: {}", between.0, between.1, paths.join(", "))]
    Conflict {
        /// Names of the two tips.
        between: (String, String),
        /// At most 20.
        paths: Vec<String>,
    },
    /// The state of the world is not one in which this may be done; trying again does not help.
    #[error("{0}")]
    Refused(String),
    /// Git could not do it.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Stored content is missing, damaged or cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file system said no.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something that should hold does not.
    #[error("{0}")]
    Failed(String),
}

impl PlaneError {
    fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        PlaneError::Io { doing, path: path.to_owned(), source }
    }
}

/// A workspace that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// What it was set up from; `None` for `workspace: none`.
    pub base: Option<Revision>,
    /// Where the creator works.
    pub dir: PathBuf,
}

/// What a creator made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// For the journal.
    pub candidate: Candidate,
    /// Every output with its bytes, sorted by path: at most 64 MiB together.
    pub contents: Vec<(Artifact, Vec<u8>)>,
    /// Files of the base that a change deletes.
    pub gone: Vec<String>,
}

/// The data plane of one run. Cheap to share behind an `Arc`; every call blocks.
#[derive(Debug)]
pub enum Plane {
    /// In a repository.
    Git(Box<GitPlane>),
    /// In a directory without git: no merge, only overlay.
    Plain(PlainPlane),
}

impl Plane {
    /// The plane of a run in a repository. Makes the engine's git directory.
    pub fn git(repo: Repo, dirs: RunDirs, run: RunId) -> Result<Self, PlaneError> {
        Ok(Plane::Git(Box::new(GitPlane::open(repo, dirs, run)?)))
    }

    /// The plane of a run outside a repository. `dir` is where the person stands: files that tasks
    /// read come from there.
    pub fn plain(dir: PathBuf, dirs: RunDirs, run: RunId) -> Result<Self, PlaneError> {
        Ok(Plane::Plain(PlainPlane::open(dir, dirs, run)?))
    }

    /// Puts the run's names in place: `refs/consort/<run>/base` and the run's branch, both at `base`.
    /// Refused where a branch of the person's or another run is in the way.
    pub fn start(&self, base: &Revision, at: Timestamp) -> Result<(), PlaneError> {
        match self {
            Plane::Git(plane) => plane.start(base, at),
            Plane::Plain(_) => Ok(()),
        }
    }

    /// A workspace at the merge of the tips. One that stands at that base is left alone, with
    /// whatever its creator did there; a half-made one is made again.
    pub fn prepare(
        &self,
        task: &Task,
        generation: u32,
        tips: &[Tip],
        at: Timestamp,
    ) -> Result<Prepared, PlaneError> {
        match self {
            Plane::Git(plane) => plane.prepare(task, generation, tips, at),
            Plane::Plain(plane) => plane.prepare(task, generation, tips),
        }
    }

    /// What is in the workspace, as a commit on the base. `Refused` says why there is nothing
    /// to capture: missing, empty, not written, no regular file, too large, outside.
    pub fn capture(
        &self,
        task: &Task,
        generation: u32,
        iteration: u32,
        base: Option<&Revision>,
        at: Timestamp,
    ) -> Result<Captured, PlaneError> {
        match self {
            Plane::Git(plane) => plane.capture(task, generation, iteration, base, at),
            Plane::Plain(plane) => plane.capture(task, generation, iteration, base),
        }
    }

    /// Puts an accepted candidate on the task's ref of this generation, which must not exist or hold the same.
    /// `label` is the alias of the task's pipeline, whose branch follows.
    pub fn commit_task(
        &self,
        task: &TaskId,
        generation: u32,
        candidate: &Candidate,
        label: Option<&str>,
        at: Timestamp,
    ) -> Result<(), PlaneError> {
        match self {
            Plane::Git(plane) => plane.commit_task(task, generation, candidate, label, at),
            Plane::Plain(plane) => plane.commit_task(task, generation, candidate),
        }
    }

    /// The merge of the tips, and the handoffs as they are in it: one that is missing there is
    /// missing in the answer.
    pub fn barrier(
        &self,
        barrier: &BarrierId,
        set: u32,
        tips: &[Tip],
        handoffs: &[Artifact],
        at: Timestamp,
    ) -> Result<(Revision, Vec<Artifact>), PlaneError> {
        match self {
            Plane::Git(plane) => plane.barrier(barrier, set, tips, handoffs, at),
            Plane::Plain(plane) => plane.barrier(tips, handoffs),
        }
    }

    /// A commit whose parents are those tips that no other tip contains, whose tree is their merge and the
    /// files; on `refs/consort/<run>/CP-NNN`, and the run's branch follows unless it is
    /// checked out somewhere or further on.
    pub fn checkpoint(
        &self,
        id: &CheckpointId,
        tips: &[Tip],
        files: &[(String, Vec<u8>)],
        message: &str,
        at: Timestamp,
    ) -> Result<Revision, PlaneError> {
        match self {
            Plane::Git(plane) => plane.checkpoint(id, tips, files, message, at),
            Plane::Plain(plane) => plane.checkpoint(id, tips, files),
        }
    }

    /// Names after a rollback: see [`Rewind`]. Outside a repository there are none.
    pub fn rewind(&self, wish: &Rewind<'_>) -> Result<(), PlaneError> {
        match self {
            Plane::Git(plane) => plane.rewind(wish),
            Plane::Plain(_) => Ok(()),
        }
    }

    /// Accepted commits that another plan gave up lie under `abandoned/`. Outside a repository there are no names.
    pub fn abandon(&self, gone: &[(TaskId, u32, Revision)], at: Timestamp) -> Result<(), PlaneError> {
        match self {
            Plane::Git(plane) => plane.abandon(gone, at),
            Plane::Plain(_) => Ok(()),
        }
    }

    /// Names of a run that begins with results of another one: see [`Rewind`]. Outside a repository there are none.
    pub fn take_over(&self, wish: &Rewind<'_>) -> Result<(), PlaneError> {
        match self {
            Plane::Git(plane) => plane.take_over(wish),
            Plane::Plain(_) => Ok(()),
        }
    }

    /// Names of a run that came here from another clone, with its checkpoints as far as they are here. Outside a
    /// repository there are none.
    pub fn go_on(
        &self,
        wish: &Rewind<'_>,
        checkpoints: &[(CheckpointId, Revision)],
    ) -> Result<(), PlaneError> {
        match self {
            Plane::Git(plane) => plane.go_on(wish, checkpoints),
            Plane::Plain(_) => Ok(()),
        }
    }

    /// Read-only files of a revision without `.git`: all, or only those paths. What was at `to`, which must lie in
    /// the run's state directory, is replaced.
    pub fn export(&self, revision: &Revision, paths: Option<&[String]>, to: &Path) -> Result<(), PlaneError> {
        match self {
            Plane::Git(plane) => plane.export(revision, paths, to),
            Plane::Plain(plane) => plane.export(revision, paths, to),
        }
    }

    /// One file of a revision; `None` if there is no such file in it.
    pub fn read(&self, revision: &Revision, path: &str) -> Result<Option<Vec<u8>>, PlaneError> {
        match self {
            Plane::Git(plane) => plane.read(revision, path),
            Plane::Plain(plane) => plane.read(revision, path),
        }
    }

    /// A unified diff for reviewers, at most 16 MiB.
    pub fn diff(&self, base: &Revision, revision: &Revision) -> Result<Vec<u8>, PlaneError> {
        match self {
            Plane::Git(plane) => plane.diff(base, revision),
            Plane::Plain(plane) => plane.diff(base, revision),
        }
    }

    /// Removes a task's workspace. With `salvage`, what was neither in its base nor accepted is
    /// kept first; the answer names where.
    pub fn release(
        &self,
        task: &Task,
        generation: u32,
        salvage: bool,
        at: Timestamp,
    ) -> Result<Option<String>, PlaneError> {
        match self {
            Plane::Git(plane) => plane.release(task, generation, salvage, at),
            Plane::Plain(plane) => plane.release(task, generation, salvage),
        }
    }
}
