//! Plays a graph: the real brain with a world in which only agents take time, or a plain list in plan order.

use super::bound::edges;
use super::graphs::Case;
use crate::cost::opening;
use consort_core::ids::{AttemptId, ContentHash, Revision, Step};
use consort_core::plan::{Output, Plan};
use consort_core::run::*;
use consort_core::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet, VecDeque};
use std::sync::Arc;

/// In which order slots are given away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As it was before: steps of what began first, everything in plan order.
    Plan,
    /// As the brain does it, told what each task takes.
    Declared,
    /// As the brain does it, told nothing.
    Learned,
}

/// How long it takes in milliseconds, and how many tasks were open at once at most.
pub(super) fn play(case: &Case, order: Order) -> (u64, usize) {
    match order {
        Order::Plan => in_plan_order(case),
        Order::Declared => World::new(case.declared()).run(case),
        Order::Learned => World::new(case.plan.clone()).run(case),
    }
}

fn in_plan_order(case: &Case) -> (u64, usize) {
    let tasks = &case.plan.tasks;
    let after = edges(case);
    let mut before = vec![0usize; tasks.len()];
    after.iter().flatten().for_each(|to| before[*to] += 1);
    let mut ready: std::collections::BTreeSet<usize> =
        (0..tasks.len()).filter(|ix| before[*ix] == 0).collect();
    let mut queued = std::collections::BTreeSet::<(usize, usize)>::new();
    let mut live = BinaryHeap::<Reverse<(u64, usize)>>::new();
    let (mut at, mut left) = (vec![0usize; tasks.len()], vec![0usize; tasks.len()]);
    let (mut now, mut most, mut open) = (0, 0, 0usize);
    loop {
        while live.len() < case.limit as usize {
            if let Some((ix, n)) = queued.pop_first() {
                let (.., ms) = case.steps[&tasks[ix].id][at[ix]][n];
                live.push(Reverse((now + ms, ix)));
            } else if let Some(ix) = ready.pop_first() {
                open += 1;
                most = most.max(open);
                left[ix] = case.steps[&tasks[ix].id][0].len();
                queued.extend((0..left[ix]).map(|n| (ix, n)));
            } else {
                break;
            }
        }
        let Some(Reverse((then, ix))) = live.pop() else { return (now, most) };
        now = then;
        left[ix] -= 1;
        if left[ix] > 0 {
            continue;
        }
        at[ix] += 1;
        match case.steps[&tasks[ix].id].get(at[ix]) {
            Some(group) => {
                left[ix] = group.len();
                queued.extend((0..left[ix]).map(|n| (ix, n)));
            }
            None => {
                open -= 1;
                for to in &after[ix] {
                    before[*to] -= 1;
                    if before[*to] == 0 {
                        ready.insert(*to);
                    }
                }
            }
        }
    }
}

/// A world in which everything but agents takes no time.
struct World {
    state: State,
    now: u64,
    at_once: VecDeque<(Option<EffectKey>, Input)>,
    /// Agents at work: when they end, in the order of their starts.
    agents: BinaryHeap<Reverse<(u64, u64, AttemptId)>>,
    started: u64,
    under_way: HashSet<EffectKey>,
}

const BEGAN: i64 = 1_771_545_600_000;

impl World {
    fn new(plan: Plan) -> Self {
        World {
            state: State::new(Arc::new(Graph::new(plan))),
            now: 0,
            at_once: opening("makespan").map(|input| (None, input)).into(),
            agents: BinaryHeap::new(),
            started: 0,
            under_way: HashSet::new(),
        }
    }

    fn run(mut self, case: &Case) -> (u64, usize) {
        let mut most = 0;
        while let Some((key, input)) = self.next(case) {
            if let Some(key) = key {
                self.under_way.remove(&key);
            }
            let now = Timestamp(BEGAN).plus_ms(self.now);
            step(&mut self.state, &input, now).expect("nothing is refused");
            let open = self.state.tasks.iter().filter(|it| {
                !matches!(it.stage, TaskStage::Waiting | TaskStage::Ready | TaskStage::Accepted)
            });
            most = most.max(open.count());
            for effect in wanted(&self.state) {
                self.take(effect, case);
            }
        }
        assert_eq!(self.state.status, RunStatus::Complete, "{} of {}", case.class, case.plan.workflow.id);
        let ended = self.state.ended_at.expect("it is over");
        (ended.since_ms(self.state.started_at), most)
    }

