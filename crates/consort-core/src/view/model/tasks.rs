//! Tasks: what each does, waits for, has scored.

use super::{ChangeView, GateView, LiveView, RoundView, SteeringView, TaskView, When};
use crate::ids::{ApprovalId, Step};
use crate::plan::{Input, TaskKind};
use crate::run::{
    AgentChange, AgentTurn, ApprovalKind, BarrierStage, GateRefusal, HoldWhy, Live, LivePhase, Point, Round,
    RoundKind, Severity, State, Steering, StepStatus, TaskStage, Verdict,
};
use crate::time::Timestamp;
use crate::view::text::{clean, count};
use crate::view::words::{self, Word};

pub(super) fn task_view(state: &State, ix: usize) -> TaskView {
    let plan = state.graph.task(ix);
    let it = &state.tasks[ix];
    let (handoff_of, direction) = match &plan.kind {
        TaskKind::Handoff(h) => (Some(h.barrier.to_string()), Some(format!("{}-->{}", h.from, h.to))),
        _ => (None, None),
    };
    let (activity, since) = activity(state, ix);
    TaskView {
        id: plan.id.to_string(),
        role: clean(&plan.role),
        place: plan.place.as_ref().map(|(p, n)| (p.to_string(), *n)),
        handoff_of,
        direction,
        status: words::task(state, ix),
        activity,
        since: since.map(When),
        blocked_by: blocked_by(state, ix),
        round: it.iteration,
        rounds_min: plan.rounds.min,
        rounds_max: plan.rounds.max,
        judged: plan.judged,
        threshold: plan.threshold.to_string(),
        rounds: it.rounds.iter().map(|r| round_view(state, r)).collect(),
        gate: gate(state, ix),
        attempts: it.attempts,
        live: live(state, ix),
        workspace: words::workspace(state, ix),
        criticality: plan.criticality.to_string(),
        // A placeholder writes nothing: its tasks do.
        outputs: match &plan.kind {
            TaskKind::Each(_) => Vec::new(),
            _ => plan.output.paths().iter().map(|p| clean(p)).collect(),
        },
        inputs: plan.inputs.iter().map(|i| input_name(state, i)).collect(),
        revision: it.candidate.as_ref().map(|c| c.revision.to_string()),
        artifacts: it
            .candidate
            .iter()
            .flat_map(|c| &c.artifacts)
            .map(|a| (clean(&a.path), a.hash.to_string()))
            .collect(),
        strays: it.candidate.iter().flat_map(|c| &c.strays).map(|s| clean(s)).collect(),
        problems: it.problems.iter().map(|p| (clean(&p.check), clean(&p.text))).collect(),
        set_began: it.set_began,
        steering: it.steering.iter().map(steering).collect(),
        changes: it.changes.iter().map(change).collect(),
        started_at: it.began_at.map(When),
        completed_at: it.accepted_at.map(When),
    }
}

fn change(change: &AgentChange) -> ChangeView {
    ChangeView { at: When(change.at), step: change.step.to_string(), what: turn_text(&change.turn) }
}

/// What became of an agent, for people.
pub(in crate::view) fn turn_text(turn: &AgentTurn) -> String {
    match turn {
        AgentTurn::FellBack { to, why } => format!("fallback {to} takes over: {}", clean(why)),
        AgentTurn::Fresh(why) => format!("a new session instead of the last one: {}", clean(why)),
        AgentTurn::HandedOver => "a new session goes on with a summary of the last one".into(),
    }
}

fn steering(steering: &Steering) -> SteeringView {
    SteeringView {
        by: clean(&steering.by),
        guidance: steering.guidance.as_deref().map(clean),
        round: steering.round,
        new_set: steering.new_set,
    }
}

/// `agent-a-001-research.md`, `barrier-1 b-->a handoff`, `PLAN.md`.
pub(in crate::view) fn input_name(state: &State, input: &Input) -> String {
    let plan = &state.graph.plan;
    match input {
        Input::Artifact { task } => match plan.task(task).and_then(|t| t.output.paths().first()) {
            Some(path) => clean(path.rsplit('/').next().unwrap_or(path)),
            None => task.to_string(),
        },
        Input::Handoff { task } => match plan.task(task).map(|t| &t.kind) {
            Some(TaskKind::Handoff(h)) => format!("{} {}-->{} handoff", h.barrier, h.from, h.to),
            _ => task.to_string(),
        },
        Input::File { path } => clean(path),
        Input::Outside { name, .. } => clean(name),
    }
}

