//! One barrier, and where it stands.

use crate::ids::{ApprovalId, Revision};
use crate::run::event::BarrierHold;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One barrier.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BarrierState {
    /// Where it stands.
    pub stage: BarrierStage,
    /// Participants that are not accepted.
    pub waits: u32,
    /// Handoffs that are not accepted.
    pub handoffs_left: u32,
    /// Sets of handoffs that were started, from 1.
    pub set: u32,
    /// New sets of rounds that its handoffs used up.
    pub retries: u32,
    /// Its commit.
    pub revision: Option<Revision>,
    /// When it was completed.
    pub completed_at: Option<Timestamp>,
    /// Sequence number of the record since which it is complete; 0: it is not.
    #[serde(default, skip_serializing_if = "is_zero_u64")]
    pub completed_in: u64,
    /// Blockers that a person decided to go on with.
    #[serde(default)]
    pub taken: Vec<String>,
}

fn is_zero_u64(n: &u64) -> bool {
    *n == 0
}

impl BarrierState {
    pub(in crate::run) fn new(plan: &crate::plan::Barrier) -> Self {
        BarrierState {
            stage: BarrierStage::Waiting,
            waits: plan.waits_for.len() as u32,
            handoffs_left: plan.handoffs.len() as u32,
            set: 1,
            retries: 0,
            revision: None,
            completed_at: None,
            completed_in: 0,
            taken: Vec::new(),
        }
    }
}

/// See [`BarrierState`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BarrierStage {
    /// A participant is not accepted.
    Waiting,
    /// All are accepted; the pre-check is due.
    Arrived,
    /// Handoffs are being made.
    CrossPollinating,
    /// Handoffs are accepted; the merge is due.
    Pollinated,
    /// Its commit is being made.
    Merging,
    /// Its commit is there; verification and approval are due.
    Merged,
    /// A person is asked.
    AwaitingApproval(ApprovalId),
    /// Behind us.
    Complete,
    /// Waits for a person's decision.
    Held(BarrierHold),
    /// Given up.
    Failed(String),
}
