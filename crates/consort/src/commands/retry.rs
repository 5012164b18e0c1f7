//! `consort retry RUN TASK`

use super::amend::{self, Change};
use super::planning;
use crate::context::Context;
use crate::failure::Failure;
use crate::place::Place;
use crate::{post, question};
use clap::Args;
use consort_core::ids::TaskId;
use consort_core::plan::{AgentSpec, Effort, Plan, Runtime};
use consort_core::run::{Command, State};

/// Tries a held or given-up task again, with one more set of rounds.
#[derive(Args)]
#[command(
    after_help = "Example:\n  consort retry review-20260220-001 agent-a-001 -m 'use the figures of 2026'\n  \
                  consort retry review-20260220-001 agent-a-001 --with model=claude-opus-4-8"
)]
pub(crate) struct Retry {
    /// The run: its id, or the beginning of it.
    run: String,
    /// The task.
    task: String,
    /// Guidance: its creator reads it.
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// With another agent: `model=NAME`, `effort=low|medium|high|max`. The task begins anew, and all that rests on it.
    #[arg(long = "with", value_name = "KEY=VALUE", value_parser = planning::variable)]
    with: Vec<(String, String)>,
    /// With --with: does it without asking, however many agent calls it takes.
    #[arg(long, short, requires = "with")]
    yes: bool,
}

pub(crate) fn run(ctx: &Context, args: &Retry) -> Result<u8, Failure> {
    if !args.with.is_empty() {
        return otherwise(ctx, args);
    }
    let place = ctx.place()?;
    let run = place.run(Some(&args.run))?;
    let task = TaskId(args.task.clone());
    let done = format!("{task} is tried again.");
    let instead_of = question::about_held(&place.replay(&run)?.state, &args.task);
    post::give(ctx, &place, &run, &Command::Retry { task, note: args.message.clone(), instead_of }, &done)
}

/// The same task by another agent: a change of the plan that concerns this task alone.
fn otherwise(ctx: &Context, args: &Retry) -> Result<u8, Failure> {
    let (place, repo) = Place::with_repo(&ctx.dir)?;
    let run = place.run(Some(&args.run))?;
    let state = place.replay(&run)?.state;
    let plan = changed(&state, args)?;
    if let Some(text) = args.message.clone() {
        let task = TaskId(args.task.clone());
        let steer = Command::Steer { task, text, now: false };
        post::give(ctx, &place, &run, &steer, &format!("{} is told.", args.task))?;
    }
    let words: Vec<String> = args.with.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let note = Some(format!("{} is tried again with {}", args.task, words.join(", ")));
    let change =
        Change { plan, source: state.source_at(u64::MAX).cloned(), note, yes: args.yes, dry_run: false };
    amend::to_plan(ctx, &place, repo.as_ref(), &run, &state, change)
}

fn changed(state: &State, args: &Retry) -> Result<Plan, Failure> {
    let mut plan = state.graph.plan.clone();
    let Some(task) = plan.tasks.iter_mut().find(|task| task.id.as_str() == args.task) else {
        let near = state.graph.plan.tasks.iter().map(|task| task.id.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Failure::invalid(format!("the plan has no task `{}`", args.task))
            .help(format!("there are {near}")));
    };
    for (key, value) in &args.with {
        set(&mut task.creator, key, value).map_err(|why| {
            Failure::invalid(format!("{} cannot be tried again with {key}={value}", args.task)).why(why)
        })?;
    }
    Ok(plan)
}

fn set(agent: &mut AgentSpec, key: &str, value: &str) -> Result<(), String> {
    let Runtime::Session(session) = &mut agent.runtime else {
        return Err(
            "its agent is a program of its own: what it does is in its `argv`, and `consort amend RUN FILE` \
                    changes that"
                .into(),
        );
    };
    match key {
        "model" => session.model = Some(value.to_owned()),
        "effort" => {
            let parsed = serde_json::from_value::<Effort>(serde_json::Value::String(value.to_owned()));
            session.effort = Some(parsed.map_err(|_| "an effort is low, medium, high or max".to_owned())?);
        }
        other => return Err(format!("there is no `{other}` to change here: model, effort")),
    }
    Ok(())
}
