//! `consort status` and `consort show RUN TASK`.

use super::approvals;
use super::model::{RunView, TaskView};
use super::text::{bar, cut, fit, width as columns, wrap};
use super::tracker_md::score_text;
use super::words::Word;
use crate::time::{Timestamp, duration_text};

/// One run on one screen: what it does, each task, barriers, questions, checkpoints, what next.
/// Lines of at most `width` columns, except commands and ids, which are never cut.
pub fn status_text(view: &RunView, now: Timestamp, width: usize, unicode: bool) -> String {
    let width = width.clamp(40, 200);
    let mut text = String::new();
    let mut line = |l: String| text.push_str(&(l.trim_end().to_owned() + "\n"));
    let rehearsal = if view.rehearsal { ", rehearsal" } else { "" };
    line(format!("{}  {}{rehearsal}: {}", view.id, view.status, cut(&view.doing, width)));
    line(cut(&view.title, width));
    if let Some(from) = &view.from {
        line(cut(&format!("goes on from {from}"), width));
    }
    if view.started_at.is_some() {
        let elapsed = duration_text(view.elapsed_ms(now));
        line(cut(
            &format!(
                "{elapsed}, {} of about {} agent calls, cost {}",
                view.calls.used,
                view.calls.forecast.max(view.calls.used),
                view.cost.text
            ),
            width,
        ));
    }
    for limit in &view.nearly_used_up {
        line(cut(&limit.text, width));
    }
    let done = view.tasks.iter().filter(|t| t.status == Word::Complete).count();
    line(format!("{} {done} of {} tasks", bar(done, view.tasks.len(), 24), view.tasks.len()));
    for pipeline in &view.pipelines {
        line(String::new());
        line(cut(&format!("{} {}", pipeline.alias, pipeline.name), width));
        for phase in &pipeline.phases {
            line(cut(&format!("  phase {} {}: {}", phase.number, phase.name, phase.status), width));
            let tasks = phase.tasks.iter().filter_map(|id| view.task(id));
            tasks.for_each(|t| line(task_line(t, now, width, unicode)));
        }
    }
    let loose: Vec<&TaskView> = view.agents().filter(|t| t.place.is_none()).collect();
    if !loose.is_empty() {
        line(String::new());
        line("tasks".into());
        loose.iter().for_each(|t| line(task_line(t, now, width, unicode)));
    }
    for barrier in &view.barriers {
        line(String::new());
        line(cut(&format!("{}: {}, {}", barrier.id, barrier.status, barrier.activity), width));
        let handoffs = barrier.handoffs.iter().filter_map(|id| view.task(id));
        handoffs.for_each(|t| line(task_line(t, now, width, unicode)));
    }
    end(view, width, &mut text);
    text
}

/// Questions, blockers, checkpoints, overrides, what next.
fn end(view: &RunView, width: usize, text: &mut String) {
    let open = approvals::open(view, width);
    if !open.is_empty() {
        text.push_str(&format!("\nWaits for a person:\n{open}"));
    }
    let blockers: Vec<_> =
        view.blockers.iter().filter(|b| b.resolution.is_none() && b.command.is_none()).collect();
    if !blockers.is_empty() {
        text.push_str("\nBlockers:\n");
        blockers.iter().for_each(|b| listed(text, &b.description, width));
    }
    for o in &view.overrides {
        listed(
            text,
            &format!("override: {} round {} accepted by {} at {}{}", o.task, o.round, o.by, o.at, reason(o)),
            width,
        );
    }
    for w in view.waived.iter().filter(|w| w.by.is_some()) {
        listed(text, &format!("override: {}", w.line()), width);
    }
    for back in &view.rollbacks {
        let how = if back.done { "rolled back" } else { "is being rolled back" };
        let why = back.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        listed(text, &format!("{how} to {} by {} at {}{why}", back.to, back.by, back.at), width);
    }
    if let Some(last) = view.checkpoints.last() {
        let commit = last.revision.as_deref().map(|r| format!(", commit {}", short(r))).unwrap_or_default();
        text.push_str(&format!(
            "\nLast checkpoint: {} after {} at {}{commit}\n",
            last.id, last.subject, last.at
        ));
    }
    if let Some(i) = &view.integration {
        let end = match (&i.revision, &i.failed) {
            (Some(revision), _) => format!("brought to {} as {}", i.into, short(revision)),
            (None, Some(why)) => format!("could not be brought to {}: {why}", i.into),
            (None, None) => format!("is being brought to {}", i.into),
        };
        text.push_str(&format!("The result {end}\n"));
    }
    let commands = view.next_actions.immediate.iter().filter(|a| !a.action.starts_with("Answer "));
    let commands: Vec<_> = commands.filter_map(|a| Some((&a.action, a.command.as_ref()?))).collect();
    if !commands.is_empty() {
        text.push_str("\nNext:\n");
        commands.iter().for_each(|(what, command)| text.push_str(&format!("  {command}  ({what})\n")));
    }
}

fn reason(o: &super::model::OverrideView) -> String {
    o.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default()
}

fn listed(text: &mut String, item: &str, width: usize) {
    for (n, line) in wrap(item, width.saturating_sub(4)).iter().enumerate() {
        text.push_str(&format!("  {} {line}\n", if n == 0 { "-" } else { " " }));
    }
}

