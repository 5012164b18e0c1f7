//! What is known about a task: where it stands, its steps and its rounds.

use super::Round;
use crate::ids::{ApprovalId, AttemptId, ContentHash, Revision, Step};
use crate::quality::Composite;
use crate::run::FindingsRef;
use crate::run::SessionFailure;
use crate::run::event::{HoldWhy, Verdict};
use crate::run::graph::Graph;
use crate::run::input::{Candidate, Problem};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskState {
    /// Where it stands.
    pub stage: TaskStage,
    /// Rises when accepted work is given up.
    pub generation: u32,
    /// The highest generation that there ever was, where a rollback has brought back an earlier one.
    #[serde(default, skip_serializing_if = "crate::plan::is_zero")]
    pub highest: u32,
    /// The round, from 1; 0 before the first.
    pub iteration: u32,
    /// The round in which the present set of rounds began.
    pub set_began: u32,
    /// Needs, barriers and inputs that are not there yet.
    pub waits: u32,
    /// Base of its workspace.
    pub base: Option<Revision>,
    /// The workspace: made, or removed again.
    pub workspace: WorkspaceState,
    /// Attempt numbers given so far.
    pub attempts: u32,
    /// The steps of the present point of the round.
    pub steps: Vec<StepState>,
    /// Captures refused in this round.
    pub refusals: u32,
    /// The last capture.
    pub candidate: Option<Candidate>,
    /// The round of the last capture.
    pub captured_in: u32,
    /// Findings that the creator was asked to answer in that capture.
    pub asked: Vec<FindingsRef>,
    /// What checks say against the last capture.
    pub problems: Vec<Problem>,
    /// Rounds so far.
    pub rounds: Vec<Round>,
    /// What people said, and the sets of rounds that they granted, oldest first.
    pub steering: Vec<Steering>,
    /// The session of its creator, to go on in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Remembered>,
    /// Which fallback does a kind of step by now: see [`StepState::agent`]. Nobody goes back by itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fell: BTreeMap<String, u8>,
    /// Where another agent or another session went on than was to be expected: the latest ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<AgentChange>,
    /// Requests that were refused to its creator's last attempt, by policy or by a person.
    #[serde(default, skip_serializing_if = "crate::plan::is_zero")]
    pub denied: u32,
    /// In this generation, the context of an agent of a task at C3 or above was summed up (AE-006e): by its
    /// vendor, or because it was nearly full. A person looks before anything of it is accepted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub summed_up: bool,
    /// Its condition holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub met: bool,
    /// The list for which it stands was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Taken>,
    /// When it became ready, when work began, when it was accepted.
    pub ready_at: Option<Timestamp>,
    /// See `ready_at`.
    pub began_at: Option<Timestamp>,
    /// See `ready_at`.
    pub accepted_at: Option<Timestamp>,
    /// Sequence number of the record since which it is accepted; 0: never.
    #[serde(default)]
    pub accepted_in: u64,
}

/// A list was read, and its tasks may come to be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Taken {
    /// The plan that was there.
    pub from: ContentHash,
    /// The plan that it becomes.
    pub plan: ContentHash,
    /// How many tasks the list makes.
    pub count: u32,
    /// What the first of them are called.
    pub names: Vec<String>,
    /// Somebody agreed, where that is asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agreed: bool,
}

impl TaskStage {
    /// Nothing is left to be done for it: whoever needs it may go on.
    pub fn is_done(&self) -> bool {
        matches!(self, TaskStage::Accepted | TaskStage::Skipped(_))
    }
}

/// Another agent, or another session, goes on with the work.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AgentChange {
    /// When.
    pub at: Timestamp,
    /// At which step.
    pub step: Step,
    /// What.
    pub turn: AgentTurn,
}

/// See [`AgentChange`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentTurn {
    /// The fallback of this number does the step.
    FellBack {
        /// From 1.
        to: u8,
        /// Why.
        why: String,
    },
    /// A new session began where an earlier one was to go on.
    Fresh(String),
    /// A new session goes on with a written summary.
    HandedOver,
}

/// At most so many changes are kept; the journal has them all.
const CHANGES_MAX: usize = 40;

