//! Killed before and after every append and every effect, each plan ends as if it had not been.

use consort_core::plan::Plan;
use consort_testing::plans::{chain, fan, overlapping, seed_plan, two_way};
use consort_testing::sim::{Profile, Sim, drill};

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
