//! `session.json`: what the driver of one session is told before it starts. No secrets are in it:
//! keys are in the environment of the driver and of the agent alone.

use super::port::Begin;
use consort_core::plan::{Caps, Session};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io;
use std::path::{Path, PathBuf};

/// Raised when the shape changes.
pub const BRIEF_VERSION: u32 = 2;

/// The file's name in the control directory.
pub const BRIEF: &str = "session.json";

/// What a driver needs to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brief {
    /// [`BRIEF_VERSION`].
    pub version: u32,
    /// The agent, as in the plan.
    pub session: Session,
    /// Its program by absolute path; `None`: a runtime without one.
    pub program: Option<PathBuf>,
    /// Id for a fresh session, a UUID, where the vendor lets us choose.
    pub id: String,
    /// The session to go on in; `None`: a fresh one.
    pub resume: Option<String>,
    /// True: in a copy of it.
    pub fork: bool,
    /// The file with the first turn's text.
    pub prompt: PathBuf,
    /// Files that whoever has no tools of its own needs to see: path for the eye, path on disk.
    pub attached: Vec<(String, PathBuf)>,
    /// Working directory: the only place where it may write, beside `writable`.
    pub cwd: PathBuf,
    /// Further directories and files that it may write: temporary files.
    pub writable: Vec<PathBuf>,
    /// True for critics and judges: they may not write at all.
    pub read_only: bool,
    /// Its private home directory.
    pub home: PathBuf,
    /// Where the answer goes, and its JSON Schema; `None` if no answer is needed.
    pub answer: Option<(PathBuf, Value)>,
    /// Where the use is written.
    pub usage: PathBuf,
    /// What it may use up.
    pub caps: Caps,
    /// Cap of each log, in bytes.
    pub output_bytes_max: u64,
    /// A file with the log-in of the person's own installation, to be copied into the private home.
    pub login: Option<PathBuf>,
    /// Names of environment variables whose values must not get into a log.
    pub secrets: Vec<String>,
    /// A person's price table beside the built-in one.
    pub prices: Option<PathBuf>,
}

impl Brief {
    /// How its session begins.
    pub fn begin(&self) -> Begin<'_> {
        match &self.resume {
            None => Begin::Fresh,
            Some(id) if self.fork => Begin::Fork(id),
            Some(id) => Begin::Resume(id),
        }
    }

    /// Reads the brief of a control directory.
    ///
    /// # Errors
    /// It is not there, or not one of this version.
    pub fn read(control: &Path) -> io::Result<Self> {
        let brief: Brief = serde_json::from_slice(&std::fs::read(control.join(BRIEF))?)?;
        if brief.version != BRIEF_VERSION {
            let text = format!("{BRIEF} has version {} (this build knows {BRIEF_VERSION})", brief.version);
            return Err(io::Error::other(text));
        }
        Ok(brief)
    }

    /// As bytes of the file.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("strings and lists always serialise")
    }
}
