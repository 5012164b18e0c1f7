//! What is really there, for the auditor: nothing here believes a runner.

use crate::support::World;
use consort_core::ids::{AttemptId, ContentHash, Revision};
use consort_core::plan::Plan;
use consort_core::run::{Command, EventKind, Input, StartRun, named_by};
use consort_local::journal::Reader;
use consort_local::verify::verify;
use consort_testing::audit::{Violation, audit_all};
use consort_testing::sim::{Record, Seen, Started};
use consort_worker::store::Store;
use consort_worker::workspace::{Git, Repo};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A change of a ref that the test saw happen: name, before, after.
pub(crate) type Moved = (String, Option<Revision>, Revision);

/// The records of a journal, as far as they can be read.
pub(crate) fn records(run_dir: &Path) -> Vec<Record> {
    let Ok(reader) = Reader::open(run_dir) else { return Vec::new() };
    let Ok(records) = reader.records(0) else { return Vec::new() };
    let record = |r: consort_local::journal::Record| Record {
        seq: r.seq,
        now: r.now,
        cause: r.cause,
        events: r.events,
    };
    records.map_while(|r| r.ok().map(record)).collect()
}

/// What the auditor finds in journal, store, repository and process table, and after it what
/// `verify` finds; `moved`: changes of refs that were seen from outside.
pub(crate) fn audited(world: &World, run: &str, moved: &[Moved]) -> Vec<Violation> {
    let run_dir = world.repo().join(".consort/runs").join(run);
    let store = Store::new(world.repo().join(".consort/store"));
    let records = records(&run_dir);
    let start = start_of(&records);
    // A run without a base has nothing to do with the repository around it.
    let repo =
        start.base.as_ref().map(|_| Repo::discover(&Git::find().unwrap(), &world.repo()).unwrap().unwrap());
    let plan: Plan = serde_json::from_slice(&store.get(&start.plan).unwrap().unwrap()).unwrap();
    let mut seen = seen(world, run, repo.as_ref(), &records);
    seen.trees.extend(plain_trees(&store, &records));
    seen.reflog.extend_from_slice(moved);
    let named = records.iter().flat_map(|record| named_by(&record.events));
    let known = named.map(|hash| {
        let plan: Plan = serde_json::from_slice(&store.get(hash).unwrap().unwrap()).unwrap();
        (hash.clone(), plan)
    });
    let mut found = audit_all(&plan, &known.collect(), &records, Some(&seen));
    match verify(&run_dir, &store, repo.as_ref()) {
        Ok(report) => {
            for check in report.checks {
                let fault = |f: consort_local::verify::Fault| Violation {
                    seq: None,
                    rule: check.name,
                    what: format!("verify: {}: {}", f.place, f.why),
                };
                found.extend(check.faults.into_iter().map(fault));
            }
        }
        Err(error) => found.push(Violation { seq: None, rule: "verify", what: error.to_string() }),
    }
    found
}

fn start_of(records: &[Record]) -> &StartRun {
    let start = records.iter().find_map(|r| match &r.cause {
        Input::Command { command: Command::Start(start), .. } => Some(start),
        _ => None,
    });
    start.expect("the journal has a start")
}

fn seen(world: &World, run: &str, repo: Option<&Repo>, records: &[Record]) -> Seen {
    let refs = repo.map(|repo| refs(repo, run)).unwrap_or_default();
    let mut commits: Vec<Revision> = refs.values().cloned().collect();
    for event in records.iter().flat_map(|r| &r.events) {
        match &event.kind {
            EventKind::TaskAccepted { candidate, .. } => commits.push(candidate.revision.clone()),
            EventKind::BarrierMerged { revision, .. } | EventKind::CheckpointCreated { revision, .. } => {
                commits.push(revision.clone());
            }
            _ => {}
        }
    }
    commits.sort();
    commits.dedup();
    let trees = commits
        .into_iter()
        .filter(|c| !c.is_plain())
        .filter_map(|c| Some((c.clone(), tree(world, repo?, &c)?)));
    Seen {
        ledger: ledger(world, records.len() as u64),
        refs,
        reflog: Vec::new(),
        trees: trees.collect(),
        alive: alive(world).into_iter().filter_map(|p| p.attempt).collect(),
        heard: Vec::new(),
    }
}

