//! What went over barriers: each accepted handoff as programs read it, and what accepted work of
//! its consumers says of its findings.

use super::Evidence;
use crate::checks::acknowledgement::{self, Acknowledgement};
use crate::checks::markdown::Page;
use crate::checks::{envelope, handoff, prose};
use consort_core::ids::ContentHash;
use consort_core::plan::{self, TaskKind};
use consort_core::run::{Candidate, State, inputs_of};
use consort_core::view::report::{
    Answered, Citation, Confidence, Crossed, Crossing, Finding, Handoff, MadeBy, Numbered, Source,
};

/// Form of [`Handoff`].
const SCHEMA: &str = "consort.handoff/1";

/// Every accepted handoff, in plan order.
///
/// # Errors
/// Accepted bytes cannot be read.
pub fn crossings(state: &State, evidence: Evidence<'_>) -> Result<Vec<Crossing>, String> {
    let mut all = Vec::new();
    for (ix, it) in state.tasks.iter().enumerate() {
        let (TaskKind::Handoff(spec), Some(candidate)) = (&state.graph.task(ix).kind, it.accepted()) else {
            continue;
        };
        let Some((path, text)) = texts(candidate, evidence)?.into_iter().next() else { continue };
        let handoff = published(state, ix, spec, candidate, &path, &text);
        let key = acknowledgement::handoff_key(&path).unwrap_or_default();
        let mut answers = Vec::new();
        for consumer in state.graph.consumers(ix) {
            let Some(made) = state.tasks[*consumer].accepted() else { continue };
            let by = &state.graph.task(*consumer).id;
            let rows = texts(made, evidence)?.into_iter().flat_map(|(path, text)| rows(&path, &text));
            answers.extend(rows.filter_map(|row| answered(by.as_str(), &key, row)));
        }
        all.push(Crossing { handoff, answers });
    }
    Ok(all)
}

/// Files of a candidate that are text, by path.
fn texts(candidate: &Candidate, evidence: Evidence<'_>) -> Result<Vec<(String, String)>, String> {
    let paths: Vec<String> = candidate.artifacts.iter().map(|a| a.path.clone()).collect();
    let files = evidence.files(&candidate.revision, &paths)?;
    let text = |(path, bytes): (String, Option<Vec<u8>>)| Some((path, String::from_utf8(bytes?).ok()?));
    Ok(paths.into_iter().zip(files).filter_map(text).collect())
}

fn rows(path: &str, text: &str) -> Vec<Acknowledgement> {
    match path.ends_with(".md") {
        true => acknowledgement::parse_acknowledgements(text),
        false => acknowledgement::parse(&Page::read(&prose::of_file(path, text))),
    }
}

fn answered(by: &str, key: &str, row: Acknowledgement) -> Option<Answered> {
    let finding = row.finding.strip_prefix(key)?.strip_prefix('/')?.to_owned();
    Some(Answered { by: by.to_owned(), finding, used: row.verdict == "used", note: row.note })
}

fn published(
    state: &State,
    ix: usize,
    spec: &plan::Handoff,
    candidate: &Candidate,
    path: &str,
    text: &str,
) -> Handoff {
    let (task, it) = (state.graph.task(ix), &state.tasks[ix]);
    let parsed = handoff::parse_handoff(text);
    let envelope = envelope::parse_envelope(text);
    let hash = |of: Option<&ContentHash>| of.map(ToString::to_string).unwrap_or_default();
    let sources = inputs_of(state, ix).into_iter().filter_map(|input| {
        Some(Source { task: input.task?.to_string(), path: input.path, sha256: hash(input.hash.as_ref()) })
    });
    let scored = it.rounds.iter().rev().find(|r| r.revision.as_ref() == Some(&candidate.revision));
    Handoff {
        schema: SCHEMA,
        run: state.start.as_ref().map(|start| start.run.0.clone()).unwrap_or_default(),
        rehearsal: state.graph.plan.rehearsal,
        barrier: spec.barrier.to_string(),
        from: spec.aliases.0.clone(),
        to: spec.aliases.1.clone(),
        path: path.to_owned(),
        sha256: hash(candidate.artifacts.iter().find(|a| a.path == path).map(|a| &a.hash)),
        revision: candidate.revision.to_string(),
        made_by: MadeBy {
            task: task.id.to_string(),
            role: task.role.clone(),
            round: scored.map_or(it.iteration, |r| r.iteration),
        },
        criticality: task.criticality.to_string(),
        composite: scored.and_then(|r| r.composite).map(|c| c.to_string()),
        sources: sources.collect(),
        confidence: envelope
            .confidence
            .map(|value| Confidence { value: value.to_string(), reason: envelope.reason }),
        blockers: envelope.blockers.into_iter().map(|(id, text)| Numbered { id, text }).collect(),
        findings: parsed.findings.into_iter().map(finding).collect(),
        key_content: parsed
            .key_content
            .into_iter()
            .map(|(content, findings)| Crossed { content, findings })
            .collect(),
        data: envelope.data,
    }
}

fn finding(of: handoff::HandoffFinding) -> Finding {
    let cites = of.cites.into_iter().map(|c| Citation { path: c.path, from: c.from, to: c.to });
    Finding { id: of.id, title: of.title, text: of.body, cites: cites.collect() }
}
