//! Tests with real files and real processes.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "all of it is test code")]

mod answers;
mod any_text;
mod checks;
mod grammar;
mod lint;
mod outfits;
mod plans;
mod players;
mod processes;
mod prompts;
mod rehearsal;
mod stage;
mod workspaces;
