//! `consort ps`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::follow::now;
use crate::out::quoted;
use crate::place::Place;
use clap::Args;
use consort_core::run::{LivePhase, State, is_settled};
use consort_core::time::{Timestamp, duration_text};
use consort_core::view::model::When;
use consort_core::view::waits::{self, Wait};
use consort_core::view::{clean, run_word};
use consort_local::lock;
use consort_local::places::{self, Places};
use consort_local::registry::{self, Entry};
use consort_local::replay::replay;
use consort_worker::dirs::RunDirs;
use consort_worker::os::{self, Memory};
use consort_worker::signs::last_sign;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Shows every run that is being driven now, in all your repositories, and every agent of it.
///
/// What needs a person comes first: questions, and runs whose runner died.
#[derive(Args)]
#[command(after_help = "Example:\n  consort ps")]
pub(crate) struct Ps {
    /// Prints {schema, runs: [{repository, run, status, state: "live" | "dead", runner, agents, waits, command}]}.
    #[arg(long)]
    json: bool,
}

/// One run.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Line {
    repository: PathBuf,
    run: String,
    title: String,
    status: String,
    /// `live`, `dead` or `unreadable`.
    state: &'static str,
    runner: Runner,
    agents: Vec<Agent>,
    waits: Vec<Wait>,
    /// What a person types next, if anything is a person's to do.
    command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Runner {
    pid: Option<i32>,
    since: When,
    detached: bool,
    rss_bytes: u64,
}

/// One living attempt.
#[derive(Serialize, JsonSchema)]
struct Agent {
    task: String,
    step: String,
    attempt: String,
    /// `starting`, `running` or `stopping`.
    state: &'static str,
    /// Of its supervisor.
    pid: Option<i32>,
    processes: u32,
    rss_bytes: u64,
    pss_bytes: Option<u64>,
    since: When,
    last_sign: When,
    /// Questions that it waits for.
    asks: Vec<String>,
}

pub(crate) fn run(ctx: &Context, args: &Ps) -> Result<u8, Failure> {
    let state_dir = places::state_dir(&|name| std::env::var_os(name))?;
    let mut entries = registry::all(&state_dir);
    // Runs of this repository are seen by their locks, too: nobody may have been able to list them.
    entries.extend(here(ctx, &entries));
    let mut lines: Vec<Line> = entries.iter().filter_map(|entry| line(&state_dir, entry)).collect();
    lines.sort_by_key(|line| line.command.is_none());
    if args.json {
        ctx.out.shaped("ps", &serde_json::json!({ "runs": lines }))?;
        return Ok(exit::DONE);
    }
    let text: Vec<String> = lines.iter().map(|line| told(ctx, line)).collect();
    ctx.out.print(&match text.is_empty() {
        true => "No run is being driven now.\n  runs of this repository: consort list\n".into(),
        false => text.join("\n"),
    })?;
    Ok(exit::DONE)
}

fn here(ctx: &Context, known: &[Entry]) -> Vec<Entry> {
    let driven = || -> Result<Vec<Entry>, Failure> {
        let place = Place::find(&ctx.dir)?;
        let settings = place.settings()?;
        let mut entries = Vec::new();
        for id in place.places.list_runs()? {
            let dirs = place.dirs(&id, &settings)?;
            if known.iter().any(|entry| entry.run_dir == dirs.run) {
                continue;
            }
            if let Some(holder) = lock::holder(&dirs.run).ok().flatten() {
                let mut entry =
                    Entry::new(place.top(), &id, &dirs.run, &dirs.state, holder.purpose == "detached");
                entry.runner = i32::try_from(holder.pid).ok().and_then(os::identity);
                entry.since = holder.since;
                entries.push(entry);
            }
        }
        Ok(entries)
    };
    // Outside any repository there is nothing to add.
    driven().unwrap_or_default()
}

