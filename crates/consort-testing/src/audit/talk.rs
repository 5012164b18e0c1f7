//! Sessions: whose answers reach whom, how far a yes reaches, who goes on in which session, and who takes
//! over from whom.

use super::Violation;
use super::book::Book;
use crate::sim::{Begun, Record, Seen};
use consort_core::ids::{ApprovalId, AttemptId, Step, TaskId};
use consort_core::plan::Rule;
use consort_core::run::*;
use std::collections::BTreeMap;

/// One request of an agent.
#[derive(Clone, Debug)]
struct Asked {
    ask: Ask,
    question: Option<ApprovalId>,
    answer: Option<bool>,
    expired: bool,
}

/// Who does a step of a task, as its attempts and falls tell it.
#[derive(Clone, Debug, Default)]
struct Doer {
    fallback: u8,
    /// A failure of its last attempt after which this agent must not try again.
    beyond: Option<FailureClass>,
}

/// A session, whose it is, and the round that used it last.
#[derive(Clone, Debug)]
struct Known {
    id: String,
    fallback: u8,
    iteration: u32,
}

/// What the auditor keeps of sessions.
#[derive(Clone, Debug, Default)]
pub(super) struct Talks {
    notes: BTreeMap<AttemptId, u32>,
    asks: BTreeMap<(AttemptId, u32), Asked>,
    grants: BTreeMap<ApprovalId, (Rule, Option<TaskId>, String)>,
    /// By task and generation: the latest session of its creator.
    sessions: BTreeMap<(TaskId, u32), Known>,
    doers: BTreeMap<(TaskId, Step), Doer>,
    /// With what each attempt began.
    began: BTreeMap<AttemptId, Begun>,
    turns: BTreeMap<(AttemptId, u32), (String, bool)>,
}

impl Talks {
    /// Which agent does this step now: 0 is the plan's own.
    pub(super) fn doer(&self, task: &TaskId, step: &Step) -> u8 {
        self.doers.get(&(task.clone(), step.clone())).map_or(0, |doer| doer.fallback)
    }
}

pub(super) fn talk(book: &mut Book<'_>, kind: &EventKind, record: &Record) {
    use EventKind as E;
    match kind {
        E::AttemptStarting { attempt, resume, fork, fallback, .. } => {
            starting(book, attempt, Begun { resume: resume.clone(), fork: *fork, fallback: *fallback });
        }
        // A person has everything begin anew.
        E::RolledBack { .. } => book.talks.doers.values_mut().for_each(|doer| doer.beyond = None),
        E::SessionNoted { attempt, note } => noted(book, attempt, note),
        E::ApprovalRequested {
            approval, kind: ApprovalKind::Permission { attempt, ask, rule, .. }, ..
        } => {
            let page = book.talks.asks.get_mut(&(attempt.clone(), *ask));
            let fits = page.is_some_and(|page| {
                let first = page.question.replace(approval.clone()).is_none() && page.answer.is_none();
                first && page.ask.rule == *rule
            });
            book.must(fits, "asks", || format!("{approval}: {attempt} does not ask {ask}, or not this"));
        }
        E::ApprovalGiven { approval, yes, by, reach, .. } => {
            given(book, approval, *yes);
            let far = *yes && !reach.is_call();
            let granted = record.events.iter().any(|e| {
                matches!(&e.kind, E::PermissionGranted { approval: id, by: who, .. } if id == approval && who == by)
            });
            book.must(far == granted, "grants", || {
                format!("{approval} reaches {reach:?}, granted: {granted}")
            });
        }
        E::PermissionGranted { approval, rule, task, by } => {
            let asked = book.questions.get(approval).map(|q| q.kind.clone());
            let same = matches!(&asked, Some(ApprovalKind::Permission { attempt, rule: Some(of), .. })
                if of == rule && task.as_ref().is_none_or(|t| *t == attempt.task));
            book.must(same, "grants", || format!("{approval} grants {rule}, which nobody asked"));
            book.talks.grants.insert(approval.clone(), (rule.clone(), task.clone(), by.clone()));
        }
        E::AskAnswered { attempt, ask, grant } => {
            if let Some(approval) = grant {
                granted(book, attempt, *ask, approval);
            }
            answered(book, attempt, *ask, grant.is_some());
        }
        E::SessionSteered { attempt, number, text, interrupts, .. } => {
            let to_live = book.live.contains(attempt) && !book.stopping.contains(attempt);
            let said = (text.clone(), *interrupts);
            let first = book.talks.turns.insert((attempt.clone(), *number), said).is_none();
            book.must(to_live && first, "asks", || {
                format!("turn {number} for {attempt}: twice, or for nobody")
            });
        }
        E::SessionTold { attempt, what } => {
            let live = book.live.contains(attempt);
            book.must(live, "asks", || format!("{what} was told to {attempt}, which is over"));
        }
        E::AttemptEnded { attempt, end, session, .. } => {
            ended(book, attempt, end);
            if let Some(id) = session.as_ref().and_then(|s| s.session.clone()) {
                remember(book, attempt, id);
            }
        }
        E::FellBack { task, step, to, .. } => fell(book, task, step, *to),
        E::TaskReleased { task, .. } => book.talks.doers.retain(|(of, _), _| of != task),
        E::BarrierReopened { barrier, .. } => {
            let handoffs = book.plan.barrier(barrier).map(|b| b.handoffs.clone()).unwrap_or_default();
            // Another generation begins; what was wrong with an agent is still wrong.
            let of = |(task, _): &(TaskId, Step)| handoffs.contains(task);
            book.talks.doers.iter_mut().filter(|(k, _)| of(k)).for_each(|(_, doer)| doer.beyond = None);
        }
        _ => {}
    }
}

