//! The runner's side: what is lost in a crash, and the disk that is not.

use super::world::World;
use consort_core::ids::{AttemptId, ContentHash};
use consort_core::plan::Plan;
use consort_core::planted::Bug;
use consort_core::run::*;
use consort_core::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One journal record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number, from 1.
    pub seq: u64,
    /// When it was decided.
    pub now: Timestamp,
    /// Why.
    pub cause: Input,
    /// What.
    pub events: Vec<Event>,
}

/// The runner was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crashed;

/// The durable journal, and the places where a crash may be asked for.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// In the order of appending.
    pub records: Vec<Record>,
    /// Places passed so far.
    pub sites: u64,
    /// Crash at this place, once.
    pub crash_at: Option<u64>,
    /// Plans that records may name.
    pub plans: BTreeMap<ContentHash, Plan>,
}

impl Disk {
    /// A place before or after an append or an effect.
    ///
    /// # Errors
    /// The crash that was asked for.
    pub fn site(&mut self) -> Result<(), Crashed> {
        self.sites += 1;
        if self.crash_at == Some(self.sites) {
            self.crash_at = None;
            return Err(Crashed);
        }
        Ok(())
    }

    /// The state after so many records.
    ///
    /// # Errors
    /// If the records cannot be folded.
    pub fn state_at(&self, graph: &Arc<Graph>, seq: u64) -> Result<State, Corrupt> {
        let mut state = State::new(graph.clone());
        self.plans.iter().for_each(|(hash, plan)| state.learn(hash.clone(), plan.clone()));
        for record in self.records.iter().filter(|r| r.seq <= seq) {
            fold(&mut state, record.seq, &record.events)?;
        }
        Ok(state)
    }
}

/// How far an effect is.
#[derive(Clone, Debug)]
pub(crate) enum Running {
    /// Begun, and nothing done yet.
    Todo(Box<Effect>),
    /// An attempt is followed, from so many notes of its session on.
    Following(AttemptId, u32),
    /// Done; its report is on its way.
    Reported,
}

/// A runner: everything it has in memory.
#[derive(Clone, Debug)]
pub struct Host {
    /// The live state.
    pub state: State,
    /// Compares live state and fold after every event: exact, and slow.
    pub compares: bool,
    pub(crate) shadow: State,
    pub(crate) memory: Vec<Record>,
    pub(crate) running: BTreeMap<EffectKey, Running>,
    pub(crate) inbox: Vec<(Option<EffectKey>, Report)>,
}

impl Host {
    /// Folds what is on disk.
    ///
    /// # Errors
    /// If it cannot be folded.
    pub fn open(graph: &Arc<Graph>, disk: &Disk) -> Result<Self, Corrupt> {
        let state = disk.state_at(graph, u64::MAX)?;
        let shadow = state.clone();
        Ok(Host {
            state,
            compares: true,
            shadow,
            memory: Vec::new(),
            running: BTreeMap::new(),
            inbox: Vec::new(),
        })
    }

    /// Takes an input. What it brings is in memory until the next flush.
    ///
    /// # Errors
    /// A refused command.
    ///
    /// # Panics
    /// If the fold of the events differs from the live state, an index from what it stands
    /// for, or an event is too large.
    pub fn take(&mut self, input: &Input, now: Timestamp) -> Result<bool, Refusal> {
        let events = step(&mut self.state, input, now)?;
        if self.compares {
            self.compare(input, &events);
        }
        if events.is_empty() {
            return Ok(false);
        }
        let seq = self.state.seq;
        self.memory.push(Record { seq, now: self.state.now, cause: input.clone(), events });
        Ok(true)
    }

    fn compare(&mut self, input: &Input, events: &[Event]) {
        if !events.is_empty() {
            fold(&mut self.shadow, self.state.seq, events).expect("what was decided can be folded");
        }
        assert_eq!(self.state, self.shadow, "the fold differs from the live state after {input:?}");
        if let Err(wrong) = self.state.check_front() {
            panic!("after {input:?} and {events:#?}: {wrong}");
        }
        assert_eq!(wanted(&self.state), wanted(&self.shadow), "the wish list depends on more than the state");
    }

    /// Makes durable what is in memory.
    ///
    /// # Errors
    /// A crash, before or after.
    pub fn flush(&mut self, disk: &mut Disk) -> Result<(), Crashed> {
        if self.memory.is_empty() {
            return Ok(());
        }
        disk.site()?;
        let mut batch = std::mem::take(&mut self.memory);
        if Bug::EventsOutOfOrder.is_planted() && batch.len() > 1 {
            batch.swap(0, 1);
        }
        disk.records.extend(batch);
        disk.site()
    }

    /// Begins what is wanted and not under way; stops following what is not wanted any more.
    pub fn act(&mut self) {
        let wanted: BTreeMap<EffectKey, Effect> =
            wanted(&self.state).into_iter().map(|e| (e.key(), e)).collect();
        self.running.retain(|key, running| matches!(running, Running::Reported) || wanted.contains_key(key));
        for (key, effect) in wanted {
            self.running.entry(key).or_insert_with(|| match effect {
                Effect::Watch(attempt, known) => Running::Following(attempt, known),
                effect => Running::Todo(Box::new(effect)),
            });
        }
    }

    /// Attempts that ended while they were followed report it.
    pub fn follow(&mut self, world: &World) {
        for (key, running) in &mut self.running {
            let Running::Following(attempt, known) = running else { continue };
            let reports = world.watch(attempt, *known);
            if !reports.is_empty() {
                *running = Running::Reported;
                self.inbox.extend(reports.into_iter().map(|r| (Some(key.clone()), r)));
            }
        }
    }

    /// True if nothing is to be done and no report is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.inbox.is_empty() && self.todo().is_empty()
    }

    /// Effects that are begun and not done.
    pub(crate) fn todo(&self) -> Vec<EffectKey> {
        let todo = self.running.iter().filter(|(_, r)| matches!(r, Running::Todo(_)));
        todo.map(|(key, _)| key.clone()).collect()
    }

    /// Carries out one effect.
    ///
    /// # Errors
    /// A crash, before or after.
    pub(crate) fn carry_out(
        &mut self,
        key: &EffectKey,
        world: &mut World,
        disk: &mut Disk,
    ) -> Result<(), Crashed> {
        let Some(Running::Todo(effect)) = self.running.get(key).cloned() else { return Ok(()) };
        disk.site()?;
        let reports = match effect.as_ref() {
            Effect::Start(start) => world.start(start, disk.records.len() as u64),
            Effect::Stop(attempt, why) => world.stop(attempt, *why),
            Effect::Watch(attempt, known) => world.watch(attempt, *known),
            Effect::Ensure(wish) => {
                let tips = match wish {
                    Ensure::Checkpoint { seq, .. } => disk
                        .state_at(&self.state.first, *seq)
                        .map(|state| checkpoint_tips(&state))
                        .expect("the journal can be folded"),
                    _ => Vec::new(),
                };
                world.ensure(wish, &key.0, &tips)
            }
        };
        // What is in the content store can be loaded.
        for (hash, plan) in &world.later {
            disk.plans.insert(hash.clone(), plan.clone());
            self.state.learn(hash.clone(), plan.clone());
            self.shadow.learn(hash.clone(), plan.clone());
        }
        disk.site()?;
        self.running.insert(key.clone(), Running::Reported);
        self.inbox.extend(reports.into_iter().map(|r| (Some(key.clone()), r)));
        Ok(())
    }
}
