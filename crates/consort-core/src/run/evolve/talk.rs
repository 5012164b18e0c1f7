//! What was said between living sessions and people.

use super::attempts;
use crate::ids::{ApprovalId, AttemptId};
use crate::plan::Criticality;
use crate::run::session::{NoteKind, SessionEnd, SessionNote, TellKind};
use crate::run::state::{AgentTurn, Live, Remembered, State, Tell, Waiting};
use crate::run::talk;
use crate::time::Timestamp;

/// A session told something.
pub(super) fn noted(
    state: &mut State,
    attempt: &AttemptId,
    note: &SessionNote,
    at: Timestamp,
) -> Result<(), String> {
    let allowed_ms = ask_timeout(state, attempt);
    let live = attempts::live(state, attempt)?;
    if note.number != live.notes + 1 {
        return Err(format!("{attempt}: note {} follows note {}", note.number, live.notes));
    }
    live.notes = note.number;
    if matches!(note.kind, NoteKind::Compacted | NoteKind::HandedOver { .. }) {
        summed_up(state, attempt);
    }
    let live = attempts::live(state, attempt)?;
    match &note.kind {
        NoteKind::Began { session, fresh, .. } => {
            live.talk.session = Some(session.clone()).filter(|id| !id.is_empty());
            live.talk.fresh = fresh.clone();
            remember(state, attempt, Some(session));
            if let Some(why) = fresh {
                changed(state, attempt, at, AgentTurn::Fresh(why.clone()));
            }
        }
        NoteKind::HandedOver { session } => {
            live.talk.session = Some(session.clone()).filter(|id| !id.is_empty());
            remember(state, attempt, Some(session));
            changed(state, attempt, at, AgentTurn::HandedOver);
        }
        NoteKind::Asked(ask) if talk::is_new(live, ask) => {
            live.talk.asked = ask.number;
            live.talk.open.insert(ask.number, None);
            wait(state, attempt, at, allowed_ms);
        }
        NoteKind::AskExpired { ask } => {
            live.talk.open.remove(ask);
            // An answer that was on its way comes too late.
            live.talk
                .tells
                .retain(|tell| !matches!(&tell.what, TellKind::Answer { ask: of, .. } if of == ask));
            go_on(state, attempt, at);
        }
        NoteKind::Used(used) => live.talk.used = *used,
        NoteKind::Heard { what } => live.talk.tells.retain(|tell| tell.what.to_string() != *what),
        _ => {}
    }
    Ok(())
}

/// What an agent knew is a summary from here on.
fn summed_up(state: &mut State, attempt: &AttemptId) {
    let Some(ix) = state.graph.ix(&attempt.task) else { return };
    let matters = state.graph.task(ix).criticality >= Criticality::C3;
    if matters && state.tasks[ix].generation == attempt.generation {
        state.tasks[ix].summed_up = true;
    }
}

fn changed(state: &mut State, attempt: &AttemptId, at: Timestamp, turn: AgentTurn) {
    if let Some(ix) = state.graph.ix(&attempt.task) {
        state.tasks[ix].changed(at, &attempt.step, turn);
    }
}

/// How long a person is waited for by this attempt's agent, in milliseconds.
fn ask_timeout(state: &State, attempt: &AttemptId) -> u64 {
    let fallback = state.live.get(attempt).map_or(0, |live| live.fallback);
    talk::session_of(state, attempt, fallback).map_or(0, |session| session.policy.ask_timeout())
}

/// The session of a creator is kept for the next attempt at the same work.
pub(super) fn remember(state: &mut State, attempt: &AttemptId, session: Option<&String>) {
    let Some(id) = session.filter(|id| !id.is_empty() && attempt.step.is_creator()) else { return };
    let Some(fallback) = state.live.get(attempt).map(|live| live.fallback) else { return };
    let Some(ix) = state.graph.ix(&attempt.task) else { return };
    if state.tasks[ix].generation == attempt.generation {
        let AttemptId { generation, iteration, .. } = *attempt;
        state.tasks[ix].session = Some(Remembered { id: id.clone(), generation, iteration, fallback });
    }
}

