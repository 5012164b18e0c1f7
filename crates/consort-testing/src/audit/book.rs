//! What the auditor keeps while it reads: one page per task, barrier and question.

use super::{Violation, back, gates, life, limits, people, plans, talk};
use crate::sim::Record;
use consort_core::ids::{ApprovalId, AttemptId, CheckpointId, ContentHash, Revision, Step, TaskId};
use consort_core::plan::{Plan, Task};
use consort_core::run::*;
use std::collections::{BTreeMap, BTreeSet};

/// One round, as the journal tells it.
#[derive(Clone, Debug, Default)]
pub(super) struct Round {
    pub number: u32,
    pub confirmation: bool,
    pub began: Vec<Step>,
    pub self_reviewed: bool,
    pub reviews: Vec<(String, Review)>,
    pub composite: Option<u64>,
    pub weak: bool,
    /// What each judge of several said.
    pub judged: Vec<Judged>,
    /// Rules ask for a higher level.
    pub raised: bool,
    /// How many criteria are not met.
    pub unmet: usize,
    pub problems: usize,
    pub revision: Option<Revision>,
    pub decided: bool,
}

/// One task.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    pub generation: u32,
    pub attempts: u32,
    pub rounds: Vec<Round>,
    /// Number of the first round of the present set.
    pub set_from: u32,
    pub candidate: Option<Candidate>,
    /// All candidates, the last one last.
    pub candidates: Vec<Candidate>,
    pub accepting: Option<(Revision, Option<ApprovalId>)>,
    pub accepted: Option<Candidate>,
    pub accepted_in: BTreeMap<u32, Candidate>,
    /// Its rounds by then.
    pub rounds_in: BTreeMap<u32, Vec<Round>>,
    pub overridden: bool,
    /// What an agent knew became a summary, in this generation.
    pub summed_up: bool,
    pub failed: bool,
    /// Nothing is done for it.
    pub skipped: bool,
    /// What its list makes: the plan, and how many tasks.
    pub list: Option<(ContentHash, u32)>,
    /// Something was begun for it in this generation.
    pub touched: bool,
    /// The highest generation, where a rollback has brought back an earlier one.
    pub highest: u32,
}

impl Page {
    /// Another beginning, under this generation: what was given away once is not given again.
    pub(super) fn anew(&mut self, generation: u32) -> Page {
        Page {
            generation,
            highest: self.highest.max(self.generation).max(generation),
            attempts: self.attempts,
            set_from: self.rounds.last().map_or(1, |round| round.number + 1),
            rounds: std::mem::take(&mut self.rounds),
            candidates: std::mem::take(&mut self.candidates),
            accepted_in: std::mem::take(&mut self.accepted_in),
            rounds_in: std::mem::take(&mut self.rounds_in),
            ..Page::default()
        }
    }
}

/// One barrier.
#[derive(Clone, Debug, Default)]
pub(super) struct Meeting {
    pub prechecked: bool,
    pub merged: Option<Revision>,
    pub verified: bool,
    pub complete: bool,
}

/// One question.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub kind: ApprovalKind,
    pub answer: Option<bool>,
    pub void: bool,
    /// The record with its answer.
    pub answered_in: u64,
}

/// A checkpoint.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub id: String,
    pub trigger: CheckpointTrigger,
    pub subject: String,
    pub last: bool,
    pub revision: Option<Revision>,
    pub seq: u64,
    /// What was accepted when it was prepared.
    pub accepted: Vec<(TaskId, Candidate)>,
    /// Barriers that were complete then, and their commits.
    pub complete: Vec<(String, Option<Revision>)>,
    pub declared: BTreeSet<String>,
    pub vouched: BTreeSet<String>,
    /// Marks that held then, this one included.
    pub line: Vec<usize>,
}

pub(super) struct Book<'a> {
    pub plan: &'a Plan,
    pub tasks: BTreeMap<TaskId, &'a Task>,
    pub pages: BTreeMap<TaskId, Page>,
    pub meetings: BTreeMap<String, Meeting>,
    pub questions: BTreeMap<ApprovalId, Question>,
    pub marks: Vec<Mark>,
    pub live: BTreeSet<AttemptId>,
    /// Attempts that ended well in the present record.
    pub done_now: BTreeSet<AttemptId>,
    pub stopping: BTreeSet<AttemptId>,
    pub starts: BTreeMap<AttemptId, u64>,
    pub talks: talk::Talks,
    pub limits: limits::Limits,
    pub start: Option<StartRun>,
    pub declared: BTreeSet<String>,
    pub vouched: BTreeSet<String>,
    pub raised: BTreeMap<String, u64>,
    pub calls: u64,
    pub open: bool,
    pub paused: bool,
    pub cancelling: bool,
    pub over: Option<RunStatus>,
    /// A rollback is under way, to this checkpoint.
    pub rolling: Option<CheckpointId>,
    /// Work that was accepted and put aside by a rollback: task and generation.
    pub aside: BTreeSet<(TaskId, u32)>,
    /// Tasks and barriers that another run handed on.
    pub taken: BTreeSet<String>,
    /// Names in git are to follow.
    pub rewinds: bool,
    pub plans: plans::Plans<'a>,
    /// Checkpoints that no rollback gave up.
    pub line: Vec<usize>,
    pub seq: u64,
    now: i64,
    pub found: Vec<Violation>,
}

