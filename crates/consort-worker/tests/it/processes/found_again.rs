//! Attempts as others find them: claims, crashes, adoption.

use super::scene::{PROGRAM, Scene, supervisor};
use consort_core::run::{Exit, StopWhy};
use consort_worker::os;
use consort_worker::processes::{LaunchError, Looked, ProcessSpec, Watched, launch, look, stop, watch};

#[tokio::test]
async fn an_attempt_is_launched_once() {
    let scene = Scene::new();
    scene.run(&scene.sh("echo x >> ran")).await;
    let again = launch(&scene.dir(), &scene.sh("echo x >> ran"), &supervisor(), None);
    assert!(matches!(again, Err(LaunchError::Claimed { .. })), "{again:?}");
    assert_eq!(std::fs::read(scene.path("work/ran")).unwrap(), b"x\n");
}

#[tokio::test]
async fn who_looks_first_settles_that_it_never_ran() {
    let scene = Scene::new();
    assert_eq!(look(&scene.dir()).unwrap(), Looked::NoTrace);
    assert_eq!(look(&scene.dir()).unwrap(), Looked::NoTrace);
    assert_eq!(stop(&scene.dir(), StopWhy::Cancelled).unwrap(), Looked::NoTrace);
    assert_eq!(watch(&scene.dir()).await.unwrap(), Watched::NoTrace);
    let late = launch(&scene.dir(), &scene.sh("touch ran"), &supervisor(), None);
    assert!(matches!(late, Err(LaunchError::Claimed { .. })), "{late:?}");
    assert!(!scene.path("work/ran").exists());
}

#[tokio::test]
async fn of_a_launcher_and_many_lookers_one_wins() {
    for _ in 0..10 {
        let scene = Scene::new();
        let (dir, spec) = (scene.dir(), scene.sh("echo x >> ran"));
        let (launched, looked) = std::thread::scope(|scope| {
            let launcher = scope.spawn(|| launch(&dir, &spec, &supervisor(), None));
            let lookers: Vec<_> = (0..4).map(|_| scope.spawn(|| look(&dir).unwrap())).collect();
            (launcher.join().unwrap(), lookers.into_iter().map(|l| l.join().unwrap()).collect::<Vec<_>>())
        });
        let none = looked.contains(&Looked::NoTrace);
        assert_eq!(launched.is_err(), none, "{launched:?} {looked:?}");
        if launched.is_ok() {
            scene.ended().await;
        }
        assert_eq!(scene.path("work/ran").exists(), !none);
    }
}

#[tokio::test]
async fn a_supervisor_that_cannot_work_says_so() {
    let scene = Scene::new();
    let none = launch(&scene.dir(), &scene.sh("true"), &["/no/such/supervisor".into()], None);
    assert!(matches!(none, Err(LaunchError::Spawn { .. })), "{none:?}");
    let wrong = launch(&scene.dir(), &scene.sh("true"), &[PROGRAM.into(), "nonsense".into()], None);
    assert!(wrong.unwrap_err().to_string().contains("unknown command"));
    std::fs::write(scene.path("file"), "").unwrap();
    let no_dir = launch(&scene.path("file/a"), &scene.sh("true"), &supervisor(), None);
    assert!(matches!(no_dir, Err(LaunchError::Prepare { .. })), "{no_dir:?}");
    assert!(look(&scene.path("file/a")).is_err(), "what cannot be read is no answer");
    assert_eq!(look(&scene.dir()).unwrap(), Looked::NoTrace);
}

#[tokio::test]
async fn a_supervisor_outlives_its_runner() {
    let scene = Scene::new();
    let spec = scene.sh("touch up; while ! test -e go; do sleep 0.02; done; echo done");
    let mut runner = scene.runner("launch", &spec, &[]);
    scene.await_file("up");
    runner.kill().unwrap();
    runner.wait().unwrap();
    assert!(matches!(look(&scene.dir()).unwrap(), Looked::Alive(_)));
    let watched = tokio::spawn({
        let dir = scene.dir();
        async move { watch(&dir).await.unwrap() }
    });
    std::fs::write(scene.path("work/go"), "").unwrap();
    let Watched::Ended(record) = watched.await.unwrap() else { panic!("no record") };
    assert_eq!((record.exit, record.stdout.tail.as_str()), (Exit::Code(0), "done\n"));
}

