//! What lies between two moments of a run, and what going back would mean.

use crate::ids::CheckpointId;
use crate::run::{State, TaskStage, TaskState};
use serde::Serialize;

/// What a rollback would do with the tasks, in plan order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Back {
    /// Stay accepted as they are.
    pub keeps: Vec<String>,
    /// Are accepted again as they were then: work that was given up since.
    pub finds_again: Vec<String>,
    /// Accepted by now, and given up.
    pub gives_up: Vec<String>,
    /// In the middle of a round by now, and begun anew.
    pub interrupts: Vec<String>,
}

/// What a rollback to this checkpoint would do now; `None`: there is no such checkpoint.
pub fn back(state: &State, to: &CheckpointId) -> Option<Back> {
    let seq = state.checkpoint(to)?.seq;
    let mut back = Back::default();
    for (ix, now) in state.tasks.iter().enumerate() {
        let id = state.graph.task(ix).id.to_string();
        let accepted = now.stage == TaskStage::Accepted;
        match state.task_at(ix, seq) {
            Some(then) if accepted && then.generation == now.generation => back.keeps.push(id),
            Some(_) => back.finds_again.push(id),
            None if accepted => back.gives_up.push(id),
            None if now.began_at.is_some() => back.interrupts.push(id),
            None => {}
        }
    }
    Some(back)
}

/// What is different of one task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Apart {
    /// Which task.
    pub task: String,
    /// `accepted`, `given up` or `another version`: at the later moment.
    pub what: &'static str,
    /// Its composites before and after, where they were judged.
    pub composite: [Option<String>; 2],
    /// Paths that are new, gone or different.
    pub files: Vec<String>,
}

/// Tasks that are accepted otherwise after one record than after another one.
pub fn apart(state: &State, before: u64, after: u64) -> Vec<Apart> {
    let composite = |it: Option<&TaskState>| it.and_then(TaskState::composite).map(|c| c.to_string());
    let tasks = (0..state.tasks.len()).filter_map(|ix| {
        let (old, new) = (state.task_at(ix, before), state.task_at(ix, after));
        let what = match (old, new) {
            (None, None) => return None,
            (None, Some(_)) => "accepted",
            (Some(_), None) => "given up",
            (Some(old), Some(new)) if old.candidate == new.candidate => return None,
            (Some(_), Some(_)) => "another version",
        };
        let artifacts = |it: Option<&TaskState>| {
            it.and_then(|it| it.candidate.clone()).map(|c| c.artifacts).unwrap_or_default()
        };
        let (old_files, new_files) = (artifacts(old), artifacts(new));
        let gone = old_files.iter().filter(|a| !new_files.iter().any(|b| b.path == a.path));
        let files = new_files.iter().filter(|a| !old_files.contains(a)).chain(gone);
        let files = files.map(|a| super::clean(&a.path)).collect();
        let task = state.graph.task(ix).id.to_string();
        Some(Apart { task, what, composite: [composite(old), composite(new)], files })
    });
    tasks.collect()
}
