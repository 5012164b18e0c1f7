//! A plan as a picture: text for terminals and documents, Mermaid and DOT for other tools.

use super::diagram::diagram;
use crate::plan::{Plan, Task, TaskKind};
use std::collections::HashMap;
use std::fmt::Write;

/// How a plan is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Boxes and lines: [`diagram`] before the start.
    Ascii,
    /// A Mermaid flowchart.
    Mermaid,
    /// Graphviz.
    Dot,
}

/// Draws a plan. Ends with a line break.
pub fn graph(plan: &Plan, format: Format) -> String {
    match format {
        Format::Ascii => diagram(plan, None),
        Format::Mermaid => mermaid(plan),
        Format::Dot => dot(plan),
    }
}

/// Nodes have numbers, so that no name can break the notation: tasks `t0`, barriers `b0`.
struct Names<'p> {
    tasks: HashMap<&'p str, usize>,
    barriers: HashMap<&'p str, usize>,
}

impl<'p> Names<'p> {
    fn of(plan: &'p Plan) -> Self {
        Self {
            tasks: plan.tasks.iter().enumerate().map(|(n, t)| (t.id.as_str(), n)).collect(),
            barriers: plan.barriers.iter().enumerate().map(|(n, b)| (b.id.as_str(), n)).collect(),
        }
    }

    /// Every edge once, `(from, to)`.
    fn edges(&self, plan: &Plan) -> Vec<(String, String)> {
        let mut edges = Vec::new();
        for (number, task) in plan.tasks.iter().enumerate() {
            let needs = task.needs.iter().filter_map(|id| self.tasks.get(id.as_str()));
            edges.extend(needs.map(|from| (format!("t{from}"), format!("t{number}"))));
            let behind = task.behind.iter().filter_map(|id| self.barriers.get(id.as_str()));
            edges.extend(behind.map(|from| (format!("b{from}"), format!("t{number}"))));
        }
        for (number, barrier) in plan.barriers.iter().enumerate() {
            // What hands over reaches the barrier through its handoff.
            let hands_over = |id: &str| {
                barrier
                    .handoffs
                    .iter()
                    .filter_map(|h| self.tasks.get(h.as_str()))
                    .any(|h| plan.tasks[*h].needs.iter().any(|needed| needed.as_str() == id))
            };
            let waits = barrier.waits_for.iter().filter(|id| !hands_over(id.as_str()));
            let all = waits.chain(&barrier.handoffs).filter_map(|id| self.tasks.get(id.as_str()));
            edges.extend(all.map(|from| (format!("t{from}"), format!("b{number}"))));
        }
        edges
    }
}

/// Lines of a task's label.
fn label(task: &Task) -> Vec<String> {
    let mut lines = named(task);
    lines.extend(task.when.as_ref().map(|when| {
        let cut: String = when.expr.chars().take(40).collect();
        let dots = if cut.len() < when.expr.len() { " ..." } else { "" };
        format!("if {cut}{dots}")
    }));
    lines
}

fn named(task: &Task) -> Vec<String> {
    match &task.kind {
        TaskKind::Declared | TaskKind::Grown(_) => vec![task.id.to_string(), format!("({})", task.role)],
        TaskKind::Each(growth) => {
            vec![
                task.id.to_string(),
                format!("({})", task.role),
                format!("up to {}, listed by {}", growth.max, growth.list),
            ]
        }
        TaskKind::Handoff(handoff) => {
            vec!["handoff".into(), format!("{} to {}", handoff.aliases.0, handoff.aliases.1)]
        }
    }
}

