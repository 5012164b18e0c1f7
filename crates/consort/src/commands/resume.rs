//! `consort resume RUN`

use super::onward;
use super::outlook;
use crate::context::Context;
use crate::detach;
use crate::drive::{Approve, Driver};
use crate::exit;
use crate::failure::Failure;
use crate::place::Place;
use crate::post;
use clap::Args;
use consort_core::run::{Command, RunStatus, State, is_settled};
use consort_core::view::run_word;
use consort_local::host;
use consort_local::inbox::Inbox;
use consort_local::lock::RunLock;
use consort_worker::processes::{self, Handed};

/// Goes on with a run: after a crash, an interruption, an answer, or a pause; or from a checkpoint that came from another clone.
#[derive(Args)]
#[command(after_help = "Examples:\n  consort resume review-2026\n  consort resume review-2026 --detach\n  \
                  consort resume review-2026 --explain\n  consort resume --from refs/consort/review-2026/CP-003")]
pub(crate) struct Resume {
    /// The run: its id, or the beginning of it; may be left out where there is only one.
    run: Option<String>,
    /// Goes on in this clone from a checkpoint that `consort fetch` brought: its ref, or CP-NNN after the run's id.
    #[arg(long, value_name = "REF")]
    from: Option<String>,
    /// From now on: answers every approval with yes, or asks nobody here.
    #[arg(long, value_enum, value_name = "WHO")]
    approve: Option<Approve>,
    /// Only says of every task whether its result is replayed, it is run, or it waits for a person, why, and what that takes.
    #[arg(long, conflicts_with = "from")]
    explain: bool,
    /// With --explain: {schema, run, tasks: [{task, will, why, calls}], calls, micro_usd} as JSON.
    #[arg(long, requires = "explain")]
    json: bool,
    /// Goes on in the background: returns when a runner of its own drives the run.
    #[arg(long, short, conflicts_with = "from")]
    detach: bool,
    /// So many agents work at once in all runs of this repository together [default: no such limit, or the setting].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    max_agents: Option<u32>,
    /// Another process of consort hands us the run: its lock on standard input.
    #[arg(long, hide = true, conflicts_with = "detach")]
    handed_over: bool,
}

pub(crate) fn run(ctx: &Context, args: &Resume) -> Result<u8, Failure> {
    if let Some(from) = &args.from {
        return onward::run(ctx, args.run.as_deref(), from, args.approve);
    }
    // First of all: until then what is said goes to whoever waits for one word.
    let handed = args.handed_over.then(processes::handed_over).transpose()?;
    let (place, repo) = Place::with_repo(&ctx.dir)?;
    let run = place.run(args.run.as_deref())?;
    let state = place.replay(&run)?.state;
    if args.explain {
        return explain(ctx, &state, args.json);
    }
    // A command that waits may open what is over again.
    let asked = Inbox::of(&run.dir).take().is_ok_and(|taken| !taken.posted.is_empty());
    let looks = handed.is_none() && !asked;
    if let Some(code) = if looks { over(ctx, &state)? } else { None } {
        return Ok(code);
    }
    let paused = state.status == RunStatus::Paused;
    if paused && handed.is_none() && run.holder().is_some() {
        let done = format!("{} goes on.", run.id);
        return post::give(ctx, &place, &run, &Command::Unpause, &done);
    }
    let based = state.start.as_ref().is_some_and(|s| s.base.is_some());
    // A run that began without a base knows nothing of the repository around it.
    let repo = repo.filter(|_| based);
    if based && repo.is_none() {
        return Err(Failure::invalid(format!(
            "run {} works in a git repository, and there is none here",
            run.id
        ))
        .help("give its directory with `-C DIR`"));
    }
    let (lock, starter) = match handed {
        Some(Handed { lock, starter }) => (RunLock::handed_over(&run.dir, lock, "detached")?, Some(starter)),
        None => (place.places.take_run(&run.id, "resume")?, None),
    };
    let driver = Driver::new(ctx, place, repo, run.id, args.approve)?;
    let driver = driver.apart(args.detach || starter.is_some(), args.max_agents);
    let mut orders = Vec::new();
    if paused {
        orders.push(("terminal", Command::Unpause));
    }
    // A run that is over may lack its last checkpoint, and has no question that could be answered.
    if args.approve == Some(Approve::All) && !state.is_over() {
        orders.push(("flag", Command::ApproveAll));
    }
    ctx.out.print(&format!("Run {} goes on from record {}.\n", driver.run, state.seq))?;
    if args.detach {
        return detach::go_on(ctx, &driver, lock, args.approve);
    }
    let (outcome, state) = driver.drive_for(starter, lock, orders, host::reopen)?;
    driver.report(outcome, &state)
}

/// What going on would do, before anything starts.
fn explain(ctx: &Context, state: &State, json: bool) -> Result<u8, Failure> {
    let rows = consort_core::run::outlook(state, None);
    if json {
        outlook::json(ctx, state, &rows)?;
    } else {
        let run = state.start.as_ref().map(|start| start.run.to_string()).unwrap_or_default();
        ctx.out.print(&format!("{run} would go on like this:\n{}", outlook::text(state, &rows)))?;
    }
    Ok(exit::DONE)
}

/// A run that is over says so; one that lacks its last checkpoint or a tidied workspace does not
/// count as over.
fn over(ctx: &Context, state: &State) -> Result<Option<u8>, Failure> {
    if !is_settled(state) {
        return Ok(None);
    }
    let run = state.start.as_ref().map(|s| s.run.to_string()).unwrap_or_default();
    ctx.out.print(&format!(
        "Run {run} is over: {}.\n  look:       consort status {run}\n  once more:  {}\n",
        run_word(state.status),
        state.graph.plan.once_more()
    ))?;
    Ok(Some(if state.status == RunStatus::Complete { exit::DONE } else { exit::FAILED }))
}
