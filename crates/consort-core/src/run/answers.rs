//! What the brain itself demands of an answer that its reader found well formed.

use super::event::{EventKind, Judged};
use super::input::{DimensionScore, Review, Severity};
use super::judging::needs_others;
use super::settle::composite;
use super::state::{State, TaskState};
use crate::ids::{AttemptId, ContentHash};

/// At most so many characters of ids of responses are kept in an event: whatever an agent answers,
/// an event has its bound. The whole answer is stored.
const RESPONSES_CHARS_MAX: usize = 600;

/// A judge's scores as an event: the round's, or one voice among several.
pub(super) fn scored(
    state: &State,
    attempt: &AttemptId,
    scores: &[DimensionScore],
    criteria: &[bool],
    answer: &ContentHash,
) -> Result<EventKind, String> {
    let unknown = || "the scores are not those of the plan's dimensions".to_owned();
    let composite = composite(state, scores).ok_or_else(unknown)?;
    let ix = state.graph.ix(&attempt.task).ok_or_else(unknown)?;
    let task = state.graph.task(ix);
    if criteria.len() != task.criteria.len() {
        return Err(format!("it judges {} of {} criteria", criteria.len(), task.criteria.len()));
    }
    let unmet: Vec<u32> = (0..).zip(criteria).filter(|(_, met)| !**met).map(|(at, _)| at).collect();
    let (id, iteration) = (attempt.task.clone(), attempt.iteration);
    let (scores, answer) = (scores.to_vec(), answer.clone());
    if needs_others(state, ix, &scores) {
        let judge = attempt.step.judge().unwrap_or(1);
        let judged = Judged { judge, scores, composite, unmet, answer };
        return Ok(EventKind::Judged { task: id, iteration, judged });
    }
    let band = composite.band(task.threshold, task.floor);
    Ok(EventKind::Scored { task: id, iteration, scores, composite, band, answer, unmet })
}

/// Why a review is asked for once more: some of its findings quote what is not there. The second
/// time they are dropped.
pub(super) fn unfounded(state: &State, attempt: &AttemptId, review: &Review) -> Option<String> {
    let void: Vec<&str> = review.findings.iter().filter(|f| f.void).map(|f| f.id.as_str()).collect();
    let it = &state.tasks[state.graph.ix(&attempt.task)?];
    let step = it.steps.iter().find(|s| s.step == attempt.step)?;
    let last_try = step.failures + 1 >= state.graph.plan.limits.max_attempts.max(1);
    if void.is_empty() || step.unfounded > 0 || last_try {
        return None;
    }
    Some(format!(
        "{} of {} findings quote words that are not in the candidate: {}",
        void.len(),
        review.findings.len(),
        void.join(", ")
    ))
}

/// Which finding a creator leaves without an answer: each Critical and Major one that it was asked
/// must be mended or refused with a reason.
pub(super) fn unanswered(state: &State, attempt: &AttemptId, review: &Review) -> Option<String> {
    let it = &state.tasks[state.graph.ix(&attempt.task)?];
    let missing = demanded(it).into_iter().find(|id| !review.responses.iter().any(|r| r.finding == *id));
    missing.map(|id| format!("finding {id} is not answered: say where it is fixed, or why it is refused"))
}

/// Critical and Major findings that the creator was asked to answer: `S-002/DA-001`. A judge's
/// advice is not among them.
fn demanded(it: &TaskState) -> Vec<String> {
    let mut ids = Vec::new();
    for asked in &it.asked {
        let Some(round) = it.rounds.iter().find(|r| r.iteration == asked.iteration) else { continue };
        let review = round.reviews.iter().find(|(_, review)| review.answer == asked.answer);
        let lines = review.into_iter().flat_map(|(_, review)| &review.findings);
        let grave = lines.filter(|line| !line.void && line.severity != Severity::Minor);
        ids.extend(grave.map(|line| format!("{}/{}", asked.strategy, line.id)));
    }
    ids
}

/// Within the bounds of an event: answers to what was asked, as far as there is room.
pub(super) fn short(state: &State, attempt: &AttemptId, review: &Review) -> Review {
    let asked = state.graph.ix(&attempt.task).map(|ix| demanded(&state.tasks[ix])).unwrap_or_default();
    let mut review = review.clone();
    let mut room = RESPONSES_CHARS_MAX;
    review.responses.retain(|response| {
        let cost = response.finding.len() + 20;
        let kept = asked.contains(&response.finding) && cost <= room;
        room -= if kept { cost } else { 0 };
        kept
    });
    review
}
