//! Attempts, rounds, captures: in which order, on whose word.

use super::book::{Book, Round};
use crate::sim::Record;
use consort_core::ids::{AttemptId, Step, TaskId};
use consort_core::plan::{Input as Reads, TaskKind};
use consort_core::run::*;

/// A report may bring news only of what was going on.
pub(super) fn reports(book: &mut Book<'_>, record: &Record) {
    let late = match &record.cause {
        Input::Reported(Report::AttemptEnded { attempt, .. } | Report::AttemptVanished { attempt }) => {
            !book.live.contains(attempt)
        }
        Input::Reported(
            Report::CandidateCaptured { task, generation, .. }
            | Report::WorkspaceReady { task, generation, .. },
        ) => book.pages.get(task).is_none_or(|p| p.generation != *generation || p.accepted.is_some()),
        _ => false,
    };
    // Time passes with a late report too: what only waited for it may go on.
    let brings = |e: &Event| {
        matches!(
            e.kind,
            EventKind::AttemptEnded { .. }
                | EventKind::CandidateCaptured { .. }
                | EventKind::WorkspaceReady { .. }
                | EventKind::SelfReviewed { .. }
                | EventKind::Reviewed { .. }
                | EventKind::Judged { .. }
                | EventKind::Scored { .. }
                | EventKind::RoundDecided { .. }
        )
    };
    let news = record.events.iter().any(brings);
    book.must(!late || !news, "late", || format!("a late report changed something: {:?}", record.cause));
}

pub(super) fn task(book: &mut Book<'_>, kind: &EventKind, record: &Record) {
    use EventKind as E;
    match kind {
        E::AttemptStarting { attempt, .. } => starting(book, attempt),
        E::AttemptStopping { attempt, .. } => drop(book.stopping.insert(attempt.clone())),
        E::AttemptEnded { attempt, end, .. } => {
            // What never ran counts for no budget.
            book.calls -= u64::from(*end == AttemptEnd::Lost);
            let was = book.live.remove(attempt);
            book.must(was, "attempts", || format!("{attempt} ended and was not live"));
        }
        E::TaskPreparing { task } => may_begin(book, task),
        E::RoundStarted { task, iteration, kind } => {
            may_begin(book, task);
            let page = book.page(task);
            let next = page.rounds.last().map_or(1, |r| r.number + 1);
            let confirmation = *kind == RoundKind::Confirmation;
            page.rounds.push(Round {
                number: *iteration,
                confirmation,
                // It is about the same change.
                raised: confirmation && page.rounds.last().is_some_and(|round| round.raised),
                revision: confirmation.then(|| page.candidate.as_ref().map(|c| c.revision.clone())).flatten(),
                ..Round::default()
            });
            book.must(*iteration == next, "rounds", || format!("{task}: round {iteration} after {next}"));
        }
        E::SelfReviewed { task, iteration, .. } => {
            by(book, task, *iteration, &Step::SelfReview);
            answers(book, task, record);
            if let Some(round) = book.round(task, *iteration) {
                round.self_reviewed = true;
            }
        }
        E::Reviewed { task, iteration, strategy, review } => {
            by(book, task, *iteration, &Step::Review(strategy.clone()));
            let (name, review) = (strategy.to_string(), review.clone());
            if let Some(round) = book.round(task, *iteration) {
                round.reviews.push((name, review));
            }
        }
        E::ProblemsFound { task, iteration, problems } => {
            if let Some(round) = book.round(task, *iteration) {
                round.problems = problems.len();
            }
        }
        E::CandidateCaptured { task, iteration, candidate, raised, .. } => {
            if let Some(round) = book.round(task, *iteration) {
                round.raised = raised.is_some();
            }
            captured(book, task, *iteration, candidate, record);
        }
        E::TaskReleased { task, new_set, .. } => {
            if *new_set {
                new_set_of(book, task);
            }
            book.page(task).failed = false;
        }
        E::HandoffRestarted { task, .. } => new_set_of(book, task),
        E::TaskReturned { task, .. } => {
            let max = book.tasks.get(task).map_or(0, |t| t.rounds.max);
            if rounds_of_set(book, task) >= max {
                new_set_of(book, task);
            }
        }
        E::TaskFailed { task, .. } => {
            let accepted = book.accepted(task);
            book.must(!accepted, "accepted", || format!("{task} was given up after it was accepted"));
            book.page(task).failed = true;
        }
        E::OverrideRecorded { task, note, refusals, .. } => {
            let told = note.as_ref().is_some_and(|n| !n.trim().is_empty()) && !refusals.is_empty();
            book.must(told, "override", || format!("{task}: overridden without a rule or a reason"));
            book.page(task).overridden = true;
        }
        _ => {}
    }
}

