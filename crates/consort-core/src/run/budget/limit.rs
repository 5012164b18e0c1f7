//! Limits: whose they are, their names, what is used of them.

use crate::plan::{Budget, Then};
use crate::quality::Score;
use crate::run::state::{Spent, State};
use crate::time::{Timestamp, duration_text};

/// Whose budget it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope<'a> {
    Run,
    /// Days since 1970-01-01, in UTC.
    Day(i64),
    Pipeline(&'a str),
    Task(&'a str),
    /// All tasks of one list, together.
    List(&'a str),
}

impl<'a> Scope<'a> {
    /// Whose this limit is, and what it measures.
    pub(super) fn of(limit: &'a str) -> (Self, &'a str) {
        let parts = limit.split_once('/').and_then(|(kind, rest)| Some((kind, rest.rsplit_once('/')?)));
        match parts {
            Some(("day", (day, measure))) => (Scope::Day(day.parse().unwrap_or_default()), measure),
            Some(("task", (id, measure))) => (Scope::Task(id), measure),
            Some(("pipeline", (id, measure))) => (Scope::Pipeline(id), measure),
            Some(("list", (id, measure))) => (Scope::List(id), measure),
            _ => (Scope::Run, limit),
        }
    }

    /// The key of what it used up, and the beginning of its limits' names.
    pub(super) fn key(self) -> Option<String> {
        match self {
            Scope::Run => None,
            Scope::Day(day) => Some(format!("day/{day}")),
            Scope::Pipeline(id) => Some(format!("pipeline/{id}")),
            Scope::Task(id) => Some(format!("task/{id}")),
            Scope::List(id) => Some(format!("list/{id}")),
        }
    }

    pub(super) fn budget(self, state: &State) -> Budget {
        let limits = &state.graph.plan.limits;
        let own = match self {
            Scope::Run => Some(&limits.budget),
            Scope::Day(_) => Some(&limits.shares.day),
            Scope::Pipeline(id) => limits.shares.pipelines.get(id),
            Scope::Task(id) => limits.shares.tasks.get(id),
            Scope::List(id) => state.graph.plan.siblings.get(id).map(|siblings| &siblings.budget),
        };
        own.copied().unwrap_or_default()
    }

    pub(super) fn holds(self, state: &State, ix: usize) -> bool {
        let task = state.graph.task(ix);
        match self {
            Scope::Run | Scope::Day(_) => true,
            Scope::Pipeline(id) => task.place.as_ref().is_some_and(|(pipeline, _)| pipeline.as_str() == id),
            Scope::Task(id) => task.id.as_str() == id,
            Scope::List(id) => task.list().is_some_and(|of| of.as_str() == id),
        }
    }

    /// Everything that starts uses these.
    pub(super) fn whole(now: Timestamp) -> [Self; 2] {
        [Scope::Run, Scope::Day(now.day())]
    }

    pub(super) fn is_whole(self) -> bool {
        matches!(self, Scope::Run | Scope::Day(_))
    }

    /// All whose budget a task uses.
    pub(super) fn around(state: &'a State, ix: usize, now: Timestamp) -> impl Iterator<Item = Self> {
        let task = state.graph.task(ix);
        let pipeline = task.place.as_ref().map(|(pipeline, _)| Scope::Pipeline(pipeline.as_str()));
        let list = task.list().map(|of| Scope::List(of.as_str()));
        Scope::whole(now).into_iter().chain(pipeline).chain(list).chain([Scope::Task(task.id.as_str())])
    }
}

/// One limit: its name, what is used, what may be used.
pub(super) struct Limit<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) measure: &'static str,
    pub(super) name: String,
    pub(super) used: u64,
    pub(super) max: u64,
    pub(super) warn_at: Option<Score>,
    pub(super) then: Then,
}

/// Calls whose cost nobody knows, where money is limited: none, until a person lets them pass.
pub(super) const UNKNOWN_COST: &str = "unknown_cost";

impl Limit<'_> {
    pub(super) fn is_used_up(&self) -> bool {
        if self.measure == UNKNOWN_COST { self.used > self.max } else { self.used >= self.max }
    }
}

pub(super) fn spent(state: &State, scope: Scope<'_>, now: Timestamp) -> Spent {
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
        agent_calls: u64::from(used.agent_calls.saturating_sub(used.never_ran)),
        tokens: used.tokens_in.saturating_add(used.tokens_out),
        micro_usd: used.micro_usd,
        wall_ms: now.since_ms(state.started_at).saturating_sub(used.suspended_ms).saturating_sub(paused),
        unknown_cost: u64::from(used.unknown_cost),
    }
}

pub(super) fn limits<'a>(
    state: &'a State,
    scope: Scope<'a>,
    now: Timestamp,
) -> impl Iterator<Item = Limit<'a>> + 'a {
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
pub(in crate::run) fn is_of_run(limit: &str) -> bool {
    Scope::of(limit).0.is_whole()
}

/// What an approval raises a limit to: by its original amount, and above what is used.
pub(in crate::run) fn next_max(state: &State, limit: &str) -> u64 {
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
        Scope::List(id) => format!("the budget {measure} of all tasks of {id}"),
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
            ("list/each/tokens", 5, "the budget tokens of all tasks of each", "5"),
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
