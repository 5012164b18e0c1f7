//! `consort reject RUN QUESTION -m TEXT`

use crate::context::Context;
use crate::failure::Failure;
use crate::{post, question};
use clap::Args;
use consort_core::run::Command;

/// Answers a question of a run with no: with guidance for another round, or for good.
///
/// About work that can be done once more (a task, held or to be approved, and a barrier) a no starts
/// another round, and its agents are told what `-m` says. `--give-up` ends it instead. An agent that asks for
/// a permission goes on without it, and is told what `-m` says: what to do instead.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  consort reject review-20260220-001 A-002 -m 'section 3 has no sources'\n  consort reject review-20260220-001 agent-a-001 --give-up -m 'not worth another round'"
)]
pub(crate) struct Reject {
    /// The run: its id, or the beginning of it.
    run: String,
    /// The question, such as A-002, or what it is about; `consort status` lists the open ones.
    approval: String,
    /// What is to be different: the agents read it. With `--give-up`: why.
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// No further round: the task or barrier is given up, and what needs it with it.
    #[arg(long)]
    give_up: bool,
}

pub(crate) fn run(ctx: &Context, args: &Reject) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(Some(&args.run))?;
    let asked = question::find(&place.replay(&run)?.state, &args.approval)?;
    let done = format!("{} is rejected.", asked.id);
    let command = Command::Reject {
        approval: asked.id,
        note: args.message.clone(),
        seen: asked.seen,
        give_up: args.give_up,
    };
    post::give(ctx, &place, &run, &command, &done)
}
