//! `consort review FILE --strategy ID`

use super::alone::{self, Common, Typed};
use crate::context::Context;
use crate::failure::Failure;
use clap::Args;
use consort_core::definition::Asked;

/// Lets critics look at one document, each by one strategy, and shows what they find.
///
/// Needs no workflow. A finding whose quotation is not in the document does not count. Exit code 0: no
/// Critical or Major finding; 1: some, or a critic gave no answer.
#[derive(Args)]
#[command(after_help = "\
Examples:
  consort review docs/decision.md --strategy S-004 --rehearse
  consort review docs/decision.md --strategy S-007 --strategy S-012 --workflow workflow.yaml")]
pub(crate) struct Review {
    #[command(flatten)]
    common: Common,
    /// A way of reviewing, such as S-004; may be given several times. `consort strategies` lists them.
    #[arg(long = "strategy", value_name = "ID", required = true)]
    strategies: Vec<String>,
}

pub(crate) fn run(ctx: &Context, args: &Review) -> Result<u8, Failure> {
    let more = args.strategies.iter().map(|id| format!(" --strategy {id}")).collect();
    let asked = Asked::Review { strategies: args.strategies.clone() };
    alone::run(ctx, &args.common, asked, &Typed { verb: "review", more })
}
