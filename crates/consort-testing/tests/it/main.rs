//! The proof of the brain: tables, every order of small workflows, simulation, crash drill,
//! planted bugs.

mod drill;
mod every;
mod happy;
mod house;
mod planted;
mod simulation;
mod tables;
