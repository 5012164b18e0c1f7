//! What should be going on in the world. Derived from the state, never stored.

use super::input::{Artifact, Candidate};
use super::session::Told;
use crate::ids::{AttemptId, BarrierId, CheckpointId, ContentHash, Revision, StrategyId, TaskId};
use crate::quality::Composite;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make it so; doing it twice is the same as doing it once. Ends with its report.
    Ensure(Ensure),
    /// Spends or acts outside: wanted at most once per attempt. Ends with `AttemptStarted`
    /// or `AttemptEnded`.
    Start(Box<Start>),
    /// Follow an attempt until it ends, or until its session has more to tell than so many notes. Ends with
    /// `SessionNoted`, `AttemptEnded` or `AttemptVanished`.
    Watch(AttemptId, u32),
    /// This attempt must not be alive. Ends with `AttemptEnded` or `AttemptVanished`.
    Stop(AttemptId, StopWhy),
}

/// Why an attempt is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopWhy {
    /// Its wall time is used up.
    TimedOut,
    /// The run is being cancelled.
    Cancelled,
    /// Its result is not wanted any more.
    Superseded,
    /// Its run's directory is gone.
    Orphaned,
}

/// Idempotent effects with a natural key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ensure {
    /// A workspace for a creator exists at the merge of these tips, in this order.
    Workspace {
        /// Whose.
        task: TaskId,
        /// Which generation.
        generation: u32,
        /// The run's base first, then what the task needs, in plan order.
        tips: Vec<Tip>,
        /// For the dates of commits.
        at: Timestamp,
    },
    /// What the creator made is captured as a commit on top of the base, and checked.
    Candidate {
        /// Whose.
        task: TaskId,
        /// Which generation.
        generation: u32,
        /// Which round.
        iteration: u32,
        /// The base of the workspace.
        base: Option<Revision>,
        /// Handoffs it must answer for, with their accepted hashes; of a handoff itself all its inputs,
        /// because it cites their lines.
        inputs: Vec<InputRef>,
        /// Findings it was asked to answer.
        asked: Vec<FindingsRef>,
        /// The candidate before it, in which they were found.
        last: Option<Candidate>,
        /// For the dates of commits.
        at: Timestamp,
    },
    /// The accepted commit is on the task's ref, which did not exist before in this
    /// generation. A ref that is already there at another commit is a failure.
    Committed {
        /// Whose.
        task: TaskId,
        /// Which generation.
        generation: u32,
        /// Which commit.
        candidate: Candidate,
        /// For the dates of commits.
        at: Timestamp,
    },
    /// A commit that merges these tips exists and holds these handoffs.
    BarrierCommit {
        /// Which.
        barrier: BarrierId,
        /// How many sets of handoffs were started.
        set: u32,
        /// Run base, participants' accepted commits, handoffs' accepted commits, in plan order.
        tips: Vec<Tip>,
        /// What must be found in it.
        handoffs: Vec<Artifact>,
        /// How each consumer of its handoffs would be started: its prompt must name them.
        consumers: Vec<Start>,
        /// For the dates of commits.
        at: Timestamp,
    },
    /// A checkpoint's commit is on its ref, and the run's branch points to the latest one.
    Checkpoint {
        /// Which.
        checkpoint: CheckpointId,
        /// Sequence number of the journal record that prepared it: the state files are
        /// rendered from the state after that record, and its tips are those of that state.
        seq: u64,
        /// For the dates of commits.
        at: Timestamp,
    },
    /// After a rollback: the run's branch is at this commit, each pipeline's label at the latest accepted work,
    /// exactly the kept tasks have their refs, and what was given up lies under `abandoned/`.
    Rewound {
        /// Which rollback, from 1.
        number: u32,
        /// The checkpoint's commit.
        to: Revision,
        /// Accepted tasks: their generations and commits.
        kept: Vec<(TaskId, u32, Revision)>,
        /// Aliases of pipelines with the latest accepted commit; `None`: nothing is accepted.
        labels: Vec<(String, Option<Revision>)>,
        /// For the dates of ref logs.
        at: Timestamp,
    },
    /// After a change of the plan: these accepted commits, which it gave up, lie under `abandoned/`.
    Abandoned {
        /// Which change, from 1.
        number: u32,
        /// Whose, of which generation.
        gone: Vec<(TaskId, u32, Revision)>,
        /// For the dates of ref logs.
        at: Timestamp,
    },
    /// The workspace is gone.
    Released {
        /// Whose.
        task: TaskId,
        /// Which generation.
        generation: u32,
        /// Keep what was not committed under a salvage ref.
        salvage: bool,
        /// For the dates of commits.
        at: Timestamp,
    },
    /// Whether a task's condition holds is known.
    Condition {
        /// Whose.
        task: TaskId,
        /// Which generation.
        generation: u32,
        /// The condition.
        expr: String,
        /// Of the tasks that it names.
        facts: Vec<Fact>,
    },
    /// The plan that a list makes of this one is in the content store.
    List {
        /// The placeholder.
        task: TaskId,
        /// Which generation.
        generation: u32,
        /// The list.
        artifact: Artifact,
        /// The commit that has it.
        revision: Revision,
        /// The plan that is to grow.
        from: ContentHash,
    },
    /// A person's answer or word lies where a living session finds it.
    Told(Told),
    /// The run's result is merged into a branch of the person's.
    Integrated {
        /// Full ref name.
        into: String,
        /// Its value when the person said yes.
        expected: Revision,
        /// What is merged: the final checkpoint.
        result: Revision,
        /// For the dates of commits.
        at: Timestamp,
    },
}

