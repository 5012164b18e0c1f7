//! Barriers: who is still awaited, what follows when nobody is, and from where to where one may come.

use super::tasks::done;
use super::{Applied, rollback, tasks};
use crate::ids::{BarrierId, Revision};
use crate::plan::CheckpointFrequency;
use crate::run::event::BarrierHold;
use crate::run::state::{BarrierStage, Due, State, TaskStage, WorkspaceState};
use crate::time::Timestamp;

/// A task waits for one thing less.
pub(super) fn less(state: &mut State, ix: usize) {
    let it = &mut state.tasks[ix];
    it.waits = it.waits.saturating_sub(1);
    let it = &state.tasks[ix];
    if it.waits == 0 && it.stage == TaskStage::Waiting && !state.is_leaving(ix) {
        state.front.due.insert(Due::Task(ix));
    }
}

/// The barrier has come to a point from which something follows.
pub(super) fn barrier_due(state: &mut State, b: usize, stage: BarrierStage) {
    state.barriers[b].stage = stage;
    if !state.is_barrier_leaving(b) {
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
    crate::run::rank::ahead(state);
}

pub(super) fn prechecked(state: &mut State, barrier: &BarrierId) -> Applied {
    let b = at_barrier(state, barrier, "prechecked", |s| matches!(s, BarrierStage::Arrived))?;
    done(state, &Due::Barrier(b));
    state.barriers[b].stage = BarrierStage::CrossPollinating;
    if state.barriers[b].handoffs_left == 0 {
        barrier_due(state, b, BarrierStage::Pollinated);
    }
    let graph = state.graph.clone();
    graph.handoffs_of(b).for_each(|ix| less(state, ix));
    Ok(())
}

pub(super) fn merging(state: &mut State, barrier: &BarrierId) -> Applied {
    let b = at_barrier(state, barrier, "merging", |s| matches!(s, BarrierStage::Pollinated))?;
    done(state, &Due::Barrier(b));
    state.front.merging.insert(b);
    state.barriers[b].stage = BarrierStage::Merging;
    Ok(())
}

pub(super) fn merged(state: &mut State, barrier: &BarrierId, revision: &Revision) -> Applied {
    let b = at_barrier(state, barrier, "merged", |s| matches!(s, BarrierStage::Merging))?;
    state.front.merging.remove(&b);
    state.barriers[b].revision = Some(revision.clone());
    barrier_due(state, b, BarrierStage::Merged);
    Ok(())
}

pub(super) fn held(state: &mut State, barrier: &BarrierId, why: &BarrierHold) -> Applied {
    let b =
        at_barrier(state, barrier, "held", |s| matches!(s, BarrierStage::Merging | BarrierStage::Merged))?;
    state.front.merging.remove(&b);
    done(state, &Due::Barrier(b));
    state.barriers[b].stage = BarrierStage::Held(why.clone());
    Ok(())
}

pub(super) fn released(state: &mut State, barrier: &BarrierId) -> Applied {
    let b = at_barrier(state, barrier, "released", |s| matches!(s, BarrierStage::Held(_)))?;
    if let BarrierStage::Held(BarrierHold::Blocked { blockers }) = &state.barriers[b].stage {
        state.barriers[b].taken = blockers.clone();
    }
    barrier_due(state, b, BarrierStage::Pollinated);
    Ok(())
}

pub(super) fn reopened(
    state: &mut State,
    barrier: &BarrierId,
    note: Option<&str>,
    by: Option<&str>,
) -> Applied {
    let b = at_barrier(state, barrier, "reopened", |s| {
        matches!(s, BarrierStage::AwaitingApproval(_) | BarrierStage::Held(_))
    })?;
    reopen(state, b, note, by.unwrap_or("a person"));
    Ok(())
}

pub(super) fn passed(state: &mut State, barrier: &BarrierId, at: Timestamp) -> Applied {
    let open = |s: &BarrierStage| matches!(s, BarrierStage::Merged | BarrierStage::AwaitingApproval(_));
    let b = at_barrier(state, barrier, "completed", open)?;
    completed(state, b, at);
    Ok(())
}

pub(super) fn failed(state: &mut State, barrier: &BarrierId, why: &str) -> Applied {
    let b = at_barrier(state, barrier, "failed", |s| !matches!(s, BarrierStage::Complete))?;
    done(state, &Due::Barrier(b));
    state.front.merging.remove(&b);
    state.front.given_up += 1;
    state.barriers[b].stage = BarrierStage::Failed(why.to_owned());
    Ok(())
}

pub(super) fn barrier_index(state: &State, barrier: &BarrierId) -> Result<usize, String> {
    state.graph.barrier_ix(barrier).ok_or_else(|| format!("the plan has no barrier {barrier}"))
}

fn at_barrier(
    state: &State,
    barrier: &BarrierId,
    what: &str,
    legal: impl Fn(&BarrierStage) -> bool,
) -> Result<usize, String> {
    let ix = barrier_index(state, barrier)?;
    let stage = &state.barriers[ix].stage;
    legal(stage).then_some(ix).ok_or_else(|| format!("{barrier} cannot be {what} while it is {stage:?}"))
}
