//! A run elsewhere: what a checkpoint carries so that another clone can go on from it, whether a checkpoint is what it
//! says, and the way to another repository and back.
//!
//! ```text
//! checkpoint ─▶ resume.json, resume.objects, a line in its message            carry
//! a commit   ─▶ every hash compared, the commit made once more                open, verified
//! push       ─▶ names there by compare-and-swap      fetch ─▶ quarantine, verified, named here
//! ```

mod carry;
mod fetch;
mod objects;
mod open;
mod push;

pub use carry::{OBJECTS_BYTES_MAX, carried, checkpoint_message, resume_line};
pub use fetch::{FetchError, Fetched, fetch};
pub use open::{Fault, Opened, open, verified};
pub use push::{Clash, PushError, Pushed, Side, push};

/// What a checkpoint says of its run.
pub const RESUME_FILE: &str = "resume.json";

/// Stored content that goes with it.
pub const OBJECTS_FILE: &str = "resume.objects";
