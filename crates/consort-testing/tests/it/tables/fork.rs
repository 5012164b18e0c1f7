//! Another run from a checkpoint of this one: what it takes over, and what a changed plan makes it do anew.

use super::*;
use consort_core::ids::CheckpointId;
use consort_core::plan::CheckpointFrequency;
use consort_testing::audit::promises_after;
use consort_testing::plans::{TaskExt, chain, plan, seed_plan, task, two_way};
use consort_testing::sim::Profile;

fn stations(mut plan: Plan) -> Plan {
    plan.checkpoints = CheckpointFrequency::Agent;
    plan
}

/// The run from this checkpoint on, under this plan, to its end.
fn forked(from: &Sim, at: &str, plan: &Plan, prepare: impl FnOnce(&mut Sim)) -> Sim {
    let kept = kept_at(from.state(), &CheckpointId(at.into()), plan).expect("it is there");
    let mut sim = Sim::after(plan, kept.clone(), &from.world);
    prepare(&mut sim);
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    let found = promises_after(plan, Some(&kept), &sim.disk.records, Some(&sim.world.seen()));
    assert!(found.is_empty(), "{}", found.iter().map(|v| format!("\n{v}")).collect::<String>());
    sim
}

/// Tasks that somebody created anew.
fn made(sim: &Sim) -> Vec<String> {
    let mut made: Vec<String> = sim.world.ledger.iter().map(|s| s.attempt.task.to_string()).collect();
    made.dedup();
    made.sort();
    made.dedup();
    made
}

#[test]
fn what_was_accepted_is_taken_over_and_the_rest_is_made() {
    let plan = stations(chain(4));
    let (first, _) = played(&plan, |_| ());
    for (at, rest) in [("CP-001", 3), ("CP-002", 2), ("CP-003", 1), ("CP-004", 0)] {
        let sim = forked(&first, at, &plan, |_| ());
        assert_eq!(made(&sim).len(), rest, "{at}");
        for (before, after) in first.state().tasks.iter().zip(&sim.state().tasks) {
            let hash = |it: &TaskState| it.accepted().expect("it is").artifacts[0].hash.clone();
            assert_eq!(hash(before), hash(after), "{at}");
        }
        assert_eq!(sim.state().used.agent_calls as usize, sim.world.ledger.len(), "it pays for itself");
    }
}

#[test]
fn barriers_and_their_handoffs_are_taken_over_too() {
    for plan in [two_way((1, 3)), seed_plan()] {
        let prepare = |sim: &mut Sim| {
            sim.options.absent = vec!["PLAN.md".into()];
            let tasks = sim.graph().plan.tasks.clone();
            tasks
                .into_iter()
                .for_each(|task| drop(sim.world.profiles.insert(task.id, Profile::scores(&[9_300]))));
        };
        let (first, _) = played(&plan, prepare);
        for checkpoint in &first.state().checkpoints {
            let sim = forked(&first, checkpoint.id.as_str(), &plan, prepare);
            assert_eq!(sim.state().barriers.iter().filter(|b| b.stage != BarrierStage::Complete).count(), 0);
        }
        let last = first.state().checkpoints.last().expect("one").id.to_string();
        assert!(forked(&first, &last, &plan, prepare).world.ledger.is_empty());
    }
}

#[test]
fn what_is_otherwise_in_the_other_plan_is_made_anew_with_all_that_depends_on_it() {
    let tasks = || {
        vec![
            task("a"),
            task("b").needs(&["a"]).judged(1, 3),
            task("c").needs(&["b"]),
            task("d"),
            task("e").needs(&["d"]).outside("the key"),
        ]
    };
    let old = plan("p", tasks());
    let (first, _) = played(&old, |_| ());
    let last = first.state().checkpoints.last().expect("one").id.to_string();
    let with = |change: &dyn Fn(&mut Plan)| {
        let mut new = old.clone();
        change(&mut new);
        made(&forked(&first, &last, &new, |_| ()))
    };
    assert_eq!(with(&|_| ()), Vec::<String>::new());
    assert_eq!(with(&|new| new.tasks[1].text = "otherwise".into()), ["b", "c"]);
    assert_eq!(
        with(&|new| new.tasks[0].creator.env_set.insert("X".into(), "1".into()).map_or((), drop)),
        ["a", "b", "c"]
    );
    assert_eq!(with(&|new| new.tasks[1].threshold = consort_testing::plans::score(9_000)), ["b", "c"]);
    // What a result does not rest on.
    assert_eq!(with(&|new| new.limits.max_attempts = 7), Vec::<String>::new());
    assert_eq!(with(&|new| new.tasks[3].creator.timeout_ms = 1), Vec::<String>::new());
    // More and less to do.
    assert_eq!(with(&|new| drop(new.tasks.remove(2))), Vec::<String>::new());
    assert_eq!(with(&|new| new.tasks.push(task("f").needs(&["c"]))), ["f"]);
}
