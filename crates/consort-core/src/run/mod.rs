//! One run: inputs in, events out, and a derived wish list.
//!
//! ```text
//! step(&mut State, &Input, now) -> Result<Vec<Event>, Refusal>   handle, then settle until quiet
//!   handle(&State, &Input, now)   what this input itself brings
//!   settle(&State, now)           what now follows by itself: tasks that became ready, rounds decided …
//!   evolve(&mut State, &Event)    the only place where a state changes
//! wanted(&State) -> Vec<Effect>   what should be going on in the world right now
//! next_deadline(&State)           when to look again, and why
//! ```

mod amend;
mod answers;
mod ask;
mod budget;
mod check;
mod command;
mod decide;
mod effect;
mod event;
mod evolve;
mod graph;
mod growth;
mod handle;
mod input;
mod judging;
mod kept;
mod onward;
mod order;
mod outlook;
mod people;
mod plans;
mod pools;
mod progress;
mod rank;
mod regrow;
mod reports;
mod rollback;
mod session;
mod settle;
mod state;
mod survivors;
mod talk;
mod versions;
mod wanted;

pub use ask::refusals_against;
pub use budget::{amount_words, limit_words, nearly_used_up, reserved_by};
pub use command::{Command, From, ResumedFrom, StartRun, Written};
pub use decide::DISAGREEMENT_MAX;
pub use effect::{Effect, EffectKey, Ensure, Fact, FindingsRef, InputRef, Start, StopWhy, Tip};
pub use event::{
    ApprovalKind, ApproveAll, AttemptEnd, BarrierHold, CheckpointTrigger, Event, EventKind, Failure,
    GateRefusal, HoldWhy, Judged, RoundKind, RunStatus, Verdict,
};
pub use evolve::{Corrupt, evolve, fold};
pub use graph::Graph;
pub use handle::Refusal;
pub use input::{
    Artifact, Candidate, DimensionScore, Ended, Exit, FindingLine, Found, FoundState, Given, Input, Problem,
    ProcessIdentity, Raised, Report, ResponseLine, Rest, Review, Severity, Usage,
};

/// Raised with every change of a decision. Replaying the causes of records of the same version
/// must give the same events, byte for byte.
pub const DECISION_VERSION: u32 = 10;

/// No event is larger than this when serialised, in bytes: longer texts go to the content store.
pub const EVENT_BYTES_MAX: usize = 4096;
pub use judging::FIRST_DRAFT_MAX;
pub use kept::{KEPT_SCHEMA, Kept, Origin, kept_at};
pub use onward::{RESUME_SCHEMA, ResumePoint, SoFar, resume_point};
pub use outlook::{Outlook, Will, outlook};
pub use people::{is_among, name_of, shown, speaking_as, who_may};
pub use plans::{Amending, Change, ChangeWhy, Gone, Plans, named_by, named_in};
pub use rank::critical_path;
pub use regrow::regrown;
pub use reports::ARTIFACTS_MAX;
pub use session::{
    Ask, AskKind, ContextTier, FailureClass, NoteKind, Reach, SessionEnd, SessionFailure, SessionNote,
    TellKind, Told,
};
pub use settle::{slots_wanted, waits_for_others};
pub use state::{
    AgentChange, AgentTurn, Approval, ApprovalAnswer, BarrierStage, BarrierState, Checkpoint, Failing, Grant,
    Integration, Live, LivePhase, Most, Override, Past, Point, PoolState, Remembered, Reserved, Rollback,
    Round, STATE_SCHEMA, Spent, State, Steering, StepState, StepStatus, Taken, Talk, Tally, TaskStage,
    TaskState, Tell, Used, Waiting, WorkspaceState,
};
pub use versions::{Apart, Version, apart};
pub use wanted::{Why, checkpoint_tips, inputs_of, is_settled, measured_by, next_deadline, start_of, wanted};

use crate::time::Timestamp;

/// Takes one input: what it brings, then everything that follows by itself. The state has
/// changed by exactly the events that are returned; they are one journal record, number
/// `state.seq` afterwards. No events: nothing changed, and there is no record.
///
/// `now` never goes back: the later one of the last time and the given one counts.
///
/// # Errors
/// A [`Refusal`] of a command; the state is as it was.
pub fn step(state: &mut State, input: &Input, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let now = state.now.max(now);
    let mut events = Vec::new();
    let mut more = handle::handle(state, input, now)?;
    state.record = state.seq + 1;
    // Follows at most so many decisions at once: each task and barrier can move on a few times.
    let bound = 64 + 32 * (state.tasks.len() + state.barriers.len());
    for _ in 0..bound {
        for kind in more.drain(..) {
            let event = Event { at: now, kind };
            // A decision that cannot be folded would corrupt the journal: stop before it is written.
            evolve(state, &event)
                .unwrap_or_else(|corrupt| panic!("decided what cannot be: {corrupt}: {event:?}"));
            events.push(event);
        }
        more = settle::settle(state, now);
        if more.is_empty() {
            break;
        }
    }
    assert!(more.is_empty(), "decisions follow each other without end: {more:?}");
    if !events.is_empty() {
        state.seq += 1;
    }
    state.record = state.seq;
    Ok(events)
}
