//! Quotas that agents share, and budgets: who rests, who goes on meanwhile, and for whom there is room.

use super::*;
use consort_core::plan::{Plan, Task};
use consort_core::time::Timestamp;
use consort_testing::plans::{PlanExt, TaskExt, plan, task};
use consort_testing::sim::{Line, Quota};

const HOUR: u64 = 3_600_000;

fn talked(id: &str) -> Task {
    task(id).talked(0).timeout(HOUR)
}

/// Starts: task and minutes since the run began.
fn starts(sim: &Sim) -> Vec<(String, u64)> {
    let began = sim.state().started_at;
    let all = events(sim).filter_map(|e| match &e.kind {
        EventKind::AttemptStarting { attempt, .. } => {
            Some((attempt.task.to_string(), e.at.since_ms(began) / 60_000))
        }
        _ => None,
    });
    all.collect()
}

fn named(all: &[(String, u64)]) -> Vec<(&str, u64)> {
    all.iter().map(|(task, at)| (task.as_str(), *at)).collect()
}

/// Rests: pool, number, minutes it is to last.
fn rests(sim: &Sim) -> Vec<(String, u32, u64)> {
    let all = events(sim).filter_map(|e| match &e.kind {
        EventKind::PoolRested { pool, until, rests, .. } => {
            Some((pool.clone(), *rests, until.since_ms(e.at) / 60_000))
        }
        _ => None,
    });
    all.collect()
}

/// Its vendor gives nothing for so long.
fn closed(sim: &mut Sim, pool: &str, ms: u64, told: bool) {
    let until = Timestamp(sim.world.now).plus_ms(ms).0;
    sim.world.quotas.insert(pool.into(), Quota { until, told });
}

fn failures(sim: &Sim) -> Vec<u32> {
    let all = events(sim).filter_map(|e| match e.kind {
        EventKind::StepRetrying { failures, .. } => Some(failures),
        _ => None,
    });
    all.collect()
}

#[test]
fn a_pool_rests_together_and_others_go_on_meanwhile() {
    let tasks = ["a", "b", "c"].map(|id| talked(id).pooled("vendor"));
    let others = ["x", "y", "z"].map(|id| talked(id).pooled("other"));
    let plan = plan("p", tasks.into_iter().chain(others).collect()).at_once(2);
    let (sim, end) = played(&plan, |sim| closed(sim, "vendor", HOUR, true));
    assert_eq!(end, End::Over(RunStatus::Complete));
    let starts = starts(&sim);
    // Two of the pool were on their way; the third never ran into it.
    let order: String = starts.iter().map(|(task, _)| task.as_str()).collect();
    assert_eq!(order, "abxyzabc", "{starts:?}");
    assert!(starts[..5].iter().all(|(_, at)| *at < 1) && starts[5..].iter().all(|(_, at)| *at == 60));
    assert_eq!(failures(&sim), [0, 0], "nobody loses a try");
    assert_eq!(sim.state().pools.len(), 0, "all is well again");
}

#[test]
fn several_hits_of_one_rest_are_one() {
    let tasks = ["a", "b", "c", "d"].map(|id| talked(id).pooled("vendor"));
    let plan = plan("p", tasks.into()).at_once(4);
    let (sim, end) = played(&plan, |sim| closed(sim, "vendor", 10 * 60_000, false));
    assert_eq!(end, End::Over(RunStatus::Complete));
    // 1, 2, 4, 8 minutes: doubling with each time that it is looked at, not with each agent.
    let mut told: Vec<(u32, u64)> = rests(&sim).into_iter().map(|(_, n, minutes)| (n, minutes)).collect();
    told.dedup_by_key(|(n, _)| *n);
    assert_eq!(told, [(1, 1), (2, 2), (3, 4), (4, 8)]);
    assert!(failures(&sim).iter().all(|n| *n == 0), "{:?}", failures(&sim));
}

