//! Queue, quality, checkpoints, metrics, questions, resumption.

use super::super::model::{Blocker, NextAction, RunView, TaskView};
use super::super::text::percent;
use super::super::words::Word;
use super::emit::Node;
use super::{direction_key, list, map, number, strategies};
use crate::plan::{Plan, TaskKind};
use crate::run::State;

/// Groups of agents that may work side by side: one per stage of phases, and one per barrier's
/// handoffs.
pub(super) fn queue(plan: &Plan, view: &RunView) -> Node {
    let mut groups: Vec<Node> = Vec::new();
    let mut current = Node::Null;
    let mut add = |name: String, ids: Vec<&str>| {
        let tasks: Vec<&TaskView> = ids.iter().filter_map(|id| view.task(id)).collect();
        let word = Word::of(tasks.iter().map(|t| t.status), Word::Complete);
        let status = match word {
            Word::Pending => "READY",
            Word::Failed => "BLOCKED",
            word => word.as_str(),
        };
        let id = groups.len() + 1;
        if status != "COMPLETE" && matches!(current, Node::Null) {
            current = id.into();
        }
        let mut blocked_by: Vec<&String> = Vec::new();
        for by in tasks.iter().flat_map(|t| &t.blocked_by).filter(|by| !ids.contains(&by.as_str())) {
            if !blocked_by.contains(&by) {
                blocked_by.push(by);
            }
        }
        let mode = if tasks.len() > 1 { "PARALLEL" } else { "SEQUENTIAL" };
        groups.push(map! {
            "id" => id,
            "name" => name,
            "execution_mode" => mode,
            "status" => status,
            "blocked_by" => list(blocked_by),
            "agents" => list(ids),
        });
    };
    let mut barriers: Vec<&crate::plan::Barrier> = plan.barriers.iter().collect();
    for stage in &plan.stages {
        add(stage.subject.clone(), stage.tasks.iter().map(|t| t.as_str()).collect());
        let (now, later): (Vec<_>, Vec<_>) =
            barriers.into_iter().partition(|b| b.after.iter().all(|at| is_behind(plan, stage, at)));
        now.iter().for_each(|b| {
            add(format!("{} cross-pollination", b.id), b.handoffs.iter().map(|t| t.as_str()).collect())
        });
        barriers = later;
    }
    let staged = |id: &str| plan.stages.iter().any(|s| s.tasks.iter().any(|t| t.as_str() == id));
    let loose: Vec<&str> = plan.agents().map(|t| t.id.as_str()).filter(|id| !staged(id)).collect();
    if !loose.is_empty() {
        add("tasks without phase".into(), loose);
    }
    map! { "current_group" => current, "groups" => groups }
}

/// Whether a phase is in this stage or in one before it.
fn is_behind(plan: &Plan, stage: &crate::plan::Stage, at: &(crate::ids::PipelineId, u32)) -> bool {
    let mut seen = plan.stages.iter().take_while(|s| *s != stage).chain([stage]);
    seen.any(|s| s.phases.contains(at))
}

pub(super) fn quality(plan: &Plan, view: &RunView) -> Node {
    let threshold = plan.quality.threshold.to_string();
    let mut required: Vec<&str> = Vec::new();
    let mut optional: Vec<&str> = Vec::new();
    for task in &plan.tasks {
        task.required_strategies.iter().for_each(|s| push(&mut required, s.as_str()));
        task.optional_strategies.iter().for_each(|s| push(&mut optional, s.as_str()));
    }
    optional.retain(|s| !required.contains(s));
    required.sort_unstable();
    optional.sort_unstable();
    let dimensions = plan.quality.dimensions.iter();
    let by_level = plan.pipelines.iter().flat_map(|p| &p.phases);
    let mut levels: Vec<(String, Node)> = Vec::new();
    for phase in by_level {
        let key = phase.criticality.to_string();
        if !levels.iter().any(|(k, _)| *k == key) {
            levels.push((key, strategies(&phase.required_strategies)));
        }
    }
    map! {
        "threshold" => number(&threshold),
        "criticality" => plan.workflow.criticality.to_string(),
        "scoring_mechanism" => "S-014",
        "min_iterations" => plan.agents().map(|t| t.rounds.min).max(),
        "required_strategies" => list(required),
        "optional_strategies" => list(optional),
        "strategies_by_criticality" => Node::Map(levels),
        "dimensions" => Node::Map(dimensions.map(|d| (d.id.to_string(), number(&d.weight.to_string()))).collect()),
        "score_bands" => map! {
            "PASS" => format!(">= {threshold}"),
            "REVISE" => format!(">= {} and < {threshold}", plan.quality.floor),
            "REJECTED" => format!("< {}", plan.quality.floor),
        },
        "phase_scores" => phase_scores(plan, view),
        "barrier_scores" => barrier_scores(plan, view),
        "workflow_quality" => workflow_quality(view),
    }
}

