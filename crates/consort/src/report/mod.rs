//! Reports for people: one page per gate, one for the run. Only what journal and store say.

pub(crate) mod alone;
pub(crate) mod gate;
pub(crate) mod story;
pub(crate) mod whole;

use consort_core::ids::ContentHash;
use consort_core::run::{Round, Severity};
use consort_core::view::clean;
use consort_worker::store::Store;

/// Reads stored answers.
pub(crate) fn answers(store: &Store) -> impl Fn(&ContentHash) -> serde_json::Value + '_ {
    |hash| {
        // A damaged answer is shown as missing here; `verify` names it.
        let bytes = store.get(hash).ok().flatten().unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }
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
fn followed(rounds: &[Round], answer: &whole::Answer<'_>) -> Vec<Followed> {
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
