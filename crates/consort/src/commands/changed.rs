//! The plan of a changed workflow file, for a run that there is already.

use super::planning::{self, Source};
use crate::context::Context;
use crate::failure::Failure;
use crate::place::Place;
use consort_core::definition::{BaseFiles, IdChoice};
use consort_core::plan::Plan;
use consort_core::run::State;
use consort_worker::agents::roles;
use consort_worker::workspace::Repo;
use std::collections::BTreeMap;

/// Under the id of the run's workflow, with the files of its base: what the file says the same about is the same plan.
pub(crate) fn plan(
    ctx: &Context,
    source: &Source,
    variables: BTreeMap<String, String>,
    state: &State,
    (place, repo): (&Place, Option<&Repo>),
) -> Result<Plan, Failure> {
    let old = &state.graph.plan;
    let base = state.start.as_ref().and_then(|start| start.base.clone());
    let base_files = match (repo, &base) {
        (Some(repo), Some(base)) => repo.files(base).map_or(BaseFiles::Unknown, BaseFiles::Known),
        _ => planning::base_files(place.top(), None),
    };
    let mut options = planning::options(variables, old.rehearsal, base_files, roles::library(place.top()));
    options.id = IdChoice::Of(old.workflow.id.to_string());
    let mut plan = source.plan(ctx, &options, false)?;
    planning::refuse_without_agent(&plan)?;
    // A plan of today is not another one for that.
    plan.workflow.created.clone_from(&old.workflow.created);
    plan.workflow.id_source = old.workflow.id_source;
    Ok(plan)
}
