//! Where things of one run lie on disk.

use consort_core::ids::{AttemptId, TaskId};
use std::path::PathBuf;

/// Folders of one run. Nothing here is inside the person's checkout but `run` and `store`,
/// which lie in `.consort/` (it ignores itself).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDirs {
    /// `<state dir>/consort/<repository>/<run>`: workspaces, attempts, exports, the engine's git directory.
    pub state: PathBuf,
    /// `.consort/runs/<run>`: journal, inbox, live copies of the three files. When it is gone,
    /// everything that belongs to the run must end.
    pub run: PathBuf,
    /// `.consort/store`: content by hash, shared by all runs of the repository.
    pub store: PathBuf,
}

impl RunDirs {
    /// Of one attempt: specification, claim, output, answer, exit record.
    pub fn attempt(&self, attempt: &AttemptId) -> PathBuf {
        self.state.join("attempts").join(attempt.slug())
    }

    /// The read-only export that a reviewer works in.
    pub fn export(&self, attempt: &AttemptId) -> PathBuf {
        self.state.join("exports").join(attempt.slug())
    }

    /// A creator's workspace, through all its rounds.
    pub fn workspace(&self, task: &TaskId, generation: u32) -> PathBuf {
        self.state.join("workspaces").join(format!("{task}--{generation}"))
    }

    /// The directory of tasks with `workspace: none`.
    pub fn scratch(&self) -> PathBuf {
        self.state.join("scratch")
    }

    /// The bare git directory that the engine owns: its configuration is ours alone.
    pub fn engine_git(&self) -> PathBuf {
        self.state.join("engine.git")
    }
}
