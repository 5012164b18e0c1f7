//! What follows from a limit without room: a question to a person, or the end of what it limits.

use super::limit::{Limit, Scope, UNKNOWN_COST, amount_words, limit_words, limits, next_max};
use crate::plan::Then;
use crate::run::ask::{Questions, cut, superseded};
use crate::run::event::{ApprovalKind, EventKind};
use crate::run::handle::cancelling;
use crate::run::state::{Approval, State, TaskStage};

/// What follows from a limit without room: a question, once, or the end of what it limits.
pub(super) fn no_room(state: &State, limit: Limit<'_>, next: u64) -> Vec<EventKind> {
    let Limit { scope, ref name, used, max, .. } = limit;
    if limit.then == Then::Stop || !scope.is_whole() && is_refused(state, name) {
        let reached = EventKind::BudgetReached { limit: name.clone(), used, max, stop: true };
        if scope.is_whole() {
            return vec![reached];
        }
        let why = format!(
            "{}; raise it in the workflow for the next run, or `consort retry` raises it once",
            used_up(&limit, next)
        );
        let halted = halt(state, scope, &why, false);
        return if halted.is_empty() { halted } else { [vec![reached], halted].concat() };
    }
    let is_asked = |kind: &ApprovalKind| matches!(kind, ApprovalKind::Budget { limit } if limit == name);
    if state.open_approvals().any(|(_, a)| is_asked(&a.kind)) {
        return Vec::new();
    }
    let mut events = vec![EventKind::BudgetReached { limit: name.clone(), used, max, stop: false }];
    let no = match scope {
        Scope::Run | Scope::Day(_) => "ends the run".to_owned(),
        Scope::Pipeline(id) => format!("gives up what is left of pipeline {id}"),
        Scope::Task(id) => format!("gives up {id}"),
        Scope::List(id) => format!("gives up what is left of {id}"),
    };
    let yes = match limit.measure {
        UNKNOWN_COST => "lets such calls pass without counting them",
        _ => "raises it by as much again",
    };
    let question = format!("{}: approve {yes}, reject {no}", used_up(&limit, next));
    let kind = ApprovalKind::Budget { limit: name.clone() };
    events.extend(Questions::new(state).ask(kind, "the person who pays", question));
    events
}

/// In words, for the question and for what is given up.
fn used_up(limit: &Limit<'_>, next: u64) -> String {
    let amount = |n| amount_words(&limit.name, n);
    let (used, max) = (amount(limit.used), amount(limit.max));
    let name = limit_words(&limit.name);
    match (limit.measure, next) {
        (UNKNOWN_COST, _) => {
            let calls = if limit.used == 1 { "1 call".to_owned() } else { format!("{} calls", limit.used) };
            format!("{name} cannot be kept: nobody knows what {calls} cost, so they are not counted in it")
        }
        (_, next) if next > 0 && !limit.is_used_up() => {
            let next = amount(next);
            format!(
                "{name} has no room for the next attempt, which may use up {next} ({used} of {max} are used)"
            )
        }
        _ => format!("{name} is used up ({used} of {max})"),
    }
}

/// A person said no to more of it: it is not asked again.
fn is_refused(state: &State, name: &str) -> bool {
    let no = |a: &Approval| a.answer.as_ref().is_some_and(|answer| !answer.yes);
    let of = |kind: &ApprovalKind| matches!(kind, ApprovalKind::Budget { limit } if limit == name);
    state.approvals.values().any(|a| of(&a.kind) && no(a))
}

/// A person said no: the run ends, or what this limit is about is given up.
pub(in crate::run) fn refused(state: &State, limit: &str, by: &str, said: &str) -> Vec<EventKind> {
    match Scope::of(limit).0 {
        scope if scope.is_whole() => cancelling(state, by),
        scope => {
            let why = format!("{}: no more, by {by}: {said}", limit_words(limit));
            halt(state, scope, &why, true)
        }
    }
}

/// Gives up the tasks of a part that would start something. `at_once`: those that work now, too; else
/// they come to the end of what they began. What only waits for a person, or is made already, stays.
fn halt(state: &State, scope: Scope<'_>, why: &str, at_once: bool) -> Vec<EventKind> {
    let all: Vec<usize> = match scope {
        Scope::Task(id) => state.graph.ix(&id.into()).into_iter().collect(),
        _ => (0..state.tasks.len()).filter(|ix| scope.holds(state, *ix)).collect(),
    };
    let mut events = Vec::new();
    for ix in all {
        let id = &state.graph.task(ix).id;
        let lives = state.live.keys().any(|attempt| attempt.task == *id);
        match &state.tasks[ix].stage {
            TaskStage::Waiting | TaskStage::Ready => {}
            TaskStage::Working if at_once || !lives => events.extend(superseded(state, id)),
            _ => continue,
        }
        events.push(EventKind::TaskFailed { task: id.clone(), why: cut(why, 500) });
    }
    events
}

/// A person sends a task on that was given up for want of room: its part of the budget, and its
/// pipeline's, rise by their first amount where they are used up.
pub(in crate::run) fn reopened(state: &State, ix: usize, by: &str) -> Vec<EventKind> {
    let parts = Scope::around(state, ix, state.now).filter(|scope| !scope.is_whole());
    let closed = parts
        .flat_map(|scope| limits(state, scope, state.now))
        .filter(|limit| limit.then == Then::Stop || is_refused(state, &limit.name));
    // What kept it from starting may have been the size of its next attempt: then it says so.
    let TaskStage::Failed(why) = &state.tasks[ix].stage else { return Vec::new() };
    let reached = |limit: &Limit<'_>| {
        limit.is_used_up() || limit.measure != UNKNOWN_COST && why.contains(&limit_words(&limit.name))
    };
    let raise = |limit: Limit<'_>| EventKind::BudgetRaised {
        max: next_max(state, &limit.name),
        limit: limit.name,
        by: by.to_owned(),
    };
    closed.filter(reached).map(raise).collect()
}
