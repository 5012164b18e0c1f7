//! ORCHESTRATION_WORKTRACKER.md: progress, scores, questions and checkpoints.

use super::markdown::{Doc, code, inline};
use super::model::{ApprovalView, Blocker, CheckpointView, RunView, TaskView};
use super::plan_md::{pipeline_title, status_of};
use super::text::{bar, count, percent};
use super::words::Word;
use crate::run::State;
use crate::time::duration_text;

pub(super) fn render(state: &State, view: &RunView) -> String {
    let mut doc = Doc::new();
    header(&mut doc, view);
    dashboard(&mut doc, view);
    phase_log(&mut doc, view);
    barriers(&mut doc, state, view);
    quality(&mut doc, view);
    queue(&mut doc, view);
    blockers(&mut doc, view);
    approvals(&mut doc, view);
    overrides(&mut doc, view);
    checkpoints(&mut doc, view);
    metrics(&mut doc, view);
    doc.heading(2, "11. Risks");
    let rows = state.graph.plan.risks.iter();
    let rows =
        rows.map(|r| vec![inline(&r.risk), inline(&r.likelihood), inline(&r.impact), inline(&r.mitigation)]);
    doc.table(&["Risk", "Likelihood", "Impact", "Mitigation"], &rows.collect::<Vec<_>>());
    doc.heading(2, "12. Next Actions");
    next_actions(&mut doc, view);
    resumption(&mut doc, view);
    doc.into_text()
}

fn header(doc: &mut Doc, view: &RunView) {
    doc.line("# ORCHESTRATION_WORKTRACKER.md");
    doc.gap();
    let started = view
        .started_at
        .map_or_else(|| "not yet".to_owned(), |at| format!("{at} by {}", inline(&view.started_by)));
    let mut facts = vec![
        ("Workflow ID", code(&view.workflow)),
        ("Run ID", code(&view.id)),
        ("Title", inline(&view.title)),
        ("Status", format!("{} ({})", view.status, inline(&view.doing))),
        ("Started", started),
        (
            "Last Updated",
            if view.started_at.is_some() { view.updated_at.to_string() } else { "never".into() },
        ),
    ];
    facts.extend(view.ended_at.map(|at| ("Ended", at.to_string())));
    facts.extend(view.base.as_deref().map(|b| ("Base commit", code(b))));
    if view.rehearsal {
        facts.push(("Rehearsal", "players stand in for all agents; no artifact is real work".into()));
    }
    for (n, (name, value)) in facts.iter().enumerate() {
        let end = if n + 1 < facts.len() { "\\" } else { "" };
        doc.line(&format!("> **{name}:** {value}{end}"));
    }
    doc.rule();
}

fn dashboard(doc: &mut Doc, view: &RunView) {
    doc.heading(2, "1. Dashboard");
    let mut text = String::new();
    let mut add = |name: &str, done: usize, total: usize| {
        let percent = format!("{}%", percent(done, total));
        text.push_str(&format!("{name:<28} {} {percent:>4}  {done}/{total}\n", bar(done, total, 24)));
    };
    let complete = |tasks: &[&TaskView]| tasks.iter().filter(|t| t.status == Word::Complete).count();
    let agents: Vec<&TaskView> = view.agents().collect();
    let handoffs: Vec<&TaskView> = view.tasks.iter().filter(|t| t.handoff_of.is_some()).collect();
    let phases: Vec<Word> = view.pipelines.iter().flat_map(|p| &p.phases).map(|p| p.status).collect();
    add("Agents accepted", complete(&agents), agents.len());
    if !phases.is_empty() {
        add("Phases complete", phases.iter().filter(|w| **w == Word::Complete).count(), phases.len());
    }
    if !view.barriers.is_empty() {
        add(
            "Barriers complete",
            view.barriers.iter().filter(|b| b.status == Word::Complete).count(),
            view.barriers.len(),
        );
        add("Handoffs accepted", complete(&handoffs), handoffs.len());
    }
    for pipeline in &view.pipelines {
        let tasks: Vec<&TaskView> = agents
            .iter()
            .copied()
            .filter(|t| t.place.as_ref().is_some_and(|(p, _)| *p == pipeline.id))
            .collect();
        add(&super::text::cut(&format!("  {}", pipeline.alias), 28), complete(&tasks), tasks.len());
    }
    doc.block(text.trim_end());
}

