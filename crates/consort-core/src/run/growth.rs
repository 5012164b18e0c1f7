//! Work that grows, and work that is skipped: what is decided when the turn of a task comes.
//!
//! - A task whose condition (`when`) does not hold is skipped, and so is one that would read nothing but the work of
//!   skipped ones. What is skipped is done: whoever needs it goes on without it.
//! - A placeholder (`for_each` over a list that another task makes) is replaced by its tasks when the list is there: the
//!   plan changes. What the plan becomes is worked out from list and plan alone, and kept in the content store before the
//!   event that names it. Where somebody must agree to the list, nothing of it is made before.
//!
//! If the plan changes meanwhile, it is worked out anew from the present one: nobody is asked a second time.

use super::ask::{Questions, cut};
use super::effect::{Ensure, Fact};
use super::event::{ApprovalKind, EventKind};
use super::input::Report;
use super::plans::ChangeWhy;
use super::state::{State, Taken, TaskStage};
use crate::ids::TaskId;
use crate::plan::{Growth, Input, Task, TaskKind};

/// Names of items that a question shows.
const NAMES_MAX: usize = 12;

/// The placeholder's bounds.
pub(super) fn growth(task: &Task) -> Option<&Growth> {
    match &task.kind {
        TaskKind::Each(growth) => Some(growth),
        _ => None,
    }
}

/// All that a task waits for is there: what comes first?
pub(super) fn turn(state: &State, ix: usize) -> Vec<EventKind> {
    let (task, it) = (state.graph.task(ix), &state.tasks[ix]);
    let id = task.id.clone();
    if let Some(why) = reads_nothing(state, task) {
        return vec![EventKind::TaskSkipped { task: id, why }];
    }
    if task.when.is_some() && !it.met {
        return vec![EventKind::TaskWeighing { task: id }];
    }
    match &it.taken {
        _ if growth(task).is_none() => vec![EventKind::TaskReady { task: id }],
        Some(taken) if state.plan_at(u64::MAX) == Some(&taken.from) => agree(state, task, taken),
        _ => vec![EventKind::TaskGrowing { task: id }],
    }
}

/// All that it would read comes from tasks that were skipped.
fn reads_nothing(state: &State, task: &Task) -> Option<String> {
    let read = task.inputs.iter().filter_map(|input| match input {
        Input::Artifact { task } | Input::Handoff { task } => state.graph.ix(task),
        Input::File { .. } | Input::Outside { .. } => None,
    });
    let read: Vec<usize> = read.collect();
    let skipped = |ix: &usize| matches!(state.tasks[*ix].stage, TaskStage::Skipped(_));
    if read.is_empty() || !read.iter().all(skipped) {
        return None;
    }
    let names: Vec<&str> = read.iter().take(5).map(|ix| state.graph.task(*ix).id.as_str()).collect();
    Some(cut(&format!("all that it reads was skipped: {}", names.join(", ")), 300))
}

/// The list is read: its tasks come to be, once somebody agreed where that is asked for.
fn agree(state: &State, task: &Task, taken: &Taken) -> Vec<EventKind> {
    let who = growth(task).and_then(|growth| growth.approval.as_ref());
    match who {
        Some(approval) if !taken.agreed => {
            let kind = ApprovalKind::List { task: task.id.clone(), count: taken.count };
            Questions::new(state).ask(kind, &approval.who, question(task, taken))
        }
        _ => grown(&task.id, taken),
    }
}

fn question(task: &Task, taken: &Taken) -> String {
    let names = taken.names.join("; ");
    let more = (taken.count as usize).saturating_sub(taken.names.len());
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("make {} tasks of the list for {}? {names}{more}", taken.count, task.id)
}

fn grown(task: &TaskId, taken: &Taken) -> Vec<EventKind> {
    let why = ChangeWhy::Grown { task: task.clone() };
    vec![EventKind::PlanChanged { plan: taken.plan.clone(), absent: Vec::new(), why }]
}

/// A person said whether the list is taken.
pub(super) fn answered(state: &State, task: &TaskId, yes: bool, by: &str, said: &str) -> Vec<EventKind> {
    if !yes {
        let why = cut(&format!("its list was refused by {by}: {said}"), 500);
        return vec![EventKind::TaskFailed { task: task.clone(), why }];
    }
    vec![EventKind::ListAgreed { task: task.clone() }]
        .into_iter()
        .filter(|_| state.graph.ix(task).is_some())
        .collect()
}

