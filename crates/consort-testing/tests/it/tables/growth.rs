//! Work that grows and work that is skipped: what comes to be, when, on whose word, and over every crash.

use super::*;
use consort_core::ids::CheckpointId;
use consort_core::plan::{ApprovalAt, CheckpointFrequency};
use consort_testing::plans::{PlanExt, TaskExt, each, growth, only_when, plan, task};
use consort_testing::sim::drill;

/// A list, what it makes, and who reads all of it.
fn mapped() -> Plan {
    plan("mapped", vec![task("list"), each("list", task("one"), 9), task("end").needs(&["one"])]).at_once(3)
}

fn tasks(sim: &Sim) -> Vec<String> {
    let state = sim.state();
    let tasks = state.graph.plan.tasks.iter().zip(&state.tasks);
    let shown = tasks.map(|(task, it)| match &it.stage {
        TaskStage::Accepted => task.id.to_string(),
        TaskStage::Skipped(_) => format!("({})", task.id),
        other => format!("{} {other:?}", task.id),
    });
    shown.collect()
}

#[test]
fn a_list_becomes_its_tasks_and_whoever_reads_them_waits_for_all() {
    let (sim, end) = played(&mapped(), |sim| {
        sim.world.lists.insert("one".into(), 3);
    });
    assert_eq!(end, End::Over(RunStatus::Complete));
    assert_eq!(tasks(&sim), ["list", "one-1", "one-2", "one-3", "end"]);
    let end = &sim.state().tasks[4];
    let made = sim.state().tasks[1..4].iter().map(|it| it.accepted_at);
    assert!(made.max().expect("three") <= end.ready_at, "it read what was not there");
    assert_eq!(count(&sim, "PlanChanged"), 1);
}

#[test]
fn an_empty_list_makes_nothing_and_holds_nobody_up() {
    let (sim, end) = played(&mapped(), |sim| {
        sim.world.lists.insert("one".into(), 0);
    });
    assert_eq!(end, End::Over(RunStatus::Complete));
    assert_eq!(tasks(&sim), ["list", "end"]);
}

#[test]
fn a_list_beyond_its_cap_goes_to_a_person_and_can_be_read_again() {
    let mut sim = Sim::calm(&mapped());
    sim.options.approve_all = false;
    sim.world.lists.insert("one".into(), 10);
    assert_eq!(sim.run(), End::Waiting);
    let asked: Vec<_> = sim.state().open_approvals().map(|(_, a)| a.question.clone()).collect();
    assert!(asked[0].contains("the list has 10 items, at most 9"), "{asked:?}");
    sim.world.lists.insert("one".into(), 2);
    approve(&mut sim, "A-001").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
    assert_eq!(tasks(&sim), ["list", "one-1", "one-2", "end"]);
}

#[test]
fn nothing_of_a_list_is_made_before_somebody_agrees() {
    let mut plan = mapped();
    growth(&mut plan.tasks[1]).approval =
        Some(ApprovalAt { who: "the lead".into(), reason: None, by: vec!["ann".into()] });
    let mut sim = Sim::calm(&plan);
    sim.options.approve_all = false;
    assert_eq!(sim.run(), End::Waiting);
    assert_eq!(sim.state().graph.plan, plan, "nothing grew");
    let (_, asked) = sim.state().open_approvals().next().expect("a question");
    assert_eq!(asked.question, "make 2 tasks of the list for one? 1; 2");
    let other =
        Input::Command { by: "bob".into(), via: "inbox".into(), command: Command::approve("A-001", None) };
    assert!(sim.input(&other).is_err(), "it is ann's to say");
    approve(&mut sim, "A-001").expect("it is hers");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
    // A no gives it up, and what needs it with it.
    let mut sim = Sim::calm(&plan);
    sim.options.approve_all = false;
    assert_eq!(sim.run(), End::Waiting);
    give_up(&mut sim, "A-001").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Failed));
    clean(&sim);
    assert!(!tasks(&sim).iter().any(|task| task.starts_with("one-")));
}

