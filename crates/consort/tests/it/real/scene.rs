//! One run of the binary that is disturbed on purpose.

use super::look;
use crate::support::World;
use consort_core::planted::Bug;
use consort_core::run::EventKind;
use consort_testing::audit::Violation;
use consort_testing::sim::Record;
use rustix::process::{Pid, Signal, kill_process};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// So long anything may take that is awaited.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Scene {
    pub world: World,
    pub run: &'static str,
    pub env: Vec<(&'static str, String)>,
}

impl Scene {
    /// A repository with this workflow, which declares this id.
    pub(super) fn new(workflow: &str, run: &'static str) -> Self {
        let world = World::new(workflow);
        for dir in ["home", "tmp"] {
            std::fs::create_dir(world.path(dir)).unwrap();
        }
        Scene { world, run, env: Vec::new() }
    }

    /// From now on every process of it has this bug.
    pub(super) fn plant(&mut self, bug: Bug) {
        self.env.push(("CONSORT_PLANT", format!("{bug:?}")));
    }

    pub(super) fn run_dir(&self) -> PathBuf {
        self.world.repo().join(".consort/runs").join(self.run)
    }

    pub(super) fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.world.command(args);
        command.env("TMPDIR", self.world.path("tmp")).envs(self.env.iter().map(|(n, v)| (n, v)));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs it to its end, however it ends.
    pub(super) fn say(&self, args: &[&str]) -> ExitStatus {
        let mut child = self.spawn(args);
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "consort {args:?} takes for ever");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Runs it until the journal says so, or it ends by itself; then it is killed.
    pub(super) fn until(&self, args: &[&str], so: impl Fn(&EventKind) -> bool) {
        let mut child = self.spawn(args);
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() && !self.has(&so) {
            assert!(began.elapsed() < PATIENCE, "consort {args:?} never does what is awaited");
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        child.wait().unwrap();
    }

    pub(super) fn has(&self, so: impl Fn(&EventKind) -> bool) -> bool {
        self.records().iter().flat_map(|r| &r.events).any(|e| so(&e.kind))
    }

    pub(super) fn records(&self) -> Vec<Record> {
        look::records(&self.run_dir())
    }

    /// What auditor and `verify` find.
    pub(super) fn audited(&self) -> Vec<Violation> {
        look::audited(&self.world, self.run, &[])
    }

    /// Neither in the checkout nor among temporary files.
    pub(super) fn leaves_nothing(&self) {
        let left: Vec<_> = std::fs::read_dir(self.world.path("tmp")).unwrap().flatten().collect();
        assert!(left.is_empty(), "temporary files are left: {left:?}");
        self.leaves_the_checkout();
    }

    /// Neither changed nor locked.
    pub(super) fn leaves_the_checkout(&self) {
        let changed = self.world.git(&["status", "--porcelain"]);
        assert_eq!(changed, "", "the checkout is not clean");
        let locks = look::locks(&self.world.repo().join(".git"));
        assert!(locks.is_empty(), "git is left locked: {locks:?}");
    }

    /// Waits until no process of it lives.
    pub(super) fn settle(&self) {
        let began = Instant::now();
        while !look::alive(&self.world).is_empty() {
            assert!(began.elapsed() < PATIENCE, "left running: {:?}", look::alive(&self.world));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Scene {
    /// Whatever a planted bug left running ends with the scene.
    fn drop(&mut self) {
        for process in look::alive(&self.world) {
            if let Some(pid) = Pid::from_raw(process.pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}
