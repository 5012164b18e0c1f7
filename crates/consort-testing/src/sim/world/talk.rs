//! Sessions: what agents say on their way, what they ask, and what they hear.

use super::{Attempt, Process, World};
use crate::sim::chance::hash;
use crate::sim::players::Play;
use consort_core::ids::{AttemptId, Step, TaskId};
use consort_core::plan::{AgentSpec, Grip, Rule, Runtime, Tool};
use consort_core::run::*;
use consort_core::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// One thing that a session does on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Asks, and waits for an answer or for its time-out.
    Asks(AskKind, Option<Rule>),
    /// Tells something.
    Says(NoteKind),
    /// Tells that its vendor limits it for so many milliseconds from now, if it says for how long.
    Limited(Option<u64>),
}

/// What sessions do on their way.
#[derive(Clone, Debug, Default)]
pub struct Talks {
    /// By task and step, for its first, second … attempt at that step; then nothing.
    pub scripted: BTreeMap<(TaskId, Step), Vec<Vec<Line>>>,
    /// A seed, and how many of 1,000 sessions have something to say.
    pub seeded: Option<(u64, u32)>,
    /// Sessions that cannot be resumed, how many still.
    pub lost: u32,
}

/// Something that a session was told and has heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Whose.
    pub attempt: AttemptId,
    /// What.
    pub what: TellKind,
}

/// The session of one attempt.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    id: String,
    notes: Vec<SessionNote>,
    script: VecDeque<Line>,
    asked: u32,
    /// The ask that it waits for, and until when.
    waits: Option<(u32, i64)>,
    /// What lies where it looks.
    told: BTreeMap<String, TellKind>,
    refused: u32,
}

impl Session {
    fn note(&mut self, kind: NoteKind) {
        let number = self.notes.len() as u32 + 1;
        self.notes.push(SessionNote { number, kind });
    }

    /// The answer that it waits for, or a word that it has not heard.
    fn news(&self) -> Option<&TellKind> {
        let awaited = |what: &TellKind| match (what, self.waits) {
            (TellKind::Answer { ask, .. }, Some((waits, _))) => *ask == waits,
            (TellKind::Turn { .. }, None) => true,
            _ => false,
        };
        self.told.values().find(|what| awaited(what))
    }

    /// True if it can go on now.
    fn goes_on(&self) -> bool {
        self.news().is_some() || (self.waits.is_none() && !self.script.is_empty())
    }

    /// True if all is said and it waits for nobody.
    pub(super) fn is_through(&self) -> bool {
        self.waits.is_none() && self.script.is_empty()
    }
}

/// A rule about commands that begin with these words.
pub fn shell(words: &str) -> Rule {
    Rule { tool: Some(Tool::Shell), grip: Some(Grip::Command(words.into())) }
}

impl Talks {
    fn of(&self, attempt: &AttemptId, nth: usize) -> VecDeque<Line> {
        let key = (attempt.task.clone(), attempt.step.clone());
        if let Some(lines) = self.scripted.get(&key).and_then(|all| all.get(nth)) {
            return lines.clone().into();
        }
        let Some((seed, permille)) = self.seeded else { return VecDeque::new() };
        let draw = hash(&format!("{seed} says {attempt}"));
        if draw % 1_000 >= u64::from(permille) {
            return VecDeque::new();
        }
        let line = |n: u64| match draw / (1_000 << (4 * n)) % 11 {
            0 => Line::Asks(AskKind::Question, None),
            1 => Line::Asks(AskKind::Permission, None),
            2 => Line::Says(NoteKind::Compacted),
            3 => Line::Says(NoteKind::HandedOver { session: format!("h-{n}-{}", attempt.slug()) }),
            4 => Line::Asks(AskKind::Permission, Some(shell("cargo test"))),
            5 => Line::Limited(Some(draw / 16_000_000 % 1_800_000)),
            6 => Line::Limited(None),
            7 => Line::Says(NoteKind::Used(Usage {
                tokens_in: draw % 2_000,
                tokens_out: 10,
                micro_usd: Some(draw % 3_000),
            })),
            _ => Line::Asks(AskKind::Permission, Some(shell("npm install"))),
        };
        (0..1 + draw / 7 % 3).map(line).collect()
    }
}

impl World {
    /// True if this attempt's agent is talked to.
    pub(super) fn talks_to(&self, start: &Start) -> bool {
        self.agent_of(start).is_some_and(|agent| matches!(agent.runtime, Runtime::Session(_)))
    }

    /// Who does it.
    pub(super) fn agent_of(&self, start: &Start) -> Option<&AgentSpec> {
        let task = self.task(&start.attempt.task);
        task.map(|task| task.agent_of(&start.attempt.step, start.fallback))
    }

    /// How a session ends whose quota gives nothing now.
    pub(super) fn closed(&self, there: &Attempt) -> Option<Play> {
        there.session.as_ref()?;
        let quota = self.quotas.get(self.agent_of(&there.start)?.pool.as_deref()?)?;
        let left = u64::try_from(quota.until - self.now).ok().filter(|left| *left > 0)?;
        Some(Play::Limited(quota.told.then_some(left)))
    }

