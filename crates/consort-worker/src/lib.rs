//! The hands of consort: one effect at a time, on this machine.
//!
//! What it is: agents behind one port, workspaces in git, checks of what agents made, judges'
//! answers, processes under supervisors, a content store. Every function does one thing that
//! `consort_core::run::Effect` names and tells what became of it.
//!
//! What it never does: decide what comes next, remember a run, or import a host.

pub mod agents;
pub mod briefing;
pub mod checks;
pub mod dirs;
pub mod drill;
pub mod durable;
pub mod evidence;
pub mod hands;
pub mod judges;
pub mod os;
pub mod processes;
pub mod remote;
pub mod signs;
pub mod store;
pub mod words;
pub mod workspace;
