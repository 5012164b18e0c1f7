//! The data plane without git: workspaces are filled from manifests, merging is laying one over
//! another, refs are files.

use super::capture::{self, Reader, Taken};
use super::manifest::{Entry, Manifest};
pub(super) use super::manifest::{content, overlay};
use super::{Captured, PlaneError, Prepared, export, files, names};
use crate::dirs::RunDirs;
use crate::store::Store;
use crate::{drill, durable};
use consort_core::ids::{CheckpointId, Revision, RunId, TaskId};
use consort_core::plan::{Input, Output, Task, WorkspaceKind};
use consort_core::run::{Artifact, Candidate, Tip};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Files looked at in a workspace before we stop counting strays.
const WALK_MAX: usize = 20_000;

/// See [`super::Plane`].
#[derive(Debug)]
pub struct PlainPlane {
    dir: PathBuf,
    dirs: RunDirs,
    store: Store,
}

/// The name under which a task's accepted work is kept: one per generation.
pub fn accepted_leaf(task: &TaskId, generation: u32) -> String {
    match generation {
        0 | 1 => task.to_string(),
        later => format!("{task}--{later}"),
    }
}

/// Which revision was accepted: one small file each, created once.
pub(super) struct PlainRefs {
    dir: PathBuf,
}

impl PlainRefs {
    pub(super) fn new(dirs: &RunDirs) -> Self {
        Self { dir: dirs.run.join("refs") }
    }

    pub(super) fn accept(&self, task: &TaskId, generation: u32, to: &Revision) -> Result<(), PlaneError> {
        if !names::is_ref_leaf(task.as_str()) {
            return Err(PlaneError::Refused(format!("`{task}` cannot be part of a file name")));
        }
        self.create("task", &accepted_leaf(task, generation), to)
    }

    /// Creates the file whole, or finds the same in it.
    fn create(&self, kind: &str, leaf: &str, to: &Revision) -> Result<(), PlaneError> {
        let dir = self.dir.join(kind);
        let path = dir.join(leaf);
        let io = |source| PlaneError::io("write", &path, source);
        durable::create_dirs(&dir).map_err(io)?;
        drill::site("git.accept.before");
        let file = durable::stage(&dir, to.as_str().as_bytes(), 0o600).map_err(io)?;
        let named = file.persist_noclobber(&path);
        durable::sync_dir(&dir).map_err(io)?;
        drill::site("git.accept.after");
        if named.is_ok() {
            return Ok(());
        }
        match fs::read_to_string(&path).map_err(io)? {
            value if value == to.as_str() => Ok(()),
            value => Err(PlaneError::Refused(format!(
                "{leaf} was accepted already with another revision: {} says {value}, not {to}",
                path.display()
            ))),
        }
    }
}

impl PlainPlane {
    pub(super) fn open(dir: PathBuf, dirs: RunDirs, run: RunId) -> Result<Self, PlaneError> {
        if !names::is_run_id(run.as_str()) {
            return Err(PlaneError::Refused(format!("`{run}` cannot be part of a path")));
        }
        export::private_dir(&dirs.state)?;
        let dir = fs::canonicalize(&dir).map_err(|e| PlaneError::io("find", &dir, e))?;
        let store = Store::new(&dirs.store);
        Ok(Self { dir, dirs, store })
    }

    fn side(&self, task: &TaskId, generation: u32) -> PathBuf {
        super::engine::side_dir(&self.dirs.state, &format!("{task}--{generation}"))
    }

    /// The overlay of the tips and the person's files that the task reads.
    fn base(&self, task: &Task, tips: &[Tip]) -> Result<Revision, PlaneError> {
        let mut base = overlay(&self.store, tips.iter())?;
        let mut reader = Reader::open(&self.dir)?;
        let mut contents = Vec::new();
        let wanted = task.inputs.iter().filter_map(|input| match input {
            Input::File { path } => Some(path),
            _ => None,
        });
        for path in wanted.filter(|path| !path.is_empty()) {
            // Absent inputs are a person's to declare; the run knows them from its start.
            if let Some(file) = reader.if_fit(path)
                && file.mode != "120000"
                && !base.files.contains_key(path)
            {
                let entry = Entry { hash: file.hash, mode: file.mode.into(), data: false };
                base.files.insert(path.clone(), entry);
                contents.push(file.bytes);
            }
        }
        let contents: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        base.store(&self.store, &contents)
    }

