//! One agent from its start to the end of everything it left behind. Used by supervisors, for
//! the whole tree below them, and by runners, for the agent's process group.

use super::files::{self, Durable};
use super::spawn::{self, Agent};
use super::spec::{ExitRecord, FORMAT, ProcessSpec};
use super::streams::Stream;
use crate::drill;
use crate::os::{self, Ending, Family};
use consort_core::planted::Bug;
use consort_core::run::{Exit, ProcessIdentity, StopWhy};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use std::collections::BTreeSet;
use std::fs::File;
use std::future::Future;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

/// How often the directories are looked after.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A process that ends with its leader, only a moment later, is no leak.
const SETTLE: Duration = Duration::from_millis(100);
/// Between two looks at what is left while it is being ended.
const SWEEP_EVERY: Duration = Duration::from_millis(20);
/// What cannot be killed within this time never will be.
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// For the last bytes of a stream when all processes are gone.
const LAST_BYTES: Duration = Duration::from_millis(300);

/// In an attempt's directory: where its family is.
pub(super) const FAMILY: &str = "cgroup";

/// How far this process is responsible.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// For all that descends from it: it is a child subreaper and does nothing else.
    Tree,
    /// For the agent's process group.
    Group,
}

/// Why an agent is ended before its time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Somebody said so.
    Stop(StopWhy),
    /// Somebody outside sent SIGTERM without saying why: it counts as the agent's death by it,
    /// whatever the agent makes of it.
    Terminated,
}

/// A directory that must stay what it is. It is held open, so that its number cannot be given to
/// another one that takes its place.
struct Anchor {
    path: PathBuf,
    held: File,
}

impl Anchor {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), held: File::open(path)? })
    }

    fn holds(&self) -> bool {
        let (Ok(held), Ok(there)) = (self.held.metadata(), std::fs::metadata(&self.path)) else {
            return false;
        };
        there.is_dir() && (held.dev(), held.ino()) == (there.dev(), there.ino())
    }
}

/// Runs the agent. With `dir` its output goes to `stdout.log` and `stderr.log` there, and that
/// directory must stay too. `told` is polled no more after its first answer.
pub(super) async fn conduct(
    spec: &ProcessSpec,
    dir: Option<&Path>,
    scope: Scope,
    told: impl Future<Output = Told>,
) -> ExitRecord {
    let started_at = os::now();
    let (anchors, agent) = match hold(spec, dir).and_then(|anchors| Ok((anchors, start(spec, scope)?))) {
        Ok(parts) => parts,
        Err(exit) => return ExitRecord::of_nothing(spec, exit, started_at),
    };
    let family = dir.filter(|_| scope == Scope::Tree).and_then(|dir| adopt(dir, agent.pid));
    let mut leader = Leader {
        pid: agent.pid,
        identity: agent.identity,
        family,
        started: Instant::now(),
        waited_for: false,
    };
    let streams = [(agent.stdout, "stdout.log"), (agent.stderr, "stderr.log")]
        .map(|(pipe, log)| Stream::new(pipe, dir.map(|dir| dir.join(log)), spec.output_bytes_max));
    let (ending, [mut stdout, mut stderr]) = match (Ending::of_child(leader.pid), streams) {
        (Ok(ending), [Ok(stdout), Ok(stderr)]) => (ending, [stdout, stderr]),
        (Err(error), _) | (_, [Err(error), _] | [_, Err(error)]) => {
            drop(leader);
            let why = format!("it was started, could not be watched and was killed at once: {error}");
            return ExitRecord::of_nothing(spec, Exit::NotStarted(why), started_at);
        }
    };
    let life = live(spec, scope, &mut leader, &ending, &anchors, told);
    let life = beside(life, async { tokio::join!(stdout.drain(), stderr.drain()) }).await;
    ExitRecord {
        format: FORMAT,
        attempt: spec.attempt.clone(),
        exit: life.exit,
        wall_ms: u64::try_from(life.wall.as_millis()).unwrap_or(u64::MAX),
        started_at,
        ended_at: os::now(),
        leaked: life.leaked,
        survivors: life.survivors,
        stdout: stdout.finish(),
        stderr: stderr.finish(),
    }
}

