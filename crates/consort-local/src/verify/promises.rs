//! The promises of the design, read off the events without asking the core.

use super::{Check, at, counted};
use crate::journal::Record;
use consort_core::ids::{ApprovalId, AttemptId, BarrierId, Revision, TaskId};
use consort_core::quality::Band;
use consort_core::run::{ApprovalKind, EVENT_BYTES_MAX, Event, EventKind, State, is_among, who_may};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
struct Attempts {
    /// The record in which each became durable.
    starting: BTreeMap<AttemptId, u64>,
    /// Numbers that a task has given.
    numbers: BTreeSet<(TaskId, u32)>,
    ended: BTreeSet<AttemptId>,
}

/// What the gate last said of a task: round, band, and whether checks found problems.
#[derive(Default)]
struct Gate {
    generation: u32,
    scored: Option<(u32, Band)>,
    problems: Option<u32>,
    /// The round of the last candidate: confirmations judge the same bytes.
    captured: Option<u32>,
    rounds: BTreeSet<u32>,
    overridden: Option<u32>,
}

pub(super) struct Promises {
    check: Check,
    attempts: Attempts,
    gates: BTreeMap<TaskId, Gate>,
    asked: BTreeMap<ApprovalId, ApprovalKind>,
    given: BTreeMap<ApprovalId, bool>,
    accepting: BTreeMap<TaskId, (Revision, Option<ApprovalId>)>,
    accepted: BTreeSet<(TaskId, u32)>,
    merged: BTreeMap<BarrierId, Revision>,
    complete: BTreeSet<(BarrierId, u32)>,
    time: i64,
}

impl Default for Promises {
    fn default() -> Self {
        Self {
            check: Check::new("promises"),
            attempts: Attempts::default(),
            gates: BTreeMap::new(),
            asked: BTreeMap::new(),
            given: BTreeMap::new(),
            accepting: BTreeMap::new(),
            accepted: BTreeSet::new(),
            merged: BTreeMap::new(),
            complete: BTreeSet::new(),
            time: i64::MIN,
        }
    }
}

impl Promises {
    /// `before` is the state before the record.
    pub(super) fn take(&mut self, before: &State, record: &Record) {
        let place = at(record);
        let time = record.now.0;
        self.check
            .unless(time >= self.time, &place, || "its time lies before that of the record before it".into());
        self.time = self.time.max(time);
        for event in &record.events {
            self.check.count += 1;
            let bytes = serde_json::to_vec(event).map_or(usize::MAX, |json| json.len());
            self.check.unless(bytes <= EVENT_BYTES_MAX, &place, || format!("an event of {bytes} bytes"));
            self.attempt(event, record);
            self.anew(event);
            self.gate(before, event, &place);
            self.approval(before, event, &place);
        }
    }

    /// Every attempt is durable before it can spend, starts once, ends once.
    fn attempt(&mut self, event: &Event, record: &Record) {
        let place = at(record);
        let Attempts { starting, numbers, ended } = &mut self.attempts;
        let check = &mut self.check;
        match &event.kind {
            EventKind::AttemptStarting { attempt, .. } => {
                let fresh = numbers.insert((attempt.task.clone(), attempt.attempt));
                let first = starting.insert(attempt.clone(), record.seq).is_none();
                check.unless(fresh && first, &place, || format!("{attempt} starts a second time"));
            }
            EventKind::AttemptStarted { attempt, .. } | EventKind::AttemptAdopted { attempt } => {
                let durable = starting.get(attempt).is_some_and(|seq| *seq < record.seq);
                check
                    .unless(durable, &place, || format!("{attempt} ran before its start was in the journal"));
            }
            EventKind::AttemptEnded { attempt, .. } => {
                let durable = starting.get(attempt).is_some_and(|seq| *seq < record.seq);
                check.unless(durable, &place, || {
                    format!("{attempt} ended before its start was in the journal")
                });
                check.unless(ended.insert(attempt.clone()), &place, || {
                    format!("{attempt} ends a second time")
                });
            }
            _ => {}
        }
    }

    /// Under another plan a task may begin anew: it earns everything anew.
    fn anew(&mut self, event: &Event) {
        let EventKind::AttemptStarting { attempt, .. } = &event.kind else { return };
        let gate = self.gates.entry(attempt.task.clone()).or_default();
        if gate.generation != attempt.generation {
            gate.generation = attempt.generation;
            gate.rounds.retain(|round| *round >= attempt.iteration);
        }
    }

    /// Nothing passes a gate that it has not earned, and nothing passes twice.
    fn gate(&mut self, before: &State, event: &Event, place: &str) {
        let check = &mut self.check;
        match &event.kind {
            EventKind::RoundStarted { task, iteration, .. } => {
                self.gates.entry(task.clone()).or_default().rounds.insert(*iteration);
            }
            EventKind::Scored { task, iteration, band, .. } => {
                self.gates.entry(task.clone()).or_default().scored = Some((*iteration, *band));
            }
            EventKind::ProblemsFound { task, iteration, .. } => {
                self.gates.entry(task.clone()).or_default().problems = Some(*iteration);
            }
            EventKind::CandidateCaptured { task, iteration, .. } => {
                self.gates.entry(task.clone()).or_default().captured = Some(*iteration);
            }
            // Whoever begins anew earns everything anew.
            EventKind::RolledBack { .. } => self.gates.clear(),
            EventKind::OverrideRecorded { task, iteration, .. } => {
                self.gates.entry(task.clone()).or_default().overridden = Some(*iteration);
            }
            EventKind::TaskAccepting { task, revision, approval, .. } => {
                self.accepting.insert(task.clone(), (revision.clone(), approval.clone()));
            }
            EventKind::TaskAccepted { task, iteration, candidate } => {
                let generation = before.graph.ix(task).map_or(0, |ix| before.tasks[ix].generation);
                let first = self.accepted.insert((task.clone(), generation));
                check.unless(first, place, || format!("{task} is accepted a second time"));
                let same =
                    self.accepting.get(task).is_some_and(|(revision, _)| *revision == candidate.revision);
                check
                    .unless(same, place, || format!("{task} is accepted at another commit than was decided"));
                let gate = self.gates.entry(task.clone()).or_default();
                if let Some(why) = closed(before, task, gate, *iteration) {
                    check.fault(place, format!("{task} passed a closed gate: {why}"));
                }
            }
            _ => {}
        }
    }

