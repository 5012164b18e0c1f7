//! Every order of reports, time-outs and one cancellation: every graph of up to four tasks with
//! two rounds each, and one two-way barrier. Each schedule ends well, and the auditor is content.

use consort_core::plan::{CheckpointFrequency, Plan};
use consort_core::run::{RunStatus, State, TaskStage};
use consort_testing::audit::audit;
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
    let found = audit(plan, records, None);
    assert!(found.is_empty(), "{}", found.iter().map(|v| format!("\n{v}")).collect::<String>());
}

fn all(tasks: usize, at_once: u32, once: Once) {
    let graphs = graphs(tasks);
    let mut sum = Explored::default();
    for graph in &graphs {
        let found = explored(&planned(graph).at_once(at_once), once);
        sum.states += found.states;
        sum.ends += found.ends;
        sum.schedules += found.schedules;
    }
    println!("{tasks} tasks, {} graphs, {at_once} at once, {once:?}: {sum:?}", graphs.len());
    assert!(sum.schedules >= sum.ends as f64 && sum.states > 10);
}

const EVERYTHING: Once = Once { time_out: true, cancel: true, begun: true };
const ENDS_ONLY: Once = Once { time_out: true, cancel: true, begun: false };

#[test]
fn one_and_two_tasks() {
    all(1, 1, EVERYTHING);
    all(2, 2, EVERYTHING);
}

#[test]
fn three_tasks() {
    all(3, 3, ENDS_ONLY);
    all(3, 2, EVERYTHING);
}

#[test]
fn four_tasks() {
    all(4, 2, ENDS_ONLY);
}

#[test]
fn a_two_way_barrier() {
    let plan = two_way((2, 3));
    let found = explored(&plan, ENDS_ONLY);
    println!("a two-way barrier: {found:?}");
}
