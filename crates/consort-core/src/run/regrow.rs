//! A changed workflow knows nothing of what its lists made in a run. Where a list still holds, its tasks stand in the
//! changed plan as they do in the present one: what they made is found again.

use super::graph::Graph;
use super::input::Candidate;
use super::survivors::{Survivors, There};
use crate::ids::TaskId;
use crate::plan::growth::{expanded, items};
use crate::plan::{Plan, TaskKind};

/// The changed plan with the tasks of each list that the present plan `old` has grown by, if that list was accepted
/// (`accepted`) and the changed plan says the same about it. `read` gives the bytes of what was accepted; a list that
/// cannot be read, or that does not fit the changed plan, is read again by the run.
pub fn regrown(
    old: &Graph,
    mut plan: Plan,
    accepted: &dyn Fn(&TaskId) -> Option<Candidate>,
    read: &dyn Fn(&Candidate) -> Option<Vec<u8>>,
) -> Plan {
    let mut tried: Vec<TaskId> = Vec::new();
    while let Some((each, list)) = next(old, &plan, accepted, &tried) {
        tried.push(each.clone());
        let grown = accepted(&list).and_then(|candidate| read(&candidate)).and_then(|bytes| {
            let TaskKind::Each(growth) = &plan.task(&each)?.kind else { return None };
            expanded(&plan, &each, &items(&bytes, growth).ok()?).ok()
        });
        plan = grown.unwrap_or(plan);
    }
    plan
}

/// The next placeholder whose list holds.
fn next(
    old: &Graph,
    plan: &Plan,
    accepted: &dyn Fn(&TaskId) -> Option<Candidate>,
    tried: &[TaskId],
) -> Option<(TaskId, TaskId)> {
    let new = Graph::new(plan.clone());
    let there = |ix: usize| accepted(&old.task(ix).id).is_some();
    let any = |_: usize| true;
    let survivors = Survivors::of(old, &new, There { task: &there, accepted: &there, barrier: &any });
    plan.tasks.iter().find_map(|task| {
        let TaskKind::Each(growth) = &task.kind else { return None };
        let grew = old.plan.siblings.contains_key(&task.id);
        let holds = grew && !tried.contains(&task.id) && survivors.has(&growth.list);
        holds.then(|| (task.id.clone(), growth.list.clone()))
    })
}