/// A session that can be resumed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Remembered {
    /// The vendor's id.
    pub id: String,
    /// It knows this generation of the task's work and no other.
    pub generation: u32,
    /// The round in which it was used last.
    #[serde(default)]
    pub iteration: u32,
    /// Which agent's: 0 is the plan's own, then its fallbacks.
    pub fallback: u8,
}

/// A person sent a task on its way again, or had a word for its agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Steering {
    /// Who.
    pub by: String,
    /// What its creator is told from then on.
    pub guidance: Option<String>,
    /// The next round at that time.
    pub round: u32,
    /// True if it is the first one of a new set: rounds beyond the most of one set.
    pub new_set: bool,
}

/// Where a task stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStage {
    /// Something it needs is not there.
    Waiting,
    /// All is there; its condition is being looked at.
    Weighing,
    /// All is there; the list for which it stands is being read.
    Growing,
    /// All is there; no slot yet.
    Ready,
    /// Its workspace is being set up.
    Preparing,
    /// Its steps are queued, resting or live.
    Working,
    /// What it made is being read and committed.
    Capturing,
    /// The engine decides what follows from this point.
    Deciding(Point),
    /// A person is asked whether the candidate may be accepted.
    AwaitingApproval(ApprovalId),
    /// The accepted commit goes to its ref.
    Committing(Option<ApprovalId>),
    /// Done.
    Accepted,
    /// Nothing is done for it, for this reason; whoever needs it goes on without it.
    Skipped(String),
    /// Waits for a person's decision.
    Held(HoldWhy),
    /// Given up.
    Failed(String),
}

/// Points within a round from which something follows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// The workspace stands; a new set of rounds may begin.
    Prepared,
    /// A creation round began.
    CreationBegan,
    /// A confirmation round began.
    ConfirmationBegan,
    /// The creator is done.
    Created,
    /// The self-review is in.
    SelfReviewed,
    /// The capture was refused, for this reason.
    Refused(String),
    /// The capture is there.
    Captured,
    /// All critics of a group are in; position of the next group.
    Reviewed(usize),
    /// Judges are in, and their scores are to be put together.
    Judged,
    /// The scores are in.
    Scored,
    /// The round is decided.
    Decided(Verdict),
    /// A step failed for the last time.
    StepFailed {
        /// Which.
        step: Step,
        /// How, in a sentence.
        last: String,
    },
    /// The workspace could not be set up.
    Conflict {
        /// The two sides.
        between: (String, String),
        /// Paths in conflict.
        paths: Vec<String>,
    },
    /// An effect failed too often.
    EffectFailed(String),
    /// Its condition, or the list for which it stands, gives no answer.
    Unclear {
        /// `condition` or `list`.
        what: String,
        /// Why.
        why: String,
    },
}

/// The workspace of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceState {
    /// Not there yet, or none is needed.
    #[default]
    None,
    /// Being set up.
    Preparing,
    /// There.
    Ready,
    /// To be removed.
    Releasing,
    /// Removed.
    Released,
}

/// One step at the present point of a round.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepState {
    /// What.
    pub step: Step,
    /// Failures so far.
    pub failures: u32,
    /// How many of them were malformed answers.
    pub malformed: u32,
    /// How many of them were findings with invented quotes.
    pub unfounded: u32,
    /// Why the last answer was refused: the next try is told.
    pub refused: Option<String>,
    /// Why its last session failed, and what helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<SessionFailure>,
    /// Which agent does it: 0 is the plan's own, then its fallbacks in their order.
    #[serde(default, skip_serializing_if = "crate::plan::is_zero")]
    pub fallback: u8,
    /// Where it stands.
    pub status: StepStatus,
}

impl StepState {
    /// A step of which nobody has tried anything yet, except these failures.
    pub(in crate::run) fn new(step: &Step, failures: u32, status: StepStatus) -> Self {
        StepState {
            step: step.clone(),
            failures,
            malformed: 0,
            unfounded: 0,
            refused: None,
            failure: None,
            fallback: 0,
            status,
        }
    }

    /// Whose fallbacks these are: `creator`, `critic`, `judge`, `judge-2` and so on.
    pub fn agent(step: &Step) -> String {
        match step {
            Step::Create | Step::SelfReview => "creator".into(),
            Step::Review(_) => "critic".into(),
            judge => judge.to_string(),
        }
    }
}

