//! Where things are, and which runs exist.
//!
//! ```text
//! <top>/.consort/                     ignores itself
//!   runs/<run>/journal.db, lock, inbox/
//!   store/abcdef…
//! <state dir>/consort/<repository>/<run>/    workspaces, attempts, exports
//! ```

use crate::journal::{JOURNAL_FILE, Reader};
use crate::lock::{LockError, RunLock};
use consort_core::ids::RunId;
use consort_worker::dirs::RunDirs;
use consort_worker::durable;
use consort_worker::store::Store;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The directory at the top of the main worktree.
pub const CONSORT_DIR: &str = ".consort";

/// No run id is longer, in bytes: it becomes part of paths and of branch names.
pub const RUN_ID_BYTES_MAX: usize = 100;

/// Why a place cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    /// The file system said no.
    #[error("cannot {doing} {path}: {source}{}", next_for(.source))]
    Io {
        /// Such as `create`.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `.consort` must be a directory of its own.
    #[error(
        "{path} is {what}, and consort keeps its runs only in a directory there. Move it away and try again"
    )]
    NotADirectory {
        /// Where.
        path: PathBuf,
        /// `a symbolic link` or `a file`.
        what: &'static str,
    },
    /// A name that could lead elsewhere or cannot be a branch.
    #[error(
        "`{0}` cannot be the id of a run: letters, digits, `.`, `_` and `-`, beginning with a letter or digit, \
         at most {RUN_ID_BYTES_MAX} bytes. `consort list` shows the runs"
    )]
    BadRunId(String),
    /// No such run.
    #[error("there is no run `{run}` in {top}{}", known_runs(.known))]
    UnknownRun {
        /// What was asked for.
        run: String,
        /// Where.
        top: PathBuf,
        /// The runs that there are.
        known: Vec<RunId>,
    },
    /// A run of this id has begun already.
    #[error(
        "there is a run `{0}` already. Go on with it (`consort resume {0}`), run the file once more \
         (`--again`), or give the run another id (`--id auto`)"
    )]
    RunExists(RunId),
    /// Another process is just beginning or holding it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Nothing says where state may lie.
    #[error(
        "do not know where to keep workspaces: HOME, XDG_STATE_HOME and CONSORT_STATE_DIR are all unset. Set \
         CONSORT_STATE_DIR to a directory outside the repository"
    )]
    NoStateDir,
    /// It would depend on where a command was typed.
    #[error("the state directory `{0}` is not an absolute path. Give one that begins with `/`")]
    RelativeStateDir(PathBuf),
    /// What agents and supervisors are handed is text.
    #[error("the path {0:?} is not UTF-8, and agents could not be told of it. Move or rename it")]
    NotText(PathBuf),
}

fn next_for(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => ". Give yourself the right to write there, or work in a copy",
        io::ErrorKind::ReadOnlyFilesystem => ". The file system is read-only: work in a copy elsewhere",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ". The disk is full: free some space and try again"
        }
        io::ErrorKind::NotFound => ". Check the path, or give another one with `-C DIR`",
        _ => "",
    }
}

fn known_runs(known: &[RunId]) -> String {
    if known.is_empty() {
        return ". There are none yet: `consort run FILE` begins one".into();
    }
    let some: Vec<&str> = known.iter().rev().take(5).map(RunId::as_str).collect();
    let more = if known.len() > some.len() { ", …" } else { "" };
    format!(". There are: {}{more} (`consort list` shows all)", some.join(", "))
}

fn at<T>(doing: &'static str, path: &Path, outcome: io::Result<T>) -> Result<T, PlacesError> {
    outcome.map_err(|source| PlacesError::Io { doing, path: path.to_path_buf(), source })
}

/// The places of one repository, or of one plain directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Top of the main worktree, or the plain directory; canonical.
    pub top: PathBuf,
    /// `<top>/.consort`.
    pub consort: PathBuf,
    /// `<top>/.consort/store`.
    pub store: PathBuf,
}

