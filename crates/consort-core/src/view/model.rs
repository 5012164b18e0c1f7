//! One neutral view of a run. Everything that people and programs read is made from it.
//!
//! Serialised it is what `--json` prints: keys are stable, times are RFC 3339 in UTC, scores are
//! exact decimals as text, status words are those of the state schema. Texts that others wrote
//! are cleaned ([`super::clean`]), so that every reader may show them.

mod approval;
mod barriers;
mod build;
mod next;
mod questions;
mod task;
mod tasks;

pub use approval::{AnswerView, ApprovalView, VersionView};
pub(super) use barriers::hold_text as barrier_hold_text;
pub use build::run_view;
pub(crate) use build::waived;
pub(super) use build::{missing_inputs, trigger};
pub use task::{ChangeView, GateView, LiveView, RoundView, SteeringView, TaskView};
pub(super) use tasks::{hold_text, refusal_text, turn_text, verdict_text};

use super::words::Word;
use crate::time::Timestamp;
use serde::{Serialize, Serializer};
use std::fmt;

/// A point in time that shows itself as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct When(pub Timestamp);

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl schemars::JsonSchema for When {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "When".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "description": "A point in time in UTC.", "type": "string", "format": "date-time" })
    }
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RunView {
    /// Its id.
    pub id: String,
    /// The id of its workflow, in artifact paths.
    pub workflow: String,
    /// Human title.
    pub title: String,
    /// What it is for.
    pub purpose: String,
    /// Players stand in for agents.
    pub rehearsal: bool,
    /// ACTIVE, PAUSED, COMPLETE, FAILED or CANCELLED.
    pub status: &'static str,
    /// What it does now, in a few words.
    pub doing: String,
    /// Who started it.
    pub started_by: String,
    /// When; `None` before the start.
    pub started_at: Option<When>,
    /// The time of the latest event.
    pub updated_at: When,
    /// When it ended.
    pub ended_at: Option<When>,
    /// The commit that it started from.
    pub base: Option<String>,
    /// Journal position.
    pub seq: u64,
    /// General threshold.
    pub threshold: String,
    /// In plan order, a convergent one last.
    pub pipelines: Vec<PipelineView>,
    /// Declared tasks and handoffs, in plan order.
    pub tasks: Vec<TaskView>,
    /// In plan order.
    pub barriers: Vec<BarrierView>,
    /// What waits for a slot, in the order in which it will get one.
    pub queue: Vec<Queued>,
    /// All questions, answered or not, in the order in which they were asked.
    pub approvals: Vec<ApprovalView>,
    /// What keeps the run from going on by itself.
    pub blockers: Vec<Blocker>,
    /// The moment of another run with whose results it goes on: `CP-002 of review-20260220-001`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// In the order of their making.
    pub checkpoints: Vec<CheckpointView>,
    /// In the order of their asking.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rollbacks: Vec<RollbackView>,
    /// Limits that are nearly used up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nearly_used_up: Vec<BudgetView>,
    /// Agent calls.
    pub calls: Calls,
    /// Cost.
    pub cost: Cost,
    /// Permissions that reach further than the request that they answered, for ever.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantView>,
    /// Acceptances against a verdict, for ever.
    pub overrides: Vec<OverrideView>,
    /// Strategies that a level asks for and that the workflow leaves out, for ever too.
    pub waived: Vec<WaivedView>,
    /// Inputs and criteria that a person vouched for: what, and who and how.
    pub declared: Vec<(String, String)>,
    /// What to do next, now and then later.
    pub next_actions: NextActions,
    /// How to go on in another session.
    pub resumption: Resumption,
    /// Where the result was brought.
    pub integration: Option<IntegrationView>,
}

/// Strategies that do not run where the level asks for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct WaivedView {
    /// Task or handoff.
    pub task: String,
    /// Such as `S-004`.
    pub strategies: Vec<String>,
    /// The level that asks for them.
    pub level: String,
    /// Who says so, if anyone does by name.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
}

impl WaivedView {
    /// In one line, for every view.
    pub fn line(&self) -> String {
        let by = self.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let left_out = self.strategies.join(", ");
        format!("{} goes without {left_out}, which {} asks for{by}: {}", self.task, self.level, self.reason)
    }
}

