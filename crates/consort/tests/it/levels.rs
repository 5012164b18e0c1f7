//! Criticality rises by itself, by what a task declares and by what its agent really changed.

use crate::real::look::{audited, records};
use crate::support::World;
use consort_core::run::{EventKind as E, HoldWhy};

const RUN: &str = "levels-20260220-001";

fn workflow(more: &str, task: &str) -> String {
    format!(
        "workflow: {{id: {RUN}, title: Levels}}\ncriticality: C1\n{more}\
         agents:\n  default: {{argv: [sh, -c, 'cat > /dev/null; mkdir -p src .github/workflows; echo x > src/a.txt; echo y > .github/workflows/ci.yml']}}\n\
         tasks:\n  work: {{text: Work., {task}}}\n"
    )
}

#[test]
fn a_decision_record_is_significant_unless_somebody_says_why_not() {
    let record = "path: docs/decisions/0001-x.md";
    let world = World::new(&workflow("", record));
    let said = world.consort(&["check", "workflow.yaml"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("the task `work` is raised from C1 to C3"), "{}", said.stderr);
    assert!(said.stderr.contains("AE-003 asks for C3 at least: docs/decisions/0001-x.md"), "{}", said.stderr);
    let off = World::new(&workflow("escalation: {AE-003: {off: notes only}}\n", record));
    let said = off.consort(&["check", "workflow.yaml"]);
    assert!(!said.stderr.contains("raised"));
    assert!(said.stderr.contains("the rule AE-003 raises nothing here: notes only"), "{}", said.stderr);
    let explained = off.consort(&["explain", "workflow.yaml"]).stdout;
    assert!(explained.contains("AE-003  switched off here: notes only"), "{explained}");
    let bare = World::new(&workflow("", &format!("{record}, gate: none")));
    let said = bare.consort(&["check", "workflow.yaml"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("escalated-without-gate"), "{}", said.stderr);
    let own = "escalation: {MONEY: {paths: ['billing/**'], at_least: C4, about: money moves here}}\n";
    let own = World::new(&workflow(own, "path: billing/rates.md"));
    let said = own.consort(&["check", "workflow.yaml"]);
    assert!(
        said.stderr.contains("MONEY asks for C4 at least: billing/rates.md (money moves here)"),
        "{}",
        said.stderr
    );
    let wrong = World::new(&workflow(
        "escalation: {AE-9: {off: x}, X: {paths: ['a{']}, Y: {about: nothing}}\n",
        "path: x.md",
    ));
    let said = wrong.consort(&["check", "workflow.yaml"]);
    assert!(said.stderr.contains("unknown-rule") && said.stderr.contains("bad-glob"), "{}", said.stderr);
    assert!(said.stderr.contains("the rule `Y` names nothing that could be touched"), "{}", said.stderr);
}

#[test]
fn what_was_really_changed_counts_and_goes_to_a_person() {
    let world = World::new(&workflow("", "writes: ['**'], gate: none"));
    let said = world.consort(&["run", "workflow.yaml", "--approve", "all"]);
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("asks for C2 (CI-001)"), "{}", said.stdout);
    let events = || records(&world.repo().join(".consort/runs").join(RUN)).into_iter().flat_map(|r| r.events);
    assert!(events().any(|e| matches!(e.kind, E::TaskHeld { why: HoldWhy::Escalated, .. })));
    let said = world.consort(&["approve", RUN, "A-001", "-m", "the pipeline was meant to change"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert_eq!(world.consort(&["resume", RUN]).code, 0);
    let status = world.consort(&["status", RUN]);
    assert!(status.stdout.contains("COMPLETE"), "{}", status.stdout);
    assert!(
        events()
            .any(|e| matches!(&e.kind, E::OverrideRecorded { note: Some(n), .. } if n.contains("was meant")))
    );
    assert!(audited(&world, RUN, &[]).is_empty());
    let calm = World::new(&workflow("", "writes: ['src/**'], gate: none"));
    assert_eq!(calm.consort(&["run", "workflow.yaml", "--approve", "all"]).code, 0);
}
