//! Sections 6 to 11 of the plan.

use super::super::markdown::{Doc, code, inline};
use super::super::model::RunView;
use super::super::people::who_counts;
use super::super::words::Word;
use super::{SECTIONS, level, status_of, strategies};
use crate::plan::{Budget, CheckpointFrequency, CompletionBy, Input, Output, Plan, Then};
use std::collections::BTreeMap;

/// Patterns of work in this plan, read off the graph.
pub(super) fn patterns(plan: &Plan) -> Vec<Vec<String>> {
    let phases = plan.pipelines.iter().any(|p| p.phases.len() > 1);
    let chained = phases || plan.agents().any(|t| !t.needs.is_empty());
    let side_by_side = plan.pipelines.iter().filter(|p| !p.convergent).count();
    let concurrent =
        side_by_side > 1 || plan.agents().filter(|t| t.needs.is_empty() && t.behind.is_empty()).count() > 1;
    let fan_in = plan.agents().any(|t| {
        let made = t.inputs.iter().filter(|i| matches!(i, Input::Artifact { .. } | Input::Handoff { .. }));
        t.needs.len() > 1 || made.count() > 2
    });
    let barriers: Vec<&str> = plan.barriers.iter().map(|b| b.id.as_str()).collect();
    let row = |name: &str, applied: bool, about: String| {
        vec![name.to_owned(), if applied { "Yes" } else { "No" }.to_owned(), about]
    };
    vec![
        row(
            "Sequential",
            chained,
            "A phase begins when the one before it in its pipeline is accepted".into(),
        ),
        row(
            "Concurrent",
            concurrent,
            format!("At most {} agents work at once", plan.limits.max_concurrent_agents),
        ),
        row(
            "Barrier Sync",
            !barriers.is_empty(),
            match barriers.is_empty() {
                true => "There are no barriers".into(),
                false => format!("Pipelines exchange findings at {}", barriers.join(", ")),
            },
        ),
        row("Hierarchical", true, "The engine starts agents; an agent never starts another (1 level)".into()),
        row("Fan-In", fan_in, "One agent joins the accepted work of several".into()),
    ]
}

pub(super) fn quality(doc: &mut Doc, plan: &Plan) {
    doc.rule();
    doc.heading(2, SECTIONS[5].0);
    doc.heading(3, "6.1 Criticality Assessment");
    let general = plan.workflow.criticality;
    let why = |text: &Option<String>| text.as_deref().map(inline).unwrap_or_else(|| "not given".into());
    let raised =
        |c: crate::plan::Criticality| if c > general { format!("above {general}") } else { "none".into() };
    let mut rows = vec![vec![
        "Workflow (overall)".into(),
        level(general),
        why(&plan.workflow.criticality_rationale),
        "none".into(),
    ]];
    for (pipeline, phase) in plan.pipelines.iter().flat_map(|p| p.phases.iter().map(move |ph| (p, ph))) {
        rows.push(vec![
            format!("{} phase {} ({})", inline(&pipeline.alias), phase.number, inline(&phase.name)),
            level(phase.criticality),
            why(&phase.criticality_rationale),
            raised(phase.criticality),
        ]);
    }
    let own = plan.agents().filter(|t| t.criticality_rationale.is_some());
    rows.extend(own.map(|t| {
        vec![
            inline(t.id.as_str()),
            level(t.criticality),
            why(&t.criticality_rationale),
            raised(t.criticality),
        ]
    }));
    rows.extend(plan.barriers.iter().map(|b| {
        vec![
            format!("{} handoffs", inline(b.id.as_str())),
            level(b.criticality),
            why(&b.criticality_rationale),
            raised(b.criticality),
        ]
    }));
    doc.table(&["Component", "Criticality", "Rationale", "Escalation"], &rows);
    doc.heading(3, "6.2 Required Adversarial Strategies by Phase");
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (pipeline, phase) in plan.pipelines.iter().flat_map(|p| p.phases.iter().map(move |ph| (p, ph))) {
        rows.push(vec![
            format!("{} phase {} ({})", inline(&pipeline.alias), phase.number, inline(&phase.name)),
            phase.criticality.to_string(),
            strategies(&phase.required_strategies),
            strategies(&phase.optional_strategies),
        ]);
    }
    rows.extend(plan.barriers.iter().map(|b| {
        vec![
            inline(b.id.as_str()),
            b.criticality.to_string(),
            strategies(&b.required_strategies),
            strategies(&b.optional_strategies),
        ]
    }));
    rows.extend(plan.agents().filter(|t| t.place.is_none()).map(|t| {
        vec![
            inline(t.id.as_str()),
            t.criticality.to_string(),
            strategies(&t.required_strategies),
            strategies(&t.optional_strategies),
        ]
    }));
    doc.table(&["Phase", "Criticality", "Required Strategies", "Optional Strategies"], &rows);
    let left_out = crate::view::model::waived(plan);
    left_out.iter().for_each(|w| doc.item("- ", &inline(&w.line())));
    if !left_out.is_empty() {
        doc.gap();
    }
    doc.heading(3, "6.3 Quality Gate Definitions");
    doc.paragraph("**At every barrier and phase transition** a judge scores these dimensions; the engine computes the composite exactly:");
    let rows = plan.quality.dimensions.iter().map(|d| {
        vec![inline(&d.name), d.weight.to_string(), d.about.as_deref().map(inline).unwrap_or_default()]
    });
    doc.table(&["Dimension", "Weight", "Description"], &rows.collect::<Vec<_>>());
    doc.paragraph("**Score bands**, on the unrounded composite `c`:");
    let (threshold, floor) = (plan.quality.threshold, plan.quality.floor);
    doc.table(
        &["Band", "Score Range", "Outcome"],
        &[
            vec![
                "PASS".into(),
                format!("c >= {threshold}"),
                "Accepted once the least number of rounds is reached".into(),
            ],
            vec![
                "REVISE".into(),
                format!("{floor} <= c &lt; {threshold}"),
                "Not accepted: targeted revision".into(),
            ],
            vec!["REJECTED".into(), format!("c &lt; {floor}"), "Not accepted: significant rework".into()],
        ],
    );
    let counts = who_counts(plan);
    if !counts.is_empty() {
        doc.heading(3, "6.4 Whose Answers Count");
        doc.paragraph("By the name that a person gives: a record of who said it, no proof of it. Anyone else's answer is refused.");
        counts
            .iter()
            .for_each(|(what, names)| doc.item("- ", &format!("{}: {}", inline(what), inline(names))));
    }
}

