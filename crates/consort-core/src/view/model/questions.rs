//! Questions to people: what they are about, what yes and no mean, how they were answered.

use super::{AnswerView, ApprovalView, Blocker, VersionView, When};
use crate::ids::{ApprovalId, DimensionId, TaskId};
use crate::plan::TaskKind;
use crate::quality::Score;
use crate::run::{
    self, Approval, ApprovalKind, AskKind, Severity, State, StepStatus, limit_words, shown, who_may,
};
use crate::view::text::clean;

pub(super) fn approval_view(state: &State, id: &ApprovalId, approval: &Approval, run: &str) -> ApprovalView {
    let meaning = meaning(&approval.kind);
    let plan = &state.graph.plan;
    let names = |yes| who_may(plan, &approval.kind, yes).iter().map(|n| clean(n)).collect();
    let shown = shown(state, id, approval);
    let question = format!("{run} {id}@{shown}");
    let (versions, apart) = versions(state, &approval.kind);
    let needs_reason = matches!(approval.kind, ApprovalKind::Held { revision: Some(_), .. });
    let why = if needs_reason { " -m \"why\"" } else { "" };
    let words = matches!(approval.kind, ApprovalKind::Permission { kind: AskKind::Question, .. });
    let approve = match words {
        true => format!("consort answer {question} \"the answer\""),
        false => format!("consort approve {question}{why}"),
    };
    let reject = match meaning.steers {
        Some(_) => format!("consort reject {question} -m \"what to do differently\""),
        None if matches!(approval.kind, ApprovalKind::Permission { .. }) => {
            format!("consort reject {question} -m \"what to do instead\"")
        }
        None => format!("consort reject {question} -m \"why\""),
    };
    ApprovalView {
        by: names(true),
        no_by: names(false),
        shown,
        versions,
        apart,
        steers: meaning.steers.is_some(),
        needs_reason: needs_reason || words,
        reaches: matches!(
            approval.kind,
            ApprovalKind::Permission { rule: Some(_), kind: AskKind::Permission, .. }
        ),
        step: match &approval.kind {
            ApprovalKind::Permission { attempt, .. } => Some(attempt.step.to_string()),
            _ => None,
        },
        options: options(state, approval, &meaning, (&approve, &reject), run, &question),
        id: id.to_string(),
        kind: meaning.kind,
        subject: subject(&approval.kind),
        who: clean(&approval.who),
        question: clean(&approval.question),
        revision: revision(&approval.kind),
        list: list(state, &approval.kind),
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
        no_means: meaning.steers.unwrap_or(meaning.no).into(),
        approve,
        reject,
    }
}

/// All commands that answer it, with what each does.
fn options(
    state: &State,
    approval: &Approval,
    meaning: &Meaning,
    (approve, reject): (&str, &str),
    run: &str,
    question: &str,
) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut add = |command: String, means: &str| all.push((command, means.to_owned()));
    match &approval.kind {
        ApprovalKind::Held { task, iteration, revision: Some(_) } => {
            let rules = crate::run::refusals_against(state, task, *iteration);
            let rules: Vec<String> = rules.iter().map(|r| format!(" --rule {}", clean(&r.rule()))).collect();
            add(format!("consort override {run} {task}{} --reason \"why\"", rules.concat()), meaning.yes);
        }
        _ => add(approve.to_owned(), meaning.yes),
    }
    if let ApprovalKind::Permission { rule: Some(_), kind: AskKind::Permission, .. } = &approval.kind {
        add(format!("{approve} --for task"), "and so are all requests like it of this task's agents");
        add(format!("{approve} --for run"), "and so are all requests like it in this run");
    }
    add(reject.to_owned(), meaning.steers.unwrap_or(meaning.no));
    if let ApprovalKind::Held { task, .. } = &approval.kind {
        add(format!("consort retry {run} {task}"), "another set of rounds, without guidance");
    }
    if meaning.steers.is_some() {
        add(format!("consort reject {question} --give-up"), meaning.no);
    }
    all
}

type Apart = Vec<(String, String, String)>;