fn phase_log(doc: &mut Doc, view: &RunView) {
    doc.heading(2, "2. Phase Log");
    for pipeline in &view.pipelines {
        doc.heading(3, &pipeline_title(pipeline));
        let rows = pipeline.phases.iter().map(|p| {
            vec![
                format!("{} {}", p.number, inline(&p.name)),
                status_of(p),
                p.started_at.map_or_else(|| "not yet".into(), |t| t.to_string()),
                p.completed_at.map_or_else(|| "not yet".into(), |t| t.to_string()),
                p.tasks.join(", "),
            ]
        });
        doc.table(&["Phase", "Status", "Started", "Completed", "Agents"], &rows.collect::<Vec<_>>());
    }
    doc.heading(3, "Agents");
    let rows = view.agents().map(|t| {
        vec![
            inline(&t.id),
            t.status.to_string(),
            inline(&t.activity),
            rounds(t),
            t.attempts.to_string(),
            t.workspace.into(),
        ]
    });
    doc.table(&["Agent", "Status", "Activity", "Round", "Attempts", "Workspace"], &rows.collect::<Vec<_>>());
}

fn rounds(task: &TaskView) -> String {
    let text = task.round_text();
    if text.is_empty() { "none yet".into() } else { text }
}

fn barriers(doc: &mut Doc, state: &State, view: &RunView) {
    doc.heading(2, "3. Barriers");
    let rows = view.barriers.iter().map(|b| {
        let after: Vec<String> = b.after.iter().map(|(p, n)| format!("{p} phase {n}")).collect();
        vec![
            inline(&b.id),
            after.join(", "),
            b.status.to_string(),
            inline(&b.activity),
            format!("{} of {}", b.retries, b.retries_max),
            b.completed_at.map_or_else(|| "not yet".into(), |t| t.to_string()),
        ]
    });
    doc.table(&["Barrier", "After", "Status", "Activity", "Retries", "Completed"], &rows.collect::<Vec<_>>());
    for barrier in &view.barriers {
        let handoffs = barrier.handoffs.iter().filter_map(|id| view.task(id));
        for t in handoffs {
            let direction = t.direction.as_deref().unwrap_or("");
            let path = t.outputs.first().map(|p| code(p)).unwrap_or_default();
            doc.item(
                "- ",
                &format!(
                    "{} {direction}: {} ({}), {path}; {}",
                    inline(&barrier.id),
                    t.status,
                    inline(&t.activity),
                    obliged(state, view, &t.id)
                ),
            );
        }
        if let Some(revision) = &barrier.revision {
            doc.item("- ", &format!("{} commit: {}", inline(&barrier.id), code(revision)));
        }
    }
    doc.gap();
}

/// Who must say of each of its findings where it is used or why it is declined. Accepted work has said so:
/// that is a condition of its gate.
fn obliged(state: &State, view: &RunView, handoff: &str) -> String {
    let graph = &state.graph;
    let Some(ix) = graph.ix(&handoff.into()) else { return String::new() };
    let (done, open): (Vec<&TaskView>, Vec<&TaskView>) = graph
        .consumers(ix)
        .iter()
        .filter_map(|consumer| view.task(graph.task(*consumer).id.as_str()))
        .partition(|task| task.status == Word::Complete);
    let names = |tasks: &[&TaskView]| tasks.iter().map(|t| inline(&t.id)).collect::<Vec<_>>().join(", ");
    let said = [("answered for by", done), ("to be answered for by", open)];
    let said = said.iter().filter(|(_, tasks)| !tasks.is_empty());
    said.map(|(what, tasks)| format!("{what} {}", names(tasks))).collect::<Vec<_>>().join(", ")
}

