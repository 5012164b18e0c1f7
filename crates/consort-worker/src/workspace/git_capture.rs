//! Capture in a repository: the creator's files on top of the base.

use super::capture::{self, Reader, Taken};
use super::engine::{NewCommit, Put, What};
use super::git_plane::{GitPlane, slug};
use super::git_words::GitError;
use super::repo::read_blobs;
use super::{Captured, PlaneError, names, plain};
use consort_core::ids::Revision;
use consort_core::plan::{Output, Task, WorkspaceKind};
use consort_core::time::Timestamp;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What goes into a candidate's commit, and what does not.
struct Made {
    taken: Vec<Taken>,
    gone: Vec<String>,
    strays: Vec<String>,
}

impl Taken {
    pub(super) fn put(&self) -> Put {
        let what = What::Bytes(self.bytes.clone());
        Put { mode: self.mode.into(), path: self.path.clone().into(), what }
    }
}

/// True if a file at `path` and one at `other` cannot both be there.
fn replaces(path: &[u8], other: &[u8]) -> bool {
    let below = |a: &[u8], b: &[u8]| b.strip_prefix(a).is_some_and(|rest| rest.starts_with(b"/"));
    below(path, other) || below(other, path)
}

impl GitPlane {
    pub(super) fn capture(
        &self,
        task: &Task,
        generation: u32,
        iteration: u32,
        base: Option<&Revision>,
        at: Timestamp,
    ) -> Result<Captured, PlaneError> {
        let base = match (&task.output, base) {
            (Output::Document { .. } | Output::Change { .. }, Some(base)) => base,
            (Output::Data { paths, .. }, base) => {
                let dir = self.creator_dir(task, generation);
                return plain::capture_paths(&self.store, &dir, paths, base, true);
            }
            (Output::Document { paths }, None) => {
                return plain::capture_paths(&self.store, &self.dirs.scratch(), paths, None, false);
            }
            (Output::Change { .. }, None) => {
                let why = "a change needs a workspace in git: `workspace: none` has no base to differ from";
                return Err(PlaneError::Refused(why.into()));
            }
        };
        let base = self.id(base)?;
        let dir = self.dirs.workspace(&task.id, generation);
        let slug = slug(&task.id, generation);
        let mut reader = Reader::open(&dir)?;
        let touched = self.touched(&dir, &slug, base)?;
        let made = match &task.output {
            Output::Change { writes } => self.take_change(&mut reader, &touched, writes, iteration)?,
            other => self.take_documents(&mut reader, &touched, other.paths(), base, iteration)?,
        };
        let parents = [base.to_owned()];
        let new = NewCommit {
            parents: &parents,
            tree: None,
            deletes: made.gone.iter().map(|path| path.clone().into_bytes()).collect(),
            puts: made.taken.iter().map(Taken::put).collect(),
            message: format!("consort: {} round {iteration}\n", task.id),
            at,
        };
        let id = self.engine.commit(&new)?;
        self.ancestry.learn(&id, &parents);
        self.hold(&format!("{slug}-{iteration}"), &id, at)?;
        let captured = capture::captured(Revision(id), made.taken, made.strays);
        Ok(Captured { gone: made.gone, ..captured })
    }

    fn creator_dir(&self, task: &Task, generation: u32) -> PathBuf {
        match task.workspace {
            WorkspaceKind::None => self.dirs.scratch(),
            _ => self.dirs.workspace(&task.id, generation),
        }
    }

