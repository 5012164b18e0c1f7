//! Plans of one run: the one it began with, and those that followed. An event names a plan by its hash alone; whoever
//! folds it has loaded the plan before (`State::learn`), because the brain reads nothing.

use super::command::Command;
use super::event::{Event, EventKind};
use super::graph::Graph;
use super::input::{Input, Report};
use super::state::State;
use crate::ids::{BarrierId, CheckpointId, ContentHash, TaskId};
use crate::plan::Plan;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Plans that are known, by their hashes. What is known beyond what was folded says nothing about a state.
#[derive(Clone, Debug, Default)]
pub struct Plans(BTreeMap<ContentHash, Arc<Graph>>);

impl PartialEq for Plans {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Plans {}

/// The plan changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Change {
    /// The plan that holds from then on.
    pub plan: ContentHash,
    /// File inputs of it that do not exist at the base.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<String>,
    /// The text that it was made from: a [`Written`](super::Written) in the content store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ContentHash>,
    /// Why.
    pub why: ChangeWhy,
    /// Sequence number of the record since which it holds.
    pub seq: u64,
    /// When that was.
    pub at: Timestamp,
    /// Names in git of what was given up are put right.
    pub tidied: bool,
}

/// Why a plan changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeWhy {
    /// A person changed the workflow.
    Amended {
        /// Who.
        by: String,
        /// Why.
        note: Option<String>,
    },
    /// A list was there: its tasks came to be.
    Grown {
        /// The task that stood for them.
        task: TaskId,
    },
    /// The plan of the checkpoint that the run went back to.
    RolledBack {
        /// Which.
        to: CheckpointId,
    },
}

/// A change that a person asked for, while what it gives up is still being ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Amending {
    /// The plan that is to hold.
    pub plan: ContentHash,
    /// File inputs of it that do not exist at the base.
    pub absent: Vec<String>,
    /// The text that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ContentHash>,
    /// Who asked for it.
    pub by: String,
    /// Why.
    pub note: Option<String>,
    /// When.
    pub began_at: Timestamp,
}

/// What a change gives up and what is still being ended, by position in the present plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Leaving {
    pub tasks: BTreeSet<usize>,
    pub barriers: BTreeSet<usize>,
}

/// Numbers of tasks and barriers that no plan has any more: none is ever given twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Gone {
    /// Highest generation, last attempt, last round.
    pub tasks: BTreeMap<TaskId, (u32, u32, u32)>,
    /// Sets of handoffs.
    pub barriers: BTreeMap<BarrierId, u32>,
}

impl Gone {
    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.barriers.is_empty()
    }
}

impl State {
    /// Makes a plan known, before anything that names it is decided or folded.
    pub fn learn(&mut self, hash: ContentHash, plan: Plan) {
        self.plans.0.entry(hash).or_insert_with(|| Arc::new(Graph::new(plan)));
    }

    /// True if this plan is known.
    pub fn knows(&self, hash: &ContentHash) -> bool {
        self.plans.0.contains_key(hash)
    }

    pub(super) fn known_plan(&self, hash: &ContentHash) -> Option<&Arc<Graph>> {
        self.plans.0.get(hash)
    }

    /// The first plan, by the hash in record 1.
    pub(super) fn knows_first(&mut self, hash: &ContentHash) {
        self.plans.0.insert(hash.clone(), self.first.clone());
    }

    /// The hash of the plan that held after a record; `None` before the first.
    pub fn plan_at(&self, seq: u64) -> Option<&ContentHash> {
        let changed = self.changes.iter().rev().find(|change| change.seq <= seq).map(|change| &change.plan);
        changed.or_else(|| self.start.as_ref().map(|start| &start.plan))
    }

    /// The text from which the plan was made that held after a record.
    pub fn source_at(&self, seq: u64) -> Option<&ContentHash> {
        match self.changes.iter().rev().find(|change| change.seq <= seq) {
            Some(change) => change.source.as_ref(),
            None => self.start.as_ref()?.source.as_ref(),
        }
    }

    /// The plan that held after a record, with its tables.
    pub fn graph_at(&self, seq: u64) -> Option<Arc<Graph>> {
        self.known_plan(self.plan_at(seq)?).cloned()
    }

    /// File inputs of the present plan that do not exist at the base.
    pub fn absent(&self) -> &[String] {
        self.absent_at(u64::MAX)
    }

    /// The same of the plan that held after a record.
    pub(super) fn absent_at(&self, seq: u64) -> &[String] {
        let changed = self.changes.iter().rev().find(|change| change.seq <= seq);
        let changed = changed.map(|change| change.absent.as_slice());
        changed.or_else(|| self.start.as_ref().map(|start| start.absent.as_slice())).unwrap_or_default()
    }
}

/// Plans that an input names.
pub fn named_in(input: &Input) -> Option<&ContentHash> {
    match input {
        Input::Command { command: Command::Amend { plan, .. }, .. }
        | Input::Reported(Report::ListTaken { plan, .. }) => Some(plan),
        _ => None,
    }
}

/// Plans that events name.
pub fn named_by(events: &[Event]) -> impl Iterator<Item = &ContentHash> {
    events.iter().filter_map(|event| match &event.kind {
        EventKind::AmendBegan { plan, .. }
        | EventKind::ListTaken { plan, .. }
        | EventKind::PlanChanged { plan, .. } => Some(plan),
        _ => None,
    })
}
