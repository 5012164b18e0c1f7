//! How much is still to go: what steps and tasks will likely take, and the longest chain of work below each.
//!
//! What a task takes is declared (`estimate` in the workflow file: from its first step to its acceptance when it
//! never waits for a slot), else the sum of its likely steps. A step takes what steps of its kind took in this run
//! so far on average, and before the first of them as long as any other. Where a task declares what it takes, its
//! steps only say how that is spread over its rounds. Rehearsals teach nothing: their times are those of players.
//!
//! The *rank* of a task is what is left of it and the longest chain below it, through needs, barriers and
//! handoffs. What lies below changes only with what was learned: it is computed once for a plan, and again when
//! the mean of a kind has changed by more than a quarter. That is looked at after the first, second, fourth,
//! eighth, … step of a kind, so that it happens at most some dozen times in any run.

use super::graph::Graph;
use super::state::{State, StepStatus, TaskStage, TaskState, kind_of};
use crate::ids::Step;
use crate::plan::{Plan, Runtime, Task};
use std::cmp::Reverse;
use std::sync::Arc;

/// What a step takes when nobody can say anything, in milliseconds.
const STEP_MS: u64 = 600_000;

/// What a step takes, by its kind, in milliseconds; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    create: u64,
    own: u64,
    review: u64,
    judge: u64,
}

impl Pace {
    fn even(ms: u64) -> Self {
        let ms = ms.max(1);
        Pace { create: ms, own: ms, review: ms, judge: ms }
    }

    /// Before anything was learned: the mean step of the tasks that declare what they take.
    fn of(plan: &Plan) -> Self {
        let steps = |task: &Task| Parts::of(task, &Pace::even(1)).whole().chain;
        let declared = plan.tasks.iter().filter_map(|task| Some((task.estimate_ms?, steps(task))));
        let (ms, steps) = declared
            .fold((0u64, 0u64), |(ms, n), (more, steps)| (ms.saturating_add(more), n.saturating_add(steps)));
        Pace::even(ms.checked_div(steps).unwrap_or(STEP_MS))
    }
}

/// Time along the longest chain, and of all agents together, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Time {
    chain: u64,
    work: u64,
}

impl Time {
    fn one(ms: u64) -> Self {
        Time { chain: ms, work: ms }
    }

    /// So many of them side by side.
    fn side_by_side(ms: u64, many: usize) -> Self {
        Time { chain: if many == 0 { 0 } else { ms }, work: ms.saturating_mul(many as u64) }
    }

    fn and(self, other: Time) -> Self {
        Time { chain: self.chain.saturating_add(other.chain), work: self.work.saturating_add(other.work) }
    }

    fn times(self, n: u32) -> Self {
        let n = u64::from(n);
        Time { chain: self.chain.saturating_mul(n), work: self.work.saturating_mul(n) }
    }
}

/// A task's likely steps: see `plan/forecast.rs`.
struct Parts<'a> {
    task: &'a Task,
    pace: Pace,
    creations: u32,
    rounds: u32,
}

impl<'a> Parts<'a> {
    fn of(task: &'a Task, pace: &Pace) -> Self {
        let (creations, rounds) = task.likely_rounds();
        Parts { task, pace: *pace, creations, rounds }
    }

    fn create(&self) -> Time {
        if self.task.given.is_some() { Time::default() } else { Time::one(self.pace.create) }
    }

    fn own(&self) -> Time {
        let own = self.task.self_review && self.task.given.is_none();
        if own { Time::one(self.pace.own) } else { Time::default() }
    }

    /// Critics from this group on.
    fn reviews(&self, from: usize) -> Time {
        let groups = self.task.review_groups.iter().skip(from);
        groups.fold(Time::default(), |sum, g| sum.and(Time::side_by_side(self.pace.review, g.len())))
    }

    fn judges(&self) -> Time {
        let judges = if self.task.judged { self.task.judges.max(1) } else { 0 };
        Time::side_by_side(self.pace.judge, usize::from(judges))
    }

    fn gate(&self) -> Time {
        self.reviews(0).and(self.judges())
    }

    fn whole(&self) -> Time {
        self.create().and(self.own()).times(self.creations).and(self.gate().times(self.rounds))
    }

    /// A part of it, in what the task declares that it takes.
    fn declared(&self, part: Time) -> Time {
        let whole = self.whole().chain;
        let Some(declared) = self.task.estimate_ms.filter(|_| whole > 0) else { return part };
        let share = |ms: u64| {
            let scaled = u128::from(ms) * u128::from(declared) / u128::from(whole);
            u64::try_from(scaled).unwrap_or(u64::MAX)
        };
        Time { chain: share(part.chain), work: share(part.work) }
    }