/// Holds the directories without which nothing may run.
fn hold(spec: &ProcessSpec, dir: Option<&Path>) -> Result<Vec<Anchor>, Exit> {
    let anchors = std::iter::once(spec.run_dir.as_path()).chain(dir).map(Anchor::new);
    anchors.collect::<io::Result<_>>().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Exit::Stopped(StopWhy::Orphaned),
        _ => Exit::NotStarted(format!("the run's directory cannot be read: {error}")),
    })
}

fn start(spec: &ProcessSpec, scope: Scope) -> Result<Agent, Exit> {
    let me = os::own_identity()
        .ok_or_else(|| Exit::NotStarted("/proc cannot be read: run `consort doctor`".into()))?;
    if scope == Scope::Tree {
        drill::site("supervisor.spawn.before");
    }
    let agent = spawn::agent(spec, &me).map_err(Exit::NotStarted)?;
    if scope == Scope::Tree {
        drill::site("supervisor.spawn.after");
    }
    Ok(agent)
}

/// Holds the agent in a family of its own, where the kernel knows one. What it started before it was in
/// comes after it.
fn adopt(dir: &Path, agent: Pid) -> Option<Family> {
    let family = Family::of(&os::own_identity()?)?;
    // Before the group: whoever comes after us knows where to look.
    let path = family.path().to_str()?;
    files::create(dir, FAMILY, path.as_bytes(), Durable::No).ok()?;
    family.make().ok()?;
    family.take(agent.as_raw_pid());
    for process in os::descendants() {
        family.take(process.pid);
    }
    Some(family)
}

/// Drains the streams for as long as the agent lives, and a moment longer.
async fn beside<L, S>(life: impl Future<Output = L>, streams: impl Future<Output = S>) -> L {
    let (mut life, mut streams) = (pin!(life), pin!(streams));
    let mut open = true;
    let life = loop {
        tokio::select! {
            life = &mut life => break life,
            _ = &mut streams, if open => open = false,
        }
    };
    if open {
        // All that we know of is dead. Whoever still holds a stream does not hold us.
        let _ = tokio::time::timeout(LAST_BYTES, streams).await;
    }
    life
}

struct Leader {
    pid: Pid,
    identity: ProcessIdentity,
    family: Option<Family>,
    started: Instant,
    waited_for: bool,
}

impl Drop for Leader {
    /// Whoever gives up following an agent does not leave it running.
    fn drop(&mut self) {
        if !self.waited_for {
            self.family.iter().for_each(Family::kill);
            spawn::signal_group(self.pid, Signal::KILL);
            // It is dead in no time, unless the kernel holds it: then it stays a zombie.
            for _ in 0..50 {
                match rustix::process::waitpid(Some(self.pid), WaitOptions::NOHANG) {
                    Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                    _ => break,
                }
            }
        }
    }
}

struct Life {
    exit: Exit,
    wall: Duration,
    leaked: u32,
    survivors: u32,
}

/// A moment so far away that nobody lives to see it.
fn after(start: Instant, ms: u64) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    start.checked_add(Duration::from_millis(ms).min(100 * YEAR)).unwrap_or(start + YEAR)
}

