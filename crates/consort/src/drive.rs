//! Drives a run in this process and follows it: what `run`, `resume`, `integrate` and `demo` have
//! in common.

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::follow::{Asking, Follow, now};
use crate::out::Out;
use crate::person;
use crate::place::Place;
use crate::report::alone;
use crate::terminal;
use consort_core::ids::RunId;
use consort_core::run::{Command, Graph, StartRun, State};
use consort_core::time::duration_text;
use consort_core::view::approvals;
use consort_core::view::model::{RunView, run_view};
use consort_local::host::{Host, HostError, Observer, Opening, Outcome};
use consort_local::lock::RunLock;
use consort_local::places;
use consort_local::registry::{self, Entry, Listed};
use consort_worker::dirs::RunDirs;
use consort_worker::hands::{Hands, Workbench};
use consort_worker::processes::Starter;
use consort_worker::workspace::{Plane, Repo};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// For benchmarks: where the number of journal transactions goes.
const COMMITS_FILE: &str = "CONSORT_COMMITS_FILE";

/// Who is asked what the run wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Approve {
    /// Every approval is answered yes, and the record says that a flag did it. Overrides,
    /// budgets and integration are still asked.
    All,
    /// Nobody is asked here: the run waits, and ends with exit code 3.
    None,
}

/// Everything that a runner of one run needs.
pub(crate) struct Driver {
    /// How to speak.
    pub out: Out,
    /// Whose runs.
    pub place: Place,
    /// Its repository; `None`: a plain directory.
    pub repo: Option<Repo>,
    /// Folders of the run.
    pub dirs: RunDirs,
    /// Which run.
    pub run: RunId,
    /// Whether a person at this terminal is asked.
    pub ask: bool,
    /// Whether it waits for people who are elsewhere, instead of ending.
    pub stays: bool,
    /// So many agents work at once in all runs of this repository together; `None`: no such limit.
    pub max_agents: Option<u32>,
}

/// Makes hands once the plan is known.
pub(crate) type MakeHands = Box<dyn FnOnce(Arc<Graph>, &StartRun) -> Result<Hands, HostError>>;

impl Driver {
    /// For a run in this place.
    pub(crate) fn new(
        ctx: &Context,
        place: Place,
        repo: Option<Repo>,
        run: RunId,
        approve: Option<Approve>,
    ) -> Result<Self, Failure> {
        let settings = place.settings()?;
        let dirs = place.dirs(&run, &settings)?;
        let (ask, max_agents) = (ctx.out.can_ask && approve.is_none(), settings.max_agents);
        Ok(Self { out: ctx.out, place, repo, dirs, run, ask, stays: false, max_agents })
    }

    /// The same for a run that goes on in a process of its own, if it is to, and under this limit, if one was given.
    pub(crate) fn apart(self, stays: bool, max_agents: Option<u32>) -> Self {
        Self { stays, ask: self.ask && !stays, max_agents: max_agents.or(self.max_agents), ..self }
    }

    /// For a run that begins: what another run of this name left is not its own.
    pub(crate) fn set_aside(&self, lock: &RunLock) -> Result<(), Failure> {
        if let Some(to) = self.place.places.set_aside(&self.dirs, lock)? {
            let run = &self.run;
            self.out.notice(&format!(
                "workspaces of an earlier run `{run}` were in the way: they are in {} now",
                to.display()
            ));
        }
        Ok(())
    }

    /// The data plane of the run.
    pub(crate) fn plane(&self) -> Result<Plane, Failure> {
        Ok(match &self.repo {
            Some(repo) => Plane::git(repo.clone(), self.dirs.clone(), self.run.clone())?,
            None => Plane::plain(self.place.top().to_owned(), self.dirs.clone(), self.run.clone())?,
        })
    }

    fn hands(&self, plane: Plane) -> Result<MakeHands, Failure> {
        let exe =
            std::env::current_exe().map_err(|e| Failure::failed("consort cannot find itself").why(e))?;
        let (run, dirs) = (self.run.clone(), self.dirs.clone());
        let (store, root) = (self.place.places.open_store(), self.place.top().to_owned());
        Ok(Box::new(move |graph, start| {
            let (nonce, base, env) = (start.nonce.clone(), start.base.clone(), environment());
            let bench = Workbench {
                run,
                dirs,
                plane,
                base,
                store,
                root,
                self_exe: exe,
                nonce,
                prices: own_prices(&env),
                env,
            };
            Ok(Hands::new(graph, bench))
        }))
    }