/// What a person chooses from, and what separates the two.
fn versions(state: &State, kind: &ApprovalKind) -> (Vec<VersionView>, Apart) {
    let ApprovalKind::Held { task, revision: Some(_), .. } = kind else { return Default::default() };
    let it = state.graph.ix(task).map(|ix| &state.tasks[ix]);
    let Some(apart) = it.and_then(run::apart) else { return Default::default() };
    let view = |v: &run::Version<'_>| VersionView {
        round: v.round.iteration,
        revision: v.round.revision.as_ref().map(ToString::to_string),
        composite: v.round.composite.map(|c| c.to_string()),
        findings: {
            let count = |severity| v.round.count(severity);
            (count(Severity::Critical), count(Severity::Major), count(Severity::Minor))
        },
        only_here: v.only_here.iter().map(|(id, s)| (clean(id), format!("{s:?}"))).collect(),
    };
    let versions = [&apart.best].into_iter().chain(&apart.second).map(view).collect();
    let score = |(d, a, b): &(&DimensionId, Score, Score)| (clean(d.as_str()), a.to_string(), b.to_string());
    (versions, apart.dimensions.iter().map(score).collect())
}

struct Meaning {
    kind: &'static str,
    yes: &'static str,
    /// Of a no that ends it.
    no: &'static str,
    /// Of a no with words, where it starts more work.
    steers: Option<&'static str>,
}

