//! `consort transcript RUN TASK`

use super::logs::attempts_of;
use super::show::unknown_task;
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::report::transcript;
use clap::Args;
use consort_core::ids::AttemptId;
use consort_core::view::model::run_view;
use consort_worker::agents::session::{self, Logged};
use std::path::Path;

/// Shows what the agents of a task said and did, attempt by attempt.
///
/// Of agents that are talked to; what other programs print is in `consort logs RUN TASK`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  consort transcript review-2026 agent-a-001\n  consort transcript review-2026 agent-a-001 --step judge --md > judge.md"
)]
pub(crate) struct Transcript {
    /// The run: its id, or the beginning of it; may be left out where there is only one.
    run: Option<String>,
    /// The task.
    task: Option<String>,
    /// Only this step: `create`, `self-review`, a strategy such as `S-002`, `judge`.
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    /// As Markdown.
    #[arg(long, conflicts_with = "raw")]
    md: bool,
    /// The vendor's stream as it came, secrets left out: `<` from the agent, `>` to it.
    #[arg(long)]
    raw: bool,
}

pub(crate) fn run(ctx: &Context, args: &Transcript) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let (run, task) = place.run_and_task(args.run.as_deref(), args.task.as_deref())?;
    let task = task.ok_or_else(|| {
        Failure::invalid("a transcript is of one task")
            .help("consort transcript RUN TASK; `consort status` lists tasks")
    })?;
    let view = run_view(&place.replay(&run)?.state);
    view.task(&task).ok_or_else(|| unknown_task(&view, &task))?;
    let attempts = place.dirs(&run.id, &place.settings()?)?.state.join("attempts");
    let wanted = |id: &AttemptId| args.step.as_ref().is_none_or(|step| id.step.to_string() == *step);
    let mut shown = 0;
    for (attempt, dir) in attempts_of(&attempts, &task).into_iter().filter(|(id, _)| wanted(id)) {
        shown += usize::from(one(ctx, args, &attempt, &dir.join("session"))?);
    }
    if shown == 0 {
        ctx.out.notice(&format!(
            "no agent of {task} was talked to yet: `consort logs {} {task}` shows what programs print",
            run.id
        ));
    }
    Ok(exit::DONE)
}

/// One attempt; false if nobody was talked to in it.
fn one(ctx: &Context, args: &Transcript, attempt: &AttemptId, control: &Path) -> Result<bool, Failure> {
    if args.raw {
        let Some(bytes) = session::raw_of(control)? else { return Ok(false) };
        ctx.out.stream(&String::from_utf8_lossy(&bytes))?;
        return Ok(true);
    }
    let (events, _) = session::events_from(control, 0)?;
    if events.is_empty() {
        return Ok(false);
    }
    ctx.out.stream(&text(ctx, args, attempt, &events))?;
    Ok(true)
}

fn text(ctx: &Context, args: &Transcript, attempt: &AttemptId, events: &[Logged]) -> String {
    if args.md {
        return transcript::markdown(&attempt.to_string(), events);
    }
    let lines: String = events.iter().filter_map(transcript::lines).collect();
    format!("{}\n{lines}\n", ctx.out.stdout.bold(&format!("== {attempt}")))
}
