//! Changed plans: what the other plan gives up is ended and nothing of it starts meanwhile; what both say the same
//! about goes on untouched; what was accepted and given up is put aside. Told from the two plans alone.

use super::book::{Book, Meeting, Page, Question};
use super::limits;
use crate::sim::Record;
use consort_core::ids::{AttemptId, ContentHash, TaskId};
use consort_core::plan::{Input as Reads, Plan, TaskKind};
use consort_core::run::*;
use std::collections::{BTreeMap, BTreeSet};

/// A change that is under way.
#[derive(Clone, Debug)]
pub(super) struct Changing {
    plan: ContentHash,
    tasks: BTreeSet<TaskId>,
    barriers: BTreeSet<String>,
}

/// What the auditor keeps of plans.
#[derive(Clone, Debug)]
pub(super) struct Plans<'a> {
    known: &'a BTreeMap<ContentHash, Plan>,
    /// The first record since which each held, and its absent inputs.
    pub(super) held: Vec<(u64, &'a Plan, Vec<String>)>,
    changing: Option<Changing>,
    /// Names in git are to follow.
    pub tidies: bool,
}

impl<'a> Plans<'a> {
    pub(super) fn new(first: &'a Plan, known: &'a BTreeMap<ContentHash, Plan>) -> Self {
        Plans { known, held: vec![(0, first, Vec::new())], changing: None, tidies: false }
    }

    /// File inputs that are not at the base.
    pub(super) fn absent(&self) -> &[String] {
        self.held.last().map_or(&[], |(.., absent)| absent)
    }
}

pub(super) fn plan<'a>(book: &mut Book<'a>, kind: &EventKind) {
    match kind {
        EventKind::RunStarted { start, .. } => book.plans.held[0].2 = start.absent.clone(),
        EventKind::AmendBegan { plan, .. } => began(book, plan),
        EventKind::PlanChanged { plan, absent, why } => changed(book, plan, absent, why),
        EventKind::RefsAbandoned { .. } => {
            let tidies = std::mem::take(&mut book.plans.tidies);
            book.must(tidies, "plan", || "names were put right for no change".into());
        }
        EventKind::RollbackBegan { .. } | EventKind::RunEnded { .. } => book.plans.changing = None,
        EventKind::AttemptStarting { attempt, .. } => stays(book, &attempt.task, kind),
        EventKind::TaskReady { task }
        | EventKind::TaskPreparing { task }
        | EventKind::RoundStarted { task, .. }
        | EventKind::StepsQueued { task, .. }
        | EventKind::TaskAccepting { task, .. } => stays(book, task, kind),
        EventKind::BarrierPrechecked { barrier } | EventKind::BarrierCompleted { barrier, .. } => {
            let leaves = book.plans.changing.as_ref().is_some_and(|c| c.barriers.contains(barrier.as_str()));
            book.must(!leaves, "plan", || format!("{barrier} goes on although it is given up"));
        }
        _ => {}
    }
}

/// Nothing begins for what is given up.
fn stays(book: &mut Book<'_>, task: &TaskId, kind: &EventKind) {
    let leaves = book.plans.changing.as_ref().is_some_and(|c| c.tasks.contains(task));
    book.must(!leaves, "plan", || format!("{task} goes on although it is given up: {kind:?}"));
}

fn began(book: &mut Book<'_>, plan: &ContentHash) {
    let free = book.plans.changing.is_none() && book.rolling.is_none();
    book.must(free, "plan", || "changed in the middle of another change".into());
    let Some(new) = book.plans.known.get(plan) else {
        return book.wrong("plan", format!("{plan} is nowhere"));
    };
    let (tasks, barriers) = leaving(book, new);
    book.plans.changing = Some(Changing { plan: plan.clone(), tasks, barriers });
    book.over = None;
    book.cancelling = false;
}

