//! Back to a checkpoint. In three steps, each on record, so that a crash between any two goes on from there:
//!
//! 1. `RollbackBegan`: nothing new starts, what is alive is ended, its workspaces are salvaged.
//! 2. `RolledBack`: what had been accepted at the checkpoint is accepted again, everything else begins anew in
//!    another generation. What is given up stays in the journal, and is found again by a later rollback to a
//!    checkpoint at which it was accepted.
//! 3. `RefsRewound`: names in git point to what holds now; what was given up lies under `abandoned/`.
//!
//! What was in the middle of a round at the checkpoint begins anew as well: a checkpoint holds accepted work.
//! Money stays spent, numbers of checkpoints and attempts go on, and answers given since then hold no more.

use super::effect::{Ensure, StopWhy};
use super::event::EventKind;
use super::handle::Refusal;
use super::state::{BarrierStage, BarrierState, Past, Rollback, State, TaskStage, TaskState};
use super::{ask::cut, people};
use crate::ids::{BarrierId, CheckpointId, Revision, TaskId};

/// Longest reason, in characters.
const NOTE_CHARS_MAX: usize = 1_000;

impl State {
    /// The rollback that is under way.
    pub fn rolling_back(&self) -> Option<&Rollback> {
        self.rollbacks.last().filter(|it| !it.rewound)
    }

    /// What was begun is being ended: nothing follows from anything.
    pub(super) fn is_ending(&self) -> bool {
        self.cancelling || self.is_draining()
    }

    /// A rollback waits for what is alive.
    pub(super) fn is_draining(&self) -> bool {
        self.rolling_back().is_some_and(|it| it.seq.is_none())
    }

    /// True if a checkpoint belongs to what was given up by a rollback and not taken up again.
    pub fn is_abandoned(&self, seq: u64) -> bool {
        let mut now = self.seq;
        // Backwards: each rollback jumps from its own record to that of its checkpoint.
        for back in self.rollbacks.iter().rev() {
            let (Some(at), Some(to)) = (back.seq, self.checkpoint(&back.to)) else { continue };
            if at <= now {
                if seq > to.seq && seq <= now && seq < at {
                    return true;
                }
                if seq >= at {
                    return false;
                }
                now = to.seq;
            }
        }
        false
    }

    /// A task as it was accepted after that record; `None`: it was not.
    pub fn task_at(&self, ix: usize, seq: u64) -> Option<&TaskState> {
        self.accepted_at(&self.graph.task(ix).id, seq)
    }

    /// The same of a task that the present plan may not have any more.
    pub fn accepted_at(&self, id: &TaskId, seq: u64) -> Option<&TaskState> {
        let now = self.graph.ix(id).map(|ix| &self.tasks[ix]);
        let holds = |now: &&TaskState| now.stage == TaskStage::Accepted && now.accepted_in <= seq;
        now.filter(holds).or_else(|| {
            self.past.iter().rev().find_map(|past| match past {
                Past::Task { task, until, was } if task == id && was.accepted_in <= seq && seq < *until => {
                    Some(was.as_ref())
                }
                _ => None,
            })
        })
    }

    /// A barrier as it was complete after that record.
    pub fn barrier_at(&self, b: usize, seq: u64) -> Option<&BarrierState> {
        self.complete_at(&self.graph.plan.barriers[b].id, seq)
    }

    /// The same of a barrier that the present plan may not have any more.
    pub fn complete_at(&self, id: &BarrierId, seq: u64) -> Option<&BarrierState> {
        let now = self.graph.barrier_ix(id).map(|b| &self.barriers[b]);
        let holds = |now: &&BarrierState| now.stage == BarrierStage::Complete && now.completed_in <= seq;
        now.filter(holds).or_else(|| {
            self.past.iter().rev().find_map(|past| match past {
                Past::Barrier { barrier, until, was }
                    if barrier == id && was.completed_in <= seq && seq < *until =>
                {
                    Some(was.as_ref())
                }
                _ => None,
            })
        })
    }

    /// A checkpoint by its id.
    pub fn checkpoint(&self, id: &CheckpointId) -> Option<&super::Checkpoint> {
        self.checkpoints.iter().find(|c| c.id == *id)
    }
}

