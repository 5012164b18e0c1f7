//! `consort approve RUN APPROVAL`

use crate::context::Context;
use crate::failure::Failure;
use crate::post;
use clap::Args;
use consort_core::ids::ApprovalId;
use consort_core::run::Command;

/// Answers a question of a run with yes.
#[derive(Args)]
#[command(after_help = "Example:\n  consort approve review-20260220-001 A-002 -m 'read both handoffs'")]
pub(crate) struct Approve {
    /// The run: its id, or the beginning of it.
    run: String,
    /// The question, such as A-002; `consort status` lists the open ones.
    approval: String,
    /// Why.
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
}

pub(crate) fn run(ctx: &Context, args: &Approve) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(Some(&args.run))?;
    let approval = id(&args.approval);
    let done = format!("{approval} is approved.");
    post::give(ctx, &place, &run, &Command::Approve { approval, note: args.message.clone() }, &done)
}

/// As ids are written, however it was typed: `a-2` is `A-002`.
pub(super) fn id(typed: &str) -> ApprovalId {
    let number = typed.trim().trim_start_matches(['A', 'a']).trim_start_matches('-');
    match number.parse::<u32>() {
        Ok(number) => ApprovalId(format!("A-{number:03}")),
        Err(_) => ApprovalId(typed.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_approval_may_be_typed_in_short() {
        for typed in ["A-002", "a-2", "2", "A2"] {
            assert_eq!(super::id(typed).as_str(), "A-002");
        }
        assert_eq!(super::id("barrier-1").as_str(), "barrier-1");
    }
}
