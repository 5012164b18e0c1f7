//! Random graphs of tasks, and how long each of their steps takes.

use crate::plans::{PlanExt as _, TaskExt as _, plan, task};
use crate::sim::Random;
use consort_core::ids::{Step, StrategyId, TaskId};
use consort_core::plan::{Plan, PromptBy, Runtime, Task};
use std::collections::HashMap;

/// One step: in which round, what, and how long it takes in milliseconds.
pub(super) type Timed = (u32, Step, u64);

/// A graph, and how long everything takes.
#[derive(Debug)]
pub struct Case {
    /// What it looks like.
    pub class: &'static str,
    /// The graph; no task declares what it takes.
    pub plan: Plan,
    /// Agents at once.
    pub limit: u32,
    /// By task: what is done one after the other, and each time side by side.
    pub(super) steps: HashMap<TaskId, Vec<Vec<Timed>>>,
}

/// What graphs look like.
pub const CLASSES: [&str; 5] = ["layers", "chains", "fan", "pipelines", "random"];

/// The graph of this seed.
pub fn case(seed: u64) -> Case {
    let class = CLASSES[(seed % CLASSES.len() as u64) as usize];
    let mut dice = Dice(Random::new(seed));
    let plan = match class {
        "layers" => layers(&mut dice),
        "chains" => chains(&mut dice),
        "fan" => fan(&mut dice),
        "pipelines" => pipelines(&mut dice),
        _ => random(&mut dice),
    };
    let limit = dice.between(1, 8) as u32;
    let mut plan = plan.at_once(limit);
    for task in &mut plan.tasks {
        for agent in [&mut task.creator, &mut task.critic, &mut task.judge] {
            // Not players: what these take is learned from.
            agent.runtime = Runtime::Command { argv: vec!["agent".into()], prompt: PromptBy::Stdin };
            agent.timeout_ms = 1 << 40;
        }
    }
    let steps = plan.tasks.iter().map(|task| (task.id.clone(), steps(task, &mut dice))).collect();
    Case { class, plan, limit, steps }
}

impl Case {
    /// The same with what each task takes declared, exactly.
    pub(super) fn declared(&self) -> Plan {
        let mut plan = self.plan.clone();
        for task in &mut plan.tasks {
            task.estimate_ms = Some(self.chain(&task.id));
        }
        plan
    }

    /// What a task takes when it never waits.
    pub(super) fn chain(&self, task: &TaskId) -> u64 {
        self.steps[task].iter().map(|group| group.iter().map(|(.., ms)| *ms).max().unwrap_or(0)).sum()
    }

    /// What all agents of a task take together.
    pub(super) fn work(&self, task: &TaskId) -> u64 {
        self.steps[task].iter().flatten().map(|(.., ms)| *ms).sum()
    }

    /// How long a step takes.
    pub(super) fn ms(&self, task: &TaskId, round: u32, step: &Step) -> u64 {
        let all = self.steps[task].iter().flatten();
        let found = all.filter(|(of, each, _)| *of == round && each == step).map(|(.., ms)| *ms).next();
        found.unwrap_or_else(|| panic!("{task} has no {step} in round {round}"))
    }
}

struct Dice(Random);

impl Dice {
    fn between(&mut self, first: usize, last: usize) -> usize {
        first + (self.0.next_u64() % (last - first + 1) as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.between(0, all.len() - 1)]
    }
}

/// One with a creator alone, one with a judge, one with critics: as many rounds as it has at least.
fn made(id: &str, dice: &mut Dice) -> Task {
    let plain = task(id);
    match dice.between(0, 4) {
        0 | 1 => plain,
        2 => {
            let rounds = dice.between(1, 3) as u32;
            let judged = plain.judged(rounds, rounds + 2);
            if dice.between(0, 1) == 0 { judged.self_reviewed() } else { judged }
        }
        _ => {
            let rounds = dice.between(2, 4) as u32;
            let mut full = plain.judged(rounds, rounds + 2).self_reviewed();
            let mut ids = (1..=13).filter(|n| *n != 10).map(|n| StrategyId(format!("S-{n:03}")));
            let groups = dice.between(1, 3);
            full.review_groups =
                (0..groups).map(|_| ids.by_ref().take(dice.between(1, 4)).collect()).collect();
            full.judges = dice.one_of(&[1, 1, 3]);
            full
        }
    }
}

/// What the brain will ask of it: its first draft is sent back where there is a second round, then all passes.
fn steps(task: &Task, dice: &mut Dice) -> Vec<Vec<Timed>> {
    let scale = dice.one_of(&[1, 1, 1, 2, 4]);
    let mut ms = || (dice.between(60, 600) * scale * 1_000) as u64;
    let mut all = Vec::new();
    let (creations, rounds) = task.likely_rounds();
    for round in 1..=rounds {
        if round <= creations {
            all.push(vec![(round, Step::Create, ms())]);
            if task.self_review {
                all.push(vec![(round, Step::SelfReview, ms())]);
            }
        }
        for group in &task.review_groups {
            all.push(group.iter().map(|id| (round, Step::Review(id.clone()), ms())).collect());
        }
        if task.judged {
            all.push((1..=task.judges).map(|n| (round, Step::of_judge(n), ms())).collect());
        }
        if task.judged && task.judges == 1 && rounds == 1 {
            // A praised first draft is scored again.
            all.push(vec![(round, Step::of_judge(2), ms())]);
        }
    }
    all
}

