//! A run's names from another repository: into a quarantine, verified there, and named here only if every one of them is
//! what it says.

use super::open::{Fault, Opened, verified};
use super::push::{Clash, side};
use crate::workspace::{GitError, PlaneError, Quarantine, RemoteError, Repo, RepoError, checkpoint_number};
use consort_core::ids::{CheckpointId, Revision, RunId};
use consort_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Where from.
    pub remote: String,
    /// The folder that they are named in here.
    pub folder: String,
    /// All checkpoints that are there, in order.
    pub checkpoints: Vec<CheckpointId>,
    /// Those that were not here before.
    pub new: Vec<CheckpointId>,
    /// Who had begun or resumed the run that made the latest one, and when that was made.
    pub by: Option<(String, Timestamp)>,
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The run is not there.
    #[error("{remote} has no run {run}{}", known_runs(.known))]
    NotThere {
        /// Which.
        run: RunId,
        /// Where.
        remote: String,
        /// Runs that are there.
        known: Vec<String>,
    },
    /// Some of them are not what they say.
    #[error("nothing was fetched: not every checkpoint of {run} at {remote} is what it says")]
    Refused {
        /// Which run.
        run: RunId,
        /// Where.
        remote: String,
        /// Which checkpoints, and why.
        faults: Vec<(String, String)>,
    },
    /// A name means something else here.
    #[error("{} of this run is another one here than at {remote}", .clash.leaf())]
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

impl From<GitError> for FetchError {
    fn from(error: GitError) -> Self {
        FetchError::Plane(error.into())
    }
}

fn known_runs(known: &[String]) -> String {
    match known {
        [] => ". It has none at all: `consort push RUN` brings one there".into(),
        known => format!(". It has {}", known.join(", ")),
    }
}

/// The name of a remote as a part of ref names.
fn leaf_of(remote: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
    let leaf: String = remote.chars().map(fit).take(60).collect();
    match leaf.trim_matches('-') {
        "" => "remote".into(),
        leaf => leaf.to_owned(),
    }
}

/// Fetches and verifies a run's checkpoints. Where this repository has a journal of the run (`is_ours`), they get names
/// of their own, beside ours. `above` is a directory for what is needed meanwhile.
///
/// # Errors
/// See [`FetchError`]; then nothing is here that was not here before.
pub fn fetch(
    repo: &Repo,
    above: &Path,
    run: &RunId,
    given: Option<&str>,
    is_ours: bool,
    at: Timestamp,
) -> Result<Fetched, FetchError> {
    let remote = repo.remote(given)?;
    let quarantine = Quarantine::new(repo, above)?;
    quarantine.connect(repo)?;
    let (folder, branch) = (format!("refs/consort/{run}/"), format!("refs/heads/consort/{run}/run"));
    let there = quarantine.there(&remote, &[folder.clone(), branch.clone()])?;
    let number = |name: &str| checkpoint_number(name.strip_prefix(&folder)?);
    let base = format!("{folder}base");
    let wanted: BTreeMap<&String, &Revision> = there
        .iter()
        .filter(|(name, _)| number(name).is_some() || **name == base || **name == branch)
        .collect();
    let mut checkpoints: Vec<(u32, CheckpointId, Revision)> = wanted
        .iter()
        .filter_map(|(name, value)| {
            Some((number(name)?, CheckpointId(name[folder.len()..].to_owned()), (*value).clone()))
        })
        .collect();
    checkpoints.sort();
    if checkpoints.is_empty() {
        let all = quarantine.there(&remote, &["refs/consort/".to_owned()])?;
        let known: BTreeSet<&str> = all.keys().filter_map(|name| name.split('/').nth(2)).collect();
        let known = known.into_iter().map(str::to_owned).take(10).collect();
        return Err(FetchError::NotThere { run: run.clone(), remote: remote.name, known });
    }
    let names: Vec<String> = wanted.keys().map(|name| (*name).clone()).collect();
    quarantine.get(&remote, &names)?;
    let checked = Checked::of(&quarantine, run, &checkpoints, there.get(&base));
    if !checked.faults.is_empty() {
        let faults = checked.faults;
        return Err(FetchError::Refused { run: run.clone(), remote: remote.name, faults });
    }
    let to = match is_ours {
        true => format!("refs/consort-remotes/{}/{run}/", leaf_of(&remote.name)),
        false => folder.clone(),
    };
    let here: BTreeMap<String, Revision> = repo.refs(&to)?.into_iter().collect();
    let (mut new, mut over) = (Vec::new(), Vec::new());
    for (name, value) in wanted.iter().filter(|(name, _)| name.starts_with(&folder)) {
        let own = format!("{to}{}", &name[folder.len()..]);
        match here.get(&own) {
            Some(known) if known == *value => {}
            Some(_) if is_ours => over.push((own, (*value).clone())),
            Some(known) => {
                let clash = Clash {
                    here: side(repo, run, &own, known),
                    there: side(quarantine.repo(), run, name, value),
                    name: own,
                };
                return Err(FetchError::Clash { remote: remote.name, clash: Box::new(clash) });
            }
            None => new.push((own, (*value).clone())),
        }
    }
    if !is_ours && let Some(value) = there.get(&branch) {
        follows(repo, &branch, value, &there, &mut new, &mut over)?;
    }
    quarantine.bring(repo, &new, &over, at)?;
    let is_new = |id: &CheckpointId| new.iter().chain(&over).any(|(name, _)| *name == format!("{to}{id}"));
    let newest = checked.newest.map(|opened| (opened.point.by.clone(), opened.point.prepared_at()));
    Ok(Fetched {
        new: checkpoints.iter().map(|(_, id, _)| id.clone()).filter(is_new).collect(),
        checkpoints: checkpoints.into_iter().map(|(_, id, _)| id).collect(),
        remote: remote.name,
        folder: to,
        by: newest,
    })
}

