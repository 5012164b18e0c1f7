//! What a run waits for, thing by thing: a person, a slot, a quota, a back-off.

use super::model::When;
use super::text::{clean, count};
use crate::run::{Event, EventKind, Live, RunStatus, State, StepStatus, TaskStage, slots_wanted};
use serde::Serialize;

/// Something that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Wait {
    /// Task, barrier, input or limit; empty for the run.
    pub subject: String,
    /// Step of a task, where it is one that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// `person`, `slot`, `quota`, `back-off`, `budget` or `unpause`.
    #[serde(rename = "for")]
    pub reason: &'static str,
    /// Until then at most, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<When>,
    /// In words.
    pub text: String,
}

/// All that waits, persons first.
pub fn waits(state: &State) -> Vec<Wait> {
    if state.is_over() {
        return Vec::new();
    }
    let mut all: Vec<Wait> = state
        .open_approvals()
        .map(|(id, asked)| Wait {
            subject: clean(asked.kind.subject()),
            step: None,
            reason: "person",
            until: None,
            text: format!("{id}: {}", clean(&asked.question)),
        })
        .collect();
    if state.status == RunStatus::Paused {
        let text = "it is paused: nothing new starts".into();
        all.push(Wait { subject: String::new(), step: None, reason: "unpause", until: None, text });
    }
    let id = |ix: usize| state.graph.task(ix).id.to_string();
    for (ix, step) in state.queue() {
        let (reason, until, text) = queued(state, ix, step);
        all.push(Wait { subject: id(ix), step: Some(step.to_string()), reason, until, text });
    }
    for (ix, it) in state.tasks.iter().enumerate() {
        if it.stage == TaskStage::Ready {
            let text = slot(state);
            all.push(Wait { subject: id(ix), step: None, reason: "slot", until: None, text });
        }
        for step in &it.steps {
            if let StepStatus::Resting(until) = step.status {
                let text = format!("tried again at {until}");
                let step = Some(step.step.to_string());
                all.push(Wait { subject: id(ix), step, reason: "back-off", until: Some(When(until)), text });
            }
        }
    }
    all
}

fn queued(state: &State, ix: usize, step: &crate::ids::Step) -> (&'static str, Option<When>, String) {
    let it = &state.tasks[ix];
    let fallback = it.steps.iter().find(|s| s.step == *step).map_or(0, |s| s.fallback);
    let pool = state.graph.task(ix).agent_of(step, fallback).pool.as_deref();
    let rest = pool.and_then(|name| state.pools.get_key_value(name)).filter(|(_, pool)| !pool.woke);
    if let Some((name, rest)) = rest {
        let text = format!("the quota of {} is used up until {}", clean(name), rest.until);
        return ("quota", Some(When(rest.until)), text);
    }
    let most = state.graph.plan.limits.max_concurrent_agents.max(1) as usize;
    if state.live.len() >= most || (state.slots == Some(0) && slots_wanted(state) > 0) {
        return ("slot", None, slot(state));
    }
    ("budget", None, "what others have reserved of a budget may come free".into())
}

fn slot(state: &State) -> String {
    let most = state.graph.plan.limits.max_concurrent_agents.max(1) as usize;
    if state.live.len() < most && state.slots == Some(0) {
        return "a slot that all runs here share (max_agents)".into();
    }
    format!("a slot: {} at work", count(state.live.len(), "agent"))
}

/// Which questions a living attempt waits for.
pub fn asks(live: &Live) -> Vec<String> {
    live.talk.open.values().flatten().map(ToString::to_string).collect()
}

/// Why its runner put it down, if this event says so.
pub fn closed(event: &Event) -> Option<&str> {
    match &event.kind {
        EventKind::RunnerClosing { why } => Some(why),
        _ => None,
    }
}
