//! The body of the hidden verb `supervise`.

use super::claim::{self, Claim, identity_text};
use super::conduct::{self, Scope, Told};
use super::files::{self, Durable};
use super::spec::{ExitRecord, ProcessSpec};
use crate::{drill, os};
use consort_core::planted::Bug;
use consort_core::run::{Exit, StopWhy};
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What the supervisor says to its launcher in one line.
pub(super) const STARTED: &str = "started ";
pub(super) const CLAIMED: &str = "claimed";

pub(super) const STOP: &str = "stop";

/// For so long a record that cannot be written (a full disk) is tried again, once a second.
const RECORD_TRIES: u32 = 300;

/// Runs the attempt whose directory this is, if nobody has claimed it yet. Returns when all of
/// its processes are gone and its record is on disk.
pub fn supervise(dir: &Path) -> ExitCode {
    match prepare().and_then(|runtime| runtime.block_on(run(dir))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: cannot supervise: {error}", dir.display());
            ExitCode::FAILURE
        }
    }
}

/// Makes this process what a supervisor must be, whatever it was started from. Rust's own start
/// of a program has emptied the signal mask before this one began.
fn prepare() -> io::Result<tokio::runtime::Runtime> {
    // EPERM: it leads a group already, because somebody started it by hand in a terminal.
    if let Err(error) = rustix::process::setsid()
        && error != rustix::io::Errno::PERM
    {
        return Err(error.into());
    }
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let hard = rustix::process::getrlimit(Resource::Core).maximum;
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: hard })?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Signals that may have been ignored by whoever started the runner. A handler takes their place,
/// and a handler, unlike a disposition to ignore, is not inherited by the agent.
fn take_signals() -> io::Result<(Signal, Vec<Signal>)> {
    let ignored = [
        SignalKind::interrupt(),
        SignalKind::hangup(),
        SignalKind::quit(),
        SignalKind::alarm(),
        SignalKind::user_defined1(),
        SignalKind::user_defined2(),
        SignalKind::child(),
    ];
    Ok((signal(SignalKind::terminate())?, ignored.into_iter().map(signal).collect::<io::Result<_>>()?))
}

async fn run(dir: &Path) -> io::Result<()> {
    // Before the claim: from then on a SIGTERM must not kill us.
    let (mut terminate, _ignored) = take_signals()?;
    let spec = ProcessSpec::read(dir)?;
    let me = os::own_identity().ok_or_else(|| io::Error::other("/proc cannot be read"))?;
    drill::site("supervisor.claim.before");
    let won = claim::contend(dir, &Claim::Supervisor(me.clone()), Durable::Yes)?;
    if !won && !Bug::StartedAgainAtOpen.is_planted() {
        say(CLAIMED);
        return Ok(());
    }
    drill::site("supervisor.claim.after");
    say(&format!("{STARTED}{}", identity_text(&me)));
    let record = match read_stop(dir) {
        Some(why) => ExitRecord::of_nothing(&spec, Exit::Stopped(why), crate::os::now()),
        None => {
            let told = async {
                terminate.recv().await;
                read_stop(dir).map_or(Told::Terminated, Told::Stop)
            };
            conduct::conduct(&spec, Some(dir), Scope::Tree, told).await
        }
    };
    drill::site("supervisor.record.before");
    for _ in 0..RECORD_TRIES {
        match record.write(dir, Durable::Yes) {
            Ok(()) => {
                drill::site("supervisor.record.after");
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            Err(error) => eprintln!("the exit record cannot be written: {error}"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Err(io::Error::other("the exit record could not be written"))
}

/// To the launcher, which may be dead: then nobody misses it.
fn say(line: &str) {
    let _ = io::stdout().write_all(format!("{line}\n").as_bytes());
    let _ = io::stdout().flush();
}

/// Why it was told to stop, if it was.
pub(super) fn read_stop(dir: &Path) -> Option<StopWhy> {
    let bytes = files::read(&dir.join(STOP), 4096).ok()??;
    serde_json::from_slice(&bytes).ok()
}
