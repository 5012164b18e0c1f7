//! The two best versions of a piece of work, and what separates them: what a person reads who has
//! to choose.

use super::Severity;
use super::event::Verdict;
use super::state::{Round, TaskState};
use crate::ids::DimensionId;
use crate::quality::Score;
use std::cmp::Reverse;
use std::fmt::Write;

/// A version, and what only its reviewers found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version<'a> {
    /// The round in which it was scored last.
    pub round: &'a Round,
    /// Open findings that the other version does not have: strategy and id, and how bad. Grave ones
    /// first. Empty without another version.
    pub only_here: Vec<(String, Severity)>,
}

/// The best version, the next best, and where their scores differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart<'a> {
    /// The one with the highest composite: a person who accepts accepts this one.
    pub best: Version<'a>,
    /// The next one, if there is one.
    pub second: Option<Version<'a>>,
    /// Dimensions in which they differ, the best version's score first, the largest difference first.
    pub dimensions: Vec<(&'a DimensionId, Score, Score)>,
}

/// What separates the two best versions; `None` without any score.
pub fn apart(it: &TaskState) -> Option<Apart<'_>> {
    let versions = it.versions();
    let best = *versions.first()?;
    let Some(second) = versions.get(1).copied() else {
        let best = Version { round: best, only_here: Vec::new() };
        return Some(Apart { best, second: None, dimensions: Vec::new() });
    };
    Some(Apart {
        best: Version { round: best, only_here: only_in(best, second) },
        second: Some(Version { round: second, only_here: only_in(second, best) }),
        dimensions: differ(best, second),
    })
}

/// Findings of one round that the other has not: the same one has the same print, whatever its number.
/// One without a print could be any, and is told.
fn only_in(here: &Round, there: &Round) -> Vec<(String, Severity)> {
    let all = |round: &'_ Round| -> Vec<(String, String, Severity)> {
        let reviews = round.reviews.iter();
        let lines = reviews.flat_map(|(s, r)| r.findings.iter().map(move |line| (s, line)));
        lines
            .filter(|(_, line)| !line.void)
            .map(|(s, line)| (format!("{s}/{}", line.id), format!("{s}/{}", line.print), line.severity))
            .collect()
    };
    let known = all(there);
    let same = |print: &str| !print.ends_with('/') && known.iter().any(|(_, other, _)| other == print);
    let new = all(here).into_iter().filter(|(_, print, _)| !same(print));
    let mut only: Vec<(String, Severity)> = new.map(|(id, _, severity)| (id, severity)).collect();
    only.sort_by_key(|(id, severity)| (Reverse(*severity), id.clone()));
    only
}

fn differ<'a>(best: &'a Round, second: &Round) -> Vec<(&'a DimensionId, Score, Score)> {
    let paired = best.scores.iter().filter_map(|score| {
        let other = second.scores.iter().find(|o| o.dimension == score.dimension)?;
        (score.score != other.score).then_some((&score.dimension, score.score, other.score))
    });
    let mut differ: Vec<(&DimensionId, Score, Score)> = paired.collect();
    let gap = |a: Score, b: Score| a.ten_thousandths().abs_diff(b.ten_thousandths());
    differ.sort_by_key(|(_, a, b)| Reverse(gap(*a, *b)));
    differ
}

/// Why the last round did not pass; then the best version with its composite, the next best, and
/// what separates them. Without any score the first problem of the last one.
pub(super) fn described(it: &TaskState) -> String {
    let Some(Apart { best, second, dimensions }) = apart(it) else {
        let first = it.problems.first().map(|p| format!("; checks: {}", p.text)).unwrap_or_default();
        return format!("{}{first}", refused(it));
    };
    let mut text = format!("{} (best: {}", refused(it), named(best.round));
    if let Some(second) = second {
        let _ = write!(text, "; then {}", named(second.round));
        let each: Vec<String> =
            dimensions.iter().take(3).map(|(d, a, b)| format!("{d} {a} against {b}")).collect();
        if !each.is_empty() {
            let _ = write!(text, "; they differ in {}", each.join(", "));
        }
        for version in [&best, &second].into_iter().filter(|v| !v.only_here.is_empty()) {
            let found = counted(&version.only_here);
            let _ = write!(text, "; found in round {} only: {found}", version.round.iteration);
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

/// `1 Critical, 2 Major`.
fn counted(found: &[(String, Severity)]) -> String {
    let word = |severity, name: &str| {
        let n = found.iter().filter(|(_, s)| *s == severity).count();
        (n > 0).then(|| format!("{n} {name}"))
    };
    let all = [(Severity::Critical, "Critical"), (Severity::Major, "Major"), (Severity::Minor, "Minor")];
    all.into_iter().filter_map(|(s, name)| word(s, name)).collect::<Vec<_>>().join(", ")
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
