//! Attempts and steps: retries, time-outs, what a runner finds, pause, cancel, slots.

use super::*;
use consort_testing::plans::{PlanExt, TaskExt, chain, plan, task};

#[test]
fn without_a_judge_the_first_capture_is_accepted() {
    let (sim, end) = played(&chain(1), |_| ());
    assert_eq!(end, End::Over(RunStatus::Complete));
    assert_eq!(rounds(&sim, "t1"), ["1 creation - Accepted"]);
    assert_eq!(steps(&sim, "t1"), ["1.1 create"]);
}

#[test]
fn tasks_without_a_workspace_need_no_ref_even_if_a_person_approves_them() {
    let plan = plan("p", vec![task("a").scratch().approved(), task("b").scratch().needs(&["a"])]);
    let (sim, end) = played(&plan, |_| ());
    assert_eq!(end, End::Over(RunStatus::Complete));
    assert!(sim.world.refs.keys().all(|name| name.starts_with("checkpoint/")), "{:?}", sim.world.refs);
    assert_eq!(count(&sim, "TaskPreparing"), 0);
}

#[test]
fn the_order_of_steps_is_creator_self_steelman_attack_judge() {
    let task = task("a").judged(1, 3).self_reviewed().critics(&["S-002", "S-007"]);
    let (sim, _) = played(&plan("p", vec![task]), |_| ());
    assert_eq!(
        steps(&sim, "a"),
        ["1.1 create", "1.2 self-review", "1.3 S-003", "1.4 S-002", "1.5 S-007", "1.6 judge", "1.7 judge-2"],
        "a first draft that is praised is scored again"
    );
}

#[test]
fn a_round_without_judge_and_critics_is_confirmed_by_its_captures_alone() {
    let mut quick = task("a");
    quick.rounds.min = 2;
    let (sim, _) = played(&plan("p", vec![quick]), |_| ());
    assert_eq!(rounds(&sim, "a"), ["1 creation - Confirm", "2 confirmation - Accepted"]);
    assert_eq!(steps(&sim, "a"), ["1.1 create"]);
}

#[test]
fn failures_are_tried_again_later_and_later_and_then_a_person_decides() {
    for (step, plays) in [
        (Step::Create, [Play::Exit(1), Play::NotStarted]),
        (Step::Create, [Play::Vanish, Play::Hang]),
        (Step::Create, [Play::Empty, Play::Empty]),
        (Step::SelfReview, [Play::Silent, Play::Malformed]),
        (Step::Judge, [Play::OtherDimensions, Play::Exit(1)]),
        (Step::Judge, [Play::Silent, Play::Exit(137)]),
        (Step::Review("S-007".into()), [Play::Malformed, Play::Vanish]),
    ] {
        let plan = plan("p", vec![task("a").judged(1, 2).self_reviewed().critics(&["S-007"])]);
        let (sim, end) = played(&plan, |sim| script(sim, "a", step.clone(), &plays));
        assert_eq!(end, End::Over(RunStatus::Complete), "{step} {plays:?}");
        let waits: Vec<i64> = events(&sim)
            .filter_map(|e| match &e.kind {
                EventKind::StepRetrying { not_before, .. } => Some(not_before.0 - e.at.0),
                _ => None,
            })
            .collect();
        assert_eq!(waits, [1_000, 2_000], "{step} {plays:?}");

        let (mut sim, end) =
            played(&plan, |sim| script(sim, "a", step.clone(), &[plays[0], plays[1], plays[0]]));
        assert_eq!(end, End::Waiting);
        assert!(
            matches!(stage(&sim, "a"), TaskStage::Held(HoldWhy::Attempts { .. })),
            "{:?}",
            stage(&sim, "a")
        );
        approve(&mut sim, "A-001").expect("it is asked");
        assert_eq!(sim.run(), End::Over(RunStatus::Complete), "{step} {plays:?}");
        clean(&sim);
    }
    // No score in two tries that brought an answer: a person looks, though a third would be allowed.
    let plan = plan("p", vec![task("a").judged(1, 2)]);
    let (_, end) =
        played(&plan, |sim| script(sim, "a", Step::Judge, &[Play::Malformed, Play::OtherDimensions]));
    assert_eq!(end, End::Waiting);
}

#[test]
fn what_a_new_runner_finds_decides() {
    let plan = plan("p", vec![task("a")]);
    // Never begun: lost, and the same step again at once, without a failure on its record.
    let mut sim = Sim::calm(&plan);
    assert!(sim.run_until(|s| !s.live.is_empty()));
    sim.crash();
    sim.step().expect("no crash");
    assert_eq!(count(&sim, "AttemptEnded"), 1);
    assert_eq!(sim.state().used.lost, 1);
    assert_eq!(sim.state().tasks[0].steps[0].failures, 0);
    sim.run();
    assert_eq!(steps(&sim, "a"), ["1.1 create", "1.2 create"]);
    assert_eq!(sim.world.ledger.len(), 1, "only the second one was started");
    clean(&sim);

    // Alive: adopted, and the same attempt goes on.
    let mut sim = Sim::calm(&plan);
    assert!(sim.run_until(|s| s.live.values().any(|l| l.process.is_some())));
    sim.crash();
    sim.step().expect("no crash");
    sim.run();
    assert_eq!((count(&sim, "AttemptAdopted"), sim.world.ledger.len()), (1, 1));
    clean(&sim);

    // Gone without a record: unknown, a failure, tried again after a while.
    let mut sim = Sim::calm(&plan);
    assert!(sim.run_until(|s| s.live.values().any(|l| l.process.is_some())));
    sim.crash();
    sim.world.reboot();
    sim.step().expect("no crash");
    assert_eq!(sim.state().tasks[0].steps[0].failures, 1);
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    assert_eq!(sim.world.ledger.len(), 2);
    clean(&sim);
}

