//! What one run hands on to another: results that hold in that one from its first record on.
//!
//! A result is found by what it was made from: the task as the plan says it, whoever does it, the level and the
//! gate, and everything that it needs. Where one of these is different in the other run's plan, the task and all
//! that depends on it begin there anew.

use super::graph::Graph;
use super::state::{BarrierState, State, TaskState};
use crate::ids::{BarrierId, CheckpointId, Revision, RunId, TaskId};
use crate::plan::{Plan, Task};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Raised when the shape changes.
pub const KEPT_SCHEMA: u32 = 1;

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

/// What holds at a checkpoint and can be taken over by a run of this plan. `None`: there is no such checkpoint, or it
/// has no commit.
pub fn kept_at(state: &State, checkpoint: &CheckpointId, plan: &Plan) -> Option<Kept> {
    let start = state.start.as_ref()?;
    let there = state.checkpoint(checkpoint)?;
    let from =
        Origin { run: start.run.clone(), checkpoint: checkpoint.clone(), revision: there.revision.clone()? };
    let survivors = Survivors::new(state, there.seq, plan);
    let tasks = survivors.tasks.iter().filter(|(_, held)| **held).filter_map(|(id, _)| {
        let was = state.task_at(state.graph.ix(id)?, there.seq)?;
        // Its session knows another workspace, and its workspace is gone.
        Some((id.clone(), TaskState { session: None, ..was.clone() }))
    });
    let barriers = survivors.barriers.iter().filter(|(_, held)| **held).filter_map(|(id, _)| {
        let was = state.barrier_at(state.graph.barrier_ix(id)?, there.seq)?;
        Some((id.clone(), was.clone()))
    });
    Some(Kept {
        schema: KEPT_SCHEMA,
        from,
        tasks: tasks.collect(),
        barriers: barriers.collect(),
        declared_inputs: state.declared_inputs.clone(),
    })
}

/// Which results of one plan hold in another one.
struct Survivors<'a> {
    state: &'a State,
    seq: u64,
    new: Graph,
    tasks: BTreeMap<TaskId, bool>,
    barriers: BTreeMap<BarrierId, bool>,
}

impl<'a> Survivors<'a> {
    fn new(state: &'a State, seq: u64, plan: &Plan) -> Self {
        let new = Graph::new(plan.clone());
        let mut all = Survivors { state, seq, new, tasks: BTreeMap::new(), barriers: BTreeMap::new() };
        let same_base = same_for_all(&state.graph.plan, plan);
        for ix in 0..plan.tasks.len() {
            let id = plan.tasks[ix].id.clone();
            let held = same_base && all.task(&id);
            all.tasks.insert(id, held);
        }
        for barrier in &plan.barriers {
            let held = same_base && all.barrier(&barrier.id);
            all.barriers.insert(barrier.id.clone(), held);
        }
        all
    }

    /// Plans have no cycles: `definition` refuses them.
    fn task(&mut self, id: &TaskId) -> bool {
        if let Some(known) = self.tasks.get(id) {
            return *known;
        }
        let held = self.is_held(id);
        self.tasks.insert(id.clone(), held);
        held
    }

    fn is_held(&mut self, id: &TaskId) -> bool {
        let (Some(old), Some(new)) = (self.state.graph.ix(id), self.new.ix(id)) else { return false };
        if self.state.task_at(old, self.seq).is_none() {
            return false;
        }
        let task = self.new.task(new).clone();
        let behind: Vec<BarrierId> = task.behind.clone();
        let made_by = task.inputs.iter().filter_map(|input| match input {
            crate::plan::Input::Artifact { task } | crate::plan::Input::Handoff { task } => {
                Some(task.clone())
            }
            _ => None,
        });
        let needs: Vec<TaskId> = task.needs.iter().cloned().chain(made_by).collect();
        same(self.state.graph.task(old), &task)
            && needs.iter().all(|need| self.task(need))
            && behind.iter().all(|barrier| self.barrier(barrier))
    }

    fn barrier(&mut self, id: &BarrierId) -> bool {
        if let Some(known) = self.barriers.get(id) {
            return *known;
        }
        let (Some(old), Some(new)) = (self.state.graph.barrier_ix(id), self.new.barrier_ix(id)) else {
            return false;
        };
        let (before, after) = (&self.state.graph.plan.barriers[old], self.new.plan.barriers[new].clone());
        let held = *before == after
            && self.state.barrier_at(old, self.seq).is_some()
            && after.waits_for.iter().chain(&after.handoffs).all(|task| self.task(task));
        self.barriers.insert(id.clone(), held);
        held
    }
}

/// What every result rests on.
fn same_for_all(old: &Plan, new: &Plan) -> bool {
    old.quality == new.quality && old.constraints == new.constraints && old.rehearsal == new.rehearsal
}

/// The same work by the same agents through the same gate. How long it may take and what it may use up is no
/// part of its result.
fn same(old: &Task, new: &Task) -> bool {
    let plain = |task: &Task| {
        let mut task = task.clone();
        let agents =
            [&mut task.creator, &mut task.critic, &mut task.judge].into_iter().chain(&mut task.panel);
        for agent in agents {
            agent.timeout_ms = 0;
            agent.output_bytes_max = 0;
            agent.caps = Default::default();
            agent.price = None;
            agent.pool = None;
            agent.fallbacks.clear();
        }
        task
    };
    plain(old) == plain(new)
}
