//! Conditions and lists: what is read for them, and what comes of it. Nothing here decides: a condition is weighed, and
//! the plan that a list makes is worked out from list and plan alone, so that doing it twice gives the same bytes.

use super::Hands;
use consort_core::definition::expr::{self, Facts};
use consort_core::ids::{ContentHash, Revision, TaskId};
use consort_core::plan::growth::{Item, expanded, items};
use consort_core::plan::{Grown, Plan, TaskKind};
use consort_core::run::{Artifact, Fact, Report};
use serde_json::Value;
use std::collections::BTreeMap;

/// Names of items that are told.
const NAMES_MAX: usize = 12;

/// A list to be taken.
pub(super) struct List<'a> {
    pub(super) task: &'a TaskId,
    pub(super) generation: u32,
    pub(super) artifact: &'a Artifact,
    pub(super) revision: &'a Revision,
    pub(super) from: &'a ContentHash,
}

impl Hands {
    /// Whether a condition holds, by what its tasks made.
    pub(super) fn condition(&self, task: &TaskId, generation: u32, expr: &str, facts: &[Fact]) -> Report {
        let task = task.clone();
        let known: BTreeMap<String, Facts> =
            facts.iter().map(|fact| (fact.task.to_string(), self.facts(fact))).collect();
        match expr::holds(expr, &expr::of_task(&known, &self.plan().variables)) {
            Ok(met) => Report::ConditionWeighed { task, generation, met },
            Err(why) => Report::Unclear { task, generation, what: "condition".into(), why },
        }
    }

    fn facts(&self, fact: &Fact) -> Facts {
        let first = fact.accepted.as_ref().and_then(|c| Some((c.artifacts.first()?, &c.revision)));
        let bytes = first.and_then(|(artifact, revision)| self.accepted_bytes(artifact, revision).ok());
        Facts {
            accepted: fact.accepted.is_some(),
            skipped: fact.skipped,
            score: fact.composite.and_then(|composite| composite.to_string().parse().ok()),
            rounds: fact.rounds,
            data: bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(Value::Null),
        }
    }

    /// What was accepted, by its hash: from the content store, else from its commit.
    fn accepted_bytes(&self, artifact: &Artifact, revision: &Revision) -> Result<Vec<u8>, String> {
        if let Ok(Some(bytes)) = self.bench.store.get(&artifact.hash) {
            return Ok(bytes);
        }
        let found = self.bench.plane.read(revision, &artifact.path).map_err(|e| e.to_string())?;
        found.ok_or_else(|| format!("{} is not in {revision}", artifact.path))
    }

    /// The plan that a list makes, kept in the content store.
    pub(super) fn list(&self, list: &List<'_>) -> Result<Report, String> {
        let (task, generation, from) = (list.task.clone(), list.generation, list.from.clone());
        let bytes = self.accepted_bytes(list.artifact, list.revision)?;
        let (plan, items) = match grown(self.plan(), list.task, &bytes) {
            Ok(grown) => grown,
            Err(wrong) => {
                let why = format!("{}: {}", list.artifact.path, wrong.join("; "));
                return Ok(Report::Unclear { task, generation, what: "list".into(), why });
            }
        };
        let json = serde_json::to_vec_pretty(&plan).map_err(|e| e.to_string())?;
        let plan = self.bench.store.put(&json).map_err(|e| e.to_string())?;
        let names = items.iter().zip(1..).take(NAMES_MAX).map(|(item, number)| name(list.task, item, number));
        let (count, names) = (items.len() as u32, names.collect());
        Ok(Report::ListTaken { task, generation, from, plan, count, names })
    }
}

/// What a list makes of a plan.
///
/// # Errors
/// Everything that is wrong with the list.
pub fn grown(plan: &Plan, each: &TaskId, list: &[u8]) -> Result<(Plan, Vec<Item>), Vec<String>> {
    let placeholder = plan.task(each).map(|task| &task.kind);
    let Some(TaskKind::Each(growth)) = placeholder else {
        return Err(vec![format!("`{each}` stands for no list")]);
    };
    let items = items(list, growth)?;
    Ok((expanded(plan, each, &items)?, items))
}

fn name(each: &TaskId, item: &Item, number: u32) -> String {
    let key = item.id.clone().unwrap_or_else(|| number.to_string());
    Grown { of: each.clone(), number, key, item: item.json.clone() }.name()
}