#[test]
fn a_vendors_time_counts_and_a_longer_one_counts_more() {
    let cases: [(&[Option<u64>], u64); 4] = [
        (&[Some(HOUR)], 60),
        // What lies behind us is looked at soon; what nobody knows after a minute.
        (&[Some(0)], 0),
        (&[None], 1),
        // Nobody's word is believed for longer than a week.
        (&[Some(1_000 * HOUR)], 7 * 24 * 60),
    ];
    for (said, minutes) in cases {
        let plays: Vec<Play> = said.iter().map(|ms| Play::Limited(*ms)).collect();
        let mut plan = plan("p", vec![talked("a").pooled("vendor")]);
        plan.limits.patience_ms = 2_000 * HOUR;
        let (sim, end) = played(&plan, |sim| script(sim, "a", Step::Create, &plays));
        assert_eq!(end, End::Over(RunStatus::Complete));
        assert_eq!(named(&starts(&sim))[1], ("a", minutes), "{said:?}");
    }
    // Of two that end at about the same time the one who knows of more counts.
    for told in [[HOUR, 2 * HOUR], [2 * HOUR, HOUR]] {
        let plan = plan("p", ["a", "b"].map(|id| talked(id).pooled("vendor")).into());
        let (sim, _) = played(&plan, |sim| {
            script(sim, "a", Step::Create, &[Play::Limited(Some(told[0]))]);
            script(sim, "b", Step::Create, &[Play::Limited(Some(told[1]))]);
        });
        assert_eq!(named(&starts(&sim))[2..].iter().map(|(_, at)| *at).min(), Some(120), "{told:?}");
    }
}

#[test]
fn a_runner_that_is_killed_meanwhile_lets_it_rest_on() {
    let tasks = ["a", "b"].map(|id| talked(id).pooled("vendor"));
    let plan = plan("p", tasks.into()).at_once(1);
    for closes in [false, true] {
        let mut sim = Sim::calm(&plan);
        closed(&mut sim, "vendor", HOUR, true);
        assert!(sim.run_until(|s| !s.pools.is_empty()));
        let until = sim.state().pools["vendor"].until;
        if closes {
            sim.input(&Input::Closing { why: "SIGTERM".into() }).expect("no command");
        }
        sim.settle_down().expect("no crash");
        sim.crash();
        assert!(sim.run_until(|s| !s.closing));
        assert_eq!(sim.state().pools["vendor"].until, until);
        let due = next_deadline(sim.state());
        assert_eq!(due.map(|(at, _)| at), Some(until), "it wakes by itself");
        assert_eq!(sim.run(), End::Over(RunStatus::Complete));
        assert_eq!(named(&starts(&sim)), [("a", 0), ("a", 60), ("b", 60)]);
        clean(&sim);
    }
}

#[test]
fn patience_is_used_up_once_and_then_a_person_decides() {
    let plan = plan("p", vec![talked("a").pooled("vendor"), talked("b").pooled("vendor")]).at_once(1);
    let (mut sim, end) = played(&plan, |sim| closed(sim, "vendor", 30 * HOUR, false));
    assert_eq!(end, End::Waiting);
    assert!(sim.state().now.since_ms(sim.state().started_at) / HOUR == 12, "{}", sim.state().now);
    let held = |sim: &Sim, id| {
        matches!(stage(sim, id), TaskStage::Held(HoldWhy::Agent { class: FailureClass::Limited(_), .. }))
    };
    assert!(held(&sim, "a") && held(&sim, "b"), "{:?}", open(&sim));
    // Who sends it on has patience again: the other one waits with it.
    sim.world.now += 6 * HOUR as i64;
    approve(&mut sim, "A-001").expect("it is asked");
    assert!(sim.run_until(|s| s.now.since_ms(s.started_at) > 29 * HOUR));
    assert!(matches!(stage(&sim, "a"), TaskStage::Working));
    approve(&mut sim, "A-002").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
    assert!(failures(&sim).iter().all(|n| *n == 0));
}

#[test]
fn what_a_machine_slept_through_is_no_patience() {
    let plan = plan("p", vec![talked("a").pooled("vendor")]);
    let mut sim = Sim::calm(&plan);
    closed(&mut sim, "vendor", 30 * HOUR, false);
    assert!(sim.run_until(|s| s.pools.get("vendor").is_some_and(|p| p.rests == 3)));
    let slept = 20 * HOUR;
    sim.world.now += slept as i64;
    sim.input(&Input::Suspended { for_ms: slept }).expect("no command");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete), "it waits on: {:?}", open(&sim));
    clean(&sim);
}

