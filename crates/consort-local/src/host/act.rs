//! Compares what should be going on with what is, and starts the difference.

use super::cause::Causes;
use super::project::rendered;
use crate::journal::{ChainHash, Reader};
use crate::replay::learn;
use consort_core::ids::{CheckpointId, ContentHash};
use consort_core::run::{
    CheckpointTrigger, Effect, EffectKey, Ensure, Report, State, checkpoint_tips, fold, wanted,
};
use consort_core::time::Timestamp;
use consort_core::view::report;
use consort_worker::evidence::Evidence;
use consort_worker::evidence::crossings::crossings;
use consort_worker::hands::{CheckpointContent, Hands};
use consort_worker::remote::carried;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::AbortHandle;

/// Effects that are being carried out by this process.
#[derive(Default)]
pub(super) struct Acting {
    running: HashMap<EffectKey, AbortHandle>,
    /// Effects whose reports have just been taken: wanted again at once, they made no headway.
    ended: HashMap<EffectKey, bool>,
}

impl Acting {
    /// Nothing is being carried out.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// An effect ended and its reports were taken. True if they brought nothing for the second
    /// time in a row: the effect would be repeated for ever.
    pub(super) fn finished(&mut self, key: &EffectKey, brought: bool) -> bool {
        self.running.remove(key);
        if brought {
            self.ended.remove(key);
            return false;
        }
        self.ended.insert(key.clone(), true) == Some(true)
    }

    /// Starts what is wanted and not under way; gives up following what is not wanted any more.
    pub(super) fn reconcile(
        &mut self,
        state: &State,
        hands: &Arc<Hands>,
        mut slot: impl FnMut() -> Option<File>,
        run_dir: &Path,
        causes: &Causes,
    ) {
        let wanted = wanted(state);
        self.running.retain(|key, handle| {
            let follows = key.0.starts_with("watch/");
            let keep = !follows || wanted.iter().any(|e| e.key() == *key);
            if !keep {
                handle.abort();
            }
            keep
        });
        for effect in wanted {
            let key = effect.key();
            if self.running.contains_key(&key) {
                continue;
            }
            let (hands, reporting, done) = (hands.clone(), causes.reporting(), key.clone());
            let graph = state.first.clone();
            let run_dir = run_dir.to_owned();
            let slot = if matches!(effect, Effect::Start(_)) { slot() } else { None };
            let task = tokio::spawn(async move {
                let reports = match effect {
                    Effect::Ensure(Ensure::Checkpoint { checkpoint, seq, at }) => {
                        make_checkpoint(&hands, graph, run_dir, checkpoint, seq, at).await
                    }
                    Effect::Start(start) => hands.start(*start, slot).await,
                    effect => hands.carry_out(effect).await,
                };
                let _ = reporting.send((done, reports));
            });
            self.running.insert(key, task.abort_handle());
        }
    }
}

/// Renders the state as it was when the checkpoint was prepared, then commits it: the same
/// bytes whenever it is done.
async fn make_checkpoint(
    hands: &Arc<Hands>,
    graph: Arc<consort_core::run::Graph>,
    run_dir: PathBuf,
    checkpoint: CheckpointId,
    seq: u64,
    at: Timestamp,
) -> Vec<Report> {
    let effect = format!("checkpoint/{checkpoint}");
    let evident = hands.clone();
    let content =
        tokio::task::spawn_blocking(move || content_at(graph, &run_dir, seq, evident.evidence())).await;
    match content {
        Ok(Ok(content)) => hands.checkpoint(checkpoint, content, at).await,
        Ok(Err(why)) => vec![Report::EffectFailed { effect, why }],
        Err(panicked) => vec![Report::EffectFailed { effect, why: panicked.to_string() }],
    }
}

/// Reports and published handoffs, in the last checkpoint of a run and in those that a person asked for:
/// in every one they would cost as much as all checkpoints before it together.
fn reports_of(state: &State, base: &str, evidence: Evidence<'_>) -> Result<Vec<(String, Vec<u8>)>, String> {
    let here = state.checkpoints.iter().rev().take_while(|c| c.seq == state.seq);
    if !here.into_iter().any(|c| c.last || c.trigger == CheckpointTrigger::Manual) {
        return Ok(Vec::new());
    }
    let crossings = crossings(state, evidence)?;
    let answer = |hash: &ContentHash| evidence.answer(hash);
    let mut files: Vec<(String, Vec<u8>)> = report::files(state, &answer, &crossings)
        .into_iter()
        .map(|(path, bytes)| (format!("{base}/{path}"), bytes))
        .collect();
    for mut crossing in crossings {
        // The same bytes in every build.
        crossing.handoff.data.iter_mut().for_each(serde_json::Value::sort_all_objects);
        let json = serde_json::to_string_pretty(&crossing.handoff).map_err(|e| e.to_string())? + "\n";
        let path = Path::new(&crossing.handoff.path).with_extension("json");
        files.push((path.to_string_lossy().into_owned(), json.into_bytes()));
    }
    Ok(files)
}

/// Tips and state files of the state after record `seq`, from the journal alone. `graph` is that of record 1.
pub fn content_at(
    graph: Arc<consort_core::run::Graph>,
    run_dir: &Path,
    seq: u64,
    evidence: Evidence<'_>,
) -> Result<CheckpointContent, String> {
    let reader = Reader::open(run_dir).map_err(|e| e.to_string())?;
    let mut state = State::new(graph);
    let mut hash = None;
    for record in reader.records(0).map_err(|e| e.to_string())? {
        let record = record.map_err(|e| e.to_string())?;
        if record.seq > seq {
            break;
        }
        hash = Some(record.hash);
        learn(&mut state, evidence.store, &record).map_err(|e| e.to_string())?;
        fold(&mut state, record.seq, &record.events).map_err(|e| e.to_string())?;
    }
    let hash = hash.filter(|_| state.seq == seq).ok_or_else(|| format!("the journal has no record {seq}"))?;
    content_of(&state, hash, evidence)
}

/// Tips and state files of a state, and reports where they are due; `hash` is that of the last record in it.
pub(crate) fn content_of(
    state: &State,
    hash: ChainHash,
    evidence: Evidence<'_>,
) -> Result<CheckpointContent, String> {
    let base = &state.graph.plan.workflow.base_path;
    let mut files: Vec<(String, Vec<u8>)> = rendered(state)
        .into_iter()
        .map(|(name, text)| (format!("{base}/{name}"), text.into_bytes()))
        .collect();
    let json = serde_json::to_vec_pretty(state).map_err(|e| e.to_string())?;
    files.push((format!("{base}/state.json"), json));
    let plan = serde_json::to_vec_pretty(&state.graph.plan).map_err(|e| e.to_string())?;
    files.push((format!("{base}/plan.json"), plan));
    files.extend(reports_of(state, base, evidence)?);
    files.extend(carried(state, &hash.to_string(), base, &files, evidence.store)?);
    Ok(CheckpointContent {
        tips: checkpoint_tips(state),
        files,
        journal_head: hash.to_string(),
        seq: state.seq,
    })
}
