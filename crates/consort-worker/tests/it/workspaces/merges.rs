//! Bases and barriers.

use super::scene::*;
use consort_core::ids::{BarrierId, Revision};
use consort_core::run::{Artifact, Tip};
use consort_worker::workspace::PlaneError;

fn barrier(scene: &Scene, tips: &[&Tip]) -> Result<Revision, PlaneError> {
    let mut all = vec![scene.base_tip()];
    all.extend(tips.iter().map(|t| (*t).clone()));
    scene.plane.barrier(&BarrierId::from("b-1"), 1, &all, &[], AT).map(|(revision, _)| revision)
}

fn conflict(result: Result<Revision, PlaneError>) -> ((String, String), Vec<String>) {
    match result {
        Err(PlaneError::Conflict { between, paths }) => (between, paths),
        other => panic!("no conflict: {other:?}"),
    }
}

fn pair(a: &str, b: &str) -> (String, String) {
    (a.into(), b.into())
}

#[test]
fn one_tip_that_contains_the_others_is_the_merge() {
    let scene = Scene::new();
    let a = scene.done(&document("a", "a.md"), &[], |dir| write(&dir.join("a.md"), "a"));
    let b = scene.done(&document("b", "b.md"), &[&a], |dir| write(&dir.join("b.md"), "b"));
    assert_eq!(barrier(&scene, &[]).unwrap(), scene.base);
    assert_eq!(barrier(&scene, &[&a, &b]).unwrap(), b.revision);
}

#[test]
fn many_tips_become_one_commit_the_same_one_after_reopening() {
    let mut scene = Scene::new();
    let tips: Vec<Tip> = (0..5)
        .map(|n| {
            let path = format!("docs/{n} ü.md");
            scene.done(&document(&format!("t{n}"), &path), &[], |dir| write(&dir.join(&path), "x"))
        })
        .collect();
    let tips: Vec<&Tip> = tips.iter().collect();
    let merged = barrier(&scene, &tips).unwrap();
    assert_eq!(scene.files_of(&merged).len(), 7);
    let parents = git(&scene.person, &["show", "-s", "--format=%P", merged.as_str()]);
    assert_eq!(parents.split(' ').count(), 5);
    let own: Vec<Tip> = tips.iter().map(|t| (*t).clone()).collect();
    scene.reopen();
    assert_eq!(barrier(&scene, &own.iter().collect::<Vec<_>>()).unwrap(), merged);
}

#[test]
fn changes_to_different_lines_of_a_file_merge() {
    let scene = Scene::new();
    let edit = |id: &str, from: &str, to: &str| {
        scene.done(&change(id, &["src/**"]), &[], |dir| {
            let path = dir.join("src/lib.rs");
            let text = std::fs::read_to_string(&path).unwrap().replace(from, to);
            write(&path, &text);
        })
    };
    let (a, b, c) = (edit("a", "one", "uno"), edit("b", "two", "due"), edit("c", "pub fn one", "fn one"));
    let merged = barrier(&scene, &[&a, &b]).unwrap();
    assert_eq!(scene.show(&merged, "src/lib.rs"), "pub fn uno() {}\n\n\n\npub fn due() {}");
    let (between, paths) = conflict(barrier(&scene, &[&b, &a, &c]));
    assert_eq!((between, paths), (pair("a", "c"), vec!["src/lib.rs".to_owned()]));
}

#[test]
fn a_revert_on_one_side_of_shared_work_wins_over_the_unchanged_other() {
    let scene = Scene::new();
    let a = scene.done(&change("a", &["README.md"]), &[], |dir| write(&dir.join("README.md"), "by a\n"));
    let back =
        scene.done(&change("m", &["README.md"]), &[&a], |dir| write(&dir.join("README.md"), "# Read me\n"));
    let other = scene.done(&document("n", "n.md"), &[&a], |dir| write(&dir.join("n.md"), "n"));
    let merged = barrier(&scene, &[&a, &back, &other]).unwrap();
    assert_eq!(scene.show(&merged, "README.md"), "# Read me");
    assert_eq!(scene.files_of(&merged), ["README.md", "n.md", "src/lib.rs"]);
}

