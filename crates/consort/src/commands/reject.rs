//! `consort reject RUN APPROVAL`

use crate::context::Context;
use crate::failure::Failure;
use crate::post;
use clap::Args;
use consort_core::run::Command;

/// Answers a question of a run with no.
///
/// The reason guides the next round.
#[derive(Args)]
#[command(after_help = "Example:\n  consort reject review-20260220-001 A-002 -m 'section 3 has no sources'")]
pub(crate) struct Reject {
    /// The run: its id, or the beginning of it.
    run: String,
    /// The question, such as A-002; `consort status` lists the open ones.
    approval: String,
    /// Why: the agents read it.
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
}

pub(crate) fn run(ctx: &Context, args: &Reject) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(Some(&args.run))?;
    let approval = super::approve::id(&args.approval);
    let done = format!("{approval} is rejected.");
    post::give(ctx, &place, &run, &Command::Reject { approval, note: args.message.clone() }, &done)
}
