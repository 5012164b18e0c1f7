//! What an input itself brings. Refusals are for people; a late, second or stale report simply
//! brings nothing.

use super::ask::{Reply, answered, cut, for_older_commit, steers, still_asked, superseded, wants_words};
use super::command::{Command, StartRun};
use super::event::{ApprovalKind, ApproveAll, AttemptEnd, CheckpointTrigger, EventKind, RunStatus};
use super::input::{Found, FoundState, Input};
use super::people::{is_among, moved, of_task, only, shown, who_may};
use super::session::Reach;
use super::state::{ApprovalAnswer, State, TaskStage};
use super::{StopWhy, amend, reports, rollback, settle, talk};
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
    /// Only certain people's word counts here.
    #[error("{what} is for {may} to say, and not for {by}")]
    NotYours {
        /// What it is about: a question, a task, the integration.
        what: String,
        /// Who tried.
        by: String,
        /// Whose word counts.
        may: String,
    },
    /// It cannot be said without words.
    #[error("{approval}: {why}")]
    Wordless {
        /// Which.
        approval: ApprovalId,
        /// What the words are for.
        why: &'static str,
    },
    /// A yes cannot reach that far.
    #[error("{approval} cannot be granted for more than this call: {why}")]
    NoReach {
        /// Which.
        approval: ApprovalId,
        /// Why not.
        why: &'static str,
    },
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

impl Refusal {
    /// Somebody was first: who, how and when.
    pub fn already(approval: &ApprovalId, first: &ApprovalAnswer) -> Self {
        let word = if first.yes { "approved" } else { "rejected" };
        let answer = format!("{word} by {} ({}) at {}", first.by, first.how, first.at);
        Refusal::AlreadyAnswered { approval: approval.clone(), answer }
    }
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
        Input::Elsewhere { day, spent, unread, reserved } => {
            Ok(super::budget::elsewhere(state, (*day, *spent, *reserved), unread, now))
        }
        Input::RestsElsewhere { rests } => Ok(super::pools::elsewhere(state, rests, now)),
        Input::Slots { free } if state.slots != *free && !state.is_over() => {
            Ok(vec![EventKind::SlotsHeld { free: *free }])
        }
        Input::Slots { .. } => Ok(Vec::new()),
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
        Command::Rollback { to, note } => rollback::command(state, to, note.as_deref(), by),
        Command::ApproveAll if state.rolling_back().is_some() => Ok(approve_all(state, by)),
        _ if state.rolling_back().is_some() => {
            Err(Refusal::Not("the run is being rolled back: ask again when that is done".into()))
        }
        Command::Amend { plan, source, absent, note } => {
            amend::command(state, (plan, source.as_ref()), absent, note.as_deref(), by)
        }
        Command::Retry { task, .. } | Command::Steer { task, .. } if is_leaving(state, task) => {
            Err(Refusal::Not(format!("{task} begins anew: the workflow was changed; ask again when it has")))
        }
        Command::Integrate { into, expected } => integrate(state, by, into, expected),
        _ if over => Err(Refusal::Over(state.status)),
        Command::Cancel if state.cancelling => Err(Refusal::Not("the run is being cancelled already".into())),
        _ if state.cancelling => Err(Refusal::Not("the run is being cancelled".into())),
        Command::Approve { approval, note, seen, reach } => {
            let (note, reach) = (note.clone(), *reach);
            let reply = Reply { yes: true, give_up: false, by, how: via, note, reach };
            answer(state, approval, seen.as_deref(), &reply)
        }
        Command::Reject { approval, note, seen, give_up } => {
            let (note, reach) = (note.clone(), Reach::Call);
            let reply = Reply { yes: false, give_up: *give_up, by, how: via, note, reach };
            answer(state, approval, seen.as_deref(), &reply)
        }
        Command::Pause if state.status == RunStatus::Paused => {
            Err(Refusal::Not("the run is paused already".into()))
        }
        Command::Pause => Ok(vec![EventKind::RunPaused { by: by.to_owned() }]),
        Command::Unpause if state.status != RunStatus::Paused => {
            Err(Refusal::Not("the run is not paused".into()))
        }
        Command::Unpause => Ok(vec![EventKind::RunUnpaused { by: by.to_owned() }]),
        Command::Cancel => Ok(cancelling(state, by)),
        Command::Retry { task, note, instead_of } => {
            retry(state, task, by, note.as_deref(), instead_of.as_ref())
        }
        Command::Steer { task, text, now } => talk::steer(state, task, text, *now, by),
        Command::ApproveAll => Ok(approve_all(state, by)),
        Command::Checkpoint => Ok(settle::checkpoint(state, CheckpointTrigger::Manual, "manual", false)),
    }
}

/// A change of the workflow gives it up.
fn is_leaving(state: &State, task: &TaskId) -> bool {
    state.graph.ix(task).is_some_and(|ix| state.leaving.tasks.contains(&ix))
}

