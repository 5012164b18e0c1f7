//! Conditions and lists: see [`crate::run::growth`].

use super::Applied;
use super::stages::at_stage;
use super::tasks::{self, decide, done};
use crate::ids::{ContentHash, TaskId};
use crate::run::rank;
use crate::run::state::{Due, Point, State, Taken, TaskStage};
use crate::time::Timestamp;

/// Something is to be found out before anything begins.
pub(super) fn asks(state: &mut State, task: &TaskId, stage: TaskStage, at: Timestamp) -> Applied {
    let ix = at_stage(state, task, "looked into", |s| matches!(s, TaskStage::Waiting))?;
    done(state, &Due::Task(ix));
    state.front.ensuring.insert(ix);
    state.tasks[ix].stage = stage;
    state.tasks[ix].ready_at.get_or_insert(at);
    Ok(())
}

/// Its turn comes once more, with what is known by now.
fn again(state: &mut State, ix: usize) {
    state.front.ensuring.remove(&ix);
    let was_ahead = rank::is_ahead(&state.tasks[ix].stage);
    state.tasks[ix].stage = TaskStage::Waiting;
    if !was_ahead {
        rank::ahead(state);
    }
    if !state.is_leaving(ix) {
        state.front.due.insert(Due::Task(ix));
    }
}

pub(super) fn met(state: &mut State, task: &TaskId) -> Applied {
    let ix = at_stage(state, task, "met", |s| matches!(s, TaskStage::Weighing))?;
    state.tasks[ix].met = true;
    again(state, ix);
    Ok(())
}

pub(super) fn taken(
    state: &mut State,
    task: &TaskId,
    (from, plan): (&ContentHash, &ContentHash),
    count: u32,
    names: &[String],
) -> Applied {
    let ix = at_stage(state, task, "taken", |s| matches!(s, TaskStage::Growing))?;
    let agreed = state.tasks[ix].taken.as_ref().is_some_and(|known| known.agreed && known.count == count);
    let (from, plan, names) = (from.clone(), plan.clone(), names.to_vec());
    state.tasks[ix].taken = Some(Taken { from, plan, count, names, agreed });
    again(state, ix);
    Ok(())
}

pub(super) fn agreed(state: &mut State, task: &TaskId) -> Applied {
    let ix = at_stage(state, task, "agreed", |s| matches!(s, TaskStage::AwaitingApproval(_)))?;
    let taken = state.tasks[ix].taken.as_mut().ok_or_else(|| format!("{task} has no list"))?;
    taken.agreed = true;
    again(state, ix);
    Ok(())
}

/// It cannot be found out: a person decides.
pub(super) fn unclear(state: &mut State, task: &TaskId, what: &str, why: &str) -> Applied {
    let open = |s: &TaskStage| matches!(s, TaskStage::Weighing | TaskStage::Growing);
    let ix = at_stage(state, task, "unclear", open)?;
    state.front.ensuring.remove(&ix);
    rank::begins(state, ix);
    decide(state, ix, Point::Unclear { what: what.to_owned(), why: why.to_owned() });
    Ok(())
}

/// Nothing is done for it, and whoever waits for it goes on.
pub(super) fn skipped(state: &mut State, task: &TaskId, why: &str, at: Timestamp) -> Applied {
    let open = |s: &TaskStage| matches!(s, TaskStage::Waiting | TaskStage::Weighing);
    let ix = at_stage(state, task, "skipped", open)?;
    done(state, &Due::Task(ix));
    state.front.ensuring.remove(&ix);
    rank::begins(state, ix);
    state.tasks[ix].stage = TaskStage::Skipped(why.to_owned());
    state.tasks[ix].ready_at.get_or_insert(at);
    state.front.tasks_left -= 1;
    tasks::passed(state, ix);
    Ok(())
}

/// A person sends on what was held before anything began: its turn comes again.
pub(super) fn released(state: &mut State, ix: usize) {
    state.tasks[ix].stage = TaskStage::Waiting;
    rank::ahead(state);
    state.tasks[ix].taken = None;
    if state.tasks[ix].waits == 0 && !state.is_leaving(ix) {
        state.front.due.insert(Due::Task(ix));
    }
}
