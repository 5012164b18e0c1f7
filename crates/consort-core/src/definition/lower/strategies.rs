//! Strategies as a workflow has them: built-in ones, its own, and what comes after what.

use super::Lower;
use crate::definition::catalogue;
use crate::definition::diagnostic::{Diagnostic, Span};
use crate::ids::StrategyId;
use crate::plan::{Strategy, Task};
use crate::quality::{self, Group};

const STEELMAN: &str = "S-003";

impl Lower<'_> {
    /// A strategy as this workflow has it: its own form, else the built-in one, else a general one.
    /// What another form of a built-in one leaves out is as in that one.
    pub(super) fn catalogued(&self, id: &StrategyId) -> Strategy {
        let builtin = catalogue::builtin().iter().find(|s| s.id == *id);
        let own = self.file.catalogue.iter().find(|(name, _)| name.value.0 == id.as_str());
        let mut strategy = match (own, builtin) {
            (None, None) => catalogue::unnamed(id),
            (None, Some(builtin)) => builtin.clone(),
            (Some((_, def)), builtin) => {
                let mut own = def.strategy(id.as_str(), |at| at.value.0.clone());
                if let Some(builtin) = builtin {
                    if def.group.is_none() {
                        own.group = builtin.group;
                    }
                    if own.after.is_empty() {
                        own.after.clone_from(&builtin.after);
                    }
                }
                own
            }
        };
        // No file says otherwise (H-16).
        let steelman = StrategyId::from(STEELMAN);
        if id.as_str() == "S-002" && !strategy.after.contains(&steelman) {
            strategy.after.push(steelman);
        }
        strategy
    }

    /// Critics in groups, with everything that must have come before.
    pub(super) fn review_groups(&self, required: &[StrategyId]) -> Vec<Vec<StrategyId>> {
        let mut run: Vec<StrategyId> = required.to_vec();
        let mut at = 0;
        while let Some(id) = run.get(at) {
            for before in self.catalogued(id).after {
                if !run.contains(&before) {
                    run.push(before);
                }
            }
            at += 1;
        }
        quality::order_by(&run, |id| self.catalogued(id).group)
    }

    /// Own strategies that could not be applied, or not in the order that is asked for.
    pub(super) fn check_catalogue(&mut self) {
        let file = self.file;
        let builtin = catalogue::builtin().iter().map(|s| s.id.clone());
        let own = file.catalogue.iter().map(|(name, _)| StrategyId::from(name.value.0.as_str()));
        let all: Vec<Strategy> = builtin.chain(own).map(|id| self.catalogued(&id)).collect();
        for (name, def) in file.catalogue.iter() {
            let strategy = self.catalogued(&StrategyId::from(name.value.0.as_str()));
            if def.protocol.items.is_empty() && !def.protocol.broken {
                let text = "a strategy without a protocol reviews nothing";
                let diagnostic = Diagnostic::error("no-protocol", text);
                self.report(diagnostic.at(name.span.clone(), "this needs a `protocol`"));
            }
            self.check_group(&strategy, &name.span);
            // Either side of an order may be the file's.
            let before = strategy.after.iter().map(|first| (first.clone(), strategy.id.clone()));
            let behind = all.iter().filter(|other| other.after.contains(&strategy.id));
            let behind = behind.map(|other| (strategy.id.clone(), other.id.clone()));
            let mut pairs: Vec<(StrategyId, StrategyId)> = before.chain(behind).collect();
            pairs.sort();
            pairs.dedup();
            for (first, then) in pairs {
                self.check_order(&first, &then, &name.span);
            }
        }
    }

    /// The creator's review and the judge have groups of their own, and nobody else has.
    fn check_group(&mut self, strategy: &Strategy, at: &Span) {
        let due = match strategy.id.as_str() {
            "S-010" => Some(Group::A),
            "S-014" => Some(Group::F),
            _ => None,
        };
        let group = strategy.group;
        if due.is_some_and(|due| due != group) || (due.is_none() && matches!(group, Group::A | Group::F)) {
            let id = &strategy.id;
            self.report(
                Diagnostic::error(
                    "strategy-group",
                    format!("{id} cannot be in group {group:?}: it would never run"),
                )
                .at(at.clone(), "in the wrong group")
                .help("A is for S-010, F for S-014, B to E for all others"),
            );
        }
    }

    fn check_order(&mut self, first: &StrategyId, then: &StrategyId, at: &Span) {
        let (one, other) = (self.catalogued(first).group, self.catalogued(then).group);
        if one < other {
            return;
        }
        self.report(
            Diagnostic::error("strategy-order", format!("{first} cannot come before {then}"))
                .at(at.clone(), format!("{first} is in group {one:?}, {then} in group {other:?}"))
                .help("strategies of one group run side by side: `group` must be later than that of `after`"),
        );
    }

    /// The strategies that these tasks use, in full, by id.
    pub(super) fn used_strategies(&self, tasks: &[Task]) -> Vec<Strategy> {
        let of = |task: &'_ Task| {
            task.review_groups.iter().flatten().chain(&task.required_strategies).cloned().collect::<Vec<_>>()
        };
        let used: std::collections::BTreeSet<StrategyId> = tasks.iter().flat_map(of).collect();
        used.iter().map(|id| self.catalogued(id)).collect()
    }
}
