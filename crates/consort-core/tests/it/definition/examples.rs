//! The examples lower to what they promise.

use super::{options, planned};
use consort_core::definition::check;
use consort_core::plan::{Criticality, Plan, Runtime, Task};

const SEED: &str = include_str!("../../../../../examples/multi-instance/workflow.yaml");

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|i| i.to_string()).collect::<Vec<_>>().join(" ")
}

fn task<'a>(plan: &'a Plan, id: &str) -> &'a Task {
    plan.tasks.iter().find(|t| t.id.as_str() == id).unwrap_or_else(|| panic!("no task {id}"))
}

fn groups(task: &Task) -> String {
    list(task.review_groups.iter().map(|g| list(g).replace(' ', "+")))
}

#[test]
fn the_seed_lowers_to_its_own_numbers() {
    let (plan, warnings) = planned(SEED);
    assert_eq!(plan.agents().count(), 5);
    assert_eq!(plan.tasks.len() - plan.agents().count(), 4, "handoffs");
    assert_eq!(list(plan.barriers.iter().map(|b| &b.id)), "barrier-1 barrier-2");
    assert_eq!(
        plan.stages.iter().map(|s| format!("{}: {}", s.subject, list(&s.tasks))).collect::<Vec<_>>(),
        ["phase 1: agent-a-001 agent-b-001", "phase 2: agent-a-002 agent-b-002", "phase 3: agent-c-001"]
    );
    assert_eq!(
        list(plan.tasks.iter().map(|t| &t.id)),
        "agent-a-001 barrier-1_spike-001-to-spike-002 agent-a-002 barrier-2_spike-001-to-spike-002 \
         agent-b-001 barrier-1_spike-002-to-spike-001 agent-b-002 barrier-2_spike-002-to-spike-001 agent-c-001"
    );
    assert_eq!(
        list(&plan.workflow.patterns),
        "SEQUENTIAL CONCURRENT BARRIER_SYNC CROSS_POLLINATED HIERARCHICAL FAN_IN"
    );
    // Least: 4 tasks x (2 + 3 x (3 critics + judge)), 4 handoffs x (2 + 3 x judge), the decision
    // 2 + 3 x (6 critics + judge). Likely: each of the nine creates and reviews itself once more.
    assert_eq!(plan.forecast_calls(), (4 * 14 + 4 * 5 + 23, 99 + 9 * 2));
    // The seed's barriers ask for less than its own section 4.3 does, and it says so.
    assert_eq!(warnings.matches("strategies-below-level").count(), 2, "{warnings}");
    assert!(
        warnings.contains("the strategies of the barrier `barrier-1` leave out S-007, S-002"),
        "{warnings}"
    );
}

#[test]
fn the_seeds_artifacts_have_the_seeds_paths() {
    let (plan, _) = planned(SEED);
    let mut paths: Vec<&str> = plan.tasks.iter().flat_map(|t| t.output.paths()).map(String::as_str).collect();
    paths.sort_unstable();
    let base = "orchestration/multi-instance-20260220-001/";
    let paths: Vec<&str> = paths.iter().map(|p| p.strip_prefix(base).expect(base)).collect();
    assert_eq!(
        paths,
        [
            "convergent/phase-3-decision/agent-c-001/agent-c-001-adr.md",
            "cross-pollination/barrier-1/spike-001-to-spike-002/handoff.md",
            "cross-pollination/barrier-1/spike-002-to-spike-001/handoff.md",
            "cross-pollination/barrier-2/spike-001-to-spike-002/handoff.md",
            "cross-pollination/barrier-2/spike-002-to-spike-001/handoff.md",
            "spike-001/phase-1-research/agent-a-001/agent-a-001-research.md",
            "spike-001/phase-2-analysis/agent-a-002/agent-a-002-analysis.md",
            "spike-002/phase-1-research/agent-b-001/agent-b-001-research.md",
            "spike-002/phase-2-analysis/agent-b-002/agent-b-002-analysis.md",
        ]
    );
}

#[test]
fn the_seeds_tasks_wait_read_and_pass_as_it_says() {
    let (plan, _) = planned(SEED);
    let analyst = task(&plan, "agent-a-002");
    assert_eq!((list(&analyst.needs), list(&analyst.behind)), (String::new(), "barrier-1".into()));
    assert_eq!(list(plan.handoffs_into(analyst).map(|t| &t.id)), "barrier-1_spike-002-to-spike-001");
    let decision = task(&plan, "agent-c-001");
    assert_eq!((list(&decision.needs), list(&decision.behind)), (String::new(), "barrier-2".into()));
    assert_eq!(plan.handoffs_into(decision).count(), 2);
    assert_eq!(decision.criticality, Criticality::C3);
    assert_eq!((decision.rounds.min, decision.rounds.max), (3, 7));
    assert_eq!(groups(decision), "S-003 S-002+S-004 S-007 S-012+S-013");
    assert_eq!(list(&decision.required_strategies), "S-007 S-002 S-004 S-012 S-013 S-014 S-010");
    assert_eq!(list(&decision.optional_strategies), "S-001 S-011");
    assert_eq!(decision.approval.as_ref().map(|a| a.who.as_str()), Some("user"));
    assert!(analyst.approval.is_none());
    assert!(plan.barriers.iter().all(|b| b.approval.is_some()));

    let handoff = task(&plan, "barrier-1_spike-001-to-spike-002");
    assert_eq!(list(&handoff.needs), "agent-a-001");
    assert!(handoff.behind.is_empty() && handoff.judged && handoff.self_review);
    assert_eq!(groups(handoff), "");
    assert_eq!(handoff.rounds.min, 3);
    assert_eq!(groups(analyst), "S-003 S-002 S-007");
}

#[test]
fn a_rehearsal_replaces_all_agents_and_nothing_else_does() {
    let (plan, _) = planned(SEED);
    assert!(!plan.rehearsal);
    assert!(plan.tasks.iter().all(|t| t.creator.runtime == Runtime::Missing));
    let rehearse = consort_core::definition::PlanOptions { rehearse: true, ..options() };
    let plan = check("workflow.yaml", SEED, &rehearse).expect("the seed").plan;
    assert!(plan.rehearsal);
    for task in &plan.tasks {
        for agent in [&task.creator, &task.critic, &task.judge] {
            assert!(matches!(agent.runtime, Runtime::Rehearsal { .. }));
        }
    }
}

#[test]
fn no_example_is_more_than_it_says_and_the_forecast_adds_up() {
    for (name, text) in [
        ("fan-out-changes", include_str!("../../../../../examples/fan-out-changes/workflow.yaml")),
        ("first-real-run", include_str!("../../../../../examples/first-real-run/workflow.yaml")),
        ("multi-instance", SEED),
        ("overlapping-barriers", include_str!("../../../../../examples/overlapping-barriers/workflow.yaml")),
        ("sequential", include_str!("../../../../../examples/sequential/workflow.yaml")),
    ] {
        let (plan, _) = planned(text);
        let raised: Vec<_> = plan.tasks.iter().flat_map(|t| &t.escalated_by).collect();
        let record = raised.iter().all(|rule| *rule == "AE-003");
        assert!(record, "{name}: {raised:?}");
        assert_eq!(plan.forecast().calls, plan.forecast_calls().1, "{name}");
        // Only the one that hands on a key, and those that name no agents, cost nobody knows what.
        assert_eq!(plan.forecast().unpriced, plan.forecast().calls, "{name}");
    }
}
