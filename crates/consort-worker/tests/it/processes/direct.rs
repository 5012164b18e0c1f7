//! Commands that a runner runs itself.

use super::scene::{Scene, await_that};
use consort_core::run::{Exit, StopWhy};
use consort_worker::os;
use consort_worker::processes::{Looked, look, run_direct};
use std::future::pending;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_runner_that_loses_interest_leaves_nothing() {
    let scene = Scene::new();
    let spec = scene.sh("trap '' TERM; touch up; sleep 1000");
    let up = scene.path("work/up");
    tokio::select! {
        record = run_direct(None, &spec, pending()) => panic!("{record:?}"),
        () = async { while !up.exists() { tokio::time::sleep(Duration::from_millis(5)).await } } => {}
    }
    await_that("the end of the group", || scene.left().is_empty());
}

#[tokio::test]
async fn run_by_the_runner_itself() {
    let scene = Scene::new();
    let dir = scene.dir();
    let record = run_direct(Some(&dir), &scene.sh("echo out; echo err >&2; exit 4"), pending()).await;
    assert_eq!((record.exit.clone(), record.stdout.tail.as_str()), (Exit::Code(4), "out\n"));
    assert_eq!(scene.log("stderr.log"), b"err\n");
    assert_eq!(look(&dir).unwrap(), Looked::Ended(Box::new(record)));
    let again = run_direct(Some(&dir), &scene.sh("touch ran"), pending()).await;
    assert!(matches!(again.exit, Exit::NotStarted(why) if why.contains("claimed already")));
    assert!(!scene.path("work/ran").exists());
}

#[tokio::test]
async fn the_runner_itself_ends_a_group() {
    let scene = Scene::new();
    let mut spec = scene.sh("trap '' TERM; sleep 1000 & touch up; sleep 1000; sleep 1000");
    spec.grace_ms = 100;
    let up = scene.path("work/up");
    let cancel = async {
        while !up.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        StopWhy::Cancelled
    };
    let record = run_direct(None, &spec, cancel).await;
    assert_eq!((record.exit, record.survivors), (Exit::Stopped(StopWhy::Cancelled), 0));
    assert_eq!(scene.left(), []);
    let record = run_direct(None, &scene.sh("sleep 1000 & exit 0"), pending()).await;
    assert_eq!((record.exit, record.leaked), (Exit::Code(0), 1));
}

#[tokio::test]
async fn a_held_stream_does_not_hold_the_runner_itself() {
    let scene = Scene::new();
    let began = Instant::now();
    let record = run_direct(None, &scene.sh("setsid sleep 1000 & exit 0"), pending()).await;
    // Out of its group, so out of its reach: that is what a supervisor is for.
    assert!(record.exit == Exit::Code(0) && record.stdout.held_open);
    assert!(began.elapsed() < Duration::from_secs(5));
    for process in scene.left() {
        os::signal(&process, rustix::process::Signal::KILL).unwrap();
    }
    await_that("the end of the sleeper", || scene.left().is_empty());
}

#[tokio::test]
async fn what_a_killed_runner_ran_itself_is_ended_by_the_next_look() {
    let scene = Scene::new();
    let mut runner = scene.runner("direct", &scene.sh("touch up; sleep 1000"), &[]);
    scene.await_file("up");
    runner.kill().unwrap();
    runner.wait().unwrap();
    assert_eq!(look(&scene.dir()).unwrap(), Looked::Vanished);
    assert_eq!(scene.left(), []);
}

#[tokio::test]
async fn hundreds_of_small_ones_at_once() {
    let scene = Scene::new();
    let mut all = tokio::task::JoinSet::new();
    for n in 0..200 {
        let spec = scene.spec(&["sh", "-c", &format!("echo {n}; exit {}", n % 7)]);
        all.spawn(async move { (n, run_direct(None, &spec, pending()).await) });
    }
    while let Some(done) = all.join_next().await {
        let (n, record) = done.unwrap();
        assert_eq!(
            (record.exit, record.stdout.tail, record.leaked),
            (Exit::Code(n % 7), format!("{n}\n"), 0)
        );
    }
}

#[tokio::test]
async fn an_odd_runner_makes_no_odd_command() {
    let scene = Scene::new();
    let script = "ls /proc/self/fd | tr '\\n' ' '; exit 6";
    let around = "exec 7</dev/null; exec env --ignore-signal=CHLD";
    assert!(scene.odd_runner("direct", &scene.sh(script), around));
    let Looked::Ended(record) = look(&scene.dir()).unwrap() else { panic!("no record") };
    assert_eq!((record.exit, record.stdout.tail.as_str()), (Exit::Code(6), "0 1 2 3 "));
}
