//! `consort timeline RUN`

use super::cost::attempts;
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::follow::now;
use crate::terminal;
use clap::Args;
use consort_core::view::timeline::chart;

/// Who worked when: a row for each task, and the chain of work that took the run so long.
#[derive(Args)]
#[command(after_help = "Example:\n  consort timeline review-20260220-001")]
pub(crate) struct Timeline {
    /// The run: its id, or the beginning of it; may be left out where there is only one.
    run: Option<String>,
    /// Prints {run, attempts: [{attempt, task, role, pipeline, agent, model, began, ended, end, usage, wall_ms}]}.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(ctx: &Context, args: &Timeline) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(args.run.as_deref())?;
    let (state, attempts) = attempts(&place, &run)?;
    if args.json {
        ctx.out.shaped("timeline", &serde_json::json!({ "run": run.id, "attempts": attempts.lines }))?;
        return Ok(exit::DONE);
    }
    // A run that nobody drives stands still.
    let at = if run.holder().is_some() { now() } else { state.now };
    let width = if ctx.out.stdout_tty { terminal::size().0.min(160) } else { 120 };
    ctx.out.print(&chart(&attempts, at, width, ctx.out.unicode))?;
    Ok(exit::DONE)
}