fn name(n: usize) -> String {
    format!("t{n:02}")
}

fn layers(dice: &mut Dice) -> Plan {
    let (mut tasks, mut before) = (Vec::<Task>::new(), Vec::<String>::new());
    for layer in 1..=dice.between(2, 6) {
        let mut now = Vec::new();
        for _ in 0..dice.between(1, 8) {
            let id = name(tasks.len());
            let mut each = made(&id, dice).at(["a", "b", "c"][dice.between(0, 2)], layer as u32);
            let mut pool = before.clone();
            for _ in 0..dice.between(1, 3).min(pool.len()) {
                let need = pool.remove(dice.between(0, pool.len() - 1));
                each = each.needs(&[&need]);
            }
            tasks.push(each);
            now.push(id);
        }
        before = now;
    }
    plan("layers", tasks)
}

fn chains(dice: &mut Dice) -> Plan {
    let mut tasks = Vec::<Task>::new();
    for chain in 0..dice.between(2, 8) {
        for link in 0..dice.between(1, 8) {
            let (id, before) = (name(tasks.len()), tasks.len().checked_sub(1).map(name));
            let each = made(&id, dice).at(&format!("p{chain}"), link as u32 + 1);
            let before = before.filter(|_| link > 0);
            tasks.push(match before {
                Some(before) => each.needs(&[&before]),
                None => each,
            });
        }
    }
    plan("chains", tasks)
}

fn fan(dice: &mut Dice) -> Plan {
    let mut tasks = vec![made(&name(0), dice)];
    let width = dice.between(3, 24);
    tasks.extend((1..=width).map(|n| made(&name(n), dice).needs(&["t00"])));
    let all: Vec<String> = (1..=width).map(name).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    tasks.push(made(&name(width + 1), dice).needs(&all));
    plan("fan", tasks)
}

/// Some phases meet at a barrier with handoffs, others follow one another in each pipeline.
fn pipelines(dice: &mut Dice) -> Plan {
    let names: Vec<&str> = ["a", "b", "c", "d"][..dice.between(2, 4)].to_vec();
    let phases = dice.between(2, 4);
    let meets: Vec<bool> = (0..phases).map(|phase| phase > 0 && dice.between(0, 1) == 0).collect();
    let mut tasks = Vec::<Task>::new();
    let mut before: HashMap<&str, Vec<String>> = HashMap::new();
    for (phase, meets) in meets.iter().enumerate() {
        for (n, pipeline) in names.iter().enumerate() {
            let mut now = Vec::new();
            for _ in 0..dice.between(1, 4) {
                let id = name(tasks.len());
                let each = made(&id, dice).at(pipeline, phase as u32 + 1);
                let needs = before.get(pipeline).cloned().unwrap_or_default();
                let from = names[(n + names.len() - 1) % names.len()];
                tasks.push(if *meets {
                    let barrier = format!("meet-{phase}");
                    each.behind(&barrier).takes(&format!("{barrier}_{from}-to-{pipeline}"))
                } else {
                    each.needs(&needs.iter().map(String::as_str).collect::<Vec<_>>())
                });
                now.push(id);
            }
            before.insert(*pipeline, now);
        }
    }
    let crossings: Vec<(&str, &str)> =
        (0..names.len()).map(|n| (names[n], names[(n + 1) % names.len()])).collect();
    let mut plan = plan("pipelines", tasks);
    for phase in (0..phases).filter(|phase| meets[*phase]) {
        let like = task("handoff").judged(2, 4).self_reviewed();
        plan = plan.barrier(&format!("meet-{phase}"), phase as u32, &names, &crossings, like);
    }
    plan
}

fn random(dice: &mut Dice) -> Plan {
    let count = dice.between(5, 40);
    let mut needs: Vec<Vec<String>> = vec![Vec::new(); count];
    for from in 0..count {
        for _ in 0..dice.one_of(&[0, 1, 1, 2]) {
            if from + 1 < count {
                let to = dice.between(from + 1, count - 1);
                if !needs[to].contains(&name(from)) {
                    needs[to].push(name(from));
                }
            }
        }
    }
    let mut one = |(n, needs): (usize, &Vec<String>)| {
        let each = made(&name(n), dice).at(["a", "b", "c", "d"][dice.between(0, 3)], 1);
        each.needs(&needs.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let tasks = needs.iter().enumerate().map(&mut one).collect();
    plan("random", tasks)
}
