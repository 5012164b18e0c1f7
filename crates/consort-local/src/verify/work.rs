//! Accepted work, read from its commits: the bytes, what they answer for, and what crossed barriers.

use super::{Check, Evidence, counted};
use consort_core::ids::Revision;
use consort_core::plan::Output;
use consort_core::run::{Artifact, Candidate, InputRef, State, measured_by};
use consort_worker::checks::{check_candidate, form};
use consort_worker::store::Store;
use std::collections::BTreeMap;

/// Accepted tasks with their candidates, in plan order.
fn accepted(state: &State) -> impl Iterator<Item = (usize, &Candidate)> {
    state.tasks.iter().enumerate().filter_map(|(ix, task)| Some((ix, task.accepted()?)))
}

/// What is wrong with the bytes of these artifacts in a revision.
pub(super) fn wrong_bytes(
    evidence: Evidence<'_>,
    revision: &Revision,
    artifacts: &[Artifact],
) -> Vec<String> {
    let paths: Vec<String> = artifacts.iter().map(|a| a.path.clone()).collect();
    let files = match evidence.files(revision, &paths) {
        Ok(files) => files,
        Err(why) => return vec![format!("{revision} cannot be read: {why}")],
    };
    let mut wrong = Vec::new();
    for (artifact, bytes) in artifacts.iter().zip(files) {
        let path = &artifact.path;
        match bytes.as_deref().map(Store::hash_of) {
            Some(hash) if hash == artifact.hash => {}
            Some(hash) => wrong
                .push(format!("`{path}` has the hash {hash} in {revision}, accepted was {}", artifact.hash)),
            None => wrong.push(format!("`{path}` is not in {revision}")),
        }
    }
    wrong
}

/// Every accepted artifact has its hash in its commit; data has it in the store.
pub(super) fn artifacts(state: &State, evidence: Evidence<'_>) -> Check {
    let mut check = Check::new("artifacts");
    for (ix, candidate) in accepted(state) {
        let task = state.graph.task(ix);
        check.count += candidate.artifacts.len() as u64;
        if matches!(task.output, Output::Data { .. }) {
            for artifact in &candidate.artifacts {
                let there = matches!(evidence.store.get(&artifact.hash), Ok(Some(_)));
                check.unless(there, task.id.as_str(), || {
                    format!("the content of `{}` is not in the store", artifact.path)
                });
            }
            continue;
        }
        for why in wrong_bytes(evidence, &candidate.revision, &candidate.artifacts) {
            check.fault(task.id.as_str(), why);
        }
    }
    let summary = format!("{} have the accepted bytes in their commits", counted(check.count, "artifact"));
    check.said(summary)
}

/// The checks of every accepted candidate run again, with the handoffs that it consumed.
pub(super) fn acknowledgements(state: &State, evidence: Evidence<'_>) -> Check {
    let mut check = Check::new("acknowledgements");
    let mut handoffs = 0;
    for (ix, candidate) in accepted(state) {
        let task = state.graph.task(ix);
        if matches!(task.output, Output::Data { .. }) || candidate.artifacts.is_empty() {
            continue;
        }
        check.count += 1;
        let read =
            candidate_of(evidence, candidate).and_then(|files| Ok((files, consumed(state, ix, evidence)?)));
        let (files, consumed) = match read {
            Ok(read) => read,
            Err(why) => {
                check.fault(task.id.as_str(), why);
                continue;
            }
        };
        handoffs += consumed.iter().filter(|(input, _)| input.handoff).count() as u64;
        let overridden = state.overrides.iter().any(|o| o.task == task.id);
        let schema = match schema(state, ix, evidence) {
            Ok(schema) => schema,
            Err(why) => {
                check.fault(task.id.as_str(), why);
                continue;
            }
        };
        let mut problems = check_candidate(task, &files, &consumed);
        problems.extend(form::check(task, &files, schema.as_deref(), state.graph.plan.rehearsal));
        for problem in problems {
            check.unless(overridden, task.id.as_str(), || format!("{}: {}", problem.check, problem.text));
        }
    }
    let summary = format!(
        "{} checked again, {} answered for",
        counted(check.count, "document"),
        counted(handoffs, "handoff")
    );
    check.said(summary)
}

