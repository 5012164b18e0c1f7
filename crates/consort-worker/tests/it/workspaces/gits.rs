//! Which git, which repository, whose locks.

use super::scene::*;
use consort_worker::workspace::{Git, GitError, Plane, PlaneError, Repo, RepoError};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn fake_git(root: &Path, name: &str, says: &str) -> PathBuf {
    let dir = root.join(name);
    write(&dir.join("git"), &format!("#!/bin/sh\n{says}\n"));
    fs::set_permissions(dir.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn path_of(dirs: &[&Path]) -> OsString {
    std::env::join_paths(dirs).unwrap()
}

#[test]
fn the_first_git_that_is_new_enough_is_used_and_the_choice_is_told() {
    let root = tempfile::tempdir().unwrap();
    let old = fake_git(root.path(), "old", "echo git version 2.30.2");
    let odd = fake_git(root.path(), "odd", "echo hello");
    let bad = fake_git(root.path(), "bad", "exit 3");
    let apple = fake_git(root.path(), "apple", "echo 'git version 2.41.0 (Apple Git-1)'");
    let major = fake_git(root.path(), "major", "echo git version 3.0.0.rc1");
    let empty = root.path().join("empty");
    fs::create_dir(&empty).unwrap();

    let found = Git::find_in(&path_of(&[&empty, &apple, &old])).unwrap();
    assert_eq!((found.program(), found.version(), found.note()), (&*apple.join("git"), "2.41.0", None));
    for first in [&old, &odd, &bad] {
        let found = Git::find_in(&path_of(&[first, &major])).unwrap();
        assert_eq!(found.program(), major.join("git"));
        let note = found.note().unwrap();
        assert!(
            note.contains(first.to_str().unwrap()) && note.contains("2.41") && note.contains("3.0.0"),
            "{note}"
        );
    }
    let error = Git::find_in(&path_of(&[&old, &odd])).unwrap_err().to_string();
    assert!(error.contains("old/git is git 2.30.2") && error.contains("2.41"), "{error}");
    let error = Git::find_in(&path_of(&[&empty])).unwrap_err();
    assert!(matches!(error, GitError::Missing { .. }) && error.to_string().contains("2.41"), "{error}");
}

#[test]
fn a_git_that_floods_at_the_question_for_its_version_is_passed_over() {
    let root = tempfile::tempdir().unwrap();
    let flood = fake_git(root.path(), "flood", "while :; do echo git version 9.9.9; done");
    let good = fake_git(root.path(), "good", "echo git version 2.50.1");
    assert_eq!(Git::find_in(&path_of(&[&flood, &good])).unwrap().version(), "2.50.1");
}

fn refused(dir: &Path) -> RepoError {
    Repo::discover(&found_git(), dir).unwrap_err()
}

#[test]
fn places_that_cannot_be_worked_with_are_told_apart() {
    let root = tempfile::tempdir().unwrap();
    let plain = root.path().join("plain");
    fs::create_dir(&plain).unwrap();
    assert!(Repo::discover(&found_git(), &plain).unwrap().is_none());

    git(&plain, &["init", "-q", "--bare", "bare repo.git"]);
    let error = refused(&plain.join("bare repo.git"));
    assert!(matches!(error, RepoError::Bare(_)) && error.to_string().contains("git clone"), "{error}");

    git(&plain, &["init", "-q", "unborn"]);
    let error = refused(&plain.join("unborn"));
    assert!(matches!(error, RepoError::Unborn(_)) && error.to_string().contains("git commit"), "{error}");

    write(&plain.join("dangling/.git"), "gitdir: ../nowhere\n");
    assert!(matches!(refused(&plain.join("dangling")), RepoError::Broken { .. }));
    write(&plain.join("rubbish/.git"), "rubbish");
    assert!(matches!(refused(&plain.join("rubbish")), RepoError::Broken { .. }));
    assert!(matches!(refused(&plain.join("absent")), RepoError::Io { .. }));
}

#[test]
fn subdirectories_linked_worktrees_and_detached_heads_are_fine() {
    let scene = Scene::new();
    let here = scene.person.join("src");
    let repo = discover(&here).unwrap();
    let person = fs::canonicalize(&scene.person).unwrap();
    assert_eq!((repo.top(), repo.here(), repo.head()), (&*person, &*person, &scene.base));
    assert_eq!(repo.head_branch(), Some("refs/heads/main"));
    assert_eq!(repo.branch("main").unwrap().as_ref(), Some(&scene.base));
    assert_eq!(repo.branch("-x").unwrap(), None);
    assert!(!repo.exists_at(&scene.base, "absent").unwrap());
    assert_eq!(repo.show(&scene.base, "src").unwrap(), None, "a folder is no file");
    let asked = ["README.md", "absent x", "src", "../README.md", "src/lib.rs"].map(str::to_owned);
    assert_eq!(repo.are_files(&scene.base, &asked).unwrap(), [true, false, false, false, true]);
    let files: Vec<String> = repo.files(&scene.base).unwrap().into_iter().collect();
    assert!(files.contains(&"src/lib.rs".to_owned()) && !files.contains(&"src".to_owned()), "{files:?}");

    let linked = scene.root.path().join("linked");
    git(&scene.person, &["worktree", "add", "-q", "-b", "topic", linked.to_str().unwrap()]);
    write(&linked.join("more"), "more");
    git(&linked, &["add", "-A"]);
    git(&linked, &["commit", "-qm", "More"]);
    let repo = discover(&linked).unwrap();
    assert_eq!(repo.top(), person);
    assert_eq!(repo.here(), fs::canonicalize(&linked).unwrap());
    assert_eq!(repo.head_branch(), Some("refs/heads/topic"));
    assert_eq!(repo.head().as_str(), git(&linked, &["rev-parse", "HEAD"]));
    write(&linked.join("new"), "x");
    assert_eq!(repo.dirty(5).unwrap(), (1, vec!["new".into()]));
    let plane = Plane::git(repo.clone(), scene.dirs.clone(), RUN.into()).unwrap();
    let base = scene.tip("base", repo.head());
    let stands = plane.prepare(&document("a", "a.md"), 1, &[base], AT).unwrap();
    assert!(stands.dir.join("more").exists());

    git(&scene.person, &["checkout", "-q", "--detach"]);
    assert_eq!(discover(&scene.person).unwrap().head_branch(), None);
}

#[test]
fn a_bare_repository_with_worktrees_is_worked_with_from_a_worktree() {
    let scene = Scene::new();
    let bare = scene.root.path().join("all.git");
    git(scene.root.path(), &["clone", "-q", "--bare", scene.person.to_str().unwrap(), "all.git"]);
    let linked = scene.root.path().join("linked");
    git(&bare, &["worktree", "add", "-q", linked.to_str().unwrap(), "main"]);
    let repo = discover(&linked).unwrap();
    assert_eq!(repo.top(), fs::canonicalize(&linked).unwrap());
    assert!(Plane::git(repo, scene.dirs.clone(), RUN.into()).unwrap().start(&scene.base, AT).is_ok());
}

#[test]
fn a_shallow_clone_is_enough() {
    let mut scene = Scene::new();
    git(&scene.person, &["commit", "-q", "--allow-empty", "-m", "Second"]);
    let url = format!("file://{}", scene.person.display());
    git(scene.root.path(), &["clone", "-q", "--depth=1", &url, "shallow"]);
    scene.person = scene.root.path().join("shallow");
    scene.base = discover(&scene.person).unwrap().head().clone();
    scene.reopen();
    let edit = |id: &str, from: &str, to: &str| {
        scene.done(&change(id, &["src/**"]), &[], |dir| {
            assert!(git(dir, &["log", "--oneline"]).lines().count() == 1);
            let path = dir.join("src/lib.rs");
            write(&path, &fs::read_to_string(&path).unwrap().replace(from, to));
        })
    };
    let tips = [scene.base_tip(), edit("a", "one", "uno"), edit("b", "two", "due")];
    scene.plane.barrier(&"x".into(), 1, &tips, &[], AT).unwrap();
}

#[test]
fn a_lock_of_somebody_elses_is_waited_for_and_then_reported_but_never_removed() {
    let scene = Scene::new();
    let impatient = found_git().with_lock_wait(Duration::from_millis(60));
    let repo = Repo::discover(&impatient, &scene.person).unwrap().unwrap();
    let plane = Plane::git(repo, scene.dirs.clone(), RUN.into()).unwrap();
    let task = document("a", "a.md");
    let captured = scene.captured(&task, &[], |dir| write(&dir.join("a.md"), "a")).unwrap().candidate;
    let lock = scene.person.join(format!(".git/refs/consort/{RUN}/task/a.lock"));
    write(&lock, "");
    let error = plane.commit_task(&task.id, 1, &captured, None, AT).unwrap_err();
    let PlaneError::Git(GitError::Locked { lock: named, .. }) = &error else { panic!("{error}") };
    assert!(named.ends_with("task/a.lock") && error.to_string().contains("try again"), "{error}");
    assert!(lock.exists());

    // With patience: somebody lets go while we wait.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(150));
            fs::remove_file(&lock).unwrap();
        });
        scene.plane.commit_task(&task.id, 1, &captured, None, AT).unwrap();
    });
    // The person's index is of no concern to a run.
    write(&scene.person.join(".git/index.lock"), "");
    write(&scene.person.join(".git/HEAD.lock"), "");
    scene.done(&document("b", "b.md"), &[], |dir| write(&dir.join("b.md"), "b"));
}

