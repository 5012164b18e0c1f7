//! What agents do: how good their work is, and how they misbehave.

use super::chance::hash;
use consort_core::ids::{AttemptId, Step, TaskId};
use consort_core::plan::Caps;
use consort_core::run::{FailureClass, Severity, Usage};
use std::collections::BTreeMap;

/// How good the versions of one task's work are. The last entry of a list counts for all
/// later versions; an empty list means 0, or for scores 1.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Score of every dimension by version, in ten-thousandths.
    pub scores: Vec<u32>,
    /// Added to the first dimension only, so that dimensions differ.
    pub lead: u32,
    /// Critical findings of each critic by version.
    pub critical: Vec<u32>,
    /// Major findings of each critic by version.
    pub major: Vec<u32>,
    /// Problems that deterministic checks find, by version.
    pub problems: Vec<u32>,
    /// By version, 1 where what was really changed asks for a higher level than the plan gives it.
    pub escalated: Vec<u32>,
    /// The first version that says for every handoff what was done with it; 0 and 1: all do.
    pub acknowledges_from: u32,
}

impl Profile {
    /// These scores and nothing wrong beside them.
    pub fn scores(scores: &[u32]) -> Self {
        Profile { scores: scores.to_vec(), ..Profile::default() }
    }

    pub(crate) fn at(list: &[u32], version: u32, none: u32) -> u32 {
        let index = (version.max(1) as usize - 1).min(list.len().saturating_sub(1));
        list.get(index).copied().unwrap_or(none)
    }

    pub(crate) fn findings(&self, version: u32) -> Vec<Severity> {
        let mut found = vec![Severity::Critical; Profile::at(&self.critical, version, 0) as usize];
        found.extend(vec![Severity::Major; Profile::at(&self.major, version, 0) as usize]);
        found.push(Severity::Minor);
        found
    }
}

/// How one attempt goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Play {
    /// As it should.
    Well,
    /// Ends only when it is stopped.
    Hang,
    /// Ends with this exit code.
    Exit(i32),
    /// Is gone without a record.
    Vanish,
    /// Gives an answer that is none.
    Malformed,
    /// Gives no answer.
    Silent,
    /// Gives scores of other dimensions than the plan's.
    OtherDimensions,
    /// Writes no artifact.
    Empty,
    /// Cannot be started.
    NotStarted,
    /// Its session says that it did not do its work, and what would help.
    Fails(FailureClass),
    /// The quota of its pool is used up; its vendor says that it gives again in so many milliseconds.
    Limited(Option<u64>),
}

/// Which attempt goes how.
#[derive(Clone, Debug, Default)]
pub struct Plays {
    /// By task and step, for its first, second … attempt at that step; then well.
    pub scripted: BTreeMap<(TaskId, Step), Vec<Play>>,
    /// A seed, and how many of 1,000 attempts misbehave.
    pub seeded: Option<(u64, u32)>,
}

impl Plays {
    /// How attempt `nth` (from 0) at this step goes; `talked`: whether it has a session.
    pub fn of(&self, attempt: &AttemptId, nth: usize, talked: bool) -> Play {
        let key = (attempt.task.clone(), attempt.step.clone());
        if let Some(play) = self.scripted.get(&key).and_then(|plays| plays.get(nth)) {
            return *play;
        }
        let Some((seed, permille)) = self.seeded else { return Play::Well };
        let draw = hash(&format!("{seed} {attempt}"));
        if draw % 1_000 >= u64::from(permille) {
            return Play::Well;
        }
        let creator = attempt.step.is_creator();
        if talked && (draw / 8_000).is_multiple_of(2) {
            return Play::Fails(match draw / 16_000 % 8 {
                0 => FailureClass::Never,
                1 => FailureClass::Backoff,
                2 => return Play::Limited(None),
                3 => FailureClass::OtherRuntime,
                4 => FailureClass::Person,
                5 => FailureClass::Retry,
                6 => return Play::Limited(Some(draw / 128_000 % 5_400_000)),
                _ => FailureClass::Cap,
            });
        }
        match draw / 1_000 % 8 {
            0 => Play::Hang,
            1 => Play::Exit(1),
            2 => Play::Vanish,
            3 if creator => Play::Empty,
            3 => Play::Malformed,
            4 => Play::NotStarted,
            5 if attempt.step.judge().is_some() => Play::OtherDimensions,
            6 => Play::Silent,
            _ => Play::Exit(137),
        }
    }
}

/// What attempts use up.
#[derive(Clone, Debug, Default)]
pub struct Spends {
    /// By task and step, for its first, second … attempt at that step; then as all others.
    pub scripted: BTreeMap<(TaskId, Step), Vec<Usage>>,
    /// A seed: attempts differ, and some do not know what they cost. Nobody uses more than the cap.
    pub seeded: Option<u64>,
}

impl Spends {
    /// What attempt `nth` (from 0) at this step uses up, if its agent has these caps.
    pub fn of(&self, attempt: &AttemptId, nth: usize, caps: Caps) -> Usage {
        let key = (attempt.task.clone(), attempt.step.clone());
        if let Some(usage) = self.scripted.get(&key).and_then(|all| all.get(nth)) {
            return *usage;
        }
        let usual = Usage { tokens_in: 100, tokens_out: 10, micro_usd: Some(1_000) };
        let Some(seed) = self.seeded else { return usual };
        let draw = hash(&format!("{seed} spends {attempt}"));
        let tokens = (draw % 4_000).min(caps.tokens_max.unwrap_or(u64::MAX));
        let cost = (draw / 4_000 % 9_000).min(caps.micro_usd_max.unwrap_or(u64::MAX));
        let known = caps.micro_usd_max.is_some() || !(draw / 36_000_000).is_multiple_of(16);
        Usage { tokens_in: tokens, tokens_out: 0, micro_usd: known.then_some(cost) }
    }
}

/// The quota of a pool that gives nothing for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// True time in milliseconds at which it gives again.
    pub until: i64,
    /// Whether its vendor says so.
    pub told: bool,
}