#[test]
fn what_a_living_agent_says_makes_others_rest() {
    for (said, waits) in [(Some(HOUR), 60), (Some(9_000), 0), (None, 0)] {
        let plan = plan("p", vec![talked("a").pooled("vendor"), talked("b").pooled("vendor"), talked("x")]);
        let mut sim = Sim::calm(&plan.at_once(1));
        sim.world.talks.scripted.insert(("a".into(), Step::Create), vec![vec![Line::Limited(said)]]);
        let end = sim.run();
        assert_eq!(end, End::Over(RunStatus::Complete));
        let when: std::collections::BTreeMap<String, u64> = starts(&sim).into_iter().collect();
        assert_eq!((when["a"], when["b"], when["x"]), (0, waits, 0), "{said:?}");
        assert_eq!(count(&sim, "PoolRested"), usize::from(waits > 0));
        clean(&sim);
    }
}

#[test]
fn who_falls_back_to_another_pool_goes_on_there() {
    let mut it = task("a").talked(1).pooled("vendor");
    it.creator.fallbacks[0].pool = Some("other".into());
    let plan = plan("p", vec![it, talked("b").pooled("vendor")]).at_once(1);
    let (sim, end) = played(&plan, |sim| {
        script(sim, "a", Step::Create, &[Play::Fails(FailureClass::OtherRuntime)]);
        script(sim, "b", Step::Create, &[Play::Limited(Some(HOUR))]);
    });
    assert_eq!(end, End::Over(RunStatus::Complete));
    let starts = starts(&sim);
    assert_eq!(starts.last().map(|(task, at)| (task.as_str(), *at)), Some(("b", 60)), "{starts:?}");
    assert!(starts.iter().filter(|(task, _)| task == "a").all(|(_, at)| *at == 0), "{starts:?}");
}

/// A budget in money.
fn paid(tasks: Vec<Task>, micro_usd: u64, at_once: u32) -> Plan {
    let mut plan = plan("p", tasks).at_once(at_once);
    plan.limits.budget.micro_usd_max = Some(micro_usd);
    plan
}

fn most_live(sim: &Sim) -> usize {
    let mut live = 0_usize;
    let counts = events(sim).map(|e| {
        match &e.kind {
            EventKind::AttemptStarting { .. } => live += 1,
            EventKind::AttemptEnded { .. } => live -= 1,
            _ => {}
        }
        live
    });
    counts.max().unwrap_or(0)
}

fn uses(micro_usd: u64) -> Usage {
    Usage { tokens_in: 1, tokens_out: 0, micro_usd: Some(micro_usd) }
}

fn spend(sim: &mut Sim, task: &str, all: &[u64]) {
    let all = all.iter().map(|n| uses(*n)).collect();
    sim.world.spends.scripted.insert((task.into(), Step::Create), all);
}

#[test]
fn a_fan_of_capped_agents_does_not_overshoot() {
    let fan = || (0..8).map(|n| talked(&format!("t{n}")).capped(Some(1_000), None)).collect::<Vec<_>>();
    // As many at once as there is room for, never more used than there is.
    for (budget, at_once, expected) in [(8_000, 8, 8), (4_000, 8, 4), (1_000, 8, 1), (3_999, 8, 3)] {
        let mut sim = Sim::calm(&paid(fan(), budget, at_once));
        (0..8).for_each(|n| spend(&mut sim, &format!("t{n}"), &[1_000]));
        let end = sim.run();
        assert_eq!(most_live(&sim), expected, "{budget}");
        assert!(sim.state().used.micro_usd <= budget);
        let done = budget / 1_000;
        assert_eq!(sim.state().used.done, done.min(8) as u32, "nothing is left unused: {budget}");
        assert_eq!(end == End::Waiting, budget < 8_000);
        clean(&sim);
    }
    // What they do not use of their caps is given to others: all are done.
    let (sim, end) = played(&paid(fan(), 1_700, 8), |sim| {
        (0..8).for_each(|n| spend(sim, &format!("t{n}"), &[100]));
    });
    assert_eq!((end, sim.state().used.micro_usd), (End::Over(RunStatus::Complete), 800));
}

