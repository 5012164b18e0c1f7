//! Where work came from: which record accepted what, who made it, and which commits hold it.
//!
//! Collected while a journal is folded, because the state only keeps what counts now: a handoff that
//! was made again, a version that did not pass, an earlier integration are in the records alone.

use crate::ids::{AttemptId, Revision, Step, TaskId};
use crate::plan::{AgentSpec, Task};
use crate::run::{Candidate, Event, EventKind, State};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// One record of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRef {
    /// Its number.
    pub seq: u64,
    /// Its hash, lower-case hex.
    pub hash: String,
    /// Its time.
    pub at: Timestamp,
}

/// A version of a task's work, as it was captured or accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Position of the task in the plan.
    pub task: usize,
    /// Of the task at that time.
    pub generation: u32,
    /// The round in which it was captured; of an accepted one, the round whose verdict counted.
    pub iteration: u32,
    /// Base of its workspace.
    pub base: Option<Revision>,
    /// The commit and its contents.
    pub candidate: Candidate,
    /// The record that says so.
    pub record: RecordRef,
}

/// A commit of the engine's own that holds the work of tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    /// The commit.
    pub revision: Revision,
    /// What it is.
    pub kind: MergeKind,
    /// The name of its checkpoint, barrier, task or branch.
    pub name: String,
    /// Accepted work in it by task, in plan order.
    pub holds: Vec<(TaskId, Revision)>,
    /// The record that says that it is there.
    pub record: RecordRef,
}

/// See [`Merge`]. In the order in which they say most about a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MergeKind {
    /// A checkpoint of the run.
    Checkpoint,
    /// What crossed a barrier.
    Barrier,
    /// The result on a branch of a person's.
    Integration,
    /// What a task's workspace was set up from.
    Base,
}

/// What the records of a run say so far.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// Every capture, in the order of the journal.
    pub captured: Vec<Version>,
    /// Every acceptance, in the order of the journal. Later ones of a task replace earlier ones.
    pub accepted: Vec<Version>,
    /// Commits that the engine made of them.
    pub merges: Vec<Merge>,
    /// Attempts that did their step.
    done: Vec<AttemptId>,
    /// Which fallback did an attempt, where it was not the plan's own agent.
    fallbacks: BTreeMap<AttemptId, u8>,
    /// The round whose version is being accepted, by task.
    accepting: BTreeMap<usize, u32>,
    /// What a prepared checkpoint will hold, by its id.
    prepared: BTreeMap<String, Vec<(TaskId, Revision)>>,
}

impl Origins {
    /// Takes in one record; `state` is the one after it.
    pub fn take(&mut self, state: &State, record: &RecordRef, events: &[Event]) {
        for event in events {
            self.event(state, record, &event.kind);
        }
    }

    /// The last attempt at this step in this round that did it.
    pub fn attempt(&self, task: &TaskId, iteration: u32, step: &Step) -> Option<&AttemptId> {
        let same = |a: &&AttemptId| a.task == *task && a.iteration == iteration && a.step == *step;
        self.done.iter().rev().find(same)
    }

    /// Who did this step in this round: the plan's own agent, or the fallback that it came to.
    pub fn agent<'p>(&self, task: &'p Task, iteration: u32, step: &Step) -> &'p AgentSpec {
        let fallback = self.attempt(&task.id, iteration, step).and_then(|a| self.fallbacks.get(a));
        task.agent_of(step, fallback.copied().unwrap_or(0))
    }

    fn event(&mut self, state: &State, record: &RecordRef, event: &EventKind) {
        use EventKind as E;
        let ix = |task: &TaskId| state.graph.ix(task);
        match event {
            E::AttemptStarting { attempt, fallback: fallback @ 1.., .. } => {
                self.fallbacks.insert(attempt.clone(), *fallback);
            }
            E::AttemptEnded { attempt, end: crate::run::AttemptEnd::Done, .. } => {
                self.done.push(attempt.clone())
            }
            E::CandidateCaptured { task, iteration, candidate, .. } => {
                let version = ix(task).map(|ix| version(state, ix, *iteration, candidate, record));
                self.captured.extend(version);
            }
            E::TaskAccepting { task, iteration, .. } => {
                self.accepting.extend(ix(task).map(|ix| (ix, *iteration)))
            }
            E::TaskAccepted { task, iteration, candidate } => {
                let Some(ix) = ix(task) else { return };
                let iteration = self.accepting.get(&ix).copied().unwrap_or(*iteration);
                self.accepted.push(version(state, ix, iteration, candidate, record));
            }
            E::WorkspaceReady { task, base: Some(base) } => {
                let Some(ix) = ix(task) else { return };
                self.merge(base, MergeKind::Base, task.as_str(), below(state, ix), record);
            }
            E::BarrierMerged { barrier, revision } => {
                let Some(b) = state.graph.barrier_ix(barrier) else { return };
                self.merge(
                    revision,
                    MergeKind::Barrier,
                    barrier.as_str(),
                    holds(state, of_barrier(state, b)),
                    record,
                );
            }
            E::CheckpointPrepared { checkpoint, .. } => {
                self.prepared.insert(checkpoint.to_string(), holds(state, 0..state.tasks.len()));
            }
            E::CheckpointCreated { checkpoint, revision } => {
                let held = self.prepared.get(checkpoint.as_str()).cloned().unwrap_or_default();
                self.merge(revision, MergeKind::Checkpoint, checkpoint.as_str(), held, record);
            }
            E::Integrated { into, revision } => {
                let held = holds(state, 0..state.tasks.len());
                self.merge(revision, MergeKind::Integration, into, held, record);
            }
            _ => {}
        }
    }

    fn merge(
        &mut self,
        revision: &Revision,
        kind: MergeKind,
        name: &str,
        holds: Vec<(TaskId, Revision)>,
        record: &RecordRef,
    ) {
        let (revision, name) = (revision.clone(), name.to_owned());
        self.merges.push(Merge { revision, kind, name, holds, record: record.clone() });
    }
}

fn version(state: &State, ix: usize, iteration: u32, candidate: &Candidate, record: &RecordRef) -> Version {
    let it = &state.tasks[ix];
    Version {
        task: ix,
        generation: it.generation,
        iteration,
        base: it.base.clone(),
        candidate: candidate.clone(),
        record: record.clone(),
    }
}

/// Accepted work of these tasks, in plan order.
fn holds(state: &State, tasks: impl IntoIterator<Item = usize>) -> Vec<(TaskId, Revision)> {
    let mut tasks: Vec<usize> = tasks.into_iter().collect();
    tasks.sort_unstable();
    tasks.dedup();
    let held = |ix: usize| {
        let accepted = state.tasks[ix].accepted()?;
        Some((state.graph.task(ix).id.clone(), accepted.revision.clone()))
    };
    tasks.into_iter().filter_map(held).collect()
}

/// What a barrier's commit merges.
fn of_barrier(state: &State, barrier: usize) -> Vec<usize> {
    let plan = &state.graph.plan.barriers[barrier];
    plan.waits_for.iter().chain(&plan.handoffs).filter_map(|t| state.graph.ix(t)).collect()
}

/// What the base of a task merges: what it needs, and what crossed the barriers before it.
fn below(state: &State, ix: usize) -> Vec<(TaskId, Revision)> {
    let task = state.graph.task(ix);
    let needs = task.needs.iter().filter_map(|t| state.graph.ix(t));
    let behind = task.behind.iter().filter_map(|b| state.graph.barrier_ix(b));
    let crossed = behind.flat_map(|b| of_barrier(state, b));
    holds(state, needs.chain(crossed).collect::<Vec<_>>())
}
