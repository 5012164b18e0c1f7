//! Budgets of the whole run.

use super::ask::Questions;
use super::event::{ApprovalKind, EventKind};
use super::state::State;
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
        ("wall_ms", wall, budget.wall_ms_max),
    ];
    all.into_iter().filter_map(move |(limit, used, max)| {
        let max = state.raised.get(limit).copied().or(max)?;
        Some(Reached { limit, used, max })
    })
}

/// The limit that keeps the next attempt from starting, if any: the question is asked once.
pub(super) fn gate(state: &State, now: Timestamp) -> Option<Vec<EventKind>> {
    let reached = limits(state, now).find(|r| r.used >= r.max)?;
    let asked = state
        .open_approvals()
        .any(|(_, a)| matches!(&a.kind, ApprovalKind::Budget { limit } if limit == reached.limit));
    if asked {
        return Some(Vec::new());
    }
    let Reached { limit, used, max } = reached;
    let mut events = vec![EventKind::BudgetReached { limit: limit.into(), used, max }];
    let question = format!(
        "the budget {limit} is used up ({used} of {max}): approve raises it by as much again, reject ends the run"
    );
    events.extend(Questions::new(state).ask(
        ApprovalKind::Budget { limit: limit.into() },
        "the person who pays",
        question,
    ));
    Some(events)
}

/// What an approval raises a limit to: by its original amount, and above what is used.
pub(super) fn next_max(state: &State, limit: &str) -> u64 {
    let budget = state.graph.plan.limits.budget;
    let original = match limit {
        "agent_calls" => budget.agent_calls_max.map(u64::from),
        "micro_usd" => budget.micro_usd_max,
        _ => budget.wall_ms_max,
    };
    let step = original.unwrap_or(0).max(1);
    let present = state.raised.get(limit).copied().or(original).unwrap_or(0);
    let used = limits(state, state.now).find(|r| r.limit == limit).map_or(0, |r| r.used);
    present.max(used).saturating_add(step)
}

/// When the wall-time budget runs out, if it is the only thing to wait for.
pub(super) fn wall_deadline(state: &State) -> Option<Timestamp> {
    if state.paused_at.is_some() {
        return None;
    }
    let max = state.raised.get("wall_ms").copied().or(state.graph.plan.limits.budget.wall_ms_max)?;
    let used = &state.used;
    Some(state.started_at.plus_ms(max).plus_ms(used.suspended_ms).plus_ms(used.paused_ms))
}
