//! `consort rollback RUN CP`

use crate::context::Context;
use crate::failure::Failure;
use crate::post;
use clap::Args;
use consort_core::ids::CheckpointId;
use consort_core::run::{Command, State};
use consort_core::view::back::{Back, back};
use schemars::JsonSchema;
use serde::Serialize;

/// Goes back to a checkpoint: what was accepted then holds, everything else begins anew.
///
/// Nothing is lost: what is given up stays in the journal and under `refs/consort/RUN/abandoned/`, and a rollback to a
/// later checkpoint finds it again. Money stays spent; answers that people gave since then hold no more.
#[derive(Args)]
#[command(after_help = "Examples:\n  consort rollback review-20260220-001 CP-002 -m 'the wrong figures'\n  \
                  consort rollback review-20260220-001 CP-002 --dry-run")]
pub(crate) struct Rollback {
    /// The run: its id, or the beginning of it.
    run: String,
    /// The checkpoint: `consort checkpoint list RUN`.
    checkpoint: String,
    /// Why: it stands in the record.
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Only says what would be kept and what would begin anew.
    #[arg(long)]
    dry_run: bool,
    /// With `--dry-run`: prints {schema, run, checkpoint, keeps, finds_again, gives_up, interrupts}.
    #[arg(long, requires = "dry_run")]
    json: bool,
}

/// What a rollback would do.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Json {
    run: String,
    checkpoint: String,
    #[serde(flatten)]
    back: Back,
}

pub(crate) fn run(ctx: &Context, args: &Rollback) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(Some(&args.run))?;
    let state = place.replay(&run)?.state;
    let to = CheckpointId(args.checkpoint.clone());
    if state.checkpoint(&to).is_some_and(|it| it.is_from_elsewhere()) {
        return Err(elsewhere(&to));
    }
    let there = back(&state, &to).ok_or_else(|| unknown(&state, &to))?;
    if args.json {
        let json = Json { run: run.id.to_string(), checkpoint: to.to_string(), back: there };
        ctx.out.shaped("rollback", &json)?;
        return Ok(crate::exit::DONE);
    }
    let text = told(&there);
    if args.dry_run {
        ctx.out.print(&format!("{} would go back to {to}:\n{text}", run.id))?;
        return Ok(crate::exit::DONE);
    }
    ctx.out.print(&format!("Back to {to}:\n{text}"))?;
    let last = state.checkpoints.iter().rev().find(|c| c.revision.is_some() && c.id != to);
    let again = last.map(|c| format!("  undo: consort rollback {} {}\n", run.id, c.id)).unwrap_or_default();
    let done = format!("{} goes back.\n{again}", run.id);
    let command = Command::Rollback { to, note: args.message.clone() };
    post::give(ctx, &place, &run, &command, done.trim_end())
}

/// It was brought along as a name and a commit.
pub(crate) fn elsewhere(id: &CheckpointId) -> Failure {
    Failure::invalid(format!("what held at {id} is not known here"))
        .why("it was made in another clone, before the run came here with a later one")
        .help("take a later one: `consort checkpoint list RUN` shows them")
        .help("or go on from it in a clone that has no journal of this run: `consort resume --from REF`")
}

pub(crate) fn unknown(state: &State, id: &CheckpointId) -> Failure {
    let known: Vec<&str> = state.checkpoints.iter().map(|c| c.id.as_str()).collect();
    let help = match known.is_empty() {
        true => "the run has made none yet".to_owned(),
        false => format!("there are {}", known.join(", ")),
    };
    Failure::invalid(format!("there is no checkpoint {id}")).help(help)
}

fn told(back: &Back) -> String {
    let mut text = String::new();
    for (what, tasks) in [
        ("stays accepted", &back.keeps),
        ("is found again", &back.finds_again),
        ("is given up and begins anew", &back.gives_up),
        ("is interrupted and begins anew", &back.interrupts),
    ] {
        if !tasks.is_empty() {
            text += &format!("  {what}: {}\n", tasks.join(", "));
        }
    }
    text
}
