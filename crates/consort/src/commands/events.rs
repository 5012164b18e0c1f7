//! `consort events RUN`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use clap::Args;
use consort_local::journal::{Reader, Record};
use serde_json::json;
use std::time::Duration;

/// How often a follower looks.
const EVERY: Duration = Duration::from_millis(200);

/// Prints the journal for programs: a line of JSON for each event.
///
/// Each line is {schema, record, at, event}: the number of the record, when it was decided (milliseconds since 1970), and the
/// event by its name. Numbers only rise; whoever saw record N goes on with `--after N`.
#[derive(Args)]
#[command(after_help = "Examples:\n  consort events review-20260220-001 -f\n  \
                  consort events review-20260220-001 --after 120")]
pub(crate) struct Events {
    /// The run: its id, or the beginning of it; may be left out where there is only one.
    run: Option<String>,
    /// Leaves out records up to this one.
    #[arg(long, value_name = "RECORD", default_value_t = 0)]
    after: u64,
    /// Goes on until the run is over or nobody drives it any more. Ctrl-C ends only this.
    #[arg(short, long)]
    follow: bool,
}

pub(crate) fn run(ctx: &Context, args: &Events) -> Result<u8, Failure> {
    let place = ctx.place()?;
    let run = place.run(args.run.as_deref())?;
    let reader = Reader::open(&run.dir)?;
    let mut seen = args.after;
    loop {
        // Looked at first: what a runner wrote before it ended is then read below.
        let driven = run.holder().is_some();
        for record in reader.records(seen)? {
            let record = record?;
            seen = record.seq;
            ctx.out.stream(&lines(&record))?;
        }
        if !args.follow || !driven {
            return Ok(exit::DONE);
        }
        std::thread::sleep(EVERY);
    }
}

fn lines(record: &Record) -> String {
    let line = |event: &consort_core::run::Event| {
        json!({ "schema": crate::shapes::name("events"), "record": record.seq, "at": event.at, "event": event.kind }).to_string() + "\n"
    };
    record.events.iter().map(line).collect()
}
