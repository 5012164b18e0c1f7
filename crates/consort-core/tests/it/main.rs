//! Tests of the core through its public API.

mod definition;
mod drive;
mod graph;
mod growth;
mod promises;
mod seed;
mod talk;
mod views;
