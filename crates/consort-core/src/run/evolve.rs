//! The only place where a state changes: one total match over events. An event that cannot
//! happen in this state means that the journal is corrupt.

mod amend;
mod attempts;
mod barriers;
mod checkpoints;
mod failing;
mod growth;
mod reindex;
mod rollback;
mod rounds;
mod stages;
mod talk;
mod tasks;

use super::event::{ApprovalKind, Event, EventKind, RunStatus};
use super::plans::Amending;
use super::session::TellKind;
use super::state::{
    AgentTurn, ApprovalAnswer, Due, Grant, Integration, LivePhase, Override, Point, PoolState, State,
    TaskStage, WorkspaceState,
};
use super::{order, rank};
use barriers::{barrier_index, less};
pub(super) use rounds::findings_of;
use stages::{at_stage, index};
use tasks::{decide, done, unqueue};

/// The journal says something that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {seq}: {what}")]
pub struct Corrupt {
    /// The record after which it was found.
    pub seq: u64,
    /// What cannot be.
    pub what: String,
}

/// Folds a whole journal record into the state.
///
/// # Errors
/// If records are not in order or an event is illegal.
pub fn fold(state: &mut State, seq: u64, events: &[Event]) -> Result<(), Corrupt> {
    if seq != state.seq + 1 && !crate::planted::Bug::EventsOutOfOrder.is_planted() {
        let what = format!("it stands where record {} was expected", state.seq + 1);
        return Err(Corrupt { seq, what });
    }
    state.seq = seq;
    state.record = seq;
    events.iter().try_for_each(|event| evolve(state, event))
}

/// Folds one event into the state.
///
/// # Errors
/// If the event is illegal in this state.
pub fn evolve(state: &mut State, event: &Event) -> Result<(), Corrupt> {
    state.now = state.now.max(event.at);
    apply(state, event).map_err(|what| Corrupt { seq: state.record, what })
}

type Applied = Result<(), String>;

