//! ORCHESTRATION_PLAN.md: the workflow in words, with its statuses as they are.

use super::diagram::diagram;
use super::markdown::{Doc, anchor, code, inline};
use super::model::{PhaseView, PipelineView, RunView, TaskView};
use super::text::{clean, count};
use super::words::Word;
use crate::ids::StrategyId;
use crate::plan::{Criticality, Plan, Task, TaskKind};
use crate::run::State;

mod parts;

/// Numbered sections: heading and purpose.
const SECTIONS: [(&str, &str); 11] = [
    ("1. Executive Summary", "What the workflow is for, where it stands, how it is identified"),
    ("2. Workflow Architecture", "Picture of pipelines and barriers, patterns, output levels"),
    ("3. Phase Definitions", "What each phase of each pipeline does"),
    ("4. Sync Barrier Protocol", "How a barrier is passed, what crosses it"),
    ("5. Agent Registry", "All agents with what they read and write"),
    ("6. Quality Framework", "Criticality, review strategies, dimensions, bands"),
    ("7. State Management", "State files, artifact paths, checkpoints"),
    ("8. Execution Constraints", "Hard and soft constraints"),
    ("9. Success Criteria", "Exit criteria of phases and of the workflow"),
    ("10. Risk Mitigations", "Known risks and what is done about them"),
    ("11. Resumption Context", "Where the run stands now and what comes next"),
];

pub(super) fn render(state: &State, view: &RunView) -> String {
    let plan = &state.graph.plan;
    let mut doc = Doc::new();
    header(&mut doc, plan, view);
    summary(&mut doc, plan, view);
    architecture(&mut doc, state, plan);
    phases(&mut doc, plan, view);
    barriers(&mut doc, plan, view);
    registry(&mut doc, plan, view);
    parts::quality(&mut doc, plan);
    parts::state_management(&mut doc, plan);
    parts::constraints(&mut doc, plan);
    parts::criteria(&mut doc, plan, view);
    parts::risks(&mut doc, plan);
    parts::resumption(&mut doc, view);
    footer(&mut doc, plan, view);
    doc.into_text()
}

fn header(doc: &mut Doc, plan: &Plan, view: &RunView) {
    let workflow = &plan.workflow;
    doc.line("# ORCHESTRATION_PLAN.md");
    doc.gap();
    let mut facts = Vec::new();
    facts.extend(workflow.document_id.as_deref().map(|id| ("Document ID", inline(id))));
    facts.extend(workflow.project.as_deref().map(|p| ("Project", inline(p))));
    facts.push(("Workflow ID", code(workflow.id.as_str())));
    if view.id != view.workflow {
        facts.push(("Run ID", code(&view.id)));
    }
    facts.push(("Status", view.status.to_owned()));
    facts.push(("Version", inline(&workflow.version)));
    facts.push(("Created", inline(&workflow.created)));
    facts.push(("Last Updated", updated(view)));
    for (n, (name, value)) in facts.iter().enumerate() {
        let end = if n + 1 < facts.len() { "\\" } else { "" };
        doc.line(&format!("> **{name}:** {value}{end}"));
    }
    doc.gap();
    let written =
        "This file is written by consort from the journal of the run; changes to it are overwritten.";
    let said = workflow.disclaimer.as_deref().map(inline);
    let text = said.map_or_else(|| written.to_owned(), |said| format!("{said} {written}"));
    doc.item("> ", &format!("**DISCLAIMER:** {text}"));
    if plan.rehearsal {
        doc.gap();
        doc.item("> ", "**REHEARSAL:** players stand in for all agents; no model was asked, and no artifact is real work.");
    }
    doc.rule();
    doc.heading(2, "Document Sections");
    let rows = SECTIONS.map(|(heading, purpose)| {
        let title = heading.split_once(' ').map_or(heading, |(_, title)| title);
        vec![format!("[{title}](#{})", anchor(heading)), purpose.to_owned()]
    });
    doc.table(&["Section", "Purpose"], &rows);
    doc.rule();
}

fn updated(view: &RunView) -> String {
    if view.started_at.is_some() { view.updated_at.to_string() } else { "before the start".into() }
}

