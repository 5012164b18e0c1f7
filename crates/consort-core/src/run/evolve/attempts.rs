//! Attempts: what is live, until when, and what its end means for its step.

use super::tasks;
use crate::ids::{AttemptId, Step};
use crate::run::StopWhy;
use crate::run::event::{AttemptEnd, Failure};
use crate::run::input::Usage;
use crate::run::state::{Live, LivePhase, Point, RoleUse, State, StepStatus, TaskStage, kind_of};
use crate::run::{budget, rank};
use crate::time::Timestamp;

/// The entry of a live attempt.
pub(super) fn live<'a>(state: &'a mut State, attempt: &AttemptId) -> Result<&'a mut Live, String> {
    state.live.get_mut(attempt).ok_or_else(|| format!("{attempt} is not live"))
}

/// From here on the attempt may spend: it is watched, never started again.
pub(super) fn starting(
    state: &mut State,
    attempt: &AttemptId,
    at: Timestamp,
    deadline_ms: u64,
) -> Result<(), String> {
    let ix = super::index(state, &attempt.task)?;
    let position = state.tasks[ix].steps.iter().position(|s| s.step == attempt.step);
    let position = position.ok_or_else(|| format!("{attempt}: its step is not due"))?;
    let it = &mut state.tasks[ix];
    if it.steps[position].status != StepStatus::Queued || attempt.attempt != it.attempts + 1 {
        return Err(format!("{attempt} starts out of turn"));
    }
    it.attempts = attempt.attempt;
    it.steps[position].status = StepStatus::Live(attempt.clone());
    state.front.queued.remove(&(ix, position));
    let deadline = at.plus_ms(deadline_ms);
    state.front.deadlines.insert((deadline, attempt.clone()));
    let live = Live {
        phase: LivePhase::Starting,
        since: at,
        deadline,
        process: None,
        stopping: None,
        notes: 0,
        fallback: 0,
        resume: None,
        fork: false,
        talk: Default::default(),
    };
    state.live.insert(attempt.clone(), live);
    *state.front.had.entry(state.graph.group_of(ix)).or_default() += 1;
    state.used.agent_calls += 1;
    budget::shares(state, ix, |spent| spent.agent_calls += 1);
    state.used.by_role.of(&attempt.step).calls += 1;
    Ok(())
}

/// A start that failed may have begun all the same: from here on the attempt is only watched.
pub(super) fn adrift(state: &mut State, effect: &str) {
    let attempt = effect.strip_prefix("start/").and_then(|id| id.parse().ok());
    if let Some(live) = attempt.and_then(|id: AttemptId| state.live.get_mut(&id))
        && live.phase == LivePhase::Starting
    {
        live.phase = LivePhase::Adrift;
    }
}

