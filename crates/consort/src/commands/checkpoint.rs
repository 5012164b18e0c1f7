//! `consort checkpoint list|create|diff`

use super::rollback::unknown;
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::post;
use clap::{Args, Subcommand};
use consort_core::ids::CheckpointId;
use consort_core::run::{Command, State};
use consort_core::view::back::{Apart, apart};
use consort_core::view::model::{CheckpointView, run_view};
use serde::Serialize;

/// Checkpoints of a run: lists them, makes one, compares two.
#[derive(Args)]
#[command(after_help = "Examples:\n  consort checkpoint list review-20260220-001\n  \
                  consort checkpoint create review-20260220-001\n  \
                  consort checkpoint diff review-20260220-001 CP-001 CP-003")]
pub(crate) struct Checkpoint {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Lists the checkpoints, latest last.
    List {
        /// The run: its id, or the beginning of it; may be left out where there is only one.
        run: Option<String>,
        /// Prints {schema, run, checkpoints: [{id, trigger, subject, last, at, seq, revision, failed, abandoned}]}.
        #[arg(long)]
        json: bool,
    },
    /// Makes a checkpoint of what is accepted now.
    Create {
        /// The run: its id, or the beginning of it.
        run: String,
    },
    /// What was accepted between two checkpoints, and what became otherwise.
    Diff {
        /// The run: its id, or the beginning of it.
        run: String,
        /// The earlier one.
        from: String,
        /// The later one; without it: now.
        to: Option<String>,
        /// Prints {from, to, tasks: [{task, what, composite, files}]}.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(ctx: &Context, args: &Checkpoint) -> Result<u8, Failure> {
    let place = ctx.place()?;
    match &args.what {
        What::List { run, json } => {
            let run = place.run(run.as_deref())?;
            let all = run_view(&place.replay(&run)?.state).checkpoints;
            match json {
                true => ctx
                    .out
                    .shaped("checkpoint-list", &serde_json::json!({ "run": run.id, "checkpoints": all }))?,
                false => ctx.out.print(&listed(run.id.as_str(), &all))?,
            }
            Ok(exit::DONE)
        }
        What::Create { run } => {
            let run = place.run(Some(run))?;
            post::give(ctx, &place, &run, &Command::Checkpoint, "a checkpoint is made.")
        }
        What::Diff { run, from, to, json } => {
            let run = place.run(Some(run))?;
            let state = place.replay(&run)?.state;
            let before = seq_of(&state, from)?;
            let after = to.as_deref().map_or(Ok(state.seq), |id| seq_of(&state, id))?;
            let to = to.as_deref().unwrap_or("now");
            let tasks = apart(&state, before, after);
            match json {
                true => ctx.out.shaped("checkpoint-diff", &Diff { from, to, tasks })?,
                false => ctx.out.print(&compared(&state, from, to, &tasks))?,
            }
            Ok(exit::DONE)
        }
    }
}

/// For programs.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Diff<'a> {
    from: &'a str,
    to: &'a str,
    tasks: Vec<Apart>,
}

fn seq_of(state: &State, id: &str) -> Result<u64, Failure> {
    let id = CheckpointId(id.to_owned());
    Ok(state.checkpoint(&id).ok_or_else(|| unknown(state, &id))?.seq)
}

fn listed(run: &str, all: &[CheckpointView]) -> String {
    if all.is_empty() {
        return format!("{run} has made no checkpoint yet.\n  make one: consort checkpoint create {run}\n");
    }
    let wide = all.iter().map(|c| c.subject.chars().count()).max().unwrap_or(0).clamp(5, 50);
    let mut text = format!("{:8}{:wide$}  {:24}{:10}COMMIT\n", "ID", "AFTER", "AT", "RECORD");
    for it in all {
        let commit = match (&it.revision, &it.failed) {
            (Some(revision), _) => revision.chars().take(12).collect(),
            (None, Some(why)) => format!("none: {why}"),
            (None, None) => "is being made".to_owned(),
        };
        let mut marks = vec![];
        marks.extend(it.last.then_some("last"));
        marks.extend(it.abandoned.then_some("given up by a rollback"));
        let marks = if marks.is_empty() { String::new() } else { format!("  ({})", marks.join(", ")) };
        let (at, subject) = (it.at.to_string(), &it.subject);
        text += &format!("{:8}{subject:wide$}  {at:24}{:<10}{commit}{marks}\n", it.id, it.seq);
    }
    text + &format!("\ngo back: consort rollback {run} CP\n")
}

fn compared(state: &State, from: &str, to: &str, tasks: &[Apart]) -> String {
    if tasks.is_empty() {
        return format!("Between {from} and {to} nothing was accepted or given up.\n");
    }
    let mut text = String::new();
    for it in tasks {
        let score = match &it.composite {
            [Some(old), Some(new)] if old != new => format!("  {old} -> {new}"),
            [_, Some(new)] => format!("  {new}"),
            _ => String::new(),
        };
        text += &format!("{:16} {}{score}\n", it.what, it.task);
        it.files.iter().for_each(|path| text += &format!("{:18}{path}\n", ""));
    }
    let commit = |id: &str| {
        let found = state.checkpoint(&CheckpointId(id.to_owned()))?;
        found.revision.as_ref().map(|r| r.as_str().chars().take(12).collect::<String>())
    };
    if let (Some(from), Some(to)) = (commit(from), commit(to)) {
        text += &format!("\nline by line: git diff {from} {to}\n");
    }
    text
}
