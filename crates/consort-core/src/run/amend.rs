//! A changed workflow for a living run. In three steps, each on record, so that a crash between any two goes on from
//! there:
//!
//! 1. `AmendBegan`: what the other plan gives up is ended, its workspaces are salvaged. Everything else goes on
//!    meanwhile: each branch of the graph is looked at alone.
//! 2. `PlanChanged`: the other plan holds. What is the same in both is where it was, also in the middle of a round;
//!    what is different, and all that rests on it, begins anew in another generation.
//! 3. `RefsAbandoned`: the accepted commits that were given up lie under `abandoned/`.
//!
//! What is given up stays in the journal, and is found again by a rollback to a checkpoint at which it was accepted.
//! Money stays spent. A run that is over goes on; what was given up in it begins anew as well.

use super::ask::cut;
use super::effect::{Ensure, StopWhy};
use super::event::{ApprovalKind, EventKind};
use super::graph::Graph;
use super::handle::Refusal;
use super::people;
use super::plans::{ChangeWhy, Leaving};
use super::state::{BarrierStage, Past, State, TaskStage};
use super::survivors::{Survivors, There};
use crate::ids::{BarrierId, ContentHash, TaskId};

/// Longest reason, in characters.
const NOTE_CHARS_MAX: usize = 1_000;
/// Absent inputs of a plan that an event has room for, in bytes.
const ABSENT_BYTES_MAX: usize = 2_000;

impl State {
    /// Nothing follows from this task any more: it is on its way out.
    pub(super) fn is_leaving(&self, ix: usize) -> bool {
        self.is_ending() || self.leaving.tasks.contains(&ix)
    }

    /// The same of a barrier.
    pub(super) fn is_barrier_leaving(&self, b: usize) -> bool {
        self.is_ending() || self.leaving.barriers.contains(&b)
    }
}

/// What this plan would give up of the present one.
pub(super) fn leaving(state: &State, new: &Graph) -> Leaving {
    let old = &state.graph;
    let over = state.is_over();
    // What failed for good, and what a run that is over left in the middle, begins anew.
    // A placeholder holds no work: its list is read again.
    let is_list = |ix: usize| super::growth::growth(old.task(ix)).is_some();
    let task = |ix: usize| match &state.tasks[ix].stage {
        TaskStage::Failed(_) => false,
        stage if is_list(ix) => stage.is_done(),
        stage => !over || stage.is_done(),
    };
    let barrier = |b: usize| match &state.barriers[b].stage {
        BarrierStage::Failed(_) => false,
        stage => !over || *stage == BarrierStage::Complete,
    };
    let accepted = |ix: usize| state.tasks[ix].stage == TaskStage::Accepted;
    let there = There { task: &task, accepted: &accepted, barrier: &barrier };
    let survivors = Survivors::of(old, new, there);
    let tasks = (0..old.plan.tasks.len()).filter(|ix| !survivors.has(&old.task(*ix).id));
    let barriers = old.plan.barriers.iter().enumerate();
    let barriers = barriers.filter(|(_, barrier)| !survivors.has_barrier(&barrier.id)).map(|(b, _)| b);
    Leaving { tasks: tasks.collect(), barriers: barriers.collect() }
}

