//! `consort cancel RUN`

use crate::context::Context;
use crate::failure::Failure;
use crate::post;
use clap::Args;
use consort_core::run::Command;

/// Ends a run for good: its agents are stopped, what was accepted is kept.
#[derive(Args)]
#[command(after_help = "Example:\n  consort cancel review-20260220-001")]
pub(crate) struct Cancel {
    /// The run: its id, or the beginning of it.
    run: String,
}

pub(crate) fn run(ctx: &Context, args: &Cancel) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(Some(&args.run))?;
    let done = format!("{} is being cancelled.", run.id);
    post::give(ctx, &place, &run, &Command::Cancel, &done)
}
