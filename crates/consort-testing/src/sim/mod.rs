//! A world in memory, and a driver that behaves as a host does.
//!
//! The [`World`] holds what survives a crash of the runner: attempts, workspaces, commits, refs
//! and a ledger of starts. The [`Disk`] holds the durable part of the journal. [`Sim`] drives a
//! run through both: it appends, only then acts, and takes reports in any order that its
//! [`Chooser`] likes. It can be killed at every step and goes on from disk and world alone.

mod chance;
mod drill;
mod driver;
mod every;
mod host;
mod people;
mod players;
mod world;

pub use chance::{Chooser, Fifo, Random};
pub use drill::{Summary, TaskSummary, drill, summary};
pub use driver::{End, Options, Sim};
pub use every::{Explored, Once, every_order};
pub use host::{Crashed, Disk, Host, Record};
pub use people::People;
pub use players::{Play, Plays, Profile, Quota, Spends};
pub use world::{
    Begun, Commit, Heard, Line, Process, Seen, Started, Talks, World, commit_id, content_id, shell,
};
