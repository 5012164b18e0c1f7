//! What a task, a phase or a barrier has to pass.

use super::Lower;
use crate::definition::decode::{At, List};
use crate::definition::diagnostic::{Diagnostic, Span};
use crate::definition::file::Gated;
use crate::definition::file_gates::{GateSpec, Level, Rounds as RoundsSpec};
use crate::definition::numbers::Millis;
use crate::definition::values::Plain;
use crate::ids::StrategyId;
use crate::plan::{CommandCheck, Criterion, Criticality, Quality, Rounds, Waived};
use crate::quality::Score;

/// Most time for the command of a criterion, unless it says otherwise.
const CHECK_MS: u64 = 600_000;

/// A gate with every default filled in.
#[derive(Clone)]
pub(super) struct Gate {
    pub level: Criticality,
    pub rationale: Option<String>,
    pub required: Vec<StrategyId>,
    pub optional: Vec<StrategyId>,
    pub waived: Vec<Waived>,
    pub groups: Vec<Vec<StrategyId>>,
    pub self_review: bool,
    pub judged: bool,
    pub judges: u8,
    pub threshold: Score,
    pub floor: Score,
    pub rounds: Rounds,
}

fn rounds_max(level: Criticality) -> u32 {
    match level {
        Criticality::C1 => 3,
        Criticality::C2 => 5,
        Criticality::C3 => 7,
        Criticality::C4 => 10,
    }
}