/// What this record's cause brought of a task's self-review; its event holds only a part.
fn reported<'r>(record: &'r Record, task: &TaskId) -> Vec<&'r ResponseLine> {
    let of = |attempt: &AttemptId| attempt.task == *task && attempt.step == Step::SelfReview;
    let all: Vec<&Ended> = match &record.cause {
        Input::Reported(Report::AttemptEnded { attempt, ended }) if of(attempt) => vec![ended],
        Input::Opened { found, .. } => {
            let ended = |found: &'r Found| match &found.state {
                FoundState::Ended(ended) if of(&found.attempt) => Some(ended),
                _ => None,
            };
            found.iter().filter_map(ended).collect()
        }
        _ => Vec::new(),
    };
    let reviews = all.into_iter().filter_map(|ended| match &ended.given {
        Given::Review(review) => Some(review),
        _ => None,
    });
    reviews.flat_map(|review| &review.responses).collect()
}

/// Each grave finding of the round before is answered: fixed or refused.
fn answers(book: &mut Book<'_>, task: &TaskId, record: &Record) {
    let responses = reported(record, task);
    let rounds = &book.pages[task].rounds;
    let Some(before) = rounds.len().checked_sub(2).and_then(|at| rounds.get(at)) else { return };
    let grave = before.reviews.iter().flat_map(|(strategy, review)| {
        let grave = review.findings.iter().filter(|f| !f.void && f.severity != Severity::Minor);
        grave.map(move |f| format!("{strategy}/{}", f.id))
    });
    let missing: Vec<String> = grave.filter(|id| !responses.iter().any(|r| r.finding == *id)).collect();
    book.must(missing.is_empty(), "findings", || format!("{task}: nobody answers {}", missing.join(", ")));
}

fn new_set_of(book: &mut Book<'_>, task: &TaskId) {
    let page = book.page(task);
    page.set_from = page.rounds.last().map_or(1, |r| r.number + 1);
    page.overridden = false;
}

/// Decided rounds of the present set.
pub(super) fn rounds_of_set(book: &Book<'_>, task: &TaskId) -> u32 {
    let page = &book.pages[task];
    page.rounds.iter().filter(|r| r.number >= page.set_from && r.decided).count() as u32
}

/// An attempt is on disk before it can spend; numbers are never reused; limits hold.
fn starting(book: &mut Book<'_>, attempt: &AttemptId) {
    let may = book.open && !book.paused && !book.cancelling && book.over.is_none();
    book.must(may, "attempts", || format!("{attempt} starts while nothing may start"));
    let max = book.plan.limits.max_concurrent_agents.max(1) as usize;
    let live = book.live.len();
    book.must(live < max, "concurrency", || {
        format!("{attempt} starts beside {live} others of at most {max}")
    });
    book.calls += 1;
    let budget = book.plan.limits.budget.agent_calls_max.map(u64::from);
    let budget = book.raised.get("agent_calls").copied().or(budget);
    let calls = book.calls;
    book.must(budget.is_none_or(|max| calls <= max), "budget", || format!("call {calls} of {budget:?}"));
    let page = book.page(&attempt.task);
    let (generation, number) = (page.generation, page.attempts + 1);
    page.attempts = number;
    let round = page.rounds.last().map_or(0, |r| r.number);
    let fits = attempt.generation == generation && attempt.attempt == number && attempt.iteration == round;
    book.must(fits, "attempts", || format!("{attempt} where {generation}.{round}.{number} was expected"));
    book.live.insert(attempt.clone());
    let seq = book.seq;
    let again = book.starts.insert(attempt.clone(), seq).is_some();
    book.must(!again, "attempts", || format!("{attempt} starts a second time"));
    order(book, attempt);
    if let Some(round) = book.round(&attempt.task, attempt.iteration) {
        round.began.push(attempt.step.clone());
    }
}

