//! What living sessions tell, and what people tell them: asks become questions, answers and further turns
//! go to the session, a yes may reach further than one request.

use super::ask::{Questions, Reply, WHOEVER, cut};
use super::event::{ApprovalKind, EventKind};
use super::handle::Refusal;
use super::people::{is_among, of_task, only};
use super::session::{Ask, AskKind, NoteKind, Reach, SessionEnd, SessionNote, TellKind};
use super::state::{Grant, Live, State, TaskStage};
use crate::ids::{ApprovalId, AttemptId, Step, TaskId};
use crate::plan::{Grip, Rule, Runtime, Session, Tool};
use crate::planted::Bug;

/// A session's id is not longer, in characters: what is longer is no id.
const SESSION_CHARS_MAX: usize = 100;
/// A rule is not longer, in characters: what is longer cannot be granted for more than one request.
const RULE_CHARS_MAX: usize = 200;
/// An attempt asks at most so often; to what it asks beyond the answer is no.
const ASKS_MAX: u32 = 100;
/// So much of a person's word for a session is kept, in characters.
const TURN_CHARS_MAX: usize = 1_000;
/// So many changes outside a workspace are told.
const OUTSIDE_MAX: usize = 6;

/// A note of a living session, in its order; what comes late, twice or out of order brings nothing.
pub(super) fn noted(state: &State, attempt: &AttemptId, note: &SessionNote) -> Vec<EventKind> {
    let Some(live) = state.live.get(attempt).filter(|live| note.number == live.notes + 1) else {
        return Vec::new();
    };
    let note = bounded(note);
    let mut events = vec![EventKind::SessionNoted { attempt: attempt.clone(), note: note.clone() }];
    match &note.kind {
        NoteKind::Asked(ask) if is_new(live, ask) => events.extend(asked(state, attempt, ask)),
        NoteKind::AskExpired { ask } => {
            let open = live.talk.open.get(ask).cloned().flatten();
            let open = open.filter(|id| state.front.open_approvals.contains(id));
            let why = "nobody answered in time: the answer was the default, no".to_owned();
            events.extend(open.map(|approval| EventKind::ApprovalVoided { approval, why }));
        }
        _ => {}
    }
    events
}

/// True if nobody has heard of this ask, and an answer would reach somebody.
pub(super) fn is_new(live: &Live, ask: &Ask) -> bool {
    live.stopping.is_none() && ask.number > live.talk.asked
}

/// Within the bounds of an event. Whatever cannot be told in full is left out rather than cut where a cut
/// one would be another one.
fn bounded(note: &SessionNote) -> SessionNote {
    let id = |session: &String| Some(session.clone()).filter(|id| is_session(id)).unwrap_or_default();
    let kind = match &note.kind {
        NoteKind::Began { session, resumed, fresh, model } => NoteKind::Began {
            session: id(session),
            resumed: *resumed,
            fresh: fresh.as_ref().map(|why| cut(why, 200)),
            model: model.as_ref().map(|model| cut(model, 100)),
        },
        NoteKind::HandedOver { session } => NoteKind::HandedOver { session: id(session) },
        NoteKind::Asked(ask) => NoteKind::Asked(Ask {
            text: cut(&ask.text, 400),
            rule: ask.rule.clone().filter(is_short),
            ..ask.clone()
        }),
        NoteKind::Heard { what } => NoteKind::Heard { what: cut(what, 40) },
        other => other.clone(),
    };
    SessionNote { number: note.number, kind }
}

/// An id that can be handed to a program as an argument.
pub(super) fn is_session(id: &str) -> bool {
    let graphic = id.chars().all(|c| c.is_ascii_graphic());
    !id.is_empty() && id.len() <= SESSION_CHARS_MAX && graphic && !id.starts_with('-')
}

fn is_short(rule: &Rule) -> bool {
    let grip = rule.grip.as_ref().map_or(0, |grip| match grip {
        Grip::Command(text) | Grip::Path(text) | Grip::Host(text) => text.chars().count(),
    });
    let tool = match &rule.tool {
        Some(Tool::Other(name)) => name.chars().count(),
        _ => 0,
    };
    grip + tool <= RULE_CHARS_MAX
}

/// How a session ended, within the bounds of an event; why it failed is told elsewhere.
pub(super) fn bounded_end(end: &SessionEnd) -> SessionEnd {
    SessionEnd {
        session: end.session.clone().filter(|id| is_session(id)),
        failure: None,
        model: end.model.as_ref().map(|model| cut(model, 100)),
        ..end.clone()
    }
}

/// What changed outside a workspace, within the bounds of an event.
pub(super) fn bounded_changes(all: &[String]) -> Vec<String> {
    all.iter().take(OUTSIDE_MAX).map(|what| cut(what, 80)).collect()
}

