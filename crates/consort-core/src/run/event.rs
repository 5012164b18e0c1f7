//! Facts in the past tense. The state is their fold and nothing else.

mod refusal;

pub use refusal::{BarrierHold, GateRefusal, HoldWhy};

use super::command::StartRun;
use super::effect::StopWhy;
use super::input::{Candidate, DimensionScore, Exit, Problem, ProcessIdentity, Raised, Review, Usage};
use super::plans::ChangeWhy;
use super::session::{AskKind, Reach, SessionEnd, SessionFailure, SessionNote};
use super::state::{Reserved, Spent};
use crate::ids::{
    ApprovalId, AttemptId, BarrierId, CheckpointId, ContentHash, Revision, Step, StrategyId, TaskId,
};
use crate::plan::Rule;
use crate::quality::{Band, Composite};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    /// When it was decided: the record's `now`.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What can happen in a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the variant's doc says it; fields are ids and values of documented types
pub enum EventKind {
    /// First event of every journal.
    RunStarted { by: String, start: StartRun },
    /// A runner took over.
    RunnerOpened { runner: String },
    /// A runner ends: nothing starts until the next one opens.
    RunnerClosing { why: String },
    /// Deadlines of work moved because the machine slept.
    DeadlinesShifted { by_ms: u64 },
    /// From now on approvals are answered by the flag.
    ApproveAllSet { set: ApproveAll },

