//! A git directory of its own for what comes from another machine, or goes to one. It sees the repository's objects
//! and adds none to them; it has neither its refs nor its hooks, and goes when it is dropped.

use super::engine::write_git_dir;
use super::git_plane::GitPlane;
use super::names;
use super::repo::{From, RefMove, Repo};
use super::{PlaneError, export};
use crate::dirs::RunDirs;
use crate::drill;
use crate::store::Store;
use consort_core::ids::{Revision, RunId};
use consort_core::run::Tip;
use consort_core::time::Timestamp;
use std::fs;
use std::path::Path;

/// See the module.
#[derive(Debug)]
pub struct Quarantine {
    dir: tempfile::TempDir,
    repo: Repo,
}

/// Such directories are called so, with the process that made them.
const PREFIX: &str = ".quarantine-";

impl Quarantine {
    /// In this directory, which must be nobody's checkout. What processes left there that are gone is removed.
    pub fn new(repo: &Repo, above: &Path) -> Result<Self, PlaneError> {
        let io = |source| PlaneError::io("set up", above, source);
        export::private_dir(above)?;
        sweep(above);
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let dir = tempfile::Builder::new().prefix(&prefix).tempdir_in(above).map_err(io)?;
        write_git_dir(dir.path(), repo.format(), Some(&repo.objects())).map_err(io)?;
        if let Some(bytes) = repo.shallow() {
            fs::write(dir.path().join("shallow"), bytes).map_err(io)?;
        }
        let repo = repo.seen_from(dir.path());
        Ok(Self { dir, repo })
    }

    /// What is in it, and all that the repository has.
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Content that came with a checkpoint.
    pub fn store(&self) -> Store {
        Store::new(self.dir.path().join("store"))
    }

    /// Makes a checkpoint's commit once more from what it says that it was made from.
    pub fn remake(
        &self,
        run: &RunId,
        tips: &[Tip],
        files: &[(String, Vec<u8>)],
        message: &str,
        at: Timestamp,
    ) -> Result<Revision, PlaneError> {
        let within = |name: &str| self.dir.path().join(name);
        let dirs =
            RunDirs { state: within("plane"), run: within("run"), store: self.store().root().to_owned() };
        let plane = GitPlane::open(self.repo.clone(), dirs, run.clone())?;
        plane.checkpoint_commit(tips, files, message, at).map(Revision)
    }

    /// Brings commits that are here into the repository, then names them there, all or none. A name that is taken
    /// stays as it is and is an error; `over` names may be replaced.
    pub fn bring(
        &self,
        to: &Repo,
        names: &[(String, Revision)],
        over: &[(String, Revision)],
        at: Timestamp,
    ) -> Result<(), PlaneError> {
        let all = || names.iter().chain(over);
        if all().next().is_none() {
            return Ok(());
        }
        for (_, revision) in all() {
            if names::object_id(revision, to.format()).is_none() {
                return Err(PlaneError::Failed(format!(
                    "`{revision}` is not an object id of this repository"
                )));
            }
        }
        // By names of its own: a server gives what is named.
        let here: Vec<RefMove> = all()
            .enumerate()
            .map(|(n, (_, to))| RefMove {
                name: format!("refs/bring/{n}"),
                to: to.clone(),
                from: From::Anything,
            })
            .collect();
        self.repo.move_refs(&here, None, at, "consort: fetch")?;
        let wanted: String = here.iter().map(|it| format!("{}\n", it.name)).collect();
        drill::site("git.bring.before");
        let call =
            to.call("fetch").args(["-q", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"]);
        let call = call.args(["--refmap=", "--no-recurse-submodules", "--stdin", "--"]).arg(self.dir.path());
        call.local_file().stdin(wanted.into_bytes()).run()?;
        let named =
            |(name, to): &(String, Revision), from| RefMove { name: name.clone(), to: to.clone(), from };
        let moves = names.iter().map(|it| named(it, From::Absent));
        let moves: Vec<RefMove> = moves.chain(over.iter().map(|it| named(it, From::Anything))).collect();
        to.move_refs(&moves, None, at, "consort: fetch")?;
        drill::site("git.bring.after");
        Ok(())
    }
}

/// Removes what processes left that were killed.
fn sweep(above: &Path) {
    let Ok(entries) = fs::read_dir(above) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse::<i32>().ok());
        let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) else { continue };
        let gone = rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH);
        if gone {
            // If it cannot be removed it is in nobody's way.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
