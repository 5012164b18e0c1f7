//! What is really there: the ledger of starts, refs, trees.

use super::Violation;
use super::book::Book;
use crate::sim::{Record, Seen};
use consort_core::ids::TaskId;
use consort_core::plan::{Output, WorkspaceKind};
use consort_core::run::EventKind;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn compare(book: &Book<'_>, records: &[Record], seen: &Seen) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut wrong = |rule, what: String| found.push(Violation { seq: None, rule, what });
    ledger(book, records, seen, &mut wrong);
    refs(book, seen, &mut wrong);
    trees(book, seen, &mut wrong);
    if book.over.is_some() && !seen.alive.is_empty() {
        wrong("alive", format!("{:?} live on after the end", seen.alive));
    }
    found
}

/// No attempt is started twice, and none before its starting is durable.
fn ledger(book: &Book<'_>, records: &[Record], seen: &Seen, wrong: &mut impl FnMut(&'static str, String)) {
    let mut times: BTreeMap<_, u32> = BTreeMap::new();
    for started in &seen.ledger {
        *times.entry(&started.attempt).or_default() += 1;
        // Where it stands in the journal as written: a record counts from its place on.
        let starting = |r: &Record| {
            r.events.iter().any(|e| {
                matches!(&e.kind, EventKind::AttemptStarting { attempt, .. } if *attempt == started.attempt)
            })
        };
        let durable = records.iter().take(started.durable as usize).any(starting);
        if !durable || !book.starts.contains_key(&started.attempt) {
            wrong("spent", format!("{} was started before it was on disk", started.attempt));
        }
    }
    for (attempt, times) in times.into_iter().filter(|(_, n)| *n > 1) {
        wrong("twice", format!("{attempt} was started {times} times"));
    }
}

/// Accepted commits are on their refs, and no ref was ever moved.
fn refs(book: &Book<'_>, seen: &Seen, wrong: &mut impl FnMut(&'static str, String)) {
    // Between a rollback, or another plan, and its names both are possible.
    let settled = !book.rewinds && !book.plans.tidies;
    for (id, page) in book.pages.iter().filter(|_| settled) {
        let in_git = book.tasks.get(id).is_some_and(|t| t.workspace != WorkspaceKind::None);
        for (generation, candidate) in page.accepted_in.iter().filter(|_| in_git) {
            let aside = book.aside.contains(&(id.clone(), *generation));
            let place = if aside { "abandoned" } else { "task" };
            let name = format!("{place}/{id}--{generation}");
            if seen.refs.get(&name) != Some(&candidate.revision) {
                wrong("refs", format!("{name} is not at {}", candidate.revision));
            }
        }
    }
    for (name, old, new) in &seen.reflog {
        if let Some(old) = old {
            wrong("refs", format!("{name} was moved from {old} to {new}"));
        }
    }
}

/// Accepted bytes are where the journal says: in task commits, barrier commits, checkpoints.
fn trees(book: &Book<'_>, seen: &Seen, wrong: &mut impl FnMut(&'static str, String)) {
    let mut holds = |rule, name: &str, revision: &consort_core::ids::Revision, artifacts: Vec<_>| {
        let Some(tree) = seen.trees.get(revision) else {
            return wrong(rule, format!("{name}: there is no commit {revision}"));
        };
        let artifacts: Vec<&consort_core::run::Artifact> = artifacts;
        for artifact in artifacts {
            if tree.get(&artifact.path) != Some(&artifact.hash) {
                wrong(rule, format!("{name}: {} is not there as it was accepted", artifact.path));
            }
        }
    };
    // Data is in the content store, and never in git.
    let data = data(book);
    let in_git = |id: &TaskId| !data.contains(id);
    for (id, page) in book.pages.iter().filter(|(id, _)| in_git(id)) {
        for candidate in page.accepted_in.values().filter(|c| !c.revision.is_plain()) {
            holds("accepted", id.as_str(), &candidate.revision, candidate.artifacts.iter().collect());
        }
    }
    for barrier in &book.plan.barriers {
        let meeting = &book.meetings[barrier.id.as_str()];
        let Some(revision) = meeting.merged.as_ref().filter(|_| meeting.complete) else { continue };
        let carried = barrier.handoffs.iter().chain(&barrier.waits_for);
        let carried = carried
            .filter(|t| in_git(t))
            .filter_map(|t| book.pages[t].accepted.as_ref())
            .flat_map(|c| &c.artifacts);
        holds("handoff", barrier.id.as_str(), revision, carried.collect());
    }
    for mark in &book.marks {
        let Some(revision) = &mark.revision else { continue };
        let accepted = mark.accepted.iter().filter(|(id, c)| in_git(id) && !c.revision.is_plain());
        holds("checkpoint", &mark.id, revision, accepted.flat_map(|(_, c)| &c.artifacts).collect());
    }
}

/// Tasks that produce data, in any plan that held.
fn data(book: &Book<'_>) -> BTreeSet<TaskId> {
    let plans = book.plans.held.iter().map(|(_, plan, _)| *plan).chain([book.plan]);
    let tasks = plans.flat_map(|plan| &plan.tasks).filter(|task| matches!(task.output, Output::Data { .. }));
    tasks.map(|task| task.id.clone()).collect()
}
