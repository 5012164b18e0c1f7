//! Agents that are talked to: one port for all of them, and the driver that does the talking.
//!
//! Theory of operation. The supervisor of an attempt starts this same program with the hidden verb
//! `converse`; this is the *driver*. It starts the vendor's program below itself, or calls a model's
//! service, and follows the conversation until the work is done. It outlives the runner, and whatever
//! it starts dies with the attempt.
//!
//! ```text
//!   runner ── session.json ─▶ driver ── port ─▶ runtime ── the vendor's wire ─▶ agent
//!          ◀─ notes.jsonl ──         ◀─ events
//!          ── told/*.json ─▶         ── answers, turns, interrupt ─▶
//!          ◀─ outcome.json ─
//! ```
//!
//! The driver decides by the policy of the plan what its agent may; what needs a person becomes a
//! note, and the runner asks. Whatever happens to the runner, nothing is granted by it.

mod answer;
mod asks;
pub mod brief;
mod control;
mod conversation;
mod hand_over;
mod limits;
pub(crate) mod lines;
pub(crate) mod log;
pub(crate) mod policy;
#[cfg(test)]
mod policy_tests;
pub mod port;
mod shell;

pub use asks::ASK_TIMEOUT_MS;
pub use control::{end_of, notes_after, notes_size, tell};
pub(crate) use hand_over::uuid;
pub use log::{Logged, events_from, events_in, has_events_after, raw_of, transcript_of};

use crate::words::cut;
use brief::Brief;
use consort_core::run::{FailureClass, SessionEnd, SessionFailure};
use conversation::Conversation;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

/// Longest reason of a failure, in characters.
const WHY_CHARS: usize = 500;

/// The body of the hidden verb `converse`: drives the session of this control directory to its end.
/// Succeeds if the agent did its work, as far as the agent itself can tell.
pub fn converse(control: &Path) -> ExitCode {
    let end = match Brief::read(control) {
        Ok(brief) => drive(control, brief),
        Err(error) => failed(FailureClass::Retry, format!("`{}` cannot be read: {error}", control.display())),
    };
    if let Some(failure) = &end.failure {
        eprintln!("{}", failure.why);
    }
    if let Err(error) = control::write_end(control, &end) {
        eprintln!("the outcome of the session cannot be written: {error}");
        return ExitCode::FAILURE;
    }
    if end.failure.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn drive(control: &Path, brief: Brief) -> SessionEnd {
    let env: BTreeMap<String, String> = std::env::vars().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return failed(FailureClass::Retry, error.to_string()),
    };
    runtime.block_on(async {
        match Conversation::open(control.to_owned(), brief, env) {
            Ok(conversation) => conversation.run().await,
            Err(why) => failed(FailureClass::OtherRuntime, why),
        }
    })
}

fn failed(class: FailureClass, why: String) -> SessionEnd {
    let failure = Some(SessionFailure { class, why: cut(&why, WHY_CHARS) });
    SessionEnd { failure, ..SessionEnd::default() }
}
