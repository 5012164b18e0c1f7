//! `consort report [RUN] [TASK]`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::report::{self, gate, whole};
use clap::Args;
use consort_core::run::State;
use consort_core::view::model::run_view;
use std::path::PathBuf;

/// Writes the score report of each gate and one page for the whole run, as Markdown.
///
/// Everything comes from the journal and the stored answers; nothing is asked of an agent.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  consort report review-2026\n  consort report review-2026 agent-a-001\n  consort report --out reports"
)]
pub(crate) struct Report {
    /// The run: its id, or the beginning of it; may be left out where there is only one.
    run: Option<String>,
    /// Only the gate of this task.
    task: Option<String>,
    /// Writes README.md and one file per gate into this new directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Prints {run, gates: [{task, rounds, composites, verdict, dimensions}], …}.
    #[arg(long, conflicts_with = "out")]
    json: bool,
}

pub(crate) fn run(ctx: &Context, args: &Report) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let (run, task) = place.run_and_task(args.run.as_deref(), args.task.as_deref())?;
    let state = place.replay(&run)?.state;
    let view = run_view(&state);
    let store = place.places.open_store();
    let answer = report::answers(&store);
    if let Some(id) = &task
        && view.task(id).is_none()
    {
        return Err(super::show::unknown_task(&view, id));
    }
    let gated: Vec<usize> = (0..state.tasks.len())
        .filter(|ix| task.as_ref().is_none_or(|id| state.graph.task(*ix).id.as_str() == id))
        .filter(|ix| !state.tasks[*ix].rounds.is_empty())
        .collect();
    if args.json {
        ctx.out.json(&json(&state, &gated, &answer))?;
        return Ok(exit::DONE);
    }
    let page = task.is_none().then(|| whole::page(&state, &view, &answer));
    let gates: Vec<(String, String)> = gated
        .iter()
        .map(|ix| (state.graph.task(*ix).id.to_string(), gate::page(&state, *ix, &answer)))
        .collect();
    match &args.out {
        None => {
            let all = page.into_iter().chain(gates.into_iter().map(|(_, text)| text));
            ctx.out.print(&all.collect::<Vec<_>>().join("\n"))?;
        }
        Some(dir) => {
            let dir = ctx.path(dir);
            write(&dir, page.as_deref(), &gates)?;
            ctx.out.print(&format!(
                "{} reports are in {}\n",
                gates.len() + usize::from(page.is_some()),
                dir.display()
            ))?;
        }
    }
    Ok(exit::DONE)
}

fn write(dir: &std::path::Path, page: Option<&str>, gates: &[(String, String)]) -> Result<(), Failure> {
    let failed = |e: std::io::Error| {
        Failure::invalid(format!("the reports cannot be written to {}", dir.display()))
            .why(e)
            .help("name a directory that does not exist yet: `--out DIR`")
    };
    if dir.exists() {
        return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
    }
    std::fs::create_dir_all(dir).map_err(failed)?;
    if let Some(page) = page {
        std::fs::write(dir.join("README.md"), page).map_err(failed)?;
    }
    for (id, text) in gates {
        std::fs::write(dir.join(format!("{id}.md")), text).map_err(failed)?;
    }
    Ok(())
}

fn json(state: &State, gated: &[usize], answer: &whole::Answer<'_>) -> serde_json::Value {
    let one = |ix: &usize| {
        let it = &state.tasks[*ix];
        let last = it.rounds.iter().rev().find(|r| r.composite.is_some());
        let composites: Vec<String> =
            it.rounds.iter().filter_map(|r| r.composite.map(|c| c.to_string())).collect();
        serde_json::json!({
            "task": state.graph.task(*ix).id, "rounds": it.rounds.len(), "composites": composites,
            "threshold": state.graph.task(*ix).threshold.to_string(),
            "verdict": gate::verdict(state, *ix),
            "dimensions": last.map(|r| &r.scores),
            "answer": last.and_then(|r| r.scores_answer.as_ref()).map(answer),
        })
    };
    let gates: Vec<_> = gated.iter().map(one).collect();
    serde_json::json!({
        "run": state.start.as_ref().map(|s| &s.run), "status": state.status, "gates": gates,
        "overrides": state.overrides.len(), "agent_calls": state.used.agent_calls,
    })
}
