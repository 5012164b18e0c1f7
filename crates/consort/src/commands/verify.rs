//! `consort verify RUN`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::place::Place;
use clap::Args;
use consort_local::verify::{self, Report};

/// Faults that are shown of each check.
const SHOWN: usize = 20;

/// Checks a run from journal, store and repository alone.
///
/// The chain, the decisions, every score, every artifact, every checkpoint, every promise is
/// computed again; nothing else is believed.
#[derive(Args)]
#[command(after_help = "Example:\n  consort verify review-2026")]
pub(crate) struct Verify {
    /// The run: its id, or the beginning of it; may be left out where there is only one.
    run: Option<String>,
    /// Prints {run, records, faults, checks: [{name, count, summary, faults: [{place, why}]}]}.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(ctx: &Context, args: &Verify) -> Result<u8, Failure> {
    let (place, repo) = Place::with_repo(&ctx.dir)?;
    let run = place.run(args.run.as_deref())?;
    let report = verify::verify(&run.dir, &place.places.open_store(), repo.as_ref())?;
    if args.json {
        ctx.out.shaped("verify", &report)?;
    } else {
        ctx.out.print(&text(ctx, &report))?;
    }
    Ok(if report.faults() == 0 { exit::DONE } else { exit::FAILED })
}

fn text(ctx: &Context, report: &Report) -> String {
    let paint = ctx.out.stdout;
    let mut text = String::new();
    for check in &report.checks {
        let mark = if check.faults.is_empty() { paint.good("ok   ") } else { paint.error("FAULT") };
        text += &format!("{mark}  {:16} {}\n", check.name, check.summary);
        for fault in check.faults.iter().take(SHOWN) {
            text += &format!("       {} {}: {}\n", paint.dim("at"), fault.place, fault.why);
        }
        let more = check.faults.len().saturating_sub(SHOWN);
        if more > 0 {
            text += &format!("       … and {more} more\n");
        }
    }
    text += &match report.faults() {
        0 => format!("\n{}: {} holds what its journal says.\n", paint.good("verified"), report.run),
        1 => format!("\n{} in {}.\n", paint.error("1 fault"), report.run),
        n => format!("\n{} in {}.\n", paint.error(&format!("{n} faults")), report.run),
    };
    text
}