/// A git that writes down each command before it does it.
fn counting_git(root: &Path) -> (Git, PathBuf) {
    let log = root.join("calls");
    let says = format!(
        "for a in \"$@\"; do case \"$a\" in -*|*=*) ;; *) echo \"$a\" >> '{}'; break;; esac; done\nexec {} \"$@\"",
        log.display(),
        found_git().program().display()
    );
    let dir = fake_git(root, "counting", &says);
    (Git::find_in(&path_of(&[&dir])).unwrap(), log)
}

#[test]
fn a_task_costs_few_calls_of_git() {
    let scene = Scene::new();
    let (git, log) = counting_git(scene.root.path());
    let repo = Repo::discover(&git, &scene.person).unwrap().unwrap();
    let plane = Plane::git(repo, scene.dirs.clone(), RUN.into()).unwrap();
    let calls = || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        fs::write(&log, "").unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    calls();
    let mut tips = vec![scene.base_tip()];
    for id in ["a", "b", "c"] {
        let task = document(id, &format!("{id}.md"));
        let stands = plane.prepare(&task, 1, &tips[..1], AT).unwrap();
        assert_eq!(calls(), ["read-tree"]);
        write(&stands.dir.join(format!("{id}.md")), id);
        let captured = plane.capture(&task, 1, 1, stands.base.as_ref(), AT).unwrap();
        assert_eq!(calls(), ["ls-files", "fast-import", "update-ref"]);
        plane.commit_task(&task.id, 1, &captured.candidate, Some("ps"), AT).unwrap();
        assert_eq!(calls(), ["update-ref"]);
        tips.push(scene.tip(id, &captured.candidate.revision));
    }
    plane.prepare(&document("after", "d.md"), 1, &tips, AT).unwrap();
    assert_eq!(
        calls(),
        ["diff-tree", "fast-import", "update-ref", "read-tree"],
        "however many tips there are"
    );
    plane.checkpoint(&"CP-001".into(), &tips, &[], "m", AT).unwrap();
    assert_eq!(calls(), ["diff-tree", "fast-import", "for-each-ref", "update-ref"]);
}

#[test]
fn refs_in_one_table_are_fine() {
    let scene = Scene::with(&["--ref-format=reftable"]);
    assert_eq!(scene.repo().head_branch(), Some("refs/heads/main"));
    scene.plane.start(&scene.base, AT).unwrap();
    git(&scene.person, &["checkout", "-q", &format!("consort/{RUN}/run")]);
    let a = scene.done(&document("a", "a.md"), &[], |dir| write(&dir.join("a.md"), "a"));
    scene.plane.checkpoint(&"CP-001".into(), &[scene.base_tip(), a], &[], "m", AT).unwrap();
    assert_eq!(git(&scene.person, &["status", "--porcelain"]), "", "what is checked out stays");
    assert_eq!(scene.value("HEAD").as_deref(), Some(scene.base.as_str()));
}