    pub(super) fn prepare(&self, task: &Task, generation: u32, tips: &[Tip]) -> Result<Prepared, PlaneError> {
        if task.workspace == WorkspaceKind::None {
            let dir = self.dirs.scratch();
            export::private_dir(&dir)?;
            return Ok(Prepared { base: None, dir });
        }
        let base = self.base(task, tips)?;
        let dir = self.dirs.workspace(&task.id, generation);
        let side = self.side(&task.id, generation);
        let prepared = Prepared { base: Some(base.clone()), dir: dir.clone() };
        if dir.symlink_metadata().is_ok() {
            let known = fs::read_to_string(side.join("base"));
            if files::is_real_dir(&dir) && known.is_ok_and(|known| known == base.as_str()) {
                return Ok(prepared);
            }
            self.release(task, generation, true)?;
        }
        let manifest = Manifest::load(&self.store, &base)?;
        export::private_dir(&side)?;
        durable::write(&side.join("base"), base.as_str().as_bytes(), 0o600)
            .map_err(|e| PlaneError::io("write", &side, e))?;
        let fill = |to: &Path| write_all(&self.store, &manifest, None, to, 0o200);
        export::replace_dir(&self.dirs.state, &dir, fill)?;
        Ok(prepared)
    }

    pub(super) fn capture(
        &self,
        task: &Task,
        generation: u32,
        iteration: u32,
        base: Option<&Revision>,
    ) -> Result<Captured, PlaneError> {
        let (Output::Document { paths } | Output::Data { paths, .. }) = &task.output else {
            return Err(PlaneError::Refused(format!(
                "{} produces a change, which needs a git repository: run `git init` here, or let it produce a \
                 document",
                task.id
            )));
        };
        let data = matches!(task.output, Output::Data { .. });
        if task.workspace == WorkspaceKind::None {
            return capture_paths(&self.store, &self.dirs.scratch(), paths, None, data);
        }
        let dir = self.dirs.workspace(&task.id, generation);
        let manifest = base.map(|base| Manifest::load(&self.store, base)).transpose()?.unwrap_or_default();
        let mut captured = capture_on(&self.store, &dir, paths, manifest.clone(), data)?;
        if iteration == 1 {
            let same = |artifact: &&Artifact| {
                manifest.files.get(&artifact.path).is_some_and(|before| before.hash == artifact.hash)
            };
            if let Some(artifact) = captured.candidate.artifacts.iter().find(same) {
                return Err(capture::refused(
                    &artifact.path,
                    "was not written: it is as it was before the task began",
                ));
            }
        }
        captured.candidate.strays = strays(&dir, &manifest, paths)?;
        Ok(captured)
    }

    pub(super) fn commit_task(
        &self,
        task: &TaskId,
        generation: u32,
        candidate: &Candidate,
    ) -> Result<(), PlaneError> {
        PlainRefs::new(&self.dirs).accept(task, generation, &candidate.revision)
    }

    pub(super) fn barrier(
        &self,
        tips: &[Tip],
        handoffs: &[Artifact],
    ) -> Result<(Revision, Vec<Artifact>), PlaneError> {
        let merged = overlay(&self.store, tips.iter())?;
        let found = handoffs.iter().filter_map(|handoff| {
            let entry = merged.files.get(&handoff.path)?;
            Some(Artifact { path: handoff.path.clone(), hash: entry.hash.clone() })
        });
        Ok((merged.store(&self.store, &[])?, found.collect()))
    }

    pub(super) fn checkpoint(
        &self,
        id: &CheckpointId,
        tips: &[Tip],
        state_files: &[(String, Vec<u8>)],
    ) -> Result<Revision, PlaneError> {
        if !names::is_checkpoint_id(id.as_str()) {
            return Err(PlaneError::Refused(format!("`{id}` is not a checkpoint id (CP-001)")));
        }
        let mut merged = overlay(&self.store, tips.iter())?;
        for (path, bytes) in state_files {
            if let Some(why) = names::path_problem(path) {
                return Err(capture::refused(path, why));
            }
            let entry = Entry { hash: Store::hash_of(bytes), mode: "100644".into(), data: false };
            merged.files.insert(path.clone(), entry);
        }
        let contents: Vec<&[u8]> = state_files.iter().map(|(_, bytes)| bytes.as_slice()).collect();
        let revision = merged.store(&self.store, &contents)?;
        PlainRefs::new(&self.dirs).create("checkpoint", id.as_str(), &revision)?;
        Ok(revision)
    }

