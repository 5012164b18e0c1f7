//! `consort cost RUN`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::place::{Place, Run};
use clap::Args;
use consort_core::run::{State, amount_words};
use consort_core::time::duration_text;
use consort_core::view::attempts::{AttemptLine, Attempts, Sum};
use consort_core::view::model::run_view;
use consort_local::journal::Reader;
use consort_local::replay::{before_first, catch_up};
use serde_json::json;

/// What a run used up: by pipeline, task, role and model; the forecast beside what really was.
#[derive(Args)]
#[command(after_help = "Example:\n  consort cost review-20260220-001")]
pub(crate) struct Cost {
    /// The run: its id, or the beginning of it; may be left out where there is only one.
    run: Option<String>,
    /// Prints {run, calls, forecast, by_pipeline, by_task, by_role, by_model, attempts}, each sum as {name, calls, in_vain,
    /// tokens_in, tokens_out, micro_usd, unpriced, wall_ms}.
    #[arg(long)]
    json: bool,
}

/// The run as it is now, with all its attempts.
pub(super) fn attempts(place: &Place, run: &Run) -> Result<(State, Attempts), Failure> {
    let reader = Reader::open(&run.dir)?;
    let store = place.places.open_store();
    let before = before_first(&reader, &store)?;
    let mut attempts = Attempts::default();
    let after = catch_up(&reader, &store, before, |state, record| {
        record.events.iter().for_each(|event| attempts.observe(state, event));
    })?;
    Ok((after.state, attempts))
}

pub(crate) fn run(ctx: &Context, args: &Cost) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(args.run.as_deref())?;
    let (state, attempts) = attempts(&place, &run)?;
    let view = run_view(&state);
    let forecast = view.calls.forecast;
    let by = |of: fn(&AttemptLine) -> String| attempts.sums(of);
    let sums = [
        ("pipeline", by(|line| line.pipeline.clone())),
        ("task", by(|line| line.task.clone())),
        ("role", by(|line| line.role.to_owned())),
        ("model", by(|line| line.model.clone().unwrap_or_else(|| line.agent.clone()))),
    ];
    if args.json {
        let [pipeline, task, role, model] = sums.map(|(_, sums)| sums);
        ctx.out.json(&json!({
            "run": run.id, "calls": view.calls.used, "forecast": forecast, "by_pipeline": pipeline,
            "by_task": task, "by_role": role, "by_model": model, "attempts": attempts.lines,
        }))?;
        return Ok(exit::DONE);
    }
    let mut text = format!(
        "{}  {}\n{} agent calls, {} were forecast; cost {}\n",
        view.id, view.status, view.calls.used, forecast, view.cost.text
    );
    let wide = sums.iter().flat_map(|(_, sums)| sums).map(|sum| sum.name.chars().count()).max().unwrap_or(0);
    for (what, sums) in &sums {
        text += &table(what, sums, wide.clamp(12, 60), view.rehearsal);
    }
    ctx.out.print(&text)?;
    Ok(exit::DONE)
}

fn table(what: &str, sums: &[Sum], wide: usize, rehearsal: bool) -> String {
    let mut text = format!(
        "\n{:wide$}  {:>6}  {:>7}  {:>11}  {:>11}  {:>12}  {:>9}\n",
        format!("BY {}", what.to_uppercase()),
        "CALLS",
        "IN VAIN",
        "TOKENS IN",
        "TOKENS OUT",
        "COST",
        "TIME"
    );
    for sum in sums {
        let known = amount_words("micro_usd", sum.micro_usd);
        let cost = match (sum.unpriced, sum.micro_usd) {
            (0, _) => known,
            _ if rehearsal => "nothing".into(),
            (unpriced, 0) if unpriced == sum.calls => "unknown".into(),
            _ => format!("{known} + ?"),
        };
        text += &format!(
            "{:wide$}  {:>6}  {:>7}  {:>11}  {:>11}  {cost:>12}  {:>9}\n",
            sum.name,
            sum.calls,
            sum.in_vain,
            sum.tokens_in,
            sum.tokens_out,
            duration_text(sum.wall_ms)
        );
    }
    text
}
