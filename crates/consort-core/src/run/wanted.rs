//! The wish list: what should be going on in the world right now, derived from the state.

use super::effect::{Effect, Ensure, FindingsRef, InputRef, Start, Tip};
use super::event::RoundKind;
use super::evolve::findings_of;
use super::input::Artifact;
use super::settle::is_starting;
use super::state::{State, TaskStage, TaskState};
use crate::ids::{AttemptId, ContentHash, Step};
use crate::plan::Input;
use crate::time::Timestamp;

/// Why a deadline is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// An attempt's wall time ends.
    Attempt(AttemptId),
    /// A failed step may be tried again.
    Retry,
    /// A pool takes requests again.
    Pool,
    /// A failed effect may be tried again.
    Effect(String),
    /// The run's wall-time budget ends, or a day of which a person was asked.
    Budget,
}

/// What should be going on. The order is stable; the cost depends on what is in flight.
pub fn wanted(state: &State) -> Vec<Effect> {
    let mut effects: Vec<Effect> = Vec::new();
    for (attempt, live) in &state.live {
        let told = super::talk::tells(attempt, live);
        effects.extend(told.into_iter().map(|told| Effect::Ensure(Ensure::Told(told))));
        effects.push(match live.stopping {
            Some(why) => Effect::Stop(attempt.clone(), why),
            None if is_starting(state, attempt) => match start_of(state, attempt) {
                Some(start) => Effect::Start(Box::new(start)),
                None => continue,
            },
            None => Effect::Watch(attempt.clone(), live.notes),
        });
    }
    if !state.cancelling || state.is_over() {
        // What is on its way out is waited for where it is made already, and not looked at any more.
        let leaves = |ix: &usize| state.is_draining() || state.leaving.tasks.contains(ix);
        let wish = |ix: &usize| !(leaves(ix) && state.tasks[*ix].stage == TaskStage::Capturing);
        let ensuring = state.front.ensuring.iter().filter(|ix| wish(ix));
        effects.extend(ensuring.filter_map(|ix| of_task(state, *ix)).map(Effect::Ensure));
        effects.extend(state.front.merging.iter().map(|b| Effect::Ensure(barrier_commit(state, *b))));
    }
    effects.extend(super::rollback::wish(state).map(Effect::Ensure));
    effects.extend(super::amend::wish(state).map(Effect::Ensure));
    // Nobody's workspace goes while somebody is alive in it.
    let leaves = |ix: &usize| state.is_draining() || state.leaving.tasks.contains(ix);
    let empty = |ix: &&usize| !leaves(ix) || state.live.keys().all(|a| a.task != state.graph.task(**ix).id);
    effects.extend(state.front.releasing.iter().filter(empty).map(|ix| {
        let it = &state.tasks[*ix];
        let task = state.graph.task(*ix).id.clone();
        let at = it.accepted_at.or(it.began_at).unwrap_or(state.started_at);
        Effect::Ensure(Ensure::Released { task, generation: it.generation, salvage: true, at })
    }));
    effects.extend(checkpoints(state).map(Effect::Ensure));
    effects.extend(integration(state).map(Effect::Ensure));
    if !state.failing.is_empty() {
        effects.retain(|e| state.failing.get(&e.key().0).is_none_or(|f| f.until.is_none()));
    }
    effects
}

/// When to look again even if nothing is reported, and why.
pub fn next_deadline(state: &State) -> Option<(Timestamp, Why)> {
    if state.is_over() {
        return rest_of_effects(state);
    }
    let attempt = state.front.deadlines.first().map(|(at, a)| (*at, Why::Attempt(a.clone())));
    let retry = state.front.resting.first().map(|(at, ..)| (*at, Why::Retry));
    let pool = super::pools::next_wake(state).map(|at| (at, Why::Pool));
    let budget = super::budget::deadline(state).map(|at| (at, Why::Budget));
    [attempt, retry, pool, rest_of_effects(state), budget].into_iter().flatten().min_by_key(|(at, _)| *at)
}

/// True if the run is over and nothing of it is left to be done: effects that failed and rest until
/// they are tried again are left to be done.
pub fn is_settled(state: &State) -> bool {
    state.is_over() && wanted(state).is_empty() && next_deadline(state).is_none()
}

fn rest_of_effects(state: &State) -> Option<(Timestamp, Why)> {
    let resting = state.failing.iter().filter_map(|(k, f)| Some((f.until?, Why::Effect(k.clone()))));
    resting.min_by_key(|(at, _)| *at)
}

