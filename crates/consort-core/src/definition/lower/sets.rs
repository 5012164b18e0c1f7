//! Which strategies a level asks for, and what a workflow makes of it: more, others, or, by name
//! and with a reason, fewer.

use super::Lower;
use crate::definition::decode::{At, List};
use crate::definition::diagnostic::{Diagnostic, Span};
use crate::definition::file::Gated;
use crate::definition::file_gates::{BarrierSets, Dropped, StrategySpec};
use crate::definition::values::Strategy;
use crate::ids::StrategyId;
use crate::plan::{Criticality, Waived};

/// What a level asks for: required and optional strategies.
pub(super) fn sets(level: Criticality) -> (Vec<StrategyId>, Vec<StrategyId>) {
    let (required, optional): (&[&str], &[&str]) = match level {
        Criticality::C1 => (&["S-010"], &["S-003", "S-014"]),
        Criticality::C2 => (&["S-007", "S-002", "S-014"], &["S-003", "S-010"]),
        Criticality::C3 => {
            (&["S-007", "S-002", "S-014", "S-004", "S-012", "S-013"], &["S-001", "S-003", "S-010", "S-011"])
        }
        Criticality::C4 => {
            (&["S-010", "S-003", "S-002", "S-004", "S-001", "S-007", "S-011", "S-012", "S-013", "S-014"], &[])
        }
    };
    let ids = |names: &[&str]| names.iter().map(|name| StrategyId::from(*name)).collect();
    (ids(required), ids(optional))
}

/// The strategies of one gate.
pub(super) struct Chosen {
    pub required: Vec<StrategyId>,
    pub optional: Vec<StrategyId>,
    pub waived: Vec<Waived>,
}

fn distinct(items: &List<At<Strategy>>) -> Vec<StrategyId> {
    let mut all: Vec<StrategyId> = Vec::new();
    for id in items.iter().filter(|at| !at.broken).map(|at| StrategyId::from(at.value.0.as_str())) {
        if !all.contains(&id) {
            all.push(id);
        }
    }
    all
}

fn id(dropped: &Dropped) -> StrategyId {
    StrategyId::from(dropped.0.strategy.value.0.as_str())
}

/// Runs without being named: S-010 and S-014 come with every gate, S-003 with S-002.
fn implied(id: &StrategyId, required: &[StrategyId]) -> bool {
    let devil = || required.iter().any(|s| s.as_str() == "S-002");
    matches!(id.as_str(), "S-010" | "S-014") || (id.as_str() == "S-003" && devil())
}

/// Why a strategy may not be dropped at all.
fn kept(id: &StrategyId, level: Criticality, spec: &StrategySpec) -> Option<&'static str> {
    let dropped = |name: &str| spec.drop.iter().any(|one| one.0.strategy.value.0 == name);
    let critics =
        || [distinct(&spec.required), distinct(&spec.add)].concat().iter().any(|s| s.as_str() != "S-010");
    match id.as_str() {
        "S-010" => Some("the creator reviews its own work before anyone else sees it (H-15)"),
        "S-014" if level >= Criticality::C2 => Some("whatever is C2 or above is scored (H-17)"),
        "S-014" if critics() => Some("without it critics would change nothing"),
        "S-003" if level >= Criticality::C2 && !dropped("S-002") => Some("it comes before S-002 (H-16)"),
        _ => None,
    }
}

