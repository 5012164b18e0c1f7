//! What a part of a run used up, and what one attempt may need.

use crate::ids::{AttemptId, Step};
use crate::plan::AgentSpec;
use crate::run::graph::Graph;
use crate::run::{Event, EventKind, Usage, budget};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What attempts used up together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Spent {
    /// Attempts started.
    pub agent_calls: u64,
    /// Input and output tokens, as reported.
    pub tokens: u64,
    /// Cost, as reported, in millionths of a US dollar.
    pub micro_usd: u64,
    /// What they worked, in milliseconds.
    pub wall_ms: u64,
    /// Calls of agents of whom nobody knows what they cost.
    pub unknown_cost: u64,
}

impl Spent {
    /// Both together.
    pub fn plus(&self, other: &Spent) -> Spent {
        Spent {
            agent_calls: self.agent_calls.saturating_add(other.agent_calls),
            tokens: self.tokens.saturating_add(other.tokens),
            micro_usd: self.micro_usd.saturating_add(other.micro_usd),
            wall_ms: self.wall_ms.saturating_add(other.wall_ms),
            unknown_cost: self.unknown_cost.saturating_add(other.unknown_cost),
        }
    }

    /// The larger of both, amount by amount.
    pub(in crate::run) fn at_least(&self, other: &Spent) -> Spent {
        Spent {
            agent_calls: self.agent_calls.max(other.agent_calls),
            tokens: self.tokens.max(other.tokens),
            micro_usd: self.micro_usd.max(other.micro_usd),
            wall_ms: self.wall_ms.max(other.wall_ms),
            unknown_cost: self.unknown_cost.max(other.unknown_cost),
        }
    }

    /// An attempt is over.
    pub(in crate::run) fn add(&mut self, usage: &Usage, wall_ms: u64, unknown_cost: bool) {
        self.tokens = self.tokens.saturating_add(usage.tokens());
        self.micro_usd = self.micro_usd.saturating_add(usage.micro_usd.unwrap_or(0));
        self.wall_ms = self.wall_ms.saturating_add(wall_ms);
        self.unknown_cost += u64::from(unknown_cost);
    }
}

/// What living attempts may still use up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reserved {
    /// Input and output tokens.
    pub tokens: u64,
    /// Millionths of a US dollar.
    pub micro_usd: u64,
    /// There is one of whom nobody can say how many tokens it needs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tokens_unknown: bool,
    /// There is one of whom nobody can say what it costs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub micro_usd_unknown: bool,
}

impl Reserved {
    /// Both together.
    pub fn plus(&self, other: &Reserved) -> Reserved {
        Reserved {
            tokens: self.tokens.saturating_add(other.tokens),
            micro_usd: self.micro_usd.saturating_add(other.micro_usd),
            tokens_unknown: self.tokens_unknown || other.tokens_unknown,
            micro_usd_unknown: self.micro_usd_unknown || other.micro_usd_unknown,
        }
    }

    /// True if nobody needs anything.
    pub fn is_nothing(&self) -> bool {
        *self == Reserved::default()
    }
}

/// What a run that is not driven here used up, day by day (since 1970-01-01, in UTC): calls count on the day
/// on which they began, what they used on the day on which they ended.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    days: BTreeMap<i64, Spent>,
    /// Who does what is begun.
    fallbacks: BTreeMap<AttemptId, u8>,
}

impl Tally {
    /// The next events of the run with this graph.
    pub fn take(&mut self, graph: &Graph, events: &[Event]) {
        for Event { at, kind } in events {
            match kind {
                EventKind::AttemptStarting { attempt, fallback, .. } => {
                    self.fallbacks.insert(attempt.clone(), *fallback);
                    self.days.entry(at.day()).or_default().agent_calls += 1;
                }
                EventKind::AttemptEnded { attempt, end, usage, wall_ms, .. } => {
                    let fallback = self.fallbacks.remove(attempt).unwrap_or(0);
                    let task = graph.ix(&attempt.task).map(|ix| graph.task(ix));
                    let agent = task.map(|task| task.agent_of(&attempt.step, fallback));
                    let unknown = agent.is_some_and(|agent| budget::is_unknown(agent, end, usage));
                    self.days.entry(at.day()).or_default().add(usage, *wall_ms, unknown);
                }
                _ => {}
            }
        }
    }

    /// What it used up on this day, as far as its events were taken.
    pub fn on_day(&self, day: i64) -> Spent {
        self.days.get(&day).copied().unwrap_or_default()
    }
}

/// The largest use of one attempt so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Most {
    /// Input and output tokens.
    pub tokens: u64,
    /// Millionths of a US dollar; `None`: no attempt told its cost.
    pub micro_usd: Option<u64>,
    /// What one worked, in milliseconds.
    #[serde(default)]
    pub wall_ms: u64,
    /// One of them did its step: before, nobody can say what the next one needs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
}

impl Most {
    /// What one attempt used up, whose agent costs so much a call if it does not say so itself.
    pub(in crate::run) fn see(&mut self, usage: &Usage, wall_ms: u64, agent: &AgentSpec, done: bool) {
        self.done |= done;
        self.wall_ms = self.wall_ms.max(wall_ms);
        self.tokens = self.tokens.max(usage.tokens());
        self.micro_usd = self.micro_usd.max(usage.micro_usd.or_else(|| agent.price()));
    }
}

/// What an attempt is for, in a word: those of a kind need about as much.
pub(in crate::run) fn kind_of(step: &Step) -> &'static str {
    match step {
        Step::Create => "creator",
        Step::SelfReview => "self_review",
        Step::Review(_) => "critic",
        Step::Judge | Step::Panel(_) => "judge",
    }
}
