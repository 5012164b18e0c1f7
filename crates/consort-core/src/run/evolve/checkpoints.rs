//! Checkpoints that are being made.

use super::tasks;
use crate::ids::CheckpointId;
use crate::run::event::CheckpointTrigger;
use crate::run::state::{Checkpoint, State};
use crate::time::Timestamp;

pub(super) fn prepared(
    state: &mut State,
    (checkpoint, seq): (&CheckpointId, u64),
    trigger: CheckpointTrigger,
    subject: &str,
    last: bool,
    at: Timestamp,
) {
    if trigger != CheckpointTrigger::Manual {
        tasks::checkpoint_done(state);
    }
    state.front.checkpointing.insert(state.checkpoints.len());
    state.checkpoints.push(Checkpoint {
        id: checkpoint.clone(),
        trigger,
        subject: subject.to_owned(),
        last,
        prepared_at: at,
        seq,
        revision: None,
        failed: None,
    });
}

/// A checkpoint that is being made, which is over now.
pub(super) fn ended<'a>(state: &'a mut State, id: &CheckpointId) -> Result<&'a mut Checkpoint, String> {
    let never = || format!("{id} is not being made");
    let at = state.front.checkpointing.iter().copied().find(|at| state.checkpoints[*at].id == *id);
    let at = at.ok_or_else(never)?;
    state.front.checkpointing.remove(&at);
    state.checkpoints.get_mut(at).ok_or_else(never)
}