fn of_task(state: &State, ix: usize) -> Option<Ensure> {
    let it = &state.tasks[ix];
    let task = state.graph.task(ix).id.clone();
    let at = it.began_at.unwrap_or(state.started_at);
    Some(match &it.stage {
        TaskStage::Preparing => {
            Ensure::Workspace { task, generation: it.generation, tips: tips_of(state, ix), at }
        }
        TaskStage::Capturing => Ensure::Candidate {
            task,
            generation: it.generation,
            iteration: it.iteration,
            base: it.base.clone(),
            inputs: measured_by(state, ix),
            asked: it.asked.clone(),
            last: it.candidate.clone(),
            at,
        },
        TaskStage::Weighing | TaskStage::Growing => return super::growth::wish(state, ix),
        TaskStage::Committing(_) => {
            Ensure::Committed { task, generation: it.generation, candidate: it.candidate.clone()?, at }
        }
        _ => return None,
    })
}

/// Inputs that the checks of a candidate compare it with: handoffs, and of a handoff what it cites.
pub fn measured_by(state: &State, ix: usize) -> Vec<InputRef> {
    let cites = state.graph.handoff_of(ix).is_some();
    let compared = |input: &InputRef| input.handoff || (cites && input.task.is_some());
    inputs_of(state, ix).into_iter().filter(compared).collect()
}

/// Base of a task: the run's base, then what it needs and is behind, in plan order.
fn tips_of(state: &State, ix: usize) -> Vec<Tip> {
    let graph = &state.graph;
    let task = graph.task(ix);
    let mut tips = base(state);
    let behind = task.behind.iter().filter_map(|b| graph.barrier_ix(b));
    tips.extend(behind.filter_map(|b| barrier_tip(state, b)));
    tips.extend(task.needs.iter().filter_map(|t| accepted_tip(state, graph.ix(t)?)));
    tips
}

fn base(state: &State) -> Vec<Tip> {
    let base = state.start.as_ref().and_then(|s| s.base.clone());
    base.map(|revision| Tip { name: "base".into(), revision }).into_iter().collect()
}

fn accepted_tip(state: &State, ix: usize) -> Option<Tip> {
    let revision = state.tasks[ix].accepted()?.revision.clone();
    Some(Tip { name: state.graph.task(ix).id.to_string(), revision })
}

fn barrier_tip(state: &State, b: usize) -> Option<Tip> {
    let revision = state.barriers[b].revision.clone()?;
    Some(Tip { name: state.graph.plan.barriers[b].id.to_string(), revision })
}

/// What a checkpoint of this state merges: the run's base, COMPLETE barriers, accepted commits,
/// in plan order.
pub fn checkpoint_tips(state: &State) -> Vec<Tip> {
    let mut tips = base(state);
    let complete = |b: &usize| state.barriers[*b].completed_at.is_some();
    tips.extend((0..state.barriers.len()).filter(complete).filter_map(|b| barrier_tip(state, b)));
    tips.extend((0..state.tasks.len()).filter_map(|ix| accepted_tip(state, ix)));
    tips
}

/// Accepted bytes of a barrier's handoffs.
pub(super) fn handoff_artifacts(state: &State, b: usize) -> Vec<Artifact> {
    let handoffs = state.graph.handoffs_of(b).filter_map(|ix| state.tasks[ix].accepted());
    handoffs.flat_map(|c| c.artifacts.iter().cloned()).collect()
}

fn barrier_commit(state: &State, b: usize) -> Ensure {
    let graph = &state.graph;
    let plan = &graph.plan.barriers[b];
    let members = plan.waits_for.iter().chain(&plan.handoffs).filter_map(|t| graph.ix(t));
    let mut members: Vec<usize> = members.collect();
    members.sort_unstable();
    let mut tips = base(state);
    tips.extend(members.iter().filter_map(|ix| accepted_tip(state, *ix)));
    let at = members.iter().filter_map(|ix| state.tasks[*ix].accepted_at).max().unwrap_or(state.started_at);
    let consumers = graph.barrier_consumers(b).into_iter().map(|ix| preview(state, ix)).collect();
    Ensure::BarrierCommit {
        barrier: plan.id.clone(),
        set: state.barriers[b].set,
        tips,
        handoffs: handoff_artifacts(state, b),
        consumers,
        at,
    }
}

fn checkpoints(state: &State) -> impl Iterator<Item = Ensure> + '_ {
    let open = state.front.checkpointing.iter().map(|at| &state.checkpoints[*at]);
    open.map(|c| Ensure::Checkpoint { checkpoint: c.id.clone(), seq: c.seq, at: c.prepared_at })
}

fn integration(state: &State) -> Option<Ensure> {
    let wish = state.integration.as_ref().filter(|i| i.revision.is_none() && i.failed.is_none())?;
    let result = state.checkpoints.last().filter(|c| c.last)?.revision.clone()?;
    Some(Ensure::Integrated { into: wish.into.clone(), expected: wish.expected.clone(), result, at: wish.at })
}