fn meaning(kind: &ApprovalKind) -> Meaning {
    let gives_up = "the task is given up, and what needs it with it";
    let ends_barrier = "the barrier is given up, and what is behind it with it";
    let (kind, yes, no, steers) = match kind {
        ApprovalKind::Task { .. } => (
            "task",
            "this version is accepted and its commit goes to the task's ref",
            gives_up,
            Some("the creator makes another version, with your words as guidance"),
        ),
        ApprovalKind::Barrier { .. } => (
            "barrier",
            "the barrier is COMPLETE and the work behind it begins",
            ends_barrier,
            Some("all its handoffs are made again, with your words as guidance"),
        ),
        ApprovalKind::Input { .. } => (
            "input",
            "the tasks that read it go on; the record says that you vouched for it",
            "the tasks that read it are given up",
            None,
        ),
        ApprovalKind::Completion { .. } => (
            "completion",
            "the criterion counts as met; the record says that you vouched for it",
            "the run ends as FAILED; everything that was accepted stays",
            None,
        ),
        ApprovalKind::Held { revision: Some(_), .. } => (
            "held task",
            "its best version is accepted against the verdict; the record keeps rules, person and reason for ever",
            gives_up,
            Some("another set of rounds, with your words as guidance for its creator"),
        ),
        ApprovalKind::Held { .. } => (
            "held task",
            "it is tried again from the step that failed",
            gives_up,
            Some("another set of rounds, with your words as guidance for its creator"),
        ),
        ApprovalKind::BarrierHeld { .. } => (
            "held barrier",
            "it is tried again; blockers that its handoffs name are taken on record",
            ends_barrier,
            Some("all its handoffs are made again, with your words as guidance"),
        ),
        ApprovalKind::List { .. } => (
            "list",
            "its tasks are made and begin",
            "none of them is made: the placeholder is given up, and what needs it with it",
            None,
        ),
        ApprovalKind::Permission { kind: AskKind::Permission, .. } => (
            "permission",
            "its agent may do this, once",
            "its agent may not, and is told your words: what to do instead",
            None,
        ),
        ApprovalKind::Permission { kind: AskKind::Question, .. } => (
            "question",
            "its agent is told your words and goes on",
            "its agent is told that nobody answers, with your words, and decides by itself",
            None,
        ),
        ApprovalKind::Budget { limit } => (
            "budget",
            match limit.ends_with("unknown_cost") {
                true => "such calls pass and are not counted",
                false => "the limit rises by its first amount",
            },
            match limit.contains('/') && !limit.starts_with("day/") {
                true => "no agent of it starts any more, and what is not done is given up",
                false => "everything is stopped and the run is CANCELLED",
            },
            None,
        ),
    };
    Meaning { kind, yes, no, steers }
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

/// The composites of what is to be approved, against their thresholds: of the version that is
/// asked about, which need not be the last one.
fn scores(state: &State, kind: &ApprovalKind) -> Vec<(String, String)> {
    let of = |task: &TaskId, round: Option<u32>| {
        let ix = state.graph.ix(task)?;
        let scored = state.tasks[ix].rounds.iter().rev().filter(|r| r.composite.is_some());
        let round = scored.clone().find(|r| Some(r.iteration) == round).or_else(|| scored.clone().next())?;
        let composite = round.composite?;
        let threshold = state.graph.task(ix).threshold;
        let sign = if composite.reaches(threshold) { ">=" } else { "<" };
        Some((task.to_string(), format!("{composite} {sign} {threshold} in round {}", round.iteration)))
    };
    match kind {
        ApprovalKind::Task { task, iteration, .. } | ApprovalKind::Held { task, iteration, .. } => {
            of(task, Some(*iteration)).into_iter().collect()
        }
        ApprovalKind::Barrier { barrier, .. } => {
            let plan = state.graph.plan.barrier(barrier);
            plan.into_iter().flat_map(|b| &b.handoffs).filter_map(|task| of(task, None)).collect()
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
    all.extend(resting(state));
    all.extend(state.stopped.as_deref().map(|limit| Blocker {
        id: "BLK-budget".into(),
        description: format!(
            "{} is used up, and the workflow says `then: stop`: raise it under `limits: budget` and run it again",
            limit_words(limit)
        ),
        blocking: Vec::new(),
        severity: "HIGH",
        since: None,
        command: None,
        resolution: None,
        resolved_at: None,
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

/// What it is about, as people say it.
fn subject(kind: &ApprovalKind) -> String {
    match kind {
        ApprovalKind::Budget { limit } => {
            let words = limit_words(limit);
            clean(words.strip_prefix("the budget ").unwrap_or(&words))
        }
        other => clean(other.subject()),
    }
}

/// Quotas that are used up, while the run goes on: until when, why, and who waits for them.
fn resting(state: &State) -> impl Iterator<Item = Blocker> + '_ {
    let rest = state.pools.iter().filter(|(_, pool)| !pool.woke && !state.is_over());
    rest.map(|(name, pool)| {
        let waits = |ix: usize, step: &crate::run::StepState| {
            let waiting = matches!(step.status, StepStatus::Queued | StepStatus::Resting(_));
            let agent = state.graph.task(ix).agent_of(&step.step, step.fallback);
            waiting && agent.pool.as_deref() == Some(name)
        };
        let tasks = state.tasks.iter().enumerate().filter(|(ix, it)| it.steps.iter().any(|s| waits(*ix, s)));
        Blocker {
            id: format!("BLK-quota-{}", clean(name).replace(['/', '.', ' ', ':'], "-")),
            description: format!(
                "the quota of {} is used up: its agents rest until {} and go on by themselves ({})",
                clean(name),
                pool.until,
                clean(&pool.why)
            ),
            blocking: tasks.map(|(ix, _)| state.graph.task(ix).id.to_string()).collect(),
            severity: "LOW",
            since: Some(When(pool.since)),
            command: None,
            resolution: None,
            resolved_at: None,
        }
    })
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
        command: resolution
            .is_none()
            .then(|| approval_view(state, id, approval, run).first_command().to_owned()),
        resolved_at: resolution.as_ref().and_then(|(_, at)| *at),
        resolution: resolution.map(|(text, _)| text),
    })
}

/// The accepted list that somebody is to agree to.
fn list(state: &State, kind: &ApprovalKind) -> Option<String> {
    let ApprovalKind::List { task, .. } = kind else { return None };
    let TaskKind::Each(growth) = &state.graph.task(state.graph.ix(task)?).kind else { return None };
    let accepted = state.tasks[state.graph.ix(&growth.list)?].candidate.as_ref()?;
    Some(format!(".consort/store/{}", accepted.artifacts.first()?.hash))
}
