//! What workers' reports bring. A report that does not fit what the state waits for is late,
//! second or stale, and brings nothing.

use super::ask::cut;
use super::event::{AttemptEnd, BarrierHold, CheckpointTrigger, EventKind, Failure};
use super::handle::gone;
use super::input::{Artifact, Ended, Exit, Given, Report};
use super::session::{ContextTier, FailureClass, NoteKind, SessionFailure};
use super::settle::{self, hold_barrier, holds};
use super::state::{BarrierStage, State, TaskStage, WorkspaceState};
use super::talk;
use crate::ids::{AttemptId, CheckpointId, Step, TaskId};
use crate::planted::Bug;
use crate::time::Timestamp;

/// At most so many artifacts are named in an event; the revision covers the rest.
pub const ARTIFACTS_MAX: usize = 10;

/// Events that a report brings.
pub(super) fn reported(state: &State, report: &Report, now: Timestamp) -> Vec<EventKind> {
    if (state.cancelling || state.is_over()) && is_work(report) {
        return Vec::new();
    }
    // What is on its way out is not looked at any more.
    if let Report::CandidateCaptured { task, .. } | Report::CandidateRefused { task, .. } = report
        && state.graph.ix(task).is_none_or(|ix| state.is_draining() || state.leaving.tasks.contains(&ix))
    {
        return Vec::new();
    }
    match report {
        Report::WorkspaceReady { task, generation, base } => {
            if at(state, task, *generation, |s| *s == TaskStage::Preparing).is_none() {
                return Vec::new();
            }
            vec![EventKind::WorkspaceReady { task: task.clone(), base: base.clone() }]
        }
        Report::WorkspaceConflicted { task, generation, between, paths } => {
            if at(state, task, *generation, |s| *s == TaskStage::Preparing).is_none() {
                return Vec::new();
            }
            let paths = short(paths);
            vec![EventKind::TaskConflicted { task: task.clone(), between: between.clone(), paths }]
        }
        Report::AttemptStarted { attempt, process } => match state.live.get(attempt) {
            Some(live) if live.process.is_none() => {
                vec![EventKind::AttemptStarted { attempt: attempt.clone(), process: process.clone() }]
            }
            _ => Vec::new(),
        },
        Report::AttemptEnded { attempt, ended } => self::ended(state, attempt, ended),
        Report::AttemptVanished { attempt } if state.live.contains_key(attempt) => {
            gone(state, attempt, AttemptEnd::Unknown)
        }
        Report::AttemptVanished { .. } => Vec::new(),
        Report::SessionNoted { attempt, note } => {
            let mut events = talk::noted(state, attempt, note);
            match &note.kind {
                _ if events.is_empty() || state.is_ending() || state.is_over() => {}
                NoteKind::Limited { until } => {
                    events.extend(super::pools::noted(state, attempt, *until, now))
                }
                // AE-006c and d: what there is is kept before its context is gone.
                NoteKind::Context { tier, fill } if *tier >= ContextTier::Critical => {
                    let subject = format!("context of {} at {} %", attempt.task, fill / 10);
                    events.extend(settle::checkpoint(state, CheckpointTrigger::Manual, &subject, false));
                }
                _ => {}
            }
            events
        }
        Report::ConditionWeighed { .. } | Report::ListTaken { .. } | Report::Unclear { .. } => {
            super::growth::reported(state, report)
        }
        Report::RefsAbandoned { number } => super::amend::tidied(state, *number),
        Report::RefsRewound { number } => super::rollback::rewound(state, *number),
        Report::SessionTold { attempt, what } => talk::told(state, attempt, what),
        Report::CandidateCaptured { task, generation, iteration, .. }
        | Report::CandidateRefused { task, generation, iteration, .. } => {
            let wanted = at(state, task, *generation, |s| *s == TaskStage::Capturing);
            match wanted {
                Some(ix) if state.tasks[ix].iteration == *iteration => {
                    captured(task, *iteration, report, state.tasks[ix].denied)
                }
                _ => Vec::new(),
            }
        }
        Report::TaskCommitted { task, revision } => committed(state, task, revision),
        Report::BarrierMerged { barrier, set, revision, handoffs, rendered, blockers } => {
            let Some(b) = merging(state, barrier.as_str(), Some(*set)) else { return Vec::new() };
            merged(state, b, revision, handoffs, rendered, blockers)
        }
        Report::BarrierConflicted { barrier, between, paths } => {
            let Some(b) = merging(state, barrier.as_str(), None) else { return Vec::new() };
            hold_barrier(state, b, BarrierHold::Conflict { between: between.clone(), paths: short(paths) })
        }
        Report::CheckpointCommitted { checkpoint, revision } => {
            let open = is_making(state, checkpoint);
            let (checkpoint, revision) = (checkpoint.clone(), revision.clone());
            open.then_some(EventKind::CheckpointCreated { checkpoint, revision }).into_iter().collect()
        }
        Report::CheckpointConflicted { checkpoint, paths } => {
            let open = is_making(state, checkpoint);
            let why = cut(&format!("its tips do not merge: {}", short(paths).join(", ")), 1_000);
            open.then_some(EventKind::CheckpointFailed { checkpoint: checkpoint.clone(), why })
                .into_iter()
                .collect()
        }
        Report::WorkspaceReleased { task, generation, salvaged } => {
            let wanted = state.graph.ix(task).filter(|ix| {
                let it = &state.tasks[*ix];
                it.generation == *generation && it.workspace == WorkspaceState::Releasing
            });
            let salvaged = salvaged.clone();
            wanted
                .map(|_| EventKind::WorkspaceReleased { task: task.clone(), salvaged })
                .into_iter()
                .collect()
        }
        Report::Integrated { into, revision } => {
            let open = state
                .integration
                .as_ref()
                .is_some_and(|i| i.into == *into && i.revision.is_none() && i.failed.is_none());
            let (into, revision) = (into.clone(), revision.clone());
            open.then_some(EventKind::Integrated { into, revision }).into_iter().collect()
        }
        Report::EffectFailed { effect, why } => effect_failed(state, effect, why, now),
    }
}