fn quality(doc: &mut Doc, view: &RunView) {
    doc.heading(2, "4. Quality Gates");
    doc.paragraph("Every gate, with its last composite against its threshold. `pending`: not reached yet.");
    let rows = view.tasks.iter().map(|t| {
        let what = match (&t.handoff_of, &t.direction) {
            (Some(barrier), Some(direction)) => format!("{} {direction}", inline(barrier)),
            _ => inline(&t.id),
        };
        vec![what, score_text(t), band_text(t), t.gate.rounds.to_string(), outcome(t)]
    });
    doc.table(&["Gate", "Score / Threshold", "Band", "Rounds", "Outcome"], &rows.collect::<Vec<_>>());
    let scored: Vec<&TaskView> = view.tasks.iter().filter(|t| t.composites().next().is_some()).collect();
    if scored.is_empty() {
        return;
    }
    doc.heading(3, "Scores by round");
    for task in scored {
        doc.item("- ", &format!("{} (passes at {})", inline(&task.id), task.threshold));
        for round in &task.rounds {
            doc.item("  - ", &round_text(round));
        }
    }
    doc.gap();
}

/// One round with everything that was said about it.
fn round_text(round: &super::model::RoundView) -> String {
    let kind = round.kind;
    let Some(score) = round.composite.as_deref() else {
        let end = round.verdict.as_deref().map_or("under way", |_| "not scored");
        let problems = match round.problems {
            0 => String::new(),
            n => format!(", {} found by checks", count(n as usize, "problem")),
        };
        return format!("round {}, {kind}: {end}{problems}", round.number);
    };
    let band = round.band.as_deref().unwrap_or_default();
    let (critical, major, minor) = round.findings;
    let each: Vec<String> = round.scores.iter().map(|(d, s)| format!("{} {s}", inline(d))).collect();
    let verdict = round.verdict.as_deref().map_or_else(|| "to be decided".into(), inline);
    format!(
        "round {}, {kind}: **{score} {band}**, {verdict}; {}; findings: {critical} Critical, {major} Major, \
         {minor} Minor; strategies: {}",
        round.number,
        each.join(", "),
        round.strategies.join(", ")
    )
}

/// `0.8613 / 0.92`; a gate that was not reached says so.
pub(super) fn score_text(task: &TaskView) -> String {
    match (&task.gate.score, task.judged) {
        (Some(score), _) => format!("{score} / {}", task.threshold),
        (None, true) => format!("pending / {}", task.threshold),
        (None, false) => "checks only".into(),
    }
}

fn band_text(task: &TaskView) -> String {
    task.gate.band.clone().unwrap_or_else(|| if task.judged { "pending".into() } else { "no judge".into() })
}

fn outcome(task: &TaskView) -> String {
    match (task.gate.status, task.status) {
        _ if task.gate.overridden => "accepted against the verdict".into(),
        (_, Word::Complete) => "accepted".into(),
        (Word::Complete, _) => "passed, not yet accepted".into(),
        (Word::Pending, _) => "pending".into(),
        (Word::Failed, _) => "not passed".into(),
        _ => "under way".into(),
    }
}

fn queue(doc: &mut Doc, view: &RunView) {
    doc.heading(2, "5. Execution Queue");
    let live: Vec<_> = view.tasks.iter().flat_map(|t| t.live.iter().map(move |l| (t, l))).collect();
    for (task, live) in &live {
        doc.item(
            "- ",
            &format!("{}: {} {} since {}", inline(&task.id), inline(&live.step), live.state, live.since),
        );
    }
    for queued in view.queue.iter().take(50) {
        let when = queued
            .not_before
            .map_or_else(|| "waits for a slot".to_owned(), |t| format!("tried again at {t}"));
        doc.item("- ", &format!("{}: {} {when}", inline(&queued.task), inline(&queued.step)));
    }
    if view.queue.len() > 50 {
        doc.item("- ", &format!("and {} more", view.queue.len() - 50));
    }
    if live.is_empty() && view.queue.is_empty() {
        doc.line("Empty.");
    }
    doc.gap();
}

