//! `consort schema`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use clap::Args;
use consort_core::definition;

/// Prints the JSON Schema of workflow files, for editors.
#[derive(Args)]
#[command(after_help = "Example:\n  consort schema > workflow.schema.json")]
pub(crate) struct Schema {}

pub(crate) fn run(ctx: &Context, _: &Schema) -> Result<u8, Failure> {
    ctx.out.print(&definition::schema())?;
    Ok(exit::DONE)
}