    /// All needs of a task are met.
    TaskReady { task: TaskId },
    /// All needs are met, and its condition is being looked at.
    TaskWeighing { task: TaskId },
    /// It holds.
    ConditionMet { task: TaskId },
    /// Nothing is done for it.
    TaskSkipped { task: TaskId, why: String },
    /// All needs are met, and the list for which it stands is being read.
    TaskGrowing { task: TaskId },
    /// It was read: the plan `from` becomes `plan`, with so many tasks more.
    ListTaken { task: TaskId, from: ContentHash, plan: ContentHash, count: u32, names: Vec<String> },
    /// Somebody agreed to it.
    ListAgreed { task: TaskId },
    /// Its condition or its list gives no answer.
    TaskUnclear { task: TaskId, what: String, why: String },
    /// Its workspace is being set up.
    TaskPreparing { task: TaskId },
    /// Its workspace stands.
    WorkspaceReady { task: TaskId, base: Option<Revision> },
    /// Its base does not merge.
    TaskConflicted { task: TaskId, between: (String, String), paths: Vec<String> },
    /// A round began.
    RoundStarted { task: TaskId, iteration: u32, kind: RoundKind },
    /// Steps that may run side by side are due.
    StepsQueued { task: TaskId, iteration: u32, steps: Vec<Step> },
    /// Durable before anything is spent; from here on the attempt is watched, never started again.
    AttemptStarting {
        attempt: AttemptId,
        deadline_ms: u64,
        /// The session that it is to go on in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume: Option<String>,
        /// As a copy of it: what comes now does not become part of that one.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        fork: bool,
        /// Which agent: 0 is the plan's own, then its fallbacks in their order.
        #[serde(default, skip_serializing_if = "crate::plan::is_zero")]
        fallback: u8,
    },
    /// Its process exists.
    AttemptStarted { attempt: AttemptId, process: ProcessIdentity },
    /// A new runner found it alive.
    AttemptAdopted { attempt: AttemptId },
    /// It must end.
    AttemptStopping { attempt: AttemptId, why: StopWhy },
    /// It is over.
    AttemptEnded {
        attempt: AttemptId,
        end: AttemptEnd,
        usage: Usage,
        wall_ms: u64,
        leaked: u32,
        record: Option<ContentHash>,
        /// How its session ended, if it was talked to; why it failed is in `end`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionEnd>,
        /// What changed meanwhile in the person's checkout and branches, by it or by somebody else: at most 11.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outside: Vec<String>,
    },
    /// A living session told something.
    SessionNoted { attempt: AttemptId, note: SessionNote },
    /// An agent's request was answered without asking anybody: yes by an earlier answer that reaches
    /// this far, or no because it asks more than anybody can answer.
    AskAnswered { attempt: AttemptId, ask: u32, grant: Option<ApprovalId> },
    /// A yes reaches further than the request that it answered: of this task's agents, or of all.
    PermissionGranted { approval: ApprovalId, rule: Rule, task: Option<TaskId>, by: String },
    /// A person's word for a living session, as its further turn of this number.
    SessionSteered {
        attempt: AttemptId,
        number: u32,
        text: String,
        by: String,
        /// What it does then is interrupted for it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        interrupts: bool,
    },
    /// What was to reach a session lies where it will find it: `answer/<ask>`, `turn/<number>`.
    SessionTold { attempt: AttemptId, what: String },
    /// A person's word for a task at which no session works now: its next creator is told.
    TaskSteered { task: TaskId, text: String, by: String },
    /// An agent cannot do this step at all: its next fallback does, from 1, with a fresh count of tries.
    FellBack { task: TaskId, step: Step, to: u8, why: String },
    /// A step is tried again, not before the given time.
    StepRetrying { task: TaskId, step: Step, failures: u32, not_before: Timestamp, why: String },
    /// Its time has come.
    StepRequeued { task: TaskId, step: Step },
    /// The creator looked over its own work.
    SelfReviewed { task: TaskId, iteration: u32, review: Review },
    /// A critic's review is in.
    Reviewed { task: TaskId, iteration: u32, strategy: StrategyId, review: Review },
    /// What the creator made is being read and committed.
    TaskCapturing { task: TaskId, iteration: u32 },
    /// Deterministic checks say no: the round ends without reviewers. Comes before the capture.
    ProblemsFound { task: TaskId, iteration: u32, problems: Vec<Problem> },
    /// The creator's work is captured.
    CandidateCaptured {
        task: TaskId,
        iteration: u32,
        candidate: Candidate,
        /// Criteria whose command ended well, by their position in the plan.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        passed: Vec<u32>,
        /// Rules that ask for a higher level, by what was really changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        raised: Option<Raised>,
    },
    /// There was nothing to capture.
    CandidateRefused { task: TaskId, iteration: u32, why: String },
    /// One judge of several is in.
    Judged { task: TaskId, iteration: u32, judged: Judged },
    /// The scores of a round are known: those of its judge, or the median of several.
    Scored {
        task: TaskId,
        iteration: u32,
        scores: Vec<DimensionScore>,
        composite: Composite,
        band: Band,
        /// Of the strictest judge.
        answer: ContentHash,
        /// Criteria that a judge says are not met, by their position in the plan.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unmet: Vec<u32>,
    },
    /// A round is over.
    RoundDecided { task: TaskId, iteration: u32, verdict: Verdict },
    /// A candidate is accepted; its commit goes to the task's ref.
    TaskAccepting { task: TaskId, iteration: u32, revision: Revision, approval: Option<ApprovalId> },
    /// It is there: no later event changes what was accepted.
    TaskAccepted { task: TaskId, iteration: u32, candidate: Candidate },
    /// The task waits for a person.
    TaskHeld { task: TaskId, why: HoldWhy },
    /// A person sent it on its way again: with a new set of rounds, or from the step that failed.
    TaskReleased { task: TaskId, guidance: Option<String>, new_set: bool, by: String },
    /// A handoff used up its rounds and starts a new set: a barrier retry.
    HandoffRestarted { task: TaskId, barrier: BarrierId, retry: u32 },
    /// A person refused an artifact that had passed: another creation follows.
    TaskReturned { task: TaskId, iteration: u32, guidance: String, by: String },
    /// A person gave it up, or the run was cancelled.
    TaskFailed { task: TaskId, why: String },
    /// Its workspace is gone.
    WorkspaceReleased { task: TaskId, salvaged: Option<String> },