fn blockers(doc: &mut Doc, view: &RunView) {
    doc.heading(2, "6. Blockers and Issues");
    let (active, resolved): (Vec<&Blocker>, Vec<&Blocker>) =
        view.blockers.iter().partition(|b| b.resolution.is_none());
    if active.is_empty() {
        doc.line("No active blockers.");
    }
    for b in active {
        let since = b.since.map(|t| format!(", since {t}")).unwrap_or_default();
        doc.item("- ", &format!("**{}** ({}{since}): {}", inline(&b.id), b.severity, inline(&b.description)));
        if !b.blocking.is_empty() {
            doc.item("  - ", &format!("blocks {}", inline(&b.blocking.join(", "))));
        }
        if let Some(command) = &b.command {
            doc.item("  - ", &format!("decide: {}", code(command)));
        }
    }
    doc.gap();
    if !resolved.is_empty() {
        doc.heading(3, "Resolved");
    }
    for b in resolved {
        let at = b.resolved_at.map(|t| format!(" at {t}")).unwrap_or_default();
        let how = b.resolution.as_deref().unwrap_or_default();
        doc.item("- ", &format!("**{}**: {}; {}{at}", inline(&b.id), inline(&b.description), inline(how)));
    }
    doc.gap();
}

fn approvals(doc: &mut Doc, view: &RunView) {
    doc.heading(2, "7. Approvals");
    if view.approvals.is_empty() {
        doc.line("None asked so far.");
    }
    for a in &view.approvals {
        let commit = a.revision.as_deref().map(|r| format!(", commit {}", code(r))).unwrap_or_default();
        doc.item(
            "- ",
            &format!("**{}** {} {}{commit}: {}", a.id, a.kind, inline(&a.subject), answer_text(a)),
        );
        doc.item("  - ", &format!("asked of {} at {}: {}", inline(&a.who), a.asked_at, inline(&a.question)));
        if let Some(may) = a.may_answer() {
            doc.item("  - ", &format!("only what these say counts: {}", inline(&may)));
        }
        if a.state == "open" {
            for (command, means) in &a.options {
                doc.item("  - ", &format!("{}: {}", code(command), inline(means)));
            }
        }
    }
    doc.gap();
    guidance(doc, view);
    agents(doc, view);
    if !view.declared.is_empty() {
        doc.heading(3, "Vouched for");
        view.declared
            .iter()
            .for_each(|(what, how)| doc.item("- ", &format!("{}: {}", inline(what), inline(how))));
        doc.gap();
    }
}

/// What people said to creators, and rounds beyond the first set.
fn guidance(doc: &mut Doc, view: &RunView) {
    let steered: Vec<&TaskView> = view.tasks.iter().filter(|t| !t.steering.is_empty()).collect();
    if steered.is_empty() {
        return;
    }
    doc.heading(3, "Guidance");
    for task in steered {
        for steering in &task.steering {
            doc.item("- ", &format!("{}: {}", inline(&task.id), inline(&steering.line())));
        }
    }
    doc.gap();
}

/// Where another agent or session went on, and what people allowed for more than one request.
fn agents(doc: &mut Doc, view: &RunView) {
    let changes = view.tasks.iter().flat_map(|t| t.changes.iter().map(move |c| (t, c)));
    let changes: Vec<String> =
        changes.map(|(task, change)| format!("{}: {}", inline(&task.id), inline(&change.line()))).collect();
    let grants = view.grants.iter().map(|grant| inline(&grant.line()));
    for (title, lines) in [("Agents and sessions", changes), ("Granted", grants.collect())] {
        if !lines.is_empty() {
            doc.heading(3, title);
            lines.iter().for_each(|line| doc.item("- ", line));
            doc.gap();
        }
    }
}

fn answer_text(a: &ApprovalView) -> String {
    match (&a.answer, &a.void) {
        (Some(answer), _) => {
            let how = if answer.by_flag {
                format!("declared by flag ({}), nobody looked", inline(&answer.how))
            } else {
                inline(&answer.how)
            };
            let note = answer.note.as_deref().map(|n| format!(": {}", inline(n))).unwrap_or_default();
            format!("{} by {} at {}, {how}{note}", a.state, inline(&answer.by), answer.at)
        }
        (None, Some(why)) => format!("no longer asked: {}", inline(why)),
        (None, None) => "**open**".into(),
    }
}

fn overrides(doc: &mut Doc, view: &RunView) {
    doc.heading(2, "8. Overrides");
    if view.overrides.is_empty() {
        doc.line("None: nothing was accepted against a verdict.");
    }
    for o in &view.overrides {
        let note = o.note.as_deref().map_or_else(|| "no reason was given".into(), inline);
        doc.item(
            "- ",
            &format!(
                "{} round {} accepted by {} at {} although: {}. Reason: {note}",
                inline(&o.task),
                o.round,
                inline(&o.by),
                o.at,
                inline(&o.refusals.join(", ")),
            ),
        );
    }
    for w in &view.waived {
        doc.item("- ", &inline(&w.line()));
    }
    doc.gap();
}

