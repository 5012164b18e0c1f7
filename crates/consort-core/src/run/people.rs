//! Whose word counts, and what a question shows: an answer holds for exactly that.

use super::event::ApprovalKind;
use super::handle::Refusal;
use super::state::{Approval, Round, State, TaskState};
use crate::ids::{ApprovalId, TaskId};
use crate::plan::{Plan, Task};
use std::fmt::Write;

/// Between the name that counts and the name of whoever typed it.
const TYPED: &str = " (typed by ";

/// How somebody is recorded who speaks as somebody else: both names stay readable for ever.
pub fn speaking_as(name: &str, user: &str) -> String {
    if name == user { name.to_owned() } else { format!("{name}{TYPED}{user})") }
}

/// The name under which a recorded person's answers count.
pub fn name_of(by: &str) -> &str {
    by.split_once(TYPED).map_or(by, |(name, _)| name).trim()
}

/// Whose yes (or no) to such a question counts, by name; empty: anyone's.
pub fn who_may<'p>(plan: &'p Plan, kind: &ApprovalKind, yes: bool) -> &'p [String] {
    match kind {
        // Against a verdict: those who are named for it, else those who would be asked after a pass.
        ApprovalKind::Held { revision: Some(_), .. } if yes && !plan.people.overrides.is_empty() => {
            &plan.people.overrides
        }
        ApprovalKind::Task { task, .. } | ApprovalKind::Held { task, .. } => of_task(plan, plan.task(task)),
        ApprovalKind::Permission { attempt, .. } => of_task(plan, plan.task(&attempt.task)),
        ApprovalKind::List { task, .. } => {
            let own = plan.task(task).and_then(super::growth::growth).and_then(|it| it.approval.as_ref());
            plan.people.or_any(own.map_or(&[], |a| &a.by))
        }
        ApprovalKind::Barrier { barrier, .. } | ApprovalKind::BarrierHeld { barrier } => {
            let own = plan.barrier(barrier).and_then(|b| b.approval.as_ref());
            plan.people.or_any(own.map_or(&[], |a| &a.by))
        }
        ApprovalKind::Input { .. } | ApprovalKind::Completion { .. } | ApprovalKind::Budget { .. } => {
            &plan.people.by
        }
    }
}

/// Who may send a task on its way again.
pub(super) fn of_task<'p>(plan: &'p Plan, task: Option<&'p Task>) -> &'p [String] {
    let own = task.and_then(|t| t.approval.as_ref());
    plan.people.or_any(own.map_or(&[], |a| &a.by))
}

/// True if this person is among them; nobody named: everybody is.
pub fn is_among(may: &[String], by: &str) -> bool {
    may.is_empty() || may.iter().any(|name| name == name_of(by))
}

/// Refuses whoever is not among them.
pub(super) fn only(may: &[String], by: &str, what: impl FnOnce() -> String) -> Result<(), Refusal> {
    if is_among(may, by) {
        return Ok(());
    }
    Err(Refusal::NotYours { what: what(), by: by.to_owned(), may: may.join(" or ") })
}

