//! The run as a whole: what is asked before it can begin, its checkpoints, its end.

use crate::ids::{ApprovalId, CheckpointId};
use crate::plan::{CompletionBy, Input};
use crate::run::ask::{Questions, WHOEVER};
use crate::run::event::{ApprovalKind, CheckpointTrigger, EventKind, RunStatus};
use crate::run::state::{Approval, State};

/// Asks once for every input that only a person can declare.
pub(super) fn inputs(state: &State) -> Vec<EventKind> {
    let absent = state.absent();
    let declared = |name: &String| state.declared_inputs.contains_key(name);
    let mut names: Vec<(&str, String)> = Vec::new();
    for task in &state.graph.plan.tasks {
        for input in &task.inputs {
            let (name, question) = match input {
                Input::File { path } if absent.contains(path) && !declared(path) => (
                    path,
                    format!("{path} is not in the repository at the base of this run: go on without it?"),
                ),
                Input::Outside { name, about } if !declared(name) => {
                    let about = about.as_deref().map(|a| format!(" ({a})")).unwrap_or_default();
                    (name, format!("{name}{about} is outside the repository: is it there for the agents?"))
                }
                _ => continue,
            };
            if !names.iter().any(|(known, _)| known == name) {
                names.push((name, question));
            }
        }
    }
    let mut questions = Questions::new(state);
    let mut events = Vec::new();
    for (name, question) in names {
        events.extend(questions.ask(ApprovalKind::Input { name: name.into() }, WHOEVER, question));
    }
    events
}

/// Is the run COMPLETE? Its last words are the criteria that only a person can vouch for.
pub(super) fn completion(state: &State) -> Vec<EventKind> {
    let mut questions = Questions::new(state);
    let mut events = Vec::new();
    let mut open = 0;
    for criterion in &state.graph.plan.completion {
        let met = match &criterion.by {
            CompletionBy::Phases => state.front.tasks_left == 0,
            CompletionBy::Barriers => state.front.barriers_left == 0,
            CompletionBy::Artifact(path) => {
                let all = state.tasks.iter().filter_map(|t| t.accepted());
                all.flat_map(|c| &c.artifacts).any(|a| a.path == *path)
            }
            CompletionBy::Person => {
                if state.declared_criteria.contains_key(&criterion.name) {
                    continue;
                }
                open += 1;
                let asked = |a: &Approval| {
                    a.answer.is_none()
                        && matches!(&a.kind, ApprovalKind::Completion { name } if *name == criterion.name)
                };
                if !state.approvals.values().any(asked) {
                    let question = format!("{}: {}", criterion.name, criterion.validation);
                    let kind = ApprovalKind::Completion { name: criterion.name.clone() };
                    events.extend(questions.ask(kind, WHOEVER, question));
                }
                continue;
            }
        };
        if !met {
            return end(state, RunStatus::Failed, None);
        }
    }
    if open == 0 { end(state, RunStatus::Complete, None) } else { events }
}

/// The end of the run: open questions become moot, but the one that was just answered.
pub(in crate::run) fn end(state: &State, status: RunStatus, answered: Option<&ApprovalId>) -> Vec<EventKind> {
    let mut events: Vec<EventKind> = state
        .open_approvals()
        .filter(|(id, _)| Some(*id) != answered)
        .map(|(id, _)| EventKind::ApprovalVoided { approval: id.clone(), why: "the run is over".into() })
        .collect();
    events.push(EventKind::RunEnded { status });
    events
}

/// A checkpoint of the state after the record that is being made.
pub(in crate::run) fn checkpoint(
    state: &State,
    trigger: CheckpointTrigger,
    subject: &str,
    last: bool,
) -> Vec<EventKind> {
    let number = state.checkpoints.len() + 1;
    vec![EventKind::CheckpointPrepared {
        checkpoint: CheckpointId(format!("CP-{number:03}")),
        seq: state.seq + 1,
        trigger,
        subject: subject.to_owned(),
        last,
    }]
}

/// The last checkpoint names what ended last.
pub(super) fn last_checkpoint(state: &State) -> Vec<EventKind> {
    let plan = &state.graph.plan;
    let tasks_end = state.tasks.iter().filter_map(|t| t.accepted_at).max();
    let last_barrier = (0..state.barriers.len()).max_by_key(|b| (state.barriers[*b].completed_at, *b));
    let ended_by_barrier = last_barrier.filter(|b| state.barriers[*b].completed_at > tasks_end);
    if let Some(b) = ended_by_barrier {
        return checkpoint(state, CheckpointTrigger::BarrierComplete, plan.barriers[b].id.as_str(), true);
    }
    let end_of = |stage: &crate::plan::Stage| {
        stage.tasks.iter().filter_map(|t| state.tasks[state.graph.ix(t)?].accepted_at).max()
    };
    let stage = plan.stages.iter().enumerate().max_by_key(|(rank, s)| (end_of(s), *rank));
    let subject = stage.map_or("workflow", |(_, s)| s.subject.as_str());
    checkpoint(state, CheckpointTrigger::PhaseComplete, subject, true)
}
