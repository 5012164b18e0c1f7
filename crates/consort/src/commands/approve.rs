//! `consort approve RUN QUESTION`

use crate::context::Context;
use crate::failure::Failure;
use crate::{post, question};
use clap::{Args, ValueEnum};
use consort_core::run::{Command, Reach};

/// Answers a question of a run with yes.
///
/// The answer holds for what the question showed: after `@` stands what you saw, else it is what the
/// run shows now. What an agent asks while it works is granted once, unless `--for` says more; its
/// questions are answered with `consort answer`, and no flag of a run answers either.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  consort approve review-20260220-001 A-002 -m 'read both handoffs'\n  consort approve review-20260220-001 A-002@1f0c93ab\n  consort approve review-20260220-001 A-003 --for task"
)]
pub(crate) struct Approve {
    /// The run: its id, or the beginning of it.
    run: String,
    /// The question, such as A-002, or what it is about; `consort status` lists the open ones.
    approval: String,
    /// Why; an acceptance against a verdict needs it.
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// For what an agent asks permission for: how far the yes reaches.
    #[arg(long = "for", value_enum, default_value_t, value_name = "REACH")]
    reach: For,
}

/// As it is typed.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum For {
    /// This request alone.
    #[default]
    Call,
    /// All requests like it of this task's agents.
    Task,
    /// All requests like it in this run.
    Run,
}

impl From<For> for Reach {
    fn from(reach: For) -> Self {
        match reach {
            For::Call => Reach::Call,
            For::Task => Reach::Task,
            For::Run => Reach::Run,
        }
    }
}

pub(crate) fn run(ctx: &Context, args: &Approve) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(Some(&args.run))?;
    let asked = question::find(&place.replay(&run)?.state, &args.approval)?;
    let done = format!("{} is approved.", asked.id);
    let command = Command::Approve {
        approval: asked.id,
        note: args.message.clone(),
        seen: asked.seen,
        reach: args.reach.into(),
    };
    post::give(ctx, &place, &run, &command, &done)
}