/// What a question shows, in eight hex digits: its subject, commit, words, scores and findings. An
/// answer carries them; where they differ, somebody answers something else than what is asked.
/// They tell a mix-up, not a forgery.
pub fn shown(state: &State, id: &ApprovalId, asked: &Approval) -> String {
    let mut text = format!("{id}\n{}\n{}\n", asked.who, asked.question);
    let mut tasks: Vec<&TaskId> = Vec::new();
    match &asked.kind {
        ApprovalKind::Task { task, iteration, revision } => {
            let _ = writeln!(text, "task {task} {iteration} {revision}");
            tasks.push(task);
        }
        ApprovalKind::Held { task, iteration, revision } => {
            let revision = revision.as_ref().map_or("-", |r| r.as_str());
            let _ = writeln!(text, "held {task} {iteration} {revision}");
            tasks.push(task);
        }
        ApprovalKind::Barrier { barrier, revision } => {
            let _ = writeln!(text, "barrier {barrier} {revision}");
            tasks.extend(state.graph.plan.barrier(barrier).into_iter().flat_map(|b| &b.handoffs));
        }
        ApprovalKind::BarrierHeld { barrier } => {
            let _ = writeln!(text, "held barrier {barrier}");
        }
        ApprovalKind::List { task, count } => {
            let _ = writeln!(text, "list {task} {count}");
        }
        ApprovalKind::Input { name } | ApprovalKind::Completion { name } => {
            let _ = writeln!(text, "{name}");
        }
        ApprovalKind::Budget { limit } => {
            let _ = writeln!(text, "{limit}");
        }
        ApprovalKind::Permission { attempt, ask, .. } => {
            let _ = writeln!(text, "{attempt} {ask}");
        }
    }
    let tasks = tasks.into_iter().filter_map(|task| state.graph.ix(task));
    tasks.flat_map(|ix| &state.tasks[ix].rounds).for_each(|round| add_round(&mut text, round));
    let long = fnv(text.as_bytes());
    format!("{:08x}", (long >> 32) ^ (long & 0xffff_ffff))
}

/// Answers of reviewers and judges by their hashes: every score and finding is in there.
fn add_round(text: &mut String, round: &Round) {
    let revision = round.revision.as_ref().map_or("-", |r| r.as_str());
    let composite = round.composite.map_or_else(|| "-".to_owned(), |c| c.to_string());
    let _ = writeln!(text, "{} {revision} {composite} {}", round.iteration, round.problems);
    // In the order of the strategies: the order of arrival says nothing.
    let mut answers: Vec<(&str, &str)> =
        round.reviews.iter().map(|(s, r)| (s.as_str(), r.answer.as_str())).collect();
    answers.extend(round.judged.iter().map(|j| ("judge", j.answer.as_str())));
    answers.extend(round.scores_answer.iter().map(|a| ("scores", a.as_str())));
    answers.sort_unstable();
    answers.iter().for_each(|(who, answer)| text.push_str(&format!("{who} {answer}\n")));
}

/// FNV-1a.
fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Where that stands now which a question was about: what a person reads whose answer comes too late.
pub(super) fn moved(state: &State, kind: &ApprovalKind) -> String {
    let (now, was) = match kind {
        ApprovalKind::Task { task, iteration, revision } => {
            (of(state, task), version(*iteration, Some(revision.as_str())))
        }
        ApprovalKind::Held { task, iteration, revision } => {
            (of(state, task), version(*iteration, revision.as_ref().map(|r| r.as_str())))
        }
        ApprovalKind::Barrier { barrier, revision } => {
            let b = state.graph.barrier_ix(barrier);
            let now = b.and_then(|b| state.barriers[b].revision.as_ref());
            let now = now.map_or("without a commit".to_owned(), |r| format!("at {}", short(r.as_str())));
            (format!("{barrier} is {now} now"), format!("commit {}", short(revision.as_str())))
        }
        ApprovalKind::Permission { attempt, .. } => {
            return format!("the agent of {attempt} does not wait for it any more");
        }
        _ => return "what it asked about has changed since".into(),
    };
    let open = state.open_approvals().find(|(_, a)| a.kind.subject() == kind.subject());
    let open = open.map_or_else(String::new, |(id, _)| format!(", {id} asks about it"));
    format!("it was about {was}; {now}{open}")
}

fn of(state: &State, task: &TaskId) -> String {
    let it: Option<&TaskState> = state.graph.ix(task).map(|ix| &state.tasks[ix]);
    let Some(it) = it else { return format!("there is no {task}") };
    let revision = it.candidate.as_ref().map(|c| c.revision.as_str());
    format!("{task} is in {} now", version(it.iteration, revision))
}

fn version(iteration: u32, revision: Option<&str>) -> String {
    match revision {
        Some(revision) => format!("round {iteration} at commit {}", short(revision)),
        None => format!("round {iteration}"),
    }
}

fn short(revision: &str) -> &str {
    revision.get(..12).unwrap_or(revision)
}
