//! One agent, from its start to the last of its processes.
//!
//! Theory of operation. An attempt has a directory of its own. [`launch`] writes `spec.json`
//! there and starts a *supervisor*: this same program in a session of its own, which outlives
//! the runner. Whoever creates `claim` may run the attempt, and a claim is never given back:
//!
//! ```text
//!   runner                      supervisor                         files
//!   launch: spec ──────────────────────────────────────────────▶  spec.json
//!           start ────────────▶ take the claim ────────────────▶  claim: supervisor <who>
//!           ◀─────── "started"  start the agent, drain streams ▶  stdout.log stderr.log
//!   watch: pidfd of supervisor  leader ends; end what it left
//!           ◀──────── its end   write the record ──────────────▶  exit.json
//! ```
//!
//! A runner that comes later [`look`]s: a record says how it ended; a claim by a living
//! supervisor says that it runs; no claim is answered by taking it, so that nobody can run it any
//! more; a claim by a dead one without a record says that it may have run, and what is left of it
//! is killed then. Every step leaves files that are whole or not there.
//!
//! The agent leads a process group in the supervisor's session. The supervisor is a *child
//! subreaper*: whatever the agent leaves behind, daemons included, becomes its child, and it does
//! not end before the kernel says that it has none. No signal goes to a bare number: a leader is
//! signalled before it is waited for, everything else through a pidfd whose owner was compared.
//!
//! [`run_direct`] does the same inside the runner, cheaply, for commands that are harmless to
//! repeat: it sees to the process group only, and the runner's death leaves it running.

mod child;
mod claim;
mod conduct;
mod detach;
mod direct;
mod files;
mod launch;
mod look;
mod spawn;
mod spec;
mod streams;
mod supervise;

pub use child::{Piped, version_of};
pub use detach::{DetachError, Handed, RUNNER_LOG, Starter, detach, handed_over, leave_terminal, open_log};
pub use direct::run_direct;
pub(crate) use files::make_private_dir;
pub use launch::{LaunchError, launch};
pub use look::{LookError, Looked, Watched, look, stop, watch};
pub use spawn::MARKER;
pub use spec::{ExitRecord, FORMAT, ProcessSpec, StreamRecord, TAIL_BYTES};
pub use supervise::supervise;
