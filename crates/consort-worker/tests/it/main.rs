//! Tests with real processes.
#![allow(clippy::unwrap_used, reason = "all of it is test code")]

mod processes;
