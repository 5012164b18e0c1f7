//! A stage for real processes that is empty again afterwards.
#![allow(clippy::disallowed_types, reason = "runners of tests are programs that can be killed")]

use consort_core::run::ProcessIdentity;
use consort_worker::os;
use consort_worker::processes::{ExitRecord, ProcessSpec, Watched, launch, watch};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_consort-worker-test");
const PATIENCE: Duration = Duration::from_secs(30);

/// A run's directory, an attempt's directory, and the promise that nothing is left of it: each
/// agent carries the scene's name in its environment.
pub(crate) struct Scene {
    root: TempDir,
    name: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("run")).unwrap();
        std::fs::create_dir(root.path().join("work")).unwrap();
        let name = root.path().file_name().unwrap().to_string_lossy().into_owned();
        Self { root, name }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.path("attempts/a")
    }

    pub(crate) fn sh(&self, script: &str) -> ProcessSpec {
        self.spec(&["sh", "-c", script])
    }

    pub(crate) fn spec(&self, argv: &[&str]) -> ProcessSpec {
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

    pub(crate) fn launch(&self, spec: &ProcessSpec) -> ProcessIdentity {
        launch(&self.dir(), spec, &supervisor(), None).unwrap()
    }

    pub(crate) async fn ended(&self) -> ExitRecord {
        match tokio::time::timeout(PATIENCE, watch(&self.dir())).await.expect("it never ended").unwrap() {
            Watched::Ended(record) => *record,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn run(&self, spec: &ProcessSpec) -> ExitRecord {
        self.launch(spec);
        self.ended().await
    }

    pub(crate) fn log(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.dir().join(name)).unwrap_or_default()
    }

    pub(crate) fn left(&self) -> Vec<ProcessIdentity> {
        os::marked(&format!("SCENE={}", self.name))
    }

    /// Waits for a file that an agent makes when it has come to a point.
    pub(crate) fn await_file(&self, name: &str) {
        await_that(name, || self.path("work").join(name).exists());
    }

    /// Does something in a process of its own; false if that died or failed.
    pub(crate) fn program(&self, verb: &str, env: &[(&str, String)]) -> bool {
        let mut command = Command::new(PROGRAM);
        command.arg(verb).arg(self.dir()).stdout(Stdio::null()).stderr(Stdio::null());
        command.envs(env.iter().map(|(name, value)| (*name, value))).status().unwrap().success()
    }

    /// A runner that a shell starts in an unusual way, awaited.
    pub(crate) fn odd_runner(&self, verb: &str, spec: &ProcessSpec, around: &str) -> bool {
        let file = self.path("spec.json");
        std::fs::write(&file, serde_json::to_vec(spec).unwrap()).unwrap();
        let script = format!("{around} '{PROGRAM}' {verb} '{}' '{}'", self.dir().display(), file.display());
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null());
        command.status().unwrap().success()
    }

    /// A runner in a process of its own.
    pub(crate) fn runner(&self, verb: &str, spec: &ProcessSpec, env: &[(&str, String)]) -> Child {
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

pub(crate) fn supervisor() -> [OsString; 2] {
    [PROGRAM.into(), "supervise".into()]
}

pub(crate) fn await_that(what: &str, there: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !there() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
