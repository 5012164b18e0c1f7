//! The plan: a workflow file after it was checked, with every default filled in. It is
//! serialised once, hashed, kept in the content store and never changes: a living run does
//! not look at the workflow file again.

mod agent;
mod forecast;
pub mod growth;
mod limits;
mod names;
mod parts;
mod review;

pub use agent::{
    AgentSpec, Caps, Decision, Effort, Grip, Policy, PromptBy, Role, Rule, Runtime, Session, Tool,
};
pub use forecast::{Calls, Forecast, Price};
pub use growth::{Choice, Condition, Grown, Growth, Siblings};
pub use limits::{Backoff, Budget, Limits, PATIENCE_MS, Quality, Rounds, Shares, Then};
pub use names::{Names, judged_criteria};
pub use parts::{
    Barrier, Constraint, Handoff, Input, Output, Phase, Pipeline, Risk, Stage, Task, TaskKind, WorkspaceKind,
};
pub use review::{
    ApprovalAt, CommandCheck, Completion, CompletionBy, Criterion, Deductions, Dimension, EscalationRule,
    Form, People, Reads, RiskNumbers, Strategy, Waived,
};
pub(crate) use review::{is_false, is_zero};

use crate::ids::{BarrierId, PipelineId, RunId, StrategyId, TaskId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Raised when the shape of a plan changes; older ones get upcasters.
pub const PLAN_SCHEMA: u32 = 1;

/// Everything a run needs to know about its workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_SCHEMA`] at the time of writing.
    pub schema: u32,
    /// What the workflow is called and why it exists.
    pub workflow: Workflow,
    /// Declared and engine-made tasks, in plan order: an index into this list is a task's
    /// rank, and merges follow it. Handoffs stand behind the tasks of their source phase.
    pub tasks: Vec<Task>,
    /// Pipelines in file order; a convergent one is last.
    pub pipelines: Vec<Pipeline>,
    /// Barriers in file order.
    pub barriers: Vec<Barrier>,
    /// Sets of phases that end together, in order; each gives one PHASE_COMPLETE checkpoint.
    pub stages: Vec<Stage>,
    /// What must hold before the run is COMPLETE, beyond its tasks and barriers.
    pub completion: Vec<Completion>,
    /// Quality gate in general; tasks carry their own resolved copy of what may differ.
    pub quality: Quality,
    /// The strategies that its gates use, by id.
    #[serde(default)]
    pub strategies: Vec<Strategy>,
    /// What raises a task's criticality, by what it declares and by what it really changes.
    #[serde(default)]
    pub escalation: Vec<EscalationRule>,
    /// Whose answers count.
    #[serde(default, skip_serializing_if = "People::is_empty")]
    pub people: People,
    /// Concurrency, time-outs, retries, budgets.
    pub limits: Limits,
    /// Where the run makes checkpoints by itself.
    pub checkpoints: CheckpointFrequency,
    /// Hard and soft constraints, shown in the plan and in every prompt.
    pub constraints: Vec<Constraint>,
    /// Known risks, shown in the plan and the tracker.
    pub risks: Vec<Risk>,
    /// Values of the workflow's variables, after `--var`.
    pub variables: BTreeMap<String, String>,
    /// True if players stand in for all agents.
    pub rehearsal: bool,
    /// The roles that its agents are told, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, Role>,
    /// A project's own templates of prompts, by purpose: `create`, `self-review`, `review`, `judge`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prompts: BTreeMap<String, String>,
    /// Tasks that one entry of the file made many of, by the name of that entry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub siblings: BTreeMap<TaskId, Siblings>,
}

