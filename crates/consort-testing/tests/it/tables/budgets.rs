//! Budgets of the run and of its parts: what is reserved without a cap, what follows when one is used up.

use super::*;
use consort_core::plan::{Budget, Plan, Price, PromptBy, Runtime, Task, Then};
use consort_testing::plans::{PlanExt, TaskExt, plan, score, task};
use consort_testing::sim::People;

pub(super) fn talked(id: &str) -> Task {
    task(id).talked(0)
}

pub(super) fn uses(micro_usd: impl Into<Option<u64>>) -> Usage {
    Usage { tokens_in: 90, tokens_out: 10, micro_usd: micro_usd.into() }
}

pub(super) fn spend(sim: &mut Sim, task: &str, all: &[Usage]) {
    sim.world.spends.scripted.insert((task.into(), Step::Create), all.to_vec());
}

fn calls(max: u32, then: Then) -> Budget {
    Budget { agent_calls_max: Some(max), then, ..Budget::default() }
}

/// Most attempts alive at once.
pub(super) fn most_live(sim: &Sim) -> usize {
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

fn question(sim: &Sim, id: &str) -> String {
    sim.state().approvals[id].question.clone()
}

fn failed(sim: &Sim, task: &str) -> String {
    match stage(sim, task) {
        TaskStage::Failed(why) => why.clone(),
        other => panic!("{task} is {other:?}"),
    }
}

#[test]
fn a_fan_without_caps_reserves_what_the_largest_of_its_kind_used() {
    let fan = || (0..6).map(|n| talked(&format!("t{n}"))).collect::<Vec<_>>();
    // Budget in money, most at once, done before somebody is asked.
    let cases = [(None, 6, 6), (Some(100_000), 5, 6), (Some(3_500), 2, 3), (Some(1_000), 1, 1)];
    for (budget, at_once, done) in cases {
        let mut plan = plan("p", fan()).at_once(6);
        plan.limits.budget.micro_usd_max = budget;
        let (sim, _) = played(&plan, |_| ());
        assert_eq!((most_live(&sim), sim.state().used.done), (at_once, done), "{budget:?}");
        assert!(budget.is_none_or(|max| sim.state().used.micro_usd <= max));
    }
    // Whose budgets are their own do not wait for one another.
    let mut plan = plan("p", fan()).at_once(6);
    for n in 0..6 {
        let own = Budget { tokens_max: Some(500), ..Budget::default() };
        plan.limits.shares.tasks.insert(format!("t{n}").as_str().into(), own);
    }
    let (sim, end) = played(&plan, |_| ());
    assert_eq!((end, most_live(&sim)), (End::Over(RunStatus::Complete), 6));
}

#[test]
fn a_first_one_that_did_nothing_tells_nothing() {
    let mut plan = plan("p", vec![talked("a"), talked("b"), talked("c"), talked("d")]).at_once(3);
    plan.limits.budget.micro_usd_max = Some(5_000);
    let nothing = Usage { tokens_in: 0, tokens_out: 0, micro_usd: Some(0) };
    let (sim, end) = played(&plan, |sim| {
        script(sim, "a", Step::Create, &[Play::Fails(FailureClass::Retry)]);
        spend(sim, "a", &[nothing]);
    });
    assert_eq!((end, most_live(&sim)), (End::Over(RunStatus::Complete), 2));
    let order: Vec<&str> = sim.world.ledger.iter().map(|s| s.attempt.task.as_str()).collect();
    assert_eq!(order[..2], ["a", "b"], "{order:?}");
}

#[test]
fn a_price_by_call_is_known_before_and_counts_where_nothing_is_reported() {
    let program = Runtime::Command { argv: vec!["x".into()], prompt: PromptBy::Stdin };
    let mut tasks: Vec<Task> = (0..4).map(|n| task(&format!("t{n}"))).collect();
    for task in &mut tasks {
        task.creator.runtime = program.clone();
        task.creator.price = Some(Price::MicroUsd(1_000));
    }
    let mut plan = plan("p", tasks).at_once(4);
    plan.limits.budget.micro_usd_max = Some(3_000);
    let (sim, end) = played(&plan, |sim| (0..4).for_each(|n| spend(sim, &format!("t{n}"), &[uses(None)])));
    assert_eq!((end, most_live(&sim)), (End::Waiting, 3));
    assert_eq!((sim.state().used.micro_usd, sim.state().used.unknown_cost), (3_000, 0));
}

/// Two tasks of three rounds each; one has a budget of its own.
fn parted(budget: Budget) -> Plan {
    let judged = |id: &str| talked(id).judged(3, 4).critics(&["S-007"]);
    let mut plan = plan("p", vec![judged("a"), judged("b")]);
    plan.limits.shares.tasks.insert("a".into(), budget);
    plan
}

#[test]
fn a_tasks_budget_is_asked_about_and_the_others_go_on() {
    for (yes, end) in [(true, RunStatus::Complete), (false, RunStatus::Failed)] {
        let (mut sim, first) = played(&parted(calls(4, Then::Ask)), |_| ());
        assert_eq!((first, open(&sim).len()), (End::Waiting, 1));
        assert_eq!(*stage(&sim, "b"), TaskStage::Accepted);
        assert_eq!(steps(&sim, "a").len(), 4);
        let asked = question(&sim, "A-001");
        assert!(
            asked.starts_with("the budget agent_calls of task a is used up (4 of 4): approve"),
            "{asked}"
        );
        if yes {
            approve(&mut sim, "A-001").expect("it is asked");
            assert_eq!(sim.state().raised["task/a/agent_calls"], 8);
            assert!(steps(&sim, "b").len() > 4, "the other one has no limit");
        } else {
            reject(&mut sim, "A-001", "too dear").expect("it is asked");
            assert!(failed(&sim, "a").contains("no more, by ann: too dear"), "{}", failed(&sim, "a"));
        }
        assert_eq!(sim.run(), End::Over(end), "{:?}", open(&sim));
        clean(&sim);
    }
}

#[test]
fn a_tasks_budget_that_stops_gives_it_up_and_a_retry_raises_it() {
    let mut plan = parted(calls(4, Then::Stop));
    plan.tasks[1] = talked("b").approved();
    let mut sim = Sim::calm(&plan);
    sim.options.approve_all = false;
    assert_eq!(sim.run(), End::Waiting);
    assert_eq!(open(&sim), ["A-001"], "b is asked about, a is not");
    let why = failed(&sim, "a");
    assert!(why.starts_with("the budget agent_calls of task a is used up (4 of 4)"), "{why}");
    assert!(why.contains("consort retry"), "{why}");
    sim.command(Command::retry("a")).expect("it was given up");
    assert_eq!(sim.state().raised["task/a/agent_calls"], 8);
    assert_eq!(sim.run(), End::Waiting);
    assert!(steps(&sim, "a").len() > 4);
    approve(&mut sim, "A-001").expect("it is asked");
    sim.people = People::kind();
    sim.run();
    clean(&sim);
}

#[test]
fn a_pipelines_budget_counts_all_its_tasks_and_ends_no_other() {
    let mut plan = plan(
        "p",
        vec![
            talked("a").at("x", 1),
            talked("b").at("x", 1),
            talked("c").at("x", 2).needs(&["a", "b"]),
            talked("d").at("y", 1),
            talked("e").at("y", 2).needs(&["d"]),
        ],
    );
    for (then, max, accepted) in
        [(Then::Stop, 2_000, "abde"), (Then::Stop, 1_000, "ade"), (Then::Ask, 2_000, "abde")]
    {
        let budget = Budget { micro_usd_max: Some(max), then, ..Budget::default() };
        plan.limits.shares.pipelines.insert("x".into(), budget);
        let (mut sim, end) = played(&plan, |_| ());
        let done: String = ["a", "b", "c", "d", "e"]
            .into_iter()
            .filter(|t| *stage(&sim, t) == TaskStage::Accepted)
            .collect();
        assert_eq!(done, accepted, "{then:?} {max}");
        if then == Then::Stop {
            assert_eq!(end, End::Over(RunStatus::Failed));
            assert!(failed(&sim, "c").contains("of pipeline x"), "{}", failed(&sim, "c"));
            continue;
        }
        assert_eq!(end, End::Waiting);
        assert!(question(&sim, "A-001").contains("reject gives up what is left of pipeline x"));
        reject(&mut sim, "A-001", "enough").expect("it is asked");
        assert_eq!(sim.run(), End::Over(RunStatus::Failed));
        assert_eq!(sim.state().approvals.len(), 1, "who said no is not asked again");
        clean(&sim);
    }
}

#[test]
fn a_run_that_stops_brings_what_it_began_to_its_end() {
    for kill in [false, true] {
        let mut plan = plan("p", (0..5).map(|n| talked(&format!("t{n}"))).collect()).at_once(2);
        plan.limits.budget = calls(3, Then::Stop);
        let mut sim = Sim::calm(&plan);
        if kill {
            assert!(sim.run_until(|s| s.stopped.is_some()));
            sim.settle_down().expect("no crash");
            sim.crash();
        }
        assert_eq!(sim.run(), End::Over(RunStatus::Failed));
        let state = sim.state();
        assert_eq!((state.used.agent_calls, state.used.done), (3, 3));
        assert_eq!(state.tasks.iter().filter(|t| t.stage == TaskStage::Accepted).count(), 3);
        assert_eq!((state.stopped.as_deref(), state.approvals.len()), (Some("agent_calls"), 0));
        clean(&sim);
    }
}

#[test]
fn what_is_nearly_used_up_is_told_once_for_each_limit() {
    let mut plan = plan("p", (0..10).map(|n| talked(&format!("t{n}"))).collect()).at_once(1);
    plan.limits.budget = Budget { warn_at: Some(score(5_000)), ..calls(4, Then::Ask) };
    plan.limits.budget.tokens_max = Some(1_000_000);
    plan.limits.shares.tasks.insert("t0".into(), Budget { warn_at: Some(score(100)), ..calls(9, Then::Ask) });
    let (mut sim, end) = played(&plan, |_| ());
    let told = |sim: &Sim| -> Vec<(String, u64, u64)> {
        let all = events(sim).filter_map(|e| match &e.kind {
            EventKind::BudgetWarned { limit, used, max } => Some((limit.clone(), *used, *max)),
            _ => None,
        });
        all.collect()
    };
    assert_eq!(end, End::Waiting);
    assert_eq!(told(&sim), [("agent_calls".to_owned(), 2, 4)]);
    // It stands in every status for as long as it is so.
    let near = |sim: &Sim| nearly_used_up(sim.state());
    let of_task = ("task/t0/agent_calls".to_owned(), 1, 9);
    assert_eq!(near(&sim), [("agent_calls".to_owned(), 4, 4), of_task.clone()]);
    let view = consort_core::view::model::run_view(sim.state());
    let text = consort_core::view::status_text(&view, sim.state().now, 100, true);
    assert!(text.contains("the budget agent_calls: 4 of 4 are used up"), "{text}");
    let screen = consort_core::view::live::screen(&view, sim.state().now, 100, 30, true, false);
    let shown: Vec<String> = screen.iter().map(|line| line.text()).collect();
    assert_eq!(
        shown[2..4],
        [
            "the budget agent_calls: 4 of 4 are used up",
            "the budget agent_calls of task t0: 1 of 9 are used up"
        ]
    );
    approve(&mut sim, "A-001").expect("it is asked");
    sim.run();
    assert_eq!(told(&sim)[1..], [("agent_calls".to_owned(), 4, 8)], "for the raised limit again");
    clean(&sim);
}

#[test]
fn calls_of_unknown_cost_are_asked_about_once_where_money_is_limited() {
    let four = || vec![talked("a"), talked("b"), talked("c"), talked("d")];
    let unknown = |sim: &mut Sim| ["a", "b", "c", "d"].iter().for_each(|id| spend(sim, id, &[uses(None)]));
    let (sim, end) = played(&plan("p", four()), unknown);
    assert_eq!(
        (end, sim.state().used.unknown_cost),
        (End::Over(RunStatus::Complete), 4),
        "no limit, no question"
    );

    let paid = |then| {
        let mut plan = plan("p", four()).at_once(4);
        plan.limits.budget = Budget { micro_usd_max: Some(50_000), then, ..Budget::default() };
        plan
    };
    let (mut sim, end) = played(&paid(Then::Ask), unknown);
    assert_eq!((end, sim.state().used.agent_calls), (End::Waiting, 1), "one showed that nobody can say");
    let asked = question(&sim, "A-001");
    assert!(asked.contains("nobody knows what 1 call cost") && asked.contains("without counting"), "{asked}");
    approve(&mut sim, "A-001").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    assert_eq!((sim.state().approvals.len(), most_live(&sim)), (1, 3), "once, and the others side by side");
    clean(&sim);

    let (mut sim, _) = played(&paid(Then::Ask), unknown);
    reject(&mut sim, "A-001", "no").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Cancelled));
    let (sim, end) = played(&paid(Then::Stop), unknown);
    assert_eq!((end, sim.state().used.agent_calls), (End::Over(RunStatus::Failed), 1));
    assert_eq!(sim.state().stopped.as_deref(), Some("unknown_cost"));
}

