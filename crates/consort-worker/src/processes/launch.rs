//! Starting a supervisor.

use super::claim::parse_identity;
use super::spec::ProcessSpec;
use super::supervise::{CLAIMED, STARTED};
use super::{files, spawn};
use crate::drill;
use consort_core::run::ProcessIdentity;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Why nothing was started. Only [`LaunchError::Claimed`] and [`LaunchError::Died`] leave a doubt:
/// then [`super::look`] says what is there.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The attempt's directory could not be prepared.
    #[error("the attempt's directory `{}` cannot be written: {source}; free space or mend its permissions, then resume the run", dir.display())]
    Prepare {
        /// Where.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The supervisor's program does not start.
    #[error(
        "the supervisor `{program}` cannot be started: {source}; if consort was replaced while it ran, resume the run with the new one"
    )]
    Spawn {
        /// Its program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// Somebody else has claimed this attempt.
    #[error("the attempt in `{}` is claimed already: it was started before, or given up", dir.display())]
    Claimed {
        /// Where.
        dir: PathBuf,
    },
    /// The supervisor ended before it said that it had the claim.
    #[error("the supervisor in `{}` ended before it could start anything{}", dir.display(), said(said_last))]
    Died {
        /// Where.
        dir: PathBuf,
        /// The end of what it said.
        said_last: String,
    },
}

fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(", saying: {text}") }
}

/// Writes the specification and starts a supervisor for it: `supervisor` is its command without
/// the last argument, which is `dir`; its program is an absolute path or found in `PATH`.
/// `slot` is a lock that the supervisor is to hold as long as it lives.
/// Returns the supervisor's identity once it has the claim. Blocks for some milliseconds, mostly
/// on the disk.
pub fn launch(
    dir: &Path,
    spec: &ProcessSpec,
    supervisor: &[OsString],
    slot: Option<File>,
) -> Result<ProcessIdentity, LaunchError> {
    spawn::reap_supervisors();
    let prepare = |source| LaunchError::Prepare { dir: dir.to_owned(), source };
    let dir = std::path::absolute(dir).map_err(prepare)?;
    drill::site("launch.spec.before");
    files::make_private_dir(&dir).and_then(|()| spec.write(&dir)).map_err(prepare)?;
    drill::site("launch.spec.after");
    let stdout = spawn::supervisor(supervisor, &dir, slot).map_err(|source| LaunchError::Spawn {
        program: supervisor.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default(),
        source,
    })?;
    drill::site("launch.spawn.after");
    let line = spawn::first_line(stdout);
    drill::site("launch.started.after");
    if let Some(identity) = line.strip_prefix(STARTED).and_then(parse_identity) {
        return Ok(identity);
    }
    if line == CLAIMED {
        return Err(LaunchError::Claimed { dir });
    }
    let log = files::read(&dir.join("supervisor.log"), 1000).ok().flatten().unwrap_or_default();
    Err(LaunchError::Died { said_last: String::from_utf8_lossy(&log).trim().to_owned(), dir })
}
