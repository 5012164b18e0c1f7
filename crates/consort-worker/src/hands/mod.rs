//! One effect in, reports out. Nothing here decides, remembers or retries: the brain wished for
//! the effect, the host started it, and this is how it is done on this machine.

mod attempt;
mod commands;
mod ensure;
mod growth;
mod outcome;
mod world;

pub use growth::grown;

use crate::dirs::RunDirs;
use crate::evidence::Evidence;
use crate::processes;
use crate::store::Store;
use crate::workspace::Plane;
use consort_core::ids::{AttemptId, CheckpointId, Revision, RunId};
use consort_core::plan::Plan;
use consort_core::run::{Effect, EffectKey, Found, FoundState, Graph, Report, StopWhy, Tip};
use consort_core::time::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// Hidden verb of the binary that supervises one attempt.
pub const SUPERVISE_VERB: &str = "supervise";

/// What hands need to know about where they work.
pub struct Workbench {
    /// Which run.
    pub run: RunId,
    /// Folders of the run.
    pub dirs: RunDirs,
    /// Its data plane: git, or plain directories.
    pub plane: Plane,
    /// Where the run began: a commit; `None` outside a repository.
    pub base: Option<Revision>,
    /// Content by hash.
    pub store: Store,
    /// The person's checkout: programs given by a relative path are looked up from here.
    pub root: PathBuf,
    /// This binary: supervisor and player are hidden verbs of it.
    pub self_exe: PathBuf,
    /// The run's nonce: judges and critics echo a hash of it.
    pub nonce: String,
    /// A person's table of prices, if there may be one.
    pub prices: Option<PathBuf>,
    /// The runner's own environment, from which agents get what their plan names.
    pub env: BTreeMap<String, String>,
}

/// Carries out effects of one run.
pub struct Hands {
    graph: Arc<Graph>,
    bench: Arc<Workbench>,
    /// Attempts that this process runs itself (`supervise: false`), and how to stop them.
    direct: Arc<Mutex<HashMap<AttemptId, Direct>>>,
}

/// A command that is run without a supervisor.
#[derive(Clone)]
struct Direct {
    cancel: CancellationToken,
    why: Arc<Mutex<StopWhy>>,
}

/// What a checkpoint holds beside its tips.
#[derive(Clone, Debug)]
pub struct CheckpointContent {
    /// What is merged, in plan order.
    pub tips: Vec<Tip>,
    /// State files by path, rendered from the state that was prepared.
    pub files: Vec<(String, Vec<u8>)>,
    /// Hash of the journal record that prepared it.
    pub journal_head: String,
    /// Its number.
    pub seq: u64,
}

impl Hands {
    /// Hands for one run.
    pub fn new(graph: Arc<Graph>, bench: Workbench) -> Self {
        Hands { graph, bench: Arc::new(bench), direct: Arc::default() }
    }

    /// The same hands under another plan of the same run. What is under way goes on under its own.
    pub fn under(&self, graph: Arc<Graph>) -> Self {
        Hands { graph, bench: self.bench.clone(), direct: self.direct.clone() }
    }

    /// The plan under which they work, with its tables.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The run's data plane.
    pub fn plane(&self) -> &Plane {
        &self.bench.plane
    }

    /// Where accepted work and stored answers can be read again.
    pub fn evidence(&self) -> Evidence<'_> {
        let repo = match &self.bench.plane {
            Plane::Git(plane) => Some(plane.repo()),
            Plane::Plain(_) => None,
        };
        Evidence { store: &self.bench.store, repo }
    }

    fn plan(&self) -> &Plan {
        &self.graph.plan
    }

    /// Does one effect and tells what became of it. A checkpoint goes through
    /// [`Hands::checkpoint`] instead, because its content comes from the journal.
    pub async fn carry_out(self: &Arc<Self>, effect: Effect) -> Vec<Report> {
        let key = effect.key();
        match effect {
            Effect::Ensure(ensure) => {
                let hands = self.clone();
                self.blocking(key, move || hands.ensure(ensure)).await
            }
            Effect::Start(start) => self.start(*start, None).await,
            Effect::Watch(attempt, notes) => self.watch(key, &attempt, Some(notes)).await,
            Effect::Stop(attempt, why) => self.stop(key, &attempt, why).await,
        }
    }

    /// Commits a checkpoint.
    pub async fn checkpoint(
        self: &Arc<Self>,
        checkpoint: CheckpointId,
        content: CheckpointContent,
        at: Timestamp,
    ) -> Vec<Report> {
        let hands = self.clone();
        let key = EffectKey(format!("checkpoint/{checkpoint}"));
        self.blocking(key, move || hands.make_checkpoint(&checkpoint, content, at)).await
    }

    /// What is really there of attempts that were starting or running when a journal was left.
    pub fn look<'a>(&self, attempts: impl Iterator<Item = &'a AttemptId>) -> Vec<Found> {
        let found = |attempt: &AttemptId| {
            let state = match processes::look(&self.bench.dirs.attempt(attempt)) {
                Ok(processes::Looked::Alive(process)) => FoundState::Alive(process),
                Ok(processes::Looked::Ended(record)) => FoundState::Ended(self.ended(attempt, &record)),
                Ok(processes::Looked::NoTrace) => FoundState::NoTrace,
                Ok(processes::Looked::Vanished) => FoundState::Vanished,
                // Cannot be found out: not reported, so that it is watched until it can.
                Err(_) => return None,
            };
            Some(Found { attempt: attempt.clone(), state })
        };
        attempts.filter_map(found).collect()
    }

    async fn blocking(
        &self,
        key: EffectKey,
        work: impl FnOnce() -> Vec<Report> + Send + 'static,
    ) -> Vec<Report> {
        match tokio::task::spawn_blocking(work).await {
            Ok(reports) => reports,
            Err(panicked) => {
                vec![Report::EffectFailed { effect: key.0, why: format!("a bug in consort: {panicked}") }]
            }
        }
    }

    fn direct(&self) -> std::sync::MutexGuard<'_, HashMap<AttemptId, Direct>> {
        self.direct.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn supervisor(&self) -> Vec<OsString> {
        vec![self.bench.self_exe.clone().into_os_string(), OsString::from(SUPERVISE_VERB)]
    }
}
