//! Effects that fail, reports that do not fit, journals that are corrupt.

use super::*;
use consort_core::time::Timestamp;
use consort_testing::plans::{PlanExt, TaskExt, chain, plan, task, two_way};
use consort_testing::sim::{Profile, commit_id};

#[test]
fn effects_are_tried_again_and_after_five_failures_a_person_decides() {
    for (kind, step) in [("workspace/", "workspace"), ("candidate/", "capture"), ("committed/", "commit")] {
        let (sim, end) = played(&chain(1), |sim| {
            sim.world.failing.insert(kind.into(), 4);
        });
        assert_eq!(end, End::Over(RunStatus::Complete), "{kind}");
        assert!(sim.state().failing.is_empty());

        let approved = plan("p", vec![task("t1").judged(1, 3).self_reviewed().approved()]);
        let (mut sim, end) = played(&approved, |sim| {
            sim.world.failing.insert(kind.into(), 5);
        });
        assert_eq!(end, End::Waiting, "{kind}");
        let TaskStage::Held(HoldWhy::Attempts { step: held, .. }) = stage(&sim, "t1") else {
            panic!("{kind}")
        };
        assert_eq!(held, step);
        let asked = open(&sim).remove(0);
        approve(&mut sim, &asked).expect("it is asked");
        assert_eq!(sim.run(), End::Over(RunStatus::Complete), "{kind}");
        assert_eq!(
            steps(&sim, "t1"),
            ["1.1 create", "1.2 self-review", "1.3 judge", "1.4 judge-2"],
            "no work is done again"
        );
        clean(&sim);
    }
    let (mut sim, end) = played(&two_way((1, 2)), |sim| {
        sim.world.failing.insert("barrier/".into(), 5);
    });
    assert_eq!(end, End::Waiting);
    assert!(matches!(sim.state().barriers[0].stage, BarrierStage::Held(BarrierHold::Failed(_))));
    approve(&mut sim, "A-001").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
}

#[test]
fn papers_are_put_in_order_after_the_end_too() {
    let (sim, end) = played(&chain(1), |sim| {
        sim.world.failing.insert("checkpoint/".into(), 2);
        sim.world.failing.insert("released/".into(), 7);
    });
    assert_eq!(end, End::Over(RunStatus::Complete));
    assert!(sim.state().checkpoints.iter().all(|c| c.revision.is_some()));
    assert_eq!(sim.state().tasks[0].workspace, WorkspaceState::Released);

    // A checkpoint that cannot be made is given up, and says so; what comes later changes nothing.
    let (mut sim, _) = played(&chain(1), |sim| {
        sim.world.failing.insert("checkpoint/".into(), 5);
    });
    let failed = sim.state().checkpoints[0].clone();
    assert!(failed.failed.is_some() && failed.revision.is_none());
    let checkpoint = failed.id.clone();
    for late in [
        Report::CheckpointCommitted { checkpoint: checkpoint.clone(), revision: commit_id("x") },
        Report::CheckpointConflicted { checkpoint: "CP-777".into(), paths: Vec::new() },
        Report::EffectFailed { effect: format!("checkpoint/{checkpoint}"), why: "late".into() },
    ] {
        assert_eq!(sim.input(&Input::Reported(late.clone())), Ok(false), "{late:?}");
    }
}

#[test]
fn failures_of_what_nobody_wants_change_nothing() {
    let mut sim = Sim::calm(&chain(2));
    assert!(sim.run_until(|s| !s.live.is_empty()));
    let effects = [
        "checkpoint/CP-009",
        "candidate/t1/1.1",
        "committed/t2/1",
        "start/t9/1.1.1/create",
        "barrier/x/1",
        "",
        "///",
    ];
    for effect in effects {
        for _ in 0..6 {
            let report = Report::EffectFailed { effect: effect.into(), why: "why".into() };
            assert_eq!(sim.input(&Input::Reported(report)), Ok(false), "{effect}");
        }
    }
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
}

#[test]
fn a_start_that_failed_is_never_repeated_only_watched() {
    let mut sim = Sim::calm(&chain(1));
    assert!(sim.run_until(|s| !s.live.is_empty()));
    let start = |e: &Effect| matches!(e, Effect::Start(_));
    let effect = wanted(sim.state()).into_iter().find(start).expect("it is to be started").key().0;
    sim.input(&Input::Reported(Report::EffectFailed { effect, why: "no pipe".into() })).expect("no command");
    assert!(!wanted(sim.state()).iter().any(start));
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    assert_eq!(steps(&sim, "t1").len(), 2, "it counts as an attempt that may have run");
    clean(&sim);
}

/// Two critics side by side: one fails for the last time, the other waits, rests or runs.
#[test]
fn a_held_task_takes_its_other_steps_with_it() {
    let plan = plan("p", vec![task("a").judged(1, 2).critics(&["S-012", "S-013"])]);
    for (at_once, other) in [(1, Play::Well), (2, Play::Hang), (2, Play::Exit(1))] {
        for retry in [true, false] {
            let mut sim = Sim::calm(&plan.clone().at_once(at_once));
            script(&mut sim, "a", Step::Review("S-012".into()), &[Play::Exit(1); 3]);
            script(&mut sim, "a", Step::Review("S-013".into()), &[other; 2]);
            assert!(sim.run_until(|s| matches!(s.tasks[0].stage, TaskStage::Held(_))));
            if retry {
                sim.command(Command::retry("a")).expect("it is held");
            } else {
                approve(&mut sim, "A-001").expect("it is asked");
            }
            assert_eq!(sim.run(), End::Over(RunStatus::Complete), "{at_once} {other:?} {retry}");
            clean(&sim);
        }
    }
}

