//! A checkpoint that came from elsewhere, read from its commit alone and believed in nothing.
//!
//! Its message binds `resume.json` by hash, that file binds every other one and all stored content, and the commit
//! is made once more from what they say: from the same base, the same accepted commits and the same files there comes the
//! same commit, or it is not what it says. Who made all of this up consistently made another checkpoint, with another
//! commit: compare its id with what you were told.

use super::carry::checkpoint_message;
use super::objects::unpack;
use super::{OBJECTS_FILE, RESUME_FILE};
use crate::store::Store;
use crate::workspace::{CommitInfo, PlaneError, Quarantine, Repo, RepoError};
use consort_core::ids::{CheckpointId, ContentHash, Revision, RunId};
use consort_core::plan::{PLAN_SCHEMA, Plan};
use consort_core::run::{RESUME_SCHEMA, ResumePoint, STATE_SCHEMA};
use serde_json::Value;

/// Most files that the engine puts into one checkpoint.
const FILES_MAX: usize = 20_000;

/// Why a checkpoint cannot be gone on from.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It was made before checkpoints said what that takes.
    #[error(
        "it was made by an older consort and does not say what another clone needs. Make another one where the run is: \
         `consort checkpoint create RUN`, then push again"
    )]
    Older,
    /// It was made by a build that knows more.
    #[error(
        "{what} has schema {schema}, and this consort knows up to {known}. Use the consort that made it, or a newer one"
    )]
    Newer {
        /// Such as `its state`.
        what: &'static str,
        /// That of the file.
        schema: u64,
        /// Ours.
        known: u32,
    },
    /// It is not what it says.
    #[error("{0}")]
    Wrong(String),
    /// Nobody can say.
    #[error("it cannot be read: {0}")]
    Unread(String),
}

impl From<RepoError> for Fault {
    fn from(error: RepoError) -> Self {
        Fault::Unread(error.to_string())
    }
}

/// A checkpoint that is what it says, as far as its files tell.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What it says of the run.
    pub point: ResumePoint,
    /// The plan.
    pub plan: Plan,
    /// Stored content that came with it.
    pub objects: Vec<(ContentHash, Vec<u8>)>,
    /// All files that the engine put into it.
    pub files: Vec<(String, Vec<u8>)>,
    message: String,
}

fn wrong<T>(why: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Wrong(why.into()))
}

/// The value of a line of the message.
fn said<'a>(info: &'a CommitInfo, name: &str) -> Option<&'a str> {
    info.message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Reads a checkpoint and compares every hash in it.
///
/// # Errors
/// See [`Fault`].
pub fn open(repo: &Repo, run: &RunId, id: &CheckpointId, revision: &Revision) -> Result<Opened, Fault> {
    let info =
        repo.commit(revision)?.ok_or_else(|| Fault::Wrong(format!("its commit {revision} is not there")))?;
    match said(&info, "Consort-Run") {
        Some(of) if of == run.as_str() => {}
        Some(of) => return wrong(format!("its commit is a checkpoint of run {of}, not of {run}")),
        None => return wrong(format!("its commit {revision} is no checkpoint: the message names no run")),
    }
    match said(&info, "Consort-Checkpoint") {
        Some(of) if of == id.as_str() => {}
        of => return wrong(format!("its message says that it is {}", of.unwrap_or("none"))),
    }
    let Some(line) = said(&info, "Consort-Resume") else { return Err(Fault::Older) };
    let Some((hash, path)) = line.split_once(' ').filter(|(_, path)| path.ends_with(RESUME_FILE)) else {
        return wrong("the line `Consort-Resume` of its message names no file");
    };
    let Some(bytes) = repo.show(revision, path)? else { return wrong(format!("`{path}` is not in it")) };
    let found = Store::hash_of(&bytes);
    if found.as_str() != hash {
        return wrong(format!(
            "`{path}` has the hash {found}, and its message says {hash}: one of them was edited"
        ));
    }
    let point = point(path, &bytes)?;
    same_moment(&point, &info, run, id)?;
    let view = said(&info, "Consort-View").unwrap_or_default();
    let right =
        checkpoint_message(run, id, (point.seq, &point.head), view, &format!("Consort-Resume: {line}\n"));
    if info.message != right {
        return wrong("its message was edited: it is not the one that the engine writes");
    }
    let mut files = files(repo, revision, &point)?;
    let objects = objects(&point, path, &files)?;
    let plan = plan(&point, &objects)?;
    same_state(&point, &plan, path, &files)?;
    accepted(repo, &point)?;
    files.push((path.to_owned(), bytes));
    Ok(Opened { point, plan, objects, files, message: info.message })
}