/// Waits for the leader, ends it when its time is up or somebody says so, then ends the rest.
async fn live(
    spec: &ProcessSpec,
    scope: Scope,
    leader: &mut Leader,
    ending: &Ending,
    anchors: &[Anchor],
    told: impl Future<Output = Told>,
) -> Life {
    let mut told = pin!(told);
    let mut looks = tokio::time::interval_at(leader.started + LOOK_EVERY, LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let wall_end = after(leader.started, spec.wall_ms_max);
    let mut stopping: Option<(Told, Instant)> = None;
    let mut killed = false;
    loop {
        let kill_at = stopping.map_or(wall_end, |(_, kill_at)| kill_at);
        let why = tokio::select! {
            biased;
            _ = ending.wait() => break,
            why = &mut told, if stopping.is_none() => why,
            () = tokio::time::sleep_until(wall_end), if stopping.is_none() => Told::Stop(StopWhy::TimedOut),
            () = tokio::time::sleep_until(kill_at), if stopping.is_some() && !killed => {
                spawn::signal_group(leader.pid, Signal::KILL);
                killed = true;
                continue;
            }
            _ = looks.tick() => {
                if scope == Scope::Tree {
                    os::reap_adopted(Some(leader.pid));
                }
                if stopping.is_some() || anchors.iter().all(Anchor::holds) {
                    continue;
                }
                Told::Stop(StopWhy::Orphaned)
            }
        };
        stopping = Some((why, after(Instant::now(), spec.grace_ms)));
        // A stopped process could not answer.
        spawn::signal_group(leader.pid, Signal::TERM);
        spawn::signal_group(leader.pid, Signal::CONT);
    }
    let status = reap(leader.pid).await;
    leader.waited_for = true;
    let wall = leader.started.elapsed();
    if scope == Scope::Tree {
        drill::site("supervisor.sweep.before");
    }
    let kill_at = stopping.map_or_else(|| after(Instant::now(), spec.grace_ms), |(_, kill_at)| kill_at);
    let (leaked, survivors) = match Bug::GroupNotKilled.is_planted() {
        true => (0, 0),
        false => sweep(scope, leader, kill_at).await,
    };
    if scope == Scope::Tree {
        drill::site("supervisor.sweep.after");
    }
    let exit = match stopping {
        Some((Told::Stop(why), _)) => Exit::Stopped(why),
        Some((Told::Terminated, _)) => Exit::Signal(Signal::TERM.as_raw()),
        None => exit_of(status),
    };
    Life { exit, wall, leaked, survivors }
}

/// Waits for a child that has ended or is about to.
async fn reap(child: Pid) -> Option<WaitStatus> {
    loop {
        match rustix::process::waitpid(Some(child), WaitOptions::NOHANG) {
            Ok(Some((_, status))) => return Some(status),
            Ok(None) | Err(rustix::io::Errno::INTR) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(_) => return None,
        }
    }
}

fn exit_of(status: Option<WaitStatus>) -> Exit {
    match status.map(|status| (status.exit_status(), status.terminating_signal())) {
        Some((Some(code), _)) => Exit::Code(code),
        Some((_, Some(signal))) => Exit::Signal(signal),
        // Somebody else waited for our child: its status is lost, and a lost one is no success.
        _ => Exit::Signal(Signal::KILL.as_raw()),
    }
}

/// What is left after the leader's end; `None` once there is nothing any more.
fn left(scope: Scope, leader: &Leader) -> Option<Vec<ProcessIdentity>> {
    match scope {
        // "No child" is the kernel's word, and the table only says whom to signal: a process
        // that forks all the time can slip through one reading of it, but not through both.
        Scope::Tree => {
            let members = || leader.family.as_ref().map(Family::members).unwrap_or_default();
            match os::reap_adopted(None) {
                true => Some(os::descendants()),
                false => Some(members()).filter(|left| !left.is_empty()),
            }
        }
        Scope::Group => match rustix::process::test_kill_process_group(leader.pid) {
            Err(rustix::io::Errno::SRCH) => None,
            _ => Some(os::group_members(&leader.identity)).filter(|left| !left.is_empty()),
        },
    }
}

/// Ends what the leader left behind: asks first, kills from `kill_at` on. Counts those that were
/// there, and those that stay.
async fn sweep(scope: Scope, leader: &Leader, kill_at: Instant) -> (u32, u32) {
    let settled = Instant::now() + SETTLE;
    let give_up = kill_at.max(settled) + KILL_LIMIT;
    let mut asked = BTreeSet::new();
    loop {
        let Some(left) = left(scope, leader) else {
            leader.family.iter().for_each(Family::remove);
            return (count(asked.len()), 0);
        };
        let now = Instant::now();
        if now >= settled {
            for process in &left {
                let first = asked.insert((process.pid, process.start_ticks));
                if now >= kill_at {
                    let _ = os::signal(process, Signal::KILL);
                } else if first {
                    let _ = os::signal(process, Signal::TERM);
                    let _ = os::signal(process, Signal::CONT);
                }
            }
            if now >= kill_at {
                leader.family.iter().for_each(Family::kill);
            }
        }
        if now >= give_up {
            return (count(asked.len()), count(left.len()));
        }
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
