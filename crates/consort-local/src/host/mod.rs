//! The loop that drives one run: the brain decides, the journal remembers, hands do.
//!
//! ```text
//!        ┌────────────── causes: reports · commands · signals · time ◀─────────────┐
//!        ▼                                                                          │
//!   core::run::step ──events──▶ journal (flushed) ──▶ observers ──▶ wanted ──▶ hands ┘
//! ```
//!
//! Nothing acts on a decision that is not on disk. A restart is the same code as a start: the
//! journal is folded, what is really there is reported, and the wish list does the rest.

mod act;
mod cause;
mod clock;
mod elsewhere;
mod idle;
mod open;
mod project;
mod rests;
mod slots;

pub use act::content_at;
pub(crate) use act::content_of;
pub use cause::{Commander, Order};
pub use clock::wall;
pub use idle::Outcome;
pub use open::{Begin, Opening, begin, keep, lay_down, load_plan, reopen};
pub use project::{STATE_FILES, rendered};

use crate::inbox::{Journalled, PostId};
use crate::journal::{CommitCounter, Journal, JournalError, NewRecord};
use crate::lock::RunLock;
use crate::replay::learn_plan;
use act::Acting;
use cause::{Cause, Causes};
use clock::Clock;
use consort_core::planted::Bug;
use consort_core::run::{Command, Event, Input, Refusal, Report, State, fold, named_in, slots_wanted, step};
use consort_worker::drill;
use consort_worker::hands::Hands;
use consort_worker::store::Store;
use elsewhere::Elsewhere;
use project::LiveFiles;
use rests::Rests;
use slots::Slots;
use std::sync::Arc;

/// Called after every flush, with the state and the events that are new.
pub type Observer = Box<dyn FnMut(&State, &[Event]) + Send>;

/// Why a run could not be driven on. The journal holds everything up to here.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The journal could not be written: nothing was done that is not in it.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A command of this process was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The journal tells something that cannot be.
    #[error("the journal of this run is corrupt: {0}; `consort verify RUN` tells more")]
    Corrupt(String),
    /// The plan that record 1 names is not in the content store.
    #[error("{0}")]
    Plan(String),
    /// The system refused something basic.
    #[error("{what}: {why}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        why: String,
    },
}

/// One run in the hands of this process.
pub struct Host {
    state: State,
    journal: Journal,
    lock: RunLock,
    hands: Arc<Hands>,
    /// Where plans are that a change names.
    store: Store,
    causes: Causes,
    acting: Acting,
    clock: Clock,
    files: LiveFiles,
    /// Where days are limited.
    elsewhere: Option<Elsewhere>,
    /// Where agents share quotas.
    rests: Option<Rests>,
    /// Where the agents of all runs are limited together.
    slots: Option<Slots>,
    observer: Observer,
    /// Decided and not yet flushed.
    pending: Vec<NewRecord>,
    /// What observers have not seen.
    fresh: Vec<Event>,
    /// Commands of other processes that the journal holds already.
    journalled: Journalled,
    /// Commands of other processes whose files go after the next flush.
    to_delete: Vec<PostId>,
    interrupts: u32,
    /// Told when the terminal is gone.
    hung_up: Option<Box<dyn FnMut() + Send>>,
    /// Whoever is to be waited for, although nobody is here: answers come by the inbox.
    stays: Option<Commander>,
}

impl Host {
    /// The state as it is in memory: no older than the journal.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Counts journal transactions of this process, for benchmarks: also after the run was driven.
    pub fn commit_counter(&self) -> CommitCounter {
        self.journal.counter()
    }

    /// A way to give commands to the run from this process. While one exists the loop waits
    /// for people instead of ending.
    pub fn commander(&mut self) -> Commander {
        self.causes.commander()
    }

    /// From now on the loop waits for people who are elsewhere, and takes what they leave in the inbox.
    pub fn stay(&mut self) {
        self.stays = Some(self.causes.commander());
    }

    /// What is to be done when the terminal goes away (SIGHUP): the run goes on without it.
    pub fn when_hung_up(&mut self, told: impl FnMut() + Send + 'static) {
        self.hung_up = Some(Box::new(told));
    }

