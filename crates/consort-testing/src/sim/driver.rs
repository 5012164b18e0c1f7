//! Drives a run through disk and world, with everything that can go wrong on the way.

use super::chance::{Chooser, Fifo, Random};
use super::host::{Crashed, Disk, Host, Running};
use super::people::People;
use super::world::World;
use crate::audit::{Violation, audit_all};
use consort_core::ids::{AttemptId, CheckpointId, ContentHash};
use consort_core::plan::Plan;
use consort_core::planted::Bug;
use consort_core::run::*;
use consort_core::time::Timestamp;
use std::sync::Arc;

/// What may happen beside the run itself. All numbers are per 1,000 steps.
#[derive(Clone, Debug)]
pub struct Options {
    /// Set at the start.
    pub approve_all: bool,
    /// File inputs that are not there.
    pub absent: Vec<String>,
    /// Reports that come twice.
    pub twice: u32,
    /// The runner is killed.
    pub kill: u32,
    /// Of those, the machine goes down with it.
    pub reboot: u32,
    /// The runner ends in order.
    pub close: u32,
    /// The clock jumps, or the machine sleeps.
    pub clock: u32,
    /// Somebody pauses, asks for a checkpoint, or retries what was given up.
    pub meddle: u32,
    /// Somebody cancels.
    pub cancel: u32,
    /// Decisions that are not flushed at once.
    pub linger: u32,
    /// Once it is over, it is rolled back to this checkpoint, once.
    pub back_to: Option<CheckpointId>,
    /// Once it is over, its workflow is changed to this plan, once.
    pub amend_at_end: Option<ContentHash>,
    /// At most so many steps.
    pub steps_max: u64,
}

impl Options {
    /// Nothing goes wrong and everything is approved.
    pub fn calm() -> Self {
        Options {
            approve_all: true,
            absent: Vec::new(),
            twice: 0,
            kill: 0,
            reboot: 0,
            close: 0,
            clock: 0,
            meddle: 0,
            cancel: 0,
            linger: 0,
            back_to: None,
            amend_at_end: None,
            steps_max: 20_000,
        }
    }
}

/// How a simulation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The run is over, and nothing is wanted any more.
    Over(RunStatus),
    /// It waits for people.
    Waiting,
}

enum Action {
    CarryOut(EffectKey),
    Deliver(usize),
    Finish(AttemptId),
    Talk(AttemptId),
    Expire(AttemptId),
    Say,
    Time,
}

/// One simulated run.
pub struct Sim {
    /// What is really there.
    pub world: World,
    /// The journal.
    pub disk: Disk,
    /// The runner, unless it is dead.
    pub host: Option<Host>,
    /// Who answers.
    pub people: People,
    /// What may go wrong.
    pub options: Options,
    /// Who chooses.
    pub chooser: Box<dyn Chooser>,
    /// Whether the runner compares live state and fold after every event.
    pub compares: bool,
    /// How often a runner opened the journal.
    pub opened: u32,
    graph: Arc<Graph>,
    /// What the runner's clock is ahead of true time, in milliseconds.
    skew: i64,
}

impl Sim {
    /// A run of this plan in which everything happens in order.
    pub fn calm(plan: &Plan) -> Self {
        Sim {
            world: World::new(plan),
            disk: Disk::default(),
            host: None,
            people: People::default(),
            options: Options::calm(),
            chooser: Box::new(Fifo),
            compares: true,
            opened: 0,
            graph: Arc::new(Graph::new(plan.clone())),
            skew: 0,
        }
    }

    /// A run that goes on with results of another one, whose commits are there.
    pub fn after(plan: &Plan, kept: Kept, world: &World) -> Self {
        let mut sim = Sim { graph: Arc::new(Graph::with(plan.clone(), Some(kept))), ..Sim::calm(plan) };
        sim.world.commits = world.commits.clone();
        sim
    }

    /// A run of this plan in which a seed chooses.
    pub fn seeded(plan: &Plan, seed: u64) -> Self {
        Sim { chooser: Box::new(Random::new(seed)), ..Sim::calm(plan) }
    }