impl Talks {
    /// Another plan gives these up: their agents may have been mended.
    pub(super) fn begin_anew(&mut self, tasks: &std::collections::BTreeSet<TaskId>) {
        self.doers.retain(|(of, _), _| !tasks.contains(of));
    }
}

/// In the creator's own session of the same work by the same agent, or in none.
/// A round goes on in a copy of the session of the round before it.
fn starting(book: &mut Book<'_>, attempt: &AttemptId, begun: Begun) {
    let fallback = begun.fallback;
    if let Some(id) = &begun.resume {
        let key = (attempt.task.clone(), attempt.generation);
        let known =
            book.talks.sessions.get(&key).filter(|known| known.id == *id && known.fallback == fallback);
        let right = known.is_some_and(|known| begun.fork == (known.iteration != attempt.iteration));
        book.must(right && attempt.step.is_creator(), "sessions", || {
            format!("{attempt} goes on in {id}, which is not its own, or as a copy or not where it should")
        });
    }
    book.talks.began.insert(attempt.clone(), begun);
    let key = (attempt.task.clone(), attempt.step.clone());
    let doer = book.talks.doers.entry(key).or_default().clone();
    book.must(fallback >= doer.fallback, "fallbacks", || {
        format!("{attempt} by {fallback} after {}", doer.fallback)
    });
    let most = book.tasks.get(&attempt.task).map_or(0, |t| t.agent(&attempt.step).fallbacks.len());
    book.must(usize::from(fallback) <= most, "fallbacks", || format!("{attempt}: no fallback {fallback}"));
    let again = doer.beyond.filter(|_| fallback == doer.fallback);
    book.must(again.is_none(), "fallbacks", || format!("{attempt} tries again after {again:?}"));
    let key = (attempt.task.clone(), attempt.step.clone());
    book.talks.doers.insert(key, Doer { fallback, beyond: None });
}

fn noted(book: &mut Book<'_>, attempt: &AttemptId, note: &SessionNote) {
    let live = book.live.contains(attempt);
    book.must(live, "late", || format!("{attempt} is over and tells {note:?}"));
    let known = book.talks.notes.entry(attempt.clone()).or_default();
    let next = *known + 1;
    *known = note.number;
    book.must(note.number == next, "order", || format!("{attempt}: note {} for {next}", note.number));
    let summed_up = matches!(note.kind, NoteKind::Compacted | NoteKind::HandedOver { .. });
    if summed_up && book.pages.get(&attempt.task).is_some_and(|page| page.generation == attempt.generation) {
        book.page(&attempt.task).summed_up = true;
    }
    match &note.kind {
        NoteKind::Began { session, .. } | NoteKind::HandedOver { session } => {
            remember(book, attempt, session.clone());
        }
        NoteKind::Asked(ask) if !book.stopping.contains(attempt) => {
            let asked = Asked { ask: ask.clone(), question: None, answer: None, expired: false };
            book.talks.asks.entry((attempt.clone(), ask.number)).or_insert(asked);
        }
        NoteKind::AskExpired { ask } => {
            if let Some(asked) = book.talks.asks.get_mut(&(attempt.clone(), *ask)) {
                asked.expired = true;
            }
        }
        _ => {}
    }
}

fn remember(book: &mut Book<'_>, attempt: &AttemptId, session: String) {
    let fallback = book.talks.began.get(attempt).map_or(0, |begun| begun.fallback);
    if attempt.step.is_creator() {
        let key = (attempt.task.clone(), attempt.generation);
        book.talks.sessions.insert(key, Known { id: session, fallback, iteration: attempt.iteration });
    }
}

