//! Tests with real processes.

mod processes;
