//! Where things of one run lie on disk.

use consort_core::ids::{AttemptId, TaskId};
use sha2::{Digest, Sha256};
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

    /// The candidate's text as a reviewer was shown it: its quotations are looked up here, not in
    /// the export, which is the agent's.
    pub fn shown(&self, attempt: &AttemptId) -> PathBuf {
        self.state.join("shown").join(format!("{}.txt", neutral(attempt)))
    }

    /// Where the command of a criterion is run on a candidate.
    pub fn check(&self, task: &TaskId, generation: u32, iteration: u32, criterion: usize) -> PathBuf {
        self.state.join("checks").join(format!("{task}--{generation}-{iteration}-{criterion}"))
    }

    /// The read-only export that a reviewer works in. Its name tells neither the task nor the
    /// round: a reviewer sees its own working directory.
    pub fn export(&self, attempt: &AttemptId) -> PathBuf {
        self.state.join("exports").join(neutral(attempt))
    }

    /// What an attempt's agent is handed and hands back, and nothing of the engine's: request,
    /// prompt, answer, usage, temporary files. Its name tells neither the task nor the round.
    pub fn desk(&self, attempt: &AttemptId) -> PathBuf {
        self.state.join("desks").join(neutral(attempt))
    }

    /// Where an attempt whose agent is talked to is driven from: what it is to do, what it tells, what
    /// people answer. The engine's, not the agent's.
    pub fn control(&self, attempt: &AttemptId) -> PathBuf {
        self.attempt(attempt).join("session")
    }

    /// The private home directory of an agent: of a creator one through all its rounds, because its
    /// sessions lie there; of everybody else one per attempt.
    pub fn home(&self, attempt: &AttemptId) -> PathBuf {
        match attempt.step.is_creator() {
            true => self.home_of(&attempt.task, attempt.generation),
            false => self.state.join("homes").join(neutral(attempt)),
        }
    }

    /// The private home directory of a creator, through all its rounds.
    pub fn home_of(&self, task: &TaskId, generation: u32) -> PathBuf {
        self.state.join("homes").join(format!("{task}--{generation}"))
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

/// A name for an attempt that says nothing about it: 16 hex digits.
pub fn neutral(attempt: &AttemptId) -> String {
    crate::judges::hex(&Sha256::digest(attempt.to_string()))[..16].to_owned()
}
