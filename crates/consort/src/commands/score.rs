//! `consort score FILE`

use super::alone::{self, Common, Typed};
use crate::context::Context;
use crate::failure::Failure;
use clap::Args;
use consort_core::definition::Asked;
use consort_core::plan::Criticality;

/// Scores one document as a gate does: checks, then a judge; the engine computes.
///
/// Needs no workflow. Quotations are looked up, the composite is exact, and the record is that of a run:
/// `report`, `verify` and `list` know it. Exit code 0: it passes; 1: it does not, or there is no score.
#[derive(Args)]
#[command(after_help = "\
Examples:
  consort score docs/decision.md --rehearse
  consort score docs/decision.md --workflow workflow.yaml
  consort score docs/decision.md --workflow workflow.yaml --agent judge-2 --criticality C4 --json")]
pub(crate) struct Score {
    #[command(flatten)]
    common: Common,
    /// The level of the document: at C4 two judges score it.
    #[arg(long, value_name = "LEVEL", default_value = "C2", value_parser = level)]
    criticality: Criticality,
    /// The kind of document, such as adr: rules may ask for a higher level by it.
    #[arg(long = "type", value_name = "KIND")]
    kind: Option<String>,
}

pub(crate) fn run(ctx: &Context, args: &Score) -> Result<u8, Failure> {
    let asked = Asked::Score { level: args.criticality, kind: args.kind.clone() };
    alone::run(ctx, &args.common, asked, &Typed { verb: "score", more: String::new() })
}

fn level(text: &str) -> Result<Criticality, String> {
    let all = [Criticality::C1, Criticality::C2, Criticality::C3, Criticality::C4];
    let named = all.into_iter().find(|level| level.to_string().eq_ignore_ascii_case(text));
    named.ok_or_else(|| "there are C1, C2, C3 and C4".into())
}
