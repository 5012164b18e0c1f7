//! How a run gets into the hands of a process: begun, or opened again.

use super::cause::Causes;
use super::clock::{Clock, wall};
use super::elsewhere::Elsewhere;
use super::project::LiveFiles;
use super::rests::Rests;
use super::slots::Slots;
use super::{Host, HostError, Observer};
use crate::inbox::Journalled;
use crate::journal::{Journal, NewJournal, NewRecord, Record};
use crate::lock::RunLock;
use crate::replay::{graph_of, learn};
use consort_core::ids::ContentHash;
use consort_core::plan::Plan;
use consort_core::run::{
    Command, Found, From, Graph, Input, Kept, ResumedFrom, StartRun, State, Written, fold, step,
};
use consort_core::time::Timestamp;
use consort_worker::drill;
use consort_worker::hands::Hands;
use consort_worker::store::Store;
use std::sync::Arc;

/// What a new run begins with. The plan's hash in `start` is filled in here.
pub struct Begin {
    /// The plan, frozen.
    pub plan: Plan,
    /// Results of another run that it goes on with.
    pub kept: Option<Kept>,
    /// The text that the plan was made from.
    pub source: Option<Written>,
    /// Where it is the same run that came here from another clone.
    pub resumed: Option<ResumedFrom>,
    /// The first command.
    pub start: StartRun,
    /// Who gives it.
    pub by: String,
    /// How it came.
    pub via: String,
}

/// What both ways of opening need.
pub struct Opening<H> {
    /// The run's lock: whoever holds it is the runner.
    pub lock: RunLock,
    /// The content store of the repository.
    pub store: Store,
    /// Makes the hands, once the plan is known.
    pub hands: H,
    /// Told after every flush.
    pub observer: Observer,
    /// So many agents work at once in all runs of the repository together; `None`: no such limit.
    pub max_agents: Option<u32>,
}

/// Stores the plan, makes the journal, gives the first command. Nothing is on disk of the run
/// itself before the first flush in [`Host::drive`].
///
/// # Errors
/// The plan or the journal cannot be written.
pub fn begin<H>(opening: Opening<H>, begin: Begin) -> Result<Host, HostError>
where
    H: FnOnce(Arc<Graph>, &StartRun) -> Result<Hands, HostError>,
{
    let Created { journal, graph, start, first, so_far } = create(&opening.lock, &opening.store, begin)?;
    let hands = (opening.hands)(graph.clone(), &start)?;
    let parts = Parts { state: State::new(graph), journal, journalled: Journalled::default() };
    let mut host =
        assemble(parts, opening.lock, hands, opening.observer, &opening.store, opening.max_agents)?;
    host.clock = Clock::start(so_far);
    host.input(first)?;
    // Before anything may start.
    host.look_around()?;
    host.input(Input::Opened { runner: runner(), found: Vec::new() })?;
    host.mind_slots()?;
    Ok(host)
}

/// Makes the journal and its first record, and nothing else: another process goes on from there with [`reopen`].
///
/// # Errors
/// As of [`begin`].
pub fn lay_down(lock: &RunLock, store: &Store, begin: Begin) -> Result<(), HostError> {
    let Created { journal, graph, first, so_far, .. } = create(lock, store, begin)?;
    let mut state = State::new(graph);
    let events = step(&mut state, &first, wall().max(so_far))?;
    let done = journal.append(vec![NewRecord::new(state.now, first, events)]).wait();
    journal.close();
    done?;
    drill::site("detach.laid.after");
    Ok(())
}

/// The journal of a run that begins, what it is about, and its first input.
struct Created {
    journal: Journal,
    graph: Arc<Graph>,
    start: StartRun,
    first: Input,
    /// The latest time that was seen before it, elsewhere.
    so_far: Timestamp,
}

/// See [`Created`].
fn create(lock: &RunLock, store: &Store, begin: Begin) -> Result<Created, HostError> {
    let Begin { plan, kept, source, resumed, mut start, by, via } = begin;
    start.plan = put(store, &plan)?;
    if let Some(source) = &source {
        start.source = Some(put(store, source)?);
    }
    if let Some(kept) = &kept {
        start.from = Some(From { origin: kept.from.clone(), kept: put(store, kept)?, resumed });
    }
    // Clocks differ: what comes now is not earlier than what came before it elsewhere.
    let so_far =
        kept.as_ref().and_then(|kept| kept.so_far.as_ref()).map_or(Timestamp(0), |so_far| so_far.now);
    let created = wall();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let journal = Journal::create(lock, &NewJournal { run: start.run.clone(), created, version })?;
    let command = Command::Start(Box::new(start.clone()));
    let first = Input::Command { by, via, command };
    Ok(Created { journal, graph: Arc::new(Graph::with(plan, kept)), start, first, so_far })
}