/// What nobody wants any more once the run is over, or is being cancelled.
fn is_work(report: &Report) -> bool {
    matches!(
        report,
        Report::WorkspaceReady { .. }
            | Report::WorkspaceConflicted { .. }
            | Report::CandidateCaptured { .. }
            | Report::CandidateRefused { .. }
            | Report::TaskCommitted { .. }
            | Report::BarrierMerged { .. }
            | Report::BarrierConflicted { .. }
            | Report::ConditionWeighed { .. }
            | Report::ListTaken { .. }
            | Report::Unclear { .. }
    )
}

/// True while this checkpoint is being made.
fn is_making(state: &State, checkpoint: &CheckpointId) -> bool {
    state.front.checkpointing.iter().any(|at| state.checkpoints[*at].id == *checkpoint)
}

fn at(state: &State, task: &TaskId, generation: u32, stage: impl Fn(&TaskStage) -> bool) -> Option<usize> {
    state.graph.ix(task).filter(|ix| {
        let it = &state.tasks[*ix];
        it.generation == generation && stage(&it.stage)
    })
}

fn short(paths: &[String]) -> Vec<String> {
    paths.iter().take(10).map(|p| cut(p, 200)).collect()
}

/// `denied`: requests that were refused to the creator.
fn captured(task: &TaskId, iteration: u32, report: &Report, denied: u32) -> Vec<EventKind> {
    let task = task.clone();
    match report {
        Report::CandidateCaptured { candidate, problems, passed, raised, .. } => {
            let mut candidate = candidate.clone();
            candidate.artifacts.truncate(ARTIFACTS_MAX);
            candidate.strays = candidate.strays.iter().take(10).map(|s| cut(s, 100)).collect();
            let mut events = Vec::new();
            let unchecked = Bug::AcknowledgementUnchecked.is_planted();
            let counted = problems.iter().filter(|p| !(unchecked && p.check == "acknowledgement"));
            let problems: Vec<_> = counted
                .take(12)
                .cloned()
                .map(|mut p| {
                    p.text = cut(&p.text, 240);
                    p
                })
                .collect();
            if !problems.is_empty() {
                events.push(EventKind::ProblemsFound { task: task.clone(), iteration, problems });
            }
            let (passed, raised) = (passed.clone(), raised.clone());
            events.push(EventKind::CandidateCaptured { task, iteration, candidate, passed, raised });
            events
        }
        Report::CandidateRefused { why, .. } => {
            let why = match denied {
                0 => cut(why, 500),
                denied => format!("{}; {}", cut(why, 250), denied_words(denied)),
            };
            vec![EventKind::CandidateRefused { task, iteration, why }]
        }
        _ => Vec::new(),
    }
}