/// Everything that an attempt needs to be started.
pub fn start_of(state: &State, attempt: &AttemptId) -> Option<Start> {
    let ix = state.graph.ix(&attempt.task)?;
    let live = state.live.get(attempt);
    let start = compose(state, ix, attempt.clone(), live.map_or(state.now, |l| l.since));
    Some(match live {
        Some(live) => {
            Start { resume: live.resume.clone(), fork: live.fork, fallback: live.fallback, ..start }
        }
        None => start,
    })
}

/// How a consumer would be started first: what its prompt will be rendered from.
fn preview(state: &State, ix: usize) -> Start {
    let task = state.graph.task(ix);
    let attempt = AttemptId {
        task: task.id.clone(),
        generation: state.tasks[ix].generation,
        iteration: 1,
        attempt: 1,
        step: Step::Create,
    };
    compose(state, ix, attempt, state.now)
}

fn compose(state: &State, ix: usize, attempt: AttemptId, at: Timestamp) -> Start {
    let it = &state.tasks[ix];
    let creator = attempt.step.is_creator();
    Start {
        at,
        base: it.base.clone(),
        candidate: it.candidate.clone(),
        inputs: inputs_of(state, ix),
        declared: declared_of(state, ix),
        findings: if creator { it.asked.clone() } else { open_findings(state, ix, &attempt.step) },
        problems: if creator { problems_of(state, ix) } else { Vec::new() },
        guidance: it.guidance().map(str::to_owned).collect(),
        responses: if creator { None } else { responses_of(it) },
        refused: it.steps.iter().find(|s| s.step == attempt.step).and_then(|s| s.refused.clone()),
        nonce: state.start.as_ref().map(|s| s.nonce.clone()).unwrap_or_default(),
        resume: None,
        fork: false,
        fallback: 0,
        attempt,
    }
}

/// The self-review of the present candidate: of its round of creation.
fn responses_of(it: &TaskState) -> Option<ContentHash> {
    let creation = it.rounds.iter().rev().find(|r| r.kind == RoundKind::Creation)?;
    creation.self_review.as_ref().map(|review| review.answer.clone())
}

/// For reviewers: what the creator was asked to answer in this candidate, and what earlier
/// groups found in it in this round. A confirmation so sees the same as the round before it.
fn open_findings(state: &State, ix: usize, step: &Step) -> Vec<FindingsRef> {
    let it = &state.tasks[ix];
    let mut open = it.asked.clone();
    let Some(round) = it.round() else { return open };
    let groups = &state.graph.task(ix).review_groups;
    let own = match step {
        Step::Review(strategy) => groups.iter().position(|g| g.contains(strategy)),
        _ => None,
    };
    let earlier = |strategy: &crate::ids::StrategyId| match own {
        Some(own) => groups.iter().position(|g| g.contains(strategy)).is_some_and(|g| g < own),
        None => true,
    };
    let found =
        findings_of(round).into_iter().filter(|f| f.strategy.as_str() != "S-014" && earlier(&f.strategy));
    open.extend(found);
    open
}

/// Problems of the capture that the present creation is to mend.
fn problems_of(state: &State, ix: usize) -> Vec<super::Problem> {
    let it = &state.tasks[ix];
    let creation = it.round().is_some_and(|r| r.kind == RoundKind::Creation);
    if creation { it.problems.clone() } else { Vec::new() }
}

/// Resolved inputs of a task, in the order of the plan.
pub fn inputs_of(state: &State, ix: usize) -> Vec<InputRef> {
    let graph = &state.graph;
    let mut inputs = Vec::new();
    for input in &graph.task(ix).inputs {
        match input {
            Input::Artifact { task } | Input::Handoff { task } => {
                let made = graph.ix(task).and_then(|made| state.tasks[made].accepted());
                inputs.extend(made.into_iter().flat_map(|c| &c.artifacts).map(|a| InputRef {
                    task: Some(task.clone()),
                    handoff: matches!(input, Input::Handoff { .. }),
                    path: a.path.clone(),
                    hash: Some(a.hash.clone()),
                }));
            }
            Input::File { path } if !state.declared_inputs.contains_key(path) => {
                inputs.push(InputRef { task: None, handoff: false, path: path.clone(), hash: None });
            }
            Input::File { .. } | Input::Outside { .. } => {}
        }
    }
    inputs
}

fn declared_of(state: &State, ix: usize) -> Vec<String> {
    let names = state.graph.task(ix).inputs.iter().filter_map(|input| match input {
        Input::File { path } => Some(path),
        Input::Outside { name, .. } => Some(name),
        _ => None,
    });
    names.filter(|name| state.declared_inputs.contains_key(*name)).cloned().collect()
}
