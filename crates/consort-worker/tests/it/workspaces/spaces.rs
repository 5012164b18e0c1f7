//! Workspaces, acceptance, checkpoints, release.

use super::scene::*;
use consort_core::ids::{CheckpointId, Revision};
use consort_core::plan::WorkspaceKind;
use consort_core::run::Candidate;
use consort_worker::workspace::PlaneError;
use std::fs;

#[test]
fn a_clone_is_at_the_base_and_works_for_its_agent() {
    let scene = Scene::new();
    let task = document("a", "docs/a.md");
    let stands = scene.plane.prepare(&task, 1, &[scene.base_tip()], AT).unwrap();
    assert_eq!(stands.base.as_ref(), Some(&scene.base));
    assert_eq!(fs::read_to_string(stands.dir.join("README.md")).unwrap(), "# Read me\n");
    assert_eq!(git(&stands.dir, &["status", "--porcelain"]), "");
    assert_eq!(git(&stands.dir, &["branch", "--show-current"]), "a");
    write(&stands.dir.join("x"), "x");
    git(&stands.dir, &["add", "-A"]);
    git(&stands.dir, &["commit", "-qm", "Agent's own"]);
    git(&stands.dir, &["fsck", "--strict"]);
    assert_eq!(git(&stands.dir, &["for-each-ref", "--format=%(refname)"]), "refs/heads/a");
}

#[test]
fn a_workspace_that_stands_is_left_alone_and_a_half_made_one_is_made_again() {
    let mut scene = Scene::new();
    let task = document("a", "docs/a.md");
    let stands = scene.plane.prepare(&task, 1, &[scene.base_tip()], AT).unwrap();
    write(&stands.dir.join("docs/a.md"), "work");
    scene.reopen();
    assert_eq!(scene.plane.prepare(&task, 1, &[scene.base_tip()], AT).unwrap(), stands);
    assert_eq!(fs::read_to_string(stands.dir.join("docs/a.md")).unwrap(), "work");

    // Died before the last rename: only the half-made one is there.
    let other = document("b", "docs/b.md");
    let half = scene.dirs.state.join("workspaces/.making-b--1");
    write(&half.join("README.md"), "half");
    let stands = scene.plane.prepare(&other, 1, &[scene.base_tip()], AT).unwrap();
    assert_eq!(fs::read_to_string(stands.dir.join("README.md")).unwrap(), "# Read me\n");
    assert!(!half.exists());
}

#[test]
fn a_workspace_of_another_base_is_salvaged_before_it_is_made_again() {
    let scene = Scene::new();
    let task = document("a", "docs/a.md");
    let stands = scene.plane.prepare(&task, 1, &[scene.base_tip()], AT).unwrap();
    write(&stands.dir.join("docs/a.md"), "unsaved");
    let b = scene.done(&document("b", "docs/b.md"), &[], |dir| write(&dir.join("docs/b.md"), "b"));
    let again = scene.plane.prepare(&task, 1, &[scene.base_tip(), b], AT).unwrap();
    assert!(again.dir.join("docs/b.md").exists() && !again.dir.join("docs/a.md").exists());
    let kept = Revision(scene.value(&format!("refs/consort/{RUN}/salvage/a--1")).unwrap());
    assert_eq!(scene.show(&kept, "docs/a.md"), "unsaved");
}

#[test]
fn linked_worktrees_share_a_directory_that_is_not_the_engines() {
    let scene = Scene::new();
    let mut task = document("a", "docs/a.md");
    task.workspace = WorkspaceKind::Worktree;
    let tip = scene.done(&task, &[], |dir| {
        assert_eq!(git(dir, &["status", "--porcelain"]), "");
        assert_eq!(git(dir, &["branch", "--show-current"]), "a");
        assert!(dir.join(".git").is_file());
        write(&dir.join("docs/a.md"), "a");
        git(dir, &["add", "-A"]);
        git(dir, &["commit", "-qm", "Agent's own"]);
        assert!(!git(dir, &["rev-parse", "--git-common-dir"]).contains("engine.git"));
    });
    assert_eq!(scene.show(&tip.revision, "docs/a.md"), "a");
    assert_eq!(scene.plane.release(&task, 1, true, AT).unwrap(), None);
    let common = scene.dirs.state.join("worktrees.git");
    assert_eq!(fs::read_dir(common.join("worktrees")).unwrap().count(), 0);
}

