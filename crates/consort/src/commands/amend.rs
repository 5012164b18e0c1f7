//! `consort amend RUN FILE`

use super::changed::Given;
use super::fork::absent;
use super::planning;
use super::run::agree::agreed;
use super::run::{Agreement, said};
use super::{changed, outlook};
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::place::Place;
use crate::post;
use clap::Args;
use consort_core::ids::ContentHash;
use consort_core::plan::Plan;
use consort_core::run::{Command, Graph, State, Will};
use consort_local::host;
use consort_worker::workspace::Repo;
use std::path::PathBuf;

/// Goes on with a run under a changed workflow file.
///
/// Each branch is looked at alone: a task that the file still says the same about (text, role, agent, model, prompt, gate,
/// inputs) and all that it rests on stay as they are, also in the middle of a round. What changed, and what rests on that,
/// begins anew. Nothing is lost: what is given up stays in the journal and under `refs/consort/RUN/abandoned/`, and a
/// rollback to a checkpoint finds it again, with the plan of then. Money stays spent.
#[derive(Args)]
#[command(after_help = "Examples:\n  consort amend review-20260220-001 workflow.yaml --dry-run\n  \
                  consort amend review-20260220-001 workflow.yaml -m 'the third question was missing'\n  \
                  consort amend review-20260220-001 --set agents.judge.model=gpt-5.1")]
pub(crate) struct Amend {
    /// The run: its id, or the beginning of it.
    run: String,
    /// The changed workflow file: its content now. Without it the text that the run is made from, with --set.
    #[arg(required_unless_present = "sets")]
    file: Option<PathBuf>,
    /// A value in the file's own terms, such as `agents.judge.model=gpt-5.1`; may be repeated.
    #[arg(long = "set", id = "sets", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// A value for a variable of the workflow file.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = planning::variable, requires = "file")]
    variables: Vec<(String, String)>,
    /// Why: it stands in the record.
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Only says what would stay, what would be made, and what that takes.
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: {schema, run, tasks: [{task, will, why, calls}], calls, micro_usd} as JSON.
    #[arg(long, requires = "dry_run")]
    json: bool,
    /// Does it without asking, however many agent calls it takes and whatever they cost.
    #[arg(long, short)]
    yes: bool,
}

pub(crate) fn run(ctx: &Context, args: &Amend) -> Result<u8, Failure> {
    let (place, repo) = Place::with_repo(&ctx.dir)?;
    let run = place.run(Some(&args.run))?;
    let state = place.replay(&run)?.state;
    let given = Given { file: args.file.as_deref(), variables: &args.variables, sets: &args.sets };
    let Some(written) = changed::written(ctx, &given, &place, state.source_at(u64::MAX))? else {
        return Err(Failure::invalid("nothing is to be different").help("give a FILE, or `--set PATH=VALUE`"));
    };
    let plan = changed::plan(ctx, &written, &state, (&place, repo.as_ref()))?;
    let plan = changed::with_lists(plan, &state, u64::MAX, &place, repo.as_ref());
    if args.json {
        let rows = consort_core::run::outlook(&state, Some(&Graph::new(plan)));
        outlook::json(ctx, &state, &rows)?;
        return Ok(exit::DONE);
    }
    let source = Some(host::keep(&place.places.open_store(), &written)?);
    let change = Change { plan, source, note: args.message.clone(), yes: args.yes, dry_run: args.dry_run };
    to_plan(ctx, &place, repo.as_ref(), &run, &state, change)
}

/// A run is to go on under this plan.
pub(super) struct Change {
    pub plan: Plan,
    /// The text that it was made from.
    pub source: Option<ContentHash>,
    pub note: Option<String>,
    pub yes: bool,
    pub dry_run: bool,
}

/// Says what that means, asks where it is dear, and does it.
pub(super) fn to_plan(
    ctx: &Context,
    place: &Place,
    repo: Option<&Repo>,
    run: &crate::place::Run,
    state: &State,
    change: Change,
) -> Result<u8, Failure> {
    let Change { plan, source, note, yes, dry_run } = change;
    if plan == state.graph.plan {
        ctx.out.print(&format!("{} is run by this plan already: nothing changes.\n", run.id))?;
        return Ok(exit::DONE);
    }
    let rows = consort_core::run::outlook(state, Some(&Graph::new(plan.clone())));
    let text = outlook::text(state, &rows);
    if dry_run {
        ctx.out.print(&format!("{} would go on like this:\n{text}", run.id))?;
        return Ok(exit::DONE);
    }
    ctx.out.print(&format!("{} goes on like this:\n{text}", run.id))?;
    let base = state.start.as_ref().and_then(|start| start.base.as_ref());
    let absent = absent(place, repo.filter(|_| base.is_some()), base, &plan)?;
    if !absent.is_empty() {
        ctx.out.print(&said(&ctx.out, "absent", &absent.join(", ")))?;
    }
    let made =
        |id: &consort_core::ids::TaskId| rows.iter().any(|row| row.task == *id && row.will == Will::Run);
    let mut rest = plan.clone();
    rest.tasks.retain(|task| made(&task.id));
    let agreement = Agreement { yes, calls: place.settings()?.ask_above_calls, may_ask: ctx.out.can_ask };
    if !agreed(ctx, &rest, &agreement)? {
        return Ok(exit::FAILED);
    }
    let plan = host::keep(&place.places.open_store(), &plan)?;
    let done = format!("{} goes on under the changed workflow.", run.id);
    post::give(ctx, place, run, &Command::Amend { plan, source, absent, note }, &done)
}
