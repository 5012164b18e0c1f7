//! What became of an attempt, for the runner that started it and for every later one.

use super::claim::{self, Claim};
use super::conduct::FAMILY;
use super::files::{self, Durable};
use super::spawn;
use super::spec::ExitRecord;
use super::supervise::STOP;
use crate::drill;
use crate::os::{self, Ending, Family};
use consort_core::run::{ProcessIdentity, StopWhy};
use rustix::process::Signal;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is there of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// Its supervisor lives.
    Alive(ProcessIdentity),
    /// Its record is there.
    Ended(Box<ExitRecord>),
    /// Nobody had claimed it, and now nobody can.
    NoTrace,
    /// It was claimed, and there is neither process nor record: it may have run.
    Vanished,
}

/// How a watch ended: as [`Looked`], but not alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Its record is there.
    Ended(Box<ExitRecord>),
    /// It never ran and never will.
    NoTrace,
    /// It may have run.
    Vanished,
}

/// It could not be found out; that is never an answer.
#[derive(Debug, thiserror::Error)]
#[error("the attempt's directory `{}` cannot be read or written: {source}; free space or mend its permissions, then resume the run", dir.display())]
pub struct LookError {
    /// Where.
    pub dir: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Says what is there, and makes it final: an attempt without a claim is claimed, so that nobody
/// can start it later; what a dead supervisor left running is killed (at most some seconds).
pub fn look(dir: &Path) -> Result<Looked, LookError> {
    spawn::reap_supervisors();
    look_at(dir).map_err(|source| LookError { dir: dir.to_owned(), source })
}

fn look_at(dir: &Path) -> io::Result<Looked> {
    if let Some(record) = ExitRecord::read(dir)? {
        return Ok(Looked::Ended(Box::new(record)));
    }
    let holder = match claim::holder(dir)? {
        Some(holder) => holder,
        None => {
            files::make_private_dir(dir)?;
            drill::site("look.reap.before");
            if claim::contend(dir, &Claim::Reaped, Durable::Yes)? {
                drill::site("look.reap.after");
                return Ok(Looked::NoTrace);
            }
            // Somebody was faster, and a claim is whole from its first moment on.
            claim::holder(dir)?.unwrap_or(Claim::Unreadable)
        }
    };
    let who = match holder {
        Claim::Reaped => return Ok(Looked::NoTrace),
        Claim::Unreadable => return Ok(Looked::Vanished),
        Claim::Supervisor(who) | Claim::Direct(who) => who,
    };
    if os::is_alive(&who) {
        return Ok(Looked::Alive(who));
    }
    // It may have written its record between our two looks.
    if let Some(record) = ExitRecord::read(dir)? {
        return Ok(Looked::Ended(Box::new(record)));
    }
    end_leftovers(dir, &who)?;
    Ok(Looked::Vanished)
}

/// Kills what a dead supervisor left, found by its family and by its mark. Before anybody hears that the attempt
/// vanished, because then it may be tried again.
fn end_leftovers(dir: &Path, who: &ProcessIdentity) -> io::Result<()> {
    if os::own_identity().is_none_or(|me| me.boot_id != who.boot_id) {
        return Ok(());
    }
    let path = files::read(&dir.join(FAMILY), 4096)?.unwrap_or_default();
    let family = Family::at(&String::from_utf8_lossy(&path), who);
    let give_up = Instant::now() + Duration::from_secs(5);
    // Twice nothing: a process that forks while the table is read can hide once.
    let mut nothing = 0;
    while nothing < 2 {
        let mut left = os::marked(&spawn::marker_entry(who));
        if let Some(family) = &family {
            family.kill();
            left.extend(family.members());
        }
        let Some(first) = left.first() else {
            nothing += 1;
            continue;
        };
        nothing = 0;
        if Instant::now() >= give_up {
            return Err(io::Error::other(format!("process {} of it cannot be killed", first.pid)));
        }
        for process in &left {
            os::signal(process, Signal::KILL)?;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    family.iter().for_each(Family::remove);
    Ok(())
}

/// Waits until the attempt is over. May be dropped and called again, by anybody.
pub async fn watch(dir: &Path) -> Result<Watched, LookError> {
    loop {
        let error = |source| LookError { dir: dir.to_owned(), source };
        let path = dir.to_owned();
        // A look may block, for seconds if something has to be killed.
        let looked = tokio::task::spawn_blocking(move || look(&path)).await;
        let who = match looked.map_err(|failed| error(io::Error::other(failed)))?? {
            Looked::Ended(record) => return Ok(Watched::Ended(record)),
            Looked::NoTrace => return Ok(Watched::NoTrace),
            Looked::Vanished => return Ok(Watched::Vanished),
            Looked::Alive(who) => who,
        };
        let wait = async { Ending::of(&who)?.wait().await };
        wait.await.map_err(error)?;
    }
}

/// Tells a living attempt to end; the first reason that is given stays. Answers what was there:
/// `Alive` was told and is to be watched, everything else is over. Doing it again does no harm.
/// What [`super::run_direct`] runs is stopped by its `cancel`, not by this.
pub fn stop(dir: &Path, why: StopWhy) -> Result<Looked, LookError> {
    let looked = look(dir)?;
    if matches!(looked, Looked::Alive(_)) {
        tell(dir, why).map_err(|source| LookError { dir: dir.to_owned(), source })?;
    }
    Ok(looked)
}

fn tell(dir: &Path, why: StopWhy) -> io::Result<()> {
    let Some(Claim::Supervisor(who)) = claim::holder(dir)? else {
        // A runner runs it itself, and a runner is not stopped for one of its attempts: it has
        // the means to cancel it.
        return Ok(());
    };
    drill::site("stop.file.before");
    files::create(dir, STOP, &serde_json::to_vec(&why)?, Durable::No)?;
    drill::site("stop.file.after");
    os::signal(&who, Signal::TERM)?;
    drill::site("stop.signal.after");
    Ok(())
}
