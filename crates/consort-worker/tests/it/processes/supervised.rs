//! Agents under a supervisor, from start to end.

use super::scene::{Scene, await_that};
use consort_core::run::{Exit, StopWhy};
use consort_worker::os;
use consort_worker::processes::{Looked, MARKER, ProcessSpec, look, run_direct, stop};
use std::collections::BTreeMap;
use std::future::pending;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn an_agent_ends_by_itself_and_all_is_on_record() {
    let scene = Scene::new();
    let before = consort_core::time::Timestamp(0);
    let record = scene.run(&scene.sh("echo out; echo err >&2; exit 7")).await;
    assert_eq!(record.exit, Exit::Code(7));
    assert_eq!((record.leaked, record.survivors), (0, 0));
    assert_eq!((record.stdout.tail.as_str(), record.stdout.bytes, record.stdout.kept), ("out\n", 4, 4));
    assert_eq!((record.stderr.tail.as_str(), record.stderr.truncated), ("err\n", false));
    assert!(record.started_at > before && record.ended_at >= record.started_at);
    assert_eq!(scene.log("stdout.log"), b"out\n");
    assert_eq!(scene.log("stderr.log"), b"err\n");
    assert_eq!(mode(&scene.dir()), 0o700);
    for file in ["spec.json", "claim", "exit.json", "stdout.log", "supervisor.log"] {
        assert_eq!(mode(&scene.dir().join(file)), 0o600, "{file}");
    }
    assert_eq!(look(&scene.dir()).unwrap(), Looked::Ended(Box::new(record)), "a second look says the same");
}

#[tokio::test]
async fn exits_are_told_apart() {
    for (script, exit) in [
        ("exit 0", Exit::Code(0)),
        ("exit 255", Exit::Code(255)),
        ("kill -9 $$", Exit::Signal(9)),
        ("kill -SEGV $$", Exit::Signal(11)),
    ] {
        let scene = Scene::new();
        assert_eq!(scene.run(&scene.sh(script)).await.exit, exit, "{script}");
    }
}

#[tokio::test]
async fn an_agent_gets_its_own_environment_directory_input_and_nothing_else() {
    let scene = Scene::new();
    std::fs::write(scene.path("prompt"), "do it").unwrap();
    let mut spec =
        scene.sh("cat; echo; pwd; ls /proc/self/fd | wc -l; umask; env | cut -d= -f1 | sort | tr '\\n' ' '");
    spec.stdin = Some(scene.path("prompt"));
    let record = scene.run(&spec).await;
    let work = scene.path("work").canonicalize().unwrap();
    // 0, 1, 2 and the one that lists them. The shell itself sets PWD and may set others of its own.
    let lines: Vec<&str> = record.stdout.tail.lines().collect();
    assert_eq!(lines[..4], ["do it", work.to_str().unwrap(), "4", "0022"]);
    let names: Vec<&str> =
        lines[4].split(' ').filter(|name| !["PWD", "_", "SHLVL", "OLDPWD", ""].contains(name)).collect();
    assert_eq!(names, [MARKER, "PATH", "SCENE"]);
}

#[tokio::test]
async fn standard_input_is_empty_not_open() {
    let scene = Scene::new();
    let record = scene.run(&scene.sh("cat; echo end")).await;
    assert_eq!((record.exit, record.stdout.tail.as_str()), (Exit::Code(0), "end\n"));
}

#[tokio::test]
async fn signals_that_the_runner_ignores_work_for_the_agent() {
    // Without SIGCHLD the exit code would be lost, without the others the agent would be deaf.
    for (script, exit) in [("kill -INT $$; kill -HUP $$; exit 0", Exit::Signal(2)), ("exit 6", Exit::Code(6))]
    {
        let scene = Scene::new();
        assert!(
            scene.odd_runner("launch", &scene.sh(script), "env --ignore-signal=INT,HUP,CHLD"),
            "{script}"
        );
        assert_eq!(scene.ended().await.exit, exit, "{script}");
    }
}

#[tokio::test]
async fn told_to_stop_it_stops_and_says_why() {
    let scene = Scene::new();
    scene.launch(&scene.sh("touch up; sleep 1000"));
    scene.await_file("up");
    let dir = scene.dir();
    assert!(matches!(stop(&dir, StopWhy::Superseded).unwrap(), Looked::Alive(_)));
    let _ = stop(&dir, StopWhy::Cancelled).unwrap();
    assert_eq!(scene.ended().await.exit, Exit::Stopped(StopWhy::Superseded), "the first reason stays");
    assert!(matches!(stop(&dir, StopWhy::Cancelled).unwrap(), Looked::Ended(_)), "over is over");
}

