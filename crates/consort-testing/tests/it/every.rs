//! Every order of reports, time-outs and one cancellation: every graph of up to four tasks with
//! two rounds each, and one two-way barrier. Each schedule ends well, and the auditor is content.

use consort_core::plan::{CheckpointFrequency, Plan, WorkspaceKind};
use consort_core::run::{RunStatus, State, TaskStage};
use consort_testing::audit::promises;
use consort_testing::plans::{PlanExt, TaskExt, plan, task, two_way};
use consort_testing::sim::{Explored, Once, Record, every_order};

/// Every graph of this many tasks: which of the earlier ones each one needs.
fn graphs(tasks: usize) -> Vec<Vec<Vec<usize>>> {
    let mut all = vec![Vec::new()];
    for n in 0..tasks {
        all = all
            .into_iter()
            .flat_map(|graph: Vec<Vec<usize>>| {
                (0..1_usize << n).map(move |needs| {
                    let mut graph = graph.clone();
                    graph.push((0..n).filter(|m| needs >> m & 1 == 1).collect());
                    graph
                })
            })
            .collect();
    }
    all
}

/// True if no renaming of the tasks gives a graph that comes earlier: one of each shape.
fn is_first_of_its_shape(graph: &[Vec<usize>]) -> bool {
    let edges = |name: &[usize]| -> Option<u64> {
        let mut bits = 0;
        for (n, needs) in graph.iter().enumerate() {
            for m in needs {
                if name[*m] > name[n] {
                    return None;
                }
                bits |= 1 << (name[n] * graph.len() + name[*m]);
            }
        }
        Some(bits)
    };
    let same: Vec<usize> = (0..graph.len()).collect();
    let own = edges(&same);
    permutations(graph.len()).iter().filter_map(|name| edges(name)).all(|other| Some(other) >= own)
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..n {
        let longer =
            all.iter().flat_map(|p| (0..n).filter(|m| !p.contains(m)).map(|m| [p.clone(), vec![m]].concat()));
        all = longer.collect();
    }
    all
}

fn planned(graph: &[Vec<usize>]) -> Plan {
    let tasks = graph.iter().enumerate().map(|(n, needs)| {
        let needs: Vec<String> = needs.iter().map(|m| format!("t{m}")).collect();
        let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
        task(&format!("t{n}")).judged(2, 3).scratch().needs(&needs).timeout(60_000 + 1_000 * n as u64)
    });
    let mut plan = plan("small", tasks.collect());
    plan.checkpoints = CheckpointFrequency::Barrier;
    plan
}

fn explored(plan: &Plan, once: Once) -> Explored {
    every_order(plan, once, |state, records| good_end(plan, once, state, records))
}

fn good_end(plan: &Plan, once: Once, state: &State, records: &[Record]) {
    match state.status {
        RunStatus::Complete => {
            assert!(state.tasks.iter().all(|t| t.stage == TaskStage::Accepted && t.iteration == 2))
        }
        RunStatus::Cancelled => assert!(once.cancel && state.live.is_empty()),
        other => panic!("{other:?} after {records:#?}"),
    }
    let found = promises(plan, records, None);
    assert!(found.is_empty(), "{}", found.iter().map(|v| format!("\n{v}")).collect::<String>());
}

fn all(graphs: &[Vec<Vec<usize>>], at_once: u32, once: Once) {
    let mut sum = Explored::default();
    for graph in graphs {
        let found = explored(&planned(graph).at_once(at_once), once);
        sum.states += found.states;
        sum.ends += found.ends;
        sum.schedules += found.schedules;
    }
    let tasks = graphs[0].len();
    println!("{} graphs of {tasks} tasks, {at_once} at once, {once:?}: {sum:?}", graphs.len());
    assert!(sum.schedules >= sum.ends as f64 && sum.states > 10);
}

const TIME_OUT: Once = Once { time_out: true, cancel: false, begun: false };
const CANCEL: Once = Once { time_out: false, cancel: true, begun: false };
const BOTH: Once = Once { time_out: true, cancel: true, begun: false };

#[test]
fn one_and_two_tasks() {
    all(&graphs(1), 1, Once { begun: true, ..BOTH });
    all(&graphs(2), 2, Once { begun: true, ..BOTH });
}

#[test]
fn three_tasks() {
    assert_eq!(graphs(3).len(), 8);
    all(&graphs(3), 3, BOTH);
    all(&graphs(3), 2, Once { begun: true, ..CANCEL });
}

/// `CONSORT_EVERY=all`: more in one schedule, and more at once.
fn everything() -> bool {
    std::env::var("CONSORT_EVERY").is_ok()
}

fn shapes_of_four() -> Vec<Vec<Vec<usize>>> {
    let shapes: Vec<_> = graphs(4).into_iter().filter(|g| is_first_of_its_shape(g)).collect();
    assert_eq!((graphs(4).len(), shapes.len()), (64, 31));
    shapes
}

#[test]
fn four_tasks_and_a_time_out() {
    all(&shapes_of_four(), 2, TIME_OUT);
}

#[test]
fn four_tasks_and_a_cancellation() {
    all(&shapes_of_four(), 2, CANCEL);
    if everything() {
        all(&graphs(4), 3, BOTH);
    }
}

#[test]
fn a_two_way_barrier() {
    let mut cloned = two_way((2, 3));
    cloned.checkpoints = CheckpointFrequency::Barrier;
    // Without workspaces that come and go beside the rest.
    let mut scratch = cloned.clone();
    for task in &mut scratch.tasks {
        task.workspace = WorkspaceKind::None;
    }
    let mut cases = vec![(&cloned, CANCEL), (&scratch, BOTH)];
    if everything() {
        cases.push((&cloned, BOTH));
    }
    for (plan, once) in cases {
        let kind = plan.tasks[0].workspace;
        let found = explored(plan, once);
        println!("a two-way barrier, workspaces {kind:?}, {once:?}: {found:?}");
    }
}