    pub(super) fn export(
        &self,
        revision: &Revision,
        paths: Option<&[String]>,
        to: &Path,
    ) -> Result<(), PlaneError> {
        export(&self.store, &self.dirs.state, revision, paths, to)
    }

    pub(super) fn read(&self, revision: &Revision, path: &str) -> Result<Option<Vec<u8>>, PlaneError> {
        read(&self.store, revision, path)
    }

    pub(super) fn diff(&self, base: &Revision, revision: &Revision) -> Result<Vec<u8>, PlaneError> {
        diff(&self.store, base, revision)
    }

    /// Leftovers are kept as a directory: there is no ref to keep them under.
    pub(super) fn release(
        &self,
        task: &Task,
        generation: u32,
        salvage: bool,
    ) -> Result<Option<String>, PlaneError> {
        if task.workspace == WorkspaceKind::None {
            return Ok(None);
        }
        let dir = self.dirs.workspace(&task.id, generation);
        let side = self.side(&task.id, generation);
        let base = fs::read_to_string(side.join("base")).ok().map(Revision);
        let mut kept = None;
        if salvage
            && let Some(base) = base
            && files::is_real_dir(&dir)
        {
            let manifest = Manifest::load(&self.store, &base)?;
            if !strays(&dir, &manifest, task.output.paths())?.is_empty() {
                let above = self.dirs.state.join("salvage");
                export::private_dir(&above)?;
                let name = format!("{}--{generation}", task.id);
                let to = (1..)
                    .map(|n| above.join(format!("{name}-{n}")))
                    .find(|to| to.symlink_metadata().is_err());
                let to = to.expect("some number is not taken");
                fs::rename(&dir, &to).map_err(|e| PlaneError::io("keep", &dir, e))?;
                kept = Some(to.display().to_string());
            }
        }
        drill::site("git.release.before");
        for gone in [&dir, &side] {
            files::remove_tree(gone).map_err(|e| PlaneError::io("remove", gone, e))?;
        }
        drill::site("git.release.after");
        Ok(kept)
    }
}

/// Declared files of a directory, on top of nothing; where there is a commit, that stays the revision
/// and the files are known by their hashes alone.
pub(super) fn capture_paths(
    store: &Store,
    dir: &Path,
    paths: &[String],
    base: Option<&Revision>,
    data: bool,
) -> Result<Captured, PlaneError> {
    let mut captured = capture_on(store, dir, paths, Manifest::default(), data)?;
    if let Some(base) = base {
        captured.candidate.revision = base.clone();
    }
    Ok(captured)
}

fn capture_on(
    store: &Store,
    dir: &Path,
    paths: &[String],
    mut manifest: Manifest,
    data: bool,
) -> Result<Captured, PlaneError> {
    let mut reader = Reader::open(dir)?;
    let taken: Vec<Taken> = paths.iter().map(|path| reader.declared(path)).collect::<Result<_, _>>()?;
    for file in &taken {
        let entry = Entry { hash: file.hash.clone(), mode: file.mode.into(), data };
        manifest.files.insert(file.path.clone(), entry);
    }
    let contents: Vec<&[u8]> = taken.iter().map(|file| file.bytes.as_slice()).collect();
    let revision = manifest.store(store, &contents)?;
    Ok(capture::captured(revision, taken, Vec::new()))
}