/// The attempt is over: its step is done, or is to be tried again.
pub(super) fn ended(
    state: &mut State,
    attempt: &AttemptId,
    end: &AttemptEnd,
    usage: &Usage,
    wall_ms: u64,
) -> Result<(), String> {
    let ix = super::index(state, &attempt.task)?;
    if *end == AttemptEnd::Done {
        went_well(state, attempt);
    }
    let live = state.live.remove(attempt).ok_or_else(|| format!("{attempt} is not live"))?;
    if *end == AttemptEnd::Done {
        rank::learn(state, ix, (&attempt.step, live.fallback), wall_ms);
    }
    state.front.deadlines.remove(&(live.deadline, attempt.clone()));
    count(state, end, usage, wall_ms);
    if *end == AttemptEnd::Lost {
        // It never ran: nobody was called.
        state.used.never_ran += 1;
        budget::never_ran(state, ix, live.since);
    }
    charge(state, (ix, &attempt.step, live.fallback), end, usage, wall_ms);
    spend(state.used.by_role.of(&attempt.step), usage, wall_ms);
    let it = &mut state.tasks[ix];
    let holds = |s: &StepStatus| matches!(s, StepStatus::Live(held) if held == attempt);
    let Some(position) = it.steps.iter().position(|s| holds(&s.status)) else { return Ok(()) };
    match end {
        AttemptEnd::Done => it.steps[position].status = StepStatus::Done,
        // Not its own fault: the same step again, at once.
        AttemptEnd::Lost | AttemptEnd::Stopped(StopWhy::Superseded | StopWhy::Orphaned) => {
            requeue(state, ix, position);
            return Ok(());
        }
        AttemptEnd::Failed(_) | AttemptEnd::Unknown | AttemptEnd::Stopped(_) => {
            let step = &mut it.steps[position];
            step.failures += 1;
            step.failure = match end {
                AttemptEnd::Failed(Failure::Session(failure)) => Some(failure.clone()),
                _ => None,
            };
            step.malformed += u32::from(matches!(end, AttemptEnd::Failed(Failure::Malformed(_))));
            step.unfounded += u32::from(matches!(end, AttemptEnd::Failed(Failure::Unfounded(_))));
            step.refused = match end {
                AttemptEnd::Failed(Failure::Malformed(why) | Failure::Unfounded(why)) => Some(why.clone()),
                AttemptEnd::Failed(Failure::NoAnswer) => Some("there was no answer file".into()),
                _ => None,
            };
            it.steps[position].status = StepStatus::Failed;
        }
    }
    conclude(state, ix, position, end);
    Ok(())
}

/// Its pool gives again.
fn went_well(state: &mut State, attempt: &AttemptId) {
    let Some(pool) = crate::run::pools::of_attempt(state, attempt).map(str::to_owned) else { return };
    let now = state.now;
    let rests = state.pools.get_mut(&pool).is_some_and(|known| {
        known.rests = 0;
        known.since = now;
        !known.woke
    });
    if !rests {
        state.pools.remove(&pool);
    }
}

fn requeue(state: &mut State, ix: usize, position: usize) {
    state.tasks[ix].steps[position].status = StepStatus::Queued;
    // A sibling may have failed in the same record, and is decided upon in a moment.
    let under_way = matches!(state.tasks[ix].stage, TaskStage::Working | TaskStage::Deciding(_));
    if under_way && !state.is_leaving(ix) {
        state.front.queued.insert((ix, position));
    }
}

/// If all steps are done the round goes on; a failed one is decided upon.
fn conclude(state: &mut State, ix: usize, position: usize, end: &AttemptEnd) {
    let it = &state.tasks[ix];
    if !matches!(it.stage, TaskStage::Working | TaskStage::Deciding(_)) {
        return;
    }
    let step = it.steps[position].step.clone();
    if it.steps[position].status == StepStatus::Failed {
        tasks::decide(state, ix, Point::StepFailed { step, last: failure_text(end) });
    } else if it.steps.iter().all(|s| s.status == StepStatus::Done) {
        let point = match step {
            Step::Create => Point::Created,
            Step::SelfReview => Point::SelfReviewed,
            // One judge alone scores at once.
            Step::Judge | Step::Panel(_) => {
                let scored = it.round().is_some_and(|r| r.composite.is_some());
                if scored { Point::Scored } else { Point::Judged }
            }
            Step::Review(strategy) => {
                let groups = &state.graph.task(ix).review_groups;
                let group = groups.iter().position(|g| g.contains(&strategy)).unwrap_or(groups.len());
                Point::Reviewed(group + 1)
            }
        };
        tasks::decide(state, ix, point);
    }
}

