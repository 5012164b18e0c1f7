//! `consort retry RUN TASK`

use crate::context::Context;
use crate::failure::Failure;
use crate::post;
use clap::Args;
use consort_core::ids::TaskId;
use consort_core::run::Command;

/// Tries a held task again, with one more set of rounds.
#[derive(Args)]
#[command(after_help = "Example:\n  consort retry review-20260220-001 agent-a-001")]
pub(crate) struct Retry {
    /// The run: its id, or the beginning of it.
    run: String,
    /// The task.
    task: String,
}

pub(crate) fn run(ctx: &Context, args: &Retry) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(Some(&args.run))?;
    let task = TaskId(args.task.clone());
    let done = format!("{task} is tried again.");
    post::give(ctx, &place, &run, &Command::Retry { task }, &done)
}