#[tokio::test]
async fn what_a_killed_supervisor_leaves_is_ended_before_it_is_called_vanished() {
    let scene = Scene::new();
    let who = scene.launch(&scene.sh("(setsid sleep 1000 &); touch up; sleep 1000"));
    scene.await_file("up");
    let watched = tokio::spawn({
        let dir = scene.dir();
        async move { watch(&dir).await.unwrap() }
    });
    assert!(os::signal(&who, rustix::process::Signal::KILL).unwrap());
    assert_eq!(watched.await.unwrap(), Watched::Vanished);
    assert_eq!(scene.left(), []);
    assert_eq!(look(&scene.dir()).unwrap(), Looked::Vanished);
}

#[tokio::test]
async fn what_hides_from_its_mark_is_ended_by_its_group() {
    if !matches!(os::Cgroup::probe(), os::Cgroup::Delegated(_)) {
        eprintln!("SKIPPED: no control group is delegated here");
        return;
    }
    let scene = Scene::new();
    // No mark, no session, no parent: only the kernel's group holds it.
    let hidden = "(setsid env -i /bin/sh -c 'echo $$ > hidden.new; mv hidden.new hidden; exec sleep 1000' &)";
    let who = scene.launch(&scene.sh(&format!("sleep 0.2; {hidden}; sleep 1000")));
    scene.await_file("hidden");
    let pid = std::fs::read_to_string(scene.path("work/hidden")).unwrap().trim().parse().unwrap();
    let hidden = os::identity(pid).unwrap();
    assert!(os::signal(&who, rustix::process::Signal::KILL).unwrap());
    assert_eq!(watch(&scene.dir()).await.unwrap(), Watched::Vanished);
    assert!(!os::is_alive(&hidden), "it lives on");
    let group = std::fs::read_to_string(scene.dir().join("cgroup")).unwrap();
    assert!(!std::path::Path::new(&group).exists(), "{group} is left");
}

#[tokio::test]
async fn a_claim_of_another_boot_or_a_later_process_is_dead() {
    let me = os::own_identity().unwrap();
    for who in [
        format!("supervisor {} {} another-boot", me.pid, me.start_ticks),
        format!("supervisor {} {} {}", me.pid, me.start_ticks - 1, me.boot_id),
        "supervisor".into(),
        String::new(),
    ] {
        let scene = Scene::new();
        std::fs::create_dir_all(scene.dir()).unwrap();
        std::fs::write(scene.dir().join("claim"), format!("{who}\n")).unwrap();
        // This process would die of it.
        assert_eq!(stop(&scene.dir(), StopWhy::Cancelled).unwrap(), Looked::Vanished, "{who}");
    }
}

#[tokio::test]
async fn a_record_that_is_not_one_is_none() {
    let scene = Scene::new();
    std::fs::create_dir_all(scene.dir()).unwrap();
    for record in ["", "{", "{\"format\":1}", "[]"] {
        std::fs::write(scene.dir().join("exit.json"), record).unwrap();
        std::fs::write(scene.dir().join("claim"), "supervisor 1 2 another-boot\n").unwrap();
        assert_eq!(look(&scene.dir()).unwrap(), Looked::Vanished, "{record:?}");
    }
}

#[tokio::test]
async fn sigterm_from_outside_is_a_death_by_it() {
    let scene = Scene::new();
    let who = scene.launch(&scene.sh("trap 'exit 0' TERM; touch up; while :; do sleep 0.02; done"));
    scene.await_file("up");
    os::signal(&who, rustix::process::Signal::TERM).unwrap();
    assert_eq!(scene.ended().await.exit, Exit::Signal(15));
}

