//! What of one plan still holds under another one: a result is addressed by what it was made from.
//!
//! A task holds if the other plan says the same about it (text, role, agents, models, gate, prompts, what it reads and
//! makes) and everything that it rests on holds as well. How long it may take, what it may use up, and who else might
//! do it where its agent cannot, are no part of its result. Each branch of the graph is looked at alone.

use super::graph::Graph;
use crate::ids::{BarrierId, TaskId};
use crate::plan::{Input, Plan, Task};
use std::collections::BTreeMap;

/// What there is of a plan, by position.
pub(super) struct There<'a> {
    /// Tasks that can hold at all.
    pub task: &'a dyn Fn(usize) -> bool,
    /// Tasks that are accepted.
    pub accepted: &'a dyn Fn(usize) -> bool,
    /// Barriers that can hold at all.
    pub barrier: &'a dyn Fn(usize) -> bool,
}

/// See the head of this module.
pub(super) struct Survivors<'a> {
    old: &'a Graph,
    new: &'a Graph,
    there: There<'a>,
    tasks: BTreeMap<TaskId, bool>,
    barriers: BTreeMap<BarrierId, bool>,
}

impl<'a> Survivors<'a> {
    /// Of `old`, as far as it is there, under `new`.
    pub(super) fn of(old: &'a Graph, new: &'a Graph, there: There<'a>) -> Self {
        let mut all = Survivors { old, new, there, tasks: BTreeMap::new(), barriers: BTreeMap::new() };
        let same = same_for_all(&old.plan, &new.plan);
        for task in &new.plan.tasks {
            let held = same && all.task(&task.id);
            all.tasks.insert(task.id.clone(), held);
        }
        for barrier in &new.plan.barriers {
            let held = same && all.barrier(&barrier.id);
            all.barriers.insert(barrier.id.clone(), held);
        }
        all
    }

    /// True if this task holds.
    pub(super) fn has(&self, task: &TaskId) -> bool {
        self.tasks.get(task).copied().unwrap_or(false)
    }

    /// True if this barrier holds.
    pub(super) fn has_barrier(&self, barrier: &BarrierId) -> bool {
        self.barriers.get(barrier).copied().unwrap_or(false)
    }

    /// Tasks that hold.
    pub(super) fn tasks(&self) -> impl Iterator<Item = &TaskId> {
        self.tasks.iter().filter(|(_, held)| **held).map(|(id, _)| id)
    }

    /// Barriers that hold.
    pub(super) fn barriers(&self) -> impl Iterator<Item = &BarrierId> {
        self.barriers.iter().filter(|(_, held)| **held).map(|(id, _)| id)
    }

    /// Plans have no cycles: `definition` refuses them.
    fn task(&mut self, id: &TaskId) -> bool {
        if let Some(known) = self.tasks.get(id) {
            return *known;
        }
        let held = self.is_held(id);
        self.tasks.insert(id.clone(), held);
        held
    }

    fn is_held(&mut self, id: &TaskId) -> bool {
        // A handoff that is not done yet is made for its barrier: it begins anew with it.
        let unfinished = |ix: usize| self.old.handoff_of(ix).is_some() && !(self.there.accepted)(ix);
        let barrier = self.old.ix(id).filter(|ix| unfinished(*ix)).and_then(|ix| self.old.handoff_of(ix));
        self.is_same(id) && barrier.is_none_or(|b| self.is_barrier_same(&self.old.plan.barriers[b].id))
    }

    fn is_same(&mut self, id: &TaskId) -> bool {
        let (Some(old), Some(new)) = (self.old.ix(id), self.new.ix(id)) else { return false };
        let (before, after) = (self.old, self.new);
        (self.there.task)(old)
            && why_other(before, old, after, new).is_none()
            && rests_on(after.task(new)).all(|need| self.task(need))
            && after.task(new).behind.iter().all(|barrier| self.barrier(barrier))
    }

    fn barrier(&mut self, id: &BarrierId) -> bool {
        if let Some(known) = self.barriers.get(id) {
            return *known;
        }
        let held = self.is_barrier_same(id);
        self.barriers.insert(id.clone(), held);
        held
    }

    fn is_barrier_same(&mut self, id: &BarrierId) -> bool {
        let (Some(old), Some(new)) = (self.old.barrier_ix(id), self.new.barrier_ix(id)) else {
            return false;
        };
        let (before, after) = (&self.old.plan.barriers[old], &self.new.plan.barriers[new]);
        before == after
            && (self.there.barrier)(old)
            && after.waits_for.iter().all(|task| self.task(task))
            && after.handoffs.iter().all(|task| self.is_same(task))
    }
}

/// Tasks whose results a task rests on directly.
pub(super) fn rests_on(task: &Task) -> impl Iterator<Item = &TaskId> {
    let read = task.inputs.iter().filter_map(|input| match input {
        Input::Artifact { task } | Input::Handoff { task } => Some(task),
        Input::File { .. } | Input::Outside { .. } => None,
    });
    task.needs.iter().chain(read)
}

/// What every result rests on.
fn same_for_all(old: &Plan, new: &Plan) -> bool {
    why_all_other(old, new).is_none()
}

/// What makes every result another one, in words.
pub(super) fn why_all_other(old: &Plan, new: &Plan) -> Option<&'static str> {
    [
        (old.rehearsal == new.rehearsal, "one is a rehearsal and the other is not"),
        (old.quality == new.quality, "the quality gate of all is another one"),
        (old.constraints == new.constraints, "the constraints of all are others"),
        (old.prompts == new.prompts, "the templates of prompts are others"),
    ]
    .into_iter()
    .find_map(|(same, why)| (!same).then_some(why))
}

/// What is different about a task itself, in words; `None`: it is the same work by the same agents through the same
/// gate.
pub(super) fn why_other(old: &Graph, at: usize, new: &Graph, to: usize) -> Option<&'static str> {
    let (before, after) = (plain(old.task(at)), plain(new.task(to)));
    let strategies = |graph: &Graph, task: &Task| -> Vec<_> {
        task.review_groups.iter().flatten().map(|id| graph.plan.strategy(id)).collect()
    };
    let role = |graph: &Graph, task: &Task| graph.plan.roles.get(&task.role).cloned();
    let parts = [
        (before.text == after.text, "its text is another one"),
        (before.role == after.role && role(old, &before) == role(new, &after), "its role is another one"),
        (before.creator == after.creator, "its agent is another one"),
        (before.critic == after.critic, "its critic is another one"),
        ((&before.judge, &before.panel) == (&after.judge, &after.panel), "its judge is another one"),
        (before.inputs == after.inputs, "it reads something else"),
        ((&before.needs, &before.behind) == (&after.needs, &after.behind), "it needs something else"),
        (before.output == after.output, "it makes something else"),
        (strategies(old, &before) == strategies(new, &after), "it is reviewed in another way"),
        (before == after, "its gate is another one"),
    ];
    parts.into_iter().find_map(|(same, why)| (!same).then_some(why))
}

/// Without what is no part of its result.
fn plain(task: &Task) -> Task {
    let mut task = task.clone();
    let agents = [&mut task.creator, &mut task.critic, &mut task.judge].into_iter().chain(&mut task.panel);
    for agent in agents {
        agent.timeout_ms = 0;
        agent.output_bytes_max = 0;
        agent.caps = Default::default();
        agent.price = None;
        agent.pool = None;
        agent.fallbacks.clear();
    }
    task
}
