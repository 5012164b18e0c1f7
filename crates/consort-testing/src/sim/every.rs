//! Every order: all schedules of a small plan, by depth-first search over reports, time-outs and
//! one cancellation. States that were seen are not explored again, only counted.

use super::chance::hash;
use super::host::Record;
use super::world::{commit_id, content_id};
use consort_core::ids::Step;
use consort_core::plan::Plan;
use consort_core::run::*;
use consort_core::time::Timestamp;
use std::collections::{BTreeSet, HashMap};
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
    };
    let start = Command::Start(Box::new(start));
    node = search.take(&node, &Input::Command { by: "ann".into(), via: "flag".into(), command: start });
    node = search.take(&node, &Input::Opened { runner: "one".into(), found: Vec::new() });
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
    fn explore(&mut self, node: &Node) -> f64 {
        let id = identity(node);
        if let Some(known) = self.seen.get(&id) {
            return *known;
        }
        // No schedule comes back to a state that it has left: every input adds an event.
        let next = inputs(node);
        let mut schedules = 0.0;
        let depth = self.path.len();
        for (input, now, once) in &next {
            let before = Node { state: node.state.clone(), now: *now, once: *once };
            let after = self.take(&before, input);
            schedules += self.explore(&after);
            self.path.truncate(depth);
        }
        if next.is_empty() {
            self.ends += 1;
            schedules = 1.0;
            (self.at_the_end)(&node.state, &self.path);
        }
        self.seen.insert(id, schedules);
        schedules
    }

    fn take(&mut self, node: &Node, input: &Input) -> Node {
        let mut after = node.clone();
        let events = step(&mut after.state, input, node.now).expect("nothing is refused");
        assert!(!events.is_empty(), "{input:?} was wanted and brought nothing");
        let mut folded = node.state.clone();
        fold(&mut folded, after.state.seq, &events).expect("its own events");
        assert!(folded == after.state, "the fold differs after {input:?}");
        after.state.check_front().unwrap_or_else(|wrong| panic!("after {input:?}: {wrong}"));
        let (seq, now) = (after.state.seq, after.state.now);
        self.path.push(Record { seq, now, cause: input.clone(), events });
        after
    }
}

/// What makes two states the same: everything but the number of the record.
fn identity(node: &Node) -> u64 {
    let mut state = node.state.clone();
    state.seq = 0;
    for checkpoint in &mut state.checkpoints {
        checkpoint.seq = 0;
    }
    let json = serde_json::to_string(&state).expect("a state is plain data");
    hash(&format!("{json} {:?} {:?}", node.once, node.now))
}

/// Everything that can happen now.
fn inputs(node: &Node) -> Vec<(Input, Timestamp, Once)> {
    let (now, once) = (node.now, node.once);
    let wanted = wanted(&node.state);
    let reports: BTreeSet<_> = wanted.iter().flat_map(|w| answers(w, once.begun)).map(Hashed).collect();
    let mut all: Vec<_> = reports.into_iter().map(|r| (Input::Reported(r.0), now, once)).collect();
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

/// Reports in an order that does not change.
struct Hashed(Report);

impl Hashed {
    fn key(&self) -> String {
        format!("{:?}", self.0)
    }
}
impl PartialEq for Hashed {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Hashed {}
impl PartialOrd for Hashed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Hashed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// What carrying out an effect can bring.
fn answers(effect: &Effect, begun: bool) -> Vec<Report> {
    match effect {
        Effect::Start(start) if begun => {
            let process = ProcessIdentity { pid: 2, start_ticks: 1, boot_id: "boot".into() };
            vec![Report::AttemptStarted { attempt: start.attempt.clone(), process }]
        }
        Effect::Start(start) => vec![well(&start.attempt)],
        Effect::Watch(attempt) => vec![well(attempt)],
        Effect::Stop(attempt, why) => {
            vec![Report::AttemptEnded {
                attempt: attempt.clone(),
                ended: ended(Exit::Stopped(*why), Given::Nothing),
            }]
        }
        Effect::Ensure(wish) => vec![done(wish)],
    }
}

fn well(attempt: &consort_core::ids::AttemptId) -> Report {
    let answer = content_id(&attempt.to_string());
    let given = match &attempt.step {
        Step::Create => Given::Nothing,
        Step::SelfReview | Step::Review(_) => Given::Review(Review { findings: Vec::new(), answer }),
        Step::Judge => {
            let score = crate::plans::score(if attempt.iteration == 1 { 9_000 } else { 9_500 });
            let score = |id: &str| DimensionScore { dimension: id.into(), score };
            Given::Scores { scores: vec![score("completeness"), score("consistency")], answer }
        }
    };
    Report::AttemptEnded { attempt: attempt.clone(), ended: ended(Exit::Code(0), given) }
}

fn ended(exit: Exit, given: Given) -> Ended {
    Ended { exit, given, wall_ms: 1, usage: Usage::default(), leaked: 0, record: None }
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
        },
        Ensure::Checkpoint { checkpoint, .. } => Report::CheckpointCommitted {
            checkpoint: checkpoint.clone(),
            revision: commit_id(checkpoint.as_str()),
        },
        Ensure::Released { task, generation, .. } => {
            Report::WorkspaceReleased { task: task.clone(), generation: *generation, salvaged: None }
        }
        Ensure::Integrated { into, result, .. } => {
            Report::Integrated { into: into.clone(), revision: result.clone() }
        }
    }
}