#[test]
fn time_that_agents_work_is_counted_by_task() {
    // Each attempt works 10 ms here, and waiting is no work.
    let budget = Budget { wall_ms_max: Some(25), then: Then::Ask, ..Budget::default() };
    let (sim, end) = played(&parted(budget), |_| ());
    assert_eq!((end, steps(&sim, "a").len()), (End::Waiting, 3));
    assert!(question(&sim, "A-001").contains("the budget wall of task a is used up (30ms of 25ms)"));
}

/// Four tasks one after another, and so many calls a day.
pub(super) fn daily(max: u32, then: Then) -> Plan {
    let mut plan = plan("p", ["a", "b", "c", "d"].map(talked).into()).at_once(1);
    plan.limits.shares.day = calls(max, then);
    plan
}

fn days(sim: &Sim) -> Vec<i64> {
    let first = sim.state().started_at.day();
    let starts = events(sim).filter(|e| matches!(e.kind, EventKind::AttemptStarting { .. }));
    starts.map(|e| e.at.day() - first).collect()
}

pub(super) fn told(sim: &mut Sim, day: i64, agent_calls: u64) -> bool {
    let spent = Spent { agent_calls, ..Spent::default() };
    sim.input(&Input::Elsewhere { day, spent, unread: Vec::new(), reserved: Default::default() })
        .expect("no command")
}

