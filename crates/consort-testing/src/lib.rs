//! Test support: small plans, a fake world with a driver, an auditor, the cost of the brain.
//!
//! * [`plans`]: plans in code, and the seed's.
//! * [`sim`]: a world in memory (attempts, refs, commits, a ledger of starts) and a driver that
//!   behaves as a host does: durable first, then act. It can be killed at every step.
//! * [`audit`]: reads journal records and, where there is a world, what is really there, and
//!   derives once more what had to hold. It shares no decision with the brain.
//! * [`cost`]: what one event costs.
//! * [`lab`]: where the real agents of the tests are.
//! * [`makespan`]: how long runs take beside what they must take at least.
//! * [`model`]: a model server that answers what a scenario says, for tests with real agents.

pub mod audit;
pub mod cost;
pub mod lab;
pub mod makespan;
pub mod model;
pub mod plans;
pub mod sim;
