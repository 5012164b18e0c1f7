//! Removing a workspace without losing what is in it.

use super::capture::{Reader, Taken};
use super::engine::NewCommit;
use super::git_plane::{GitPlane, slug};
use super::repo::{From, RefMove, read_blobs};
use super::{PlaneError, export, files, plain};
use crate::drill;
use consort_core::ids::Revision;
use consort_core::plan::{Output, Task, WorkspaceKind};
use consort_core::time::Timestamp;
use std::fs;
use std::path::Path;

/// What became of the leftovers.
struct Kept {
    /// The ref that holds them, if there were any that fit.
    name: Option<String>,
    /// False if something was left that cannot be kept in a commit.
    all: bool,
}

impl GitPlane {
    pub(super) fn release(
        &self,
        task: &Task,
        generation: u32,
        salvage: bool,
        at: Timestamp,
    ) -> Result<Option<String>, PlaneError> {
        if task.workspace == WorkspaceKind::None {
            return Ok(None);
        }
        let slug = slug(&task.id, generation);
        let dir = self.dirs.workspace(&task.id, generation);
        let side = self.side(&slug);
        let base = fs::read_to_string(side.join("base")).ok();
        let kept = match base {
            Some(base) if salvage && files::is_real_dir(&dir) => {
                self.salvage(task, generation, &base, &dir, at)?
            }
            _ => None,
        };
        if let Some(Kept { name, all: false }) = &kept {
            return self.keep_directory(&slug, &dir, name.as_deref()).map(Some);
        }
        let kept = kept.and_then(|kept| kept.name);
        // Out of the way in one step: a half removed workspace must never be taken for one.
        let gone = export::sibling(dir.parent().unwrap_or(&dir), ".gone-", slug.as_ref());
        files::remove_tree(&gone).map_err(|e| PlaneError::io("remove", &gone, e))?;
        drill::site("git.release.before");
        match fs::rename(&dir, &gone) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            other => other.map_err(|e| PlaneError::io("move away", &dir, e))?,
        }
        drill::site("git.release.after");
        let admin = self.dirs.state.join("worktrees.git/worktrees").join(&slug);
        for part in [&gone, &admin, &side] {
            files::remove_tree(part).map_err(|e| PlaneError::io("remove", part, e))?;
        }
        Ok(kept)
    }

    /// What is in the workspace, fit to be kept and neither in the base nor in what was accepted.
    fn salvage(
        &self,
        task: &Task,
        generation: u32,
        base: &str,
        dir: &Path,
        at: Timestamp,
    ) -> Result<Option<Kept>, PlaneError> {
        let slug = &slug(&task.id, generation);
        let accepted =
            self.repo.ref_value(&self.name("task", &plain::accepted_leaf(&task.id, generation))?)?;
        let parent = accepted.as_ref().map_or(base, |revision| revision.as_str()).to_owned();
        let mut reader = Reader::open(dir)?;
        let touched = self.touched(dir, slug, base)?;
        let mut left: Vec<Taken> = Vec::new();
        let mut all = true;
        for path in &touched {
            match std::str::from_utf8(path).map_err(drop).and_then(|path| reader.changed(path).map_err(drop))
            {
                Ok(file) => left.extend(file),
                Err(()) => all = false,
            }
        }
        let paths: Vec<String> = left.iter().map(|file| file.path.clone()).collect();
        let known = read_blobs(self.engine.call("cat-file"), &parent, &paths)?;
        let left: Vec<&Taken> = left
            .iter()
            .zip(known)
            .filter(|(file, known)| known.as_ref() != Some(&file.bytes))
            .filter(|(file, _)| !self.is_stored(task, file))
            .map(|(file, _)| file)
            .collect();
        if left.is_empty() {
            return Ok(Some(Kept { name: None, all }));
        }
        let new = NewCommit {
            parents: &[parent],
            tree: None,
            deletes: Vec::new(),
            puts: left.iter().map(|file| file.put()).collect(),
            message: format!("consort: left over by {}\n", task.id),
            at,
        };
        let to = Revision(self.engine.commit(&new)?);
        let name = self.free_salvage_name(slug, &to)?;
        drill::site("git.salvage.before");
        let into = RefMove { name: name.clone(), to, from: From::Anything };
        self.repo.move_refs(&[into], None, at, "consort: salvage")?;
        drill::site("git.salvage.after");
        Ok(Some(Kept { name: Some(name), all }))
    }

    /// Data that the content store has, byte for byte: it is never in git, and not lost.
    fn is_stored(&self, task: &Task, file: &Taken) -> bool {
        let is_data = matches!(&task.output, Output::Data { paths, .. } if paths.contains(&file.path));
        is_data && matches!(self.store.get(&file.hash), Ok(Some(stored)) if stored == file.bytes)
    }

    /// For what does not fit into a commit: the directory stays, elsewhere.
    fn keep_directory(&self, slug: &str, dir: &Path, name: Option<&str>) -> Result<String, PlaneError> {
        let above = self.dirs.state.join("salvage");
        export::private_dir(&above)?;
        let mut free = (1..).map(|n| above.join(format!("{slug}-{n}")));
        let to = free.find(|to| to.symlink_metadata().is_err()).expect("some number is not taken");
        fs::rename(dir, &to).map_err(|e| PlaneError::io("keep", dir, e))?;
        Ok(name
            .into_iter()
            .map(str::to_owned)
            .chain([to.display().to_string()])
            .collect::<Vec<_>>()
            .join(" and "))
    }

    /// The first name that is free or holds the same.
    fn free_salvage_name(&self, slug: &str, to: &Revision) -> Result<String, PlaneError> {
        let first = self.name("salvage", slug)?;
        let taken = self.repo.refs_under(&[&format!("{first}*")])?;
        let fits = |name: &String| taken.iter().all(|(n, value)| n != name || value == to);
        let mut names = std::iter::once(first.clone()).chain((2..).map(|n| format!("{first}-{n}")));
        Ok(names.find(fits).unwrap_or(first))
    }
}