/// A group: its name, and the tasks in it.
fn groups(plan: &Plan) -> Vec<(String, Vec<usize>)> {
    let mut groups: Vec<(String, Vec<usize>)> = plan
        .pipelines
        .iter()
        .map(|p| (format!("{} ({})", p.name, p.alias), Vec::new()))
        .chain([(String::new(), Vec::new())])
        .collect();
    let rank: HashMap<&str, usize> =
        plan.pipelines.iter().enumerate().map(|(n, p)| (p.id.as_str(), n)).collect();
    for (number, task) in plan.tasks.iter().enumerate() {
        let declared = task.kind.is_work();
        let place = task.place.as_ref().filter(|_| declared).and_then(|(p, _)| rank.get(p.as_str()));
        let group = place.copied().unwrap_or(plan.pipelines.len());
        groups[group].1.push(number);
    }
    groups
}

fn mermaid(plan: &Plan) -> String {
    let text = |line: &str| {
        line.chars().fold(String::new(), |mut out, c| {
            match c {
                '"' => out.push_str("#quot;"),
                '<' => out.push_str("#lt;"),
                '>' => out.push_str("#gt;"),
                '#' => out.push_str("#35;"),
                c if c.is_control() => out.push(' '),
                c => out.push(c),
            }
            out
        })
    };
    let joined = |lines: &[String]| lines.iter().map(|l| text(l)).collect::<Vec<_>>().join("<br>");
    let mut out = String::from("flowchart TD\n");
    for (number, (name, tasks)) in groups(plan).iter().enumerate() {
        let grouped = !name.is_empty();
        if grouped {
            let _ = writeln!(out, "  subgraph g{number}[\"{}\"]", text(name));
        }
        for task in tasks {
            let lines = joined(&label(&plan.tasks[*task]));
            let (open, close) = match plan.tasks[*task].kind {
                TaskKind::Declared | TaskKind::Grown(_) => ("[", "]"),
                TaskKind::Each(_) => ("[[", "]]"),
                TaskKind::Handoff(_) => ("[/", "/]"),
            };
            let indent = if grouped { "    " } else { "  " };
            let _ = writeln!(out, "{indent}t{task}{open}\"{lines}\"{close}");
        }
        if grouped {
            out.push_str("  end\n");
        }
    }
    for (number, barrier) in plan.barriers.iter().enumerate() {
        let _ = writeln!(out, "  b{number}{{{{\"{}\"}}}}", text(barrier.id.as_str()));
    }
    for (from, to) in Names::of(plan).edges(plan) {
        let _ = writeln!(out, "  {from} --> {to}");
    }
    out
}

fn dot(plan: &Plan) -> String {
    let text = |line: &str| {
        let tame: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        tame.replace('\\', "\\\\").replace('"', "\\\"")
    };
    let joined = |lines: &[String]| lines.iter().map(|l| text(l)).collect::<Vec<_>>().join("\\n");
    let mut out =
        format!("digraph \"{}\" {{\n  rankdir=TB;\n  node [shape=box];\n", text(plan.workflow.id.as_str()));
    for (number, (name, tasks)) in groups(plan).iter().enumerate() {
        let grouped = !name.is_empty();
        if grouped {
            let _ = writeln!(out, "  subgraph cluster_{number} {{\n    label=\"{}\";", text(name));
        }
        for task in tasks {
            let lines = joined(&label(&plan.tasks[*task]));
            let shape = match plan.tasks[*task].kind {
                TaskKind::Declared | TaskKind::Grown(_) => "",
                TaskKind::Each(_) => ", peripheries=2",
                TaskKind::Handoff(_) => ", shape=parallelogram",
            };
            let indent = if grouped { "    " } else { "  " };
            let _ = writeln!(out, "{indent}t{task} [label=\"{lines}\"{shape}];");
        }
        if grouped {
            out.push_str("  }\n");
        }
    }
    for (number, barrier) in plan.barriers.iter().enumerate() {
        let _ = writeln!(out, "  b{number} [label=\"{}\", shape=hexagon];", text(barrier.id.as_str()));
    }
    for (from, to) in Names::of(plan).edges(plan) {
        let _ = writeln!(out, "  {from} -> {to};");
    }
    out.push_str("}\n");
    out
}
