//! The plan with what is looked up all the time: who waits for whom, by index.

use super::kept::Kept;
use crate::ids::{BarrierId, TaskId};
use crate::plan::{Input, Plan, Task, TaskKind};
use std::collections::HashMap;

/// A plan and its look-up tables. Indexes are positions in `plan.tasks`, `plan.barriers`
/// and `plan.stages`.
#[derive(Debug, PartialEq, Eq)]
pub struct Graph {
    /// The frozen plan.
    pub plan: Plan,
    /// Results of another run that hold from the first record on.
    pub kept: Option<Kept>,
    tasks: HashMap<TaskId, usize>,
    barriers: HashMap<BarrierId, usize>,
    /// Tasks that need a task directly.
    dependents: Vec<Vec<usize>>,
    /// Tasks directly behind a barrier.
    followers: Vec<Vec<usize>>,
    /// Barriers that wait for a declared task.
    awaited_by: Vec<Vec<usize>>,
    /// The barrier of a handoff.
    handoff_of: Vec<Option<usize>>,
    /// Stages a declared task belongs to.
    stage_of: Vec<Vec<usize>>,
    /// Tasks that wait for an input that only a person can declare, by its name.
    declared: HashMap<String, Vec<usize>>,
    /// Consumers of a handoff, by the handoff's index.
    consumers: Vec<Vec<usize>>,
    /// The pipeline of a task by its number; those without one are together in one more.
    group: Vec<usize>,
    /// Everything before what comes after it: see [`Graph::after`].
    pub(super) order: Vec<usize>,
}

impl Graph {
    /// Builds the tables. Names that do not resolve are left out: `definition` refuses them.
    pub fn new(plan: Plan) -> Self {
        let tasks: HashMap<_, _> = plan.tasks.iter().enumerate().map(|(i, t)| (t.id.clone(), i)).collect();
        let barriers: HashMap<_, _> =
            plan.barriers.iter().enumerate().map(|(i, b)| (b.id.clone(), i)).collect();
        let mut graph = Graph {
            dependents: vec![vec![]; plan.tasks.len()],
            followers: vec![vec![]; plan.barriers.len()],
            awaited_by: vec![vec![]; plan.tasks.len()],
            handoff_of: vec![None; plan.tasks.len()],
            stage_of: vec![vec![]; plan.tasks.len()],
            consumers: vec![vec![]; plan.tasks.len()],
            group: Vec::new(),
            order: Vec::new(),
            declared: HashMap::new(),
            tasks,
            barriers,
            plan,
            kept: None,
        };
        graph.fill();
        graph
    }

    /// With results of another run.
    pub fn with(plan: Plan, kept: Option<Kept>) -> Self {
        Graph { kept, ..Graph::new(plan) }
    }

    fn fill(&mut self) {
        for (ix, task) in self.plan.tasks.iter().enumerate() {
            for need in task.needs.iter().filter_map(|id| self.tasks.get(id)) {
                self.dependents[*need].push(ix);
            }
            for barrier in task.behind.iter().filter_map(|id| self.barriers.get(id)) {
                self.followers[*barrier].push(ix);
            }
            for input in &task.inputs {
                match input {
                    Input::Handoff { task } => {
                        if let Some(handoff) = self.tasks.get(task) {
                            self.consumers[*handoff].push(ix);
                        }
                    }
                    Input::File { path: name } | Input::Outside { name, .. } => {
                        self.declared.entry(name.clone()).or_default().push(ix);
                    }
                    Input::Artifact { .. } => {}
                }
            }
            if let TaskKind::Handoff(handoff) = &task.kind {
                self.handoff_of[ix] = self.barriers.get(&handoff.barrier).copied();
            }
        }
        for (ix, barrier) in self.plan.barriers.iter().enumerate() {
            for task in barrier.waits_for.iter().filter_map(|id| self.tasks.get(id)) {
                self.awaited_by[*task].push(ix);
            }
        }
        for (ix, stage) in self.plan.stages.iter().enumerate() {
            for task in stage.tasks.iter().filter_map(|id| self.tasks.get(id)) {
                self.stage_of[*task].push(ix);
            }
        }
        let pipelines: HashMap<_, _> =
            self.plan.pipelines.iter().enumerate().map(|(n, p)| (p.id.clone(), n)).collect();
        let group = |task: &Task| task.place.as_ref().and_then(|(id, _)| pipelines.get(id).copied());
        self.group = self.plan.tasks.iter().map(|task| group(task).unwrap_or(pipelines.len())).collect();
        self.order = self.sorted();
    }