/// A person asks for it.
pub(super) fn command(
    state: &State,
    to: &CheckpointId,
    note: Option<&str>,
    by: &str,
) -> Result<Vec<EventKind>, Refusal> {
    let plan = &state.graph.plan;
    people::only(plan.people.or_any(&plan.people.integration), by, || "rolling the run back".into())?;
    if let Some(under_way) = state.rolling_back() {
        return Err(Refusal::Not(format!("the run is being rolled back to {} already", under_way.to)));
    }
    if state.cancelling && !state.is_over() {
        return Err(Refusal::Not("the run is being cancelled: wait until it is over".into()));
    }
    if state.integration.as_ref().is_some_and(|i| i.revision.is_none() && i.failed.is_none()) {
        return Err(Refusal::Not(
            "its result is being brought to a branch: `consort resume RUN` finishes that".into(),
        ));
    }
    let Some(checkpoint) = state.checkpoint(to) else {
        return Err(Refusal::Not(format!(
            "there is no checkpoint {to}; `consort checkpoint list RUN` lists them"
        )));
    };
    if checkpoint.is_from_elsewhere() {
        return Err(Refusal::Not(format!(
            "{to} was made before the run came here, and what held then is not known here: `consort resume --from` \
             goes on from it in a clone that has no journal of this run"
        )));
    }
    if checkpoint.revision.is_none() {
        let why = checkpoint.failed.clone().unwrap_or_else(|| "it is still being made".into());
        return Err(Refusal::Not(format!("{to} has no commit: {why}")));
    }
    let note = note.map(|note| cut(note.trim(), NOTE_CHARS_MAX)).filter(|note| !note.is_empty());
    let mut events = vec![EventKind::RollbackBegan { to: to.clone(), by: by.to_owned(), note }];
    let alive = state.live.iter().filter(|(_, live)| live.stopping.is_none());
    events.extend(alive.map(|(attempt, _)| EventKind::AttemptStopping {
        attempt: attempt.clone(),
        why: StopWhy::Superseded,
    }));
    events.extend(state.open_approvals().map(|(approval, _)| EventKind::ApprovalVoided {
        approval: approval.clone(),
        why: format!("{by} rolled back to {to}"),
    }));
    Ok(events)
}

/// The second step, once nothing is alive and the workspaces are gone. What fails for good is not waited for.
pub(super) fn follows(state: &State) -> Vec<EventKind> {
    let Some(under_way) = state.rolling_back().filter(|it| it.seq.is_none()) else { return Vec::new() };
    let fails = |key: String| state.failing.contains_key(&key);
    let made = |ix: &usize| {
        let (task, it) = (&state.graph.task(*ix).id, &state.tasks[*ix]);
        match it.stage {
            TaskStage::Preparing => fails(format!("workspace/{task}/{}", it.generation)),
            TaskStage::Committing(_) => fails(format!("committed/{task}/{}", it.generation)),
            _ => true,
        }
    };
    let merged =
        |b: &usize| fails(format!("barrier/{}/{}", state.graph.plan.barriers[*b].id, state.barriers[*b].set));
    let gone =
        |ix: &usize| fails(format!("released/{}/{}", state.graph.task(*ix).id, state.tasks[*ix].generation));
    let front = &state.front;
    let quiet = state.live.is_empty()
        && front.ensuring.iter().all(made)
        && front.merging.iter().all(merged)
        && front.releasing.iter().all(gone);
    if quiet { vec![EventKind::RolledBack { to: under_way.to.clone() }] } else { Vec::new() }
}

/// The third step.
pub(super) fn wish(state: &State) -> Option<Ensure> {
    let number = u32::try_from(state.rollbacks.len()).unwrap_or(u32::MAX);
    let it = state.rolling_back().filter(|it| it.seq.is_some())?;
    let to = state.checkpoint(&it.to)?.revision.clone()?;
    let accepted = state.tasks.iter().enumerate().filter_map(|(ix, task)| {
        let revision = task.accepted()?.revision.clone();
        Some((ix, state.graph.task(ix).id.clone(), task.generation, revision))
    });
    let accepted: Vec<(usize, TaskId, u32, Revision)> = accepted.collect();
    let labels = state.graph.plan.pipelines.iter().map(|pipeline| {
        let own = accepted.iter().filter(|(ix, ..)| {
            state.graph.task(*ix).place.as_ref().is_some_and(|(of, _)| *of == pipeline.id)
        });
        let latest = own.max_by_key(|(ix, ..)| (state.tasks[*ix].accepted_at, *ix));
        (pipeline.alias.to_string(), latest.map(|(.., revision)| revision.clone()))
    });
    let labels = labels.collect();
    let kept =
        accepted.into_iter().map(|(_, task, generation, revision)| (task, generation, revision)).collect();
    Some(Ensure::Rewound { number, to, kept, labels, at: it.began_at })
}

/// It is done.
pub(super) fn rewound(state: &State, number: u32) -> Vec<EventKind> {
    let awaited = u32::try_from(state.rollbacks.len()) == Ok(number)
        && state.rolling_back().is_some_and(|it| it.seq.is_some());
    awaited.then_some(EventKind::RefsRewound { number }).into_iter().collect()
}
