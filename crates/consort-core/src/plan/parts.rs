//! The parts of a plan.

use super::{
    AgentSpec, ApprovalAt, Condition, Criterion, Criticality, Form, Grown, Growth, Rounds, Waived, is_false,
};
use crate::ids::{BarrierId, ContentHash, PipelineId, Step, StrategyId, TaskId};
use crate::quality::Score;
use serde::{Deserialize, Serialize};

/// One unit of work by one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Unique id; the seed calls it the agent id.
    pub id: TaskId,
    /// Declared in the file, or made by the engine.
    pub kind: TaskKind,
    /// Where it belongs, if anywhere: a pipeline and the number of a phase. A handoff carries
    /// its source pipeline and phase.
    pub place: Option<(PipelineId, u32)>,
    /// What the agent is there for, such as `ps-researcher`.
    pub role: String,
    /// The task in words.
    pub text: String,
    /// Accepted work that its base contains, directly needed tasks only, in plan order.
    pub needs: Vec<TaskId>,
    /// Barriers it is directly behind, in plan order. A handoff has none: it waits for its
    /// own barrier's pre-check.
    pub behind: Vec<BarrierId>,
    /// What it reads.
    pub inputs: Vec<Input>,
    /// What it makes.
    pub output: Output,
    /// `L0`, `L1`, `L2` sections that the artifact must have, if any.
    pub levels: Vec<String>,
    /// What else its artifact must have.
    #[serde(default, skip_serializing_if = "Form::is_empty")]
    pub form: Form,
    /// Level of its artifact: what was declared for task, phase or barrier, and the workflow.
    pub criticality: Criticality,
    /// Why that level.
    pub criticality_rationale: Option<String>,
    /// Rules that raised it above what was declared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalated_by: Vec<String>,
    /// Strategies as required by the file or the level, S-010 and S-014 included.
    pub required_strategies: Vec<StrategyId>,
    /// What its level asks for and does not run here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<Waived>,
    /// Strategies that were offered as optional and are not run.
    pub optional_strategies: Vec<StrategyId>,
    /// Critics in the order of `quality::order`: groups one after another, within one side by side.
    pub review_groups: Vec<Vec<StrategyId>>,
    /// Whether the creator reviews its own work first (S-010).
    pub self_review: bool,
    /// Whether a judge scores it (S-014). Without, the first capture without problems is accepted.
    pub judged: bool,
    /// How many judges score it, none knowing of the others; the median counts. 1 unless said otherwise.
    #[serde(default = "one_judge")]
    pub judges: u8,
    /// Pass at or above; copied from the gate of its phase, barrier or the workflow.
    pub threshold: Score,
    /// Floor of REVISE.
    pub floor: Score,
    /// Rounds of one set.
    pub rounds: Rounds,
    /// Whether a person approves the candidate before it is accepted, and who is asked.
    pub approval: Option<ApprovalAt>,
    /// Exit criteria of its phase and its own: shown to creator, critics and judge.
    pub criteria: Vec<Criterion>,
    /// Who creates: index into nothing, the whole specification.
    pub creator: AgentSpec,
    /// Who reviews.
    pub critic: AgentSpec,
    /// Who scores.
    pub judge: AgentSpec,
    /// Who scores as second, third and further judge; whoever is missing here is [`Self::judge`].
    #[serde(default)]
    pub panel: Vec<AgentSpec>,
    /// Where the creator works.
    pub workspace: WorkspaceKind,
    /// The work is there already, by its hash: nobody creates it, nobody mends it, and what does not
    /// pass is told and not asked about. No workflow file can say so; see `definition::alone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<ContentHash>,
    /// What must be true when its turn comes; else it is skipped. `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// What it takes from its first step to its acceptance when it never waits for a slot, in milliseconds, if
    /// that was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate_ms: Option<u64>,
}

impl Task {
    /// The entry of the file whose list made it.
    pub fn list(&self) -> Option<&TaskId> {
        match &self.kind {
            TaskKind::Grown(grown) => Some(&grown.of),
            _ => None,
        }
    }

    /// Who does a step.
    pub fn agent(&self, step: &Step) -> &AgentSpec {
        match step {
            Step::Create | Step::SelfReview => &self.creator,
            Step::Review(_) => &self.critic,
            Step::Judge => &self.judge,
            Step::Panel(number) => {
                self.panel.get(usize::from(*number).saturating_sub(2)).unwrap_or(&self.judge)
            }
        }
    }

    /// Who does a step after so many fallbacks: 0 is [`Task::agent`], then its fallbacks in their order,
    /// the last one for every higher number.
    pub fn agent_of(&self, step: &Step, fallback: u8) -> &AgentSpec {
        let agent = self.agent(step);
        let at = usize::from(fallback).min(agent.fallbacks.len());
        at.checked_sub(1).and_then(|at| agent.fallbacks.get(at)).unwrap_or(agent)
    }
}

fn one_judge() -> u8 {
    1
}

/// Who made a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Stands in the workflow file.
    Declared,
    /// Carries findings over a barrier.
    Handoff(Handoff),
    /// Stands for the tasks that a list will make; all other fields are what they will have in common.
    Each(Box<Growth>),
    /// One of the tasks that a list made.
    Grown(Grown),
}

impl TaskKind {
    /// What a handoff carries; `None` for every other task.
    pub fn handoff(&self) -> Option<&Handoff> {
        match self {
            TaskKind::Handoff(handoff) => Some(handoff),
            TaskKind::Declared | TaskKind::Each(_) | TaskKind::Grown(_) => None,
        }
    }

