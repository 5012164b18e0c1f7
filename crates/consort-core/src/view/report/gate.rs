//! The score report of one gate.

use super::{Answer, Fate, cell, followed};
use crate::plan::{Criterion, judged_criteria};
use crate::quality::Score;
use crate::run::{FIRST_DRAFT_MAX, Round, Severity, State, TaskStage, Verdict};
use std::fmt::Write;

/// What became of the task, in a word or two.
pub fn verdict(state: &State, ix: usize) -> &'static str {
    let id = &state.graph.task(ix).id;
    let generation = state.tasks[ix].generation;
    let overridden = state.overrides.iter().any(|o| o.task == *id && o.generation == generation);
    match &state.tasks[ix].stage {
        TaskStage::Accepted if overridden => "accepted against the verdict",
        TaskStage::Accepted => "accepted",
        TaskStage::Held(_) => "waits for a person",
        TaskStage::Failed(_) if state.graph.task(ix).given.is_some() => {
            let decided = state.tasks[ix].round().is_some_and(|r| r.verdict.is_some());
            if decided { "does not pass" } else { "no answer" }
        }
        TaskStage::Failed(_) => "given up",
        _ => "not decided",
    }
}

/// The whole page.
pub fn page(state: &State, ix: usize, answer: &Answer<'_>) -> String {
    let task = state.graph.task(ix);
    let it = &state.tasks[ix];
    let mut text = format!("# Score report: {}\n\n", task.id);
    let strategies: Vec<&str> = task.review_groups.iter().flatten().map(|s| s.as_str()).collect();
    let _ = writeln!(
        text,
        "- Deliverable: {} ({})",
        cell(&task.output.paths().join(", "), 300),
        task.output.word()
    );
    let raised = if task.escalated_by.is_empty() {
        String::new()
    } else {
        format!(", raised by {}", task.escalated_by.join(", "))
    };
    let _ = writeln!(text, "- Criticality: {}{raised}", task.criticality);
    let _ = writeln!(
        text,
        "- Strategies: {}",
        ["S-010 first"]
            .into_iter()
            .filter(|_| task.self_review)
            .chain(strategies)
            .chain(["S-014 last"].into_iter().filter(|_| task.judged))
            .collect::<Vec<_>>()
            .join(", ")
    );
    let last = it.rounds.iter().rev().find(|r| r.composite.is_some());
    let Some(last) = last else {
        let _ = writeln!(text, "- Result: {}; no judge scored it\n", verdict(state, ix));
        rounds(&mut text, it.rounds.iter());
        if it.rounds.iter().any(|r| !r.reviews.is_empty()) {
            findings(&mut text, state, ix, answer);
        }
        for problem in &it.problems {
            let _ = writeln!(text, "\n- {}: {}", problem.check, cell(&problem.text, 300));
        }
        return text;
    };
    let composite = last.composite.map_or_else(String::new, |c| c.to_string());
    let weakest = last.scores.iter().min_by_key(|s| s.score);
    text += "\n## L0\n\n";
    let _ = writeln!(
        text,
        "**{}** with {composite} of {} in round {}. Weakest: {}.\n",
        verdict(state, ix),
        task.threshold,
        last.iteration,
        weakest.map_or_else(|| "none".to_owned(), |w| format!("{} at {}", w.dimension, w.score))
    );
    rounds(&mut text, it.rounds.iter());
    dimensions(&mut text, state, last, answer);
    criteria(&mut text, state, ix, last);
    findings(&mut text, state, ix, answer);
    leniency(&mut text, it.rounds.first(), last);
    for over in state.overrides.iter().filter(|o| o.task == task.id) {
        let why: Vec<String> = over.refusals.iter().map(ToString::to_string).collect();
        let note = cell(over.note.as_deref().unwrap_or("no reason was given"), 500);
        let _ = writeln!(
            text,
            "\n**Override** by {} at {}, against: {}. Reason: {note}",
            cell(&over.by, 80),
            over.at,
            why.join(", ")
        );
    }
    text
}

