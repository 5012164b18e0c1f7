//! Numbers that bound a run.

use super::Dimension;
use crate::ids::{PipelineId, TaskId};
use crate::quality::Score;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The gate, resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Passes at or above this; the seed: 0.92.
    pub threshold: Score,
    /// Below this is REJECTED rather than REVISE; always below the threshold. The seed: 0.85.
    pub floor: Score,
    /// What a judge scores; the weights add up to exactly 1.
    pub dimensions: Vec<Dimension>,
}

/// How many rounds of creator, critics and judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rounds {
    /// At least this many before acceptance (3 at C2 and above), even if the first one passes.
    pub min: u32,
    /// At most this many in one set; then the breaker opens and a person decides.
    pub max: u32,
    /// An improvement of the composite below this is no progress.
    pub plateau_delta: Score,
    /// That many rounds without progress in a row open the breaker. Passing rounds do not count.
    pub plateau_window: u32,
}

/// Concurrency, time-outs, retries, budgets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Attempts that may run at once, reviewers included.
    pub max_concurrent_agents: u32,
    /// New sets of rounds a handoff may start before its barrier's breaker opens; the seed: 2.
    pub max_barrier_retries: u32,
    /// Tries per step of a round before a person is asked.
    pub max_attempts: u32,
    /// Waiting time between two tries of one step.
    pub backoff: Backoff,
    /// How long a quota is waited for that gives nothing, in milliseconds; then a person is asked.
    #[serde(default = "half_a_day", skip_serializing_if = "is_half_a_day")]
    pub patience_ms: u64,
    /// Wall time of one attempt, in milliseconds, unless its agent says otherwise.
    pub attempt_timeout_ms: u64,
    /// Time between asking a process to end and killing it, in milliseconds.
    pub grace_ms: u64,
    /// What the whole run may use up.
    pub budget: Budget,
    /// What parts of it may use up.
    #[serde(default, skip_serializing_if = "Shares::is_empty")]
    pub shares: Shares,
}

/// 12 hours.
pub const PATIENCE_MS: u64 = 12 * 3_600_000;

fn half_a_day() -> u64 {
    PATIENCE_MS
}

fn is_half_a_day(ms: &u64) -> bool {
    *ms == PATIENCE_MS
}

/// Doubling back-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// Wait before the second try, in milliseconds.
    pub first_ms: u64,
    /// Never longer than this.
    pub max_ms: u64,
}

impl Backoff {
    /// The wait after `failures` failures in a row: first, twice that, and so on.
    pub fn after(self, failures: u32) -> u64 {
        let doublings = failures.saturating_sub(1).min(32);
        self.first_ms.saturating_mul(1 << doublings).min(self.max_ms)
    }
}

/// `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Attempts that may be started, over all resumes.
    pub agent_calls_max: Option<u32>,
    /// Cost as reported by agents, in millionths of a US dollar.
    pub micro_usd_max: Option<u64>,
    /// Tokens as reported by agents, in and out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_max: Option<u64>,
    /// In milliseconds. Of a run: time since its start, pauses and suspends not counted. Of a task or a
    /// pipeline: what its agents worked, added up.
    pub wall_ms_max: Option<u64>,
    /// Told once when so much of a limit is used up; `None`: only the end is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_at: Option<Score>,
    /// What follows when a limit is used up.
    #[serde(default, skip_serializing_if = "Then::is_ask")]
    pub then: Then,
}

impl Budget {
    /// True if nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        let Budget { agent_calls_max, micro_usd_max, tokens_max, wall_ms_max, .. } = self;
        agent_calls_max.is_none() && wall_ms_max.is_none() && micro_usd_max.is_none() && tokens_max.is_none()
    }
}

/// What follows when a limit is used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// A person decides whether it is raised.
    #[default]
    Ask,
    /// Nothing more of it starts, and nobody is asked.
    Stop,
}

impl Then {
    /// True for the default.
    pub fn is_ask(&self) -> bool {
        *self == Then::Ask
    }
}

/// Budgets of parts of a run; who is missing here has no limit of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// By task, handoffs too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<TaskId, Budget>,
    /// What all runs in this repository may use up together on one day (UTC); no wall time.
    #[serde(default, skip_serializing_if = "Budget::is_unlimited")]
    pub day: Budget,
    /// By pipeline: all its tasks and the handoffs that come from it, together.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pipelines: BTreeMap<PipelineId, Budget>,
}

impl Shares {
    /// True if nothing is limited.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.pipelines.is_empty() && self.day.is_unlimited()
    }
}
