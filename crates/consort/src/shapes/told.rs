//! Shapes of outputs that are put together where they are printed.

#![allow(dead_code)] // nobody makes these: they are what is promised

use crate::commands::{compare, cost, doctor, list, ps, why};
use crate::report::story::Story;
use consort_core::ids::{StrategyId, TaskId};
use consort_core::plan::{
    ApprovalAt, Calls, Condition, Criterion, Criticality, Forecast, Form, People, Strategy, Waived,
};
use consort_core::view::attempts::{AttemptLine, Sum};
use consort_core::view::inbox::Waiting;
use consort_core::view::model::{CheckpointView, TaskView};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// The runs of a repository, latest last.
#[derive(JsonSchema)]
pub(crate) struct List {
    runs: Vec<list::Line>,
}

/// Runs that are being driven, in all repositories of the user; those that need a person first.
#[derive(JsonSchema)]
pub(crate) struct Ps {
    runs: Vec<ps::Line>,
}

/// Tasks of a run.
#[derive(JsonSchema)]
pub(crate) struct Show {
    run: String,
    tasks: Vec<Shown>,
}

/// One task.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Shown {
    /// The directory of its workspace, while there is one.
    workspace_dir: Option<String>,
    #[serde(flatten)]
    task: TaskView,
}

/// What waits for people.
#[derive(JsonSchema)]
pub(crate) struct Inbox {
    questions: Vec<Waiting>,
}

/// What a run used up.
#[derive(JsonSchema)]
pub(crate) struct Cost {
    run: String,
    /// Agent calls so far.
    calls: u32,
    /// As many were likely.
    forecast: u32,
    /// What was likely beside what was used.
    expected: cost::Expected,
    by_pipeline: Vec<Sum>,
    by_task: Vec<Sum>,
    by_role: Vec<Sum>,
    by_model: Vec<Sum>,
    attempts: Vec<AttemptLine>,
}

/// Who worked when.
#[derive(JsonSchema)]
pub(crate) struct Timeline {
    run: String,
    attempts: Vec<AttemptLine>,
}

/// Two runs side by side.
#[derive(JsonSchema)]
pub(crate) struct Compare {
    runs: [String; 2],
    tasks: Vec<compare::Line>,
}

/// The checkpoints of a run, in the order of their making.
#[derive(JsonSchema)]
pub(crate) struct Checkpoints {
    run: String,
    checkpoints: Vec<CheckpointView>,
}

/// Whether a file is a valid workflow.
#[derive(JsonSchema)]
pub(crate) struct Check {
    ok: bool,
    diagnostics: Vec<Diagnostic>,
}

/// One thing that is said of a file.
#[derive(JsonSchema)]
pub(crate) struct Diagnostic {
    file: String,
    /// From 1.
    line: usize,
    /// From 1.
    column: usize,
    /// `error` or `warning`.
    severity: String,
    /// Such as `unknown-key`.
    code: String,
    message: String,
    help: Option<String>,
}

/// What a run of a workflow goes through.
#[derive(JsonSchema)]
pub(crate) struct Explain {
    tasks: Vec<Explained>,
    calls: LeastLikely,
    forecast: Forecast,
    people: People,
    /// Tasks that follow one another and take a run so long, however many agents may work.
    longest_chain: Vec<TaskId>,
}

/// Agent calls of a run.
#[derive(JsonSchema)]
pub(crate) struct LeastLikely {
    least: u32,
    likely: u32,
}

/// What one task goes through.
#[derive(JsonSchema)]
pub(crate) struct Explained {
    id: TaskId,
    criticality: Criticality,
    /// Rules that raised its level.
    escalated_by: Vec<String>,
    self_review: bool,
    /// Groups one after the other, strategies of one side by side.
    strategies: Vec<Vec<StrategyId>>,
    waived: Vec<Waived>,
    /// 0: nobody scores it.
    judges: u8,
    rounds: Rounds,
    /// A decimal as text.
    threshold: String,
    /// A decimal as text.
    floor: String,
    /// What must be true when its turn comes; else it is skipped.
    when: Option<Condition>,
    /// `"declared"`, or an object with one key: `handoff`, `each` (tasks that a list will make), `grown` (one of them).
    kind: Value,
    form: Form,
    criteria: Vec<Criterion>,
    approval: Option<ApprovalAt>,
    calls: Calls,
    /// What it declares that it takes, in milliseconds.
    estimate_ms: Option<u64>,
}

/// How many rounds.
#[derive(JsonSchema)]
pub(crate) struct Rounds {
    min: u32,
    max: u32,
}

/// What was looked at on this machine.
#[derive(JsonSchema)]
pub(crate) struct Doctor {
    findings: Vec<doctor::Finding>,
}

/// The runtimes of this build.
#[derive(JsonSchema)]
pub(crate) struct Agents {
    runtimes: Vec<RuntimeLine>,
}

