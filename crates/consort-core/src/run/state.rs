//! What is known about a run: the fold of its events.

mod barrier;
mod frontier;
mod live;
mod round;
mod spent;
mod talk;
mod task;
mod used;

pub use barrier::{BarrierStage, BarrierState};
pub(super) use frontier::{Due, Frontier};
pub use live::{Live, LivePhase};
pub use round::Round;
pub(super) use spent::kind_of;
pub use spent::{Most, Reserved, Spent, Tally};
pub use talk::{Grant, Talk, Tell, Waiting};
pub use task::{
    AgentChange, AgentTurn, Point, Remembered, Steering, StepState, StepStatus, Taken, TaskStage, TaskState,
    WorkspaceState,
};
pub(super) use used::RoleUse;
pub use used::Used;

use super::command::StartRun;
use super::event::{ApprovalKind, CheckpointTrigger, GateRefusal, RunStatus};
use super::graph::Graph;
use super::plans::{Amending, Change, Gone, Leaving, Plans};
use super::rank::Ranks;
use crate::ids::{ApprovalId, AttemptId, CheckpointId, Revision, Step};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Raised when the shape of the serialised state changes.
pub const STATE_SCHEMA: u32 = 8;

/// The state of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    /// [`STATE_SCHEMA`].
    pub schema: u32,
    /// Sequence number of the last journal record that was folded in.
    pub seq: u64,
    /// Number of the record whose events are being folded in.
    #[serde(skip)]
    pub(super) record: u64,
    /// The plan that holds, and its tables.
    #[serde(skip)]
    pub graph: Arc<Graph>,
    /// The plan of the first record and its tables.
    #[serde(skip)]
    pub first: Arc<Graph>,
    /// Plans that records name, as far as they were loaded.
    #[serde(skip)]
    pub(super) plans: Plans,
    /// Changes of the plan, in order: the last one's holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// A change that waits until what it gives up is ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amending: Option<Amending>,
    /// What that is.
    #[serde(skip)]
    pub(super) leaving: Leaving,
    /// Numbers that tasks and barriers used up which are in no plan any more.
    #[serde(skip_serializing_if = "Gone::is_empty")]
    pub gone: Gone,
    /// The first command, once it was given.
    pub start: Option<StartRun>,
    /// Who gave it.
    pub started_by: String,
    /// When.
    pub started_at: Timestamp,
    /// The latest time seen.
    pub now: Timestamp,
    /// When the run ended.
    pub ended_at: Option<Timestamp>,
    /// Status of the whole.
    pub status: RunStatus,
    /// A cancellation is under way.
    pub cancelling: bool,
    /// Since when nothing new starts, while the run is paused.
    pub paused_at: Option<Timestamp>,
    /// The runner is about to end, or none has opened yet.
    pub closing: bool,
    /// Who set `--approve all`, if anyone.
    pub approve_all: Option<String>,
    /// By task, in plan order.
    pub tasks: Vec<TaskState>,
    /// By barrier, in plan order.
    pub barriers: Vec<BarrierState>,
    /// By stage, in plan order: tasks that are not accepted.
    pub stages_left: Vec<u32>,
    /// Attempts that are starting or running.
    pub live: BTreeMap<AttemptId, Live>,
    /// All questions, answered or not, in the order they were asked.
    pub approvals: BTreeMap<ApprovalId, Approval>,
    /// All checkpoints, in order.
    pub checkpoints: Vec<Checkpoint>,
    /// Rollbacks, in order; the last one may be under way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rollbacks: Vec<Rollback>,
    /// Accepted work and complete barriers that were given up, oldest first: what a rollback finds again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<Past>,
    /// Inputs that a person declared: name to who and how.
    pub declared_inputs: BTreeMap<String, String>,
    /// Completion criteria that a person vouched for: name to who and how.
    pub declared_criteria: BTreeMap<String, String>,
    /// Permissions that people granted for more than one request, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    /// Recorded decisions against the engine's verdict, for ever.
    pub overrides: Vec<Override>,
    /// Where the result was brought: the latest one.
    pub integration: Option<Integration>,
    /// What was used up.
    pub used: Used,
    /// Raised budgets: limit name to its present maximum.
    pub raised: BTreeMap<String, u64>,
    /// Limits of which it was told that they are nearly used up: name to the maximum that held then.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub warned: BTreeMap<String, u64>,
    /// A limit of the run is used up, and nothing more starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// What the parts used up that have a budget of their own: `task/<id>`, `pipeline/<id>`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub spent: BTreeMap<String, Spent>,
    /// What this run used up on the latest day on which it did something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub today: Option<(i64, Spent)>,
    /// What other runs used up on a day, as it was told last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<(i64, Spent)>,
    /// What living agents of other runs may still use up on a day. Of the moment: no part of what is kept.
    #[serde(skip)]
    pub reserved_elsewhere: Option<(i64, Reserved)>,
    /// So many more agents may begin, by what this run holds of the slots that runs share; `None`: they share none.
    /// Of the moment, too.
    #[serde(skip)]
    pub slots: Option<u32>,
    /// The largest use of one attempt, by what it was for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub most: BTreeMap<String, Most>,
    /// Effects that failed and rest.
    pub failing: BTreeMap<String, Failing>,
    /// Quotas that were hit and with which nothing has gone well since.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: BTreeMap<String, PoolState>,
    /// What the tables below were derived from; kept so that costs depend on what is in flight.
    #[serde(skip)]
    pub(super) front: Frontier,
}