/// Files that are new or differ from the manifest, but for the declared ones.
fn strays(dir: &Path, manifest: &Manifest, declared: &[String]) -> Result<Vec<String>, PlaneError> {
    let mut left: BTreeMap<&str, &Entry> = manifest.files.iter().map(|(p, e)| (p.as_str(), e)).collect();
    let mut found = Vec::new();
    let mut reader = Reader::open(dir)?;
    let mut open = vec![dir.to_owned()];
    let mut seen = 0;
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).map_err(|e| PlaneError::io("list", &at, e))?.flatten() {
            seen += 1;
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(dir).unwrap_or(&path).as_os_str().as_bytes().to_vec();
            let text = String::from_utf8_lossy(&name).into_owned();
            let known = left.remove(text.as_str());
            let same =
                known.is_some_and(|known| reader.if_fit(&text).is_some_and(|file| file.hash == known.hash));
            if !same && !declared.contains(&text) {
                found.push(names::shown(&name));
            }
        }
        if seen > WALK_MAX {
            break;
        }
    }
    found.extend(
        left.keys().filter(|path| !declared.iter().any(|d| d == *path)).map(|path| (*path).to_owned()),
    );
    found.sort();
    found.truncate(super::NAMES_MAX);
    Ok(found)
}

fn write_all(
    store: &Store,
    manifest: &Manifest,
    paths: Option<&[String]>,
    to: &Path,
    also: u32,
) -> Result<(), PlaneError> {
    let wanted = |path: &String| paths.is_none_or(|paths| paths.contains(path));
    for (path, entry) in manifest.files.iter().filter(|(path, _)| wanted(path)) {
        let mode = if entry.mode == "100755" { 0o555 } else { 0o444 };
        export::write_new(to, path, &content(store, path, entry)?, mode | also)?;
    }
    Ok(())
}

pub(super) fn export(
    store: &Store,
    state: &Path,
    revision: &Revision,
    paths: Option<&[String]>,
    to: &Path,
) -> Result<(), PlaneError> {
    let manifest = Manifest::load(store, revision)?;
    export::replace_dir(state, to, |dir| {
        write_all(store, &manifest, paths, dir, 0)?;
        files::seal(dir).map_err(|e| PlaneError::io("seal", dir, e))
    })
}

/// One file of a revision that was made without git; `None` if there is no such file in it.
pub fn read(store: &Store, revision: &Revision, path: &str) -> Result<Option<Vec<u8>>, PlaneError> {
    let manifest = Manifest::load(store, revision)?;
    manifest.files.get(path).map(|entry| content(store, path, entry)).transpose()
}

/// A unified diff, as git would write it; files that are no text are named with their hashes.
pub(super) fn diff(store: &Store, base: &Revision, revision: &Revision) -> Result<Vec<u8>, PlaneError> {
    let (before, after) = (Manifest::load(store, base)?, Manifest::load(store, revision)?);
    let mut text = String::new();
    let paths: std::collections::BTreeSet<&String> = before.files.keys().chain(after.files.keys()).collect();
    for path in paths {
        let (old, new) = (before.files.get(path), after.files.get(path));
        if old != new {
            text.push_str(&file_diff(store, path, old, new)?);
        }
        if text.len() > DIFF_BYTES_MAX {
            return Err(PlaneError::Refused(format!("its diff is larger than {} MiB", DIFF_BYTES_MAX >> 20)));
        }
    }
    Ok(text.into_bytes())
}

/// As in a repository.
const DIFF_BYTES_MAX: usize = 16 << 20;

fn file_diff(
    store: &Store,
    path: &str,
    old: Option<&Entry>,
    new: Option<&Entry>,
) -> Result<String, PlaneError> {
    let side = |prefix: &str, entry: Option<&Entry>| match entry {
        Some(_) => format!("{prefix}/{path}"),
        None => "/dev/null".to_owned(),
    };
    let (from, to) = (side("a", old), side("b", new));
    let head = format!("diff --git a/{path} b/{path}\n");
    let (Some(before), Some(after)) = (text_of(store, path, old)?, text_of(store, path, new)?) else {
        let hash = |entry: Option<&Entry>| entry.map_or("absent".to_owned(), |e| e.hash.to_string());
        return Ok(format!("{head}Binary files {from} ({}) and {to} ({}) differ\n", hash(old), hash(new)));
    };
    let lines = similar::TextDiff::from_lines(&before, &after);
    Ok(format!("{head}{}", lines.unified_diff().context_radius(3).header(&from, &to)))
}

/// The text of a file, empty where there is none; `None` if it is no text.
fn text_of(store: &Store, path: &str, entry: Option<&Entry>) -> Result<Option<String>, PlaneError> {
    let Some(entry) = entry else { return Ok(Some(String::new())) };
    Ok(String::from_utf8(content(store, path, entry)?).ok())
}
