//! The order in which strategies are applied to one candidate.

use crate::ids::StrategyId;
use serde::{Deserialize, Serialize};

/// Strategies of one group run side by side; groups run in this order. The judge (S-014) is
/// always last and is a step of its own.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum Group {
    /// S-010: the creator's own review, before anyone else sees the work (H-15).
    A,
    /// S-003: the strongest form of the argument, before it is attacked (H-16).
    B,
    /// S-002, S-004, S-001: role-based attacks.
    C,
    /// S-007, S-011 and strategies of a project's own: checks against rules and sources.
    D,
    /// S-012, S-013: structured decomposition.
    E,
    /// S-014: scoring (H-17).
    F,
}

/// The group of a strategy.
pub fn group_of(strategy: &StrategyId) -> Group {
    match strategy.as_str() {
        "S-010" => Group::A,
        "S-003" => Group::B,
        "S-001" | "S-002" | "S-004" => Group::C,
        "S-012" | "S-013" => Group::E,
        "S-014" => Group::F,
        _ => Group::D,
    }
}

/// The critics' strategies in groups of parallel ones, in the order they must run: without
/// S-010 (the creator's) and S-014 (the judge's), with S-003 added where S-002 asks for it.
pub fn order(strategies: &[StrategyId]) -> Vec<Vec<StrategyId>> {
    let mut all = strategies.to_vec();
    if all.iter().any(|s| s.as_str() == "S-002") {
        all.push(StrategyId::from("S-003"));
    }
    order_by(&all, group_of)
}

/// [`order`] by other groups, with nothing added: a plan knows what comes after what.
pub fn order_by(strategies: &[StrategyId], group: impl Fn(&StrategyId) -> Group) -> Vec<Vec<StrategyId>> {
    let mut all: Vec<StrategyId> = strategies.to_vec();
    all.retain(|s| !matches!(group(s), Group::A | Group::F));
    all.sort_by(|a, b| (group(a), a).cmp(&(group(b), b)));
    all.dedup();
    all.chunk_by(|a, b| group(a) == group(b)).map(<[_]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steelman_comes_before_the_devils_advocate_even_if_nobody_asked_for_it() {
        let asked = ["S-014", "S-007", "S-002"].map(StrategyId::from);
        let shown: Vec<String> = order(&asked)
            .iter()
            .map(|g| g.iter().map(StrategyId::as_str).collect::<Vec<_>>().join("+"))
            .collect();
        assert_eq!(shown, ["S-003", "S-002", "S-007"]);
    }

    #[test]
    fn the_c3_set_runs_in_four_groups() {
        let asked = ["S-007", "S-002", "S-004", "S-012", "S-013", "S-014", "S-010"].map(StrategyId::from);
        let shown: Vec<String> = order(&asked)
            .iter()
            .map(|g| g.iter().map(StrategyId::as_str).collect::<Vec<_>>().join("+"))
            .collect();
        assert_eq!(shown, ["S-003", "S-002+S-004", "S-007", "S-012+S-013"]);
    }
}