#[test]
fn the_same_work_gives_the_same_commit_whoever_asks() {
    let one = Scene::new();
    let task = document("a", "docs/a.md");
    let captured = one.captured(&task, &[], |dir| write(&dir.join("docs/a.md"), "a")).unwrap();
    let again = one.plane.capture(&task, 1, 1, Some(&one.base), AT).unwrap();
    assert_eq!(captured, again);
    let text = git(&one.person, &["cat-file", "commit", captured.candidate.revision.as_str()]);
    assert!(text.contains("author consort <consort@localhost> 1771545600 +0000"), "{text}");
    assert!(text.contains(&format!("parent {}", one.base)), "{text}");
    assert!(!text.contains("encoding"), "{text}");
}

#[test]
fn acceptance_happens_once() {
    let scene = Scene::new();
    let task = document("a", "docs/a.md");
    let first = scene.captured(&task, &[], |dir| write(&dir.join("docs/a.md"), "1")).unwrap().candidate;
    let second = scene.captured(&task, &[], |dir| write(&dir.join("docs/a.md"), "2")).unwrap().candidate;
    let commit = |generation, candidate: &Candidate| {
        scene.plane.commit_task(&task.id, generation, candidate, Some("ps"), AT)
    };
    commit(1, &first).unwrap();
    commit(1, &first).unwrap();
    let why = refusal(commit(1, &second));
    assert!(why.contains("accepted already") && why.contains(first.revision.as_str()), "{why}");
    let name = format!("refs/consort/{RUN}/task/a");
    assert_eq!(scene.value(&name).as_deref(), Some(first.revision.as_str()));
    assert_eq!(
        scene.value(&format!("refs/heads/consort/{RUN}/p/ps")).as_deref(),
        Some(first.revision.as_str())
    );
    commit(2, &second).unwrap();
    assert_eq!(scene.value(&name).as_deref(), Some(first.revision.as_str()), "a new generation has its own");
}

#[test]
fn a_label_that_is_in_the_way_or_checked_out_does_not_hinder_acceptance() {
    let scene = Scene::new();
    git(&scene.person, &["branch", &format!("consort/{RUN}/p")]);
    scene.done(&document("a", "a.md"), &[], |dir| write(&dir.join("a.md"), "a"));
    git(&scene.person, &["branch", "-D", &format!("consort/{RUN}/p")]);

    let label = format!("consort/{RUN}/p/ps");
    git(&scene.person, &["checkout", "-qb", &label]);
    scene.done(&document("b", "b.md"), &[], |dir| write(&dir.join("b.md"), "b"));
    assert_eq!(git(&scene.person, &["status", "--porcelain"]), "", "a checked out label stays");
    assert_eq!(scene.value(&format!("refs/heads/{label}")).as_deref(), Some(scene.base.as_str()));
}

#[test]
fn a_run_says_at_its_start_which_branch_is_in_its_way() {
    let scene = Scene::new();
    scene.plane.start(&scene.base, AT).unwrap();
    scene.plane.start(&scene.base, AT).unwrap();
    assert_eq!(scene.value(&format!("refs/consort/{RUN}/base")).as_deref(), Some(scene.base.as_str()));

    let other = Scene::new();
    git(&other.person, &["branch", "consort"]);
    let why = refusal(other.plane.start(&other.base, AT));
    assert!(why.contains("`refs/heads/consort` exists already"), "{why}");

    let third = Scene::new();
    third.plane.start(&third.base, AT).unwrap();
    git(&third.person, &["commit", "-q", "--allow-empty", "-m", "Second"]);
    let head = Revision(git(&third.person, &["rev-parse", "HEAD"]));
    assert!(refusal(third.plane.start(&head, AT)).contains("/base` exists already"));
}

