//! What an input itself brings. Refusals are for people; a late, second or stale report simply
//! brings nothing.

use super::ask::{Reply, answered, cut, for_older_commit, still_asked, superseded};
use super::event::{ApprovalKind, ApproveAll, AttemptEnd, CheckpointTrigger, EventKind, RunStatus};
use super::input::{Command, Found, FoundState, Input, StartRun};
use super::state::{State, TaskStage};
use super::{StopWhy, reports, settle};
use crate::ids::{ApprovalId, AttemptId, Revision, TaskId};
use crate::planted::Bug;
use crate::time::Timestamp;

/// Why a command was not carried out. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The first input of a journal is a start, and no other one is.
    #[error("the run is already under way")]
    AlreadyStarted,
    /// Nothing happens before the start.
    #[error("the run has not begun")]
    NotStarted,
    /// The run is over.
    #[error("the run is over: it is {}", crate::view::run_word(*.0))]
    Over(RunStatus),
    /// There is no such question.
    #[error("there is no approval {0}; `consort show RUN` lists the open ones")]
    NoApproval(ApprovalId),
    /// It was answered before.
    #[error("{approval} was already answered: {answer}")]
    AlreadyAnswered {
        /// Which.
        approval: ApprovalId,
        /// By whom, how, and when.
        answer: String,
    },
    /// What it asked about is no longer so.
    #[error("{approval} is no longer asked: {why}")]
    Stale {
        /// Which.
        approval: ApprovalId,
        /// Why.
        why: String,
    },
    /// There is no such task.
    #[error("the plan has no task `{0}`")]
    NoTask(TaskId),
    /// The task is not in a state to be tried again.
    #[error("{task} does not wait for a retry: it is {stage}")]
    NotHeld {
        /// Which.
        task: TaskId,
        /// Where it stands.
        stage: String,
    },
    /// Pause and unpause in the wrong order.
    #[error("{0}")]
    Not(String),
}

type Brought = Result<Vec<EventKind>, Refusal>;

/// Events that this input brings by itself.
pub(super) fn handle(state: &State, input: &Input, now: Timestamp) -> Brought {
    match input {
        Input::Command { by, via, command } => {
            if let (Command::Start(start), None) = (command, &state.start) {
                return Ok(start_run(by, start));
            }
            if state.start.is_none() {
                return Err(Refusal::NotStarted);
            }
            self::command(state, by, via, command)
        }
        Input::Opened { runner, found } => Ok(opened(state, runner, found)),
        Input::Reported(report) => Ok(reports::reported(state, report, now)),
        Input::Tick => Ok(overdue(state, now)),
        Input::Suspended { for_ms } => Ok(vec![EventKind::DeadlinesShifted { by_ms: *for_ms }]),
        Input::Closing { why } => Ok(vec![EventKind::RunnerClosing { why: cut(why, 200) }]),
    }
}

fn start_run(by: &str, start: &StartRun) -> Vec<EventKind> {
    vec![EventKind::RunStarted { by: by.to_owned(), start: start.clone() }]
}

fn command(state: &State, by: &str, via: &str, command: &Command) -> Brought {
    let over = state.is_over();
    match command {
        Command::Start(_) => Err(Refusal::AlreadyStarted),
        Command::Integrate { into, expected } => integrate(state, by, into, expected),
        _ if over => Err(Refusal::Over(state.status)),
        Command::Cancel if state.cancelling => Err(Refusal::Not("the run is being cancelled already".into())),
        _ if state.cancelling => Err(Refusal::Not("the run is being cancelled".into())),
        Command::Approve { approval, note } => answer(state, approval, true, by, via, note.clone()),
        Command::Reject { approval, note } => answer(state, approval, false, by, via, note.clone()),
        Command::Pause if state.status == RunStatus::Paused => {
            Err(Refusal::Not("the run is paused already".into()))
        }
        Command::Pause => Ok(vec![EventKind::RunPaused { by: by.to_owned() }]),
        Command::Unpause if state.status != RunStatus::Paused => {
            Err(Refusal::Not("the run is not paused".into()))
        }
        Command::Unpause => Ok(vec![EventKind::RunUnpaused { by: by.to_owned() }]),
        Command::Cancel => Ok(cancelling(state, by)),
        Command::Retry { task } => retry(state, task, by),
        Command::ApproveAll => Ok(approve_all(state, by)),
        Command::Checkpoint => Ok(settle::checkpoint(state, CheckpointTrigger::Manual, "manual", false)),
    }
}

fn answer(
    state: &State,
    approval: &ApprovalId,
    yes: bool,
    by: &str,
    via: &str,
    note: Option<String>,
) -> Brought {
    let asked = state.approvals.get(approval).ok_or_else(|| Refusal::NoApproval(approval.clone()))?;
    if Bug::ApprovalForOlderCommit.is_planted()
        && yes
        && let Some(events) = for_older_commit(state, approval)
    {
        return Ok(events);
    }
    if let Some(given) = &asked.answer {
        let word = if given.yes { "approved" } else { "rejected" };
        let answer = format!("{word} by {} ({}) at {}", given.by, given.how, given.at);
        return Err(Refusal::AlreadyAnswered { approval: approval.clone(), answer });
    }
    if let Some(why) = &asked.void {
        return Err(Refusal::Stale { approval: approval.clone(), why: why.clone() });
    }
    if !still_asked(state, &asked.kind, approval) {
        let why = "what it asked about has changed since".to_owned();
        return Err(Refusal::Stale { approval: approval.clone(), why });
    }
    Ok(answered(state, approval, &asked.kind, &Reply { yes, by, how: via, note }))
}

