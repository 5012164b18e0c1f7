//! Every order: all schedules of a small plan, by depth-first search over reports, time-outs and
//! one cancellation. States that were seen are not explored again, only counted.

use super::chance::mix;
use super::host::Record;
use super::world::{commit_id, content_id};
use consort_core::ids::Step;
use consort_core::plan::Plan;
use consort_core::run::*;
use consort_core::time::Timestamp;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What was explored.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Explored {
    /// Different states.
    pub states: u64,
    /// Different states at which a schedule ends.
    pub ends: u64,
    /// Schedules: ways from the start to an end.
    pub schedules: f64,
}

/// What may happen beside reports, once per schedule each.
#[derive(Clone, Copy, Debug)]
pub struct Once {
    /// An attempt's time is used up.
    pub time_out: bool,
    /// Somebody cancels.
    pub cancel: bool,
    /// Processes report that they began, before they report that they ended.
    pub begun: bool,
}

/// Explores every order. `at_the_end` sees each state at which a schedule ends, with the journal
/// of the first schedule that leads there. A judge gives 0.90 in round 1 and 0.95 later.
///
/// # Panics
/// If a fold differs from its live state, or an index from what it stands for.
pub fn every_order(plan: &Plan, once: Once, at_the_end: impl FnMut(&State, &[Record])) -> Explored {
    let graph = Arc::new(Graph::new(plan.clone()));
    let mut search = Search { seen: HashMap::new(), path: Vec::new(), ends: 0, at_the_end };
    let mut node = Node { state: State::new(graph), now: Timestamp(1_000), once };
    let start = StartRun {
        run: plan.workflow.id.clone(),
        plan: "plan".into(),
        base: Some(commit_id("base")),
        nonce: "nonce".into(),
        approve_all: true,
        absent: Vec::new(),
        unseen: Vec::new(),
        from: None,
        source: None,
    };
    let start = Command::Start(Box::new(start));
    node = search.first(node, Input::Command { by: "ann".into(), via: "flag".into(), command: start });
    node = search.first(node, Input::Opened { runner: "one".into(), found: Vec::new() });
    let schedules = search.explore(&node);
    Explored { states: search.seen.len() as u64, ends: search.ends, schedules }
}

#[derive(Clone)]
struct Node {
    state: State,
    now: Timestamp,
    once: Once,
}

struct Search<F> {
    /// By the hash of a state: schedules from there to an end.
    seen: HashMap<u64, f64>,
    path: Vec<Record>,
    ends: u64,
    at_the_end: F,
}

impl<F: FnMut(&State, &[Record])> Search<F> {
    /// Explores what follows from a state that is not known yet.
    fn explore(&mut self, node: &Node) -> f64 {
        // No schedule comes back to a state that it has left: every input adds an event.
        let next = inputs(node);
        let mut schedules = 0.0;
        let depth = self.path.len();
        for (input, now, once) in next {
            let before = Node { state: node.state.clone(), now, once };
            let (after, events) = self.take(before, &input);
            let id = identity(&after);
            schedules += match self.seen.get(&id) {
                Some(known) => *known,
                None => {
                    check(node, &after, &input, &events);
                    self.note(&after, input, events);
                    let found = self.explore(&after);
                    self.seen.insert(id, found);
                    found
                }
            };
            self.path.truncate(depth);
        }
        if schedules == 0.0 {
            self.ends += 1;
            schedules = 1.0;
            (self.at_the_end)(&node.state, &self.path);
        }
        schedules
    }

    fn take(&mut self, mut node: Node, input: &Input) -> (Node, Vec<Event>) {
        let events = step(&mut node.state, input, node.now).expect("nothing is refused");
        assert!(!events.is_empty(), "{input:?} was wanted and brought nothing");
        (node, events)
    }

    fn note(&mut self, after: &Node, cause: Input, events: Vec<Event>) {
        let (seq, now) = (after.state.seq, after.state.now);
        self.path.push(Record { seq, now, cause, events });
    }

