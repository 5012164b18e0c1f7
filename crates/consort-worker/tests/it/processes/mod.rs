//! Supervisors and agents, watched and looked at as runners do it. Every scene ends with nothing running.

mod direct;
mod found_again;
mod scene;
mod supervised;
