//! Tasks as a whole: readiness, acceptance, questions, the end of the run.

use crate::ids::ApprovalId;
use crate::plan::{CheckpointFrequency, Input, WorkspaceKind};
use crate::run::event::{ApprovalKind, RunStatus};
use crate::run::rank;
use crate::run::state::{Approval, BarrierStage, Due, Point, State, StepStatus, TaskStage, WorkspaceState};
use crate::time::Timestamp;

use super::barriers;

/// The run begins: whoever waits for nothing is due, inputs that only a person can declare
/// are to be asked for.
pub(super) fn begin(state: &mut State) {
    let graph = state.graph.clone();
    for ix in 0..graph.plan.tasks.len() {
        let asked = asked_inputs(state, ix);
        if asked > 0 && state.tasks[ix].stage == TaskStage::Waiting {
            state.front.due.insert(Due::Inputs);
        }
        state.tasks[ix].waits += asked;
    }
    awaits_nothing(state);
    if graph.plan.tasks.is_empty() {
        state.front.due.insert(Due::Completion);
    }
}

/// Inputs of a task that a person has to declare and has not.
pub(super) fn asked_inputs(state: &State, ix: usize) -> u32 {
    let absent = state.absent();
    let declared = |name: &String| state.declared_inputs.contains_key(name);
    let asked = state.graph.task(ix).inputs.iter().filter(|input| match input {
        Input::Outside { name, .. } => !declared(name),
        Input::File { path } => absent.contains(path) && !declared(path),
        _ => false,
    });
    asked.count() as u32
}

/// Tasks and barriers that wait for nothing are due.
pub(super) fn awaits_nothing(state: &mut State) {
    for (ix, it) in state.tasks.iter().enumerate() {
        if it.stage == TaskStage::Waiting && it.waits == 0 && !state.leaving.tasks.contains(&ix) {
            state.front.due.insert(Due::Task(ix));
        }
    }
    for (b, barrier) in state.barriers.iter_mut().enumerate() {
        if !state.leaving.barriers.contains(&b)
            && barrier.stage == BarrierStage::Waiting
            && barrier.waits == 0
        {
            barrier.stage = BarrierStage::Arrived;
            state.front.due.insert(Due::Barrier(b));
        }
    }
}

/// A decision was taken.
pub(super) fn done(state: &mut State, due: &Due) {
    state.front.due.remove(due);
}

/// The checkpoint that was due first was prepared.
pub(super) fn checkpoint_done(state: &mut State) {
    let of_checkpoint = |due: &&Due| {
        matches!(due, Due::Stage(_) | Due::Agent(_) | Due::BarrierCheckpoint(_) | Due::LastCheckpoint)
    };
    if let Some(due) = state.front.due.iter().find(of_checkpoint).cloned() {
        state.front.due.remove(&due);
    }
}

/// The task has come to a point from which something follows.
pub(super) fn decide(state: &mut State, ix: usize, point: Point) {
    state.tasks[ix].stage = TaskStage::Deciding(point);
    if !state.is_leaving(ix) {
        state.front.due.insert(Due::Task(ix));
    }
}

/// Takes a task's steps out of the queues; live attempts stay.
pub(super) fn unqueue(state: &mut State, ix: usize) {
    for at in 0..state.tasks[ix].steps.len() {
        state.front.queued.remove(&(ix, at));
        if let StepStatus::Resting(until) = state.tasks[ix].steps[at].status {
            state.front.resting.remove(&(until, ix, at));
        }
    }
}

/// A task is accepted: whoever waited for it learns it.
pub(super) fn accepted(state: &mut State, ix: usize, at: Timestamp) {
    let graph = state.graph.clone();
    state.front.ensuring.remove(&ix);
    state.front.tasks_left -= 1;
    let it = &mut state.tasks[ix];
    it.stage = TaskStage::Accepted;
    it.accepted_at = Some(at);
    it.accepted_in = state.record;
    it.steps.clear();
    if it.workspace == WorkspaceState::Ready && graph.task(ix).workspace != WorkspaceKind::None {
        it.workspace = WorkspaceState::Releasing;
        state.front.releasing.insert(ix);
    }
    passed(state, ix);
}

