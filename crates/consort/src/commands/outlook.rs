//! What going on would do, task by task: shown before anything starts.

use crate::context::Context;
use crate::failure::Failure;
use consort_core::plan::Forecast;
use consort_core::run::{Outlook, State, Will};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Longest reason that is shown in a line, in characters.
const WHY_MAX: usize = 90;

fn word(will: Will) -> &'static str {
    match will {
        Will::Replay => "replay",
        Will::Run => "run",
        Will::Halt => "halt",
        Will::Drop => "drop",
    }
}

/// A line for each task, and what is left to do in all.
pub(crate) fn text(state: &State, rows: &[Outlook]) -> String {
    let width = rows.iter().map(|row| row.task.as_str().chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let takes = match row.takes.calls {
            0 => String::new(),
            1 => "  about 1 call".into(),
            n => format!("  about {n} calls"),
        };
        let why: String =
            row.why.chars().take(WHY_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let id = row.task.as_str();
        text += &format!("  {:<6}  {id:<width$}  {why}{takes}\n", word(row.will));
    }
    text += &format!("  {}\n", sum(state, rows));
    text
}

/// How many of each, and what is left to do.
fn sum(state: &State, rows: &[Outlook]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(word(row.will)).or_default() += 1);
    let order = ["replay", "run", "halt", "drop"];
    let counts = order.iter().filter_map(|word| Some(format!("{} to {word}", counts.get(word)?)));
    format!("{}: {}", counts.collect::<Vec<_>>().join(", "), left(state, rows))
}

/// What is left to do in all: calls, and money as far as anybody knows.
fn left(state: &State, rows: &[Outlook]) -> String {
    let all = total(rows);
    if all.calls == 0 {
        return "no agent is called".into();
    }
    let money = match expected(state, &all) {
        _ if state.graph.plan.rehearsal => "which cost nothing".to_owned(),
        Some(0) => "of which no cost is expected".to_owned(),
        Some(usd) => format!("about {}", dollars(usd)),
        None => "at a cost that nobody knows yet".into(),
    };
    let calls = if all.calls == 1 { "call" } else { "calls" };
    format!("about {} agent {calls}, {money}", all.calls)
}

fn total(rows: &[Outlook]) -> Forecast {
    rows.iter().fold(Forecast::default(), |sum, row| sum.plus(&row.takes))
}

/// What it will cost: by prices where there are some, else by what calls of this run have cost so far.
fn expected(state: &State, all: &Forecast) -> Option<u64> {
    if all.unpriced == 0 {
        return Some(all.micro_usd);
    }
    let used = &state.used;
    let priced = u64::from(used.agent_calls.saturating_sub(used.unpriced));
    (used.micro_usd > 0 && priced > 0)
        .then(|| all.micro_usd + u64::from(all.unpriced) * (used.micro_usd / priced))
}

fn dollars(micro_usd: u64) -> String {
    format!("${}.{:02}", micro_usd / 1_000_000, micro_usd % 1_000_000 / 10_000)
}

/// What going on would do.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Json {
    run: String,
    /// In the order of the plan; those that a changed workflow does not have come last.
    tasks: Vec<Row>,
    /// Agent calls that are left to make, if every gate passes in its second round.
    calls: u32,
    /// What they cost, in millionths of a US dollar; `null`: nobody knows yet.
    micro_usd: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
struct Row {
    task: String,
    will: Will,
    why: String,
    calls: u32,
}

/// The same as data.
pub(crate) fn json(ctx: &Context, state: &State, rows: &[Outlook]) -> Result<(), Failure> {
    let all = total(rows);
    let row = |each: &Outlook| {
        let (task, why) = (each.task.to_string(), each.why.clone());
        Row { task, will: each.will, why, calls: each.takes.calls }
    };
    let run = state.start.as_ref().map(|start| start.run.to_string()).unwrap_or_default();
    let micro_usd = if state.graph.plan.rehearsal { Some(0) } else { expected(state, &all) };
    let json = Json { run, tasks: rows.iter().map(row).collect(), calls: all.calls, micro_usd };
    ctx.out.shaped("outlook", &json)?;
    Ok(())
}
