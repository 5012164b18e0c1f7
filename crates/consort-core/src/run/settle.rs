//! What follows by itself. One decision at a time: the earliest that is due, then a step that
//! gets a slot, then the end of the run.

mod failure;
mod whole;

pub(super) use whole::{checkpoint, end};

use super::ask::{Questions, WHOEVER, about_barrier, about_held};
use super::event::{ApprovalKind, CheckpointTrigger, EventKind, HoldWhy, RoundKind, RunStatus, Verdict};
use super::order::Candidate;
use super::state::{BarrierStage, Due, LivePhase, Point, State, StepStatus, TaskStage, WorkspaceState};
use super::{budget, decide, order, pools};
use crate::ids::{AttemptId, Step};
use crate::plan::{Task, TaskKind, WorkspaceKind};
use crate::planted::Bug;
use crate::quality::Composite;
use crate::time::Timestamp;

/// The next decision that follows by itself; empty when nothing does until the next input.
pub(super) fn settle(state: &State, now: Timestamp) -> Vec<EventKind> {
    if state.start.is_none() {
        return Vec::new();
    }
    if state.cancelling && !state.is_over() {
        return if state.live.is_empty() {
            end(state, RunStatus::Cancelled, None)
        } else {
            rested(state, now)
        };
    }
    if state.rolling_back().is_some() {
        let follows = super::rollback::follows(state);
        return if follows.is_empty() { rested(state, now) } else { follows };
    }
    if let Some(due) = state.front.due.first() {
        return match due {
            Due::Task(ix) => task(state, *ix, now),
            Due::Stage(s) => checkpoint(
                state,
                CheckpointTrigger::PhaseComplete,
                &state.graph.plan.stages[*s].subject,
                false,
            ),
            Due::Agent(ix) => {
                checkpoint(state, CheckpointTrigger::PhaseComplete, state.graph.task(*ix).id.as_str(), false)
            }
            Due::Barrier(b) => barrier(state, *b),
            Due::BarrierCheckpoint(b) => checkpoint(
                state,
                CheckpointTrigger::BarrierComplete,
                state.graph.plan.barriers[*b].id.as_str(),
                false,
            ),
            Due::Inputs => whole::inputs(state),
            Due::Completion => whole::completion(state),
            Due::LastCheckpoint => whole::last_checkpoint(state),
        };
    }
    let rested = rested(state, now);
    if !rested.is_empty() {
        return rested;
    }
    let follows = super::amend::follows(state);
    if !follows.is_empty() {
        return follows;
    }
    if state.is_over() {
        return Vec::new();
    }
    if let Some(told) = budget::warn(state, None, now) {
        return vec![told];
    }
    if state.stopped.is_some() {
        // What was begun is brought to its end: it is paid for.
        let under_way = !state.live.is_empty() || !state.front.ensuring.is_empty();
        let ends = !under_way && state.front.merging.is_empty();
        return if ends { end(state, RunStatus::Failed, None) } else { Vec::new() };
    }
    let started = start(state, now);
    if !started.is_empty() {
        return started;
    }
    let stuck = state.front.given_up > 0
        && state.amending.is_none()
        && state.is_quiet()
        && state.front.open_approvals.is_empty();
    if stuck { end(state, RunStatus::Failed, None) } else { Vec::new() }
}

/// Steps and effects whose back-off is over.
fn rested(state: &State, now: Timestamp) -> Vec<EventKind> {
    let steps = state.front.resting.iter().take_while(|(until, ..)| *until <= now).take(1);
    let mut events: Vec<EventKind> = steps
        .map(|(_, ix, at)| EventKind::StepRequeued {
            task: state.graph.task(*ix).id.clone(),
            step: state.tasks[*ix].steps[*at].step.clone(),
        })
        .collect();
    if !state.is_over() {
        events.extend(pools::woken(state, now));
        events.extend(budget::bygone(state, now));
    }
    let effects = state.failing.iter().filter(|(_, f)| f.until.is_some_and(|until| until <= now));
    events.extend(effects.map(|(effect, _)| EventKind::EffectDue { effect: effect.clone() }));
    events
}

fn slots(state: &State) -> usize {
    state.graph.plan.limits.max_concurrent_agents.max(1) as usize
}

/// True if there is a free slot, and somebody who waits for one.
pub(super) fn has_slot(state: &State) -> bool {
    let waiting = !state.front.queued.is_empty() || !state.front.ready.is_empty();
    let paused = state.status == RunStatus::Paused;
    !state.closing
        && !paused
        && state.rolling_back().is_none()
        && !state.cancelling
        && state.stopped.is_none()
        && waiting
        && state.live.len() < slots(state)
}