impl Places {
    /// The places of the tree with this top. Creates nothing.
    pub fn of(top: &Path) -> Result<Self, PlacesError> {
        let top = at("find", top, fs::canonicalize(top))?;
        let consort = top.join(CONSORT_DIR);
        let what = match fs::symlink_metadata(&consort) {
            Ok(meta) if meta.is_symlink() => Some("a symbolic link"),
            Ok(meta) if !meta.is_dir() => Some("a file"),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            other => at("look at", &consort, other).map(|_| None)?,
        };
        if let Some(what) = what {
            return Err(PlacesError::NotADirectory { path: consort, what });
        }
        Ok(Self { store: consort.join("store"), consort, top })
    }

    /// Creates `.consort`, which ignores itself, so that no commit ever holds a journal.
    pub fn create(&self) -> Result<(), PlacesError> {
        text(&self.top)?;
        for dir in [&self.consort, &self.runs(), &self.store] {
            at("create", dir, durable::create_dirs(dir))?;
        }
        let ignore = self.consort.join(".gitignore");
        if !ignore.exists() {
            at("write", &ignore, durable::write(&ignore, b"*\n", 0o644))?;
        }
        Ok(())
    }

    /// The content store.
    pub fn open_store(&self) -> Store {
        Store::new(&self.store)
    }

    fn runs(&self) -> PathBuf {
        self.consort.join("runs")
    }

    /// `.consort/runs/<run>`, whether or not it exists. Refuses ids that could lead elsewhere.
    pub fn run_dir(&self, run: &RunId) -> Result<PathBuf, PlacesError> {
        check_run_id(run)?;
        Ok(self.runs().join(run.as_str()))
    }

    /// The directory of a run that has begun.
    pub fn existing_run(&self, run: &RunId) -> Result<PathBuf, PlacesError> {
        let dir = self.run_dir(run)?;
        if has_journal(&dir) {
            return Ok(dir);
        }
        Err(PlacesError::UnknownRun { run: run.0.clone(), top: self.top.clone(), known: self.list_runs()? })
    }