    /// Which pipeline a task belongs to, as a number.
    pub(super) fn group_of(&self, ix: usize) -> usize {
        self.group[ix]
    }

    /// What comes directly after a task, after a barrier that is reached, and after one that is open. Tasks have
    /// their numbers; then follow those of barriers that are reached, then those of open ones.
    pub(super) fn after(&self, node: usize, see: &mut dyn FnMut(usize)) {
        let (tasks, barriers) = (self.plan.tasks.len(), self.plan.barriers.len());
        if node < tasks {
            self.dependents[node].iter().for_each(|next| see(*next));
            self.awaited_by[node].iter().for_each(|b| see(tasks + b));
            self.handoff_of[node].iter().for_each(|b| see(tasks + barriers + b));
        } else if node < tasks + barriers {
            self.handoffs_of(node - tasks).for_each(&mut *see);
            see(node + barriers);
        } else {
            self.followers[node - tasks - barriers].iter().for_each(|next| see(*next));
        }
    }

    /// Tasks and barriers so that nothing stands before what it comes after.
    fn sorted(&self) -> Vec<usize> {
        let nodes = self.plan.tasks.len() + 2 * self.plan.barriers.len();
        let mut before = vec![0usize; nodes];
        (0..nodes).for_each(|node| self.after(node, &mut |next| before[next] += 1));
        let mut order: Vec<usize> = (0..nodes).filter(|node| before[*node] == 0).collect();
        let mut at = 0;
        while let Some(node) = order.get(at).copied() {
            at += 1;
            self.after(node, &mut |next| {
                before[next] -= 1;
                if before[next] == 0 {
                    order.push(next);
                }
            });
        }
        order
    }

    /// Position of a task.
    pub fn ix(&self, task: &TaskId) -> Option<usize> {
        self.tasks.get(task).copied()
    }

    /// Position of a barrier.
    pub fn barrier_ix(&self, barrier: &BarrierId) -> Option<usize> {
        self.barriers.get(barrier).copied()
    }

    /// The task at a position.
    pub fn task(&self, ix: usize) -> &Task {
        &self.plan.tasks[ix]
    }

    /// Tasks that need this one directly.
    pub fn dependents(&self, ix: usize) -> &[usize] {
        &self.dependents[ix]
    }

    /// Tasks directly behind this barrier.
    pub fn followers(&self, barrier: usize) -> &[usize] {
        &self.followers[barrier]
    }

    /// Barriers that wait for this declared task.
    pub fn awaited_by(&self, ix: usize) -> &[usize] {
        &self.awaited_by[ix]
    }

    /// The barrier that this handoff belongs to; `None` for a declared task.
    pub fn handoff_of(&self, ix: usize) -> Option<usize> {
        self.handoff_of[ix]
    }

    /// Stages of a declared task.
    pub fn stages_of(&self, ix: usize) -> &[usize] {
        &self.stage_of[ix]
    }

    /// Consumers of a handoff.
    pub fn consumers(&self, ix: usize) -> &[usize] {
        &self.consumers[ix]
    }

    /// Tasks with this file or outside thing among their inputs.
    pub fn readers_of(&self, name: &str) -> &[usize] {
        self.declared.get(name).map_or(&[], Vec::as_slice)
    }

    /// Positions of a barrier's handoffs.
    pub fn handoffs_of(&self, barrier: usize) -> impl Iterator<Item = usize> + '_ {
        self.plan.barriers[barrier].handoffs.iter().filter_map(|id| self.ix(id))
    }

    /// All handoffs' consumers of a barrier, in plan order, each once.
    pub fn barrier_consumers(&self, barrier: usize) -> Vec<usize> {
        let mut all: Vec<usize> =
            self.handoffs_of(barrier).flat_map(|h| self.consumers[h].iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
