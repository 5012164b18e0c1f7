//! What one event costs: the brain driven by reports that come at once.

use crate::plans::{TaskExt as _, plan, task};
use consort_core::ids::{ContentHash, Revision, RunId};
use consort_core::plan::{CheckpointFrequency, Plan};
use consort_core::run::{
    Candidate, Command, Effect, EffectKey, Ended, Ensure, Event, Exit, Given, Graph, Input, Report, StartRun,
    State, Usage, fold, next_deadline, step, wanted,
};
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Which task needs which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// None needs another.
    Fan,
    /// Each needs the one before.
    Chain,
}

/// Time by function, and how many events it was for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Events that were decided.
    pub events: usize,
    /// `step`: handle, settle and evolve.
    pub step: Duration,
    /// `fold`: evolve alone, on a second state.
    pub fold: Duration,
    /// `wanted`, once per input.
    pub wanted: Duration,
    /// `next_deadline`, once per input.
    pub next_deadline: Duration,
}

impl Cost {
    /// All four functions, in nanoseconds per event.
    pub fn total_ns(&self) -> f64 {
        self.ns(self.step + self.fold + self.wanted + self.next_deadline)
    }

    fn ns(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e9 / self.events.max(1) as f64
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |time| self.ns(time) / 1_000.0;
        write!(
            f,
            "step {:.2} us, fold {:.2} us, wanted {:.2} us, next_deadline {:.2} us",
            us(self.step),
            us(self.fold),
            us(self.wanted),
            us(self.next_deadline)
        )
    }
}

/// A plan of so many tasks in git workspaces, without gates.
pub fn plan_of(shape: Shape, tasks: usize) -> Plan {
    let name = |n: usize| format!("task-{n:05}");
    let one = |n: usize| match (shape, n) {
        (Shape::Fan, _) | (Shape::Chain, 0) => task(&name(n)),
        (Shape::Chain, n) => task(&name(n)).needs(&[&name(n - 1)]),
    };
    let mut plan = plan("cost", (0..tasks).map(one).collect());
    plan.checkpoints = CheckpointFrequency::Barrier;
    plan
}

/// The cost of a whole run of this plan. Making the plan and its tables is not in it.
pub fn per_event(shape: Shape, tasks: usize) -> Cost {
    let graph = Arc::new(Graph::new(plan_of(shape, tasks)));
    let mut world = World::new(graph.clone());
    let mut folded = State::new(graph);
    let mut cost = Cost::default();
    while let Some(input) = world.next() {
        let now = world.state.now.plus_ms(7);
        let began = Instant::now();
        let events = step(&mut world.state, &input, now).expect("nothing is refused");
        cost.step += began.elapsed();
        let began = Instant::now();
        if !events.is_empty() {
            fold(&mut folded, world.state.seq, &events).expect("what was decided can be folded");
        }
        cost.fold += began.elapsed();
        let began = Instant::now();
        let effects = wanted(&world.state);
        cost.wanted += began.elapsed();
        let began = Instant::now();
        black_box(next_deadline(&world.state));
        cost.next_deadline += began.elapsed();
        cost.events += events.len();
        world.take(effects);
    }
    assert_eq!(folded, world.state, "the fold of the events is the state");
    assert!(world.state.is_over(), "the run came to its end");
    cost
}

/// Drives a run of this plan for as long as `go_on` says, which sees the state, the input and what it
/// brought.
pub fn drive(plan: Plan, mut go_on: impl FnMut(&State, &Input, &[Event]) -> bool) {
    let mut world = World::new(Arc::new(Graph::new(plan)));
    while let Some(input) = world.next() {
        let now = world.state.now.plus_ms(7);
        let events = step(&mut world.state, &input, now).expect("nothing is refused");
        if !events.is_empty() && !go_on(&world.state, &input, &events) {
            return;
        }
        let effects = wanted(&world.state);
        world.take(effects);
    }
}

/// How a run of a bench begins: its start, and that a runner is there.
pub(crate) fn opening(run: &str) -> [Input; 2] {
    let start = StartRun {
        run: RunId::from(run),
        plan: ContentHash("a".repeat(64)),
        base: Some(Revision("b".repeat(40))),
        nonce: "c".repeat(32),
        approve_all: true,
        absent: Vec::new(),
        unseen: Vec::new(),
        from: None,
        source: None,
    };
    let command = Command::Start(Box::new(start));
    let begin = Input::Command { by: "bench".into(), via: "flag".into(), command };
    [begin, Input::Opened { runner: "bench".into(), found: Vec::new() }]
}

/// A world in which every effect is done at once, and each report is an input of its own.
struct World {
    state: State,
    inputs: VecDeque<(Option<EffectKey>, Input)>,
    under_way: HashSet<EffectKey>,
}

impl World {
    fn new(graph: Arc<Graph>) -> Self {
        let inputs = opening("cost").map(|input| (None, input)).into();
        World { state: State::new(graph), inputs, under_way: HashSet::new() }
    }

    fn next(&mut self) -> Option<Input> {
        let (key, input) = self.inputs.pop_front()?;
        if let Some(key) = key {
            self.under_way.remove(&key);
        }
        Some(input)
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let key = effect.key();
            if self.under_way.insert(key.clone()) {
                self.inputs.push_back((Some(key), Input::Reported(done(effect))));
            }
        }
    }
}

fn candidate() -> Candidate {
    Candidate { revision: Revision("d".repeat(40)), artifacts: Vec::new(), strays: Vec::new() }
}

/// The report of an effect that went well.
fn done(effect: Effect) -> Report {
    match effect {
        Effect::Start(start) => {
            let ended = Ended {
                exit: Exit::Code(0),
                given: Given::Nothing,
                wall_ms: 5,
                usage: Usage::default(),
                leaked: 0,
                record: None,
                session: None,
                outside: Vec::new(),
            };
            Report::AttemptEnded { attempt: start.attempt, ended }
        }
        Effect::Watch(attempt, _) | Effect::Stop(attempt, _) => Report::AttemptVanished { attempt },
        Effect::Ensure(Ensure::Workspace { task, generation, .. }) => {
            Report::WorkspaceReady { task, generation, base: Some(Revision("b".repeat(40))) }
        }
        Effect::Ensure(Ensure::Candidate { task, generation, iteration, .. }) => Report::CandidateCaptured {
            task,
            generation,
            iteration,
            candidate: candidate(),
            problems: Vec::new(),
            passed: Vec::new(),
            raised: None,
        },
        Effect::Ensure(Ensure::Committed { task, candidate, .. }) => {
            Report::TaskCommitted { task, revision: candidate.revision }
        }
        Effect::Ensure(Ensure::Checkpoint { checkpoint, .. }) => {
            Report::CheckpointCommitted { checkpoint, revision: Revision("e".repeat(40)) }
        }
        Effect::Ensure(Ensure::Released { task, generation, .. }) => {
            Report::WorkspaceReleased { task, generation, salvaged: None }
        }
        Effect::Ensure(other) => unreachable!("no plan here asks for {other:?}"),
    }
}
