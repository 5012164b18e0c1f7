//! Everything that can be wrong before, or beside, a run: each a clear error with a documented
//! code, and nothing changed.

use crate::support::{SLOW, SMALL, World, picture};
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn refused(world: &World, args: &[&str], code: i32, words: &[&str]) -> String {
    let said = world.consort(args);
    assert_eq!(said.code, code, "{args:?}: {}{}", said.stdout, said.stderr);
    for word in words {
        assert!(said.stderr.contains(word), "{args:?} does not say `{word}`:\n{}", said.stderr);
    }
    assert!(!said.stderr.contains("panicked"), "{}", said.stderr);
    said.stderr
}

#[test]
fn files_that_are_no_workflow() {
    let world = World::new(SMALL);
    let before = picture(&world.repo());
    refused(&world, &["run", "nowhere.yaml"], 2, &["error:", "nowhere.yaml", "help:"]);
    refused(&world, &["check", "."], 2, &["is not a file"]);
    assert_eq!(picture(&world.repo()), before);
    world.write("bytes.yaml", "");
    fs::write(world.repo().join("bytes.yaml"), [0xff, 0xfe, 0]).unwrap();
    refused(&world, &["check", "bytes.yaml"], 2, &["not UTF-8"]);
    world.write("typo.yaml", &SMALL.replace("pipelines", "pipelnes"));
    let said = world.consort(&["check", "typo.yaml"]);
    insta::assert_snapshot!("typo", said.all(&world));
    let json = world.consort(&["check", "typo.yaml", "--json"]);
    assert_eq!((json.code, json.json()["ok"].as_bool()), (2, Some(false)));
    refused(&world, &["run", "workflow.yaml", "--var", "x"], 2, &["NAME=VALUE"]);
    refused(&world, &["frobnicate"], 2, &["frobnicate"]);
}

#[test]
fn a_run_never_falls_back_to_rehearsal() {
    let world = World::new(SMALL);
    let said = world.consort(&["run", "workflow.yaml"]);
    insta::assert_snapshot!("no_agent", said.all(&world));
    assert!(!world.repo().join(".consort").exists(), "nothing was begun");
}

#[test]
fn repositories_that_cannot_be_worked_in() {
    let world = World::plain();
    world.write("workflow.yaml", SMALL);
    world.git(&["init", "-q"]);
    refused(&world, &["run", "workflow.yaml", "--rehearse"], 2, &["no commits", "git commit"]);
    let bare = World::plain();
    bare.git(&["init", "-q", "--bare"]);
    bare.write("workflow.yaml", SMALL);
    refused(&bare, &["run", "workflow.yaml", "--rehearse"], 2, &["bare repository", "git clone"]);
}

#[test]
fn a_change_needs_git() {
    let world = World::plain();
    let change = "workflow: {id: x, title: X}\ncriticality: C1\ntasks:\n  a: {text: Do., produces: change, writes: ['src/**']}\n";
    world.write("workflow.yaml", change);
    let help = ["needs git", "git init"];
    refused(&world, &["run", "workflow.yaml", "--rehearse"], 2, &help);
}

#[test]
fn no_git_and_an_old_one() {
    let world = World::new(SMALL);
    let empty = world.path("empty");
    fs::create_dir(&empty).unwrap();
    let with_path = |path: &std::path::Path| {
        let mut command = world.command(&["run", "workflow.yaml", "--rehearse"]);
        crate::support::Said::of(command.env("PATH", path).output().unwrap())
    };
    let said = with_path(&empty);
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(said.stderr.contains("git was not found"), "{}", said.stderr);
    let old = empty.join("git");
    fs::write(&old, "#!/bin/sh\necho git version 2.20.1\n").unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
    let said = with_path(&empty);
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(said.stderr.contains("2.20.1") && said.stderr.contains("2.41"), "{}", said.stderr);
}

