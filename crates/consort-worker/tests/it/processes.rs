//! Supervisors, watched and looked at as runners do it. Every scene ends with nothing running.

use consort_core::run::{Exit, ProcessIdentity, StopWhy};
use consort_worker::os;
use consort_worker::processes::{
    ExitRecord, LaunchError, Looked, MARKER, ProcessSpec, Watched, launch, look, run_direct, stop, watch,
};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::pending;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_consort-worker-test");
const PATIENCE: Duration = Duration::from_secs(30);

/// A run's directory, an attempt's directory, and the promise that nothing is left of it: each
/// agent carries the scene's name in its environment.
struct Scene {
    root: TempDir,
    name: String,
}

impl Scene {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("run")).unwrap();
        std::fs::create_dir(root.path().join("work")).unwrap();
        let name = root.path().file_name().unwrap().to_string_lossy().into_owned();
        Self { root, name }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn dir(&self) -> PathBuf {
        self.path("attempts/a")
    }

    fn sh(&self, script: &str) -> ProcessSpec {
        self.spec(&["sh", "-c", script])
    }

    fn spec(&self, argv: &[&str]) -> ProcessSpec {
        let env = [("PATH", std::env::var("PATH").unwrap()), ("SCENE", self.name.clone())];
        ProcessSpec {
            attempt: "t/1.1.1/create".parse().unwrap(),
            argv: argv.iter().map(|arg| (*arg).to_owned()).collect(),
            cwd: self.path("work"),
            env: env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            stdin: None,
            wall_ms_max: 60_000,
            grace_ms: 10_000,
            output_bytes_max: 1 << 20,
            run_dir: self.path("run"),
        }
    }

    fn launch(&self, spec: &ProcessSpec) -> ProcessIdentity {
        launch(&self.dir(), spec, &supervisor()).unwrap()
    }

    async fn ended(&self) -> ExitRecord {
        match tokio::time::timeout(PATIENCE, watch(&self.dir())).await.expect("it never ended").unwrap() {
            Watched::Ended(record) => *record,
            other => panic!("{other:?}"),
        }
    }

    async fn run(&self, spec: &ProcessSpec) -> ExitRecord {
        self.launch(spec);
        self.ended().await
    }

    fn log(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.dir().join(name)).unwrap_or_default()
    }

    fn left(&self) -> Vec<ProcessIdentity> {
        os::marked(&format!("SCENE={}", self.name))
    }

    /// Waits for a file that an agent makes when it has come to a point.
    fn await_file(&self, name: &str) {
        await_that(name, || self.path("work").join(name).exists());
    }

    /// Does something in a process of its own; false if that died or failed.
    fn program(&self, verb: &str, env: &[(&str, String)]) -> bool {
        let mut command = Command::new(PROGRAM);
        command.arg(verb).arg(self.dir()).stdout(Stdio::null()).stderr(Stdio::null());
        command.envs(env.iter().map(|(name, value)| (*name, value))).status().unwrap().success()
    }

    /// A runner in a process of its own.
    fn runner(&self, verb: &str, spec: &ProcessSpec, env: &[(&str, String)]) -> Child {
        let file = self.path("spec.json");
        std::fs::write(&file, serde_json::to_vec(spec).unwrap()).unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg(verb).arg(self.dir()).arg(file).stdin(Stdio::piped()).stdout(Stdio::null());
        command.envs(env.iter().map(|(name, value)| (*name, value))).stderr(Stdio::null()).spawn().unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let left = self.left();
        for process in &left {
            let _ = os::signal(process, rustix::process::Signal::KILL);
        }
        if !std::thread::panicking() {
            assert_eq!(left, [], "processes were left running");
        }
    }
}

fn supervisor() -> [OsString; 2] {
    [PROGRAM.into(), "supervise".into()]
}

fn await_that(what: &str, there: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !there() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

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
    let scene = Scene::new();
    let spec = scene.sh("kill -INT $$; kill -HUP $$; kill -USR1 $$; exit 0");
    let file = scene.path("spec.json");
    std::fs::write(&file, serde_json::to_vec(&spec).unwrap()).unwrap();
    let runner = format!(
        "trap '' INT HUP USR1 CHLD; exec '{PROGRAM}' launch '{}' '{}'",
        scene.dir().display(),
        file.display()
    );
    let mut runner =
        Command::new("sh").args(["-c", &runner]).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    assert!(runner.wait().unwrap().success());
    assert_eq!(scene.ended().await.exit, Exit::Signal(2));
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

#[tokio::test]
async fn an_attempt_is_launched_once() {
    let scene = Scene::new();
    scene.run(&scene.sh("echo x >> ran")).await;
    let again = launch(&scene.dir(), &scene.sh("echo x >> ran"), &supervisor());
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
    let late = launch(&scene.dir(), &scene.sh("touch ran"), &supervisor());
    assert!(matches!(late, Err(LaunchError::Claimed { .. })), "{late:?}");
    assert!(!scene.path("work/ran").exists());
}

#[tokio::test]
async fn of_a_launcher_and_many_lookers_one_wins() {
    for _ in 0..10 {
        let scene = Scene::new();
        let (dir, spec) = (scene.dir(), scene.sh("echo x >> ran"));
        let (launched, looked) = std::thread::scope(|scope| {
            let launcher = scope.spawn(|| launch(&dir, &spec, &supervisor()));
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
    let none = launch(&scene.dir(), &scene.sh("true"), &["/no/such/supervisor".into()]);
    assert!(matches!(none, Err(LaunchError::Spawn { .. })), "{none:?}");
    let wrong = launch(&scene.dir(), &scene.sh("true"), &[PROGRAM.into(), "nonsense".into()]);
    assert!(wrong.unwrap_err().to_string().contains("unknown command"));
    std::fs::write(scene.path("file"), "").unwrap();
    let no_dir = launch(&scene.path("file/a"), &scene.sh("true"), &supervisor());
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
