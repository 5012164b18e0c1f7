//! `consort logs RUN [TASK]`

use super::show::unknown_task;
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::place::{Place, Run};
use crate::report::transcript;
use clap::Args;
use consort_core::ids::AttemptId;
use consort_core::view::model::run_view;
use consort_core::view::{clean, ended, live};
use consort_local::journal::Reader;
use consort_local::replay::{before_first, catch_up};
use consort_worker::agents::session;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a follower looks.
const EVERY: Duration = Duration::from_millis(200);
/// Read at once.
const CHUNK: u64 = 1 << 20;

/// Shows what happened in a run and what its agents said and did, or what the agents of one task printed.
#[derive(Args)]
#[command(after_help = "Examples:\n  consort logs review-2026 -f\n  consort logs review-2026 agent-a-001")]
pub(crate) struct Logs {
    /// The run: its id, or the beginning of it; may be left out where there is only one.
    run: Option<String>,
    /// What the agents of this task printed, attempt by attempt.
    task: Option<String>,
    /// Only what happened, without what agents said.
    #[arg(long)]
    story: bool,
    /// Goes on until the run is over or nobody drives it any more. Ctrl-C ends only this.
    #[arg(short, long)]
    follow: bool,
}

pub(crate) fn run(ctx: &Context, args: &Logs) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let (run, task) = place.run_and_task(args.run.as_deref(), args.task.as_deref())?;
    match task {
        Some(task) => of_task(ctx, &place, &run, &task, args.follow),
        None => of_run(ctx, &place, &run, args),
    }
}

/// The story of the run, one line per event that a person cares about, and between them what agents that are talked
/// to say and do. While it is followed they come as they happen; afterwards each attempt before its end.
fn of_run(ctx: &Context, place: &Place, run: &Run, args: &Logs) -> Result<u8, Failure> {
    let reader = Reader::open(&run.dir)?;
    let store = place.places.open_store();
    let mut so_far = before_first(&reader, &store)?;
    let attempts = place.dirs(&run.id, &place.settings()?)?.state.join("attempts");
    let mut voices = (!args.story).then(|| Voices::new(attempts));
    loop {
        // Looked at first: what a runner wrote before it ended is then read below.
        let driven = run.holder().is_some();
        if let Some(voices) = voices.as_mut().filter(|_| args.follow && driven) {
            voices.all(ctx)?;
        }
        let mut said = Ok(());
        so_far = catch_up(&reader, &store, so_far, |state, record| {
            if said.is_ok() {
                said = record.events.iter().try_for_each(|event| {
                    if let (Some(voices), Some(attempt)) = (&mut voices, ended(event)) {
                        voices.of(ctx, attempt)?;
                    }
                    let line = live::line(event, state).map(|line| line + "\n");
                    line.map_or(Ok(()), |line| ctx.out.stream(&line).map_err(Failure::from))
                });
            }
        })?;
        said?;
        // A runner of a run that is over still makes its last checkpoint.
        let over = so_far.state.is_over() && !driven;
        if args.follow && !over && driven {
            std::thread::sleep(EVERY);
            continue;
        }
        // Whoever is still at work, or was when the runner died.
        if let Some(voices) = &mut voices {
            voices.all(ctx)?;
        }
        if args.follow && !over {
            ctx.out.notice(&format!("nobody drives {} now: consort resume {}", run.id, run.id));
        }
        return Ok(exit::DONE);
    }
}

/// What agents of a run said, as far as it was shown.
struct Voices {
    attempts: PathBuf,
    upto: BTreeMap<PathBuf, u64>,
}

impl Voices {
    fn new(attempts: PathBuf) -> Self {
        Self { attempts, upto: BTreeMap::new() }
    }

    /// What this one said since the last look, each line behind its name. Its directory may be gone: `transcript` has
    /// it for ever.
    fn of(&mut self, ctx: &Context, attempt: &AttemptId) -> Result<(), Failure> {
        let control = self.attempts.join(attempt.slug()).join("session");
        self.hear(ctx, &format!("{} {}", attempt.task, attempt.step), control)
    }

    fn hear(&mut self, ctx: &Context, name: &str, control: PathBuf) -> Result<(), Failure> {
        let from = self.upto.get(&control).copied().unwrap_or(0);
        let (events, upto) = session::events_from(&control, from)?;
        if upto == from {
            return Ok(());
        }
        self.upto.insert(control, upto);
        let name = ctx.out.stdout.dim(name);
        let lines: String = events.iter().filter_map(transcript::lines).collect();
        let text: String = lines.lines().map(|line| format!("  {name} {line}\n")).collect();
        if !text.is_empty() {
            ctx.out.stream(&text)?;
        }
        Ok(())
    }

