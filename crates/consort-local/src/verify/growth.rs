//! Plans that lists made, worked out again from the accepted bytes of the list.

use super::{Check, at, counted};
use crate::journal::Record;
use crate::replay::load_plan;
use consort_core::ids::ContentHash;
use consort_core::plan::{Plan, TaskKind};
use consort_core::run::{EventKind, State};
use consort_worker::evidence::Evidence;
use consort_worker::hands::grown;
use consort_worker::store::Store;

pub(super) struct Lists<'a> {
    check: Check,
    evidence: Evidence<'a>,
}

impl<'a> Lists<'a> {
    pub(super) fn new(evidence: Evidence<'a>) -> Self {
        Self { check: Check::new("lists"), evidence }
    }

    /// `state` is that before the record: the plan that was there, and the list's task accepted in it.
    pub(super) fn take(&mut self, state: &State, record: &Record) {
        for event in &record.events {
            let EventKind::ListTaken { task, from, plan, count, .. } = &event.kind else { continue };
            self.check.count += 1;
            let place = format!("{}, {task}", at(record));
            match self.again(state, task.as_str(), from) {
                Ok((hash, n)) => {
                    self.check.unless(hash == *plan && n == *count, &place, || {
                        format!("its list makes the plan {hash} with {n} tasks, the journal says {plan} with {count}")
                    });
                }
                Err(why) => self.check.fault(place, why),
            }
        }
    }

    fn again(&self, state: &State, task: &str, from: &ContentHash) -> Result<(ContentHash, u32), String> {
        let before: Plan = load_plan(self.evidence.store, from).map_err(|e| e.to_string())?;
        let each = task.into();
        let Some(TaskKind::Each(growth)) = before.task(&each).map(|task| &task.kind) else {
            return Err("it stands for no list".into());
        };
        let list = state.accepted_at(&growth.list, u64::MAX).and_then(|it| it.candidate.clone());
        let list = list.ok_or_else(|| format!("{} was not accepted by then", growth.list))?;
        let first = list.artifacts.first().ok_or_else(|| format!("{} made nothing", growth.list))?;
        let stored = self.evidence.store.get(&first.hash).map_err(|e| e.to_string())?;
        let bytes = match stored {
            Some(bytes) => bytes,
            None => {
                let found =
                    self.evidence.files(&list.revision, std::slice::from_ref(&first.path))?.pop().flatten();
                found.ok_or_else(|| format!("{} is not in {}", first.path, list.revision))?
            }
        };
        let (plan, items) = grown(&before, &each, &bytes).map_err(|wrong| wrong.join("; "))?;
        let json = serde_json::to_vec_pretty(&plan).map_err(|e| e.to_string())?;
        Ok((Store::hash_of(&json), items.len() as u32))
    }

    pub(super) fn end(self) -> Option<Check> {
        let summary =
            format!("{} made again the plans that they had made", counted(self.check.count, "list"));
        (self.check.count > 0).then(|| self.check.said(summary))
    }
}
