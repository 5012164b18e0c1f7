//! The plan that a placeholder becomes when its list is there.

use super::{Grown, Growth, Item, Siblings, name_of, path_of};
use crate::ids::{BarrierId, TaskId};
use crate::plan::{Completion, CompletionBy, Input, Output, Plan, Task, TaskKind};
use std::collections::{BTreeMap, BTreeSet};

/// The plan in which the placeholder `each` is replaced, at its place in plan order, by a task for each
/// item, and every mention of it by all of them. Who waited for it and finds no item waits for what it
/// waited for.
///
/// # Errors
/// Every reason why that is no plan: no such placeholder, too many items, a role that is no choice, a
/// name or a path that is taken.
pub fn expanded(plan: &Plan, each: &TaskId, items: &[Item]) -> Result<Plan, Vec<String>> {
    let Some(at) = plan.tasks.iter().position(|task| task.id == *each) else {
        return Err(vec![format!("there is no task `{each}`")]);
    };
    let template = &plan.tasks[at];
    let TaskKind::Each(growth) = &template.kind else {
        return Err(vec![format!("`{each}` stands for no list")]);
    };
    if items.len() > growth.max as usize {
        return Err(vec![format!(
            "the list has {} items, at most {} are allowed (max)",
            items.len(),
            growth.max
        )]);
    }
    let made: Vec<Result<Task, String>> =
        items.iter().zip(1..).map(|(item, number)| instance(template, growth, item, number)).collect();
    let mut wrong: Vec<String> = made.iter().filter_map(|task| task.as_ref().err().cloned()).collect();
    let made: Vec<Task> = made.into_iter().flatten().collect();
    wrong.extend(taken(plan, at, &made));
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let ids: Vec<TaskId> = made.iter().map(|task| task.id.clone()).collect();
    let mut grown = plan.clone();
    grown.tasks.splice(at..=at, made);
    replace_edges(&mut grown, template, &ids);
    replace_groups(&mut grown, each, &ids);
    replace_shares(&mut grown, each, &ids);
    replace_completion(&mut grown, template, &ids);
    let siblings = Siblings {
        tasks: ids,
        list: Some(growth.list.clone()),
        side_by_side: growth.side_by_side,
        budget: growth.budget,
    };
    grown.siblings.insert(each.clone(), siblings);
    Ok(grown)
}

fn instance(template: &Task, growth: &Growth, item: &Item, number: u32) -> Result<Task, String> {
    let each = template.id.as_str();
    let id = name_of(each, number, growth.max);
    let mut task = template.clone();
    if let Some(role) = &item.role {
        let choice = growth.choices.get(role);
        let choice = choice.ok_or_else(|| format!("item {number}: there is no role `{role}` to choose"))?;
        task.role.clone_from(&choice.role);
        task.creator = choice.creator.clone();
    }
    let (Output::Document { paths } | Output::Data { paths, .. } | Output::Change { writes: paths }) =
        &mut task.output;
    paths.iter_mut().for_each(|path| *path = path_of(path, each, &id));
    task.kind = TaskKind::Grown(Grown {
        of: template.id.clone(),
        number,
        key: item.id.clone().unwrap_or_else(|| number.to_string()),
        item: item.json.clone(),
    });
    // It was decided for all of them, before the list was looked at.
    task.when = None;
    task.id = TaskId::from(id);
    Ok(task)
}

/// Names and paths that other tasks have.
fn taken(plan: &Plan, at: usize, made: &[Task]) -> Vec<String> {
    let others = || plan.tasks.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, task)| task);
    let names: BTreeSet<&str> =
        others().map(|t| t.id.as_str()).chain(plan.barriers.iter().map(|b| b.id.as_str())).collect();
    let is_file = |task: &&Task| matches!(task.output, Output::Document { .. });
    let paths: BTreeSet<&String> = others().filter(is_file).flat_map(|t| t.output.paths()).collect();
    let mut wrong = Vec::new();
    for task in made {
        if names.contains(task.id.as_str()) {
            wrong.push(format!("the name `{}` is taken", task.id));
        }
        for path in task.output.paths().iter().filter(|path| is_file(&task) && paths.contains(path)) {
            wrong.push(format!("`{}` would write {path}, which another task writes", task.id));
        }
    }
    wrong
}

/// The list with the placeholder replaced; true if it was there.
fn replaced(list: &mut Vec<TaskId>, each: &TaskId, by: &[TaskId]) -> bool {
    let Some(at) = list.iter().position(|id| id == each) else { return false };
    list.splice(at..=at, by.iter().cloned());
    true
}

fn replace_edges(plan: &mut Plan, template: &Task, ids: &[TaskId]) {
    let each = &template.id;
    let rank: BTreeMap<TaskId, usize> =
        plan.tasks.iter().enumerate().map(|(rank, task)| (task.id.clone(), rank)).collect();
    let barriers: BTreeMap<BarrierId, usize> =
        plan.barriers.iter().enumerate().map(|(rank, barrier)| (barrier.id.clone(), rank)).collect();
    for task in &mut plan.tasks {
        let stand_in = if ids.is_empty() { template.needs.as_slice() } else { ids };
        if replaced(&mut task.needs, each, stand_in) {
            task.needs.sort_by_key(|id| rank.get(id).copied());
            task.needs.dedup();
            if ids.is_empty() && task.kind.is_work() {
                task.behind.extend(template.behind.iter().cloned());
                task.behind.sort_by_key(|id| barriers.get(id).copied());
                task.behind.dedup();
            }
        }
        let is_it = |input: &Input| matches!(input, Input::Artifact { task } if task == each);
        if let Some(at) = task.inputs.iter().position(is_it) {
            let all = ids.iter().map(|id| Input::Artifact { task: id.clone() });
            task.inputs.splice(at..=at, all);
        }
        if let Some(when) = &mut task.when {
            replaced(&mut when.reads, each, ids);
        }
    }
}

fn replace_groups(plan: &mut Plan, each: &TaskId, ids: &[TaskId]) {
    for barrier in &mut plan.barriers {
        replaced(&mut barrier.waits_for, each, ids);
    }
    for stage in &mut plan.stages {
        replaced(&mut stage.tasks, each, ids);
    }
    for phase in plan.pipelines.iter_mut().flat_map(|pipeline| &mut pipeline.phases) {
        replaced(&mut phase.tasks, each, ids);
    }
}

/// What one of them may use up is said once for all.
fn replace_shares(plan: &mut Plan, each: &TaskId, ids: &[TaskId]) {
    let shares = &mut plan.limits.shares.tasks;
    if let Some(budget) = shares.remove(each) {
        shares.extend(ids.iter().map(|id| (id.clone(), budget)));
    }
}

/// A file that must be there at the end is one of each task.
fn replace_completion(plan: &mut Plan, template: &Task, ids: &[TaskId]) {
    let of = |path: &String| template.output.paths().contains(path);
    let all = std::mem::take(&mut plan.completion);
    plan.completion = all
        .into_iter()
        .flat_map(|criterion| match &criterion.by {
            CompletionBy::Artifact(path) if of(path) => ids
                .iter()
                .map(|id| {
                    let own = path_of(path, template.id.as_str(), id.as_str());
                    let validation = criterion.validation.replace(path.as_str(), &own);
                    Completion { validation, by: CompletionBy::Artifact(own), ..criterion.clone() }
                })
                .collect(),
            _ => vec![criterion],
        })
        .collect();
}