/// What an attempt leaves behind: its session, how often it was refused something, and words of people that
/// it never heard.
pub(super) fn left(state: &mut State, attempt: &AttemptId, end: Option<&SessionEnd>) {
    remember(state, attempt, end.and_then(|end| end.session.as_ref()));
    let Some(ix) = state.graph.ix(&attempt.task).filter(|_| attempt.step.is_creator()) else { return };
    if state.tasks[ix].generation != attempt.generation {
        return;
    }
    state.tasks[ix].denied = end.map_or(0, |end| end.refused);
    let tells = state.live.get(attempt).map(|live| live.talk.tells.clone()).unwrap_or_default();
    for tell in tells {
        if let TellKind::Turn { text, .. } = &tell.what {
            state.tasks[ix].steer(&tell.by, Some(text), false);
        }
    }
}

/// A person is asked.
pub(super) fn asked(
    state: &mut State,
    attempt: &AttemptId,
    ask: u32,
    approval: &ApprovalId,
) -> Result<(), String> {
    let open = attempts::live(state, attempt)?.talk.open.get_mut(&ask);
    *open.ok_or_else(|| format!("{attempt} does not ask {ask}"))? = Some(approval.clone());
    Ok(())
}

/// An ask has its answer: the session is to be told.
pub(super) fn answered(
    state: &mut State,
    attempt: &AttemptId,
    what: TellKind,
    by: &str,
    at: Timestamp,
) -> Result<(), String> {
    let live = attempts::live(state, attempt)?;
    let TellKind::Answer { ask, .. } = &what else { return Err(format!("{attempt}: {what} is no answer")) };
    if live.talk.open.remove(ask).is_none() {
        return Err(format!("{attempt}: ask {ask} is answered and does not wait for it"));
    }
    live.talk.tells.push(Tell { what, by: by.to_owned(), lies: false });
    go_on(state, attempt, at);
    Ok(())
}

/// A person's word for it.
pub(super) fn steered(
    state: &mut State,
    attempt: &AttemptId,
    number: u32,
    what: TellKind,
    by: &str,
) -> Result<(), String> {
    let live = attempts::live(state, attempt)?;
    if number != live.talk.turns + 1 {
        return Err(format!("{attempt}: turn {number} follows turn {}", live.talk.turns));
    }
    live.talk.turns = number;
    live.talk.tells.push(Tell { what, by: by.to_owned(), lies: false });
    Ok(())
}

/// It lies where the session looks. A turn is kept until it was heard: an attempt may end before.
pub(super) fn told(state: &mut State, attempt: &AttemptId, what: &str) -> Result<(), String> {
    let talk = &mut attempts::live(state, attempt)?.talk;
    let tell = talk.tells.iter_mut().find(|tell| tell.what.to_string() == what);
    tell.ok_or_else(|| format!("{attempt} is not to be told {what}"))?.lies = true;
    talk.tells.retain(|tell| !tell.lies || matches!(tell.what, TellKind::Turn { .. }));
    Ok(())
}

/// It waits for a person: its deadline lies later by so much as it may wait.
fn wait(state: &mut State, attempt: &AttemptId, at: Timestamp, allowed_ms: u64) {
    move_deadline(state, attempt, |live| {
        let before = live.talk.waiting.as_ref().map_or(0, |w| w.allowed_ms);
        let since = live.talk.waiting.as_ref().map_or(at, |w| w.since);
        let allowed_ms = at.since_ms(since).saturating_add(allowed_ms).max(before);
        live.talk.waiting = Some(Waiting { since, allowed_ms });
        live.deadline = live.deadline.plus_ms(allowed_ms - before);
    });
}

/// If it waits for nothing more, its deadline lies later by so much as it did wait.
fn go_on(state: &mut State, attempt: &AttemptId, at: Timestamp) {
    move_deadline(state, attempt, |live| {
        if !live.talk.open.is_empty() {
            return;
        }
        let Some(Waiting { since, allowed_ms }) = live.talk.waiting.take() else { return };
        let unused = allowed_ms.saturating_sub(at.since_ms(since));
        live.deadline = Timestamp(live.deadline.0.saturating_sub_unsigned(unused));
    });
}

fn move_deadline(state: &mut State, attempt: &AttemptId, change: impl FnOnce(&mut Live)) {
    let Some(live) = state.live.get_mut(attempt) else { return };
    let before = live.deadline;
    change(live);
    let after = live.deadline;
    if before != after && state.front.deadlines.remove(&(before, attempt.clone())) {
        state.front.deadlines.insert((after, attempt.clone()));
    }
}
