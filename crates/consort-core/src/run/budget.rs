//! Budgets: of the whole run, of a day, of a pipeline, of a task. What an attempt may use up is reserved before it
//! starts, so that many that start at once do not overshoot together:
//!
//! - its agent's cap where it has one, or the price of a call;
//! - else the largest use of one attempt of its kind (creator, self-review, critic, judge) so far in this run;
//! - where none of its kind has done its step yet, nobody can say: of those only one at a time works on the same
//!   budget. It costs the first of each kind some time and nobody afterwards; a cap spares that, too.
//!
//! The time that agents of a task or a pipeline work is reserved against the others only: one alone may always
//! start while there is some left.
//!
//! A cap is kept by whoever runs the agent, so with caps a budget holds. An estimate is none: an attempt
//! that uses more than any before it may go beyond by so much.
//!
//! A limit has a name: `tokens` is the run's, `task/a/tokens`, `pipeline/x/tokens` and `list/y/tokens` are those of a part,
//! `day/20781/tokens` that of a day in UTC, for all runs in the repository. What other runs used is told from
//! outside and journalled, and so is what their living agents may still use up.

mod asking;
mod limit;
mod reserve;

pub(super) use asking::{refused, reopened};
pub use limit::{amount_words, limit_words};
pub(super) use limit::{is_of_run, next_max};
pub use reserve::reserved_by;
pub(super) use reserve::{Room, reserve};

use super::ask::cut;
use super::event::{ApprovalKind, AttemptEnd, EventKind, Failure};
use super::input::{Exit, Usage};
use super::state::{Reserved, Spent, State};
use crate::ids::{ApprovalId, AttemptId};
use crate::plan::{AgentSpec, Plan, Runtime};
use crate::planted::Bug;
use crate::time::Timestamp;
use asking::no_room;
use limit::{Limit, Scope, UNKNOWN_COST, limits};
use std::collections::BTreeSet;

/// What other runs used up on this day or may still use up, if that is news.
pub(super) fn elsewhere(
    state: &State,
    (day, spent, reserved): (i64, Spent, Reserved),
    unread: &[String],
    now: Timestamp,
) -> Vec<EventKind> {
    let known = state.elsewhere.filter(|(of, _)| *of == day).map(|(_, known)| known).unwrap_or_default();
    // What was used stays used, also where its journal is gone or cannot be read any more.
    let spent = known.at_least(&spent);
    let held =
        state.reserved_elsewhere.filter(|(of, _)| *of == day).map(|(_, held)| held).unwrap_or_default();
    let is_news = spent != known || held != reserved || !unread.is_empty();
    if !is_news || state.is_over() || day != now.day() {
        return Vec::new();
    }
    let unread = unread.iter().take(10).map(|run| cut(run, 100)).collect();
    vec![EventKind::SpentElsewhere { day, spent, unread, reserved }]
}

/// Questions about a day that is over are moot: another day has room of its own.
pub(super) fn bygone(state: &State, now: Timestamp) -> impl Iterator<Item = EventKind> + '_ {
    let over = move |at: &Timestamp| *at <= now;
    days_asked(state).filter(move |(_, until)| over(until)).map(|(id, _)| EventKind::ApprovalVoided {
        approval: id.clone(),
        why: "another day has begun, with room of its own".into(),
    })
}

/// Open questions about the budget of a day, and when it ends.
fn days_asked(state: &State) -> impl Iterator<Item = (&ApprovalId, Timestamp)> {
    state.open_approvals().filter_map(|(id, asked)| match &asked.kind {
        ApprovalKind::Budget { limit } => match Scope::of(limit).0 {
            Scope::Day(day) => Some((id, Timestamp::of_day(day.saturating_add(1)))),
            _ => None,
        },
        _ => None,
    })
}

/// When a budget has room again by itself, or is used up by time alone.
pub(super) fn deadline(state: &State) -> Option<Timestamp> {
    let wall = wall_deadline(state).filter(|at| *at > state.now);
    wall.into_iter().chain(days_asked(state).map(|(_, until)| until)).min()
}

/// What the run used up on the day that it is.
fn today(state: &mut State, change: impl Fn(&mut Spent)) {
    let day = state.now.day();
    let mut today = state.today.filter(|(of, _)| *of == day).unwrap_or((day, Spent::default()));
    change(&mut today.1);
    state.today = Some(today);
}

/// What this task used up today, and in every part of the run that has a budget of its own.
pub(super) fn shares(state: &mut State, ix: usize, change: impl Fn(&mut Spent)) {
    today(state, &change);
    parts(state, ix, change);
}

fn parts(state: &mut State, ix: usize, change: impl Fn(&mut Spent)) {
    let graph = state.graph.clone();
    if has_parts(&graph.plan) {
        let keys: Vec<String> = limited(state, ix).collect();
        keys.into_iter().for_each(|key| change(state.spent.entry(key).or_default()));
    }
}

fn has_parts(plan: &Plan) -> bool {
    !plan.limits.shares.is_empty() || plan.siblings.values().any(|siblings| !siblings.budget.is_unlimited())
}

/// The keys of the limited parts of the run to which a task belongs.
fn limited(state: &State, ix: usize) -> impl Iterator<Item = String> {
    let parts = Scope::around(state, ix, state.now).filter(|scope| !scope.is_whole());
    parts.filter(|scope| !scope.budget(state).is_unlimited()).filter_map(Scope::key)
}

