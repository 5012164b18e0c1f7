//! Back to a checkpoint: what holds then, what begins anew, what stays spent, and what may not be asked.

use super::*;
use consort_core::ids::CheckpointId;
use consort_core::plan::CheckpointFrequency;
use consort_testing::plans::{PlanExt, TaskExt, chain, plan, seed_plan, task, two_way};
use consort_testing::sim::{Profile, drill};

/// A checkpoint behind every task.
fn stations(mut plan: Plan) -> Plan {
    plan.checkpoints = CheckpointFrequency::Agent;
    plan
}

fn back(sim: &mut Sim, to: &str) -> Result<bool, Refusal> {
    let command = Command::Rollback { to: CheckpointId(to.into()), note: Some("it went astray".into()) };
    let said = sim.command(command);
    sim.settle_down().expect("nobody kills it");
    said
}

/// Of each task: generation and commit, if it is accepted.
fn accepted(sim: &Sim) -> Vec<String> {
    let tasks = sim.state().tasks.iter().enumerate();
    let shown = tasks.map(|(ix, it)| {
        let id = &sim.graph().task(ix).id;
        let at = it.accepted().map_or("-", |c| &c.revision.as_str()[..6]);
        format!("{id}.{} {at}", it.generation)
    });
    shown.collect()
}

fn generations(sim: &Sim) -> Vec<u32> {
    sim.state().tasks.iter().map(|it| it.generation).collect()
}

fn checkpoints(sim: &Sim) -> Vec<String> {
    let shown = sim.state().checkpoints.iter().map(|c| {
        let gone = if sim.state().is_abandoned(c.seq) { " abandoned" } else { "" };
        format!("{} {}{}{gone}", c.id, c.subject, if c.last { " last" } else { "" })
    });
    shown.collect()
}

#[test]
fn what_was_accepted_then_holds_and_the_rest_begins_anew() {
    let plan = stations(chain(3));
    let (mut sim, _) = played(&plan, |_| ());
    let (before, calls, attempts) =
        (accepted(&sim), sim.state().used.agent_calls, sim.state().tasks[2].attempts);
    back(&mut sim, "CP-001").expect("it is there");
    assert_eq!(sim.state().status, RunStatus::Active);
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
    let after = accepted(&sim);
    assert_eq!(after[0], before[0], "it was accepted by then");
    assert_eq!(generations(&sim), [1, 2, 2]);
    // Money stays spent, and numbers go on.
    assert!(sim.state().used.agent_calls > calls && sim.state().tasks[2].attempts > attempts);
    assert_eq!(
        checkpoints(&sim),
        [
            "CP-001 phase 1",
            "CP-002 phase 2 abandoned",
            "CP-003 phase 3 last abandoned",
            "CP-004 phase 2",
            "CP-005 phase 3 last"
        ]
    );
    let refs = &sim.world.refs;
    for name in ["task/t1--1", "abandoned/t2--1", "abandoned/t3--1", "task/t2--2", "task/t3--2"] {
        assert!(refs.contains_key(name), "{name}: {refs:?}");
    }
    assert!(!refs.contains_key("task/t2--1"));
}

#[test]
fn who_thinks_better_of_it_finds_everything_again() {
    let (mut sim, _) = played(&stations(chain(3)), |_| ());
    let before = accepted(&sim);
    back(&mut sim, "CP-001").expect("it is there");
    assert!(sim.run_until(|state| state.rollbacks[0].rewound && !state.live.is_empty()));
    back(&mut sim, "CP-002").expect("it is there although it was given up");
    assert!(sim.run_until(|state| state.rolling_back().is_none()));
    assert_eq!(accepted(&sim)[..2], before[..2]);
    assert!(sim.state().tasks[2].generation > 1);
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
    let gone: Vec<_> = checkpoints(&sim).into_iter().filter(|c| c.ends_with("abandoned")).collect();
    assert_eq!(gone, ["CP-003 phase 3 last abandoned"]);
    // To the very end of what was given up: nobody works for it.
    let calls = sim.state().used.agent_calls;
    back(&mut sim, "CP-003").expect("it is there");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    assert_eq!((accepted(&sim), sim.state().used.agent_calls), (before, calls));
    clean(&sim);
}