fn rounds<'a>(text: &mut String, rounds: impl Iterator<Item = &'a Round>) {
    text.push_str("## Rounds\n\n| Round | Kind | Problems | Critical | Major | Minor | Dropped | Composite | Judges | Decision |\n|---|---|---|---|---|---|---|---|---|---|\n");
    for r in rounds {
        let void: u32 = r.reviews.iter().map(|(_, review)| review.dropped()).sum();
        let judges = match r.spread() {
            Some((low, high)) => format!("{} ({low} to {high})", r.judged.len()),
            None if r.composite.is_some() => "1".to_owned(),
            None => "-".to_owned(),
        };
        let decision = match &r.verdict {
            None => "open".to_owned(),
            Some(Verdict::Accepted) => "accepted".to_owned(),
            Some(Verdict::Confirm) => "passed, to be confirmed".to_owned(),
            Some(Verdict::Revise(why)) if why.is_empty() => "passed with Major findings, revise".to_owned(),
            Some(Verdict::Revise(why) | Verdict::Broken { refusals: why, .. }) => {
                why.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
        };
        let counts = [Severity::Critical, Severity::Major, Severity::Minor]
            .map(|s| r.count(s).to_string())
            .join(" | ");
        let composite = r.composite.map_or_else(|| "-".to_owned(), |c| c.to_string());
        let kind = format!("{:?}", r.kind).to_lowercase();
        let _ = writeln!(
            text,
            "| {} | {kind} | {} | {counts} | {void} | {composite} | {judges} | {} |",
            r.iteration,
            r.problems,
            cell(&decision, 200)
        );
    }
}

fn dimensions(text: &mut String, state: &State, last: &Round, answer: &Answer<'_>) {
    let said = last.scores_answer.as_ref().map(answer).unwrap_or_default();
    text.push_str(
        "\n## Dimensions\n\n| Dimension | Weight | Score | Weighted | Severity |\n|---|---|---|---|---|\n",
    );
    let mut advice: Vec<(u64, String)> = Vec::new();
    let mut details = String::new();
    for dimension in &state.graph.plan.quality.dimensions {
        let Some(score) = last.scores.iter().find(|s| s.dimension == dimension.id).map(|s| s.score) else {
            continue;
        };
        let weighted = u64::from(dimension.weight.ten_thousandths()) * u64::from(score.ten_thousandths());
        let shown = format!("{}.{:08}", weighted / 100_000_000, weighted % 100_000_000);
        let shown = shown.trim_end_matches('0');
        let _ = writeln!(
            text,
            "| {} | {} | {score} | {shown} | {} |",
            cell(&dimension.name, 80),
            dimension.weight,
            severity(score)
        );
        let one = &said["scores"][dimension.id.as_str()];
        let _ = writeln!(details, "\n### {} ({score})\n", cell(&dimension.name, 80));
        for point in one["evidence"].as_array().into_iter().flatten() {
            let of = |key: &str| cell(point[key].as_str().unwrap_or_default(), 300);
            let _ = writeln!(details, "- evidence, {}: \"{}\"", of("location"), of("quote"));
        }
        for (key, name) in [("gaps", "gaps"), ("improve", "improvement")] {
            let said = cell(one[key].as_str().unwrap_or_default(), 800);
            if !said.is_empty() {
                let _ = writeln!(details, "- {name}: {said}");
            }
        }
        let gap = u64::from(dimension.weight.ten_thousandths()) * u64::from(10_000 - score.ten_thousandths());
        let improve = cell(one["improve"].as_str().unwrap_or_default(), 400);
        if !improve.is_empty() {
            advice.push((gap, format!("{} from {score}: {improve}", cell(&dimension.name, 80))));
        }
    }
    text.push_str(&details);
    if !advice.is_empty() {
        advice.sort_by_key(|(gap, _)| std::cmp::Reverse(*gap));
        text.push_str("\n## Recommendations, by gap times weight\n\n");
        for (at, (_, what)) in advice.iter().enumerate() {
            let _ = writeln!(text, "{}. {what}", at + 1);
        }
    }
}

fn severity(score: Score) -> &'static str {
    match score.ten_thousandths() {
        0..=5_000 => "Critical",
        5_001..=8_499 => "Major",
        8_500..=9_199 => "Minor",
        _ => "none",
    }
}

