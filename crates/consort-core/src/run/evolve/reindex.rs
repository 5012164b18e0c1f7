//! All indexes and counts again, from what is there: after another plan, or another past. Everywhere else they are
//! kept step by step, and a test compares them with this.

use super::tasks;
use crate::run::state::{BarrierStage, Due, State, TaskStage};

/// What waits for what, what is in flight, how much is left.
pub(super) fn all(state: &mut State) {
    state.front = state.front_anew();
    for ix in 0..state.tasks.len() {
        state.tasks[ix].waits = state.waits_anew(ix);
    }
    let graph = state.graph.clone();
    let done = |state: &State, ix: usize| state.tasks[ix].stage.is_done();
    for (b, barrier) in graph.plan.barriers.iter().enumerate() {
        let open = |ids: &[crate::ids::TaskId], state: &State| {
            ids.iter().filter_map(|id| graph.ix(id)).filter(|ix| !done(state, *ix)).count() as u32
        };
        state.barriers[b].waits = open(&barrier.waits_for, state);
        state.barriers[b].handoffs_left = open(&barrier.handoffs, state);
    }
    let left = graph.plan.stages.iter().map(|stage| {
        stage.tasks.iter().filter_map(|id| graph.ix(id)).filter(|ix| !done(state, *ix)).count() as u32
    });
    state.stages_left = left.collect();
}

/// What now follows by itself is due.
pub(super) fn go_on(state: &mut State) {
    tasks::awaits_nothing(state);
    for (b, barrier) in state.barriers.iter().enumerate() {
        if barrier.stage == BarrierStage::CrossPollinating && barrier.handoffs_left == 0 {
            state.front.due.insert(Due::Barrier(b));
        }
    }
    tasks::finished(state);
    let asks = |ix: usize| state.tasks[ix].stage == TaskStage::Waiting && tasks::asked_inputs(state, ix) > 0;
    if (0..state.tasks.len()).any(asks) {
        state.front.due.insert(Due::Inputs);
    }
}
