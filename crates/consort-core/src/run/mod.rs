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

mod effect;
mod event;
mod input;

pub use effect::{Effect, EffectKey, Ensure, FindingsRef, InputRef, Start, StopWhy, Tip};
pub use event::{
    ApprovalKind, ApproveAll, AttemptEnd, CheckpointTrigger, Event, EventKind, Failure, GateRefusal, HoldWhy,
    RoundKind, RunStatus, Verdict,
};
pub use input::{
    Artifact, Candidate, Command, DimensionScore, Ended, Exit, FindingLine, Found, FoundState, Given, Input,
    Problem, ProcessIdentity, Report, Review, Severity, StartRun, Usage,
};

/// Raised with every change of a decision. Replaying the causes of records of the same version
/// must give the same events, byte for byte.
pub const DECISION_VERSION: u32 = 1;

/// No event is larger than this when serialised, in bytes: longer texts go to the content store.
pub const EVENT_BYTES_MAX: usize = 4096;
