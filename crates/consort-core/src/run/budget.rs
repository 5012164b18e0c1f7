//! Budgets: of the whole run, of a day, of a pipeline, of a task. What an attempt may use up is reserved before it
//! starts, so that many that start at once do not overshoot together:
//!
//! - its agent's cap where it has one, or the price of a call;
//! - else the largest use of one attempt of its kind (creator, self-review, critic, judge) so far in this run;
//! - where none of its kind has ended yet, nobody can say: of those only one at a time works on the same
//!   budget. It costs the first of each kind some time and nobody afterwards; a cap spares that, too.
//!
//! A cap is kept by whoever runs the agent, so with caps a budget holds. An estimate is none: an attempt
//! that uses more than any before it may go beyond by so much.
//!
//! A limit has a name: `tokens` is the run's, `task/a/tokens` and `pipeline/x/tokens` are those of a part,
//! `day/20781/tokens` that of a day in UTC, for all runs in the repository. What other runs used is told from
//! outside and journalled; what they have reserved is not known here.

use super::ask::{Questions, cut, superseded};
use super::event::{ApprovalKind, AttemptEnd, EventKind, Failure};
use super::input::{Exit, Usage};
use super::state::{Live, Spent, State, TaskStage, kind_of};
use crate::ids::{ApprovalId, AttemptId, Step};
use crate::plan::{AgentSpec, Budget, Runtime, Then};
use crate::planted::Bug;
use crate::quality::Score;
use crate::time::{Timestamp, duration_text};

/// Whose budget it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope<'a> {
    Run,
    /// Days since 1970-01-01, in UTC.
    Day(i64),
    Pipeline(&'a str),
    Task(&'a str),
}

impl<'a> Scope<'a> {
    /// Whose this limit is, and what it measures.
    fn of(limit: &'a str) -> (Self, &'a str) {
        let parts = limit.split_once('/').and_then(|(kind, rest)| Some((kind, rest.rsplit_once('/')?)));
        match parts {
            Some(("day", (day, measure))) => (Scope::Day(day.parse().unwrap_or_default()), measure),
            Some(("task", (id, measure))) => (Scope::Task(id), measure),
            Some(("pipeline", (id, measure))) => (Scope::Pipeline(id), measure),
            _ => (Scope::Run, limit),
        }
    }

    /// The key of what it used up, and the beginning of its limits' names.
    fn key(self) -> Option<String> {
        match self {
            Scope::Run => None,
            Scope::Day(day) => Some(format!("day/{day}")),
            Scope::Pipeline(id) => Some(format!("pipeline/{id}")),
            Scope::Task(id) => Some(format!("task/{id}")),
        }
    }

    fn budget(self, state: &State) -> Budget {
        let limits = &state.graph.plan.limits;
        let own = match self {
            Scope::Run => Some(&limits.budget),
            Scope::Day(_) => Some(&limits.shares.day),
            Scope::Pipeline(id) => limits.shares.pipelines.get(id),
            Scope::Task(id) => limits.shares.tasks.get(id),
        };
        own.copied().unwrap_or_default()
    }

    fn holds(self, state: &State, ix: usize) -> bool {
        let task = state.graph.task(ix);
        match self {
            Scope::Run | Scope::Day(_) => true,
            Scope::Pipeline(id) => task.place.as_ref().is_some_and(|(pipeline, _)| pipeline.as_str() == id),
            Scope::Task(id) => task.id.as_str() == id,
        }
    }

    /// Everything that starts uses these.
    fn whole(now: Timestamp) -> [Self; 2] {
        [Scope::Run, Scope::Day(now.day())]
    }

    fn is_whole(self) -> bool {
        matches!(self, Scope::Run | Scope::Day(_))
    }

    /// All whose budget a task uses.
    fn around(state: &'a State, ix: usize, now: Timestamp) -> impl Iterator<Item = Self> {
        let task = state.graph.task(ix);
        let pipeline = task.place.as_ref().map(|(pipeline, _)| Scope::Pipeline(pipeline.as_str()));
        Scope::whole(now).into_iter().chain(pipeline).chain([Scope::Task(task.id.as_str())])
    }
}

/// One limit: its name, what is used, what may be used.
struct Limit<'a> {
    scope: Scope<'a>,
    measure: &'static str,
    name: String,
    used: u64,
    max: u64,
    warn_at: Option<Score>,
    then: Then,
}

