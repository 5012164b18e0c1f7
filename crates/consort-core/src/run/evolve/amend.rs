//! Another plan for the same run: see [`crate::run::amend`].

use super::rollback::is_untouched;
use super::{reindex, rollback, tasks};
use crate::ids::ContentHash;
use crate::plan::CheckpointFrequency;
use crate::run::event::RunStatus;
use crate::run::graph::Graph;
use crate::run::plans::{Amending, Change, ChangeWhy, Leaving};
use crate::run::state::{BarrierStage, BarrierState, Due, Past, State, TaskStage, TaskState};
use crate::run::{amend, budget, order, rank};
use crate::time::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the other plan gives up is on its way out.
pub(super) fn began(state: &mut State, amending: Amending) -> Result<(), String> {
    if state.amending.is_some() || state.rolling_back().is_some() {
        return Err("the run is amended in the middle of another change".into());
    }
    let new = known(state, &amending.plan)?;
    state.leaving = amend::leaving(state, &new);
    state.amending = Some(amending);
    state.cancelling = false;
    state.ended_at = None;
    state.stopped = None;
    let over = state.is_over();
    if over {
        state.status = if state.paused_at.is_some() { RunStatus::Paused } else { RunStatus::Active };
    }
    for ix in state.leaving.tasks.clone() {
        tasks::unqueue(state, ix);
        order::leaves(state, ix);
        let left_over = over && !state.tasks[ix].stage.is_done();
        if left_over || state.tasks[ix].stage == TaskStage::Ready {
            state.tasks[ix].stage = TaskStage::Waiting;
        }
        rollback::leaves(state, ix);
    }
    if over {
        reindex::all(state);
    }
    Ok(())
}

/// The other plan holds.
pub(super) fn changed(
    state: &mut State,
    plan: &ContentHash,
    absent: &[String],
    why: &ChangeWhy,
    at: Timestamp,
) -> Result<(), String> {
    let new = known(state, plan)?;
    let mut source = state.source_at(u64::MAX).cloned();
    if matches!(why, ChangeWhy::Amended { .. }) {
        let asked = state.amending.take().filter(|under_way| under_way.plan == *plan);
        source = asked.ok_or_else(|| format!("nobody asked for the plan {plan}"))?.source;
    }
    let leaving = std::mem::take(&mut state.leaving);
    let old = state.graph.clone();
    for ix in &leaving.tasks {
        let of = format!("/{}/", old.task(*ix).id);
        state.failing.retain(|key, _| !key.contains(&of));
        rollback::retire(state, *ix);
    }
    for b in &leaving.barriers {
        retire_barrier(state, *b);
    }
    let (open, calls) = (open_stages(state), budget::under_way(state));
    replan(state, &new, &leaving);
    budget::newly_limited(state, &calls);
    let given_up = |past: &Past| matches!(past, Past::Task { until, .. } if *until == state.record);
    let tidied = !state.past.iter().any(given_up);
    let (plan, absent, seq) = (plan.clone(), absent.to_vec(), state.record);
    state.changes.push(Change { plan, absent, source, why: why.clone(), seq, at, tidied });
    reindex::all(state);
    reindex::go_on(state);
    ended_by_it(state, &open);
    Ok(())
}

/// Stages that have not ended, by what they are called.
fn open_stages(state: &State) -> BTreeSet<String> {
    let stages = state.graph.plan.stages.iter().zip(&state.stages_left);
    stages.filter(|(_, left)| **left > 0).map(|(stage, _)| stage.subject.clone()).collect()
}

/// A stage of which only that was left which the other plan does not have ends by the change.
fn ended_by_it(state: &mut State, open: &BTreeSet<String>) {
    if state.graph.plan.checkpoints == CheckpointFrequency::Barrier || tasks::is_finished(state) {
        return;
    }
    for (s, stage) in state.graph.plan.stages.iter().enumerate() {
        if state.stages_left[s] == 0 && open.contains(&stage.subject) {
            state.front.due.insert(Due::Stage(s));
        }
    }
}