fn point(path: &str, bytes: &[u8]) -> Result<ResumePoint, Fault> {
    let unread = |e: serde_json::Error| Fault::Wrong(format!("`{path}` cannot be read: {e}"));
    let value: Value = serde_json::from_slice(bytes).map_err(unread)?;
    known("what it says of the run", &value["schema"], RESUME_SCHEMA)?;
    serde_json::from_value(value).map_err(unread)
}

fn known(what: &'static str, schema: &Value, known: u32) -> Result<(), Fault> {
    match schema.as_u64() {
        Some(schema) if schema <= u64::from(known) => Ok(()),
        Some(schema) => Err(Fault::Newer { what, schema, known }),
        None => wrong(format!("{what} has no schema number")),
    }
}

/// Message and files speak of the same record.
fn same_moment(point: &ResumePoint, info: &CommitInfo, run: &RunId, id: &CheckpointId) -> Result<(), Fault> {
    if point.run != *run || point.checkpoint != *id {
        return wrong(format!("its files are those of {} of run {}", point.checkpoint, point.run));
    }
    let record = format!("record {} with the hash {}", point.seq, point.head);
    let (seq, head) = (said(info, "Consort-Record"), said(info, "Consort-Journal"));
    if seq != Some(point.seq.to_string().as_str()) || head != Some(point.head.as_str()) {
        return wrong(format!(
            "its message says record {} with the hash {}, its files say {record}",
            seq.unwrap_or("none"),
            head.unwrap_or("none")
        ));
    }
    Ok(())
}

fn files(repo: &Repo, revision: &Revision, point: &ResumePoint) -> Result<Vec<(String, Vec<u8>)>, Fault> {
    if point.files.len() > FILES_MAX {
        return wrong(format!("it names {} files", point.files.len()));
    }
    let paths: Vec<String> = point.files.keys().cloned().collect();
    let mut files = Vec::with_capacity(paths.len());
    for ((path, hash), bytes) in point.files.iter().zip(repo.show_all(revision, &paths)?) {
        let Some(bytes) = bytes else { return wrong(format!("`{path}` is not in it")) };
        let found = Store::hash_of(&bytes);
        if found != *hash {
            return wrong(format!("`{path}` was edited: it has the hash {found}, {hash} was written"));
        }
        files.push((path.clone(), bytes));
    }
    Ok(files)
}

/// The file of this name beside the one that says what there is.
fn beside<'a>(path: &str, name: &str, files: &'a [(String, Vec<u8>)]) -> Result<&'a [u8], Fault> {
    let wanted = format!("{}{name}", path.strip_suffix(RESUME_FILE).unwrap_or_default());
    let found = files.iter().find(|(path, _)| *path == wanted).map(|(_, bytes)| bytes.as_slice());
    found.ok_or_else(|| Fault::Wrong(format!("`{wanted}` is not in it")))
}

fn objects(
    point: &ResumePoint,
    path: &str,
    files: &[(String, Vec<u8>)],
) -> Result<Vec<(ContentHash, Vec<u8>)>, Fault> {
    let packed = beside(path, OBJECTS_FILE, files)?;
    let objects = unpack(packed).map_err(|why| Fault::Wrong(format!("`{OBJECTS_FILE}`: {why}")))?;
    match objects.iter().map(|(hash, _)| hash).eq(&point.objects) {
        true => Ok(objects),
        false => wrong(format!("`{OBJECTS_FILE}` holds other content than it should")),
    }
}

fn plan(point: &ResumePoint, objects: &[(ContentHash, Vec<u8>)]) -> Result<Plan, Fault> {
    let bytes = objects.iter().find(|(hash, _)| *hash == point.plan).map(|(_, bytes)| bytes);
    let Some(bytes) = bytes else { return wrong(format!("its plan {} is not in it", point.plan)) };
    let unread = |e: serde_json::Error| Fault::Wrong(format!("its plan cannot be read: {e}"));
    let value: Value = serde_json::from_slice(bytes).map_err(unread)?;
    known("its plan", &value["schema"], PLAN_SCHEMA)?;
    let plan: Plan = serde_json::from_value(value).map_err(unread)?;
    let (workflow, run) = (plan.workflow.id.as_str(), point.run.as_str());
    let numbered = run.strip_prefix(workflow).and_then(|rest| rest.strip_prefix('.'));
    let numbered = numbered.is_some_and(|number| number.parse::<u32>().is_ok_and(|number| number > 1));
    if run != workflow && !numbered {
        return wrong(format!("its plan is that of the workflow {workflow}, and {run} is no run of that"));
    }
    let unknown = point.tasks.keys().find(|id| plan.task(id).is_none());
    if let Some(id) = unknown {
        return wrong(format!("it says that `{id}` is accepted, and its plan has no such task"));
    }
    match point.barriers.keys().find(|id| plan.barrier(id).is_none()) {
        Some(id) => wrong(format!("it says that `{id}` is complete, and its plan has no such barrier")),
        None => Ok(plan),
    }
}

