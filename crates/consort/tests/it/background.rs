//! Runs without a terminal: in the background from the start, left by their terminal, looked at from another one.

#![allow(clippy::disallowed_types)] // a test starts the binary as a person does

use crate::support::{SLOW, SMALL, Said, World};
use consort_worker::drill::CRASH_AT;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SMALL_RUN: &str = "small-20260220-001";

/// What `consort ps` says of the only run that it knows.
fn seen(world: &World) -> serde_json::Value {
    let all = world.consort(&["ps", "--json"]).json()["runs"].clone();
    assert_eq!(all.as_array().map(Vec::len), Some(1), "{all}");
    all[0].clone()
}

fn runner(world: &World) -> Pid {
    Pid::from_raw(i32::try_from(seen(world)["runner"]["pid"].as_i64().unwrap()).unwrap()).unwrap()
}

/// Until nobody drives anything.
fn until_idle(world: &World) {
    let began = Instant::now();
    while world.consort(&["ps", "--json"]).json()["runs"] != serde_json::json!([]) {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", world.consort(&["ps"]).stdout);
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Until it is dead, and nothing else.
fn until_dead(world: &World) {
    let began = Instant::now();
    while seen(world)["state"] != "dead" {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn log(world: &World, run: &str) -> String {
    std::fs::read_to_string(world.repo().join(".consort/runs").join(run).join("runner.log"))
        .unwrap_or_default()
}

fn complete(world: &World, run: &str) {
    assert_eq!(world.consort(&["status", run, "--json"]).json()["status"], "COMPLETE", "{}", log(world, run));
    assert_eq!(world.consort(&["verify", run]).code, 0);
}

/// A terminal: its master, and the side that programs see.
fn terminal() -> (File, File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let side = std::fs::OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (File::from(master), side)
}

/// Starts it at this terminal, which is the terminal of its session as it is of a person's shell.
fn at(world: &World, side: File, args: &[&str]) -> Child {
    let template = world.command(args);
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(template.get_program()).args(template.get_args());
    command.current_dir(world.repo()).env("TERM", "xterm").env("NO_COLOR", "1");
    for (name, value) in template.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdin(side.try_clone().unwrap()).stdout(side.try_clone().unwrap()).stderr(side);
    command.spawn().unwrap()
}

#[test]
fn a_detached_run_says_how_to_reach_it_and_goes_on_by_itself() {
    let world = World::new(SMALL);
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--detach"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    for line in [
        "approvals  the run waits for them at second",
        &format!("Run {SMALL_RUN} goes on by itself: pid "),
        &format!("  attach:  consort attach {SMALL_RUN}"),
        &format!("  status:  consort status {SMALL_RUN}"),
        &format!("  cancel:  consort cancel {SMALL_RUN}"),
        "  log-out: ",
    ] {
        assert!(said.stdout.contains(line), "{line}: {}", said.stdout);
    }
    let pid = seen(&world)["runner"]["pid"].clone();
    assert!(said.stdout.contains(&format!("goes on by itself: pid {pid},")), "{}", said.stdout);
    let pid = i32::try_from(pid.as_i64().unwrap()).unwrap();
    assert_eq!(
        rustix::process::getsid(Pid::from_raw(pid)).unwrap().as_raw_pid(),
        pid,
        "a session of its own"
    );
    // It waits for a person, and is there when the person comes.
    world.until(SMALL_RUN, "A-001 asked of");
    let line = seen(&world);
    assert_eq!((&line["state"], &line["runner"]["detached"]), (&"live".into(), &true.into()));
    assert_eq!(
        (&line["waits"][0]["for"], &line["waits"][0]["subject"]),
        (&"person".into(), &"second".into())
    );
    let there = std::fs::canonicalize(world.repo()).unwrap();
    let command = format!("consort -C {} attach {SMALL_RUN}", there.display());
    assert_eq!(line["command"], *command);
    let shown = world.consort(&["ps"]).stdout;
    for part in [format!("pid {pid}, in the background"), "A-001: accept second".into(), command] {
        assert!(shown.contains(&part), "{part}: {shown}");
    }
    // The same from anywhere.
    let mut elsewhere = world.command(&["-C", "/", "ps"]);
    assert!(Said::of(elsewhere.output().unwrap()).stdout.contains(SMALL_RUN));
    let held = world.consort(&["resume", SMALL_RUN]);
    assert!(
        held.code != 0 && held.stderr.contains(&format!("`consort attach {SMALL_RUN}`")),
        "{}",
        held.stderr
    );
    let said = world.consort(&["approve", SMALL_RUN, "A-001"]);
    assert!(said.code == 0 && said.stdout.contains("A-001 is approved"), "{}{}", said.stdout, said.stderr);
    until_idle(&world);
    complete(&world, SMALL_RUN);
    assert!(log(&world, SMALL_RUN).contains("COMPLETE in "), "{}", log(&world, SMALL_RUN));
}

#[test]
fn what_is_wrong_is_said_at_once_and_nothing_is_left() {
    let world = World::new(SMALL);
    let said = world.consort(&["run", "nothing.yaml", "--detach"]);
    assert_eq!(said.code, 2, "{}", said.stdout);
    let said = world.consort(&["run", "workflow.yaml", "--detach"]);
    assert!(said.code == 2 && said.stderr.contains("--rehearse"), "{}", said.stderr);
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--detach", "--max-agents", "0"]);
    assert_eq!(said.code, 2, "{}", said.stdout);
    assert_eq!(world.consort(&["list", "--json"]).json()["runs"], serde_json::json!([]));
    let said = world.consort(&["ps"]);
    assert!(said.code == 0 && said.stdout.contains("No run is being driven now."), "{}", said.stdout);
}

#[test]
fn resumed_and_forked_runs_go_on_by_themselves_too() {
    let world = World::waiting();
    assert_eq!(world.consort(&["approve", SMALL_RUN, "A-001"]).code, 0);
    let said = world.consort(&["resume", SMALL_RUN, "--detach"]);
    assert!(said.code == 0 && said.stdout.contains("goes on by itself"), "{}{}", said.stdout, said.stderr);
    until_idle(&world);
    complete(&world, SMALL_RUN);
    let said = world.consort(&["fork", SMALL_RUN, "CP-001", "--detach", "--approve", "all"]);
    assert!(said.code == 0 && said.stdout.contains("goes on by itself"), "{}{}", said.stdout, said.stderr);
    until_idle(&world);
    complete(&world, &format!("{SMALL_RUN}.2"));
    // One that is over says so here.
    let said = world.consort(&["resume", SMALL_RUN, "--detach"]);
    assert!(said.code == 0 && said.stdout.contains("is over"), "{}", said.stdout);
}

#[test]
fn a_runner_that_is_killed_is_shown_as_dead_with_the_way_on() {
    let world = World::new(SLOW);
    assert_eq!(world.consort(&["run", "workflow.yaml", "--detach"]).code, 0);
    world.until_running("slow");
    let agent = seen(&world)["agents"][0].clone();
    assert_eq!((&agent["task"], &agent["state"]), (&"a".into(), &"running".into()));
    assert!(agent["processes"].as_u64().unwrap() >= 2, "its supervisor and itself: {agent}");
    assert!(agent["rss_bytes"].as_u64().unwrap() > 0, "{agent}");
    let attached = world.spawn(&["attach", "slow"]);
    let attached = until_attached(attached);
    kill_process(runner(&world), Signal::KILL).unwrap();
    let said = Said::of(attached.wait_with_output().unwrap());
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains("is gone without a word"), "{}", said.stderr);
    assert!(said.stderr.contains("`consort resume slow` goes on"), "{}", said.stderr);
    until_dead(&world);
    let shown = world.consort(&["ps"]).stdout;
    let there = std::fs::canonicalize(world.repo()).unwrap();
    assert!(shown.contains(&format!("consort -C {} resume slow", there.display())), "{shown}");
    let said = world.consort(&["attach", "slow"]);
    assert!(said.code == 3 && said.stdout.contains("consort resume slow"), "{}{}", said.code, said.stdout);
    let said = world.consort(&["resume", "slow", "--detach"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    until_idle(&world);
    complete(&world, "slow");
}

/// Until the view has said its first line. What was read of it is gone.
fn until_attached(mut child: Child) -> Child {
    let mut stdout = child.stdout.take().unwrap();
    let mut byte = [0];
    while stdout.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {}
    child.stdout = Some(stdout);
    child
}

#[test]
fn a_view_ends_with_the_code_of_its_run_and_ctrl_c_ends_only_the_view() {
    let world = World::new(SLOW);
    assert_eq!(world.consort(&["run", "workflow.yaml", "--detach"]).code, 0);
    let views = [world.spawn(&["attach", "slow"]), world.spawn(&["attach"])];
    let [stays, leaves] = views.map(until_attached);
    kill_process(Pid::from_child(&leaves), Signal::INT).unwrap();
    let said = Said::of(leaves.wait_with_output().unwrap());
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("Detached: run slow goes on."), "{}", said.stdout);
    let said = Said::of(stays.wait_with_output().unwrap());
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("a accepted") && said.stdout.contains("COMPLETE in "), "{}", said.stdout);
    complete(&world, "slow");
    let over = world.consort(&["attach", "slow"]);
    assert!(over.code == 0 && over.stdout.contains("is over"), "{}", over.stdout);
    // One that is cancelled, and one whose own runner ends where a person is asked.
    assert_eq!(world.consort(&["run", "workflow.yaml", "--again", "--detach"]).code, 0);
    let view = until_attached(world.spawn(&["attach", "slow.2"]));
    assert_eq!(world.consort(&["cancel", "slow.2"]).code, 0);
    let said = Said::of(view.wait_with_output().unwrap());
    assert!(said.code == 1 && said.stdout.contains("CANCELLED"), "{}{}", said.code, said.stdout);
    let world = World::new(&SLOW.replace("needs: a}", "needs: a, approval: user}"));
    let mut runs = world.spawn_quiet(&["run", "workflow.yaml", "--approve", "none"]);
    world.until_running("slow");
    let view = until_attached(world.spawn(&["attach", "slow"]));
    assert_eq!(runs.wait().unwrap().code(), Some(3));
    let said = Said::of(view.wait_with_output().unwrap());
    assert!(said.code == 3 && said.stdout.contains("WAITING for an answer"), "{}{}", said.code, said.stdout);
}

#[test]
fn questions_are_answered_in_a_view_as_at_the_runs_own_terminal() {
    let world = World::new(SMALL);
    assert_eq!(world.consort(&["run", "workflow.yaml", "--rehearse", "--detach"]).code, 0);
    world.until(SMALL_RUN, "A-001 asked of");
    let (mut master, side) = terminal();
    let mut view = at(&world, side, &["attach", SMALL_RUN]);
    let mut said = Vec::new();
    read_until(&mut master, &mut said, "[y] yes");
    master.write_all(b"y").unwrap();
    read_until(&mut master, &mut said, "COMPLETE in ");
    assert_eq!(view.wait().unwrap().code(), Some(0));
    until_idle(&world);
    complete(&world, SMALL_RUN);
    let answer = world.consort(&["status", SMALL_RUN, "--json"]).json()["approvals"][0]["answer"].clone();
    assert_eq!(answer["by"], "ada");
}

/// Reads from a terminal until this was written there.
fn read_until(master: &mut File, said: &mut Vec<u8>, what: &str) {
    let (sending, lines) = std::sync::mpsc::channel();
    let mut side = master.try_clone().unwrap();
    let (mut all, what) = (std::mem::take(said), what.to_owned());
    std::thread::spawn(move || {
        let mut part = [0; 4096];
        while !String::from_utf8_lossy(&all).to_lowercase().contains(&what.to_lowercase()) {
            match side.read(&mut part) {
                Ok(count @ 1..) => all.extend_from_slice(&part[..count]),
                _ => break,
            }
        }
        let _ =
            sending.send((String::from_utf8_lossy(&all).to_lowercase().contains(&what.to_lowercase()), all));
    });
    let (found, all) = lines.recv_timeout(Duration::from_secs(60)).expect("it was written in time");
    assert!(found, "{}", String::from_utf8_lossy(&all));
    *said = all;
}

#[test]
fn a_terminal_that_is_closed_leaves_the_run_to_itself() {
    let world = World::new(&SLOW.replace("needs: a}", "needs: a, approval: user}"));
    let (mut master, side) = terminal();
    let mut run = at(&world, side, &["run", "workflow.yaml"]);
    read_until(&mut master, &mut Vec::new(), "slow");
    world.until_running("slow");
    assert_eq!(seen(&world)["runner"]["detached"], false);
    drop(master);
    world.until("slow", "A-001 asked of");
    // It was to be asked at the terminal that is gone: now it waits.
    assert_eq!(run.try_wait().unwrap(), None);
    let began = Instant::now();
    while !log(&world, "slow").contains("A-001 asked of") {
        assert!(began.elapsed() < Duration::from_secs(30), "{}", log(&world, "slow"));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(log(&world, "slow").contains("The terminal is gone: run slow goes on without it"));
    assert_eq!(seen(&world)["runner"]["detached"], true);
    assert_eq!(world.consort(&["approve", "slow", "A-001"]).code, 0);
    assert_eq!(run.wait().unwrap().code(), Some(0));
    complete(&world, "slow");
    assert!(log(&world, "slow").contains("COMPLETE in "), "{}", log(&world, "slow"));
}

#[test]
fn a_hang_up_leaves_output_that_goes_into_a_file_where_it_is() {
    let world = World::new(SLOW);
    let path = world.path("said");
    let mut command = world.command(&["run", "workflow.yaml"]);
    let mut run = command.stdout(File::create(&path).unwrap()).stderr(Stdio::null()).spawn().unwrap();
    world.until_running("slow");
    kill_process(Pid::from_child(&run), Signal::HUP).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0));
    assert!(std::fs::read_to_string(path).unwrap().contains("COMPLETE in "));
    complete(&world, "slow");
}

/// Whoever starts it dies once the run is on record: nothing drives it, and nothing is lost.
#[test]
fn a_starter_that_dies_before_it_hands_over_leaves_a_run_to_be_resumed() {
    let world = World::new(SMALL);
    let mut command = world.command(&["run", "workflow.yaml", "--rehearse", "--detach", "--approve", "all"]);
    let said = Said::of(command.env(CRASH_AT, "detach.laid.after:1").output().unwrap());
    assert!(said.code == -1 && !said.stdout.contains("goes on by itself"), "{}", said.stdout);
    let said = world.consort(&["attach", SMALL_RUN]);
    assert!(said.code == 3 && said.stdout.contains("Nobody drives run"), "{}", said.stdout);
    assert_eq!(world.consort(&["resume", SMALL_RUN, "--detach"]).code, 0);
    until_idle(&world);
    complete(&world, SMALL_RUN);
}

/// It dies right after the new process exists: that one goes on, whoever waits for it.
#[test]
fn a_starter_that_dies_after_it_handed_over_is_not_missed() {
    let world = World::new(SMALL);
    let mut command = world.command(&["run", "workflow.yaml", "--rehearse", "--detach", "--approve", "all"]);
    let mut starter = command.env(CRASH_AT, "detach.spawn.after:1").stdout(Stdio::null()).spawn().unwrap();
    assert_eq!(starter.wait().unwrap().code(), None, "it was killed");
    let began = Instant::now();
    while world.consort(&["status", SMALL_RUN, "--json"]).json()["status"] != "COMPLETE" {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", log(&world, SMALL_RUN));
        std::thread::sleep(Duration::from_millis(50));
    }
    until_idle(&world);
    complete(&world, SMALL_RUN);
}

#[test]
fn a_runner_that_dies_before_its_first_record_is_told_and_no_start_is_lost() {
    let world = World::new(SMALL);
    let mut command = world.command(&["run", "workflow.yaml", "--rehearse", "--detach", "--approve", "all"]);
    let said = Said::of(command.env(CRASH_AT, "detach.handed.after:1").output().unwrap());
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains("is on record, and does not go on by itself"), "{}", said.stderr);
    assert!(said.stderr.contains(&format!("consort resume {SMALL_RUN}")), "{}", said.stderr);
    let resumed = world.consort(&["resume", SMALL_RUN, "--approve", "all"]);
    assert_eq!(resumed.code, 0, "{}{}", resumed.stdout, resumed.stderr);
    complete(&world, SMALL_RUN);
    // One that says why it cannot is heard.
    let world = World::new(SMALL);
    world.write(".consort/slots", "no folder");
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--detach", "--max-agents", "1"]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains("cannot take one of the slots that all runs share"), "{}", said.stderr);
    assert!(
        said.stdout.contains(&format!("run        {SMALL_RUN}")),
        "what came before was said: {}",
        said.stdout
    );
}
