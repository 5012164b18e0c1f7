//! Files that were there before, how many are touched, and what cannot be taken back raise a level.

use crate::real::look::{audited, records};
use crate::support::World;
use consort_core::run::EventKind as E;

const RUN: &str = "scope-20260220-001";

/// One task at C1 whose agent runs this line of shell.
fn workflow(more: &str, task: &str, does: &str) -> String {
    format!(
        "workflow: {{id: {RUN}, title: Scope}}\ncriticality: C1\n{more}\
         agents:\n  default: {{argv: [sh, -c, 'cat > /dev/null; {does}']}}\n\
         tasks:\n  work: {{text: Work., {task}}}\n"
    )
}

/// A repository in which some things are decided and have run.
fn settled(workflow: &str) -> World {
    let world = World::new(workflow);
    for path in ["docs/adr/0001-x.md", "docs/adr/0002-y.md", "app/migrations/1.sql", "src/a.rs", "src/b.rs"] {
        world.write(path, "settled\n");
    }
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "Settled"]);
    world
}

/// What rules asked for when the run's change was looked at, and the level.
fn raised(world: &World) -> String {
    let of = |e: &E| match e {
        E::CandidateCaptured { raised: Some(raised), .. } => {
            Some(format!("{} {}", raised.level, raised.rules.join(" ")))
        }
        _ => None,
    };
    let records = records(&world.repo().join(".consort/runs").join(RUN));
    let found: Vec<String> = records.iter().flat_map(|r| &r.events).filter_map(|e| of(&e.kind)).collect();
    found.join("; ")
}

/// Runs a change without a gate, and looks.
fn changed(more: &str, does: &str) -> (World, i32, String) {
    let world = settled(&workflow(more, "writes: ['**'], gate: none", does));
    let said = world.consort(&["run", "workflow.yaml", "--approve", "all"]);
    let found = raised(&world);
    (world, said.code, found)
}

#[test]
fn a_record_that_is_there_is_told_from_a_new_one_before_the_run() {
    let one = |path: &str| settled(&workflow("", &format!("path: {path}"), "true"));
    let there = one("docs/adr/0001-x.md");
    let said = there.consort(&["check", "workflow.yaml"]);
    assert!(said.stderr.contains("the task `work` is raised from C1 to C4"), "{}", said.stderr);
    let why = "AE-004 asks for C4 at least: docs/adr/0001-x.md, which is there already";
    assert!(said.stderr.contains(why), "{}", said.stderr);
    let explained = there.consort(&["explain", "workflow.yaml", "--json"]).json();
    assert_eq!(explained["tasks"][0]["criticality"], "C4");
    assert_eq!(explained["tasks"][0]["escalated_by"], serde_json::json!(["AE-004", "AE-003"]));
    let fresh = one("docs/adr/0003-z.md");
    let said = fresh.consort(&["check", "workflow.yaml"]);
    assert!(said.stderr.contains("from C1 to C3") && !said.stderr.contains("AE-004"), "{}", said.stderr);
    // What is only in the checkout is not there for a run, and neither is what a commit took away.
    fresh.write("docs/adr/0003-z.md", "a draft\n");
    assert!(!fresh.consort(&["check", "workflow.yaml"]).stderr.contains("AE-004"));
    there.git(&["rm", "-q", "docs/adr/0001-x.md"]);
    there.git(&["commit", "-q", "-m", "Gone"]);
    assert!(!there.consort(&["check", "workflow.yaml"]).stderr.contains("AE-004"));
}

#[test]
fn without_git_the_files_of_the_directory_are_what_is_there() {
    let plain = World::plain();
    plain.write("workflow.yaml", &workflow("", "path: docs/adr/0001-x.md", "true"));
    assert!(!plain.consort(&["check", "workflow.yaml"]).stderr.contains("AE-004"));
    plain.write("docs/adr/0001-x.md", "settled\n");
    let said = plain.consort(&["check", "workflow.yaml"]);
    assert!(said.stderr.contains("AE-004 asks for C4"), "{}", said.stderr);
}

#[test]
fn the_plan_of_a_run_keeps_what_was_there_when_it_began() {
    let world = settled(&workflow("", "path: docs/adr/0001-x.md", "true"));
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "none"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let shown = world.consort(&["show", RUN, "work"]).stdout;
    assert!(shown.contains("C4"), "{shown}");
    world.git(&["rm", "-q", "docs/adr/0001-x.md"]);
    world.git(&["commit", "-q", "-m", "Gone"]);
    assert!(audited(&world, RUN, &[]).is_empty(), "what is there later changes nothing");
}

