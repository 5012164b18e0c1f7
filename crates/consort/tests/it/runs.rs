//! Runs from their beginning to their end, and everything that can be asked of them.

use crate::support::{SMALL, World};

#[test]
fn a_small_workflow_runs_to_its_end_and_is_what_it_says() {
    let world = World::new(SMALL);
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    for line in [
        "run        small-20260220-001\n",
        "forecast   ",
        "cost       nothing: this is a rehearsal",
        "approvals  answered yes by --approve all",
        "COMPLETE in ",
        "branch consort/small-20260220-001/run",
    ] {
        assert!(said.stdout.contains(line), "`{line}` is missing:\n{}", said.stdout);
    }
    let before = said.stdout.find("forecast").unwrap();
    assert!(before < said.stdout.find("first round 1 begins").unwrap(), "the forecast comes first");
    let verified = world.consort(&["verify"]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    assert_eq!(world.git(&["status", "--porcelain"]), "", "the checkout is as it was");

    let dry = world.consort(&["integrate", "--dry-run", "--json"]);
    assert_eq!((dry.code, dry.json()["into"].as_str()), (0, Some("refs/heads/main")));
    assert_eq!(world.consort(&["integrate"]).code, 3, "nobody is there to say yes");
    let done = world.consort(&["integrate", "--yes"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    let path = "orchestration/small-20260220-001/p/phase-2-two/second/second-notes.md";
    assert!(world.repo().join(path).is_file(), "the checkout followed: {}", done.stdout);
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_eq!(world.consort(&["verify"]).code, 0);
    let again = world.consort(&["integrate", "--yes"]);
    assert_eq!(again.code, 0, "what is there already is no error: {}", again.stderr);
}

#[test]
fn a_run_waits_is_answered_from_another_process_and_goes_on() {
    let world = World::waiting();
    let run = "small-20260220-001";
    let status = world.consort(&["status", "--json"]).json();
    assert_eq!(status["status"], "ACTIVE");
    assert_eq!(status["approvals"][0]["state"], "open");
    assert!(world.consort(&["resume"]).code == 3, "it still waits");

    let said = world.consort(&["approve", "small", "A-001", "-m", "fine"]);
    assert_eq!(said.code, 0);
    assert!(said.stdout.contains(&format!("consort resume {run}")), "{}", said.stdout);
    let twice = world.consort(&["reject", "small", "1"]);
    assert_eq!(twice.code, 2);
    assert!(twice.stderr.contains("was already answered: approved by ada"), "{}", twice.stderr);

    let resumed = world.consort(&["resume"]);
    assert_eq!(resumed.code, 0, "{}{}", resumed.stdout, resumed.stderr);
    let answer = &world.consort(&["status", "--json"]).json()["approvals"][0]["answer"];
    assert_eq!((answer["by"].as_str(), answer["note"].as_str()), (Some("ada"), Some("fine")));
    assert_eq!(world.consort(&["verify"]).code, 0);
    let over = world.consort(&["resume"]);
    assert_eq!(over.code, 0);
    assert!(over.stdout.contains("is over: COMPLETE"), "{}", over.stdout);
}

#[test]
fn an_id_that_is_taken_is_refused_with_three_ways_on() {
    let world = World::waiting();
    let said = world.consort(&["run", "workflow.yaml", "--rehearse"]);
    insta::assert_snapshot!("id_is_taken", said.all(&world));
    let again = world.consort(&["run", "workflow.yaml", "--rehearse", "--again", "--approve", "all"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stdout.contains("small-20260220-001.2"));
    let auto = world.consort(&["run", "workflow.yaml", "--rehearse", "--id", "auto", "--approve", "all"]);
    assert_eq!(auto.code, 0, "{}", auto.stderr);
    let list = world.consort(&["list", "--json"]).json()["runs"].clone();
    assert_eq!(list.as_array().unwrap().len(), 3);
    let which = world.consort(&["status"]);
    assert_eq!(which.code, 2);
    assert!(which.stderr.contains("say which one"), "{}", which.stderr);
}

#[test]
fn programs_can_read_what_it_says() {
    let world = World::waiting();
    for args in [
        &["list", "--json"][..],
        &["status", "--json"],
        &["show", "--json"],
        &["show", "first", "--json"],
        &["verify", "--json"],
        &["doctor", "--json"],
        &["check", "workflow.yaml", "--json"],
        &["schema"],
    ] {
        let said = world.consort(args);
        assert_eq!(said.code, 0, "{args:?}: {}", said.stderr);
        said.json();
    }
    let show = world.consort(&["show", "first", "--json"]).json()["tasks"].clone();
    assert_eq!(show[0]["status"], "COMPLETE");
    let text = world.consort(&["show", "second"]);
    assert!(text.stdout.contains("waits for approval A-001"), "{}", text.stdout);
}

#[test]
fn what_is_not_committed_is_no_error_and_is_said() {
    let world = World::new(SMALL);
    world.write("notes.txt", "mine\n");
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stdout.contains("not seen   notes.txt (not committed"), "{}", said.stdout);
    world.write("workflow.yaml", "broken: [");
    assert_eq!(world.consort(&["verify"]).code, 0, "a run does not look at its file again");
}

#[test]
fn outside_a_repository_it_works_in_plain_directories_and_says_so() {
    let world = World::plain();
    world.write("workflow.yaml", SMALL);
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains("is not in a git repository"), "{}", said.stderr);
    let verified = world.consort(&["verify"]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    let integrate = world.consort(&["integrate", "--dry-run"]);
    assert_eq!(integrate.code, 2, "{}", integrate.stdout);
}

#[test]
fn the_first_workflow_that_is_written_can_be_rehearsed() {
    let world = World::plain();
    assert_eq!(world.consort(&["init"]).code, 0);
    let twice = world.consort(&["init"]);
    assert_eq!(twice.code, 2);
    assert!(twice.stderr.contains("was not changed"), "{}", twice.stderr);
    world.git(&["init", "-q", "-b", "main"]);
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "-m", "First"]);
    let run = ["run", "workflow.yaml", "--rehearse", "--approve", "all", "--var", "topic=caching"];
    let said = world.consort(&run);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
}

#[test]
fn the_demo_ends_with_five_commands_that_work() {
    let world = World::plain();
    let said = world.consort(&["demo", "there"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    for word in ["CP-005", "agent-c-001-adr.md", "Five things to try", "kill -9", ">= 0.92"] {
        assert!(said.stdout.contains(word), "{word}");
    }
    let verified = world.consort(&["-C", "there", "verify"]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    let twice = world.consort(&["demo", "there"]);
    assert_eq!(twice.code, 2);
    assert!(twice.stderr.contains("is not empty"), "{}", twice.stderr);
}

#[test]
fn a_linked_worktree_and_a_folder_belong_to_the_same_runs() {
    let world = World::waiting();
    world.git(&["worktree", "add", "-q", "../linked"]);
    world.write("deep/down/x", "");
    for dir in ["../linked", "deep/down"] {
        let said = world.consort(&["-C", dir, "list", "--json"]);
        assert_eq!(said.json()["runs"][0]["run"], "small-20260220-001", "{dir}: {}", said.stderr);
    }
    let resumed = world.consort(&["-C", "../linked", "resume", "--approve", "all"]);
    assert_eq!(resumed.code, 0, "{}{}", resumed.stdout, resumed.stderr);
    assert_eq!(world.consort(&["verify"]).code, 0);
}

#[test]
fn a_story_can_be_followed_to_its_end() {
    let world = World::new(crate::support::SLOW);
    let run = world.spawn(&["run", "workflow.yaml"]);
    world.until_running("slow");
    let story = world.consort(&["logs", "slow", "-f"]);
    assert_eq!(story.code, 0);
    let run = run.wait_with_output().unwrap();
    assert!(run.status.success());
    let lines = String::from_utf8(run.stdout).unwrap();
    assert!(story.stdout.contains("slow ended: COMPLETE"), "{}", story.stdout);
    assert!(story.stdout.lines().all(|line| lines.contains(line)), "a pipe tells the same story");
    let printed = world.consort(&["logs", "slow", "a"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
}

const SCRATCH: &str = "\
workflow: {id: scratch, title: Two files without git}
criticality: C1
quality: {gate: none}
workspace: none
agents:
  default: {argv: [sh, -c, 'echo done > \"${CONSORT_ATTEMPT%%--*}.txt\"'], prompt: file, supervise: false}
tasks:
  first: {text: Write one file, path: first.txt}
  second: {text: Write one file, needs: first, path: second.txt}
";

/// Nobody prepares the scratch directory of a run: it is there when the first command begins. With
/// git and without, and the transactions of the journal are counted for benchmarks.
#[test]
fn commands_without_a_workspace_share_a_scratch_directory() {
    for world in [World::new(SCRATCH), World::plain()] {
        world.write("workflow.yaml", SCRATCH);
        let counted = world.path("commits");
        let mut command = world.command(&["run", "workflow.yaml", "--approve", "all"]);
        let output = command.env("CONSORT_COMMITS_FILE", &counted).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let commits: u64 = std::fs::read_to_string(&counted).unwrap().parse().unwrap();
        assert!((2..40).contains(&commits), "{commits}");
    }
}