#[test]
fn a_step_without_room_keeps_no_smaller_one_waiting_and_gets_its_turn() {
    let big = talked("big").capped(Some(5_500), None);
    let small = |id: &str| talked(id).capped(Some(500), None);
    let plan = paid(vec![small("a"), big, small("b"), small("c")], 5_900, 3);
    let (sim, end) = played(&plan, |sim| {
        ["a", "b", "c"].iter().for_each(|id| spend(sim, id, &[100]));
        spend(sim, "big", &[5_000]);
    });
    assert_eq!(end, End::Over(RunStatus::Complete));
    let order: Vec<String> = starts(&sim).into_iter().map(|(task, _)| task).collect();
    assert_eq!(order[..2], ["a", "b"], "{order:?}");
    assert!(order.contains(&"big".to_owned()) && order.len() == 4, "it has its turn: {order:?}");

    // It never fits: a person is asked, once, and everything else is done meanwhile.
    let big = talked("big").capped(Some(5_000), None);
    let plan = paid(vec![big, small("a"), small("b")], 2_000, 1);
    let (mut sim, end) = played(&plan, |_| ());
    assert_eq!((end, open(&sim).len()), (End::Waiting, 1));
    assert_eq!(sim.state().used.done, 2);
    let question = sim.state().approvals["A-001"].question.clone();
    assert!(question.contains("$0.005 (") || question.contains("may use up $0.005"), "{question}");
    for answered in 1..=3 {
        approve(&mut sim, &format!("A-00{answered}")).expect("it is asked");
        if sim.run() != End::Waiting {
            break;
        }
    }
    assert_eq!(*stage(&sim, "big"), TaskStage::Accepted);
    clean(&sim);
}

#[test]
fn what_was_used_is_counted_over_a_kill() {
    let tasks: Vec<Task> = (0..4).map(|n| talked(&format!("t{n}")).capped(Some(1_000), None)).collect();
    let plan = paid(tasks, 2_500, 2);
    for vanish in [false, true] {
        let mut sim = Sim::calm(&plan);
        let said = Line::Says(NoteKind::Used(uses(700)));
        sim.world.talks.scripted.insert(("t0".into(), Step::Create), vec![vec![said]]);
        spend(&mut sim, "t0", &[700]);
        assert!(sim.run_until(|s| s.live.values().any(|l| l.talk.used.micro_usd == Some(700))));
        sim.settle_down().expect("no crash");
        sim.crash();
        if vanish {
            sim.world.reboot();
        }
        let end = sim.run();
        assert!(sim.state().used.micro_usd >= 700, "what it said before it was gone is spent");
        assert!(sim.state().used.micro_usd <= 2_500);
        assert!(matches!(end, End::Waiting | End::Over(RunStatus::Complete)), "{end:?}");
        clean(&sim);
    }
}

#[test]
fn who_looks_meanwhile_sees_what_rests_until_when_and_why() {
    use consort_core::view::{model::run_view, status_text};
    let plan = plan("p", vec![talked("a").pooled("vendor")]);
    let mut sim = Sim::calm(&plan);
    closed(&mut sim, "vendor", HOUR, true);
    assert!(sim.run_until(|s| !s.pools.is_empty()));
    let text = |sim: &Sim| status_text(&run_view(sim.state()), sim.state().now, 100, false);
    let shown = text(&sim);
    let until = sim.state().pools["vendor"].until;
    assert!(shown.contains("the quota of vendor is used up: its agents rest until"), "{shown}");
    assert!(shown.contains(&until.to_string()) && shown.contains("é"), "{shown}");
    assert!(sim.run_until(|s| s.pools.values().all(|pool| pool.woke)));
    assert!(!text(&sim).contains("quota"), "{}", text(&sim));
}
