//! The proof of the brain: tables, every order of small workflows, simulation, crash drill,
//! planted bugs.

mod happy;
mod house;
