//! The verdict on a round, from its scores, findings and problems.

use super::Severity;
use super::event::{GateRefusal, HoldWhy, Verdict};
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
    let major = round.count(Severity::Major);
    if task.given.is_some() && !task.judged && major > 0 {
        // Without a judge and without another round the findings alone decide.
        refusals.push(GateRefusal::MajorFindings(major));
    }
    // An event is bounded: the whole list is in the round.
    let unmet = round.unmet.iter().filter_map(|at| task.criteria.get(*at as usize)).take(UNMET_NAMED);
    refusals.extend(unmet.map(|c| GateRefusal::CriterionUnmet(super::ask::cut(&c.name, 100))));
    if let Some((low, high)) = round.spread().filter(|(low, high)| too_far(*low, *high)) {
        refusals.push(GateRefusal::JudgesDisagree { low, high });
    }
    refusals
}

/// Composites of independent judges that lie further apart than this, in ten-thousandths, are no
/// measurement: a person looks. (0.12, as the monitoring rule of the original system.)
pub const DISAGREEMENT_MAX: u32 = 1_200;

/// At most so many criteria are named in a verdict.
const UNMET_NAMED: usize = 10;

fn too_far(low: Composite, high: Composite) -> bool {
    high.units().saturating_sub(low.units()) > DISAGREEMENT_MAX * 10_000
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
    let mut refusals = refusals(task, round);
    let done = state.rounds_in_set();
    let min = if Bug::TwoRoundsAccepted.is_planted() { task.rounds.min.min(2) } else { task.rounds.min };
    let raised: Vec<_> = round.raised.iter().cloned().map(GateRefusal::Escalated).collect();
    if refusals.is_empty() {
        return match round.count(Severity::Major) {
            // The gate did all that its level asks for; another round would change nothing about it.
            _ if done >= min && !raised.is_empty() => {
                Verdict::Broken { refusals: raised, breaker: HoldWhy::Escalated }
            }
            _ if done >= min => Verdict::Accepted,
            0 => Verdict::Confirm,
            _ => Verdict::Revise(Vec::new()),
        };
    }
    let breaker = if refusals.iter().any(|r| matches!(r, GateRefusal::JudgesDisagree { .. })) {
        Some(HoldWhy::Disagreement)
    } else if task.given.is_some() {
        Some(HoldWhy::NoCreator)
    } else if done >= task.rounds.max {
        Some(HoldWhy::MaxRounds)
    } else {
        super::progress::stops(task, state)
    };
    match breaker {
        Some(breaker) => {
            // A person who overrides the rest overrides this too, and is told.
            refusals.extend(raised);
            Verdict::Broken { refusals, breaker }
        }
        None => Verdict::Revise(refusals),
    }
}