    /// A step that is part of every schedule.
    fn first(&mut self, node: Node, input: Input) -> Node {
        let (after, events) = self.take(node, &input);
        self.note(&after, input, events);
        after
    }
}

fn check(before: &Node, after: &Node, input: &Input, events: &[Event]) {
    let mut folded = before.state.clone();
    fold(&mut folded, after.state.seq, events).expect("its own events");
    assert!(folded == after.state, "the fold differs after {input:?}");
    after.state.check_front().unwrap_or_else(|wrong| panic!("after {input:?}: {wrong}"));
}

/// What makes two states the same: everything that a later decision can depend on. Numbers of
/// records and times at which something was done are left out; deadlines count from now.
fn identity(node: &Node) -> u64 {
    let mut sum = Sum(0xcbf2_9ce4_8422_2325);
    let state = &node.state;
    let left = |at: Timestamp| at.0 - node.now.0;
    for it in &state.tasks {
        (&it.stage, it.generation, it.iteration, it.set_began, it.waits, it.workspace).hash(&mut sum);
        (it.attempts, it.refusals, &it.candidate, it.captured_in, &it.problems, &it.rounds).hash(&mut sum);
        for step in &it.steps {
            (&step.step, step.failures).hash(&mut sum);
            match &step.status {
                StepStatus::Resting(until) => left(*until).hash(&mut sum),
                other => other.hash(&mut sum),
            }
        }
    }
    for (attempt, live) in &state.live {
        (attempt, live.phase, left(live.deadline), live.stopping).hash(&mut sum);
    }
    for it in &state.barriers {
        (&it.stage, it.waits, it.handoffs_left, it.set, it.retries, &it.revision).hash(&mut sum);
    }
    for checkpoint in &state.checkpoints {
        (&checkpoint.id, &checkpoint.subject, &checkpoint.revision).hash(&mut sum);
    }
    for approval in state.approvals.values() {
        (&approval.kind, approval.answer.is_some(), &approval.void).hash(&mut sum);
    }
    (state.status, state.cancelling, node.once.time_out, node.once.cancel).hash(&mut sum);
    sum.finish()
}

/// Multiplies and rotates, a word at a time: fast, and the same everywhere.
struct Sum(u64);

impl Hasher for Sum {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }
    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    fn write_u8(&mut self, byte: u8) {
        self.write_u64(u64::from(byte));
    }
    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
    fn finish(&self) -> u64 {
        mix(self.0)
    }
}

/// Everything that can happen now.
fn inputs(node: &Node) -> Vec<(Input, Timestamp, Once)> {
    let (now, once) = (node.now, node.once);
    let wanted = wanted(&node.state);
    let reports = wanted.iter().map(|w| answer(w, once.begun));
    let mut all: Vec<_> = reports.map(|r| (Input::Reported(r), now, once)).collect();
    if node.state.is_over() {
        return all;
    }
    match next_deadline(&node.state) {
        Some((at, Why::Retry)) => all.push((Input::Tick, at, once)),
        Some((at, Why::Attempt(_))) if once.time_out => {
            all.push((Input::Tick, at, Once { time_out: false, ..once }));
        }
        _ => {}
    }
    if once.cancel && !node.state.cancelling {
        let cancel = Input::Command { by: "ann".into(), via: "inbox".into(), command: Command::Cancel };
        all.push((cancel, now, Once { cancel: false, time_out: false, ..once }));
    }
    all
}

/// What carrying out an effect brings.
fn answer(effect: &Effect, begun: bool) -> Report {
    match effect {
        Effect::Start(start) if begun => {
            let process = ProcessIdentity { pid: 2, start_ticks: 1, boot_id: "boot".into() };
            Report::AttemptStarted { attempt: start.attempt.clone(), process }
        }
        Effect::Start(start) => well(&start.attempt),
        Effect::Watch(attempt, _) => well(attempt),
        Effect::Stop(attempt, why) => {
            let ended = ended(Exit::Stopped(*why), Given::Nothing);
            Report::AttemptEnded { attempt: attempt.clone(), ended }
        }
        Effect::Ensure(wish) => done(wish),
    }
}

