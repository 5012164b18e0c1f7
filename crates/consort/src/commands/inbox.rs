//! `consort inbox [RUN]`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::follow::now;
use crate::out::paint_status;
use crate::place::Run;
use crate::terminal;
use clap::Args;
use consort_core::view::inbox::{text, waiting};
use consort_core::view::model::run_view;

/// Lists every question that waits for a person, of all runs of this repository.
///
/// Gates, budgets and held tasks, and what agents ask while they work: permissions and questions.
#[derive(Args)]
#[command(after_help = "Examples:\n  consort inbox\n  consort inbox review-2026 --json")]
pub(crate) struct Inbox {
    /// Only this run's: its id, or the beginning of it.
    run: Option<String>,
    /// Prints {schema, questions: [{run, id, kind, subject, step, who, asked_at, age_ms, question, command, options}]}.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(ctx: &Context, args: &Inbox) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let runs = match &args.run {
        Some(run) => vec![place.run(Some(run))?],
        None => {
            let ids = place.places.list_runs()?;
            let found = ids.into_iter().map(|id| Ok(Run { dir: place.places.existing_run(&id)?, id }));
            found.collect::<Result<Vec<_>, Failure>>()?
        }
    };
    let mut all = Vec::new();
    for run in &runs {
        match place.replay(run) {
            Ok(replayed) => all.extend(waiting(&run_view(&replayed.state), now())),
            Err(failure) if args.run.is_some() => return Err(failure),
            // One damaged journal must not hide the questions of the others.
            Err(failure) => eprintln!("run {} is left out: {}", run.id, failure.what),
        }
    }
    if args.json {
        ctx.out.shaped("inbox", &serde_json::json!({ "questions": all }))?;
        return Ok(exit::DONE);
    }
    let width = if ctx.out.stdout_tty { terminal::size().0.min(120) } else { 120 };
    let text: String =
        text(&all, width).lines().map(|line| paint_status(ctx.out.stdout, line) + "\n").collect();
    ctx.out.print(&text)?;
    Ok(exit::DONE)
}
