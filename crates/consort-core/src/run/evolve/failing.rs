//! Effects that failed, and when they are tried again.

use crate::run::event::EventKind;
use crate::run::state::{Failing, State};
use crate::time::Timestamp;

/// It failed and rests until then.
pub(super) fn rests(state: &mut State, effect: &str, failures: u32, until: Timestamp, why: &str) {
    let failing = Failing { failures, until: Some(until), why: why.to_owned() };
    state.failing.insert(effect.to_owned(), failing);
}

/// It may be tried again.
pub(super) fn due(state: &mut State, effect: &str) {
    if let Some(failing) = state.failing.get_mut(effect) {
        failing.until = None;
    }
}

/// An effect that succeeded is no longer failing.
pub(super) fn clear(state: &mut State, kind: &EventKind) {
    use EventKind as E;
    if state.failing.is_empty() {
        return;
    }
    let prefix = match kind {
        E::WorkspaceReady { task, .. } | E::TaskConflicted { task, .. } => format!("workspace/{task}/"),
        E::CandidateCaptured { task, .. } | E::CandidateRefused { task, .. } => format!("candidate/{task}/"),
        E::TaskAccepted { task, .. } => format!("committed/{task}/"),
        E::WorkspaceReleased { task, .. } => format!("released/{task}/"),
        E::BarrierMerged { barrier, .. } | E::BarrierHeld { barrier, .. } => format!("barrier/{barrier}/"),
        E::CheckpointCreated { checkpoint, .. } | E::CheckpointFailed { checkpoint, .. } => {
            format!("checkpoint/{checkpoint}")
        }
        E::AttemptEnded { attempt, .. } => format!("start/{attempt}"),
        _ => return,
    };
    state.failing.retain(|key, _| !key.starts_with(&prefix));
    if let E::AttemptEnded { attempt, .. } = kind {
        let (watch, stop) = (format!("watch/{attempt}"), format!("stop/{attempt}"));
        state.failing.retain(|key, _| *key != watch && *key != stop);
    }
}
