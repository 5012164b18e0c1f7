//! `consort fork RUN CP [FILE]`

use super::changed::{self, Given};
use super::planning;
use super::rollback::{elsewhere, unknown};
use super::run::agree::agreed;
use super::run::{Agreement, BOUNDARY, nonce, said};
use crate::context::Context;
use crate::detach;
use crate::drive::{Approve, Driver, short};
use crate::exit;
use crate::failure::Failure;
use crate::follow::now;
use crate::person;
use crate::place::Place;
use clap::Args;
use consort_core::ids::{CheckpointId, ContentHash, Revision};
use consort_core::plan::{Forecast, Input, Plan};
use consort_core::run::{Kept, StartRun, Written, kept_at};
use consort_local::host::{self, Begin};
use consort_worker::workspace::{Repo, Rewind};
use schemars::JsonSchema;
use serde::Serialize;
use std::path::PathBuf;

/// Begins another run from a checkpoint of this one, under the same workflow or a changed one.
///
/// What was accepted by then is taken over where the workflow still says the same about it and all that it rests on:
/// task, role, agent, model, prompt, gate. Everything else is made there, from the same base. The first run stays as it is.
#[derive(Args)]
#[command(after_help = "Examples:\n  consort fork review-20260220-001 CP-002\n  \
                  consort fork review-20260220-001 CP-002 other-model.yaml --dry-run\n  \
                  consort fork review-20260220-001 CP-002 --set agents.judge.model=small --set limits.max_attempts=5")]
pub(crate) struct Fork {
    /// The run: its id, or the beginning of it.
    run: String,
    /// The checkpoint: `consort checkpoint list RUN`.
    checkpoint: String,
    /// A changed workflow file; without it the plan of the first run.
    file: Option<PathBuf>,
    /// A value for a variable of the workflow file.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = planning::variable, requires = "file")]
    variables: Vec<(String, String)>,
    /// A value in the terms of the workflow file: of FILE, else of the one that the first run began with. May be given
    /// several times; `tasks.ID.KEY` means that task wherever it stands.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// Only says what would be taken over and what would be made.
    #[arg(long)]
    dry_run: bool,
    /// With `--dry-run`: prints {schema, run, checkpoint, taken_over, to_make, forecast: {calls, unpriced, micro_usd}}.
    #[arg(long, requires = "dry_run")]
    json: bool,
    /// Answers every approval with yes, or asks nobody here. Without it a person at this terminal is asked.
    #[arg(long, value_enum, value_name = "WHO")]
    approve: Option<Approve>,
    /// Starts it without asking, however many agent calls it takes and whatever they cost.
    #[arg(long, short)]
    yes: bool,
    /// Goes on in the background: returns when a runner of its own drives the run.
    #[arg(long, short)]
    detach: bool,
    /// So many agents work at once in all runs of this repository together [default: no such limit, or the setting].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    max_agents: Option<u32>,
}

pub(crate) fn run(ctx: &Context, args: &Fork) -> Result<u8, Failure> {
    let (place, repo) = Place::with_repo(&ctx.dir)?;
    let run = place.run(Some(&args.run))?;
    let state = place.replay(&run)?.state;
    let checkpoint = CheckpointId(args.checkpoint.clone());
    let there = state.checkpoint(&checkpoint).ok_or_else(|| unknown(&state, &checkpoint))?;
    let Some(first) = state.start.clone() else { return Err(Failure::invalid("the run has not begun")) };
    let based = first.base.is_some();
    let repo = repo.filter(|_| based);
    if based && repo.is_none() {
        return Err(Failure::invalid(format!(
            "run {} works in a git repository, and there is none here",
            run.id
        ))
        .help("give its directory with `-C DIR`"));
    }
    let seq = there.seq;
    let given = Given { file: args.file.as_deref(), variables: &args.variables, sets: &args.sets };
    let (plan, source) = match changed::written(ctx, &given, &place, state.source_at(seq))? {
        None => (state.graph_at(seq).unwrap_or_else(|| state.graph.clone()).plan.clone(), None),
        Some(written) => {
            let plan = changed::plan(ctx, &written, &state, (&place, repo.as_ref()))?;
            (changed::with_lists(plan, &state, seq, &place, repo.as_ref()), Some(written))
        }
    };
    let Some(kept) = kept_at(&state, &checkpoint, &plan) else {
        if there.is_from_elsewhere() {
            return Err(elsewhere(&checkpoint));
        }
        let why = there.failed.clone().unwrap_or_else(|| "it is still being made".into());
        return Err(Failure::invalid(format!("{checkpoint} has no commit")).why(why));
    };
    let rest = rest_of(&plan, &kept);
    if args.json {
        ctx.out.shaped("fork", &json(&kept, &rest))?;
        return Ok(exit::DONE);
    }
    let text = told(ctx, &kept, &rest);
    if args.dry_run {
        ctx.out.print(&text)?;
        return Ok(exit::DONE);
    }
    let agreement = Agreement {
        yes: args.yes,
        calls: place.settings()?.ask_above_calls,
        may_ask: ctx.out.can_ask && args.approve != Some(Approve::None),
    };
    if !agreed(ctx, &rest, &agreement)? {
        return Ok(exit::FAILED);
    }
    // The same text, unless another one or other values were given.
    let same_source = state.source_at(seq).cloned();
    begin(ctx, (place, repo), args, &first, (plan, kept, source, same_source), &text)
}

/// What is left to do: for the forecast.
pub(super) fn rest_of(plan: &Plan, kept: &Kept) -> Plan {
    let mut rest = plan.clone();
    rest.tasks.retain(|task| !kept.tasks.contains_key(&task.id));
    rest
}