    /// What is left of it.
    fn left(&self, it: &TaskState) -> Time {
        let left = match &it.stage {
            TaskStage::Waiting
            | TaskStage::Ready
            | TaskStage::Preparing
            | TaskStage::Weighing
            | TaskStage::Growing => self.whole(),
            TaskStage::Accepted | TaskStage::Skipped(_) | TaskStage::Committing(_) | TaskStage::Failed(_) => {
                Time::default()
            }
            stage => {
                let rounds = it.rounds_in_set().max(1);
                let creations = self.creations.saturating_sub(rounds);
                let later = self.create().and(self.own()).times(creations);
                let later = later.and(self.gate().times(self.rounds.saturating_sub(rounds)));
                self.of_round(it, matches!(stage, TaskStage::Capturing)).and(later)
            }
        };
        self.declared(left)
    }

    /// What is left of the present round.
    fn of_round(&self, it: &TaskState, captures: bool) -> Time {
        let is_open = |status: &StepStatus| *status != StepStatus::Done;
        let open = it.steps.iter().filter(|s| is_open(&s.status)).count();
        let at = it.steps.iter().find(|s| is_open(&s.status)).or(it.steps.last());
        match at.map(|s| &s.step) {
            _ if captures => self.gate(),
            None => self.create().and(self.own()).and(self.gate()),
            Some(Step::Create) if open > 0 => self.create().and(self.own()).and(self.gate()),
            Some(Step::Create) => self.own().and(self.gate()),
            Some(Step::SelfReview) if open > 0 => self.own().and(self.gate()),
            Some(Step::SelfReview) => self.gate(),
            Some(Step::Review(strategy)) => {
                let group = self.task.review_groups.iter().position(|g| g.contains(strategy)).unwrap_or(0);
                let rest = self.reviews(group + 1).and(self.judges());
                Time::side_by_side(self.pace.review, open).and(rest)
            }
            Some(Step::Judge | Step::Panel(_)) => Time::side_by_side(self.pace.judge, open),
        }
    }
}

/// The ranks of all tasks, as of what was learned then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ranks {
    pace: Pace,
    /// By task: all of it, and the longest chain below.
    full: Vec<u64>,
    /// By task: the longest chain below it.
    below: Vec<u64>,
    /// By barrier: the longest chain below it.
    behind: Vec<u64>,
}

impl Default for Ranks {
    fn default() -> Self {
        Ranks { pace: Pace::even(STEP_MS), full: Vec::new(), below: Vec::new(), behind: Vec::new() }
    }
}

impl Ranks {
    pub(super) fn new(graph: &Graph) -> Self {
        Ranks::at(graph, Pace::of(&graph.plan))
    }

    fn at(graph: &Graph, pace: Pace) -> Self {
        let (tasks, barriers) = (graph.plan.tasks.len(), graph.plan.barriers.len());
        let mut below = vec![0u64; tasks + 2 * barriers];
        let mut full = below.clone();
        for node in graph.order.iter().rev().copied() {
            let mut longest = 0;
            graph.after(node, &mut |next| longest = longest.max(full[next]));
            let task = graph.plan.tasks.get(node);
            let own = task.map_or(0, |task| {
                let parts = Parts::of(task, &pace);
                parts.declared(parts.whole()).chain
            });
            below[node] = longest;
            full[node] = longest.saturating_add(own);
        }
        let behind = below[tasks + barriers..].to_vec();
        below.truncate(tasks);
        full.truncate(tasks);
        Ranks { pace, full, below, behind }
    }

    /// All of a task, and the longest chain below it.
    pub(super) fn full(&self, ix: usize) -> u64 {
        self.full.get(ix).copied().unwrap_or(0)
    }

    /// The longest chain below a task.
    pub(super) fn below(&self, ix: usize) -> u64 {
        self.below.get(ix).copied().unwrap_or(0)
    }

    /// The longest chain behind a barrier.
    pub(super) fn behind(&self, barrier: usize) -> u64 {
        self.behind.get(barrier).copied().unwrap_or(0)
    }

    /// What is left of a task and the longest chain below it; and what is left of it for all its agents together.
    pub(super) fn left(&self, task: &Task, ix: usize, it: &TaskState) -> (u64, u64) {
        let left = Parts::of(task, &self.pace).left(it);
        (left.chain.saturating_add(self.below(ix)), left.work)
    }

    /// What all agents of a task take together.
    fn work(&self, task: &Task) -> u64 {
        let parts = Parts::of(task, &self.pace);
        parts.declared(parts.whole()).work
    }
}

/// How long steps took that went well, by kind: how many, and milliseconds together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Learned([(u64, u64); 4]);

impl Learned {
    fn of(&mut self, step: &Step) -> &mut (u64, u64) {
        &mut self.0[match kind_of(step) {
            "creator" => 0,
            "self_review" => 1,
            "critic" => 2,
            _ => 3,
        }]
    }