/// An earlier yes that reaches this far answers at once; else a person is asked.
fn asked(state: &State, attempt: &AttemptId, ask: &Ask) -> Vec<EventKind> {
    let grant = reaching(state, &attempt.task, ask);
    if grant.is_some() || ask.number > ASKS_MAX {
        let (attempt, ask, grant) = (attempt.clone(), ask.number, grant.map(|g| g.approval.clone()));
        return vec![EventKind::AskAnswered { attempt, ask, grant }];
    }
    let kind = ApprovalKind::Permission {
        attempt: attempt.clone(),
        ask: ask.number,
        kind: ask.kind,
        rule: ask.rule.clone(),
    };
    Questions::new(state).ask(kind, WHOEVER, question(attempt, ask))
}

/// `agent-a-001, create: may its agent run a command? npm install`
fn question(attempt: &AttemptId, ask: &Ask) -> String {
    let tool = ask.rule.as_ref().and_then(|rule| rule.tool.as_ref());
    let what = match (ask.kind, tool) {
        (AskKind::Question, _) => "its agent asks:".to_owned(),
        (AskKind::Permission, Some(tool)) => format!("may its agent {tool}?"),
        (AskKind::Permission, None) => "may its agent do this?".to_owned(),
    };
    cut(&format!("{}, {}: {what} {}", attempt.task, attempt.step, ask.text), 600)
}

/// The grant that answers this request: of the same rule, for this task, by somebody who may answer
/// for it.
fn reaching<'s>(state: &'s State, task: &TaskId, ask: &Ask) -> Option<&'s Grant> {
    let rule = ask.rule.as_ref().filter(|_| ask.kind == AskKind::Permission)?;
    let same = |grant: &&Grant| grant.rule == *rule || Bug::GrantForAnyRule.is_planted();
    state.grants.iter().filter(same).find(|g| covers(state, g.task.as_ref(), &g.by, task))
}

fn covers(state: &State, of: Option<&TaskId>, by: &str, task: &TaskId) -> bool {
    let may = of_task(&state.graph.plan, state.graph.plan.task(task));
    of.is_none_or(|of| of == task) && is_among(may, by)
}

/// What follows from an answer to an ask beyond the answer itself: a yes that reaches further is recorded,
/// and answers the open requests that it covers.
pub(super) fn answered(state: &State, approval: &ApprovalId, reply: &Reply<'_>) -> Vec<EventKind> {
    let Some(ApprovalKind::Permission { attempt, rule: Some(rule), kind: AskKind::Permission, .. }) =
        state.approvals.get(approval).map(|asked| &asked.kind)
    else {
        return Vec::new();
    };
    if !reply.yes || reply.reach.is_call() {
        return Vec::new();
    }
    let task = (reply.reach == Reach::Task).then(|| attempt.task.clone());
    let by = reply.by.to_owned();
    let mut events = vec![EventKind::PermissionGranted {
        approval: approval.clone(),
        rule: rule.clone(),
        task: task.clone(),
        by: by.clone(),
    }];
    for (id, other) in state.open_approvals().filter(|(id, _)| *id != approval) {
        let ApprovalKind::Permission { attempt, ask, kind: AskKind::Permission, rule: Some(same) } =
            &other.kind
        else {
            continue;
        };
        if same == rule && covers(state, task.as_ref(), &by, &attempt.task) && is_open(state, attempt, *ask) {
            let why = format!("{approval} reaches this far: the answer is yes");
            events.push(EventKind::ApprovalVoided { approval: id.clone(), why });
            let (attempt, ask, grant) = (attempt.clone(), *ask, Some(approval.clone()));
            events.push(EventKind::AskAnswered { attempt, ask, grant });
        }
    }
    events
}

