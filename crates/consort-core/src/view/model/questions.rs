//! Questions to people: what they are about, what yes and no mean, how they were answered.

use super::{AnswerView, ApprovalView, Blocker, When};
use crate::ids::{ApprovalId, TaskId};
use crate::run::{Approval, ApprovalKind, State};
use crate::view::text::clean;

pub(super) fn approval_view(state: &State, id: &ApprovalId, approval: &Approval, run: &str) -> ApprovalView {
    let meaning = meaning(&approval.kind);
    ApprovalView {
        id: id.to_string(),
        kind: meaning.kind,
        subject: subject(&approval.kind),
        who: clean(&approval.who),
        question: clean(&approval.question),
        revision: revision(&approval.kind),
        scores: scores(state, &approval.kind),
        asked_at: When(approval.asked_at),
        state: match (&approval.answer, &approval.void) {
            (Some(answer), _) if answer.yes => "approved",
            (Some(_), _) => "rejected",
            (None, Some(_)) => "void",
            (None, None) => "open",
        },
        void: approval.void.as_deref().map(clean),
        answer: approval.answer.as_ref().map(|a| AnswerView {
            yes: a.yes,
            by: clean(&a.by),
            how: clean(&a.how),
            by_flag: a.how.starts_with("flag"),
            note: a.note.as_deref().map(clean),
            at: When(a.at),
        }),
        yes_means: meaning.yes.into(),
        no_means: meaning.no.into(),
        approve: format!("consort approve {run} {id}"),
        reject: format!("consort reject {run} {id} -m \"why\""),
    }
}

struct Meaning {
    kind: &'static str,
    yes: &'static str,
    no: &'static str,
}

fn meaning(kind: &ApprovalKind) -> Meaning {
    let (kind, yes, no) = match kind {
        ApprovalKind::Task { .. } => (
            "task",
            "this version is accepted and its commit goes to the task's ref",
            "the creator makes another version, with your reason as guidance",
        ),
        ApprovalKind::Barrier { .. } => (
            "barrier",
            "the barrier is COMPLETE and the work behind it begins",
            "all its handoffs are made again, with your reason as guidance",
        ),
        ApprovalKind::Input { .. } => (
            "input",
            "the tasks that read it go on; the record says that you vouched for it",
            "the tasks that read it are given up",
        ),
        ApprovalKind::Completion { .. } => (
            "completion",
            "the criterion counts as met; the record says that you vouched for it",
            "the run ends as FAILED; everything that was accepted stays",
        ),
        ApprovalKind::Held { revision: Some(_), .. } => (
            "held task",
            "its last version is accepted against the verdict; the record keeps that for ever",
            "the task is given up, and what needs it with it",
        ),
        ApprovalKind::Held { .. } => {
            ("held task", "it is tried again", "the task is given up, and what needs it with it")
        }
        ApprovalKind::BarrierHeld { .. } => (
            "held barrier",
            "what the question says",
            "the barrier is given up, and what is behind it with it",
        ),
        ApprovalKind::Budget { .. } => (
            "budget",
            "the limit rises by its first amount",
            "everything is stopped and the run is CANCELLED",
        ),
    };
    Meaning { kind, yes, no }
}

fn subject(kind: &ApprovalKind) -> String {
    match kind {
        ApprovalKind::Task { task, .. } | ApprovalKind::Held { task, .. } => task.to_string(),
        ApprovalKind::Barrier { barrier, .. } | ApprovalKind::BarrierHeld { barrier } => barrier.to_string(),
        ApprovalKind::Input { name } | ApprovalKind::Completion { name } => clean(name),
        ApprovalKind::Budget { limit } => clean(limit),
    }
}

fn revision(kind: &ApprovalKind) -> Option<String> {
    match kind {
        ApprovalKind::Task { revision, .. } | ApprovalKind::Barrier { revision, .. } => {
            Some(revision.to_string())
        }
        ApprovalKind::Held { revision, .. } => revision.as_ref().map(ToString::to_string),
        _ => None,
    }
}