/// One runtime.
#[derive(JsonSchema)]
pub(crate) struct RuntimeLine {
    runtime: String,
    about: String,
    usable: bool,
    /// What was found, or why it cannot be used.
    #[schemars(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    program: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    /// The version with which the conformance suite saw it.
    seen_with: Option<String>,
    features: Vec<Feature>,
}

/// What it can do.
#[derive(JsonSchema)]
pub(crate) struct Feature {
    name: String,
    /// `yes`, `no`, `engine` and the like.
    has: Value,
    /// The conformance suite saw it; false: the runtime's offer says so.
    seen: bool,
    #[schemars(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// Roles that tasks can have here.
#[derive(JsonSchema)]
pub(crate) struct Roles {
    roles: Vec<RoleLine>,
}

/// One role. Of a file that is not understood only name, source and mistakes are told.
#[derive(JsonSchema)]
pub(crate) struct RoleLine {
    name: String,
    source: String,
    #[schemars(skip_serializing_if = "Option::is_none")]
    built_in: Option<bool>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    tools: Option<Vec<String>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    servers: Option<Vec<String>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    skills: Option<Vec<String>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    forbidden: Option<Vec<String>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    deny: Option<Vec<String>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    effort: Option<Value>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    tier: Option<Value>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    levels: Option<Value>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    notes: Option<Vec<String>>,
    mistakes: Vec<Mistake>,
    /// Where one role was asked for.
    #[schemars(skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
}

/// One thing that is wrong with a role file.
#[derive(JsonSchema)]
pub(crate) struct Mistake {
    file: String,
    line: usize,
    column: usize,
    severity: String,
    code: String,
    message: String,
}

/// Ways of reviewing.
#[derive(JsonSchema)]
pub(crate) struct Strategies {
    strategies: Vec<Strategy>,
}

/// Where a commit or a file comes from.
#[derive(JsonSchema)]
pub(crate) struct Why {
    commit: Option<String>,
    file: Option<String>,
    works: Vec<Story>,
    merges: Vec<why::Merged>,
}

/// What is wrong in documents.
#[derive(JsonSchema)]
pub(crate) struct Lint {
    ok: bool,
    faults: Vec<Fault>,
    unreadable: Vec<Unread>,
}

/// One fault.
#[derive(JsonSchema)]
pub(crate) struct Fault {
    file: String,
    line: usize,
    column: usize,
    rule: String,
    message: String,
    stated: Option<String>,
    computed: Option<String>,
}

/// A file that cannot be read.
#[derive(JsonSchema)]
pub(crate) struct Unread {
    file: String,
    why: String,
}

/// The gates of a run, or one of them.
#[derive(JsonSchema)]
pub(crate) struct Report {
    run: Option<String>,
    rehearsal: bool,
    status: Value,
    gates: Vec<Gate>,
    crossings: Vec<Crossing>,
    overrides: usize,
    agent_calls: u32,
    /// `{creator, self_review, critic, judge}`, each `{calls, tokens_in, tokens_out, micro_usd, wall_ms}`.
    calls_by_role: Value,
}

/// One gate.
#[derive(JsonSchema)]
pub(crate) struct Gate {
    task: TaskId,
    deliverable: Vec<String>,
    criticality: Criticality,
    raised_by: Vec<String>,
    strategies: Vec<Vec<StrategyId>>,
    verdict: Value,
    threshold: String,
    rounds: usize,
    /// Decimals as text, exact.
    composites: Vec<String>,
    each_round: Vec<Value>,
    dimensions: Option<Value>,
    criteria: Vec<Value>,
    findings: Vec<Value>,
    /// What the last judge said.
    answer: Option<Value>,
}

/// What crossed from one pipeline to another.
#[derive(JsonSchema)]
pub(crate) struct Crossing {
    barrier: String,
    from: String,
    to: String,
    path: String,
    confidence: Option<Value>,
    blockers: Vec<Value>,
    findings: Vec<Value>,
    answers: Vec<Value>,
}

/// What `integrate --dry-run` would bring.
#[derive(JsonSchema)]
pub(crate) struct Integrate {
    run: String,
    /// Full ref name.
    into: String,
    from: Option<String>,
    result: String,
    commits: Vec<Commit>,
    paths: Vec<Changed>,
    /// Why it cannot be brought there.
    obstacle: Option<Value>,
}

/// A commit.
#[derive(JsonSchema)]
pub(crate) struct Commit {
    id: String,
    subject: String,
}

/// A path.
#[derive(JsonSchema)]
pub(crate) struct Changed {
    /// As git says it.
    status: Value,
    path: String,
}

/// One line of `events`.
#[derive(JsonSchema)]
pub(crate) struct Event {
    /// The number of its record.
    record: u64,
    /// When it was decided, in milliseconds since 1970.
    at: i64,
    /// The event by its name, with what belongs to it.
    event: Value,
}
