//! What a run will ask of its agents, and what that costs as far as anybody can know before.

use super::{AgentSpec, Plan, Runtime, Task, TaskKind};
use crate::ids::Step;
use serde::{Deserialize, Serialize};

/// What one call of an agent costs, as the workflow says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Price {
    /// It costs something, and nobody knows how much.
    Unknown,
    /// In millionths of a US dollar; 0 for an agent that costs nothing.
    MicroUsd(u64),
}

/// Agent calls of one task. One call is one attempt of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Calls {
    /// If every gate passes at once and nothing fails.
    pub least: u32,
    /// If the gate passes in its second round.
    pub likely: u32,
    /// One set of rounds in which nothing fails and nothing passes.
    pub most: u32,
}

/// What a run will likely take: every gate passes in its second round, and nothing fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Forecast {
    /// Agent calls.
    pub calls: u32,
    /// Those of them whose price nobody knows.
    pub unpriced: u32,
    /// What the others cost together, in millionths of a US dollar.
    pub micro_usd: u64,
}

impl Forecast {
    /// Both together.
    pub fn plus(&self, other: &Forecast) -> Forecast {
        Forecast {
            calls: self.calls.saturating_add(other.calls),
            unpriced: self.unpriced.saturating_add(other.unpriced),
            micro_usd: self.micro_usd.saturating_add(other.micro_usd),
        }
    }
}

/// How often each agent of a task is called.
struct Share {
    creations: u32,
    creator: u32,
    rounds: u32,
    reviews: u32,
    judges: u32,
}

impl Task {
    fn share(&self) -> Share {
        let rounds = self.rounds.min.max(1);
        Share {
            creations: if self.judged { rounds.min(2) } else { 1 },
            creator: if self.given.is_some() { 0 } else { 1 + u32::from(self.self_review) },
            rounds,
            reviews: self.review_groups.iter().map(|g| g.len() as u32).sum(),
            judges: if self.judged { u32::from(self.judges.max(1)) } else { 0 },
        }
    }

    /// How many creations and how many rounds it likely has: its gate passes in the second one.
    pub fn likely_rounds(&self) -> (u32, u32) {
        let share = self.share();
        (share.creations, share.rounds)
    }

    /// Its likely calls of creator, self-review, critics and judges.
    pub fn likely_by_role(&self) -> [u32; 4] {
        let Share { creations, creator, rounds, reviews, judges } = self.share();
        let create = creations * creator.min(1);
        [create, creations * creator - create, rounds * reviews, rounds * judges]
    }

    /// How many agent calls it takes. What stands for a list is counted as if the list were as long as it
    /// may be, but for the least: it may be empty. So may be skipped what has a condition.
    pub fn calls(&self) -> Calls {
        let one = self.calls_of_one();
        let times = self.times();
        let certain = self.when.is_none() && !matches!(self.kind, TaskKind::Each(_));
        Calls {
            least: if certain { one.least } else { 0 },
            likely: one.likely.saturating_mul(times),
            most: one.most.saturating_mul(times),
        }
    }

    /// How many tasks it stands for at most.
    fn times(&self) -> u32 {
        match &self.kind {
            TaskKind::Each(growth) => growth.max,
            TaskKind::Declared | TaskKind::Handoff(_) | TaskKind::Grown(_) => 1,
        }
    }

    fn calls_of_one(&self) -> Calls {
        let Share { creations, creator, rounds, reviews, judges } = self.share();
        // A praised first draft has one judge more.
        let fresh = u32::from(judges == 1);
        Calls {
            least: creator + rounds * (reviews + judges),
            likely: creations * creator + rounds * (reviews + judges),
            most: self.rounds.max.max(rounds) * (creator + reviews + judges) + fresh,
        }
    }

    /// Its likely calls, and what they cost as far as that is known.
    pub fn forecast(&self) -> Forecast {
        let mut sum = Forecast::default();
        for (agent, calls) in self.likely() {
            sum.calls = sum.calls.saturating_add(calls);
            match agent.price() {
                Some(price) => {
                    sum.micro_usd = sum.micro_usd.saturating_add(price.saturating_mul(u64::from(calls)));
                }
                None => sum.unpriced += calls,
            }
        }
        sum
    }

    /// Its likely calls, by who is called.
    fn likely(&self) -> Vec<(&AgentSpec, u32)> {
        let share = self.share();
        let judges = (1..=share.judges).map(|n| (self.agent(&Step::of_judge(n as u8)), share.rounds));
        let creator = (&self.creator, share.creations * share.creator);
        let all = [creator, (&self.critic, share.rounds * share.reviews)].into_iter().chain(judges);
        all.map(|(agent, calls)| (agent, calls.saturating_mul(self.times()))).collect()
    }
}

impl AgentSpec {
    /// What one call costs, in millionths of a US dollar; `None`: it costs something, and nobody
    /// knows how much before.
    pub fn price(&self) -> Option<u64> {
        match (self.price, &self.runtime) {
            (_, Runtime::Rehearsal { .. }) => Some(0),
            (Some(Price::MicroUsd(price)), _) => Some(price),
            // An agent that is talked to spends as it goes: nobody knows how much before.
            (Some(Price::Unknown), _) | (None, Runtime::Missing | Runtime::Session(_)) => None,
            // A program for which the workflow asks for a key or for a person's log-ins is there to
            // spend in that person's name. One without is taken for a program like any other.
            (None, Runtime::Command { .. }) => {
                (!self.env_pass.iter().any(|name| opens_an_account(name))).then_some(0)
            }
        }
    }
}

fn opens_an_account(variable: &str) -> bool {
    let ends = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIALS"];
    variable == "HOME" || ends.iter().any(|end| variable.to_ascii_uppercase().ends_with(end))
}

impl Plan {
    /// Agent calls if every gate passes in its second round: what `run` announces as
    /// (at least, forecast). One call is one attempt of one step.
    pub fn forecast_calls(&self) -> (u32, u32) {
        let all = self.tasks.iter().map(Task::calls);
        all.fold((0, 0), |(least, likely), calls| {
            (least.saturating_add(calls.least), likely.saturating_add(calls.likely))
        })
    }

    /// The likely calls, and what they cost as far as that is known.
    pub fn forecast(&self) -> Forecast {
        self.tasks.iter().map(Task::forecast).fold(Forecast::default(), |sum, task| sum.plus(&task))
    }
}
