//! A changed workflow for a living run: what stays, what begins anew, what is never lost.

use super::*;
use consort_core::ids::CheckpointId;
use consort_core::plan::CheckpointFrequency;
use consort_testing::plans::{PlanExt, TaskExt, chain, fan, plan, task, two_way};
use consort_testing::sim::drill;

fn stations(mut plan: Plan) -> Plan {
    plan.checkpoints = CheckpointFrequency::Agent;
    plan
}

/// The same plan with other words for a task.
fn reworded(plan: &Plan, id: &str) -> Plan {
    let mut plan = plan.clone();
    plan.tasks.iter_mut().filter(|task| task.id.as_str() == id).for_each(|task| task.text += ", shorter");
    plan
}

fn amend(sim: &mut Sim, hash: &str) -> Result<bool, Refusal> {
    let note = Some("shorter".into());
    let said = sim.command(Command::Amend { plan: hash.into(), source: None, absent: Vec::new(), note });
    sim.settle_down().expect("nobody kills it");
    said
}

fn generations(sim: &Sim) -> Vec<String> {
    let state = sim.state();
    let tasks = state.graph.plan.tasks.iter().zip(&state.tasks);
    tasks.map(|(task, it)| format!("{}.{}", task.id, it.generation)).collect()
}

#[test]
fn what_changed_and_what_rests_on_it_begins_anew_and_the_rest_stays() {
    let plan = stations(plan(
        "p",
        vec![task("a"), task("b").needs(&["a"]), task("c"), task("d").needs(&["b", "c"])],
    ));
    let mut sim = Sim::calm(&plan);
    sim.may_become("other", reworded(&plan, "b"));
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    let calls = sim.state().used.agent_calls;
    amend(&mut sim, "other").expect("it is another plan");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
    assert_eq!(generations(&sim), ["a.1", "b.2", "c.1", "d.2"]);
    assert_eq!(sim.state().used.agent_calls, calls + 2, "money stays spent, and nothing is paid twice");
    let refs = &sim.world.refs;
    for name in ["task/a--1", "abandoned/b--1", "abandoned/d--1", "task/b--2", "task/d--2"] {
        assert!(refs.contains_key(name), "{name}: {refs:?}");
    }
    // The same once more is nothing.
    let refused = amend(&mut sim, "other").expect_err("it is this plan").to_string();
    assert!(refused.contains("says the same"), "{refused}");
}

#[test]
fn each_branch_is_looked_at_alone() {
    let plan = plan("p", vec![task("a").judged(2, 3), task("b").judged(2, 3)]).at_once(2);
    let mut sim = Sim::calm(&plan);
    sim.may_become("other", reworded(&plan, "b"));
    assert!(sim.run_until(|state| state.live.len() == 2));
    let alive: Vec<String> = sim.state().live.keys().map(ToString::to_string).collect();
    amend(&mut sim, "other").expect("it is another plan");
    let stopping: Vec<_> = sim.state().live.iter().map(|(a, l)| (a.task.to_string(), l.stopping)).collect();
    assert_eq!(stopping, [("a".into(), None), ("b".into(), Some(StopWhy::Superseded))]);
    assert!(sim.run_until(|state| state.changes.len() == 1));
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
    assert_eq!(generations(&sim), ["a.1", "b.2"]);
    assert_eq!(count(&sim, "AttemptStopping"), 1, "of {alive:?}");
}

#[test]
fn a_task_less_and_a_task_more() {
    let first = stations(chain(2));
    let other =
        stations(plan("chain", vec![task("t1").at("line", 1), task("t3").at("line", 2).needs(&["t1"])]));
    let mut sim = Sim::calm(&first);
    sim.may_become("other", other);
    assert!(sim.run_until(|state| state.live.keys().any(|a| a.task.as_str() == "t2")));
    amend(&mut sim, "other").expect("it is another plan");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
    assert_eq!(generations(&sim), ["t1.1", "t3.1"]);
    // Numbers of a task that comes back are never given twice.
    sim.may_become("again", first.clone());
    amend(&mut sim, "again").expect("it is another plan");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
    assert_eq!(generations(&sim), ["t1.1", "t2.2"]);
    let attempts = steps(&sim, "t2");
    assert_eq!(attempts.len(), attempts.iter().collect::<std::collections::BTreeSet<_>>().len());
}