/// `None`: nothing is left to tell of it, and its entry goes.
fn line(state_dir: &Path, entry: &Entry) -> Option<Line> {
    let Ok(held) = lock::holder(&entry.run_dir) else { return None };
    let gone = || registry::forget(state_dir, entry);
    if !entry.run_dir.is_dir() {
        gone();
        return None;
    }
    let at =
        |verb: &str| format!("consort -C {} {verb} {}", quoted(&entry.top.display().to_string()), entry.run);
    let memory = entry.runner.as_ref().map(|runner| os::memory_of_one(runner).rss).unwrap_or_default();
    let mut line = Line {
        repository: entry.top.clone(),
        run: entry.run.to_string(),
        title: String::new(),
        status: String::new(),
        state: if held.is_some() { "live" } else { "dead" },
        runner: Runner {
            pid: entry.runner.as_ref().map(|runner| runner.pid),
            since: When(entry.since),
            detached: entry.detached,
            rss_bytes: memory,
        },
        agents: Vec::new(),
        waits: Vec::new(),
        command: held.is_none().then(|| at("resume")),
        error: None,
    };
    let replayed = Places::of(&entry.top).map_err(|e| e.to_string()).and_then(|places| {
        let store = places.open_store();
        let dirs = RunDirs { state: entry.state.clone(), run: entry.run_dir.clone(), store: places.store };
        Ok((replay(&entry.run_dir, &store).map_err(|e| e.to_string())?.state, dirs))
    });
    let (state, dirs) = match replayed {
        Ok(it) => it,
        Err(why) => {
            line.state = if held.is_some() { line.state } else { "unreadable" };
            line.error = Some(why);
            return Some(line);
        }
    };
    if held.is_none() && is_settled(&state) {
        gone();
        return None;
    }
    line.title = clean(&state.graph.plan.workflow.title);
    line.status = run_word(state.status).to_owned();
    line.agents = agents(&state, &dirs);
    line.waits = waits::waits(&state);
    if line.command.is_none() && line.waits.iter().any(|wait| wait.reason == "person") {
        line.command = Some(at("attach"));
    }
    if line.command.is_none() && line.waits.iter().any(|wait| wait.reason == "unpause") {
        line.command = Some(at("resume"));
    }
    Some(line)
}

fn agents(state: &State, dirs: &RunDirs) -> Vec<Agent> {
    let agent = |(attempt, live): (&consort_core::ids::AttemptId, &consort_core::run::Live)| {
        let memory = live.process.as_ref().map_or_else(Memory::default, os::memory_of);
        Agent {
            task: attempt.task.to_string(),
            step: attempt.step.to_string(),
            attempt: attempt.to_string(),
            state: match (live.stopping, live.phase) {
                (Some(_), _) => "stopping",
                (None, LivePhase::Running) => "running",
                (None, _) => "starting",
            },
            pid: live.process.as_ref().map(|process| process.pid),
            processes: memory.processes,
            rss_bytes: memory.rss,
            pss_bytes: memory.pss,
            since: When(live.since),
            last_sign: When(last_sign(dirs, attempt).map_or(live.since, |sign| sign.max(live.since))),
            asks: waits::asks(live),
        }
    };
    state.live.iter().map(agent).collect()
}

fn told(ctx: &Context, line: &Line) -> String {
    let paint = ctx.out.stdout;
    let mut text = format!("{}  {}\n", paint.bold(&line.run), line.repository.display());
    let pid = line.runner.pid.map_or_else(|| "an unknown process".to_owned(), |pid| format!("pid {pid}"));
    let mut say = |name: &str, what: &str| {
        let _ = writeln!(text, "  {name:9} {what}"); // writing to a string does not fail
    };
    match line.state {
        "live" => {
            let how = if line.runner.detached { "in the background" } else { "at a terminal" };
            let since = ago(line.runner.since.0);
            let memory = bytes(line.runner.rss_bytes);
            say("runner", &format!("{pid}, {how}, for {since}, {memory}; {}", line.status));
        }
        state => say(state, &paint.error(&format!("its runner ({pid}) is gone"))),
    }
    if let Some(error) = &line.error {
        say("error", error);
    }
    for agent in &line.agents {
        let pid = agent.pid.map_or_else(|| "no process yet".to_owned(), |pid| format!("pid {pid}"));
        let memory = match (agent.processes, agent.pss_bytes) {
            (0, _) => String::new(),
            (n, Some(pss)) => format!(", {} in {}", bytes(pss), processes(n)),
            (n, None) => format!(", at most {} in {}", bytes(agent.rss_bytes), processes(n)),
        };
        let asks = match agent.asks.is_empty() {
            true => String::new(),
            false => format!(", waits for {}", agent.asks.join(", ")),
        };
        let what = format!(
            "{} {}: {}, {pid}{memory}, last sign of life {} ago{asks}",
            agent.task,
            agent.step,
            agent.state,
            ago(agent.last_sign.0)
        );
        say("agent", &what);
    }
    for wait in &line.waits {
        let step = wait.step.as_ref().map(|step| format!(" {step}")).unwrap_or_default();
        let subject = match wait.subject.is_empty() || wait.reason == "person" {
            true => String::new(),
            false => format!("{}{step}: ", wait.subject),
        };
        let what = format!("{subject}{}", wait.text);
        let what = if wait.reason == "person" { paint.warning(&what) } else { what };
        say(wait.reason, &what);
    }
    if let Some(command) = &line.command {
        say("then", command);
    }
    text
}

fn ago(at: Timestamp) -> String {
    match now().since_ms(at) / 1_000 {
        0 => "a moment".into(),
        // No tenths: whoever looks again looks later.
        seconds => duration_text(seconds * 1_000).replace(".0s", "s"),
    }
}

fn processes(n: u32) -> String {
    if n == 1 { "1 process".into() } else { format!("{n} processes") }
}

fn bytes(n: u64) -> String {
    let tenths = n.saturating_mul(10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
