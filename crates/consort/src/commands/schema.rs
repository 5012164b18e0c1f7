//! `consort schema`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use clap::{Args, ValueEnum};
use consort_core::definition;
use consort_core::plan::growth;
use consort_core::view::report::handoff_schema;

/// Prints the JSON Schema of workflow files, for editors, or of handoffs and lists of tasks, for programs.
#[derive(Args)]
#[command(after_help = "Example:\n  consort schema > workflow.schema.json\n  consort schema handoff")]
pub(crate) struct Schema {
    /// Of what.
    #[arg(value_enum, default_value_t = Of::Workflow)]
    of: Of,
}

#[derive(Clone, Copy, ValueEnum)]
enum Of {
    /// Files that you write.
    Workflow,
    /// What a task with `produces: tasks` writes.
    Tasks,
    /// `handoff.json` beside each handoff in a checkpoint's tree.
    Handoff,
}

pub(crate) fn run(ctx: &Context, args: &Schema) -> Result<u8, Failure> {
    ctx.out.print(&match args.of {
        Of::Workflow => definition::schema(),
        Of::Tasks => growth::TASKS_SCHEMA.to_owned(),
        Of::Handoff => handoff_schema(),
    })?;
    Ok(exit::DONE)
}