    /// The session of an attempt that begins: a resumed one, unless it is lost.
    pub(super) fn begin_session(&mut self, start: &Start, nth: usize) -> Option<Session> {
        if !self.talks_to(start) {
            return None;
        }
        let lost = start.resume.is_some() && self.talks.lost > 0;
        self.talks.lost -= u32::from(lost);
        let resumed = start.resume.clone().filter(|_| !lost);
        let mut session = Session {
            id: resumed
                .clone()
                .filter(|_| !start.fork)
                .unwrap_or_else(|| format!("s-{}", start.attempt.slug())),
            script: self.talks.of(&start.attempt, nth),
            ..Session::default()
        };
        session.note(NoteKind::Began {
            session: session.id.clone(),
            resumed: resumed.is_some(),
            fresh: lost.then(|| "its session was not found".into()),
            model: None,
        });
        Some(session)
    }

    /// Sessions that can go on now.
    pub fn talking(&self) -> impl Iterator<Item = &AttemptId> {
        self.sessions().filter(|(_, s)| s.goes_on()).map(|(id, _)| id)
    }

    /// Sessions that wait for an answer which is not there.
    pub fn waiting(&self) -> impl Iterator<Item = &AttemptId> {
        self.sessions().filter(|(_, s)| s.waits.is_some() && s.news().is_none()).map(|(id, _)| id)
    }

    fn sessions(&self) -> impl Iterator<Item = (&AttemptId, &Session)> {
        let alive = self.attempts.iter().filter(|(_, a)| a.process == Process::Alive);
        alive.filter_map(|(id, a)| Some((id, a.session.as_ref()?)))
    }

    fn session(&mut self, attempt: &AttemptId) -> Option<&mut Session> {
        let alive = self.attempts.get_mut(attempt).filter(|a| a.process == Process::Alive);
        alive.and_then(|a| a.session.as_mut())
    }

    /// A session goes on by one thing: hears what it was told, or says the next of its lines.
    pub fn talk(&mut self, attempt: &AttemptId) {
        let now = self.now;
        let Some(session) = self.session(attempt) else { return };
        if let Some(what) = session.news().cloned() {
            session.told.remove(&what.to_string());
            if let TellKind::Answer { yes, .. } = &what {
                session.waits = None;
                session.refused += u32::from(!yes);
            }
            session.note(NoteKind::Heard { what: what.to_string() });
            self.heard.push(Heard { attempt: attempt.clone(), what });
            return;
        }
        match session.script.pop_front() {
            Some(Line::Asks(kind, rule)) => {
                session.asked += 1;
                let number = session.asked;
                session.waits = Some((number, now + 600_000));
                // As long as it may be, and longer.
                let text = "é".repeat(500);
                session.note(NoteKind::Asked(Ask { number, kind, text, rule }));
            }
            Some(Line::Limited(ms)) => {
                let until = ms.map(|ms| Timestamp(now).plus_ms(ms));
                session.note(NoteKind::Limited { until });
            }
            Some(Line::Says(kind)) => {
                if let NoteKind::HandedOver { session: id } = &kind {
                    session.id = id.clone();
                }
                session.note(kind);
            }
            None => {}
        }
    }

    /// Nobody answered in time: the session goes on without.
    pub fn expire(&mut self, attempt: &AttemptId) {
        let now = self.now;
        let Some(session) = self.session(attempt) else { return };
        let Some((ask, until)) = session.waits.take() else { return };
        session.refused += 1;
        session.note(NoteKind::AskExpired { ask });
        self.now = now.max(until);
    }

    /// It lies where the session looks: once, and as it was first.
    pub(super) fn tell(&mut self, told: &Told) {
        let heard = Heard { attempt: told.attempt.clone(), what: told.what.clone() };
        if self.heard.contains(&heard) {
            return;
        }
        if let Some(session) = self.session(&told.attempt) {
            session.told.entry(told.what.to_string()).or_insert_with(|| told.what.clone());
        }
    }

    /// Notes that the runner does not know.
    pub(super) fn notes(&self, attempt: &AttemptId, known: u32) -> Vec<Report> {
        let session = self.attempts.get(attempt).and_then(|a| a.session.as_ref());
        let notes = session.into_iter().flat_map(|s| &s.notes).filter(|n| n.number > known);
        notes.map(|n| Report::SessionNoted { attempt: attempt.clone(), note: n.clone() }).collect()
    }
}

/// How the session of an attempt ended that played like this.
pub(super) fn session_end(there: &Attempt, play: Play, now: i64) -> Option<Box<SessionEnd>> {
    let session = there.session.as_ref()?;
    let class = match play {
        Play::Fails(class) => Some(class),
        Play::Limited(ms) => Some(FailureClass::Limited(ms.map(|ms| Timestamp(now).plus_ms(ms)))),
        _ => None,
    };
    let failure = class.map(|class| SessionFailure { class, why: "é".repeat(600) });
    Some(Box::new(SessionEnd {
        session: Some(session.id.clone()),
        failure,
        turns: 1,
        refused: session.refused,
        model: None,
        ..SessionEnd::default()
    }))
}
