//! Back to a checkpoint: see [`crate::run::rollback`].

use super::{amend, reindex, tasks};
use crate::ids::CheckpointId;
use crate::plan::WorkspaceKind;
use crate::run::event::{ApprovalKind, RunStatus};
use crate::run::plans::{Change, ChangeWhy, Leaving};
use crate::run::state::{
    BarrierStage, BarrierState, Past, Rollback, State, TaskStage, TaskState, WorkspaceState,
};
use crate::time::Timestamp;

/// Nothing new starts, and what is there is on its way out.
pub(super) fn began(
    state: &mut State,
    to: &CheckpointId,
    by: &str,
    note: Option<&String>,
    at: Timestamp,
) -> Result<(), String> {
    if state.rolling_back().is_some() || state.checkpoint(to).is_none_or(|c| c.revision.is_none()) {
        return Err(format!("the run cannot be rolled back to {to} now"));
    }
    state.rollbacks.push(Rollback {
        to: to.clone(),
        by: by.to_owned(),
        note: note.cloned(),
        began_at: at,
        seq: None,
        rewound: false,
    });
    let over = state.is_over();
    state.cancelling = false;
    state.amending = None;
    state.leaving = Leaving::default();
    state.ended_at = None;
    state.stopped = None;
    state.status = if state.paused_at.is_some() { RunStatus::Paused } else { RunStatus::Active };
    state.front.due.clear();
    state.front.ready.clear();
    for ix in 0..state.tasks.len() {
        tasks::unqueue(state, ix);
        // What a run that is over left in the middle is not gone on with.
        let left_over = over && state.tasks[ix].stage != TaskStage::Accepted;
        if left_over || state.tasks[ix].stage == TaskStage::Ready {
            state.tasks[ix].stage = TaskStage::Waiting;
        }
        leaves(state, ix);
    }
    if over {
        reindex::all(state);
    }
    Ok(())
}

/// A workspace that stands is to be removed.
pub(super) fn leaves(state: &mut State, ix: usize) {
    if state.tasks[ix].workspace == WorkspaceState::Ready
        && state.graph.task(ix).workspace != WorkspaceKind::None
    {
        state.tasks[ix].workspace = WorkspaceState::Releasing;
        state.front.releasing.insert(ix);
    }
}

/// What had been accepted then is accepted, and everything else begins anew.
pub(super) fn rolled_back(state: &mut State, to: &CheckpointId, at: Timestamp) -> Result<(), String> {
    let under_way = state.rollbacks.last_mut().filter(|it| it.seq.is_none() && it.to == *to);
    let under_way = under_way.ok_or_else(|| format!("nobody asked to roll back to {to}"))?;
    under_way.seq = Some(state.record);
    let then = state.checkpoint(to).ok_or_else(|| format!("there is no {to}"))?;
    let seq = then.seq;
    plan(state, to, seq, at)?;
    for ix in 0..state.tasks.len() {
        task(state, ix, seq);
    }
    for b in 0..state.barriers.len() {
        barrier(state, b, seq);
    }
    answers(state, to, seq);
    state.failing.retain(|key, _| key.starts_with("checkpoint/"));
    reindex::all(state);
    Ok(())
}

/// The plan of then, where it is another one.
fn plan(state: &mut State, to: &CheckpointId, seq: u64, at: Timestamp) -> Result<(), String> {
    let (Some(then), Some(now)) = (state.plan_at(seq).cloned(), state.plan_at(u64::MAX).cloned()) else {
        return Err("the run has no plan".into());
    };
    if then == now {
        return Ok(());
    }
    let graph = state.graph_at(seq).ok_or_else(|| format!("the plan {then} is not known"))?;
    let old = state.graph.clone();
    for ix in (0..old.plan.tasks.len()).filter(|ix| graph.ix(&old.task(*ix).id).is_none()) {
        retire(state, ix);
    }
    for (b, barrier) in old.plan.barriers.iter().enumerate() {
        if graph.barrier_ix(&barrier.id).is_none() {
            amend::retire_barrier(state, b);
        }
    }
    let absent = state.absent_at(seq).to_vec();
    let source = state.source_at(seq).cloned();
    amend::replan(state, &graph, &Leaving::default());
    let why = ChangeWhy::RolledBack { to: to.clone() };
    state.changes.push(Change { plan: then, absent, source, why, seq: state.record, at, tidied: true });
    Ok(())
}

/// The task as it was accepted at that record, or another beginning.
fn task(state: &mut State, ix: usize, seq: u64) {
    let now = &state.tasks[ix];
    let planted = crate::planted::Bug::RollbackKeepsLater.is_planted();
    if now.stage == TaskStage::Accepted && (now.accepted_in <= seq || planted) {
        return;
    }
    let before = state.task_at(ix, seq).cloned();
    retire(state, ix);
    let now = &state.tasks[ix];
    let (attempts, highest, fell) = (now.attempts, now.generation.max(now.highest), now.fell.clone());
    state.tasks[ix] = match before {
        Some(was) => TaskState {
            accepted_in: state.record,
            attempts,
            highest,
            fell,
            workspace: WorkspaceState::Released,
            ..was
        },
        None if is_untouched(now) => TaskState { stage: TaskStage::Waiting, ..now.again(&state.graph, ix) },
        None => TaskState { generation: highest + 1, highest: highest + 1, ..now.again(&state.graph, ix) },
    };
}