#[test]
fn checkpoints_hold_the_merge_and_the_files_and_the_branch_goes_forward_only() {
    let scene = Scene::new();
    scene.plane.start(&scene.base, AT).unwrap();
    let a = scene.done(&document("a", "a.md"), &[], |dir| write(&dir.join("a.md"), "a"));
    let b = scene.done(&document("b", "b.md"), &[], |dir| write(&dir.join("b.md"), "b"));
    let files = vec![("orchestration/w/state.json".to_owned(), b"{}".to_vec())];
    let make = |id: &str, tips: &[consort_core::run::Tip]| {
        scene.plane.checkpoint(&CheckpointId::from(id), tips, &files, "CP\n\njournal: abc\n", AT)
    };
    let branch = format!("refs/heads/consort/{RUN}/run");
    let first = make("CP-001", &[scene.base_tip(), a.clone()]).unwrap();
    assert_eq!(scene.value(&branch).as_deref(), Some(first.as_str()));
    let second = make("CP-002", &[scene.base_tip(), a.clone(), b.clone()]).unwrap();
    assert_eq!(
        scene.files_of(&second),
        ["README.md", "a.md", "b.md", "orchestration/w/state.json", "src/lib.rs"]
    );
    let parents = git(&scene.person, &["show", "-s", "--format=%P", second.as_str()]);
    assert_eq!(parents, format!("{} {}", a.revision, b.revision));
    assert!(git(&scene.person, &["show", "-s", "--format=%B", second.as_str()]).contains("journal: abc"));
    assert_eq!(make("CP-001", &[scene.base_tip(), a.clone()]).unwrap(), first, "again is the same");
    assert_eq!(scene.value(&branch).as_deref(), Some(second.as_str()), "and the branch does not go back");
    assert!(refusal(make("CP-001", &[scene.base_tip(), b])).contains("is at"));
    git(&scene.person, &["fsck", "--strict"]);

    // A commit of the person's on the run's branch stays.
    git(&scene.person, &["update-ref", &branch, scene.base.as_str()]);
    git(&scene.person, &["checkout", "-q", &format!("consort/{RUN}/run")]);
    git(&scene.person, &["commit", "-q", "--allow-empty", "-m", "Mine"]);
    let mine = scene.value(&branch);
    git(&scene.person, &["checkout", "-q", "main"]);
    make("CP-003", &[scene.base_tip(), a]).unwrap();
    assert_eq!(scene.value(&branch), mine);
}

#[test]
fn what_was_neither_in_the_base_nor_accepted_is_salvaged() {
    let scene = Scene::new();
    let task = document("a", "a.md");
    scene.done(&task, &[], |dir| {
        write(&dir.join("a.md"), "a");
        write(&dir.join("notes/draft.md"), "draft");
        write(&dir.join("README.md"), "changed");
        std::os::unix::fs::symlink("notes", dir.join("link")).unwrap();
    });
    let name = scene.plane.release(&task, 1, true, AT).unwrap().unwrap();
    assert_eq!(name, format!("refs/consort/{RUN}/salvage/a--1"));
    let kept = Revision(scene.value(&name).unwrap());
    assert_eq!(scene.files_of(&kept), ["README.md", "a.md", "link", "notes/draft.md", "src/lib.rs"]);
    assert!(!scene.dirs.workspace(&task.id, 1).exists());
    assert_eq!(scene.plane.release(&task, 1, true, AT).unwrap(), None, "twice is fine");

    let clean = document("b", "b.md");
    scene.done(&clean, &[], |dir| write(&dir.join("b.md"), "b"));
    assert_eq!(scene.plane.release(&clean, 1, true, AT).unwrap(), None, "accepted work is no leftover");
}

