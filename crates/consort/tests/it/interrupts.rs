//! Signals and sudden ends.

use crate::support::{SLOW, Said, World};
use rustix::process::{Pid, Signal, kill_process};

fn signal(child: &std::process::Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn one_sigint_waits_for_what_runs_and_says_how_to_go_on() {
    let world = World::new(SLOW);
    let child = world.spawn(&["run", "workflow.yaml"]);
    world.until_running("slow");
    signal(&child, Signal::INT);
    let said = Said::of(child.wait_with_output().unwrap());
    assert_eq!(said.code, 130, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("INTERRUPTED"), "{}", said.stdout);
    assert!(said.stdout.contains("consort resume slow"), "{}", said.stdout);
    let resumed = world.consort(&["resume"]);
    assert_eq!(resumed.code, 0, "{}{}", resumed.stdout, resumed.stderr);
    let calls = world.consort(&["status", "--json"]).json();
    assert_eq!(calls["status"], "COMPLETE");
    assert_eq!(world.consort(&["verify"]).code, 0);
}

#[test]
fn a_second_sigint_leaves_agents_to_their_supervisors() {
    let world = World::new(SLOW);
    let child = world.spawn(&["run", "workflow.yaml"]);
    world.until_running("slow");
    signal(&child, Signal::INT);
    world.until("slow", "SIGINT");
    signal(&child, Signal::INT);
    let said = Said::of(child.wait_with_output().unwrap());
    assert_eq!(said.code, 130, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("under a supervisor"), "{}", said.stdout);
    let resumed = world.consort(&["resume"]);
    assert_eq!(resumed.code, 0, "{}{}", resumed.stdout, resumed.stderr);
    assert_eq!(world.consort(&["verify"]).code, 0);
}

#[test]
fn kill_9_in_the_middle_loses_nothing() {
    let world = World::new(SLOW);
    let mut child = world.spawn(&["run", "workflow.yaml"]);
    world.until_running("slow");
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    let doctor = world.consort(&["doctor"]);
    assert!(doctor.stdout.contains("slow is not over, and nobody drives it"), "{}", doctor.stdout);
    let resumed = world.consort(&["resume"]);
    assert_eq!(resumed.code, 0, "{}{}", resumed.stdout, resumed.stderr);
    assert_eq!(world.consort(&["verify"]).code, 0);
}

#[test]
fn cancel_reaches_the_runner() {
    let world = World::new(SLOW);
    let child = world.spawn(&["run", "workflow.yaml"]);
    world.until_running("slow");
    let said = world.consort(&["cancel", "slow"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let ended = Said::of(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 1, "{}", ended.stdout);
    assert!(ended.stdout.contains("CANCELLED"), "{}", ended.stdout);
    assert_eq!(world.consort(&["verify"]).code, 0);
}