    /// A plan that the workflow may be changed to, by this hash.
    pub fn may_become(&mut self, hash: &str, plan: Plan) {
        self.disk.plans.insert(hash.into(), plan.clone());
        if let Some(host) = &mut self.host {
            host.state.learn(hash.into(), plan.clone());
            host.shadow.learn(hash.into(), plan.clone());
        }
        self.world.later.insert(hash.into(), plan);
    }

    /// What the auditor says of it.
    pub fn audited(&self) -> Vec<Violation> {
        audit_all(&self.graph.plan, &self.disk.plans, &self.disk.records, Some(&self.world.seen()))
    }

    /// The same run, from here on chosen in order.
    pub fn fork(&self) -> Self {
        Sim {
            world: self.world.clone(),
            disk: self.disk.clone(),
            host: self.host.clone(),
            people: self.people.clone(),
            options: self.options.clone(),
            chooser: Box::new(Fifo),
            compares: self.compares,
            opened: self.opened,
            graph: self.graph.clone(),
            skew: self.skew,
        }
    }

    /// One step: opens the journal if no runner lives, else goes on. `Some` at the end.
    ///
    /// # Errors
    /// A crash that was asked for.
    pub fn step(&mut self) -> Result<Option<End>, Crashed> {
        if self.host.is_none() { self.open().map(|()| None) } else { self.advance() }
    }

    /// The runner's state.
    ///
    /// # Panics
    /// If the runner is dead.
    pub fn state(&self) -> &State {
        &self.host.as_ref().expect("the runner lives").state
    }

