//! The workflow file as it is written: every key, with its place. The doc comments here are
//! the descriptions in the JSON Schema, so they speak to the person who writes a file.

use super::catalogue::StrategyDef;
use super::decode::{At, List, Map, section};
use super::file_agents::AgentName;
use super::file_gates::Reference;
use super::file_gates::{Approvals, Gate, Level, Limits, Quality, Strategies};
use super::file_grow::{Entry, PartInput};
use super::file_work::{
    Agent, Barrier, Completion, Constraints, Criterion, Pipeline, Risk, Task, VariableForm,
};
use super::file_work::{Convergent, Phase};
use super::values::{Id, LevelName, Plain, RuleName, Strategy};
use crate::plan::{CheckpointFrequency, Criticality, WorkspaceKind};

section! {
    /// A consort workflow: who does what, in which order, and what it takes to pass.
    Workflow as "a workflow" {
        /// What the workflow is called and why it exists.
        workflow: Option<Header>,
        /// How much depends on the result, C1 to C4. Default: C2.
        criticality: Option<Level>,
        /// Values for `{{ name }}` in texts and paths, set by `--var name=value`.
        #[schemars(default)]
        variables: Map<VariableForm>,
        /// Programs that do the work: `default`, by purpose (`creator`, `critic`, `judge`), by role, or by a name
        /// that a task's `agent` gives.
        #[schemars(default)]
        agents: Map<Agent, AgentName>,
        /// Rules that raise the criticality of a task by what it touches; own ones, or another form of built-in ones
        /// (`AE-001` governance, `AE-002` rules of agents, `AE-003` decision records, `AE-004` those that are there
        /// already, `AE-005` security, `CI-001`, `DEP-001`, `SCOPE-001` and `SCOPE-002` numbers of files, `SCOPE-003`
        /// interfaces, `REV-001` deleted files, `REV-002` and `REV-003` migrations of data).
        #[schemars(default)]
        escalation: Map<Escalation, RuleName>,
        /// The gate: what judges score and what passes.
        quality: Option<Quality>,
        /// Ways of reviewing: the project's own, or another form of a built-in one (`consort strategies` lists them).
        #[schemars(default)]
        catalogue: Map<StrategyDef, Strategy>,
        /// Concurrency, retries, time-outs, budgets.
        limits: Option<Limits>,
        /// Where the run makes checkpoints by itself. Default: PHASE.
        checkpoints: Option<At<CheckpointFrequency>>,
        /// Where creators work. Default: clone.
        workspace: Option<At<WorkspaceKind>>,
        /// Rules, shown in the plan and in every prompt.
        constraints: Option<Constraints>,
        /// Groups of tasks whose phases follow one another, side by side with other pipelines.
        #[schemars(default)]
        pipelines: Map<Pipeline>,
        /// Where pipelines meet and hand over findings.
        #[schemars(default)]
        barriers: Map<Barrier>,
        /// The pipeline that joins the others.
        convergent: Option<Convergent>,
        /// Tasks without a pipeline, ordered by `needs`.
        #[schemars(default)]
        tasks: Map<Entry>,
        /// What another workflow hands in that uses this file as a part; by itself it takes them by `--var`.
        #[schemars(default)]
        inputs: Map<PartInput>,
        /// What another workflow gets that uses this file as a part, each by the task that makes it. Default: the
        /// work of all tasks that nothing here waits for.
        #[schemars(default)]
        outputs: Map<Reference>,
        /// Who is asked before the work goes on.
        approvals: Option<Approvals>,
        /// What must hold before the run is COMPLETE, beyond its tasks and barriers.
        #[schemars(default)]
        completion: List<Completion>,
        /// Known risks, shown in the plan and the tracker.
        #[schemars(default)]
        risks: List<Risk>,
    }
}

section! {
    /// What raises the criticality of a task.
    Escalation as "a rule of `escalation`" {
        /// The level that it asks for. Default: that of the built-in rule.
        at_least: Option<At<Criticality>>,
        /// Patterns of paths.
        #[schemars(default)]
        paths: List<At<Plain>>,
        /// Kinds of artifacts, as in a task's `type`.
        #[schemars(default)]
        types: List<At<Id>>,
        /// true: only files count that were in the repository when the run began. Default: false.
        existing: Option<At<bool>>,
        /// true: only files count that are deleted; looked at when the agent has done it. Default: false.
        deleted: Option<At<bool>>,
        /// The rule holds where more files than this count. Default: 0, so one file is enough. A rule without
        /// `paths` and `types` counts every file of the task.
        files_above: Option<At<u32>>,
        /// Why.
        about: Option<At<Plain>>,
        /// Why a built-in rule is switched off here: a reason, which is shown for ever.
        off: Option<At<Plain>>,
    }
}

section! {
    /// Identification of a workflow.
    Header as "`workflow`" {
        /// Title for people. Default: made from the name of the file.
        title: Option<At<Plain>>,
        /// Fixed id: the id of the first run and the folder of its artifacts. Without it every run gets a new one,
        /// `{name}-{YYYYMMDD}-{NNN}`.
        id: Option<At<Id>>,
        /// First part of a generated id. Default: made from the title, else from the name of the file.
        name: Option<At<Id>>,
        /// What the workflow is for, in a sentence or two. Default: the title.
        purpose: Option<At<Plain>>,
        /// The question it answers, where there is one.
        question: Option<At<Plain>>,
        /// Id of the plan document, such as `PROJ-006-ORCH-PLAN`.
        document_id: Option<At<Plain>>,
        /// Version of the workflow. Default: 1.0.
        version: Option<At<Plain>>,
        /// Project it belongs to.
        project: Option<At<Plain>>,
        /// Shown at the head of the plan.
        disclaimer: Option<At<Plain>>,
        /// When it was written, such as 2026-02-20. Default: the day of planning.
        created: Option<At<Plain>>,
        /// Audiences of the output levels, such as `L0: Stakeholders`.
        #[schemars(default)]
        levels: Map<At<Plain>, LevelName>,
    }
}

/// What tasks, phases and barriers can say alike about their gate.
pub(super) trait Gated {
    fn level(&self) -> Option<&Level>;
    fn strategies(&self) -> Option<&Strategies>;
    fn gate(&self) -> Option<&Gate>;
    fn criteria(&self) -> &[Criterion];
    fn is_barrier(&self) -> bool;
}

macro_rules! gated {
    ($type:ty, $self:ident, $criteria:expr, $barrier:literal) => {
        impl Gated for $type {
            fn level(&self) -> Option<&Level> {
                self.criticality.as_ref()
            }
            fn strategies(&self) -> Option<&Strategies> {
                self.strategies.as_ref()
            }
            fn gate(&self) -> Option<&Gate> {
                self.gate.as_ref()
            }
            fn criteria(&$self) -> &[Criterion] {
                $criteria
            }
            fn is_barrier(&self) -> bool {
                $barrier
            }
        }
    };
}
gated!(Task, self, &self.criteria.items, false);
gated!(Phase, self, &self.criteria.items, false);
gated!(Barrier, self, &self.criteria.items, true);
