//! Quotas and budgets: nobody of a pool begins while it rests, nobody loses a try by it, and no attempt
//! starts for whose cap there is no room beside what is used and what living ones may still use up.

use super::book::Book;
use consort_core::ids::{AttemptId, Step, TaskId};
use consort_core::plan::{AgentSpec, Budget, Runtime, TaskKind};
use consort_core::run::*;
use consort_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Money, tokens and calls: used up, or reserved.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    micro_usd: u64,
    tokens: u64,
    calls: u64,
    /// Calls of which nobody knows what they cost.
    unknown: u64,
}

impl Spent {
    fn of(usage: &Usage) -> Self {
        let tokens = usage.tokens_in.saturating_add(usage.tokens_out);
        Spent { micro_usd: usage.micro_usd.unwrap_or(0), tokens, ..Spent::default() }
    }
}

/// A living attempt: what its agent may use up, and what it says that it has.
#[derive(Clone, Debug)]
struct Holder {
    micro_usd: Option<u64>,
    tokens: Option<u64>,
    said: Spent,
    /// Neither a price nor a word of its own says what a call costs.
    unpriced: bool,
    session: bool,
    /// The day on which it began, as limits of days are called: its call counts there.
    day: String,
}

/// What the auditor keeps of quotas and budgets.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    /// By what has a budget: the run, or the beginning of the names of a part's limits.
    used: BTreeMap<String, Spent>,
    stopped: bool,
    /// What other runs used up on a day.
    elsewhere: Option<(String, consort_core::run::Spent)>,
    live: BTreeMap<AttemptId, Holder>,
    /// So many more may begin, where runs share slots.
    slots: Option<u32>,
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
            if let Some(free) = book.limits.slots {
                book.must(free > 0, "slots", || format!("{attempt} begins without a slot"));
                book.limits.slots = Some(free.saturating_sub(1));
            }
            awake(book, attempt, agent, now);
            room(book, attempt, agent, now);
        }
        E::SessionNoted { attempt, note } => {
            if let (NoteKind::Used(usage), Some(holder)) = (&note.kind, book.limits.live.get_mut(attempt)) {
                holder.said = Spent::of(usage);
            }
        }
        E::AttemptEnded { attempt, end, usage, .. } => {
            let holder = book.limits.live.remove(attempt);
            spend(book, (attempt, now), holder, end, usage);
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
        E::BudgetReached { limit, stop: true, .. } => {
            let of_part = ["task/", "pipeline/", "list/"].iter().any(|part| limit.starts_with(part));
            book.limits.stopped |= !of_part;
        }
        // A person wants it to go on: what there is room for may start.
        E::AmendBegan { .. } | E::RollbackBegan { .. } => book.limits.stopped = false,
        E::SpentElsewhere { day, spent, .. } => book.limits.elsewhere = Some((day_name(*day), *spent)),
        E::SlotsHeld { free } => book.limits.slots = *free,
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

fn day_name(day: i64) -> String {
    format!("day/{day}/")
}

/// Everything with a budget that this task uses: the beginning of its limits' names, and its budget.
fn around(book: &Book<'_>, task: &TaskId, now: Timestamp) -> Vec<(String, Budget)> {
    let limits = &book.plan.limits;
    let pipeline = book.tasks.get(task).and_then(|t| t.place.as_ref()).map(|(pipeline, _)| pipeline);
    let of_pipeline =
        pipeline.and_then(|id| Some((format!("pipeline/{id}/"), *limits.shares.pipelines.get(id)?)));
    let of_task = limits.shares.tasks.get(task).map(|budget| (format!("task/{task}/"), *budget));
    let list = book.tasks.get(task).and_then(|t| match &t.kind {
        TaskKind::Grown(grown) => Some(&grown.of),
        _ => None,
    });
    let of_list = list.and_then(|id| Some((format!("list/{id}/"), book.plan.siblings.get(id)?.budget)));
    let of_list = of_list.filter(|(_, budget)| !budget.is_unlimited());
    let day = Some((day_name(now.0.div_euclid(86_400_000)), limits.shares.day));
    [Some((String::new(), limits.budget)), day, of_pipeline, of_list, of_task].into_iter().flatten().collect()
}

fn spend(
    book: &mut Book<'_>,
    (attempt, now): (&AttemptId, Timestamp),
    holder: Option<Holder>,
    end: &AttemptEnd,
    usage: &Usage,
) {
    let spent = Spent::of(usage);
    let ran = !matches!(end, AttemptEnd::Lost | AttemptEnd::Failed(Failure::Exit(Exit::NotStarted(_))));
    let began = holder.as_ref().map(|holder| holder.day.clone());
    let unknown = ran
        && usage.micro_usd.is_none()
        && holder.is_some_and(|holder| holder.unpriced && (spent.tokens > 0 || !holder.session));
    for (name, _) in around(book, &attempt.task, now) {
        let counted_here = !name.starts_with("day/") || began.as_ref() == Some(&name);
        let used = book.limits.used.entry(name).or_default();
        used.micro_usd = used.micro_usd.saturating_add(spent.micro_usd);
        used.tokens = used.tokens.saturating_add(spent.tokens);
        used.unknown += u64::from(unknown);
        used.calls -= u64::from(*end == AttemptEnd::Lost && counted_here);
    }
}

/// The parts of the run that count the calls under way. Another plan may have more of them.
pub(super) fn under_way(book: &Book<'_>) -> BTreeSet<(AttemptId, String)> {
    let parts = |attempt: &AttemptId| {
        let all = around(book, &attempt.task, Timestamp(0)).into_iter().map(|(name, _)| name);
        all.filter(|name| !name.is_empty() && !name.starts_with("day/")).collect::<Vec<_>>()
    };
    book.limits.live.keys().flat_map(|it| parts(it).into_iter().map(|name| (it.clone(), name))).collect()
}

/// What is under way counts in parts that another plan limits.
pub(super) fn newly_limited(book: &mut Book<'_>, before: &BTreeSet<(AttemptId, String)>) {
    for (_, name) in under_way(book).difference(before) {
        book.limits.used.entry(name.clone()).or_default().calls += 1;
    }
}

/// What is used, what living ones may use up, and what this one may use up is within every budget.
fn room(book: &mut Book<'_>, attempt: &AttemptId, agent: &AgentSpec, now: Timestamp) {
    let stopped = book.limits.stopped;
    book.must(!stopped, "budget", || format!("{attempt} starts after the run's budget stopped it"));
    for (name, budget) in around(book, &attempt.task, now) {
        let used = book.limits.used.entry(name.clone()).or_default();
        used.calls += 1;
        let mut used = *used;
        if let Some(other) =
            book.limits.elsewhere.as_ref().filter(|(of, _)| *of == name).map(|(_, spent)| spent)
        {
            used.calls += other.agent_calls;
            used.micro_usd += other.micro_usd;
            used.tokens += other.tokens;
            used.unknown += other.unknown_cost;
        }
        // Living ones of the same part: of a pipeline, of a task, or all.
        let mut reserved = Spent::default();
        for (other, holder) in &book.limits.live {
            if around(book, &other.task, now).iter().any(|(of, _)| *of == name) {
                reserved.micro_usd += holder.micro_usd.unwrap_or(0).max(holder.said.micro_usd);
                reserved.tokens += holder.tokens.unwrap_or(0).max(holder.said.tokens);
            }
        }
        let Budget { agent_calls_max, micro_usd_max, tokens_max, .. } = budget;
        let all = [
            ("agent_calls", used.calls - 1, 0, Some(1), agent_calls_max.map(u64::from)),
            ("micro_usd", used.micro_usd, reserved.micro_usd, agent.caps.micro_usd_max, micro_usd_max),
            ("tokens", used.tokens, reserved.tokens, agent.caps.tokens_max, tokens_max),
            ("unknown_cost", used.unknown, 0, Some(0), micro_usd_max.map(|_| 0)),
        ];
        for (measure, used, reserved, own, max) in all {
            let limit = format!("{name}{measure}");
            let max = book.raised.get(&limit).copied().or(max);
            let (Some(max), Some(own)) = (max, own) else { continue };
            let needed = used.saturating_add(reserved).saturating_add(own);
            book.must(needed <= max, "budget", || {
                format!("{attempt} starts with {own} {limit}, where {used} are used and {reserved} reserved of {max}")
            });
        }
    }
    let holder = Holder {
        micro_usd: agent.caps.micro_usd_max,
        tokens: agent.caps.tokens_max,
        said: Spent::default(),
        unpriced: agent.price().is_none(),
        session: matches!(agent.runtime, Runtime::Session(_)),
        day: day_name(now.0.div_euclid(86_400_000)),
    };
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