/// Calls whose cost nobody knows, where money is limited: none, until a person lets them pass.
const UNKNOWN_COST: &str = "unknown_cost";

impl Limit<'_> {
    fn is_used_up(&self) -> bool {
        if self.measure == UNKNOWN_COST { self.used > self.max } else { self.used >= self.max }
    }
}

fn spent(state: &State, scope: Scope<'_>, now: Timestamp) -> Spent {
    if let Scope::Day(day) = scope {
        let of = |told: &Option<(i64, Spent)>| told.filter(|(of, _)| *of == day).map(|(_, spent)| spent);
        return of(&state.today).unwrap_or_default().plus(&of(&state.elsewhere).unwrap_or_default());
    }
    if let Some(key) = scope.key() {
        return state.spent.get(&key).copied().unwrap_or_default();
    }
    let used = &state.used;
    let paused = used.paused_ms.saturating_add(state.paused_at.map_or(0, |since| now.since_ms(since)));
    Spent {
        agent_calls: u64::from(used.agent_calls),
        tokens: used.tokens_in.saturating_add(used.tokens_out),
        micro_usd: used.micro_usd,
        wall_ms: now.since_ms(state.started_at).saturating_sub(used.suspended_ms).saturating_sub(paused),
        unknown_cost: u64::from(used.unknown_cost),
    }
}

fn limits<'a>(state: &'a State, scope: Scope<'a>, now: Timestamp) -> impl Iterator<Item = Limit<'a>> + 'a {
    let budget = scope.budget(state);
    let spent = if budget.is_unlimited() { Default::default() } else { spent(state, scope, now) };
    let all = [
        ("agent_calls", spent.agent_calls, budget.agent_calls_max.map(u64::from)),
        ("micro_usd", spent.micro_usd, budget.micro_usd_max),
        ("tokens", spent.tokens, budget.tokens_max),
        ("wall_ms", spent.wall_ms, budget.wall_ms_max),
        (UNKNOWN_COST, spent.unknown_cost, budget.micro_usd_max.map(|_| 0)),
    ];
    all.into_iter().filter_map(move |(measure, used, max)| {
        let max = max?;
        let name = scope.key().map_or_else(|| measure.to_owned(), |key| format!("{key}/{measure}"));
        let max = state.raised.get(&name).copied().unwrap_or(max);
        Some(Limit { scope, measure, name, used, max, warn_at: budget.warn_at, then: budget.then })
    })
}

/// True if nothing at all can start when this limit is used up.
pub(super) fn is_of_run(limit: &str) -> bool {
    Scope::of(limit).0.is_whole()
}