/// An answer that is none, by somebody to whom requests were refused: whoever reads it wants to know.
fn because_refused(end: AttemptEnd, refused: u32) -> AttemptEnd {
    match end {
        AttemptEnd::Failed(Failure::NoAnswer) if refused > 0 => {
            let why = format!("it ended without an answer; {}", denied_words(refused));
            AttemptEnd::Failed(Failure::Session(SessionFailure { class: FailureClass::Retry, why }))
        }
        AttemptEnd::Failed(Failure::Malformed(why)) if refused > 0 => {
            AttemptEnd::Failed(Failure::Malformed(format!("{}; {}", cut(&why, 250), denied_words(refused))))
        }
        AttemptEnd::Failed(Failure::Session(failure))
            if refused > 0 && failure.class == FailureClass::Retry =>
        {
            let why = format!("{}; {}", cut(&failure.why, 250), denied_words(refused));
            AttemptEnd::Failed(Failure::Session(SessionFailure { why, ..failure }))
        }
        end => end,
    }
}

/// Why there may be nothing, and what helps.
fn denied_words(denied: u32) -> String {
    let (requests, were) = if denied == 1 { ("request", "was") } else { ("requests", "were") };
    format!(
        "{denied} {requests} of its agent for permission {were} refused: allow what it needs in its agent's \
         policy, or answer it in `consort inbox`"
    )
}

fn committed(state: &State, task: &TaskId, revision: &crate::ids::Revision) -> Vec<EventKind> {
    let Some(ix) = state.graph.ix(task) else { return Vec::new() };
    let it = &state.tasks[ix];
    let Some(candidate) = it.candidate.as_ref().filter(|c| c.revision == *revision) else {
        return Vec::new();
    };
    if !matches!(it.stage, TaskStage::Committing(_)) {
        return Vec::new();
    }
    vec![EventKind::TaskAccepted {
        task: task.clone(),
        iteration: it.captured_in,
        candidate: candidate.clone(),
    }]
}

fn merging(state: &State, barrier: &str, set: Option<u32>) -> Option<usize> {
    let b = state.graph.barrier_ix(&barrier.into())?;
    let it = &state.barriers[b];
    (it.stage == BarrierStage::Merging && set.is_none_or(|s| s == it.set)).then_some(b)
}

/// At most so many blockers are named in a question, each with so many characters.
const BLOCKERS_NAMED: (usize, usize) = (6, 120);

/// As a person is asked about them: those that are left out are counted, so that nobody takes them
/// unseen.
fn named(blockers: &[String]) -> Vec<String> {
    let (most, chars) = BLOCKERS_NAMED;
    let mut named: Vec<String> = blockers.iter().take(most).map(|b| cut(b, chars)).collect();
    if let more @ 1.. = blockers.len().saturating_sub(most) {
        named.push(format!("and {more} more, in the handoffs"));
    }
    named
}