/// So many agents could begin now if there were slots for them; 0 where runs share none.
pub fn slots_wanted(state: &State) -> usize {
    if state.slots.is_none()
        || state.is_over()
        || !has_slot(state)
        || budget::gate(state, state.now).is_some()
    {
        return 0;
    }
    let there = |(ix, at): &(usize, usize)| {
        matches!(budget::reserve(state, *ix, *at, state.now), budget::Room::There)
    };
    let may = |(ix, at): &(usize, usize)| {
        pools::is_awake(state, *ix, *at) && !super::growth::is_crowded(state, *ix)
    };
    let free = slots(state) - state.live.len();
    order::queue(state).into_iter().filter(may).filter(there).take(free).count()
}

/// True if what is to begin waits for nothing but other runs: for a slot, or for room in a budget of the day
/// that their living agents may need.
pub fn waits_for_others(state: &State) -> bool {
    if state.slots == Some(0) && slots_wanted(state) > 0 {
        return true;
    }
    let reserved = state.reserved_elsewhere.is_some_and(|(day, _)| day == state.now.day());
    let later = |(ix, at): (usize, usize)| {
        pools::is_awake(state, ix, at)
            && matches!(budget::reserve(state, ix, at, state.now), budget::Room::Later)
    };
    reserved && !state.is_over() && has_slot(state) && order::queue(state).into_iter().any(later)
}

/// Gives the next free slot away: see `run/order.rs`.
fn start(state: &State, now: Timestamp) -> Vec<EventKind> {
    if !has_slot(state) {
        return Vec::new();
    }
    if let Some(events) = budget::gate(state, now) {
        return events;
    }
    // One that finds no room in the budget does not keep a smaller one from starting, nor another task.
    let mut no_room = Vec::new();
    for (each, kept) in order::candidates(state) {
        let free = state.live.len() + kept < slots(state);
        match each {
            Candidate::Step(ix, at)
                if free && pools::is_awake(state, ix, at) && !super::growth::is_crowded(state, ix) =>
            {
                match budget::reserve(state, ix, at, now) {
                    // Its turn comes when a slot is free that runs share; what can never begin is told before.
                    budget::Room::There if state.slots == Some(0) => {}
                    budget::Room::There => {
                        let told = budget::warn(state, Some(ix), now);
                        return vec![told.unwrap_or_else(|| attempt(state, ix, at))];
                    }
                    budget::Room::Later => {}
                    budget::Room::Never(events) if no_room.is_empty() => no_room = events,
                    budget::Room::Never(_) => {}
                }
            }
            // What is to be asked is asked before anything new begins.
            Candidate::Task(ix) if free && no_room.is_empty() => return begin(state, ix),
            _ => {}
        }
    }
    no_room
}

fn begin(state: &State, ix: usize) -> Vec<EventKind> {
    let task = state.graph.task(ix);
    if task.workspace == WorkspaceKind::None {
        return round(task, state.tasks[ix].iteration + 1, RoundKind::Creation);
    }
    vec![EventKind::TaskPreparing { task: task.id.clone() }]
}

fn attempt(state: &State, ix: usize, at: usize) -> EventKind {
    let task = state.graph.task(ix);
    let it = &state.tasks[ix];
    let step = it.steps[at].step.clone();
    let fallback = it.steps[at].fallback;
    let (resume, fork) = super::talk::resumed(state, ix, &step, fallback).unzip();
    EventKind::AttemptStarting {
        deadline_ms: task.agent_of(&step, fallback).timeout_ms,
        resume,
        fork: fork.unwrap_or_default(),
        fallback,
        attempt: AttemptId {
            task: task.id.clone(),
            generation: it.generation,
            iteration: it.iteration,
            attempt: it.attempts + 1,
            step,
        },
    }
}

fn round(task: &Task, iteration: u32, kind: RoundKind) -> Vec<EventKind> {
    vec![EventKind::RoundStarted { task: task.id.clone(), iteration, kind }]
}

fn steps(task: &Task, iteration: u32, steps: Vec<Step>) -> Vec<EventKind> {
    vec![EventKind::StepsQueued { task: task.id.clone(), iteration, steps }]
}

