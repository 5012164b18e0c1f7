//! Lives that end more than once: sites that only a second process passes, and the deaths of
//! those who work for the runner.

use super::look::{self, Living};
use super::scene::{PATIENCE, Scene};
use crate::crashes::{Ended, MEETING, ended, undisturbed};
use consort_core::run::{AttemptEnd, EventKind as E, Exit, Failure};
use consort_worker::drill::CRASH_AT;
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

const RUN: [&str; 5] = ["run", "workflow.yaml", "--approve", "all", "--rehearse"];
const MEETING_RUN: &str = "meeting-20260220-001";

/// It dies at this site, once.
fn dies_at(scene: &mut Scene, site: &str, args: &[&str]) {
    scene.env = vec![(CRASH_AT, format!("{site}:1"))];
    let status = scene.say(args);
    scene.env.clear();
    assert_eq!(status.signal(), Some(9), "consort {args:?} does not pass {site}: {status}");
}

fn ends(scene: &Scene) -> Ended {
    assert_eq!(scene.say(&["resume", scene.run, "--approve", "all"]).code(), Some(0));
    scene.settle();
    let found = scene.audited();
    assert!(found.is_empty(), "{found:#?}");
    scene.leaves_nothing();
    ended(&scene.world, scene.run)
}

#[test]
fn an_attempt_that_nobody_claimed_is_given_up_once() {
    let right = undisturbed(MEETING, MEETING_RUN, true);
    for site in ["look.reap.before", "look.reap.after"] {
        let mut scene = Scene::new(MEETING, MEETING_RUN);
        dies_at(&mut scene, "launch.spec.after", &RUN);
        dies_at(&mut scene, site, &["resume", MEETING_RUN]);
        assert_eq!(ends(&scene), right, "after a crash at {site}");
        assert!(scene.has(|e| matches!(e, E::AttemptEnded { end: AttemptEnd::Lost, .. })), "{site}");
    }
}

#[test]
fn a_result_is_brought_home_once_however_often_it_is_interrupted() {
    for site in ["git.integrate.before", "git.integrate.after", "git.checkout.before", "git.checkout.after"] {
        let mut scene = Scene::new(crate::support::SMALL, "small-20260220-001");
        assert_eq!(scene.say(&RUN).code(), Some(0));
        let home = ["integrate", scene.run, "--into", "main", "--yes"];
        dies_at(&mut scene, site, &home);
        assert_eq!(scene.say(&home).code(), Some(0), "after a crash at {site}");
        let git = |args: &[&str]| scene.world.git(args);
        let missing = git(&["rev-list", "--count", "main..consort/small-20260220-001/run"]);
        assert_eq!(missing, "0", "{site}: main lacks commits of the result");
        assert_eq!(git(&["status", "--porcelain"]), "", "{site}: the checkout is not that of main");
        let merges = git(&["rev-list", "--count", "--merges", "--first-parent", "main"]);
        assert!(merges == "0" || merges == "1", "{site}: brought home {merges} times");
        let found = scene.audited();
        assert!(found.is_empty(), "{site}: {found:#?}");
        // A killed process cannot take its (tiny) folder in the system's temporary one with it.
        scene.leaves_the_checkout();
    }
}

/// Kills, in turn, a player, a supervisor, and runner and supervisor at once.
#[test]
fn players_and_supervisors_may_die_too() {
    let slow = MEETING.replace("'create:1:stray-files'", "'*:*:slow-60'");
    let right = undisturbed(&slow, MEETING_RUN, true);
    let scene = Scene::new(&slow, MEETING_RUN);
    let mut runner = scene.spawn(&RUN);
    for (n, verb) in ["rehearse", "supervise", "rehearse", "supervise"].into_iter().enumerate() {
        await_attempts(&scene, n as u32 * 6 + 1);
        kill_one(&scene, verb);
    }
    await_attempts(&scene, 28);
    // Nobody is left who could tell how that one ended.
    kill_one(&scene, "supervise");
    runner.kill().unwrap();
    runner.wait().unwrap();
    assert_eq!(ends(&scene), right);
    let killed =
        |e: &E| matches!(e, E::AttemptEnded { end: AttemptEnd::Failed(Failure::Exit(Exit::Signal(9))), .. });
    assert!(scene.has(killed), "no player's death is on record");
    assert!(
        scene.has(|e| matches!(e, E::AttemptEnded { end: AttemptEnd::Unknown, .. })),
        "nor a supervisor's"
    );
}

/// Until so many attempts have begun.
fn await_attempts(scene: &Scene, least: u32) {
    let began = Instant::now();
    let count = || {
        let records = scene.records();
        let events = records.iter().flat_map(|r| &r.events);
        events.filter(|e| matches!(e.kind, E::AttemptStarted { .. })).count() as u32
    };
    while count() < least {
        assert!(began.elapsed() < PATIENCE, "only {} attempts begin", count());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn kill_one(scene: &Scene, verb: &str) {
    let began = Instant::now();
    let victim = |all: Vec<Living>| all.into_iter().find(|p| p.command.contains(&format!(" {verb} ")));
    loop {
        if let Some(victim) = victim(look::alive(&scene.world)) {
            kill_process(Pid::from_raw(victim.pid).unwrap(), Signal::KILL).unwrap();
            return;
        }
        assert!(began.elapsed() < PATIENCE, "no {verb} lives");
    }
}
