//! The verdict on a round, from its scores, findings and problems.

use super::Severity;
use super::event::{GateRefusal, HoldWhy, RoundKind, Verdict};
use super::state::{Round, TaskState};
use crate::plan::Task;
use crate::planted::Bug;
use crate::quality::{Composite, Score};

/// Why the gate says no to this round; empty: it passes.
pub(super) fn refusals(task: &Task, round: &Round) -> Vec<GateRefusal> {
    let mut refusals = Vec::new();
    if round.problems > 0 {
        refusals.push(GateRefusal::Problems(round.problems));
        return refusals;
    }
    if task.judged && !round.composite.is_some_and(|c| passes(c, task.threshold)) {
        refusals.push(GateRefusal::BelowThreshold);
    }
    let half = |score: Score| score.ten_thousandths() <= 5_000;
    for weak in round.scores.iter().filter(|s| half(s.score)) {
        refusals.push(GateRefusal::WeakDimension(weak.dimension.to_string()));
    }
    let critical = round.count(Severity::Critical);
    if critical > 0 {
        refusals.push(GateRefusal::CriticalFindings(critical));
    }
    refusals
}

fn passes(composite: Composite, threshold: Score) -> bool {
    if Bug::BelowThresholdAccepted.is_planted() {
        // Rounds to two decimals first, as a template of the original system does.
        return (composite.units() + 500_000) / 1_000_000 * 100 >= threshold.ten_thousandths();
    }
    composite.reaches(threshold)
}

/// What follows from the present round of this task.
pub(super) fn verdict(task: &Task, state: &TaskState) -> Verdict {
    let Some(round) = state.round() else { return Verdict::Revise(vec![GateRefusal::BelowThreshold]) };
    let refusals = refusals(task, round);
    let done = state.rounds_in_set();
    let min = if Bug::TwoRoundsAccepted.is_planted() { task.rounds.min.min(2) } else { task.rounds.min };
    if refusals.is_empty() {
        return if done >= min {
            Verdict::Accepted
        } else if round.count(Severity::Major) == 0 {
            Verdict::Confirm
        } else {
            Verdict::Revise(refusals)
        };
    }
    if done >= task.rounds.max {
        Verdict::Broken { refusals, breaker: HoldWhy::MaxRounds }
    } else if makes_no_progress(task, state) {
        Verdict::Broken { refusals, breaker: HoldWhy::NoProgress }
    } else {
        Verdict::Revise(refusals)
    }
}

/// True if the last `plateau_window` creations of this set improved the composite by less
/// than `plateau_delta` each. Rounds that passed, and rounds without a score, do not count.
fn makes_no_progress(task: &Task, state: &TaskState) -> bool {
    let of_set =
        state.rounds.iter().filter(|r| r.iteration >= state.set_began && r.kind == RoundKind::Creation);
    let composites: Vec<Composite> =
        of_set.filter(|r| !refusals(task, r).is_empty()).filter_map(|r| r.composite).collect();
    let window = task.rounds.plateau_window as usize;
    let enough = i64::from(task.rounds.plateau_delta.ten_thousandths()) * 10_000;
    let flat = |pair: &[Composite]| i64::from(pair[1].units()) - i64::from(pair[0].units()) < enough;
    window > 0 && composites.len() > window && composites.windows(2).rev().take(window).all(flat)
}
