//! From the file to the plan: names are resolved, defaults filled in, and everything that no
//! single key can show to be wrong is found. Reports all mistakes; a plan comes out only if
//! there are none.

mod agents;
mod alone;
mod budgets;
mod escalate;
mod finish;
mod gates;
mod globs;
mod growth;
mod header;
mod links;
mod outline;
pub(super) mod outputs;
mod overlap;
mod people;
mod roles;
mod sessions;
mod sets;
mod strategies;
mod template;
mod work;

use super::PlanOptions;
use super::alone::{Alone, AloneFault};
use super::diagnostic::{Diagnostic, Severity, Span};
use super::file::Workflow;
use super::grow::Extra;
use crate::ids::{BarrierId, TaskId};
use crate::plan::{self, Backoff, CheckpointFrequency, Limits, PLAN_SCHEMA, Plan, WorkspaceKind};
use links::Links;
use outline::Outline;
use std::collections::BTreeMap;

/// Most tasks in a plan, handoffs included.
pub(super) const TASKS_MAX: usize = 20_000;

/// What lowering carries along.
pub(super) struct Lower<'f> {
    file: &'f Workflow,
    /// Of the file, for a title where it gives none.
    name: &'f str,
    options: &'f PlanOptions,
    extra: &'f Extra,
    template: template::Template<'f>,
    diagnostics: Vec<Diagnostic>,
}

/// Lowers a file. The plan is there only if no error is among the diagnostics; `text` is the
/// file's text, for places within values.
pub(super) fn lower(
    file: &Workflow,
    name: &str,
    text: &str,
    options: &PlanOptions,
    extra: &Extra,
) -> (Option<Plan>, Vec<Diagnostic>) {
    let mut lower = Lower::new(file, name, text, options, extra);
    let plan = lower.plan();
    let diagnostics = lower.finish();
    let failed = diagnostics.iter().any(|d| d.severity == Severity::Error);
    (plan.filter(|_| !failed), diagnostics)
}

/// The same for one document that is there already; see [`super::alone`].
pub(super) fn lower_alone(
    file: &Workflow,
    name: &str,
    text: &str,
    options: &PlanOptions,
    wish: &Alone,
) -> (Result<Option<Plan>, AloneFault>, Vec<Diagnostic>) {
    let extra = Extra::default();
    let mut lower = Lower::new(file, name, text, options, &extra);
    let plan = lower.alone(wish);
    let found = lower.finish();
    let failed = found.iter().any(|d| d.severity == Severity::Error);
    (plan.map(|plan| plan.filter(|_| !failed)), found)
}

impl<'f> Lower<'f> {
    fn new(
        file: &'f Workflow,
        name: &'f str,
        text: &'f str,
        options: &'f PlanOptions,
        extra: &'f Extra,
    ) -> Self {
        let template = template::Template::new(file, text, options, extra);
        Lower { file, name, options, extra, template, diagnostics: Vec::new() }
    }