/// The flag answers what is open now, and everything of its kind from here on.
fn approve_all(state: &State, by: &str) -> Vec<EventKind> {
    let mut events = vec![EventKind::ApproveAllSet { set: ApproveAll { by: by.to_owned() } }];
    for (id, open) in state.open_approvals() {
        let by_flag = matches!(
            open.kind,
            ApprovalKind::Task { .. }
                | ApprovalKind::Barrier { .. }
                | ApprovalKind::Input { .. }
                | ApprovalKind::Completion { .. }
        );
        if by_flag && still_asked(state, &open.kind, id) {
            let reply = Reply { yes: true, by, how: "flag --approve all", note: None };
            events.extend(answered(state, id, &open.kind, &reply));
        }
    }
    events
}

fn retry(state: &State, task: &TaskId, by: &str) -> Brought {
    let ix = state.graph.ix(task).ok_or_else(|| Refusal::NoTask(task.clone()))?;
    let it = &state.tasks[ix];
    let may = match &it.stage {
        TaskStage::Held(_) => true,
        TaskStage::Failed(_) => it.waits == 0,
        _ => false,
    };
    if !may {
        let stage = match &it.stage {
            TaskStage::Failed(why) => why.clone(),
            other => format!("{other:?}").chars().take_while(|c| c.is_alphanumeric()).collect(),
        };
        return Err(Refusal::NotHeld { task: task.clone(), stage });
    }
    let mut events: Vec<EventKind> = state
        .open_approvals()
        .filter(|(_, a)| matches!(&a.kind, ApprovalKind::Held { task: held, .. } if held == task))
        .map(|(id, _)| EventKind::ApprovalVoided {
            approval: id.clone(),
            why: format!("{by} retries {task}"),
        })
        .collect();
    events.extend(superseded(state, task));
    events.push(EventKind::TaskReleased {
        task: task.clone(),
        guidance: None,
        new_set: true,
        by: by.to_owned(),
    });
    Ok(events)
}

/// Everything stops: questions are moot, live attempts must end.
pub(super) fn cancelling(state: &State, by: &str) -> Vec<EventKind> {
    let mut events = vec![EventKind::RunCancelling { by: by.to_owned() }];
    let live = state.live.iter().filter(|(_, l)| l.stopping.is_none());
    events.extend(
        live.map(|(a, _)| EventKind::AttemptStopping { attempt: a.clone(), why: StopWhy::Cancelled }),
    );
    events
}

fn integrate(state: &State, by: &str, into: &str, expected: &Revision) -> Brought {
    if state.status != RunStatus::Complete {
        return Err(Refusal::Not("only the result of a COMPLETE run can be integrated".into()));
    }
    let last = state.checkpoints.last().filter(|c| c.last);
    if last.and_then(|c| c.revision.as_ref()).is_none() {
        return Err(Refusal::Not(
            "the last checkpoint is not there yet: `consort resume RUN` makes it".into(),
        ));
    }
    if state.integration.as_ref().is_some_and(|i| i.revision.is_none() && i.failed.is_none()) {
        return Err(Refusal::Not("an integration is under way: `consort resume RUN` finishes it".into()));
    }
    Ok(vec![EventKind::IntegrationApproved {
        into: into.to_owned(),
        expected: expected.clone(),
        by: by.to_owned(),
    }])
}

/// A runner opened the journal: what it found of each live attempt decides how it goes on.
fn opened(state: &State, runner: &str, found: &[Found]) -> Vec<EventKind> {
    let mut events = vec![EventKind::RunnerOpened { runner: cut(runner, 200) }];
    for Found { attempt, state: there } in found {
        let Some(live) = state.live.get(attempt) else { continue };
        match there {
            FoundState::Alive(_) if Bug::StartedAgainAtOpen.is_planted() => {}
            FoundState::Alive(process) => {
                if live.process.is_none() {
                    let process = process.clone();
                    events.push(EventKind::AttemptStarted { attempt: attempt.clone(), process });
                }
                events.push(EventKind::AttemptAdopted { attempt: attempt.clone() });
            }
            FoundState::Ended(ended) => events.extend(reports::ended(state, attempt, ended)),
            FoundState::NoTrace => events.push(gone(attempt, AttemptEnd::Lost)),
            FoundState::Vanished => events.push(gone(attempt, AttemptEnd::Unknown)),
        }
    }
    events
}

/// The end of an attempt of which nothing else is known.
pub(super) fn gone(attempt: &AttemptId, end: AttemptEnd) -> EventKind {
    EventKind::AttemptEnded {
        attempt: attempt.clone(),
        end,
        usage: super::Usage::default(),
        wall_ms: 0,
        leaked: 0,
        record: None,
    }
}

/// Attempts whose time is used up.
fn overdue(state: &State, now: Timestamp) -> Vec<EventKind> {
    let due = state.front.deadlines.iter().take_while(|(deadline, _)| *deadline <= now);
    due.filter(|(_, a)| state.live.get(a).is_some_and(|l| l.stopping.is_none()))
        .map(|(_, attempt)| EventKind::AttemptStopping { attempt: attempt.clone(), why: StopWhy::TimedOut })
        .collect()
}
