//! Who gets the next free slot, among the steps that are queued and the tasks that are ready:
//!
//! > What the end of the run hangs on goes first, the longest chain first; of the rest what began is finished first,
//! > and then the pipeline goes on that has fewer agents at work, then the one that has had fewer.
//!
//! The end of the run hangs on a candidate if its *rank*, what is left of its task and the longest chain below, is at
//! least four fifths of what the run still takes at least: the longest rank of all, or all work that is left
//! divided by the limit, whichever is more. So slots are shared evenly as long as there is time for it, few
//! tasks are open at once, and nobody waits for a chain that was begun too late.
//!
//! What needs no agent for a moment, a workspace, a capture, a commit, keeps its place: no slot that it will want
//! back at once is given to somebody who stands behind it, and may hold it for an hour. It does not keep it while it
//! rests after a failure, nor while commands of criteria run, which take their time.

use super::state::{State, TaskStage};
use super::{growth, rank};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Somebody who waits for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    /// A queued step: task, position in its steps.
    Step(usize, usize),
    /// A ready task.
    Task(usize),
}

/// Its place among those who wait: larger is earlier. Whether the end hangs on it and by how much, and whether it
/// began.
type Urgency = (bool, u64, bool);

/// Those who wait for a slot, the next one first, each with the slots that are kept for others before it. Of the
/// ready tasks of a pipeline only the first is named.
pub(super) fn candidates(state: &State) -> Vec<(Candidate, usize)> {
    let scene = Scene::of(state);
    let queued = state.front.queued.iter().map(|(ix, at)| (scene.step(*ix), Candidate::Step(*ix, *at)));
    let ready = first_of_each(state).map(|ix| (scene.task(ix), Candidate::Task(ix)));
    let mut all: Vec<_> = queued.chain(ready).collect();
    // Stable: of equals the one that comes first in the plan, then the step that was queued first.
    all.sort_by_key(|(place, each)| {
        let ix = match each {
            Candidate::Step(ix, _) | Candidate::Task(ix) => *ix,
        };
        (Reverse(*place), ix)
    });
    let held = scene.held();
    let kept = |urgency: &Urgency| held.iter().filter(|holder| *holder > urgency).count();
    all.into_iter().map(|((urgency, ..), each)| (each, kept(&urgency))).collect()
}

/// The ready task with the highest rank of each pipeline; those of which enough siblings are at work do not count.
fn first_of_each(state: &State) -> impl Iterator<Item = usize> + '_ {
    let mut group = 0;
    std::iter::from_fn(move || {
        let ready = state.front.ready.range((group, Reverse(u64::MAX), 0)..);
        let (found, _, ix) = ready.into_iter().find(|(_, _, ix)| !growth::is_crowded(state, *ix))?;
        group = found + 1;
        Some(*ix)
    })
}

/// What one has to know of everybody in order to compare some.
struct Scene<'a> {
    state: &'a State,
    /// What the run still takes at least, in milliseconds.
    least: u64,
    /// By pipeline: agents at work, and tasks that will want their slot back at once.
    at_work: BTreeMap<usize, usize>,
}

impl<'a> Scene<'a> {
    fn of(state: &'a State) -> Self {
        let front = &state.front;
        let live = state.live.keys().filter_map(|attempt| state.graph.ix(&attempt.task));
        let live: Vec<usize> = live.collect();
        let mut at_work = BTreeMap::new();
        let between = front.ensuring.iter().filter(|ix| is_between(&state.tasks[**ix].stage));
        for ix in live.iter().chain(between) {
            *at_work.entry(state.graph.group_of(*ix)).or_default() += 1;
        }
        let mut under_way: BTreeSet<usize> = live.into_iter().chain(front.ensuring.iter().copied()).collect();
        under_way.extend(front.queued.iter().map(|(ix, _)| *ix));
        under_way.extend(front.resting.iter().map(|(_, ix, _)| *ix));
        let (mut longest, mut work) = (0, front.ahead);
        for ix in under_way {
            let (rank, left) = front.ranks.left(state.graph.task(ix), ix, &state.tasks[ix]);
            longest = longest.max(rank);
            work += u128::from(left);
        }
        for ix in first_of_each(state) {
            longest = longest.max(front.ranks.full(ix));
        }
        let limit = u128::from(state.graph.plan.limits.max_concurrent_agents.max(1));
        let shared = u64::try_from(work / limit).unwrap_or(u64::MAX);
        Scene { state, least: longest.max(shared), at_work }
    }

