//! Lists from which tasks are made: whoever wrote one can still mend it while it is a candidate.

use super::{Problem, problem};
use consort_core::plan::growth::{self, EACH_MAX, Growth};
use consort_core::plan::{Output, Plan, Task, TaskKind};

/// What the lists of a task may be: one entry for each of those that make tasks of it.
pub fn wanted<'a>(plan: &'a Plan, task: &Task) -> Vec<&'a Growth> {
    let each = plan.tasks.iter().filter_map(|other| match &other.kind {
        TaskKind::Each(growth) if growth.list == task.id => Some(growth.as_ref()),
        _ => None,
    });
    each.collect()
}

/// What is wrong with the list that a task made.
pub fn check(plan: &Plan, task: &Task, files: &[(String, Vec<u8>)]) -> Vec<Problem> {
    let Output::Data { paths, tasks } = &task.output else { return Vec::new() };
    let mut wanted: Vec<Growth> = wanted(plan, task).into_iter().cloned().collect();
    if wanted.is_empty() && *tasks {
        // Its tasks were made already, or nobody makes any: the form is the same.
        wanted.push(Growth {
            list: task.id.clone(),
            tasks: true,
            max: EACH_MAX,
            side_by_side: 0,
            budget: Default::default(),
            approval: None,
            choices: Default::default(),
        });
    }
    let Some((path, bytes)) = files.iter().find(|(path, _)| paths.first() == Some(path)) else {
        return Vec::new();
    };
    let mut found: Vec<String> = Vec::new();
    for growth in wanted {
        for why in growth::items(bytes, &growth).err().unwrap_or_default() {
            if !found.contains(&why) {
                found.push(why);
            }
        }
    }
    found.into_iter().map(|why| problem("list", format!("`{path}`: {why}"))).collect()
}
