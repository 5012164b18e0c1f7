//! Where runs are kept, and which one is meant.

use crate::failure::Failure;
use consort_core::ids::RunId;
use consort_local::lock::{self, Holder};
use consort_local::places::{CONSORT_DIR, Places};
use consort_local::replay::{Replayed, replay};
use consort_local::settings::{Given, Settings};
use consort_worker::dirs::RunDirs;
use consort_worker::workspace::{Git, Repo};
use std::path::{Path, PathBuf};

/// The directory that runs belong to.
pub(crate) struct Place {
    /// Its places.
    pub places: Places,
}

/// One run that exists.
pub(crate) struct Run {
    /// Its id.
    pub id: RunId,
    /// `.consort/runs/<run>`.
    pub dir: PathBuf,
}

impl Place {
    /// Looks without git, so that reading verbs start no process: upwards for `.git`, and from a
    /// linked worktree to the main one. Outside a repository the nearest `.consort` upwards, else `dir`.
    pub(crate) fn find(dir: &Path) -> Result<Self, Failure> {
        let top = match dir.ancestors().find(|d| d.join(".git").exists()) {
            Some(here) => main_worktree(here)?,
            None => {
                let kept = dir.ancestors().find(|d| d.join(CONSORT_DIR).is_dir());
                kept.unwrap_or(dir).to_owned()
            }
        };
        Ok(Self { places: Places::of(&top)? })
    }

    /// The same with the repository, for verbs that need its commits. `None`: a plain directory.
    pub(crate) fn with_repo(dir: &Path) -> Result<(Self, Option<Repo>), Failure> {
        // A place outside a repository needs no git at all.
        if !in_repository(dir) {
            return Ok((Self::find(dir)?, None));
        }
        let git = Git::find()?;
        let Some(repo) = Repo::discover(&git, dir)? else { return Ok((Self::find(dir)?, None)) };
        Ok((Self { places: Places::of(repo.top())? }, Some(repo)))
    }

    /// Top of the main worktree, or the plain directory.
    pub(crate) fn top(&self) -> &Path {
        &self.places.top
    }

    /// The run that is meant: an id, an unambiguous beginning of one, or the only one there is.
    pub(crate) fn run(&self, given: Option<&str>) -> Result<Run, Failure> {
        let known = self.places.list_runs()?;
        let id = match given {
            Some(text) => named(&known, text, self.top())?,
            None => only(&known, self.top())?,
        };
        Ok(Run { dir: self.places.existing_run(&id)?, id })
    }

    /// `[RUN] [TASK]`: a single word that names no run may name a task of the only run.
    pub(crate) fn run_and_task(
        &self,
        run: Option<&str>,
        task: Option<&str>,
    ) -> Result<(Run, Option<String>), Failure> {
        match (run, task) {
            (Some(word), None) => match self.run(Some(word)) {
                Ok(run) => Ok((run, None)),
                Err(failure) => match self.run(None) {
                    Ok(only) if self.replay(&only)?.state.graph.ix(&word.into()).is_some() => {
                        Ok((only, Some(word.to_owned())))
                    }
                    _ => Err(failure),
                },
            },
            (run, task) => Ok((self.run(run)?, task.map(str::to_owned))),
        }
    }

    /// The state of a run as its journal tells it now.
    pub(crate) fn replay(&self, run: &Run) -> Result<Replayed, Failure> {
        Ok(replay(&run.dir, &self.places.open_store())?)
    }

    /// What is in force here.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        self.settings_with(Given::default())
    }

    /// The same with what the command line says.
    pub(crate) fn settings_with(&self, flags: Given) -> Result<Settings, Failure> {
        Ok(Settings::load(flags, &|name| std::env::var_os(name), &self.places)?)
    }

    /// Where the directories of all runs of this place lie, outside the checkout.
    pub(crate) fn state_dir(&self) -> Result<PathBuf, Failure> {
        let state_dir = self.settings()?.state_dir;
        Ok(state_dir.join("consort").join(self.places.repository_name()))
    }

    /// Folders of a run.
    pub(crate) fn dirs(&self, run: &RunId, settings: &Settings) -> Result<RunDirs, Failure> {
        Ok(self.places.run_dirs(run, &settings.state_dir)?)
    }
}