    fn urgency(&self, rank: u64, whole: u64, began: bool) -> Urgency {
        let hangs = u128::from(rank) * 5 >= u128::from(self.least) * 4;
        (hangs, if hangs { whole } else { 0 }, began)
    }

    fn of_task(&self, ix: usize, began: bool) -> Urgency {
        let ranks = &self.state.front.ranks;
        let (rank, _) = ranks.left(self.state.graph.task(ix), ix, &self.state.tasks[ix]);
        // By all of it, begun or not: otherwise equals would take turns, and none would ever be done.
        self.urgency(rank, ranks.full(ix), began)
    }

    fn placed(&self, urgency: Urgency, ix: usize) -> (Urgency, Reverse<(usize, u64)>, u64) {
        let group = self.state.graph.group_of(ix);
        let at_work = self.at_work.get(&group).copied().unwrap_or(0);
        let had = self.state.front.had.get(&group).copied().unwrap_or(0);
        (urgency, Reverse((at_work, had)), self.state.front.ranks.full(ix))
    }

    fn step(&self, ix: usize) -> (Urgency, Reverse<(usize, u64)>, u64) {
        self.placed(self.of_task(ix, true), ix)
    }

    fn task(&self, ix: usize) -> (Urgency, Reverse<(usize, u64)>, u64) {
        self.placed(self.of_task(ix, false), ix)
    }

    /// Places that are kept for what needs no agent for a moment.
    fn held(&self) -> Vec<Urgency> {
        let state = self.state;
        let rests = |name: &str| {
            let of = |key: &String| key.split('/').nth(1) == Some(name);
            !state.failing.is_empty() && state.failing.keys().any(of)
        };
        let tasks = state.front.ensuring.iter().copied();
        let tasks = tasks.filter(|ix| !rests(state.graph.task(*ix).id.as_str()));
        let tasks = tasks.filter_map(|ix| self.keeps(ix));
        let barriers = state.front.merging.iter().copied();
        let barriers = barriers.filter(|b| !rests(state.graph.plan.barriers[*b].id.as_str()));
        let ranks = &state.front.ranks;
        let barriers = barriers.map(|b| self.urgency(ranks.behind(b), ranks.behind(b), false));
        tasks.chain(barriers).collect()
    }

    /// For what this task, or one below it, will want a slot in a moment.
    fn keeps(&self, ix: usize) -> Option<Urgency> {
        let task = self.state.graph.task(ix);
        let reviewed = task.judged || !task.review_groups.is_empty();
        match self.state.tasks[ix].stage {
            TaskStage::Preparing => Some(self.of_task(ix, true)),
            TaskStage::Capturing if task.criteria.iter().any(|c| c.check.is_some()) => None,
            TaskStage::Capturing if reviewed => Some(self.of_task(ix, true)),
            _ => {
                let below = self.state.front.ranks.below(ix);
                (below > 0).then(|| self.urgency(below, below, false))
            }
        }
    }
}

/// No agent works at it for a moment.
fn is_between(stage: &TaskStage) -> bool {
    matches!(stage, TaskStage::Preparing | TaskStage::Capturing)
}

/// Queued steps in the order in which they would get a slot.
pub(super) fn queue(state: &State) -> Vec<(usize, usize)> {
    let steps = candidates(state).into_iter().filter_map(|(each, _)| match each {
        Candidate::Step(ix, at) => Some((ix, at)),
        Candidate::Task(_) => None,
    });
    steps.collect()
}

/// Agents that a pipeline has had so far, by its number: for those of an earlier part of the run, counted again.
pub(super) fn counted_had(state: &State) -> BTreeMap<usize, u64> {
    let mut had = BTreeMap::new();
    for (ix, it) in state.tasks.iter().enumerate().filter(|(_, it)| it.attempts > 0) {
        *had.entry(state.graph.group_of(ix)).or_default() += u64::from(it.attempts);
    }
    had
}

/// A ready task waits for a slot.
pub(super) fn waits(state: &mut State, ix: usize) {
    let place = rank::place(state, ix);
    state.front.ready.insert(place);
}

/// It waits no more.
pub(super) fn leaves(state: &mut State, ix: usize) {
    let place = rank::place(state, ix);
    state.front.ready.remove(&place);
}