fn live(state: &State, ix: usize) -> Vec<LiveView> {
    let id = &state.graph.task(ix).id;
    let own = state.live.iter().filter(|(a, _)| a.task == *id);
    own.map(|(attempt, live)| LiveView {
        attempt: attempt.to_string(),
        step: attempt.step.to_string(),
        state: match (live.stopping, live.phase) {
            (Some(_), _) => "stopping",
            (None, LivePhase::Starting) => "starting",
            (None, _) => "running",
        },
        since: When(live.since),
        deadline: When(live.deadline),
        asks: live.talk.open.values().flatten().map(ToString::to_string).collect(),
        session: live.talk.session.as_deref().map(clean),
        fallback: Some(live.fallback).filter(|n| *n > 0),
        fresh: live.talk.fresh.as_deref().map(clean),
    })
    .collect()
}

/// What it waits for. Barriers come first: they are what people think in.
pub(in crate::view) fn blocked_by(state: &State, ix: usize) -> Vec<String> {
    let graph = &state.graph;
    let task = graph.task(ix);
    if !matches!(state.tasks[ix].stage, TaskStage::Waiting) {
        return Vec::new();
    }
    let mut all: Vec<String> = Vec::new();
    if let Some(b) = graph.handoff_of(ix)
        && matches!(state.barriers[b].stage, BarrierStage::Waiting | BarrierStage::Arrived)
    {
        all.push(format!("{} pre-check", graph.plan.barriers[b].id));
    }
    let barriers = task.behind.iter().filter_map(|id| graph.barrier_ix(id));
    let open = barriers.filter(|b| state.barriers[*b].stage != BarrierStage::Complete);
    all.extend(open.map(|b| graph.plan.barriers[b].id.to_string()));
    let needs = task.needs.iter().filter_map(|id| graph.ix(id));
    let open = needs.filter(|n| state.tasks[*n].stage != TaskStage::Accepted);
    // What an open barrier waits for itself is not said twice.
    let implied = |n: &usize| {
        graph.awaited_by(*n).iter().any(|b| {
            let id = &graph.plan.barriers[*b].id;
            task.behind.contains(id) || graph.handoff_of(ix) == Some(*b)
        })
    };
    let open = open.filter(|n| !implied(n));
    all.extend(open.map(|n| graph.task(n).id.to_string()));
    all.extend(super::missing_inputs(state, ix).into_iter().map(|name| format!("input {}", clean(&name))));
    all
}

/// What it does or waits for, and since when.
fn activity(state: &State, ix: usize) -> (String, Option<Timestamp>) {
    let it = &state.tasks[ix];
    let asked = |id: &ApprovalId| state.approvals.get(id).map(|a| a.asked_at);
    match &it.stage {
        TaskStage::Waiting => (waiting(state, ix), None),
        TaskStage::Weighing => ("its condition is looked at".into(), None),
        TaskStage::Growing => ("its list is read".into(), None),
        TaskStage::Skipped(why) => (format!("skipped: {}", clean(why)), None),
        TaskStage::Ready => ("ready, waits for a slot".into(), it.ready_at),
        TaskStage::Preparing => ("its workspace is set up".into(), it.began_at),
        TaskStage::Working => working(state, ix),
        TaskStage::Capturing => ("its work is captured and checked".into(), None),
        TaskStage::Deciding(_) if state.cancelling => ("stopped: the run is cancelled".into(), None),
        TaskStage::Deciding(_) => ("the next step is decided".into(), None),
        TaskStage::AwaitingApproval(id) => (format!("waits for approval {id}"), asked(id)),
        TaskStage::Committing(_) => ("accepted, its commit goes to its ref".into(), None),
        TaskStage::Accepted if overridden(state, ix) => {
            (format!("accepted in round {} against the verdict", it.captured_in), it.accepted_at)
        }
        TaskStage::Accepted => (format!("accepted in round {}", it.iteration), it.accepted_at),
        TaskStage::Held(why) => {
            let question = state.open_approvals().find(|(_, a)| is_about(state, ix, &a.kind));
            let answer = question.map_or_else(String::new, |(id, _)| format!(" ({id})"));
            (format!("held: {}{answer}", hold_text(why)), question.map(|(_, a)| a.asked_at))
        }
        TaskStage::Failed(why) if state.graph.task(ix).given.is_some() => (clean(why), None),
        TaskStage::Failed(why) => (format!("given up: {}", clean(why)), None),
    }
}

