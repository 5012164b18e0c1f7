//! `consort compare RUN RUN`

use super::cost::attempts;
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use clap::Args;
use consort_core::run::{State, amount_words};
use consort_core::time::duration_text;
use consort_core::view::attempts::{Attempts, Sum};
use consort_core::view::model::{RunView, run_view};
use serde::Serialize;

/// Two runs side by side: what each made of every task, with which scores, for how much.
#[derive(Args)]
#[command(after_help = "Example:\n  consort compare review-20260220-001 review-20260220-001.2")]
pub(crate) struct Compare {
    /// One run: its id, or the beginning of it.
    one: String,
    /// Another one.
    other: String,
    /// Prints {runs: [..], tasks: [{task, bytes, runs: [{status, rounds, composite, calls, tokens, micro_usd, wall_ms}]}]}.
    #[arg(long)]
    json: bool,
}

/// What one run made of a task.
#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub(crate) struct Side {
    status: Option<String>,
    rounds: u32,
    composite: Option<String>,
    calls: u32,
    tokens: u64,
    micro_usd: u64,
    wall_ms: u64,
}

#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Line {
    task: String,
    /// `same`, `different`, or `missing` on one side.
    bytes: &'static str,
    runs: [Side; 2],
}

struct Told {
    view: RunView,
    sums: Vec<Sum>,
}

impl Told {
    fn of((state, attempts): (State, Attempts)) -> Self {
        Self { view: run_view(&state), sums: attempts.sums(|line| line.task.clone()) }
    }

    fn side(&self, task: &str) -> Side {
        let Some(it) = self.view.task(task) else { return Side::default() };
        let sum = self.sums.iter().find(|sum| sum.name == task).cloned().unwrap_or_default();
        Side {
            status: Some(it.status.to_string()),
            rounds: it.round,
            composite: it.gate.score.clone(),
            calls: sum.calls,
            tokens: sum.tokens_in.saturating_add(sum.tokens_out),
            micro_usd: sum.micro_usd,
            wall_ms: sum.wall_ms,
        }
    }
}

pub(crate) fn run(ctx: &Context, args: &Compare) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let told = |name: &str| -> Result<Told, Failure> {
        let run = place.run(Some(name))?;
        Ok(Told::of(attempts(&place, &run)?))
    };
    let both = [told(&args.one)?, told(&args.other)?];
    let lines = lines(&both);
    if args.json {
        let runs = both.each_ref().map(|told| told.view.id.clone());
        ctx.out.shaped("compare", &serde_json::json!({ "runs": runs, "tasks": lines }))?;
    } else {
        ctx.out.print(&text(&both, &lines))?;
    }
    Ok(exit::DONE)
}

fn lines(both: &[Told; 2]) -> Vec<Line> {
    let mut names: Vec<&str> = Vec::new();
    for task in both.iter().flat_map(|told| &told.view.tasks) {
        if !names.contains(&task.id.as_str()) {
            names.push(&task.id);
        }
    }
    let line = |name: &str| {
        let made = both.each_ref().map(|told| {
            told.view.task(name).filter(|it| it.completed_at.is_some()).map(|it| it.artifacts.clone())
        });
        let bytes = match &made {
            [Some(one), Some(other)] if one == other => "same",
            [Some(_), Some(_)] => "different",
            _ => "missing",
        };
        Line { task: name.to_owned(), bytes, runs: both.each_ref().map(|told| told.side(name)) }
    };
    names.into_iter().map(line).collect()
}

fn text(both: &[Told; 2], lines: &[Line]) -> String {
    let mut text = String::new();
    for (letter, told) in ["A", "B"].iter().zip(both) {
        let view = &told.view;
        let from = view.from.as_ref().map(|from| format!(", goes on from {from}")).unwrap_or_default();
        text += &format!("{letter}  {}  {}{from}\n", view.id, view.status);
        text += &format!("   {} agent calls, cost {}\n", view.calls.used, view.cost.text);
    }
    let wide = lines.iter().map(|line| line.task.chars().count()).max().unwrap_or(4).clamp(4, 50);
    let pair = |both: [String; 2]| format!("{} | {}", both[0], both[1]);
    let mut rows = vec![["SCORE A | B", "ROUNDS", "CALLS", "TOKENS", "COST", "TIME"].map(str::to_owned)];
    for line in lines {
        let each = |of: &dyn Fn(&Side) -> String| pair(line.runs.each_ref().map(of));
        rows.push([
            each(&|side| side.composite.clone().unwrap_or_else(|| "-".into())),
            each(&|side| side.rounds.to_string()),
            each(&|side| side.calls.to_string()),
            each(&|side| side.tokens.to_string()),
            each(&|side| amount_words("micro_usd", side.micro_usd)),
            each(&|side| duration_text(side.wall_ms)),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let heads = std::iter::once(("TASK", "BYTES")).chain(lines.iter().map(|l| (l.task.as_str(), l.bytes)));
    text.push('\n');
    for ((task, bytes), row) in heads.zip(&rows) {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, wide)| format!("{cell:wide$}")).collect();
        text += format!("{task:wide$}  {bytes:9}  {}", cells.join("  ")).trim_end();
        text.push('\n');
    }
    text
}
