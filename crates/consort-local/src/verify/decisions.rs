//! The core decides again what it was given, and must decide the same.

use super::{Check, at, counted};
use crate::journal::Record;
use crate::replay::learn;
use consort_core::run::{DECISION_VERSION, Graph, State, fold, step};
use consort_worker::store::Store;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub(super) struct Decisions {
    check: Check,
    /// Moved by the core's own decisions, and put right after each that differs.
    state: State,
    others: u64,
    refused: u64,
}

impl Decisions {
    pub(super) fn new(graph: Arc<Graph>) -> Self {
        Self { check: Check::new("decisions"), state: State::new(graph), others: 0, refused: 0 }
    }

    /// `folded` is the state after the record, as its events say.
    pub(super) fn take(&mut self, record: &Record, folded: &State, store: &Store) {
        // What cannot be loaded was told already: the pass over the records ends there.
        let _ = learn(&mut self.state, store, record);
        if record.decision_version != DECISION_VERSION {
            self.others += 1;
            self.follow(record, folded);
            return;
        }
        self.check.count += 1;
        let state = &mut self.state;
        // A state that no decision leads to may be one that the core refuses with a panic.
        let again = catch_unwind(AssertUnwindSafe(|| step(state, &record.cause, record.now)));
        match again {
            Ok(Ok(events)) if events == record.events && !events.is_empty() => return,
            Ok(Ok(events)) if !events.is_empty() => {
                let first = events.iter().zip(&record.events).position(|(a, b)| a != b);
                let first = first.unwrap_or(events.len().min(record.events.len())) + 1;
                let why = format!(
                    "its cause gives {}, the journal has {}; they differ from event {first} on",
                    counted(events.len() as u64, "event"),
                    record.events.len()
                );
                self.check.fault(at(record), why);
            }
            // Remembered although it brought nothing: a command that was refused.
            Ok(Ok(_) | Err(_)) if record.events.is_empty() => self.refused += 1,
            Ok(Ok(_)) => self.check.fault(at(record), "its cause brings nothing, the journal has events"),
            Ok(Err(refusal)) => {
                self.check
                    .fault(at(record), format!("its command is refused ({refusal}), the journal has events"));
            }
            Err(_) => self.check.fault(at(record), "the core cannot decide this at all"),
        }
        self.follow(record, folded);
    }

    /// Goes on from what the journal says.
    fn follow(&mut self, record: &Record, folded: &State) {
        let unmoved = self.state.seq + 1 == record.seq;
        if !(unmoved && fold(&mut self.state, record.seq, &record.events).is_ok()) {
            self.state.clone_from(folded);
        }
    }

    pub(super) fn end(self) -> Check {
        let mut summary =
            format!("{} decided again with the same events", counted(self.check.count, "record"));
        if self.refused > 0 {
            summary += &format!(", {} of them refused commands", self.refused);
        }
        if self.others > 0 {
            summary +=
                &format!("; {} of other decision versions are unchecked", counted(self.others, "record"));
        }
        self.check.said(summary)
    }
}