/// A person's answer to an agent.
fn given(book: &mut Book<'_>, approval: &ApprovalId, yes: bool) {
    let Some(ApprovalKind::Permission { attempt, ask, .. }) =
        book.questions.get(approval).map(|q| q.kind.clone())
    else {
        return;
    };
    answered(book, &attempt, ask, yes);
}

/// Once, while its agent waits for it.
fn answered(book: &mut Book<'_>, attempt: &AttemptId, ask: u32, yes: bool) {
    let waits = book.live.contains(attempt) && !book.stopping.contains(attempt);
    let asked = book.talks.asks.get_mut(&(attempt.clone(), ask));
    let first = asked.is_some_and(|a| a.answer.replace(yes).is_none() && !a.expired);
    book.must(first && waits, "asks", || {
        format!("ask {ask} of {attempt}: answered twice, late or for nobody")
    });
}

/// A yes reaches only what has its rule, as far as it was said, and only where its speaker's word counts.
fn granted(book: &mut Book<'_>, attempt: &AttemptId, ask: u32, approval: &ApprovalId) {
    let asked = book.talks.asks.get(&(attempt.clone(), ask)).map(|a| a.ask.clone());
    let may = book.tasks.get(&attempt.task).and_then(|t| t.approval.as_ref()).map(|a| a.by.clone());
    let may = may.filter(|by| !by.is_empty()).unwrap_or_else(|| book.plan.people.by.clone());
    let fits = book.talks.grants.get(approval).zip(asked).is_some_and(|((rule, task, by), asked)| {
        let name = by.split(" (typed by ").next().unwrap_or_default();
        asked.kind == AskKind::Permission
            && asked.rule.as_ref() == Some(rule)
            && task.as_ref().is_none_or(|t| *t == attempt.task)
            && (may.is_empty() || may.iter().any(|m| m == name))
    });
    book.must(fits, "grants", || format!("{approval} does not reach ask {ask} of {attempt}"));
}

fn ended(book: &mut Book<'_>, attempt: &AttemptId, end: &AttemptEnd) {
    let of = |q: &super::book::Question| matches!(&q.kind, ApprovalKind::Permission { attempt: asks, .. } if asks == attempt);
    let open: Vec<String> = book
        .questions
        .iter()
        .filter(|(_, q)| of(q) && q.answer.is_none() && !q.void)
        .map(|(id, _)| id.to_string())
        .collect();
    book.must(open.is_empty(), "asks", || format!("{attempt} is over, {} is still asked", open.join(", ")));
    if let AttemptEnd::Failed(Failure::Session(failure)) = end {
        let beyond =
            matches!(failure.class, FailureClass::Never | FailureClass::OtherRuntime | FailureClass::Person);
        let key = (attempt.task.clone(), attempt.step.clone());
        let doer = book.talks.doers.entry(key).or_default();
        doer.beyond = beyond.then_some(failure.class);
    }
}

/// One after another, and only from an agent that cannot work at all.
fn fell(book: &mut Book<'_>, task: &TaskId, step: &Step, to: u8) {
    let doer = book.talks.doers.entry((task.clone(), step.clone())).or_default();
    let before = std::mem::replace(doer, Doer { fallback: to, beyond: None });
    let next = to == before.fallback + 1;
    let why = matches!(before.beyond, Some(FailureClass::Never | FailureClass::OtherRuntime));
    book.must(next && why, "fallbacks", || format!("{task}: {step} falls to {to} after {before:?}"));
}

/// What sessions really heard is what the journal says, once each; they began as it says.
pub(super) fn compare(book: &Book<'_>, seen: &Seen) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut wrong = |rule, what: String| found.push(Violation { seq: None, rule, what });
    let mut before: Vec<(AttemptId, String)> = Vec::new();
    for heard in &seen.heard {
        let (attempt, key) = (&heard.attempt, heard.what.to_string());
        let known = match &heard.what {
            TellKind::Answer { ask, yes, .. } => {
                book.talks.asks.get(&(attempt.clone(), *ask)).is_some_and(|asked| asked.answer == Some(*yes))
            }
            TellKind::Turn { number, text, interrupts } => {
                let said = book.talks.turns.get(&(attempt.clone(), *number));
                said.is_some_and(|(said, how)| said == text && how == interrupts)
            }
        };
        if !known {
            wrong("asks", format!("{attempt} heard {key}, which nobody said"));
        }
        let key = (attempt.clone(), key);
        if before.contains(&key) {
            wrong("asks", format!("{} heard {} twice", key.0, key.1));
        }
        before.push(key);
    }
    for started in &seen.ledger {
        let said = book.talks.began.get(&started.attempt);
        if let (Some(said), Some(begun)) = (said, &started.begun)
            && said != begun
        {
            wrong("sessions", format!("{} began with {begun:?}", started.attempt));
        }
    }
    found
}
