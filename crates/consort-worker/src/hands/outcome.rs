//! From an exit record to what the brain is told: the answer is read, checked and stored before
//! anybody hears of it.

use super::Hands;
use super::attempt::remove_tree;
use super::world::World;
use crate::agents::{runtimes, session};
use crate::processes::ExitRecord;
use crate::{briefing, judges};
use consort_core::ids::AttemptId;
use consort_core::plan::Output;
use consort_core::run::{Ended, Exit, Given, NoteKind, SessionEnd};
use std::io;

impl Hands {
    /// How an attempt ended, with what it gave.
    pub(super) fn ended(&self, attempt: &AttemptId, record: &ExitRecord) -> Ended {
        let desk = self.bench.dirs.desk(attempt);
        let given = match record.exit {
            Exit::Code(0) => self.given(attempt, &desk.join("answer.json")),
            _ => Given::Nothing,
        };
        let clean = record.exit == Exit::Code(0) && record.leaked == 0;
        let json = if clean { None } else { serde_json::to_vec_pretty(record).ok() };
        // Missing evidence is no reason to lose the outcome: the attempt's directory has it too.
        let stored = json.and_then(|json| self.bench.store.put(&json).ok());
        if !attempt.step.is_creator() {
            let _ = remove_tree(&self.bench.dirs.export(attempt));
        }
        let _ = self.leave_home(attempt);
        Ended {
            exit: record.exit.clone(),
            given,
            wall_ms: record.wall_ms,
            usage: judges::read_usage(&desk.join("usage.json")),
            leaked: record.leaked,
            record: stored,
            session: self.session_end(attempt).map(Box::new),
            outside: self.outside(attempt),
        }
    }

    /// What is different now from what it was when the attempt began, where that was looked at.
    fn outside(&self, attempt: &AttemptId) -> Vec<String> {
        let before = World::read(&self.bench.dirs.attempt(attempt));
        let now = before.as_ref().and_then(|_| World::look(&self.bench.plane));
        before.zip(now).map(|(before, now)| before.differs(&now)).unwrap_or_default()
    }

    /// How its session ended, with its logs in the content store: the attempt's directory goes some day.
    fn session_end(&self, attempt: &AttemptId) -> Option<SessionEnd> {
        let control = self.bench.dirs.control(attempt);
        let mut end = session::end_of(&control).or_else(|| {
            // Its driver was ended before its last word: what it told before counts.
            let notes = session::notes_after(&control, 0).ok()?;
            let began = notes.into_iter().rev().find_map(|note| match note.kind {
                NoteKind::Began { session, .. } | NoteKind::HandedOver { session } => Some(session),
                _ => None,
            });
            Some(SessionEnd { session: Some(began?), ..SessionEnd::default() })
        })?;
        // Missing logs are no reason to lose the outcome.
        let stored = |bytes: std::io::Result<Option<Vec<u8>>>| self.bench.store.put(&bytes.ok()??).ok();
        end.transcript = stored(session::transcript_of(&control));
        end.raw = stored(session::raw_of(&control));
        Some(end)
    }

    /// A person's log-in is lent for one attempt; a home lasts as long as somebody comes back to it.
    fn leave_home(&self, attempt: &AttemptId) -> io::Result<()> {
        let home = self.bench.dirs.home(attempt);
        match attempt.step.is_creator() {
            true => runtimes::take_login(&home),
            false => remove_tree(&home),
        }
    }

    fn given(&self, attempt: &AttemptId, path: &std::path::Path) -> Given {
        let shown = match self.shown(attempt) {
            Ok(shown) => shown,
            Err(why) => return Given::Malformed(why),
        };
        let measure = briefing::measure(self.plan(), attempt, &self.bench.nonce);
        let rules = measure.rules(shown.as_ref());
        let answer = judges::read(&attempt.step, path, &rules);
        if let Some(bytes) = &answer.bytes
            && let Err(error) = self.bench.store.put(bytes)
        {
            return Given::Malformed(format!("the answer could not be stored: {error}"));
        }
        answer.given
    }

    /// What a reviewer was shown; nothing for a creator, whose text is its own.
    fn shown(&self, attempt: &AttemptId) -> Result<Option<judges::Shown>, String> {
        if attempt.step.is_creator() {
            return Ok(None);
        }
        let path = self.bench.dirs.shown(attempt);
        // Fails closed: quotations that cannot be looked up are not believed.
        let bytes = std::fs::read(&path).map_err(|e| {
            format!("what the reviewer was shown cannot be read from {}: {e}", path.display())
        })?;
        let diff = self.plan().task(&attempt.task).is_some_and(|t| matches!(t.output, Output::Change { .. }));
        Ok(Some(if diff { judges::Shown::of_diff(&bytes) } else { judges::Shown::of([bytes.as_slice()]) }))
    }
}