/// The run's branch, if it is at one of the checkpoints there, follows where it stands at one of them here.
fn follows(
    repo: &Repo,
    branch: &str,
    value: &Revision,
    there: &BTreeMap<String, Revision>,
    new: &mut Vec<(String, Revision)>,
    over: &mut Vec<(String, Revision)>,
) -> Result<(), FetchError> {
    let is_one = |value: &Revision| there.iter().any(|(name, known)| name != branch && known == value);
    match repo.branch(branch)? {
        _ if !is_one(value) => {}
        None => new.push((branch.to_owned(), value.clone())),
        Some(now) if now != *value && is_one(&now) && !repo.is_checked_out(branch)? => {
            over.push((branch.to_owned(), value.clone()));
        }
        Some(_) => {}
    }
    Ok(())
}

/// Which of them are what they say.
struct Checked {
    faults: Vec<(String, String)>,
    newest: Option<Opened>,
}

impl Checked {
    fn of(
        quarantine: &Quarantine,
        run: &RunId,
        checkpoints: &[(u32, CheckpointId, Revision)],
        base: Option<&Revision>,
    ) -> Self {
        let (mut faults, mut older, mut newest) = (Vec::new(), Vec::new(), None);
        // A later one names the commits of those before it.
        let mut vouched: BTreeMap<CheckpointId, Revision> = BTreeMap::new();
        for (_, id, revision) in checkpoints {
            match verified(quarantine, run, id, revision) {
                Ok(opened) => {
                    let named = opened.point.so_far.checkpoints.iter();
                    vouched.extend(named.filter_map(|c| Some((c.id.clone(), c.revision.clone()?))));
                    if opened.point.base.as_ref() != base {
                        let why = format!(
                            "it rests on {}, and the base of the run there is {}",
                            opened.point.base.as_ref().map_or("nothing", Revision::as_str),
                            base.map_or("not there", Revision::as_str)
                        );
                        faults.push((id.to_string(), why));
                    }
                    newest = Some(opened);
                }
                Err(Fault::Older) => older.push((id, revision)),
                Err(fault) => faults.push((id.to_string(), fault.to_string())),
            }
        }
        for (id, revision) in older {
            if vouched.get(id) != Some(revision) {
                faults.push((id.to_string(), Fault::Older.to_string()));
            }
        }
        Checked { faults, newest }
    }
}
