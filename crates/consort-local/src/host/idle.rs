//! When the loop ends, and with what.

use super::Host;
use super::slots::Slots;
use consort_core::run::{ApprovalKind, RunStatus, State, next_deadline, waits_for_others};
use consort_core::time::Timestamp;

/// How a runner ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is accepted.
    Complete,
    /// A task was given up.
    Failed,
    /// A budget is used up, and ended the run.
    Stopped,
    /// A person ended the run.
    Cancelled,
    /// A person must answer first; nobody is here.
    Waiting,
    /// A budget is used up; nobody is here to raise it.
    OverBudget,
    /// A signal. True: attempts still run under their supervisors.
    Interrupted {
        /// Whether something was left running.
        running: bool,
    },
}

impl Outcome {
    /// How a runner ended that wrote this last of itself: of a run that another process drove. `closed`: why it was put
    /// down, if it was; without a word it died.
    pub fn of(state: &State, closed: Option<&str>) -> Option<Outcome> {
        match state.status {
            RunStatus::Complete => return Some(Outcome::Complete),
            RunStatus::Failed if state.stopped.is_some() => return Some(Outcome::Stopped),
            RunStatus::Failed => return Some(Outcome::Failed),
            RunStatus::Cancelled => return Some(Outcome::Cancelled),
            RunStatus::Active | RunStatus::Paused => {}
        }
        let why = closed.filter(|_| state.closing)?;
        let known = [Outcome::Waiting, Outcome::OverBudget].into_iter().find(|outcome| outcome.why() == why);
        Some(known.unwrap_or(Outcome::Interrupted { running: !state.live.is_empty() }))
    }

    /// Why a run that is not over is put down.
    pub(super) fn why(self) -> &'static str {
        match self {
            Outcome::Waiting => "waits for a person",
            Outcome::OverBudget => "a budget is used up",
            Outcome::Interrupted { .. } => "interrupted",
            Outcome::Complete | Outcome::Failed | Outcome::Stopped | Outcome::Cancelled => "over",
        }
    }
}

impl Host {
    /// The outcome, if there is nothing more that this process can do.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        if self.interrupts > 1 {
            return Some(Outcome::Interrupted { running: !self.state.live.is_empty() });
        }
        if !self.pending.is_empty() || !self.acting.is_idle() {
            return None;
        }
        if self.state.is_over() {
            return Outcome::of(&self.state, None).filter(|_| next_deadline(&self.state).is_none());
        }
        if self.interrupts == 1 {
            return Some(Outcome::Interrupted { running: false });
        }
        let rests =
            matches!(next_deadline(&self.state), Some((_, why)) if why != consort_core::run::Why::Budget);
        if rests || self.causes.attended() || waits_for_others(&self.state) {
            return None;
        }
        let budget =
            |(_, a): (_, &consort_core::run::Approval)| matches!(a.kind, ApprovalKind::Budget { .. });
        let over_budget = self.state.open_approvals().any(budget);
        Some(if over_budget { Outcome::OverBudget } else { Outcome::Waiting })
    }

    /// When to look again although nothing happened.
    pub(super) fn wake_at(&self) -> Option<u64> {
        let now = self.clock.now();
        let deadline = next_deadline(&self.state).map(|(at, _)| wait_ms(at, now));
        let others = waits_for_others(&self.state);
        let elsewhere = self.elsewhere.as_ref().map(|elsewhere| elsewhere.due_in_ms(now, others));
        let slot = self.slots.as_ref().and_then(Slots::due_in_ms);
        [deadline, self.files.due_in_ms(), elsewhere, slot].into_iter().flatten().min()
    }
}

fn wait_ms(at: Timestamp, now: Timestamp) -> u64 {
    at.since_ms(now)
}