/// A pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct PipelineView {
    /// Key in the workflow file.
    pub id: String,
    /// Human name.
    pub name: String,
    /// In paths.
    pub alias: String,
    /// Joins the others.
    pub convergent: bool,
    /// Of all its phases.
    pub status: Word,
    /// Number of the first phase that is not COMPLETE, or of the last one.
    pub current_phase: u32,
    /// In order.
    pub phases: Vec<PhaseView>,
}

/// A phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct PhaseView {
    /// Number.
    pub number: u32,
    /// Human name.
    pub name: String,
    /// Of all its tasks.
    pub status: Word,
    /// If it is BLOCKED: by what.
    pub blocked_by: Vec<String>,
    /// When its first task began.
    pub started_at: Option<When>,
    /// When its last task was accepted.
    pub completed_at: Option<When>,
    /// Its declared tasks.
    pub tasks: Vec<String>,
}

/// A barrier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct BarrierView {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub status: Word,
    /// What happens at it, in a few words.
    pub activity: String,
    /// Pipeline keys and phase numbers that meet here.
    pub after: Vec<(String, u32)>,
    /// Threshold of its gate.
    pub threshold: String,
    /// Task ids of its handoffs.
    pub handoffs: Vec<String>,
    /// Pre-check, cross-pollination, commit, verification: done or not.
    pub steps: Vec<(&'static str, bool)>,
    /// New sets of rounds that its handoffs used up.
    pub retries: u32,
    /// At most that many.
    pub retries_max: u32,
    /// Its commit.
    pub revision: Option<String>,
    /// When it was completed.
    pub completed_at: Option<When>,
}

/// Something that waits for a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Queued {
    /// Which task.
    pub task: String,
    /// Which step; `workspace` where the task is to begin.
    pub step: String,
    /// Not before this time, after a failure.
    pub not_before: Option<When>,
}

/// Something that keeps the run from going on by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Blocker {
    /// `BLK-001`, with the number of its approval where it has one.
    pub id: String,
    /// What is wrong.
    pub description: String,
    /// Task and barrier ids that wait for it.
    pub blocking: Vec<String>,
    /// LOW, MEDIUM or HIGH.
    pub severity: &'static str,
    /// Since when, if that is known.
    pub since: Option<When>,
    /// The command that decides it; `None` if it goes away by itself.
    pub command: Option<String>,
    /// How it was resolved; `None` while it is active.
    pub resolution: Option<String>,
    /// When it was resolved.
    pub resolved_at: Option<When>,
}

/// A checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct CheckpointView {
    /// `CP-001`.
    pub id: String,
    /// PHASE_COMPLETE, BARRIER_COMPLETE or MANUAL.
    pub trigger: &'static str,
    /// After what.
    pub subject: String,
    /// The last one of a COMPLETE run.
    pub last: bool,
    /// When it was prepared.
    pub at: When,
    /// Journal position.
    pub seq: u64,
    /// Its commit, once there is one.
    pub revision: Option<String>,
    /// True if this view is the state that the checkpoint holds: its commit cannot be known yet.
    pub this: bool,
    /// Why there is none.
    pub failed: Option<String>,
    /// A rollback gave up what it holds.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub abandoned: bool,
}

/// A limit of which so much is used up that somebody wanted to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct BudgetView {
    /// Its name, such as `tokens` or `task/a/micro_usd`.
    pub limit: String,
    /// In its own unit.
    pub used: u64,
    /// In its own unit.
    pub max: u64,
    /// For people.
    pub text: String,
}

/// A rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RollbackView {
    /// To which checkpoint.
    pub to: String,
    /// Who asked for it.
    pub by: String,
    /// Why.
    pub note: Option<String>,
    /// When.
    pub at: When,
    /// False: it is under way.
    pub done: bool,
}

