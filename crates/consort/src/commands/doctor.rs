//! `consort doctor`

use super::planning;
use super::run::BOUNDARY;
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::place::{Place, Run};
use clap::Args;
use consort_local::journal::unsuitable_filesystem;
use consort_worker::agents::offers::Found;
use consort_worker::os::logout::{self, Logout};
use consort_worker::os::{Capabilities, Cgroup};
use consort_worker::workspace::{GIT_NEEDED, Git, GitError, Repo};
use serde::Serialize;
use std::borrow::Cow;
use std::path::Path;

/// Looks at this machine and this directory.
///
/// What consort needs, what is missing, and what was left behind.
#[derive(Args)]
#[command(after_help = "Example:\n  consort doctor")]
pub(crate) struct Doctor {
    /// Prints {schema, findings: [{name, state: "good" | "note" | "bad", text, help}]}.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Good,
    Note,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct Finding {
    name: Cow<'static, str>,
    state: State,
    text: String,
    help: Option<String>,
}

impl Finding {
    fn new(name: impl Into<Cow<'static, str>>, state: State, text: impl Into<String>) -> Self {
        Self { name: name.into(), state, text: text.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

pub(crate) fn run(ctx: &Context, args: &Doctor) -> Result<u8, Failure> {
    let mut found = vec![Finding::new("consort", State::Good, env!("CARGO_PKG_VERSION"))];
    found.extend(git());
    found.push(sqlite());
    found.extend(system());
    found.push(cgroup());
    found.push(log_out());
    found.extend(here(ctx));
    found.extend(agents(planning::found()));
    found.push(
        Finding::new("boundary", State::Note, BOUNDARY)
            .help("they have your files and your network: let only agents you trust run here"),
    );
    let bad = found.iter().any(|f| f.state == State::Bad);
    if args.json {
        ctx.out.shaped("doctor", &serde_json::json!({ "findings": found }))?;
    } else {
        ctx.out.print(&text(ctx, &found))?;
    }
    Ok(if bad { exit::FAILED } else { exit::DONE })
}

/// Whether a run in the background survives it.
fn log_out() -> Finding {
    let logout = logout::look();
    match &logout {
        Logout::GoesOn => Finding::new("log-out", State::Good, "what was started here goes on after it"),
        Logout::Ends { why, help } => {
            Finding::new("log-out", State::Note, format!("ends what was started here: {why}")).help(*help)
        }
        Logout::Unknown(why) => {
            Finding::new("log-out", State::Note, format!("nobody can say whether runs go on after it: {why}"))
                .help("`loginctl show-session -p KillUserProcesses` asks the log-in manager")
        }
    }
}

fn text(ctx: &Context, found: &[Finding]) -> String {
    let paint = ctx.out.stdout;
    let mut text = String::new();
    for finding in found {
        let mark = match finding.state {
            State::Good => paint.good("ok  "),
            State::Note => paint.warning("note"),
            State::Bad => paint.error("bad "),
        };
        text += &format!("{mark}  {:12} {}\n", finding.name, finding.text);
        if let Some(help) = &finding.help {
            text += &format!("      {:12} {}\n", "", paint.dim(help));
        }
    }
    text
}

/// The git that is used, and every other one in PATH.
fn git() -> Vec<Finding> {
    let mut found = Vec::new();
    let used = Git::find();
    match &used {
        Ok(git) => {
            let text = format!("{} at {}", git.version(), git.program().display());
            found.push(Finding::new("git", State::Good, text));
            found.extend(git.note().map(|note| Finding::new("git", State::Note, note)));
        }
        Err(error) => {
            let failure = Failure::told(exit::INVALID, error);
            let text = failure.help.first().cloned().unwrap_or_default();
            let needed = format!("git {}.{} or newer is needed. {text}", GIT_NEEDED.0, GIT_NEEDED.1);
            found.push(Finding::new("git", State::Bad, failure.what).help(needed));
        }
    }
    let used = used.ok().map(|git| git.program().to_owned());
    let others = which::which_all("git").into_iter().flatten().filter(|p| Some(p) != used.as_ref());
    let others: Vec<String> = others.map(|p| format!("{} ({})", p.display(), version_of(&p))).collect();
    if !others.is_empty() {
        found.push(Finding::new("git", State::Note, format!("also in PATH: {}", others.join(", "))));
    }
    found
}

/// The version of one git among several.
fn version_of(program: &Path) -> String {
    let dir = program.parent().unwrap_or(Path::new("/"));
    match Git::find_in(dir.as_os_str()) {
        Ok(git) => git.version().to_owned(),
        Err(GitError::TooOld { version, .. }) => format!("{version}, too old"),
        Err(_) => "cannot be run".into(),
    }
}

fn sqlite() -> Finding {
    match consort_local::journal::sqlite_version() {
        Ok(version) => Finding::new("SQLite", State::Good, format!("{version}, built in")),
        Err(error) => Finding::new("SQLite", State::Bad, error.to_string()),
    }
}

fn system() -> Vec<Finding> {
    let missing = Capabilities::probe().missing();
    if missing.is_empty() {
        let text = "pidfd, child subreaper, /proc, boot id: agents are found again after a crash";
        return vec![Finding::new("processes", State::Good, text)];
    }
    missing.into_iter().map(|text| Finding::new("processes", State::Bad, text)).collect()
}

fn cgroup() -> Finding {
    match Cgroup::probe() {
        Cgroup::Delegated(dir) => Finding::new(
            "cgroup",
            State::Good,
            format!(
                "version 2, {} is yours: each attempt gets a group, and the kernel ends it whole",
                dir.display()
            ),
        ),
        Cgroup::NotDelegated(dir) => {
            let text = format!("version 2, but {} is not yours", dir.display());
            Finding::new("cgroup", State::Note, text).help(WITHOUT_CGROUP)
        }
        Cgroup::Missing => Finding::new("cgroup", State::Note, "no cgroup v2 here").help(WITHOUT_CGROUP),
    }
}

const WITHOUT_CGROUP: &str = "what agents leave behind is found by subreaper and run marker; `systemd-run --user --scope consort run ...` gives each attempt a group that the kernel ends whole";

/// Runtimes that are talked to. None is needed: any program can be an agent, and players rehearse.
fn agents(all: &[Found]) -> Vec<Finding> {
    let mut found = Vec::new();
    for one in all {
        let runtime = one.offer.runtime.clone();
        let (state, text) = match &one.offer.found {
            Ok(what) => (State::Good, what.clone()),
            Err(why) => (State::Note, why.clone()),
        };
        let text = match &one.program {
            Some(program) => format!("{text} ({})", program.display()),
            None => text,
        };
        let finding = Finding::new(runtime.clone(), state, text);
        found.push(Finding { help: one.help.clone(), ..finding });
        found.extend(one.note.as_ref().map(|note| Finding::new(runtime, State::Note, note)));
    }
    if all.iter().all(|one| one.offer.found.is_err()) {
        let text = "none can be used: workflows can be rehearsed, and programs of `argv` run";
        found.push(
            Finding::new("agents", State::Note, text)
                .help("consort run FILE --rehearse plays one without a model"),
        );
    }
    found
}

/// The directory that consort was started in.
fn here(ctx: &Context) -> Vec<Finding> {
    let place = match ctx.place() {
        Ok(place) => place,
        Err(failure) => {
            let finding = Finding::new("directory", State::Bad, failure.what.clone());
            return vec![
                failure
                    .help
                    .first()
                    .map_or_else(|| Finding { help: None, ..finding_of(&failure) }, |h| finding.help(h)),
            ];
        }
    };
    let mut found = vec![repository(ctx, place.top()), filesystem("runs", place.top())];
    match place.settings() {
        Ok(settings) => {
            let there = settings.state_dir.ancestors().find(|d| d.is_dir()).unwrap_or(Path::new("/"));
            let mut finding = filesystem("state", there);
            if finding.state == State::Good {
                let consort = settings.state_dir.join("consort").join(place.places.repository_name());
                finding.text = format!("workspaces lie in {}", consort.display());
            }
            found.push(finding);
        }
        Err(failure) => found.push(finding_of(&failure)),
    }
    found.extend(left_behind(&place));
    found
}

fn finding_of(failure: &Failure) -> Finding {
    let finding = Finding::new("settings", State::Bad, failure.what.clone());
    match failure.help.first() {
        Some(help) => finding.help(help),
        None => finding,
    }
}

fn repository(ctx: &Context, top: &Path) -> Finding {
    let discovered = Git::find().map_err(Failure::from).and_then(|git| Ok(Repo::discover(&git, &ctx.dir)?));
    match discovered {
        Ok(Some(repo)) => {
            let on = repo.head_branch().map_or("detached HEAD", |b| b.trim_start_matches("refs/heads/"));
            Finding::new("repository", State::Good, format!("{} on {on}", repo.top().display()))
        }
        Ok(None) => {
            Finding::new("repository", State::Note, format!("{} is not in a git repository", top.display()))
                .help("runs work here in plain directories, without merging and `consort integrate`")
        }
        Err(failure) => Finding { name: "repository".into(), ..finding_of(&failure) },
    }
}

fn filesystem(name: &'static str, dir: &Path) -> Finding {
    match unsuitable_filesystem(dir) {
        Ok(None) => match writable(dir) {
            true => Finding::new(
                name,
                State::Good,
                format!("{} is on a local disk and can be written", dir.display()),
            ),
            false => Finding::new(name, State::Bad, format!("{} cannot be written", dir.display()))
                .help("give yourself the right to write there, or work in a copy"),
        },
        Ok(Some(kind)) => Finding::new(name, State::Bad, format!("{} lies on {kind}", dir.display()))
            .help("locks and shared memory are not reliable there: use a directory on a local disk"),
        Err(error) => Finding::new(name, State::Bad, format!("{}: {error}", dir.display())),
    }
}

fn writable(dir: &Path) -> bool {
    rustix::fs::access(dir, rustix::fs::Access::WRITE_OK).is_ok()
}

/// Runs that are not over and that nobody drives.
fn left_behind(place: &Place) -> Vec<Finding> {
    let ids = match place.places.list_runs() {
        Ok(ids) => ids,
        Err(error) => return vec![finding_of(&error.into())],
    };
    let mut found = Vec::new();
    for id in ids {
        let Ok(dir) = place.places.existing_run(&id) else { continue };
        let run = Run { id, dir };
        match place.replay(&run) {
            Ok(replayed) if !replayed.state.is_over() && run.holder().is_none() => {
                let text = format!("{} is not over, and nobody drives it", run.id);
                found.push(Finding::new("run", State::Note, text).help(format!("consort resume {}", run.id)));
            }
            Ok(_) => {}
            Err(failure) => found.push(Finding { name: "run".into(), ..finding_of(&failure) }),
        }
    }
    found
}
