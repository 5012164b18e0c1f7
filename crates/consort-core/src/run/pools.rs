//! Quotas that several agents share. What one of them hits, all of them respect: a pool rests until its
//! vendor takes requests again, nobody loses a try by it, and others go on meanwhile.

use super::event::EventKind;
use super::input::Rest;
use super::session::SessionFailure;
use super::state::{PoolState, State};
use crate::ids::{AttemptId, Step};
use crate::planted::Bug;
use crate::time::Timestamp;

/// A rest of which nobody says how long it is: doubling from the first to the last, in milliseconds.
const REST_MS: (u64, u64) = (60_000, 30 * 60_000);
/// The first one where the vendor's own time has just passed.
const PASSED_MS: u64 = 2_000;
/// No vendor's word is believed beyond this, in milliseconds.
const REST_MS_MAX: u64 = 7 * 86_400_000;
/// A pause so short is the agent's own affair: it goes on by itself.
const OWN_AFFAIR_MS: u64 = 10_000;

/// Whose quota a step of a task uses, if anybody's.
fn pool_of<'a>(state: &'a State, ix: usize, step: &Step, fallback: u8) -> Option<&'a str> {
    state.graph.task(ix).agent_of(step, fallback).pool.as_deref()
}

/// Whose quota a living attempt uses.
pub(super) fn of_attempt<'a>(state: &'a State, attempt: &AttemptId) -> Option<&'a str> {
    let fallback = state.live.get(attempt)?.fallback;
    pool_of(state, state.graph.ix(&attempt.task)?, &attempt.step, fallback)
}

/// The pool of this step, while it rests.
fn resting(state: &State, ix: usize, at: usize) -> Option<&PoolState> {
    if state.pools.is_empty() || Bug::RestForgotten.is_planted() {
        return None;
    }
    let step = &state.tasks[ix].steps[at];
    let pool = state.pools.get(pool_of(state, ix, &step.step, step.fallback)?)?;
    (!pool.woke).then_some(pool)
}

/// True if the pool of this queued step does not rest.
pub(super) fn is_awake(state: &State, ix: usize, at: usize) -> bool {
    resting(state, ix, at).is_none()
}

/// Pools whose time has come. That they woke is a fact of its own: whether somebody can begin then is
/// another matter, and who waits for them must not be told to look again and again.
pub(super) fn woken(state: &State, now: Timestamp) -> impl Iterator<Item = EventKind> + '_ {
    let due = state.pools.iter().filter(move |(_, pool)| !pool.woke && pool.until <= now);
    due.map(|(pool, _)| EventKind::PoolWoke { pool: pool.clone() })
}

/// When the first queued step that waits for its pool may go on.
pub(super) fn next_wake(state: &State) -> Option<Timestamp> {
    if state.pools.is_empty() {
        return None;
    }
    let waits = state.front.queued.iter().filter_map(|(ix, at)| resting(state, *ix, *at));
    waits.map(|pool| pool.until).min()
}

/// What other runs ran into rests here as well, until the same time, where somebody here uses it.
pub(super) fn elsewhere(state: &State, rests: &[Rest], now: Timestamp) -> Vec<EventKind> {
    if state.is_over() {
        return Vec::new();
    }
    let is_used = |pool: &str| {
        let tasks = state.graph.plan.tasks.iter();
        let agents =
            tasks.flat_map(|task| [&task.creator, &task.critic, &task.judge].into_iter().chain(&task.panel));
        let mut all = agents.flat_map(|agent| std::iter::once(agent).chain(&agent.fallbacks));
        all.any(|agent| agent.pool.as_deref() == Some(pool))
    };
    let news = rests.iter().filter_map(|rest| {
        let until = rest.until.min(now.plus_ms(REST_MS_MAX));
        let known = state.pools.get(&rest.pool);
        if until <= now || known.is_some_and(|known| known.until >= until) || !is_used(&rest.pool) {
            return None;
        }
        let why = super::ask::cut(&rest.why, 300);
        let rests = known.map_or(0, |known| known.rests).max(1);
        Some(EventKind::PoolRested { pool: rest.pool.clone(), until, rests, why })
    });
    news.collect()
}

/// A step hit the limit of its pool: the pool rests, and until when. `None`: the agent has no pool, or
/// everybody's patience with it is over.
pub(super) fn hit(
    state: &State,
    (ix, step, fallback): (usize, &Step, u8),
    until: Option<Timestamp>,
    failure: &SessionFailure,
    now: Timestamp,
) -> Option<(Timestamp, EventKind)> {
    let pool = pool_of(state, ix, step, fallback)?;
    let known = state.pools.get(pool);
    let since = known.map_or(now, |pool| pool.since);
    if now.since_ms(since) > state.graph.plan.limits.patience_ms {
        return None;
    }
    Some(rest(state, pool, until, &failure.why, now))
}

fn rest(
    state: &State,
    pool: &str,
    until: Option<Timestamp>,
    why: &str,
    now: Timestamp,
) -> (Timestamp, EventKind) {
    let known = state.pools.get(pool);
    // Who runs into a limit that is known already was on its way before: it is no further hit, and
    // with no word of how long it is, it rests as long as the others.
    let resting = known.filter(|pool| pool.until > now);
    let rests = known.map_or(0, |pool| pool.rests) + u32::from(resting.is_none());
    let first = if until.is_some() { PASSED_MS } else { REST_MS.0 };
    let most = REST_MS.1;
    let own = now.plus_ms(first.saturating_mul(1 << rests.saturating_sub(1).min(16)).min(most));
    let own = resting.map_or(own, |pool| pool.until);
    let until = until.filter(|until| *until > now).unwrap_or(own).min(now.plus_ms(REST_MS_MAX));
    // Another agent of the pool may know of a longer rest.
    let until = known.map_or(until, |pool| pool.until.max(until));
    let why = super::ask::cut(why, 300);
    (until, EventKind::PoolRested { pool: pool.to_owned(), until, rests, why })
}

/// A living agent says that it is limited for longer than it would wait by itself: nobody else of its
/// pool begins meanwhile.
pub(super) fn noted(
    state: &State,
    attempt: &AttemptId,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Option<EventKind> {
    let until = until.filter(|until| *until > now.plus_ms(OWN_AFFAIR_MS))?;
    let pool = of_attempt(state, attempt)?;
    let known = state.pools.get(pool).is_some_and(|pool| pool.until >= until);
    (!known).then(|| rest(state, pool, Some(until), "its vendor limits it", now).1)
}
