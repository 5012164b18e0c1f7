//! Tests with real files and real processes.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "all of it is test code")]

mod answers;
mod checks;
mod outfits;
mod plans;
mod processes;
mod prompts;
mod rehearsal;
mod stage;
