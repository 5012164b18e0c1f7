//! What a checkpoint tells of its run, so that the run can go on from it in another clone, under the same id.
//!
//! Results are handed on as to another run ([`Kept`]). Beside them stands how far the run had come ([`SoFar`]): what
//! it used up, so that budgets stay those of the whole run, what people said, and numbers that are given once. Work
//! in the middle of a round begins anew, in another generation, as after a rollback.

use super::effect::Tip;
use super::graph::Graph;
use super::kept::{KEPT_SCHEMA, Kept, Origin};
use super::plans::Gone;
use super::state::{
    Approval, BarrierStage, BarrierState, Checkpoint, Grant, Most, Override, Spent, State, TaskStage,
    TaskState, Used, WorkspaceState,
};
use crate::ids::{ApprovalId, BarrierId, CheckpointId, ContentHash, Revision, RunId, TaskId};
use crate::plan::{Input, Plan};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Raised when the shape of [`ResumePoint`] changes.
pub const RESUME_SCHEMA: u32 = 1;

/// How far a run had come, beside its results.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoFar {
    /// The latest time seen there: no later one here is earlier, whatever this machine's clock says.
    pub now: Timestamp,
    /// What was used up.
    pub used: Used,
    /// What parts used up that have a budget of their own.
    pub spent: BTreeMap<String, Spent>,
    /// What was used up on the last day.
    pub today: Option<(i64, Spent)>,
    /// The largest use of one attempt, by what it was for.
    pub most: BTreeMap<String, Most>,
    /// Raised budgets.
    pub raised: BTreeMap<String, u64>,
    /// Limits of which it was told that they are nearly used up.
    pub warned: BTreeMap<String, u64>,
    /// All questions: their numbers are not given again.
    pub approvals: BTreeMap<ApprovalId, Approval>,
    /// Decisions against the engine's verdict.
    pub overrides: Vec<Override>,
    /// Permissions that reach further than one request.
    pub grants: Vec<Grant>,
    /// Criteria that a person vouched for.
    pub declared_criteria: BTreeMap<String, String>,
    /// All checkpoints up to this one: their numbers go on.
    pub checkpoints: Vec<Checkpoint>,
    /// Tasks that were begun and not accepted: another beginning of each.
    pub tasks: BTreeMap<TaskId, TaskState>,
    /// Sets of handoffs of barriers that were begun and are not complete.
    pub sets: BTreeMap<BarrierId, u32>,
    /// Numbers that tasks and barriers used up which are in no plan any more.
    #[serde(default, skip_serializing_if = "Gone::is_empty")]
    pub gone: Gone,
}

/// What stands in a checkpoint's tree as `resume.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumePoint {
    /// [`RESUME_SCHEMA`].
    pub schema: u32,
    /// Which run.
    pub run: RunId,
    /// Which checkpoint.
    pub checkpoint: CheckpointId,
    /// Number of the journal record that prepared it.
    pub seq: u64,
    /// That record's hash.
    pub head: String,
    /// Who had begun, or resumed, the run whose journal that is.
    pub by: String,
    /// The frozen plan; its bytes are among the objects.
    pub plan: ContentHash,
    /// The text that it was made from, among the objects too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ContentHash>,
    /// Commit that the run started from.
    pub base: Option<Revision>,
    /// File inputs that are not there.
    pub absent: Vec<String>,
    /// Accepted tasks.
    pub tasks: BTreeMap<TaskId, TaskState>,
    /// Complete barriers.
    pub barriers: BTreeMap<BarrierId, BarrierState>,
    /// Inputs that a person declared.
    pub declared_inputs: BTreeMap<String, String>,
    /// The rest.
    pub so_far: SoFar,
    /// SHA-256 of every other file that the engine put into the checkpoint, by path.
    pub files: BTreeMap<String, ContentHash>,
    /// Stored content that goes with it, in order.
    pub objects: Vec<ContentHash>,
    /// Stored content that would have been too much: what needs it is made again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<ContentHash>,
}