/// See [`StepState`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Waits for a slot.
    Queued,
    /// Waits for its back-off.
    Resting(Timestamp),
    /// An attempt is starting or running.
    Live(AttemptId),
    /// Its result is in.
    Done,
    /// It failed for the last time.
    Failed,
}

impl TaskState {
    pub(in crate::run) fn new(graph: &Graph, ix: usize) -> Self {
        let task = graph.task(ix);
        let precheck = u32::from(graph.handoff_of(ix).is_some());
        TaskState {
            stage: TaskStage::Waiting,
            generation: 1,
            iteration: 0,
            set_began: 1,
            waits: (task.needs.len() + task.behind.len()) as u32 + precheck,
            base: None,
            workspace: WorkspaceState::None,
            attempts: 0,
            steps: Vec::new(),
            refusals: 0,
            candidate: None,
            captured_in: 0,
            asked: Vec::new(),
            problems: Vec::new(),
            rounds: Vec::new(),
            steering: Vec::new(),
            session: None,
            fell: BTreeMap::new(),
            changes: Vec::new(),
            denied: 0,
            summed_up: false,
            met: false,
            taken: None,
            ready_at: None,
            began_at: None,
            accepted_at: None,
            accepted_in: 0,
            highest: 0,
        }
    }

    /// Another beginning. Attempts and rounds are counted on, and what people said about it stays said.
    pub(in crate::run) fn again(&self, graph: &Graph, ix: usize) -> Self {
        TaskState {
            generation: self.generation,
            highest: self.highest,
            attempts: self.attempts,
            iteration: self.iteration,
            set_began: self.iteration + 1,
            steering: self.steering.clone(),
            // What was wrong with an agent is still wrong.
            fell: self.fell.clone(),
            ..TaskState::new(graph, ix)
        }
    }

    /// What its creator is to be told.
    pub fn guidance(&self) -> impl Iterator<Item = &str> {
        self.steering.iter().filter_map(|s| s.guidance.as_deref())
    }

    /// A person sends it on: before its next round.
    pub(in crate::run) fn steer(&mut self, by: &str, guidance: Option<&str>, new_set: bool) {
        let guidance = guidance.map(str::to_owned);
        let round = self.iteration + 1;
        self.steering.push(Steering { by: by.to_owned(), guidance, round, new_set });
    }

    /// A step of which nobody has tried anything yet: by the agent that does such steps by now.
    pub(in crate::run) fn fresh_step(&self, step: &Step, failures: u32, status: StepStatus) -> StepState {
        let fallback = self.fell.get(&StepState::agent(step)).copied().unwrap_or(0);
        StepState { fallback, ..StepState::new(step, failures, status) }
    }

    /// Another agent or session goes on.
    pub(in crate::run) fn changed(&mut self, at: Timestamp, step: &Step, turn: AgentTurn) {
        if self.changes.len() == CHANGES_MAX {
            self.changes.remove(0);
        }
        self.changes.push(AgentChange { at, step: step.clone(), turn });
    }

    /// What was accepted, if anything.
    pub fn accepted(&self) -> Option<&Candidate> {
        matches!(self.stage, TaskStage::Accepted).then_some(self.candidate.as_ref()).flatten()
    }

    /// The present round.
    pub fn round(&self) -> Option<&Round> {
        self.rounds.last()
    }

    /// Rounds of the present set so far, the present one included.
    ///
    /// A round that was broken off, because a step failed for the last time, does not count.
    pub fn rounds_in_set(&self) -> u32 {
        let of_set = self.rounds.iter().filter(|r| r.iteration >= self.set_began);
        of_set.filter(|r| r.verdict.is_some() || r.iteration == self.iteration).count() as u32
    }

    /// Scored versions that differ, best first: their rounds. Of equals the later one is better.
    pub fn versions(&self) -> Vec<&Round> {
        let mut versions: Vec<&Round> = Vec::new();
        for round in self.rounds.iter().rev().filter(|r| r.composite.is_some() && r.candidate.is_some()) {
            if !versions.iter().any(|known| known.revision == round.revision) {
                versions.push(round);
            }
        }
        versions.sort_by_key(|r| std::cmp::Reverse(r.composite));
        versions
    }

    /// The latest composite.
    pub fn composite(&self) -> Option<Composite> {
        self.rounds.iter().rev().find_map(|r| r.composite)
    }
}