/// Accepted commits that were given up lie where they belong.
pub(super) fn tidied(state: &mut State, number: u32) -> Result<(), String> {
    let at = (number as usize).checked_sub(1);
    let change = at.and_then(|at| state.changes.get_mut(at)).filter(|change| !change.tidied);
    change.ok_or_else(|| format!("nothing was given up by change {number}"))?.tidied = true;
    Ok(())
}

fn known(state: &State, plan: &ContentHash) -> Result<Arc<Graph>, String> {
    state.known_plan(plan).cloned().ok_or_else(|| format!("the plan {plan} is not known"))
}

/// A complete barrier that is given up is kept for a rollback to where it held.
pub(super) fn retire_barrier(state: &mut State, b: usize) {
    if state.barriers[b].stage == BarrierStage::Complete {
        let was = Box::new(state.barriers[b].clone());
        let barrier = state.graph.plan.barriers[b].id.clone();
        state.past.push(Past::Barrier { barrier, until: state.record, was });
    }
}

/// Tasks and barriers of the other plan, in its order: those that stay as they are, the others at their beginning.
/// Numbers of those that are in no plan any more are remembered.
pub(super) fn replan(state: &mut State, new: &Arc<Graph>, leaving: &Leaving) {
    let old = state.graph.clone();
    for (ix, task) in old.plan.tasks.iter().enumerate() {
        let it = &state.tasks[ix];
        if new.ix(&task.id).is_none() && !is_untouched(it) {
            let numbers = (it.generation.max(it.highest), it.attempts, it.iteration);
            state.gone.tasks.insert(task.id.clone(), numbers);
        }
    }
    for (b, barrier) in old.plan.barriers.iter().enumerate() {
        if new.barrier_ix(&barrier.id).is_none() {
            state.gone.barriers.insert(barrier.id.clone(), state.barriers[b].set);
        }
    }
    let tasks = (0..new.plan.tasks.len()).map(|ix| match old.ix(&new.task(ix).id) {
        Some(was) if !leaving.tasks.contains(&was) => state.tasks[was].clone(),
        Some(was) => anew(&state.tasks[was], new, ix),
        None => returned(state, new, ix),
    });
    let tasks = tasks.collect();
    let barriers = new.plan.barriers.iter().map(|barrier| {
        let was = old.barrier_ix(&barrier.id);
        match was.map(|b| (&state.barriers[b], leaving.barriers.contains(&b))) {
            Some((it, false)) => it.clone(),
            Some((it, true)) => {
                BarrierState { set: it.set + u32::from(it.stage != BarrierStage::Waiting), ..fresh(barrier) }
            }
            None => {
                let used = state.gone.barriers.get(&barrier.id).copied().unwrap_or(0);
                BarrierState { set: used + 1, ..fresh(barrier) }
            }
        }
    });
    let barriers = barriers.collect();
    state.tasks = tasks;
    state.barriers = barriers;
    state.graph = new.clone();
    rank::anew(state);
}

fn fresh(barrier: &crate::plan::Barrier) -> BarrierState {
    BarrierState::new(barrier)
}

/// Another beginning of a task that was there before.
fn anew(was: &TaskState, new: &Graph, ix: usize) -> TaskState {
    if is_untouched(was) {
        return was.again(new, ix);
    }
    let highest = was.generation.max(was.highest) + 1;
    // Whoever changed the workflow may have mended its agents.
    TaskState { generation: highest, highest, fell: Default::default(), ..was.again(new, ix) }
}

/// A task of a name that an earlier plan may have had.
fn returned(state: &State, new: &Graph, ix: usize) -> TaskState {
    let it = TaskState::new(new, ix);
    let Some((highest, attempts, iteration)) = state.gone.tasks.get(&new.task(ix).id).copied() else {
        return it;
    };
    let generation = highest + 1;
    TaskState { generation, highest: generation, attempts, iteration, set_began: iteration + 1, ..it }
}
