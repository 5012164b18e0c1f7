//! The data plane in a repository.

use super::capture;
use super::checkout::Linked;
use super::engine::{self, Engine, NewCommit, Put, What};
use super::merge::{Ancestry, Side};
use super::plain::{self, PlainRefs};
use super::repo::{From, RefMove, Repo, read_blobs};
use super::{PlaneError, Prepared, export, files, names};
use crate::dirs::RunDirs;
use crate::drill;
use crate::store::Store;
use consort_core::ids::{BarrierId, CheckpointId, Revision, RunId, TaskId};
use consort_core::plan::{Task, WorkspaceKind};
use consort_core::planted::Bug;
use consort_core::run::{Artifact, Candidate, Tip};
use consort_core::time::Timestamp;
use std::fs;
use std::path::{Path, PathBuf};

/// What a reviewer's diff may be, in bytes.
const DIFF_BYTES_MAX: usize = 16 << 20;

/// See [`super::Plane`].
#[derive(Debug)]
pub struct GitPlane {
    pub(super) repo: Repo,
    pub(super) engine: Engine,
    pub(super) dirs: RunDirs,
    pub(super) run: RunId,
    pub(super) store: Store,
    pub(super) ancestry: Ancestry,
}

/// A workspace as one name in paths and refs.
pub(super) fn slug(task: &TaskId, generation: u32) -> String {
    format!("{task}--{generation}")
}

impl GitPlane {
    pub(super) fn open(repo: Repo, dirs: RunDirs, run: RunId) -> Result<Self, PlaneError> {
        if !names::is_run_id(run.as_str()) {
            return Err(PlaneError::Refused(format!("`{run}` cannot be part of a branch name")));
        }
        export::private_dir(&dirs.state)?;
        let engine = Engine::open(&repo, &dirs.engine_git())?;
        let store = Store::new(&dirs.store);
        Ok(Self { repo, engine, dirs, run, store, ancestry: Ancestry::default() })
    }

    /// The repository it works for.
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// Where the run's result can be seen: `refs/heads/consort/<run>/run`.
    pub fn run_branch(&self) -> String {
        format!("refs/heads/consort/{}/run", self.run)
    }

    pub(super) fn name(&self, kind: &str, leaf: &str) -> Result<String, PlaneError> {
        if !names::is_ref_leaf(leaf) {
            return Err(PlaneError::Refused(format!("`{leaf}` cannot be part of a ref name")));
        }
        Ok(format!("refs/consort/{}/{kind}/{leaf}", self.run))
    }