    /// Opens the run with `open`, gives it `orders`, and drives it to the end of what can be done here.
    ///
    /// # Errors
    /// It could not be opened, or the journal could not be written.
    pub(crate) fn drive(
        &self,
        lock: RunLock,
        orders: Vec<(&'static str, Command)>,
        open: impl FnOnce(Opening<MakeHands>) -> Result<Host, HostError>,
    ) -> Result<(Outcome, State), Failure> {
        self.drive_for(None, lock, orders, open)
    }

    /// The same for whoever started this process and waits to hear that it drives.
    ///
    /// # Errors
    /// As of [`Driver::drive`].
    pub(crate) fn drive_for(
        &self,
        starter: Option<Starter>,
        lock: RunLock,
        orders: Vec<(&'static str, Command)>,
        open: impl FnOnce(Opening<MakeHands>) -> Result<Host, HostError>,
    ) -> Result<(Outcome, State), Failure> {
        let hands = self.hands(self.plane()?)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|e| Failure::failed("no threads for the run could be started").why(e))?;
        let mut follow = Follow::new(self.out);
        let observer = first(starter, follow.observer(self.ask));
        let store = self.place.places.open_store();
        let driven = {
            let _inside = runtime.enter();
            open(Opening { lock, store, hands, observer, max_agents: self.max_agents })
        };
        let mut host = driven?;
        if self.stays {
            host.stay();
        }
        let mut leave = follow.leaver(self.dirs.run.clone(), &self.run);
        let entry = self.entry();
        host.when_hung_up(move || {
            // What `consort ps` says of it is worth less than that it goes on.
            let _ = state_dir().map(|dir| registry::left_terminal(&dir, &entry));
            leave();
        });
        for (via, command) in orders {
            host.give(&person::name(), via, command).map_err(HostError::from)?;
        }
        let asking =
            self.ask.then(|| Asking::here(person::name(), host.commander(), runtime.handle().clone()));
        let _listed = self.list();
        follow.begin(asking);
        let commits = host.commit_counter();
        let ended = runtime.block_on(host.drive());
        if let Some(path) = std::env::var_os(COMMITS_FILE) {
            let _ = std::fs::write(path, commits.commits().to_string()); // a benchmark misses it
        }
        follow.end(ended.as_ref().ok().map(|(_, state)| state));
        // What still watches agents that go on without us need not be waited for.
        runtime.shutdown_background();
        Ok(ended?)
    }

    /// Lets `consort ps` see from anywhere that this process drives the run.
    fn list(&self) -> Option<Listed> {
        let listed = registry::enter(&state_dir()?, &self.entry());
        listed.map_err(|why| self.out.notice(&format!("`consort ps` will not show this run: {why}"))).ok()
    }

    fn entry(&self) -> Entry {
        Entry::new(self.place.top(), &self.run, &self.dirs.run, &self.dirs.state, self.stays)
    }

    /// Says how it ended and what can be done next; the exit code.
    pub(crate) fn report(&self, outcome: Outcome, state: &State) -> Result<u8, Failure> {
        told(&self.out, &self.place, outcome, state)
    }
}

/// The user's own, whatever a project sets: `consort ps` looks there from anywhere.
fn state_dir() -> Option<PathBuf> {
    places::state_dir(&|name| std::env::var_os(name)).ok()
}

/// Says how a run ended and what can be done next; the exit code.
pub(crate) fn told(out: &Out, place: &Place, outcome: Outcome, state: &State) -> Result<u8, Failure> {
    let out = &out.by_now();
    let over = matches!(outcome, Outcome::Complete | Outcome::Failed);
    let text = if over && state.graph.plan.is_alone() {
        let store = place.places.open_store();
        format!("\n{}", alone::text(&alone::result(state, &store), out))
    } else {
        ending(outcome, &run_view(state), state.graph.plan.once_more(), out)
    };
    if let Err(error) = out.print(&text) {
        // How the run stands is worth more to a script than this.
        out.notice(&error.to_string());
    }
    Ok(exit::of(outcome))
}

/// Tells whoever started this process that the first record is on disk, before anything else is told of it.
fn first(mut starter: Option<Starter>, mut observer: Observer) -> Observer {
    Box::new(move |state, events| {
        if let Some(starter) = starter.take() {
            starter.told();
        }
        observer(state, events);
    })
}

/// This process's environment: agents get of it what their plan names.
fn environment() -> BTreeMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// The last words about a run in this process.
fn ending(outcome: Outcome, view: &RunView, once_more: &str, out: &Out) -> String {
    let run = &view.id;
    let took = duration_text(view.elapsed_ms(now()));
    let mut text = String::from("\n");
    let mut say = |line: String| {
        text += &line;
        text.push('\n');
    };
    match outcome {
        Outcome::Complete => {
            let good = out.stdout.good("COMPLETE");
            let calls = match view.calls.used {
                1 => "1 agent call".to_owned(),
                n => format!("{n} agent calls"),
            };
            say(format!("{good} in {took}: {}, {calls}, cost {}", tasks_text(view), view.cost.text));
            complete(view, &mut say);
        }
        Outcome::Failed | Outcome::Stopped => {
            say(format!("{} after {took}", out.stdout.error("FAILED")));
            for blocker in &view.blockers {
                say(format!("  {}", blocker.description));
            }
            say(format!("  why:         consort show {run}"));
            say(format!("  once more:   {once_more}"));
        }
        Outcome::Cancelled => {
            say(format!(
                "{} after {took}; what was accepted is kept on its branch",
                out.stdout.error("CANCELLED")
            ));
        }
        Outcome::Waiting | Outcome::OverBudget => {
            let why =
                if outcome == Outcome::Waiting { "for an answer" } else { "for a decision about its budget" };
            say(format!("{} {why}: run {run} can go on only then", out.stdout.warning("WAITING")));
            let width = if out.stdout_tty { terminal::size().0.min(120) } else { 120 };
            let open = approvals::open(view, width);
            if open.is_empty() && view.status == "PAUSED" {
                say("  it is paused: nothing new starts".into());
            }
            say(open.trim_end().to_owned());
            say(format!("  then:  consort resume {run}"));
        }
        Outcome::Interrupted { running } => {
            say(format!("{}: all that was accepted is kept", out.stdout.warning("INTERRUPTED")));
            if running {
                let live = view.calls.live;
                let agents = if live == 1 { "1 agent goes".into() } else { format!("{live} agents go") };
                say(format!("  {agents} on under a supervisor; a resume finds what they did"));
            }
            say(format!("  go on:  consort resume {run}"));
        }
    }
    text
}

/// Of a complete run: what was not accepted was skipped.
fn tasks_text(view: &RunView) -> String {
    let accepted = view.agents().filter(|task| task.revision.is_some()).count();
    let text = if accepted == 1 { "1 task accepted".into() } else { format!("{accepted} tasks accepted") };
    match view.agents().count() - accepted {
        0 => text,
        skipped => format!("{text}, {skipped} skipped"),
    }
}

fn complete(view: &RunView, say: &mut impl FnMut(String)) {
    let run = &view.id;
    if view.rehearsal {
        say("  this was a rehearsal: players stood in for the agents, and every artifact says so".into());
    }
    let last = view.checkpoints.iter().rev().find_map(|c| Some((&c.id, c.revision.as_ref()?)));
    if let Some((id, revision)) = last.filter(|(_, r)| !r.starts_with("plain:")) {
        say(format!("  result:      branch consort/{run}/run ({id}, {})", short(revision)));
        say(format!("  bring it in: consort integrate {run} --dry-run"));
    } else if let Some((id, _)) = last {
        say(format!("  result:      {id}, in .consort/runs/{run}"));
    }
    say(format!("  check it:    consort verify {run}"));
}

/// A commit id as people read it.
pub(crate) fn short(revision: &str) -> &str {
    revision.get(..12).unwrap_or(revision)
}

/// Where a person's own table of prices lies, beside the settings.
pub(crate) fn own_prices(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let given = |name: &str| env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = given("XDG_CONFIG_HOME").or_else(|| given("HOME").map(|home| home.join(".config")))?;
    Some(config.join("consort").join(consort_worker::agents::prices::PRICES))
}
