//! A run's names to another repository. Nothing is overwritten there: a name that is taken by something else says that
//! somebody else went on with the run.

use super::open::open;
use crate::workspace::{
    PlaneError, Quarantine, Remote, RemoteError, Repo, RepoError, Update, checkpoint_number,
};
use consort_core::ids::{CheckpointId, Revision, RunId};
use consort_core::time::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;

/// What was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Where to.
    pub remote: String,
    /// Checkpoints that are new there.
    pub checkpoints: Vec<CheckpointId>,
    /// Names that are new there or were moved on.
    pub names: usize,
    /// The latest checkpoint that is there now.
    pub newest: CheckpointId,
}

/// One of two sides that went on with the same run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Its commit; `None`: it has none of that name.
    pub commit: Option<Revision>,
    /// Hash of the journal record that the commit tells.
    pub head: Option<String>,
    /// Who had begun or resumed that run.
    pub by: Option<String>,
    /// When the checkpoint was made.
    pub at: Option<Timestamp>,
}

/// The same name means two things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// Full ref name.
    pub name: String,
    /// In this repository.
    pub here: Side,
    /// In the other one.
    pub there: Side,
}

impl Clash {
    /// What it is about: `CP-003`, `base`, `run`.
    pub fn leaf(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }
}

/// Why nothing was pushed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The run has no checkpoint yet.
    #[error("run {0} has no checkpoint yet, and only checkpoints can be gone on from elsewhere")]
    NoCheckpoint(RunId),
    /// Its plan holds what looks like a secret, and everybody there could read it.
    #[error("the plan of run {run} sets {names}, and whoever can read {remote} could read the value")]
    Secret {
        /// Which run.
        run: RunId,
        /// Names of variables.
        names: String,
        /// Where to.
        remote: String,
    },
    /// Somebody else went on with the run.
    #[error("somebody else went on with the run: {} is another one at {remote}", .clash.leaf())]
    Clash {
        /// Where.
        remote: String,
        /// What is different.
        clash: Box<Clash>,
    },
    /// No remote.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// Git or the file system.
    #[error(transparent)]
    Plane(#[from] PlaneError),
    /// This repository cannot be read.
    #[error(transparent)]
    Repo(#[from] RepoError),
}

impl From<crate::workspace::GitError> for PushError {
    fn from(error: crate::workspace::GitError) -> Self {
        PushError::Plane(error.into())
    }
}

/// All names of a run that others need, with their values.
struct Own {
    folder: String,
    branch: String,
    names: BTreeMap<String, Revision>,
    newest: CheckpointId,
}

impl Own {
    fn of(repo: &Repo, run: &RunId) -> Result<Self, PushError> {
        let folder = format!("refs/consort/{run}/");
        let branch = format!("refs/heads/consort/{run}/run");
        let all: BTreeMap<String, Revision> = repo.refs(&folder)?.into_iter().collect();
        let number = |name: &str| checkpoint_number(name.strip_prefix(&folder)?);
        let newest = all.keys().filter_map(|name| Some((number(name)?, name))).max();
        let Some((_, newest)) = newest else { return Err(PushError::NoCheckpoint(run.clone())) };
        let tasks = repo.refs_within(&format!("{folder}task"), &all[newest])?;
        let newest = CheckpointId(newest[folder.len()..].to_owned());
        let base = format!("{folder}base");
        let mut names: BTreeMap<String, Revision> =
            all.into_iter().filter(|(name, _)| *name == base || number(name).is_some()).collect();
        names.extend(tasks);
        if let Some(value) = repo.branch(&branch)? {
            names.insert(branch.clone(), value);
        }
        Ok(Self { folder, branch, names, newest })
    }

    fn number(&self, name: &str) -> Option<u32> {
        checkpoint_number(name.strip_prefix(&self.folder)?)
    }

    /// What is to be moved there; else the first name that means something else there.
    fn updates(&self, there: &BTreeMap<String, Revision>) -> Result<Vec<Update>, String> {
        let mut checkpoints: Vec<&String> =
            there.keys().chain(self.names.keys()).filter(|name| self.number(name).is_some()).collect();
        checkpoints.sort_by_key(|name| self.number(name));
        checkpoints.dedup();
        let own_newest = checkpoint_number(self.newest.as_str());
        for name in checkpoints {
            match (self.names.get(name), there.get(name)) {
                (Some(here), Some(there)) if here != there => return Err(name.clone()),
                // What came after the one that is the latest here is somebody else's.
                (None, Some(_)) if self.number(name) > own_newest => return Err(name.clone()),
                _ => {}
            }
        }
        let mut updates = Vec::new();
        for (name, to) in &self.names {
            let from = there.get(name).cloned();
            // The branch follows from commits that are ours too; no other name ever moves.
            let ours = |value: &Revision| {
                *name == self.branch
                    && self.names.iter().any(|(known, own)| *known != self.branch && own == value)
            };
            match &from {
                Some(value) if value == to => continue,
                Some(value) if !ours(value) => return Err(name.clone()),
                _ => updates.push(Update { name: name.clone(), to: to.clone(), from }),
            }
        }
        Ok(updates)
    }
}

/// Pushes a run's names to a remote: its base, its checkpoints, the accepted work that the latest one rests on, its
/// branch. All of them or none. `above` is a directory for what is needed meanwhile. Values of variables whose names look
/// like secrets are pushed only with `values_too`.
///
/// # Errors
/// See [`PushError`].
pub fn push(
    repo: &Repo,
    above: &Path,
    run: &RunId,
    given: Option<&str>,
    values_too: bool,
) -> Result<Pushed, PushError> {
    let remote = repo.remote(given)?;
    let own = Own::of(repo, run)?;
    if !values_too {
        no_secrets(repo, run, &own, &remote)?;
    }
    let quarantine = Quarantine::new(repo, above)?;
    quarantine.connect(repo)?;
    let wanted = [own.folder.clone(), own.branch.clone()];
    let mut there = quarantine.there(&remote, &wanted)?;
    let clash = |name: String, there: &BTreeMap<String, Revision>| PushError::Clash {
        remote: remote.name.clone(),
        clash: Box::new(described(&quarantine, repo, &remote, run, &own, name, there)),
    };
    let updates = own.updates(&there).map_err(|name| clash(name, &there))?;
    if !updates.is_empty()
        && let Err(error) = quarantine.put(&remote, &updates)
    {
        // Somebody may have been quicker: then that is what is to be told.
        there = quarantine.there(&remote, &wanted)?;
        own.updates(&there).map_err(|name| clash(name, &there))?;
        return Err(error.into());
    }
    let new = updates.iter().filter(|update| update.from.is_none() && own.number(&update.name).is_some());
    Ok(Pushed {
        checkpoints: new.map(|update| CheckpointId(update.name[own.folder.len()..].to_owned())).collect(),
        names: updates.len(),
        newest: own.newest.clone(),
        remote: remote.name,
    })
}

/// Values that a plan sets in the environment of agents are part of every checkpoint.
fn no_secrets(repo: &Repo, run: &RunId, own: &Own, remote: &Remote) -> Result<(), PushError> {
    let newest = &own.names[&format!("{}{}", own.folder, own.newest)];
    let Ok(opened) = open(repo, run, &own.newest, newest) else { return Ok(()) };
    let tasks = opened.plan.tasks.iter();
    let agents =
        tasks.flat_map(|task| [&task.creator, &task.critic, &task.judge].into_iter().chain(&task.panel));
    let mut names: Vec<&String> = agents
        .flat_map(|agent| std::iter::once(agent).chain(&agent.fallbacks))
        .flat_map(|agent| agent.env_set.iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name))
        .filter(|name| crate::agents::is_secret_name(name))
        .collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    Err(PushError::Secret { run: run.clone(), names: names.join(", "), remote: remote.name.clone() })
}

