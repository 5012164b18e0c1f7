//! A changed workflow for a run, with the real binary in real repositories.

use super::crashes::{MEETING, ended, undisturbed};
use super::real::look::audited;
use super::support::World;
use consort_worker::drill::{CRASH_AT, CRASH_ONCE};

const RUN: &str = "meeting-20260220-001";

/// One task is to write more.
fn longer() -> String {
    let changed = MEETING.replacen("Write about b", "Write at length about b", 1);
    assert_ne!(changed, MEETING);
    changed
}

/// A run that came to its end, and a changed file beside its workflow.
fn complete() -> World {
    let world = World::new(MEETING);
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    world.write("longer.yaml", &longer());
    world.git(&["add", "-A"]);
    world.git(&["commit", "-qm", "another workflow"]);
    world
}

fn to_the_end(world: &World, about: &str) {
    let said = world.consort(&["resume", RUN, "--approve", "all"]);
    assert_eq!(said.code, 0, "{about}: {}{}", said.stdout, said.stderr);
    let verified = world.consort(&["verify", RUN]);
    assert_eq!(verified.code, 0, "{about}: {}", verified.stdout);
    let found = audited(world, RUN, &[]);
    assert!(found.is_empty(), "{about}: {found:#?}");
    assert_eq!(world.git(&["status", "--porcelain"]), "", "{about}");
}

fn calls(world: &World) -> u64 {
    world.consort(&["status", RUN, "--json"]).json()["calls"]["used"].as_u64().unwrap()
}

/// Of each task what its result is, under the changed file from the beginning.
fn right() -> super::crashes::Ended {
    undisturbed(&longer(), RUN, true)
}

#[test]
fn what_changed_is_made_anew_and_the_rest_is_replayed() {
    let world = complete();
    let before = calls(&world);
    let dry = world.consort(&["amend", RUN, "longer.yaml", "--dry-run"]);
    assert_eq!(dry.code, 0, "{}", dry.stderr);
    insta::assert_snapshot!(world.redact(&dry.stdout), @r"
    meeting-20260220-001 would go on like this:
      replay  a1           accepted in round 2 as [HASH]
      run     a2           it rests on meet_b-to-a  about 7 calls
      run     b1           its text is another one  about 7 calls
      run     meet_b-to-a  it rests on b1  about 7 calls
      1 to replay, 3 to run: about 21 agent calls, which cost nothing
    ");
    let json = world.consort(&["amend", RUN, "longer.yaml", "--dry-run", "--json"]).json();
    assert_eq!(json["schema"], "consort.outlook/1");
    assert_eq!(calls(&world), before, "nothing was done");
    let said = world.consort(&["amend", RUN, "longer.yaml", "-m", "more about b", "--yes"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    to_the_end(&world, "amended");
    let (found, right) = (ended(&world, RUN), right());
    assert_eq!(found.tasks, right.tasks);
    let abandoned = world.git(&["for-each-ref", &format!("refs/consort/{RUN}/abandoned")]);
    assert!(abandoned.contains("abandoned/b1"), "{abandoned}");
    assert!(!abandoned.contains("abandoned/a1"), "{abandoned}");
    let logs = world.consort(&["logs", RUN]).stdout;
    assert!(logs.contains("ada changes the workflow: more about b"), "{logs}");
    // Said once more it changes nothing.
    let again = world.consort(&["amend", RUN, "longer.yaml"]);
    assert!(again.stdout.contains("nothing changes"), "{}{}", again.stdout, again.stderr);
    // And back: what the change gave up is found again, with the plan of then.
    let used = calls(&world);
    let said = world.consort(&["rollback", RUN, "CP-003"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    to_the_end(&world, "and back");
    assert_eq!(ended(&world, RUN).tasks, undisturbed(MEETING, RUN, true).tasks);
    assert_eq!(calls(&world), used);
}

#[test]
fn killed_on_the_way_it_comes_to_the_same_end() {
    let right = right();
    for site in ["git.abandon.before", "git.abandon.after", "git.release.before", "journal.append.before"] {
        let world = complete();
        let said = world.consort(&["amend", RUN, "longer.yaml", "--yes"]);
        assert_eq!(said.code, 0, "{site}: {}{}", said.stdout, said.stderr);
        let once = world.path("crashed");
        let mut command = world.command(&["resume", RUN, "--approve", "all"]);
        command.env(CRASH_AT, format!("{site}:1")).env(CRASH_ONCE, &once).output().unwrap();
        assert!(once.exists(), "{site} was never passed");
        to_the_end(&world, site);
        assert_eq!(ended(&world, RUN).tasks, right.tasks, "{site}");
    }
}

#[test]
fn in_the_middle_of_the_work_the_other_branch_goes_on() {
    let world = World::new(MEETING);
    world.write("longer.yaml", &longer());
    world.git(&["add", "-A"]);
    world.git(&["commit", "-qm", "another workflow"]);
    let once = world.path("crashed");
    let mut command = world.command(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
    command.env(CRASH_AT, "git.accept.after:1").env(CRASH_ONCE, &once).output().unwrap();
    assert!(once.exists());
    let before = world.consort(&["resume", RUN, "--explain"]);
    assert_eq!(before.code, 0, "{}", before.stderr);
    assert!(
        before.stdout.contains("goes on in round") || before.stdout.contains("once "),
        "{}",
        before.stdout
    );
    let said = world.consort(&["amend", RUN, "longer.yaml", "--yes"]);
    assert!(said.stdout.contains("Nobody drives"), "{}{}", said.stdout, said.stderr);
    to_the_end(&world, "amended in the middle");
    assert_eq!(ended(&world, RUN).tasks, right().tasks);
}

#[test]
fn a_plan_that_cannot_be_is_refused_and_changes_nothing() {
    let world = complete();
    world.write("wrong.yaml", "workflow: {id: meeting-20260220-001}\ntasks: {a: {txt: x}}\n");
    let said = world.consort(&["amend", RUN, "wrong.yaml"]);
    assert_eq!(said.code, 2, "{}", said.stdout);
    assert!(said.stderr.contains("wrong.yaml:"), "{}", said.stderr);
    let said = world.consort(&["retry", RUN, "a1", "--with", "model=other"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("consort amend"), "{}", said.stderr);
    let said = world.consort(&["retry", RUN, "zz", "--with", "model=other"]);
    assert!(said.stderr.contains("no task `zz`") && said.stderr.contains("a1"), "{}", said.stderr);
}
