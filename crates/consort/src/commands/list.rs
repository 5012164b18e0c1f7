//! `consort list`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::out::paint_status;
use crate::place::{Place, Run};
use clap::Args;
use consort_core::view::model::{RunView, run_view};
use consort_local::lock::Holder;
use serde::Serialize;

/// Lists the runs of this repository, latest last.
#[derive(Args)]
#[command(after_help = "Example:\n  consort list")]
pub(crate) struct List {
    /// Prints {schema, runs: [{run, title, status, doing, tasks_done, tasks, open_approvals, started_at, updated_at, runner, error}]}.
    #[arg(long)]
    json: bool,
}

/// One run, for programs.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Line {
    run: String,
    title: Option<String>,
    status: &'static str,
    doing: Option<String>,
    tasks_done: usize,
    tasks: usize,
    open_approvals: usize,
    started_at: Option<String>,
    updated_at: Option<String>,
    runner: Option<Holder>,
    error: Option<String>,
}

impl Line {
    fn of(place: &Place, run: &Run) -> Self {
        let runner = run.holder();
        match place.replay(run) {
            Ok(replayed) => Self::read(run_view(&replayed.state), runner),
            // One damaged journal must not hide the others.
            Err(failure) => Self {
                run: run.id.to_string(),
                title: None,
                status: "UNREADABLE",
                doing: None,
                tasks_done: 0,
                tasks: 0,
                open_approvals: 0,
                started_at: None,
                updated_at: None,
                runner,
                error: Some(failure.what),
            },
        }
    }

    fn read(view: RunView, runner: Option<Holder>) -> Self {
        let done = view.agents().filter(|t| t.completed_at.is_some()).count();
        Self {
            status: view.status,
            tasks_done: done,
            tasks: view.agents().count(),
            open_approvals: view.open_approvals().count(),
            started_at: view.started_at.map(|w| w.to_string()),
            updated_at: Some(view.updated_at.to_string()),
            run: view.id,
            title: Some(view.title),
            doing: Some(view.doing),
            runner,
            error: None,
        }
    }

    fn now(&self) -> String {
        match (&self.error, self.open_approvals, &self.runner) {
            (Some(error), _, _) => error.clone(),
            (_, 1, _) => "waits for 1 answer".into(),
            (_, 2.., _) => format!("waits for {} answers", self.open_approvals),
            (_, _, Some(holder)) => format!("pid {} drives it", holder.pid),
            _ if self.status == "ACTIVE" || self.status == "PAUSED" => {
                "nobody drives it: consort resume".into()
            }
            _ => String::new(),
        }
    }
}

pub(crate) fn run(ctx: &Context, args: &List) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let ids = place.places.list_runs()?;
    let mut lines = Vec::with_capacity(ids.len());
    for id in ids {
        let dir = place.places.existing_run(&id)?;
        lines.push(Line::of(&place, &Run { id, dir }));
    }
    if args.json {
        ctx.out.shaped("list", &serde_json::json!({ "runs": lines }))?;
        return Ok(exit::DONE);
    }
    if lines.is_empty() {
        ctx.out.print(&format!(
            "No runs in {} yet.\n  begin one:  consort run FILE\n  look first: consort demo\n",
            place.top().display()
        ))?;
        return Ok(exit::DONE);
    }
    let wide = lines.iter().map(|l| l.run.chars().count()).max().unwrap_or(0).max(3);
    let mut text = format!("{:wide$}  {:10}  {:7}  {:20}  NOW\n", "RUN", "STATUS", "TASKS", "STARTED");
    for line in &lines {
        let started = line.started_at.as_deref().unwrap_or("");
        let tasks = format!("{}/{}", line.tasks_done, line.tasks);
        let row = format!("{:wide$}  {:10}  {tasks:7}  {started:20}  {}", line.run, line.status, line.now());
        text += &paint_status(ctx.out.stdout, row.trim_end());
        text.push('\n');
    }
    ctx.out.print(&text)?;
    Ok(exit::DONE)
}
