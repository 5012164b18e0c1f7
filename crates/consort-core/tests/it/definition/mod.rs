//! The workflow file: examples, mistakes, hostile input.

mod budgets;
mod defaults;
mod examples;
mod growth;
mod hostile;
mod mistakes;
mod roles;
mod sessions;

use consort_core::definition::{BaseFiles, IdChoice, Offer, PlanOptions, check, render};
use consort_core::plan::{Plan, Tool};
use std::collections::BTreeMap;

pub(crate) fn options() -> PlanOptions {
    PlanOptions {
        today: "20261123".into(),
        variables: BTreeMap::new(),
        rehearse: false,
        id: IdChoice::Declared,
        existing_ids: vec![],
        base_files: BaseFiles::none(),
        given: Default::default(),
        library: Default::default(),
        offers: vec![offer("talker", &[Tool::Read, Tool::Write]), offer("answerer", &[])],
    }
}

/// A runtime that this build has, and that cannot be used here.
pub(crate) fn offer(runtime: &str, tools: &[Tool]) -> Offer {
    Offer {
        runtime: runtime.into(),
        about: "a runtime of the tests".into(),
        tools: tools.to_vec(),
        servers: false,
        skills: false,
        role_models: false,
        found: Err("it is not here".into()),
        model: None,
    }
}

/// The plan of a file without mistakes, and its warnings as text.
pub(crate) fn planned(text: &str) -> (Plan, String) {
    match check("workflow.yaml", text, &options()) {
        Ok(checked) => (checked.plan, render(&checked.warnings, "workflow.yaml", text, false)),
        Err(found) => panic!("{}", render(&found, "workflow.yaml", text, false)),
    }
}
