//! Barriers: who is still awaited, and what follows when nobody is.

use super::{rollback, tasks};
use crate::plan::CheckpointFrequency;
use crate::run::state::{BarrierStage, Due, State, TaskStage, WorkspaceState};
use crate::time::Timestamp;

/// A task waits for one thing less.
pub(super) fn less(state: &mut State, ix: usize) {
    let it = &mut state.tasks[ix];
    it.waits = it.waits.saturating_sub(1);
    let it = &state.tasks[ix];
    if it.waits == 0 && it.stage == TaskStage::Waiting && !state.is_ending() {
        state.front.due.insert(Due::Task(ix));
    }
}

/// The barrier has come to a point from which something follows.
pub(super) fn barrier_due(state: &mut State, b: usize, stage: BarrierStage) {
    state.barriers[b].stage = stage;
    if !state.is_ending() {
        state.front.due.insert(Due::Barrier(b));
    }
}

/// One participant more is accepted.
pub(super) fn participant_accepted(state: &mut State, b: usize) {
    state.barriers[b].waits -= 1;
    if state.barriers[b].waits == 0 {
        barrier_due(state, b, BarrierStage::Arrived);
    }
}

/// One handoff more is accepted.
pub(super) fn handoff_accepted(state: &mut State, b: usize) {
    state.barriers[b].handoffs_left -= 1;
    if state.barriers[b].handoffs_left == 0 {
        barrier_due(state, b, BarrierStage::Pollinated);
    }
}

/// The barrier is behind us: its followers may go on.
pub(super) fn completed(state: &mut State, b: usize, at: Timestamp) {
    let graph = state.graph.clone();
    tasks::done(state, &Due::Barrier(b));
    state.barriers[b].stage = BarrierStage::Complete;
    state.barriers[b].completed_at = Some(at);
    state.barriers[b].completed_in = state.record;
    state.front.barriers_left -= 1;
    graph.followers(b).iter().for_each(|ix| less(state, *ix));
    if !tasks::is_finished(state) && graph.plan.checkpoints <= CheckpointFrequency::Barrier {
        state.front.due.insert(Due::BarrierCheckpoint(b));
    }
    tasks::finished(state);
}

/// A person refused the barrier: every handoff is made again, in a new generation, so that
/// what was accepted before stays where it is.
pub(super) fn reopen(state: &mut State, b: usize, note: Option<&str>, by: &str) {
    let graph = state.graph.clone();
    state.barriers[b].set += 1;
    state.barriers[b].revision = None;
    state.barriers[b].taken.clear();
    state.barriers[b].stage = BarrierStage::CrossPollinating;
    for ix in graph.handoffs_of(b) {
        state.front.tasks_left += 1;
        state.front.releasing.remove(&ix);
        state.barriers[b].handoffs_left += 1;
        rollback::retire(state, ix);
        let it = &mut state.tasks[ix];
        it.generation = it.generation.max(it.highest) + 1;
        it.stage = TaskStage::Waiting;
        it.workspace = WorkspaceState::None;
        it.accepted_at = None;
        it.candidate = None;
        it.asked.clear();
        it.summed_up = false;
        it.set_began = it.iteration + 1;
        it.steer(by, note, true);
        state.front.due.insert(Due::Task(ix));
    }
}
