//! What is in flight and what is due, derived from the rest of the state.

use crate::ids::{ApprovalId, AttemptId};
use crate::run::rank::{Learned, Ranks};
use crate::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Indexes over the state: what is in flight and what is due. A test compares them with a
/// naive recomputation after every event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::run) struct Frontier {
    /// Decisions that follow by themselves and were not taken yet.
    pub due: BTreeSet<Due>,
    /// Ready tasks without a workspace: by pipeline, then the one with the longest chain first.
    pub ready: BTreeSet<(usize, Reverse<u64>, usize)>,
    /// Steps that wait for a slot: (task, position in its steps).
    pub queued: BTreeSet<(usize, usize)>,
    /// Steps that wait for their back-off: (not before, task, position).
    pub resting: BTreeSet<(Timestamp, usize, usize)>,
    /// Deadlines of live attempts.
    pub deadlines: BTreeSet<(Timestamp, AttemptId)>,
    /// Tasks whose stage asks for an Ensure.
    pub ensuring: BTreeSet<usize>,
    /// Tasks whose workspace is to be removed.
    pub releasing: BTreeSet<usize>,
    /// Barriers whose commit is being made.
    pub merging: BTreeSet<usize>,
    /// Checkpoints that are prepared and neither there nor failed.
    pub checkpointing: BTreeSet<usize>,
    /// Tasks that are not accepted.
    pub tasks_left: usize,
    /// Barriers that are not COMPLETE.
    pub barriers_left: usize,
    /// Tasks and barriers that were given up.
    pub given_up: usize,
    /// Questions without an answer.
    pub open_approvals: BTreeSet<ApprovalId>,
    /// How long the chains of work are: see `run/rank.rs`.
    pub ranks: Arc<Ranks>,
    /// How long steps took so far.
    pub learned: Learned,
    /// What all agents will take for tasks of which nothing is done yet, in milliseconds.
    pub ahead: u128,
    /// Attempts that each pipeline has had, by its number.
    pub had: BTreeMap<usize, u64>,
}

/// A decision that is due. The order is the order in which they are taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::run) enum Due {
    /// A task has come to a point where something follows.
    Task(usize),
    /// A stage of phases ended: checkpoint.
    Stage(usize),
    /// A task ended and every task makes a checkpoint.
    Agent(usize),
    /// A barrier has come to a point where something follows.
    Barrier(usize),
    /// A barrier was completed: checkpoint.
    BarrierCheckpoint(usize),
    /// Inputs that a person must declare are to be asked for.
    Inputs,
    /// Everything is accepted: is the run COMPLETE?
    Completion,
    /// The run is COMPLETE: last checkpoint.
    LastCheckpoint,
}
