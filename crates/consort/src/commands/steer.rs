//! `consort steer RUN TASK TEXT`

use crate::context::Context;
use crate::failure::Failure;
use crate::post;
use clap::Args;
use consort_core::ids::TaskId;
use consort_core::run::Command;

/// Tells something to the agent that works on a task now.
///
/// It hears it in the middle of its work, as a further turn. Where no agent that can be talked to creates the
/// task's work now, the next one that does is told.
#[derive(Args)]
#[command(after_help = "Examples:\n  consort steer review-20260220-001 agent-a-001 'leave the tables out'
  consort steer review-20260220-001 agent-a-001 --now 'stop the benchmark: the numbers are in docs/'")]
pub(crate) struct Steer {
    /// The run: its id, or the beginning of it.
    run: String,
    /// The task.
    task: String,
    /// Interrupts what it does now, for this.
    #[arg(long)]
    now: bool,
    /// What: at most 1,000 characters.
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
}

pub(crate) fn run(ctx: &Context, args: &Steer) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(Some(&args.run))?;
    let done = format!("{} is told.", args.task);
    let command =
        Command::Steer { task: TaskId(args.task.clone()), text: args.text.join(" "), now: args.now };
    post::give(ctx, &place, &run, &command, &done)
}