    /// What all of them said since the last look.
    fn all(&mut self, ctx: &Context) -> Result<(), Failure> {
        let Ok(entries) = std::fs::read_dir(&self.attempts) else { return Ok(()) };
        let mut named: Vec<(String, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let (rest, step) = name.rsplit_once("--")?;
                let (task, _) = rest.rsplit_once("--")?;
                Some((format!("{task} {step}"), entry.path().join("session")))
            })
            .filter(|(_, control)| session::has_events_after(control, self.upto.get(control).copied()))
            .collect();
        named.sort();
        named.into_iter().try_for_each(|(name, control)| self.hear(ctx, &name, control))
    }
}

/// What was printed so far, by file.
#[derive(Default)]
struct Shown {
    upto: BTreeMap<PathBuf, u64>,
    last: Option<PathBuf>,
}

fn of_task(ctx: &Context, place: &Place, run: &Run, task: &str, follow: bool) -> Result<u8, Failure> {
    let view = run_view(&place.replay(run)?.state);
    view.task(task).ok_or_else(|| unknown_task(&view, task))?;
    let attempts = place.dirs(&run.id, &place.settings()?)?.state.join("attempts");
    let mut shown = Shown::default();
    loop {
        let driven = run.holder().is_some();
        let news = more(ctx, &attempts, task, &mut shown)?;
        if !(follow && (driven || news)) {
            break;
        }
        std::thread::sleep(EVERY);
    }
    if shown.upto.is_empty() {
        ctx.out.notice(&format!("no agent of {task} has printed anything yet"));
    }
    Ok(exit::DONE)
}

/// Prints what is new; true if there was something.
fn more(ctx: &Context, attempts: &Path, task: &str, shown: &mut Shown) -> Result<bool, Failure> {
    let mut news = false;
    for (attempt, dir) in attempts_of(attempts, task) {
        news |= said(ctx, &attempt, &dir.join("session"), shown)?;
        for stream in ["stdout", "stderr"] {
            let path = dir.join(format!("{stream}.log"));
            let from = shown.upto.get(&path).copied().unwrap_or(0);
            let bytes = read_from(&path, from);
            if bytes.is_empty() {
                continue;
            }
            news = true;
            shown.upto.insert(path.clone(), from + bytes.len() as u64);
            let mut text = String::new();
            if shown.last.as_ref() != Some(&path) {
                text += &format!("{}\n", ctx.out.stdout.bold(&format!("== {attempt} {stream}")));
                shown.last = Some(path);
            }
            text += &printable(&String::from_utf8_lossy(&bytes), ctx.out.stdout_tty);
            ctx.out.stream(&text)?;
        }
    }
    Ok(news)
}

/// What an agent that is talked to said and did since the last look.
fn said(ctx: &Context, attempt: &AttemptId, control: &Path, shown: &mut Shown) -> Result<bool, Failure> {
    let from = shown.upto.get(control).copied().unwrap_or(0);
    let (events, upto) = session::events_from(control, from)?;
    if upto == from {
        return Ok(false);
    }
    shown.upto.insert(control.to_owned(), upto);
    let lines: String = events.iter().filter_map(transcript::lines).collect();
    if lines.is_empty() {
        return Ok(true);
    }
    let mut text = String::new();
    if shown.last.as_deref() != Some(control) {
        text += &format!("{}\n", ctx.out.stdout.bold(&format!("== {attempt}")));
        shown.last = Some(control.to_owned());
    }
    ctx.out.stream(&(text + &lines))?;
    Ok(true)
}

/// Agents may print what would lead a terminal astray; a pipe gets it as it is.
fn printable(text: &str, terminal: bool) -> String {
    if !terminal {
        return text.to_owned();
    }
    text.lines().map(|line| clean(line) + "\n").collect()
}

fn read_from(path: &Path, from: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(from))?;
        file.take(CHUNK).read_to_end(&mut bytes)
    });
    read.map_or_else(|_| Vec::new(), |_| bytes)
}

/// Attempts that have a directory, in the order of their numbers. The name is the attempt's slug:
/// `task--generation-iteration-attempt--step`.
pub(super) fn attempts_of(attempts: &Path, task: &str) -> Vec<(AttemptId, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(attempts) else { return Vec::new() };
    let named = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let (numbers, step) = name.strip_prefix(task)?.strip_prefix("--")?.split_once("--")?;
        let id: AttemptId = format!("{task}/{}/{step}", numbers.replace('-', ".")).parse().ok()?;
        Some((id, entry.path()))
    });
    let mut found: Vec<_> = named.collect();
    found.sort_by_key(|(id, _)| (id.generation, id.attempt));
    found
}