/// What a checkpoint of this state says. `None` before the start, and where no record prepares a checkpoint now.
/// Files and objects are for whoever has their bytes.
pub fn resume_point(state: &State, head: &str) -> Option<ResumePoint> {
    let start = state.start.as_ref()?;
    let checkpoint = state.checkpoints.last().filter(|c| c.seq == state.seq)?.id.clone();
    let tasks = state.graph.plan.tasks.iter().zip(&state.tasks).filter(|(_, it)| it.accepted().is_some());
    let barriers = state.graph.plan.barriers.iter().zip(&state.barriers);
    let complete = barriers.filter(|(_, it)| it.stage == BarrierStage::Complete);
    Some(ResumePoint {
        schema: RESUME_SCHEMA,
        run: start.run.clone(),
        checkpoint,
        seq: state.seq,
        head: head.to_owned(),
        by: state.started_by.clone(),
        plan: state.plan_at(u64::MAX)?.clone(),
        source: state.source_at(u64::MAX).cloned(),
        base: start.base.clone(),
        absent: state.absent().to_vec(),
        // A session knows another machine.
        tasks: tasks.map(|(task, it)| (task.id.clone(), TaskState { session: None, ..it.clone() })).collect(),
        barriers: complete.map(|(barrier, it)| (barrier.id.clone(), it.clone())).collect(),
        declared_inputs: state.declared_inputs.clone(),
        so_far: so_far(state),
        files: BTreeMap::new(),
        objects: Vec::new(),
        left_out: Vec::new(),
    })
}

fn so_far(state: &State) -> SoFar {
    let begun = |(ix, it): (usize, &TaskState)| {
        let untouched = it.workspace == WorkspaceState::None && it.began_at.is_none();
        let begun =
            it.stage != TaskStage::Accepted && !(untouched && it.attempts == 0 && it.steering.is_empty());
        begun.then(|| (state.graph.task(ix).id.clone(), anew(it, &state.graph, ix)))
    };
    let sets = state.graph.plan.barriers.iter().zip(&state.barriers).filter_map(|(barrier, it)| {
        let begun = !matches!(it.stage, BarrierStage::Complete | BarrierStage::Waiting);
        (begun || (it.stage == BarrierStage::Waiting && it.set > 1))
            .then(|| (barrier.id.clone(), it.set + u32::from(begun)))
    });
    SoFar {
        now: state.now,
        used: state.used,
        spent: state.spent.clone(),
        today: state.today,
        most: state.most.clone(),
        raised: state.raised.clone(),
        warned: state.warned.clone(),
        approvals: state.approvals.clone(),
        overrides: state.overrides.clone(),
        grants: state.grants.clone(),
        declared_criteria: state.declared_criteria.clone(),
        checkpoints: state.checkpoints.clone(),
        tasks: state.tasks.iter().enumerate().filter_map(begun).collect(),
        sets: sets.collect(),
        gone: state.gone.clone(),
    }
}

/// Another beginning, in a generation that never was.
fn anew(it: &TaskState, graph: &Graph, ix: usize) -> TaskState {
    let generation = it.generation.max(it.highest) + 1;
    TaskState { generation, highest: generation, ..it.again(graph, ix) }
}

impl ResumePoint {
    /// What is handed on to the journal that goes on from this checkpoint's commit. Accepted work of `missing` tasks
    /// is made again, and all that rests on it.
    pub fn kept(mut self, plan: &Plan, revision: Revision, missing: &BTreeSet<TaskId>) -> Kept {
        let graph = Graph::new(plan.clone());
        for id in self.gone(plan, missing) {
            if let (Some(was), Some(ix)) = (self.tasks.remove(&id), graph.ix(&id)) {
                self.so_far.tasks.insert(id, anew(&was, &graph, ix));
            }
        }
        for barrier in &plan.barriers {
            let lost =
                barrier.waits_for.iter().chain(&barrier.handoffs).any(|id| !self.tasks.contains_key(id));
            if lost && let Some(was) = self.barriers.remove(&barrier.id) {
                self.so_far.sets.insert(barrier.id.clone(), was.set + 1);
            }
        }
        for checkpoint in self.so_far.checkpoints.iter_mut().filter(|c| c.id == self.checkpoint) {
            checkpoint.revision = Some(revision.clone());
        }
        Kept {
            schema: KEPT_SCHEMA,
            from: Origin { run: self.run, checkpoint: self.checkpoint, revision },
            tasks: self.tasks,
            barriers: self.barriers,
            declared_inputs: self.declared_inputs,
            so_far: Some(Box::new(self.so_far)),
        }
    }

