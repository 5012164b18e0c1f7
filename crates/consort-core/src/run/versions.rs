//! The two best versions of a piece of work, and what separates them: what a person reads who has
//! to choose.

use super::event::Verdict;
use super::state::{Round, TaskState};
use std::fmt::Write;

/// Why the last round did not pass; then the best version with its composite, the next best, and
/// the dimensions in which they differ most. Without any score the first problem of the last one.
pub(super) fn described(it: &TaskState) -> String {
    let versions = it.versions();
    let Some(best) = versions.first() else {
        let first = it.problems.first().map(|p| format!("; checks: {}", p.text)).unwrap_or_default();
        return format!("{}{first}", refused(it));
    };
    let mut text = format!("{} (best: {}", refused(it), named(best));
    if let Some(second) = versions.get(1) {
        let _ = write!(text, "; then {}", named(second));
        let apart = apart(best, second);
        if !apart.is_empty() {
            let _ = write!(text, "; they differ in {}", apart.join(", "));
        }
    }
    text.push(')');
    text
}

/// The same where there is but one version: why it did not pass, and what it was worth.
pub(super) fn only_one(it: &TaskState) -> String {
    let composite = it.round().and_then(|r| r.composite);
    let worth = composite.map(|c| format!(" (composite {c})")).unwrap_or_default();
    format!("{}{worth}", refused(it))
}

fn refused(it: &TaskState) -> String {
    let said = match it.round().and_then(|r| r.verdict.as_ref()) {
        Some(Verdict::Broken { refusals, .. } | Verdict::Revise(refusals)) => refusals.iter(),
        _ => [].iter(),
    };
    let said: Vec<String> = said.map(ToString::to_string).collect();
    if said.is_empty() { String::new() } else { format!(": {}", said.join(", ")) }
}

fn named(round: &Round) -> String {
    let composite = round.composite.map_or_else(|| "no score".to_owned(), |c| c.to_string());
    let at: String = round.revision.iter().flat_map(|r| r.as_str().chars().take(12)).collect();
    format!("round {} at {at}, composite {composite}", round.iteration)
}

/// The three dimensions with the largest difference, best version's score first.
fn apart(best: &Round, second: &Round) -> Vec<String> {
    let paired = best.scores.iter().filter_map(|score| {
        let other = second.scores.iter().find(|o| o.dimension == score.dimension)?;
        let difference = score.score.ten_thousandths().abs_diff(other.score.ten_thousandths());
        (difference > 0)
            .then(|| (difference, format!("{} {} against {}", score.dimension, score.score, other.score)))
    });
    let mut apart: Vec<(u32, String)> = paired.collect();
    apart.sort_by_key(|(difference, _)| std::cmp::Reverse(*difference));
    apart.into_iter().take(3).map(|(_, text)| text).collect()
}
