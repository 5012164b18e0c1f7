//! Back in time, with the real binary in real repositories.

use super::crashes::MEETING;
use super::examples::{self, examples};
use super::support::World;
use consort_worker::drill::{CRASH_AT, CRASH_ONCE};
use serde_json::Value;

/// A workflow that ran to its end in rehearsal: its place and its id.
fn complete(name: &str, workflow: &str) -> (World, String) {
    complete_in(World::new(workflow), name)
}

fn complete_in(world: World, name: &str) -> (World, String) {
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
    assert_eq!(said.code, 0, "{name}: {}{}", said.stdout, said.stderr);
    let id = world.consort(&["list", "--json"]).json()["runs"][0]["run"].as_str().unwrap().to_owned();
    (world, id)
}

fn checkpoints(world: &World, run: &str) -> Vec<Value> {
    world.consort(&["checkpoint", "list", run, "--json"]).json()["checkpoints"].as_array().unwrap().clone()
}

/// Accepted files of the run's result, with the hashes of their bytes.
fn artifacts(world: &World, run: &str) -> String {
    let tree = world.git(&["ls-tree", "-r", &format!("consort/{run}/run")]);
    let own =
        |line: &&str| line.ends_with(".md") && !line.contains("ORCHESTRATION") && !line.contains("/reports/");
    let files = tree.lines().filter(own);
    files.map(|line| format!("{line}\n")).collect()
}

fn goes_back(world: &World, run: &str, to: &str) {
    let said = world.consort(&["rollback", run, to, "-m", "the wrong figures"]);
    assert_eq!(said.code, 0, "{to}: {}{}", said.stdout, said.stderr);
}

fn to_the_end(world: &World, run: &str, about: &str) {
    let said = world.consort(&["resume", run, "--approve", "all"]);
    assert_eq!(said.code, 0, "{about}: {}{}", said.stdout, said.stderr);
    let verified = world.consort(&["verify", run]);
    assert_eq!(verified.code, 0, "{about}: {}", verified.stdout);
    assert_eq!(world.git(&["status", "--porcelain"]), "", "{about}");
}

#[test]
fn every_example_goes_back_to_each_of_its_checkpoints_and_comes_to_the_same_end() {
    let mut times = 0;
    for (name, file) in examples() {
        let (world, run) = complete_in(examples::world(&file), &name);
        let right = artifacts(&world, &run);
        assert!(right.lines().count() > 0, "{name}: it made nothing");
        for checkpoint in checkpoints(&world, &run) {
            let to = checkpoint["id"].as_str().unwrap();
            let about = format!("{name}, {to}");
            goes_back(&world, &run, to);
            to_the_end(&world, &run, &about);
            assert_eq!(artifacts(&world, &run), right, "{about}");
            times += 1;
        }
    }
    assert!(times > 10, "{times}");
}

#[test]
fn what_was_given_up_is_kept_and_found_again_without_any_work() {
    let (world, run) = complete("meeting", MEETING);
    let all = checkpoints(&world, &run);
    let (first, last) = (all[0]["id"].as_str().unwrap(), all.last().unwrap()["id"].as_str().unwrap());
    let dry = world.consort(&["rollback", &run, first, "--dry-run"]);
    assert!(dry.stdout.contains("is given up and begins anew: "), "{}", dry.stdout);
    goes_back(&world, &run, first);
    // The runner dies before anything is done anew: only the way back is done.
    let mut command = world.command(&["resume", &run, "--approve", "all"]);
    command.env(CRASH_AT, "launch.spec.before:1").env(CRASH_ONCE, world.path("crashed"));
    command.output().unwrap();
    let abandoned = world.git(&["for-each-ref", &format!("refs/consort/{run}/abandoned")]);
    assert!(abandoned.lines().count() >= 2, "{abandoned}");
    let calls = || world.consort(&["status", &run, "--json"]).json()["calls"]["used"].as_u64();
    let before = calls();
    goes_back(&world, &run, last);
    to_the_end(&world, &run, "forward again");
    // Whoever was lost with the runner is begun once more before the command is read; nobody else works.
    assert!(calls() <= before.map(|calls| calls + 1), "somebody worked: {before:?}, {:?}", calls());
    assert_eq!(world.git(&["for-each-ref", &format!("refs/consort/{run}/abandoned")]), "");
    let list = world.consort(&["checkpoint", "list", &run]);
    assert!(!list.stdout.contains("given up"), "{}", list.stdout);
}