#[test]
fn a_rollback_finds_the_plan_of_then() {
    let first = stations(chain(3));
    let mut sim = Sim::calm(&first);
    sim.may_become("other", reworded(&first, "t2"));
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    let before: Vec<_> = sim.state().tasks.iter().map(|it| it.accepted().cloned()).collect();
    amend(&mut sim, "other").expect("it is another plan");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    let calls = sim.state().used.agent_calls;
    let to = CheckpointId("CP-003".into());
    sim.command(Command::Rollback { to, note: None }).expect("it is there");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
    let after: Vec<_> = sim.state().tasks.iter().map(|it| it.accepted().cloned()).collect();
    assert_eq!(after, before, "what the change gave up is found again");
    assert_eq!(sim.state().used.agent_calls, calls, "without any work");
    assert_eq!(sim.state().graph.plan, first);
}

#[test]
fn a_barrier_is_passed_again_when_what_it_carries_changes() {
    let first = two_way((1, 3));
    let mut sim = Sim::calm(&first);
    sim.may_become("other", reworded(&first, "a1"));
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    let before = sim.state().barriers[0].clone();
    amend(&mut sim, "other").expect("it is another plan");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
    assert!(sim.state().barriers[0].set > before.set);
    let stays: Vec<_> = generations(&sim).into_iter().filter(|g| g.ends_with(".1")).collect();
    assert_eq!(stays, ["b1.1", "meet_b-to-a.1"], "on the other way nothing changed");
}

#[test]
fn questions_about_what_is_given_up_are_moot_and_others_stay() {
    let first = plan("p", vec![task("a").approved(), task("b").approved()]);
    let mut sim = Sim::calm(&first);
    sim.options.approve_all = false;
    sim.may_become("other", reworded(&first, "a"));
    assert_eq!(sim.run(), End::Waiting);
    assert_eq!(open(&sim), ["A-001", "A-002"]);
    amend(&mut sim, "other").expect("it is another plan");
    assert_eq!(sim.run(), End::Waiting);
    assert_eq!(open(&sim), ["A-002", "A-003"]);
    let refused = approve(&mut sim, "A-001").expect_err("it is moot").to_string();
    assert!(refused.contains("changed the workflow"), "{refused}");
    approve(&mut sim, "A-002").expect("it stands");
    approve(&mut sim, "A-003").expect("it stands");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
}

#[test]
fn what_had_failed_begins_anew() {
    let first = plan("p", vec![task("a").judged(1, 1), task("b")]);
    let mut sim = Sim::calm(&first);
    sim.world.profiles.insert("a".into(), consort_testing::sim::Profile::scores(&[5_000]));
    assert_eq!(sim.run(), End::Waiting);
    give_up(&mut sim, "A-001").expect("it is asked");
    assert_eq!(sim.run(), End::Over(RunStatus::Failed));
    let mut other = first.clone();
    other.tasks[0].judged = false;
    sim.may_become("other", other);
    amend(&mut sim, "other").expect("it is another plan");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
    assert_eq!(generations(&sim), ["a.2", "b.1"]);
}

#[test]
fn what_cannot_be_is_refused() {
    let first = chain(2);
    let mut sim = Sim::calm(&first);
    let mut elsewhere = first.clone();
    elsewhere.workflow.id = "another".into();
    sim.may_become("elsewhere", elsewhere);
    sim.may_become("other", reworded(&first, "t2"));
    assert!(sim.run_until(|state| !state.live.is_empty()));
    let text = |sim: &mut Sim, hash: &str| amend(sim, hash).expect_err("refused").to_string();
    assert!(text(&mut sim, "nowhere").contains("not in the content store"));
    assert!(text(&mut sim, "elsewhere").contains("begins another one"));
    sim.command(Command::Cancel).expect("it lives");
    if !sim.state().is_over() {
        assert!(text(&mut sim, "other").contains("being cancelled"));
    }
    assert_eq!(sim.run(), End::Over(RunStatus::Cancelled));
    // What was cancelled goes on.
    amend(&mut sim, "other").expect("it is another plan");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
}

#[test]
fn killed_anywhere_on_the_way_it_ends_the_same() {
    for (first, changed) in [(stations(chain(3)), "t2"), (two_way((1, 3)), "a1"), (fan(3), "t1")] {
        let other = reworded(&first, changed);
        let places = drill(&first, false, false, |sim| {
            sim.may_become("other", other.clone());
            sim.options.amend_at_end = Some("other".into());
        });
        let places =
            places.unwrap_or_else(|wrong| panic!("{}", wrong.chars().take(3_000).collect::<String>()));
        println!("{}: {places} places", first.workflow.id);
    }
}