    /// Paths that differ from the base or are new, but for ignored ones. The index is the engine's
    /// own, with what the files looked like when the workspace was made.
    pub(super) fn touched(
        &self,
        dir: &Path,
        slug: &str,
        base: &str,
    ) -> Result<BTreeSet<Vec<u8>>, PlaneError> {
        let side = self.side(slug);
        let known = fs::read_to_string(side.join("base")).unwrap_or_default();
        if known != base {
            return Err(PlaneError::Refused(format!(
                "the workspace {} was set up at {known}, not at {base}",
                dir.display()
            )));
        }
        let call = self.engine.call("ls-files").index(&side.join("index")).work_tree(dir);
        let call = call.args(["-z", "-m", "-o", "--exclude-per-directory=.gitignore"]).scan();
        let done = call.run().map_err(|error| match error {
            GitError::TimedOut { seconds, .. } => PlaneError::Refused(format!(
                "the workspace {} cannot be looked through within {seconds} s: it holds too many files, or a pipe \
                 where git expects a file (`.gitignore`)",
                dir.display()
            )),
            GitError::TooMuch { bytes, .. } => PlaneError::Refused(format!(
                "the workspace {} holds too many new files: their names are longer than {bytes} bytes",
                dir.display()
            )),
            other => other.into(),
        })?;
        Ok(done.pieces().map(<[u8]>::to_vec).collect())
    }

    fn take_documents(
        &self,
        reader: &mut Reader,
        touched: &BTreeSet<Vec<u8>>,
        paths: &[String],
        base: &str,
        iteration: u32,
    ) -> Result<Made, PlaneError> {
        let mut taken = Vec::new();
        for path in paths {
            taken.push(reader.declared(path)?);
        }
        let is_declared = |path: &[u8]| paths.iter().any(|p| p.as_bytes() == path);
        for other in touched.iter().filter(|path| !is_declared(path)) {
            if let Some(path) = paths.iter().find(|path| replaces(path.as_bytes(), other)) {
                let other = names::shown(other);
                return Err(capture::refused(
                    path,
                    &format!("takes the place of `{other}`, which is not declared"),
                ));
            }
        }
        let quiet: Vec<String> = paths.iter().filter(|p| !touched.contains(p.as_bytes())).cloned().collect();
        if iteration == 1 && !quiet.is_empty() {
            // Untouched, or new and ignored.
            let before = read_blobs(self.engine.call("cat-file"), base, &quiet)?;
            if let Some((path, _)) = quiet.iter().zip(before).find(|(_, before)| before.is_some()) {
                let why = "was not written: it is as it was before the task began";
                return Err(capture::refused(path, why));
            }
        }
        let strays =
            touched.iter().filter(|path| !is_declared(path)).map(|path| names::shown(path)).collect();
        Ok(Made { taken, gone: Vec::new(), strays })
    }

    fn take_change(
        &self,
        reader: &mut Reader,
        touched: &BTreeSet<Vec<u8>>,
        writes: &[String],
        iteration: u32,
    ) -> Result<Made, PlaneError> {
        let globs = capture::globs(writes)?;
        let mut made = Made { taken: Vec::new(), gone: Vec::new(), strays: Vec::new() };
        for path in touched {
            let nested = path.ends_with(b"/");
            let text = std::str::from_utf8(path).map(|text| text.trim_end_matches('/'));
            match text {
                Ok(text) if globs.is_match(text) => {
                    if nested {
                        return Err(capture::refused(
                            text,
                            "is a repository of its own, which is not followed",
                        ));
                    }
                    match reader.changed(text)? {
                        Some(file) => made.taken.push(file),
                        None => made.gone.push(text.to_owned()),
                    }
                }
                Err(_) if globs.is_match(String::from_utf8_lossy(path).as_ref()) => {
                    return Err(capture::refused(&names::shown(path), "has a name that is not UTF-8"));
                }
                _ => made.strays.push(names::shown(path)),
            }
        }
        if iteration == 1 && made.taken.is_empty() && made.gone.is_empty() {
            let strays = match &made.strays[..] {
                [] => String::new(),
                some => format!(", only elsewhere ({})", some[..some.len().min(3)].join(", ")),
            };
            let globs = writes.join("`, `");
            return Err(PlaneError::Refused(format!("nothing was changed within `{globs}`{strays}")));
        }
        Ok(made)
    }
}
