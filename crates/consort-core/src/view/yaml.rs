//! ORCHESTRATION.yaml: the state for programs, with the keys and enums of schema 2.0.0.

use super::model::{BarrierView, PipelineView, RunView, TaskView};
use super::text::{clean, percent};
use super::words::Word;
use crate::ids::StrategyId;
use crate::plan::{IdSource, Plan, TaskKind};
use crate::run::State;
use emit::Node;

mod emit;
mod parts;

/// A map with these keys in this order.
macro_rules! map {
    ($($key:expr => $value:expr),* $(,)?) => {
        $crate::view::yaml::emit::Node::Map(vec![$((String::from($key), $crate::view::yaml::emit::Node::from($value))),*])
    };
}
pub(super) use map;

pub(super) fn list<T: Into<Node>>(items: impl IntoIterator<Item = T>) -> Node {
    Node::List(items.into_iter().map(Into::into).collect())
}

/// An exact decimal, as it is written.
pub(super) fn number(decimal: &str) -> Node {
    Node::Number(decimal.to_owned())
}

pub(super) fn render(state: &State, view: &RunView) -> String {
    let plan = &state.graph.plan;
    let root = map! {
        "schema_version" => "2.0.0",
        "workflow" => workflow(plan, view),
        "paths" => paths(plan),
        "pipelines" => Node::Map(
            plan.pipelines.iter().zip(&view.pipelines).map(|(p, v)| (p.id.to_string(), pipeline(plan, p, v, view))).collect()
        ),
        "barriers" => list(plan.barriers.iter().zip(&view.barriers).map(|(b, v)| barrier(plan, b, v, view))),
        "execution_queue" => parts::queue(plan, view),
        "quality" => parts::quality(plan, view),
        "checkpoints" => parts::checkpoints(view),
        "metrics" => parts::metrics(view),
        "approvals" => parts::approvals(view),
        "guidance" => parts::guidance(view),
        "overrides" => parts::overrides(view),
        "strategies_left_out" => parts::waived(view),
        "blockers" => map! { "active" => parts::blockers(view) },
        "issues" => map! { "resolved" => parts::resolved(view) },
        "next_actions" => parts::next_actions(view),
        "resumption" => parts::resumption(state, view),
    };
    format!(
        "# Written by consort from the journal of the run; changes are overwritten.\n{}",
        emit::document(&root)
    )
}

fn workflow(plan: &Plan, view: &RunView) -> Node {
    let w = &plan.workflow;
    map! {
        "id" => view.workflow.as_str(),
        "run_id" => view.id.as_str(),
        "name" => w.title.as_str(),
        "description" => w.purpose.as_str(),
        "project_id" => w.project.as_deref(),
        "version" => w.version.as_str(),
        "id_source" => match w.id_source { IdSource::User => "user", IdSource::Auto => "auto" },
        "id_format" => "{purpose}-{YYYYMMDD}-{NNN}",
        "status" => view.status,
        "rehearsal" => view.rehearsal,
        "created_at" => view.started_at,
        "updated_at" => view.started_at.map(|_| view.updated_at),
        "started_at" => view.started_at,
        "completed_at" => view.ended_at.filter(|_| view.status == "COMPLETE"),
        "ended_at" => view.ended_at,
        "patterns" => list(w.patterns.iter().map(String::as_str)),
        "criticality" => map! {
            "workflow_level" => w.criticality.to_string(),
            "rationale" => w.criticality_rationale.as_deref(),
        },
        "constraints" => map! {
            "max_agent_nesting" => 1u32,
            "file_persistence" => true,
            "user_authority" => true,
            "max_concurrent_agents" => plan.limits.max_concurrent_agents,
            "max_barrier_retries" => plan.limits.max_barrier_retries,
            "checkpoint_frequency" => format!("{:?}", plan.checkpoints).to_uppercase(),
        },
    }
}

fn paths(plan: &Plan) -> Node {
    let base = &plan.workflow.base_path;
    map! {
        "base" => format!("{base}/"),
        "pipeline" => format!("{base}/{{pipeline_alias}}/{{phase_path_id}}/{{agent_id}}/"),
        "barrier" => format!("{base}/cross-pollination/{{barrier_id}}/{{source}}-to-{{target}}/"),
    }
}

/// Phases have no FAILED in the schema: what was given up inside one shows at its agents.
fn phase_word(word: Word) -> &'static str {
    match word {
        Word::Failed => Word::InProgress.as_str(),
        other => other.as_str(),
    }
}

/// Barriers have neither BLOCKED nor FAILED: a held one is under way, one that was given up is
/// not done. The reason is among the blockers and issues, and in `activity`.
fn barrier_word(word: Word) -> &'static str {
    match word {
        Word::Blocked => Word::InProgress.as_str(),
        Word::Failed => Word::Pending.as_str(),
        other => other.as_str(),
    }
}