#[test]
fn a_critic_that_is_lost_while_its_sibling_fails_is_not_forgotten() {
    let plan = plan("p", vec![task("a").judged(1, 2).critics(&["S-012", "S-013"])]);
    let mut sim = Sim::calm(&plan);
    script(&mut sim, "a", Step::Review("S-012".into()), &[Play::Hang]);
    script(&mut sim, "a", Step::Review("S-013".into()), &[Play::Hang]);
    assert!(sim.run_until(|s| s.live.len() == 2 && s.live.values().any(|l| l.process.is_some())));
    sim.crash();
    sim.world.reboot();
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    assert_eq!(sim.state().used.lost, 2);
    clean(&sim);
}

#[test]
fn a_hanging_attempt_is_stopped_at_its_deadline_and_a_sleeping_machine_is_no_hang() {
    let plan = plan("p", vec![task("a").timeout(60_000)]);
    let mut sim = Sim::calm(&plan);
    script(&mut sim, "a", Step::Create, &[Play::Hang]);
    assert!(sim.run_until(|s| s.live.values().any(|l| l.process.is_some())));
    let deadline = next_deadline(sim.state()).expect("an attempt runs").0;
    sim.input(&Input::Suspended { for_ms: 3_600_000 }).expect("no command");
    let (later, why) = next_deadline(sim.state()).expect("an attempt runs");
    assert_eq!(later.0 - deadline.0, 3_600_000);
    assert!(matches!(why, Why::Attempt(_)));
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    let stopped = |e: &&Event| {
        matches!(e.kind, EventKind::AttemptEnded { end: AttemptEnd::Stopped(StopWhy::TimedOut), .. })
    };
    assert_eq!(events(&sim).filter(stopped).count(), 1);
    assert!(sim.world.now >= later.0);
    clean(&sim);
}

#[test]
fn at_most_so_many_at_once_and_what_began_goes_first() {
    let tasks = (0..6).map(|n| task(&format!("t{n}")).judged(2, 3).critics(&["S-012", "S-013"]));
    for at_once in [1, 2, 3] {
        // The auditor counts.
        let (sim, end) = played(&plan("p", tasks.clone().collect()).at_once(at_once), |_| ());
        assert_eq!(end, End::Over(RunStatus::Complete));
        assert_eq!(sim.state().used.failed, 0);
    }
}

#[test]
fn a_paused_run_starts_nothing_and_its_pause_costs_no_budget() {
    let mut plan = chain(2);
    plan.limits.budget.wall_ms_max = Some(10_000);
    let mut sim = Sim::calm(&plan);
    assert!(sim.run_until(|s| !s.live.is_empty()));
    sim.command(Command::Pause).expect("it runs");
    assert!(sim.command(Command::Pause).is_err(), "twice");
    assert_eq!(sim.run(), End::Waiting);
    assert_eq!((steps(&sim, "t1").len(), steps(&sim, "t2").len()), (1, 0));
    sim.world.now += 1_000_000;
    sim.command(Command::Unpause).expect("it is paused");
    assert!(sim.command(Command::Unpause).is_err(), "twice");
    let end = sim.run();
    assert_eq!(
        end,
        End::Over(RunStatus::Complete),
        "the pause was counted: {:?} {:?}",
        sim.state().used,
        open(&sim)
    );
    clean(&sim);
}

#[test]
fn a_cancelled_run_stops_everything_and_hears_nothing_more() {
    let mut sim = Sim::calm(&chain(2));
    script(&mut sim, "t1", Step::Create, &[Play::Hang]);
    assert!(sim.run_until(|s| s.live.values().any(|l| l.process.is_some())));
    sim.command(Command::Cancel).expect("it runs");
    for refused in [Command::Cancel, Command::Pause, Command::retry("t1"), Command::ApproveAll] {
        assert!(matches!(sim.command(refused), Err(Refusal::Not(_))));
    }
    assert_eq!(sim.run(), End::Over(RunStatus::Cancelled));
    assert_eq!(sim.world.alive().count(), 0);
    assert!(matches!(sim.command(Command::Pause), Err(Refusal::Over(RunStatus::Cancelled))));
    clean(&sim);

    // In the middle of each Ensure: its report comes too late.
    for stage in [TaskStage::Preparing, TaskStage::Capturing, TaskStage::Committing(None)] {
        let mut sim = Sim::calm(&chain(2));
        assert!(sim.run_until(|s| s.tasks[0].stage == stage));
        let mut world = sim.world.clone();
        let reports: Vec<Report> = wanted(sim.state())
            .iter()
            .filter_map(|e| match e {
                Effect::Ensure(wish) => Some(world.ensure(wish, &e.key().0, &[])),
                _ => None,
            })
            .flatten()
            .collect();
        assert!(!reports.is_empty());
        sim.command(Command::Cancel).expect("it runs");
        assert_eq!(sim.state().status, RunStatus::Cancelled);
        for report in reports {
            assert_eq!(sim.input(&Input::Reported(report.clone())), Ok(false), "{report:?}");
        }
        assert_eq!(sim.run(), End::Over(RunStatus::Cancelled));
        clean(&sim);
    }
}

#[test]
fn a_closing_runner_starts_nothing_and_the_next_one_goes_on() {
    let mut sim = Sim::calm(&chain(2));
    assert!(sim.run_until(|s| s.tasks[0].stage == TaskStage::Accepted));
    sim.input(&Input::Closing { why: "SIGTERM".into() }).expect("no command");
    assert_eq!(sim.run(), End::Waiting);
    assert!(steps(&sim, "t2").is_empty());
    sim.crash();
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
}
