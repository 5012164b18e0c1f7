//! The proof of the brain: tables, every order of small workflows, simulation, crash drill,
//! planted bugs.

#![allow(clippy::unwrap_used, clippy::type_complexity, reason = "all of it is test code")]

mod drill;
mod every;
mod happy;
mod house;
mod makespan;
mod models;
mod planted;
mod simulation;
mod tables;