fn summary(doc: &mut Doc, plan: &Plan, view: &RunView) {
    let workflow = &plan.workflow;
    doc.heading(2, SECTIONS[0].0);
    doc.paragraph(&format!("**{}**", inline(&workflow.title)));
    doc.paragraph(&inline(&workflow.purpose));
    if let Some(question) = &workflow.question {
        doc.paragraph(&format!("The question to answer: **{}**", inline(question)));
    }
    doc.paragraph(&format!("**Current State:** {}", standing(view)));
    if !workflow.patterns.is_empty() {
        let names: Vec<String> = workflow.patterns.iter().map(|p| inline(p)).collect();
        doc.paragraph(&format!("**Orchestration Pattern:** {}", names.join(" + ")));
    }
    doc.heading(3, "1.1 Workflow Identification");
    let source = match workflow.id_source {
        crate::plan::IdSource::User => "user",
        crate::plan::IdSource::Auto => "auto",
    };
    doc.table(
        &["Field", "Value", "Source"],
        &[
            vec!["Workflow ID".into(), code(workflow.id.as_str()), source.into()],
            vec!["ID Format".into(), code("{purpose}-{YYYYMMDD}-{NNN}"), "semantic-date-seq".into()],
            vec!["Base Path".into(), code(&format!("{}/", workflow.base_path)), "Dynamic".into()],
        ],
    );
    if plan.pipelines.is_empty() {
        return;
    }
    doc.paragraph("**Artifact Output Locations:**");
    for pipeline in &plan.pipelines {
        let path = code(&format!("{}/{}/", workflow.base_path, pipeline.alias));
        doc.item("- ", &format!("Pipeline {} ({}): {path}", pipeline.id, inline(&pipeline.name)));
    }
    if !plan.barriers.is_empty() {
        doc.item(
            "- ",
            &format!("Cross-pollination: {}", code(&format!("{}/cross-pollination/", workflow.base_path))),
        );
    }
}

/// One sentence on where the run stands.
fn standing(view: &RunView) -> String {
    if view.started_at.is_none() {
        return "not started.".into();
    }
    let agents: Vec<&TaskView> = view.agents().collect();
    let done = agents.iter().filter(|t| t.status == Word::Complete).count();
    let passed = view.barriers.iter().filter(|b| b.status == Word::Complete).count();
    format!(
        "{}: {} ({done} of {}, {passed} of {} complete).",
        view.status,
        inline(&view.doing),
        count(agents.len(), "agent"),
        count(view.barriers.len(), "barrier"),
    )
}

fn architecture(doc: &mut Doc, state: &State, plan: &Plan) {
    doc.rule();
    doc.heading(2, SECTIONS[1].0);
    doc.heading(3, "2.1 Pipeline Diagram");
    doc.block(diagram(plan, Some(state)).trim_end());
    doc.heading(3, "2.2 Orchestration Pattern Classification");
    let rows = parts::patterns(plan);
    doc.table(&["Pattern", "Applied", "Description"], &rows);
    if plan.workflow.levels.is_empty() {
        return;
    }
    doc.heading(3, "2.3 Output Levels");
    let rows = plan.workflow.levels.iter().map(|(level, audience)| {
        let with = plan.agents().filter(|t| t.levels.contains(level));
        let ids: Vec<&str> = with.map(|t| t.id.as_str()).collect();
        vec![inline(level), inline(audience), if ids.is_empty() { "none".into() } else { ids.join(", ") }]
    });
    doc.table(&["Level", "Audience", "Required of"], &rows.collect::<Vec<_>>());
}

fn phases(doc: &mut Doc, plan: &Plan, view: &RunView) {
    doc.rule();
    doc.heading(2, SECTIONS[2].0);
    if plan.pipelines.is_empty() {
        doc.paragraph("This workflow has no pipelines: its tasks follow one another by what they need.");
    }
    for (n, (pipeline, shown)) in plan.pipelines.iter().zip(&view.pipelines).enumerate() {
        doc.heading(3, &format!("3.{} {}", n + 1, pipeline_title(shown)));
        let rows = pipeline.phases.iter().zip(&shown.phases).map(|(phase, now)| {
            vec![
                phase.number.to_string(),
                inline(&phase.name),
                phase.purpose.as_deref().map_or_else(|| "not given".into(), inline),
                now.tasks.join(", "),
                status_of(now),
            ]
        });
        doc.table(&["Phase", "Name", "Purpose", "Agents", "Status"], &rows.collect::<Vec<_>>());
    }
}