#[test]
fn whoever_is_alive_is_ended_first_and_nothing_starts_meanwhile() {
    let plan =
        stations(plan("p", vec![task("a"), task("b").judged(2, 3), task("c").judged(2, 3)]).at_once(3));
    let mut sim = Sim::calm(&plan);
    assert!(sim.run_until(|state| state.checkpoints.iter().any(|c| c.revision.is_some()) && state.live.len() == 2));
    back(&mut sim, "CP-001").expect("it is there");
    assert!(sim.state().live.values().all(|live| live.stopping == Some(StopWhy::Superseded)));
    let refused = sim.command(Command::Checkpoint).expect_err("not now");
    assert!(refused.to_string().contains("is being rolled back"), "{refused}");
    assert!(back(&mut sim, "CP-001").is_err());
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
    assert_eq!(generations(&sim), [1, 2, 2]);
    assert_eq!(count(&sim, "RolledBack"), 1);
}

#[test]
fn a_barrier_is_passed_again_in_another_set() {
    let plan = two_way((1, 3));
    let (mut sim, _) = played(&plan, |_| ());
    let at =
        sim.state().checkpoints.iter().find(|c| c.trigger == CheckpointTrigger::PhaseComplete).expect("one");
    let to = at.id.to_string();
    let before = sim.state().barriers[0].clone();
    back(&mut sim, &to).expect("it is there");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
    let after = &sim.state().barriers[0];
    assert!(after.set > before.set && after.completed_in > before.completed_in, "{before:?} {after:?}");
}

#[test]
fn answers_given_since_then_hold_no_more() {
    let plan = stations(plan("p", vec![task("a"), task("b").needs(&["a"]).outside("the key").approved()]));
    let mut sim = Sim::calm(&plan);
    sim.options.approve_all = false;
    sim.run_until(|state| state.checkpoints.iter().any(|c| c.revision.is_some()));
    assert_eq!(sim.run(), End::Waiting);
    sim.command(Command::approve("A-001", None)).expect("the key is there");
    assert_eq!(sim.run(), End::Waiting);
    assert_eq!(open(&sim), ["A-002"]);
    back(&mut sim, "CP-001").expect("it is there");
    assert_eq!(sim.run(), End::Waiting);
    assert!(sim.state().declared_inputs.is_empty());
    let asked: Vec<_> =
        sim.state().open_approvals().map(|(id, a)| (id.to_string(), a.kind.clone())).collect();
    assert_eq!(asked, [("A-003".into(), ApprovalKind::Input { name: "the key".into() })]);
    clean(&sim);
}

#[test]
fn what_cannot_be_gone_back_to_is_refused() {
    let plan = stations(chain(2));
    let mut sim = Sim::calm(&plan);
    sim.world.failing.insert("checkpoint/CP-001".into(), 1);
    assert!(sim.run_until(|state| !state.checkpoints.is_empty()));
    let text = |sim: &mut Sim, to: &str| back(sim, to).expect_err("refused").to_string();
    assert!(text(&mut sim, "CP-001").contains("has no commit"));
    assert!(text(&mut sim, "CP-009").contains("there is no checkpoint CP-009"));
    sim.command(Command::Cancel).expect("it lives");
    if !sim.state().is_over() {
        assert!(text(&mut sim, "CP-001").contains("being cancelled"));
    }
    assert_eq!(sim.run(), End::Over(RunStatus::Cancelled));
    // What was cancelled goes on from there.
    back(&mut sim, "CP-001").expect("it is there by now");
    assert_eq!(sim.run(), End::Over(RunStatus::Complete));
    clean(&sim);
}

#[test]
fn killed_anywhere_on_the_way_back_it_ends_the_same() {
    for (plan, ordered) in [(stations(chain(3)), true), (two_way((1, 3)), true), (seed_plan(), true)] {
        let places = drill(&plan, ordered, false, |sim| {
            sim.options.absent = vec!["PLAN.md".into()];
            sim.options.back_to = Some(CheckpointId("CP-001".into()));
            let tasks = sim.graph().plan.tasks.clone();
            tasks
                .into_iter()
                .for_each(|task| drop(sim.world.profiles.insert(task.id, Profile::scores(&[9_300]))));
        });
        let places =
            places.unwrap_or_else(|wrong| panic!("{}", wrong.chars().take(3_000).collect::<String>()));
        println!("{}: {places} places", plan.workflow.id);
    }
}
