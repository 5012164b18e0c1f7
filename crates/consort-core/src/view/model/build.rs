//! Builds the view from the state.

use super::barriers::barrier_view;
use super::questions::{approval_view, blockers};
use super::tasks::{refusal_text, task_view};
use super::{
    BudgetView, Calls, CheckpointView, Cost, GrantView, IntegrationView, NextActions, OverrideView,
    PhaseView, PipelineView, Queued, Resumption, RollbackView, RunView, TaskView, WaivedView, When, next,
};
use crate::plan::{Input, Phase, Pipeline, Plan};
use crate::run::{CheckpointTrigger, State, StepStatus, TaskStage, amount_words, limit_words};
use crate::view::text::{clean, count};
use crate::view::words::{self, Word};
use std::collections::HashMap;

/// The view of this state.
pub fn run_view(state: &State) -> RunView {
    let plan = &state.graph.plan;
    let start = state.start.as_ref();
    let id = start.map_or(&plan.workflow.id, |s| &s.run).to_string();
    let tasks: Vec<TaskView> = (0..state.tasks.len()).map(|ix| task_view(state, ix)).collect();
    let by_id: HashMap<&str, &TaskView> = tasks.iter().map(|t| (t.id.as_str(), t)).collect();
    let pipelines = plan.pipelines.iter().map(|p| pipeline_view(p, &by_id)).collect();
    let mut view = RunView {
        workflow: plan.workflow.id.to_string(),
        title: clean(&plan.workflow.title),
        purpose: clean(&plan.workflow.purpose),
        rehearsal: plan.rehearsal,
        status: words::run(state.status),
        doing: String::new(),
        started_by: clean(&state.started_by),
        started_at: start.map(|_| When(state.started_at)),
        updated_at: When(state.now),
        ended_at: state.ended_at.map(When),
        base: start.and_then(|s| s.base.as_ref()).map(ToString::to_string),
        seq: state.seq,
        threshold: plan.quality.threshold.to_string(),
        pipelines,
        barriers: (0..state.barriers.len()).map(|b| barrier_view(state, b)).collect(),
        queue: queue(state),
        approvals: state.approvals.iter().map(|(a, it)| approval_view(state, a, it, &id)).collect(),
        blockers: blockers(state, &id),
        checkpoints: checkpoints(state),
        from: state.start.as_ref().and_then(|start| {
            let from = start.from.as_ref()?;
            let (checkpoint, run) = (&from.origin.checkpoint, &from.origin.run);
            Some(match from.resumed {
                Some(_) => format!("{checkpoint}, which came from another clone"),
                None => format!("{checkpoint} of {run}"),
            })
        }),
        rollbacks: rollbacks(state),
        nearly_used_up: nearly_used_up(state),
        calls: calls(state),
        cost: cost(state),
        grants: grants(state),
        overrides: overrides(state),
        waived: waived(&state.graph.plan),
        declared: declared(state),
        next_actions: NextActions::default(),
        resumption: Resumption {
            last_checkpoint: None,
            current_phase: None,
            current_phase_name: None,
            current_activity: String::new(),
            next_step: String::new(),
            files_to_read: Vec::new(),
            command: String::new(),
        },
        integration: state.integration.as_ref().map(|i| IntegrationView {
            into: clean(&i.into),
            by: clean(&i.by),
            at: When(i.at),
            revision: i.revision.as_ref().map(ToString::to_string),
            failed: i.failed.as_deref().map(clean),
        }),
        tasks,
        id,
    };
    view.doing = doing(state, &view);
    view.next_actions = next::actions(&view, plan);
    view.resumption = next::resumption(&view, plan);
    view
}

