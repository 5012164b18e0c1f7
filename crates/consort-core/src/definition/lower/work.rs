//! Pipelines, barriers and tasks of the plan.

use super::agents::{Agents, DEFAULT_ROLE, HANDOFF_ROLE};
use super::gates::Gate;
use super::links::{Link, Links};
use super::outline::{BarrierSpot, Crossing, Kind, Outline, TaskSpot};
use super::{Lower, barrier_id, task_id};
use crate::definition::decode::{At, Map};
use crate::definition::diagnostic::Diagnostic;
use crate::definition::escalation;
use crate::definition::file::Gated;
use crate::definition::file_gates::Approval;
use crate::definition::file_work::{self, Task};
use crate::definition::values::{LevelName, Plain};
use crate::ids::{PipelineId, TaskId};
use crate::plan::{self, Criticality, Form, Input, Output, Plan, Quality, TaskKind};

impl<'f> Lower<'f> {
    pub(super) fn pipelines(&mut self, outline: &Outline<'f>) -> Vec<plan::Pipeline> {
        let mut all = Vec::with_capacity(outline.pipelines.len());
        for spot in &outline.pipelines {
            let mut phases = Vec::with_capacity(spot.phases.len());
            for phase in &spot.phases {
                let spec = phase.spec;
                let what = format!("the phase `{}` of `{}`", spec.name.value.0, spot.id);
                self.check_gate(&[spec], &what, &spec.at);
                let (criticality, criticality_rationale, required, optional) = self.declared(spec);
                phases.push(plan::Phase {
                    number: phase.number,
                    name: self.template.text(&spec.name),
                    path_id: phase.path_id.clone(),
                    purpose: spec.purpose.as_ref().map(|at| self.template.text(at)),
                    tasks: phase.tasks.iter().map(|t| task_id(&outline.tasks[*t].id)).collect(),
                    criticality,
                    criticality_rationale,
                    criteria: self.criteria(&spec.criteria.items),
                    required_strategies: required,
                    optional_strategies: optional,
                });
            }
            all.push(plan::Pipeline {
                id: PipelineId::from(spot.id.as_str()),
                name: spot.name.clone(),
                alias: spot.alias.clone(),
                alias_source: spot.alias_source.to_owned(),
                skill: spot.skill.clone(),
                convergent: spot.convergent,
                phases,
            });
        }
        all
    }

    pub(super) fn barriers(&mut self, outline: &Outline<'f>, quality: &Quality) -> Vec<plan::Barrier> {
        let ids =
            |tasks: &mut dyn Iterator<Item = usize>| tasks.map(|t| task_id(&outline.tasks[t].id)).collect();
        let all_barriers = self.file.approvals.as_ref().and_then(|a| a.barriers.as_ref());
        let mut all = Vec::with_capacity(outline.barriers.len());
        for spot in &outline.barriers {
            let spec = spot.spec;
            self.check_gate(&[spec], &format!("the barrier `{}`", spot.id), &spot.span);
            let (criticality, criticality_rationale, required, optional) = self.declared(spec);
            let threshold = self.gate(&[spec as &dyn Gated], quality, None).threshold;
            let place = |(pipeline, phase): &(usize, usize)| {
                let spot = &outline.pipelines[*pipeline];
                (PipelineId::from(spot.id.as_str()), spot.phases[*phase].number)
            };
            all.push(plan::Barrier {
                id: barrier_id(&spot.id),
                after: spot.after.iter().map(place).collect(),
                waits_for: ids(&mut spot.waits_for.iter().copied()),
                handoffs: ids(&mut spot.handoffs.iter().map(|h| h.task)),
                criticality,
                criticality_rationale,
                approval: self.approval(spec.approval.as_ref().or(all_barriers)),
                required_strategies: required,
                optional_strategies: optional,
                threshold,
            });
        }
        all
    }