    /// The plan and its tables.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.world.now + self.skew)
    }

    /// Gives the runner an input, in memory only.
    ///
    /// # Errors
    /// A refused command.
    pub fn input(&mut self, input: &Input) -> Result<bool, Refusal> {
        let now = self.now();
        self.host.as_mut().expect("the runner lives").take(input, now)
    }

    /// Somebody says something.
    ///
    /// # Errors
    /// It is refused.
    pub fn command(&mut self, command: Command) -> Result<bool, Refusal> {
        self.input(&Input::Command { by: "ann".into(), via: "terminal".into(), command })
    }

    /// A runner opens the journal: the first one starts the run, later ones look around.
    ///
    /// # Errors
    /// A crash that was asked for.
    ///
    /// # Panics
    /// If the journal is corrupt.
    pub fn open(&mut self) -> Result<(), Crashed> {
        let mut host = Host::open(&self.graph, &self.disk).expect("the journal can be folded");
        host.compares = self.compares;
        let fresh = host.state.start.is_none();
        let live: Vec<AttemptId> = host.state.live.keys().cloned().collect();
        self.host = Some(host);
        self.opened += 1;
        if fresh {
            let start = StartRun {
                run: self.graph.plan.workflow.id.clone(),
                plan: ContentHash("plan".into()),
                base: Some(World::base()),
                nonce: "nonce".into(),
                approve_all: self.options.approve_all,
                absent: self.options.absent.clone(),
                unseen: Vec::new(),
                from: self.graph.kept.as_ref().map(|kept| From {
                    origin: kept.from.clone(),
                    kept: ContentHash("kept".into()),
                    resumed: None,
                }),
                source: None,
            };
            self.command(Command::Start(Box::new(start))).expect("a run starts once");
        }
        let found: Vec<Found> =
            live.into_iter().map(|attempt| Found { state: self.world.look(&attempt), attempt }).collect();
        let runner = format!("runner {}", self.opened);
        self.input(&Input::Opened { runner, found }).expect("not a command");
        self.settle_down()
    }

    /// Flushes, then acts.
    ///
    /// # Errors
    /// A crash that was asked for.
    pub fn settle_down(&mut self) -> Result<(), Crashed> {
        let Some(host) = &mut self.host else { return Ok(()) };
        if Bug::SpawnBeforeFlush.is_planted() {
            host.act();
            for key in host.todo().into_iter().filter(|k| k.0.starts_with("start/")) {
                host.carry_out(&key, &mut self.world, &mut self.disk)?;
            }
        }
        host.flush(&mut self.disk)?;
        host.act();
        Ok(())
    }

    /// Opens and goes on until nothing is left to do, over all crashes.
    ///
    /// # Panics
    /// If it does not come to an end.
    pub fn run(&mut self) -> End {
        for _ in 0..self.options.steps_max {
            match self.step() {
                Ok(None) => {}
                Ok(Some(end)) => return end,
                Err(Crashed) => self.crash(),
            }
        }
        let state = self.host.as_ref().map(|h| (&h.state.status, wanted(&h.state), &h.running));
        panic!("no end after {} steps: {state:#?}", self.options.steps_max);
    }

    /// Opens and goes on until it is so; false if it ended before.
    pub fn run_until(&mut self, so: impl Fn(&State) -> bool) -> bool {
        for _ in 0..self.options.steps_max {
            if self.host.as_ref().is_some_and(|h| so(&h.state)) {
                return true;
            }
            match self.step() {
                Ok(None) => {}
                Ok(Some(_)) => return self.host.as_ref().is_some_and(|h| so(&h.state)),
                Err(Crashed) => self.crash(),
            }
        }
        false
    }

    /// The runner is gone with everything that it had in memory; the world goes on.
    pub fn crash(&mut self) {
        self.host = None;
        if self.chooser.chance(self.options.reboot) {
            self.world.reboot();
        }
        let ending: Vec<AttemptId> = self.world.ending().cloned().collect();
        for attempt in ending {
            if self.chooser.chance(500) {
                self.world.finish(&attempt);
            }
        }
        self.world.now += 50;
    }

    /// One step; `Some` at the end.
    ///
    /// # Errors
    /// A crash that was asked for.
    pub fn advance(&mut self) -> Result<Option<End>, Crashed> {
        self.world.now += 1;
        self.trouble()?;
        let Some(host) = &mut self.host else { return Ok(None) };
        host.follow(&self.world);
        let working = self.world.ending().chain(self.world.talking()).next().is_some();
        if host.is_idle() && !working {
            // Time passes only when everything decided so far is under way.
            self.settle_down()?;
        }
        let actions = self.actions();
        if actions.is_empty() {
            return if self.goes_back() || self.changes_its_mind() {
                self.settle_down().map(|()| None)
            } else {
                Ok(self.end())
            };
        }
        let at = self.chooser.pick(actions.len());
        match actions.into_iter().nth(at) {
            Some(Action::CarryOut(key)) => {
                // Nothing is done before what decided it is on disk.
                self.settle_down()?;
                if let Some(host) = &mut self.host {
                    host.carry_out(&key, &mut self.world, &mut self.disk)?;
                }
            }
            Some(Action::Deliver(n)) => self.deliver(n),
            Some(Action::Finish(attempt)) => self.world.finish(&attempt),
            Some(Action::Talk(attempt)) => self.world.talk(&attempt),
            Some(Action::Expire(attempt)) => self.world.expire(&attempt),
            Some(Action::Say) => {
                let state = &self.host.as_ref().expect("it lives").state;
                if let Some(command) = self.people.say(state, self.chooser.as_mut()) {
                    let _ = self.command(command);
                }
            }
            Some(Action::Time) => self.pass_time(),
            None => {}
        }
        if !self.chooser.chance(self.options.linger) {
            self.settle_down()?;
        }
        Ok(None)
    }

    /// A person is not content with the end.
    fn goes_back(&mut self) -> bool {
        let state = self.state();
        let Some(to) = self.options.back_to.clone().filter(|_| state.is_over() && state.rollbacks.is_empty())
        else {
            return false;
        };
        self.command(Command::Rollback { to, note: None }).is_ok()
    }

    /// Somebody wants something else.
    fn changes_its_mind(&mut self) -> bool {
        let state = self.state();
        let Some(plan) =
            self.options.amend_at_end.clone().filter(|_| state.is_over() && state.changes.is_empty())
        else {
            return false;
        };
        let absent = self.options.absent.clone();
        self.command(Command::Amend { plan, source: None, absent, note: None }).is_ok()
    }

    fn end(&mut self) -> Option<End> {
        let state = self.state();
        if state.is_over() && wanted(state).is_empty() {
            return Some(End::Over(state.status));
        }
        let busy = self.host.as_ref().is_some_and(|h| !h.todo().is_empty());
        (!busy && !self.state().is_over()).then_some(End::Waiting)
    }

    fn actions(&mut self) -> Vec<Action> {
        let Some(host) = &self.host else { return Vec::new() };
        let mut actions: Vec<Action> = host.todo().into_iter().map(Action::CarryOut).collect();
        actions.extend((0..host.inbox.len()).map(Action::Deliver));
        actions.extend(self.world.talking().cloned().map(Action::Talk));
        actions.extend(self.world.ending().cloned().map(Action::Finish));
        let busy = !actions.is_empty();
        if self.people.wants(&host.state) && (!busy || self.chooser.chance(100)) {
            actions.push(Action::Say);
        }
        if actions.is_empty() || self.chooser.chance(20) {
            actions.extend(self.world.waiting().cloned().map(Action::Expire));
        }
        let due = next_deadline(&host.state).is_some();
        if due && (actions.is_empty() || self.chooser.chance(30)) {
            actions.push(Action::Time);
        }
        actions
    }

    fn deliver(&mut self, n: usize) {
        let Some(host) = &mut self.host else { return };
        let (key, report) = host.inbox.remove(n);
        if let Some(key) = key
            && matches!(host.running.get(&key), Some(Running::Reported))
        {
            host.running.remove(&key);
        }
        if self.chooser.chance(self.options.twice) {
            host.inbox.push((None, report.clone()));
        }
        self.input(&Input::Reported(report)).expect("reports are not refused");
    }

    fn pass_time(&mut self) {
        let Some((due, _)) = next_deadline(self.state()) else { return };
        let ahead = due.0 - self.now().0;
        self.world.now += ahead.max(0);
        let brought = self.input(&Input::Tick).expect("not a command");
        // Otherwise a host would look again at once, and for ever.
        assert!(
            brought || next_deadline(self.state()).is_none_or(|(at, _)| at > due),
            "nothing is due at {due}"
        );
    }

    /// What goes wrong by chance.
    fn trouble(&mut self) -> Result<(), Crashed> {
        let options = self.options.clone();
        if self.chooser.chance(options.kill) {
            return Err(Crashed);
        }
        if self.chooser.chance(options.close) {
            self.input(&Input::Closing { why: "SIGTERM".into() }).expect("not a command");
            self.settle_down()?;
            return Err(Crashed);
        }
        if self.chooser.chance(options.clock) {
            match self.chooser.pick(3) {
                0 => self.skew -= 90_000,
                1 => self.skew += 90_000,
                _ => {
                    self.skew += 3_600_000;
                    self.input(&Input::Suspended { for_ms: 3_600_000 }).expect("not a command");
                }
            }
        }
        if self.chooser.chance(options.meddle) {
            let command = match self.chooser.pick(6) {
                4 => {
                    let spent = Spent { agent_calls: self.chooser.pick(30) as u64, ..Spent::default() };
                    let day = self.now().day();
                    self.input(&Input::Elsewhere {
                        day,
                        spent,
                        unread: Vec::new(),
                        reserved: Default::default(),
                    })
                    .expect("not a command");
                    None
                }
                5 => {
                    let state = &self.host.as_ref().expect("it lives").state;
                    People::roll_back(state, self.chooser.as_mut())
                }
                0 => Some(Command::Pause),
                3 => {
                    let state = &self.host.as_ref().expect("it lives").state;
                    People::steer(state, self.chooser.as_mut())
                }
                1 => Some(Command::Checkpoint),
                _ => People::retry(self.state()),
            };
            if let Some(command) = command {
                let _ = self.command(command);
            }
            if self.chooser.chance(300) {
                let plans: Vec<ContentHash> = self.disk.plans.keys().cloned().collect();
                if let Some(plan) = plans.get(self.chooser.pick(plans.len().max(1))).cloned()
                    && self.state().changes.len() < 4
                {
                    let _ = self.command(Command::Amend {
                        plan,
                        source: None,
                        absent: self.options.absent.clone(),
                        note: None,
                    });
                }
            }
        }
        if self.chooser.chance(options.cancel) {
            let _ = self.command(Command::Cancel);
        }
        Ok(())
    }
}
