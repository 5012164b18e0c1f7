//! Status words, as the state schema has them.

use crate::run::{BarrierStage, HoldWhy, LivePhase, Point, RunStatus, State, TaskStage, WorkspaceState};
use serde::Serialize;

/// Where a task, a phase or a barrier stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Word {
    /// May begin, has not.
    Pending,
    /// Something that it needs is not there, or a person must decide first.
    Blocked,
    /// Begun.
    InProgress,
    /// Done, and accepted.
    Complete,
    /// Given up.
    Failed,
}

impl Word {
    /// As it is written: `IN_PROGRESS`.
    pub fn as_str(self) -> &'static str {
        match self {
            Word::Pending => "PENDING",
            Word::Blocked => "BLOCKED",
            Word::InProgress => "IN_PROGRESS",
            Word::Complete => "COMPLETE",
            Word::Failed => "FAILED",
        }
    }

    /// The word for a group, from those of its members. No members: nothing is left to do only
    /// if `empty` says so.
    pub fn of(members: impl IntoIterator<Item = Word>, empty: Word) -> Word {
        let all: Vec<Word> = members.into_iter().collect();
        let every = |word: Word| all.iter().all(|w| *w == word);
        let any = |word: Word| all.contains(&word);
        if all.is_empty() {
            empty
        } else if every(Word::Complete) {
            Word::Complete
        } else if any(Word::InProgress) {
            Word::InProgress
        } else if any(Word::Failed) {
            Word::Failed
        } else if any(Word::Complete) {
            Word::InProgress
        } else if any(Word::Pending) {
            Word::Pending
        } else {
            Word::Blocked
        }
    }
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The word of a task.
pub(super) fn task(state: &State, ix: usize) -> Word {
    let it = &state.tasks[ix];
    match &it.stage {
        TaskStage::Waiting if it.waits > 0 || asks_for_inputs(state, ix) => Word::Blocked,
        TaskStage::Waiting | TaskStage::Ready => Word::Pending,
        TaskStage::Held(_) => Word::Blocked,
        // As in the seed's schema: skipped is COMPLETE with a reason.
        TaskStage::Accepted | TaskStage::Skipped(_) => Word::Complete,
        TaskStage::Failed(_) => Word::Failed,
        _ => Word::InProgress,
    }
}

/// Whether a person has yet to declare one of its inputs.
fn asks_for_inputs(state: &State, ix: usize) -> bool {
    state.start.is_some() && !super::model::missing_inputs(state, ix).is_empty()
}

/// The word of a barrier.
pub(super) fn barrier(state: &State, b: usize) -> Word {
    match &state.barriers[b].stage {
        BarrierStage::Waiting | BarrierStage::Arrived => Word::Pending,
        BarrierStage::Held(_) => Word::Blocked,
        BarrierStage::Complete => Word::Complete,
        BarrierStage::Failed(_) => Word::Failed,
        _ => Word::InProgress,
    }
}

/// The word of a run.
pub fn run(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Active => "ACTIVE",
        RunStatus::Paused => "PAUSED",
        RunStatus::Complete => "COMPLETE",
        RunStatus::Failed => "FAILED",
        RunStatus::Cancelled => "CANCELLED",
    }
}

/// The life of a task's workspace, as people of the trade name it.
pub(super) fn workspace(state: &State, ix: usize) -> &'static str {
    let it = &state.tasks[ix];
    match it.workspace {
        WorkspaceState::Releasing => return "CLEANUP",
        WorkspaceState::Released => return "IDLE",
        _ => {}
    }
    match &it.stage {
        TaskStage::Waiting
        | TaskStage::Ready
        | TaskStage::Weighing
        | TaskStage::Growing
        | TaskStage::Skipped(_) => "IDLE",
        TaskStage::Preparing => "PROVISIONING",
        TaskStage::Held(HoldWhy::Conflict { .. }) | TaskStage::Deciding(Point::Conflict { .. }) => {
            "CONFLICTED"
        }
        TaskStage::Held(HoldWhy::Attempts { .. } | HoldWhy::Agent { .. })
        | TaskStage::Failed(_)
        | TaskStage::Deciding(
            Point::StepFailed { .. } | Point::EffectFailed(_) | Point::Refused(_) | Point::Unclear { .. },
        ) => "FAILED",
        TaskStage::Working => working(state, ix),
        TaskStage::Deciding(Point::Prepared | Point::CreationBegan) => "READY",
        TaskStage::Deciding(_)
        | TaskStage::Held(_)
        | TaskStage::Capturing
        | TaskStage::AwaitingApproval(_) => "COMPLETED",
        TaskStage::Committing(_) => "MERGING",
        TaskStage::Accepted => "MERGED",
    }
}

/// While steps are due: the creator's own steps use the workspace, reviewers do not.
fn working(state: &State, ix: usize) -> &'static str {
    let creator = state.tasks[ix].steps.iter().any(|s| s.step.is_creator());
    if !creator {
        return "COMPLETED";
    }
    let task = &state.graph.task(ix).id;
    let mut live = state.live.iter().filter(|(a, _)| a.task == *task && a.step.is_creator());
    match live.next() {
        Some((_, live)) if live.phase == LivePhase::Starting => "DISPATCHED",
        Some(_) => "RUNNING",
        None => "READY",
    }
}

#[cfg(test)]
mod tests {
    use super::Word::{self, Blocked, Complete, Failed, InProgress, Pending};

    #[test]
    fn a_group_is_complete_only_if_all_of_it_is() {
        for (members, word) in [
            (vec![Complete, Complete], Complete),
            (vec![Complete, Blocked], InProgress),
            (vec![Complete, Failed], Failed),
            (vec![Pending, Blocked], Pending),
            (vec![Blocked, Blocked], Blocked),
            (vec![InProgress, Failed], InProgress),
            (vec![], Pending),
        ] {
            assert_eq!(Word::of(members.clone(), Pending), word, "{members:?}");
        }
    }
}