/// What other runs used up on this day, if that is news.
pub(super) fn elsewhere(
    state: &State,
    (day, spent): (i64, Spent),
    unread: &[String],
    now: Timestamp,
) -> Vec<EventKind> {
    let known = state.elsewhere == Some((day, spent));
    let nothing = state.elsewhere.is_none() && spent == Spent::default() && unread.is_empty();
    if known || nothing || state.is_over() || day != now.day() {
        return Vec::new();
    }
    let unread = unread.iter().take(10).map(|run| cut(run, 100)).collect();
    vec![EventKind::SpentElsewhere { day, spent, unread }]
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

/// What this task used up, in every part of the run that has a budget of its own.
pub(super) fn shares(state: &mut State, ix: usize, change: impl Fn(&mut Spent)) {
    let graph = state.graph.clone();
    if graph.plan.limits.shares.is_empty() {
        return;
    }
    let day = state.now.day();
    if !graph.plan.limits.shares.day.is_unlimited() {
        let mut today = state.today.filter(|(of, _)| *of == day).unwrap_or((day, Spent::default()));
        change(&mut today.1);
        state.today = Some(today);
    }
    let keys: Vec<String> = Scope::around(state, ix, state.now)
        .filter(|scope| !scope.is_whole())
        .filter(|scope| !scope.budget(state).is_unlimited())
        .filter_map(Scope::key)
        .collect();
    keys.into_iter().for_each(|key| change(state.spent.entry(key).or_default()));
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
    let scopes = Scope::whole(state.now).into_iter().chain(pipelines).chain(tasks);
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

/// Whether there is room in the budgets for all that an attempt may use up.
pub(super) enum Room {
    /// It may start.
    There,
    /// What others have reserved may come free, or a person was asked.
    Later,
    /// Nothing that goes on can make room: what follows.
    Never(Vec<EventKind>),
}

/// Room for the next attempt of this step, in all budgets that it uses.
pub(super) fn reserve(state: &State, ix: usize, at: usize, now: Timestamp) -> Room {
    let step = &state.tasks[ix].steps[at];
    let mut later = false;
    for limit in Scope::around(state, ix, now).flat_map(|scope| limits(state, scope, now)) {
        let needed = need(state, &limit, ix, &step.step, step.fallback);
        let (others, alone) = held(state, &limit, kind_of(&step.step));
        let free = limit.max.saturating_sub(limit.used);
        let used_up = limit.is_used_up();
        match needed {
            Some(0) if !used_up => continue,
            None if !used_up && alone && others < free.max(1) => continue,
            Some(needed) if !used_up && others.saturating_add(needed) <= free => continue,
            Some(needed) if !used_up && needed <= free => later = true,
            None if !used_up => later = true,
            needed => {
                let events = no_room(state, limit, needed.unwrap_or(0));
                return if events.is_empty() { Room::Later } else { Room::Never(events) };
            }
        }
    }
    if later { Room::Later } else { Room::There }
}

/// What this step's next attempt may use up; `None`: nobody can say.
fn need(state: &State, limit: &Limit<'_>, ix: usize, step: &Step, fallback: u8) -> Option<u64> {
    let agent = state.graph.task(ix).agent_of(step, fallback);
    let most = state.most.get(kind_of(step));
    match limit.measure {
        "micro_usd" => {
            let price = matches!(agent.runtime, Runtime::Command { .. }).then(|| agent.price()).flatten();
            let known = agent.caps.micro_usd_max.or(price).or(most.and_then(|most| most.micro_usd));
            // A person let calls pass whose cost is not counted: they need none of it.
            known.or_else(|| most.filter(|_| passes_unknown(state, limit)).map(|_| 0))
        }
        "tokens" => agent.caps.tokens_max.or(most.map(|most| most.tokens)),
        UNKNOWN_COST => Some(0),
        _ => Some(1),
    }
}

fn passes_unknown(state: &State, limit: &Limit<'_>) -> bool {
    let name = limit.name.strip_suffix(limit.measure).unwrap_or_default();
    state.raised.contains_key(&format!("{name}{UNKNOWN_COST}"))
}

/// What living attempts may use up of a limit or have already used up, and whether none of this kind is
/// among them of which nobody can say.
fn held(state: &State, limit: &Limit<'_>, kind: &str) -> (u64, bool) {
    if Bug::NothingReserved.is_planted() || !matches!(limit.measure, "micro_usd" | "tokens") {
        return (0, true);
    }
    let of = |(attempt, live): (&AttemptId, &Live)| {
        let ix = state.graph.ix(&attempt.task).filter(|ix| limit.scope.holds(state, *ix))?;
        let said = match limit.measure {
            "micro_usd" => live.talk.used.micro_usd.unwrap_or(0),
            _ => live.talk.used.tokens(),
        };
        let needed = need(state, limit, ix, &attempt.step, live.fallback);
        let unknown = needed.is_none() && kind_of(&attempt.step) == kind;
        Some((needed.unwrap_or(0).max(said), unknown))
    };
    let all = state.live.iter().filter_map(of);
    all.fold((0, true), |(sum, alone), (n, unknown)| (sum.saturating_add(n), alone && !unknown))
}

/// What follows from a limit without room: a question, once, or the end of what it limits.
fn no_room(state: &State, limit: Limit<'_>, next: u64) -> Vec<EventKind> {
    let Limit { scope, ref name, used, max, .. } = limit;
    if limit.then == Then::Stop || !scope.is_whole() && is_refused(state, name) {
        let reached = EventKind::BudgetReached { limit: name.clone(), used, max, stop: true };
        if scope.is_whole() {
            return vec![reached];
        }
        let why = format!(
            "{}; raise it in the workflow for the next run, or `consort retry` raises it once",
            used_up(&limit, next)
        );
        let halted = halt(state, scope, &why, false);
        return if halted.is_empty() { halted } else { [vec![reached], halted].concat() };
    }
    let is_asked = |kind: &ApprovalKind| matches!(kind, ApprovalKind::Budget { limit } if limit == name);
    if state.open_approvals().any(|(_, a)| is_asked(&a.kind)) {
        return Vec::new();
    }
    let mut events = vec![EventKind::BudgetReached { limit: name.clone(), used, max, stop: false }];
    let no = match scope {
        Scope::Run | Scope::Day(_) => "ends the run".to_owned(),
        Scope::Pipeline(id) => format!("gives up what is left of pipeline {id}"),
        Scope::Task(id) => format!("gives up {id}"),
    };
    let yes = match limit.measure {
        UNKNOWN_COST => "lets such calls pass without counting them",
        _ => "raises it by as much again",
    };
    let question = format!("{}: approve {yes}, reject {no}", used_up(&limit, next));
    let kind = ApprovalKind::Budget { limit: name.clone() };
    events.extend(Questions::new(state).ask(kind, "the person who pays", question));
    events
}

/// In words, for the question and for what is given up.
fn used_up(limit: &Limit<'_>, next: u64) -> String {
    let amount = |n| amount_words(&limit.name, n);
    let (used, max) = (amount(limit.used), amount(limit.max));
    let name = limit_words(&limit.name);
    match (limit.measure, next) {
        (UNKNOWN_COST, _) => {
            let calls = if limit.used == 1 { "1 call".to_owned() } else { format!("{} calls", limit.used) };
            format!("{name} cannot be kept: nobody knows what {calls} cost, so they are not counted in it")
        }
        (_, next) if next > 0 && !limit.is_used_up() => {
            let next = amount(next);
            format!(
                "{name} has no room for the next attempt, which may use up {next} ({used} of {max} are used)"
            )
        }
        _ => format!("{name} is used up ({used} of {max})"),
    }
}

/// A person said no to more of it: it is not asked again.
fn is_refused(state: &State, name: &str) -> bool {
    let no = |a: &super::state::Approval| a.answer.as_ref().is_some_and(|answer| !answer.yes);
    let of = |kind: &ApprovalKind| matches!(kind, ApprovalKind::Budget { limit } if limit == name);
    state.approvals.values().any(|a| of(&a.kind) && no(a))
}

/// A person said no: the run ends, or what this limit is about is given up.
pub(super) fn refused(state: &State, limit: &str, by: &str, said: &str) -> Vec<EventKind> {
    match Scope::of(limit).0 {
        scope if scope.is_whole() => super::handle::cancelling(state, by),
        scope => {
            let why = format!("{}: no more, by {by}: {said}", limit_words(limit));
            halt(state, scope, &why, true)
        }
    }
}

/// Gives up the tasks of a part that would start something. `at_once`: those that work now, too; else
/// they come to the end of what they began. What only waits for a person, or is made already, stays.
fn halt(state: &State, scope: Scope<'_>, why: &str, at_once: bool) -> Vec<EventKind> {
    let all: Vec<usize> = match scope {
        Scope::Task(id) => state.graph.ix(&id.into()).into_iter().collect(),
        _ => (0..state.tasks.len()).filter(|ix| scope.holds(state, *ix)).collect(),
    };
    let mut events = Vec::new();
    for ix in all {
        let id = &state.graph.task(ix).id;
        let lives = state.live.keys().any(|attempt| attempt.task == *id);
        match &state.tasks[ix].stage {
            TaskStage::Waiting | TaskStage::Ready => {}
            TaskStage::Working if at_once || !lives => events.extend(superseded(state, id)),
            _ => continue,
        }
        events.push(EventKind::TaskFailed { task: id.clone(), why: cut(why, 500) });
    }
    events
}

/// A person sends a task on that was given up for want of room: its part of the budget, and its
/// pipeline's, rise by their first amount where they are used up.
pub(super) fn reopened(state: &State, ix: usize, by: &str) -> Vec<EventKind> {
    let parts = Scope::around(state, ix, state.now).filter(|scope| !scope.is_whole());
    let closed = parts
        .flat_map(|scope| limits(state, scope, state.now))
        .filter(|limit| limit.then == Then::Stop || is_refused(state, &limit.name));
    // What kept it from starting may have been the size of its next attempt: then it says so.
    let TaskStage::Failed(why) = &state.tasks[ix].stage else { return Vec::new() };
    let reached = |limit: &Limit<'_>| {
        limit.is_used_up() || limit.measure != UNKNOWN_COST && why.contains(&limit_words(&limit.name))
    };
    let raise = |limit: Limit<'_>| EventKind::BudgetRaised {
        max: next_max(state, &limit.name),
        limit: limit.name,
        by: by.to_owned(),
    };
    closed.filter(reached).map(raise).collect()
}

