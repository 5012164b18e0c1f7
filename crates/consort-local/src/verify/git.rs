//! Checkpoints, rendered again and compared byte by byte; and where names point.

use super::work::wrong_bytes;
use super::{Check, Evidence, Prepared, counted};
use consort_core::ids::{CheckpointId, Revision};
use consort_core::run::{Artifact, Checkpoint, Past, State};
use consort_core::view::VIEW_VERSION;
use consort_worker::hands::CheckpointContent;
use consort_worker::remote::{open, resume_line};
use consort_worker::workspace::accepted_leaf;
use std::collections::BTreeMap;

/// Every checkpoint holds the state files of its state, its record's hash, and all accepted work.
pub(super) fn checkpoints(
    state: &State,
    prepared: &BTreeMap<CheckpointId, Prepared>,
    evidence: Evidence<'_>,
) -> Check {
    let mut check = Check::new("checkpoints");
    let (mut files, mut others) = (0, 0);
    let carried = carried(state);
    for (at, checkpoint) in state.checkpoints.iter().enumerate() {
        let Some(revision) = &checkpoint.revision else { continue };
        let place = checkpoint.id.to_string();
        if at < carried {
            from_elsewhere(&mut check, state, checkpoint, revision, evidence);
            continue;
        }
        check.count += 1;
        let Some(prepared) = prepared.get(&checkpoint.id) else {
            check.fault(place, "no record prepared it");
            continue;
        };
        match &prepared.content {
            Ok(content) => {
                if is_of_this_view(revision, evidence) {
                    files += content.files.len() as u64;
                    same_files(&mut check, &place, revision, content, evidence);
                } else {
                    others += 1;
                }
                same_commit(&mut check, checkpoint, revision, content, evidence);
            }
            Err(why) => check.fault(&*place, format!("it cannot be rendered: {why}")),
        }
        let artifacts: Vec<Artifact> =
            prepared.artifacts.iter().map(|(_, artifact)| artifact.clone()).collect();
        for why in wrong_bytes(evidence, revision, &artifacts) {
            check.fault(&*place, why);
        }
    }
    let mut summary = format!(
        "{} rendered again, {} are the same bytes",
        counted(check.count - others, "checkpoint"),
        counted(files, "file")
    );
    if others > 0 {
        summary += &format!(
            "; the files of {} were rendered by another version and are unchecked",
            counted(others, "checkpoint")
        );
    }
    if carried > 0 {
        summary += &format!("; {} made elsewhere", counted(carried as u64, "checkpoint"));
    }
    check.said(summary)
}

/// How many checkpoints the run brought with it when it came here: the first ones.
fn carried(state: &State) -> usize {
    let so_far = state.graph.kept.as_ref().and_then(|kept| kept.so_far.as_ref());
    so_far.map_or(0, |so_far| so_far.checkpoints.len())
}

/// The one that the run came here with is what it says; those before it may not be here at all.
fn from_elsewhere(
    check: &mut Check,
    state: &State,
    checkpoint: &Checkpoint,
    revision: &Revision,
    evidence: Evidence<'_>,
) {
    let resumed = state.start.as_ref().and_then(|start| start.from.as_ref()?.resumed.as_ref());
    let (Some(repo), Some(start), Some(resumed)) = (evidence.repo, &state.start, resumed) else { return };
    if resumed.commit != *revision {
        return;
    }
    match open(repo, &start.run, &checkpoint.id, revision) {
        Ok(opened) => check.unless(opened.point.head == resumed.head, checkpoint.id.as_str(), || {
            format!("it tells the journal up to {}, record 1 says {}", opened.point.head, resumed.head)
        }),
        Err(fault) => check.fault(checkpoint.id.as_str(), fault.to_string()),
    }
}

/// True unless the checkpoint says that its files were rendered by another version. It cannot be made to
/// say so later: its commit's id is in the journal.
fn is_of_this_view(revision: &Revision, evidence: Evidence<'_>) -> bool {
    let Some(repo) = evidence.repo.filter(|_| !revision.is_plain()) else { return true };
    let Ok(Some(info)) = repo.commit(revision) else { return true };
    info.message.lines().any(|line| line == format!("Consort-View: {VIEW_VERSION}"))
}

fn same_files(
    check: &mut Check,
    place: &str,
    revision: &Revision,
    content: &CheckpointContent,
    evidence: Evidence<'_>,
) {
    let paths: Vec<String> = content.files.iter().map(|(path, _)| path.clone()).collect();
    match evidence.files(revision, &paths) {
        Ok(found) => {
            for ((path, right), found) in content.files.iter().zip(found) {
                match found {
                    Some(bytes) if bytes == *right => {}
                    Some(bytes) => check.fault(place, format!("`{path}`: {}", difference(right, &bytes))),
                    None => check.fault(place, format!("`{path}` is not in {revision}")),
                }
            }
        }
        Err(why) => check.fault(place, format!("{revision} cannot be read: {why}")),
    }
}

/// Where two texts part.
fn difference(right: &[u8], found: &[u8]) -> String {
    let same = right.iter().zip(found).take_while(|(a, b)| a == b).count();
    let line = right[..same].iter().filter(|b| **b == b'\n').count() + 1;
    format!("it is not what the state of its record renders to, from line {line} on")
}

