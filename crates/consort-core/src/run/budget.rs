//! Budgets of the whole run.

use super::ask::Questions;
use super::event::{ApprovalKind, EventKind};
use super::state::State;
use crate::planted::Bug;
use crate::time::Timestamp;

/// A limit of the whole run: name, what is used, what may be used.
struct Reached {
    limit: &'static str,
    used: u64,
    max: u64,
}

fn limits(state: &State, now: Timestamp) -> impl Iterator<Item = Reached> + '_ {
    let budget = state.graph.plan.limits.budget;
    let used = &state.used;
    let paused = used.paused_ms.saturating_add(state.paused_at.map_or(0, |since| now.since_ms(since)));
    let wall = now.since_ms(state.started_at).saturating_sub(used.suspended_ms).saturating_sub(paused);
    let all = [
        ("agent_calls", u64::from(used.agent_calls), budget.agent_calls_max.map(u64::from)),
        ("micro_usd", used.micro_usd, budget.micro_usd_max),
        ("tokens", used.tokens_in.saturating_add(used.tokens_out), budget.tokens_max),
        ("wall_ms", wall, budget.wall_ms_max),
    ];
    all.into_iter().filter_map(move |(limit, used, max)| {
        let max = state.raised.get(limit).copied().or(max)?;
        Some(Reached { limit, used, max })
    })
}

/// The limit that keeps the next attempt from starting, if any: the question is asked once.
pub(super) fn gate(state: &State, now: Timestamp) -> Option<Vec<EventKind>> {
    let mut reached = limits(state, now).filter(|r| r.used >= r.max).peekable();
    reached.peek()?;
    let open = reached.find(|r| !is_asked(state, r.limit));
    Some(open.map(|reached| ask_for(state, reached, 0)).unwrap_or_default())
}

/// True if a person was asked about this limit and has not answered.
fn is_asked(state: &State, limit: &str) -> bool {
    state.open_approvals().any(|(_, a)| matches!(&a.kind, ApprovalKind::Budget { limit: of } if of == limit))
}

/// The question, where the next attempt may use up so much.
fn ask_for(state: &State, reached: Reached, next: u64) -> Vec<EventKind> {
    let Reached { limit, used, max } = reached;
    let mut events = vec![EventKind::BudgetReached { limit: limit.into(), used, max }];
    let what = match next {
        0 => format!("is used up ({used} of {max})"),
        next => {
            format!("has no room for the next attempt, which may use up {next} ({used} of {max} are used)")
        }
    };
    let question =
        format!("the budget {limit} {what}: approve raises it by as much again, reject ends the run");
    events.extend(Questions::new(state).ask(
        ApprovalKind::Budget { limit: limit.into() },
        "the person who pays",
        question,
    ));
    events
}

/// Whether there is room in the budget for all that an attempt may use up.
pub(super) enum Room {
    /// It may start.
    There,
    /// What others have reserved may come free.
    Later,
    /// Only a person can make room.
    Never(Vec<EventKind>),
}

/// Room for the next attempt of this step: what it may use up is reserved before it starts, so that
/// many that start at once do not overshoot together.
pub(super) fn reserve(state: &State, ix: usize, at: usize) -> Room {
    let step = &state.tasks[ix].steps[at];
    let own = state.graph.task(ix).agent_of(&step.step, step.fallback).caps;
    let own = [("micro_usd", own.micro_usd_max), ("tokens", own.tokens_max)];
    for reached in limits(state, state.now) {
        let Some((_, cap)) = own.iter().find(|(limit, _)| *limit == reached.limit) else { continue };
        let reserved = reserved(state, reached.limit);
        let needed = reached.used.saturating_add(reserved).saturating_add(cap.unwrap_or(0));
        if needed <= reached.max {
            continue;
        }
        return match state.live.is_empty() && !is_asked(state, reached.limit) {
            true => Room::Never(ask_for(state, reached, cap.unwrap_or(0))),
            false => Room::Later,
        };
    }
    Room::There
}

/// What living attempts may use up together, or have already used up.
fn reserved(state: &State, limit: &str) -> u64 {
    if Bug::NothingReserved.is_planted() {
        return 0;
    }
    let of = |(attempt, live): (&crate::ids::AttemptId, &super::state::Live)| {
        let agent = state.graph.task(state.graph.ix(&attempt.task)?).agent_of(&attempt.step, live.fallback);
        let used = &live.talk.used;
        Some(match limit {
            "micro_usd" => agent.caps.micro_usd_max.unwrap_or(0).max(used.micro_usd.unwrap_or(0)),
            _ => agent.caps.tokens_max.unwrap_or(0).max(used.tokens_in.saturating_add(used.tokens_out)),
        })
    };
    state.live.iter().filter_map(of).fold(0, u64::saturating_add)
}

/// What an approval raises a limit to: by its original amount, and above what is used.
pub(super) fn next_max(state: &State, limit: &str) -> u64 {
    let budget = state.graph.plan.limits.budget;
    let original = match limit {
        "agent_calls" => budget.agent_calls_max.map(u64::from),
        "micro_usd" => budget.micro_usd_max,
        "tokens" => budget.tokens_max,
        _ => budget.wall_ms_max,
    };
    let step = original.unwrap_or(0).max(1);
    let present = state.raised.get(limit).copied().or(original).unwrap_or(0);
    let used = limits(state, state.now).find(|r| r.limit == limit).map_or(0, |r| r.used);
    present.max(used).saturating_add(step)
}

/// When the wall-time budget runs out, if something is to be started then: otherwise nothing follows from
/// it, and whoever looks would look again at once, and for ever.
pub(super) fn wall_deadline(state: &State) -> Option<Timestamp> {
    if !super::settle::has_slot(state) {
        return None;
    }
    let max = state.raised.get("wall_ms").copied().or(state.graph.plan.limits.budget.wall_ms_max)?;
    let used = &state.used;
    Some(state.started_at.plus_ms(max).plus_ms(used.suspended_ms).plus_ms(used.paused_ms))
}
