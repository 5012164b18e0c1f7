//! The local host of consort: it remembers and drives.
//!
//! What it is: one journal per run in SQLite ([`journal`]), one runner per run ([`lock`]), a
//! letter box for the commands of other processes ([`inbox`]), where all of it lies
//! ([`places`]), what a person can set ([`settings`]), and the loop that asks the core what should
//! be going on and lets the worker do it.
//!
//! What it never does: decide (that is `consort_core`), talk to an agent, run git, or draw a
//! screen. It knows no vendor's name. Nothing acts on a record before the journal has
//! acknowledged it; if an append fails, the run stops and says so.

pub mod host;
pub mod inbox;
pub mod journal;
pub mod lock;
pub mod places;
pub mod registry;
pub mod replay;
pub mod settings;
pub mod verify;
