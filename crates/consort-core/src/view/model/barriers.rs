//! Barriers: who is awaited, what happens at them.

use super::{BarrierView, When};
use crate::run::{BarrierHold, BarrierStage, State};
use crate::view::text::{clean, count};
use crate::view::words;

pub(super) fn barrier_view(state: &State, b: usize) -> BarrierView {
    let plan = &state.graph.plan.barriers[b];
    let it = &state.barriers[b];
    let past = |rank: u8| rank_of(&it.stage) > rank;
    BarrierView {
        id: plan.id.to_string(),
        status: words::barrier(state, b),
        activity: activity(state, b),
        after: plan.after.iter().map(|(p, n)| (p.to_string(), *n)).collect(),
        threshold: plan.threshold.to_string(),
        handoffs: plan.handoffs.iter().map(ToString::to_string).collect(),
        steps: vec![
            ("pre-check", past(0)),
            ("cross-pollination", past(1)),
            ("merge", it.revision.is_some()),
            ("complete", it.stage == BarrierStage::Complete),
        ],
        retries: it.retries,
        retries_max: state.graph.plan.limits.max_barrier_retries,
        revision: it.revision.as_ref().map(ToString::to_string),
        completed_at: it.completed_at.map(When),
    }
}

/// How far a barrier is: 0 before the pre-check, 1 cross-pollination, 2 after it.
fn rank_of(stage: &BarrierStage) -> u8 {
    match stage {
        BarrierStage::Waiting | BarrierStage::Arrived | BarrierStage::Failed(_) => 0,
        BarrierStage::CrossPollinating => 1,
        _ => 2,
    }
}

fn activity(state: &State, b: usize) -> String {
    let it = &state.barriers[b];
    match &it.stage {
        BarrierStage::Waiting => format!("waits for {}", count(it.waits as usize, "task")),
        BarrierStage::Arrived => "pre-check".into(),
        BarrierStage::CrossPollinating => {
            let all = state.graph.plan.barriers[b].handoffs.len();
            let done = all.saturating_sub(it.handoffs_left as usize);
            format!("cross-pollination, {done} of {} accepted", count(all, "handoff"))
        }
        BarrierStage::Pollinated | BarrierStage::Merging => "its commit is made".into(),
        BarrierStage::Merged => "verification".into(),
        BarrierStage::AwaitingApproval(id) => format!("waits for approval {id}"),
        BarrierStage::Complete => "complete".into(),
        BarrierStage::Held(why) => {
            let open = state.open_approvals().find(|(_, a)| {
                matches!(&a.kind, crate::run::ApprovalKind::BarrierHeld { barrier }
                    if *barrier == state.graph.plan.barriers[b].id)
            });
            let answer = open.map_or_else(String::new, |(id, _)| format!(" ({id})"));
            format!("held: {}{answer}", hold_text(why))
        }
        BarrierStage::Failed(why) => format!("given up: {}", clean(why)),
    }
}

/// Why it is held, for people.
pub(in crate::view) fn hold_text(why: &BarrierHold) -> String {
    let list = |paths: &[String]| paths.iter().map(|p| clean(p)).collect::<Vec<_>>().join(", ");
    match why {
        BarrierHold::Conflict { between, paths } => {
            format!("{} and {} do not merge: {}", between.0, between.1, list(paths))
        }
        BarrierHold::HandoffLost { paths } => format!("its commit lacks accepted bytes of {}", list(paths)),
        BarrierHold::NotRendered { consumers } => {
            let names: Vec<&str> = consumers.iter().map(crate::ids::TaskId::as_str).collect();
            format!("the prompt of {} would not name its handoff", names.join(", "))
        }
        BarrierHold::Failed(why) => clean(why),
        BarrierHold::Blocked { blockers } => format!("its handoffs name blockers: {}", list(blockers)),
    }
}
