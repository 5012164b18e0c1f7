//! The result comes to a branch of the person's.

use super::scene::*;
use consort_core::ids::{CheckpointId, Revision, RunId};
use consort_worker::workspace::{IntegrateError, Integrated, integrate, integrate_dry_run};
use std::fs;

const MAIN: &str = "refs/heads/main";

fn result(scene: &Scene) -> Revision {
    scene.plane.start(&scene.base, AT).unwrap();
    let a = scene.done(&change("a", &["**"]), &[], |dir| {
        write(&dir.join("docs/a.md"), "a");
        write(&dir.join("README.md"), "by a\n");
    });
    let id = CheckpointId::from("CP-001");
    scene
        .plane
        .checkpoint(&id, &[scene.base_tip(), a], &[("s.json".into(), b"{}".to_vec())], "CP\n", AT)
        .unwrap()
}

fn bring(scene: &Scene, into: &str, result: &Revision) -> Result<Integrated, IntegrateError> {
    let expected = Revision(scene.value(into).unwrap_or_else(|| scene.base.to_string()));
    integrate(&scene.repo(), &RunId::from(RUN), into, &expected, result, AT)
}

fn dry(scene: &Scene, into: &str, result: &Revision) -> consort_worker::workspace::DryRun {
    integrate_dry_run(&scene.repo(), &RunId::from(RUN), into, result, AT).unwrap()
}

#[test]
fn a_clean_checkout_follows() {
    let scene = Scene::new();
    let result = result(&scene);
    let before = scene.fingerprint();
    let plan = dry(&scene, MAIN, &result);
    assert_eq!(plan.obstacle, None);
    assert_eq!(plan.paths, [('M', "README.md".into()), ('A', "docs/a.md".into()), ('A', "s.json".into())]);
    assert_eq!(plan.commits.len(), 2);
    assert_eq!(scene.fingerprint(), before, "a dry run changes nothing");

    write(&scene.person.join("untracked"), "mine");
    let done = bring(&scene, MAIN, &result).unwrap();
    assert_eq!(done.checkout.as_deref(), Some(&*fs::canonicalize(&scene.person).unwrap()));
    assert_eq!(scene.value("HEAD").as_deref(), Some(done.revision.as_str()));
    assert_eq!(git(&scene.person, &["status", "--porcelain"]), "?? untracked");
    assert_eq!(fs::read_to_string(scene.person.join("README.md")).unwrap(), "by a\n");
    let parents = git(&scene.person, &["show", "-s", "--format=%P", "HEAD"]);
    assert_eq!(parents, format!("{} {result}", scene.base));
    assert!(git(&scene.person, &["reflog", "-1", "main"]).contains("consort: integrate"));

    // Asked again, as after a crash: it is there already.
    let again = integrate(&scene.repo(), &RunId::from(RUN), MAIN, &scene.base, &result, AT).unwrap();
    assert_eq!(again.revision, done.revision);
    assert!(dry(&scene, MAIN, &result).obstacle.unwrap().contains("contains the result already"));
}

#[test]
fn a_branch_that_is_not_checked_out_just_moves() {
    let scene = Scene::new();
    let result = result(&scene);
    git(&scene.person, &["branch", "release"]);
    write(&scene.person.join("README.md"), "dirty");
    let before = scene.fingerprint();
    let done = bring(&scene, "refs/heads/release", &result).unwrap();
    assert_eq!((done.checkout, scene.value("release")), (None, Some(done.revision.to_string())));
    assert_eq!(scene.fingerprint(), before);
}

#[test]
fn work_of_the_persons_is_merged_with_or_named_as_a_conflict() {
    let scene = Scene::new();
    let result = result(&scene);
    write(&scene.person.join("src/mine.rs"), "mine");
    git(&scene.person, &["add", "-A"]);
    git(&scene.person, &["commit", "-qm", "Mine"]);
    bring(&scene, MAIN, &result).unwrap();
    assert!(scene.person.join("src/mine.rs").exists() && scene.person.join("docs/a.md").exists());
    assert_eq!(git(&scene.person, &["status", "--porcelain"]), "");

    git(&scene.person, &["reset", "-q", "--hard", scene.base.as_str()]);
    write(&scene.person.join("README.md"), "mine\n");
    git(&scene.person, &["commit", "-qam", "Mine"]);
    let before = scene.fingerprint();
    let error = bring(&scene, MAIN, &result).unwrap_err();
    assert!(matches!(&error, IntegrateError::Conflict { paths, .. } if paths == &["README.md"]), "{error}");
    assert!(dry(&scene, MAIN, &result).obstacle.unwrap().contains("README.md"));
    assert_eq!(scene.fingerprint(), before);
}

