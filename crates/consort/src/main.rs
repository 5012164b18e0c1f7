//! The command line of consort: it shows and asks.
//!
//! What it is: one verb per file in [`commands`], a screen that follows a run ([`screen`],
//! [`follow`]), questions on a terminal ([`ask`]), commands left for a runner in another process ([`post`]),
//! and errors with a next step ([`failure`]).
//!
//! What it never does: decide (that is `consort_core`), remember or drive (`consort_local`), act
//! (`consort_worker`).

mod ask;
mod cli;
mod commands;
mod complete;
mod context;
mod detach;
mod drive;
mod exit;
mod failure;
mod follow;
mod out;
mod person;
mod place;
mod post;
mod question;
mod report;
mod screen;
mod shapes;
mod terminal;

use std::process::ExitCode;

fn main() -> ExitCode {
    if consort_core::planted::POSSIBLE {
        plant();
    }
    // Supervisors and players are started for every attempt: they take the short way.
    if let Some(code) = commands::hidden::dispatch() {
        return code;
    }
    cli::main()
}

/// Plants the bug that the environment names, for tests of the auditor. Never in a build for people.
fn plant() {
    let named = std::env::var("CONSORT_PLANT").ok();
    if let Some(bug) = named.as_deref().and_then(consort_core::planted::Bug::named) {
        bug.plant();
    }
}