/// Agent calls: one call is one attempt of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Calls {
    /// Started.
    pub used: u32,
    /// Did their step.
    pub done: u32,
    /// Failed or were stopped.
    pub failed: u32,
    /// Lost or unknown.
    pub lost: u32,
    /// Run now.
    pub live: u32,
    /// At least that many in the whole run.
    pub least: u32,
    /// That many in the whole run if every gate passes in its second round.
    pub forecast: u32,
    /// Of those that ended, in whole percent; `None` if none ended.
    pub success_percent: Option<u32>,
    /// Wall time of all attempts together, in milliseconds.
    pub wall_ms: u64,
}

/// Cost, as agents report it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Cost {
    /// Input tokens.
    pub tokens_in: u64,
    /// Output tokens.
    pub tokens_out: u64,
    /// Sum of what was reported, in millionths of a US dollar.
    pub micro_usd: u64,
    /// Ended calls that reported no cost.
    pub unpriced: u32,
    /// In words; says `unknown` where it is.
    pub text: String,
}

/// An acceptance against a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct OverrideView {
    /// Which task.
    pub task: String,
    /// Which round's candidate.
    pub round: u32,
    /// Who.
    pub by: String,
    /// Why.
    pub note: Option<String>,
    /// What the gate had said.
    pub refusals: Vec<String>,
    /// When.
    pub at: When,
}

/// A permission that reaches further than one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct GrantView {
    /// The question that it answered.
    pub approval: String,
    /// What is allowed: the tool, and which commands, paths or hosts.
    pub rule: String,
    /// Whose agents; `None`: all in the run.
    pub task: Option<String>,
    /// Who said it.
    pub by: String,
    /// When.
    pub at: When,
}

impl GrantView {
    /// In one line, for every view.
    pub fn line(&self) -> String {
        let whose = self.task.as_ref().map_or_else(|| "all agents".into(), |t| format!("the agents of {t}"));
        format!("{whose} may {} ({}, by {})", self.rule, self.approval, self.by)
    }
}

/// What to do next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct NextActions {
    /// Now.
    pub immediate: Vec<NextAction>,
    /// After that.
    pub subsequent: Vec<NextAction>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct NextAction {
    /// In words.
    pub action: String,
    /// Who does it; empty: a person.
    pub agents: Vec<String>,
    /// What it comes after.
    pub depends_on: Option<String>,
    /// The command to type, if it is a person's.
    pub command: Option<String>,
}

/// How to go on in another session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Resumption {
    /// The latest checkpoint.
    pub last_checkpoint: Option<String>,
    /// The number of the earliest phase that is not COMPLETE.
    pub current_phase: Option<u32>,
    /// Its name.
    pub current_phase_name: Option<String>,
    /// What goes on, in a sentence.
    pub current_activity: String,
    /// The first of the next actions.
    pub next_step: String,
    /// Files to read first: path and purpose.
    pub files_to_read: Vec<(String, String)>,
    /// The command that goes on.
    pub command: String,
}

/// Where a result was brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct IntegrationView {
    /// Full ref name.
    pub into: String,
    /// Who wanted it.
    pub by: String,
    /// When.
    pub at: When,
    /// The ref's new value, once there.
    pub revision: Option<String>,
    /// Why it failed.
    pub failed: Option<String>,
}

impl RunView {
    /// A task by id.
    pub fn task(&self, id: &str) -> Option<&TaskView> {
        self.tasks.iter().find(|t| t.id == id)
    }

    /// Questions that wait for an answer.
    pub fn open_approvals(&self) -> impl Iterator<Item = &ApprovalView> {
        self.approvals.iter().filter(|a| a.state == "open")
    }

    /// Declared tasks, without handoffs.
    pub fn agents(&self) -> impl Iterator<Item = &TaskView> {
        self.tasks.iter().filter(|t| t.handoff_of.is_none())
    }

    /// True if its status will not change any more.
    pub fn is_over(&self) -> bool {
        matches!(self.status, "COMPLETE" | "FAILED" | "CANCELLED")
    }

    /// From the start to `now`, or to the end; in milliseconds.
    pub fn elapsed_ms(&self, now: Timestamp) -> u64 {
        let until = self.ended_at.map_or(now, |w| w.0);
        self.started_at.map_or(0, |start| until.since_ms(start.0))
    }
}
