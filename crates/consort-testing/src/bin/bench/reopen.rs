//! Opening a journal of 100,000 events: the whole chain checked, every event folded.

use super::stage::{Stage, TIMES, ms};
use super::table::{Goal, Missed, Table, median};
use consort_core::ids::RunId;
use consort_core::run::{Graph, State, fold};
use consort_core::time::Timestamp;
use consort_local::journal::{Journal, NewJournal, NewRecord};
use consort_local::lock::RunLock;
use consort_testing::cost::{self, Shape};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const EVENTS: usize = 100_000;

/// See the module.
pub(crate) fn reopen(stage: &Stage, table: &mut Table) -> Result<(), Missed> {
    let dir = stage.fresh("reopen")?;
    let plan = cost::plan_of(Shape::Fan, 20_000);
    write(&dir, plan.clone())?;
    let mut all = Vec::new();
    let mut events = 0;
    for _ in 0..TIMES {
        // The tables of the plan are made within: a runner has to make them, too.
        let plan = plan.clone();
        let lock = RunLock::try_acquire(&dir, "bench")?;
        let began = Instant::now();
        let mut state = State::new(Arc::new(Graph::new(plan)));
        let mut wrong = None;
        events = 0;
        let journal = Journal::open(&lock, |record| {
            events += record.events.len();
            wrong = fold(&mut state, record.seq, &record.events).err().or(wrong.take());
        })?;
        all.push(ms(began.elapsed()));
        journal.close();
        if let Some(wrong) = wrong {
            return Err(wrong.into());
        }
    }
    table.row("reopening a run of 100,000 events", median(all), None, "ms", Goal::Most(1_000.0));
    table.note(&format!("{events} events"));
    Ok(())
}

/// The journal of a run up to the record that completes the events.
fn write(dir: &Path, plan: consort_core::plan::Plan) -> Result<(), Missed> {
    let created = Timestamp(1_795_417_588_000);
    let about = NewJournal { run: RunId::from("reopen"), created, version: "bench".into() };
    let journal = Journal::create(&RunLock::try_acquire(dir, "bench")?, &about)?;
    let (mut records, mut events) = (Vec::new(), 0);
    cost::drive(plan, |state, input, new| {
        events += new.len();
        records.push(NewRecord::new(state.now, input.clone(), new.to_vec()));
        events < EVENTS
    });
    journal.append(records).wait()?;
    journal.close();
    Ok(())
}