    /// All participants are accepted: handoffs may be made.
    BarrierPrechecked { barrier: BarrierId },
    /// All handoffs are accepted: the barrier's commit is being made.
    BarrierMerging { barrier: BarrierId, set: u32 },
    /// Its commit exists and holds the right handoffs.
    BarrierMerged { barrier: BarrierId, revision: Revision },
    /// It cannot go on by itself; a person decides.
    BarrierHeld { barrier: BarrierId, why: BarrierHold },
    /// A person sent it on its way again.
    BarrierReleased { barrier: BarrierId, by: String },
    /// Every consumer's prompt will render every handoff with the accepted hash.
    BarrierVerified { barrier: BarrierId, consumers: Vec<TaskId> },
    /// A person refused it: its handoffs start a new set.
    BarrierReopened {
        barrier: BarrierId,
        set: u32,
        note: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// It is behind us, and lays an obligation on each consumer.
    BarrierCompleted { barrier: BarrierId, revision: Revision, approval: Option<ApprovalId> },
    /// A person gave it up.
    BarrierFailed { barrier: BarrierId, why: String },

    /// A question to a person.
    ApprovalRequested { approval: ApprovalId, kind: ApprovalKind, who: String, question: String },
    /// Its answer. `how`: `terminal`, `inbox`, `flag --approve all`.
    ApprovalGiven {
        approval: ApprovalId,
        yes: bool,
        by: String,
        how: String,
        note: Option<String>,
        /// For an agent's request: how far the yes reaches.
        #[serde(default, skip_serializing_if = "Reach::is_call")]
        reach: Reach,
    },
    /// It is moot: what it asked about is no longer so.
    ApprovalVoided { approval: ApprovalId, why: String },
    /// A recorded decision against the engine's verdict.
    OverrideRecorded {
        task: TaskId,
        iteration: u32,
        by: String,
        note: Option<String>,
        refusals: Vec<GateRefusal>,
    },
    /// A person declared an input that the engine cannot see.
    InputDeclared { name: String, by: String, how: String },
    /// A person vouched for a completion criterion.
    CriterionDeclared { name: String, by: String, how: String },

    /// A checkpoint's content is fixed: the state after this record.
    CheckpointPrepared {
        checkpoint: CheckpointId,
        seq: u64,
        trigger: CheckpointTrigger,
        subject: String,
        last: bool,
    },
    /// Its commit is on its ref.
    CheckpointCreated { checkpoint: CheckpointId, revision: Revision },
    /// It cannot be made.
    CheckpointFailed { checkpoint: CheckpointId, why: String },

    /// An effect failed for a reason outside the agents' work; it is tried again later.
    EffectFailed { effect: String, failures: u32, not_before: Timestamp, why: String },
    /// It may be tried again.
    EffectDue { effect: String },
    /// It failed too often: the task that it belongs to goes to a person.
    EffectAbandoned { effect: String, task: TaskId, why: String },
    /// The quota that agents of this pool share is used up: none of them begins before that time.
    PoolRested { pool: String, until: Timestamp, rests: u32, why: String },
    /// That time has come: its agents begin again.
    PoolWoke { pool: String },
    /// Other runs used up so much on this day (days since 1970-01-01, UTC); of the named ones nobody can say.
    /// Their living agents may use up so much more.
    SpentElsewhere {
        day: i64,
        spent: Spent,
        unread: Vec<String>,
        #[serde(default, skip_serializing_if = "Reserved::is_nothing")]
        reserved: Reserved,
    },
    /// So many more agents may begin, by the slots that this run holds and does not use yet; `None`: any number.
    SlotsHeld { free: Option<u32> },
    /// So much of a limit is used up that it is told, once; see [`super::limit_words`] for its name.
    BudgetWarned { limit: String, used: u64, max: u64 },
    /// A limit is used up, or has no room for the next attempt.
    BudgetReached {
        limit: String,
        used: u64,
        max: u64,
        /// Nothing more of it starts. Without: a person decides.
        #[serde(default, skip_serializing_if = "crate::plan::is_false")]
        stop: bool,
    },
    /// A person raised it.
    BudgetRaised { limit: String, max: u64, by: String },
    /// Nothing new starts.
    RunPaused { by: String },
    /// On again.
    RunUnpaused { by: String },
    /// Everything stops.
    RunCancelling { by: String },
    /// Over.
    RunEnded { status: RunStatus },
    /// A person wants the run back at a checkpoint: what is alive is ended first.
    RollbackBegan {
        to: CheckpointId,
        by: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// What was accepted at that checkpoint is what is accepted; everything else begins anew in another
    /// generation.
    RolledBack { to: CheckpointId },
    /// Names in git say so, too: after the rollback of this number, from 1.
    RefsRewound { number: u32 },
    /// A person changed the workflow: what the other plan gives up is ended first.
    AmendBegan {
        plan: ContentHash,
        /// The text that it was made from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<ContentHash>,
        /// File inputs of it that do not exist at the base.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        absent: Vec<String>,
        by: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// From here on this plan holds.
    PlanChanged {
        plan: ContentHash,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        absent: Vec<String>,
        why: ChangeWhy,
    },
    /// Accepted commits that a change of the plan gave up lie under `abandoned/`: the change of this number, from 1.
    RefsAbandoned { number: u32 },
    /// A person wants the result on a branch.
    IntegrationApproved { into: String, expected: Revision, by: String },
    /// It is there.
    Integrated { into: String, revision: Revision },
    /// It could not be brought there; nothing was changed.
    IntegrationFailed { into: String, why: String },
}

/// What one judge of several said.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Judged {
    /// Which judge, from 1.
    pub judge: u8,
    /// One per dimension of the plan, in its order.
    pub scores: Vec<DimensionScore>,
    /// Their exact composite.
    pub composite: Composite,
    /// Criteria that are not met, by their position in the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmet: Vec<u32>,
    /// The answer in the content store.
    pub answer: ContentHash,
}

/// Who set `--approve all`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ApproveAll {
    /// The person.
    pub by: String,
}

/// A creation asks the creator; a confirmation shows the same bytes to fresh eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundKind {
    /// The creator writes or revises.
    Creation,
    /// Fresh critics and judge on the last candidate.
    Confirmation,
}