fn push<'a>(to: &mut Vec<&'a str>, item: &'a str) {
    if !to.contains(&item) {
        to.push(item);
    }
}

/// `phase-1`, then the alias; a phase of several agents has one entry per agent below it.
fn phase_scores(plan: &Plan, view: &RunView) -> Node {
    let mut numbers: Vec<u32> = plan.pipelines.iter().flat_map(|p| &p.phases).map(|p| p.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let phases = numbers.into_iter().map(|number| {
        let of = plan.pipelines.iter().flat_map(|pipeline| {
            let phase = pipeline.phases.iter().find(|p| p.number == number);
            let tasks: Vec<&TaskView> =
                phase.into_iter().flat_map(|p| &p.tasks).filter_map(|t| view.task(t.as_str())).collect();
            let one = tasks.len() == 1;
            let key = move |t: &TaskView| {
                if one { pipeline.alias.clone() } else { format!("{}.{}", pipeline.alias, t.id) }
            };
            tasks.into_iter().map(move |t| (key(t), score(t))).collect::<Vec<_>>()
        });
        (format!("phase-{number}"), Node::Map(of.collect()))
    });
    let mut all: Vec<(String, Node)> = phases.collect();
    let loose: Vec<(String, Node)> =
        view.agents().filter(|t| t.place.is_none()).map(|t| (t.id.clone(), score(t))).collect();
    if !loose.is_empty() {
        all.push(("tasks".into(), Node::Map(loose)));
    }
    Node::Map(all)
}

fn barrier_scores(plan: &Plan, view: &RunView) -> Node {
    let of = plan.barriers.iter().map(|b| {
        let directions = b.handoffs.iter().filter_map(|id| {
            let TaskKind::Handoff(handoff) = &plan.task(id)?.kind else { return None };
            Some((direction_key(&handoff.aliases), score(view.task(id.as_str())?)))
        });
        (b.id.to_string(), Node::Map(directions.collect()))
    });
    Node::Map(of.collect())
}

/// One gate. `status` is PASS, REVISE or REJECTED, PENDING before the first score.
fn score(task: &TaskView) -> Node {
    let last = task.rounds.iter().rev().find(|r| !r.scores.is_empty());
    let dimensions = last.into_iter().flat_map(|r| &r.scores).map(|(d, s)| (d.clone(), number(s)));
    map! {
        "score" => task.gate.score.as_deref().map(number),
        "threshold" => number(&task.threshold),
        "iterations" => task.gate.rounds,
        "status" => task.gate.band.as_deref().unwrap_or("PENDING"),
        "overridden" => task.gate.overridden,
        "score_history" => list(task.composites().map(number)),
        "dimension_scores" => Node::Map(dimensions.collect()),
    }
}

/// A decimal with at most eight places, in units of 1e-8: sums of them are exact.
fn hundred_millionths(decimal: &str) -> Option<u64> {
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    Some(whole.parse::<u64>().ok()? * 100_000_000 + format!("{fraction:0<8}").parse::<u64>().ok()?)
}

/// The average is cut after four places; whether a gate passed is never computed from it.
fn workflow_quality(view: &RunView) -> Node {
    let judged: Vec<&TaskView> = view.tasks.iter().filter(|t| t.judged).collect();
    let units: Vec<u64> =
        judged.iter().filter_map(|t| hundred_millionths(t.gate.score.as_deref()?)).collect();
    let mean = units.iter().sum::<u64>().checked_div(units.len() as u64);
    let decimal =
        |units: u64| number(&format!("{}.{:04}", units / 100_000_000, units % 100_000_000 / 10_000));
    let lowest = judged.iter().filter_map(|t| t.gate.score.as_deref()).min_by_key(|s| hundred_millionths(s));
    let gates = |word: Word| judged.iter().filter(|t| t.gate.status == word && !t.gate.overridden).count();
    let overridden = judged.iter().filter(|t| t.gate.overridden).count();
    map! {
        "average_score" => mean.map(decimal),
        "lowest_score" => lowest.map(number),
        "total_iterations" => view.tasks.iter().map(|t| t.gate.rounds).sum::<u32>(),
        "gates_passed" => gates(Word::Complete),
        "gates_failed" => gates(Word::Failed),
        "gates_pending" => gates(Word::Pending) + gates(Word::InProgress),
        "gates_overridden" => overridden,
    }
}

pub(super) fn checkpoints(view: &RunView) -> Node {
    list(view.checkpoints.iter().map(|c| {
        map! {
            "id" => c.id.as_str(),
            "timestamp" => c.at,
            "trigger" => c.trigger,
            "description" => match c.last {
                true => format!("After {}, the last one", c.subject),
                false => format!("After {}", c.subject),
            },
            "recovery_point" => format!("journal record {}", c.seq),
            "commit" => match (&c.revision, c.this) {
                (Some(revision), _) => Node::from(revision),
                (None, true) => Node::from("(this checkpoint)"),
                (None, false) => Node::Null,
            },
            "failed" => c.failed.as_deref(),
        }
    }))
}

pub(super) fn metrics(view: &RunView) -> Node {
    let part = |word: &str, done: usize, total: usize| {
        map! { word => done, "total" => total, "percent" => percent(done, total) }
    };
    let phases: Vec<Word> = view.pipelines.iter().flat_map(|p| &p.phases).map(|p| p.status).collect();
    let complete = |t: &&TaskView| t.status == Word::Complete;
    let agents: Vec<&TaskView> = view.agents().collect();
    let artifacts: usize = view.tasks.iter().map(|t| t.outputs.len()).sum();
    let made: usize = view.tasks.iter().filter(complete).map(|t| t.outputs.len()).sum();
    let passed = view.barriers.iter().filter(|b| b.status == Word::Complete).count();
    let calls = &view.calls;
    let handoffs: Vec<&TaskView> =
        view.tasks.iter().filter(|t| t.handoff_of.is_some() && t.gate.score.is_some()).collect();
    let valid = handoffs.iter().filter(|t| t.gate.band.as_deref() == Some("PASS")).count();
    map! {
        "execution" => map! {
            "phases" => part("complete", phases.iter().filter(|w| **w == Word::Complete).count(), phases.len()),
            "barriers" => part("complete", passed, view.barriers.len()),
            "agents" => part("executed", agents.iter().copied().filter(|t| complete(t)).count(), agents.len()),
            "artifacts" => part("created", made, artifacts),
        },
        "quality" => map! {
            "agent_success_rate" => calls.success_percent,
            "barrier_validation_pass_rate" => Some(percent(valid, handoffs.len())).filter(|_| !handoffs.is_empty()),
        },
        "calls" => map! {
            "started" => calls.used,
            "succeeded" => calls.done,
            "failed" => calls.failed,
            "lost_or_unknown" => calls.lost,
            "running" => calls.live,
            "forecast" => calls.forecast,
            "wall_ms" => calls.wall_ms,
            "tokens_in" => view.cost.tokens_in,
            "tokens_out" => view.cost.tokens_out,
            "cost" => view.cost.text.as_str(),
        },
        "timing" => map! {
            "workflow_started" => view.started_at,
            "last_activity" => view.started_at.map(|_| view.updated_at),
            "workflow_ended" => view.ended_at,
        },
    }
}

pub(super) fn approvals(view: &RunView) -> Node {
    list(view.approvals.iter().map(|a| {
        map! {
            "id" => a.id.as_str(),
            "kind" => a.kind,
            "subject" => a.subject.as_str(),
            "commit" => a.revision.as_deref(),
            "asked_of" => a.who.as_str(),
            "may_answer" => a.may_answer(),
            "asked_at" => a.asked_at,
            "question" => a.question.as_str(),
            "state" => a.state,
            "answered_by" => a.answer.as_ref().map(|x| x.by.as_str()),
            "answered_how" => a.answer.as_ref().map(|x| x.how.as_str()),
            "declared_by_flag" => a.answer.as_ref().map(|x| x.by_flag),
            "answered_at" => a.answer.as_ref().map(|x| x.at),
            "note" => a.answer.as_ref().and_then(|x| x.note.as_deref()),
            "void" => a.void.as_deref(),
        }
    }))
}

/// What people said to creators, and the rounds that they granted beyond the first set.
pub(super) fn guidance(view: &RunView) -> Node {
    let all = view.tasks.iter().flat_map(|t| t.steering.iter().map(move |s| (t, s)));
    list(all.map(|(task, s)| {
        map! {
            "task" => task.id.as_str(),
            "by" => s.by.as_str(),
            "before_iteration" => s.round,
            "new_set" => s.new_set,
            "text" => s.guidance.as_deref(),
        }
    }))
}

pub(super) fn overrides(view: &RunView) -> Node {
    list(view.overrides.iter().map(|o| {
        map! {
            "task" => o.task.as_str(),
            "iteration" => o.round,
            "by" => o.by.as_str(),
            "at" => o.at,
            "against" => list(o.refusals.iter()),
            "note" => o.note.as_deref(),
        }
    }))
}

pub(super) fn waived(view: &RunView) -> Node {
    list(view.waived.iter().map(|w| {
        map! {
            "task" => w.task.as_str(),
            "strategies" => list(w.strategies.iter()),
            "level" => w.level.as_str(),
            "by" => w.by.as_deref(),
            "reason" => w.reason.as_str(),
        }
    }))
}

pub(super) fn blockers(view: &RunView) -> Node {
    let active = view.blockers.iter().filter(|b| b.resolution.is_none());
    list(active.map(|b: &Blocker| {
        map! {
            "id" => b.id.as_str(),
            "description" => b.description.as_str(),
            "blocking" => list(b.blocking.iter()),
            "severity" => b.severity,
            "created_at" => b.since,
        }
    }))
}

pub(super) fn resolved(view: &RunView) -> Node {
    let resolved = view.blockers.iter().filter(|b| b.resolution.is_some());
    list(resolved.map(|b| {
        map! {
            "id" => b.id.as_str(),
            "description" => b.description.as_str(),
            "resolution" => b.resolution.as_deref(),
            "resolved_at" => b.resolved_at,
        }
    }))
}

pub(super) fn next_actions(view: &RunView) -> Node {
    let parallel = view.next_actions.immediate.iter().filter(|a| !a.agents.is_empty()).count() > 1;
    let mode = if parallel { "PARALLEL" } else { "SEQUENTIAL" };
    let immediate = |a: &NextAction| {
        map! {
            "action" => a.action.as_str(),
            "agents" => list(a.agents.iter()),
            "execution_mode" => if a.agents.is_empty() { "SEQUENTIAL" } else { mode },
            "command" => a.command.as_deref(),
        }
    };
    let subsequent = |a: &NextAction| {
        map! { "action" => a.action.as_str(), "depends_on" => a.depends_on.as_deref() }
    };
    map! {
        "immediate" => list(view.next_actions.immediate.iter().map(immediate)),
        "subsequent" => list(view.next_actions.subsequent.iter().map(subsequent)),
    }
}

pub(super) fn resumption(state: &State, view: &RunView) -> Node {
    let r = &view.resumption;
    let judged: Vec<&TaskView> = view.tasks.iter().filter(|t| t.judged).collect();
    let passed = judged.iter().filter(|t| t.gate.status == Word::Complete).count();
    let current = judged.iter().find(|t| t.gate.status == Word::InProgress);
    let history = judged.iter().filter(|t| t.gate.score.is_some());
    map! {
        "recovery_state" => map! {
            "last_checkpoint" => r.last_checkpoint.as_deref(),
            "current_phase" => r.current_phase,
            "current_phase_name" => r.current_phase_name.as_deref(),
            "workflow_status" => view.status,
            "current_activity" => r.current_activity.as_str(),
            "next_step" => r.next_step.as_str(),
            "journal_record" => view.seq,
            "updated_at" => view.started_at.map(|_| view.updated_at),
        },
        "files_to_read" => list(r.files_to_read.iter().enumerate().map(|(n, (path, purpose))| {
            map! { "path" => path, "priority" => n + 1, "purpose" => purpose }
        })),
        "quality_trajectory" => map! {
            "gates_completed" => passed,
            "gates_remaining" => judged.len() - passed,
            "current_gate" => current.map(|t| t.id.as_str()),
            "current_gate_iteration" => current.map(|t| t.round),
            "score_history" => Node::Map(history.map(|t| (t.id.clone(), list(t.composites().map(number)))).collect()),
            "lowest_dimension" => lowest_dimension(state),
            "total_iterations_used" => view.tasks.iter().map(|t| t.gate.rounds).sum::<u32>(),
        },
        "decision_log" => decisions(view),
        "agent_summaries" => Node::Map(view.agents().map(|t| (t.id.clone(), summary(t).into())).collect()),
        "resume_command" => r.command.as_str(),
        "cross_session_portable" => true,
        "ephemeral_references" => false,
    }
}

/// The dimension with the lowest latest score of any gate.
fn lowest_dimension(state: &State) -> Node {
    let latest = state.tasks.iter().filter_map(|t| t.rounds.iter().rev().find(|r| !r.scores.is_empty()));
    let lowest = latest.flat_map(|r| &r.scores).min_by_key(|s| s.score);
    lowest
        .map(|s| map! { "dimension" => s.dimension.as_str(), "score" => number(&s.score.to_string()) })
        .into()
}

/// What people decided, in order: answers and overrides.
fn decisions(view: &RunView) -> Node {
    let answered = view.approvals.iter().filter_map(|a| Some((a, a.answer.as_ref()?)));
    list(answered.enumerate().map(|(n, (a, answer))| {
        map! {
            "id" => format!("RD-{:03}", n + 1),
            "decision" => format!("{} {} ({})", a.subject, a.state, a.id),
            "by" => answer.by.as_str(),
            "how" => answer.how.as_str(),
            "at" => answer.at,
            "rationale" => answer.note.as_deref(),
        }
    }))
}

fn summary(task: &TaskView) -> String {
    let score =
        task.gate.score.as_deref().map(|s| format!(", {s} against {}", task.threshold)).unwrap_or_default();
    format!("{}: {}{score}", task.status, task.activity)
}