/// What it used up counts for all whose budget it is, and tells what the next one of its kind may need.
fn charge(
    state: &mut State,
    (ix, step, fallback): (usize, &Step, u8),
    end: &AttemptEnd,
    usage: &Usage,
    wall_ms: u64,
) {
    let graph = state.graph.clone();
    let agent = graph.task(ix).agent_of(step, fallback);
    let unknown_cost = crate::run::budget::is_unknown(agent, end, usage);
    state.used.unknown_cost += u32::from(unknown_cost);
    budget::shares(state, ix, |spent| spent.add(usage, wall_ms, unknown_cost));
    // One that failed before it did anything tells nothing.
    let done = *end == AttemptEnd::Done;
    let tells = done || usage.tokens() > 0 || usage.micro_usd.is_some_and(|cost| cost > 0);
    if tells {
        state.most.entry(kind_of(step).to_owned()).or_default().see(usage, wall_ms, agent, done);
    }
}

fn count(state: &mut State, end: &AttemptEnd, usage: &Usage, wall_ms: u64) {
    let used = &mut state.used;
    match end {
        AttemptEnd::Done => used.done += 1,
        AttemptEnd::Lost | AttemptEnd::Unknown => used.lost += 1,
        AttemptEnd::Failed(_) | AttemptEnd::Stopped(_) => used.failed += 1,
    }
    used.tokens_in = used.tokens_in.saturating_add(usage.tokens_in);
    used.tokens_out = used.tokens_out.saturating_add(usage.tokens_out);
    used.wall_ms = used.wall_ms.saturating_add(wall_ms);
    match usage.micro_usd {
        Some(cost) => used.micro_usd = used.micro_usd.saturating_add(cost),
        None => used.unpriced += 1,
    }
}

fn spend(role: &mut RoleUse, usage: &Usage, wall_ms: u64) {
    role.tokens_in = role.tokens_in.saturating_add(usage.tokens_in);
    role.tokens_out = role.tokens_out.saturating_add(usage.tokens_out);
    role.micro_usd = role.micro_usd.saturating_add(usage.micro_usd.unwrap_or(0));
    role.wall_ms = role.wall_ms.saturating_add(wall_ms);
}

/// The end of an attempt in a sentence, for people.
pub(in crate::run) fn failure_text(end: &AttemptEnd) -> String {
    use crate::run::input::Exit;
    match end {
        AttemptEnd::Done => "it did its step".into(),
        AttemptEnd::Failed(Failure::Exit(exit)) => match exit {
            Exit::Code(code) => format!("exit code {code}"),
            Exit::Signal(signal) => format!("ended by signal {signal}"),
            Exit::NotStarted(why) => format!("could not be started: {why}"),
            Exit::Stopped(why) => format!("stopped: {why:?}"),
        },
        AttemptEnd::Failed(Failure::Malformed(why)) => format!("malformed answer: {why}"),
        AttemptEnd::Failed(Failure::Unfounded(why)) => why.clone(),
        AttemptEnd::Failed(Failure::NoAnswer) => "it ended without an answer".into(),
        AttemptEnd::Failed(Failure::Session(failure)) => failure.why.clone(),
        AttemptEnd::Stopped(StopWhy::TimedOut) => "its time was used up".into(),
        AttemptEnd::Stopped(why) => format!("stopped: {why:?}"),
        AttemptEnd::Lost => "it never ran".into(),
        AttemptEnd::Unknown => "it vanished, and nobody can say how far it came".into(),
    }
}

/// The machine slept: work gets the time back.
pub(super) fn shift_deadlines(state: &mut State, by_ms: u64) {
    state.used.suspended_ms = state.used.suspended_ms.saturating_add(by_ms);
    // Nobody waited for a quota meanwhile. What its vendor said of it is a time of the world, and stands.
    state.pools.values_mut().for_each(|pool| pool.since = pool.since.plus_ms(by_ms));
    state.front.deadlines.clear();
    for (attempt, live) in &mut state.live {
        live.deadline = live.deadline.plus_ms(by_ms);
        // What the machine slept through is given back once, not as waiting too.
        if let Some(waiting) = &mut live.talk.waiting {
            waiting.since = waiting.since.plus_ms(by_ms);
        }
        if live.stopping.is_none() {
            state.front.deadlines.insert((live.deadline, attempt.clone()));
        }
    }
}
