//! What a run used up.

use crate::ids::Step;
use serde::{Deserialize, Serialize};

/// What a run used up, over all resumes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Used {
    /// Attempts started.
    pub agent_calls: u32,
    /// Attempts that did their step.
    pub done: u32,
    /// Attempts that failed.
    pub failed: u32,
    /// Attempts that were lost or unknown.
    pub lost: u32,
    /// Of those that were lost, those that are known not to have run: no budget counts them.
    #[serde(default, skip_serializing_if = "crate::plan::is_zero")]
    pub never_ran: u32,
    /// Input tokens, as reported.
    pub tokens_in: u64,
    /// Output tokens, as reported.
    pub tokens_out: u64,
    /// Cost, as reported, in millionths of a US dollar.
    pub micro_usd: u64,
    /// Calls that reported no cost.
    pub unpriced: u32,
    /// Wall time of all attempts, in milliseconds.
    pub wall_ms: u64,
    /// Time the machine slept, in milliseconds.
    pub suspended_ms: u64,
    /// Time the run was paused, in milliseconds, up to the last pause that ended.
    #[serde(default)]
    pub paused_ms: u64,
    /// Calls of agents of whom nobody knows what they cost: they ran, and reported no cost.
    #[serde(default)]
    pub unknown_cost: u32,
    /// The same by what the attempts were for.
    #[serde(default)]
    pub by_role: ByRole,
}

/// What attempts of each kind used up. Judges of a panel and one that scores a praised first draft
/// again are judges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)] // the names say it
pub struct ByRole {
    pub creator: RoleUse,
    pub self_review: RoleUse,
    pub critic: RoleUse,
    pub judge: RoleUse,
}

/// See [`ByRole`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RoleUse {
    /// Attempts started.
    pub calls: u32,
    /// Input tokens, as reported.
    pub tokens_in: u64,
    /// Output tokens, as reported.
    pub tokens_out: u64,
    /// Cost, as reported, in millionths of a US dollar.
    pub micro_usd: u64,
    /// Wall time, in milliseconds.
    pub wall_ms: u64,
}

impl ByRole {
    pub(in crate::run) fn of(&mut self, step: &Step) -> &mut RoleUse {
        match step {
            Step::Create => &mut self.creator,
            Step::SelfReview => &mut self.self_review,
            Step::Review(_) => &mut self.critic,
            Step::Judge | Step::Panel(_) => &mut self.judge,
        }
    }
}
