//! Where everything happens: a directory of its own outside the checkout, and processes whose wall and
//! CPU time are taken.
#![allow(clippy::disallowed_types, reason = "a benchmark starts the programs that it compares")]

use super::table::Missed;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often each side is measured; the median counts.
pub(crate) const TIMES: usize = 5;

/// What a process and its children took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Took {
    /// By the clock on the wall.
    pub(crate) wall: Duration,
    /// User and system, all waited-for descendants, in steps of 10 ms.
    pub(crate) cpu: Duration,
}

/// See the module.
pub(crate) struct Stage {
    dir: tempfile::TempDir,
    /// The binary that is measured.
    pub(crate) consort: PathBuf,
}

impl Stage {
    /// `BENCH_DIR` says where; otherwise `/var/tmp`, because `/tmp` is often memory, where a flush
    /// costs nothing. The disk is part of the result.
    pub(crate) fn open() -> Result<Self, Missed> {
        let above = std::env::var_os("BENCH_DIR").unwrap_or_else(|| "/var/tmp".into());
        let dir = tempfile::tempdir_in(above)?;
        let consort = std::env::current_exe()?.with_file_name("consort");
        if !consort.is_file() {
            return Err(format!("{} is not there: run `just bench`", consort.display()).into());
        }
        Ok(Self { dir, consort })
    }

    /// A new empty directory.
    pub(crate) fn fresh(&self, name: &str) -> Result<PathBuf, Missed> {
        let dir = (1..).map(|n| self.dir.path().join(format!("{name}-{n}"))).find(|dir| !dir.exists());
        let dir = dir.ok_or("no name is left")?;
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// `consort` in this directory, its state beside it, nothing on its standard streams.
    pub(crate) fn consort(&self, dir: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(&self.consort);
        command.args(args).current_dir(dir).env("CONSORT_STATE_DIR", state_of(dir)).stdin(Stdio::null());
        command
    }
}

/// Where a run in this directory keeps its state.
pub(crate) fn state_of(dir: &Path) -> PathBuf {
    dir.with_extension("state")
}

/// Runs it to its end; it must end with 0.
pub(crate) fn timed(command: &mut Command) -> Result<Took, Missed> {
    let log = tempfile::NamedTempFile::new()?;
    command.stdout(Stdio::null()).stderr(log.reopen()?);
    let (cpu, began) = (children_cpu(), Instant::now());
    let status = command.status()?;
    let wall = began.elapsed();
    if !status.success() {
        let said = fs::read_to_string(log.path())?;
        return Err(format!("{command:?} ended with {status}: {}", said.trim()).into());
    }
    Ok(Took { wall, cpu: children_cpu().saturating_sub(cpu) })
}

/// CPU time of all children that were waited for, and theirs: fields 16 and 17 of /proc/self/stat.
fn children_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(13).take(2).filter_map(|n| n.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// So many appends of one page, each followed by `fdatasync`.
pub(crate) fn flushes(dir: &Path, count: u64) -> Result<Duration, Missed> {
    let mut file = File::create(dir.join("flushed"))?;
    let page = [7u8; 4096];
    let began = Instant::now();
    for _ in 0..count {
        file.write_all(&page)?;
        file.sync_data()?;
    }
    Ok(began.elapsed())
}

/// Files below a directory whose names do not begin with a dot.
pub(crate) fn files_below(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let count = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files_below(&entry.path()),
        _ => u64::from(!entry.file_name().as_encoded_bytes().starts_with(b".")),
    };
    entries.flatten().map(count).sum()
}

/// The repository's `bench/`.
pub(crate) fn workflow(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bench").join(name)
}

/// In milliseconds.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