impl<'a> Book<'a> {
    pub(super) fn new(plan: &'a Plan, known: &'a BTreeMap<ContentHash, Plan>) -> Self {
        let page = Page { generation: 1, set_from: 1, ..Page::default() };
        Book {
            plan,
            tasks: plan.tasks.iter().map(|t| (t.id.clone(), t)).collect(),
            pages: plan.tasks.iter().map(|t| (t.id.clone(), page.clone())).collect(),
            meetings: plan.barriers.iter().map(|b| (b.id.to_string(), Meeting::default())).collect(),
            questions: BTreeMap::new(),
            marks: Vec::new(),
            live: BTreeSet::new(),
            done_now: BTreeSet::new(),
            stopping: BTreeSet::new(),
            starts: BTreeMap::new(),
            talks: talk::Talks::default(),
            limits: limits::Limits::default(),
            start: None,
            declared: BTreeSet::new(),
            vouched: BTreeSet::new(),
            raised: BTreeMap::new(),
            calls: 0,
            open: false,
            paused: false,
            cancelling: false,
            over: None,
            rolling: None,
            aside: BTreeSet::new(),
            taken: BTreeSet::new(),
            rewinds: false,
            plans: plans::Plans::new(plan, known),
            line: Vec::new(),
            seq: 0,
            now: i64::MIN,
            found: Vec::new(),
        }
    }

    /// What another run hands on counts as accepted from the beginning.
    pub(super) fn take_over(&mut self, kept: &Kept) {
        for (task, was) in &kept.tasks {
            self.taken.insert(task.to_string());
            let page = self.page(task);
            page.generation = was.generation;
            page.highest = was.highest;
            page.attempts = was.attempts;
            page.touched = true;
            page.candidate = was.candidate.clone();
            page.accepted = was.candidate.clone();
            page.rounds = (1..=was.iteration).map(|number| Round { number, ..Round::default() }).collect();
            page.set_from = was.iteration + 1;
        }
        for (barrier, was) in &kept.barriers {
            self.taken.insert(barrier.to_string());
            let merged = was.revision.clone();
            let meeting = Meeting { prechecked: true, merged, verified: true, complete: true };
            self.meetings.insert(barrier.to_string(), meeting);
        }
        self.declared.extend(kept.declared_inputs.keys().cloned());
        if let Some(so_far) = &kept.so_far {
            self.goes_on(so_far);
        }
    }

    /// The same run, further on: numbers that were given are not given again.
    fn goes_on(&mut self, so_far: &SoFar) {
        for (task, was) in &so_far.tasks {
            let page = self.page(task);
            page.generation = was.generation;
            page.highest = was.highest;
            page.attempts = was.attempts;
            page.rounds = (1..=was.iteration).map(|number| Round { number, ..Round::default() }).collect();
            page.set_from = was.iteration + 1;
        }
        let question = |(id, was): (&ApprovalId, &Approval)| {
            let answer = was.answer.as_ref().map(|answer| answer.yes);
            let void = was.void.is_some() || answer.is_none();
            (id.clone(), Question { kind: was.kind.clone(), answer, void, answered_in: 1 })
        };
        self.questions.extend(so_far.approvals.iter().map(question));
        // What held at the earlier ones is not known here; at the last one, it is what was taken over.
        let last = so_far.checkpoints.len().saturating_sub(1);
        for (at, was) in so_far.checkpoints.iter().enumerate() {
            let here = at == last;
            let accepted = self.pages.iter().filter_map(|(t, p)| Some((t.clone(), p.accepted.clone()?)));
            let complete = self.meetings.iter().filter(|(_, m)| m.complete);
            let complete: Vec<_> = complete.map(|(b, m)| (b.clone(), m.merged.clone())).collect();
            let mark = Mark {
                id: was.id.to_string(),
                trigger: was.trigger,
                subject: was.subject.clone(),
                last: false,
                revision: was.revision.clone(),
                seq: u64::from(here),
                accepted: if here { accepted.collect() } else { Vec::new() },
                complete: if here { complete } else { Vec::new() },
                declared: self.declared.clone(),
                vouched: so_far.declared_criteria.keys().cloned().collect(),
                line: (0..=at).collect(),
            };
            // Of what is made again, another one is due.
            if self.stands(&was.subject) {
                self.line.push(self.marks.len());
            }
            self.marks.push(mark);
        }
        self.vouched.extend(so_far.declared_criteria.keys().cloned());
    }