pub(super) fn state_management(doc: &mut Doc, plan: &Plan) {
    doc.rule();
    doc.heading(2, SECTIONS[6].0);
    doc.heading(3, "7.1 State Files");
    doc.table(
        &["File", "Purpose"],
        &[
            vec![code("ORCHESTRATION.yaml"), "State for programs".into()],
            vec![
                code("ORCHESTRATION_WORKTRACKER.md"),
                "Progress, scores, questions and checkpoints for people".into(),
            ],
            vec![code("ORCHESTRATION_PLAN.md"), "This file: the workflow and where it stands".into()],
        ],
    );
    doc.paragraph("All three are views of the run's journal. The journal decides; a file that differs from it is out of date.");
    doc.heading(3, "7.2 Artifact Path Structure");
    let paths = plan
        .tasks
        .iter()
        .filter(|t| matches!(t.output, Output::Document { .. }))
        .flat_map(|t| t.output.paths());
    let base = format!("{}/", plan.workflow.base_path);
    let (inside, outside): (Vec<&String>, Vec<&String>) = paths.partition(|p| p.starts_with(&base));
    let mut tree = Tree::default();
    inside.iter().for_each(|p| tree.add(p[base.len()..].split('/')));
    let mut text = format!("{base}\n");
    tree.draw("", &mut text);
    doc.block(&crate::view::markdown::plain_block(&text));
    if !outside.is_empty() {
        doc.paragraph("Outside this folder:");
        outside.iter().for_each(|p| doc.item("- ", &code(p)));
    }
    if !plan.pipelines.is_empty() {
        doc.paragraph(
            "**Pipeline aliases**, and where each comes from (`workflow` before `skill` before `derived`):",
        );
        for pipeline in &plan.pipelines {
            doc.item(
                "- ",
                &format!(
                    "{}: {} ({})",
                    inline(pipeline.id.as_str()),
                    code(&pipeline.alias),
                    inline(&pipeline.alias_source)
                ),
            );
        }
    }
    doc.heading(3, "7.3 Checkpoint Strategy");
    let (phase, agent) =
        (plan.checkpoints != CheckpointFrequency::Barrier, plan.checkpoints == CheckpointFrequency::Agent);
    let when = match (agent, phase) {
        (true, _) => "After each accepted agent, and when phases that meet at a barrier have ended",
        (false, true) => "When phases that meet at the same barrier have ended, and at the end of the run",
        (false, false) => "At the end of the run only",
    };
    doc.table(
        &["Trigger", "When", "Purpose"],
        &[
            vec!["PHASE_COMPLETE".into(), when.into(), "Go back to the end of a phase".into()],
            vec![
                "BARRIER_COMPLETE".into(),
                "When a barrier is COMPLETE".into(),
                "Go back to behind a barrier".into(),
            ],
            vec!["MANUAL".into(), "When a person asks for it".into(), "Look into it, or fork from it".into()],
        ],
    );
}

#[derive(Default)]
struct Tree(BTreeMap<String, Tree>, Vec<String>);