#[test]
fn what_does_not_fit_into_a_commit_is_kept_as_a_directory() {
    let scene = Scene::new();
    let task = document("a", "a.md");
    let stands = scene.plane.prepare(&task, 1, &[scene.base_tip()], AT).unwrap();
    fs::write(stands.dir.join("huge"), vec![0; (16 << 20) + 1]).unwrap();
    write(&stands.dir.join("small"), "small");
    let kept = scene.plane.release(&task, 1, true, AT).unwrap().unwrap();
    let (name, dir) = kept.split_once(" and ").unwrap();
    assert_eq!(scene.show(&Revision(scene.value(name).unwrap()), "small"), "small");
    assert_eq!(fs::metadata(std::path::Path::new(dir).join("huge")).unwrap().len(), (16 << 20) + 1);
    assert!(!stands.dir.exists());
    assert_eq!(scene.plane.release(&task, 1, true, AT).unwrap(), None);
}

#[test]
fn removal_follows_no_link_and_opens_closed_folders() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::new();
    let outside = scene.root.path().join("outside");
    write(&outside.join("precious"), "precious");
    let task = document("a", "a.md");
    let stands = scene.plane.prepare(&task, 1, &[scene.base_tip()], AT).unwrap();
    std::os::unix::fs::symlink(&outside, stands.dir.join("link")).unwrap();
    write(&stands.dir.join("closed/in"), "x");
    fs::set_permissions(stands.dir.join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
    scene.plane.release(&task, 1, false, AT).unwrap();
    assert!(!stands.dir.exists());
    assert_eq!(fs::read_to_string(outside.join("precious")).unwrap(), "precious");
}

#[test]
fn exports_are_read_only_without_git_and_replace_each_other() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::new();
    let a = scene.done(&document("a", "docs/a.md"), &[], |dir| write(&dir.join("docs/a.md"), "a"));
    let to = scene.dirs.state.join("exports/one");
    scene.plane.export(&scene.base, None, &to).unwrap();
    scene.plane.export(&a.revision, None, &to).unwrap();
    assert_eq!(fs::read_to_string(to.join("docs/a.md")).unwrap(), "a");
    assert!(to.join("src/lib.rs").exists() && !to.join(".git").exists());
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&to.join("docs/a.md")), mode(&to.join("docs")), mode(&to)), (0o444, 0o555, 0o555));
    let some = ["docs/a.md".to_owned(), "absent".to_owned()];
    scene.plane.export(&a.revision, Some(&some), &to).unwrap();
    let names: Vec<_> = fs::read_dir(&to).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["docs"]);
    let away = scene.root.path().join("elsewhere");
    assert!(matches!(scene.plane.export(&a.revision, None, &away), Err(PlaneError::Refused(_))));
    let diff = scene.plane.diff(&scene.base, &a.revision).unwrap();
    assert!(String::from_utf8(diff).unwrap().contains("+++ b/docs/a.md\n@@ -0,0 +1 @@\n+a\n"));
    assert_eq!(scene.plane.read(&a.revision, "docs/a.md").unwrap().unwrap(), b"a");
    assert_eq!(scene.plane.read(&a.revision, "docs").unwrap(), None);
    assert_eq!(scene.plane.read(&a.revision, "../x").unwrap(), None);
}

#[test]
fn accepted_and_held_work_survives_a_collection_of_garbage() {
    let scene = Scene::new();
    let a = scene.done(&document("a", "a.md"), &[], |dir| write(&dir.join("a.md"), "a"));
    let b = scene.done(&document("b", "b.md"), &[], |dir| write(&dir.join("b.md"), "b"));
    let task = document("c", "c.md");
    let tips = [scene.base_tip(), a, b];
    let stands = scene.plane.prepare(&task, 1, &tips, AT).unwrap();
    write(&stands.dir.join("c.md"), "c");
    let held = scene.plane.capture(&task, 1, 1, stands.base.as_ref(), AT).unwrap();
    git(&scene.person, &["gc", "-q", "--prune=now"]);
    assert_eq!(scene.show(&held.candidate.revision, "c.md"), "c");
    git(&stands.dir, &["fsck"]);
}
