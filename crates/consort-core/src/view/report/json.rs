//! The reports for programs.

use super::{Answer, Crossing, Fate, followed, gate};
use crate::run::{Round, Severity, State};
use serde_json::{Value, json};

/// The whole run: `{run, status, gates, crossings, overrides, agent_calls, calls_by_role}`.
pub fn json(state: &State, gated: &[usize], answer: &Answer<'_>, crossings: &[Crossing]) -> Value {
    let gates: Vec<Value> = gated.iter().map(|ix| gate_json(state, *ix, answer)).collect();
    let crossed = |crossing: &Crossing| {
        let h = &crossing.handoff;
        let fates = crossing.fates().map(|(finding, fate)| json!({"finding": finding.id, "became": fate}));
        json!({
            "barrier": h.barrier, "from": h.from, "to": h.to, "path": h.path, "confidence": h.confidence,
            "blockers": h.blockers, "findings": fates.collect::<Vec<_>>(), "answers": crossing.answers,
        })
    };
    json!({
        "run": state.start.as_ref().map(|s| &s.run),
        "rehearsal": state.graph.plan.rehearsal,
        "status": state.status,
        "gates": gates,
        "crossings": crossings.iter().map(crossed).collect::<Vec<_>>(),
        "overrides": state.overrides.len(),
        "agent_calls": state.used.agent_calls,
        "calls_by_role": state.used.by_role,
    })
}

/// One gate: scores as decimals in text, exact.
pub fn gate_json(state: &State, ix: usize, answer: &Answer<'_>) -> Value {
    let (task, it) = (state.graph.task(ix), &state.tasks[ix]);
    let last = it.rounds.iter().rev().find(|r| r.composite.is_some());
    let composites: Vec<String> =
        it.rounds.iter().filter_map(|r| r.composite.map(|c| c.to_string())).collect();
    let criteria = last.map(|last| gate::met(state, ix, last)).unwrap_or_default();
    let criteria = criteria.into_iter().map(|(name, met)| json!({"criterion": name, "met": met}));
    let findings = followed(&it.rounds, answer).into_iter().map(|one| {
        json!({
            "round": one.iteration, "finding": one.id, "severity": one.severity, "claim": one.claim,
            "became": became(one.fate),
        })
    });
    json!({
        "task": task.id,
        "deliverable": task.output.paths(),
        "criticality": task.criticality,
        "raised_by": task.escalated_by,
        "strategies": task.review_groups,
        "verdict": gate::verdict(state, ix),
        "threshold": task.threshold.to_string(),
        "rounds": it.rounds.len(),
        "composites": composites,
        "each_round": it.rounds.iter().map(round).collect::<Vec<_>>(),
        "dimensions": last.map(|r| &r.scores),
        "criteria": criteria.collect::<Vec<_>>(),
        "findings": findings.collect::<Vec<_>>(),
        "answer": last.and_then(|r| r.scores_answer.as_ref()).map(answer),
    })
}

fn round(round: &Round) -> Value {
    let judged: Vec<String> = round.judged.iter().map(|j| j.composite.to_string()).collect();
    json!({
        "round": round.iteration,
        "kind": round.kind,
        "problems": round.problems,
        "critical": round.count(Severity::Critical),
        "major": round.count(Severity::Major),
        "minor": round.count(Severity::Minor),
        "composite": round.composite.map(|c| c.to_string()),
        "judges": judged,
        "verdict": round.verdict,
    })
}

fn became(fate: Fate) -> &'static str {
    match fate {
        Fate::Dropped => "dropped",
        Fate::Fixed => "fixed",
        Fate::Refused => "refused",
        Fate::Minor => "minor",
        Fate::Open => "open",
    }
}