/// First twelve characters of a commit id.
pub(super) fn short(revision: &str) -> String {
    revision.chars().take(if revision.starts_with("plain:") { 18 } else { 12 }).collect()
}

/// A sign for a status; the word always stands beside it or is clear from the text.
pub(super) fn sign(word: Word, unicode: bool) -> &'static str {
    match (word, unicode) {
        (Word::Complete, true) => "✓",
        (Word::Complete, false) => "+",
        (Word::InProgress, true) => "●",
        (Word::InProgress, false) => "*",
        (Word::Failed, true) => "✗",
        (Word::Failed, false) => "x",
        (Word::Blocked, true) => "◌",
        (Word::Blocked, false) => "-",
        (Word::Pending, true) => "○",
        (Word::Pending, false) => ".",
    }
}

fn task_line(task: &TaskView, now: Timestamp, width: usize, unicode: bool) -> String {
    let name = match &task.direction {
        Some(direction) => format!("handoff {direction}"),
        None => task.id.clone(),
    };
    let head = format!(
        "    {} {} {:<11}",
        sign(task.status, unicode),
        fit(&name, columns(&name).max(16)),
        task.status
    );
    let mut facts = vec![task.activity.clone()];
    if task.status == Word::InProgress {
        facts.extend(task.since.map(|since| duration_text(now.since_ms(since.0))));
        facts.push(task.round_text());
    }
    let scores: Vec<&str> = task.composites().collect();
    if let Some(last) = scores.last() {
        let shown = if task.status == Word::Complete { (*last).to_owned() } else { scores.join(" ") };
        facts.push(format!("{shown} / {}", task.threshold));
    }
    facts.retain(|f| !f.is_empty());
    cut(&format!("{head} {}", facts.join(", ")), width)
}

/// All about one task.
pub fn task_text(view: &RunView, task: &TaskView, now: Timestamp, width: usize) -> String {
    let width = width.clamp(40, 200);
    let mut text = String::new();
    let mut add = |label: &str, value: &str| {
        if value.is_empty() {
            return;
        }
        for (n, line) in wrap(value, width.saturating_sub(14)).iter().enumerate() {
            text.push_str(&format!("{:<13} {line}\n", if n == 0 { label } else { "" }));
        }
    };
    let place = task.place.as_ref().map(|(p, n)| format!(", {p} phase {n}")).unwrap_or_default();
    let over = task.handoff_of.as_ref().map(|b| format!(", handoff over {b}")).unwrap_or_default();
    add("task", &format!("{} ({}{place}{over})", task.id, task.role));
    let since = task.since.map(|s| format!(" for {}", duration_text(now.since_ms(s.0)))).unwrap_or_default();
    let since = if task.status == Word::Complete { String::new() } else { since };
    add("status", &format!("{}: {}{since}", task.status, task.activity));
    add("waits for", &task.blocked_by.join(", "));
    add("round", &task.round_text());
    add("gate", &format!("{} {}", score_text(task), task.gate.band.as_deref().unwrap_or_default()));
    add("criticality", &task.criticality);
    add("reads", &task.inputs.join(", "));
    task.outputs.iter().for_each(|p| add("writes", p));
    add("workspace", task.workspace);
    add("attempts", &task.attempts.to_string());
    for live in &task.live {
        add(
            "runs",
            &format!(
                "{} {} for {}, until {}",
                live.attempt,
                live.state,
                duration_text(now.since_ms(live.since.0)),
                live.deadline
            ),
        );
    }
    add("commit", task.revision.as_deref().unwrap_or_default());
    task.artifacts.iter().for_each(|(path, hash)| add("sha256", &format!("{hash} {path}")));
    add("began", &task.started_at.map(|t| t.to_string()).unwrap_or_default());
    add("accepted", &task.completed_at.map(|t| t.to_string()).unwrap_or_default());
    for round in &task.rounds {
        let Some(score) = round.composite.as_deref() else {
            let verdict = round.verdict.as_deref().unwrap_or("under way");
            add(&format!("round {}", round.number), &format!("{}: {verdict}", round.kind));
            continue;
        };
        let (critical, major, minor) = round.findings;
        let verdict = round.verdict.as_deref().unwrap_or("under way");
        add(
            &format!("round {}", round.number),
            &format!(
                "{}: {score} {}, findings {critical} Critical {major} Major {minor} Minor, {verdict}",
                round.kind,
                round.band.as_deref().unwrap_or_default()
            ),
        );
        let each: Vec<String> = round.scores.iter().map(|(d, s)| format!("{d} {s}")).collect();
        add("", &each.join(", "));
        add("", &round.strategies.join(", "));
    }
    task.problems.iter().for_each(|(check, what)| add("problem", &format!("{check}: {what}")));
    task.steering.iter().for_each(|s| add("steered", &s.line()));
    task.changes.iter().for_each(|c| add("agent", &c.line()));
    if !task.strays.is_empty() {
        add("not taken", &task.strays.join(", "));
    }
    let about = view.open_approvals().filter(|a| a.subject == task.id);
    about.for_each(|a| text.push_str(&format!("\n{}", approvals::answerable(a, view, width))));
    text
}