    /// An approval is bound to what it was asked about; where one is needed, there is one.
    fn approval(&mut self, before: &State, event: &Event, place: &str) {
        let check = &mut self.check;
        match &event.kind {
            EventKind::ApprovalRequested { approval, kind, .. } => {
                self.asked.insert(approval.clone(), kind.clone());
            }
            EventKind::ApprovalGiven { approval, yes, by, .. } => {
                let may = self.asked.get(approval).map(|kind| who_may(&before.graph.plan, kind, *yes));
                check.unless(may.is_none_or(|may| is_among(may, by)), place, || {
                    format!("{approval} is answered by {by}, whose word does not count there")
                });
                let first = self.given.insert(approval.clone(), *yes).is_none();
                check.unless(first, place, || format!("{approval} is answered a second time"));
                check.unless(self.asked.contains_key(approval), place, || {
                    format!("{approval} was never asked")
                });
            }
            EventKind::TaskAccepting { task, revision, approval, .. } => {
                let needed = before.graph.plan.task(task).is_some_and(|t| t.approval.is_some());
                let bound = approval.as_ref().map(|id| {
                    let about = self.asked.get(id).and_then(task_revision);
                    self.given.get(id) == Some(&true) && about == Some((task, revision))
                });
                check.unless(bound != Some(false), place, || {
                    format!("the approval of {task} was for another commit than {revision}")
                });
                check.unless(!needed || approval.is_some(), place, || {
                    format!("{task} was accepted without approval")
                });
            }
            EventKind::BarrierMerged { barrier, revision } => {
                self.merged.insert(barrier.clone(), revision.clone());
            }
            EventKind::BarrierCompleted { barrier, revision, approval } => {
                let set = before.graph.barrier_ix(barrier).map_or(0, |b| before.barriers[b].set);
                let first = self.complete.insert((barrier.clone(), set));
                check.unless(first, place, || format!("{barrier} is COMPLETE a second time"));
                check.unless(self.merged.get(barrier) == Some(revision), place, || {
                    format!("{barrier} is COMPLETE at another commit than was merged")
                });
                let needed = before.graph.plan.barrier(barrier).is_some_and(|b| b.approval.is_some());
                check.unless(!needed || approval.is_some(), place, || {
                    format!("{barrier} is COMPLETE without approval")
                });
                let bound = approval.as_ref().is_none_or(|id| {
                    let about = matches!(self.asked.get(id), Some(ApprovalKind::Barrier { barrier: b, revision: r }) if b == barrier && r == revision);
                    about && self.given.get(id) == Some(&true)
                });
                check.unless(bound, place, || format!("the approval of {barrier} was for another commit"));
            }
            _ => {}
        }
    }

    pub(super) fn end(mut self, state: &State) -> Check {
        // What runs now must have been started by the journal.
        for attempt in state.live.keys() {
            let known = self.attempts.starting.contains_key(attempt);
            self.check.unless(known, &attempt.to_string(), || "it runs and was never started".into());
        }
        let summary = format!(
            "{} kept to them: {} durable before they ran, {} accepted once, {} answered once",
            counted(self.check.count, "event"),
            counted(self.attempts.starting.len() as u64, "attempt"),
            counted(self.accepted.len() as u64, "task"),
            counted(self.given.len() as u64, "question"),
        );
        self.check.said(summary)
    }
}

fn task_revision(kind: &ApprovalKind) -> Option<(&TaskId, &Revision)> {
    match kind {
        ApprovalKind::Task { task, revision, .. } => Some((task, revision)),
        ApprovalKind::Held { task, revision: Some(revision), .. } => Some((task, revision)),
        _ => None,
    }
}

/// Why a task should not have passed, if it should not.
fn closed(before: &State, id: &TaskId, gate: &Gate, iteration: u32) -> Option<String> {
    let task = before.graph.plan.task(id)?;
    if gate.captured != Some(iteration) {
        return Some(format!("round {iteration} is not that of its last candidate"));
    }
    let captured = before.graph.ix(id).and_then(|ix| before.tasks[ix].candidate.as_ref());
    if let Some(given) = &task.given
        && !captured.is_some_and(|c| c.artifacts.iter().all(|a| a.hash == *given))
    {
        return Some("it was judged by other bytes than those that were given".into());
    }
    if gate.overridden.is_some_and(|round| round >= iteration) {
        return None;
    }
    if gate.problems == Some(iteration) {
        return Some("checks had found problems".into());
    }
    if !task.judged {
        return None;
    }
    let (rounds, last) = (gate.rounds.len() as u32, gate.rounds.last().copied());
    match gate.scored {
        Some((scored, band)) if Some(scored) == last => match band {
            Band::Pass if rounds >= task.rounds.min => None,
            Band::Pass => Some(format!("after {rounds} of at least {} rounds", task.rounds.min)),
            _ => Some(format!("round {scored} was {band}")),
        },
        _ => Some("its last round was not scored".into()),
    }
}