impl Lower<'_> {
    /// True if nobody is to review this: `gate: none`, in the innermost place that says something.
    pub(super) fn has_no_gate(&self, chain: &[&dyn Gated]) -> bool {
        match chain.iter().find_map(|g| g.gate()) {
            Some(gate) => gate.0.kind.is_some(),
            None => self.file.quality.as_ref().is_some_and(|q| q.gate.is_some()),
        }
    }

    /// Resolves a gate. `chain` has the innermost first: a task, then its phase. Said further
    /// in wins; for the level the higher one wins.
    /// `raised` is what rules ask for: a level never falls below it.
    pub(super) fn gate(
        &mut self,
        chain: &[&dyn Gated],
        quality: &Quality,
        raised: Option<Criticality>,
    ) -> Gate {
        let (declared, rationale) = self.level(chain);
        let level = raised.map_or(declared, |raised| raised.max(declared));
        let chosen = self.chosen(chain, level);
        let specs: Vec<&GateSpec> = chain.iter().filter_map(|g| g.gate()).map(|g| &g.0).collect();
        let none = self.has_no_gate(chain);
        let (threshold, floor) = self.thresholds(&specs, quality);
        let rounds = self.rounds(&specs, level, none);
        let mut gate = Gate {
            level,
            rationale,
            required: chosen.required,
            optional: chosen.optional,
            waived: chosen.waived,
            groups: vec![],
            self_review: !none,
            judged: false,
            // The tournament has a second, independent judge.
            judges: if level == Criticality::C4 { 2 } else { 1 },
            threshold,
            floor,
            rounds,
        };
        if none {
            gate.required.clear();
            gate.optional.clear();
            gate.waived.clear();
            return gate;
        }
        gate.groups = self.review_groups(&gate.required);
        // Critics without a judge would change nothing.
        gate.judged = level >= Criticality::C2
            || !gate.groups.is_empty()
            || gate.required.iter().any(|s| s.as_str() == "S-014");
        let run = |s: &StrategyId| gate.groups.iter().flatten().any(|g| g == s);
        gate.optional.retain(|s| !run(s) && !matches!(s.as_str(), "S-010"));
        for (needed, id) in [(gate.self_review, "S-010"), (gate.judged, "S-014")] {
            let id = StrategyId::from(id);
            gate.optional.retain(|s| !(needed && *s == id));
            if needed && !gate.required.contains(&id) {
                gate.required.push(id);
            }
        }
        // Another strategy may have brought it back.
        let run = |s: &StrategyId| gate.required.contains(s) || gate.groups.iter().flatten().any(|g| g == s);
        gate.waived.retain(|w| !run(&w.strategy));
        gate
    }

    /// What a phase or barrier asks for, for the plan's tables: as declared, else by level.
    pub(super) fn declared(
        &mut self,
        of: &dyn Gated,
    ) -> (Criticality, Option<String>, Vec<StrategyId>, Vec<StrategyId>) {
        let (level, rationale) = self.level(&[of]);
        let chosen = self.chosen(&[of], level);
        (level, rationale, chosen.required, chosen.optional)
    }

    /// Things that one element, the first one of the chain, says about its own gate and that
    /// contradict each other, or the level. Called once per element.
    pub(super) fn check_gate(&mut self, chain: &[&dyn Gated], what: &str, at: &Span) {
        let Some(of) = chain.first() else { return };
        let none = of.gate().and_then(|g| g.0.kind.as_ref());
        let Some(strategies) = of.strategies() else { return };
        if let Some(none) = none {
            return self.report(
                Diagnostic::error("gate-none", format!("{what} has strategies and no gate"))
                    .at(none.span.clone(), "without a gate nobody reviews")
                    .at(strategies.0.at.clone(), "strategies")
                    .help("take out `gate: none` or `strategies`"),
            );
        }
        let level = self.level_of(chain);
        self.check_strategies(chain, level, what, at);
    }

    /// The level alone: what is wrong with it is said where the gate is resolved.
    pub(super) fn level_of(&mut self, chain: &[&dyn Gated]) -> Criticality {
        let said = self.diagnostics.len();
        let (level, _) = self.level(chain);
        self.diagnostics.truncate(said);
        level
    }

    pub(super) fn level(&mut self, chain: &[&dyn Gated]) -> (Criticality, Option<String>) {
        let workflow = (self.workflow_level(), None);
        let (task, outer): (Option<&Level>, Option<&Level>) = match chain {
            [task, phase] => (task.level(), phase.level()),
            [only] => (None, only.level()),
            _ => (None, None),
        };
        let mut own = |level: &Level| {
            (level.0.level.value, level.0.rationale.as_ref().map(|at| self.template.text(at)))
        };
        let outer = outer.map_or(workflow, &mut own);
        let Some(task) = task else { return outer };
        let inner = own(task);
        if inner.0 >= outer.0 {
            return inner;
        }
        self.report(
            Diagnostic::warning(
                "level-below-phase",
                format!("{} is below the level of its phase: {} holds", inner.0, outer.0),
            )
            .at(task.0.level.span.clone(), format!("{} holds", outer.0))
            .help("lower the level of the phase, or take this one out"),
        );
        outer
    }

    fn thresholds(&mut self, specs: &[&GateSpec], quality: &Quality) -> (Score, Score) {
        let outer = self.file.quality.as_ref();
        let threshold = specs
            .iter()
            .find_map(|s| s.threshold.as_ref())
            .or_else(|| outer.and_then(|q| q.threshold.as_ref()));
        let floor =
            specs.iter().find_map(|s| s.floor.as_ref()).or_else(|| outer.and_then(|q| q.floor.as_ref()));
        let pass = threshold.map_or(quality.threshold, |at| at.value);
        let low = floor.map_or(quality.floor, |at| at.value);
        if low >= pass && floor.or(threshold).is_some() {
            self.floor_too_high(threshold, floor, pass, low);
        }
        (pass, low)
    }

    fn floor_too_high(
        &mut self,
        threshold: Option<&At<Score>>,
        floor: Option<&At<Score>>,
        pass: Score,
        low: Score,
    ) {
        let mut diagnostic = Diagnostic::error(
            "floor",
            format!("the floor {low} is not below the threshold {pass}: nothing could be revised"),
        );
        for (at, name) in [(floor, "floor"), (threshold, "threshold")] {
            if let Some(at) = at {
                diagnostic = diagnostic.at(at.span.clone(), name);
            }
        }
        if floor.is_none() {
            diagnostic = diagnostic.help(format!("the floor is {low} unless `floor` says otherwise"));
        }
        if threshold.is_none() {
            diagnostic =
                diagnostic.help(format!("the threshold is {pass} unless `threshold` says otherwise"));
        }
        self.report(diagnostic);
    }

    fn rounds(&mut self, specs: &[&GateSpec], level: Criticality, none: bool) -> Rounds {
        let mut given: Vec<&RoundsSpec> = specs.iter().filter_map(|s| s.rounds.as_ref()).collect();
        given.extend(self.file.quality.as_ref().and_then(|q| q.rounds.as_ref()));
        let min = given.iter().find_map(|r| r.min.as_ref());
        let max = given.iter().find_map(|r| r.max.as_ref());
        let delta = given.iter().find_map(|r| r.plateau_delta.as_ref()).map(|at| at.value);
        let window = given.iter().find_map(|r| r.plateau_window.as_ref());
        for (at, name) in [(min, "min"), (max, "max"), (window, "plateau_window")] {
            self.at_least_one(at, name);
        }
        let least = if level >= Criticality::C2 { 3 } else { 1 };
        let low = min.map_or(least, |at| at.value);
        if let (Some(at), false, true) = (min, none, low < least && low > 0) {
            self.report(
                Diagnostic::error("rounds-min", format!("{level} work takes at least {least} rounds (H-14)"))
                    .at(at.span.clone(), format!("at least {least} at {level}"))
                    .help("lower the criticality to C1, or say `gate: none` where nothing is to be judged"),
            );
        }
        let high = max.map_or(rounds_max(level).max(low), |at| at.value);
        if let (Some(at), true) = (max, high < low && high > 0 && !none) {
            let mut diagnostic =
                Diagnostic::error("rounds-max", format!("at most {high} rounds, but at least {low}"))
                    .at(at.span.clone(), format!("less than {low}"));
            if let Some(min) = min {
                diagnostic = diagnostic.at(min.span.clone(), "at least this many");
            }
            self.report(diagnostic);
        }
        Rounds {
            min: if none { 1 } else { low },
            max: high,
            plateau_delta: delta.or(Score::from_ten_thousandths(100)).unwrap_or(Score::ZERO),
            plateau_window: window.map_or(3, |at| at.value),
        }
    }

    /// Criteria with their validation.
    pub(super) fn criteria(&mut self, of: &[crate::definition::file_work::Criterion]) -> Vec<Criterion> {
        of.iter()
            .map(|c| {
                let name = self.template.text(&c.0.name);
                let validation = c.0.validation.as_ref().map(|at| self.template.text(at));
                let check = self.command_check(&c.0.check, c.0.timeout.as_ref());
                Criterion { validation: validation.unwrap_or_else(|| name.clone()), name, check, holds: None }
            })
            .collect()
    }

    /// Hard constraints that have a command are criteria of every task: policies with a test.
    pub(super) fn policies(&mut self) -> Vec<Criterion> {
        let file = self.file;
        let hard = file.constraints.iter().flat_map(|c| c.hard.iter());
        hard.filter_map(|c| {
            let check = self.command_check(&c.check, c.timeout.as_ref())?;
            let (name, validation) = (self.template.text(&c.name), self.template.text(&c.enforcement));
            Some(Criterion { name, validation, check: Some(check), holds: None })
        })
        .collect()
    }

    pub(super) fn command_check(
        &mut self,
        argv: &List<At<Plain>>,
        timeout: Option<&At<Millis>>,
    ) -> Option<CommandCheck> {
        let argv: Vec<String> = argv.items.iter().map(|at| self.template.text(at)).collect();
        let timeout_ms = timeout.map_or(CHECK_MS, |at| at.value.0);
        (!argv.is_empty()).then_some(CommandCheck { argv, timeout_ms })
    }
}