/// Identification, as in the seed's header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    /// `{purpose}-{YYYYMMDD}-{NNN}`; in artifact paths, and the id of the first run.
    pub id: RunId,
    /// `user` if the file fixes the id, `auto` if it was generated.
    pub id_source: IdSource,
    /// Human title.
    pub title: String,
    /// What the workflow is for, in a sentence or two.
    pub purpose: String,
    /// The question it answers, where there is one.
    pub question: Option<String>,
    /// Id of the plan document, such as `PROJ-006-ORCH-PLAN`.
    pub document_id: Option<String>,
    /// Version of the workflow, free text.
    pub version: String,
    /// Project it belongs to.
    pub project: Option<String>,
    /// Shown at the head of the plan.
    pub disclaimer: Option<String>,
    /// When the file says it was written, else when the run was planned.
    pub created: String,
    /// Names of patterns found in the graph, such as `CROSS_POLLINATED`, `FAN_IN`.
    pub patterns: Vec<String>,
    /// Level of the workflow as a whole.
    pub criticality: Criticality,
    /// Why that level.
    pub criticality_rationale: Option<String>,
    /// The audiences of output levels: `L0` -> `Stakeholders`.
    pub levels: BTreeMap<String, String>,
    /// Base folder of all artifacts: `orchestration/<workflow id>`.
    pub base_path: String,
}

/// Where a workflow id came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdSource {
    /// Written in the file.
    User,
    /// `{purpose}-{YYYYMMDD}-{NNN}`, generated.
    Auto,
}

/// C1 routine, C2 standard, C3 significant, C4 critical.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum Criticality {
    /// Reversible in one session.
    C1,
    /// Reversible within a day.
    C2,
    /// More than a day, or an interface.
    C3,
    /// Irreversible, governance, public.
    C4,
}

impl Criticality {
    /// `Routine`, `Standard`, `Significant`, `Critical`.
    pub fn name(self) -> &'static str {
        match self {
            Criticality::C1 => "Routine",
            Criticality::C2 => "Standard",
            Criticality::C3 => "Significant",
            Criticality::C4 => "Critical",
        }
    }
}

impl std::fmt::Display for Criticality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

/// When the run makes checkpoints by itself. The last one is always made.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum CheckpointFrequency {
    /// After every accepted task, and wherever `PHASE` makes one.
    Agent,
    /// After every stage of phases and every barrier.
    Phase,
    /// After every barrier.
    Barrier,
}

impl Plan {
    /// Looks a task up by id. Linear in the number of tasks: not for hot paths.
    pub fn task(&self, id: &TaskId) -> Option<&Task> {
        self.tasks.iter().find(|t| t.id == *id)
    }

    /// True if nothing is made here: documents that were there already are looked at, without a workflow.
    pub fn is_alone(&self) -> bool {
        !self.tasks.is_empty() && self.tasks.iter().all(|task| task.given.is_some())
    }

    /// How a person asks for the same once more, as a new run.
    pub fn once_more(&self) -> &'static str {
        match (self.is_alone(), self.tasks.iter().any(|task| task.judged)) {
            (false, _) => "consort run FILE --again",
            (true, true) => "consort score FILE",
            (true, false) => "consort review FILE --strategy ID",
        }
    }

    /// A strategy as this plan has it; a built-in one for plans that froze none.
    pub fn strategy(&self, id: &StrategyId) -> Strategy {
        let builtin = crate::definition::catalogue::builtin();
        let known = self.strategies.iter().chain(builtin).find(|s| s.id == *id).cloned();
        known.unwrap_or_else(|| crate::definition::catalogue::unnamed(id))
    }

    /// Looks a barrier up by id.
    pub fn barrier(&self, id: &BarrierId) -> Option<&Barrier> {
        self.barriers.iter().find(|b| b.id == *id)
    }

    /// Looks a pipeline up by key.
    pub fn pipeline(&self, id: &PipelineId) -> Option<&Pipeline> {
        self.pipelines.iter().find(|p| p.id == *id)
    }

    /// Tasks that someone declared, or a list made: the agent registry, without handoffs.
    pub fn agents(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|t| t.kind.is_work())
    }

    /// Handoffs among the inputs of a task.
    pub fn handoffs_into<'a>(&'a self, task: &'a Task) -> impl Iterator<Item = &'a Task> {
        task.inputs.iter().filter_map(|input| match input {
            Input::Handoff { task } => self.task(task),
            _ => None,
        })
    }

    /// The moment a plan was made is not part of it; `created` is only shown.
    pub fn created_on(date: Timestamp) -> String {
        date.date()
    }
}
