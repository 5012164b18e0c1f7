//! The plan of a changed workflow, for a run that there is already: of another file, or of the text that the run was made
//! from with other values.

use super::planning::{self, Source};
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::place::Place;
use consort_core::definition::{BaseFiles, IdChoice, overrides};
use consort_core::ids::{ContentHash, TaskId};
use consort_core::plan::Plan;
use consort_core::run::{Candidate, State, Written, regrown};
use consort_worker::agents::roles;
use consort_worker::evidence::Evidence;
use consort_worker::workspace::Repo;
use std::path::Path;

/// What somebody wants to be different.
pub(crate) struct Given<'a> {
    /// Another file.
    pub file: Option<&'a Path>,
    /// Values for its variables.
    pub variables: &'a [(String, String)],
    /// Values in the file's own terms: `path=value`.
    pub sets: &'a [String],
}

/// The file that was given, or the text that the run was made from, with the values that were set; `None`: nothing is
/// different.
pub(crate) fn written(
    ctx: &Context,
    given: &Given<'_>,
    place: &Place,
    source: Option<&ContentHash>,
) -> Result<Option<Written>, Failure> {
    let mut written = match given.file {
        Some(file) => Source::read(ctx, file)?.written(given.variables),
        None if given.sets.is_empty() => return Ok(None),
        None => kept_source(place, source)?,
    };
    let sets: Result<Vec<_>, _> = given.sets.iter().map(|set| overrides::parse(set)).collect();
    let set = sets.and_then(|sets| overrides::set(&written.text, &sets));
    written.text = set.map_err(|error| Failure::told(exit::INVALID, &error))?;
    Ok(Some(written))
}

/// What the run was made from.
fn kept_source(place: &Place, source: Option<&ContentHash>) -> Result<Written, Failure> {
    let unreadable = "the run's workflow file cannot be read";
    let bytes = source.map(|hash| place.places.open_store().get(hash));
    let bytes = bytes.transpose().map_err(|e| Failure::failed(unreadable).why(e))?;
    let Some(bytes) = bytes.flatten() else {
        return Err(Failure::invalid("this run does not know the workflow file that it began with")
            .why("it was begun by an older consort, or what it stored is gone")
            .help("give the file, too: `FILE --set …`"));
    };
    serde_json::from_slice(&bytes).map_err(|e| Failure::failed(unreadable).why(e))
}

/// Under the id of the run's workflow, with the files of its base: what the text says the same about is the same plan.
pub(crate) fn plan(
    ctx: &Context,
    written: &Written,
    state: &State,
    (place, repo): (&Place, Option<&Repo>),
) -> Result<Plan, Failure> {
    // Parts lie beside the file, by its name as it was typed.
    let folder = ctx.path(Path::new(&written.name)).parent().map_or_else(|| ctx.dir.clone(), Path::to_owned);
    let source = Source { name: written.name.clone(), text: written.text.clone(), folder };
    let old = &state.graph.plan;
    let base = state.start.as_ref().and_then(|start| start.base.clone());
    let base_files = match (repo, &base) {
        (Some(repo), Some(base)) => repo.files(base).map_or(BaseFiles::Unknown, BaseFiles::Known),
        _ => planning::base_files(place.top(), None),
    };
    let variables = written.variables.clone();
    let mut options = planning::options(variables, old.rehearsal, base_files, roles::library(place.top()));
    options.id = IdChoice::Of(old.workflow.id.to_string());
    let mut plan = source.plan(ctx, &options, false)?;
    planning::refuse_without_agent(&plan)?;
    // A plan of today is not another one for that.
    plan.workflow.created.clone_from(&old.workflow.created);
    plan.workflow.id_source = old.workflow.id_source;
    Ok(plan)
}

/// The changed plan with what the lists of a run made, where they still hold: `seq` is the record after which it is
/// looked at.
pub(crate) fn with_lists(plan: Plan, state: &State, seq: u64, place: &Place, repo: Option<&Repo>) -> Plan {
    let Some(old) = state.graph_at(seq) else { return plan };
    let store = place.places.open_store();
    let evidence = Evidence { store: &store, repo };
    let accepted = |task: &TaskId| state.accepted_at(task, seq)?.candidate.clone();
    let read = |candidate: &Candidate| {
        let first = candidate.artifacts.first()?;
        let stored = store.get(&first.hash).ok().flatten();
        stored
            .or_else(|| evidence.files(&candidate.revision, std::slice::from_ref(&first.path)).ok()?.pop()?)
    };
    regrown(&old, plan, &accepted, &read)
}
