//! A repository of a person's, a run beside it, and tasks that write.
#![allow(clippy::disallowed_types, reason = "the person in these tests uses git")]

use crate::plans;
use consort_core::ids::{Revision, RunId};
use consort_core::plan::{Output, Task, WorkspaceKind};
use consort_core::run::Tip;
use consort_core::time::Timestamp;
use consort_worker::dirs::RunDirs;
use consort_worker::workspace::{Captured, Git, Plane, PlaneError, Repo};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const AT: Timestamp = Timestamp(1_771_545_600_000);
pub const RUN: &str = "trial-20260220-001.2";

pub struct Scene {
    pub root: tempfile::TempDir,
    pub person: PathBuf,
    pub dirs: RunDirs,
    pub base: Revision,
    pub plane: Plane,
}

pub fn found_git() -> Git {
    Git::find().unwrap()
}

/// What a person types; panics with git's answer if it fails.
pub fn git(dir: &Path, args: &[&str]) -> String {
    let (ok, text) = try_git(dir, args);
    assert!(ok, "git {args:?}: {text}");
    text
}

pub fn try_git(dir: &Path, args: &[&str]) -> (bool, String) {
    let done = Command::new(found_git().program())
        .args([
            "-c",
            "user.name=Person",
            "-c",
            "user.email=person@example.org",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    let text = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
}

pub fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

impl Scene {
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// A repository made by `git init` with these options: two files, one commit, branch main.
    pub fn with(options: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let person = root.path().join("a person's repo");
        fs::create_dir(&person).unwrap();
        git(&person, &[&["init", "-q"], options].concat());
        write(&person.join("README.md"), "# Read me\n");
        write(&person.join("src/lib.rs"), "pub fn one() {}\n\n\n\npub fn two() {}\n");
        git(&person, &["add", "-A"]);
        git(&person, &["commit", "-qm", "First"]);
        let dirs = RunDirs {
            state: root.path().join("state/a run"),
            run: person.join(".consort/runs/run"),
            store: person.join(".consort/store"),
        };
        write(&person.join(".consort/.gitignore"), "*\n");
        let (base, plane) = open(&person, &dirs);
        Self { root, person, dirs, base, plane }
    }

    /// The same run as a new process sees it.
    pub fn reopen(&mut self) {
        self.plane = open(&self.person, &self.dirs).1;
    }

    pub fn repo(&self) -> Repo {
        discover(&self.person).unwrap()
    }

    pub fn tip(&self, name: &str, revision: &Revision) -> Tip {
        Tip { name: name.into(), revision: revision.clone() }
    }

    pub fn base_tip(&self) -> Tip {
        self.tip("base", &self.base)
    }

    /// Prepares, lets `work` happen in the workspace, captures and accepts.
    pub fn done(&self, task: &Task, needs: &[&Tip], work: impl FnOnce(&Path)) -> Tip {
        let captured = self.captured(task, needs, work).unwrap();
        self.plane.commit_task(&task.id, 1, &captured.candidate, Some("ps"), AT).unwrap();
        self.tip(task.id.as_str(), &captured.candidate.revision)
    }

    pub fn captured(
        &self,
        task: &Task,
        needs: &[&Tip],
        work: impl FnOnce(&Path),
    ) -> Result<Captured, PlaneError> {
        let mut tips = vec![self.base_tip()];
        tips.extend(needs.iter().map(|tip| (*tip).clone()));
        let stands = self.plane.prepare(task, 1, &tips, AT)?;
        work(&stands.dir);
        self.plane.capture(task, 1, 1, stands.base.as_ref(), AT)
    }

    pub fn value(&self, name: &str) -> Option<String> {
        let (ok, text) = try_git(&self.person, &["rev-parse", "-q", "--verify", name]);
        ok.then_some(text)
    }

    pub fn files_of(&self, revision: &Revision) -> Vec<String> {
        let text = git(&self.person, &["ls-tree", "-r", "--name-only", revision.as_str()]);
        text.lines().map(str::to_owned).collect()
    }

    pub fn show(&self, revision: &Revision, path: &str) -> String {
        git(&self.person, &["show", &format!("{revision}:{path}")])
    }

    /// Everything of the person's that a run must not change: index, head, branches, reflogs, files.
    pub fn fingerprint(&self) -> String {
        let mut text = String::new();
        for file in [".git/index", ".git/HEAD", ".git/logs/HEAD", ".git/config", ".git/logs/refs/heads/main"]
        {
            text += &format!("{file} {:?}\n", fs::read(self.person.join(file)).ok().map(|b| hash(&b)));
        }
        text += &git(&self.person, &["--no-optional-locks", "status", "--porcelain", "--ignored"]);
        text + &git(&self.person, &["for-each-ref", "refs/heads/main", "refs/tags", "refs/remotes"])
    }
}

pub fn hash(bytes: &[u8]) -> String {
    consort_worker::store::Store::hash_of(bytes).to_string()
}

pub fn discover(dir: &Path) -> Option<Repo> {
    Repo::discover(&found_git(), dir).unwrap()
}

fn open(person: &Path, dirs: &RunDirs) -> (Revision, Plane) {
    let repo = discover(person).unwrap();
    let base = repo.head().clone();
    (base, Plane::git(repo, dirs.clone(), RunId::from(RUN)).unwrap())
}

pub fn document(id: &str, path: &str) -> Task {
    plans::task(id, "writer", "Write.", path)
}

pub fn change(id: &str, globs: &[&str]) -> Task {
    let mut task = document(id, "unused");
    task.output = Output::Change { writes: globs.iter().map(|g| (*g).to_owned()).collect() };
    task
}

pub fn data(id: &str, path: &str) -> Task {
    let mut task = document(id, path);
    task.output = Output::Data { paths: vec![path.into()], tasks: false };
    task
}

pub fn scratch(mut task: Task) -> Task {
    task.workspace = WorkspaceKind::None;
    task
}

pub fn refusal<T: std::fmt::Debug>(result: Result<T, PlaneError>) -> String {
    match result {
        Err(PlaneError::Refused(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}