/// What is to be found out for a task whose turn has come.
pub(super) fn wish(state: &State, ix: usize) -> Option<Ensure> {
    let (task, it) = (state.graph.task(ix), &state.tasks[ix]);
    let (id, generation) = (task.id.clone(), it.generation);
    match &it.stage {
        TaskStage::Weighing => {
            let condition = task.when.as_ref()?;
            let facts = condition.reads.iter().filter_map(|id| fact(state, id)).collect();
            Some(Ensure::Condition { task: id, generation, expr: condition.expr.clone(), facts })
        }
        TaskStage::Growing => {
            let list = state.graph.ix(&growth(task)?.list)?;
            let artifact = state.tasks[list].accepted()?.artifacts.first()?.clone();
            let revision = state.tasks[list].accepted()?.revision.clone();
            let from = state.plan_at(u64::MAX)?.clone();
            Some(Ensure::List { task: id, generation, artifact, revision, from })
        }
        _ => None,
    }
}

/// What a condition may know of a task.
fn fact(state: &State, id: &TaskId) -> Option<Fact> {
    let ix = state.graph.ix(id)?;
    let it = &state.tasks[ix];
    Some(Fact {
        task: id.clone(),
        skipped: matches!(it.stage, TaskStage::Skipped(_)),
        composite: it.composite(),
        rounds: it.rounds.len() as u32,
        accepted: it.accepted().cloned(),
    })
}

/// What a worker found out.
pub(super) fn reported(state: &State, report: &Report) -> Vec<EventKind> {
    let at = |task: &TaskId, generation: u32, stage: TaskStage| {
        state.graph.ix(task).filter(|ix| {
            let it = &state.tasks[*ix];
            it.generation == generation && it.stage == stage && !state.is_leaving(*ix)
        })
    };
    match report {
        Report::ConditionWeighed { task, generation, met } => {
            let Some(ix) = at(task, *generation, TaskStage::Weighing) else { return Vec::new() };
            if *met {
                return vec![EventKind::ConditionMet { task: task.clone() }];
            }
            let expr = state.graph.task(ix).when.as_ref().map(|when| when.expr.as_str()).unwrap_or_default();
            let why = cut(&format!("its condition does not hold: {expr}"), 300);
            vec![EventKind::TaskSkipped { task: task.clone(), why }]
        }
        Report::ListTaken { task, generation, from, plan, count, names } => {
            let present = state.plan_at(u64::MAX) == Some(from);
            if at(task, *generation, TaskStage::Growing).is_none()
                || !present
                || state.known_plan(plan).is_none()
            {
                return Vec::new();
            }
            let names = names.iter().take(NAMES_MAX).map(|name| cut(name, 80)).collect();
            let (from, plan, count) = (from.clone(), plan.clone(), *count);
            vec![EventKind::ListTaken { task: task.clone(), from, plan, count, names }]
        }
        Report::Unclear { task, generation, what, why } => {
            let known =
                at(task, *generation, TaskStage::Weighing).or(at(task, *generation, TaskStage::Growing));
            known
                .map(|_| EventKind::TaskUnclear {
                    task: task.clone(),
                    what: cut(what, 40),
                    why: cut(why, 600),
                })
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}

/// True if as many of this task's siblings are at work as may be at once.
pub(super) fn is_crowded(state: &State, ix: usize) -> bool {
    let Some(own) = state.graph.task(ix).list() else { return false };
    let most = state.graph.plan.siblings.get(own).map_or(0, |siblings| siblings.side_by_side) as usize;
    if most == 0 {
        return false;
    }
    let of = |task: &TaskId| state.graph.ix(task).is_some_and(|ix| state.graph.task(ix).list() == Some(own));
    let preparing = state.front.ensuring.iter().filter(|other| {
        state.tasks[**other].stage == TaskStage::Preparing && of(&state.graph.task(**other).id)
    });
    // One that is at work goes on with its next step: it does not count against itself.
    let own_id = &state.graph.task(ix).id;
    let others: std::collections::BTreeSet<&TaskId> =
        state.live.keys().map(|a| &a.task).filter(|task| *task != own_id && of(task)).collect();
    others.len() + preparing.count() >= most
}

/// The plan that a list made, of which a question asks.
pub(super) fn is_asked(state: &State, task: &TaskId, count: u32) -> bool {
    let it = state.graph.ix(task).map(|ix| &state.tasks[ix]);
    it.is_some_and(|it| it.taken.as_ref().is_some_and(|taken| taken.count == count && !taken.agreed))
}
