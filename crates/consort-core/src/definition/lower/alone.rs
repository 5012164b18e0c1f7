//! The one task of a plan for a document that is there already.

use super::Lower;
use super::agents::Agents;
use super::header::dashed;
use super::outline::Outline;
use super::sets::sets;
use crate::definition::alone::{Alone, AloneFault, Asked};
use crate::definition::{BaseFiles, catalogue, escalation};
use crate::ids::{RunId, StrategyId};
use crate::plan::{Criticality, IdSource, Output, Plan, Rounds, Runtime, Task, TaskKind, Waived, Workflow};
use crate::plan::{PLAN_SCHEMA, WorkspaceKind};
use crate::quality::Score;

/// What reviewers are told where nobody says what the document is for.
const NO_TEXT: &str =
    "Nobody says what this document was asked for: its own title and introduction say what it is for.";

/// By whom the document is looked at, resolved.
struct Gate {
    level: Criticality,
    raised_by: Vec<String>,
    required: Vec<StrategyId>,
    groups: Vec<Vec<StrategyId>>,
    judged: bool,
    waived: Vec<Waived>,
}

impl Lower<'_> {
    /// The file's plan is made too, so that all its mistakes are known; its tasks are not in this one.
    pub(super) fn alone(&mut self, wish: &Alone) -> Result<Option<Plan>, AloneFault> {
        let Some(of_file) = self.plan() else { return Ok(None) };
        let said = self.diagnostics.len();
        let agents = self.agents(&of_file.limits);
        // What is wrong with them was said with the plan of the file.
        self.diagnostics.truncate(said);
        let agents = self.chosen_agent(agents, wish)?;
        let gate = match &wish.asked {
            Asked::Score { level, kind } => score_gate(&of_file, wish, *level, kind.as_deref()),
            Asked::Review { strategies } => self.review_gate(strategies)?,
        };
        let workflow = self.workflow_alone(wish, &gate);
        let mut task = task(wish, gate, &agents, &of_file);
        let roles = self.roles(std::slice::from_mut(&mut task), &Outline::default());
        let rehearsed = |agent: &crate::plan::AgentSpec| matches!(agent.runtime, Runtime::Rehearsal { .. });
        let rehearsal = if task.judged {
            rehearsed(&task.judge) && task.panel.iter().all(rehearsed)
        } else {
            rehearsed(&task.critic)
        };
        let strategies = self.used_strategies(std::slice::from_ref(&task));
        Ok(Some(Plan {
            schema: PLAN_SCHEMA,
            workflow,
            tasks: vec![task],
            pipelines: vec![],
            barriers: vec![],
            stages: vec![],
            completion: vec![],
            strategies,
            constraints: vec![],
            risks: vec![],
            rehearsal,
            roles,
            ..of_file
        }))
    }

    fn chosen_agent(&self, agents: Agents, wish: &Alone) -> Result<Agents, AloneFault> {
        let Some(name) = &wish.agent else { return Ok(agents) };
        agents.only(name).ok_or_else(|| AloneFault::NoAgent {
            name: name.clone(),
            known: self.file.agents.iter().map(|(name, _)| name.value.text.clone()).collect(),
        })
    }

    /// S-010 is a creator's and S-014 a judge's: neither is a critic's.
    fn review_gate(&self, asked: &[String]) -> Result<Gate, AloneFault> {
        let own = self.file.catalogue.iter().map(|(name, _)| StrategyId::from(name.value.0.as_str()));
        let mut known: Vec<StrategyId> =
            catalogue::builtin().iter().map(|s| s.id.clone()).chain(own).collect();
        known.retain(|id| !matches!(id.as_str(), "S-010" | "S-014"));
        known.sort();
        known.dedup();
        let mut required: Vec<StrategyId> = Vec::new();
        for id in asked {
            let Some(found) = known.iter().find(|s| s.as_str().eq_ignore_ascii_case(id)) else {
                let known = known.iter().map(ToString::to_string).collect();
                return Err(AloneFault::NoStrategy { id: id.clone(), known });
            };
            if !required.contains(found) {
                required.push(found.clone());
            }
        }
        let groups = self.review_groups(&required);
        let level = Criticality::C1;
        Ok(Gate { level, raised_by: vec![], required, groups, judged: false, waived: vec![] })
    }

    fn workflow_alone(&mut self, wish: &Alone, gate: &Gate) -> Workflow {
        let (verb, title) = match &wish.asked {
            Asked::Score { .. } => ("score", format!("Score of {}", wish.path)),
            Asked::Review { .. } => {
                let by: Vec<&str> = gate.required.iter().map(StrategyId::as_str).collect();
                ("review", format!("Review of {} by {}", wish.path, by.join(", ")))
            }
        };
        let id = self.free_id(verb, super::NOWHERE);
        Workflow {
            base_path: format!("orchestration/{id}"),
            id: RunId::from(id),
            id_source: IdSource::Auto,
            title,
            purpose: "One document that was there already, looked at without a workflow.".into(),
            question: None,
            document_id: None,
            version: "1.0".into(),
            project: None,
            disclaimer: None,
            created: dashed(&self.options.today),
            patterns: vec![],
            criticality: gate.level,
            criticality_rationale: None,
            levels: Default::default(),
        }
    }
}