impl Lower<'_> {
    /// What runs: the level's set, or what is declared, with what is added and without what is
    /// dropped. What was declared for a lower level (that of a phase, or below what a rule asks for)
    /// takes nothing away.
    pub(super) fn chosen(&mut self, chain: &[&dyn Gated], level: Criticality) -> Chosen {
        let (asked, offered) = sets(level);
        let declared = (0..chain.len()).find_map(|at| Some((at, &chain[at].strategies()?.0)));
        let Some((at, spec)) = declared else {
            return Chosen { required: asked, optional: offered, waived: vec![] };
        };
        let raised = level > self.level_of(&chain[at..]);
        let listed = spec.required.present;
        let mut required = if listed { distinct(&spec.required) } else { asked.clone() };
        if raised {
            required.extend(asked.iter().cloned());
        }
        required.extend(distinct(&spec.add));
        let mut optional = if spec.optional.present { distinct(&spec.optional) } else { offered };
        if listed && !spec.optional.present {
            optional.clear();
        }
        let mut waived = vec![];
        if !raised {
            for one in spec.drop.iter() {
                required.retain(|strategy| *strategy != id(one));
                optional.retain(|strategy| *strategy != id(one));
                if asked.contains(&id(one)) {
                    waived.push(self.waived(one));
                }
            }
            let left = |id: &&StrategyId| !required.contains(id) && !implied(id, &required);
            let named = |id: &&StrategyId| waived.iter().any(|w| w.strategy == **id);
            let silently: Vec<StrategyId> =
                asked.iter().filter(|id| left(id) && !named(id)).cloned().collect();
            let barrier = chain.first().is_some_and(|of| of.is_barrier());
            match self.barrier_sets() {
                BarrierSets::Declared if barrier => {
                    waived.extend(silently.into_iter().map(|strategy| Waived {
                        strategy,
                        by: None,
                        reason: "the workflow declares other strategies for this barrier".into(),
                    }))
                }
                // `barriers: level`; of anything else it is a mistake that is reported.
                _ => required.extend(silently),
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        required.retain(|id| seen.insert(id.clone()));
        Chosen { required, optional, waived }
    }

    fn waived(&mut self, dropped: &Dropped) -> Waived {
        let text = |this: &mut Self, at: Option<&At<_>>| at.map(|at| this.template.text(at));
        Waived {
            strategy: id(dropped),
            by: text(self, dropped.0.by.as_ref()),
            reason: text(self, dropped.0.reason.as_ref()).unwrap_or_default(),
        }
    }

    fn barrier_sets(&self) -> BarrierSets {
        let said = self.file.quality.as_ref().and_then(|q| q.barriers.as_ref());
        said.map_or(BarrierSets::Declared, |at| at.value)
    }

    /// What one element says about its strategies and what its level asks for. Once per element,
    /// which is the first one of the chain.
    pub(super) fn check_strategies(
        &mut self,
        chain: &[&dyn Gated],
        level: Criticality,
        what: &str,
        at: &Span,
    ) {
        let Some(spec) = chain.first().and_then(|of| of.strategies()).map(|s| &s.0) else { return };
        let barrier = chain.first().is_some_and(|of| of.is_barrier());
        for one in spec.drop.iter().filter(|one| !one.0.broken && !one.0.strategy.broken) {
            self.check_drop(spec, one, level, what);
        }
        if spec.required.broken || !spec.required.present {
            return;
        }
        let required: Vec<StrategyId> = [distinct(&spec.required), distinct(&spec.add)].concat();
        let dropped = |strategy: &StrategyId| spec.drop.iter().any(|one| id(one) == *strategy);
        let missing: Vec<String> = sets(level)
            .0
            .iter()
            .filter(|id| !required.contains(id) && !implied(id, &required) && !dropped(id))
            .map(ToString::to_string)
            .collect();
        let Some(first) = missing.first() else { return };
        let span = if spec.at == (0..0) { at.clone() } else { spec.at.clone() };
        let text =
            format!("the strategies of {what} leave out {}, which {level} asks for", missing.join(", "));
        let code = "strategies-below-level";
        let diagnostic = match (barrier, self.barrier_sets()) {
            (true, BarrierSets::Declared) => Diagnostic::warning(code, text)
                .at(span, "as declared, these are the ones that run")
                .help("`quality: {barriers: level}` lets those of the level run too"),
            (true, BarrierSets::Level) => {
                Diagnostic::warning(code, text).at(span, "those of the level run too (`quality: {barriers: level}`)")
            }
            (false, _) => Diagnostic::error(code, text)
                .at(span, "too few")
                .help("`add: [...]` in place of `required` keeps those of the level")
                .help(format!("or name who leaves it out, and why: `drop: [{{strategy: {first}, by: ..., reason: ...}}]`")),
        };
        self.report(diagnostic);
    }

    fn check_drop(&mut self, spec: &StrategySpec, one: &Dropped, level: Criticality, what: &str) {
        let strategy = id(one);
        let span = one.0.strategy.span.clone();
        let (asked, offered) = sets(level);
        if let Some(why) = kept(&strategy, level, spec) {
            let text = format!("{strategy} cannot be left out of {what}: {why}");
            return self.report(Diagnostic::error("strategy-kept", text).at(span, "always runs"));
        }
        let has = |list: &List<At<Strategy>>| list.iter().any(|at| at.value.0 == strategy.as_str());
        if has(&spec.add) || has(&spec.required) {
            let text = format!("{strategy} is asked for and dropped at once");
            return self.report(Diagnostic::error("add-and-drop", text).at(span, "dropped here"));
        }
        if !asked.contains(&strategy) {
            if !offered.contains(&strategy) {
                let text = format!("{level} does not ask for {strategy}: there is nothing to drop");
                self.report(Diagnostic::error("nothing-to-drop", text).at(span, "not part of it"));
            }
            return;
        }
        match (&one.0.by, &one.0.reason) {
            (Some(by), Some(reason)) => {
                let (by, reason) = (self.template.text(by), self.template.text(reason));
                let text = format!("{what} goes without {strategy}, which {level} asks for: {by}: {reason}");
                let diagnostic = Diagnostic::warning("strategy-dropped", text);
                self.report(diagnostic.at(span, "an override: status, files and reports show it"));
            }
            _ => {
                let text = format!("{level} asks for {strategy}: to leave it out takes a name and a reason");
                let help = format!("`drop: [{{strategy: {strategy}, by: ..., reason: ...}}]`");
                let diagnostic = Diagnostic::error("drop-unnamed", text).at(span, "who says so, and why?");
                self.report(diagnostic.help(help));
            }
        }
    }
}