/// What follows for a task at the point it has come to.
fn task(state: &State, ix: usize, now: Timestamp) -> Vec<EventKind> {
    let task = state.graph.task(ix);
    let it = &state.tasks[ix];
    let TaskStage::Deciding(point) = &it.stage else {
        return super::growth::turn(state, ix);
    };
    let iteration = it.iteration;
    match point {
        Point::Prepared => round(task, iteration + 1, RoundKind::Creation),
        // The work is there: what is left of a creation is its capture.
        Point::CreationBegan if task.given.is_some() => {
            vec![EventKind::TaskCapturing { task: task.id.clone(), iteration }]
        }
        Point::CreationBegan => steps(task, iteration, vec![Step::Create]),
        Point::ConfirmationBegan => reviewed_up_to(state, ix, 0),
        Point::Created if task.self_review => steps(task, iteration, vec![Step::SelfReview]),
        Point::Created | Point::SelfReviewed => {
            vec![EventKind::TaskCapturing { task: task.id.clone(), iteration }]
        }
        Point::Captured if !it.problems.is_empty() => decided(state, ix),
        Point::Captured => reviewed_up_to(state, ix, 0),
        Point::Reviewed(group) => reviewed_up_to(state, ix, *group),
        Point::Judged => super::judging::together(state, ix),
        Point::Scored => decided(state, ix),
        Point::Decided(verdict) => after(state, ix, verdict),
        Point::Refused(why) => failure::refused(state, ix, why, now),
        Point::StepFailed { step, last } => failure::failed(state, ix, step, last, now),
        Point::Conflict { between, paths } => {
            held(state, ix, HoldWhy::Conflict { between: between.clone(), paths: paths.clone() })
        }
        Point::Unclear { what, why } => {
            held(state, ix, HoldWhy::Attempts { step: what.clone(), last: why.clone() })
        }
        Point::EffectFailed(why) => {
            // The workspace, the capture or the commit: by how far the task had come.
            let step = match it.round() {
                _ if it.taken.is_some() || super::growth::growth(task).is_some() => "list",
                _ if it.workspace == WorkspaceState::Preparing => "workspace",
                None if task.when.is_some() && !it.met => "condition",
                Some(round) if round.verdict.is_some() => "commit",
                _ => "capture",
            };
            held(state, ix, HoldWhy::Attempts { step: step.into(), last: why.clone() })
        }
    }
}

fn review(task: &Task, iteration: u32, group: usize) -> Vec<EventKind> {
    match task.review_groups.get(group) {
        Some(strategies) => steps(task, iteration, strategies.iter().cloned().map(Step::Review).collect()),
        None => steps(task, iteration, (1..=task.judges.max(1)).map(Step::of_judge).collect()),
    }
}

/// The next group of critics, then the judge, then the verdict.
fn reviewed_up_to(state: &State, ix: usize, group: usize) -> Vec<EventKind> {
    let task = state.graph.task(ix);
    if group < task.review_groups.len() || task.judged {
        return review(task, state.tasks[ix].iteration, group);
    }
    decided(state, ix)
}

fn decided(state: &State, ix: usize) -> Vec<EventKind> {
    let task = state.graph.task(ix);
    let it = &state.tasks[ix];
    let verdict = decide::verdict(task, it);
    vec![EventKind::RoundDecided { task: task.id.clone(), iteration: it.iteration, verdict }]
}

/// What follows from a verdict.
fn after(state: &State, ix: usize, verdict: &Verdict) -> Vec<EventKind> {
    let task = state.graph.task(ix);
    let it = &state.tasks[ix];
    match verdict {
        Verdict::Confirm => round(task, it.iteration + 1, RoundKind::Confirmation),
        Verdict::Revise(_) => round(task, it.iteration + 1, RoundKind::Creation),
        Verdict::Broken { breaker, .. } => match (&task.kind, state.graph.handoff_of(ix)) {
            (TaskKind::Handoff(handoff), Some(b)) => {
                let retry = state.barriers[b].retries + 1;
                if retry > state.graph.plan.limits.max_barrier_retries {
                    return held(state, ix, HoldWhy::BarrierRetries);
                }
                let barrier = handoff.barrier.clone();
                vec![EventKind::HandoffRestarted { task: task.id.clone(), barrier, retry }]
            }
            _ => held(state, ix, breaker.clone()),
        },
        Verdict::Accepted => accept(state, ix),
    }
}

