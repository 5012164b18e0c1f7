//! The real thing, audited: what a run left in journal, store, repository and process table is
//! read by the auditor of `consort-testing` and by `verify`, neither of which asks the runner.

mod lives;
pub(crate) mod look;
mod planted;
mod scene;
