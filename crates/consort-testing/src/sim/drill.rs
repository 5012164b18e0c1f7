//! The crash drill: killed before and after every append and every effect.

use super::driver::{End, Sim};
use crate::audit::{Violation, audit};
use consort_core::plan::Plan;
use consort_core::run::{CheckpointTrigger, RunStatus, State, TaskStage};
use std::collections::BTreeMap;

/// What a crash must not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How it ended.
    pub status: RunStatus,
    /// By task: whether it is accepted, in which round, with which composite, and what.
    pub tasks: BTreeMap<String, (bool, u32, Option<u32>, Vec<(String, String)>)>,
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

/// Runs the plan undisturbed, then once for every place where it can be killed, and compares.
/// Returns how many places there were.
///
/// # Errors
/// The first place at which the end differs, or the auditor finds something.
pub fn drill(plan: &Plan, ordered: bool, reboot: bool, prepare: impl Fn(&mut Sim)) -> Result<u64, String> {
    let mut calm = Sim::calm(plan);
    prepare(&mut calm);
    let end = calm.run();
    clean(plan, &calm).map_err(|v| format!("undisturbed: {v:#?}"))?;
    let expected = summary(calm.state(), ordered);
    for n in 1.. {
        let mut sim = Sim::calm(plan);
        prepare(&mut sim);
        // The undisturbed run compared after every event; here the auditor's replay does.
        sim.compares = false;
        sim.disk.crash_at = Some(n);
        if reboot {
            sim.options.reboot = 1_000;
        }
        let (ended, died) = run_once(&mut sim, reboot);
        if !died {
            return Ok(n - 1);
        }
        clean(plan, &sim).map_err(|v| format!("killed at {n}: {v:#?}"))?;
        let got = summary(sim.state(), ordered);
        if ended != end || got != expected {
            return Err(format!("killed at {n}: {ended:?} {got:#?}\ninstead of {end:?} {expected:#?}"));
        }
    }
    Ok(0)
}

/// Runs to the end; true if it was killed on the way.
fn run_once(sim: &mut Sim, reboot: bool) -> (End, bool) {
    let mut died = false;
    for _ in 0..sim.options.steps_max {
        let result = if sim.host.is_none() { sim.open().map(|()| None) } else { sim.advance() };
        match result {
            Ok(None) => {}
            Ok(Some(end)) => return (end, died),
            Err(_) => {
                died = true;
                sim.crash();
                if reboot {
                    sim.world.reboot();
                }
            }
        }
    }
    panic!("no end after {} steps", sim.options.steps_max);
}

fn clean(plan: &Plan, sim: &Sim) -> Result<(), Vec<Violation>> {
    let found = audit(plan, &sim.disk.records, Some(&sim.world.seen()));
    if found.is_empty() { Ok(()) } else { Err(found) }
}