fn criteria(text: &mut String, state: &State, ix: usize, last: &Round) {
    let task = state.graph.task(ix);
    if task.criteria.is_empty() {
        return;
    }
    text.push_str("\n## Criteria\n\n| Criterion | Met | By |\n|---|---|---|\n");
    for ((_, met), criterion) in met(state, ix, last).into_iter().zip(&task.criteria) {
        let by = match (&criterion.check, met) {
            (Some(check), _) => format!("`{}`", check.argv.join(" ")),
            (None, _) if criterion.holds.is_some() => {
                format!("`{}`", criterion.holds.as_deref().unwrap_or_default())
            }
            (None, Some(_)) => "the judge, with quotations".into(),
            (None, None) => {
                "not judged here: it names another task, or the numbers that the engine compares".into()
            }
        };
        let met = met.map_or("-", |met| if met { "yes" } else { "no" });
        let _ = writeln!(text, "| {} | {met} | {} |", cell(&criterion.name, 200), cell(&by, 200));
    }
}

/// Names of the criteria and whether each was met in this round; `None`: not judged here.
pub fn met<'a>(state: &'a State, ix: usize, round: &Round) -> Vec<(&'a str, Option<bool>)> {
    let task = state.graph.task(ix);
    let asked = judged_criteria(&state.graph.plan, task);
    let one = |((at, criterion), asked): ((u32, &'a Criterion), bool)| {
        let met = match criterion.is_measured() {
            true => Some(round.passed.contains(&at)),
            false => (asked && round.composite.is_some()).then(|| !round.unmet.contains(&at)),
        };
        (criterion.name.as_str(), met)
    };
    (0u32..).zip(&task.criteria).zip(asked).map(one).collect()
}

/// Findings of each round, and what the creator said became of them in the next.
fn findings(text: &mut String, state: &State, ix: usize, answer: &Answer<'_>) {
    let rounds = &state.tasks[ix].rounds;
    text.push_str(
        "\n## Findings\n\n| Round | Finding | Severity | What | Became of it |\n|---|---|---|---|---|\n",
    );
    for one in followed(rounds, answer) {
        let became = match one.fate {
            Fate::Dropped => "dropped: its quotation is not in the candidate",
            Fate::Fixed => "fixed, says the creator",
            Fate::Refused => "refused with a reason",
            Fate::Minor => "minor: no answer is asked",
            Fate::Open => "open",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {:?} | {} | {became} |",
            one.iteration, one.id, one.severity, one.claim
        );
    }
    for (round, strategy, left) in compliance(state, rounds) {
        let _ = writeln!(text, "\n{strategy} by its own count in round {round}: {left}.");
    }
}

/// Scores that follow from the findings of a strategy alone, such as S-007's deductions.
fn compliance(state: &State, rounds: &[Round]) -> Vec<(u32, String, Score)> {
    let mut counted = Vec::new();
    for round in rounds {
        for (strategy, review) in &round.reviews {
            let Some(deductions) = state.graph.plan.strategy(strategy).deductions else { continue };
            let count = |severity| review.count(severity);
            let left =
                deductions.left(count(Severity::Critical), count(Severity::Major), count(Severity::Minor));
            counted.push((round.iteration, strategy.to_string(), left));
        }
    }
    counted
}

/// What is enforced against lenient judges, and what it did here.
fn leniency(text: &mut String, first: Option<&Round>, last: &Round) {
    text.push_str("\n## Leniency\n\n");
    let high = last.scores.iter().filter(|s| s.score.ten_thousandths() > 9_000).count();
    let _ = writeln!(
        text,
        "- {high} dimensions above 0.90, each with at least three quotations that stand in the candidate."
    );
    let praised = first.and_then(|r| r.composite).is_some_and(|c| c.units() > FIRST_DRAFT_MAX * 10_000);
    let _ = writeln!(
        text,
        "- The first draft scored {}: {}.",
        first.and_then(|r| r.composite).map_or_else(|| "nothing".to_owned(), |c| c.to_string()),
        if praised { "a fresh judge scored it again" } else { "no second judge was needed" }
    );
    let _ = writeln!(text, "- The composite was computed by the engine and compared unrounded.");
}
