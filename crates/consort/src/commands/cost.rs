//! `consort cost RUN`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::place::{Place, Run};
use clap::Args;
use consort_core::plan::{Forecast, Plan, Task};
use consort_core::run::{State, amount_words};
use consort_core::time::duration_text;
use consort_core::view::attempts::{AttemptLine, Attempts, Sum};
use consort_core::view::model::run_view;
use consort_local::journal::Reader;
use consort_local::replay::{before_first, catch_up};
use serde::Serialize;
use serde_json::json;

/// What a run used up: by pipeline, task, role and model; the forecast beside what really was.
#[derive(Args)]
#[command(after_help = "Example:\n  consort cost review-20260220-001")]
pub(crate) struct Cost {
    /// The run: its id, or the beginning of it; may be left out where there is only one.
    run: Option<String>,
    /// Prints {schema, run, calls, forecast, expected, by_pipeline, by_task, by_role, by_model, attempts}, each
    /// sum as {name, calls, in_vain, tokens_in, tokens_out, micro_usd, unpriced, wall_ms}.
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
    let expected = Expected::of(&state.graph.plan, &attempts);
    if args.json {
        let [pipeline, task, role, model] = sums.map(|(_, sums)| sums);
        ctx.out.shaped("cost", &json!({
            "run": run.id, "calls": view.calls.used, "forecast": forecast, "expected": expected, "by_pipeline": pipeline,
            "by_task": task, "by_role": role, "by_model": model, "attempts": attempts.lines,
        }))?;
        return Ok(exit::DONE);
    }
    let mut text = format!(
        "{}  {}\n{} agent calls, {} were forecast; cost {}\n",
        view.id, view.status, view.calls.used, forecast, view.cost.text
    );
    text += &expected.beside(&attempts);
    let wide = sums.iter().flat_map(|(_, sums)| sums).map(|sum| sum.name.chars().count()).max().unwrap_or(0);
    for (what, sums) in &sums {
        text += &table(what, sums, wide.clamp(12, 60), view.rehearsal);
    }
    ctx.out.print(&text)?;
    Ok(exit::DONE)
}

/// What the whole run was likely to take, by what its calls took so far.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Expected {
    /// By the plan: its calls, what they cost as far as a price is known, and those without one.
    plan: Forecast,
    /// Input and output tokens, if all calls that were likely take what calls of their role took on average; null as
    /// long as nobody knows.
    tokens: Option<u64>,
    /// The same in millionths of a US dollar.
    micro_usd: Option<u64>,
    /// The same for what all agents work together, in milliseconds.
    wall_ms: Option<u64>,
}

impl Expected {
    fn of(plan: &Plan, attempts: &Attempts) -> Self {
        let sums = attempts.sums(|line| line.role.to_owned());
        let likely = plan.tasks.iter().map(Task::likely_by_role).fold([0; 4], |mut all, task| {
            all.iter_mut().zip(task).for_each(|(all, more)| *all += more);
            all
        });
        let whole = |of: &dyn Fn(&Sum) -> Option<u64>| {
            let roles = ["creator", "self-review", "critic", "judge"].into_iter().zip(likely);
            let mut asked = roles.filter(|(_, calls)| *calls > 0);
            asked.try_fold(0u64, |all, (role, calls)| {
                let sum = sums.iter().find(|sum| sum.name == role && sum.calls > 0)?;
                let mean = u128::from(of(sum)?) * u128::from(calls) / u128::from(sum.calls);
                Some(all.saturating_add(u64::try_from(mean).unwrap_or(u64::MAX)))
            })
        };
        Expected {
            plan: plan.forecast(),
            tokens: whole(&|sum| Some(sum.tokens_in.saturating_add(sum.tokens_out))),
            micro_usd: whole(&|sum| (sum.unpriced == 0).then_some(sum.micro_usd)),
            wall_ms: whole(&|sum| Some(sum.wall_ms)),
        }
    }

    /// In a table, what was likely beside what was used.
    fn beside(&self, attempts: &Attempts) -> String {
        let all = attempts.sums(|_| String::new()).pop().unwrap_or_default();
        let known =
            |value: Option<u64>, text: &dyn Fn(u64) -> String| value.map_or_else(|| "?".to_owned(), text);
        let money = |micro_usd: u64| amount_words("micro_usd", micro_usd);
        let row = |name: &str, calls: u32, [tokens, cost, time]: [Option<u64>; 3]| {
            format!(
                "{name:9} {calls:>6} calls  {:>12} tokens  {:>12}  {:>9}\n",
                known(tokens, &|n| n.to_string()),
                known(cost, &money),
                known(time, &duration_text)
            )
        };
        let used_cost = (all.unpriced == 0).then_some(all.micro_usd);
        let tokens = all.tokens_in.saturating_add(all.tokens_out);
        format!(
            "\n{}{}",
            row("forecast", self.plan.calls, [self.tokens, self.micro_usd, self.wall_ms]),
            row("used", all.calls, [Some(tokens), used_cost, Some(all.wall_ms)])
        )
    }
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
