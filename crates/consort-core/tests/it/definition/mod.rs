//! The workflow file: examples, mistakes, hostile input.

mod defaults;
mod examples;
mod hostile;
mod mistakes;

use consort_core::definition::{BaseFiles, IdChoice, PlanOptions, check, render};
use consort_core::plan::Plan;
use std::collections::BTreeMap;

pub(crate) fn options() -> PlanOptions {
    PlanOptions {
        today: "20261123".into(),
        variables: BTreeMap::new(),
        rehearse: false,
        id: IdChoice::Declared,
        existing_ids: vec![],
        base_files: BaseFiles::none(),
        library: Default::default(),
    }
}

/// The plan of a file without mistakes, and its warnings as text.
pub(crate) fn planned(text: &str) -> (Plan, String) {
    match check("workflow.yaml", text, &options()) {
        Ok(checked) => (checked.plan, render(&checked.warnings, "workflow.yaml", text, false)),
        Err(found) => panic!("{}", render(&found, "workflow.yaml", text, false)),
    }
}
