//! `consort pause RUN`

use crate::context::Context;
use crate::failure::Failure;
use crate::post;
use clap::Args;
use consort_core::run::Command;

/// Starts no new agent until `consort resume`.
///
/// Agents that run go on to their end.
#[derive(Args)]
#[command(after_help = "Example:\n  consort pause review-20260220-001")]
pub(crate) struct Pause {
    /// The run: its id, or the beginning of it.
    run: String,
}

pub(crate) fn run(ctx: &Context, args: &Pause) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(Some(&args.run))?;
    let done = format!("{} is paused: nothing new starts.\n  go on: consort resume {}", run.id, run.id);
    post::give(ctx, &place, &run, &Command::Pause, &done)
}