fn described(
    quarantine: &Quarantine,
    repo: &Repo,
    remote: &Remote,
    run: &RunId,
    own: &Own,
    name: String,
    there: &BTreeMap<String, Revision>,
) -> Clash {
    // Without it only the commit is known.
    let _ = quarantine.get(remote, std::slice::from_ref(&name));
    let here = own.names.get(&name).map(|commit| side(repo, run, &name, commit));
    // Where it has none of that name, its latest one says where it stands.
    let here = here.unwrap_or_else(|| {
        let newest = format!("{}{}", own.folder, own.newest);
        Side { commit: None, ..side(repo, run, &newest, &own.names[&newest]) }
    });
    let there =
        there.get(&name).map(|commit| side(quarantine.repo(), run, &name, commit)).unwrap_or_default();
    Clash { name, here, there }
}

pub(super) fn side(repo: &Repo, run: &RunId, name: &str, commit: &Revision) -> Side {
    let bare = Side { commit: Some(commit.clone()), ..Side::default() };
    let info = repo.commit(commit).ok().flatten();
    let line = |wanted: &str| {
        let message = info.as_ref().map(|info| info.message.as_str()).unwrap_or_default();
        message.lines().find_map(|line| line.strip_prefix(wanted)).map(str::to_owned)
    };
    let id =
        line("Consort-Checkpoint: ").unwrap_or_else(|| name.rsplit('/').next().unwrap_or_default().into());
    match open(repo, run, &CheckpointId(id), commit) {
        Ok(opened) => Side {
            head: Some(opened.point.head.clone()),
            by: Some(opened.point.by.clone()),
            at: Some(opened.point.prepared_at()),
            ..bare
        },
        Err(_) => Side { head: line("Consort-Journal: "), ..bare },
    }
}
