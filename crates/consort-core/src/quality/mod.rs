//! Scores, bands and the order of review strategies.

mod score;
mod strategy;

pub use score::{Band, Composite, Score, ScoreFault};
pub use strategy::{Group, group_of, order, order_by};
