//! What a supervisor is told, and what it tells in the end. Both are JSON files in the
//! attempt's directory: `spec.json` and `exit.json`.

use super::files::{self, Durable};
use consort_core::ids::AttemptId;
use consort_core::run::Exit;
use consort_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes of each stream that a record keeps.
pub const TAIL_BYTES: usize = 4096;

/// Version of the two files.
pub const FORMAT: u32 = 1;

const SPEC: &str = "spec.json";
const RECORD: &str = "exit.json";
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Everything that is needed to run one agent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessSpec {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Program and arguments. A program without a slash is looked up in `PATH` of `env`.
    pub argv: Vec<String>,
    /// Where it runs. Must exist.
    pub cwd: PathBuf,
    /// The whole environment: nothing is inherited. One entry is added, [`super::MARKER`].
    pub env: BTreeMap<String, String>,
    /// A file to read as standard input; `/dev/null` if there is none.
    pub stdin: Option<PathBuf>,
    /// It is stopped after this long, in milliseconds, even if the runner is dead.
    pub wall_ms_max: u64,
    /// Between asking it to end and killing it, in milliseconds.
    pub grace_ms: u64,
    /// Of each stream, in bytes; what follows is counted and dropped.
    pub output_bytes_max: u64,
    /// When this directory is gone, or another is in its place, everything ends.
    pub run_dir: PathBuf,
}

impl std::fmt::Debug for ProcessSpec {
    /// Without the values of the environment: they may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessSpec")
            .field("attempt", &self.attempt)
            .field("argv", &self.argv)
            .field("cwd", &self.cwd)
            .field("env", &self.env.keys())
            .field("wall_ms_max", &self.wall_ms_max)
            .finish_non_exhaustive()
    }
}

/// How an attempt's process ended, as its supervisor saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// [`FORMAT`].
    pub format: u32,
    /// Which attempt.
    pub attempt: AttemptId,
    /// How the leader ended.
    pub exit: Exit,
    /// From start to end of the leader, in milliseconds.
    pub wall_ms: u64,
    /// When it was started.
    pub started_at: Timestamp,
    /// When all of it was over.
    pub ended_at: Timestamp,
    /// Processes that outlived the leader and were told to end.
    pub leaked: u32,
    /// Processes that could not be killed.
    pub survivors: u32,
    /// Standard output.
    pub stdout: StreamRecord,
    /// Standard error.
    pub stderr: StreamRecord,
}

/// What came out of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRecord {
    /// Bytes that were read.
    pub bytes: u64,
    /// Bytes that are in the log.
    pub kept: u64,
    /// True if the log lacks some of them.
    pub truncated: bool,
    /// True if somebody still held the stream open when it was given up.
    pub held_open: bool,
    /// The last [`TAIL_BYTES`], whatever is not UTF-8 replaced by U+FFFD.
    pub tail: String,
    /// Why the log is not complete, if it could not be written.
    pub log_error: Option<String>,
}

/// Files of an attempt that a spec or a record is read from and written to.
impl ProcessSpec {
    pub(crate) fn write(&self, dir: &Path) -> io::Result<()> {
        files::replace(dir, SPEC, &serde_json::to_vec_pretty(self)?, Durable::Yes)
    }

    pub(crate) fn read(dir: &Path) -> io::Result<Self> {
        let bytes = files::read(&dir.join(SPEC), FILE_BYTES_MAX)?
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no {SPEC}")))?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

impl ExitRecord {
    /// The record of something that never began.
    pub(crate) fn of_nothing(spec: &ProcessSpec, exit: Exit, at: Timestamp) -> Self {
        Self {
            format: FORMAT,
            attempt: spec.attempt.clone(),
            exit,
            wall_ms: 0,
            started_at: at,
            ended_at: at,
            leaked: 0,
            survivors: 0,
            stdout: StreamRecord::default(),
            stderr: StreamRecord::default(),
        }
    }

    pub(crate) fn write(&self, dir: &Path, durable: Durable) -> io::Result<()> {
        files::replace(dir, RECORD, &serde_json::to_vec_pretty(self)?, durable)
    }

    /// The record of an attempt; `None` if there is none, or none that makes sense: then nobody
    /// knows how it ended.
    pub(crate) fn read(dir: &Path) -> io::Result<Option<Self>> {
        let bytes = files::read(&dir.join(RECORD), FILE_BYTES_MAX)?;
        let record = bytes.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        Ok(record.filter(|record| record.format == FORMAT))
    }
}