/// Handoffs have the words of barriers: one that was not begun is PENDING.
fn handoff_word(task: &TaskView) -> &'static str {
    match task.status {
        Word::Blocked if task.round == 0 => Word::Pending.as_str(),
        word => barrier_word(word),
    }
}

fn pipeline(plan: &Plan, pipeline: &crate::plan::Pipeline, shown: &PipelineView, view: &RunView) -> Node {
    let current =
        shown.phases.iter().find(|p| p.number == shown.current_phase).map_or(Word::Pending, |p| p.status);
    let status = match (shown.status, current) {
        (Word::Complete, _) => "COMPLETE".to_owned(),
        (_, Word::InProgress | Word::Failed) => format!("PHASE_{}_IN_PROGRESS", shown.current_phase),
        _ => format!("PHASE_{}_PENDING", shown.current_phase),
    };
    let done = shown.phases.iter().filter(|p| p.status == Word::Complete).count();
    let phases = pipeline.phases.iter().zip(&shown.phases).map(|(phase, now)| {
        let agents = now.tasks.iter().filter_map(|id| view.task(id));
        let artifacts = agents.clone().filter(|t| t.status == Word::Complete).flat_map(|t| &t.artifacts);
        map! {
            "id" => phase.number,
            "name" => phase.name.as_str(),
            "path_id" => phase.path_id.as_str(),
            "status" => phase_word(now.status),
            "blocked_by" => list(now.blocked_by.iter()),
            "started_at" => now.started_at,
            "completed_at" => now.completed_at,
            "agents" => list(agents.clone().map(|t| agent(plan, t))),
            "artifacts" => list(artifacts.map(|(path, _)| path)),
        }
    });
    map! {
        "id" => shown.id.as_str(),
        "name" => shown.name.as_str(),
        "short_alias" => shown.alias.as_str(),
        "skill_source" => pipeline.skill.as_deref(),
        "convergent" => shown.convergent,
        "status" => status,
        "current_phase" => shown.current_phase,
        // A convergent pipeline goes on counting where the others ended.
        "total_phases" => shown.phases.last().map_or(0, |p| p.number),
        "progress_percent" => percent(done, shown.phases.len()),
        "phases" => list(phases),
    }
}

fn agent(plan: &Plan, task: &TaskView) -> Node {
    let text = plan.task(&task.id.as_str().into()).map(|t| clean(&t.text));
    map! {
        "id" => task.id.as_str(),
        "name" => task.role.as_str(),
        "task" => text,
        "status" => task.status.as_str(),
        "activity" => task.activity.as_str(),
        "artifact" => task.outputs.first(),
        "inputs" => list(task.inputs.iter()),
        "blocked_by" => list(task.blocked_by.iter()),
        "iterations" => task.round,
        "attempts" => task.attempts,
        "workspace" => task.workspace,
        "commit" => task.revision.as_deref().filter(|_| task.status == Word::Complete),
        "started_at" => task.started_at,
        "completed_at" => task.completed_at,
    }
}

fn barrier(plan: &Plan, barrier: &crate::plan::Barrier, shown: &BarrierView, view: &RunView) -> Node {
    let artifacts = barrier.handoffs.iter().filter_map(|id| {
        let task = plan.task(id)?;
        let TaskKind::Handoff(handoff) = &task.kind else { return None };
        let now = view.task(id.as_str())?;
        let entry = map! {
            "path" => task.output.paths().first(),
            "status" => handoff_word(now),
            "key_content" => list(handoff.key_content.iter()),
            "activity" => now.activity.as_str(),
            "sha256" => now.artifacts.first().filter(|_| now.status == Word::Complete).map(|(_, hash)| hash),
        };
        Some((direction_key(&handoff.aliases), entry))
    });
    map! {
        "id" => shown.id.as_str(),
        "name" => format!("Sync barrier {}", shown.id),
        "status" => barrier_word(shown.status),
        "activity" => shown.activity.as_str(),
        "depends_on" => list(shown.after.iter().map(|(p, n)| format!("{p}.phase.{n}"))),
        "retries" => shown.retries,
        "completed_at" => shown.completed_at,
        "commit" => shown.revision.as_deref().filter(|_| shown.status == Word::Complete),
        "quality_gate" => map! {
            "threshold" => number(&shown.threshold),
            "required_strategies" => strategies(&barrier.required_strategies),
            "optional_strategies" => strategies(&barrier.optional_strategies),
        },
        "artifacts" => Node::Map(artifacts.collect()),
    }
}

/// `spike-001-to-spike-002`, as in the path.
pub(super) fn direction_key(aliases: &(String, String)) -> String {
    clean(&format!("{}-to-{}", aliases.0, aliases.1))
}

pub(super) fn strategies(all: &[StrategyId]) -> Node {
    list(all.iter().map(|s| s.as_str()))
}
