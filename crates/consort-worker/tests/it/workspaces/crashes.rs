//! A process dies at every site of the data plane; the next one finishes.
#![allow(clippy::disallowed_types, reason = "the process that dies is this test program")]

use super::scene::*;
use consort_core::ids::{BarrierId, CheckpointId, RunId, TaskId};
use consort_worker::drill::{CRASH_AT, SITES};
use consort_worker::workspace::{Plane, Rewind, integrate};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

const WHERE: &str = "CONSORT_TEST_SCENE";

/// A whole run in a given place. Runs as a process of its own; agents are not repeated when their
/// work is there.
#[test]
#[ignore = "started by the test below"]
fn cycle() {
    let Some(root) = std::env::var_os(WHERE) else { return };
    let scene = Place::at(Path::new(&root));
    let plane = &scene.plane;
    plane.start(&scene.base, AT).unwrap();
    let mut tips = vec![tip("base", &scene.base)];
    for id in ["a", "b"] {
        let path = format!("docs/{id}.md");
        let task = document(id, &path);
        let stands = plane.prepare(&task, 1, &tips[..1], AT).unwrap();
        write(&stands.dir.join(&path), id);
        write(&stands.dir.join("left over"), id);
        let candidate = plane.capture(&task, 1, 1, stands.base.as_ref(), AT).unwrap().candidate;
        plane.commit_task(&task.id, 1, &candidate, Some("ps"), AT).unwrap();
        plane.export(&candidate.revision, None, &scene.dirs.state.join("exports/one")).unwrap();
        tips.push(tip(id, &candidate.revision));
    }
    plane.barrier(&BarrierId::from("x"), 1, &tips, &[], AT).unwrap();
    let files = [("state.json".to_owned(), b"{}".to_vec())];
    let last = plane.checkpoint(&CheckpointId::from("CP-001"), &tips, &files, "CP\n", AT).unwrap();
    for id in ["a", "b"] {
        plane.release(&document(id, &format!("docs/{id}.md")), 1, true, AT).unwrap();
    }
    // Back to where only the first one is accepted.
    let kept = [(TaskId::from("a"), 1, tips[1].revision.clone())];
    let labels = [("ps".to_owned(), Some(tips[1].revision.clone()))];
    plane.rewind(&Rewind { to: &last, kept: &kept, labels: &labels, at: AT }).unwrap();
    // Another plan gives up that one, too.
    plane.abandon(&kept, AT).unwrap();
    let repo = discover(&scene.person).unwrap();
    integrate(&repo, &RunId::from(RUN), "refs/heads/main", &scene.base, &last, AT).unwrap();
}

struct Place {
    person: std::path::PathBuf,
    dirs: consort_worker::dirs::RunDirs,
    base: consort_core::ids::Revision,
    plane: Plane,
}

fn tip(name: &str, revision: &consort_core::ids::Revision) -> consort_core::run::Tip {
    consort_core::run::Tip { name: name.into(), revision: revision.clone() }
}

impl Place {
    fn at(root: &Path) -> Self {
        let person = root.join("person");
        let dirs = consort_worker::dirs::RunDirs {
            state: root.join("state"),
            run: person.join(".consort/runs/r"),
            store: person.join(".consort/store"),
        };
        let repo = discover(&person).unwrap();
        let base = repo.branch("base").unwrap().unwrap();
        let plane = Plane::git(repo, dirs.clone(), RUN.into()).unwrap();
        Self { person, dirs, base, plane }
    }
}

fn set_up(root: &Path) {
    let person = root.join("person");
    fs::create_dir(&person).unwrap();
    git(&person, &["init", "-q"]);
    write(&person.join("README.md"), "# Read me\n");
    write(&person.join(".gitignore"), ".consort/\n");
    git(&person, &["add", "-A"]);
    let commit = ["-c", "user.useConfigOnly=false", "commit", "-q", "-m", "First", "--date=@1 +0000"];
    let done = Command::new(found_git().program())
        .args(["-c", "user.name=P", "-c", "user.email=p@example.org"])
        .args(commit)
        .env("GIT_COMMITTER_DATE", "@1 +0000")
        .current_dir(&person)
        .status();
    assert!(done.unwrap().success());
    git(&person, &["branch", "base"]);
}

fn run_cycle(root: &Path, crash_at: Option<String>) -> std::process::ExitStatus {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["workspaces::crashes::cycle", "--exact", "--ignored", "-q"]).env(WHERE, root);
    match crash_at {
        Some(site) => command.env(CRASH_AT, site),
        None => command.env_remove(CRASH_AT),
    };
    command.stdout(std::process::Stdio::null()).status().unwrap()
}

/// What is there at the end: refs, files of the checkout, and nothing else in the state directory.
fn outcome(root: &Path) -> String {
    let person = root.join("person");
    let mut text = git(&person, &["for-each-ref", "--format=%(refname) %(objectname)"]);
    text += &git(&person, &["status", "--porcelain"]);
    text += &git(&person, &["ls-files", "-s"]);
    for dir in ["workspaces", "sides", "exports"] {
        let names = fs::read_dir(root.join("state").join(dir)).unwrap();
        let mut names: Vec<_> = names.map(|e| format!("\n{dir}/{:?}", e.unwrap().file_name())).collect();
        names.sort();
        text += &names.concat();
    }
    text
}

#[test]
fn whoever_dies_at_whatever_site_the_next_one_ends_as_if_nothing_had_been() {
    let place = || {
        let root = tempfile::tempdir().unwrap();
        set_up(root.path());
        root
    };
    let calm = place();
    assert!(run_cycle(calm.path(), None).success());
    let expected = outcome(calm.path());
    assert!(expected.contains("CP-001") && expected.contains("salvage/a--1"), "{expected}");
    assert!(expected.contains("/abandoned/a ") && !expected.contains("/task/a "), "{expected}");

    // From one repository to another goes the binary: its tests die at these.
    let between =
        |site: &str| ["git.push.", "git.fetch.", "git.bring."].iter().any(|start| site.starts_with(start));
    for site in SITES.iter().filter(|site| site.starts_with("git.") && !between(site)) {
        let root = place();
        let status = run_cycle(root.path(), Some(format!("{site}:1")));
        assert_eq!(status.signal(), Some(9), "{site} was not reached");
        assert!(run_cycle(root.path(), None).success(), "{site}: the next one failed");
        assert_eq!(outcome(root.path()), expected, "{site}");
    }
}
