//! `consort attach RUN`

use crate::context::Context;
use crate::drive::told;
use crate::exit;
use crate::failure::Failure;
use crate::follow::{Asking, Follow};
use crate::person;
use crate::place::{Place, Run};
use crate::post;
use clap::Args;
use consort_core::run::{State, is_settled};
use consort_core::view::{run_word, waits};
use consort_local::host::{Observer, Outcome};
use consort_local::journal::Reader;
use consort_local::replay::{Replayed, before_first, catch_up};
use consort_worker::store::Store;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How often the journal is looked at.
const EVERY: Duration = Duration::from_millis(200);

/// Shows a run that another process drives, and asks what it wants to know.
///
/// Ctrl-C detaches: the run goes on. Ends with the run, and with its exit code.
#[derive(Args)]
#[command(after_help = "Example:\n  consort attach review-20260220-001")]
pub(crate) struct Attach {
    /// The run: its id, or the beginning of it; may be left out where there is only one.
    run: Option<String>,
    /// Only shows: nobody is asked here.
    #[arg(long)]
    watch: bool,
}

/// Why the view ends.
enum Left {
    /// A signal: the run goes on.
    Detached,
    /// Nobody drives the run any more.
    Alone,
}

pub(crate) fn run(ctx: &Context, args: &Attach) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(args.run.as_deref())?;
    let reader = Reader::open(&run.dir)?;
    let driven = run.holder();
    let mut closed = None;
    let store = place.places.open_store();
    let before = before_first(&reader, &store)?;
    let so_far = catch_up(&reader, &store, before, |_, record| note(&mut closed, record))?;
    let Some(holder) = driven else { return nobody(ctx, &run, &so_far.state) };
    let mut ears = Ears::new()?;
    if !ctx.out.redraws {
        let text = format!(
            "Run {}, driven by {holder}, from record {} on; what came before: consort logs {}\n",
            run.id, so_far.head.seq, run.id
        );
        ctx.out.print(&text)?;
    }
    let asks = ctx.out.can_ask && !args.watch;
    let mut follow = Follow::new(ctx.out);
    let observer = follow.observer(asks);
    follow.begin(if asks { Some(asking(ctx, &run)?) } else { None });
    let watched = watch(&mut ears, &run, (&reader, &store), so_far, observer, &mut closed);
    follow.end(watched.as_ref().ok().map(|(_, so_far)| &so_far.state));
    let (left, so_far) = watched?;
    match left {
        Left::Detached => {
            let id = &run.id;
            let text = format!(
                "\nDetached: run {id} goes on.\n  again:  consort attach {id}\n  end it: consort cancel {id}\n"
            );
            ctx.out.print(&text)?;
            Ok(exit::DONE)
        }
        Left::Alone => ended(ctx, &place, &run, &so_far.state, closed.as_deref()),
    }
}

/// Answers go the way of all commands for a run in another process.
fn asking(ctx: &Context, run: &Run) -> Result<Asking, Failure> {
    let place = ctx.place()?;
    let run = Run { id: run.id.clone(), dir: run.dir.clone() };
    let order = move |command| post::order(&place, &run, &command);
    Ok(Asking { by: person::name(), order: Box::new(order) })
}

/// The last word of a runner about itself.
fn note(closed: &mut Option<String>, record: &consort_local::journal::Record) {
    if let Some(why) = record.events.iter().filter_map(waits::closed).next_back() {
        *closed = Some(why.to_owned());
    }
}

/// Shows what is written until nobody writes any more, or a signal comes.
fn watch(
    ears: &mut Ears,
    run: &Run,
    (reader, store): (&Reader, &Store),
    mut so_far: Replayed,
    mut observer: Observer,
    closed: &mut Option<String>,
) -> Result<(Left, Replayed), Failure> {
    ears.runtime.block_on(async {
        let signals = &mut ears.signals;
        loop {
            // Looked at first: what a runner wrote before it ended is then read below.
            let driven = run.holder().is_some();
            so_far = catch_up(reader, store, so_far, |state, record| {
                note(closed, record);
                observer(state, &record.events);
            })?;
            // Times go on, and what was left out for being too much at once is shown now.
            observer(&so_far.state, &[]);
            if !driven {
                return Ok((Left::Alone, so_far));
            }
            tokio::select! {
                () = signals.any() => return Ok((Left::Detached, so_far)),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    })
}

/// What listens, from before the first word on: whoever reads that may already press Ctrl-C.
struct Ears {
    runtime: tokio::runtime::Runtime,
    signals: Signals,
}

impl Ears {
    fn new() -> Result<Self, Failure> {
        let threads = |e| Failure::failed("nothing can be waited for").why(e);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(threads)?;
        let signals = {
            let _within = runtime.enter();
            Signals::listen().map_err(threads)?
        };
        Ok(Self { runtime, signals })
    }
}

/// Whatever is to end this view, and never the run.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// There is nothing to attach to.
fn nobody(ctx: &Context, run: &Run, state: &State) -> Result<u8, Failure> {
    let id = &run.id;
    if is_settled(state) {
        let once_more = state.graph.plan.once_more();
        let word = run_word(state.status);
        ctx.out.print(&format!(
            "Run {id} is over: {word}.\n  look:       consort status {id}\n  once more:  {once_more}\n"
        ))?;
        return Ok(Outcome::of(state, None).map_or(exit::FAILED, exit::of));
    }
    ctx.out.print(&format!(
        "Nobody drives run {id} now.\n  look:   consort status {id}\n  go on:  consort resume {id}\n"
    ))?;
    Ok(exit::WAITING)
}

/// How the run ended, or its runner without it.
fn ended(
    ctx: &Context,
    place: &Place,
    run: &Run,
    state: &State,
    closed: Option<&str>,
) -> Result<u8, Failure> {
    let outcome = Outcome::of(state, closed).filter(|_| !state.is_over() || is_settled(state));
    match outcome {
        Some(outcome) => told(&ctx.out, place, outcome, state),
        None => {
            let live = state.live.len();
            let agents = match live {
                0 => "nothing of it is lost".to_owned(),
                1 => "nothing of it is lost: 1 agent goes on under its supervisor".to_owned(),
                n => format!("nothing of it is lost: {n} agents go on under their supervisors"),
            };
            Err(Failure::failed(format!("the runner of run {} is gone without a word", run.id))
                .why(agents)
                .help(format!("`consort resume {}` goes on", run.id)))
        }
    }
}