#[test]
fn a_days_budget_is_asked_about_and_the_next_day_has_room_of_its_own() {
    let (sim, end) = played(&daily(2, Then::Ask), |_| ());
    assert_eq!((end, days(&sim)), (End::Over(RunStatus::Complete), vec![0, 0, 1, 1]));
    let asked = &sim.state().approvals["A-001"];
    assert!(asked.question.contains("agent_calls of all runs on 2026-02-20 (UTC) is used up (2 of 2)"));
    assert!(asked.void.as_deref().is_some_and(|why| why.contains("another day")), "{asked:?}");

    // Who does not want to wait until then says so, for that day.
    let mut sim = Sim::calm(&daily(2, Then::Ask));
    assert!(sim.run_until(|s| s.open_approvals().next().is_some()));
    approve(&mut sim, "A-001").expect("it is asked");
    assert_eq!((sim.run(), days(&sim)), (End::Over(RunStatus::Complete), vec![0; 4]));
    clean(&sim);

    let (sim, end) = played(&daily(3, Then::Stop), |_| ());
    assert_eq!((end, days(&sim)), (End::Over(RunStatus::Failed), vec![0; 3]));
}

#[test]
fn what_other_runs_used_counts_on_their_day() {
    let mut sim = Sim::calm(&daily(4, Then::Ask));
    assert!(sim.run_until(|s| s.used.done == 1));
    let today = sim.state().now.day();
    assert!(!told(&mut sim, today - 1, 3), "of another day");
    assert!(!told(&mut sim, today, 0), "nothing");
    assert!(told(&mut sim, today, 2));
    assert!(!told(&mut sim, today, 2), "no news");
    sim.settle_down().expect("no crash");
    sim.crash();
    assert_eq!(
        (sim.run(), days(&sim)),
        (End::Over(RunStatus::Complete), vec![0, 0, 1, 1]),
        "it is remembered"
    );
    clean(&sim);
}