/// Nothing is left to be done for a task: whoever waited for it learns it.
pub(super) fn passed(state: &mut State, ix: usize) {
    let graph = state.graph.clone();
    graph.dependents(ix).iter().for_each(|next| barriers::less(state, *next));
    for b in graph.awaited_by(ix) {
        barriers::participant_accepted(state, *b);
    }
    if let Some(b) = graph.handoff_of(ix) {
        barriers::handoff_accepted(state, b);
    }
    let every_agent = graph.plan.checkpoints == CheckpointFrequency::Agent && graph.handoff_of(ix).is_none();
    let stages = graph.plan.checkpoints != CheckpointFrequency::Barrier;
    let mut stage_ended = false;
    for stage in graph.stages_of(ix) {
        state.stages_left[*stage] -= 1;
        if state.stages_left[*stage] == 0 && stages && !is_finished(state) && !state.is_ending() {
            state.front.due.insert(Due::Stage(*stage));
            stage_ended = true;
        }
    }
    if every_agent && !stage_ended && !is_finished(state) && !state.is_ending() {
        state.front.due.insert(Due::Agent(ix));
    }
    finished(state);
}

/// All tasks are accepted and all barriers COMPLETE.
pub(super) fn is_finished(state: &State) -> bool {
    state.front.tasks_left == 0 && state.front.barriers_left == 0
}

/// If that was the last of it, the completion criteria are due.
pub(super) fn finished(state: &mut State) {
    if is_finished(state) && !state.is_ending() && state.amending.is_none() {
        state.front.due.insert(Due::Completion);
    }
}

/// A question was asked.
pub(super) fn asked(
    state: &mut State,
    approval: &ApprovalId,
    kind: &ApprovalKind,
    who: &str,
    question: &str,
    at: Timestamp,
) -> Result<(), String> {
    match kind {
        ApprovalKind::Task { task, .. } => {
            let ix = super::index(state, task)?;
            done(state, &Due::Task(ix));
            state.tasks[ix].stage = TaskStage::AwaitingApproval(approval.clone());
        }
        ApprovalKind::Barrier { barrier, .. } => {
            let b = super::barrier_index(state, barrier)?;
            done(state, &Due::Barrier(b));
            state.barriers[b].stage = BarrierStage::AwaitingApproval(approval.clone());
        }
        ApprovalKind::List { task, .. } => {
            let ix = super::index(state, task)?;
            done(state, &Due::Task(ix));
            rank::begins(state, ix);
            state.tasks[ix].stage = TaskStage::AwaitingApproval(approval.clone());
        }
        ApprovalKind::Input { .. } => done(state, &Due::Inputs),
        ApprovalKind::Completion { .. } => done(state, &Due::Completion),
        ApprovalKind::Permission { attempt, ask, .. } => super::talk::asked(state, attempt, *ask, approval)?,
        ApprovalKind::Held { .. } | ApprovalKind::BarrierHeld { .. } | ApprovalKind::Budget { .. } => {}
    }
    let question = Approval {
        kind: kind.clone(),
        who: who.to_owned(),
        question: question.to_owned(),
        asked_at: at,
        answer: None,
        void: None,
    };
    if state.approvals.insert(approval.clone(), question).is_some() {
        return Err(format!("{approval} is asked a second time"));
    }
    state.front.open_approvals.insert(approval.clone());
    Ok(())
}

/// The run is over: workspaces that are left are removed, a COMPLETE one gets its last
/// checkpoint.
pub(super) fn run_ended(state: &mut State, status: RunStatus, at: Timestamp) {
    state.status = status;
    state.amending = None;
    state.leaving = Default::default();
    state.ended_at = Some(at);
    state.front.due.clear();
    state.front.ready.clear();
    state.front.queued.clear();
    state.front.resting.clear();
    state.front.ensuring.clear();
    state.front.merging.clear();
    if status == RunStatus::Complete {
        state.front.due.insert(Due::LastCheckpoint);
    }
    for ix in 0..state.tasks.len() {
        let made = matches!(state.tasks[ix].workspace, WorkspaceState::Ready | WorkspaceState::Preparing);
        if made && state.graph.task(ix).workspace != WorkspaceKind::None {
            state.tasks[ix].workspace = WorkspaceState::Releasing;
            state.front.releasing.insert(ix);
        }
    }
}