fn is_about(state: &State, ix: usize, kind: &ApprovalKind) -> bool {
    matches!(kind, ApprovalKind::Held { task, .. } if *task == state.graph.task(ix).id)
}

fn waiting(state: &State, ix: usize) -> String {
    let by = blocked_by(state, ix);
    if by.is_empty() {
        return "not begun".into();
    }
    let shown = by.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    match by.len() {
        0..=3 => format!("waits for {shown}"),
        n => format!("waits for {shown} and {} more", n - 3),
    }
}

/// What its steps do: those that run, else those that rest or wait for a slot.
fn working(state: &State, ix: usize) -> (String, Option<Timestamp>) {
    let it = &state.tasks[ix];
    let id = &state.graph.task(ix).id;
    let live: Vec<_> = state.live.iter().filter(|(a, _)| a.task == *id).collect();
    if !live.is_empty() {
        let steps: Vec<&Step> = live.iter().map(|(a, _)| &a.step).collect();
        let stopping = live.iter().all(|(_, l)| l.stopping.is_some());
        let doing = doing(&steps, it.iteration) + &asking(live.iter().map(|(_, l)| *l));
        let text = if stopping { format!("stopping: {doing}") } else { doing };
        return (text, live.iter().map(|(_, l)| l.since).min());
    }
    let resting = it.steps.iter().find_map(|s| match s.status {
        StepStatus::Resting(until) => Some((s, until)),
        _ => None,
    });
    if let Some((step, until)) = resting {
        let failures = count(step.failures as usize, "failure");
        return (format!("{} is tried again at {until} after {failures}", step.step), None);
    }
    let queued = it.steps.iter().filter(|s| s.status == StepStatus::Queued);
    let steps: Vec<String> = queued.map(|s| s.step.to_string()).collect();
    (format!("waits for a slot: {}", steps.join(", ")), None)
}

/// `, waits for A-003`, while agents wait for a person.
fn asking<'s>(live: impl Iterator<Item = &'s Live>) -> String {
    let ids: Vec<String> =
        live.flat_map(|l| l.talk.open.values().flatten()).map(ToString::to_string).collect();
    match ids.as_slice() {
        [] => String::new(),
        [one] => format!(", waits for {one}"),
        [first, more @ ..] => format!(", waits for {first} and {} more", more.len()),
    }
}

/// `creating`, `revising`, `self-review`, `critics S-002, S-004`, `judging`.
fn doing(steps: &[&Step], iteration: u32) -> String {
    let critics: Vec<&str> = steps
        .iter()
        .filter_map(|s| match s {
            Step::Review(strategy) => Some(strategy.as_str()),
            _ => None,
        })
        .collect();
    match (critics.as_slice(), steps.first()) {
        ([], Some(Step::Create)) if iteration > 1 => "revising".into(),
        ([], Some(Step::Create)) => "creating".into(),
        ([], Some(Step::SelfReview)) => "self-review".into(),
        ([], _) => "judging".into(),
        ([one], _) => format!("critic {one}"),
        (many, _) => format!("critics {}", many.join(", ")),
    }
}