#[test]
fn results_that_nobody_wants_any_more_are_stopped() {
    let plan = plan("p", vec![task("a").judged(1, 2).critics(&["S-012", "S-013"])]);
    for retry in [true, false] {
        let mut sim = Sim::calm(&plan);
        script(&mut sim, "a", Step::Review("S-012".into()), &[Play::Exit(1); 3]);
        script(&mut sim, "a", Step::Review("S-013".into()), &[Play::Hang]);
        assert!(sim.run_until(|s| matches!(s.tasks[0].stage, TaskStage::Held(_))));
        assert_eq!(sim.state().live.len(), 1);
        if retry {
            sim.command(Command::retry("a")).expect("it is held");
        } else {
            give_up(&mut sim, "A-001").expect("it is asked");
        }
        assert!(sim.state().live.values().all(|l| l.stopping == Some(StopWhy::Superseded) || retry));
        sim.run();
        let superseded = |e: &&Event| {
            matches!(e.kind, EventKind::AttemptEnded { end: AttemptEnd::Stopped(StopWhy::Superseded), .. })
        };
        assert_eq!(events(&sim).filter(superseded).count(), 1);
        clean(&sim);
    }
}

#[test]
fn each_report_a_second_time_changes_nothing() {
    let plan = two_way((2, 3)).approved_barriers();
    let (sim, _) = played(&plan, |sim| {
        for each in &plan.tasks {
            sim.world.profiles.insert(each.id.clone(), Profile::scores(&[9_000, 9_500]));
        }
    });
    let mut state = State::new(sim.graph().clone());
    let mut told: Vec<Input> = Vec::new();
    for record in &sim.disk.records {
        fold(&mut state, record.seq, &record.events).expect("its own journal");
        if matches!(record.cause, Input::Reported(_)) {
            told.push(record.cause.clone());
        }
        // Every report so far, once more.
        for again in &told {
            let mut copy = state.clone();
            let brought = step(&mut copy, again, state.now).expect("no command");
            assert!(brought.is_empty(), "record {}: {again:?} brought {brought:?}", record.seq);
        }
    }
    assert!(told.len() > 60);
}

#[test]
fn a_corrupt_journal_is_told_from_a_good_one() {
    let (sim, _) = played(&two_way((1, 2)), |_| ());
    let records = &sim.disk.records;
    let folded = |order: &[usize]| {
        let mut state = State::new(sim.graph().clone());
        order.iter().try_for_each(|n| fold(&mut state, records[*n].seq, &records[*n].events))
    };
    let all: Vec<usize> = (0..records.len()).collect();
    assert_eq!(folded(&all), Ok(()));
    for n in 1..records.len() {
        let mut swapped = all.clone();
        swapped.swap(n - 1, n);
        assert!(folded(&swapped).is_err(), "records {n} and {} swapped", n + 1);
        let mut doubled = all.clone();
        doubled.insert(n, n);
        assert!(folded(&doubled).is_err(), "record {} twice", n + 1);
    }
    // The same facts under a right number: no attempt starts twice, nothing is accepted twice.
    for record in records {
        let telling = |e: &&Event| {
            matches!(
                e.kind,
                EventKind::AttemptStarting { .. }
                    | EventKind::TaskAccepted { .. }
                    | EventKind::ApprovalGiven { .. }
            )
        };
        for event in record.events.iter().filter(telling) {
            let mut state = State::new(sim.graph().clone());
            for before in records.iter().take(record.seq as usize) {
                fold(&mut state, before.seq, &before.events).expect("its own journal");
            }
            let again = Event { at: state.now, kind: event.kind.clone() };
            assert!(evolve(&mut state, &again).is_err(), "twice: {event:?}");
        }
    }
}

#[test]
fn no_text_makes_an_event_too_large() {
    let long = "very long, very ".repeat(2_000);
    let mut sim =
        Sim::calm(&plan("p", vec![task("a").judged(1, 2).approved(), task("b").outside(&"x".repeat(300))]));
    sim.options.approve_all = false;
    sim.world.failing.insert("candidate/a".into(), 1);
    sim.run();
    for _ in 0..2 {
        for id in open(&sim) {
            let _ = reject(&mut sim, &id, &long);
        }
        sim.run();
    }
    sim.command(Command::Cancel).expect("it runs");
    sim.run();
    clean(&sim);
}

#[test]
fn time_never_goes_back() {
    let mut sim = Sim::calm(&chain(1));
    sim.step().expect("no crash");
    let before = sim.state().now;
    let mut state = sim.state().clone();
    let pause = Input::Command { by: "ann".into(), via: "inbox".into(), command: Command::Pause };
    let events = step(&mut state, &pause, Timestamp(5)).expect("it runs");
    assert!(events.iter().all(|e| e.at == before) && state.now == before);
}
