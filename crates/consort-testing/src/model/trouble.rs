//! Rate limits and overload around any scenario.

use super::Scenario;
use super::reply::Reply;
use super::request::ModelRequest;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What goes wrong, beside what the scenario itself says. Counted by the server's life.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trouble {
    /// The first so many requests of each conversation get a 429.
    pub limited_first: u32,
    /// What those say in `retry-after`, in seconds.
    pub retry_after_s: u64,
    /// Every k-th request to the server gets a 529; 0: none does.
    pub overloaded_every: u64,
}

/// What was asked so far.
#[derive(Default)]
struct Asked {
    all: u64,
    by_conversation: HashMap<String, u32>,
}

impl Trouble {
    /// The scenario, with trouble.
    pub fn around(self, answer: impl Fn(&ModelRequest) -> Reply + Send + Sync + 'static) -> Scenario {
        let asked = Arc::new(Mutex::new(Asked::default()));
        Scenario::code(move |request| match self.strikes(&asked, request) {
            Some(trouble) => trouble,
            None => answer(request),
        })
    }

    fn strikes(self, asked: &Mutex<Asked>, request: &ModelRequest) -> Option<Reply> {
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.all += 1;
        if self.overloaded_every > 0 && asked.all.is_multiple_of(self.overloaded_every) {
            return Some(Reply::http(529));
        }
        let of_this = asked.by_conversation.entry(request.conversation.clone()).or_default();
        *of_this = of_this.saturating_add(1);
        (*of_this <= self.limited_first).then(|| Reply::limited(self.retry_after_s))
    }
}