    fn next(&mut self, case: &Case) -> Option<(Option<EffectKey>, Input)> {
        if let Some(next) = self.at_once.pop_front() {
            return Some(next);
        }
        let Reverse((then, _, attempt)) = self.agents.pop()?;
        self.now = then;
        let ended = Ended {
            exit: Exit::Code(0),
            given: self.given(&attempt),
            wall_ms: case.ms(&attempt.task, attempt.iteration, &attempt.step),
            usage: Usage::default(),
            leaked: 0,
            record: None,
            session: None,
            outside: Vec::new(),
        };
        let key = EffectKey(format!("start/{attempt}"));
        Some((Some(key), Input::Reported(Report::AttemptEnded { attempt, ended })))
    }

    /// The first draft is sent back if there are to be two; everything after it passes.
    fn given(&self, attempt: &AttemptId) -> Given {
        let answer = ContentHash("d".repeat(64));
        match &attempt.step {
            Step::Create => Given::Nothing,
            Step::SelfReview | Step::Review(_) => Given::Review(Review::new(Vec::new(), answer)),
            Step::Judge | Step::Panel(_) => {
                let plan = &self.state.graph.plan;
                let twice = plan.task(&attempt.task).is_some_and(|task| task.likely_rounds().0 > 1);
                let score = crate::plans::score(if twice && attempt.iteration == 1 { 8_000 } else { 9_600 });
                let dimensions = plan.quality.dimensions.iter();
                let scores = dimensions.map(|d| DimensionScore { dimension: d.id.clone(), score }).collect();
                Given::Scores { scores, criteria: Vec::new(), answer }
            }
        }
    }

    fn take(&mut self, effect: Effect, case: &Case) {
        let key = effect.key();
        if !self.under_way.insert(key.clone()) {
            return;
        }
        match effect {
            Effect::Start(start) => {
                let attempt = start.attempt;
                self.started += 1;
                let ms = case.ms(&attempt.task, attempt.iteration, &attempt.step);
                self.agents.push(Reverse((self.now + ms, self.started, attempt)));
            }
            Effect::Ensure(wish) => {
                let report = self.done(wish);
                self.at_once.push_back((Some(key), Input::Reported(report)));
            }
            Effect::Watch(..) | Effect::Stop(..) => {}
        }
    }

    fn done(&self, wish: Ensure) -> Report {
        let revision = Revision("d".repeat(40));
        match wish {
            Ensure::Workspace { task, generation, .. } => {
                Report::WorkspaceReady { task, generation, base: Some(Revision("b".repeat(40))) }
            }
            Ensure::Candidate { task, generation, iteration, .. } => {
                let output = self.state.graph.plan.task(&task).map(|t| &t.output);
                let paths = output.map(Output::paths).unwrap_or_default();
                let artifact =
                    |path: &String| Artifact { path: path.clone(), hash: ContentHash("e".repeat(64)) };
                let artifacts = paths.iter().map(artifact).collect();
                Report::CandidateCaptured {
                    task,
                    generation,
                    iteration,
                    candidate: Candidate { revision, artifacts, strays: Vec::new() },
                    problems: Vec::new(),
                    passed: Vec::new(),
                    raised: None,
                }
            }
            Ensure::Committed { task, candidate, .. } => {
                Report::TaskCommitted { task, revision: candidate.revision }
            }
            Ensure::BarrierCommit { barrier, set, handoffs, consumers, .. } => Report::BarrierMerged {
                barrier,
                set,
                revision,
                handoffs,
                rendered: consumers.into_iter().map(|start| start.attempt.task).collect(),
                blockers: Vec::new(),
            },
            Ensure::Checkpoint { checkpoint, .. } => Report::CheckpointCommitted { checkpoint, revision },
            Ensure::Released { task, generation, .. } => {
                Report::WorkspaceReleased { task, generation, salvaged: None }
            }
            other => unreachable!("no plan here asks for {other:?}"),
        }
    }
}