fn checkpoints(doc: &mut Doc, view: &RunView) {
    doc.heading(2, "9. Checkpoints");
    let rows = view.checkpoints.iter().map(|c| {
        let last = if c.last { " (last)" } else { "" };
        vec![
            c.id.clone(),
            c.at.to_string(),
            c.trigger.into(),
            format!("{}{last}", inline(&c.subject)),
            commit_text(c),
        ]
    });
    doc.table(&["ID", "Time (UTC)", "Trigger", "After", "Commit"], &rows.collect::<Vec<_>>());
}

/// A checkpoint cannot name its own commit.
pub(super) fn commit_text(checkpoint: &CheckpointView) -> String {
    match (&checkpoint.revision, &checkpoint.failed) {
        (Some(revision), _) => code(revision),
        (None, Some(why)) => format!("none: {}", inline(why)),
        (None, None) if checkpoint.this => "(this checkpoint)".into(),
        (None, None) => "being made".into(),
    }
}

fn metrics(doc: &mut Doc, view: &RunView) {
    doc.heading(2, "10. Metrics");
    let calls = &view.calls;
    let success = calls.success_percent.map_or_else(|| "nothing ended yet".into(), |p| format!("{p}%"));
    let rows = [
        ("Agent calls", format!("{} of about {} (at least {})", calls.used, calls.forecast, calls.least)),
        ("Running now", calls.live.to_string()),
        ("Succeeded", calls.done.to_string()),
        ("Failed or stopped", calls.failed.to_string()),
        ("Lost or unknown", calls.lost.to_string()),
        ("Success rate", success),
        ("Cost", view.cost.text.clone()),
        (
            "Tokens",
            match (view.cost.tokens_in, view.cost.tokens_out) {
                (0, 0) => "none reported".into(),
                (i, o) => format!("{i} in, {o} out"),
            },
        ),
        ("Wall time of all calls", duration_text(calls.wall_ms)),
        ("Wall time of the run", duration_text(view.elapsed_ms(view.updated_at.0))),
    ];
    doc.table(&["Metric", "Value"], &rows.map(|(name, value)| vec![name.to_owned(), inline(&value)]));
}

/// Numbered actions of now, then what comes after.
pub(super) fn next_actions(doc: &mut Doc, view: &RunView) {
    let actions = view.next_actions.immediate.iter().chain(&view.next_actions.subsequent);
    for (n, action) in actions.enumerate() {
        let after =
            action.depends_on.as_deref().map(|d| format!("After {}: ", inline(d))).unwrap_or_default();
        let command = action.command.as_deref().map(|c| format!(": {}", code(c))).unwrap_or_default();
        doc.item(&format!("{}. ", n + 1), &format!("{after}{}{command}", inline(&action.action)));
    }
    doc.gap();
}

fn resumption(doc: &mut Doc, view: &RunView) {
    doc.heading(2, "13. Resumption Context");
    let r = &view.resumption;
    let phase = match (&r.current_phase, &r.current_phase_name) {
        (Some(n), Some(name)) => format!("{n} ({})", inline(name)),
        _ => "none is open".into(),
    };
    doc.item("- ", &format!("Last checkpoint: {}", r.last_checkpoint.as_deref().unwrap_or("none yet")));
    doc.item("- ", &format!("Current phase: {phase}"));
    doc.item("- ", &format!("Activity: {}", inline(&r.current_activity)));
    doc.item("- ", &format!("Journal position: record {}", view.seq));
    if !view.is_over() {
        doc.item("- ", &format!("Go on: {}", code(&r.command)));
    }
    doc.item("- ", &format!("Look closer: {}", code(&format!("consort show {}", view.id))));
    doc.gap();
    doc.paragraph("Read first:");
    r.files_to_read
        .iter()
        .for_each(|(path, about)| doc.item("- ", &format!("{}: {}", code(path), inline(about))));
    doc.paragraph(
        "All paths are relative to the repository. The journal is the truth; this file is a view of it.",
    );
}