fn accept(state: &State, ix: usize) -> Vec<EventKind> {
    let task = state.graph.task(ix);
    let it = &state.tasks[ix];
    let Some(candidate) = &it.candidate else { return Vec::new() };
    let revision = candidate.revision.clone();
    let summed_up = it.summed_up && !Bug::SummaryTakenForContext.is_planted();
    let who = task.approval.as_ref().map(|approval| approval.who.as_str());
    if let Some(who) = who.or(summed_up.then_some(WHOEVER)) {
        let kind = ApprovalKind::Task { task: task.id.clone(), iteration: it.iteration, revision };
        let score = it.composite().map_or_else(String::new, |c| format!(", composite {c}"));
        let mut question = format!("accept {} after round {}{score}?", task.id, it.iteration);
        if summed_up {
            question += " The context of one of its agents was summed up on the way (AE-006e): look for what it forgot";
        }
        return Questions::new(state).ask(kind, who, question);
    }
    super::ask::accepting(state, &task.id, it.iteration, &revision, None)
}

fn held(state: &State, ix: usize, why: HoldWhy) -> Vec<EventKind> {
    let task = state.graph.task(ix);
    if task.given.is_some() {
        // Nobody would make another version: there is nothing to ask, the run ends with this answer.
        let said = super::ask::what_is_held(state, ix, &why);
        // Whatever shows it names the task itself.
        let said = said.strip_prefix(&format!("{}: ", task.id)).unwrap_or(&said);
        let why = super::ask::cut(said, 500);
        return vec![EventKind::TaskFailed { task: task.id.clone(), why }];
    }
    let (kind, question) = about_held(state, ix, &why);
    let mut events = vec![EventKind::TaskHeld { task: task.id.clone(), why }];
    events.extend(Questions::new(state).ask(kind, WHOEVER, question));
    events
}

/// What follows for a barrier at the point it has come to.
fn barrier(state: &State, b: usize) -> Vec<EventKind> {
    let plan = &state.graph.plan.barriers[b];
    let it = &state.barriers[b];
    let id = plan.id.clone();
    match &it.stage {
        BarrierStage::Arrived => vec![EventKind::BarrierPrechecked { barrier: id }],
        BarrierStage::Pollinated => vec![EventKind::BarrierMerging { barrier: id, set: it.set }],
        BarrierStage::Merged => {
            let consumers = state.graph.barrier_consumers(b);
            let consumers = consumers.into_iter().map(|ix| state.graph.task(ix).id.clone()).collect();
            let mut events = vec![EventKind::BarrierVerified { barrier: id.clone(), consumers }];
            let Some(revision) = it.revision.clone() else { return events };
            match &plan.approval {
                Some(approval) => {
                    let question = format!("let {id} pass? its commit is {revision}");
                    let kind = ApprovalKind::Barrier { barrier: id, revision };
                    events.extend(Questions::new(state).ask(kind, &approval.who, question));
                }
                None => events.push(EventKind::BarrierCompleted { barrier: id, revision, approval: None }),
            }
            events
        }
        _ => Vec::new(),
    }
}

/// The question for a barrier that cannot go on by itself.
pub(super) fn hold_barrier(state: &State, b: usize, why: super::event::BarrierHold) -> Vec<EventKind> {
    let (kind, question) = about_barrier(state, b, &why);
    let mut events = vec![EventKind::BarrierHeld { barrier: state.graph.plan.barriers[b].id.clone(), why }];
    events.extend(Questions::new(state).ask(kind, WHOEVER, question));
    events
}

/// Attempts that the present runner is to start.
pub(super) fn is_starting(state: &State, attempt: &AttemptId) -> bool {
    state.live.get(attempt).is_some_and(|l| l.phase == LivePhase::Starting && l.stopping.is_none())
}

/// The composite of a judge's scores, in the plan's dimensions.
pub(super) fn composite(state: &State, scores: &[super::DimensionScore]) -> Option<Composite> {
    let dimensions = &state.graph.plan.quality.dimensions;
    if dimensions.len() != scores.len() {
        return None;
    }
    let paired: Option<Vec<_>> = dimensions
        .iter()
        .map(|d| scores.iter().find(|s| s.dimension == d.id).map(|s| (d.weight, s.score)))
        .collect();
    Composite::of(paired?)
}

/// Position of a live step that this attempt belongs to.
pub(super) fn holds(state: &State, attempt: &AttemptId) -> bool {
    state
        .graph
        .ix(&attempt.task)
        .is_some_and(|ix| state.tasks[ix].steps.iter().any(|s| s.status == StepStatus::Live(attempt.clone())))
}