#[test]
fn a_branch_that_is_in_the_way() {
    let world = World::new(SMALL);
    world.git(&["branch", "consort/small-20260220-001/run"]);
    let words = ["exists already", "help:"];
    refused(&world, &["run", "workflow.yaml", "--rehearse"], 2, &words);
    assert_eq!(world.consort(&["list", "--json"]).json()["runs"], serde_json::json!([]), "no run was begun");
}

#[test]
fn names_that_lead_nowhere() {
    let world = World::waiting();
    refused(&world, &["status", "other"], 2, &["there is no run `other`", "small-20260220-001"]);
    refused(&world, &["status", "--", "-x"], 2, &["there is no run"]);
    refused(&world, &["status", "a b"], 2, &["there is no run"]);
    refused(&world, &["status", "../.."], 2, &["there is no run"]);
    refused(&world, &["show", "small", "nobody"], 2, &["no task `nobody`", "first, second"]);
    refused(&world, &["approve", "small", "A-007"], 2, &["no approval A-007"]);
    refused(&world, &["retry", "small", "first"], 2, &["does not wait for a retry"]);
    refused(&world, &["integrate", "small"], 2, &["only a COMPLETE run"]);
    refused(&world, &["-C", "/nowhere", "list"], 2, &["/nowhere"]);
    let empty = World::plain();
    refused(&empty, &["status"], 2, &["there are no runs", "consort demo"]);
}

#[test]
fn journals_that_are_damaged_or_newer_are_not_touched() {
    let world = World::waiting();
    let journal = world.repo().join(".consort/runs/small-20260220-001/journal.db");
    let good = fs::read(&journal).unwrap();
    let mut newer = good.clone();
    newer[60..64].copy_from_slice(&99u32.to_be_bytes()); // SQLite's user_version
    fs::write(&journal, &newer).unwrap();
    refused(&world, &["status"], 2, &["format 99"]);
    refused(&world, &["resume"], 2, &["format 99"]);
    assert_eq!(fs::read(&journal).unwrap(), newer);
    let mut torn = good.clone();
    let at = torn.windows(9).rposition(|w| w == b"TaskReady" || w == b"task_read").unwrap();
    torn[at] ^= 1;
    fs::write(&journal, &torn).unwrap();
    let said = world.consort(&["verify"]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("FAULT  chain"), "{}", said.stdout);
    refused(&world, &["resume"], 1, &["damaged", "record"]);
    assert!(world.consort(&["list"]).stdout.contains("UNREADABLE"));
    fs::write(&journal, b"not a database at all").unwrap();
    refused(&world, &["status"], 2, &["is not a journal"]);
}

#[test]
fn a_second_runner_is_told_who_has_it() {
    let world = World::new(SLOW);
    let mut first = world.spawn(&["run", "workflow.yaml"]);
    world.until_running("slow");
    let pid = first.id().to_string();
    refused(&world, &["resume"], 2, &["has a runner already", &pid, "help:"]);
    let status = world.consort(&["status"]);
    assert!(status.stdout.contains(&format!("Driven by pid {pid}")), "{}", status.stdout);
    let paused = world.consort(&["pause", "slow"]);
    assert_eq!((paused.code, paused.stdout.contains("slow is paused")), (0, true), "{}", paused.stderr);
    refused(&world, &["pause", "slow"], 2, &["paused already"]);
    let resumed = world.consort(&["resume", "slow"]);
    assert_eq!(resumed.code, 0, "the living runner goes on: {}", resumed.stderr);
    assert!(first.wait().unwrap().success());
    assert_eq!(world.consort(&["verify"]).code, 0);
}

#[test]
fn a_checkout_that_is_not_clean_is_not_integrated_into() {
    let world = World::new(SMALL);
    assert_eq!(world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]).code, 0);
    world.write("workflow.yaml", "changed\n");
    let head = world.git(&["rev-parse", "main"]);
    refused(&world, &["integrate", "--yes"], 2, &["uncommitted changes"]);
    assert_eq!(world.git(&["rev-parse", "main"]), head);
    refused(&world, &["integrate", "--yes", "--into", "nowhere"], 2, &["no branch", "nowhere"]);
}
