//! Rounds of creator, critics and judge.

use super::tasks::{self, done};
use crate::ids::{Revision, Step, StrategyId};
use crate::plan::WorkspaceKind;
use crate::quality::group_of;
use crate::run::FindingsRef;
use crate::run::event::{HoldWhy, RoundKind};
use crate::run::state::{
    Due, Point, Round, State, StepState, StepStatus, TaskStage, TaskState, WorkspaceState,
};
use crate::run::{order, rank};
use crate::time::Timestamp;

/// The present round, which must have this number.
pub(super) fn of(state: &mut State, ix: usize, iteration: u32) -> Result<&mut Round, String> {
    let task = &state.graph.task(ix).id;
    let found = state.tasks[ix].rounds.last_mut().filter(|r| r.iteration == iteration);
    found.ok_or_else(|| format!("{task} is not in round {iteration}"))
}

/// A round began. A creation is asked to answer what the last round's reviewers found.
pub(super) fn started(state: &mut State, ix: usize, iteration: u32, kind: RoundKind) -> Result<(), String> {
    order::leaves(state, ix);
    rank::begins(state, ix);
    let it = &mut state.tasks[ix];
    if iteration != it.iteration + 1 {
        return Err(format!("round {iteration} follows round {}", it.iteration));
    }
    if kind == RoundKind::Creation {
        it.asked = it.rounds.last().map(findings_of).unwrap_or_default();
        it.refusals = 0;
    }
    it.iteration = iteration;
    it.steps.clear();
    // A confirmation shows the same bytes: what a command said of them still holds.
    let raised = it.rounds.last().filter(|_| kind == RoundKind::Confirmation).and_then(|r| r.raised.clone());
    let passed = it.rounds.last().filter(|_| kind == RoundKind::Confirmation).map(|r| r.passed.clone());
    it.rounds.push(Round {
        iteration,
        kind,
        self_review: None,
        reviews: Vec::new(),
        revision: it
            .candidate
            .as_ref()
            .filter(|_| kind == RoundKind::Confirmation)
            .map(|c| c.revision.clone()),
        candidate: it.candidate.as_ref().filter(|_| kind == RoundKind::Confirmation).cloned(),
        problems: 0,
        judged: Vec::new(),
        scores: Vec::new(),
        unmet: Vec::new(),
        passed: passed.unwrap_or_default(),
        raised,
        scores_answer: None,
        composite: None,
        band: None,
        verdict: None,
    });
    let point = match kind {
        RoundKind::Creation => Point::CreationBegan,
        RoundKind::Confirmation => Point::ConfirmationBegan,
    };
    tasks::decide(state, ix, point);
    Ok(())
}

/// What the reviewers of a round found, critics first, the judge last.
pub(in crate::run) fn findings_of(round: &Round) -> Vec<FindingsRef> {
    // In the order of the strategies, not of arrival: what the creator reads must not depend on
    // who was faster.
    let mut reviews: Vec<_> = round.reviews.iter().collect();
    reviews.sort_by_key(|(strategy, _)| (group_of(strategy), strategy.clone()));
    let reviews = reviews.into_iter().map(|(strategy, review)| FindingsRef {
        strategy: strategy.clone(),
        iteration: round.iteration,
        answer: review.answer.clone(),
    });
    let judge = round.scores_answer.iter().map(|answer| FindingsRef {
        strategy: StrategyId::from("S-014"),
        iteration: round.iteration,
        answer: answer.clone(),
    });
    reviews.chain(judge).collect()
}

/// A person took an earlier version than the last one: the best is kept, not the latest.
pub(super) fn choose(it: &mut TaskState, revision: &Revision) {
    if it.candidate.as_ref().is_some_and(|c| c.revision == *revision) {
        return;
    }
    let made = it.rounds.iter().rev().find(|r| r.revision.as_ref() == Some(revision));
    if let Some((candidate, iteration)) = made.and_then(|r| Some((r.candidate.clone()?, r.iteration))) {
        it.candidate = Some(candidate);
        it.captured_in = iteration;
    }
}

/// Steps are due and wait for slots.
pub(super) fn queue(state: &mut State, ix: usize, steps: &[Step]) -> Result<(), String> {
    if !matches!(state.tasks[ix].stage, TaskStage::Deciding(_)) {
        return Err(format!("{} is not at a point where steps begin", state.graph.task(ix).id));
    }
    done(state, &Due::Task(ix));
    let fresh = |step: &Step| state.tasks[ix].fresh_step(step, 0, StepStatus::Queued);
    state.tasks[ix].steps = steps.iter().map(fresh).collect();
    state.tasks[ix].stage = TaskStage::Working;
    state.front.queued.extend((0..steps.len()).map(|at| (ix, at)));
    Ok(())
}