/// The message names the record and its hash; the parents are tips of that state.
fn same_commit(
    check: &mut Check,
    checkpoint: &Checkpoint,
    revision: &Revision,
    content: &CheckpointContent,
    evidence: Evidence<'_>,
) {
    let Some(repo) = evidence.repo.filter(|_| !revision.is_plain()) else { return };
    let place = checkpoint.id.as_str();
    let info = match repo.commit(revision) {
        Ok(Some(info)) => info,
        Ok(None) => return check.fault(place, format!("its commit {revision} is not there")),
        Err(error) => return check.fault(place, error.to_string()),
    };
    let mut lines = vec![
        format!("Consort-Journal: {}", content.journal_head),
        format!("Consort-Record: {}", checkpoint.seq),
    ];
    if is_of_this_view(revision, evidence) {
        lines.extend(resume_line(&content.files).lines().map(str::to_owned));
    }
    for line in lines {
        let said = info.message.lines().any(|l| l == line);
        check.unless(said, place, || format!("the message of its commit does not say `{line}`"));
    }
    // Work that was done without git is laid on the base in a commit of its own.
    let plain = content.tips.iter().any(|tip| tip.revision.is_plain());
    for parent in &info.parents {
        let known = content.tips.iter().any(|tip| tip.revision == *parent);
        check.unless(known || plain, place, || format!("its parent {parent} was not accepted by then"));
    }
}

/// Names in the repository point where the journal says.
pub(super) fn refs(state: &State, evidence: Evidence<'_>) -> Check {
    let mut check = Check::new("refs");
    let base = state.start.as_ref().and_then(|start| start.base.clone());
    let (Some(repo), Some(base), Some(start)) = (evidence.repo, base, &state.start) else {
        return check.said("none: the run works in plain directories".into());
    };
    let folder = format!("refs/consort/{}", start.run);
    let found: BTreeMap<String, Revision> = match repo.refs(&folder) {
        Ok(found) => found.into_iter().collect(),
        Err(error) => {
            check.fault(folder, error.to_string());
            return check.said("they cannot be read".into());
        }
    };
    let mut right = vec![(format!("{folder}/base"), base)];
    // A run that came here from another clone has that checkpoint under its own name.
    let forked = start.from.as_ref().filter(|from| from.resumed.is_none());
    let origin = forked.map(|from| from.origin.revision.clone()).filter(|r| !r.is_plain());
    right.extend(origin.map(|revision| (format!("{folder}/from"), revision)));
    let tasks = state.graph.plan.tasks.iter().zip(&state.tasks);
    let accepted = tasks.filter_map(|(task, it)| {
        Some((accepted_leaf(&task.id, it.generation), it.accepted()?.revision.clone()))
    });
    right.extend(accepted.filter(|(_, r)| !r.is_plain()).map(|(id, r)| (format!("{folder}/task/{id}"), r)));
    right.extend(given_up(state, &folder));
    let made = state.checkpoints.iter().filter_map(|c| Some((&c.id, c.revision.clone()?)));
    right.extend(made.map(|(id, r)| (format!("{folder}/{id}"), r)));
    // Of those that were made elsewhere, only what was fetched is here.
    let elsewhere = state.checkpoints.iter().filter(|c| c.is_from_elsewhere());
    let elsewhere: Vec<String> = elsewhere.map(|c| format!("{folder}/{}", c.id)).collect();
    for (name, revision) in &right {
        if elsewhere.contains(name) && !found.contains_key(name) {
            continue;
        }
        check.count += 1;
        match found.get(name) {
            Some(value) if value == revision => {}
            Some(value) => check.fault(&**name, format!("it is at {value}, the journal says {revision}")),
            None => check.fault(&**name, format!("it is not there; the journal says {revision}")),
        }
    }
    let known = |name: &str| right.iter().any(|(n, _)| n == name);
    let leaf = |name: &&String| {
        name.starts_with(&format!("{folder}/task/")) || name.starts_with(&format!("{folder}/CP-"))
    };
    for name in found.keys().filter(leaf).filter(|name| !known(name)) {
        // The step between a ref and its record: the next runner writes the record.
        let under_way = state.status == consort_core::run::RunStatus::Active;
        check.unless(under_way, name, || "the journal knows nothing of it".into());
    }
    let summary = format!("{} point where the journal says", counted(check.count, "name"));
    check.said(summary)
}

/// Work that was accepted and given up: under `abandoned/` since the rollback after that, until then where it was.
fn given_up(state: &State, folder: &str) -> Vec<(String, Revision)> {
    let rewound = state.rollbacks.iter().filter(|it| it.rewound).filter_map(|it| it.seq).max();
    let mut names = BTreeMap::new();
    for past in &state.past {
        let Past::Task { task, until, was } = past else { continue };
        let Some(revision) = was.candidate.as_ref().map(|c| c.revision.clone()).filter(|r| !r.is_plain())
        else {
            continue;
        };
        let now = state.graph.ix(task).map(|ix| &state.tasks[ix]);
        if now.is_some_and(|now| now.accepted().is_some() && now.generation == was.generation) {
            continue;
        }
        let tidied = state.changes.iter().any(|change| change.seq == *until && change.tidied);
        let away = tidied || rewound.is_some_and(|seq| *until <= seq);
        let place = if away { "abandoned" } else { "task" };
        names.insert(format!("{folder}/{place}/{}", accepted_leaf(task, was.generation)), revision);
    }
    names.into_iter().collect()
}