#[test]
fn a_checkout_that_is_not_clean_is_refused_and_left_as_it_is() {
    let scene = Scene::new();
    let result = result(&scene);
    let check = |expected: &str| {
        let before = scene.fingerprint();
        let error = bring(&scene, MAIN, &result).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(scene.fingerprint(), before);
        assert!(dry(&scene, MAIN, &result).obstacle.unwrap().contains(expected));
    };
    write(&scene.person.join("src/lib.rs"), "dirty");
    check("src/lib.rs");
    git(&scene.person, &["add", "-A"]);
    check("src/lib.rs");
    git(&scene.person, &["reset", "-q", "--hard"]);
    fs::remove_file(scene.person.join("README.md")).unwrap();
    check("README.md");
    git(&scene.person, &["reset", "-q", "--hard"]);
    fs::write(scene.person.join(".git/MERGE_HEAD"), scene.base.as_str()).unwrap();
    check("a merge is in progress");
    fs::remove_file(scene.person.join(".git/MERGE_HEAD")).unwrap();

    // An untracked file in the way stops it before anything moves.
    write(&scene.person.join("docs/a.md"), "precious");
    let before = scene.fingerprint();
    let error = bring(&scene, MAIN, &result).unwrap_err().to_string();
    assert!(error.contains("`docs/a.md` would be overwritten"), "{error}");
    assert_eq!(git(&scene.person, &["status", "--porcelain"]), "?? docs/");
    assert_eq!(scene.value("main").as_deref(), Some(scene.base.as_str()));
    assert_eq!(fs::read_to_string(scene.person.join("docs/a.md")).unwrap(), "precious");
    drop(before);
}

#[test]
fn a_branch_that_moved_is_not_written_to() {
    let scene = Scene::new();
    let result = result(&scene);
    git(&scene.person, &["commit", "-q", "--allow-empty", "-m", "Meanwhile"]);
    let error = integrate(&scene.repo(), &RunId::from(RUN), MAIN, &scene.base, &result, AT).unwrap_err();
    assert!(matches!(error, IntegrateError::Moved { .. }), "{error}");
    let none = integrate(&scene.repo(), &RunId::from(RUN), "refs/heads/none", &scene.base, &result, AT);
    assert!(matches!(none, Err(IntegrateError::NoBranch(_))));
    for wrong in ["main", "refs/heads/-x", "refs/tags/v1"] {
        let error = integrate(&scene.repo(), &RunId::from(RUN), wrong, &scene.base, &result, AT).unwrap_err();
        assert!(matches!(error, IntegrateError::Invalid(_)), "{error}");
    }
}

#[test]
fn a_branch_in_a_linked_worktree_takes_that_worktree_along() {
    let scene = Scene::new();
    let result = result(&scene);
    let linked = scene.root.path().join("linked");
    git(&scene.person, &["worktree", "add", "-q", "-b", "topic", linked.to_str().unwrap()]);
    let before = scene.fingerprint();
    let done = bring(&scene, "refs/heads/topic", &result).unwrap();
    assert_eq!(done.checkout, Some(fs::canonicalize(&linked).unwrap()));
    assert!(linked.join("docs/a.md").exists());
    assert_eq!(git(&linked, &["status", "--porcelain"]), "");
    assert_eq!(scene.fingerprint(), before);
}

#[test]
fn in_a_bare_repository_the_worktree_of_the_branch_goes_along() {
    let scene = Scene::new();
    let result = result(&scene);
    git(scene.root.path(), &["clone", "-q", "--bare", scene.person.to_str().unwrap(), "all.git"]);
    let bare = scene.root.path().join("all.git");
    git(&bare, &["fetch", "-q", scene.person.to_str().unwrap(), &format!("refs/consort/{RUN}/*:refs/x/*")]);
    let linked = scene.root.path().join("linked");
    git(&bare, &["worktree", "add", "-q", linked.to_str().unwrap(), "main"]);
    let repo = discover(&linked).unwrap();
    let done = integrate(&repo, &RunId::from(RUN), MAIN, &scene.base, &result, AT).unwrap();
    assert_eq!(done.checkout, Some(fs::canonicalize(&linked).unwrap()));
    assert_eq!(git(&linked, &["status", "--porcelain"]), "");
}

#[test]
fn another_name_for_a_branch_is_not_written_to() {
    let scene = Scene::new();
    let result = result(&scene);
    git(&scene.person, &["symbolic-ref", "refs/heads/alias", MAIN]);
    let error = bring(&scene, "refs/heads/alias", &result).unwrap_err().to_string();
    assert!(error.contains("another name"), "{error}");
    assert_eq!(scene.value("main").as_deref(), Some(scene.base.as_str()));
}

#[test]
fn a_try_that_died_before_the_ref_moved_is_finished() {
    let scene = Scene::new();
    let result = result(&scene);
    let done = bring(&scene, MAIN, &result).unwrap();
    // As if it had died between the files and the ref.
    git(&scene.person, &["update-ref", MAIN, scene.base.as_str()]);
    assert_ne!(git(&scene.person, &["status", "--porcelain"]), "");
    let again = bring(&scene, MAIN, &result).unwrap();
    assert_eq!(again.revision, done.revision);
    assert_eq!(git(&scene.person, &["status", "--porcelain"]), "");
}
