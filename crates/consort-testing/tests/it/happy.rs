//! Whole plans, undisturbed.

use consort_core::run::RunStatus;
use consort_testing::plans::{chain, fan, overlapping, seed_plan, two_way};
use consort_testing::sim::{End, Profile, Sim};

fn checkpoints(sim: &Sim) -> Vec<String> {
    let shown = sim.state().checkpoints.iter().map(|c| {
        format!(
            "{} {} {}{}",
            c.id,
            serde_json::to_value(c.trigger).unwrap(),
            c.subject,
            if c.last { " last" } else { "" }
        )
    });
    shown.collect()
}

#[test]
fn the_seed_runs_to_its_end() {
    let plan = seed_plan();
    let mut sim = Sim::calm(&plan);
    sim.options.absent = vec!["PLAN.md".into()];
    for task in &plan.tasks {
        sim.world.profiles.insert(task.id.clone(), Profile::scores(&[9_100, 9_300]));
    }
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    let state = sim.state();
    assert!(state.tasks.iter().all(|t| t.accepted().is_some() && t.iteration == 3));
    assert_eq!(
        checkpoints(&sim),
        [
            "CP-001 \"PHASE_COMPLETE\" phase 1",
            "CP-002 \"BARRIER_COMPLETE\" barrier-1",
            "CP-003 \"PHASE_COMPLETE\" phase 2",
            "CP-004 \"BARRIER_COMPLETE\" barrier-2",
            "CP-005 \"PHASE_COMPLETE\" phase 3 last",
        ]
    );
}

#[test]
fn small_plans_run_to_their_ends() {
    for plan in [chain(4), fan(5), two_way((2, 5)), overlapping()] {
        let mut sim = Sim::calm(&plan);
        let end = sim.run();
        let open: Vec<_> = sim.state().open_approvals().collect();
        assert_eq!(end, End::Over(RunStatus::Complete), "{}: {open:#?}", plan.workflow.id);
    }
}
