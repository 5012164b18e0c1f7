//! What follows a failure: another try, somebody else, a rest, or a person.

use super::held;
use crate::ids::Step;
use crate::planted::Bug;
use crate::run::event::{EventKind, HoldWhy};
use crate::run::session::{FailureClass, SessionFailure};
use crate::run::state::{State, StepState};
use crate::run::{ask, pools};
use crate::time::Timestamp;

/// There was nothing to capture.
pub(super) fn refused(state: &State, ix: usize, why: &str, now: Timestamp) -> Vec<EventKind> {
    if state.graph.task(ix).given.is_some() {
        // It would be the same bytes once more.
        return held(state, ix, HoldWhy::Attempts { step: "capture".into(), last: ask::cut(why, 500) });
    }
    let failures = state.tasks[ix].refusals;
    again(state, ix, &Step::Create, failures, &format!("nothing to capture: {why}"), now, 1)
}

/// A step failed.
pub(super) fn failed(state: &State, ix: usize, step: &Step, last: &str, now: Timestamp) -> Vec<EventKind> {
    let failed = state.tasks[ix].steps.iter().find(|s| s.step == *step);
    let failures = failed.map_or(1, |s| s.failures);
    // A judge that cannot answer in two tries is no judge: no score, and a person looks.
    if step.judge().is_some() && failed.is_some_and(|s| s.malformed >= JUDGE_MALFORMED_MAX) {
        let last = ask::cut(last, 500);
        return held(state, ix, HoldWhy::Attempts { step: step.to_string(), last });
    }
    match failed.and_then(|s| Some((s, s.failure.as_ref()?))) {
        Some((failed, failure)) => by_class(state, ix, failed, failure, now),
        None => again(state, ix, step, failures, last, now, 1),
    }
}

/// What a session says would help decides what follows: another try, somebody else, or a person.
fn by_class(
    state: &State,
    ix: usize,
    failed: &StepState,
    failure: &SessionFailure,
    now: Timestamp,
) -> Vec<EventKind> {
    let SessionFailure { class, why } = failure;
    let (step, failures) = (&failed.step, failed.failures);
    match class {
        FailureClass::Retry | FailureClass::Cap => again(state, ix, step, failures, why, now, 1),
        FailureClass::Backoff => again(state, ix, step, failures, why, now, OVERLOADED),
        FailureClass::Limited(until) => rests(state, ix, failed, *until, failure, now),
        FailureClass::Never | FailureClass::OtherRuntime => {
            let agent = state.graph.task(ix).agent(step);
            if usize::from(failed.fallback) < agent.fallbacks.len() {
                let (task, step) = (state.graph.task(ix).id.clone(), step.clone());
                let to = failed.fallback + 1;
                return vec![EventKind::FellBack { task, step, to, why: ask::cut(why, 500) }];
            }
            beyond_help(state, ix, step, failure)
        }
        FailureClass::Person => beyond_help(state, ix, step, failure),
    }
}

/// A person decides: no further try would help.
fn beyond_help(state: &State, ix: usize, step: &Step, failure: &SessionFailure) -> Vec<EventKind> {
    let SessionFailure { class, why } = failure;
    held(state, ix, HoldWhy::Agent { step: step.to_string(), class: *class, why: ask::cut(why, 500) })
}

/// The pool's quota is used up, until then if its vendor says so: the step waits for it and loses no try.
fn rests(
    state: &State,
    ix: usize,
    failed: &StepState,
    until: Option<Timestamp>,
    failure: &SessionFailure,
    now: Timestamp,
) -> Vec<EventKind> {
    let (step, why) = (&failed.step, failure.why.as_str());
    let agent = state.graph.task(ix).agent_of(step, failed.fallback);
    if agent.pool.is_none() {
        return again(state, ix, step, failed.failures, why, now, OVERLOADED);
    }
    let Some((not_before, rested)) = pools::hit(state, (ix, step, failed.fallback), until, failure, now)
    else {
        return beyond_help(state, ix, step, failure);
    };
    let retry = EventKind::StepRetrying {
        task: state.graph.task(ix).id.clone(),
        step: step.clone(),
        failures: failed.failures.saturating_sub(u32::from(!Bug::LimitCostsTry.is_planted())),
        not_before,
        why: ask::cut(why, 500),
    };
    vec![rested, retry]
}

/// An overloaded service is left alone for so many times the usual pause.
const OVERLOADED: u64 = 4;

/// Malformed answers of a judge after which there is no score.
const JUDGE_MALFORMED_MAX: u32 = 2;

/// Another try, after so many times the usual pause, unless there were enough.
fn again(
    state: &State,
    ix: usize,
    step: &Step,
    failures: u32,
    last: &str,
    now: Timestamp,
    pauses: u64,
) -> Vec<EventKind> {
    let limits = &state.graph.plan.limits;
    if failures >= limits.max_attempts.max(1) {
        return held(state, ix, HoldWhy::Attempts { step: step.to_string(), last: ask::cut(last, 500) });
    }
    vec![EventKind::StepRetrying {
        task: state.graph.task(ix).id.clone(),
        step: step.clone(),
        failures,
        not_before: now.plus_ms(limits.backoff.after(failures).saturating_mul(pauses)),
        why: ask::cut(last, 500),
    }]
}
