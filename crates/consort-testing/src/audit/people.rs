//! Barriers, questions, checkpoints and the end of a run.

use super::book::{Book, Mark, Question};
use crate::sim::Record;
use consort_core::plan::{Barrier, CheckpointFrequency, CompletionBy};
use consort_core::run::*;

pub(super) fn question(book: &mut Book<'_>, kind: &EventKind) {
    match kind {
        EventKind::ApprovalRequested { approval, kind, .. } => {
            let next = format!("A-{:03}", book.questions.len() + 1);
            book.must(approval.as_str() == next, "approval", || format!("{approval} instead of {next}"));
            let question = Question { kind: kind.clone(), answer: None, void: false, answered_in: 0 };
            book.questions.insert(approval.clone(), question);
        }
        EventKind::ApprovalGiven { approval, yes, how, by, .. } => {
            let Some(question) = book.questions.get_mut(approval) else {
                return book.wrong("approval", format!("{approval} was never asked"));
            };
            let first = question.answer.is_none() && !question.void;
            question.answer = Some(*yes);
            question.answered_in = book.seq;
            let kind = question.kind.clone();
            book.must(first, "approval", || format!("{approval} was answered before, or is moot"));
            let may = allowed(book, &kind, *yes);
            let name = by.split(" (typed by ").next().unwrap_or_default();
            book.must(may.is_empty() || may.iter().any(|m| m == name), "people", || {
                format!("{approval}: {by} answered instead of {}", may.join(" or "))
            });
            let against = matches!(
                kind,
                ApprovalKind::Held { .. }
                    | ApprovalKind::BarrierHeld { .. }
                    | ApprovalKind::Budget { .. }
                    | ApprovalKind::Permission { .. }
            );
            book.must(!(against && how.starts_with("flag")), "approval", || {
                format!("{approval}: a flag decided what only a person may")
            });
        }
        EventKind::ApprovalVoided { approval, .. } => {
            if let Some(question) = book.questions.get_mut(approval) {
                question.void = true;
            }
        }
        _ => {}
    }
}

/// Told from the plan alone: whose answer counts, the narrowest list that is there.
fn allowed(book: &Book<'_>, kind: &ApprovalKind, yes: bool) -> Vec<String> {
    let people = &book.plan.people;
    let own = match kind {
        ApprovalKind::Held { revision: Some(_), .. } if yes && !people.overrides.is_empty() => {
            Some(&people.overrides)
        }
        ApprovalKind::Task { task, .. } | ApprovalKind::Held { task, .. } => {
            book.plan.task(task).and_then(|t| t.approval.as_ref()).map(|a| &a.by)
        }
        ApprovalKind::Permission { attempt, .. } => {
            book.plan.task(&attempt.task).and_then(|t| t.approval.as_ref()).map(|a| &a.by)
        }
        ApprovalKind::Barrier { barrier, .. } | ApprovalKind::BarrierHeld { barrier } => {
            book.plan.barrier(barrier).and_then(|b| b.approval.as_ref()).map(|a| &a.by)
        }
        _ => None,
    };
    own.filter(|names| !names.is_empty()).unwrap_or(&people.by).clone()
}

pub(super) fn barrier(book: &mut Book<'_>, kind: &EventKind, record: &Record) {
    use EventKind as E;
    let (E::BarrierPrechecked { barrier: id }
    | E::BarrierMerging { barrier: id, .. }
    | E::BarrierMerged { barrier: id, .. }
    | E::BarrierVerified { barrier: id, .. }
    | E::BarrierCompleted { barrier: id, .. }
    | E::BarrierReopened { barrier: id, .. }) = kind
    else {
        return;
    };
    let Some(plan) = book.plan.barrier(id) else { return book.wrong("barrier", format!("no {id}")) };
    let there = |book: &Book<'_>, tasks: &[consort_core::ids::TaskId]| tasks.iter().all(|t| book.done(t));
    let arrived = there(book, &plan.waits_for);
    let carried = there(book, &plan.handoffs);
    let mut meeting = book.meetings[id.as_str()].clone();
    match kind {
        E::BarrierPrechecked { .. } => {
            book.must(arrived, "barrier", || {
                format!("{id}: pre-check before all participants were accepted")
            });
            meeting.prechecked = true;
        }
        E::BarrierMerging { .. } => {
            book.must(arrived && carried, "barrier", || {
                format!("{id}: merged before all handoffs were accepted")
            });
        }
        E::BarrierMerged { revision, .. } => {
            merged(book, plan, record);
            meeting.merged = Some(revision.clone());
            meeting.verified = false;
        }
        E::BarrierVerified { .. } => meeting.verified = true,
        E::BarrierCompleted { revision, approval, .. } => {
            let ready = arrived && carried && meeting.verified && meeting.merged.as_ref() == Some(revision);
            book.must(ready, "barrier", || format!("{id}: COMPLETE too early, or at another commit"));
            book.must(!meeting.complete, "barrier", || format!("{id}: COMPLETE twice"));
            let bound = |kind: &ApprovalKind| {
                *kind == ApprovalKind::Barrier { barrier: id.clone(), revision: revision.clone() }
            };
            let given = approval.as_ref().and_then(|a| book.questions.get(a));
            let given = given.is_some_and(|q| q.answer == Some(true) && !q.void && bound(&q.kind));
            book.must(given || plan.approval.is_none(), "approval", || {
                format!("{id}: nobody approved {revision}")
            });
            meeting.complete = true;
        }
        E::BarrierReopened { .. } => {
            meeting.merged = None;
            meeting.verified = false;
            for handoff in &plan.handoffs {
                let page = book.page(handoff);
                page.generation = page.generation.max(page.highest) + 1;
                page.highest = page.generation;
                page.summed_up = false;
                page.accepted = None;
                page.candidate = None;
                page.overridden = false;
                page.set_from = page.rounds.last().map_or(1, |r| r.number + 1);
            }
        }
        _ => {}
    }
    book.meetings.insert(id.to_string(), meeting);
}

