//! One page for the whole run.

use super::{Answer, Crossing, CrossingFate, Fate, cell, followed, gate};
use crate::run::{Severity, State, TaskStage};
use crate::view::model::RunView;
use std::fmt::Write;

/// See the module.
pub fn page(state: &State, view: &RunView, answer: &Answer<'_>, crossings: &[Crossing]) -> String {
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
    roles(&mut text, state);
    gates(&mut text, state);
    findings(&mut text, state, answer);
    crossed(&mut text, crossings);
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

/// The same by what the calls were for.
fn roles(text: &mut String, state: &State) {
    let used = &state.used.by_role;
    text.push_str("\n| Calls of | Calls | Tokens in | Tokens out | Seconds |\n|---|---|---|---|---|\n");
    for (name, role) in [
        ("creators", used.creator),
        ("creators' self-reviews", used.self_review),
        ("critics", used.critic),
        ("judges", used.judge),
    ] {
        let seconds = role.wall_ms / 1_000;
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {seconds} |",
            role.calls, role.tokens_in, role.tokens_out
        );
    }
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

/// What went over barriers: carried, declined, lost.
fn crossed(text: &mut String, crossings: &[Crossing]) {
    if crossings.is_empty() {
        return;
    }
    text.push_str(
        "\n## What crossed between pipelines\n\n| Barrier | From | To | Confidence | Findings | Used | Declined | Lost | Blockers |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for crossing in crossings {
        let h = &crossing.handoff;
        let of = |fate: CrossingFate| crossing.fates().filter(|(_, one)| *one == fate).count();
        let sure = h.confidence.as_ref().map_or("-", |c| c.value.as_str());
        let _ = writeln!(
            text,
            "| {} | {} | {} | {sure} | {} | {} | {} | {} | {} |",
            cell(&h.barrier, 80),
            cell(&h.from, 80),
            cell(&h.to, 80),
            h.findings.len(),
            of(CrossingFate::Used),
            of(CrossingFate::Declined),
            of(CrossingFate::Lost),
            h.blockers.len()
        );
    }
    text.push_str("\nLost: no accepted work says of it where it is used or why it is declined.\n");
    let mut left = String::new();
    for crossing in crossings {
        left_over(&mut left, crossing);
    }
    if !left.is_empty() {
        text.push('\n');
        text.push_str(&left);
    }
}

/// Blockers, and each finding that nobody used.
fn left_over(text: &mut String, crossing: &Crossing) {
    let h = &crossing.handoff;
    let key = format!("{}/{}-to-{}", cell(&h.barrier, 80), cell(&h.from, 80), cell(&h.to, 80));
    for blocker in &h.blockers {
        let _ = writeln!(
            text,
            "- {key}/{} stood in the way: {}",
            cell(&blocker.id, 20),
            cell(&blocker.text, 300)
        );
    }
    for (finding, fate) in crossing.fates() {
        let what = format!("{key}/{} {}", cell(&finding.id, 20), cell(&finding.title, 120));
        match fate {
            CrossingFate::Used => {}
            CrossingFate::Lost => {
                let _ = writeln!(text, "- {what}: lost");
            }
            CrossingFate::Declined => {
                for one in crossing.answers.iter().filter(|a| a.finding == finding.id) {
                    let _ = writeln!(text, "- {what}: declined by {}: {}", one.by, cell(&one.note, 300));
                }
            }
        }
    }
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
    for (task, change) in view.tasks.iter().flat_map(|t| t.changes.iter().map(move |c| (t, c))) {
        let _ = writeln!(text, "- Agent of {}: {}", task.id, cell(&change.line(), 500));
    }
    for grant in &view.grants {
        let _ = writeln!(text, "- Granted: {}", cell(&grant.line(), 500));
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
