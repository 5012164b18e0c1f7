//! What one run hands on to another: results that hold in that one from its first record on. Which they are,
//! `survivors` says; everything else begins there anew.

use super::graph::Graph;
use super::onward::SoFar;
use super::state::{BarrierState, State, TaskState};
use super::survivors::{Survivors, There};
use crate::ids::{BarrierId, CheckpointId, Revision, RunId, TaskId};
use crate::plan::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Raised when the shape changes.
pub const KEPT_SCHEMA: u32 = 2;

/// See the head of this module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// [`KEPT_SCHEMA`].
    pub schema: u32,
    /// Where they come from.
    pub from: Origin,
    /// Accepted tasks.
    pub tasks: BTreeMap<TaskId, TaskState>,
    /// Complete barriers.
    pub barriers: BTreeMap<BarrierId, BarrierState>,
    /// Inputs that a person declared, and who and how.
    pub declared_inputs: BTreeMap<String, String>,
    /// The same run goes on: how far it had come elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub so_far: Option<Box<SoFar>>,
}

/// A moment of another run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// Which run.
    pub run: RunId,
    /// Which of its checkpoints.
    pub checkpoint: CheckpointId,
    /// That checkpoint's commit.
    pub revision: Revision,
}

/// What holds at a checkpoint and can be taken over by a run of this plan. `None`: there is no such checkpoint, it
/// has no commit, or it was made before the run came here.
pub fn kept_at(state: &State, checkpoint: &CheckpointId, plan: &Plan) -> Option<Kept> {
    let start = state.start.as_ref()?;
    let there = state.checkpoint(checkpoint).filter(|it| !it.is_from_elsewhere())?;
    let seq = there.seq;
    let from =
        Origin { run: start.run.clone(), checkpoint: checkpoint.clone(), revision: there.revision.clone()? };
    // The plan may have been another one then.
    let old = state.graph_at(seq)?;
    let new = Graph::new(plan.clone());
    let task = |id: &TaskId| state.accepted_at(id, seq);
    let barrier = |id: &BarrierId| state.complete_at(id, seq);
    let (tasks, barriers) = {
        let task_there = |ix: usize| task(&old.task(ix).id).is_some();
        let barrier_there = |b: usize| barrier(&old.plan.barriers[b].id).is_some();
        let there = There { task: &task_there, accepted: &task_there, barrier: &barrier_there };
        let survivors = Survivors::of(&old, &new, there);
        // Its session knows another workspace, and its workspace is gone.
        let plain = |id: &TaskId| Some((id.clone(), TaskState { session: None, ..task(id)?.clone() }));
        let tasks: BTreeMap<_, _> = survivors.tasks().filter_map(plain).collect();
        let complete = |id: &BarrierId| Some((id.clone(), barrier(id)?.clone()));
        let barriers: BTreeMap<_, _> = survivors.barriers().filter_map(complete).collect();
        (tasks, barriers)
    };
    let declared_inputs = state.declared_inputs.clone();
    Some(Kept { schema: KEPT_SCHEMA, from, tasks, barriers, declared_inputs, so_far: None })
}
