//! What each attempt took and used up: collected while a journal is folded, because the state only keeps sums.

use super::clean;
use crate::ids::{AttemptId, Step};
use crate::plan::{AgentSpec, Runtime};
use crate::run::{AttemptEnd, Event, EventKind, State, Usage};
use crate::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AttemptLine {
    /// Which.
    pub attempt: String,
    /// Whose.
    pub task: String,
    /// `creator`, `self-review`, `critic` or `judge`.
    pub role: &'static str,
    /// The pipeline of its task; `handoffs` for what crosses barriers, `-` for a task without one.
    pub pipeline: String,
    /// Its runtime, or its program.
    pub agent: String,
    /// The model that answered, or that was asked for.
    pub model: Option<String>,
    /// When it was decided, in milliseconds since 1970.
    pub began: Timestamp,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// `done`, `failed`, `stopped`, `lost`; `live` while it is none of them.
    pub end: &'static str,
    /// As reported.
    pub usage: Usage,
    /// What its process took, in milliseconds.
    pub wall_ms: u64,
}

/// All attempts of a run so far, in the order in which they began.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    /// See there.
    pub lines: Vec<AttemptLine>,
    places: BTreeMap<AttemptId, usize>,
}

impl Attempts {
    /// Another event, and the state after its record.
    pub fn observe(&mut self, state: &State, event: &Event) {
        match &event.kind {
            EventKind::AttemptStarting { attempt, fallback, .. } => {
                self.places.insert(attempt.clone(), self.lines.len());
                self.lines.push(line(state, attempt, *fallback, event.at));
            }
            EventKind::AttemptEnded { attempt, end, usage, wall_ms, session, .. } => {
                let Some(line) = self.places.get(attempt).and_then(|at| self.lines.get_mut(*at)) else {
                    return;
                };
                line.ended = Some(event.at);
                line.usage = *usage;
                line.wall_ms = *wall_ms;
                let model = session.as_ref().and_then(|session| session.model.as_deref());
                line.model = model.map(clean).or(line.model.take());
                line.end = match end {
                    AttemptEnd::Done => "done",
                    AttemptEnd::Failed(_) => "failed",
                    AttemptEnd::Stopped(_) => "stopped",
                    AttemptEnd::Lost | AttemptEnd::Unknown => "lost",
                };
            }
            _ => {}
        }
    }

    /// Sums by what `of` says of each, in the order of their first coming.
    pub fn sums(&self, of: impl Fn(&AttemptLine) -> String) -> Vec<Sum> {
        let mut sums: Vec<Sum> = Vec::new();
        for line in &self.lines {
            let name = of(line);
            let at = sums.iter().position(|sum| sum.name == name).unwrap_or_else(|| {
                sums.push(Sum { name, ..Sum::default() });
                sums.len() - 1
            });
            sums[at].add(line);
        }
        sums
    }
}

/// What several attempts used up together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Sum {
    /// Of what.
    pub name: String,
    /// Attempts.
    pub calls: u32,
    /// Of them, those that did not do their step.
    pub in_vain: u32,
    /// Input tokens, as reported.
    pub tokens_in: u64,
    /// Output tokens, as reported.
    pub tokens_out: u64,
    /// Millionths of a US dollar, as reported.
    pub micro_usd: u64,
    /// Attempts that reported no cost.
    pub unpriced: u32,
    /// What their processes took, in milliseconds.
    pub wall_ms: u64,
}

impl Sum {
    fn add(&mut self, line: &AttemptLine) {
        self.calls += 1;
        self.in_vain += u32::from(!matches!(line.end, "done" | "live"));
        self.tokens_in = self.tokens_in.saturating_add(line.usage.tokens_in);
        self.tokens_out = self.tokens_out.saturating_add(line.usage.tokens_out);
        self.micro_usd = self.micro_usd.saturating_add(line.usage.micro_usd.unwrap_or(0));
        self.unpriced += u32::from(line.ended.is_some() && line.usage.micro_usd.is_none());
        self.wall_ms = self.wall_ms.saturating_add(line.wall_ms);
    }
}

fn line(state: &State, attempt: &AttemptId, fallback: u8, began: Timestamp) -> AttemptLine {
    let task = state.graph.ix(&attempt.task).map(|ix| (ix, state.graph.task(ix)));
    let pipeline = task.map_or_else(
        || "-".into(),
        |(ix, task)| match (&task.place, state.graph.handoff_of(ix)) {
            (_, Some(_)) => "handoffs".to_owned(),
            (Some((pipeline, _)), None) => pipeline.to_string(),
            (None, None) => "-".into(),
        },
    );
    let (agent, model) =
        task.map_or_else(|| ("-".into(), None), |(_, task)| named(task.agent_of(&attempt.step, fallback)));
    AttemptLine {
        attempt: attempt.to_string(),
        task: attempt.task.to_string(),
        role: role(&attempt.step),
        pipeline,
        agent,
        model,
        began,
        ended: None,
        end: "live",
        usage: Usage::default(),
        wall_ms: 0,
    }
}

fn role(step: &Step) -> &'static str {
    match step {
        Step::Create => "creator",
        Step::SelfReview => "self-review",
        Step::Review(_) => "critic",
        Step::Judge | Step::Panel(_) => "judge",
    }
}

fn named(agent: &AgentSpec) -> (String, Option<String>) {
    match &agent.runtime {
        Runtime::Missing => ("none".into(), None),
        Runtime::Command { argv, .. } => (clean(argv.first().map_or("", String::as_str)), None),
        Runtime::Rehearsal { .. } => ("rehearsal".into(), None),
        Runtime::Session(session) => (clean(&session.runtime), session.model.as_deref().map(clean)),
    }
}
