//! Reports that need the history of a run, and what reports read beside its state.

pub(crate) mod alone;
pub(crate) mod story;
pub(crate) mod transcript;

pub(crate) use consort_core::view::report::gate;
