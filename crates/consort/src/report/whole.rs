//! One page for the whole run.

use super::{Fate, cell, followed, gate};
use consort_core::ids::ContentHash;
use consort_core::run::{Severity, State, TaskStage};
use consort_core::view::model::RunView;
use std::fmt::Write;

/// The JSON of a stored answer; null if it cannot be read.
pub(crate) type Answer<'a> = dyn Fn(&ContentHash) -> serde_json::Value + 'a;

/// See the module.
pub(crate) fn page(state: &State, view: &RunView, answer: &Answer<'_>) -> String {
    let plan = &state.graph.plan;
    let mut text = format!("# Report: {}\n\n", cell(&plan.workflow.title, 200));
    if plan.rehearsal {
        text += "> A rehearsal: players stood in for the agents. Nothing here is a result.\n\n";
    }
    let _ = writeln!(
        text,
        "Run {}, {}. {}\n",
        view.id,
        view.status,
        plan.workflow.question.as_deref().map(|q| cell(q, 500)).unwrap_or_default()
    );
    decided(&mut text, state);
    cost(&mut text, view);
    gates(&mut text, state);
    findings(&mut text, state, answer);
    people(&mut text, state, view);
    text
}

fn decided(text: &mut String, state: &State) {
    text.push_str(
        "## What was decided and changed\n\n| Task | Result | Artifacts | Commit |\n|---|---|---|---|\n",
    );
    for (ix, it) in state.tasks.iter().enumerate() {
        let candidate = it.candidate.as_ref().filter(|_| matches!(it.stage, TaskStage::Accepted));
        let paths: Vec<&str> =
            candidate.iter().flat_map(|c| c.artifacts.iter().map(|a| a.path.as_str())).collect();
        let commit: String = candidate.iter().flat_map(|c| c.revision.as_str().chars().take(12)).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {commit} |",
            state.graph.task(ix).id,
            gate::verdict(state, ix),
            cell(&paths.join(", "), 300)
        );
    }
}

fn cost(text: &mut String, view: &RunView) {
    let (calls, cost) = (&view.calls, &view.cost);
    text.push_str("\n## What it cost\n\n");
    let _ = writeln!(
        text,
        "{} agent calls ({} done, {} failed, {} lost or unknown), {} tokens in, {} out, {} s of agents' time; cost {}.",
        calls.used,
        calls.done,
        calls.failed,
        calls.lost,
        cost.tokens_in,
        cost.tokens_out,
        calls.wall_ms / 1_000,
        cost.text
    );
}

fn gates(text: &mut String, state: &State) {
    text.push_str("\n## Gates\n\n| Task | Level | Rounds | First | Last | Pass at | Result |\n|---|---|---|---|---|---|---|\n");
    for (ix, it) in state.tasks.iter().enumerate().filter(|(_, it)| !it.rounds.is_empty()) {
        let task = state.graph.task(ix);
        let scored: Vec<String> =
            it.rounds.iter().filter_map(|r| r.composite).map(|c| c.to_string()).collect();
        let of = |one: Option<&String>| one.cloned().unwrap_or_else(|| "-".into());
        let pass = if task.judged { task.threshold.to_string() } else { "no judge".into() };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {pass} | {} |",
            task.id,
            task.criticality,
            it.rounds.len(),
            of(scored.first()),
            of(scored.last()),
            gate::verdict(state, ix)
        );
    }
}

fn findings(text: &mut String, state: &State, answer: &Answer<'_>) {
    let rounds = || state.tasks.iter().flat_map(|it| &it.rounds);
    let count = |severity: Severity| rounds().map(|r| r.count(severity)).sum::<u32>();
    let fates: Vec<Fate> =
        state.tasks.iter().flat_map(|it| followed(&it.rounds, answer)).map(|one| one.fate).collect();
    let of = |fate: Fate| fates.iter().filter(|one| **one == fate).count();
    let problems: u32 = rounds().map(|r| r.problems).sum();
    text.push_str("\n## Findings\n\n");
    let _ = writeln!(
        text,
        "{} Critical, {} Major, {} Minor over all rounds; {} fixed and {} refused by their creators; {} dropped for quotations that \
         nobody wrote. Checks found {problems} problems before any reviewer was asked.",
        count(Severity::Critical),
        count(Severity::Major),
        count(Severity::Minor),
        of(Fate::Fixed),
        of(Fate::Refused),
        of(Fate::Dropped)
    );
}

fn people(text: &mut String, state: &State, view: &RunView) {
    text.push_str("\n## Approvals and overrides\n\n");
    for (id, approval) in &state.approvals {
        let answer = match (&approval.answer, &approval.void) {
            (Some(a), _) => {
                let note = a.note.as_deref().map(|n| format!(": {}", cell(n, 300))).unwrap_or_default();
                format!(
                    "{} by {} ({}){note}",
                    if a.yes { "yes" } else { "no" },
                    cell(&a.by, 80),
                    cell(&a.how, 80)
                )
            }
            (None, Some(why)) => format!("moot: {}", cell(why, 200)),
            (None, None) => "open".to_owned(),
        };
        let _ = writeln!(text, "- {id} {}: {answer}", cell(&approval.question, 200));
    }
    for over in &state.overrides {
        let why: Vec<String> = over.refusals.iter().map(ToString::to_string).collect();
        let note = cell(over.note.as_deref().unwrap_or("no reason was given"), 300);
        let _ = writeln!(
            text,
            "- **Override** of {} round {} by {}, against: {}. Reason: {note}",
            over.task,
            over.iteration,
            cell(&over.by, 80),
            why.join(", ")
        );
    }
    for (task, steering) in view.tasks.iter().flat_map(|t| t.steering.iter().map(move |s| (t, s))) {
        let _ = writeln!(text, "- Guidance for {}: {}", task.id, cell(&steering.line(), 500));
    }
    for waived in &view.waived {
        let _ = writeln!(text, "- {}", cell(&waived.line(), 500));
    }
    for rule in &state.graph.plan.escalation {
        if let Some(why) = &rule.off {
            let _ = writeln!(
                text,
                "- Rule {} ({}) was switched off: {}",
                rule.id,
                cell(&rule.about, 80),
                cell(why, 300)
            );
        }
    }
    if text.ends_with("\n\n") {
        text.push_str("None.\n");
    }
}
