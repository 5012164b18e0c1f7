//! `consort why COMMIT|FILE`

mod aim;
mod lines;

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::place::{Place, Run};
use crate::report::story::{Agent, Compared, Position, Story, Told};
use aim::{Aim, Seen};
use clap::Args;
use consort_core::ids::{ContentHash, RunId};
use consort_core::run::{ARTIFACTS_MAX, Candidate, State};
use consort_core::time::Timestamp;
use consort_core::view::clean;
use consort_core::view::model::run_view;
use consort_core::view::origin::{Merge, MergeKind, Origins, RecordRef, Version};
use consort_local::journal::Reader;
use consort_local::replay::{Replayed, before_first, catch_up};
use consort_worker::store::Store;
use consort_worker::workspace::Repo;
use serde::Serialize;

/// What is said of a file in the checkout.
const SAME: &str = "the same bytes";
const MERGED: &str = "as the run merged it with other tasks' work";
const CHANGED: &str = "changed since by somebody else";

/// Tells which agent wrote a commit or a file, from what, and by whose judgement it counts.
///
/// Everything comes from the journals of the runs here. A name that is a file in the checkout is
/// taken for that file, else for a commit, else for a file that only a run has.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  consort why docs/decision.md\n  consort why HEAD\n  consort why refs/consort/review-2026/CP-003 --run review-2026"
)]
pub(crate) struct Why {
    /// A commit, as git understands it, or a file: from here, or from the top of the repository.
    #[arg(value_name = "COMMIT|FILE")]
    what: String,
    /// Only this run: its id, or the beginning of it. Else all, the newest first.
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Prints {commit, file, works: [{run, task, role, agent, standing, round, attempt, revision, inputs,
    /// reviews, judges, composite, threshold, criteria, approvals, overrides, left_out, checkpoints, barriers, record,
    /// head, file: {accepted_sha256, checkout_sha256, says}, …}], merges: [{run, kind, name, holds, record, …}]}.
    #[arg(long)]
    json: bool,
}

/// What was found in one run.
#[derive(Default)]
struct Found {
    began: Timestamp,
    works: Vec<Story>,
    merges: Vec<Merged>,
    /// What the run knows of it that is no work of an agent.
    hint: Option<String>,
}

/// A commit of the engine's own, with the tasks in it.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Merged {
    run: String,
    title: String,
    rehearsal: bool,
    kind: &'static str,
    name: String,
    /// After what a checkpoint was made.
    subject: Option<String>,
    revision: String,
    holds: Vec<Held>,
    record: Position,
    head: Position,
}

/// One task in it.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Held {
    task: String,
    role: String,
    revision: String,
    agent: Agent,
}

pub(crate) fn run(ctx: &Context, args: &Why) -> Result<u8, Failure> {
    let (place, repo) = Place::with_repo(&ctx.dir)?;
    let aim = aim::aim(ctx, &place, repo.as_ref(), &args.what)?;
    let runs = runs(&place, args.run.as_deref())?;
    let mut all = Vec::new();
    for run in &runs {
        match in_run(&place, run, repo.as_ref(), &aim) {
            Ok(found) => all.push(found),
            // One damaged journal must not hide the others, unless it is the one that was asked for.
            Err(failure) if args.run.is_some() => return Err(failure),
            Err(failure) => ctx.out.notice(&format!("run {} is left out: {}", run.id, failure.what)),
        }
    }
    // The newest run first; of runs that began at once, the one with the later number.
    all.reverse();
    all.sort_by_key(|found| std::cmp::Reverse(found.began));
    let hints: Vec<String> = all.iter().filter_map(|f| f.hint.clone()).collect();
    let mut works: Vec<Story> = all.iter_mut().flat_map(|f| std::mem::take(&mut f.works)).collect();
    replaced(&mut works);
    let merges: Vec<Merged> = all.into_iter().flat_map(|f| f.merges).collect();
    if works.is_empty() && merges.is_empty() {
        return Err(nothing(&place, &aim, &args.what, &runs, hints));
    }
    if args.json {
        let (commit, file) = aim.names();
        ctx.out.shaped(
            "why",
            &serde_json::json!({ "commit": commit, "file": file, "works": works, "merges": merges }),
        )?;
    } else {
        let texts = works.iter().map(lines::of_work).chain(merges.iter().map(lines::of_merge));
        ctx.out.print(&texts.collect::<Vec<_>>().join("\n"))?;
    }
    Ok(exit::DONE)
}

fn runs(place: &Place, named: Option<&str>) -> Result<Vec<Run>, Failure> {
    if named.is_some() {
        return Ok(vec![place.run(named)?]);
    }
    let run = |id: RunId| Ok(Run { dir: place.places.existing_run(&id)?, id });
    place.places.list_runs()?.into_iter().map(run).collect()
}

/// The run as it is now, and what its records say of commits.
fn told(place: &Place, run: &Run) -> Result<(Replayed, Origins), Failure> {
    let reader = Reader::open(&run.dir)?;
    let mut origins = Origins::default();
    let store = place.places.open_store();
    let before = before_first(&reader, &store)?;
    let replayed = catch_up(&reader, &store, before, |state, record| {
        let at = RecordRef { seq: record.seq, hash: record.hash.to_string(), at: record.now };
        origins.take(state, &at, &record.events);
    })?;
    Ok((replayed, origins))
}

fn in_run(place: &Place, run: &Run, repo: Option<&Repo>, aim: &Aim) -> Result<Found, Failure> {
    let (replayed, origins) = told(place, run)?;
    let state = &replayed.state;
    let view = run_view(state);
    let head = Position { seq: replayed.head.seq, hash: replayed.head.hash.to_string() };
    let told = Told { state, view: &view, origins: &origins, head: &head };
    let mut found = Found { began: state.started_at, ..Found::default() };
    match aim {
        Aim::Commit(id) => of_commit(&told, id, &mut found),
        Aim::File { paths, seen } => of_file(&told, repo, paths, seen, &mut found)?,
    }
    Ok(found)
}

/// A commit may be several things at once: a barrier that merges one task is that task's commit. What
/// says most about it counts.
fn of_commit(told: &Told<'_>, id: &str, found: &mut Found) {
    let is = |revision: &str| revision.starts_with(id);
    let origins = told.origins;
    let made = |v: &&Version| is(v.candidate.revision.as_str());
    found.works = origins.accepted.iter().rev().filter(made).map(|v| told.story(v, true)).collect();
    if found.works.is_empty() {
        found.works.extend(origins.captured.iter().rev().find(made).map(|v| told.story(v, false)));
    }
    let merges = origins.merges.iter().filter(|m| is(m.revision.as_str()));
    let base = |m: &&Merge| m.kind == MergeKind::Base && m.holds.is_empty();
    if found.works.is_empty() {
        found.merges.extend(merges.filter(|m| !base(m)).min_by_key(|m| m.kind).map(|m| merged(told, m)));
    }
    let start = told.state.start.as_ref().and_then(|s| s.base.as_ref());
    if start.is_some_and(|base| is(base.as_str())) {
        found.hint = Some(format!("run {} began at it: what was there before is not a run's", told.view.id));
    }
}

fn merged(told: &Told<'_>, merge: &Merge) -> Merged {
    let plan = &told.state.graph.plan;
    let held = |(task, revision): &(consort_core::ids::TaskId, consort_core::ids::Revision)| {
        let of = plan.task(task)?;
        let (task, revision) = (task.to_string(), revision.to_string());
        Some(Held { task, role: clean(&of.role), revision, agent: Agent::of(&of.creator) })
    };
    let checkpoint = told.view.checkpoints.iter().find(|c| c.id == merge.name);
    Merged {
        run: told.view.id.clone(),
        title: told.view.title.clone(),
        rehearsal: told.view.rehearsal,
        kind: match merge.kind {
            MergeKind::Checkpoint => "checkpoint",
            MergeKind::Barrier => "barrier",
            MergeKind::Integration => "integration",
            MergeKind::Base => "base",
        },
        name: clean(&merge.name),
        subject: checkpoint.map(|c| c.subject.clone()),
        revision: merge.revision.to_string(),
        holds: merge.holds.iter().filter_map(held).collect(),
        record: Position::from(&merge.record),
        head: Position { seq: told.head.seq, hash: told.head.hash.clone() },
    }
}

fn of_file(
    told: &Told<'_>,
    repo: Option<&Repo>,
    paths: &[String],
    seen: &Seen,
    found: &mut Found,
) -> Result<(), Failure> {
    // Accepted last, told first: it may have replaced the others.
    for version in told.origins.accepted.iter().rev() {
        let Some((path, hash)) = wrote(repo, version, paths)? else { continue };
        let says = match () {
            () if seen.is(&hash) => SAME,
            () if seen.hash.is_none() => seen.what,
            () if seen.lines.as_ref() == Some(&hash) => "the same but for line ends",
            () if is_merge(told.state, repo, &path, seen)? => MERGED,
            () => CHANGED,
        };
        let mut story = told.story(version, true);
        story.file = Some(Compared {
            path: clean(&path),
            accepted_sha256: hash.to_string(),
            checkout_sha256: seen.hash.as_ref().map(ToString::to_string),
            says: says.to_owned(),
        });
        found.works.push(story);
    }
    let base = &told.state.graph.plan.workflow.base_path;
    let engine = |path: &String| {
        path.strip_prefix(base.as_str()).is_some_and(|rest| {
            let name = rest.trim_start_matches('/');
            name.starts_with("ORCHESTRATION") || matches!(name, "state.json" | "plan.json")
        })
    };
    if paths.iter().any(engine) {
        found.hint = Some(format!("consort itself writes it into the checkpoints of run {}", told.view.id));
    }
    Ok(())
}

/// Names who changed a file where that was another task, of this run or a later one.
fn replaced(works: &mut [Story]) {
    let is = |work: &Story, what: &str| work.file.as_ref().is_some_and(|f| f.says == what);
    let Some(now) = works.iter().position(|work| is(work, SAME)) else { return };
    let by = format!("changed since by {} of run {}", works[now].task, works[now].run);
    for file in works[now + 1..].iter_mut().filter_map(|work| work.file.as_mut()) {
        if file.says == CHANGED || file.says == MERGED {
            file.says.clone_from(&by);
        }
    }
}

/// The first of these paths that this version has among its work, with its hash there.
fn wrote(
    repo: Option<&Repo>,
    version: &Version,
    paths: &[String],
) -> Result<Option<(String, ContentHash)>, Failure> {
    let Candidate { revision, artifacts, .. } = &version.candidate;
    for path in paths {
        if let Some(artifact) = artifacts.iter().find(|a| a.path == *path) {
            return Ok(Some((path.clone(), artifact.hash.clone())));
        }
        // The journal names so many; of a larger change git knows the rest.
        if let (Some(repo), Some(base), true) = (repo, &version.base, artifacts.len() >= ARTIFACTS_MAX) {
            let made = repo.show(revision, path)?;
            if made.is_some() && made != repo.show(base, path)? {
                return Ok(made.map(|bytes| (path.clone(), Store::hash_of(&bytes))));
            }
        }
    }
    Ok(None)
}

/// Whether the checkout has what the run's last checkpoint has: several tasks may have changed one file.
fn is_merge(state: &State, repo: Option<&Repo>, path: &str, seen: &Seen) -> Result<bool, Failure> {
    let last = state.checkpoints.iter().rev().find_map(|c| c.revision.as_ref());
    let (Some(repo), Some(last)) = (repo, last) else { return Ok(false) };
    Ok(repo.show(last, path)?.is_some_and(|bytes| seen.is(&Store::hash_of(&bytes))))
}

/// What was looked for, and where.
fn nothing(place: &Place, aim: &Aim, what: &str, runs: &[Run], hints: Vec<String>) -> Failure {
    let top = place.top().display();
    let what = clean(what);
    let mut failure = Failure::failed(match aim {
        Aim::Commit(id) if what.starts_with(id.as_str()) => format!("no run made the commit {what}"),
        Aim::Commit(id) => format!("no run made the commit {id} (`{what}`)"),
        Aim::File { seen, .. } if seen.there => format!("no agent of a run here wrote `{what}`"),
        Aim::File { .. } => {
            format!("`{what}` is neither a commit nor a file here, and no agent wrote such a file")
        }
    });
    let mut names: Vec<&str> = runs.iter().rev().take(8).map(|r| r.id.as_str()).collect();
    names.extend((runs.len() > names.len()).then_some("…"));
    failure = failure.why(match runs {
        [] => format!("there are no runs in {top}"),
        [one] => format!("looked in the journal of run {} in {top}", one.id),
        _ => format!("looked in the journals of {} runs in {top}: {}", runs.len(), names.join(", ")),
    });
    for hint in hints {
        failure = failure.why(hint);
    }
    failure.help("see the runs here: `consort list`, and what each task wrote: `consort show RUN`")
}