    /// The runs that have begun (that have a journal): by workflow id, then by number.
    pub fn list_runs(&self) -> Result<Vec<RunId>, PlacesError> {
        let runs = self.runs();
        let entries = match fs::read_dir(&runs) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => at("read", &runs, other)?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = at("read", &runs, entry)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let run = RunId(name);
            if check_run_id(&run).is_ok() && has_journal(&entry.path()) {
                found.push(run);
            }
        }
        found.sort_by(|a, b| numbered(a).cmp(&numbered(b)));
        Ok(found)
    }

    /// `<workflow>`, or the first of `<workflow>.2`, `.3` … that has not begun.
    pub fn next_run_id(&self, workflow: &str) -> Result<RunId, PlacesError> {
        let mut run = RunId::from(workflow);
        let mut number = 1u32;
        while has_journal(&self.run_dir(&run)?) {
            number += 1;
            run = RunId(format!("{workflow}.{number}"));
        }
        Ok(run)
    }

    /// Looks, and changes nothing: whether a run of this id can still begin. One that crashed before
    /// anything happened never did.
    pub fn may_begin(&self, run: &RunId) -> Result<(), PlacesError> {
        let dir = self.run_dir(run)?;
        match has_journal(&dir) && !never_began(&dir) {
            true => Err(PlacesError::RunExists(run.clone())),
            false => Ok(()),
        }
    }

    /// Makes the directory of a new run and takes its lock: of several processes that begin
    /// the same run, one gets it. A directory without a journal was left by a crash before
    /// anything happened, and is used.
    pub fn begin_run(&self, run: &RunId, purpose: &str) -> Result<RunLock, PlacesError> {
        let dir = self.run_dir(run)?;
        self.create()?;
        self.may_begin(run)?;
        at("create", &dir, durable::create_dirs(&dir))?;
        let lock = RunLock::try_acquire(&dir, purpose)?;
        // Someone may have begun it, and ended, between our look and our lock.
        self.may_begin(run)?;
        at("clear", &dir, clear_unbegun(&dir))?;
        Ok(lock)
    }

    /// Begins the next run of a workflow, whatever others do at the same time.
    pub fn begin_next_run(&self, workflow: &str, purpose: &str) -> Result<(RunId, RunLock), PlacesError> {
        let mut run = self.next_run_id(workflow)?;
        let mut number = numbered(&run).1;
        loop {
            match self.begin_run(&run, purpose) {
                Ok(lock) => return Ok((run, lock)),
                Err(PlacesError::RunExists(_) | PlacesError::Lock(LockError::Held { .. })) => {
                    number += 1;
                    run = RunId(format!("{workflow}.{number}"));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Moves away what lies where a run that begins keeps its workspaces and attempts: it belongs to
    /// a run of the same name whose journal is gone (a repository that was deleted and made again),
    /// and its exit records would be taken for those of the new one. Says where it is now; without
    /// any work in it, it is removed.
    pub fn set_aside(&self, dirs: &RunDirs, lock: &RunLock) -> Result<Option<PathBuf>, PlacesError> {
        debug_assert_eq!(lock.dir(), dirs.run);
        if fs::symlink_metadata(&dirs.state).is_err() {
            return Ok(None);
        }
        let name = dirs.state.file_name().unwrap_or_default().to_string_lossy();
        // No run is called so: an id begins with a letter or a digit.
        let mut free = (1u32..).map(|n| dirs.state.with_file_name(format!(".left-{name}-{n}")));
        let to = free.find(|to| fs::symlink_metadata(to).is_err()).expect("some number is not taken");
        at("move away", &dirs.state, fs::rename(&dirs.state, &to))?;
        let worked =
            ["workspaces", "scratch", "salvage", "attempts"].iter().any(|part| to.join(part).exists());
        if !worked {
            // A run that could not begin. If it cannot be removed, it is in nobody's way.
            let _ = fs::remove_dir_all(&to);
        }
        Ok(worked.then_some(to))
    }

    /// Takes the lock of a run that has begun.
    pub fn take_run(&self, run: &RunId, purpose: &str) -> Result<RunLock, PlacesError> {
        Ok(RunLock::try_acquire(&self.existing_run(run)?, purpose)?)
    }

    /// Name of this tree below the state directory: readable, and unlike that of any other path.
    pub fn repository_name(&self) -> String {
        let last = self.top.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        let slug: String = last
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' })
            .take(40)
            .collect();
        let slug = match slug.trim_matches('-') {
            "" => "root",
            text => text,
        };
        let hash = Store::hash_of(self.top.as_os_str().as_bytes());
        format!("{slug}-{}", &hash.as_str()[..8])
    }

    /// Where the things of a run lie. `state_dir` is absolute; see [`state_dir`].
    pub fn run_dirs(&self, run: &RunId, state_dir: &Path) -> Result<RunDirs, PlacesError> {
        if !state_dir.is_absolute() {
            return Err(PlacesError::RelativeStateDir(state_dir.to_path_buf()));
        }
        let run_dir = self.run_dir(run)?;
        let state = text(state_dir)?.join("consort").join(self.repository_name()).join(run.as_str());
        Ok(RunDirs { state, run: run_dir, store: self.store.clone() })
    }
}

/// `$CONSORT_STATE_DIR`, else `$XDG_STATE_HOME`, else `~/.local/state`. `env` looks up a
/// variable. As XDG wants it, a relative `XDG_STATE_HOME` counts as unset.
pub fn state_dir(env: &dyn Fn(&str) -> Option<OsString>) -> Result<PathBuf, PlacesError> {
    let path = |name| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    match path("CONSORT_STATE_DIR") {
        Some(dir) if dir.is_absolute() => return Ok(dir),
        Some(dir) => return Err(PlacesError::RelativeStateDir(dir)),
        None => {}
    }
    if let Some(dir) = path("XDG_STATE_HOME").filter(|dir| dir.is_absolute()) {
        return Ok(dir);
    }
    let home = path("HOME").filter(|dir| dir.is_absolute()).ok_or(PlacesError::NoStateDir)?;
    Ok(home.join(".local/state"))
}

/// The run whose directory this is, for messages.
pub(crate) fn run_name(dir: &Path) -> String {
    dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy().into_owned()
}

/// A link in its place counts: opening it says what is wrong.
fn has_journal(dir: &Path) -> bool {
    fs::symlink_metadata(dir.join(JOURNAL_FILE)).is_ok()
}

/// True if there is a journal without a record: its runner died before the first flush, and
/// nothing acts before that.
fn never_began(dir: &Path) -> bool {
    Reader::open(dir).and_then(|reader| reader.head()).is_ok_and(|head| head.seq == 0)
}

/// Takes away what such a runner left. Only under the lock.
fn clear_unbegun(dir: &Path) -> io::Result<()> {
    for name in [JOURNAL_FILE.to_owned(), format!("{JOURNAL_FILE}-wal"), format!("{JOURNAL_FILE}-shm")] {
        match fs::remove_file(dir.join(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

fn text(path: &Path) -> Result<&Path, PlacesError> {
    if path.to_str().is_some() { Ok(path) } else { Err(PlacesError::NotText(path.to_owned())) }
}

fn check_run_id(run: &RunId) -> Result<(), PlacesError> {
    let id = run.as_str();
    let good = id.len() <= RUN_ID_BYTES_MAX
        && id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        && !id.contains("..")
        && !id.ends_with('.')
        && !id.ends_with(".lock"); // the last three: git refuses such branches
    if good { Ok(()) } else { Err(PlacesError::BadRunId(id.chars().take(RUN_ID_BYTES_MAX).collect())) }
}

/// `flow.3` is run 3 of `flow`; `flow` is run 1.
fn numbered(run: &RunId) -> (&str, u32) {
    let id = run.as_str();
    match id.rsplit_once('.').map(|(workflow, number)| (workflow, number.parse())) {
        Some((workflow, Ok(number))) if number >= 2 => (workflow, number),
        _ => (id, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn places() -> (tempfile::TempDir, Places) {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("My Café Repo");
        fs::create_dir(&top).unwrap();
        let places = Places::of(&top).unwrap();
        (dir, places)
    }

    fn give_journal(lock: &RunLock) {
        fs::write(lock.dir().join(JOURNAL_FILE), b"").unwrap();
    }

    #[test]
    fn looking_creates_nothing_and_creating_ignores_itself() {
        let (_dir, places) = places();
        assert!(places.list_runs().unwrap().is_empty());
        assert_eq!(fs::read_dir(&places.top).unwrap().count(), 0);
        places.create().unwrap();
        places.create().unwrap();
        assert_eq!(fs::read_to_string(places.consort.join(".gitignore")).unwrap(), "*\n");
        let hash = places.open_store().put(b"x").unwrap();
        assert!(places.store.join(hash.as_str()).is_file());
    }

    #[test]
    fn runs_are_numbered_and_listed_in_order() {
        let (_dir, places) = places();
        assert_eq!(places.next_run_id("flow").unwrap().as_str(), "flow");
        for n in 1..=11 {
            let (run, lock) = places.begin_next_run("flow", "run").unwrap();
            let expected = if n == 1 { "flow".to_owned() } else { format!("flow.{n}") };
            assert_eq!(run.0, expected);
            give_journal(&lock);
        }
        give_journal(&places.begin_run(&"a-flow".into(), "run").unwrap());
        fs::create_dir(places.consort.join("runs/half-made")).unwrap();
        fs::write(places.consort.join("runs/.DS_Store"), b"").unwrap();
        let runs = places.list_runs().unwrap();
        assert_eq!(runs.len(), 12);
        assert_eq!(runs[0].as_str(), "a-flow");
        assert_eq!([runs[1].as_str(), runs[2].as_str(), runs[11].as_str()], ["flow", "flow.2", "flow.11"]);
    }

    #[test]
    fn a_run_that_never_began_can_be_begun() {
        let (_dir, places) = places();
        let run = RunId::from("r");
        let lock = places.begin_run(&run, "run").unwrap();
        let new =
            crate::journal::NewJournal { run: run.clone(), created: Default::default(), version: "1".into() };
        // As if the process had died after making the journal.
        crate::journal::Journal::create(&lock, &new).unwrap().close();
        drop(lock);
        let lock = places.begin_run(&run, "run").unwrap();
        crate::journal::Journal::create(&lock, &new).unwrap();
    }

    #[test]
    fn a_run_begins_once_and_a_half_made_one_is_used() {
        let (_dir, places) = places();
        let run = RunId::from("flow");
        let lock = places.begin_run(&run, "run").unwrap();
        assert!(matches!(places.begin_run(&run, "run"), Err(PlacesError::Lock(_))), "still held");
        assert_eq!(places.begin_next_run("flow", "run").unwrap().0.as_str(), "flow.2");
        drop(lock); // it died before there was a journal
        let lock = places.begin_run(&run, "run").unwrap();
        give_journal(&lock);
        drop(lock);
        let text = places.begin_run(&run, "run").unwrap_err().to_string();
        assert!(text.contains("consort resume flow") && text.contains("--again"), "{text}");
        assert!(places.take_run(&run, "resume").is_ok());
    }

    #[test]
    fn of_many_beginners_each_gets_a_run_of_its_own() {
        let (_dir, places) = places();
        let mut runs: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let (run, lock) = places.begin_next_run("flow", "run").unwrap();
                        give_journal(&lock);
                        run
                    })
                })
                .collect();
            all.into_iter().map(|t| t.join().unwrap()).collect()
        });
        runs.sort();
        runs.dedup();
        assert_eq!(runs.len(), 8);
    }

    #[test]
    fn ids_that_lead_elsewhere_are_refused() {
        let (_dir, places) = places();
        let long = "a".repeat(RUN_ID_BYTES_MAX + 1);
        for wrong in ["", ".", "..", "../x", "a/b", "-x", ".x", "a..b", "a.", "a.lock", "a b", "é", &long] {
            assert!(matches!(places.run_dir(&wrong.into()), Err(PlacesError::BadRunId(_))), "{wrong}");
        }
        places.run_dir(&"My_run-20261123-001.2".into()).unwrap();
    }

    #[test]
    fn an_unknown_run_is_answered_with_those_that_exist() {
        let (_dir, places) = places();
        let none = places.existing_run(&"x".into()).unwrap_err().to_string();
        assert!(none.contains("consort run FILE"), "{none}");
        give_journal(&places.begin_run(&"flow".into(), "run").unwrap());
        let some = places.existing_run(&"flwo".into()).unwrap_err().to_string();
        assert!(some.contains("There are: flow (`consort list`"), "{some}");
    }

    #[test]
    fn what_is_in_the_way_is_named() {
        let (dir, places) = places();
        symlink(dir.path(), &places.consort).unwrap();
        let text = Places::of(&places.top).unwrap_err().to_string();
        assert!(text.contains(".consort is a symbolic link"), "{text}");
        fs::remove_file(&places.consort).unwrap();
        fs::write(&places.consort, b"").unwrap();
        assert!(Places::of(&places.top).unwrap_err().to_string().contains("is a file"));
        let text = Places::of(&dir.path().join("gone")).unwrap_err().to_string();
        assert!(text.contains("-C DIR"), "{text}");
        // A link to the top itself is fine, and both ways are the same tree.
        fs::remove_file(&places.consort).unwrap();
        symlink(&places.top, dir.path().join("link")).unwrap();
        assert_eq!(Places::of(&dir.path().join("link")).unwrap(), places);
    }

    #[test]
    fn the_state_directory_follows_the_environment() {
        let ask = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> =
                pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
            state_dir(&move |name| pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.into()))
        };
        assert_eq!(ask(&[("HOME", "/h")]).unwrap(), Path::new("/h/.local/state"));
        assert_eq!(ask(&[("HOME", "/h"), ("XDG_STATE_HOME", "/x")]).unwrap(), Path::new("/x"));
        assert_eq!(ask(&[("HOME", "/h"), ("XDG_STATE_HOME", "x")]).unwrap(), Path::new("/h/.local/state"));
        assert_eq!(
            ask(&[("XDG_STATE_HOME", "/x"), ("CONSORT_STATE_DIR", "/c d")]).unwrap(),
            Path::new("/c d")
        );
        assert!(matches!(ask(&[("CONSORT_STATE_DIR", "c")]), Err(PlacesError::RelativeStateDir(_))));
        assert!(matches!(ask(&[("HOME", "")]), Err(PlacesError::NoStateDir)));
    }

    #[test]
    fn each_tree_has_state_of_its_own() {
        let (dir, places) = places();
        let dirs = places.run_dirs(&"flow".into(), Path::new("/s")).unwrap();
        let name = places.repository_name();
        assert_eq!(dirs.state, Path::new("/s/consort").join(&name).join("flow"));
        assert_eq!(dirs.run, places.consort.join("runs/flow"));
        assert_eq!(dirs.store, places.store);
        assert!(name.starts_with("my-caf--repo-"), "{name}");
        let other = dir.path().join("elsewhere/My Café Repo");
        fs::create_dir_all(&other).unwrap();
        assert_ne!(Places::of(&other).unwrap().repository_name(), name);
        assert!(places.run_dirs(&"flow".into(), Path::new("s")).is_err());
    }
}
