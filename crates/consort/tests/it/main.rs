//! The real binary in temporary directories, with real git and real processes.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod agents;
mod agree;
mod alone;
mod amended;
mod back;
mod background;
mod bad_input;
mod budgets;
mod catalogue;
mod commands;
mod completions;
mod conformance;
mod conversations;
mod crashes;
mod elsewhere;
mod examples;
mod grow;
mod growing;
mod hostile;
mod inbox;
mod interrupts;
mod levels;
mod lint;
mod order;
mod people;
mod probes;
mod real;
mod reports;
mod runs;
mod scope;
mod shapes;
mod sharing;
mod support;
mod transcripts;
mod verify;
mod why;