/// A failed step is tried again, later.
pub(super) fn step_retrying(
    state: &mut State,
    ix: usize,
    step: &Step,
    failures: u32,
    not_before: Timestamp,
) -> Result<(), String> {
    done(state, &Due::Task(ix));
    let it = &mut state.tasks[ix];
    let position = match it.steps.iter().position(|s| s.step == *step) {
        Some(position) => position,
        None => {
            // A refused capture sends the task back to its creator.
            it.steps = vec![it.fresh_step(step, failures, StepStatus::Failed)];
            0
        }
    };
    it.steps[position].failures = failures;
    with_others(it, position);
    it.steps[position].status = StepStatus::Resting(not_before);
    it.stage = TaskStage::Working;
    state.front.resting.insert((not_before, ix, position));
    next_failed(state, ix);
    Ok(())
}

/// A sibling may have failed too while another was decided upon.
fn next_failed(state: &mut State, ix: usize) {
    let failed = state.tasks[ix].steps.iter().find(|s| s.status == StepStatus::Failed);
    if let Some(other) = failed {
        let last = other.failure.as_ref().map_or_else(|| "it failed".into(), |failure| failure.why.clone());
        let point = Point::StepFailed { step: other.step.clone(), last };
        tasks::decide(state, ix, point);
    }
}

/// Another agent does the step from here on, and all like it that are still to come.
pub(super) fn fell_back(state: &mut State, ix: usize, step: &Step, to: u8) -> Result<(), String> {
    let id = &state.graph.task(ix).id;
    let it = &mut state.tasks[ix];
    let failed = |s: &&mut StepState| s.step == *step && s.status == StepStatus::Failed;
    let Some(each) = it.steps.iter_mut().find(failed).filter(|s| s.fallback + 1 == to) else {
        return Err(format!("{id}: {step} cannot fall back to {to}"));
    };
    *each = StepState { fallback: to, ..StepState::new(step, 0, StepStatus::Queued) };
    let all = it.fell.entry(StepState::agent(step)).or_default();
    *all = to.max(*all);
    let position = it.steps.iter().position(|s| s.step == *step);
    it.stage = TaskStage::Working;
    let waits = |s: &StepState| matches!(s.status, StepStatus::Queued | StepStatus::Resting(_));
    let waiting: Vec<usize> = (0..it.steps.len()).filter(|at| waits(&it.steps[*at])).collect();
    waiting.into_iter().for_each(|at| with_others(it, at));
    done(state, &Due::Task(ix));
    state.front.queued.extend(position.map(|at| (ix, at)));
    next_failed(state, ix);
    Ok(())
}

/// A step that waits is done by the agent that does such steps by now, with a fresh count of tries.
fn with_others(it: &mut TaskState, position: usize) {
    let by_now = it.fell.get(&StepState::agent(&it.steps[position].step)).copied().unwrap_or(0);
    let each = &mut it.steps[position];
    if by_now > each.fallback {
        each.fallback = by_now;
        each.failures = 0;
    }
}

/// A person sent the task on its way again: what was wrong with an agent may be mended.
pub(super) fn first_agents(it: &mut TaskState) {
    it.fell.clear();
    let open = |s: &&mut StepState| !matches!(s.status, StepStatus::Live(_) | StepStatus::Done);
    for each in it.steps.iter_mut().filter(open) {
        each.fallback = 0;
        each.failure = None;
    }
}

/// The back-off of a step is over.
pub(super) fn step_requeued(state: &mut State, ix: usize, step: &Step) -> Result<(), String> {
    let it = &mut state.tasks[ix];
    for (position, each) in it.steps.iter_mut().enumerate() {
        if let (true, StepStatus::Resting(until)) = (each.step == *step, &each.status) {
            state.front.resting.remove(&(*until, ix, position));
            each.status = StepStatus::Queued;
            state.front.queued.insert((ix, position));
            return Ok(());
        }
    }
    Err(format!("{}: {step} does not rest", state.graph.task(ix).id))
}

/// Where a task goes on that is held because git or the disk failed, not an agent: no work is
/// done again.
pub(super) fn interrupted(it: &TaskState) -> Option<Point> {
    let TaskStage::Held(HoldWhy::Attempts { step, .. }) = &it.stage else { return None };
    match step.as_str() {
        "capture" => Some(Point::SelfReviewed),
        "commit" => it.round().and_then(|r| r.verdict.clone()).map(Point::Decided),
        _ => None,
    }
}

/// The task goes on after a hold: from the step that failed, or with a new set of rounds.
pub(super) fn released(state: &mut State, ix: usize, new_set: bool) {
    let needs_none = state.graph.task(ix).workspace == WorkspaceKind::None;
    let it = &mut state.tasks[ix];
    it.refusals = 0;
    if it.workspace != WorkspaceState::Ready && !(needs_none && it.iteration > 0) {
        it.stage = TaskStage::Ready;
        it.set_began = it.iteration + 1;
        order::waits(state, ix);
        rank::ahead(state);
        return;
    }
    let broken = it.steps.iter().any(|s| s.status != StepStatus::Done);
    if broken && !new_set {
        it.stage = TaskStage::Working;
        for (position, each) in it.steps.iter_mut().enumerate() {
            each.failures = 0;
            if !matches!(each.status, StepStatus::Done | StepStatus::Live(_)) {
                each.status = StepStatus::Queued;
                state.front.queued.insert((ix, position));
            }
        }
        return;
    }
    if new_set {
        it.set_began = it.iteration + 1;
    }
    tasks::decide(state, ix, Point::Prepared);
}