/// A person asks for it.
pub(super) fn command(
    state: &State,
    (plan, source): (&ContentHash, Option<&ContentHash>),
    absent: &[String],
    note: Option<&str>,
    by: &str,
) -> Result<Vec<EventKind>, Refusal> {
    let people = &state.graph.plan.people;
    people::only(people.or_any(&people.integration), by, || "changing the workflow".into())?;
    let not = |why: String| Err(Refusal::Not(why));
    let Some(new) = state.known_plan(plan) else {
        return not(format!("the changed plan {plan} is not in the content store: ask again"));
    };
    if state.amending.is_some() {
        return not("the run is being amended already: ask again when that is done".into());
    }
    if state.cancelling && !state.is_over() {
        return not("the run is being cancelled: wait until it is over".into());
    }
    if state.integration.as_ref().is_some_and(|i| i.revision.is_none() && i.failed.is_none()) {
        return not("its result is being brought to a branch: `consort resume RUN` finishes that".into());
    }
    if new.plan.workflow.id != state.graph.plan.workflow.id {
        return not(format!(
            "the changed file is workflow {}, and this is a run of {}: `consort run` begins another one",
            new.plan.workflow.id, state.graph.plan.workflow.id
        ));
    }
    if state.plan_at(u64::MAX) == Some(plan) {
        return not("the changed file says the same as the plan of this run".into());
    }
    if absent.iter().map(String::len).sum::<usize>() > ABSENT_BYTES_MAX {
        return not(format!("{} files that the changed plan reads are not in the repository", absent.len()));
    }
    let note = note.map(|note| cut(note.trim(), NOTE_CHARS_MAX)).filter(|note| !note.is_empty());
    let leaving = leaving(state, new);
    let mut events = vec![EventKind::AmendBegan {
        plan: plan.clone(),
        source: source.cloned(),
        absent: absent.to_vec(),
        by: by.to_owned(),
        note,
    }];
    let leaves = |task: &TaskId| state.graph.ix(task).is_none_or(|ix| leaving.tasks.contains(&ix));
    let alive = state.live.iter().filter(|(attempt, live)| live.stopping.is_none() && leaves(&attempt.task));
    events.extend(alive.map(|(attempt, _)| EventKind::AttemptStopping {
        attempt: attempt.clone(),
        why: StopWhy::Superseded,
    }));
    let barrier_leaves =
        |id: &BarrierId| state.graph.barrier_ix(id).is_none_or(|b| leaving.barriers.contains(&b));
    let moot = state.open_approvals().filter(|(_, asked)| match &asked.kind {
        ApprovalKind::Task { task, .. }
        | ApprovalKind::Held { task, .. }
        | ApprovalKind::List { task, .. } => leaves(task),
        ApprovalKind::Permission { attempt, .. } => leaves(&attempt.task),
        ApprovalKind::Barrier { barrier, .. } | ApprovalKind::BarrierHeld { barrier } => {
            barrier_leaves(barrier)
        }
        // Asked again, once it is clear which inputs there are and when everything is accepted.
        ApprovalKind::Input { .. } | ApprovalKind::Completion { .. } => true,
        ApprovalKind::Budget { .. } => false,
    });
    events.extend(moot.map(|(approval, _)| EventKind::ApprovalVoided {
        approval: approval.clone(),
        why: format!("{by} changed the workflow"),
    }));
    Ok(events)
}

/// The second step, once nothing of what is given up is alive and its workspaces are gone. What fails for good is not
/// waited for.
pub(super) fn follows(state: &State) -> Vec<EventKind> {
    let Some(under_way) = &state.amending else { return Vec::new() };
    let leaving = &state.leaving;
    let is_quiet = |ix: &usize| is_task_quiet(state, *ix);
    let alive =
        state.live.keys().any(|a| state.graph.ix(&a.task).is_none_or(|ix| leaving.tasks.contains(&ix)));
    let merged = |b: &usize| !state.front.merging.contains(b) || is_barrier_failing(state, *b);
    if alive || !leaving.tasks.iter().all(is_quiet) || !leaving.barriers.iter().all(merged) {
        return Vec::new();
    }
    let why = ChangeWhy::Amended { by: under_way.by.clone(), note: under_way.note.clone() };
    let (plan, absent) = (under_way.plan.clone(), under_way.absent.clone());
    vec![EventKind::PlanChanged { plan, absent, why }]
}

/// Nothing is done for it any more, or nothing that could be.
pub(super) fn is_task_quiet(state: &State, ix: usize) -> bool {
    let (task, it) = (&state.graph.task(ix).id, &state.tasks[ix]);
    let fails = |what: &str| state.failing.contains_key(&format!("{what}/{task}/{}", it.generation));
    let made = match it.stage {
        TaskStage::Preparing => fails("workspace"),
        TaskStage::Committing(_) => fails("committed"),
        _ => true,
    };
    (made || !state.front.ensuring.contains(&ix))
        && (!state.front.releasing.contains(&ix) || fails("released"))
}

/// Its commit cannot be made.
pub(super) fn is_barrier_failing(state: &State, b: usize) -> bool {
    let barrier = &state.graph.plan.barriers[b].id;
    state.failing.contains_key(&format!("barrier/{barrier}/{}", state.barriers[b].set))
}

/// The third step, for the first change that waits for it.
pub(super) fn wish(state: &State) -> Option<Ensure> {
    if state.rolling_back().is_some() {
        return None;
    }
    let (at, change) = state.changes.iter().enumerate().find(|(_, change)| !change.tidied)?;
    let gone = state.past.iter().filter_map(|past| match past {
        Past::Task { task, until, was } if *until == change.seq => {
            Some((task.clone(), was.generation, was.candidate.as_ref()?.revision.clone()))
        }
        _ => None,
    });
    Some(Ensure::Abandoned { number: number(at), gone: gone.collect(), at: change.at })
}

fn number(at: usize) -> u32 {
    u32::try_from(at + 1).unwrap_or(u32::MAX)
}

/// It is done.
pub(super) fn tidied(state: &State, number: u32) -> Vec<EventKind> {
    let awaited = matches!(wish(state), Some(Ensure::Abandoned { number: of, .. }) if of == number);
    awaited.then_some(EventKind::RefsAbandoned { number }).into_iter().collect()
}