/// Refs of the run, tasks named as the auditor names them: `task/<id>--<generation>`.
fn refs(repo: &Repo, run: &str) -> BTreeMap<String, Revision> {
    let folder = format!("refs/consort/{run}/");
    let named = |(name, to): (String, Revision)| {
        let name = name.strip_prefix(&folder)?.to_owned();
        let of_task = name.starts_with("task/") || name.starts_with("abandoned/");
        let first = of_task && !name.rsplit_once("--").is_some_and(|(_, n)| is_number(n));
        Some((if first { format!("{name}--1") } else { name }, to))
    };
    repo.refs(&folder).unwrap().into_iter().filter_map(named).collect()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn tree(
    world: &World,
    repo: &Repo,
    commit: &Revision,
) -> Option<BTreeMap<String, consort_core::ids::ContentHash>> {
    repo.commit(commit).unwrap()?;
    let names = world.git(&["-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", commit.as_str()]);
    let paths: Vec<String> = names.lines().map(str::to_owned).collect();
    let files = repo.show_all(commit, &paths).unwrap();
    let hashed =
        paths.into_iter().zip(files).filter_map(|(path, bytes)| Some((path, Store::hash_of(&bytes?))));
    Some(hashed.collect())
}

/// What checkpoints without git hold: a list of files with their hashes in the store.
fn plain_trees(store: &Store, records: &[Record]) -> Vec<(Revision, BTreeMap<String, ContentHash>)> {
    let made = |e: &consort_core::run::Event| match &e.kind {
        EventKind::CheckpointCreated { revision, .. } if revision.is_plain() => Some(revision.clone()),
        _ => None,
    };
    let tree = |revision: Revision| {
        let list = ContentHash(revision.as_str().strip_prefix("plain:")?.to_owned());
        let value: serde_json::Value = serde_json::from_slice(&store.get(&list).ok()??).ok()?;
        let files = value["files"].as_object()?.iter();
        let hashed = files.map(|(path, file)| {
            (path.clone(), ContentHash(file["hash"].as_str().unwrap_or_default().into()))
        });
        Some((revision.clone(), hashed.collect()))
    };
    records.iter().flat_map(|r| &r.events).filter_map(made).filter_map(tree).collect()
}

/// Every start that left a trace: an attempt's claim, or a line that its agent wrote into
/// `$HOME/ledger`. `durable`: as many records as there are now, so the ledger is to be read when
/// nothing is running.
fn ledger(world: &World, durable: u64) -> Vec<Started> {
    let mut times: BTreeMap<AttemptId, usize> = BTreeMap::new();
    for dir in below(&world.path("state"), "attempts") {
        for attempt in fs::read_dir(dir).unwrap().flatten() {
            let claim = fs::read_to_string(attempt.path().join("claim")).unwrap_or_default();
            if claim.starts_with("supervisor") || claim.starts_with("direct") {
                times.insert(of_slug(&attempt.file_name().to_string_lossy()), 1);
            }
        }
    }
    let written = fs::read_to_string(world.path("home/ledger")).unwrap_or_default();
    let mut lines: BTreeMap<AttemptId, usize> = BTreeMap::new();
    for line in written.lines() {
        *lines.entry(of_slug(line)).or_default() += 1;
    }
    for (attempt, n) in lines {
        let times = times.entry(attempt).or_default();
        *times = n.max(*times);
    }
    let entry = |(attempt, n): (AttemptId, usize)| vec![Started { attempt, durable, begun: None }; n];
    times.into_iter().flat_map(entry).collect()
}

/// Directories of this name, not deeper than those of a run.
fn below(dir: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![(dir.to_owned(), 0)];
    while let Some((dir, depth)) = open.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_name() == name {
                found.push(entry.path());
            } else if depth < 3 && entry.file_type().is_ok_and(|t| t.is_dir()) {
                open.push((entry.path(), depth + 1));
            }
        }
    }
    found
}

/// Lock files below a git directory.
pub(crate) fn locks(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            found.extend(locks(&path));
        } else if path.extension().is_some_and(|e| e == "lock") {
            found.push(path);
        }
    }
    found
}

/// `task--1-2-3--step`.
fn of_slug(slug: &str) -> AttemptId {
    let (rest, step) = slug.rsplit_once("--").unwrap();
    let (task, numbers) = rest.rsplit_once("--").unwrap();
    format!("{task}/{}/{step}", numbers.replace('-', ".")).parse().unwrap()
}

/// A process that belongs to this world.
#[derive(Clone, Debug)]
pub(crate) struct Living {
    pub pid: i32,
    /// Which attempt it is of; `None`: runner, supervisor.
    pub attempt: Option<AttemptId>,
    /// Its command line.
    pub command: String,
}

/// Processes whose environment names directories of this world.
pub(crate) fn alive(world: &World) -> Vec<Living> {
    let mark = world.path("").to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
        let environment = String::from_utf8_lossy(&environment);
        if !environment.contains(&mark) {
            continue;
        }
        let slug = environment.split('\0').find_map(|line| line.strip_prefix("CONSORT_ATTEMPT="));
        let attempt = slug.filter(|slug| slug.contains("--")).map(of_slug);
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        found.push(Living { pid, attempt, command: String::from_utf8_lossy(&command).replace('\0', " ") });
    }
    found
}
