//! What to do next, and how to go on in another session.

use super::{NextAction, NextActions, Resumption, RunView};
use crate::plan::Plan;
use crate::view::text::{clean, count, first_sentence};
use crate::view::words::Word;

/// What is to be done now and after that.
pub(super) fn actions(view: &RunView, plan: &Plan) -> NextActions {
    let run = &view.id;
    match view.status {
        "COMPLETE" => return after_completion(view, plan),
        "FAILED" | "CANCELLED" => {
            let look = match plan.is_alone() {
                true => by_person("Read what was said against it", format!("consort report {run}")),
                false => {
                    by_person("Read what was accepted and why the run ended", format!("consort status {run}"))
                }
            };
            return NextActions {
                immediate: vec![look],
                subsequent: vec![by_person("Start it again as a new run", plan.once_more().into())],
            };
        }
        _ => {}
    }
    let mut immediate: Vec<NextAction> = Vec::new();
    if view.status == "PAUSED" {
        immediate.push(by_person("Let the run go on", format!("consort resume {run}")));
    }
    immediate.extend(
        view.open_approvals()
            .take(20)
            .map(|a| by_person(&format!("Answer {}: {}", a.id, a.question), a.first_command().to_owned())),
    );
    let active = view.tasks.iter().filter(|t| matches!(t.status, Word::InProgress | Word::Pending));
    immediate.extend(active.filter(|t| !t.activity.starts_with("waits for approval")).take(20).map(|t| {
        let about =
            plan.task(&t.id.as_str().into()).map(|task| first_sentence(&task.text)).unwrap_or_default();
        let round = t.round_text();
        let state =
            if round.is_empty() { "not begun".to_owned() } else { format!("{round}, {}", t.activity) };
        NextAction {
            action: format!("{} ({state}): {about}", t.id),
            agents: vec![t.id.clone()],
            depends_on: None,
            command: None,
        }
    }));
    if immediate.is_empty() {
        immediate.push(by_person("Let the run go on", format!("consort resume {run}")));
    }
    NextActions { immediate, subsequent: subsequent(view) }
}

fn by_person(action: &str, command: String) -> NextAction {
    NextAction { action: clean(action), agents: Vec::new(), depends_on: None, command: Some(command) }
}

fn after_completion(view: &RunView, plan: &Plan) -> NextActions {
    let run = &view.id;
    let verify = by_person("Check the record against the repository", format!("consort verify {run}"));
    let bring = match &view.integration {
        Some(i) if i.revision.is_some() => None,
        // Nothing was made that could come anywhere.
        _ if plan.is_alone() => None,
        _ => Some(by_person(
            "See what would come to your branch",
            format!("consort integrate {run} --dry-run"),
        )),
    };
    NextActions { immediate: bring.into_iter().chain([verify]).collect(), subsequent: Vec::new() }
}

/// Barriers and blocked phases that come next, at most ten.
fn subsequent(view: &RunView) -> Vec<NextAction> {
    let barriers = view.barriers.iter().filter(|b| b.status == Word::Pending).map(|b| {
        let after: Vec<String> = b.after.iter().map(|(p, n)| format!("{p} phase {n}")).collect();
        NextAction {
            action: format!(
                "cross-pollination over {} with {}, gate at >= {}",
                b.id,
                count(b.handoffs.len(), "handoff"),
                b.threshold
            ),
            agents: b.handoffs.clone(),
            depends_on: Some(after.join(", ")),
            command: None,
        }
    });
    let phases = view.pipelines.iter().flat_map(|p| p.phases.iter().map(move |phase| (p, phase)));
    let phases =
        phases.filter(|(_, phase)| phase.status == Word::Blocked).map(|(pipeline, phase)| NextAction {
            action: format!("{} phase {} ({})", pipeline.alias, phase.number, phase.name),
            agents: phase.tasks.clone(),
            depends_on: Some(phase.blocked_by.join(", ")).filter(|by| !by.is_empty()),
            command: None,
        });
    barriers.chain(phases).take(10).collect()
}

/// How to go on.
pub(super) fn resumption(view: &RunView, plan: &Plan) -> Resumption {
    let open = view.pipelines.iter().flat_map(|p| &p.phases).filter(|p| p.status != Word::Complete);
    let current = open.min_by_key(|p| p.number);
    let base = &plan.workflow.base_path;
    let mut files = vec![
        (format!("{base}/ORCHESTRATION.yaml"), "state of every task, gate and checkpoint".to_owned()),
        (format!("{base}/ORCHESTRATION_WORKTRACKER.md"), "progress, scores and open questions".to_owned()),
    ];
    let accepted = view.tasks.iter().filter(|t| t.status == Word::Complete);
    let latest: Vec<_> = accepted.flat_map(|t| t.artifacts.iter().map(|(path, _)| (path, &t.id))).collect();
    files.extend(
        latest.iter().rev().take(6).map(|(path, task)| ((*path).clone(), format!("accepted work of {task}"))),
    );
    Resumption {
        last_checkpoint: view.checkpoints.last().map(|c| c.id.clone()),
        current_phase: current.map(|p| p.number),
        current_phase_name: current.map(|p| p.name.clone()),
        current_activity: view.doing.clone(),
        next_step: view.next_actions.immediate.first().map(|a| a.action.clone()).unwrap_or_default(),
        files_to_read: files,
        command: match view.is_over() {
            true => format!("consort show {}", view.id),
            false => format!("consort resume {}", view.id),
        },
    }
}
