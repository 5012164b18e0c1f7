//! Several judges of one candidate: how many are needed, and what they say together.

use super::event::{EventKind, Judged, RoundKind};
use super::input::DimensionScore;
use super::settle::composite;
use super::state::{Round, State};
use crate::ids::{ContentHash, Step};
use crate::quality::Score;

/// A first draft that scores above this, in ten-thousandths, is scored again by a fresh judge:
/// first drafts are rarely that good, and judges often that lenient.
pub const FIRST_DRAFT_MAX: u32 = 8_500;

/// True while what a single judge says is not enough.
pub(super) fn needs_others(state: &State, ix: usize, scores: &[DimensionScore]) -> bool {
    let task = state.graph.task(ix);
    if task.judges > 1 || state.tasks[ix].round().is_some_and(|r| !r.judged.is_empty()) {
        return true;
    }
    let draft = state.tasks[ix].round().is_some_and(|r| r.iteration == 1 && r.kind == RoundKind::Creation);
    draft && composite(state, scores).is_some_and(|c| c.units() > FIRST_DRAFT_MAX * 10_000)
}

/// What follows when the judges that were asked are in: one more, or the scores of all.
pub(super) fn together(state: &State, ix: usize) -> Vec<EventKind> {
    let task = state.graph.task(ix);
    let it = &state.tasks[ix];
    let Some(round) = it.round() else { return Vec::new() };
    let needed = usize::from(task.judges.max(2));
    if round.judged.len() < needed {
        let missing = (1..=needed as u8).filter(|n| !round.judged.iter().any(|j| j.judge == *n));
        let steps = missing.map(Step::of_judge).collect();
        return vec![EventKind::StepsQueued { task: task.id.clone(), iteration: it.iteration, steps }];
    }
    let scores = median(round);
    let Some(composite) = composite(state, &scores) else { return Vec::new() };
    let mut unmet: Vec<u32> = round.judged.iter().flat_map(|j| j.unmet.iter().copied()).collect();
    unmet.sort_unstable();
    unmet.dedup();
    vec![EventKind::Scored {
        task: task.id.clone(),
        iteration: it.iteration,
        scores,
        composite,
        band: composite.band(task.threshold, task.floor),
        answer: strictest(&round.judged),
        unmet,
    }]
}

/// Per dimension; of an even number the lower one of the two in the middle.
fn median(round: &Round) -> Vec<DimensionScore> {
    let Some(first) = round.judged.first() else { return Vec::new() };
    let of = |at: usize| {
        let mut all: Vec<Score> = round.judged.iter().filter_map(|j| Some(j.scores.get(at)?.score)).collect();
        all.sort_unstable();
        all.get((all.len().max(1) - 1) / 2).copied()
    };
    let dimension = |(at, score): (usize, &DimensionScore)| DimensionScore {
        dimension: score.dimension.clone(),
        score: of(at).unwrap_or(Score::ZERO),
    };
    first.scores.iter().enumerate().map(dimension).collect()
}

fn strictest(judged: &[Judged]) -> ContentHash {
    let lowest = judged.iter().min_by_key(|j| (j.composite, j.judge));
    lowest.map_or_else(|| ContentHash(String::new()), |j| j.answer.clone())
}
