//! `consort graph FILE`

use super::planning::{self, Source};
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use clap::Args;
use consort_core::view::graph;
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
    let format = match args.format {
        Format::Ascii => graph::Format::Ascii,
        Format::Mermaid => graph::Format::Mermaid,
        Format::Dot => graph::Format::Dot,
    };
    let text = graph::graph(&plan, format);
    ctx.out.print(&text)?;
    Ok(exit::DONE)
}