/// The schema that a task's form names, as it was at its base.
fn schema(state: &State, ix: usize, evidence: Evidence<'_>) -> Result<Option<String>, String> {
    let (Some(path), Some(base)) = (&state.graph.task(ix).form.schema, &state.tasks[ix].base) else {
        return Ok(None);
    };
    let bytes = evidence.files(base, std::slice::from_ref(path))?.pop().flatten();
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn candidate_of(evidence: Evidence<'_>, candidate: &Candidate) -> Result<Vec<(String, Vec<u8>)>, String> {
    let paths: Vec<String> = candidate.artifacts.iter().map(|a| a.path.clone()).collect();
    let files = evidence.files(&candidate.revision, &paths)?;
    paths
        .into_iter()
        .zip(files)
        .map(|(path, bytes)| match bytes {
            Some(bytes) => Ok((path, bytes)),
            None => Err(format!("`{path}` is not in {}", candidate.revision)),
        })
        .collect()
}

/// The handoffs that a task declares, and of a handoff what it cites, with their accepted texts.
fn consumed(state: &State, ix: usize, evidence: Evidence<'_>) -> Result<Vec<(InputRef, String)>, String> {
    let mut texts = Vec::new();
    for input in measured_by(state, ix) {
        let made = input.task.as_ref().and_then(|task| state.graph.ix(task));
        let from = made.and_then(|ix| state.tasks[ix].accepted());
        let from = from.ok_or_else(|| format!("its input `{}` was never accepted", input.path))?;
        let mut bytes = evidence.files(&from.revision, std::slice::from_ref(&input.path))?.pop().flatten();
        if let (None, Some(hash)) = (&bytes, &input.hash) {
            bytes = evidence.store.get(hash).map_err(|e| e.to_string())?;
        }
        if bytes.is_none() && input.handoff {
            return Err(format!("its handoff `{}` is not in {}", input.path, from.revision));
        }
        let bytes = bytes.unwrap_or_default();
        texts.push((input, String::from_utf8_lossy(&bytes).into_owned()));
    }
    Ok(texts)
}

/// The commit of every COMPLETE barrier holds its handoffs and its participants' work.
pub(super) fn barriers(state: &State, evidence: Evidence<'_>) -> Check {
    let mut check = Check::new("barriers");
    let mut handoffs = 0;
    let lasting: BTreeMap<String, Vec<Artifact>> =
        lasting_artifacts(state).into_iter().fold(BTreeMap::new(), |mut by_task, (task, artifact)| {
            by_task.entry(task).or_default().push(artifact);
            by_task
        });
    for (barrier, it) in state.graph.plan.barriers.iter().zip(&state.barriers) {
        let (Some(revision), Some(_)) = (&it.revision, it.completed_at) else { continue };
        check.count += 1;
        handoffs += barrier.handoffs.len() as u64;
        for task in barrier.waits_for.iter().chain(&barrier.handoffs) {
            let Some(artifacts) = lasting.get(task.as_str()) else { continue };
            for why in wrong_bytes(evidence, revision, artifacts) {
                check.fault(barrier.id.as_str(), format!("work of {task}: {why}"));
            }
        }
    }
    let summary = format!(
        "{} hold {} and the work before them",
        counted(check.count, "commit"),
        counted(handoffs, "handoff")
    );
    check.said(summary)
}

/// Accepted artifacts in git that no other accepted task wrote too: wherever their task is merged,
/// they are found with their own hash. Each with its task.
pub(super) fn lasting_artifacts(state: &State) -> Vec<(String, Artifact)> {
    let mut writers: BTreeMap<&str, u32> = BTreeMap::new();
    let tracked = |ix: &usize| !matches!(state.graph.task(*ix).output, Output::Data { .. });
    let all: Vec<(usize, &Candidate)> = accepted(state).filter(|(ix, _)| tracked(ix)).collect();
    for artifact in all.iter().flat_map(|(_, c)| &c.artifacts) {
        *writers.entry(&artifact.path).or_default() += 1;
    }
    let mut lasting = Vec::new();
    for (ix, candidate) in all {
        let own = candidate.artifacts.iter().filter(|a| writers[a.path.as_str()] == 1);
        lasting.extend(own.map(|a| (state.graph.task(ix).id.to_string(), a.clone())));
    }
    lasting
}
