//! `consort status [RUN]`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::follow::now;
use crate::out::paint_status;
use crate::terminal;
use clap::Args;
use consort_core::view::model::{RunView, run_view};
use consort_core::view::status_text;
use consort_local::lock::Holder;
use serde::Serialize;

/// Shows one run on one screen.
///
/// What it does, each task, barriers, questions, checkpoints, and what to do next.
#[derive(Args)]
#[command(after_help = "Example:\n  consort status review-2026")]
pub(crate) struct Status {
    /// The run: its id, or the beginning of it; may be left out where there is only one.
    run: Option<String>,
    /// Prints the whole view: {schema, runner, id, status, tasks, barriers, approvals, checkpoints, …}.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Json<'a> {
    runner: Option<Holder>,
    #[serde(flatten)]
    view: &'a RunView,
}

pub(crate) fn run(ctx: &Context, args: &Status) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(args.run.as_deref())?;
    let view = run_view(&place.replay(&run)?.state);
    let runner = run.holder();
    if args.json {
        ctx.out.shaped("status", &Json { runner, view: &view })?;
        return Ok(exit::DONE);
    }
    let width = if ctx.out.stdout_tty { terminal::size().0.min(120) } else { 120 };
    let mut text = status_text(&view, now(), width, ctx.out.unicode);
    match runner {
        Some(holder) => text += &format!("\nDriven by {holder}.\n"),
        None if !view.is_over() => text += &format!("\nNobody drives it now: consort resume {}\n", run.id),
        None => {}
    }
    let text: String = text.lines().map(|line| paint_status(ctx.out.stdout, line) + "\n").collect();
    ctx.out.print(&text)?;
    Ok(exit::DONE)
}