/// What an approval raises a limit to: by its original amount, and above what is used.
pub(super) fn next_max(state: &State, limit: &str) -> u64 {
    let (scope, measure) = Scope::of(limit);
    if measure == UNKNOWN_COST {
        return u64::from(u32::MAX);
    }
    let budget = scope.budget(state);
    let original = match measure {
        "agent_calls" => budget.agent_calls_max.map(u64::from),
        "micro_usd" => budget.micro_usd_max,
        "tokens" => budget.tokens_max,
        _ => budget.wall_ms_max,
    };
    let present = limits(state, scope, state.now).find(|l| l.name == limit);
    let (used, max) = present.map_or((0, original.unwrap_or(0)), |l| (l.used, l.max));
    max.max(used).saturating_add(original.unwrap_or(0).max(1))
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

/// The name of a limit for people: `budget tokens of task a`.
pub fn limit_words(limit: &str) -> String {
    let (scope, measure) = Scope::of(limit);
    let measure = match measure {
        "micro_usd" | UNKNOWN_COST => "usd",
        "wall_ms" => "wall",
        other => other,
    };
    match scope {
        Scope::Run => format!("the budget {measure}"),
        Scope::Day(day) => {
            format!("the budget {measure} of all runs on {} (UTC)", Timestamp::of_day(day).date())
        }
        Scope::Pipeline(id) => format!("the budget {measure} of pipeline {id}"),
        Scope::Task(id) => format!("the budget {measure} of task {id}"),
    }
}

/// An amount of it for people: money in dollars, time as people read it.
pub fn amount_words(limit: &str, amount: u64) -> String {
    match Scope::of(limit).1 {
        "micro_usd" => {
            let text = format!("{}.{:06}", amount / 1_000_000, amount % 1_000_000);
            let cents = text.find('.').map_or(0, |dot| dot + 3);
            let exact = text.trim_end_matches('0').len().max(cents);
            format!("${}", &text[..exact])
        }
        "wall_ms" => duration_text(amount),
        UNKNOWN_COST if amount >= u64::from(u32::MAX) => "any number of calls of unknown cost".into(),
        UNKNOWN_COST => format!("{amount} calls of unknown cost"),
        _ => amount.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_amounts_are_told_in_words() {
        let cases = [
            ("tokens", 500, "the budget tokens", "500"),
            ("micro_usd", 20_000_000, "the budget usd", "$20.00"),
            ("micro_usd", 1_250, "the budget usd", "$0.00125"),
            ("wall_ms", 90_000, "the budget wall", "1m 30s"),
            ("task/a/tokens", 1, "the budget tokens of task a", "1"),
            ("pipeline/x/micro_usd", 500_000, "the budget usd of pipeline x", "$0.50"),
            ("day/20781/tokens", 5, "the budget tokens of all runs on 2026-11-24 (UTC)", "5"),
            ("task/a/unknown_cost", 2, "the budget usd of task a", "2 calls of unknown cost"),
        ];
        for (limit, amount, words, told) in cases {
            assert_eq!((limit_words(limit).as_str(), amount_words(limit, amount).as_str()), (words, told));
            let whole = !limit.contains('/') || limit.starts_with("day/");
            assert_eq!(is_of_run(limit), whole);
        }
    }
}