#[test]
fn killed_on_the_way_back_it_comes_to_the_same_end() {
    for site in ["git.rewind.before", "git.rewind.after", "git.release.before", "journal.append.before"] {
        let (world, run) = complete(site, MEETING);
        let right = artifacts(&world, &run);
        goes_back(&world, &run, "CP-001");
        let once = world.path("crashed");
        let mut command = world.command(&["resume", &run, "--approve", "all"]);
        command.env(CRASH_AT, format!("{site}:1")).env(CRASH_ONCE, &once).output().unwrap();
        assert!(once.exists(), "{site} was never passed");
        to_the_end(&world, &run, site);
        assert_eq!(artifacts(&world, &run), right, "{site}");
    }
}

#[test]
fn what_cannot_be_gone_back_to_is_said_with_what_can() {
    let (world, run) = complete("meeting", MEETING);
    let said = world.consort(&["rollback", &run, "CP-099"]);
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains("there is no checkpoint CP-099") && said.stderr.contains("CP-001"),
        "{}",
        said.stderr
    );
    // What was committed for a checkpoint is gone: whoever goes back hears of it where it matters.
    let said = world.consort(&["checkpoint", "diff", &run, "CP-001"]);
    assert!(said.stdout.contains("accepted"), "{}", said.stdout);
}

fn forks(world: &World, args: &[&str], about: &str) -> String {
    let said = world.consort(&[&["fork"], args, &["--approve", "all"]].concat());
    assert_eq!(said.code, 0, "{about}: {}{}", said.stdout, said.stderr);
    let list = world.consort(&["list", "--json"]).json()["runs"].clone();
    let run = list.as_array().unwrap().last().unwrap()["run"].as_str().unwrap().to_owned();
    let verified = world.consort(&["verify", &run]);
    assert_eq!(verified.code, 0, "{about}: {}", verified.stdout);
    assert_eq!(world.git(&["status", "--porcelain"]), "", "{about}");
    run
}

#[test]
fn every_example_is_forked_from_each_of_its_checkpoints_and_comes_to_the_same_end() {
    let mut times = 0;
    for (name, file) in examples() {
        let (world, run) = complete_in(examples::world(&file), &name);
        let right = artifacts(&world, &run);
        let calls =
            |run: &str| world.consort(&["status", run, "--json"]).json()["calls"]["used"].as_u64().unwrap();
        let mut least = calls(&run);
        for checkpoint in checkpoints(&world, &run) {
            let from = checkpoint["id"].as_str().unwrap();
            let about = format!("{name}, {from}");
            let fork = forks(&world, &[&run, from], &about);
            assert_eq!(artifacts(&world, &fork), right, "{about}");
            // The later the checkpoint, the less is left to do.
            assert!(calls(&fork) <= least, "{about}: {} calls after {least}", calls(&fork));
            least = calls(&fork);
            times += 1;
        }
        assert_eq!(least, 0, "{name}: nothing is left to do after the last one");
        assert_eq!(world.consort(&["verify", &run]).code, 0, "{name}: the first run stays as it is");
    }
    assert!(times > 10, "{times}");
}