/// The composites of what is to be approved, against their thresholds.
fn scores(state: &State, kind: &ApprovalKind) -> Vec<(String, String)> {
    let of = |task: &TaskId| {
        let ix = state.graph.ix(task)?;
        let composite = state.tasks[ix].composite()?;
        let threshold = state.graph.task(ix).threshold;
        let sign = if composite.reaches(threshold) { ">=" } else { "<" };
        let rounds = state.tasks[ix].rounds.len();
        Some((task.to_string(), format!("{composite} {sign} {threshold} in round {rounds}")))
    };
    match kind {
        ApprovalKind::Task { task, .. } | ApprovalKind::Held { task, .. } => of(task).into_iter().collect(),
        ApprovalKind::Barrier { barrier, .. } => {
            let plan = state.graph.plan.barrier(barrier);
            plan.into_iter().flat_map(|b| &b.handoffs).filter_map(of).collect()
        }
        _ => Vec::new(),
    }
}

/// Questions that exist because something went wrong, and effects that fail.
pub(super) fn blockers(state: &State, run: &str) -> Vec<Blocker> {
    let mut all: Vec<Blocker> =
        state.approvals.iter().filter_map(|(id, a)| of_question(state, id, a, run)).collect();
    all.extend(state.failing.iter().map(|(effect, failing)| {
        let rest = failing.until.map_or_else(String::new, |t| format!("; tried again at {t}"));
        let subject = effect.split('/').nth(1).unwrap_or(effect);
        Blocker {
            id: format!("BLK-{}", clean(effect).replace(['/', '.', ' '], "-")),
            description: format!("{effect} failed {} times: {}{rest}", failing.failures, clean(&failing.why)),
            blocking: vec![subject.to_owned()],
            severity: "MEDIUM",
            since: None,
            command: None,
            resolution: None,
            resolved_at: None,
        }
    }));
    let failed = state.checkpoints.iter().filter_map(|c| Some((c, c.failed.as_ref()?)));
    all.extend(failed.map(|(checkpoint, why)| Blocker {
        id: format!("BLK-{}", checkpoint.id),
        description: format!("{} could not be made: {}", checkpoint.id, clean(why)),
        blocking: Vec::new(),
        severity: "LOW",
        since: Some(When(checkpoint.prepared_at)),
        command: None,
        resolution: None,
        resolved_at: None,
    }));
    all
}

fn of_question(state: &State, id: &ApprovalId, approval: &Approval, run: &str) -> Option<Blocker> {
    let severity = match &approval.kind {
        ApprovalKind::Held { .. } | ApprovalKind::BarrierHeld { .. } | ApprovalKind::Budget { .. } => "HIGH",
        _ => return None,
    };
    let subject = subject(&approval.kind);
    let answered = approval.answer.as_ref().map(|a| {
        let word = if a.yes { "approved" } else { "rejected" };
        let note = a.note.as_deref().map(|n| format!(": {}", clean(n))).unwrap_or_default();
        (format!("{word} by {} ({}){note}", clean(&a.by), clean(&a.how)), Some(When(a.at)))
    });
    let resolution = answered.or_else(|| approval.void.as_deref().map(|why| (clean(why), None)));
    let waiting = match &approval.kind {
        ApprovalKind::Held { task, .. } => {
            let ix = state.graph.ix(task);
            let dependents = ix.into_iter().flat_map(|ix| state.graph.dependents(ix));
            let mut all = vec![subject.clone()];
            all.extend(dependents.map(|d| state.graph.task(*d).id.to_string()));
            all
        }
        _ => vec![subject],
    };
    Some(Blocker {
        id: format!("BLK-{}", id.as_str().trim_start_matches("A-")),
        description: clean(&approval.question),
        blocking: waiting,
        severity,
        since: Some(When(approval.asked_at)),
        command: resolution.is_none().then(|| format!("consort approve {run} {id}")),
        resolved_at: resolution.as_ref().and_then(|(_, at)| *at),
        resolution: resolution.map(|(text, _)| text),
    })
}
