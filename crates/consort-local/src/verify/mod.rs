//! Whether a run is what its journal says.
use crate::replay::ReplayError;
use consort_worker::store::Store;
use consort_worker::workspace::Repo;
use serde::Serialize;
use std::path::Path;

/// x
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// x
    pub run: String,
    /// x
    pub records: u64,
    /// x
    pub checks: Vec<Check>,
}
/// x
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// x
    pub name: &'static str,
    /// x
    pub count: usize,
    /// x
    pub summary: String,
    /// x
    pub faults: Vec<Fault>,
}
/// x
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// x
    pub place: String,
    /// x
    pub why: String,
}
impl Report {
    /// x
    pub fn faults(&self) -> usize {
        self.checks.iter().map(|c| c.faults.len()).sum()
    }
}
/// x
pub fn verify(_: &Path, _: &Store, _: Option<&Repo>) -> Result<Report, ReplayError> {
    todo!()
}