fn well(attempt: &consort_core::ids::AttemptId) -> Report {
    let answer = content_id(&attempt.to_string());
    let given = match &attempt.step {
        Step::Create => Given::Nothing,
        Step::SelfReview | Step::Review(_) => Given::Review(Review::new(Vec::new(), answer)),
        Step::Judge | Step::Panel(_) => {
            let score = crate::plans::score(if attempt.iteration == 1 { 8_500 } else { 9_500 });
            let score = |id: &str| DimensionScore { dimension: id.into(), score };
            Given::Scores {
                scores: vec![score("completeness"), score("consistency")],
                criteria: Vec::new(),
                answer,
            }
        }
    };
    Report::AttemptEnded { attempt: attempt.clone(), ended: ended(Exit::Code(0), given) }
}

fn ended(exit: Exit, given: Given) -> Ended {
    Ended {
        exit,
        given,
        wall_ms: 1,
        usage: Usage::default(),
        leaked: 0,
        record: None,
        session: None,
        outside: vec![],
    }
}

fn done(wish: &Ensure) -> Report {
    match wish {
        Ensure::Workspace { task, generation, .. } => Report::WorkspaceReady {
            task: task.clone(),
            generation: *generation,
            base: Some(commit_id(&format!("base of {task}"))),
        },
        Ensure::Candidate { task, generation, iteration, base, .. } => {
            let text = format!("{task} {generation}.{iteration}");
            let artifact = Artifact { path: format!("out/{task}.md"), hash: content_id(&text) };
            let revision = commit_id(&text);
            let revision = if base.is_some() { revision } else { format!("plain:{revision}").into() };
            Report::CandidateCaptured {
                task: task.clone(),
                generation: *generation,
                iteration: *iteration,
                candidate: Candidate { revision, artifacts: vec![artifact], strays: Vec::new() },
                problems: Vec::new(),
                passed: Vec::new(),
                raised: None,
            }
        }
        Ensure::Committed { task, candidate, .. } => {
            Report::TaskCommitted { task: task.clone(), revision: candidate.revision.clone() }
        }
        Ensure::BarrierCommit { barrier, set, handoffs, consumers, .. } => Report::BarrierMerged {
            barrier: barrier.clone(),
            set: *set,
            revision: commit_id(&format!("{barrier} {set}")),
            handoffs: handoffs.clone(),
            rendered: consumers.iter().map(|c| c.attempt.task.clone()).collect(),
            blockers: Vec::new(),
        },
        Ensure::Checkpoint { checkpoint, .. } => Report::CheckpointCommitted {
            checkpoint: checkpoint.clone(),
            revision: commit_id(checkpoint.as_str()),
        },
        Ensure::Condition { task, generation, .. } => {
            Report::ConditionWeighed { task: task.clone(), generation: *generation, met: true }
        }
        Ensure::List { task, generation, .. } => {
            let (what, why) = ("list".into(), "nobody reads lists here".into());
            Report::Unclear { task: task.clone(), generation: *generation, what, why }
        }
        Ensure::Abandoned { number, .. } => Report::RefsAbandoned { number: *number },
        Ensure::Rewound { number, .. } => Report::RefsRewound { number: *number },
        Ensure::Released { task, generation, .. } => {
            Report::WorkspaceReleased { task: task.clone(), generation: *generation, salvaged: None }
        }
        Ensure::Told(told) => {
            Report::SessionTold { attempt: told.attempt.clone(), what: told.what.to_string() }
        }
        Ensure::Integrated { into, result, .. } => {
            Report::Integrated { into: into.clone(), revision: result.clone() }
        }
    }
}
