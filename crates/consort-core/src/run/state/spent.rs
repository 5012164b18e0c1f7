//! What a part of a run used up, and what one attempt may need.

use crate::ids::Step;
use crate::plan::AgentSpec;
use crate::run::{Event, EventKind, Usage};
use serde::{Deserialize, Serialize};

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

    /// What these events used up on a day, for runs that are not driven here: calls count on the day
    /// on which they began, what they used on the day on which they ended.
    pub fn on_day<'e>(day: i64, events: impl IntoIterator<Item = &'e Event>) -> Spent {
        let mut spent = Spent::default();
        for event in events.into_iter().filter(|event| event.at.day() == day) {
            match &event.kind {
                EventKind::AttemptStarting { .. } => spent.agent_calls += 1,
                EventKind::AttemptEnded { usage, wall_ms, .. } => {
                    // Without its plan: whoever used tokens and told no price.
                    spent.add(usage, *wall_ms, usage.micro_usd.is_none() && usage.tokens() > 0);
                }
                _ => {}
            }
        }
        spent
    }

    /// An attempt is over.
    pub(in crate::run) fn add(&mut self, usage: &Usage, wall_ms: u64, unknown_cost: bool) {
        self.tokens = self.tokens.saturating_add(usage.tokens());
        self.micro_usd = self.micro_usd.saturating_add(usage.micro_usd.unwrap_or(0));
        self.wall_ms = self.wall_ms.saturating_add(wall_ms);
        self.unknown_cost += u64::from(unknown_cost);
    }
}

/// The largest use of one attempt so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Most {
    /// Input and output tokens.
    pub tokens: u64,
    /// Millionths of a US dollar; `None`: no attempt told its cost.
    pub micro_usd: Option<u64>,
}

impl Most {
    /// What one attempt used up, whose agent costs so much a call if it does not say so itself.
    pub(in crate::run) fn see(&mut self, usage: &Usage, agent: &AgentSpec) {
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
