//! How long runs take beside what they must take at least: random graphs, driven by the real brain in virtual time.
//!
//! The bound is the longest chain of steps, or all steps together divided by the limit, whichever is more. No
//! schedule is shorter; for many graphs none comes near it (one task, then twenty, then one). A closer bound looks at
//! what cannot begin before some moment and must be followed by some more: it is given beside the other.

mod bound;
mod graphs;
mod play;

pub use graphs::{CLASSES, Case, case};
pub use play::Order;

use std::collections::BTreeMap;

/// What was found for one graph, in ten-thousandths of a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Of the plain bound.
    pub plain: u64,
    /// Of the closer one.
    pub close: u64,
    /// The closer bound in ten-thousandths of the plain one: no schedule is below that.
    pub least: u64,
    /// Most tasks that were open at once: begun and not accepted.
    pub open: usize,
    /// The limit of agents.
    pub limit: u32,
}

/// Plays one graph in this order.
///
/// # Panics
/// If the run does not come to its end.
pub fn measure(case: &Case, order: Order) -> Found {
    let (plain, close) = bound::of(case);
    let (ms, open) = play::play(case, order);
    let times = |bound: u64| (u128::from(ms) * 10_000).div_ceil(u128::from(bound.max(1))) as u64;
    let least = (u128::from(close) * 10_000 / u128::from(plain.max(1))) as u64;
    Found { plain: times(plain), close: times(close), least, open, limit: case.limit }
}

/// What was found for many graphs.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// By class of graphs.
    pub found: BTreeMap<&'static str, Vec<Found>>,
}

impl Summary {
    /// Plays so many graphs, from seed 0 on.
    pub fn of(graphs: u64, order: Order) -> Self {
        let mut summary = Summary::default();
        for seed in 0..graphs {
            let case = case(seed);
            summary.found.entry(case.class).or_default().push(measure(&case, order));
        }
        summary
    }

    /// All classes together, or one.
    pub fn figures(&self, class: Option<&str>, which: impl Fn(&Found) -> u64) -> Figures {
        let of = self.found.iter().filter(|(name, _)| class.is_none_or(|class| class == **name));
        let mut all: Vec<u64> = of.flat_map(|(_, found)| found.iter().map(&which)).collect();
        all.sort_unstable();
        let at = |percent: usize| all.get((all.len() * percent / 100).min(all.len() - 1)).copied();
        let over = all.iter().filter(|found| **found > 12_500).count();
        Figures {
            mean: all.iter().sum::<u64>() / all.len().max(1) as u64,
            p90: at(90).unwrap_or(0),
            p99: at(99).unwrap_or(0),
            worst: all.last().copied().unwrap_or(0),
            over,
        }
    }
}

/// In ten-thousandths of the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct Figures {
    pub mean: u64,
    pub p90: u64,
    pub p99: u64,
    pub worst: u64,
    /// How many are above 1.25.
    pub over: usize,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |n: u64| format!("{}.{:03}", n / 10_000, n % 10_000 / 10);
        let (mean, p90, p99, worst) = (part(self.mean), part(self.p90), part(self.p99), part(self.worst));
        write!(f, "mean {mean}, 90 % below {p90}, 99 % below {p99}, worst {worst}, {} above 1.25", self.over)
    }
}