#[tokio::test]
async fn who_ignores_sigterm_is_killed_after_the_grace() {
    let scene = Scene::new();
    let mut spec = scene.sh("trap '' TERM; touch up; while :; do sleep 0.05; done");
    spec.grace_ms = 200;
    scene.launch(&spec);
    scene.await_file("up");
    let told = Instant::now();
    stop(&scene.dir(), StopWhy::Cancelled).unwrap();
    assert_eq!(scene.ended().await.exit, Exit::Stopped(StopWhy::Cancelled));
    assert!(told.elapsed() >= Duration::from_millis(200));
    assert!(told.elapsed() < Duration::from_millis(2200));
}

#[tokio::test]
async fn who_stopped_itself_is_ended_too() {
    let scene = Scene::new();
    let mut spec = scene.sh("kill -STOP $$; sleep 1000");
    spec.wall_ms_max = 100;
    assert_eq!(scene.run(&spec).await.exit, Exit::Stopped(StopWhy::TimedOut));
}

#[tokio::test]
async fn a_daemon_does_not_get_away() {
    let scene = Scene::new();
    let daemon = "(setsid sh -c 'trap \"\" TERM HUP; touch up; exec sleep 1000' >/dev/null 2>&1 </dev/null &) ; \
                  while ! test -e up; do sleep 0.01; done";
    let mut spec = scene.sh(daemon);
    spec.grace_ms = 100;
    let record = scene.run(&spec).await;
    assert_eq!((record.exit, record.leaked, record.survivors), (Exit::Code(0), 1, 0));
    assert_eq!(scene.left(), []);
}

#[tokio::test]
async fn a_stream_that_is_held_open_holds_nobody() {
    let scene = Scene::new();
    let record = scene.run(&scene.sh("echo before; sleep 1000 & exit 3")).await;
    assert_eq!((record.exit, record.leaked), (Exit::Code(3), 1));
    assert_eq!(record.stdout.tail, "before\n");
    assert!(!record.stdout.held_open, "the holder is dead");
}

#[tokio::test]
async fn a_child_that_ends_a_moment_later_is_no_leak() {
    let scene = Scene::new();
    let record = scene.run(&scene.sh("(sleep 0.02; echo late) & exit 0")).await;
    assert_eq!((record.exit, record.leaked, record.stdout.tail.as_str()), (Exit::Code(0), 0, "late\n"));
}

#[tokio::test]
async fn a_family_that_dies_hard_dies() {
    let scene = Scene::new();
    // Four generations, each in a session of its own, each deaf to SIGTERM.
    let script = "for n in 1 2 3; do setsid sh -c 'trap \"\" TERM; setsid sh -c \"sleep 1000 & wait\" & touch up$0; wait' $n & done; \
                  while ! test -e up1 -a -e up2 -a -e up3; do sleep 0.01; done; kill -9 $$";
    let mut spec = scene.sh(script);
    spec.grace_ms = 50;
    let record = scene.run(&spec).await;
    assert_eq!((record.exit, record.survivors), (Exit::Signal(9), 0));
    assert!(record.leaked >= 3, "{}", record.leaked);
}

#[tokio::test]
async fn a_flood_is_counted_and_capped() {
    let scene = Scene::new();
    let mut spec = scene.sh("yes 0123456789abcde | head -c 209715200; echo tail >&2");
    spec.output_bytes_max = 100_000;
    scene.launch(&spec);
    let Looked::Alive(who) = look(&scene.dir()).unwrap() else { panic!("it ended at once") };
    let mut peak = 0;
    while os::is_alive(&who) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", who.pid)).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
        peak = peak.max(line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let record = scene.ended().await;
    assert_eq!((record.exit, record.stdout.bytes, record.stdout.kept), (Exit::Code(0), 209_715_200, 100_000));
    assert!(record.stdout.truncated && !record.stderr.truncated);
    assert_eq!(scene.log("stdout.log").len(), 100_000);
    assert_eq!(record.stdout.tail.len(), 4096);
    assert!((1..32 * 1024).contains(&peak), "{peak} KiB");
}

#[tokio::test]
async fn a_log_that_cannot_be_written_costs_only_the_log() {
    for obstacle in ["directory", "link"] {
        let scene = Scene::new();
        std::fs::create_dir_all(scene.dir()).unwrap();
        let (log, precious) = (scene.dir().join("stdout.log"), scene.path("precious"));
        std::fs::write(&precious, "precious").unwrap();
        match obstacle {
            "directory" => std::fs::create_dir(log).unwrap(),
            _ => std::os::unix::fs::symlink(&precious, log).unwrap(),
        }
        let record = scene.run(&scene.sh("echo one; echo two")).await;
        assert_eq!((record.exit, record.stdout.bytes, record.stdout.kept), (Exit::Code(0), 8, 0));
        assert!(record.stdout.log_error.is_some() && record.stdout.truncated, "{obstacle}");
        assert_eq!(record.stdout.tail, "one\ntwo\n");
        assert_eq!(std::fs::read(precious).unwrap(), b"precious", "{obstacle}");
    }
}

#[tokio::test]
async fn orphans_that_end_do_not_pile_up() {
    let scene = Scene::new();
    let who = scene.launch(&scene.sh("for n in $(seq 30); do (true &); done; touch up; exec sleep 1000"));
    scene.await_file("up");
    let children = format!("/proc/{0}/task/{0}/children", who.pid);
    await_that("only the leader is left", || {
        std::fs::read_to_string(&children).unwrap().split_whitespace().count() == 1
    });
    stop(&scene.dir(), StopWhy::Cancelled).unwrap();
    assert_eq!(scene.ended().await.leaked, 0);
}

#[tokio::test]
async fn a_program_that_is_still_being_written_is_waited_for() {
    let scene = Scene::new();
    let program = scene.path("work/fresh");
    std::fs::copy("/bin/true", &program).unwrap();
    let open = std::fs::OpenOptions::new().append(true).open(&program).unwrap();
    let closer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(40));
        drop(open);
    });
    let record = run_direct(None, &scene.spec(&["./fresh"]), pending()).await;
    closer.join().unwrap();
    assert_eq!(record.exit, Exit::Code(0));
}

