//! `verify` finds what was changed behind the journal's back.

use crate::support::{SMALL, World};
use std::fs;

fn done() -> World {
    let world = World::new(SMALL);
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    world
}

/// Names of the checks that found a fault.
fn faults(world: &World) -> Vec<String> {
    let said = world.consort(&["verify", "--json"]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    let report = said.json();
    let checks = report["checks"].as_array().unwrap().iter();
    let bad = checks.filter(|c| !c["faults"].as_array().unwrap().is_empty());
    bad.map(|c| c["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_run_that_was_left_alone_has_no_fault() {
    let world = done();
    let said = world.consort(&["verify"]);
    // How many records a run has depends on how its reports came in.
    let counts = |c: char| if c.is_ascii_digit() { '#' } else { c };
    let text: String = said.all(&world).chars().map(counts).collect();
    insta::assert_snapshot!("verified", text.replace("##", "#").replace("##", "#"));
}

#[test]
fn a_ref_that_was_moved() {
    let world = done();
    let to = world.git(&["rev-parse", "main"]);
    world.git(&["update-ref", "refs/consort/small-20260220-001/task/first", &to]);
    assert_eq!(faults(&world), ["refs"]);
    world.git(&["update-ref", "-d", "refs/consort/small-20260220-001/CP-001"]);
    assert_eq!(faults(&world), ["refs"]);
}

#[test]
fn stored_content_that_was_changed() {
    let world = done();
    let status = world.consort(&["status", "--json"]).json();
    assert_eq!(status["status"], "COMPLETE");
    let store = world.repo().join(".consort/store");
    let mut changed = 0;
    let entries = fs::read_dir(&store).unwrap().flatten();
    for object in entries.map(|entry| entry.path()).filter(|path| path.is_file()) {
        let bytes = fs::read(&object).unwrap();
        // Answers of agents, not the plan.
        if bytes.windows(7).any(|w| w == b"\"nonce\"") && !bytes.windows(11).any(|w| w == b"\"pipelines\"") {
            fs::remove_file(&object).unwrap();
            fs::write(&object, b"{}").unwrap();
            changed += 1;
        }
    }
    assert!(changed > 0, "C1 asks for self-reviews, which are stored");
    assert!(faults(&world).contains(&"answers".to_owned()));
}