pub(super) fn pipeline_title(pipeline: &PipelineView) -> String {
    let kind = if pipeline.convergent { "Convergent Pipeline" } else { "Pipeline" };
    format!("{kind} {} ({}: {})", inline(&pipeline.id), inline(&pipeline.alias), inline(&pipeline.name))
}

/// `BLOCKED (by barrier-1)`
pub(super) fn status_of(phase: &PhaseView) -> String {
    match phase.status {
        Word::Blocked if !phase.blocked_by.is_empty() => {
            format!("BLOCKED (by {})", inline(&shortened(&phase.blocked_by)))
        }
        word => word.to_string(),
    }
}

fn shortened(names: &[String]) -> String {
    let shown = names.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > 4 { format!("{shown} and {} more", names.len() - 4) } else { shown }
}

fn barriers(doc: &mut Doc, plan: &Plan, view: &RunView) {
    doc.rule();
    doc.heading(2, SECTIONS[3].0);
    if plan.barriers.is_empty() {
        doc.paragraph("This workflow has no barriers.");
        return;
    }
    doc.heading(3, "4.1 Barrier Transition Rules");
    doc.paragraph(
        "The engine takes these steps at each barrier, in this order, and nothing passes without them:",
    );
    for (lead, text) in [
        (
            "1. ",
            "**Pre-check.** Every agent of the phases that meet is accepted by its own gate, its artifacts are \
                 committed with their hashes, and no blocker is open.",
        ),
        (
            "2. ",
            "**Cross-pollination.** For each direction the engine runs a handoff as a task of its own: findings \
                 numbered, key content covered, self-review, critics, judge, the barrier's threshold.",
        ),
        (
            "3. ",
            "**Merge and verification.** One commit merges all accepted work and all handoffs; their bytes in it \
                 are compared with the accepted hashes, and every consumer's prompt must name its handoff.",
        ),
        ("4. ", "**Completion.** A person's approval where one is asked for, status COMPLETE, a checkpoint."),
        (
            "5. ",
            "**Obligation.** Each consumer of a handoff says for each numbered finding where it was used or why \
                 it was declined; that is checked at the consumer's own gate.",
        ),
    ] {
        doc.item(lead, text);
    }
    doc.paragraph("Where each barrier stands (`[x]` done, `[ ]` to do):");
    for barrier in &view.barriers {
        let steps: Vec<String> = barrier
            .steps
            .iter()
            .map(|(name, done)| format!("[{}] {name}", if *done { "x" } else { " " }))
            .collect();
        doc.item("- ", &format!("{}: {}", inline(&barrier.id), steps.join(", ")));
    }
    doc.heading(3, "4.2 Barrier Definitions");
    let rows = plan.barriers.iter().zip(&view.barriers).flat_map(|(barrier, now)| {
        let after: Vec<String> = now.after.iter().map(|(p, n)| format!("{p} phase {n}")).collect();
        let after = after.join(", ");
        barrier.handoffs.iter().filter_map(|id| plan.task(id)).map(move |task| {
            let TaskKind::Handoff(h) = &task.kind else { return Vec::new() };
            let status = view.task(task.id.as_str()).map_or("PENDING", |t| t.status.as_str());
            vec![
                inline(barrier.id.as_str()),
                after.clone(),
                format!("{}-->{}", h.from, h.to),
                task.output.paths().first().map(|p| code(p)).unwrap_or_default(),
                h.key_content.iter().map(|k| inline(k)).collect::<Vec<_>>().join("; "),
                format!("{status}, barrier {}", now.status),
            ]
        })
    });
    let rows: Vec<Vec<String>> = rows.collect();
    doc.table(&["Barrier", "After Phase", "Direction", "Artifact", "Key Content", "Status"], &rows);
    doc.heading(3, "4.3 Quality Gate at Barriers");
    for barrier in &plan.barriers {
        let handoffs = barrier.handoffs.iter().filter_map(|id| plan.task(id));
        let least = handoffs.map(|t| t.rounds.min).max().unwrap_or(0);
        let approval = barrier.approval.as_ref().map_or_else(
            || "no approval is asked for".to_owned(),
            |a| {
                let reason = a.reason.as_deref().map(|r| format!(" ({})", inline(r))).unwrap_or_default();
                let may = plan.people.or_any(&a.by).join(" or ");
                let may = if may.is_empty() { may } else { format!(", answered by {} only", inline(&may)) };
                format!("{} approves{reason}{may}", inline(&a.who))
            },
        );
        doc.item(
            "- ",
            &format!(
                "{}: composite of each handoff >= {} (S-014), at least {}, required {}; {approval}",
                inline(barrier.id.as_str()),
                barrier.threshold,
                count(least as usize, "round"),
                strategies(&barrier.required_strategies),
            ),
        );
    }
}

