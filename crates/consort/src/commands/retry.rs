//! `consort retry RUN TASK`

use crate::context::Context;
use crate::failure::Failure;
use crate::{post, question};
use clap::Args;
use consort_core::ids::TaskId;
use consort_core::run::Command;

/// Tries a held or given-up task again, with one more set of rounds.
#[derive(Args)]
#[command(
    after_help = "Example:\n  consort retry review-20260220-001 agent-a-001 -m 'use the figures of 2026'"
)]
pub(crate) struct Retry {
    /// The run: its id, or the beginning of it.
    run: String,
    /// The task.
    task: String,
    /// Guidance: its creator reads it.
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
}

pub(crate) fn run(ctx: &Context, args: &Retry) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(Some(&args.run))?;
    let task = TaskId(args.task.clone());
    let done = format!("{task} is tried again.");
    let instead_of = question::about_held(&place.replay(&run)?.state, &args.task);
    post::give(ctx, &place, &run, &Command::Retry { task, note: args.message.clone(), instead_of }, &done)
}
