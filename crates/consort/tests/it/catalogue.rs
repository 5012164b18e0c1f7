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
    let listed = world
        .consort(&["strategies", "house-style", "--workflow", "workflow.yaml", "--json"])
        .json()["strategies"]
        .clone();
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

const SETS: &str = "\
workflow: {id: sets-20260220-001, title: Sets}
criticality: C2
tasks:
  report: {role: writer, text: Write it., type: notes, strategies: {STRATEGIES}}
";

#[test]
fn what_a_level_asks_for_is_left_out_by_a_name_and_a_reason_or_not_at_all() {
    for (strategies, says) in [
        ("required: [S-007]", "leave out S-002, which C2 asks for"),
        ("drop: [S-002]", "to leave it out takes a name and a reason"),
        ("drop: [{strategy: S-014, by: Anna, reason: no time}]", "S-014 cannot be left out"),
        ("drop: [{strategy: S-010, by: Anna, reason: no time}]", "S-010 cannot be left out"),
        ("drop: [{strategy: S-003, by: Anna, reason: no time}]", "it comes before S-002 (H-16)"),
        ("drop: [S-012]", "C2 does not ask for S-012"),
        ("add: [S-004], drop: [S-004]", "asked for and dropped at once"),
        ("drop: [{strategy: S-002, by: '', reason: no time}]", "this text is empty"),
        ("drop: [{strategy: S-002, by: Anna, reason: ' '}]", "this text is empty"),
    ] {
        let world = World::new(&SETS.replace("STRATEGIES", strategies));
        let said = world.consort(&["run", "workflow.yaml", "--rehearse"]);
        assert_eq!(said.code, 2, "{strategies}: {}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains(says), "{strategies}: {}", said.stderr);
    }
    let dropped = "add: [S-013], drop: [S-003, {strategy: S-002, by: Anna, reason: two others attack it}]";
    let world = World::new(&SETS.replace("STRATEGIES", dropped));
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let run = world.repo().join(".consort/runs/sets-20260220-001");
    let strategies: std::collections::BTreeSet<String> = records(&run)
        .iter()
        .flat_map(|r| &r.events)
        .filter_map(|e| match &e.kind {
            E::Reviewed { strategy, .. } => Some(strategy.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(strategies.into_iter().collect::<Vec<_>>(), ["S-007", "S-013"]);
    let line = "report goes without S-002, which C2 asks for by Anna: two others attack it";
    let shown = [
        world.consort(&["status"]).stdout,
        world.consort(&["report", "sets-20260220-001"]).stdout,
        std::fs::read_to_string(run.join("ORCHESTRATION_WORKTRACKER.md")).unwrap(),
        std::fs::read_to_string(run.join("ORCHESTRATION_PLAN.md")).unwrap(),
    ];
    for (at, text) in shown.iter().enumerate() {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(line), "{at}: {text}");
    }
    let why = world.consort(&["why", "refs/consort/sets-20260220-001/task/report"]).stdout;
    assert!(why.contains(&format!("left out     {line}")), "{why}");
    let yaml = std::fs::read_to_string(run.join("ORCHESTRATION.yaml")).unwrap();
    assert!(yaml.contains("strategies_left_out:") && yaml.contains("Anna"), "{yaml}");
}

#[test]
fn a_rule_that_raises_a_level_takes_no_drop_from_below() {
    let own = SETS
        .replace("type: notes", "path: docs/decisions/0001-x.md")
        .replace("STRATEGIES", "drop: [{strategy: S-002, by: Anna, reason: two others attack it}]");
    let world = World::new(&own);
    let explained = world.consort(&["explain", "workflow.yaml"]);
    let checked = world.consort(&["check", "workflow.yaml"]).stderr;
    assert!(explained.stdout.contains("S-002 Devil's Advocate"), "{}", explained.stdout);
    assert!(!explained.stdout.contains("left out"), "{}", explained.stdout);
    assert!(checked.contains("was dropped for C2, and runs at C3"), "{checked}");
}

#[test]
fn what_a_phase_drops_is_dropped_for_its_own_level_only() {
    let own = "\
workflow: {id: sets-20260220-001, title: Sets}
pipelines:
  p:
    phases:
      - name: One
        criticality: C3
        strategies: {drop: [S-011, {strategy: S-013, by: Anna, reason: no goals to negate}]}
        tasks:
          same: {role: writer, text: Write it., type: notes}
          above: {role: writer, text: Write it., type: notes, criticality: C4}
";
    let world = World::new(own);
    let of = |task: &str| world.consort(&["explain", "workflow.yaml", task]).stdout;
    let (same, above) = (of("same"), of("above"));
    assert!(
        !same.contains("S-013 ") && same.contains("left out    S-013, which C3 asks for; Anna"),
        "{same}"
    );
    assert!(above.contains("S-011 ") && above.contains("S-013 ") && !above.contains("left out"), "{above}");
}

#[test]
fn what_another_strategy_brings_back_is_not_left_out() {
    let own = SETS.replace(
        "STRATEGIES",
        "add: [house-style], drop: [S-003, {strategy: S-002, by: Anna, reason: two others attack it}]",
    ) + "catalogue:\n  house-style: {name: H, prefix: HS, group: E, purpose: x, protocol: [x], after: [S-002]}\n";
    let explained = World::new(&own).consort(&["explain", "workflow.yaml"]);
    assert!(explained.stdout.contains("review C    S-002"), "{}{}", explained.stdout, explained.stderr);
    assert!(!explained.stdout.contains("left out"), "{}", explained.stdout);
}

#[test]
fn critics_keep_their_judge() {
    let own = SETS.replace("C2", "C1").replace("STRATEGIES", "add: [S-007], drop: [S-014]");
    let said = World::new(&own).consort(&["check", "workflow.yaml"]);
    assert!(said.stderr.contains("without it critics would change nothing"), "{}", said.stderr);
}