impl Run {
    /// The living process that drives it.
    pub(crate) fn holder(&self) -> Option<Holder> {
        lock::holder(&self.dir).ok().flatten()
    }
}

/// Whether some `.git`, or a bare repository, is on the way up.
fn in_repository(dir: &Path) -> bool {
    let bare = |d: &Path| d.join("HEAD").is_file() && d.join("refs").is_dir() && d.join("objects").is_dir();
    dir.ancestors().any(|d| d.join(".git").exists() || bare(d))
}

/// From the top of a worktree to the top of the main one.
fn main_worktree(here: &Path) -> Result<PathBuf, Failure> {
    let dot = here.join(".git");
    if dot.is_dir() {
        return Ok(here.to_owned());
    }
    let text = std::fs::read_to_string(&dot).unwrap_or_default();
    let git_dir = text.strip_prefix("gitdir: ").map(|to| here.join(to.trim_end_matches('\n')));
    let common = git_dir.and_then(|git_dir| {
        let common = std::fs::read_to_string(git_dir.join("commondir")).ok()?;
        std::fs::canonicalize(git_dir.join(common.trim_end_matches('\n'))).ok()
    });
    match common {
        Some(common) if common.file_name().is_some_and(|n| n == ".git") => {
            Ok(common.parent().unwrap_or(here).to_owned())
        }
        // Something out of the ordinary: git knows.
        _ => {
            let repo = Repo::discover(&Git::find()?, here)?;
            Ok(repo.map_or_else(|| here.to_owned(), |repo| repo.top().to_owned()))
        }
    }
}

fn named(known: &[RunId], text: &str, top: &Path) -> Result<RunId, Failure> {
    if let Some(exact) = known.iter().find(|id| id.as_str() == text) {
        return Ok(exact.clone());
    }
    let begins: Vec<&RunId> =
        known.iter().filter(|id| !text.is_empty() && id.as_str().starts_with(text)).collect();
    match begins[..] {
        [one] => Ok(one.clone()),
        [] => Err(listing(Failure::invalid(format!("there is no run `{text}` in {}", top.display())), known)),
        _ => {
            let names: Vec<&str> = begins.iter().map(|id| id.as_str()).collect();
            Err(Failure::invalid(format!("`{text}` is the beginning of {} runs", begins.len()))
                .why(format!("they are {}", names.join(", ")))
                .help("type more of the id"))
        }
    }
}

fn only(known: &[RunId], top: &Path) -> Result<RunId, Failure> {
    match known {
        [one] => Ok(one.clone()),
        [] => Err(listing(Failure::invalid(format!("there are no runs in {}", top.display())), known)),
        _ => Err(listing(
            Failure::invalid(format!("there are {} runs in {}: say which one", known.len(), top.display())),
            known,
        )),
    }
}

/// With the runs that there are.
fn listing(failure: Failure, known: &[RunId]) -> Failure {
    if known.is_empty() {
        return failure.help("begin one: `consort run FILE`, or look at a demonstration: `consort demo`");
    }
    let some: Vec<&str> = known.iter().rev().take(8).map(RunId::as_str).collect();
    let more = if known.len() > some.len() { ", …" } else { "" };
    failure
        .why(format!("the runs here are {}{more}", some.join(", ")))
        .help("`consort list` says more of each")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_id_is_enough_if_it_is_the_only_one() {
        let known = ["alpha", "beta", "beta.2"].map(RunId::from);
        let top = Path::new("/r");
        assert_eq!(named(&known, "al", top).unwrap().as_str(), "alpha");
        assert_eq!(named(&known, "beta", top).unwrap().as_str(), "beta");
        assert_eq!(named(&known, "b", top).unwrap_err().what, "`b` is the beginning of 2 runs");
        assert_eq!(named(&known, "x", top).unwrap_err().what, "there is no run `x` in /r");
        assert_eq!(only(&known[..1], top).unwrap().as_str(), "alpha");
        assert_eq!(only(&known, top).unwrap_err().code, crate::exit::INVALID);
    }
}
