//! Ways of reviewing: the built-in ones, and a project's own.

use crate::real::look::records;
use crate::support::World;
use consort_core::run::EventKind as E;

const OWN: &str = "\
workflow: {id: own-20260220-001, title: Own}
criticality: C1
catalogue:
  house-style:
    name: House style
    prefix: HS
    group: E
    purpose: Hold the work against the house style.
    protocol: [Read the style guide., Compare each heading., Write a finding for each breach.]
    after: [S-007]
    reads: [candidate]
tasks:
  report: {role: writer, text: Write it., type: notes, strategies: {required: [house-style]}}
";

#[test]
fn a_projects_own_strategy_is_applied_in_its_group_and_frozen_into_the_plan() {
    let world = World::new(OWN);
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let records = records(&world.repo().join(".consort/runs/own-20260220-001"));
    let reviewed: Vec<String> = records
        .iter()
        .flat_map(|r| &r.events)
        .filter_map(|e| match &e.kind {
            E::Reviewed { iteration: 1, strategy, review, .. } => {
                let prefix = review.findings.first().map_or("-", |f| f.id.split('-').next().unwrap());
                Some(format!("{strategy} {prefix}"))
            }
            _ => None,
        })
        .collect();
    assert_eq!(reviewed, ["S-007 CC", "house-style HS"]);
    let report = world.consort(&["report", "own-20260220-001", "report"]).stdout;
    assert!(report.contains("S-007 by its own count in round 1: 0."), "{report}");
    // The file may change: the run has its own copy.
    world.write("workflow.yaml", &OWN.replace("prefix: HS", "prefix: XX"));
    assert_eq!(world.consort(&["verify"]).code, 0);
    let listed =
        world.consort(&["strategies", "house-style", "--workflow", "workflow.yaml", "--json"]).json();
    assert_eq!(listed[0]["prefix"], "XX");
}

#[test]
fn mistakes_in_a_catalogue_are_told_with_their_place() {
    for (from, to, says) in [
        ("group: E", "group: C", "S-007 cannot come before house-style"),
        ("prefix: HS", "prefix: h1", "prefix of findings"),
        (
            "protocol: [Read the style guide., Compare each heading., Write a finding for each breach.]\n",
            "\n",
            "protocol",
        ),
        ("group: E", "group: F", "house-style cannot be in group F: it would never run"),
        (
            "  house-style:\n",
            "  S-003: {name: Steelman, prefix: SM, group: E, purpose: x, protocol: [x]}\n  house-style:\n",
            "S-003 cannot come before S-002",
        ),
        ("reads: [candidate]", "reads: [everything]", "everything"),
        ("after: [S-007]", "after: [S-7]", "S-007"),
    ] {
        let world = World::new(&OWN.replace(from, to));
        let said = world.consort(&["check", "workflow.yaml"]);
        assert_eq!(said.code, 2, "{from}: {}", said.stdout);
        assert!(said.stderr.contains(says), "{from}: {}", said.stderr);
        assert!(said.stderr.contains("workflow.yaml:"), "{}", said.stderr);
    }
}

#[test]
fn what_must_come_before_brings_what_must_come_before_that() {
    let own = OWN.replace("after: [S-007]", "after: [S-002]");
    let world = World::new(&own);
    let explained = world.consort(&["explain", "workflow.yaml"]).stdout;
    let at = |id: &str| explained.find(id).unwrap_or_else(|| panic!("{id}: {explained}"));
    assert!(at("S-003") < at("S-002") && at("S-002") < at("house-style"), "{explained}");
}