#[test]
fn conflicts_name_both_sides_whatever_their_kind() {
    let scene = Scene::new();
    let write_at = |id: &str, path: &'static str, text: &'static str| {
        scene.done(&change(id, &["**"]), &[], move |dir| {
            if dir.join(path).is_dir() {
                std::fs::remove_dir_all(dir.join(path)).unwrap();
            }
            write(&dir.join(path), text);
        })
    };
    let gone =
        scene.done(&change("gone", &["**"]), &[], |dir| std::fs::remove_file(dir.join("README.md")).unwrap());
    let edited = write_at("edited", "README.md", "other\n");
    let quiet = write_at("quiet", "quiet.md", "q");
    assert_eq!(
        conflict(barrier(&scene, &[&gone, &quiet, &edited])),
        (pair("gone", "edited"), vec!["README.md".into()])
    );
    let (new1, new2) = (write_at("new1", "n/x", "1"), write_at("new2", "n/x", "2"));
    assert_eq!(
        conflict(barrier(&scene, &[&quiet, &new1, &new2])),
        (pair("new1", "new2"), vec!["n/x".into()])
    );
    let file = write_at("file", "n", "a file where others have a folder");
    let (between, paths) = conflict(barrier(&scene, &[&quiet, &new1, &file]));
    assert_eq!(between, pair("new1", "file"));
    assert_eq!(paths, ["n"]);
    let task = document("after", "z.md");
    let tips = [scene.base_tip(), new1, new2];
    assert!(matches!(scene.plane.prepare(&task, 1, &tips, AT), Err(PlaneError::Conflict { .. })));
    assert!(!scene.dirs.workspace(&task.id, 1).exists(), "nothing is half done");
}

#[test]
fn the_same_change_twice_is_no_conflict() {
    let scene = Scene::new();
    let edit =
        |id: &str| scene.done(&change(id, &["**"]), &[], |dir| write(&dir.join("README.md"), "same\n"));
    let (a, b) = (edit("a"), edit("b"));
    assert_eq!(scene.show(&barrier(&scene, &[&a, &b]).unwrap(), "README.md"), "same");
}

#[test]
fn a_barrier_says_which_handoffs_it_holds() {
    let scene = Scene::new();
    let a =
        scene.done(&document("h", "x/handoff.md"), &[], |dir| write(&dir.join("x/handoff.md"), "findings"));
    let wanted = |path: &str| Artifact { path: path.into(), hash: "0".into() };
    let (revision, found) = scene
        .plane
        .barrier(&"b-1".into(), 1, &[scene.base_tip(), a], &[wanted("x/handoff.md"), wanted("x/lost.md")], AT)
        .unwrap();
    assert_eq!(found, [Artifact { path: "x/handoff.md".into(), hash: hash(b"findings").into() }]);
    assert_eq!(scene.show(&revision, "x/handoff.md"), "findings");
}

#[test]
fn work_done_without_git_comes_into_the_merge_and_data_does_not() {
    let scene = Scene::new();
    let a = scene.done(&document("a", "a.md"), &[], |dir| write(&dir.join("a.md"), "a"));
    let plain = scratch(document("p", "p.md"));
    let p = scene.done(&plain, &[], |dir| write(&dir.join("p.md"), "p"));
    assert!(p.revision.is_plain());
    let numbers = scratch(data("d", "d.csv"));
    let d = scene.done(&numbers, &[], |dir| write(&dir.join("d.csv"), "1"));
    let merged = barrier(&scene, &[&a, &p, &d]).unwrap();
    assert_eq!(scene.files_of(&merged), ["README.md", "a.md", "p.md", "src/lib.rs"]);
    assert_eq!(barrier(&scene, &[&a, &d]).unwrap(), a.revision, "data alone changes nothing");
    assert_eq!(scene.plane.read(&d.revision, "d.csv").unwrap().unwrap(), b"1");
}