/// What the run does, in a few words.
fn doing(state: &State, view: &RunView) -> String {
    let open = view.open_approvals().count();
    let live = state.live.len();
    if view.started_at.is_none() {
        return "not started".into();
    }
    if view.is_over() {
        let alone = state.graph.plan.is_alone();
        return match view.status {
            "COMPLETE" if alone => "it passes".into(),
            "FAILED" if alone => "it does not pass, or there is no answer".into(),
            "COMPLETE" => "everything is accepted".into(),
            "FAILED" if state.stopped.is_some() => "ended: its budget is used up".into(),
            "FAILED" => "ended: something was given up and nothing else can go on".into(),
            _ => "ended by a person".into(),
        };
    }
    if state.cancelling {
        return format!("being cancelled, {} still to end", count(live, "attempt"));
    }
    let mut parts = Vec::new();
    if live > 0 {
        parts.push(format!("{} at work", count(live, "agent")));
    }
    if open > 0 {
        parts.push(format!("{} for a person", count(open, "question")));
    }
    if view.status == "PAUSED" {
        parts.push("paused: nothing new starts".into());
    }
    if parts.is_empty() {
        let waiting = view.queue.len();
        let rests = state.pools.iter().filter(|(_, pool)| !pool.woke).min_by_key(|(_, pool)| pool.until);
        if let (Some((pool, rest)), true) = (rests, live == 0) {
            parts.push(format!("waits for the quota of {} until {}", clean(pool), rest.until));
        }
        parts.push(if waiting > 0 {
            format!("{} queued", count(waiting, "step"))
        } else {
            match view.tasks.iter().filter(|t| t.status == Word::InProgress).count() {
                0 => "between two steps".into(),
                n => format!("{} between two steps", count(n, "task")),
            }
        });
    }
    parts.join(", ")
}

fn pipeline_view(pipeline: &Pipeline, tasks: &HashMap<&str, &TaskView>) -> PipelineView {
    let phases: Vec<PhaseView> = pipeline.phases.iter().map(|p| phase_view(p, tasks)).collect();
    let open = phases.iter().find(|p| p.status != Word::Complete).or(phases.last());
    PipelineView {
        id: pipeline.id.to_string(),
        name: clean(&pipeline.name),
        alias: clean(&pipeline.alias),
        convergent: pipeline.convergent,
        status: Word::of(phases.iter().map(|p| p.status), Word::Complete),
        current_phase: open.map_or(0, |p| p.number),
        phases,
    }
}

fn phase_view(phase: &Phase, tasks: &HashMap<&str, &TaskView>) -> PhaseView {
    let members: Vec<&TaskView> = phase.tasks.iter().filter_map(|t| tasks.get(t.as_str()).copied()).collect();
    let status = Word::of(members.iter().map(|t| t.status), Word::Complete);
    let mut blocked_by: Vec<String> = Vec::new();
    for by in members.iter().flat_map(|t| &t.blocked_by) {
        if !blocked_by.contains(by) {
            blocked_by.push(by.clone());
        }
    }
    PhaseView {
        number: phase.number,
        name: clean(&phase.name),
        status,
        blocked_by,
        started_at: members.iter().filter_map(|t| t.started_at).min(),
        completed_at: members
            .iter()
            .filter_map(|t| t.completed_at)
            .max()
            .filter(|_| status == Word::Complete),
        tasks: phase.tasks.iter().map(ToString::to_string).collect(),
    }
}

/// Inputs of a task that a person has yet to declare.
pub(in crate::view) fn missing_inputs(state: &State, ix: usize) -> Vec<String> {
    let absent = state.absent();
    let names = state.graph.task(ix).inputs.iter().filter_map(|input| match input {
        Input::File { path } if absent.contains(path) => Some(path),
        Input::Outside { name, .. } => Some(name),
        _ => None,
    });
    names.filter(|name| !state.declared_inputs.contains_key(*name)).cloned().collect()
}

/// Steps that wait for a slot, tasks that wait to begin, steps that rest after a failure.
fn queue(state: &State) -> Vec<Queued> {
    let id = |ix: usize| state.graph.task(ix).id.to_string();
    let queued =
        state.queue().map(|(ix, step)| Queued { task: id(ix), step: step.to_string(), not_before: None });
    let mut all: Vec<Queued> = queued.collect();
    for (ix, it) in state.tasks.iter().enumerate() {
        if it.stage == TaskStage::Ready {
            all.push(Queued { task: id(ix), step: "workspace".into(), not_before: None });
        }
        for step in &it.steps {
            if let StepStatus::Resting(until) = step.status {
                let not_before = Some(When(until));
                all.push(Queued { task: id(ix), step: step.step.to_string(), not_before });
            }
        }
    }
    all
}

fn nearly_used_up(state: &State) -> Vec<BudgetView> {
    let of = crate::run::nearly_used_up(state).into_iter().map(|(limit, used, max)| {
        let amount = |n| amount_words(&limit, n);
        let text = format!("{}: {} of {} are used up", limit_words(&limit), amount(used), amount(max));
        BudgetView { text: clean(&text), limit, used, max }
    });
    of.collect()
}

