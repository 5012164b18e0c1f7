//! `consort transcript RUN TASK`

use super::logs::attempts_of;
use super::show::unknown_task;
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::report::transcript;
use clap::Args;
use consort_core::ids::{AttemptId, ContentHash};
use consort_core::view::model::run_view;
use consort_core::view::{Spoken, spoken};
use consort_local::journal::Reader;
use consort_worker::agents::session::{self, Logged};
use consort_worker::store::Store;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Shows what the agents of a task said and did, attempt by attempt.
///
/// Of agents that are talked to; what other programs print is in `consort logs RUN TASK`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  consort transcript review-2026 agent-a-001\n  consort transcript review-2026 agent-a-001 --step judge --md > judge.md"
)]
pub(crate) struct Transcript {
    /// The run: its id, or the beginning of it; may be left out where there is only one.
    run: Option<String>,
    /// The task.
    task: Option<String>,
    /// Only this step: `create`, `self-review`, a strategy such as `S-002`, `judge`.
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    /// As Markdown.
    #[arg(long, conflicts_with = "raw")]
    md: bool,
    /// The vendor's stream as it came, secrets left out: `<` from the agent, `>` to it.
    #[arg(long)]
    raw: bool,
    /// Prints {schema, run, task, attempts: [{attempt, events}]}.
    #[arg(long, conflicts_with_all = ["raw", "md"])]
    json: bool,
}

/// What the agents of a task said and did.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Json {
    run: String,
    task: String,
    /// In the order in which they began; those that were talked to.
    attempts: Vec<Talk>,
}

#[derive(Serialize, JsonSchema)]
struct Talk {
    attempt: String,
    /// In the words of the Agent Client Protocol, with `at` in milliseconds since 1970; keys as the kind of event has them.
    events: Vec<serde_json::Value>,
}

pub(crate) fn run(ctx: &Context, args: &Transcript) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let (run, task) = place.run_and_task(args.run.as_deref(), args.task.as_deref())?;
    let task = task.ok_or_else(|| {
        Failure::invalid("a transcript is of one task")
            .help("consort transcript RUN TASK; `consort status` lists tasks")
    })?;
    let view = run_view(&place.replay(&run)?.state);
    view.task(&task).ok_or_else(|| unknown_task(&view, &task))?;
    let attempts = place.dirs(&run.id, &place.settings()?)?.state.join("attempts");
    let mut all = ended(&run.dir, &task)?;
    for (attempt, dir) in attempts_of(&attempts, &task) {
        all.insert(attempt, Source::There(dir.join("session")));
    }
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by_key(|(attempt, _)| (attempt.generation, attempt.attempt));
    let store = place.places.open_store();
    let wanted = |id: &AttemptId| args.step.as_ref().is_none_or(|step| id.step.to_string() == *step);
    if args.json {
        let talks = all.iter().filter(|(id, _)| wanted(id)).map(|(id, source)| talk(id, source, &store));
        let attempts = talks.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        ctx.out.shaped("transcript", &Json { run: run.id.to_string(), task, attempts })?;
        return Ok(exit::DONE);
    }
    let mut shown = 0;
    for (attempt, source) in all.iter().filter(|(id, _)| wanted(id)) {
        shown += usize::from(one(ctx, args, attempt, source, &store)?);
    }
    if shown == 0 {
        ctx.out.notice(&format!(
            "no agent of {task} was talked to yet: `consort logs {} {task}` shows what programs print",
            run.id
        ));
    }
    Ok(exit::DONE)
}

/// Where the words of an attempt are.
enum Source {
    /// In its own directory, for as long as that is there.
    There(PathBuf),
    /// In the content store, once it is over.
    Stored(Spoken),
}

/// Attempts of a task that are over, with what was kept of their sessions.
fn ended(run: &Path, task: &str) -> Result<HashMap<AttemptId, Source>, Failure> {
    let mut all = HashMap::new();
    for record in Reader::open(run)?.records(0)? {
        let record = record?;
        all.extend(spoken(&record.events, task).map(|kept| (kept.attempt.clone(), Source::Stored(kept))));
    }
    Ok(all)
}

/// The vendor's stream, or our reading of it.
fn bytes_of(source: &Source, raw: bool, store: &Store) -> Result<Option<Vec<u8>>, Failure> {
    let stored = |hash: &Option<ContentHash>| match hash {
        Some(hash) => store.get(hash).map_err(|error| Failure::failed(error.to_string())),
        None => Ok(None),
    };
    Ok(match (source, raw) {
        (Source::There(control), true) => session::raw_of(control)?,
        (Source::There(control), false) => session::transcript_of(control)?,
        (Source::Stored(kept), true) => stored(&kept.raw)?,
        (Source::Stored(kept), false) => stored(&kept.transcript)?,
    })
}

/// One attempt as data; `None` if nobody was talked to in it.
fn talk(attempt: &AttemptId, source: &Source, store: &Store) -> Result<Option<Talk>, Failure> {
    let bytes = bytes_of(source, false, store)?.unwrap_or_default();
    let events = session::events_in(&bytes);
    let events: Vec<_> = events.iter().filter_map(|event| serde_json::to_value(event).ok()).collect();
    Ok((!events.is_empty()).then(|| Talk { attempt: attempt.to_string(), events }))
}

/// One attempt; false if nobody was talked to in it.
fn one(
    ctx: &Context,
    args: &Transcript,
    attempt: &AttemptId,
    source: &Source,
    store: &Store,
) -> Result<bool, Failure> {
    let Some(bytes) = bytes_of(source, args.raw, store)? else { return Ok(false) };
    if args.raw {
        ctx.out.stream(&String::from_utf8_lossy(&bytes))?;
        return Ok(true);
    }
    let events = session::events_in(&bytes);
    if events.is_empty() {
        return Ok(false);
    }
    ctx.out.stream(&text(ctx, args, attempt, &events))?;
    Ok(true)
}

fn text(ctx: &Context, args: &Transcript, attempt: &AttemptId, events: &[Logged]) -> String {
    if args.md {
        return transcript::markdown(&attempt.to_string(), events);
    }
    let lines: String = events.iter().filter_map(transcript::lines).collect();
    format!("{}\n{lines}\n", ctx.out.stdout.bold(&format!("== {attempt}")))
}