/// The worker must have found every handoff with the accepted bytes, and every consumer's
/// prompt must name them.
fn merged(book: &mut Book<'_>, plan: &Barrier, record: &Record) {
    let Input::Reported(Report::BarrierMerged { handoffs, rendered, blockers, .. }) = &record.cause else {
        return book.wrong("barrier", format!("{}: merged on nobody's word", plan.id));
    };
    let asked = ApprovalKind::BarrierHeld { barrier: plan.id.clone() };
    let taken = book.questions.values().any(|q| q.kind == asked && q.answer == Some(true));
    book.must(blockers.is_empty() || taken, "barrier", || {
        format!("{}: went on although a handoff named a blocker", plan.id)
    });
    let accepted = plan.handoffs.iter().filter_map(|t| book.pages[t].accepted.as_ref());
    let lost: Vec<String> = accepted
        .flat_map(|c| &c.artifacts)
        .filter(|a| !handoffs.contains(a))
        .map(|a| a.path.clone())
        .collect();
    book.must(lost.is_empty(), "handoff", || format!("{}: lost {}", plan.id, lost.join(", ")));
    let reads = |t: &&consort_core::plan::Task| {
        book.plan.handoffs_into(t).any(|h| plan.handoffs.contains(&h.id)) && !rendered.contains(&t.id)
    };
    let blind: Vec<String> = book.plan.tasks.iter().filter(reads).map(|t| t.id.to_string()).collect();
    book.must(blind.is_empty(), "handoff", || format!("{}: not rendered for {}", plan.id, blind.join(", ")));
}

pub(super) fn checkpoint(book: &mut Book<'_>, kind: &EventKind) {
    match kind {
        EventKind::CheckpointPrepared { checkpoint, seq, trigger, subject, last } => {
            let next = format!("CP-{:03}", book.marks.len() + 1);
            let here = book.seq;
            book.must(checkpoint.as_str() == next && *seq == here, "checkpoint", || {
                format!("{checkpoint} of record {seq} instead of {next} of {here}")
            });
            let due = is_due(book, *trigger, subject, *last);
            book.must(due, "checkpoint", || format!("{checkpoint}: nothing called for {subject}"));
            let accepted = book.pages.iter().filter_map(|(t, p)| Some((t.clone(), p.accepted.clone()?)));
            let complete = book.meetings.iter().filter(|(_, m)| m.complete);
            let complete = complete.map(|(b, m)| (b.clone(), m.merged.clone())).collect();
            book.line.push(book.marks.len());
            let mark = Mark {
                id: checkpoint.to_string(),
                trigger: *trigger,
                subject: subject.clone(),
                last: *last,
                revision: None,
                seq: here,
                accepted: accepted.collect(),
                complete,
                declared: book.declared.clone(),
                vouched: book.vouched.clone(),
                line: book.line.clone(),
            };
            book.marks.push(mark);
        }
        EventKind::CheckpointCreated { checkpoint, revision } => {
            match book.marks.iter_mut().find(|m| m.id == checkpoint.as_str()) {
                Some(mark) if mark.revision.is_none() => mark.revision = Some(revision.clone()),
                _ => book.wrong("checkpoint", format!("{checkpoint} was made twice, or never prepared")),
            }
        }
        _ => {}
    }
}

/// Checkpoints that no rollback gave up.
fn holding<'b>(book: &'b Book<'_>) -> impl Iterator<Item = &'b Mark> {
    book.line.iter().filter_map(|n| book.marks.get(*n))
}

