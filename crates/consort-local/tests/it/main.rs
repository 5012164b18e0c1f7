//! The local host's memory against real SQLite, real processes and real crashes.
#![allow(clippy::unwrap_used, clippy::disallowed_types, clippy::disallowed_methods)]

mod crash;
mod damage;
mod golden;
mod journal;
mod support;
mod trouble;