    /// True for work that someone declared, by itself or by a list.
    pub fn is_work(&self) -> bool {
        self.handoff().is_none()
    }
}

/// One direction over one barrier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handoff {
    /// The barrier it belongs to.
    pub barrier: BarrierId,
    /// Source pipeline.
    pub from: PipelineId,
    /// Target pipeline.
    pub to: PipelineId,
    /// Aliases of both, as in the path.
    pub aliases: (String, String),
    /// What the handoff must say something about, item by item.
    pub key_content: Vec<String>,
}

/// Something a task reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// The output of another task, which is among its needs directly or transitively.
    Artifact {
        /// The task that makes it.
        task: TaskId,
    },
    /// A handoff: binds this task to say what it did with each finding.
    Handoff {
        /// The engine-made task.
        task: TaskId,
    },
    /// A file in the repository at the run's base.
    File {
        /// Relative to the repository.
        path: String,
    },
    /// A named thing outside the repository: a person says that it is there.
    Outside {
        /// Its name.
        name: String,
        /// What it is, for the person who is asked.
        about: Option<String>,
    },
}

/// What a task makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "produces")]
pub enum Output {
    /// Files at fixed paths; nothing else is committed.
    Document {
        /// Relative to the repository; the first one is the artifact that is judged.
        paths: Vec<String>,
    },
    /// Whatever it changed within these globs, judged as a diff.
    Change {
        /// Globs relative to the repository.
        writes: Vec<String>,
    },
    /// Files that go to the content store, never into git.
    Data {
        /// Relative to the workspace.
        paths: Vec<String>,
        /// The first file is a list of tasks, in the schema of [`super::growth`].
        #[serde(default, skip_serializing_if = "is_false")]
        tasks: bool,
    },
}

impl Output {
    /// Declared paths or globs.
    pub fn paths(&self) -> &[String] {
        match self {
            Output::Document { paths } | Output::Data { paths, .. } => paths,
            Output::Change { writes } => writes,
        }
    }

    /// `document`, `change`, `data` or `tasks`.
    pub fn word(&self) -> &'static str {
        match self {
            Output::Document { .. } => "document",
            Output::Change { .. } => "change",
            Output::Data { tasks: false, .. } => "data",
            Output::Data { tasks: true, .. } => "tasks",
        }
    }
}

/// Where a creator works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceKind {
    /// A private clone that borrows the repository's objects.
    Clone,
    /// A linked worktree of the engine's own git directory: cheaper, a weaker wall.
    Worktree,
    /// One scratch directory per run, shared by all such tasks, without git.
    None,
}

/// A named group of tasks whose phases follow one another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    /// Key in the file.
    pub id: PipelineId,
    /// Human name.
    pub name: String,
    /// In paths and branch names.
    pub alias: String,
    /// Where the alias came from: `workflow`, `skill` or `derived`.
    pub alias_source: String,
    /// The skill its roles come from, such as `problem-solving`.
    pub skill: Option<String>,
    /// True for the one that joins the others.
    pub convergent: bool,
    /// In order.
    pub phases: Vec<Phase>,
}

/// A step of a pipeline: one or more tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// From 1; a convergent pipeline goes on where the others ended.
    pub number: u32,
    /// Human name, such as `Research`.
    pub name: String,
    /// In paths: `phase-1-research`.
    pub path_id: String,
    /// What it is for.
    pub purpose: Option<String>,
    /// Declared tasks, in file order.
    pub tasks: Vec<TaskId>,
    /// Level of its artifacts.
    pub criticality: Criticality,
    /// Why that level.
    pub criticality_rationale: Option<String>,
    /// What must be true at its end.
    pub criteria: Vec<Criterion>,
    /// As declared, for the plan's table.
    pub required_strategies: Vec<StrategyId>,
    /// As declared, for the plan's table.
    pub optional_strategies: Vec<StrategyId>,
}

/// Where pipelines meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barrier {
    /// Unique id, in paths.
    pub id: BarrierId,
    /// The phase of each pipeline that ends here.
    pub after: Vec<(PipelineId, u32)>,
    /// Declared tasks of those phases: all must be accepted before the barrier opens.
    pub waits_for: Vec<TaskId>,
    /// Engine-made tasks that carry findings over it, in file order.
    pub handoffs: Vec<TaskId>,
    /// Level of its handoffs.
    pub criticality: Criticality,
    /// Why that level.
    pub criticality_rationale: Option<String>,
    /// Whether a person approves it, and who is asked.
    pub approval: Option<ApprovalAt>,
    /// As declared, for the plan's table.
    pub required_strategies: Vec<StrategyId>,
    /// As declared, for the plan's table.
    pub optional_strategies: Vec<StrategyId>,
    /// Pass at or above.
    pub threshold: Score,
}

/// Phases that end together: they meet at the same barrier, or stand alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// `phase 1`, or `<alias> phase 2` where pipelines do not go in step.
    pub subject: String,
    /// Members.
    pub phases: Vec<(PipelineId, u32)>,
    /// Declared tasks of all members.
    pub tasks: Vec<TaskId>,
}

/// A rule of the workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// Such as `P-003`, if it has an id.
    pub id: Option<String>,
    /// Short name.
    pub name: String,
    /// What it demands and who enforces it.
    pub enforcement: String,
    /// Hard ones are never waived.
    pub hard: bool,
}

/// A known risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// What might happen.
    pub risk: String,
    /// L, M or H.
    pub likelihood: String,
    /// L, M or H.
    pub impact: String,
    /// What is done about it.
    pub mitigation: String,
}