    /// Everything that was found, that of the templates included.
    fn finish(self) -> Vec<Diagnostic> {
        let mut found = self.diagnostics;
        found.extend(self.template.finish());
        found
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn plan(&mut self) -> Option<Plan> {
        let workflow = self.header();
        let quality = self.quality();
        let limits = self.limits();
        let agents = self.agents(&limits);
        let outline = Outline::read(self, &workflow.base_path)?;
        let links = Links::read(self, &outline);
        let order = links.order(self, &outline);
        let mut plan = Plan {
            schema: PLAN_SCHEMA,
            workflow,
            tasks: Vec::with_capacity(outline.tasks.len()),
            pipelines: vec![],
            barriers: vec![],
            stages: vec![],
            completion: vec![],
            quality,
            strategies: vec![],
            escalation: self.escalation(),
            people: self.people(),
            limits,
            checkpoints: self.file.checkpoints.as_ref().map_or(CheckpointFrequency::Phase, |c| c.value),
            constraints: self.constraints(),
            risks: self.risks(),
            variables: self.template.values(),
            rehearsal: self.options.rehearse,
            roles: BTreeMap::new(),
            prompts: self.options.library.prompts.clone(),
            siblings: BTreeMap::new(),
        };
        plan.pipelines = self.pipelines(&outline);
        plan.barriers = self.barriers(&outline, &plan.quality);
        self.check_catalogue();
        plan.tasks = self.tasks(&outline, &links, &agents, &plan);
        plan.roles = self.roles(&mut plan.tasks, &outline);
        plan.strategies = self.used_strategies(&plan.tasks);
        if let Some(order) = &order {
            self.check_inputs(&outline, &links, order);
            self.check_overlaps(&outline, &links, order, &plan);
            self.conditions(&outline, &links, order, &mut plan);
            plan.stages = finish::stages(&outline, order);
            plan.workflow.patterns = finish::patterns(&outline, &links, order, &plan);
        }
        self.check_consumers(&outline, &links);
        plan.completion = self.completion(&plan);
        self.check_agents(&outline);
        plan.rehearsal |= finish::all_rehearse(&plan);
        plan.limits.shares = self.shares(&outline, &plan);
        plan.siblings = self.siblings(&plan);
        Some(plan)
    }

    fn limits(&mut self) -> Limits {
        let limits = self.file.limits.as_ref();
        let backoff = limits.and_then(|l| l.backoff.as_ref());
        let count = |given: Option<&super::decode::At<u32>>, default| given.map_or(default, |at| at.value);
        let first = backoff.and_then(|b| b.first.as_ref());
        let first_ms = first.map_or(1_000, |at| at.value.0);
        let max_ms = backoff.and_then(|b| b.max.as_ref()).map_or(60_000.max(first_ms), |at| at.value.0);
        if let (true, Some(max)) = (max_ms < first_ms, backoff.and_then(|b| b.max.as_ref())) {
            self.report(
                Diagnostic::error("backoff-order", "the longest wait is shorter than the first one")
                    .at(max.span.clone(), "shorter than `first`"),
            );
        }
        for (at, name) in [
            (limits.and_then(|l| l.max_concurrent_agents.as_ref()), "max_concurrent_agents"),
            (limits.and_then(|l| l.max_attempts.as_ref()), "max_attempts"),
        ] {
            self.at_least_one(at, name);
        }
        if let Some(at) = limits.and_then(|l| l.attempt_timeout.as_ref())
            && at.value.0 == 0
        {
            self.report(
                Diagnostic::error("out-of-range", "a time-out of 0 lets nothing run")
                    .at(at.span.clone(), "must be more than 0"),
            );
        }
        Limits {
            max_concurrent_agents: count(limits.and_then(|l| l.max_concurrent_agents.as_ref()), 4),
            max_barrier_retries: count(limits.and_then(|l| l.max_barrier_retries.as_ref()), 2),
            max_attempts: count(limits.and_then(|l| l.max_attempts.as_ref()), 3),
            backoff: Backoff { first_ms, max_ms },
            patience_ms: limits.and_then(|l| l.patience.as_ref()).map_or(plan::PATIENCE_MS, |at| at.value.0),
            attempt_timeout_ms: limits
                .and_then(|l| l.attempt_timeout.as_ref())
                .map_or(3_600_000, |at| at.value.0),
            grace_ms: limits.and_then(|l| l.grace.as_ref()).map_or(10_000, |at| at.value.0),
            budget: self.budget(),
            shares: plan::Shares::default(),
        }
    }

    fn at_least_one(&mut self, at: Option<&super::decode::At<u32>>, name: &str) {
        if let Some(at) = at
            && at.value == 0
        {
            self.report(
                Diagnostic::error("out-of-range", format!("`{name}` must be at least 1"))
                    .at(at.span.clone(), "at least 1"),
            );
        }
    }

    fn workspace(&self, task: Option<&super::file_work::Task>) -> WorkspaceKind {
        task.and_then(|t| t.workspace.as_ref())
            .or(self.file.workspace.as_ref())
            .map_or(WorkspaceKind::Clone, |at| at.value)
    }

    fn constraints(&mut self) -> Vec<plan::Constraint> {
        let Some(constraints) = &self.file.constraints else { return vec![] };
        let both =
            constraints.hard.iter().map(|c| (c, true)).chain(constraints.soft.iter().map(|c| (c, false)));
        both.map(|(c, hard)| plan::Constraint {
            id: c.id.as_ref().map(|at| self.template.text(at)),
            name: self.template.text(&c.name),
            enforcement: self.template.text(&c.enforcement),
            hard,
        })
        .collect()
    }

    fn risks(&mut self) -> Vec<plan::Risk> {
        let file = self.file;
        file.risks
            .iter()
            .map(|r| plan::Risk {
                risk: self.template.text(&r.risk),
                likelihood: r.likelihood.value.0.to_owned(),
                impact: r.impact.value.0.to_owned(),
                mitigation: self.template.text(&r.mitigation),
            })
            .collect()
    }
}

/// A thing that others can wait for, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Target {
    /// Index into the outline's tasks.
    Task(usize),
    /// Index into the outline's barriers.
    Barrier(usize),
}

fn task_id(text: &str) -> TaskId {
    TaskId::from(text)
}

fn barrier_id(text: &str) -> BarrierId {
    BarrierId::from(text)
}

/// Nowhere: stands for places of things that were already reported.
pub(super) const NOWHERE: Span = 0..0;
