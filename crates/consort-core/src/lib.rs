//! The brain of consort. It decides; it never acts.
//!
//! What it is: plain data and pure functions. A workflow file becomes a [`plan::Plan`]
//! ([`definition`]), a plan becomes a run ([`run`]): inputs in, events out, and a wish list
//! of effects derived from the state. [`view`] turns a state into what people read.
//!
//! What it never does: read a file, start a process, look at a clock, draw a random number,
//! wait. The crate has no async and no vendor's name in it. The other half lives in
//! `consort-worker` (does one effect at a time) and `consort-local` (remembers and drives).

pub mod definition;
pub mod ids;
pub mod plan;
pub mod planted;
pub mod quality;
pub mod run;
pub mod time;
pub mod view;
