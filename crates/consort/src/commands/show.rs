//! `consort show RUN [TASK]`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::follow::now;
use crate::out::paint_status;
use crate::place::{Place, Run};
use crate::terminal;
use clap::Args;
use consort_core::ids::TaskId;
use consort_core::run::State;
use consort_core::view::model::{RunView, TaskView, run_view};
use consort_core::view::task_text;
use std::path::PathBuf;

/// Shows tasks in full.
///
/// What each does, waits for and has scored, and where its workspace is.
#[derive(Args)]
#[command(after_help = "Example:\n  consort show review-2026 agent-a-001")]
pub(crate) struct Show {
    /// The run: its id, or the beginning of it; may be left out where there is only one.
    run: Option<String>,
    /// One task; all of them if it is left out.
    task: Option<String>,
    /// Prints {schema, run, tasks: [{workspace_dir, id, status, activity, rounds, gate, artifacts, …}]}.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(ctx: &Context, args: &Show) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let (run, task) = place.run_and_task(args.run.as_deref(), args.task.as_deref())?;
    let state = place.replay(&run)?.state;
    let view = run_view(&state);
    let tasks = match &task {
        Some(id) => vec![view.task(id).ok_or_else(|| unknown_task(&view, id))?],
        None => view.tasks.iter().collect(),
    };
    if args.json {
        let all: Result<Vec<_>, Failure> = tasks.iter().map(|t| json(&place, &run, &state, t)).collect();
        ctx.out.shaped("show", &serde_json::json!({ "run": run.id, "tasks": all? }))?;
        return Ok(exit::DONE);
    }
    let width = if ctx.out.stdout_tty { terminal::size().0.min(120) } else { 120 };
    let mut text = String::new();
    for task in tasks {
        if !text.is_empty() {
            text.push('\n');
        }
        text += &task_text(&view, task, now(), width);
        if let Some(dir) = workspace(&place, &run, &state, task)? {
            text += &format!("  workspace  {}\n", dir.display());
        }
    }
    let text: String = text.lines().map(|line| paint_status(ctx.out.stdout, line) + "\n").collect();
    ctx.out.print(&text)?;
    Ok(exit::DONE)
}

fn json(place: &Place, run: &Run, state: &State, task: &TaskView) -> Result<serde_json::Value, Failure> {
    let mut value = serde_json::to_value(task).map_err(std::io::Error::from)?;
    value["workspace_dir"] = serde_json::json!(workspace(place, run, state, task)?);
    Ok(value)
}

/// The directory of its workspace, while there is one.
fn workspace(place: &Place, run: &Run, state: &State, task: &TaskView) -> Result<Option<PathBuf>, Failure> {
    let id = TaskId(task.id.clone());
    let Some(ix) = state.graph.ix(&id) else { return Ok(None) };
    let dirs = place.dirs(&run.id, &place.settings()?)?;
    let dir = dirs.workspace(&id, state.tasks[ix].generation);
    Ok(dir.is_dir().then_some(dir))
}

/// Names the tasks that there are.
pub(super) fn unknown_task(view: &RunView, id: &str) -> Failure {
    let known: Vec<&str> = view.tasks.iter().take(20).map(|t| t.id.as_str()).collect();
    let more = if view.tasks.len() > known.len() { ", …" } else { "" };
    Failure::invalid(format!("run {} has no task `{id}`", view.id))
        .why(format!("its tasks are {}{more}", known.join(", ")))
        .help(format!("`consort status {}` shows them all", view.id))
}
