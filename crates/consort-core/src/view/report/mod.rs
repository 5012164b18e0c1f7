//! Reports for people: one page per gate, one for the run. Only what journal, store and accepted
//! work say; the same of these gives the same bytes.

pub mod gate;
mod handoff;
mod json;
pub mod whole;

pub use handoff::{
    Answered, Citation, Confidence, Crossed, Crossing, Fate as CrossingFate, Finding, Handoff, MadeBy,
    Numbered, Source, schema as handoff_schema,
};
pub use json::{gate_json, json};

use super::clean;
use crate::ids::ContentHash;
use crate::run::{Round, Severity, State};

/// Every report of a run, by its path below the run's folder of artifacts.
pub fn files(state: &State, answer: &Answer<'_>, crossings: &[Crossing]) -> Vec<(String, Vec<u8>)> {
    let view = super::model::run_view(state);
    let gated: Vec<usize> = gated(state).collect();
    let mut files = vec![
        ("reports/README.md".to_owned(), whole::page(state, &view, answer, crossings).into_bytes()),
        ("reports/run.json".to_owned(), pretty(&json(state, &gated, answer, crossings))),
    ];
    files.extend(gated.into_iter().flat_map(|ix| gate_files(state, ix, answer)));
    files
}

/// The two reports of one gate, by their paths as above.
pub fn gate_files(state: &State, ix: usize, answer: &Answer<'_>) -> [(String, Vec<u8>); 2] {
    let id = &state.graph.task(ix).id;
    [
        (format!("reports/gates/{id}.md"), gate::page(state, ix, answer).into_bytes()),
        (format!("reports/gates/{id}.json"), pretty(&gate_json(state, ix, answer))),
    ]
}

/// The same bytes in every build: keys in the order of the alphabet.
fn pretty(value: &serde_json::Value) -> Vec<u8> {
    let mut value = value.clone();
    value.sort_all_objects();
    format!("{value:#}\n").into_bytes()
}

/// The JSON of a stored answer; null if it cannot be read.
pub type Answer<'a> = dyn Fn(&ContentHash) -> serde_json::Value + 'a;

/// Positions of the tasks that have a gate to report on, in plan order.
pub fn gated(state: &State) -> impl Iterator<Item = usize> + '_ {
    state.tasks.iter().enumerate().filter(|(_, it)| !it.rounds.is_empty()).map(|(ix, _)| ix)
}

/// What became of a finding.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Dropped,
    Fixed,
    Refused,
    /// A Minor one, of which no answer is asked.
    Minor,
    Open,
}

/// A critic's finding, and what became of it in the next round.
struct Followed {
    iteration: u32,
    /// Strategy and id: `S-002/DA-001`.
    id: String,
    severity: Severity,
    claim: String,
    fate: Fate,
}

/// All findings of a task's critics, in order. An event names only a part of the responses, so they
/// come from the stored answers.
fn followed(rounds: &[Round], answer: &Answer<'_>) -> Vec<Followed> {
    let mut all = Vec::new();
    for (at, round) in rounds.iter().enumerate() {
        let next = rounds.get(at + 1).and_then(|next| next.self_review.as_ref());
        let next = next.map(|review| answer(&review.answer)).unwrap_or_default();
        let said = |id: &str| {
            let responses = next["responses"].as_array().into_iter().flatten();
            responses.into_iter().find(|r| r["finding"] == id).map(|r| r["verdict"] == "fixed")
        };
        for (strategy, review) in &round.reviews {
            let full = answer(&review.answer);
            for (at, line) in review.findings.iter().enumerate() {
                let id = format!("{strategy}/{}", line.id);
                let fate = match said(&id) {
                    _ if line.void => Fate::Dropped,
                    Some(true) => Fate::Fixed,
                    Some(false) => Fate::Refused,
                    None if line.severity == Severity::Minor => Fate::Minor,
                    None => Fate::Open,
                };
                let claim = cell(full["findings"][at]["claim"].as_str().unwrap_or_default(), 200);
                all.push(Followed { iteration: round.iteration, id, severity: line.severity, claim, fate });
            }
        }
    }
    all
}

/// Text of an agent in a cell or a line: no markup of ours breaks.
fn cell(text: &str, most: usize) -> String {
    let text = clean(text).replace('|', "\\|").replace('<', "&lt;");
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