/// A rollback to a checkpoint: see `run/rollback.rs`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rollback {
    /// To which.
    pub to: CheckpointId,
    /// Who asked for it.
    pub by: String,
    /// Why.
    pub note: Option<String>,
    /// When.
    pub began_at: Timestamp,
    /// Sequence number of the record with which the run was back; `None`: what is alive is being ended.
    pub seq: Option<u64>,
    /// The names in git say so, too.
    pub rewound: bool,
}

/// What held from one record up to another one, and then no more.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Past {
    /// Accepted work.
    Task {
        /// Whose.
        task: crate::ids::TaskId,
        /// Sequence number of the record with which it was given up.
        until: u64,
        /// As it was.
        was: Box<TaskState>,
    },
    /// A barrier that was complete.
    Barrier {
        /// Which.
        barrier: crate::ids::BarrierId,
        /// As above.
        until: u64,
        /// As it was.
        was: Box<BarrierState>,
    },
}

/// A question to a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Approval {
    /// What it is about, and the commit it is bound to.
    pub kind: ApprovalKind,
    /// Who is asked.
    pub who: String,
    /// In words.
    pub question: String,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// The answer, once there is one.
    pub answer: Option<ApprovalAnswer>,
    /// Why it is moot, if it is.
    pub void: Option<String>,
}

/// The answer to an approval.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ApprovalAnswer {
    /// Yes or no.
    pub yes: bool,
    /// Who.
    pub by: String,
    /// How it came.
    pub how: String,
    /// Why.
    pub note: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Sequence number of its record.
    #[serde(default)]
    pub seq: u64,
}

/// A checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Its id.
    pub id: CheckpointId,
    /// Why it was made.
    pub trigger: CheckpointTrigger,
    /// After what: `phase 1`, `barrier-1`.
    pub subject: String,
    /// True for the last one of a COMPLETE run.
    pub last: bool,
    /// When it was prepared.
    pub prepared_at: Timestamp,
    /// Sequence number of the record that prepared it.
    pub seq: u64,
    /// Its commit, once there is one.
    pub revision: Option<Revision>,
    /// Why there is none.
    pub failed: Option<String>,
}

/// A decision against the engine's verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Override {
    /// Which task.
    pub task: crate::ids::TaskId,
    /// Which round's candidate was accepted.
    pub iteration: u32,
    /// Of which generation.
    #[serde(default = "first")]
    pub generation: u32,
    /// Who decided.
    pub by: String,
    /// Why.
    pub note: Option<String>,
    /// What the gate had said.
    pub refusals: Vec<GateRefusal>,
    /// When.
    pub at: Timestamp,
}

fn first() -> u32 {
    1
}

