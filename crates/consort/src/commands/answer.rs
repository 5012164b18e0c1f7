//! `consort answer RUN QUESTION TEXT`

use crate::context::Context;
use crate::failure::Failure;
use crate::{post, question};
use clap::Args;
use consort_core::run::{Command, Reach};

/// Answers the question of an agent in words.
///
/// The agent is at work and waits for it, for as long as its policy says; what asks for yes or no is answered
/// with `consort approve` and `consort reject`.
#[derive(Args)]
#[command(after_help = "Example:\n  consort answer review-20260220-001 A-003 'the figures of 2026'")]
pub(crate) struct Answer {
    /// The run: its id, or the beginning of it.
    run: String,
    /// The question, such as A-003; `consort inbox` lists the open ones.
    approval: String,
    /// The answer: at most 1,000 characters.
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
}

pub(crate) fn run(ctx: &Context, args: &Answer) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(Some(&args.run))?;
    let state = place.replay(&run)?.state;
    let asked = question::find(&state, &args.approval)?;
    question::wants_words(&state, &run.id, &asked.id)?;
    let done = format!("{} is answered.", asked.id);
    let note = Some(args.text.join(" "));
    let command = Command::Approve { approval: asked.id, note, seen: asked.seen, reach: Reach::Call };
    post::give(ctx, &place, &run, &command, &done)
}