fn answer(state: &State, approval: &ApprovalId, seen: Option<&str>, reply: &Reply<'_>) -> Brought {
    let asked = state.approvals.get(approval).ok_or_else(|| Refusal::NoApproval(approval.clone()))?;
    if Bug::ApprovalForOlderCommit.is_planted()
        && reply.yes
        && let Some(events) = for_older_commit(state, approval)
    {
        return Ok(events);
    }
    let stale = |why: String| Refusal::Stale { approval: approval.clone(), why };
    // Who was first is told to everybody, then whose word counts.
    if let Some(given) = &asked.answer {
        return Err(Refusal::already(approval, given));
    }
    if let Some(why) = &asked.void {
        return Err(stale(format!("{why}; {}", moved(state, &asked.kind))));
    }
    if !still_asked(state, &asked.kind, approval) {
        return Err(stale(moved(state, &asked.kind)));
    }
    only(who_may(&state.graph.plan, &asked.kind, reply.yes), reply.by, || approval.to_string())?;
    if seen.is_some_and(|seen| seen != shown(state, approval, asked)) {
        return Err(stale(
            "its commit, scores or findings are not those that you were shown: look again".into(),
        ));
    }
    if let Some(why) = talk::unfit(&asked.kind, reply) {
        return Err(Refusal::NoReach { approval: approval.clone(), why });
    }
    said_enough(state, approval, &asked.kind, reply)?;
    Ok(answered(state, approval, &asked.kind, reply))
}

/// An override says why, and a no that starts more work says what is to be different.
fn said_enough(
    state: &State,
    approval: &ApprovalId,
    kind: &ApprovalKind,
    reply: &Reply<'_>,
) -> Result<(), Refusal> {
    let wordless = |why| Err(Refusal::Wordless { approval: approval.clone(), why });
    if let (ApprovalKind::Barrier { barrier, .. } | ApprovalKind::BarrierHeld { barrier }, false, false) =
        (kind, reply.yes, reply.give_up)
        && state.graph.plan.barrier(barrier).is_none_or(|b| b.handoffs.is_empty())
    {
        return wordless("this barrier has no handoffs that could be made again; a no can only give it up");
    }
    if reply.note.as_ref().is_some_and(|note| !note.trim().is_empty()) {
        return Ok(());
    }
    match kind {
        ApprovalKind::Held { revision: Some(_), .. } if reply.yes => {
            wordless("a yes accepts it against the verdict of its gate, and that needs a reason")
        }
        kind if reply.yes && wants_words(kind) => {
            wordless("its agent asks for words: `consort answer` gives them")
        }
        kind if !reply.yes && !reply.give_up && steers(kind) => {
            wordless("a no starts another round, and its agents need to know what is to be different")
        }
        _ => Ok(()),
    }
}

/// The flag answers what is open now, and everything of its kind from here on.
fn approve_all(state: &State, by: &str) -> Vec<EventKind> {
    let mut events = vec![EventKind::ApproveAllSet { set: ApproveAll { by: by.to_owned() } }];
    for (id, open) in state.open_approvals() {
        let by_flag = matches!(
            open.kind,
            ApprovalKind::Task { .. }
                | ApprovalKind::Barrier { .. }
                | ApprovalKind::List { .. }
                | ApprovalKind::Input { .. }
                | ApprovalKind::Completion { .. }
        );
        let may = is_among(who_may(&state.graph.plan, &open.kind, true), by);
        if by_flag && may && still_asked(state, &open.kind, id) {
            events.extend(answered(state, id, &open.kind, &Reply::by_flag(by)));
        }
    }
    events
}

fn retry(
    state: &State,
    task: &TaskId,
    by: &str,
    note: Option<&str>,
    instead_of: Option<&ApprovalId>,
) -> Brought {
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
    only(of_task(&state.graph.plan, Some(state.graph.task(ix))), by, || format!("what becomes of {task}"))?;
    // What the person looked at is what is tried again, not a later hold of the same task.
    let stale =
        |id: &&ApprovalId| state.approvals.get(*id).is_none_or(|a| a.answer.is_some() || a.void.is_some());
    if let Some(approval) = instead_of.filter(stale) {
        let asked = state.approvals.get(approval).ok_or_else(|| Refusal::NoApproval(approval.clone()))?;
        return Err(Refusal::Stale { approval: approval.clone(), why: moved(state, &asked.kind) });
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
    events.extend(super::budget::reopened(state, ix, by));
    events.push(EventKind::TaskReleased {
        task: task.clone(),
        guidance: note.map(|n| cut(n.trim(), 1_000)).filter(|n| !n.is_empty()),
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
    let people = &state.graph.plan.people;
    only(people.or_any(&people.integration), by, || "bringing the result to a branch".into())?;
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
            FoundState::NoTrace => events.extend(gone(state, attempt, AttemptEnd::Lost)),
            FoundState::Vanished => events.extend(gone(state, attempt, AttemptEnd::Unknown)),
        }
    }
    events
}

/// The end of an attempt of which nothing else is known.
pub(super) fn gone(state: &State, attempt: &AttemptId, end: AttemptEnd) -> Vec<EventKind> {
    // What it said before it was gone is spent.
    let said = state.live.get(attempt).map(|live| live.talk.used).unwrap_or_default();
    let usage = match end {
        AttemptEnd::Lost => said,
        _ => super::budget::priced(state, attempt, said),
    };
    let mut events = talk::over(state, attempt);
    events.push(EventKind::AttemptEnded {
        attempt: attempt.clone(),
        end,
        usage,
        wall_ms: 0,
        leaked: 0,
        record: None,
        session: None,
        outside: Vec::new(),
    });
    events
}

/// Attempts whose time is used up.
fn overdue(state: &State, now: Timestamp) -> Vec<EventKind> {
    let due = state.front.deadlines.iter().take_while(|(deadline, _)| *deadline <= now);
    due.filter(|(_, a)| state.live.get(a).is_some_and(|l| l.stopping.is_none()))
        .map(|(_, attempt)| EventKind::AttemptStopping { attempt: attempt.clone(), why: StopWhy::TimedOut })
        .collect()
}
