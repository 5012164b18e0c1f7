//! Where a task stands: what may come next is checked, an illegal event is refused.

use super::tasks::{decide, done, unqueue};
use super::{Applied, growth, rounds};
use crate::ids::{ApprovalId, Revision, TaskId};
use crate::run::input::{Candidate, Raised};
use crate::run::state::{Due, Point, State, TaskStage};
use crate::run::{order, rank};
use crate::time::Timestamp;

pub(super) fn index(state: &State, task: &TaskId) -> Result<usize, String> {
    state.graph.ix(task).ok_or_else(|| format!("the plan has no task {task}"))
}

pub(super) fn at_stage(
    state: &State,
    task: &TaskId,
    what: &str,
    legal: impl Fn(&TaskStage) -> bool,
) -> Result<usize, String> {
    let ix = index(state, task)?;
    let stage = &state.tasks[ix].stage;
    legal(stage).then_some(ix).ok_or_else(|| format!("{task} cannot be {what} while it is {stage:?}"))
}

pub(super) fn captured(
    state: &mut State,
    (task, iteration): (&TaskId, u32),
    candidate: &Candidate,
    passed: &[u32],
    raised: Option<&Raised>,
) -> Applied {
    let ix = at_stage(state, task, "captured", |s| matches!(s, TaskStage::Capturing))?;
    state.front.ensuring.remove(&ix);
    let problems = state.tasks[ix].problems.len() as u32;
    let round = rounds::of(state, ix, iteration)?;
    round.revision = Some(candidate.revision.clone());
    round.candidate = Some(candidate.clone());
    round.passed = passed.to_vec();
    round.raised = raised.cloned();
    round.problems = problems;
    let it = &mut state.tasks[ix];
    it.candidate = Some(candidate.clone());
    it.captured_in = iteration;
    decide(state, ix, Point::Captured);
    Ok(())
}

pub(super) fn refused(state: &mut State, task: &TaskId, why: &str) -> Applied {
    let ix = at_stage(state, task, "refused", |s| matches!(s, TaskStage::Capturing))?;
    state.front.ensuring.remove(&ix);
    state.tasks[ix].refusals += 1;
    decide(state, ix, Point::Refused(why.to_owned()));
    Ok(())
}

pub(super) fn accepting(
    state: &mut State,
    task: &TaskId,
    revision: &Revision,
    approval: Option<&ApprovalId>,
) -> Applied {
    let open = |s: &TaskStage| {
        matches!(s, TaskStage::Deciding(_) | TaskStage::AwaitingApproval(_) | TaskStage::Held(_))
    };
    let ix = at_stage(state, task, "accepting", open)?;
    done(state, &Due::Task(ix));
    rounds::choose(&mut state.tasks[ix], revision);
    state.front.ensuring.insert(ix);
    state.tasks[ix].stage = TaskStage::Committing(approval.cloned());
    Ok(())
}

pub(super) fn released(
    state: &mut State,
    task: &TaskId,
    guidance: Option<&str>,
    new_set: bool,
    by: &str,
    at: Timestamp,
) -> Applied {
    let ix = at_stage(state, task, "released", |s| matches!(s, TaskStage::Held(_) | TaskStage::Failed(_)))?;
    if matches!(state.tasks[ix].stage, TaskStage::Failed(_)) {
        state.front.given_up -= 1;
    }
    // A person who sends it on has patience again.
    state.pools.values_mut().for_each(|pool| pool.since = at);
    if guidance.is_some() || new_set {
        state.tasks[ix].steer(by, guidance, new_set);
    }
    rounds::first_agents(&mut state.tasks[ix]);
    // It was held, or given up, before anything began.
    let condition = state.graph.task(ix).when.is_some() && !state.tasks[ix].met;
    if condition || crate::run::growth::growth(state.graph.task(ix)).is_some() {
        growth::released(state, ix);
        return Ok(());
    }
    match rounds::interrupted(&state.tasks[ix]).filter(|_| !new_set) {
        Some(point) => decide(state, ix, point),
        None => rounds::released(state, ix, new_set),
    }
    Ok(())
}

pub(super) fn failed(state: &mut State, task: &TaskId, why: &str) -> Applied {
    let ix = at_stage(state, task, "failed", |s| !matches!(s, TaskStage::Accepted | TaskStage::Failed(_)))?;
    done(state, &Due::Task(ix));
    unqueue(state, ix);
    state.front.ensuring.remove(&ix);
    order::leaves(state, ix);
    rank::begins(state, ix);
    state.front.given_up += 1;
    state.tasks[ix].stage = TaskStage::Failed(why.to_owned());
    Ok(())
}
