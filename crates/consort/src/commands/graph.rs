//! `consort graph FILE`

use super::planning::{self, Source};
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use clap::Args;
use consort_core::plan::{Plan, Task, TaskKind};
use consort_core::view::graph;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::PathBuf;

/// Draws a workflow: pipelines, phases, barriers, and what waits for what.
#[derive(Args)]
#[command(after_help = "Example:\n  consort graph workflow.yaml --format mermaid")]
pub(crate) struct Graph {
    /// The workflow file.
    file: PathBuf,
    /// How it is drawn.
    #[arg(long, value_enum, default_value_t = Format::Ascii)]
    format: Format,
    /// A value for a variable of the workflow.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = planning::variable)]
    variables: Vec<(String, String)>,
    /// Prints {schema, nodes: [{id, kind, pipeline, phase, role, when}], edges: [{from, to}]} instead.
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// What waits for what.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Json {
    /// In plan order, barriers last.
    nodes: Vec<Node>,
    /// `to` waits for `from`.
    edges: Vec<Edge>,
}

#[derive(Serialize, JsonSchema)]
struct Node {
    id: String,
    /// `task`, `handoff`, `list` (stands for the tasks that a list will make), `barrier`.
    kind: &'static str,
    pipeline: Option<String>,
    phase: Option<u32>,
    /// `null` for barriers.
    role: Option<String>,
    /// What must be true when its turn comes; else it is skipped.
    when: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Edge {
    from: String,
    to: String,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal.
    Ascii,
    /// For Markdown.
    Mermaid,
    /// For Graphviz.
    Dot,
}

pub(crate) fn run(ctx: &Context, args: &Graph) -> Result<u8, Failure> {
    let source = Source::read(ctx, &args.file)?;
    let plan = source.plan(ctx, &planning::options_here(ctx, &args.variables), false)?;
    if args.json {
        ctx.out.shaped("graph", &json(&plan))?;
        return Ok(exit::DONE);
    }
    let format = match args.format {
        Format::Ascii => graph::Format::Ascii,
        Format::Mermaid => graph::Format::Mermaid,
        Format::Dot => graph::Format::Dot,
    };
    let text = graph::graph(&plan, format);
    ctx.out.print(&text)?;
    Ok(exit::DONE)
}

fn json(plan: &Plan) -> Json {
    let node = |task: &Task| Node {
        id: task.id.to_string(),
        kind: match task.kind {
            TaskKind::Handoff(_) => "handoff",
            TaskKind::Each(_) => "list",
            TaskKind::Declared | TaskKind::Grown(_) => "task",
        },
        pipeline: task.place.as_ref().map(|(pipeline, _)| pipeline.to_string()),
        phase: task.place.as_ref().map(|(_, phase)| *phase),
        role: Some(task.role.clone()),
        when: task.when.as_ref().map(|when| when.expr.clone()),
    };
    let barrier =
        |id: String| Node { id, kind: "barrier", pipeline: None, phase: None, role: None, when: None };
    let barriers = plan.barriers.iter().map(|it| barrier(it.id.to_string()));
    let edge = |from: &dyn ToString, to: &dyn ToString| Edge { from: from.to_string(), to: to.to_string() };
    let needs = plan.tasks.iter().flat_map(|task| {
        let behind = task.behind.iter().map(move |barrier| edge(barrier, &task.id));
        task.needs.iter().map(move |need| edge(need, &task.id)).chain(behind)
    });
    let meets = plan
        .barriers
        .iter()
        .flat_map(|it| it.waits_for.iter().chain(&it.handoffs).map(move |task| edge(task, &it.id)));
    Json { nodes: plan.tasks.iter().map(node).chain(barriers).collect(), edges: needs.chain(meets).collect() }
}