impl Tree {
    fn add<'a>(&mut self, mut parts: impl Iterator<Item = &'a str>) {
        let Some(first) = parts.next() else { return };
        if !self.0.contains_key(first) {
            self.1.push(first.to_owned());
        }
        self.0.entry(first.to_owned()).or_default().add(parts);
    }

    /// Folders in the order in which they were added.
    fn draw(&self, lead: &str, to: &mut String) {
        for (n, name) in self.1.iter().enumerate() {
            let last = n + 1 == self.1.len();
            let below = &self.0[name];
            let slash = if below.1.is_empty() { "" } else { "/" };
            to.push_str(&format!(
                "{lead}{}{}{slash}\n",
                if last { "└── " } else { "├── " },
                super::clean(name)
            ));
            below.draw(&format!("{lead}{}", if last { "    " } else { "│   " }), to);
        }
    }
}

pub(super) fn constraints(doc: &mut Doc, plan: &Plan) {
    doc.rule();
    doc.heading(2, SECTIONS[7].0);
    doc.heading(3, "8.1 Hard Constraints");
    let row = |c: &crate::plan::Constraint| {
        vec![
            inline(&c.name),
            c.id.as_deref().map(inline).unwrap_or_else(|| "none".into()),
            inline(&c.enforcement),
        ]
    };
    let hard: Vec<_> = plan.constraints.iter().filter(|c| c.hard).map(row).collect();
    doc.table(&["Constraint", "ID", "Enforcement"], &hard);
    doc.heading(3, "8.2 Soft Constraints and Limits");
    let limits = &plan.limits;
    let fact = |name: &str, value: String, why: &str| vec![name.to_owned(), value, why.to_owned()];
    let duration = |ms: u64| crate::time::duration_text(ms);
    let mut rows = vec![
        fact(
            "Max concurrent agents",
            limits.max_concurrent_agents.to_string(),
            "Every running attempt counts, reviewers too",
        ),
        fact("Max barrier retries", limits.max_barrier_retries.to_string(), "Then a person decides"),
        fact("Max attempts per step", limits.max_attempts.to_string(), "Then a person decides"),
        fact("Wall time of an attempt", duration(limits.attempt_timeout_ms), "Unless an agent has its own"),
        fact(
            "Checkpoint frequency",
            format!("{:?}", plan.checkpoints).to_uppercase(),
            "How fine the points of return are",
        ),
    ];
    let mut budget = |of: String, budget: &Budget| {
        let Budget { agent_calls_max, micro_usd_max, tokens_max, wall_ms_max, then, .. } = *budget;
        let usd = |n: u64| format!("{}.{:02} USD", n / 1_000_000, n % 1_000_000 / 10_000);
        let all = [
            ("agent calls", agent_calls_max.map(|n| n.to_string())),
            ("cost", micro_usd_max.map(usd)),
            ("tokens", tokens_max.map(|n| n.to_string())),
            ("wall time", wall_ms_max.map(duration)),
        ];
        let then = match then {
            Then::Ask => "Then a person decides",
            Then::Stop => "Then no agent of it starts any more",
        };
        let given = all.into_iter().filter_map(|(what, max)| Some((what, max?)));
        rows.extend(given.map(|(what, max)| fact(&format!("Budget{of}: {what}"), max, then)));
    };
    budget(String::new(), &limits.budget);
    budget(" of all runs on a day".to_owned(), &limits.shares.day);
    for (pipeline, own) in &limits.shares.pipelines {
        budget(format!(" of pipeline {pipeline}"), own);
    }
    // Most tasks have the same one.
    let mut alike: Vec<(&Budget, Vec<&str>)> = Vec::new();
    for (task, own) in &limits.shares.tasks {
        match alike.iter_mut().find(|(known, _)| *known == own) {
            Some((_, tasks)) => tasks.push(task.as_str()),
            None => alike.push((own, vec![task.as_str()])),
        }
    }
    for (own, tasks) in alike {
        let of = match tasks.len() {
            n if n == plan.tasks.len() && n > 1 => "each task".to_owned(),
            1..=6 => tasks.join(", "),
            n => format!("{} and {} more", tasks[..5].join(", "), n - 5),
        };
        budget(format!(" of {of}"), own);
    }
    let soft = plan.constraints.iter().filter(|c| !c.hard);
    rows.extend(soft.map(|c| {
        vec![
            inline(&c.name),
            c.id.as_deref().map(inline).unwrap_or_else(|| "none".into()),
            inline(&c.enforcement),
        ]
    }));
    doc.table(&["Constraint", "Value", "Rationale"], &rows);
}