    /// Of kinds of which nothing is known yet: the mean of all.
    fn pace(&self) -> Option<Pace> {
        let (n, ms) = self
            .0
            .iter()
            .fold((0u64, 0u64), |(n, ms), (more, took)| (n.saturating_add(*more), ms.saturating_add(*took)));
        let all = ms.checked_div(n)?;
        let [create, own, review, judge] = self.0.map(|(n, ms)| ms.checked_div(n).unwrap_or(all).max(1));
        Some(Pace { create, own, review, judge })
    }
}

/// A step of this task went well and took so long.
pub(super) fn learn(state: &mut State, ix: usize, (step, fallback): (&Step, u8), wall_ms: u64) {
    let graph = state.graph.clone();
    if matches!(graph.task(ix).agent_of(step, fallback).runtime, Runtime::Rehearsal { .. }) {
        return;
    }
    let known = state.front.learned.of(step);
    *known = (known.0.saturating_add(1), known.1.saturating_add(wall_ms));
    if !known.0.is_power_of_two() {
        return;
    }
    let Some(pace) = state.front.learned.pace() else { return };
    let was = state.front.ranks.pace;
    let each =
        [(was.create, pace.create), (was.own, pace.own), (was.review, pace.review), (was.judge, pace.judge)];
    let by_a_quarter = |(was, is): &(u64, u64)| was.abs_diff(*is).saturating_mul(4) > *was;
    if each.iter().any(by_a_quarter) {
        state.front.ranks = Arc::new(Ranks::at(&graph, pace));
        let ready: Vec<usize> = state.front.ready.iter().map(|(_, _, ix)| *ix).collect();
        state.front.ready = ready.into_iter().map(|ix| place(state, ix)).collect();
        ahead(state);
    }
}

/// Another plan: its ranks, by what was learned. Whoever calls this puts the rest of the frontier right.
pub(super) fn anew(state: &mut State) {
    let graph = state.graph.clone();
    let pace = state.front.learned.pace().unwrap_or_else(|| Pace::of(&graph.plan));
    state.front.ranks = Arc::new(Ranks::at(&graph, pace));
}

/// Where a ready task stands among all ready ones.
pub(super) fn place(state: &State, ix: usize) -> (usize, Reverse<u64>, usize) {
    (state.graph.group_of(ix), Reverse(state.front.ranks.full(ix)), ix)
}

/// Nothing was done yet for such a task, in its present beginning.
pub(super) fn is_ahead(stage: &TaskStage) -> bool {
    matches!(stage, TaskStage::Waiting | TaskStage::Ready | TaskStage::Weighing | TaskStage::Growing)
}

/// A task begins: its work is not ahead any more, but under way.
pub(super) fn begins(state: &mut State, ix: usize) {
    if is_ahead(&state.tasks[ix].stage) {
        let work = state.front.ranks.work(state.graph.task(ix));
        state.front.ahead = state.front.ahead.saturating_sub(u128::from(work));
    }
}

/// Counts again what is ahead. It takes a look at every task: only for what happens rarely.
pub(super) fn ahead(state: &mut State) {
    state.front.ahead = counted_ahead(state);
}

/// What all agents take for tasks of which nothing is done yet.
pub(super) fn counted_ahead(state: &State) -> u128 {
    let untouched = state.tasks.iter().enumerate().filter(|(_, it)| is_ahead(&it.stage));
    untouched.map(|(ix, _)| u128::from(state.front.ranks.work(state.graph.task(ix)))).sum()
}

/// What takes a run so long, however many agents may work: tasks that follow one another, with what each takes
/// by estimate, in milliseconds.
pub fn critical_path(plan: &Plan) -> Vec<(usize, u64)> {
    let graph = Graph::new(plan.clone());
    let ranks = Ranks::new(&graph);
    let mut next = (0..plan.tasks.len()).max_by_key(|ix| (ranks.full(*ix), Reverse(*ix)));
    let mut path = Vec::new();
    while let Some(ix) = next.filter(|_| path.len() <= plan.tasks.len()) {
        path.push((ix, ranks.full(ix).saturating_sub(ranks.below(ix))));
        next = longest_after(&graph, &ranks, ix);
    }
    path
}

/// The task after this one with which the longest chain goes on; barriers are no tasks.
fn longest_after(graph: &Graph, ranks: &Ranks, ix: usize) -> Option<usize> {
    let tasks = graph.plan.tasks.len();
    let mut best: Option<usize> = None;
    let (mut open, mut seen) = (vec![ix], std::collections::BTreeSet::new());
    while let Some(node) = open.pop() {
        graph.after(node, &mut |next| {
            if next >= tasks {
                if seen.insert(next) {
                    open.push(next);
                }
            } else if best.is_none_or(|b| (ranks.full(next), Reverse(next)) > (ranks.full(b), Reverse(b))) {
                best = Some(next);
            }
        });
    }
    best
}
