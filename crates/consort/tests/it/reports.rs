//! Reports and explanations: what people read before and after a run.

use crate::support::{SMALL, World};

#[test]
fn a_report_tells_the_run_and_each_gate() {
    let world = World::new(SMALL);
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said = world.consort(&["report"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    for what in [
        "# Report: Small",
        "A rehearsal",
        "| first | accepted |",
        "## Approvals and overrides",
        "# Score report: second",
    ] {
        assert!(said.stdout.contains(what), "{what}: {}", said.stdout);
    }
    let one = world.consort(&["report", "small", "first", "--json"]).json();
    assert_eq!(one["gates"][0]["task"], "first");
    assert_eq!(one["gates"][0]["verdict"], "accepted");
    assert_eq!(world.consort(&["report", "--out", "reports"]).code, 0);
    assert!(
        world.repo().join("reports/README.md").is_file() && world.repo().join("reports/second.md").is_file()
    );
    let again = world.consort(&["report", "--out", "reports"]);
    assert_eq!(again.code, 2, "nothing is overwritten: {}", again.stdout);
    assert_eq!(world.consort(&["report", "small", "nobody"]).code, 2);
}

#[test]
fn an_explanation_says_what_each_task_goes_through() {
    let seed = include_str!("../../../../examples/multi-instance/workflow.yaml");
    let world = World::new(seed);
    let said = world.consort(&["explain", "workflow.yaml"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    for what in [
        "agent-c-001  document by ps-architect",
        "S-003 Steelman (added: another one comes after it, H-16)",
        "C3 Significant",
        "barrier-2  barrier after a phase 2 and b phase 2",
        "at least 99 agent calls",
    ] {
        assert!(said.stdout.contains(what), "{what}: {}", said.stdout);
    }
    let one = world.consort(&["explain", "workflow.yaml", "agent-a-001", "--json"]).json();
    assert_eq!(one["tasks"][0]["calls"]["least"], 14);
    assert_eq!(world.consort(&["explain", "workflow.yaml", "agent-x"]).code, 2);
}