/// Post-verification: the commit holds the accepted bytes of every handoff, and every
/// consumer's prompt names them.
fn merged(
    state: &State,
    b: usize,
    revision: &crate::ids::Revision,
    handoffs: &[Artifact],
    rendered: &[TaskId],
    blockers: &[String],
) -> Vec<EventKind> {
    let expected = super::wanted::handoff_artifacts(state, b);
    let lost: Vec<String> =
        expected.iter().filter(|a| !handoffs.contains(a)).map(|a| cut(&a.path, 200)).collect();
    if !lost.is_empty() && !Bug::HandoffLostInMerge.is_planted() {
        return hold_barrier(state, b, BarrierHold::HandoffLost { paths: lost });
    }
    let consumers = state.graph.barrier_consumers(b).into_iter().map(|ix| &state.graph.task(ix).id);
    let unrendered: Vec<TaskId> = consumers.filter(|id| !rendered.contains(id)).cloned().collect();
    if !unrendered.is_empty() {
        return hold_barrier(state, b, BarrierHold::NotRendered { consumers: unrendered });
    }
    // An event is bounded; the whole text is in the handoffs.
    let blockers = named(blockers);
    if blockers.iter().any(|blocker| !state.barriers[b].taken.contains(blocker)) {
        return hold_barrier(state, b, BarrierHold::Blocked { blockers });
    }
    let barrier = state.graph.plan.barriers[b].id.clone();
    vec![EventKind::BarrierMerged { barrier, revision: revision.clone() }]
}

/// An attempt is over: what it gave, then that it ended.
pub(super) fn ended(state: &State, attempt: &AttemptId, ended: &Ended) -> Vec<EventKind> {
    let Some(live) = state.live.get(attempt) else {
        if Bug::StaleReportAccepted.is_planted() {
            return stale(state, attempt, ended);
        }
        return Vec::new();
    };
    let failure = ended.session.as_ref().and_then(|session| session.failure.as_ref());
    let (end, gave) = match (live.stopping, &ended.exit, failure) {
        (Some(why), ..) => (AttemptEnd::Stopped(why), Vec::new()),
        (None, Exit::Stopped(why), _) => (AttemptEnd::Stopped(*why), Vec::new()),
        // What its session says of itself counts more than the exit code of whoever talked to it.
        (None, _, Some(SessionFailure { class, why })) => {
            let failure = SessionFailure { class: *class, why: cut(why, 500) };
            let refused = ended.session.as_ref().map_or(0, |session| session.refused);
            (because_refused(AttemptEnd::Failed(Failure::Session(failure)), refused), Vec::new())
        }
        (None, Exit::Code(0), None) if holds(state, attempt) => {
            let (end, gave) = given(state, attempt, &ended.given);
            (because_refused(end, ended.session.as_ref().map_or(0, |session| session.refused)), gave)
        }
        (None, Exit::Code(0), None) => (AttemptEnd::Done, Vec::new()),
        (None, exit, None) => (AttemptEnd::Failed(Failure::Exit(bounded(exit))), Vec::new()),
    };
    let usage = if ended.usage == super::Usage::default() { live.talk.used } else { ended.usage };
    let mut events = talk::over(state, attempt);
    events.extend(gave);
    events.push(EventKind::AttemptEnded {
        attempt: attempt.clone(),
        end,
        usage: if matches!(ended.exit, Exit::NotStarted(_)) {
            usage
        } else {
            super::budget::priced(state, attempt, usage)
        },
        wall_ms: ended.wall_ms,
        leaked: ended.leaked,
        record: ended.record.clone(),
        session: ended.session.as_deref().map(talk::bounded_end),
        outside: talk::bounded_changes(&ended.outside),
    });
    events
}

fn bounded(exit: &Exit) -> Exit {
    match exit {
        Exit::NotStarted(why) => Exit::NotStarted(cut(why, 500)),
        other => other.clone(),
    }
}

/// Planted: takes what a stale attempt gave for the present round.
fn stale(state: &State, attempt: &AttemptId, ended: &Ended) -> Vec<EventKind> {
    let Some(ix) = state.graph.ix(&attempt.task) else { return Vec::new() };
    let mut as_now = attempt.clone();
    as_now.iteration = state.tasks[ix].iteration;
    if as_now.iteration == 0 || matches!(state.tasks[ix].stage, TaskStage::Accepted) {
        return Vec::new();
    }
    given(state, &as_now, &ended.given).1
}