    /// Gives a command before the run is driven: it acts first, whatever state the run is in.
    ///
    /// # Errors
    /// The refusal; nothing changed.
    pub fn give(&mut self, by: &str, via: &str, command: Command) -> Result<(), Refusal> {
        self.command(Input::Command { by: by.to_owned(), via: via.to_owned(), command })
    }

    /// Drives the run until it is over, waits for a person who is not here, or is told to end.
    ///
    /// # Errors
    /// The journal cannot be written, or something equally basic. The run can be resumed.
    pub async fn drive(mut self) -> Result<(Outcome, State), HostError> {
        loop {
            if !Bug::SpawnBeforeFlush.is_planted() {
                self.flush().await?;
            }
            self.act();
            if let Some(outcome) = self.outcome() {
                return self.end(outcome).await;
            }
            let causes = self.causes.next(self.wake_at()).await;
            if Bug::SpawnBeforeFlush.is_planted() {
                self.flush().await?;
            }
            // What other runs did is known before anything is decided on it.
            self.look_elsewhere()?;
            for cause in causes {
                self.take(cause)?;
            }
            self.notice_sleep()?;
            self.mind_slots()?;
        }
    }

    /// Takes one cause: a decision, if it brings one, is pending until the next flush.
    fn take(&mut self, cause: Cause) -> Result<(), HostError> {
        match cause {
            Cause::Reported(key, reports) => {
                let mut brought = false;
                let late = if drill::reports_twice() { reports.clone() } else { Vec::new() };
                for report in reports.into_iter().chain(late) {
                    brought |= self.input(Input::Reported(report))?;
                }
                if self.acting.finished(&key, brought) {
                    let why = "its report did not fit what the run waits for".to_owned();
                    self.input(Input::Reported(Report::EffectFailed { effect: key.0, why }))?;
                }
            }
            Cause::Ordered(order) => {
                let input = Input::Command { by: order.by, via: order.via, command: order.command };
                let answer = self.command(input);
                let _ = order.answer.send(answer);
            }
            Cause::Left => {}
            Cause::Posted => self.read_inbox()?,
            Cause::Interrupted(signal) => {
                self.interrupts += 1;
                if self.interrupts == 1 {
                    self.input(Input::Closing { why: signal.to_owned() })?;
                }
            }
            Cause::HungUp => {
                self.stay();
                self.hung_up.iter_mut().for_each(|told| told());
            }
            Cause::Time => {
                self.input(Input::Tick)?;
            }
        }
        Ok(())
    }

    /// Loads the plan that an input names. One that cannot be had is refused by the core, which does not know it.
    fn learn(&mut self, input: &Input) {
        if let Some(plan) = named_in(input) {
            let _ = learn_plan(&mut self.state, &self.store, plan);
        }
    }

    /// One input that cannot be refused.
    fn input(&mut self, input: Input) -> Result<bool, HostError> {
        self.learn(&input);
        let now = self.clock.now();
        let events = step(&mut self.state, &input, now)?;
        let brought = !events.is_empty();
        if brought {
            self.fresh.extend(events.iter().cloned());
            self.pending.push(NewRecord::new(self.state.now, input, events));
        }
        Ok(brought)
    }

    /// One command, which may be refused.
    fn command(&mut self, input: Input) -> Result<(), Refusal> {
        self.learn(&input);
        let now = self.clock.now();
        let events = step(&mut self.state, &input, now)?;
        if !events.is_empty() {
            self.fresh.extend(events.iter().cloned());
            self.pending.push(NewRecord::new(self.state.now, input, events));
        }
        Ok(())
    }

    /// Commands of other processes: journalled with who and when before they act, refused ones
    /// too, so that a crash between here and the deletion of the file repeats nothing.
    fn read_inbox(&mut self) -> Result<(), HostError> {
        let reading = |why: std::io::Error| HostError::System {
            what: "cannot read the inbox".into(),
            why: why.to_string(),
        };
        for posted in self.causes.inbox.take().map_err(reading)?.posted {
            let input = posted.input();
            self.to_delete.push(posted.id.clone());
            if self.journalled.contains(&posted.id) {
                continue;
            }
            self.journalled.observe(&input);
            let before = self.state.seq;
            if self.command(input.clone()).is_err() || self.state.seq == before {
                fold(&mut self.state, before + 1, &[]).map_err(|c| HostError::Corrupt(c.to_string()))?;
                self.pending.push(NewRecord::new(self.state.now, input, Vec::new()));
            }
        }
        Ok(())
    }