/// Why this reply cannot be given to that question, if it cannot.
pub(super) fn unfit(kind: &ApprovalKind, reply: &Reply<'_>) -> Option<&'static str> {
    if reply.reach.is_call() || !reply.yes {
        return None;
    }
    match kind {
        ApprovalKind::Permission { kind: AskKind::Question, .. } => {
            Some("words answer one question and no other")
        }
        ApprovalKind::Permission { rule: None, .. } => {
            Some("there is no rule that would allow such requests from now on: answer this one alone")
        }
        ApprovalKind::Permission { .. } => None,
        _ => Some("only what an agent asks permission for can be granted for more than once"),
    }
}

/// True while an answer to this ask would reach somebody who waits for it.
pub(super) fn is_open(state: &State, attempt: &AttemptId, ask: u32) -> bool {
    let live = state.live.get(attempt);
    live.is_some_and(|live| live.stopping.is_none() && live.talk.open.contains_key(&ask))
}

/// Nobody waits any more for answers to what this attempt has asked.
pub(super) fn over(state: &State, attempt: &AttemptId) -> Vec<EventKind> {
    let open = state.live.get(attempt).into_iter().flat_map(|live| live.talk.open.values().flatten());
    let why = || "its agent's attempt is over".to_owned();
    // The end of a run has voided what was left.
    let open = open.filter(|id| state.front.open_approvals.contains(*id));
    open.map(|approval| EventKind::ApprovalVoided { approval: approval.clone(), why: why() }).collect()
}

/// Something lies where a session will find it.
pub(super) fn told(state: &State, attempt: &AttemptId, what: &str) -> Vec<EventKind> {
    let live = state.live.get(attempt);
    let awaited = live.is_some_and(|l| l.talk.tells.iter().any(|t| !t.lies && t.what.to_string() == what));
    let (attempt, what) = (attempt.clone(), what.to_owned());
    awaited.then_some(EventKind::SessionTold { attempt, what }).into_iter().collect()
}

/// A person's word: for the session that creates, else for the next one that does.
pub(super) fn steer(
    state: &State,
    id: &TaskId,
    text: &str,
    now: bool,
    by: &str,
) -> Result<Vec<EventKind>, Refusal> {
    let ix = state.graph.ix(id).ok_or_else(|| Refusal::NoTask(id.clone()))?;
    let task = state.graph.task(ix);
    only(of_task(&state.graph.plan, Some(task)), by, || format!("what {id} is told"))?;
    if task.given.is_some() {
        return Err(Refusal::Not(format!("nobody works on {id}: it was there already")));
    }
    if matches!(state.tasks[ix].stage, TaskStage::Accepted | TaskStage::Failed(_) | TaskStage::Committing(_))
    {
        return Err(Refusal::Not(format!("{id} is over: nobody works on it any more")));
    }
    let text = cut(text.trim(), TURN_CHARS_MAX);
    if text.is_empty() {
        return Err(Refusal::Not(format!("{id} is told nothing without words: give them after its name")));
    }
    let by = by.to_owned();
    let talks = |(attempt, live): &(&AttemptId, &Live)| {
        attempt.task == *id
            && attempt.step.is_creator()
            && live.stopping.is_none()
            && session_of(state, attempt, live.fallback).is_some()
    };
    Ok(vec![match state.live.iter().find(talks) {
        Some((attempt, live)) => {
            let number = live.talk.turns + 1;
            EventKind::SessionSteered { attempt: attempt.clone(), number, text, by, interrupts: now }
        }
        None => EventKind::TaskSteered { task: id.clone(), text, by },
    }])
}

/// How this attempt's agent is talked to; `None`: not at all.
pub(super) fn session_of<'s>(state: &'s State, attempt: &AttemptId, fallback: u8) -> Option<&'s Session> {
    let task = state.graph.task(state.graph.ix(&attempt.task)?);
    match &task.agent_of(&attempt.step, fallback).runtime {
        Runtime::Session(session) => Some(session),
        _ => None,
    }
}

/// The session in which the next attempt at this step goes on: its own creator's of the same work, as
/// long as the same agent does it. Critics and judges never see what others said.
///
/// With it: whether as a copy, because it is that of an earlier round. A round that is tried again goes on in
/// its own.
pub(super) fn resumed(state: &State, ix: usize, step: &Step, fallback: u8) -> Option<(String, bool)> {
    if !step.is_creator() && !Bug::ReviewerResumes.is_planted() {
        return None;
    }
    let Runtime::Session(session) = &state.graph.task(ix).agent_of(step, fallback).runtime else {
        return None;
    };
    let it = &state.tasks[ix];
    let same = |of: &&super::state::Remembered| of.generation == it.generation && of.fallback == fallback;
    let of = it.session.as_ref().filter(same).filter(|_| !session.forget)?;
    Some((of.id.clone(), of.iteration < it.iteration))
}

/// What is to reach living sessions: nothing before they run.
pub(super) fn tells(attempt: &AttemptId, live: &Live) -> Vec<super::session::Told> {
    if live.stopping.is_some() || live.phase != super::state::LivePhase::Running {
        return Vec::new();
    }
    let waiting = live.talk.tells.iter().filter(|tell| !tell.lies);
    waiting.map(|tell| super::session::Told { attempt: attempt.clone(), what: tell.what.clone() }).collect()
}

/// The answer to an ask, as its session is told it.
pub(super) fn answer(ask: u32, yes: bool, note: Option<&str>) -> TellKind {
    TellKind::Answer { ask, yes, note: note.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::super::EVENT_BYTES_MAX;
    use super::*;
    use crate::run::{AttemptEnd, Failure, FailureClass, SessionFailure, Usage};

    #[test]
    fn the_end_of_any_session_fits_into_an_event() {
        let long = "\u{1}\"".repeat(5_000);
        let end = SessionEnd {
            session: Some("s".repeat(SESSION_CHARS_MAX)),
            model: Some(long.clone()),
            ..SessionEnd::default()
        };
        let failure = SessionFailure { class: FailureClass::Never, why: cut(&long, 500) };
        let event = EventKind::AttemptEnded {
            attempt: AttemptId {
                task: "t".repeat(64).into(),
                generation: u32::MAX,
                iteration: u32::MAX,
                step: Step::Judge,
                attempt: u32::MAX,
            },
            end: AttemptEnd::Failed(Failure::Session(failure)),
            usage: Usage::default(),
            wall_ms: u64::MAX,
            leaked: u32::MAX,
            record: None,
            session: Some(bounded_end(&end)),
            outside: bounded_changes(&vec![long; 50]),
        };
        let bytes = serde_json::to_vec(&event).expect("an event is JSON");
        assert!(bytes.len() < EVENT_BYTES_MAX, "{} bytes", bytes.len());
    }
}