/// The state file tells the same run: what a state of this schema says is compared part by part.
fn same_state(
    point: &ResumePoint,
    plan: &Plan,
    path: &str,
    files: &[(String, Vec<u8>)],
) -> Result<(), Fault> {
    let state: Value = serde_json::from_slice(beside(path, "state.json", files)?)
        .map_err(|e| Fault::Wrong(format!("its state cannot be read: {e}")))?;
    known("its state", &state["schema"], STATE_SCHEMA)?;
    if state["schema"].as_u64() != Some(u64::from(STATE_SCHEMA)) {
        return Ok(());
    }
    let json = |value: &dyn erased::Json| value.json();
    let start = &state["start"];
    let so_far = &point.so_far;
    let same = [
        ("number of its record", &state["seq"], json(&point.seq)),
        ("run", &start["run"], json(&point.run)),
        ("plan", &start["plan"], json(&point.plan)),
        ("base", &start["base"], json(&point.base)),
        ("use", &state["used"], json(&so_far.used)),
        ("questions", &state["approvals"], json(&so_far.approvals)),
        ("overrides", &state["overrides"], json(&so_far.overrides)),
        ("checkpoints", &state["checkpoints"], json(&so_far.checkpoints)),
        ("inputs", &state["declared_inputs"], json(&point.declared_inputs)),
    ];
    for (what, in_state, here) in &same {
        if *in_state != here {
            return wrong(format!("its `state.json` and its `{RESUME_FILE}` disagree about its {what}"));
        }
    }
    for (at, task) in plan.tasks.iter().enumerate() {
        let mut in_state = state["tasks"][at].clone();
        let accepted = in_state["stage"] == "accepted" && !in_state["candidate"].is_null();
        in_state.as_object_mut().map(|it| it.remove("session"));
        let here = point.tasks.get(&task.id).map(|it| json(it));
        if here != accepted.then_some(in_state) {
            return wrong(format!("its `state.json` and its `{RESUME_FILE}` disagree about `{}`", task.id));
        }
    }
    for (at, barrier) in plan.barriers.iter().enumerate() {
        let in_state = &state["barriers"][at];
        let here = point.barriers.get(&barrier.id).map(|it| json(it));
        if here.as_ref() != (in_state["stage"] == "complete").then_some(in_state) {
            return wrong(format!(
                "its `state.json` and its `{RESUME_FILE}` disagree about `{}`",
                barrier.id
            ));
        }
    }
    Ok(())
}

/// Values of several types in one list.
mod erased {
    use serde_json::Value;

    pub(super) trait Json {
        fn json(&self) -> Value;
    }

    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> Value {
            serde_json::to_value(self).unwrap_or_default()
        }
    }
}

/// Every accepted commit holds the accepted bytes.
fn accepted(repo: &Repo, point: &ResumePoint) -> Result<(), Fault> {
    for (id, it) in &point.tasks {
        let Some(candidate) = it.candidate.as_ref().filter(|it| !it.revision.is_plain()) else { continue };
        if repo.commit(&candidate.revision)?.is_none() {
            return wrong(format!("the commit {} of `{id}` is not there", candidate.revision));
        }
        let paths: Vec<String> = candidate.artifacts.iter().map(|artifact| artifact.path.clone()).collect();
        for (artifact, bytes) in candidate.artifacts.iter().zip(repo.show_all(&candidate.revision, &paths)?) {
            let found = bytes.as_deref().map(Store::hash_of);
            if found.as_ref() != Some(&artifact.hash) {
                return wrong(format!("`{}` of `{id}` is not what was accepted", artifact.path));
            }
        }
    }
    Ok(())
}

/// [`open`], then the commit is made once more and compared.
///
/// # Errors
/// See [`Fault`].
pub fn verified(
    quarantine: &Quarantine,
    run: &RunId,
    id: &CheckpointId,
    revision: &Revision,
) -> Result<Opened, Fault> {
    let opened = open(quarantine.repo(), run, id, revision)?;
    let Opened { point, plan, objects, files, message } = &opened;
    let stored = quarantine.store().put_many(objects.iter().map(|(_, bytes)| bytes.as_slice()));
    stored.map_err(|e| Fault::Unread(e.to_string()))?;
    let made = quarantine.remake(run, &point.tips(plan), files, message, point.prepared_at());
    let made = made.map_err(|error| match error {
        PlaneError::Conflict { .. } => Fault::Wrong(format!("what it merges does not merge: {error}")),
        error => Fault::Unread(error.to_string()),
    })?;
    if made != *revision {
        return wrong(format!(
            "it is not what follows from the work that it names: that gives the commit {made}, and it is {revision}. Its \
             tree, its parents or its message were edited"
        ));
    }
    Ok(opened)
}