pub(super) fn criteria(doc: &mut Doc, plan: &Plan, view: &RunView) {
    doc.rule();
    doc.heading(2, SECTIONS[8].0);
    let mut section = 0;
    for stage in &plan.stages {
        let phases = stage
            .phases
            .iter()
            .filter_map(|(id, n)| plan.pipeline(id).and_then(|p| p.phases.iter().find(|ph| ph.number == *n)));
        let mut rows: Vec<Vec<String>> = Vec::new();
        for criterion in phases.flat_map(|p| &p.criteria) {
            let row = vec![inline(&criterion.name), inline(&criterion.validation)];
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
        let passed =
            stage.tasks.iter().filter(|t| view.task(t.as_str()).is_some_and(|t| t.status == Word::Complete));
        rows.push(vec![
            "Quality gate passed".into(),
            format!("{} of {} artifacts accepted at their thresholds", passed.count(), stage.tasks.len()),
        ]);
        section += 1;
        let mut subject = inline(&stage.subject);
        if let Some(first) = subject.get(0..1) {
            subject.replace_range(0..1, &first.to_uppercase());
        }
        doc.heading(3, &format!("9.{section} {subject} Exit Criteria"));
        doc.table(&["Criterion", "Validation"], &rows);
    }
    doc.heading(3, &format!("9.{} Workflow Completion Criteria", section + 1));
    let rows = plan
        .completion
        .iter()
        .map(|c| vec![inline(&c.name), inline(&c.validation), by(&c.by), met(plan, view, &c.name, &c.by)]);
    doc.table(&["Criterion", "Validation", "Checked by", "Met"], &rows.collect::<Vec<_>>());
}

fn by(by: &CompletionBy) -> String {
    match by {
        CompletionBy::Person => "a person".into(),
        _ => "the engine".into(),
    }
}

fn met(plan: &Plan, view: &RunView, name: &str, by: &CompletionBy) -> String {
    let yes = match by {
        CompletionBy::Phases => view.tasks.iter().all(|t| t.status == Word::Complete),
        CompletionBy::Barriers => view.barriers.iter().all(|b| b.status == Word::Complete),
        CompletionBy::Artifact(path) => {
            let maker = plan.tasks.iter().find(|t| t.output.paths().contains(path));
            maker.and_then(|t| view.task(t.id.as_str())).is_some_and(|t| t.status == Word::Complete)
        }
        CompletionBy::Person => {
            let key = format!("criterion {}", super::clean(name));
            return match view.declared.iter().find(|(what, _)| *what == key) {
                Some((_, how)) => format!("yes, declared by {}", inline(how)),
                None => "not yet".into(),
            };
        }
    };
    if yes { "yes".into() } else { "not yet".into() }
}

pub(super) fn risks(doc: &mut Doc, plan: &Plan) {
    doc.rule();
    doc.heading(2, SECTIONS[9].0);
    let rows = plan
        .risks
        .iter()
        .map(|r| vec![inline(&r.risk), inline(&r.likelihood), inline(&r.impact), inline(&r.mitigation)]);
    doc.table(&["Risk", "Likelihood", "Impact", "Mitigation"], &rows.collect::<Vec<_>>());
}

pub(super) fn resumption(doc: &mut Doc, view: &RunView) {
    doc.rule();
    doc.heading(2, SECTIONS[10].0);
    doc.heading(3, "11.1 Current Execution State");
    let title = match view.started_at {
        Some(_) => format!("WORKFLOW STATUS AS OF {}: {}", view.updated_at, view.status),
        None => format!("WORKFLOW STATUS BEFORE THE START: {}", view.status),
    };
    let mut text = format!("{title}\n{}\n", "=".repeat(title.len()));
    for pipeline in &view.pipelines {
        text.push_str(&format!("\nPipeline {} ({}):\n", pipeline.id, pipeline.alias));
        for phase in &pipeline.phases {
            let name = format!("Phase {} ({}):", phase.number, phase.name);
            text.push_str(&format!("  {name:<24} {}\n", status_of(phase)));
        }
    }
    let loose: Vec<_> = view.agents().filter(|t| t.place.is_none()).collect();
    if !loose.is_empty() {
        text.push_str("\nTasks without pipeline:\n");
        loose.iter().for_each(|t| text.push_str(&format!("  {:<24} {} ({})\n", t.id, t.status, t.activity)));
    }
    if !view.barriers.is_empty() {
        text.push_str("\nBarriers:\n");
        view.barriers
            .iter()
            .for_each(|b| text.push_str(&format!("  {:<24} {} ({})\n", b.id, b.status, b.activity)));
    }
    doc.block(&crate::view::markdown::plain_block(&text));
    doc.heading(3, "11.2 Next Actions");
    crate::view::tracker_md::next_actions(doc, view);
    let what = if view.is_over() { "To look at it" } else { "To go on" };
    doc.paragraph(&format!("{what} in any session: {}", code(&view.resumption.command)));
}