#[test]
fn a_fork_of_a_fork_under_a_changed_workflow_makes_only_what_is_otherwise() {
    let (world, run) = complete("meeting", MEETING);
    let last = checkpoints(&world, &run).last().unwrap()["id"].as_str().unwrap().to_owned();
    let changed = MEETING.replacen("Write about a", "Write at length about a", 1);
    assert_ne!(changed, MEETING);
    world.write("other.yaml", &changed);
    world.git(&["add", "-A"]);
    world.git(&["commit", "-qm", "another workflow"]);
    let dry = world.consort(&["fork", &run, &last, "other.yaml", "--dry-run"]);
    assert!(dry.stdout.contains("taken over ") && dry.stdout.contains("to make    a1"), "{}", dry.stdout);
    let second = forks(&world, &[&run, &last, "other.yaml"], "changed");
    assert_eq!(second, format!("{run}.2"));
    let status = world.consort(&["status", &second]).stdout;
    assert!(status.contains(&format!("goes on from {last} of {run}")), "{status}");
    let third = forks(&world, &[&second, "CP-001"], "a fork of a fork");
    assert_eq!(third, format!("{run}.3"));
    // And back within a fork.
    goes_back(&world, &third, "CP-001");
    to_the_end(&world, &third, "back in a fork");
    assert_eq!(artifacts(&world, &third), artifacts(&world, &second));
}

#[test]
fn a_fork_that_dies_while_it_begins_is_begun_again() {
    for site in [
        "git.start.after",
        "git.rewind.before",
        "git.rewind.after",
        "journal.append.before",
        "journal.append.after",
    ] {
        let (world, run) = complete(site, MEETING);
        let right = artifacts(&world, &run);
        let once = world.path("crashed");
        let mut command = world.command(&["fork", &run, "CP-001", "--approve", "all"]);
        command.env(CRASH_AT, format!("{site}:1")).env(CRASH_ONCE, &once).output().unwrap();
        assert!(once.exists(), "{site} was never passed");
        // What has a journal is resumed; what has none never was.
        let id = format!("{run}.2");
        let said = world.consort(&["resume", &id, "--approve", "all"]);
        let id = if said.code == 0 { id } else { forks(&world, &[&run, "CP-001"], site) };
        assert_eq!(artifacts(&world, &id), right, "{site}: {}", said.stderr);
        let verified = world.consort(&["verify", &id]);
        assert_eq!(verified.code, 0, "{site}: {}", verified.stdout);
    }
}

#[test]
fn what_it_cost_what_happened_and_two_runs_side_by_side_add_up() {
    let (world, run) = complete("meeting", MEETING);
    let status = world.consort(&["status", &run, "--json"]).json();
    let cost = world.consort(&["cost", &run, "--json"]).json();
    for by in ["by_pipeline", "by_task", "by_role", "by_model"] {
        let calls =
            cost[by].as_array().unwrap().iter().map(|sum| sum["calls"].as_u64().unwrap()).sum::<u64>();
        assert_eq!(Some(calls), status["calls"]["used"].as_u64(), "{by}: {cost}");
    }
    let text = world.consort(&["cost", &run]).stdout;
    assert!(text.contains("BY ROLE") && text.contains("judge"), "{text}");

    let events = |args: &[&str]| world.consort(&[&["events", &run], args].concat()).stdout;
    let all = events(&[]);
    let records: Vec<u64> = all
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["record"].as_u64().unwrap())
        .collect();
    assert!(records.is_sorted() && records[0] == 1, "{records:?}");
    let middle = records[records.len() / 2];
    let rest = events(&["--after", &middle.to_string(), "-f"]);
    assert_eq!(rest.lines().count(), records.iter().filter(|record| **record > middle).count());
    assert!(all.ends_with(&rest));

    let chart = world.consort(&["timeline", &run]).stdout;
    for row in ["a1 ", "meet_b-to-a ", "longest chain", "* on the longest chain"] {
        assert!(chart.contains(row), "{row}: {chart}");
    }
    assert!(chart.lines().all(|line| line.chars().count() <= 120), "{chart}");

    let fork = forks(&world, &[&run, "CP-001"], "compared");
    let both = world.consort(&["compare", &run, &fork, "--json"]).json();
    let tasks = both["tasks"].as_array().unwrap();
    assert!(tasks.iter().all(|task| task["bytes"] == "same"), "{both}");
    assert!(
        tasks.iter().any(|task| task["runs"][1]["calls"] == 0 && task["runs"][0]["calls"] != 0),
        "{both}"
    );
    let text = world.consort(&["compare", &run, &fork]).stdout;
    assert!(text.contains(&format!("goes on from CP-001 of {run}")), "{text}");
}