/// How an attempt is over.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptEnd {
    /// It did what its step asks for.
    Done,
    /// It did not.
    Failed(Failure),
    /// It was stopped by the engine.
    Stopped(StopWhy),
    /// It never ran.
    Lost,
    /// It may have run; nobody can say how far.
    Unknown,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Its process ended badly.
    Exit(Exit),
    /// Its answer is not one.
    Malformed(String),
    /// It gave no answer.
    NoAnswer,
    /// Findings quote words that are not in the candidate: asked again once.
    Unfounded(String),
    /// Its session did not do its work, and says what helps.
    Session(SessionFailure),
}

/// How a round was decided.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Passed, and there were enough rounds.
    Accepted,
    /// Passed; another look at the same bytes is due.
    Confirm,
    /// Another creation is due, for these reasons (none: it passed with open Major findings).
    Revise(Vec<GateRefusal>),
    /// Not passed, and no further round in this set.
    Broken {
        /// Why it did not pass.
        refusals: Vec<GateRefusal>,
        /// Which breaker opened.
        breaker: HoldWhy,
    },
}

/// What an approval is about; a subject and a commit it is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the variant's doc says it
pub enum ApprovalKind {
    /// A task's candidate, bound to its commit.
    Task { task: TaskId, iteration: u32, revision: Revision },
    /// A barrier, bound to its commit.
    Barrier { barrier: BarrierId, revision: Revision },
    /// An input that is absent or outside.
    Input { name: String },
    /// A completion criterion that only a person can vouch for.
    Completion { name: String },
    /// A held task: yes accepts its best candidate against the verdict where there is one and
    /// tries again where there is none; no begins another set of rounds with guidance, or gives
    /// the task up.
    Held { task: TaskId, iteration: u32, revision: Option<Revision> },
    /// A held barrier: yes tries again, no makes its handoffs again with guidance, or gives it up.
    BarrierHeld { barrier: BarrierId },
    /// The tasks that a list makes of a placeholder: no gives the placeholder up.
    List { task: TaskId, count: u32 },
    /// A budget: yes raises it by as much again; no ends the run.
    Budget { limit: String },
    /// What a living agent asks: may it do this, or a question with an answer in words. Bound to its
    /// attempt; `rule` is what would allow it from now on.
    Permission { attempt: AttemptId, ask: u32, kind: AskKind, rule: Option<Rule> },
}

impl ApprovalKind {
    /// What it is about: a task, a barrier, an input, a criterion or a limit, by name.
    pub fn subject(&self) -> &str {
        match self {
            ApprovalKind::Task { task, .. }
            | ApprovalKind::Held { task, .. }
            | ApprovalKind::List { task, .. } => task.as_str(),
            ApprovalKind::Barrier { barrier, .. } | ApprovalKind::BarrierHeld { barrier } => barrier.as_str(),
            ApprovalKind::Input { name } | ApprovalKind::Completion { name } => name,
            ApprovalKind::Budget { limit } => limit,
            ApprovalKind::Permission { attempt, .. } => attempt.task.as_str(),
        }
    }
}

/// As in the seed's schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckpointTrigger {
    /// A stage of phases ended.
    PhaseComplete,
    /// A barrier was completed.
    BarrierComplete,
    /// Someone asked for it.
    Manual,
}

/// Status of the whole run, as in the seed's schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunStatus {
    /// Going on, or waiting for a person.
    Active,
    /// Told to start nothing.
    Paused,
    /// Everything is accepted.
    Complete,
    /// A task was given up and nothing else can go on.
    Failed,
    /// Ended by a person.
    Cancelled,
}