    /// All that a checkpoint of this subject is about was taken over.
    fn stands(&self, subject: &str) -> bool {
        let taken = |id: &str| self.taken.contains(id);
        let of_stage = self.plan.stages.iter().filter(|stage| stage.subject == subject);
        let mut tasks = of_stage.flat_map(|stage| &stage.tasks);
        let named = self.plan.tasks.iter().any(|task| task.id.as_str() == subject)
            || self.plan.barriers.iter().any(|barrier| barrier.id.as_str() == subject);
        (!named || taken(subject)) && tasks.all(|task| taken(task.as_str()))
    }

    /// Notes a violation.
    pub(super) fn wrong(&mut self, rule: &'static str, what: impl Into<String>) {
        self.found.push(Violation { seq: Some(self.seq), rule, what: what.into() });
    }

    /// Notes a violation unless it is so.
    pub(super) fn must(&mut self, so: bool, rule: &'static str, what: impl FnOnce() -> String) {
        if !so {
            self.wrong(rule, what());
        }
    }

    pub(super) fn page(&mut self, task: &TaskId) -> &mut Page {
        self.pages.entry(task.clone()).or_default()
    }

    pub(super) fn round(&mut self, task: &TaskId, number: u32) -> Option<&mut Round> {
        self.page(task).rounds.last_mut().filter(|r| r.number == number)
    }

    pub(super) fn accepted(&self, task: &TaskId) -> bool {
        self.pages.get(task).is_some_and(|p| p.accepted.is_some())
    }

    /// Nothing is left to be done for it.
    pub(super) fn done(&self, task: &TaskId) -> bool {
        self.accepted(task) || self.pages.get(task).is_some_and(|page| page.skipped)
    }

    pub(super) fn record(&mut self, record: &Record) {
        let expected = self.seq + 1;
        self.must(record.seq == expected, "order", || {
            format!("record {} stands where {expected} belongs", record.seq)
        });
        self.seq = record.seq;
        let before = self.now;
        self.must(record.now.0 >= before, "order", || "time went back".into());
        self.now = record.now.0;
        self.done_now = ended_well(record);
        life::reports(self, record);
        for event in &record.events {
            self.must(event.at == record.now, "order", || format!("{:?} is not of this record", event.at));
            self.event(&event.kind, record);
        }
    }

    fn event(&mut self, kind: &EventKind, record: &Record) {
        use EventKind as E;
        let first = self.start.is_none();
        self.must(first == matches!(kind, E::RunStarted { .. }), "order", || {
            "the start is not the first event, or not the only one".into()
        });
        if self.over.is_some() {
            people::after_the_end(self, kind);
        }
        back::back(self, kind);
        plans::plan(self, kind);
        plans::growth(self, kind, record);
        talk::talk(self, kind, record);
        limits::limit(self, kind, record.now);
        match kind {
            E::RunStarted { start, .. } => self.start = Some(start.clone()),
            E::RunnerOpened { .. } => self.open = true,
            E::RunnerClosing { .. } => self.open = false,
            E::RunPaused { .. } => self.paused = true,
            E::RunUnpaused { .. } => self.paused = false,
            E::RunCancelling { .. } => self.cancelling = true,
            E::InputDeclared { name, .. } => drop(self.declared.insert(name.clone())),
            E::CriterionDeclared { name, .. } => drop(self.vouched.insert(name.clone())),
            E::BudgetRaised { limit, max, .. } => drop(self.raised.insert(limit.clone(), *max)),
            E::RunEnded { status } => people::ended(self, *status),
            E::CheckpointPrepared { .. } | E::CheckpointCreated { .. } => people::checkpoint(self, kind),
            E::ApprovalRequested { .. } | E::ApprovalGiven { .. } | E::ApprovalVoided { .. } => {
                people::question(self, kind);
            }
            E::BarrierPrechecked { .. }
            | E::BarrierMerging { .. }
            | E::BarrierMerged { .. }
            | E::BarrierVerified { .. }
            | E::BarrierCompleted { .. }
            | E::BarrierReopened { .. } => people::barrier(self, kind, record),
            E::Judged { .. }
            | E::Scored { .. }
            | E::RoundDecided { .. }
            | E::TaskAccepting { .. }
            | E::TaskAccepted { .. } => {
                gates::gate(self, kind, record);
            }
            _ => life::task(self, kind, record),
        }
    }

    /// After a rollback: what is kept lies under its name, everything else that was accepted is put aside.
    pub(super) fn sort_out(&mut self) {
        for (task, page) in &self.pages {
            for (generation, candidate) in &page.accepted_in {
                let held = page.generation == *generation && page.accepted.as_ref() == Some(candidate);
                let place = (task.clone(), *generation);
                if held {
                    self.aside.remove(&place)
                } else {
                    self.aside.insert(place)
                };
            }
        }
    }

    pub(super) fn at_the_end(&mut self) {
        if self.over == Some(RunStatus::Complete) {
            people::complete_checkpoints(self);
        }
    }
}

fn ended_well(record: &Record) -> BTreeSet<AttemptId> {
    let ends = record.events.iter().filter_map(|e| match &e.kind {
        EventKind::AttemptEnded { attempt, end: AttemptEnd::Done, .. } => Some(attempt.clone()),
        _ => None,
    });
    ends.collect()
}
