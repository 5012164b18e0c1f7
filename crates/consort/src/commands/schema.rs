//! `consort schema`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::shapes;
use clap::Args;
use clap::builder::PossibleValuesParser;
use consort_core::definition;
use consort_core::plan::growth;
use consort_core::view::report::handoff_schema;

/// Prints a JSON Schema: of workflow files, of handoffs and lists of tasks, or of what a verb prints with `--json`.
#[derive(Args)]
#[command(after_help = "Examples:\n  consort schema > workflow.schema.json\n  consort schema handoff\n  \
                  consort schema status")]
pub(crate) struct Schema {
    /// Of what: `workflow` are files that you write, `handoff` is handoff.json beside each handoff in a checkpoint's
    /// tree, the others are outputs of verbs.
    #[arg(default_value = "workflow", value_parser = PossibleValuesParser::new(names()))]
    of: String,
}

fn names() -> impl Iterator<Item = &'static str> {
    ["workflow", "handoff", "tasks"].into_iter().chain(shapes::ALL.iter().map(|(name, _)| *name))
}

pub(crate) fn run(ctx: &Context, args: &Schema) -> Result<u8, Failure> {
    match (args.of.as_str(), shapes::ALL.iter().find(|(name, _)| *name == args.of)) {
        (_, Some((name, schema))) => ctx.out.json(&schema(name))?,
        ("tasks", _) => ctx.out.print(growth::TASKS_SCHEMA)?,
        ("handoff", _) => ctx.out.print(&handoff_schema())?,
        _ => ctx.out.print(&definition::schema())?,
    }
    Ok(exit::DONE)
}
