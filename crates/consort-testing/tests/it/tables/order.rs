//! Who gets the next slot: the longest chain, fairness between pipelines, what began before what did not.

use super::*;
use consort_core::plan::Task;
use consort_testing::plans::{PlanExt, TaskExt, plan, task};

const MINUTE: u64 = 60_000;

/// Tasks in the order of their first starts.
fn starts(sim: &Sim) -> String {
    let mut seen: Vec<String> = Vec::new();
    for event in events(sim) {
        if let EventKind::AttemptStarting { attempt, .. } = &event.kind
            && !seen.contains(&attempt.task.to_string())
        {
            seen.push(attempt.task.to_string());
        }
    }
    seen.join(" ")
}

/// The most tasks that were begun and not accepted at the same time.
fn open_most(sim: &Sim) -> usize {
    let (mut open, mut most) = (std::collections::BTreeSet::new(), 0);
    for event in events(sim) {
        match &event.kind {
            EventKind::TaskPreparing { task } => drop(open.insert(task.clone())),
            EventKind::TaskAccepted { task, .. } => drop(open.remove(task)),
            _ => {}
        }
        most = most.max(open.len());
    }
    most
}

/// `a1` to `an`, each after the one before it, in a pipeline of that name.
fn line(pipeline: &str, length: u32) -> Vec<Task> {
    let name = |n: u32| format!("{pipeline}{n}");
    let one = |n: u32| {
        let it = task(&name(n)).at(pipeline, n);
        if n > 1 { it.needs(&[&name(n - 1)]) } else { it }
    };
    (1..=length).map(one).collect()
}

/// `a1` to `an`, none after another.
fn wide(pipeline: &str, width: u32) -> Vec<Task> {
    (1..=width).map(|n| task(&format!("{pipeline}{n}")).at(pipeline, 1)).collect()
}

fn takes(mut task: Task, minutes: u64) -> Task {
    task.estimate_ms = Some(minutes * MINUTE);
    task
}

fn order(tasks: Vec<Task>, limit: u32) -> String {
    let (sim, end) = played(&plan("p", tasks).at_once(limit), |_| {});
    assert_eq!(end, End::Over(RunStatus::Complete));
    starts(&sim)
}

#[test]
fn the_longest_chain_starts_first_whatever_the_file_says() {
    let short = || [task("x"), task("y")].into_iter();
    // The end does not hang on it where one agent has to do it all: then they take turns.
    assert_eq!(order(short().chain(line("a", 3)).collect(), 1), "a1 x a2 y a3");
    // With two at once it goes on in one slot. In the simulation `x` ends last, because of its name.
    assert_eq!(order(short().chain(line("a", 5)).collect(), 2), "a1 x a2 a3 a4 y a5");
    // By what tasks take, not by how many follow.
    let told = [task("x"), takes(task("y"), 600)];
    let mut quick = line("a", 3);
    quick.iter_mut().for_each(|task| task.estimate_ms = Some(MINUTE));
    // Which of two that get their slots together begins first is up to the simulation; `x` is not among them.
    let told = order(told.into_iter().chain(quick).collect(), 2);
    assert!(["a1 y x ", "y a1 x "].iter().any(|start| told.starts_with(start)), "{told}");
    // Everything else being equal: as the file says.
    assert_eq!(order(["c", "b", "a"].map(task).into(), 1), "c b a");
}

#[test]
fn a_chain_goes_on_over_barriers_and_handoffs() {
    // `x` is as long as `a1` alone, but behind `a1` there are a handoff and `b2`.
    let tasks = vec![
        task("x"),
        task("y"),
        task("a1").at("a", 1),
        task("b1").at("b", 1),
        task("b2").at("b", 2).behind("meet").takes("meet_a-to-b"),
    ];
    let plan = plan("p", tasks).barrier("meet", 1, &["a", "b"], &[("a", "b")], task("handoff")).at_once(2);
    let (sim, _) = played(&plan, |_| {});
    assert!(starts(&sim).starts_with("a1 b1 "), "{}", starts(&sim));
}

#[test]
fn pipelines_share_the_limit() {
    // Before, the first pipeline of the file was done before the second one began.
    let two = || wide("a", 4).into_iter().chain(wide("b", 4)).collect::<Vec<_>>();
    assert_eq!(order(two(), 2), "a1 b1 a2 b2 a3 b3 a4 b4");
    // Two of equal length side by side, and a third one with a single task gets its turn before they end.
    let three: Vec<Task> = [line("a", 3), line("b", 3), line("c", 1)].concat();
    assert_eq!(order(three, 2), "a1 b1 c1 a2 b2 a3 b3");
    // With one slot only they take turns.
    assert_eq!(order(two(), 1), "a1 b1 a2 b2 a3 b3 a4 b4");
}

#[test]
fn a_small_pipeline_does_not_wait_for_a_large_one() {
    let both: Vec<Task> = wide("a", 20).into_iter().chain(wide("z", 2)).collect();
    assert!(order(both, 2).starts_with("a1 z1 a2 z2 a3"), "after its few tasks the large one has it all");
}

#[test]
fn what_began_is_finished_first_while_there_is_time() {
    let judged = |n: u32| task(&format!("t{n}")).judged(3, 5).self_reviewed().critics(&["S-002", "S-007"]);
    for limit in 1..=3 {
        let (sim, end) = played(&plan("p", (0..9).map(judged).collect()).at_once(limit), |_| {});
        assert_eq!(end, End::Over(RunStatus::Complete));
        assert!(open_most(&sim) <= 2 * limit as usize, "{} open at a limit of {limit}", open_most(&sim));
    }
}

#[test]
fn a_long_chain_keeps_its_slot_while_git_works_for_it() {
    // At every capture and commit of the chain a slot is free for a moment, and somebody else waits for it.
    let chain = line("a", 4).into_iter().map(|it| it.judged(2, 4));
    let others = (0..6).map(|n| task(&format!("x{n}")));
    let (sim, end) = played(&plan("p", others.chain(chain).collect()).at_once(2), |_| {});
    assert_eq!(end, End::Over(RunStatus::Complete));
    let mut at_work = std::collections::BTreeSet::new();
    for event in events(&sim) {
        match &event.kind {
            EventKind::AttemptStarting { attempt, .. } if attempt.task.as_str().starts_with('x') => {
                assert!(at_work.insert(attempt.clone()) && at_work.len() == 1, "both slots are given away");
            }
            EventKind::AttemptEnded { attempt, .. } => drop(at_work.remove(attempt)),
            EventKind::TaskAccepted { task, .. } if task.as_str() == "a4" => return,
            _ => {}
        }
    }
}

#[test]
fn a_failing_workspace_keeps_no_slot() {
    let tasks = vec![takes(task("long"), 600), task("x")];
    let (sim, end) = played(&plan("p", tasks).at_once(1), |sim| {
        sim.world.failing.insert("workspace/long".into(), 2);
    });
    assert_eq!(end, End::Over(RunStatus::Complete));
    assert_eq!(starts(&sim), "x long");
}

#[test]
fn a_rollback_and_a_barrier_that_is_sent_back_are_ranked_anew() {
    // The indexes are compared with a naive count after every event: see `check_front`.
    let plan = consort_testing::plans::two_way((1, 3)).approved_barriers();
    let mut sim = Sim::calm(&plan);
    sim.options.back_to = Some("CP-001".into());
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
}
