//! What could let several go beyond a budget together: estimates from too little, work that nobody reserved,
//! runs beside this one that are seen no more.

use super::budgets::{daily, most_live, spend, talked, told, uses};
use super::*;
use consort_core::plan::{Budget, Price, PromptBy, Runtime, Task, Then};
use consort_testing::plans::{PlanExt, TaskExt, plan, task};

#[test]
fn a_first_one_that_failed_early_is_no_estimate_for_the_others() {
    let all = ["a", "b", "c", "d", "e", "f"];
    let mut plan = plan("p", all.map(talked).into()).at_once(6);
    plan.limits.budget.micro_usd_max = Some(4_500);
    let (sim, end) = played(&plan, |sim| {
        script(sim, "a", Step::Create, &[Play::Fails(FailureClass::Retry)]);
        all.iter().for_each(|task| spend(sim, task, &[uses(1_000), uses(1_000)]));
        spend(sim, "a", &[uses(10), uses(1_000)]);
    });
    assert_eq!(end, End::Waiting);
    assert!(sim.state().used.micro_usd <= 4_500, "{}", sim.state().used.micro_usd);
    // What it used counts all the same.
    assert_eq!((sim.state().used.micro_usd, most_live(&sim)), (4_010, 3));
}

#[test]
fn the_work_of_many_in_a_pipeline_does_not_overshoot_together() {
    // Each attempt works 10 ms here.
    let fan = || (0..6).map(|n| talked(&format!("t{n}")).at("x", 1)).collect::<Vec<_>>();
    for (budget, at_once, done) in [(None, 6, 6), (Some(1_000), 5, 6), (Some(25), 2, 3), (Some(5), 1, 1)] {
        let mut plan = plan("p", fan()).at_once(6);
        if budget.is_some() {
            let budget = Budget { wall_ms_max: budget, then: Then::Ask, ..Budget::default() };
            plan.limits.shares.pipelines.insert("x".into(), budget);
        }
        let (sim, _) = played(&plan, |_| ());
        assert_eq!((most_live(&sim), sim.state().used.done), (at_once, done), "{budget:?}");
        // One that may start while some time is left can go beyond, and no second one with it.
        assert!(budget.is_none_or(|max| sim.state().used.wall_ms < max + 10), "{budget:?}");
    }
}

#[test]
fn what_other_runs_used_stays_used_where_it_is_seen_no_more() {
    let mut sim = Sim::calm(&daily(4, Then::Ask));
    assert!(sim.run_until(|s| s.used.done == 1));
    let today = sim.state().now.day();
    assert!(told(&mut sim, today, 2));
    assert!(!told(&mut sim, today, 0), "their journals are gone, and nothing is known that is new");
    let spent = Spent { agent_calls: 1, tokens: 7, ..Spent::default() };
    assert!(
        sim.input(&Input::Elsewhere { day: today, spent, unread: Vec::new(), reserved: Default::default() })
            .expect("no command")
    );
    assert_eq!(sim.state().elsewhere, Some((today, Spent { agent_calls: 2, ..spent })), "amount by amount");
    let unread = vec!["broken".to_owned()];
    assert!(
        sim.input(&Input::Elsewhere { day: today, spent, unread, reserved: Default::default() })
            .expect("no command"),
        "it is named"
    );
    assert_eq!(sim.state().elsewhere, Some((today, Spent { agent_calls: 2, ..spent })));
    clean(&sim);
}

#[test]
fn a_run_is_counted_by_others_as_it_counts_itself() {
    let program = |id: &str, price: Price| -> Task {
        let mut task = task(id);
        task.creator.runtime = Runtime::Command { argv: vec!["x".into()], prompt: PromptBy::Stdin };
        task.creator.price = Some(price);
        task
    };
    let tasks = vec![
        program("free", Price::MicroUsd(0)),
        program("priced", Price::MicroUsd(500)),
        program("unknown", Price::Unknown),
        talked("told"),
    ];
    let mut plan = plan("p", tasks).at_once(1);
    // Two on the first day, two on the second one.
    plan.limits.shares.day = Budget { agent_calls_max: Some(2), ..Budget::default() };
    let (sim, end) = played(&plan, |sim| {
        spend(sim, "free", &[uses(None)]);
        spend(sim, "priced", &[uses(None)]);
        spend(sim, "unknown", &[Usage::default()]);
        spend(sim, "told", &[uses(70)]);
    });
    assert_eq!(end, End::Over(RunStatus::Complete));
    let mut tally = Tally::default();
    sim.disk.records.iter().for_each(|record| tally.take(sim.graph(), &record.events));
    let first = sim.state().started_at.day();
    let (yesterday, today) = (tally.on_day(first), tally.on_day(first + 1));
    assert_eq!((yesterday.agent_calls, yesterday.micro_usd, yesterday.unknown_cost), (2, 500, 0));
    assert_eq!((today.agent_calls, today.micro_usd, today.unknown_cost), (2, 70, 1));
    assert_eq!(sim.state().today, Some((first + 1, today)));
    assert_eq!(tally.on_day(first + 2), Spent::default());
}
