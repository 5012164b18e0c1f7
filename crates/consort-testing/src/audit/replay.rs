//! The same causes must give the same events.

use super::Violation;
use crate::sim::Record;
use consort_core::ids::ContentHash;
use consort_core::plan::Plan;
use consort_core::run::{Graph, Kept, State, fold, step};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Decides every record once more from its cause and compares, byte for byte where the events
/// are not the same anyway. All records
/// must be of the present decision version.
pub fn replay(
    (plan, known): (&Plan, &BTreeMap<ContentHash, Plan>),
    kept: Option<&Kept>,
    records: &[Record],
) -> Vec<Violation> {
    let mut state = State::new(Arc::new(Graph::with(plan.clone(), kept.cloned())));
    known.iter().for_each(|(hash, plan)| state.learn(hash.clone(), plan.clone()));
    let mut found = Vec::new();
    for record in records {
        let before = state.seq;
        let again = step(&mut state, &record.cause, record.now).unwrap_or_default();
        if state.seq == before {
            // A refused command may be on record, with nothing that it brought.
            if fold(&mut state, before + 1, &[]).is_err() {
                break;
            }
        }
        if record.events == again {
            continue;
        }
        let (was, is) = (serde_json::to_string(&record.events), serde_json::to_string(&again));
        match (was, is) {
            (Ok(was), Ok(is)) if was == is => {}
            (was, is) => {
                let what = format!("{was:?} was decided, {is:?} is now");
                found.push(Violation { seq: Some(record.seq), rule: "replay", what });
                break;
            }
        }
    }
    found
}
