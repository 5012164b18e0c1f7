//! The auditor. It reads journal records and derives, once more and in its own way, what had to
//! hold. It shares no decision with the brain: only plain types, and [`step`] for the replay.
//!
//! ```text
//! records ──▶ book: who is live, accepted, asked …  ──▶ rules ──▶ violations
//!                         what is really there (Seen) ──▶
//! ```

mod back;
mod book;
mod gates;
mod life;
mod limits;
mod people;
mod plans;
mod replay;
mod talk;
mod there;

pub use replay::replay;

use crate::sim::{Record, Seen};
use consort_core::ids::ContentHash;
use consort_core::plan::Plan;
use consort_core::run::{EVENT_BYTES_MAX, Event, Kept};
use std::collections::BTreeMap;
use std::fmt;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The record that shows it; `None` if the end of the journal or the world does.
    pub seq: Option<u64>,
    /// Which promise is broken, in a word.
    pub rule: &'static str,
    /// What was found.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            Some(seq) => write!(f, "record {seq}: {}: {}", self.rule, self.what),
            None => write!(f, "{}: {}", self.rule, self.what),
        }
    }
}

/// Audits a whole journal, from record 1 on; `seen`: what is really there, where one can look.
/// An empty answer means that nothing was found.
pub fn audit(plan: &Plan, records: &[Record], seen: Option<&Seen>) -> Vec<Violation> {
    let mut found = sizes(records);
    found.extend(promises(plan, records, seen));
    found
}

/// No event is too large.
fn sizes(records: &[Record]) -> Vec<Violation> {
    let size = |e: &Event| serde_json::to_string(e).map_or(usize::MAX, |json| json.len());
    let all = records.iter().flat_map(|r| r.events.iter().map(|e| (r.seq, size(e))));
    let large = all.filter(|(_, size)| *size > EVENT_BYTES_MAX);
    large
        .map(|(seq, size)| Violation {
            seq: Some(seq),
            rule: "size",
            what: format!("an event of {size} bytes"),
        })
        .collect()
}

/// [`audit`], without measuring every event.
pub fn promises(plan: &Plan, records: &[Record], seen: Option<&Seen>) -> Vec<Violation> {
    promises_after(plan, None, records, seen)
}

/// [`audit`] of a run whose plan changed: to those known by their hashes.
pub fn audit_all(
    plan: &Plan,
    known: &BTreeMap<ContentHash, Plan>,
    records: &[Record],
    seen: Option<&Seen>,
) -> Vec<Violation> {
    let mut found = sizes(records);
    found.extend(promises_of((plan, known), None, records, seen));
    found
}

/// The same of a run that goes on with results of another one.
pub fn promises_after(
    plan: &Plan,
    kept: Option<&Kept>,
    records: &[Record],
    seen: Option<&Seen>,
) -> Vec<Violation> {
    promises_of((plan, &BTreeMap::new()), kept, records, seen)
}

/// The same of a run whose plan changed.
pub fn promises_of(
    (plan, known): (&Plan, &BTreeMap<ContentHash, Plan>),
    kept: Option<&Kept>,
    records: &[Record],
    seen: Option<&Seen>,
) -> Vec<Violation> {
    let mut book = book::Book::new(plan, known);
    if let Some(kept) = kept {
        book.take_over(kept);
    }
    for record in records {
        book.record(record);
    }
    book.at_the_end();
    let mut found = std::mem::take(&mut book.found);
    if found.iter().all(|v| v.rule != "order") {
        found.extend(replay((plan, known), kept, records));
    }
    if let Some(seen) = seen {
        found.extend(there::compare(&book, records, seen));
        found.extend(talk::compare(&book, seen));
    }
    found
}