#[test]
fn no_more_are_at_work_than_may_be_side_by_side() {
    let mut plan = mapped();
    growth(&mut plan.tasks[1]).side_by_side = 1;
    let (sim, end) = played(&plan, |sim| {
        sim.world.lists.insert("one".into(), 4);
    });
    assert_eq!(end, End::Over(RunStatus::Complete));
    // The auditor counts them; here only that they came one after another.
    let starts = events(&sim).filter_map(|e| match &e.kind {
        EventKind::AttemptStarting { attempt, .. } if attempt.task.as_str().starts_with("one") => {
            Some(attempt.task.to_string())
        }
        _ => None,
    });
    assert_eq!(starts.collect::<Vec<_>>(), ["one-1", "one-2", "one-3", "one-4"]);
}

#[test]
fn two_lists_at_once_lose_nothing() {
    let plan = plan(
        "both",
        vec![
            task("a"),
            task("b"),
            each("a", task("x"), 9),
            each("b", task("y"), 9),
            task("end").needs(&["x", "y"]),
        ],
    )
    .at_once(4);
    let (sim, end) = played(&plan, |_| ());
    assert_eq!(end, End::Over(RunStatus::Complete));
    assert_eq!(tasks(&sim), ["a", "b", "x-1", "x-2", "y-1", "y-2", "end"]);
}

#[test]
fn a_condition_that_does_not_hold_skips_a_task_and_who_would_read_nothing_else() {
    let plan = plan(
        "maybe",
        vec![
            task("first"),
            only_when(task("maybe").needs(&["first"]), &["first"]),
            task("reader").needs(&["maybe"]),
            task("both").needs(&["first", "maybe"]),
        ],
    );
    let (sim, end) = played(&plan, |sim| {
        sim.world.unmet.insert("maybe".into());
    });
    assert_eq!(end, End::Over(RunStatus::Complete));
    assert_eq!(tasks(&sim), ["first", "(maybe)", "(reader)", "both"]);
    assert_eq!(steps(&sim, "maybe").len() + steps(&sim, "reader").len(), 0, "nobody was called for it");
    let (sim, _) = played(&plan, |_| ());
    assert_eq!(tasks(&sim), ["first", "maybe", "reader", "both"]);
}

#[test]
fn a_rollback_before_a_list_takes_its_tasks_away() {
    let mut plan = mapped();
    plan.checkpoints = CheckpointFrequency::Agent;
    let (mut sim, _) = played(&plan, |_| ());
    let first = sim.state().checkpoints[0].id.clone();
    sim.world.lists.insert("one".into(), 3);
    sim.command(Command::Rollback { to: first, note: None }).expect("it is there");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
    assert_eq!(tasks(&sim), ["list", "one-1", "one-2", "one-3", "end"], "it was read anew");
    let generations: Vec<u32> = sim.state().tasks.iter().map(|it| it.generation).collect();
    assert_eq!(generations[..4], [1, 2, 2, 1], "numbers of those that had been there are not given twice");
    // And forward again: the plan of then, and all its work.
    let to = CheckpointId("CP-004".into());
    let calls = sim.state().used.agent_calls;
    sim.command(Command::Rollback { to, note: None }).expect("it is there");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
    assert_eq!(tasks(&sim), ["list", "one-1", "one-2", "end"]);
    assert_eq!(sim.state().used.agent_calls, calls);
}

#[test]
fn killed_anywhere_while_it_grows_it_ends_the_same() {
    let mut agreed = mapped();
    growth(&mut agreed.tasks[1]).approval =
        Some(ApprovalAt { who: "ann".into(), reason: None, by: Vec::new() });
    let maybe = plan(
        "maybe",
        vec![
            task("first"),
            only_when(task("maybe").needs(&["first"]), &["first"]),
            task("end").needs(&["maybe"]),
        ],
    );
    for (plan, reboot) in [(mapped(), false), (agreed, true), (maybe, false)] {
        let places = drill(&plan, false, reboot, |sim| {
            sim.world.unmet.insert("maybe".into());
        });
        let places =
            places.unwrap_or_else(|wrong| panic!("{}", wrong.chars().take(3_000).collect::<String>()));
        println!("{}: {places} places", plan.workflow.id);
    }
}