fn apply(state: &mut State, event: &Event) -> Applied {
    use EventKind as E;
    let at = event.at;
    match &event.kind {
        E::RunStarted { by, start } => {
            if state.start.is_some() {
                return Err("the run starts a second time".into());
            }
            state.started_by = by.clone();
            state.started_at = at;
            state.approve_all = start.approve_all.then(|| by.clone());
            state.start = Some(start.clone());
            state.knows_first(&start.plan);
            rollback::take_over(state)?;
            tasks::begin(state);
        }
        E::RunnerOpened { .. } => {
            state.closing = false;
            let planted = crate::planted::Bug::StartedAgainAtOpen.is_planted();
            for live in state.live.values_mut() {
                if planted {
                    live.phase = LivePhase::Starting;
                } else if live.phase == LivePhase::Starting {
                    live.phase = LivePhase::Adrift;
                }
            }
        }
        E::RunnerClosing { .. } => state.closing = true,
        E::DeadlinesShifted { by_ms } => attempts::shift_deadlines(state, *by_ms),
        E::ApproveAllSet { set } => {
            state.approve_all = Some(set.by.clone());
        }

        E::TaskReady { task } => {
            let ix = at_stage(state, task, "ready", |s| matches!(s, TaskStage::Waiting))?;
            done(state, &Due::Task(ix));
            order::waits(state, ix);
            let it = &mut state.tasks[ix];
            it.stage = TaskStage::Ready;
            it.ready_at = Some(at);
        }
        E::TaskWeighing { task } => growth::asks(state, task, TaskStage::Weighing, at)?,
        E::ConditionMet { task } => growth::met(state, task)?,
        E::TaskSkipped { task, why } => growth::skipped(state, task, why, at)?,
        E::TaskGrowing { task } => growth::asks(state, task, TaskStage::Growing, at)?,
        E::ListTaken { task, from, plan, count, names } => {
            growth::taken(state, task, (from, plan), *count, names)?;
        }
        E::ListAgreed { task } => growth::agreed(state, task)?,
        E::TaskUnclear { task, what, why } => growth::unclear(state, task, what, why)?,
        E::TaskPreparing { task } => {
            let ix = at_stage(state, task, "preparing", |s| matches!(s, TaskStage::Ready))?;
            order::leaves(state, ix);
            rank::begins(state, ix);
            state.front.ensuring.insert(ix);
            let it = &mut state.tasks[ix];
            it.stage = TaskStage::Preparing;
            it.workspace = WorkspaceState::Preparing;
            it.began_at.get_or_insert(at);
        }
        E::WorkspaceReady { task, base } => {
            let ix = at_stage(state, task, "prepared", |s| matches!(s, TaskStage::Preparing))?;
            state.front.ensuring.remove(&ix);
            let it = &mut state.tasks[ix];
            it.base = base.clone();
            it.workspace = WorkspaceState::Ready;
            decide(state, ix, Point::Prepared);
            if state.is_draining() || state.leaving.tasks.contains(&ix) {
                rollback::leaves(state, ix);
            }
        }
        E::TaskConflicted { task, between, paths } => {
            let ix = at_stage(state, task, "conflicted", |s| matches!(s, TaskStage::Preparing))?;
            state.front.ensuring.remove(&ix);
            decide(state, ix, Point::Conflict { between: between.clone(), paths: paths.clone() });
        }
        E::WorkspaceReleased { task, .. } => {
            let ix = index(state, task)?;
            state.front.releasing.remove(&ix);
            state.tasks[ix].workspace = WorkspaceState::Released;
        }

        E::AttemptStarting { attempt, deadline_ms, resume, fork, fallback } => {
            attempts::starting(state, attempt, at, *deadline_ms)?;
            let live = attempts::live(state, attempt)?;
            live.resume = resume.clone();
            live.fork = *fork;
            live.fallback = *fallback;
            state.slots = state.slots.map(|free| free.saturating_sub(1));
        }
        E::AttemptStarted { attempt, process } => {
            let live = attempts::live(state, attempt)?;
            live.phase = LivePhase::Running;
            live.process = Some(process.clone());
        }
        E::AttemptAdopted { attempt } => {
            attempts::live(state, attempt)?.phase = LivePhase::Running;
        }
        E::AttemptStopping { attempt, why } => {
            let live = attempts::live(state, attempt)?;
            live.stopping = Some(*why);
            let deadline = live.deadline;
            state.front.deadlines.remove(&(deadline, attempt.clone()));
        }
        E::AttemptEnded { attempt, end, usage, wall_ms, session, .. } => {
            talk::left(state, attempt, session.as_ref());
            attempts::ended(state, attempt, end, usage, *wall_ms)?;
        }
        E::SessionNoted { attempt, note } => talk::noted(state, attempt, note, at)?,
        E::AskAnswered { attempt, ask, grant } => {
            let by = grant.as_ref().map_or_else(String::new, ToString::to_string);
            let why = grant.is_none().then_some("it asks more than anybody can answer");
            let answer = crate::run::talk::answer(*ask, grant.is_some(), why);
            talk::answered(state, attempt, answer, &by, at)?;
        }
        E::PermissionGranted { approval, rule, task, by } => state.grants.push(Grant {
            approval: approval.clone(),
            rule: rule.clone(),
            task: task.clone(),
            by: by.clone(),
            at,
        }),
        E::SessionSteered { attempt, number, text, by, interrupts } => {
            let turn = TellKind::Turn { number: *number, text: text.clone(), interrupts: *interrupts };
            talk::steered(state, attempt, *number, turn, by)?;
        }
        E::SessionTold { attempt, what } => talk::told(state, attempt, what)?,
        E::TaskSteered { task, text, by } => {
            let ix = index(state, task)?;
            state.tasks[ix].steer(by, Some(text), false);
        }
        E::FellBack { task, step, to, why } => {
            let ix = index(state, task)?;
            rounds::fell_back(state, ix, step, *to)?;
            state.tasks[ix].changed(at, step, AgentTurn::FellBack { to: *to, why: why.clone() });
        }
        E::StepRetrying { task, step, failures, not_before, .. } => {
            rounds::step_retrying(state, index(state, task)?, step, *failures, *not_before)?;
        }
        E::StepRequeued { task, step } => rounds::step_requeued(state, index(state, task)?, step)?,

        E::RoundStarted { task, iteration, kind } => {
            let ix = index(state, task)?;
            state.tasks[ix].began_at.get_or_insert(at);
            rounds::started(state, ix, *iteration, *kind)?;
        }
        E::StepsQueued { task, steps, .. } => rounds::queue(state, index(state, task)?, steps)?,
        E::SelfReviewed { task, iteration, review } => {
            rounds::of(state, index(state, task)?, *iteration)?.self_review = Some(review.clone());
        }
        E::Reviewed { task, iteration, strategy, review } => {
            let round = rounds::of(state, index(state, task)?, *iteration)?;
            round.reviews.push((strategy.clone(), review.clone()));
        }
        E::TaskCapturing { task, .. } => {
            let ix = at_stage(state, task, "capturing", |s| matches!(s, TaskStage::Deciding(_)))?;
            done(state, &Due::Task(ix));
            state.front.ensuring.insert(ix);
            state.tasks[ix].problems.clear();
            state.tasks[ix].stage = TaskStage::Capturing;
        }
        E::ProblemsFound { task, problems, .. } => {
            let ix = at_stage(state, task, "checked", |s| matches!(s, TaskStage::Capturing))?;
            state.tasks[ix].problems = problems.clone();
        }
        E::CandidateCaptured { task, iteration, candidate, passed, raised } => {
            stages::captured(state, (task, *iteration), candidate, passed, raised.as_ref())?
        }
        E::CandidateRefused { task, why, .. } => stages::refused(state, task, why)?,
        E::Judged { task, iteration, judged } => {
            rounds::of(state, index(state, task)?, *iteration)?.judged.push(judged.clone());
        }
        E::Scored { task, iteration, scores, composite, band, answer, unmet } => {
            let ix = index(state, task)?;
            let deciding = matches!(state.tasks[ix].stage, TaskStage::Deciding(Point::Judged));
            if deciding {
                decide(state, ix, Point::Scored);
            }
            let round = rounds::of(state, ix, *iteration)?;
            round.unmet = unmet.clone();
            round.scores = scores.clone();
            round.composite = Some(*composite);
            round.band = Some(*band);
            round.scores_answer = Some(answer.clone());
        }
        E::RoundDecided { task, iteration, verdict } => {
            let ix = at_stage(state, task, "decided", |s| matches!(s, TaskStage::Deciding(_)))?;
            rounds::of(state, ix, *iteration)?.verdict = Some(verdict.clone());
            decide(state, ix, Point::Decided(verdict.clone()));
        }
        E::TaskAccepting { task, revision, approval, .. } => {
            stages::accepting(state, task, revision, approval.as_ref())?
        }
        E::TaskAccepted { task, candidate, .. } => {
            let ix = at_stage(state, task, "accepted", |s| matches!(s, TaskStage::Committing(_)))?;
            if state.tasks[ix].candidate.as_ref() != Some(candidate) {
                return Err(format!("{task}: accepted another candidate than its last one"));
            }
            tasks::accepted(state, ix, at);
        }
        E::TaskHeld { task, why } => {
            let ix = at_stage(state, task, "held", |s| matches!(s, TaskStage::Deciding(_)))?;
            done(state, &Due::Task(ix));
            // Its other steps wait with it.
            unqueue(state, ix);
            state.tasks[ix].stage = TaskStage::Held(why.clone());
        }
        E::TaskReleased { task, guidance, new_set, by } => {
            stages::released(state, task, guidance.as_deref(), *new_set, by, at)?
        }
        E::HandoffRestarted { task, barrier, .. } => {
            let ix = at_stage(state, task, "restarted", |s| matches!(s, TaskStage::Deciding(_)))?;
            let barrier = barrier_index(state, barrier)?;
            state.barriers[barrier].retries += 1;
            rounds::released(state, ix, true);
        }
        E::TaskReturned { task, guidance, by, .. } => {
            let ix = at_stage(state, task, "returned", |s| matches!(s, TaskStage::AwaitingApproval(_)))?;
            let exhausted = state.tasks[ix].rounds_in_set() >= state.graph.task(ix).rounds.max;
            state.tasks[ix].steer(by, Some(guidance), exhausted);
            rounds::released(state, ix, exhausted);
        }
        E::TaskFailed { task, why } => stages::failed(state, task, why)?,

        E::BarrierPrechecked { barrier } => barriers::prechecked(state, barrier)?,
        E::BarrierMerging { barrier, .. } => barriers::merging(state, barrier)?,
        E::BarrierMerged { barrier, revision } => barriers::merged(state, barrier, revision)?,
        E::BarrierVerified { .. } => {}
        E::BarrierHeld { barrier, why } => barriers::held(state, barrier, why)?,
        E::BarrierReleased { barrier, .. } => barriers::released(state, barrier)?,
        E::BarrierReopened { barrier, note, by, .. } => {
            barriers::reopened(state, barrier, note.as_deref(), by.as_deref())?
        }
        E::BarrierCompleted { barrier, .. } => barriers::passed(state, barrier, at)?,
        E::BarrierFailed { barrier, why } => barriers::failed(state, barrier, why)?,

        E::ApprovalRequested { approval, kind, who, question } => {
            tasks::asked(state, approval, kind, who, question, at)?;
        }
        E::ApprovalGiven { approval, yes, by, how, note, .. } => {
            let answer = ApprovalAnswer {
                yes: *yes,
                by: by.clone(),
                how: how.clone(),
                note: note.clone(),
                at,
                seq: state.record,
            };
            let open = state.approvals.get_mut(approval.as_str()).ok_or(format!("there is no {approval}"))?;
            if open.answer.is_some() || open.void.is_some() {
                return Err(format!("{approval} is answered a second time"));
            }
            open.answer = Some(answer);
            let asked = open.kind.clone();
            state.front.open_approvals.remove(approval);
            if let ApprovalKind::Permission { attempt, ask, .. } = &asked {
                let answer = crate::run::talk::answer(*ask, *yes, note.as_deref());
                talk::answered(state, attempt, answer, by, at)?;
            }
        }
        E::ApprovalVoided { approval, why } => {
            let open = state.approvals.get_mut(approval.as_str()).ok_or(format!("there is no {approval}"))?;
            open.void = Some(why.clone());
            state.front.open_approvals.remove(approval);
        }
        E::OverrideRecorded { task, iteration, by, note, refusals } => state.overrides.push(Override {
            task: task.clone(),
            iteration: *iteration,
            generation: state.graph.ix(task).map_or(1, |ix| state.tasks[ix].generation),
            by: by.clone(),
            note: note.clone(),
            refusals: refusals.clone(),
            at,
        }),
        E::InputDeclared { name, by, how } => {
            let graph = state.graph.clone();
            if state.declared_inputs.insert(name.clone(), format!("{by} ({how})")).is_none() {
                graph.readers_of(name).iter().for_each(|ix| less(state, *ix));
            }
        }
        E::CriterionDeclared { name, by, how } => {
            state.declared_criteria.insert(name.clone(), format!("{by} ({how})"));
            let open = |k: &ApprovalKind| matches!(k, ApprovalKind::Completion { .. });
            if !state.open_approvals().any(|(_, a)| open(&a.kind)) {
                state.front.due.insert(Due::Completion);
            }
        }

        E::CheckpointPrepared { checkpoint, seq, trigger, subject, last } => {
            checkpoints::prepared(state, (checkpoint, *seq), *trigger, subject, *last, at)
        }
        E::CheckpointCreated { checkpoint, revision } => {
            checkpoints::ended(state, checkpoint)?.revision = Some(revision.clone());
        }
        E::CheckpointFailed { checkpoint, why } => {
            checkpoints::ended(state, checkpoint)?.failed = Some(why.clone());
        }

        E::EffectFailed { effect, failures, not_before, why } => {
            attempts::adrift(state, effect);
            failing::rests(state, effect, *failures, *not_before, why);
        }
        E::EffectDue { effect } => failing::due(state, effect),
        E::EffectAbandoned { effect, task, why } => {
            state.failing.remove(effect);
            let ix = index(state, task)?;
            state.front.ensuring.remove(&ix);
            decide(state, ix, Point::EffectFailed(why.clone()));
        }
        E::PoolRested { pool, until, rests, why } => {
            let since = state.pools.get(pool).map_or(at, |known| known.since);
            let why = why.clone();
            state
                .pools
                .insert(pool.clone(), PoolState { until: *until, rests: *rests, since, woke: false, why });
        }
        E::PoolWoke { pool } => {
            let known = state.pools.get_mut(pool).ok_or_else(|| format!("{pool} does not rest"))?;
            known.woke = true;
        }
        E::SpentElsewhere { day, spent, reserved, .. } => {
            state.elsewhere = Some((*day, *spent));
            state.reserved_elsewhere = Some((*day, *reserved)).filter(|_| !reserved.is_nothing());
        }
        E::SlotsHeld { free } => state.slots = *free,
        E::BudgetWarned { limit, max, .. } => drop(state.warned.insert(limit.clone(), *max)),
        E::BudgetReached { limit, stop, .. } => {
            if *stop && crate::run::budget::is_of_run(limit) {
                state.stopped = Some(limit.clone());
            }
        }
        E::BudgetRaised { limit, max, .. } => {
            state.raised.insert(limit.clone(), *max);
        }
        E::RunPaused { .. } => {
            state.status = RunStatus::Paused;
            state.paused_at = Some(at);
        }
        E::RunUnpaused { .. } => {
            state.status = RunStatus::Active;
            let paused = state.paused_at.take().map_or(0, |since| at.since_ms(since));
            state.used.paused_ms = state.used.paused_ms.saturating_add(paused);
        }
        E::RunCancelling { .. } => {
            state.cancelling = true;
            state.front.due.clear();
            for ix in 0..state.tasks.len() {
                unqueue(state, ix);
            }
        }
        E::RunEnded { status } => tasks::run_ended(state, *status, at),
        E::RollbackBegan { to, by, note } => rollback::began(state, to, by, note.as_ref(), at)?,
        E::RolledBack { to } => rollback::rolled_back(state, to, at)?,
        E::RefsRewound { .. } => rollback::rewound(state)?,
        E::AmendBegan { plan, source, absent, by, note } => {
            let (plan, source, absent) = (plan.clone(), source.clone(), absent.clone());
            let (by, note) = (by.clone(), note.clone());
            amend::began(state, Amending { plan, absent, source, by, note, began_at: at })?;
        }
        E::PlanChanged { plan, absent, why } => amend::changed(state, plan, absent, why, at)?,
        E::RefsAbandoned { number } => amend::tidied(state, *number)?,
        E::IntegrationApproved { into, expected, by } => {
            let (into, expected, by) = (into.clone(), expected.clone(), by.clone());
            state.integration = Some(Integration { into, expected, by, at, revision: None, failed: None });
        }
        E::Integrated { revision, .. } => {
            integration(state)?.revision = Some(revision.clone());
        }
        E::IntegrationFailed { why, .. } => integration(state)?.failed = Some(why.clone()),
    }
    failing::clear(state, &event.kind);
    Ok(())
}

fn integration(state: &mut State) -> Result<&mut Integration, String> {
    state.integration.as_mut().ok_or_else(|| "nobody approved an integration".to_owned())
}
