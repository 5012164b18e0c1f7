//! What one event costs the brain: `step`, `wanted`, `next_deadline`, and the fold of it.

use crate::plans::{PlanExt, TaskExt, plan, task};
use consort_core::plan::Plan;
use consort_core::run::*;
use consort_core::time::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Attempts in flight at once, whatever the number of tasks.
const AT_ONCE: u32 = 8;

/// Side by side: tasks without gate and without workspace, one of which comes after them all
/// only through a chain of ten that ends the run.
fn wide(tasks: usize) -> Plan {
    let side = tasks.saturating_sub(10).max(1);
    let mut all: Vec<_> = (0..side).map(|n| task(&format!("side{n}")).scratch()).collect();
    for n in 0..tasks.min(10) {
        let it = task(&format!("line{n}")).scratch();
        all.push(if n > 0 { it.needs(&[&format!("line{}", n - 1)]) } else { it });
    }
    plan("cost", all).at_once(AT_ONCE)
}

/// One after another.
fn long(tasks: usize) -> Plan {
    let all = (0..tasks).map(|n| {
        let it = task(&format!("t{n}")).scratch();
        if n > 0 { it.needs(&[&format!("t{}", n - 1)]) } else { it }
    });
    plan("cost", all.collect()).at_once(AT_ONCE)
}

/// Drives a fan-out of so many tasks, then a chain of as many, from start to end, and returns
/// the mean time per event of all four functions together. The first record, in which every
/// task becomes known, is not counted: it is proportional to the plan, once.
///
/// # Panics
/// If a run does not come to its end.
pub fn per_event(tasks: usize) -> Duration {
    let (mut spent, mut events) = (Duration::ZERO, 0_u32);
    for plan in [wide(tasks), long(tasks)] {
        let (time, count) = drive(plan);
        spent += time;
        events += count;
    }
    spent / events.max(1)
}

fn drive(plan: Plan) -> (Duration, u32) {
    let graph = Arc::new(Graph::new(plan));
    let mut state = State::new(graph.clone());
    let mut copy = State::new(graph);
    let mut now = Timestamp(1_000);
    let mut causes = vec![start(), Input::Opened { runner: "bench".into(), found: Vec::new() }];
    let (mut spent, mut events) = (Duration::ZERO, 0);
    let mut first = true;
    while !causes.is_empty() {
        let mut wishes = Vec::new();
        for cause in causes.drain(..) {
            now = now.plus_ms(1);
            let began = Instant::now();
            let brought = step(&mut state, &cause, now).expect("nothing is refused");
            wishes = wanted(&state);
            std::hint::black_box(next_deadline(&state));
            if !brought.is_empty() {
                fold(&mut copy, state.seq, &brought).expect("its own events");
            }
            if !first {
                spent += began.elapsed();
                events += brought.len() as u32;
            }
            first = false;
        }
        // One wish after the other, captures before attempts: what is in flight stays small.
        causes = wishes.last().map(answer).unwrap_or_default();
    }
    assert_eq!(state.status, RunStatus::Complete);
    assert!(state == copy, "the fold differs");
    (spent, events)
}

fn start() -> Input {
    let start = StartRun {
        run: "cost".into(),
        plan: "plan".into(),
        base: Some("base".into()),
        nonce: "nonce".into(),
        approve_all: true,
        absent: Vec::new(),
        unseen: Vec::new(),
    };
    Input::Command { by: "ann".into(), via: "flag".into(), command: Command::Start(Box::new(start)) }
}

fn answer(wish: &Effect) -> Vec<Input> {
    let reports = match wish {
        Effect::Start(start) => {
            let process = ProcessIdentity { pid: 2, start_ticks: 1, boot_id: "boot".into() };
            let ended = Ended {
                exit: Exit::Code(0),
                given: Given::Nothing,
                wall_ms: 1,
                usage: Usage::default(),
                leaked: 0,
                record: None,
            };
            let attempt = start.attempt.clone();
            vec![
                Report::AttemptStarted { attempt: attempt.clone(), process },
                Report::AttemptEnded { attempt, ended },
            ]
        }
        Effect::Ensure(Ensure::Candidate { task, generation, iteration, .. }) => {
            let artifact = Artifact { path: format!("out/{task}.md"), hash: format!("hash of {task}").into() };
            let candidate = Candidate {
                revision: format!("plain:{task}").into(),
                artifacts: vec![artifact],
                strays: Vec::new(),
            };
            vec![Report::CandidateCaptured {
                task: task.clone(),
                generation: *generation,
                iteration: *iteration,
                candidate,
                problems: Vec::new(),
            }]
        }
        Effect::Ensure(Ensure::Checkpoint { checkpoint, .. }) => {
            vec![Report::CheckpointCommitted { checkpoint: checkpoint.clone(), revision: "cp".into() }]
        }
        other => unreachable!("such a plan has no {other:?}"),
    };
    reports.into_iter().map(Input::Reported).collect()
}