    /// Accepted tasks of which something is missing, and those that rest on them.
    fn gone(&self, plan: &Plan, missing: &BTreeSet<TaskId>) -> BTreeSet<TaskId> {
        let mut gone: BTreeSet<TaskId> = missing.clone();
        loop {
            let lost = |id: &TaskId| gone.contains(id);
            let lost_barrier = |id: &BarrierId| {
                plan.barrier(id).is_some_and(|b| b.waits_for.iter().chain(&b.handoffs).any(lost))
            };
            let reads = |input: &Input| matches!(input, Input::Artifact { task } | Input::Handoff { task } if lost(task));
            let more: Vec<TaskId> = plan
                .tasks
                .iter()
                .filter(|task| self.tasks.contains_key(&task.id) && !lost(&task.id))
                .filter(|task| {
                    task.needs.iter().any(lost)
                        || task.behind.iter().any(lost_barrier)
                        || task.inputs.iter().any(reads)
                })
                .map(|task| task.id.clone())
                .collect();
            if more.is_empty() {
                return gone;
            }
            gone.extend(more);
        }
    }

    /// What this checkpoint merges: see [`checkpoint_tips`](super::checkpoint_tips).
    pub fn tips(&self, plan: &Plan) -> Vec<Tip> {
        let base = self.base.iter().map(|revision| Tip { name: "base".into(), revision: revision.clone() });
        let barriers = plan.barriers.iter().filter_map(|barrier| {
            let revision = self.barriers.get(&barrier.id)?.revision.clone()?;
            Some(Tip { name: barrier.id.to_string(), revision })
        });
        let tasks = plan.tasks.iter().filter_map(|task| {
            let revision = self.tasks.get(&task.id)?.candidate.as_ref()?.revision.clone();
            Some(Tip { name: task.id.to_string(), revision })
        });
        base.chain(barriers).chain(tasks).collect()
    }

    /// Stored answers on which reports of accepted work rest.
    pub fn answers(&self) -> BTreeSet<ContentHash> {
        let rounds = self.tasks.values().flat_map(|it| &it.rounds);
        let of_round = |round: &super::Round| {
            let reviews = round.self_review.iter().chain(round.reviews.iter().map(|(_, review)| review));
            let mut all: Vec<ContentHash> = reviews.map(|review| review.answer.clone()).collect();
            all.extend(round.judged.iter().map(|judged| judged.answer.clone()));
            all.extend(round.scores_answer.clone());
            all
        };
        rounds.flat_map(of_round).collect()
    }

    /// When it was prepared.
    pub fn prepared_at(&self) -> Timestamp {
        let own = self.so_far.checkpoints.iter().find(|c| c.id == self.checkpoint);
        own.map_or(self.so_far.now, |c| c.prepared_at)
    }
}

/// What the run had come to elsewhere holds here from the first record on. Results are taken over already.
pub(super) fn take_over(state: &mut State, so_far: &SoFar) {
    let record = state.record;
    state.gone = so_far.gone.clone();
    state.used = so_far.used;
    state.spent = so_far.spent.clone();
    state.today = so_far.today;
    state.most = so_far.most.clone();
    state.raised = so_far.raised.clone();
    state.warned = so_far.warned.clone();
    state.overrides = so_far.overrides.clone();
    state.grants = so_far.grants.clone();
    state.declared_criteria = so_far.declared_criteria.clone();
    state.approvals = so_far.approvals.clone();
    for approval in state.approvals.values_mut() {
        match &mut approval.answer {
            Some(answer) => answer.seq = record,
            None if approval.void.is_none() => {
                approval.void = Some("the run went on elsewhere, where it is asked anew".into());
            }
            None => {}
        }
    }
    let last = so_far.checkpoints.len().saturating_sub(1);
    state.checkpoints = so_far.checkpoints.clone();
    for (at, checkpoint) in state.checkpoints.iter_mut().enumerate() {
        // Only what held at the last one is known here.
        checkpoint.seq = if at == last { record } else { 0 };
        checkpoint.last = false;
        if checkpoint.revision.is_none() && checkpoint.failed.is_none() {
            checkpoint.failed = Some("the run went on elsewhere before it was made".into());
        }
    }
    for (id, was) in &so_far.tasks {
        if let Some(ix) = state.graph.ix(id) {
            let waits = state.tasks[ix].waits;
            state.tasks[ix] = TaskState { waits, ..was.clone() };
        }
    }
    for (id, set) in &so_far.sets {
        if let Some(b) = state.graph.barrier_ix(id) {
            state.barriers[b].set = *set;
        }
    }
}

impl Checkpoint {
    /// True if it was made before the run came to this clone: what held then is not known here.
    pub fn is_from_elsewhere(&self) -> bool {
        self.seq == 0
    }
}
