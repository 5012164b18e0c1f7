//! Quotas and budgets: nobody of a pool begins while it rests, nobody loses a try by it, and no attempt
//! starts for whose cap there is no room beside what is used and what living ones may still use up.

use super::book::Book;
use consort_core::ids::{AttemptId, Step, TaskId};
use consort_core::plan::{AgentSpec, Budget};
use consort_core::run::*;
use consort_core::time::Timestamp;
use std::collections::BTreeMap;

/// Money and tokens: used up, or reserved.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    micro_usd: u64,
    tokens: u64,
}

impl Spent {
    fn of(usage: &Usage) -> Self {
        let tokens = usage.tokens_in.saturating_add(usage.tokens_out);
        Spent { micro_usd: usage.micro_usd.unwrap_or(0), tokens }
    }
}

/// A living attempt: what its agent may use up, and what it says that it has.
#[derive(Clone, Debug)]
struct Holder {
    micro_usd: Option<u64>,
    tokens: Option<u64>,
    said: Spent,
}

/// What the auditor keeps of quotas and budgets.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    used: Spent,
    live: BTreeMap<AttemptId, Holder>,
    /// By pool: nobody of it begins before.
    rests: BTreeMap<String, Timestamp>,
    /// Tries that a step has lost, as its last retry counts them.
    tries: BTreeMap<(TaskId, Step), u32>,
    /// Steps whose last attempt found its pool's quota used up.
    limited: BTreeMap<(TaskId, Step), bool>,
}

pub(super) fn limit(book: &mut Book<'_>, kind: &EventKind, now: Timestamp) {
    use EventKind as E;
    match kind {
        E::AttemptStarting { attempt, fallback, .. } => {
            let Some(agent) = book.tasks.get(&attempt.task).map(|t| t.agent_of(&attempt.step, *fallback))
            else {
                return;
            };
            awake(book, attempt, agent, now);
            room(book, attempt, agent);
        }
        E::SessionNoted { attempt, note } => {
            if let (NoteKind::Used(usage), Some(holder)) = (&note.kind, book.limits.live.get_mut(attempt)) {
                holder.said = Spent::of(usage);
            }
        }
        E::AttemptEnded { attempt, end, usage, .. } => {
            book.limits.live.remove(attempt);
            let (spent, used) = (Spent::of(usage), &mut book.limits.used);
            used.micro_usd = used.micro_usd.saturating_add(spent.micro_usd);
            used.tokens = used.tokens.saturating_add(spent.tokens);
            let limited = matches!(end, AttemptEnd::Failed(Failure::Session(failure))
                if matches!(failure.class, FailureClass::Limited(_)));
            book.limits.limited.insert((attempt.task.clone(), attempt.step.clone()), limited);
        }
        E::PoolRested { pool, until, .. } => {
            let before = book.limits.rests.insert(pool.clone(), *until);
            book.must(*until > now, "pool", || format!("{pool} rests until {until}, which is over"));
            book.must(before.is_none_or(|before| before <= *until), "pool", || {
                format!("{pool} was to rest until {before:?}, and now only until {until}")
            });
        }
        E::PoolWoke { pool } => {
            let until = book.limits.rests.get(pool).copied();
            book.must(until.is_some_and(|until| until <= now), "pool", || {
                format!("{pool} wakes, and rests until {until:?}")
            });
        }
        E::StepRetrying { task, step, failures, not_before, .. } => {
            retrying(book, task, step, *failures, *not_before);
        }
        E::StepsQueued { task, .. } | E::TaskReleased { task, .. } => {
            book.limits.tries.retain(|(of, _), _| of != task);
        }
        E::FellBack { task, step, .. } => drop(book.limits.tries.remove(&(task.clone(), step.clone()))),
        _ => {}
    }
}

/// Nobody of a pool begins while it rests.
fn awake(book: &mut Book<'_>, attempt: &AttemptId, agent: &AgentSpec, now: Timestamp) {
    let Some(pool) = &agent.pool else { return };
    let until = book.limits.rests.get(pool).copied();
    book.must(until.is_none_or(|until| until <= now), "pool", || {
        format!("{attempt} starts, and {pool} rests until {until:?}")
    });
}

/// What is used, what living ones may use up, and what this one may use up is within the budget.
fn room(book: &mut Book<'_>, attempt: &AttemptId, agent: &AgentSpec) {
    let Budget { micro_usd_max, tokens_max, .. } = book.plan.limits.budget;
    let money = |h: &Holder| h.micro_usd.unwrap_or(0).max(h.said.micro_usd);
    let tokens = |h: &Holder| h.tokens.unwrap_or(0).max(h.said.tokens);
    let held = |of: &dyn Fn(&Holder) -> u64| book.limits.live.values().map(of).fold(0, u64::saturating_add);
    let all = [
        ("micro_usd", book.limits.used.micro_usd, held(&money), agent.caps.micro_usd_max, micro_usd_max),
        ("tokens", book.limits.used.tokens, held(&tokens), agent.caps.tokens_max, tokens_max),
    ];
    for (limit, used, reserved, own, max) in all {
        let max = book.raised.get(limit).copied().or(max);
        let (Some(max), Some(own)) = (max, own) else { continue };
        let needed = used.saturating_add(reserved).saturating_add(own);
        book.must(needed <= max, "budget", || {
            format!(
                "{attempt} starts with {own} {limit}, where {used} are used and {reserved} reserved of {max}"
            )
        });
    }
    let said = Spent::default();
    let holder = Holder { micro_usd: agent.caps.micro_usd_max, tokens: agent.caps.tokens_max, said };
    book.limits.live.insert(attempt.clone(), holder);
}

/// A quota that is used up costs nobody a try, and its step waits until the pool gives again.
fn retrying(book: &mut Book<'_>, task: &TaskId, step: &Step, failures: u32, not_before: Timestamp) {
    let key = (task.clone(), step.clone());
    let before = book.limits.tries.insert(key.clone(), failures).unwrap_or(0);
    let doer = book.talks.doer(task, step);
    let agent = book.tasks.get(task).map(|t| t.agent_of(step, doer));
    let pool = agent.and_then(|agent| agent.pool.clone());
    let limited = book.limits.limited.get(&key).copied().unwrap_or(false);
    let Some(pool) = pool.filter(|_| limited) else { return };
    book.must(failures == before, "pool", || {
        format!("{task}: {step} lost a try by the quota of {pool}: {failures} after {before}")
    });
    let until = book.limits.rests.get(&pool).copied();
    book.must(until.is_some_and(|until| until <= not_before), "pool", || {
        format!("{task}: {step} waits until {not_before}, and {pool} rests until {until:?}")
    });
}
