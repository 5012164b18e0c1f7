//! Which runs are being driven now, in all repositories of a user: one small file each.
//!
//! `<state dir>/consort/live/<hash of the run's directory>.json`, with the state directory of the user and not of a
//! project, so that whoever looks finds it from anywhere. A runner writes it once it holds the lock and takes it away at
//! its end. One that is left behind is known by the lock of its run, which nobody holds: that runner died.

use consort_core::ids::RunId;
use consort_core::run::ProcessIdentity;
use consort_core::time::Timestamp;
use consort_worker::store::Store;
use consort_worker::{durable, os};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Folder below the state directory.
const DIR: &str = "consort/live";
/// Format of the files.
const FORMAT: u32 = 1;
/// No such file is larger, in bytes.
const BYTES_MAX: u64 = 16 << 10;

/// One runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    format: u32,
    /// Top of the main worktree, or the plain directory.
    pub top: PathBuf,
    /// Which run.
    pub run: RunId,
    /// `.consort/runs/<run>`.
    pub run_dir: PathBuf,
    /// Where its workspaces and attempts lie.
    pub state: PathBuf,
    /// Who drives it.
    pub runner: Option<ProcessIdentity>,
    /// Since when.
    pub since: Timestamp,
    /// A process of its own, without a terminal.
    pub detached: bool,
}

impl Entry {
    /// For this process.
    pub fn new(top: &Path, run: &RunId, run_dir: &Path, state: &Path, detached: bool) -> Self {
        Self {
            format: FORMAT,
            top: top.to_owned(),
            run: run.clone(),
            run_dir: run_dir.to_owned(),
            state: state.to_owned(),
            runner: os::own_identity(),
            since: Timestamp(jiff::Timestamp::now().as_millisecond()),
            detached,
        }
    }
}

/// An entry of this process: gone when this is dropped.
#[derive(Debug)]
pub struct Listed {
    path: PathBuf,
    runner: Option<ProcessIdentity>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        // Another runner may have the run by now, and its entry is its own.
        if read(&self.path).is_some_and(|entry| entry.runner == self.runner) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Says that this process drives the run. `state_dir` is the user's.
///
/// # Errors
/// It cannot be written: then the run is driven all the same, and is not seen from elsewhere.
pub fn enter(state_dir: &Path, entry: &Entry) -> io::Result<Listed> {
    Ok(Listed { path: write(state_dir, entry)?, runner: entry.runner.clone() })
}

/// Says of a run that is listed already that it goes on without its terminal.
///
/// # Errors
/// It cannot be written.
pub fn left_terminal(state_dir: &Path, entry: &Entry) -> io::Result<()> {
    write(state_dir, &Entry { detached: true, ..entry.clone() }).map(drop)
}

fn write(state_dir: &Path, entry: &Entry) -> io::Result<PathBuf> {
    let dir = state_dir.join(DIR);
    durable::create_dirs(&dir)?;
    let path = path(&dir, &entry.run_dir);
    durable::write(&path, &serde_json::to_vec_pretty(entry)?, 0o600)?;
    Ok(path)
}

/// All entries, also of runners that have died.
pub fn all(state_dir: &Path) -> Vec<Entry> {
    let Ok(entries) = std::fs::read_dir(state_dir.join(DIR)) else { return Vec::new() };
    let named = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"));
    let mut all: Vec<Entry> = named.filter_map(|path| read(&path)).collect();
    all.sort_by(|a, b| (&a.top, a.since, &a.run.0).cmp(&(&b.top, b.since, &b.run.0)));
    all
}

/// Takes away the entry of a runner that is gone and of which nothing is left to tell.
pub fn forget(state_dir: &Path, entry: &Entry) {
    let path = path(&state_dir.join(DIR), &entry.run_dir);
    if read(&path).as_ref() == Some(entry) {
        let _ = std::fs::remove_file(path);
    }
}

fn path(dir: &Path, run_dir: &Path) -> PathBuf {
    let hash = Store::hash_of(run_dir.as_os_str().as_bytes());
    dir.join(format!("{}.json", &hash.as_str()[..16]))
}

fn read(path: &Path) -> Option<Entry> {
    let small = std::fs::symlink_metadata(path).ok()?;
    let bytes =
        if small.is_file() && small.len() <= BYTES_MAX { std::fs::read(path).ok()? } else { return None };
    serde_json::from_slice::<Entry>(&bytes).ok().filter(|entry| entry.format <= FORMAT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_goes_with_its_runner_and_only_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let run_dir = dir.path().join("repo/.consort/runs/a");
        let entry = Entry::new(dir.path(), &RunId("a".into()), &run_dir, dir.path(), true);
        let listed = enter(dir.path(), &entry).unwrap();
        assert_eq!(all(dir.path()), std::slice::from_ref(&entry));
        // Another runner took the run over: what is dropped late is not its entry.
        let mut other = entry.clone();
        other.runner.as_mut().unwrap().pid += 1;
        let _other = std::mem::ManuallyDrop::new(enter(dir.path(), &other).unwrap());
        drop(listed);
        assert_eq!(all(dir.path()), std::slice::from_ref(&other));
        forget(dir.path(), &entry);
        assert_eq!(all(dir.path()), std::slice::from_ref(&other));
        forget(dir.path(), &other);
        assert!(all(dir.path()).is_empty());
    }

    #[test]
    fn what_is_no_entry_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let live = dir.path().join(DIR);
        std::fs::create_dir_all(&live).unwrap();
        std::fs::write(live.join("x.json"), "{").unwrap();
        std::fs::write(live.join("y.txt"), "{}").unwrap();
        std::fs::create_dir(live.join("z.json")).unwrap();
        assert!(all(dir.path()).is_empty());
    }
}