/// What a fork would take over and make.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Json {
    /// The run that it forks.
    run: String,
    checkpoint: String,
    /// Tasks whose results hold there, too.
    taken_over: Vec<String>,
    to_make: Vec<String>,
    /// What making them takes if every gate passes in its second round.
    forecast: Forecast,
}

fn json(kept: &Kept, rest: &Plan) -> Json {
    Json {
        run: kept.from.run.to_string(),
        checkpoint: kept.from.checkpoint.to_string(),
        taken_over: kept.tasks.keys().map(ToString::to_string).collect(),
        to_make: rest.tasks.iter().map(|task| task.id.to_string()).collect(),
        forecast: rest.tasks.iter().fold(Forecast::default(), |sum, task| sum.plus(&task.forecast())),
    }
}

pub(super) fn told(ctx: &Context, kept: &Kept, rest: &Plan) -> String {
    let names = |names: Vec<&str>| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    let out = &ctx.out;
    let mut text = said(out, "from", &format!("{} of {}", kept.from.checkpoint, kept.from.run));
    text += &said(out, "taken over", &names(kept.tasks.keys().map(|id| id.as_str()).collect()));
    text += &said(out, "to make", &names(rest.tasks.iter().map(|task| task.id.as_str()).collect()));
    if !rest.tasks.is_empty() {
        text += &said(out, "forecast", &planning::calls(rest));
        text += &said(out, "cost", &planning::cost(rest));
    }
    text
}

fn begin(
    ctx: &Context,
    (place, repo): (Place, Option<Repo>),
    args: &Fork,
    first: &StartRun,
    (plan, kept, source, same_source): (Plan, Kept, Option<Written>, Option<ContentHash>),
    text: &str,
) -> Result<u8, Failure> {
    let absent = absent(&place, repo.as_ref(), first.base.as_ref(), &plan)?;
    let (run, lock) = place.places.begin_next_run(plan.workflow.id.as_str(), "fork")?;
    let driver = Driver::new(ctx, place, repo, run.clone(), args.approve)?;
    let driver = driver.apart(args.detach, args.max_agents);
    driver.set_aside(&lock)?;
    let start = StartRun {
        run,
        plan: ContentHash(String::new()),
        base: first.base.clone(),
        nonce: nonce()?,
        approve_all: args.approve == Some(Approve::All),
        absent,
        unseen: Vec::new(),
        from: None,
        source: same_source,
    };
    names(&driver, &start, &plan, &kept, None)?;
    let mut announced = said(&ctx.out, "run", &ctx.out.stdout.bold(start.run.as_str()));
    if let Some(base) = &start.base {
        announced += &said(&ctx.out, "base", &format!("{}, that of {}", short(base.as_str()), kept.from.run));
    }
    announced += text;
    if planning::who(&plan).is_some() {
        announced += &said(&ctx.out, "boundary", BOUNDARY);
    }
    ctx.out.print(&format!("{announced}\n"))?;
    let via = if args.approve.is_some() { "flag" } else { "terminal" };
    let begin =
        Begin { plan, kept: Some(kept), source, resumed: None, start, by: person::name(), via: via.into() };
    if args.detach {
        host::lay_down(&lock, &driver.place.places.open_store(), begin)?;
        return detach::go_on(ctx, &driver, lock, args.approve);
    }
    let (outcome, state) = driver.drive(lock, Vec::new(), |opening| host::begin(opening, begin))?;
    driver.report(outcome, &state)
}

/// The names of the new run: its base, and the work that it takes over. Laid down twice they are the same. A run that came
/// from another clone brings checkpoints.
pub(super) fn names(
    driver: &Driver,
    start: &StartRun,
    plan: &Plan,
    kept: &Kept,
    checkpoints: Option<&[(CheckpointId, Revision)]>,
) -> Result<(), Failure> {
    let Some(base) = &start.base else { return Ok(()) };
    let plane = driver.plane()?;
    let at = now();
    let doctor = |e| Failure::from(e).help("`consort doctor` looks at this repository");
    plane.start(base, at).map_err(doctor)?;
    let held = kept
        .tasks
        .iter()
        .filter_map(|(id, it)| Some((id.clone(), it.generation, it.candidate.as_ref()?.revision.clone())));
    let held: Vec<_> = held.collect();
    let labels = plan.pipelines.iter().map(|pipeline| {
        let own = plan.tasks.iter().filter(|t| t.place.as_ref().is_some_and(|(of, _)| *of == pipeline.id));
        let latest = own.filter_map(|t| kept.tasks.get(&t.id)).max_by_key(|it| it.accepted_at);
        (pipeline.alias.to_string(), latest.and_then(|it| Some(it.candidate.as_ref()?.revision.clone())))
    });
    let labels: Vec<_> = labels.collect();
    let wish = Rewind { to: &kept.from.revision, kept: &held, labels: &labels, at };
    match checkpoints {
        Some(checkpoints) => plane.go_on(&wish, checkpoints),
        None => plane.take_over(&wish),
    }
    .map_err(doctor)
}

/// Files that the plan reads and that are not at the base.
pub(super) fn absent(
    place: &Place,
    repo: Option<&Repo>,
    base: Option<&Revision>,
    plan: &Plan,
) -> Result<Vec<String>, Failure> {
    let mut absent = Vec::new();
    for input in plan.tasks.iter().flat_map(|task| &task.inputs) {
        let Input::File { path } = input else { continue };
        let there = match (repo, base) {
            (Some(repo), Some(base)) => repo.exists_at(base, path)?,
            _ => place.top().join(path).exists(),
        };
        if !there && !absent.contains(path) {
            absent.push(path.clone());
        }
    }
    Ok(absent)
}
