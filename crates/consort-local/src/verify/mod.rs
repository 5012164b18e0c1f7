//! Whether a run is what its journal says: everything is computed again from the journal, the
//! content store and the repository, and nothing else is believed.
//!
//! ```text
//! journal ─▶ chain · decisions · answers and composites · promises      one pass over the records
//! state   ─▶ artifacts · acknowledgements · barriers · checkpoints · refs      against commits
//! ```
//!
//! A check never stops at its first fault, and no fault hides another one; only a broken chain
//! ends the pass, because what follows it is not the journal that was written.

mod answers;
mod decisions;
mod git;
mod growth;
mod promises;
mod work;

use crate::host::content_of;
use crate::journal::{JournalError, Reader, Record};
use crate::replay::{ReplayError, graph_of, learn, start_of};
use consort_core::ids::CheckpointId;
use consort_core::run::{Event, EventKind, Graph, State, fold};
use consort_worker::evidence::Evidence;
use consort_worker::hands::CheckpointContent;
use consort_worker::store::Store;
use consort_worker::workspace::Repo;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Faults of one check that are kept; the rest is counted in its summary.
const FAULTS_MAX: usize = 200;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Report {
    /// Which run.
    pub run: String,
    /// Records that were read.
    pub records: u64,
    /// One per thing that was checked, in the order of this module's picture.
    pub checks: Vec<Check>,
}

/// One kind of check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Check {
    /// Such as `decisions`.
    pub name: &'static str,
    /// How many things were looked at.
    pub count: u64,
    /// The count in words, with what could not be checked.
    pub summary: String,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

/// One thing that is not as the journal says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Fault {
    /// Such as `record 17`, `agent-a-001`, `CP-002`.
    pub place: String,
    /// What is wrong, in a sentence.
    pub why: String,
}

impl Report {
    /// How many faults there are in all.
    pub fn faults(&self) -> usize {
        self.checks.iter().map(|check| check.faults.len()).sum()
    }
}

impl Check {
    fn new(name: &'static str) -> Self {
        Self { name, count: 0, summary: String::new(), faults: Vec::new() }
    }

    fn fault(&mut self, place: impl Into<String>, why: impl Into<String>) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault { place: place.into(), why: why.into() });
        }
    }

    fn unless(&mut self, good: bool, place: &str, why: impl FnOnce() -> String) {
        if !good {
            self.fault(place, why());
        }
    }

    fn said(mut self, summary: String) -> Self {
        self.summary = summary;
        self
    }
}

fn at(record: &Record) -> String {
    format!("record {}", record.seq)
}

/// Verifies the run in this directory. `repo` is the repository that it worked in; without one only
/// runs of plain directories can be verified whole.
///
/// # Errors
/// There is no journal, or none that can be opened at all, or its plan is gone. Everything else is a fault.
pub fn verify(run_dir: &Path, store: &Store, repo: Option<&Repo>) -> Result<Report, ReplayError> {
    let reader = Reader::open(run_dir)?;
    let mut pass = None;
    let mut chain = Check::new("chain");
    for record in reader.records(0)? {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                chain.fault(place_of(&error, chain.count), error.to_string());
                break;
            }
        };
        if pass.is_none() {
            let start = start_of(&record)?;
            pass = Some(Pass::new(Arc::new(graph_of(store, start)?), Evidence { store, repo }));
        }
        chain.count += 1;
        let Some(pass) = &mut pass else { continue };
        if let Err(what) = pass.take(&record) {
            chain.fault(at(&record), format!("its events cannot follow those before: {what}"));
            break;
        }
    }
    let Some(pass) = pass else {
        return match chain.faults.is_empty() {
            true => Err(ReplayError::Empty(reader.run()?)),
            false => Ok(Report { run: reader.run()?.0, records: 0, checks: vec![chain] }),
        };
    };
    let state = if chain.faults.is_empty() { "chain intact" } else { "then the chain breaks" };
    let summary = format!("{}, {state}", counted(chain.count, "record"));
    let records = chain.count;
    let mut checks = vec![chain.said(summary)];
    let run = pass.state.start.as_ref().map_or_else(String::new, |start| start.run.0.clone());
    checks.extend(pass.end());
    Ok(Report { run, records, checks })
}

fn place_of(error: &JournalError, read: u64) -> String {
    match error {
        JournalError::Corrupt { seq: Some(seq), .. } => format!("record {seq}"),
        _ => format!("after record {read}"),
    }
}

/// `1 record`, `2 records`.
fn counted(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// One pass over the records.
struct Pass<'a> {
    state: State,
    decisions: decisions::Decisions,
    answers: answers::Answers<'a>,
    promises: promises::Promises,
    lists: growth::Lists<'a>,
    evidence: Evidence<'a>,
    /// What each checkpoint must hold, by its id.
    checkpoints: BTreeMap<CheckpointId, Prepared>,
}

/// A checkpoint as it follows from the journal.
struct Prepared {
    content: Result<CheckpointContent, String>,
    /// Accepted artifacts at that point: path and hash, by task.
    artifacts: Vec<(String, consort_core::run::Artifact)>,
}

impl<'a> Pass<'a> {
    fn new(graph: Arc<Graph>, evidence: Evidence<'a>) -> Self {
        Self {
            state: State::new(graph.clone()),
            decisions: decisions::Decisions::new(graph.clone()),
            answers: answers::Answers::new(graph, evidence.store),
            lists: growth::Lists::new(evidence),
            evidence,
            promises: promises::Promises::default(),
            checkpoints: BTreeMap::new(),
        }
    }

    fn take(&mut self, record: &Record) -> Result<(), String> {
        learn(&mut self.state, self.evidence.store, record).map_err(|e| e.to_string())?;
        self.promises.take(&self.state, record);
        self.lists.take(&self.state, record);
        fold(&mut self.state, record.seq, &record.events).map_err(|c| c.to_string())?;
        self.decisions.take(record, &self.state, self.evidence.store);
        self.answers.take(&self.state, record);
        for Event { kind, .. } in &record.events {
            if let EventKind::CheckpointPrepared { checkpoint, .. } = kind {
                let content = content_of(&self.state, record.hash, self.evidence);
                let artifacts = work::lasting_artifacts(&self.state);
                self.checkpoints.insert(checkpoint.clone(), Prepared { content, artifacts });
            }
        }
        Ok(())
    }

    fn end(self) -> Vec<Check> {
        let evidence = self.evidence;
        let (answers, composites) = self.answers.end();
        let mut checks = vec![self.decisions.end(), answers, composites, self.promises.end(&self.state)];
        checks.extend(self.lists.end());
        checks.push(work::artifacts(&self.state, evidence));
        checks.push(work::acknowledgements(&self.state, evidence));
        checks.push(work::barriers(&self.state, evidence));
        checks.push(git::checkpoints(&self.state, &self.checkpoints, evidence));
        checks.push(git::refs(&self.state, evidence));
        checks
    }
}
