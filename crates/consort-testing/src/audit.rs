//! An auditor.

use crate::sim::{Record, Seen};
use consort_core::plan::Plan;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Record, if it is one's.
    pub seq: Option<u64>,
    /// What.
    pub what: String,
}

/// Audits.
pub fn audit(_plan: &Plan, _records: &[Record], _seen: Option<&Seen>) -> Vec<Violation> {
    Vec::new()
}
