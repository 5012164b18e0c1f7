//! A task as people see it.

use super::When;
use crate::view::words::Word;
use serde::Serialize;

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct TaskView {
    /// Its id.
    pub id: String,
    /// What its agent is there for.
    pub role: String,
    /// Pipeline key and phase number.
    pub place: Option<(String, u32)>,
    /// The barrier, if it is a handoff.
    pub handoff_of: Option<String>,
    /// `a-->b`, if it is a handoff.
    pub direction: Option<String>,
    /// PENDING, BLOCKED, IN_PROGRESS, COMPLETE or FAILED.
    pub status: Word,
    /// What it does or waits for, in a few words.
    pub activity: String,
    /// Since when.
    pub since: Option<When>,
    /// What it waits for: tasks, barriers, inputs.
    pub blocked_by: Vec<String>,
    /// The present round, from 1; 0 before the first.
    pub round: u32,
    /// At least this many rounds.
    pub rounds_min: u32,
    /// At most this many in one set.
    pub rounds_max: u32,
    /// Whether a judge scores it.
    pub judged: bool,
    /// Passes at or above this.
    pub threshold: String,
    /// All rounds so far.
    pub rounds: Vec<RoundView>,
    /// Where its gate stands.
    pub gate: GateView,
    /// Attempts so far, over all steps.
    pub attempts: u32,
    /// Attempts that run now.
    pub live: Vec<LiveView>,
    /// Its workspace: IDLE, PROVISIONING, READY, DISPATCHED, RUNNING, COMPLETED, FAILED, MERGING,
    /// MERGED, CONFLICTED or CLEANUP.
    pub workspace: &'static str,
    /// C1 to C4.
    pub criticality: String,
    /// Declared outputs.
    pub outputs: Vec<String>,
    /// Names of what it reads.
    pub inputs: Vec<String>,
    /// The commit of its last candidate; the accepted one if it is COMPLETE.
    pub revision: Option<String>,
    /// What was captured: path and SHA-256.
    pub artifacts: Vec<(String, String)>,
    /// Files that it wrote elsewhere, which were not taken.
    pub strays: Vec<String>,
    /// What checks say against the last candidate: check and text.
    pub problems: Vec<(String, String)>,
    /// The round in which the present set of rounds began.
    pub set_began: u32,
    /// What people said about it, and the sets of rounds that they granted.
    pub steering: Vec<SteeringView>,
    /// Where another agent or session went on than was to be expected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangeView>,
    /// When work began.
    pub started_at: Option<When>,
    /// When it was accepted.
    pub completed_at: Option<When>,
}

/// A person sent the task on its way again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct SteeringView {
    /// Who.
    pub by: String,
    /// What its creator is told from then on.
    pub guidance: Option<String>,
    /// Before this round.
    pub round: u32,
    /// Whether that began a set of rounds beyond the most of one set.
    pub new_set: bool,
}

impl SteeringView {
    /// `ann, before round 4, a new set of rounds: shorter`
    pub fn line(&self) -> String {
        let set = if self.new_set { ", a new set of rounds" } else { "" };
        let said = self.guidance.as_ref().map(|g| format!(": {g}")).unwrap_or_default();
        format!("{}, before round {}{set}{said}", self.by, self.round)
    }
}

/// An attempt that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct LiveView {
    /// `task/generation.iteration.attempt/step`.
    pub attempt: String,
    /// Its step.
    pub step: String,
    /// `starting`, `running`, `stopping`.
    pub state: &'static str,
    /// Since when.
    pub since: When,
    /// When it is stopped.
    pub deadline: When,
    /// Questions of its agent that wait for an answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<String>,
    /// By which its session can be resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Which fallback it is, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<u8>,
    /// Why its session is a new one where an earlier one was to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fresh: Option<String>,
}

/// Another agent, or another session, went on with the work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ChangeView {
    /// When.
    pub at: When,
    /// At which step.
    pub step: String,
    /// What, and why.
    pub what: String,
}

impl ChangeView {
    /// `2026-02-20T00:00:00Z create: fallback 1 takes over: …`
    pub fn line(&self) -> String {
        format!("{} {}: {}", self.at, self.step, self.what)
    }
}

/// One round of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RoundView {
    /// From 1.
    pub number: u32,
    /// `creation` or `confirmation`.
    pub kind: &'static str,
    /// Exact composite.
    pub composite: Option<String>,
    /// PASS, REVISE or REJECTED.
    pub band: Option<String>,
    /// Dimension and score.
    pub scores: Vec<(String, String)>,
    /// Strategies that were applied.
    pub strategies: Vec<String>,
    /// Open findings: critical, major, minor.
    pub findings: (u32, u32, u32),
    /// Problems found by checks.
    pub problems: u32,
    /// How it was decided, in a few words; `None` while it goes on.
    pub verdict: Option<String>,
}

/// The gate of one task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct GateView {
    /// PENDING before the first score, then IN_PROGRESS, COMPLETE if passed, FAILED if not.
    pub status: Word,
    /// The latest exact composite.
    pub score: Option<String>,
    /// PASS, REVISE or REJECTED, of the latest composite.
    pub band: Option<String>,
    /// Rounds so far.
    pub rounds: u32,
    /// True if a person accepted it against the verdict.
    pub overridden: bool,
}

impl TaskView {
    /// The composites of all scored rounds.
    pub fn composites(&self) -> impl Iterator<Item = &str> {
        self.rounds.iter().filter_map(|r| r.composite.as_deref())
    }

    /// `round 2 of 3..5`; `round 6, 1 of 3..5 in a new set` where rounds were granted beyond the
    /// first set; empty before the first round.
    pub fn round_text(&self) -> String {
        let (least, most) = (self.rounds_min, self.rounds_max);
        match (self.round, self.judged) {
            (0, _) => String::new(),
            (n, true) if self.set_began > 1 && n >= self.set_began => {
                format!("round {n}, {} of {least}..{most} in a new set", n - self.set_began + 1)
            }
            (n, true) => format!("round {n} of {least}..{most}"),
            (n, false) => format!("round {n}"),
        }
    }
}
