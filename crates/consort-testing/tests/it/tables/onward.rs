//! The same run goes on from a checkpoint in another clone: what counts on, what is not given twice, what is made again.

use super::*;
use consort_core::ids::Revision;
use consort_core::plan::CheckpointFrequency;
use consort_testing::audit::promises_after;
use consort_testing::plans::{TaskExt, chain, plan, seed_plan, task, two_way};
use consort_testing::sim::Profile;
use std::collections::BTreeSet;

fn stations(mut plan: Plan) -> Plan {
    plan.checkpoints = CheckpointFrequency::Agent;
    plan
}

/// What the checkpoint of this number says, and the state that it was prepared from.
fn point(sim: &Sim, at: usize) -> (ResumePoint, State, Revision) {
    let checkpoint = &sim.state().checkpoints[at];
    let mut state = State::new(sim.graph().clone());
    for record in sim.disk.records.iter().filter(|record| record.seq <= checkpoint.seq) {
        fold(&mut state, record.seq, &record.events).expect("it is a journal");
    }
    let revision = checkpoint.revision.clone().expect("it was made");
    (resume_point(&state, "head").expect("a record prepares it"), state, revision)
}

/// The run from there on, in another clone, to its end.
fn elsewhere(sim: &Sim, at: usize, missing: &[&str], prepare: impl FnOnce(&mut Sim)) -> Sim {
    let plan = &sim.graph().plan;
    let (point, _, revision) = point(sim, at);
    let missing: BTreeSet<TaskId> = missing.iter().map(|id| TaskId::from(*id)).collect();
    // As it is written and read.
    let json = serde_json::to_vec(&point.kept(plan, revision, &missing)).expect("JSON");
    let kept: Kept = serde_json::from_slice(&json).expect("the same");
    let mut other = Sim::after(plan, kept.clone(), &sim.world);
    prepare(&mut other);
    assert_eq!(other.run(), End::Over(RunStatus::Complete));
    let found = promises_after(plan, Some(&kept), &other.disk.records, Some(&other.world.seen()));
    assert!(found.is_empty(), "{}", found.iter().map(|v| format!("\n{v}")).collect::<String>());
    other
}

fn hashes(sim: &Sim) -> Vec<String> {
    let accepted = sim.state().tasks.iter().map(|it| it.accepted().expect("it is"));
    accepted.flat_map(|it| it.artifacts.iter().map(|artifact| artifact.hash.to_string())).collect()
}

fn made(sim: &Sim) -> BTreeSet<String> {
    sim.world.ledger.iter().map(|spent| spent.attempt.task.to_string()).collect()
}

#[test]
fn it_ends_as_if_it_had_stayed_and_pays_once() {
    for plan in [stations(chain(4)), two_way((1, 3)), seed_plan()] {
        let prepare = |sim: &mut Sim| {
            sim.options.absent = vec!["PLAN.md".into()];
            let tasks = sim.graph().plan.tasks.clone();
            let calm = |task: consort_core::plan::Task| (task.id, Profile::scores(&[9_300]));
            sim.world.profiles.extend(tasks.into_iter().map(calm));
        };
        let (first, _) = played(&plan, prepare);
        for at in 0..first.state().checkpoints.len() {
            let (_, then, _) = point(&first, at);
            let other = elsewhere(&first, at, &[], prepare);
            assert_eq!(hashes(&other), hashes(&first), "checkpoint {at}");
            let used = &other.state().used;
            assert_eq!(used.agent_calls as usize, then.used.agent_calls as usize + other.world.ledger.len());
            // Numbers go on.
            let own: Vec<&str> = other.state().checkpoints.iter().map(|c| c.id.as_str()).collect();
            let right: Vec<String> = (1..=own.len()).map(|n| format!("CP-{n:03}")).collect();
            assert_eq!(own, right);
            assert!(then.approvals.keys().all(|id| other.state().approvals.contains_key(id)));
            for (before, after) in then.tasks.iter().zip(&other.state().tasks) {
                assert!(after.attempts >= before.attempts && after.generation >= before.generation);
            }
        }
    }
}

#[test]
fn what_was_begun_begins_anew_with_numbers_of_its_own() {
    let plan = stations(plan("p", vec![task("a"), task("b").judged(1, 3), task("c").needs(&["a"])]));
    let (first, _) = played(&plan, |_| ());
    for at in 0..first.state().checkpoints.len() {
        let (point, then, _) = point(&first, at);
        for (id, again) in &point.so_far.tasks {
            let ix = first.graph().ix(id).expect("it is there");
            assert!(again.generation > then.tasks[ix].generation && again.stage == TaskStage::Waiting);
            assert_eq!(again.attempts, then.tasks[ix].attempts);
        }
        let other = elsewhere(&first, at, &[], |_| ());
        assert_eq!(hashes(&other), hashes(&first));
    }
}

#[test]
fn what_did_not_come_along_is_made_again_with_all_that_rests_on_it() {
    let tasks = vec![task("a"), task("b").needs(&["a"]), task("c"), task("d").needs(&["c"])];
    let (first, _) = played(&stations(plan("p", tasks)), |_| ());
    let last = first.state().checkpoints.len() - 1;
    let other = elsewhere(&first, last, &["a"], |_| ());
    assert_eq!(made(&other), ["a".to_owned(), "b".to_owned()].into());
    assert_eq!(hashes(&other), hashes(&first));
    let of = |id: &str| &other.state().tasks[other.graph().ix(&id.into()).expect("it is")];
    assert_eq!((of("a").generation, of("b").generation, of("c").generation), (2, 2, 1));
    assert!(made(&elsewhere(&first, last, &[], |_| ())).is_empty());
}

#[test]
fn back_goes_as_far_as_the_one_that_it_came_with() {
    let (first, _) = played(&stations(chain(4)), |_| ());
    let mut other = elsewhere(&first, 1, &[], |_| ());
    let back = |to: &str| Command::Rollback { to: to.into(), note: None };
    let refusal = other.command(back("CP-001")).expect_err("what held then is not known");
    assert!(refusal.to_string().contains("made before the run came here"), "{refusal}");
    assert!(kept_at(other.state(), &"CP-001".into(), &other.graph().plan).is_none());
    other.command(back("CP-002")).expect("it is known");
    assert_eq!(other.run(), End::Over(RunStatus::Complete));
    assert_eq!(hashes(&other), hashes(&first));
}
