//! Which rules raise which task, before anything runs.

use super::Lower;
use crate::definition::diagnostic::{Diagnostic, Span};
use crate::definition::escalation;
use crate::definition::file::{Escalation, Gated};
use crate::plan::{Criticality, EscalationRule, Output};

impl Lower<'_> {
    /// The rules that raise a level: built-in ones as the file has them, then its own.
    pub(super) fn escalation(&mut self) -> Vec<EscalationRule> {
        let file = self.file;
        let mut rules = escalation::builtin();
        for (name, own) in file.escalation.iter() {
            let id = name.value.0.as_str();
            let known = rules.iter().position(|rule| rule.id == id).map(|at| rules.remove(at));
            if let (Some(off), None) = (&own.off, &known) {
                let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
                let text = format!("there is no built-in rule `{id}` to switch off");
                let diagnostic = Diagnostic::error("unknown-rule", text);
                let diagnostic = diagnostic.at(off.span.clone(), "nothing to switch off");
                self.report(diagnostic.help(format!("there are {}", ids.join(", "))));
                continue;
            }
            let rule = self.rule(id, own, known);
            let counts = rule.existing || rule.deleted || rule.files_above > 0 || id == escalation::CARRIED;
            if rule.paths.is_empty() && rule.types.is_empty() && !counts && !own.broken {
                let text = format!("the rule `{id}` names nothing that could be touched");
                let diagnostic = Diagnostic::error("empty-rule", text);
                let diagnostic = diagnostic.at(name.span.clone(), "this needs `paths` or `types`");
                self.report(diagnostic.help("or what it counts: `existing`, `deleted`, `files_above`"));
            }
            if let (Some(off), Some(why)) = (&own.off, &rule.off) {
                let text = format!("the rule {id} raises nothing here: {why}");
                let diagnostic = Diagnostic::warning("escalation-off", text);
                self.report(diagnostic.at(off.span.clone(), format!("switched off ({})", rule.about)));
            }
            rules.push(rule);
        }
        rules
    }

    /// One rule of the file: what it leaves out is as in the built-in one.
    fn rule(&mut self, id: &str, own: &Escalation, known: Option<EscalationRule>) -> EscalationRule {
        for glob in own.paths.iter().filter(|glob| !glob.broken) {
            if let Err(error) = escalation::pattern(&glob.value.0) {
                let text = format!("`{}` is not a pattern: {}", glob.value.0, error.kind());
                self.report(Diagnostic::error("bad-glob", text).at(glob.span.clone(), "not a pattern"));
            }
        }
        let mut rule = known.unwrap_or_else(|| EscalationRule {
            id: id.to_owned(),
            at_least: Criticality::C3,
            paths: vec![],
            types: vec![],
            existing: false,
            deleted: false,
            files_above: 0,
            about: "named by a rule of this workflow".into(),
            off: None,
        });
        if !own.paths.items.is_empty() {
            rule.paths = own.paths.iter().map(|at| self.template.text(at)).collect();
        }
        if !own.types.items.is_empty() {
            rule.types = own.types.iter().map(|at| at.value.0.clone()).collect();
        }
        if let Some(level) = &own.at_least {
            rule.at_least = level.value;
        }
        rule.existing = own.existing.as_ref().map_or(rule.existing, |at| at.value);
        rule.deleted = own.deleted.as_ref().map_or(rule.deleted, |at| at.value);
        rule.files_above = own.files_above.as_ref().map_or(rule.files_above, |at| at.value);
        if let Some(about) = &own.about {
            rule.about = self.template.text(about);
        }
        rule.off = own.off.as_ref().map(|off| self.template.text(off));
        rule
    }

    /// What is asked of a task for what it reads over barriers, if that is more than what was declared
    /// and what rules on files ask for.
    pub(super) fn carried(
        &mut self,
        rules: &escalation::Rules<'_>,
        chain: &[&dyn Gated],
        (task, span): (&str, &Span),
        raised: Option<(Criticality, Vec<String>)>,
        over: Option<(Criticality, &str)>,
    ) -> Option<(Criticality, Vec<String>)> {
        let declared = self.level_of(chain);
        let now = raised.as_ref().map_or(declared, |(level, _)| (*level).max(declared));
        let Some((level, from)) = over.filter(|(level, _)| rules.carry() && *level > now) else {
            return raised;
        };
        let diagnostic = if self.has_no_gate(chain) {
            let text =
                format!("`{task}` has no gate, and `{from}`, whose findings it carries on, is {level}");
            Diagnostic::error("escalated-without-gate", text)
        } else {
            let text = format!(
                "`{task}` is raised from {now} to {level}: so is `{from}`, whose findings it carries on"
            );
            Diagnostic::warning("escalated", text)
        };
        let off = format!(
            "to switch the rule off, say why: `escalation: {{{}: {{off: ...}}}}`",
            escalation::CARRIED
        );
        self.report(diagnostic.at(span.clone(), format!("{level} holds")).help(off));
        let mut ids = raised.map(|(_, ids)| ids).unwrap_or_default();
        ids.insert(0, escalation::CARRIED.to_owned());
        Some((level, ids))
    }

    /// What the rules ask of a task that declares these outputs; said where it is more than was
    /// declared. Without a gate there is nothing to raise, and that is a mistake.
    pub(super) fn escalated(
        &mut self,
        rules: &escalation::Rules<'_>,
        chain: &[&dyn Gated],
        (task, span): (&str, &Span),
        output: &Output,
        kind: Option<&str>,
    ) -> Option<(Criticality, Vec<String>)> {
        let in_repository = !matches!(output, Output::Data { .. });
        let task_says = escalation::Declared { paths: output.paths(), kind, in_repository };
        let mut demanded = rules.declared(task_says, &self.options.base_files);
        let declared = self.level_of(chain);
        let none = self.has_no_gate(chain);
        // How many files there are says nothing beyond the level: where that was declared together
        // with `gate: none`, somebody has weighed it.
        demanded.retain(|d| !none || d.rule.files_above == 0 || d.rule.at_least > declared);
        let (level, ids) = escalation::level_of(&demanded)?;
        if level <= declared && !none {
            return None;
        }
        let mut diagnostic = if none {
            let text = format!("the task `{task}` has no gate, and rules ask for {level}");
            Diagnostic::error("escalated-without-gate", text)
        } else {
            Diagnostic::warning(
                "escalated",
                format!("the task `{task}` is raised from {declared} to {level}"),
            )
        };
        diagnostic = diagnostic.at(span.clone(), format!("{level} holds"));
        for escalation::Demand { rule, what } in &demanded {
            let at_least = rule.at_least;
            diagnostic =
                diagnostic.help(format!("{} asks for {at_least} at least: {what} ({})", rule.id, rule.about));
        }
        let dropped = chain.iter().find_map(|g| g.strategies()).is_some_and(|s| s.0.drop.present);
        if dropped {
            diagnostic = diagnostic
                .help(format!("what is dropped here was dropped for {declared}, and runs at {level}"));
        }
        let off = format!("to switch a rule off, say why: `escalation: {{{}: {{off: ...}}}}`", ids[0]);
        self.report(diagnostic.help(off));
        Some((level, ids))
    }
}
