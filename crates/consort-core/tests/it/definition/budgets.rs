//! Budgets of parts: what a task and a pipeline say themselves, then the workflow, key by key.

use super::planned;
use consort_core::plan::{Budget, Then};
use consort_core::quality::Score;

const FILE: &str = "
limits:
  budget:
    usd: 20
    warn_at: 0.8
    then: stop
    per_task: {tokens: 500k, usd: 2, then: ask}
    per_pipeline: {agent_calls: 30}
    per_day: {usd: 50, then: ask}
pipelines:
  p:
    budget: {wall: 2h, warn_at: 0.5}
    phases: [{name: One, tasks: {a: {text: x}, b: {text: y, budget: {usd: 5, agent_calls: 9}}}}]
  q:
    phases: [{name: One, tasks: {c: {text: z}}}]
barriers:
  meet: {after: {p: 1, q: 1}, handoffs: [{from: p, to: q}]}
convergent:
  budget: {agent_calls: 4}
  phases: [{name: Last, tasks: {d: {text: x, inputs: [{handoff: meet}]}}}]
";

#[test]
fn each_part_has_its_own_word_then_the_workflows() {
    let limits = planned(FILE).0.limits;
    let (warn_at, half) = (Score::parse("0.8").ok(), Score::parse("0.5").ok());
    let run = Budget { micro_usd_max: Some(20_000_000), warn_at, then: Then::Stop, ..Budget::default() };
    assert_eq!(limits.budget, run);
    let each =
        Budget { tokens_max: Some(500_000), micro_usd_max: Some(2_000_000), warn_at, ..Budget::default() };
    let tasks = &limits.shares.tasks;
    assert_eq!(tasks["a"], each);
    assert_eq!(tasks["b"], Budget { micro_usd_max: Some(5_000_000), agent_calls_max: Some(9), ..each });
    let handoff = tasks.iter().find(|(id, _)| id.as_str().contains("meet"));
    assert_eq!(handoff.map(|(_, budget)| *budget), Some(each), "handoffs are tasks too");
    let day = Budget { micro_usd_max: Some(50_000_000), warn_at, ..Budget::default() };
    assert_eq!(limits.shares.day, day);
    let pipelines = &limits.shares.pipelines;
    let line = Budget { agent_calls_max: Some(30), warn_at, then: Then::Stop, ..Budget::default() };
    assert_eq!(pipelines["p"], Budget { wall_ms_max: Some(7_200_000), warn_at: half, ..line });
    assert_eq!(pipelines["q"], line);
    assert_eq!(pipelines["convergent"].agent_calls_max, Some(4));
}

#[test]
fn who_says_nothing_has_no_budget_and_no_other_plan() {
    let (plan, _) = planned("tasks:\n  a: {text: x, budget: {warn_at: 0.5, then: stop}}\n");
    assert!(plan.limits.shares.is_empty(), "nothing is limited");
    let frozen = serde_json::to_value(&plan.limits).expect("it is data");
    assert!(frozen.get("shares").is_none() && frozen["budget"].get("then").is_none(), "{frozen}");
}
