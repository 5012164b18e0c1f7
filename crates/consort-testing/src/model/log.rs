//! What the server saw.

use super::request::{ModelRequest, Wire};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// So many are kept; older ones are forgotten.
const KEPT_MAX: usize = 4_000;

/// One HTTP request and what became of it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Counts all HTTP requests of the server, from 1.
    pub number: u64,
    /// When it had come in whole.
    pub at: Instant,
    /// Such as `POST`.
    pub method: String,
    /// Without what stands behind a question mark.
    pub path: String,
    /// `None`: no model was asked.
    pub wire: Option<Wire>,
    /// Which rule answered.
    pub rule: Option<String>,
    /// Of the response, once it is known.
    pub status: Option<u16>,
    /// What became of it.
    pub outcome: Outcome,
    /// The request, if a model was asked.
    pub request: Option<Arc<ModelRequest>>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not over yet.
    Open,
    /// The answer, or an error, was handed over whole.
    Complete,
    /// The scenario cut the connection or ended the stream with an error.
    Broken,
    /// The client went away before the end.
    ClientGone,
}

/// All that was seen.
#[derive(Default)]
pub(super) struct Log {
    kept: Mutex<(u64, VecDeque<Seen>)>,
}

impl Log {
    /// Writes down a request; the guard says later what became of it.
    pub(super) fn enter(self: &Arc<Self>, method: &str, path: &str) -> Guard {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.0 += 1;
        let number = kept.0;
        kept.1.push_back(Seen {
            number,
            at: Instant::now(),
            method: method.to_owned(),
            path: path.to_owned(),
            wire: None,
            rule: None,
            status: None,
            outcome: Outcome::Open,
            request: None,
        });
        if kept.1.len() > KEPT_MAX {
            kept.1.pop_front();
        }
        Guard { log: self.clone(), number }
    }

    pub(super) fn all(&self) -> Vec<Seen> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).1.iter().cloned().collect()
    }

    /// Numbers go on: what is still under way must not be taken for something new.
    pub(super) fn clear(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).1.clear();
    }
}

/// A request under way. Dropped before its end: the client is gone.
pub(super) struct Guard {
    log: Arc<Log>,
    number: u64,
}

impl Guard {
    pub(super) fn note(&self, change: impl FnOnce(&mut Seen)) {
        let mut kept = self.log.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = kept.1.iter_mut().rfind(|s| s.number == self.number) {
            change(seen);
        }
    }

    pub(super) fn end(&self, outcome: Outcome) {
        self.note(|seen| seen.outcome = outcome);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.note(|seen| {
            if seen.outcome == Outcome::Open {
                seen.outcome = Outcome::ClientGone;
            }
        });
    }
}
