//! What one attempt may use up, looked at while it goes on.

use super::port::Spent;
use consort_core::plan::Caps;
use std::time::Duration;
use tokio::time::Instant;

/// A cap that is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// No sign of life for so many milliseconds.
    Idle(u64),
    /// Nothing came of it for so many milliseconds.
    NoProgress(u64),
    /// So many turns of its model, and another one is under way.
    Turns(u32),
    /// So many tokens.
    Tokens(u64),
    /// So many millionths of a US dollar.
    Cost(u64),
}

/// The clocks of one session.
pub(super) struct Clocks {
    caps: Caps,
    alive: Instant,
    progress: Instant,
    /// The last tool call, and whether it was the same as the one before.
    call: (String, bool),
}

impl Clocks {
    pub(super) fn new(caps: &Caps) -> Self {
        let now = Instant::now();
        Self { caps: *caps, alive: now, progress: now, call: Default::default() }
    }

    /// It gave a sign of life.
    pub(super) fn alive(&mut self) {
        self.alive = Instant::now();
    }

    /// Something came of it.
    pub(super) fn progress(&mut self) {
        self.alive();
        self.progress = self.alive;
    }

    /// It uses a tool: who does the same again and again gets nowhere, whatever comes of each.
    pub(super) fn calls(&mut self, name: &str, about: &str) {
        let call = format!("{name} {about}");
        let again = call == self.call.0;
        self.call = (call, again);
    }

    /// The tool is done.
    pub(super) fn called(&mut self) {
        if !self.call.1 {
            self.progress();
        }
    }

    /// The first cap that is reached. While it waits for a person no time passes.
    pub(super) fn reached(&mut self, turns: u32, spent: &Spent, waits: bool) -> Option<Reached> {
        if waits {
            self.progress();
        }
        let caps = &self.caps;
        let passed = |since: Instant, ms: u64| since.elapsed() > Duration::from_millis(ms);
        let idle = caps.idle_ms.filter(|ms| passed(self.alive, *ms)).map(Reached::Idle);
        let stuck = caps.no_progress_ms.filter(|ms| passed(self.progress, *ms)).map(Reached::NoProgress);
        let turns = caps.turns_max.filter(|max| turns >= *max).map(|_| Reached::Turns(turns));
        let tokens =
            caps.tokens_max.filter(|max| spent.tokens() > *max).map(|_| Reached::Tokens(spent.tokens()));
        let cost = spent.micro_usd.filter(|cost| caps.micro_usd_max.is_some_and(|max| *cost > max));
        idle.or(stuck).or(turns).or(tokens).or(cost.map(Reached::Cost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_call_again_and_again_is_no_progress() {
        let caps = Caps { no_progress_ms: Some(10_000), ..Caps::default() };
        let stuck = async |calls: [&str; 5]| {
            let mut clocks = Clocks::new(&caps);
            for call in calls {
                tokio::time::advance(Duration::from_secs(4)).await;
                clocks.calls("Bash", call);
                clocks.alive();
                clocks.called();
            }
            clocks.reached(0, &Spent::default(), false)
        };
        assert_eq!(stuck(["a", "b", "a", "b", "c"]).await, None);
        assert_eq!(stuck(["a", "a", "a", "a", "a"]).await, Some(Reached::NoProgress(10_000)));
    }
}
