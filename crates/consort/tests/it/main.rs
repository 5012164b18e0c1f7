//! The real binary in temporary directories, with real git and real processes.

mod bad_input;
mod interrupts;
mod runs;
mod support;
mod verify;