fn rollbacks(state: &State) -> Vec<RollbackView> {
    let of = state.rollbacks.iter().map(|it| RollbackView {
        to: it.to.to_string(),
        by: clean(&it.by),
        note: it.note.as_deref().map(clean),
        at: When(it.began_at),
        done: it.rewound,
    });
    of.collect()
}

fn checkpoints(state: &State) -> Vec<CheckpointView> {
    let of = state.checkpoints.iter().map(|c| CheckpointView {
        id: c.id.to_string(),
        trigger: trigger(c.trigger),
        subject: clean(&c.subject),
        last: c.last,
        at: When(c.prepared_at),
        seq: c.seq,
        revision: c.revision.as_ref().map(ToString::to_string),
        this: c.seq == state.seq && c.revision.is_none(),
        abandoned: state.is_abandoned(c.seq),
        failed: c.failed.as_deref().map(clean),
    });
    of.collect()
}

/// As in the state schema.
pub(in crate::view) fn trigger(trigger: CheckpointTrigger) -> &'static str {
    match trigger {
        CheckpointTrigger::PhaseComplete => "PHASE_COMPLETE",
        CheckpointTrigger::BarrierComplete => "BARRIER_COMPLETE",
        CheckpointTrigger::Manual => "MANUAL",
    }
}

fn calls(state: &State) -> Calls {
    let used = &state.used;
    let (least, forecast) = state.graph.plan.forecast_calls();
    let ended = used.done + used.failed + used.lost;
    Calls {
        used: used.agent_calls,
        done: used.done,
        failed: used.failed,
        lost: used.lost,
        live: state.live.len() as u32,
        least,
        forecast,
        success_percent: (ended > 0).then(|| used.done * 100 / ended),
        wall_ms: used.wall_ms,
    }
}

fn cost(state: &State) -> Cost {
    let used = &state.used;
    let ended = used.done + used.failed + used.lost;
    let usd = format!("{}.{:02} USD", used.micro_usd / 1_000_000, used.micro_usd % 1_000_000 / 10_000);
    let text = match (ended, used.unpriced) {
        _ if state.graph.plan.rehearsal => "nothing: a rehearsal".to_owned(),
        (0, _) => "nothing yet".to_owned(),
        (_, 0) => usd,
        (ended, unpriced) if unpriced >= ended => "unknown: no agent reports its cost".to_owned(),
        (ended, unpriced) => format!("at least {usd}; unknown for {unpriced} of {ended} calls"),
    };
    Cost {
        tokens_in: used.tokens_in,
        tokens_out: used.tokens_out,
        micro_usd: used.micro_usd,
        unpriced: used.unpriced,
        text,
    }
}

fn grants(state: &State) -> Vec<GrantView> {
    let of = state.grants.iter().map(|g| GrantView {
        approval: g.approval.to_string(),
        rule: clean(&g.rule.to_string()),
        task: g.task.as_ref().map(ToString::to_string),
        by: clean(&g.by),
        at: When(g.at),
    });
    of.collect()
}

fn overrides(state: &State) -> Vec<OverrideView> {
    let of = state.overrides.iter().map(|o| OverrideView {
        task: o.task.to_string(),
        round: o.iteration,
        by: clean(&o.by),
        note: o.note.as_deref().map(clean),
        refusals: o.refusals.iter().map(refusal_text).collect(),
        at: When(o.at),
    });
    of.collect()
}

/// One for each task and reason.
pub(crate) fn waived(plan: &Plan) -> Vec<WaivedView> {
    let mut all: Vec<WaivedView> = Vec::new();
    for (task, waived) in plan.tasks.iter().flat_map(|task| task.waived.iter().map(move |w| (task, w))) {
        let (by, reason) = (waived.by.as_deref().map(clean), clean(&waived.reason));
        let strategy = waived.strategy.to_string();
        match all.last_mut().filter(|w| w.task == task.id.as_str() && w.by == by && w.reason == reason) {
            Some(same) => same.strategies.push(strategy),
            None => all.push(WaivedView {
                task: task.id.to_string(),
                strategies: vec![strategy],
                level: task.criticality.to_string(),
                by,
                reason,
            }),
        }
    }
    all
}

fn declared(state: &State) -> Vec<(String, String)> {
    let inputs =
        state.declared_inputs.iter().map(|(name, how)| (format!("input {}", clean(name)), clean(how)));
    let criteria =
        state.declared_criteria.iter().map(|(name, how)| (format!("criterion {}", clean(name)), clean(how)));
    inputs.chain(criteria).collect()
}