/// Where a result was brought, or is to be brought.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Integration {
    /// Full ref name.
    pub into: String,
    /// Its value when the person said yes.
    pub expected: Revision,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Its new value, once there.
    pub revision: Option<Revision>,
    /// Why it failed.
    pub failed: Option<String>,
}

/// An effect that failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failing {
    /// Failures in a row.
    pub failures: u32,
    /// Rests until then; `None` when it may be tried.
    pub until: Option<Timestamp>,
    /// The last reason.
    pub why: String,
}

/// A quota that was hit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PoolState {
    /// Nobody of this pool begins before.
    pub until: Timestamp,
    /// How often it was hit since something went well.
    pub rests: u32,
    /// Since when nothing has gone well.
    pub since: Timestamp,
    /// That time has come.
    pub woke: bool,
    /// The last reason.
    pub why: String,
}

impl State {
    /// Before the first event.
    pub fn new(graph: Arc<Graph>) -> Self {
        let plan = &graph.plan;
        let tasks = (0..plan.tasks.len()).map(|ix| TaskState::new(&graph, ix)).collect::<Vec<_>>();
        let barriers = plan.barriers.iter().map(BarrierState::new);
        let front = Frontier {
            tasks_left: tasks.len(),
            barriers_left: plan.barriers.len(),
            ranks: Arc::new(Ranks::new(&graph)),
            ..Frontier::default()
        };
        let mut state = State {
            schema: STATE_SCHEMA,
            seq: 0,
            record: 0,
            first: graph.clone(),
            plans: Plans::default(),
            changes: Vec::new(),
            amending: None,
            leaving: Leaving::default(),
            gone: Gone::default(),
            start: None,
            started_by: String::new(),
            started_at: Timestamp::default(),
            now: Timestamp::default(),
            ended_at: None,
            status: RunStatus::Active,
            cancelling: false,
            paused_at: None,
            closing: true,
            approve_all: None,
            barriers: barriers.collect(),
            stages_left: plan.stages.iter().map(|s| s.tasks.len() as u32).collect(),
            tasks,
            live: BTreeMap::new(),
            approvals: BTreeMap::new(),
            checkpoints: Vec::new(),
            rollbacks: Vec::new(),
            past: Vec::new(),
            declared_inputs: BTreeMap::new(),
            declared_criteria: BTreeMap::new(),
            grants: Vec::new(),
            overrides: Vec::new(),
            integration: None,
            used: Used::default(),
            raised: BTreeMap::new(),
            warned: BTreeMap::new(),
            stopped: None,
            spent: BTreeMap::new(),
            today: None,
            elsewhere: None,
            reserved_elsewhere: None,
            slots: None,
            most: BTreeMap::new(),
            failing: BTreeMap::new(),
            pools: BTreeMap::new(),
            front,
            graph,
        };
        super::rank::ahead(&mut state);
        state
    }

    /// True when the run's status will not change any more.
    pub fn is_over(&self) -> bool {
        matches!(self.status, RunStatus::Complete | RunStatus::Failed | RunStatus::Cancelled)
    }

    /// Questions without an answer, oldest first.
    pub fn open_approvals(&self) -> impl Iterator<Item = (&ApprovalId, &Approval)> {
        self.front.open_approvals.iter().filter_map(|id| self.approvals.get_key_value(id))
    }

    /// Tasks that are not accepted.
    pub fn tasks_left(&self) -> usize {
        self.front.tasks_left
    }

    /// Barriers that are not COMPLETE.
    pub fn barriers_left(&self) -> usize {
        self.front.barriers_left
    }

    /// Steps that wait for a slot, in the order they will get one: task index and step.
    pub fn queue(&self) -> impl Iterator<Item = (usize, &Step)> {
        super::order::queue(self).into_iter().map(|(ix, at)| (ix, &self.tasks[ix].steps[at].step))
    }

    /// True if nothing is being done, waits for a slot, or rests: only a person, or nobody,
    /// can move the run on.
    pub fn is_quiet(&self) -> bool {
        let front = &self.front;
        self.live.is_empty()
            && front.due.is_empty()
            && front.queued.is_empty()
            && front.ready.is_empty()
            && front.resting.is_empty()
            && front.ensuring.is_empty()
            && front.merging.is_empty()
    }
}