    pub(super) fn id<'a>(&self, revision: &'a Revision) -> Result<&'a str, PlaneError> {
        names::object_id(revision, self.repo.format()).ok_or_else(|| {
            PlaneError::Failed(format!(
                "`{revision}` is not a {} object id of this repository",
                self.repo.format().word()
            ))
        })
    }

    pub(super) fn start(&self, base: &Revision, at: Timestamp) -> Result<(), PlaneError> {
        self.id(base)?;
        let name = format!("refs/consort/{}/base", self.run);
        let branch = self.run_branch();
        let to = |name: &str| RefMove { name: name.to_owned(), to: base.clone(), from: From::Absent };
        drill::site("git.start.before");
        let moved = self.repo.move_refs(&[to(&name), to(&branch)], None, at, "consort: start");
        drill::site("git.start.after");
        let Err(error) = moved else { return Ok(()) };
        if self.repo.ref_value(&name)?.as_ref() == Some(base) {
            return Ok(());
        }
        let mut in_the_way = self.repo.refs_under(&[&name, &branch])?;
        for leaf in ["refs/heads/consort".to_owned(), format!("refs/heads/consort/{}", self.run)] {
            in_the_way.extend(self.repo.refs_under(&[&leaf])?.into_iter().filter(|(name, _)| *name == leaf));
        }
        match in_the_way.first() {
            None => Err(error.into()),
            Some((taken, value)) => Err(PlaneError::Refused(format!(
                "`{taken}` exists already (at {value}), so the run cannot put its own names there. Rename or \
                 delete it (`git branch -m` or `git update-ref -d {taken}`), or give the run another id"
            ))),
        }
    }

    /// Tips by object id. Work that was done without git is laid on the base first.
    fn sides(&self, tips: &[Tip], at: Timestamp) -> Result<Vec<Side>, PlaneError> {
        let (without, with): (Vec<&Tip>, Vec<&Tip>) = tips.iter().partition(|tip| tip.revision.is_plain());
        let mut sides = Vec::with_capacity(with.len() + 1);
        for tip in with {
            sides.push(Side { name: tip.name.clone(), id: self.id(&tip.revision)?.to_owned() });
        }
        let Some(first) = without.first() else { return Ok(sides) };
        let manifest = plain::overlay(&self.store, without.iter().copied())?;
        let Some(base) = sides.first().map(|side| side.id.clone()) else {
            return Err(PlaneError::Refused(
                "there is no commit to lay the work of plain directories on".into(),
            ));
        };
        let mut puts = Vec::new();
        for (path, entry) in manifest.tracked() {
            let bytes = plain::content(&self.store, path, entry)?;
            puts.push(Put { mode: entry.mode.clone(), path: path.clone().into(), what: What::Bytes(bytes) });
        }
        if puts.is_empty() {
            return Ok(sides);
        }
        let parents = [base];
        let message = "consort: work done without git\n".to_owned();
        let new = NewCommit { parents: &parents, tree: None, deletes: Vec::new(), puts, message, at };
        let id = self.engine.commit(&new)?;
        self.ancestry.learn(&id, &parents);
        sides.push(Side { name: first.name.clone(), id });
        Ok(sides)
    }

    /// The merge of the tips as a commit, and whether it had to be made.
    fn merged(&self, tips: &[Tip], what: &str, at: Timestamp) -> Result<(String, bool), PlaneError> {
        let sides = self.sides(tips, at)?;
        let merge = self.ancestry.merge(&self.engine, &sides, at)?;
        let parents = merge.parents.clone();
        if parents.len() == 1 {
            return Ok((merge.commit(&self.engine, String::new(), at)?, false));
        }
        let names: Vec<&str> =
            sides.iter().filter(|s| parents.contains(&s.id)).map(|s| s.name.as_str()).collect();
        let message = format!("consort: {what} merges {}\n", names.join(", "));
        let id = merge.commit(&self.engine, message, at)?;
        self.ancestry.learn(&id, &parents);
        Ok((id, true))
    }

    /// Holds a commit against a collection of garbage until it is accepted.
    pub(super) fn hold(&self, leaf: &str, id: &str, at: Timestamp) -> Result<(), PlaneError> {
        let name = self.name("attempt", leaf)?;
        let to = Revision(id.to_owned());
        drill::site("git.hold.before");
        self.repo.move_refs(&[RefMove { name, to, from: From::Anything }], None, at, "consort: hold")?;
        drill::site("git.hold.after");
        Ok(())
    }

    pub(super) fn prepare(
        &self,
        task: &Task,
        generation: u32,
        tips: &[Tip],
        at: Timestamp,
    ) -> Result<Prepared, PlaneError> {
        if task.workspace == WorkspaceKind::None {
            let dir = self.dirs.scratch();
            export::private_dir(&dir)?;
            return Ok(Prepared { base: None, dir });
        }
        let (base, made) = self.merged(tips, &format!("base of {}", task.id), at)?;
        let slug = slug(&task.id, generation);
        if made {
            self.hold(&format!("{slug}-0"), &base, at)?;
        }
        let dir = self.dirs.workspace(&task.id, generation);
        let prepared = Prepared { base: Some(Revision(base.clone())), dir: dir.clone() };
        if dir.symlink_metadata().is_ok() {
            let stands = fs::read_to_string(self.side(&slug).join("base")).is_ok_and(|known| known == base);
            if stands && files::is_real_dir(&dir) {
                return Ok(prepared);
            }
            // Set up for another base: nothing that was done there is thrown away.
            self.release(task, generation, true, at)?;
        }
        self.make_workspace(task, &slug, &base, &dir)?;
        Ok(prepared)
    }

    pub(super) fn side(&self, slug: &str) -> PathBuf {
        engine::side_dir(&self.dirs.state, slug)
    }

    fn make_workspace(&self, task: &Task, slug: &str, base: &str, dir: &Path) -> Result<(), PlaneError> {
        let side = self.side(slug);
        let above = dir.parent().expect("a workspace lies in the run's directory");
        let making = export::sibling(above, ".making-", dir.file_name().expect("a workspace has a name"));
        for half in [&side, &making] {
            files::remove_tree(half).map_err(|e| PlaneError::io("remove", half, e))?;
            export::private_dir(half)?;
        }
        let index = side.join("index");
        export::all(&self.engine, base, &index, &making)?;
        let shape = Linked { format: self.repo.format(), branch: task.id.as_str(), base, index: &index };
        let objects = self.repo.objects();
        let shallow = self.repo.shallow();
        let done = match task.workspace {
            WorkspaceKind::Worktree => {
                let common = self.dirs.state.join("worktrees.git");
                shape.write_worktree(&common, &objects, shallow, slug, &making, dir)
            }
            _ => shape.write_clone(&making.join(".git"), &objects, shallow),
        };
        done.and_then(|()| fs::write(side.join("base"), base))
            .map_err(|e| PlaneError::io("set up the workspace", &making, e))?;
        drill::site("git.workspace.before");
        fs::rename(&making, dir).map_err(|e| PlaneError::io("put in place", dir, e))?;
        drill::site("git.workspace.after");
        Ok(())
    }

    pub(super) fn commit_task(
        &self,
        task: &TaskId,
        generation: u32,
        candidate: &Candidate,
        label: Option<&str>,
        at: Timestamp,
    ) -> Result<(), PlaneError> {
        let to = &candidate.revision;
        if to.is_plain() {
            return PlainRefs::new(&self.dirs).accept(task, generation, to);
        }
        self.id(to)?;
        let name = self.name("task", &plain::accepted_leaf(task, generation))?;
        let from = || if Bug::CompareAndSwapDropped.is_planted() { From::Anything } else { From::Absent };
        let accept = || RefMove { name: name.clone(), to: to.clone(), from: from() };
        let label = label.filter(|alias| names::is_ref_leaf(alias));
        let label = label.map(|alias| format!("refs/heads/consort/{}/p/{alias}", self.run));
        let mut moves = vec![accept()];
        if let Some(label) = label
            && self.repo.checked_out(&label)?.is_empty()
        {
            moves.push(RefMove { name: label, to: to.clone(), from: From::Anything });
        }
        drill::site("git.accept.before");
        let moved = self.repo.move_refs(&moves, None, at, "consort: accept");
        drill::site("git.accept.after");
        let Err(error) = moved else { return Ok(()) };
        match self.repo.ref_value(&name)? {
            Some(value) if value == *to => Ok(()),
            Some(value) => Err(PlaneError::Refused(format!(
                "{task} was accepted already with another commit: `{name}` is at {value}, not at {to}"
            ))),
            // Something stands in the way of the label only: it is no more than a label.
            None if moves.len() > 1 => Ok(self.repo.move_refs(&[accept()], None, at, "consort: accept")?),
            None => Err(error.into()),
        }
    }

    pub(super) fn barrier(
        &self,
        barrier: &BarrierId,
        set: u32,
        tips: &[Tip],
        handoffs: &[Artifact],
        at: Timestamp,
    ) -> Result<(Revision, Vec<Artifact>), PlaneError> {
        let (id, made) = self.merged(tips, &format!("barrier {barrier}"), at)?;
        if made {
            self.hold(&format!("{barrier}--set-{set}"), &id, at)?;
        }
        let paths: Vec<String> = handoffs.iter().map(|handoff| handoff.path.clone()).collect();
        let found = read_blobs(self.engine.call("cat-file"), &id, &paths)?;
        let found = paths.into_iter().zip(found).filter_map(|(path, bytes)| {
            let hash = Store::hash_of(&bytes?);
            Some(Artifact { path, hash })
        });
        let found = found.collect();
        Ok((Revision(id), found))
    }

    pub(super) fn checkpoint(
        &self,
        id: &CheckpointId,
        tips: &[Tip],
        state_files: &[(String, Vec<u8>)],
        message: &str,
        at: Timestamp,
    ) -> Result<Revision, PlaneError> {
        if !names::is_checkpoint_id(id.as_str()) {
            return Err(PlaneError::Refused(format!("`{id}` is not a checkpoint id (CP-001)")));
        }
        let commit = self.checkpoint_commit(tips, state_files, message, at)?;
        self.name_checkpoint(id, Revision(commit), at)
    }

    /// The commit of a checkpoint, without a name: the same content gives the same commit.
    pub(super) fn checkpoint_commit(
        &self,
        tips: &[Tip],
        state_files: &[(String, Vec<u8>)],
        message: &str,
        at: Timestamp,
    ) -> Result<String, PlaneError> {
        let sides = self.sides(tips, at)?;
        let mut merge = self.ancestry.merge(&self.engine, &sides, at)?;
        for (path, bytes) in state_files {
            if let Some(why) = names::path_problem(path) {
                return Err(capture::refused(path, why));
            }
            let what = What::Bytes(bytes.clone());
            merge.puts.push(Put { mode: "100644".into(), path: path.clone().into(), what });
        }
        let parents = merge.parents.clone();
        let commit = merge.always_commit(&self.engine, message.to_owned(), at)?;
        self.ancestry.learn(&commit, &parents);
        Ok(commit)
    }

    fn name_checkpoint(
        &self,
        id: &CheckpointId,
        to: Revision,
        at: Timestamp,
    ) -> Result<Revision, PlaneError> {
        let name = format!("refs/consort/{}/{id}", self.run);
        let branch = self.run_branch();
        let base = format!("refs/consort/{}/base", self.run);
        let all = format!("refs/consort/{}/CP-*", self.run);
        let from = format!("refs/consort/{}/from", self.run);
        let own = self.repo.refs_under(&[&branch, &base, &from, &all])?;
        let value_of = |name: &str| own.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        let mut moves = Vec::new();
        match value_of(&name) {
            None => moves.push(RefMove { name: name.clone(), to: to.clone(), from: From::Absent }),
            Some(value) if value == to => {}
            Some(value) => {
                return Err(PlaneError::Refused(format!("`{name}` is at {value} already, not at {to}")));
            }
        }
        // The branch follows from our own commits only, and never back to an older checkpoint.
        let now = value_of(&branch);
        let number = |name: &str| names::checkpoint_number(name.rsplit('/').next().unwrap_or(""));
        let at_now = own.iter().filter(|(n, value)| *n != branch && Some(value) == now.as_ref());
        let newest_there = at_now.map(|(n, _)| number(n).unwrap_or(0)).max();
        let follows = match newest_there {
            Some(newest) => Some(newest) < number(id.as_str()),
            None => now.is_none(),
        };
        if follows && self.repo.checked_out(&branch)?.is_empty() {
            let from = now.map_or(From::Absent, From::At);
            moves.push(RefMove { name: branch, to: to.clone(), from });
        }
        drill::site("git.checkpoint.before");
        if !moves.is_empty() {
            self.repo.move_refs(&moves, None, at, "consort: checkpoint")?;
        }
        drill::site("git.checkpoint.after");
        Ok(to)
    }

    pub(super) fn export(
        &self,
        revision: &Revision,
        paths: Option<&[String]>,
        to: &Path,
    ) -> Result<(), PlaneError> {
        if revision.is_plain() {
            return plain::export(&self.store, &self.dirs.state, revision, paths, to);
        }
        let id = self.id(revision)?;
        export::replace_dir(&self.dirs.state, to, |dir| {
            match paths {
                None => {
                    let index = tempfile::tempdir_in(&self.dirs.state);
                    let index = index.map_err(|e| PlaneError::io("write in", &self.dirs.state, e))?;
                    export::all(&self.engine, id, &index.path().join("index"), dir)?;
                }
                Some(paths) => {
                    let found = read_blobs(self.engine.call("cat-file"), id, paths)?;
                    for (path, bytes) in paths.iter().zip(found) {
                        if let Some(bytes) = bytes {
                            export::write_new(dir, path, &bytes, 0o444)?;
                        }
                    }
                }
            }
            files::seal(dir).map_err(|e| PlaneError::io("seal", dir, e))
        })
    }

    pub(super) fn read(&self, revision: &Revision, path: &str) -> Result<Option<Vec<u8>>, PlaneError> {
        if revision.is_plain() {
            return plain::read(&self.store, revision, path);
        }
        if names::path_problem(path).is_some() {
            return Ok(None);
        }
        let found = read_blobs(self.engine.call("cat-file"), self.id(revision)?, &[path.to_owned()])?;
        Ok(found.into_iter().next().flatten())
    }

    pub(super) fn diff(&self, base: &Revision, revision: &Revision) -> Result<Vec<u8>, PlaneError> {
        if base.is_plain() || revision.is_plain() {
            return plain::diff(&self.store, base, revision);
        }
        let call = self.engine.call("diff-tree").args(["-r", "-p", "--no-ext-diff", "--no-textconv"]);
        let call = call.args(["--no-color", "--no-renames", self.id(base)?, self.id(revision)?, "--"]);
        Ok(call.cap(DIFF_BYTES_MAX).run()?.stdout)
    }
}
