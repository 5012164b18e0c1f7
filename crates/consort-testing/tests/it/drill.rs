//! Killed before and after every append and every effect, each plan ends as if it had not been.

use consort_core::plan::Plan;
use consort_testing::plans::{PlanExt, TaskExt, chain, fan, overlapping, plan, seed_plan, task, two_way};
use consort_testing::sim::{Profile, Quota, Sim, drill};

fn prepare(sim: &mut Sim) {
    sim.options.absent = vec!["PLAN.md".into()];
    let tasks = sim.graph().plan.tasks.clone();
    for task in tasks {
        sim.world.profiles.insert(task.id, Profile::scores(&[9_100, 9_300]));
    }
}

/// `CONSORT_DRILL=all` lets the machine go down with the runner everywhere.
fn drilled(plan: &Plan, ordered: bool) {
    let small = plan.tasks.len() < 9 || std::env::var("CONSORT_DRILL").is_ok();
    for reboot in [false, true].into_iter().take(1 + usize::from(small)) {
        let sites = drill(plan, ordered, reboot, prepare).unwrap_or_else(|wrong| panic!("{wrong}"));
        println!("{}: {sites} places, machine down: {reboot}", plan.workflow.id);
        assert!(sites > 20);
    }
}

#[test]
fn a_chain() {
    drilled(&chain(3), true);
}

#[test]
fn agents_that_share_a_quota_and_a_budget() {
    let capped = |id: &str| task(id).talked(0).pooled("vendor").capped(Some(1_000), Some(200));
    let tasks = vec![capped("a"), capped("b").needs(&["a"]), capped("c"), task("d").talked(0)];
    let mut plan = plan("thrifty", tasks).at_once(3);
    plan.limits.budget.micro_usd_max = Some(6_000);
    plan.limits.budget.tokens_max = Some(1_000);
    for reboot in [false, true] {
        let sites = drill(&plan, true, reboot, |sim| {
            let until = sim.world.now + 600_000;
            sim.world.quotas.insert("vendor".into(), Quota { until, told: reboot });
        });
        assert!(sites.unwrap_or_else(|wrong| panic!("{wrong}")) > 20);
    }
}

#[test]
fn a_fan() {
    drilled(&fan(4), true);
}

#[test]
fn overlapping_barriers() {
    drilled(&overlapping(), false);
}

#[test]
fn a_two_way_barrier() {
    drilled(&two_way((2, 4)), true);
}

#[test]
fn the_seed() {
    drilled(&seed_plan(), true);
}