/// The level decides how many judges there are; what else it asks for is shown as left out.
fn score_gate(plan: &Plan, wish: &Alone, declared: Criticality, kind: Option<&str>) -> Gate {
    let rules = escalation::Rules::new(&plan.escalation);
    // Nothing is changed by a look at it, so it is not there already for rules that ask.
    let declared_now =
        escalation::Declared { paths: std::slice::from_ref(&wish.path), kind, in_repository: true };
    let demanded = rules.declared(declared_now, &BaseFiles::none());
    let raised = escalation::level_of(&demanded).filter(|(level, _)| *level > declared);
    let (level, raised_by) = raised.unwrap_or((declared, vec![]));
    let judge = StrategyId::from("S-014");
    let waived = sets(level).0.into_iter().filter(|id| *id != judge).map(|strategy| Waived {
        strategy,
        by: None,
        reason: "only checks and judges were asked for a score".into(),
    });
    let waived = waived.collect();
    Gate { level, raised_by, required: vec![judge], groups: vec![], judged: true, waived }
}

fn task(wish: &Alone, gate: Gate, agents: &Agents, plan: &Plan) -> Task {
    // As at any gate: the tournament has a second, independent judge.
    let judges = if gate.level == Criticality::C4 { 2 } else { 1 };
    Task {
        id: super::task_id("document"),
        kind: TaskKind::Declared,
        place: None,
        role: "author".into(),
        text: wish.about.clone().unwrap_or_else(|| NO_TEXT.into()),
        needs: vec![],
        behind: vec![],
        inputs: vec![],
        output: Output::Document { paths: vec![wish.path.clone()] },
        levels: vec![],
        form: Default::default(),
        criticality: gate.level,
        criticality_rationale: None,
        escalated_by: gate.raised_by,
        required_strategies: gate.required,
        waived: gate.waived,
        optional_strategies: vec![],
        review_groups: gate.groups,
        self_review: false,
        judged: gate.judged,
        judges,
        threshold: plan.quality.threshold,
        floor: plan.quality.floor,
        // Nobody makes another version.
        rounds: Rounds { min: 1, max: 1, plateau_delta: Score::ZERO, plateau_window: 0 },
        approval: None,
        criteria: vec![],
        creator: agents.nobody(),
        critic: agents.critic(gate.level),
        judge: agents.judge(gate.level),
        panel: agents.panel(judges, gate.level),
        workspace: WorkspaceKind::None,
        given: Some(wish.bytes.clone()),
        when: None,
        estimate_ms: None,
    }
}
