//! Whether another round is worth its money, from the rounds so far.

use super::Severity;
use super::decide::refusals;
use super::event::{HoldWhy, RoundKind};
use super::state::{Round, TaskState};
use crate::plan::Task;
use std::collections::BTreeSet;

/// So many rounds in a row that fall are no bad luck.
const FALLS: usize = 2;

/// A fall of the composite below this, in units of 1e-8, is noise (0.02).
const FALL_MIN: i64 = 2_000_000;

/// So many rounds in a row with nothing but Minor findings, without a pass or progress: the
/// reviewers have nothing more to say that would help.
const NITS: usize = 2;

/// Why the present set of rounds ends, though it has rounds left. Rounds that passed do not
/// count, nor do rounds without a score.
pub(super) fn stops(task: &Task, state: &TaskState) -> Option<HoldWhy> {
    let of_set = |r: &&Round| r.iteration >= state.set_began && r.kind == RoundKind::Creation;
    let failed = |r: &&Round| r.composite.is_some() && !refusals(task, r).is_empty();
    let rounds: Vec<&Round> = state.rounds.iter().filter(of_set).filter(failed).collect();
    let falls = gains(&rounds).rev().take(FALLS).filter(|gain| *gain <= -FALL_MIN).count();
    if falls == FALLS {
        return Some(HoldWhy::Regressing);
    }
    if oscillates(&rounds) {
        return Some(HoldWhy::Oscillating);
    }
    if makes_no_progress(task, &rounds) {
        return Some(HoldWhy::NoProgress);
    }
    let still = gains(&rounds).next_back().is_some_and(|gain| gain < delta(task));
    let enough = state.rounds_in_set() >= task.rounds.min && still;
    let nits = |r: &&&Round| r.count(Severity::Critical) + r.count(Severity::Major) == 0 && r.findings() > 0;
    (enough && rounds.iter().rev().take(NITS).filter(nits).count() == NITS).then_some(HoldWhy::OnlyNits)
}

/// How the composite changed from round to round, in units of 1e-8.
fn gains<'a>(rounds: &'a [&'a Round]) -> impl DoubleEndedIterator<Item = i64> + 'a {
    let units = |r: &Round| r.composite.map_or(0, |c| i64::from(c.units()));
    rounds.windows(2).map(move |pair| units(pair[1]) - units(pair[0]))
}

/// The last `plateau_window` creations improved the composite by less than `plateau_delta` each.
fn makes_no_progress(task: &Task, rounds: &[&Round]) -> bool {
    let window = task.rounds.plateau_window as usize;
    window > 0 && rounds.len() > window && gains(rounds).rev().take(window).all(|gain| gain < delta(task))
}

/// What counts as progress, in units of 1e-8.
fn delta(task: &Task) -> i64 {
    i64::from(task.rounds.plateau_delta.ten_thousandths()) * 10_000
}

/// Everything grave that is found now was found two rounds ago, was answered, and was not found in
/// between: mending one thing brings the other back.
fn oscillates(rounds: &[&Round]) -> bool {
    let [.., first, between, now] = rounds else { return false };
    let (first, between, now) = (grave(first), grave(between), grave(now));
    !now.is_empty() && now.is_subset(&first) && now.is_disjoint(&between)
}

/// Prints of Critical and Major findings. One without a print could be any: it counts as new.
fn grave(round: &Round) -> BTreeSet<String> {
    let lines = round
        .reviews
        .iter()
        .flat_map(|(strategy, review)| review.findings.iter().map(move |line| (strategy, line)));
    let grave = lines.filter(|(_, line)| !line.void && line.severity != Severity::Minor);
    grave
        .map(|(strategy, line)| match line.print.is_empty() {
            true => format!("{strategy}/{}/{}", round.iteration, line.id),
            false => format!("{strategy}/{}", line.print),
        })
        .collect()
}