/// Differs, or rests on what differs.
fn leaving(book: &Book<'_>, new: &Plan) -> (BTreeSet<TaskId>, BTreeSet<String>) {
    let old = book.plan;
    let all = old.quality != new.quality || old.constraints != new.constraints;
    let over = book.over.is_some();
    let mut tasks: BTreeSet<TaskId> = old
        .tasks
        .iter()
        .filter(|task| {
            let page = &book.pages[&task.id];
            all || new.task(&task.id) != Some(task)
                || (page.failed && page.accepted.is_none())
                || (over && page.accepted.is_none() && !page.skipped)
                // A placeholder holds no work: its list is read again.
                || (matches!(task.kind, TaskKind::Each(_)) && !page.skipped)
        })
        .map(|task| task.id.clone())
        .collect();
    let mut barriers: BTreeSet<String> = old
        .barriers
        .iter()
        .filter(|barrier| {
            all || new.barrier(&barrier.id) != Some(barrier)
                || (over && !book.meetings[barrier.id.as_str()].complete)
        })
        .map(|barrier| barrier.id.to_string())
        .collect();
    loop {
        let before = (tasks.len(), barriers.len());
        for task in &old.tasks {
            let reads = task.inputs.iter().any(|input| match input {
                Reads::Artifact { task } | Reads::Handoff { task } => tasks.contains(task),
                _ => false,
            });
            let behind = task.behind.iter().any(|barrier| barriers.contains(barrier.as_str()));
            if reads || behind || task.needs.iter().any(|need| tasks.contains(need)) {
                tasks.insert(task.id.clone());
            }
        }
        for barrier in old.barriers.iter().filter(|barrier| barriers.contains(barrier.id.as_str())) {
            let unfinished = barrier.handoffs.iter().filter(|task| book.pages[*task].accepted.is_none());
            tasks.extend(unfinished.cloned());
        }
        for barrier in &old.barriers {
            if barrier.waits_for.iter().chain(&barrier.handoffs).any(|task| tasks.contains(task)) {
                barriers.insert(barrier.id.to_string());
            }
        }
        if before == (tasks.len(), barriers.len()) {
            return (tasks, barriers);
        }
    }
}

fn changed<'a>(book: &mut Book<'a>, plan: &ContentHash, absent: &[String], why: &ChangeWhy) {
    let Some(new) = book.plans.known.get(plan) else {
        return book.wrong("plan", format!("{plan} is nowhere"));
    };
    let changing = book.plans.changing.take();
    let (tasks, barriers) = match (why, changing) {
        (ChangeWhy::Amended { .. }, Some(changing)) if changing.plan == *plan => {
            (changing.tasks, changing.barriers)
        }
        (ChangeWhy::Grown { task }, _) => {
            let list = book.pages.get(task).and_then(|page| page.list.clone());
            let siblings = new.siblings.get(task).map(|siblings| siblings.tasks.len() as u32);
            let right = list.is_some_and(|(of, count)| of == *plan && siblings == Some(count));
            book.must(right, "growth", || format!("{plan} is not what the list of {task} makes"));
            let asked = book.tasks.get(task).is_some_and(|task| match &task.kind {
                TaskKind::Each(growth) => growth.approval.is_some(),
                _ => false,
            });
            let of = |q: &Question| matches!(&q.kind, ApprovalKind::List { task: of, .. } if of == task);
            let agreed = book.questions.values().any(|q| of(q) && q.answer == Some(true) && !q.void);
            book.must(!asked || agreed, "growth", || format!("nobody agreed to the list of {task}"));
            let changing = book.plans.changing.is_some();
            book.must(!changing, "growth", || format!("{task} grows in the middle of a change"));
            (BTreeSet::from([task.clone()]), BTreeSet::new())
        }
        _ => return book.wrong("plan", format!("nobody asked for {plan}")),
    };
    let alive: Vec<String> =
        book.live.iter().filter(|a| tasks.contains(&a.task)).map(ToString::to_string).collect();
    book.must(alive.is_empty(), "plan", || format!("changed while {} are alive", alive.join(", ")));
    give_up(book, &tasks, &barriers);
    let counted = limits::under_way(book);
    hold(book, new, absent.to_vec());
    limits::newly_limited(book, &counted);
}

/// From the present record on this plan holds.
fn hold<'a>(book: &mut Book<'a>, new: &'a Plan, absent: Vec<String>) {
    book.plans.held.push((book.seq, new, absent));
    book.plan = new;
    book.tasks = new.tasks.iter().map(|t| (t.id.clone(), t)).collect();
    for task in &new.tasks {
        let fresh = Page { generation: 1, set_from: 1, ..Page::default() };
        book.pages.entry(task.id.clone()).or_insert(fresh);
    }
    book.meetings.retain(|id, _| new.barriers.iter().any(|b| b.id.as_str() == id));
    for barrier in &new.barriers {
        book.meetings.entry(barrier.id.to_string()).or_default();
    }
    // What is not ended any more ends once more, with a checkpoint of its own.
    let ended = |book: &Book<'_>, n: usize| {
        let mark = &book.marks[n];
        let stage = new.stages.iter().find(|stage| stage.subject == mark.subject);
        match mark.trigger {
            CheckpointTrigger::Manual => true,
            CheckpointTrigger::BarrierComplete => {
                book.meetings.get(&mark.subject).is_some_and(|meeting| meeting.complete)
            }
            CheckpointTrigger::PhaseComplete => match stage {
                Some(stage) => stage.tasks.iter().all(|task| book.done(task)),
                None => book.done(&mark.subject.as_str().into()),
            },
        }
    };
    let line = book.line.iter().copied().filter(|n| !book.marks[*n].last && ended(book, *n)).collect();
    book.line = line;
}