/// Creator, self-review, capture, critics (the steelman before the devil's advocate), judge.
fn order(book: &mut Book<'_>, attempt: &AttemptId) {
    let Some(task) = book.tasks.get(&attempt.task).copied() else {
        return book.wrong("attempts", format!("{attempt} is of no task"));
    };
    let Some(round) = book.pages[&attempt.task].rounds.last().cloned() else { return };
    let reviewed = |name: &str| round.reviews.iter().any(|(s, _)| s == name);
    let missing: Option<&str> = match &attempt.step {
        Step::Create | Step::SelfReview if task.given.is_some() => {
            Some("nobody creates what is there already")
        }
        Step::Create => round.confirmation.then_some("no creation in a confirmation"),
        Step::SelfReview => {
            (!round.began.contains(&Step::Create)).then_some("nothing was created before the self-review")
        }
        Step::Review(_) | Step::Judge | Step::Panel(_) if round.revision.is_none() => {
            Some("nothing is captured")
        }
        Step::Review(_) | Step::Judge | Step::Panel(_)
            if task.self_review && !round.confirmation && !round.self_reviewed =>
        {
            Some("no self-review before critics (H-15)")
        }
        Step::Review(s) if s.as_str() == "S-002" && !reviewed("S-003") => {
            Some("no steelman before the devil's advocate (H-16)")
        }
        Step::Judge | Step::Panel(_)
            if task.review_groups.iter().flatten().any(|s| !reviewed(s.as_str())) =>
        {
            Some("a critic's review is missing before the judge")
        }
        Step::Review(_) | Step::Judge | Step::Panel(_) if round.problems > 0 => Some("checks found problems"),
        _ => None,
    };
    if let Some(missing) = missing {
        book.wrong("steps", format!("{attempt}: {missing}"));
    }
}

/// What is brought must come from an attempt that was live and ended well in the same record.
pub(super) fn by(book: &mut Book<'_>, task: &TaskId, iteration: u32, step: &Step) {
    let from = |a: &&AttemptId| a.task == *task && a.iteration == iteration && a.step == *step;
    let fresh = book.done_now.iter().any(|a| from(&a) && book.live.contains(a) && !book.stopping.contains(a));
    book.must(fresh, "late", || format!("{task} round {iteration}: {step} came from no live attempt"));
}

/// A task begins when everything that it needs is there.
fn may_begin(book: &mut Book<'_>, id: &TaskId) {
    let Some(task) = book.tasks.get(id).copied() else { return book.wrong("order", format!("no task {id}")) };
    let mut missing: Vec<String> =
        task.needs.iter().filter(|t| !book.done(t)).map(ToString::to_string).collect();
    let open = |b: &&consort_core::ids::BarrierId| !book.meetings.get(b.as_str()).is_some_and(|m| m.complete);
    missing.extend(task.behind.iter().filter(open).map(ToString::to_string));
    let absent = book.plans.absent().to_vec();
    missing.extend(task.inputs.iter().filter_map(|input| {
        match input {
            Reads::Outside { name, .. } => Some(name),
            Reads::File { path } if absent.contains(path) => Some(path),
            _ => None,
        }
        .filter(|name| !book.declared.contains(*name))
        .cloned()
    }));
    if let TaskKind::Handoff(handoff) = &task.kind
        && !book.meetings.get(handoff.barrier.as_str()).is_some_and(|m| m.prechecked)
    {
        missing.push(format!("the pre-check of {}", handoff.barrier));
    }
    let accepted = book.accepted(id);
    book.must(!accepted, "accepted", || format!("{id} goes on after it was accepted"));
    book.must(missing.is_empty(), "order", || format!("{id} began before {}", missing.join(", ")));
}

/// A capture is what the worker reported, with all its problems.
fn captured(book: &mut Book<'_>, id: &TaskId, iteration: u32, candidate: &Candidate, record: &Record) {
    let Input::Reported(Report::CandidateCaptured {
        task,
        generation,
        iteration: reported,
        candidate: there,
        problems,
        ..
    }) = &record.cause
    else {
        return book.wrong("late", format!("{id} was captured on nobody's word"));
    };
    let page = book.page(id);
    let same = task == id && *reported == iteration && *generation == page.generation;
    page.candidate = Some(candidate.clone());
    page.candidates.push(candidate.clone());
    let noted = book.round(id, iteration).map(|round| {
        round.revision = Some(candidate.revision.clone());
        round.problems
    });
    book.must(same && there.revision == candidate.revision, "late", || {
        format!("{id}: the capture of another round, or of other bytes")
    });
    let honoured = noted.is_some_and(|noted| noted == problems.len().min(12));
    book.must(honoured, "problems", || {
        format!("{id}: {} problems were reported, {noted:?} noted", problems.len())
    });
}