/// What a clean end brings, by its step.
fn given(state: &State, attempt: &AttemptId, given: &Given) -> (AttemptEnd, Vec<EventKind>) {
    let (task, iteration) = (attempt.task.clone(), attempt.iteration);
    match (&attempt.step, given) {
        (Step::Create, _) => (AttemptEnd::Done, Vec::new()),
        (Step::SelfReview, Given::Review(review)) => {
            if let Some(why) = super::answers::unanswered(state, attempt, review) {
                return (malformed(&why), Vec::new());
            }
            let review = super::answers::short(state, attempt, review);
            (AttemptEnd::Done, vec![EventKind::SelfReviewed { task, iteration, review }])
        }
        (Step::Review(strategy), Given::Review(review)) => {
            if let Some(why) = super::answers::unfounded(state, attempt, review) {
                return (AttemptEnd::Failed(Failure::Unfounded(why)), Vec::new());
            }
            let (strategy, review) = (strategy.clone(), review.clone());
            (AttemptEnd::Done, vec![EventKind::Reviewed { task, iteration, strategy, review }])
        }
        (Step::Judge | Step::Panel(_), Given::Scores { scores, criteria, answer }) => {
            match super::answers::scored(state, attempt, scores, criteria, answer) {
                Ok(event) => (AttemptEnd::Done, vec![event]),
                Err(why) => (malformed(&why), Vec::new()),
            }
        }
        (_, Given::Malformed(why)) => (malformed(why), Vec::new()),
        (_, Given::Nothing) => (AttemptEnd::Failed(Failure::NoAnswer), Vec::new()),
        (step, _) => (malformed(&format!("it is not an answer to {step}")), Vec::new()),
    }
}

fn malformed(why: &str) -> AttemptEnd {
    AttemptEnd::Failed(Failure::Malformed(cut(why, 500)))
}

/// Failures in a row after which an effect of a task goes to a person.
const EFFECT_FAILURES_MAX: u32 = 5;

fn effect_failed(state: &State, effect: &str, why: &str, now: Timestamp) -> Vec<EventKind> {
    if !super::wanted::wanted(state).iter().any(|wish| wish.key().0 == effect) {
        return Vec::new();
    }
    let (kind, rest) = effect.split_once('/').unwrap_or((effect, ""));
    let why = cut(why, 1_000);
    if kind == "integrated" {
        let open = state.integration.as_ref().filter(|i| i.revision.is_none() && i.failed.is_none());
        let into = open.map(|i| i.into.clone());
        return into.map(|into| EventKind::IntegrationFailed { into, why }).into_iter().collect();
    }
    let failures = state.failing.get(effect).map_or(0, |f| f.failures) + 1;
    let subject = rest.split('/').next().unwrap_or_default();
    if failures >= EFFECT_FAILURES_MAX {
        match kind {
            "workspace" | "candidate" | "committed" | "condition" | "list" => {
                let task = TaskId::from(subject);
                let ensuring = state.graph.ix(&task).filter(|ix| state.front.ensuring.contains(ix));
                let effect = effect.to_owned();
                return ensuring
                    .map(|_| EventKind::EffectAbandoned { effect, task, why })
                    .into_iter()
                    .collect();
            }
            "barrier" => {
                let Some(b) = merging(state, subject, None) else { return Vec::new() };
                return hold_barrier(state, b, BarrierHold::Failed(why));
            }
            "checkpoint" => return vec![EventKind::CheckpointFailed { checkpoint: subject.into(), why }],
            _ => {}
        }
    }
    let not_before = now.plus_ms(state.graph.plan.limits.backoff.after(failures));
    vec![EventKind::EffectFailed { effect: effect.to_owned(), failures, not_before, why }]
}