#[tokio::test]
async fn wherever_it_crashes_the_answer_is_right_and_nothing_is_left() {
    use consort_worker::drill::{CRASH_AT, SITES};
    for site in SITES.iter().filter(|site| site.starts_with("launch.") || site.starts_with("supervisor.")) {
        let scene = Scene::new();
        let spec = scene.sh("echo x >> ran; (setsid sleep 1000 &)");
        let mut runner = scene.runner(
            "launch",
            &ProcessSpec { grace_ms: 100, ..spec },
            &[(CRASH_AT, format!("{site}:1"))],
        );
        drop(runner.stdin.take());
        runner.wait().unwrap();
        // After a crash of the launcher its supervisor may or may not have come to the claim.
        let answer = watch(&scene.dir()).await.unwrap();
        let ran = scene.path("work/ran").exists();
        match (*site, &answer) {
            ("launch.spec.before" | "launch.spec.after" | "supervisor.claim.before", Watched::NoTrace) => {
                assert!(!ran, "{site}")
            }
            ("launch.spawn.after", Watched::NoTrace) => assert!(!ran, "{site}"),
            (
                "launch.spawn.after" | "launch.started.after" | "supervisor.record.after",
                Watched::Ended(record),
            ) => {
                assert_eq!(record.exit, Exit::Code(0), "{site}");
                assert!(ran, "{site}");
            }
            ("supervisor.claim.after" | "supervisor.spawn.before", Watched::Vanished) => {
                assert!(!ran, "{site}")
            }
            (
                "supervisor.spawn.after"
                | "supervisor.sweep.before"
                | "supervisor.sweep.after"
                | "supervisor.record.before",
                Watched::Vanished,
            ) => {}
            _ => panic!("{site}: {answer:?}"),
        }
        assert_eq!(scene.left(), [], "{site}");
    }
}

#[tokio::test]
async fn a_crash_while_looking_or_stopping_is_made_good_by_doing_it_again() {
    use consort_worker::drill::CRASH_AT;
    for site in ["look.reap.before", "look.reap.after", "publish.written.after"] {
        let scene = Scene::new();
        assert!(!scene.program("look", &[(CRASH_AT, format!("{site}:1"))]), "{site}: it did not crash");
        assert_eq!(look(&scene.dir()).unwrap(), Looked::NoTrace, "{site}");
    }
    for site in ["stop.file.before", "stop.file.after", "stop.signal.after", "publish.written.after"] {
        let scene = Scene::new();
        scene.launch(&scene.sh("touch up; sleep 1000"));
        scene.await_file("up");
        assert!(!scene.program("stop", &[(CRASH_AT, format!("{site}:1"))]), "{site}: it did not crash");
        assert!(scene.program("stop", &[]), "{site}");
        assert_eq!(scene.ended().await.exit, Exit::Stopped(StopWhy::Cancelled), "{site}");
    }
}

#[tokio::test]
async fn a_drill_can_kill_one_supervisor_and_spare_the_next() {
    use consort_worker::drill::{CRASH_AT, CRASH_ONCE};
    let scene = Scene::new();
    let once = scene.path("once");
    std::fs::write(&once, "").unwrap();
    let env = [(CRASH_AT, "supervisor.claim.after:1".to_owned()), (CRASH_ONCE, once.display().to_string())];
    assert!(scene.runner("launch", &scene.sh("exit 0"), &env).wait().unwrap().success());
    assert_eq!(scene.ended().await.exit, Exit::Code(0));
}

#[tokio::test]
async fn a_runner_is_not_stopped_for_what_it_runs_itself() {
    let scene = Scene::new();
    let mut runner =
        scene.runner("direct", &scene.sh("touch up; while ! test -e go; do sleep 0.02; done"), &[]);
    scene.await_file("up");
    assert!(matches!(stop(&scene.dir(), StopWhy::Cancelled).unwrap(), Looked::Alive(_)));
    std::fs::write(scene.path("work/go"), "").unwrap();
    assert!(runner.wait().unwrap().success());
    assert_eq!(scene.ended().await.exit, Exit::Code(0));
}
