//! The crash drill: killed before and after every append and every effect.

use super::driver::Sim;
use crate::audit::{Violation, promises_of};
use consort_core::plan::Plan;
use consort_core::run::{CheckpointTrigger, RunStatus, State, TaskStage};
use std::collections::BTreeMap;

/// Of one task: whether it is accepted, in which round, with which composite, and what.
pub type TaskSummary = (bool, u32, Option<u32>, Vec<(String, String)>);

/// What a crash must not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How it ended.
    pub status: RunStatus,
    /// By task: whether it is accepted, in which round, with which composite, and what.
    pub tasks: BTreeMap<String, TaskSummary>,
    /// Checkpoints: trigger and subject, in order where there is one.
    pub checkpoints: Vec<(String, String)>,
}

/// What a crash must not change, of this state. `ordered`: checkpoints are compared in order.
pub fn summary(state: &State, ordered: bool) -> Summary {
    let task = |ix: usize| {
        let it = &state.tasks[ix];
        let artifacts = it.accepted().into_iter().flat_map(|c| &c.artifacts);
        let artifacts = artifacts.map(|a| (a.path.clone(), a.hash.to_string())).collect();
        let accepted = it.stage == TaskStage::Accepted;
        (
            state.graph.task(ix).id.to_string(),
            (accepted, it.iteration, it.composite().map(|c| c.units()), artifacts),
        )
    };
    let trigger = |t: CheckpointTrigger| format!("{t:?}");
    let mut checkpoints: Vec<_> =
        state.checkpoints.iter().map(|c| (trigger(c.trigger), c.subject.clone())).collect();
    if !ordered {
        checkpoints.sort();
    }
    Summary { status: state.status, tasks: (0..state.tasks.len()).map(task).collect(), checkpoints }
}

/// Runs the plan undisturbed; before each of its steps forks as many runs as the step has
/// places where it can be killed, kills each there, and compares how it ends. `reboot`: the
/// machine goes down with the runner. Returns how many places there were.
///
/// # Errors
/// The first place at which the end differs, or the auditor finds something.
pub fn drill(plan: &Plan, ordered: bool, reboot: bool, prepare: impl Fn(&mut Sim)) -> Result<u64, String> {
    let mut calm = Sim::calm(plan);
    prepare(&mut calm);
    let mut undisturbed = calm.fork();
    let end = undisturbed.run();
    clean(plan, &undisturbed).map_err(|v| format!("undisturbed: {v}"))?;
    let expected = summary(undisturbed.state(), ordered);
    calm.compares = false;
    loop {
        let mut ahead = calm.fork();
        let ended = ahead.step() == Ok(Some(end.clone()));
        for n in calm.disk.sites + 1..=ahead.disk.sites {
            let mut killed = calm.fork();
            killed.disk.crash_at = Some(n);
            if killed.step().is_ok() {
                return Err(format!("place {n} was not reached"));
            }
            killed.crash();
            if reboot {
                killed.world.reboot();
            }
            let ended = killed.run();
            clean(plan, &killed).map_err(|v| format!("killed at {n}: {v}"))?;
            let got = summary(killed.state(), ordered);
            if ended != end || got != expected {
                return Err(format!("killed at {n}: {ended:?} {got:#?}\ninstead of {end:?} {expected:#?}"));
            }
        }
        calm = ahead;
        if ended {
            return Ok(calm.disk.sites);
        }
    }
}

fn clean(plan: &Plan, sim: &Sim) -> Result<(), String> {
    let known = &sim.disk.plans;
    let found: Vec<Violation> = promises_of((plan, known), None, &sim.disk.records, Some(&sim.world.seen()));
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    if shown.is_empty() { Ok(()) } else { Err(shown.join("\n")) }
}