pub(super) fn strategies(all: &[StrategyId]) -> String {
    if all.is_empty() {
        return "none".into();
    }
    let named = all.iter().map(|id| match strategy_name(id.as_str()) {
        Some(name) => format!("{id} ({name})"),
        None => inline(id.as_str()),
    });
    named.collect::<Vec<_>>().join(", ")
}

/// Names of the catalogue's strategies.
fn strategy_name(id: &str) -> Option<&'static str> {
    Some(match id {
        "S-001" => "Red Team",
        "S-002" => "Devil's Advocate",
        "S-003" => "Steelman",
        "S-004" => "Pre-Mortem",
        "S-007" => "Constitutional AI",
        "S-010" => "Self-Refine",
        "S-011" => "Chain-of-Verification",
        "S-012" => "FMEA",
        "S-013" => "Inversion",
        "S-014" => "LLM-as-Judge",
        _ => return None,
    })
}

fn registry(doc: &mut Doc, plan: &Plan, view: &RunView) {
    doc.rule();
    doc.heading(2, SECTIONS[4].0);
    let mut section = 0;
    for stage in &plan.stages {
        section += 1;
        let mut names: Vec<&str> = Vec::new();
        for (pipeline, number) in &stage.phases {
            let phase = plan.pipeline(pipeline).and_then(|p| p.phases.iter().find(|ph| ph.number == *number));
            let name = phase.map_or("", |p| p.name.as_str());
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let mut title = inline(&stage.subject);
        if let Some(first) = title.get(0..1) {
            title.replace_range(0..1, &first.to_uppercase());
        }
        doc.heading(3, &format!("5.{section} {title} Agents ({})", inline(&names.join(", "))));
        let tasks: Vec<&Task> = stage.tasks.iter().filter_map(|id| plan.task(id)).collect();
        agents(doc, plan, view, &tasks);
    }
    let staged = |t: &&Task| !plan.stages.iter().any(|s| s.tasks.contains(&t.id));
    let loose: Vec<&Task> = plan.agents().filter(staged).collect();
    if !loose.is_empty() {
        doc.heading(3, &format!("5.{} Agents without a phase", section + 1));
        agents(doc, plan, view, &loose);
    }
}

fn agents(doc: &mut Doc, plan: &Plan, view: &RunView, tasks: &[&Task]) {
    let rows = tasks.iter().map(|task| {
        let pipeline = task.place.as_ref().and_then(|(id, _)| plan.pipeline(id));
        let now = view.task(task.id.as_str());
        let outputs: Vec<String> = task.output.paths().iter().map(|p| code(p)).collect();
        vec![
            inline(task.id.as_str()),
            pipeline.map_or_else(|| "none".into(), |p| inline(&p.alias)),
            inline(&task.role),
            pipeline.and_then(|p| p.skill.as_deref()).map_or_else(|| "none".into(), inline),
            now.map(|t| t.inputs.iter().map(|i| inline(i)).collect::<Vec<_>>().join(", "))
                .unwrap_or_default(),
            format!("{} ({})", outputs.join(", "), task.output.word()),
            now.map_or("PENDING", |t| t.status.as_str()).to_owned(),
        ]
    });
    let headings =
        ["Agent ID", "Pipeline", "Role", "Skill Source", "Input Artifacts", "Output Artifacts", "Status"];
    doc.table(&headings, &rows.collect::<Vec<_>>());
}

fn footer(doc: &mut Doc, plan: &Plan, view: &RunView) {
    doc.rule();
    let workflow = &plan.workflow;
    if let Some(id) = &workflow.document_id {
        doc.line(&format!("*Document ID: {}*\\", inline(id)));
    }
    doc.line(&format!("*Workflow ID: {}*\\", clean(view.workflow.as_str())));
    doc.line(&format!("*Version: {}*\\", inline(&workflow.version)));
    doc.line("*Portable between sessions: all paths are relative to the repository*");
}

/// `C2 (Standard)`
pub(super) fn level(criticality: Criticality) -> String {
    format!("{criticality} ({})", criticality.name())
}
