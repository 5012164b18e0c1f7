//! Agents behind one port: what one is asked ([`request`], [`prompt`]), how its program is
//! started ([`outfit`]), how it reviews ([`strategies`]), and players that stand in for agents
//! without a model ([`rehearsal`]). Agents that are talked to stand behind one port ([`session`]);
//! what speaks to their vendors is in [`runtimes`].
//!
//! Nothing here knows a run: `briefing` turns what the brain wants into a [`request::Request`].

pub mod answer_schema;
pub mod features;
pub mod offers;
pub mod outfit;
pub mod prices;
pub mod prompt;
pub mod rehearsal;
pub mod request;
pub mod roles;
pub mod runtimes;
pub mod session;
pub mod strategies;
mod talk;
pub mod templates;

pub use talk::is_secret_name;
