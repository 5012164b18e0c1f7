//! A run as its journal tells it: folded from the first record, by whoever wants to look.
//!
//! Reads only, and tolerates a living writer. What it cannot fold it does not guess.

use crate::journal::{Head, JournalError, Reader, Record};
use consort_core::ids::{ContentHash, RunId};
use consort_core::plan::{PLAN_SCHEMA, Plan};
use consort_core::run::{
    Command, Graph, Input, KEPT_SCHEMA, Kept, StartRun, State, fold, named_by, named_in,
};
use consort_worker::store::{Store, StoreError};
use std::path::Path;
use std::sync::Arc;

/// Why a run cannot be told from its journal.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is a journal, and nothing in it: a crash before the first flush.
    #[error("run `{0}` never began: its journal is empty. Start the workflow again: `consort run FILE`")]
    Empty(RunId),
    /// Record 1 names a plan that is not there.
    #[error(
        "the plan {0} of this run is not in the content store, and without it the journal cannot be told. Restore \
         `.consort/store` from a backup"
    )]
    PlanMissing(ContentHash),
    /// It is there and cannot be used.
    #[error("the plan of this run cannot be read: {0}")]
    Plan(String),
    /// What the journal says cannot be.
    #[error("the journal of this run tells what cannot be: {0}. `consort verify` says where")]
    Corrupt(String),
}

impl From<StoreError> for ReplayError {
    fn from(error: StoreError) -> Self {
        ReplayError::Plan(error.to_string())
    }
}

/// A run at the moment it was looked at.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The fold of all records.
    pub state: State,
    /// The last of them.
    pub head: Head,
}

/// Folds the whole journal in this run's directory.
///
/// # Errors
/// See [`ReplayError`].
pub fn replay(run_dir: &Path, store: &Store) -> Result<Replayed, ReplayError> {
    let reader = Reader::open(run_dir)?;
    let before = before_first(&reader, store)?;
    catch_up(&reader, store, before, |_, _| {})
}

/// A run before its first record: where a story of it begins.
///
/// # Errors
/// See [`ReplayError`].
pub fn before_first(reader: &Reader, store: &Store) -> Result<Replayed, ReplayError> {
    let Some(first) = reader.records(0)?.next() else { return Err(ReplayError::Empty(reader.run()?)) };
    let first = first?;
    let graph = graph_of(store, start_of(&first)?)?;
    Ok(Replayed { state: State::new(Arc::new(graph)), head: Head { seq: 0, hash: first.prev } })
}

/// Folds what was appended since, and shows each record and the state after it.
///
/// # Errors
/// See [`ReplayError`].
pub fn catch_up(
    reader: &Reader,
    store: &Store,
    mut replayed: Replayed,
    mut each: impl FnMut(&State, &Record),
) -> Result<Replayed, ReplayError> {
    for record in reader.records(replayed.head.seq)? {
        let record = record?;
        replayed = take(replayed, store, &record)?;
        each(&replayed.state, &record);
    }
    Ok(replayed)
}

/// Makes the plans known to a state that a record names, before it is folded in.
///
/// # Errors
/// One of them is gone, damaged, or of a schema that this build does not know.
pub fn learn(state: &mut State, store: &Store, record: &Record) -> Result<(), ReplayError> {
    let named = named_in(&record.cause).into_iter().chain(named_by(&record.events));
    for plan in named {
        learn_plan(state, store, plan)?;
    }
    Ok(())
}

/// Makes one plan known to a state.
///
/// # Errors
/// As [`load_plan`].
pub fn learn_plan(state: &mut State, store: &Store, plan: &ContentHash) -> Result<(), ReplayError> {
    if !state.knows(plan) {
        state.learn(plan.clone(), load_plan(store, plan)?);
    }
    Ok(())
}

fn take(mut so_far: Replayed, store: &Store, record: &Record) -> Result<Replayed, ReplayError> {
    learn(&mut so_far.state, store, record)?;
    fold(&mut so_far.state, record.seq, &record.events).map_err(|c| ReplayError::Corrupt(c.to_string()))?;
    so_far.head = Head { seq: record.seq, hash: record.hash };
    Ok(so_far)
}

/// The start that record 1 must be.
///
/// # Errors
/// It is something else.
pub fn start_of(record: &Record) -> Result<&StartRun, ReplayError> {
    match &record.cause {
        Input::Command { command: Command::Start(start), .. } if record.seq == 1 => Ok(start),
        _ => Err(ReplayError::Corrupt("record 1 is not a start".into())),
    }
}

/// What a run begins with: its plan, and what another run hands on.
///
/// # Errors
/// One of them is gone, damaged, or of a schema that this build does not know.
pub fn graph_of(store: &Store, start: &StartRun) -> Result<Graph, ReplayError> {
    let plan = load_plan(store, &start.plan)?;
    let Some(from) = &start.from else { return Ok(Graph::new(plan)) };
    let bytes = store.get(&from.kept)?.ok_or_else(|| ReplayError::PlanMissing(from.kept.clone()))?;
    let kept: Kept = serde_json::from_slice(&bytes).map_err(|e| ReplayError::Plan(e.to_string()))?;
    if kept.schema > KEPT_SCHEMA {
        let why = format!(
            "what it takes over has schema {} and this consort knows up to {KEPT_SCHEMA}",
            kept.schema
        );
        return Err(ReplayError::Plan(why));
    }
    Ok(Graph::with(plan, Some(kept)))
}

/// The plan that record 1 names.
///
/// # Errors
/// It is gone, damaged, or of a schema that this build does not know.
pub fn load_plan(store: &Store, hash: &ContentHash) -> Result<Plan, ReplayError> {
    let bytes = store.get(hash)?.ok_or_else(|| ReplayError::PlanMissing(hash.clone()))?;
    let plan: Plan = serde_json::from_slice(&bytes).map_err(|e| ReplayError::Plan(e.to_string()))?;
    if plan.schema > PLAN_SCHEMA {
        let why = format!("it has schema {} and this consort knows up to {PLAN_SCHEMA}", plan.schema);
        return Err(ReplayError::Plan(why));
    }
    Ok(plan)
}