/// Nothing was ever done for it in this generation.
pub(super) fn is_untouched(it: &TaskState) -> bool {
    it.workspace == WorkspaceState::None
        && it.ready_at.is_none()
        && it.began_at.is_none()
        && it.candidate.is_none()
}

/// Accepted work that is given up is kept for a later rollback to where it held.
pub(super) fn retire(state: &mut State, ix: usize) {
    if state.tasks[ix].stage == TaskStage::Accepted {
        let was = Box::new(state.tasks[ix].clone());
        let task = state.graph.task(ix).id.clone();
        state.past.push(Past::Task { task, until: state.record, was });
    }
}

fn barrier(state: &mut State, b: usize, seq: u64) {
    let id = state.graph.plan.barriers[b].id.clone();
    let now = &state.barriers[b];
    let complete = now.stage == BarrierStage::Complete;
    if complete && now.completed_in <= seq {
        return;
    }
    let before = state.barrier_at(b, seq).cloned();
    // Sets of handoffs are never numbered twice: their commits are held by that number.
    let set = now.set + u32::from(now.stage != BarrierStage::Waiting);
    if complete {
        let was = Box::new(now.clone());
        state.past.push(Past::Barrier { barrier: id, until: state.record, was });
    }
    state.barriers[b] = match before {
        Some(was) => BarrierState { completed_in: state.record, set, ..was },
        None => BarrierState { set, ..BarrierState::new(&state.graph.plan.barriers[b]) },
    };
}

/// What people answered since then holds no more.
fn answers(state: &mut State, to: &CheckpointId, seq: u64) {
    for (_, open) in state.approvals.iter_mut().filter(|(_, a)| a.answer.is_none() && a.void.is_none()) {
        open.void = Some(format!("the run was rolled back to {to}"));
    }
    state.front.open_approvals.clear();
    let later: Vec<_> = state
        .approvals
        .iter()
        .filter(|(_, a)| a.void.is_none() && a.answer.as_ref().is_some_and(|answer| answer.seq > seq))
        .filter(|(_, a)| !matches!(a.kind, ApprovalKind::Budget { .. }))
        .map(|(id, _)| id.clone())
        .collect();
    for id in later {
        let Some(asked) = state.approvals.get_mut(id.as_str()) else { continue };
        asked.void = Some(format!("the run was rolled back to {to}"));
        match asked.kind.clone() {
            ApprovalKind::Input { name } => drop(state.declared_inputs.remove(&name)),
            ApprovalKind::Completion { name } => drop(state.declared_criteria.remove(&name)),
            _ => {}
        }
    }
    let voided =
        |id: &crate::ids::ApprovalId| state.approvals.get(id.as_str()).is_some_and(|a| a.void.is_some());
    let kept = state.grants.iter().filter(|grant| !voided(&grant.approval)).cloned().collect();
    state.grants = kept;
}

/// What another run hands on holds from the first record on.
pub(super) fn take_over(state: &mut State) -> Result<(), String> {
    let graph = state.graph.clone();
    let promised = state.start.as_ref().and_then(|start| start.from.as_ref());
    let Some(kept) = &graph.kept else {
        return match promised {
            Some(from) => Err(format!("what {} hands on is not there", from.origin.run)),
            None => Ok(()),
        };
    };
    let record = state.record;
    for (id, was) in &kept.tasks {
        let ix = super::index(state, id)?;
        let workspace = WorkspaceState::Released;
        state.tasks[ix] = TaskState { accepted_in: record, workspace, ..was.clone() };
    }
    for (id, was) in &kept.barriers {
        let b = super::barrier_index(state, id)?;
        state.barriers[b] = BarrierState { completed_in: record, ..was.clone() };
    }
    state.declared_inputs = kept.declared_inputs.clone();
    if let Some(so_far) = &kept.so_far {
        crate::run::onward::take_over(state, so_far);
    }
    reindex::all(state);
    // `tasks::begin` counts what a person has to declare.
    for ix in 0..state.tasks.len() {
        state.tasks[ix].waits -= tasks::asked_inputs(state, ix);
    }
    tasks::finished(state);
    Ok(())
}

/// The names in git are right again: the run goes on.
pub(super) fn rewound(state: &mut State) -> Result<(), String> {
    let under_way = state.rollbacks.last_mut().filter(|it| it.seq.is_some() && !it.rewound);
    under_way.ok_or_else(|| "nothing was rolled back".to_owned())?.rewound = true;
    // They are right for every change before it, too.
    state.changes.iter_mut().for_each(|change| change.tidied = true);
    reindex::go_on(state);
    Ok(())
}
