//! What an attempt may use up is reserved before it starts.

use super::asking::no_room;
use super::limit::{Limit, Scope, UNKNOWN_COST, limits};
use crate::ids::{AttemptId, Step};
use crate::plan::Runtime;
use crate::planted::Bug;
use crate::run::event::EventKind;
use crate::run::state::{Live, Most, Reserved, State, kind_of};
use crate::time::Timestamp;

/// Whether there is room in the budgets for all that an attempt may use up.
pub(in crate::run) enum Room {
    /// It may start.
    There,
    /// What others have reserved may come free, or a person was asked.
    Later,
    /// Nothing that goes on can make room: what follows.
    Never(Vec<EventKind>),
}

/// Room for the next attempt of this step, in all budgets that it uses.
pub(in crate::run) fn reserve(state: &State, ix: usize, at: usize, now: Timestamp) -> Room {
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
    let most = most(state, step);
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

/// What an attempt of this kind used up at most, once one of them did its step: one that failed early says
/// nothing of what the others need.
fn most<'a>(state: &'a State, step: &Step) -> Option<&'a Most> {
    state.most.get(kind_of(step)).filter(|most| most.done)
}

fn passes_unknown(state: &State, limit: &Limit<'_>) -> bool {
    let name = limit.name.strip_suffix(limit.measure).unwrap_or_default();
    state.raised.contains_key(&format!("{name}{UNKNOWN_COST}"))
}

/// What living attempts may use up of a limit or have already used up, and whether none of this kind is
/// among them of which nobody can say.
fn held(state: &State, limit: &Limit<'_>, kind: &str) -> (u64, bool) {
    let is_work = limit.measure == "wall_ms" && limit.scope != Scope::Run;
    if Bug::NothingReserved.is_planted() || !is_work && !matches!(limit.measure, "micro_usd" | "tokens") {
        return (0, true);
    }
    let of = |(attempt, live): (&AttemptId, &Live)| {
        let ix = state.graph.ix(&attempt.task).filter(|ix| limit.scope.holds(state, *ix))?;
        if is_work {
            // Whoever works may need all of it, as long as nobody can say.
            return Some((most(state, &attempt.step).map_or(limit.max, |most| most.wall_ms), false));
        }
        let said = match limit.measure {
            "micro_usd" => live.talk.used.micro_usd.unwrap_or(0),
            _ => live.talk.used.tokens(),
        };
        let needed = need(state, limit, ix, &attempt.step, live.fallback);
        let unknown = needed.is_none() && kind_of(&attempt.step) == kind;
        Some((needed.unwrap_or(0).max(said), unknown))
    };
    let all = state.live.iter().filter_map(of).chain(elsewhere(state, limit));
    all.fold((0, true), |(sum, alone), (n, unknown)| (sum.saturating_add(n), alone && !unknown))
}

/// The same of other runs, where they share the limit.
fn elsewhere(state: &State, limit: &Limit<'_>) -> Option<(u64, bool)> {
    let (_, held) = state.reserved_elsewhere.filter(|(day, _)| limit.scope == Scope::Day(*day))?;
    match limit.measure {
        "tokens" => Some((held.tokens, held.tokens_unknown)),
        "micro_usd" => Some((held.micro_usd, held.micro_usd_unknown)),
        _ => None,
    }
}

/// What the living attempts of a run may still use up, for other runs that share a budget with it.
pub fn reserved_by(state: &State) -> Reserved {
    let whole = |measure: &'static str| Limit {
        scope: Scope::Run,
        measure,
        name: measure.to_owned(),
        used: 0,
        max: u64::MAX,
        warn_at: None,
        then: Default::default(),
    };
    let (tokens, usd) = (whole("tokens"), whole("micro_usd"));
    let of = |(attempt, live): (&AttemptId, &Live)| {
        let ix = state.graph.ix(&attempt.task)?;
        let needs = |limit| need(state, limit, ix, &attempt.step, live.fallback);
        let (tokens, usd) = (needs(&tokens), needs(&usd));
        let said = &live.talk.used;
        Some(Reserved {
            tokens: tokens.unwrap_or(0).max(said.tokens()),
            micro_usd: usd.unwrap_or(0).max(said.micro_usd.unwrap_or(0)),
            tokens_unknown: tokens.is_none(),
            micro_usd_unknown: usd.is_none(),
        })
    };
    state.live.iter().filter_map(of).fold(Reserved::default(), |sum, one| sum.plus(&one))
}