#[test]
fn an_agent_that_changes_a_settled_record_goes_to_a_person() {
    let (world, code, found) = changed("", "echo more >> docs/adr/0001-x.md");
    assert_eq!((code, found.as_str()), (3, "C4 AE-004 AE-003"));
    let asked = world.consort(&["status", RUN]).stdout;
    assert!(asked.contains("asks for C4 (AE-004, AE-003)"), "{asked}");
    assert_eq!(changed("", "rm docs/adr/0001-x.md").2, "C4 AE-004 AE-003 REV-001");
    assert_eq!(changed("", "echo new > docs/adr/0003-z.md").2, "C3 AE-003");
    assert_eq!(changed("", "echo more >> app/migrations/1.sql").2, "C4 REV-003 REV-002");
    assert_eq!(changed("", "echo new > app/migrations/2.sql").2, "C3 REV-002");
    let own = "escalation: {OWN: {paths: ['src/**'], existing: true, at_least: C2}}\n";
    assert_eq!(changed(own, "echo more >> src/a.rs").2, "C2 OWN");
    let (_, code, found) = changed(own, "echo new > src/c.rs");
    assert_eq!((code, found.as_str()), (0, ""));
}

#[test]
fn a_record_of_the_same_run_is_not_settled_for_its_later_tasks() {
    let text = format!(
        "workflow: {{id: {RUN}, title: Scope}}\ncriticality: C3\n\
         agents:\n  default: {{argv: [sh, -c, 'cat > /dev/null; echo line >> docs/adr/0003-z.md']}}\n\
         quality: {{gate: none}}\nescalation: {{AE-003: {{off: all of it is about records}}}}\n\
         tasks:\n  first: {{text: Work., writes: ['docs/**']}}\n  second: {{text: Work., writes: ['docs/**'], needs: first}}\n"
    );
    let world = settled(&text);
    let said = world.consort(&["run", "workflow.yaml", "--approve", "all"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert_eq!(raised(&world), "");
}

#[test]
fn how_many_files_an_agent_touches_raises_the_level() {
    for (does, code, expected) in [
        ("touch 1 2", 0, ""),
        ("touch 1 2 3", 3, "C2 SCOPE-001"),
        ("touch 1 2 3 4 5 6 7 8 9 10", 3, "C2 SCOPE-001"),
        ("touch 1 2 3 4 5 6 7 8 9 10 11", 3, "C3 SCOPE-002 SCOPE-001"),
        ("git mv src/a.rs src/c.rs 2>/dev/null || mv src/a.rs src/c.rs", 3, "C2 REV-001"),
        ("rm src/a.rs src/b.rs; echo x > src/c.rs", 3, "C2 SCOPE-001 REV-001"),
    ] {
        let (_, ended, found) = changed("", does);
        assert_eq!((ended, found.as_str()), (code, expected), "{does}");
    }
    let own = "escalation: {SCOPE-001: {files_above: 5}, REV-001: {off: moves are the task}}\n";
    assert_eq!(changed(own, "touch 1 2 3; mv src/a.rs src/c.rs").2, "");
    assert_eq!(changed(own, "touch 1 2 3 4; mv src/a.rs src/c.rs").2, "C2 SCOPE-001");
}

#[test]
fn what_is_declared_is_counted_before_the_run_and_off_is_kept_and_shown() {
    let paths = "path: [a.md, b.md, c.md]";
    let world = World::new(&workflow("", paths, "true"));
    let said = world.consort(&["check", "workflow.yaml"]);
    assert!(said.stderr.contains("from C1 to C2"), "{}", said.stderr);
    assert!(
        said.stderr.contains("SCOPE-001 asks for C2 at least: 3 files (three files or more)"),
        "{}",
        said.stderr
    );
    let off = "escalation: {SCOPE-001: {off: three small notes}}\n";
    let world = World::new(&workflow(off, paths, "for f in a b c; do echo \"# $f\" > $f.md; done"));
    let said = world.consort(&["check", "workflow.yaml"]);
    assert!(said.stderr.contains("the rule SCOPE-001 raises nothing here: three small notes"));
    assert!(!said.stderr.contains("from C1"), "{}", said.stderr);
    let explained = world.consort(&["explain", "workflow.yaml"]).stdout;
    assert!(explained.contains("SCOPE-001  switched off here: three small notes"), "{explained}");
    // Weighed already where the level is declared, an error where it is not.
    let none = |level: &str| {
        let text = workflow("", &format!("{paths}, gate: none"), "true");
        World::new(&text.replace("criticality: C1", &format!("criticality: {level}")))
    };
    assert_eq!(none("C2").consort(&["check", "workflow.yaml"]).code, 0);
    let said = none("C1").consort(&["check", "workflow.yaml"]);
    assert!(said.code == 2 && said.stderr.contains("escalated-without-gate"), "{}", said.stderr);
    let empty = World::new(&workflow("escalation: {X: {existing: false}}\n", "path: x.md", "true"));
    assert!(
        empty.consort(&["check", "workflow.yaml"]).stderr.contains("`existing`, `deleted`, `files_above`")
    );
}