/// Folds the journal and looks around: what is really there decides how it goes on.
///
/// # Errors
/// The journal is corrupt or newer than this build, or its plan is gone.
pub fn reopen<H>(opening: Opening<H>) -> Result<Host, HostError>
where
    H: FnOnce(Arc<Graph>, &StartRun) -> Result<Hands, HostError>,
{
    let mut folding =
        Folding { store: &opening.store, state: None, journalled: Journalled::default(), fault: None };
    let journal = Journal::open(&opening.lock, |record| folding.take(record))?;
    let Folding { state, journalled, fault, .. } = folding;
    if let Some(fault) = fault {
        return Err(fault);
    }
    let state = state.ok_or_else(|| {
        HostError::Plan(
            "this run never began: its journal is empty; start the workflow again with `consort run`".into(),
        )
    })?;
    let start =
        state.start.clone().ok_or_else(|| HostError::Corrupt("it does not begin with a start".into()))?;
    let hands = (opening.hands)(state.graph.clone(), &start)?;
    let parts = Parts { state, journal, journalled };
    let mut host =
        assemble(parts, opening.lock, hands, opening.observer, &opening.store, opening.max_agents)?;
    host.look_around()?;
    let found: Vec<Found> = host.hands.look(host.state.live.keys());
    host.input(Input::Opened { runner: runner(), found })?;
    // What people posted while nobody drove the run comes before anything said now.
    host.read_inbox()?;
    host.mind_slots()?;
    Ok(host)
}

impl Host {
    /// What other runs do, before the first decision of this runner.
    fn look_around(&mut self) -> Result<(), HostError> {
        let free = self.slots.as_ref().map(|_| 0);
        self.slots.iter().try_for_each(Slots::prepare).map_err(super::no_slots)?;
        self.input(Input::Slots { free })?;
        self.look_elsewhere()
    }
}

/// Reads the plan that record 1 names.
///
/// # Errors
/// It is gone, damaged, or of another schema.
pub fn load_plan(store: &Store, hash: &ContentHash) -> Result<Plan, HostError> {
    let bytes = store.get(hash).map_err(|e| HostError::Plan(e.to_string()))?;
    let bytes = bytes.ok_or_else(|| {
        HostError::Plan(format!(
            "the plan {hash} of this run is not in the content store; without it the run cannot go on"
        ))
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|e| HostError::Plan(format!("the plan {hash} cannot be read: {e}")))
}

/// Keeps a plan, or the text that it was made from, in the content store, for a command that names it.
///
/// # Errors
/// It cannot be written.
pub fn keep<T: serde::Serialize>(store: &Store, what: &T) -> Result<ContentHash, HostError> {
    put(store, what)
}

fn put<T: serde::Serialize>(store: &Store, what: &T) -> Result<ContentHash, HostError> {
    let json = serde_json::to_vec_pretty(what).map_err(|e| HostError::Plan(e.to_string()))?;
    store.put(&json).map_err(|e| HostError::Plan(e.to_string()))
}

struct Parts {
    state: State,
    journal: Journal,
    journalled: Journalled,
}

struct Folding<'a> {
    store: &'a Store,
    state: Option<State>,
    journalled: Journalled,
    fault: Option<HostError>,
}

impl Folding<'_> {
    fn take(&mut self, record: Record) {
        if self.fault.is_none() {
            self.fault = self.fold(record).err();
        }
    }

    fn fold(&mut self, record: Record) -> Result<(), HostError> {
        self.journalled.observe(&record.cause);
        if self.state.is_none() {
            let Input::Command { command: Command::Start(start), .. } = &record.cause else {
                return Err(HostError::Corrupt("record 1 is not a start".into()));
            };
            let graph = graph_of(self.store, start).map_err(|e| HostError::Plan(e.to_string()))?;
            self.state = Some(State::new(Arc::new(graph)));
        }
        let Some(state) = &mut self.state else { return Ok(()) };
        learn(state, self.store, &record).map_err(|e| HostError::Plan(e.to_string()))?;
        fold(state, record.seq, &record.events).map_err(|c| HostError::Corrupt(c.to_string()))
    }
}

fn assemble(
    parts: Parts,
    lock: RunLock,
    hands: Hands,
    observer: Observer,
    store: &Store,
    max_agents: Option<u32>,
) -> Result<Host, HostError> {
    let Parts { state, journal, journalled } = parts;
    let system = |why: std::io::Error| HostError::System {
        what: "cannot listen to signals".into(),
        why: why.to_string(),
    };
    let causes = Causes::new(lock.dir()).map_err(system)?;
    let last: Timestamp = state.now;
    let by_day = !state.graph.plan.limits.shares.day.is_unlimited();
    let pools = state.graph.plan.tasks.iter().any(has_pool);
    Ok(Host {
        store: store.clone(),
        rests: pools.then(|| Rests::new(lock.dir())),
        slots: max_agents.map(|most| Slots::new(lock.dir(), most)),
        elsewhere: by_day.then(|| Elsewhere::new(lock.dir(), store.clone())),
        files: LiveFiles::new(lock.dir()),
        clock: Clock::start(last),
        acting: super::act::Acting::default(),
        pending: Vec::<NewRecord>::new(),
        fresh: Vec::new(),
        journalled,
        to_delete: Vec::new(),
        hands: Arc::new(hands),
        interrupts: 0,
        hung_up: None,
        stays: None,
        observer,
        state,
        journal,
        causes,
        lock,
    })
}

/// Whether a quota is shared by some agent of this task.
fn has_pool(task: &consort_core::plan::Task) -> bool {
    let agents = [&task.creator, &task.critic, &task.judge].into_iter().chain(&task.panel);
    agents.flat_map(|agent| std::iter::once(agent).chain(&agent.fallbacks)).any(|agent| agent.pool.is_some())
}

/// Who drives, for people: process and build.
fn runner() -> String {
    format!("consort {} (pid {})", env!("CARGO_PKG_VERSION"), std::process::id())
}
