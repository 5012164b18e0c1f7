//! `consort report [RUN] [TASK]`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::place::Place;
use clap::Args;
use consort_core::ids::ContentHash;
use consort_core::view::model::run_view;
use consort_core::view::report::{files, gate, gate_files, gated, json, whole};
use consort_worker::evidence::Evidence;
use consort_worker::evidence::crossings::crossings;
use std::path::{Path, PathBuf};

/// Writes the score report of each gate and one page for the whole run, as Markdown and JSON.
///
/// Everything comes from the journal, stored answers and accepted work; nothing is asked of an agent.
/// The last checkpoint of a run has the same under `reports/`, and `integrate` brings it along.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  consort report review-2026\n  consort report review-2026 agent-a-001\n  consort report --out reports"
)]
pub(crate) struct Report {
    /// The run: its id, or the beginning of it; may be left out where there is only one.
    run: Option<String>,
    /// Only the gate of this task.
    task: Option<String>,
    /// Writes README.md, run.json and two files per gate into this new directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Prints {run, gates: [{task, rounds, composites, verdict, dimensions, findings}], crossings, …}.
    #[arg(long, conflicts_with = "out")]
    json: bool,
}

pub(crate) fn run(ctx: &Context, args: &Report) -> Result<u8, Failure> {
    let (place, repo) = Place::with_repo(&ctx.dir)?;
    let (run, task) = place.run_and_task(args.run.as_deref(), args.task.as_deref())?;
    let state = place.replay(&run)?.state;
    let view = run_view(&state);
    let store = place.places.open_store();
    let evidence = Evidence { store: &store, repo: repo.as_ref() };
    let answer = |hash: &ContentHash| evidence.answer(hash);
    if let Some(id) = &task
        && view.task(id).is_none()
    {
        return Err(super::show::unknown_task(&view, id));
    }
    let meant = |ix: &usize| task.as_ref().is_none_or(|id| state.graph.task(*ix).id.as_str() == id);
    let gates: Vec<usize> = gated(&state).filter(meant).collect();
    let crossings = crossings(&state, evidence).map_err(|why| {
        Failure::failed("accepted work cannot be read, so the reports would have gaps")
            .why(why)
            .help(format!("see what is damaged: `consort verify {}`", run.id))
    })?;
    if args.json {
        ctx.out.shaped("report", &json(&state, &gates, &answer, &crossings))?;
        return Ok(exit::DONE);
    }
    if let Some(dir) = &args.out {
        let dir = ctx.path(dir);
        let files = match &task {
            None => files(&state, &answer, &crossings),
            Some(_) => gates.iter().flat_map(|ix| gate_files(&state, *ix, &answer)).collect(),
        };
        write(&dir, &files)?;
        ctx.out.print(&format!("{} files of reports are in {}\n", files.len(), dir.display()))?;
        return Ok(exit::DONE);
    }
    let page = task.is_none().then(|| whole::page(&state, &view, &answer, &crossings));
    let gates = gates.iter().map(|ix| gate::page(&state, *ix, &answer));
    ctx.out.print(&page.into_iter().chain(gates).collect::<Vec<_>>().join("\n"))?;
    Ok(exit::DONE)
}

fn write(dir: &Path, files: &[(String, Vec<u8>)]) -> Result<(), Failure> {
    let failed = |e: std::io::Error| {
        Failure::invalid(format!("the reports cannot be written to {}", dir.display()))
            .why(e)
            .help("name a directory that does not exist yet: `--out DIR`")
    };
    if dir.exists() {
        return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
    }
    for (path, bytes) in files {
        let path = dir.join(path.strip_prefix("reports/").unwrap_or(path));
        std::fs::create_dir_all(path.parent().unwrap_or(dir)).map_err(failed)?;
        std::fs::write(path, bytes).map_err(failed)?;
    }
    Ok(())
}