/// What a condition may know of a task that comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Which.
    pub task: TaskId,
    /// It was skipped.
    pub skipped: bool,
    /// Its latest composite.
    pub composite: Option<Composite>,
    /// Rounds that it took.
    pub rounds: u32,
    /// What was accepted.
    pub accepted: Option<Candidate>,
}

/// A commit under the name by which a conflict would call it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tip {
    /// `base`, a task id or a barrier id.
    pub name: String,
    /// The commit.
    pub revision: Revision,
}

/// One agent is to be started. Carries what changes from attempt to attempt; what does not
/// is in the plan's task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Which attempt.
    pub attempt: AttemptId,
    /// When it was decided.
    pub at: Timestamp,
    /// The base of the task's workspace; a reviewer's export takes the inputs from it.
    pub base: Option<Revision>,
    /// What is reviewed; for a creator its own last candidate, if any.
    pub candidate: Option<Candidate>,
    /// Resolved inputs, in the order of the plan.
    pub inputs: Vec<InputRef>,
    /// Inputs that a person declared to be dispensable or present elsewhere.
    pub declared: Vec<String>,
    /// For a creator: what it must answer. For critics and judges: findings that are open.
    pub findings: Vec<FindingsRef>,
    /// What deterministic checks said against the last candidate.
    pub problems: Vec<super::input::Problem>,
    /// What people said about it, oldest first.
    pub guidance: Vec<String>,
    /// For reviewers: the creator's self-review of the candidate, in the content store. It says what
    /// became of earlier findings.
    pub responses: Option<ContentHash>,
    /// Why the last answer to this very step was refused, if it was.
    pub refused: Option<String>,
    /// The run's nonce.
    pub nonce: String,
    /// The session of the creator's last attempt, to go on in; `None`: a fresh one.
    pub resume: Option<String>,
    /// As a copy of it, under an id of its own: an earlier round's session stays as it was.
    pub fork: bool,
    /// Which agent: 0 is the plan's own, then its fallbacks in their order.
    pub fallback: u8,
}

/// An input with the hash that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputRef {
    /// The task that made it; `None` for a file of the repository.
    pub task: Option<TaskId>,
    /// Whether it is a handoff, which must be answered for.
    pub handoff: bool,
    /// Relative to the repository.
    pub path: String,
    /// SHA-256 of its accepted bytes; `None` for a file of the repository.
    pub hash: Option<ContentHash>,
}

/// A review whose findings are open.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FindingsRef {
    /// By which strategy.
    pub strategy: StrategyId,
    /// In which round.
    pub iteration: u32,
    /// The whole answer in the content store.
    pub answer: ContentHash,
}

/// The natural key of an effect: two effects with the same key are the same effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectKey(pub String);

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Effect {
    /// The natural key.
    pub fn key(&self) -> EffectKey {
        EffectKey(match self {
            Effect::Ensure(ensure) => match ensure {
                Ensure::Workspace { task, generation, .. } => format!("workspace/{task}/{generation}"),
                Ensure::Candidate { task, generation, iteration, .. } => {
                    format!("candidate/{task}/{generation}.{iteration}")
                }
                Ensure::Committed { task, generation, .. } => format!("committed/{task}/{generation}"),
                Ensure::BarrierCommit { barrier, set, .. } => format!("barrier/{barrier}/{set}"),
                Ensure::Checkpoint { checkpoint, .. } => format!("checkpoint/{checkpoint}"),
                Ensure::Rewound { number, .. } => format!("rewound/{number}"),
                Ensure::Abandoned { number, .. } => format!("abandoned/{number}"),
                Ensure::Released { task, generation, .. } => format!("released/{task}/{generation}"),
                Ensure::Condition { task, generation, .. } => format!("condition/{task}/{generation}"),
                Ensure::List { task, generation, from, .. } => {
                    format!("list/{task}/{generation}/{}", from.as_str().get(..16).unwrap_or(from.as_str()))
                }
                Ensure::Told(told) => format!("told/{}/{}", told.attempt, told.what),
                Ensure::Integrated { into, result, .. } => format!("integrated/{into}/{result}"),
            },
            Effect::Start(start) => format!("start/{}", start.attempt),
            Effect::Watch(attempt, _) => format!("watch/{attempt}"),
            Effect::Stop(attempt, _) => format!("stop/{attempt}"),
        })
    }
}
