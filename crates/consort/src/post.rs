//! Commands for a run that another process drives, or nobody: checked here, left in the inbox,
//! and followed into the journal.

use crate::context::Context;
use crate::exit;
use crate::failure::{self, Failure, posting};
use crate::follow::now;
use crate::person;
use crate::place::{Place, Run};
use consort_core::run::{Command, Event, Input, State, named_in, step};
use consort_core::view::live;
use consort_local::inbox::{Inbox, PostId};
use consort_local::journal::{Reader, Record};
use consort_local::replay::{Replayed, catch_up, learn_plan};
use consort_worker::store::Store;
use std::time::{Duration, Instant};

/// So long a living runner has to take a command.
const PATIENCE: Duration = Duration::from_secs(5);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Gives a command to a run and says what became of it. `done` is that in a few words, such as
/// `A-001 is approved`.
pub(crate) fn give(
    ctx: &Context,
    place: &Place,
    run: &Run,
    command: &Command,
    done: &str,
) -> Result<u8, Failure> {
    let before = place.replay(run)?;
    let store = place.places.open_store();
    check(&before.state, run, &store, command)?;
    let inbox = Inbox::of(&run.dir);
    let id = inbox.post(&person::name(), "terminal", now(), command).map_err(|e| posting(&inbox, &e))?;
    if run.holder().is_some() {
        let (so_far, taken) = taken_within(run, &store, before, &id)?;
        if let Some(taken) = taken {
            return told(ctx, &so_far.state, &taken, done);
        }
    }
    let id = &run.id;
    let text = match run.holder() {
        Some(holder) => format!(
            "The command lies in the inbox of run {id}; its runner ({holder}) has not taken it yet.\n  \
             look: consort status {id}\n"
        ),
        None => format!(
            "Nobody drives run {id} now: the command lies in its inbox and acts when the run goes on.\n  \
             go on: consort resume {id}\n"
        ),
    };
    ctx.out.print(&text)?;
    Ok(exit::DONE)
}

/// Gives a command to a run that another process drives, and waits for what becomes of it: why it was not taken, if
/// it was not.
pub(crate) fn order(place: &Place, run: &Run, command: &Command) -> Result<(), String> {
    let posted = || -> Result<Option<Taken>, Failure> {
        let before = place.replay(run)?;
        let store = place.places.open_store();
        check(&before.state, run, &store, command)?;
        let inbox = Inbox::of(&run.dir);
        let id = inbox.post(&person::name(), "terminal", now(), command).map_err(|e| posting(&inbox, &e))?;
        Ok(taken_within(run, &store, before, &id)?.1)
    };
    match posted() {
        Ok(Some(Taken { refused: Some(refusal), .. })) => Err(refusal),
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err("it lies in the inbox of the run; its runner has not taken it yet".into()),
        Err(failure) => Err(failure.what),
    }
}

/// What became of a posted command, as long as a runner lives and is patient with us.
fn taken_within(
    run: &Run,
    store: &Store,
    before: Replayed,
    id: &PostId,
) -> Result<(Replayed, Option<Taken>), Failure> {
    let began = Instant::now();
    let reader = Reader::open(&run.dir)?;
    let mut so_far = before;
    while began.elapsed() < PATIENCE {
        // Looked at first: what a runner wrote before it ended is then read.
        let driven = run.holder().is_some();
        let (next, taken) = look(&reader, store, so_far, id)?;
        so_far = next;
        if taken.is_some() || !driven {
            return Ok((so_far, taken));
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Ok((so_far, None))
}

/// Refuses at once, in the words of the engine, what it would refuse anyway. Commands that lie in
/// the inbox already come before this one.
fn check(state: &State, run: &Run, store: &Store, command: &Command) -> Result<(), Failure> {
    let input = Input::Command { by: person::name(), via: "inbox".into(), command: command.clone() };
    let mut state = state.clone();
    for posted in Inbox::of(&run.dir).take().map(|taken| taken.posted).unwrap_or_default() {
        let posted = posted.input();
        learn(&mut state, store, &posted);
        let _ = step(&mut state, &posted, now());
    }
    learn(&mut state, store, &input);
    match step(&mut state, &input, now()) {
        Ok(_) => Ok(()),
        Err(refusal) => {
            let mut failure = failure::refused(&refusal);
            failure.what = failure.what.replace("RUN", run.id.as_str());
            Err(failure.help(format!("`consort status {}` shows where the run stands", run.id)))
        }
    }
}

/// A plan that cannot be had is refused by the engine, which does not know it.
fn learn(state: &mut State, store: &Store, input: &Input) {
    if let Some(plan) = named_in(input) {
        let _ = learn_plan(state, store, plan);
    }
}

/// What the journal says of a posted command.
struct Taken {
    events: Vec<Event>,
    /// The refusal, if that was the answer.
    refused: Option<String>,
}

fn look(
    reader: &Reader,
    store: &Store,
    so_far: Replayed,
    id: &PostId,
) -> Result<(Replayed, Option<Taken>), Failure> {
    let mut taken = None;
    let mut before = so_far.state.clone();
    let next = catch_up(reader, store, so_far, |after, record| {
        if PostId::of_input(&record.cause).as_ref() == Some(id) {
            taken = Some(taken_of(&mut before, record));
        }
        before.clone_from(after);
    })?;
    Ok((next, taken))
}

fn taken_of(before: &mut State, record: &Record) -> Taken {
    let refused = if record.events.is_empty() {
        step(before, &record.cause, record.now).err().map(|r| r.to_string())
    } else {
        None
    };
    Taken { events: record.events.clone(), refused }
}

fn told(ctx: &Context, state: &State, taken: &Taken, done: &str) -> Result<u8, Failure> {
    if let Some(refusal) = &taken.refused {
        return Err(Failure::invalid(refusal.clone()));
    }
    let mut text = format!("{done}\n");
    for line in taken.events.iter().filter_map(|event| live::line(event, state)) {
        text += &format!("  {line}\n");
    }
    ctx.out.print(&text)?;
    Ok(exit::DONE)
}