fn give_up(book: &mut Book<'_>, tasks: &BTreeSet<TaskId>, barriers: &BTreeSet<String>) {
    book.talks.begin_anew(tasks);
    for task in tasks {
        let Some(page) = book.pages.get_mut(task) else { continue };
        if page.accepted.is_some() {
            book.aside.insert((task.clone(), page.generation));
            book.plans.tidies = true;
        }
        let highest = page.highest.max(page.generation);
        let fresh = if page.touched || page.accepted.is_some() { highest + 1 } else { page.generation };
        // Whoever begins anew answers nobody's findings.
        page.rounds.iter_mut().for_each(|round| round.reviews.clear());
        *page = page.anew(fresh);
    }
    for barrier in barriers {
        book.meetings.insert(barrier.clone(), Meeting::default());
    }
}

/// The plan of then is back, before what was accepted then is.
pub(super) fn back_to(book: &mut Book<'_>, seq: u64) {
    let then = book.plans.held.iter().rev().find(|(since, ..)| *since <= seq).cloned();
    let Some((_, plan, absent)) = then else { return };
    if plan != book.plan {
        hold(book, plan, absent);
    }
}

/// What is skipped, and what a list makes, is so on a worker's word.
pub(super) fn growth(book: &mut Book<'_>, kind: &EventKind, record: &Record) {
    let reported = match &record.cause {
        Input::Reported(report) => Some(report),
        _ => None,
    };
    match kind {
        EventKind::TaskSkipped { task, .. } => {
            let read = book.tasks.get(task).map(|task| task.inputs.clone()).unwrap_or_default();
            let read: Vec<&TaskId> = read
                .iter()
                .filter_map(|input| match input {
                    Reads::Artifact { task } | Reads::Handoff { task } => Some(task),
                    _ => None,
                })
                .collect();
            let all = !read.is_empty() && read.iter().all(|id| book.pages[*id].skipped);
            let said =
                matches!(reported, Some(Report::ConditionWeighed { task: of, met: false, .. }) if of == task);
            book.must(all || said, "growth", || format!("{task} was skipped on nobody's word"));
            let page = book.page(task);
            let untouched =
                page.rounds.iter().all(|round| round.number < page.set_from) && page.accepted.is_none();
            page.skipped = true;
            book.must(untouched, "growth", || format!("{task} was skipped after it had begun"));
        }
        EventKind::ListTaken { task, plan, count, .. } => {
            let said = matches!(reported, Some(Report::ListTaken { task: of, plan: made, .. }) if of == task && made == plan);
            book.must(said, "growth", || format!("the list of {task} was taken on nobody's word"));
            book.page(task).list = Some((plan.clone(), *count));
        }
        EventKind::TaskReady { task } | EventKind::TaskPreparing { task } => {
            let each = book.tasks.get(task).is_some_and(|task| matches!(task.kind, TaskKind::Each(_)));
            book.must(!each, "growth", || format!("{task} stands for a list, and is no work"));
        }
        EventKind::AttemptStarting { attempt, .. } => crowded(book, attempt),
        _ => {}
    }
}

/// No more of one list are at work than may be at once.
fn crowded(book: &mut Book<'_>, attempt: &AttemptId) {
    let of = |id: &TaskId| match book.tasks.get(id).map(|task| &task.kind) {
        Some(TaskKind::Grown(grown)) => Some(grown.of.clone()),
        _ => None,
    };
    let Some(own) = of(&attempt.task) else { return };
    let most = book.plan.siblings.get(&own).map_or(0, |siblings| siblings.side_by_side) as usize;
    let alive = book.live.iter().chain([attempt]);
    let tasks: BTreeSet<&TaskId> =
        alive.map(|a| &a.task).filter(|id| of(id).as_ref() == Some(&own)).collect();
    let at_once = tasks.len();
    book.must(most == 0 || at_once <= most, "growth", || format!("{at_once} of {own} at once, not {most}"));
}