/// What it is about has just ended, and had no checkpoint yet.
fn is_due(book: &Book<'_>, trigger: CheckpointTrigger, subject: &str, last: bool) -> bool {
    if last {
        return book.over == Some(RunStatus::Complete);
    }
    let first = !holding(book).any(|m| m.trigger == trigger && m.subject == subject);
    match trigger {
        CheckpointTrigger::Manual => true,
        CheckpointTrigger::BarrierComplete => first && book.meetings.get(subject).is_some_and(|m| m.complete),
        CheckpointTrigger::PhaseComplete => {
            let stage = book.plan.stages.iter().find(|s| s.subject == subject);
            let task = book.plan.tasks.iter().find(|t| t.id.as_str() == subject);
            let stage = stage.is_some_and(|s| s.tasks.iter().all(|t| book.done(t)));
            let agents = book.plan.checkpoints == CheckpointFrequency::Agent;
            first && (stage || agents && task.is_some_and(|t| book.done(&t.id)))
        }
    }
}

/// A COMPLETE run has a checkpoint of each stage and barrier, and one last one.
pub(super) fn complete_checkpoints(book: &mut Book<'_>) {
    let last: Vec<usize> = book.line.iter().copied().filter(|n| book.marks[*n].last).collect();
    let ok = last.len() == 1 && book.marks.last().is_some_and(|m| m.last);
    book.must(ok, "checkpoint", || format!("a COMPLETE run with last checkpoints {last:?}"));
    let has = |book: &Book<'_>, trigger, subject: &str| {
        holding(book).any(|m| m.trigger == trigger && m.subject == subject)
    };
    let mut missing = Vec::new();
    for barrier in &book.plan.barriers {
        let taken = book.taken.contains(barrier.id.as_str());
        if !taken && !has(book, CheckpointTrigger::BarrierComplete, barrier.id.as_str()) {
            missing.push(barrier.id.to_string());
        }
    }
    if book.plan.checkpoints != CheckpointFrequency::Barrier {
        for stage in &book.plan.stages {
            let taken = stage.tasks.iter().all(|t| book.taken.contains(t.as_str()));
            if !taken && !has(book, CheckpointTrigger::PhaseComplete, &stage.subject) {
                missing.push(stage.subject.clone());
            }
        }
    }
    // What ended in the same record as the run shares the last checkpoint.
    let shared = missing.len() <= 1;
    book.must(shared, "checkpoint", || format!("none of {}", missing.join(", ")));
}

pub(super) fn ended(book: &mut Book<'_>, status: RunStatus) {
    let again = book.over.replace(status).is_some();
    book.must(!again, "end", || "the run ended twice".into());
    let open: Vec<_> = book.questions.iter().filter(|(_, q)| q.answer.is_none() && !q.void).collect();
    let open = open.len();
    book.must(open == 0, "end", || format!("{open} questions are left open"));
    if status == RunStatus::Cancelled {
        let (asked, live) = (book.cancelling, book.live.len());
        book.must(asked && live == 0, "end", || format!("cancelled with {live} attempts alive"));
    }
    if status != RunStatus::Complete {
        return;
    }
    let left: Vec<String> =
        book.plan.tasks.iter().filter(|t| !book.done(&t.id)).map(|t| t.id.to_string()).collect();
    book.must(left.is_empty(), "end", || format!("COMPLETE without {}", left.join(", ")));
    let open = book.meetings.values().filter(|m| !m.complete).count();
    book.must(open == 0, "end", || format!("COMPLETE with {open} barriers open"));
    for criterion in &book.plan.completion {
        let met = match &criterion.by {
            CompletionBy::Phases | CompletionBy::Barriers => true,
            CompletionBy::Person => book.vouched.contains(&criterion.name),
            CompletionBy::Artifact(path) => {
                let all = book.pages.values().filter_map(|p| p.accepted.as_ref());
                all.flat_map(|c| &c.artifacts).any(|a| a.path == *path)
            }
        };
        book.must(met, "end", || format!("COMPLETE without `{}`", criterion.name));
    }
}

/// After the end only its papers are put in order.
pub(super) fn after_the_end(book: &mut Book<'_>, kind: &EventKind) {
    use EventKind as E;
    let ok = matches!(
        kind,
        E::RunnerOpened { .. }
            | E::RunnerClosing { .. }
            | E::DeadlinesShifted { .. }
            | E::CheckpointPrepared { last: true, .. }
            | E::CheckpointCreated { .. }
            | E::CheckpointFailed { .. }
            | E::WorkspaceReleased { .. }
            | E::EffectFailed { .. }
            | E::EffectDue { .. }
            | E::IntegrationApproved { .. }
            | E::Integrated { .. }
            | E::IntegrationFailed { .. }
            | E::RollbackBegan { .. }
            | E::AmendBegan { .. }
            | E::RefsAbandoned { .. }
    );
    book.must(ok, "end", || format!("after the end: {kind:?}"));
}