/// Why it is held, for people.
pub(in crate::view) fn hold_text(why: &HoldWhy) -> String {
    match why {
        HoldWhy::MaxRounds => "the most rounds are used up".into(),
        HoldWhy::NoCreator => "nobody makes another version".into(),
        HoldWhy::NoProgress => "no progress".into(),
        HoldWhy::Oscillating => "it goes in circles: findings that were gone came back".into(),
        HoldWhy::Regressing => "it gets worse with each round".into(),
        HoldWhy::OnlyNits => "reviewers find nothing but trifles, and it does not pass".into(),
        HoldWhy::Escalated => "what it changed asks for a higher level".into(),
        HoldWhy::Disagreement => "its judges disagree too much".into(),
        HoldWhy::BarrierRetries => "its barrier's retries are used up".into(),
        HoldWhy::Attempts { step, last } => format!("{step} failed too often: {}", clean(last)),
        HoldWhy::Agent { step, why, .. } => format!("no agent can go on with {step}: {}", clean(why)),
        HoldWhy::Conflict { between, paths } => {
            let paths: Vec<String> = paths.iter().map(|p| clean(p)).collect();
            format!("{} and {} do not merge: {}", between.0, between.1, paths.join(", "))
        }
    }
}

/// Why a gate said no, for people.
pub(in crate::view) fn refusal_text(refusal: &GateRefusal) -> String {
    clean(&refusal.to_string())
}

/// How a round was decided, for people.
pub(in crate::view) fn verdict_text(verdict: &Verdict) -> String {
    let why = |refusals: &[GateRefusal]| refusals.iter().map(refusal_text).collect::<Vec<_>>().join(", ");
    match verdict {
        Verdict::Accepted => "accepted".into(),
        Verdict::Confirm => "passed, to be confirmed".into(),
        Verdict::Revise(refusals) if refusals.is_empty() => {
            "passed with Major findings, to be revised".into()
        }
        Verdict::Revise(refusals) => format!("to be revised: {}", why(refusals)),
        Verdict::Broken { refusals, breaker } => {
            format!("stopped, {}: {}", hold_text(breaker), why(refusals))
        }
    }
}

fn round_view(state: &State, round: &Round) -> RoundView {
    let name = |s: &crate::run::DimensionScore| {
        let dimensions = &state.graph.plan.quality.dimensions;
        dimensions
            .iter()
            .find(|d| d.id == s.dimension)
            .map_or(s.dimension.to_string(), |d| clean(d.id.as_str()))
    };
    let mut strategies: Vec<String> = Vec::new();
    strategies.extend(round.self_review.iter().map(|_| "S-010".to_owned()));
    strategies.extend(round.reviews.iter().map(|(s, _)| s.to_string()));
    strategies.extend(round.composite.iter().map(|_| "S-014".to_owned()));
    RoundView {
        number: round.iteration,
        kind: match round.kind {
            RoundKind::Creation => "creation",
            RoundKind::Confirmation => "confirmation",
        },
        composite: round.composite.map(|c| c.to_string()),
        band: round.band.map(|b| b.to_string()),
        scores: round.scores.iter().map(|s| (name(s), s.score.to_string())).collect(),
        strategies,
        findings: (
            round.count(Severity::Critical),
            round.count(Severity::Major),
            round.count(Severity::Minor),
        ),
        problems: round.problems,
        verdict: round.verdict.as_ref().map(verdict_text),
    }
}

fn overridden(state: &State, ix: usize) -> bool {
    let id = &state.graph.task(ix).id;
    matches!(state.tasks[ix].stage, TaskStage::Accepted | TaskStage::Committing(_))
        // Its round need not be the last one: a person may have taken an earlier, better version.
        && state.overrides.iter().any(|o| o.task == *id && o.generation == state.tasks[ix].generation)
}

fn gate(state: &State, ix: usize) -> GateView {
    let it = &state.tasks[ix];
    let scored = it.rounds.iter().rev().find(|r| r.composite.is_some());
    let status = match &it.stage {
        TaskStage::Accepted | TaskStage::Committing(_) | TaskStage::AwaitingApproval(_) => Word::Complete,
        TaskStage::Failed(_) | TaskStage::Held(_) if scored.is_some() => Word::Failed,
        TaskStage::Deciding(Point::Decided(Verdict::Accepted)) => Word::Complete,
        _ if it.rounds.is_empty() => Word::Pending,
        _ => Word::InProgress,
    };
    GateView {
        status,
        score: scored.and_then(|r| r.composite).map(|c| c.to_string()),
        band: scored.and_then(|r| r.band).map(|b| b.to_string()),
        rounds: it.rounds.len() as u32,
        overridden: overridden(state, ix),
    }
}