#[tokio::test]
async fn rubbish_in_the_output_is_kept_as_bytes_and_shown_as_text() {
    let scene = Scene::new();
    let record = scene.run(&scene.sh("printf 'a\\377\\000\\355\\240\\200b'")).await;
    assert_eq!(scene.log("stdout.log"), b"a\xff\0\xed\xa0\x80b");
    assert!(record.stdout.tail.starts_with("a\u{fffd}\0") && record.stdout.tail.ends_with('b'));
}

#[tokio::test]
async fn time_runs_out_without_any_runner() {
    let scene = Scene::new();
    let mut spec = scene.sh("sleep 1000");
    spec.wall_ms_max = 150;
    let record = scene.run(&spec).await;
    assert_eq!(record.exit, Exit::Stopped(StopWhy::TimedOut));
    assert!((150..5_000).contains(&record.wall_ms), "{}", record.wall_ms);
}

#[tokio::test]
async fn without_its_run_everything_ends() {
    let scene = Scene::new();
    scene.launch(&scene.sh("touch up; sleep 1000"));
    scene.await_file("up");
    std::fs::remove_dir(scene.path("run")).unwrap();
    // Another run of the same name is another run, even if the disk gives it the same number.
    std::fs::create_dir(scene.path("run")).unwrap();
    assert_eq!(scene.ended().await.exit, Exit::Stopped(StopWhy::Orphaned));
}

#[tokio::test]
async fn without_its_own_directory_it_ends_too() {
    let scene = Scene::new();
    let who = scene.launch(&scene.sh("touch up; sleep 1000"));
    scene.await_file("up");
    std::fs::remove_dir_all(scene.dir()).unwrap();
    await_that("the supervisor's end", || !os::is_alive(&who));
    assert_eq!(scene.left(), []);
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let scene = Scene::new();
    std::fs::write(scene.path("work/closed"), "#!/bin/sh\n").unwrap();
    std::fs::write(scene.path("work/lost"), "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(scene.path("work/lost"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let in_file = ProcessSpec { cwd: scene.path("work/closed"), ..scene.spec(&["true"]) };
    let nowhere = ProcessSpec { cwd: scene.path("nowhere"), ..scene.spec(&["true"]) };
    let no_input = ProcessSpec { stdin: Some(scene.path("no-input")), ..scene.spec(&["true"]) };
    let no_path = ProcessSpec { env: BTreeMap::new(), ..scene.spec(&["true"]) };
    let long = "x".repeat(4 << 20);
    for (spec, text) in [
        (scene.spec(&["no-such-program"]), "`no-such-program` is not in PATH"),
        (scene.spec(&["./no-such-program"]), "does not exist"),
        (scene.spec(&["./closed"]), "not executable"),
        (scene.spec(&["./lost"]), "interpreter"),
        (scene.spec(&[]), "command is empty"),
        (scene.spec(&["true", &long]), "too long"),
        (scene.spec(&["true", "a\0b"]), "NUL"),
        (ProcessSpec { cwd: "work".into(), ..scene.spec(&["true"]) }, "not absolute"),
        (in_file, "is not a directory"),
        (nowhere, "working directory"),
        (no_input, "standard input"),
        (no_path, "which is empty"),
    ] {
        let _ = std::fs::remove_dir_all(scene.dir());
        let record = scene.run(&spec).await;
        let direct = run_direct(None, &spec, pending()).await;
        for exit in [record.exit, direct.exit] {
            let Exit::NotStarted(why) = exit else { panic!("{text}: {exit:?}") };
            assert!(why.contains(text), "{why}");
        }
    }
}
