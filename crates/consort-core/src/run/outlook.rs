//! What going on would do, task by task, and what it will take: for whoever looks before anything starts.

use super::amend::leaving;
use super::graph::Graph;
use super::plans::Leaving;
use super::state::{State, TaskStage};
use super::survivors::{rests_on, why_all_other, why_other};
use crate::ids::TaskId;
use crate::plan::{Forecast, Task};
use serde::Serialize;
use std::collections::BTreeMap;

/// What becomes of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Will {
    /// Its accepted result holds.
    Replay,
    /// An agent works for it.
    Run,
    /// It waits for a person.
    Halt,
    /// The changed workflow does not have it.
    Drop,
}

/// One task of an outlook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// Which.
    pub task: TaskId,
    /// What becomes of it.
    pub will: Will,
    /// Why.
    pub why: String,
    /// What is left to do for it, if every gate passes in its second round.
    pub takes: Forecast,
}

/// What going on would do: under the present plan, or under a changed one. In the order of that plan; tasks that it does
/// not have come last.
pub fn outlook(state: &State, changed: Option<&Graph>) -> Vec<Outlook> {
    let Some(new) = changed else {
        return (0..state.tasks.len()).map(|ix| present(state, ix)).collect();
    };
    let old = &state.graph;
    let leaving = leaving(state, new);
    let mut reasons = Reasons { state, new, leaving: &leaving, known: BTreeMap::new() };
    let tasks = (0..new.plan.tasks.len()).map(|to| {
        let task = new.task(to);
        match old.ix(&task.id).filter(|ix| !leaving.tasks.contains(ix)) {
            Some(ix) => present(state, ix),
            None => made(task, reasons.of(&task.id)),
        }
    });
    let mut all: Vec<Outlook> = tasks.collect();
    let gone = old.plan.tasks.iter().filter(|task| new.ix(&task.id).is_none());
    all.extend(gone.map(|task| Outlook {
        task: task.id.clone(),
        will: Will::Drop,
        why: "the changed workflow does not have it".into(),
        takes: Forecast::default(),
    }));
    all
}

fn made(task: &Task, why: String) -> Outlook {
    Outlook { task: task.id.clone(), will: Will::Run, why, takes: task.forecast() }
}

fn present(state: &State, ix: usize) -> Outlook {
    let (task, it) = (state.graph.task(ix), &state.tasks[ix]);
    let (will, why) = match &it.stage {
        TaskStage::Accepted => {
            (Will::Replay, format!("accepted in round {} as {}", it.captured_in, commit(it.accepted())))
        }
        TaskStage::Skipped(why) => (Will::Replay, format!("skipped: {why}")),
        TaskStage::AwaitingApproval(approval) => {
            (Will::Halt, format!("{approval} asks whether it is accepted"))
        }
        TaskStage::Held(why) => (Will::Halt, super::ask::what_is_held(state, ix, why)),
        TaskStage::Failed(why) => (Will::Halt, format!("it was given up: {why}")),
        TaskStage::Waiting => (Will::Run, waits_for(state, ix)),
        _ if it.began_at.is_some() => (Will::Run, format!("goes on in round {}", it.iteration.max(1))),
        _ => (Will::Run, "has not begun".into()),
    };
    let takes = match will {
        Will::Replay | Will::Drop => Forecast::default(),
        Will::Run | Will::Halt => left(task, it.iteration),
    };
    Outlook { task: task.id.clone(), will, why, takes }
}

fn commit(candidate: Option<&super::Candidate>) -> &str {
    candidate.map_or("", |c| c.revision.as_str().get(..12).unwrap_or(c.revision.as_str()))
}

/// Of a task in its second round or a later one, what one round takes.
fn left(task: &Task, iteration: u32) -> Forecast {
    let whole = task.forecast();
    let rounds = task.rounds.min.max(1);
    let done = iteration.saturating_sub(1).min(rounds.saturating_sub(1));
    let share = |n: u64| n - n * u64::from(done) / u64::from(rounds);
    Forecast {
        calls: share(u64::from(whole.calls)) as u32,
        unpriced: share(u64::from(whole.unpriced)) as u32,
        micro_usd: share(whole.micro_usd),
    }
}

fn waits_for(state: &State, ix: usize) -> String {
    let task = state.graph.task(ix);
    let open = |id: &&TaskId| state.graph.ix(id).is_some_and(|ix| !state.tasks[ix].stage.is_done());
    let needs = task.needs.iter().filter(open).map(ToString::to_string);
    let closed = |id: &&crate::ids::BarrierId| {
        state.graph.barrier_ix(id).is_some_and(|b| state.barriers[b].completed_at.is_none())
    };
    let all: Vec<String> = needs.chain(task.behind.iter().filter(closed).map(ToString::to_string)).collect();
    if all.is_empty() { "has not begun".into() } else { format!("once {} is done", all.join(", ")) }
}

/// Why tasks begin anew under another plan.
struct Reasons<'a> {
    state: &'a State,
    new: &'a Graph,
    leaving: &'a Leaving,
    known: BTreeMap<TaskId, String>,
}

impl Reasons<'_> {
    fn of(&mut self, id: &TaskId) -> String {
        if let Some(known) = self.known.get(id) {
            return known.clone();
        }
        let why = self.find(id);
        self.known.insert(id.clone(), why.clone());
        why
    }

    fn find(&mut self, id: &TaskId) -> String {
        let old = self.state.graph.clone();
        let (Some(from), Some(to)) = (old.ix(id), self.new.ix(id)) else { return "is new".into() };
        if let Some(why) =
            why_all_other(&old.plan, &self.new.plan).or_else(|| why_other(&old, from, self.new, to))
        {
            return why.into();
        }
        if let TaskStage::Failed(_) = self.state.tasks[from].stage {
            return "it had failed".into();
        }
        let anew = |need: &&TaskId| old.ix(need).is_none_or(|ix| self.leaving.tasks.contains(&ix));
        if let Some(need) = rests_on(self.new.task(to)).find(anew) {
            return format!("it rests on {need}");
        }
        let behind = self.new.task(to).behind.iter();
        let open =
            |b: &&crate::ids::BarrierId| old.barrier_ix(b).is_none_or(|b| self.leaving.barriers.contains(&b));
        match behind.into_iter().find(open) {
            Some(barrier) => format!("it is behind {barrier}"),
            None => "it was not done".into(),
        }
    }
}