/// It never ran: nobody was called. A call counts on the day on which it began; what was used up then is told
/// nobody any more.
pub(super) fn never_ran(state: &mut State, ix: usize, since: Timestamp) {
    let less = |spent: &mut Spent| spent.agent_calls = spent.agent_calls.saturating_sub(1);
    if since.day() == state.now.day() {
        today(state, less);
    }
    parts(state, ix, less);
}

/// The calls that are under way, each with the limited parts of the run that count it.
pub(super) fn under_way(state: &State) -> BTreeSet<(AttemptId, String)> {
    if !has_parts(&state.graph.plan) {
        return BTreeSet::new();
    }
    let live = state.live.keys().filter_map(|attempt| Some((attempt, state.graph.ix(&attempt.task)?)));
    live.flat_map(|(attempt, ix)| limited(state, ix).map(|key| (attempt.clone(), key))).collect()
}

/// Another plan may limit parts that had no limits before: they count from now on, and with them what is under way.
pub(super) fn newly_limited(state: &mut State, before: &BTreeSet<(AttemptId, String)>) {
    let news: Vec<String> =
        under_way(state).into_iter().filter(|it| !before.contains(it)).map(|(_, key)| key).collect();
    news.into_iter().for_each(|key| state.spent.entry(key).or_default().agent_calls += 1);
}

/// The first limit that is nearly used up and was not told: of the run, or of a task and its pipeline.
pub(super) fn warn(state: &State, ix: Option<usize>, now: Timestamp) -> Option<EventKind> {
    let parts = ix.into_iter().flat_map(|ix| Scope::around(state, ix, now));
    let whole = ix.is_none().then(|| Scope::whole(now)).into_iter().flatten();
    let scopes = whole.chain(parts);
    let news = |limit: &Limit<'_>| is_near(limit) && state.warned.get(&limit.name) != Some(&limit.max);
    let found = scopes.flat_map(|scope| limits(state, scope, now)).find(news)?;
    Some(EventKind::BudgetWarned { limit: found.name, used: found.used, max: found.max })
}

/// So much of it is used up that a person wants to know.
fn is_near(limit: &Limit<'_>) -> bool {
    let at = limit.warn_at.map(|at| u128::from(at.ten_thousandths()) * u128::from(limit.max));
    limit.measure != UNKNOWN_COST && at.is_some_and(|at| u128::from(limit.used) * 10_000 >= at)
}

/// Limits of which so much is used up that somebody wanted to be told: name, used, most.
pub fn nearly_used_up(state: &State) -> Vec<(String, u64, u64)> {
    let shares = &state.graph.plan.limits.shares;
    let pipelines = shares.pipelines.keys().map(|id| Scope::Pipeline(id.as_str()));
    let tasks = shares.tasks.keys().map(|id| Scope::Task(id.as_str()));
    let lists = state.graph.plan.siblings.keys().map(|id| Scope::List(id.as_str()));
    let scopes = Scope::whole(state.now).into_iter().chain(pipelines).chain(lists).chain(tasks);
    let near = scopes.flat_map(|scope| limits(state, scope, state.now)).filter(is_near);
    near.map(|limit| (limit.name, limit.used, limit.max)).collect()
}

/// What keeps everything from starting, if anything does: the question is asked once.
pub(super) fn gate(state: &State, now: Timestamp) -> Option<Vec<EventKind>> {
    let all = Scope::whole(now).into_iter().flat_map(|scope| limits(state, scope, now));
    let mut used_up = all.filter(Limit::is_used_up).peekable();
    used_up.peek()?;
    let all = used_up.map(|limit| no_room(state, limit, 0));
    Some(all.into_iter().find(|events| !events.is_empty()).unwrap_or_default())
}

/// When the wall-time budget runs out, if something is to be started then: otherwise nothing follows from
/// it, and whoever looks would look again at once, and for ever.
fn wall_deadline(state: &State) -> Option<Timestamp> {
    if !super::settle::has_slot(state) {
        return None;
    }
    let max = state.raised.get("wall_ms").copied().or(state.graph.plan.limits.budget.wall_ms_max)?;
    let used = &state.used;
    Some(state.started_at.plus_ms(max).plus_ms(used.suspended_ms).plus_ms(used.paused_ms))
}

/// True if the agent ran and nobody knows what that cost.
pub(super) fn is_unknown(agent: &AgentSpec, end: &AttemptEnd, usage: &Usage) -> bool {
    let ran = !matches!(end, AttemptEnd::Lost | AttemptEnd::Failed(Failure::Exit(Exit::NotStarted(_))));
    // A session that used no tokens used no money.
    let used = usage.tokens() > 0 || !matches!(agent.runtime, Runtime::Session(_));
    !Bug::UnknownCostsNothing.is_planted()
        && ran
        && used
        && usage.micro_usd.is_none()
        && agent.price().is_none()
}

/// What an attempt that ran used up: where its agent does not say what that cost, the price of a call.
pub(super) fn priced(state: &State, attempt: &AttemptId, usage: Usage) -> Usage {
    let fallback = state.live.get(attempt).map_or(0, |live| live.fallback);
    let agent =
        state.graph.ix(&attempt.task).map(|ix| state.graph.task(ix).agent_of(&attempt.step, fallback));
    let price = agent.and_then(AgentSpec::price).filter(|price| *price > 0);
    Usage { micro_usd: usage.micro_usd.or(price), ..usage }
}