    pub(super) fn tasks(
        &mut self,
        outline: &Outline<'f>,
        links: &Links<'f>,
        agents: &Agents,
        plan: &Plan,
    ) -> Vec<plan::Task> {
        let rules = escalation::Rules::new(&plan.escalation);
        let mut lowered: Vec<Option<plan::Task>> = outline.tasks.iter().map(|_| None).collect();
        // What a task carries on is known when its sources are.
        for index in links.sources_first() {
            let over = carried(links, &lowered, index);
            let plan = (plan, &rules);
            let task = match outline.tasks[index].kind {
                Kind::Declared(task) => self.declared_task(outline, links, agents, plan, index, task, over),
                Kind::Handoff { barrier, spec, from, to } => {
                    let crossing = Crossing { task: index, from, to };
                    let barrier = &outline.barriers[barrier];
                    self.handoff_task(outline, links, agents, plan, barrier, crossing, spec, over)
                }
            };
            lowered[index] = Some(task);
        }
        lowered.into_iter().flatten().collect()
    }

    #[expect(clippy::too_many_arguments, reason = "one task is where all parts of a workflow meet")]
    fn declared_task(
        &mut self,
        outline: &Outline<'f>,
        links: &Links<'f>,
        agents: &Agents,
        (plan, rules): (&Plan, &escalation::Rules<'_>),
        index: usize,
        task: &'f Task,
        over: Option<(Criticality, TaskId)>,
    ) -> plan::Task {
        let spot = &outline.tasks[index];
        let phase = spot.place.map(|(pipeline, phase)| outline.pipelines[pipeline].phases[phase].spec);
        self.enter(spot);
        let output = self.output(outline, spot, task, &plan.workflow.base_path);
        self.leave();
        let mut chain = vec![task as &dyn Gated];
        chain.extend(phase.map(|phase| phase as &dyn Gated));
        self.check_gate(&chain, &format!("the task `{}`", spot.id), &spot.span);
        let kind = task.r#type.as_ref().map(|at| at.value.0.as_str());
        let raised = self.escalated(rules, &chain, (&spot.id, &spot.span), &output, kind);
        let over = over.as_ref().map(|(level, from)| (*level, from.as_str()));
        let raised = self.carried(rules, &chain, (&spot.id, &spot.span), raised, over);
        let gate = self.gate(&chain, &plan.quality, raised.as_ref().map(|(level, _)| *level));
        let mut criteria = phase.map(|p| self.criteria(&p.criteria.items)).unwrap_or_default();
        self.enter(spot);
        criteria.extend(self.criteria(&task.criteria.items));
        self.leave();
        criteria.extend(self.policies());
        let role = task.role.as_ref().map_or(DEFAULT_ROLE, |at| at.value.0.as_str()).to_owned();
        let approval = self.who_approves(outline, spot, task, phase, gate.level);
        self.enter(spot);
        let mut lowered = self.assemble(outline, links, agents, index, gate);
        lowered.text = self.template.text(&task.text);
        lowered.output = output;
        lowered.escalated_by = raised.map(|(_, ids)| ids).unwrap_or_default();
        lowered.levels = self.levels(task);
        lowered.form = self.form(task);
        lowered.approval = approval;
        lowered.estimate_ms = task.estimate.as_ref().map(|at| at.value.0);
        lowered.criteria = criteria;
        lowered.creator = self.creator(task.agent.as_ref(), &role, lowered.criticality, agents, &plan.limits);
        self.check_creator(&lowered.creator, (&spot.id, &spot.span));
        lowered.role = role;
        lowered.workspace = self.workspace(Some(task));
        self.until(task, &mut lowered);
        self.leave();
        self.grown(outline, agents, (plan, index), task, &mut lowered);
        lowered
    }

    /// What all tasks have in common.
    fn assemble(
        &mut self,
        outline: &Outline<'f>,
        links: &Links<'f>,
        agents: &Agents,
        index: usize,
        gate: Gate,
    ) -> plan::Task {
        let spot = &outline.tasks[index];
        let place = spot.place.map(|(pipeline, phase)| {
            let pipeline = &outline.pipelines[pipeline];
            (PipelineId::from(pipeline.id.as_str()), pipeline.phases[phase].number)
        });
        plan::Task {
            id: task_id(&spot.id),
            kind: TaskKind::Declared,
            place,
            role: String::new(),
            text: String::new(),
            needs: links.needs[index].iter().map(|t| task_id(&outline.tasks[*t].id)).collect(),
            behind: links.behind[index].iter().map(|b| barrier_id(&outline.barriers[*b].id)).collect(),
            inputs: links.inputs[index].iter().map(|link| self.input(outline, link)).collect(),
            output: Output::Document { paths: vec![] },
            levels: vec![],
            form: Form::default(),
            criticality: gate.level,
            criticality_rationale: gate.rationale,
            escalated_by: vec![],
            required_strategies: gate.required,
            optional_strategies: gate.optional,
            waived: gate.waived,
            review_groups: gate.groups,
            self_review: gate.self_review,
            judged: gate.judged,
            judges: gate.judges,
            threshold: gate.threshold,
            floor: gate.floor,
            rounds: gate.rounds,
            approval: None,
            criteria: vec![],
            creator: agents.creator(HANDOFF_ROLE, gate.level),
            critic: agents.critic(gate.level),
            judge: agents.judge(gate.level),
            panel: agents.panel(gate.judges, gate.level),
            workspace: self.workspace(None),
            given: None,
            when: None,
            estimate_ms: None,
        }
    }

    fn input(&mut self, outline: &Outline<'f>, link: &Link<'f>) -> Input {
        match link {
            Link::Artifact(task, _) => Input::Artifact { task: task_id(&outline.tasks[*task].id) },
            Link::Handoff(task, _) => Input::Handoff { task: task_id(&outline.tasks[*task].id) },
            Link::File(input) => {
                Input::File { path: input.file.as_ref().map(|at| self.path(at)).unwrap_or_default() }
            }
            Link::Outside(input) => Input::Outside {
                name: input.outside.as_ref().map(|at| self.template.text(at)).unwrap_or_default(),
                about: input.about.as_ref().map(|at| self.template.text(at)),
            },
        }
    }

    /// The task's own word, its phase's, then the workflow's: by place, then by level.
    fn who_approves(
        &mut self,
        outline: &Outline<'f>,
        spot: &TaskSpot<'f>,
        task: &'f Task,
        phase: Option<&'f file_work::Phase>,
        level: Criticality,
    ) -> Option<plan::ApprovalAt> {
        let decides = spot.place.is_some_and(|(pipeline, _)| outline.pipelines[pipeline].convergent);
        let everywhere = self.file.approvals.as_ref();
        let of_workflow: Option<&Approval> = everywhere.and_then(|a| match decides {
            true => a.decision.as_ref(),
            false => a.tasks.as_ref(),
        });
        let of_level = everywhere.and_then(|a| match level {
            Criticality::C4 => a.c4.as_ref().or(a.c3.as_ref()),
            Criticality::C3 => a.c3.as_ref(),
            _ => None,
        });
        let own = task.approval.as_ref().or(phase.and_then(|p| p.approval.as_ref()));
        let approval = own.or(of_workflow).or(of_level);
        self.approval(approval)
    }

    fn form(&mut self, task: &Task) -> Form {
        let Some(form) = &task.form else { return Form::default() };
        if task.writes.iter().next().is_some() {
            self.report(
                Diagnostic::error(
                    "form-of-a-change",
                    "a change has no form: its files are whatever they are",
                )
                .at(form.at.clone(), "the task has `writes`")
                .help("check its files by a command: `criteria: [{name: ..., check: [...]}]`"),
            );
        }
        let mut texts =
            |list: &[At<Plain>]| -> Vec<String> { list.iter().map(|at| self.template.text(at)).collect() };
        Form {
            sections: texts(&form.sections.items),
            front_matter: texts(&form.front_matter.items),
            words_max: form.words_max.as_ref().map(|at| at.value),
            schema: form.schema.as_ref().map(|at| self.path(at)),
        }
    }

    fn levels(&mut self, task: &Task) -> Vec<String> {
        let declared = self.file.workflow.as_ref().map(|w| &w.levels);
        let mut all: Vec<String> = Vec::new();
        for level in task.levels.iter() {
            let name = &level.value.0;
            let known =
                |d: &Map<_, LevelName>| d.entries.is_empty() || d.iter().any(|(k, _)| k.value.0 == *name);
            if !declared.is_none_or(known) {
                self.report(
                    Diagnostic::error(
                        "unknown-level",
                        format!("the workflow declares no output level `{name}`"),
                    )
                    .at(level.span.clone(), "not under `levels`")
                    .help(format!("add it to `workflow`: levels: {{{name}: who reads it}}")),
                );
            }
            if !all.contains(name) {
                all.push(name.clone());
            }
        }
        all
    }

    #[expect(clippy::too_many_arguments, reason = "one handoff is where all parts of a workflow meet")]
    fn handoff_task(
        &mut self,
        outline: &Outline<'f>,
        links: &Links<'f>,
        agents: &Agents,
        (plan, rules): (&Plan, &escalation::Rules<'_>),
        barrier: &BarrierSpot<'f>,
        crossing: Crossing,
        spec: &'f file_work::Handoff,
        over: Option<(Criticality, TaskId)>,
    ) -> plan::Task {
        let chain = [barrier.spec as &dyn Gated];
        let spot = &outline.tasks[crossing.task];
        let over = over.as_ref().map(|(level, from)| (*level, from.as_str()));
        let raised = self.carried(rules, &chain, (&spot.id, &spot.span), None, over);
        let gate = self.gate(&chain, &plan.quality, raised.as_ref().map(|(level, _)| *level));
        let (source, target) = (&outline.pipelines[crossing.from], &outline.pipelines[crossing.to]);
        let key_content: Vec<String> = spec.key_content.iter().map(|at| self.template.text(at)).collect();
        let path = format!(
            "{}/cross-pollination/{}/{}-to-{}/handoff.md",
            plan.workflow.base_path, barrier.id, source.alias, target.alias
        );
        let mut lowered = self.assemble(outline, links, agents, crossing.task, gate);
        lowered.escalated_by = raised.map(|(_, ids)| ids).unwrap_or_default();
        lowered.text = format!(
            "Extract the key findings of {} that {} needs, number them, and write the handoff over {}.",
            source.name, target.name, barrier.id
        );
        lowered.role = HANDOFF_ROLE.to_owned();
        lowered.kind = TaskKind::Handoff(plan::Handoff {
            barrier: barrier_id(&barrier.id),
            from: PipelineId::from(source.id.as_str()),
            to: PipelineId::from(target.id.as_str()),
            aliases: (source.alias.clone(), target.alias.clone()),
            key_content,
        });
        lowered.output = Output::Document { paths: vec![path] };
        lowered.criteria = self.criteria(barrier.spec.criteria());
        lowered
    }
}

/// The highest level of what a task reads over barriers, and whose it is: a handoff carries the work of
/// its sources, its consumers read the handoff.
fn carried(links: &Links<'_>, lowered: &[Option<plan::Task>], index: usize) -> Option<(Criticality, TaskId)> {
    let handoff = links.crosses[index];
    let from = links.inputs[index].iter().filter_map(|link| match link {
        Link::Artifact(task, _) if handoff => lowered[*task].as_ref(),
        Link::Handoff(task, _) => lowered[*task].as_ref(),
        _ => None,
    });
    from.map(|task| (task.criticality, task.id.clone())).max_by_key(|(level, _)| *level)
}
