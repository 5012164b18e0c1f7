//! Approvals, inputs, criteria, budgets, integration.

use super::*;
use consort_core::plan::CompletionBy;
use consort_testing::plans::{PlanExt, TaskExt, chain, plan, task};
use consort_testing::sim::{World, commit_id};

#[test]
fn an_approval_is_bound_to_one_commit_and_answered_once() {
    let plan = plan("p", vec![task("a").judged(1, 3).approved()]);
    let mut sim = Sim::calm(&plan);
    sim.options.approve_all = false;
    assert_eq!(sim.run(), End::Waiting);
    assert!(matches!(approve(&mut sim, "A-009"), Err(Refusal::NoApproval(_))));
    reject(&mut sim, "A-001", "shorter, please").expect("it is asked");
    assert!(matches!(approve(&mut sim, "A-001"), Err(Refusal::AlreadyAnswered { .. })));
    assert_eq!(sim.run(), End::Waiting);
    assert_eq!(sim.state().tasks[0].guidance().collect::<Vec<_>>(), ["shorter, please"]);
    assert_eq!(rounds(&sim, "a"), ["1 creation 1.00 Accepted", "2 creation 1.00 Accepted"]);
    assert!(matches!(approve(&mut sim, "A-001"), Err(Refusal::AlreadyAnswered { .. })));
    approve(&mut sim, "A-002").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
}

#[test]
fn what_the_engine_cannot_see_is_asked_once_for_all_who_read_it() {
    let tasks = vec![
        task("a").outside("entity").reads("PLAN.md"),
        task("b").outside("entity").reads("here.md"),
        task("c"),
    ];
    let mut sim = Sim::calm(&plan("p", tasks));
    sim.options.approve_all = false;
    sim.options.absent = vec!["PLAN.md".into()];
    assert_eq!(sim.run(), End::Waiting);
    assert_eq!(open(&sim), ["A-001", "A-002"]);
    assert_eq!(stage(&sim, "c"), &TaskStage::Accepted);
    approve(&mut sim, "A-001").expect("it is asked");
    sim.run();
    assert_eq!((stage(&sim, "a"), stage(&sim, "b")), (&TaskStage::Waiting, &TaskStage::Accepted));
    approve(&mut sim, "A-002").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
}

#[test]
fn a_task_whose_inputs_are_all_refused_is_given_up_once() {
    let tasks = vec![task("a").outside("one").outside("two").outside("two"), task("b").needs(&["a"])];
    let mut sim = Sim::calm(&plan("p", tasks));
    sim.options.approve_all = false;
    sim.run();
    reject(&mut sim, "A-001", "no").expect("it is asked");
    reject(&mut sim, "A-002", "no").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Failed));
    assert_eq!(count(&sim, "TaskFailed"), 1);
    clean(&sim);
}

#[test]
fn criteria_that_only_a_person_can_vouch_for_are_the_last_words() {
    let mut two = chain(1).vouched("entity updated").vouched("feature updated");
    two.completion.push(consort_core::plan::Completion {
        name: "artifact".into(),
        validation: "it exists".into(),
        by: CompletionBy::Artifact("out/t1.md".into()),
    });
    let (sim, end) = played(&two, |_| ());
    assert_eq!(end, End::Over(RunStatus::Complete));
    assert!(
        sim.state().approvals.values().all(|a| a.answer.as_ref().is_some_and(|a| a.how.starts_with("flag")))
    );

    let mut sim = Sim::calm(&two);
    sim.options.approve_all = false;
    assert_eq!(sim.run(), End::Waiting);
    approve(&mut sim, "A-001").expect("it is asked");
    assert_eq!(sim.run(), End::Waiting);
    approve(&mut sim, "A-002").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);

    // One no ends the run; the other question is moot.
    let mut sim = Sim::calm(&two);
    sim.options.approve_all = false;
    sim.run();
    reject(&mut sim, "A-001", "it is not").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Failed));
    assert!(open(&sim).is_empty());
    clean(&sim);

    if let CompletionBy::Artifact(path) = &mut two.completion[2].by {
        *path = "elsewhere.md".into();
    }
    assert_eq!(played(&two, |_| ()).1, End::Over(RunStatus::Failed));
}

#[test]
fn a_budget_is_raised_by_a_person_or_ends_the_run() {
    let mut plan = chain(5);
    plan.limits.budget.agent_calls_max = Some(2);
    let (mut sim, end) = played(&plan, |_| ());
    assert_eq!((end, sim.state().used.agent_calls), (End::Waiting, 2));
    approve(&mut sim, "A-001").expect("it is asked");
    assert_eq!(sim.run(), End::Waiting);
    assert_eq!(sim.state().used.agent_calls, 4);
    approve(&mut sim, "A-002").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);

    let (mut sim, _) = played(&plan, |_| ());
    reject(&mut sim, "A-001", "too dear").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Cancelled));
    clean(&sim);

    plan.limits.budget.agent_calls_max = None;
    plan.limits.budget.micro_usd_max = Some(1_000);
    assert_eq!(played(&plan, |_| ()).1, End::Waiting);
}

#[test]
fn integration_is_asked_for_after_the_end_and_only_then() {
    let into = || Command::Integrate { into: "refs/heads/main".into(), expected: World::base() };
    let mut sim = Sim::calm(&chain(1));
    sim.step().expect("no crash");
    assert!(matches!(sim.command(into()), Err(Refusal::Not(_))));
    sim.run();
    sim.command(into()).expect("it is COMPLETE");
    assert!(matches!(sim.command(into()), Err(Refusal::Not(_))), "one at a time");
    sim.run();
    let there = sim.state().integration.as_ref().and_then(|i| i.revision.clone());
    assert_eq!(there, sim.state().checkpoints.last().and_then(|c| c.revision.clone()));

    // A failed one changes nothing, and can be asked for again.
    sim.world.failing.insert("integrated/".into(), 1);
    sim.command(into()).expect("again");
    sim.run();
    assert!(sim.state().integration.as_ref().is_some_and(|i| i.failed.is_some()));
    let late = Report::Integrated { into: "refs/heads/main".into(), revision: commit_id("x") };
    assert_eq!(sim.input(&Input::Reported(late)), Ok(false));
    sim.command(into()).expect("again");
    sim.run();
    clean(&sim);
}

#[test]
fn a_start_comes_first_and_once() {
    let mut sim = Sim::calm(&chain(1));
    sim.step().expect("no crash");
    let start = sim.state().start.clone().expect("started");
    assert_eq!(sim.command(Command::Start(Box::new(start))), Err(Refusal::AlreadyStarted));
    let mut fresh = State::new(sim.graph().clone());
    let pause = Input::Command { by: "ann".into(), via: "inbox".into(), command: Command::Pause };
    assert_eq!(step(&mut fresh, &pause, Default::default()), Err(Refusal::NotStarted));
}