    /// Makes everything decided so far durable, then tells the observers.
    async fn flush(&mut self) -> Result<(), HostError> {
        if !self.pending.is_empty() {
            let mut records = std::mem::take(&mut self.pending);
            if let [.., one, other] = &mut records[..]
                && Bug::EventsOutOfOrder.is_planted()
                && self.state.seq > 2
            {
                std::mem::swap(one, other);
            }
            self.journal.append(records).await?;
        }
        for id in self.to_delete.drain(..) {
            // What cannot be deleted is known by its id: it acts no second time.
            let _ = self.causes.inbox.done(&id);
        }
        let fresh = std::mem::take(&mut self.fresh);
        if !fresh.is_empty() {
            self.rests.iter_mut().for_each(|rests| rests.tell(&self.state));
            (self.observer)(&self.state, &fresh);
            self.files.touch();
        }
        self.files.write_if_due(&self.state);
        Ok(())
    }

    fn act(&mut self) {
        if !Arc::ptr_eq(self.hands.graph(), &self.state.graph) {
            self.hands = Arc::new(self.hands.under(self.state.graph.clone()));
        }
        let slots = &mut self.slots;
        let slot = || slots.as_mut().and_then(Slots::hand_out);
        self.acting.reconcile(&self.state, &self.hands, slot, self.lock.dir(), &self.causes);
    }

    /// What other runs used up today or may still use up, and which quotas they found used up.
    fn look_elsewhere(&mut self) -> Result<(), HostError> {
        let now = self.clock.now();
        let heard = self.rests.as_mut().map(|rests| rests.heard(now)).unwrap_or_default();
        if !heard.is_empty() {
            self.input(Input::RestsElsewhere { rests: heard })?;
        }
        let active = !self.state.is_quiet();
        match self.elsewhere.as_mut().and_then(|elsewhere| elsewhere.look(now, active)) {
            Some(input) => self.input(input).map(drop),
            None => Ok(()),
        }
    }

    /// Takes slots for what could begin now, and gives back what is not used: each agent has one before it is decided
    /// that it begins.
    fn mind_slots(&mut self) -> Result<(), HostError> {
        let now = self.clock.now();
        let Some(slots) = &mut self.slots else { return Ok(()) };
        let wanted = slots_wanted(&self.state);
        let taken = match wanted {
            0 => {
                slots.leave_queue();
                0
            }
            _ => slots.take(wanted, now).map_err(no_slots)?,
        };
        if taken > 0 {
            let free = self.state.slots.unwrap_or(0).saturating_add(taken as u32);
            self.input(Input::Slots { free: Some(free) })?;
        }
        // What was decided to begin has one of those in hand; what is left over others may need.
        if let Some(left) = self.state.slots.filter(|left| *left > 0) {
            self.input(Input::Slots { free: Some(0) })?;
            if let Some(slots) = &mut self.slots {
                slots.keep(slots.held().saturating_sub(left as usize));
            }
        }
        Ok(())
    }

    /// A closed laptop is not a hang: work gets the time back.
    fn notice_sleep(&mut self) -> Result<(), HostError> {
        if let Some(for_ms) = self.clock.slept_ms() {
            self.input(Input::Suspended { for_ms })?;
        }
        Ok(())
    }

    /// Closes the run in this process. A run that is not over says first that nothing starts.
    async fn end(mut self, outcome: Outcome) -> Result<(Outcome, State), HostError> {
        if !self.state.is_over() && !self.state.closing {
            self.input(Input::Closing { why: outcome.why().to_owned() })?;
        }
        self.flush().await?;
        self.files.write_now(&self.state);
        self.journal.close();
        drop(self.lock);
        Ok((outcome, self.state))
    }
}

/// Nobody can say how many agents work: none may begin.
fn no_slots(why: std::io::Error) -> HostError {
    HostError::System {
        what: "cannot take one of the slots that all runs share (.consort/slots)".into(),
        why: why.to_string(),
    }
}
