//! What runs of one repository share without knowing of each other: slots, quotas, what their agents may still use up.

use super::budgets::{most_live, spend, talked, uses};
use super::*;
use consort_core::plan::{Budget, Then};
use consort_core::time::Timestamp;
use consort_testing::plans::{PlanExt, TaskExt, plan};

/// A run that has begun, and of which nobody works yet.
fn begun(plan: &Plan) -> Sim {
    let mut sim = Sim::calm(plan);
    assert!(sim.run_until(|s| !s.closing) && sim.state().live.is_empty());
    sim
}

fn give(sim: &mut Sim, free: Option<u32>) -> bool {
    sim.input(&Input::Slots { free }).expect("no command")
}

fn starts(sim: &Sim) -> usize {
    events(sim).filter(|e| matches!(e.kind, EventKind::AttemptStarting { .. })).count()
}

#[test]
fn nobody_begins_without_a_slot_and_each_slot_is_for_one() {
    let plan = plan("p", ["a", "b", "c"].map(talked).into()).at_once(3);
    let mut sim = begun(&plan);
    assert!(give(&mut sim, Some(0)), "that there are none is on record");
    assert!(!give(&mut sim, Some(0)), "and told once");
    assert_eq!((sim.run(), starts(&sim)), (End::Waiting, 0));
    assert_eq!((slots_wanted(sim.state()), waits_for_others(sim.state())), (3, true));
    let waits = consort_core::view::waits::waits(sim.state());
    assert!(waits.len() == 3 && waits.iter().all(|wait| wait.reason == "slot"), "{waits:?}");
    assert!(give(&mut sim, Some(2)));
    let live = sim.state().live.len();
    assert_eq!((live, sim.state().slots, slots_wanted(sim.state())), (2, Some(0), 1));
    assert_eq!(
        (sim.run(), starts(&sim)),
        (End::Waiting, 2),
        "what they did does not give the slots back here"
    );
    assert!(give(&mut sim, None), "no such limit any more");
    assert_eq!((sim.run(), starts(&sim)), (End::Over(RunStatus::Complete), 3));
    assert!(!give(&mut sim, Some(1)), "what is over holds none");
    clean(&sim);
}

#[test]
fn the_plans_own_limit_holds_beside_that_of_all_runs() {
    let plan = plan("p", ["a", "b", "c"].map(talked).into()).at_once(1);
    let mut sim = begun(&plan);
    give(&mut sim, Some(0));
    sim.run();
    assert_eq!(slots_wanted(sim.state()), 1);
    give(&mut sim, Some(3));
    assert_eq!((sim.state().live.len(), sim.state().slots), (1, Some(2)));
    assert_eq!(slots_wanted(sim.state()), 0);
    sim.run();
    assert_eq!(most_live(&sim), 1);
    clean(&sim);
}

#[test]
fn what_can_never_begin_is_asked_about_although_there_is_no_slot() {
    let mut plan = plan("p", vec![talked("a")]);
    plan.limits.budget = Budget { agent_calls_max: Some(0), then: Then::Ask, ..Budget::default() };
    let mut sim = begun(&plan);
    give(&mut sim, Some(0));
    assert_eq!(sim.run(), End::Waiting);
    assert_eq!((sim.state().open_approvals().count(), slots_wanted(sim.state())), (1, 0));
    assert!(!waits_for_others(sim.state()), "a person is waited for");
}

fn rest(pool: &str, until: Timestamp) -> Input {
    Input::RestsElsewhere { rests: vec![Rest { pool: pool.into(), until, why: "run q: too much".into() }] }
}

#[test]
fn a_quota_that_another_run_used_up_rests_here_until_the_same_time() {
    let plan = plan("p", vec![talked("a").pooled("vendor"), talked("x").pooled("other")]).at_once(2);
    let mut sim = begun(&plan);
    let now = Timestamp(sim.world.now);
    let until = now.plus_ms(3_600_000);
    assert!(sim.input(&rest("vendor", until)).expect("no command"));
    assert!(!sim.input(&rest("vendor", until)).expect("no command"), "known");
    assert!(
        !sim.input(&rest("vendor", now.plus_ms(60_000))).expect("no command"),
        "shorter than what is known"
    );
    assert!(!sim.input(&rest("nobodys", until)).expect("no command"), "nobody here uses it");
    assert!(!sim.input(&rest("other", now)).expect("no command"), "over by now");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    let began = |task: &str| {
        let start = events(&sim).find(|e| {
            matches!(&e.kind, EventKind::AttemptStarting { attempt, .. } if attempt.task.as_str() == task)
        });
        start.expect("it began").at
    };
    assert!(began("a") >= until && began("x") < until);
    assert_eq!(count(&sim, "StepRetrying"), 0, "nobody ran into it here");
    clean(&sim);
}

#[test]
fn what_agents_of_other_runs_may_still_use_up_is_no_room_for_ours() {
    let mut plan = plan("p", ["a", "b"].map(talked).into()).at_once(1);
    plan.limits.shares.day = Budget { tokens_max: Some(10_000), then: Then::Ask, ..Budget::default() };
    let mut sim = begun(&plan);
    ["a", "b"].iter().for_each(|task| spend(&mut sim, task, &[uses(1_000)]));
    let day = Timestamp(sim.world.now).day();
    let told = |reserved| Input::Elsewhere { day, spent: Spent::default(), unread: Vec::new(), reserved };
    // Of one there nobody can say what it needs, as of ours: only one at a time.
    let unknown = Reserved { tokens_unknown: true, ..Reserved::default() };
    assert!(sim.input(&told(unknown)).expect("no command"));
    assert_eq!((sim.run(), starts(&sim)), (End::Waiting, 0));
    assert!(waits_for_others(sim.state()), "and nobody is asked");
    assert_eq!(sim.state().open_approvals().count(), 0);
    // All that is left may be needed there.
    assert!(sim.input(&told(Reserved { tokens: 10_000, ..Reserved::default() })).expect("no command"));
    assert_eq!((sim.run(), starts(&sim)), (End::Waiting, 0));
    assert!(sim.input(&told(Reserved::default())).expect("no command"), "they are through");
    assert_eq!((sim.run(), starts(&sim)), (End::Over(RunStatus::Complete), 2));
    clean(&sim);
}

#[test]
fn what_living_agents_may_use_up_is_told_to_others() {
    let mut sim = begun(&plan("p", ["a", "b"].map(talked).into()).at_once(1));
    ["a", "b"].iter().for_each(|task| spend(&mut sim, task, &[uses(1_000)]));
    assert_eq!(reserved_by(sim.state()), Reserved::default());
    assert!(sim.run_until(|s| !s.live.is_empty()));
    let first = reserved_by(sim.state());
    assert!(first.tokens_unknown && first.micro_usd_unknown, "{first:?}");
    assert!(sim.run_until(|s| s.used.done == 1 && !s.live.is_empty()));
    let second = reserved_by(sim.state());
    assert!(!second.micro_usd_unknown && second.micro_usd == 1_000, "as much as the first: {second:?}");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    assert_eq!(reserved_by(sim.state()), Reserved::default());
}
